"""What billing does with a subscription on a day, and what follows from a charge or from its refusal: pure, by days of the store's zone.

`today` is the calendar day there; `day` the last one whose bill time has come (the day before, until then). Both come from the database's
clock. What is decided here is what the simulation of three years proves (SUB-19, SUB-22, SUB-23, C-24, C-25).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import takewhile
from zoneinfo import ZoneInfo

from cstui.domain.billing_dates import is_due, today_in
from cstui.domain.declines import DeclineClass, explained
from cstui.domain.gateways import Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_actions import billed, cancelled, following
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscription_prices import after_bill
from cstui.domain.subscriptions import SubscriptionStatus

_S = SubscriptionStatus
_ENDED = frozenset({_S.CANCELLED, _S.COMPLETE})


class After(StrEnum):
    """What a charge that brought no money means for the next one."""

    RETRY = "retry"  # the issuer may say yes later
    CARD = "card"  # the card's data is wrong, or the card is not there: only another one helps
    STOP = "stop"  # no charge to this card can be right any more
    AGAIN = "again"  # proven not executed, nobody's refusal: the same charge is made later
    LOOK = "look"  # it may have happened: looked up first, never tried again before


#: Stop orders of the cardholder that are about one merchant's plan only, by NMI's, the issuers' and Stripe's codes.
THIS_PLAN_ONLY = frozenset({"262", "R0", "revocation_of_authorization", "stop_payment_order"})
_OPEN = frozenset({AttemptState.UNKNOWN, AttemptState.PENDING, AttemptState.SENDING})
#: The codes that ask for a longer wait, in days.
_IN_DAYS = {"264": 3}


def after_refusal(state: AttemptState, why: Why, code: str) -> After:
    """What follows from an attempt that brought no money: by its state, what it is about, and the gateway's own code.

    An answer that is known is never looked for again: a fault at the bank is a refusal like any other then.
    """
    if state in _OPEN:
        return After.LOOK
    if why in (Why.DUPLICATE, Why.ALREADY_DONE):
        return After.LOOK
    if state is AttemptState.NOT_SENT:
        return After.AGAIN
    if why is Why.PARTIAL:
        return After.RETRY
    if why in (Why.BUSY, Why.ACCOUNT):
        return After.AGAIN
    found = explained(code, "", why, state)
    again = found.again if found is not None else DeclineClass.SOFT
    if again is DeclineClass.AMBIGUOUS:
        return After.LOOK
    if why in (Why.CARD_DATA, Why.NO_SUCH_RECORD) or again is DeclineClass.DATA:
        return After.CARD
    if again is DeclineClass.HARD or why is Why.NEVER:
        return After.STOP
    return After.AGAIN if again is DeclineClass.CONFIGURATION else After.RETRY


@dataclass(frozen=True, slots=True)
class Dunning:
    """A store's rules of failed renewals (SUB-22, SUB-23).

    `retry_days` are the gaps in days, each from the try before; after the last one `final_days` pass until the final notice. With
    `percent_off` each retry costs so much less than the one before, never less than `lowest` (minor units; None: no floor), and `holds`
    keeps the reduced price once it was paid.
    """

    retry_days: tuple[int, ...] = (2, 3, 5, 7)
    final_days: int = 10
    cancels: bool = False
    percent_off: int = 0
    lowest: int | None = None
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one card may be tried (7.2): by agents, and declined at all; far below what the networks fine."""

    agent_per_day: int = 1
    agent_per_month: int = 4
    declines_per_day: int = 8
    declines_per_month: int = 15


@dataclass(frozen=True, slots=True)
class CardHistory:
    """What happened to one card in 30 days, over all subscriptions and orders. `never` is why it can never be charged again."""

    agent_today: int = 0
    agent_month: int = 0
    declines_today: int = 0
    declines_month: int = 0
    never: str = ""


def why_no_more_today(history: CardHistory, limits: Limits) -> str:
    """Why a card is not tried now by itself; empty where it may be."""
    if history.declines_today >= limits.declines_per_day:
        return f"This card was declined {history.declines_today} times in a day: the card networks allow no more for now."
    if history.declines_month >= limits.declines_per_month:
        return f"This card was declined {history.declines_month} times in 30 days: the card networks allow no more for now."
    return ""


