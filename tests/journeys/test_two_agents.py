"""Two agents and a supervisor at three desks on one database: nobody overwrites anybody, and no word is lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.services.audit import Audit
from cstui.services.drafts import Drafts
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store
from tests.screens.driving import Driven, driven


@dataclass(frozen=True)
class Shop:
    """One order, and those who work on it."""

    url: str
    db: Database
    order: int
    ann: Actor
    bob: Actor
    sue: Actor


@pytest.fixture
def shop(db: Database, db_url: str) -> Shop:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), paid=3050)
    return Shop(
        db_url, db, order,
        add_staff(db, "ann", terminal="term-3"), add_staff(db, "bob", terminal="term-2"),
        add_staff(db, "sue", Role.SUPERVISOR, terminal="term-9"),
    )  # fmt: skip


async def change_street(desk: Driven, street: str) -> None:
    """A, the street, F9."""
    await desk.press("A")
    await desk.shows("Shipping address of order #1001")
    await desk.type(street)
    await desk.press("f9")


def street_of(shop: Shop) -> str:
    return Orders(shop.db).open(shop.sue, shop.order).shipping.line1


async def test_others_see_who_edits_within_a_second_and_cannot_edit_until_it_is_saved(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann, driven(shop.url, shop.bob) as bob:
        await ann.open_order(shop.order)
        await bob.open_order(shop.order)
        await ann.shows("Bob is looking")
        await ann.press("A")
        await ann.shows("[EDITING]")
        pressed = time.monotonic()
        await bob.shows("[LOCKED Ann · term-3 · since", patience=3)
        assert time.monotonic() - pressed < 1.0
        await bob.press("e")
        await bob.shows("Locked by Ann on term-3 since", "p asks for it.")
        await ann.type("9 Oak Lane")
        await ann.press("f9")
        await ann.shows("Saved: shipping address of order #1001.", "[open]", "9 Oak Lane")
        await bob.shows("[open]", "Ann changed this order at", "F5 reloads.")
        await bob.press("e")
        await bob.shows("Changed since you opened it", "shipping street", "r reload")
        await bob.press("r")
        await bob.shows("9 Oak Lane", "Reloaded: order #1001 as Ann left it.")
        await bob.shows_no("F5 reloads.")
        await bob.press("A")
        await bob.shows("[EDITING]")
        await bob.press("escape")
        await bob.shows("[open]")
    assert Locks(shop.db).all(shop.sue) == ()


async def test_after_a_forced_unlock_nothing_is_overwritten_and_the_text_is_offered_again(shop: Shop) -> None:
    async with (
        driven(shop.url, shop.ann) as ann,
        driven(shop.url, shop.sue) as sue,
    ):
        await ann.open_order(shop.order)
        await sue.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        await sue.shows("[LOCKED Ann")
        await sue.press("U")
        await sue.shows("Unlock order #1001", "Ann is told.")
        await sue.type("lunch break")
        await sue.press("enter")
        await sue.shows("Unlocked: order #1001. Ann is told.", "[open]")
        await ann.shows("Sue removed your lock (lunch break)", "Your text is kept")
        await ann.press("f9")
        await ann.shows(
            "Your lock was removed",
            "lunch break",
            "Nobody has changed the order since.",
            "l lock again and save",
        )
        assert street_of(shop) == "12 Elm Street"
        kept = Drafts(shop.db).of(shop.ann, Kind.ORDER, shop.order)
        assert kept is not None and kept.body["shipping.line1"] == "9 Oak Lane"
        await ann.press("escape")
        await ann.shows("Your text is kept as a draft; e continues it.", "You have unsaved text from")
        await ann.press("e")
        await ann.shows("[EDITING]", "9 Oak Lane")
        await ann.press("f9")
        await ann.shows("Saved: shipping address of order #1001.")
    assert street_of(shop) == "9 Oak Lane"
    assert Drafts(shop.db).of(shop.ann, Kind.ORDER, shop.order) is None
    assert [row.action for row in Audit(shop.db).order(shop.sue, shop.order)] == [
        "order edited",
        "lock.forced",
    ]


async def test_lock_again_and_save_works_where_nobody_changed_anything(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        Locks(shop.db).force(shop.sue, Kind.ORDER, shop.order, "lunch")
        await ann.shows("Sue removed your lock")
        await ann.press("f9")
        await ann.shows("l lock again and save")
        await ann.press("l")
        await ann.shows("Saved: shipping address of order #1001.", "[open]")
    assert street_of(shop) == "9 Oak Lane"


async def test_what_bob_saved_meanwhile_is_shown_beside_mine_and_only_clashes_are_asked(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann, driven(shop.url, shop.bob) as bob:
        await ann.open_order(shop.order)
        await bob.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        await ann.press("tab")
        await ann.type("10001")
        Locks(shop.db).force(shop.sue, Kind.ORDER, shop.order, "lunch")
        await ann.shows("Sue removed your lock")
        await bob.shows("[open]")
        await change_street(bob, "7 Birch Road")
        await bob.shows("Saved: shipping address")
        await ann.press("f9")
        await ann.shows(
            "Changed by both of you", "was “12 Elm Street”", "theirs: 7 Birch Road", "mine: 9 Oak Lane"
        )
        assert "mine: 10001" not in ann.text
        await ann.press("b", "f9")
        await ann.shows("Saved: shipping address of order #1001.")
    stored = Orders(shop.db).open(shop.sue, shop.order).shipping
    assert (stored.line1, stored.postcode) == ("9 Oak Lane", "10001")


async def test_disjoint_edits_of_two_people_both_stand(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann, driven(shop.url, shop.bob) as bob:
        await ann.open_order(shop.order)
        await bob.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.press("tab")
        await ann.type("10001")
        Locks(shop.db).force(shop.sue, Kind.ORDER, shop.order, "lunch")
        await ann.shows("Sue removed your lock")
        await bob.shows("[open]")
        await change_street(bob, "7 Birch Road")
        await bob.shows("Saved: shipping address")
        await ann.press("f9")
        await ann.shows("Changed meanwhile: shipping street. It does not touch what you changed.")
        await ann.press("l")
        await ann.shows("Saved: shipping address of order #1001.")
    stored = Orders(shop.db).open(shop.sue, shop.order).shipping
    assert (stored.line1, stored.postcode) == ("7 Birch Road", "10001")


async def test_a_crashed_desk_is_reopened_by_the_same_person_without_a_supervisor(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        await ann.until(lambda: Drafts(shop.db).of(shop.ann, Kind.ORDER, shop.order) is not None)
        # As after a power cut: what the desk would still send at its end does not arrive.
        monkeypatch.setattr(ann.app.desk.locks, "release", lambda *_: None)
    assert [row.holder for row in Locks(shop.db).all(shop.sue)] == ["Ann"]
    async with driven(shop.url, shop.ann) as again:
        await again.open_order(shop.order)
        await again.shows("You have unsaved text from", "e continues it.")
        await again.press("e")
        await again.shows("[EDITING]", "9 Oak Lane")
        await again.press("f9")
        await again.shows("Saved: shipping address of order #1001.")
    assert street_of(shop) == "9 Oak Lane"
    assert Locks(shop.db).all(shop.sue) == ()


async def test_one_person_at_two_terminals_is_asked_before_he_takes_over(shop: Shop) -> None:
    from tests.factories import at

    async with driven(shop.url, shop.ann) as here, driven(shop.url, at(shop.ann, "term-7")) as there:
        await here.open_order(shop.order)
        await there.open_order(shop.order)
        await here.press("A")
        await here.shows("[EDITING]")
        await here.type("9 Oak Lane")
        await there.shows("[YOU · term-3")
        await there.press("e")
        await there.shows("You hold this elsewhere", "y take it over here")
        await there.press("y")
        await there.shows("[EDITING]")
        await here.shows("Your text is kept; F9 goes on.")
        await here.press("f9")
        await here.shows("Your lock was removed")
    assert street_of(shop) == "12 Elm Street"


async def test_a_knock_is_seen_and_the_lock_handed_over_with_the_text_kept(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann, driven(shop.url, shop.bob) as bob:
        await ann.open_order(shop.order)
        await bob.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.type("9 Oak Lane")
        await bob.shows("[LOCKED Ann")
        await bob.press("p")
        await bob.shows("Ann sees that you are waiting.")
        await ann.shows("Bob is waiting for #1001 on term-2.")
        await ann.press("escape")
        await ann.shows("E hand over to Bob")
        await ann.press("E")
        await ann.shows("Order #1001 is handed over to Bob.", "[LOCKED Bob")
        await bob.shows("Order #1001 is yours now", "[EDITING]")
        kept = Drafts(shop.db).of(shop.ann, Kind.ORDER, shop.order)
        assert kept is not None and kept.body["shipping.line1"] == "9 Oak Lane"
        await change_street(bob, "7 Birch Road")
        await bob.shows("Saved: shipping address")
    assert street_of(shop) == "7 Birch Road"


async def test_leaving_quitting_and_going_back_free_the_lock(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("f8")
        await ann.shows("[EDITING]", "You hold order #1001.")
        await ann.press("f8")
        await ann.shows("[open]")
        await ann.press("f8")
        await ann.shows("[EDITING]")
        await ann.press("q")
        await ann.until(lambda: Locks(shop.db).all(shop.sue) == ())
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.shows("[EDITING]")
        await ann.press("ctrl+q")
        await ann.until(lambda: not ann.app.is_running)
    await asyncio.sleep(0)
    assert Locks(shop.db).all(shop.sue) == ()
