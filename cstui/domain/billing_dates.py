"""Billing dates: whole days of the store's zone, month ends anchored, never an instant (decision of the calendar, C-25)."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cstui.domain.subscriptions import IntervalUnit


def next_date(after: date, unit: IntervalUnit, count: int, anchor_day: int | None) -> date:
    """The bill date that follows another one.

    Months and years fall on `anchor_day` where the month has it, else on its last day: 31 January, 28 February, 31 March.
    """
    if unit is IntervalUnit.DAY:
        return after + timedelta(days=count)
    if unit is IntervalUnit.WEEK:
        return after + timedelta(weeks=count)
    months = after.month - 1 + count * (12 if unit is IntervalUnit.YEAR else 1)
    year, month = after.year + months // 12, months % 12 + 1
    return date(year, month, min(anchor_day or after.day, calendar.monthrange(year, month)[1]))


def today_in(zone: str, now: datetime) -> date:
    """Which day it is in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def bills_at(day: date, bill_time: str, zone: str) -> datetime:
    """The instant at which a store bills on a day, as UTC; a wall-clock time that a day skips comes as much later."""
    hour, _, minute = bill_time.partition(":")
    return datetime.combine(day, time(int(hour), int(minute or 0)), ZoneInfo(zone)).astimezone(UTC)


def is_due(day: date, bill_time: str, zone: str, now: datetime) -> bool:
    """Whether the bill of a day is due at an instant."""
    return bills_at(day, bill_time, zone) <= now
