"""Verifying a caller: two ticks per call and desk, asked for where a setting says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Role
from cstui.domain.verification import NotVerified
from cstui.services.customers import Customers
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Verification
from tests.factories import add_customer, add_staff, add_store


class Asked:
    """Settings that ask for verification: the value for the organisation, or for one store."""

    def __init__(self, value: object = True, store: int | None = None) -> None:
        self._value, self._store = value, store

    def value(self, key: str, store_id: int | None = None) -> object:
        assert key == "verify.required"
        return self._value if self._store in (None, store_id) else False


def history(db: Database, customer: int) -> list[tuple[str, str, list[tuple[str, str]]]]:
    with db.read() as tx:
        events = audit.events_of(tx, Kind.CUSTOMER, customer)
    return [(e.action, e.reason, [(c.old, c.new) for c in e.changes]) for e in reversed(events)]


@pytest.fixture
def people(db: Database) -> tuple[Database, int, Actor]:
    return db, add_customer(db, add_store(db)), add_staff(db)


def test_two_ticks_verify_a_caller_at_this_desk_only(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    verify = Verifications(db)
    assert not verify.tick(ann, customer, "desk-1", "postcode").is_enough
    assert history(db, customer) == []
    now = verify.tick(ann, customer, "desk-1", "name")
    assert now.is_enough and now.tokens == ("name", "postcode") and now.by == "Ann" and now.at is not None
    assert verify.current(ann, customer, "desk-1") == now
    assert verify.current(ann, customer, "desk-2").tokens == ()
    assert verify.current(add_staff(db, "bob"), customer, "desk-1").tokens == ()
    assert history(db, customer) == [("caller verified", "", [("", "full name, postcode")])]


def test_a_tick_counts_once_and_can_be_taken_back(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    verify = Verifications(db)
    verify.tick(ann, customer, "d", "name")
    assert not verify.tick(ann, customer, "d", "name").is_enough
    verify.tick(ann, customer, "d", "card")
    assert verify.untick(ann, customer, "d", "name").tokens == ("card",)
    assert [action for action, *_ in history(db, customer)] == ["caller verified", "verification taken back"]


def test_it_ends_with_the_call_and_after_an_hour(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    verify = Verifications(db)
    for token in ("name", "phone"):
        verify.tick(ann, customer, "d", token)
    verify.forget("other desk")
    assert verify.current(ann, customer, "d").is_enough
    verify.forget("d")
    assert verify.current(ann, customer, "d").tokens == ()
    verify.tick(ann, customer, "d", "name")
    verify.tick(ann, customer, "d", "email")
    table = table_of(Verification)
    with db.write() as tx:
        tx.run(table.update().values(at=tx.now - timedelta(minutes=61)))
    assert not verify.current(ann, customer, "d").is_enough


def test_an_unknown_token_or_desk_and_a_stranger_are_refused(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    verify = Verifications(db)
    with pytest.raises(InvalidInput):
        verify.tick(ann, customer, "d", "shoe size\x00")
    with pytest.raises(InvalidInput):
        verify.tick(ann, customer, "", "name")
    with pytest.raises(NotPermitted):
        verify.tick(add_staff(db, "vic", Role.VIEWER), customer, "d", "name")
    with pytest.raises(NotFound):
        verify.tick(add_staff(db, "eve", Role.AGENT, add_store(db, "far")), customer, "d", "name")


@pytest.mark.parametrize("asked", [True, "address,email,card,money"])
def test_a_guarded_change_waits_for_two_ticks(people: tuple[Database, int, Actor], asked: object) -> None:
    db, customer, ann = people
    verify = Verifications(db, Asked(asked))
    customers = Customers(db, verification=verify)
    view = customers.open(ann, customer)
    contact, address = replace(view.contact, email="new@example.com"), view.addresses[0]
    elsewhere = replace(address.address, line1="1 Oak Road")

    def attempts() -> None:
        with pytest.raises(NotVerified) as caught:
            customers.save_contact(ann, customer, 1, contact, new_token(), "d")
        assert caught.value.what == "email"
        with pytest.raises(NotVerified):
            customers.save_address(ann, customer, 1, address.id, elsewhere, True, True, new_token(), "d")
        with pytest.raises(NotVerified):
            customers.remove_address(ann, customer, 1, address.id, new_token(), "d")

    attempts()
    verify.tick(ann, customer, "d", "name")
    attempts()
    assert customers.open(ann, customer) == view
    unguarded = replace(view.contact, company="Lee Ltd")
    assert customers.save_contact(ann, customer, 1, unguarded, new_token(), "d").version == 2
    verify.tick(ann, customer, "d", "order")
    assert customers.save_contact(ann, customer, 2, contact, new_token(), "d").version == 3
    assert customers.save_address(ann, customer, 3, address.id, elsewhere, True, True, new_token(), "d").version == 4  # fmt: skip


def test_a_setting_guards_only_what_it_names_and_where(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    view = Customers(db).open(ann, customer)
    contact = replace(view.contact, email="a@example.com")
    by_list = Customers(db, verification=Verifications(db, Asked("card,money")))
    assert by_list.save_contact(ann, customer, 1, contact, new_token()).version == 2
    by_store = Customers(db, verification=Verifications(db, Asked(True, store=view.stores[0].id)))
    with pytest.raises(NotVerified):
        by_store.save_contact(ann, customer, 2, view.contact, new_token())


def test_a_supervisor_may_let_it_through_with_a_reason(people: tuple[Database, int, Actor]) -> None:
    db, customer, ann = people
    verify = Verifications(db, Asked())
    customers = Customers(db, verification=verify)
    sue = add_staff(db, "sue", Role.SUPERVISOR)
    with pytest.raises(NotPermitted):
        verify.override(ann, customer, "d", "knows the voice")
    with pytest.raises(InvalidInput):
        verify.override(sue, customer, "d", "  ")
    now = verify.override(sue, customer, "d", "knows the voice")
    assert now.is_enough and now.override == "knows the voice" and now.by == "Sue"
    contact = replace(customers.open(ann, customer).contact, email="new@example.com")
    assert customers.save_contact(ann, customer, 1, contact, new_token(), "d").version == 2
    assert history(db, customer)[0] == ("verification overridden", "knows the voice", [])
