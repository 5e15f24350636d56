"""A profile in one question to the database, read into a `CustomerView` (CUST-01, GEN-07).

Driver SQL, because a person waits for it: loads neither SQLAlchemy nor SQLModel.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from cstui.domain.actor import Actor, Grant
from cstui.domain.addresses import Address
from cstui.domain.calls import CallDirection, CallRow
from cstui.domain.customers import AddressOnFile, CardOnFile, Contact, CustomerStatus, CustomerView, StoreTag
from cstui.domain.errors import NotFound
from cstui.domain.money import Money
from cstui.domain.notes import NoteRow, NoteSource
from cstui.domain.orders import OrderRow, OrderStatus
from cstui.domain.payments import (
    RefundState,
    TransactionKind,
    TransactionOrigin,
    TransactionRow,
    TransactionStatus,
    payment_status,
    summed_up,
)
from cstui.domain.permissions import GRANTED, Permission
from cstui.domain.shipments import ShipmentRow, ShipmentState, fulfilment_status
from cstui.domain.subscriptions import IntervalUnit, Price, SubscriptionRow, SubscriptionStatus
from cstui.storage.queries.customer_sql import SHOWN_MOVEMENTS, older_orders_sql, profile_sql
from cstui.storage.reader import Reader, day

Rows = Sequence[Sequence[Any]]

# Looking a value up is ten times as fast as calling the enum, and a profile holds dozens of them.
_ORDER_STATUS = {member.value: member for member in OrderStatus}
_TRANSACTION_KIND = {member.value: member for member in TransactionKind}
_TRANSACTION_STATUS = {member.value: member for member in TransactionStatus}
_REFUND_STATE = {member.value: member for member in RefundState}
_ORIGIN = {member.value: member for member in TransactionOrigin}
_fulfilment = lru_cache(maxsize=512)(fulfilment_status)
_SHIPMENT_STATE = {member.value: member for member in ShipmentState}


def not_found() -> NotFound:
    """The one answer for a customer that does not exist and for one of other stores."""
    return NotFound("There is no such customer here.", "Search again, or ask for access to the store.")


def customer_view(reader: Reader, actor: Actor, customer_id: int, order_limit: int = 20) -> CustomerView:
    """The whole profile as the actor may see it, newest orders first.

    Errors: `NotFound`, also where the customer is known only in stores that the actor may not see.
    """
    sql, sees_all = _question(reader.is_sqlite, actor.grants)
    parts = _document(reader, sql, {"customer": customer_id, "orders": order_limit + 1, "me": actor.staff_id})
    (person, stores, addresses, cards, viewers, orders, lines, money, parcels, totals, subscriptions, notes, calls) = parts  # fmt: skip
    if not person or not (stores or sees_all):
        raise not_found()
    (_, version, *contact, phone_e164, status, tags, registered_at) = person[0]
    block = Contact(*contact)
    transactions = tuple([_transaction(row) for row in money])
    shipments = tuple([_shipment(row) for row in parcels])
    rows = _order_rows(customer_id, block.name or block.company, orders, lines, transactions, shipments)
    return CustomerView(
        id=customer_id,
        version=version,
        contact=block,
        phone_e164=phone_e164,
        status=CustomerStatus(status),
        stores=tuple([_store(row) for row in stores]),
        addresses=tuple(
            [AddressOnFile(row[0], Address(*row[1:11]), bool(row[11]), bool(row[12])) for row in addresses]
        ),
        orders=rows[:order_limit],
        more_orders=len(rows) > order_limit,
        order_count=sum(int(row[1]) for row in totals),
        revenue=tuple(Money(int(row[2]), row[0]) for row in totals),
        subscriptions=tuple([_subscription(customer_id, row) for row in subscriptions]),
        transactions=transactions[:SHOWN_MOVEMENTS],
        shipments=shipments[:SHOWN_MOVEMENTS],
        cards=tuple([CardOnFile(*row[:6], *map(bool, row[6:])) for row in cards]),
        notes=tuple([_note(row) for row in notes]),
        calls=tuple([_call(row) for row in calls]),
        tags=tags,
        registered_at=_at_or_none(registered_at),
        permitted=permitted(actor.grants, frozenset([row[0] for row in stores])),
        viewers=tuple(row[0] for row in viewers),
    )


def older_orders(
    reader: Reader, actor: Actor, customer_id: int, name: str, after: int, limit: int
) -> tuple[OrderRow, ...]:
    """The orders that follow the order with key `after`, newest first."""
    sql = older_orders_sql(reader.is_sqlite, actor.stores(Permission.ORDER_VIEW))
    orders, lines, money, parcels = _document(
        reader, sql, {"customer": customer_id, "orders": limit, "after": after}
    )
    transactions = tuple([_transaction(row) for row in money])
    return _order_rows(
        customer_id, name, orders, lines, transactions, tuple([_shipment(row) for row in parcels])
    )


@lru_cache(maxsize=256)
def _question(is_sqlite: bool, grants: tuple[Grant, ...]) -> tuple[str, bool]:
    """What somebody with these grants asks for a profile, and whether customers of every store are visible to him."""
    scope = Actor(0, "", "", 0, grants)
    customers = scope.stores(Permission.CUSTOMER_VIEW)
    orders, subscriptions = scope.stores(Permission.ORDER_VIEW), scope.stores(Permission.SUBSCRIPTION_VIEW)
    return profile_sql(is_sqlite, customers, orders, subscriptions), customers is None


@lru_cache(maxsize=1024)
def permitted(grants: tuple[Grant, ...], stores: frozenset[int]) -> frozenset[str]:
    """What these grants allow with a record that is known in these stores, for hiding and dimming."""
    allowed: set[str] = set()
    for grant in grants:
        if grant.store_id is None or grant.store_id in stores:
            allowed.update(permission.value for permission in GRANTED[grant.role])
    return frozenset(allowed)


def _document(reader: Reader, sql: str, parameters: Mapping[str, Any]) -> list[Rows]:
    found = reader.rows(sql, parameters, keyed=True)[0][0]
    parts: list[Rows] = json.loads(found) if isinstance(found, str) else found
    return parts


def _order_rows(
    customer_id: int,
    name: str,
    orders: Rows,
    lines: Rows,
    transactions: Sequence[TransactionRow],
    shipments: Sequence[ShipmentRow],
) -> tuple[OrderRow, ...]:
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for order_id, quantity, product, option in lines:
        texts[order_id].append(f"{quantity} × {product}, {option}" if option else f"{quantity} × {product}")
    moved: defaultdict[int, list[TransactionRow]] = defaultdict(list)
    for transaction in transactions:
        moved[transaction.order_id].append(transaction)
    states: defaultdict[int, list[ShipmentState]] = defaultdict(list)
    for shipment in shipments:
        states[shipment.order_id].append(shipment.state)
    return tuple(
        [
            OrderRow(
                order_id,
                number,
                store_id,
                store,
                customer_id,
                name,
                _at(placed_at),
                Money(total, currency),
                _ORDER_STATUS[status],
                payment_status(
                    total,
                    summed_up([(t.kind, t.status, t.amount.minor, t.parent_kind) for t in moved[order_id]]),
                ),
                _fulfilment(tuple(states[order_id])),
                tuple(texts[order_id]),
                next((t.gateway for t in moved[order_id] if t.gateway), ""),
                holder,
                _REFUND_STATE.get(refund.partition(" ")[0]),
                int(refund.partition(" ")[2] or 0),
            )
            for order_id, number, store_id, store, placed_at, total, currency, status, holder, refund in orders
        ]
    )


def _at(text: str) -> datetime:
    """An instant in the document: SQLite's has no offset, PostgreSQL's is that of its session, which is UTC."""
    return datetime.fromisoformat(text if text.endswith("+00:00") else text + "+00:00")


def _at_or_none(text: str | None) -> datetime | None:
    return None if text is None else _at(text)


def _transaction(row: Sequence[Any]) -> TransactionRow:
    (key, order_id, number, at, kind, status, amount, currency, gateway, brand, last4, reference, text, origin, settled_at, parent,
     account, attempt_id, by, is_test) = row  # fmt: skip
    return TransactionRow(
        key, order_id, number, _at(at), _TRANSACTION_KIND[kind], _TRANSACTION_STATUS[status], Money(amount, currency), gateway,
        brand, last4, reference, text, _ORIGIN[origin], settled_at is not None,
        _TRANSACTION_KIND[parent] if parent else None, account, attempt_id, by, bool(is_test),
    )  # fmt: skip


def _shipment(row: Sequence[Any]) -> ShipmentRow:
    (key, order_id, number, state, is_digital, method, carrier, tracking, released_at, shipped_at, delivered_at, lines) = row  # fmt: skip
    return ShipmentRow(
        key, order_id, number, _SHIPMENT_STATE[state], bool(is_digital), method, carrier, tracking,
        tuple([(line_id, quantity) for line_id, quantity in lines]), _at_or_none(released_at), _at_or_none(shipped_at), _at_or_none(delivered_at),
    )  # fmt: skip


def _subscription(customer_id: int, row: Sequence[Any]) -> SubscriptionRow:
    (key, store_id, product, option, status, currency, unit, quantity, discount, shipping, tax, interval, every, cycle,
     next_bill_date, trial_ends_on, brand, last4, version) = row  # fmt: skip
    price = Price(
        Money(unit, currency),
        quantity,
        Money(discount, currency),
        Money(shipping, currency),
        Money(tax, currency),
    )
    return SubscriptionRow(
        key, store_id, customer_id, product, option, SubscriptionStatus(status), price, IntervalUnit(interval), every, cycle,
        day(next_bill_date), day(trial_ends_on), brand, last4, version,
    )  # fmt: skip


def _store(row: Sequence[Any]) -> StoreTag:
    key, code, name, currency, zone, country, locale, is_test = row
    return StoreTag(key, code, name, currency, zone, country, locale, bool(is_test))


def _note(row: Sequence[Any]) -> NoteRow:
    key, at, author, body, source, subject, corrects_id = row
    return NoteRow(key, _at(at), author, body, NoteSource(source), subject, corrects_id)


def _call(row: Sequence[Any]) -> CallRow:
    key, started_at, ended_at, direction, disposition, note, agent = row
    began, ended = _at(started_at), _at_or_none(ended_at)
    seconds = None if ended is None else max(0, int((ended - began).total_seconds()))
    return CallRow(key, began, CallDirection(direction), disposition, note, agent, seconds)
