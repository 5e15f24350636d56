"""A charge is found by what the caller reads, and said in one sentence: order, lines, cycle, why it billed, what came back since (D-18)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput, NotFound
from cstui.domain.explain import Explanation, Outcome
from cstui.domain.explain_typed import read_wanted
from cstui.domain.gateways import Operation, Why
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.permissions import Role
from cstui.domain.refunds import RefundChoice, Share
from cstui.domain.subscription_changes import SubscriptionChange, TrialMove
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.database import Database
from cstui.storage.tables.payments import PaymentAttempt
from tests.bad_inputs import BAD_TEXTS
from tests.billing import BillingBench, billing_bench
from tests.factories import add_staff, add_store, add_subscription
from tests.subscriptions import add_row

HOSTILE = [text for _, text in BAD_TEXTS]


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


@pytest.fixture
def bench(db: Database) -> Iterator[BillingBench]:
    made = billing_bench(db.url.text)
    yield made
    made.desk.close()


def first(bench: BillingBench, **asked: Any) -> Explanation:
    return bench.desk.explain.explain(bench.ann, bench.customer, **asked)[0]


def attempt(bench: BillingBench, key: int, state: AttemptState, **more: object) -> int:
    facts = {
        "key": new_token(), "guard_key": new_token(), "store_id": bench.store, "customer_id": bench.customer, "subscription_id": key,
        "cycle": 3, "operation": Operation.SALE, "amount": 2650, "currency": "USD", "gateway": "sandbox", "account": "main",
        "card_id": bench.sub(key).card_id, "created_at": datetime.now(UTC), "sent_at": datetime.now(UTC), **more,
    }  # fmt: skip
    return add_row(bench.db, PaymentAttempt(state=state, **facts))


def edit(bench: BillingBench, key: int, change: SubscriptionChange) -> None:
    token = new_token()
    grip = bench.desk.subscriptions.begin(bench.sue, key, bench.sub(key).version, token)
    bench.desk.subscriptions.save(bench.sue, key, grip, change, new_token())


def test_a_renewal_is_its_order_its_lines_and_its_cycle(bench: BillingBench) -> None:
    key = bench.subscription()
    bench.work()
    said = first(bench, amount=usd(2650), on=bench.today + timedelta(days=2), last4="4242")
    number = bench.orders(key)[0].number
    assert said.sentence == (
        f"On {words(bench.today)} Main charged 26.50 USD to Visa …4242 for order {number} (1 × Tea); "
        "it is cycle 3 of the subscription Tea, billed every month."
    )
    assert (said.outcome, said.matched) == (Outcome.TAKEN, ("amount", "2 days apart", "card"))
    assert (said.order_id, said.subscription_id, said.cycle) == (bench.orders(key)[0].id, key, 3)


def test_a_charge_by_hand_after_a_decline_and_a_new_price_names_who_and_why(bench: BillingBench) -> None:
    key = bench.subscription(due=5)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    attempt(
        bench, key, AttemptState.DECLINED_SOFT, response_code="51", why=Why.DECLINED, created_at=yesterday, sent_at=yesterday
    )  # fmt: skip
    edit(bench, key, SubscriptionChange(unit_price=usd(2200)))
    bench.force(key)
    bench.work()
    said = first(bench, amount=usd(bench.orders(key)[0].total)).sentence
    assert f"Ann charged it by hand on {words(bench.today)}; it was tried again after a decline on " in said
    assert "(not enough money in the account)" in said
    assert f"Sue changed the price from 20.00 USD to 22.00 USD on {words(bench.today)}." in said


def test_the_first_bill_after_a_trial_says_when_the_trial_ended(bench: BillingBench) -> None:
    key = bench.subscription(
        status=SubscriptionStatus.TRIAL, cycle=1, trial_days=14, trial_ends_on=bench.today
    )
    bench.work()
    assert (
        f"it is the first full bill of the subscription Tea, billed every month, because its trial ended on {words(bench.today)}"
        in first(bench, amount=usd(2650)).sentence
    )
    assert bench.sub(key).status is SubscriptionStatus.ACTIVE


def test_a_trial_that_an_agent_ended_is_said_so(bench: BillingBench) -> None:
    key = bench.subscription(
        due=9, status=SubscriptionStatus.TRIAL, cycle=1, trial_days=14, trial_ends_on=bench.day(9)
    )
    grip = bench.desk.subscriptions.begin(bench.ann, key, bench.sub(key).version, new_token())
    bench.desk.subscriptions.trial(bench.ann, key, grip, TrialMove.SKIP, new_token())
    bench.later(minutes=5)
    bench.work()
    assert f"because Ann ended its trial on {words(bench.today)}" in first(bench).sentence


def test_what_came_back_since_and_a_dispute_are_part_of_the_sentence(bench: BillingBench) -> None:
    order = bench.order("#1001")
    line = bench.refunds.basis(bench.ann, order).lines[1].line_id
    bench.ask(bench.ann, order, RefundChoice(share=Share.LINES, lines=((line, 1),)))
    assert "a refund of 5.50 USD is on its way" in first(bench, amount=usd(3050)).sentence
    bench.work()
    said = first(bench, reference="1001").sentence
    assert said.startswith("On ") and f"; 5.50 USD of it was given back on {words(bench.today)}" in said
    assert "for order #1001 (2 × Mug, 1 × Tea)" in said
    bench.charge(order, 2500, settled=False, kind=TransactionKind.CHARGEBACK)
    disputed = first(bench, amount=usd(3050)).sentence
    assert disputed.endswith(f"the bank disputes it since {words(bench.today)}.")
    back = first(bench, amount=usd(550))
    assert back.outcome is Outcome.GIVEN and "Main gave back 5.50 USD to Visa …4242" in back.sentence


@pytest.mark.parametrize(
    ("state", "more", "outcome", "part"),
    [
        (AttemptState.UNKNOWN, {}, Outcome.UNKNOWN, "it is not known yet whether it went through"),
        (AttemptState.PENDING, {}, Outcome.PENDING, "which the bank has accepted but not confirmed yet"),
        (AttemptState.ARMED, {"sent_at": None}, Outcome.WAITING, "is about to charge 26.50 USD"),
        (AttemptState.DECLINED_HARD, {"response_code": "43"}, Outcome.DECLINED, "was declined: the card was reported stolen; nothing was taken"),
    ],
)  # fmt: skip
def test_what_is_no_transaction_yet_is_explained_too(
    bench: BillingBench, state: AttemptState, more: dict[str, object], outcome: Outcome, part: str
) -> None:
    key = bench.subscription(due=5)
    attempt(bench, key, state, **more)
    said = first(bench, amount=usd(2650))
    assert said.outcome is outcome and part in said.sentence
    assert "; it is cycle 3 of the subscription Tea, billed every month" in said.sentence
    assert bool(said.advice) == (outcome is Outcome.DECLINED)


def test_the_first_order_names_the_subscription_that_it_started(bench: BillingBench) -> None:
    order = bench.order("#1001")
    add_subscription(
        bench.db, bench.store, bench.customer, parent_order_id=order, trial_ends_on=bench.day(9), cycle=1
    )
    said = first(bench, amount=usd(3050)).sentence
    assert (
        f"it is the first order of the subscription Tea, billed every month, whose trial runs until {words(bench.day(9))}"
        in said
    )


def test_an_order_charged_in_parts_is_found_by_its_total_and_without_its_shipping(
    bench: BillingBench,
) -> None:
    bench.order("#1001", charges=(2000, 1050))
    bench.order("#1002", lines=(("Pot", 1, 4000),))
    found = bench.desk.explain.explain(bench.ann, bench.customer, amount=usd(3050))
    assert [one.amount.minor for one in found] == [1050, 2000]
    assert "as a part of 30.50 USD for order #1001" in found[0].sentence
    assert first(bench, amount=usd(4000)).matched == ("part of the amount",)


def test_a_hold_that_was_captured_is_one_charge(bench: BillingBench) -> None:
    order = bench.order("#1001", charges=(10,))
    hold = bench.charge(order, 4000, kind=TransactionKind.AUTHORISE)
    assert first(bench, amount=usd(4000)).sentence.endswith("(2 × Mug, 1 × Tea), and has not taken it.")
    bench.charge(order, 4000, kind=TransactionKind.CAPTURE)
    found = bench.desk.explain.explain(bench.ann, bench.customer, amount=usd(4000))
    assert [one.outcome for one in found] == [Outcome.TAKEN]
    assert bench.desk.explain.of_transaction(bench.ann, bench.customer, hold).outcome is Outcome.TAKEN


def test_nothing_fits_another_amount_day_or_card(bench: BillingBench) -> None:
    bench.order("#1001")
    find = bench.desk.explain.explain
    who = (bench.ann, bench.customer)
    assert find(*who, amount=usd(2900)) == ()
    assert find(*who, on=bench.day(9)) == () and find(*who, last4="1881") == ()
    assert find(*who, reference="#7777") == ()
    assert len(find(*who)) == 1


def test_what_other_stores_charged_is_not_told(bench: BillingBench) -> None:
    bench.order("#1001")
    other = add_store(bench.db, "other")
    dan = add_staff(bench.db, "dan", Role.AGENT, store=other)
    with pytest.raises(NotFound):
        bench.desk.explain.explain(dan, bench.customer)
    with pytest.raises(NotFound):
        bench.desk.explain.of_transaction(bench.ann, bench.customer, 10**9)


def test_hostile_texts_come_out_as_one_clean_line(bench: BillingBench) -> None:
    for at, text in enumerate(HOSTILE):
        stored = text.replace("\x00", "").encode("utf-8", "replace").decode()
        bench.order(f"#9{at:03d}", lines=((stored or "x", 1, 1000),))
    for at in range(len(HOSTILE)):
        said = first(bench, reference=f"9{at:03d}").sentence
        assert said == clean(said) and "\n" not in said and len(said) < 300


def test_one_line_is_read_in_any_order(bench: BillingBench) -> None:
    bench.order("#1001")
    day = (datetime.now(UTC) - timedelta(days=3)).astimezone().date()
    typed = f"…4242 30.50 {day:%d %b}"
    assert bench.desk.explain.typed(bench.ann, bench.customer, typed)[0].amount == usd(3050)
    with pytest.raises(InvalidInput, match="whole number"):
        bench.desk.explain.typed(bench.ann, bench.customer, "4242 4242 4242 4242")


@pytest.mark.parametrize(
    ("text", "amount", "on", "last4", "reference"),
    [
        ("29.00 3 Nov", 2900, date(2026, 11, 3), "", ""),
        ("$29 Nov 3, 2025 …4242", 2900, date(2025, 11, 3), "4242", ""),
        ("29,00 2026-11-03 *4242", 2900, date(2026, 11, 3), "4242", ""),
        ("3 December", None, date(2025, 12, 3), "", ""),
        ("4242", None, None, "4242", ""),
        ("1,029.50 11/3", 102950, date(2026, 11, 3), "", ""),
        ("3.11. ch_3Abc9", None, date(2026, 11, 3), "", "ch_3Abc9"),
        ("yesterday USD", None, date(2026, 11, 24), "", ""),
        ("", None, None, "", ""),
    ],
)  # fmt: skip
def test_amount_day_card_and_reference_are_told_apart(
    text: str, amount: int | None, on: date | None, last4: str, reference: str
) -> None:
    found = read_wanted(text, "USD", date(2026, 11, 25))
    assert found.amount == (usd(amount) if amount is not None else None)
    assert (found.on, found.last4, found.reference) == (on, last4, reference)


@pytest.mark.parametrize(
    "text", ["29 30", "31 Feb 2026", "hello", "3 Nov 4 Nov", "…4242 …4243", *HOSTILE[:6]]
)
def test_what_cannot_be_read_is_refused_in_words(text: str) -> None:
    with suppress(InvalidInput):
        assert read_wanted(text, "USD", date(2026, 11, 25)).on is None
    if text not in HOSTILE:
        with pytest.raises(InvalidInput):
            read_wanted(text, "USD", date(2026, 11, 25))
