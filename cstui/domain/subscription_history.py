"""A subscription's changes as the audit keeps them: paths such as `price.unit`, values in words; amounts are `12.50 USD`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from cstui.domain.audit import Change
from cstui.domain.money import Money
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import DiscountKind, interval_words

_MONEY = {
    "unit_price": "price.unit",
    "discount": "price.discount",
    "shipping": "price.shipping",
    "tax": "price.tax",
    "regular_unit_price": "regular.unit",
    "regular_shipping": "regular.shipping",
    "regular_tax": "regular.tax",
}
_PLAIN = {
    "status": "status",
    "product": "product",
    "option": "option",
    "sku": "sku",
    "quantity": "quantity",
    "price_cycles_left": "price.cycles_left",
    "anchor_day": "anchor_day",
    "cycle": "cycle",
    "final_cycle": "final_cycle",
    "next_bill_date": "next_bill_date",
    "last_bill_date": "last_bill_date",
    "trial_ends_on": "trial.ends_on",
    "trial_days": "trial.days",
    "pause_on": "pause_on",
    "resume_on": "resume_on",
    "cancel_on": "cancel_on",
    "keep_billing": "cancel.keep_billing",
    "cancel_after_next": "cancel.after_next",
    "attempts": "tries",
    "retry_on": "retry_on",
    "cancel_reason": "cancel_reason",
    "cancelled_at": "cancelled_at",
}


def changes_of(
    before: SubscriptionFacts, after: SubscriptionFacts, cards: Mapping[int, str] | None = None
) -> tuple[Change, ...]:
    """The facts in which two states differ; `cards` says what a card is called."""
    found = [
        *_differing(before, after, _MONEY, lambda value: _money(value, after.currency)),
        *_differing(before, after, _PLAIN, _text),
    ]
    for path, kind, value in (
        ("price.discount_of", "discount_kind", "discount_value"),
        ("regular.discount_of", "regular_discount_kind", "regular_discount_value"),
    ):
        old, new = (
            _discount(getattr(facts, kind), getattr(facts, value), after.currency)
            for facts in (before, after)
        )
        if old != new:
            found.append(Change(path, old, new))
    rhythm = [interval_words(facts.interval_unit, facts.interval_count) for facts in (before, after)]
    if rhythm[0] != rhythm[1]:
        found.append(Change("interval", *rhythm))
    if before.card_id != after.card_id:
        named = [(cards or {}).get(key, str(key)) if key else "" for key in (before.card_id, after.card_id)]
        found.append(Change("card", *named))
    return tuple(found)


def _differing(
    before: SubscriptionFacts, after: SubscriptionFacts, paths: Mapping[str, str], write: Callable[[Any], str]
) -> list[Change]:
    return [
        Change(path, write(getattr(before, name)), write(getattr(after, name)))
        for name, path in paths.items()
        if getattr(before, name) != getattr(after, name)
    ]


def _money(minor: int | None, currency: str) -> str:
    return "" if minor is None else f"{Money(minor, currency).plain()} {currency}"


def _discount(kind: DiscountKind | None, value: int | None, currency: str) -> str:
    if kind is None or kind is DiscountKind.NONE:
        return "" if kind is None else "none"
    return f"{value} %" if kind is DiscountKind.PERCENT else _money(value, currency)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
