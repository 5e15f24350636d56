"""What a refund is planned on, as values; and what is left of it after a plan was carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cstui.domain.payments import AllocationKind, TransactionKind
from cstui.domain.refunds import Allocation, Charge, RefundBasis, RefundLine, RefundPlan, Route

NOW = datetime(2026, 11, 2, 17, 46, tzinfo=UTC)
CUT_OFF = NOW + timedelta(hours=2, minutes=14)


def charge(key: int, amount: int, **facts: Any) -> Charge:
    """A settled sale by card; a lower key is an older one."""
    values: dict[str, Any] = {
        "kind": TransactionKind.SALE, "at": NOW - timedelta(days=30 - key), "currency": "USD", "gateway": "nmi", "account": "main",
        "gateway_ref": f"T{key}", "card_brand": "Visa", "card_last4": "4242", "is_settled": True,
    }  # fmt: skip
    return Charge(transaction_id=key, amount=amount, **{**values, **facts})


def unsettled(key: int, amount: int, **facts: Any) -> Charge:
    """A sale of today at a gateway that voids until the cut-off and refunds only after it."""
    return charge(key, amount, **{"is_settled": False, "void_until": CUT_OFF, **facts})


def basis(
    *charges: Charge, lines: Sequence[RefundLine] = (), shipping: int = 0, shipping_tax: int = 0, **facts: Any
) -> RefundBasis:
    """An order in dollars that a supervisor looks at."""
    values: dict[str, Any] = {
        "currency": "USD", "refunded_shipping": 0, "refunded_shipping_tax": 0, "may_goodwill": True, "may_other_card": True,
        "may_record": True, "cards": ((7, "Mastercard …4444"),),
    }  # fmt: skip
    return RefundBasis(
        order_id=1, number="1001", store_id=1, customer_id=1, version=3, lines=tuple(lines), shipping=shipping,
        shipping_tax=shipping_tax, charges=charges, **{**values, **facts},
    )  # fmt: skip


def carried_out(before: RefundBasis, plan: RefundPlan) -> RefundBasis:
    """The order after every part of the plan has been done."""
    assert not plan.why_not, plan.why_not
    parts = {part.charge.transaction_id: part for part in plan.parts}
    charges = []
    for row in before.charges:
        part = parts.get(row.transaction_id)
        if part is not None and part.route is Route.VOID:
            row = replace(row, voided=row.voided + part.amount)
        elif part is not None:
            row = replace(row, refunded=row.refunded + part.amount)
        charges.append(row)
    made_of = [piece for part in plan.parts for piece in part.allocations]
    return replace(
        before,
        charges=tuple(charges),
        lines=tuple(_line_after(line, made_of) for line in before.lines),
        refunded_shipping=before.refunded_shipping + _sum(made_of, AllocationKind.SHIPPING, None),
        refunded_shipping_tax=before.refunded_shipping_tax + _sum(made_of, AllocationKind.TAX, None),
    )


def _line_after(line: RefundLine, made_of: Sequence[Allocation]) -> RefundLine:
    pieces = sum(piece.quantity for piece in made_of if piece.line_id == line.line_id)
    return replace(
        line,
        refunded_quantity=line.refunded_quantity + pieces,
        refunded=line.refunded + _sum(made_of, AllocationKind.LINE, line.line_id),
        refunded_tax=line.refunded_tax + _sum(made_of, AllocationKind.TAX, line.line_id),
    )


def _sum(made_of: Sequence[Allocation], kind: AllocationKind, line_id: int | None) -> int:
    return sum(piece.amount for piece in made_of if (piece.kind, piece.line_id) == (kind, line_id))
