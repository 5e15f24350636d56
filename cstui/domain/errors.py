"""Errors as facts: each knows what happened, to which object, and what to do next.

Every error that a person may meet derives from `CstuiError`. Screens show `title`, `message` and `advice`; the command line prints
them in one line (or as JSON with the facts) and ends with `exit_code`.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar


class Exit(IntEnum):
    """Exit codes of the command line; their meaning never changes."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_PERMITTED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    UNKNOWN_OUTCOME = 7


class CstuiError(Exception):
    """A refusal in words. `facts` go into JSON output and into logs after redaction."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Not done"
    exit_code: ClassVar[Exit] = Exit.REFUSED

    def __init__(self, message: str, advice: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.facts = facts

    def in_words(self) -> str:
        """The whole error in one line: message, then advice."""
        return f"{self.message} {self.advice}".strip()


class InvalidInput(CstuiError):
    """One field holds something that cannot be stored. Nothing that was typed is lost."""

    code = "invalid"
    title = "Check this field"

    def __init__(self, field: str, value: str, message: str, advice: str = "") -> None:
        super().__init__(message, advice, field=field, value=value)
        self.field = field
        self.value = value


class InvalidFields(CstuiError):
    """Several fields at once; `problems` are in the order of the form."""

    code = "invalid"
    title = "Check these fields"

    def __init__(self, problems: tuple[InvalidInput, ...]) -> None:
        super().__init__(
            " ".join(problem.message for problem in problems),
            problems[0].advice if problems else "",
            fields=[problem.field for problem in problems],
        )
        self.problems = problems


class UsageError(CstuiError):
    """The command cannot be read as given."""

    code = "usage"
    title = "Check the command"
    exit_code = Exit.USAGE


class Ambiguous(CstuiError):
    """A reference fits several records; `candidates` are their prefixed ids."""

    code = "ambiguous"
    title = "Several records fit"
    exit_code = Exit.USAGE

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            message, "Use one of these ids: " + ", ".join(candidates) + ".", candidates=list(candidates)
        )
        self.candidates = candidates


class NotFound(CstuiError):
    """No such record among those that this person may see (another store's record is not found either)."""

    code = "not_found"
    title = "Not found"
    exit_code = Exit.NOT_FOUND


class NotPermitted(CstuiError):
    """The person's roles do not allow it here."""

    code = "not_permitted"
    title = "Not permitted"
    exit_code = Exit.NOT_PERMITTED


class NotSignedIn(CstuiError):
    """No valid session: never signed in, expired, ended, or the account is disabled."""

    code = "not_signed_in"
    title = "Sign in first"
    exit_code = Exit.NOT_PERMITTED


class SignInRefused(CstuiError):
    """Wrong name or password (the message never says which), or the account is locked for a while."""

    code = "sign_in_refused"
    title = "Sign-in refused"
    exit_code = Exit.NOT_PERMITTED


class RecordLocked(CstuiError):
    """Somebody else holds the edit lock (LOCK-03). `stale`: the holder's lease has passed."""

    code = "locked"
    title = "Locked by someone else"
    exit_code = Exit.CONFLICT

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        holder: str,
        terminal: str,
        since: datetime,
        idle_since: datetime,
        stale: bool,
        breakable: bool = True,
    ) -> None:
        super().__init__(message, advice, holder=holder, terminal=terminal, since=since, stale=stale)
        self.holder = holder
        self.terminal = terminal
        self.since = since
        self.idle_since = idle_since
        self.stale = stale
        self.breakable = breakable


class HeldElsewhere(RecordLocked):
    """The same person holds the lock on another terminal and may take it over here (LOCK-11)."""

    code = "held_elsewhere"
    title = "You hold this elsewhere"


class RecordChanged(CstuiError):
    """The record moved on since it was loaded (LOCK-05, LOCK-10). `fields` are the paths that changed meanwhile."""

    code = "changed"
    title = "Changed meanwhile"
    exit_code = Exit.CONFLICT

    def __init__(
        self, message: str, advice: str = "", *, by: str, at: datetime, fields: tuple[str, ...], version: int
    ) -> None:
        super().__init__(message, advice, by=by, at=at, fields=list(fields), version=version)
        self.by = by
        self.at = at
        self.fields = fields
        self.version = version


class LockBroken(CstuiError):
    """The lock was taken away from its holder (forced, taken over, handed over); the save is refused and the text kept as a draft.

    `unchanged` is True where nobody has saved since, so that "lock again and save" can be offered.
    """

    code = "lock_broken"
    title = "Your lock was removed"
    exit_code = Exit.CONFLICT

    def __init__(
        self, message: str, advice: str = "", *, by: str, at: datetime, reason: str, unchanged: bool
    ) -> None:
        super().__init__(message, advice, by=by, at=at, reason=reason, unchanged=unchanged)
        self.by = by
        self.at = at
        self.reason = reason
        self.unchanged = unchanged


class NotPossibleNow(CstuiError):
    """The state of the record does not allow it; the message says which state and what to do instead."""

    code = "not_possible_now"
    title = "Not possible now"


class Conflict(CstuiError):
    """Something stands in the way that is not a lock: a double, a schema that is not current."""

    code = "conflict"
    title = "In conflict"
    exit_code = Exit.CONFLICT


class SchemaNotCurrent(Conflict):
    """The database has another schema version than this program."""

    code = "schema_not_current"
    title = "Database needs an upgrade"


class DatabaseAway(CstuiError):
    """The database cannot be reached or refuses to write. The form is kept."""

    code = "database_away"
    title = "Database not reachable"
    exit_code = Exit.UNAVAILABLE


class OutcomeUnknown(CstuiError):
    """The connection broke at the commit: saved or not is looked up by `save_id` when the database is back."""

    code = "outcome_unknown"
    title = "Not known yet"
    exit_code = Exit.UNKNOWN_OUTCOME

    def __init__(self, message: str, advice: str = "", *, save_id: str = "") -> None:
        super().__init__(message, advice, save_id=save_id)
        self.save_id = save_id


class Interrupted(Exception):
    """A newer question made this one pointless; whoever asked drops it."""
