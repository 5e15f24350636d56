"""Appending to the audit and reading it back. One chain per store and day; each day opens with the former day's head."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Actor
from cstui.domain.audit import AuditRow, Change, event_hash, instant_text, value_hash
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.storage.bulk import bulk_insert, reserve_keys
from cstui.storage.tables.audit import AuditChain, AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer
from cstui.storage.tables.orders import Order
from cstui.storage.transaction import Transaction

_CHAIN = table_of(AuditChain)
_EVENT = table_of(AuditEvent)
_CHANGE = table_of(AuditChange)
#: From this many events on they are stored as prepared rows.
_MANY = 20
#: The chain of what belongs to no single store.
ORGANISATION = 0


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What a use case reports: who did what to which record, and which fields changed."""

    actor: Actor
    store_id: int
    record_kind: Kind
    record_id: int
    action: str
    changes: tuple[Change, ...] = ()
    reason: str = ""
    version: int | None = None
    fence: int | None = None
    customer_id: int | None = None
    save_id: str = ""


def append(transaction: Transaction, event: NewEvent) -> int:
    """Appends one event to its store's chain and returns its id. Called last in a use case: it locks the head of the chain."""
    return append_all(transaction, [event])[0]


def append_all(transaction: Transaction, events: Sequence[NewEvent]) -> list[int]:
    """Appends many events, in order; the ids come back in the same order."""
    by_store: dict[int, list[NewEvent]] = {}
    for event in events:
        by_store.setdefault(event.store_id, []).append(event)
    placed: dict[int, list[int]] = {
        store_id: _append_to(transaction, store_id, of_store)
        for store_id, of_store in sorted(by_store.items())
    }
    if len(placed) == 1:
        return placed[events[0].store_id]
    following = {store_id: iter(of_store) for store_id, of_store in placed.items()}
    return [next(following[event.store_id]) for event in events]


def _append_to(transaction: Transaction, store_id: int, events: Sequence[NewEvent]) -> list[int]:
    day, seq, head = _locked_head(transaction, store_id)
    connection = transaction.session.connection()
    at = transaction.clock()
    rows: list[dict[str, Any]] = []
    changed: list[list[dict[str, Any]]] = []
    for event in events:
        seq += 1
        changes = [_change_row(position, change) for position, change in enumerate(event.changes)]
        row: dict[str, Any] = {
            "store_id": store_id, "day": day, "seq": seq, "record_kind": event.record_kind, "record_id": event.record_id,
            "customer_id": event.customer_id, "version": event.version, "fence": event.fence,
            "actor_id": event.actor.staff_id, "actor_name": event.actor.name, "terminal": event.actor.terminal, "at": at,
            "action": event.action, "reason": event.reason, "save_id": event.save_id,
        }  # fmt: skip
        following = event_hash(
            head, event_facts(row), [(c["path"], c["old_hash"], c["new_hash"]) for c in changes]
        )
        rows.append({**row, "prev_hash": head, "hash": following})
        changed.append(changes)
        head = following
    ids = _stored(transaction, rows)
    change_rows = [
        {**row, "event_id": event_id}
        for event_id, of_event in zip(ids, changed, strict=True)
        for row in of_event
    ]
    if change_rows:
        connection.execute(_CHANGE.insert(), change_rows)
    connection.execute(
        _CHAIN.update().where(_CHAIN.c.store_id == store_id, _CHAIN.c.day == day).values(seq=seq, head=head)
    )
    return ids


