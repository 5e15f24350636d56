"""The refund panel by itself: what each key does, why one does nothing, and that nothing of it is ever out of sight."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cstui.domain.gateways import Operation, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundMethod, TransactionKind
from cstui.domain.refunds import AttemptRow, Charge, RefundBasis, RefundLine, Share
from cstui.format import READER
from cstui.screens.dialogs.refund import RefundPanel
from cstui.screens.dialogs.refund_draft import RefundDraft
from cstui.widgets.commit_line import CommitLine
from tests.bad_inputs import SHORT_BAD_TEXTS
from tests.screen_text import assert_clean_screen, screen_text
from tests.screens.widget_app import WidgetApp, typed, until

NOW = datetime(2026, 11, 25, 17, 46, tzinfo=UTC)
CHARGE = Charge(
    1, TransactionKind.SALE, NOW - timedelta(days=3), 9000, "USD", gateway="sandbox", account="main", gateway_ref="r1",
    card_brand="Visa", card_last4="4242", is_settled=True, gives_credits=True,
)  # fmt: skip
BASIS = RefundBasis(
    order_id=1, number="#1234", store_id=1, customer_id=1, version=3, currency="USD",
    lines=(RefundLine(11, "Mug, blue", 2, 4000, 400), RefundLine(12, "Tea", 5, 3500, 0), RefundLine(13, "Gone", 1, 600, 0, 1, 600)),
    shipping=1000, shipping_tax=100, refunded_shipping=0, refunded_shipping_tax=0, charges=(CHARGE,),
    reasons=(("damaged", "Arrived damaged"), ("returned", "Goods returned"), ("goodwill", "Goodwill")), preset_reason="damaged", fee_percent=10,
    may_goodwill=True, may_other_card=True, may_record=True, may_cancel=True, live_subscriptions=("Coffee Club",),
    cards=((5, "Visa …1111"), (6, "Amex …0005")),
)  # fmt: skip
PLAIN = replace(
    BASIS, fee_percent=0, may_goodwill=False, may_other_card=False, may_record=False, may_cancel=False, live_subscriptions=(),
    shipping=0, shipping_tax=0, reasons=(),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_key_before() -> None:
    CommitLine._last_time.clear()


def words(pilot: Any) -> str:
    """The screen as one line, without the frames."""
    return " ".join(screen_text(pilot.app).replace("│", " ").split())


def pressed(keys: str, basis: RefundBasis = BASIS) -> RefundDraft:
    draft = RefundDraft(basis)
    for key in keys:
        assert not draft.why_not(key), (key, draft.why_not(key))
        assert draft.press(key), key
    return draft


def total(keys: str) -> int:
    return pressed(keys).plan(NOW).total.minor


def panel_for(basis: RefundBasis = BASIS, **more: Any) -> RefundPanel:
    return RefundPanel(basis, "Ann Lee", READER, lambda: NOW, **more)


# What the keys do -----------------------------------------------------------------------------------


def test_it_opens_on_all_that_remains_for_the_likely_reason() -> None:
    draft = RefundDraft(BASIS)
    assert draft.choice.share is Share.FULL and draft.reason_label == "Arrived damaged"
    assert draft.plan(NOW).total.minor == 9000


@pytest.mark.parametrize(
    ("keys", "pieces"),
    [("1", 1), ("11", 2), ("111", 0), ("2", 1), ("222", 3), ("22222", 5), ("222222", 0), ("2l", 5)],
)
def test_a_digit_gives_one_more_piece_back_and_after_the_last_none(keys: str, pieces: int) -> None:
    draft = pressed(keys)
    line = BASIS.lines[int(keys[0]) - 1]
    assert draft.pieces(line) == pieces
    assert sum(draft.pieces(other) for other in BASIS.lines if other is not line) == 0


def test_tax_follows_by_itself_and_shipping_fee_and_all_are_one_key_each() -> None:
    assert total("1") == 2200
    assert total("11") == 4400
    assert total("1s") == 3300
    assert total("1f") == 2000
    assert total("s") == 9000 - 1100  # everything but the shipping
    assert total("12sa") == 9000 and total("10") == 9000


def test_other_card_manual_and_elsewhere_go_round_and_back() -> None:
    assert pressed("t").choice.card_id == 5 and pressed("tt").choice.card_id == 6
    assert pressed("ttt").choice.method is RefundMethod.ORIGINAL
    assert (
        pressed("x").choice.method is RefundMethod.EXTERNAL
        and pressed("xx").choice.method is RefundMethod.ORIGINAL
    )
    assert pressed("cp").wanted(NOW).cancel_order and pressed("p").wanted(NOW).stop_subscriptions


def test_more_than_nine_lines_have_their_digits_in_turn() -> None:
    lines = tuple(RefundLine(100 + n, f"Line {n}", 1, 100, 0) for n in range(1, 21))
    draft = pressed(">2>1", replace(BASIS, lines=lines))
    assert draft.choice.lines == ((111, 1), (119, 1))
    draft.press(">")
    assert draft.first == 0


def test_what_moved_meanwhile_is_taken_out_of_the_choice_and_the_rest_stays() -> None:
    draft = pressed("112")
    draft.renew(
        replace(BASIS, lines=(replace(BASIS.lines[0], refunded_quantity=1, refunded=2000), *BASIS.lines[1:]))
    )
    assert draft.choice.lines == ((11, 1), (12, 1))


def test_every_key_that_does_nothing_says_why() -> None:
    draft = RefundDraft(PLAIN)
    dimmed = {key.key: key.why_not for key in draft.shown_keys() if key.why_not}
    assert set(dimmed) == {"s", "f", "g", "t", "m", "x", "r", "c"}
    assert all(why.endswith(".") for why in dimmed.values())
    assert draft.why_not("3") == "Gone has been given back already."
    assert draft.why_not("4") == "This order has 3 lines."
    assert (
        RefundDraft(replace(BASIS, cancel_blocked="A parcel has left.")).why_not("c") == "A parcel has left."
    )


# On the screen ----------------------------------------------------------------------------------------


async def test_typed_figures_change_the_plan_and_wrong_ones_are_said_beside_it() -> None:
    async with WidgetApp(panel_for()).run_test(size=(80, 24)) as pilot:
        panel = pilot.app.query_one(RefundPanel)
        panel.focus()
        await pilot.pause()
        await typed(pilot, "%500")
        await pilot.press("enter")
        await until(pilot, lambda: "is no percentage" in words(pilot))
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: "y refunds $45.00 on #1234" in words(pilot))
        await typed(pilot, "g12.50")
        await pilot.press("enter")
        await until(pilot, lambda: "y refunds $12.50 on #1234 to Visa …4242 · Goodwill" in words(pilot))
        await typed(pilot, "g0")
        await pilot.press("enter")
        await until(pilot, lambda: "Not possible now: A refund of 0 is not possible." in words(pilot))
        await typed(pilot, "arb")
        await until(pilot, lambda: "· Goods returned" in words(pilot))
        await typed(pilot, "m")
        await pilot.press("enter")
        await typed(pilot, "12 Elm Street")
        await pilot.press("enter")
        await until(pilot, lambda: "y records $90.00 on #1234 as paid by hand to Ann Lee" in words(pilot))
        assert panel.wanted.choice.payee_address == "12 Elm Street" and panel.wanted.reason == "returned"


async def test_esc_leaves_the_field_first_and_then_the_panel() -> None:
    async with WidgetApp(panel_for()).run_test(size=(80, 24)) as pilot:
        panel = pilot.app.query_one(RefundPanel)
        answer = asyncio.ensure_future(panel.answer())
        await pilot.pause()
        await typed(pilot, "n")
        await typed(pilot, "broken y")
        assert panel.is_typing and panel.field.value == "broken y"
        await until(pilot, lambda: "This first;" in words(pilot) and "y refunds" not in words(pilot))
        panel.leave()
        assert not panel.is_typing and panel.draft.note == "" and not answer.done()
        panel.leave()
        assert await asyncio.wait_for(answer, 5) is None


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (60, 16)])
async def test_the_commit_line_and_the_keys_stay_in_sight_however_long_the_order_is(
    size: tuple[int, int],
) -> None:
    lines = tuple(RefundLine(100 + n, f"Line {n} " + "of a long name " * 6, 1, 450, 0) for n in range(1, 21))
    charges = tuple(replace(CHARGE, transaction_id=n, amount=450, is_settled=n % 2 == 0, void_until=NOW + timedelta(hours=2, minutes=14))
                    for n in range(1, 21))  # fmt: skip
    panel = panel_for(replace(BASIS, lines=lines, charges=charges))
    async with WidgetApp(panel).run_test(size=size) as pilot:
        panel.focus()
        await until(pilot, lambda: panel.line.is_painted)
        text = words(pilot)
        assert "Esc leaves" in text and "n note" in text and "Remaining" in text
        assert "y refunds $90.00" in text
        await pilot.press("pagedown", "pagedown", "pagedown")
        await until(pilot, lambda: "Remaining" not in words(pilot))
        assert "Esc leaves" in words(pilot)


async def test_routes_and_cut_offs_read_in_words_and_whole_at_eighty_columns() -> None:
    fresh = replace(CHARGE, is_settled=False, void_until=NOW + timedelta(hours=2, minutes=14))
    async with WidgetApp(panel_for(replace(BASIS, charges=(fresh,)))).run_test(size=(80, 24)) as pilot:
        panel = pilot.app.query_one(RefundPanel)
        panel.focus()
        await until(pilot, lambda: "$90.00 by void until 20:00, 2 h 14 min left" in words(pilot))
        await typed(pilot, "1")
        await until(pilot, lambda: "$22.00 waits for settlement, sent after 20:00" in words(pilot))
        await pilot.press("pagedown")
        await until(pilot, lambda: "Voiding the whole charge is possible until then." in words(pilot))


async def test_a_disputed_charge_says_so_and_what_to_do_instead() -> None:
    disputed = replace(
        CHARGE,
        disputed=4000,
        blocked="The customer's bank disputes this charge; a refund now would pay twice.",
    )
    async with WidgetApp(panel_for(replace(BASIS, charges=(disputed,)))).run_test(size=(80, 24)) as pilot:
        panel = pilot.app.query_one(RefundPanel)
        answer = asyncio.ensure_future(panel.answer())
        await until(pilot, lambda: panel.line.is_painted)
        text = words(pilot)
        assert (
            "Not possible now: The customer's bank disputes this charge" in text
            and "Use a manual refund." in text
        )
        assert "disputed $40.00" in text
        await pilot.press("y")
        assert not answer.done()
        await typed(pilot, "x")
        await until(pilot, lambda: "y records $50.00 on #1234 as refunded elsewhere" in words(pilot))
        panel.settle(None)
        await answer


async def test_ones_own_attempt_can_be_taken_back_from_the_panel() -> None:
    mine = AttemptRow(
        9, "k", 1, "#1234", 1, 1, 2, 1, Operation.REFUND, AttemptState.ARMED, Why.NONE, Money(9000, "USD"), "sandbox", "main",
        "Visa …4242", NOW, NOW + timedelta(seconds=6), None, 0, 0, None, "", 3, "Ann",
    )  # fmt: skip
    busy = replace(BASIS, charges=(replace(CHARGE, in_flight="Ann", pending=9000),))
    async with WidgetApp(panel_for(busy, me="Ann", attempt=mine)).run_test(size=(80, 24)) as pilot:
        panel = pilot.app.query_one(RefundPanel)
        answer = asyncio.ensure_future(panel.answer())
        await until(pilot, lambda: "You are refunding $90.00 – 6 s left. u takes it back" in words(pilot))
        await pilot.press("y", "1", "u")
        assert await asyncio.wait_for(answer, 5) == {"do": "takeback"}


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_hostile_names_reasons_and_notes_steer_nothing(size: tuple[int, int]) -> None:
    bad = [text for _, text in SHORT_BAD_TEXTS]
    async with WidgetApp().run_test(size=size) as pilot:
        for start in range(0, len(bad) - 8, 9):
            some = bad[start : start + 9]
            lines = tuple(RefundLine(100 + n, text, 1, 450, 0) for n, text in enumerate(some))
            basis = replace(
                BASIS, number=some[0], lines=lines, reasons=tuple((f"r{n}", text) for n, text in enumerate(some)), preset_reason="r1",
                live_subscriptions=tuple(some), charges=(replace(CHARGE, card_brand=some[8]),), cards=((5, some[7]),),
            )  # fmt: skip
            panel = RefundPanel(basis, some[2], READER, lambda: NOW)
            panel.draft.note = some[3]
            panel.draft.cancel_order = panel.draft.stop_subscriptions = True
            await pilot.app.mount(panel)
            panel.focus()
            for keys in ("t", "tx", "r"):
                await typed(pilot, keys)
                assert_clean_screen(pilot.app)
            panel.leave()
            panel.say_problem(some[4])
            await pilot.pause()
            assert_clean_screen(pilot.app)
            assert "Esc leaves" in words(pilot)
            await panel.remove()
