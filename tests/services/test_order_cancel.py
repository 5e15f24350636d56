"""Cancelling tells its effects first, and never overtakes the warehouse."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import TransactionKind, TransactionStatus
from cstui.domain.permissions import Role
from cstui.domain.shipments import FulfilmentStatus, ShipmentState
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.orders import Orders
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import OrderHold, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.subscriptions import Subscription
from tests.factories import THEN, add_customer, add_order, add_staff, add_store

_SHIPMENT = table_of(Shipment)


def desk_with_order(db: Database, **more: Any) -> tuple[Orders, Actor, int]:
    store = add_store(db)
    return Orders(db), add_staff(db), add_order(db, store, add_customer(db, store), **more)


def grip_on(orders: Orders, actor: Actor, order: int) -> Grip:
    version = orders.open(actor, order).version
    return orders.begin_edit(actor, order, version, new_token(), Purpose.CANCEL)


def test_effects_name_parcels_stock_money_and_subscriptions_and_do_nothing(db: Database) -> None:
    orders, ann, order = desk_with_order(db, paid=3050)
    view = orders.open(ann, order)
    with db.write() as tx:
        tx.session.add(
            PaymentTransaction(
                store_id=view.store_id, order_id=order, customer_id=view.customer_id, kind=TransactionKind.AUTHORISE,
                status=TransactionStatus.SUCCEEDED, amount=500, currency="USD", occurred_at=THEN, created_at=THEN,
            )
        )  # fmt: skip
        for product, status in (("Coffee", SubscriptionStatus.ACTIVE), ("Old", SubscriptionStatus.CANCELLED)):
            tx.session.add(
                Subscription(
                    store_id=view.store_id, customer_id=view.customer_id, product=product, status=status, currency="USD",
                    parent_order_id=order, created_at=THEN, updated_at=THEN,
                )
            )  # fmt: skip
    told = orders.cancel_effects(ann, order)
    assert told.blocked == ""
    assert told.items == told.stock_lines == ("2 × Mug", "1 × Tea")
    assert [parcel.state for parcel in told.shipments] == [ShipmentState.AWAITING_INVENTORY]
    assert [row.amount.minor for row in told.open_authorisations] == [500]
    assert told.refund_due.minor == 3050
    assert told.subscriptions == ("Coffee, every month",)
    assert orders.open(ann, order).status is OrderStatus.IN_PROGRESS


def test_cancelling_cancels_parcels_closes_holds_and_moves_no_money(db: Database) -> None:
    orders, ann, order = desk_with_order(db, paid=3050, shipment=ShipmentState.RELEASED)
    with db.write() as tx:
        tx.session.add(OrderHold(order_id=order, reason="Stock", placed_at=THEN))
    view = orders.cancel(ann, order, grip_on(orders, ann, order), "changed_mind", "Found another", "s1")
    assert view == orders.open(ann, order)
    assert (view.status, view.version, view.edit_lock) == (OrderStatus.CANCELLED, 2, None)
    assert view.fulfilment_status is FulfilmentStatus.CANCELLED and view.open_holds == ()
    assert view.cancel_reason == "Changed their mind: Found another" and view.cancelled_at is not None
    assert len(view.transactions) == 1 and view.balance.minor == -3050
    with db.read() as tx:
        event = audit.events_of(tx, Kind.ORDER, order)[0]
    paths = {c.path: (c.old, c.new) for c in event.changes}
    assert paths["status"] == ("in_progress", "cancelled")
    assert paths[f"shipments.{view.shipments[0].id}.state"] == ("released", "cancelled")
    assert event.reason == view.cancel_reason


def test_what_was_shipped_stands_in_the_way_and_is_told_before(db: Database) -> None:
    orders, ann, order = desk_with_order(db, shipment=ShipmentState.SHIPPED)
    assert "shipped already" in orders.cancel_effects(ann, order).blocked
    grip = grip_on(orders, ann, order)
    with pytest.raises(NotPossibleNow, match="shipped already"):
        orders.cancel(ann, order, grip, "changed_mind", "", "s1")


def test_a_parcel_that_ships_between_the_question_and_the_answer_keeps_the_order(db: Database) -> None:
    orders, ann, order = desk_with_order(db, shipment=ShipmentState.RELEASED)
    grip = grip_on(orders, ann, order)
    assert orders.cancel_effects(ann, order).blocked == ""
    with db.write() as tx:
        tx.run(_SHIPMENT.update().values(state=ShipmentState.SHIPPED, shipped_at=THEN))
    with pytest.raises(NotPossibleNow):
        orders.cancel(ann, order, grip, "changed_mind", "", "s1")
    view = orders.open(ann, order)
    assert (view.status, view.version) == (OrderStatus.IN_PROGRESS, 1)
    assert view.edit_lock is not None


def test_the_warehouse_that_ships_during_the_cancelling_wins(db: Database, db_url: str) -> None:
    """It has updated its row but not committed yet: on PostgreSQL the guarded update meets it, on SQLite the writers queue."""
    orders, ann, order = desk_with_order(db, shipment=ShipmentState.RELEASED)
    grip = grip_on(orders, ann, order)
    shipping, go = Event(), Event()

    def ship() -> None:
        warehouse = Database(db_url)
        with warehouse.write() as tx:
            tx.run(_SHIPMENT.update().values(state=ShipmentState.SHIPPED, shipped_at=THEN))
            shipping.set()
            go.wait(1.0)
        warehouse.close()

    thread = Thread(target=ship)
    thread.start()
    assert shipping.wait(10)
    with pytest.raises(
        NotPossibleNow, match="shipped already" if db.is_sqlite else "shipped a part .* just now"
    ):
        orders.cancel(ann, order, grip, "changed_mind", "", "s1")
    go.set()
    thread.join(10)
    view = orders.open(ann, order)
    assert (view.status, view.shipments[0].state) == (OrderStatus.IN_PROGRESS, ShipmentState.SHIPPED)
    with db.read() as tx:
        assert audit.events_of(tx, Kind.ORDER, order) == ()


def test_a_cancelled_order_cannot_be_cancelled_again(sqlite_db: Database) -> None:
    orders, ann, order = desk_with_order(sqlite_db)
    orders.cancel(ann, order, grip_on(orders, ann, order), "duplicate", "", "s1")
    grip = grip_on(orders, ann, order)
    with pytest.raises(NotPossibleNow, match="cancelled already"):
        orders.cancel(ann, order, grip, "duplicate", "", "s2")


def test_the_warehouse_role_may_not_cancel(sqlite_db: Database) -> None:
    orders, ann, order = desk_with_order(sqlite_db)
    wil = add_staff(sqlite_db, "wil", Role.WAREHOUSE)
    with pytest.raises(NotPermitted):
        orders.cancel(wil, order, grip_on(orders, ann, order), "duplicate", "", "s1")
