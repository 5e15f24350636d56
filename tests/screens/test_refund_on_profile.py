"""Refunding from the profile: two presses for all of it, four for a part, and no key that was typed before it could be read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events

from cstui.domain.ids import Kind
from cstui.domain.payments import RefundState, TransactionKind
from cstui.domain.permissions import Role
from cstui.screens.customer import CustomerScreen
from cstui.screens.dialogs.refund import RefundPanel
from cstui.screens.dialogs.void import VoidPanel
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.factories import add_staff
from tests.money import ATTEMPT, REFUND, MoneyBench, money_bench
from tests.screens.driving import Driven, driven


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    CommitLine._last_time.clear()
    made = money_bench(sqlite_db.url.text)
    adam = add_staff(made.db, "adam", Role.ADMIN)
    made.settings.set(adam, "refund.fee_percent", "10")
    yield made
    made.desk.close()


@asynccontextmanager
async def on_profile(bench: MoneyBench, size: tuple[int, int] = (140, 45)) -> Any:
    async with driven(bench.db.url.text, bench.ann, size, locale="en-US") as desk:
        desk.app.call_later(desk.app.open_customer, bench.customer)
        await desk.until(
            lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None
        )
        yield desk


def panel_of(desk: Driven) -> RefundPanel:
    return desk.app.screen.query_one(RefundPanel)


async def read(desk: Driven) -> float:
    """Waits until the commit line has been painted and could have been read; from when on `y` counts."""
    line = panel_of(desk).line
    await desk.until(lambda: line.is_painted)
    assert line.counts_from is not None
    return line.counts_from


def y_at(at: float) -> events.Key:
    event = events.Key("y", "y")
    event.time = at
    return event


async def test_a_full_refund_is_two_presses_and_no_other_screen(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        before = desk.app.screen
        await desk.press("R")
        await desk.shows(
            "Refund order #1001 – Ann Lee",
            "y refunds $30.50 on #1001 to TEST Visa …4242 · Cancelled before shipping",
        )
        await desk.commit()
        await desk.shows("Refund $30.50 #1001 sends in")
        assert desk.app.screen is before and before.panel is None
    (refund,) = bench.rows(REFUND)
    assert (refund.amount, refund.state, refund.reason_code) == (3050, RefundState.ARMED, "cancelled")
    assert bench.desk.locks.all(bench.sue) == ()


async def test_a_second_that_passes_while_the_panel_is_taken_away_disturbs_nothing(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.press("R")
        await desk.until(lambda: desk.app.screen.query(RefundPanel))
        panel = panel_of(desk)
        await read(desk)
        going = panel.remove()
        while panel.children:
            panel.tick()
            await asyncio.sleep(0)
        await going
        panel.tick()
        assert not desk.app.screen.query(RefundPanel)


async def test_a_part_with_the_fee_is_four_presses_and_no_other_screen(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        before = desk.app.screen
        await desk.press("R")
        await desk.until(lambda: bool(desk.app.screen.query(RefundPanel)))
        await desk.press("2", "f")
        await desk.shows("y refunds $4.95 on #1001 to TEST Visa …4242", "Restocking fee, kept")
        await desk.commit()
        await desk.shows("Refund $4.95 #1001 sends in")
        assert desk.app.screen is before
    assert [(row.amount, row.state) for row in bench.rows(REFUND)] == [(495, RefundState.ARMED)]


async def test_a_y_typed_in_one_burst_with_the_capital_is_dropped_and_said(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.type("Ry")
        await desk.shows("y refunds $30.50", "1 key ignored: pressed before this line could be read.")
        assert bench.rows(REFUND) == []
        await desk.commit()
        await desk.shows("sends in")
    assert len(bench.rows(REFUND)) == 1


async def test_digits_typed_ahead_choose_and_only_the_y_behind_them_is_dropped(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.type("R2fy")
        await desk.shows("y refunds $4.95 on #1001", "1 key ignored")
        assert bench.rows(REFUND) == []
        await desk.commit()
        await desk.shows("Refund $4.95 #1001 sends in")
    assert [row.amount for row in bench.rows(REFUND)] == [495]


async def test_a_y_that_is_held_down_since_before_the_panel_never_confirms(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        began = events.Event().time
        await desk.type("R")
        await desk.shows("y refunds $30.50")
        counts_from = await read(desk)
        for step in range(60):
            desk.app.post_message(y_at(began + 0.033 * step))
        await desk.pilot.pause()
        assert began + 0.033 * 59 > counts_from
        assert bench.rows(REFUND) == [] and panel_of(desk).line.ignored == 60
        await desk.shows("60 keys ignored")


async def test_a_change_must_be_painted_before_the_y_behind_it_counts(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.press("R")
        await desk.shows("y refunds $30.50")
        at = await read(desk) + 1
        panel = panel_of(desk)
        two, yes = events.Key("2", "2"), y_at(at)
        two.time = at
        panel.post_message(two)
        panel.post_message(yes)
        await desk.shows("y refunds $5.50 on #1001", "1 key ignored")
        assert bench.rows(REFUND) == []


async def test_enter_and_capitals_never_confirm(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.press("R")
        await desk.shows("y refunds $30.50")
        await read(desk)
        await desk.press("enter")
        await desk.shows("Enter does nothing here: y on the line below does it.")
        await desk.press("Y")
        await desk.shows("Caps Lock? y is a small letter here.")
        await desk.press("f9")
        await desk.shows("y on the line below does it.")
        await desk.press("k")
        await desk.shows("“k” does nothing in this panel.")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen.panel is None and not desk.app.screen.flows)
    assert bench.rows(REFUND) == [] and bench.desk.locks.all(bench.sue) == ()


async def test_a_transaction_row_narrows_to_that_charge_with_void_and_refund_apart(bench: MoneyBench) -> None:
    order = bench.order(charges=(2000,), settled=False)
    second = bench.charge(order, 1050, settled=False)
    async with on_profile(bench) as desk:
        desk.app.screen.main.go_to_row((Kind.TRANSACTION, second))
        await desk.press("R")
        await desk.shows(
            "Refund charge Visa …4242 of order #1001",
            "y refunds $10.50 on #1001",
            "sent after",
            "v void or refund",
        )
        await desk.press("v")
        await desk.shows("y refunds $10.50 on #1001 to TEST Visa …4242 by void")
        await desk.press("w")
        await desk.shows("y refunds $30.50 on #1001", "Goes back in 2 parts")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen.panel is None and not desk.app.screen.flows)
        await desk.press("V")
        await desk.shows("Void a charge of order #1001", "y voids $10.50 on #1001, TEST Visa …4242")
        await desk.commit()
        await desk.shows("Void $10.50 #1001 sends in")
    assert [(row.transaction_id, row.amount, row.operation) for row in bench.rows(ATTEMPT)] == [
        (second, 1050, "void")
    ]


async def test_void_from_an_order_takes_the_one_that_can_be_voided_or_says_why_none_can(
    bench: MoneyBench,
) -> None:
    order = bench.order(charges=(2000,), settled=True)
    async with on_profile(bench) as desk:
        await desk.press("V")
        await desk.shows("Not possible now: This charge has settled and cannot be voided.")
        await desk.press("y")
        assert bench.rows(ATTEMPT) == []
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen.panel is None and not desk.app.screen.flows)
        hold = bench.charge(order, 700, settled=False, kind=TransactionKind.AUTHORISE)
        await desk.press("V")
        await desk.shows("lifts the hold on the card", "y voids $7.00 on #1001")
        assert desk.app.screen.query_one(VoidPanel).charge.transaction_id == hold
        await desk.press("1")
        await desk.shows("This charge has settled and cannot be voided. Refund it instead.")


async def test_without_an_order_under_the_cursor_or_the_right_the_key_says_why(bench: MoneyBench) -> None:
    bench.order()
    async with on_profile(bench) as desk:
        await desk.press("1", "R")
        await desk.shows("Go to an order or a transaction first: 2 orders, 6 transactions.")
        desk.app.action_desk_readonly()
        await desk.press("2", "R")
        await desk.shows("The desk is read-only; :readonly turns it off.")
    viewer = add_staff(bench.db, "vera", Role.VIEWER)
    bench.ann = viewer
    async with on_profile(bench) as desk:
        await desk.press("R")
        await desk.shows("Your role does not allow it.")
    assert bench.rows(REFUND) == []


async def test_the_row_says_what_is_under_way_and_r_on_it_says_who_is_at_it(bench: MoneyBench) -> None:
    order = bench.order()
    bench.ask(bench.bob, order, undo=60)
    async with on_profile(bench) as desk:
        await desk.shows("✓ paid · refund pending")
        await desk.press("R")
        await desk.shows("Bob is refunding $30.50 – ", " s left")
        assert "1-2 lines" not in desk.text
        (attempt,) = bench.rows(ATTEMPT)
        bench.refunds.withdraw(bench.bob, attempt.id)
        await desk.shows("y refunds $30.50 on #1001", "1-2 lines")


async def test_a_lock_that_somebody_holds_is_said_in_words(bench: MoneyBench) -> None:
    order = bench.order()
    from cstui.domain.ids import new_token

    _, grip = bench.refunds.open(bench.bob, order, new_token())
    async with on_profile(bench) as desk:
        await desk.press("R")
        await desk.shows("Locked by Bob on term-2.")
        assert desk.app.screen.panel is None
    bench.desk.locks.release(bench.bob, grip.token)
