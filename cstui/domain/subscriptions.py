"""Subscriptions: states and what a profile shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cstui.domain.money import Money


class SubscriptionStatus(StrEnum):
    """States of a subscription."""

    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    RECYCLE_FAILED = "recycle_failed"
    CANCELLED = "cancelled"
    COMPLETE = "complete"


class PeriodState(StrEnum):
    """What became of one billing cycle."""

    DUE = "due"
    BILLED = "billed"
    SKIPPED = "skipped"
    FAILED = "failed"


class IntervalUnit(StrEnum):
    """The unit of a billing interval."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class DiscountKind(StrEnum):
    """How a discount is written down."""

    NONE = "none"
    PERCENT = "percent"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Price:
    """What one cycle costs: unit × quantity − discount + shipping + tax."""

    unit: Money
    quantity: int
    discount: Money
    shipping: Money
    tax: Money

    @property
    def total(self) -> Money:
        """The charge of one cycle."""
        return self.unit * self.quantity - self.discount + self.shipping + self.tax


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription as a list shows it."""

    id: int
    store_id: int
    customer_id: int
    product: str
    option: str
    status: SubscriptionStatus
    price: Price
    interval_unit: IntervalUnit
    interval_count: int
    cycle: int
    next_bill_date: date | None
    trial_ends_on: date | None
    card_brand: str
    card_last4: str
    version: int


def interval_words(unit: IntervalUnit, count: int) -> str:
    """`every month`, `every 3 weeks`."""
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """What became of one cycle."""

    cycle: int
    bill_date: date
    state: PeriodState
    amount: Money
    order_id: int | None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """One subscription with its periods, newest first."""

    row: SubscriptionRow
    periods: tuple[PeriodRow, ...]
