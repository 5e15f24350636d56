"""Lists: all locks for a supervisor, with the reason asked before one is removed."""

from __future__ import annotations

import pytest

from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Role
from cstui.screens.lists import LocksScreen
from cstui.screens.order import OrderScreen
from cstui.services.locks import Locks
from cstui.storage.tables.locks import EditLock
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store, count
from tests.screens.driving import Driven, driven


@pytest.fixture
def held(sqlite_db: Database) -> Database:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store), "#1001")
    bob = add_staff(sqlite_db, "bob", terminal="term-2")
    Locks(sqlite_db).begin(bob, Kind.ORDER, order, 1, new_token())
    return sqlite_db


async def shown(desk: Driven) -> LocksScreen:
    desk.app.action_desk_locks()
    await desk.shows("Locks (1)", "Bob", "term-2", "#1001")
    screen = desk.app.screen
    assert isinstance(screen, LocksScreen)
    return screen


async def test_a_supervisor_removes_a_lock_with_a_reason_and_the_list_is_empty(held: Database) -> None:
    sue = add_staff(held, "sue", Role.SUPERVISOR, terminal="term-9")
    async with driven(held.url.text, sue, (80, 24)) as desk:
        screen = await shown(desk)
        await desk.press("U")
        await desk.shows("Unlock #1001", "will be told")
        await desk.press("f9")
        await desk.pilot.pause(0.2)
        assert count(held, EditLock) == 1
        if screen.panel is None:
            await desk.press("U")
            await desk.shows("Unlock #1001")
        await desk.type("Bob went home")
        await desk.press("f9")
        await desk.shows("Nobody holds a lock")
        assert count(held, EditLock) == 0


async def test_a_lock_that_somebody_takes_appears_by_itself_and_enter_opens_the_order(held: Database) -> None:
    sue = add_staff(held, "sue", Role.SUPERVISOR, terminal="term-9")
    async with driven(held.url.text, sue, (140, 45)) as desk:
        await shown(desk)
        store = add_store(held, "second")
        order = add_order(held, store, add_customer(held, store, "Uma", "Twin"), "#2001")
        cid = add_staff(held, "cid", terminal="term-4")
        Locks(held).begin(cid, Kind.ORDER, order, 1, new_token())
        await desk.shows("Locks (2)", "Cid", "#2001")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
