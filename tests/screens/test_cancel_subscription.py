"""Cancelling a subscription: few keys, the offer once, and the way out always beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any

from cstui.domain.calls import Reason
from cstui.domain.money import Money
from cstui.domain.retention import OfferKind, OfferPreview, OfferRow
from cstui.screens.dialogs.retention import CancelFacts, CancelSubscriptionPanel
from cstui.widgets.commit_line import LET_GO, CommitLine
from tests.screens.test_commit_line import key, painted
from tests.screens.widget_app import WidgetApp, typed

REASONS = (
    Reason("too_expensive", "Too expensive"),
    Reason("quality", "Quality"),
    Reason("other", "Other, see note"),
)
OFFER = OfferRow(7, "main", "too_expensive", "Too expensive", OfferKind.PERCENT, 20, 3, 0, None, "", "", True)
WORDS = "You pay 22.40 USD instead of 28.00 USD for the next 3 bills."
PREVIEW = OfferPreview(
    OFFER, WORDS, Money(1680, "USD"), date(2026, 12, 4), Money(2240, "USD"), 3
)  # fmt: skip
ANOTHER = replace(PREVIEW, offer=replace(OFFER, id=8, reason_code="other"))
FACTS = CancelFacts(
    "Daily Tea", date(2026, 11, 25), next_bill=date(2026, 12, 4), last_charge="28.00 USD of 4 Nov"
)


@asynccontextmanager
async def asked(
    facts: CancelFacts = FACTS,
) -> AsyncIterator[tuple[Any, CancelSubscriptionPanel, asyncio.Future[dict[str, str] | None]]]:
    panel = CancelSubscriptionPanel(facts, REASONS, {"too_expensive": PREVIEW, "other": ANOTHER})
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asyncio.ensure_future(panel.answer())
        await pilot.pause()
        yield pilot, panel, answer


async def settled(answer: asyncio.Future[dict[str, str] | None]) -> dict[str, str]:
    found = await asyncio.wait_for(answer, 5)
    assert found is not None
    return found


async def test_three_keys_after_the_panel_s_own_cancel_also_typed_at_once() -> None:
    async with asked() as (pilot, _panel, answer):
        await typed(pilot, "ady")
        assert await settled(answer) == {
            "answer": "cancel", "reason": "too_expensive", "offer": "", "declined": "7", "when": "now", "on": "",
            "keep_billing": "yes", "refund": "no", "note": "",
        }  # fmt: skip


async def test_without_an_offer_two_keys_are_enough() -> None:
    async with asked() as (pilot, panel, answer):
        await typed(pilot, "b")
        assert panel.step == "cancel" and "d no thanks" not in pilot.app.text
        assert "y cancels Daily Tea now" in pilot.app.text
        await typed(pilot, "y")
        found = await settled(answer)
        assert (found["answer"], found["reason"], found["declined"]) == ("cancel", "quality", "")


async def test_the_offer_says_what_it_saves_and_the_way_out_stands_beside_it() -> None:
    async with asked() as (pilot, panel, answer):
        await typed(pilot, "a")
        shown = pilot.app.text
        assert "20 % off for 3 bills" in shown and "saves $16.80" in shown and WORDS in shown
        assert "d no thanks, cancel" in shown and not answer.done()
        await pilot.press("enter", "y")
        assert panel.step == "offer" and not answer.done()
        await typed(pilot, "a")
        assert "y accepts: 20 % off for 3 bills" in pilot.app.text and "d no thanks, cancel" in pilot.app.text
        await pilot.press("enter")
        assert not answer.done()
        await typed(pilot, "y")
        found = await settled(answer)
        assert (found["answer"], found["offer"], found["declined"]) == ("accept", "7", "")


async def test_once_an_offer_was_declined_no_other_is_made_and_this_one_can_still_be_taken() -> None:
    async with asked() as (pilot, panel, answer):
        await typed(pilot, "ad")
        await pilot.press("backspace")
        await typed(pilot, "c")
        assert panel.step == "cancel" and "d no thanks" not in pilot.app.text
        await pilot.press("backspace")
        await typed(pilot, "a")
        assert panel.step == "cancel" and WORDS in pilot.app.text
        await typed(pilot, "ay")
        assert (await settled(answer))["answer"] == "accept"


async def test_when_it_ends_is_chosen_on_the_same_panel() -> None:
    async with asked() as (pilot, _panel, answer):
        await typed(pilot, "bw")
        assert "y cancels Daily Tea after the bill of Fri 4 Dec 2026" in pilot.app.text
        await typed(pilot, "w")
        assert "instead of the bill of Fri 4 Dec 2026" in pilot.app.text
        await typed(pilot, "w")
        assert "y asks for the date first" in pilot.app.text
        await typed(pilot, "y2026-12-31")
        await pilot.press("enter")
        await typed(pilot, "b")
        assert "y cancels Daily Tea on Thu 31 Dec 2026, not billed before" in pilot.app.text
        await typed(pilot, "y")
        found = await settled(answer)
        assert (found["when"], found["on"], found["keep_billing"]) == ("on-date", "2026-12-31", "no")


async def test_a_day_that_is_over_is_no_date_to_end_on() -> None:
    async with asked() as (pilot, _panel, answer):
        await typed(pilot, "bwwwt2026-11-24")
        await pilot.press("enter")
        await typed(pilot, "y")
        assert not answer.done()


async def test_with_a_refund_the_key_counts_only_once_the_line_was_read() -> None:
    async with asked() as (pilot, panel, answer):
        await typed(pilot, "br")
        line = panel.query_one(CommitLine)
        assert "and refunds 28.00 USD of 4 Nov" in line.words
        panel.save()
        counts_from = await painted(pilot, line)
        pilot.app.post_message(key(counts_from - 1))
        await pilot.pause()
        assert not answer.done() and line.ignored == 1
        pilot.app.post_message(key(await painted(pilot, line) + LET_GO))
        assert (await settled(answer))["refund"] == "yes"


async def test_other_wants_a_note_and_letters_go_into_it() -> None:
    async with asked() as (pilot, _panel, answer):
        await typed(pilot, "cdymoving by day")
        await pilot.press("enter")
        await typed(pilot, "y")
        assert (await settled(answer))["note"] == "moving by day"


async def test_where_nothing_is_due_it_ends_now_or_on_a_date_and_escape_leaves_all_as_it_is() -> None:
    facts = CancelFacts("Daily Tea", date(2026, 11, 25), no_refund="the charge is disputed")
    async with asked(facts) as (pilot, panel, answer):
        await typed(pilot, "bwr")
        assert "w when: on a date" in pilot.app.text and "the charge is disputed" in pilot.app.text
        await typed(pilot, "w")
        assert "y cancels Daily Tea now" in pilot.app.text
        await pilot.press("backspace")
        assert panel.step == "reason"
        await pilot.press("escape")
        assert await asyncio.wait_for(answer, 5) is None
