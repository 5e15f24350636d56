"""A shop that charges through NMI and Stripe on real sockets, and through the sandbox: what the failure windows happen to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.gateways import Account, Ask, CardRef, Operation
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import Gateway
from cstui.services.gateways.nmi import Nmi
from cstui.services.gateways.registry import Gateways
from cstui.services.gateways.sandbox import Sandbox
from cstui.services.gateways.stripe import Stripe
from cstui.services.secrets import Secrets
from cstui.services.sending import Sending
from cstui.services.settings import Settings
from cstui.services.worker import Done, Post, Worker
from cstui.storage.database import Database
from cstui.storage.queries import attempts
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Worker as WorkerRow
from cstui.storage.tables.people import GatewayAccount
from tests import factories as make
from tests.fakes.gateway_server import Clock
from tests.fakes.nmi import KEY as NMI_KEY
from tests.fakes.nmi import FakeNmi
from tests.fakes.nmi_books import Act, Transaction
from tests.fakes.stripe import KEY as STRIPE_KEY
from tests.fakes.stripe import StripeServer
from tests.money import ATTEMPT, MOVE, REFUND, MoneyBench, money_bench

WORKERS = table_of(WorkerRow)
_numbers = itertools.count(1)


class QuickGateways(Gateways):
    """The real adapters, which give up on an answer soon and pause for nobody."""

    seconds = 0.15

    def _built(self, account: Account) -> Gateway:
        if account.gateway == "nmi":
            return Nmi(account, NMI_KEY, answer_seconds=self.seconds, sleep=lambda _: None)
        if account.gateway == "stripe":
            return Stripe(account, STRIPE_KEY, answer_seconds=self.seconds, sleep=lambda _: None)
        return Sandbox(account, self._database)


def quick_worker(
    url: str, point: Callable[[str], None] = lambda _name: None, name: str = "test", post: Post | None = None
) -> Worker:
    """A worker of its own, as `Desk.make_worker` makes one."""
    database = Database(url)
    return Worker(
        database, Settings(database), QuickGateways(database, Secrets({})), post, name=name, senders=1, point=point
    )  # fmt: skip


@dataclass
class Till(MoneyBench):
    """`nmi` and `stripe` are None where a test needs no wire."""

    nmi: FakeNmi | None = None
    stripe: StripeServer | None = None

    @property
    def url(self) -> str:
        return self.db.url.text

    # Charges.

    def open_account(self, gateway: str, name: str, url: str) -> None:
        with self.db.write() as tx:
            tx.run(
                table_of(GatewayAccount).insert().values(
                    store_id=self.store, gateway=gateway, name=name, is_test=True, is_main=True, is_open=True, cut_off="20:00",
                    zone="America/New_York", url=url, secret="", options="{}", created_at=tx.now,
                )
            )  # fmt: skip

    def at_nmi(self, *charges: int, settled: bool = True) -> int:
        """An order of 30.50 (or what the charges come to) that NMI has charged; returns its id."""
        assert self.nmi is not None
        amounts = charges or (3050,)
        order = make.add_order(
            self.db, self.store, self.customer, f"#{2000 + next(_numbers)}", (("Lamp", 1, sum(amounts)),), shipping=0
        )  # fmt: skip
        for amount in amounts:
            ref = str(9_000_000_000 + next(_numbers))
            at = self.nmi.clock.now() - timedelta(minutes=5)
            one = Transaction(
                ref,
                "sale",
                f"sale{ref}",
                amount,
                "USD",
                "",
                "4111111111111111",
                "1229",
                "Ann Lee",
                vault="V1",
            )
            one.become("pendingsettlement", Act("sale", amount, at, True))
            if settled:
                one.become("complete", Act("settle", amount, at, True, batch="1", source="internal"))
            self.nmi.transactions[ref] = one
            self._book(order, "nmi", "us", ref, amount, settled)
        return order

    def at_stripe(self, amount: int = 3050, card: str = "visa") -> int:
        """An order that Stripe has charged; returns its id."""
        assert self.stripe is not None
        order = make.add_order(
            self.db, self.store, self.customer, f"#{2000 + next(_numbers)}", (("Lamp", 1, amount),), shipping=0
        )  # fmt: skip
        gateway = QuickGateways(self.db, Secrets({})).of("stripe", "eu")
        ask = Ask(
            new_token(), Operation.SALE, Money(amount, "USD"), card=CardRef(*self.stripe.books.card(card)), sent_at=datetime.now(UTC)
        )  # fmt: skip
        answer = gateway.send(ask)
        gateway.close()
        assert answer.state is AttemptState.SUCCEEDED, answer
        self._book(order, "stripe", "eu", answer.ref, amount, settled=True)
        return order

    def _book(self, order: int, gateway: str, account: str, ref: str, amount: int, settled: bool) -> None:
        at = datetime.now(UTC) - (timedelta(days=3) if settled else timedelta(minutes=5))
        with self.db.write() as tx:
            tx.run(
                MOVE.insert().values(
                    store_id=self.store, order_id=order, customer_id=self.customer, kind="sale", status="succeeded", origin="desk",
                    amount=amount, currency="USD", gateway=gateway, account=account, gateway_ref=ref, parent_id=None, attempt_id=None,
                    card_id=None, card_brand="Visa", card_last4="1111", response_code="", response_text="", is_test=True,
                    occurred_at=at, settled_at=at if settled else None, created_at=at,
                )
            )  # fmt: skip

    def charge_now(self, order: int, amount: int) -> int:
        """Arms a charge of the card that NMI keeps; returns the attempt's id."""
        assert self.nmi is not None
        self.nmi.put_card("V1", "b1")
        card = make.add_card(
            self.db, self.customer, gateway="nmi", account="us", vault_ref="V1", billing_ref="b1"
        )
        with self.db.write() as tx:
            return attempts.add(
                tx,
                {
                    "key": new_token(), "guard_key": f"order:{order}", "store_id": self.store, "order_id": order,
                    "customer_id": self.customer, "card_id": card, "operation": Operation.SALE, "state": AttemptState.ARMED,
                    "amount": amount, "currency": "USD", "gateway": "nmi", "account": "us", "is_test": True, "execute_after": tx.now,
                },
            )  # fmt: skip

    # Work.

    def work(self, point: Callable[[str], None] = lambda _name: None, post: Post | None = None) -> Done:
        """Does all that is due, in a worker of its own."""
        worker = quick_worker(self.url, point, post=post)
        try:
            return worker.once()
        finally:
            worker.stop()

    def work_refused(self) -> None:
        """NMI is there while its account is checked, and refuses the connection when the money call comes."""
        nmi = self.nmi
        assert nmi is not None
        self.work(lambda name: nmi.fail_next("refuse") if name == "sending" else None)
        nmi.recover()

    def hands(self, **more: Any) -> Sending:
        """One worker's hands, for what happens between two steps."""
        return Sending(
            self.db, QuickGateways(self.db, Secrets({})), self.settings, more.pop("token", "hands"), sleep=lambda _: None, **more
        )  # fmt: skip

    def later(self, **since: Any) -> None:
        super().later(**since)
        seconds = timedelta(**since).total_seconds()
        for server in (self.nmi, self.stripe):
            if server is not None:
                server.clock.forward(seconds)

    def bury(self) -> None:
        """Every worker so far gave its last sign of life a minute ago."""
        with self.db.write() as tx:
            tx.run(WORKERS.update().values(seen_at=tx.now - timedelta(minutes=1)))

    def until_quiet(self) -> None:
        """Lets the time pass in which an open outcome is looked up again and again."""
        for _ in range(4):
            self.later(minutes=6)
            self.work()

    # What holds at the end.

    @property
    def states(self) -> list[str]:
        """The states of all attempts, oldest first."""
        return [row.state.value for row in self.rows(ATTEMPT)]

    @property
    def refund_states(self) -> list[str]:
        return [row.state.value for row in self.rows(REFUND)]

    @property
    def gone(self) -> int:
        """Minor units that have gone back by our books."""
        return sum(
            row.amount for row in self.rows(MOVE, status="succeeded") if row.kind in ("refund", "void") and row.parent_id is not None
        )  # fmt: skip

    def at_gateway(self) -> int:
        """Minor units that have gone back by the books of every gateway."""
        total = self.back_at_gateway()
        if self.nmi is not None:
            total += sum(int(line["given_back"]) for line in self.nmi.ledger().values())
        if self.stripe is not None:
            total += sum(charge["amount_refunded"] for charge in self.stripe.books.stores["charges"].values())
        return total

    def assert_even(self, gone: int) -> None:
        """Both books say that so much has gone back, once; nothing is open, and every rule of the history holds."""
        assert (self.at_gateway(), self.gone) == (gone, gone)
        assert not {"sending", "unknown", "armed"} & set(self.states)
        assert self.desk.audit.verify(self.sue) == ()

    def sent(self, *kinds: str) -> int:
        """How many calls of these types NMI has received."""
        assert self.nmi is not None
        return sum(1 for request in self.nmi.requests if request.form.get("type") in kinds)

    def set_attempts(self, **values: Any) -> None:
        with self.db.write() as tx:
            tx.run(sa.update(ATTEMPT).values(**values))


def make_till(url: str, nmi: FakeNmi | None = None, stripe: StripeServer | None = None) -> Till:
    """A till on an empty migrated database, with accounts at the servers that are given."""
    till = Till(**vars(money_bench(url)), nmi=nmi, stripe=stripe)
    if nmi is not None:
        till.open_account("nmi", "us", nmi.api)
    if stripe is not None:
        till.open_account("stripe", "eu", stripe.url)
    return till


def clock() -> Clock:
    """A gateway's clock that begins at the real time, as the database's does."""
    return Clock(datetime.now(UTC))
