"""The line that commits money: what was typed before it could be read does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual import events

from cstui.widgets.commit_line import LET_GO, UNREAD, CommitLine, CommitPanel
from tests.screen_text import screen_text
from tests.screens.widget_app import WidgetApp, until


@pytest.fixture(autouse=True)
def _no_key_before() -> Iterator[None]:
    CommitLine._last_time.clear()
    yield
    CommitLine._last_time.clear()


def key(at: float, name: str = "y") -> events.Key:
    """A key that was pressed at that time, whenever it is handled."""
    event = events.Key(name, name)
    event.time = at
    return event


def now() -> float:
    return events.Event().time


async def painted(pilot: Any, line: CommitLine) -> float:
    """Waits for the paint; from when on keys count."""
    await until(pilot, lambda: line.is_painted)
    assert line.counts_from is not None
    return line.counts_from


async def test_a_key_pressed_before_the_paint_is_dropped_and_said_and_one_pressed_later_counts() -> None:
    line = CommitLine("y refunds 40.00 USD")
    before = now()
    async with WidgetApp(line).run_test(size=(80, 24)) as pilot:
        counts_from = await painted(pilot, line)
        assert not line.counts(key(before))
        await pilot.pause()
        assert "1 key ignored" in screen_text(pilot.app)
        assert counts_from - UNREAD >= before
        assert not line.counts(key(counts_from - 0.01))
        await pilot.pause()
        assert "2 keys ignored" in screen_text(pilot.app)
        assert line.counts(key(counts_from + LET_GO))


async def test_a_key_held_down_since_before_the_line_never_counts() -> None:
    line = CommitLine("y refunds 40.00 USD")
    async with WidgetApp(line).run_test(size=(80, 24)) as pilot:
        counts_from = await painted(pilot, line)
        held = [counts_from - 0.5 + 0.1 * step for step in range(30)]
        assert not any(line.counts(key(at)) for at in held)
        assert line.counts(key(held[-1] + LET_GO + 0.1))


async def test_words_changed_by_ones_own_key_count_from_their_paint_and_others_must_be_read_first() -> None:
    line = CommitLine("y refunds 40.00 USD")
    async with WidgetApp(line).run_test(size=(80, 24)) as pilot:
        opened = await painted(pilot, line)
        line.say("y refunds 20.00 USD", typed=True)
        typed_at = now()
        assert not line.counts(key(max(typed_at, opened)))
        assert await painted(pilot, line) < now() + UNREAD / 2
        assert "20.00" in screen_text(pilot.app)
        line.say("y refunds 10.00 USD")
        assert await painted(pilot, line) > typed_at + UNREAD
        line.anew()
        assert not line.is_painted


async def test_a_line_that_is_not_shown_never_counts() -> None:
    line = CommitLine("y refunds 40.00 USD")
    line.display = False
    async with WidgetApp(line).run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.05)
        assert not line.counts(key(now() + 100))


async def test_enter_commits_nothing_and_y_commits_once_read() -> None:
    panel = CommitPanel("Refund", ("Visa …4242",), "y refunds 40.00 USD of #1001 to Visa …4242")
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asyncio.ensure_future(panel.answer())
        counts_from = await painted(pilot, panel.line)
        await pilot.press("enter", "a", "y")
        assert not answer.done() and panel.line.ignored == 1
        pilot.app.post_message(key(counts_from + LET_GO))
        assert await asyncio.wait_for(answer, 5) == {"answer": "yes"}
        answer = asyncio.ensure_future(panel.answer())
        await pilot.press("escape")
        assert await asyncio.wait_for(answer, 5) is None
