"""Charging a subscription by hand: once, with a time to take it back, and never where the card networks forbid it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.attempts import TooLate
from cstui.domain.errors import NotPossibleNow
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.sandbox import Fault
from cstui.domain.subscription_rules import SubscriptionAction
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from tests.billing import BillingBench, billing_bench
from tests.money import ATTEMPT

_S = SubscriptionStatus


@pytest.fixture
def bench(db_url: str) -> Iterator[BillingBench]:
    made = billing_bench(db_url)
    yield made
    made.desk.close()


def test_a_forced_bill_charges_the_next_cycle_early_and_moves_its_date_once(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    receipt = bench.force(key, save_id="save-1")
    assert receipt.amount.minor == 2650 and "4242" in receipt.words and receipt.sends_at
    bench.work()
    row = bench.sub(key)
    (period,) = bench.periods(key)
    assert (period.cycle, period.bill_date, period.state) == (3, bench.day(10), PeriodState.BILLED)
    assert row.next_bill_date > bench.day(30) and len(bench.orders(key)) == 1
    assert bench.orders(key)[0].total == 2650 and bench.work().anything is False


def test_the_same_save_is_one_charge(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    token = new_token()
    grip = bench.desk.subscriptions.begin(bench.ann, key, bench.sub(key).version, token)
    first = bench.desk.billing.force(bench.ann, key, grip, "save-1", undo_seconds=5)
    again = bench.desk.billing.force(bench.ann, key, grip, "save-1", undo_seconds=5)
    assert first == again and len(bench.tries(key)) == 1


def test_it_can_be_taken_back_until_it_is_sent(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    receipt = bench.force(key, undo=60)
    bench.desk.billing.withdraw(bench.ann, receipt.attempt_ids[0])
    assert bench.states(key) == [AttemptState.WITHDRAWN]
    receipt = bench.force(key)
    bench.work()
    with pytest.raises(TooLate):
        bench.desk.billing.withdraw(bench.ann, receipt.attempt_ids[0])


def test_a_declined_card_is_not_run_again_by_hand_on_the_same_day(bench: BillingBench) -> None:
    card = bench.card()
    key, other = bench.subscription(card, due=10), bench.subscription(card, due=10)
    bench.fault(Fault.DECLINE)
    bench.force(key)
    bench.work()
    assert bench.sub(key).status is _S.ACTIVE and bench.periods(key)[0].note
    for same_card in (key, other):
        with pytest.raises(NotPossibleNow, match="today"):
            bench.force(same_card, bench.sue)
    bench.later(days=1, minutes=1)
    bench.force(other)
    bench.work()
    assert len(bench.orders(other)) == 1


@pytest.mark.parametrize("code", ["261", "262", "252"])
def test_a_stop_order_cannot_be_overridden_and_another_card_can(bench: BillingBench, code: str) -> None:
    card = bench.card("lost")
    key, other = bench.subscription(card), bench.subscription(card, due=10)
    bench.work()
    with bench.db.write() as tx:
        tx.run(ATTEMPT.update().values(response_code=code))
    for actor in (bench.ann, bench.sue):
        with pytest.raises(NotPossibleNow, match="another card"):
            bench.force(key, actor)
    why = bench.desk.subscriptions.open(bench.ann, other).why_not
    assert (SubscriptionAction.BILL in why) is (code != "262")
    bench.change(key, card_id=bench.card(last4="1111"))
    bench.force(key)
    bench.work()
    row = bench.sub(key)
    assert row.status is _S.ACTIVE and len(bench.orders(key)) == 1 and row.next_bill_date > bench.today


def test_a_past_due_one_recovers_by_hand_and_a_decline_leaves_its_schedule(bench: BillingBench) -> None:
    bench.set("billing.retry_percent_off", 40)
    key = bench.subscription()
    bench.fault(Fault.DECLINE, times=2)
    bench.work()
    planned = bench.sub(key).retry_on
    bench.force(key)
    bench.work()
    assert (bench.sub(key).retry_on, bench.sub(key).attempts) == (planned, 1)
    bench.later(days=1, minutes=1)
    bench.force(key)
    bench.work()
    assert bench.sub(key).status is _S.ACTIVE and [row.total for row in bench.orders(key)] == [2650]


def test_a_paused_one_is_charged_and_stays_paused(bench: BillingBench) -> None:
    key = bench.subscription(
        status=_S.PAUSED, next_bill_date=None, pause_on=bench.day(5), resume_on=bench.day(90)
    )
    bench.force(key)
    bench.work()
    row = bench.sub(key)
    assert (row.status, row.cycle) == (_S.PAUSED, 3) and row.pause_on > bench.day(5)
    assert len(bench.orders(key)) == 1
