"""Orders with their own addresses, lines, taxes, discounts, holds, shipments and products."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.orders import DiscountTarget, HoldState, OrderKind, OrderStatus
from cstui.domain.shipments import ShipmentState
from cstui.storage.tables.base import Base, Key, key, minor, one_of, ref, when, words


class Product(Base, table=True):
    """What can be added to an order; filled by imports and by hand."""

    __tablename__ = "product"
    __table_args__ = (sa.UniqueConstraint("store_id", "sku", "name", "option"),)
    id: int | None = key()
    store_id: int = ref("store.id")
    sku: str = words()
    name: str = words()
    option: str = words()
    vendor: str = words()
    unit_price: int = minor()
    requires_shipping: bool = True
    taxable: bool = True
    is_active: bool = True
    created_at: datetime = when()


class Order(Base, table=True):
    """One order of one store (GEN-01).

    Amounts are minor units of `currency`. `subtotal` is lines before discounts. `version` counts what the edit form can change; `fence` grows with
    each grant or forced removal of the edit lock and never goes back.
    """

    __tablename__ = "orders"
    __table_args__ = (
        sa.Index("ix_orders_customer_id", "customer_id", "placed_at", "store_id"),
        sa.Index("ix_orders_store_id", "store_id", "placed_at"),
        sa.Index("ix_orders_number", "number"),
        sa.Index(
            "ux_orders_external",
            "store_id",
            "external_id",
            unique=True,
            sqlite_where=sa.text("external_id <> ''"),
            postgresql_where=sa.text("external_id <> ''"),
        ),
        sa.Index(
            "ux_orders_cycle",
            "subscription_id",
            "cycle",
            unique=True,
            sqlite_where=sa.text("cycle IS NOT NULL AND kind = 'recurring'"),
            postgresql_where=sa.text("cycle IS NOT NULL AND kind = 'recurring'"),
        ),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    customer_id: int = ref("customer.id")
    number: str = words()
    external_id: str = words()
    kind: OrderKind = one_of(OrderKind, "kind", default=OrderKind.SALE)
    source: str = words()
    status: OrderStatus = one_of(OrderStatus, "status", default=OrderStatus.CREATED)
    placed_at: datetime = when()
    cancelled_at: datetime | None = when(nullable=True)
    cancel_reason: str = words()
    currency: str = words()
    prices_include_tax: bool = False
    subtotal: int = minor()
    discount: int = minor()
    shipping: int = minor()
    tax: int = minor()
    total: int = minor()
    email: str = words()
    phone: str = words()
    payment_method: str = words()
    tags: str = words()
    locale: str = words()
    billing_first_name: str = words()
    billing_last_name: str = words()
    billing_company: str = words()
    billing_line1: str = words()
    billing_line2: str = words()
    billing_city: str = words()
    billing_region: str = words()
    billing_postcode: str = words()
    billing_country: str = words()
    billing_phone: str = words()
    shipping_first_name: str = words()
    shipping_last_name: str = words()
    shipping_company: str = words()
    shipping_line1: str = words()
    shipping_line2: str = words()
    shipping_city: str = words()
    shipping_region: str = words()
    shipping_postcode: str = words()
    shipping_country: str = words()
    shipping_phone: str = words()
    subscription_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    cycle: int | None = None
    parent_order_id: int | None = ref("orders.id", nullable=True)
    created_at: datetime = when()
    updated_at: datetime = when()
    version: int = 1
    fence: int = Field(default=0, sa_type=sa.BigInteger, nullable=False)


class OrderLine(Base, table=True):
    """One line: amounts are of the whole line, the unit price is before discount."""

    __tablename__ = "order_line"
    __table_args__ = (sa.Index("ix_order_line_order_id", "order_id", "position"),)
    id: int | None = key()
    order_id: int = ref("orders.id")
    position: int = 0
    product_id: int | None = ref("product.id", nullable=True)
    subscription_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    sku: str = words()
    name: str = words()
    option: str = words()
    vendor: str = words()
    personalisation: str = words()
    quantity: int = 1
    unit_price: int = minor()
    discount: int = minor()
    tax: int = minor()
    taxable: bool = True
    requires_shipping: bool = True


class OrderTax(Base, table=True):
    """One tax of an order; `base` is what it was reckoned on, empty where unknown."""

    __tablename__ = "order_tax"
    __table_args__ = (sa.Index("ix_order_tax_order_id", "order_id"),)
    id: int | None = key()
    order_id: int = ref("orders.id")
    position: int = 0
    name: str = words()
    amount: int = minor()
    base: int | None = minor(None)


class OrderDiscount(Base, table=True):
    """One discount of an order with what it lowers."""

    __tablename__ = "order_discount"
    __table_args__ = (sa.Index("ix_order_discount_order_id", "order_id"),)
    id: int | None = key()
    order_id: int = ref("orders.id")
    position: int = 0
    code: str = words()
    amount: int = minor()
    target: DiscountTarget = one_of(DiscountTarget, "target", default=DiscountTarget.LINES)


class OrderHold(Base, table=True):
    """A named stop on an order; several are possible (ORD-16)."""

    __tablename__ = "order_hold"
    __table_args__ = (sa.Index("ix_order_hold_order_id", "order_id"),)
    id: int | None = key()
    order_id: int = ref("orders.id")
    reason_code: str = words()
    reason: str = words()
    note: str = words()
    is_system: bool = False
    cause: str = words()
    state: HoldState = one_of(HoldState, "state", default=HoldState.OPEN)
    status_before: OrderStatus = one_of(OrderStatus, "status_before", default=OrderStatus.IN_PROGRESS)
    placed_by: str = words()
    placed_at: datetime = when()
    resolved_by: str = words()
    resolved_at: datetime | None = when(nullable=True)
    resolution_note: str = words()


class Shipment(Base, table=True):
    """A parcel, or the digital lines of an order (e-shipment)."""

    __tablename__ = "shipment"
    __table_args__ = (sa.Index("ix_shipment_order_id", "order_id"),)
    id: int | None = key()
    order_id: int = ref("orders.id")
    state: ShipmentState = one_of(ShipmentState, "state", default=ShipmentState.AWAITING_INVENTORY)
    is_digital: bool = False
    method: str = words()
    carrier: str = words()
    tracking: str = words()
    created_at: datetime = when()
    released_at: datetime | None = when(nullable=True)
    shipped_at: datetime | None = when(nullable=True)
    delivered_at: datetime | None = when(nullable=True)


class ShipmentLine(Base, table=True):
    """How much of an order line a shipment holds."""

    __tablename__ = "shipment_line"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.Index("ix_shipment_line_order_line_id", "order_line_id"),
    )
    shipment_id: int = Field(sa_type=Key, primary_key=True, foreign_key="shipment.id")
    order_line_id: int = Field(sa_type=Key, primary_key=True, foreign_key="order_line.id")
    quantity: int = 1
