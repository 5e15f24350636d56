"""Which schema the database has and which this program works with, by driver reads. Loads neither SQLAlchemy nor Alembic."""

from __future__ import annotations

from pathlib import Path

from cstui.storage.reader import Reader

_VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"


def newest_version() -> str:
    """The schema that this program works with: its migrations are numbered, the last one counts."""
    return max((file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py")), default="")


def stored_version(reader: Reader) -> str:
    """The schema of the database; empty for a fresh one. Errors: `DatabaseAway`, `Interrupted`."""
    has_table = (
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        if reader.is_sqlite
        else "SELECT CASE WHEN to_regclass('alembic_version') IS NULL THEN 0 ELSE 1 END"
    )
    if not reader.rows(has_table)[0][0]:
        return ""
    rows = reader.rows("SELECT version_num FROM alembic_version")
    return str(rows[0][0]) if rows else ""
