"""Bringing known orders up to date with a later file: what changed there is taken, unless it was changed here as well."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.orders import OrderStatus
from cstui.services.imports.batch import CHANGED, ORDERS, Import, Origin, Outcome, as_text
from cstui.services.imports.merging import Clash, merged
from cstui.services.imports.new_customers import note_row, store_notes
from cstui.services.imports.shopify_orders import FileOrder
from cstui.storage.queries import import_orders as rows
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.import_orders import Stored
from cstui.storage.queries.imports import Remembered
from cstui.storage.transaction import Transaction

_COLUMNS = ("number", "source", "email", "phone", "payment_method", "tags")
_NOTES = ("note", "attributes")


class OrderUpdates:
    """Changes known orders inside one batch. A locked order is left alone and reported; the next import tries it again."""

    def __init__(self, run: Import, file: str, tx: Transaction, outcome: Outcome) -> None:
        self._run = run
        self._file = file
        self._tx = tx
        self._outcome = outcome

    def apply(self, known: list[tuple[FileOrder, Remembered]]) -> None:
        """Takes each order's changes, or counts it as unchanged."""
        tx, store_id = self._tx, self._run.store.id
        texts = {each.external_id: as_text(each.values) for each, _ in known}
        same = [each.external_id for each, record in known if record.values == texts[each.external_id]]
        stored.seen_again(tx, ORDERS, store_id, same)
        self._outcome.unchanged += len(same)
        changed = [(each, record) for each, record in known if record.values != texts[each.external_id]]
        now = rows.stored(tx, sorted(record.record_id for _, record in changed))
        # Asked once the rows are held: a desk that begins to edit from here on finds the version moved.
        locked = rows.locked(tx, list(now)) if now else {}
        again: dict[str, str] = {}
        for each, record in changed:
            holder = locked.get(record.record_id)
            if holder is not None:
                self._warn(each, f"Order {each.values['number']} is locked by {holder} and was left alone.")
                self._outcome.unchanged += 1
                continue
            again[each.external_id] = texts[each.external_id]
            self._merge(each, json.loads(record.values), now[record.record_id])
        stored.remember_again(tx, ORDERS, store_id, again)

    def _warn(self, each: FileOrder, words: str) -> None:
        self._outcome.warn(Origin(self._file, each.row, each.line), words)

    def _merge(self, each: FileOrder, base: dict[str, Any], now: Stored) -> None:
        theirs = {name: value for name, value in each.values.items() if name not in _NOTES}
        ours = now.values()
        if now.has_imported_payments:
            # A transactions file knows better than the summary of an orders file.
            theirs.pop("payments")
        if now.has_refunds:
            ours["contents"] = {"refunds": "made here"}
        taken, clashes = merged(base, theirs, ours)
        for clash in clashes:
            self._warn(each, _clash(each, clash))
        noted = self._add_notes(each, base, now)
        if taken and not self._change(taken, now):
            self._warn(each, f"Order {each.values['number']} was changed meanwhile and was left alone.")
            taken = {}
        if not taken and not noted:
            self._outcome.unchanged += 1
            return
        self._outcome.updated += 1
        version = now.order.version + 1 if taken else None
        self._outcome.touched_orders.add(now.order.id)
        self._outcome.touched_customers.add(now.order.customer_id)
        self._outcome.events.append(
            NewEvent(
                self._run.actor, self._run.store.id, Kind.ORDER, now.order.id, CHANGED, version=version,
                customer_id=now.order.customer_id,
            )
        )  # fmt: skip
        self._tx.publish("saved", Kind.ORDER, now.order.id)

    def _add_notes(self, each: FileOrder, base: dict[str, Any], now: Stored) -> bool:
        """Notes never change: one that reads otherwise in the file is added to the one that was imported before."""
        added = [
            each.values[name] for name in _NOTES if each.values[name] and each.values[name] != base.get(name)
        ]
        order = now.order
        store_notes(
            self._tx,
            [
                note_row(order.store_id, order.customer_id, Kind.ORDER, order.id, body, self._tx.now)
                for body in added
            ],
        )
        return bool(added)

    def _change(self, taken: dict[str, Any], now: Stored) -> bool:
        columns = {name: taken[name] for name in _COLUMNS if name in taken}
        if "status" in taken:
            columns["status"] = OrderStatus(taken["status"])
        for name in ("placed_at", "cancelled_at"):
            if name in taken:
                columns[name] = datetime.fromisoformat(taken[name]) if taken[name] else None
        for which in ("billing", "shipping"):
            if which in taken:
                fields = zip(stored.ADDRESS_FIELDS, taken[which], strict=True)
                columns |= {f"{which}_{name}": value for name, value in fields}
        contents = taken.get("contents")
        if contents:
            names = ("currency", "subtotal", "discount", "shipping", "tax", "total", "prices_include_tax")
            columns |= {name: contents[name] for name in names}
        if not rows.change_order(self._tx, now.order.id, now.order.version, columns):
            return False
        if contents:
            products = [self._outcome.products.get((line[0], line[1])) for line in contents["lines"]]
            rows.replace_contents(self._tx, now, contents, products)
        if "shipment" in taken:
            rows.replace_shipment(self._tx, now, taken["shipment"])
        if "payments" in taken:
            rows.replace_summary(self._tx, now, taken["payments"])
        return True


def _clash(each: FileOrder, clash: Clash) -> str:
    return f"Order {each.values['number']}: {clash.field} is “{clash.theirs}” in the file and “{clash.ours}” here; ours stays."
