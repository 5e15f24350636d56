"""Members of staff and their grants: reading and changing them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.actor import Grant
from cstui.domain.permissions import Role
from cstui.domain.staff import GrantRow, StaffRow, folded_name
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import SignInSession, Staff, StaffGrant, Store
from cstui.storage.transaction import Transaction

_STAFF = table_of(Staff)
_GRANT = table_of(StaffGrant)
_STORE = table_of(Store)
_SESSION = table_of(SignInSession)


@dataclass(frozen=True, slots=True)
class Member:
    """A person as a use case needs it."""

    id: int
    name: str
    is_disabled: bool
    failed_count: int
    grants: tuple[Grant, ...]


def anybody(transaction: Transaction) -> bool:
    """Whether there is any member of staff."""
    return bool(transaction.rows(sa.select(_STAFF.c.id).limit(1)))


def member_named(transaction: Transaction, name: str) -> Member | None:
    """The person who signs in with this name, locked until the transaction ends."""
    found = transaction.rows(
        sa.select(_STAFF.c.id, _STAFF.c.name, _STAFF.c.disabled_at, _STAFF.c.failed_count)
        .where(_STAFF.c.name_folded == folded_name(name))
        .with_for_update()
    )
    if not found:
        return None
    row = found[0]
    grants = transaction.rows(
        sa.select(_GRANT.c.role, _GRANT.c.store_id).where(_GRANT.c.staff_id == row.id).order_by(_GRANT.c.id)
    )
    return Member(
        row.id,
        row.name,
        row.disabled_at is not None,
        row.failed_count,
        tuple(Grant(*grant) for grant in grants),
    )


def lock_all(transaction: Transaction) -> None:
    """Makes changes of grants and accounts wait for each other, so that two admins cannot take the last one away together."""
    if not transaction.is_sqlite:
        transaction.run(sa.text("LOCK TABLE staff_grant IN SHARE ROW EXCLUSIVE MODE"))


def other_admins(transaction: Transaction, staff_id: int) -> int:
    """How many other people can sign in and are admins of every store."""
    query = (
        sa.select(sa.func.count(sa.distinct(_STAFF.c.id)))
        .select_from(_STAFF.join(_GRANT, _GRANT.c.staff_id == _STAFF.c.id))
        .where(
            _STAFF.c.disabled_at.is_(None), _GRANT.c.role == Role.ADMIN, _GRANT.c.store_id.is_(None),
            _STAFF.c.id != staff_id,
        )
    )  # fmt: skip
    return int(transaction.rows(query)[0][0])


def add(
    transaction: Transaction,
    name: str,
    display_name: str,
    password_hash: str,
    *,
    must_change: bool,
    zone: str = "",
    locale: str = "",
) -> int | None:
    """Adds a person and returns the id; None where the name is taken, also by somebody at this very moment."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_STAFF)
    added = transaction.rows(
        insert.values(
            name=name, name_folded=folded_name(name), display_name=display_name, password_hash=password_hash,
            must_change_password=must_change, failed_count=0, zone=zone, locale=locale, created_at=transaction.now,
        )
        .on_conflict_do_nothing()
        .returning(_STAFF.c.id)
    )  # fmt: skip
    return int(added[0][0]) if added else None


def grant(transaction: Transaction, staff_id: int, role: Role, store_id: int | None, by: str) -> bool:
    """Gives a role; False where the person holds it there already."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_GRANT)
    return bool(
        transaction.rows(
            insert.values(
                staff_id=staff_id, role=role, store_id=store_id, granted_by=by, granted_at=transaction.now
            )
            .on_conflict_do_nothing()
            .returning(_GRANT.c.id)
        )
    )


def revoke(transaction: Transaction, staff_id: int, role: Role, store_id: int | None) -> bool:
    """Takes a role away; False where the person does not hold it there."""
    store = _GRANT.c.store_id
    where = store.is_(None) if store_id is None else store == store_id
    return bool(
        transaction.run(_GRANT.delete().where(_GRANT.c.staff_id == staff_id, _GRANT.c.role == role, where))
    )


def disable(transaction: Transaction, staff_id: int) -> None:
    """Closes an account; nothing of it is deleted."""
    transaction.run(_STAFF.update().where(_STAFF.c.id == staff_id).values(disabled_at=transaction.now))


def enable(transaction: Transaction, staff_id: int) -> None:
    """Opens an account again."""
    transaction.run(_STAFF.update().where(_STAFF.c.id == staff_id).values(disabled_at=None))


def rows(
    transaction: Transaction, store_ids: Iterable[int] | None, limit: int = 200, offset: int = 0
) -> tuple[StaffRow, ...]:
    """People by name, with roles and lock-outs. With `store_ids`: who holds a role in one of them, in all stores, or none at all."""
    people = sa.select(_STAFF).order_by(_STAFF.c.name_folded).limit(limit).offset(offset)
    if store_ids is not None:
        held = sa.select(_GRANT.c.staff_id).where(_GRANT.c.staff_id == _STAFF.c.id)
        here = held.where(sa.or_(_GRANT.c.store_id.is_(None), _GRANT.c.store_id.in_(list(store_ids))))
        people = people.where(sa.or_(here.exists(), ~held.exists()))
    found = transaction.rows(people)
    keys = [row.id for row in found]
    grants: dict[int, list[GrantRow]] = {}
    for staff_id, role, store in transaction.rows(
        sa.select(_GRANT.c.staff_id, _GRANT.c.role, _STORE.c.code)
        .select_from(_GRANT.outerjoin(_STORE, _STORE.c.id == _GRANT.c.store_id))
        .where(_GRANT.c.staff_id.in_(keys))
        .order_by(_GRANT.c.staff_id, _GRANT.c.id)
    ):
        grants.setdefault(staff_id, []).append(GrantRow(role, store or ""))
    seen = dict(
        tuple(row)
        for row in transaction.rows(
            sa.select(_SESSION.c.staff_id, sa.func.max(_SESSION.c.seen_at))
            .where(_SESSION.c.staff_id.in_(keys))
            .group_by(_SESSION.c.staff_id)
        )
    )
    now = transaction.now
    return tuple(
        StaffRow(
            row.id, row.name, row.display_name, tuple(grants.get(row.id, ())), row.disabled_at is not None,
            row.must_change_password, row.locked_until if row.locked_until and row.locked_until > now else None,
            row.failed_count, seen.get(row.id),
        )
        for row in found
    )  # fmt: skip
