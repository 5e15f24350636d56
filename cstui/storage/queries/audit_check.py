"""Proving the audit: the chain of hashes walked event by event, and what must hold between audit, locks, orders and texts.

Everything is streamed; nothing grows with the number of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from cstui.domain.audit import event_hash, value_hash
from cstui.domain.clean import find_card_number
from cstui.domain.ids import Kind, public_id
from cstui.domain.money import Money
from cstui.storage.queries.audit import event_facts
from cstui.storage.queries.lock_rows import EVENT as LOCK_EVENT
from cstui.storage.queries.lock_rows import LOCK, LOCKABLE, ORDER
from cstui.storage.tables.audit import AuditChain, AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Call, Note
from cstui.storage.tables.exchange import ImportRecord
from cstui.storage.tables.locks import Draft
from cstui.storage.tables.orders import OrderLine
from cstui.storage.tables.people import Staff, Store
from cstui.storage.transaction import Transaction

_CHAIN = table_of(AuditChain)
_EVENT = table_of(AuditEvent)
_CHANGE = table_of(AuditChange)
_STAFF = table_of(Staff)
_LINE = table_of(OrderLine)
_IMPORTED = table_of(ImportRecord)
_AT_ONCE = 500
#: The action of the event that stands for an erased value; its change's path is `<event id>:<path>`.
ERASED = "audit.erased"


def prepare(transaction: Transaction) -> None:
    """One unchanging picture for the whole walk, however long it takes. First statement of its transaction."""
    if not transaction.is_sqlite:
        transaction.run(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        transaction.run(sa.text("SET LOCAL statement_timeout = 0"))


def chain_faults(transaction: Transaction) -> Iterator[str]:
    """The chain: numbers without gaps, each hash over the former and its own facts and values, each day opening with the former head."""
    names = _store_names(transaction)
    erased = _erased(transaction)
    days = iter(_stream(transaction, sa.select(_CHAIN).order_by(_CHAIN.c.store_id, _CHAIN.c.day)))
    heads: dict[int, str] = {}
    day = next(days, None)
    for key, events in groupby(_events(transaction), key=lambda row: (row.store_id, row.day)):
        while day is not None and (day.store_id, day.day) < key:
            yield from _day_faults(day, iter(()), heads, names, erased)
            day = next(days, None)
        if day is None or (day.store_id, day.day) != key:
            yield f"{_where(names, *key)}: there are events, but the chain of this day is missing."
            continue
        yield from _day_faults(day, events, heads, names, erased)
        day = next(days, None)
    while day is not None:
        yield from _day_faults(day, iter(()), heads, names, erased)
        day = next(days, None)


def version_faults(transaction: Transaction) -> Iterator[str]:
    """A record's version is 1 (how it came in) and its edits: the events of a higher version, each one higher than the former."""
    for kind, (table, number) in LOCKABLE.items():
        edits = (
            sa.select(
                _EVENT.c.record_id,
                sa.func.count().label("edits"),
                sa.func.max(_EVENT.c.version).label("newest"),
            )
            .where(_EVENT.c.record_kind == kind, _EVENT.c.version > 1)
            .group_by(_EVENT.c.record_id)
            .subquery()
        )
        counted = 1 + sa.func.coalesce(edits.c.edits, 0)
        query = (
            sa.select(table.c.id, number.label("number"), table.c.version, counted.label("counted"))
            .outerjoin(edits, edits.c.record_id == table.c.id)
            .where(sa.or_(table.c.version != counted, table.c.version != sa.func.coalesce(edits.c.newest, 1)))
        )
        for row in _stream(transaction, query):
            yield (
                f"{kind.capitalize()} {row.number} ({public_id(kind, row.id)}) is at version {row.version},"
                f" but its history tells of version {row.counted}."
            )


