"""Orders come in with their money, states, notes and products as the file has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.errors import NotFound, NotPermitted, UsageError
from cstui.domain.permissions import Role
from cstui.services.imports.shopify import Imports
from cstui.storage.database import Database
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, Note
from cstui.storage.tables.orders import (
    Order,
    OrderDiscount,
    OrderLine,
    OrderTax,
    Product,
    Shipment,
    ShipmentLine,
)
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from tests import factories
from tests.services.imports import exports
from tests.services.imports.exports import Shop, order, orders_file

PAID, PENDING = "paid", "pending"


def rows(db: Database, model: Any, *order_by: str) -> list[Any]:
    table = table_of(model)
    with db.read() as tx:
        return tx.rows(sa.select(table).order_by(*(table.c[name] for name in order_by or ("id",))))


def adds_up(o: Any) -> bool:
    return bool(o.total == o.subtotal - o.discount + o.shipping + (0 if o.prices_include_tax else o.tax))


def test_an_order_comes_in_whole(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    report = shop.orders(
        tmp_path,
        order(
            1001, [("Mug - Blue", 2, "10.00"), ("Tea", 1, "5.50")], Notes="Ring twice", Note_Attributes="gift: yes\ncard: no",
            Tags="call back, vip", Taxes="2.26", Tax_1_Name="NY Tax 8.875%", Tax_1_Value="2.26", Total="32.76",
        ),
    )  # fmt: skip
    assert (report.orders.created, report.lines, report.refused, report.warnings) == (1, 2, [], [])
    (o,) = rows(db, Order)
    assert (o.number, o.external_id, o.currency, o.status.value, o.tags) == (
        "#1001", "5000000001001", "USD", "in_progress", "call back, vip",
    )  # fmt: skip
    assert (o.subtotal, o.discount, o.shipping, o.tax, o.total, o.prices_include_tax) == (
        2550,
        0,
        500,
        226,
        3276,
        False,
    )
    assert (o.billing_first_name, o.billing_last_name, o.billing_postcode, o.billing_phone) == (
        "Ann", "Lee", "12207", "+1 212-555-1001",
    )  # fmt: skip
    assert [(x.name, x.quantity, x.unit_price, x.tax) for x in rows(db, OrderLine)] == [
        ("Mug - Blue", 2, 1000, 177), ("Tea", 1, 550, 49),
    ]  # fmt: skip
    assert [(t.name, t.amount, t.base) for t in rows(db, OrderTax)] == [("NY Tax 8.875%", 226, 2550)]
    assert [(n.body, n.source.value, n.subject_id) for n in rows(db, Note)] == [
        ("Ring twice", "import", o.id), ("gift: yes\ncard: no", "import", o.id),
    ]  # fmt: skip
    assert [(p.sku, p.name, p.unit_price) for p in rows(db, Product, "name")] == [
        ("MUG", "Mug - Blue", 1000), ("TEA", "Tea", 550),
    ]  # fmt: skip
    assert [(s.state.value, s.method) for s in rows(db, Shipment)] == [("awaiting_inventory", "Standard")]
    assert factories.count(db, ShipmentLine) == 2
    (paid,) = rows(db, PaymentTransaction)
    assert (paid.kind.value, paid.amount, paid.gateway, paid.origin.value, paid.gateway_ref) == (
        "sale", 3276, "external", "import_summary", "ref1001",
    )  # fmt: skip
    (ann,) = rows(db, Customer)
    assert (ann.first_name, ann.last_name, ann.phone_e164) == ("Ann", "Lee", "+12125551001")
    events = rows(db, AuditEvent)
    assert {(e.record_kind.value, e.action) for e in events} == {
        ("order", "imported"),
        ("customer", "imported"),
    }


@pytest.mark.parametrize(
    "header",
    [exports.ORDERS, exports.ORDERS_2021, list(reversed(exports.ORDERS)), [*exports.ORDERS, "Birthday"]],
)
def test_columns_are_found_by_name_in_every_layout(
    sqlite_db: Database, tmp_path: Path, header: list[str]
) -> None:
    shop = Shop(sqlite_db)
    path = exports.write(tmp_path / "orders.csv", header, order(1001) + order(1002))
    report = shop.take(orders=[path])
    assert (report.orders.created, report.total("total", "USD").minor) == (2, 5000)


def test_a_file_saved_by_a_european_spreadsheet_comes_in(sqlite_db: Database, tmp_path: Path) -> None:
    shop = Shop(sqlite_db, currency="EUR")
    path = orders_file(
        tmp_path, order(1001, Currency="EUR", Billing_Name="Zoë Köln", Total="25,00", Shipping="5,00", Subtotal="20,00"),
        delimiter=";", ends="\r\n", encoding="cp1252",
    )  # fmt: skip
    report = shop.take(orders=[path])
    assert report.total("total", "EUR").minor == 2500
    assert rows(sqlite_db, Order)[0].billing_first_name == "Zoë"


MONEY: dict[str, tuple[dict[str, Any], tuple[int, int, int, bool]]] = {
    "a code on the lines": (
        {"Discount_Code": "SAVE", "Discount_Amount": "4.00", "Subtotal": "16.00", "Total": "21.00"}, (2000, 400, 2100, False),
    ),
    "a code on the shipping": ({"Discount_Code": "FREESHIP", "Discount_Amount": "5.00", "Total": "20.00"}, (2000, 500, 2000, False)),
    "a code on both": (
        {"Discount_Code": "A + B", "Discount_Amount": "7.00", "Subtotal": "16.00", "Total": "18.00"}, (2000, 700, 1800, False),
    ),
    "tax on top": ({"Taxes": "2.00", "Total": "27.00"}, (2000, 0, 2700, False)),
    "tax inside": ({"Taxes": "2.00", "Total": "25.00"}, (2000, 0, 2500, True)),
    "a total that nothing explains": ({"Total": "24.99"}, (2000, 1, 2499, False)),
    "a total above its parts": ({"Total": "30.00"}, (2000, -500, 3000, False)),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "wanted"), MONEY.values(), ids=MONEY.keys())
def test_money_adds_up_and_the_total_is_the_files(
    sqlite_db: Database, tmp_path: Path, cells: dict[str, Any], wanted: tuple[int, int, int, bool]
) -> None:
    report = Shop(sqlite_db).orders(tmp_path, order(1001, **cells))
    (o,) = rows(sqlite_db, Order)
    assert (o.subtotal, o.discount, o.total, o.prices_include_tax) == wanted
    assert adds_up(o)
    assert sum(d.amount for d in rows(sqlite_db, OrderDiscount)) == o.discount
    assert any("do not add up" in w.reason for w in report.warnings) == (cells["Total"] in ("24.99", "30.00"))


def test_a_discount_on_shipping_names_its_target(sqlite_db: Database, tmp_path: Path) -> None:
    Shop(sqlite_db).orders(
        tmp_path, order(1001, Discount_Code="FREESHIP", Discount_Amount="5.00", Total="20.00")
    )
    assert [(d.code, d.amount, d.target.value) for d in rows(sqlite_db, OrderDiscount)] == [
        ("FREESHIP", 500, "shipping")
    ]


STATES: dict[str, tuple[dict[str, Any], str, str, list[tuple[str, int]]]] = {
    "paid": ({}, "in_progress", "awaiting_inventory", [("sale", 2500)]),
    "authorized": ({"Financial_Status": "authorized", "Paid_at": ""}, "in_progress", "awaiting_inventory", [("authorise", 2500)]),
    "pending": ({"Financial_Status": "pending", "Paid_at": ""}, "created", "awaiting_inventory", []),
    "voided": ({"Financial_Status": "voided", "Paid_at": ""}, "created", "awaiting_inventory", [("void", 2500)]),
    "partly paid": (
        {"Financial_Status": "partially_paid", "Outstanding_Balance": "15.00"}, "in_progress", "awaiting_inventory", [("sale", 1000)],
    ),
    "fulfilled": (
        {"Fulfillment_Status": "fulfilled", "Fulfilled_at": "2026-03-02 09:00:00 -0500", "Lineitem_fulfillment_status": "fulfilled"},
        "completed", "shipped", [("sale", 2500)],
    ),
    "partly fulfilled": ({"Fulfillment_Status": "partial"}, "partially_shipped", "shipped", [("sale", 2500)]),
    "cancelled": (
        {"Cancelled_at": "2026-03-03 09:00:00 -0500", "Financial_Status": "refunded", "Refunded_Amount": "25.00"},
        "cancelled", "cancelled", [("sale", 2500), ("refund", 2500)],
    ),
    "partly refunded": (
        {"Financial_Status": "partially_refunded", "Paid_at": "", "Refunded_Amount": "4.00"},
        "in_progress", "awaiting_inventory", [("sale", 2500), ("refund", 400)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "status", "shipment", "payments"), STATES.values(), ids=STATES.keys())
def test_states_are_told_in_our_terms(
    sqlite_db: Database,
    tmp_path: Path,
    cells: dict[str, Any],
    status: str,
    shipment: str,
    payments: list[tuple[str, int]],
) -> None:
    report = Shop(sqlite_db).orders(tmp_path, order(1001, **cells))
    assert rows(sqlite_db, Order)[0].status.value == status
    assert [s.state.value for s in rows(sqlite_db, Shipment)] == [shipment]
    assert [(p.kind.value, p.amount) for p in rows(sqlite_db, PaymentTransaction)] == payments
    assert report.warnings == []


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "Paid at is blank": {"Paid_at": ""},
    "Outstanding Balance is not zero": {"Outstanding_Balance": "25.00"},
    "cancelled and yet fulfilled": {
        "Cancelled_at": "2026-03-03 09:00:00 -0500",
        "Fulfillment_Status": "fulfilled",
    },
    "nothing was refunded": {"Cancelled_at": "2026-03-03 09:00:00 -0500"},
    "a line is still pending": {"Fulfillment_Status": "fulfilled"},
    "fulfilled, but not paid": {"Fulfillment_Status": "fulfilled", "Financial_Status": "pending"},
    "is not the total": {"Financial_Status": "refunded", "Refunded_Amount": "4.00"},
    "more than the total": {"Financial_Status": "refunded", "Refunded_Amount": "26.00"},
    "is not known; taken as pending": {"Financial_Status": "haggling"},
    "is not known; taken as unfulfilled": {"Fulfillment_Status": "lost"},
}


@pytest.mark.parametrize(("words", "cells"), CONTRADICTIONS.items(), ids=CONTRADICTIONS.keys())
def test_a_contradiction_is_stored_and_told(
    sqlite_db: Database, tmp_path: Path, words: str, cells: dict[str, Any]
) -> None:
    report = Shop(sqlite_db).orders(tmp_path, order(1001, **cells))
    assert report.orders.created == 1
    assert any(words in warning.reason and warning.row == 2 for warning in report.warnings), report.warnings


REFUSED = {
    "Id": ["", "7.02255E+12", "abc", "1" * 30],
    "Total": ["x", "1,234.50", "-5.00", "1.005", "99999999999999999999.99"],
    "Currency": ["usd", "$", "EURO"],
    "Created at": ["", "yesterday", "0001-01-01 00:00:00 +1400", "22.11.2026 10:00"],
    "Lineitem quantity": ["", "-1", "1.5", "99999999999", "二"],
    "Lineitem price": ["free", "-1.00"],
}


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, values in REFUSED.items() for v in values])
def test_a_cell_that_cannot_be_read_refuses_its_order_and_no_other(
    sqlite_db: Database, tmp_path: Path, column: str, value: str
) -> None:
    cells: dict[str, Any] = {column.replace(" ", "_"): value}
    bad = order(1002, [("Mug", 1, "20.00"), ("Tea", 1, "0.00")], **cells)
    if column.startswith("Lineitem"):
        bad = [bad[0], {**bad[1], column: value}]
        bad[0] = order(1002, [("Mug", 1, "20.00")])[0]
    report = Shop(sqlite_db).orders(tmp_path, order(1001), bad, order(1003))
    assert (report.orders.created, report.orders.refused) == (2, 1)
    (refused,) = report.refused
    row = 4 if column.startswith("Lineitem") else 3
    assert (refused.file, refused.row, refused.column) == ("orders.csv", row, column)
    assert refused.value == value and refused.reason.endswith(".")
    assert [o.number for o in rows(sqlite_db, Order, "number")] == ["#1001", "#1003"]


def test_rows_of_an_order_without_its_first_row_are_refused(sqlite_db: Database, tmp_path: Path) -> None:
    lines = [("Mug", 1, "20.00"), ("Tea", 1, "1.00")]
    report = Shop(sqlite_db).orders(tmp_path, order(1001, lines)[1:], order(1002))
    assert (report.orders.created, report.orders.refused, report.refused[0].column) == (1, 1, "Id")


def test_the_same_number_in_two_shops_stays_two_orders(db: Database, tmp_path: Path) -> None:
    first, second = Shop(db, "one"), Shop(db, "two")
    first.orders(tmp_path, order(1001, Id="11"))
    second.orders(tmp_path, order(1001, Id="11"), order(1001, Id="12"))
    assert [(o.number, o.store_id) for o in rows(db, Order)] == [
        ("#1001", first.store), ("#1001", second.store), ("#1001", second.store),
    ]  # fmt: skip


def test_two_files_that_overlap_count_an_order_once(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    first = orders_file(tmp_path, order(1001), order(1002), name="a.csv")
    second = orders_file(tmp_path, order(1002), order(1003), order(1003), name="b.csv")
    report = shop.take(orders=[first, second])
    assert (report.orders.created, report.orders.unchanged) == (3, 2)
    assert (report.total("total", "USD").minor, report.lines) == (7500, 3)


def test_a_file_of_another_sort_says_what_it_is_and_nothing_is_stored(
    sqlite_db: Database, tmp_path: Path
) -> None:
    shop = Shop(sqlite_db)
    good = orders_file(tmp_path, order(1001))
    people = exports.customers_file(tmp_path, exports.customer())
    with pytest.raises(UsageError, match=r"customers\.csv is an export of customers, not of orders"):
        shop.take(orders=[good, people])
    with pytest.raises(
        UsageError, match="the columns Order, Kind, Gateway, Created At, Status, Amount are missing"
    ):
        shop.take(transactions=[exports.write(tmp_path / "t.csv", ["Name", "Currency"], [])])
    with pytest.raises(UsageError, match="the column Lineitem price is missing"):
        header = [name for name in exports.ORDERS if name != "Lineitem price"]
        shop.take(orders=[exports.write(tmp_path / "o.csv", header, [])])
    with pytest.raises(UsageError, match="nothing to import"):
        shop.take()
    assert rows(sqlite_db, Order) == []


def test_a_header_without_rows_is_an_empty_import(sqlite_db: Database, tmp_path: Path) -> None:
    report = Shop(sqlite_db).orders(tmp_path)
    assert report.as_json()["orders"] == {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}
    assert report.as_json()["totals"]["total"] == []


def test_an_unknown_store_is_not_found_with_the_command_that_adds_it(
    sqlite_db: Database, tmp_path: Path
) -> None:
    shop = Shop(sqlite_db)
    with pytest.raises(NotFound) as refused:
        Imports(sqlite_db).shopify(shop.admin, "else", orders=[orders_file(tmp_path)])
    assert "cstui store add else" in refused.value.advice


def test_only_who_may_import_into_that_store_does(db: Database, tmp_path: Path) -> None:
    shop, other = Shop(db), Shop(db, "other")
    path = orders_file(tmp_path, order(1001))
    agent = factories.add_staff(db, "ann", Role.AGENT, shop.store)
    with pytest.raises(NotPermitted):
        Imports(db).shopify(agent, "main", orders=[path])
    with pytest.raises(NotFound):
        Imports(db).shopify(other.admin, "main", orders=[path])
    assert rows(db, Order) == []


def test_a_dry_run_tells_the_same_and_keeps_nothing(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    people = exports.customers_file(tmp_path, exports.customer(email="buyer1002@shop.example"))
    path = orders_file(tmp_path, order(1001, Tags="new"), order(1002), order(1003), name="more.csv")
    rehearsed = shop.take(orders=[path], customers=[people], dry_run=True)
    assert rehearsed.dry_run and factories.count(db, Order) == 1 and factories.count(db, Customer) == 1
    done = shop.take(orders=[path], customers=[people])
    # Keys that a rehearsal used up are not used again, so the customer that differs has another id.
    told, kept = (
        {k: v for k, v in report.as_json().items() if k not in ("dry_run", "checks")}
        for report in (rehearsed, done)
    )
    assert told == kept
    assert (done.orders.created, done.orders.updated, done.customers_from_orders) == (2, 1, 1)


def test_progress_is_told_to_the_end_of_each_file(sqlite_db: Database, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = orders_file(tmp_path, order(1001))
    Shop(sqlite_db).take(orders=[path], progress=lambda *what: told.append(what))
    assert told == [("orders", path.stat().st_size, path.stat().st_size)]


def test_a_card_number_is_left_out_wherever_it_stands(db: Database, tmp_path: Path) -> None:
    report = Shop(db).orders(
        tmp_path, order(1001, Notes="card 4111 1111 1111 1111 exp 12/30", Tags="5555555555554444", Shipping_Address2="4111111111111111")
    )  # fmt: skip
    assert report.orders.created == 1
    assert {w.reason.split(" holds")[0] for w in report.warnings} == {"Notes", "Tags", "Shipping Address2"}
    with db.read() as tx:
        told = tx.rows(sa.text('SELECT "values" FROM import_record'))
    assert all("1111111" not in row[0] and "4444" not in row[0] for row in told)
    assert rows(db, Note) == []


def test_orders_in_several_currencies_are_summed_apart(sqlite_db: Database, tmp_path: Path) -> None:
    report = Shop(sqlite_db).orders(tmp_path, order(1001), order(1002, Currency="EUR"))
    assert report.as_json()["totals"]["total"] == [
        {"minor": 2500, "currency": "EUR"}, {"minor": 2500, "currency": "USD"},
    ]  # fmt: skip


def test_many_orders_go_in_by_batches(db: Database, tmp_path: Path) -> None:
    report = Shop(db).orders(tmp_path, *(order(n) for n in range(1, 1203)))
    assert report.orders.created == factories.count(db, Order) == 1202
    assert report.customers_from_orders == 1202
