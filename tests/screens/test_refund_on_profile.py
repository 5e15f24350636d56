"""Refunding from the profile: two presses for all of it, four for a part, and no other screen in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from textual import events

from cstui.domain.payments import AttemptState, RefundState
from cstui.screens.customer import CustomerScreen
from cstui.screens.dialogs.refund import RefundPanel
from cstui.storage.transaction import Database
from tests.money import ATTEMPT, REFUND, MoneyBench, money_bench
from tests.screens.driving import Driven, driven


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    made = money_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


async def on_profile(desk: Driven, bench: MoneyBench) -> None:
    desk.app.call_later(desk.app.open_customer, bench.customer)
    await desk.until(lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None)
    await desk.shows("Orders (1)")


async def test_a_full_refund_is_two_presses_and_no_other_screen(bench: MoneyBench) -> None:
    bench.order()
    async with driven(bench.db.url.text, bench.ann, locale="en-US") as desk:
        await on_profile(desk, bench)
        before = desk.app.screen
        await desk.press("R")
        await desk.shows("y refunds $30.50 on #1001 to Visa …4242")
        print(desk.text)
        await desk.commit()
        await desk.shows("Refund $30.50 #1001 sends in")
        print(desk.text)
        assert desk.app.screen is before
