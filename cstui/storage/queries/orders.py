"""Writing orders: rows locked before they are read, every change of the header guarded by its version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from cstui.domain.orders import (
    FINAL_STATUSES,
    DiscountView,
    HoldState,
    LineView,
    OrderStatus,
    OrderView,
    TaxView,
)
from cstui.domain.shipments import CANCELLABLE_SHIPMENT_STATES, ShipmentState
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.queries import order_view
from cstui.storage.queries.order_view import Fetch, Looker
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import (
    Order,
    OrderDiscount,
    OrderHold,
    OrderLine,
    OrderTax,
    Product,
    Shipment,
    ShipmentLine,
)
from cstui.storage.tables.payments import RefundAllocation
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_ORDER = table_of(Order)
_LINE = table_of(OrderLine)
_TAX = table_of(OrderTax)
_DISCOUNT = table_of(OrderDiscount)
_HOLD = table_of(OrderHold)
_SHIPMENT = table_of(Shipment)
_CONTENT = table_of(ShipmentLine)
_PRODUCT = table_of(Product)
_SUBSCRIPTION = table_of(Subscription)
_ALLOCATION = table_of(RefundAllocation)


def _asked(transaction: Transaction, sql: str, parameters: Mapping[str, Any]) -> list[Any]:
    return transaction.rows(sa.text(sql), dict(parameters))


def inside(transaction: Transaction) -> Fetch:
    """Runs the reads of `order_view` inside this transaction, so that they see what it has written."""
    return partial(_asked, transaction)


def read(transaction: Transaction, order_id: int, looker: Looker) -> OrderView | None:
    """The order as this transaction sees it."""
    return order_view.read_order(inside(transaction), transaction.is_sqlite, order_id, looker)


def hold_shipments_still(transaction: Transaction, order_id: int) -> None:
    """Locks the order's shipments until the transaction ends, so that the warehouse cannot release one between reading and writing."""
    transaction.rows(sa.select(_SHIPMENT.c.id).where(_SHIPMENT.c.order_id == order_id).with_for_update())


def update_header(
    transaction: Transaction,
    order_id: int,
    version: int,
    values: Mapping[str, Any],
    *,
    still_open: bool = False,
) -> bool:
    """Writes header fields and raises the version; False where the version has moved on (or the order is final, with `still_open`)."""
    statement = (
        _ORDER.update()
        .where(_ORDER.c.id == order_id, _ORDER.c.version == version)
        .values(version=version + 1, updated_at=transaction.now, **values)
    )
    if still_open:
        statement = statement.where(_ORDER.c.status.not_in(FINAL_STATUSES))
    return transaction.run(statement) == 1


def update_line(transaction: Transaction, line: LineView) -> None:
    """Writes what an edit can move on a line."""
    transaction.run(
        _LINE.update()
        .where(_LINE.c.id == line.id)
        .values(quantity=line.quantity, discount=line.discount.minor, tax=line.tax.minor)
    )


def remove_line(transaction: Transaction, line_id: int) -> None:
    """Takes a line out of the order and out of its shipments; the audit keeps its facts."""
    transaction.run(_CONTENT.delete().where(_CONTENT.c.order_line_id == line_id))
    transaction.run(_LINE.delete().where(_LINE.c.id == line_id))


def add_line(transaction: Transaction, order_id: int, line: LineView, product_id: int | None) -> int:
    """Appends a line to the order and returns its id."""
    last = transaction.rows(
        sa.select(sa.func.coalesce(sa.func.max(_LINE.c.position), -1)).where(_LINE.c.order_id == order_id)
    )
    statement = _LINE.insert().values(
        order_id=order_id, position=last[0][0] + 1, product_id=product_id, subscription_id=None, sku=line.sku, name=line.name,
        option=line.option, vendor="", personalisation="", quantity=line.quantity, unit_price=line.unit_price.minor,
        discount=line.discount.minor, tax=line.tax.minor, taxable=line.taxable, requires_shipping=line.requires_shipping,
    )  # fmt: skip
    return int(transaction.rows(statement.returning(_LINE.c.id))[0][0])


def update_taxes(transaction: Transaction, old: Iterable[TaxView], new: Iterable[TaxView]) -> None:
    """Writes the taxes that moved."""
    for was, now in zip(old, new, strict=True):
        if was != now:
            transaction.run(
                _TAX.update()
                .where(_TAX.c.id == now.id)
                .values(amount=now.amount.minor, base=None if now.base is None else now.base.minor)
            )


def update_discounts(
    transaction: Transaction, order_id: int, old: tuple[DiscountView, ...], new: tuple[DiscountView, ...]
) -> None:
    """Writes the discounts that moved; both lists are in stored order."""
    if old == new:
        return
    ids = transaction.rows(
        sa.select(_DISCOUNT.c.id)
        .where(_DISCOUNT.c.order_id == order_id)
        .order_by(_DISCOUNT.c.position, _DISCOUNT.c.id)
    )
    for (discount_id,), was, now in zip(ids, old, new, strict=True):
        if was != now:
            transaction.run(
                _DISCOUNT.update().where(_DISCOUNT.c.id == discount_id).values(amount=now.amount.minor)
            )


