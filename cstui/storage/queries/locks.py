"""The edit lock inside a transaction: take, check at save, free (LOCK-01 … LOCK-12).

Everybody who takes, checks or removes a lock first locks the record's own row, then the lock's: so the order of events is the same
for all, and the fence (a counter on the record, raised by each grant and each forced removal) never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Actor
from cstui.domain.errors import HeldElsewhere, LockBroken, NotFound, RecordChanged, RecordLocked
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, LockEventKind, LockState, Purpose
from cstui.storage.queries import audit
from cstui.storage.queries.audit import NewEvent
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


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a lock is asked for. `take_over`: the person has confirmed to take it from where it is held."""

    lease: int
    take_over: bool = False
    may_take_stale: bool = False


def target(transaction: Transaction, kind: Kind, record_id: int) -> Target:
    """The record, its row locked until the transaction ends. Errors: `NotFound`."""
    table, _ = _lockable(kind)
    query = sa.select(*_target_columns(kind)).where(table.c.id == record_id).with_for_update()
    return _as_target(transaction.rows(query), kind, record_id)


def target_with_new_fence(transaction: Transaction, kind: Kind, record_id: int) -> Target:
    """The record, its row locked and its fence raised: the first statement of each grant and each forced removal.

    Errors: `NotFound`. Whoever then refuses lets the transaction roll back, and the fence with it.
    """
    table, _ = _lockable(kind)
    statement = (
        table.update()
        .where(table.c.id == record_id)
        .values(fence=table.c.fence + 1)
        .returning(*_target_columns(kind))
    )
    return _as_target(transaction.rows(statement), kind, record_id)


def held(transaction: Transaction, kind: Kind, record_id: int) -> Any:
    """The lock's row, itself locked until the transaction ends, or None where the record is free."""
    query = sa.select(LOCK).where(LOCK.c.record_kind == kind, LOCK.c.record_id == record_id).with_for_update()
    rows = transaction.rows(query)
    return rows[0] if rows else None


def take(
    transaction: Transaction,
    actor: Actor,
    record: Target,
    version: int,
    token: str,
    purpose: Purpose,
    terms: Terms,
) -> Grip:
    """Grants the lock, or says why not. `record` comes from `target_with_new_fence`, `version` from the screen.

    Granted where the record is free, where the token is the same, where the same person holds it at the same terminal (a crash,
    LOCK-11) or has let it lapse, where he holds it elsewhere and takes it over, and where a stranger's lock is stale and the terms
    allow it. Errors: `RecordLocked`, `HeldElsewhere`, `RecordChanged`.
    """
    before = held(transaction, record.kind, record.id)
    now = transaction.clock()
    granted = transaction.rows(_grant(transaction, actor, record, token, purpose, terms, now))
    if not granted:
        raise _refusal(actor, record, before, terms, now)
    if record.version != version:
        raise changed(transaction, record, version)
    if before is not None and before.token != token:
        _end_of(transaction, actor, record, before, now)
    _remember(
        transaction,
        record,
        token,
        LockEventKind.TAKEN,
        (actor.staff_id, actor.name),
        by=(actor.staff_id, actor.name),
        at=now,
    )
    return Grip(token, record.fence, record.version)


def require_held(transaction: Transaction, kind: Kind, record_id: int, grip: Grip, actor: Actor) -> Target:
    """Passes where the grip still holds; the record's row and its lock stay locked until the transaction ends.

    A lease that merely passed, with nobody having taken the lock and the version unchanged, goes on silently and is noted in the
    audit. Errors: `LockBroken` after a forced removal, a take-over, a hand-over or a release; `RecordChanged` where somebody wrote past
    the lock; `NotFound`.
    """
    record = target(transaction, kind, record_id)
    row = held(transaction, kind, record_id)
    if row is None or row.token != grip.token or row.fence != grip.fence or record.fence != grip.fence:
        ended = _ending(transaction, grip.token)
        if (
            row is not None
            or record.fence != grip.fence
            or ended is None
            or ended.kind != LockEventKind.EXPIRED
        ):
            raise _broken(transaction, record, grip, row, ended)
    if record.version != grip.version:
        raise changed(transaction, record, grip.version)
    if row is None or row.lease_until < transaction.clock():
        _resume(transaction, record, grip, actor)
    return record


def free(transaction: Transaction, token: str) -> Target | None:
    """Frees the lock that this token holds and tells everybody; does nothing where it holds none.

    Withdraws what the token itself was waiting for, too, so that an editor that closes leaves nothing behind.
    """
    now = transaction.clock()
    freed = end_by_token(transaction, token, LockEventKind.RELEASED, "", now)
    withdraw_knocks(transaction, token, now)
    return freed


