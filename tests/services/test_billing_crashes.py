"""A worker dies between planning, claiming, sending, answering and recording a bill: its cycle is charged exactly once all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from cstui.domain.payments import AttemptState
from cstui.services.billing import Billing
from cstui.services.gateways.registry import Gateways
from cstui.services.secrets import Secrets
from cstui.services.settings import Settings
from cstui.services.worker import Worker
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Worker as WorkerRow
from tests.billing import BillingBench, billing_bench

WORKERS = table_of(WorkerRow)
POINTS = ("armed", "claimed", "sending", "answered", "recorded")


class Killed(BaseException):
    """The process is gone: nothing catches it, nothing is cleaned up but what the database rolls back."""


@pytest.fixture
def bench(db_url: str) -> Iterator[BillingBench]:
    made = billing_bench(db_url)
    yield made
    made.desk.close()


def worker_that_dies(url: str, at: str) -> Worker:
    def point(name: str) -> None:
        if name == at:
            raise Killed(name)

    return a_worker(url, point)


def a_worker(url: str, point: Callable[[str], None] = lambda _name: None) -> Worker:
    database = Database(url)
    settings = Settings(database)
    bills = Billing(database, settings, point=point)
    gateways = Gateways(database, Secrets({}))
    return Worker(database, settings, gateways, bills=bills, name="mortal", point=point)


def bury(bench: BillingBench) -> None:
    """Nobody hears of the dead worker any more."""
    with bench.db.write() as tx:
        tx.run(WORKERS.update().values(seen_at=tx.now - timedelta(minutes=5)))


@pytest.mark.parametrize("at", POINTS)
def test_a_bill_survives_a_worker_that_dies(bench: BillingBench, at: str) -> None:
    key = bench.subscription()
    dead = worker_that_dies(bench.db.url.text, at)
    with pytest.raises(Killed):
        dead.once()
    bury(bench)
    for _ in range(5):
        bench.work()
        assert bench.charged() <= 1
        bench.later(minutes=20)
    assert bench.charged() == 1 == len(bench.orders(key)) == len(bench.periods(key))
    assert bench.states(key).count(AttemptState.SUCCEEDED) == 1
    assert bench.sub(key).cycle == 3 and bench.sub(key).next_bill_date > bench.today