def _stored(transaction: Transaction, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Stores the events and returns their ids in order; many at once go the way of prepared rows."""
    if len(rows) < _MANY:
        insert = _EVENT.insert().returning(_EVENT.c.id, sort_by_parameter_order=True)
        return list(transaction.session.connection().execute(insert, list(rows)).scalars())
    keys = list(reserve_keys(transaction, _EVENT, len(rows)))
    columns = ("id", *rows[0])
    bulk_insert(
        transaction, _EVENT, [(key, *row.values()) for key, row in zip(keys, rows, strict=True)], columns
    )
    return keys


def event_facts(row: Mapping[str, Any]) -> tuple[str | int | None, ...]:
    """What the hash of an event covers beside its changes, from the columns of its row."""
    return (
        row["store_id"], row["day"].isoformat(), row["seq"], str(row["record_kind"]), row["record_id"], row["version"], row["fence"],
        row["actor_id"], row["actor_name"], row["terminal"], _instant_text(row["at"]), row["action"], row["reason"], row["save_id"],
    )  # fmt: skip


#: Events that are appended together have the same instant.
_instant_text = lru_cache(maxsize=64)(instant_text)


def _locked_head(transaction: Transaction, store_id: int) -> tuple[date, int, str]:
    """Day, last number and head hash of the chain to append to, locked until the transaction ends.

    Opening a day locks the former day's head first, so that no late event can follow what was already sealed.
    """
    connection = transaction.session.connection()
    today = transaction.now.date()
    latest = (
        sa.select(_CHAIN.c.day, _CHAIN.c.seq, _CHAIN.c.head)
        .where(_CHAIN.c.store_id == store_id)
        .order_by(_CHAIN.c.day.desc())
        .limit(1)
        .with_for_update()
    )
    found = connection.execute(latest).first()
    if found is None or found.day < today:
        opening = found.head if found else ""
        insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_CHAIN)
        row = {"store_id": store_id, "day": today, "seq": 0, "head": opening, "opening": opening}
        connection.execute(insert.values(row).on_conflict_do_nothing())
        found = connection.execute(latest).one()
    return found.day, found.seq, found.head


def _change_row(position: int, change: Change) -> dict[str, Any]:
    salt = secrets.token_hex(8)
    return {
        "position": position,
        "path": change.path,
        "old": change.old,
        "new": change.new,
        "salt": salt,
        "old_hash": value_hash(salt, change.old),
        "new_hash": value_hash(salt, change.new),
    }


def saved(transaction: Transaction, save_id: str) -> bool:
    """Whether the transaction with this save id was stored."""
    return bool(transaction.rows(sa.select(_EVENT.c.id).where(_EVENT.c.save_id == save_id).limit(1)))


def events_of(
    transaction: Transaction, kind: Kind, record_id: int, *, before: int | None = None, limit: int = 50
) -> tuple[AuditRow, ...]:
    """The events of one record, newest first (AUD-03), with their changes; `before` pages on from an event id."""
    query = sa.select(_EVENT).where(_EVENT.c.record_kind == kind, _EVENT.c.record_id == record_id)
    if before is not None:
        query = query.where(_EVENT.c.id < before)
    return _with_changes(transaction, query.order_by(_EVENT.c.id.desc()).limit(limit))


def events_of_customer(
    transaction: Transaction,
    customer_id: int,
    stores: frozenset[int] | None,
    *,
    before: int | None = None,
    limit: int = 50,
) -> tuple[AuditRow, ...]:
    """The events of a customer and of all that is his, newest first, in these stores (None: all) and in the organisation."""
    either: list[Any] = []
    for of_customer in (
        [_EVENT.c.customer_id == customer_id],
        [_EVENT.c.record_kind == Kind.CUSTOMER, _EVENT.c.record_id == customer_id],
    ):
        ids = sa.select(_EVENT.c.id).where(*of_customer)
        if stores is not None:
            ids = ids.where(_EVENT.c.store_id.in_({*stores, ORGANISATION}))
        if before is not None:
            ids = ids.where(_EVENT.c.id < before)
        # Wrapped: SQLite takes no ORDER BY inside a UNION.
        newest = ids.order_by(_EVENT.c.id.desc()).limit(limit).subquery()
        either.append(sa.select(newest.c.id))
    found = sa.select(_EVENT).where(_EVENT.c.id.in_(sa.union(*either)))
    return _with_changes(transaction, found.order_by(_EVENT.c.id.desc()).limit(limit))


def events_by(
    transaction: Transaction, staff_id: int, since: datetime, limit: int = 200
) -> tuple[AuditRow, ...]:
    """What a person has done since, newest first, each with the name of its record."""
    query = sa.select(_EVENT).where(_EVENT.c.actor_id == staff_id, _EVENT.c.at >= since)
    events = _with_changes(transaction, query.order_by(_EVENT.c.id.desc()).limit(limit))
    names = names_of(transaction, {(event.record_kind, event.record_id) for event in events})
    return tuple(
        replace(event, record=names.get((event.record_kind, event.record_id), event.record_kind))
        for event in events
    )


def changes_after(transaction: Transaction, kind: Kind, record_id: int, event_id: int) -> tuple[Change, ...]:
    """The changes of a record after an event, the newest first: undone one by one they give the record as of that event.

    A value that was erased reads `(erased)`. Errors: `NotFound` where the record has no such event.
    """
    mine = (_EVENT.c.record_kind == kind, _EVENT.c.record_id == record_id)
    if not transaction.rows(sa.select(_EVENT.c.id).where(_EVENT.c.id == event_id, *mine)):
        raise NotFound("There is no such entry in this history.", "Choose one from the list.")
    query = (
        sa.select(_CHANGE.c.path, _CHANGE.c.old, _CHANGE.c.new)
        .join(_EVENT, _EVENT.c.id == _CHANGE.c.event_id)
        .where(*mine, _EVENT.c.id > event_id)
        .order_by(_EVENT.c.id.desc(), _CHANGE.c.position.desc())
    )
    return tuple(Change(row.path, _shown(row.old), _shown(row.new)) for row in transaction.rows(query))


def event(transaction: Transaction, event_id: int) -> Any:
    """The row of one event, or None."""
    rows = transaction.rows(sa.select(_EVENT).where(_EVENT.c.id == event_id))
    return rows[0] if rows else None


def erase(transaction: Transaction, event_id: int, path: str) -> int:
    """Removes the values of a field from an event, and the salt by which they could be guessed; the hashes stay. How many there were."""
    return transaction.run(
        _CHANGE.update()
        .where(_CHANGE.c.event_id == event_id, _CHANGE.c.path == path)
        .values(old=None, new=None, salt="")
    )


def names_of(transaction: Transaction, records: Iterable[tuple[Kind, int]]) -> dict[tuple[Kind, int], str]:
    """What people call some orders and customers: `#1001`, a name."""
    wanted = set(records)
    orders = [record_id for kind, record_id in wanted if kind is Kind.ORDER]
    people = [record_id for kind, record_id in wanted if kind is Kind.CUSTOMER]
    order, person = table_of(Order), table_of(Customer)
    names: dict[tuple[Kind, int], str] = {}
    for row in (
        transaction.rows(sa.select(order.c.id, order.c.number).where(order.c.id.in_(orders)))
        if orders
        else ()
    ):
        names[Kind.ORDER, row.id] = row.number
    found = sa.select(person.c.id, person.c.first_name, person.c.last_name, person.c.email).where(
        person.c.id.in_(people)
    )
    for row in transaction.rows(found) if people else ():
        names[Kind.CUSTOMER, row.id] = f"{row.first_name} {row.last_name}".strip() or row.email
    return names


def _with_changes(transaction: Transaction, query: Any) -> tuple[AuditRow, ...]:
    events = transaction.rows(query)
    changes = _changes_of(transaction, [event.id for event in events])
    return tuple(
        AuditRow(
            e.id,
            e.at,
            e.actor_name,
            e.terminal,
            e.action,
            e.reason,
            e.version,
            tuple(changes.get(e.id, ())),
            e.record_kind,
            e.record_id,
        )
        for e in events
    )


def _changes_of(transaction: Transaction, ids: Iterable[int]) -> dict[int, list[Change]]:
    changes: dict[int, list[Change]] = {}
    query = sa.select(_CHANGE).where(_CHANGE.c.event_id.in_(list(ids)))
    for row in transaction.rows(query.order_by(_CHANGE.c.event_id, _CHANGE.c.position)):
        changes.setdefault(row.event_id, []).append(Change(row.path, _shown(row.old), _shown(row.new)))
    return changes


@dataclass(frozen=True, slots=True)
class Since:
    """What happened to a record after a version: who came last, when, and the paths that changed. Empty where nothing is recorded."""

    by: str = ""
    at: datetime | None = None
    fields: tuple[str, ...] = ()


def changed_since(transaction: Transaction, kind: Kind, record_id: int, version: int) -> Since:
    """The edits after `version` (an event carries the version that it made), for the dialog of a stale view (LOCK-05)."""
    query = (
        sa.select(_EVENT.c.id, _EVENT.c.at, _EVENT.c.actor_name, _CHANGE.c.path)
        .outerjoin(_CHANGE, _CHANGE.c.event_id == _EVENT.c.id)
        .where(_EVENT.c.record_kind == kind, _EVENT.c.record_id == record_id, _EVENT.c.version > version)
        .order_by(_EVENT.c.id.desc(), _CHANGE.c.position)
        .limit(500)
    )
    rows = transaction.rows(query)
    if not rows:
        return Since()
    paths = dict.fromkeys(row.path for row in rows if row.path is not None)
    return Since(rows[0].actor_name, rows[0].at, tuple(paths))


def _shown(value: str | None) -> str:
    return "(erased)" if value is None else value
