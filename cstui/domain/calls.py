"""Calls: direction, disposition and words for the next agent (CALL-01)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CallDirection(StrEnum):
    """Who rang whom."""

    IN = "in"
    OUT = "out"


class CallState(StrEnum):
    """A call's life: talking, then wrap-up, then closed."""

    TALKING = "talking"
    WRAP_UP = "wrap_up"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CallRow:
    """One logged call as a list shows it. `disposition` is the reason's label."""

    id: int
    at: datetime
    direction: CallDirection
    disposition: str
    note: str
    agent: str
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of a reason list (dispositions, holds, cancellations …) with its letter in the panel."""

    code: str
    label: str
