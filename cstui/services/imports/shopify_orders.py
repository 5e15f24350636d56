"""Shopify's orders export: rows grouped into orders, and each order put into our own terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from cstui.domain.notes import LONGEST_NOTE
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import TransactionKind
from cstui.domain.shipments import ShipmentState
from cstui.services.imports import shopify_columns as read
from cstui.services.imports.csv_files import Record
from cstui.services.imports.shopify_columns import Refused, Remarks, Sheet
from cstui.services.imports.shopify_money import FileLine, FileSums, priced

_Cells = Callable[[list[str]], tuple[str, ...]]
_ADDRESS = ("Name", "Company", "Address1", "Address2", "City", "Zip", "Province", "Country", "Phone")
#: Financial states in which money has come in at some time.
_PAID = frozenset({"paid", "partially_paid", "partially_refunded", "refunded"})
_FINANCIAL = _PAID | {"pending", "authorized", "voided", "expired", ""}
_SENT = {"fulfilled", "partial"}
_FULFILMENT = _SENT | {"unfulfilled", "restocked", ""}


@dataclass(slots=True)
class FileOrder:
    """One order of the file. `values` is what the import remembers of it: plain JSON, one entry per field or group of fields."""

    external_id: str
    row: int
    line: int
    values: dict[str, Any]
    name: str
    email: str
    phones: tuple[str, ...]
    country: str
    accepts_email: bool
    placed_at: datetime
    currency: str
    lines: int
    sums: dict[str, int]
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Rows:
    """The rows of one order as they stand together in the file."""

    records: list[Record]


def grouped(records: Iterator[Record], sheet: Sheet) -> Iterator[Rows]:
    """Puts together the rows of each order: adjacent, of one name, with the id on the first one only."""
    name_at, id_at = sheet.place("Name"), sheet.place("Id")
    rows: list[Record] = []
    name = ""
    for record in records:
        cells = sheet.padded(record.cells)
        its_name = cells[name_at].strip()
        if rows and its_name == name and not cells[id_at].strip():
            rows.append(record)
            continue
        if rows:
            yield Rows(rows)
        rows, name = [record], its_name
    if rows:
        yield Rows(rows)


class OrderReader:
    """Reads the orders of one file. `currency`, `zone` and `country` are the store's, for what the file leaves blank."""

    def __init__(self, sheet: Sheet, currency: str, zone: ZoneInfo, country: str) -> None:
        self._zone = zone
        self._currency = currency
        self._country = country
        at = sheet.place
        self._at = {name: at(name) for name in _FIRST_ROW}
        self._line_cells: _Cells = itemgetter(*(at(f"Lineitem {name}") for name in _LINE), at("Vendor"))
        self._taxes_at = tuple((at(f"Tax {n} Name"), at(f"Tax {n} Value")) for n in range(1, 6))
        self._billing_cells: _Cells = itemgetter(*(at(f"Billing {name}") for name in _ADDRESS))
        self._shipping_cells: _Cells = itemgetter(*(at(f"Shipping {name}") for name in _ADDRESS))
        self._has_outstanding = sheet.has("Outstanding Balance")

    def order(self, rows: Rows) -> FileOrder:
        """One order. Errors: `Refused`, with `row` and `line` of the record at fault in its arguments."""
        first = rows.records[0]
        reading = _Reading(self, first.cells)
        external_id = read.external_id(reading.raw("Id"), "Id")
        if not external_id:
            raise Refused(
                "Id", reading.raw("Id"), "The order has no id; the first row of an order carries it."
            )
        lines: list[FileLine] = []
        currency = read.currency(reading.raw("Currency"))
        if not currency:
            currency = self._currency
            reading.remarks.add(f"Currency is blank; {currency} is taken.")
        for record in rows.records:
            try:
                lines.append(self._line(record.cells, currency, reading.remarks))
            except Refused as refused:
                raise RefusedAt(refused, record) from None
        return reading.finished(external_id, first, currency, lines)

    def _line(self, cells: list[str], currency: str, remarks: Remarks) -> FileLine:
        its = self._line_cells(cells)
        short = sum(map(len, its)) <= _MOST_KEPT
        line, said = _file_line(its, currency) if short else _file_line.__wrapped__(its, currency)
        remarks.said += said
        return line


