"""The edit lock inside a transaction: take, check at save, free (LOCK-01 … LOCK-12).

Everybody who takes, checks or removes a lock first locks the record's own row, then the lock's: so the order of events is the same
for all, and the fence (a counter on the record, raised by each grant and each forced removal) never goes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, LockEventKind, Purpose
from cstui.storage.queries import audit
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.lock_refusals import Terms, broken, changed, refused
from cstui.storage.queries.lock_rows import (
    KNOCK,
    LOCK,
    Target,
    as_state,
    ending,
    held,
    remember,
    state_of,
    target,
    target_with_new_fence,
)
from cstui.storage.transaction import Transaction

__all__ = [
    "Target",
    "Terms",
    "answer_waiting",
    "as_state",
    "changed",
    "end_by_token",
    "free",
    "hand_over",
    "held",
    "remove",
    "require_held",
    "state_of",
    "take",
    "target",
    "target_with_new_fence",
    "withdraw_knocks",
]


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
        raise refused(actor, record, before, terms, now)
    if record.version != version:
        raise changed(transaction, record, version)
    if before is not None and before.token != token:
        _end_of(transaction, actor, record, before, now)
    remember(
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
        ended = ending(transaction, grip.token)
        if (
            row is not None
            or record.fence != grip.fence
            or ended is None
            or ended.kind != LockEventKind.EXPIRED
        ):
            raise broken(transaction, record, grip, row, ended)
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
    remember(transaction, record, token, kind, holder, by=holder, at=now, reason=reason)
    answer_waiting(transaction, token, "free", now)
    transaction.publish("lock", record.kind, record.id)
    return record


def remove(transaction: Transaction, actor: Actor, record: Target, row: Any, reason: str) -> None:
    """Removes somebody's lock by force: remembered with who and why, so that its holder can be told."""
    now = transaction.clock()
    transaction.run(LOCK.delete().where(LOCK.c.record_kind == record.kind, LOCK.c.record_id == record.id))
    remember(
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
    remember(transaction, record, row.token, LockEventKind.HANDED_OVER, holder, by=waiting, at=now)
    remember(transaction, record, knock.waiting_token, LockEventKind.TAKEN, waiting, by=holder, at=now)


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


def _end_of(transaction: Transaction, actor: Actor, record: Target, before: Any, now: datetime) -> None:
    """What the former token's editor will be told, and what the audit keeps, of a lock that was just taken from it."""
    same_person = before.holder_id == actor.staff_id and before.holder_name == actor.name
    remember(
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
