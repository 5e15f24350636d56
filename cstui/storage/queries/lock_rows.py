"""The lock's rows and the locked record's own: reading them, and remembering what became of a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.locking import LockEventKind, LockState, Purpose
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock, LockEvent, LockKnock
from cstui.storage.tables.orders import Order
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

LOCK = table_of(EditLock)
EVENT = table_of(LockEvent)
KNOCK = table_of(LockKnock)
ORDER = table_of(Order)
SUBSCRIPTION = table_of(Subscription)
#: What can be locked, and the column that people call it by.
LOCKABLE: dict[Kind, tuple[sa.Table, sa.Column[Any]]] = {
    Kind.ORDER: (ORDER, ORDER.c.number),
    Kind.SUBSCRIPTION: (SUBSCRIPTION, SUBSCRIPTION.c.product),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a lock is about, as its own row says at this moment."""

    kind: Kind
    id: int
    store_id: int
    customer_id: int
    number: str
    version: int
    fence: int

    @property
    def what(self) -> str:
        """How people call it: `order #1001`."""
        return f"{self.kind} {self.number}".strip()


def target(transaction: Transaction, kind: Kind, record_id: int) -> Target:
    """The record, its row locked until the transaction ends. Errors: `NotFound`."""
    table, _ = _lockable(kind)
    query = sa.select(*target_columns(kind)).where(table.c.id == record_id).with_for_update()
    return as_target(transaction.rows(query), kind, record_id)


def target_with_new_fence(transaction: Transaction, kind: Kind, record_id: int) -> Target:
    """The record, its row locked and its fence raised: the first statement of each grant and each forced removal.

    Errors: `NotFound`. Whoever then refuses lets the transaction roll back, and the fence with it.
    """
    table, _ = _lockable(kind)
    statement = (
        table.update()
        .where(table.c.id == record_id)
        .values(fence=table.c.fence + 1)
        .returning(*target_columns(kind))
    )
    return as_target(transaction.rows(statement), kind, record_id)


def held(transaction: Transaction, kind: Kind, record_id: int) -> Any:
    """The lock's row, itself locked until the transaction ends, or None where the record is free."""
    query = sa.select(LOCK).where(LOCK.c.record_kind == kind, LOCK.c.record_id == record_id).with_for_update()
    rows = transaction.rows(query)
    return rows[0] if rows else None


def state_of(transaction: Transaction, kind: Kind, record_id: int) -> LockState | None:
    """The lock as others see it, or None where the record is free. Judged by the database's clock."""
    rows = transaction.rows(sa.select(LOCK).where(LOCK.c.record_kind == kind, LOCK.c.record_id == record_id))
    return as_state(rows[0], transaction.clock()) if rows else None


def as_state(row: Any, now: datetime) -> LockState:
    """A lock's row as others see it."""
    return LockState(
        row.holder_name,
        row.holder_id,
        row.terminal,
        row.acquired_at,
        row.active_at,
        row.lease_until,
        row.lease_until < now,
        Purpose(row.purpose),
        row.breakable,
        row.token,
    )


def ending(transaction: Transaction, token: str) -> Any:
    """How this token's hold ended, or None where it never did."""
    rows = transaction.rows(
        sa.select(EVENT).where(EVENT.c.token == token).order_by(EVENT.c.id.desc()).limit(1)
    )
    return rows[0] if rows and rows[0].kind != LockEventKind.TAKEN else None


def remember(
    transaction: Transaction,
    record: Target,
    token: str,
    kind: LockEventKind,
    holder: tuple[int, str],
    *,
    by: tuple[int, str],
    at: datetime,
    reason: str = "",
) -> None:
    """Writes down what became of a token\'s hold, with the fence of that moment."""
    transaction.run(
        EVENT.insert().values(
            record_kind=record.kind, record_id=record.id, token=token, fence=record.fence, kind=kind, holder_id=holder[0],
            holder_name=holder[1], by_id=by[0], by_name=by[1], reason=reason, at=at,
        )
    )  # fmt: skip


def _lockable(kind: Kind) -> tuple[sa.Table, sa.Column[Any]]:
    if kind not in LOCKABLE:
        raise ValueError(f"a {kind} is never locked")
    return LOCKABLE[kind]


def target_columns(kind: Kind) -> list[Any]:
    """The columns that `as_target` reads."""
    table, number = _lockable(kind)
    return [
        table.c.store_id,
        table.c.customer_id,
        number.label("number"),
        table.c.version,
        table.c.fence,
    ]


def as_target(rows: list[Any], kind: Kind, record_id: int) -> Target:
    """The record of a row that was looked for. Errors: `NotFound`."""
    if not rows:
        raise NotFound(f"There is no such {kind}.", "Check the number.")
    row = rows[0]
    return Target(kind, record_id, row.store_id, row.customer_id, row.number, row.version, row.fence)
