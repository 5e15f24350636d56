"""Sign-in: wrong passwords counted under every name, and sessions. Only the hash of a session's token is stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Grant
from cstui.domain.staff import Tries
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import SignInSession, Staff, StaffGrant, UnknownSignIn
from cstui.storage.transaction import Transaction

_STAFF = table_of(Staff)
_GRANT = table_of(StaffGrant)
_SESSION = table_of(SignInSession)
_UNKNOWN = table_of(UnknownSignIn)
#: How long wrong passwords under a name that nobody has are remembered.
_UNKNOWN_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Account:
    """What sign-in needs of a person. `password_hash` never leaves the service that checks it."""

    id: int
    name: str
    display_name: str
    password_hash: str
    must_change_password: bool
    is_disabled: bool
    zone: str
    locale: str
    tries: Tries

    @property
    def shown(self) -> str:
        """The name that others see."""
        return self.display_name or self.name


def account_named(transaction: Transaction, name_folded: str) -> Account | None:
    """The account that signs in with this name, locked until the transaction ends."""
    return _account(transaction, _STAFF.c.name_folded == name_folded)


def account_of(transaction: Transaction, staff_id: int) -> Account | None:
    """The account with this id, locked until the transaction ends."""
    return _account(transaction, _STAFF.c.id == staff_id)


def _account(transaction: Transaction, where: sa.ColumnElement[bool]) -> Account | None:
    found = transaction.rows(sa.select(_STAFF).where(where).with_for_update())
    if not found:
        return None
    row = found[0]
    return Account(
        row.id, row.name, row.display_name, row.password_hash, row.must_change_password, row.disabled_at is not None,
        row.zone, row.locale, Tries(row.failed_count, row.last_failed_at, row.locked_until),
    )  # fmt: skip


def grants_of(transaction: Transaction, staff_id: int) -> tuple[Grant, ...]:
    """The roles that a person holds now."""
    query = sa.select(_GRANT.c.role, _GRANT.c.store_id).where(_GRANT.c.staff_id == staff_id)
    return tuple(Grant(row.role, row.store_id) for row in transaction.rows(query.order_by(_GRANT.c.id)))


def remember_tries(transaction: Transaction, staff_id: int, tries: Tries) -> None:
    """Stores the count of wrong passwords of a person."""
    transaction.run(
        _STAFF.update()
        .where(_STAFF.c.id == staff_id)
        .values(
            failed_count=tries.failed, last_failed_at=tries.last_failed_at, locked_until=tries.locked_until
        )
    )


def tries_of_nobody(transaction: Transaction, name_folded: str) -> Tries:
    """The count of wrong passwords under a name that nobody has."""
    found = transaction.rows(
        sa.select(_UNKNOWN).where(_UNKNOWN.c.name_hash == _hash(name_folded)).with_for_update()
    )
    return Tries(found[0].failed_count, found[0].last_failed_at, found[0].locked_until) if found else Tries()


def remember_tries_of_nobody(transaction: Transaction, name_folded: str, tries: Tries) -> None:
    """Stores that count under the hash of the name (a password typed into the wrong field must not be kept); drops old ones."""
    transaction.run(_UNKNOWN.delete().where(_UNKNOWN.c.last_failed_at < transaction.now - _UNKNOWN_KEPT))
    facts = {
        "failed_count": tries.failed,
        "last_failed_at": tries.last_failed_at,
        "locked_until": tries.locked_until,
    }
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_UNKNOWN)
    transaction.run(
        insert.values(name_hash=_hash(name_folded), **facts).on_conflict_do_update(
            index_elements=[_UNKNOWN.c.name_hash], set_=facts
        )
    )


def _hash(name_folded: str) -> str:
    return hashlib.sha256(name_folded.encode("utf-8", "surrogatepass")).hexdigest()


def set_password(transaction: Transaction, staff_id: int, password_hash: str, *, must_change: bool) -> None:
    """Stores a new hash and clears the count of wrong passwords."""
    transaction.run(
        _STAFF.update()
        .where(_STAFF.c.id == staff_id)
        .values(
            password_hash=password_hash, must_change_password=must_change, failed_count=0, last_failed_at=None,
            locked_until=None,
        )
    )  # fmt: skip


def improve_hash(transaction: Transaction, staff_id: int, old_hash: str, new_hash: str) -> None:
    """Replaces a hash by a stronger one of the same password, unless the password was changed meanwhile."""
    transaction.run(
        _STAFF.update()
        .where(_STAFF.c.id == staff_id, _STAFF.c.password_hash == old_hash)
        .values(password_hash=new_hash)
    )


def open_session(
    transaction: Transaction, staff_id: int, token_hash: str, terminal: str, expires_at: datetime
) -> int:
    """Stores a session and returns its id."""
    added = transaction.rows(
        _SESSION.insert()
        .values(
            staff_id=staff_id, token_hash=token_hash, terminal=terminal, created_at=transaction.now,
            seen_at=transaction.now, expires_at=expires_at,
        )
        .returning(_SESSION.c.id)
    )  # fmt: skip
    return int(added[0][0])


def seen(transaction: Transaction, session_id: int, terminal: str) -> None:
    """Notes that a session is in use, and where."""
    transaction.run(
        _SESSION.update()
        .where(_SESSION.c.id == session_id, _SESSION.c.ended_at.is_(None))
        .values(seen_at=transaction.now, terminal=terminal)
    )


def is_ended(transaction: Transaction, session_id: int, staff_id: int) -> bool:
    """Whether somebody ended this session: signed out, password set anew, account disabled."""
    found = transaction.rows(
        sa.select(_SESSION.c.ended_at).where(_SESSION.c.id == session_id, _SESSION.c.staff_id == staff_id)
    )
    return bool(found) and found[0].ended_at is not None


def extend_session(transaction: Transaction, session_id: int, expires_at: datetime) -> None:
    """Moves the end of an open session."""
    transaction.run(
        _SESSION.update()
        .where(_SESSION.c.id == session_id, _SESSION.c.ended_at.is_(None))
        .values(expires_at=expires_at, seen_at=transaction.now)
    )


def end_session(transaction: Transaction, session_id: int, staff_id: int) -> bool:
    """Ends one session; False where it had ended already."""
    return bool(
        transaction.run(
            _SESSION.update()
            .where(
                _SESSION.c.id == session_id, _SESSION.c.staff_id == staff_id, _SESSION.c.ended_at.is_(None)
            )
            .values(ended_at=transaction.now)
        )
    )


def end_sessions(transaction: Transaction, staff_id: int, but: int = 0) -> int:
    """Ends every open session of a person but one; returns how many."""
    return transaction.run(
        _SESSION.update()
        .where(_SESSION.c.staff_id == staff_id, _SESSION.c.ended_at.is_(None), _SESSION.c.id != but)
        .values(ended_at=transaction.now)
    )
