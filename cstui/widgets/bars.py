"""One-line bars: where one is, what just happened, and which keys there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from cstui.domain.clean import clean
from cstui.widgets.page_model import Cell


class Bar(Widget):
    """One painted line with cells at the left and at the right.

    When room is short the right ones win, or with `left_first` the left ones: then the right ones go where they do not fit.
    """

    DEFAULT_CSS = "Bar { height: 1; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "bar--base", "bar--muted", "bar--strong", "bar--accent", "bar--good", "bar--warn", "bar--bad",
    }  # fmt: skip

    def __init__(
        self,
        *,
        separator: str = "  ",
        left_first: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._separator = separator
        self._left_first = left_first
        self._left: tuple[Cell, ...] = ()
        self._right: tuple[Cell, ...] = ()

    def say(self, left: Sequence[Cell], right: Sequence[Cell] = ()) -> None:
        """Shows other cells; does nothing where they are the same."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    @property
    def said(self) -> str:
        """What the bar says, as plain text."""
        return self._separator.join(cell.text for cell in (*self._left, *self._right) if cell.text)

    def render_line(self, y: int) -> Strip:
        """The bar's only line."""
        base = self.get_component_rich_style("bar--base")
        width = self.size.width
        if y:
            return Strip.blank(width, base)
        right, said = self._painted(self._right, base), self._painted(self._left, base)
        room = width - sum(cell_len(segment.text) for segment in right)
        if self._left_first and sum(cell_len(segment.text) for segment in said) > room:
            right, room = [], width
        left = Strip(said).adjust_cell_length(max(0, room), base)
        return Strip([*left, *right]).adjust_cell_length(width, base)

    def _painted(self, cells: Sequence[Cell], base: Style) -> list[Segment]:
        segments: list[Segment] = []
        for cell in cells:
            if not cell.text:
                continue
            style = (
                base + self.get_component_rich_style(f"bar--{cell.tone}", partial=True) if cell.tone else base
            )
            segments.append(Segment((self._separator if segments else " ") + clean(cell.text), style))
        if segments:
            segments.append(Segment(" ", base))
        return segments


class KeyBar(Bar):
    """The last line: keys and what they do; what is not possible now is dimmed."""

    def show_keys(self, keys: Sequence[tuple[str, str, bool]]) -> None:
        """Shows (key, label, possible now)."""
        cells: list[Cell] = []
        for key, label, possible in keys:
            cells.append(Cell(f"{key} {label}", "" if possible else "muted"))
        self.say(cells)
