"""Whose order it is: by e-mail, else by a phone that one customer alone has, else somebody new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cstui.storage.database import Database
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore
from cstui.storage.tables.orders import Order
from tests import factories
from tests.services.imports.exports import (
    CUSTOMERS_A,
    CUSTOMERS_B,
    CUSTOMERS_C,
    CUSTOMERS_OLD,
    Row,
    Shop,
    customer,
    customers_file,
    order,
)

_CUSTOMER, _ORDER = table_of(Customer), table_of(Order)
PHONE = "+1 212-555-0142"


def owner(db: Database, number: str) -> int:
    with db.read() as tx:
        found: int = tx.rows(sa.select(_ORDER.c.customer_id).where(_ORDER.c.number == number))[0][0]
    return found


def no_mail(number: int, name: str, phone: str = PHONE, **more: Any) -> list[Row]:
    return [
        dict(row)
        for row in order(
            number, Email="", Phone=phone, Billing_Phone="", Billing_Name=name, Shipping_Name=name, **more
        )
    ]


def test_an_equal_email_is_the_same_customer_whatever_its_case(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    ann = factories.add_customer(db, shop.store, email="Ann.Lee@Example.com")
    shop.orders(tmp_path, list(order(1, Email="ann.lee@EXAMPLE.com", Billing_Name="Somebody Else")))
    assert owner(db, "#1") == ann


def test_an_email_of_another_store_links_and_a_phone_does_not(db: Database, tmp_path: Path) -> None:
    first, second = Shop(db, "one"), Shop(db, "two")
    ann = factories.add_customer(
        db, first.store, email="ann@shop.example", phone=PHONE, phone_e164="+12125550142"
    )
    report = second.orders(tmp_path, no_mail(1, "Ann Lee"), order(2, Email="ann@shop.example"))
    assert owner(db, "#2") == ann and owner(db, "#1") != ann
    assert factories.count(db, CustomerStore, customer_id=ann) == 2
    assert [w.reason for w in report.warnings] == []


def test_a_phone_that_one_customer_has_links_where_a_word_of_the_name_is_shared(
    db: Database, tmp_path: Path
) -> None:
    shop = Shop(db)
    ann = factories.add_customer(db, shop.store, "Ann", "Lee", phone=PHONE, phone_e164="+12125550142")
    shop.orders(tmp_path, no_mail(1, "LEE anna"), no_mail(2, "-"), no_mail(3, ""))
    assert [owner(db, number) for number in ("#1", "#2", "#3")] == [ann, ann, ann]


def test_another_name_on_the_same_phone_is_a_new_customer_with_a_warning(
    db: Database, tmp_path: Path
) -> None:
    shop = Shop(db)
    ann = factories.add_customer(db, shop.store, "Ann", "Lee", phone=PHONE, phone_e164="+12125550142")
    report = shop.orders(tmp_path, no_mail(1, "Bob Ray"))
    assert owner(db, "#1") != ann
    (warning,) = report.warnings
    assert "same phone as Ann Lee (cus_" in warning.reason and warning.row == 2


def test_a_phone_of_two_customers_links_to_neither(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    known = {
        factories.add_customer(db, shop.store, name, "Lee", phone=PHONE, phone_e164="+12125550142")
        for name in ("Ann", "Bob")
    }
    report = shop.orders(tmp_path, no_mail(1, "Ann Lee"))
    assert owner(db, "#1") not in known
    assert "same phone as" in report.warnings[0].reason


def test_a_customer_known_by_dash_takes_any_name(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    dash = factories.add_customer(db, shop.store, "-", "-", phone=PHONE, phone_e164="+12125550142")
    shop.orders(tmp_path, no_mail(1, "Bob Ray"))
    assert owner(db, "#1") == dash


def test_orders_without_mail_of_one_household_are_told_apart_by_name(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    names = ["Ann Lee", "Bob Ray", "ann  LEE", "Bob Ray"]
    shop.orders(tmp_path, *(no_mail(n, name) for n, name in enumerate(names)))
    again = shop.orders(tmp_path, no_mail(9, "Bob Ray"))
    owners = [owner(db, f"#{n}") for n in range(4)]
    assert owners[0] == owners[2] and owners[1] == owners[3] == owner(db, "#9") and owners[0] != owners[1]
    assert factories.count(db, Customer) == 2 and again.customers_from_orders == 0


def test_two_spellings_of_one_phone_are_one_phone(sqlite_db: Database, tmp_path: Path) -> None:
    shop = Shop(sqlite_db, country="BD", currency="BDT")
    ann = factories.add_customer(
        sqlite_db, shop.store, "Rahim", "-", phone="01712345678", phone_e164="+8801712345678", email=""
    )
    shop.orders(
        tmp_path,
        no_mail(1, "Rahim Uddin", phone="", Billing_Country="BD"),
        no_mail(2, "Rahim", "+8801712345678"),
    )
    assert owner(sqlite_db, "#2") == ann


def test_an_order_without_mail_phone_and_name_gets_a_customer_of_its_own(
    db: Database, tmp_path: Path
) -> None:
    shop = Shop(db)
    blank = {"Billing_City": "", "Billing_Zip": "", "Billing_Address1": "", "Billing_Province": "", "Billing_Country": "",
             "Shipping_City": "", "Shipping_Zip": "", "Shipping_Address1": "", "Shipping_Province": "", "Shipping_Country": ""}  # fmt: skip
    files = (no_mail(1, "", "", **blank), no_mail(2, "", "", **blank))
    shop.orders(tmp_path, *files)
    assert owner(db, "#1") != owner(db, "#2")
    assert shop.orders(tmp_path, *files).customers_from_orders == 0


def test_a_text_that_is_no_email_identifies_nobody(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(
        tmp_path, order(1, Email="n/a", Billing_Name="Ann Lee"), order(2, Email="n/a", Billing_Name="Bob Ray")
    )
    assert owner(db, "#1") != owner(db, "#2")


def test_an_order_finds_a_customer_whose_email_was_changed_here(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1, Email="old@shop.example", Billing_Phone=""))
    with db.write() as tx:
        tx.run(_CUSTOMER.update().values(email="new@shop.example", email_folded="new@shop.example"))
    shop.orders(tmp_path, order(2, Email="old@shop.example", Billing_Phone="", Billing_Name="Other Name"))
    assert owner(db, "#1") == owner(db, "#2")


def test_every_layout_of_the_customers_export_gives_the_same_customer(
    sqlite_db: Database, tmp_path: Path
) -> None:
    row = {
        **customer(Total_Spent="25.00", Total_Orders="1"),
        "Customer ID": "'9013808660771",
        "Phone": "'+12125550142",
    }
    found = []
    for code, header in (("a", CUSTOMERS_A), ("b", CUSTOMERS_B), ("c", CUSTOMERS_C), ("old", CUSTOMERS_OLD)):
        shop = Shop(sqlite_db, code)
        row["Email"] = f"{code}@shop.example"
        report = shop.take(customers=[customers_file(tmp_path, row, header=header)])
        assert (report.customers.created, report.refused, report.warnings) == (1, [], [])
    with sqlite_db.read() as tx:
        for c in tx.rows(sa.select(_CUSTOMER)):
            found.append((c.first_name, c.last_name, c.phone_e164, c.tags, bool(c.accepts_email)))
        address = table_of(CustomerAddress)
        homes = {
            tuple(row)
            for row in tx.rows(
                sa.select(address.c.line1, address.c.region, address.c.country, address.c.postcode)
            )
        }
    assert set(found) == {("Ann", "Lee", "+12125550142", "vip, newsletter", True)} and len(found) == 4
    assert ("12 Elm Street", "NY", "US", "12207") in homes


def test_a_customer_without_mail_is_known_again_by_phone_and_name(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    rows = [
        customer(Email="", Phone=PHONE),
        customer("Bob", "Ray", Email="", Phone=PHONE),
        customer("", "", email="n@shop.example"),
    ]
    assert shop.customers(tmp_path, *rows).customers.created == 3
    assert shop.customers(tmp_path, *rows).customers.unchanged == 3
    assert factories.count(db, Customer) == 3


def test_a_customers_file_finds_whom_the_orders_had_made(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    shop.orders(tmp_path, order(1, Email="ann@shop.example"))
    report = shop.customers(
        tmp_path, {**customer(Total_Spent="25.00", Total_Orders="1"), "Customer ID": "'9013808660771"}
    )
    assert (report.customers.created, report.customers.updated) == (0, 1)
    assert factories.count(db, Customer) == 1
    assert report.checks is not None and (
        report.checks.customers,
        report.checks.orders_agree,
        report.checks.spent_agree,
    ) == (1, 1, 1)


def test_the_self_test_names_who_differs(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    people = customers_file(tmp_path, customer(Total_Spent="20.00", Total_Orders="2"))
    report = shop.take(customers=[people], orders=[])
    assert report.checks is not None
    assert (report.checks.customers, report.checks.orders_agree, report.checks.spent_agree) == (1, 0, 0)
    assert report.as_json()["checks"]["spent_differ"][0]["in_file"] == "20.00"


def test_rounded_numbers_of_a_customers_file_are_kept_out(db: Database, tmp_path: Path) -> None:
    shop = Shop(db)
    report = shop.customers(
        tmp_path, {**customer(), "Customer ID": "7.02255E+12"}, customer("Bob", "Ray", "bob@shop.example", Phone="9.15567E+11")
    )  # fmt: skip
    assert (report.customers.created, report.customers.refused) == (1, 1)
    assert (report.refused[0].column, report.refused[0].value, report.refused[0].row) == (
        "Customer ID",
        "7.02255E+12",
        2,
    )
    assert "Phone 9.15567E+11 was rounded" in report.warnings[0].reason
    with db.read() as tx:
        assert tx.rows(sa.select(_CUSTOMER.c.phone)) == [("",)]
