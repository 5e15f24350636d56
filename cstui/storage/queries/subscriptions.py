"""Reading subscriptions."""

from __future__ import annotations

import sqlalchemy as sa

from cstui.domain.money import Money
from cstui.domain.subscriptions import PeriodRow, Price, SubscriptionRow, SubscriptionView
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from cstui.storage.transaction import Transaction

_SUBSCRIPTION = table_of(Subscription)
_PERIOD = table_of(SubscriptionPeriod)
_CARD = table_of(Card)
_MOST_PERIODS = 120


def view_of(transaction: Transaction, subscription_id: int) -> SubscriptionView | None:
    """A subscription with its newest periods; None where there is none."""
    found = transaction.rows(
        sa.select(_SUBSCRIPTION, _CARD.c.brand, _CARD.c.last4)
        .outerjoin(_CARD, _CARD.c.id == _SUBSCRIPTION.c.card_id)
        .where(_SUBSCRIPTION.c.id == subscription_id)
    )
    if not found:
        return None
    row = found[0]
    periods = transaction.rows(
        sa.select(_PERIOD)
        .where(_PERIOD.c.subscription_id == subscription_id)
        .order_by(_PERIOD.c.cycle.desc())
        .limit(_MOST_PERIODS)
    )

    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    price = Price(
        money(row.unit_price), row.quantity, money(row.discount), money(row.shipping), money(row.tax)
    )
    return SubscriptionView(
        SubscriptionRow(
            row.id, row.store_id, row.customer_id, row.product, row.option, row.status, price, row.interval_unit, row.interval_count,
            row.cycle, row.next_bill_date, row.trial_ends_on, row.brand or "", row.last4 or "", row.version,
        ),
        tuple(PeriodRow(p.cycle, p.bill_date, p.state, Money(p.amount, p.currency or row.currency), p.order_id) for p in periods),
    )  # fmt: skip
