"""What an edit of the lines does to discounts, taxes and the total, to the last minor unit (I7).

The rules, and why:

* A line's own discount scales with its quantity.
* A discount on the order keeps its amount: it was promised as an amount. It never exceeds the lines' value; then it shrinks to it.
* A tax scales with its base. Where the base is at least the taxable goods' value, what lies above it (taxed shipping) stays as it is and the
  base moves by the change in goods; a smaller base (a tax on some of the goods only) moves in proportion.
* A tax without a base cannot be reckoned: once the taxable value changes, a person has to give its amount. The part of the order's tax that
  no tax line explains counts as such a tax, with the id 0.
* Every total moves by the change of its parts. So an untouched order keeps its totals even where an import brought parts that do not
  add up, and an order whose parts add up keeps adding up.

Sharing out is by largest remainder, so that parts always add up to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from cstui.domain.errors import InvalidInput
from cstui.domain.money import Money, shared_out
from cstui.domain.orders import (
    DiscountTarget,
    DiscountView,
    EditPreview,
    LineChange,
    LineView,
    OrderChange,
    OrderView,
    TaxView,
    Totals,
)

#: The id of the tax that no tax line explains.
UNLISTED_TAX = 0
#: No amount here is larger, in minor units.
MOST = 10**15


@dataclass(frozen=True, slots=True)
class Reckoned:
    """An order's money after an edit. New lines have ids below zero, in the order of the change."""

    lines: tuple[LineView, ...]
    taxes: tuple[TaxView, ...]
    discounts: tuple[DiscountView, ...]
    totals: Totals
    needs_tax: tuple[tuple[int, str], ...]
    remarks: tuple[str, ...]


def reckoned(order: OrderView, change: OrderChange) -> Reckoned:
    """The order's lines, taxes, discounts and totals as they would stand after the change.

    Whether a line may be changed at all is not judged here. Errors: `InvalidInput` for a typed tax that is negative, of another currency,
    or of a tax that is reckoned by itself, and for totals beyond any amount here.
    """
    currency = order.totals.total.currency
    typed = _typed_taxes(order, change)
    if not change.lines and not typed:
        return Reckoned(order.lines, order.taxes, order.discounts, order.totals, (), ())
    lines = _new_lines(order, change.lines)
    moved = lines != order.lines
    discounts, remarks = _new_discounts(order, lines) if moved else (order.discounts, ())
    before = _taxable(order.lines, order.discounts)
    after = _taxable(lines, discounts)
    taxes, unlisted, needs_tax = _new_taxes(order, typed, before, after)
    tax = sum(row.amount.minor for row in taxes) + unlisted
    if moved or tax != order.totals.tax.minor:
        lines = _with_taxes(lines, tax, order.totals.tax_included)
    totals = _new_totals(order, lines, discounts, Money(tax, currency))
    if abs(totals.total.minor) > MOST or abs(totals.subtotal.minor) > MOST:
        raise InvalidInput(
            "lines",
            totals.total.plain(),
            "The total is larger than any amount here.",
            "Check the quantities.",
        )
    return Reckoned(lines, taxes, discounts, totals, needs_tax, remarks)


def preview(order: OrderView, change: OrderChange) -> EditPreview:
    """Totals before and after with the difference, for the eye before saving. Errors: as `reckoned`."""
    after = reckoned(order, change)
    return EditPreview(
        before=order.totals,
        after=after.totals,
        lines=after.lines,
        difference=after.totals.total - order.totals.total,
        needs_tax=after.needs_tax,
        remarks=after.remarks,
    )


def scaled(amounts: Sequence[int], factors: Sequence[Fraction]) -> list[int]:
    """Each amount times its factor, in whole minor units that add up to the exact sum rounded half up (largest remainder)."""
    exact = [amount * factor for amount, factor in zip(amounts, factors, strict=True)]
    whole = [value.__floor__() for value in exact]
    missing = (sum(exact, Fraction(1, 2))).__floor__() - sum(whole)
    for index in sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])[:missing]:
        whole[index] += 1
    return whole


