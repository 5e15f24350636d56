"""Writing reason lists."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Reason
from cstui.storage.transaction import Transaction

_REASON = table_of(Reason)


@dataclass(frozen=True, slots=True)
class StoredReason:
    """One entry as stored."""

    id: int
    label: str
    position: int
    is_active: bool


def seed(transaction: Transaction) -> int:
    """Writes the starter lists where the organisation has no reason yet; returns how many entries were written."""
    if transaction.rows(sa.select(_REASON.c.id).limit(1)):
        return 0
    rows = [
        {
            "kind": kind,
            "code": code,
            "label": label,
            "store_id": None,
            "position": position,
            "is_active": True,
        }
        for kind, entries in STARTERS.items()
        for position, (code, label) in enumerate(entries, start=1)
    ]
    transaction.run(_REASON.insert(), rows)
    return len(rows)


def _at(kind: ReasonKind, code: str, store_id: int | None) -> sa.ColumnElement[bool]:
    store = _REASON.c.store_id
    return sa.and_(
        _REASON.c.kind == kind,
        _REASON.c.code == code,
        store.is_(None) if store_id is None else store == store_id,
    )


def stored(
    transaction: Transaction, kind: ReasonKind, code: str, store_id: int | None
) -> StoredReason | None:
    """The organisation's entry, or a store's own, with this code."""
    found = transaction.rows(
        sa.select(_REASON.c.id, _REASON.c.label, _REASON.c.position, _REASON.c.is_active).where(
            _at(kind, code, store_id)
        )
    )
    return StoredReason(*found[0]) if found else None


def last_position(transaction: Transaction, kind: ReasonKind) -> int:
    """The highest position in a list; 0 where it is empty."""
    return int(
        transaction.rows(
            sa.select(sa.func.coalesce(sa.func.max(_REASON.c.position), 0)).where(_REASON.c.kind == kind)
        )[0][0]
    )


def put(
    transaction: Transaction,
    kind: ReasonKind,
    code: str,
    store_id: int | None,
    *,
    label: str,
    position: int,
    is_active: bool,
) -> int:
    """Stores an entry and returns its id."""
    facts = {"label": label, "position": position, "is_active": is_active}
    changed = transaction.rows(
        _REASON.update().where(_at(kind, code, store_id)).values(facts).returning(_REASON.c.id)
    )
    if not changed:
        changed = transaction.rows(
            _REASON.insert().values(kind=kind, code=code, store_id=store_id, **facts).returning(_REASON.c.id)
        )
    return int(changed[0][0])
