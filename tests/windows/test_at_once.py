"""Two at once: agents, key presses, workers, and a supervisor who breaks a lock (W16, W17, W18, W28)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from cstui.domain.attempts import AttemptInFlight
from cstui.domain.errors import CstuiError
from cstui.domain.ids import Kind, new_token
from cstui.domain.money import Money
from cstui.domain.refunds import RefundChoice
from tests.money import ATTEMPT, MOVE, REFUND
from tests.windows.crashing import Crashing, actor_facts
from tests.windows.till import Till

SOON = 0.25


def test_of_two_processes_that_refund_the_same_charge_at_once_one_is_refused(
    till: Till, crashing: Crashing
) -> None:
    orders = [till.order(f"#{number}") for number in (1001, 1002)]
    for order in orders:
        job = {"do": "request", "url": till.url, "order": order, "start_at": time.time() + SOON}
        answers = crashing.run(
            {**job, "actor": actor_facts(till.ann)}, {**job, "actor": actor_facts(till.bob)}
        )
        assert [code for _, code in answers] == [0, 0]
        said = sorted(str(result) for result, _ in answers)
        assert said[0] == "armed" and "refused" in said[1], said
    till.work()
    till.assert_even(2 * 3050)


@pytest.mark.parametrize("guard", ["the same", "another"])
def test_where_every_lock_is_passed_by_the_database_itself_lets_one_through(
    till: Till, crashing: Crashing, guard: str
) -> None:
    """Without the order's lock: one attempt in flight per charge; and under two guards never more than it brought (20.00 twice of 30.50)."""
    order = till.order()
    (charge,) = till.rows(MOVE)
    amount = 1000 if guard == "the same" else 2000
    job: dict[str, Any] = {
        "do": "arm", "url": till.url, "store": till.store, "order": order, "customer": till.customer, "transaction": charge.id,
        "amount": amount, "start_at": time.time() + SOON,
    }  # fmt: skip
    answers = crashing.run({**job, "guard": "one"}, {**job, "guard": "one" if guard == "the same" else "two"})
    refused = [result["refused"] for result, _ in answers if isinstance(result, dict)]
    assert refused == ["AttemptInFlight" if guard == "the same" else "MoreThanRemains"]
    till.work()
    assert (till.back_at_gateway(), till.gone) == (amount, amount)


def test_a_key_that_is_pressed_twice_makes_one_attempt(till: Till) -> None:
    order, save_id = till.order(), new_token()
    _, grip = till.refunds.open(till.ann, order, new_token())
    receipts: list[Any] = []
    both = threading.Barrier(2)

    def press() -> None:
        both.wait()
        try:
            receipts.append(
                till.refunds.request(
                    till.ann, order, grip, RefundChoice(), "damaged", "", save_id,
                    expected=Money(3050, "USD"), undo_seconds=0,
                )
            )  # fmt: skip
        except CstuiError as error:
            receipts.append(error)

    keys = [threading.Thread(target=press) for _ in range(2)]
    for key in keys:
        key.start()
    for key in keys:
        key.join()
    assert [type(receipt).__name__ for receipt in receipts] == ["Receipt", "Receipt"], receipts
    assert receipts[0].attempt_ids == receipts[1].attempt_ids and len(till.rows(ATTEMPT)) == 1
    till.work()
    till.assert_even(3050)


def test_a_lock_that_is_broken_while_a_refund_is_sent_stops_neither_it_nor_lets_another_begin(
    till: Till,
) -> None:
    order = till.at_nmi()
    till.ask(till.ann, order)
    refused: list[str] = []

    def meanwhile(name: str) -> None:
        if name != "sending":
            return
        till.desk.locks.begin(till.ann, Kind.ORDER, order, 1, new_token())
        till.desk.locks.force(till.sue, Kind.ORDER, order, "Ann has gone home")
        for person in (till.bob, till.sue):
            with pytest.raises(AttemptInFlight) as blocked:
                till.ask(person, order)
            refused.append(blocked.value.by)

    till.work(meanwhile)
    assert refused == ["Ann", "Ann"] and till.states == ["succeeded"]
    till.assert_even(3050)


def test_two_runners_of_the_queue_try_each_refund_once(till: Till, crashing: Crashing) -> None:
    for number in range(6):
        till.ask(till.ann, till.order(f"#{1001 + number}"))
    with till.db.write() as tx:
        # As after a day of failures: nothing was sent, and the time for the next try has come.
        tx.run(ATTEMPT.update().values(state="not_sent", why="not_sent", done_at=tx.now))
        tx.run(REFUND.update().values(state="failed_retrying", failures=1, next_try_at=tx.now))
    job = {"do": "work", "url": till.url, "start_at": time.time() + SOON}
    answers = crashing.run({**job, "name": "one"}, {**job, "name": "two"})
    assert [code for _, code in answers] == [0, 0]
    done = [result for result, _ in answers]
    assert sum(one["tried_again"] for one in done) == sum(one["sent"] for one in done) == 6
    assert till.states == ["not_sent"] * 6 + ["succeeded"] * 6
    till.assert_even(6 * 3050)


def test_a_queue_that_was_off_for_days_catches_up_with_one_try_each(lite: Till) -> None:
    assert lite.nmi is not None
    lite.ask(lite.ann, lite.at_nmi())
    lite.nmi.fail_next("busy_429", times=9, only="refund")
    lite.work()
    lite.later(days=5)
    lite.work()
    assert lite.rows(REFUND)[0].failures == 2 and lite.sent("refund") == 2
    lite.nmi.recover()
    lite.later(hours=25)
    lite.work()
    lite.assert_even(3050)
