"""The gate between data and widgets: cleaned text as `Content` or `Text`, never as `str`, which is markup.

DataTable cells and Tree labels take `text()`; everything else takes `content()` (TabPane titles only that).
`ControlFilter` is the last line of defence for what passed the gate by mistake.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.content import Content
from textual.filter import LineFilter

from cstui.domain.clean import FORBIDDEN, REPLACEMENT, clean

if TYPE_CHECKING:
    from textual.color import Color

__all__ = ["ControlFilter", "clean", "content", "in_ascii", "text"]


def content(value: object, style: str = "", multiline: bool = False) -> Content:
    """`value` as Content that shows exactly its characters: no markup, no control sequence.

    None is empty. A `Content` keeps its spans, unless its text had to be cleaned. `style` is a Textual style
    such as "$text-muted".
    """
    if isinstance(value, Content):
        plain = clean(value.plain, multiline)
        kept = value if plain == value.plain else Content(plain)
        return kept.stylize(style) if style else kept
    if isinstance(value, Text):
        value = value.plain
    plain = "" if value is None else clean(str(value), multiline)
    return Content.styled(plain, style) if style else Content(plain)


def text(value: object, style: str = "", multiline: bool = False) -> Text:
    """`value` as Rich Text for DataTable cells and Tree labels; None is empty. `style` is a Rich style."""
    if isinstance(value, (Text, Content)):
        value = value.plain
    return Text(
        "" if value is None else clean(str(value), multiline), style=style, no_wrap=not multiline, end=""
    )


def _forbidden_characters() -> str:
    """Every character of `FORBIDDEN`, whose ranges are written as in a regular expression."""
    pieces: list[str] = []
    rest = FORBIDDEN
    while rest:
        low, high, size = (rest[0], rest[2], 3) if rest[1:2] == "-" else (rest[0], rest[0], 1)
        pieces += map(chr, range(ord(low), ord(high) + 1))
        rest = rest[size:]
    return "".join(pieces)


@cache
def _harmless_characters() -> dict[int, str]:
    """What stands for each forbidden character; made at first need, as most runs never see one.

    A character without a cell of its own is dropped, so that a strip keeps the width it was laid out with; the
    gate before the filter is the place that shows a person that something stood there.
    """
    return {ord(char): REPLACEMENT * cell_len(char) for char in _forbidden_characters()}


_LOOKS_LIKE: Final = {
    "-": "─━╌╍┄┅▁▂▔–—−‐‑‒―",
    "=": "═‖",
    "|": "│┃┆┇╎╏║▌▐▎▕▏▊",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋✓✔",
    "#": "█▓▒░▀▄■",
    "*": "●◆•·",
    "o": "○◌◯□◇",
    "~": "◐◑◒◓",
    ">": "▶▸►▷→»›",
    "<": "◀◂◄◁←«‹",
    "^": "▲▴△↑",
    "v": "▼▾▽↓",
    "x": "✗✘×",
    "@": "↺↻⟳",
    "'": "‘’‚′",
    '"': "“”„″",
    ".": "…",
    "/": "✎",
    " ": "\u00a0\u2007\u2009\u202f",
}
_IN_ASCII: Final = {ord(char): plain for plain, drawn in _LOOKS_LIKE.items() for char in drawn}


def in_ascii(written: str) -> str:
    """`written` for a terminal that shows only ASCII: lines and signs become look-alikes, é becomes e.

    What has no look-alike becomes one "?" a cell, so that the width stays the same.
    """
    if written.isascii():
        return written
    return "".join(char if char.isascii() else _one_in_ascii(char) for char in written)


def _one_in_ascii(char: str) -> str:
    plain = _IN_ASCII.get(ord(char))
    if plain is None:
        plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    width = cell_len(char)
    return plain if len(plain) == width else "?" * width


class ControlFilter(LineFilter):
    """Takes control and bidi characters, and hyperlinks, out of every segment that is about to be painted.

    With `ascii_only` the rest is drawn in ASCII as well. Add it behind the app's own line filters.
    """

    def __init__(self, ascii_only: bool = False) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, harmless; the very same list where nothing had to be done."""
        if all(self._is_harmless(segment) for segment in segments):
            return segments
        return [segment if self._is_harmless(segment) else self._harmless(segment) for segment in segments]

    def _is_harmless(self, segment: Segment) -> bool:
        written, style, control = segment
        if control or (style is not None and style.link):
            return False
        if written.isascii():
            return written.isprintable()
        return not self.ascii_only and (
            written.isprintable() or written.translate(_harmless_characters()) == written
        )

    def _harmless(self, segment: Segment) -> Segment:
        written, style, _ = segment
        written = written.translate(_harmless_characters())
        if style is not None and style.link:
            style = style.update_link(None)
        return Segment(in_ascii(written) if self.ascii_only else written, style)
