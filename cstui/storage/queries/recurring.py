"""The order of a billed cycle, and the next order number of a store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cstui.domain.billing_charges import Charged
from cstui.domain.orders import DiscountTarget, OrderKind, OrderStatus
from cstui.domain.shipments import ShipmentState
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress
from cstui.storage.tables.orders import (
    Order,
    OrderDiscount,
    OrderLine,
    OrderTax,
    Product,
    Shipment,
    ShipmentLine,
)
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

_ORDER = table_of(Order)
_LINE = table_of(OrderLine)
_TAX = table_of(OrderTax)
_DISCOUNT = table_of(OrderDiscount)
_SHIPMENT = table_of(Shipment)
_SHIPMENT_LINE = table_of(ShipmentLine)
_PRODUCT = table_of(Product)
_STORE = table_of(Store)
_CUSTOMER = table_of(Customer)
_ADDRESS = table_of(CustomerAddress)
_OF_ADDRESS = (
    "first_name", "last_name", "company", "line1", "line2", "city", "region", "postcode", "country", "phone",
)  # fmt: skip
#: The number of the first order of a store that has none yet.
FIRST_NUMBER = 1001


def next_number(tx: Transaction, store_id: int) -> str:
    """The store's next order number: its prefix and one more than the last. Two transactions never get the same one.

    The store's own count is locked until the transaction ends. Where an import brought higher numbers meanwhile, it goes on after those.
    """
    s = _STORE.c
    taken = tx.rows(
        _STORE.update()
        .where(s.id == store_id)
        .values(last_order_number=s.last_order_number + 1)
        .returning(s.last_order_number, s.order_prefix)
    )[0]
    number, prefix = int(taken.last_order_number), taken.order_prefix
    if number == 1 or _is_taken(tx, store_id, f"{prefix}{number}"):
        number = max(_highest(tx, store_id, prefix) + 1, FIRST_NUMBER)
        tx.run(_STORE.update().where(s.id == store_id).values(last_order_number=number))
    return f"{prefix}{number}"


def _is_taken(tx: Transaction, store_id: int, number: str) -> bool:
    found = sa.select(_ORDER.c.id).where(_ORDER.c.number == number, _ORDER.c.store_id == store_id).limit(1)
    return bool(tx.rows(found))


def _highest(tx: Transaction, store_id: int, prefix: str) -> int:
    """The highest number of the store's orders that is its prefix and digits; 0 where there is none."""
    digits = sa.func.substr(_ORDER.c.number, len(prefix) + 1)
    is_number = digits.op("GLOB")("[0-9]*") & sa.not_(digits.op("GLOB")("*[^0-9]*"))
    if not tx.is_sqlite:
        is_number = digits.op("~")("^[0-9]+$")
    value = sa.case((is_number & (sa.func.length(digits) < 16), sa.cast(digits, sa.BigInteger)))
    query = sa.select(sa.func.max(value)).where(
        _ORDER.c.store_id == store_id, sa.func.substr(_ORDER.c.number, 1, len(prefix)) == prefix
    )
    return int(tx.rows(query)[0][0] or 0)


def order_of(tx: Transaction, subscription_id: int, cycle: int) -> int | None:
    """The order of a billed cycle, or None."""
    rows = tx.rows(
        sa.select(_ORDER.c.id).where(
            _ORDER.c.subscription_id == subscription_id,
            _ORDER.c.cycle == cycle,
            _ORDER.c.kind == OrderKind.RECURRING,
            _ORDER.c.cycle.is_not(None),
        )
    )
    return int(rows[0][0]) if rows else None


def place(tx: Transaction, subscription: Any, cycle: int, charged: Charged) -> tuple[int, str]:
    """Writes the order of a cycle with its line, tax, discounts and shipment; returns its key and number.

    Addresses, method and the name of the tax come from the first order; without one from the customer's own. The search index follows with
    the order's transaction; of a free cycle the caller brings it up to date.
    """
    first = _row(tx, _ORDER, subscription.parent_order_id)
    number = next_number(tx, subscription.store_id)
    customer = tx.rows(sa.select(_CUSTOMER).where(_CUSTOMER.c.id == subscription.customer_id))[0]
    tax, includes = _tax_of(first, charged)
    values = {
        "store_id": subscription.store_id, "customer_id": subscription.customer_id, "number": number, "external_id": "",
        "kind": OrderKind.RECURRING, "source": "subscription", "status": OrderStatus.IN_PROGRESS, "placed_at": tx.now,
        "cancelled_at": None, "cancel_reason": "", "currency": subscription.currency, "prices_include_tax": includes,
        "subtotal": charged.goods, "discount": charged.discount + charged.reduced, "shipping": charged.shipping, "tax": tax,
        "total": charged.total, "email": (first.email if first else "") or customer.email,
        "phone": (first.phone if first else "") or customer.phone, "payment_method": "card", "tags": "",
        "locale": (first.locale if first else "") or customer.locale, **_addresses(tx, subscription.customer_id, first),
        "subscription_id": subscription.id, "cycle": cycle, "parent_order_id": subscription.parent_order_id, "created_at": tx.now,
        "updated_at": tx.now, "version": 1, "fence": 0,
    }  # fmt: skip
    order_id = _added(tx, _ORDER, values)
    _parts(tx, order_id, subscription, first, charged, tax)
    return order_id, number


