"""Every state that a person can see, as a word and a sign; colour only repeats what they say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cstui.domain.calls import CallState
from cstui.domain.customers import CustomerStatus
from cstui.domain.locking import LockState
from cstui.domain.mails import MailState
from cstui.domain.orders import HoldState, OrderStatus
from cstui.domain.payments import AttemptState, PaymentStatus, RefundState, TransactionStatus
from cstui.domain.shipments import FulfilmentStatus, ShipmentState
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus

_STYLES: Final = {
    "good": "$text-success",
    "busy": "$text-accent",
    "warn": "$text-warning",
    "bad": "$text-error",
    "quiet": "$text-muted",
    "plain": "",
}


@dataclass(frozen=True, slots=True)
class State:
    """How a state reads. `sign` takes one cell; `tone` is good, busy, warn, bad, quiet or plain."""

    sign: str
    word: str
    tone: str

    @property
    def style(self) -> str:
        """The Textual style of the tone: a theme variable or nothing."""
        return _STYLES[self.tone]


_STATES: Final[dict[type[StrEnum], dict[str, State]]] = {
    OrderStatus: {
        OrderStatus.CREATED: State("○", "created", "plain"),
        OrderStatus.ON_HOLD: State("‖", "on hold", "warn"),
        OrderStatus.IN_PROGRESS: State("→", "in progress", "busy"),
        OrderStatus.AWAITING_EXCHANGE: State("◐", "awaiting exchange", "warn"),
        OrderStatus.PARTIALLY_SHIPPED: State("◐", "partially shipped", "busy"),
        OrderStatus.COMPLETED: State("✓", "completed", "good"),
        OrderStatus.CANCELLED: State("×", "cancelled", "quiet"),
        OrderStatus.FAILED: State("!", "failed", "bad"),
    },
    PaymentStatus: {
        PaymentStatus.UNPAID: State("○", "unpaid", "warn"),
        PaymentStatus.AUTHORISED: State("◐", "authorised", "busy"),
        PaymentStatus.PARTLY_PAID: State("◐", "partly paid", "warn"),
        PaymentStatus.PAID: State("✓", "paid", "good"),
        PaymentStatus.PARTLY_REFUNDED: State("↺", "partly refunded", "plain"),
        PaymentStatus.REFUNDED: State("↺", "refunded", "quiet"),
        PaymentStatus.REFUND_DUE: State("!", "refund due", "warn"),
        PaymentStatus.VOIDED: State("×", "voided", "quiet"),
        PaymentStatus.DISPUTED: State("!", "disputed", "bad"),
        PaymentStatus.UNKNOWN: State("?", "checking", "bad"),
    },
    FulfilmentStatus: {
        FulfilmentStatus.NONE: State("-", "nothing to ship", "quiet"),
        FulfilmentStatus.UNFULFILLED: State("○", "not shipped", "plain"),
        FulfilmentStatus.RELEASED: State("→", "released", "busy"),
        FulfilmentStatus.PARTIAL: State("◐", "partly shipped", "busy"),
        FulfilmentStatus.FULFILLED: State("✓", "shipped", "good"),
        FulfilmentStatus.RETURNED: State("↺", "returned", "quiet"),
        FulfilmentStatus.CANCELLED: State("×", "cancelled", "quiet"),
    },
    ShipmentState: {
        ShipmentState.AWAITING_INVENTORY: State("○", "awaiting inventory", "warn"),
        ShipmentState.INVENTORY_ASSIGNED: State("◐", "inventory assigned", "plain"),
        ShipmentState.ON_HOLD: State("‖", "on hold", "warn"),
        ShipmentState.RELEASED: State("→", "released", "busy"),
        ShipmentState.SHIPPED: State("●", "shipped", "good"),
        ShipmentState.DELIVERED: State("✓", "delivered", "good"),
        ShipmentState.FAILED: State("!", "failed", "bad"),
        ShipmentState.CANCELLED: State("×", "cancelled", "quiet"),
        ShipmentState.RETURNED: State("↺", "returned", "quiet"),
        ShipmentState.PENDING: State("○", "pending", "plain"),
    },
    TransactionStatus: {
        TransactionStatus.SUCCEEDED: State("✓", "succeeded", "good"),
        TransactionStatus.FAILED: State("!", "failed", "bad"),
        TransactionStatus.PENDING: State("◐", "pending", "busy"),
        TransactionStatus.UNKNOWN: State("?", "checking", "bad"),
        TransactionStatus.REVERSED: State("↺", "reversed", "quiet"),
    },
    AttemptState: {
        AttemptState.WAITING_APPROVAL: State("‖", "waiting for approval", "warn"),
        AttemptState.ARMED: State("○", "about to be sent", "busy"),
        AttemptState.SENDING: State("→", "sending", "busy"),
        AttemptState.PENDING: State("◐", "pending at the gateway", "busy"),
        AttemptState.SUCCEEDED: State("✓", "succeeded", "good"),
        AttemptState.DECLINED_SOFT: State("!", "declined, may succeed later", "warn"),
        AttemptState.DECLINED_HARD: State("!", "declined", "bad"),
        AttemptState.REJECTED: State("!", "refused by the gateway", "bad"),
        AttemptState.NOT_SENT: State("-", "not sent", "warn"),
        AttemptState.UNKNOWN: State("?", "sent, checking", "bad"),
        AttemptState.WITHDRAWN: State("×", "withdrawn", "quiet"),
        AttemptState.REVERSED: State("↺", "reversed", "quiet"),
    },
    RefundState: {
        RefundState.REQUESTED: State("○", "requested", "plain"),
        RefundState.NEEDS_APPROVAL: State("‖", "needs approval", "warn"),
        RefundState.APPROVED: State("◐", "approved", "busy"),
        RefundState.DENIED: State("×", "denied", "quiet"),
        RefundState.ARMED: State("○", "about to be sent", "busy"),
        RefundState.EXECUTING: State("→", "sending", "busy"),
        RefundState.DONE_VOID: State("✓", "voided", "good"),
        RefundState.DONE_REFUND: State("✓", "refunded", "good"),
        RefundState.PENDING_AT_GATEWAY: State("◐", "pending at the gateway", "busy"),
        RefundState.FAILED_RETRYING: State("!", "failed, tried again daily", "warn"),
        RefundState.NEEDS_DECISION: State("!", "needs a decision", "bad"),
        RefundState.UNKNOWN: State("?", "sent, checking", "bad"),
        RefundState.EXHAUSTED: State("!", "failed for good", "bad"),
        RefundState.WITHDRAWN: State("×", "withdrawn", "quiet"),
        RefundState.MANUAL: State("✓", "paid by hand", "good"),
        RefundState.EXTERNAL: State("✓", "refunded elsewhere", "good"),
    },
    SubscriptionStatus: {
        SubscriptionStatus.TRIAL: State("◐", "trial", "busy"),
        SubscriptionStatus.ACTIVE: State("●", "active", "good"),
        SubscriptionStatus.PAST_DUE: State("!", "past due", "warn"),
        SubscriptionStatus.PAUSED: State("‖", "paused", "warn"),
        SubscriptionStatus.RECYCLE_FAILED: State("!", "payment failed", "bad"),
        SubscriptionStatus.CANCELLED: State("×", "cancelled", "quiet"),
        SubscriptionStatus.COMPLETE: State("✓", "complete", "quiet"),
    },
    PeriodState: {
        PeriodState.DUE: State("○", "due", "plain"),
        PeriodState.BILLED: State("✓", "billed", "good"),
        PeriodState.SKIPPED: State("-", "skipped", "quiet"),
        PeriodState.FAILED: State("!", "failed", "bad"),
    },
    HoldState: {
        HoldState.OPEN: State("‖", "open", "warn"),
        HoldState.RESOLVED: State("✓", "resolved", "good"),
        HoldState.UNRESOLVABLE: State("×", "unresolvable", "bad"),
    },
    CallState: {
        CallState.TALKING: State("●", "talking", "good"),
        CallState.WRAP_UP: State("◐", "wrap-up", "busy"),
        CallState.CLOSED: State("✓", "closed", "quiet"),
    },
    MailState: {
        MailState.QUEUED: State("○", "queued", "plain"),
        MailState.SENDING: State("→", "sending", "busy"),
        MailState.SENT: State("✓", "sent", "good"),
        MailState.FAILED: State("!", "failed", "bad"),
        MailState.SUPPRESSED: State("×", "kept back", "warn"),
    },
    CustomerStatus: {
        CustomerStatus.ACTIVE: State("●", "active", "good"),
        CustomerStatus.DISABLED: State("×", "disabled", "bad"),
    },
}


def state_of(value: StrEnum) -> State:
    """How this state reads; a state that has no row here reads as its own value."""
    known = _STATES.get(type(value), {}).get(value.value)
    return known or State("·", value.value.replace("_", " "), "plain")


def lock_state_of(held: LockState | None, token: str = "") -> State:
    """How an edit lock reads on the screen that edits with `token`: open, editing, locked, or stale."""
    if held is None:
        return State("□", "open", "quiet")
    if held.is_mine(token):
        return State("✎", "editing", "busy")
    return State("■", "locked, stale" if held.stale else "locked", "warn")
