"""Fitting words into terminal cells: cut with a sign or filled with blanks, never a cell too many."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def fitted(said: str, room: int, right: bool) -> str:
    """The words in exactly `room` cells: cut with an ellipsis, or filled up at the left (`right`) or at the right."""
    length = cell_len(said)
    if length > room:
        said = set_cell_size(said, room - 1) + "…" if room > 1 else "…"
        return said if cell_len(said) == room else set_cell_size(said, room)
    blank = " " * (room - length)
    return blank + said if right else said + blank


def strip_of(segments: Iterable[Segment], width: int, base: Style) -> Strip:
    """The segments as a line of exactly `width` cells."""
    return Strip(segments).adjust_cell_length(width, base).simplify()
