"""Signing in at the desk, and the locked desk: only the password opens it, and nothing of what was open shows."""

from __future__ import annotations

import asyncio
import time

import pytest

from cstui.app import CstuiApp, DeskOptions
from cstui.bootstrap import Desk
from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.screens.order import OrderScreen
from cstui.screens.search import SearchBox, SearchScreen
from cstui.screens.sign_in import LockScreen, SignInScreen
from cstui.services.drafts import Drafts
from cstui.services.password_hash import hashed
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.people import Staff as StaffTable
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store, count
from tests.screens.driving import Driven, driven

PASSWORD = "correct horse battery"
#: How long the first wrong password makes one wait, in seconds.
PENALTY = 1.1


def with_password(db: Database, actor: Actor, *, must_change: bool = False) -> Actor:
    table = table_of(StaffTable)
    values = {"password_hash": hashed(PASSWORD), "must_change_password": must_change}
    with db.write() as tx:
        tx.session.execute(table.update().where(table.c.id == actor.staff_id).values(**values))
    return actor


@pytest.fixture
def ann(sqlite_db: Database) -> Actor:
    return with_password(sqlite_db, add_staff(sqlite_db, "ann", Role.SUPERVISOR))


@pytest.fixture
def order(sqlite_db: Database) -> int:
    store = add_store(sqlite_db)
    return add_order(sqlite_db, store, add_customer(sqlite_db, store, "Zelda", "Quimby"))


async def locked(desk: Driven) -> LockScreen:
    desk.app.action_desk_lock()
    await desk.until(lambda: isinstance(desk.app.screen, LockScreen) and desk.app.screen.panel is not None)
    screen = desk.app.screen
    assert isinstance(screen, LockScreen)
    return screen


async def signing_in(app: CstuiApp, desk: Driven) -> None:
    await desk.until(lambda: isinstance(app.screen, SignInScreen) and app.screen.panel is not None)


async def test_the_right_password_leads_to_the_search_box(sqlite_db: Database, ann: Actor) -> None:
    app = CstuiApp(Desk(sqlite_db.url.text))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await signing_in(app, desk)
        await desk.type("ann")
        await desk.press("enter")
        await desk.type("zzzzzz")
        await desk.press("enter")
        await desk.shows("✗")
        assert "zzz" not in desk.text and isinstance(app.screen, SignInScreen)
        await asyncio.sleep(PENALTY)
        await desk.type(PASSWORD)
        assert PASSWORD not in desk.text
        await desk.press("enter")
        await desk.until(lambda: isinstance(app.screen, SearchScreen))
        await desk.shows("Ann")


async def test_a_one_time_password_is_changed_before_anything_else(sqlite_db: Database) -> None:
    with_password(sqlite_db, add_staff(sqlite_db, "bob"), must_change=True)
    app = CstuiApp(Desk(sqlite_db.url.text))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await signing_in(app, desk)
        await desk.type("bob")
        await desk.press("enter")
        await desk.type(PASSWORD)
        await desk.press("enter")
        await desk.shows("Choose your own")
        await desk.type("new walrus harbour")
        await desk.press("enter")
        await desk.type("another one")
        await desk.press("enter")
        await desk.shows("do not match")
        for name in ("new", "again"):
            app.screen.query_one(f"#field-{name}").value = "new walrus harbour"  # type: ignore[attr-defined]
        await desk.press("f9")
        await desk.until(lambda: isinstance(app.screen, SearchScreen))


#: Every key that means something somewhere on the desk.
ANY_KEY = ("f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f10", "ctrl+f", "ctrl+g", "ctrl+l", "ctrl+n", "ctrl+o",
           "ctrl+p", "ctrl+r", "ctrl+t", "f12", "escape", "enter", "f9")  # fmt: skip


async def test_no_key_passes_the_sign_in_screen_or_breaks_it(sqlite_db: Database, ann: Actor) -> None:
    app = CstuiApp(Desk(sqlite_db.url.text))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await signing_in(app, desk)
        for key in ANY_KEY:
            if key in ("f12", "escape", "f3"):
                continue  # leaving without a name ends the desk
            await desk.press(key)
            assert not app.is_signed_in, key
            assert app.is_running and app._exception is None, key
            assert "Incident" not in desk.text, key
            assert isinstance(app.screen, SignInScreen), key


@pytest.mark.parametrize("key", ["f12", "escape", "f3"])
async def test_leaving_the_sign_in_screen_ends_the_desk(sqlite_db: Database, ann: Actor, key: str) -> None:
    app = CstuiApp(Desk(sqlite_db.url.text))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await signing_in(app, desk)
        await desk.press(key)
    assert app.return_code == 0


