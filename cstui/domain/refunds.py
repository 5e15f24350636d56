"""Refunds as values: what an order's charges still hold, what the agent chose, the plan that follows, and refunds as lists show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.gateways import Operation, Why
from cstui.domain.money import Money
from cstui.domain.payments import AllocationKind, AttemptState, RefundMethod, RefundState, TransactionKind


class Route(StrEnum):
    """How a part of a refund reaches the customer: decided per charge (REF-01 … REF-05)."""

    VOID = (
        "void"  # the whole of an unsettled charge: void first, refund where the gateway says it has settled
    )
    REFUND = "refund"
    WAIT = "wait"  # a part of an unsettled charge at a gateway that cannot refund it yet: queued until settlement
    CREDIT = "credit"  # to another card, not linked to the charge
    RECORD = "record"  # by hand or done elsewhere: written down, no gateway (REF-13, REF-16)


@dataclass(frozen=True, slots=True)
class Charge:
    """One captured (or authorised) transaction of an order with everything that went back of it or is on its way.

    Amounts in minor units of the order's currency. `pending` is under way at a gateway (armed, sending, unknown, pending), `queued` waits
    for a person, settlement or the next try. `blocked` says why nothing can go back by the gateway; empty where it can. `void_until` is the
    next cut-off of an unsettled charge. `in_flight` names who is refunding it right now, empty for nobody; `is_unknown`: its last operation
    has no known outcome.
    """

    transaction_id: int
    kind: TransactionKind
    at: datetime
    amount: int
    currency: str
    refunded: int = 0
    voided: int = 0
    pending: int = 0
    queued: int = 0
    disputed: int = 0
    gateway: str = ""
    account: str = ""
    gateway_ref: str = ""
    card_id: int | None = None
    card_brand: str = ""
    card_last4: str = ""
    is_test: bool = False
    is_settled: bool = False
    void_until: datetime | None = None
    voids_captured: bool = True
    refunds_unsettled: bool = False
    gives_credits: bool = False
    blocked: str = ""
    in_flight: str = ""
    is_unknown: bool = False

    @property
    def remaining(self) -> int:
        """What can still be given back of it."""
        return max(0, self.amount - self.refunded - self.voided - self.pending - self.queued - self.disputed)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has gone back of it and nothing is on its way."""
        return self.remaining == self.amount

    @property
    def card(self) -> str:
        """`Visa …4242`, or the gateway where there was no card."""
        return f"{self.card_brand} …{self.card_last4}".strip() if self.card_last4 else self.gateway

    @property
    def card_in_words(self) -> str:
        """The card as a screen names it; money of a test account is never taken for real money."""
        return f"TEST {self.card}".strip() if self.is_test else self.card


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One order line as the planner sees it. `paid` is what the customer paid for the whole line without tax (after discounts),
    `tax` its share of the order's taxes; `refunded_*` what former refunds have already given back of either, and of how many pieces.
    """

    line_id: int
    name: str
    quantity: int
    paid: int
    tax: int
    refunded_quantity: int = 0
    refunded: int = 0
    refunded_tax: int = 0

    @property
    def open_quantity(self) -> int:
        """Pieces of which nothing has gone back yet."""
        return max(0, self.quantity - self.refunded_quantity)


@dataclass(frozen=True, slots=True)
class RefundBasis:
    """Everything that a refund of one order is planned on, as one consistent read (D-07).

    `fee_minor` or `fee_percent` is the store's restocking fee. `limit` is the most that this person may refund without a supervisor, None for no
    limit. `blocked` says why nothing can be refunded at all. `prices_include_tax`: line amounts then hold their tax (`tax` of a line is 0).
    """

    order_id: int
    number: str
    store_id: int
    customer_id: int
    version: int
    currency: str
    lines: tuple[RefundLine, ...]
    shipping: int
    shipping_tax: int
    refunded_shipping: int
    refunded_shipping_tax: int
    charges: tuple[Charge, ...]
    reasons: tuple[tuple[str, str], ...] = ()
    preset_reason: str = ""
    fee_minor: int = 0
    fee_percent: int = 0
    limit: int | None = None
    may_goodwill: bool = False
    may_other_card: bool = False
    may_record: bool = False
    may_cancel: bool = False
    live_subscriptions: tuple[str, ...] = ()
    cancel_blocked: str = ""
    cards: tuple[tuple[int, str], ...] = ()
    blocked: str = ""
    undo_seconds: int = 0
    email: str = ""

    @property
    def captured(self) -> int:
        """What was taken from the customer."""
        return sum(c.amount for c in self.charges if c.kind is not TransactionKind.AUTHORISE)

    @property
    def refunded(self) -> int:
        """What has gone back, by refund or void."""
        return sum(c.refunded + c.voided for c in self.charges if c.kind is not TransactionKind.AUTHORISE)

    @property
    def pending(self) -> int:
        """What is on its way."""
        return sum(c.pending + c.queued for c in self.charges if c.kind is not TransactionKind.AUTHORISE)

    @property
    def disputed(self) -> int:
        """What a bank has taken back or asks for."""
        return sum(c.disputed for c in self.charges)

    @property
    def remaining(self) -> int:
        """What can still go back."""
        return sum(c.remaining for c in self.charges if c.kind is not TransactionKind.AUTHORISE)


class Share(StrEnum):
    """What the agent asked to give back."""

    FULL = "full"  # all that remains
    LINES = "lines"
    PERCENT = "percent"
    AMOUNT = "amount"  # a free amount: goodwill, with its own permission (REF-10)


@dataclass(frozen=True, slots=True)
class RefundChoice:
    """What the agent chose. `lines` are (line id, pieces); `percent` 1 to 100 of what remains; `amount` in minor units.

    `with_fee` keeps the store's restocking fee back. `with_shipping` gives shipping back with lines. `transaction_id` narrows it to one charge (a
    transaction's own menu, REF-06); `only` then says void or refund, empty for void first.
    """

    share: Share = Share.FULL
    lines: tuple[tuple[int, int], ...] = ()
    percent: int = 0
    amount: int = 0
    with_fee: bool = False
    with_shipping: bool = False
    method: RefundMethod = RefundMethod.ORIGINAL
    card_id: int | None = None
    payee: str = ""
    payee_address: str = ""
    transaction_id: int | None = None
    only: Operation | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """One part of what a refund is made of; a fee is kept back, everything else is given."""

    kind: AllocationKind
    amount: int
    line_id: int | None = None
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class RefundPart:
    """What goes back of one charge, by which route, and what it is made of (fees subtracted, the sum is `amount`)."""

    charge: Charge
    amount: int
    route: Route
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What a choice comes to. `why_not` says why it cannot be done (empty where it can); `remarks` what the agent should know."""

    total: Money
    allocations: tuple[Allocation, ...] = ()
    parts: tuple[RefundPart, ...] = ()
    fee: int = 0
    needs_approval: bool = False
    why_not: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One payment attempt as lists and desks show it."""

    id: int
    key: str
    order_id: int | None
    order_number: str
    customer_id: int | None
    store_id: int
    refund_id: int | None
    transaction_id: int | None
    operation: Operation
    state: AttemptState
    why: Why
    amount: Money
    gateway: str
    account: str
    card: str
    created_at: datetime
    execute_after: datetime | None
    done_at: datetime | None
    tries: int
    checks: int
    next_check_at: datetime | None
    text: str
    requested_by_id: int | None
    requested_by: str
    gateway_ref: str = ""
    is_test: bool = False
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class RefundRow:
    """One refund as lists and the queue show it. `failures` counts definite ones, of `tries_allowed`."""

    id: int
    order_id: int
    order_number: str
    customer_id: int
    customer_name: str
    store_id: int
    store: str
    state: RefundState
    method: RefundMethod
    amount: Money
    reason: str
    note: str
    failures: int
    tries_allowed: int
    last_failure: str
    next_try_at: datetime | None
    requested_by: str
    requested_at: datetime
    decided_by: str
    done_at: datetime | None
    transaction_id: int | None
    card: str
    payee: str = ""
    version: int = 0
    requested_by_id: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the desk says once something about money was stored: the line that stays (D-22), and what to follow.

    `words` hold the amount, the order and the card; `state` is the refund's or attempt's; `sends_at` the end of the undo window.
    """

    words: str
    state: RefundState | AttemptState
    amount: Money
    order_id: int
    order_number: str
    refund_ids: tuple[int, ...] = ()
    attempt_ids: tuple[int, ...] = ()
    sends_at: datetime | None = None
