"""The refund queue as people see it: in which part a refund stands, and what can be done about it now by whom (REF-07, D-12, D-13)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cstui.domain.actor import Actor
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Permission
from cstui.domain.refunds import AttemptRow, RefundRow


class ByHand(StrEnum):
    """What a supervisor says of an attempt whose outcome nobody could find out."""

    SUCCEEDED = "succeeded"
    NOT_EXECUTED = "not_executed"


class QueuePart(StrEnum):
    """The parts of the queue, the most urgent first."""

    APPROVAL = "approval"
    DECISION = "decision"
    RETRYING = "retrying"
    SETTLEMENT = "settlement"
    CHECKING = "checking"
    PENDING = "pending"
    GAVE_UP = "gave_up"


PART_WORDS = {
    QueuePart.APPROVAL: "Waiting for approval",
    QueuePart.DECISION: "Needs a decision",
    QueuePart.RETRYING: "Failed, tried again daily",
    QueuePart.SETTLEMENT: "Waits for settlement",
    QueuePart.CHECKING: "Being checked",
    QueuePart.PENDING: "Pending at the gateway",
    QueuePart.GAVE_UP: "Gave up",
}
_PART_OF = {
    RefundState.NEEDS_APPROVAL: QueuePart.APPROVAL,
    RefundState.NEEDS_DECISION: QueuePart.DECISION,
    RefundState.FAILED_RETRYING: QueuePart.RETRYING,
    RefundState.REQUESTED: QueuePart.SETTLEMENT,
    RefundState.UNKNOWN: QueuePart.CHECKING,
    RefundState.PENDING_AT_GATEWAY: QueuePart.PENDING,
    RefundState.EXHAUSTED: QueuePart.GAVE_UP,
}
_WAITS = (
    RefundState.REQUESTED,
    RefundState.FAILED_RETRYING,
    RefundState.NEEDS_DECISION,
    RefundState.EXHAUSTED,
)


def part_of(state: RefundState) -> QueuePart | None:
    """Where a refund of this state stands; None where it is not in the queue."""
    return _PART_OF.get(state)


class Act(StrEnum):
    """What can be done about a row of the queue; the value is the letter that does it."""

    APPROVE = "a"
    LESS = "l"
    DENY = "d"
    RETRY = "r"
    BY_HAND = "b"
    SETTLE = "s"
    WITHDRAW = "w"
    OPEN = "o"


ACT_WORDS = {
    Act.APPROVE: "approve",
    Act.LESS: "approve less",
    Act.DENY: "deny, with a reason",
    Act.RETRY: "try again now",
    Act.BY_HAND: "pay by hand: a cheque",
    Act.SETTLE: "settle the unknown attempt",
    Act.WITHDRAW: "withdraw it",
    Act.OPEN: "open the order",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to do; `why_not` says why it is not possible now, empty where it is."""

    act: Act
    why_not: str = ""

    @property
    def words(self) -> str:
        """What it does."""
        return ACT_WORDS[self.act]


def choices_for(
    row: RefundRow, attempt: AttemptRow | None, actor: Actor, *, may_record: bool
) -> tuple[Choice, ...]:
    """What `actor` can do about a refund of the queue, everything with its reason where not. `attempt` is its unknown one, if there is one.

    `may_record`: whether he may record what no gateway does.
    """
    allowed = actor.may(Permission.REFUND_APPROVE, row.store_id)
    is_own = bool(actor.staff_id) and row.requested_by_id == actor.staff_id
    reserved = "" if allowed else "Your role does not approve refunds."
    decides = reserved or _why_no_decision(row, is_own)
    waits = reserved or _why_not_waiting(row.state)
    may_withdraw = "" if allowed or is_own else "Only who asked for it, or approves refunds, may."
    own_withdrawal = "" if row.state is RefundState.NEEDS_APPROVAL else _why_not_waiting(row.state)
    return (
        Choice(Act.APPROVE, decides),
        Choice(Act.LESS, decides),
        Choice(Act.DENY, reserved or _why_no_decision(row, False)),
        Choice(Act.RETRY, waits),
        Choice(Act.BY_HAND, waits or ("" if may_record else "Your role does not record refunds by hand.")),
        Choice(Act.SETTLE, reserved or why_not_settled(attempt)),
        Choice(Act.WITHDRAW, may_withdraw or own_withdrawal),
        Choice(Act.OPEN),
    )


def why_not_settled(attempt: AttemptRow | None) -> str:
    """Why a person cannot say what became of an attempt; empty where he can."""
    return (
        "" if attempt is not None and attempt.state is AttemptState.UNKNOWN else "No outcome of it is open."
    )


def _why_no_decision(row: RefundRow, is_own: bool) -> str:
    if row.state is not RefundState.NEEDS_APPROVAL:
        return "It does not wait for approval."
    return "It is your own request: somebody else approves it." if is_own else ""


def _why_not_waiting(state: RefundState) -> str:
    if state in _WAITS:
        return ""
    return {
        RefundState.NEEDS_APPROVAL: "It waits for approval first.",
        RefundState.UNKNOWN: "Its outcome is being checked; sending it again could pay twice.",
        RefundState.PENDING_AT_GATEWAY: "The gateway has it and will tell.",
    }.get(state, "It is under way.")
