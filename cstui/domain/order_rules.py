"""What may be done to an order now, and why not (ORD-03, ORD-16, domain rules of orders and shipments)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cstui.domain.money import Money
from cstui.domain.orders import FINAL_STATUSES, OrderStatus, OrderView
from cstui.domain.payments import TransactionKind, TransactionRow, TransactionStatus
from cstui.domain.shipments import (
    OPEN_SHIPMENT_STATES,
    SENT_SHIPMENT_STATES,
    ShipmentRow,
    ShipmentState,
)

#: How a status stands in a sentence.
STATUS_WORDS: dict[OrderStatus, str] = {
    OrderStatus.CREATED: "not confirmed yet",
    OrderStatus.ON_HOLD: "on hold",
    OrderStatus.IN_PROGRESS: "in progress",
    OrderStatus.AWAITING_EXCHANGE: "waiting for an exchange",
    OrderStatus.PARTIALLY_SHIPPED: "partly shipped",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.FAILED: "declined",
}

SHIPMENT_WORDS: dict[ShipmentState, str] = {
    ShipmentState.AWAITING_INVENTORY: "waiting for stock",
    ShipmentState.INVENTORY_ASSIGNED: "packed from stock, not released",
    ShipmentState.ON_HOLD: "on hold",
    ShipmentState.RELEASED: "released to the warehouse",
    ShipmentState.SHIPPED: "shipped",
    ShipmentState.DELIVERED: "delivered",
    ShipmentState.FAILED: "refused by the warehouse",
    ShipmentState.CANCELLED: "cancelled",
    ShipmentState.RETURNED: "returned",
    ShipmentState.PENDING: "being delivered digitally",
}


@dataclass(frozen=True, slots=True)
class Editable:
    """What of an order may be edited now. `fixed_lines` are ids of lines that a released shipment holds; `why_not` is empty where all may."""

    lines: bool
    addresses: bool
    fixed_lines: frozenset[int]
    why_not: str


def editable(status: OrderStatus, line_ids: Iterable[int], shipments: tuple[ShipmentRow, ...]) -> Editable:
    """What may be edited: nothing of a final order; a line while no shipment that holds it is released; addresses while none is (ORD-03).

    Cancelled shipments do not bind; digital ones do not bind the address.
    """
    ids = tuple(line_ids)
    if status in FINAL_STATUSES:
        why = f"This order is {STATUS_WORDS[status]}; it cannot be changed any more."
        return Editable(False, False, frozenset(ids), why)
    binding = [
        shipment
        for shipment in shipments
        if shipment.state is not ShipmentState.CANCELLED and shipment.state not in OPEN_SHIPMENT_STATES
    ]
    if not binding:
        return Editable(True, True, frozenset(), "")
    fixed = frozenset(line_id for shipment in binding for line_id, _ in shipment.lines)
    addresses = all(shipment.is_digital for shipment in binding)
    lines = not ids or any(line_id not in fixed for line_id in ids)
    return Editable(lines, addresses, fixed, _why_not(binding, lines, addresses, bool(fixed)))


def _why_not(binding: list[ShipmentRow], lines: bool, addresses: bool, some_fixed: bool) -> str:
    if lines and addresses and not some_fixed:
        return ""
    first = next((shipment for shipment in binding if not shipment.is_digital), binding[0])
    state = SHIPMENT_WORDS[first.state]
    if not lines and not addresses:
        return f"The shipment is {state}; its contents and address can no longer be changed."
    if not lines:
        return f"The shipment is {state}; its contents can no longer be changed."
    if not addresses:
        return f"One shipment is {state}; its lines and the address can no longer be changed."
    return f"One shipment is {state}; its lines can no longer be changed."


def why_not_cancelled(status: OrderStatus, shipments: tuple[ShipmentRow, ...]) -> str:
    """Why the order cannot be cancelled now; empty where it can (allowed while nothing has been shipped)."""
    if status in FINAL_STATUSES:
        return f"This order is {STATUS_WORDS[status]} already."
    sent = [shipment for shipment in shipments if shipment.state in SENT_SHIPMENT_STATES]
    if sent:
        return (
            f"A shipment is {SHIPMENT_WORDS[sent[0].state]} already; create a return for it, "
            "or cancel what has not been shipped."
        )
    return ""


def why_not_held(status: OrderStatus) -> str:
    """Why no hold can be placed now; empty where one can."""
    if status in FINAL_STATUSES:
        return f"This order is {STATUS_WORDS[status]}; there is nothing left to hold."
    return ""


def line_words(quantity: int, name: str, option: str = "") -> str:
    """`2 × Mug, blue`."""
    return f"{quantity} × {name}" + (f", {option}" if option else "")


def open_authorisations(transactions: tuple[TransactionRow, ...]) -> tuple[TransactionRow, ...]:
    """Authorisations that neither captures nor voids have used up, the oldest counted as used first."""
    done = [row for row in transactions if row.status is TransactionStatus.SUCCEEDED]
    used = sum(
        row.amount.minor for row in done if row.kind in (TransactionKind.CAPTURE, TransactionKind.VOID)
    )
    still_open: list[TransactionRow] = []
    for row in sorted(done, key=lambda row: (row.at, row.id)):
        if row.kind is TransactionKind.AUTHORISE:
            if used < row.amount.minor:
                still_open.append(row)
            used = max(0, used - row.amount.minor)
    return tuple(still_open)


def refund_due_on_cancel(order: OrderView) -> Money:
    """What the customer has paid and would have back: captured less what was refunded, voided or disputed."""
    return Money(order.paid.remaining, order.totals.total.currency)
