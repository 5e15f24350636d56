"""Holds stop an order until the last of them is resolved, or one of them ends it (ORD-16)."""

from __future__ import annotations

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput, NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.orders import HoldState, OrderStatus
from cstui.domain.permissions import Role
from cstui.domain.shipments import ShipmentState
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.orders import OrderHold
from tests.factories import THEN, add_customer, add_order, add_staff, add_store


def desk_with_order(db: Database, status: OrderStatus = OrderStatus.CREATED) -> tuple[Orders, Actor, int]:
    store = add_store(db)
    return Orders(db), add_staff(db), add_order(db, store, add_customer(db, store), status=status)


def grip_on(orders: Orders, actor: Actor, order: int) -> Grip:
    version = orders.open(actor, order).version
    return orders.begin_edit(actor, order, version, new_token(), Purpose.HOLD)


def hold(orders: Orders, actor: Actor, order: int, reason: str = "address", note: str = "") -> int:
    view = orders.hold(actor, order, grip_on(orders, actor, order), reason, note, new_token())
    return view.holds[-1].id


def test_a_hold_puts_the_order_on_hold_and_frees_the_lock(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    view = orders.hold(ann, order, grip_on(orders, ann, order), "fraud", "Two cards declined", "s1")
    assert view == orders.open(ann, order)
    assert (view.status, view.version, view.edit_lock) == (OrderStatus.ON_HOLD, 2, None)
    (placed,) = view.open_holds
    assert (placed.reason, placed.note, placed.placed_by) == ("Suspected fraud", "Two cards declined", "Ann")
    with db.read() as tx:
        event = audit.events_of(tx, Kind.ORDER, order)[0]
    assert (event.action, event.reason) == ("hold placed", "Suspected fraud: Two cards declined")
    assert ("status", "created", "on_hold") in [(c.path, c.old, c.new) for c in event.changes]


def test_an_order_leaves_hold_only_with_its_last_hold_and_goes_back_to_where_it_was(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    first, second = hold(orders, ann, order), hold(orders, ann, order, "payment")
    view = orders.resolve_hold(ann, order, grip_on(orders, ann, order), first, True, "Called", "s1")
    assert view.status is OrderStatus.ON_HOLD and [h.id for h in view.open_holds] == [second]
    view = orders.resolve_hold(ann, order, grip_on(orders, ann, order), second, True, "", "s2")
    assert (view.status, view.open_holds) == (OrderStatus.CREATED, ())
    assert [(h.state, h.resolved_by) for h in view.holds] == [(HoldState.RESOLVED, "Ann")] * 2


def test_an_unresolvable_hold_cancels_the_order_and_closes_the_others(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    first, _ = hold(orders, ann, order), hold(orders, ann, order, "payment")
    view = orders.resolve_hold(ann, order, grip_on(orders, ann, order), first, False, "No such street", "s1")
    assert (view.status, view.open_holds) == (OrderStatus.CANCELLED, ())
    assert view.cancel_reason == "Hold could not be resolved: Address to be checked: No such street"
    assert view.shipments[0].state is ShipmentState.CANCELLED


def test_a_hold_that_is_closed_cannot_be_closed_again(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    first = hold(orders, ann, order)
    orders.resolve_hold(ann, order, grip_on(orders, ann, order), first, True, "", "s1")
    for hold_id, said in ((first, "closed by Ann"), (first + 99, "not part of the order")):
        grip = grip_on(orders, ann, order)
        with pytest.raises(NotPossibleNow, match=said):
            orders.resolve_hold(ann, order, grip, hold_id, True, "", new_token())


def test_a_hold_of_the_system_is_resolved_by_a_supervisor_only(sqlite_db: Database) -> None:
    db = sqlite_db
    orders, ann, order = desk_with_order(db, OrderStatus.ON_HOLD)
    with db.write() as tx:
        tx.session.add(
            OrderHold(
                order_id=order, reason="Fraud score 91", is_system=True, cause="fraud check", placed_at=THEN
            )
        )
    (placed,) = orders.open(ann, order).open_holds
    grip = grip_on(orders, ann, order)
    with pytest.raises(NotPermitted, match="placed by the system"):
        orders.resolve_hold(ann, order, grip, placed.id, True, "", "s1")
    sue = add_staff(db, "sue", Role.SUPERVISOR)
    Locks(db).release(ann, grip.token)
    view = orders.resolve_hold(sue, order, grip_on(orders, sue, order), placed.id, True, "", "s2")
    assert view.status is OrderStatus.IN_PROGRESS


def test_a_hold_needs_a_reason_of_the_list_and_other_needs_words(sqlite_db: Database) -> None:
    orders, ann, order = desk_with_order(sqlite_db)
    grip = grip_on(orders, ann, order)
    for reason, note, field in (("bogus", "", "reason"), ("other", "  ", "note"), ("other", "4111111111111111", "note")):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            orders.hold(ann, order, grip, reason, note, new_token())
        assert refused.value.field == field
    assert orders.open(ann, order).holds == ()


@pytest.mark.parametrize("status", [OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.FAILED])
def test_a_final_order_cannot_be_held(sqlite_db: Database, status: OrderStatus) -> None:
    orders, ann, order = desk_with_order(sqlite_db, status)
    grip = grip_on(orders, ann, order)
    with pytest.raises(NotPossibleNow):
        orders.hold(ann, order, grip, "address", "", "s1")


def test_a_viewer_may_not_hold(sqlite_db: Database) -> None:
    orders, ann, order = desk_with_order(sqlite_db)
    grip = grip_on(orders, ann, order)
    with pytest.raises(NotPermitted):
        orders.hold(add_staff(sqlite_db, "vic", Role.VIEWER), order, grip, "address", "", "s1")
