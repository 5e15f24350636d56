"""Seeding the demo: stores, people, orders and open situations, made up from a seed and a day (the same both give the same data)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.errors import Conflict
from cstui.domain.ids import Kind, public_id
from cstui.services.password_hash import hashed
from cstui.storage import schema
from cstui.storage.bulk import bulk_insert
from cstui.storage.database import Database
from cstui.storage.demo_data import sandbox_books
from cstui.storage.demo_data.build import DemoRows, demo_rows
from cstui.storage.demo_data.shops import STAFF
from cstui.storage.demo_data.situations import BOB_HOLDS_AT
from cstui.storage.queries import search_index
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.orders import Order
from cstui.storage.tables.people import Staff, Store
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

#: The seed of `cstui demo`.
SEED = 7
_LOCK = table_of(EditLock)


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """A record worth opening: `words` say why, `ref` is its id for the command line, `shown` its number or name."""

    words: str
    ref: str
    shown: str
    kind: Kind
    id: int


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was seeded. `staff` are the names to sign in with."""

    stores: int
    customers: int
    orders: int
    subscriptions: int
    staff: tuple[str, ...]
    to_try: tuple[DemoRecord, ...]


class Demo:
    """Fills an empty database with the demo. Open it with `Database(url, durable=False)`: it is quick to make again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seed(self, day: date, password: str, seed: int = SEED) -> DemoSummary:
        """Makes the schema where it is missing and seeds everything in one transaction.

        `day` is a day in UTC: the demo stands as it was when that day began, and nothing in it is later. All of the demo's staff get the
        password. Same seed and day: the same rows, but for the password hashes, whose salt is always fresh.
        Errors: `Conflict` where the database holds data already, `SchemaNotCurrent`.
        """
        if not schema.current(self._database):
            schema.upgrade(self._database)
        schema.check(self._database)
        with self._database.read() as tx:
            _require_empty(tx)
        made = demo_rows(day, {name: hashed(password) for name in STAFF}, seed)
        with self._database.write() as tx:
            _require_empty(tx)
            _store(tx, made)
            search_index.rebuild_in(tx)
        return _summary(made)

    def refresh(self) -> None:
        """Makes Bob's lock look as if he had been there until just now, and what waited for settlement as if it still did.

        Done each time the demo is opened. Nothing happens once somebody has removed the lock; what was voided, refunded or has settled stays so.
        """
        with self._database.write() as tx:
            now = tx.now
            tx.run(
                _LOCK.update()
                .where(_LOCK.c.holder_name == "Bob", _LOCK.c.terminal == BOB_HOLDS_AT, _LOCK.c.heartbeat_at < now)
                .values(
                    acquired_at=now - timedelta(minutes=12),
                    active_at=now - timedelta(minutes=3),
                    heartbeat_at=now,
                    lease_until=now + timedelta(days=1),
                )
            )  # fmt: skip
            sandbox_books.freshen(tx)


def _require_empty(tx: Transaction) -> None:
    for model in (Store, Staff, Customer):
        if tx.rows(sa.select(table_of(model).c.id).limit(1)):
            raise Conflict(
                "This database holds data already; the demo fills an empty one.",
                "Use another file, or “cstui demo --fresh” to start over.",
            )


def _store(tx: Transaction, made: DemoRows) -> None:
    for table, rows in made.rows.tables():
        columns = tuple(rows[0])
        bulk_insert(tx, table, _values(rows, columns), columns)
        if not tx.is_sqlite:
            if "id" in table.c:
                _move_on(tx, table, len(rows))
            tx.session.connection().exec_driver_sql(f"ANALYZE {table.name}")


def _values(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Iterable[Sequence[Any]]:
    if all(tuple(row) == tuple(columns) for row in (rows[0], rows[-1])):
        return (tuple(row.values()) for row in rows)
    return ([row[column] for column in columns] for row in rows)


def _move_on(tx: Transaction, table: sa.Table, last: int) -> None:
    """The next key that PostgreSQL hands out follows the demo's own."""
    tx.rows(
        sa.text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
        {"name": table.name, "last": last},
    )


def _summary(made: DemoRows) -> DemoSummary:
    rows = made.rows
    return DemoSummary(
        stores=len(made.shops),
        customers=len(rows.of(Customer)),
        orders=len(rows.of(Order)),
        subscriptions=len(rows.of(Subscription)),
        staff=STAFF,
        to_try=tuple(
            DemoRecord(told.words, public_id(told.kind, told.id), told.shown, told.kind, told.id)
            for told in made.situations
        ),
    )
