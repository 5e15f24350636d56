"""What mails are written from: the store, the customer, a refund with its failures, a transaction, a shipment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import system_actor
from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.orders import OrderView
from cstui.domain.payments import (
    AttemptState,
    RefundMethod,
    RefundState,
    TransactionKind,
    TransactionStatus,
)
from cstui.storage.queries import orders
from cstui.storage.queries.order_view import Looker
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.orders import Order, Shipment
from cstui.storage.tables.payments import PaymentAttempt, Refund
from cstui.storage.tables.payments import Transaction as Payment
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_STORE = table_of(Store)
_CUSTOMER = table_of(Customer)
_ORDER = table_of(Order)
_SHIPMENT = table_of(Shipment)
_CARD = table_of(Card)
_REFUND = table_of(Refund)
_ATTEMPT = table_of(PaymentAttempt)
_PAYMENT = table_of(Payment)
_SUBSCRIPTION = table_of(Subscription)
_LOOKER = Looker(system_actor("mail"), 60)
_GIVEN_BACK = (TransactionKind.REFUND, TransactionKind.CREDIT, TransactionKind.VOID)


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom a mail about an order or a customer reaches, and how it is written: store, name, locale, zone.

    `order_email` and `profile_email` are the addresses known of him; `notify` the store's own list, comma-separated.
    """

    store_id: int | None
    store: str
    zone: str
    notify: str
    customer_id: int
    name: str
    locale: str
    order_id: int | None = None
    order_number: str = ""
    order_email: str = ""
    profile_email: str = ""

    @property
    def email(self) -> str:
        """Where it goes: the order's own address, else the profile's."""
        return self.order_email or self.profile_email


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """One refund as a mail tells of it. `card` is where the money goes; `failures` are its definite ones, oldest first."""

    id: int
    order_id: int
    state: RefundState
    method: RefundMethod
    amount: Money
    payee: str
    card_brand: str
    card_last4: str
    requested_by: str
    requested_at: datetime
    done_at: datetime | None
    failures: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """One transaction that gave money back (or was disputed), with the refund that it carried out, if any."""

    id: int
    order_id: int
    kind: TransactionKind
    status: TransactionStatus
    amount: Money
    card_brand: str
    card_last4: str
    reference: str
    text: str
    at: datetime
    refund_id: int | None


def order(tx: Transaction, order_id: int) -> OrderView | None:
    """The whole order as this transaction sees it."""
    return orders.read(tx, order_id, _LOOKER)


def reached_by_order(tx: Transaction, order_id: int) -> Reached | None:
    """Store, customer and locale of an order: its own locale, else the customer's, else the store's."""
    o, s, c = _ORDER.c, _STORE.c, _CUSTOMER.c
    query = (
        sa.select(
            s.id, s.name, s.zone, s.notify_emails, s.locale.label("store_locale"), c.id.label("customer_id"), c.first_name, c.last_name,
            c.company, c.locale, c.email.label("profile_email"), o.number, o.email, o.locale.label("order_locale"),
        )
        .join(_STORE, s.id == o.store_id)
        .join(_CUSTOMER, c.id == o.customer_id)
        .where(o.id == order_id)
    )  # fmt: skip
    for row in tx.rows(query):
        return Reached(
            row.id, row.name, row.zone, row.notify_emails, row.customer_id, _name(row),
            row.order_locale or row.locale or row.store_locale, order_id, row.number, row.email, row.profile_email,
        )  # fmt: skip
    return None


def reached_by_customer(tx: Transaction, customer_id: int, store_id: int | None) -> Reached | None:
    """The customer with a store that speaks to him (None: no store is named)."""
    c = _CUSTOMER.c
    people = tx.rows(
        sa.select(c.first_name, c.last_name, c.company, c.locale, c.email).where(c.id == customer_id)
    )
    stores = tx.rows(sa.select(_STORE).where(_STORE.c.id == store_id)) if store_id is not None else []
    for row in people:
        store: Any = stores[0] if stores else None
        return Reached(
            store.id if store else None, store.name if store else "", store.zone if store else "UTC",
            store.notify_emails if store else "", customer_id, _name(row), row.locale or (store.locale if store else ""),
            profile_email=row.email,
        )  # fmt: skip
    return None


def subscription(tx: Transaction, subscription_id: int) -> Any | None:
    """A subscription's row with the brand and last four of its card; None where there is none."""
    query = (
        sa.select(_SUBSCRIPTION, _CARD.c.brand, _CARD.c.last4)
        .outerjoin(_CARD, _CARD.c.id == _SUBSCRIPTION.c.card_id)
        .where(_SUBSCRIPTION.c.id == subscription_id)
    )
    rows = tx.rows(query)
    return rows[0] if rows else None


def _name(row: Any) -> str:
    return f"{row.first_name} {row.last_name}".strip() or str(row.company)


