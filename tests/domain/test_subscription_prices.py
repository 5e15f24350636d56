"""What a cycle costs: to the cent, for good or for some cycles only."""

from __future__ import annotations

from typing import Any

import pytest

from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.money import Money
from cstui.domain.subscription_changes import ProductFacts, SubscriptionChange, SubscriptionFacts
from cstui.domain.subscription_prices import (
    after_bill,
    discount_of,
    parts,
    priced,
    regular_shown,
    tax_of,
    without_cycles,
)
from cstui.domain.subscriptions import DiscountKind, SubscriptionStatus

PERCENT, FIXED, NONE = DiscountKind.PERCENT, DiscountKind.FIXED, DiscountKind.NONE


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def facts(**more: Any) -> SubscriptionFacts:
    base: dict[str, Any] = {"quantity": 2, "unit_price": 1000, "shipping": 300, "tax": 160}
    return SubscriptionFacts(SubscriptionStatus.ACTIVE, "USD", **{**base, **more})


def price(found: SubscriptionFacts) -> tuple[int, int, int, int, int]:
    return found.unit_price, found.discount, found.shipping, found.tax, found.total


@pytest.mark.parametrize(
    ("goods", "kind", "value", "off"),
    [
        (1995, PERCENT, 10, 200),  # 199.5 goes up
        (1994, PERCENT, 10, 199),
        (2000, PERCENT, 100, 2000),
        (2000, PERCENT, 0, 0),
        (2000, FIXED, 500, 500),
        (2000, FIXED, 2001, 2000),  # never above the goods
        (0, FIXED, 500, 0),
        (2000, NONE, 0, 0),
    ],
)
def test_a_discount_is_rounded_half_up_and_never_above_the_goods(
    goods: int, kind: DiscountKind, value: int, off: int
) -> None:
    assert discount_of(goods, kind, value) == off


@pytest.mark.parametrize(
    ("tax", "before", "after", "scaled"),
    [
        (160, 2000, 1000, 80),
        (165, 2000, 1000, 83),
        (160, 2000, 0, 0),
        (160, 0, 2000, 160),
        (0, 2000, 4000, 0),
    ],
)
def test_the_tax_scales_with_the_goods_from_what_stood(
    tax: int, before: int, after: int, scaled: int
) -> None:
    assert tax_of(tax, before, after) == scaled


def test_price_shipping_and_discount_add_up_to_the_total() -> None:
    change = SubscriptionChange(
        unit_price=usd(1200), shipping=usd(0), discount_kind=PERCENT, discount_value=25
    )
    found = priced(facts(), change)
    assert price(found) == (1200, 600, 0, 144, 1944)
    assert sum(part.amount.minor for part in parts(found)) == found.total
    assert found.price_cycles_left == 0 and found.regular_unit_price is None


def test_a_quantity_multiplies_the_unit_price_and_scales_discount_and_tax() -> None:
    found = priced(
        facts(discount_kind=PERCENT, discount_value=10, discount=200, tax=144), SubscriptionChange(quantity=3)
    )
    assert price(found) == (1000, 300, 300, 216, 3216)


def test_what_is_not_named_stays_to_the_cent_even_where_it_was_rounded_otherwise() -> None:
    imported = facts(unit_price=1995, quantity=1, discount_kind=PERCENT, discount_value=10, discount=199)
    found = priced(imported, SubscriptionChange(shipping=usd(500)))
    assert (found.discount, found.tax) == (199, 160)


def test_a_price_for_the_next_bill_only_comes_back_to_the_cent() -> None:
    regular = facts(unit_price=999, tax=161)
    once = priced(regular, SubscriptionChange(unit_price=usd(333), next_only=True))
    assert (once.price_cycles_left, once.unit_price, once.regular_unit_price) == (1, 333, 999)
    shown = regular_shown(once)
    assert shown is not None and shown.total == usd(regular.total)
    assert after_bill(once) == regular


def test_free_for_three_bills_does_not_lose_the_tax() -> None:
    regular = facts()
    free = priced(regular, SubscriptionChange(discount_kind=PERCENT, discount_value=100, for_cycles=3))
    assert price(free) == (1000, 2000, 300, 0, 300)
    found = free
    for left in (2, 1, 0):
        found = after_bill(found)
        assert found.price_cycles_left == left
    assert found == regular


def test_a_lasting_change_holds_for_both_prices_and_ends_the_other_where_they_become_one() -> None:
    less = priced(facts(), SubscriptionChange(discount_kind=PERCENT, discount_value=20, for_cycles=3))
    moved = priced(less, SubscriptionChange(shipping=usd(0)))
    assert (moved.price_cycles_left, moved.discount_value, moved.regular_discount_kind) == (3, 20, NONE)
    assert without_cycles(moved) == facts(shipping=0)
    same = priced(less, SubscriptionChange(discount_kind=PERCENT, discount_value=20))
    assert same.price_cycles_left == 0 and same.regular_unit_price is None and same.discount_value == 20


def test_pieces_changed_while_a_price_for_some_cycles_holds_are_in_both_prices() -> None:
    less = priced(facts(), SubscriptionChange(discount_kind=PERCENT, discount_value=50, for_cycles=2))
    more = priced(less, SubscriptionChange(quantity=4))
    assert price(more) == (1000, 2000, 300, 160, 2460)
    assert price(without_cycles(more)) == (1000, 0, 300, 320, 4620)


def test_with_another_product_the_price_follows_or_stays() -> None:
    coffee = ProductFacts(7, "COFFEE", "Coffee", "Ground", 1500)
    follows = priced(facts(), SubscriptionChange(product_id=7), coffee)
    assert (follows.product, follows.option, follows.sku, follows.product_id) == (
        "Coffee",
        "Ground",
        "COFFEE",
        7,
    )
    assert price(follows) == (1500, 0, 300, 240, 3540)
    stays = priced(facts(), SubscriptionChange(product_id=7, price_follows=False), coffee)
    assert stays.product == "Coffee" and price(stays) == price(facts())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (SubscriptionChange(unit_price=usd(-1)), "unit_price"),
        (SubscriptionChange(unit_price=Money(100, "EUR")), "unit_price"),
        (SubscriptionChange(unit_price=usd(10**16)), "unit_price"),
        (SubscriptionChange(shipping=usd(-5)), "shipping"),
        (SubscriptionChange(discount_kind=PERCENT, discount_value=101), "discount_value"),
        (SubscriptionChange(discount_kind=PERCENT, discount_value=-1), "discount_value"),
        (SubscriptionChange(discount_kind=FIXED, discount_value=-1), "discount_value"),
        (SubscriptionChange(discount_kind=FIXED), "discount_value"),
        (SubscriptionChange(discount_value=5), "discount_kind"),
        (SubscriptionChange(quantity=0), "quantity"),
        (SubscriptionChange(quantity=1000), "quantity"),
        (SubscriptionChange(quantity=-(10**30)), "quantity"),
        (SubscriptionChange(next_only=True), "for_cycles"),
        (SubscriptionChange(unit_price=usd(1), for_cycles=121), "for_cycles"),
        (SubscriptionChange(unit_price=usd(10**15), quantity=999), "unit_price"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_price_names_its_field(change: SubscriptionChange, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        priced(facts(), change)
    assert refused.value.field == field


def test_several_faults_are_named_together() -> None:
    with pytest.raises(InvalidFields) as refused:
        priced(facts(), SubscriptionChange(unit_price=usd(-1), quantity=0))
    assert [problem.field for problem in refused.value.problems] == ["unit_price", "quantity"]
