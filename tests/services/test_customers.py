"""Changing a profile: checked fields, versions, defaults, the old e-mail told, orders left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.addresses import Address
from cstui.domain.customers import Contact, CustomerStatus, CustomerView
from cstui.domain.errors import CstuiError, InvalidFields, InvalidInput, NotFound, NotPermitted, RecordChanged
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Role
from cstui.services.customers import MOST_ADDRESSES, Customers
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore, RecentCustomer
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.orders import Order
from tests.bad_inputs import BAD_EMAILS, BAD_PHONES, BAD_TEXTS
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, count

BERLIN = Address("Ann", "Lee", "", "Hauptstr. 1", "", "Berlin", "", "10115", "DE", "")


class Scene:
    """One store, one customer, one agent, and the short form of each save."""

    def __init__(self, db: Database, **customer: str) -> None:
        self.db = db
        self.store = add_store(db)
        self.customer = add_customer(db, self.store, **customer)
        self.ann = add_staff(db)
        self.customers = Customers(db)

    def open(self) -> CustomerView:
        return self.customers.open(self.ann, self.customer)

    def save(self, version: int | None = None, save_id: str = "", actor: Actor | None = None, **fields: str) -> CustomerView:  # fmt: skip
        view = self.open()
        contact = replace(view.contact, **fields)
        return self.customers.save_contact(
            actor or self.ann, self.customer, version or view.version, contact, save_id or new_token()
        )

    def save_address(
        self, address_id: int | None, address: Address, billing: bool = False, shipping: bool = False
    ) -> CustomerView:
        version = self.open().version
        return self.customers.save_address(
            self.ann, self.customer, version, address_id, address, billing, shipping, new_token()
        )

    def history(self) -> list[tuple[str, dict[str, tuple[str, str]]]]:
        with self.db.read() as tx:
            events = audit.events_of(tx, Kind.CUSTOMER, self.customer)
        return [(event.action, {c.path: (c.old, c.new) for c in event.changes}) for event in events]


@pytest.fixture
def scene(db: Database) -> Scene:
    return Scene(db)


def test_a_saved_contact_comes_back_and_is_audited(scene: Scene) -> None:
    view = scene.save(first_name="  Anna ", phone="(212) 555-0199", language="en", locale="en-GB")
    assert view.version == 2
    assert (view.contact.first_name, view.contact.phone, view.phone_e164) == (
        "Anna",
        "(212) 555-0199",
        "+12125550199",
    )
    ((action, changes),) = scene.history()
    assert action == "contact changed"
    assert changes == {
        "contact.first_name": ("Ann", "Anna"),
        "contact.phone": ("+1 212 555 0101", "(212) 555-0199"),
        "contact.language": ("", "en"),
        "contact.locale": ("", "en-GB"),
    }


def test_saving_what_is_there_changes_nothing(scene: Scene) -> None:
    assert scene.save().version == 1
    assert scene.history() == []


def test_a_stale_edit_is_refused_with_who_changed_what(scene: Scene) -> None:
    bob = add_staff(scene.db, "bob")
    scene.save(actor=bob, company="Lee Ltd")
    with pytest.raises(RecordChanged) as caught:
        scene.save(version=1, first_name="Anna")
    error = caught.value
    assert (error.by, error.fields, error.version) == ("Bob", ("contact.company",), 2)
    assert scene.open().contact.first_name == "Ann"


def test_two_edits_are_put_together_and_only_real_clashes_asked(scene: Scene) -> None:
    base = scene.open()
    bob = add_staff(scene.db, "bob")
    scene.save(actor=bob, company="Lee Ltd", last_name="Leigh")
    mine = replace(base.contact, first_name="Anna", last_name="Lea")
    comparison = scene.customers.compare(scene.ann, scene.customer, base, mine)
    assert comparison.view.version == 2
    merged = comparison.merge.merged
    assert (merged.first_name, merged.company, merged.last_name) == ("Anna", "Lee Ltd", "Leigh")
    ((clash),) = comparison.merge.clashes
    assert (clash.field, clash.was, clash.theirs, clash.mine) == ("last_name", "Lee", "Leigh", "Lea")
    saved = scene.customers.save_contact(
        scene.ann, scene.customer, comparison.view.version, merged, new_token()
    )
    assert (saved.version, saved.contact) == (3, merged)


def test_a_repeated_save_is_stored_once(scene: Scene) -> None:
    token = new_token()
    first = scene.save(save_id=token, email="new@example.com")
    again = scene.customers.save_contact(
        scene.ann, scene.customer, 1, replace(first.contact, company="X"), token
    )
    assert (again.version, again.contact.company) == (2, "")
    assert count(scene.db, Outbox) == 1 and count(scene.db, AuditEvent) == 1


def test_a_repeated_address_is_stored_once(scene: Scene) -> None:
    token = new_token()
    for _ in range(2):
        scene.customers.save_address(scene.ann, scene.customer, 1, None, BERLIN, False, False, token)
    assert count(scene.db, CustomerAddress) == 2 and scene.open().version == 2


def test_a_changed_email_is_told_to_the_old_address_once(scene: Scene) -> None:
    scene.save(email="Ann.Lee@Example.com")
    assert count(scene.db, Outbox) == 0
    scene.save(email="new@example.com")
    with scene.db.read() as tx:
        (mail,) = tx.rows(sa.select(table_of(Outbox)))
    assert (mail.kind, mail.to_address, mail.subject_kind, mail.subject_id) == (
        "email_changed", "Ann.Lee@Example.com", Kind.CUSTOMER, scene.customer,
    )  # fmt: skip
    assert mail.store_id == scene.store and "new@example.com" not in json.dumps(mail.payload) + mail.body_text
    assert count(scene.db, Customer, email_folded="new@example.com") == 1


def test_every_wrong_field_is_named_in_form_order(scene: Scene) -> None:
    with pytest.raises(InvalidFields) as caught:
        scene.save(first_name="x" * 300, email="ann@", phone="+1", language="de", locale="en-US")
    assert [p.field for p in caught.value.problems] == ["first_name", "email", "phone", "locale"]
    assert all(p.advice for p in caught.value.problems)


def test_a_customer_keeps_something_to_be_known_by(scene: Scene) -> None:
    with pytest.raises(InvalidFields):
        scene.customers.save_contact(scene.ann, scene.customer, 1, Contact(language="en", locale="en-US"), new_token())  # fmt: skip


def test_a_card_number_is_kept_out_of_names_and_addresses(scene: Scene) -> None:
    with pytest.raises(InvalidFields) as caught:
        scene.save(company="4111 1111 1111 1111")
    assert (
        "4111" not in caught.value.in_words().replace("1111", "") and "**** 1111" in caught.value.in_words()
    )
    with pytest.raises(InvalidFields):
        scene.save_address(None, replace(BERLIN, line2="4111111111111111"))


def test_a_national_number_is_read_by_the_country_of_the_default_address(scene: Scene) -> None:
    assert scene.save(phone="030 901820").phone_e164 == ""
    view = scene.save_address(None, BERLIN, shipping=True)
    assert view.phone_e164 == "+4930901820" and view.contact.phone == "030 901820"


def test_without_an_address_the_store_tells_the_country(scene: Scene) -> None:
    view = scene.open()
    scene.customers.remove_address(scene.ann, scene.customer, 1, view.addresses[0].id, new_token())
    assert scene.save(phone="212 555 0177").phone_e164 == "+12125550177"


def test_the_first_address_is_the_default_and_a_new_default_takes_its_place(scene: Scene) -> None:
    first = scene.open().addresses[0].id
    scene.customers.remove_address(scene.ann, scene.customer, 1, first, new_token())
    (only,) = scene.save_address(None, BERLIN).addresses
    assert only.is_default_billing and only.is_default_shipping

    view = scene.save_address(None, replace(BERLIN, line1="Nebenstr. 2"), shipping=True)
    flags = {a.address.line1: (a.is_default_billing, a.is_default_shipping) for a in view.addresses}
    assert flags == {"Nebenstr. 2": (False, True), "Hauptstr. 1": (True, False)}
    action, changes = scene.history()[0]
    assert action == "address added" and changes[f"addresses.{only.id}.default_shipping"] == ("yes", "")


def test_a_changed_address_raises_the_version_and_names_the_field(scene: Scene) -> None:
    kept = scene.open().addresses[0]
    view = scene.save_address(kept.id, replace(kept.address, line1="14 Elm Street"), True, True)
    assert (view.version, view.addresses[0].address.line1) == (2, "14 Elm Street")
    assert scene.history() == [
        ("address changed", {f"addresses.{kept.id}.line1": ("12 Elm Street", "14 Elm Street")})
    ]
    with pytest.raises(RecordChanged) as caught:
        scene.customers.remove_address(scene.ann, scene.customer, 1, kept.id, new_token())
    assert caught.value.fields == (f"addresses.{kept.id}.line1",)


def test_an_incomplete_address_names_each_field(scene: Scene) -> None:
    with pytest.raises(InvalidFields) as caught:
        scene.save_address(None, Address(country="Germany"))
    assert [p.field for p in caught.value.problems] == ["line1", "postcode", "city", "country", "last_name"]


def test_an_address_of_another_customer_is_not_found(scene: Scene) -> None:
    other = add_customer(scene.db, scene.store, "Bob", "Ray")
    theirs = scene.customers.open(scene.ann, other).addresses[0].id
    with pytest.raises(NotFound):
        scene.save_address(theirs, BERLIN)
    with pytest.raises(NotFound):
        scene.customers.remove_address(scene.ann, scene.customer, 1, theirs, new_token())


def test_a_profile_keeps_a_bounded_number_of_addresses(scene: Scene) -> None:
    with scene.db.write() as tx:
        rows = [
            {"customer_id": scene.customer, "line1": str(i), "created_at": THEN}
            for i in range(MOST_ADDRESSES)
        ]
        blank = dict.fromkeys(
            ("first_name", "last_name", "company", "line2", "city", "region", "postcode", "country", "phone"),
            "",
        )
        flags = {"is_default_billing": False, "is_default_shipping": False}
        tx.run(table_of(CustomerAddress).insert(), [{**blank, **flags, **row} for row in rows])  # fmt: skip
    with pytest.raises(CstuiError, match="already keeps"):
        scene.save_address(None, BERLIN)


def test_an_order_keeps_its_own_addresses(scene: Scene) -> None:
    order = add_order(scene.db, scene.store, scene.customer)
    kept = scene.open().addresses[0]
    scene.save_address(kept.id, BERLIN, True, True)
    with scene.db.read() as tx:
        (row,) = tx.rows(sa.select(table_of(Order)).where(table_of(Order).c.id == order))
    assert (row.shipping_line1, row.billing_city, row.version) == ("12 Elm Street", "Albany", 1)


def test_disabling_needs_the_right_and_a_reason(scene: Scene) -> None:
    sue = add_staff(scene.db, "sue", Role.SUPERVISOR)
    with pytest.raises(NotPermitted):
        scene.customers.set_status(scene.ann, scene.customer, 1, CustomerStatus.DISABLED, "fraud", "s1")
    with pytest.raises(InvalidInput):
        scene.customers.set_status(sue, scene.customer, 1, CustomerStatus.DISABLED, " ", "s2")
    view = scene.customers.set_status(sue, scene.customer, 1, CustomerStatus.DISABLED, "fraud", "s3")
    assert (view.status, view.version) == (CustomerStatus.DISABLED, 2)
    assert scene.history() == [("status changed", {"status": ("active", "disabled")})]
    view = scene.customers.set_status(sue, scene.customer, 2, CustomerStatus.ACTIVE, "cleared up", "s4")
    assert (view.status, view.version) == (CustomerStatus.ACTIVE, 3)


def test_editing_needs_the_right_in_one_visible_store_that_knows_the_customer(db: Database) -> None:
    mine, other, third = add_store(db), add_store(db, "other"), add_store(db, "third")
    customer = add_customer(db, mine)
    with db.write() as tx:
        tx.session.add(CustomerStore(customer_id=customer, store_id=other, since=THEN))
    customers = Customers(db)
    viewer, elsewhere = add_staff(db, "vic", Role.VIEWER, mine), add_staff(db, "eve", Role.AGENT, third)
    for actor, error in ((viewer, NotPermitted), (elsewhere, NotFound)):
        with pytest.raises(error):
            customers.save_contact(actor, customer, 1, Contact(last_name="X"), new_token())
    agent = add_staff(db, "ann", Role.AGENT, other)
    assert customers.save_contact(agent, customer, 1, Contact(last_name="Lee"), new_token()).version == 2


def test_a_right_taken_away_meanwhile_no_longer_holds(scene: Scene) -> None:
    from cstui.storage.tables.people import StaffGrant

    with scene.db.write() as tx:
        tx.run(table_of(StaffGrant).delete())
    with pytest.raises(NotFound):
        scene.save(company="X")


def test_opened_customers_are_remembered_once_each(scene: Scene) -> None:
    for _ in range(2):
        scene.customers.opened(scene.ann, scene.customer)
    assert count(scene.db, RecentCustomer, staff_id=scene.ann.staff_id) == 1


@pytest.mark.parametrize(
    "fields", [("first_name", "last_name", "company"), ("email",), ("phone",), ("language", "locale")]
)
def test_no_text_breaks_the_contact(scene: Scene, fields: tuple[str, ...]) -> None:
    """Whatever is typed is either refused by name or stored clean, on both databases."""
    version = 1
    shaped = {"email": BAD_EMAILS, "phone": BAD_PHONES}.get(fields[0], [])
    for _, text in [*BAD_TEXTS, *shaped]:
        contact = replace(scene.open().contact, **dict.fromkeys(fields, text))
        save = partial(scene.customers.save_contact, scene.ann, scene.customer, version, contact, new_token())
        assert refused_fields(save) <= {*fields, "language", "locale"}
        view = scene.open()
        version = view.version
        for field in fields:
            stored = getattr(view.contact, field)
            assert "\x00" not in stored and "\x1b" not in stored
            stored.encode()
    assert version > 3 or "locale" in fields


def test_no_text_breaks_an_address(scene: Scene) -> None:
    kept = scene.open().addresses[0]
    free = ("line1", "line2", "city", "region", "postcode", "phone")
    for _, text in BAD_TEXTS:
        address = replace(BERLIN, **dict.fromkeys(free, text))
        assert refused_fields(partial(scene.save_address, kept.id, address, True, True)) <= set(free)
    view = scene.open()
    assert view.version > 20 and "\x00" not in view.addresses[0].address.line1


def refused_fields(save: Callable[[], object]) -> set[str]:
    """The fields that a save was refused for; empty where it went through."""
    try:
        save()
    except InvalidFields as refused:
        return {problem.field for problem in refused.problems}
    return set()
