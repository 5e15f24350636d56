"""Billing on the sandbox: what is due is charged once per cycle, on its day, and becomes an order; or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cstui.domain.attempts import AttemptInFlight
from cstui.domain.billing import Missed
from cstui.domain.errors import NotPermitted, RecordChanged
from cstui.domain.gateways import Answer, Why
from cstui.domain.payments import AttemptState, PaymentStatus
from cstui.domain.sandbox import Fault
from cstui.domain.subscription_rules import SubscriptionAction
from cstui.domain.subscriptions import IntervalUnit, PeriodState, SubscriptionStatus
from cstui.services import outcomes
from cstui.storage.queries import attempts
from tests.billing import STORE, BillingBench, billing_bench
from tests.conftest import sqlite_url
from tests.factories import add_order

_S = SubscriptionStatus


@pytest.fixture
def bench(db_url: str) -> Iterator[BillingBench]:
    made = billing_bench(db_url)
    yield made
    made.desk.close()


@pytest.fixture
def lite(sqlite_template: Path, quick_folder: Path) -> Iterator[BillingBench]:
    """On SQLite alone: for what the kind of database does not matter to."""
    made = billing_bench(sqlite_url(sqlite_template, quick_folder))
    yield made
    made.desk.close()


def test_a_due_cycle_is_charged_once_and_becomes_a_paid_order(bench: BillingBench) -> None:
    key = bench.subscription()
    assert bench.work().billed == 1
    (order,) = bench.orders(key)
    row = bench.sub(key)
    assert (order.kind, order.cycle, order.total, order.parent_order_id) == (
        "recurring",
        3,
        2650,
        row.parent_order_id,
    )
    view = bench.desk.orders.open(bench.ann, order.id)
    assert view.payment_status is PaymentStatus.PAID and view.lines[0].name == "Tea"
    assert view.shipping.line1 == "12 Elm Street"
    assert [(move.card_brand, move.card_last4) for move in view.transactions] == [("Visa", "4242")]
    (period,) = bench.periods(key)
    assert (period.state, period.cycle, period.order_id, period.amount) == (
        PeriodState.BILLED,
        3,
        order.id,
        2650,
    )
    assert (row.status, row.cycle, row.last_bill_date, row.attempts) == (_S.ACTIVE, 3, bench.today, 0)
    assert row.next_bill_date > bench.today
    assert [mail.kind for mail in bench.mails()] == ["renewed"]
    assert bench.work().anything is False and bench.charged() == 1


def test_two_workers_bill_one_cycle_once(bench: BillingBench) -> None:
    keys = [bench.subscription() for _ in range(4)]
    first, second = bench.worker(), bench.worker()
    for worker in (first, second, first):
        worker.once()
    assert bench.charged() == 4 and all(len(bench.orders(key)) == 1 for key in keys)
    assert len({row.number for key in keys for row in bench.orders(key)}) == 4
    for worker in (first, second):
        worker.stop()


def test_workers_side_by_side_charge_each_cycle_once(
    bench: BillingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cstui.services.worker.BILLING", 0.05)
    cards = [bench.card(last4=f"{number:04d}") for number in range(5)]
    keys = [bench.subscription(card) for card in cards for _ in range(2)]
    workers = [bench.worker(), bench.worker()]
    for worker in workers:
        worker.start()
    until = time.monotonic() + 30
    while bench.charged() < len(keys) and time.monotonic() < until:
        time.sleep(0.1)
    for worker in workers:
        worker.stop()
    bench.work()
    assert bench.charged() == len(keys) and all(len(bench.orders(key)) == 1 for key in keys)
    assert len({row.number for key in keys for row in bench.orders(key)}) == len(keys)


def test_order_numbers_go_on_after_what_an_import_brought(bench: BillingBench) -> None:
    first = bench.subscription()
    bench.work()
    number = int(bench.orders(first)[0].number.removeprefix("#"))
    add_order(bench.db, bench.store, bench.customer, f"#{number + 1}")
    add_order(bench.db, bench.store, bench.customer, "#9000")
    second = bench.subscription()
    bench.work()
    assert bench.orders(second)[0].number == "#9001"


def test_nothing_is_billed_before_the_stores_time_of_day(lite: BillingBench) -> None:
    key = lite.subscription()
    with lite.db.write() as tx:
        tx.run(STORE.update().values(daily_bill_time="23:59"))
    lite.work()
    assert not lite.tries(key)


def test_a_declined_bill_follows_the_schedule_and_then_stops(bench: BillingBench) -> None:
    key = bench.subscription(bench.card("decline"))
    waits = []
    for _ in range(5):
        bench.work()
        row = bench.sub(key)
        assert row.status is _S.PAST_DUE
        waits.append((row.retry_on - bench.today).days)
        assert bench.work().billed == 0
        bench.sleep(waits[-1])
    assert waits == [2, 3, 5, 7, 10] and len(bench.tries(key)) == 5
    bench.work()
    row = bench.sub(key)
    assert (row.status, row.next_bill_date, row.retry_on) == (_S.RECYCLE_FAILED, None, None)
    assert bench.periods(key)[0].state is PeriodState.FAILED and len(bench.tries(key)) == 5
    kinds = [mail.kind for mail in bench.mails()]
    assert kinds == ["renewal_failed"] * 5 + ["renewal_ended"] and not bench.orders(key)


def test_a_store_may_cancel_what_cannot_be_paid(lite: BillingBench) -> None:
    lite.set("billing.cancel_when_exhausted", "yes")
    lite.set("billing.retry_days", "none")
    lite.set("billing.final_notice_days", 0)
    key = lite.subscription(lite.card("decline"))
    lite.work()
    row = lite.sub(key)
    assert row.status is _S.CANCELLED and row.cancelled_at and "money" in row.cancel_reason


def test_a_hard_decline_stops_at_once_and_for_all_that_hangs_on_the_card(lite: BillingBench) -> None:
    card = lite.card("lost")
    first, second = lite.subscription(card), lite.subscription(card)
    lite.work()
    assert {lite.sub(key).status for key in (first, second)} == {_S.RECYCLE_FAILED}
    # The second one asked no gateway: what the issuer said of the card is known.
    assert len(lite.tries(first)) + len(lite.tries(second)) == 1
    assert "lost" in lite.periods(second)[0].note


def test_a_recovered_bill_is_active_again_on_its_old_rhythm(lite: BillingBench) -> None:
    lite.fault(Fault.DECLINE)
    key = lite.subscription()
    lite.work()
    anchor = lite.sub(key).anchor_day
    lite.sleep(2)
    lite.change(key, anchor_day=anchor)
    lite.work()
    row = lite.sub(key)
    assert (row.status, row.cycle, row.attempts, row.retry_on) == (_S.ACTIVE, 3, 0, None)
    assert lite.states(key) == [AttemptState.DECLINED_SOFT, AttemptState.SUCCEEDED]
    assert len(lite.orders(key)) == 1 and row.next_bill_date > lite.today


def test_retries_may_cost_less_down_to_a_least_price(lite: BillingBench) -> None:
    lite.set("billing.retry_percent_off", 40)
    lite.set("billing.retry_lowest", "12.00")
    lite.set("billing.retry_price_stays", "yes")
    lite.fault(Fault.DECLINE, times=2)
    key = lite.subscription()
    for days in (2, 3, 0):
        lite.work()
        lite.sleep(days)
    assert [row.amount for row in lite.tries(key)] == [2650, 1790, 1200]
    (order,) = lite.orders(key)
    row = lite.sub(key)
    assert order.total == 1200 == order.subtotal - order.discount + order.shipping + order.tax
    assert row.unit_price - row.discount + row.shipping + row.tax == 1200


def test_an_unknown_outcome_blocks_its_cycle_until_it_is_found(bench: BillingBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER)
    key = bench.subscription()
    bench.work()
    assert bench.states(key) == [AttemptState.UNKNOWN] and not bench.orders(key)
    assert "not known" in bench.desk.subscriptions.open(bench.ann, key).why_not[SubscriptionAction.BILL]
    bench.later(minutes=20)
    bench.work()
    assert len(bench.orders(key)) == 1 == bench.charged() == len(bench.tries(key))


def test_what_was_never_sent_is_sent_later_and_counts_as_no_try(lite: BillingBench) -> None:
    lite.fault(Fault.NOT_SENT)
    key = lite.subscription()
    lite.work()
    row = lite.sub(key)
    assert (row.status, row.attempts) == (_S.ACTIVE, 0) and not lite.mails()
    assert lite.work().billed == 0
    lite.later(minutes=6)
    lite.work()
    assert len(lite.orders(key)) == 1


@pytest.mark.parametrize("wrong", [{"expiry_year": 2020}, {"vault_ref": ""}, {"account": "gone"}])
def test_a_card_that_cannot_be_charged_asks_no_gateway(lite: BillingBench, wrong: dict[str, Any]) -> None:
    key = lite.subscription(lite.card(**wrong))
    lite.work()
    assert lite.sub(key).status is _S.PAST_DUE and not lite.tries(key)
    assert [mail.kind for mail in lite.mails()] == ["renewal_failed"]


def test_wrong_card_data_waits_for_new_data(lite: BillingBench) -> None:
    key = lite.subscription(lite.card(vault_ref="nowhere"))
    lite.work()
    assert lite.sub(key).status is _S.PAST_DUE and len(lite.tries(key)) == 1
    lite.sleep(2)
    lite.work()
    assert len(lite.tries(key)) == 1 and lite.sub(key).attempts == 2
    lite.change(key, card_id=lite.card(last4="1111"))
    lite.sleep(3)
    lite.work()
    assert len(lite.orders(key)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": _S.CANCELLED, "next_bill_date": None},
        {"status": _S.PAUSED, "next_bill_date": None},
        {"unit_price": 1},
    ],
)
def test_what_changes_before_it_is_sent_is_not_sent(bench: BillingBench, change: dict[str, Any]) -> None:
    key = bench.subscription()
    assert bench.desk.billing.bill_due() == 1
    bench.change(key, **change)
    worker = bench.worker()
    assert worker._sending.claim() is None
    worker.stop()
    assert bench.states(key) == [AttemptState.WITHDRAWN] and bench.charged() == 0
    bench.work()
    assert bench.charged() == (1 if "unit_price" in change else 0)


def test_another_card_means_another_charge(lite: BillingBench) -> None:
    key = lite.subscription()
    lite.desk.billing.bill_due()
    lite.change(key, card_id=lite.card(last4="1111"))
    lite.work()
    lite.work()
    assert lite.states(key) == [AttemptState.WITHDRAWN, AttemptState.SUCCEEDED] and lite.charged() == 1


def test_a_charge_that_went_through_after_the_end_is_an_order_and_no_new_life(lite: BillingBench) -> None:
    lite.fault(Fault.TIMEOUT_AFTER)
    key = lite.subscription()
    lite.work()
    lite.change(key, status=_S.CANCELLED, next_bill_date=None)
    lite.later(minutes=20)
    lite.work()
    row = lite.sub(key)
    assert (row.status, row.next_bill_date, row.cycle) == (_S.CANCELLED, None, 3)
    assert len(lite.orders(key)) == 1 and lite.periods(key)[0].state is PeriodState.BILLED


def test_planned_ends_pauses_and_returns_happen_on_their_day(bench: BillingBench) -> None:
    ends = bench.subscription(cancel_on=bench.today)
    waits = bench.subscription(cancel_on=bench.day(9), keep_billing=False)
    pauses = bench.subscription(pause_on=bench.today, resume_on=bench.day(40))
    returns = bench.subscription(
        due=-20, status=_S.PAUSED, next_bill_date=None, pause_on=bench.day(-20), resume_on=bench.today
    )
    bench.work()
    assert [bench.sub(key).status for key in (ends, waits, pauses, returns)] == [
        _S.CANCELLED,
        _S.ACTIVE,
        _S.PAUSED,
        _S.ACTIVE,
    ]
    assert bench.charged() == 0
    assert sorted(mail.kind for mail in bench.mails()) == ["subscription_cancelled", "subscription_paused"]
    assert bench.sub(returns).next_bill_date > bench.today and bench.work().billed == 0


def test_a_trial_converts_and_the_last_cycle_completes(lite: BillingBench) -> None:
    trial = lite.subscription(status=_S.TRIAL, cycle=1, trial_ends_on=lite.today)
    last = lite.subscription(final_cycle=3)
    ending = lite.subscription(cancel_after_next=True)
    lite.work()
    assert [lite.sub(key).status for key in (trial, last, ending)] == [_S.ACTIVE, _S.COMPLETE, _S.CANCELLED]
    assert all(len(lite.orders(key)) == 1 for key in (trial, last, ending))
    assert lite.sub(last).next_bill_date is None


def test_a_price_for_one_bill_is_charged_once_and_the_regular_one_comes_back(lite: BillingBench) -> None:
    key = lite.subscription(
        unit_price=1000, tax=0, price_cycles_left=1, regular_unit_price=2000, regular_shipping=500, regular_tax=150
    )  # fmt: skip
    lite.work()
    row = lite.sub(key)
    assert lite.orders(key)[0].total == 1500
    assert (row.unit_price, row.tax, row.price_cycles_left) == (2000, 150, 0)


def test_a_cycle_that_costs_nothing_becomes_an_order_without_a_charge(lite: BillingBench) -> None:
    key = lite.subscription(unit_price=0, shipping=0, tax=0)
    lite.work()
    assert lite.orders(key)[0].total == 0 and not lite.tries(key)
    assert lite.sub(key).cycle == 3


def test_an_edit_holds_up_a_bill_for_a_while_only(bench: BillingBench) -> None:
    key = bench.subscription()
    bench.set("billing.wait_for_edit", 240)
    grip = bench.desk.subscriptions.begin(bench.ann, key, bench.sub(key).version, "token-ann")
    with bench.db.read() as tx:
        hour = tx.now.astimezone(ZoneInfo("America/New_York"))
    with bench.db.write() as tx:
        tx.run(STORE.update().values(daily_bill_time=f"{hour:%H:%M}"))
    assert bench.work().billed == 0
    bench.set("billing.wait_for_edit", 0)
    assert bench.work().billed == 1 and len(bench.orders(key)) == 1
    with pytest.raises(RecordChanged):
        bench.desk.billing.force(bench.ann, key, grip, "save-1")


def test_after_days_off_one_cycle_is_charged_and_none_is_forgotten(bench: BillingBench) -> None:
    key = bench.subscription(due=-25, interval_unit=IntervalUnit.WEEK, anchor_day=None)
    bench.work()
    assert bench.charged() == 1
    assert [(row.cycle, row.state, row.is_missed) for row in bench.periods(key)] == [
        (3, PeriodState.DUE, True),
        (4, PeriodState.DUE, True),
        (5, PeriodState.DUE, True),
        (6, PeriodState.BILLED, False),
    ]
    assert bench.sub(key).next_bill_date == bench.day(3) and bench.work().billed == 0
    listed = bench.desk.billing.missed(bench.sue)
    assert [bill.cycle for bill in listed] == [3, 4, 5]
    with pytest.raises(NotPermitted):
        bench.desk.billing.decide_missed(bench.ann, listed[0].id, Missed.SKIP, "s0")
    bench.desk.billing.decide_missed(bench.sue, listed[0].id, Missed.BILL, "s1")
    bench.desk.billing.decide_missed(bench.sue, listed[0].id, Missed.BILL, "s1")
    assert [bill.cycle for bill in bench.desk.billing.missed(bench.sue)] == [4, 5]
    with pytest.raises(AttemptInFlight):
        bench.desk.billing.decide_missed(bench.sue, listed[0].id, Missed.SKIP, "s4")
    bench.work()
    bench.change(key, final_cycle=10)
    bench.desk.billing.decide_missed(bench.sue, listed[1].id, Missed.SKIP, "s2")
    bench.desk.billing.decide_missed(bench.sue, listed[2].id, Missed.MOVE, "s3")
    assert bench.charged() == 2 and [row.cycle for row in bench.orders(key)] == [6, 3]
    row = bench.sub(key)
    assert (row.cycle, row.final_cycle, row.next_bill_date) == (6, 11, bench.day(3))
    assert bench.desk.billing.missed(bench.sue) == ()


def test_customers_are_told_three_days_before_and_once(bench: BillingBench) -> None:
    key = bench.subscription(due=3)
    bench.subscription(due=4)
    bench.subscription(due=2, cancel_on=bench.day(1))
    for _ in range(2):
        bench.work()
    (mail,) = bench.mails()
    assert (mail.kind, mail.subject_id) == ("renewal_soon", key) and "26.50" in mail.body_text


def test_a_card_is_left_alone_when_the_networks_would_fine(bench: BillingBench) -> None:
    bench.set("billing.card_declines_per_day", 2)
    card = bench.card("decline")
    keys = [bench.subscription(card) for _ in range(3)]
    bench.work()
    assert sum(len(bench.tries(key)) for key in keys) == 2
    rows = [bench.sub(key) for key in keys]
    assert [row.attempts for row in rows] == [1, 1, 0]
    assert rows[2].retry_on == bench.day(1) and rows[2].status is _S.PAST_DUE


@pytest.mark.parametrize("twin", [True, False])
def test_what_a_gateway_takes_for_a_double_waits_a_day_or_for_a_person(
    lite: BillingBench, twin: bool
) -> None:
    card = lite.card()
    if twin:
        lite.subscription(card)
        lite.work()
    key = lite.subscription(card)
    lite.desk.billing.bill_due()
    with lite.db.write() as tx:
        claimed = attempts.claim_due(tx, "nobody")
        assert claimed is not None
        double = Answer(AttemptState.REJECTED, Why.DUPLICATE, code="300", text="Duplicate transaction")
        outcomes.record(tx, claimed.id, double, lite.settings)
    row = lite.sub(key)
    assert row.status is _S.PAST_DUE and row.attempts == 0
    assert row.retry_on == (lite.day(1) if twin else None)
    assert lite.work().billed == 0 and not lite.orders(key)
