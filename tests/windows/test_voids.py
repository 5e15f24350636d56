"""A void, and the refund that may follow it only where the void was refused for certain (W13, W14, W15)."""

from __future__ import annotations

import pytest

from cstui.domain.attempts import AttemptInFlight
from tests.money import ATTEMPT
from tests.windows.till import Till


def void_with(till: Till, fault: str) -> int:
    """A refund of an unsettled charge whose void meets a fault; returns the order."""
    assert till.nmi is not None
    order = till.at_nmi(settled=False)
    till.ask(till.ann, order)
    till.nmi.fail_next(fault, only="void")
    till.work()
    return order


def test_while_a_void_is_unknown_refund_is_blocked_for_everybody(till: Till) -> None:
    order = void_with(till, "hang_before")
    assert till.states == ["unknown"]
    for person in (till.ann, till.bob, till.sue):
        with pytest.raises(AttemptInFlight, match="checked"):
            till.ask(person, order)
    assert till.sent("refund") == 0
    till.later(seconds=30)
    till.work()
    # The charge still waits for settlement: the void is proven undone, and done now.
    assert till.states == ["not_sent", "succeeded"] and till.refund_states == ["done_void"]
    till.assert_even(3050)


def test_a_void_that_came_too_late_is_followed_by_one_refund(till: Till) -> None:
    assert till.nmi is not None
    order = till.at_nmi(settled=False)
    till.ask(till.ann, order)
    till.nmi.settle()
    till.work()
    assert [(row.operation, row.state) for row in till.rows(ATTEMPT)] == [
        ("void", "rejected"),
        ("refund", "succeeded"),
    ]
    assert till.rows(ATTEMPT)[0].chain == till.rows(ATTEMPT)[1].chain
    assert till.work().anything is False and till.sent("refund") == 1
    till.assert_even(3050)


@pytest.mark.parametrize("fault", ["hang_after", "drop_after", "half_body"])
def test_a_void_whose_answer_was_lost_is_never_followed_by_a_refund(lite: Till, fault: str) -> None:
    void_with(lite, fault)
    assert lite.nmi is not None and lite.states == ["unknown"]
    lite.nmi.fail_next("status_502", times=3, only="query")
    lite.until_quiet()
    lite.until_quiet()
    assert (lite.sent("void"), lite.sent("refund")) == (1, 0)
    assert lite.refund_states == ["done_void"]
    lite.assert_even(3050)


def test_a_void_whose_answer_was_lost_before_settlement_is_still_found_as_one_after_it(lite: Till) -> None:
    assert lite.nmi is not None
    void_with(lite, "drop_after")
    lite.nmi.settle()
    lite.later(days=1)
    lite.work()
    assert lite.refund_states == ["done_void"] and lite.sent("refund") == 0
    lite.assert_even(3050)


def test_a_void_that_was_lost_while_the_charge_settled_is_followed_by_one_refund(lite: Till) -> None:
    assert lite.nmi is not None
    void_with(lite, "hang_before")
    lite.nmi.settle()
    lite.later(seconds=30)
    lite.work()
    assert [(row.operation, row.state) for row in lite.rows(ATTEMPT)] == [
        ("void", "rejected"),
        ("refund", "succeeded"),
    ]
    lite.assert_even(3050)
