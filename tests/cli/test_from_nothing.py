"""From nothing to a read, noted and audited order, by commands alone: what a new shop does on its first day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import OTHER, PASSWORD, Program
from tests.postgres import Server
from tests.services.imports import exports


@pytest.fixture(params=["sqlite", "postgresql"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that holds nothing at all: a file that is not there, an empty PostgreSQL database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/shop.db"
        return
    server: Server = request.getfixturevalue("postgres_server")
    server.create_database("cstui_from_nothing")
    yield server.url("cstui_from_nothing")
    server.drop_database("cstui_from_nothing")


def test_a_shop_goes_from_nothing_to_an_audited_order_by_commands(
    bare: Program, nowhere: str, tmp_path: Path
) -> None:
    bare.set("CSTUI_DB", nowhere)
    assert bare.ok("init", "--admin", "adam", password=PASSWORD)["admin"] == "adam"
    assert bare.ok("login", "adam", password=PASSWORD)["name"] == "adam"
    store = ("--name", "Northgate", "--currency", "USD", "--zone", "America/New_York", "--country", "US")
    assert bare.ok("store", "add", "main", *store)["code"] == "main"

    orders = exports.orders_file(
        tmp_path, exports.order(1001, Email="ann@shop.example"), exports.order(1002, [("Tea", 1, "5.50")]),
        exports.order(1003, Total="not money"),
    )  # fmt: skip
    customers = exports.customers_file(tmp_path, exports.customer(Total_Spent="25.00", Total_Orders="1"))
    command = ("import", "shopify", "--store", "main", "--orders", str(orders), "--customers", str(customers))
    rehearsed = bare.ok(*command, "--dry-run")
    assert rehearsed["orders"]["created"] == 2 and bare.ok("find", "1001")["results"] == []
    report = bare.ok(*command)
    assert {"customers", "orders", "lines", "totals", "refused", "warnings"} <= set(report)
    assert set(report["orders"]) == set(report["customers"]) == {"created", "updated", "unchanged", "refused"}
    assert set(report["totals"]) == {"total", "tax", "shipping", "discount", "refunded"}
    assert report["totals"]["total"] == {"minor": 3550, "currency": "USD"}
    (refused,) = report["refused"]
    assert {"file", "row", "column", "value", "reason"} <= set(refused)
    assert (refused["row"], refused["column"], refused["value"]) == (4, "Total", "not money")
    assert bare.ok(*command)["orders"] == {"created": 0, "updated": 0, "unchanged": 2, "refused": 1}

    (person,) = (row for row in bare.ok("find", "ann@shop.example")["results"] if row["type"] == "customer")
    customer = bare.ok("show", "customer", person["id"])
    assert customer["totals"] == {"orders": 1, "revenue": [{"minor": 2500, "currency": "USD"}]}
    order = bare.ok("show", "order", "1001")
    assert order["customer"]["id"] == person["id"] and order["totals"]["total"] == {
        "minor": 2500,
        "currency": "USD",
    }
    assert bare.ok("note", "order", "1001", "Please ring twice")["author"] == "adam"
    assert bare.ok("show", "order", "#1001")["notes"][0]["text"] == "Please ring twice"
    newest = bare.ok("audit", "order", "1001")[0]
    assert newest["actor"] == "adam" and "note" in newest["action"]
    assert bare.ok("locks", "list") == []
    assert bare.ok("audit", "verify") == {"ok": True, "faults": []}

    backup = bare("db", "backup", str(tmp_path / "copy.db"), "--json")
    if nowhere.startswith("sqlite"):
        assert backup.code == 0
        copied = bare.ok(
            "show",
            "order",
            "1001",
            "--db",
            f"sqlite:///{tmp_path}/copy.db",
            "--as",
            "adam",
            password=PASSWORD,
        )
        assert copied["notes"][0]["text"] == "Please ring twice"
    else:
        assert backup.code == 1 and "pg_dump" in backup.error["advice"]
    assert bare.ok("logout") == {"signed_out": True}
    assert bare.refused(4, "show", "order", "1001")["code"] == "not_signed_in"


def test_an_import_needs_a_store_files_and_the_right_to_import(bare: Program, tmp_path: Path) -> None:
    bare.ok("init", "--admin", "adam", password=PASSWORD)
    bare.ok("login", "adam", password=PASSWORD)
    file = str(exports.orders_file(tmp_path, exports.order()))
    assert bare.refused(3, "import", "shopify", "--store", "main", "--orders", file)["code"] == "not_found"
    store = ("--name", "Northgate", "--currency", "USD", "--zone", "America/New_York", "--country", "US")
    bare.ok("store", "add", "main", *store)
    bare.refused(2, "import", "shopify", "--store", "main")
    bare.refused(2, "import", "shopify", "--orders", file)
    assert bare("import", "shopify", "--store", "main", "--orders", str(tmp_path / "none.csv")).code in (
        1,
        2,
        3,
    )
    bare.ok("staff", "add", "ann", "--role", "agent", "--password-stdin", stdin=OTHER + "\n")
    bare.refused(4, "import", "shopify", "--store", "main", "--orders", file, "--as", "ann", password=OTHER)
    words = bare("import", "shopify", "--store", "main", "--orders", file)
    assert words.code == 0 and "Orders: 1 new" in words.out and words.err == ""
