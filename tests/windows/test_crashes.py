"""A process dies between two steps, and whoever works next finds out (W1, W2, W3, W10, W26, W29)."""

from __future__ import annotations

import pytest

from cstui.domain.ids import new_token
from cstui.domain.refunds import RefundChoice
from cstui.services.refund_decisions import ByHand
from tests.money import ATTEMPT, REFUND
from tests.windows.crashing import Crashing, actor_facts
from tests.windows.till import Till


def settle_by_hand(till: Till, outcome: ByHand) -> None:
    """A supervisor has looked at the gateway's own pages."""
    for row in till.rows(ATTEMPT, state="unknown"):
        till.decisions.settle(till.sue, row.id, outcome, "NMI's pages, batch of today", new_token())


def test_a_crash_before_the_attempt_is_stored_leaves_nothing_and_the_same_person_goes_on(
    till: Till, crashing: Crashing
) -> None:
    order = till.at_nmi()
    crashing.dies(do="request", url=till.url, order=order, actor=actor_facts(till.ann), die="commit")
    assert till.rows(REFUND) == [] and till.rows(ATTEMPT) == [] and till.nmi and till.nmi.requests == []
    again = {
        "do": "request",
        "url": till.url,
        "order": order,
        "actor": actor_facts(till.ann),
        "take_over": True,
    }
    assert crashing.run(again) == [("armed", 0)]
    till.work()
    till.assert_even(3050)


@pytest.mark.parametrize("sent", [True, False], ids=["resumed", "taken_back"])
def test_a_crash_after_the_attempt_is_stored_leaves_it_to_be_sent_or_taken_back(
    lite: Till, crashing: Crashing, sent: bool
) -> None:
    order = lite.at_nmi()
    crashing.dies(do="request", url=lite.url, order=order, actor=actor_facts(lite.ann), die="after")
    (row,) = lite.rows(ATTEMPT)
    assert row.state == "armed" and lite.sent("refund", "void") == 0
    if not sent:
        lite.refunds.withdraw(lite.ann, row.id)
    lite.work()
    lite.assert_even(3050 if sent else 0)


@pytest.mark.parametrize("point", ["claimed", "sending"])
def test_a_crash_before_the_call_is_unknown_until_the_quiet_time_has_passed(
    till: Till, crashing: Crashing, point: str
) -> None:
    order = till.order()
    till.ask(till.ann, order)
    crashing.dies(do="work", url=till.url, point=point)
    assert till.states == ["sending"]
    till.work()
    assert till.states == ["sending"], "its worker may still live"
    till.bury()
    till.work()
    assert till.states == ["unknown"] and till.refund_states[0] in ("unknown", "armed")
    till.until_quiet()
    assert till.states == ["not_sent", "succeeded"] and till.refund_states == ["done_refund"]
    assert till.rows(REFUND)[0].failures == 0
    till.assert_even(3050)


def test_at_nmi_even_then_a_person_says_that_a_call_never_left(lite: Till, crashing: Crashing) -> None:
    lite.ask(lite.ann, lite.at_nmi())
    crashing.dies(do="work", url=lite.url, point="claimed")
    lite.bury()
    lite.until_quiet()
    assert lite.states == ["unknown"] and lite.sent("refund") == 0
    settle_by_hand(lite, ByHand.NOT_EXECUTED)
    lite.work()
    assert lite.states == ["not_sent", "succeeded"]
    lite.assert_even(3050)


@pytest.mark.parametrize("at_commit", [False, True], ids=["before_the_transaction", "at_its_commit"])
def test_a_crash_between_the_answer_and_our_books_is_found_out_and_not_paid_again(
    till: Till, crashing: Crashing, at_commit: bool
) -> None:
    till.ask(till.ann, till.at_nmi())
    crashing.dies(do="work", url=till.url, point="answered", at_commit=at_commit)
    assert (till.states, till.gone, till.at_gateway()) == (["sending"], 0, 3050)
    till.bury()
    till.work()
    till.later(seconds=30)
    till.work()
    assert till.states == ["succeeded"] and till.sent("refund") == 1
    till.assert_even(3050)


