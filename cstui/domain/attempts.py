"""Rules of payment attempts: what guards them, when an open outcome is looked at again, what a refusal leads to (E.4, 3.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from cstui.domain.errors import CstuiError, Exit
from cstui.domain.gateways import MAY_SUCCEED_LATER, NEVER_SUCCEEDS, Operation, Why
from cstui.domain.payments import AttemptState

#: When an attempt whose outcome is not known is looked at again, counted from its sending: soon, then as Kill Bill's janitor does.
UNKNOWN_CHECKS = (
    timedelta(seconds=20),
    timedelta(minutes=5),
    timedelta(minutes=16),
    timedelta(hours=1),
    *(timedelta(days=day) for day in (1, 2, 3, 4, 5)),
)
#: When an operation that the gateway has accepted and not yet finished is looked at again.
PENDING_CHECKS = (timedelta(hours=1), *(timedelta(days=day) for day in range(1, 15)))
#: For how long a refund that succeeded is looked at again, because some gateways take it back (W21).
REFUND_WATCH = tuple(timedelta(days=day) for day in (1, 3, 7, 14))
#: An empty look proves nothing before this much time and this many looks have passed.
QUIET = timedelta(minutes=15)
QUIET_CHECKS = 3
#: A worker without a sign of life for so long is dead: what it was sending has no known outcome.
WORKER_LEASE = timedelta(seconds=30)
#: For so long a typed card may be under way from the desk that it was typed at (an answer takes a minute at most).
CARD_WITHIN = timedelta(seconds=90)
#: What is still being sent after this has no known outcome, also where its worker lives: its answer was lost on the way to our books (I6).
STUCK = timedelta(minutes=10)
#: An attempt that was claimed longer ago than this is not sent any more by whoever claimed it.
SEND_WITHIN = timedelta(seconds=20)


#: Refused or not executed: these are over. One that shows less left at the gateway than our books say has a next look all the same, at what
#: has gone back of its charge (W20).
REFUSED = (
    AttemptState.DECLINED_SOFT,
    AttemptState.DECLINED_HARD,
    AttemptState.REJECTED,
    AttemptState.NOT_SENT,
)


class NextStep(StrEnum):
    """What follows from a refused attempt of a refund."""

    REFUND_INSTEAD = "refund_instead"  # the void came too late: only now a refund (3.3)
    LOOK_AGAIN = "look_again"  # it may be our own doing: ask the gateway before anything else
    WAIT_FOR_SETTLEMENT = "wait_for_settlement"
    TRY_DAILY = "try_daily"
    DECIDE = "decide"  # no try by this way can ever succeed
    GIVE_UP = "give_up"  # wrong in itself: the agent is told, nothing is queued


def after_refusal(operation: Operation, why: Why) -> NextStep:
    """What a definite refusal leads to (7.1, REF-05, REF-07)."""
    if operation is Operation.VOID and why is Why.SETTLED:
        return NextStep.REFUND_INSTEAD
    if why is Why.ALREADY_DONE:
        return NextStep.LOOK_AGAIN
    if why is Why.NOT_SETTLED:
        return NextStep.WAIT_FOR_SETTLEMENT
    if why in NEVER_SUCCEEDS:
        return NextStep.DECIDE
    return NextStep.TRY_DAILY if why in MAY_SUCCEED_LATER else NextStep.GIVE_UP


def shows_less_left(operation: Operation, why: Why) -> bool:
    """Whether a refusal says that less is left of the charge at the gateway than our books say: somebody gave back there (W20)."""
    return operation in (Operation.VOID, Operation.REFUND) and why in (
        Why.EXCEEDS_BALANCE,
        Why.ALREADY_DONE,
    )


def next_check(state: AttemptState, sent_at: datetime, checks: int, now: datetime) -> datetime | None:
    """When to look again after `checks` looks; None where nobody looks any more and a person decides."""
    plan = {
        AttemptState.UNKNOWN: UNKNOWN_CHECKS,
        AttemptState.PENDING: PENDING_CHECKS,
        AttemptState.SUCCEEDED: REFUND_WATCH,
    }.get(state, ())
    if checks >= len(plan):
        return None
    return max(sent_at + plan[checks], now + min(plan[checks], timedelta(seconds=20)))


def absence_counts(sent_at: datetime, checks: int, now: datetime) -> bool:
    """Whether looks that found nothing may now be taken as "not executed" (W3, W7, W8)."""
    return checks >= QUIET_CHECKS and now - sent_at >= QUIET


def charge_guard(transaction_id: int) -> str:
    """What keeps two operations on one charge apart."""
    return f"txn:{transaction_id}"


def vault_guard(customer_id: int, gateway: str, account: str) -> str:
    """What keeps two changes of one person's cards at one account apart."""
    return f"vault:{customer_id}:{gateway}:{account}"


class AttemptInFlight(CstuiError):
    """Another operation on the same payment is under way (C-01, W16, W17)."""

    code = "attempt_in_flight"
    title = "Somebody is faster"
    exit_code = Exit.CONFLICT

    def __init__(self, message: str, advice: str = "", *, by: str = "", unknown: bool = False) -> None:
        super().__init__(message, advice, by=by, unknown=unknown)
        self.by = by
        self.unknown = unknown


class MoreThanRemains(CstuiError):
    """More would go back than the charge still holds (I4)."""

    code = "more_than_remains"
    title = "More than remains"


class AmountMoved(CstuiError):
    """What the panel showed is not what would be done now: the money of the order moved meanwhile."""

    code = "amount_moved"
    title = "The amount has changed"
    exit_code = Exit.CONFLICT


class TooLate(CstuiError):
    """It has been sent: a gateway cannot be asked to forget it."""

    code = "too_late"
    title = "Too late to take back"
    exit_code = Exit.CONFLICT


class GatewayUnknown(CstuiError):
    """Sent, and no answer came in the time that was waited."""

    code = "gateway_unknown"
    title = "Not known yet"
    exit_code = Exit.UNKNOWN_OUTCOME


class NoWorker(CstuiError):
    """Nothing sends what was recorded: no worker is running."""

    code = "no_worker"
    title = "No worker is running"
    exit_code = Exit.UNAVAILABLE
