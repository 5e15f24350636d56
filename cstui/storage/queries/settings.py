"""Writing settings."""

from __future__ import annotations

import sqlalchemy as sa

from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Setting
from cstui.storage.transaction import Transaction

_SETTING = table_of(Setting)


def _at(key: str, store_id: int | None) -> sa.ColumnElement[bool]:
    store = _SETTING.c.store_id
    return sa.and_(_SETTING.c.key == key, store.is_(None) if store_id is None else store == store_id)


def stored(transaction: Transaction) -> list[tuple[str, int | None, str]]:
    """Every stored (key, store or None, JSON), as this transaction sees it."""
    rows = transaction.rows(sa.select(_SETTING.c.key, _SETTING.c.store_id, _SETTING.c.value).limit(20_000))
    return [(row.key, row.store_id, row.value) for row in rows]


def put(transaction: Transaction, key: str, store_id: int | None, value: str, by: str) -> int:
    """Stores a JSON value for the organisation or for one store; returns the row's id."""
    facts = {"value": value, "changed_by": by, "changed_at": transaction.now}
    changed = transaction.rows(
        _SETTING.update().where(_at(key, store_id)).values(facts).returning(_SETTING.c.id)
    )
    if not changed:
        changed = transaction.rows(
            _SETTING.insert().values(key=key, store_id=store_id, **facts).returning(_SETTING.c.id)
        )
    return int(changed[0][0])


def remove(transaction: Transaction, key: str, store_id: int | None) -> int | None:
    """Takes a stored value away; returns the id it had, None where there was none."""
    gone = transaction.rows(_SETTING.delete().where(_at(key, store_id)).returning(_SETTING.c.id))
    return int(gone[0][0]) if gone else None
