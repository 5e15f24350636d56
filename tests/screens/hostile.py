"""One shop in whose every free text somebody has put something that breaks programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.calls import CallDirection
from cstui.domain.customers import Contact
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.orders import OrderChange
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Role
from cstui.domain.reasons import ReasonKind
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.services.customers import Customers
from cstui.services.drafts import Drafts
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.services.settings import Settings
from cstui.storage.tables.base import Base
from cstui.storage.tables.customers import Call, Note
from cstui.storage.tables.orders import OrderDiscount, OrderHold
from cstui.storage.tables.payments import PaymentAttempt, Refund
from cstui.storage.tables.people import Reason
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from cstui.storage.transaction import Database
from tests.bad_inputs import BAD_TEXTS, SHORT_BAD_TEXTS
from tests.factories import THEN, _insert, add_card, add_customer, add_order, add_staff, add_store

#: Texts that the program itself writes, reads back and compares: nobody else can put anything there.
_TECHNICAL = {
    "store": {"code", "currency", "zone", "daily_bill_time"},
    "orders": {"number", "currency", "external_id", "source"},
    "customer": {"email_folded", "phone_e164"},
    "staff": {"name", "name_folded", "password_hash", "zone"},
    "payment_transaction": {"currency", "gateway_ref"},
    "refund": {"currency"},
    "payment_attempt": {"key", "guard_key", "chain", "currency", "gateway", "account", "payload"},
    "subscription": {"currency"},
    "subscription_period": {"currency"},
    "card": {"last4", "bin6"},
    "audit_event": {"save_id", "prev_hash", "hash"},
    "audit_change": {"path", "salt", "old_hash", "new_hash"},
    "edit_lock": {"token"},
    "lock_event": {"token"},
    "reason": {"code"},
    "draft": {"body"},
}
_FILLED = (
    "store", "staff", "customer", "customer_address", "orders", "order_line", "order_tax", "order_discount", "order_hold",
    "shipment", "payment_transaction", "refund", "payment_attempt", "card", "subscription", "subscription_period", "note", "call",
    "edit_lock", "draft", "reason", "audit_event", "audit_change",
)  # fmt: skip


def storable(texts: list[tuple[str, str]]) -> list[str]:
    """The values that a database takes at all: no lone surrogates."""
    return [value for _, value in texts if value.encode("utf-8", "ignore").decode() == value]


SHORT = storable(SHORT_BAD_TEXTS)
LONG = storable([pair for pair in BAD_TEXTS if pair not in SHORT_BAD_TEXTS and len(pair[1]) <= 20_000])


@dataclass(frozen=True)
class Shop:
    """What there is to open."""

    actor: Actor
    customer: int
    order: int


def fill_shop(db: Database) -> Shop:
    """One of everything that a screen may show, as yet harmless."""
    store = add_store(db)
    sue, bob = (
        add_staff(db, "sue", Role.SUPERVISOR, terminal="term-9"),
        add_staff(db, "bob", terminal="term-2"),
    )
    customer = add_customer(db, store)
    order = add_order(db, store, customer, paid=3050, tax=100)
    other = add_order(db, store, customer, "#1002")
    card = add_card(db, customer)
    rows = [
        OrderDiscount(order_id=order, code="SPRING", amount=100),
        OrderHold(order_id=order, reason_code="fraud", reason="Fraud check", placed_by="Bob", placed_at=THEN),
        Refund(store_id=store, order_id=order, customer_id=customer, state=RefundState.REQUESTED, amount=100, currency="USD",
               requested_at=THEN, updated_at=THEN),
        Refund(store_id=store, order_id=order, customer_id=customer, state=RefundState.NEEDS_APPROVAL, amount=100, currency="USD",
               requested_at=THEN, updated_at=THEN),
        PaymentAttempt(key="k1", guard_key="txn:0", store_id=store, order_id=order, customer_id=customer, operation=Operation.REFUND,
                       state=AttemptState.UNKNOWN, amount=100, currency="USD", gateway="sandbox", created_at=THEN),
        Subscription(store_id=store, customer_id=customer, status=SubscriptionStatus.ACTIVE, currency="USD", unit_price=900,
                     next_bill_date=date(2026, 12, 1), card_id=card, parent_order_id=order, created_at=THEN, updated_at=THEN),
        Call(store_id=store, customer_id=customer, staff_name="Bob", direction=CallDirection.IN, started_at=THEN, ended_at=THEN),
        Reason(kind=ReasonKind.HOLD, code="odd", label="Odd"),
        Reason(kind=ReasonKind.DISPOSITION, code="odd", label="Odd"),
        *(Note(store_id=store, customer_id=customer, subject_kind=kind, subject_id=key, author_name="Bob", body="x", created_at=THEN)
          for kind, key in ((Kind.CUSTOMER, customer), (Kind.ORDER, order))),
    ]  # fmt: skip
    for row in rows:
        key = _insert(db, row)
        if isinstance(row, Subscription):
            missed = SubscriptionPeriod(
                subscription_id=key,
                cycle=1,
                bill_date=date(2026, 11, 1),
                state=PeriodState.DUE,
                amount=900,
                currency="USD",
                is_missed=True,
            )
            _insert(db, missed)
    settings = Settings(db)
    Customers(db, settings).save_contact(
        sue, customer, 1, Contact("Ann", "Leigh", "", "ann@example.com", "+12125550101"), new_token()
    )
    orders = Orders(db, settings)
    view = orders.open(sue, order)
    grip = orders.begin_edit(sue, order, view.version, new_token())
    moved = replace(view.shipping, line1="14 Elm Street", last_name="Leigh")
    orders.save(sue, order, grip, OrderChange(shipping=moved), new_token())
    Locks(db, settings).begin(bob, Kind.ORDER, other, 1, new_token())
    Drafts(db).keep(sue, Kind.ORDER, other, 1, {"shipping.line1": "x"})
    return Shop(sue, customer, order)


def poison(db: Database, values: list[str], turn: int = 0) -> None:
    """Puts one of the values into each free text of each row; another turn puts other values there."""
    at = turn
    for name in _FILLED:
        table = Base.metadata.tables[name]
        free = [
            column
            for column in table.columns
            if isinstance(column.type, sa.Text) and column.name not in _TECHNICAL.get(name, ())
        ]
        changed = {}
        for column in free:
            changed[column.name] = values[at % len(values)]
            at += 1
        if changed:
            statement = table.update().values(changed)
            if name == "audit_change":
                statement = statement.where(table.c.path.like("%name%"))
            with db.write() as tx:
                tx.session.execute(statement)
