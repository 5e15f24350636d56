"""The page: sections of rows painted line by line in one widget.

A widget per row or a DataTable per list costs tens of milliseconds to refill; a page repaints in one or two. Search results, the
profile, the order, histories and lists of locks are all pages.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cstui.domain.clean import clean
from cstui.widgets.cells import fitted, strip_of
from cstui.widgets.page_model import Cell, Place, Row, Section, Sorting, arranged, column_widths

_GUTTER = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """One painted line: which section it belongs to, which row the cursor stands on when it is here, and its cells."""

    kind: str
    section: Section
    row: Row | None = None
    cells: tuple[Cell, ...] = ()


class Page(ScrollView, can_focus=True, inherit_bindings=False):
    """A scrolling page of sections with one cursor.

    `show()` refills it and keeps cursor, scroll and what was expanded where the rows are still there.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "page--base", "page--muted", "page--strong", "page--accent", "page--good", "page--warn", "page--bad",
        "page--title", "page--heading", "page--cursor", "page--cursor-away",
    }  # fmt: skip
    BINDINGS: ClassVar = []
    # The width is the same with and without a scroll bar: nothing is laid out twice, and no last row hides behind a bar.
    DEFAULT_CSS = "Page { overflow-x: hidden; scrollbar-gutter: stable; }"

    class Chosen(Message):
        """Enter (or a click) on a row."""

        def __init__(self, page: Page, row: Row, section: Section) -> None:
            self.page = page
            self.row = row
            self.section = section
            super().__init__()

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, page: Page, row: Row | None) -> None:
            self.page = page
            self.row = row
            super().__init__()

    def __init__(self, *, empty: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.sections: tuple[Section, ...] = ()
        self.place = Place()
        self._empty = empty
        self._lines: list[_Line] = []
        self._widths: dict[str, list[int]] = {}
        self._stops: list[int] = []
        self._at = -1
        self._painted: dict[tuple[int, bool, bool], Strip] = {}
        self._laid_out_for = -1

    # What is shown ----------------------------------------------------------------------------------

    def show(
        self, sections: Sequence[Section], *, empty: str | None = None, place: Place | None = None
    ) -> None:
        """Shows other sections. `place` puts cursor and scroll back to where a person was."""
        self.sections = tuple(sections)
        if empty is not None:
            self._empty = empty
        if place is not None:
            self.place = place
        self._lay_out()
        if place is not None:
            self.scroll_to(y=place.scroll, animate=False, force=True)

    @property
    def row(self) -> Row | None:
        """The row that the cursor stands on."""
        return self._lines[self._stops[self._at]].row if 0 <= self._at < len(self._stops) else None

    @property
    def section(self) -> Section | None:
        """The section that the cursor stands in; the first one where there is no cursor."""
        if 0 <= self._at < len(self._stops):
            return self._lines[self._stops[self._at]].section
        return self.sections[0] if self.sections else None

    def remember(self) -> Place:
        """Where the person is now, to be given to `show` later."""
        return replace(self.place, scroll=self.scroll_offset.y, expanded=set(self.place.expanded))

    def _lay_out(self) -> None:
        width = max(20, self.scrollable_content_region.width or self.size.width or 80)
        self._laid_out_for = width
        self._painted.clear()
        lines: list[_Line] = []
        needle = self.place.needle.casefold()
        for section in self.sections:
            if self.place.zoomed and section.name != self.place.zoomed:
                continue
            self._lay_out_section(lines, section, needle, width)
        self._lines = lines
        self._stops = [
            index
            for index, line in enumerate(lines)
            if line.kind == "row" and line.section.selectable and line.row is not None
        ]
        self._at = self._found(self.place.cursor)
        self.virtual_size = Size(width, max(1, len(lines)))
        self.refresh()

    def _lay_out_section(self, lines: list[_Line], section: Section, needle: str, width: int) -> None:
        if section.title:
            if lines:
                lines.append(_Line("gap", section))
            lines.append(_Line("title", section))
        rows = arranged(section, self.place.sorting.get(section.name, Sorting()), needle)
        self._widths[section.name] = column_widths(section, rows, width - _GUTTER, self.place.wide)
        if rows and any(column.title for column in section.columns):
            lines.append(
                _Line("heading", section, cells=tuple(Cell(column.title) for column in section.columns))
            )
        for row in rows:
            lines.append(_Line("row", section, row, row.cells))
            details = row.details if row.key in self.place.expanded else row.details[: row.shown]
            lines.extend(_Line("detail", section, row, cells) for cells in details)
        if not rows:
            said = f"Nothing here holds “{self.place.needle}”." if needle and section.rows else section.empty
            if said:
                lines.append(_Line("said", section, cells=(Cell(said, "muted"),)))

    def _found(self, key: Hashable) -> int:
        if not self._stops:
            return -1
        for at, stop in enumerate(self._stops):
            row = self._lines[stop].row
            if row is not None and row.key == key:
                return at
        return min(max(self._at, 0), len(self._stops) - 1) if key is not None else 0

    # Moving -----------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Moves the cursor by rows; scrolls where there is no row to stand on."""
        if not self._stops:
            self.scroll_relative(y=by, animate=False, force=True)
            return
        self._go(min(max(self._at + by, 0), len(self._stops) - 1))

    def move_pages(self, by: float) -> None:
        """Moves by (parts of) pages."""
        self.move(int(max(1, self.size.height - 2) * by))

    def move_to_end(self, last: bool) -> None:
        """Moves to the first or the last row."""
        self._go(len(self._stops) - 1 if last else 0)
        if not last:
            self.scroll_to(y=0, animate=False, force=True)

    def go_to_section(self, name: str) -> bool:
        """Puts the cursor on a section's first row; False where the page has no such section."""
        for index, line in enumerate(self._lines):
            if line.section.name == name and line.kind in ("title", "row", "said"):
                stop = next(
                    (
                        at
                        for at, s in enumerate(self._stops)
                        if s >= index and self._lines[s].section.name == name
                    ),
                    None,
                )
                if stop is not None:
                    self._go(stop)
                self.scroll_to(y=index, animate=False, force=True)
                return True
        return False

    def go_to_row(self, key: Hashable) -> bool:
        """Puts the cursor on a row; False where it is not on the page."""
        at = self._found(key)
        if at < 0 or (row := self._lines[self._stops[at]].row) is None or row.key != key:
            return False
        self._go(at)
        return True

    def _go(self, at: int) -> None:
        if not self._stops:
            return
        self._at = at
        row = self.row
        self.place.cursor = row.key if row else None
        y = self._stops[at]
        top = y - 2 if at == 0 or self._lines[max(0, y - 1)].kind in ("title", "heading") else y
        # One line more than the cursor's own: where the list goes on, the person sees that it does.
        last = min(y + 1, len(self._lines) - 1)
        self.scroll_to_region(Region(0, max(0, top), 1, last - max(0, top) + 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved(self, row))

    # Changing the view ------------------------------------------------------------------------------

    def choose(self) -> None:
        """Says that the row under the cursor was chosen."""
        if self.row is not None and self.section is not None:
            self.post_message(self.Chosen(self, self.row, self.section))

    def unfold(self) -> bool:
        """Shows or hides the details of the row under the cursor; False where it has none."""
        row = self.row
        if row is None or not row.details:
            return False
        self.place.expanded ^= {row.key}
        self.place.cursor = row.key
        self._lay_out()
        y = self._stops[self._at]
        height = 1 + (len(row.details) if row.key in self.place.expanded else 0)
        self.scroll_to_region(
            Region(0, y, 1, min(height, max(1, self.size.height - 1))), animate=False, force=True
        )
        return True

    def filter(self, needle: str) -> None:
        """Shows only rows that hold the text; empty shows all."""
        self.place.needle = needle
        self._lay_out()

    def next_match(self, step: int) -> None:
        """Goes to the next (or previous) row; while filtering all rows match."""
        if self._stops:
            self._go((self._at + step) % len(self._stops))

    def sort(self, column: int | None = None) -> str:
        """Sorts the cursor's section by the chosen column, again turns it round; returns it in words."""
        section = self.section
        if section is None or not section.columns:
            return ""
        sorting = self.place.sorting.setdefault(section.name, Sorting())
        if column is not None and column != sorting.column:
            sorting.column, sorting.descending = column, False
        elif sorting.column < 0:
            sorting.column = 0
        else:
            sorting.descending = not sorting.descending
        self.place.cursor = self.row.key if self.row else None
        self._lay_out()
        title = section.columns[sorting.column].title
        return f"Sorted by {title}, {'descending' if sorting.descending else 'ascending'}."

    def choose_sort_column(self, step: int) -> str:
        """Moves the sort column to the left or right and sorts by it."""
        section = self.section
        if section is None or not section.columns:
            return ""
        sorting = self.place.sorting.get(section.name, Sorting())
        return self.sort(max(0, min(len(section.columns) - 1, sorting.column + step)))

    def zoom(self) -> bool:
        """Gives the cursor's section the whole page, or puts the others back; True when zoomed."""
        section = self.section
        self.place.zoomed = "" if self.place.zoomed or section is None else section.name
        self._lay_out()
        return bool(self.place.zoomed)

    def widen(self) -> None:
        """Shows the columns that are only for wide views, or hides them."""
        self.place.wide = not self.place.wide
        self._lay_out()

    # Painting ---------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Lays the page out again for another width."""
        if self.scrollable_content_region.width != self._laid_out_for:
            self._lay_out()

    def notify_style_update(self) -> None:
        """Paints again with the new theme's styles."""
        self._painted.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line of the page, cached until something changes."""
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width or self.size.width
        on_cursor = 0 <= self._at < len(self._stops) and self._stops[self._at] == index
        key = (index, on_cursor, on_cursor and self.has_focus)
        strip = self._painted.get(key)
        if strip is None or strip.cell_length != width:
            strip = self._paint(index, on_cursor, width)
            self._painted[key] = strip
        return strip

    def _tone(self, tone: str) -> Style:
        return self.get_component_rich_style(f"page--{tone}" if tone else "page--base", partial=bool(tone))

    def _paint(self, index: int, on_cursor: bool, width: int) -> Strip:
        base = self.get_component_rich_style("page--base")
        if not self._lines and index == 0 and self._empty:
            return strip_of([Segment("  " + clean(self._empty), base + self._tone("muted"))], width, base)
        if not 0 <= index < len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[index]
        if line.kind == "gap":
            return Strip.blank(width, base)
        if line.kind == "title":
            return self._paint_title(line.section, width, base)
        if on_cursor:
            name = (
                "page--cursor" if self.has_focus or self.has_class("-keeps-cursor") else "page--cursor-away"
            )
            base = base + self.get_component_rich_style(name, partial=True)
        mark = ("▸ " if on_cursor else "  ") if line.kind == "row" else "  "
        segments = [Segment(mark, base)]
        if line.kind in ("row", "heading") and line.section.columns:
            segments += self._paint_columns(line, base)
        else:
            segments += self._paint_facts(line, base, width)
        return strip_of(segments, width, base)

    def _paint_title(self, section: Section, width: int, base: Style) -> Strip:
        style = base + self.get_component_rich_style("page--title", partial=True)
        number = f"{section.number} " if section.number is not None else ""
        left = f"{number}{clean(section.title)} "
        right = f" {clean(section.aside)}" if section.aside else ""
        rule = "─" * max(0, width - cell_len(left) - cell_len(right))
        return strip_of(
            [
                Segment(left, style),
                Segment(rule, base + self._tone("muted")),
                Segment(right, base + self._tone("muted")),
            ],
            width,
            base,
        )

    def _paint_columns(self, line: _Line, base: Style) -> list[Segment]:
        widths = self._widths[line.section.name]
        heading = line.kind == "heading"
        sorting = self.place.sorting.get(line.section.name)
        segments: list[Segment] = []
        for i, (cell, column, room) in enumerate(zip(line.cells, line.section.columns, widths, strict=False)):
            if room <= 0:
                continue
            if segments:
                segments.append(Segment("  ", base))
            said = cell.text
            if heading and sorting and sorting.column == i:
                said = f"{said} {'▾' if sorting.descending else '▴'}"
            style = base + (
                self.get_component_rich_style("page--heading", partial=True)
                if heading
                else self._tone(cell.tone)
            )
            segments.append(Segment(fitted(clean(said), room, column.right), style))
        return segments

    def _paint_facts(self, line: _Line, base: Style, width: int) -> list[Segment]:
        segments: list[Segment] = []
        if line.kind == "detail":
            segments.append(Segment("    ", base))
        label_room = 12
        for i, cell in enumerate(line.cells):
            said = clean(cell.text)
            if i == 0 and len(line.cells) > 1 and line.kind == "row":
                said = fitted(said, label_room, False)
                segments.append(Segment(said + "  ", base + self._tone(cell.tone or "muted")))
            else:
                segments.append(
                    Segment(
                        said if i == 0 or line.kind == "row" else "  " + said, base + self._tone(cell.tone)
                    )
                )
        return segments

    async def on_click(self, event: object) -> None:
        """A click puts the cursor there; a click on the cursor opens."""
        y = getattr(event, "y", -1) + self.scroll_offset.y
        for at, stop in enumerate(self._stops):
            if stop == y:
                if at == self._at and self.has_focus:
                    self.choose()
                else:
                    self._go(at)
