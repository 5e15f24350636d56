"""Cards on a profile as an agent adds, chooses and removes them, and how the form keeps what was typed to itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from textual import events

from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Purpose
from cstui.domain.permissions import Role
from cstui.domain.sandbox import Fault
from cstui.screens.customer import CustomerScreen
from cstui.screens.dialogs.card import CardField, CardPanel
from cstui.storage.queries.cards import CARD
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import CardLinkRow
from cstui.storage.tables.people import Setting
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Database
from tests import factories as make
from tests.money import MoneyBench, money_bench
from tests.screens.driving import Driven, driven
from tests.services.test_cards import add, on_file, subscribe

NUMBER = "4111111111111111"
SHOWN = "4111 1111 1111 1111"


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    made = money_bench(sqlite_db.url.text)
    make.add_order(made.db, made.store, made.customer)
    yield made
    made.desk.close()


@asynccontextmanager
async def at_profile(bench: MoneyBench, actor: Any = None, **options: Any) -> Any:
    async with driven(bench.db.url.text, actor or bench.ann, **options) as desk:
        desk.app.open_customer(bench.customer)
        await desk.until(
            lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None
        )
        await desk.shows("Cards on file")
        yield desk


async def form(desk: Driven) -> CardPanel:
    await desk.press("C")
    await desk.shows("type a card", "send a card link")
    await desk.press("t")
    await desk.shows("Security code")
    return desk.app.screen.query_one(CardPanel)


async def fill(desk: Driven, number: str = NUMBER, expiry: str = "1230", code: str = "737") -> None:
    await desk.type(number)
    await desk.press("enter")
    await desk.type(expiry)
    await desk.press("enter")
    await desk.type(code)


async def focus_card(desk: Driven, card_id: int) -> None:
    screen = desk.app.screen
    assert isinstance(screen, CustomerScreen)
    await desk.until(lambda: screen.rail.go_to_row((Kind.CARD, card_id)) or True)
    screen.rail.focus()
    screen.rail.go_to_row((Kind.CARD, card_id))
    await desk.until(lambda: screen.card_under_cursor() is not None)


async def test_a_typed_card_is_in_the_list_at_once_and_charged_nothing(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        panel = await form(desk)
        assert panel.field("holder").value == "Ann Lee" and panel.field("postcode").value
        await fill(desk)
        await desk.press("f9")
        await desk.shows("On file: Visa …1111, the default", "Cards on file (1)", "…1111  12/30")
        assert not desk.app.screen.query(CardPanel)
    assert [row.last4 for row in on_file(bench)] == ["1111"]


async def test_the_number_stands_in_groups_and_shows_its_end_alone_once_it_is_left(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        await form(desk)
        await desk.type(NUMBER)
        await desk.shows(SHOWN)
        await desk.press("tab")
        await desk.shows("•••• •••• •••• 1111", "Visa")
        await desk.type("0127")
        await desk.shows("01/27")
        await desk.press("tab")
        await desk.type("737")
        await desk.shows("•••")
        assert SHOWN not in desk.text and "737" not in desk.text


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        panel = await form(desk)
        await desk.type("4111111111111112")
        await desk.press("enter")
        await desk.shows("A digit of the card number is wrong")
        await desk.type("0120")
        await desk.press("enter")
        await desk.shows("This card expired 01/20")
        await desk.type("73")
        await desk.press("f9")
        await desk.shows("The security code has 3 digits")
        assert panel.field("number").value == "4111 1111 1111 1112"
    assert on_file(bench) == []


async def test_a_refused_card_says_why_and_only_its_number_and_code_are_typed_again(
    bench: MoneyBench,
) -> None:
    bench.fault(Fault.DECLINE, "vault_add")
    async with at_profile(bench) as desk:
        panel = await form(desk)
        await fill(desk)
        await desk.press("f9")
        await desk.shows("Card not kept: Insufficient funds.")
        await desk.until(lambda: panel.field("number").has_focus)
        assert (panel.field("number").value, panel.field("code").value) == ("", "")
        assert panel.field("expiry").value == "12/30"
        await desk.type(NUMBER)
        panel.field("code").focus()
        await desk.type("737")
        await desk.press("f9")
        await desk.shows("On file: Visa …1111")


async def test_an_answer_that_never_came_is_said_and_the_card_appears_by_itself(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "vault_add")
    async with at_profile(bench) as desk:
        await form(desk)
        await fill(desk)
        await desk.press("f9")
        await desk.shows("is being checked", "No card on file")
        bench.later(seconds=30)
        bench.work()
        await desk.shows("Cards on file (1)")


async def test_nothing_of_a_card_can_be_copied_and_a_paste_leaves_no_trace(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        panel = await form(desk)
        desk.app.post_message(events.Paste("4111-1111-1111-1111\n"))
        await desk.shows(SHOWN)
        for keys in (("ctrl+a", "ctrl+c"), ("home", "shift+end", "ctrl+c"), ("shift+home", "ctrl+x")):
            await desk.press(*keys)
            assert desk.app.clipboard == ""
            assert panel.field("number").selected_text == ""
        desk.app._clipboard = NUMBER
        panel.field("number").action_paste()
        assert desk.app.clipboard == ""


async def test_leaving_the_form_forgets_everything_without_asking(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        panel = await form(desk)
        await fill(desk)
        fields = list(panel.query(CardField))
        await desk.press("escape")
        await desk.until(lambda: not desk.app.screen.query(CardPanel))
        assert [field.value for field in fields if field.what in ("number", "code")] == ["", ""]
        assert desk.app.records.with_unsaved_text() == []
    with bench.db.read() as tx:
        from cstui.storage.tables.locks import Draft

        assert tx.rows(table_of(Draft).select()) == []


async def test_an_open_form_closes_itself_in_time(bench: MoneyBench, monkeypatch: Any) -> None:
    monkeypatch.setattr(CardPanel, "open_for", 0.3)
    async with at_profile(bench) as desk:
        panel = await form(desk)
        number = panel.field("number")
        await desk.type(NUMBER)
        await desk.shows("closed after two minutes")
        assert number.value == "" and not desk.app.screen.query(CardPanel)


async def test_a_locked_desk_has_no_open_card_behind_it(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        panel = await form(desk)
        number = panel.field("number")
        await desk.type(NUMBER)
        desk.app.action_desk_lock()
        await desk.shows("The desk is locked")
        await desk.until(lambda: not panel.is_attached)
        assert number.value == ""


async def test_no_card_is_typed_while_keys_are_written_to_a_log(bench: MoneyBench, monkeypatch: Any) -> None:
    monkeypatch.setenv("TEXTUAL_LOG", "keys.log")
    async with at_profile(bench) as desk:
        await desk.press("C")
        await desk.shows("debug log is on")
        await desk.press("t")
        await desk.shows("Not now:")
        assert not desk.app.screen.query(CardPanel)


async def test_a_link_is_sent_with_two_keys(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        await desk.press("C")
        await desk.shows("send a card link to")
        await desk.press("l")
        await desk.shows("The link is mailed to ann.lee@example.com")
    (link,) = bench.rows(table_of(CardLinkRow))
    assert (link.customer_id, link.is_open, on_file(bench)) == (bench.customer, True, [])


async def test_the_new_card_is_offered_to_what_it_should_pay(bench: MoneyBench) -> None:
    old = add(bench).card_id
    subscribe(bench, old, status="past_due")
    busy = subscribe(bench, old, "Coffee")
    later = subscribe(bench, old, "Post", next_bill_date=date(2027, 1, 1))
    bench.desk.locks.begin(bench.bob, Kind.SUBSCRIPTION, busy, 1, new_token(), Purpose.EDIT)
    async with at_profile(bench) as desk:
        await form(desk)
        await fill(desk, "5555555555554444")
        await desk.press("f9")
        await desk.shows(
            "What Mastercard …4444 should pay", "a ✓ Tea box", "its last charge failed", "now Visa …1111"
        )
        await desk.press("c")
        await desk.shows("c   Post", "pays the 2 ticked")
        await desk.press("y")
        await desk.shows("Mastercard …4444 pays Tea box", "Left as they are: Coffee: Bob is editing it.")
    new = on_file(bench)[1].id
    rows = {row.product: row.card_id for row in bench.rows(table_of(Subscription))}
    assert rows == {"Tea box": new, "Coffee": old, "Post": old} and later


async def test_the_focused_card_becomes_the_default(bench: MoneyBench) -> None:
    add(bench)
    second = add(bench, "5555555555554444").card_id
    async with at_profile(bench) as desk:
        await focus_card(desk, second)
        await desk.press("C")
        await desk.shows("make Mastercard …4444 the default")
        await desk.press("d")
        await desk.shows("Default: Mastercard …4444.")
    assert [bool(row.is_default) for row in on_file(bench)] == [False, True]


async def test_a_card_is_removed_after_y_and_leaves_the_list(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    async with at_profile(bench) as desk:
        await focus_card(desk, card_id)
        await desk.press("X")
        await desk.shows("Remove Visa …1111", "the only card on file")
        await desk.press("enter", "n")
        assert len(on_file(bench)) == 1
        await desk.press("y")
        await desk.shows("Being removed: Visa …1111", "it waits for one")
        bench.work()
        await desk.shows("No card on file")


async def test_a_card_that_pays_something_says_so_instead_of_asking(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    subscribe(bench, card_id)
    async with at_profile(bench) as desk:
        await focus_card(desk, card_id)
        await desk.press("X")
        await desk.shows("Visa …1111 pays Tea box.")
    assert len(on_file(bench)) == 1


async def test_x_on_an_order_says_where_it_is_cancelled(bench: MoneyBench) -> None:
    async with at_profile(bench) as desk:
        await desk.press("X")
        await desk.shows("Open the order to cancel it.")


async def test_an_unverified_caller_is_verified_before_anything_is_typed(bench: MoneyBench) -> None:
    make._insert(
        bench.db, Setting(key="verify.required", value="true", changed_by="test", changed_at=make.THEN)
    )
    async with at_profile(bench) as desk:
        await desk.press("C")
        await desk.shows("The caller must be verified before a card is changed", "The caller gave")
        assert not desk.app.screen.query(CardPanel)


async def test_a_viewer_is_told_that_his_role_does_not_allow_it(bench: MoneyBench) -> None:
    viewer = make.add_staff(bench.db, "vic", Role.VIEWER)
    async with at_profile(bench, viewer) as desk:
        await desk.press("C")
        await desk.shows("Your role does not allow it")


async def test_marks_say_what_a_card_is_and_its_gateway_only_where_it_is_another(bench: MoneyBench) -> None:
    add(bench)
    make.add_card(
        bench.db,
        bench.customer,
        gateway="stripe",
        account="eu",
        brand="Amex",
        last4="0005",
        failed_before=True,
    )
    make.add_card(bench.db, bench.customer, account="main", last4="0001", expiry_year=2020)
    async with at_profile(bench, size=(190, 45)) as desk:
        await desk.shows("…1111  12/30  default · TEST", "failed before · stripe", "EXPIRED")
        lines = [line for line in desk.text.splitlines() if "…0001" in line or "…1111  12/30" in line]
        assert lines and not any("sandbox" in line for line in lines)
    assert bench.rows(CARD)
