"""A field with a few allowed values: a letter chooses, arrows move, Enter takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cstui.domain.clean import clean

_LETTERS = "abcdefghijklmnopqrstuvwxz"


class Choice(Widget, can_focus=True):
    """Allowed values in wrapped lines, each with its letter; the chosen one is marked by a sign, not by colour alone."""

    DEFAULT_CSS = "Choice { height: auto; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--base", "choice--chosen", "choice--letter"}
    value: reactive[str] = reactive("", init=False)

    class Changed(Message):
        """Another value is chosen."""

        def __init__(self, choice: Choice) -> None:
            self.choice = choice
            super().__init__()

    class Taken(Message):
        """Enter: the choice stands."""

        def __init__(self, choice: Choice) -> None:
            self.choice = choice
            super().__init__()

    def __init__(self, options: Sequence[tuple[str, str]], value: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.set_reactive(
            Choice.value,
            value if value in {key for key, _ in options} else (options[0][0] if options else ""),
        )

    @property
    def label(self) -> str:
        """The chosen value in words."""
        return next((label for key, label in self.options if key == self.value), "")

    @property
    def letters(self) -> str:
        """The letter of each value, in their order; values past the alphabet have none."""
        return _LETTERS[: len(self.options)]

    def watch_value(self) -> None:
        """Says so and repaints."""
        self.post_message(self.Changed(self))
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """Letters choose, arrows move, Enter takes."""
        if not self.options:
            return
        at = next((i for i, (key, _) in enumerate(self.options) if key == self.value), 0)
        letter = event.character or ""
        if event.key in ("right", "down", "space"):
            self.value = self.options[min(at + 1, len(self.options) - 1)][0]
        elif event.key in ("left", "up"):
            self.value = self.options[max(at - 1, 0)][0]
        elif event.key == "enter":
            self.post_message(self.Taken(self))
        elif letter and letter in _LETTERS[: len(self.options)]:
            self.value = self.options[_LETTERS.index(letter)][0]
        else:
            return
        event.stop()
        event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """A click chooses."""
        for y, line in enumerate(self._wrapped(self.size.width)):
            x = 0
            for index, said in line:
                if y == event.y and x <= event.x < x + cell_len(said):
                    self.value = self.options[index][0]
                x += cell_len(said) + 2

    def _wrapped(self, width: int) -> list[list[tuple[int, str]]]:
        lines: list[list[tuple[int, str]]] = [[]]
        used = 0
        for index, (key, label) in enumerate(self.options):
            mark = "●" if key == self.value else " "
            said = f"{mark}{_LETTERS[index] if index < len(_LETTERS) else ' '} {clean(label)}"
            if lines[-1] and used + cell_len(said) > width:
                lines.append([])
                used = 0
            lines[-1].append((index, said))
            used += cell_len(said) + 2
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the values need."""
        return len(self._wrapped(width))

    def render_line(self, y: int) -> Strip:
        """One line of values."""
        base = self.get_component_rich_style("choice--base")
        lines = self._wrapped(self.size.width)
        segments: list[Segment] = []
        for index, said in lines[y] if y < len(lines) else []:
            chosen = self.options[index][0] == self.value
            style = (
                base + self.get_component_rich_style("choice--chosen", partial=True)
                if chosen and self.has_focus
                else base
            )
            if chosen and not self.has_focus:
                style = base + self.get_component_rich_style("choice--letter", partial=True)
            segments += [Segment(said, style), Segment("  ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)
