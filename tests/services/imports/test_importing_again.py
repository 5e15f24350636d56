"""A second import takes what changed in the file, keeps what was changed here, and leaves a locked order alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cstui.domain.ids import Kind
from cstui.domain.locking import Purpose
from cstui.domain.orders import OrderStatus
from cstui.storage.database import Database
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, Note
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.orders import Order, OrderLine, Shipment, ShipmentLine
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from tests import factories
from tests.services.imports.exports import TRANSACTIONS, Shop, customer, order, transaction, write

_ORDER, _CUSTOMER = table_of(Order), table_of(Customer)
SHIPPED = {"Fulfillment_Status": "fulfilled", "Fulfilled_at": "2026-03-02 09:00:00 -0500"}


def one(db: Database, model: Any) -> Any:
    with db.read() as tx:
        return tx.rows(sa.select(table_of(model)))[0]


def actions(db: Database) -> list[tuple[str, int | None]]:
    event = table_of(AuditEvent)
    with db.read() as tx:
        rows = tx.rows(sa.select(event).where(event.c.record_kind == "order").order_by(event.c.id))
    return [(row.action, row.version) for row in rows]


def change(db: Database, **values: Any) -> None:
    with db.write() as tx:
        tx.run(_ORDER.update().values(**values, version=_ORDER.c.version + 1))


def test_the_same_file_again_changes_nothing(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    report = shop.orders(tmp_path, order(1001))
    assert (report.orders.unchanged, report.warnings, one(db, Order).version) == (1, [], 1)
    assert actions(db) == [("imported", 1)]


def test_what_changed_in_the_file_alone_is_taken(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001, [("Mug", 2, "10.00"), ("Tea", 1, "1.00"), ("Jam", 1, "2.00")]))
    lines = factories.count(db, OrderLine)
    report = shop.orders(
        tmp_path, order(1001, [("Mug", 3, "10.00"), ("Pot", 1, "7.00")], Tags="vip", Shipping_City="Troy", Notes="Ring twice",
                        Refunded_Amount="4.00", Financial_Status="partially_refunded", Lineitem_fulfillment_status="fulfilled", **SHIPPED)
    )  # fmt: skip
    assert (lines, report.orders.updated, report.orders.created) == (3, 1, 0)
    o = one(db, Order)
    assert (o.version, o.tags, o.shipping_city, o.total, o.subtotal, o.status) == (
        2,
        "vip",
        "Troy",
        4200,
        3700,
        OrderStatus.COMPLETED,
    )
    with db.read() as tx:
        found = [
            tuple(r) for r in tx.rows(sa.text("SELECT name, quantity FROM order_line ORDER BY position"))
        ]
        held = tx.rows(sa.text("SELECT sum(quantity) FROM shipment_line"))[0][0]
        money = [
            tuple(r) for r in tx.rows(sa.text("SELECT kind, amount FROM payment_transaction ORDER BY id"))
        ]
    assert (found, held, money) == ([("Mug", 3), ("Pot", 1)], 4, [("sale", 4200), ("refund", 400)])
    assert (one(db, Shipment).state.value, factories.count(db, ShipmentLine)) == ("shipped", 2)
    assert one(db, Note).body == "Ring twice"
    assert actions(db) == [("imported", 1), ("changed by import", 2)]
    assert shop.orders(tmp_path, order(1001)).orders.updated == 1


def test_what_both_have_changed_stays_ours_and_is_told(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001, Shipping_City="Albany"))
    change(db, shipping_city="Boston", tags="ours")
    report = shop.orders(tmp_path, order(1001, Shipping_City="Troy", Email="new@shop.example"))
    o = one(db, Order)
    assert (o.shipping_city, o.tags, o.email, o.version) == ("Boston", "ours", "new@shop.example", 3)
    assert [w.reason for w in report.warnings] == [
        "Order #1001: shipping.city is “Troy” in the file and “Boston” here; ours stays."
    ]
    again = shop.orders(tmp_path, order(1001, Shipping_City="Troy", Email="new@shop.example"))
    assert (again.orders.unchanged, again.warnings) == (1, [])


def test_what_was_changed_here_alone_stays(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    change(db, billing_city="Boston")
    report = shop.orders(tmp_path, order(1001, Tags="late"))
    o = one(db, Order)
    assert (o.billing_city, o.tags, report.warnings) == ("Boston", "late", [])


def test_lines_changed_on_both_sides_stay_ours_and_add_up(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    with db.write() as tx:
        tx.run(table_of(OrderLine).update().values(quantity=1))
        tx.run(_ORDER.update().values(subtotal=1000, total=1500, version=2))
    report = shop.orders(tmp_path, order(1001, [("Mug - Blue", 5, "10.00")]))
    o = one(db, Order)
    assert (o.subtotal, o.total, one(db, OrderLine).quantity) == (1000, 1500, 1)
    told = {w.reason.split(": ")[1].split(" ")[0] for w in report.warnings}
    assert {"contents.total", "contents.subtotal", "contents.lines"} <= told


def test_a_locked_order_is_left_alone_and_taken_the_next_time(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    key, now = one(db, Order).id, factories.THEN
    with db.write() as tx:
        tx.run(
            table_of(EditLock).insert().values(
                record_kind=Kind.ORDER, record_id=key, store_id=shop.store, token="t", fence=1, holder_id=1, holder_name="Ann",
                terminal="term-1", acquired_at=now, heartbeat_at=now, active_at=now, lease_until=now + timedelta(minutes=2), purpose=Purpose.EDIT,
            )
        )  # fmt: skip
    report = shop.orders(tmp_path, order(1001, Tags="late"))
    assert (report.orders.unchanged, report.orders.updated, one(db, Order).tags) == (1, 0, "")
    assert [w.reason for w in report.warnings] == ["Order #1001 is locked by Ann and was left alone."]
    with db.write() as tx:
        tx.run(table_of(EditLock).delete())
    assert shop.orders(tmp_path, order(1001, Tags="late")).orders.updated == 1


def test_a_customer_is_updated_field_by_field(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.customers(tmp_path, customer(Phone="+1 212-555-0142"))
    with db.write() as tx:
        tx.run(_CUSTOMER.update().values(last_name="Leigh", version=2))
    report = shop.customers(
        tmp_path,
        customer(last="Lie", Phone="+1 212-555-0143", Default_Address_City="Troy", Note="Calls back at noon"),
    )
    c = one(db, Customer)
    assert (c.last_name, c.phone_e164, c.version) == ("Leigh", "+12125550143", 3)
    assert one(db, CustomerAddress).city == "Troy"
    assert one(db, Note).body == "Calls back at noon"
    assert (report.customers.updated, len(report.warnings)) == (1, 1)
    assert "last_name is “Lie” in the file and “Leigh” here" in report.warnings[0].reason


def test_a_customer_met_for_the_first_time_only_gets_what_was_empty(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    factories.add_customer(db, shop.store, "Anna", "Lee", email="ann@shop.example", phone="", phone_e164="")
    report = shop.customers(tmp_path, customer(Phone="+1 212-555-0142"))
    c = one(db, Customer)
    assert (c.first_name, c.phone_e164, c.tags) == ("Anna", "+12125550142", "vip, newsletter")
    assert any("first_name is “Ann” in the file and “Anna” here" in w.reason for w in report.warnings)


ID = "5000000001001"


def payments(db: Database) -> list[tuple[str, str, int, str]]:
    with db.read() as tx:
        table = table_of(PaymentTransaction)
        rows = tx.rows(sa.select(table).order_by(table.c.occurred_at, table.c.id))
    return [(row.kind.value, row.status.value, row.amount, row.origin.value) for row in rows]


def test_transactions_replace_the_summary_and_never_add_to_it(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    file = order(1001, Refunded_Amount="4.00", Financial_Status="partially_refunded")
    shop.orders(tmp_path, file)
    assert payments(db) == [
        ("sale", "succeeded", 2500, "import_summary"),
        ("refund", "succeeded", 400, "import_summary"),
    ]
    told = write(
        tmp_path / "t.csv", TRANSACTIONS,
        [
            transaction(ID, "sale", "25.00", "failure", "10:00:01"), transaction(ID, "sale", "25.00", "failure", "10:00:01"),
            transaction(ID, "sale", "25.00", at="10:00:05"), transaction(ID, "refund", "1.00", at="11:00:00"),
            transaction(ID, "refund", "-3.00", at="12:00:00"),
        ],
    )  # fmt: skip
    report = shop.take(transactions=[told])
    wanted = [
        ("sale", "failed", 2500, "import"), ("sale", "failed", 2500, "import"), ("sale", "succeeded", 2500, "import"),
        ("refund", "succeeded", 100, "import"), ("refund", "succeeded", 300, "import"),
    ]  # fmt: skip
    assert (report.transactions.created, payments(db)) == (5, wanted)
    assert shop.take(transactions=[told]).transactions.unchanged == 5
    assert shop.orders(tmp_path, file).orders.unchanged == 1
    shop.orders(tmp_path, order(1001, Refunded_Amount="9.00", Financial_Status="partially_refunded"))
    assert payments(db) == wanted
    assert one(db, Order).version == 1


def test_transactions_of_unknown_orders_and_bad_rows_are_refused_one_by_one(
    db: Database, tmp_path: Path
) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1001))
    rows = [
        transaction("7.02255E+12", "sale", "1.00"), transaction("12345", "sale", "1.00"), transaction("", "sale", "1.00"),
        transaction(ID, "gift", "1.00"), transaction(ID, "sale", "1.00", "maybe"), transaction(ID, "sale", "one"),
        {**transaction(ID, "sale", "1.00"), "Currency": "EUR"}, transaction(ID, "sale", "25.00"),
    ]  # fmt: skip
    report = shop.take(transactions=[write(tmp_path / "t.csv", TRANSACTIONS, rows)])
    assert (report.transactions.created, report.transactions.refused) == (1, 7)
    assert {(r.row, r.column) for r in report.refused} == {
        (2, "Order"), (3, "Order"), (4, "Order"), (5, "Kind"), (6, "Status"), (7, "Amount"), (8, "Currency"),
    }  # fmt: skip
