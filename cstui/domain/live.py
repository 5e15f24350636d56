"""What a desk hears while it is open: others' locks, saves, notes and knocks, and the state of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.locking import LockState


class What(StrEnum):
    """What happened, with the facts that come along.

    - `LOCK`: `lock` (a `LockState`, or None where the record is free now)
    - `SAVED`: `version`, `by`, `at`
    - `NOTE`: `note_id`, the newest
    - `PRESENCE`: `who`, the names of those who look at the record at other desks
    - `KNOCK`: `knock` (a `Knock`) and `token`, the held lock that is asked for
    - `ANSWER`: `answer` (handed_over, not_now, free), `token` (the waiting one), `knock_id`
    - `LOST`: `token`, `how` (forced, taken_over, handed_over, expired, or empty where unknown), `by`, `at`, `reason`
    - `IDLE_WARNING`: `token`, `idle`, `release_in` (seconds; None where it is never released)
    - `IDLE_RELEASED`: `token`, `idle`; the editor keeps its text as a draft
    - `PAYMENT`: something about the money of this record changed (an attempt, a refund, a transaction, a mail, a card)
    - `MONEY`: `news`, a `MoneyNews`: this person's own attempts, what waits for him, whether a worker lives
    - `AWAY`, `BACK`: the database went away (`error`) and answers again; after `BACK` what is shown is read anew
    - `ANY`: something was stored somewhere (only while `Pulse.everything(True)`)
    """

    LOCK = "lock"
    SAVED = "saved"
    NOTE = "note"
    PRESENCE = "presence"
    KNOCK = "knock"
    ANSWER = "answer"
    LOST = "lost"
    IDLE_WARNING = "idle_warning"
    IDLE_RELEASED = "idle_released"
    PAYMENT = "payment"
    MONEY = "money"
    AWAY = "away"
    BACK = "back"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One piece of news. `kind` and `id` name the record where it is about one."""

    what: What
    kind: Kind | None = None
    id: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a desk watches of one record; two pictures that differ make the news."""

    version: int
    edit_lock: LockState | None = None
    last_note: int = 0
    money: str = ""
    lookers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a held lock ended: the last word about its token."""

    how: str
    by: str
    at: Any
    reason: str
    kind: Kind | None = None
    id: int = 0
