"""Refunding one order: asked for once, sent once, told truly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.attempts import AmountMoved, AttemptInFlight, TooLate
from cstui.domain.errors import LockBroken, NotPermitted, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import (
    AllocationKind,
    AttemptState,
    PaymentStatus,
    RefundState,
    TransactionKind,
)
from cstui.domain.refunds import RefundChoice, Share
from cstui.domain.sandbox import Fault
from tests.money import ATTEMPT, MANUAL, MOVE, REFUND, MoneyBench, money_bench


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    yield made
    made.desk.close()


def test_a_full_refund_of_a_settled_charge_goes_back_once_and_is_told_once(bench: MoneyBench) -> None:
    order = bench.order()
    receipt = bench.ask(bench.ann, order)
    assert receipt.state is RefundState.ARMED and receipt.amount == Money(3050, "USD")
    bench.work()
    (refund,) = bench.rows(REFUND)
    assert refund.state is RefundState.DONE_REFUND
    view = bench.desk.orders.open(bench.ann, order)
    assert (
        view.payment_status is PaymentStatus.REFUNDED and view.paid.remaining == 0 and view.edit_lock is None
    )
    assert bench.back_at_gateway() == bench.back_here() == 3050
    assert bench.work().anything is False


def test_the_whole_of_an_unsettled_charge_is_voided(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    bench.ask(bench.ann, order)
    bench.work()
    assert [(row.operation, row.state) for row in bench.rows(ATTEMPT)] == [
        (Operation.VOID, AttemptState.SUCCEEDED)
    ]
    assert bench.rows(REFUND)[0].state is RefundState.DONE_VOID
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.VOIDED


def test_a_void_that_came_too_late_is_followed_by_one_refund(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    bench.ask(bench.ann, order)
    with bench.db.write() as tx:
        from tests.money import BOOKS

        tx.run(BOOKS.update().values(settles_at=tx.now))
    bench.work()
    assert [(row.operation, row.state) for row in bench.rows(ATTEMPT)] == [
        (Operation.VOID, AttemptState.REJECTED),
        (Operation.REFUND, AttemptState.SUCCEEDED),
    ]
    assert bench.back_at_gateway() == bench.back_here() == 3050


def test_a_part_of_an_unsettled_charge_waits_for_settlement_and_then_goes(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    line = bench.desk.orders.open(bench.ann, order).lines[1].id
    receipt = bench.ask(bench.ann, order, RefundChoice(Share.LINES, lines=((line, 1),)))
    assert receipt.state is RefundState.REQUESTED
    assert bench.work().sent == 0
    bench.later(days=2)
    bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.DONE_REFUND and bench.back_at_gateway() == 550


def test_the_same_request_again_answers_with_the_same_receipt(bench: MoneyBench) -> None:
    order, save_id = bench.order(), new_token()
    first = bench.ask(bench.ann, order, save_id=save_id)
    basis = bench.refunds.basis(bench.ann, order)
    assert basis.remaining == 0
    from cstui.domain.locking import Grip

    again = bench.refunds.request(
        bench.ann, order, Grip("", 0, 1), RefundChoice(), "damaged", "", save_id, expected=first.amount
    )
    assert again.refund_ids == first.refund_ids and len(bench.rows(ATTEMPT)) == 1


def test_what_the_panel_showed_must_still_be_true(bench: MoneyBench) -> None:
    order = bench.order()
    _, grip = bench.refunds.open(bench.ann, order, new_token())
    with pytest.raises(AmountMoved, match=r"30\.50 USD"):
        bench.refunds.request(
            bench.ann, order, grip, RefundChoice(), "damaged", "", new_token(), expected=Money(3000, "USD")
        )
    assert bench.rows(REFUND) == []


def test_a_refund_needs_the_lock_of_its_panel(bench: MoneyBench) -> None:
    order = bench.order()
    _, grip = bench.refunds.open(bench.ann, order, new_token())
    bench.desk.locks.release(bench.ann, grip.token)
    with pytest.raises(LockBroken):
        bench.refunds.request(
            bench.ann, order, grip, RefundChoice(), "damaged", "", new_token(), expected=Money(3050, "USD")
        )


def test_while_one_refund_is_under_way_nobody_begins_another_on_the_same_charge(bench: MoneyBench) -> None:
    order = bench.order()
    line = bench.desk.orders.open(bench.ann, order).lines[1].id
    bench.ask(bench.ann, order, RefundChoice(Share.LINES, lines=((line, 1),)))
    with pytest.raises(AttemptInFlight, match="Ann"):
        bench.ask(bench.bob, order)


def test_three_thirds_and_a_cent_are_refused_to_the_cent(bench: MoneyBench) -> None:
    order = bench.order(lines=(("Lamp", 1, 10000),), shipping=0)
    for _ in range(2):
        bench.ask(bench.sue, order, RefundChoice(Share.AMOUNT, amount=3334))
        bench.work()
    with pytest.raises(NotPossibleNow, match=r"33\.32"):
        bench.ask(bench.sue, order, RefundChoice(Share.AMOUNT, amount=3334))
    bench.ask(bench.sue, order)
    bench.work()
    assert bench.back_at_gateway() == bench.back_here() == 10000


def test_nothing_is_sent_before_the_undo_window_has_passed_and_taken_back_it_never_is(
    bench: MoneyBench,
) -> None:
    order = bench.order()
    receipt = bench.ask(bench.ann, order, undo=10)
    assert bench.work().sent == 0
    with pytest.raises(NotPermitted):
        bench.refunds.withdraw(bench.bob, receipt.attempt_ids[0])
    (row,) = bench.refunds.withdraw(bench.ann, receipt.attempt_ids[0])
    assert row.state is AttemptState.WITHDRAWN
    bench.later(minutes=1)
    bench.work()
    assert bench.back_at_gateway() == 0 and bench.refunds.basis(bench.ann, order).remaining == 3050


def test_what_was_sent_cannot_be_taken_back(bench: MoneyBench) -> None:
    receipt = bench.ask(bench.ann, bench.order())
    bench.work()
    with pytest.raises(TooLate):
        bench.refunds.withdraw(bench.ann, receipt.attempt_ids[0])


def test_an_answer_that_never_came_is_looked_up_and_never_sent_again(bench: MoneyBench) -> None:
    order = bench.order()
    bench.fault(Fault.TIMEOUT_AFTER, "refund")
    bench.ask(bench.ann, order)
    bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.UNKNOWN
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.UNKNOWN
    with pytest.raises(AttemptInFlight, match="checked"):
        bench.ask(bench.bob, order)
    bench.later(seconds=30)
    bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.DONE_REFUND
    assert bench.back_at_gateway() == bench.back_here() == 3050 and len(bench.rows(ATTEMPT)) == 1


def test_a_refund_that_never_arrived_is_sent_again_only_after_the_quiet_time(bench: MoneyBench) -> None:
    order = bench.order()
    bench.fault(Fault.TIMEOUT_BEFORE, "refund")
    bench.ask(bench.ann, order)
    bench.work()
    for _ in range(2):
        bench.later(minutes=6)
        bench.work()
        assert len(bench.rows(ATTEMPT)) == 1 and bench.back_at_gateway() == 0
    bench.later(minutes=6)
    bench.work()
    assert [row.state for row in bench.rows(ATTEMPT)] == [AttemptState.NOT_SENT, AttemptState.SUCCEEDED]
    assert bench.back_at_gateway() == bench.back_here() == 3050 and bench.rows(REFUND)[0].failures == 0


def test_a_refund_by_hand_is_done_at_once_and_asks_no_gateway(bench: MoneyBench) -> None:
    order = bench.order()
    with pytest.raises(NotPermitted):
        bench.ask(bench.ann, order, MANUAL)
    receipt = bench.ask(bench.sue, order, MANUAL)
    assert receipt.state is RefundState.MANUAL and bench.rows(ATTEMPT) == []
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.REFUNDED


def test_a_part_refund_is_made_of_its_line_and_the_rest_of_the_rest(bench: MoneyBench) -> None:
    order = bench.order()
    line = bench.desk.orders.open(bench.ann, order).lines[0].id
    bench.ask(bench.ann, order, RefundChoice(Share.LINES, lines=((line, 1),)))
    bench.work()
    bench.ask(bench.ann, order)
    bench.work()
    with bench.db.read() as tx:
        from cstui.storage.queries import refunds as queries

        first, second = (queries.allocations_of(tx, row.id) for row in bench.rows(REFUND))
    assert [(part.kind, part.quantity, part.amount) for part in first] == [(AllocationKind.LINE, 1, 1000)]
    assert sum(part.amount for part in second) == 2050
    assert AllocationKind.GOODWILL not in {part.kind for part in second}


def test_a_hold_on_the_card_that_took_nothing_is_voided_as_a_whole(bench: MoneyBench) -> None:
    order = bench.order(charges=(3050,))
    with bench.db.write() as tx:
        tx.run(MOVE.delete())
    hold = bench.charge(order, 3050, settled=False, kind=TransactionKind.AUTHORISE)
    _, grip = bench.refunds.open(bench.ann, order, new_token())
    receipt = bench.refunds.void(bench.ann, order, grip, hold, new_token(), undo_seconds=0)
    assert receipt.amount == Money(3050, "USD")
    bench.work()
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.VOIDED


def test_the_history_proves_itself_after_refunds(bench: MoneyBench) -> None:
    bench.ask(bench.ann, bench.order())
    bench.work()
    assert bench.desk.audit.verify(bench.sue) == ()
