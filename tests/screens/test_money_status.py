"""What a desk says of its own money: a countdown that can be taken back, the outcome as it comes, and the line that stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.money_news import MoneyNews, OwnAttempt
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.sandbox import Fault
from cstui.format import READER, Reader
from cstui.money_status import ended_words, open_words, status_cells
from cstui.screens.order import OrderScreen
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.factories import add_staff
from tests.money import REFUND, MoneyBench, money_bench
from tests.screens.driving import Driven, driven

NOW = datetime(2026, 11, 25, 10, 2, 5, tzinfo=UTC)
OWN = OwnAttempt(
    7, 1, "#1001", Operation.REFUND, AttemptState.ARMED, Money(4000, "USD"), "Visa …4242", NOW + timedelta(seconds=8), "",
    RefundState.ARMED,
)  # fmt: skip


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    CommitLine._last_time.clear()
    made = money_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


def at_desk(bench: MoneyBench, actor: Any = None, **options: Any) -> Any:
    return driven(bench.db.url.text, actor or bench.ann, locale="en-US", **options)


async def refund(desk: Driven, order: int) -> None:
    await desk.open_order(order)
    await desk.press("R")
    await desk.shows("y refunds $30.50")
    await desk.commit()
    await desk.shows("Refund $30.50 #1001 sends in")


def said(news: MoneyNews, **more: Any) -> str:
    return " | ".join(cell.text for cell in status_cells(news, NOW, READER, **({"counts_down": True} | more)))


# In words -----------------------------------------------------------------------------------------


def test_the_countdown_says_what_is_sent_when_and_how_to_take_it_back() -> None:
    news = MoneyNews((OWN,))
    assert said(news) == "Refund $40.00 #1001 sends in 8 s · u takes it back"
    assert said(news, counts_down=False) == "Refund $40.00 #1001 sends at 10:02:13 · u takes it back"
    late = replace(OWN, execute_after=NOW - timedelta(seconds=1))
    assert said(MoneyNews((late,))) == "Refund $40.00 #1001 sends now · u takes it back"


def test_a_refund_over_several_charges_counts_down_as_one() -> None:
    other = replace(OWN, id=8, amount=Money(1000, "USD"))
    assert said(MoneyNews((other, OWN))) == "Refund $50.00 #1001 sends in 8 s · u takes it back"


def test_what_is_not_known_is_said_to_be_checked_and_a_missing_worker_stands_there_for_all_who_wait() -> None:
    unknown = replace(OWN, state=AttemptState.UNKNOWN)
    news = MoneyNews((unknown,), checking=2, worker_alive=False)
    assert said(news) == (
        "Refund $40.00 #1001 sent, answer not received – checking | worker not running: nothing is sent | 2 checking"
    )
    waiting = replace(OWN, state=AttemptState.WAITING_APPROVAL)
    assert said(MoneyNews((waiting,))) == "1 waits for approval"
    assert said(MoneyNews()) == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": AttemptState.SUCCEEDED}, "✓ Refunded $40.00 on #1001 to Visa …4242."),
        (
            {"state": AttemptState.SUCCEEDED, "operation": Operation.VOID},
            "✓ Refunded $40.00 on #1001 to Visa …4242 by void.",
        ),
        (
            {"state": AttemptState.SUCCEEDED, "operation": Operation.VOID, "refund_state": None},
            "✓ Voided $40.00 on #1001, Visa …4242.",
        ),
        (
            {"state": AttemptState.DECLINED_SOFT, "refund_state": RefundState.FAILED_RETRYING, "failures": 1, "text": "Declined."},
            "Refund $40.00 on #1001 failed: Declined. Tried again tomorrow, 1 of 3.",
        ),
        (
            {"state": AttemptState.DECLINED_HARD, "refund_state": RefundState.NEEDS_DECISION, "text": "Card closed"},
            "Refund $40.00 on #1001 failed: Card closed. A supervisor decides what is done.",
        ),
        ({"state": AttemptState.REJECTED, "refund_state": None}, "Refund $40.00 on #1001 failed. Nothing went back."),
        ({"state": AttemptState.REJECTED, "operation": Operation.VOID, "refund_state": RefundState.ARMED}, ""),
        ({"state": AttemptState.WITHDRAWN, "refund_state": RefundState.DENIED}, ""),
    ],
)  # fmt: skip
def test_how_it_ended_is_one_line_with_amount_order_and_card(changed: dict[str, Any], words: str) -> None:
    assert ended_words(replace(OWN, **changed), READER, 3)[0] == words


def test_whoever_leaves_is_told_what_is_under_way() -> None:
    words = open_words((OWN, replace(OWN, id=8, state=AttemptState.UNKNOWN)), NOW, Reader())
    assert words == [
        "Refund $40.00 #1001 sends in 8 s; it is sent also when this desk has ended.",
        "Refund $40.00 #1001 is being checked; that goes on without this desk.",
    ]


# At the desk --------------------------------------------------------------------------------------


async def test_u_takes_back_what_was_not_sent_and_nothing_is_sent(bench: MoneyBench) -> None:
    order = bench.order()
    async with at_desk(bench) as desk:
        await desk.open_order(order)
        await desk.press("u")
        await desk.shows("Nothing of yours is waiting to be sent.")
        await refund(desk, order)
        await desk.shows("refund $30.50 pending")
        await desk.press("u")
        await desk.shows("Taken back: refund $30.50 #1001. Nothing was sent.")
        await desk.shows_no("sends in")
    bench.later(minutes=1)
    assert bench.work().sent == 0 and bench.back_at_gateway() == 0
    assert [row.state for row in bench.rows(REFUND)] == [RefundState.WITHDRAWN]


async def test_the_outcome_comes_by_itself_and_stays_while_one_works_on(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    async with at_desk(bench) as desk:
        await refund(desk, order)
        desk.app.action_desk_find()
        bench.later(minutes=1)
        bench.work()
        await desk.shows("✓ Refunded $30.50 on #1001 to Visa …4242 by void.")
        desk.app.open_order(order)
        await desk.shows("× voided")
    assert bench.back_at_gateway() == 3050


async def test_the_last_events_of_an_open_order_tell_of_the_refund_by_themselves(bench: MoneyBench) -> None:
    order = bench.order(settled=False)
    async with at_desk(bench) as desk:
        await refund(desk, order)
        await desk.shows("refund requested")
        bench.later(minutes=1)
        bench.work()
        await desk.shows("× voided", "void succeeded")


async def test_a_refusal_says_why_and_when_it_is_tried_again(bench: MoneyBench) -> None:
    order = bench.order()
    bench.fault(Fault.DECLINE)
    async with at_desk(bench) as desk:
        await refund(desk, order)
        bench.later(minutes=1)
        bench.work()
        await desk.shows("Refund $30.50 on #1001 failed", "Tried again tomorrow, 1 of 3.")
        await desk.press("6")
        await desk.shows("Tries that failed or are open (1)", "failed 1 of 3, next try")


async def test_an_answer_that_got_lost_is_said_to_be_checked_and_the_order_waits_for_it(
    bench: MoneyBench,
) -> None:
    order = bench.order()
    bench.fault(Fault.TIMEOUT_AFTER)
    async with at_desk(bench) as desk:
        await refund(desk, order)
        bench.later(minutes=1)
        bench.work()
        await desk.shows("sent, answer not received – checking", "1 checking")
        await desk.press("R")
        await desk.shows("Not possible now: The outcome of an earlier refund is still being checked.")
        bench.work()
        await desk.shows("✓ Refunded $30.50 on #1001 to Visa …4242.", "Nothing remains to be refunded")


async def test_the_countdown_comes_from_the_database_and_so_survives_a_restart(bench: MoneyBench) -> None:
    order = bench.order()
    async with at_desk(bench) as desk:
        await refund(desk, order)
    async with at_desk(bench) as desk:
        await desk.shows("Refund $30.50 #1001 sends in")
        await desk.press("escape")
    async with at_desk(bench, bench.bob) as other:
        await other.pilot.pause(0.1)
        assert "sends in" not in other.text


async def test_without_a_running_clock_the_line_names_the_time(bench: MoneyBench) -> None:
    order = bench.order()
    bench.ask(bench.ann, order, undo=50)
    async with at_desk(bench, timer=False) as desk:
        await desk.shows("Refund $30.50 #1001 sends at ")
        assert desk.app._money_tick is None


async def test_a_desk_that_is_left_while_money_is_under_way_asks_first(bench: MoneyBench) -> None:
    order = bench.order()
    async with at_desk(bench) as desk:
        await refund(desk, order)
        await desk.press("ctrl+q")
        await desk.shows("Money is under way", "it is sent also when this desk has ended.")
        await desk.press("escape")
        await desk.shows_no("Money is under way")
        assert desk.app._exit is False
        await desk.press("ctrl+q")
        await desk.shows("q quit all the same")
        await desk.press("q")
        await desk.until(lambda: desk.app._exit)


async def test_refund_with_a_number_opens_that_order_and_its_panel(bench: MoneyBench) -> None:
    bench.order()
    async with at_desk(bench) as desk:
        await desk.app.search_screen.run_by_id("order.refund", "1001")
        await desk.shows("Refund order #1001 – Ann Lee", "y refunds $30.50")
        assert isinstance(desk.app.screen, OrderScreen)
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen.panel is None)
        desk.app.command_order_refund("4711")
        await desk.shows("There is no order 4711 here.")


async def test_whoever_must_be_verified_first_is_and_nothing_typed_is_lost(bench: MoneyBench) -> None:
    from cstui.domain.permissions import Role

    order = bench.order()
    bench.settings.set(add_staff(bench.db, "adam", Role.ADMIN), "verify.required", "yes")
    async with at_desk(bench) as desk:
        await desk.open_order(order)
        await desk.press("R")
        await desk.shows("y refunds $30.50")
        await desk.press("2", "n")
        await desk.type("broken lid")
        await desk.press("enter")
        await desk.shows("y refunds $5.50", "broken lid")
        await desk.commit()
        await desk.shows("The caller must be verified before money moves.", "The caller gave")
        await desk.press("a")
        await desk.shows("✓")
        await desk.press("s")
        await desk.shows("The caller is verified for this call.", "y refunds $5.50", "broken lid")
        await desk.commit()
        await desk.shows("Refund $5.50 #1001 sends in")
    assert [(row.amount, row.note) for row in bench.rows(REFUND)] == [(550, "broken lid")]


async def test_a_lock_that_a_supervisor_removed_is_taken_again_and_shown_before_anything_is_sent(
    bench: MoneyBench,
) -> None:
    from cstui.domain.ids import Kind

    order = bench.order()
    async with at_desk(bench) as desk:
        await desk.open_order(order)
        await desk.press("R")
        await desk.shows("y refunds $30.50")
        bench.desk.locks.force(bench.sue, Kind.ORDER, order, "lunch")
        await desk.shows("removed your lock")
        await desk.commit()
        await desk.shows("The order is locked for you again: look at it once more.")
        assert bench.rows(REFUND) == []
        await desk.commit()
        await desk.shows("sends in")
    assert len(bench.rows(REFUND)) == 1


async def test_a_single_desk_sends_by_itself(bench: MoneyBench) -> None:
    order = bench.order()
    bench.ask(bench.ann, order)
    async with at_desk(bench, worker_inside=True) as desk:
        await desk.until(
            lambda: bool(bench.rows(REFUND)) and bench.rows(REFUND)[0].state is RefundState.DONE_REFUND
        )
        assert desk.app._worker is not None
    assert desk.app._worker is None and bench.back_at_gateway() == 3050
