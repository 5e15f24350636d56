"""Saving an edit of an order: lock, version, rules, rows, audit and unlock in one transaction (decides for `Orders`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip
from cstui.domain.money import Money
from cstui.domain.order_changes import (
    address_changes,
    discount_changes,
    line_changes,
    tax_changes,
    totals_changes,
)
from cstui.domain.order_edit_rules import checked_change
from cstui.domain.order_totals import Reckoned, reckoned
from cstui.domain.orders import LineChange, LineView, OrderChange, OrderView
from cstui.domain.permissions import Permission
from cstui.domain.shipments import OPEN_SHIPMENT_STATES, ShipmentRow, ShipmentState
from cstui.services.access import require
from cstui.storage.queries import audit, locks, orders, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Held:
    """An order under its lock inside a transaction: as it stands, and who works on it."""

    tx: Transaction
    actor: Actor
    order: OrderView
    grip: Grip
    looker: Looker
    save_id: str


def held(
    tx: Transaction,
    looker: Looker,
    permission: Permission,
    order_id: int,
    grip: Grip,
    save_id: str,
    *,
    still: bool = False,
) -> Held | OrderView | None:
    """The order under the grip, ready to be written. None where there is no such order for this actor; the order as it stands where
    `save_id` was stored before, so that a repeated save is answered, not refused. `still`: no shipment is released until the end.

    Errors: `NotPermitted`, `LockBroken`, `RecordChanged`.
    """
    actor = looker.actor
    seen = orders.read(tx, order_id, looker)
    if seen is None:
        return None
    require(tx, actor, permission, seen.store_id)
    if save_id and audit.saved(tx, save_id):
        return seen
    locks.require_held(tx, Kind.ORDER, order_id, grip, actor)
    if still:
        orders.hold_shipments_still(tx, order_id)
    order = orders.read(tx, order_id, looker)
    return None if order is None else Held(tx, actor, order, grip, looker, save_id)


def finish(
    held: Held, action: str, changes: tuple[Change, ...], reason: str = "", *, indexed: bool = False
) -> OrderView:
    """Ends a use case that raised the version: index, unlock, news, audit; returns the order as it stands now."""
    tx, order = held.tx, held.order
    if indexed:
        search_index.index_order(tx, order.id)
    locks.free(tx, held.grip.token)
    tx.publish("saved", Kind.ORDER, order.id, version=order.version + 1, by=held.actor.name)
    audit.append(
        tx,
        NewEvent(
            held.actor, order.store_id, Kind.ORDER, order.id, action, changes, reason=reason, version=order.version + 1,
            fence=held.grip.fence, customer_id=order.customer_id, save_id=held.save_id,
        ),
    )  # fmt: skip
    view = orders.read(tx, order.id, held.looker)
    assert view is not None
    return view


def write_header(held: Held, values: dict[str, Any], *, still_open: bool = False) -> None:
    """Writes header fields under the version that the grip was granted for.

    Errors: `RecordChanged`.
    """
    order = held.order
    if not orders.update_header(held.tx, order.id, held.grip.version, values, still_open=still_open):
        record = locks.target(held.tx, Kind.ORDER, order.id)
        raise locks.changed(held.tx, record, held.grip.version)


def resolved(tx: Transaction, order: OrderView, change: OrderChange) -> OrderChange:
    """The change with each new line that names a product carrying the product's facts; a typed price holds over the product's.

    Errors: `InvalidInput` where the product is not sold in this store.
    """
    if not any(line.line_id is None and line.product_id is not None for line in change.lines):
        return change
    return replace(change, lines=tuple(_resolved_line(tx, order, line) for line in change.lines))


def _resolved_line(tx: Transaction, order: OrderView, line: LineChange) -> LineChange:
    if line.line_id is not None or line.product_id is None:
        return line
    product = orders.product(tx, line.product_id, order.store_id)
    if product is None:
        raise InvalidInput(
            "product", str(line.product_id), "This product is not sold in this store.", "Choose another one."
        )
    price = line.unit_price or Money(product.unit_price, order.totals.total.currency)
    return replace(
        line, sku=product.sku, name=product.name, option=product.option, unit_price=price, taxable=product.taxable,
        requires_shipping=product.requires_shipping,
    )  # fmt: skip


def save(held: Held, change: OrderChange) -> OrderView:
    """Stores an edit. Nothing different: the lock is freed and nothing is written.

    Errors: `InvalidInput`, `InvalidFields`, `NotPossibleNow`, `RecordChanged`; nothing is stored then.
    """
    order = held.order
    change = checked_change(order, resolved(held.tx, order, change))
    after = reckoned(order, change)
    if after.needs_tax:
        tax_id, name = after.needs_tax[0]
        raise InvalidInput(
            f"taxes.{tax_id}", "", f"{name} cannot be reckoned for the new lines.", "Type its amount."
        )
    addresses = [
        *(address_changes("billing", order.billing, change.billing) if change.billing else ()),
        *(address_changes("shipping", order.shipping, change.shipping) if change.shipping else ()),
    ]
    if not addresses and (after.lines, after.taxes, after.totals) == (order.lines, order.taxes, order.totals):
        locks.free(held.tx, held.grip.token)
        return replace(order, edit_lock=None)
    lines = tuple(_stored_lines(held, change, after))
    changes = (
        *addresses,
        *line_changes(order.lines, lines),
        *discount_changes(order.discounts, after.discounts),
        *tax_changes(order.taxes, after.taxes),
        *totals_changes(order.totals, after.totals),
        *_repacked(held, lines),
    )
    orders.update_taxes(held.tx, order.taxes, after.taxes)
    orders.update_discounts(held.tx, order.id, order.discounts, after.discounts)
    write_header(held, _header(change, after))
    return finish(held, "order edited", changes, indexed=bool(addresses))


def _header(change: OrderChange, after: Reckoned) -> dict[str, Any]:
    totals = after.totals
    values: dict[str, Any] = {
        name: getattr(totals, name).minor for name in ("subtotal", "discount", "shipping", "tax", "total")
    }
    for part, address in (("billing", change.billing), ("shipping", change.shipping)):
        if address is not None:
            values |= {f"{part}_{name}": getattr(address, name) for name in address.__slots__}
    return values


def _stored_lines(held: Held, change: OrderChange, after: Reckoned) -> Iterator[LineView]:
    """Writes the lines; new ones come back with their ids."""
    before = {line.id: line for line in held.order.lines}
    gone = before.keys() - {line.id for line in after.lines}
    _require_not_refunded(held, gone)
    products = [line.product_id for line in change.lines if line.line_id is None and line.quantity]
    for line in after.lines:
        if line.id < 0:
            yield replace(line, id=orders.add_line(held.tx, held.order.id, line, products[-line.id - 1]))
            continue
        if line != before[line.id]:
            orders.update_line(held.tx, line)
        yield line
    # Last, so that no new line is given the id of one that goes: the audit tells them apart by it.
    for line_id in gone:
        orders.remove_line(held.tx, line_id)


def _require_not_refunded(held: Held, gone: set[int]) -> None:
    refunded = orders.refunded_lines(held.tx, gone) if gone else frozenset()
    for line in held.order.lines:
        if line.id in refunded:
            raise NotPossibleNow(
                f"{line.name} has been refunded and stays in the order.", "Lower its quantity instead."
            )


def _repacked(held: Held, lines: tuple[LineView, ...]) -> Iterator[Change]:
    """Brings the open shipments in line with the new quantities: new lines and more pieces go to the last open one, fewer leave from it."""
    before = {line.id: line for line in held.order.lines}
    gone = before.keys() - {line.id for line in lines}
    for shipment in held.order.shipments:
        for line_id, quantity in shipment.lines:
            if line_id in gone:
                yield Change(f"shipments.{shipment.id}.lines.{line_id}", str(quantity), "")
    open_ones = [s for s in held.order.shipments if s.state in OPEN_SHIPMENT_STATES]
    contents = {shipment.id: dict(shipment.lines) for shipment in open_ones}
    for line in lines:
        was = before.get(line.id)
        delta = line.quantity - (was.quantity if was else 0)
        if was is None:
            yield from _packed_new(held, line, open_ones, contents)
        elif delta:
            yield from _packed_change(held, line.id, delta, contents)
    for shipment in open_ones:
        left = (quantity for line_id, quantity in contents[shipment.id].items() if line_id not in gone)
        if shipment.lines and not any(left):
            orders.cancel_shipments(held.tx, [shipment.id])
            yield Change(f"shipments.{shipment.id}.state", shipment.state, ShipmentState.CANCELLED)


def _packed_change(
    held: Held, line_id: int, delta: int, contents: dict[int, dict[int, int]]
) -> Iterator[Change]:
    holding = [shipment_id for shipment_id in reversed(contents) if line_id in contents[shipment_id]]
    for shipment_id in holding:
        quantity = contents[shipment_id][line_id]
        moved = delta if delta > 0 else max(delta, -quantity)
        yield from _put(held, shipment_id, line_id, quantity + moved, contents)
        delta -= moved
        if not delta:
            return


def _packed_new(
    held: Held, line: LineView, open_ones: list[ShipmentRow], contents: dict[int, dict[int, int]]
) -> Iterator[Change]:
    fitting = [s.id for s in open_ones if s.is_digital is not line.requires_shipping]
    if fitting:
        yield from _put(held, fitting[-1], line.id, line.quantity, contents)
        return
    is_digital = not line.requires_shipping
    method = next((s.method for s in reversed(held.order.shipments) if s.is_digital is is_digital), "")
    shipment_id = orders.add_shipment(held.tx, held.order.id, is_digital, method)
    if not is_digital:
        # Further new lines of this edit join it.
        open_ones.append(_fresh(held.order, shipment_id))
    contents[shipment_id] = {}
    yield Change(f"shipments.{shipment_id}", "", "digital" if is_digital else "parcel")
    yield from _put(held, shipment_id, line.id, line.quantity, contents)


def _fresh(order: OrderView, shipment_id: int) -> ShipmentRow:
    return ShipmentRow(
        shipment_id, order.id, order.number, ShipmentState.AWAITING_INVENTORY, False, "", "", "", (), None, None, None
    )  # fmt: skip


def _put(
    held: Held, shipment_id: int, line_id: int, quantity: int, contents: dict[int, dict[int, int]]
) -> Iterator[Change]:
    was = contents[shipment_id].get(line_id, 0)
    contents[shipment_id][line_id] = quantity
    orders.put_content(held.tx, shipment_id, line_id, quantity)
    path = f"shipments.{shipment_id}.lines.{line_id}"
    yield Change(path, str(was) if was else "", str(quantity) if quantity > 0 else "")
