"""The padlock at one desk: what it says, who may do what, and what becomes of a lock that goes away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind, new_token
from cstui.domain.live import LiveEvent, What
from cstui.domain.locking import LockState, Purpose
from cstui.domain.permissions import Role
from cstui.screens.order import OrderScreen
from cstui.services.drafts import Drafts
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.transaction import Database
from cstui.widgets.padlock import locked_words, padlock_cell, viewers_words
from tests.factories import add_customer, add_order, add_staff, add_store
from tests.screens.driving import driven

NOW = datetime(2026, 11, 22, 10, 5, tzinfo=UTC)


def held(stale: bool = False, breakable: bool = True, holder_id: int = 2) -> LockState:
    since, idle = NOW - timedelta(minutes=3), NOW - timedelta(minutes=3, seconds=10)
    return LockState("Ann", holder_id, "term-3", since, idle, NOW, stale, Purpose.EDIT, breakable)


BOB = Actor(9, "Bob", "term-2", 1, ())


def test_the_padlock_says_in_words_who_holds_it_where_since_when_and_how_long_idle() -> None:
    assert padlock_cell(None, BOB, NOW).text == "[open]"
    assert padlock_cell(held(), BOB, NOW).text == "[LOCKED Ann · term-3 · since 10:02 · idle 3 min]"
    assert padlock_cell(held(), BOB, NOW, editing=True).text == "[EDITING]"
    assert padlock_cell(held(stale=True), BOB, NOW).text == "[LOCKED Ann · term-3 · since 10:02 · STALE]"
    assert padlock_cell(held(holder_id=9), BOB, NOW).text.startswith("[YOU · term-3")
    assert locked_words(held(), NOW) == "Locked by Ann on term-3 since 10:02, idle 3 min."
    assert locked_words(held(breakable=False), NOW).endswith("It must not be interrupted.")


def test_those_who_look_are_named_and_beyond_two_counted() -> None:
    assert viewers_words(()) == ""
    assert viewers_words(("Bob",)) == "Bob is looking"
    assert viewers_words(("Bob", "Cid")) == "Bob and Cid are looking"
    assert viewers_words(("Bob", "Cid", "Dot", "Eve")) == "Bob, Cid and 2 more are looking"


@dataclass(frozen=True)
class Shop:
    db: Database
    url: str
    order: int
    ann: Actor
    bob: Actor
    sue: Actor

    def bob_edits(self) -> str:
        token = new_token()
        Locks(self.db).begin(self.bob, Kind.ORDER, self.order, 1, token)
        return token


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store), paid=3050)
    return Shop(
        sqlite_db, f"sqlite:///{sqlite_db.url.path}", order, add_staff(sqlite_db, "ann", terminal="term-3"),
        add_staff(sqlite_db, "bob", terminal="term-2"), add_staff(sqlite_db, "sue", Role.SUPERVISOR, terminal="term-9"),
    )  # fmt: skip


async def test_every_key_that_needs_the_lock_says_who_has_it(shop: Shop) -> None:
    shop.bob_edits()
    async with driven(shop.url, shop.ann, size=(80, 24)) as ann:
        await ann.open_order(shop.order)
        await ann.shows("[LOCKED Bob · term-2 · since")
        for key in ("e", "A", "Q", "H", "X", "f8"):
            screen = ann.app.screen
            assert isinstance(screen, OrderScreen)
            screen.tell("", "")
            await ann.press(key)
            await ann.shows("Locked by Bob on term-2 since", "p asks for it.")
        await ann.press("U")
        await ann.shows("Your role does not allow it")


async def test_a_supervisor_unlocks_from_anywhere_with_four_keys_and_a_reason(shop: Shop) -> None:
    from cstui.storage.queries.search_index import index_order

    with shop.db.write() as tx:
        index_order(tx, shop.order)
    shop.bob_edits()
    async with driven(shop.url, shop.sue) as sue:
        await sue.press("f2")  # 1
        await sue.type("1001")
        await sue.press("enter")  # 2
        await sue.shows("[LOCKED Bob")
        await sue.press("U")  # 3
        await sue.shows("Unlock order #1001")
        await sue.type("Bob went home")
        await sue.press("enter")  # 4
        await sue.shows("Unlocked: order #1001. Bob is told.", "[open]")
    assert Locks(shop.db).all(shop.sue) == ()


async def test_unlocking_without_a_reason_is_refused_and_keeps_the_lock(shop: Shop) -> None:
    shop.bob_edits()
    async with driven(shop.url, shop.sue) as sue:
        await sue.open_order(shop.order)
        await sue.press("U")
        await sue.shows("Unlock order #1001")
        await sue.press("enter")
        await sue.shows("The reason is empty.")
        await sue.press("escape")
        await sue.shows("[LOCKED Bob")
    assert len(Locks(shop.db).all(shop.sue)) == 1


async def test_a_stale_lock_is_taken_over_by_a_supervisor_after_a_question_and_not_by_an_agent(
    shop: Shop,
) -> None:
    shop.bob_edits()
    with shop.db.write() as tx:
        tx.run(table_of(EditLock).update().values(lease_until=tx.now - timedelta(seconds=5)))
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.shows("STALE]")
        await ann.press("e")
        await ann.shows("ask a supervisor to unlock it")
    async with driven(shop.url, shop.sue) as sue:
        await sue.open_order(shop.order)
        await sue.press("e")
        await sue.shows("y take it over here", "you may take it over")
        await sue.press("enter")
        await sue.press("y")
        await sue.shows("[EDITING]", "Edit order #1001")
        await sue.press("escape")
        await sue.shows("[open]")


async def test_a_viewer_sees_no_keys_for_editing_and_is_told_why(shop: Shop) -> None:
    vic = add_staff(shop.db, "vic", Role.VIEWER)
    async with driven(shop.url, vic) as desk:
        await desk.open_order(shop.order)
        assert "e Edit" not in desk.text and "X Cancel" not in desk.text
        await desk.press("e")
        await desk.shows("Your role does not allow it.")


async def test_a_lock_given_back_after_idleness_keeps_the_form_and_its_text(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        screen = ann.app.screen
        assert isinstance(screen, OrderScreen)
        token = screen.token
        screen.on_live(
            LiveEvent(
                What.IDLE_WARNING, Kind.ORDER, shop.order, {"token": token, "idle": 300, "release_in": 60}
            )
        )
        await ann.shows("You hold order #1001 and pressed no key for 5 min. It is given back in 60 s.")
        Locks(shop.db).release(shop.ann, token)
        screen.on_live(LiveEvent(What.IDLE_RELEASED, Kind.ORDER, shop.order, {"token": token, "idle": 360}))
        await ann.shows("Your lock was given back after long idleness. Your text is kept;")
        await ann.until(lambda: Drafts(shop.db).of(shop.ann, Kind.ORDER, shop.order) is not None)
        await ann.press("f9")
        await ann.shows("l lock again and save")
        await ann.press("l")
        await ann.shows("Saved: shipping address")
    assert Orders(shop.db).open(shop.ann, shop.order).shipping.line1 == "9 Oak Lane"


async def test_a_knock_is_answered_by_saving_and_the_waiting_agent_is_told_that_it_is_free(
    shop: Shop,
) -> None:
    async with driven(shop.url, shop.ann) as ann:
        token = shop.bob_edits()
        await ann.open_order(shop.order)
        await ann.press("p")
        await ann.shows("Bob sees that you are waiting.")
        Locks(shop.db).release(shop.bob, token)
        await ann.shows("Order #1001 is free now: e edits it.", "[open]")
        await ann.press("p")
        await ann.shows("Nobody else holds this order; e edits it.")
