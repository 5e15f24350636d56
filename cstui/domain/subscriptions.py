"""Subscriptions: states and what a profile shows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cstui.domain.money import Money

if TYPE_CHECKING:
    from cstui.domain.audit import AuditRow
    from cstui.domain.declines import DeclineClass
    from cstui.domain.locking import LockState
    from cstui.domain.mails import MailRow
    from cstui.domain.payments import AttemptState
    from cstui.domain.refunds import Receipt
    from cstui.domain.subscription_changes import BillPreview
    from cstui.domain.subscription_rules import SubscriptionAction


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
class SubscriptionAttempt:
    """One try to bill, as the billing history shows it: `said` is the gateway's answer in plain words, `advice` what to do, `again` its class."""

    id: int
    cycle: int | None
    at: datetime
    amount: Money
    state: AttemptState
    card: str
    code: str
    text: str
    said: str
    advice: str
    again: DeclineClass | None
    order_id: int | None
    requested_by: str


@dataclass(frozen=True, slots=True)
class RegularPrice:
    """The price that comes back once a price for some cycles is over."""

    unit: Money
    discount_kind: DiscountKind
    discount_value: int
    discount: Money
    shipping: Money
    tax: Money
    total: Money


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """One subscription with its periods, newest first, and everything that its screen paints: one consistent read.

    `discount_value` is whole percent, or minor units. `card_warning` says that the card ends before the next bill; `why_not` holds an entry for each
    action that is not possible now. `pause_on`, `resume_on`, `cancel_on` are plans, in days of the store's zone; `bills_at` the next bill's instant.
    `receipt` and `problem` are of the second step that was asked for together with what was stored: a refund, or a charge of the new card.
    """

    row: SubscriptionRow
    periods: tuple[PeriodRow, ...]
    store_code: str = ""
    store_name: str = ""
    store_zone: str = "UTC"
    bill_time: str = ""
    is_test: bool = False
    customer_name: str = ""
    customer_email: str = ""
    product_id: int | None = None
    sku: str = ""
    discount_kind: DiscountKind = DiscountKind.NONE
    discount_value: int = 0
    price_cycles_left: int = 0
    regular: RegularPrice | None = None
    anchor_day: int | None = None
    final_cycle: int | None = None
    last_bill_date: date | None = None
    trial_days: int = 0
    pause_on: date | None = None
    resume_on: date | None = None
    cancel_on: date | None = None
    keep_billing: bool = True
    cancel_after_next: bool = False
    tries: int = 0
    retry_on: date | None = None
    card_id: int | None = None
    card: str = ""
    card_expires: date | None = None
    card_warning: str = ""
    parent_order_id: int | None = None
    parent_number: str = ""
    cancel_reason: str = ""
    cancelled_at: datetime | None = None
    created_at: datetime | None = None
    attempts: tuple[SubscriptionAttempt, ...] = ()
    events: tuple[AuditRow, ...] = ()
    mails: tuple[MailRow, ...] = ()
    edit_lock: LockState | None = None
    viewers: tuple[str, ...] = ()
    permitted: frozenset[str] = frozenset()
    why_not: Mapping[SubscriptionAction, str] = field(default_factory=dict)
    next: BillPreview | None = None
    bills_at: datetime | None = None
    today: date | None = None
    receipt: Receipt | None = None
    problem: str = ""

    @property
    def version(self) -> int:
        """The version that an edit of this view is begun on."""
        return self.row.version
