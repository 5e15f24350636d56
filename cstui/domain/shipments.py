"""Shipments: states, and what may still be changed before release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ShipmentState(StrEnum):
    """Where a shipment stands. Released means handed to the warehouse."""

    AWAITING_INVENTORY = "awaiting_inventory"
    INVENTORY_ASSIGNED = "inventory_assigned"
    ON_HOLD = "on_hold"
    RELEASED = "released"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    PENDING = "pending"


#: Contents, address and method may change only in these (ORD-03).
OPEN_SHIPMENT_STATES = frozenset(
    {ShipmentState.AWAITING_INVENTORY, ShipmentState.INVENTORY_ASSIGNED, ShipmentState.ON_HOLD}
)
#: Nothing left the house yet: the shipment can still be cancelled.
CANCELLABLE_SHIPMENT_STATES = OPEN_SHIPMENT_STATES | {
    ShipmentState.RELEASED,
    ShipmentState.FAILED,
    ShipmentState.PENDING,
}
#: The goods are with the carrier or the customer.
SENT_SHIPMENT_STATES = frozenset({ShipmentState.SHIPPED, ShipmentState.DELIVERED, ShipmentState.RETURNED})


class FulfilmentStatus(StrEnum):
    """Of a whole order, derived from its shipments."""

    NONE = "none"
    UNFULFILLED = "unfulfilled"
    RELEASED = "released"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    RETURNED = "returned"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ShipmentRow:
    """One shipment as a list shows it. `lines` are (order line id, quantity)."""

    id: int
    order_id: int
    order_number: str
    state: ShipmentState
    is_digital: bool
    method: str
    carrier: str
    tracking: str
    lines: tuple[tuple[int, int], ...]
    released_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None


def fulfilment_status(states: tuple[ShipmentState, ...]) -> FulfilmentStatus:
    """The order's fulfilment in one word, from its shipments' states."""
    live = [state for state in states if state is not ShipmentState.CANCELLED]
    if not states:
        return FulfilmentStatus.NONE
    if not live:
        return FulfilmentStatus.CANCELLED
    if all(state is ShipmentState.RETURNED for state in live):
        return FulfilmentStatus.RETURNED
    sent = [state for state in live if state in SENT_SHIPMENT_STATES]
    if len(sent) == len(live):
        return FulfilmentStatus.FULFILLED
    if sent:
        return FulfilmentStatus.PARTIAL
    if all(state is ShipmentState.RELEASED for state in live):
        return FulfilmentStatus.RELEASED
    return FulfilmentStatus.UNFULFILLED
