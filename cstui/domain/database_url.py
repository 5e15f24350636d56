"""Where the database is: `sqlite:///file.db` or `postgresql://user@host/name`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cstui.domain.errors import UsageError


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A read database URL; `path` for SQLite, `dsn` for PostgreSQL."""

    text: str
    is_sqlite: bool
    path: Path | None
    dsn: str

    @property
    def shown(self) -> str:
        """The URL without its password."""
        parts = urlsplit(self.text)
        if parts.password is None:
            return self.text
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit((parts.scheme, f"{parts.username}:***@{host}{port}", parts.path, parts.query, ""))


def read_url(text: str) -> DatabaseUrl:
    """Reads a database URL.

    Errors: `UsageError` for any other scheme, or SQLite without a file.
    """
    trimmed = text.strip()
    if trimmed.startswith("sqlite:///"):
        path = trimmed.removeprefix("sqlite:///")
        if not path or path == ":memory:":
            raise UsageError("The SQLite URL names no file.", "Write it as sqlite:////home/you/desk.db.")
        return DatabaseUrl(trimmed, True, Path(path).expanduser(), "")
    for scheme in ("postgresql://", "postgres://", "postgresql+psycopg://"):
        if trimmed.startswith(scheme):
            dsn = "postgresql://" + trimmed.removeprefix(scheme)
            return DatabaseUrl(dsn, False, None, dsn)
    raise UsageError(
        f"“{trimmed.split('://')[0]}” is not a database that cstui knows.",
        "Use sqlite:///FILE or postgresql://USER@HOST/NAME.",
    )
