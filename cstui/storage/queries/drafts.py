"""Drafts: one row per person and record; the typed text is JSON of field path to text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.ids import Kind
from cstui.domain.locking import Draft
from cstui.storage.tables import locks as tables
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerStore
from cstui.storage.tables.orders import Order
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_DRAFT = table_of(tables.Draft)
_ORDER = table_of(Order)
_SUBSCRIPTION = table_of(Subscription)
_CUSTOMER = table_of(Customer)
_KNOWN = table_of(CustomerStore)
_MOST = 50


def stores_of(transaction: Transaction, kind: Kind, record_id: int) -> frozenset[int]:
    """The stores that a record belongs to or is known in; empty where there is no such record."""
    query = {
        Kind.ORDER: sa.select(_ORDER.c.store_id).where(_ORDER.c.id == record_id),
        Kind.SUBSCRIPTION: sa.select(_SUBSCRIPTION.c.store_id).where(_SUBSCRIPTION.c.id == record_id),
        Kind.CUSTOMER: sa.select(_KNOWN.c.store_id).where(_KNOWN.c.customer_id == record_id),
    }.get(kind)
    return frozenset() if query is None else frozenset(row.store_id for row in transaction.rows(query))


def keep(
    transaction: Transaction,
    staff_id: int,
    kind: Kind,
    record_id: int,
    base_version: int,
    body: dict[str, str],
    why: str,
) -> None:
    """Writes the draft, or over it."""
    now = transaction.clock()
    # ASCII with escapes: a lone surrogate or a NUL that was typed is text in JSON and nothing to the database.
    text = json.dumps(body, ensure_ascii=True, sort_keys=True)
    new: dict[str, Any] = {"base_version": base_version, "body": text, "why": why, "updated_at": now}
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_DRAFT)
    keys = {"staff_id": staff_id, "record_kind": kind, "record_id": record_id, "created_at": now}
    transaction.run(
        insert.values({**keys, **new}).on_conflict_do_update(
            index_elements=[_DRAFT.c.staff_id, _DRAFT.c.record_kind, _DRAFT.c.record_id], set_=new
        )
    )


def of(transaction: Transaction, staff_id: int, kind: Kind, record_id: int) -> Draft | None:
    """The person's draft of a record."""
    rows = transaction.rows(
        _mine(staff_id).where(_DRAFT.c.record_kind == kind, _DRAFT.c.record_id == record_id)
    )
    return _as_draft(rows[0]) if rows else None


def mine(transaction: Transaction, staff_id: int) -> tuple[Draft, ...]:
    """All drafts of a person, the newest first, 50 at most."""
    query = _mine(staff_id).order_by(_DRAFT.c.updated_at.desc(), _DRAFT.c.id.desc()).limit(_MOST)
    return tuple(_as_draft(row) for row in transaction.rows(query))


def drop(transaction: Transaction, staff_id: int, kind: Kind, record_id: int) -> bool:
    """Removes a draft, as the save of its text does in the same transaction; whether there was one."""
    return bool(
        transaction.run(
            _DRAFT.delete().where(
                _DRAFT.c.staff_id == staff_id, _DRAFT.c.record_kind == kind, _DRAFT.c.record_id == record_id
            )
        )
    )


def drop_older(transaction: Transaction, than: datetime) -> int:
    """Removes drafts that nobody has touched since; how many there were."""
    return transaction.run(_DRAFT.delete().where(_DRAFT.c.updated_at < than))


def _mine(staff_id: int) -> Any:
    number = sa.case(
        (
            _DRAFT.c.record_kind == Kind.ORDER,
            sa.select(_ORDER.c.number).where(_ORDER.c.id == _DRAFT.c.record_id).scalar_subquery(),
        ),
        (
            _DRAFT.c.record_kind == Kind.SUBSCRIPTION,
            sa.select(_SUBSCRIPTION.c.product)
            .where(_SUBSCRIPTION.c.id == _DRAFT.c.record_id)
            .scalar_subquery(),
        ),
        else_=sa.select(_CUSTOMER.c.first_name + " " + _CUSTOMER.c.last_name)
        .where(_CUSTOMER.c.id == _DRAFT.c.record_id)
        .scalar_subquery(),
    )
    return sa.select(_DRAFT, number.label("number")).where(_DRAFT.c.staff_id == staff_id)


def _as_draft(row: Any) -> Draft:
    return Draft(
        Kind(row.record_kind),
        row.record_id,
        (row.number or "").strip(),
        row.base_version,
        json.loads(row.body),
        row.updated_at,
        row.why,
    )
