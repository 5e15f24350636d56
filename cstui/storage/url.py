"""Where the database is: `sqlite:///file.db` or `postgresql://user@host/name`. Light: loads no driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cstui.domain.errors import UsageError

#: What every PostgreSQL connection runs with: nothing waits for ever, a silent network is noticed, time is UTC.
POSTGRES_OPTIONS = (
    "-c lock_timeout=3000 -c statement_timeout=10000 -c idle_in_transaction_session_timeout=15000"
    " -c client_connection_check_interval=5000 -c timezone=UTC"
)
POSTGRES_ARGUMENTS: dict[str, str | int] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10000,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "cstui",
    "client_encoding": "utf8",
    "options": POSTGRES_OPTIONS,
}
#: SQLite: durable at each commit; writers queue for at most ten seconds.
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "temp_store=MEMORY",
)


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
