"""What of a customer still bills, ships or reserves, with who works on it (D-09)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.order_rules import open_authorisations
from cstui.domain.orders import FINAL_STATUSES
from cstui.domain.payments import (
    IN_FLIGHT,
    AttemptState,
    TransactionKind,
    TransactionOrigin,
    TransactionRow,
    TransactionStatus,
)
from cstui.domain.shipments import CANCELLABLE_SHIPMENT_STATES
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.queries.lock_rows import LOCK
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order, OrderLine, Shipment, ShipmentLine
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_SUBSCRIPTION = table_of(Subscription)
_STORE = table_of(Store)
_ORDER = table_of(Order)
_LINE = table_of(OrderLine)
_SHIPMENT = table_of(Shipment)
_CONTENT = table_of(ShipmentLine)
_MOVE = table_of(PaymentTransaction)
_ATTEMPT = table_of(PaymentAttempt)
_ENDED = (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE)
_CHARGING = (Operation.SALE, Operation.AUTHORISE, Operation.CAPTURE)
NOT_SENT = (AttemptState.ARMED, AttemptState.WAITING_APPROVAL)
_UNDER_WAY = (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.PENDING)
_MOST = 200
#: Banks let go of a reserved amount by themselves after a month at the latest.
_HOLDS_LAST = timedelta(days=31)


def subscriptions(
    tx: Transaction, customer_id: int, stores: frozenset[int] | None, also: Iterable[int] = ()
) -> list[Any]:
    """The customer's subscriptions that are not over, and those of `also`, with their stores' zones."""
    query = (
        sa.select(_SUBSCRIPTION, _STORE.c.zone)
        .join(_STORE, _STORE.c.id == _SUBSCRIPTION.c.store_id)
        .where(
            _SUBSCRIPTION.c.customer_id == customer_id,
            _SUBSCRIPTION.c.status.not_in(_ENDED) | _SUBSCRIPTION.c.id.in_(list(also)),
        )
    )
    return tx.rows(_in(query, _SUBSCRIPTION, stores).order_by(_SUBSCRIPTION.c.id).limit(_MOST))


def shipments(
    tx: Transaction, customer_id: int, stores: frozenset[int] | None, also: Iterable[int] = ()
) -> list[Any]:
    """The customer's shipments that have not left, and those of `also`, with their orders' numbers and totals, the oldest first."""
    query = (
        sa.select(
            _SHIPMENT.c.id, _SHIPMENT.c.state, _SHIPMENT.c.is_digital, _SHIPMENT.c.method, _ORDER.c.id.label("order_id"),
            _ORDER.c.number, _ORDER.c.store_id,
        )
        .join(_ORDER, _ORDER.c.id == _SHIPMENT.c.order_id)
        .where(
            _ORDER.c.customer_id == customer_id,
            (_ORDER.c.status.not_in(FINAL_STATUSES) & _SHIPMENT.c.state.in_(sorted(CANCELLABLE_SHIPMENT_STATES)))
            | _SHIPMENT.c.id.in_(list(also)),
        )
    )  # fmt: skip
    return tx.rows(_in(query, _ORDER, stores).order_by(_SHIPMENT.c.id).limit(_MOST))


def contents(tx: Transaction, shipment_ids: Iterable[int]) -> dict[int, list[tuple[int, str, str]]]:
    """Quantity, name and option of what shipments hold, by shipment."""
    query = (
        sa.select(_CONTENT.c.shipment_id, _CONTENT.c.quantity, _LINE.c.name, _LINE.c.option)
        .join(_LINE, _LINE.c.id == _CONTENT.c.order_line_id)
        .where(_CONTENT.c.shipment_id.in_(list(shipment_ids)))
        .order_by(_CONTENT.c.shipment_id, _LINE.c.position)
    )
    found: dict[int, list[tuple[int, str, str]]] = {}
    for row in tx.rows(query):
        found.setdefault(row.shipment_id, []).append((row.quantity, row.name, row.option))
    return found


def holds(
    tx: Transaction, customer_id: int, stores: frozenset[int] | None, also: Iterable[int] = ()
) -> list[TransactionRow]:
    """Amounts that are reserved on the customer's cards, neither taken nor lifted, nor just being lifted; and those of `also`."""
    kinds = (TransactionKind.AUTHORISE, TransactionKind.CAPTURE, TransactionKind.VOID)
    query = (
        sa.select(_MOVE, _ORDER.c.number)
        .join(_ORDER, _ORDER.c.id == _MOVE.c.order_id)
        .where(
            _MOVE.c.customer_id == customer_id,
            _MOVE.c.kind.in_(kinds),
            _MOVE.c.status == TransactionStatus.SUCCEEDED,
            _MOVE.c.occurred_at >= tx.now - _HOLDS_LAST,
        )
    )
    of_order: dict[int, list[TransactionRow]] = {}
    for row in tx.rows(_in(query, _MOVE, stores).order_by(_MOVE.c.id)):
        of_order.setdefault(row.order_id, []).append(_as_row(row))
    named = set(also)
    found = [hold for rows in of_order.values() for hold in open_authorisations(tuple(rows))]
    busy = _in_flight(tx, [hold.id for hold in found]) - named
    again = [row for rows in of_order.values() for row in rows if row.id in named and row not in found]
    return [hold for hold in found if hold.id not in busy] + again


