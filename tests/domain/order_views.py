"""Orders as values, for tests of rules that need no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cstui.domain.addresses import Address
from cstui.domain.money import Money
from cstui.domain.orders import (
    DiscountTarget,
    DiscountView,
    LineView,
    OrderKind,
    OrderStatus,
    OrderView,
    TaxView,
    Totals,
)
from cstui.domain.payments import (  # fmt: skip
    Paid,
    PaymentStatus,
    TransactionKind,
    TransactionOrigin,
    TransactionRow,
    TransactionStatus,
)
from cstui.domain.shipments import FulfilmentStatus, ShipmentRow, ShipmentState

THEN = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HOME = Address("Ann", "Lee", "", "12 Elm Street", "", "Albany", "NY", "12207", "US", "")


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def line(key: int, quantity: int, price: int, discount: int = 0, *, name: str = "Mug", taxable: bool = True) -> LineView:  # fmt: skip
    return LineView(
        key, f"SKU-{key}", name, "", quantity, usd(price), usd(discount), usd(0), usd(quantity * price - discount), taxable, True, "",
        None, True,
    )  # fmt: skip


def order_view(
    lines: tuple[LineView, ...] = (line(1, 2, 1000), line(2, 1, 550, name="Tea")),
    *,
    taxes: tuple[tuple[int, int | None], ...] = (),
    discounts: tuple[tuple[int, DiscountTarget], ...] = (),
    shipping: int = 500,
    tax_included: bool = False,
    **more: Any,
) -> OrderView:
    """An order whose parts add up. `taxes` are (amount, base), ids from 101."""
    subtotal = sum(row.quantity * row.unit_price.minor for row in lines)
    discount = sum(row.discount.minor for row in lines) + sum(amount for amount, _ in discounts)
    tax = sum(amount for amount, _ in taxes)
    total = subtotal - discount + shipping + (0 if tax_included else tax)
    facts: dict[str, Any] = {
        "id": 1, "number": "#1001", "store_id": 1, "store_code": "main", "store_name": "Main", "store_zone": "UTC", "is_test": False,
        "customer_id": 1, "customer_name": "Ann Lee", "email": "", "phone": "", "kind": OrderKind.SALE, "source": "",
        "status": OrderStatus.IN_PROGRESS, "payment_status": PaymentStatus.UNPAID, "fulfilment_status": FulfilmentStatus.UNFULFILLED,
        "paid": Paid(), "placed_at": THEN, "cancelled_at": None, "cancel_reason": "", "billing": HOME, "shipping": HOME,
        "lines": lines,
        "taxes": tuple(
            TaxView(101 + i, f"Tax {i + 1}", usd(amount), None if base is None else usd(base))
            for i, (amount, base) in enumerate(taxes)
        ),
        "discounts": tuple(DiscountView(f"CODE{i}", usd(amount), target) for i, (amount, target) in enumerate(discounts)),
        "totals": Totals(usd(subtotal), usd(discount), usd(shipping), usd(tax), usd(total), tax_included),
        "holds": (), "shipments": (), "transactions": (), "notes": (), "tags": "", "payment_method": "", "version": 1,
        "edit_lock": None, "viewers": (), "permitted": frozenset(), "lines_editable": True, "addresses_editable": True,
        "why_not_editable": "",
    }  # fmt: skip
    return OrderView(**{**facts, **more})


def parcel(key: int, state: ShipmentState, *contents: tuple[int, int], is_digital: bool = False) -> ShipmentRow:  # fmt: skip
    return ShipmentRow(key, 1, "#1001", state, is_digital, "Standard", "", "", contents, None, None, None)


def moved(key: int, kind: TransactionKind, amount: int, status: TransactionStatus = TransactionStatus.SUCCEEDED) -> TransactionRow:  # fmt: skip
    return TransactionRow(
        key, 1, "#1001", THEN, kind, status, usd(amount), "sandbox", "Visa", "4242", "", "", TransactionOrigin.IMPORT, False
    )  # fmt: skip
