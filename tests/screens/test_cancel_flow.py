"""From “I want to cancel” to cancelled: four keys, on the profile as on the subscription's own screen, and the way out always beside the offer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.ids import Kind
from cstui.domain.retention import NewOffer, OfferKind
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.screens.customer import CustomerScreen
from cstui.screens.subscription import SubscriptionScreen
from cstui.storage.tables.base import table_of
from cstui.storage.tables.subscriptions import RetentionOutcome
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.billing import ROOT, BillingBench, billing_bench
from tests.screens.driving import Driven, driven

OUTCOME = table_of(RetentionOutcome)
_S = SubscriptionStatus


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[BillingBench]:
    CommitLine._last_time.clear()
    made = billing_bench(sqlite_db.url.text)
    made.desk.retention.set_offer(ROOT, NewOffer("too_expensive", OfferKind.PERCENT, percent=20, cycles=3))
    yield made
    made.desk.close()


@asynccontextmanager
async def on_profile(bench: BillingBench, size: tuple[int, int] = (140, 45)) -> AsyncIterator[Driven]:
    async with driven(bench.db.url.text, bench.ann, size, locale="en-US") as desk:
        desk.app.call_later(desk.app.open_customer, bench.customer)
        await desk.until(
            lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None
        )
        await desk.press("3")
        yield desk


@asynccontextmanager
async def on_screen(
    bench: BillingBench, key: int, size: tuple[int, int] = (140, 45), actor: Any = None
) -> AsyncIterator[Driven]:
    async with driven(bench.db.url.text, actor or bench.ann, size, locale="en-US") as desk:
        desk.app.call_later(desk.app.open_subscription, key)
        await ready(desk)
        yield desk


async def ready(desk: Driven) -> SubscriptionScreen:
    await desk.until(
        lambda: (
            isinstance(desk.app.screen, SubscriptionScreen)
            and desk.app.screen.view is not None
            and not desk.app.screen.flows
        )
    )
    screen = desk.app.screen
    assert isinstance(screen, SubscriptionScreen)
    return screen


def outcomes(bench: BillingBench) -> list[str]:
    with bench.db.read() as tx:
        return [row.outcome for row in tx.rows(sa.select(OUTCOME).order_by(OUTCOME.c.id))]


async def test_four_presses_on_the_profile_cancel_with_a_reason_and_no_other_screen(
    bench: BillingBench,
) -> None:
    key = bench.subscription(due=10)
    async with on_profile(bench) as desk:
        before: Any = desk.app.screen
        await desk.press("X")
        await desk.shows("Cancel Tea", "Too expensive")
        await desk.press("a")
        await desk.shows("Offer: 20 % off for 3 bills", "saves $12.90", "d no thanks, cancel")
        await desk.press("d", "y")
        await desk.shows("Cancelled: Tea. Nothing is billed any more.")
        assert (desk.app.screen, before.panel) == (before, None)
        await desk.until(lambda: before.view.subscriptions[0].status is _S.CANCELLED)
    row = bench.sub(key)
    assert (row.status, row.next_bill_date, row.cancel_reason) == (_S.CANCELLED, None, "Too expensive")
    assert outcomes(bench) == ["declined"] and bench.desk.locks.all(bench.sue) == ()


async def test_the_same_four_keys_in_one_burst_on_its_own_screen(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        await desk.type("Xady")
        await desk.shows("Cancelled: Tea.", "Nothing is billed any more", "[open]")
    assert bench.sub(key).status is _S.CANCELLED and outcomes(bench) == ["declined"]


async def test_an_accepted_offer_is_stored_as_it_was_read_out(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        await desk.type("Xaay")
        await desk.shows("Kept: Tea, 20 % off for 3 bills.", "This price holds for 3 bills")
    row = bench.sub(key)
    assert (row.status, row.discount_value, row.price_cycles_left) == (_S.ACTIVE, 20, 3)
    assert outcomes(bench) == ["saved"] and bench.desk.locks.all(bench.sue) == ()


async def test_left_with_escape_it_is_as_it_was_and_the_lock_is_free(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_profile(bench, (80, 24)) as desk:
        await desk.type("Xad")
        await desk.shows("y cancels Tea now")
        assert [row.record_kind for row in bench.desk.locks.all(bench.sue)] == [Kind.SUBSCRIPTION]
        screen: Any = desk.app.screen
        await desk.press("escape")
        await desk.until(lambda: screen.panel is None and not screen.flows)
    assert bench.sub(key).status is _S.ACTIVE and bench.desk.locks.all(bench.sue) == ()


async def test_the_last_charge_goes_back_with_it_and_the_countdown_is_seen(bench: BillingBench) -> None:
    key = bench.subscription()
    bench.work()
    async with on_screen(bench, key) as desk:
        await desk.type("Xadr")
        await desk.shows("y cancels Tea now and refunds $26.50")
        await desk.commit()
        await desk.shows("Cancelled: Tea.", "Refund $26.50")
    assert bench.sub(key).status is _S.CANCELLED


async def test_what_would_still_be_billed_follows_when_it_ends(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key, (80, 24)) as desk:
        await desk.type("Xb")
        await desk.shows("y cancels Tea now", "Nothing is billed any more.")
        await desk.press("w")
        await desk.shows("y cancels Tea after the bill of", "It ends with the next bill that goes through.")
        await desk.press("w")
        await desk.shows("y cancels Tea instead of the bill of", "Nothing is billed any more")
        await desk.press("y")
        await desk.shows("Planned: Tea ends on")
        await ready(desk)
        desk.app.screen.action_subscription_keep()  # type: ignore[attr-defined]
        await desk.shows("y takes the planned end of Tea back")
        await desk.press("y")
        await desk.shows("Planned end taken back: Tea. Bills 26.50 USD on")
    assert (bench.sub(key).status, bench.sub(key).cancel_on) == (_S.ACTIVE, None)


async def test_on_the_profile_a_key_means_the_row_that_the_cursor_stands_on(bench: BillingBench) -> None:
    bench.subscription(due=10)
    async with on_profile(bench, (80, 24)) as desk:
        await desk.shows("K Skip", "B Force bill")
        for key, of_row, of_customer in (
            ("e", "Price of Tea", "Contact"),
            ("C", "Card of Tea", "Card of Ann Lee"),
        ):
            await desk.press("3", key)
            await desk.shows(of_row)
            await desk.press("f12")
            await desk.shows_no(of_row)
            await desk.until(lambda: not desk.app.screen.flows)  # type: ignore[attr-defined]
            await desk.press("1", key)
            await desk.shows(of_customer)
            await desk.press("f12")
            await desk.until(lambda: not desk.app.screen.flows)  # type: ignore[attr-defined]
        await desk.press("1", "K")
        await desk.shows("Go to a subscription first: 3 subscriptions.")
