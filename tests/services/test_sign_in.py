"""Signing in: the same answer for every wrong pair, waits and lock-outs, sessions that last and end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor, Grant, system_actor
from cstui.domain.errors import InvalidInput, NotSignedIn, SignInRefused
from cstui.domain.ids import Kind
from cstui.domain.permissions import Permission, Role
from cstui.domain.staff import SignedIn
from cstui.services import sign_in as module
from cstui.services.access import require
from cstui.services.password_hash import fits
from cstui.services.settings import Settings
from cstui.services.sign_in import SignIn, resumed, terminal_name, token_hash
from cstui.services.staff import Staff
from cstui.storage.database import Database
from cstui.storage.queries.audit import events_of
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import SignInSession, UnknownSignIn
from cstui.storage.tables.people import Staff as StaffTable
from tests.factories import add_store, count

PASSWORD = "four quiet otters"
STAFF = table_of(StaffTable)
SESSION = table_of(SignInSession)


@pytest.fixture
def service(db: Database) -> SignIn:
    return SignIn(db, Settings(db))


def add_person(
    db: Database, name: str = "ann", role: Role = Role.AGENT, stores: tuple[str, ...] = ()
) -> None:
    Staff(db).add(system_actor("test"), name, role, stores, password=PASSWORD, must_change=False)


def staff_row(db: Database, name: str = "ann") -> Any:
    with db.read() as tx:
        return tx.rows(sa.select(STAFF).where(STAFF.c.name_folded == name))[0]


def history(db: Database, staff_id: int) -> list[tuple[str, str]]:
    with db.read() as tx:
        return [(event.action, event.actor) for event in events_of(tx, Kind.STAFF, staff_id)]


def set_back(db: Database, seconds: float) -> None:
    """Lets time pass: moves every stored try and lock-out back."""
    back = timedelta(seconds=seconds)
    with db.write() as tx:
        for table in (STAFF, table_of(UnknownSignIn)):
            key = "id" if "id" in table.c else "name_hash"
            for row in tx.rows(sa.select(table)):
                facts = {
                    n: getattr(row, n) - back for n in ("last_failed_at", "locked_until") if getattr(row, n)
                }
                if facts:
                    tx.run(table.update().where(table.c[key] == getattr(row, key)).values(facts))


def fail(service: SignIn, name: str = "ann", password: str = "wrong password") -> SignInRefused:
    with pytest.raises(SignInRefused) as refused:
        service.sign_in(name, password, "term-1")
    return refused.value


def test_the_right_password_signs_in_with_the_grants_of_the_person(db: Database, service: SignIn) -> None:
    store = add_store(db)
    add_person(db, "ann", Role.AGENT, ("main",))
    signed = service.sign_in(" ANN ", PASSWORD, "ann@desk3/pts/4")
    assert signed.actor.grants == (Grant(Role.AGENT, store),)
    assert signed.actor.terminal == "ann@desk3/pts/4"
    assert signed.actor.name == "ann"
    assert not signed.must_change_password
    assert history(db, signed.actor.staff_id)[0] == ("signed in", "ann")


def test_a_wrong_name_and_a_wrong_password_read_the_same(db: Database, service: SignIn) -> None:
    add_person(db)
    wrong_password, wrong_name = fail(service), fail(service, "nobody")
    assert wrong_password.in_words() == wrong_name.in_words()
    assert wrong_password.facts == wrong_name.facts


def test_a_wrong_name_costs_the_same_hash_and_the_same_writes(
    db: Database, service: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_person(db)
    checked: list[str] = []
    written: list[int] = []
    write = db.write

    def watched_fits(kept: str, typed: str) -> bool:
        checked.append(kept)
        return fits(kept, typed)

    def watched_write(save_id: str = "") -> Any:
        written.append(len(checked))
        return write(save_id)

    monkeypatch.setattr(module, "fits", watched_fits)
    monkeypatch.setattr(db, "write", watched_write)
    fail(service)
    known, known_writes = list(checked), len(written)
    checked.clear()
    written.clear()
    fail(service, "nobody")
    costs = [[kept.split("$")[:4] for kept in hashes] for hashes in (known, checked)]
    assert costs[0] == costs[1]
    assert len(checked) == 1
    assert len(written) == known_writes


def test_names_are_waited_for_and_locked_alike_whether_or_not_they_exist(
    db: Database, service: SignIn
) -> None:
    add_person(db)
    words: dict[str, list[str]] = {}
    for name in ("ann", "nobody"):
        words[name] = [fail(service, name).message for _ in range(2)]
        for _ in range(9):
            set_back(db, 61)
            words[name].append(fail(service, name).message)
        set_back(db, 61)
        words[name].append(fail(service, name, PASSWORD).message)
    assert words["ann"] == words["nobody"]
    assert words["ann"][1] == "Wait 1 s before the next try."
    assert words["ann"][-1].startswith("Too many wrong passwords: locked for 29 more minutes")


def test_the_wait_doubles_with_each_wrong_password(db: Database, service: SignIn) -> None:
    add_person(db)
    waits = []
    for _ in range(4):
        fail(service)
        waits.append(fail(service).facts["wait_seconds"])
        set_back(db, waits[-1])
    assert waits == [1, 2, 4, 8]


def test_during_the_wait_even_the_right_password_is_not_looked_at(db: Database, service: SignIn) -> None:
    add_person(db)
    fail(service)
    assert fail(service, password=PASSWORD).facts["wait_seconds"] == 1
    set_back(db, 1)
    assert service.sign_in("ann", PASSWORD, "t").actor.name == "ann"


def test_ten_wrong_passwords_lock_the_account_for_half_an_hour_and_supervisors_see_it(
    db: Database, service: SignIn
) -> None:
    add_person(db)
    for _ in range(10):
        set_back(db, 61)
        fail(service)
    assert fail(service, password=PASSWORD).facts["locked"]
    row = Staff(db).list(system_actor("test"))[0]
    assert row.locked_until is not None and row.failed_count == 10
    assert history(db, row.id)[0][0] == "account locked"
    set_back(db, 30 * 60)
    assert service.sign_in("ann", PASSWORD, "t").actor.name == "ann"
    assert Staff(db).list(system_actor("test"))[0].failed_count == 0


def test_after_a_lock_out_has_passed_the_count_starts_anew(db: Database, service: SignIn) -> None:
    add_person(db)
    for _ in range(10):
        set_back(db, 61)
        fail(service)
    set_back(db, 31 * 60)
    fail(service)
    assert staff_row(db).failed_count == 1
    assert staff_row(db).locked_until is None


def test_the_limits_of_sign_in_are_settings(db: Database) -> None:
    settings = Settings(db)
    service = SignIn(db, settings)
    add_person(db)
    settings.set(system_actor("test"), "sign_in.failures", 3)
    settings.set(system_actor("test"), "sign_in.lockout_minutes", 5)
    for _ in range(3):
        set_back(db, 61)
        fail(service)
    assert "locked for 5 more minutes" in fail(service).message


def test_a_try_counts_before_it_is_looked_at_so_that_two_at_once_gain_nothing(
    db: Database, service: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_person(db)
    second: list[SignInRefused] = []

    def meanwhile(_kept: str, _typed: str) -> bool:
        if not second:
            second.append(fail(service))
        return False

    monkeypatch.setattr(module, "fits", meanwhile)
    fail(service)
    assert second[0].facts["wait_seconds"] == 1


def test_a_name_that_nobody_has_is_never_stored_in_clear(db: Database, service: SignIn) -> None:
    fail(service, "my secret password")
    with db.read() as tx:
        stored = str([tuple(row) for row in tx.rows(sa.select(table_of(UnknownSignIn)))])
        stored += str(events_of(tx, Kind.STAFF, 0))
    assert "secret" not in stored
    assert "no such name" in stored


def test_passwords_and_tokens_never_reach_the_database_in_clear(db: Database, service: SignIn) -> None:
    add_person(db)
    signed = service.sign_in("ann", PASSWORD, "t")
    set_back(db, 5)
    fail(service, "ann", "wrong but telling")
    with db.read() as tx:
        everything = ""
        for table in (
            STAFF,
            SESSION,
            *(t for t in STAFF.metadata.tables.values() if t.name.startswith("audit")),
        ):
            everything += str([tuple(row) for row in tx.rows(sa.select(table))])
    for secret in (PASSWORD, signed.token, "telling"):
        assert secret not in everything
    assert token_hash(signed.token) in everything
    assert staff_row(db).password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_weaker_hash_is_made_anew_at_the_next_sign_in(db: Database, service: SignIn) -> None:
    from argon2 import PasswordHasher

    add_person(db)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with db.write() as tx:
        tx.run(STAFF.update().values(password_hash=weak))
    service.sign_in("ann", PASSWORD, "t")
    assert "m=19456,t=2" in staff_row(db).password_hash
    service.sign_in("ann", PASSWORD, "t")


def test_a_disabled_account_is_refused_and_only_the_right_password_learns_why(
    db: Database, service: SignIn
) -> None:
    add_person(db)
    kept = service.sign_in("ann", PASSWORD, "t")
    Staff(db).disable(system_actor("test"), "ann")
    assert fail(service).message == "The name or the password is wrong."
    set_back(db, 61)
    assert fail(service, password=PASSWORD).message == "This account is disabled."
    with pytest.raises(NotSignedIn):
        service.resume(kept.token, "t")


def test_an_account_without_a_password_cannot_sign_in(db: Database, service: SignIn) -> None:
    add_person(db)
    with db.write() as tx:
        tx.run(STAFF.update().values(password_hash=""))
    assert fail(service, password="").message == "The name or the password is wrong."


@pytest.mark.parametrize("name", ["", "a" * 5000, "\x1b[31m", "\ud800", "' OR 1=1 --", "%"])
def test_odd_names_are_simply_wrong(db: Database, service: SignIn, name: str) -> None:
    assert fail(service, name, "x" * 100_000).message == "The name or the password is wrong."


# Sessions ----------------------------------------------------------------------------------------


def test_a_kept_token_brings_the_person_back_with_the_grants_of_this_moment(
    db: Database, service: SignIn
) -> None:
    add_store(db)
    store = add_store(db, "second")
    add_person(db, "ann", Role.VIEWER, ("main",))
    signed = service.sign_in("ann", PASSWORD, "term-1")
    Staff(db).grant(system_actor("test"), "ann", Role.AGENT, "second")
    again = service.resume(signed.token, "term-2")
    assert again.staff_id == signed.actor.staff_id
    assert again.session_id == signed.actor.session_id
    assert again.terminal == "term-2"
    assert again.may(Permission.ORDER_UPDATE, store)
    assert not again.may(Permission.ORDER_UPDATE, signed.actor.grants[0].store_id)


def test_resuming_asks_one_question_and_writes_nothing(
    db: Database, service: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_person(db)
    token = service.sign_in("ann", PASSWORD, "t").token
    asked: list[str] = []
    real = db.reader.rows

    def watched(sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return real(sql, *rest)

    monkeypatch.setattr(db.reader, "rows", watched)
    monkeypatch.setattr(db, "write", lambda *_: pytest.fail("resuming wrote"))
    service.resume(token, "t")
    assert len(asked) == 1


def test_resuming_loads_no_sqlalchemy(sqlite_db: Database) -> None:
    service = SignIn(sqlite_db, Settings(sqlite_db))
    add_person(sqlite_db)
    token = service.sign_in("ann", PASSWORD, "t").token
    script = (
        "import sys\n"
        "from cstui.storage.database import Database\n"
        "from cstui.services.settings import Settings\n"
        "from cstui.services.sign_in import SignIn\n"
        f"db = Database({sqlite_db.url.text!r})\n"
        "settings = Settings(db)\n"
        f"actor = SignIn(db, settings).resume({token!r}, 't')\n"
        "assert settings.whole('locking.lease') == 120\n"
        "heavy = {'sqlalchemy', 'sqlmodel', 'pydantic', 'argon2', 'textual', 'keyring'} & set(sys.modules)\n"
        "print(actor.name, sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "ann []\n", done.stderr


def test_a_session_ends_after_twelve_hours(db: Database, service: SignIn) -> None:
    add_person(db)
    signed = service.sign_in("ann", PASSWORD, "t")
    with db.write() as tx:
        row = tx.rows(sa.select(SESSION))[0]
        assert row.expires_at - row.created_at == timedelta(hours=12)
        tx.run(SESSION.update().values(expires_at=tx.now - timedelta(seconds=2)))
    with pytest.raises(NotSignedIn, match="has ended"):
        service.resume(signed.token, "t")


def test_signing_out_ends_this_session_and_no_other(db: Database, service: SignIn) -> None:
    add_person(db)
    first, second = (service.sign_in("ann", PASSWORD, f"term-{n}") for n in (1, 2))
    service.sign_out(first.actor)
    service.sign_out(first.actor)
    with pytest.raises(NotSignedIn):
        service.resume(first.token, "t")
    assert service.resume(second.token, "t").name == "ann"
    assert [action for action, _ in history(db, first.actor.staff_id)].count("signed out") == 1


@pytest.mark.parametrize("token", ["", "guess", "\ud800", "x" * 10_000])
def test_a_token_that_was_never_given_is_refused(db: Database, service: SignIn, token: str) -> None:
    with pytest.raises(NotSignedIn):
        service.resume(token, "t")


def test_a_token_holds_256_bits_and_is_different_each_time(db: Database, service: SignIn) -> None:
    add_person(db)
    tokens = {service.sign_in("ann", PASSWORD, "t").token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)


def test_being_seen_moves_the_time_and_the_place_of_a_session(db: Database, service: SignIn) -> None:
    add_person(db)
    signed = service.sign_in("ann", PASSWORD, "term-1")
    with db.write() as tx:
        tx.run(SESSION.update().values(seen_at=tx.now - timedelta(hours=1)))
    service.seen(service.resume(signed.token, "term-9"))
    with db.read() as tx:
        row = tx.rows(sa.select(SESSION))[0]
        assert tx.now - row.seen_at < timedelta(minutes=1)
    assert row.terminal == "term-9"


# One-time passwords, changing, lock screen ---------------------------------------------------------


def sign_in_once(db: Database, service: SignIn) -> tuple[SignedIn, str]:
    one_time = Staff(db).add(system_actor("test"), "bob", Role.ADMIN).one_time_password
    return service.sign_in("bob", one_time, "t"), one_time


def test_a_one_time_password_opens_nothing_but_the_change_of_it(db: Database, service: SignIn) -> None:
    signed, one_time = sign_in_once(db, service)
    assert signed.must_change_password
    assert signed.actor.grants == ()
    with pytest.raises(NotSignedIn, match="must be changed first"):
        service.resume(signed.token, "t")
    with db.write() as tx, pytest.raises(NotSignedIn, match="must be changed first"):
        require(tx, signed.actor, Permission.STAFF_MANAGE, None)
    actor = service.change_password(signed.actor, one_time, PASSWORD)
    assert actor.may(Permission.STAFF_MANAGE)
    assert service.resume(signed.token, "t").may(Permission.STAFF_MANAGE)
    assert not service.sign_in("bob", PASSWORD, "t").must_change_password
    assert fail(service, "bob", one_time).message == "The name or the password is wrong."


def test_changing_the_password_ends_the_other_sessions(db: Database, service: SignIn) -> None:
    add_person(db)
    here, elsewhere = (service.sign_in("ann", PASSWORD, f"term-{n}") for n in (1, 2))
    service.change_password(here.actor, PASSWORD, "five quiet otters")
    assert service.resume(here.token, "t").name == "ann"
    with pytest.raises(NotSignedIn):
        service.resume(elsewhere.token, "t")
    assert history(db, here.actor.staff_id)[0] == ("password changed", "ann")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("owl8", "shorter than 10"),
        ("Password123", "among the first"),
        ("1234567890", "among the first"),
        ("zyxwvutsrqponm", "among the first"),
        ("aaaaaaaaaaaaaa", "among the first"),
        ("annpassword1", "little more than a name"),
        (PASSWORD, "is the old one"),
        ("x" * 300, "longer than"),
        ("tab\there is bad", "control character"),
    ],
)
def test_an_unfit_password_is_refused_and_not_repeated(sqlite_db: Database, new: str, words: str) -> None:
    service = SignIn(sqlite_db, Settings(sqlite_db))
    add_person(sqlite_db)
    actor = service.sign_in("ann", PASSWORD, "t").actor
    with pytest.raises(InvalidInput, match=words) as refused:
        service.change_password(actor, PASSWORD, new)
    assert refused.value.value == ""
    assert new not in refused.value.in_words()
    assert service.sign_in("ann", PASSWORD, "t").actor.name == "ann"


@pytest.mark.parametrize(
    "new", ["correct horse battery", "пароль из слов", "lllllll oo ve 7", "   spaces count   "]
)
def test_long_passwords_need_no_special_signs(sqlite_db: Database, new: str) -> None:
    service = SignIn(sqlite_db, Settings(sqlite_db))
    add_person(sqlite_db)
    actor = service.sign_in("ann", PASSWORD, "t").actor
    service.change_password(actor, PASSWORD, new)
    assert service.sign_in("ann", new, "t").actor.name == "ann"


def test_one_way_of_typing_an_accent_is_as_good_as_the_other(sqlite_db: Database) -> None:
    service = SignIn(sqlite_db, Settings(sqlite_db))
    add_person(sqlite_db)
    actor = service.sign_in("ann", PASSWORD, "t").actor
    service.change_password(actor, PASSWORD, "cafe\u0301 au lait 7")
    assert service.sign_in("ann", "caf\u00e9 au lait 7", "t").actor.name == "ann"


def test_the_lock_screen_opens_with_the_password_and_counts_wrong_ones(db: Database, service: SignIn) -> None:
    add_person(db)
    actor = service.sign_in("ann", PASSWORD, "t").actor
    with pytest.raises(SignInRefused, match=r"^The password is wrong"):
        service.unlock(actor, "wrong password")
    with pytest.raises(SignInRefused, match="Wait 1 s"):
        service.unlock(actor, PASSWORD)
    assert fail(service, password=PASSWORD).facts["wait_seconds"] == 1
    set_back(db, 2)
    Staff(db).grant(system_actor("test"), "ann", Role.SUPERVISOR)
    opened = service.unlock(actor, PASSWORD)
    assert opened.may(Permission.ORDER_UNLOCK)
    assert opened.session_id == actor.session_id
    assert staff_row(db).failed_count == 0


@pytest.mark.parametrize("end", ["sign_out", "disable", "password"])
def test_the_lock_screen_of_an_ended_session_stays_closed(db: Database, service: SignIn, end: str) -> None:
    add_person(db)
    add_person(db, "bob", Role.ADMIN)
    actor = service.sign_in("ann", PASSWORD, "t").actor
    ends: dict[str, Callable[[], object]] = {
        "sign_out": lambda: service.sign_out(actor),
        "disable": lambda: Staff(db).disable(system_actor("test"), "ann"),
        "password": lambda: Staff(db).set_password(system_actor("test"), "ann", PASSWORD),
    }
    ends[end]()
    with pytest.raises((NotSignedIn, SignInRefused)):
        service.unlock(actor, PASSWORD)


def test_unlocking_the_screen_makes_a_long_shift_last(db: Database, service: SignIn) -> None:
    add_person(db)
    signed = service.sign_in("ann", PASSWORD, "t")
    with db.write() as tx:
        tx.run(SESSION.update().values(expires_at=tx.now - timedelta(seconds=5)))
    service.unlock(signed.actor, PASSWORD)
    assert service.resume(signed.token, "t").name == "ann"


def test_a_terminal_is_named_after_person_machine_and_place() -> None:
    name = terminal_name()
    assert "@" in name and "/" in name
    assert len(name) <= 60


def test_the_program_itself_is_not_a_session(db: Database) -> None:
    actor: Actor = system_actor("import")
    assert actor.session_id == 0
    SignIn(db, Settings(db)).seen(actor)
    assert count(db, SignInSession) == 0
    with pytest.raises(NotSignedIn):
        resumed(db.reader, "", "t")
