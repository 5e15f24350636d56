"""Totals after an edit: parts add up to the cent, whatever is changed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cstui.domain.errors import InvalidInput
from cstui.domain.money import Money
from cstui.domain.order_totals import UNLISTED_TAX, preview, reckoned, scaled
from cstui.domain.orders import DiscountTarget, LineChange, OrderChange, OrderView
from tests.domain.order_views import line, order_view, usd

LINES, SHIPPING = DiscountTarget.LINES, DiscountTarget.SHIPPING


def quantities(**pieces: int) -> OrderChange:
    return OrderChange(lines=tuple(LineChange(int(key[1:]), count) for key, count in pieces.items()))


@st.composite
def orders(draw: st.DrawFn) -> OrderView:
    """Orders whose parts add up, taxed on a known base or not taxed at all."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(1, 40), st.integers(0, 50_000), st.integers(0, 100), st.booleans()),
            min_size=1,
            max_size=6,
        )
    )
    lines = tuple(
        line(key, count, price, count * price * percent // 100, taxable=taxable)
        for key, (count, price, percent, taxable) in enumerate(rows, start=1)
    )
    net = sum(row.total.minor for row in lines)
    off = draw(st.lists(st.integers(0, max(net, 1) // 3), max_size=2))
    if sum(off) > net:
        off = []
    taxes = draw(st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 2_000_000)), max_size=3))
    return order_view(
        lines,
        taxes=tuple(taxes),
        discounts=tuple((amount, LINES) for amount in off),
        shipping=draw(st.integers(0, 5_000)),
        tax_included=draw(st.booleans()),
    )


def adds_up(lines: tuple, taxes: tuple, discounts: tuple, totals: object) -> bool:  # type: ignore[type-arg]
    subtotal = sum(row.quantity * row.unit_price.minor for row in lines)
    discount = sum(row.discount.minor for row in lines) + sum(row.amount.minor for row in discounts)
    tax = sum(row.amount.minor for row in taxes)
    t = totals
    total = subtotal - discount + t.shipping.minor + (0 if t.tax_included else tax)  # type: ignore[attr-defined]
    return (subtotal, discount, tax, total) == (
        t.subtotal.minor, t.discount.minor, t.tax.minor, t.total.minor,  # type: ignore[attr-defined]
    )  # fmt: skip


@given(orders(), st.lists(st.integers(0, 60), min_size=6, max_size=6))
def test_parts_always_add_up_to_the_total(order: OrderView, pieces: list[int]) -> None:
    changes = tuple(LineChange(row.id, count) for row, count in zip(order.lines, pieces, strict=False))
    after = reckoned(order, OrderChange(lines=changes))
    assert adds_up(after.lines, after.taxes, after.discounts, after.totals)
    assert all(0 <= row.discount.minor <= row.quantity * row.unit_price.minor for row in after.lines)
    net = sum(row.quantity * row.unit_price.minor - row.discount.minor for row in after.lines)
    assert sum(row.amount.minor for row in after.discounts) <= max(net, 0)
    assert all(row.amount.minor >= 0 for row in after.taxes)
    if any(row.taxable and row.quantity * row.unit_price.minor > row.discount.minor for row in after.lines):
        assert (
            after.lines == order.lines or sum(row.tax.minor for row in after.lines) == after.totals.tax.minor
        )


@given(orders())
def test_an_unchanged_edit_changes_nothing(order: OrderView) -> None:
    same = OrderChange(lines=tuple(LineChange(row.id, row.quantity) for row in order.lines))
    after = reckoned(order, same)
    assert (after.lines, after.taxes, after.discounts, after.totals) == (
        order.lines,
        order.taxes,
        order.discounts,
        order.totals,
    )


@given(orders(), st.integers(2, 9))
def test_scaling_all_quantities_up_and_back_comes_back_to_the_same_amounts(order: OrderView, factor: int) -> None:  # fmt: skip
    up = reckoned(order, OrderChange(lines=tuple(LineChange(r.id, r.quantity * factor) for r in order.lines)))
    middle = replace(order, lines=up.lines, taxes=up.taxes, discounts=up.discounts, totals=up.totals)
    back = reckoned(middle, OrderChange(lines=tuple(LineChange(r.id, r.quantity) for r in order.lines)))
    assert back.totals.subtotal == order.totals.subtotal
    assert [row.discount for row in back.lines] == [row.discount for row in order.lines]
    bases = [row.base.minor if row.base else 0 for row in order.taxes]
    taxable = sum(r.total.minor for r in order.lines if r.taxable)
    if not order.discounts and all(base >= taxable for base in bases) and len(bases) <= 1:
        assert back.totals == order.totals


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.fractions(0, 20)), max_size=6),
)
def test_scaled_amounts_add_up_to_the_exact_sum_rounded_and_each_is_off_by_less_than_one(
    rows: list[tuple[int, Fraction]],
) -> None:
    exact = [amount * factor for amount, factor in rows]
    whole = scaled([amount for amount, _ in rows], [factor for _, factor in rows])
    assert sum(whole) == (sum(exact, Fraction(1, 2))).__floor__()
    assert all(abs(a - b) < 1 for a, b in zip(whole, exact, strict=True))


