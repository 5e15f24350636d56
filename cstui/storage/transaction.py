"""The only module that commits: one use case, one transaction, on either database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from cstui.domain.errors import DatabaseAway, OutcomeUnknown
from cstui.domain.ids import Kind
from cstui.storage.database import Database
from cstui.storage.live import LIVE_CHANNEL
from cstui.storage.url import DatabaseUrl

__all__ = ["LIVE_CHANNEL", "Database", "Transaction", "away_in_words", "is_lost", "reading", "writing"]

_LOST = ("08000", "08003", "08006", "57P01", "57P02", "57P03")


class Transaction:
    """One open transaction. Everything in it is stored together or not at all.

    `save_id`, once set, lets a desk ask after a lost connection whether this very transaction was stored.
    """

    def __init__(self, session: Session, is_sqlite: bool) -> None:
        self.session = session
        self.is_sqlite = is_sqlite
        self.save_id = ""
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The database's clock, read once per transaction: the only clock that binds several desks."""
        if self._now is None:
            self._now = self.clock()
        return self._now

    def clock(self) -> datetime:
        """The database's clock at this very moment."""
        if self.is_sqlite:
            text = (
                self.session.connection()
                .exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
                .scalar_one()
            )
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        at: datetime = self.session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return at.astimezone(UTC)

    def rows(self, statement: Any, parameters: Any = None) -> list[Any]:
        """Runs a Core statement and returns its rows."""
        return list(self.session.connection().execute(statement, parameters).all())

    def run(self, statement: Any, parameters: Any = None) -> int:
        """Runs a Core statement that changes rows and returns how many it changed."""
        return self.session.connection().execute(statement, parameters).rowcount

    def publish(self, what: str, kind: Kind, record_id: int, **facts: Any) -> None:
        """Tells every desk, once this is committed, that something about a record changed.

        `what` is a word such as `lock`, `saved`, `note`, `knock`, `notice`. SQLite desks notice the commit itself and read again.
        """
        if not self.is_sqlite:
            body = json.dumps({"what": what, "kind": kind, "id": record_id, **facts})
            self.session.connection().execute(
                sa.text("SELECT pg_notify(:channel, :body)"), {"channel": LIVE_CHANNEL, "body": body}
            )


@contextmanager
def writing(database: Database, save_id: str = "") -> Iterator[Transaction]:
    """What `Database.write` does."""
    with (
        database.writers_turn(),
        away_in_words(database.url),
        database.engine.connect().execution_options(immediate=True) as connection,
        Session(connection, expire_on_commit=False, autoflush=True) as session,
    ):
        transaction = Transaction(session, database.is_sqlite)
        transaction.save_id = save_id
        yield transaction
        session.flush()
        _commit(connection, transaction)


@contextmanager
def reading(database: Database) -> Iterator[Transaction]:
    """What `Database.read` does."""
    with (
        away_in_words(database.url),
        database.engine.connect() as connection,
        Session(connection, autoflush=False) as session,
    ):
        yield Transaction(session, database.is_sqlite)


def _commit(connection: sa.Connection, transaction: Transaction) -> None:
    try:
        connection.commit()
    except sa.exc.DBAPIError as error:
        if transaction.is_sqlite or not is_lost(error):
            raise
        raise OutcomeUnknown(
            "The connection broke while saving.",
            "It is being checked whether it was saved.",
            save_id=transaction.save_id,
        ) from error


@contextmanager
def away_in_words(url: DatabaseUrl) -> Iterator[None]:
    """Turns the drivers' faults into `DatabaseAway`; what is a fault of the program stays what it is."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise DatabaseAway(
            "The database is busy.", "Try again in a moment; nothing typed is lost."
        ) from error
    except sa.exc.DBAPIError as error:
        away = _in_words(error, url)
        if away is None:
            raise
        raise away from error


def is_lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the error says that the connection is gone."""
    state = getattr(error.orig, "sqlstate", None)
    return (
        bool(error.connection_invalidated)
        or state in _LOST
        or (state is None and isinstance(error, sa.exc.OperationalError))
    )


def _in_words(error: sa.exc.DBAPIError, url: DatabaseUrl) -> DatabaseAway | None:
    """The error as a person reads it, or None where it is a fault of the program."""
    said = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        if "full" in said or "readonly" in said:
            return DatabaseAway(
                "The disk is full or the database is read-only.",
                "Nothing was saved; free space, then save again.",
            )
        if "locked" in said or "busy" in said:
            return DatabaseAway("The database is busy.", "Try again in a moment; nothing typed is lost.")
        if "not a database" in said or "malformed" in said:
            return DatabaseAway(
                f"The file behind {url.shown} is no SQLite database, or is damaged.",
                "Name the right file, or put the newest backup in its place.",
            )
        if "unable to open" in said:
            return DatabaseAway(
                f"The database at {url.shown} cannot be opened.",
                "Check the path and its rights, or run “cstui doctor”.",
            )
        return None
    if getattr(error.orig, "sqlstate", None) in ("55P03", "57014"):
        return DatabaseAway(
            "The database is busy with the same record.", "Try again in a moment; nothing typed is lost."
        )
    if is_lost(error) or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return DatabaseAway(
            f"The database at {url.shown} does not answer.",
            "It is tried again by itself; nothing typed is lost.",
        )
    return None
