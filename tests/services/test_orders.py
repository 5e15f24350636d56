"""Orders: opened in one read, found by number, previewed, saved under the lock, compared after somebody else saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.locking import Purpose
from cstui.domain.money import Money
from cstui.domain.orders import HoldState, OrderStatus
from cstui.domain.payments import AttemptState, PaymentStatus, TransactionKind
from cstui.domain.permissions import Permission, Role
from cstui.domain.shipments import FulfilmentStatus, ShipmentState
from cstui.services.orders import Orders
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Note
from cstui.storage.tables.locks import EditLock, Presence
from cstui.storage.tables.orders import Order, OrderHold
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.transaction import Database
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, at


def insert(db: Database, row: Any) -> int:
    with db.write() as tx:
        tx.session.add(row)
        tx.session.flush()
        return int(getattr(row, "id", 0) or 0)


def test_an_order_opens_with_everything_that_its_screen_paints(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer, paid=3050, tax=0)
    ann = add_staff(db)
    insert(db, OrderHold(order_id=order, reason="Address check", placed_by="Sue", placed_at=THEN))
    insert(db, Note(subject_kind=Kind.ORDER, subject_id=order, author_name="Bob", body="Ring twice", created_at=THEN))  # fmt: skip
    view = Orders(db).open(ann, order)
    assert (view.number, view.store_code, view.customer_name, view.is_test) == (
        "#1001",
        "main",
        "Ann Lee",
        False,
    )
    assert [(line.name, line.quantity, line.total.minor, line.editable) for line in view.lines] == [
        ("Mug", 2, 2000, True),
        ("Tea", 1, 550, True),
    ]
    assert view.totals.total == Money(3050, "USD")
    assert view.placed_at == THEN and view.placed_at.tzinfo is UTC
    assert (view.payment_status, view.fulfilment_status) == (PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED)
    assert view.balance == Money(0, "USD")
    assert [(h.reason, h.state) for h in view.open_holds] == [("Address check", HoldState.OPEN)]
    assert [(n.author, n.body, n.subject) for n in view.notes] == [("Bob", "Ring twice", "order #1001")]
    assert view.shipments[0].lines == tuple((line.id, line.quantity) for line in view.lines)
    assert view.shipping.in_one_line() == "12 Elm Street, Albany, NY 12207, US"
    assert Permission.ORDER_UPDATE in view.permitted and Permission.ORDER_UNLOCK not in view.permitted
    assert view.lines_editable and view.addresses_editable and view.why_not_editable == ""
    assert view.edit_lock is None and view.viewers == ()


def test_a_bare_order_without_lines_money_or_shipments_opens_too(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), lines=(), shipment=None)
    view = Orders(db).open(add_staff(db), order)
    assert (view.lines, view.shipments, view.transactions, view.taxes) == ((), (), (), ())
    assert (view.payment_status, view.fulfilment_status) == (PaymentStatus.UNPAID, FulfilmentStatus.NONE)


def test_another_stores_order_and_a_missing_one_are_not_found_in_the_same_words(db: Database) -> None:
    store, other = add_store(db), add_store(db, "other")
    order = add_order(db, other, add_customer(db, other))
    ann = add_staff(db, store=store)
    with pytest.raises(NotFound) as hidden:
        Orders(db).open(ann, order)
    with pytest.raises(NotFound) as missing:
        Orders(db).open(ann, 31)
    assert "There is no order ord_" in hidden.value.message
    assert missing.value.message == "There is no order ord_z here."
    assert hidden.value.advice == missing.value.advice


def test_a_lock_shows_holder_terminal_and_whether_it_is_stale_by_the_databases_clock(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann, bob = add_staff(db), add_staff(db, "bob")
    now = datetime.now(UTC)
    lock = EditLock(
        record_kind=Kind.ORDER, record_id=order, store_id=store, token="secret", fence=1, holder_id=bob.staff_id,
        holder_name="Bob", terminal="term-9", acquired_at=now, heartbeat_at=now, active_at=now,
        lease_until=now + timedelta(minutes=2), purpose=Purpose.EDIT,
    )  # fmt: skip
    insert(db, lock)
    seen = Orders(db).open(ann, order).edit_lock
    assert seen is not None
    assert (seen.holder, seen.terminal, seen.stale, seen.token) == ("Bob", "term-9", False, "")
    own = Orders(db).open(bob, order).edit_lock
    assert own is not None and own.is_mine("secret")
    with db.write() as tx:
        tx.run(table_of(EditLock).update().values(lease_until=now - timedelta(seconds=1)))
    seen = Orders(db).open(ann, order).edit_lock
    assert seen is not None and seen.stale


def test_others_who_look_are_named_once_and_only_while_they_look(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann = add_staff(db)
    now = datetime.now(UTC)
    for desk, staff_id, name, terminal, seen in [
        ("d1", ann.staff_id, "Ann", "term-1", now),
        ("d2", 77, "Bob", "term-2", now),
        ("d3", 77, "Bob", "term-3", now - timedelta(seconds=30)),
        ("d4", 78, "Cid", "term-4", now - timedelta(seconds=300)),
    ]:
        row = Presence(desk=desk, record_kind=Kind.ORDER, record_id=order, staff_id=staff_id, staff_name=name,
                       terminal=terminal, since=seen, seen_at=seen)  # fmt: skip
        insert(db, row)
    assert Orders(db).open(ann, order).viewers == ("Bob",)
    assert Orders(db).open(at(ann, "term-5"), order).viewers == ("Ann", "Bob")


@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.UNKNOWN])
def test_an_attempt_whose_outcome_is_not_known_makes_the_payment_status_unknown(
    db: Database, state: AttemptState
) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), paid=3050)
    attempt = PaymentAttempt(key="a1", guard_key="g", store_id=store, order_id=order, kind=TransactionKind.REFUND, state=state,
                             amount=100, currency="USD", created_at=THEN)  # fmt: skip
    insert(db, attempt)
    assert Orders(db).open(add_staff(db), order).payment_status is PaymentStatus.UNKNOWN


@pytest.mark.parametrize(
    ("state", "lines", "addresses", "why"),
    [
        (ShipmentState.AWAITING_INVENTORY, True, True, ""),
        (ShipmentState.ON_HOLD, True, True, ""),
        (ShipmentState.RELEASED, False, False, "released to the warehouse"),
        (ShipmentState.SHIPPED, False, False, "shipped"),
        (ShipmentState.CANCELLED, True, True, ""),
    ],
)
def test_lines_and_addresses_are_editable_only_before_release(
    sqlite_db: Database, state: ShipmentState, lines: bool, addresses: bool, why: str
) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), shipment=state)
    view = Orders(db).open(add_staff(db), order)
    assert (view.lines_editable, view.addresses_editable) == (lines, addresses)
    assert all(line.editable is lines for line in view.lines)
    assert why in view.why_not_editable and bool(why) is bool(view.why_not_editable)


def test_a_number_is_found_with_and_without_sign_and_prefix_and_never_in_a_hidden_store(db: Database) -> None:
    store, other = add_store(db, order_prefix="L-"), add_store(db, "other")
    customer = add_customer(db, store)
    first = add_order(db, store, customer, "#1001")
    prefixed = add_order(db, store, customer, "L-940391")
    twin = add_order(db, other, customer, "1001", placed_at=THEN + timedelta(days=1))
    everywhere, here = add_staff(db), add_staff(db, "bob", store=store)
    orders = Orders(db)
    assert orders.by_number(everywhere, "1001") == (twin, first)
    assert orders.by_number(everywhere, "##1001") == (twin, first)
    assert orders.by_number(everywhere, "#1001", "main") == (first,)
    assert orders.by_number(here, "1001") == (first,)
    assert orders.by_number(here, "940391") == orders.by_number(here, "l-940391") == (prefixed,)
    for nothing in ("", "#", "1", "9" * 5000, "10\x0001"):
        assert orders.by_number(everywhere, nothing) == ()


def test_a_cancelled_order_owes_nothing(sqlite_db: Database) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), status=OrderStatus.CANCELLED)
    with db.write() as tx:
        tx.run(table_of(Order).update().values(cancelled_at=THEN, cancel_reason="Changed his mind"))
    view = Orders(db).open(add_staff(db, role=Role.VIEWER), order)
    assert (view.cancelled_at, view.cancel_reason, view.balance.minor) == (THEN, "Changed his mind", 0)
    assert not view.lines_editable and "cancelled" in view.why_not_editable
