"""Importing a shop's exports: customers, then orders, then transactions, batch by batch; each batch can be repeated."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from cstui.domain.actor import Actor
from cstui.domain.errors import UsageError
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.services.imports import shopify_columns as columns
from cstui.services.imports.batch import Import, Outcome, Target
from cstui.services.imports.csv_files import CsvFile, Fault
from cstui.services.imports.customer_batch import CustomerBatch, keys_of
from cstui.services.imports.order_batch import OrderBatch
from cstui.services.imports.report import Counts, ImportReport
from cstui.services.imports.self_test import self_test
from cstui.services.imports.shopify_columns import Layout, Refused, Sheet
from cstui.services.imports.shopify_customers import CustomerReader, FileCustomer
from cstui.services.imports.shopify_orders import FileOrder, OrderReader, RefusedAt, grouped
from cstui.services.imports.shopify_transactions import FileTransaction, TransactionReader, by_order
from cstui.services.imports.transaction_batch import TransactionBatch
from cstui.storage.bulk import let_run_long
from cstui.storage.database import Database
from cstui.storage.queries import audit, search_index, stores
from cstui.storage.rehearsal import Writes, rehearsal
from cstui.storage.transaction import Transaction

#: Records in one transaction: long enough to be fast, short enough that a desk does not notice the wait.
BATCH = 1_000
_MOST_LINES = 5_000
#: Told after each batch: what is read (`orders`), bytes done, bytes in all of the file.
Progress = Callable[[str, int, int | None], None]
T = TypeVar("T")


class Imports:
    """Data in, from other systems' exports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def shopify(
        self,
        actor: Actor,
        store_code: str,
        orders: Sequence[Path] = (),
        customers: Sequence[Path] = (),
        transactions: Sequence[Path] = (),
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Imports Shopify's exports into a store; the same record, by its Shopify id, stays the same record.

        All headers are checked before anything is stored. A dry run does all of it and keeps nothing: see `rehearsal`.
        Errors: `NotFound` for the store or a file, `NotPermitted`, `UsageError` for a file of another sort, `DatabaseAway` (what was stored
        by then stays; importing again goes on).
        """
        if not (orders or customers or transactions):
            raise UsageError(
                "There is nothing to import.", "Name a file with --orders, --customers or --transactions."
            )
        run = self._begin(actor, store_code, dry_run)
        for layout, paths in (
            (columns.CUSTOMERS, customers),
            (columns.ORDERS, orders),
            (columns.TRANSACTIONS, transactions),
        ):
            for path in paths:
                with _opened(path, layout):
                    pass
        with _rare_collections(), self._writes(dry_run) as write:
            work = _Work(run, write, progress or (lambda stage, done, total: None))
            for path in customers:
                work.customers(path)
            for path in orders:
                work.orders(path)
            for path in transactions:
                work.transactions(path)
            if customers or orders:
                with write() as tx:
                    run.report.checks = self_test(tx, run.store)
        return run.report

    def _begin(self, actor: Actor, store_code: str, dry_run: bool) -> Import:
        with self._database.read() as tx:
            store = stores.known(tx, store_code)
            if not actor.may(Permission.ORDER_VIEW, store.id):
                raise stores.unknown(store_code)
            require(tx, actor, Permission.DATA_IMPORT, store.id)
            started_at = tx.now
        target = Target(store.id, store.code, store.currency, store.country, ZoneInfo(store.zone))
        report = ImportReport(store=store.code, dry_run=dry_run)
        return Import(actor, target, report, started_at, started_at, audited=not dry_run)

    @contextmanager
    def _writes(self, dry_run: bool) -> Iterator[Writes]:
        if not dry_run:
            yield self._database.write
            return
        with rehearsal(self._database) as write:
            yield write


class _Work:
    """One import under way, file by file."""

    def __init__(self, run: Import, write: Writes, progress: Progress) -> None:
        self._run = run
        self._write = write
        self._progress = progress

    def customers(self, path: Path) -> None:
        run, counts = self._run, self._run.report.customers
        with _opened(path, columns.CUSTOMERS) as (file, sheet):
            reader = CustomerReader(sheet, run.store.currency, run.store.country)

            def read() -> Iterator[FileCustomer]:
                for record in file.records(self._fault(file, counts)):
                    try:
                        yield reader.customer(record)
                    except Refused as refused:
                        self._refuse(file, record.row, record.line, refused, counts)

            for batch in batches(read(), lambda each: keys_of(run, each)):
                self._store(lambda tx, batch=batch: CustomerBatch(run, file.name, tx).store(batch), counts)  # type: ignore[misc]
                self._progress("customers", file.done, file.size)

    def orders(self, path: Path) -> None:
        run, counts = self._run, self._run.report.orders
        with _opened(path, columns.ORDERS) as (file, sheet):
            reader = OrderReader(sheet, run.store.currency, run.store.zone, run.store.country)

            def read() -> Iterator[FileOrder]:
                for rows in grouped(file.records(self._fault(file, counts)), sheet):
                    try:
                        yield reader.order(rows)
                    except Refused as refused:
                        at = refused.record if isinstance(refused, RefusedAt) else rows.records[0]
                        self._refuse(file, at.row, at.line, refused, counts)

            for batch in batches(read(), lambda each: (each.external_id,), lambda each: each.lines):
                self._store(lambda tx, batch=batch: OrderBatch(run, file.name, tx).store(batch), counts)  # type: ignore[misc]
                self._progress("orders", file.done, file.size)

    def transactions(self, path: Path) -> None:
        run, counts = self._run, self._run.report.transactions
        with _opened(path, columns.TRANSACTIONS) as (file, sheet):
            reader = TransactionReader(sheet, run.store.currency, run.store.zone)

            def read() -> Iterator[list[FileTransaction]]:
                for _, records in by_order(file.records(self._fault(file, counts)), reader):
                    of_order: list[FileTransaction] = []
                    for record in records:
                        try:
                            of_order.append(reader.transaction(record))
                        except Refused as refused:
                            self._refuse(file, record.row, record.line, refused, counts)
                    if of_order:
                        yield of_order

            for batch in batches(read(), lambda each: (each[0].order_id,), len):
                self._store(lambda tx, batch=batch: TransactionBatch(run, file.name, tx).store(batch), counts)  # type: ignore[misc]
                self._progress("transactions", file.done, file.size)

    def _fault(self, file: CsvFile, counts: Counts) -> Callable[[Fault], None]:
        def said(fault: Fault) -> None:
            counts.refused += 1
            self._run.report.refuse(file.name, fault.row, fault.line, "", fault.value, fault.reason)

        return said

    def _refuse(self, file: CsvFile, row: int, line: int, refused: Refused, counts: Counts) -> None:
        counts.refused += 1
        self._run.report.refuse(file.name, row, line, refused.column, refused.value, refused.reason)

    def _store(self, work: Callable[[Transaction], Outcome], counts: Counts) -> None:
        """One batch as one transaction: rows, search terms, audit. It counts once it is stored."""
        run = self._run
        with self._write() as tx:
            require(tx, run.actor, Permission.DATA_IMPORT, run.store.id)
            let_run_long(tx)
            run.batch_at = tx.now
            outcome = work(tx)
            search_index.index_new_orders(tx, outcome.new_orders, outcome.new_payments)
            search_index.index_new_customers(tx, outcome.newcomers.values())
            search_index.index_orders(tx, outcome.touched_orders, customers=False)
            search_index.index_payments(tx, outcome.touched_orders)
            search_index.index_customers(tx, outcome.touched_customers)
            if run.audited:
                audit.append_all(tx, outcome.events)
        run.learn(outcome.products)
        _count(run.report, counts, outcome)


def _count(report: ImportReport, counts: Counts, outcome: Outcome) -> None:
    counts.created += outcome.created
    counts.updated += outcome.updated
    counts.unchanged += outcome.unchanged
    counts.refused += len(outcome.refused)
    report.customers_from_orders += outcome.made_customers
    report.lines += outcome.lines
    for currency, sums in outcome.sums:
        report.add_sums(currency, sums)
    for origin, words in outcome.warnings:
        report.warn(origin.file, origin.row, origin.line, words)
    for origin, column, value, reason in outcome.refused:
        report.refuse(origin.file, origin.row, origin.line, column, value, reason)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Lets Python look for reference cycles seldom: rows make none, and looking takes a fifth of an import's time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _opened(path: Path, layout: Layout) -> Iterator[tuple[CsvFile, Sheet]]:
    with CsvFile(Path(path)) as file:
        yield file, Sheet(file.name, file.header, layout)


def batches(
    items: Iterable[T], keys: Callable[[T], Iterable[str]], weight: Callable[[T], int] = lambda item: 1
) -> Iterator[list[T]]:
    """Cuts a stream into batches: no key twice in one, and no more than a transaction should hold."""
    batch: list[T] = []
    seen: set[str] = set()
    lines = 0
    for item in items:
        its = set(keys(item))
        if batch and (its & seen or len(batch) >= BATCH or lines >= _MOST_LINES):
            yield batch
            batch, seen, lines = [], set(), 0
        batch.append(item)
        seen |= its
        lines += weight(item)
    if batch:
        yield batch
