"""What supervisors and the queue decide: once each, never twice the money, and told truly."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cstui.domain.attempts import AttemptInFlight
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted, NotPossibleNow
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Role
from cstui.domain.refund_queue import Act, ByHand, QueuePart, choices_for, part_of
from cstui.domain.refunds import RefundChoice, Share
from cstui.domain.sandbox import Fault
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.people import Store
from tests import factories as make
from tests.money import ATTEMPT, REFUND, MoneyBench, money_bench

OUTBOX = table_of(Outbox)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    with made.db.write() as tx:
        tx.run(table_of(Store).update().values(notify_emails="boss@example.com"))
    admin = make.add_staff(made.db, "ada", Role.ADMIN)
    made.settings.set(admin, "refund.approval_limit", "20.00")
    yield made
    made.desk.close()


def asked(bench: MoneyBench, number: str = "#1001") -> int:
    """Ann's request above her limit; its refund."""
    receipt = bench.ask(bench.ann, bench.order(number))
    assert receipt.state is RefundState.NEEDS_APPROVAL
    return receipt.refund_ids[0]


def failed(bench: MoneyBench, fault: Fault = Fault.DECLINE) -> int:
    """A refund by sue that failed once; it stands in the queue."""
    bench.fault(fault, "refund")
    receipt = bench.ask(bench.sue, bench.order())
    bench.work()
    return receipt.refund_ids[0]


def state(bench: MoneyBench) -> RefundState:
    (refund,) = bench.rows(REFUND)
    return RefundState(refund.state)


def test_above_the_limit_nothing_is_sent_before_somebody_else_has_approved(bench: MoneyBench) -> None:
    refund = asked(bench)
    assert (
        bench.work().sent == 0
        and bench.refunds.basis(bench.bob, bench.rows(REFUND)[0].order_id).remaining == 0
    )
    with pytest.raises(NotPermitted):
        bench.decisions.approve(bench.bob, refund, new_token())
    save_id = new_token()
    row = bench.decisions.approve(bench.sue, refund, save_id)
    assert row.state is RefundState.ARMED and row.decided_by == "Sue"
    assert bench.decisions.approve(bench.sue, refund, save_id).id == refund
    with pytest.raises(NotPossibleNow, match="Sue has decided"):
        bench.decisions.deny(bench.sue, refund, "Too late", new_token())
    bench.later(minutes=1)
    bench.work()
    assert state(bench) is RefundState.DONE_REFUND and bench.back_at_gateway() == bench.back_here() == 3050


def test_less_can_be_approved_and_the_rest_is_free_again(bench: MoneyBench) -> None:
    refund = asked(bench)
    for wrong in (Money(0, "USD"), Money(3051, "USD"), Money(100, "EUR")):
        with pytest.raises(InvalidInput):
            bench.decisions.approve(bench.sue, refund, new_token(), wrong)
    bench.decisions.approve(bench.sue, refund, new_token(), Money(1234, "USD"))
    bench.later(minutes=1)
    bench.work()
    assert bench.back_at_gateway() == bench.back_here() == 1234
    assert bench.refunds.basis(bench.ann, bench.rows(REFUND)[0].order_id).remaining == 3050 - 1234


def test_a_denial_needs_a_reason_frees_the_amount_and_lets_nothing_follow(bench: MoneyBench) -> None:
    refund = asked(bench)
    with pytest.raises(InvalidInput, match="reason"):
        bench.decisions.deny(bench.sue, refund, "  ", new_token())
    row = bench.decisions.deny(bench.sue, refund, "Paid by cheque already", new_token())
    assert row.state is RefundState.DENIED and row.last_failure == "Paid by cheque already"
    assert bench.work().sent == 0 and bench.decisions.queue(bench.sue) == ()
    assert bench.refunds.basis(bench.ann, row.order_id).remaining == 3050
    assert {attempt.state for attempt in bench.rows(ATTEMPT)} == {AttemptState.WITHDRAWN}


def test_nobody_approves_what_he_asked_for_himself(bench: MoneyBench) -> None:
    refund = asked(bench)
    with bench.db.write() as tx:
        tx.run(REFUND.update().values(requested_by_id=bench.sue.staff_id))
    with pytest.raises(NotPermitted, match="own request"):
        bench.decisions.approve(bench.sue, refund, new_token())
    row = bench.decisions.refund(bench.sue, refund)
    offered = {one.act: one.why_not for one in choices_for(row, None, bench.sue, may_record=True)}
    assert "own request" in offered[Act.APPROVE] and offered[Act.DENY] == ""


