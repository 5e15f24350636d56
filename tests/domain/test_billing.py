"""Rules of billing: what a refusal leads to, what is due on a day, how often a card may be tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cstui.domain.billing import (
    NOTHING,
    After,
    CardHistory,
    Do,
    Dunning,
    Limits,
    after_decline,
    after_refusal,
    days_at,
    pause_after,
    todo,
    waits_until,
    why_no_agent_try,
    why_no_more_today,
)
from cstui.domain.gateways import Why
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import SubscriptionStatus

_S, _A = SubscriptionStatus, AttemptState
DAY = date(2027, 3, 31)
NOW = datetime(2027, 3, 31, 16, tzinfo=UTC)
FACTS = SubscriptionFacts(_S.ACTIVE, "USD", unit_price=1000, cycle=2, next_bill_date=DAY, anchor_day=31)


@pytest.mark.parametrize(
    ("state", "why", "code", "after"),
    [
        (_A.DECLINED_SOFT, Why.DECLINED, "202", After.RETRY),
        (_A.DECLINED_SOFT, Why.DECLINED, "processing_error", After.RETRY),
        (_A.DECLINED_HARD, Why.PARTIAL, "100", After.RETRY),
        (_A.DECLINED_HARD, Why.NEVER, "252", After.STOP),
        (_A.DECLINED_HARD, Why.NEVER, "261", After.STOP),
        (_A.DECLINED_HARD, Why.NEVER, "262", After.STOP),
        (_A.DECLINED_HARD, Why.NEVER, "54", After.CARD),
        (_A.DECLINED_HARD, Why.CARD_DATA, "263", After.CARD),
        (_A.REJECTED, Why.NO_SUCH_RECORD, "300", After.CARD),
        (_A.REJECTED, Why.ACCOUNT, "410", After.AGAIN),
        (_A.NOT_SENT, Why.BUSY, "429", After.AGAIN),
        (_A.NOT_SENT, Why.NO_ANSWER, "", After.AGAIN),
        (_A.REJECTED, Why.DUPLICATE, "300", After.LOOK),
        (_A.UNKNOWN, Why.DUPLICATE, "430", After.LOOK),
        (_A.UNKNOWN, Why.NO_ANSWER, "400", After.LOOK),
        (_A.PENDING, Why.NONE, "", After.LOOK),
    ],
)
def test_a_refusal_leads_to_one_next_step(state: AttemptState, why: Why, code: str, after: After) -> None:
    assert after_refusal(state, why, code) is after


def test_a_bank_that_asks_for_days_gets_them() -> None:
    then = after_decline(FACTS, After.RETRY, "264", DAY, Dunning(retry_days=(1,)), "", NOW)
    assert then.retry_on == DAY + timedelta(days=3) and then.status is _S.PAST_DUE


@pytest.mark.parametrize("after", [After.AGAIN, After.LOOK])
def test_what_may_have_happened_or_never_was_sent_is_no_decline(after: After) -> None:
    assert after_decline(FACTS, after, "", DAY, Dunning(), "", NOW) == FACTS


@pytest.mark.parametrize(
    ("facts", "do"),
    [
        ({}, Do.BILL),
        ({"next_bill_date": DAY + timedelta(days=1)}, Do.NOTHING),
        ({"cancel_on": DAY}, Do.CANCEL),
        ({"cancel_on": DAY + timedelta(days=9), "keep_billing": False}, Do.NOTHING),
        ({"cancel_on": DAY + timedelta(days=9)}, Do.BILL),
        ({"pause_on": DAY}, Do.PAUSE),
        ({"status": _S.PAUSED, "resume_on": DAY}, Do.RESUME),
        ({"status": _S.PAUSED, "resume_on": None}, Do.NOTHING),
        ({"final_cycle": 2}, Do.COMPLETE),
        ({"status": _S.PAST_DUE, "attempts": 1, "retry_on": DAY}, Do.BILL),
        ({"status": _S.PAST_DUE, "attempts": 1, "retry_on": None}, Do.NOTHING),
        ({"status": _S.PAST_DUE, "attempts": 5, "retry_on": DAY}, Do.GIVE_UP),
        ({"status": _S.RECYCLE_FAILED}, Do.NOTHING),
        ({"status": _S.CANCELLED}, Do.NOTHING),
    ],
)
def test_what_is_due_on_a_day(facts: dict[str, object], do: Do) -> None:
    assert todo(replace(FACTS, **facts), DAY, DAY, Dunning()).do is do  # type: ignore[arg-type]


def test_catching_up_bills_the_latest_and_never_beyond_the_last_cycle() -> None:
    late = replace(FACTS, next_bill_date=date(2026, 12, 31))
    step = todo(late, DAY, DAY, Dunning())
    assert (step.cycle, step.bill_date) == (6, DAY)
    assert step.missed == ((3, date(2026, 12, 31)), (4, date(2027, 1, 31)), (5, date(2027, 2, 28)))
    last = todo(replace(late, final_cycle=4), DAY, DAY, Dunning())
    assert (last.cycle, last.bill_date, len(last.missed)) == (4, date(2027, 1, 31), 1)
    assert todo(replace(late, status=_S.PAUSED), DAY, DAY, Dunning()) == NOTHING


def test_a_day_begins_at_the_stores_time_in_its_zone_also_when_clocks_skip_it() -> None:
    before = datetime(2027, 3, 14, 7, 20, tzinfo=UTC)
    assert days_at(before, "America/New_York", "02:30") == (date(2027, 3, 14), date(2027, 3, 13))
    assert days_at(before + timedelta(minutes=15), "America/New_York", "02:30")[1] == date(2027, 3, 14)
    assert days_at(datetime(2027, 1, 1, 3, tzinfo=UTC), "America/New_York", "00:00")[0] == date(2026, 12, 31)
    assert waits_until(date(2027, 1, 1), "09:00", "America/New_York", 15) == datetime(
        2027, 1, 1, 14, 15, tzinfo=UTC
    )


def test_a_card_is_tried_by_hand_once_a_day_after_a_decline_and_by_itself_within_the_networks_numbers() -> (
    None
):
    limits = Limits()
    assert why_no_agent_try(CardHistory(agent_today=3, agent_month=3), limits) == ""
    assert "once today" in why_no_agent_try(
        CardHistory(agent_today=1, agent_month=1, declines_today=1), limits
    )
    assert "4 times in 30 days" in why_no_agent_try(CardHistory(agent_month=4, declines_month=4), limits)
    assert "another card" in why_no_agent_try(CardHistory(never="The card was reported lost."), limits)
    assert why_no_more_today(CardHistory(declines_today=7, declines_month=14), limits) == ""
    assert "in a day" in why_no_more_today(CardHistory(declines_today=8), limits)
    assert "in 30 days" in why_no_more_today(CardHistory(declines_month=15), limits)


def test_a_gateway_that_is_away_is_asked_ever_more_rarely() -> None:
    waits = [pause_after(tries) for tries in (1, 2, 3, 9, 50)]
    assert waits == [
        timedelta(minutes=5),
        timedelta(minutes=10),
        timedelta(minutes=20),
        *[timedelta(hours=6)] * 2,
    ]
