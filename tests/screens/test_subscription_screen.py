"""The subscription's own screen: opened from everywhere, its tabs, its padlock with two agents, and what comes in from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cstui.domain.ids import Kind, new_token, public_id
from cstui.domain.subscription_changes import SubscriptionChange
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.screens.customer import CustomerScreen
from cstui.screens.lists import MyActionsScreen
from cstui.screens.order import OrderScreen
from cstui.screens.subscription import SubscriptionScreen
from cstui.screens.subscription_page import SubscriptionPage
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.billing import BillingBench, billing_bench
from tests.screen_text import assert_clean_screen
from tests.screens.driving import Driven, driven
from tests.screens.hostile import LONG, SHORT, poison
from tests.screens.test_cancel_flow import on_profile, on_screen, ready

_S = SubscriptionStatus


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[BillingBench]:
    CommitLine._last_time.clear()
    made = billing_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


def shown(desk: Driven) -> Any:
    return desk.app.screen


async def test_enter_on_its_row_opens_it_and_its_orders_lead_back(bench: BillingBench) -> None:
    key = bench.subscription()
    bench.work()
    (order,) = bench.orders(key)
    async with on_profile(bench) as desk:
        await desk.press("enter")
        screen = await ready(desk)
        await desk.shows("Subscription of Ann Lee", "every month", "3 Subscription", "#2000")
        await desk.press("6")
        await desk.shows("[Billing history 1]", "✓ Approved", "✓ billed")
        await desk.press("enter")
        await desk.until(lambda: isinstance(shown(desk), OrderScreen) and shown(desk).view is not None)
        assert shown(desk).record_id == order.id
        await desk.press("right_square_bracket")
        await desk.press("enter")
        await desk.until(lambda: shown(desk) is screen)
        await desk.press("escape")
        await desk.until(lambda: isinstance(shown(desk), CustomerScreen))


async def test_its_id_and_the_list_of_my_actions_open_it(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    grip = bench.desk.subscriptions.begin(bench.ann, key, bench.sub(key).version, new_token())
    bench.desk.subscriptions.save(bench.ann, key, grip, SubscriptionChange(quantity=2), new_token())
    async with driven(bench.db.url.text, bench.ann, (80, 24)) as desk:
        desk.app.command_subscription_open("sub_zzzz")
        await desk.shows("There is no such subscription here.")
        desk.app.command_subscription_open(public_id(Kind.SUBSCRIPTION, key))
        await ready(desk)
        await desk.press("9")
        await desk.press("space")
        await desk.shows("[Changes 1]", "quantity changed", "quantity: 1 → 2")
        desk.app.action_desk_history()
        await desk.until(lambda: isinstance(shown(desk), MyActionsScreen) and not shown(desk).flows)
        await desk.press("enter")
        await desk.until(lambda: isinstance(shown(desk), SubscriptionScreen))


async def test_while_one_agent_edits_the_other_sees_who_and_knocks(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as ann, on_screen(bench, key, actor=bench.bob) as bob:
        await ann.shows("Bob is looking")
        await ann.press("f8")
        await ann.shows("[EDITING]", "You hold Tea.")
        await bob.shows("[LOCKED Ann")
        await bob.press("K")
        await bob.shows("Locked by Ann on", "p asks for it.")
        await bob.press("p")
        await bob.shows("Ann sees that you are waiting.")
        await ann.shows("Bob is waiting for Tea")
        await ann.press("E")
        await bob.shows("Tea is yours now", "[EDITING]")
        await bob.press("K")
        await bob.shows("y skips the next charge of Tea")
        await bob.press("y")
        await bob.shows("Next charge skipped: Tea.", "[open]")
        await ann.shows("[open]")
        await ann.until(lambda: shown(ann).view.version == bench.sub(key).version)
    assert bench.desk.locks.all(bench.sue) == ()


async def test_a_screen_that_shows_an_older_state_says_so_before_anything_is_asked(
    bench: BillingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bench.subscription(due=10)
    monkeypatch.setattr(SubscriptionPage, "on_live", lambda *_: None)
    async with on_screen(bench, key) as desk:
        grip = bench.desk.subscriptions.begin(bench.bob, key, bench.sub(key).version, new_token())
        bench.desk.subscriptions.skip(bench.bob, key, grip, new_token())
        await desk.press("X")
        await desk.shows("Changed since you opened it", "Bob changed it", "r reload")
        await desk.press("r")
        await desk.shows("Reloaded: Tea as Bob left it.")
        assert shown(desk).view.version == bench.sub(key).version
    assert bench.sub(key).status is _S.ACTIVE and bench.desk.locks.all(bench.sue) == ()


async def test_a_lock_that_a_supervisor_removed_is_asked_for_again_and_the_way_out_stays_open(
    bench: BillingBench,
) -> None:
    key = bench.subscription(due=10)
    async with on_profile(bench) as desk:
        await desk.type("Xb")
        await desk.shows("y cancels Tea now")
        bench.desk.locks.force(bench.sue, Kind.SUBSCRIPTION, key, "urgent")
        await desk.shows("removed your lock")
        await desk.press("y")
        await desk.shows("It is locked for you again: look at it once more.")
        assert bench.sub(key).status is _S.ACTIVE
        await desk.press("y")
        await desk.shows("Cancelled: Tea.")
    assert bench.sub(key).status is _S.CANCELLED and bench.desk.locks.all(bench.sue) == ()


async def test_what_is_due_today_says_so_in_the_open_form(bench: BillingBench) -> None:
    key = bench.subscription(due=0)
    async with on_screen(bench, key, (80, 24)) as desk:
        await desk.shows("Next bill     today")
        await desk.press("Q")
        await desk.shows("Bills 26.50 USD today")


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_hostile_texts_are_shown_cleanly_in_every_tab_and_panel(
    bench: BillingBench, size: tuple[int, int]
) -> None:
    key = bench.subscription(bench.card("decline"))
    bench.work()
    poison(bench.db, LONG + SHORT, 7)
    async with on_screen(bench, key, size) as desk:
        screen = await ready(desk)
        for _ in range(4):
            assert_clean_screen(desk.app)
            await desk.press("right_square_bracket", "space")
        for letter in "eQDCWXM":
            await desk.press(letter)
            await desk.until(lambda: screen.panel is not None or not screen.flows)
            await desk.pilot.pause()
            assert_clean_screen(desk.app)
            assert "Incident" not in desk.text, desk.text
            await desk.press("f12")
            await desk.until(lambda: screen.panel is None and not screen.flows)
    assert bench.desk.locks.all(bench.sue) == ()
