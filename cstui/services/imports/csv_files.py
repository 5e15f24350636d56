"""Reading CSV as people and spreadsheets leave it: any line ends, BOM, delimiter or old encoding, and stray quotes, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cstui.domain.errors import NotFound, UsageError

#: Longest physical line, and longest record over all of its lines, in characters.
_LONGEST = 8_000_000
#: A quoted cell that spans more lines than this was never closed.
_MOST_LINES = 20_000
_DELIMITERS = (",", ";", "\t", "|")
_OLD_BYTES = "cstui-cp1252"


def _as_old_windows(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 are read as Windows-1252, which older spreadsheets write."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_OLD_BYTES, _as_old_windows)


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `row` counts records as a spreadsheet does (the header is row 1); `line` is its first physical line in the file."""

    row: int
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no record; the lines after it are read on."""

    row: int
    line: int
    value: str
    reason: str


class CsvFile:
    """A CSV file as a stream of records; opened by `with`.

    `header` holds the trimmed names of the first row. `done` and `size` are bytes, for a progress bar.
    Errors: `NotFound` where there is no such file, `UsageError` where it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.header: tuple[str, ...] = ()
        self.delimiter = ","
        self.size = 0
        self._raw: io.BufferedReader
        self._text: io.TextIOWrapper
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._taken_size = 0
        self._line = 0
        self._row = 0

    def __enter__(self) -> CsvFile:
        # One cell may hold a long note; the module's own limit of 128 KB would stop the whole file.
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
        try:
            self._raw = raw = self.path.open("rb")
            self.size = self.path.stat().st_size
        except OSError as error:
            raise NotFound(
                f"The file {self.path} cannot be read: {error.strerror or error}.", "Check its name."
            ) from None
        self._text = io.TextIOWrapper(raw, encoding=_encoding(raw.peek(4)), errors=_OLD_BYTES, newline="")
        try:
            self._read_header()
        except BaseException:
            self._text.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    @property
    def done(self) -> int:
        """How many bytes have been read."""
        return self._raw.tell()

    def records(self, fault: Callable[[Fault], None]) -> Iterator[Record]:
        """All records after the header; blank lines are skipped. What is no record is handed to `fault`, and reading goes on behind it."""
        width = len(self.header)
        reader = self._reader()
        while True:
            self._taken, self._taken_size = [], 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._row += 1
                fault(self._stray(str(error)))
                reader = self._reader()
                continue
            self._row += 1
            line = self._line - len(self._taken) + 1
            if len(cells) > width and len(self._taken) > 1:
                fault(self._stray("quote"))
                reader = self._reader()
            elif len(cells) > width and any(cells[width:]):
                fault(
                    Fault(self._row, line, _start(self._taken), f"The row has {len(cells)} cells, the header {width}.")
                )  # fmt: skip
            elif cells:
                yield Record(self._row, line, cells)

    def _stray(self, said: str) -> Fault:
        """The fault of the first line taken; the others are given back to be read again."""
        first, rest = self._taken[0], self._taken[1:]
        self._line -= len(rest)
        self._again.extendleft(reversed(rest))
        closed = "'" in said and "expected after" in said
        reason = (
            "A quote stands inside a quoted cell."
            if closed
            else "A quote is opened and not closed, so the row cannot be told from the next ones."
        )
        return Fault(self._row, self._line, _start([first]), reason)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self.delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else self._text.readline(_LONGEST)
            if not line or len(self._taken) >= _MOST_LINES or self._taken_size > _LONGEST:
                if line:
                    self._again.appendleft(line)
                return
            self._line += 1
            self._taken.append(line)
            self._taken_size += len(line)
            yield line

    def _read_header(self) -> None:
        line = self._text.readline(_LONGEST)
        if line.lower().startswith("sep=") and len(line.strip()) == 5:
            self.delimiter = line[4]
            self._line = 1
            line = self._text.readline(_LONGEST)
        else:
            self.delimiter = _delimiter(line)
        if not line.strip():
            raise UsageError(
                f"{self.name} is empty.", "Export it again and check that the download is complete."
            )
        self._again.append(line)
        try:
            header = next(self._reader())
        except csv.Error:
            header = line.rstrip("\r\n").split(self.delimiter)
        self._row = 1
        self.header = tuple(name.replace("\ufeff", "").strip() for name in header)


def _encoding(first: bytes) -> str:
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _delimiter(header: str) -> str:
    """The delimiter that occurs most often outside quotes."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=lambda sign: (bare.count(sign), -_DELIMITERS.index(sign)))


def _start(lines: list[str]) -> str:
    return lines[0].strip()[:60] if lines else ""