def _as_row(row: Any) -> TransactionRow:
    return TransactionRow(
        row.id, row.order_id, row.number, row.occurred_at, TransactionKind(row.kind), TransactionStatus(row.status),
        Money(row.amount, row.currency), row.gateway, row.card_brand, row.card_last4, row.gateway_ref, "",
        TransactionOrigin(row.origin), False,
    )  # fmt: skip


def _in_flight(tx: Transaction, transaction_ids: list[int]) -> set[int]:
    if not transaction_ids:
        return set()
    query = sa.select(_ATTEMPT.c.transaction_id).where(
        _ATTEMPT.c.transaction_id.in_(transaction_ids), _ATTEMPT.c.state.in_(IN_FLIGHT)
    )
    return {row.transaction_id for row in tx.rows(query)}


def charges(
    tx: Transaction, customer_id: int, stores: frozenset[int] | None, also: Iterable[int] = ()
) -> list[Any]:
    """Charges that are planned or under way, also those of subscriptions; and those of `also`."""
    query = (
        sa.select(_ATTEMPT, _ORDER.c.number)
        .outerjoin(_ORDER, _ORDER.c.id == _ATTEMPT.c.order_id)
        .where(
            _ATTEMPT.c.customer_id == customer_id,
            _ATTEMPT.c.operation.in_(_CHARGING),
            _ATTEMPT.c.state.in_((*NOT_SENT, *_UNDER_WAY)) | _ATTEMPT.c.id.in_(list(also)),
        )
    )
    return tx.rows(_in(query, _ATTEMPT, stores).order_by(_ATTEMPT.c.id).limit(_MOST))


def locks(tx: Transaction, kind: Kind, record_ids: Iterable[int]) -> dict[int, Any]:
    """Who holds which of these records."""
    rows = tx.rows(sa.select(LOCK).where(LOCK.c.record_kind == kind, LOCK.c.record_id.in_(list(record_ids))))
    return {row.record_id: row for row in rows}


def store_of_orders(tx: Transaction, order_ids: Iterable[int]) -> dict[int, int]:
    """The stores of orders."""
    query = sa.select(_ORDER.c.id, _ORDER.c.store_id).where(_ORDER.c.id.in_(list(order_ids)))
    return {row.id: row.store_id for row in tx.rows(query)}


def _in(query: Any, table: Any, stores: frozenset[int] | None) -> Any:
    return query if stores is None else query.where(table.c.store_id.in_(stores))
