"""The SQLAlchemy engine for writes and for reads that nobody waits for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from cstui.storage.url import POSTGRES_ARGUMENTS, SQLITE_PRAGMAS, DatabaseUrl


def make_engine(url: DatabaseUrl, *, durable: bool = True, connections: int = 2) -> sa.Engine:
    """The engine of a desk: so many connections, opened as they are needed, the last one only under pressure.

    `durable=False` (SQLite synchronous=NORMAL) is for seeding and bulk loading only.
    """
    if not url.is_sqlite:
        return sa.create_engine(
            "postgresql+psycopg://" + url.dsn.removeprefix("postgresql://"),
            connect_args=POSTGRES_ARGUMENTS,
            pool_size=max(1, connections - 1),
            max_overflow=1,
            pool_timeout=15,
            pool_pre_ping=True,
        )
    engine = sa.create_engine(
        f"sqlite:///{url.path}",
        pool_size=1,
        max_overflow=1,
        pool_timeout=15,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        if not durable:
            cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
