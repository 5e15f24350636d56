"""Billing inside a transaction: which subscriptions are due, their periods, what happened to a card, and the order of a billed cycle.

Whoever bills a subscription holds its row until the end of the transaction and passes by what somebody else holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.billing import THIS_PLAN_ONLY, After, CardHistory, after_refusal
from cstui.domain.declines import explained
from cstui.domain.gateways import Operation
from cstui.domain.payments import AttemptState
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.queries.attempts import ATTEMPT
from cstui.storage.queries.subscriptions import PERIOD, SUBSCRIPTION
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.people import GatewayAccount, Store
from cstui.storage.transaction import Transaction

_STORE = table_of(Store)
_CARD = table_of(Card)
_CUSTOMER = table_of(Customer)
_ACCOUNT = table_of(GatewayAccount)
#: An attempt in one of these may still bring money: nothing else is tried for its subscription meanwhile.
OPEN = (
    AttemptState.WAITING_APPROVAL,
    AttemptState.ARMED,
    AttemptState.SENDING,
    AttemptState.UNKNOWN,
    AttemptState.PENDING,
)
#: After a charge that was not sent nothing is tried for so long.
QUIET = timedelta(minutes=5)
_CHARGES = (Operation.SALE, Operation.AUTHORISE, Operation.VERIFY)
_DECLINED = (AttemptState.DECLINED_SOFT, AttemptState.DECLINED_HARD)
_UNTRIED = (AttemptState.WITHDRAWN, AttemptState.NOT_SENT, AttemptState.WAITING_APPROVAL)
_MOST_HISTORY = 300


@dataclass(frozen=True, slots=True)
class StoreDay:
    """A store as billing needs it."""

    id: int
    code: str
    currency: str
    zone: str
    bill_time: str
    told_until: date | None


def stores(tx: Transaction, store_id: int | None = None) -> list[StoreDay]:
    """Every store, or one."""
    s = _STORE.c
    query = sa.select(s.id, s.code, s.currency, s.zone, s.daily_bill_time, s.renewals_told_until).order_by(
        s.id
    )
    if store_id is not None:
        query = query.where(s.id == store_id)
    return [
        StoreDay(row.id, row.code, row.currency, row.zone or "UTC", row.daily_bill_time or "09:00", row.renewals_told_until)
        for row in tx.rows(query)
    ]  # fmt: skip


# What is due ----------------------------------------------------------------------------------------


def armed_ahead(tx: Transaction, most: int) -> int:
    """How many charges of subscriptions wait for a sender, counted up to `most`."""
    waiting = (
        sa.select(ATTEMPT.c.id)
        .where(ATTEMPT.c.state == AttemptState.ARMED, ATTEMPT.c.subscription_id.is_not(None))
        .limit(most)
    )
    return int(tx.rows(sa.select(sa.func.count()).select_from(waiting.subquery()))[0][0])


def due_ids(tx: Transaction, store_id: int, today: date, day: date, limit: int) -> list[int]:
    """Subscriptions of a store that have something planned for today, or a bill or a try that is due; the oldest first.

    What has an open attempt, or one that was just proven not to have been sent, is left out. Nothing is locked.
    """
    s = SUBSCRIPTION.c
    # Written out, so that both databases see that the partial indexes hold the answer.
    bills = sa.text("subscription.status IN ('trial', 'active')")
    takes = sa.or_(s.cancel_on.is_(None), s.keep_billing.is_(True))
    free = sa.not_(
        sa.exists().where(
            ATTEMPT.c.subscription_id == s.id,
            sa.or_(
                ATTEMPT.c.state.in_(OPEN),
                sa.and_(ATTEMPT.c.state == AttemptState.NOT_SENT, ATTEMPT.c.done_at > tx.now - QUIET),
            ),
        )
    )
    living = s.status.not_in((SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE))
    parts = (
        (s.cancel_on, today, (living,)),
        (s.resume_on, today, (s.status == SubscriptionStatus.PAUSED,)),
        (s.pause_on, today, (s.status == SubscriptionStatus.ACTIVE, free)),
        (s.retry_on, day, (s.status == SubscriptionStatus.PAST_DUE, takes, free)),
        (s.next_bill_date, day, (bills, takes, free)),
    )
    found: dict[int, None] = {}
    for column, until, conditions in parts:
        if len(found) >= limit:
            break
        query = (
            sa.select(s.id)
            .where(s.store_id == store_id, column.is_not(None), column <= until, *conditions)
            .order_by(column, s.id)
            .limit(limit - len(found))
        )
        found.update(dict.fromkeys(row[0] for row in tx.rows(query)))
    return list(found)


def lock(tx: Transaction, subscription_id: int, *, waits: bool = False) -> Any | None:
    """A subscription's row, locked until the transaction ends; None where there is none, or (unless it `waits`) somebody holds it."""
    query = sa.select(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id)
    rows = tx.rows(query.with_for_update() if waits else query.with_for_update(skip_locked=True))
    return rows[0] if rows else None


