"""What went back of an order's charges as our books know it: what a gateway's own list is compared with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cstui.domain.payments import TransactionKind
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

_MOVE = table_of(PaymentTransaction)
_BACK = (TransactionKind.REFUND, TransactionKind.VOID, TransactionKind.CREDIT)


def back_of_charge(tx: Transaction, order_id: int, charge_id: int) -> list[Any]:
    """The refunds and voids of one charge, and those of its order that name no charge, in every status, oldest first."""
    return tx.rows(
        sa.select(
            _MOVE.c.id, _MOVE.c.kind, _MOVE.c.status, _MOVE.c.origin, _MOVE.c.amount, _MOVE.c.gateway, _MOVE.c.gateway_ref
        )
        .where(
            _MOVE.c.order_id == order_id,
            _MOVE.c.kind.in_(_BACK),
            sa.or_(_MOVE.c.parent_id == charge_id, _MOVE.c.parent_id.is_(None)),
        )
        .order_by(_MOVE.c.id)
    )  # fmt: skip
