"""Shipments: shipping once more what was sent, and cancelling what has not left (TXN-02).

Both change what the order's edit form can change: they need its lock, raise its version and stand in its history. No money moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotFound, NotPossibleNow
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import Grip, LockRules
from cstui.domain.notes import checked_free_text
from cstui.domain.order_rules import STATUS_WORDS
from cstui.domain.orders import OrderStatus, OrderView
from cstui.domain.permissions import Permission
from cstui.domain.shipments import (
    RESHIP_REASONS,
    ShipmentRow,
    ShipmentState,
    checked_pieces,
    why_not_reshipped,
    why_not_shipment_cancelled,
)
from cstui.services.order_editing import Held, finish, held, write_header
from cstui.storage.database import Database
from cstui.storage.queries import shipments
from cstui.storage.queries.order_view import Looker

#: Orders whose goods go nowhere any more.
_ENDED = (OrderStatus.CANCELLED, OrderStatus.FAILED)
_LONGEST = 500
_OTHER = "other"


class Shipments:
    """The use cases of one shipment of an order, each under the order's lock, which it frees."""

    def __init__(self, database: Database, settings: Any = None) -> None:
        self._database = database
        self._settings = settings

    def reship(
        self,
        actor: Actor,
        order_id: int,
        grip: Grip,
        shipment_id: int,
        lines: Mapping[int, int] | None,
        reason_code: str,
        note: str,
        save_id: str,
    ) -> OrderView:
        """Adds a shipment with what another one held, or with the quantities that `lines` names by order line; the order stays as it is.

        One that the warehouse could not send is cancelled by it, so that it is never sent beside the new one. Repeated with the same
        `save_id` it answers with the order as it stands. Errors: `LockBroken`, `RecordChanged`, `InvalidInput`, `NotPossibleNow`,
        `NotFound`, `NotPermitted`.
        """

        def work(held: Held) -> OrderView:
            return _reship(held, _part(held.order, shipment_id), lines, _checked_reason(reason_code, note))

        return self._under_lock(actor, order_id, grip, save_id, work)

    def cancel(
        self, actor: Actor, order_id: int, grip: Grip, shipment_id: int, save_id: str, note: str = ""
    ) -> OrderView:
        """Cancels a shipment that has not left: at once in the house, and with the warehouse only where the warehouse is slower (TXN-04).

        The order itself goes on, and a refund is asked for separately. Errors: as `reship`.
        """

        def work(held: Held) -> OrderView:
            said = checked_free_text(note, "note", _LONGEST) if note.strip() else ""
            return _cancel(held, _part(held.order, shipment_id), said)

        return self._under_lock(actor, order_id, grip, save_id, work)

    def _under_lock(
        self, actor: Actor, order_id: int, grip: Grip, save_id: str, work: Callable[[Held], OrderView]
    ) -> OrderView:
        with self._database.write(save_id) as tx:
            lease = (
                LockRules().lease if self._settings is None else int(self._settings.value("locking.lease"))
            )
            found = held(
                tx, Looker(actor, lease), Permission.ORDER_UPDATE, order_id, grip, save_id, still=True
            )
            if found is None:
                raise NotFound(
                    f"There is no order {public_id(Kind.ORDER, max(order_id, 0))} here.",
                    "Check the number, or ask for access to its store.",
                )
            return found if isinstance(found, OrderView) else work(found)


def _part(order: OrderView, shipment_id: int) -> ShipmentRow:
    for row in order.shipments:
        if row.id == shipment_id:
            return row
    raise NotFound("This shipment is not part of the order.", "Reload the order.")


def _checked_reason(code: str, note: str) -> str:
    label = dict(RESHIP_REASONS).get(code)
    if label is None:
        allowed = ", ".join(known for known, _ in RESHIP_REASONS)
        raise InvalidInput("reason", code, f"“{code[:60]}” is not a reason here.", f"Use one of: {allowed}.")
    if note.strip():
        return f"{label}: {checked_free_text(note, 'note', _LONGEST)}"
    if code == _OTHER:
        raise InvalidInput("note", "", "The note is empty.", "Say why, in a few words.")
    return label


def _reship(held: Held, row: ShipmentRow, lines: Mapping[int, int] | None, reason: str) -> OrderView:
    order = held.order
    if order.status in _ENDED:
        raise NotPossibleNow(
            f"This order is {STATUS_WORDS[order.status]}; nothing of it is shipped.", "Place a new order."
        )
    why_not = why_not_reshipped(row.state)
    if why_not:
        raise NotPossibleNow(f"Not shipped again. {why_not}", "Reload the order to see where it stands.")
    pieces = checked_pieces(row, lines)
    replaced = row.state is ShipmentState.FAILED
    if replaced:
        _withdraw(held, row)
    again = shipments.add_again(held.tx, order.id, pieces, is_digital=row.is_digital, method=row.method)
    write_header(held, {})
    changes = (*_added(again, row, pieces), *(_cancelled(row) if replaced else ()))
    return finish(held, "shipped again", changes, reason)


def _cancel(held: Held, row: ShipmentRow, note: str) -> OrderView:
    why_not = why_not_shipment_cancelled(row.state)
    if why_not:
        raise NotPossibleNow(f"Not cancelled. {why_not}", "Reload the order to see where it stands.")
    _withdraw(held, row)
    write_header(held, {})
    return finish(held, "shipment cancelled", tuple(_cancelled(row)), note)


def _withdraw(held: Held, row: ShipmentRow) -> None:
    """Cancels it where it still stands as it was read. Errors: `NotPossibleNow` where the warehouse was faster."""
    if not shipments.cancel(held.tx, row.id, row.state):
        raise NotPossibleNow(
            "Not cancelled. The warehouse has moved this shipment on just now.", "Reload the order to see where it stands."
        )  # fmt: skip


def _added(again: int, row: ShipmentRow, pieces: tuple[tuple[int, int], ...]) -> Iterator[Change]:
    yield Change(f"shipments.{again}", "", "digital" if row.is_digital else "parcel")
    for line_id, quantity in pieces:
        yield Change(f"shipments.{again}.lines.{line_id}", "", str(quantity))
    yield Change(f"shipments.{again}.repeats", "", public_id(Kind.SHIPMENT, row.id))


def _cancelled(row: ShipmentRow) -> Iterator[Change]:
    yield Change(f"shipments.{row.id}.state", row.state, ShipmentState.CANCELLED)
