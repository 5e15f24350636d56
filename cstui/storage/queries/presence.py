"""Presence: which desk looks at which record. A row counts while its desk gives signs of life."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import Presence
from cstui.storage.transaction import Transaction

_PRESENCE = table_of(Presence)
_MOST = 20


def look(transaction: Transaction, actor: Actor, desk: str, kind: Kind, record_id: int) -> None:
    """Writes down that a desk looks at a record, or that it still does."""
    now = transaction.clock()
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_PRESENCE)
    who = {"staff_id": actor.staff_id, "staff_name": actor.name, "terminal": actor.terminal, "seen_at": now}
    transaction.run(
        insert.values(
            {"desk": desk, "record_kind": kind, "record_id": record_id, "since": now, **who}
        ).on_conflict_do_update(
            index_elements=[_PRESENCE.c.desk, _PRESENCE.c.record_kind, _PRESENCE.c.record_id], set_=who
        )
    )


def leave(
    transaction: Transaction, desk: str, kind: Kind | None, record_id: int | None
) -> list[tuple[Kind, int]]:
    """Removes a desk from a record, or from all; the records that it looked at."""
    statement = _PRESENCE.delete().where(_PRESENCE.c.desk == desk)
    if kind is not None:
        statement = statement.where(_PRESENCE.c.record_kind == kind)
    if record_id is not None:
        statement = statement.where(_PRESENCE.c.record_id == record_id)
    gone = transaction.rows(statement.returning(_PRESENCE.c.record_kind, _PRESENCE.c.record_id))
    return [(Kind(row.record_kind), row.record_id) for row in gone]


def who(
    transaction: Transaction, kind: Kind, record_id: int, but_desk: str, since: datetime
) -> tuple[str, ...]:
    """Names of those at other desks who look at a record and gave a sign of life since then, the first to come first."""
    query = (
        sa.select(_PRESENCE.c.staff_name)
        .where(
            _PRESENCE.c.record_kind == kind,
            _PRESENCE.c.record_id == record_id,
            _PRESENCE.c.desk != but_desk,
            _PRESENCE.c.seen_at >= since,
        )
        .order_by(_PRESENCE.c.since, _PRESENCE.c.staff_name)
        .limit(_MOST)
    )
    return tuple(dict.fromkeys(row.staff_name for row in transaction.rows(query)))


def drop_older(transaction: Transaction, than: datetime) -> int:
    """Removes the rows that crashed desks left behind; how many there were."""
    return transaction.run(_PRESENCE.delete().where(_PRESENCE.c.seen_at < than))
