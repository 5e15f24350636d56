"""What an order's charges still hold: what went back of each, what is on its way, what waits; and the accounts that they lie at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cstui.domain.gateways import Account, Operation
from cstui.domain.payments import (
    IN_FLIGHT,
    WAITING_REFUNDS,
    AttemptState,
    TransactionKind,
    TransactionStatus,
)
from cstui.storage.queries.attempts import ATTEMPT
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Refund
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.transaction import Transaction

REFUND = table_of(Refund)
_MOVE = table_of(PaymentTransaction)
_ACCOUNT = table_of(GatewayAccount)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A gateway account as planning needs it."""

    account: Account
    is_open: bool
    is_main: bool
    store_id: int | None


@dataclass(slots=True)
class Taken:
    """What went back of one charge, or is on its way, in minor units."""

    refunded: int = 0
    voided: int = 0
    pending: int = 0
    queued: int = 0
    disputed: int = 0
    captured: int = 0
    in_flight: str = ""
    in_flight_id: int = 0
    is_unknown: bool = False


def of_order(tx: Transaction, order_id: int) -> list[Any]:
    """The order's successful sales, captures and authorisations, oldest first."""
    taking = (TransactionKind.SALE, TransactionKind.CAPTURE, TransactionKind.AUTHORISE)
    return tx.rows(
        sa.select(_MOVE)
        .where(
            _MOVE.c.order_id == order_id, _MOVE.c.kind.in_(taking), _MOVE.c.status == TransactionStatus.SUCCEEDED
        )
        .order_by(_MOVE.c.occurred_at, _MOVE.c.id)
    )  # fmt: skip


def taken(tx: Transaction, order_id: int, charges: Sequence[Any]) -> dict[int, Taken]:
    """What went back of each charge: by transactions, by attempts under way, by refunds that wait.

    A refund of a file that names no charge counts against the oldest ones.
    """
    taken: dict[int, Taken] = {row.id: Taken() for row in charges}
    loose = 0
    for row in _gone(tx, order_id):
        of = taken.get(row.parent_id)
        succeeded = row.status is TransactionStatus.SUCCEEDED
        if row.kind is TransactionKind.CAPTURE:
            if of is not None and succeeded:
                of.captured += row.amount
        elif row.status in (TransactionStatus.PENDING, TransactionStatus.UNKNOWN):
            if row.attempt_id is None and of is not None:
                of.pending += row.amount
        elif not succeeded:
            continue
        elif of is None:
            loose += row.amount
        elif row.kind is TransactionKind.CHARGEBACK:
            of.disputed += row.amount
        elif row.kind is TransactionKind.VOID:
            of.voided += row.amount
        else:
            of.refunded += row.amount
    _take_attempts(tx, order_id, taken)
    _take_waiting(tx, order_id, taken)
    for row in charges:
        if row.kind is not TransactionKind.AUTHORISE and loose > 0:
            of = taken[row.id]
            share = min(loose, max(0, row.amount - of.refunded - of.voided))
            of.refunded += share
            loose -= share
    return taken


def _gone(tx: Transaction, order_id: int) -> list[Any]:
    kinds = (
        TransactionKind.REFUND, TransactionKind.VOID, TransactionKind.CHARGEBACK, TransactionKind.CAPTURE, TransactionKind.CREDIT,
    )  # fmt: skip
    return tx.rows(
        sa.select(
            _MOVE.c.id,
            _MOVE.c.parent_id,
            _MOVE.c.kind,
            _MOVE.c.status,
            _MOVE.c.amount,
            _MOVE.c.attempt_id,
        ).where(_MOVE.c.order_id == order_id, _MOVE.c.kind.in_(kinds))
    )


def _take_attempts(tx: Transaction, order_id: int, taken: dict[int, Taken]) -> None:
    under_way = (*IN_FLIGHT, AttemptState.PENDING)
    rows = tx.rows(
        sa.select(
            ATTEMPT.c.id, ATTEMPT.c.transaction_id, ATTEMPT.c.operation, ATTEMPT.c.state, ATTEMPT.c.amount, ATTEMPT.c.requested_by
        ).where(ATTEMPT.c.order_id == order_id, ATTEMPT.c.state.in_(under_way), ATTEMPT.c.transaction_id.is_not(None))
    )  # fmt: skip
    for row in rows:
        of = taken.get(row.transaction_id)
        if of is None:
            continue
        if Operation(row.operation).gives_back:
            of.pending += row.amount
        if row.state in IN_FLIGHT:
            of.in_flight, of.in_flight_id = row.requested_by or "Somebody", row.id
            of.is_unknown = row.state is AttemptState.UNKNOWN


def _take_waiting(tx: Transaction, order_id: int, taken: dict[int, Taken]) -> None:
    rows = tx.rows(
        sa.select(REFUND.c.transaction_id, REFUND.c.amount).where(
            REFUND.c.order_id == order_id, REFUND.c.state.in_(WAITING_REFUNDS)
        )
    )
    for row in rows:
        of = taken.get(row.transaction_id)
        if of is not None:
            of.queued += row.amount


def accounts(tx: Transaction, store_id: int) -> list[AccountFacts]:
    """The gateway accounts that serve a store, its own first."""
    rows = tx.rows(
        sa.select(_ACCOUNT)
        .where(sa.or_(_ACCOUNT.c.store_id == store_id, _ACCOUNT.c.store_id.is_(None)))
        .order_by(_ACCOUNT.c.store_id.is_(None), _ACCOUNT.c.is_main.desc(), _ACCOUNT.c.id)
    )
    return [
        AccountFacts(
            Account(
                row.gateway,
                row.name,
                bool(row.is_test),
                row.url,
                row.secret,
                row.zone,
                row.cut_off,
                json.loads(row.options or "{}"),
            ),
            bool(row.is_open),
            bool(row.is_main),
            row.store_id,
        )
        for row in rows
    ]