def refund(tx: Transaction, refund_id: int) -> RefundFacts | None:
    """One refund with the card that gets it: its own, else that of the charge."""
    found = refunds(tx, _REFUND.c.id == refund_id)
    return found[0] if found else None


def refunds_of(tx: Transaction, order_id: int) -> tuple[RefundFacts, ...]:
    """The refunds of an order, oldest first, without their failures."""
    return refunds(tx, _REFUND.c.order_id == order_id)


def refunds(tx: Transaction, condition: sa.ColumnElement[bool]) -> tuple[RefundFacts, ...]:
    """The refunds that a condition picks, oldest first, 200 at most."""
    r = _REFUND.c
    query = (
        sa.select(
            r.id, r.order_id, r.state, r.method, r.amount, r.currency, r.payee, r.requested_by, r.requested_at, r.done_at,
            sa.func.coalesce(_CARD.c.brand, _PAYMENT.c.card_brand, "").label("brand"),
            sa.func.coalesce(_CARD.c.last4, _PAYMENT.c.card_last4, "").label("last4"),
        )
        .outerjoin(_CARD, _CARD.c.id == r.card_id)
        .outerjoin(_PAYMENT, _PAYMENT.c.id == r.transaction_id)
        .where(condition)
        .order_by(r.id)
        .limit(200)
    )  # fmt: skip
    return tuple(
        RefundFacts(
            row.id, row.order_id, row.state, row.method, Money(row.amount, row.currency), row.payee, row.brand, row.last4,
            row.requested_by, row.requested_at, row.done_at,
        )
        for row in tx.rows(query)
    )  # fmt: skip


_DEFINITE = (AttemptState.DECLINED_SOFT, AttemptState.DECLINED_HARD, AttemptState.REJECTED)


def failures_of(tx: Transaction, refund_id: int, limit: int = 3) -> tuple[tuple[datetime, str], ...]:
    """The last definite failures of a refund as (when, what was said), oldest first; a void that came too late is none."""
    a = _ATTEMPT.c
    query = (
        sa.select(a.created_at, a.answered_at, a.response_text, a.response_code, a.why)
        .where(a.refund_id == refund_id, a.state.in_(_DEFINITE), a.operation != Operation.VOID)
        .order_by(a.id.desc())
        .limit(limit)
    )
    return tuple(
        (
            row.answered_at or row.created_at,
            " ".join(part for part in (row.response_code, row.response_text) if part)
            or row.why.replace("_", " "),
        )
        for row in reversed(tx.rows(query))
    )


def last_attempt_of(tx: Transaction, refund_id: int) -> int:
    """The newest attempt of a refund; 0 for none."""
    rows = tx.rows(sa.select(sa.func.max(_ATTEMPT.c.id)).where(_ATTEMPT.c.refund_id == refund_id))
    return rows[0][0] or 0


def move(tx: Transaction, transaction_id: int) -> MoveFacts | None:
    """One transaction with the refund behind it."""
    found = _moves(tx, _PAYMENT.c.id == transaction_id)
    return found[0] if found else None


def given_back(tx: Transaction, order_id: int) -> tuple[MoveFacts, ...]:
    """The refunds, credits and voids of an order as transactions, oldest first, 200 at most."""
    return _moves(tx, _PAYMENT.c.order_id == order_id, _PAYMENT.c.kind.in_(_GIVEN_BACK))


def _moves(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> tuple[MoveFacts, ...]:
    p, charge = _PAYMENT.c, _PAYMENT.alias("charge")
    query = (
        sa.select(
            p.id, p.order_id, p.kind, p.status, p.amount, p.currency, p.card_brand, p.card_last4, p.gateway_ref, p.response_text,
            p.occurred_at, _ATTEMPT.c.refund_id, charge.c.card_brand.label("charged_brand"), charge.c.card_last4.label("charged_last4"),
        )
        .outerjoin(_ATTEMPT, _ATTEMPT.c.id == p.attempt_id)
        .outerjoin(charge, charge.c.id == p.parent_id)
        .where(*conditions)
        .order_by(p.occurred_at, p.id)
        .limit(200)
    )  # fmt: skip
    return tuple(
        MoveFacts(
            row.id, row.order_id, row.kind, row.status, Money(row.amount, row.currency),
            row.card_brand if row.card_last4 else row.charged_brand or row.card_brand, row.card_last4 or row.charged_last4 or "",
            row.gateway_ref, row.response_text, row.occurred_at, row.refund_id,
        )
        for row in tx.rows(query)
    )  # fmt: skip


def order_of_shipment(tx: Transaction, shipment_id: int) -> int | None:
    """The order that a shipment belongs to."""
    rows = tx.rows(sa.select(_SHIPMENT.c.order_id).where(_SHIPMENT.c.id == shipment_id))
    return rows[0].order_id if rows else None
