"""Every road to an action: its key, the palette, a `:` command; and every key of the table leads somewhere or says why not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from textual.app import App

from cstui.app import CstuiApp
from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.keys import TABLE, Context
from cstui.screens.base import BaseScreen
from cstui.screens.customer import CustomerScreen
from cstui.screens.history import HistoryScreen, OrderThenScreen
from cstui.screens.lists import DraftsScreen, HelpScreen, LocksScreen, MyActionsScreen
from cstui.screens.order import OrderScreen
from cstui.screens.search import SearchScreen
from cstui.screens.search_form import SearchFormScreen
from cstui.services.drafts import Drafts
from cstui.storage.tables.customers import Note
from cstui.storage.transaction import Database
from cstui.text import ControlFilter
from tests.factories import add_customer, add_order, add_staff, add_store, count
from tests.screens.driving import Driven, driven


@dataclass(frozen=True)
class Shop:
    """One customer with one order."""

    db: Database
    ann: Actor
    sue: Actor
    customer: int
    order: int


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    store = add_store(sqlite_db)
    customer = add_customer(sqlite_db, store, "Zelda", "Quimby")
    order = add_order(sqlite_db, store, customer, "#1001")
    return Shop(
        sqlite_db,
        add_staff(sqlite_db, "ann"),
        add_staff(sqlite_db, "sue", Role.SUPERVISOR, terminal="t9"),
        customer,
        order,
    )


async def command(desk: Driven, words: str) -> None:
    screen = desk.app.screen
    assert isinstance(screen, BaseScreen)
    screen.take_focus() if not isinstance(screen, SearchScreen) else screen.results.focus()
    await desk.press("colon")
    await desk.until(lambda: screen.panel is not None)
    await desk.type(words)
    await desk.press("enter")


async def on_profile(desk: Driven, shop: Shop) -> CustomerScreen:
    desk.app.open_customer(shop.customer)
    await desk.until(
        lambda: (
            isinstance(desk.app.screen, CustomerScreen)
            and desk.app.screen.view is not None
            and not desk.app.screen.flows
        )
    )
    assert isinstance(desk.app.screen, CustomerScreen)
    return desk.app.screen


@pytest.mark.parametrize("number", ["1001", "#1001"])
async def test_a_command_opens_an_order_by_its_number_from_anywhere(shop: Shop, number: str) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        await on_profile(desk, shop)
        await command(desk, f"o {number}")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))


async def test_a_command_adds_a_note_with_the_text_behind_it(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        await on_profile(desk, shop)
        await command(desk, "note Rings back on Monday")
        await desk.shows("Note added")
        assert count(shop.db, Note, body="Rings back on Monday") == 1


async def test_an_unknown_command_or_number_is_answered_in_words(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        await on_profile(desk, shop)
        await command(desk, "o 99999")
        await desk.shows("There is no order 99999")
        await command(desk, "notee x")
        await desk.shows("no command")


async def test_the_list_of_locks_is_for_those_who_may_unlock(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        await on_profile(desk, shop)
        await command(desk, "locks")
        await desk.pilot.pause(0.3)
        assert not isinstance(desk.app.screen, LocksScreen)
        assert "does not allow" in desk.text
    async with driven(shop.db.url.text, shop.sue) as desk:
        await on_profile(desk, shop)
        await command(desk, "locks")
        await desk.until(lambda: isinstance(desk.app.screen, LocksScreen))
        await desk.shows("Nobody holds a lock")


async def test_the_palette_runs_the_action_under_the_cursor(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, (80, 24)) as desk:
        screen = await on_profile(desk, shop)
        await desk.press("ctrl+p")
        await desk.until(lambda: screen.panel is not None)
        await desk.type("drafts")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, DraftsScreen))


async def test_help_says_what_is_not_possible_now_and_why(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        desk.app.action_desk_readonly()
        await on_profile(desk, shop)
        await desk.press("f1")
        await desk.until(lambda: isinstance(desk.app.screen, HelpScreen))
        await desk.shows("Not now: The desk is read-only")
        await desk.press("question_mark")
        await desk.shows("Everywhere")
        await desk.press("escape")
        await desk.until(lambda: isinstance(desk.app.screen, CustomerScreen))


async def test_jump_mode_goes_to_a_section_and_the_filter_is_ended_by_escape(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, (80, 24)) as desk:
        screen = await on_profile(desk, shop)
        await desk.press("slash")
        await desk.until(lambda: screen.panel is not None)
        await desk.type("zelda")
        await desk.press("enter")
        await desk.until(lambda: screen.panel is None)
        assert screen.main.place.needle == "zelda"
        await desk.press("escape")
        assert screen.main.place.needle == "" and desk.app.screen is screen
        await desk.press("ctrl+o")
        await desk.until(lambda: screen.panel is not None)
        await desk.press("a")
        await desk.until(lambda: screen.panel is None)
        assert screen.main.section is not None and screen.main.section.name == "contact"


async def test_copying_takes_the_value_and_never_a_card_number(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        screen = await on_profile(desk, shop)
        screen.main.go_to_row(("contact", "email"))
        await desk.press("ctrl+c")
        assert desk.app.clipboard == "zelda.quimby@example.com"
        from cstui.widgets.page_model import Cell, Row, Section

        screen.main.show([Section("x", "X", (Row("n", (Cell("a"), Cell("b")), copy="4111 1111 1111 1111"),))])
        await desk.press("ctrl+c")
        assert desk.app.clipboard == "zelda.quimby@example.com"
        assert "not copied" in desk.text


async def test_drafts_and_my_actions_lead_back_to_the_record(shop: Shop) -> None:
    Drafts(shop.db).keep(shop.ann, Kind.ORDER, shop.order, 1, {"shipping.line1": "9 Oak Road"})
    async with driven(shop.db.url.text, shop.ann) as desk:
        await on_profile(desk, shop)
        await command(desk, "note Rings back on Monday")
        await desk.shows("Note added")
        desk.app.action_desk_draft()
        await desk.shows("9 Oak Road", "#1001")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
        desk.app.action_desk_history()
        await desk.until(lambda: isinstance(desk.app.screen, MyActionsScreen))
        await desk.shows("Today (1)")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, CustomerScreen))


SCREENS: tuple[type[BaseScreen], ...] = (
    SearchScreen, SearchFormScreen, CustomerScreen, OrderScreen, HistoryScreen, OrderThenScreen, LocksScreen, DraftsScreen, HelpScreen,
)  # fmt: skip
#: Actions whose keys mean something on some screens of a context only; elsewhere they are the focused list's or form's own.
_ELSEWHERE = {"nav.tab_left", "nav.tab_right", "record.audit", "desk.command"}


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_of_a_screen_leads_to_an_action(screen: type[BaseScreen]) -> None:
    contexts = set(screen.contexts)
    missing = [
        key.id
        for key in TABLE
        if key.built and contexts & set(key.contexts) and key.id not in _ELSEWHERE
        for name in [f"action_{key.action.partition('(')[0]}"]
        if not hasattr(screen, name) and not hasattr(CstuiApp, name)
    ]
    assert missing == []
    assert Context.ALWAYS in contexts


async def test_a_fault_on_a_screen_becomes_an_incident_and_the_desk_goes_on(
    shop: Shop, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))

    def broken(*_args: object, **_facts: object) -> None:
        card, name = "4111 1111 1111 1111", "Zelda Quimby"
        raise RuntimeError(f"cannot read {name} {card}")

    async with driven(shop.db.url.text, shop.ann, log_directory=folder) as desk:
        await on_profile(desk, shop)
        monkeypatch.setattr(desk.app.desk.orders, "open", broken)
        desk.app.open_order(shop.order)
        await desk.shows("Something went wrong", "Incident")
        assert "4111" not in desk.text and "Traceback" not in desk.text
        await desk.press("escape")
        await desk.until(lambda: isinstance(desk.app.screen, CustomerScreen))
    (report,) = folder.glob("incident-*")
    assert "4111" not in report.read_text() and "broken" in report.read_text()


def test_the_parts_of_textual_that_the_desk_relies_on_are_still_there() -> None:
    app: App[None] = App()
    assert isinstance(app._filters, list)
    assert hasattr(app, "_bindings") and hasattr(app._bindings, "key_to_bindings")
    assert callable(App._fatal_error) and callable(App.panic)
    assert CstuiApp._fatal_error is not App._fatal_error


async def test_the_desk_puts_its_filter_behind_those_of_textual(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        assert isinstance(desk.app._filters[-1], ControlFilter)


async def test_no_screenshot_and_no_system_command_is_within_reach(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann) as desk:
        screen = await on_profile(desk, shop)
        assert not desk.app.ENABLE_COMMAND_PALETTE
        bound = {b.action for bs in desk.app._bindings.key_to_bindings.values() for b in bs}
        assert not {action for action in bound if "screenshot" in action or "palette" in action} - {
            "desk_palette"
        }
        await desk.press("ctrl+p")
        await desk.until(lambda: screen.panel is not None)
        await desk.type("screenshot")
        await desk.shows("Nothing fits")


async def test_a_window_that_was_too_small_gives_the_focus_back_with_the_room(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, (80, 24)) as desk:
        screen = await on_profile(desk, shop)
        await desk.press("e")
        await desk.until(lambda: screen.panel is not None and desk.app.focused is not None)
        field = desk.app.focused
        await desk.pilot.resize_terminal(40, 10)
        await desk.until(lambda: screen.is_too_small)
        await desk.press("escape", "f9", "A")
        await desk.pilot.resize_terminal(80, 24)
        await desk.until(lambda: not screen.is_too_small and desk.app.focused is field)
        assert screen.panel is not None
