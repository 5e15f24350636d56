"""Shopify's transactions export: payments that were captured or refused, and refunds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from cstui.domain.payments import TransactionKind, TransactionStatus
from cstui.services.imports import shopify_columns as read
from cstui.services.imports.csv_files import Record
from cstui.services.imports.shopify_columns import Refused, Remarks, Sheet

_KINDS = {
    "sale": TransactionKind.SALE,
    "capture": TransactionKind.CAPTURE,
    "authorization": TransactionKind.AUTHORISE,
    "void": TransactionKind.VOID,
    "refund": TransactionKind.REFUND,
}
_STATUSES = {
    "success": TransactionStatus.SUCCEEDED,
    "failure": TransactionStatus.FAILED,
    "error": TransactionStatus.FAILED,
    "pending": TransactionStatus.PENDING,
}
_COLUMNS = ("Order", "Name", "Kind", "Gateway", "Created At", "Status", "Amount", "Currency", "Card Type")


@dataclass(slots=True)
class FileTransaction:
    """One transaction of the file; the amount in minor units."""

    order_id: str
    order_number: str
    kind: TransactionKind
    status: TransactionStatus
    gateway: str
    at: datetime
    amount: int
    currency: str
    card_brand: str
    row: int
    line: int
    remarks: list[str] = field(default_factory=list)


class TransactionReader:
    """Reads the transactions of one file; `currency` and `zone` are the store's, for what is left blank."""

    def __init__(self, sheet: Sheet, currency: str, zone: ZoneInfo) -> None:
        self._places = tuple(sheet.place(name) for name in _COLUMNS)
        self._padded = sheet.padded
        self._currency = currency
        self._zone = zone

    def order_id(self, record: Record) -> str:
        """The order's Shopify id. Errors: `Refused`."""
        cells = self._padded(record.cells)
        found = read.external_id(cells[self._places[0]], "Order")
        if not found:
            raise Refused("Order", "", "The row names no order.")
        return found

    def transaction(self, record: Record) -> FileTransaction:
        """One transaction. Errors: `Refused`."""
        order_id = self.order_id(record)
        cells = self._padded(record.cells)
        _, number, kind, gateway, created, status, amount, code, brand = (cells[i] for i in self._places)
        remarks = Remarks()
        its_kind = _KINDS.get(kind.strip().casefold())
        its_status = _STATUSES.get(status.strip().casefold())
        if its_kind is None:
            raise Refused("Kind", kind, "This kind of transaction is not known.")
        if its_status is None:
            raise Refused("Status", status, "This status is not known.")
        at = read.instant(created, "Created At", self._zone)
        if at is None:
            raise Refused("Created At", created, "The transaction has no time.")
        currency = read.currency(code) or self._currency
        minor = read.amount(amount, currency, "Amount")
        # Some files write refunds as negative amounts; the kind says which way the money went.
        return FileTransaction(
            order_id, read.words(number, "Name", remarks), its_kind, its_status, read.words(gateway, "Gateway", remarks),
            at, abs(minor), currency, read.words(brand, "Card Type", remarks), record.row, record.line, remarks.said,
        )  # fmt: skip


def by_order(records: Iterator[Record], reader: TransactionReader) -> Iterator[tuple[str, list[Record]]]:
    """Puts together the adjacent rows of each order; a row without a usable order id stands alone under an empty id."""
    rows: list[Record] = []
    order_id = ""
    for record in records:
        try:
            its_id = reader.order_id(record)
        except Refused:
            its_id = ""
        if rows and its_id and its_id == order_id:
            rows.append(record)
            continue
        if rows:
            yield order_id, rows
        rows, order_id = [record], its_id
    if rows:
        yield order_id, rows
