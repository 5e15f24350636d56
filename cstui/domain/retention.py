"""Retention: the merchant's own offer for a reason to cancel, and how a wish to cancel ended (RETN-01 … RETN-04)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.money import Money

#: How far an offer may go: percent off, bills at that price, days of a pause.
MOST_PERCENT: Final = 100
MOST_CYCLES: Final = 24
MOST_DAYS: Final = 365
_LONGEST_LABEL: Final = 80


class OfferKind(StrEnum):
    """What an offer does: percent off for some cycles, a pause that ends by itself, a cheaper product."""

    PERCENT = "percent"
    PAUSE = "pause"
    DOWNGRADE = "downgrade"


class RetentionResult(StrEnum):
    """How a wish to cancel ended."""

    SAVED = "saved"
    DECLINED = "declined"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One offer of the settings. `percent` off for `cycles`; a pause of `days`; a downgrade to `product`."""

    id: int
    store: str
    reason_code: str
    reason: str
    kind: OfferKind
    percent: int
    cycles: int
    days: int
    product_id: int | None
    product: str
    label: str
    is_active: bool
    store_id: int | None = None

    @property
    def words(self) -> str:
        """What is offered, shortly: the merchant's own label, else `20 % off for 3 bills`."""
        return self.label or offer_words(self.kind, self.percent, self.cycles, self.days, self.product)


@dataclass(frozen=True, slots=True)
class OfferPreview:
    """The one offer that fits, with what it saves: shown once, beside “cancel now” (RETN-04).

    `words` is the sentence to read to the caller; `saves` what the customer pays less over the offer's cycles; `next_bill_date` and `next_total` as
    they would be once it is accepted.
    """

    offer: OfferRow
    words: str
    saves: Money
    next_bill_date: date | None
    next_total: Money
    cycles_left: int = 0


@dataclass(frozen=True, slots=True)
class RetentionCount:
    """One line of the report: a reason with how often it was said, offered against, saved and cancelled."""

    store: str
    reason: str
    saved: int
    declined: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to be set for a reason: of one store, or (store_id None) of every store that has none of its own for it."""

    reason_code: str
    kind: OfferKind
    percent: int = 0
    cycles: int = 0
    days: int = 0
    product_id: int | None = None
    label: str = ""
    store_id: int | None = None


def offer_words(kind: OfferKind, percent: int, cycles: int, days: int, product: str) -> str:
    """What an offer does, shortly: `20 % off for 3 bills`, `30 days of pause`, `Daily Tea, 1 box instead`."""
    if kind is OfferKind.PERCENT:
        return f"{percent} % off for {cycles} bills" if cycles > 1 else f"{percent} % off the next bill"
    if kind is OfferKind.PAUSE:
        return f"{days} days of pause" if days > 1 else "1 day of pause"
    return f"{product} instead"


def checked_offer(new: NewOffer) -> NewOffer:
    """The offer as it is kept; what its kind does not use is left out.

    Errors: `InvalidFields` naming percent, cycles, days, product or label.
    """
    problems: list[InvalidInput] = []
    label = " ".join(new.label.split())
    if len(label) > _LONGEST_LABEL or clean(label) != label:
        said = f"“{clean(label, limit=_LONGEST_LABEL)}” cannot be an offer's label."
        problems.append(InvalidInput("label", label, said, f"Use up to {_LONGEST_LABEL} plain characters."))
    kept = NewOffer(new.reason_code, new.kind, label=label, store_id=new.store_id)
    if new.kind is OfferKind.PERCENT:
        _require_within(problems, "percent", new.percent, MOST_PERCENT)
        _require_within(problems, "cycles", new.cycles, MOST_CYCLES)
        kept = replace(kept, percent=new.percent, cycles=new.cycles)
    elif new.kind is OfferKind.PAUSE:
        _require_within(problems, "days", new.days, MOST_DAYS)
        kept = replace(kept, days=new.days)
    else:
        if new.product_id is None or new.store_id is None:
            problems.append(
                InvalidInput(
                    "product",
                    "",
                    "A cheaper product is one of a store's own.",
                    "Name the store and its product.",
                )
            )
        kept = replace(kept, product_id=new.product_id)
    if problems:
        raise InvalidFields(tuple(problems))
    return kept


def _require_within(problems: list[InvalidInput], field: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        problems.append(
            InvalidInput(field, str(value), f"{field} cannot be {value}.", f"Allowed: 1 to {most}.")
        )
