"""Finding as an agent does it: digits while the caller speaks, Enter, and back to the same results."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from cstui.domain.actor import Actor
from cstui.domain.permissions import Role
from cstui.screens.customer import CustomerScreen
from cstui.screens.order import OrderScreen
from cstui.screens.search import SearchBox, SearchScreen
from cstui.storage.queries import search_index
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store
from tests.screens.driving import Driven, driven

NARROW, WIDE = (80, 24), (140, 45)


@dataclass(frozen=True)
class Shop:
    """Three people; the last two share a phone."""

    actor: Actor
    zelda: int
    order: int


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    store = add_store(sqlite_db)
    zelda = add_customer(
        sqlite_db, store, "Zelda", "Quimby", phone="+1 718 555 0188", phone_e164="+17185550188"
    )
    for name in ("Uma", "Vic"):
        person = add_customer(
            sqlite_db, store, name, "Twin", phone="+1 646 555 0177", phone_e164="+16465550177"
        )
        add_order(sqlite_db, store, person, f"#20{name}")
    order = add_order(sqlite_db, store, zelda, "#1001")
    search_index.rebuild(sqlite_db)
    return Shop(add_staff(sqlite_db, "ann", Role.AGENT), zelda, order)


def on_profile(desk: Driven) -> bool:
    screen = desk.app.screen
    return isinstance(screen, CustomerScreen) and screen.view is not None


def name_on_profile(desk: Driven) -> str:
    screen = desk.app.screen
    assert isinstance(screen, CustomerScreen)
    return screen.record_name


@pytest.mark.parametrize("said", ["7185550188", "718-555-0188", "(718)5550188", "5550188"])
async def test_by_phone_the_profile_is_open_after_the_number_and_enter(
    sqlite_db: Database, shop: Shop, said: str
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        await desk.type(said)
        await desk.press("enter")
        await desk.until(lambda: on_profile(desk))
        assert name_on_profile(desk) == "Zelda Quimby"


async def test_of_two_people_with_one_phone_the_second_is_open_after_two_keys(
    sqlite_db: Database, shop: Shop
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        await desk.type("6465550177")
        await desk.until(
            lambda: len(desk.app.search_screen.results.sections) == 1 and "2 matches" in desk.text
        )
        first, second = [row.cells[0].text for row in desk.app.search_screen.results.sections[0].rows]
        assert {first, second} == {"Uma Twin", "Vic Twin"}
        await desk.press("down", "enter")
        await desk.until(lambda: on_profile(desk))
        assert name_on_profile(desk) == second


async def test_an_order_number_opens_the_order_and_coming_back_shows_the_same_results(
    sqlite_db: Database, shop: Shop
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, WIDE) as desk:
        await desk.type("1001")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
        await desk.shows("Status")
        await desk.press("escape")
        await desk.until(lambda: isinstance(desk.app.screen, SearchScreen))
        assert desk.app.search_screen.query_one(SearchBox).value == "1001"
        assert desk.app.search_screen.results.row is not None


@pytest.mark.parametrize("seconds", [0, 0.05, 0.3])
async def test_keys_behind_the_number_reach_the_order_however_slow_the_database(
    sqlite_db: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, WIDE) as desk:
        services = desk.app.desk

        def slowed(use_case: Any) -> Any:
            def slow(*args: Any, **facts: Any) -> Any:
                time.sleep(seconds)
                return use_case(*args, **facts)

            return slow

        for service, name in (
            (services.search, "find"),
            (services.orders, "open"),
            (services.orders, "begin_edit"),
        ):
            monkeypatch.setattr(service, name, slowed(getattr(service, name)))
        await desk.type("1001")
        desk.app.post_message(_key("enter", "\r"))
        await desk.type("A")
        await desk.type("9 Oak Road")
        await desk.shows("Shipping address of order #1001", "9 Oak Road")
        assert desk.app.search_screen.query_one(SearchBox).value == "1001"


def _key(name: str, sign: str) -> Any:
    from textual import events

    return events.Key(name, sign)


async def test_down_under_an_empty_box_shows_who_was_open_last(sqlite_db: Database, shop: Shop) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        desk.app.open_customer(shop.zelda)
        await desk.until(lambda: on_profile(desk))
        await desk.until(lambda: not desk.app.workers._workers or "Zelda" in desk.text)
        await desk.press("f2")
        await desk.press("down")
        await desk.shows("Zelda Quimby")
        await desk.press("enter")
        await desk.until(lambda: on_profile(desk))


async def test_where_nobody_is_open_a_note_or_a_call_says_what_to_do(sqlite_db: Database, shop: Shop) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        for key in ("f6", "f7"):
            desk.app.search_screen.tell("", "")
            await desk.press(key)
            await desk.shows("Open a customer or an order first.")


async def test_escape_empties_the_box_before_it_asks_to_quit(sqlite_db: Database, shop: Shop) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        await desk.type("zel")
        await desk.shows("Zelda Quimby")
        await desk.press("escape")
        assert desk.app.search_screen.query_one(SearchBox).value == ""
        for key in ("escape", "f3"):
            await desk.press(key)
            await desk.shows("Quit the desk", "q quit   Esc stay")
            await desk.press("escape")
            await desk.shows_no("Quit the desk")
            assert desk.app.is_running
        await desk.type("zel")
        await desk.shows("Zelda Quimby")
        await desk.press("escape", "escape")
        await desk.shows("q quit")
        await desk.press("q")
        await desk.until(lambda: desk.app._exit)
        assert desk.app.return_value == 0


@pytest.mark.parametrize("nonsense", ["%", "'; DROP TABLE orders; --", "\\", "*", "((((", "9" * 200, "[/zz]"])
async def test_odd_questions_find_nothing_and_break_nothing(
    sqlite_db: Database, shop: Shop, nonsense: str
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        desk.app.search_screen.type_in(nonsense)
        await desk.press("enter")
        await desk.until(lambda: not desk.app.search_screen.flows)
        assert isinstance(desk.app.screen, SearchScreen)
        assert "Incident" not in desk.text


async def test_at_80_columns_two_people_with_one_phone_are_told_apart_without_a_cut(
    sqlite_db: Database, shop: Shop
) -> None:
    async with driven(sqlite_db.url.text, shop.actor, NARROW) as desk:
        await desk.type("6465550177")
        await desk.shows("2 matches", "Uma Twin", "Vic Twin", "12207", "2 Nov 10:00", "Last order", "Matched")
        heading = next(line for line in desk.text.splitlines() if "Last order" in line)
        assert "…" not in heading and "Order " not in heading.replace("Orders", "").replace("Last order", "")
