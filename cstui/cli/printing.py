"""How commands answer: a table or words for people, exact JSON for scripts, one line for every refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError
from cstui.domain.money import Money


def as_json(value: Any) -> Any:
    """A value as the contract writes it: money in minor units with its currency, instants as ISO 8601 UTC, enums as their value."""
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(entry) for entry in value]
    if isinstance(value, str):
        return clean(value, multiline=True)
    return value


class Printer:
    """Where a command's answer goes. Nothing but the answer is written to standard output."""

    def __init__(self, json_wanted: bool) -> None:
        self.json_wanted = json_wanted

    def answer(self, value: Any, in_words: Callable[[], str]) -> None:
        """The answer as JSON, or in words where no JSON is wanted."""
        if self.json_wanted:
            print(json.dumps(as_json(value), ensure_ascii=False, indent=2))
        else:
            words = in_words()
            if words:
                print("\n".join(clean(line) for line in words.split("\n")))

    @staticmethod
    def hint(words: str) -> None:
        """What somebody who sits at a terminal is told by the way; nothing elsewhere."""
        if sys.stderr.isatty():
            print(clean(words), file=sys.stderr)

    def refuse(self, error: CstuiError) -> int:
        """One line to standard error, or the error as JSON to standard output; returns the exit code."""
        if self.json_wanted:
            facts = {key: as_json(value) for key, value in error.facts.items()}
            body = {
                **facts,
                "code": error.code,
                "title": error.title,
                "message": error.message,
                "advice": error.advice,
            }
            print(json.dumps({"error": body}, ensure_ascii=False, indent=2))
        else:
            print(f"{error.title}: {clean(error.in_words())}", file=sys.stderr)
        return int(error.exit_code)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], empty: str = "Nothing.") -> str:
    """Rows under headings, as wide as their contents."""
    from rich.cells import cell_len

    if not rows:
        return empty
    cleaned = [[clean(str(cell)) for cell in row] for row in rows]
    widths = [max(cell_len(cell) for cell in column) for column in zip(headings, *cleaned, strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
        ).rstrip()

    return "\n".join(
        [line(list(headings)), line(["─" * width for width in widths]), *(line(row) for row in cleaned)]
    )