def test_who_asked_may_withdraw_while_nobody_has_decided_and_others_may_not(bench: MoneyBench) -> None:
    refund = asked(bench)
    with pytest.raises(NotPermitted):
        bench.decisions.withdraw(bench.bob, refund, "", new_token())
    assert bench.decisions.withdraw(bench.ann, refund, "", new_token()).state is RefundState.WITHDRAWN
    assert bench.work().sent == 0


def test_somebody_from_another_store_sees_and_decides_nothing(bench: MoneyBench) -> None:
    refund = asked(bench)
    other = make.add_store(bench.db, "second")
    eve = make.add_staff(bench.db, "eve", Role.SUPERVISOR, store=other)
    assert bench.decisions.queue(eve) == () and bench.decisions.attempts(eve) == ()
    with pytest.raises(NotFound):
        bench.decisions.approve(eve, refund, new_token())


def test_a_failure_is_tried_daily_three_times_then_gives_up_and_is_mailed_once(bench: MoneyBench) -> None:
    bench.fault(Fault.DECLINE, "refund", times=4)
    bench.ask(bench.sue, bench.order())
    for failures in (1, 2, 3):
        bench.work()
        (row,) = bench.decisions.queue(bench.sue)
        assert part_of(row.state) is QueuePart.RETRYING and row.failures == failures
        bench.work()
        assert len(bench.rows(ATTEMPT)) == failures
        bench.later(hours=25)
    bench.work()
    (row,) = bench.decisions.queue(bench.sue)
    assert part_of(row.state) is QueuePart.GAVE_UP and row.failures == 4
    bench.later(days=3)
    bench.work()
    assert len(bench.rows(ATTEMPT)) == 4 and bench.back_at_gateway() == 0
    assert [mail.kind for mail in bench.rows(OUTBOX)] == ["notify_refund_failed"]
    assert bench.decisions.retry(bench.sue, row.id, new_token()).state is RefundState.ARMED
    bench.work()
    assert state(bench) is RefundState.DONE_REFUND and bench.back_at_gateway() == bench.back_here() == 3050


def test_after_three_days_off_one_try_is_made_and_not_three(bench: MoneyBench) -> None:
    failed(bench)
    bench.fault(Fault.DECLINE, "refund", times=9)
    bench.later(days=3, hours=1)
    for _ in range(3):
        bench.work()
    assert len(bench.rows(ATTEMPT)) == 2
    (row,) = bench.decisions.queue(bench.sue)
    assert row.failures == 2 and row.next_try_at is not None


