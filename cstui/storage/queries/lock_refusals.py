"""Why a lock is refused or gone, in words and facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import HeldElsewhere, LockBroken, RecordChanged, RecordLocked
from cstui.domain.locking import Grip, LockEventKind
from cstui.storage.queries import audit
from cstui.storage.queries.lock_rows import Target
from cstui.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a lock is asked for. `take_over`: the person has confirmed to take it from where it is held."""

    lease: int
    take_over: bool = False
    may_take_stale: bool = False


def refused(actor: Actor, record: Target, row: Any, terms: Terms, now: datetime) -> RecordLocked:
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


def broken(transaction: Transaction, record: Target, grip: Grip, row: Any, ended: Any) -> LockBroken:
    """Why a grip no longer holds; `ended` is how its token\'s hold ended, `row` the lock that stands now."""
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
