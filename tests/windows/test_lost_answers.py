"""What the line and a slow gateway do to a call, and to the looks that follow (W4 to W9, W12, W23, W25)."""

from __future__ import annotations

import pytest

from cstui.domain.attempts import AttemptInFlight
from cstui.domain.gateways import Why
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.services.refund_decisions import ByHand
from tests.money import ATTEMPT, REFUND
from tests.windows.till import Till


def refund_with(till: Till, fault: str, **more: object) -> int:
    """A refund at NMI whose call meets a fault; returns the order."""
    assert till.nmi is not None
    order = till.at_nmi()
    till.ask(till.ann, order)
    till.nmi.fail_next(fault, only="refund", **more)  # type: ignore[arg-type]  # words of fail_next
    till.work()
    return order


@pytest.mark.parametrize("way", ["refused", "no_name", "no_tls"])
def test_a_gateway_that_cannot_be_reached_was_sent_nothing_and_is_tried_the_next_day(
    lite: Till, way: str
) -> None:
    assert lite.nmi is not None
    lite.at_nmi()
    lite.ask(lite.ann, lite.at_nmi())
    with lite.db.write() as tx:
        import sqlalchemy as sa

        urls = {"no_name": "https://gateway.invalid/api/", "no_tls": lite.nmi.api.replace("http:", "https:")}
        if way in urls:
            tx.run(sa.text("UPDATE gateway_account SET url = :url WHERE gateway = 'nmi'"), {"url": urls[way]})
    if way == "refused":
        lite.nmi.fail_next("refuse")
    lite.work()
    assert (
        lite.states == ["not_sent"] and lite.refund_states == ["failed_retrying"] and lite.sent("refund") == 0
    )
    lite.nmi.recover()
    with lite.db.write() as tx:
        tx.run(sa.text("UPDATE gateway_account SET url = :url WHERE gateway = 'nmi'"), {"url": lite.nmi.api})
    assert lite.work().anything is False
    lite.later(hours=25)
    lite.work()
    lite.assert_even(3050)


def test_a_connection_that_is_refused_after_the_account_was_checked_was_sent_nothing_either(
    lite: Till,
) -> None:
    assert lite.nmi is not None
    lite.ask(lite.ann, lite.at_nmi())
    lite.work_refused()
    assert lite.states == ["not_sent"] and lite.rows(REFUND)[0].failures == 1
    lite.later(hours=25)
    lite.work()
    lite.assert_even(3050)


@pytest.mark.parametrize("fault", ["hang_after", "drop_after", "half_body"])
def test_what_was_done_and_never_answered_is_looked_up_and_done_once(till: Till, fault: str) -> None:
    order = refund_with(till, fault)
    assert till.states == ["unknown"] and till.desk.orders.open(till.ann, order).payment_status == "unknown"
    with pytest.raises(AttemptInFlight, match="checked"):
        till.ask(till.bob, order)
    till.later(seconds=30)
    till.work()
    assert till.states == ["succeeded"] and till.sent("refund") == 1
    till.assert_even(3050)


@pytest.mark.parametrize("fault", ["hang_before", "status_500", "status_502", "html_200"])
def test_what_was_neither_done_nor_answered_stays_unknown_until_it_is_certain(lite: Till, fault: str) -> None:
    order = refund_with(lite, fault)
    assert lite.states == ["unknown"]
    lite.until_quiet()
    (row,) = lite.rows(ATTEMPT)
    assert (row.state, lite.sent("refund"), lite.at_gateway()) == ("unknown", 1, 0)
    lite.decisions.settle(lite.sue, row.id, ByHand.NOT_EXECUTED, "Not in its list", new_token())
    lite.work()
    assert lite.states == ["not_sent", "succeeded"] and lite.refunds.basis(lite.ann, order).remaining == 0
    lite.assert_even(3050)


def test_what_takes_effect_after_we_gave_up_is_found_later_and_not_sent_again(till: Till) -> None:
    assert till.nmi is not None
    refund_with(till, "slow_effect")
    till.later(minutes=1)
    till.work()
    assert till.states == ["unknown"] and till.at_gateway() == 0
    till.nmi.land()
    till.later(minutes=6)
    till.work()
    assert till.states == ["succeeded"] and till.sent("refund") == 1
    till.assert_even(3050)


def test_a_success_that_the_reports_do_not_show_yet_stays_unknown_and_is_found_later(till: Till) -> None:
    assert till.nmi is not None
    till.nmi.index_lag = 10 * 60
    refund_with(till, "drop_after")
    till.later(minutes=6)
    till.work()
    assert till.states == ["unknown"] and till.at_gateway() == 3050
    till.later(minutes=6)
    till.work()
    assert till.states == ["succeeded"] and till.sent("refund") == 1
    till.assert_even(3050)


