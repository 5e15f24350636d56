"""Retention: the merchant's own offer for a reason to cancel, and how a wish to cancel ended (RETN-01 … RETN-04)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cstui.domain.money import Money


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