def fence_faults(transaction: Transaction) -> Iterator[str]:
    """The fences of a record only ever grow: in the audit, and from grant to grant."""
    for table, counted in (
        (_EVENT, _EVENT.c.fence.is_not(None)),
        (LOCK_EVENT, LOCK_EVENT.c.kind.in_(("taken", "forced"))),
    ):
        former = sa.func.lag(table.c.fence).over(
            partition_by=(table.c.record_kind, table.c.record_id), order_by=table.c.id
        )
        granted = table.c.action.like("lock.%") if table is _EVENT else sa.true()
        walk = (
            sa.select(
                table.c.record_kind, table.c.record_id, table.c.fence, former.label("former"), granted.label("granted")
            )
            .where(counted)
            .subquery()
        )  # fmt: skip
        query = sa.select(walk).where(
            sa.or_(walk.c.fence < walk.c.former, sa.and_(walk.c.granted, walk.c.fence == walk.c.former))
        )
        for row in _stream(transaction, query):
            yield (
                f"{_id(row)}: a lock was granted with fence {row.fence} after fence {row.former};"
                " fences must grow."
            )
    for kind, (table, number) in LOCKABLE.items():
        ahead = (
            sa.select(table.c.id, number.label("number"), table.c.fence, LOCK.c.fence.label("held"))
            .join(LOCK, sa.and_(LOCK.c.record_kind == kind, LOCK.c.record_id == table.c.id))
            .where(LOCK.c.fence != table.c.fence)
        )
        for row in _stream(transaction, ahead):
            yield (
                f"{kind.capitalize()} {row.number} ({public_id(kind, row.id)}) is held with fence {row.held},"
                f" but stands at {row.fence}."
            )


def lock_faults(transaction: Transaction) -> Iterator[str]:
    """No lock without a holder who is known, none on what does not exist."""
    strangers = sa.select(LOCK.c.record_kind, LOCK.c.record_id, LOCK.c.holder_name).where(
        LOCK.c.holder_id != 0, ~sa.exists().where(_STAFF.c.id == LOCK.c.holder_id)
    )
    for row in _stream(transaction, strangers):
        yield f"{_id(row)} is locked by {row.holder_name or 'somebody'}, who is not on the staff."
    for kind, (table, _) in LOCKABLE.items():
        nothing = sa.select(LOCK.c.record_kind, LOCK.c.record_id).where(
            LOCK.c.record_kind == kind, ~sa.exists().where(table.c.id == LOCK.c.record_id)
        )
        for row in _stream(transaction, nothing):
            yield f"{_id(row)} is locked, but does not exist."


def total_faults(transaction: Transaction) -> Iterator[str]:
    """Totals of orders that were made or edited here. What a file said is kept as it is, until somebody edits it."""
    imported = sa.exists().where(_IMPORTED.c.record_kind == Kind.ORDER, _IMPORTED.c.record_id == ORDER.c.id)
    edited = sa.exists().where(
        _EVENT.c.record_kind == Kind.ORDER, _EVENT.c.record_id == ORDER.c.id, _EVENT.c.version.is_not(None), _EVENT.c.save_id != ""
    )  # fmt: skip
    tax = sa.case((ORDER.c.prices_include_tax, 0), else_=ORDER.c.tax)
    right = ORDER.c.subtotal - ORDER.c.discount + ORDER.c.shipping + tax
    lines = (
        sa.select(sa.func.sum(_LINE.c.quantity * _LINE.c.unit_price))
        .where(_LINE.c.order_id == ORDER.c.id)
        .scalar_subquery()
    )
    query = sa.select(
        ORDER.c.id,
        ORDER.c.number,
        ORDER.c.currency,
        ORDER.c.total,
        right.label("right"),
        ORDER.c.subtotal,
        lines.label("lines"),
    ).where(sa.or_(~imported, edited))
    for row in _stream(transaction, query):
        what = f"Order {row.number} ({public_id(Kind.ORDER, row.id)})"
        if row.total != row.right:
            total, made = _plain(row.total, row), _plain(row.right, row)
            yield f"{what}: the total is {total}, but lines, discount, shipping and tax make {made}."
        if row.lines is not None and row.subtotal != row.lines:
            added, subtotal = _plain(row.lines, row), _plain(row.subtotal, row)
            yield f"{what}: the lines add up to {added}, but the subtotal is {subtotal}."


