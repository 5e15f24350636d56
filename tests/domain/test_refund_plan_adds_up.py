"""Whatever is asked for: the parts of a refund plan add up, and nothing goes back twice."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from cstui.domain.gateways import Operation
from cstui.domain.payments import AllocationKind, RefundMethod
from cstui.domain.refund_plan import plan
from cstui.domain.refund_routes import is_settled
from cstui.domain.refund_shares import given, lowered
from cstui.domain.refunds import Charge, RefundBasis, RefundChoice, RefundLine, Route, Share
from tests.domain.refund_views import CUT_OFF, NOW, basis, carried_out, charge

AMOUNTS = st.integers(0, 20_000)


@st.composite
def charges(draw: st.DrawFn, key: int) -> Charge:
    """A charge in any state, of which something may have gone back."""
    taken = draw(st.integers(1, 30_000))
    return charge(
        key, taken, refunded=draw(st.sampled_from([0, 0, taken // 3])), queued=draw(st.sampled_from([0, 0, taken // 4])),
        is_settled=draw(st.booleans()), void_until=draw(st.sampled_from([None, NOW, CUT_OFF])), voids_captured=draw(st.booleans()),
        refunds_unsettled=draw(st.booleans()), gives_credits=draw(st.booleans()), blocked=draw(st.sampled_from(["", "", "Closed."])),
    )  # fmt: skip


@st.composite
def lines(draw: st.DrawFn, key: int) -> RefundLine:
    """A line of which pieces or mere money may have gone back."""
    quantity, paid, tax = draw(st.integers(1, 6)), draw(AMOUNTS), draw(st.integers(0, 3_000))
    pieces = draw(st.integers(0, quantity))
    percent = draw(st.integers(0, 100)) if pieces else draw(st.sampled_from([0, 0, 40]))
    return RefundLine(
        key, f"Line {key}", quantity, paid, tax, pieces, paid * percent // 100, tax * percent // 100
    )


@st.composite
def orders(draw: st.DrawFn) -> RefundBasis:
    """Orders whose lines explain their charges, or do not."""
    return basis(
        *(draw(charges(key)) for key in range(1, draw(st.integers(1, 4)) + 1)),
        lines=[draw(lines(key)) for key in range(1, draw(st.integers(0, 3)) + 1)],
        shipping=draw(st.integers(0, 2_000)),
        shipping_tax=draw(st.integers(0, 200)),
        fee_percent=draw(st.sampled_from([0, 15, 100])),
        fee_minor=draw(st.sampled_from([0, 900])),
        limit=draw(st.sampled_from([None, 5_000])),
    )


@st.composite
def choices(draw: st.DrawFn) -> RefundChoice:
    """Any choice, possible or not."""
    return RefundChoice(
        share=draw(st.sampled_from(Share)),
        lines=tuple(draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=3))),
        percent=draw(st.integers(0, 101)), amount=draw(AMOUNTS), with_fee=draw(st.booleans()), with_shipping=draw(st.booleans()),
        method=draw(st.sampled_from([RefundMethod.ORIGINAL, *RefundMethod])), card_id=7,
        transaction_id=draw(st.sampled_from([None, None, 1])), only=draw(st.sampled_from([None, None, Operation.VOID, Operation.REFUND])),
    )  # fmt: skip


@st.composite
def clean_orders(draw: st.DrawFn) -> RefundBasis:
    """Orders of which nothing has gone back and whose charges are exactly what their parts cost."""
    rows = [
        RefundLine(key, f"Line {key}", draw(st.integers(1, 5)), draw(AMOUNTS), draw(st.integers(0, 2_000)))
        for key in range(1, draw(st.integers(1, 3)) + 1)
    ]
    shipping, shipping_tax = draw(st.integers(0, 900)), draw(st.integers(1, 90))
    total = sum(row.paid + row.tax for row in rows) + shipping + shipping_tax
    first = draw(st.integers(1, total))
    taken = [charge(1, first)] + ([charge(2, total - first)] if total > first else [])
    return basis(*taken, lines=rows, shipping=shipping, shipping_tax=shipping_tax)


@settings(max_examples=150, deadline=None)
@for_all(orders(), choices())
def test_a_plan_adds_up_or_says_why_not(order: RefundBasis, choice: RefundChoice) -> None:
    row = plan(order, choice, NOW)
    if row.why_not:
        assert not row.parts
        return
    total = row.total.minor
    assert total > 0
    assert given(row.allocations) == total == sum(part.amount for part in row.parts)
    assert row.fee == sum(piece.amount for piece in row.allocations if piece.kind is AllocationKind.FEE)
    assert row.needs_approval == (order.limit is not None and total > order.limit)
    assert len({part.charge.transaction_id for part in row.parts}) == len(row.parts)
    assert sum(part.amount < part.charge.remaining for part in row.parts) <= 1
    for part in row.parts:
        assert 0 < part.amount <= part.charge.remaining
        assert given(part.allocations) == part.amount
        assert all(piece.amount >= 0 and piece.quantity >= 0 for piece in part.allocations)
    assert sum(piece.quantity for part in row.parts for piece in part.allocations) == sum(
        piece.quantity for piece in row.allocations
    )


@settings(max_examples=150, deadline=None)
@for_all(orders(), choices())
def test_every_route_fits_the_charge(order: RefundBasis, choice: RefundChoice) -> None:
    for part in plan(order, choice, NOW).parts:
        settled, whole = is_settled(part.charge, NOW), part.amount == part.charge.amount
        assert not part.charge.blocked or part.route is Route.RECORD
        if part.route is Route.VOID:
            assert (
                whole and not settled and part.charge.voids_captured and choice.only is not Operation.REFUND
            )
        elif part.route is Route.REFUND:
            assert settled or part.charge.refunds_unsettled
            assert choice.only is not Operation.VOID
        elif part.route is Route.WAIT:
            assert not settled and not part.charge.refunds_unsettled
        elif part.route is Route.CREDIT:
            assert part.charge.gives_credits


@settings(max_examples=100, deadline=None)
@for_all(orders(), choices())
def test_no_line_gets_back_more_than_was_paid_for_it(order: RefundBasis, choice: RefundChoice) -> None:
    row = plan(order, choice, NOW)
    if row.why_not:
        return
    after = carried_out(order, row)
    for line in after.lines:
        assert line.refunded <= line.paid and line.refunded_tax <= line.tax
        assert line.refunded_quantity <= line.quantity
    assert after.refunded_shipping <= after.shipping and after.refunded_shipping_tax <= after.shipping_tax


@settings(max_examples=100, deadline=None)
@for_all(clean_orders(), st.randoms(use_true_random=False))
def test_pieces_in_any_order_and_split_end_at_exactly_what_was_captured(
    order: RefundBasis, chance: random.Random
) -> None:
    captured = order.captured
    pieces = [line.line_id for line in order.lines for _ in range(line.quantity)]
    chance.shuffle(pieces)
    while pieces and chance.random() < 0.9:
        batch = [pieces.pop() for _ in range(min(len(pieces), chance.randint(1, 3)))]
        choice = RefundChoice(
            share=Share.LINES, lines=tuple((key, 1) for key in batch), with_shipping=chance.random() < 0.2
        )
        row = plan(order, choice, NOW)
        if row.why_not:
            assert row.total.minor == 0, "only pieces that were free are refused"
            continue
        order = carried_out(order, row)
    if not pieces:
        # A free piece that was refused alone stays open; money does not.
        assert all((line.refunded, line.refunded_tax) == (line.paid, line.tax) for line in order.lines)
    if order.remaining:
        order = carried_out(order, plan(order, RefundChoice(), NOW))
    assert (order.refunded, order.remaining) == (captured, 0)
    assert all((line.refunded, line.refunded_tax) == (line.paid, line.tax) for line in order.lines)


@settings(max_examples=60, deadline=None)
@for_all(clean_orders(), st.lists(st.integers(1, 99), max_size=4))
def test_percentages_one_after_another_and_then_full_leave_nothing(
    order: RefundBasis, numbers: list[int]
) -> None:
    captured = order.captured
    for number in numbers:
        row = plan(order, RefundChoice(share=Share.PERCENT, percent=number), NOW)
        order = order if row.why_not else carried_out(order, row)
    order = carried_out(order, plan(order, RefundChoice(), NOW)) if order.remaining else order
    assert (order.refunded, order.remaining) == (captured, 0)
    assert all((line.refunded, line.refunded_tax) == (line.paid, line.tax) for line in order.lines)


@settings(max_examples=100, deadline=None)
@for_all(orders(), choices(), st.integers(1, 100))
def test_an_approval_of_less_is_exact_and_raises_no_part(
    order: RefundBasis, choice: RefundChoice, percent: int
) -> None:
    row = plan(replace(order, limit=None), choice, NOW)
    if row.why_not or not row.allocations:
        return
    to = max(1, row.total.minor * percent // 100)
    less = lowered(row.allocations, row.total.minor, to)
    assert given(less) == to
    before = {(piece.kind, piece.line_id): piece.amount for piece in row.allocations}
    assert all(0 <= piece.amount <= before[piece.kind, piece.line_id] for piece in less)
