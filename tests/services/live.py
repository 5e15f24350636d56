"""What the tests of locks and of the live feed share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from cstui.domain.live import LiveEvent, What
from cstui.domain.locking import LockRules
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock

LOCK = table_of(EditLock)


class Rules:
    """Settings whose lock rules are given."""

    def __init__(self, rules: LockRules) -> None:
        self.rules = rules

    def lock_rules(self, store_id: int | None = None) -> LockRules:
        return self.rules


class Heard:
    """Collects live events and waits for one, bounded."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self._news = threading.Condition()

    def __call__(self, event: LiveEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait_for(
        self, what: What, fits: Callable[[LiveEvent], bool] = lambda event: True, seconds: float = 5.0
    ) -> LiveEvent:
        """The first such event that was heard, or comes within the time."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                for event in self.events:
                    if event.what is what and fits(event):
                        return event
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} within {seconds} s; heard {self.events}")
                self._news.wait(left)

    def heard(self, what: What) -> list[LiveEvent]:
        with self._news:
            return [event for event in self.events if event.what is what]

    def forget(self) -> None:
        with self._news:
            self.events.clear()


def lapse(db: Database, seconds: int = 3600) -> None:
    """All leases have passed so many seconds ago, as if the clock had jumped."""
    with db.write() as tx:
        tx.run(LOCK.update().values(lease_until=tx.clock() - timedelta(seconds=seconds)))


def lock_rows(db: Database) -> int:
    with db.read() as tx:
        found: int = tx.rows(sa.select(sa.func.count()).select_from(LOCK))[0][0]
    return found
