"""What went back at the gateway without us comes into our books after a refusal that shows it, once (W20)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.gateways import Ask, Operation
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import PaymentStatus, RefundMethod
from cstui.domain.refunds import RefundChoice, Share
from cstui.domain.sandbox import Fault
from cstui.services.sending import Sending
from tests.money import ACCOUNT, ATTEMPT, MOVE, REFUND, MoneyBench, money_bench

EXTERNAL = RefundChoice(Share.AMOUNT, amount=1000, method=RefundMethod.EXTERNAL)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    yield made
    made.desk.close()


def elsewhere(bench: MoneyBench, minor: int, operation: Operation = Operation.REFUND) -> str:
    """Somebody gives back in the sandbox's own pages; returns the sandbox's reference."""
    (charge,) = bench.rows(MOVE, kind="sale")
    gateway = bench.gateways().of("sandbox", ACCOUNT)
    return gateway.send(Ask(new_token(), operation, Money(minor, "USD"), target=charge.gateway_ref)).ref


def imported(bench: MoneyBench) -> list[tuple[str, int, str]]:
    return [
        (row.kind.value, row.amount, row.gateway_ref)
        for row in bench.rows(MOVE, attempt_id=None)
        if row.kind != "sale"
    ]


def test_a_refund_made_elsewhere_is_shown_after_ours_is_refused_and_only_the_rest_can_go(
    bench: MoneyBench,
) -> None:
    order = bench.order()
    ref = elsewhere(bench, 1000)
    bench.ask(bench.ann, order)
    bench.work()
    view = bench.desk.orders.open(bench.ann, order)
    assert (view.payment_status, view.paid.remaining) == (PaymentStatus.PARTLY_REFUNDED, 2050)
    assert imported(bench) == [("refund", 1000, ref)]
    rows = bench.desk.audit.order(bench.sue, order)
    (found,) = [event for event in rows if "found" in event.action]
    assert found.action == "refund found at the gateway" and found.reason == ref
    assert bench.ask(bench.ann, order).amount == Money(2050, "USD")
    bench.work()
    assert [row.state.value for row in bench.rows(REFUND)] == ["exhausted", "done_refund"]
    assert bench.back_at_gateway() == bench.back_here() == 3050
    assert bench.work().anything is False and bench.desk.audit.verify(bench.sue) == ()


def test_a_charge_that_was_voided_elsewhere_is_voided_here_once(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    ref = elsewhere(bench, 3050, Operation.VOID)
    bench.ask(bench.ann, order)
    bench.work()
    bench.later(seconds=30)
    bench.work()
    assert imported(bench) == [("void", 3050, ref)]
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.VOIDED


def test_what_a_person_has_recorded_by_hand_is_not_added_again(bench: MoneyBench) -> None:
    order = bench.order()
    elsewhere(bench, 1000)
    bench.ask(bench.sue, order, EXTERNAL)
    second = elsewhere(bench, 500)
    bench.ask(bench.ann, order)
    bench.work()
    assert imported(bench) == [("refund", 1000, ""), ("refund", 500, second)]
    assert bench.desk.orders.open(bench.ann, order).paid.remaining == 1550


def test_a_gateway_that_does_not_answer_is_read_again_and_so_is_what_a_dead_worker_left(
    bench: MoneyBench,
) -> None:
    order = bench.order()
    elsewhere(bench, 1000)
    bench.fault(Fault.DOWN, "look_up")
    bench.ask(bench.ann, order)
    bench.work()
    assert imported(bench) == [] and bench.rows(ATTEMPT)[0].next_check_at is not None
    bench.later(minutes=6)

    def die(name: str) -> None:
        if name == "looking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Sending(bench.db, bench.gateways(), bench.settings, "doomed", point=die).look()
    assert imported(bench) == []
    bench.later(minutes=4)
    bench.work()
    assert [amount for _, amount, _ in imported(bench)] == [1000]
    assert bench.rows(ATTEMPT)[0].next_check_at is None


def test_nothing_is_added_while_another_refund_of_the_charge_is_under_way(bench: MoneyBench) -> None:
    """Its transaction may stand at the gateway already, and its answer not here."""
    order = bench.order()
    elsewhere(bench, 1000)
    bench.fault(Fault.DOWN, "look_up")
    bench.ask(bench.ann, order)
    bench.work()
    bench.ask(bench.sue, order, RefundChoice(Share.AMOUNT, amount=700), undo=3600)
    bench.later(minutes=6)
    bench.work()
    assert imported(bench) == []
    bench.later(hours=2)
    bench.work()
    bench.later(minutes=1)
    bench.work()
    assert [amount for _, amount, _ in imported(bench)] == [1000]
    assert bench.back_at_gateway() == bench.back_here() == 1700


def test_what_is_more_than_the_charge_holds_here_is_left_for_later_and_the_worker_goes_on(
    bench: MoneyBench,
) -> None:
    """The customer's bank has taken the charge back as well."""
    order = bench.order()
    elsewhere(bench, 1000)
    bench.fault(Fault.DOWN, "look_up")
    bench.ask(bench.ann, order)
    bench.work()
    (charge,) = bench.rows(MOVE, kind="sale")
    bench.desk.disputes.record(
        bench.sue, order, charge.id, Money(3050, "USD"), "Not received", "CB-1", new_token()
    )
    bench.later(minutes=6)
    assert bench.work().looked == 1
    assert imported(bench) == [("chargeback", 3050, "CB-1")]
    assert bench.rows(ATTEMPT)[0].next_check_at is not None
