"""Gateway accounts: adding and changing them."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.gateway_accounts import GatewayAccountRow
from cstui.storage.queries.gateway_accounts_view import options_of
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import GatewayAccount, Store
from cstui.storage.transaction import Transaction

_ACCOUNT = table_of(GatewayAccount)
_STORE = table_of(Store)


def known(
    transaction: Transaction, gateway: str, name: str, *, for_change: bool = True
) -> GatewayAccountRow | None:
    """The account with this name at this gateway; `for_change` holds it so that nobody else changes it meanwhile."""
    columns = [column for column in _ACCOUNT.c if column.name != "created_at"]
    query = sa.select(*columns).where(_ACCOUNT.c.gateway == gateway, _ACCOUNT.c.name == name)
    rows = transaction.rows(query.with_for_update() if for_change else query)
    if not rows:
        return None
    row = rows[0]
    codes = transaction.rows(sa.select(_STORE.c.code).where(_STORE.c.id == row.store_id))
    return GatewayAccountRow(
        row.id, row.store_id, codes[0].code if codes else "", row.gateway, row.name, row.is_test, row.is_main, row.is_open, row.cut_off,
        row.zone, row.url, row.secret, options_of(row.options),
    )  # fmt: skip


def add(transaction: Transaction, row: GatewayAccountRow) -> int | None:
    """Adds an account and returns its id; None where the name is taken at this gateway, also by somebody at this very moment."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_ACCOUNT)
    facts = {"store_id": row.store_id, "gateway": row.gateway, "name": row.name, "is_test": row.is_test}
    added = transaction.rows(
        insert.values(**facts, **_changeable(row), created_at=transaction.now)
        .on_conflict_do_nothing()
        .returning(_ACCOUNT.c.id)
    )
    return int(added[0][0]) if added else None


def put(transaction: Transaction, row: GatewayAccountRow) -> None:
    """Stores what may be changed of an account."""
    transaction.run(_ACCOUNT.update().where(_ACCOUNT.c.id == row.id).values(**_changeable(row)))


def leave_main(transaction: Transaction, store_id: int | None, but: int) -> int:
    """Makes every other account of a store (None: of those for all stores) no longer the main one; returns how many were."""
    scope = _ACCOUNT.c.store_id.is_(None) if store_id is None else _ACCOUNT.c.store_id == store_id
    others = _ACCOUNT.update().where(scope, _ACCOUNT.c.id != but, _ACCOUNT.c.is_main.is_(True))
    return transaction.run(others.values(is_main=False))


def _changeable(row: GatewayAccountRow) -> dict[str, Any]:
    return {
        "is_main": row.is_main, "is_open": row.is_open, "cut_off": row.cut_off, "zone": row.zone, "url": row.url, "secret": row.secret,
        "options": json.dumps(dict(sorted(row.options.items()))),
    }  # fmt: skip
