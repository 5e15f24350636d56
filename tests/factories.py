"""Explicit factories: keywords in, keys and actors out. They write rows as an import would, without going through a use case."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor, Grant
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.domain.permissions import Role
from cstui.domain.shipments import ShipmentState
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer, CustomerAddress, CustomerStore
from cstui.storage.tables.orders import Order, OrderLine, OrderTax, Shipment, ShipmentLine
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Staff, StaffGrant, Store
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Database

#: The instant at which factories place things.
THEN = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)


def _insert(db: Database, row: Any) -> int:
    with db.write() as tx:
        tx.session.add(row)
        tx.session.flush()
        key: int = row.id
    return key


def add_store(
    db: Database, code: str = "main", currency: str = "USD", country: str = "US", **more: Any
) -> int:
    """A store; returns its key."""
    facts = {"name": code.title(), "zone": "America/New_York", "locale": "en-US", "created_at": THEN, **more}
    return _insert(db, Store(code=code, currency=currency, country=country, **facts))


def add_staff(
    db: Database,
    name: str = "ann",
    role: Role = Role.AGENT,
    store: int | None = None,
    terminal: str = "term-1",
) -> Actor:
    """A member of staff with one grant (store None: everywhere), as an actor at a terminal."""
    staff_id = _insert(
        db, Staff(name=name, name_folded=name.casefold(), display_name=name.title(), created_at=THEN)
    )
    _insert(db, StaffGrant(staff_id=staff_id, role=role, store_id=store, granted_by="test", granted_at=THEN))
    return Actor(staff_id, name.title(), terminal, 1, (Grant(role, store),))


def at(actor: Actor, terminal: str) -> Actor:
    """The same person at another terminal."""
    return Actor(
        actor.staff_id, actor.name, terminal, actor.session_id + 1, actor.grants, actor.zone, actor.locale
    )


def add_customer(
    db: Database, store: int, first_name: str = "Ann", last_name: str = "Lee", **more: Any
) -> int:
    """A customer known in one store, with one default address; returns his key."""
    email = more.pop("email", f"{first_name}.{last_name}@example.com".lower())
    facts = {
        "phone": "+1 212 555 0101",
        "phone_e164": "+12125550101",
        "created_at": THEN,
        "updated_at": THEN,
        **more,
    }
    customer = _insert(
        db,
        Customer(
            first_name=first_name, last_name=last_name, email=email, email_folded=email.casefold(), **facts
        ),
    )
    with db.write() as tx:
        tx.session.add(CustomerStore(customer_id=customer, store_id=store, since=THEN))
        tx.session.add(
            CustomerAddress(
                customer_id=customer, first_name=first_name, last_name=last_name, line1="12 Elm Street", city="Albany",
                region="NY", postcode="12207", country="US", is_default_billing=True, is_default_shipping=True, created_at=THEN,
            )
        )  # fmt: skip
    return customer


def add_order(
    db: Database,
    store: int,
    customer: int,
    number: str = "#1001",
    lines: tuple[tuple[str, int, int], ...] = (("Mug", 2, 1000), ("Tea", 1, 550)),
    *,
    status: OrderStatus = OrderStatus.IN_PROGRESS,
    shipment: ShipmentState | None = ShipmentState.AWAITING_INVENTORY,
    paid: int | None = None,
    shipping: int = 500,
    tax: int = 0,
    currency: str = "USD",
    **more: Any,
) -> int:
    """An order of (name, quantity, unit price) lines with one shipment; `paid` adds one sale; returns its key."""
    subtotal = sum(quantity * price for _, quantity, price in lines)
    total = subtotal + shipping + (0 if more.get("prices_include_tax") else tax)
    address = {"first_name": "Ann", "last_name": "Lee", "line1": "12 Elm Street", "city": "Albany", "region": "NY",
               "postcode": "12207", "country": "US"}  # fmt: skip
    facts: dict[str, Any] = {
        "placed_at": THEN, "created_at": THEN, "updated_at": THEN, "email": "ann.lee@example.com", "phone": "+1 212 555 0101",
        **{f"billing_{k}": v for k, v in address.items()}, **{f"shipping_{k}": v for k, v in address.items()}, **more,
    }  # fmt: skip
    order = _insert(
        db,
        Order(
            store_id=store, customer_id=customer, number=number, status=status, currency=currency, subtotal=subtotal,
            shipping=shipping, tax=tax, total=total, **facts,
        ),
    )  # fmt: skip
    keys = [
        _insert(
            db,
            OrderLine(
                order_id=order, position=i, sku=f"SKU-{name.upper()}", name=name, quantity=q, unit_price=p
            ),
        )
        for i, (name, q, p) in enumerate(lines)
    ]
    if tax:
        _insert(db, OrderTax(order_id=order, name="Sales tax", amount=tax, base=subtotal))
    if shipment is not None:
        parcel = _insert(db, Shipment(order_id=order, state=shipment, method="Standard", created_at=THEN))
        with db.write() as tx:
            for key, (_, quantity, _price) in zip(keys, lines, strict=True):
                tx.session.add(ShipmentLine(shipment_id=parcel, order_line_id=key, quantity=quantity))
    if paid is not None:
        _insert(
            db,
            PaymentTransaction(
                store_id=store, order_id=order, customer_id=customer, kind=TransactionKind.SALE, status=TransactionStatus.SUCCEEDED,
                origin=TransactionOrigin.IMPORT, amount=paid, currency=currency, gateway="sandbox", card_brand="Visa",
                card_last4="4242", occurred_at=THEN + timedelta(minutes=1), created_at=THEN,
            ),
        )  # fmt: skip
    return order


def add_card(db: Database, customer: int, **more: Any) -> int:
    """A card on file; returns its key."""
    facts = {
        "brand": "Visa",
        "last4": "4242",
        "bin6": "424242",
        "expiry_month": 12,
        "expiry_year": 2030,
        "gateway": "sandbox",
        **more,
    }
    return _insert(db, Card(customer_id=customer, created_at=THEN, **facts))


def add_subscription(db: Database, store: int, customer: int, **more: Any) -> int:
    """A monthly subscription in its third cycle, not due for long; returns its key."""
    facts = {
        "status": SubscriptionStatus.ACTIVE, "currency": "USD", "sku": "SKU-TEA", "product": "Tea", "option": "", "unit_price": 2000,
        "shipping": 500, "tax": 150, "interval_unit": IntervalUnit.MONTH, "interval_count": 1, "anchor_day": 15, "cycle": 2,
        "last_bill_date": date(2026, 11, 15), "next_bill_date": date(2099, 12, 15), "created_at": THEN, "updated_at": THEN, **more,
    }  # fmt: skip
    return _insert(db, Subscription(store_id=store, customer_id=customer, **facts))


def count(db: Database, table: type[Any], **where: Any) -> int:
    """How many rows a table holds, with equal columns."""
    core = table_of(table)
    with db.read() as tx:
        query = sa.select(sa.func.count()).select_from(core)
        for name, value in where.items():
            query = query.where(core.c[name] == value)
        found: int = tx.rows(query)[0][0]
    return found
