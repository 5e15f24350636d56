"""What a page shows, as values: sections of rows of cells. Screens build them from views; the page paints them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len

#: Tones a cell may have; each is a component class of the page, so themes decide the colour. Words never rely on it.
TONES = ("", "muted", "strong", "accent", "good", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Cell:
    """One piece of text with its tone. `sort` is what the column sorts by; the text itself where it is None."""

    text: str
    tone: str = ""
    sort: Any = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and how it takes room: at least `least` cells, up to its contents, `grow` shares what is left.

    One that is `if_used` is left out while no row has anything in it.
    """

    title: str
    least: int = 4
    grow: int = 0
    right: bool = False
    wide_only: bool = False
    if_used: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `key` says what Enter opens; `details` are lines that Space shows beneath; `copy` is what Ctrl+C takes.

    `shown` of the details stand there always.
    """

    key: Hashable
    cells: tuple[Cell, ...]
    details: tuple[tuple[Cell, ...], ...] = ()
    copy: str = ""
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A titled block of rows. Without columns, rows are facts: a label and its value.

    `number` is the digit that goes there; `aside` stands at the right of the title; `empty` is said when there are no rows.
    """

    name: str
    title: str
    rows: tuple[Row, ...] = ()
    columns: tuple[Column, ...] = ()
    number: int | None = None
    aside: str = ""
    empty: str = ""
    selectable: bool = True


@dataclass(slots=True)
class Sorting:
    """How one section is sorted: a column and a direction; `column` -1 leaves the order as it came."""

    column: int = -1
    descending: bool = False


def matches(row: Row, needle: str) -> bool:
    """Whether any cell or detail of a row holds the text, without regard to case."""
    if any(needle in cell.text.casefold() for cell in row.cells):
        return True
    return any(needle in cell.text.casefold() for line in row.details for cell in line)


def arranged(section: Section, sorting: Sorting, needle: str) -> list[Row]:
    """The rows that a page shows: filtered by a text and sorted by a column."""
    rows = [row for row in section.rows if matches(row, needle)] if needle else list(section.rows)
    if 0 <= sorting.column < len(section.columns):
        column = sorting.column

        def by(row: Row) -> tuple[int, Any]:
            cell = row.cells[column]
            value = cell.sort if cell.sort is not None else cell.text.casefold()
            return (0 if cell.text else 1, value)

        rows.sort(key=by, reverse=sorting.descending)
    return rows


def column_widths(section: Section, rows: list[Row], room: int, wide: bool) -> list[int]:
    """How many cells each column gets (0: not shown). Never more than the room; growing columns share what is left."""
    columns = section.columns
    shown = [
        (wide or not column.wide_only)
        and (not column.if_used or any(row.cells[i].text for row in rows if i < len(row.cells)))
        for i, column in enumerate(columns)
    ]
    natural = [_widest(column.title, rows, i) if shown[i] else 0 for i, column in enumerate(columns)]
    least = [min(column.least, natural[i]) if shown[i] else 0 for i, column in enumerate(columns)]
    gaps = max(0, sum(shown) - 1) * 2
    left = room - gaps - sum(least)
    widths = list(least)
    for i in sorted(range(len(columns)), key=lambda i: (columns[i].grow, i)):
        if not shown[i] or left <= 0:
            continue
        more = min(left, natural[i] - widths[i])
        widths[i] += max(0, more)
        left -= max(0, more)
    growing = [i for i, column in enumerate(columns) if column.grow and shown[i]]
    if left > 0 and growing:
        shares = sum(columns[i].grow for i in growing)
        for i in growing:
            widths[i] += left * columns[i].grow // shares
    return _fitted(widths, room, gaps)


def _widest(title: str, rows: list[Row], column: int) -> int:
    """The cells that the widest text of a column takes. Every row counts: an amount that is cut short is a wrong amount."""
    widest = cell_len(title)
    for row in rows:
        if column < len(row.cells):
            text = row.cells[column].text
            if len(text) * 2 > widest:  # no sign takes more than two cells
                widest = max(widest, cell_len(text))
    return widest


def _fitted(widths: list[int], room: int, gaps: int) -> list[int]:
    """Takes room away from the right where even the least widths do not fit."""
    over = sum(widths) + gaps - room
    for i in range(len(widths) - 1, -1, -1):
        if over <= 0:
            break
        taken = min(widths[i], over)
        widths[i] -= taken
        over -= taken
    return widths


@dataclass(slots=True)
class Place:
    """Where a person was on a page, to come back to: cursor, scroll, what was expanded, filtered, sorted and zoomed."""

    cursor: Hashable = None
    section: str = ""
    scroll: int = 0
    expanded: set[Hashable] = field(default_factory=set)
    needle: str = ""
    sorting: dict[str, Sorting] = field(default_factory=dict)
    zoomed: str = ""
    wide: bool = False