def test_a_tax_moves_with_its_base() -> None:
    order = order_view(taxes=((255, 2550),))
    after = preview(order, quantities(_1=1))
    assert (after.after.tax, after.after.total, after.difference) == (usd(155), usd(2205), usd(-1100))
    assert after.needs_tax == () and after.before == order.totals


def test_taxed_shipping_inside_a_base_stays_when_goods_change() -> None:
    order = order_view(taxes=((305, 3050),))
    after = reckoned(order, quantities(_1=1))
    assert (after.taxes[0].base, after.taxes[0].amount) == (usd(2050), usd(205))


def test_a_tax_on_some_of_the_goods_only_moves_in_proportion() -> None:
    order = order_view((line(1, 2, 1000), line(2, 2, 1000)), taxes=((200, 2000),))
    after = reckoned(order, quantities(_1=1, _2=1))
    assert (after.taxes[0].base, after.taxes[0].amount) == (usd(1000), usd(100))


def test_taxes_included_in_prices_move_but_are_not_added_to_the_total() -> None:
    order = order_view(taxes=((425, 2125),), tax_included=True)
    after = reckoned(order, quantities(_1=1))
    assert after.totals.total == usd(2050)
    assert 0 < after.totals.tax.minor < 425
    assert after.lines[0].total == usd(1000)


def test_two_taxes_of_one_base_share_the_odd_cent() -> None:
    order = order_view((line(1, 2, 1005),), taxes=((181, 2010), (181, 2010)))
    after = reckoned(order, quantities(_1=1))
    assert [row.amount.minor for row in after.taxes] == [91, 90]


def test_a_tax_without_a_base_has_to_be_typed_once_the_goods_change() -> None:
    order = order_view(taxes=((255, None),))
    assert preview(order, quantities(_1=1)).needs_tax == ((101, "Tax 1"),)
    assert preview(order, quantities(_1=2)).needs_tax == ()
    typed = OrderChange(lines=(LineChange(1, 1),), taxes=((101, usd(155)),))
    after = preview(order, typed)
    assert (after.needs_tax, after.after.tax) == ((), usd(155))


def test_a_tax_of_nothing_without_a_base_stays_nothing() -> None:
    assert preview(order_view(taxes=((0, None),)), quantities(_1=1)).needs_tax == ()


def test_untaxed_goods_leave_taxes_alone() -> None:
    order = order_view((line(1, 2, 1000), line(2, 1, 550, taxable=False)), taxes=((200, None),))
    assert preview(order, quantities(_2=5)).needs_tax == ()


def test_the_tax_that_no_tax_line_explains_has_to_be_typed_too() -> None:
    order = order_view()
    order = replace(order, totals=replace(order.totals, tax=usd(200), total=usd(3250)))
    assert preview(order, quantities(_1=1)).needs_tax == ((UNLISTED_TAX, "Tax"),)
    typed = replace(quantities(_1=1), taxes=((UNLISTED_TAX, usd(100)),))
    assert preview(order, typed).after.total == usd(2150)


@pytest.mark.parametrize(
    ("tax_id", "amount"),
    [(101, usd(5)), (102, usd(-1)), (102, Money(5, "EUR")), (102, usd(10**16)), (7, usd(5))],
)
def test_a_typed_tax_is_refused_where_it_cannot_hold(tax_id: int, amount: Money) -> None:
    order = order_view(taxes=((200, 2000), (50, None)))
    with pytest.raises(InvalidInput) as refused:
        preview(order, OrderChange(taxes=((tax_id, amount),)))
    assert refused.value.field == f"taxes.{tax_id}"


def test_a_line_discount_scales_with_its_quantity() -> None:
    order = order_view((line(1, 3, 1000, 100), line(2, 1, 550)))
    after = reckoned(order, quantities(_1=2))
    assert (after.lines[0].discount, after.lines[0].total) == (usd(67), usd(1933))


def test_an_order_discount_keeps_its_amount_until_the_lines_are_worth_less() -> None:
    order = order_view(discounts=((1000, LINES), (300, SHIPPING)))
    assert reckoned(order, quantities(_1=1)).discounts == order.discounts
    after = preview(order, quantities(_1=0))
    assert after.after.discount == usd(850) and after.after.total == usd(200)
    assert after.remarks == ("Discount CODE0 shrinks from 10.00 to 5.50: the lines are worth no more.",)


def test_a_new_line_counts_at_once() -> None:
    new = LineChange(None, 3, sku="N", name="Jug", unit_price=usd(700))
    after = reckoned(order_view(taxes=((255, 2550),)), OrderChange(lines=(new,)))
    assert (after.lines[-1].id, after.lines[-1].name, after.totals.subtotal) == (-1, "Jug", usd(4650))
    assert after.totals.tax == usd(465)


def test_parts_that_did_not_add_up_before_keep_their_difference() -> None:
    order = order_view()
    odd = replace(order, totals=replace(order.totals, total=usd(3000)))
    assert reckoned(odd, quantities(_1=1)).totals.total == usd(2000)


def test_a_total_beyond_any_amount_is_refused() -> None:
    with pytest.raises(InvalidInput, match="larger than any amount"):
        reckoned(order_view((line(1, 1, 10**12),)), quantities(_1=9_999))