def card_faults(transaction: Transaction) -> Iterator[str]:
    """No card number in any free text."""
    note, call, draft = table_of(Note), table_of(Call), table_of(Draft)
    for what, key, text in (
        ("Note", note.c.id, note.c.body),
        ("Call", call.c.id, call.c.note),
        ("Draft", draft.c.id, draft.c.body),
        ("History entry", _CHANGE.c.event_id, _CHANGE.c.old),
        ("History entry", _CHANGE.c.event_id, _CHANGE.c.new),
        ("History entry", _EVENT.c.id, _EVENT.c.reason),
    ):
        for row in _stream(
            transaction, sa.select(key.label("key"), text.label("text")).where(text.is_not(None))
        ):
            if masked := find_card_number(row.text):
                yield f"{what} {row.key} holds a card number ({masked})."


def _day_faults(
    day: Any, events: Iterator[Any], heads: dict[int, str], names: dict[int, str], erased: set[str]
) -> Iterator[str]:
    where = _where(names, day.store_id, day.day)
    if day.opening != heads.get(day.store_id, ""):
        yield f"{where}: the day does not open with the end of the day before; one of them was changed."
    head, seq = day.opening, 0
    for event_id, rows in groupby(events, key=lambda row: row.id):
        changes = list(rows)
        event = changes[0]
        if event.seq != seq + 1:
            yield f"{where}: event {seq + 1} is missing (before event {event.seq})."
        yield from _event_faults(f"{where}, event {event.seq}", event_id, changes, head, erased)
        head, seq = event.hash, event.seq
    if (day.seq, day.head) != (seq, head):
        yield f"{where}: the chain ends with event {day.seq}, but the last that is stored is event {seq}, or it was changed."
    heads[day.store_id] = day.head


def _event_faults(where: str, event_id: int, rows: list[Any], head: str, erased: set[str]) -> Iterator[str]:
    event = rows[0]
    changes = [row for row in rows if row.path is not None]
    hashes = [(row.path, row.old_hash, row.new_hash) for row in changes]
    if event.prev_hash != head:
        yield f"{where}: it does not follow from the event before."
    if event.hash != event_hash(event.prev_hash, event_facts(event._mapping), hashes):
        yield f"{where}: the event was changed after it was written."
    for row in changes:
        for name, value, stored in (("old", row.old, row.old_hash), ("new", row.new, row.new_hash)):
            if value is None:
                if f"{event_id}:{row.path}" not in erased:
                    yield f"{where}: the {name} value of {row.path} is gone, and nobody has erased it."
            elif value_hash(row.salt, value) != stored:
                yield f"{where}: the {name} value of {row.path} was changed after it was written."


def _events(transaction: Transaction) -> Iterator[Any]:
    """Every event with its changes, one row a change, in the order of the chains."""
    wanted = [_CHANGE.c[name] for name in ("path", "old", "new", "salt", "old_hash", "new_hash")]
    query = sa.select(_EVENT, *wanted).outerjoin(_CHANGE, _CHANGE.c.event_id == _EVENT.c.id)
    return _stream(
        transaction,
        query.order_by(_EVENT.c.store_id, _EVENT.c.day, _EVENT.c.seq, _CHANGE.c.position, _CHANGE.c.id),
    )


def _erased(transaction: Transaction) -> set[str]:
    query = (
        sa.select(_CHANGE.c.path)
        .join(_EVENT, _EVENT.c.id == _CHANGE.c.event_id)
        .where(_EVENT.c.action == ERASED)
    )
    return {row.path for row in _stream(transaction, query)}


def _store_names(transaction: Transaction) -> dict[int, str]:
    store = table_of(Store)
    return {row.id: row.code for row in transaction.rows(sa.select(store.c.id, store.c.code))}


def _where(names: dict[int, str], store_id: int, day: Any) -> str:
    store = f"Store {names.get(store_id, store_id)}" if store_id else "Organisation"
    return f"{store}, {day.isoformat()}"


def _plain(minor: Any, row: Any) -> str:
    return f"{Money(int(minor), row.currency).plain()} {row.currency}"


def _id(row: Any) -> str:
    return f"{Kind(row.record_kind).capitalize()} {public_id(Kind(row.record_kind), row.record_id)}"


def _stream(transaction: Transaction, query: Any) -> Iterator[Any]:
    connection = transaction.session.connection()
    with connection.execution_options(stream_results=True).execute(query) as result:
        yield from result.yield_per(_AT_ONCE)
