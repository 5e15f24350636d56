"""Keys typed ahead keep their order: what is typed behind an Enter waits until the Enter has done its work.

Textual hands keys on at once, so `ab⏎hello` in one burst would run the Enter after `hello`, and keys typed while the database
answers would land in the screen that is about to go. The gate lets plain typing pass and closes behind every key that may do more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump

#: Keys kept while the desk is busy; more than that is a cat on the keyboard.
MOST_KEPT = 500
_ROUNDS = 3
Deliver = Callable[[events.Event], Awaitable[None]]


class TypeAhead:
    """The gate before an app's keys. `busy()` is what closes it while a use case runs."""

    def __init__(self, app: App[object], deliver: Deliver) -> None:
        self._app = app
        self._deliver = deliver
        self._kept: deque[events.Event] = deque()
        self._replaying = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """A use case waits for the database: keys are kept from now on."""
        self._busy += 1
        self._idle.clear()

    def leave(self) -> None:
        """The use case goes on; keys flow again once what it does next has settled."""
        self._busy -= 1
        if self._busy == 0:
            self._idle.set()

    @property
    def is_closed(self) -> bool:
        """Whether keys are being kept at this moment."""
        return self._replaying or self._busy > 0

    async def take(self, event: events.Event) -> None:
        """Lets a key through at once, or keeps it and replays it in order when the desk is ready."""
        if not self.is_closed and not self._kept and self._only_types(event):
            await self._deliver(event)
            return
        if len(self._kept) < MOST_KEPT:
            self._kept.append(event)
        if not self._replaying:
            self._replaying = True
            self._app.run_worker(
                self._replay(),
                name="type-ahead",
                group="type-ahead",
                description="keys typed ahead",
                exit_on_error=False,
            )

    def _only_types(self, event: events.Event) -> bool:
        """Whether the key merely puts a character into the focused field (that needs no gate)."""
        if isinstance(event, events.Paste):
            return True
        focused = self._app.focused
        return (
            isinstance(event, events.Key)
            and event.is_printable
            and focused is not None
            and hasattr(focused, "insert_text_at_cursor")
        )

    async def _replay(self) -> None:
        try:
            while self._kept:
                await self._settled()
                await self._deliver(self._kept.popleft())
                if not self._kept:
                    # What arrives while the last key does its work is kept, too.
                    await self._settled()
        finally:
            self._replaying = False

    async def _settled(self) -> None:
        """Waits until no use case runs and every queue between the focused widget and the app has been emptied."""
        quiet = 0
        while quiet < _ROUNDS:
            if self._busy:
                await self._idle.wait()
                quiet = 0
            await self._through_the_queues()
            quiet = quiet + 1 if self._busy == 0 else 0

    async def _through_the_queues(self) -> None:
        focused: DOMNode | None = self._app.focused
        pumps: list[MessagePump] = (
            list(focused.ancestors_with_self) if focused is not None else [self._app.screen, self._app]
        )
        for pump in pumps:
            if not pump.is_running:
                continue
            passed = asyncio.Event()
            pump.call_next(passed.set)
            try:
                await asyncio.wait_for(passed.wait(), 1.0)
            except TimeoutError:
                return
