"""Mails: their kinds, whom they may reach, how often one is sent again, and how they stand in lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cstui.domain.clean import clean
from cstui.domain.customers import checked_email
from cstui.domain.errors import InvalidInput
from cstui.domain.ids import Kind
from cstui.domain.payments import RefundState, TransactionStatus

#: Longest subject that is sent, and longest text of a template, in characters.
LONGEST_SUBJECT: Final = 200
LONGEST_TEMPLATE: Final = 20_000
#: A mail that found no way out for this long is given up.
GIVEN_UP_AFTER: Final = timedelta(days=3)
#: Waits between tries, in minutes; the last one repeats until the mail is given up.
_WAITS: Final = (1, 5, 15, 60, 180, 360, 720)


class MailClass(StrEnum):
    """What a mail is to the law: part of a purchase, advertising, or a word among colleagues."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
    INTERNAL = "internal"


class MailKind(StrEnum):
    """What a mail says; the value names its template."""

    ORDER_CONFIRMATION = "order_confirmation"
    WELCOME = "welcome"
    SHIPMENT = "shipment"
    REFUND = "refund"
    VOID = "void"
    REFUND_RETURNED = "refund_returned"
    CARD_LINK = "card_link"
    PASSWORD = "password"
    EMAIL_CHANGED = "email_changed"
    RENEWAL_SOON = "renewal_soon"
    RENEWED = "renewed"
    RENEWAL_FAILED = "renewal_failed"
    RENEWAL_ENDED = "renewal_ended"
    SUBSCRIPTION_PAUSED = "subscription_paused"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    SUBSCRIPTION_PRICE = "subscription_price"
    SUBSCRIPTION_CARD = "subscription_card"
    EVERYTHING_STOPPED = "everything_stopped"
    NOTIFY_REFUND_FAILED = "notify_refund_failed"
    NOTIFY_REFUND_REVERSED = "notify_refund_reversed"
    NOTIFY_DISPUTE = "notify_dispute"

    @property
    def mail_class(self) -> MailClass:
        """Whether a customer or the store's own list reads it."""
        return MailClass.INTERNAL if self.value.startswith("notify_") else MailClass.TRANSACTIONAL

    @property
    def words(self) -> str:
        """How people call it: `order confirmation`."""
        return _WORDS[self]


_WORDS: Final = {
    MailKind.ORDER_CONFIRMATION: "order confirmation",
    MailKind.WELCOME: "welcome",
    MailKind.SHIPMENT: "shipment",
    MailKind.REFUND: "refund",
    MailKind.VOID: "void",
    MailKind.REFUND_RETURNED: "refund came back",
    MailKind.CARD_LINK: "link for a card",
    MailKind.PASSWORD: "password reset",
    MailKind.EMAIL_CHANGED: "changed e-mail",
    MailKind.RENEWAL_SOON: "renewal comes",
    MailKind.RENEWED: "renewal charged",
    MailKind.RENEWAL_FAILED: "renewal failed",
    MailKind.RENEWAL_ENDED: "last notice of a renewal",
    MailKind.SUBSCRIPTION_PAUSED: "subscription paused",
    MailKind.SUBSCRIPTION_CANCELLED: "subscription cancelled",
    MailKind.SUBSCRIPTION_PRICE: "price of a subscription",
    MailKind.SUBSCRIPTION_CARD: "card of a subscription",
    MailKind.EVERYTHING_STOPPED: "everything stopped",
    MailKind.NOTIFY_REFUND_FAILED: "refund failed (own list)",
    MailKind.NOTIFY_REFUND_REVERSED: "refund came back (own list)",
    MailKind.NOTIFY_DISPUTE: "dispute opened (own list)",
}
#: What an agent may send again (MAIL-01, MAIL-02, MAIL-03); links run out, and what goes to an old address stays there.
RESENDABLE: Final = frozenset(
    {
        MailKind.ORDER_CONFIRMATION,
        MailKind.WELCOME,
        MailKind.SHIPMENT,
        MailKind.REFUND,
        MailKind.VOID,
        MailKind.REFUND_RETURNED,
    }
)


class MailState(StrEnum):
    """A mail's way out."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class SuppressionScope(StrEnum):
    """What an address gets no more: any mail at all, or advertising only."""

    ALL = "all"
    MARKETING = "marketing"


class SuppressionReason(StrEnum):
    """Why an address gets no more mail."""

    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"
    AGENT_REQUEST = "agent_request"
    LEGAL_ERASURE = "legal_erasure"

    @property
    def words(self) -> str:
        """The reason as a sentence ends: `its mail server refused it`."""
        return _REASONS[self]


_REASONS: Final = {
    SuppressionReason.UNSUBSCRIBE: "its owner unsubscribed",
    SuppressionReason.COMPLAINT: "its owner complained",
    SuppressionReason.HARD_BOUNCE: "its mail server refused it",
    SuppressionReason.AGENT_REQUEST: "its owner asked for it on the phone",
    SuppressionReason.LEGAL_ERASURE: "its owner had it erased",
}


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address that gets no mail, or no advertising, with why, by whom and since when."""

    address: str
    scope: SuppressionScope
    reason: SuppressionReason
    by: str
    since: datetime


