"""The database itself as a use case: make it, upgrade it with a backup before, check it, back it up."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from cstui.domain.errors import Conflict, DatabaseAway, NotPossibleNow
from cstui.storage.database import Database
from cstui.storage.queries.schema_view import newest_version, stored_version


class DriverMissing(DatabaseAway):
    """The program was installed without what speaks to this kind of database."""

    code = "driver_missing"
    title = "Something is not installed"


def require_driver(is_sqlite: bool) -> None:
    """Passes where the driver of this kind of database is installed; loads nothing. Errors: `DriverMissing`."""
    if not is_sqlite and find_spec("psycopg") is None:
        raise DriverMissing("PostgreSQL's driver is not installed.", "Run: pip install 'cstui[postgres]'")


class Schema:
    """What operators do with the database. None of it needs a sign-in: whoever can run it owns the file or the URL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self) -> None:
        """Passes where program and database fit. Light where they do. Errors: `SchemaNotCurrent`, `DatabaseAway`."""
        path = self._database.url.path
        if path is not None and not path.exists():
            raise DatabaseAway(
                f"There is no database at {path} yet.", "Run “cstui init”, or “cstui demo” for made-up data."
            )
        if stored_version(self._database.reader) == newest_version():
            return
        from cstui.storage import schema

        schema.check(self._database)

    def make(self) -> None:
        """Makes the schema in an empty or missing database, readable by its owner only."""
        from cstui.storage import schema

        path = self._database.url.path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)
        schema.upgrade(self._database)

    def upgrade(self) -> tuple[str, str, Path | None]:
        """Brings the schema to this program's version; backs a SQLite file up first.

        Returns (version before, version after, the backup's path or None).
        """
        from cstui.storage import schema

        path = self._database.url.path
        if path is not None and not path.exists():
            self.make()
            return "", schema.current(self._database), None
        before = schema.current(self._database)
        if before == schema.newest():
            return before, before, None
        backup: Path | None = None
        if path is not None and before:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            backup = path.with_name(f"{path.name}.{stamp}.backup")
            self.backup(backup)
        schema.upgrade(self._database)
        return before, schema.current(self._database), backup

    def clock_difference(self) -> float:
        """How many seconds the database's clock is ahead of this machine's. Errors: `DatabaseAway`."""
        with self._database.read() as tx:
            return (tx.clock() - datetime.now(UTC)).total_seconds()

    def has_people(self) -> bool:
        """Whether anybody could sign in: false between `db upgrade` and `init`. Errors: `DatabaseAway`."""
        from cstui.storage import schema
        from cstui.storage.queries import staff

        if not schema.current(self._database):
            return False
        with self._database.read() as tx:
            return staff.anybody(tx)

    def free_megabytes(self) -> int | None:
        """Free space beside a SQLite file; None on PostgreSQL."""
        path = self._database.url.path
        return shutil.disk_usage(path.parent).free // 2**20 if path is not None else None

    def backup(self, target: Path) -> int:
        """Copies a SQLite database while it is in use; returns the size in bytes.

        Errors: `Conflict` where the file exists, `NotPossibleNow` on PostgreSQL, `DatabaseAway`.
        """
        path = self._database.url.path
        if path is None:
            raise NotPossibleNow(
                "PostgreSQL is backed up with its own tools.", "Use pg_dump, or your provider's backups."
            )
        if target.exists():
            raise Conflict(f"{target} exists already.", "Name another file; nothing is ever overwritten.")
        if not path.exists():
            raise DatabaseAway(f"There is no database at {path}.", "Check the path.")
        partial = target.with_name(target.name + ".part")
        try:
            partial.touch(mode=0o600)
            source, copy = sqlite3.connect(path), sqlite3.connect(partial)
            try:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                source.close()
                copy.close()
            partial.rename(target)
        except (OSError, sqlite3.Error) as error:
            partial.unlink(missing_ok=True)
            raise DatabaseAway(f"{target} could not be written.", f"{error}. Nothing was changed.") from error
        return target.stat().st_size
