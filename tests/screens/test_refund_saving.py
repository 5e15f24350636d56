"""The database goes away at the very `y` of a refund: it is found out whether it was stored, and it is never stored twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.widgets.commit_line import CommitLine
from tests.fakes.wire import Wire
from tests.money import ATTEMPT, REFUND, MoneyBench, money_bench
from tests.screens.driving import driven

pytestmark = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    CommitLine._last_time.clear()
    made = money_bench(db_url)
    yield made
    made.desk.close()


@pytest.fixture
def wire(db_url: str) -> Iterator[Wire]:
    """A wire to the PostgreSQL database of this test that can be cut."""
    wire = Wire(db_url)
    yield wire
    wire.close()


@pytest.mark.parametrize("stored", [True, False])
async def test_a_refund_whose_answer_was_lost_is_found_out_and_made_once(
    bench: MoneyBench, wire: Wire, stored: bool
) -> None:
    order = bench.order()
    async with driven(wire.url, bench.ann, locale="en-US") as desk:
        await desk.open_order(order)
        await desk.press("R")
        await desk.shows("y refunds $30.50")
        await desk.pilot.pause(
            0.2
        )  # the lock's sign of life is written, so that the next COMMIT is the refund's
        if stored:
            wire.cut_at_commit = True
        else:
            wire.cut_before_commit = True
        await desk.commit()
        await desk.shows("Not known yet – checking")
        wire.mend()
        if not stored:
            await desk.shows("Not saved", "y tries again.", patience=20)
            assert bench.rows(REFUND) == []
            await desk.commit()
        await desk.shows("Refund $30.50 #1001 sends in", patience=20)
        await desk.shows_no("Not known yet", patience=20)
    assert [row.amount for row in bench.rows(REFUND)] == [3050] and len(bench.rows(ATTEMPT)) == 1
