"""Shopify's customers export, in the layouts that it has had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cstui.domain.notes import LONGEST_NOTE
from cstui.services.imports import shopify_columns as read
from cstui.services.imports.csv_files import Record
from cstui.services.imports.shopify_columns import Refused, Remarks, Sheet

_ADDRESS = ("Company", "Address1", "Address2", "City", "Province Code", "Zip", "Country Code")


@dataclass(slots=True)
class FileCustomer:
    """One customer of the file. `values` is what the import remembers of him; `spent` is minor units of the store's currency."""

    external_id: str
    row: int
    line: int
    values: dict[str, Any]
    name: str
    email: str
    phone: str
    country: str
    remarks: list[str] = field(default_factory=list)


class CustomerReader:
    """Reads the customers of one file; with and without Customer ID, with and without the word Default before the address."""

    def __init__(self, sheet: Sheet, currency: str, country: str) -> None:
        self._currency = currency
        self._country = country
        self._at = {
            name: sheet.place(name)
            for name in ("Customer ID", "First Name", "Last Name", "Email", "Phone", "Total Spent", "Total Orders", "Tags", "Note",
                         "Tax Exempt", "Accepts SMS Marketing")
        }  # fmt: skip
        self._at["Accepts Email Marketing"] = sheet.place("Accepts Email Marketing", "Accepts Marketing")
        self._at["Address Phone"] = sheet.place("Default Address Phone", "Phone")
        for name in _ADDRESS:
            self._at[name] = sheet.place(f"Default Address {name}", name)
        # The oldest files write names of countries and provinces only.
        if self._at["Country Code"] < 0:
            self._at["Country Code"] = sheet.place("Country")
        if self._at["Province Code"] < 0:
            self._at["Province Code"] = sheet.place("Province")
        self._padded = sheet.padded

    def customer(self, record: Record) -> FileCustomer:
        """One customer. Errors: `Refused`."""
        cells = self._padded(record.cells)
        remarks = Remarks()

        def raw(column: str) -> str:
            return cells[self._at[column]]

        def words(column: str) -> str:
            return read.words(raw(column), column, remarks)

        external_id = read.external_id(raw("Customer ID"), "Customer ID")
        first, last, email = words("First Name"), words("Last Name"), words("Email")
        phone = read.phone(raw("Phone"), "Phone", remarks)
        company, line1, line2, city, region = (words(name) for name in _ADDRESS[:5])
        postcode = read.words(read.unquoted(raw("Zip")), "Zip", remarks)
        country = words("Country Code")
        address_phone = read.phone(raw("Address Phone"), "Phone", Remarks())
        address = [company, line1, line2, city, region, postcode, country]
        if not external_id and not email and not phone and not (first or last):
            raise Refused("Email", raw("Email"), "The row names nobody: no id, no e-mail, no phone, no name.")
        values: dict[str, Any] = {
            "id": external_id, "first_name": first, "last_name": last, "company": company, "email": email, "phone": phone, "tags": words("Tags"),
            "accepts_email": read.flag(raw("Accepts Email Marketing")), "accepts_sms": read.flag(raw("Accepts SMS Marketing")),
            "tax_exempt": read.flag(raw("Tax Exempt")),
            "address": [first, last, *address, address_phone] if any(address[1:]) else [],
            "note": read.block(raw("Note"), "Note", remarks, LONGEST_NOTE),
            "spent": read.amount(raw("Total Spent"), self._currency, "Total Spent") if raw("Total Spent").strip() else None,
            "orders": read.quantity(raw("Total Orders"), "Total Orders") if raw("Total Orders").strip() else None,
        }  # fmt: skip
        name = f"{first} {last}".strip()
        return FileCustomer(
            external_id, record.row, record.line, values, name, email, phone, country or self._country, remarks.said
        )  # fmt: skip
