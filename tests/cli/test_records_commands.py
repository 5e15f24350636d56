"""find, show, note, call, locks and audit: what scripts read, and how each refusal ends."""

from __future__ import annotations

from datetime import date

import pytest

from cstui.domain.ids import Kind, new_token, public_id
from cstui.domain.permissions import Role
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus
from cstui.services.locks import Locks
from cstui.services.settings import Settings
from cstui.storage.tables.subscriptions import Subscription
from tests import factories
from tests.cli.program import OTHER, Program, Shop

MONEY = {"minor", "currency"}
ADDRESS = {
    "first_name",
    "last_name",
    "company",
    "line1",
    "line2",
    "city",
    "region",
    "postcode",
    "country",
    "phone",
}


def test_find_answers_with_the_keys_of_the_contract(shop: Shop) -> None:
    found = shop.ok("find", "212 555 0101")
    assert set(found) == {"query", "read_as", "results", "more", "hint"}
    assert found["query"] == "212 555 0101" and "phone" in found["read_as"] and found["more"] is False
    (row,) = found["results"]
    assert set(row) == {
        "type", "id", "label", "matched", "store",
        "customer_id", "number", "email", "phone", "postcode", "orders", "last_order_at",
    }  # fmt: skip
    assert (row["type"], row["matched"], row["store"]) == ("customer", "phone", "main")
    assert row["id"] == public_id(Kind.CUSTOMER, shop.customer)
    assert shop.ok("find", "1001")["results"][0]["type"] == "order"
    assert shop("find", "nobody-at-all@nowhere.example").code == 0


def test_a_found_id_is_what_show_takes(shop: Shop) -> None:
    for query in ("1001", "ann.lee@example.com"):
        row = shop.ok("find", query)["results"][0]
        assert shop.ok("show", row["type"], row["id"])["id"] == row["id"]


def test_show_order_has_the_keys_of_the_contract(shop: Shop) -> None:
    order = shop.ok("show", "order", "1001")
    assert set(order) == {
        "id", "number", "store", "status", "payment_status", "fulfilment_status", "placed_at", "version", "lock", "customer",
        "billing_address", "shipping_address", "lines", "totals", "transactions", "shipments", "returns", "holds", "notes", "tags",
    }  # fmt: skip
    assert set(order["customer"]) == {"id", "name", "email", "phone"}
    assert set(order["billing_address"]) == set(order["shipping_address"]) == ADDRESS
    assert {key for line in order["lines"] for key in line} == {
        "id", "sku", "name", "option", "quantity", "unit_price", "discount", "tax", "total",
    }  # fmt: skip
    assert set(order["totals"]) == {
        "subtotal", "discount", "shipping", "tax", "total", "captured", "refunded", "remaining", "balance", "tax_included",
    }  # fmt: skip
    assert order["totals"]["total"] == {"minor": 3050, "currency": "USD"} == order["totals"]["captured"]
    assert order["totals"]["remaining"] == {"minor": 3050, "currency": "USD"}
    assert order["placed_at"] == "2026-11-02T10:00:00.000Z"
    assert order["lock"] is None and order["returns"] == [] and order["holds"] == []
    assert order["transactions"][0]["amount"] == {"minor": 3050, "currency": "USD"}


def test_show_customer_has_the_keys_of_the_contract(shop: Shop) -> None:
    factories.add_card(shop.database, shop.customer)
    shop.ok("note", "customer", "1001", "Prefers mornings")
    customer = shop.ok("show", "customer", public_id(Kind.CUSTOMER, shop.customer))
    assert set(customer) == {
        "id", "name", "email", "phone", "status", "addresses", "totals", "has_payment_method", "orders", "subscriptions", "cards",
        "notes", "calls", "segments", "phone_e164", "company", "version", "stores",
    }  # fmt: skip
    assert set(customer["totals"]) == {"orders", "revenue"}
    assert [set(amount) for amount in customer["totals"]["revenue"]] == [MONEY]
    assert customer["has_payment_method"] is True
    assert set(customer["addresses"][0]) == ADDRESS | {"id", "default_billing", "default_shipping"}
    assert [note["text"] for note in customer["notes"]] == ["Prefers mornings"]
    assert [order["number"] for order in customer["orders"]] == ["#1001"]
    assert customer["cards"][0]["last4"] == "4242"


