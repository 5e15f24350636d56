"""Opening a profile: one question, everything of visible stores, nothing of others."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cstui.domain.calls import CallDirection
from cstui.domain.customers import CustomerStatus
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.notes import NoteSource
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import PaymentStatus, TransactionKind, TransactionStatus
from cstui.domain.permissions import Role
from cstui.domain.reasons import ReasonKind
from cstui.domain.shipments import FulfilmentStatus, ShipmentState
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus
from cstui.services.customers import Customers
from cstui.storage.tables.customers import Call, Card, CustomerStore, Note
from cstui.storage.tables.locks import EditLock, Presence
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Reason
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Database
from tests.factories import THEN, add_card, add_customer, add_order, add_staff, add_store


def put(db: Database, *rows: object) -> None:
    with db.write() as tx:
        tx.session.add_all(rows)


def movement(store: int, order: int, customer: int, kind: TransactionKind, amount: int, **more: Any) -> PaymentTransaction:  # fmt: skip
    facts: dict[str, Any] = {
        "status": TransactionStatus.SUCCEEDED, "currency": "USD", "gateway": "sandbox", "occurred_at": THEN, "created_at": THEN,
        **more,
    }  # fmt: skip
    return PaymentTransaction(store_id=store, order_id=order, customer_id=customer, kind=kind, amount=amount, **facts)  # fmt: skip


def test_a_profile_opens_whole(db: Database) -> None:
    store = add_store(db)
    ann = add_staff(db)
    customer = add_customer(db, store, phone="(212) 555-0101", tags="vip", language="en", locale="en-US")
    order = add_order(db, store, customer, paid=3050)
    card = add_card(db, customer, is_default=True, billing_ref="b-1")
    add_card(db, customer, last4="0002", removed_at=THEN)
    put(
        db,
        Note(store_id=store, customer_id=customer, subject_kind=Kind.ORDER, subject_id=order, author_name="Bob", body="Ring twice",
             source=NoteSource.SYSTEM, created_at=THEN + timedelta(hours=2)),
        Note(customer_id=customer, subject_kind=Kind.CUSTOMER, subject_id=customer, author_name="Ann", body="Kind", created_at=THEN),
        Reason(kind=ReasonKind.DISPOSITION, code="sale", label="Sale"),
        Call(store_id=store, customer_id=customer, staff_name="Ann", direction=CallDirection.IN, disposition="sale", note="Bought tea",
             started_at=THEN, ended_at=THEN + timedelta(seconds=95)),
        Subscription(store_id=store, customer_id=customer, product="Tea club", option="Green", status=SubscriptionStatus.ACTIVE,
                     currency="USD", quantity=2, unit_price=1000, discount=100, shipping=300, tax=50, interval_count=3,
                     interval_unit=IntervalUnit.WEEK, cycle=4, next_bill_date=date(2026, 12, 31), card_id=card, created_at=THEN,
                     updated_at=THEN),
    )  # fmt: skip

    view = Customers(db).open(ann, customer)

    assert (view.id, view.version, view.status) == (customer, 1, CustomerStatus.ACTIVE)
    assert view.contact.name == "Ann Lee" and view.contact.phone == "(212) 555-0101"
    assert (view.contact.language, view.contact.locale, view.tags) == ("en", "en-US", "vip")
    assert [(s.id, s.code, s.currency, s.is_test) for s in view.stores] == [(store, "main", "USD", False)]
    (address,) = view.addresses
    assert address.address.lines() == ("Ann Lee", "12 Elm Street", "Albany NY 12207", "US")
    assert address.is_default_billing is True and address.is_default_shipping is True
    (row,) = view.orders
    assert (row.number, row.store, row.customer_name, row.total) == ("#1001", "Main", "Ann Lee", Money(3050, "USD"))  # fmt: skip
    assert row.placed_at == THEN and row.lines == ("2 × Mug", "1 × Tea") and row.gateway == "sandbox"
    assert (row.status, row.payment_status, row.fulfilment_status) == (
        OrderStatus.IN_PROGRESS, PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED,
    )  # fmt: skip
    assert (view.order_count, view.revenue) == (1, (Money(3050, "USD"),))
    (subscription,) = view.subscriptions
    assert subscription.price.total == Money(2250, "USD") and subscription.next_bill_date == date(
        2026, 12, 31
    )
    assert (subscription.card_brand, subscription.card_last4) == ("Visa", "4242")
    assert [c.last4 for c in view.cards] == ["4242"] and view.cards[0].removable and view.has_payment_method
    assert [(n.body, n.subject, n.source) for n in view.notes] == [
        ("Ring twice", "order #1001", NoteSource.SYSTEM),
        ("Kind", "", NoteSource.MANUAL),
    ]
    assert [(c.disposition, c.note, c.seconds) for c in view.calls] == [("Sale", "Bought tea", 95)]
    (parcel,) = view.shipments
    assert parcel.order_number == "#1001" and sorted(q for _, q in parcel.lines) == [1, 2]
    assert [(t.kind, t.amount, t.settled) for t in view.transactions] == [
        (TransactionKind.SALE, Money(3050, "USD"), False)
    ]
    assert "customer.update" in view.permitted and "order.unlock" not in view.permitted


def test_an_empty_profile_opens(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    view = Customers(db).open(add_staff(db), customer)
    assert (view.orders, view.more_orders, view.order_count, view.revenue) == ((), False, 0, ())
    assert not view.has_payment_method and view.viewers == () and view.registered_at is None


def test_the_database_is_asked_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    add_order(db, store, customer)
    ann = add_staff(db)
    asked: list[str] = []
    ask = db.reader.rows

    def counted(sql: str, parameters: dict[str, Any], **how: Any) -> list[Any]:
        asked.append(sql)
        return list(ask(sql, parameters, **how))

    monkeypatch.setattr(db.reader, "rows", counted)
    Customers(db).open(ann, customer)
    assert len(asked) == 1


def test_totals_leave_out_cancelled_and_failed_orders_and_keep_currencies_apart(db: Database) -> None:
    store = add_store(db)
    euro = add_store(db, "euro", "EUR", "DE")
    customer = add_customer(db, store)
    put(db, CustomerStore(customer_id=customer, store_id=euro, since=THEN))
    kept = add_order(db, store, customer, "#1", paid=3050)
    put(db, movement(store, kept, customer, TransactionKind.REFUND, 1000))
    put(db, movement(store, kept, customer, TransactionKind.REFUND, 700, status=TransactionStatus.FAILED))
    add_order(db, store, customer, "#2", paid=3050, status=OrderStatus.CANCELLED)
    add_order(db, store, customer, "#3", status=OrderStatus.FAILED)
    voided = add_order(db, store, customer, "#4", paid=3050)
    put(db, movement(store, voided, customer, TransactionKind.VOID, 3050))
    add_order(db, euro, customer, "#5", paid=3050, currency="EUR")

    view = Customers(db).open(add_staff(db), customer)

    assert view.order_count == 3
    assert view.revenue == (Money(3050, "EUR"), Money(2050, "USD"))


def test_another_stores_orders_notes_calls_and_money_stay_hidden(db: Database) -> None:
    mine, other = add_store(db), add_store(db, "other")
    customer = add_customer(db, mine)
    order = add_order(db, other, customer, "#9", paid=3050)
    put(
        db,
        CustomerStore(customer_id=customer, store_id=other, since=THEN),
        Note(store_id=other, customer_id=customer, subject_kind=Kind.ORDER, subject_id=order, body="secret", created_at=THEN),
        Note(customer_id=customer, subject_kind=Kind.ORDER, subject_id=order, body="secret too", created_at=THEN),
        Note(customer_id=customer, subject_kind=Kind.CUSTOMER, subject_id=customer, body="open", created_at=THEN),
        Call(store_id=other, customer_id=customer, direction=CallDirection.OUT, note="secret", started_at=THEN),
        Call(customer_id=customer, direction=CallDirection.OUT, note="open", started_at=THEN),
        Subscription(store_id=other, customer_id=customer, product="Hidden", status=SubscriptionStatus.ACTIVE, currency="USD",
                     created_at=THEN, updated_at=THEN),
    )  # fmt: skip
    agent = add_staff(db, store=mine)

    view = Customers(db).open(agent, customer)

    assert (view.orders, view.order_count, view.revenue) == ((), 0, ())
    assert (view.transactions, view.shipments, view.subscriptions) == ((), (), ())
    assert [n.body for n in view.notes] == ["open"] and [c.note for c in view.calls] == ["open"]
    assert [s.id for s in view.stores] == [mine]
    assert len(Customers(db).open(add_staff(db, "sue", Role.SUPERVISOR), customer).orders) == 1


def test_a_customer_of_another_store_is_not_found(db: Database) -> None:
    mine, other = add_store(db), add_store(db, "other")
    customer = add_customer(db, other)
    agent, packer = add_staff(db, store=mine), add_staff(db, "wim", Role.WAREHOUSE)
    for actor, key in ((agent, customer), (agent, customer + 1000), (packer, customer)):
        with pytest.raises(NotFound):
            Customers(db).open(actor, key)


def test_orders_come_newest_first_and_page_on_without_gap_or_double(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    for n in range(7):
        add_order(db, store, customer, f"#{n}", placed_at=THEN + timedelta(days=n // 2), shipment=None)
    ann = add_staff(db)
    customers = Customers(db)

    view = customers.open(ann, customer, order_limit=3)
    assert view.more_orders and view.order_count == 7
    seen = list(view.orders)
    while page := customers.older_orders(ann, customer, seen[-1], limit=2):
        seen += page
    assert [row.number for row in seen] == ["#6", "#5", "#4", "#3", "#2", "#1", "#0"]
    assert seen[-1].lines == ("2 × Mug", "1 × Tea") and seen[-1].fulfilment_status is FulfilmentStatus.NONE


def test_a_late_refund_of_an_old_order_is_among_the_newest_transactions(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    old = add_order(db, store, customer, "#1", placed_at=THEN - timedelta(days=90), paid=3050)
    add_order(db, store, customer, "#2")
    put(db, movement(store, old, customer, TransactionKind.REFUND, 50, occurred_at=THEN + timedelta(days=1)))
    view = Customers(db).open(add_staff(db), customer, order_limit=1)
    assert [row.number for row in view.orders] == ["#2"]
    assert view.transactions[0].order_number == "#1" and view.transactions[0].kind is TransactionKind.REFUND


def test_the_holder_of_an_orders_lock_and_who_looks_are_shown(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer, shipment=ShipmentState.SHIPPED)
    ann, bob = add_staff(db), add_staff(db, "bob")
    with db.write() as tx:
        now = tx.now
        tx.session.add(
            EditLock(record_kind=Kind.ORDER, record_id=order, store_id=store, token="t", fence=1, holder_id=bob.staff_id,
                     holder_name="Bob", terminal="term-2", acquired_at=now, heartbeat_at=now, active_at=now, lease_until=now)
        )  # fmt: skip
        for desk, person, seen in (("a", ann, now), ("b", bob, now), ("c", bob, now - timedelta(minutes=5))):
            tx.session.add(
                Presence(desk=desk, record_kind=Kind.CUSTOMER, record_id=customer, staff_id=person.staff_id,
                         staff_name=person.name + desk, terminal="", since=seen, seen_at=seen)
            )  # fmt: skip
    view = Customers(db).open(ann, customer)
    assert view.orders[0].holder == "Bob" and view.orders[0].fulfilment_status is FulfilmentStatus.FULFILLED
    assert view.viewers == ("Bobb",)


def test_text_of_every_kind_comes_back_as_it_was_stored(db: Database) -> None:
    store = add_store(db)
    name = 'O\'Brien "[bold]" \\ , ] } 李 😀 \u202e'
    customer = add_customer(db, store, name, "%s :customer", email="a@b.cc")
    put(db, Card(customer_id=customer, brand='Vi"sa', last4="1,]", created_at=THEN))
    view = Customers(db).open(add_staff(db), customer)
    assert (view.contact.first_name, view.contact.last_name) == (name, "%s :customer")
    assert (view.cards[0].brand, view.cards[0].last4) == ('Vi"sa', "1,]")
