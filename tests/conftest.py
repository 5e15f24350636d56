"""Shared fixtures: an empty, migrated database on SQLite and on a real PostgreSQL, and people to act with."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cstui.storage.transaction import Database
from tests import postgres

# The gateways' contract is no test module; its assertions explain themselves all the same. Said before anything imports it.
pytest.register_assert_rewrite("tests.gateways.contract")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A throw-away PostgreSQL for the whole run; skips with the reason where no server binary can be had."""
    server = postgres.find_server()
    if isinstance(server, str):
        if os.environ.get("CSTUI_TEST_PG_REQUIRED"):
            pytest.fail(server)
        pytest.skip(server)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy from."""
    from cstui.storage import schema

    path = tmp_path_factory.mktemp("template") / "empty.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server) -> str:
    """The name of a migrated, empty PostgreSQL database to clone from."""
    from cstui.storage import schema

    name = f"cstui_template_{os.getpid()}"
    postgres_server.create_database(name)
    database = Database(postgres_server.url(name))
    schema.upgrade(database)
    database.close()
    return name


def sqlite_url(template: Path, folder: Path) -> str:
    """A fresh copy of the empty SQLite database."""
    path = folder / "desk.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: databases there are as durable as ever, and no test waits for a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="cstui-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def db_url(request: pytest.FixtureRequest, quick_folder: Path) -> Iterator[str]:
    """The URL of an empty, migrated database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield sqlite_url(request.getfixturevalue("sqlite_template"), quick_folder)
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = f"cstui_{os.getpid()}_{next(_numbers)}"
    server.create_database(name, template=request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    """An empty, migrated database, on SQLite and on PostgreSQL."""
    database = Database(db_url)
    yield database
    database.close()


@pytest.fixture
def sqlite_db(sqlite_template: Path, quick_folder: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database, for what does not depend on the kind."""
    database = Database(sqlite_url(sqlite_template, quick_folder))
    yield database
    database.close()
