"""How connections are made on either database: time-outs, keepalives, durability. Light: loads no driver."""

from __future__ import annotations

from cstui.domain.database_url import DatabaseUrl, read_url

__all__ = ["POSTGRES_ARGUMENTS", "POSTGRES_OPTIONS", "SQLITE_PRAGMAS", "DatabaseUrl", "read_url"]

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
