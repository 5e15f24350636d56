"""The merchant's offers, and how wishes to cancel ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.retention import (
    NewOffer,
    OfferKind,
    OfferRow,
    RetentionCount,
    RetentionResult,
)
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Product
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import (
    RetentionOffer,
    RetentionOutcome,
    Subscription,
    SubscriptionPeriod,
)
from cstui.storage.transaction import Transaction

_OFFER = table_of(RetentionOffer)
_OUTCOME = table_of(RetentionOutcome)
_PRODUCT = table_of(Product)
_STORE = table_of(Store)
_SUBSCRIPTION = table_of(Subscription)
_PERIOD = table_of(SubscriptionPeriod)
_MOST_OFFERS = 2000
#: A subscription in one of these states brings no more money by itself.
_ENDED = (SubscriptionStatus.CANCELLED, SubscriptionStatus.RECYCLE_FAILED)


def _offers() -> sa.Select[Any]:
    name = sa.case(
        (_PRODUCT.c.option == "", _PRODUCT.c.name), else_=_PRODUCT.c.name + ", " + _PRODUCT.c.option
    )
    return (
        sa.select(_OFFER, _STORE.c.code, name.label("product"))
        .outerjoin(_STORE, _STORE.c.id == _OFFER.c.store_id)
        .outerjoin(_PRODUCT, _PRODUCT.c.id == _OFFER.c.product_id)
        .order_by(_OFFER.c.id)
        .limit(_MOST_OFFERS)
    )


def _row(row: Any) -> OfferRow:
    return OfferRow(
        row.id, row.code or "", row.reason_code, row.reason_code, row.kind, row.percent, row.cycles, row.days, row.product_id,
        row.product or "", row.label, row.is_active, row.store_id,
    )  # fmt: skip


def all_offers(transaction: Transaction, stores: frozenset[int] | None) -> tuple[OfferRow, ...]:
    """The active offers of every store, and those of the organisation; of these stores where they are named."""
    query = _offers().where(_OFFER.c.is_active.is_(True))
    if stores is not None:
        query = query.where(sa.or_(_OFFER.c.store_id.is_(None), _OFFER.c.store_id.in_(sorted(stores))))
    return tuple(_row(row) for row in transaction.rows(query))


def in_force(transaction: Transaction, store_id: int, reason_code: str = "") -> tuple[OfferRow, ...]:
    """The offers of a store in the order in which they were set; for a reason where one is named.

    Where a store has offers of its own for a reason, the organisation's for it do not count there.
    """
    query = _offers().where(
        _OFFER.c.is_active.is_(True), sa.or_(_OFFER.c.store_id.is_(None), _OFFER.c.store_id == store_id)
    )
    if reason_code:
        query = query.where(_OFFER.c.reason_code == reason_code)
    rows = [_row(row) for row in transaction.rows(query)]
    own = {row.reason_code for row in rows if row.store_id is not None}
    return tuple(row for row in rows if row.store_id is not None or row.reason_code not in own)


def offer(transaction: Transaction, offer_id: int) -> OfferRow | None:
    """One offer, also one that was removed meanwhile."""
    found = transaction.rows(_offers().where(_OFFER.c.id == offer_id))
    return _row(found[0]) if found else None


def retire(
    transaction: Transaction, actor: Actor, store_id: int | None, reason_code: str, kind: OfferKind
) -> OfferRow | None:
    """Takes the offer of a kind for a reason away, and returns it as it was; None where there is none.

    Its row stays: what was counted with it goes on naming it.
    """
    store = _OFFER.c.store_id.is_(None) if store_id is None else _OFFER.c.store_id == store_id
    one = (store, _OFFER.c.reason_code == reason_code, _OFFER.c.kind == kind, _OFFER.c.is_active.is_(True))
    found = transaction.rows(_offers().where(*one))
    if not found:
        return None
    changed = {"is_active": False, "changed_by": actor.name, "changed_at": transaction.now}
    transaction.run(_OFFER.update().where(*one).values(**changed))
    return _row(found[0])


def add(transaction: Transaction, actor: Actor, new: NewOffer) -> int:
    """Stores an offer and returns its id."""
    added = transaction.rows(
        _OFFER.insert()
        .values(
            store_id=new.store_id, reason_code=new.reason_code, kind=new.kind, percent=new.percent, cycles=new.cycles, days=new.days,
            product_id=new.product_id, label=new.label, is_active=True, changed_by=actor.name, changed_at=transaction.now,
        )
        .returning(_OFFER.c.id)
    )  # fmt: skip
    return int(added[0][0])


def products_named(transaction: Transaction, store_id: int, sku: str) -> tuple[tuple[int, str, str], ...]:
    """Id, name and option of each product that the store sells under this stock number, written in any case."""
    found = transaction.rows(
        sa.select(_PRODUCT.c.id, _PRODUCT.c.name, _PRODUCT.c.option)
        .where(
            _PRODUCT.c.store_id == store_id,
            sa.func.lower(_PRODUCT.c.sku) == sku.strip().lower(),
            _PRODUCT.c.is_active.is_(True),
        )
        .order_by(_PRODUCT.c.id)
        .limit(20)
    )
    return tuple((row.id, row.name, row.option) for row in found)


def last_save(transaction: Transaction, subscription_id: int) -> OfferKind | None:
    """What was accepted last for a subscription; None where nothing was."""
    found = transaction.rows(
        sa.select(_OFFER.c.kind)
        .join(_OUTCOME, _OUTCOME.c.offer_id == _OFFER.c.id)
        .where(_OUTCOME.c.subscription_id == subscription_id, _OUTCOME.c.outcome == RetentionResult.SAVED)
        .order_by(_OUTCOME.c.id.desc())
        .limit(1)
    )
    return OfferKind(found[0].kind) if found else None


@dataclass(frozen=True, slots=True)
class Of:
    """Whose wish it was, where no row of the subscription is at hand."""

    store_id: int
    id: int
    customer_id: int


def record(
    transaction: Transaction,
    actor: Actor,
    subscription: Any,
    reason_code: str,
    outcome: RetentionResult,
    offer_id: int | None = None,
) -> int:
    """Counts how a wish to cancel ended; `subscription` is its row, or an `Of`."""
    added = transaction.rows(
        _OUTCOME.insert()
        .values(
            store_id=subscription.store_id, subscription_id=subscription.id, customer_id=subscription.customer_id,
            reason_code=reason_code, offer_id=offer_id, outcome=outcome, by_id=actor.staff_id or None, by_name=actor.name,
            at=transaction.clock(),
        )
        .returning(_OUTCOME.c.id)
    )  # fmt: skip
    return int(added[0][0])


def counts(
    transaction: Transaction, stores: frozenset[int] | None, since: datetime
) -> tuple[RetentionCount, ...]:
    """How wishes to cancel ended since an instant, per store and reason.

    A save counts where the subscription lives, or was billed at least once after it. A cancellation counts where it holds: a planned one that was
    taken back does not, and one that was asked for again counts once.
    """
    newer = _OUTCOME.alias("newer")
    asked_again = (
        sa.select(sa.literal(1))
        .where(
            newer.c.subscription_id == _OUTCOME.c.subscription_id,
            newer.c.id > _OUTCOME.c.id,
            newer.c.outcome != RetentionResult.SAVED,
        )
        .exists()
    )
    ends = sa.or_(
        _SUBSCRIPTION.c.status == SubscriptionStatus.CANCELLED,
        _SUBSCRIPTION.c.cancel_on.is_not(None),
        _SUBSCRIPTION.c.cancel_after_next.is_(True),
    )
    over = sa.and_(ends, sa.not_(asked_again))
    billed_after = (
        sa.select(sa.literal(1))
        .where(
            _PERIOD.c.subscription_id == _OUTCOME.c.subscription_id,
            _PERIOD.c.state == PeriodState.BILLED,
            _PERIOD.c.closed_at > _OUTCOME.c.at,
        )
        .exists()
    )
    holds = sa.or_(_SUBSCRIPTION.c.status.not_in(_ENDED), billed_after)

    def number(outcome: RetentionResult, *also: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        fits = sa.and_(_OUTCOME.c.outcome == outcome, *also)
        return sa.func.coalesce(sa.func.sum(sa.case((fits, 1), else_=0)), 0)

    query = (
        sa.select(
            _STORE.c.code,
            _OUTCOME.c.reason_code,
            number(RetentionResult.SAVED, holds),
            number(RetentionResult.DECLINED, over),
            number(RetentionResult.CANCELLED, over),
        )
        .join(_STORE, _STORE.c.id == _OUTCOME.c.store_id)
        .join(_SUBSCRIPTION, _SUBSCRIPTION.c.id == _OUTCOME.c.subscription_id)
        .where(_OUTCOME.c.at >= since)
        .group_by(_STORE.c.code, _OUTCOME.c.reason_code)
        .order_by(_STORE.c.code, _OUTCOME.c.reason_code)
        .limit(_MOST_OFFERS)
    )
    if stores is not None:
        query = query.where(_OUTCOME.c.store_id.in_(sorted(stores)))
    return tuple(
        RetentionCount(code, reason, int(saved), int(declined), int(cancelled))
        for code, reason, saved, declined, cancelled in transaction.rows(query)
        if saved or declined or cancelled
    )
