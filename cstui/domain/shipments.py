"""Shipments: states, what may still be changed before release, and what can be shipped again or cancelled (TXN-02)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cstui.domain.errors import InvalidInput


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

#: What has left, or could not: its contents can be shipped once more.
RESHIPPABLE_STATES = SENT_SHIPMENT_STATES | {ShipmentState.FAILED}
#: Nothing of it has left, and it still waits to.
LEAVING_SHIPMENT_STATES = OPEN_SHIPMENT_STATES | {ShipmentState.RELEASED, ShipmentState.PENDING}

_WHY_NOT_RESHIPPED: Final = {
    ShipmentState.AWAITING_INVENTORY: "It waits for stock and has not left yet.",
    ShipmentState.INVENTORY_ASSIGNED: "It is packed from stock and has not left yet.",
    ShipmentState.ON_HOLD: "It is on hold and has not left yet.",
    ShipmentState.RELEASED: "It is with the warehouse and has not left yet.",
    ShipmentState.PENDING: "It is being delivered digitally.",
    ShipmentState.CANCELLED: "It was cancelled and never left.",
}
_WHY_NOT_CANCELLED: Final = {
    ShipmentState.SHIPPED: "It has been shipped; create a return for it.",
    ShipmentState.DELIVERED: "It has been delivered; create a return for it.",
    ShipmentState.RETURNED: "It has come back already.",
    ShipmentState.CANCELLED: "It is cancelled already.",
}
#: Why something is shipped once more, by code; “other” needs a note.
RESHIP_REASONS: Final = (
    ("lost", "Lost on the way"),
    ("damaged", "Arrived damaged"),
    ("wrong", "Wrong item sent"),
    ("incomplete", "Something was missing"),
    ("undelivered", "Came back undelivered"),
    ("other", "Other, see note"),
)


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


def why_not_reshipped(state: ShipmentState) -> str:
    """Why nothing of such a shipment can be shipped again; empty where it can."""
    return _WHY_NOT_RESHIPPED.get(state, "")


def why_not_shipment_cancelled(state: ShipmentState) -> str:
    """Why such a shipment cannot be cancelled; empty where it can. With the warehouse it can, as long as the warehouse is slower."""
    return _WHY_NOT_CANCELLED.get(state, "")


def checked_pieces(row: ShipmentRow, wanted: Mapping[int, int] | None) -> tuple[tuple[int, int], ...]:
    """What of a shipment is shipped again, as (order line id, quantity): all of it, or the wanted pieces without those of quantity 0.

    Errors: `InvalidInput` for what it did not hold, more than it held, or nothing at all.
    """
    held = dict(row.lines)
    for line_id, quantity in (wanted or {}).items():
        if not 0 <= quantity <= held.get(line_id, 0):
            raise InvalidInput(
                "lines", str(quantity), f"This shipment held {held.get(line_id, 0)} of it.", "Ship at most that many again."
            )  # fmt: skip
    pieces = tuple(
        sorted(
            (line_id, quantity)
            for line_id, quantity in (held if wanted is None else wanted).items()
            if quantity
        )
    )
    if not pieces:
        raise InvalidInput("lines", "", "Nothing is chosen.", "Choose at least one item.")
    return pieces


def still_to_leave(shipments: Iterable[ShipmentRow], row: ShipmentRow) -> tuple[tuple[int, int], ...]:
    """Pieces of the same order lines that other shipments hold and have not sent yet, as (order line id, quantity)."""
    mine = {line_id for line_id, _ in row.lines}
    found: dict[int, int] = {}
    for other in shipments:
        if other.id != row.id and other.state in LEAVING_SHIPMENT_STATES:
            for line_id, quantity in other.lines:
                if line_id in mine:
                    found[line_id] = found.get(line_id, 0) + quantity
    return tuple(sorted(found.items()))
