"""One subscription as its screen paints it: row, periods, tries, history, mails, lock and viewers in one consistent read."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.billing_dates import bills_at, is_due, today_in
from cstui.domain.declines import explained
from cstui.domain.gateways import Why
from cstui.domain.ids import Kind
from cstui.domain.locking import LockState
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Permission
from cstui.domain.subscription_preview import CardFacts, preview
from cstui.domain.subscription_prices import regular_shown
from cstui.domain.subscriptions import (
    PeriodRow,
    Price,
    SubscriptionAttempt,
    SubscriptionRow,
    SubscriptionView,
)
from cstui.storage.queries import audit, locks, mails, subscriptions
from cstui.storage.queries.order_view import Looker
from cstui.storage.queries.subscriptions import PERIOD, SUBSCRIPTION
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.locks import Presence
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

_CARD = table_of(Card)
_CUSTOMER = table_of(Customer)
_STORE = table_of(Store)
_ORDER = table_of(Order)
_ATTEMPT = table_of(PaymentAttempt)
_PRESENCE = table_of(Presence)
_MOST_PERIODS = 120
_MOST_ATTEMPTS = 100
_MOST_EVENTS = 50
_MOST_VIEWERS = 50


def steady(tx: Transaction) -> None:
    """One unchanging picture for all that is read next; the first statement of a read transaction."""
    if not tx.is_sqlite:
        tx.run(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


def read(tx: Transaction, subscription_id: int, looker: Looker) -> SubscriptionView | None:
    """The subscription as this transaction sees it; None where there is none in the stores that the looker may see.

    What may be done and why not is added by whoever knows the rules of charging.
    """
    found = tx.rows(
        sa.select(
            SUBSCRIPTION, _STORE.c.code, _STORE.c.name.label("store_name"), _STORE.c.zone, _STORE.c.daily_bill_time,
            _STORE.c.is_test, _CUSTOMER.c.first_name, _CUSTOMER.c.last_name, _CUSTOMER.c.company, _CUSTOMER.c.email,
            _CARD.c.brand, _CARD.c.last4, _CARD.c.expiry_month, _CARD.c.expiry_year, _CARD.c.removed_at,
            _ORDER.c.number.label("parent_number"),
        )
        .select_from(
            SUBSCRIPTION.join(_STORE, _STORE.c.id == SUBSCRIPTION.c.store_id)
            .join(_CUSTOMER, _CUSTOMER.c.id == SUBSCRIPTION.c.customer_id)
            .outerjoin(_CARD, _CARD.c.id == SUBSCRIPTION.c.card_id)
            .outerjoin(_ORDER, _ORDER.c.id == SUBSCRIPTION.c.parent_order_id)
        )
        .where(SUBSCRIPTION.c.id == subscription_id)
    )  # fmt: skip
    if not found:
        return None
    permitted = looker.actor.permitted(found[0].store_id)
    if Permission.SUBSCRIPTION_VIEW not in permitted:
        return None
    view = _facts(tx, found[0])
    may_see = Permission.AUDIT_VIEW in permitted
    periods = _periods(tx, found[0])
    return replace(
        view,
        periods=periods,
        attempts=_attempts(tx, found[0]),
        events=audit.events_of(tx, Kind.SUBSCRIPTION, subscription_id, limit=_MOST_EVENTS) if may_see else (),
        mails=mails.of_subscription(tx, subscription_id, [p.order_id for p in periods if p.order_id]),
        edit_lock=_lock(tx, subscription_id, looker),
        viewers=_viewers(tx, subscription_id, looker),
        permitted=permitted,
    )


def card_facts(row: Any) -> CardFacts:
    """What a preview needs to know of a card's row, or of a row that is joined with one; nothing where there is no card."""
    if row is None or not row.last4:
        return CardFacts()
    return CardFacts(f"{row.brand} …{row.last4}".strip(), expires_on(row), row.removed_at is not None)


def expires_on(row: Any) -> date | None:
    """The last good day of a card; None where its expiry is not known."""
    month, year = row.expiry_month or 0, row.expiry_year or 0
    if not (1 <= month <= 12 and year):
        return None
    return date(year, month, calendar.monthrange(year, month)[1])


