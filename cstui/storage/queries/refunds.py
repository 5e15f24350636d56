"""Refunds inside a transaction: what an order's charges still hold, refunds with their parts, and the queue that tries again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from cstui.domain.money import Money
from cstui.domain.payments import (
    AllocationKind,
    RefundMethod,
    RefundState,
)
from cstui.domain.refunds import Allocation, RefundRow
from cstui.storage.queries.attempts import ATTEMPT
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import Refund, RefundAllocation
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

REFUND = table_of(Refund)
_ALLOCATION = table_of(RefundAllocation)
_MOVE = table_of(PaymentTransaction)
_ORDER = table_of(Order)
_STORE = table_of(Store)
_CUSTOMER = table_of(Customer)
_CARD = table_of(Card)
#: Refunds that came to nothing: their parts can be given back by another one.
_DEAD = (RefundState.DENIED, RefundState.WITHDRAWN, RefundState.EXHAUSTED)
#: What the queue shows: refunds that wait for a person, for settlement or for the next try, or whose outcome is open.
QUEUE = (
    RefundState.NEEDS_APPROVAL,
    RefundState.REQUESTED,
    RefundState.FAILED_RETRYING,
    RefundState.NEEDS_DECISION,
    RefundState.EXHAUSTED,
    RefundState.UNKNOWN,
    RefundState.PENDING_AT_GATEWAY,
)


def given_back(tx: Transaction, order_id: int) -> list[Any]:
    """What former refunds of the order, done or on their way, gave back: kind, line, pieces, amount added up."""
    return tx.rows(
        sa.select(
            _ALLOCATION.c.kind,
            _ALLOCATION.c.order_line_id,
            sa.func.sum(_ALLOCATION.c.quantity).label("quantity"),
            sa.func.sum(_ALLOCATION.c.amount).label("amount"),
        )
        .select_from(_ALLOCATION.join(REFUND, REFUND.c.id == _ALLOCATION.c.refund_id))
        .where(REFUND.c.order_id == order_id, REFUND.c.state.not_in(_DEAD))
        .group_by(_ALLOCATION.c.kind, _ALLOCATION.c.order_line_id)
    )


def other_cards(tx: Transaction, customer_id: int) -> list[tuple[int, str, str, str]]:
    """The customer's cards: id, words, gateway, account."""
    rows = tx.rows(
        sa.select(_CARD)
        .where(_CARD.c.customer_id == customer_id, _CARD.c.removed_at.is_(None))
        .order_by(_CARD.c.is_default.desc(), _CARD.c.id.desc())
        .limit(20)
    )
    return [(row.id, f"{row.brand} …{row.last4}".strip(), row.gateway, row.account) for row in rows]


def add(tx: Transaction, values: Mapping[str, Any], allocations: Iterable[Allocation]) -> int:
    """Writes a refund with what it is made of; returns its id."""
    row: dict[str, Any] = {
        "batch": "", "method": RefundMethod.ORIGINAL, "reason_code": "", "note": "", "card_id": None, "payee": "",
        "payee_address": "", "cancel_order": False, "stop_subscriptions": False, "failures": 0, "last_failure": "",
        "next_try_at": None, "notified_at": None, "decided_by": "", "decided_at": None, "done_at": None,
        "requested_at": tx.now, "updated_at": tx.now, "transaction_id": None, **values,
    }  # fmt: skip
    refund_id = int(tx.rows(REFUND.insert().values(**row).returning(REFUND.c.id))[0][0])
    put_allocations(tx, refund_id, allocations)
    return refund_id


def put_allocations(tx: Transaction, refund_id: int, allocations: Iterable[Allocation]) -> None:
    """Writes what a refund is made of, in place of what stood there."""
    tx.run(_ALLOCATION.delete().where(_ALLOCATION.c.refund_id == refund_id))
    for part in allocations:
        if part.amount or part.quantity:
            tx.run(
                _ALLOCATION.insert().values(
                    refund_id=refund_id, kind=part.kind, order_line_id=part.line_id, quantity=part.quantity, amount=part.amount
                )
            )  # fmt: skip


def allocations_of(tx: Transaction, refund_id: int) -> tuple[Allocation, ...]:
    """What a refund is made of."""
    rows = tx.rows(
        sa.select(_ALLOCATION).where(_ALLOCATION.c.refund_id == refund_id).order_by(_ALLOCATION.c.id)
    )
    return tuple(
        Allocation(AllocationKind(row.kind), row.amount, row.order_line_id, row.quantity) for row in rows
    )


