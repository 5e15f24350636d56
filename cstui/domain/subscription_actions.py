"""What each action makes of a subscription: pure functions over its facts, used by the desk, by billing and by every preview (SUB-01 … SUB-20).

Dates are days of the store's zone. Changing a billing date makes that date the new anchor; everything else keeps the rhythm.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from cstui.domain.billing_dates import next_date
from cstui.domain.errors import InvalidInput, NotPossibleNow
from cstui.domain.subscription_changes import (
    Cancel,
    CancelWhen,
    Pause,
    ProductFacts,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    SubscriptionFacts,
    Trial,
    TrialMove,
)
from cstui.domain.subscription_prices import after_bill, priced, without_cycles
from cstui.domain.subscription_rules import SubscriptionAction, why_not
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus

_S = SubscriptionStatus
_A = SubscriptionAction
#: How far ahead a date may lie.
A_YEAR = timedelta(days=366)
_MOST_INTERVALS = 365
_RHYTHMIC = (IntervalUnit.MONTH, IntervalUnit.YEAR)


def actions_of(step: Step) -> tuple[SubscriptionAction, ...]:
    """Which actions of the table a step is; a form may be several."""
    if not isinstance(step, SubscriptionChange):
        return (_ACTION_OF[type(step)],)
    named = (
        (_A.PRICE, step.is_price),
        (_A.QUANTITY, step.quantity is not None),
        (_A.OPTION, step.product_id is not None or step.option is not None),
        (
            _A.DATE,
            step.next_bill_date is not None
            or step.interval_unit is not None
            or step.interval_count is not None,
        ),
        (_A.CARD, step.card_id is not None),
        (_A.CANCEL, step.drop_cancel or step.drop_pause),
    )
    return tuple(action for action, is_meant in named if is_meant)


def after(
    facts: SubscriptionFacts, step: Step, today: date, now: datetime, product: ProductFacts | None = None
) -> SubscriptionFacts:
    """The subscription after a step. `product` is the one that a change names.

    Errors: `NotPossibleNow` with the reason of the table, `InvalidInput` or `InvalidFields` naming the field.
    """
    for action in actions_of(step):
        reason = why_not(action, facts.status)
        if reason:
            raise NotPossibleNow(reason, "")
    if isinstance(step, SubscriptionChange):
        return _changed(facts, step, today, product)
    if isinstance(step, Cancel):
        return _cancelled(facts, step, today, now)
    if isinstance(step, Pause):
        return _paused(facts, step, today)
    if isinstance(step, Trial):
        return _trial(facts, step, today, now)
    if isinstance(step, Resume):
        return resumed(facts, checked_day("on", step.on, today) if step.on else None, today)
    return skipped(facts) if isinstance(step, Skip) else _reactivated(facts, step, today)


# What billing does by itself ------------------------------------------------------------------------


def billed(facts: SubscriptionFacts, today: date, now: datetime) -> SubscriptionFacts:
    """The subscription after the bill that its date stands for has gone through: the next cycle, date and price; or its end."""
    due = facts.next_bill_date or today
    cycle = facts.cycle + 1
    facts = after_bill(facts)
    facts = replace(
        facts, status=_S.TRIAL if cycle < 2 and facts.status is _S.TRIAL else _S.ACTIVE, cycle=cycle, last_bill_date=today,
        next_bill_date=following(facts, due), attempts=0, retry_on=None,
    )  # fmt: skip
    if facts.final_cycle is not None and cycle >= facts.final_cycle:
        return completed(facts)
    return cancelled(facts, now) if facts.cancel_after_next else facts


def completed(facts: SubscriptionFacts) -> SubscriptionFacts:
    """Its final cycle is over: nothing is billed any more."""
    return replace(_unplanned(facts), status=_S.COMPLETE, next_bill_date=None)


def planned(facts: SubscriptionFacts, day: date, now: datetime) -> SubscriptionFacts:
    """The subscription on a day, before that day's bill: what was planned for it or before it has happened."""
    if facts.status in (_S.CANCELLED, _S.COMPLETE):
        return facts
    if facts.cancel_on is not None and facts.cancel_on <= day:
        return cancelled(facts, now)
    if facts.status is _S.ACTIVE and facts.pause_on is not None and facts.pause_on <= day:
        facts = paused(facts)
    if facts.status is _S.PAUSED and facts.resume_on is not None and facts.resume_on <= day:
        facts = resumed(facts, None, facts.resume_on)
    return facts


def bill_day(facts: SubscriptionFacts) -> date | None:
    """The day of the next try to bill: its date, or the next try of a past-due one; None where nothing is billed by itself."""
    if facts.cancel_on is not None and not facts.keep_billing:
        return None
    if facts.status in (_S.TRIAL, _S.ACTIVE):
        return facts.next_bill_date
    return facts.retry_on if facts.status is _S.PAST_DUE else None