# Periods --------------------------------------------------------------------------------------------


def read_period(tx: Transaction, period_id: int) -> Any | None:
    """A period by its key, locked until the transaction ends; None where there is none."""
    rows = tx.rows(sa.select(PERIOD).where(PERIOD.c.id == period_id).with_for_update())
    return rows[0] if rows else None


def missed(tx: Transaction, store_ids: Iterable[int] | None, limit: int = 500) -> list[Any]:
    """Cycles that went by uncharged and wait for a decision, the oldest first, with their subscriptions and customers' names.

    What is being charged already waits for its outcome, not for a decision.
    """
    under_way = sa.exists().where(
        ATTEMPT.c.subscription_id == PERIOD.c.subscription_id, ATTEMPT.c.cycle == PERIOD.c.cycle, ATTEMPT.c.state.in_(OPEN)
    )  # fmt: skip
    query = (
        sa.select(
            PERIOD, SUBSCRIPTION.c.store_id, SUBSCRIPTION.c.customer_id, SUBSCRIPTION.c.product, SUBSCRIPTION.c.status,
            _CUSTOMER.c.first_name, _CUSTOMER.c.last_name, _CUSTOMER.c.company,
        )
        .join(SUBSCRIPTION, SUBSCRIPTION.c.id == PERIOD.c.subscription_id)
        .join(_CUSTOMER, _CUSTOMER.c.id == SUBSCRIPTION.c.customer_id)
        .where(sa.text("subscription_period.is_missed AND subscription_period.state = 'due'"), ~under_way)
        .order_by(PERIOD.c.bill_date, PERIOD.c.id)
        .limit(limit)
    )  # fmt: skip
    if store_ids is not None:
        query = query.where(SUBSCRIPTION.c.store_id.in_(list(store_ids)))
    return tx.rows(query)


# Attempts and cards ---------------------------------------------------------------------------------


def open_attempt(tx: Transaction, subscription_id: int) -> Any | None:
    """The attempt of a subscription that may still bring money, or None."""
    rows = tx.rows(
        sa.select(ATTEMPT).where(ATTEMPT.c.subscription_id == subscription_id, ATTEMPT.c.state.in_(OPEN)).limit(1)
    )  # fmt: skip
    return rows[0] if rows else None


def card_is_busy(tx: Transaction, card_id: int | None) -> bool:
    """Whether another charge of this card may still bring money. The card's row is locked: two bills of one card never leave side by side."""
    if card_id is None:
        return False
    tx.rows(sa.select(_CARD.c.id).where(_CARD.c.id == card_id).with_for_update(key_share=True))
    found = sa.select(ATTEMPT.c.id).where(
        ATTEMPT.c.card_id == card_id, ATTEMPT.c.state.in_(OPEN), ATTEMPT.c.operation.in_(_CHARGES)
    )
    return bool(tx.rows(found.limit(1)))


def charged_alike(tx: Transaction, attempt: Any) -> bool:
    """Whether the same card paid the same amount for another cycle within a day: a gateway may take the two for one."""
    a = ATTEMPT.c
    found = sa.select(a.id).where(
        a.card_id == attempt.card_id, a.created_at > tx.now - timedelta(days=1), a.amount == attempt.amount,
        a.state == AttemptState.SUCCEEDED, a.guard_key != attempt.guard_key,
    )  # fmt: skip
    return bool(tx.rows(found.limit(1)))


