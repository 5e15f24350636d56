"""What one charge of a subscription comes to: its price as every preview shows it, and less on a retry where the store says so (SUB-23)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from cstui.domain.billing import Dunning
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscription_prices import tax_of
from cstui.domain.subscriptions import DiscountKind


def _reduction(goods: int, total: int, tries: int, dunning: Dunning) -> int:
    """What a retry costs less (SUB-23), in minor units: so many percent of the goods for each try before, never below the lowest total."""
    if not dunning.percent_off or tries <= 0:
        return 0
    wanted = goods * min(100, dunning.percent_off * tries) // 100
    most = total - dunning.lowest if dunning.lowest is not None else total
    return max(0, min(wanted, most, goods))


@dataclass(frozen=True, slots=True)
class Charged:
    """What one cycle costs, fixed when its charge is planned: its order says the same whatever is edited meanwhile.

    Amounts in minor units; `reduced` is what a retry costs less. `expiry` is the card's, `2030-12`.
    """

    unit: int
    quantity: int
    discount: int
    shipping: int
    tax: int
    reduced: int = 0
    product_id: int | None = None
    sku: str = ""
    product: str = ""
    option: str = ""
    bill_date: str = ""
    expiry: str = ""

    @property
    def goods(self) -> int:
        """The goods before discounts."""
        return self.unit * self.quantity

    @property
    def total(self) -> int:
        """What is charged."""
        return self.goods - self.discount - self.reduced + self.shipping + self.tax


def charge_of(facts: SubscriptionFacts, bill_date: date, dunning: Dunning, expiry: str = "") -> Charged:
    """What the next charge of a subscription comes to: its price as every preview shows it, and less on a retry where the store says so.

    The tax scales with the goods.
    """
    goods = facts.unit_price * facts.quantity - facts.discount
    off = _reduction(goods, facts.total, facts.attempts, dunning)
    made = Charged(
        facts.unit_price, facts.quantity, facts.discount, facts.shipping, tax_of(facts.tax, goods, goods - off), off,
        facts.product_id, facts.sku, facts.product, facts.option, bill_date.isoformat(), expiry,
    )  # fmt: skip
    # The tax has come down with the goods: what it took too much is left on the price.
    short = (dunning.lowest or 0) - made.total
    return replace(made, reduced=max(0, off - short)) if off and short > 0 else made


def keeping_price(facts: SubscriptionFacts, charged: Charged, dunning: Dunning) -> SubscriptionFacts:
    """The reduced price for good, where the store lets it stay; a price for some cycles is over by itself."""
    if not (dunning.holds and charged.reduced) or facts.price_cycles_left:
        return facts
    off = charged.discount + charged.reduced
    return replace(
        facts, discount_kind=DiscountKind.FIXED, discount_value=off, discount=off, tax=charged.tax
    )  # fmt: skip
