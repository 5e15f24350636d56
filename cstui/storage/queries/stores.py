"""Stores: reading and adding them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.errors import NotFound
from cstui.domain.stores import NewStore, StoreRow
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

_STORE = table_of(Store)
_ROW = (
    _STORE.c.id, _STORE.c.code, _STORE.c.name, _STORE.c.currency, _STORE.c.zone, _STORE.c.country, _STORE.c.locale,
    _STORE.c.order_prefix, _STORE.c.is_test,
)  # fmt: skip
_LIMIT = 1000


def rows(transaction: Transaction, store_ids: Iterable[int] | None = None) -> tuple[StoreRow, ...]:
    """The stores with these ids (None: all), by code."""
    query = sa.select(*_ROW).order_by(_STORE.c.code).limit(_LIMIT)
    if store_ids is not None:
        query = query.where(_STORE.c.id.in_(list(store_ids)))
    return tuple(StoreRow(*row) for row in transaction.rows(query))


def with_code(transaction: Transaction, code: str) -> StoreRow | None:
    """The store with this code, written in any case."""
    found = transaction.rows(sa.select(*_ROW).where(_STORE.c.code == code.strip().lower()))
    return StoreRow(*found[0]) if found else None


def known(transaction: Transaction, code: str) -> StoreRow:
    """The store with this code. Errors: `NotFound` with the command that adds it."""
    found = with_code(transaction, code)
    if found is None:
        raise unknown(code)
    return found


def require_known(transaction: Transaction, store_id: int) -> None:
    """Passes where there is a store with this id. Errors: `NotFound`."""
    if not transaction.rows(sa.select(_STORE.c.id).where(_STORE.c.id == store_id)):
        raise NotFound("There is no such store.", "“cstui store list” shows them.")


def unknown(code: str) -> NotFound:
    """The refusal for a code that no store has."""
    return NotFound(
        f"There is no store “{code}”.",
        f"“cstui store list” shows them; “cstui store add {code} --name … --currency … --zone … --country …” adds one.",
        store=code,
    )


def add(transaction: Transaction, store: NewStore) -> int | None:
    """Adds a store and returns its id; None where the code is taken, also by somebody at this very moment."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_STORE)
    added = transaction.rows(
        insert.values(
            code=store.code, name=store.name, currency=store.currency, zone=store.zone, country=store.country,
            locale=store.locale, order_prefix=store.order_prefix, notify_emails=", ".join(store.notify_emails),
            daily_bill_time="09:00", is_test=store.is_test, created_at=transaction.now,
        )
        .on_conflict_do_nothing()
        .returning(_STORE.c.id)
    )  # fmt: skip
    return int(added[0][0]) if added else None
