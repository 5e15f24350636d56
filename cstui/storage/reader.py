"""Driver-level reads for what a person waits for: finding, a profile, an order, a kept sign-in.

Loads neither SQLAlchemy nor SQLModel, so that the first answer comes before they are imported. SQL is written once with `:name`
parameters and turned into the driver's own style.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from cstui.domain.errors import DatabaseAway, Interrupted
from cstui.storage.url import POSTGRES_ARGUMENTS, SQLITE_PRAGMAS, DatabaseUrl

__all__ = ["Interrupted", "Reader", "Row", "day", "instant", "instant_of"]

Row = Sequence[Any]
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")


@lru_cache(maxsize=512)
def _psycopg_style(sql: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


class Reader:
    """One read connection, opened at first use and again after a fault. Used by one thread at a time (calls queue up).

    `interrupt()` may be called from any thread and ends the running statement with `Interrupted`.
    """

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        self.is_sqlite = url.is_sqlite
        self._connection: Any = None
        self._turn = threading.RLock()
        self._keyed = False

    def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, keyed: bool = False
    ) -> list[Row]:
        """Runs one query and returns all its rows as tuples.

        `keyed` says that the query looks rows up by key, so that one plan fits every value and planning it once is enough.

        Errors: `DatabaseAway`, `Interrupted`.
        """
        with self._turn:
            return (
                self._sqlite_rows(sql, parameters or {})
                if self.is_sqlite
                else self._postgres_rows(sql, parameters or {}, keyed)
            )

    def interrupt(self) -> None:
        """Ends the statement that runs at this moment, if any."""
        connection = self._connection
        if connection is None:
            return
        if self.is_sqlite:
            connection.interrupt()
        else:
            connection.cancel()

    def close(self) -> None:
        """Closes the connection; the next question opens a new one."""
        with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _sqlite_rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        try:
            return list(self._sqlite().execute(sql, parameters))
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise Interrupted from None
            raise self._away(error) from error
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error) or "malformed" in str(error):
                raise self._away(error) from error
            raise

    def _sqlite(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self.url.path
            if path is None or not path.exists():
                raise DatabaseAway(f"There is no database at {path}.", "Run “cstui init” or “cstui demo”.")
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            for pragma in (*SQLITE_PRAGMAS, "query_only=ON", "cache_size=-16000", "mmap_size=268435456"):
                connection.execute("PRAGMA " + pragma)
            self._connection = connection
        return self._connection  # type: ignore[no-any-return]

    def _postgres_rows(self, sql: str, parameters: Mapping[str, Any], keyed: bool) -> list[Row]:
        import psycopg

        for attempt in (1, 2):
            try:
                connection = self._postgres()
                if keyed != self._keyed:
                    return self._planned_otherwise(connection, sql, parameters, keyed)
                return connection.execute(_psycopg_style(sql), parameters, prepare=True).fetchall()  # type: ignore[no-any-return]
            except psycopg.errors.QueryCanceled as error:
                if "statement timeout" in str(error):
                    raise DatabaseAway(
                        "The database took too long to answer.", "Try again, or narrow the question."
                    ) from error
                raise Interrupted from None
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self._connection = None
                if attempt == 2:
                    raise self._away(error) from error
        raise AssertionError("unreachable")

    def _planned_otherwise(
        self, connection: Any, sql: str, parameters: Mapping[str, Any], keyed: bool
    ) -> list[Row]:
        """Switches how statements are planned and asks, both in one round trip."""
        mode = "force_generic_plan" if keyed else "force_custom_plan"
        self._keyed = keyed
        try:
            with connection.pipeline():
                connection.execute(f"SET plan_cache_mode = {mode}")
                cursor = connection.execute(_psycopg_style(sql), parameters, prepare=True)
            return cursor.fetchall()  # type: ignore[no-any-return]
        except BaseException:
            self.close()
            raise

    def _postgres(self) -> Any:
        if self._connection is None or self._connection.closed:
            import psycopg

            connection = psycopg.connect(self.url.dsn, autocommit=True, **POSTGRES_ARGUMENTS)  # type: ignore[arg-type]
            connection.prepare_threshold = 0
            # A long-lived prepared statement drifts to a generic plan, which knows nothing of how common a term is.
            connection.execute("SET plan_cache_mode = force_custom_plan")
            self._keyed = False
            connection.execute("SET default_transaction_read_only = on")
            self._connection = connection
        return self._connection

    def _away(self, error: Exception) -> DatabaseAway:
        said = str(error)
        if "not a database" in said or "malformed" in said:
            return DatabaseAway(
                f"The file behind {self.url.shown} is no SQLite database, or is damaged.",
                "Name the right file, or put the newest backup in its place.",
            )
        if "unable to open" in said:
            return DatabaseAway(
                f"The database at {self.url.shown} cannot be opened.",
                "Check the path and its rights, or run “cstui doctor”.",
            )
        return DatabaseAway(
            f"The database at {self.url.shown} does not answer.",
            "It is tried again by itself; nothing typed is lost.",
            cause=type(error).__name__,
        )


def instant(value: Any) -> datetime | None:
    """A stored instant from either driver as aware UTC; None stays None."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def instant_of(value: Any) -> datetime:
    """A stored instant that is never NULL."""
    at = instant(value)
    if at is None:
        raise ValueError("an instant that must not be NULL is NULL")
    return at


def day(value: Any) -> date | None:
    """A stored date from either driver."""
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(value)