def following(facts: SubscriptionFacts, after_day: date) -> date:
    """The bill date after another one, in its rhythm."""
    return next_date(after_day, facts.interval_unit, facts.interval_count, facts.anchor_day)


def cancelled(facts: SubscriptionFacts, now: datetime, reason: str = "") -> SubscriptionFacts:
    """Ended, with everything that was planned for it (C-24)."""
    return replace(
        _unplanned(without_cycles(facts)), status=_S.CANCELLED, next_bill_date=None, attempts=0,
        cancel_reason=reason or facts.cancel_reason, cancelled_at=now,
    )  # fmt: skip


def paused(facts: SubscriptionFacts) -> SubscriptionFacts:
    """Paused as from its bill date on, which it keeps as `pause_on`."""
    return replace(
        facts, status=_S.PAUSED, pause_on=facts.next_bill_date or facts.pause_on, next_bill_date=None, retry_on=None
    )  # fmt: skip


def resumed(facts: SubscriptionFacts, on: date | None, today: date) -> SubscriptionFacts:
    """Active again: billed on `on`, which becomes the anchor, or on the first date of its rhythm that is not over."""
    if on is not None:
        facts = _anchored(facts, on)
    else:
        kept = facts.pause_on or (following(facts, facts.last_bill_date) if facts.last_bill_date else today)
        facts = replace(facts, next_bill_date=_not_before(facts, kept, today))
    return replace(facts, status=_S.ACTIVE, pause_on=None, resume_on=None)


def skipped(facts: SubscriptionFacts) -> SubscriptionFacts:
    """One cycle further without a charge; the final cycle may be the one that was left out.

    Errors: `NotPossibleNow` where no bill is planned.
    """
    if facts.next_bill_date is None:
        raise NotPossibleNow("No bill is planned that could be skipped.", "Set a billing date first.")
    moved = replace(facts, cycle=facts.cycle + 1, next_bill_date=following(facts, facts.next_bill_date))
    is_over = moved.final_cycle is not None and moved.cycle >= moved.final_cycle
    return completed(moved) if is_over else moved


def checked_day(field: str, day: date, today: date) -> date:
    """A date that can be planned for: today or later, within a year. Errors: `InvalidInput`."""
    if day < today:
        raise InvalidInput(
            field, day.isoformat(), f"{day:%d %b %Y} has passed.", "Choose today or a later day."
        )
    if day > today + A_YEAR:
        raise InvalidInput(
            field, day.isoformat(), f"{day:%d %b %Y} is too far away.", "Choose a day within a year."
        )
    return day


# The steps ------------------------------------------------------------------------------------------


def _changed(
    facts: SubscriptionFacts, change: SubscriptionChange, today: date, product: ProductFacts | None
) -> SubscriptionFacts:
    facts = priced(facts, change, product)
    if change.interval_unit is not None or change.interval_count is not None:
        facts = _other_rhythm(facts, change)
    if change.next_bill_date is not None:
        facts = _dated(facts, checked_day("next_bill_date", change.next_bill_date, today))
    if change.card_id is not None and change.card_id != facts.card_id:
        # The count of tries is of the card: a new one starts at none.
        facts = replace(facts, card_id=change.card_id, attempts=0)
    if change.drop_cancel:
        facts = replace(facts, cancel_on=None, keep_billing=True, cancel_after_next=False, cancel_reason="")
    if change.drop_pause and facts.status is not _S.PAUSED:
        facts = replace(facts, pause_on=None, resume_on=None)
    return facts


def _other_rhythm(facts: SubscriptionFacts, change: SubscriptionChange) -> SubscriptionFacts:
    count = facts.interval_count if change.interval_count is None else change.interval_count
    if not 1 <= count <= _MOST_INTERVALS:
        raise InvalidInput(
            "interval_count", str(count)[:30], f"Every {str(count)[:30]} is not possible.", f"Use 1 to {_MOST_INTERVALS}."
        )  # fmt: skip
    unit = change.interval_unit or facts.interval_unit
    stands = facts.next_bill_date or facts.pause_on
    anchor = facts.anchor_day
    if unit not in _RHYTHMIC:
        anchor = None
    elif facts.interval_unit not in _RHYTHMIC or anchor is None:
        anchor = stands.day if stands else None
    return replace(facts, interval_unit=unit, interval_count=count, anchor_day=anchor)


def _dated(facts: SubscriptionFacts, day: date) -> SubscriptionFacts:
    """Another billing date: of a trial its end, of a past-due one its next try, of a paused one the date that it goes on from."""
    facts = _anchored(facts, day)
    if facts.status is _S.TRIAL:
        return replace(facts, trial_ends_on=day)
    if facts.status is _S.PAST_DUE:
        return replace(facts, retry_on=day)
    if facts.status is _S.PAUSED:
        return replace(facts, pause_on=day, next_bill_date=None)
    return facts


