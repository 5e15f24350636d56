"""The last look at a subscription before its charge leaves: under its lock, in the transaction that marks the attempt as sent (C-24)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_SUBSCRIPTION = table_of(Subscription)
_CARD = table_of(Card)


def why_not_sent(tx: Transaction, attempt: Any) -> str | None:
    """Why a charge must not be sent any more; empty where it may, None where somebody holds its subscription right now.

    Ended, paused, complete, on other terms or with another card than when the charge was planned: all of it makes the version higher. What
    belongs to no subscription is not looked at.
    """
    if attempt.subscription_id is None:
        return ""
    rows = tx.rows(
        sa.select(_SUBSCRIPTION.c.version, _SUBSCRIPTION.c.card_id, _SUBSCRIPTION.c.status)
        .where(_SUBSCRIPTION.c.id == attempt.subscription_id)
        .with_for_update(skip_locked=True)
    )
    if not rows:
        return None
    row = rows[0]
    if row.status in (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE):
        return "The subscription has ended."
    if row.card_id != attempt.card_id or _is_removed(tx, attempt.card_id):
        return "The subscription has another card now."
    if attempt.order_version is not None and row.version != attempt.order_version:
        return "The subscription was changed after this charge was planned."
    return ""


def _is_removed(tx: Transaction, card_id: int | None) -> bool:
    found = sa.select(_CARD.c.id).where(_CARD.c.id == card_id, _CARD.c.removed_at.is_not(None))
    return card_id is not None and bool(tx.rows(found))
