"""Time as aware UTC; the only place that reads the machine's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """What tells the time. Rules that bind several desks read the database's clock instead."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return datetime.now(UTC)


def day_in(zone: str, at: datetime) -> date:
    """The calendar day of an instant in an IANA zone; billing and trial dates are days of the store's zone."""
    return at.astimezone(ZoneInfo(zone)).date()
