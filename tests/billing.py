"""A shop whose subscriptions are billed on the embedded sandbox, end to end, on either database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor, system_actor
from cstui.domain.billing_dates import today_in
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.refunds import Receipt
from cstui.domain.sandbox import SandboxCardRow
from cstui.storage.queries import sandbox
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.orders import Order
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from tests import factories as make
from tests.money import ACCOUNT, ATTEMPT, BOOKS, MoneyBench, money_bench

SUBSCRIPTION = table_of(Subscription)
PERIOD = table_of(SubscriptionPeriod)
ORDER = table_of(Order)
MAILS = table_of(Outbox)
STORE = table_of(Store)
ROOT = system_actor("test")


@dataclass
class BillingBench(MoneyBench):
    """The money bench with subscriptions. The store bills from midnight on, so that what is due today is due at any hour."""

    @property
    def today(self) -> date:
        """The store's calendar day."""
        with self.db.read() as tx:
            return today_in("America/New_York", tx.now)

    def day(self, days: int) -> date:
        """So many days from today."""
        return self.today + timedelta(days=days)

    def card(self, behaviour: str = "", last4: str = "4242", **more: Any) -> int:
        """A card in the sandbox's vault that behaves like this; returns its key."""
        vault = f"vault-{new_token()[:10]}"
        with self.db.write() as tx:
            sandbox.keep(tx, SandboxCardRow(ACCOUNT, vault, "", "Visa", last4, 12, 2090, behaviour))
        facts = {
            "vault_ref": vault,
            "account": ACCOUNT,
            "last4": last4,
            "expiry_year": 2090,
            "is_test": True,
            **more,
        }
        return make.add_card(self.db, self.customer, **facts)

    def subscription(self, card: int | None = None, *, due: int = 0, **more: Any) -> int:
        """A monthly subscription of 26.50, two cycles old, whose bill is due in so many days; its first order stands."""
        parent = more.pop("parent_order_id", None) or make.add_order(
            self.db, self.store, self.customer, f"#{2000 + make.count(self.db, Order)}", (("Tea", 1, 2000),)
        )
        facts = {
            "card_id": self.card() if card is None else card, "next_bill_date": self.day(due), "anchor_day": self.day(due).day,
            "last_bill_date": self.day(due - 30), "parent_order_id": parent, **more,
        }  # fmt: skip
        return make.add_subscription(self.db, self.store, self.customer, **facts)

    def sub(self, key: int) -> Any:
        """A subscription's row."""
        return self.rows(SUBSCRIPTION, id=key)[0]

    def periods(self, key: int) -> list[Any]:
        """Its periods."""
        return self.rows(PERIOD, subscription_id=key)

    def tries(self, key: int) -> list[Any]:
        """Its attempts."""
        return self.rows(ATTEMPT, subscription_id=key)

    def orders(self, key: int) -> list[Any]:
        """The orders of its billed cycles."""
        return self.rows(ORDER, subscription_id=key)

    def mails(self, kind: str = "") -> list[Any]:
        """What was mailed, of a kind."""
        return [row for row in self.rows(MAILS) if kind in ("", row.kind)]

    def change(self, key: int, **values: Any) -> None:
        """Moves facts of a subscription, as a saved edit would: the version grows."""
        with self.db.write() as tx:
            tx.run(
                SUBSCRIPTION.update()
                .where(SUBSCRIPTION.c.id == key)
                .values(version=SUBSCRIPTION.c.version + 1, **values)
            )

    def sleep(self, days: int) -> None:
        """So many days pass: every date and instant of subscriptions, periods and attempts moves back."""
        for table in (SUBSCRIPTION, PERIOD):
            names = [c.name for c in table.c if isinstance(c.type, sa.Date)]
            with self.db.write() as tx:
                for row in tx.rows(sa.select(table)):
                    moved = {
                        name: getattr(row, name) - timedelta(days=days)
                        for name in names
                        if getattr(row, name) is not None
                    }
                    if moved:
                        tx.run(table.update().where(table.c.id == row.id).values(**moved))
        self.later(days=days)

    def set(self, key: str, value: Any) -> None:
        """Sets a business setting."""
        self.desk.settings.set(ROOT, key, value)

    def force(self, key: int, actor: Actor | None = None, undo: int = 0, save_id: str = "") -> Receipt:
        """An agent charges it now."""
        actor = actor or self.ann
        token = new_token()
        grip = self.desk.subscriptions.begin(actor, key, self.sub(key).version, token)
        try:
            return self.desk.billing.force(actor, key, grip, save_id or new_token(), undo_seconds=undo)
        finally:
            self.desk.locks.release(actor, token)

    def charged(self) -> int:
        """How many sales the sandbox's books hold."""
        return len([row for row in self.rows(BOOKS) if row.kind == "sale" and row.state == "captured"])

    def states(self, key: int) -> list[AttemptState]:
        """The states of its attempts."""
        return [row.state for row in self.tries(key)]


def billing_bench(url: str) -> BillingBench:
    """A shop with subscriptions, on an empty migrated database."""
    made = money_bench(url)
    with made.db.write() as tx:
        tx.run(STORE.update().values(daily_bill_time="00:00", order_prefix="#"))
    return BillingBench(**{name: getattr(made, name) for name in MoneyBench.__dataclass_fields__})
