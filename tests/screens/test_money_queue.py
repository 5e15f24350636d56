"""The refund queue on the screen: it rings, it decides in place, and nothing is decided by a key typed too early."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Role
from cstui.domain.sandbox import Fault
from cstui.screens.money_queue import AttemptsScreen, RefundQueueScreen
from cstui.screens.order import OrderScreen
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests import factories as make
from tests.money import ATTEMPT, REFUND, MoneyBench, money_bench
from tests.screens.driving import Driven, driven


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    made = money_bench(sqlite_db.url.text)
    CommitLine._last_time.clear()
    admin = make.add_staff(made.db, "ada", Role.ADMIN)
    made.settings.set(admin, "refund.approval_limit", "20.00")
    yield made
    made.desk.close()


async def opened(desk: Driven, *words: str) -> RefundQueueScreen:
    desk.app.action_money_queue()
    await desk.shows("Refund queue", *words)
    screen = desk.app.screen
    assert isinstance(screen, RefundQueueScreen)
    await desk.until(lambda: not screen.flows)
    return screen


async def test_a_request_rings_on_every_screen_and_a_lower_amount_is_approved_in_place(
    bench: MoneyBench,
) -> None:
    order = bench.order(settled=True)
    async with driven(bench.db.url.text, bench.sue, (100, 30)) as desk:
        await desk.open_order(order)
        await desk.press("f7")
        await desk.until(lambda: desk.app.screen.query("FormPanel").first() is not None)
        await desk.type("half a no")
        bench.ask(bench.ann, order)
        await desk.shows("Ann asks for 30.50 USD on order #1001: :refunds decides")
        assert desk.app.ring.rung == 1
        await desk.type("te")
        await desk.shows("half a note")
        await desk.press("f9")
        await desk.shows("Note added")
        screen = await opened(desk, "Waiting for approval (1)", "$30.50", "Ann", "NEW")
        await desk.shows_no(":refunds decides")
        await desk.press("enter")
        await desk.shows("a  approve", "d  deny", "It waits for approval first.")
        await desk.press("l")
        await desk.shows("Ann asked for $30.50")
        await desk.type("40")
        await desk.press("enter")
        await desk.shows("less than $30.50")
        await desk.press("backspace", "backspace")
        await desk.type("12.50")
        await desk.press("enter")
        await desk.shows("y approves $12.50 USD of #1001 to Visa …4242")
        await desk.press("enter", "y")
        await desk.shows("1 key ignored")
        assert bench.rows(REFUND)[0].state is RefundState.NEEDS_APPROVAL
        await desk.commit()
        await desk.shows("$12.50 USD of #1001 is on its way", "No refund waits")
        assert screen.panel is None
    bench.later(minutes=1)
    bench.work()
    (refund,) = bench.rows(REFUND)
    assert (refund.state, refund.amount) == (RefundState.DONE_REFUND, 1250)
    assert bench.back_at_gateway() == bench.back_here() == 1250


async def test_a_denied_request_is_told_to_who_asked_with_the_reason(bench: MoneyBench) -> None:
    bench.ask(bench.ann, bench.order())
    async with driven(bench.db.url.text, bench.sue, (80, 24)) as desk:
        await opened(desk, "Waiting for approval (1)")
        assert desk.app.ring.rung == 0
        await desk.press("enter")
        await desk.shows("deny, with a reason")
        await desk.press("d")
        await desk.shows("Deny: $30.50")
        await desk.press("enter")
        await desk.until(lambda: "✗" in desk.text)
        await desk.type("Sent twice already")
        await desk.press("f9")
        await desk.shows("is denied", "No refund waits")
    async with driven(bench.db.url.text, bench.ann) as desk:
        await desk.shows("Sue denied the refund of $30.50 USD on #1001: Sent twice already")


async def test_who_asked_hears_at_once_what_was_approved_of_it(bench: MoneyBench) -> None:
    async with driven(bench.db.url.text, bench.ann) as desk:
        refund = bench.ask(bench.ann, bench.order()).refund_ids[0]
        await desk.shows("1 waits for approval")
        bench.decisions.approve(bench.sue, refund, "save-1", Money(1000, "USD"))
        await desk.shows("Sue approved $10.00 USD of the $30.50 USD on #1001; it is on its way.", "sends in")


async def test_a_line_that_was_out_of_sight_has_to_be_read_again(bench: MoneyBench) -> None:
    bench.ask(bench.ann, bench.order())
    async with driven(bench.db.url.text, bench.sue, (80, 24)) as desk:
        screen = await opened(desk, "$30.50")
        await desk.press("enter", "a")
        await desk.shows("y approves")
        await desk.until(lambda: screen.query_one(CommitLine).is_painted)
        await desk.pilot.pause(0.5)
        desk.app.action_desk_lock()
        await desk.until(lambda: desk.app.screen is not screen)
        await desk.shows_no(":refunds")
        desk.app.pop_screen()
        await desk.press("y")
        await desk.shows("1 key ignored")
        assert bench.rows(REFUND)[0].state is RefundState.NEEDS_APPROVAL


async def test_who_does_not_approve_reads_the_queue_and_hears_why_nothing_can_be_done(
    bench: MoneyBench,
) -> None:
    bench.ask(bench.ann, bench.order())
    async with driven(bench.db.url.text, bench.bob, (80, 24)) as desk:
        await opened(desk, "$30.50")
        await desk.press("enter")
        await desk.shows("Your role does not approve refunds.")
        await desk.press("a", "r", "y", "enter")
        await desk.shows("Not now: Your role")
        await desk.press("o")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
    assert bench.rows(REFUND)[0].state is RefundState.NEEDS_APPROVAL


async def test_an_outcome_that_nobody_found_out_is_settled_with_evidence(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "refund")
    bench.ask(bench.sue, bench.order())
    bench.work()
    async with driven(bench.db.url.text, bench.sue, (120, 40)) as desk:
        await opened(desk, "Being checked (1)", "looked 0 times")
        await desk.press("enter")
        await desk.shows("sending it again could pay twice")
        await desk.press("s")
        await desk.shows("Settle: refund $30.50 USD of #1001", "key ")
        await desk.press("f9")
        await desk.shows("How do you know?")
        await desk.type("In the books, 10:02")
        await desk.press("f9")
        await desk.shows("y settles: $30.50 USD of #1001 to Visa …4242 went through")
        await desk.commit()
        await desk.shows("No refund waits")
    (attempt,) = bench.rows(ATTEMPT)
    assert (attempt.state, attempt.settled_by, attempt.settled_why) == (
        AttemptState.SUCCEEDED,
        "Sue",
        "In the books, 10:02",
    )
    assert bench.back_here() == 3050


async def test_a_failed_refund_says_its_next_try_and_is_paid_by_hand(bench: MoneyBench) -> None:
    bench.fault(Fault.DECLINE, "refund")
    bench.ask(bench.sue, bench.order())
    bench.work()
    async with driven(bench.db.url.text, bench.sue, (120, 40)) as desk:
        await opened(desk, "Failed, tried again daily (1)", "attempt 1 of 3, next ")
        await desk.press("enter")
        await desk.press("b")
        await desk.shows("By hand")
        await desk.press("tab")
        await desk.type("12 Elm Street, Albany")
        await desk.press("f9")
        await desk.shows("as paid by cheque to")
        await desk.press("escape")
        await desk.shows_no("as paid by cheque to")
        assert bench.rows(REFUND)[0].state is RefundState.FAILED_RETRYING
        await desk.press("enter", "r")
        await desk.shows("y tries $30.50 USD of #1001 to Visa …4242 again now")
        await desk.commit()
        await desk.shows("is on its way")
    bench.work()
    assert bench.rows(REFUND)[0].state is RefundState.DONE_REFUND


async def test_attempts_are_listed_with_test_in_words_and_narrowed_by_state(bench: MoneyBench) -> None:
    bench.fault(Fault.DECLINE, "refund")
    bench.ask(bench.sue, bench.order())
    bench.work()
    async with driven(bench.db.url.text, bench.sue, (120, 40)) as desk:
        desk.app.action_money_attempts()
        await desk.shows("Attempts (1)", "TEST refund", "sandbox main", "Checks")
        await desk.pilot.resize_terminal(80, 24)
        await desk.shows_no("Checks")
        await desk.press("space")
        await desk.shows("sandbox main, tries 1, checks 0", "TEST refund")
        assert isinstance(desk.app.screen, AttemptsScreen)
        await desk.press("f4")
        await desk.shows("declined, may succeed later")
        await desk.press("f")
        await desk.shows("No attempts of this kind")
        desk.app.command_money_attempts("declined soft")
        await desk.shows("Attempts (1, declined, may succeed later)")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))


async def test_a_dispute_is_written_down_on_the_order_and_ends_there(bench: MoneyBench) -> None:
    order = bench.order()
    async with driven(bench.db.url.text, bench.sue, (80, 24)) as desk:
        await desk.open_order(order)
        screen = desk.app.screen
        assert isinstance(screen, OrderScreen)
        screen.action_order_dispute()
        await desk.shows("Dispute on order #1001", "disputed: $30.50 USD Visa …4242")
        await desk.press("tab")
        await desk.type("31")
        await desk.press("f9")
        await desk.shows("✗ The reason is empty")
        await desk.type("Not received")
        await desk.press("f9")
        await desk.shows("at most 30.50 USD")
        await desk.press("backspace", "backspace")
        await desk.press("f9")
        await desk.shows("Dispute of $30.50", "disputed")
        screen.action_order_dispute()
        await desk.shows("a won: $30.50", "b lost:")
        await desk.press("f9")
        await desk.shows("Dispute won on order #1001")
    assert bench.refunds.basis(bench.ann, order).remaining == 3050