def test_two_workers_never_try_the_same_refund_twice(bench: MoneyBench) -> None:
    failed(bench)
    bench.later(hours=25)
    workers = [bench.worker(), bench.worker()]
    threads = [threading.Thread(target=worker.once) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for worker in workers:
        worker.stop()
    assert len(bench.rows(ATTEMPT)) == 2
    assert bench.back_at_gateway() == bench.back_here() == 3050


def test_a_card_that_can_never_take_money_waits_for_a_decision_and_is_paid_by_hand(bench: MoneyBench) -> None:
    refund = failed(bench, Fault.LOST)
    (row,) = bench.decisions.queue(bench.sue)
    assert part_of(row.state) is QueuePart.DECISION
    bench.later(days=5)
    assert bench.work().tried_again == 0
    with pytest.raises(InvalidInput, match="cheque"):
        bench.decisions.make_manual(bench.sue, refund, "Ann Lee", " ", new_token())
    with pytest.raises(NotPermitted):
        bench.decisions.make_manual(bench.ann, refund, "Ann Lee", "12 Elm Street", new_token())
    row = bench.decisions.make_manual(bench.sue, refund, "Ann Lee", "12 Elm Street", new_token())
    assert row.state is RefundState.MANUAL and row.payee == "Ann Lee"
    assert bench.refunds.basis(bench.ann, row.order_id).remaining == 0 and bench.back_at_gateway() == 0


def test_a_retry_while_it_is_under_way_is_refused(bench: MoneyBench) -> None:
    refund = failed(bench)
    bench.decisions.retry(bench.sue, refund, new_token())
    with pytest.raises((NotPossibleNow, AttemptInFlight)):
        bench.decisions.retry(bench.sue, refund, new_token())
    bench.work()
    assert len(bench.rows(ATTEMPT)) == 2 and bench.back_at_gateway() == 3050


def test_what_gave_up_comes_back_only_while_its_charge_still_holds_it(bench: MoneyBench) -> None:
    bench.fault(Fault.DECLINE, "refund", times=4)
    order = bench.order()
    refund = bench.ask(bench.sue, order).refund_ids[0]
    for _ in range(4):
        bench.work()
        bench.later(hours=25)
    bench.ask(bench.sue, order, RefundChoice(Share.AMOUNT, amount=100))
    bench.work()
    with pytest.raises(NotPossibleNow, match=r"29\.50 USD"):
        bench.decisions.retry(bench.sue, refund, new_token())
    assert bench.back_at_gateway() == 100


def unknown(bench: MoneyBench, fault: Fault) -> int:
    """An attempt whose answer never came."""
    bench.fault(fault, "refund")
    bench.ask(bench.sue, bench.order())
    bench.work()
    (attempt,) = bench.decisions.attempts(bench.sue, (AttemptState.UNKNOWN,))
    return attempt.id


def test_settled_as_gone_through_it_counts_once_and_a_late_look_changes_nothing(bench: MoneyBench) -> None:
    attempt = unknown(bench, Fault.TIMEOUT_AFTER)
    with pytest.raises(InvalidInput, match="evidence"):
        bench.decisions.settle(bench.sue, attempt, ByHand.SUCCEEDED, " ", new_token())
    with pytest.raises(NotPermitted):
        bench.decisions.settle(bench.ann, attempt, ByHand.SUCCEEDED, "Seen", new_token())
    row = bench.decisions.settle(bench.sue, attempt, ByHand.SUCCEEDED, "In its books", new_token(), "sbx_1")
    assert row.state is AttemptState.SUCCEEDED and row.settled_by == "Sue" and row.gateway_ref == "sbx_1"
    bench.later(days=2)
    bench.work()
    assert bench.back_here() == bench.back_at_gateway() == 3050 and len(bench.rows(ATTEMPT)) == 1
    with pytest.raises(NotPossibleNow, match="known"):
        bench.decisions.settle(bench.sue, attempt, ByHand.NOT_EXECUTED, "No", new_token())


def test_settled_as_not_executed_it_is_sent_again_with_the_same_count(bench: MoneyBench) -> None:
    attempt = unknown(bench, Fault.TIMEOUT_BEFORE)
    row = bench.decisions.settle(bench.sue, attempt, ByHand.NOT_EXECUTED, "Not in its books", new_token())
    assert row.state is AttemptState.NOT_SENT
    bench.work()
    (refund,) = bench.rows(REFUND)
    assert refund.state is RefundState.DONE_REFUND and refund.failures == 0
    assert bench.back_at_gateway() == bench.back_here() == 3050


def test_an_unknown_outcome_is_neither_retried_nor_withdrawn(bench: MoneyBench) -> None:
    unknown(bench, Fault.TIMEOUT_AFTER)
    (row,) = bench.decisions.queue(bench.sue)
    with pytest.raises(NotPossibleNow):
        bench.decisions.retry(bench.sue, row.id, new_token())
    with pytest.raises(NotPossibleNow):
        bench.decisions.withdraw(bench.sue, row.id, "", new_token())
    with pytest.raises(NotPossibleNow):
        bench.decisions.make_manual(bench.sue, row.id, "Ann", "Elm Street", new_token())


def test_the_ring_names_the_newest_request_and_leaves_out_ones_own(bench: MoneyBench) -> None:
    from cstui.storage.live import LiveConnection

    asked(bench)
    newest = asked(bench, "#1002")
    line = LiveConnection(bench.db.url, new_token())
    try:
        line.open()
        news = line.money_news(bench.sue.staff_id, None)
        assert news.approvals == 2 and news.newest_approval_id == newest
        assert news.newest_approval == "Ann asks for 30.50 USD on order #1002"
        assert line.money_news(bench.ann.staff_id, None).approvals == 0
        assert line.money_news(bench.bob.staff_id, frozenset()).newest_approval_id == 0
        bench.decisions.approve(bench.sue, newest, new_token(), Money(1000, "USD"))
        (told,) = line.money_news(bench.ann.staff_id, frozenset()).decided
        assert (
            told.is_lowered
            and told.by == "Sue"
            and (told.asked, told.amount.minor) == (Money(3050, "USD"), 1000)
        )
    finally:
        line.close()
