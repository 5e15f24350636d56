"""Subscriptions and their billing periods."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.retention import OfferKind, RetentionResult
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, PeriodState, SubscriptionStatus
from cstui.storage.tables.base import Base, Key, key, minor, one_of, ref, when, words


def _planned(what: str) -> sa.Index:
    """Finds what is planned for a day, and nothing else."""
    rows = sa.text(f"{what}_on IS NOT NULL")
    return sa.Index(
        f"ix_subscription_{what}", "store_id", f"{what}_on", sqlite_where=rows, postgresql_where=rows
    )


class Subscription(Base, table=True):
    """A recurring purchase. Dates are days of the store's zone; `anchor_day` keeps month ends (31: 31, 28 or 29, 31, 30 …).

    `price_cycles_left` counts the successful bills for which the price that stands here holds; with the last one the `regular_` price comes back (0:
    it is the regular one). `cancel_on` ends it on a day, before that day's bill; without `keep_billing` nothing is billed until then.
    `cancel_after_next` ends it with the next successful bill. While it is paused `pause_on` keeps the bill date that the pause left out first.
    `trial_days` is how long its trial lasts from the first day.
    """

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
        sa.Index(
            "ix_subscription_retry",
            "store_id",
            "retry_on",
            sqlite_where=sa.text("retry_on IS NOT NULL"),
            postgresql_where=sa.text("retry_on IS NOT NULL"),
        ),
        *(_planned(what) for what in ("pause", "resume", "cancel")),
        sa.Index(
            "ix_subscription_card_id",
            "card_id",
            sqlite_where=sa.text("card_id IS NOT NULL"),
            postgresql_where=sa.text("card_id IS NOT NULL"),
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
    price_cycles_left: int = 0
    regular_unit_price: int | None = minor(None)
    regular_discount_kind: DiscountKind | None = one_of(DiscountKind, "regular_discount_kind", nullable=True)
    regular_discount_value: int | None = minor(None)
    regular_shipping: int | None = minor(None)
    regular_tax: int | None = minor(None)
    interval_unit: IntervalUnit = one_of(IntervalUnit, "interval_unit", default=IntervalUnit.MONTH)
    interval_count: int = 1
    anchor_day: int | None = None
    cycle: int = 0
    final_cycle: int | None = None
    next_bill_date: date | None = None
    last_bill_date: date | None = None
    trial_ends_on: date | None = None
    trial_days: int = 0
    pause_on: date | None = None
    resume_on: date | None = None
    cancel_on: date | None = None
    keep_billing: bool = True
    cancel_after_next: bool = False
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
    __table_args__ = (
        sa.UniqueConstraint("subscription_id", "cycle"),
        sa.Index(
            "ix_subscription_period_missed",
            "subscription_id",
            sqlite_where=sa.text("is_missed AND state = 'due'"),
            postgresql_where=sa.text("is_missed AND state = 'due'"),
        ),
    )
    id: int | None = key()
    subscription_id: int = ref("subscription.id")
    cycle: int
    bill_date: date
    state: PeriodState = one_of(PeriodState, "state")
    amount: int = minor()
    currency: str = words()
    order_id: int | None = ref("orders.id", nullable=True)
    note: str = words()
    is_missed: bool = False
    tries: int = 0
    closed_at: datetime | None = when(nullable=True)


class RetentionOffer(Base, table=True):
    """What the merchant offers somebody who wants to cancel for a reason: of one store, or (store_id empty) of all (RETN-02)."""

    __tablename__ = "retention_offer"
    __table_args__ = (sa.Index("ix_retention_offer_reason_code", "reason_code"),)
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    reason_code: str = words()
    kind: OfferKind = one_of(OfferKind, "kind")
    percent: int = 0
    cycles: int = 0
    days: int = 0
    product_id: int | None = ref("product.id", nullable=True)
    label: str = words()
    is_active: bool = True
    changed_by: str = words()
    changed_at: datetime = when()


class RetentionOutcome(Base, table=True):
    """How one wish to cancel ended: saved by an offer, offer declined, or cancelled; counted for reports."""

    __tablename__ = "retention_outcome"
    __table_args__ = (
        sa.Index("ix_retention_outcome_store_id", "store_id", "at"),
        sa.Index("ix_retention_outcome_subscription_id", "subscription_id"),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    subscription_id: int = ref("subscription.id")
    customer_id: int = ref("customer.id")
    reason_code: str = words()
    offer_id: int | None = ref("retention_offer.id", nullable=True)
    outcome: RetentionResult = one_of(RetentionResult, "outcome")
    by_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    by_name: str = words()
    at: datetime = when()
