"""Driving a real desk in a test: a real app on a real database, keys as a person presses them, bounded waits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.pilot import Pilot

from cstui.app import CstuiApp, DeskOptions
from cstui.bootstrap import Desk
from cstui.domain.actor import Actor
from cstui.widgets.commit_line import LET_GO, CommitLine
from tests.screen_text import screen_text

#: Longest wait for anything on the screen, in seconds.
PATIENCE = 8.0


@dataclass
class Driven:
    """One running desk: its app, its keyboard, and what it shows."""

    app: CstuiApp
    pilot: Pilot[Any]

    async def press(self, *keys: str) -> None:
        """Presses keys one after the other."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Types a text in one burst, as a fast typist does."""
        for sign in text:
            self.app.post_message(events.Key("space" if sign == " " else sign, sign))
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """The screen as text."""
        return screen_text(self.app)

    async def until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Waits until something is so; fails with the screen where it never is."""
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"it never came to be; the screen:\n{self.text}")
            await self.pilot.pause(0.01)

    async def shows(self, *words: str, patience: float = PATIENCE) -> None:
        """Waits until the screen shows all of these."""
        end = time.monotonic() + patience
        while missing := [word for word in words if word not in self.text]:
            if time.monotonic() > end:
                raise AssertionError(f"never shown: {missing}; the screen:\n{self.text}")
            await self.pilot.pause(0.01)

    async def shows_no(self, words: str, patience: float = PATIENCE) -> None:
        """Waits until the screen no longer shows this."""
        await self.until(lambda: words not in self.text, patience)

    async def commit(self) -> None:
        """`y` on the line that commits money, pressed when it could have been read and every former `y` had been let go."""
        await self.until(lambda: any(line.is_painted for line in self.app.screen.query(CommitLine)))
        line = self.app.screen.query_one(CommitLine)
        event = events.Key("y", "y")
        event.time = max(line.counts_from or 0.0, CommitLine._last_time.get("y", 0.0)) + LET_GO + 0.01
        self.app.post_message(event)
        await self.pilot.pause()

    async def open_order(self, order_id: int, number: str = "#1001") -> None:
        """Opens an order as Enter on its row would."""
        self.app.call_later(self.app.open_order, order_id)
        await self.shows(number, "Status")


@asynccontextmanager
async def driven(
    url: str, actor: Actor, size: tuple[int, int] = (140, 45), **options: Any
) -> AsyncIterator[Driven]:
    """A desk of this person on this database, with its pulse running."""
    desk = Desk(url)
    app = CstuiApp(desk, actor, DeskOptions(terminal=actor.terminal, **options))
    async with app.run_test(size=size) as pilot:
        desk_driven = Driven(app, pilot)
        await desk_driven.until(
            lambda: "pulse" in desk.__dict__ and desk.pulse.__dict__.get("_line") is not None
        )
        yield desk_driven