def unlisted_tax(order: OrderView) -> int:
    """The part of the order's tax that its tax lines do not explain, in minor units."""
    return order.totals.tax.minor - sum(row.amount.minor for row in order.taxes)


def _typed_taxes(order: OrderView, change: OrderChange) -> dict[int, int]:
    currency = order.totals.total.currency
    names = {row.id: row.name for row in order.taxes if row.base is None or not row.base}
    if unlisted_tax(order):
        names[UNLISTED_TAX] = "Tax"
    known = {row.id: row.name for row in order.taxes}
    typed: dict[int, int] = {}
    for tax_id, amount in change.taxes:
        field = f"taxes.{tax_id}"
        if tax_id not in names:
            name = known.get(tax_id)
            said = f"{name} is reckoned by itself." if name else "This tax is not part of the order any more."
            raise InvalidInput(field, amount.plain(), said, "Leave it as it is.")
        if amount.currency != currency or amount.minor < 0 or amount.minor > MOST:
            raise InvalidInput(
                field,
                amount.plain(),
                f"{names[tax_id]} cannot be {amount.plain()} {amount.currency}.",
                f"Give an amount in {currency}, zero or more.",
            )
        typed[tax_id] = amount.minor
    return typed


def _new_lines(order: OrderView, changes: tuple[LineChange, ...]) -> tuple[LineView, ...]:
    quantities = {change.line_id: change.quantity for change in changes if change.line_id is not None}
    kept = [line for line in order.lines if quantities.get(line.id, line.quantity) != 0 or line.quantity == 0]
    new = [quantities.get(line.id, line.quantity) for line in kept]
    factors = [
        Fraction(quantity, line.quantity) if line.quantity else Fraction(1)
        for line, quantity in zip(kept, new, strict=True)
    ]
    discounts = scaled([line.discount.minor for line in kept], factors)
    lines = [
        line
        if quantity == line.quantity
        else _priced(replace(line, quantity=quantity, discount=Money(discount, line.discount.currency)))
        for line, quantity, discount in zip(kept, new, discounts, strict=True)
    ]
    added = [change for change in changes if change.line_id is None and change.quantity]
    return (
        *lines,
        *(_added(order, change, -number) for number, change in enumerate(added, start=1)),
    )


def _added(order: OrderView, change: LineChange, line_id: int) -> LineView:
    zero = Money(0, order.totals.total.currency)
    price = change.unit_price or zero
    return _priced(
        LineView(
            id=line_id, sku=change.sku, name=change.name, option=change.option, quantity=change.quantity, unit_price=price, discount=zero,
            tax=zero, total=zero, taxable=change.taxable, requires_shipping=change.requires_shipping, personalisation="",
            subscription_id=None, editable=True,
        )
    )  # fmt: skip


def _priced(line: LineView, tax_included: bool = False) -> LineView:
    total = line.unit_price * line.quantity - line.discount
    return replace(line, total=total if tax_included else total + line.tax)


def _net(line: LineView) -> int:
    return line.unit_price.minor * line.quantity - line.discount.minor


def _new_discounts(
    order: OrderView, lines: tuple[LineView, ...]
) -> tuple[tuple[DiscountView, ...], tuple[str, ...]]:
    """The order's discounts, those on lines shrunk to the lines' value where that has fallen below them."""
    on_lines = [row.amount.minor for row in order.discounts if row.target is DiscountTarget.LINES]
    most = max(0, sum(map(_net, lines)))
    if sum(on_lines) <= most or any(amount < 0 for amount in on_lines):
        return order.discounts, ()
    shares = iter(shared_out(most, on_lines))
    currency = order.totals.total.currency
    discounts = tuple(
        replace(row, amount=Money(next(shares), currency)) if row.target is DiscountTarget.LINES else row
        for row in order.discounts
    )
    remarks = tuple(
        f"Discount {old.code or 'on the order'} shrinks from {old.amount.plain()} to {new.amount.plain()}: the lines are worth no more."
        for old, new in zip(order.discounts, discounts, strict=True)
        if old.amount != new.amount
    )
    return discounts, remarks


