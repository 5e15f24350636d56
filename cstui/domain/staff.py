"""Members of staff as others see them, and the waits after wrong passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.domain.permissions import Role

LONGEST_NAME = 60
#: The wait after a wrong password doubles from one second up to this.
LONGEST_WAIT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One role of a person; an empty `store` means every store."""

    role: Role
    store: str = ""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One line of the list of staff. `locked_until` is set while wrong passwords keep the account locked."""

    id: int
    name: str
    display_name: str
    grants: tuple[GrantRow, ...]
    is_disabled: bool
    must_change_password: bool
    locked_until: datetime | None
    failed_count: int
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh sign-in. `token` is kept by the desk and never stored in clear.

    While `must_change_password` is set the actor has no grants: every use case but changing the password refuses.
    """

    actor: Actor
    token: str
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong passwords in a row under one name, whether or not somebody has that name."""

    failed: int = 0
    last_failed_at: datetime | None = None
    locked_until: datetime | None = None

    def may_try_at(self) -> datetime | None:
        """When the next try is allowed; None for at once. 1, 2, 4 … seconds after each failure."""
        if self.failed == 0 or self.last_failed_at is None:
            return self.locked_until
        wait = min(timedelta(seconds=2 ** min(self.failed - 1, 30)), LONGEST_WAIT)
        after = self.last_failed_at + wait
        return max(after, self.locked_until) if self.locked_until else after

    def is_locked(self, now: datetime) -> bool:
        """Whether the account is locked at this moment."""
        return self.locked_until is not None and now < self.locked_until

    def with_failure(self, now: datetime, failures: int, lockout: timedelta) -> Tries:
        """One more wrong password; the `failures`-th in a row locks for `lockout`. A lock that has passed starts a new count."""
        failed = self.failed + 1
        if self.locked_until is not None and now >= self.locked_until:
            failed = 1
        return Tries(failed, now, now + lockout if failed >= failures else None)


def folded_name(name: str) -> str:
    """The form in which sign-in names are compared."""
    return clean(name.strip(), limit=LONGEST_NAME + 1).casefold()


def required_name(name: str) -> str:
    """A sign-in name that can be kept: one word or several, no signs that shells or lists trip over.

    Errors: `InvalidInput`.
    """
    trimmed = " ".join(name.split())
    if not trimmed:
        raise InvalidInput("name", name, "The name is missing.", "Give the name to sign in with.")
    if len(trimmed) > LONGEST_NAME:
        raise InvalidInput("name", name, f"The name is longer than {LONGEST_NAME} characters.", "Shorten it.")
    if clean(trimmed) != trimmed or any(sign in trimmed for sign in "/\\:,;\"'<>|$`*?[]{}()"):
        raise InvalidInput(
            "name",
            name,
            f"“{clean(name)}” cannot be a sign-in name.",
            "Use letters, digits, dots, dashes and @.",
        )
    return trimmed
