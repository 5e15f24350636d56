"""What one cycle costs: unit × quantity − discount + shipping + tax, to the last minor unit; for good, or for some cycles only.

* A percentage is of the goods (unit × quantity), rounded half up; a fixed discount is never more than the goods.
* The tax scales with the goods after discount, from what stood, rounded half up. Where nothing was taxed before, it stays as it is.
* A price for some cycles is reckoned beside the regular one: when it is over, the regular one is back to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.money import Money, exponent
from cstui.domain.order_totals import MOST
from cstui.domain.subscription_changes import BillPart, ProductFacts, SubscriptionChange, SubscriptionFacts
from cstui.domain.subscriptions import DiscountKind, RegularPrice

MOST_PIECES = 999
#: For how many bills a price can be agreed at most.
MOST_CYCLES = 120


@dataclass(frozen=True, slots=True)
class Terms:
    """A price build-up in minor units; `value` is whole percent, or minor units."""

    unit: int
    quantity: int
    kind: DiscountKind
    value: int
    discount: int
    shipping: int
    tax: int

    @property
    def goods(self) -> int:
        """The goods after discount: what is taxed."""
        return self.unit * self.quantity - self.discount

    @property
    def total(self) -> int:
        """The charge of one cycle."""
        return self.goods + self.shipping + self.tax


def discount_of(goods: int, kind: DiscountKind, value: int) -> int:
    """The discount on goods of that worth: percent rounded half up, a fixed one at most the goods."""
    if kind is DiscountKind.PERCENT:
        return (goods * value + 50) // 100
    return min(value, goods) if kind is DiscountKind.FIXED else 0


def tax_of(tax: int, goods_before: int, goods_after: int) -> int:
    """A tax scaled with its goods, rounded half up; unchanged where nothing was taxed before."""
    if goods_before <= 0 or goods_before == goods_after:
        return tax
    return (2 * tax * goods_after + goods_before) // (2 * goods_before)


def standing(facts: SubscriptionFacts) -> Terms:
    """The price that the next bill comes to."""
    return Terms(
        facts.unit_price, facts.quantity, facts.discount_kind, facts.discount_value, facts.discount, facts.shipping, facts.tax
    )  # fmt: skip


def regular(facts: SubscriptionFacts) -> Terms | None:
    """The price that comes back after the one that stands; None where that is the regular one."""
    if not facts.price_cycles_left or facts.regular_unit_price is None:
        return None
    kind = facts.regular_discount_kind or DiscountKind.NONE
    value = facts.regular_discount_value or 0
    goods = facts.regular_unit_price * facts.quantity
    return Terms(
        facts.regular_unit_price, facts.quantity, kind, value, discount_of(goods, kind, value), facts.regular_shipping or 0,
        facts.regular_tax or 0,
    )  # fmt: skip


def regular_shown(facts: SubscriptionFacts) -> RegularPrice | None:
    """The price that comes back, as a view shows it."""
    terms = regular(facts)
    if terms is None:
        return None

    def money(minor: int) -> Money:
        return Money(minor, facts.currency)

    return RegularPrice(
        money(terms.unit), terms.kind, terms.value, money(terms.discount), money(terms.shipping), money(terms.tax), money(terms.total)
    )  # fmt: skip


def parts(facts: SubscriptionFacts) -> tuple[BillPart, ...]:
    """The build-up of the next bill, line by line; they add up to its total."""
    terms = standing(facts)

    def part(name: str, words: str, minor: int) -> BillPart:
        return BillPart(name, words, Money(minor, facts.currency))

    unit = Money(terms.unit, facts.currency)
    off = f"{terms.value} % off" if terms.kind is DiscountKind.PERCENT else "off"
    return (
        part("goods", f"{terms.quantity} × {unit.plain()}", terms.unit * terms.quantity),
        part("discount", off if terms.discount else "", -terms.discount),
        part("shipping", "", terms.shipping),
        part("tax", "", terms.tax),
    )


def after_bill(facts: SubscriptionFacts) -> SubscriptionFacts:
    """The price after one more successful bill: with the last of some cycles the regular one is back."""
    if not facts.price_cycles_left:
        return facts
    if facts.price_cycles_left > 1:
        return replace(facts, price_cycles_left=facts.price_cycles_left - 1)
    return without_cycles(facts)


def without_cycles(facts: SubscriptionFacts) -> SubscriptionFacts:
    """The regular price at once."""
    terms = regular(facts)
    return _stored(facts, terms or standing(facts), None, 0)


def priced(
    facts: SubscriptionFacts, change: SubscriptionChange, product: ProductFacts | None = None
) -> SubscriptionFacts:
    """The facts with the change's prices, quantity and product; dates and card are not looked at.

    Errors: `InvalidInput` (or `InvalidFields`) naming `unit_price`, `shipping`, `discount_kind`, `discount_value`, `quantity`, `for_cycles`.
    """
    _require_sound(facts, change)
    if product is not None:
        facts = replace(
            facts, product_id=product.id, sku=product.sku, product=product.name, option=product.option
        )
    listed = product.unit_price if product is not None and change.price_follows else None
    quantity = change.quantity or facts.quantity
    now = standing(facts)
    lasting = regular(facts) or now
    # What holds for good whatever the price does: pieces, and the price of another product.
    base = _repriced(lasting, lasting, unit=listed, quantity=quantity)
    here = _repriced(now, lasting, unit=listed, quantity=quantity)
    if change.cycles:
        facts = _stored(facts, _changed(here, lasting, change), base, change.cycles)
    else:
        new, back = _changed(here, lasting, change), _changed(base, lasting, change)
        same = _agreed(new) == _agreed(back)
        facts = _stored(
            facts, back if same else new, None if same else back, 0 if same else facts.price_cycles_left
        )
    _require_total(facts)
    return facts


def _changed(terms: Terms, lasting: Terms, change: SubscriptionChange) -> Terms:
    kind = change.discount_kind or terms.kind
    value = terms.value if change.discount_value is None else change.discount_value
    return _repriced(
        terms,
        lasting,
        unit=None if change.unit_price is None else change.unit_price.minor,
        kind=kind,
        value=0 if kind is DiscountKind.NONE else value,
        shipping=None if change.shipping is None else change.shipping.minor,
    )


def _repriced(
    old: Terms,
    lasting: Terms,
    *,
    unit: int | None = None,
    quantity: int | None = None,
    kind: DiscountKind | None = None,
    value: int | None = None,
    shipping: int | None = None,
) -> Terms:
    """New terms; the tax is scaled from the regular price, so that a bill of nothing does not lose it."""
    new = replace(
        old,
        unit=old.unit if unit is None else unit,
        quantity=old.quantity if quantity is None else quantity,
        kind=old.kind if kind is None else kind,
        value=old.value if value is None else value,
        shipping=old.shipping if shipping is None else shipping,
    )
    if (new.unit, *_pieces(new)) == (old.unit, *_pieces(old)):
        return new
    new = replace(new, discount=discount_of(new.unit * new.quantity, new.kind, new.value))
    return replace(new, tax=tax_of(lasting.tax, lasting.goods, new.goods))


def _pieces(terms: Terms) -> tuple[int, DiscountKind, int]:
    return terms.quantity, terms.kind, terms.value


def _agreed(terms: Terms) -> tuple[int, int, DiscountKind, int, int]:
    """What was agreed, without what follows from it."""
    return terms.unit, terms.quantity, terms.kind, terms.value, terms.shipping


def _stored(facts: SubscriptionFacts, now: Terms, back: Terms | None, cycles: int) -> SubscriptionFacts:
    return replace(
        facts, unit_price=now.unit, quantity=now.quantity, discount_kind=now.kind, discount_value=now.value, discount=now.discount,
        shipping=now.shipping, tax=now.tax, price_cycles_left=cycles if back else 0, regular_unit_price=back.unit if back else None,
        regular_discount_kind=back.kind if back else None, regular_discount_value=back.value if back else None,
        regular_shipping=back.shipping if back else None, regular_tax=back.tax if back else None,
    )  # fmt: skip


def _require_sound(facts: SubscriptionFacts, change: SubscriptionChange) -> None:
    problems = [
        problem
        for problem in (
            _amount_problem(facts, "unit_price", change.unit_price),
            _discount_problem(facts, change),
            _amount_problem(facts, "shipping", change.shipping),
            _whole_problem("quantity", change.quantity, 1, MOST_PIECES),
            _cycles_problem(change),
        )
        if problem is not None
    ]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise InvalidFields(tuple(problems))


def _amount_problem(facts: SubscriptionFacts, field: str, amount: Money | None) -> InvalidInput | None:
    if amount is None or (amount.currency == facts.currency and 0 <= amount.minor <= MOST):
        return None
    said = f"{amount.plain()} {amount.currency}"[:60]
    return InvalidInput(
        field, said, f"A price cannot be {said}.", f"Give an amount in {facts.currency}, zero or more."
    )


def _discount_problem(facts: SubscriptionFacts, change: SubscriptionChange) -> InvalidInput | None:
    kind, value = change.discount_kind or facts.discount_kind, change.discount_value
    if kind is DiscountKind.NONE:
        if not value:
            return None
        return InvalidInput("discount_kind", "none", "The discount has no type.", "Choose percent or fixed.")
    if value is None:
        if kind is facts.discount_kind:
            return None
        return InvalidInput("discount_value", "", "The discount has no value.", "Say how much.")
    if kind is DiscountKind.PERCENT:
        return _whole_problem("discount_value", value, 0, 100)
    if 0 <= value <= MOST:
        return None
    # As people write it: the value itself is in minor units.
    said = str(value / 10 ** exponent(facts.currency)) if value < 0 else str(value)[:30]
    return InvalidInput("discount_value", said, "A discount cannot be that.", "Give zero or more.")


def _cycles_problem(change: SubscriptionChange) -> InvalidInput | None:
    if change.cycles and not change.is_price:
        return InvalidInput(
            "for_cycles", "", "No price was given for these bills.", "Say what it costs then."
        )
    return _whole_problem("for_cycles", change.cycles, 0, MOST_CYCLES)


def _whole_problem(field: str, value: int | None, least: int, most: int) -> InvalidInput | None:
    if value is None or least <= value <= most:
        return None
    return InvalidInput(
        field, str(value)[:30], f"{str(value)[:30]} is not possible here.", f"Use {least} to {most}."
    )


def _require_total(facts: SubscriptionFacts) -> None:
    back = regular(facts)
    if max(facts.total, back.total if back else 0) > MOST:
        total = Money(facts.total, facts.currency).plain()
        raise InvalidInput(
            "unit_price", total, "The total is larger than any amount here.", "Check the digits."
        )
