"""Bulk loading stores what row objects would store, and leaves the schema as it was."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cstui.domain.customers import CustomerStatus
from cstui.storage import schema
from cstui.storage.bulk import bulk_insert, insert_missing, reserve_keys, restore_indexes, without_indexes
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerStore
from cstui.storage.tables.search import SEARCH_PERSON
from cstui.storage.transaction import Database
from tests.factories import THEN, add_customer, add_store, count

CUSTOMER = table_of(Customer)
KNOWN = table_of(CustomerStore)
COLUMNS = (
    "id",
    "first_name",
    "email",
    "status",
    "accepts_email",
    "registered_at",
    "created_at",
    "updated_at",
)


def _rows(keys: range | list[int], **more: object) -> list[tuple[object, ...]]:
    status = more.get("status", CustomerStatus.DISABLED)
    return [(key, f"N{key}", f"n{key}@example.com", status, True, None, THEN, THEN) for key in keys]


def test_bulk_rows_equal_rows_written_one_by_one(db: Database) -> None:
    with db.write() as tx:
        keys = list(reserve_keys(tx, CUSTOMER, 3))
        assert bulk_insert(tx, CUSTOMER, iter(_rows(keys)), COLUMNS) == 3
    with db.read() as tx:
        row = tx.rows(sa.select(CUSTOMER).where(CUSTOMER.c.id == keys[1]))[0]
    assert (row.first_name, row.status, row.accepts_email) == (f"N{keys[1]}", CustomerStatus.DISABLED, True)
    assert row.created_at == THEN and row.registered_at is None
    assert (row.version, row.phone, row.tax_exempt) == (1, "", False), "left out: the model's defaults"


def test_reserved_keys_never_collide_with_rows_written_later(db: Database) -> None:
    store = add_store(db)
    with db.write() as tx:
        first, second = reserve_keys(tx, CUSTOMER, 2), reserve_keys(tx, CUSTOMER, 3)
        assert not set(first) & set(second) and len(second) == 3
        bulk_insert(tx, CUSTOMER, _rows([*first, *second]), COLUMNS)
    assert add_customer(db, store) > max(second)
    assert count(db, Customer) == 6


def test_no_keys_are_reserved_for_nothing(db: Database) -> None:
    with db.write() as tx:
        assert len(reserve_keys(tx, CUSTOMER, 0)) == 0


def test_a_value_that_the_enum_does_not_know_is_refused_and_nothing_is_stored(db: Database) -> None:
    with pytest.raises(LookupError):
        with db.write() as tx:
            bulk_insert(tx, CUSTOMER, _rows([7], status="asleep"), COLUMNS)
    assert count(db, Customer) == 0


def test_indexes_are_back_after_a_load_and_after_a_failed_one(db: Database) -> None:
    with pytest.raises(RuntimeError):
        with without_indexes(db, [CUSTOMER, KNOWN]):
            with db.engine.connect() as connection:
                assert sa.inspect(connection).get_indexes("customer") == []
            raise RuntimeError
    assert schema.differences(db) == []


def test_indexes_left_missing_by_a_killed_load_can_be_restored(db: Database) -> None:
    with db.write() as tx:
        for index in CUSTOMER.indexes:
            tx.run(sa.schema.DropIndex(index))
    assert schema.differences(db) != []
    restore_indexes(db)
    assert schema.differences(db) == []


def test_a_generator_of_rows_may_ask_for_the_time_of_the_transaction(db: Database) -> None:
    with db.write() as tx:
        rows = ((key, "N", "", CustomerStatus.ACTIVE, True, None, tx.now, tx.now) for key in (1, 2, 3))
        assert bulk_insert(tx, CUSTOMER, rows, COLUMNS) == 3
    with db.read() as tx:
        assert tx.rows(sa.select(CUSTOMER.c.created_at).distinct())[0][0] is not None


def test_rows_that_are_there_already_are_left_as_they_are(db: Database) -> None:
    with db.write() as tx:
        insert_missing(tx, SEARCH_PERSON, [(1, 5, 7, "\n4:ann\n"), (1, 6, 8, "\n4:100%\n")])
    with db.write() as tx:
        insert_missing(tx, SEARCH_PERSON, [(1, 5, 7, "\n4:bob\n"), (1, 7, 9, "\n4:eve\n")])
        insert_missing(tx, SEARCH_PERSON, [])
    with db.read() as tx:
        rows = tx.rows(sa.select(SEARCH_PERSON).order_by(SEARCH_PERSON.c.customer_id))
    assert [tuple(row) for row in rows] == [
        (1, 5, 7, "\n4:ann\n"),
        (1, 6, 8, "\n4:100%\n"),
        (1, 7, 9, "\n4:eve\n"),
    ]