def test_show_subscription_has_the_keys_of_the_contract(shop: Shop) -> None:
    key = _subscription(shop)
    shown = shop.ok("show", "subscription", public_id(Kind.SUBSCRIPTION, key))
    assert set(shown) >= {
        "id", "customer_id", "product", "status", "next_bill_date", "cycle", "price", "interval", "card", "trial", "history",
    }  # fmt: skip
    assert set(shown["price"]) >= {"unit", "quantity", "discount", "shipping", "tax", "total"}
    assert shown["price"]["total"] == {"minor": 2400, "currency": "USD"}
    assert (shown["next_bill_date"], shown["history"]) == ("2026-12-01", [])
    assert shop("show", "subscription", public_id(Kind.SUBSCRIPTION, key)).out.startswith("Tea")
    assert shop.refused(3, "show", "subscription", "sub_zzzz")["code"] == "not_found"


def _subscription(shop: Shop) -> int:
    with shop.database.write() as tx:
        row = Subscription(
            store_id=shop.store, customer_id=shop.customer, product="Tea", status=SubscriptionStatus.ACTIVE, unit_price=1200,
            quantity=2, currency="USD", interval_unit=IntervalUnit.MONTH, interval_count=1, cycle=1, anchor_day=1,
            next_bill_date=date(2026, 12, 1), created_at=factories.THEN, updated_at=factories.THEN,
        )  # fmt: skip
        tx.session.add(row)
        tx.session.flush()
        key = row.id
    assert key is not None
    return key


@pytest.mark.parametrize("ref", ["1001", "#1001", "id"])
def test_an_order_is_named_by_its_id_or_its_number_with_or_without_the_sign(
    sqlite_shop: Shop, ref: str
) -> None:
    wanted = public_id(Kind.ORDER, sqlite_shop.order)
    assert sqlite_shop.ok("show", "order", wanted if ref == "id" else ref)["id"] == wanted


def test_a_number_that_two_stores_use_is_refused_with_both_ids_until_a_store_is_named(shop: Shop) -> None:
    other = factories.add_store(shop.database, "second")
    there = factories.add_order(shop.database, other, shop.customer)
    ids = {public_id(Kind.ORDER, shop.order), public_id(Kind.ORDER, there)}
    for words in (("show", "order", "1001"), ("note", "order", "1001", "x"), ("audit", "order", "1001")):
        error = shop.refused(2, *words)
        assert error["code"] == "ambiguous" and set(error["candidates"]) == ids
    assert shop.ok("show", "order", "1001", "--store", "second")["id"] == public_id(Kind.ORDER, there)
    twin = factories.add_order(shop.database, other, shop.customer)
    error = shop.refused(2, "show", "order", "#1001", "--store", "second")
    assert set(error["candidates"]) == {public_id(Kind.ORDER, there), public_id(Kind.ORDER, twin)}
    assert shop.refused(3, "show", "order", "1001", "--store", "third")["code"] == "not_found"