#: Lines and addresses up to so many characters are read once: shops sell the same goods again, and ship where they bill.
_MOST_KEPT = 1_000


@lru_cache(maxsize=8192)
def _file_line(cells: tuple[str, ...], currency: str) -> tuple[FileLine, tuple[str, ...]]:
    """A line and the remarks on it, from its cells in the order of `_LINE`. Errors: `Refused`."""
    quantity, name, price, sku, ships, taxable, state, discount, vendor = cells
    remarks = Remarks()
    unit_price = read.amount(price, currency, "Lineitem price")
    off = read.amount(discount, currency, "Lineitem discount") if discount else 0
    if unit_price < 0:
        raise Refused("Lineitem price", price, "A price is never negative.")
    line = FileLine(
        read.words(unquoted_sku(sku), "Lineitem sku", remarks),
        read.words(name, "Lineitem name", remarks),
        read.words(vendor, "Vendor", remarks),
        read.quantity(quantity, "Lineitem quantity"),
        unit_price,
        max(off, 0),
        read.flag(taxable, True),
        read.flag(ships, True),
        state.strip().casefold(),
    )
    return line, tuple(remarks.said)


@lru_cache(maxsize=8192)
def _file_address(cells: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First and last name, company, two street lines, city, region, postcode, country, phone; and the remarks on them."""
    name, company, line1, line2, city, postcode, region, country, phone = cells
    said = Remarks()
    first, last = read.split_name(read.words(name, "Name", said))
    address = (
        first, last, read.words(company, "Company", said), read.words(line1, "Address1", said), read.words(line2, "Address2", said),
        read.words(city, "City", said), read.words(region, "Province", said), read.words(read.unquoted(postcode), "Zip", said),
        read.words(country, "Country", said), read.phone(phone, "Phone", said),
    )  # fmt: skip
    return address, tuple(said.said)


def unquoted_sku(text: str) -> str:
    """A SKU without the apostrophe of a spreadsheet."""
    return read.unquoted(text) if text.startswith("'") else text


class RefusedAt(Refused):
    """A refusal that knows which record of the order is at fault."""

    def __init__(self, refused: Refused, record: Record) -> None:
        super().__init__(refused.column, refused.value, refused.reason)
        self.record = record


_LINE = ("quantity", "name", "price", "sku", "requires shipping", "taxable", "fulfillment status", "discount")
_FIRST_ROW = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing", "Currency",
    "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method", "Created at",
    "Billing Name", "Shipping Name", "Notes", "Note Attributes", "Cancelled at", "Payment Method", "Payment Reference",
    "Refunded Amount", "Outstanding Balance", "Id", "Tags", "Source", "Phone", "Payment ID",
)  # fmt: skip


class _Reading:
    """One order being read: its first row, and what there is to say about it."""

    def __init__(self, reader: OrderReader, cells: list[str]) -> None:
        self._reader = reader
        self._cells = cells
        self.remarks = Remarks()

    def raw(self, column: str) -> str:
        return self._cells[self._reader._at[column]]

    def words(self, column: str) -> str:
        text = self._cells[self._reader._at[column]]
        return read.words(text, column, self.remarks) if text else ""

    def finished(self, external_id: str, first: Record, currency: str, lines: list[FileLine]) -> FileOrder:
        zone = self._reader._zone
        placed_at = read.instant(self.raw("Created at"), "Created at", zone)
        if placed_at is None:
            raise Refused("Created at", "", "The order has no time.")
        sums = self._sums(currency)
        price = priced(lines, sums, self._taxes(currency), self.words("Discount Code"), self.remarks)
        billing = self._address("Billing", self._reader._billing_cells(self._cells))
        shipping = self._address("Shipping", self._reader._shipping_cells(self._cells))
        email = self.words("Email")
        phone = read.phone(self.raw("Phone"), "Phone", self.remarks)
        states = _States(self, lines, sums)
        # A void or blank billing block (drafts, digital orders) leaves the shipping block as the only name.
        name = " ".join(part for part in billing[:2] if part) or " ".join(
            part for part in shipping[:2] if part
        )
        values: dict[str, Any] = {
            "number": self.words("Name"), "placed_at": placed_at.isoformat(), "source": self.words("Source"),
            "status": states.status().value, "cancelled_at": _text(states.cancelled_at), "email": email,
            "phone": phone or billing[9] or shipping[9], "payment_method": self.words("Payment Method"), "tags": self.words("Tags"),
            "billing": billing, "shipping": shipping, "contents": price.as_values(currency, lines),
            "shipment": states.shipment(self.words("Shipping Method")),
            "payments": states.payments(placed_at, self.words("Payment ID") or self.words("Payment Reference")),
            "note": read.block(self.raw("Notes"), "Notes", self.remarks, LONGEST_NOTE),
            "attributes": read.block(self.raw("Note Attributes"), "Note Attributes", self.remarks, LONGEST_NOTE),
        }  # fmt: skip
        phones = tuple(dict.fromkeys(each for each in (phone, billing[9]) if each)) or (
            (shipping[9],) if shipping[9] else ()
        )
        return FileOrder(
            external_id, first.row, first.line, values, name, email, phones, billing[8] or shipping[8] or self._reader._country,
            read.flag(self.raw("Accepts Marketing")), placed_at, currency, len(lines),
            {"total": sums.total, "tax": sums.tax, "shipping": sums.shipping, "discount": sums.discount, "refunded": sums.refunded},
            self.remarks.said,
        )  # fmt: skip

    def _sums(self, currency: str) -> FileSums:
        def amount(column: str) -> int:
            return read.amount(self.raw(column), currency, column)

        outstanding = None
        if self._reader._has_outstanding and self.raw("Outstanding Balance").strip():
            outstanding = amount("Outstanding Balance")
        sums = FileSums(
            amount("Subtotal"), amount("Shipping"), amount("Taxes"), amount("Total"), amount("Discount Amount"),
            amount("Refunded Amount"), outstanding,
        )  # fmt: skip
        for column, value in (("Total", sums.total), ("Refunded Amount", sums.refunded)):
            if value < 0:
                raise Refused(column, self.raw(column), "This amount is never negative.")
        return sums

    def _taxes(self, currency: str) -> list[tuple[str, int]]:
        found = []
        for number, (name_at, value_at) in enumerate(self._reader._taxes_at, 1):
            value = self._cells[value_at]
            if value and value.strip():
                minor = read.amount(value, currency, f"Tax {number} Value")
                found.append((read.words(self._cells[name_at], f"Tax {number} Name", self.remarks), minor))
        return found

    def _address(self, which: str, cells: tuple[str, ...]) -> list[str]:
        """First and last name, company, two street lines, city, region, postcode, country, phone."""
        short = sum(map(len, cells)) <= _MOST_KEPT
        address, said = _file_address(cells) if short else _file_address.__wrapped__(cells)
        self.remarks.said += [f"{which} {words}" for words in said]
        return list(address)


class _States:
    """What the file says of payment and fulfilment, as our states, with a remark where it contradicts itself."""

    def __init__(self, reading: _Reading, lines: list[FileLine], sums: FileSums) -> None:
        zone, said = reading._reader._zone, reading.remarks
        self._lines, self._sums, self._remarks = lines, sums, said
        self.financial = reading.raw("Financial Status").strip().casefold()
        self.fulfilment = reading.raw("Fulfillment Status").strip().casefold()
        self.cancelled_at = read.optional_instant(reading.raw("Cancelled at"), "Cancelled at", zone, said)
        self.paid_at = read.optional_instant(reading.raw("Paid at"), "Paid at", zone, said)
        self.fulfilled_at = read.optional_instant(reading.raw("Fulfilled at"), "Fulfilled at", zone, said)
        if self.financial not in _FINANCIAL:
            said.add(
                f"Financial Status “{read.words(self.financial, '', Remarks())}” is not known; taken as pending."
            )
            self.financial = "pending"
        if self.fulfilment not in _FULFILMENT:
            said.add(
                f"Fulfillment Status “{read.words(self.fulfilment, '', Remarks())}” is not known; taken as unfulfilled."
            )
            self.fulfilment = "unfulfilled"
        self._contradictions()

    def status(self) -> OrderStatus:
        """Cancelled wins; then the fulfilment; what is not sent is in progress once money has come in or is reserved."""
        if self.cancelled_at is not None:
            return OrderStatus.CANCELLED
        if self.fulfilment == "fulfilled":
            return OrderStatus.COMPLETED
        if self.fulfilment == "partial":
            return OrderStatus.PARTIALLY_SHIPPED
        return OrderStatus.IN_PROGRESS if self.financial in _PAID | {"authorized"} else OrderStatus.CREATED

    def shipment(self, method: str) -> dict[str, Any]:
        """The order's one shipment; of a partly fulfilled order it holds the fulfilled lines only."""
        physical = any(line.requires_shipping for line in self._lines)
        held = [(i, line) for i, line in enumerate(self._lines) if line.quantity]
        if self.fulfilment == "partial":
            held = [(i, line) for i, line in held if line.fulfilment == "fulfilled"]
        if self.fulfilment in _SENT:
            state = ShipmentState.SHIPPED if physical else ShipmentState.DELIVERED
        elif self.cancelled_at is not None or self.fulfilment == "restocked":
            state = ShipmentState.CANCELLED
        else:
            state = ShipmentState.AWAITING_INVENTORY if physical else ShipmentState.PENDING
        return {
            "state": state.value, "is_digital": not physical, "method": method,
            "sent_at": _text(self.fulfilled_at) if self.fulfilment in _SENT else "",
            "lines": [[i, line.quantity] for i, line in held],
        }  # fmt: skip

    def payments(self, placed_at: datetime, reference: str) -> list[list[Any]]:
        """The summary of what was paid, reserved, voided and given back: kind, minor units, when, reference."""
        rows: list[list[Any]] = []
        when = _text(self.paid_at or placed_at)
        paid = self.paid()
        if paid:
            rows.append([TransactionKind.SALE.value, paid, when, reference])
        elif self.financial in ("authorized", "voided") and self._sums.total:
            kind = TransactionKind.AUTHORISE if self.financial == "authorized" else TransactionKind.VOID
            rows.append([kind.value, self._sums.total, when, reference])
        if self._sums.refunded:
            back_at = _text(self.cancelled_at or self.paid_at or placed_at)
            rows.append([TransactionKind.REFUND.value, self._sums.refunded, back_at, ""])
        return rows

    def paid(self) -> int:
        """What came in: the total less what the file calls outstanding, and never less than what was given back."""
        sums = self._sums
        if self.financial not in _PAID:
            return sums.refunded
        if self.financial == "partially_paid" and sums.outstanding is None:
            self._remarks.add(
                "The file does not say how much of the total is paid; nothing is taken as paid."
            )
            return sums.refunded
        outstanding = max(sums.outstanding or 0, 0)
        return max(sums.total - outstanding, sums.refunded)

    def _contradictions(self) -> None:
        said, sums = self._remarks, self._sums
        cancelled, paid = self.cancelled_at is not None, self.financial == "paid"
        if paid and self.paid_at is None and sums.total:
            said.add("Financial Status is paid, but Paid at is blank.")
        if paid and sums.outstanding:
            said.add(
                "Financial Status is paid, but Outstanding Balance is not zero; only the rest is taken as paid."
            )
        if cancelled and self.fulfilment in _SENT:
            said.add("The order is cancelled and yet fulfilled.")
        if cancelled and paid and not sums.refunded and sums.total:
            said.add("The order is cancelled and paid, and nothing was refunded.")
        if self.fulfilment == "fulfilled" and any(line.fulfilment == "pending" for line in self._lines):
            said.add("The order is fulfilled, but a line is still pending.")
        if self.fulfilment == "fulfilled" and self.financial in ("pending", "voided", "expired", ""):
            said.add("The order is fulfilled, but not paid.")
        if self.financial == "refunded" and sums.refunded != sums.total:
            said.add("Financial Status is refunded, but Refunded Amount is not the total.")
        if sums.refunded > sums.total:
            said.add("Refunded Amount is more than the total.")
        if self.financial == "refunded" and self.fulfilment == "unfulfilled" and not cancelled:
            said.add("The order is refunded, but neither fulfilled nor cancelled.")


def _text(at: datetime | None) -> str:
    return at.isoformat() if at else ""