def end_by_token(
    transaction: Transaction, token: str, kind: LockEventKind, reason: str, now: datetime
) -> Target | None:
    """Removes the lock of a token by its holder's own doing; None where it holds none."""
    rows = transaction.rows(LOCK.delete().where(LOCK.c.token == token).returning(*LOCK.c))
    if not rows:
        return None
    row = rows[0]
    record = Target(Kind(row.record_kind), row.record_id, row.store_id, 0, "", 0, row.fence)
    holder = (row.holder_id, row.holder_name)
    _remember(transaction, record, token, kind, holder, by=holder, at=now, reason=reason)
    answer_waiting(transaction, token, "free", now)
    transaction.publish("lock", record.kind, record.id)
    return record


def remove(transaction: Transaction, actor: Actor, record: Target, row: Any, reason: str) -> None:
    """Removes somebody's lock by force: remembered with who and why, so that its holder can be told."""
    now = transaction.clock()
    transaction.run(LOCK.delete().where(LOCK.c.record_kind == record.kind, LOCK.c.record_id == record.id))
    _remember(
        transaction,
        record,
        row.token,
        LockEventKind.FORCED,
        (row.holder_id, row.holder_name),
        by=(actor.staff_id, actor.name),
        at=now,
        reason=reason,
    )
    answer_waiting(transaction, row.token, "free", now)


def hand_over(transaction: Transaction, record: Target, row: Any, knock: Any, lease: int) -> None:
    """Passes the lock to the waiting token in one step; the record is free at no moment between."""
    now = transaction.clock()
    transaction.run(
        LOCK.update()
        .where(LOCK.c.token == row.token)
        .values(
            token=knock.waiting_token,
            fence=record.fence,
            holder_id=knock.staff_id,
            holder_name=knock.staff_name,
            terminal=knock.terminal,
            acquired_at=now,
            heartbeat_at=now,
            active_at=now,
            lease_until=now + timedelta(seconds=lease),
        )
    )
    waiting = (knock.staff_id, knock.staff_name)
    holder = (row.holder_id, row.holder_name)
    _remember(transaction, record, row.token, LockEventKind.HANDED_OVER, holder, by=waiting, at=now)
    _remember(transaction, record, knock.waiting_token, LockEventKind.TAKEN, waiting, by=holder, at=now)


def answer_waiting(
    transaction: Transaction, lock_token: str, answer: str, now: datetime, but: int = 0
) -> None:
    """Answers everybody who still waits for the lock of this token."""
    transaction.run(
        KNOCK.update()
        .where(KNOCK.c.lock_token == lock_token, KNOCK.c.answer == "", KNOCK.c.id != but)
        .values(answer=answer, answered_at=now)
    )


def withdraw_knocks(transaction: Transaction, waiting_token: str, now: datetime) -> None:
    """Takes back the questions that a token still has open."""
    transaction.run(
        KNOCK.update()
        .where(KNOCK.c.waiting_token == waiting_token, KNOCK.c.answer == "")
        .values(answer="withdrawn", answered_at=now)
    )


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


def changed(transaction: Transaction, record: Target, version: int) -> RecordChanged:
    """The refusal of a stale view: who changed the record since `version`, when, and which fields (LOCK-05)."""
    since = audit.changed_since(transaction, record.kind, record.id, version)
    by, at = since.by or "Someone else", since.at or transaction.now
    return RecordChanged(
        f"{by} changed {record.what} since you opened it.",
        "Reload it; what you typed is kept.",
        by=by,
        at=at,
        fields=since.fields,
        version=record.version,
    )


def _grant(
    transaction: Transaction,
    actor: Actor,
    record: Target,
    token: str,
    purpose: Purpose,
    terms: Terms,
    now: datetime,
) -> Any:
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(LOCK)
    row = {
        "record_kind": record.kind, "record_id": record.id, "store_id": record.store_id, "token": token, "fence": record.fence,
        "holder_id": actor.staff_id, "holder_name": actor.name, "terminal": actor.terminal, "acquired_at": now, "heartbeat_at": now,
        "active_at": now, "lease_until": now + timedelta(seconds=terms.lease), "purpose": purpose,
        "breakable": purpose is not Purpose.BILLING,
    }  # fmt: skip
    same_person = sa.and_(LOCK.c.holder_id == actor.staff_id, LOCK.c.holder_name == actor.name)
    expired = LOCK.c.lease_until < now
    may = [
        LOCK.c.token == token,
        sa.and_(same_person, sa.or_(LOCK.c.terminal == actor.terminal, expired)),
    ]
    if terms.take_over:
        may.append(same_person)
        if terms.may_take_stale:
            may.append(sa.and_(expired, LOCK.c.breakable.is_(True)))
    return insert.values(row).on_conflict_do_update(
        index_elements=[LOCK.c.record_kind, LOCK.c.record_id],
        set_={name: value for name, value in row.items() if name not in ("record_kind", "record_id")},
        where=sa.or_(*may),
    ).returning(LOCK.c.fence)  # fmt: skip


