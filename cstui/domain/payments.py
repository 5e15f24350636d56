"""Transactions, payment attempts, and the payment status that is derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.money import Money


class TransactionKind(StrEnum):
    """What moved, or was meant to move."""

    VERIFY = "verify"
    AUTHORISE = "authorise"
    CAPTURE = "capture"
    SALE = "sale"
    VOID = "void"
    REFUND = "refund"
    CREDIT = "credit"
    CHARGEBACK = "chargeback"


class TransactionStatus(StrEnum):
    """What is known of it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"
    REVERSED = "reversed"


class TransactionOrigin(StrEnum):
    """Who wrote the row: the desk's own attempts, a file with transactions, or the summary of an orders file."""

    DESK = "desk"
    IMPORT = "import"
    IMPORT_SUMMARY = "import_summary"
    DEMO = "demo"


class AttemptState(StrEnum):
    """The states of a payment attempt; one word everywhere."""

    WAITING_APPROVAL = "waiting_approval"
    ARMED = "armed"
    SENDING = "sending"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DECLINED_SOFT = "declined_soft"
    DECLINED_HARD = "declined_hard"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    REVERSED = "reversed"


#: One of these at most per guard key.
IN_FLIGHT = (AttemptState.ARMED, AttemptState.SENDING, AttemptState.UNKNOWN)


class RefundState(StrEnum):
    """A refund's life, from request to done."""

    REQUESTED = "requested"
    NEEDS_APPROVAL = "needs_approval"
    APPROVED = "approved"
    DENIED = "denied"
    ARMED = "armed"
    EXECUTING = "executing"
    DONE_VOID = "done_void"
    DONE_REFUND = "done_refund"
    PENDING_AT_GATEWAY = "pending_at_gateway"
    FAILED_RETRYING = "failed_retrying"
    NEEDS_DECISION = "needs_decision"
    UNKNOWN = "unknown"
    EXHAUSTED = "exhausted"
    WITHDRAWN = "withdrawn"
    MANUAL = "manual"
    EXTERNAL = "external"


class RefundMethod(StrEnum):
    """How money goes back: to the card that was charged, to another one, by hand (a cheque), or already gone back elsewhere."""

    ORIGINAL = "original"
    OTHER_CARD = "other_card"
    MANUAL = "manual"
    EXTERNAL = "external"


class AllocationKind(StrEnum):
    """What a part of a refund is for; a fee is kept, everything else goes back."""

    LINE = "line"
    TAX = "tax"
    SHIPPING = "shipping"
    GOODWILL = "goodwill"
    FEE = "fee"


#: What of a charge's attempts counts against it, beside what has gone back already (decided or not known yet).
TAKES_BALANCE = (
    AttemptState.ARMED,
    AttemptState.SENDING,
    AttemptState.PENDING,
    AttemptState.SUCCEEDED,
    AttemptState.UNKNOWN,
)
#: Refunds without an attempt under way that still take their amount: they wait for a person, for settlement, or for the next try.
WAITING_REFUNDS = (
    RefundState.REQUESTED,
    RefundState.NEEDS_APPROVAL,
    RefundState.APPROVED,
    RefundState.FAILED_RETRYING,
    RefundState.NEEDS_DECISION,
)

#: Refunds that have not come to their end: what an order's row tells of.
OPEN_REFUNDS = (
    *WAITING_REFUNDS,
    RefundState.ARMED,
    RefundState.EXECUTING,
    RefundState.PENDING_AT_GATEWAY,
    RefundState.UNKNOWN,
    RefundState.EXHAUSTED,
)


class PaymentStatus(StrEnum):
    """Derived from transactions, never stored by hand."""

    UNPAID = "unpaid"
    AUTHORISED = "authorised"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    REFUND_DUE = "refund_due"
    VOIDED = "voided"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One transaction as a list shows it. `attempt_id` and `by` are the attempt that made it, and who asked for that; none for imports."""

    id: int
    order_id: int
    order_number: str
    at: datetime
    kind: TransactionKind
    status: TransactionStatus
    amount: Money
    gateway: str
    card_brand: str
    card_last4: str
    reference: str
    text: str
    origin: TransactionOrigin
    settled: bool
    parent_kind: TransactionKind | None = None
    account: str = ""
    attempt_id: int | None = None
    by: str = ""
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Paid:
    """An order's money in minor units of its currency, added up from its transactions.

    `voided` is every void; `voided_captured` the part of it that took back what had been captured (the rest lifted mere authorisations).
    """

    authorised: int = 0
    captured: int = 0
    refunded: int = 0
    voided: int = 0
    disputed: int = 0
    unknown: bool = False
    voided_captured: int = 0

    @property
    def kept(self) -> int:
        """What was captured and neither refunded nor voided."""
        return self.captured - self.refunded - self.voided_captured

    @property
    def remaining(self) -> int:
        """What could still be refunded, attempts in flight not counted."""
        return max(0, self.kept - self.disputed)


_SUMS = {
    TransactionKind.AUTHORISE: 0,
    TransactionKind.SALE: 1,
    TransactionKind.CAPTURE: 1,
    TransactionKind.REFUND: 2,
    TransactionKind.VOID: 3,
    TransactionKind.CHARGEBACK: 4,
}


#: Kind, status, minor units, and (of a void) the kind of what it voids, None where that is not known.
Moved = tuple[TransactionKind, TransactionStatus, int, TransactionKind | None]


def summed_up(rows: Iterable[Moved]) -> Paid:
    """Adds up one order's transactions; the sums of `payment_status`.

    A void that names nothing took back what was captured, where anything was.
    """
    sums = [0, 0, 0, 0, 0]
    unknown = False
    of_captured = nameless = 0
    for kind, status, minor, parent in rows:
        if status is TransactionStatus.UNKNOWN:
            unknown = True
        elif status is TransactionStatus.SUCCEEDED:
            place = _SUMS.get(kind)
            if place is not None:
                sums[place] += minor
            if kind is TransactionKind.VOID and parent is not TransactionKind.AUTHORISE:
                if parent is None:
                    nameless += minor
                else:
                    of_captured += minor
    authorised, captured, refunded, voided, disputed = sums
    of_captured += min(nameless, max(0, captured - of_captured))
    return Paid(authorised, captured, refunded, voided, disputed, unknown, of_captured)


def payment_status(total: int, paid: Paid) -> PaymentStatus:
    """The order's payment status from its total and its sums; an unknown outcome wins over all.

    A void takes back what was authorised or captured without ever settling, so it counts against both.
    """
    kept = paid.kept
    given_back = paid.refunded + paid.voided_captured
    reached = max(paid.captured, paid.authorised)
    if paid.unknown:
        return PaymentStatus.UNKNOWN
    if paid.disputed:
        return PaymentStatus.DISPUTED
    if paid.voided >= reached > 0 and kept <= 0:
        return PaymentStatus.VOIDED
    if given_back and kept <= 0:
        return PaymentStatus.REFUNDED
    if paid.captured and kept > total:
        return PaymentStatus.REFUND_DUE
    if given_back:
        return PaymentStatus.PARTLY_REFUNDED
    if paid.captured:
        return PaymentStatus.PAID if paid.captured >= total else PaymentStatus.PARTLY_PAID
    if paid.authorised:
        return PaymentStatus.AUTHORISED
    return PaymentStatus.UNPAID if total > 0 else PaymentStatus.PAID
