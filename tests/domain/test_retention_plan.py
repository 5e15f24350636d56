"""Which offer fits, what it saves, and what is read to the caller."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cstui.domain.money import Money
from cstui.domain.retention import OfferKind, OfferPreview, OfferRow
from cstui.domain.retention_plan import Standing, accepted, fitting
from cstui.domain.subscription_actions import billed
from cstui.domain.subscription_changes import ProductFacts, SubscriptionFacts
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, SubscriptionStatus

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
TEA = SubscriptionFacts(
    SubscriptionStatus.ACTIVE, "USD", product_id=1, product="Daily Tea", quantity=2, unit_price=1250, shipping=300, tax=200,
    anchor_day=4, cycle=5, next_bill_date=date(2026, 12, 4), last_bill_date=date(2026, 11, 4),
)  # fmt: skip
SMALL = ProductFacts(2, "TEA-S", "Daily Tea", "Small", 900)


def offer(kind: OfferKind, **more: Any) -> OfferRow:
    facts = {"percent": 0, "cycles": 0, "days": 0, "product_id": None, **more}
    return OfferRow(
        7,
        "main",
        "too_expensive",
        "Too expensive",
        kind,
        facts["percent"],
        facts["cycles"],
        facts["days"],
        facts["product_id"],
        "",
        "",
        True,
    )


PERCENT = offer(OfferKind.PERCENT, percent=20, cycles=3)
PAUSE = offer(OfferKind.PAUSE, days=30)
DOWN = offer(OfferKind.DOWNGRADE, product_id=2)


def standing(facts: SubscriptionFacts = TEA, saved_by: OfferKind | None = None) -> Standing:
    return Standing(facts, TODAY, NOW, saved_by, {2: SMALL})


def fits(
    facts: SubscriptionFacts, *offers: OfferRow, saved_by: OfferKind | None = None
) -> OfferPreview | None:
    return fitting(standing(facts, saved_by), offers)


def test_percent_off_is_for_so_many_bills_and_then_the_full_price_is_back_to_the_cent() -> None:
    found = fits(TEA, PERCENT)
    assert found is not None
    # 25.00 of goods: 5.00 off, and the tax of 2.00 shrinks with them to 1.60.
    assert found.words == (
        "You pay 24.60 USD instead of 30.00 USD for the next 3 bills, the first on Fri 4 Dec 2026; that saves 16.20 USD, "
        "then it is 30.00 USD again."
    )
    assert (found.saves, found.next_total) == (Money(1620, "USD"), Money(2460, "USD"))
    facts = accepted(standing(), PERCENT)
    totals = []
    for _ in range(4):
        assert facts is not None
        totals.append(facts.total)
        facts = billed(facts, facts.next_bill_date or TODAY, NOW)
    assert totals == [2460, 2460, 2460, 3000]
    assert sum(TEA.total - total for total in totals) == found.saves.minor


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (DiscountKind.PERCENT, 10, (DiscountKind.PERCENT, 28)),
        (DiscountKind.PERCENT, 3, (DiscountKind.FIXED, 560)),
        (DiscountKind.FIXED, 500, (DiscountKind.FIXED, 900)),
    ],
)
def test_percent_off_comes_on_top_of_a_discount_that_stands(
    kind: DiscountKind, value: int, stored: tuple[DiscountKind, int]
) -> None:
    off = {DiscountKind.PERCENT: 25 * value, DiscountKind.FIXED: value}[kind]
    facts = replace(TEA, discount_kind=kind, discount_value=value, discount=off, tax=0)
    new = accepted(standing(facts), PERCENT)
    assert new is not None and (new.discount_kind, new.discount_value) == stored
    assert new.unit_price * 2 - new.discount == round((2500 - off) * 0.8)
    assert (new.regular_discount_kind, new.regular_discount_value) == (kind, value)


def test_an_offer_counts_no_bill_after_the_last_one() -> None:
    found = fits(replace(TEA, final_cycle=7), PERCENT)
    assert found is not None and found.cycles_left == 2 and found.saves == Money(1080, "USD")
    assert "again" not in found.words
    assert fits(replace(TEA, final_cycle=5), PERCENT) is None


def test_a_pause_leaves_a_bill_out_also_where_the_next_one_is_far() -> None:
    found = fits(TEA, PAUSE)
    assert found is not None and (found.next_bill_date, found.saves) == (
        date(2027, 1, 4),
        Money(3000, "USD"),
    )
    assert found.words == (
        "Nothing is charged before Mon 4 Jan 2027; 1 bill falls away, and then it goes on by itself at 30.00 USD."
    )
    far = replace(TEA, next_bill_date=date(2026, 12, 31), anchor_day=31)
    found = fits(far, PAUSE)
    assert found is not None and found.next_bill_date == date(2027, 1, 31)
    new = accepted(standing(far), PAUSE)
    assert new is not None and (new.status, new.pause_on, new.resume_on) == (
        SubscriptionStatus.ACTIVE, date(2026, 12, 31), date(2027, 1, 30),
    )  # fmt: skip
    moved = fits(replace(TEA, final_cycle=7), PAUSE)
    assert moved is not None and moved.saves == Money(0, "USD") and "falls away" not in moved.words


def test_a_cheaper_product_fits_only_while_it_is_cheaper_and_another_one() -> None:
    found = fits(TEA, DOWN)
    assert found is not None and found.words.startswith(
        "You get Daily Tea, Small for 22.44 USD instead of 30.00"
    )
    assert found.saves == Money(756, "USD") and "each time" in found.words
    assert fits(replace(TEA, unit_price=900), DOWN) is None
    assert fits(replace(TEA, product_id=2), DOWN) is None
    assert fitting(Standing(TEA, TODAY, NOW), (DOWN,)) is None, "a product that is sold no more"


def test_the_first_offer_that_fits_is_the_one() -> None:
    trial = replace(TEA, status=SubscriptionStatus.TRIAL)
    for offers, kind in (((PAUSE, PERCENT), OfferKind.PERCENT), ((DOWN, PERCENT), OfferKind.DOWNGRADE)):
        found = fits(trial, *offers)
        assert found is not None and found.offer.kind is kind


@pytest.mark.parametrize(
    ("changes", "saved_by"),
    [
        ({"price_cycles_left": 2, "regular_unit_price": 1250}, OfferKind.PERCENT),
        ({"pause_on": date(2026, 12, 4), "resume_on": date(2027, 1, 4)}, OfferKind.PAUSE),
        ({"status": SubscriptionStatus.RECYCLE_FAILED, "next_bill_date": None}, None),
        ({"status": SubscriptionStatus.CANCELLED, "next_bill_date": None}, None),
        ({"unit_price": 0, "tax": 0}, None),
    ],
)
def test_nothing_is_offered_while_an_offer_runs_or_where_it_would_change_nothing(
    changes: dict[str, Any], saved_by: OfferKind | None
) -> None:
    assert fits(replace(TEA, **changes), PERCENT, DOWN, saved_by=saved_by) is None
    assert fits(replace(TEA, **changes), PAUSE, saved_by=saved_by) is None or "unit_price" in changes


def test_once_a_former_offer_is_over_the_next_one_fits() -> None:
    assert fits(TEA, PERCENT, saved_by=OfferKind.PERCENT) is not None
    assert fits(TEA, PERCENT, saved_by=OfferKind.PAUSE) is not None
    special = replace(TEA, price_cycles_left=1, regular_unit_price=1500)
    found = fits(special, PERCENT, DOWN, PAUSE)
    assert found is not None and found.offer.kind is OfferKind.PAUSE


def test_an_accepted_offer_takes_a_planned_end_back() -> None:
    for facts in (
        replace(TEA, cancel_after_next=True),
        replace(TEA, cancel_on=date(2026, 12, 4), keep_billing=False),
    ):
        for one in (PERCENT, PAUSE, DOWN):
            found, new = fits(facts, one), accepted(standing(facts), one)
            assert found is not None and found.words.endswith("The planned end is taken back.")
            assert new is not None and (new.cancel_on, new.cancel_after_next, new.keep_billing) == (
                None,
                False,
                True,
            )


def test_where_no_bill_day_is_known_none_is_said() -> None:
    paused = replace(TEA, status=SubscriptionStatus.PAUSED, pause_on=date(2026, 12, 4), next_bill_date=None)
    found = fits(paused, PERCENT)
    assert found is not None and found.next_bill_date is None and "for the next 3 bills; that" in found.words
    weekly = replace(paused, resume_on=date(2026, 12, 10), interval_unit=IntervalUnit.WEEK, anchor_day=None)
    found = fits(weekly, PERCENT)
    assert found is not None and found.next_bill_date == date(2026, 12, 11)