@pytest.mark.parametrize("broken", ["status_502", "truncated", "doctype", "wrong_key"])
def test_while_nobody_can_be_asked_it_stays_unknown_is_asked_ever_less_often_and_is_seen(
    lite: Till, broken: str
) -> None:
    assert lite.nmi is not None
    refund_with(lite, "drop_after")
    if broken == "wrong_key":
        lite.nmi.key = "another"
    else:
        lite.nmi.fail_next(broken, times=1000, only="query")
    waits = []
    for _ in range(4):
        lite.later(hours=1)
        lite.work()
        (row,) = lite.rows(ATTEMPT)
        waits.append(row.next_check_at)
        assert row.state == "unknown"
    assert waits == sorted(waits) and (waits[-1] - waits[0]).total_seconds() > 3600
    (seen,) = lite.decisions.attempts(lite.sue, (AttemptState.UNKNOWN,))
    assert seen.checks == 4
    lite.nmi.recover()
    lite.nmi.key = "6457Thfj624V5r7WUwc5v6a68Zsd6YEm"
    assert lite.refunds.look_again(lite.ann, seen.order_id or 0) == 1
    lite.work()
    lite.assert_even(3050)


@pytest.mark.parametrize(
    ("fault", "detail"), [("wrong_order", ""), ("echo", "currency=EUR"), ("echo", "amount=1.00")]
)
def test_an_answer_about_something_else_is_an_alarm_and_the_books_decide(
    lite: Till, fault: str, detail: str
) -> None:
    refund_with(lite, fault, detail=detail)
    (row,) = lite.rows(ATTEMPT)
    assert (row.state, row.why) == ("unknown", Why.MISMATCH) and "another" in row.response_text
    lite.later(seconds=30)
    lite.work()
    assert lite.sent("refund") == 1
    lite.assert_even(3050)


def test_a_number_that_already_belongs_to_another_refund_is_no_success(till: Till) -> None:
    """Two refunds cannot be one transaction of the gateway: the answer is about something else, and its books decide."""
    assert till.nmi is not None
    till.ask(till.ann, till.at_nmi())
    till.work()
    (first,) = till.rows(ATTEMPT)
    refund_with(till, "echo", detail=f"transactionid={first.gateway_ref}")
    second = till.rows(ATTEMPT)[1]
    assert (second.state, second.why) == ("unknown", Why.MISMATCH)
    till.later(seconds=30)
    till.work()
    assert till.rows(ATTEMPT)[1].gateway_ref != first.gateway_ref
    till.assert_even(2 * 3050)


@pytest.mark.parametrize(
    "fault", ["hang_after", "drop_after", "half_body", "in_use", "api_error", "slow_effect"]
)
def test_at_stripe_an_open_outcome_is_read_from_the_object_and_done_once(at_stripe: Till, fault: str) -> None:
    till = at_stripe
    assert till.stripe is not None
    till.ask(till.ann, till.at_stripe())
    till.stripe.fail_next(fault, only="move")
    till.work()
    assert till.states == ["unknown"]
    if fault == "slow_effect":
        till.stripe.land()
    if fault == "in_use":
        # Nothing of ours was running: what is not there after the quiet time was not executed.
        till.until_quiet()
        assert till.states == ["not_sent", "succeeded"]
    till.later(seconds=30)
    till.work()
    till.assert_even(3050)


@pytest.mark.parametrize("fault", ["lock_timeout", "rate_limit", "busy_429"])
def test_a_busy_stripe_has_done_nothing_and_is_asked_again_the_next_day(at_stripe: Till, fault: str) -> None:
    till = at_stripe
    assert till.stripe is not None
    till.ask(till.ann, till.at_stripe())
    till.stripe.fail_next(fault, only="move")
    till.work()
    assert till.states == ["not_sent"] and till.refund_states == ["failed_retrying"]
    till.later(hours=25)
    till.work()
    till.assert_even(3050)


def test_a_500_that_stripe_repeats_is_not_executed_only_after_the_quiet_time(at_stripe: Till) -> None:
    till = at_stripe
    assert till.stripe is not None
    till.ask(till.ann, till.at_stripe())
    till.stripe.fail_next("api_error", only="move", detail="before")
    till.work()
    till.later(minutes=6)
    till.work()
    assert till.states == ["unknown"]
    till.until_quiet()
    assert till.states == ["not_sent", "succeeded"]
    till.assert_even(3050)
