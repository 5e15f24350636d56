"""Audit: one event per use case, chained by hashes that survive the erasing of a value (AUD-01 … AUD-04)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cstui.domain.ids import Kind

#: Made once: an import hashes hundreds of thousands of events. A tuple is written as a list is.
_AS_JSON = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Change:
    """One field's old and new value in words; a path such as `shipping.line1` or `lines.3.quantity`. Empty old: it was added."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event as the history shows it, newest first (AUD-03). `record` is what people call the record, where a list mixes several."""

    id: int
    at: datetime
    actor: str
    terminal: str
    action: str
    reason: str
    version: int | None
    changes: tuple[Change, ...]
    record_kind: Kind = Kind.ORDER
    record_id: int = 0
    record: str = ""


def value_hash(salt: str, value: str) -> str:
    """The salted hash that stands for a value in the chain, so that the value itself can be erased."""
    return hashlib.sha256(f"{salt}\x00{value}".encode("utf-8", "surrogatepass")).hexdigest()


def event_hash(
    prev_hash: str, facts: Sequence[str | int | None], value_hashes: Sequence[tuple[str, str, str]]
) -> str:
    """The hash of one event: the former event's hash, the event's own facts, and (path, old hash, new hash) of each change."""
    body = _AS_JSON([prev_hash, facts, value_hashes])
    return hashlib.sha256(body.encode()).hexdigest()


def instant_text(at: datetime) -> str:
    """An instant as the chain writes it: UTC, microseconds, always the same shape on every database."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
