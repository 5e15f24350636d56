"""One batch of transactions: they replace the summary that an orders file left, and never add to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.services.imports.batch import ORDERS, TRANSACTIONS, Import, Origin, Outcome, as_text
from cstui.services.imports.shopify_transactions import FileTransaction
from cstui.storage.queries import import_orders as rows
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.import_orders import Stored
from cstui.storage.transaction import Transaction

_ACTION = "transactions imported"


class TransactionBatch:
    """Stores the transactions of one batch of orders; each order's rows come together, and an order comes once."""

    def __init__(self, run: Import, file: str, tx: Transaction) -> None:
        self._run = run
        self._file = file
        self._tx = tx
        self._outcome = Outcome()

    def store(self, batch: Sequence[list[FileTransaction]]) -> Outcome:
        """Adds what is new; audit and search terms are left to the caller."""
        tx, store_id = self._tx, self._run.store.id
        orders = stored.remembered(tx, ORDERS, store_id, [of_order[0].order_id for of_order in batch])
        keyed = [(of_order, _keys(of_order)) for of_order in batch]
        known = stored.remembered(tx, TRANSACTIONS, store_id, [key for _, keys in keyed for key in keys])
        now = rows.stored(tx, sorted({record.record_id for record in orders.values()}))
        fresh: list[tuple[str, int, str]] = []
        for of_order, keys in keyed:
            order = orders.get(of_order[0].order_id)
            if order is None:
                for each in of_order:
                    self._refuse(
                        each,
                        "Order",
                        each.order_id,
                        "There is no order with this id; import the orders first.",
                    )
                continue
            new = [(each, key) for each, key in zip(of_order, keys, strict=True) if key not in known]
            self._outcome.unchanged += len(of_order) - len(new)
            fresh += self._store_order(now[order.record_id], new)
        stored.remember(tx, TRANSACTIONS, store_id, Kind.TRANSACTION, fresh)
        return self._outcome

    def _refuse(self, each: FileTransaction, column: str, value: str, reason: str) -> None:
        self._outcome.refused.append((Origin(self._file, each.row, each.line), column, value, reason))

    def _store_order(self, now: Stored, new: list[tuple[FileTransaction, str]]) -> list[tuple[str, int, str]]:
        """Stores one order's new transactions. A summary row becomes the transaction of its kind, so that what refers to it still does."""
        order, tx = now.order, self._tx
        fitting = [(each, key) for each, key in new if self._fits(each, order.currency)]
        if not fitting:
            return []
        spare = [row for row in now.payments if row.origin is TransactionOrigin.IMPORT_SUMMARY]
        records: list[tuple[str, int, str]] = []
        sales: list[int] = [
            row.id for row in now.payments
            if row.origin is TransactionOrigin.IMPORT and row.kind in _CAPTURES and row.status is TransactionStatus.SUCCEEDED
        ]  # fmt: skip
        for each, key in sorted(fitting, key=lambda pair: pair[0].at):
            same = next(
                (
                    row
                    for row in spare
                    if row.kind is each.kind and each.status is TransactionStatus.SUCCEEDED
                ),
                None,
            )
            parent = sales[0] if each.kind is TransactionKind.REFUND and len(sales) == 1 else None
            if same is not None:
                spare.remove(same)
            row_id = rows.put_transaction(
                tx, order, same.id if same is not None else None, _columns(each, parent)
            )
            if each.kind in _CAPTURES and each.status is TransactionStatus.SUCCEEDED:
                sales.append(row_id)
            records.append((key, row_id, as_text({"order": each.order_id})))
            self._outcome.created += 1
        self._drop(spare, fitting[0][0])
        self._outcome.events.append(
            NewEvent(
                self._run.actor, order.store_id, Kind.ORDER, order.id, _ACTION, customer_id=order.customer_id
            )
        )
        self._outcome.touched_orders.add(order.id)
        self._outcome.touched_customers.add(order.customer_id)
        tx.publish("saved", Kind.ORDER, order.id)
        return records

    def _drop(self, spare: list[Any], first: FileTransaction) -> None:
        """Takes out what is left of the summary, unless something refers to it."""
        kept = rows.drop_unused_transactions(self._tx, [row.id for row in spare])
        if kept:
            words = f"Order {first.order_number}: the file does not name a payment that was worked on here; it stays."
            self._outcome.warn(Origin(self._file, first.row, first.line), words)

    def _fits(self, each: FileTransaction, currency: str) -> bool:
        if each.currency == currency:
            return True
        self._refuse(each, "Currency", each.currency, f"The order is in {currency}.")
        return False


_CAPTURES = (TransactionKind.SALE, TransactionKind.CAPTURE)


def _columns(each: FileTransaction, parent: int | None) -> dict[str, Any]:
    return {
        "kind": each.kind, "status": each.status, "origin": TransactionOrigin.IMPORT, "amount": each.amount, "currency": each.currency,
        "gateway": each.gateway or "external", "card_brand": each.card_brand, "parent_id": parent, "occurred_at": each.at,
        "response_text": "",
    }  # fmt: skip


def _keys(of_order: list[FileTransaction]) -> list[str]:
    """An import key for each row: the export gives no id, so it is made of all that the row says, and counted where rows are alike."""
    seen: Counter[str] = Counter()
    keys = []
    for each in of_order:
        key = f"{each.order_id}:{each.kind}:{each.status}:{each.at.isoformat()}:{each.amount}:{each.gateway}"
        seen[key] += 1
        keys.append(f"{key}:{seen[key]}")
    return keys