def why_suppressed(mail_class: MailClass, found: Iterable[Suppression]) -> str:
    """Why a mail of this class is kept back from an address, in one sentence; empty where it is not.

    `all` keeps everything back; `marketing` keeps back advertising alone.
    """
    for one in found:
        if one.scope is SuppressionScope.ALL or mail_class is MailClass.MARKETING:
            return f"{clean(one.address)} gets no mail: {one.reason.words}."
    return ""


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail as a list shows it. `error` is what went wrong last; `resend_of_id` the mail that it repeats."""

    id: int
    kind: MailKind
    state: MailState
    to: str
    subject: str
    order_id: int | None
    order_number: str
    created_at: datetime
    sent_at: datetime | None
    next_try_at: datetime | None
    tries: int
    error: str
    requested_by: str
    resend_of_id: int | None


@dataclass(frozen=True, slots=True)
class MailWanted:
    """Which mail: a kind about one order, transaction, refund or shipment."""

    kind: MailKind
    subject_kind: Kind
    subject_id: int


@dataclass(frozen=True, slots=True)
class MailOption:
    """A mail that can be sent (again) for an order. `why_not` says why it cannot be now, empty where it can.

    `to` is where it goes unless another address is named; `known` are the addresses of the order and the profile. `sent_at` is when it
    went out last, None for never.
    """

    wanted: MailWanted
    label: str
    to: str
    known: tuple[str, ...]
    at: datetime
    sent_at: datetime | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class MailPreview:
    """A mail as it would arrive. `warning` says what stands against sending it (a suppressed address), empty for nothing."""

    kind: MailKind
    to: str
    subject: str
    text: str
    html: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class MailWords:
    """The template of one kind: subject, text, and HTML (empty: the mail is text alone). `origin`: built-in, organisation or store."""

    kind: MailKind
    subject: str
    text: str
    html: str
    origin: str = "built-in"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, as this machine is configured; `secret` names the password, `sender` stands in for a store without one.

    `timeout` in seconds, for each step of the talk.
    """

    host: str = ""
    port: int = 587
    security: str = "starttls"
    user: str = ""
    secret: str = ""
    sender: str = ""
    timeout: int = 20


def next_try(tries: int, created_at: datetime, now: datetime) -> datetime | None:
    """When a mail that could not be handed over is tried again after so many tries; None where it is given up."""
    if now - created_at >= GIVEN_UP_AFTER:
        return None
    return now + timedelta(minutes=_WAITS[min(max(tries, 1), len(_WAITS)) - 1])


def checked_recipient(text: str) -> str:
    """One address that a mail can go to. Errors: `InvalidInput`, also for none."""
    address = checked_email(text, "to")
    if not address:
        raise InvalidInput("to", "", "There is no address.", "Type one such as name@example.com.")
    return address


def recipients(listed: str) -> tuple[str, ...]:
    """The addresses of a comma-separated list, each once; what is none is left out."""
    found: dict[str, str] = {}
    for part in listed.split(","):
        try:
            address = checked_recipient(part)
        except InvalidInput:
            continue
        found.setdefault(address.casefold(), address)
    return tuple(found.values())


#: Refunds of which the customer may be told that the money is on its way; all others are refused with these words.
_REFUND_WHY_NOT: Final = {
    RefundState.UNKNOWN: "It is not known yet whether this refund went through.",
    RefundState.PENDING_AT_GATEWAY: "The gateway has not confirmed this refund yet.",
    RefundState.FAILED_RETRYING: "This refund has failed and is tried again.",
    RefundState.NEEDS_DECISION: "This refund has failed and waits for a decision.",
    RefundState.EXHAUSTED: "This refund has failed.",
    RefundState.DENIED: "This refund was denied.",
    RefundState.WITHDRAWN: "This refund was taken back before it was sent.",
}
_REFUND_DONE: Final = frozenset({RefundState.DONE_REFUND, RefundState.DONE_VOID, RefundState.EXTERNAL})


def why_refund_untold(state: RefundState, *, is_done: bool) -> str:
    """Why no mail may tell of a refund in this state; empty where one may. `is_done`: a refund by hand has been carried out."""
    if state in _REFUND_DONE or (state is RefundState.MANUAL and is_done):
        return ""
    if state is RefundState.MANUAL:
        return "This refund is made by hand and is not marked as done yet."
    return _REFUND_WHY_NOT.get(state, "This refund has not been sent yet.")


_MOVE_WHY_NOT: Final = {
    TransactionStatus.SUCCEEDED: "",
    TransactionStatus.UNKNOWN: _REFUND_WHY_NOT[RefundState.UNKNOWN],
    TransactionStatus.PENDING: _REFUND_WHY_NOT[RefundState.PENDING_AT_GATEWAY],
    TransactionStatus.FAILED: "This refund has failed.",
    TransactionStatus.REVERSED: "This refund came back.",
}


def why_move_untold(status: TransactionStatus) -> str:
    """Why no mail may tell of a refund or void with this outcome; empty where one may."""
    return _MOVE_WHY_NOT[status]
