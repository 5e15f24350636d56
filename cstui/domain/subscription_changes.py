"""Changing a subscription, as values: what a form stores, what an action does, what will be billed when.

Everything that is decided is decided here, on frozen facts: what a preview shows is what is stored (see `subscription_actions.after`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cstui.domain.money import Money
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """A subscription's own row as values, by the names of its columns. Amounts in minor units of `currency`, dates of the store's zone.

    `discount_value` is whole percent, or minor units. The `regular_` price comes back after `price_cycles_left` successful bills; None where the
    price that stands here is the regular one. While it is paused `pause_on` keeps the bill date that the pause left out first.
    """

    status: SubscriptionStatus
    currency: str
    product_id: int | None = None
    sku: str = ""
    product: str = ""
    option: str = ""
    quantity: int = 1
    unit_price: int = 0
    discount_kind: DiscountKind = DiscountKind.NONE
    discount_value: int = 0
    discount: int = 0
    shipping: int = 0
    tax: int = 0
    price_cycles_left: int = 0
    regular_unit_price: int | None = None
    regular_discount_kind: DiscountKind | None = None
    regular_discount_value: int | None = None
    regular_shipping: int | None = None
    regular_tax: int | None = None
    interval_unit: IntervalUnit = IntervalUnit.MONTH
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
    card_id: int | None = None
    cancel_reason: str = ""
    cancelled_at: datetime | None = None

    @property
    def total(self) -> int:
        """What the next bill comes to, in minor units."""
        return self.unit_price * self.quantity - self.discount + self.shipping + self.tax


class CancelWhen(StrEnum):
    """When a cancellation takes effect (SUB-18); the value is the word of the command line."""

    NOW = "now"
    AFTER_NEXT = "after-next"
    BEFORE_NEXT = "before-next"
    ON_DATE = "on-date"


class TrialMove(StrEnum):
    """What can be done with a trial (SUB-16)."""

    RESTART = "restart"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """What the edit forms store; None leaves a fact as it is (SUB-07, SUB-11, SUB-13, SUB-17).

    `next_only` keeps the price for the next successful bill, `for_cycles` for so many; otherwise it holds for good. `discount_value` is whole
    percent, or minor units. `option` names another option of the same product, `product_id` any product of the store; `price_follows` takes its
    price. `drop_cancel` and `drop_pause` take back what was planned.
    """

    unit_price: Money | None = None
    shipping: Money | None = None
    discount_kind: DiscountKind | None = None
    discount_value: int | None = None
    next_only: bool = False
    for_cycles: int = 0
    quantity: int | None = None
    option: str | None = None
    product_id: int | None = None
    price_follows: bool = True
    next_bill_date: date | None = None
    interval_unit: IntervalUnit | None = None
    interval_count: int | None = None
    card_id: int | None = None
    drop_cancel: bool = False
    drop_pause: bool = False

    @property
    def cycles(self) -> int:
        """For how many bills the price holds; 0 for good."""
        return self.for_cycles or (1 if self.next_only else 0)

    @property
    def is_price(self) -> bool:
        """Whether it moves what has a permission of its own: unit price, shipping, discount."""
        return any(
            value is not None
            for value in (self.unit_price, self.shipping, self.discount_kind, self.discount_value)
        )


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ends it now, with or instead of the next bill, or on a day; `keep_billing` bills until that day (SUB-18)."""

    when: CancelWhen = CancelWhen.NOW
    on: date | None = None
    keep_billing: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pauses it now, or from a day on; it resumes by itself on `until`, else when somebody resumes it (SUB-02, SUB-19)."""

    until: date | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Goes on billing: on the next date of the old rhythm, or on the day that is named (SUB-03)."""

    on: date | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Leaves the next cycle out, uncharged (SUB-04)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Restarts the trial from its first day, goes straight to cycle 2, or ends it uncharged: at its end, or `now` (SUB-09, SUB-16)."""

    move: TrialMove
    now: bool = False


@dataclass(frozen=True, slots=True)
class Reactivate:
    """Brings it back: billed on the day that is named, else today (SUB-20)."""

    on: date | None = None


#: A day of the store's zone.
Day = date
#: Everything that an agent can do to a subscription by itself; charging it is billing's.
Step = SubscriptionChange | Cancel | Pause | Resume | Skip | Trial | Reactivate


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """The product that a subscription is changed to. `unit_price` in minor units of the store's currency."""

    id: int
    sku: str
    name: str
    option: str
    unit_price: int


@dataclass(frozen=True, slots=True)
class BillPart:
    """One line of a price build-up: `unit`, `quantity`, `discount`, `shipping`, `tax`, with its words and amount (a discount is negative)."""

    name: str
    words: str
    amount: Money


@dataclass(frozen=True, slots=True)
class BillPreview:
    """What will be billed when: the next bill with its build-up, and the dates and totals of the three that follow.

    `date` None: nothing is planned; `ends_on` then (or later) says on which day it ends, `words` all of it in one sentence. `cycle` is the cycle that
    the bill is of. `warnings` are sentences.
    """

    date: Day | None
    total: Money
    parts: tuple[BillPart, ...]
    cycle: int
    card: str
    warnings: tuple[str, ...] = ()
    following: tuple[tuple[Day, Money], ...] = ()
    ends_on: Day | None = None
    words: str = ""
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE
