"""`audit verify` finds money that does not add up (I4, I5, I6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cstui.domain.payments import AttemptState
from cstui.domain.refunds import RefundChoice, Share
from cstui.storage.queries import moves
from tests.money import ATTEMPT, MOVE, MoneyBench, money_bench


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    order = made.order()
    for percent in (50, 100):
        made.ask(made.ann, order, RefundChoice(Share.PERCENT, percent=percent))
        made.work()
    yield made
    made.desk.close()


def faults(bench: MoneyBench, *statements: Any) -> tuple[str, ...]:
    with bench.db.write() as tx:
        for statement in statements:
            tx.run(statement)
    return bench.desk.audit.verify(bench.sue)


def test_two_refunds_that_come_to_the_charge_are_no_fault(bench: MoneyBench) -> None:
    assert faults(bench) == ()


def test_more_that_went_back_than_was_taken_is_found(bench: MoneyBench) -> None:
    charge, refund = bench.rows(MOVE)[0], bench.rows(MOVE)[1]
    (fault,) = faults(bench, MOVE.update().where(MOVE.c.id == refund.id).values(amount=refund.amount + 1))
    assert "30.51 USD went back" in fault and "brought 30.50 USD" in fault
    with bench.db.write() as tx:
        tx.run(MOVE.update().where(MOVE.c.parent_id == charge.id).values(origin="import", attempt_id=None))
        tx.run(ATTEMPT.update().values(state=AttemptState.WITHDRAWN))
    assert faults(bench) == (), "what a file said is kept as it is"


def test_a_success_without_its_number_or_its_transaction_is_found(bench: MoneyBench) -> None:
    first, second = bench.rows(ATTEMPT)
    found = faults(
        bench,
        ATTEMPT.update().where(ATTEMPT.c.id == first.id).values(gateway_ref=""),
        MOVE.delete().where(MOVE.c.attempt_id == second.id),
    )
    assert [fault.partition(" succeeded, ")[2] for fault in found] == [
        "but has no number of its gateway's.",
        "but no transactions stand for it.",
    ]
    assert len(faults(bench, ATTEMPT.update().where(ATTEMPT.c.id == first.id).values(settled_by="Sue"))) == 1


def test_two_successes_that_bear_one_number_are_found(bench: MoneyBench) -> None:
    first, second = bench.rows(ATTEMPT)
    (fault,) = faults(
        bench, ATTEMPT.update().where(ATTEMPT.c.id == second.id).values(gateway_ref=first.gateway_ref)
    )
    assert fault == f"2 attempts (refund) bear the number {first.gateway_ref} of sandbox main."


def test_what_has_been_on_its_way_for_too_long_is_found(bench: MoneyBench) -> None:
    first = bench.rows(ATTEMPT)[0]
    with bench.db.write() as tx:
        moves.change(tx, bench.rows(MOVE)[1].id, attempt_id=None)
        late = tx.now - timedelta(minutes=11)
        tx.run(ATTEMPT.update().where(ATTEMPT.c.id == first.id).values(state="sending", sent_at=late))
    (fault,) = faults(bench)
    assert "has been on its way since" in fault
    assert bench.work().orphans == 1
    assert faults(bench) == ()
