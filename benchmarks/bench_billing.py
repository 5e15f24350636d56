"""Billing what is due among a million subscriptions, with a gateway that answers at once: what the desk itself takes for a bill.

    python benchmarks/bench_billing.py [--subscriptions 1000000] [--due 50000] [--senders 4] [--database URL] [--seconds 300]

Fills a fresh database (SQLite in the temporary directory, or a throw-away PostgreSQL where its programs are found), then bills as
`cstui worker` does: plans, claims, sends, records, each in its own transaction. The floor is the same number of empty transactions. What
is told: bills a second, and the memory after 500 bills and at the end.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cstui.domain.billing_dates import today_in
from cstui.domain.customers import CustomerStatus
from cstui.domain.gateways import Answer, Ask, Capabilities
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, SubscriptionStatus
from cstui.services.billing import Billing
from cstui.services.sending import Sending
from cstui.services.settings import Settings
from cstui.storage import schema
from cstui.storage.bulk import bulk_insert
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.people import GatewayAccount, Store
from cstui.storage.tables.subscriptions import Subscription
from tests import factories, postgres

_AT_ONCE = 20_000
_PER_CUSTOMER = 5
#: After so many bills the memory is looked at first.
_EARLY = 500


class AtOnce:
    """A gateway that says yes before anybody can wait."""

    def send(self, ask: Ask) -> Answer:
        return Answer(AttemptState.SUCCEEDED, ref=f"ref_{ask.key}", code="00", text="Approved")


class Line:
    """Where every account leads to it."""

    def of(self, gateway: str, account: str, *, checked: bool = False, closed_too: bool = False) -> Any:
        return AtOnce()

    def capabilities(self, gateway: str, account: str) -> Capabilities:
        return Capabilities()


@dataclass
class Pace:
    """How it went."""

    billed: int
    seconds: float
    planning: float
    early_mb: float
    late_mb: float
    floor: float


def fill(database: Database, subscriptions: int, due: int) -> None:
    """One store, so many subscriptions five to a customer, `due` of them due today, never two of one card."""
    store = factories.add_store(database, "shop", order_prefix="#", daily_bill_time="00:00")
    now = datetime.now(UTC)
    today = today_in("America/New_York", now)
    with database.write() as tx:
        tx.run(
            table_of(GatewayAccount).insert().values(
                store_id=store, gateway="sandbox", name="main", is_test=True, is_main=True, is_open=True, cut_off="20:00", zone="UTC",
                url="", secret="", options="{}", created_at=now,
            )
        )  # fmt: skip
        tx.run(table_of(Store).update().values(renewals_told_until=today + timedelta(days=30)))
    customers = subscriptions // _PER_CUSTOMER
    step = max(_PER_CUSTOMER, subscriptions // due)

    def put(table: Any, rows: list[dict[str, Any]]) -> None:
        names = tuple(rows[0])
        with database.write() as tx:
            bulk_insert(tx, table_of(table), [tuple(row.values()) for row in rows], names)

    for start in range(0, customers, _AT_ONCE):
        numbers = range(start, min(customers, start + _AT_ONCE))
        put(Customer, [_customer(n, now) for n in numbers])
        put(Card, [_card(n, now) for n in numbers])
    for start in range(0, subscriptions, _AT_ONCE):
        numbers = range(start, min(subscriptions, start + _AT_ONCE))
        put(
            Subscription,
            [
                _subscription(n, store, now, today if n % step == 0 and n // step < due else None)
                for n in numbers
            ],
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _customer(n: int, now: datetime) -> dict[str, Any]:
    return {
        "id": n + 1, "first_name": "Ann", "last_name": f"Lee{n}", "company": "", "email": f"ann{n}@mail.example",
        "email_folded": f"ann{n}@mail.example", "phone": "", "phone_e164": "", "status": CustomerStatus.ACTIVE, "language": "",
        "locale": "", "tags": "", "accepts_email": False, "accepts_sms": False, "tax_exempt": False, "is_anonymous": False,
        "registered_at": None, "created_at": now, "updated_at": now, "version": 1,
    }  # fmt: skip


def _card(n: int, now: datetime) -> dict[str, Any]:
    return {
        "id": n + 1, "customer_id": n + 1, "brand": "Visa", "last4": "4242", "bin6": "", "expiry_month": 12, "expiry_year": 2090,
        "holder_name": "", "gateway": "sandbox", "account": "main", "vault_ref": f"v{n}", "billing_ref": "", "first_ref": "",
        "is_default": True, "is_test": True, "failed_before": False, "created_at": now, "removed_at": None,
    }  # fmt: skip


def _subscription(n: int, store: int, now: datetime, due: Any) -> dict[str, Any]:
    owner = n // _PER_CUSTOMER + 1
    later = now.date() + timedelta(days=40 + n % 30)
    return {
        "store_id": store, "customer_id": owner, "external_id": "", "product_id": None, "sku": "TEA", "product": "Tea", "option": "",
        "status": SubscriptionStatus.ACTIVE, "currency": "USD", "quantity": 1, "unit_price": 2000, "discount_kind": DiscountKind.NONE,
        "discount_value": 0, "discount": 0, "shipping": 500, "tax": 150, "price_cycles_left": 0, "regular_unit_price": None,
        "regular_discount_kind": None, "regular_discount_value": None, "regular_shipping": None, "regular_tax": None,
        "interval_unit": IntervalUnit.MONTH, "interval_count": 1, "anchor_day": 15, "cycle": 2, "final_cycle": None,
        "next_bill_date": due or later, "last_bill_date": None, "trial_ends_on": None, "trial_days": 0, "pause_on": None,
        "resume_on": None, "cancel_on": None, "keep_billing": True, "cancel_after_next": False, "attempts": 0, "retry_on": None,
        "card_id": owner, "parent_order_id": None, "cancel_reason": "", "cancelled_at": None, "created_at": now, "updated_at": now,
        "version": 1, "fence": 0,
    }  # fmt: skip


def measure(database: Database, due: int, senders: int, longest: float) -> Pace:
    """Bills until nothing is due or the time is over."""
    floor = _floor(database)
    settings = Settings(database)
    billing = Billing(database, settings)
    done, stop = [0] * senders, threading.Event()
    began = time.perf_counter()
    threads = [
        threading.Thread(
            target=_send, args=(Sending(database, Line(), settings, new_token()), done, number, stop)
        )
        for number in range(senders)
    ]
    for thread in threads:
        thread.start()
    planning, early = 0.0, 0.0
    while time.perf_counter() - began < longest:
        at = time.perf_counter()
        planned = billing.bill_due(200)
        planning += time.perf_counter() - at
        if not early and sum(done) >= _EARLY:
            early = _megabytes()
        if not planned:
            if sum(done) >= due:
                break
            time.sleep(0.02)
    seconds = time.perf_counter() - began
    billed = sum(done)
    stop.set()
    for thread in threads:
        thread.join()
    return Pace(billed, seconds, planning, early or _megabytes(), _megabytes(), floor)


def _send(sending: Sending, done: list[int], number: int, stop: threading.Event) -> None:
    while not stop.is_set():
        claimed = sending.claim()
        if claimed is None:
            time.sleep(0.01)
            continue
        sending.send(claimed)
        done[number] += 1


def _floor(database: Database, turns: int = 200) -> float:
    """Seconds of one transaction that changes one row."""
    table = table_of(Store)
    began = time.perf_counter()
    for turn in range(turns):
        with database.write() as tx:
            tx.run(table.update().values(notify_emails=f"{turn}"))
    return (time.perf_counter() - began) / turns


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fills, bills, tells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=50_000)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--database", default="")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default=None)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cstui-bench-billing-") as folder:
        urls = [chosen.database] if chosen.database else [f"sqlite:///{folder}/desk.db"]
        server = (
            postgres.find_server() if not chosen.database and chosen.only != "sqlite" else "not asked for"
        )
        if not isinstance(server, str):
            server.create_database("bench_billing")
            urls.append(server.url("bench_billing"))
        if chosen.only == "postgresql":
            urls = urls[1:]
        try:
            for url in urls:
                _one(url, chosen)
        finally:
            if not isinstance(server, str):
                server.stop()


def _one(url: str, chosen: argparse.Namespace) -> None:
    loading = Database(url, durable=False)
    schema.upgrade(loading)
    began = time.perf_counter()
    fill(loading, chosen.subscriptions, chosen.due)
    loading.close()
    name = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    print(
        f"{name}: {chosen.subscriptions:,} subscriptions in {time.perf_counter() - began:.0f} s", flush=True
    )
    database = Database(url, connections=chosen.senders + 4)
    pace = measure(database, chosen.due, chosen.senders, chosen.seconds)
    database.close()
    if not pace.billed:
        print("  nothing was billed")
        return
    each = pace.seconds / pace.billed
    print(
        f"  {pace.billed:,} of {chosen.due:,} due billed in {pace.seconds:.0f} s by {chosen.senders} senders: {1 / each:.0f} a second,"
        f" {each * 1000:.1f} ms each (an empty transaction: {pace.floor * 1000:.1f} ms; three to a bill)\n"
        f"  planning {pace.planning / pace.seconds:.0%} of the time; memory"
        f" {pace.early_mb:.1f} MB after {_EARLY} bills, {pace.late_mb:.1f} MB at the end",
        flush=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