async def test_no_key_opens_the_locked_desk_and_nothing_of_it_shows(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.open_order(order)
        await desk.press("e")
        await desk.until(lambda: desk.app.screen.panel is not None)  # type: ignore[attr-defined]
        assert count(sqlite_db, EditLock, record_kind=Kind.ORDER) == 1
        screen = await locked(desk)
        for key in (*ANY_KEY, "Z", "q", "colon", "question_mark", "slash"):
            await desk.press(key)
            assert desk.app.screen is screen, key
            for secret in ("Zelda", "Quimby", "#1001", "Elm Street"):
                assert secret not in desk.text, key
        assert count(sqlite_db, EditLock, record_kind=Kind.ORDER) == 1


async def test_only_the_password_opens_the_locked_desk_with_everything_where_it_was(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.open_order(order)
        screen = await locked(desk)
        await desk.type("wrong")
        await desk.press("enter")
        await desk.shows("✗")
        assert desk.app.screen is screen
        await asyncio.sleep(PENALTY)
        await desk.type(PASSWORD)
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
        await desk.shows("Zelda", "#1001")


async def test_what_happens_elsewhere_is_not_told_on_the_locked_desk(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.open_order(order)
        screen = await locked(desk)
        desk.app.open_order(order)
        desk.app.action_desk_find()
        desk.app.records.next_customer()
        await desk.pilot.pause(0.1)
        assert desk.app.screen is screen
        desk.app.search_screen.tell("Saved: order #1001.")
        screen.tell("Note added to Zelda Quimby.")
        await desk.pilot.pause()
        assert "#1001" not in desk.text and "Zelda" not in desk.text


async def test_an_idle_desk_locks_itself_after_the_minutes_of_the_setting(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        minutes = int(desk.app.desk.settings.at_hand("session.idle_minutes"))
        assert minutes > 0
        desk.app.last_key = time.monotonic() - minutes * 60 + 30
        desk.app._every_few_seconds()
        await desk.pilot.pause()
        assert not isinstance(desk.app.screen, LockScreen)
        desk.app.last_key = time.monotonic() - minutes * 60 - 1
        desk.app._every_few_seconds()
        await desk.until(lambda: isinstance(desk.app.screen, LockScreen))


async def test_quitting_a_locked_desk_keeps_the_text_and_names_nobody(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.open_order(order)
        await desk.press("A")
        await desk.until(lambda: desk.app.screen.panel is not None)  # type: ignore[attr-defined]
        await desk.type("9 Oak Road")
        await locked(desk)
        await desk.press("ctrl+q")
        await desk.until(lambda: not desk.app.is_running or "Quimby" in desk.text or "#1001" in desk.text)
        assert not desk.app.is_running
    assert count(sqlite_db, EditLock) == 0
    kept = Drafts(sqlite_db).of(ann, Kind.ORDER, order)
    assert kept is not None and "9 Oak Road" in kept.body.values()


async def test_signing_out_frees_the_lock_and_leaves_nothing_for_the_next_person(
    sqlite_db: Database, ann: Actor, order: int
) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.type("zelda")
        await desk.open_order(order)
        await desk.press("f8")
        await desk.until(lambda: count(sqlite_db, EditLock) == 1)
        desk.app.action_desk_logout()
        await signing_in(desk.app, desk)
        assert count(sqlite_db, EditLock) == 0
        assert "zelda" not in desk.text.lower() and "#1001" not in desk.text
        assert desk.app.search_screen.query_one(SearchBox).value == ""


async def test_a_kept_login_goes_straight_to_the_search_box(sqlite_db: Database, ann: Actor) -> None:
    desk_before = Desk(sqlite_db.url.text)
    token = desk_before.sign_in.sign_in("ann", PASSWORD, "term-1").token
    desk_before.close()
    app = CstuiApp(Desk(sqlite_db.url.text), None, DeskOptions(kept_token=token, terminal="term-1"))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await desk.shows("Ann ·", "F1 Help")
        assert isinstance(app.screen, SearchScreen)


async def test_a_login_that_is_no_longer_good_asks_for_the_name(sqlite_db: Database, ann: Actor) -> None:
    app = CstuiApp(Desk(sqlite_db.url.text), None, DeskOptions(kept_token="stale", terminal="term-1"))
    async with app.run_test(size=(80, 24)) as pilot:
        desk = Driven(app, pilot)
        await signing_in(app, desk)
        assert not app.is_signed_in


async def test_z_locks_the_desk_from_an_open_record(sqlite_db: Database, ann: Actor, order: int) -> None:
    async with driven(sqlite_db.url.text, ann) as desk:
        await desk.open_order(order)
        await desk.press("Z")
        await desk.until(lambda: isinstance(desk.app.screen, LockScreen))
        assert "Quimby" not in desk.text
