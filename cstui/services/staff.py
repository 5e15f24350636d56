"""Members of staff: adding them, their roles per store, passwords and lock-outs (GEN-11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cstui.domain.actor import Actor, Grant, system_actor
from cstui.domain.audit import Change
from cstui.domain.clean import clean
from cstui.domain.errors import Conflict, InvalidInput, NotFound, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.passwords import one_time_password, require_fit
from cstui.domain.permissions import GRANTED, Permission, Role
from cstui.domain.staff import GrantRow, StaffRow, Tries, required_name
from cstui.services.access import current_grants, not_permitted, require
from cstui.services.password_hash import hashed
from cstui.storage.database import Database
from cstui.storage.queries import audit, sign_in, staff, stores
from cstui.storage.transaction import Transaction

_EVERYWHERE = "every store"


@dataclass(frozen=True, slots=True)
class NewMember:
    """What `add` and `set_password` give back: `one_time_password` is to be shown once and never again; empty where one was given."""

    name: str
    one_time_password: str


class Staff:
    """Who works here and what they may do.

    Somebody who manages one store's staff gives and takes roles of that store alone; accounts of people with roles elsewhere are for
    those who manage these stores too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        actor: Actor,
        name: str,
        role: Role,
        store_codes: Sequence[str] = (),
        *,
        password: str = "",
        display_name: str = "",
        must_change: bool = True,
        save_id: str = "",
    ) -> NewMember:
        """Adds a person with one role, in some stores or (no codes) in all. Without a password a one-time password is made.

        Errors: `NotPermitted`, `InvalidInput`, `Conflict` (the name is taken), `NotFound` (a store).
        """
        wanted = required_name(name)
        shown = _shown_name(display_name or wanted)
        one_time, password_hash = _made(password, f"{wanted} {shown}")
        with self._database.write(save_id) as tx:
            places = _places(tx, store_codes)
            for store_id, _code in places:
                require(tx, actor, Permission.STAFF_MANAGE, store_id)
            staff_id = staff.add(tx, wanted, shown, password_hash, must_change=must_change)
            if staff_id is None:
                raise Conflict(
                    f"There is a member of staff “{wanted}” already.", "Choose another name.", name=wanted
                )
            for store_id, _code in places:
                staff.grant(tx, staff_id, role, store_id, actor.name)
            changes = (Change("name", "", wanted), *(_granted(role, code) for _id, code in places))
            _note(tx, actor, staff_id, "staff added", changes, save_id)
        return NewMember(wanted, one_time)

    def add_first_admin(self, name: str, password: str, terminal: str) -> NewMember:
        """Adds the first person, an admin of every store, to a database in which there is nobody yet.

        Errors: `NotPossibleNow` where there is somebody, `InvalidInput`.
        """
        actor = system_actor("cstui init", terminal)
        wanted = required_name(name)
        one_time, password_hash = _made(password, wanted)
        with self._database.write() as tx:
            staff.lock_all(tx)
            if staff.anybody(tx):
                raise NotPossibleNow(
                    "There is staff here already.", "An admin adds more with “cstui staff add”."
                )
            staff_id = (
                staff.add(tx, wanted, _shown_name(wanted), password_hash, must_change=not password) or 0
            )
            staff.grant(tx, staff_id, Role.ADMIN, None, actor.name)
            changes = (Change("name", "", wanted), _granted(Role.ADMIN, _EVERYWHERE))
            _note(tx, actor, staff_id, "staff added", changes)
        return NewMember(wanted, one_time)

    def grant(
        self, actor: Actor, name: str, role: Role, store_code: str | None = None, save_id: str = ""
    ) -> tuple[GrantRow, ...]:
        """Gives a role in one store, or in all; harmless where it is held already. Returns all roles of the person.

        Errors: `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            store_id, code = _places(tx, () if store_code is None else (store_code,))[0]
            require(tx, actor, Permission.STAFF_MANAGE, store_id)
            member = _known(tx, name)
            if staff.grant(tx, member.id, role, store_id, actor.name):
                _note(tx, actor, member.id, "role granted", (_granted(role, code),), save_id)
            return self._grants(tx, name)

    def revoke(
        self, actor: Actor, name: str, role: Role, store_code: str | None = None, save_id: str = ""
    ) -> tuple[GrantRow, ...]:
        """Takes a role away in one store, or the one that holds in all. Returns the roles that are left.

        Errors: `NotPermitted`, `NotFound` (the person, the store, or the role there), `NotPossibleNow` (the last admin).
        """
        with self._database.write(save_id) as tx:
            store_id, code = _places(tx, () if store_code is None else (store_code,))[0]
            require(tx, actor, Permission.STAFF_MANAGE, store_id)
            staff.lock_all(tx)
            member = _known(tx, name)
            if role is Role.ADMIN and store_id is None:
                _require_not_last(tx, member, "lose that role")
            if not staff.revoke(tx, member.id, role, store_id):
                held = (
                    ", ".join(f"{g.role} in {g.store or _EVERYWHERE}" for g in self._grants(tx, name))
                    or "none"
                )
                raise NotFound(f"{member.name} is not {role.value} in {code}.", f"Roles held: {held}.")
            _note(tx, actor, member.id, "role revoked", (Change(f"role.{code}", role.value, ""),), save_id)
            return self._grants(tx, name)

    def list(self, actor: Actor, limit: int = 200, offset: int = 0) -> tuple[StaffRow, ...]:
        """People with roles and lock-outs, by name; of the stores that the actor manages or unlocks in. Errors: `NotPermitted`."""
        with self._database.read() as tx:
            grants = current_grants(tx, actor)
            mine = _stores_with(grants, Permission.STAFF_MANAGE, Permission.STAFF_UNLOCK)
            if mine is not None and not mine:
                raise not_permitted(Permission.STAFF_MANAGE)
            return staff.rows(tx, mine, limit, offset)

    def disable(self, actor: Actor, name: str, reason: str = "", save_id: str = "") -> None:
        """Closes an account and ends its sessions; what the person did stays. Harmless when it is closed already.

        Errors: `NotPermitted`, `NotFound`, `NotPossibleNow` (oneself, or the last admin).
        """
        with self._database.write(save_id) as tx:
            staff.lock_all(tx)
            member = _known(tx, name)
            _require_over(tx, actor, member)
            if member.id == actor.staff_id:
                raise NotPossibleNow("You cannot disable your own account.", "Ask another admin.")
            _require_not_last(tx, member, "be disabled")
            if not member.is_disabled:
                staff.disable(tx, member.id)
                sign_in.end_sessions(tx, member.id)
                _note(tx, actor, member.id, "account disabled", (), save_id, reason)

    def enable(self, actor: Actor, name: str, save_id: str = "") -> None:
        """Opens an account again, with the roles and password it had. Errors: `NotPermitted`, `NotFound`."""
        with self._database.write(save_id) as tx:
            member = _known(tx, name)
            _require_over(tx, actor, member)
            if member.is_disabled:
                staff.enable(tx, member.id)
                _note(tx, actor, member.id, "account enabled", (), save_id)

    def set_password(
        self, actor: Actor, name: str, password: str = "", *, must_change: bool = True, save_id: str = ""
    ) -> NewMember:
        """Gives somebody a new password, to be changed at the next sign-in, and ends their sessions.

        Without a password a one-time password is made. Errors: `NotPermitted`, `NotFound`, `InvalidInput`.
        """
        one_time, password_hash = _made(password, name)
        with self._database.write(save_id) as tx:
            member = _known(tx, name)
            _require_over(tx, actor, member)
            sign_in.set_password(tx, member.id, password_hash, must_change=must_change)
            sign_in.end_sessions(tx, member.id)
            _note(tx, actor, member.id, "password reset", (), save_id)
        return NewMember(member.name, one_time)

    def unlock(self, actor: Actor, name: str, save_id: str = "") -> bool:
        """Lets a colleague try again at once after too many wrong passwords; False where nothing was locked.

        A supervisor may do it for whoever works in one of his stores. Errors: `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            mine = _stores_with(current_grants(tx, actor), Permission.STAFF_UNLOCK)
            member = _known(tx, name)
            if not _is_colleague(mine, member.grants):
                raise not_permitted(Permission.STAFF_UNLOCK)
            if not member.failed_count:
                return False
            sign_in.remember_tries(tx, member.id, Tries())
            _note(tx, actor, member.id, "account unlocked", (), save_id)
            return True

    @staticmethod
    def _grants(tx: Transaction, name: str) -> tuple[GrantRow, ...]:
        codes = {row.id: row.code for row in stores.rows(tx)}
        return tuple(
            GrantRow(grant.role, "" if grant.store_id is None else codes.get(grant.store_id, "?"))
            for grant in _known(tx, name).grants
        )


def _made(password: str, names: str) -> tuple[str, str]:
    """The one-time password to show (empty where one was given) and the hash to store. Errors: `InvalidInput`."""
    one_time = "" if password else one_time_password()
    return one_time, hashed(one_time or require_fit(password, names))


def _shown_name(name: str) -> str:
    shown = " ".join(name.split())
    if clean(shown) != shown or len(shown) > 60:
        raise InvalidInput(
            "display name", name, "This name cannot be shown.", "Use at most 60 letters, digits and signs."
        )
    return shown


def _places(tx: Transaction, codes: Sequence[str]) -> list[tuple[int | None, str]]:
    """Ids and codes of stores; no codes: all of them. Errors: `NotFound`."""
    if not codes:
        return [(None, _EVERYWHERE)]
    known = {store.id: store.code for store in (stores.known(tx, code) for code in codes)}
    return list(known.items())


def _known(tx: Transaction, name: str) -> staff.Member:
    member = staff.member_named(tx, name)
    if member is None:
        raise NotFound(f"There is no member of staff “{clean(name)}”.", "“cstui staff list” shows them.")
    return member


def _stores_with(grants: Iterable[Grant], *permissions: Permission) -> frozenset[int] | None:
    """The stores in which one of the permissions is held; None for all."""
    held = [grant for grant in grants if any(wanted in GRANTED[grant.role] for wanted in permissions)]
    if any(grant.store_id is None for grant in held):
        return None
    return frozenset(grant.store_id for grant in held if grant.store_id is not None)


def _is_colleague(mine: frozenset[int] | None, theirs: Sequence[Grant]) -> bool:
    """Whether somebody holds a role in one of my stores (a role in every store, and no role at all, count)."""
    if mine is None:
        return True
    return bool(mine) and (
        not theirs or any(grant.store_id is None or grant.store_id in mine for grant in theirs)
    )


def _require_over(tx: Transaction, actor: Actor, member: staff.Member) -> None:
    """Passes where the actor manages the staff of every store in which the person holds a role. Errors: `NotPermitted`."""
    if not member.grants:
        require_any = _stores_with(current_grants(tx, actor), Permission.STAFF_MANAGE)
        if require_any is not None and not require_any:
            raise not_permitted(Permission.STAFF_MANAGE)
    for store_id in {grant.store_id for grant in member.grants}:
        require(tx, actor, Permission.STAFF_MANAGE, store_id)


def _require_not_last(tx: Transaction, member: staff.Member, what: str) -> None:
    """Passes where somebody else could still manage everything. Errors: `NotPossibleNow`."""
    is_admin = any(grant.role is Role.ADMIN and grant.store_id is None for grant in member.grants)
    if is_admin and not member.is_disabled and staff.other_admins(tx, member.id) == 0:
        raise NotPossibleNow(
            f"{member.name} is the last admin of every store and cannot {what}.",
            "Make somebody else admin first.",
        )


def _granted(role: Role, code: str) -> Change:
    return Change(f"role.{code}", "", role.value)


def _note(
    tx: Transaction,
    actor: Actor,
    staff_id: int,
    action: str,
    changes: tuple[Change, ...] = (),
    save_id: str = "",
    reason: str = "",
) -> None:
    tx.publish("saved", Kind.STAFF, staff_id)
    audit.append(
        tx,
        audit.NewEvent(
            actor, audit.ORGANISATION, Kind.STAFF, staff_id, action, changes, clean(reason), save_id=save_id
        ),
    )