def read(tx: Transaction, refund_id: int) -> Any | None:
    """A refund's row, locked until the transaction ends; None where there is none."""
    rows = tx.rows(sa.select(REFUND).where(REFUND.c.id == refund_id).with_for_update())
    return rows[0] if rows else None


def of_batch(tx: Transaction, batch: str) -> list[Any]:
    """The refunds that were asked for together."""
    return tx.rows(sa.select(REFUND).where(REFUND.c.batch == batch).order_by(REFUND.c.id)) if batch else []


def change(
    tx: Transaction, refund_id: int, states: Iterable[RefundState] | None = None, **values: Any
) -> bool:
    """Writes facts of a refund, guarded by the states that it may be in (None: any); False where it has moved on."""
    statement = REFUND.update().where(REFUND.c.id == refund_id)
    if states is not None:
        statement = statement.where(REFUND.c.state.in_(list(states)))
    return tx.run(statement.values(updated_at=tx.now, **values)) == 1


def claim_due(tx: Transaction) -> Any | None:
    """The next refund of the queue whose time has come, locked until the transaction ends; several workers pass each other."""
    rows = tx.rows(
        sa.select(REFUND)
        .where(
            REFUND.c.state.in_((RefundState.FAILED_RETRYING, RefundState.REQUESTED)),
            REFUND.c.next_try_at <= tx.now,
        )
        .order_by(REFUND.c.next_try_at, REFUND.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return rows[0] if rows else None


def attempts_of(tx: Transaction, refund_id: int) -> list[Any]:
    """The attempts of a refund, newest first."""
    return tx.rows(sa.select(ATTEMPT).where(ATTEMPT.c.refund_id == refund_id).order_by(ATTEMPT.c.id.desc()))


def rows(
    tx: Transaction, tries_allowed: int, *conditions: Any, limit: int = 200, oldest_first: bool = False
) -> tuple[RefundRow, ...]:
    """Refunds as lists show them."""
    order = (
        (REFUND.c.requested_at, REFUND.c.id)
        if oldest_first
        else (REFUND.c.requested_at.desc(), REFUND.c.id.desc())
    )
    found = tx.rows(
        sa.select(
            REFUND, _ORDER.c.number, _ORDER.c.version, _STORE.c.code, _CUSTOMER.c.first_name, _CUSTOMER.c.last_name,
            _MOVE.c.card_brand, _MOVE.c.card_last4, _CARD.c.brand, _CARD.c.last4,
        )
        .select_from(
            REFUND.join(_ORDER, _ORDER.c.id == REFUND.c.order_id)
            .join(_STORE, _STORE.c.id == REFUND.c.store_id)
            .join(_CUSTOMER, _CUSTOMER.c.id == REFUND.c.customer_id)
            .outerjoin(_MOVE, _MOVE.c.id == REFUND.c.transaction_id)
            .outerjoin(_CARD, _CARD.c.id == REFUND.c.card_id)
        )
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
    )  # fmt: skip
    return tuple(_row(row, tries_allowed) for row in found)


def _row(row: Any, tries_allowed: int) -> RefundRow:
    brand, last4 = (row.brand, row.last4) if row.last4 else (row.card_brand or "", row.card_last4 or "")
    return RefundRow(
        id=row.id, order_id=row.order_id, order_number=row.number, customer_id=row.customer_id,
        customer_name=f"{row.first_name} {row.last_name}".strip(), store_id=row.store_id, store=row.code,
        state=RefundState(row.state), method=RefundMethod(row.method), amount=Money(row.amount, row.currency),
        reason=row.reason_code, note=row.note, failures=row.failures, tries_allowed=tries_allowed, last_failure=row.last_failure,
        next_try_at=row.next_try_at, requested_by=row.requested_by, requested_at=row.requested_at, decided_by=row.decided_by,
        done_at=row.done_at, transaction_id=row.transaction_id, card=f"{brand} …{last4}".strip() if last4 else "", payee=row.payee,
        version=row.version, requested_by_id=row.requested_by_id,
    )  # fmt: skip


def in_stores(stores: frozenset[int] | None) -> Any:
    """The condition that a refund is of one of these stores (None: of any)."""
    return sa.true() if stores is None else REFUND.c.store_id.in_(sorted(stores))