def _refusal(actor: Actor, record: Target, row: Any, terms: Terms, now: datetime) -> RecordLocked:
    """Why the lock was not granted, from the row that stands in the way."""
    stale = row.lease_until < now
    facts: dict[str, Any] = {
        "holder": row.holder_name,
        "terminal": row.terminal,
        "since": row.acquired_at,
        "idle_since": row.active_at,
        "stale": stale,
        "breakable": row.breakable,
    }
    if row.holder_id == actor.staff_id and row.holder_name == actor.name:
        return HeldElsewhere(
            f"You are editing {record.what} at {row.terminal}.",
            "Take it over here, or go on there.",
            **facts,
        )
    message = f"{row.holder_name} is editing {record.what} at {row.terminal}; you can read it."
    if not row.breakable:
        advice = f"It is free when {row.holder_name} has finished."
    elif not stale:
        advice = f"Knock to ask for it, or wait until {row.holder_name} saves or closes it."
    elif terms.may_take_stale:
        advice = f"{row.holder_name}'s desk no longer answers: you may take it over."
    else:
        advice = f"{row.holder_name}'s desk no longer answers: ask a supervisor to unlock it."
    refused = RecordLocked(message, advice, **facts)
    refused.facts["may_take_over"] = stale and row.breakable and terms.may_take_stale
    return refused


def _end_of(transaction: Transaction, actor: Actor, record: Target, before: Any, now: datetime) -> None:
    """What the former token's editor will be told, and what the audit keeps, of a lock that was just taken from it."""
    same_person = before.holder_id == actor.staff_id and before.holder_name == actor.name
    _remember(
        transaction,
        record,
        before.token,
        LockEventKind.TAKEN_OVER,
        (before.holder_id, before.holder_name),
        by=(actor.staff_id, actor.name),
        at=now,
        reason=f"at {actor.terminal}" if same_person else "no sign of life",
    )
    answer_waiting(transaction, before.token, "free", now)
    if same_person and before.terminal == actor.terminal:
        return
    audit.append(
        transaction,
        NewEvent(
            actor,
            record.store_id,
            record.kind,
            record.id,
            "lock.taken_over",
            reason=f"from {before.holder_name} at {before.terminal}",
            fence=record.fence,
            customer_id=record.customer_id,
        ),
    )


def _ending(transaction: Transaction, token: str) -> Any:
    """How this token's hold ended, or None where it never did."""
    rows = transaction.rows(
        sa.select(EVENT).where(EVENT.c.token == token).order_by(EVENT.c.id.desc()).limit(1)
    )
    return rows[0] if rows and rows[0].kind != LockEventKind.TAKEN else None


def _broken(transaction: Transaction, record: Target, grip: Grip, row: Any, ended: Any) -> LockBroken:
    unchanged = record.version == grip.version
    advice = (
        "Nothing was changed meanwhile: lock it again and save."
        if unchanged
        else "It was changed meanwhile: compare, then save again."
    )
    if ended is None:
        by, at = (row.holder_name, row.acquired_at) if row is not None else ("", transaction.now)
        message = f"You no longer hold {record.what}" + (f"; {by} does." if by else ".")
        return LockBroken(message, advice, by=by, at=at, reason="", unchanged=unchanged)
    said = {
        LockEventKind.FORCED: f"{ended.by_name} removed your lock on {record.what}: {ended.reason}",
        LockEventKind.HANDED_OVER: f"You handed {record.what} over to {ended.by_name}",
        LockEventKind.RELEASED: f"Your lock on {record.what} was given back",
        LockEventKind.EXPIRED: f"Your lock on {record.what} lapsed",
    }
    taken = (
        f"You took {record.what} over {ended.reason}"
        if ended.by_id == ended.holder_id
        else f"{ended.by_name} took {record.what} over"
    )
    message = said.get(LockEventKind(ended.kind), taken).rstrip(".") + "."
    return LockBroken(
        message, advice, by=ended.by_name, at=ended.at, reason=ended.reason, unchanged=unchanged
    )


def _resume(transaction: Transaction, record: Target, grip: Grip, actor: Actor) -> None:
    """The holder was away past his lease and nobody came: his hold goes on, and the audit says so."""
    audit.append(
        transaction,
        NewEvent(
            actor,
            record.store_id,
            record.kind,
            record.id,
            "lock.resumed",
            reason="the lease had passed, nobody else had come",
            customer_id=record.customer_id,
        ),
    )


def _remember(
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


def _target_columns(kind: Kind) -> list[Any]:
    table, number = _lockable(kind)
    return [
        table.c.store_id,
        table.c.customer_id,
        number.label("number"),
        table.c.version,
        table.c.fence,
    ]


def _as_target(rows: list[Any], kind: Kind, record_id: int) -> Target:
    if not rows:
        raise NotFound(f"There is no such {kind}.", "Check the number.")
    row = rows[0]
    return Target(kind, record_id, row.store_id, row.customer_id, row.number, row.version, row.fence)