def tries_of(tx: Transaction, subscription_id: int, cycle: int, limit: int = 30) -> list[Any]:
    """The latest attempts at a cycle, newest first."""
    return tx.rows(
        sa.select(ATTEMPT)
        .where(ATTEMPT.c.subscription_id == subscription_id, ATTEMPT.c.cycle == cycle)
        .order_by(ATTEMPT.c.id.desc())
        .limit(limit)
    )


def account_of(tx: Transaction, store_id: int, gateway: str, name: str) -> Any | None:
    """The account that a card lies in; where the card names none, the store's main one at that gateway."""
    a = _ACCOUNT.c
    query = sa.select(a.name, a.is_test, a.is_open).where(a.gateway == gateway)
    if name:
        query = query.where(a.name == name)
    else:
        query = query.where(sa.or_(a.store_id == store_id, a.store_id.is_(None)))
    rows = tx.rows(query.order_by(a.store_id.is_(None), a.is_main.desc(), a.id).limit(1))
    return rows[0] if rows else None


def history(tx: Transaction, of: Any, subscription_id: int) -> CardHistory:
    """What happened to a card, counted over all rows that hold the same card of its customer (7.2).

    A hard decline counts until a later charge of the same card went through; a stop order of another subscription does not.
    """
    same = sa.select(_CARD.c.id).where(
        _CARD.c.customer_id == of.customer_id, _CARD.c.brand == of.brand, _CARD.c.last4 == of.last4
    )
    a = ATTEMPT.c
    rows = tx.rows(
        sa.select(a.state, a.why, a.response_code, a.response_text, a.created_at, a.requested_by_id, a.subscription_id)
        .where(
            a.card_id.in_(same) if of.last4 else a.card_id == of.id, a.operation.in_(_CHARGES), a.state.not_in(_UNTRIED)
        )
        .order_by(a.created_at.desc(), a.id.desc())
        .limit(_MOST_HISTORY)
    )  # fmt: skip
    day, month = tx.now - timedelta(days=1), tx.now - timedelta(days=30)
    recent = [row for row in rows if row.created_at > month]
    by_hand = [row for row in recent if row.requested_by_id]
    declined = [row for row in recent if row.state in _DECLINED]
    return CardHistory(
        agent_today=sum(1 for row in by_hand if row.created_at > day), agent_month=len(by_hand),
        declines_today=sum(1 for row in declined if row.created_at > day), declines_month=len(declined),
        never=_why_never(rows, subscription_id),
    )  # fmt: skip


def _why_never(rows: list[Any], subscription_id: int) -> str:
    for row in rows:
        if row.state is AttemptState.SUCCEEDED:
            return ""
        if row.response_code in THIS_PLAN_ONLY and row.subscription_id != subscription_id:
            continue
        if row.state in _DECLINED and after_refusal(row.state, row.why, row.response_code) is After.STOP:
            found = explained(row.response_code, row.response_text, row.why, row.state)
            return f"{found.words if found else row.response_text}."
    return ""


# Who was told ---------------------------------------------------------------------------------------


def renewing_on(tx: Transaction, store_id: int, day: date, after_id: int, limit: int) -> list[Any]:
    """Subscriptions that will be billed on a day, by their keys after `after_id`."""
    s = SUBSCRIPTION.c
    return tx.rows(
        sa.select(s.id, s.cycle)
        .where(
            s.store_id == store_id, s.next_bill_date == day, sa.text("subscription.status IN ('trial', 'active')"), s.id > after_id,
            sa.or_(s.cancel_on.is_(None), sa.and_(s.keep_billing.is_(True), s.cancel_on > day)),
            sa.or_(s.pause_on.is_(None), s.pause_on > day),
        )
        .order_by(s.id)
        .limit(limit)
    )  # fmt: skip


def told_until(tx: Transaction, store_id: int, day: date) -> None:
    """Notes that the customers of a bill date have been told of it."""
    tx.run(_STORE.update().where(_STORE.c.id == store_id).values(renewals_told_until=day))
