"""Missed cycles on the screen: what each decision does is said before, a charge wants the read line, and who may not decide hears why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cstui.domain.subscriptions import IntervalUnit, PeriodState
from cstui.screens.missed_bills import MissedBillsScreen
from cstui.screens.subscription import SubscriptionScreen
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.billing import BillingBench, billing_bench
from tests.screens.driving import Driven, driven


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[BillingBench]:
    CommitLine._last_time.clear()
    made = billing_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


def weeks_off(bench: BillingBench, **more: Any) -> int:
    """A weekly subscription of which cycles 3, 4 and 5 were missed and 6 was billed."""
    key = bench.subscription(due=-25, interval_unit=IntervalUnit.WEEK, anchor_day=None, **more)
    bench.work()
    return key


async def opened(desk: Driven, *words: str) -> MissedBillsScreen:
    desk.app.action_money_missed()
    await desk.shows("Missed bills (3)", *words)
    screen = desk.app.screen
    assert isinstance(screen, MissedBillsScreen)
    await desk.until(lambda: not screen.flows)
    return screen


async def test_each_missed_cycle_is_billed_skipped_or_moved_once_its_line_was_read(
    bench: BillingBench,
) -> None:
    key = weeks_off(bench, final_cycle=10)
    async with driven(bench.db.url.text, bench.sue, (120, 30)) as desk:
        await opened(desk, "Tea", "$26.50")
        await desk.press("enter")
        await desk.shows("b  bill it now", "s  skip it", "the last cycle is 11 instead of 10", "Visa …4242")
        await desk.press("b")
        await desk.shows("y charges $26.50 USD to Visa …4242 now")
        await desk.press("enter", "y")
        await desk.shows("1 key ignored")
        assert len(bench.tries(key)) == 1
        await desk.commit()
        await desk.shows("Missed bills (2)", "Cycle 3 of Tea", "is on its way")
        await desk.press("enter", "s")
        await desk.shows("y skips cycle 4")
        await desk.commit()
        await desk.shows("Missed bills (1)", "Cycle 4 of Tea", "is skipped; it is not charged.")
        await desk.press("enter", "m")
        await desk.shows("y moves cycle 5")
        await desk.commit()
        await desk.shows("A charge of this subscription is under way.", "Missed bills (1)")
        bench.work()
        await desk.press("enter", "m")
        await desk.shows("y moves cycle 5")
        await desk.commit()
        await desk.shows("No cycle went by uncharged.", "is moved; it is not charged.")
    assert [row.cycle for row in bench.orders(key)] == [6, 3] and bench.charged() == 2
    assert bench.sub(key).final_cycle == 11


async def test_an_agent_sees_them_and_opens_the_subscription_but_decides_nothing(bench: BillingBench) -> None:
    key = weeks_off(bench)
    bench.change(key, unit_price=3000)
    async with driven(bench.db.url.text, bench.ann, (120, 30)) as desk:
        await opened(desk)
        await desk.press("enter", "b")
        await desk.shows("Not now: A supervisor decides on missed bills.", "A cycle costs $36.50 USD by now")
        await desk.press("o")
        await desk.until(lambda: isinstance(desk.app.screen, SubscriptionScreen))
    assert [row.state for row in bench.periods(key)][:3] == [PeriodState.DUE] * 3
