"""Which offer fits a subscription, what it changes, and the sentence to read to the caller (RETN-01, RETN-03). Pure: nothing is read, nothing stored.

An offer fits where it changes something for the better, and no former one still runs. What is shown is what is stored: both are `accepted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cstui.domain.errors import CstuiError
from cstui.domain.money import Money
from cstui.domain.retention import OfferKind, OfferPreview, OfferRow
from cstui.domain.subscription_actions import after, following
from cstui.domain.subscription_changes import Pause, ProductFacts, Step, SubscriptionChange, SubscriptionFacts
from cstui.domain.subscription_preview import preview as bills
from cstui.domain.subscriptions import DiscountKind, SubscriptionStatus

_S = SubscriptionStatus
#: Where a bill is still to come by itself.
_BILLS = (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE, _S.PAUSED)
#: More bills than any pause of a year leaves out.
_MOST_BILLS = 400


@dataclass(frozen=True, slots=True)
class Standing:
    """What a subscription brings to the question.

    `saved_by` is what was accepted last; `products` are those that offers name and the store sells.
    """

    facts: SubscriptionFacts
    today: date
    now: datetime
    saved_by: OfferKind | None = None
    products: Mapping[int, ProductFacts] | None = None

    @property
    def is_saved(self) -> bool:
        """Whether a former offer still runs: then nothing more is offered."""
        if self.saved_by is OfferKind.PERCENT:
            return self.facts.price_cycles_left > 0
        return self.saved_by is OfferKind.PAUSE and self.facts.resume_on is not None

    @property
    def ends(self) -> bool:
        """Whether its end is planned already; an accepted offer takes that back."""
        return self.facts.cancel_on is not None or self.facts.cancel_after_next

    def product_of(self, offer: OfferRow) -> ProductFacts | None:
        """The product that a downgrade names, where the store sells it."""
        return (self.products or {}).get(offer.product_id or 0)


def fitting(standing: Standing, offers: Sequence[OfferRow]) -> OfferPreview | None:
    """The first offer that fits; None where none does."""
    if standing.facts.status not in _BILLS or standing.is_saved:
        return None
    return next((found for offer in offers if (found := preview(standing, offer)) is not None), None)


def preview(standing: Standing, offer: OfferRow) -> OfferPreview | None:
    """What one offer would change; None where it changes nothing for the better, or is not possible now."""
    if standing.facts.status not in _BILLS or standing.is_saved:
        return None
    try:
        new = accepted(standing, offer)
    except CstuiError:
        return None
    if new is None:
        return None
    if offer.kind is OfferKind.PAUSE:
        return _pause_preview(standing, offer, new)
    return _price_preview(standing, offer, new)


def accepted(standing: Standing, offer: OfferRow) -> SubscriptionFacts | None:
    """The subscription once the offer is accepted; None where it does not fit.

    Errors: `NotPossibleNow`, `InvalidInput` where the rules of subscriptions forbid it.
    """
    steps = steps_of(standing, offer)
    if not steps:
        return None
    new = standing.facts
    for step in steps:
        new = after(new, step, standing.today, standing.now, standing.product_of(offer))
    return new


def steps_of(standing: Standing, offer: OfferRow) -> tuple[Step, ...]:
    """The steps that an accepted offer takes, in order; none where it does not fit."""
    facts = standing.facts
    if offer.kind is OfferKind.PAUSE:
        pause = _pause(standing, offer.days)
        kept = (SubscriptionChange(drop_cancel=True),) if standing.ends else ()
        return (*kept, pause) if pause is not None else ()
    if facts.price_cycles_left:
        # Another price runs, and what comes after it is agreed already.
        return ()
    if offer.kind is OfferKind.DOWNGRADE:
        product = standing.product_of(offer)
        if product is None or product.id == facts.product_id:
            return ()
        return (SubscriptionChange(product_id=product.id, price_follows=True, drop_cancel=standing.ends),)
    kind, value = _discount(facts, offer.percent)
    change = SubscriptionChange(
        discount_kind=kind, discount_value=value, for_cycles=offer.cycles, drop_cancel=standing.ends
    )
    return (change,)


def _discount(facts: SubscriptionFacts, percent: int) -> tuple[DiscountKind, int]:
    """So much off what is paid for the goods now, as one discount: whole percent where that is exact, else the amount."""
    if facts.discount_kind is DiscountKind.NONE or not facts.discount_value:
        return DiscountKind.PERCENT, percent
    left = (100 - facts.discount_value) * (100 - percent)
    if facts.discount_kind is DiscountKind.PERCENT and left % 100 == 0:
        return DiscountKind.PERCENT, 100 - left // 100
    goods = facts.unit_price * facts.quantity - facts.discount
    return DiscountKind.FIXED, facts.discount + (goods * percent + 50) // 100


def _pause(standing: Standing, days: int) -> Pause | None:
    """A pause from today on, or where that would leave no bill out from the next bill on."""
    facts, long = standing.facts, timedelta(days=days)
    bill = facts.next_bill_date
    if facts.status is not _S.ACTIVE or bill is None or facts.pause_on is not None:
        return None
    if bill < standing.today + long:
        return Pause(until=standing.today + long)
    return Pause(on=bill, until=bill + long)


def _price_preview(standing: Standing, offer: OfferRow, new: SubscriptionFacts) -> OfferPreview | None:
    old = standing.facts
    less = old.total - new.total
    left = _MOST_BILLS if old.final_cycle is None else old.final_cycle - old.cycle
    is_percent = offer.kind is OfferKind.PERCENT
    cycles = min(offer.cycles, left) if is_percent else 1
    if less <= 0 or cycles <= 0:
        return None
    saves, was, becomes = (Money(minor, old.currency) for minor in (less * cycles, old.total, new.total))
    first = bills(new, standing.today, standing.now).date
    if is_percent:
        which = f"the next {cycles} bills" if cycles > 1 else "the next bill"
        again = f", then it is {_money(was)} again" if left > cycles else ""
        since = (", the first on" if cycles > 1 else " on") + f" {_day(first)}" if first else ""
        said = f"You pay {_money(becomes)} instead of {_money(was)} for {which}{since}; that saves {_money(saves)}{again}."
    else:
        since = f", from {_day(first)} on" if first else ""
        said = f"You get {_name(new)} for {_money(becomes)} instead of {_money(was)}{since}; that saves {_money(saves)} each time."
    return OfferPreview(
        offer, said + _taken_back(standing), saves, first, becomes, cycles if is_percent else 0
    )


def _pause_preview(standing: Standing, offer: OfferRow, new: SubscriptionFacts) -> OfferPreview | None:
    old = standing.facts
    bill = old.next_bill_date
    if bill is None:
        return None
    again = bills(new, standing.today, standing.now).date
    if again is None or again <= bill:
        return None
    left_out, day = 0, bill
    while day < again and left_out < _MOST_BILLS:
        left_out, day = left_out + 1, following(old, day)
    # Where so many cycles were agreed a pause only moves them.
    saved = left_out if old.final_cycle is None else 0
    saves = Money(old.total, old.currency) * saved
    falls_away = f"; {left_out} {'bills fall' if left_out > 1 else 'bill falls'} away" if saved else ""
    total = Money(old.total, old.currency)
    said = f"Nothing is charged before {_day(again)}{falls_away}, and then it goes on by itself at {_money(total)}."
    return OfferPreview(offer, said + _taken_back(standing), saves, again, total, old.price_cycles_left)


def _taken_back(standing: Standing) -> str:
    return " The planned end is taken back." if standing.ends else ""


def _money(amount: Money) -> str:
    return f"{amount.plain()} {amount.currency}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b} {day.year}"


def _name(facts: SubscriptionFacts) -> str:
    return f"{facts.product}, {facts.option}" if facts.option else facts.product