def put_content(transaction: Transaction, shipment_id: int, line_id: int, quantity: int) -> None:
    """How much of a line a shipment holds; nothing removes it from the shipment."""
    at = sa.and_(_CONTENT.c.shipment_id == shipment_id, _CONTENT.c.order_line_id == line_id)
    if quantity <= 0:
        transaction.run(_CONTENT.delete().where(at))
    elif not transaction.run(_CONTENT.update().where(at).values(quantity=quantity)):
        transaction.run(
            _CONTENT.insert().values(shipment_id=shipment_id, order_line_id=line_id, quantity=quantity)
        )


def add_shipment(transaction: Transaction, order_id: int, is_digital: bool, method: str) -> int:
    """A new, open shipment of the order (digital: pending); returns its id."""
    state = ShipmentState.PENDING if is_digital else ShipmentState.AWAITING_INVENTORY
    statement = _SHIPMENT.insert().values(
        order_id=order_id, state=state, is_digital=is_digital, method=method, carrier="", tracking="",
        created_at=transaction.now,
    )  # fmt: skip
    return int(transaction.rows(statement.returning(_SHIPMENT.c.id))[0][0])


def cancel_shipments(transaction: Transaction, shipment_ids: Iterable[int]) -> int:
    """Cancels shipments that nothing has left yet; returns how many it caught, fewer where the warehouse was faster."""
    return transaction.run(
        _SHIPMENT.update()
        .where(
            _SHIPMENT.c.id.in_(list(shipment_ids)),
            _SHIPMENT.c.state.in_(sorted(CANCELLABLE_SHIPMENT_STATES)),
        )
        .values(state=ShipmentState.CANCELLED)
    )


def add_hold(transaction: Transaction, order_id: int, values: Mapping[str, Any]) -> int:
    """Places a hold and returns its id."""
    statement = _HOLD.insert().values(
        order_id=order_id, is_system=False, cause="", state=HoldState.OPEN, placed_at=transaction.now, resolved_by="",
        resolution_note="", **values,
    )  # fmt: skip
    return int(transaction.rows(statement.returning(_HOLD.c.id))[0][0])


def close_holds(
    transaction: Transaction, hold_ids: Iterable[int], state: HoldState, by: str, note: str
) -> int:
    """Closes open holds and returns how many."""
    return transaction.run(
        _HOLD.update()
        .where(_HOLD.c.id.in_(list(hold_ids)), _HOLD.c.state == HoldState.OPEN)
        .values(state=state, resolved_by=by, resolved_at=transaction.now, resolution_note=note)
    )


def status_before_holds(transaction: Transaction, order_id: int) -> OrderStatus | None:
    """The status that the order had before its oldest open hold; None where no hold is open."""
    rows = transaction.rows(
        sa.select(_HOLD.c.status_before)
        .where(_HOLD.c.order_id == order_id, _HOLD.c.state == HoldState.OPEN)
        .order_by(_HOLD.c.id)
        .limit(1)
    )
    return OrderStatus(rows[0][0]) if rows else None


def product(transaction: Transaction, product_id: int, store_id: int) -> Any:
    """A product of this store that can be sold, or None."""
    rows = transaction.rows(
        sa.select(_PRODUCT).where(
            _PRODUCT.c.id == product_id, _PRODUCT.c.store_id == store_id, _PRODUCT.c.is_active.is_(True)
        )
    )
    return rows[0] if rows else None


def subscriptions_started_by(transaction: Transaction, order_id: int, customer_id: int) -> list[Any]:
    """Living subscriptions that this order started: id, product, option and how often they bill; 50 at most."""
    ended = (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE)
    return transaction.rows(
        sa.select(
            _SUBSCRIPTION.c.id,
            _SUBSCRIPTION.c.product,
            _SUBSCRIPTION.c.option,
            _SUBSCRIPTION.c.interval_unit,
            _SUBSCRIPTION.c.interval_count,
        )
        .where(
            _SUBSCRIPTION.c.customer_id == customer_id,
            _SUBSCRIPTION.c.parent_order_id == order_id,
            _SUBSCRIPTION.c.status.not_in(ended),
        )
        .order_by(_SUBSCRIPTION.c.id)
        .limit(50)
    )


def refunded_lines(transaction: Transaction, line_ids: Iterable[int]) -> frozenset[int]:
    """Those of the lines that a refund names; they cannot be taken out any more."""
    rows = transaction.rows(
        sa.select(_ALLOCATION.c.order_line_id)
        .where(_ALLOCATION.c.order_line_id.in_(list(line_ids)))
        .distinct()
    )
    return frozenset(row[0] for row in rows)


def happened_at(value: datetime | None) -> str:
    """An instant as the audit keeps it; empty for none."""
    return "" if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