def test_a_desk_that_is_left_in_the_middle_of_a_call_ends_and_the_next_start_finds_out(
    till: Till, crashing: Crashing
) -> None:
    assert till.nmi is not None
    till.ask(till.ann, till.at_nmi())
    till.nmi.fail_next("hang_after", only="refund")
    ((left, code),) = crashing.run({"do": "quit", "url": till.url})
    assert code == 0 and left["seconds"] < 2 and till.states == ["sending"]
    till.bury()
    till.work()
    assert till.states == ["unknown"]
    till.later(seconds=30)
    till.work()
    assert till.sent("refund") == 1
    till.assert_even(3050)


def test_a_crash_between_arming_and_sending_a_retry_counts_no_failure_and_sends_once(
    lite: Till, crashing: Crashing
) -> None:
    assert lite.nmi is not None
    lite.nmi.fail_next("busy_429", only="refund")
    lite.ask(lite.ann, lite.at_nmi())
    lite.work()
    assert lite.refund_states == ["failed_retrying"]
    lite.later(hours=25)
    crashing.dies(do="work", url=lite.url, point="armed")
    assert lite.states == ["not_sent", "armed"]
    lite.work()
    assert lite.sent("refund") == 2 and lite.rows(REFUND)[0].failures == 1
    lite.assert_even(3050)


@pytest.mark.parametrize("point", ["looking", "found"])
@pytest.mark.parametrize("at_commit", [False, True], ids=["at_once", "at_its_commit"])
def test_a_crash_while_an_earlier_crash_is_looked_up_changes_nothing(
    lite: Till, crashing: Crashing, point: str, at_commit: bool
) -> None:
    lite.ask(lite.ann, lite.at_nmi())
    crashing.dies(do="work", url=lite.url, point="answered")
    lite.bury()
    lite.work()
    lite.later(seconds=30)
    crashing.dies(do="work", url=lite.url, point=point, at_commit=at_commit)
    assert lite.states == ["unknown"]
    lite.later(minutes=5)
    lite.work()
    assert lite.sent("refund") == 1
    lite.assert_even(3050)


@pytest.mark.parametrize("point", ["claimed", "sending", "answered", "recorded"])
@pytest.mark.parametrize("turn", [1, 2])
def test_wherever_a_worker_dies_on_the_way_from_void_to_refund_the_money_goes_back_once(
    lite: Till, crashing: Crashing, point: str, turn: int
) -> None:
    """The void comes too late, so two attempts follow each other; the worker dies in the first or in the second."""
    assert lite.nmi is not None
    order = lite.at_nmi(settled=False)
    lite.ask(lite.ann, order)
    lite.nmi.settle()
    crashing.dies(do="work", url=lite.url, point=point, turn=turn)
    lite.bury()
    lite.work()
    lite.until_quiet()
    settle_by_hand(lite, ByHand.NOT_EXECUTED)
    lite.work()
    lite.until_quiet()
    assert lite.refund_states == ["done_refund"] and lite.refunds.basis(lite.ann, order).remaining == 0
    lite.assert_even(3050)


def test_a_runner_that_dies_after_claiming_holds_nobody_up(till: Till, crashing: Crashing) -> None:
    """One of three attempts was in its hands: that one is found out, the others are sent by whoever comes next."""
    for _ in range(3):
        till.ask(till.ann, till.order(f"#{1001 + len(till.rows(REFUND))}"), RefundChoice())
    crashing.dies(do="work", url=till.url, point="claimed", turn=2)
    till.work()
    assert sorted(till.states) == ["sending", "succeeded", "succeeded"]
    till.bury()
    till.work()
    till.until_quiet()
    till.assert_even(3 * 3050)
