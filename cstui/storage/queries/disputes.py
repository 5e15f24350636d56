"""Disputes inside a transaction: chargeback transactions with the charge that each takes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cstui.domain.disputes import DisputeOutcome, DisputeRow
from cstui.domain.money import Money
from cstui.domain.payments import (
    AttemptState,
    RefundState,
    TransactionKind,
    TransactionOrigin,
    TransactionStatus,
)
from cstui.storage.queries.attempts import ATTEMPT
from cstui.storage.queries.refunds import REFUND
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

_MOVE = table_of(PaymentTransaction)
_ORDER = table_of(Order)
_TAKING = (TransactionKind.SALE, TransactionKind.CAPTURE)
#: Refunds that would be sent without anybody deciding again.
_GOING = (RefundState.REQUESTED, RefundState.FAILED_RETRYING, RefundState.APPROVED, RefundState.ARMED)


def store_of(tx: Transaction, order_id: int) -> int | None:
    """The store of an order; None where there is no such order."""
    rows = tx.rows(sa.select(_ORDER.c.store_id).where(_ORDER.c.id == order_id))
    return int(rows[0][0]) if rows else None


def of_order(tx: Transaction, order_id: int) -> tuple[DisputeRow, ...]:
    """The disputes of an order, newest first."""
    return _rows(tx, _MOVE.c.order_id == order_id)


def read(tx: Transaction, dispute_id: int) -> DisputeRow | None:
    """One dispute, its row locked until the transaction ends; None where there is none."""
    tx.rows(sa.select(_MOVE.c.id).where(_MOVE.c.id == dispute_id).with_for_update())
    found = _rows(tx, _MOVE.c.id == dispute_id)
    return found[0] if found else None


def by_reference(tx: Transaction, gateway: str, account: str, reference: str) -> DisputeRow | None:
    """The dispute that was written down by the desk under a gateway's own reference; None where none was."""
    found = _rows(
        tx,
        _MOVE.c.gateway == gateway,
        _MOVE.c.account == account,
        _MOVE.c.gateway_ref == reference,
        _MOVE.c.gateway_ref != "",
        _MOVE.c.origin == TransactionOrigin.DESK,
    )
    return found[0] if found else None


def charge(tx: Transaction, order_id: int, transaction_id: int) -> Any | None:
    """A charge of this order that brought money; None where it is none."""
    rows = tx.rows(
        sa.select(_MOVE).where(
            _MOVE.c.id == transaction_id, _MOVE.c.order_id == order_id, _MOVE.c.kind.in_(_TAKING),
            _MOVE.c.status == TransactionStatus.SUCCEEDED,
        )
    )  # fmt: skip
    return rows[0] if rows else None


def charge_by_references(
    tx: Transaction, gateway: str, account: str, references: Iterable[str]
) -> Any | None:
    """The charge that a gateway knows by one of these references; None where it is not here."""
    wanted = [reference for reference in references if reference]
    if not wanted:
        return None
    rows = tx.rows(
        sa.select(_MOVE)
        .where(
            _MOVE.c.gateway == gateway, _MOVE.c.account.in_((account, "")), _MOVE.c.gateway_ref.in_(wanted),
            _MOVE.c.kind.in_(_TAKING), _MOVE.c.status == TransactionStatus.SUCCEEDED,
        )
        .order_by(_MOVE.c.id.desc())
        .limit(1)
    )  # fmt: skip
    return rows[0] if rows else None


def stop_refunds(tx: Transaction, transaction_id: int, why: str) -> int:
    """Keeps every refund of a charge that would go by itself for a person to decide; what waits to be sent is taken back.

    What a gateway has already been sent goes on. Returns how many were stopped.
    """
    tx.run(
        ATTEMPT.update()
        .where(ATTEMPT.c.transaction_id == transaction_id, ATTEMPT.c.state == AttemptState.ARMED)
        .values(state=AttemptState.WITHDRAWN, done_at=tx.now, response_text=why)
    )
    under_way = sa.select(ATTEMPT.c.refund_id).where(
        ATTEMPT.c.transaction_id == transaction_id,
        ATTEMPT.c.refund_id.is_not(None),
        ATTEMPT.c.state.in_((AttemptState.SENDING, AttemptState.PENDING, AttemptState.UNKNOWN)),
    )
    return tx.run(
        REFUND.update()
        .where(
            REFUND.c.transaction_id == transaction_id,
            REFUND.c.state.in_(_GOING),
            REFUND.c.id.not_in(under_way),
        )
        .values(
            state=RefundState.NEEDS_DECISION, next_try_at=None, last_failure=why, updated_at=tx.now
        )
    )  # fmt: skip


def _rows(tx: Transaction, *conditions: Any) -> tuple[DisputeRow, ...]:
    rows = tx.rows(
        sa.select(_MOVE)
        .where(_MOVE.c.kind == TransactionKind.CHARGEBACK, *conditions)
        .order_by(_MOVE.c.occurred_at.desc(), _MOVE.c.id.desc())
    )
    return tuple(_row(row) for row in rows)


def _row(row: Any) -> DisputeRow:
    return DisputeRow(
        row.id, row.order_id, row.store_id, row.customer_id, row.parent_id, Money(row.amount, row.currency), row.response_text,
        row.gateway_ref, _outcome(row), row.occurred_at, row.gateway,
        f"{row.card_brand} …{row.card_last4}".strip() if row.card_last4 else "",
    )  # fmt: skip


def _outcome(row: Any) -> DisputeOutcome:
    """Its status says whether the money is gone, its code whether that is final; one from a file says only the former."""
    if row.status is not TransactionStatus.SUCCEEDED:
        return DisputeOutcome.WON
    return DisputeOutcome.LOST if row.response_code == DisputeOutcome.LOST else DisputeOutcome.OPEN
