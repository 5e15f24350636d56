"""Notes as rows: added, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteRow, NoteSource
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Note
from cstui.storage.tables.orders import Order
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_NOTE = table_of(Note)
_ORDER = table_of(Order)
_SUBSCRIPTION = table_of(Subscription)
_EVENT = table_of(AuditEvent)
_CHANGE = table_of(AuditChange)
#: Where the audit says which note an event added.
NOTE_PATH = "notes."


@dataclass(frozen=True, slots=True)
class NoteSubject:
    """What a note hangs on, beside the customer himself."""

    store_id: int
    customer_id: int
    name: str


def subject(tx: Transaction, kind: Kind, record_id: int) -> NoteSubject | None:
    """Store, customer and name of an order or a subscription."""
    table, name = (
        (_ORDER, _ORDER.c.number) if kind is Kind.ORDER else (_SUBSCRIPTION, _SUBSCRIPTION.c.product)
    )
    query = sa.select(table.c.store_id, table.c.customer_id, name).where(table.c.id == record_id)
    found = tx.rows(query)
    return NoteSubject(found[0][0], found[0][1], f"{kind} {found[0][2]}".strip()) if found else None


def hangs_on(tx: Transaction, note_id: int, kind: Kind, record_id: int) -> bool:
    """Whether the note is one of this very record."""
    n = _NOTE.c
    return bool(
        tx.rows(sa.select(n.id).where(n.id == note_id, n.subject_kind == kind, n.subject_id == record_id))
    )


def add(
    tx: Transaction,
    actor: Actor,
    kind: Kind,
    record_id: int,
    body: str,
    *,
    store_id: int | None,
    customer_id: int,
    corrects_id: int | None,
) -> int:
    """Stores a note and returns its key."""
    row = {
        "store_id": store_id, "customer_id": customer_id, "subject_kind": kind, "subject_id": record_id, "body": body,
        "author_id": actor.staff_id or None, "author_name": actor.name, "corrects_id": corrects_id, "created_at": tx.now,
        "source": NoteSource.MANUAL if actor.staff_id else NoteSource.SYSTEM,
    }  # fmt: skip
    key: int = tx.session.connection().execute(_NOTE.insert().values(row).returning(_NOTE.c.id)).scalar_one()
    return key


def added_by(tx: Transaction, save_id: str) -> int | None:
    """The note that a former run of the same save added."""
    query = (
        sa.select(_CHANGE.c.path)
        .join(_EVENT, _EVENT.c.id == _CHANGE.c.event_id)
        .where(_EVENT.c.save_id == save_id, _CHANGE.c.path.like(NOTE_PATH + "%"))
    )
    return next((int(row.path.removeprefix(NOTE_PATH)) for row in tx.rows(query)), None)


def note(tx: Transaction, note_id: int) -> NoteRow:
    """One note that is known to exist."""
    return _rows(tx, _NOTE.c.id == note_id, limit=1)[0]


def of_record(tx: Transaction, kind: Kind, record_id: int, limit: int) -> tuple[NoteRow, ...]:
    """The notes of one order or subscription, newest first."""
    return _rows(tx, _NOTE.c.subject_kind == kind, _NOTE.c.subject_id == record_id, limit=limit)


def of_customer(
    tx: Transaction, customer_id: int, stores: frozenset[int] | None, limit: int
) -> tuple[NoteRow, ...]:
    """The notes of a customer and of what he ordered in these stores (None: in all), newest first."""
    conditions: list[Any] = [_NOTE.c.customer_id == customer_id]
    if stores is not None:
        store = sa.func.coalesce(_NOTE.c.store_id, _ORDER.c.store_id, _SUBSCRIPTION.c.store_id)
        conditions.append(sa.or_(store.is_(None), store.in_(stores)))
    return _rows(tx, *conditions, limit=limit)


def _rows(tx: Transaction, *conditions: Any, limit: int) -> tuple[NoteRow, ...]:
    n = _NOTE.c
    query = (
        sa.select(_NOTE, _ORDER.c.number, _SUBSCRIPTION.c.product)
        .outerjoin(_ORDER, sa.and_(n.subject_kind == Kind.ORDER, _ORDER.c.id == n.subject_id))
        .outerjoin(
            _SUBSCRIPTION,
            sa.and_(n.subject_kind == Kind.SUBSCRIPTION, _SUBSCRIPTION.c.id == n.subject_id),
        )
        .where(*conditions)
        .order_by(n.created_at.desc(), n.id.desc())
        .limit(limit)
    )
    return tuple(
        NoteRow(
            row.id,
            row.created_at,
            row.author_name,
            row.body,
            row.source,
            ""
            if row.subject_kind is Kind.CUSTOMER
            else f"{row.subject_kind} {row.number or row.product or ''}".strip(),
            row.corrects_id,
        )
        for row in tx.rows(query)
    )
