"""A shop whose orders were charged through the embedded sandbox: what tests of money start from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.bootstrap import Desk
from cstui.domain.actor import Actor
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import RefundMethod, TransactionKind
from cstui.domain.permissions import Role
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import Receipt, RefundChoice
from cstui.domain.sandbox import BookEntry, Fault
from cstui.services.gateways.registry import Gateways
from cstui.services.refund_decisions import RefundDecisions
from cstui.services.refunds import Refunds
from cstui.services.settings import Settings
from cstui.services.worker import Worker
from cstui.storage.queries import sandbox
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import PaymentAttempt, Refund
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.tables.sandbox import SandboxFault, SandboxTransaction
from cstui.storage.transaction import Database
from tests import factories as make

ATTEMPT = table_of(PaymentAttempt)
REFUND = table_of(Refund)
MOVE = table_of(PaymentTransaction)
BOOKS = table_of(SandboxTransaction)
FAULTS = table_of(SandboxFault)
ACCOUNT = "main"


@dataclass
class MoneyBench:
    """A store with one sandbox account, a customer, and people who refund and approve."""

    db: Database
    desk: Desk
    store: int
    customer: int
    ann: Actor
    bob: Actor
    sue: Actor

    @property
    def settings(self) -> Settings:
        return self.desk.settings

    @property
    def refunds(self) -> Refunds:
        return self.desk.refunds

    @property
    def decisions(self) -> RefundDecisions:
        return self.desk.decisions

    def order(
        self,
        number: str = "#1001",
        lines: tuple[tuple[str, int, int], ...] = (("Mug", 2, 1000), ("Tea", 1, 550)),
        *,
        settled: bool = True,
        shipping: int = 500,
        charges: tuple[int, ...] = (),
        **more: Any,
    ) -> int:
        """An order whose charges (default: one of its total) stand in the sandbox's books; `settled` long ago, or not before tomorrow."""
        order = make.add_order(self.db, self.store, self.customer, number, lines, shipping=shipping, **more)
        total = sum(quantity * price for _, quantity, price in lines) + shipping
        for amount in charges or (total,):
            self.charge(order, amount, settled=settled)
        return order

    def charge(
        self,
        order: int,
        amount: int,
        *,
        settled: bool = True,
        kind: TransactionKind = TransactionKind.SALE,
        card: str = "vault-1",
    ) -> int:
        """A charge of an order that the sandbox knows; returns our transaction's id."""
        at = datetime.now(UTC) - (timedelta(days=3) if settled else timedelta(minutes=5))
        settles = at + timedelta(days=1)
        ref = f"sbx_{new_token()[:12]}"
        with self.db.write() as tx:
            key = int(
                tx.rows(
                    MOVE.insert()
                    .values(
                        store_id=self.store, order_id=order, customer_id=self.customer, kind=kind, status="succeeded", origin="demo",
                        amount=amount, currency="USD", gateway="sandbox", account=ACCOUNT, gateway_ref=ref, parent_id=None,
                        attempt_id=None, card_id=None, card_brand="Visa", card_last4="4242", response_code="", response_text="",
                        is_test=True, occurred_at=at, settled_at=settles if settled else None, created_at=at,
                    )
                    .returning(MOVE.c.id)
                )[0][0]
            )  # fmt: skip
            entry = BookEntry(
                ACCOUNT,
                ref,
                kind,
                Money(amount, "USD"),
                at,
                None if kind is TransactionKind.AUTHORISE else settles,
                "",
                card,
            )
            sandbox.adopt(tx, [entry])
        return key

    def ask(
        self,
        actor: Actor,
        order: int,
        choice: RefundChoice | None = None,
        *,
        reason: str = "damaged",
        note: str = "",
        undo: int = 0,
        save_id: str = "",
        **more: Any,
    ) -> Receipt:
        """A refund as the desk asks for it: lock, plan, request with what was planned."""
        choice = choice or RefundChoice()
        basis, grip = self.refunds.open(actor, order, new_token())
        expected = plan(basis, choice, datetime.now(UTC)).total
        try:
            return self.refunds.request(
                actor, order, grip, choice, reason, note, save_id or new_token(), expected=expected, undo_seconds=undo, **more
            )  # fmt: skip
        finally:
            self.desk.locks.release(actor, grip.token)

    def worker(self, **more: Any) -> Worker:
        """A worker of its own on the same database, not started."""
        return self.desk.make_worker(name="test", is_inside=False, **more)

    def work(self) -> Any:
        """Does all that is due."""
        worker = self.worker()
        try:
            return worker.once()
        finally:
            worker.stop()

    def fault(self, fault: Fault, operation: str = "", times: int = 1) -> None:
        """The sandbox plays a fault next."""
        with self.db.write() as tx:
            tx.run(
                FAULTS.insert().values(
                    account=ACCOUNT, operation=operation, fault=fault, times=times, created_at=tx.now
                )
            )

    def later(self, **since: Any) -> None:
        """Lets time pass for what waits: every due instant of attempts and refunds moves back by so much."""
        step = timedelta(**since)
        with self.db.write() as tx:
            for table, names in (
                (
                    ATTEMPT,
                    ("execute_after", "next_check_at", "sent_at", "created_at", "answered_at", "done_at"),
                ),
                (REFUND, ("next_try_at", "requested_at")),
                (MOVE, ("occurred_at", "settled_at")),
                (BOOKS, ("created_at", "visible_at", "settles_at", "changes_at")),
            ):
                for row in tx.rows(sa.select(table)):
                    moved = {name: getattr(row, name) - step for name in names if getattr(row, name, None)}
                    if moved:
                        tx.run(table.update().where(table.c.id == row.id).values(**moved))

    def rows(self, table: Any, **where: Any) -> list[Any]:
        """Rows of a table by equal columns, in order of their keys."""
        query = sa.select(table).order_by(table.c.id)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.db.read() as tx:
            return tx.rows(query)

    def back_at_gateway(self) -> int:
        """What the sandbox's books say has gone back to customers: refunds, credits, and voids of what had been taken."""
        return sum(
            row.amount
            for row in self.rows(BOOKS)
            if row.kind in ("refund", "void", "credit") and row.state in ("done", "pending")
        )

    def back_here(self) -> int:
        """The same by our own books."""
        return sum(
            row.amount for row in self.rows(MOVE, status="succeeded") if row.kind in ("refund", "void") and row.gateway == "sandbox"
        )  # fmt: skip

    def gateways(self) -> Gateways:
        """The adapters."""
        return self.desk.gateways


def money_bench(url: str) -> MoneyBench:
    """A shop to refund in, on an empty migrated database."""
    desk = Desk(url)
    db = desk.database
    store = make.add_store(db)
    with db.write() as tx:
        tx.run(
            table_of(GatewayAccount).insert().values(
                store_id=store, gateway="sandbox", name=ACCOUNT, is_test=True, is_main=True, is_open=True, cut_off="20:00",
                zone="America/New_York", url="", secret="", options="{}", created_at=tx.now,
            )
        )  # fmt: skip
    customer = make.add_customer(db, store)
    people = (make.add_staff(db, "ann"), make.add_staff(db, "bob", terminal="term-2"))
    sue = make.add_staff(db, "sue", Role.SUPERVISOR, terminal="term-9")
    return MoneyBench(db, desk, store, customer, *people, sue)


MANUAL = RefundChoice(method=RefundMethod.MANUAL, payee="Ann Lee", payee_address="12 Elm Street, Albany")
