"""Subscriptions and their billing periods."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.subscriptions import DiscountKind, IntervalUnit, PeriodState, SubscriptionStatus
from cstui.storage.tables.base import Base, key, minor, one_of, ref, when, words


class Subscription(Base, table=True):
    """A recurring purchase. Dates are days of the store's zone; `anchor_day` keeps month ends (31: 31, 28 or 29, 31, 30 …)."""

    __tablename__ = "subscription"
    __table_args__ = (
        sa.Index("ix_subscription_customer_id", "customer_id"),
        sa.Index(
            "ix_subscription_due",
            "store_id",
            "next_bill_date",
            sqlite_where=sa.text("next_bill_date IS NOT NULL"),
            postgresql_where=sa.text("next_bill_date IS NOT NULL"),
        ),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("interval_count > 0", name="interval_count"),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    customer_id: int = ref("customer.id")
    external_id: str = words()
    product_id: int | None = ref("product.id", nullable=True)
    sku: str = words()
    product: str = words()
    option: str = words()
    status: SubscriptionStatus = one_of(SubscriptionStatus, "status")
    currency: str = words()
    quantity: int = 1
    unit_price: int = minor()
    discount_kind: DiscountKind = one_of(DiscountKind, "discount_kind", default=DiscountKind.NONE)
    discount_value: int = minor()
    discount: int = minor()
    shipping: int = minor()
    tax: int = minor()
    price_next_only: bool = False
    interval_unit: IntervalUnit = one_of(IntervalUnit, "interval_unit", default=IntervalUnit.MONTH)
    interval_count: int = 1
    anchor_day: int | None = None
    cycle: int = 0
    final_cycle: int | None = None
    next_bill_date: date | None = None
    last_bill_date: date | None = None
    trial_ends_on: date | None = None
    pause_on: date | None = None
    resume_on: date | None = None
    cancel_on: date | None = None
    keep_billing: bool = True
    attempts: int = 0
    retry_on: date | None = None
    card_id: int | None = ref("card.id", nullable=True)
    parent_order_id: int | None = ref("orders.id", nullable=True)
    cancel_reason: str = words()
    cancelled_at: datetime | None = when(nullable=True)
    created_at: datetime = when()
    updated_at: datetime = when()
    version: int = 1
    fence: int = Field(default=0, sa_type=sa.BigInteger, nullable=False)


class SubscriptionPeriod(Base, table=True):
    """One billing cycle: billed once or not at all, by the unique key."""

    __tablename__ = "subscription_period"
    __table_args__ = (sa.UniqueConstraint("subscription_id", "cycle"),)
    id: int | None = key()
    subscription_id: int = ref("subscription.id")
    cycle: int
    bill_date: date
    state: PeriodState = one_of(PeriodState, "state")
    amount: int = minor()
    currency: str = words()
    order_id: int | None = ref("orders.id", nullable=True)
    note: str = words()
    closed_at: datetime | None = when(nullable=True)
