"""Subscriptions for tests: rows as an import would write them, the desk's services on them, and dates of the store's zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.billing_dates import today_in
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.payments import AttemptState
from cstui.domain.subscriptions import IntervalUnit, PeriodState, SubscriptionStatus, SubscriptionView
from cstui.services.subscriptions import Subscriptions
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Product
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from tests.factories import THEN, add_card, add_customer, add_staff, add_store

SUBSCRIPTION = table_of(Subscription)
PERIOD = table_of(SubscriptionPeriod)
ATTEMPT = table_of(PaymentAttempt)
ZONE = "America/New_York"
_S = SubscriptionStatus
#: What a subscription of a status looks like beside what all have.
_OF_STATUS: dict[SubscriptionStatus, dict[str, Any]] = {
    _S.TRIAL: {"cycle": 1, "trial_days": 14},
    _S.PAST_DUE: {"attempts": 1},
    _S.PAUSED: {"next_bill_date": None},
    _S.RECYCLE_FAILED: {"next_bill_date": None, "attempts": 4},
    _S.CANCELLED: {"next_bill_date": None, "cancelled_at": THEN, "cancel_reason": "Not using it"},
    _S.COMPLETE: {"next_bill_date": None, "final_cycle": 3},
}


def today() -> date:
    """The day in the store's zone."""
    return today_in(ZONE, datetime.now(UTC))


def days(count: int) -> date:
    """The day so many days from today."""
    return today() + timedelta(days=count)


def add_row(db: Database, row: Any) -> int:
    """Writes one row; returns its key."""
    with db.write() as tx:
        tx.session.add(row)
        tx.session.flush()
        return int(row.id)


def add_product(
    db: Database, store: int, name: str = "Tea", option: str = "", price: int = 2000, **more: Any
) -> int:
    """A product; returns its key."""
    facts = {"sku": f"{name}-{option}".upper(), "created_at": THEN, **more}
    return add_row(db, Product(store_id=store, name=name, option=option, unit_price=price, **facts))


def add_subscription(
    db: Database,
    store: int,
    customer: int,
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    **more: Any,
) -> int:
    """A monthly subscription of two pieces of tea at 10.00, 3.00 shipping and 1.60 tax; billed again in ten days. Returns its key."""
    bills = today() + timedelta(days=-3 if status is _S.PAST_DUE else 10)
    facts: dict[str, Any] = {
        "product": "Tea", "sku": "TEA-", "currency": "USD", "quantity": 2, "unit_price": 1000, "shipping": 300, "tax": 160, "cycle": 3,
        "interval_unit": IntervalUnit.MONTH, "interval_count": 1, "anchor_day": bills.day, "next_bill_date": bills,
        "last_bill_date": days(-20), "created_at": THEN, "updated_at": THEN, **_OF_STATUS.get(status, {}),
    }  # fmt: skip
    if status is _S.TRIAL:
        facts["trial_ends_on"] = bills
    if status is _S.PAST_DUE:
        facts["retry_on"] = days(2)
    if status is _S.PAUSED:
        facts["pause_on"] = bills
    return add_row(db, Subscription(store_id=store, customer_id=customer, status=status, **{**facts, **more}))


def add_period(
    db: Database, subscription: int, cycle: int, state: PeriodState = PeriodState.DUE, **more: Any
) -> int:
    """A period; returns its key."""
    facts = {"bill_date": days(10), "currency": "USD", "amount": 2460, **more}
    return add_row(db, SubscriptionPeriod(subscription_id=subscription, cycle=cycle, state=state, **facts))


@dataclass
class Bench:
    """A store with one customer, her card, and an agent; `subs` is what is tested."""

    db: Database
    store: int
    customer: int
    card: int
    ann: Actor
    subs: Subscriptions
    made: dict[str, Any] = field(default_factory=dict)

    def add(self, status: SubscriptionStatus = SubscriptionStatus.ACTIVE, **more: Any) -> int:
        """A subscription of the customer with her card."""
        return add_subscription(self.db, self.store, self.customer, status, **{"card_id": self.card, **more})

    def grip(self, subscription: int, actor: Actor | None = None, purpose: Purpose = Purpose.EDIT) -> Grip:
        """The lock on what the actor sees now."""
        who = actor or self.ann
        version = self.subs.open(who, subscription).version
        return self.subs.begin(who, subscription, version, new_token(), purpose)

    def open(self, subscription: int) -> SubscriptionView:
        """How it stands."""
        return self.subs.open(self.ann, subscription)

    def row(self, subscription: int) -> Any:
        """Its own row."""
        with self.db.read() as tx:
            return tx.rows(sa.select(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription))[0]

    def periods(self, subscription: int) -> list[tuple[int, PeriodState, int]]:
        """Cycle, state and amount of its periods."""
        with self.db.read() as tx:
            query = sa.select(PERIOD.c.cycle, PERIOD.c.state, PERIOD.c.amount)
            found = tx.rows(query.where(PERIOD.c.subscription_id == subscription).order_by(PERIOD.c.cycle))
            return [(row.cycle, row.state, row.amount) for row in found]

    def attempt(self, subscription: int, state: AttemptState, cycle: int = 4, **more: Any) -> int:
        """A bill of it at a gateway."""
        facts = {
            "amount": 2460, "currency": "USD", "gateway": "sandbox", "account": "main", "operation": Operation.SALE, "card_id": self.card,
            "created_at": datetime.now(UTC), **more,
        }  # fmt: skip
        return add_row(
            self.db,
            PaymentAttempt(
                key=new_token(), guard_key=f"sub:{subscription}:{cycle}", store_id=self.store, customer_id=self.customer,
                subscription_id=subscription, cycle=cycle, state=state, **facts,
            ),
        )  # fmt: skip

    def state_of(self, attempt: int) -> AttemptState:
        """Where an attempt stands."""
        with self.db.read() as tx:
            return AttemptState(tx.rows(sa.select(ATTEMPT.c.state).where(ATTEMPT.c.id == attempt))[0][0])


def bench(db: Database, **more: Any) -> Bench:
    """A bench on an empty database; `more` goes to the service."""
    store = add_store(db, zone=ZONE)
    customer = add_customer(db, store)
    card = add_card(db, customer, vault_ref="vault-1", account="main")
    return Bench(db, store, customer, card, add_staff(db), Subscriptions(db, **more))
