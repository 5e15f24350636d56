"""Writes small Shopify exports for tests: the layouts of today and of some years ago, with invented people."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.permissions import Role
from cstui.services.imports.report import ImportReport
from cstui.services.imports.shopify import Imports
from cstui.storage.database import Database
from tests import factories


def _names(text: str) -> list[str]:
    return text.split(",")


_ADDRESS = _names("Name,Street,Address1,Address2,Company,City,Zip,Province,Country,Phone")
_TAXES = [f"Tax {n} {part}" for n in range(1, 6) for part in ("Name", "Value")]
_LATER = {"Outstanding Balance", "Employee", "Location", "Device ID", "Payment ID", "Payment References"}
ORDERS = [
    *_names("Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total"),
    *_names("Discount Code,Discount Amount,Shipping Method,Created at"),
    *(f"Lineitem {name}" for name in _names("quantity,name,price,compare at price,sku,requires shipping,taxable,fulfillment status")),
    *(f"Billing {name}" for name in _ADDRESS), *(f"Shipping {name}" for name in _ADDRESS),
    *_names("Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance"),
    *_names("Employee,Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount"), *_TAXES,
    *_names("Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name"),
    *_names("Next Payment Due At,Payment References"),
]  # fmt: skip
ORDERS_2021 = [name for name in ORDERS if name not in _LATER]
CUSTOMERS_A = _names(
    "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,Province Code,Country,Country Code,Zip,"
    "Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt"
)
CUSTOMERS_B = ["Customer ID", *CUSTOMERS_A]
CUSTOMERS_C = _names(
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,Default Address Zip,"
    "Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags"
)
CUSTOMERS_OLD = [
    "Accepts Marketing" if name == "Accepts Email Marketing" else name
    for name in CUSTOMERS_A
    if name != "Accepts SMS Marketing"
]
TRANSACTIONS = _names("Order,Name,Kind,Gateway,Created At,Status,Amount,Currency,Card Type")
#: What only the first row of an order carries.
_REPEATED = {"Name", "Email", "Created at", "Phone", "Vendor"} | {
    name for name in ORDERS if name.startswith("Lineitem")
}
Row = Mapping[str, str]


def order(
    number: int = 1001, lines: Sequence[tuple[str, int, str]] = (("Mug - Blue", 2, "10.00"),), **more: str
) -> list[Row]:
    """The rows of one order that adds up; `more` replaces cells of the first row (`Total="9.00"`, blanks as `_`)."""
    subtotal = sum(quantity * round(float(price) * 100) for _, quantity, price in lines)
    first = {
        "Name": f"#{number}", "Email": f"buyer{number}@shop.example", "Financial Status": "paid",
        "Paid at": "2026-03-01 10:00:05 -0500", "Fulfillment Status": "unfulfilled", "Accepts Marketing": "no", "Currency": "USD",
        "Subtotal": f"{subtotal / 100:.2f}", "Shipping": "5.00", "Taxes": "0.00", "Total": f"{subtotal / 100 + 5:.2f}",
        "Discount Amount": "0.00", "Shipping Method": "Standard", "Created at": "2026-03-01 10:00:00 -0500",
        "Billing Name": "Ann Lee", "Billing Address1": "12 Elm Street", "Billing City": "Albany", "Billing Zip": "'12207",
        "Billing Province": "NY", "Billing Country": "US", "Billing Phone": f"'+1 212-555-{number % 10_000:04d}", "Shipping Name": "Ann Lee",
        "Shipping Address1": "12 Elm Street", "Shipping City": "Albany", "Shipping Zip": "12207", "Shipping Province": "NY",
        "Shipping Country": "US", "Refunded Amount": "0.00", "Id": str(5_000_000_000_000 + number), "Source": "web",
        "Payment Method": "Stripe", "Payment Reference": f"ref{number}",
        **{name.replace("_", " "): value for name, value in more.items()},
    }  # fmt: skip
    rows: list[Row] = []
    for place, (name, quantity, price) in enumerate(lines):
        item = {
            "Lineitem quantity": str(quantity), "Lineitem name": name, "Lineitem price": price, "Lineitem sku": name.split()[0].upper(),
            "Lineitem requires shipping": "true", "Lineitem taxable": "true", "Lineitem fulfillment status": "pending",
            "Vendor": "Northgate", "Lineitem discount": "0.00",
        }  # fmt: skip
        kept = first if place == 0 else {k: v for k, v in first.items() if k in _REPEATED}
        rows.append({**item, **kept})
    return rows


def write(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Row],
    *,
    delimiter: str = ",",
    ends: str = "\n",
    encoding: str = "utf-8",
) -> Path:
    """Writes an export and returns its path."""
    with path.open("w", newline="", encoding=encoding, errors="surrogatepass") as file:
        out = csv.DictWriter(
            file, header, restval="", delimiter=delimiter, lineterminator=ends, extrasaction="ignore"
        )
        out.writeheader()
        out.writerows(rows)
    return path


def orders_file(folder: Path, *orders: Sequence[Row], name: str = "orders.csv", **how: Any) -> Path:
    """An orders export in today's layout."""
    return write(folder / name, ORDERS, [row for rows in orders for row in rows], **how)


def customer(first: str = "Ann", last: str = "Lee", email: str = "ann@shop.example", **more: str) -> Row:
    """One row of a customers export; `more` replaces cells."""
    address = {
        "Address1": "12 Elm Street", "City": "Albany", "Province": "New York", "Province Code": "NY", "Country": "United States",
        "Country Code": "US", "Zip": "'12207",
    }  # fmt: skip
    return {
        "First Name": first, "Last Name": last, "Email": email, "Accepts Email Marketing": "yes", "Accepts Marketing": "yes",
        "Accepts SMS Marketing": "no", "Total Spent": "0.00", "Total Orders": "0", "Tags": "vip, newsletter", "Tax Exempt": "no",
        **address, **{f"Default Address {name}": value for name, value in address.items()},
        **{name.replace("_", " "): value for name, value in more.items()},
    }  # fmt: skip


def customers_file(
    folder: Path, *rows: Row, header: Sequence[str] = CUSTOMERS_C, name: str = "customers.csv"
) -> Path:
    """A customers export, in today's layout unless another header is given."""
    return write(folder / name, header, rows)


def transaction(
    order_id: str, kind: str, amount: str, status: str = "success", at: str = "10:00:07", **more: str
) -> Row:
    """One row of a transactions export."""
    return {
        "Order": order_id, "Name": "#1001", "Kind": kind, "Gateway": "shopify_payments", "Created At": f"2026-03-01 {at} -0500",
        "Status": status, "Amount": amount, "Currency": "USD", "Card Type": "visa", **more,
    }  # fmt: skip


class Shop:
    """A store with an administrator, and imports into it."""

    def __init__(self, db: Database, code: str = "main", **store: Any) -> None:
        self.db = db
        self.code = code
        self.store = factories.add_store(db, code, **store)
        self.admin: Actor = factories.add_staff(db, f"adam-{code}", Role.ADMIN, self.store)

    def take(self, **files: Any) -> ImportReport:
        """Imports files as the store's administrator."""
        return Imports(self.db).shopify(self.admin, self.code, **files)

    def orders(self, folder: Path, *orders: Sequence[Row]) -> ImportReport:
        """Imports orders written to a file."""
        return self.take(orders=[orders_file(folder, *orders)])

    def customers(self, folder: Path, *rows: Row) -> ImportReport:
        """Imports customers written to a file."""
        return self.take(customers=[customers_file(folder, *rows)])
