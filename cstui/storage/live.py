"""The one connection of a desk that listens and keeps its locks alive; driver-level, so that it loads no SQLAlchemy.

PostgreSQL: LISTEN, woken at once. SQLite: `PRAGMA data_version` every quarter of a second. Every statement stands alone and is stored at
once; none of them needs another to be right.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from cstui.domain.errors import DatabaseAway
from cstui.domain.ids import Kind
from cstui.domain.live import Ending, Picture
from cstui.domain.locking import Knock, LockState, Purpose
from cstui.domain.money_news import MoneyNews
from cstui.storage.queries import money_news
from cstui.storage.reader import Row, _psycopg_style, instant_of
from cstui.storage.url import POSTGRES_ARGUMENTS, SQLITE_PRAGMAS, DatabaseUrl
from cstui.storage.write_queue import WriteQueue

#: The PostgreSQL channel that desks listen on.
LIVE_CHANNEL = "cstui_live"
#: How often a SQLite desk looks whether anything was stored, in seconds.
POLL = 0.25
#: Longest wait for SQLite's writers before a heartbeat is put off to the next round, in milliseconds.
_SQLITE_PATIENCE = 2000
_WATCHED = {
    Kind.ORDER: ("orders", "number", "n.subject_kind = 'order' AND n.subject_id = r.id"),
    Kind.SUBSCRIPTION: ("subscription", "product", "n.subject_kind = 'subscription' AND n.subject_id = r.id"),
    Kind.CUSTOMER: ("customer", "last_name", "n.customer_id = r.id"),
}


class Busy(DatabaseAway):
    """Others write at this moment; the connection is sound and the next round tries again."""


class LiveConnection:
    """Opened, used and closed by one thread; only `wake` may be called from others.

    Errors of every method: `DatabaseAway`.
    """

    def __init__(self, url: DatabaseUrl, desk: str) -> None:
        self.url = url
        self._desk = desk
        self._queue = WriteQueue(url.path) if url.path is not None else None
        self._data_version = -1
        self._connection: Any = None
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._mouth, False)

    def open(self) -> None:
        """Connects and, on PostgreSQL, starts to listen."""
        with self._in_words():
            self._connection = self._open_sqlite() if self.url.is_sqlite else self._open_postgres()

    def hang_up(self) -> None:
        """Closes the database connection; `open` may follow."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._in_words():
                connection.close()

    def close(self) -> None:
        """Gives everything back. Not to be used again."""
        try:
            self.hang_up()
        finally:
            os.close(self._ear)
            os.close(self._mouth)

    def wake(self) -> None:
        """Ends the wait that runs or comes next."""
        try:
            os.write(self._mouth, b".")
        except OSError:
            return  # the pipe is full (it will wake anyway) or closed (nobody waits)

    def rest(self, seconds: float) -> None:
        """Waits without a database until time is up or somebody wakes."""
        select.select([self._ear], [], [], seconds)
        self._drain()

    def wait(self, seconds: float) -> bool:
        """Waits until something may have been stored, somebody wakes or time is up; whether something may have been stored."""
        if self.url.is_sqlite:
            self.rest(min(POLL, max(0.0, seconds)))
            return self._data_version_moved()
        with self._in_words():
            # What came in while a statement ran lies in the driver already and wakes nobody.
            if list(self._connection.notifies(timeout=0)):
                return True
            ready, _, _ = select.select([self._ear, self._connection.fileno()], [], [], max(0.0, seconds))
            self._drain()
            return self._connection.fileno() in ready and bool(list(self._connection.notifies(timeout=0)))

    def now(self) -> datetime:
        """The database's clock."""
        sql = (
            "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"
            if self.url.is_sqlite
            else "SELECT clock_timestamp()"
        )
        return instant_of(self._rows(sql)[0][0])

    def pictures(
        self, watched: Collection[tuple[Kind, int]], now: datetime, fresh: float
    ) -> dict[tuple[Kind, int], Picture]:
        """The present picture of each record that exists. `fresh`: how many seconds a looker counts after his last sign of life."""
        lookers = self._lookers(watched, now, fresh)
        found: dict[tuple[Kind, int], Picture] = {}
        for kind in sorted({kind for kind, _ in watched}):
            if kind not in _WATCHED:
                raise ValueError(f"a {kind} is never watched")
            table, _, notes = _WATCHED[kind]
            keys = ", ".join(str(int(key)) for of, key in watched if of is kind)
            rows = self._rows(
                f"SELECT r.id, r.version, (SELECT max(n.id) FROM note n WHERE {notes}), {self._money_of(kind)},"
                " l.holder_name, l.holder_id, l.terminal,"
                f" l.acquired_at, l.active_at, l.lease_until, l.purpose, l.breakable, l.token FROM {table} r"
                f" LEFT JOIN edit_lock l ON l.record_kind = '{kind}' AND l.record_id = r.id WHERE r.id IN ({keys})"
            )
            for row in rows:
                spot = (kind, row[0])
                found[spot] = Picture(
                    row[1], _lock_state(row[4:], now), row[2] or 0, row[3] or "", lookers.get(spot, ())
                )
        return found

    def _money_of(self, kind: Kind) -> str:
        """What stands for the money of a record: it differs whenever an attempt, a refund, a transaction, a mail or a card does."""
        column = f"{kind}_id"
        gathered = "group_concat({0}, ' ')" if self.url.is_sqlite else "string_agg({0}, ' ')"
        parts = [("payment_attempt", "id || state", "")]
        if kind is not Kind.SUBSCRIPTION:
            parts += [
                ("refund", "id || state || amount", ""),
                ("payment_transaction", "id || status", ""),
                ("outbox", "id || state", ""),
            ]
        if kind is Kind.CUSTOMER:
            parts.append(
                ("card", "id || CASE WHEN is_default THEN 'd' ELSE '' END", " AND x.removed_at IS NULL")
            )
        pieces = [
            f"coalesce((SELECT {gathered.format('p.s')} FROM (SELECT {shown} AS s FROM {table} x WHERE x.{column} = r.id{more}"
            " ORDER BY x.id DESC LIMIT 50) p), '')"
            for table, shown, more in parts
        ]
        return " || '/' || ".join(pieces)

    def money_news(self, staff_id: int, approves_in: frozenset[int] | None) -> MoneyNews:
        """The picture of money for one person."""
        return money_news.read(self._rows, self.url.is_sqlite, staff_id, approves_in)

    def last_edit(self, kind: Kind, record_id: int, version: int) -> tuple[str, datetime | None]:
        """Who made this version of a record, and when."""
        rows = self._rows(
            "SELECT actor_name, at FROM audit_event WHERE record_kind = :kind AND record_id = :id AND version = :version"
            " ORDER BY id DESC LIMIT 1",
            {"kind": kind.value, "id": record_id, "version": version},
        )
        return (rows[0][0], instant_of(rows[0][1])) if rows else ("", None)

    def renew(self, tokens: Collection[str], lease: float, idle: float) -> dict[str, datetime]:
        """A sign of life for these locks; returns those that are still held, with since when. `idle`: seconds since the last key."""
        if not tokens:
            return {}
        now = self.now()
        names, values = _listed(tokens)
        values |= {
            "now": self._moment(now),
            "lease": self._moment(now + timedelta(seconds=lease)),
            "active": self._moment(now - timedelta(seconds=idle)),
        }
        rows = self._write(
            "UPDATE edit_lock SET heartbeat_at = :now, lease_until = :lease,"
            " active_at = CASE WHEN active_at < :active THEN :active ELSE active_at END"
            f" WHERE token IN ({names}) RETURNING token, acquired_at",
            values,
        )
        return {row[0]: instant_of(row[1]) for row in rows}

    def still_held(self, tokens: Collection[str]) -> set[str]:
        """Which of these tokens hold a lock."""
        if not tokens:
            return set()
        names, values = _listed(tokens)
        return {row[0] for row in self._rows(f"SELECT token FROM edit_lock WHERE token IN ({names})", values)}

    def record_of(self, token: str) -> tuple[Kind, int] | None:
        """Which record a token holds."""
        rows = self._rows(
            "SELECT record_kind, record_id FROM edit_lock WHERE token = :token", {"token": token}
        )
        return (Kind(rows[0][0]), rows[0][1]) if rows else None

    def ending(self, token: str) -> Ending:
        """How the hold of a token ended."""
        rows = self._rows(
            "SELECT kind, by_name, at, reason, record_kind, record_id FROM lock_event WHERE token = :token ORDER BY id DESC LIMIT 1",
            {"token": token},
        )
        if not rows:
            return Ending("", "", None, "")
        how, by, at, reason, kind, key = rows[0]
        return Ending("" if how == "taken" else how, by, instant_of(at), reason, Kind(kind), key)

    def knocks(self, tokens: Collection[str], answered: bool) -> list[tuple[str, Knock]]:
        """Open questions to the locks of these tokens, or (`answered`) the answers to these waiting tokens; with the token."""
        if not tokens:
            return []
        names, values = _listed(tokens)
        column, condition = ("waiting_token", "<>") if answered else ("lock_token", "=")
        rows = self._rows(
            f"SELECT k.{column}, k.id, k.record_kind, k.record_id, coalesce(o.number, s.product, ''), k.staff_name, k.terminal, k.at,"
            " k.answer FROM lock_knock k LEFT JOIN orders o ON k.record_kind = 'order' AND o.id = k.record_id"
            " LEFT JOIN subscription s ON k.record_kind = 'subscription' AND s.id = k.record_id"
            f" WHERE k.{column} IN ({names}) AND k.answer {condition} '' ORDER BY k.id",
            values,
        )
        return [(r[0], Knock(r[1], Kind(r[2]), r[3], r[4], r[5], r[6], instant_of(r[7]), r[8])) for r in rows]

    def give_back(self, token: str, reason: str) -> bool:
        """Frees a lock whose holder has not touched a key for long; whether it was still held.

        The event comes first: should the desk die between the two, the lock simply stands until its lease has passed.
        """
        now = self._moment(self.now())
        found = self.record_of(token)
        self._write(
            "INSERT INTO lock_event (record_kind, record_id, token, fence, kind, holder_id, holder_name, by_id, by_name, reason, at)"
            " SELECT record_kind, record_id, token, fence, 'expired', holder_id, holder_name, holder_id, holder_name, :reason, :now"
            " FROM edit_lock WHERE token = :token RETURNING id",
            {"token": token, "reason": reason, "now": now},
        )
        gone = self._write("DELETE FROM edit_lock WHERE token = :token RETURNING record_id", {"token": token})
        self._write(
            "UPDATE lock_knock SET answer = 'free', answered_at = :now WHERE lock_token = :token AND answer = '' RETURNING id",
            {"token": token, "now": now},
        )
        if gone and found is not None:
            self._tell("lock", *found)
        return bool(gone)

    def still_looking(self, desk: str) -> None:
        """A sign of life for everything that this desk looks at."""
        looking = self._rows("SELECT 1 FROM presence WHERE desk = :desk LIMIT 1", {"desk": desk})
        if looking:
            self._write(
                "UPDATE presence SET seen_at = :now WHERE desk = :desk RETURNING record_id",
                {"desk": desk, "now": self._moment(self.now())},
            )

    def leave(self, desk: str) -> None:
        """The desk closes: it looks at nothing any more."""
        gone = self._write(
            "DELETE FROM presence WHERE desk = :desk RETURNING record_kind, record_id", {"desk": desk}
        )
        for kind, key in gone:
            self._tell("presence", Kind(kind), key)

    def _lookers(
        self, watched: Collection[tuple[Kind, int]], now: datetime, fresh: float
    ) -> dict[tuple[Kind, int], tuple[str, ...]]:
        if not watched:
            return {}
        spots = " OR ".join(
            f"(record_kind = '{kind}' AND record_id = {int(key)})" for kind, key in sorted(watched)
        )
        rows = self._rows(
            f"SELECT record_kind, record_id, staff_name FROM presence WHERE desk <> :desk AND seen_at >= :since AND ({spots})"
            " ORDER BY since, staff_name",
            {"desk": self._desk, "since": self._moment(now - timedelta(seconds=fresh))},
        )
        lookers: dict[tuple[Kind, int], tuple[str, ...]] = {}
        for kind, key, name in rows:
            spot = (Kind(kind), key)
            if name not in lookers.get(spot, ()):
                lookers[spot] = (*lookers.get(spot, ()), name)
        return lookers

    def _tell(self, what: str, kind: Kind, record_id: int) -> None:
        if not self.url.is_sqlite:
            body = json.dumps({"what": what, "kind": kind, "id": record_id})
            self._rows("SELECT pg_notify(:channel, :body)", {"channel": LIVE_CHANNEL, "body": body})

    def _moment(self, at: datetime) -> Any:
        """An instant as the driver binds it and the column holds it."""
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if self.url.is_sqlite else at

    def _write(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        with self._queue.turn() if self._queue else nullcontext():
            return self._rows(sql, parameters)

    def _rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        if self._connection is None:
            raise self._away(ConnectionError())
        with self._in_words():
            if self.url.is_sqlite:
                return list(self._connection.execute(sql, parameters or {}))
            return list(self._connection.execute(_psycopg_style(sql), parameters or {}).fetchall())

    def _data_version_moved(self) -> bool:
        before, self._data_version = self._data_version, self._rows("PRAGMA data_version")[0][0]
        return before != self._data_version

    def _open_sqlite(self) -> sqlite3.Connection:
        path = self.url.path
        if path is None or not path.exists():
            raise DatabaseAway(f"There is no database at {path}.", "Run “cstui init” or “cstui demo”.")
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in (*SQLITE_PRAGMAS, f"busy_timeout={_SQLITE_PATIENCE}"):
            connection.execute("PRAGMA " + pragma)
        self._data_version = -1
        return connection

    def _open_postgres(self) -> Any:
        import psycopg

        connection = psycopg.connect(self.url.dsn, autocommit=True, **POSTGRES_ARGUMENTS)  # type: ignore[arg-type]
        connection.execute(f"LISTEN {LIVE_CHANNEL}")
        return connection

    def _drain(self) -> None:
        try:
            while os.read(self._ear, 512):
                pass
        except BlockingIOError:
            return

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._away(error) from error
        except OSError as error:
            raise self._away(error) from error
        except Exception as error:
            if type(error).__module__.startswith("psycopg"):
                raise self._away(error) from error
            raise

    def _away(self, error: Exception) -> DatabaseAway:
        busy = getattr(error, "sqlstate", None) in ("55P03", "57014") or (
            isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))
        )
        if busy:
            return Busy("The database is busy.", "It is tried again by itself.")
        return DatabaseAway(
            f"The database at {self.url.shown} does not answer.",
            "It is tried again by itself; nothing typed is lost.",
            cause=type(error).__name__,
        )


def _lock_state(row: Row, now: datetime) -> LockState | None:
    holder, holder_id, terminal, since, active, lease, purpose, breakable, token = row
    if token is None:
        return None
    until = instant_of(lease)
    return LockState(
        holder, holder_id, terminal, instant_of(since), instant_of(active), until, until < now, Purpose(purpose), bool(breakable), token
    )  # fmt: skip


def _listed(tokens: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Tokens as named parameters and their values."""
    values: dict[str, Any] = {f"t{i}": token for i, token in enumerate(sorted(tokens))}
    return ", ".join(f":{name}" for name in values), values
