"""Staff: adding, roles per store, passwords and lock-outs, and who may do that to whom."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor, system_actor
from cstui.domain.audit import Change
from cstui.domain.errors import (
    Conflict,
    CstuiError,
    InvalidInput,
    NotFound,
    NotPermitted,
    NotPossibleNow,
    NotSignedIn,
    SignInRefused,
)
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.domain.staff import GrantRow
from cstui.services.settings import Settings
from cstui.services.sign_in import SignIn
from cstui.services.staff import Staff
from cstui.storage.database import Database
from cstui.storage.queries.audit import events_of
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Staff as StaffTable
from cstui.storage.tables.people import StaffGrant
from tests.factories import add_staff, add_store, count

PASSWORD = "four quiet otters"
ROOT = system_actor("test")


@pytest.fixture
def staff(db: Database) -> Staff:
    return Staff(db)


def sign_in(db: Database, name: str, password: str = PASSWORD) -> Actor:
    return SignIn(db, Settings(db)).sign_in(name, password, "t").actor


def lock_out(db: Database, name: str) -> None:
    table = table_of(StaffTable)
    with db.write() as tx:
        tx.run(
            table.update()
            .where(table.c.name_folded == name)
            .values(failed_count=10, last_failed_at=tx.now, locked_until=tx.now + timedelta(minutes=30))
        )


def test_somebody_new_gets_a_one_time_password_that_is_shown_once(db: Database, staff: Staff) -> None:
    added = staff.add(ROOT, "Bob", Role.AGENT)
    assert len(added.one_time_password) == 23
    assert staff.list(ROOT)[0].must_change_password
    assert SignIn(db, Settings(db)).sign_in("bob", added.one_time_password, "t").must_change_password
    assert staff.add(ROOT, "Sue", Role.AGENT).one_time_password != added.one_time_password


def test_a_given_password_is_not_repeated_and_must_still_be_changed(db: Database, staff: Staff) -> None:
    assert staff.add(ROOT, "Bob", Role.AGENT, password=PASSWORD).one_time_password == ""
    assert SignIn(db, Settings(db)).sign_in("bob", PASSWORD, "t").must_change_password


def test_a_role_can_be_given_in_some_stores_or_in_all(db: Database, staff: Staff) -> None:
    add_store(db, "shop")
    add_store(db, "outlet")
    staff.add(ROOT, "bob", Role.AGENT, ("shop", "OUTLET"))
    staff.add(ROOT, "sue", Role.SUPERVISOR)
    assert [(row.name, row.grants) for row in staff.list(ROOT)] == [
        ("bob", (GrantRow(Role.AGENT, "shop"), GrantRow(Role.AGENT, "outlet"))),
        ("sue", (GrantRow(Role.SUPERVISOR, ""),)),
    ]


def test_adding_somebody_is_in_the_audit_without_the_password(db: Database, staff: Staff) -> None:
    add_store(db, "shop")
    staff.add(ROOT, "bob", Role.AGENT, ("shop",), password=PASSWORD, save_id="once")
    with db.read() as tx:
        event = events_of(tx, Kind.STAFF, staff.list(ROOT)[0].id)[0]
    assert event.action == "staff added"
    assert event.changes == (Change("name", "", "bob"), Change("role.shop", "", "agent"))


def test_two_people_never_share_a_name_whatever_its_case(staff: Staff) -> None:
    staff.add(ROOT, "Bob", Role.AGENT)
    with pytest.raises(Conflict, match="already"):
        staff.add(ROOT, "bOB", Role.AGENT)
    with pytest.raises(Conflict, match="already"):
        staff.add(ROOT, "  BOB ", Role.AGENT)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x1b[2J", "a/b", "a\u202eb", "$(reboot)"])
def test_names_that_cannot_be_shown_or_typed_are_refused(sqlite_db: Database, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Staff(sqlite_db).add(ROOT, name, Role.AGENT)
    assert refused.value.field == "name"
    assert count(sqlite_db, StaffTable) == 0


def test_an_unknown_store_leaves_nobody_behind(db: Database, staff: Staff) -> None:
    with pytest.raises(NotFound, match="no store “nowhere”"):
        staff.add(ROOT, "bob", Role.AGENT, ("nowhere",))
    assert count(db, StaffTable) == 0


def test_granting_twice_changes_nothing_the_second_time(db: Database, staff: Staff) -> None:
    add_store(db, "shop")
    staff.add(ROOT, "bob", Role.AGENT, ("shop",))
    assert staff.grant(ROOT, "bob", Role.SUPERVISOR, "shop") == (
        GrantRow(Role.AGENT, "shop"),
        GrantRow(Role.SUPERVISOR, "shop"),
    )
    staff.grant(ROOT, "bob", Role.SUPERVISOR, "shop")
    staff.grant(ROOT, "bob", Role.SUPERVISOR)
    staff.grant(ROOT, "bob", Role.SUPERVISOR)
    assert count(db, StaffGrant) == 3


def test_revoking_takes_exactly_the_role_that_was_named(db: Database, staff: Staff) -> None:
    add_store(db, "shop")
    staff.add(ROOT, "bob", Role.AGENT, ("shop",))
    staff.grant(ROOT, "bob", Role.AGENT)
    assert staff.revoke(ROOT, "bob", Role.AGENT) == (GrantRow(Role.AGENT, "shop"),)
    with pytest.raises(NotFound, match="bob is not agent in every store") as refused:
        staff.revoke(ROOT, "bob", Role.AGENT)
    assert "agent in shop" in refused.value.advice
    assert staff.revoke(ROOT, "bob", Role.AGENT, "shop") == ()


def test_a_disabled_colleague_is_out_at_once_and_keeps_the_history(db: Database, staff: Staff) -> None:
    staff.add(ROOT, "bob", Role.ADMIN, password=PASSWORD, must_change=False)
    staff.add(ROOT, "sue", Role.ADMIN, password=PASSWORD, must_change=False)
    service = SignIn(db, Settings(db))
    bob = service.sign_in("bob", PASSWORD, "t")
    staff.disable(ROOT, "bob", reason="left")
    staff.disable(ROOT, "bob")
    with pytest.raises(NotSignedIn):
        service.resume(bob.token, "t")
    with pytest.raises(NotSignedIn, match="disabled"):
        staff.add(bob.actor, "eve", Role.ADMIN)
    with db.read() as tx:
        events = events_of(tx, Kind.STAFF, bob.actor.staff_id)
    assert [(e.action, e.reason) for e in events[:1]] == [("account disabled", "left")]
    staff.enable(ROOT, "bob")
    assert service.sign_in("bob", PASSWORD, "t").actor.name == "bob"
    with pytest.raises(NotSignedIn):
        service.resume(bob.token, "t")


def test_the_last_admin_can_neither_be_disabled_nor_lose_the_role(db: Database, staff: Staff) -> None:
    add_store(db, "shop")
    staff.add(ROOT, "adam", Role.ADMIN)
    staff.add(ROOT, "local", Role.ADMIN, ("shop",))
    staff.add(ROOT, "gone", Role.ADMIN)
    staff.disable(ROOT, "gone")
    with pytest.raises(NotPossibleNow, match="last admin"):
        staff.disable(ROOT, "adam")
    with pytest.raises(NotPossibleNow, match="last admin"):
        staff.revoke(ROOT, "adam", Role.ADMIN)
    staff.add(ROOT, "eve", Role.ADMIN)
    assert staff.revoke(ROOT, "adam", Role.ADMIN) == ()


def test_two_admins_who_take_each_others_role_leave_one(db: Database, staff: Staff) -> None:
    staff.add(ROOT, "adam", Role.ADMIN, password=PASSWORD, must_change=False)
    staff.add(ROOT, "eve", Role.ADMIN, password=PASSWORD, must_change=False)
    adam, eve = sign_in(db, "adam"), sign_in(db, "eve")
    barrier = threading.Barrier(2)
    refused: list[CstuiError] = []

    def take(actor: Actor, other: str) -> None:
        barrier.wait(10)
        try:
            staff.revoke(actor, other, Role.ADMIN)
        except CstuiError as error:
            refused.append(error)

    threads = [threading.Thread(target=take, args=pair) for pair in ((adam, "eve"), (eve, "adam"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert count(db, StaffGrant) == 1


def test_nobody_disables_the_own_account(db: Database, staff: Staff) -> None:
    for name in ("adam", "eve"):
        staff.add(ROOT, name, Role.ADMIN, password=PASSWORD, must_change=False)
    with pytest.raises(NotPossibleNow, match="your own"):
        staff.disable(sign_in(db, "adam"), "adam")


def test_a_reset_password_ends_the_sessions_and_lifts_the_lock_out(db: Database, staff: Staff) -> None:
    staff.add(ROOT, "bob", Role.AGENT, password=PASSWORD, must_change=False)
    service = SignIn(db, Settings(db))
    before = service.sign_in("bob", PASSWORD, "t")
    lock_out(db, "bob")
    reset = staff.set_password(ROOT, "BOB")
    assert reset.name == "bob"
    with pytest.raises(NotSignedIn):
        service.resume(before.token, "t")
    assert service.sign_in("bob", reset.one_time_password, "t").must_change_password
    with pytest.raises(SignInRefused):
        service.sign_in("bob", PASSWORD, "t")
    with pytest.raises(InvalidInput):
        staff.set_password(ROOT, "bob", "short")


def test_a_supervisor_unlocks_a_locked_out_colleague(db: Database, staff: Staff) -> None:
    shop = add_store(db, "shop")
    sue = add_staff(db, "sue", Role.SUPERVISOR, shop)
    staff.add(ROOT, "bob", Role.AGENT, ("shop",), password=PASSWORD, must_change=False)
    lock_out(db, "bob")
    with pytest.raises(SignInRefused, match="locked for 30 more minutes"):
        sign_in(db, "bob")
    assert [row.name for row in staff.list(sue) if row.locked_until] == ["bob"]
    assert staff.unlock(sue, "bob")
    assert not staff.unlock(sue, "bob")
    assert sign_in(db, "bob").name == "bob"


def test_a_supervisor_unlocks_nobody_of_another_store(db: Database, staff: Staff) -> None:
    shop, _outlet = add_store(db, "shop"), add_store(db, "outlet")
    sue = add_staff(db, "sue", Role.SUPERVISOR, shop)
    staff.add(ROOT, "bob", Role.AGENT, ("outlet",))
    lock_out(db, "bob")
    with pytest.raises(NotPermitted, match="unlock colleagues"):
        staff.unlock(sue, "bob")
    assert [row.name for row in staff.list(sue)] == ["sue"]


def test_whoever_manages_one_store_gives_roles_there_and_nowhere_else(db: Database, staff: Staff) -> None:
    shop, _outlet = add_store(db, "shop"), add_store(db, "outlet")
    local = add_staff(db, "local", Role.ADMIN, shop)
    staff.add(local, "bob", Role.AGENT, ("shop",))
    staff.grant(local, "bob", Role.ADMIN, "shop")
    for refused in (
        lambda: staff.grant(local, "bob", Role.VIEWER, "outlet"),
        lambda: staff.grant(local, "bob", Role.VIEWER),
        lambda: staff.grant(local, "local", Role.ADMIN),
        lambda: staff.add(local, "eve", Role.VIEWER),
        lambda: staff.add(local, "eve", Role.VIEWER, ("shop", "outlet")),
        lambda: staff.revoke(local, "bob", Role.AGENT, "outlet"),
    ):
        with pytest.raises(NotPermitted, match="manage staff"):
            refused()


def test_a_store_admin_cannot_take_over_the_account_of_somebody_with_more(db: Database, staff: Staff) -> None:
    shop, _outlet = add_store(db, "shop"), add_store(db, "outlet")
    local = add_staff(db, "local", Role.ADMIN, shop)
    staff.add(ROOT, "adam", Role.ADMIN)
    staff.add(ROOT, "both", Role.AGENT, ("shop", "outlet"))
    staff.add(ROOT, "mine", Role.AGENT, ("shop",))
    for name in ("adam", "both"):
        with pytest.raises(NotPermitted):
            staff.set_password(local, name)
        with pytest.raises(NotPermitted):
            staff.disable(local, name)
        with pytest.raises(NotPermitted):
            staff.enable(local, name)
    assert staff.set_password(local, "mine").one_time_password
    staff.disable(local, "mine")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.WAREHOUSE, Role.SUPERVISOR])
def test_only_admins_manage_staff(sqlite_db: Database, role: Role) -> None:
    staff = Staff(sqlite_db)
    somebody = add_staff(sqlite_db, "ann", role)
    staff.add(ROOT, "bob", Role.AGENT)
    for refused in (
        lambda: staff.add(somebody, "eve", Role.VIEWER),
        lambda: staff.grant(somebody, "ann", Role.ADMIN),
        lambda: staff.revoke(somebody, "bob", Role.AGENT),
        lambda: staff.set_password(somebody, "bob"),
        lambda: staff.disable(somebody, "bob"),
    ):
        with pytest.raises(NotPermitted):
            refused()
    if role is Role.SUPERVISOR:
        assert staff.list(somebody)
    else:
        with pytest.raises(NotPermitted):
            staff.list(somebody)
        with pytest.raises(NotPermitted):
            staff.unlock(somebody, "bob")


def test_a_role_taken_away_counts_at_once_also_for_a_desk_that_is_open(db: Database, staff: Staff) -> None:
    staff.add(ROOT, "adam", Role.ADMIN, password=PASSWORD, must_change=False)
    staff.add(ROOT, "eve", Role.ADMIN)
    adam = sign_in(db, "adam")
    staff.revoke(ROOT, "adam", Role.ADMIN)
    with pytest.raises(NotPermitted):
        staff.add(adam, "bob", Role.AGENT)


def test_an_empty_database_takes_one_first_admin(db: Database, staff: Staff) -> None:
    staff.add_first_admin("adam", PASSWORD, "t")
    signed = SignIn(db, Settings(db)).sign_in("adam", PASSWORD, "t")
    assert not signed.must_change_password
    assert staff.list(signed.actor)[0].grants == (GrantRow(Role.ADMIN, ""),)
    with pytest.raises(NotPossibleNow, match="staff here already"):
        staff.add_first_admin("eve", PASSWORD, "t")


def test_somebody_unknown_is_not_found(staff: Staff) -> None:
    for missing in (
        lambda: staff.grant(ROOT, "nobody", Role.AGENT),
        lambda: staff.revoke(ROOT, "nobody", Role.AGENT),
        lambda: staff.disable(ROOT, "nobody"),
        lambda: staff.set_password(ROOT, "nobody"),
        lambda: staff.unlock(ROOT, "nobody"),
    ):
        with pytest.raises(NotFound, match="no member of staff “nobody”"):
            missing()


def test_the_list_is_read_in_pages(db: Database, staff: Staff) -> None:
    table = table_of(StaffTable)
    with db.write() as tx:
        rows = [{"name": f"p{n:03}", "name_folded": f"p{n:03}", "display_name": "", "password_hash": "", "must_change_password": False,
                 "failed_count": 0, "zone": "", "locale": "", "created_at": tx.now} for n in range(250)]  # fmt: skip
        tx.run(sa.insert(table), rows)
    assert len(staff.list(ROOT)) == 200
    assert [row.name for row in staff.list(ROOT, limit=2, offset=248)] == ["p248", "p249"]