def _facts(tx: Transaction, row: Any) -> SubscriptionView:
    facts = subscriptions.facts_of(row)
    today = today_in(row.zone, tx.now)
    card = card_facts(row)
    coming = preview(
        facts, today, tx.now, card, bill_time=row.daily_bill_time, is_past_bill_time=is_due(today, row.daily_bill_time, row.zone, tx.now)
    )  # fmt: skip

    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    price = Price(
        money(row.unit_price), row.quantity, money(row.discount), money(row.shipping), money(row.tax)
    )
    shown = SubscriptionRow(
        row.id, row.store_id, row.customer_id, row.product, row.option, row.status, price, row.interval_unit, row.interval_count,
        row.cycle, row.next_bill_date, row.trial_ends_on, row.brand or "", row.last4 or "", row.version,
    )  # fmt: skip
    return SubscriptionView(
        shown, (), store_code=row.code, store_name=row.store_name, store_zone=row.zone, bill_time=row.daily_bill_time,
        is_test=row.is_test, customer_name=f"{row.first_name} {row.last_name}".strip() or row.company, customer_email=row.email,
        product_id=row.product_id, sku=row.sku, discount_kind=row.discount_kind, discount_value=row.discount_value,
        price_cycles_left=row.price_cycles_left, regular=regular_shown(facts), anchor_day=row.anchor_day,
        final_cycle=row.final_cycle, last_bill_date=row.last_bill_date, trial_days=row.trial_days, pause_on=row.pause_on,
        resume_on=row.resume_on, cancel_on=row.cancel_on, keep_billing=row.keep_billing, cancel_after_next=row.cancel_after_next,
        tries=row.attempts, retry_on=row.retry_on, card_id=row.card_id, card=card.words, card_expires=card.expires,
        card_warning=next((said for said in coming.warnings if "card" in said), ""), parent_order_id=row.parent_order_id,
        parent_number=row.parent_number or "", cancel_reason=row.cancel_reason, cancelled_at=row.cancelled_at,
        created_at=row.created_at, next=coming, today=today,
        bills_at=bills_at(coming.date, row.daily_bill_time, row.zone) if coming.date else None,
    )  # fmt: skip


def _periods(tx: Transaction, row: Any) -> tuple[PeriodRow, ...]:
    found = tx.rows(
        sa.select(PERIOD)
        .where(PERIOD.c.subscription_id == row.id)
        .order_by(PERIOD.c.cycle.desc())
        .limit(_MOST_PERIODS)
    )
    return tuple(
        PeriodRow(p.cycle, p.bill_date, p.state, Money(p.amount, p.currency or row.currency), p.order_id)
        for p in found
    )


def _attempts(tx: Transaction, row: Any) -> tuple[SubscriptionAttempt, ...]:
    found = tx.rows(
        sa.select(_ATTEMPT, _CARD.c.brand, _CARD.c.last4)
        .outerjoin(_CARD, _CARD.c.id == _ATTEMPT.c.card_id)
        .where(_ATTEMPT.c.customer_id == row.customer_id, _ATTEMPT.c.subscription_id == row.id)
        .order_by(_ATTEMPT.c.id.desc())
        .limit(_MOST_ATTEMPTS)
    )
    return tuple(_attempt(a) for a in found)


def _attempt(a: Any) -> SubscriptionAttempt:
    state = AttemptState(a.state)
    said = explained(a.response_code, a.response_text, Why(a.why), state)
    return SubscriptionAttempt(
        a.id, a.cycle, a.sent_at or a.created_at, Money(a.amount, a.currency), state, f"{a.brand or ''} …{a.last4}".strip() if a.last4 else "",
        a.response_code, a.response_text, said.words if said else _PLAIN.get(state, ""), said.advice if said else "",
        said.again if said else None, a.order_id, a.requested_by,
    )  # fmt: skip


_PLAIN = {
    AttemptState.ARMED: "About to be sent",
    AttemptState.WAITING_APPROVAL: "Waits for a supervisor",
    AttemptState.SENDING: "Being sent",
    AttemptState.PENDING: "Accepted, not final yet",
    AttemptState.SUCCEEDED: "Approved",
    AttemptState.WITHDRAWN: "Taken back before it was sent",
    AttemptState.REVERSED: "Taken back by the gateway",
}


def _lock(tx: Transaction, subscription_id: int, looker: Looker) -> LockState | None:
    state = locks.state_of(tx, Kind.SUBSCRIPTION, subscription_id)
    if state is None or state.holder_id == looker.actor.staff_id:
        return state
    # A token lets its owner save and release: nobody else is shown it.
    return replace(state, token="")


def _viewers(tx: Transaction, subscription_id: int, looker: Looker) -> tuple[str, ...]:
    p, actor = _PRESENCE.c, looker.actor
    rows = tx.rows(
        sa.select(p.staff_name)
        .where(
            p.record_kind == Kind.SUBSCRIPTION,
            p.record_id == subscription_id,
            p.seen_at >= tx.now - timedelta(seconds=looker.lease),
            sa.not_(sa.and_(p.staff_id == actor.staff_id, p.terminal == actor.terminal)),
        )
        .order_by(p.staff_name)
        .limit(_MOST_VIEWERS)
    )
    return tuple(dict.fromkeys(name for (name,) in rows))
