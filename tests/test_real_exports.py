"""Sample exports of real shops beside the project: the import reproduces their own figures to the cent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cstui.domain.errors import UsageError
from cstui.domain.permissions import Role
from cstui.services.imports import shopify_columns as columns
from cstui.services.imports.csv_files import CsvFile
from cstui.services.imports.report import ImportReport
from cstui.services.imports.shopify import Imports
from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order, OrderDiscount, OrderLine, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from tests import factories

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SHOP = DATA / "shopify-orders-shop"
pytestmark = pytest.mark.skipif(
    not (DATA / "EXPECTED.json").exists(), reason="there are no sample exports beside the project"
)
_ORDER, _LINE, _DISCOUNT = table_of(Order), table_of(OrderLine), table_of(OrderDiscount)
_PAYMENT, _SHIPMENT = table_of(PaymentTransaction), table_of(Shipment)


def expected(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((DATA / "EXPECTED.json").read_text())[name]
    return figures


def sums(db: Database, *what: Any) -> tuple[Any, ...]:
    with db.read() as tx:
        return tuple(tx.rows(sa.select(*what))[0])


def cents(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def import_shop(db: Database) -> ImportReport:
    store = factories.add_store(db, "shop")
    ann = factories.add_staff(db, role=Role.ADMIN, store=store)
    return Imports(db).shopify(
        ann, "shop", orders=[SHOP / "orders_export_1.csv"], customers=[SHOP / "customers_export_1.csv"]
    )


def test_a_shop_comes_in_with_its_own_sums_to_the_cent(db: Database) -> None:
    report = import_shop(db)
    orders, customers = (
        expected("shopify-orders-shop/orders_export_1.csv"),
        expected("shopify-orders-shop/customers_export_1.csv"),
    )
    assert report.refused == []
    assert (report.orders.created, report.lines, report.customers.created) == (
        orders["orders"], orders["rows"], customers["rows"],
    )  # fmt: skip
    names = {
        "total": "total",
        "tax": "taxes",
        "shipping": "shipping",
        "discount": "discount",
        "refunded": "refunded",
    }
    assert {theirs: report.total(ours, "USD").plain() for ours, theirs in names.items()} == {
        theirs: orders[theirs] for theirs in names.values()
    }
    stored = sums(
        db, sa.func.sum(_ORDER.c.total), sa.func.sum(_ORDER.c.tax), sa.func.sum(_ORDER.c.shipping), sa.func.sum(_ORDER.c.discount)
    )  # fmt: skip
    assert [cents(int(each)) for each in stored] == [
        orders[name] for name in ("total", "taxes", "shipping", "discount")
    ]
    line_discounts = sums(db, sa.func.sum(_DISCOUNT.c.amount).filter(_DISCOUNT.c.target == "lines"))[0]
    assert cents(int(sums(db, sa.func.sum(_ORDER.c.subtotal))[0] - line_discounts)) == orders["subtotal"]
    refunds = sums(db, sa.func.sum(_PAYMENT.c.amount).filter(_PAYMENT.c.kind == "refund"))
    assert cents(int(refunds[0])) == orders["refunded"]


def test_the_states_of_a_shops_orders_are_kept(sqlite_db: Database) -> None:
    db = sqlite_db
    import_shop(db)
    orders = expected("shopify-orders-shop/orders_export_1.csv")
    with db.read() as tx:
        states = Counter(row[0].value for row in tx.rows(sa.select(_ORDER.c.status)))
        shipments = Counter(row[0].value for row in tx.rows(sa.select(_SHIPMENT.c.state)))
        refunded = tx.rows(
            sa.select(_PAYMENT.c.order_id, _PAYMENT.c.amount, _ORDER.c.total)
            .join(_ORDER, _ORDER.c.id == _PAYMENT.c.order_id)
            .where(_PAYMENT.c.kind == "refund")
        )
    assert states == {"completed": 381, "cancelled": orders["cancelled"], "in_progress": 8}
    assert shipments["shipped"] + shipments["delivered"] == orders["fulfilled"]
    assert sum(shipments.values()) == orders["orders"]
    assert sum(amount == total for _, amount, total in refunded) == orders["refunded_orders"]
    assert sum(amount < total for _, amount, total in refunded) == orders["partially_refunded"]


def test_every_imported_total_is_made_of_its_parts(sqlite_db: Database) -> None:
    db = sqlite_db
    import_shop(db)
    with db.read() as tx:
        orders = tx.rows(sa.select(_ORDER))
        gross = dict(
            tuple(row)
            for row in tx.rows(
                sa.select(_LINE.c.order_id, sa.func.sum(_LINE.c.quantity * _LINE.c.unit_price)).group_by(_LINE.c.order_id)
            )
        )  # fmt: skip
    assert len(orders) == 409
    for o in orders:
        assert o.subtotal == gross[o.id]
        assert o.total == o.subtotal - o.discount + o.shipping + (0 if o.prices_include_tax else o.tax)


def test_a_shops_customers_agree_with_its_orders(sqlite_db: Database) -> None:
    report = import_shop(sqlite_db)
    checks = report.checks
    assert checks is not None
    assert checks.customers == 313
    assert (checks.orders_agree, checks.spent_agree) == (313, 311)


def test_importing_a_shop_again_changes_nothing(db: Database) -> None:
    first = import_shop(db)
    again = Imports(db).shopify(
        factories.add_staff(db, "sue", Role.ADMIN), "shop", orders=[SHOP / "orders_export_1.csv"],
        customers=[SHOP / "customers_export_1.csv"],
    )  # fmt: skip
    assert (again.orders.as_json(), again.customers.as_json()) == (
        {"created": 0, "updated": 0, "unchanged": 409, "refused": 0},
        {"created": 0, "updated": 0, "unchanged": 1511, "refused": 0},
    )
    assert again.sums == first.sums and again.lines == first.lines and again.customers_from_orders == 0


def test_the_current_layout_comes_in_with_what_is_still_to_pay(db: Database) -> None:
    store = factories.add_store(db, "dev", currency="INR", country="IN")
    ann = factories.add_staff(db, role=Role.ADMIN, store=store)
    report = Imports(db).shopify(ann, "dev", orders=[DATA / "shopify-devstore" / "orders_export_1.csv"])
    figures = expected("shopify-devstore/orders_export_1.csv")
    assert (report.orders.created, report.lines) == (figures["orders"], figures["rows"])
    assert report.total("total", "INR").plain() == figures["total"]
    assert report.total("tax", "INR").plain() == figures["taxes"]
    paid = sums(db, sa.func.sum(_PAYMENT.c.amount).filter(_PAYMENT.c.kind == "sale"))[0]
    assert cents(report.total("total", "INR").minor - int(paid)) == figures["outstanding"]


def test_ids_and_phones_that_a_spreadsheet_has_rounded_are_refused(sqlite_db: Database) -> None:
    folder = DATA / "shopify-teststore-excel"
    ann = factories.add_staff(sqlite_db, role=Role.ADMIN, store=factories.add_store(sqlite_db, "test"))
    report = Imports(sqlite_db).shopify(
        ann, "test", customers=[folder / "customers_export_1.csv"], transactions=[folder / "transactions_export_1.csv"]
    )  # fmt: skip
    assert (report.customers.refused, report.transactions.refused) == (8, 32)
    first = report.refused[0]
    assert (first.file, first.row, first.column, first.value) == (
        "customers_export_1.csv", 2, "Customer ID", "7.02255E+12",
    )  # fmt: skip


def test_transactions_are_told_apart_by_kind_and_outcome(tmp_path: Path) -> None:
    from cstui.services.imports.shopify_transactions import TransactionReader

    source = DATA / "shopify-teststore-excel" / "transactions_export_1.csv"
    mended = tmp_path / "mended.csv"
    # The rounded ids are replaced by the order numbers, so that the rest of each row can be read.
    rows = [line.split(",") for line in source.read_text().splitlines()]
    mended.write_text(
        "\n".join(",".join([r[1].lstrip("#") if i else r[0], *r[1:]]) for i, r in enumerate(rows))
    )
    with CsvFile(mended) as file:
        sheet = columns.Sheet(file.name, file.header, columns.TRANSACTIONS)
        reader = TransactionReader(sheet, "USD", ZoneInfo("UTC"))
        read = [
            reader.transaction(record) for record in file.records(lambda fault: pytest.fail(fault.reason))
        ]
    figures = expected("shopify-teststore-excel/transactions_export_1.csv")
    kinds = Counter((each.kind.value, each.status.value) for each in read)
    assert (len(read), len({each.order_number for each in read})) == (figures["rows"], figures["orders"])
    assert kinds == {
        ("sale", "succeeded"): figures["sales_ok"], ("sale", "failed"): figures["sales_failed"],
        ("refund", "succeeded"): figures["refunds"],
    }  # fmt: skip


def test_a_file_with_too_few_columns_says_which(sqlite_db: Database) -> None:
    ann = factories.add_staff(sqlite_db, role=Role.ADMIN, store=factories.add_store(sqlite_db, "trim"))
    path = DATA / "shopify-orders-trimmed" / "orders_export.csv"
    with pytest.raises(UsageError, match="Id, Financial Status, Fulfillment Status"):
        Imports(sqlite_db).shopify(ann, "trim", orders=[path])
    with CsvFile(path) as file:
        found = sum(1 for _ in file.records(lambda fault: pytest.fail(fault.reason)))
    assert found == expected("shopify-orders-trimmed/orders_export.csv")["rows"]
