"""What of an order may be changed now, and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cstui.domain.errors import InvalidFields, InvalidInput, NotPossibleNow
from cstui.domain.money import Money
from cstui.domain.order_edit_rules import MOST_PIECES, checked_change
from cstui.domain.order_rules import editable, open_authorisations, refund_due_on_cancel, why_not_cancelled
from cstui.domain.orders import FINAL_STATUSES, LineChange, OrderChange, OrderStatus, OrderView
from cstui.domain.payments import Paid, PaymentStatus, TransactionKind, TransactionStatus
from cstui.domain.shipments import OPEN_SHIPMENT_STATES, ShipmentState
from tests.domain.order_views import HOME, line, moved, order_view, parcel, usd

S = ShipmentState


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_nothing_of_a_final_order_is_editable(status: OrderStatus) -> None:
    may = editable(status, (1, 2), ())
    assert not may.lines and not may.addresses and may.fixed_lines == {1, 2}
    assert "cannot be changed any more" in may.why_not


@pytest.mark.parametrize("state", list(ShipmentState))
def test_a_line_is_editable_while_no_shipment_that_holds_it_is_released(state: ShipmentState) -> None:
    may = editable(OrderStatus.IN_PROGRESS, (1,), (parcel(1, state, (1, 2)),))
    free = state in OPEN_SHIPMENT_STATES or state is S.CANCELLED
    assert (may.lines, may.addresses, bool(may.why_not)) == (free, free, not free)


def test_one_released_parcel_fixes_its_own_lines_and_the_address_only() -> None:
    parcels = (parcel(1, S.RELEASED, (1, 2)), parcel(2, S.AWAITING_INVENTORY, (2, 1)))
    may = editable(OrderStatus.PARTIALLY_SHIPPED, (1, 2), parcels)
    assert may.lines and not may.addresses and may.fixed_lines == {1}
    assert may.why_not.startswith("One shipment is released to the warehouse")


def test_a_digital_delivery_does_not_bind_the_address() -> None:
    may = editable(OrderStatus.IN_PROGRESS, (1, 2), (parcel(1, S.DELIVERED, (1, 1), is_digital=True),))
    assert may.lines and may.addresses and may.fixed_lines == {1}


@pytest.mark.parametrize(
    ("status", "state", "allowed"),
    [
        (OrderStatus.IN_PROGRESS, S.AWAITING_INVENTORY, True),
        (OrderStatus.ON_HOLD, S.RELEASED, True),
        (OrderStatus.IN_PROGRESS, S.FAILED, True),
        (OrderStatus.PARTIALLY_SHIPPED, S.SHIPPED, False),
        (OrderStatus.IN_PROGRESS, S.DELIVERED, False),
        (OrderStatus.COMPLETED, S.CANCELLED, False),
        (OrderStatus.CANCELLED, S.CANCELLED, False),
    ],
)
def test_an_order_can_be_cancelled_while_nothing_was_shipped(
    status: OrderStatus, state: ShipmentState, allowed: bool
) -> None:
    assert (why_not_cancelled(status, (parcel(1, state),)) == "") is allowed


def test_what_is_as_it_was_is_no_change() -> None:
    order = order_view()
    change = OrderChange(billing=HOME, shipping=replace(HOME, city=" Albany "), lines=(LineChange(1, 2),))
    assert checked_change(order, change).is_empty


def test_an_incomplete_address_is_refused_field_by_field() -> None:
    with pytest.raises(InvalidFields) as refused:
        checked_change(order_view(), OrderChange(shipping=replace(HOME, line1="", country="Utopia")))
    assert [problem.field for problem in refused.value.problems] == ["line1", "country"]


def test_a_card_number_never_gets_into_an_address_or_a_line() -> None:
    card = "4111 1111 1111 1111"
    with pytest.raises(InvalidFields, match=r"card number"):
        checked_change(order_view(), OrderChange(billing=replace(HOME, line2=card)))
    new = LineChange(None, 1, name=f"Mug {card}", unit_price=usd(1))
    with pytest.raises(InvalidInput, match=r"\*\*\*\* 1111"):
        checked_change(order_view(), OrderChange(lines=(new,)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (LineChange(9, 1), "lines.9"),
        (LineChange(1, -1), "lines.1.quantity"),
        (LineChange(1, MOST_PIECES + 1), "lines.1.quantity"),
        (LineChange(None, 0, name="Jug", unit_price=usd(1)), "quantity"),
        (LineChange(None, 1, name="  ", unit_price=usd(1)), "name"),
        (LineChange(None, 1, name="Jug"), "unit_price"),
        (LineChange(None, 1, name="Jug", unit_price=Money(1, "EUR")), "unit_price"),
        (LineChange(None, 1, name="Jug", unit_price=usd(-1)), "unit_price"),
        (LineChange(None, 1, name="x" * 300, unit_price=usd(1)), "name"),
    ],
)
def test_a_line_that_cannot_be_names_its_field(change: LineChange, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_change(order_view(), OrderChange(lines=(change,)))
    assert refused.value.field == field


def test_a_line_given_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        checked_change(order_view(), OrderChange(lines=(LineChange(1, 1), LineChange(1, 2))))


def test_the_last_line_stays_unless_another_comes() -> None:
    gone = (LineChange(1, 0), LineChange(2, 0))
    with pytest.raises(NotPossibleNow) as refused:
        checked_change(order_view(), OrderChange(lines=gone))
    assert refused.value.advice == "Cancel the order instead."
    new = LineChange(None, 1, name="Jug", unit_price=usd(100))
    assert len(checked_change(order_view(), OrderChange(lines=(*gone, new))).lines) == 3


def _released() -> OrderView:
    rows = (replace(line(1, 2, 1000), editable=False), line(2, 1, 550))
    return order_view(rows, addresses_editable=False, why_not_editable="One shipment is released.")


def test_a_released_line_and_address_are_refused_with_the_reason() -> None:
    for change in (OrderChange(lines=(LineChange(1, 1),)), OrderChange(shipping=replace(HOME, city="Troy"))):
        with pytest.raises(NotPossibleNow, match="released"):
            checked_change(_released(), change)
    assert checked_change(_released(), OrderChange(lines=(LineChange(2, 3),))).lines == (LineChange(2, 3),)


def test_authorisations_that_captures_and_voids_used_up_are_not_open() -> None:
    rows = (
        moved(1, TransactionKind.AUTHORISE, 1000),
        moved(2, TransactionKind.AUTHORISE, 500),
        moved(3, TransactionKind.CAPTURE, 1000),
        moved(4, TransactionKind.AUTHORISE, 700, TransactionStatus.FAILED),
    )
    assert [row.id for row in open_authorisations(rows)] == [2]
    assert [row.id for row in open_authorisations(rows[:2])] == [1, 2]


@pytest.mark.parametrize(
    ("paid", "due"),
    [
        (Paid(captured=1000, refunded=300), 700),
        (Paid(authorised=1000), 0),
        (Paid(authorised=1000, voided=1000), 0),
        (Paid(captured=1000, voided=1000, voided_captured=1000), 0),
        (Paid(authorised=1000, captured=1000, voided=1000), 1000),
        (Paid(captured=1000, disputed=1000), 0),
    ],
)
def test_what_would_be_refunded_is_what_was_kept(paid: Paid, due: int) -> None:
    assert refund_due_on_cancel(order_view(paid=paid)) == usd(due)


def test_nothing_is_due_for_an_order_whose_money_was_given_back_whole() -> None:
    paid = Paid(captured=9920, refunded=9920)
    view = replace(order_view(), paid=paid, payment_status=PaymentStatus.REFUNDED)
    assert view.balance.minor == 0
