"""A fake NMI that fails one call in five, in every way in which lines and gateways fail."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.gateway_server import Clock
from tests.fakes.nmi import FakeNmi

#: What meets a void or a refund: name, further words of `fail_next`.
MONEY_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("hang_before", {}),
    ("hang_after", {}),
    ("drop_after", {}),
    ("half_body", {}),
    ("status_500", {}),
    ("status_500", {"effect": True}),
    ("status_502", {}),
    ("html_200", {}),
    ("html_200", {"effect": True}),
    ("slow_effect", {"seconds": 1.5}),
    ("busy_429", {}),
    ("busy_301", {}),
    ("wrong_order", {}),
    ("echo", {"detail": "currency=EUR"}),
    ("echo", {"detail": "transactionid="}),
    ("code", {"detail": "400"}),
    ("code", {"detail": "420"}),
    ("code", {"detail": "200"}),
)
#: What meets a question.
QUERY_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("hang_before", {}),
    ("drop_after", {}),
    ("half_body", {}),
    ("status_502", {}),
    ("truncated", {}),
    ("doctype", {}),
    ("other_rows", {}),
    ("twice", {}),
)


class MovedClock(Clock):
    """The real time, and what a test moved it on by."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._moved = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def forward(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)


class UnreliableNmi(FakeNmi):
    """Fails while `share` is above 0; counts what it did to its callers in `faults`. Reports lag by `index_lag` seconds."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__(clock=MovedClock())
        self.share = share
        self.index_lag = 1.0
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self._dice = random.Random(seed)

    def _next_fault(self, operation: str) -> Any:
        self.calls += 1
        if self._dice.random() < self.share:
            name, more = self._dice.choice(QUERY_FAULTS if operation == "query" else MONEY_FAULTS)
            self.faults[name] += 1
            self.fail_next(name, only=operation, **more)
        return super()._next_fault(operation)

    def sabotage(self, stop: threading.Event) -> None:
        """Now and then nobody listens for a moment, and now and then the day is settled before its time."""
        while self.share and not stop.wait(self._dice.uniform(1.0, 3.0)):
            self.faults["refuse"] += 1
            self.fail_next("refuse", seconds=0.3)
            if self._dice.random() < 0.3:
                self.settle()

    def heal(self) -> None:
        """From now on everything works."""
        self.share = 0.0
        self.index_lag = 0.0
        self.recover()
