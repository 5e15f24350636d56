"""How a history reads: who did what, when, from where, why, and each field's old and new value (AUD-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cstui.domain.addresses import ADDRESS_LABELS
from cstui.domain.audit import AuditRow, Change
from cstui.domain.ids import Kind
from cstui.format import Reader, full_moment_words, moment_words
from cstui.widgets.page_model import Cell, Column, Row, Section

COLUMNS = (
    Column("When", least=6),
    Column("Who", least=6),
    Column("Action", least=10),
    Column("What", least=12, grow=1),
)
_PARTS: Final = {"billing": "billing", "shipping": "shipping", "contact": "", "totals": ""}
_NOUNS: Final = ("order", "customer")
_NAMELESS: Final[Mapping[str, str]] = MappingProxyType({})


def history_section(
    events: Sequence[AuditRow], reader: Reader, now: datetime, names: Mapping[str, str] = _NAMELESS, *,
    title: str = "", more: bool = False, number: int | None = 9,
) -> Section:  # fmt: skip
    """Events newest first; the details of a row are its changes, one a line. `names` are words for the starts of paths."""
    rows = [_event(event, reader, now, names) for event in events]
    if more:
        rows.append(
            Row(
                "more",
                (Cell("…"), Cell(""), Cell("older events", "accent"), Cell("Enter shows them", "muted")),
            )
        )
    said = title or f"History ({len(events)}{' and more' if more else ''})"
    return Section("history", said, tuple(rows), COLUMNS, number=number, empty="Nothing is recorded yet.")  # fmt: skip


def action_words(action: str) -> str:
    """An action as a person says it: `order.edited` is "edited", `lock.forced` is "lock forced"."""
    noun, _, verb = action.partition(".")
    words = verb if noun in _NOUNS and verb else f"{noun} {verb}"
    return words.replace("_", " ").replace(".", " ").strip()


def path_words(path: str, names: Mapping[str, str] = _NAMELESS) -> str:
    """A changed field as a person calls it: `shipping.line1` is "shipping street"."""
    parts = path.split(".")
    if parts[0] in ("billing", "shipping") and len(parts) == 2 and parts[1] in ADDRESS_LABELS:
        return f"{parts[0]} {ADDRESS_LABELS[parts[1]].lower()}"
    start = ".".join(parts[:2])
    if start in names:
        rest = " ".join(parts[2:])
        return f"{names[start]} {rest}".strip() if rest else names[start]
    if parts[0] in _PARTS:
        parts = parts[1:] or parts
    return " ".join(part for part in parts if not part.isdigit()).replace("_", " ") or path


def change_words(change: Change, names: Mapping[str, str] = _NAMELESS) -> str:
    """One change in a line: what, old → new."""
    return f"{path_words(change.path, names)}: {change.old or '(empty)'} → {change.new or '(empty)'}"


def _event(event: AuditRow, reader: Reader, now: datetime, names: Mapping[str, str]) -> Row:
    changes = [change_words(change, names) for change in event.changes]
    said = [f"“{event.reason}”"] if event.reason else []
    if changes:
        said.append(changes[0] if len(changes) == 1 else f"{changes[0]}  and {len(changes) - 1} more")
    details: list[tuple[Cell, ...]] = [
        (Cell(f"{full_moment_words(event.at, reader)}  {event.actor} at {event.terminal}", "muted"),)
    ]
    if event.reason:
        details.append((Cell(f"reason: {event.reason}"),))
    details += [(Cell(line),) for line in changes]
    return Row(
        (Kind.EVENT, event.id),
        (
            Cell(moment_words(event.at, now, reader), "muted", event.at.timestamp()),
            Cell(event.actor, "strong"),
            Cell(action_words(event.action)),
            Cell("  ".join(said)),
        ),
        tuple(details),
        copy="; ".join(changes),
    )
