"""The arithmetic of an exported order: what its discounts lower, whether its prices hold the tax, and what does not add up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cstui.domain.money import shared_out
from cstui.domain.orders import DiscountTarget
from cstui.services.imports.shopify_columns import Refused, Remarks

#: The discount that stands for what the file's own amounts leave unexplained.
ADJUSTMENT = "Adjustment in the file"
_PERCENT = re.compile(r"(\d{1,2})(?:[.,](\d{1,3}))?\s*%")
_MOST_MINOR = 10**15


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of the file; the price is per unit, the discount of the whole line, both in minor units."""

    sku: str
    name: str
    vendor: str
    quantity: int
    unit_price: int
    discount: int
    taxable: bool
    requires_shipping: bool
    fulfilment: str

    @property
    def gross(self) -> int:
        """The line's value before discounts."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class FileSums:
    """The order's amounts as the file gives them; `outstanding` is None where the file has no such column."""

    subtotal: int
    shipping: int
    tax: int
    total: int
    discount: int
    refunded: int
    outstanding: int | None


@dataclass(frozen=True, slots=True)
class Priced:
    """The order's amounts in our terms: total = subtotal − discount + shipping (+ tax unless included), always."""

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int
    tax_included: bool
    line_taxes: tuple[int, ...]
    taxes: tuple[tuple[str, int, int | None], ...]
    discounts: tuple[tuple[str, int, str], ...]

    def as_values(self, currency: str, lines: list[FileLine]) -> dict[str, Any]:
        """What the import remembers of the contents."""
        return {
            "currency": currency, "subtotal": self.subtotal, "discount": self.discount, "shipping": self.shipping, "tax": self.tax,
            "total": self.total, "prices_include_tax": self.tax_included,
            "lines": [
                [x.sku, x.name, x.vendor, x.quantity, x.unit_price, x.discount, tax, x.taxable, x.requires_shipping]
                for x, tax in zip(lines, self.line_taxes, strict=True)
            ],
            "taxes": [list(tax) for tax in self.taxes],
            "discounts": [list(discount) for discount in self.discounts],
        }  # fmt: skip


def priced(
    lines: list[FileLine], sums: FileSums, taxes: list[tuple[str, int]], code: str, remarks: Remarks
) -> Priced:
    """Finds the reading under which the file adds up; where none does, an adjustment keeps its total to the cent.

    Shopify's subtotal is after line discounts, ours before. A discount that did not lower the subtotal lowers the shipping.
    """
    gross = sum(line.gross for line in lines)
    if gross > _MOST_MINOR:
        raise Refused("Lineitem price", "", "The lines are worth more than any amount here.")
    off_lines, off_shipping = _discounts(gross, sums)
    included, rest = _tax_included(gross - off_lines + sums.shipping - off_shipping, sums)
    by_line = sum(line.discount for line in lines)
    discounts = [
        (code or "Discount", off_lines - by_line, DiscountTarget.LINES.value),
        (code or "Discount", off_shipping, DiscountTarget.SHIPPING.value),
        (ADJUSTMENT, -rest, DiscountTarget.LINES.value),
    ]
    if rest:
        remarks.add("The amounts do not add up to the total; the difference is kept as “" + ADJUSTMENT + "”.")
    weights = [line.gross if line.taxable else 0 for line in lines]
    if not any(weights):
        weights = [line.gross for line in lines]
    line_taxes = shared_out(sums.tax, weights)
    return Priced(
        gross, off_lines + off_shipping - rest, sums.shipping, sums.tax, sums.total, included, tuple(line_taxes),
        _taxes(lines, off_lines, sums, taxes, included), tuple(each for each in discounts if each[1]),
    )  # fmt: skip


def _discounts(gross: int, sums: FileSums) -> tuple[int, int]:
    """What the discounts take off the lines and off the shipping."""
    off_lines = gross - sums.subtotal
    beyond = sums.discount - off_lines
    if off_lines >= 0 and 0 <= beyond <= sums.shipping:
        return off_lines, beyond
    return (off_lines, 0) if beyond <= 0 <= off_lines else (sums.discount, 0)


def _tax_included(before_tax: int, sums: FileSums) -> tuple[bool, int]:
    """Whether the prices hold the tax, and what is left to explain."""
    if sums.tax and sums.total == before_tax:
        return True, 0
    return False, sums.total - before_tax - sums.tax


def _taxes(
    lines: list[FileLine], off_lines: int, sums: FileSums, taxes: list[tuple[str, int]], included: bool
) -> tuple[tuple[str, int, int | None], ...]:
    named = sum(amount for _, amount in taxes)
    if named != sums.tax:
        taxes = [*taxes, ("Other tax" if taxes else "Tax", sums.tax - named)]
    if not taxes:
        return ()
    share = shared_out(off_lines, [line.gross for line in lines]) if off_lines > 0 else [0] * len(lines)
    goods = sum(line.gross - off for line, off in zip(lines, share, strict=True) if line.taxable)
    return tuple(
        (name, amount, _base(name, amount, goods, sums.shipping, included)) for name, amount in taxes
    )


def _base(name: str, amount: int, goods: int, shipping: int, included: bool) -> int | None:
    """What the tax was reckoned on, told by the percentage in its name; None where that proves nothing."""
    found = _PERCENT.search(name)
    if not found:
        return None
    rate = int(found[1]) * 1000 + int((found[2] or "0").ljust(3, "0"))
    of = 100_000 + (rate if included else 0)
    for base in (goods, goods + shipping):
        if abs(amount * of - base * rate) <= of:
            return base
    return None
