"""Questions to a lock's holder, and the list of all locks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.errors import NotFound, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Knock, LockRow, Purpose
from cstui.storage.queries.lock_rows import (
    KNOCK,
    LOCK,
    ORDER,
    SUBSCRIPTION,
    Target,
    as_target,
    target_columns,
)
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import Draft
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

_STORE = table_of(Store)
_DRAFT = table_of(Draft)
_MOST_LOCKS = 200


def seen(transaction: Transaction, kind: Kind, record_id: int) -> Target:
    """A record that can be locked, read without locking its row. Errors: `NotFound`."""
    columns = target_columns(kind)
    query = sa.select(*columns).where(columns[0].table.c.id == record_id)
    return as_target(transaction.rows(query), kind, record_id)


def knock(
    transaction: Transaction, actor: Actor, record: Target, lock_token: str, waiting_token: str
) -> Knock:
    """The one open question of this waiting editor to this lock, asked now where it was not yet."""
    same = (KNOCK.c.lock_token == lock_token, KNOCK.c.waiting_token == waiting_token, KNOCK.c.answer == "")
    found = transaction.rows(sa.select(KNOCK).where(*same))
    if not found:
        found = transaction.rows(
            KNOCK.insert()
            .values(
                record_kind=record.kind,
                record_id=record.id,
                lock_token=lock_token,
                staff_id=actor.staff_id,
                staff_name=actor.name,
                terminal=actor.terminal,
                waiting_token=waiting_token,
                at=transaction.clock(),
                answer="",
            )
            .returning(*KNOCK.c)
        )
    return _as_knock(found[0], record.number)


def open_knock(transaction: Transaction, knock_id: int) -> Any:
    """The row of a question that has no answer yet. Errors: `NotFound`, `NotPossibleNow`.

    Not locked here: the record's row comes first, and `answer` asks again.
    """
    found = transaction.rows(sa.select(KNOCK).where(KNOCK.c.id == knock_id))
    if not found:
        raise NotFound("There is no such question.", "It may have been taken back.")
    if found[0].answer:
        raise _answered(found[0])
    return found[0]


def answer(transaction: Transaction, asked: Any, said: str) -> None:
    """Writes the answer to an open question down. Errors: `NotPossibleNow` where it was answered or withdrawn meanwhile."""
    still_open = KNOCK.update().where(KNOCK.c.id == asked.id, KNOCK.c.answer == "")
    if not transaction.run(still_open.values(answer=said, answered_at=transaction.clock())):
        raise _answered(asked)


def open_knocks(transaction: Transaction, tokens: tuple[str, ...]) -> tuple[Knock, ...]:
    """The unanswered questions to the locks that these tokens hold."""
    query = (
        sa.select(KNOCK, _number_of(KNOCK))
        .join(LOCK, LOCK.c.token == KNOCK.c.lock_token)
        .where(KNOCK.c.lock_token.in_(tokens), KNOCK.c.answer == "")
        .order_by(KNOCK.c.id)
        .limit(50)
    )
    return tuple(_as_knock(row, row.number) for row in transaction.rows(query))


def all_locks(transaction: Transaction, stores: frozenset[int] | None) -> tuple[LockRow, ...]:
    """Every lock of these stores (None: of all), the longest idle first."""
    has_draft = sa.exists().where(
        _DRAFT.c.staff_id == LOCK.c.holder_id,
        _DRAFT.c.record_kind == LOCK.c.record_kind,
        _DRAFT.c.record_id == LOCK.c.record_id,
    )
    query = (
        sa.select(LOCK, _STORE.c.code.label("store"), _number_of(LOCK), has_draft.label("has_draft"))
        .outerjoin(_STORE, _STORE.c.id == LOCK.c.store_id)
        .order_by(LOCK.c.active_at, LOCK.c.record_id)
        .limit(_MOST_LOCKS)
    )
    if stores is not None:
        query = query.where(LOCK.c.store_id.in_(stores))
    now = transaction.clock()
    return tuple(
        LockRow(
            Kind(row.record_kind),
            row.record_id,
            row.number or "",
            row.store or "",
            row.holder_name,
            row.terminal,
            row.acquired_at,
            row.active_at,
            row.lease_until < now,
            Purpose(row.purpose),
            row.breakable,
            bool(row.has_draft),
        )
        for row in transaction.rows(query)
    )


def _answered(asked: Any) -> NotPossibleNow:
    return NotPossibleNow(f"{asked.staff_name} no longer waits.", "There is nothing to answer.")


def _number_of(table: sa.Table) -> Any:
    of_order = sa.select(ORDER.c.number).where(ORDER.c.id == table.c.record_id).scalar_subquery()
    of_subscription = (
        sa.select(SUBSCRIPTION.c.product).where(SUBSCRIPTION.c.id == table.c.record_id).scalar_subquery()
    )
    return sa.case((table.c.record_kind == Kind.ORDER, of_order), else_=of_subscription).label("number")


def _as_knock(row: Any, number: str) -> Knock:
    return Knock(
        row.id,
        Kind(row.record_kind),
        row.record_id,
        number or "",
        row.staff_name,
        row.terminal,
        row.at,
        row.answer,
    )
