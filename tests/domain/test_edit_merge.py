"""Was, theirs, mine: disjoint changes merge, alike ones agree, real clashes are asked."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cstui.domain.edit_merge import FieldClash, choose, compare, merged_text
from cstui.domain.orders import LineChange, OrderChange, OrderView
from tests.domain.order_views import HOME, line, order_view, usd

_TEXT = st.sampled_from(["", "a", "b", "c"])


@given(_TEXT, _TEXT, _TEXT)
def test_three_texts_merge_unless_both_sides_changed_them_differently(was: str, theirs: str, mine: str) -> None:  # fmt: skip
    merged = merged_text(was, theirs, mine)
    if theirs in (mine, was):
        assert merged == mine
    elif mine == was:
        assert merged == theirs
    else:
        assert merged is None


def test_disjoint_fields_of_one_address_merge_without_a_question() -> None:
    base = order_view()
    now = replace(base, shipping=replace(HOME, postcode="12208"), version=2)
    result = compare(base, now, OrderChange(shipping=replace(HOME, line2="Flat 3")))
    assert result.clashes == ()
    assert result.merged.shipping == replace(HOME, postcode="12208", line2="Flat 3")


def test_a_field_that_both_changed_is_asked_and_stays_theirs_until_chosen() -> None:
    base = order_view()
    now = replace(base, shipping=replace(HOME, city="Troy"), version=2)
    result = compare(base, now, OrderChange(shipping=replace(HOME, city="Utica", line2="Flat 3")))
    assert result.clashes == (
        FieldClash("shipping.city", "Shipping address: City", "Albany", "Troy", "Utica"),
    )
    assert result.merged.shipping == replace(HOME, city="Troy", line2="Flat 3")
    assert choose(result, {"shipping.city": "theirs"}) == result.merged
    mine = choose(result, {"shipping.city": "mine"}).shipping
    assert mine == replace(HOME, city="Utica", line2="Flat 3")


def test_the_same_change_on_both_sides_leaves_nothing_to_save() -> None:
    base = order_view()
    now = replace(base, billing=replace(HOME, city="Troy"))
    result = compare(base, now, OrderChange(billing=replace(HOME, city="Troy")))
    assert result.clashes == () and result.merged.is_empty


def _with_quantity(order: OrderView, line_id: int, quantity: int) -> OrderView:
    rows = tuple(replace(r, quantity=quantity) if r.id == line_id else r for r in order.lines)
    return replace(order, lines=tuple(r for r in rows if r.quantity), version=2)


def test_quantities_of_different_lines_merge() -> None:
    base = order_view()
    result = compare(base, _with_quantity(base, 2, 4), OrderChange(lines=(LineChange(1, 5),)))
    assert result.clashes == () and result.merged.lines == (LineChange(1, 5),)


def test_a_quantity_that_both_changed_is_asked() -> None:
    base = order_view()
    result = compare(base, _with_quantity(base, 1, 4), OrderChange(lines=(LineChange(1, 5),)))
    (clash,) = result.clashes
    assert (clash.label, clash.was, clash.theirs, clash.mine) == ("Quantity of Mug", "2", "4", "5")
    assert result.merged.lines == ()
    assert choose(result, {clash.path: "mine"}).lines == (LineChange(1, 5),)


def test_a_line_that_they_took_out_comes_back_as_a_new_one_where_mine_is_chosen() -> None:
    base = order_view()
    result = compare(base, _with_quantity(base, 1, 0), OrderChange(lines=(LineChange(1, 5),)))
    (clash,) = result.clashes
    assert clash.theirs == "" and result.merged.lines == ()
    (back,) = choose(result, {clash.path: "mine"}).lines
    assert (back.line_id, back.quantity, back.name, back.unit_price) == (None, 5, "Mug", usd(1000))
    gone = compare(base, _with_quantity(base, 1, 0), OrderChange(lines=(LineChange(1, 0),)))
    assert gone.clashes == () and gone.merged.is_empty


def test_another_line_under_the_same_id_is_not_taken_for_the_one_that_was_edited() -> None:
    base = order_view()
    now = replace(base, lines=(base.lines[0], line(2, 7, 300, name="Jug")), version=2)
    result = compare(base, now, OrderChange(lines=(LineChange(2, 4),)))
    assert [(c.label, c.theirs, c.mine) for c in result.clashes] == [("Quantity of Tea", "", "4")]
    assert result.merged.lines == ()


def test_a_new_line_stays_beside_what_they_did() -> None:
    base = order_view()
    new = LineChange(None, 1, name="Jug", unit_price=usd(100))
    now = replace(base, lines=(*base.lines, line(3, 1, 900, name="Cup")), version=2)
    assert compare(base, now, OrderChange(lines=(new,))).merged.lines == (new,)


def test_a_typed_tax_clashes_with_another_typed_one() -> None:
    base = order_view(taxes=((200, None),))
    now = replace(base, taxes=(replace(base.taxes[0], amount=usd(300)),), version=2)
    result = compare(base, now, OrderChange(taxes=((101, usd(250)),)))
    assert [clash.path for clash in result.clashes] == ["taxes.101.amount"]
    assert result.merged.taxes == ()
    assert choose(result, {"taxes.101.amount": "mine"}).taxes == ((101, usd(250)),)