def why_no_agent_try(history: CardHistory, limits: Limits) -> str:
    """Why an agent may not charge a card again now; empty where he may. A charge after none was declined is not a re-run."""
    if history.never:
        return f"{history.never} No charge to this card can succeed: take another card."
    if history.agent_today >= limits.agent_per_day and history.declines_today:
        return f"This card was tried by hand {_times(history.agent_today)} today. Try again tomorrow, or take another card."
    if history.agent_month >= limits.agent_per_month and history.declines_month:
        return f"This card was tried by hand {_times(history.agent_month)} in 30 days. Take another card."
    return why_no_more_today(history, limits)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


# What is to be done on a day ------------------------------------------------------------------------


class Do(StrEnum):
    """What billing does with a subscription now."""

    NOTHING = "nothing"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    BILL = "bill"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Todo:
    """One step. Of a bill: its cycle and date, and the earlier ones that nobody charged and a supervisor decides on."""

    do: Do
    cycle: int = 0
    bill_date: date | None = None
    missed: tuple[tuple[int, date], ...] = ()


NOTHING = Todo(Do.NOTHING)


def days_at(now: datetime, zone: str, bill_time: str) -> tuple[date, date]:
    """The store's calendar day, and the last day whose bill time has come."""
    today = today_in(zone, now)
    return today, today if is_due(today, bill_time, zone, now) else today - timedelta(days=1)


def todo(facts: SubscriptionFacts, today: date, day: date, dunning: Dunning) -> Todo:
    """What is due on a subscription. What was planned goes before the bill: an end, then a pause, then a return."""
    if facts.status in _ENDED:
        return NOTHING
    if facts.cancel_on is not None and facts.cancel_on <= today:
        return Todo(Do.CANCEL)
    if facts.status is _S.PAUSED:
        return Todo(Do.RESUME) if facts.resume_on is not None and facts.resume_on <= today else NOTHING
    if facts.status is _S.RECYCLE_FAILED:
        return NOTHING
    if facts.status is _S.ACTIVE and facts.pause_on is not None and facts.pause_on <= today:
        return Todo(Do.PAUSE)
    if facts.cancel_on is not None and not facts.keep_billing:
        return NOTHING
    if facts.status is _S.PAST_DUE:
        return _retry(facts, day, dunning)
    return _bill(facts, day)


def _retry(facts: SubscriptionFacts, day: date, dunning: Dunning) -> Todo:
    if facts.retry_on is None or facts.retry_on > day:
        return NOTHING
    if facts.attempts > len(dunning.retry_days):
        return Todo(Do.GIVE_UP, facts.cycle + 1, facts.next_bill_date)
    return Todo(Do.BILL, facts.cycle + 1, facts.next_bill_date or facts.retry_on)


def _bill(facts: SubscriptionFacts, day: date) -> Todo:
    if facts.final_cycle is not None and facts.cycle >= facts.final_cycle:
        return Todo(Do.COMPLETE)
    if facts.next_bill_date is None or facts.next_bill_date > day:
        return NOTHING
    return due_step(facts, day, facts.next_bill_date)


def due_step(facts: SubscriptionFacts, day: date, first: date) -> Todo:
    """The one bill that is charged now, of those from `first` on that are due on a day: the latest; the others were missed.

    Where none is due yet, it is the one of `first`.
    """
    dates = [first]
    if facts.status is not _S.RECYCLE_FAILED and facts.status is not _S.PAST_DUE:
        dates = list(takewhile(lambda at: at <= day, _dates_from(facts, first))) or dates
    if facts.final_cycle is not None:
        dates = dates[: max(1, facts.final_cycle - facts.cycle)]
    numbered = [(facts.cycle + turn, at) for turn, at in enumerate(dates, start=1)]
    cycle, bill_date = numbered[-1]
    return Todo(Do.BILL, cycle, bill_date, tuple(numbered[:-1]))


def _dates_from(facts: SubscriptionFacts, first: date) -> Iterator[date]:
    """A bill date and those that follow it."""
    at = first
    while True:
        yield at
        at = following(facts, at)


# What follows ---------------------------------------------------------------------------------------


def with_missed(facts: SubscriptionFacts, step: Todo) -> SubscriptionFacts:
    """The subscription once its missed cycles have periods of their own: the bill that is due is the next one again."""
    if not step.missed:
        return facts
    return replace(facts, cycle=step.cycle - 1, next_bill_date=step.bill_date)


@dataclass(frozen=True, slots=True)
class Followed:
    """A subscription after an answer: its facts, and cycles that went by meanwhile uncharged."""

    facts: SubscriptionFacts
    missed: tuple[tuple[int, date], ...] = ()


