"""What Stripe's disputes mean to the desk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cstui.domain.disputes import DisputeOutcome, SeenDispute
from cstui.domain.money import Money
from cstui.services.gateways.stripe_line import text_of

#: A warning is an inquiry of the bank: no money has moved, and a refund is still the best answer to it. It is no dispute here.
_OUTCOMES = {
    "needs_response": DisputeOutcome.OPEN,
    "under_review": DisputeOutcome.OPEN,
    "won": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
}


def dispute_of(found: Mapping[str, Any]) -> SeenDispute | None:
    """A dispute as Stripe lists it; None for an inquiry, for a state that is not known here, and for what is no dispute at all."""
    outcome = _OUTCOMES.get(text_of(found, "status"))
    amount, created = found.get("amount"), found.get("created")
    reference, currency = text_of(found, "id"), text_of(found, "currency").upper()
    if outcome is None or not reference or len(currency) != 3:
        return None
    if not isinstance(amount, int) or amount <= 0 or not isinstance(created, int):
        return None
    charges = tuple(ref for ref in (text_of(found, "payment_intent"), text_of(found, "charge")) if ref)
    at = datetime.fromtimestamp(created, UTC)
    return SeenDispute(
        reference, charges, Money(amount, currency), text_of(found, "reason").replace("_", " "), outcome, at
    )
