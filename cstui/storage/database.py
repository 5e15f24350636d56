"""A desk's way to its database. Light: SQLAlchemy is loaded by the first transaction, never by a hot read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from cstui.storage.reader import Reader
from cstui.storage.url import DatabaseUrl, read_url
from cstui.storage.write_queue import WriteQueue

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cstui.storage.transaction import Transaction


class Database:
    """A desk's way to its database. Construction is cheap; engine and connections are made at first use.

    `durable=False` (SQLite synchronous=NORMAL) is for seeding and bulk loading only. `connections`: how many threads may be in a transaction at
    once on PostgreSQL; a worker's have one each, so that no sign of life waits for a bill.
    """

    def __init__(self, url: str | DatabaseUrl, *, durable: bool = True, connections: int = 2) -> None:
        self.url = url if isinstance(url, DatabaseUrl) else read_url(url)
        self.durable = durable
        self._connections = connections
        self.reader = Reader(self.url)
        self._engine: sa.Engine | None = None
        self._making = threading.Lock()
        self._queue = WriteQueue(self.url.path) if self.url.path is not None else None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self.url.is_sqlite

    @property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine, made once."""
        with self._making:
            if self._engine is None:
                from cstui.storage.engine import make_engine

                self._engine = make_engine(self.url, durable=self.durable, connections=self._connections)
            return self._engine

    def write(self, save_id: str = "") -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end of the block, and rolls back when the block raises.

        SQLite: BEGIN IMMEDIATE behind a fair queue of writers. Errors: `DatabaseAway` (nothing was stored), `OutcomeUnknown` (the
        connection broke at the commit; look `save_id` up).
        """
        from cstui.storage import transaction

        return transaction.writing(self, save_id)

    def read(self) -> AbstractContextManager[Transaction]:
        """A read transaction: one consistent picture, never committed."""
        from cstui.storage import transaction

        return transaction.reading(self)

    @contextmanager
    def writers_turn(self) -> Iterator[None]:
        """The turn among SQLite's writers; nothing to wait for on PostgreSQL."""
        if self._queue is None:
            yield
        else:
            with self._queue.turn():
                yield

    def close(self) -> None:
        """Closes every connection."""
        self.reader.close()
        if self._engine is not None:
            self._engine.dispose()
