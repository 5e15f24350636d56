"""The refund planner by examples: what goes back, made of what, out of which charge, by which route."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.payments import AllocationKind, RefundMethod, TransactionKind
from cstui.domain.refund_plan import plan, void_plan
from cstui.domain.refund_shares import given, lowered
from cstui.domain.refunds import Allocation, RefundBasis, RefundChoice, RefundLine, RefundPlan, Route, Share
from tests.domain.refund_views import CUT_OFF, NOW, basis, carried_out, charge, unsettled

LINE, TAX, SHIPPING = AllocationKind.LINE, AllocationKind.TAX, AllocationKind.SHIPPING
GOODWILL, FEE = AllocationKind.GOODWILL, AllocationKind.FEE
FULL = RefundChoice()


def of_lines(*pieces: tuple[int, int], **more: bool) -> RefundChoice:
    return RefundChoice(share=Share.LINES, lines=pieces, **more)  # type: ignore[arg-type]


def percent(number: int) -> RefundChoice:
    return RefundChoice(share=Share.PERCENT, percent=number)


def amount(minor: int) -> RefundChoice:
    return RefundChoice(share=Share.AMOUNT, amount=minor)


def made_of(row: RefundPlan) -> list[tuple[AllocationKind, int | None, int, int]]:
    return [(piece.kind, piece.line_id, piece.quantity, piece.amount) for piece in row.allocations]


def ways(row: RefundPlan) -> list[tuple[int, int, Route]]:
    assert not row.why_not, row.why_not
    return [(part.charge.transaction_id, part.amount, part.route) for part in row.parts]


def an_order() -> RefundBasis:
    """Three mugs for 100.00, a book for 20.00, taxes, shipping with its tax: 138.89 in all."""
    lines = (RefundLine(1, "Mug", 3, 10_000, 801), RefundLine(2, "Book", 1, 2_000, 38))
    return basis(charge(1, 13_889), lines=lines, shipping=1_000, shipping_tax=50)


def test_full_gives_back_every_line_its_tax_and_shipping_with_its_tax() -> None:
    whole = plan(an_order(), FULL, NOW)
    assert whole.total == Money(13_889, "USD")
    assert made_of(whole) == [
        (LINE, 1, 3, 10_000), (TAX, 1, 0, 801), (LINE, 2, 1, 2_000), (TAX, 2, 0, 38), (SHIPPING, None, 0, 1_000), (TAX, None, 0, 50),
    ]  # fmt: skip
    assert ways(whole) == [(1, 13_889, Route.REFUND)]


def test_full_after_a_part_means_what_remains() -> None:
    order = carried_out(an_order(), plan(an_order(), of_lines((1, 2), with_shipping=True), NOW))
    rest = plan(order, FULL, NOW)
    assert made_of(rest) == [(LINE, 1, 1, 3_333), (TAX, 1, 0, 267), (LINE, 2, 1, 2_000), (TAX, 2, 0, 38)]
    after = plan(carried_out(order, rest), FULL, NOW)
    assert after.why_not == "Nothing remains to be refunded: 138.89 USD has gone back."


def test_what_no_line_explains_goes_back_as_goodwill_so_that_the_parts_add_up() -> None:
    edited = replace(an_order(), charges=(charge(1, 15_000),))
    whole = plan(edited, FULL, NOW)
    assert made_of(whole)[-1] == (GOODWILL, None, 0, 1_111)
    assert given(whole.allocations) == 15_000
    assert "11.11 USD belongs to no line, tax or shipping: it counts as goodwill." in whole.remarks


def test_after_goodwill_full_shares_the_smaller_rest_over_everything_open() -> None:
    order = carried_out(an_order(), plan(an_order(), amount(889), NOW))
    whole = plan(order, FULL, NOW)
    assert whole.total.minor == given(whole.allocations) == 13_000
    assert [(piece.kind, piece.quantity) for piece in whole.allocations if piece.kind is LINE] == [
        (LINE, 3),
        (LINE, 1),
    ]


def test_three_pieces_one_by_one_end_at_exactly_what_the_line_cost() -> None:
    order, amounts = an_order(), []
    for _ in range(3):
        step = plan(order, of_lines((1, 1)), NOW)
        amounts.append([piece.amount for piece in step.allocations])
        order = carried_out(order, step)
    assert amounts == [[3_334, 267], [3_333, 267], [3_333, 267]]
    again = plan(order, of_lines((2, 1), (1, 1)), NOW)
    assert again.why_not == "Mug has been given back already."


def test_more_pieces_than_are_left_are_refused_by_the_lines_name() -> None:
    order = carried_out(an_order(), plan(an_order(), of_lines((1, 2)), NOW))
    assert plan(order, of_lines((1, 2)), NOW).why_not == "Only 1 of 3 × Mug can still be given back."
    assert plan(an_order(), of_lines((1, 2), (1, 2)), NOW).why_not == "The order has only 3 × Mug."


def test_lines_that_are_not_there_or_not_chosen_are_refused() -> None:
    assert plan(an_order(), of_lines((9, 1)), NOW).why_not.startswith("A chosen line is not part")
    assert plan(an_order(), of_lines(), NOW).why_not == "Choose at least one line."
    assert plan(an_order(), of_lines((1, 0)), NOW).why_not == "Choose at least one piece of Mug."


def test_shipping_goes_back_once_and_may_go_alone() -> None:
    alone = plan(an_order(), of_lines(with_shipping=True), NOW)
    assert made_of(alone) == [(SHIPPING, None, 0, 1_000), (TAX, None, 0, 50)]
    again = plan(carried_out(an_order(), alone), of_lines((2, 1), with_shipping=True), NOW)
    assert made_of(again) == [(LINE, 2, 1, 2_000), (TAX, 2, 0, 38)]


def test_a_piece_after_less_than_its_neighbours_price_is_not_worth_more() -> None:
    line = RefundLine(1, "Mug", 3, 30_000, 0, refunded_quantity=1, refunded=8_000)
    order = basis(charge(1, 30_000, refunded=8_000), lines=[line])
    assert made_of(plan(order, of_lines((1, 1)), NOW)) == [(LINE, 1, 1, 10_000)]


def test_three_times_a_third_rounded_up_refuses_the_third() -> None:
    order = basis(charge(1, 10_000), lines=[RefundLine(key, f"Cup {key}", 1, 3_334, 0) for key in (1, 2, 3)])
    for key in (1, 2):
        order = carried_out(order, plan(order, of_lines((key, 1)), NOW))
    by_line, by_amount = plan(order, of_lines((3, 1)), NOW), plan(order, amount(3_334), NOW)
    words = "This comes to 33.34 USD; 33.32 USD remains. “Full” gives back all of it."
    assert by_line.why_not == by_amount.why_not == words
    assert not by_line.parts
    assert plan(order, FULL, NOW).total.minor == 3_332


def test_a_percentage_is_of_what_remains_rounded_half_up() -> None:
    order = basis(charge(1, 10_001), lines=[RefundLine(1, "Mug", 1, 5_001, 0)], shipping=5_000)
    half = plan(order, percent(50), NOW)
    assert half.total.minor == 5_001
    assert made_of(half) == [(LINE, 1, 0, 2_501), (SHIPPING, None, 0, 2_500)]
    assert plan(carried_out(order, half), percent(50), NOW).total.minor == 2_500
    assert plan(order, percent(100), NOW) == plan(order, FULL, NOW)


@pytest.mark.parametrize("number", [-5, 0, 101])
def test_a_percentage_outside_1_to_100_is_refused(number: int) -> None:
    assert plan(an_order(), percent(number), NOW).why_not == f"{number} % is not possible. Give 1 to 100."


def test_nothing_is_refused_however_it_is_asked_for() -> None:
    assert "A refund of 0" in plan(an_order(), amount(0), NOW).why_not
    free = basis(charge(1, 500), lines=[RefundLine(1, "Sample", 1, 0, 0)], shipping=500)
    assert "a refund of 0" in plan(free, of_lines((1, 1)), NOW).why_not
    assert "a refund of 0" in plan(basis(charge(1, 1)), percent(49), NOW).why_not


def test_a_free_amount_is_goodwill_and_needs_its_right() -> None:
    assert made_of(plan(an_order(), amount(500), NOW)) == [(GOODWILL, None, 0, 500)]
    without = replace(an_order(), may_goodwill=False)
    assert "goodwill" in plan(without, amount(500), NOW).why_not
    assert not plan(without, FULL, NOW).why_not


def test_the_fee_is_a_percentage_of_the_goods_alone() -> None:
    row = plan(replace(an_order(), fee_percent=15), replace(FULL, with_fee=True), NOW)
    assert (row.fee, row.total.minor, made_of(row)[-1]) == (1_800, 12_089, (FEE, None, 0, 1_800))
    odd = basis(charge(1, 330), lines=[RefundLine(1, "Pin", 1, 330, 0)], fee_percent=15)
    assert plan(odd, replace(FULL, with_fee=True), NOW).fee == 50


def test_a_fixed_fee_is_kept_once_and_never_more_than_the_goods() -> None:
    order = replace(an_order(), fee_minor=900)
    assert plan(order, of_lines((1, 1), (2, 1), with_fee=True), NOW).total.minor == 3_334 + 267 + 2_038 - 900
    dear = replace(an_order(), fee_minor=99_999)
    assert plan(dear, of_lines((2, 1), with_fee=True), NOW).total.minor == 38


def test_a_fee_that_leaves_nothing_is_refused() -> None:
    order = basis(charge(1, 500), lines=[RefundLine(1, "Pin", 1, 500, 0)], fee_minor=900)
    row = plan(order, of_lines((1, 1), with_fee=True), NOW)
    assert row.why_not.startswith("The restocking fee leaves nothing to refund.")


def test_a_fee_on_goodwill_is_none_and_says_so() -> None:
    row = plan(replace(an_order(), fee_minor=900), replace(amount(500), with_fee=True), NOW)
    assert (row.fee, row.total.minor) == (0, 500)
    assert "No restocking fee: the store keeps none of this." in row.remarks


def test_one_charge_is_exhausted_before_the_next() -> None:
    order = basis(
        charge(1, 8_947),
        charge(2, 8_947),
        lines=[RefundLine(1, "Plan", 2, 17_894, 0)],
        fee_minor=1_800,
    )
    row = plan(order, replace(FULL, with_fee=True), NOW)
    assert ways(row) == [(1, 8_947, Route.REFUND), (2, 7_147, Route.REFUND)]
    assert [given(part.allocations) for part in row.parts] == [8_947, 7_147]
    assert row.remarks[0] == "Goes back in 2 parts: 89.47 USD to Visa …4242, 71.47 USD to Visa …4242."
    assert ways(plan(order, amount(16_094), NOW)) == ways(row)


def test_a_single_charge_that_fits_exactly_wins() -> None:
    order = basis(charge(1, 5_000), charge(2, 3_000), charge(3, 2_000))
    assert ways(plan(order, amount(3_000), NOW)) == [(2, 3_000, Route.REFUND)]
    assert ways(plan(order, amount(5_500), NOW)) == [(1, 5_000, Route.REFUND), (2, 500, Route.REFUND)]


def test_a_charge_that_was_refunded_in_part_is_exhausted_first() -> None:
    order = basis(charge(1, 5_000), charge(2, 5_000, refunded=1_000))
    assert ways(plan(order, amount(4_500), NOW)) == [(2, 4_000, Route.REFUND), (1, 500, Route.REFUND)]


def test_the_part_falls_on_a_settled_charge_and_the_whole_on_a_void() -> None:
    order = basis(unsettled(1, 4_000), charge(2, 9_000))
    assert ways(plan(order, amount(6_000), NOW)) == [(2, 6_000, Route.REFUND)]
    assert ways(plan(order, amount(10_000), NOW)) == [(1, 4_000, Route.VOID), (2, 6_000, Route.REFUND)]


def test_a_line_over_two_charges_counts_its_pieces_once() -> None:
    order = basis(charge(1, 6_000), charge(2, 4_000), lines=[RefundLine(1, "Mug", 3, 10_000, 0)])
    first, second = plan(order, FULL, NOW).parts
    assert first.allocations == (Allocation(LINE, 6_000, 1, 1),)
    assert second.allocations == (Allocation(LINE, 4_000, 1, 2),)


def test_the_whole_of_an_unsettled_charge_is_voided() -> None:
    row = plan(basis(unsettled(1, 5_000)), FULL, NOW)
    assert ways(row) == [(1, 5_000, Route.VOID)]
    assert "Voided until the cut-off; nothing appears on the statement." in row.remarks
    unsure = plan(basis(unsettled(1, 5_000, void_until=None)), FULL, NOW)
    assert ways(unsure) == [(1, 5_000, Route.VOID)]
    assert any("tried first" in remark for remark in unsure.remarks)


def test_from_the_cut_off_on_it_is_a_refund() -> None:
    order = basis(unsettled(1, 5_000))
    assert ways(plan(order, FULL, CUT_OFF - timedelta(seconds=1))) == [(1, 5_000, Route.VOID)]
    assert ways(plan(order, FULL, CUT_OFF)) == [(1, 5_000, Route.REFUND)]


def test_a_part_of_an_unsettled_charge_waits_and_says_so() -> None:
    row = plan(basis(unsettled(1, 5_000)), amount(1_000), NOW)
    assert ways(row) == [(1, 1_000, Route.WAIT)]
    assert row.remarks == (
        "A part cannot be refunded before settlement; it is sent after the cut-off by itself. "
        "Voiding the whole charge is possible until then.",
    )
    at_once = basis(unsettled(1, 5_000, refunds_unsettled=True, voids_captured=False))
    assert ways(plan(at_once, amount(1_000), NOW)) == [(1, 1_000, Route.REFUND)]
    assert ways(plan(at_once, FULL, NOW)) == [(1, 5_000, Route.REFUND)]


def test_the_rest_of_a_touched_unsettled_charge_waits_without_promising_a_void() -> None:
    row = plan(basis(unsettled(1, 5_000, queued=1_000)), FULL, NOW)
    assert ways(row) == [(1, 4_000, Route.WAIT)]
    assert not any("Voiding" in remark for remark in row.remarks)


def test_refund_by_name_waits_where_a_void_would_be_possible() -> None:
    choice = RefundChoice(transaction_id=1, only=Operation.REFUND)
    assert ways(plan(basis(unsettled(1, 5_000)), choice, NOW)) == [(1, 5_000, Route.WAIT)]
    assert ways(plan(basis(charge(1, 5_000)), choice, NOW)) == [(1, 5_000, Route.REFUND)]


def test_void_by_name_is_for_the_whole_of_an_untouched_unsettled_charge() -> None:
    assert ways(void_plan(basis(unsettled(1, 5_000), charge(2, 900)), 1, NOW)) == [(1, 5_000, Route.VOID)]
    settled = void_plan(basis(charge(1, 5_000)), 1, NOW).why_not
    assert settled == "This charge has settled and cannot be voided. Refund it instead."
    assert "the whole" in void_plan(basis(unsettled(1, 5_000, refunded=10)), 1, NOW).why_not
    assert "nmi cannot void" in void_plan(basis(unsettled(1, 5_000, voids_captured=False)), 1, NOW).why_not
    part = replace(amount(10), transaction_id=1, only=Operation.VOID)
    assert "voided in part" in plan(basis(unsettled(1, 5_000)), part, NOW).why_not


def test_a_voided_charge_gives_its_lines_back() -> None:
    order = basis(unsettled(1, 5_000), lines=[RefundLine(1, "Mug", 1, 5_000, 0)])
    assert made_of(void_plan(order, 1, NOW)) == [(LINE, 1, 1, 5_000)]


def test_an_authorisation_is_voided_and_never_refunded() -> None:
    held = unsettled(1, 5_000, kind=TransactionKind.AUTHORISE, void_until=None)
    row = void_plan(basis(held, lines=[RefundLine(1, "Mug", 1, 5_000, 0)]), 1, NOW)
    assert (ways(row), row.allocations) == ([(1, 5_000, Route.VOID)], ())
    assert "never refunded" in plan(basis(held), RefundChoice(transaction_id=1), NOW).why_not
    assert plan(basis(held), FULL, NOW).why_not == "Nothing was taken: void the authorisation instead."
    assert "holds nothing" in void_plan(basis(replace(held, voided=5_000)), 1, NOW).why_not
    captured = charge(2, 5_000, kind=TransactionKind.CAPTURE, gateway_ref=held.gateway_ref)
    assert "has been captured" in void_plan(basis(held, captured), 1, NOW).why_not


def test_a_blocked_charge_is_left_out_and_named() -> None:
    closed = charge(1, 3_000, blocked="The account nmi main is closed.")
    assert plan(basis(closed), FULL, NOW).why_not == "The account nmi main is closed. Use a manual refund."
    row = plan(basis(closed, charge(2, 2_000)), FULL, NOW)
    assert ways(row) == [(2, 2_000, Route.REFUND)]
    assert "30.00 USD more cannot go back this way. The account nmi main is closed." in row.remarks
    over = plan(basis(closed, charge(2, 2_000)), amount(2_500), NOW)
    assert over.why_not.startswith("This comes to 25.00 USD; only 20.00 USD can go back this way.")
    assert over.why_not.endswith("Use a manual refund.")


def test_a_disputed_charge_says_what_the_bank_has_taken() -> None:
    disputed = charge(1, 3_000, disputed=3_000, blocked="The customer's bank disputes this charge.")
    words = "Nothing remains to be refunded: 30.00 USD is disputed. The customer's bank disputes this charge."
    assert plan(basis(disputed), FULL, NOW).why_not == words


def test_part_of_the_money_takes_no_piece_with_it() -> None:
    order = basis(
        charge(1, 3_000, blocked="Closed"), charge(2, 2_000), lines=[RefundLine(1, "Mug", 5, 5_000, 0)]
    )
    assert made_of(plan(order, FULL, NOW)) == [(LINE, 1, 0, 2_000)]


def test_somebody_at_it_and_an_open_outcome_come_first() -> None:
    busy = basis(charge(1, 5_000, pending=1_000, in_flight="Bob"))
    assert plan(busy, FULL, NOW).why_not == "Bob is refunding this order right now. Wait for the outcome."
    unknown = basis(charge(1, 5_000, pending=1_000, in_flight="Bob", is_unknown=True), charge(2, 900))
    assert plan(unknown, FULL, NOW).why_not.startswith(
        "The outcome of an earlier refund is still being checked."
    )
    assert ways(plan(unknown, RefundChoice(transaction_id=2), NOW)) == [(2, 900, Route.REFUND)]


def test_by_hand_is_recorded_and_takes_from_blocked_charges_first() -> None:
    order = basis(charge(1, 3_000), unsettled(2, 2_000, blocked="Closed"))
    row = plan(order, replace(amount(2_500), method=RefundMethod.MANUAL), NOW)
    assert ways(row) == [(2, 2_000, Route.RECORD), (1, 500, Route.RECORD)]
    external = replace(FULL, method=RefundMethod.EXTERNAL)
    assert {route for _, _, route in ways(plan(order, external, NOW))} == {Route.RECORD}
    assert "Ask a supervisor" in plan(replace(order, may_record=False), external, NOW).why_not


def test_another_card_gets_a_credit_where_the_gateway_gives_one() -> None:
    choice = replace(FULL, method=RefundMethod.OTHER_CARD, card_id=7)
    order = basis(charge(1, 3_000, gives_credits=True), charge(2, 2_000, gives_credits=True))
    row = plan(order, choice, NOW)
    assert ways(row) == [(1, 3_000, Route.CREDIT), (2, 2_000, Route.CREDIT)]
    assert "30.00 USD to Mastercard …4444" in row.remarks[0]
    assert "right of its own" in plan(replace(order, may_other_card=False), choice, NOW).why_not
    assert "Choose the card" in plan(order, replace(choice, card_id=None), NOW).why_not
    assert "not on file" in plan(order, replace(choice, card_id=8), NOW).why_not
    none = plan(basis(charge(1, 3_000)), choice, NOW).why_not
    assert none == "nmi cannot credit a card that it did not charge. Use a manual refund."


def test_above_the_limit_it_needs_a_supervisor_by_any_route() -> None:
    order = replace(an_order(), limit=5_000)
    assert not plan(order, amount(5_000), NOW).needs_approval
    assert plan(order, amount(5_001), NOW).needs_approval
    assert plan(order, replace(amount(5_001), method=RefundMethod.MANUAL), NOW).needs_approval


def test_a_transactions_own_menu_takes_from_that_charge_alone() -> None:
    order = basis(charge(1, 3_000), charge(2, 2_000))
    assert ways(plan(order, RefundChoice(transaction_id=2), NOW)) == [(2, 2_000, Route.REFUND)]
    assert "20.00 USD remains" in plan(order, replace(amount(2_500), transaction_id=2), NOW).why_not
    assert "not part of this order" in plan(order, RefundChoice(transaction_id=9), NOW).why_not


def test_an_order_that_is_blocked_says_why() -> None:
    assert plan(basis(blocked="Nothing was charged for this order."), FULL, NOW).why_not.startswith(
        "Nothing was"
    )


def test_yen_have_no_decimals_and_dinars_have_three() -> None:
    yen = basis(charge(1, 1_000, currency="JPY"), lines=[RefundLine(1, "Tea", 3, 1_000, 0)], currency="JPY")
    assert [piece.amount for piece in plan(yen, of_lines((1, 2)), NOW).allocations] == [667]
    assert "comes to 1001 JPY; 1000 JPY remains" in plan(yen, amount(1_001), NOW).why_not
    dinars = basis(charge(1, 1_500, currency="KWD"), currency="KWD")
    assert "comes to 1.501 KWD; 1.500 KWD remains" in plan(dinars, amount(1_501), NOW).why_not


def test_an_approval_of_less_shrinks_every_part_and_the_fee_with_it() -> None:
    row = plan(replace(an_order(), fee_percent=15), replace(FULL, with_fee=True), NOW)
    half = lowered(row.allocations, 12_089, 6_000)
    assert given(half) == 6_000
    assert [piece.amount for piece in half if piece.kind is FEE] == [893]
    assert lowered(row.allocations, 12_089, 12_089) == row.allocations
    for wrong in (0, 12_090):
        with pytest.raises(ValueError):
            lowered(row.allocations, 12_089, wrong)
