"""A store with its own list, a customer, a paid order, and what is needed to see which mails it queued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.gateways import Operation, Why
from cstui.domain.payments import (
    AttemptState,
    RefundState,
    TransactionKind,
    TransactionOrigin,
    TransactionStatus,
)
from cstui.domain.shipments import ShipmentState
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.orders import Shipment
from cstui.storage.tables.payments import PaymentAttempt, Refund
from cstui.storage.tables.payments import Transaction as Payment
from tests.factories import THEN, add_customer, add_order, add_staff, add_store


@dataclass
class Scene:
    """What the tests of mails start from."""

    db: Database
    store: int
    customer: int
    order: int
    ann: Actor
    settings: Settings

    @classmethod
    def on(cls, db: Database, notify: str = "boss@example.com, desk@example.com", **order: Any) -> Scene:
        store = add_store(db, "main", notify_emails=notify)
        customer = add_customer(db, store)
        facts = {"paid": 3050, **order}
        return cls(db, store, customer, add_order(db, store, customer, **facts), add_staff(db), Settings(db))

    def outbox(self) -> list[Any]:
        with self.db.read() as tx:
            return tx.rows(sa.select(table_of(Outbox)).order_by(table_of(Outbox).c.id))

    def mail(self) -> Any:
        (only,) = self.outbox()
        return only

    def insert(self, row: Any) -> int:
        with self.db.write() as tx:
            tx.session.add(row)
            tx.session.flush()
            key: int = row.id
        return key

    def refund(self, state: RefundState = RefundState.DONE_REFUND, amount: int = 1200, **more: Any) -> int:
        with self.db.read() as tx:
            charge = tx.rows(
                sa.select(table_of(Payment).c.id).where(table_of(Payment).c.order_id == self.order)
            )[0][0]
        return self.insert(
            Refund(
                store_id=self.store, order_id=self.order, customer_id=self.customer, transaction_id=charge, state=state, amount=amount,
                currency="USD", requested_by="Ann", requested_at=THEN, updated_at=THEN, **more,
            )
        )  # fmt: skip

    def attempt(
        self, refund: int, state: AttemptState = AttemptState.SUCCEEDED, text: str = "", operation: Operation = Operation.REFUND
    ) -> int:  # fmt: skip
        number = len(self.outbox_of(PaymentAttempt)) + 1
        return self.insert(
            PaymentAttempt(
                key=f"key-{number}", guard_key=f"guard-{number}", store_id=self.store, order_id=self.order, customer_id=self.customer,
                refund_id=refund, operation=operation, state=state, why=Why.NONE, amount=1200, currency="USD", response_text=text,
                created_at=THEN + timedelta(days=number),
            )
        )  # fmt: skip

    def outbox_of(self, table: type[Any]) -> list[Any]:
        with self.db.read() as tx:
            return tx.rows(sa.select(table_of(table)))

    def move(
        self,
        kind: TransactionKind = TransactionKind.REFUND,
        status: TransactionStatus = TransactionStatus.SUCCEEDED,
        amount: int = 1200,
        refund: int | None = None,
    ) -> int:
        attempt = self.attempt(refund) if refund is not None else None
        return self.insert(
            Payment(
                store_id=self.store, order_id=self.order, customer_id=self.customer, kind=kind, status=status,
                origin=TransactionOrigin.IMPORT, amount=amount, currency="USD", gateway="sandbox", gateway_ref="rf_77",
                card_brand="Visa", card_last4="4242", attempt_id=attempt, occurred_at=THEN + timedelta(days=2), created_at=THEN,
            )
        )  # fmt: skip

    def ship(self, carrier: str, tracking: str) -> int:
        shipment = table_of(Shipment)
        with self.db.write() as tx:
            (row,) = tx.rows(sa.select(shipment.c.id).where(shipment.c.order_id == self.order))
            tx.run(
                shipment.update().values(
                    state=ShipmentState.SHIPPED, carrier=carrier, tracking=tracking, shipped_at=THEN
                )
            )
        key: int = row.id
        return key
