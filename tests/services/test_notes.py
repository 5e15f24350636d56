"""Notes: immutable, anywhere, by anyone who may; never a card number."""

from __future__ import annotations

import pytest

from cstui.domain.errors import InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import Kind, new_token
from cstui.domain.notes import NoteSource
from cstui.domain.permissions import Role
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.customers import Customers
from cstui.services.notes import Notes
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.audit import AuditChange
from cstui.storage.tables.customers import Note
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.subscriptions import Subscription
from tests.bad_inputs import BAD_TEXTS
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, count


def test_a_note_on_an_order_shows_at_the_order_and_at_its_customer(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer)
    ann = add_staff(db)
    note = Notes(db).add(ann, Kind.ORDER, order, " Rings at noon \n twice ", new_token())
    assert (note.body, note.author, note.source, note.subject) == (
        "Rings at noon \n twice", "Ann", NoteSource.MANUAL, "order #1001",
    )  # fmt: skip
    assert Notes(db).of(ann, Kind.ORDER, order) == (note,)
    assert Notes(db).of(ann, Kind.CUSTOMER, customer) == (note,)
    assert Customers(db).open(ann, customer).notes == (note,)
    with db.read() as tx:
        (event,) = audit.events_of(tx, Kind.ORDER, order)
    assert event.action == "note added" and event.version is None


def test_a_note_does_not_need_the_lock_that_another_holds(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer)
    with db.write() as tx:
        now = tx.now
        tx.session.add(
            EditLock(record_kind=Kind.ORDER, record_id=order, store_id=store, token="t", fence=1, holder_id=99, holder_name="Bob",
                     terminal="", acquired_at=now, heartbeat_at=now, active_at=now, lease_until=now)
        )  # fmt: skip
    Notes(db).add(add_staff(db), Kind.ORDER, order, "Still noted", new_token())
    assert count(db, Note) == 1 and count(db, EditLock) == 1


def test_a_note_goes_on_a_subscription_too(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    with db.write() as tx:
        row = Subscription(store_id=store, customer_id=customer, product="Tea club", status=SubscriptionStatus.ACTIVE, currency="USD",
                           created_at=THEN, updated_at=THEN)  # fmt: skip
        tx.session.add(row)
        tx.session.flush()
        subscription = int(row.id or 0)
    note = Notes(db).add(add_staff(db), Kind.SUBSCRIPTION, subscription, "Wants green", new_token())
    assert note.subject == "subscription Tea club"


def test_a_correction_is_a_second_note_that_names_the_first(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer)
    ann, notes = add_staff(db), Notes(db)
    first = notes.add(ann, Kind.CUSTOMER, customer, "Moves in May", new_token())
    second = notes.add(ann, Kind.CUSTOMER, customer, "Moves in June", new_token(), corrects_id=first.id)
    assert second.corrects_id == first.id
    assert [n.body for n in notes.of(ann, Kind.CUSTOMER, customer)] == ["Moves in June", "Moves in May"]
    with pytest.raises(NotFound):
        notes.add(ann, Kind.ORDER, order, "x", new_token(), corrects_id=first.id)


def test_a_card_number_and_an_empty_note_are_refused(db: Database) -> None:
    customer = add_customer(db, add_store(db))
    ann = add_staff(db)
    for body in ("Card is 4111 1111 1111 1111 ok", " \n "):
        with pytest.raises(InvalidInput) as caught:
            Notes(db).add(ann, Kind.CUSTOMER, customer, body, new_token())
        assert "4111 1111 1111" not in str(caught.value.facts) + caught.value.in_words()
    assert count(db, Note) == 0


def test_the_audit_does_not_repeat_a_notes_words(db: Database) -> None:
    customer = add_customer(db, add_store(db))
    Notes(db).add(add_staff(db), Kind.CUSTOMER, customer, "secret words", new_token())
    assert count(db, AuditChange, new="added") == 1 and count(db, AuditChange) == 1


def test_a_repeated_note_is_stored_once(db: Database) -> None:
    customer = add_customer(db, add_store(db))
    ann, token = add_staff(db), new_token()
    first = Notes(db).add(ann, Kind.CUSTOMER, customer, "Once", token)
    assert Notes(db).add(ann, Kind.CUSTOMER, customer, "Once", token) == first
    assert count(db, Note) == 1


def test_who_may_not_see_or_write_is_refused(db: Database) -> None:
    mine, other = add_store(db), add_store(db, "other")
    customer = add_customer(db, mine)
    order = add_order(db, mine, customer)
    stranger = add_staff(db, "eve", Role.AGENT, other)
    viewer = add_staff(db, "vic", Role.VIEWER, mine)
    packer = add_staff(db, "wim", Role.WAREHOUSE, mine)
    for kind, record in ((Kind.CUSTOMER, customer), (Kind.ORDER, order), (Kind.ORDER, order + 99)):
        with pytest.raises(NotFound):
            Notes(db).add(stranger, kind, record, "x", new_token())
        with pytest.raises(NotFound):
            Notes(db).of(stranger, kind, record)
    with pytest.raises(NotPermitted):
        Notes(db).add(viewer, Kind.ORDER, order, "x", new_token())
    assert Notes(db).add(packer, Kind.ORDER, order, "Box is torn", new_token()).author == "Wim"
    with pytest.raises(NotFound):
        Notes(db).add(packer, Kind.CUSTOMER, customer, "x", new_token())
    with pytest.raises(InvalidInput):
        Notes(db).add(viewer, Kind.CARD, 1, "x", new_token())


def test_no_text_breaks_a_note(db: Database) -> None:
    customer = add_customer(db, add_store(db))
    ann = add_staff(db)
    for _, text in BAD_TEXTS:
        try:
            note = Notes(db).add(ann, Kind.CUSTOMER, customer, text, new_token())
        except InvalidInput:
            continue
        assert "\x00" not in note.body and "\x1b" not in note.body
        note.body.encode()
    assert len(Notes(db).of(ann, Kind.CUSTOMER, customer, limit=200)) > 20
