"""The databases that benchmarks run on: filled once, kept, and used again.

SQLite files lie in `CSTUI_BENCH_DIR` (default: `cstui-bench` in the temporary directory). PostgreSQL is the database that `CSTUI_BENCH_PG`
names; it is filled where it is empty.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

if str(Path(__file__).parent.parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import generator
from cstui.domain.actor import Actor, Grant
from cstui.domain.permissions import Role
from cstui.storage import schema
from cstui.storage.database import Database

#: Somebody who may see every store.
AGENT = Actor(1, "Bench", "bench", 1, (Grant(Role.AGENT),))


def sqlite_url(customers: int) -> str:
    """The file with that many customers, made where there is none."""
    folder = Path(os.environ.get("CSTUI_BENCH_DIR", Path(tempfile.gettempdir()) / "cstui-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"desk-{customers}.db"
    if not path.exists():
        making = path.with_suffix(".making")
        for left in (making, *making.parent.glob(making.name + "-*")):
            left.unlink(missing_ok=True)
        _fill(f"sqlite:///{making}", customers)
        making.rename(path)
    return f"sqlite:///{path}"


def postgres_url(customers: int) -> str | None:
    """The database that `CSTUI_BENCH_PG` names, filled where it is empty; None where it is not set.

    `{customers}` in it is replaced by the number, so that databases of several sizes can be named.
    """
    text = os.environ.get("CSTUI_BENCH_PG", "").replace("{customers}", str(customers))
    if not text:
        return None
    database = Database(text)
    schema.upgrade(database)
    if not database.reader.rows("SELECT 1 FROM customer LIMIT 1"):
        _fill(text, customers)
    database.close()
    return text


def urls(customers: int) -> list[str]:
    """SQLite, and PostgreSQL where it is named."""
    return [url for url in (sqlite_url(customers), postgres_url(customers)) if url]


def kind(url: str) -> str:
    """The database's name in tables."""
    return "SQLite" if url.startswith("sqlite") else "PostgreSQL"


def _fill(url: str, customers: int) -> None:
    print(f"Filling {kind(url)} with {customers:,} customers (once).", flush=True)
    database = Database(url, durable=False)
    schema.upgrade(database)
    generator.fill(database, customers, tell=lambda words: print("  " + words, flush=True))
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
