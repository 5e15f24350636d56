"""Reason lists: why something is held, cancelled, refunded or returned, and how a call ended.

An organisation starts with the lists below (CALL-07, RMA-03, RETN-03) and makes them its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput


class ReasonKind(StrEnum):
    """Which list a reason belongs to."""

    HOLD = "hold"
    CANCEL = "cancel"
    REFUND = "refund"
    RETURN = "return"
    DISPOSITION = "disposition"
    SUBSCRIPTION_CANCEL = "subscription_cancel"


STARTERS: Final[Mapping[ReasonKind, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        ReasonKind.HOLD: (
            ("address", "Address to be checked"),
            ("payment", "Payment to be checked"),
            ("fraud", "Suspected fraud"),
            ("stock", "Waiting for stock"),
            ("customer", "At the customer's request"),
            ("change", "Change being agreed"),
            ("other", "Other, see note"),
        ),
        ReasonKind.CANCEL: (
            ("changed_mind", "Changed their mind"),
            ("by_mistake", "Ordered by mistake"),
            ("duplicate", "Duplicate order"),
            ("cheaper", "Found it cheaper"),
            ("too_slow", "Delivery takes too long"),
            ("stock", "Out of stock"),
            ("payment", "Payment failed"),
            ("fraud", "Fraud"),
            ("other", "Other, see note"),
        ),
        ReasonKind.REFUND: (
            ("returned", "Goods returned"),
            ("not_received", "Not received"),
            ("damaged", "Arrived damaged"),
            ("defective", "Defective"),
            ("wrong_item", "Wrong item sent"),
            ("not_as_described", "Not as described"),
            ("late", "Arrived too late"),
            ("overcharged", "Charged too much"),
            ("cancelled", "Cancelled before shipping"),
            ("goodwill", "Goodwill"),
            ("other", "Other, see note"),
        ),
        ReasonKind.RETURN: (
            ("damaged", "Damaged"),
            ("defective", "Defective"),
            ("unwanted_gift", "Unwanted gift"),
            ("wrong_size", "Wrong size"),
            ("wrong_item", "Wrong item sent"),
            ("not_as_described", "Not as described"),
            ("late", "Arrived too late"),
            ("changed_mind", "Changed their mind"),
            ("other", "Other, see comment"),
        ),
        ReasonKind.DISPOSITION: (
            ("support", "Support call"),
            ("sale", "Sale"),
            ("full_refund", "Full refund"),
            ("partial_refund", "Partial refund"),
            ("cancellation", "Cancellation"),
            ("saved", "Saved full subscription"),
            ("downsell", "Downsell"),
            ("price_reduction", "Price reduction"),
            ("rma", "Return number issued"),
            ("reship", "Reship"),
            ("free_product", "Free product"),
            ("supervisor", "Passed to a supervisor"),
            ("fraud", "Blacklist, chargeback or fraud"),
            ("wrong_number", "Wrong number"),
            ("language", "Language barrier"),
            ("disconnected", "Disconnected"),
            ("callback", "Call back"),
            ("no_sale", "No sale"),
        ),
        ReasonKind.SUBSCRIPTION_CANCEL: (
            ("too_expensive", "Too expensive"),
            ("not_using", "Not using it"),
            ("alternative", "Better alternative"),
            ("quality", "Quality"),
            ("technical", "Technical trouble"),
            ("other", "Other, see note"),
        ),
    }
)
"""What a new organisation starts with: code and label, in the order of the panel."""

_CODE: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_LONGEST: Final = 60


def checked_reason(code: str, label: str) -> tuple[str, str]:
    """Code and label in the form in which they are kept. Errors: `InvalidInput`."""
    code, label = code.strip(), " ".join(label.split())
    if not _CODE.fullmatch(code) or len(code) > _LONGEST:
        raise InvalidInput(
            "code",
            code,
            f"“{clean(code)}” cannot be a reason's code.",
            "Use letters a–z, digits and underscores.",
        )
    if not label or len(label) > _LONGEST or clean(label) != label:
        raise InvalidInput(
            "label",
            label,
            f"“{clean(label)}” cannot be a reason's label.",
            f"Use 1 to {_LONGEST} characters.",
        )
    return code, label