def _cancelled(facts: SubscriptionFacts, step: Cancel, today: date, now: datetime) -> SubscriptionFacts:
    facts = replace(
        facts, cancel_reason=step.reason, cancel_on=None, cancel_after_next=False, keep_billing=True
    )
    if step.when is CancelWhen.AFTER_NEXT:
        return replace(facts, cancel_after_next=True)
    if step.when is CancelWhen.ON_DATE:
        if step.on is None:
            raise InvalidInput("on", "", "The day is missing.", "Say on which day it ends.")
        day = checked_day("on", step.on, today)
        return (
            cancelled(facts, now)
            if day == today
            else replace(facts, cancel_on=day, keep_billing=step.keep_billing)
        )
    comes = facts.next_bill_date
    if step.when is CancelWhen.BEFORE_NEXT and comes is not None and comes > today:
        # Never billed again, even where the date is moved later: that was promised.
        return replace(facts, cancel_on=comes, keep_billing=False)
    return cancelled(facts, now)


def _paused(facts: SubscriptionFacts, step: Pause, today: date) -> SubscriptionFacts:
    start = checked_day("on", step.on, today) if step.on else today
    if step.until is not None:
        checked_day("until", step.until, today)
        if step.until <= start:
            raise InvalidInput(
                "until", step.until.isoformat(), "It would resume before it is paused.", "Choose a later day."
            )
    if start > today:
        return replace(facts, pause_on=start, resume_on=step.until)
    return replace(paused(facts), resume_on=step.until)


def _trial(facts: SubscriptionFacts, step: Trial, today: date, now: datetime) -> SubscriptionFacts:
    if step.move is TrialMove.SKIP:
        return replace(_anchored(facts, today), trial_ends_on=today)
    if step.move is TrialMove.STOP:
        ends = facts.trial_ends_on or facts.next_bill_date
        facts = replace(facts, cancel_reason="The trial was stopped", cancel_after_next=False)
        if step.now or ends is None or ends <= today:
            return cancelled(facts, now)
        return replace(facts, cancel_on=ends, keep_billing=False)
    days = facts.trial_days
    if days <= 0 and facts.trial_ends_on and facts.last_bill_date:
        days = (facts.trial_ends_on - facts.last_bill_date).days
    if days <= 0:
        raise NotPossibleNow("How long this trial lasts is not known.", "Set its billing date instead.")
    ends = today + timedelta(days=days)
    return replace(_anchored(facts, ends), trial_ends_on=ends, trial_days=days)


def _reactivated(facts: SubscriptionFacts, step: Reactivate, today: date) -> SubscriptionFacts:
    day = checked_day("on", step.on, today) if step.on else today
    facts = _anchored(_unplanned(facts), day)
    is_trial = facts.cycle < 2 and facts.trial_ends_on is not None
    if facts.final_cycle is not None and facts.cycle >= facts.final_cycle:
        facts = replace(facts, final_cycle=None)
    return replace(
        facts, status=_S.TRIAL if is_trial else _S.ACTIVE, trial_ends_on=day if is_trial else facts.trial_ends_on, attempts=0,
        cancel_reason="", cancelled_at=None,
    )  # fmt: skip


def _unplanned(facts: SubscriptionFacts) -> SubscriptionFacts:
    return replace(
        facts, pause_on=None, resume_on=None, cancel_on=None, keep_billing=True, cancel_after_next=False, retry_on=None
    )  # fmt: skip


def _anchored(facts: SubscriptionFacts, day: date) -> SubscriptionFacts:
    """That billing date, and its day of the month as the anchor."""
    anchor = day.day if facts.interval_unit in _RHYTHMIC else None
    return replace(facts, next_bill_date=day, anchor_day=anchor)


def _not_before(facts: SubscriptionFacts, start: date, day: date) -> date:
    """The first date of the rhythm from `start` on that is not before `day`."""
    if start >= day:
        return start
    if facts.interval_unit not in _RHYTHMIC:
        step = facts.interval_count * (7 if facts.interval_unit is IntervalUnit.WEEK else 1)
        return start + timedelta(days=-(-(day - start).days // step) * step)
    while start < day:
        start = following(facts, start)
    return start


_ACTION_OF: dict[type, SubscriptionAction] = {
    Cancel: _A.CANCEL,
    Pause: _A.PAUSE,
    Resume: _A.RESUME,
    Skip: _A.SKIP,
    Trial: _A.TRIAL,
    Reactivate: _A.REACTIVATE,
}
