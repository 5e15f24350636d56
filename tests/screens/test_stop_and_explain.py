"""`:stop` and `:explain` on a profile: what is unticked stays, what others hold is offered again, and a charge is read out without a key too many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Purpose
from cstui.domain.payments import TransactionKind
from cstui.domain.shipments import ShipmentState
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.screens.customer import CustomerScreen
from cstui.screens.dialogs.explain import ExplainPanel
from cstui.screens.dialogs.stop import StopPanel
from cstui.screens.order import OrderScreen
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from cstui.widgets.picker import PickerPanel
from tests.billing import BillingBench, billing_bench
from tests.money import ATTEMPT, MOVE
from tests.screen_text import assert_clean_screen
from tests.screens.driving import Driven, driven
from tests.screens.hostile import LONG, SHORT, fill_shop, poison

S = SubscriptionStatus


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[BillingBench]:
    CommitLine._last_time.clear()
    made = billing_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


@asynccontextmanager
async def on_profile(bench: BillingBench, size: tuple[int, int] = (140, 45)) -> Any:
    async with driven(bench.db.url.text, bench.ann, size, locale="en-US") as desk:
        desk.app.call_later(desk.app.open_customer, bench.customer)
        await desk.until(
            lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None
        )
        yield desk


async def command(desk: Driven, line: str, panel: type | None = None) -> None:
    await desk.press("colon")
    await desk.until(lambda: bool(desk.app.screen.query(PickerPanel)))
    await desk.type(line)
    await desk.press("enter")
    if panel is not None:
        await desk.until(lambda: bool(desk.app.screen.query(panel)))


def things(bench: BillingBench) -> dict[str, int]:
    kept = bench.order("#2001", shipment=ShipmentState.SHIPPED)
    tea = bench.subscription(due=5, parent_order_id=kept)
    beans = bench.subscription(
        due=9, parent_order_id=kept, product="Beans", status=S.RECYCLE_FAILED, next_bill_date=None
    )
    parcel = bench.order("#1001")
    reserved = bench.order("#1002", shipment=ShipmentState.SHIPPED, charges=(10,))
    hold = bench.charge(reserved, 4000, settled=False, kind=TransactionKind.AUTHORISE)
    return {"tea": tea, "beans": beans, "parcel": parcel, "hold": hold}


async def test_everything_is_stopped_by_a_reason_and_one_y(bench: BillingBench) -> None:
    made = things(bench)
    async with on_profile(bench) as desk:
        await command(desk, "stop", StopPanel)
        await desk.shows(
            "Stop everything – Ann Lee", "Subscription: Tea, every month", "Hold #1002: reserved on", "A letter says why first."
        )  # fmt: skip
        await desk.press("c")
        await desk.shows("y stops 2 subscriptions, 1 shipment, 1 hold of $40.00: Not using it")
        await desk.commit()
        await desk.shows("Stopped 2 subscriptions, 1 shipment, 1 hold of $40.00.", "Void $40.00 #1002")
        await desk.until(lambda: desk.app.screen.panel is None)
    assert {bench.sub(made[name]).status for name in ("tea", "beans")} == {S.CANCELLED}
    assert len(bench.rows(ATTEMPT, transaction_id=made["hold"])) == 1


async def test_what_is_unticked_stays_and_nothing_typed_ahead_counts(bench: BillingBench) -> None:
    made = things(bench)
    async with on_profile(bench) as desk:
        await command(desk, "stop", StopPanel)
        await desk.type("134cy")
        await desk.shows("y stops 1 subscription: Not using it", "1 key ignored")
        assert bench.sub(made["beans"]).status is S.RECYCLE_FAILED
        await desk.commit()
        await desk.shows("Stopped 1 subscription.")
    assert (bench.sub(made["tea"]).status, bench.sub(made["beans"]).status) == (S.ACTIVE, S.CANCELLED)
    assert bench.rows(ATTEMPT) == []


async def test_what_a_colleague_holds_is_named_left_and_asked_for_again(bench: BillingBench) -> None:
    made = things(bench)
    token = new_token()
    bench.desk.locks.begin(bench.bob, Kind.ORDER, made["parcel"], 1, token, Purpose.EDIT)
    async with on_profile(bench, (80, 30)) as desk:
        await command(desk, "stop", StopPanel)
        await desk.shows("Locked by Bob on term-2")
        assert_clean_screen(desk.app)
        await desk.press("c")
        await desk.shows(
            "y stops 2 subscriptions, 1 hold of $40.00: Not using it; what Bob holds is", "1-4 tick"
        )
        await desk.commit()
        await desk.shows("Bob holds #1001.", "a again", "Shipment #1001")
        assert_clean_screen(desk.app)
        await desk.press("y")
        await desk.shows("a asks again for what was left")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen.panel is None)


async def test_a_lock_that_comes_while_the_panel_is_open_leaves_that_and_a_asks_again(
    bench: BillingBench,
) -> None:
    made = things(bench)
    async with on_profile(bench) as desk:
        await command(desk, "stop", StopPanel)
        token = new_token()
        bench.desk.locks.begin(bench.bob, Kind.ORDER, made["parcel"], 1, token, Purpose.EDIT)
        await desk.press("c")
        await desk.commit()
        await desk.shows("Stopped 2 subscriptions, 1 hold of $40.00; Bob holds #1001.", "a again")
        bench.desk.locks.release(bench.bob, token)
        await desk.press("a")
        await desk.shows("y stops 1 shipment: Not using it")
        await desk.commit()
        await desk.shows("Stopped 1 shipment.")
        await desk.until(lambda: desk.app.screen.panel is None)


async def test_a_customer_with_nothing_to_stop_is_told_so(bench: BillingBench) -> None:
    async with on_profile(bench) as desk:
        await command(desk, "stop")
        await desk.shows("Nothing of this customer bills, ships or reserves money.")


async def test_a_charge_is_explained_while_one_types_and_enter_opens_its_order(bench: BillingBench) -> None:
    bench.subscription()
    bench.work()
    bench.order("#1001")
    async with on_profile(bench) as desk:
        desk.app.screen.main.go_to_section("contact")
        await command(desk, "explain 30.50", ExplainPanel)
        await desk.shows("Main charged 30.50 USD to Visa …4242 for order #1001 (2 × Mug, 1 × Tea).")
        assert "26.50 USD" not in desk.text
        await desk.press(*["backspace"] * 5)
        await desk.type("26.50 4242")
        await desk.shows("it is cycle 3 of the subscription Tea, billed")
        await desk.type(" hello")
        await desk.shows("“hello” is neither amount, day, card nor reference.")
        await desk.press(*["backspace"] * 6)
        await desk.press("enter", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, OrderScreen))


async def test_the_focused_transaction_gets_its_sentence_without_any_typing(bench: BillingBench) -> None:
    order = bench.order("#1001")
    (row,) = [one for one in bench.rows(MOVE) if one.order_id == order]
    async with on_profile(bench, (80, 30)) as desk:
        desk.app.screen.main.go_to_row((Kind.TRANSACTION, row.id))
        await command(desk, "explain")
        await desk.shows("charged 30.50 USD to Visa …4242", "Gateway")
        assert desk.app.screen.panel is None
        assert_clean_screen(desk.app)


@pytest.mark.parametrize(("size", "ascii_only"), [((140, 45), False), ((60, 16), True)])
async def test_hostile_texts_do_no_harm_in_either_panel(
    sqlite_db: Database, size: tuple[int, int], ascii_only: bool
) -> None:
    shop = fill_shop(sqlite_db)
    poison(sqlite_db, LONG + SHORT)
    async with driven(sqlite_db.url.text, shop.actor, size, ascii_only=ascii_only) as desk:
        desk.app.call_later(desk.app.open_customer, shop.customer)
        await desk.until(
            lambda: isinstance(desk.app.screen, CustomerScreen) and desk.app.screen.view is not None
        )
        screen = desk.app.screen
        assert isinstance(screen, CustomerScreen)
        for line, panel in (("explain", ExplainPanel), ("stop", StopPanel)):
            screen.main.go_to_section("contact")
            await command(desk, line, panel)
            await desk.until(lambda: "A letter says" in desk.text or "•" in desk.text or "* On" in desk.text)
            assert_clean_screen(desk.app)
            assert "Incident" not in desk.text
            await desk.press("f12")
            await desk.until(lambda: screen.panel is None and not screen.flows)
        for key in moves_of(sqlite_db, shop.customer):
            screen.main.go_to_row((Kind.TRANSACTION, key))
            await command(desk, "explain")
            await desk.until(lambda: not screen.flows and screen.panel is None)
            assert_clean_screen(desk.app)


def moves_of(db: Database, customer: int) -> list[int]:
    with db.read() as tx:
        return [row.id for row in tx.rows(sa.select(MOVE).where(MOVE.c.customer_id == customer))]
