"""Two agents at two desks on one database want to refund the same order: one does, the other sees who and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.widgets.commit_line import CommitLine
from tests.money import ATTEMPT, MoneyBench, money_bench
from tests.screens.driving import driven


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    CommitLine._last_time.clear()
    made = money_bench(db_url)
    yield made
    made.desk.close()


async def test_two_agents_at_one_order_never_both_refund_it(bench: MoneyBench) -> None:
    order = bench.order()
    url = bench.db.url.text
    async with driven(url, bench.ann, locale="en-US") as ann, driven(url, bench.bob, locale="en-US") as bob:
        await ann.open_order(order)
        await bob.open_order(order)
        await ann.press("R")
        await ann.shows("y refunds $30.50")
        await bob.shows("[LOCKED Ann")
        await bob.press("R")
        await bob.shows("Locked by Ann on term-1", "p asks for it.")
        await ann.commit()
        await ann.shows("sends in", "[open]")
        await bob.shows("[open]", "refund $30.50 pending")
        await bob.press("R")
        await bob.shows("Ann is refunding $30.50 – ", " s left")
        await bob.press("y")
        await ann.press("u")
        await bob.shows("y refunds $30.50 on #1001")
    assert len(bench.rows(ATTEMPT)) == 1
