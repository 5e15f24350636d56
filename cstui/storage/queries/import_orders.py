"""Reading imported orders back as the import remembers them, and storing what a later file changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.ids import Kind
from cstui.domain.orders import DiscountTarget
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.domain.shipments import ShipmentState
from cstui.storage.queries.imports import ADDRESS_FIELDS, ORDER, PAYMENT
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.orders import OrderDiscount, OrderLine, OrderTax, Shipment, ShipmentLine
from cstui.storage.tables.payments import PaymentAttempt, Refund
from cstui.storage.transaction import Transaction

LINE = table_of(OrderLine)
TAX = table_of(OrderTax)
DISCOUNT = table_of(OrderDiscount)
SHIPMENT = table_of(Shipment)
SHIPMENT_LINE = table_of(ShipmentLine)
LOCK = table_of(EditLock)
REFUND = table_of(Refund)
ATTEMPT = table_of(PaymentAttempt)


@dataclass(slots=True)
class Stored:
    """One order as it stands: its columns and what hangs on it."""

    order: Any
    lines: list[Any] = field(default_factory=list)
    taxes: list[Any] = field(default_factory=list)
    discounts: list[Any] = field(default_factory=list)
    shipments: list[Any] = field(default_factory=list)
    shipped: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    payments: list[Any] = field(default_factory=list)
    has_refunds: bool = False

    def values(self) -> dict[str, Any]:
        """The order in the shape in which the import remembers a file's order (without notes, which nobody changes)."""
        o = self.order
        return {
            "number": o.number, "placed_at": _text(o.placed_at), "source": o.source, "status": o.status.value,
            "cancelled_at": _text(o.cancelled_at), "email": o.email, "phone": o.phone, "payment_method": o.payment_method,
            "tags": o.tags,
            "billing": [getattr(o, f"billing_{name}") for name in ADDRESS_FIELDS],
            "shipping": [getattr(o, f"shipping_{name}") for name in ADDRESS_FIELDS],
            "contents": self._contents(), "shipment": self._shipment(), "payments": self._payments(),
        }  # fmt: skip

    @property
    def has_imported_payments(self) -> bool:
        """Whether a transactions file has replaced the summary."""
        return any(row.origin is TransactionOrigin.IMPORT for row in self.payments)

    def _contents(self) -> dict[str, Any]:
        o = self.order
        return {
            "currency": o.currency, "subtotal": o.subtotal, "discount": o.discount, "shipping": o.shipping, "tax": o.tax, "total": o.total,
            "prices_include_tax": bool(o.prices_include_tax),
            "lines": [
                [x.sku, x.name, x.vendor, x.quantity, x.unit_price, x.discount, x.tax, bool(x.taxable), bool(x.requires_shipping)]
                for x in self.lines
            ],
            "taxes": [[tax.name, tax.amount, tax.base] for tax in self.taxes],
            "discounts": [[each.code, each.amount, each.target.value] for each in self.discounts],
        }  # fmt: skip

    def _shipment(self) -> dict[str, Any]:
        if len(self.shipments) != 1:
            return {"shipments": [shipment.id for shipment in self.shipments]}
        shipment = self.shipments[0]
        places = {line.id: place for place, line in enumerate(self.lines)}
        sent = shipment.delivered_at if shipment.is_digital else shipment.shipped_at
        return {
            "state": shipment.state.value, "is_digital": bool(shipment.is_digital), "method": shipment.method, "sent_at": _text(sent),
            "lines": sorted([places[row.order_line_id], row.quantity] for row in self.shipped[shipment.id]),
        }  # fmt: skip

    def _payments(self) -> list[list[Any]]:
        """The summary; with a row that no file can hold where the desk itself has moved money."""
        rows: list[list[Any]] = []
        for row in self.payments:
            if row.origin is TransactionOrigin.IMPORT_SUMMARY:
                rows.append([row.kind.value, row.amount, _text(row.occurred_at), row.gateway_ref])
            else:
                rows.append(["here", row.id])
        return rows


