"""Writing one shipment at a time: cancelling it where it still stands as it was read, and adding one that repeats another."""

from __future__ import annotations

from collections.abc import Iterable

from cstui.domain.shipments import ShipmentState
from cstui.storage.queries import orders
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Shipment
from cstui.storage.transaction import Transaction

_SHIPMENT = table_of(Shipment)


def cancel(transaction: Transaction, shipment_id: int, state: ShipmentState) -> bool:
    """Cancels a shipment that is still in this state; False where the warehouse has moved it on meanwhile."""
    statement = (
        _SHIPMENT.update()
        .where(_SHIPMENT.c.id == shipment_id, _SHIPMENT.c.state == state)
        .values(state=ShipmentState.CANCELLED)
    )
    return transaction.run(statement) == 1


def add_again(
    transaction: Transaction,
    order_id: int,
    pieces: Iterable[tuple[int, int]],
    *,
    is_digital: bool,
    method: str,
) -> int:
    """One more shipment of an order with these pieces (order line id, quantity), waiting to leave; returns its id."""
    shipment_id = orders.add_shipment(transaction, order_id, is_digital, method)
    for line_id, quantity in pieces:
        orders.put_content(transaction, shipment_id, line_id, quantity)
    return shipment_id
