"""Each action on a subscription: the key, what would be billed when, and what is stored, on the screen and on the profile's row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cstui.domain.ids import Kind, new_token
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_changes import SubscriptionChange
from cstui.domain.subscriptions import DiscountKind, SubscriptionStatus
from cstui.screens.dialogs.bill import BillPanel
from cstui.screens.dialogs.subscription_forms import SubscriptionForm
from cstui.screens.dialogs.subscription_steps import StepPanel
from cstui.services.drafts import Drafts
from cstui.storage.transaction import Database
from cstui.widgets.commit_line import CommitLine
from tests.billing import BillingBench, billing_bench
from tests.screens.driving import Driven
from tests.screens.test_cancel_flow import on_profile, on_screen, ready
from tests.subscriptions import add_product

_S = SubscriptionStatus


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[BillingBench]:
    CommitLine._last_time.clear()
    made = billing_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


async def ask(desk: Driven, key: str, kind: type[Any] = StepPanel) -> Any:
    """Presses the key of an action; its panel, once what it leads to is shown."""
    await desk.press(key)
    await desk.until(lambda: bool(desk.app.screen.query(kind)))
    panel = desk.app.screen.query_one(kind)
    if isinstance(panel, StepPanel):
        await desk.until(
            lambda: panel.step() is None or panel.to_confirm()[1] or "Not now" in panel.to_confirm()[0]
        )
    return panel


async def put(desk: Driven, form: SubscriptionForm, **values: str) -> None:
    """Types into fields, and waits until what it leads to is shown."""
    form.put({name.replace("__", "."): text for name, text in values.items()})
    screen: Any = desk.app.screen
    await desk.until(lambda: screen._seen_values == form.values)


async def test_a_pause_says_what_is_billed_then_and_resumes_by_itself(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        await ask(desk, "P")
        await desk.shows(
            "y pauses Tea now, until somebody resumes it", "Nothing is billed until it is resumed."
        )
        await desk.press("u")
        await desk.type("+40")
        await desk.press("enter")
        until = bench.day(40)
        await desk.shows(f"resumes {until:%a} {until.day} {until:%b %Y}", "Bills 26.50 USD on")
        assert bench.sub(key).status is _S.ACTIVE
        await desk.press("y")
        await desk.shows("Paused: Tea. Bills 26.50 USD on", "Resumes by itself on", "[open]")
        row = bench.sub(key)
        assert (row.status, row.resume_on) == (_S.PAUSED, until)
        await ready(desk)
        await ask(desk, "P")
        await desk.press("y")
        await desk.shows("Resumed: Tea. Bills 26.50 USD on")
    assert bench.sub(key).status is _S.ACTIVE and bench.desk.locks.all(bench.sue) == ()


async def test_k_and_y_in_one_burst_skip_one_charge_on_the_profile(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    first = bench.sub(key).next_bill_date
    async with on_profile(bench, (80, 24)) as desk:
        before: Any = desk.app.screen
        await ask(desk, "K")
        await desk.shows("y skips the next charge of Tea; nothing is charged for it")
        await desk.press("y")
        await desk.shows("Next charge skipped: Tea.")
        assert desk.app.screen is before
    row = bench.sub(key)
    assert row.next_bill_date > first and (row.cycle, bench.orders(key)) == (3, [])


async def test_a_price_is_stored_only_once_the_bill_it_leads_to_was_seen(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        form = await ask(desk, "e", SubscriptionForm)
        await desk.shows("Charge amount each", "Bills 26.50 USD on")
        form.put({"price.discount_of": "percent", "price.discount": "10", "price.holds": "next"})
        await desk.press("f9")
        await desk.shows("− $2.00 10 % off", "F9 again saves.")
        assert bench.sub(key).discount == 0
        await desk.press("f9")
        await desk.shows(
            "Saved: price of Tea. Bills 24.35 USD on", "This price holds for 1 bill, then $26.50."
        )
    row = bench.sub(key)
    assert (row.discount_kind, row.discount, row.price_cycles_left) == (DiscountKind.PERCENT, 200, 1)


async def test_quantity_and_date_are_forms_that_say_what_is_wrong_beside_the_field(
    bench: BillingBench,
) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key, (80, 24)) as desk:
        form = await ask(desk, "Q", SubscriptionForm)
        form.put({"quantity": "two"})
        await desk.press("f9")
        await desk.shows("“two” is not a quantity.")
        await put(desk, form, quantity="2")
        await desk.shows("2 × 20.00")
        await desk.press("f9")
        await desk.shows("Saved: quantity of Tea.")
        await ready(desk)
        form = await ask(desk, "D", SubscriptionForm)
        await put(desk, form, next_bill_date="+20", interval__count="2")
        await desk.press("f9")
        await desk.shows("Saved: billing date of Tea.", "every 2 months")
    row = bench.sub(key)
    assert (row.quantity, row.next_bill_date, row.interval_count) == (2, bench.day(20), 2)


async def test_another_product_takes_its_price_along_or_leaves_it(bench: BillingBench) -> None:
    add_product(bench.db, bench.store, "Tea", "large", 3000)
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        await ask(desk, "W")
        await desk.press("a")
        await desk.shows("y changes Tea to Tea, large, at its own price", "1 × 30.00")
        await desk.press("f")
        await desk.shows("at the price that stands", "1 × 20.00")
        await desk.press("y")
        await desk.shows("Product changed: Tea.", "Tea, large")
    assert (bench.sub(key).option, bench.sub(key).unit_price) == ("large", 2000)


async def test_a_past_due_one_is_charged_with_its_new_card_after_a_line_that_was_read(
    bench: BillingBench,
) -> None:
    other = bench.card(last4="1111")
    key = bench.subscription(bench.card("decline"))
    bench.work()
    assert bench.sub(key).status is _S.PAST_DUE
    async with on_screen(bench, key) as desk:
        panel = await ask(desk, "C")
        await desk.shows("failed before" if "failed before" in desk.text else "…1111")
        letter = next(letter for letter, card in zip("abc", panel._cards, strict=False) if card.id == other)
        await desk.press(letter)
        await desk.shows("y charges $26.50 to Visa …1111 now")
        await desk.commit()
        await desk.shows("Card changed: Tea.", "Charge $26.50 Tea sends in")
        assert bench.states(key)[-1] is AttemptState.ARMED
        bench.later(minutes=1)
        bench.work()
        await desk.shows("✓ Charged $26.50 for Tea to Visa …1111.")
        await desk.press("6")
        await desk.shows("✓ Approved")
    assert (bench.sub(key).card_id, bench.sub(key).status) == (other, _S.ACTIVE)


async def test_b_charges_on_the_profile_row_and_u_takes_it_back(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_profile(bench) as desk:
        await ask(desk, "B", BillPanel)
        await desk.type("y")
        await desk.shows("y charges $26.50 to Visa …4242 for Tea now", "1 key ignored")
        assert bench.tries(key) == []
        await desk.commit()
        await desk.shows("Cycle 3 of Tea is billed now.", "Charge $26.50 Tea sends in")
        await desk.press("u")
        await desk.shows("Taken back: charge $26.50 Tea. Nothing was sent.")
    assert bench.states(key) == [AttemptState.WITHDRAWN] and bench.sub(key).cycle == 2


async def test_what_the_networks_forbid_says_so_instead_of_asking(bench: BillingBench) -> None:
    bench.subscription(bench.card("lost"))
    bench.work()
    async with on_profile(bench) as desk:
        screen: Any = desk.app.screen
        await desk.press("B")
        await desk.until(lambda: bool(screen.receipt) and not screen.flows)
        assert screen.panel is None and "card" in screen.receipt, screen.receipt
    assert bench.desk.locks.all(bench.sue) == ()


async def test_a_trial_is_ended_with_a_bill_only_by_a_line_that_was_read(bench: BillingBench) -> None:
    key = bench.subscription(
        due=5, status=_S.TRIAL, cycle=1, trial_days=14, trial_ends_on=bench.day(5), last_bill_date=None
    )
    async with on_screen(bench, key) as desk:
        await ask(desk, "L")
        await desk.press("r")
        await desk.shows("y restarts the trial of Tea from its first day")
        await desk.press("k")
        await desk.shows("y ends the trial of Tea and charges $26.50 to Visa …4242 now")
        await desk.commit()
        await desk.shows("Trial ended, billed: Tea.", "Charge $26.50 Tea")
    assert bench.states(key) == [AttemptState.ARMED]


@pytest.mark.parametrize(
    "status", [_S.CANCELLED, _S.COMPLETE, _S.PAUSED, _S.TRIAL, _S.PAST_DUE, _S.RECYCLE_FAILED]
)
async def test_what_is_not_possible_says_why_in_the_words_of_the_table(
    bench: BillingBench, status: SubscriptionStatus
) -> None:
    key = bench.subscription(due=10, status=status, final_cycle=2 if status is _S.COMPLETE else None)
    async with on_screen(bench, key, (80, 24)) as desk:
        screen = await ready(desk)
        view = bench.desk.subscriptions.open(bench.ann, key)
        for letter in "KLXB":
            name = {"K": "skip", "L": "trial", "X": "cancel", "B": "bill"}[letter]
            why = view.why_not.get(name, "")  # type: ignore[call-overload]
            if why:
                await desk.press(letter)
                await desk.until(lambda why=why: screen.receipt == why)  # type: ignore[misc]
                assert screen.panel is None


async def test_text_that_is_left_behind_is_a_draft_and_e_continues_it(bench: BillingBench) -> None:
    key = bench.subscription(due=10)
    async with on_screen(bench, key) as desk:
        form = await ask(desk, "e", SubscriptionForm)
        await put(desk, form, price__unit="18.50")
        screen: Any = desk.app.screen
        await screen.keep_draft_now()
        await screen.let_go()
        await desk.until(lambda: screen.panel is None and not screen.flows)
    draft = Drafts(bench.db).of(bench.ann, Kind.SUBSCRIPTION, key)
    assert draft is not None and draft.body["price.unit"] == "18.50"
    async with on_screen(bench, key) as desk:
        await desk.shows("You have unsaved text")
        form = await ask(desk, "e", SubscriptionForm)
        assert form.values["price.unit"] == "18.50"
        await desk.press("f9")
        await desk.until(lambda: "Saved: price of Tea." in desk.text or "F9 again saves." in desk.text)
        if "F9 again saves." in desk.text:
            await desk.press("f9")
        await desk.shows("Saved: price of Tea.")
    assert bench.sub(key).unit_price == 1850
    assert Drafts(bench.db).of(bench.ann, Kind.SUBSCRIPTION, key) is None


async def test_what_somebody_else_stored_meanwhile_is_named_and_nothing_of_it_is_overwritten(
    bench: BillingBench,
) -> None:
    key = bench.subscription(due=10)
    subs = bench.desk.subscriptions
    async with on_screen(bench, key) as desk:
        form = await ask(desk, "Q", SubscriptionForm)
        await put(desk, form, quantity="3")
        bench.desk.locks.force(bench.sue, Kind.SUBSCRIPTION, key, "urgent")
        grip = subs.begin(bench.sue, key, bench.sub(key).version, new_token())
        subs.save(
            bench.sue, key, grip, SubscriptionChange(quantity=2, unit_price=Money(1800, "USD")), new_token()
        )
        await desk.press("f9")
        await desk.shows("It is locked for you again", "Changed meanwhile: quantity is now")
        assert form.values == {"quantity": "3", "price.unit": "18.00"}
        await desk.shows("3 × 18.00")
        assert (bench.sub(key).quantity, bench.sub(key).unit_price) == (2, 1800)
        await desk.press("f9")
        await desk.shows("Saved: quantity of Tea.")
    assert (bench.sub(key).quantity, bench.sub(key).unit_price) == (3, 1800)
