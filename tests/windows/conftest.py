"""Tills in front of real sockets, and processes that die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import sqlite_url
from tests.fakes.nmi import FakeNmi
from tests.fakes.stripe import StripeServer
from tests.windows.crashing import Crashing
from tests.windows.till import Till, clock, make_till


@pytest.fixture(scope="session")
def crashing() -> Iterator[Crashing]:
    """Where processes come from that kill themselves."""
    made = Crashing()
    yield made
    made.close()


@pytest.fixture
def nmi() -> Iterator[FakeNmi]:
    with FakeNmi(clock=clock()) as server:
        yield server
        server.assert_well_behaved()


@pytest.fixture
def stripe() -> Iterator[StripeServer]:
    with StripeServer(clock=clock()) as server:
        yield server
        server.assert_well_behaved()


@pytest.fixture
def till(db_url: str, nmi: FakeNmi) -> Iterator[Till]:
    """A till at NMI and at the sandbox, on SQLite and on PostgreSQL."""
    made = make_till(db_url, nmi)
    yield made
    made.desk.close()


@pytest.fixture
def lite(sqlite_template: Path, quick_folder: Path, nmi: FakeNmi) -> Iterator[Till]:
    """The same on SQLite, for what does not depend on the database."""
    made = make_till(sqlite_url(sqlite_template, quick_folder), nmi)
    yield made
    made.desk.close()


@pytest.fixture
def at_stripe(sqlite_template: Path, quick_folder: Path, stripe: StripeServer) -> Iterator[Till]:
    """A till at Stripe, on SQLite."""
    made = make_till(sqlite_url(sqlite_template, quick_folder), stripe=stripe)
    yield made
    made.desk.close()
