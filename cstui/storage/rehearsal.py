"""Trying a long piece of work without keeping it: the same code, the same figures, nothing stored."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from cstui.storage.bulk import let_run_long
from cstui.storage.database import Database
from cstui.storage.transaction import Transaction

#: Opens the next transaction of the work.
Writes = Callable[[], AbstractContextManager[Transaction]]


class _Undone(Exception):
    """Takes a rehearsal's transaction back."""


@contextmanager
def rehearsal(database: Database) -> Iterator[Writes]:
    """Transactions that see each other's changes and are all taken back at the end.

    SQLite: they run on a copy in the temporary folder (as large as the database), so that no desk waits. PostgreSQL: they are one
    transaction that is rolled back; whoever wants to change the same records waits for it.
    """
    if database.is_sqlite:
        with tempfile.TemporaryDirectory(prefix="cstui-rehearsal-") as folder:
            copy = Database(f"sqlite:///{_copied(database, Path(folder))}", durable=False)
            try:
                yield copy.write
            finally:
                copy.close()
        return
    try:
        with database.write() as transaction:
            let_run_long(transaction)
            yield lambda: nullcontext(transaction)
            raise _Undone
    except _Undone:
        pass


def _copied(database: Database, folder: Path) -> Path:
    path = folder / "rehearsal.db"
    source, target = sqlite3.connect(str(database.url.path)), sqlite3.connect(path)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return path
