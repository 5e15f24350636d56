"""The demo's offers to stay, and how its customers' wishes to cancel ended."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.retention import OfferKind, RetentionResult
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Colleague, Shop
from cstui.storage.tables.subscriptions import RetentionOffer, RetentionOutcome, Subscription

#: Of those who cancelled, so many were made an offer first.
_OFFERED = 0.6
#: Of those who paused, so many had wanted to cancel.
_SAVED = 0.5


def add_offers(rows: Rows, shops: tuple[Shop, ...], at: datetime) -> None:
    """Offers of the organisation, and what two stores offer instead; for “quality” there is none."""
    harbor, kornblume = shops[0], shops[2]
    cheapest = min((item for item in harbor.items if item.cycle), key=lambda item: item.price)
    kept: dict[str, Any] = {"changed_by": "Adam", "changed_at": at}
    for reason, kind, facts in (
        ("too_expensive", OfferKind.PERCENT, {"percent": 20, "cycles": 3}),
        ("not_using", OfferKind.PAUSE, {"days": 60}),
        ("technical", OfferKind.PERCENT, {"percent": 50, "cycles": 1, "label": "The next one at half price, for the trouble"}),
        ("alternative", OfferKind.DOWNGRADE, {"product_id": cheapest.id, "store_id": harbor.id}),
        ("alternative", OfferKind.PERCENT, {"percent": 10, "cycles": 6, "store_id": harbor.id}),
        ("too_expensive", OfferKind.PERCENT, {"percent": 15, "cycles": 2, "store_id": kornblume.id}),
    ):  # fmt: skip
        rows.add(RetentionOffer, reason_code=reason, kind=kind, **facts, **kept)


def add_outcomes(rows: Rows, dice: random.Random, staff: Mapping[str, Colleague], until: datetime) -> None:
    """One for each who cancelled, and for some who paused instead, never after `until`."""
    codes = {label: code for code, label in STARTERS[ReasonKind.SUBSCRIPTION_CANCEL]}
    agents = (staff["ann"], staff["bob"])
    found: list[tuple[datetime, dict[str, Any]]] = []
    for row in rows.of(Subscription):
        code, outcome, at = "", RetentionResult.CANCELLED, row["cancelled_at"]
        if row["status"] is SubscriptionStatus.CANCELLED and at is not None:
            code = codes.get(row["cancel_reason"], "other")
            offer_id = _offer_for(rows, row["store_id"], code)
            if offer_id is not None and dice.random() < _OFFERED:
                outcome = RetentionResult.DECLINED
            else:
                offer_id = None
        elif row["status"] is SubscriptionStatus.PAUSED and row["pause_on"] and dice.random() < _SAVED:
            code, outcome = "not_using", RetentionResult.SAVED
            at = datetime.combine(row["pause_on"], time(11), tzinfo=UTC)
            offer_id = _offer_for(rows, row["store_id"], code)
        if not code:
            continue
        who = dice.choice(agents)
        facts = {
            "store_id": row["store_id"], "subscription_id": row["id"], "customer_id": row["customer_id"], "reason_code": code,
            "offer_id": offer_id, "outcome": outcome, "by_id": who.id, "by_name": who.shown,
        }  # fmt: skip
        found.append((min(at, until - timedelta(minutes=9)), facts))
    for at, facts in sorted(found, key=lambda one: (one[0], one[1]["subscription_id"])):
        rows.add(RetentionOutcome, **facts, at=at)


def _offer_for(rows: Rows, store_id: int, code: str) -> int | None:
    """The store's own offer for a reason, else the organisation's."""
    fits = [row for row in rows.of(RetentionOffer) if row["reason_code"] == code]
    own = [row for row in fits if row["store_id"] == store_id]
    general = [row for row in fits if row["store_id"] is None]
    return next((int(row["id"]) for row in own or general), None)
