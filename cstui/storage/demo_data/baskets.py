"""What is bought and what it comes to: lines, discounts, taxes and totals that hang together to the cent."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cstui.domain.money import shared_out
from cstui.domain.orders import DiscountTarget
from cstui.storage.demo_data.places import Place
from cstui.storage.demo_data.shops import Item, Shop

Picks = tuple[tuple[Item, int], ...]

#: Sales taxes by country and region, in parts per 100,000. A region that is not listed has none.
_SALES_TAX: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {
    ("US", "NY"): (("New York State Tax", 4000), ("Local Tax", 4500)),
    ("US", "MA"): (("Massachusetts State Tax", 6250),),
    ("US", "CT"): (("Connecticut State Tax", 6350),),
    ("US", "PA"): (("Pennsylvania State Tax", 6000),),
    ("US", "MD"): (("Maryland State Tax", 6000),),
    ("US", "VA"): (("Virginia State Tax", 5300),),
    ("US", "GA"): (("Georgia State Tax", 4000), ("Fulton County Tax", 4900)),
    ("US", "FL"): (("Florida State Tax", 6000),),
    ("US", "IL"): (("Illinois State Tax", 6250), ("Chicago City Tax", 1250)),
    ("US", "MI"): (("Michigan State Tax", 6000),),
    ("US", "MN"): (("Minnesota State Tax", 6875),),
    ("US", "TX"): (("Texas State Tax", 6250), ("City Tax", 2000)),
    ("US", "CO"): (("Colorado State Tax", 2900), ("Denver City Tax", 5150)),
    ("US", "AZ"): (("Arizona State Tax", 5600),),
    ("US", "NV"): (("Nevada State Tax", 6850),),
    ("US", "CA"): (("California State Tax", 7250),),
    ("US", "WA"): (("Washington State Tax", 6500),),
    ("CA", "ON"): (("HST", 13000),),
    ("CA", "QC"): (("GST", 5000), ("QST", 9975)),
    ("CA", "BC"): (("GST", 5000), ("PST", 7000)),
}
_CODES = ("WELCOME10", "FRIENDS15", "SUMMER5", "THANKYOU", "NEWSLETTER10", "SORRY10")


@dataclass(frozen=True, slots=True)
class Discount:
    """A code with the amount that it takes off, in minor units."""

    code: str
    amount: int
    target: DiscountTarget


@dataclass(frozen=True, slots=True)
class Bill:
    """A basket reckoned up; `line_discounts` and `line_taxes` stand beside the picks, `taxes` are (name, amount, base)."""

    picks: Picks
    subtotal: int
    discounts: tuple[Discount, ...]
    line_discounts: tuple[int, ...]
    taxes: tuple[tuple[str, int, int], ...]
    line_taxes: tuple[int, ...]
    shipping: int
    total: int

    @property
    def discount(self) -> int:
        """All discounts together."""
        return sum(discount.amount for discount in self.discounts)

    @property
    def tax(self) -> int:
        """All taxes together."""
        return sum(amount for _, amount, _ in self.taxes)


def drawn_picks(dice: random.Random, shop: Shop) -> Picks:
    """One to five different products, the cheap ones in greater quantity."""
    count = dice.choices((1, 2, 3, 4, 5), (44, 31, 15, 7, 3))[0]
    picked: dict[str, tuple[Item, int]] = {}
    for _ in range(min(count, len(shop.items))):
        item = dice.choice(shop.items)
        quantity = dice.choices((1, 2, 3, 6), (70, 20, 7, 3))[0] if item.price < 3000 else 1
        picked[item.sku] = (item, quantity)
    return tuple(picked.values())


def drawn_discounts(dice: random.Random, picks: Picks, shipping: int) -> tuple[Discount, ...]:
    """Now and then a code on the lines, or free shipping."""
    turn = dice.random()
    subtotal = sum(item.price * quantity for item, quantity in picks)
    if turn < 0.11:
        code = dice.choice(_CODES)
        percent = 15 if "15" in code else 5 if "5" in code else 10
        return (Discount(code, subtotal * percent // 100, DiscountTarget.LINES),)
    if turn < 0.14 and shipping:
        return (Discount("FREESHIP", shipping, DiscountTarget.SHIPPING),)
    if turn < 0.15 and shipping:
        return (
            Discount("WELCOME10", subtotal // 10, DiscountTarget.LINES),
            Discount("SHIP-HALF", shipping // 2, DiscountTarget.SHIPPING),
        )
    return ()


def reckoned(shop: Shop, place: Place, picks: Picks, shipping: int, discounts: tuple[Discount, ...]) -> Bill:
    """The bill of a basket sent to a place: prices include the tax in a euro store, elsewhere it is added."""
    values = [item.price * quantity for item, quantity in picks]
    off = sum(discount.amount for discount in discounts if discount.target is DiscountTarget.LINES)
    line_discounts = shared_out(off, values) if off else [0] * len(values)
    net = [value - less for value, less in zip(values, line_discounts, strict=True)]
    taxes, line_taxes = _taxed(shop, place, picks, net)
    added = 0 if shop.includes_tax else sum(amount for _, amount, _ in taxes)
    total = sum(values) - sum(discount.amount for discount in discounts) + shipping + added
    return Bill(
        picks,
        sum(values),
        discounts,
        tuple(line_discounts),
        tuple(taxes),
        tuple(line_taxes),
        shipping,
        total,
    )


def _taxed(
    shop: Shop, place: Place, picks: Picks, net: list[int]
) -> tuple[list[tuple[str, int, int]], list[int]]:
    if shop.includes_tax:
        rates = sorted({item.rate for item, _ in picks if item.taxable and item.rate})
        kinds = [(f"MwSt. {rate // 100} %", rate * 10, rate) for rate in rates]
    else:
        kinds = [(name, rate, -1) for name, rate in _SALES_TAX.get((place.country, place.region), ())]
    taxes: list[tuple[str, int, int]] = []
    line_taxes = [0] * len(net)
    for name, rate, of_rate in kinds:
        bases = [
            value if item.taxable and of_rate in (-1, item.rate) else 0
            for (item, _), value in zip(picks, net, strict=True)
        ]
        base = sum(bases)
        whole = 100_000 + rate if shop.includes_tax else 100_000
        amount = (base * rate * 2 + whole) // (whole * 2)
        if not amount:
            continue
        taxes.append((name, amount, base))
        if len(bases) == 1:
            line_taxes[0] += amount
        else:
            line_taxes = [
                former + share for former, share in zip(line_taxes, shared_out(amount, bases), strict=True)
            ]
    return taxes, line_taxes
