"""Keys typed ahead land where they were meant to, in order, however long the database takes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Input

from cstui.flow import call
from cstui.typeahead import MOST_KEPT, TypeAhead


class Second(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Input(id="second")

    def on_mount(self) -> None:
        self.query_one(Input).focus()


class TwoSteps(App[None]):
    """Enter in the first field asks a slow database, then opens a second field."""

    def __init__(self, seconds: float) -> None:
        self.gate = TypeAhead(self, super().on_event)  # type: ignore[arg-type]
        super().__init__()
        self._seconds = seconds
        self.submitted: list[str] = []
        self.letters: list[str] = []

    def compose(self) -> ComposeResult:
        yield Input(id="first")

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.gate.take(event)
        else:
            await super().on_event(event)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.submitted.append(event.value)
        if event.input.id == "first":
            self.run_worker(self._go_on())

    async def _go_on(self) -> None:
        await call(time.sleep, self._seconds)
        self.push_screen(Second())


def burst(app: App[Any], typed: str) -> None:
    """All keys at once, as a fast typist or a paste without brackets sends them."""
    for sign in typed:
        app.post_message(events.Key("enter", "\r") if sign == "\n" else events.Key(sign, sign))


@pytest.mark.parametrize("seconds", [0, 0.05, 0.3])
async def test_what_is_typed_behind_an_enter_waits_for_the_next_screen(seconds: float) -> None:
    app = TwoSteps(seconds)
    async with app.run_test() as pilot:
        burst(app, "ab\nhello")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not (
            isinstance(app.screen, Second) and app.screen.query_one(Input).value == "hello"
        ):
            await pilot.pause(0.01)
        assert app.submitted == ["ab"]
        assert isinstance(app.screen, Second)
        assert app.screen.query_one(Input).value == "hello"


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_a_second_enter_in_the_burst_reaches_the_second_screen(seconds: float) -> None:
    app = TwoSteps(seconds)
    async with app.run_test() as pilot:
        burst(app, "ab\ncd\n")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and len(app.submitted) < 2:
            await pilot.pause(0.01)
        assert app.submitted == ["ab", "cd"]


async def test_plain_typing_is_never_held_up() -> None:
    app = TwoSteps(0)
    async with app.run_test() as pilot:
        await app.gate.take(events.Key("x", "x"))
        assert not app.gate.is_closed
        await pilot.pause()
        assert app.query_one("#first", Input).value == "x"


async def test_the_gate_keeps_a_bounded_number_of_keys() -> None:
    app = TwoSteps(0.2)
    async with app.run_test() as pilot:
        app.gate.enter()
        for _ in range(MOST_KEPT + 50):
            await app.gate.take(events.Key("x", "x"))
        app.gate.leave()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and app.gate.is_closed:
            await pilot.pause(0.05)
        assert len(app.query_one("#first", Input).value) == MOST_KEPT


async def test_what_is_typed_while_the_last_kept_key_does_its_work_is_not_left_behind() -> None:
    app = TwoSteps(0)
    async with app.run_test() as pilot:
        settled, rounds = app.gate._settled, 0

        async def settled_while_somebody_types() -> None:
            nonlocal rounds
            rounds += 1
            await settled()
            if rounds == 2:
                burst(app, "9oak")
                await asyncio.sleep(0.05)

        app.gate._settled = settled_while_somebody_types  # type: ignore[method-assign]
        await app.gate.take(events.Key("end", None))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and (app.gate.is_closed or rounds < 2):
            await pilot.pause(0.01)
        assert app.query_one("#first", Input).value == "9oak"


async def test_keys_that_arrive_at_any_moment_of_a_replay_keep_their_order() -> None:
    app = TwoSteps(0)
    async with app.run_test() as pilot:
        first = app.query_one("#first", Input)
        for pause in (0, 0, 0.001, 0.002, 0.005, 0.01):
            first.value = ""
            await app.gate.take(events.Key("end", None))
            for sign in "abcdefgh":
                await asyncio.sleep(pause)
                await app.gate.take(events.Key(sign, sign))
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline and (app.gate.is_closed or len(first.value) < 8):
                await pilot.pause(0.01)
            assert first.value == "abcdefgh", pause
