"""Transactions inside a transaction: what an attempt, a record by hand or a look at the gateway writes into an order's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.payments import (
    TransactionKind,
    TransactionStatus,
)
from cstui.storage.queries.attempts import refused_by_database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

_MOVE = table_of(PaymentTransaction)


def add(tx: Transaction, values: Mapping[str, Any]) -> int:
    """Writes a transaction and returns its id. Errors: `MoreThanRemains` where the database's balance check refuses it; all is lost then."""
    row: dict[str, Any] = {
        "status": TransactionStatus.SUCCEEDED, "origin": "desk", "account": "", "gateway_ref": "", "parent_id": None,
        "attempt_id": None, "card_id": None, "card_brand": "", "card_last4": "", "response_code": "", "response_text": "",
        "is_test": False, "occurred_at": tx.now, "settled_at": None, "created_at": tx.now, **values,
    }  # fmt: skip
    try:
        return int(tx.rows(_MOVE.insert().values(**row).returning(_MOVE.c.id))[0][0])
    except (sa.exc.IntegrityError, sa.exc.InternalError) as error:
        raise refused_by_database(error) from error


def of_attempt(tx: Transaction, attempt_id: int) -> Any | None:
    """The transaction that an attempt wrote, or None."""
    rows = tx.rows(sa.select(_MOVE).where(_MOVE.c.attempt_id == attempt_id).with_for_update())
    return rows[0] if rows else None


def other(
    tx: Transaction, gateway: str, account: str, ref: str, kind: TransactionKind, attempt_id: int
) -> int | None:
    """Another transaction of the desk's that bears this number of the gateway's, or None."""
    rows = tx.rows(
        sa.select(_MOVE.c.id).where(
            _MOVE.c.gateway == gateway, _MOVE.c.account == account, _MOVE.c.gateway_ref == ref, _MOVE.c.kind == kind,
            # In the words of the partial index, which would not be used otherwise.
            sa.text("gateway_ref <> '' AND origin = 'desk'"), _MOVE.c.attempt_id.is_distinct_from(attempt_id),
        )
    )  # fmt: skip
    return int(rows[0].id) if rows else None


def change(tx: Transaction, transaction_id: int, **values: Any) -> None:
    """Writes facts of a transaction."""
    tx.run(_MOVE.update().where(_MOVE.c.id == transaction_id).values(**values))


def read(tx: Transaction, transaction_id: int) -> Any | None:
    """A transaction's row, or None."""
    rows = tx.rows(sa.select(_MOVE).where(_MOVE.c.id == transaction_id))
    return rows[0] if rows else None


def settled(tx: Transaction, transaction_id: int, at: datetime) -> None:
    """Notes that a charge has settled, once."""
    tx.run(
        _MOVE.update().where(_MOVE.c.id == transaction_id, _MOVE.c.settled_at.is_(None)).values(settled_at=at)
    )
