"""Cancelling an order: its effects listed before, and done in one transaction that the warehouse cannot overtake."""

from __future__ import annotations

from cstui.domain.audit import Change
from cstui.domain.errors import NotPossibleNow
from cstui.domain.order_rules import (
    line_words,
    open_authorisations,
    refund_due_on_cancel,
    why_not_cancelled,
)
from cstui.domain.orders import CancelEffects, HoldState, OrderStatus, OrderView
from cstui.domain.shipments import CANCELLABLE_SHIPMENT_STATES, ShipmentRow, ShipmentState
from cstui.domain.subscriptions import interval_words
from cstui.services.order_editing import Held, finish, write_header
from cstui.storage.queries import orders
from cstui.storage.transaction import Transaction


def effects(tx: Transaction, order: OrderView) -> CancelEffects:
    """What cancelling would do now: shipments, stock, authorisations, money, subscriptions; nothing is done."""
    parcels = _to_cancel(order)
    names = {line.id: (line.name, line.option) for line in order.lines}
    stock: dict[int, int] = {}
    for parcel in parcels:
        for line_id, quantity in () if parcel.is_digital else parcel.lines:
            stock[line_id] = stock.get(line_id, 0) + quantity
    started = orders.subscriptions_started_by(tx, order.id, order.customer_id)
    return CancelEffects(
        shipments=parcels,
        stock_lines=tuple(line_words(quantity, *names[line_id]) for line_id, quantity in stock.items()),
        open_authorisations=open_authorisations(order.transactions),
        refund_due=refund_due_on_cancel(order),
        subscriptions=tuple(
            f"{row.product}{f', {row.option}' if row.option else ''}, {interval_words(row.interval_unit, row.interval_count)}"
            for row in started
        ),
        blocked=why_not_cancelled(order.status, order.shipments),
        items=tuple(line_words(line.quantity, line.name, line.option) for line in order.lines),
    )


def cancel_order(held: Held, label: str, note: str, action: str = "order cancelled") -> OrderView:
    """Cancels the order and what has not been shipped of it, and closes its holds. No money moves: a refund is asked for separately.

    Errors: `NotPossibleNow` where something was shipped, also where the warehouse was faster just now; `RecordChanged`.
    """
    tx, order = held.tx, held.order
    why_not = why_not_cancelled(order.status, order.shipments)
    if why_not:
        raise NotPossibleNow(f"Not cancelled. {why_not}", "Reload the order to see where it stands.")
    parcels = _to_cancel(order)
    if orders.cancel_shipments(tx, [parcel.id for parcel in parcels]) != len(parcels):
        raise NotPossibleNow(
            "Not cancelled. The warehouse has shipped a part of this order just now.",
            "Reload it; what was shipped can come back as a return.",
        )
    open_holds = [hold.id for hold in order.open_holds]
    if open_holds:
        orders.close_holds(
            tx, open_holds, HoldState.UNRESOLVABLE, held.actor.name, note or "The order was cancelled."
        )
    reason = f"{label}: {note}" if note else label
    write_header(
        held,
        {"status": OrderStatus.CANCELLED, "cancelled_at": tx.now, "cancel_reason": reason},
        still_open=True,
    )
    changes = (
        Change("status", order.status, OrderStatus.CANCELLED),
        Change("cancelled_at", "", orders.happened_at(tx.now)),
        Change("cancel_reason", order.cancel_reason, reason),
        *(
            Change(f"shipments.{parcel.id}.state", parcel.state, ShipmentState.CANCELLED)
            for parcel in parcels
        ),
        *(Change(f"holds.{hold_id}.state", HoldState.OPEN, HoldState.UNRESOLVABLE) for hold_id in open_holds),
    )
    return finish(held, action, changes, reason)


def _to_cancel(order: OrderView) -> tuple[ShipmentRow, ...]:
    return tuple(parcel for parcel in order.shipments if parcel.state in CANCELLABLE_SHIPMENT_STATES)
