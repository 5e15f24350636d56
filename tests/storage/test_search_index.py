"""The index follows its records in the same transaction, and a rebuild gives what the changes gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.payments import TransactionKind, TransactionStatus
from cstui.domain.search_terms import Space
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerStore
from cstui.storage.tables.orders import Order, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.search import SEARCH_PERSON, SEARCH_TERM, SEARCH_WORD
from cstui.storage.tables.subscriptions import Subscription
from tests.factories import THEN, add_card, add_customer, add_order, add_store, count


def everything(db: Database) -> dict[str, Sequence[Any]]:
    with db.read() as tx:
        return {
            table.name: [
                tuple(sorted(v.split("\n")) if isinstance(v, str) and "\n" in v else v for v in row)
                for row in tx.rows(sa.select(table).order_by(*table.primary_key))
            ]
            for table in (SEARCH_TERM, SEARCH_PERSON, SEARCH_WORD)
        }


def terms(db: Database, space: Space) -> list[str]:
    with db.read() as tx:
        query = (
            sa.select(SEARCH_TERM.c.term).where(SEARCH_TERM.c.kind == int(space)).order_by(SEARCH_TERM.c.term)
        )
        return [row.term for row in tx.rows(query)]


def test_indexing_step_by_step_equals_a_rebuild(db: Database) -> None:
    main, other = add_store(db), add_store(db, "other")
    customers = [
        add_customer(db, main, "Ann", "Lee"),
        add_customer(db, other, "Zoë", "O'Brien-Smith", company="Smith & Co"),
    ]
    orders = [add_order(db, main, customers[0], "#GN1", paid=100), add_order(db, other, customers[1], "L-2")]
    add_card(db, customers[1], last4="1881", bin6="411111")
    with db.write() as tx:
        search_index.index_customers(tx, customers)
        search_index.index_orders(tx, orders)
        for order in orders:
            search_index.index_transactions(tx, order)
            search_index.index_shipments(tx, order)
    stepwise = everything(db)
    search_index.rebuild(db)
    assert everything(db) == stepwise
    assert stepwise["search_term"] and stepwise["search_word"]


def test_a_change_replaces_exactly_the_terms_that_it_touches(db: Database) -> None:
    store = add_store(db)
    ann = add_customer(db, store, phone="", phone_e164="")
    add_customer(db, store, "Bob", "Lee", phone="", phone_e164="")
    search_index.rebuild(db)
    with db.write() as tx:
        table = table_of(Customer)
        tx.run(
            table.update()
            .where(table.c.id == ann)
            .values(email="ann@new.example", email_folded="ann@new.example")
        )
        search_index.index_customer(tx, ann)
    assert terms(db, Space.EMAIL) == ["ann@new.example", "bob.lee@example.com"]
    after = everything(db)
    search_index.rebuild(db)
    # The vocabulary only grows.
    assert {name: rows for name, rows in everything(db).items() if name != "search_word"} == {
        name: rows for name, rows in after.items() if name != "search_word"
    }


def test_a_change_that_fails_leaves_the_index_as_it_was(db: Database) -> None:
    store = add_store(db)
    ann = add_customer(db, store)
    search_index.rebuild(db)
    before = everything(db)
    with pytest.raises(RuntimeError), db.write() as tx:
        table = table_of(Customer)
        tx.run(table.update().values(first_name="Zed"))
        search_index.index_customer(tx, ann)
        raise RuntimeError
    assert everything(db) == before


def test_a_newer_order_makes_its_customer_newer(db: Database) -> None:
    store = add_store(db)
    ann = add_customer(db, store)
    order = add_order(db, store, ann, "#1", placed_at=THEN.replace(year=2020))
    search_index.rebuild(db)

    def age() -> int:
        with db.read() as tx:
            ages = {row.age for row in tx.rows(sa.select(SEARCH_TERM.c.age).where(SEARCH_TERM.c.kind < 20))}
            (of_person,) = (row.age for row in tx.rows(sa.select(SEARCH_PERSON.c.age)))
        assert ages == {of_person}
        return int(of_person)

    before = age()
    with db.write() as tx:
        search_index.index_order(tx, order)
    assert age() == before
    newer = add_order(db, store, ann, "#2")
    with db.write() as tx:
        search_index.index_order(tx, newer)
    assert age() < before


def test_a_renumbered_order_loses_its_former_number(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), "#GN1")
    search_index.rebuild(db)
    with db.write() as tx:
        tx.run(table_of(Order).update().values(number="#GN2"))
        search_index.index_order(tx, order, former_number="#GN1")
    assert terms(db, Space.ORDER) == ["gn2"] and terms(db, Space.ORDER_DIGITS) == ["2"]


def test_a_customer_who_leaves_a_store_is_not_found_there_any_more(db: Database) -> None:
    main, other = add_store(db), add_store(db, "other")
    ann = add_customer(db, main)
    with db.write() as tx:
        tx.session.add(CustomerStore(customer_id=ann, store_id=other, since=THEN))
        search_index.index_customer(tx, ann)
    assert len(terms(db, Space.NAME)) == 4
    with db.write() as tx:
        known = table_of(CustomerStore)
        tx.run(known.delete().where(known.c.store_id == other))
        search_index.index_customer(tx, ann)
    with db.read() as tx:
        assert {row.store_id for row in tx.rows(sa.select(SEARCH_TERM.c.store_id))} == {main}
    assert len(terms(db, Space.NAME)) == 2


def test_what_only_an_order_says_is_known_in_its_store_only(db: Database) -> None:
    main, other = add_store(db), add_store(db, "other")
    ann = add_customer(db, main)
    with db.write() as tx:
        tx.session.add(CustomerStore(customer_id=ann, store_id=other, since=THEN))
    add_order(db, other, ann, "7", shipping_postcode="90210")
    search_index.rebuild(db)
    with db.read() as tx:
        rows = tx.rows(
            sa.select(SEARCH_TERM.c.store_id, SEARCH_TERM.c.term).where(
                SEARCH_TERM.c.kind == int(Space.POSTCODE)
            )
        )
    assert sorted(map(tuple, rows)) == [
        (main, "12207 lee ann"),
        (other, "12207 lee ann"),
        (other, "90210 lee ann"),
    ]


def test_references_lead_to_their_order_and_a_new_tracking_number_replaces_the_old(db: Database) -> None:
    store = add_store(db)
    ann = add_customer(db, store)
    order = add_order(db, store, ann, "#1")
    with db.write() as tx:
        tx.session.add(
            PaymentTransaction(
                store_id=store, order_id=order, customer_id=ann, kind=TransactionKind.SALE, status=TransactionStatus.SUCCEEDED, amount=1,
                currency="USD", gateway_ref="ch_3Nabc", card_last4="1881", occurred_at=THEN, created_at=THEN,
            )
        )  # fmt: skip
        tx.session.add(
            Subscription(
                store_id=store, customer_id=ann, external_id="S-77", status=SubscriptionStatus.ACTIVE, currency="USD",
                created_at=THEN, updated_at=THEN,
            )
        )  # fmt: skip
        tx.session.flush()
        parcels = table_of(Shipment)
        search_index.index_transactions(tx, order)
        search_index.index_subscription(tx, 1)
        for tracking in ("1Z 999", "1Z 888"):
            tx.run(parcels.update().values(tracking=tracking))
            search_index.index_shipments(tx, order)
    assert terms(db, Space.TRANSACTION) == ["ch3nabc"] and terms(db, Space.CARD) == ["1881 lee ann"]
    assert terms(db, Space.TRACKING) == ["1z888"] and terms(db, Space.SUBSCRIPTION) == ["s77"]
    with db.write() as tx:
        search_index.index_orders(tx, [order])
    stepwise = everything(db)
    search_index.rebuild(db)
    assert everything(db) == stepwise


def test_progress_counts_customers_and_orders(db: Database) -> None:
    store = add_store(db)
    ann = add_customer(db, store)
    add_order(db, store, ann)
    heard: list[tuple[int, int]] = []
    search_index.rebuild(db, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (2, 2) and count(db, Order) == 1
