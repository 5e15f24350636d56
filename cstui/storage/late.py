"""A database that is loaded when it is first written to. Light: until then only the driver's own reads are there."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from cstui.storage.reader import Reader
from cstui.storage.url import DatabaseUrl, read_url

if TYPE_CHECKING:
    from cstui.storage.transaction import Database, Transaction


class DatabaseAccess(Protocol):
    """What a use case needs of a database: light reads, and transactions. A `Database` is one."""

    @property
    def reader(self) -> Reader:
        """Driver-level reads."""
        ...

    def write(self, save_id: str = "") -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end of the block."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A read transaction: one consistent picture."""
        ...


class LateDatabase:
    """Stands for a `Database` at start: SQLAlchemy and the tables are imported by the first transaction, not before.

    `whole` is the database itself, for whoever needs it; both share one reader.
    """

    def __init__(self, url: str | DatabaseUrl) -> None:
        self.url = url if isinstance(url, DatabaseUrl) else read_url(url)
        self.reader = Reader(self.url)
        self._whole: Database | None = None
        self._making = threading.Lock()

    @property
    def whole(self) -> Database:
        """The database, loaded at first use."""
        with self._making:
            if self._whole is None:
                from cstui.storage.transaction import Database

                self._whole = Database(self.url)
                self._whole.reader = self.reader
            return self._whole

    def write(self, save_id: str = "") -> AbstractContextManager[Transaction]:
        """As `Database.write`."""
        return self.whole.write(save_id)

    def read(self) -> AbstractContextManager[Transaction]:
        """As `Database.read`."""
        return self.whole.read()

    def close(self) -> None:
        """Closes every connection that was opened."""
        self.reader.close()
        if self._whole is not None:
            self._whole.close()
