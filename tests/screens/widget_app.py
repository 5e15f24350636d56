"""A bare app for one widget, so that widgets are tested without a desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from cstui.text import ControlFilter
from tests.screen_text import screen_text


class WidgetApp(App[None]):
    """Shows what it is given and keeps the messages that come out."""

    CSS_PATH = "../../cstui/app.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, *widgets: Widget, ascii_only: bool = False) -> None:
        super().__init__()
        self._shown = widgets
        self.said: list[Any] = []
        self._filters.append(ControlFilter(ascii_only))

    def compose(self) -> ComposeResult:
        yield from self._shown

    def on_page_chosen(self, event: Any) -> None:
        self.said.append(event.row.key)

    def on_choice_taken(self, event: Any) -> None:
        self.said.append(event.choice.value)

    @property
    def text(self) -> str:
        return screen_text(self)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """A burst of characters."""
    for sign in text:
        pilot.app.post_message(events.Key("space" if sign == " " else sign, sign))
    await pilot.pause()


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Waits five seconds at most."""
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came to be")
