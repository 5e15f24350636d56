"""Three-way merging of an edit with what somebody else saved meanwhile: was, theirs, mine, field by field (LOCK-05).

What only one side changed is taken; what both changed alike is no clash; only what both changed differently is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cstui.domain.addresses import ADDRESS_LABELS, Address
from cstui.domain.money import Money
from cstui.domain.order_totals import UNLISTED_TAX, unlisted_tax
from cstui.domain.orders import LineChange, LineView, OrderChange, OrderView

Side = Literal["theirs", "mine"]


@dataclass(frozen=True, slots=True)
class FieldClash:
    """One field that both sides changed differently. Values are as a person reads them; empty means taken out."""

    path: str
    label: str
    was: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an edit looks like on top of what is stored now. In `merged` every clash stands as theirs until it is chosen."""

    base: OrderView
    now: OrderView
    mine: OrderChange
    merged: OrderChange
    clashes: tuple[FieldClash, ...]


def compare(base: OrderView, now: OrderView, mine: OrderChange) -> Comparison:
    """Compares an edit that was begun on `base` with the order as it stands now."""
    merged, clashes = _merged(base, now, mine, {})
    return Comparison(base, now, mine, merged, clashes)


def choose(comparison: Comparison, picks: Mapping[str, Side]) -> OrderChange:
    """The change to save on top of what is stored now, with each clash as picked by its path; unpicked ones stay theirs."""
    return _merged(comparison.base, comparison.now, comparison.mine, picks)[0]


def merged_text(was: str, theirs: str, mine: str) -> str | None:
    """The one text that three versions come to, or None where both sides changed it differently."""
    if mine in (was, theirs):
        return theirs
    return mine if theirs == was else None


def _merged(
    base: OrderView, now: OrderView, mine: OrderChange, picks: Mapping[str, Side]
) -> tuple[OrderChange, tuple[FieldClash, ...]]:
    clashes: list[FieldClash] = []
    billing = _address("billing", "Billing", (base.billing, now.billing, mine.billing), picks, clashes)
    shipping = _address("shipping", "Shipping", (base.shipping, now.shipping, mine.shipping), picks, clashes)
    lines = _lines(base, now, mine.lines, picks, clashes)
    taxes = _taxes(base, now, mine, picks, clashes)
    return replace(mine, billing=billing, shipping=shipping, lines=lines, taxes=taxes), tuple(clashes)


def _address(
    part: str,
    label: str,
    sides: tuple[Address, Address, Address | None],
    picks: Mapping[str, Side],
    clashes: list[FieldClash],
) -> Address | None:
    was, theirs, mine = sides
    if mine is None:
        return None
    values: dict[str, str] = {}
    for name, field_label in ADDRESS_LABELS.items():
        three = (getattr(was, name), getattr(theirs, name), getattr(mine, name))
        clash = FieldClash(f"{part}.{name}", f"{label} address: {field_label}", *three)
        values[name] = _settled(clash, picks, clashes)
    merged = replace(theirs, **values)
    return None if merged == theirs else merged


def _settled(clash: FieldClash, picks: Mapping[str, Side], clashes: list[FieldClash]) -> str:
    """The text that holds: merged where it can be, else as picked, else theirs; a clash is noted."""
    text = merged_text(clash.was, clash.theirs, clash.mine)
    if text is not None:
        return text
    clashes.append(clash)
    return clash.mine if picks.get(clash.path) == "mine" else clash.theirs


def _lines(
    base: OrderView,
    now: OrderView,
    mine: tuple[LineChange, ...],
    picks: Mapping[str, Side],
    clashes: list[FieldClash],
) -> tuple[LineChange, ...]:
    was = {line.id: line for line in base.lines}
    theirs = {line.id: line for line in now.lines}
    merged: list[LineChange] = []
    for change in mine:
        if change.line_id is None:
            merged.append(change)
            continue
        old, new = was.get(change.line_id), theirs.get(change.line_id)
        if old and new and (old.sku, old.name, old.option) != (new.sku, new.name, new.option):
            # The line was taken out, and another one was given its id.
            new = None
        facts = new or old
        if facts is None:
            continue
        clash = FieldClash(
            f"lines.{change.line_id}.quantity",
            f"Quantity of {facts.name}",
            _pieces(old.quantity if old else 0),
            _pieces(new.quantity if new else 0),
            _pieces(change.quantity),
        )
        quantity = int(_settled(clash, picks, clashes) or "0")
        if new is None and quantity and old is not None:
            merged.append(_again(old, quantity))
        elif new is not None and quantity != new.quantity:
            merged.append(replace(change, quantity=quantity))
    return tuple(merged)


def _pieces(quantity: int) -> str:
    return str(quantity) if quantity else ""


def _again(line: LineView, quantity: int) -> LineChange:
    """A line that they took out and that is to stay: it comes back as a new one."""
    return LineChange(
        None,
        quantity,
        sku=line.sku,
        name=line.name,
        option=line.option,
        unit_price=line.unit_price,
        taxable=line.taxable,
        requires_shipping=line.requires_shipping,
    )


def _taxes(
    base: OrderView,
    now: OrderView,
    mine: OrderChange,
    picks: Mapping[str, Side],
    clashes: list[FieldClash],
) -> tuple[tuple[int, Money], ...]:
    was, theirs = _tax_amounts(base), _tax_amounts(now)
    merged: list[tuple[int, Money]] = []
    for tax_id, amount in mine.taxes:
        if tax_id not in theirs:
            continue
        name, stored = theirs[tax_id]
        old = was.get(tax_id, (name, stored))[1]
        clash = FieldClash(f"taxes.{tax_id}.amount", name, old.plain(), stored.plain(), amount.plain())
        text = _settled(clash, picks, clashes)
        if text == amount.plain():
            merged.append((tax_id, amount))
    return tuple(merged)


def _tax_amounts(order: OrderView) -> dict[int, tuple[str, Money]]:
    amounts = {row.id: (row.name, row.amount) for row in order.taxes}
    amounts[UNLISTED_TAX] = ("Tax", Money(unlisted_tax(order), order.totals.total.currency))
    return amounts