def after_success(facts: SubscriptionFacts, cycle: int, bill_date: date, today: date, now: datetime) -> Followed:  # fmt: skip
    """A cycle has been charged: the next one, its date and its price stand as every preview said.

    A charge of a cycle that is not the next one (a missed one, decided on later) moves nothing. One that ended meanwhile stays ended: the
    money is the order's. One that was past due, or whose answer came late, may have let dates go by: those are missed, never charged at once.
    """
    if cycle != facts.cycle + 1:
        return Followed(facts)
    if facts.status in _ENDED:
        return Followed(replace(facts, cycle=cycle, last_bill_date=today))
    if facts.status is _S.PAUSED:
        kept = following(facts, bill_date) if facts.pause_on == bill_date else facts.pause_on
        paid = replace(after_bill(facts), cycle=cycle, last_bill_date=today, attempts=0, retry_on=None)
        return Followed(replace(paid, pause_on=kept))
    done = billed(replace(facts, next_bill_date=bill_date), today, now)
    if done.status is not _S.ACTIVE or done.next_bill_date is None:
        return Followed(done)
    gone = list(takewhile(lambda at: at < today, _dates_from(done, done.next_bill_date)))
    if done.final_cycle is not None:
        gone = gone[: max(0, done.final_cycle - 1 - cycle)]
    if not gone:
        return Followed(done)
    done = replace(done, next_bill_date=following(done, gone[-1]))
    if facts.status is _S.RECYCLE_FAILED:
        # It had stopped: what lay between is no debt.
        return Followed(done)
    missed = tuple((cycle + turn, at) for turn, at in enumerate(gone, start=1))
    return Followed(replace(done, cycle=cycle + len(missed)), missed)


def gave_up(facts: SubscriptionFacts, dunning: Dunning, why: str, now: datetime) -> SubscriptionFacts:
    """No more tries: stopped after failed payments, or cancelled where the store says so."""
    if dunning.cancels:
        return cancelled(facts, now, why or "Payments failed")
    return replace(facts, status=_S.RECYCLE_FAILED, next_bill_date=None, retry_on=None, pause_on=None)


def after_decline(
    facts: SubscriptionFacts, after: After, code: str, day: date, dunning: Dunning, why: str, now: datetime
) -> SubscriptionFacts:
    """A try of the next cycle was refused: when the next one comes, or that none comes.

    What was not executed or is open changes nothing; nor does anything once the subscription has ended, stopped or is paused.
    """
    if after in (After.AGAIN, After.LOOK) or facts.status not in (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE):
        return facts
    tried = replace(facts, attempts=facts.attempts + 1)
    gaps = dunning.retry_days
    is_last = tried.attempts > len(gaps)
    if after is After.STOP or (is_last and not dunning.final_days):
        return gave_up(tried, dunning, why, now)
    gap = dunning.final_days if is_last else gaps[tried.attempts - 1]
    wait = max(gap, _IN_DAYS.get(code, 0))
    return replace(tried, status=_S.PAST_DUE, retry_on=day + timedelta(days=wait))


def postponed(facts: SubscriptionFacts, day: date) -> SubscriptionFacts:
    """The card may not be tried now: tomorrow is another day, and it does not count as a try."""
    return replace(facts, status=_S.PAST_DUE, retry_on=day + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class MissedBill:
    """A cycle that went by uncharged while nobody billed: a supervisor bills it, skips it, or moves it."""

    id: int
    subscription_id: int
    store_id: int
    customer_id: int
    product: str
    status: SubscriptionStatus
    cycle: int
    bill_date: date
    amount: Money
    customer_name: str = ""


class Missed(StrEnum):
    """What becomes of a missed cycle; moved, it is not charged and a planned end comes one cycle later."""

    BILL = "bill"
    SKIP = "skip"
    MOVE = "move"


def waits_until(day: date, bill_time: str, zone: str, minutes: int) -> datetime:
    """Until when somebody's edit may hold up the bill of a day (UTC)."""
    hour, _, minute = bill_time.partition(":")
    due = datetime.combine(day, time(int(hour), int(minute or 0)), ZoneInfo(zone))
    return due.astimezone(UTC) + timedelta(minutes=minutes)


def pause_after(tries: int) -> timedelta:
    """How long a charge that was proven not to have been sent waits: five minutes, then twice as long, six hours at most."""
    return min(timedelta(minutes=5 << max(0, min(tries - 1, 10))), timedelta(hours=6))
