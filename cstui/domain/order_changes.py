"""An edit's field changes as the audit keeps them, in words that can be read and undone.

Paths: `billing.line1`, `shipping.city`, `lines.<id>.quantity`, `lines.<id>` (a line added or taken out, its facts follow as
`lines.<id>.sku` …), `taxes.<id>.amount`, `taxes.<id>.base`, `discounts.<n>.amount` (the n-th, from 1), `totals.total` …, `status`,
`holds.<id>`, `holds.<id>.state`, `shipments.<id>.state`. Amounts are `12.50 USD`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from cstui.domain.addresses import Address
from cstui.domain.audit import Change
from cstui.domain.money import Money
from cstui.domain.order_rules import line_words
from cstui.domain.orders import DiscountView, LineView, TaxView, Totals

#: The totals that an edit can move.
TOTALS = ("subtotal", "discount", "shipping", "tax", "total")
_MONEY = ("unit_price", "discount", "tax")
_WORDS = ("sku", "name", "option", "personalisation")


def amount_words(amount: Money) -> str:
    """`12.50 USD`: read back with `minor_from_plain` of the part before the blank."""
    return f"{amount.plain()} {amount.currency}"


def address_changes(part: str, old: Address, new: Address) -> Iterator[Change]:
    """The fields in which two addresses differ; `part` is `billing` or `shipping`."""
    for field in fields(Address):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was != now:
            yield Change(f"{part}.{field.name}", was, now)


def line_changes(old: Iterable[LineView], new: Iterable[LineView]) -> Iterator[Change]:
    """Lines added, taken out, and changed in quantity, discount or tax; lines of `new` have their stored ids."""
    before = {line.id: line for line in old}
    after = {line.id: line for line in new}
    for line_id, line in before.items():
        if line_id not in after:
            yield Change(f"lines.{line_id}", line_words(line.quantity, line.name, line.option), "")
            yield from (Change(f"lines.{line_id}.{name}", text, "") for name, text in _facts(line))
    for line_id, line in after.items():
        was = before.get(line_id)
        if was is None:
            yield Change(f"lines.{line_id}", "", line_words(line.quantity, line.name, line.option))
            yield from (Change(f"lines.{line_id}.{name}", "", text) for name, text in _facts(line))
            continue
        if was.quantity != line.quantity:
            yield Change(f"lines.{line_id}.quantity", str(was.quantity), str(line.quantity))
        for name in ("discount", "tax"):
            a, b = getattr(was, name), getattr(line, name)
            if a != b:
                yield Change(f"lines.{line_id}.{name}", amount_words(a), amount_words(b))


def _facts(line: LineView) -> Iterator[tuple[str, str]]:
    """What it takes to show a line again, empty facts left out."""
    yield "quantity", str(line.quantity)
    for name in _WORDS:
        if getattr(line, name):
            yield name, getattr(line, name)
    for name in _MONEY:
        if getattr(line, name):
            yield name, amount_words(getattr(line, name))
    if not line.taxable:
        yield "taxable", "no"
    if not line.requires_shipping:
        yield "requires_shipping", "no"
    if line.subscription_id is not None:
        yield "subscription_id", str(line.subscription_id)


def tax_changes(old: Iterable[TaxView], new: Iterable[TaxView]) -> Iterator[Change]:
    """Taxes whose amount or base moved."""
    for was, now in zip(old, new, strict=True):
        if was.amount != now.amount:
            yield Change(f"taxes.{now.id}.amount", amount_words(was.amount), amount_words(now.amount))
        if was.base != now.base and was.base is not None and now.base is not None:
            yield Change(f"taxes.{now.id}.base", amount_words(was.base), amount_words(now.base))


def discount_changes(old: Iterable[DiscountView], new: Iterable[DiscountView]) -> Iterator[Change]:
    """Discounts that shrank, by their place in the order's list."""
    for place, (was, now) in enumerate(zip(old, new, strict=True), start=1):
        if was.amount != now.amount:
            yield Change(f"discounts.{place}.amount", amount_words(was.amount), amount_words(now.amount))


def totals_changes(old: Totals, new: Totals) -> Iterator[Change]:
    """Totals that moved."""
    for name in TOTALS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Change(f"totals.{name}", amount_words(was), amount_words(now))
