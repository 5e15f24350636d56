"""Every action in every state, as the table says; dates and anchors; and previews that tell the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from cstui.domain.errors import InvalidInput, NotPossibleNow
from cstui.domain.money import Money
from cstui.domain.subscription_actions import after, bill_day, billed, cancelled, planned, resumed
from cstui.domain.subscription_changes import (
    Cancel,
    CancelWhen,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    SubscriptionFacts,
    Trial,
    TrialMove,
)
from cstui.domain.subscription_preview import CardFacts, Coming, coming, preview
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, SubscriptionStatus

S = SubscriptionStatus
TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
VISA = CardFacts("Visa …4242", date(2030, 12, 31))


def facts(status: SubscriptionStatus = S.ACTIVE, **more: Any) -> SubscriptionFacts:
    day = date(2026, 11, 22) if status is S.PAST_DUE else date(2026, 12, 5)
    idle = status in (S.PAUSED, S.RECYCLE_FAILED, S.CANCELLED, S.COMPLETE)
    base: dict[str, Any] = {
        "quantity": 2, "unit_price": 1000, "shipping": 300, "tax": 160, "cycle": 1 if status is S.TRIAL else 3, "anchor_day": day.day,
        "next_bill_date": None if idle else day, "last_bill_date": date(2026, 11, 5), "card_id": 1,
        "trial_ends_on": day if status is S.TRIAL else None, "trial_days": 14 if status is S.TRIAL else 0,
        "retry_on": date(2026, 11, 27) if status is S.PAST_DUE else None, "attempts": 1 if status is S.PAST_DUE else 0,
        "pause_on": day if status is S.PAUSED else None, "cancelled_at": NOW if status is S.CANCELLED else None,
    }  # fmt: skip
    return SubscriptionFacts(status, "USD", **{**base, **more})


def do(found: SubscriptionFacts, step: Step) -> SubscriptionFacts:
    return after(found, step, TODAY, NOW)


STEPS: dict[str, Step] = {
    "cancel now": Cancel(CancelWhen.NOW),
    "cancel after next": Cancel(CancelWhen.AFTER_NEXT),
    "cancel before next": Cancel(CancelWhen.BEFORE_NEXT),
    "cancel on a date": Cancel(CancelWhen.ON_DATE, date(2027, 1, 1)),
    "pause": Pause(),
    "resume": Resume(),
    "skip": Skip(),
    "card": SubscriptionChange(card_id=2),
    "price": SubscriptionChange(unit_price=Money(900, "USD")),
    "quantity": SubscriptionChange(quantity=3),
    "date": SubscriptionChange(next_bill_date=date(2026, 12, 24)),
    "trial restart": Trial(TrialMove.RESTART),
    "trial skip": Trial(TrialMove.SKIP),
    "trial stop": Trial(TrialMove.STOP),
    "reactivate": Reactivate(),
}
LIVING = {S.TRIAL, S.ACTIVE, S.PAST_DUE, S.PAUSED, S.RECYCLE_FAILED}
ALLOWED: dict[str, set[SubscriptionStatus]] = {
    **dict.fromkeys(STEPS, LIVING),
    "pause": {S.ACTIVE},
    "resume": {S.PAUSED},
    "skip": {S.ACTIVE},
    "trial restart": {S.TRIAL},
    "trial skip": {S.TRIAL},
    "trial stop": {S.TRIAL},
    "reactivate": {S.RECYCLE_FAILED, S.CANCELLED, S.PAST_DUE},
}


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("name", list(STEPS))
def test_the_table_of_actions_holds_in_every_cell(name: str, status: SubscriptionStatus) -> None:
    found = facts(status)
    if status in ALLOWED[name]:
        assert do(found, STEPS[name]) != found
        return
    with pytest.raises(NotPossibleNow) as refused:
        do(found, STEPS[name])
    assert refused.value.message.startswith("This subscription is ") and refused.value.message.count(".") == 2


# Ending it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(LIVING))
def test_cancelling_now_clears_everything_that_was_planned(status: SubscriptionStatus) -> None:
    busy = facts(
        status, resume_on=date(2027, 1, 1), cancel_on=date(2027, 2, 1), keep_billing=False, cancel_after_next=True, retry_on=TODAY,
        price_cycles_left=2, regular_unit_price=1500, regular_shipping=300, regular_tax=240, attempts=2,
    )  # fmt: skip
    found = do(busy, Cancel(reason="Not using it"))
    assert (found.status, found.cancelled_at, found.cancel_reason) == (S.CANCELLED, NOW, "Not using it")
    assert (found.next_bill_date, found.pause_on, found.resume_on, found.cancel_on, found.retry_on) == (
        None,
    ) * 5
    assert (found.keep_billing, found.cancel_after_next, found.price_cycles_left, found.attempts) == (
        True,
        False,
        0,
        0,
    )
    assert (found.unit_price, found.regular_unit_price) == (1500, None)
    assert bill_day(found) is None and list(coming(found, TODAY, NOW)) == []


def test_cancelling_after_the_next_bill_bills_once_more() -> None:
    found = do(facts(), Cancel(CancelWhen.AFTER_NEXT))
    shown = preview(found, TODAY, NOW, VISA)
    assert (shown.date, shown.following, shown.ends_on) == (date(2026, 12, 5), (), date(2026, 12, 5))
    assert "It ends with the next bill that goes through." in shown.warnings
    assert billed(found, date(2026, 12, 5), NOW).status is S.CANCELLED


def test_cancelling_instead_of_the_next_bill_never_bills_again_wherever_the_date_moves() -> None:
    found = do(facts(), Cancel(CancelWhen.BEFORE_NEXT))
    assert (found.status, found.cancel_on) == (S.ACTIVE, date(2026, 12, 5))
    earlier = do(found, SubscriptionChange(next_bill_date=date(2026, 11, 26)))
    for one in (found, earlier):
        shown = preview(one, TODAY, NOW, VISA)
        assert (shown.date, shown.ends_on) == (None, date(2026, 12, 5))
    assert planned(found, date(2026, 12, 4), NOW) == found
    assert planned(found, date(2026, 12, 5), NOW).status is S.CANCELLED


@pytest.mark.parametrize("status", [S.PAST_DUE, S.PAUSED, S.RECYCLE_FAILED])
def test_instead_of_a_bill_that_is_due_or_not_planned_means_now(status: SubscriptionStatus) -> None:
    assert do(facts(status), Cancel(CancelWhen.BEFORE_NEXT)).status is S.CANCELLED


def test_cancelling_on_a_day_bills_until_then_or_not() -> None:
    on = date(2027, 1, 5)  # the day of the second bill: that one is not made
    shown = preview(do(facts(), Cancel(CancelWhen.ON_DATE, on)), TODAY, NOW, VISA)
    assert (shown.date, shown.following, shown.ends_on) == (date(2026, 12, 5), (), on)
    shown = preview(do(facts(), Cancel(CancelWhen.ON_DATE, on, keep_billing=False)), TODAY, NOW, VISA)
    assert (shown.date, shown.ends_on) == (None, on)
    assert shown.words == "Nothing is billed any more; it ends on Tue 05 Jan 2027."
    assert do(facts(), Cancel(CancelWhen.ON_DATE, TODAY)).status is S.CANCELLED


def test_a_planned_end_can_be_taken_back() -> None:
    found = do(facts(), Cancel(CancelWhen.BEFORE_NEXT, reason="Too expensive"))
    assert do(found, SubscriptionChange(drop_cancel=True)) == facts()


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (Cancel(CancelWhen.ON_DATE), "on"),
        (Cancel(CancelWhen.ON_DATE, TODAY - timedelta(days=1)), "on"),
        (Pause(until=TODAY), "until"),
        (Pause(until=date(2026, 12, 1), on=date(2026, 12, 2)), "until"),
        (Pause(on=date(2026, 11, 24)), "on"),
        (SubscriptionChange(next_bill_date=date(2026, 11, 24)), "next_bill_date"),
        (SubscriptionChange(next_bill_date=date(2027, 11, 27)), "next_bill_date"),
        (SubscriptionChange(interval_count=0), "interval_count"),
        (SubscriptionChange(interval_count=10**20), "interval_count"),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_planned_for_names_its_field(step: Step, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        do(facts(), step)
    assert refused.value.field == field


# Pausing, skipping, dates ---------------------------------------------------------------------------


def test_a_pause_keeps_the_rhythm_and_resumes_on_its_next_date() -> None:
    found = do(facts(), Pause())
    assert (found.status, found.next_bill_date, found.pause_on) == (S.PAUSED, None, date(2026, 12, 5))
    assert preview(found, TODAY, NOW, VISA).words == "Nothing is billed until it is resumed."
    # Resumed before its date: nothing is billed earlier than it would have been.
    assert do(found, Resume()) == facts()
    later = resumed(found, None, date(2027, 3, 6))
    assert (later.status, later.next_bill_date, later.anchor_day) == (S.ACTIVE, date(2027, 4, 5), 5)


@pytest.mark.parametrize(
    ("unit", "count", "resumes"),
    [(IntervalUnit.WEEK, 2, date(2027, 1, 2)), (IntervalUnit.DAY, 45, date(2027, 1, 19)), (IntervalUnit.YEAR, 1, date(2027, 12, 5))],
)  # fmt: skip
def test_resuming_stays_in_step_with_every_rhythm(unit: IntervalUnit, count: int, resumes: date) -> None:
    found = do(facts(interval_unit=unit, interval_count=count), Pause())
    assert resumed(found, None, date(2026, 12, 20)).next_bill_date == resumes


def test_a_pause_until_a_day_goes_on_by_itself() -> None:
    shown = preview(do(facts(), Pause(until=date(2027, 2, 1))), TODAY, NOW, VISA)
    assert (shown.date, shown.following[0][0]) == (date(2027, 2, 5), date(2027, 3, 5))


def test_a_planned_pause_leaves_bills_before_it_alone() -> None:
    found = do(facts(), Pause(until=date(2027, 3, 1), on=date(2026, 12, 10)))
    assert found.status is S.ACTIVE
    shown = preview(found, TODAY, NOW, VISA)
    assert [shown.date, *(day for day, _ in shown.following)] == [
        date(2026, 12, 5), date(2027, 3, 5), date(2027, 4, 5), date(2027, 5, 5),
    ]  # fmt: skip
    assert planned(found, date(2026, 12, 10), NOW).status is S.PAUSED
    assert do(found, SubscriptionChange(drop_pause=True)) == facts()


def test_resuming_on_a_day_makes_it_the_anchor() -> None:
    found = do(do(facts(), Pause()), Resume(on=date(2026, 11, 30)))
    assert (found.next_bill_date, found.anchor_day) == (date(2026, 11, 30), 30)


def test_skipping_moves_one_cycle_and_the_last_one_ends_it() -> None:
    found = do(facts(), Skip())
    assert (found.cycle, found.next_bill_date, found.status) == (4, date(2027, 1, 5), S.ACTIVE)
    last = do(facts(final_cycle=4), Skip())
    assert (last.status, last.cycle, last.next_bill_date) == (S.COMPLETE, 4, None)
    with pytest.raises(NotPossibleNow):
        do(facts(next_bill_date=None), Skip())


def test_a_new_billing_date_is_the_new_anchor() -> None:
    found = do(facts(), SubscriptionChange(next_bill_date=date(2027, 1, 31)))
    days = [bill.day for bill in islice(coming(found, TODAY, NOW), 4) if isinstance(bill, Coming)]
    assert found.anchor_day == 31
    assert days == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


def test_a_date_moves_what_it_stands_for() -> None:
    day = date(2026, 12, 24)
    trial = do(facts(S.TRIAL), SubscriptionChange(next_bill_date=day))
    assert (trial.trial_ends_on, trial.next_bill_date) == (day, day)
    late = do(facts(S.PAST_DUE), SubscriptionChange(next_bill_date=day))
    assert (late.retry_on, bill_day(late), late.status) == (day, day, S.PAST_DUE)
    rests = do(facts(S.PAUSED), SubscriptionChange(next_bill_date=day))
    assert (rests.next_bill_date, rests.pause_on) == (None, day)
    assert do(rests, Resume()).next_bill_date == day


def test_another_rhythm_keeps_the_next_date_and_finds_its_anchor() -> None:
    weekly = do(facts(), SubscriptionChange(interval_unit=IntervalUnit.WEEK, interval_count=3))
    assert (weekly.next_bill_date, weekly.anchor_day) == (date(2026, 12, 5), None)
    monthly = do(weekly, SubscriptionChange(interval_unit=IntervalUnit.MONTH))
    assert (monthly.anchor_day, monthly.interval_count) == (5, 3)


# Trials and coming back -----------------------------------------------------------------------------


def test_a_trial_restarts_skips_or_stops() -> None:
    again = do(facts(S.TRIAL), Trial(TrialMove.RESTART))
    assert (again.status, again.trial_ends_on, again.next_bill_date) == (
        S.TRIAL,
        date(2026, 12, 9),
        date(2026, 12, 9),
    )
    assert do(again, Trial(TrialMove.RESTART)) == again
    skipped = do(facts(S.TRIAL), Trial(TrialMove.SKIP))
    assert (skipped.next_bill_date, skipped.trial_ends_on, skipped.status) == (TODAY, TODAY, S.TRIAL)
    assert billed(skipped, TODAY, NOW).status is S.ACTIVE
    stopped = do(facts(S.TRIAL), Trial(TrialMove.STOP))
    assert preview(stopped, TODAY, NOW, VISA).date is None
    assert planned(stopped, date(2026, 12, 5), NOW).status is S.CANCELLED
    assert do(facts(S.TRIAL), Trial(TrialMove.STOP, now=True)).status is S.CANCELLED


def test_a_trial_of_unknown_length_is_measured_or_not_restarted() -> None:
    measured = do(facts(S.TRIAL, trial_days=0), Trial(TrialMove.RESTART))
    assert measured.trial_ends_on == TODAY + timedelta(days=30)
    with pytest.raises(NotPossibleNow):
        do(facts(S.TRIAL, trial_days=0, last_bill_date=None), Trial(TrialMove.RESTART))


@pytest.mark.parametrize("status", [S.CANCELLED, S.RECYCLE_FAILED, S.PAST_DUE])
def test_reactivating_bills_today_or_on_the_day_and_starts_clean(status: SubscriptionStatus) -> None:
    found = do(facts(status, final_cycle=3, attempts=4), Reactivate())
    assert (found.status, found.next_bill_date, found.anchor_day) == (S.ACTIVE, TODAY, 25)
    assert (found.attempts, found.retry_on, found.cancelled_at, found.cancel_reason, found.final_cycle) == (
        0,
        None,
        None,
        "",
        None,
    )
    assert do(facts(status), Reactivate(on=date(2026, 12, 31))).anchor_day == 31


def test_a_cancelled_trial_comes_back_as_a_trial() -> None:
    gone = cancelled(facts(S.TRIAL), NOW)
    found = do(gone, Reactivate(on=date(2026, 12, 1)))
    assert (found.status, found.trial_ends_on) == (S.TRIAL, date(2026, 12, 1))


def test_a_new_card_starts_its_own_count_of_tries() -> None:
    found = do(facts(S.PAST_DUE), SubscriptionChange(card_id=2))
    assert (found.card_id, found.attempts, found.retry_on) == (2, 0, date(2026, 11, 27))


# What a preview says --------------------------------------------------------------------------------


def test_a_preview_is_what_billing_does_bill_by_bill() -> None:
    found = do(
        facts(final_cycle=7),
        SubscriptionChange(discount_kind=DiscountKind.PERCENT, discount_value=50, for_cycles=2),
    )
    shown = preview(found, TODAY, NOW, VISA)
    said = [(shown.date, shown.total), *shown.following]
    done = []
    while (day := bill_day(found)) is not None:
        done.append((day, Money(found.total, "USD")))
        found = billed(found, day, NOW)
    assert said == done and len(done) == 4
    assert [total.minor for _, total in done] == [1380, 1380, 2460, 2460]
    assert (found.status, shown.ends_on) == (S.COMPLETE, date(2027, 3, 5))
    assert shown.cycle == 4 and sum(part.amount.minor for part in shown.parts) == shown.total.minor


def test_a_past_due_bill_is_tried_on_its_day_and_keeps_the_rhythm_of_when_it_was_due() -> None:
    shown = preview(facts(S.PAST_DUE), TODAY, NOW, VISA)
    assert (shown.date, shown.following[0][0]) == (date(2026, 11, 27), date(2026, 12, 22))
    assert "This is the bill that was due on 22 Nov 2026." in shown.warnings
    assert preview(facts(S.PAST_DUE, retry_on=None), TODAY, NOW, VISA).words == "No further try is planned."


@pytest.mark.parametrize(
    ("card", "warning"),
    [
        (CardFacts(), "No card is on file for it."),
        (CardFacts("Visa …4242", date(2026, 11, 30)), "The card Visa …4242 expires before the next bill."),
        (CardFacts("Visa …4242", date(2030, 1, 31), True), "The card Visa …4242 was removed."),
    ],
)
def test_a_card_that_will_not_do_is_told_before(card: CardFacts, warning: str) -> None:
    assert warning in preview(facts(), TODAY, NOW, card).warnings
    assert warning not in preview(facts(S.RECYCLE_FAILED), TODAY, NOW, card).warnings


def test_a_bill_of_today_says_when() -> None:
    due = facts(next_bill_date=TODAY)
    assert preview(due, TODAY, NOW, VISA, bill_time="09:00").words == "Bills 24.60 USD today at 09:00."
    late = preview(due, TODAY, NOW, VISA, bill_time="09:00", is_past_bill_time=True)
    assert late.words == "Bills 24.60 USD today, at once."
    assert preview(replace(due, next_bill_date=date(2026, 11, 20)), TODAY, NOW, VISA).date == TODAY
