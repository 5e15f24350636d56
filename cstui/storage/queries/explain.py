"""What charges are explained with: movements and tries of a customer, the orders and subscriptions behind them (D-18)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cstui.domain.gateways import Operation
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, CustomerStore
from cstui.storage.tables.orders import Order, OrderLine
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from cstui.storage.transaction import Transaction

_MOVE = table_of(PaymentTransaction)
_ATTEMPT = table_of(PaymentAttempt)
_ORDER = table_of(Order)
_LINE = table_of(OrderLine)
_STORE = table_of(Store)
_KNOWN_IN = table_of(CustomerStore)
_CARD = table_of(Card)
_SUBSCRIPTION = table_of(Subscription)
_PERIOD = table_of(SubscriptionPeriod)
_MOST = 1000
_MOST_LINES = 200
_CHARGING = (Operation.SALE, Operation.AUTHORISE, Operation.CAPTURE)
_OF_STORE = (_STORE.c.name.label("store_name"), _STORE.c.zone)


def home(tx: Transaction, customer_id: int, stores: frozenset[int] | None) -> tuple[str, str, str]:
    """Currency, zone and locale of the store that the customer bought from last; of any that knows him where he bought nothing."""
    of_orders = (
        sa.select(_ORDER.c.currency, _STORE.c.zone, _STORE.c.locale)
        .join(_STORE, _STORE.c.id == _ORDER.c.store_id)
        .where(_ORDER.c.customer_id == customer_id)
        .order_by(_ORDER.c.placed_at.desc())
        .limit(1)
    )
    of_stores = (
        sa.select(_STORE.c.currency, _STORE.c.zone, _STORE.c.locale)
        .join(_KNOWN_IN, _KNOWN_IN.c.store_id == _STORE.c.id)
        .where(_KNOWN_IN.c.customer_id == customer_id)
        .order_by(_STORE.c.id)
        .limit(1)
    )
    for query in (of_orders, of_stores):
        found = tx.rows(query if stores is None else query.where(_STORE.c.id.in_(stores)))
        if found:
            return found[0].currency, found[0].zone, found[0].locale
    return "USD", "UTC", ""


def moves(tx: Transaction, customer_id: int, stores: frozenset[int] | None) -> list[Any]:
    """The customer's transactions with their orders and stores, newest first."""
    query = (
        sa.select(
            _MOVE, _ORDER.c.number, _ORDER.c.subscription_id, _ORDER.c.cycle, _ORDER.c.total, _ORDER.c.subtotal,
            _ORDER.c.discount, _ORDER.c.shipping, _ORDER.c.tax, _CARD.c.brand,
            _CARD.c.last4, *_OF_STORE,
        )
        .join(_ORDER, _ORDER.c.id == _MOVE.c.order_id)
        .join(_STORE, _STORE.c.id == _MOVE.c.store_id)
        .outerjoin(_CARD, _CARD.c.id == _MOVE.c.card_id)
        .where(_MOVE.c.customer_id == customer_id)
    )  # fmt: skip
    return tx.rows(
        _in(query, _MOVE, stores).order_by(_MOVE.c.occurred_at.desc(), _MOVE.c.id.desc()).limit(_MOST)
    )


def tries(tx: Transaction, customer_id: int, stores: frozenset[int] | None) -> list[Any]:
    """The customer's attempts to charge him, and to give money back, newest first."""
    query = (
        sa.select(_ATTEMPT, _CARD.c.brand, _CARD.c.last4, _ORDER.c.number, _ORDER.c.total, *_OF_STORE)
        .outerjoin(_CARD, _CARD.c.id == _ATTEMPT.c.card_id)
        .outerjoin(_ORDER, _ORDER.c.id == _ATTEMPT.c.order_id)
        .join(_STORE, _STORE.c.id == _ATTEMPT.c.store_id)
        .where(
            _ATTEMPT.c.customer_id == customer_id,
            _ATTEMPT.c.operation.in_((*_CHARGING, Operation.REFUND, Operation.VOID)),
        )
    )
    return tx.rows(_in(query, _ATTEMPT, stores).order_by(_ATTEMPT.c.id.desc()).limit(_MOST))


def _in(query: Any, table: Any, stores: frozenset[int] | None) -> Any:
    return query if stores is None else query.where(table.c.store_id.in_(stores))


def is_charge(attempt: Any) -> bool:
    """Whether an attempt was meant to charge or to reserve."""
    return attempt.operation in _CHARGING


def lines(tx: Transaction, order_ids: Iterable[int]) -> list[Any]:
    """The lines of orders: order, quantity, name, option."""
    query = sa.select(_LINE.c.order_id, _LINE.c.quantity, _LINE.c.name, _LINE.c.option)
    where = _LINE.c.order_id.in_(list(order_ids))
    return tx.rows(query.where(where).order_by(_LINE.c.order_id, _LINE.c.position).limit(_MOST_LINES))


def subscriptions(tx: Transaction, customer_id: int, stores: frozenset[int] | None) -> list[Any]:
    """The customer's subscriptions with their stores' zones."""
    query = (
        sa.select(_SUBSCRIPTION, _STORE.c.zone)
        .join(_STORE, _STORE.c.id == _SUBSCRIPTION.c.store_id)
        .where(_SUBSCRIPTION.c.customer_id == customer_id)
    )
    return tx.rows(_in(query, _SUBSCRIPTION, stores).order_by(_SUBSCRIPTION.c.id).limit(_MOST))


def period(tx: Transaction, subscription_id: int, cycle: int) -> Any | None:
    """The period of one cycle; None where there is none."""
    where = (_PERIOD.c.subscription_id == subscription_id, _PERIOD.c.cycle == cycle)
    found = tx.rows(sa.select(_PERIOD).where(*where))
    return found[0] if found else None
