"""The driver-level reader: parameters on both drivers, interruption, and faults in words."""

from __future__ import annotations

import threading
import time

import pytest

from cstui.domain.errors import DatabaseAway, Interrupted
from cstui.storage.reader import Reader
from cstui.storage.transaction import Database
from cstui.storage.url import read_url

#: Runs for seconds on either database.
SLOW = {
    True: "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 200000000) SELECT count(*) FROM c",
    False: "SELECT pg_sleep(20)",
}


def test_named_parameters_reach_both_drivers(db: Database) -> None:
    assert [tuple(row) for row in db.reader.rows("SELECT :a, :b || '%'", {"a": 1, "b": "x"})] == [(1, "x%")]


def test_a_running_statement_is_interrupted_from_another_thread(db: Database) -> None:
    reader = Reader(db.url)
    reader.rows("SELECT 1")
    began = time.monotonic()
    threading.Timer(0.3, reader.interrupt).start()
    with pytest.raises(Interrupted):
        reader.rows(SLOW[db.is_sqlite])
    assert time.monotonic() - began < 10
    assert [tuple(row) for row in reader.rows("SELECT 2")] == [(2,)]
    reader.close()


def test_a_statement_that_takes_too_long_is_a_refusal_and_no_interruption(db: Database) -> None:
    if db.is_sqlite:
        pytest.skip("SQLite has no statement time-out")
    reader = Reader(db.url)
    reader.rows("SELECT set_config('statement_timeout', '200', false)")
    with pytest.raises(DatabaseAway, match="took too long"):
        reader.rows("SELECT pg_sleep(5)")
    reader.close()


def test_nothing_can_be_written_through_it(db: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only|does not answer"):
        db.reader.rows("DELETE FROM note")


def test_a_database_that_is_not_there_is_said_in_words(tmp_path: object) -> None:
    reader = Reader(read_url(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(DatabaseAway, match="There is no database"):
        reader.rows("SELECT 1")
