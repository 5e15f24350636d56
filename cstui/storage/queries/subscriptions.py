"""Subscriptions inside a transaction: their own row as facts, written under its version; periods; what is under way at a gateway."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

import sqlalchemy as sa

from cstui.domain.payments import AttemptState
from cstui.domain.subscription_changes import ProductFacts, SubscriptionFacts
from cstui.domain.subscriptions import PeriodState
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card
from cstui.storage.tables.orders import Product
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from cstui.storage.transaction import Transaction

SUBSCRIPTION = table_of(Subscription)
PERIOD = table_of(SubscriptionPeriod)
_ATTEMPT = table_of(PaymentAttempt)
_CARD = table_of(Card)
_PRODUCT = table_of(Product)
_STORE = table_of(Store)
_FACTS = tuple(field.name for field in fields(SubscriptionFacts))
_UNDER_WAY = (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.PENDING)
_NOT_SENT = (AttemptState.ARMED, AttemptState.WAITING_APPROVAL)


def row(tx: Transaction, subscription_id: int, *, lock: bool = False) -> Any | None:
    """A subscription's own row with its store's `zone`, `bill_time` and `code`, locked on request; None where there is none."""
    query = (
        sa.select(
            SUBSCRIPTION,
            _STORE.c.zone,
            _STORE.c.daily_bill_time.label("bill_time"),
            _STORE.c.code.label("store_code"),
        )
        .join(_STORE, _STORE.c.id == SUBSCRIPTION.c.store_id)
        .where(SUBSCRIPTION.c.id == subscription_id)
    )
    found = tx.rows(query.with_for_update(of=SUBSCRIPTION) if lock else query)
    return found[0] if found else None


def facts_of(row: Any) -> SubscriptionFacts:
    """The row's own facts."""
    return SubscriptionFacts(**{name: getattr(row, name) for name in _FACTS})


def write(
    tx: Transaction, subscription_id: int, version: int, before: SubscriptionFacts, after: SubscriptionFacts
) -> bool:
    """Writes what differs and raises the version; False where the version has moved on."""
    values = {name: getattr(after, name) for name in _FACTS if getattr(after, name) != getattr(before, name)}
    return (
        tx.run(
            SUBSCRIPTION.update()
            .where(SUBSCRIPTION.c.id == subscription_id, SUBSCRIPTION.c.version == version)
            .values(version=version + 1, updated_at=tx.now, **values)
        )
        == 1
    )


def period(tx: Transaction, subscription_id: int, cycle: int) -> Any | None:
    """The row of one cycle, or None where it was not opened yet."""
    found = tx.rows(
        sa.select(PERIOD).where(PERIOD.c.subscription_id == subscription_id, PERIOD.c.cycle == cycle)
    )
    return found[0] if found else None


def put_period(
    tx: Transaction, subscription_id: int, cycle: int, bill_date: date, currency: str, **values: Any
) -> int:
    """Opens a cycle's period, or writes over the one that is not billed; returns its id. `values` are `state`, `amount`, `note` and so on."""
    found = period(tx, subscription_id, cycle)
    if found is None:
        row = {
            "state": PeriodState.DUE, "amount": 0, "order_id": None, "note": "", "is_missed": False, "tries": 0, "closed_at": None,
            **values,
        }  # fmt: skip
        statement = PERIOD.insert().values(
            subscription_id=subscription_id, cycle=cycle, bill_date=bill_date, currency=currency, **row
        )
        return int(tx.rows(statement.returning(PERIOD.c.id))[0][0])
    tx.run(
        PERIOD.update()
        .where(PERIOD.c.id == found.id, PERIOD.c.state != PeriodState.BILLED)
        .values(bill_date=bill_date, **values)
    )
    return int(found.id)


def change_period(tx: Transaction, period_id: int, **values: Any) -> None:
    """Writes single facts of a period that is not billed."""
    tx.run(
        PERIOD.update().where(PERIOD.c.id == period_id, PERIOD.c.state != PeriodState.BILLED).values(**values)
    )


def under_way(tx: Transaction, customer_id: int, subscription_id: int) -> tuple[Any, ...]:
    """The bills that are being sent, or whose outcome is not known yet: id, cycle, state, amount."""
    return tuple(tx.rows(_attempts(customer_id, subscription_id, _UNDER_WAY)))


def withdraw_waiting(tx: Transaction, customer_id: int, subscription_id: int) -> tuple[list[int], list[int]]:
    """Takes back every bill of it that has not been sent: the ids withdrawn, and those that a worker is taking up at this very moment.

    Who takes one up looks at the subscription again under its lock; waiting for him here would be waiting for each other.
    """
    waiting = _attempts(customer_id, subscription_id, _NOT_SENT)
    every = {found.id for found in tx.rows(waiting)}
    if not every:
        return [], []
    mine = [found.id for found in tx.rows(waiting.with_for_update(skip_locked=True))]
    if mine:
        tx.run(
            _ATTEMPT.update()
            .where(_ATTEMPT.c.id.in_(mine), _ATTEMPT.c.state.in_(_NOT_SENT))
            .values(state=AttemptState.WITHDRAWN, done_at=tx.now)
        )
    return mine, sorted(every - set(mine))


def _attempts(customer_id: int, subscription_id: int, states: tuple[AttemptState, ...]) -> Any:
    # By the customer: that has an index.
    return sa.select(_ATTEMPT.c.id, _ATTEMPT.c.cycle, _ATTEMPT.c.state, _ATTEMPT.c.amount).where(
        _ATTEMPT.c.customer_id == customer_id,
        _ATTEMPT.c.subscription_id == subscription_id,
        _ATTEMPT.c.state.in_(states),
    )


def card(tx: Transaction, card_id: int | None) -> Any | None:
    """A card's row, removed or not; None for none."""
    if card_id is None:
        return None
    found = tx.rows(sa.select(_CARD).where(_CARD.c.id == card_id))
    return found[0] if found else None


def product(
    tx: Transaction, store_id: int, *, product_id: int | None = None, name: str = "", option: str = ""
) -> ProductFacts | None:
    """A product of the store that is sold: by its id, or by name and option; None where there is none."""
    query = sa.select(_PRODUCT).where(_PRODUCT.c.store_id == store_id, _PRODUCT.c.is_active.is_(True))
    if product_id is not None:
        query = query.where(_PRODUCT.c.id == product_id)
    else:
        query = query.where(_PRODUCT.c.name == name, _PRODUCT.c.option == option)
    found = tx.rows(query.order_by(_PRODUCT.c.id).limit(1))
    if not found:
        return None
    return ProductFacts(found[0].id, found[0].sku, found[0].name, found[0].option, found[0].unit_price)


def last_billed_order(tx: Transaction, subscription_id: int) -> int | None:
    """The order of the newest cycle that was billed; None where none was."""
    found = tx.rows(
        sa.select(PERIOD.c.order_id)
        .where(
            PERIOD.c.subscription_id == subscription_id,
            PERIOD.c.state == PeriodState.BILLED,
            PERIOD.c.order_id.is_not(None),
        )
        .order_by(PERIOD.c.cycle.desc())
        .limit(1)
    )
    return int(found[0][0]) if found else None
