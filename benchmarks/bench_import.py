"""How fast a shop's orders export comes in, beside row objects (`add_all`) with the same rows.

    python benchmarks/bench_import.py [--rows 100000] [--database URL] [--profile] [--keep FILE]

Writes a file in Shopify's layout with skewed names, phones in many shapes and several lines an order, imports it into a fresh database,
and prints rows a second, the memory at its peak and (with --profile) where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import pstats
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cstui.domain.actor import system_actor
from cstui.services.imports.shopify import Imports
from cstui.storage import schema
from cstui.storage.database import Database
from tests import factories
from tests.services.imports.exports import ORDERS

_FIRST = (
    "Ann", "Bob", "Chloé", "Dmitri", "Eve", "Farid", "Gül", "Hiroshi", "Ines", "João", "Kim", "Liam",
    "Mary", "Nina", "Omar", "Priya", "Quinn", "Rosa", "Sam", "Tom", "Uma", "Vera", "Wei", "Zoë",
)  # fmt: skip
_LAST = (
    "Lee", "Smith", "Garcia", "Müller", "Nguyen", "Kowalski", "O'Brien", "Okafor", "Tanaka", "Silva", "Rossi", "Ivanov",
    "Jensen", "Dubois", "Khan", "Patel", "Novak",
)  # fmt: skip
_GOODS = [(f"{colour} {thing} - {size}", f"{thing[:2].upper()}{colour[:2].upper()}{size}", price)
          for colour in ("Jade", "Clay", "Sand", "Black") for thing, price in (("Pant", 91), ("Top", 88), ("Bra", 42), ("Sock", 12))
          for size in ("S", "M", "L")]  # fmt: skip


def write_orders(path: Path, rows: int, seed: int = 7) -> int:
    """Writes at least so many rows; returns how many orders."""
    dice = random.Random(seed)
    start = datetime(2026, 10, 1, tzinfo=UTC)
    people = max(10, rows // 4)
    written = orders = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(ORDERS)
        while written < rows:
            orders += 1
            # A few customers order often, most order once.
            person = int(people * dice.random() ** 2)
            for row in _order(dice, orders, person, start - timedelta(minutes=7 * orders)):
                out.writerow([row.get(name, "") for name in ORDERS])
                written += 1
    return orders


def _order(dice: random.Random, number: int, person: int, at: datetime) -> list[dict[str, str]]:
    who = random.Random(person)
    first, last = who.choice(_FIRST), who.choice(_LAST)
    phone = f"212{who.randrange(2_000_000, 9_999_999)}"
    shape = dice.choice(
        (
            f"({phone[:3]}) {phone[3:6]}-{phone[6:]}",
            phone,
            f"'+1 {phone[:3]}-{phone[3:6]}-{phone[6:]}",
            f"1{phone}",
        )
    )
    lines = [
        (dice.choice(_GOODS), dice.choice((1, 1, 1, 2, 3))) for _ in range(dice.choice((1, 1, 2, 2, 3, 5)))
    ]
    subtotal = sum(price * quantity for (_, _, price), quantity in lines)
    when = at.strftime("%Y-%m-%d %H:%M:%S -0400")
    address = {"Name": f"{first} {last}", "Address1": f"{who.randrange(1, 9999)} Elm Street", "City": "Albany", "Zip": "'12207",
               "Province": "NY", "Country": "US", "Phone": shape}  # fmt: skip
    same = {
        "Name": f"#{number + 1000}",
        "Email": f"{first}.{last}{person}@mail{person % 9}.example".lower(),
        "Created at": when,
        "Phone": f"+1{phone}",
    }
    head = {"Financial Status": "paid", "Paid at": when, "Fulfillment Status": "fulfilled", "Fulfilled at": when, "Currency": "USD",
            "Subtotal": f"{subtotal}.00", "Shipping": "5.00", "Taxes": "0.00", "Total": f"{subtotal + 5}.00", "Discount Amount": "0.00",
            "Accepts Marketing": "no", "Shipping Method": "Standard", "Payment Method": "Stripe", "Payment Reference": f"c{number}.1",
            "Refunded Amount": "0.00", "Id": str(4_000_000_000_000 + number), "Risk Level": "Low", "Source": "web",
            **{f"{which} {name}": value for which in ("Billing", "Shipping") for name, value in address.items()}}  # fmt: skip
    return [
        {**same, **(head if place == 0 else {}), "Lineitem quantity": str(quantity), "Lineitem name": name, "Lineitem sku": sku,
         "Lineitem price": f"{price}.00", "Lineitem requires shipping": "true", "Lineitem taxable": "true",
         "Lineitem fulfillment status": "fulfilled", "Lineitem discount": "0.00", "Vendor": "Northgate"}
        for place, ((name, sku, price), quantity) in enumerate(lines)
    ]  # fmt: skip


def key(row: Any) -> int:
    found: int = row.id
    return found


def row_objects(database: Database, store: int, orders: int, lines_each: int) -> float:
    """CPU seconds for the same tables through `add_all`, without phones, terms, audit or import records: a lower bound for row objects."""
    from cstui.domain.payments import TransactionKind, TransactionStatus
    from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore
    from cstui.storage.tables.orders import Order, OrderLine, Shipment, ShipmentLine
    from cstui.storage.tables.payments import Transaction as Payment

    now = datetime.now(UTC)
    begin = time.process_time()
    for first in range(0, orders, 500):
        with database.write() as tx:
            people = [
                Customer(first_name="Ann", email=f"x{n}@x.example", created_at=now, updated_at=now)
                for n in range(first, first + 500)
            ]
            tx.session.add_all(people)
            tx.session.flush()
            tx.session.add_all(CustomerStore(customer_id=key(p), store_id=store, since=now) for p in people)
            tx.session.add_all(
                CustomerAddress(customer_id=key(p), line1="12 Elm Street", created_at=now) for p in people
            )
            made = [
                Order(
                    store_id=store,
                    customer_id=key(p),
                    number="#1",
                    placed_at=now,
                    created_at=now,
                    updated_at=now,
                )
                for p in people
            ]
            tx.session.add_all(made)
            tx.session.flush()
            lines = [
                OrderLine(order_id=key(o), position=n, name="Mug") for o in made for n in range(lines_each)
            ]
            parcels = [Shipment(order_id=key(o), created_at=now) for o in made]
            tx.session.add_all([*lines, *parcels])
            tx.session.flush()
            tx.session.add_all(
                ShipmentLine(shipment_id=key(parcels[n // lines_each]), order_line_id=key(line))
                for n, line in enumerate(lines)
            )
            tx.session.add_all(
                Payment(store_id=store, order_id=key(o), customer_id=o.customer_id, kind=TransactionKind.SALE,
                        status=TransactionStatus.SUCCEEDED, occurred_at=now, created_at=now) for o in made
            )  # fmt: skip
    return time.process_time() - begin


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--database", default="")
    asked.add_argument("--profile", action="store_true")
    asked.add_argument("--objects", action="store_true", help="time row objects as well")
    asked.add_argument("--keep", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "orders.csv"
        orders = write_orders(path, given.rows)
        url = given.database or f"sqlite:///{folder}/import.db"
        database = Database(url)
        schema.upgrade(database)
        store = factories.add_store(database, f"bench{int(time.time())}")
        with database.read() as tx:
            import sqlalchemy as sa

            code = tx.rows(sa.text(f"SELECT code FROM store WHERE id = {store}"))[0][0]
        print(f"{given.rows} rows, {orders} orders, {path.stat().st_size / 1e6:.0f} MB")
        profile = cProfile.Profile()
        begin, cpu = time.perf_counter(), time.process_time()
        if given.profile:
            profile.enable()
        report = Imports(database).shopify(system_actor("bench"), code, orders=[path])
        profile.disable()
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"first import   {took:8.1f} s  {report.lines / took:8.0f} rows/s  {orders / took:8.0f} orders/s  peak {peak:.0f} MB"
        )
        print(
            f"  CPU          {cpu:8.1f} s  {report.lines / cpu:8.0f} rows/s  {1e6 * cpu / orders:8.0f} µs an order"
        )
        print(
            f"customers made {report.customers_from_orders}, refused {len(report.refused)}, warnings {len(report.warnings)}"
        )
        if given.profile:
            pstats.Stats(profile).sort_stats("cumtime").print_stats("cstui", 45)
        begin, again_cpu = time.perf_counter(), time.process_time()
        again = Imports(database).shopify(system_actor("bench"), code, orders=[path])
        took, again_cpu = time.perf_counter() - begin, time.process_time() - again_cpu
        print(
            f"again          {took:8.1f} s  {again.lines / took:8.0f} rows/s, CPU {again_cpu:.1f} s, unchanged {again.orders.unchanged}"
        )
        if given.objects:
            several = min(orders, 3000) // 500 * 500
            seconds = row_objects(database, store, several, 2)
            print(
                f"row objects    {seconds / several * orders:8.1f} s CPU for as many orders, two lines each, bare rows only: "
                f"{seconds / several * orders / cpu:.1f}×"
            )
        database.close()


if __name__ == "__main__":
    main()
