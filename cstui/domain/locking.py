"""The edit lock as values: who holds what, since when, and whether the holder is still there (LOCK-01 … LOCK-12).

The row is judged by the database's clock; the version check at save is the guarantee, the lock is courtesy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Purpose(StrEnum):
    """Why a lock is held; shown to everybody who waits for it."""

    EDIT = "edit"
    HOLD = "hold"
    CANCEL = "cancel"
    MONEY = "money"
    BILLING = "billing"


class LockEventKind(StrEnum):
    """What became of a lock; the last holder's terminal is told from these."""

    TAKEN = "taken"
    RELEASED = "released"
    FORCED = "forced"
    TAKEN_OVER = "taken_over"
    HANDED_OVER = "handed_over"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class LockState:
    """A held lock as others see it. `stale`: the lease has passed; `idle_since`: the holder's last key."""

    holder: str
    holder_id: int
    terminal: str
    since: datetime
    idle_since: datetime
    lease_until: datetime
    stale: bool
    purpose: Purpose
    breakable: bool
    token: str = ""

    def is_mine(self, token: str) -> bool:
        """Whether it is this very editor that holds it."""
        return bool(token) and token == self.token


@dataclass(frozen=True, slots=True)
class Grip:
    """What an editor keeps of a lock that it was granted: checked again inside the transaction that saves."""

    token: str
    fence: int
    version: int


@dataclass(frozen=True, slots=True)
class LockRow:
    """One line of the supervisors' list of locks."""

    record_kind: str
    record_id: int
    number: str
    store: str
    holder: str
    terminal: str
    since: datetime
    idle_since: datetime
    stale: bool
    purpose: Purpose
    breakable: bool
    has_draft: bool


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody waits for a record and asks its holder."""

    id: int
    record_kind: str
    record_id: int
    number: str
    by: str
    terminal: str
    at: datetime
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Typed but unsaved text of one person on one record. `body` maps field paths to the text as typed."""

    record_kind: str
    record_id: int
    number: str
    base_version: int
    body: dict[str, str]
    kept_at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class LockRules:
    """Settings of the lock: seconds. `idle_release` and `longest_hold` 0 mean never; `stale_takeover` is who may take a stale lock."""

    lease: int = 120
    heartbeat: int = 15
    idle_release: int = 0
    idle_warning: int = 300
    stale_takeover: str = "supervisor"
    longest_hold: int = 0