def _text(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def locked(tx: Transaction, order_ids: Sequence[int]) -> dict[int, str]:
    """Who holds an edit lock on which of these orders."""
    query = sa.select(LOCK.c.record_id, LOCK.c.holder_name).where(
        LOCK.c.record_kind == Kind.ORDER, LOCK.c.record_id.in_(order_ids)
    )
    return {row[0]: row[1] for row in tx.rows(query)}


def stored(tx: Transaction, order_ids: Sequence[int]) -> dict[int, Stored]:
    """The orders as they stand, locked against other writers until the transaction ends."""
    if not order_ids:
        return {}
    query = sa.select(ORDER).where(ORDER.c.id.in_(order_ids)).order_by(ORDER.c.id).with_for_update()
    found = {row.id: Stored(row) for row in tx.rows(query)}
    for table, name in (
        (LINE, "lines"),
        (TAX, "taxes"),
        (DISCOUNT, "discounts"),
        (SHIPMENT, "shipments"),
        (PAYMENT, "payments"),
    ):
        order_by = (table.c.position, table.c.id) if "position" in table.c else (table.c.id,)
        for row in tx.rows(sa.select(table).where(table.c.order_id.in_(order_ids)).order_by(*order_by)):
            getattr(found[row.order_id], name).append(row)
    joined = SHIPMENT_LINE.join(SHIPMENT, SHIPMENT.c.id == SHIPMENT_LINE.c.shipment_id)
    rows = (
        sa.select(SHIPMENT.c.order_id, SHIPMENT_LINE)
        .select_from(joined)
        .where(SHIPMENT.c.order_id.in_(order_ids))
    )
    for row in tx.rows(rows):
        found[row.order_id].shipped[row.shipment_id].append(row)
    for (order_id,) in tx.rows(
        sa.select(REFUND.c.order_id).where(REFUND.c.order_id.in_(order_ids)).distinct()
    ):
        found[order_id].has_refunds = True
    return found  # fmt: skip


def change_order(tx: Transaction, order_id: int, version: int, values: Mapping[str, Any]) -> bool:
    """Stores changed columns and raises the version; False where somebody else was faster."""
    statement = ORDER.update().where(ORDER.c.id == order_id, ORDER.c.version == version)
    return tx.run(statement.values(**values, version=version + 1, updated_at=tx.now)) == 1


def replace_contents(
    tx: Transaction, now: Stored, contents: Mapping[str, Any], product_ids: Sequence[int | None]
) -> None:
    """Makes the order's lines, taxes and discounts those of the file; lines keep their keys by their place."""
    order_id = now.order.id
    wanted = [
        {"position": place, "sku": sku, "name": name, "vendor": vendor, "quantity": quantity, "unit_price": price,
         "discount": discount, "tax": tax, "taxable": taxable, "requires_shipping": ships, "product_id": product_ids[place]}
        for place, (sku, name, vendor, quantity, price, discount, tax, taxable, ships) in enumerate(contents["lines"])
    ]  # fmt: skip
    for line, values in zip(now.lines, wanted, strict=False):
        tx.run(LINE.update().where(LINE.c.id == line.id).values(**values))
    for values in wanted[len(now.lines) :]:
        tx.run(LINE.insert().values(order_id=order_id, option="", personalisation="", **values))
    gone = [line.id for line in now.lines[len(wanted) :]]
    if gone:
        tx.run(SHIPMENT_LINE.delete().where(SHIPMENT_LINE.c.order_line_id.in_(gone)))
        tx.run(LINE.delete().where(LINE.c.id.in_(gone)))
    tx.run(TAX.delete().where(TAX.c.order_id == order_id))
    for place, (name, amount, base) in enumerate(contents["taxes"]):
        tx.run(TAX.insert().values(order_id=order_id, position=place, name=name, amount=amount, base=base))
    tx.run(DISCOUNT.delete().where(DISCOUNT.c.order_id == order_id))
    for place, (code, amount, target) in enumerate(contents["discounts"]):
        tx.run(
            DISCOUNT.insert().values(
                order_id=order_id, position=place, code=code, amount=amount, target=DiscountTarget(target)
            )
        )


def replace_shipment(tx: Transaction, now: Stored, shipment: Mapping[str, Any]) -> None:
    """Makes the order's one shipment that of the file."""
    order_id, key = now.order.id, now.shipments[0].id
    sent = datetime.fromisoformat(shipment["sent_at"]) if shipment["sent_at"] else None
    digital = shipment["is_digital"]
    tx.run(
        SHIPMENT.update()
        .where(SHIPMENT.c.id == key)
        .values(
            state=ShipmentState(shipment["state"]), is_digital=digital, method=shipment["method"],
            shipped_at=None if digital else sent, delivered_at=sent if digital else None,
        )
    )  # fmt: skip
    tx.run(SHIPMENT_LINE.delete().where(SHIPMENT_LINE.c.shipment_id == key))
    lines = tx.rows(
        sa.select(LINE.c.id).where(LINE.c.order_id == order_id).order_by(LINE.c.position, LINE.c.id)
    )
    for place, quantity in shipment["lines"]:
        tx.run(
            SHIPMENT_LINE.insert().values(shipment_id=key, order_line_id=lines[place].id, quantity=quantity)
        )


def replace_summary(tx: Transaction, now: Stored, payments: Sequence[Sequence[Any]]) -> None:
    """Makes the summary transactions those of the file; a row keeps its key where its kind stays."""
    spare = [row for row in now.payments if row.origin is TransactionOrigin.IMPORT_SUMMARY]
    for kind, amount, when, reference in payments:
        same = next((row for row in spare if row.kind.value == kind), None)
        values = {"amount": amount, "occurred_at": datetime.fromisoformat(when), "gateway_ref": reference}
        if same is not None:
            spare.remove(same)
            tx.run(PAYMENT.update().where(PAYMENT.c.id == same.id).values(**values))
        else:
            tx.run(
                PAYMENT.insert().values(
                    store_id=now.order.store_id, order_id=now.order.id, customer_id=now.order.customer_id, kind=TransactionKind(kind),
                    status=TransactionStatus.SUCCEEDED, origin=TransactionOrigin.IMPORT_SUMMARY, currency=now.order.currency,
                    gateway="external", created_at=tx.now, **values,
                )
            )  # fmt: skip
    if spare:
        tx.run(PAYMENT.delete().where(PAYMENT.c.id.in_([row.id for row in spare])))


def put_transaction(tx: Transaction, order: Any, row_id: int | None, values: Mapping[str, Any]) -> int:
    """Stores a transaction of a file in place of a summary row, or beside what is there; returns its id."""
    if row_id is not None:
        tx.run(PAYMENT.update().where(PAYMENT.c.id == row_id).values(**values))
        return row_id
    inserted = PAYMENT.insert().values(
        store_id=order.store_id, order_id=order.id, customer_id=order.customer_id, created_at=tx.now, **values
    )
    key: int = tx.session.connection().execute(inserted.returning(PAYMENT.c.id)).scalar_one()
    return key


def drop_unused_transactions(tx: Transaction, ids: Sequence[int]) -> list[int]:
    """Deletes these transactions, except those that a refund, an attempt or another transaction refers to; returns the latter."""
    kept: set[int] = set()
    if not ids:
        return []
    for column in (REFUND.c.transaction_id, ATTEMPT.c.transaction_id, PAYMENT.c.parent_id):
        kept.update(row[0] for row in tx.rows(sa.select(column).where(column.in_(ids))))
    gone = [each for each in ids if each not in kept]
    if gone:
        tx.run(PAYMENT.delete().where(PAYMENT.c.id.in_(gone)))
    return sorted(kept)