def _parts(tx: Transaction, order_id: int, subscription: Any, first: Any | None, charged: Charged, tax: int) -> None:  # fmt: skip
    product = _row(tx, _PRODUCT, charged.product_id)
    ships = bool(product.requires_shipping) if product else True
    line = _added(
        tx, _LINE,
        {
            "order_id": order_id, "position": 0, "product_id": charged.product_id, "subscription_id": subscription.id,
            "sku": charged.sku, "name": charged.product, "option": charged.option,
            "vendor": product.vendor if product else "", "personalisation": "", "quantity": charged.quantity,
            "unit_price": charged.unit, "discount": 0, "tax": tax, "taxable": bool(product.taxable) if product else True,
            "requires_shipping": ships,
        },
    )  # fmt: skip
    if tax:
        name = _first_of(tx, _TAX, first)
        base = charged.goods - charged.discount - charged.reduced
        _added(
            tx,
            _TAX,
            {
                "order_id": order_id,
                "position": 0,
                "name": name.name if name else "Tax",
                "amount": tax,
                "base": base,
            },
        )
    for position, (code, amount) in enumerate(
        (("Subscription", charged.discount), ("Retry", charged.reduced))
    ):
        if amount:
            row = {
                "order_id": order_id,
                "position": position,
                "code": code,
                "amount": amount,
                "target": DiscountTarget.LINES,
            }
            _added(tx, _DISCOUNT, row)
    before = _first_of(tx, _SHIPMENT, first)
    parcel = _added(
        tx, _SHIPMENT,
        {
            "order_id": order_id, "state": ShipmentState.AWAITING_INVENTORY, "is_digital": not ships,
            "method": before.method if before else "", "carrier": "", "tracking": "", "created_at": tx.now, "released_at": None,
            "shipped_at": None, "delivered_at": None,
        },
    )  # fmt: skip
    tx.run(_SHIPMENT_LINE.insert().values(shipment_id=parcel, order_line_id=line, quantity=charged.quantity))


def _tax_of(first: Any | None, charged: Charged) -> tuple[int, bool]:
    """The order's tax, and whether the prices hold it: then as much of the total as in the first order."""
    if first is None or not first.prices_include_tax:
        return charged.tax, False
    share = (2 * first.tax * charged.total + first.total) // (2 * first.total) if first.total > 0 else 0
    return charged.tax or share, True


def _addresses(tx: Transaction, customer_id: int, first: Any | None) -> dict[str, Any]:
    if first is not None:
        return {
            f"{sort}_{name}": getattr(first, f"{sort}_{name}")
            for sort in ("billing", "shipping")
            for name in _OF_ADDRESS
        }
    rows = tx.rows(sa.select(_ADDRESS).where(_ADDRESS.c.customer_id == customer_id).order_by(_ADDRESS.c.id))
    found: dict[str, Any] = {}
    for sort, flag in (("billing", "is_default_billing"), ("shipping", "is_default_shipping")):
        row = next((row for row in rows if getattr(row, flag)), rows[0] if rows else None)
        found |= {f"{sort}_{name}": getattr(row, name) if row else "" for name in _OF_ADDRESS}
    return found


def _row(tx: Transaction, table: sa.Table, key: int | None) -> Any | None:
    rows = tx.rows(sa.select(table).where(table.c.id == key)) if key is not None else []
    return rows[0] if rows else None


def _first_of(tx: Transaction, table: sa.Table, order: Any | None) -> Any | None:
    if order is None:
        return None
    rows = tx.rows(sa.select(table).where(table.c.order_id == order.id).order_by(table.c.id).limit(1))
    return rows[0] if rows else None


def _added(tx: Transaction, table: sa.Table, values: dict[str, Any]) -> int:
    return int(tx.rows(table.insert().values(**values).returning(table.c.id))[0][0])