def test_what_is_not_there_ends_with_3_and_an_id_of_another_kind_with_2(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    assert shop.refused(3, "show", "order", "99999")["ref"] == "99999"
    shop.refused(3, "show", "order", "ord_zzz")
    shop.refused(3, "show", "customer", "cus_zzz")
    shop.refused(3, "show", "customer", "nobody@nowhere.example")
    shop.refused(3, "note", "order", "99999", "text")
    shop.refused(3, "audit", "order", "99999")
    shop.refused(2, "show", "order", public_id(Kind.CUSTOMER, shop.customer))
    shop.refused(2, "show", "customer", public_id(Kind.ORDER, shop.order))
    shop.refused(2, "show", "subscription", public_id(Kind.ORDER, shop.order))


def test_an_order_number_that_looks_like_an_id_of_another_kind_is_still_an_order(sqlite_shop: Shop) -> None:
    key = factories.add_order(sqlite_shop.database, sqlite_shop.store, sqlite_shop.customer, number="SUB_100")
    assert sqlite_shop.ok("show", "order", "SUB_100")["id"] == public_id(Kind.ORDER, key)


def test_a_note_goes_only_to_a_customer_who_is_named_beyond_doubt(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    for exact in ("ann.lee@example.com", "1001", "+1 212 555 0101"):
        assert shop.ok("note", "customer", exact, f"by {exact}")["on"] == public_id(
            Kind.CUSTOMER, shop.customer
        )
    shop.refused(3, "note", "customer", "Ann Lee", "a name is not enough")
    shop.refused(3, "note", "customer", "ann.lea@example.com", "a slip is not enough")
    twin = factories.add_customer(shop.database, shop.store, "Bea", "Lee", email="bea@example.com")
    shop.index()
    error = shop.refused(2, "note", "customer", "212-555-0101", "two people, one phone")
    assert set(error["candidates"]) == {
        public_id(Kind.CUSTOMER, shop.customer),
        public_id(Kind.CUSTOMER, twin),
    }


def test_a_note_with_a_card_number_is_refused_and_nothing_is_stored(shop: Shop) -> None:
    error = shop.refused(1, "note", "order", "1001", "card 4242 4242 4242 4242")
    assert error["code"] == "invalid" and "4242 4242" not in str(error)
    shop.refused(1, "note", "order", "1001", "   ")
    assert shop.ok("show", "order", "1001")["notes"] == []


def test_a_note_is_shown_with_its_author_and_stands_in_the_history(shop: Shop) -> None:
    note = shop.ok("note", "order", "1001", "Ring twice\nthen wait")
    assert set(note) == {"id", "on", "at", "author", "text"} and note["author"] == "adam"
    assert [kept["text"] for kept in shop.ok("show", "order", "1001")["notes"]] == ["Ring twice\nthen wait"]
    events = shop.ok("audit", "order", "1001")
    assert {key for event in events for key in event} == {
        "id", "at", "actor", "terminal", "action", "reason", "version", "changes",
    }  # fmt: skip
    assert events[0]["actor"] == "adam" and "note" in events[0]["action"]


def test_words_are_for_people_and_never_steer_their_terminal(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    factories.add_customer(shop.database, shop.store, "Eve\x1b[2J", "\u202eMoore\n", email="eve@example.com")
    shop.index()
    for words in (("find", "eve@example.com"), ("show", "customer", "eve@example.com")):
        for answer in (shop(*words), shop(*words, "--json")):
            assert answer.code == 0 and "Eve" in answer.out
            assert not any(sign in answer.out for sign in "\x1b\u202e\r\x07")


def test_locks_are_listed_and_released_by_those_who_may(shop: Shop) -> None:
    assert shop("locks", "list").out == "Nobody holds a lock.\n"
    bob = factories.add_staff(shop.database, "bob", terminal="term-3")
    Locks(shop.database, Settings(shop.database)).begin(bob, Kind.ORDER, shop.order, 1, new_token())
    (row,) = shop.ok("locks", "list")
    assert set(row) == {
        "order_id", "number", "store", "holder", "terminal", "since", "last_active", "stale", "purpose",
    }  # fmt: skip
    assert (row["holder"], row["terminal"], row["stale"], row["purpose"]) == ("Bob", "term-3", False, "edit")
    lock = shop.ok("show", "order", "1001")["lock"]
    assert {"holder", "since", "stale"} <= set(lock) and lock["holder"] == "Bob"
    shop.add_person("ann", Role.AGENT)
    assert shop.refused(4, "locks", "release", "1001", "--reason", "gone", "--as", "ann", password=OTHER)
    shop.refused(1, "locks", "release", "1001", "--reason", " ")
    assert shop("locks", "release", "1001").code == 2
    assert shop.ok("locks", "release", "#1001", "--reason", "gone home") == {
        "released": public_id(Kind.ORDER, shop.order)
    }
    assert shop.ok("locks", "list") == []
    assert shop.refused(1, "locks", "release", "1001", "--reason", "again")["code"] == "not_possible_now"
    assert "gone home" in shop.ok("audit", "order", "1001")[0]["reason"]


def test_a_call_is_logged_with_a_disposition_of_the_list(shop: Shop) -> None:
    shop.ok(
        "store",
        "add",
        "extra",
        "--name",
        "Extra",
        "--currency",
        "EUR",
        "--zone",
        "Europe/Berlin",
        "--country",
        "DE",
    )
    code = _a_disposition(shop)
    call = shop.ok("call", "log", "1001", "--direction", "out", "--disposition", code, "--note", "left word")
    assert (
        set(call) == {"id", "at", "direction", "disposition", "note", "agent"} and call["direction"] == "out"
    )
    shop.refused(1, "call", "log", "1001", "--direction", "in", "--disposition", "no-such-thing")
    shop.refused(2, "call", "log", "1001", "--direction", "sideways", "--disposition", code)
    shop.refused(2, "call", "log", "1001")
    assert shop.ok("show", "customer", "1001")["calls"][0]["note"] == "left word"


def _a_disposition(shop: Shop) -> str:
    from cstui.services.calls import Calls

    return Calls(shop.database).dispositions(shop.store)[0].code


def test_audit_verify_ends_with_1_once_somebody_changed_the_past(shop: Shop) -> None:
    import sqlalchemy as sa

    shop.ok("note", "order", "1001", "as it was")
    assert shop.ok("audit", "verify") == {"ok": True, "faults": []}
    with shop.database.write() as tx:
        tx.rows(sa.text("UPDATE audit_event SET actor_name = 'mallory' WHERE id = 1 RETURNING id"))
    answer = shop("audit", "verify", "--json")
    assert answer.code == 1 and answer.json["ok"] is False and answer.json["faults"]
    assert shop("audit", "verify").code == 1


def test_a_record_of_another_store_is_not_found_in_the_very_words(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    factories.add_store(shop.database, "second")
    shop.add_person("cat", Role.AGENT, "second")
    as_cat = ("--as", "cat")
    hidden = shop.refused(3, "show", "order", "1001", *as_cat, password=OTHER)
    missing = shop.refused(3, "show", "order", "77777", *as_cat, password=OTHER)
    assert hidden["message"].replace("1001", "77777") == missing["message"]
    shop.refused(3, "show", "order", public_id(Kind.ORDER, shop.order), *as_cat, password=OTHER)
    shop.refused(3, "show", "customer", public_id(Kind.CUSTOMER, shop.customer), *as_cat, password=OTHER)
    assert shop.ok("find", "212 555 0101", *as_cat, password=OTHER)["results"] == []
    assert shop.ok("store", "list", *as_cat, password=OTHER)[0]["code"] == "second"
    assert shop.refused(4, "store", "add", "x", "--name", "X", "--currency", "USD", "--zone", "UTC", "--country", "US", *as_cat,
                        password=OTHER)["code"] == "not_permitted"  # fmt: skip


def test_a_database_without_anybody_signed_in_ends_with_4(bare: Program, db_url: str) -> None:
    bare.set("CSTUI_DB", db_url)
    for words in (("find", "x@y.example"), ("show", "order", "1"), ("locks", "list"), ("staff", "list"), ("settings", "get"),
                  ("audit", "verify"), ("store", "list"), ("note", "order", "1", "x"), ("show", "subscription", "nope")):  # fmt: skip
        error = bare.refused(4, *words)
        assert error["code"] == "not_signed_in" and "cstui login" in error["advice"]
