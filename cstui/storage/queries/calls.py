"""Calls as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.calls import CallDirection, CallRow, CallState
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Call
from cstui.storage.tables.orders import Order
from cstui.storage.transaction import Transaction

_CALL = table_of(Call)
_ORDER = table_of(Order)
_EVENT = table_of(AuditEvent)
_CHANGE = table_of(AuditChange)
#: Where the audit says which call an event logged.
CALL_PATH = "calls."


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be logged; `disposition` is the reason's code, `store_id` None where it is about no store."""

    customer_id: int
    store_id: int | None
    order_id: int | None
    direction: CallDirection
    disposition: str
    note: str
    phone: str
    started_at: datetime
    ended_at: datetime | None


def order_place(tx: Transaction, order_id: int) -> tuple[int, int] | None:
    """Customer and store of an order."""
    query = sa.select(_ORDER.c.customer_id, _ORDER.c.store_id).where(_ORDER.c.id == order_id)
    return next(((row.customer_id, row.store_id) for row in tx.rows(query)), None)


def add(tx: Transaction, actor: Actor, call: NewCall) -> int:
    """Stores a closed call and returns its key."""
    row = {
        "store_id": call.store_id, "customer_id": call.customer_id, "order_id": call.order_id, "staff_id": actor.staff_id or None,
        "staff_name": actor.name, "direction": call.direction, "state": CallState.CLOSED, "disposition": call.disposition,
        "note": call.note, "phone": call.phone, "started_at": call.started_at, "ended_at": call.ended_at,
    }  # fmt: skip
    key: int = tx.session.connection().execute(_CALL.insert().values(row).returning(_CALL.c.id)).scalar_one()
    return key


def logged_by(tx: Transaction, save_id: str) -> int | None:
    """The call that a former run of the same save logged."""
    query = (
        sa.select(_CHANGE.c.path)
        .join(_EVENT, _EVENT.c.id == _CHANGE.c.event_id)
        .where(_EVENT.c.save_id == save_id, _CHANGE.c.path.like(CALL_PATH + "%"))
    )
    return next((int(row.path.removeprefix(CALL_PATH)) for row in tx.rows(query)), None)


def call(tx: Transaction, call_id: int, label: str) -> CallRow:
    """One call that is known to exist, with the label of its disposition."""
    row = tx.rows(sa.select(_CALL).where(_CALL.c.id == call_id))[0]
    seconds = None if row.ended_at is None else max(0, int((row.ended_at - row.started_at).total_seconds()))
    return CallRow(row.id, row.started_at, row.direction, label, row.note, row.staff_name, seconds)
