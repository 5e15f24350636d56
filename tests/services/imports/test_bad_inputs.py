"""Whatever somebody else wrote into a shop's records comes in without harm, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cstui.domain.clean import clean
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, Note
from cstui.storage.tables.exchange import ImportRecord
from cstui.storage.tables.orders import Order, OrderDiscount, OrderLine, OrderTax, Product, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from tests.bad_inputs import BAD_DATES, BAD_EMAILS, BAD_MONEY, BAD_NUMBERS, BAD_PHONES, BAD_TEXTS
from tests.services.imports.exports import (
    CUSTOMERS_C,
    TRANSACTIONS,
    Row,
    Shop,
    customer,
    order,
    orders_file,
    transaction,
    write,
)

_TABLES = (
    Customer, CustomerAddress, Note, ImportRecord, Order, OrderDiscount, OrderLine, OrderTax, Product, Shipment, PaymentTransaction,
)  # fmt: skip
_TEXTS = (
    "Name", "Email", "Discount Code", "Shipping Method", "Lineitem name", "Lineitem sku", "Notes", "Note Attributes", "Payment Method",
    "Payment Reference", "Vendor", "Tags", "Source", "Tax 1 Name", "Phone", "Financial Status", "Fulfillment Status",
    *(f"{which} {name}" for which in ("Billing", "Shipping")
      for name in ("Name", "Address1", "Address2", "Company", "City", "Zip", "Province", "Country", "Phone")),
)  # fmt: skip
_LONG = ("Notes", "Lineitem name", "Billing Name")


def hostile(number: int, text: str) -> list[Row]:
    columns = _TEXTS if len(text) <= 20_000 else _LONG
    (row,) = order(number, Discount_Amount="1.00", Subtotal="19.00", Total="24.00", Taxes="1.00")
    return [{**row, **dict.fromkeys(columns, text)}]


def stored_texts(db: Database) -> list[str]:
    found: list[str] = []
    with db.read() as tx:
        for model in _TABLES:
            table = table_of(model)
            columns: list[Any] = [c for c in table.columns if isinstance(c.type, sa.Text)]
            for row in tx.rows(sa.select(*columns)):
                found += [value for value in row if value]
    return found


def test_every_bad_text_in_every_text_column_is_stored_clean(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    files = [hostile(n, text) for n, (_, text) in enumerate(BAD_TEXTS, 1)]
    path = orders_file(tmp_path, *files, order(9999), ends="\r\n")
    report = shop.take(orders=[path])
    assert (report.orders.created, report.orders.refused) == (len(BAD_TEXTS) + 1, 0)
    for text in stored_texts(db):
        assert clean(text, multiline=True) == text and "\0" not in text
    again = shop.take(orders=[path])
    assert (again.orders.unchanged, again.orders.created, again.customers_from_orders) == (
        len(BAD_TEXTS) + 1,
        0,
        0,
    )


def test_every_bad_customer_is_stored_clean_or_refused_alone(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    texts = [*BAD_TEXTS, *BAD_EMAILS, *BAD_PHONES]
    columns = [name for name in CUSTOMERS_C if name not in ("Customer ID", "Total Spent", "Total Orders")]
    rows: list[Row] = [
        {**customer(), **dict.fromkeys(columns if len(text) <= 20_000 else ["Note", "First Name"], text), "Customer ID": str(10**12 + n)}
        for n, (_, text) in enumerate(texts)
    ]  # fmt: skip
    path = write(tmp_path / "customers.csv", CUSTOMERS_C, rows, ends="\r\n")
    report = shop.take(customers=[path])
    assert report.refused == []
    assert report.customers.created + report.customers.updated + report.customers.unchanged == len(texts)
    for text in stored_texts(db):
        assert clean(text, multiline=True) == text and "\0" not in text


def test_bad_amounts_dates_and_numbers_never_stop_an_import(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    orders = [order(n, Total=text) for n, (_, text) in enumerate(BAD_MONEY, 1)]
    orders += [
        order(n, Created_at=text, Paid_at=text, Cancelled_at=text)
        for n, (_, text) in enumerate(BAD_DATES, 101)
    ]
    for n, (_, text) in enumerate(BAD_NUMBERS, 201):
        (row,) = order(n)
        orders.append([{**row, "Lineitem quantity": text, "Lineitem price": text, "Total": text}])
    report = shop.orders(tmp_path, *orders, order(9999))
    assert report.orders.created + report.orders.refused == len(orders) + 1
    assert report.orders.created >= 1 and report.orders.refused == len(report.refused) > 40
    money = [transaction("5000000009999", "sale", text) for _, text in BAD_MONEY]
    done = shop.take(transactions=[write(tmp_path / "t.csv", TRANSACTIONS, money)]).transactions
    assert done.created + done.refused == len(BAD_MONEY)
