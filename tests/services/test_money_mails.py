"""What customers are told of their money: once, only after it has moved, and that it came back where it did (REF-07, REF-09)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.ids import new_token
from cstui.domain.payments import RefundState
from cstui.domain.sandbox import Behaviour, Fault
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.people import Store
from cstui.storage.tables.sandbox import SandboxCard
from tests.money import MANUAL, REFUND, MoneyBench, money_bench

OUTBOX = table_of(Outbox)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    with made.db.write() as tx:
        tx.run(table_of(Store).update().values(notify_emails="boss@example.com"))
    yield made
    made.desk.close()


def told(bench: MoneyBench) -> list[tuple[str, str]]:
    """The mails that were queued, with their address."""
    return [(row.kind, row.to_address) for row in bench.rows(OUTBOX)]


def settle_down(bench: MoneyBench) -> None:
    """Lets everything happen that still can, several times over."""
    for _ in range(3):
        bench.later(hours=8)
        bench.work()


CUSTOMER = "ann.lee@example.com"


@pytest.mark.parametrize(("settled", "kind"), [(True, "refund"), (False, "void")])
def test_money_that_went_back_is_told_once(bench: MoneyBench, settled: bool, kind: str) -> None:
    bench.ask(bench.ann, bench.order(settled=settled))
    assert told(bench) == []
    bench.work()
    assert told(bench) == [(kind, CUSTOMER)]
    settle_down(bench)
    assert told(bench) == [(kind, CUSTOMER)]


@pytest.mark.parametrize(
    "fault", [Fault.DECLINE, Fault.LOST, Fault.NOT_SENT, Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER]
)
def test_customers_hear_nothing_of_a_refund_that_was_refused_or_is_not_known(
    bench: MoneyBench, fault: Fault
) -> None:
    bench.fault(fault, "refund")
    bench.ask(bench.ann, bench.order())
    bench.work()
    assert bench.rows(REFUND)[0].state is not RefundState.DONE_REFUND
    assert CUSTOMER not in [to for _, to in told(bench)]


def test_an_answer_that_was_lost_is_told_once_it_is_found(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "refund")
    bench.ask(bench.ann, bench.order())
    bench.work()
    bench.later(seconds=30)
    bench.work()
    settle_down(bench)
    assert told(bench) == [("refund", CUSTOMER)]


def test_a_refund_that_is_pending_at_the_gateway_is_told_when_it_is_final(bench: MoneyBench) -> None:
    with bench.db.write() as tx:
        tx.run(
            table_of(SandboxCard).insert().values(
                account="main", vault="vault-1", billing="", brand="Visa", last4="4242", expiry_month=12, expiry_year=2030,
                behaviour=Behaviour.REFUND_PENDING, created_at=tx.now,
            )
        )  # fmt: skip
    bench.ask(bench.ann, bench.order())
    bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.PENDING_AT_GATEWAY and told(bench) == []
    settle_down(bench)
    assert bench.rows(REFUND)[0].state is RefundState.DONE_REFUND and told(bench) == [("refund", CUSTOMER)]


def test_a_refund_that_came_back_is_told_to_the_customer_and_to_the_list(bench: MoneyBench) -> None:
    bench.fault(Fault.REFUND_FAILS, "refund")
    bench.ask(bench.ann, bench.order())
    bench.work()
    assert told(bench) == [("refund", CUSTOMER)]
    for _ in range(3):
        bench.later(days=2)
        bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.NEEDS_DECISION
    assert sorted(told(bench)[1:]) == [
        ("notify_refund_reversed", "boss@example.com"),
        ("refund_returned", CUSTOMER),
    ]


def test_a_refund_that_gave_up_is_told_to_the_list_once_and_never_to_the_customer(bench: MoneyBench) -> None:
    bench.fault(Fault.DECLINE, "refund", times=9)
    bench.ask(bench.ann, bench.order())
    for _ in range(6):
        bench.work()
        bench.later(hours=25)
    assert told(bench) == [("notify_refund_failed", "boss@example.com")]


def test_what_was_taken_back_in_time_or_paid_by_hand_is_mailed_by_nobody_of_itself(bench: MoneyBench) -> None:
    receipt = bench.ask(bench.ann, bench.order(), undo=10)
    bench.refunds.withdraw(bench.ann, receipt.attempt_ids[0], new_token())
    settle_down(bench)
    by_hand = bench.order("#1002")
    bench.ask(bench.sue, by_hand, MANUAL)
    assert told(bench) == []
    offered = bench.desk.mails.options(bench.sue, by_hand)[0]
    bench.desk.mails.resend(bench.sue, offered.wanted, new_token())
    assert told(bench) == [("refund", CUSTOMER)]
