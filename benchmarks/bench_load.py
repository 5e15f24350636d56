"""Loading in bulk beside the bare driver, and importing beside row objects with the very same rows; CPU seconds, interleaved.

    python benchmarks/bench_load.py [--rows 20000] [--pairs 15] [--database URL]

1. Prepared rows of customers through `bulk_insert`, and through the driver alone (SQLite `executemany`, PostgreSQL COPY) with values that
   need no turning; both are rolled back. Median of the ratios of the pairs.
2. An orders export is imported into a fresh database (file, phones, matching, terms, audit). Then the rows that it stored for some of the
   orders go through `add_all` into another one: orders with all that hangs on them and their customers; and the same with import records
   and audit events. Row objects read no file, parse no phone, match nobody and get no search terms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa

from benchmarks.bench_import import write_orders
from cstui.domain.actor import system_actor
from cstui.domain.customers import CustomerStatus
from cstui.services.imports.shopify import Imports
from cstui.storage import schema
from cstui.storage.bulk import bulk_insert
from cstui.storage.database import Database
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore
from cstui.storage.tables.exchange import ImportRecord
from cstui.storage.tables.orders import Order, OrderLine, Product, Shipment, ShipmentLine
from cstui.storage.tables.payments import Transaction as Payment
from tests import factories

_COLUMNS = (
    "first_name", "last_name", "company", "email", "email_folded", "phone", "phone_e164", "status", "tags", "accepts_email",
    "accepts_sms", "tax_exempt", "is_anonymous", "created_at", "updated_at", "version",
)  # fmt: skip


class _Undone(Exception):
    """Takes a load back."""


def prepared_rows(database: Database, rows: int, pairs: int) -> list[float]:
    """For each pair: CPU seconds of the driver alone by those of `bulk_insert` (1.0: as fast)."""
    table = table_of(Customer)
    defaults = {c.name for c in table.columns if not c.nullable} - {*_COLUMNS, "id"}
    now = datetime.now(UTC)
    typed = [_customer(n, CustomerStatus.ACTIVE, now) for n in range(rows)]
    ready: list[tuple[Any, ...]] = []
    with database.write() as tx:
        bulk_insert(tx, table, typed[:1], _COLUMNS)
        names = (*_COLUMNS, *sorted(defaults))
        found = tx.session.connection().exec_driver_sql(f"SELECT {', '.join(names)} FROM customer").one()
        tail = tuple(found)[len(_COLUMNS) :]
        status, at = found[_COLUMNS.index("status")], found[_COLUMNS.index("created_at")]
        ready = [(*_customer(n, status, at), *tail) for n in range(rows)]
    ratios = []
    for number in range(pairs):
        ways = [lambda: _ours(database, table, typed), lambda: _bare(database, names, ready)]
        seconds = [0.0, 0.0]
        for way in (0, 1) if number % 2 else (1, 0):
            seconds[way] = ways[way]()
        ratios.append(seconds[1] / seconds[0])
    return ratios


def _customer(n: int, status: Any, at: Any) -> tuple[Any, ...]:
    email = f"ann.lee{n}@mail.example"
    return (
        "Ann", f"Lee{n}", "", email, email, f"+1212{n:07d}", f"+1212{n:07d}", status, "", False, False, False, False, at, at, 1,
    )  # fmt: skip


def _ours(database: Database, table: sa.Table, rows: list[tuple[Any, ...]]) -> float:
    try:
        with database.write() as tx:
            begin = time.process_time()
            bulk_insert(tx, table, rows, _COLUMNS)
            took = time.process_time() - begin
            raise _Undone
    except _Undone:
        return took


def _bare(database: Database, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> float:
    try:
        with database.write() as tx:
            cursor: Any = tx.session.connection().connection.cursor()
            begin = time.process_time()
            if database.is_sqlite:
                marks = ", ".join("?" * len(names))
                cursor.executemany(f"INSERT INTO customer ({', '.join(names)}) VALUES ({marks})", rows)
            else:
                with cursor.copy(f"COPY customer ({', '.join(names)}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            took = time.process_time() - begin
            raise _Undone
    except _Undone:
        return took


def as_row_objects(source: Database, target: Database, orders: int) -> tuple[float, float]:
    """CPU seconds of `add_all` with the rows of so many orders: without and with import records and audit events."""
    groups = _rows_of(source, orders)
    seconds = []
    for count in (len(groups) - 2, 2):
        made = [(model, rows) for model, rows in groups[:count]]
        del groups[:count]
        took = 0.0
        for model, rows in made:
            for start in range(0, len(rows), 1_000):
                with target.write() as tx:
                    begin = time.process_time()
                    tx.session.add_all(model(**row) for row in rows[start : start + 1_000])
                    tx.session.flush()
                    took += time.process_time() - begin
        seconds.append(took)
    return seconds[0], sum(seconds)


def _rows_of(source: Database, orders: int) -> list[tuple[Any, list[dict[str, Any]]]]:
    """What the import stored for its first orders, by model; what others point at comes first."""
    o, line = table_of(Order), table_of(OrderLine)
    ids = sa.select(o.c.id).order_by(o.c.id).limit(orders)
    people = sa.select(o.c.customer_id).where(o.c.id.in_(ids))
    lines = sa.select(line.c.id).where(line.c.order_id.in_(ids))

    def of(model: Any, column: str, keys: Any, *more: Any) -> tuple[Any, list[dict[str, Any]]]:
        table = table_of(model)
        return model, [
            dict(r._mapping) for r in tx.rows(sa.select(table).where(table.c[column].in_(keys), *more))
        ]

    with source.read() as tx:
        record, event = table_of(ImportRecord), table_of(AuditEvent)
        records = [
            of(ImportRecord, "record_id", keys, record.c.record_kind == kind)[1]
            for kind, keys in (("order", ids), ("customer", people))
        ]
        events = [
            of(AuditEvent, "record_id", keys, event.c.record_kind == kind)[1]
            for kind, keys in (("order", ids), ("customer", people))
        ]
        return [
            of(Customer, "id", people), of(CustomerStore, "customer_id", people), of(CustomerAddress, "customer_id", people),
            of(Product, "id", sa.select(line.c.product_id).where(line.c.order_id.in_(ids))), of(Order, "id", ids),
            of(OrderLine, "order_id", ids), of(Shipment, "order_id", ids), of(ShipmentLine, "order_line_id", lines),
            of(Payment, "order_id", ids), (ImportRecord, records[0] + records[1]), (AuditEvent, events[0] + events[1]),
        ]  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=20_000)
    asked.add_argument("--pairs", type=int, default=15)
    asked.add_argument(
        "--database", default="", help="an empty database for the first part, else a SQLite file"
    )
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(given.database or f"sqlite:///{folder}/load.db")
        schema.upgrade(database)
        ratios = sorted(prepared_rows(database, given.rows, given.pairs))
        print(
            f"prepared rows: {statistics.median(ratios):.2f}× the bare driver's rows a CPU second ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
        database.close()
        if given.database:
            return
        path = Path(folder) / "orders.csv"
        orders = write_orders(path, given.rows)
        source, target = (Database(f"sqlite:///{folder}/{name}.db") for name in ("imported", "objects"))
        for each in (source, target):
            schema.upgrade(each)
            factories.add_store(each, "bench")
        begin = time.process_time()
        Imports(source).shopify(system_actor("bench"), "bench", orders=[path])
        imported = time.process_time() - begin
        several = min(orders, 2_000)
        rows, audited = (seconds * orders / several for seconds in as_row_objects(source, target, several))
        print(f"{given.rows} rows, {orders} orders: import {imported:.1f} s CPU")
        print(f"row objects, the same orders and customers: {rows:.1f} s, {rows / imported:.1f}×")
        print(f"row objects, with import records and audit: {audited:.1f} s, {audited / imported:.1f}×")


if __name__ == "__main__":
    main()
