"""The profile as an agent uses it with a caller on the line: notes, calls, edits that meet, ticks, several customers at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from cstui.domain.actor import Actor
from cstui.domain.customers import Contact
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Role
from cstui.domain.reasons import ReasonKind
from cstui.screens.customer import CustomerScreen
from cstui.screens.history import HistoryScreen
from cstui.screens.order import OrderScreen
from cstui.services.customers import Customers
from cstui.services.settings import Settings
from cstui.storage.tables.customers import Call, Note
from cstui.storage.tables.people import Reason
from cstui.storage.transaction import Database
from cstui.widgets.form import FormPanel
from tests.factories import _insert, add_customer, add_order, add_staff, add_store, count
from tests.screens.driving import Driven, driven

NARROW, WIDE = (80, 24), (140, 45)


@dataclass(frozen=True)
class Shop:
    """Two customers with an order each, and those who work there."""

    db: Database
    ann: Actor
    bob: Actor
    zelda: int
    other: int

    def contact(self) -> Contact:
        return Customers(self.db, Settings(self.db)).open(self.bob, self.zelda).contact

    def bob_changes(self, **changed: str) -> None:
        customers = Customers(self.db, Settings(self.db))
        view = customers.open(self.bob, self.zelda)
        customers.save_contact(
            self.bob, self.zelda, view.version, replace(view.contact, **changed), new_token()
        )


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    store = add_store(sqlite_db)
    zelda = add_customer(sqlite_db, store, "Zelda", "Quimby")
    other = add_customer(sqlite_db, store, "Uma", "Twin")
    for number in range(1001, 1006):
        add_order(sqlite_db, store, zelda, f"#{number}")
    add_order(sqlite_db, store, other, "#2001")
    for code, label in (("sold", "Sold"), ("later", "Rings back")):
        _insert(sqlite_db, Reason(kind=ReasonKind.DISPOSITION, code=code, label=label))
    return Shop(
        sqlite_db, add_staff(sqlite_db, "ann"), add_staff(sqlite_db, "bob", terminal="term-2"), zelda, other
    )


def profile(desk: Driven) -> CustomerScreen:
    screen = desk.app.screen
    assert isinstance(screen, CustomerScreen)
    return screen


async def opened(desk: Driven, customer: int) -> CustomerScreen:
    desk.app.open_customer(customer)
    await desk.until(
        lambda: (
            isinstance(desk.app.screen, CustomerScreen)
            and desk.app.screen.view is not None
            and desk.app.screen.view.id == customer
            and not desk.app.screen.flows
        )
    )
    return profile(desk)


async def form(desk: Driven) -> FormPanel:
    await desk.until(lambda: isinstance(profile(desk).panel, FormPanel))
    panel = profile(desk).panel
    assert isinstance(panel, FormPanel)
    return panel


async def test_a_note_takes_its_key_the_text_and_enter(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        await opened(desk, shop.zelda)
        await desk.press("f7")
        await desk.type("Rings back on Monday")
        await desk.press("enter")
        await desk.shows("Note added to Zelda Quimby")
        assert count(shop.db, Note, body="Rings back on Monday", author_name="Ann") == 1


async def test_a_note_with_a_card_number_is_stopped_beside_the_field(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        await opened(desk, shop.zelda)
        await desk.press("f7")
        await desk.type("card 4111 1111 1111 1111")
        await desk.press("enter")
        await desk.shows("✗")
        assert count(shop.db, Note) == 0


async def test_a_call_is_logged_with_three_keys(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        await opened(desk, shop.zelda)
        await desk.press("f6")
        await form(desk)
        await desk.press("b", "f9")
        await desk.shows("Call logged")
        assert count(shop.db, Call, customer_id=shop.zelda) == 1


async def test_an_untouched_call_form_closes_without_a_question(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        screen = await opened(desk, shop.zelda)
        await desk.press("f6")
        await form(desk)
        await desk.press("escape")
        await desk.until(lambda: screen.panel is None)
        assert count(shop.db, Call) == 0


async def test_two_edits_of_different_fields_are_both_kept(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, WIDE) as desk:
        await opened(desk, shop.zelda)
        await desk.press("e")
        panel = await form(desk)
        panel.put({"company": "Quimby Ltd"})
        shop.bob_changes(last_name="Quimby-Hart")
        await desk.press("f9")
        await desk.shows("Put together with the other change")
        assert panel.values["last_name"] == "Quimby-Hart"
        await desk.press("f9")
        await desk.shows("Saved: contact of Zelda Quimby-Hart")
    assert (shop.contact().company, shop.contact().last_name) == ("Quimby Ltd", "Quimby-Hart")


@pytest.mark.parametrize(("letter", "kept"), [("m", "Quimby-Mine"), ("t", "Quimby-Hart")])
async def test_two_edits_of_one_field_ask_whose_is_kept(shop: Shop, letter: str, kept: str) -> None:
    async with driven(shop.db.url.text, shop.ann, WIDE) as desk:
        await opened(desk, shop.zelda)
        await desk.press("e")
        (await form(desk)).put({"last_name": "Quimby-Mine"})
        shop.bob_changes(last_name="Quimby-Hart")
        await desk.press("f9")
        await desk.shows("Bob changed", "Quimby-Mine", "Quimby-Hart")
        await desk.press(letter)
        await desk.shows("Put together")
        await desk.press("f9")
        await desk.shows("Saved: contact")
    assert shop.contact().last_name == kept


async def test_a_bad_address_says_so_beside_the_field_and_keeps_what_was_typed(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, WIDE) as desk:
        await opened(desk, shop.zelda)
        await desk.press("1")
        page = profile(desk).main
        address = next(
            row.key
            for row in page.sections[0].rows
            if isinstance(row.key, tuple) and row.key[0] is Kind.ADDRESS
        )
        page.go_to_row(address)
        await desk.press("A")
        panel = await form(desk)
        panel.put({"line1": "9 Oak Road", "country": "Freedonia"})
        await desk.press("f9")
        await desk.shows("✗")
        assert panel.values["line1"] == "9 Oak Road"
        panel.put({"country": "US"})
        await desk.press("f9")
        await desk.shows("Saved: address of Zelda Quimby", "9 Oak Road")


async def test_two_ticks_verify_the_caller_for_this_call(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, WIDE) as desk:
        screen = await opened(desk, shop.zelda)
        await desk.press("v")
        await desk.until(lambda: screen.panel is not None)
        await desk.press("a")
        await desk.until(lambda: len(screen.verified.tokens) == 1)
        await desk.press("s")
        await desk.shows("The caller is verified")
        assert screen.verified.is_enough and screen.panel is None


async def test_switching_between_open_customers_keeps_the_cursor_of_each(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, WIDE) as desk:
        first = await opened(desk, shop.zelda)
        await desk.press("down", "down")
        assert first.main.row is not None
        where = first.main.row.key
        await opened(desk, shop.other)
        await desk.press("ctrl+t")
        await desk.until(lambda: desk.app.screen is first and not first.flows)
        assert first.main.row is not None and first.main.row.key == where


async def test_a_profile_opens_on_its_newest_order_and_enter_opens_it(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        screen = await opened(desk, shop.zelda)
        assert screen.main.row is not None and screen.view is not None
        assert screen.main.row.key == (Kind.ORDER, screen.view.orders[0].id)
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is screen)


@pytest.mark.parametrize("key", ["i", "9"])
async def test_the_history_of_a_customer_is_one_key_away(shop: Shop, key: str) -> None:
    shop.bob_changes(last_name="Quimby-Hart")
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        screen = await opened(desk, shop.zelda)
        if "audit" in screen.why_not("record.audit"):
            pytest.fail("an agent may see the history")
        await desk.press(key)
        await desk.until(lambda: isinstance(desk.app.screen, HistoryScreen))
        await desk.shows("Bob")


async def test_what_a_colleague_saves_is_on_the_screen_by_itself(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        await opened(desk, shop.zelda)
        shop.bob_changes(last_name="Quimby-Hart")
        await desk.shows("Quimby-Hart")


async def test_one_who_may_only_look_sees_no_key_that_edits(shop: Shop) -> None:
    eve = add_staff(shop.db, "eve", Role.VIEWER)
    async with driven(shop.db.url.text, eve, WIDE) as desk:
        screen = await opened(desk, shop.zelda)
        last_line = desk.text.splitlines()[-1]
        assert "e Edit" not in last_line and "F7 Note" not in last_line and "Enter Open" in last_line
        for key in ("e", "A", "f7", "f6"):
            screen.tell("", "")
            await desk.press(key)
            await desk.shows("Your role does not allow it")
            assert screen.panel is None
        await desk.press("f10")
        await desk.until(lambda: screen.panel is not None)
        assert "Edit" not in desk.text.split("Actions")[-1]


async def test_news_from_elsewhere_never_refuses_a_key(shop: Shop) -> None:
    async with driven(shop.db.url.text, shop.ann, NARROW) as desk:
        screen = await opened(desk, shop.zelda)
        screen._load(False)
        await desk.press("e")
        await form(desk)
        assert "Finish or leave" not in desk.text