def _taxable(lines: tuple[LineView, ...], discounts: tuple[DiscountView, ...]) -> int:
    """The taxable goods' value after all discounts on lines."""
    taxable = sum(max(0, _net(line)) for line in lines if line.taxable)
    rest = sum(max(0, _net(line)) for line in lines if not line.taxable)
    on_lines = sum(row.amount.minor for row in discounts if row.target is DiscountTarget.LINES)
    return max(0, taxable - shared_out(on_lines, [taxable, rest])[0])


def _new_taxes(
    order: OrderView, typed: dict[int, int], before: int, after: int
) -> tuple[tuple[TaxView, ...], int, tuple[tuple[int, str], ...]]:
    """The taxes, the unlisted part, and what has to be typed."""
    currency = order.totals.total.currency
    known = [row for row in order.taxes if row.base]
    bases = [_new_base(row.base.minor if row.base else 0, before, after) for row in known]
    amounts = scaled(
        [row.amount.minor for row in known],
        [Fraction(base, row.base.minor if row.base else 1) for row, base in zip(known, bases, strict=True)],
    )
    reckoned_rows = {
        row.id: replace(row, amount=Money(amount, currency), base=Money(base, currency))
        for row, base, amount in zip(known, bases, amounts, strict=True)
    }
    taxes = tuple(
        reckoned_rows.get(row.id) or replace(row, amount=Money(typed.get(row.id, row.amount.minor), currency))
        for row in order.taxes
    )
    unlisted = unlisted_tax(order)
    # Goods that were taxed at nothing are taxed at nothing again: the rate is known to be zero.
    waiting = [(row.id, row.name) for row in order.taxes if not row.base and (row.amount or not before)]
    if unlisted:
        waiting.append((UNLISTED_TAX, "Tax"))
    needs = tuple(entry for entry in waiting if before != after and entry[0] not in typed)
    return taxes, typed.get(UNLISTED_TAX, unlisted), needs


def _new_base(base: int, before: int, after: int) -> int:
    if base >= before:
        return max(0, base + after - before)
    return (Fraction(base * after, before) + Fraction(1, 2)).__floor__()


def _with_taxes(lines: tuple[LineView, ...], tax: int, tax_included: bool) -> tuple[LineView, ...]:
    """The lines with the order's tax shared out over the taxable ones by their value, so that their totals are plausible."""
    weights = [max(0, _net(line)) if line.taxable else 0 for line in lines]
    if any(weights):
        shares = shared_out(tax, weights)
    else:
        shares = [0] * len(lines)
    return tuple(
        _priced(replace(line, tax=Money(share, line.tax.currency)), tax_included)
        for line, share in zip(lines, shares, strict=True)
    )


def _new_totals(
    order: OrderView, lines: tuple[LineView, ...], discounts: tuple[DiscountView, ...], tax: Money
) -> Totals:
    old = order.totals
    currency = old.total.currency
    subtotal = _gross(lines) - _gross(order.lines)
    discount = (
        sum(line.discount.minor for line in lines)
        - sum(line.discount.minor for line in order.lines)
        + sum(row.amount.minor for row in discounts)
        - sum(row.amount.minor for row in order.discounts)
    )
    taxed = 0 if old.tax_included else tax.minor - old.tax.minor
    return replace(
        old,
        subtotal=old.subtotal + Money(subtotal, currency),
        discount=old.discount + Money(discount, currency),
        tax=tax,
        total=old.total + Money(subtotal - discount + taxed, currency),
    )


def _gross(lines: tuple[LineView, ...]) -> int:
    return sum(line.unit_price.minor * line.quantity for line in lines)
