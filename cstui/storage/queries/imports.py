"""What an import asks of the database and stores in it: who is known, what was imported before, and rows by the batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.ids import Kind
from cstui.storage.bulk import bulk_insert
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore, Note
from cstui.storage.tables.exchange import ImportRecord
from cstui.storage.tables.orders import Order, Product
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

RECORD = table_of(ImportRecord)
CUSTOMER = table_of(Customer)
CUSTOMER_STORE = table_of(CustomerStore)
ADDRESS = table_of(CustomerAddress)
NOTE = table_of(Note)
PRODUCT = table_of(Product)
ORDER = table_of(Order)
PAYMENT = table_of(PaymentTransaction)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the last import said of a record: which record it became, its values as JSON, and when."""

    record_id: int
    values: str
    imported_at: datetime


def remembered(tx: Transaction, source: str, store_id: int, keys: Iterable[str]) -> dict[str, Remembered]:
    """What was imported before under these keys."""
    wanted = list(keys)
    if not wanted:
        return {}
    query = sa.select(RECORD.c.external_id, RECORD.c.record_id, RECORD.c["values"], RECORD.c.imported_at).where(
        RECORD.c.source == source, RECORD.c.store_id == store_id, RECORD.c.external_id.in_(wanted)
    )  # fmt: skip
    return {row[0]: Remembered(row[1], row[2], row[3]) for row in tx.rows(query)}


def remember(
    tx: Transaction, source: str, store_id: int, kind: Kind, rows: Sequence[tuple[str, int, str]]
) -> None:
    """Stores what the file says of new records: (key, record id, values)."""
    bulk_insert(
        tx, RECORD, ((source, store_id, key, kind, record_id, values, tx.now) for key, record_id, values in rows),
        ("source", "store_id", "external_id", "record_kind", "record_id", "values", "imported_at"),
    )  # fmt: skip


def remember_again(tx: Transaction, source: str, store_id: int, rows: Mapping[str, str]) -> None:
    """Replaces what was remembered under these keys."""
    if rows:
        statement = (
            RECORD.update()
            .where(RECORD.c.source == source, RECORD.c.store_id == store_id, RECORD.c.external_id == sa.bindparam("k"))
            .values(values=sa.bindparam("v"), imported_at=tx.now)
        )  # fmt: skip
        tx.session.connection().execute(statement, [{"k": key, "v": values} for key, values in rows.items()])


def seen_again(tx: Transaction, source: str, store_id: int, keys: Sequence[str]) -> None:
    """Notes that the file still says the same of these records."""
    if keys:
        tx.run(
            RECORD.update()
            .where(RECORD.c.source == source, RECORD.c.store_id == store_id, RECORD.c.external_id.in_(keys))
            .values(imported_at=tx.now)
        )


# Who is known ---------------------------------------------------------------------------------------


def _people(store_id: int) -> sa.Select[Any]:
    known = (
        sa.select(CUSTOMER_STORE.c.customer_id)
        .where(CUSTOMER_STORE.c.customer_id == CUSTOMER.c.id, CUSTOMER_STORE.c.store_id == store_id)
        .exists()
    )
    return sa.select(
        CUSTOMER.c.id, CUSTOMER.c.email_folded, CUSTOMER.c.phone_e164, CUSTOMER.c.first_name, CUSTOMER.c.last_name, known.label("known")
    )  # fmt: skip


def people(
    tx: Transaction, store_id: int, emails: Sequence[str], phones: Sequence[str], ids: Sequence[int]
) -> list[Any]:
    """Customers with one of these e-mails (of any store), phones (of this store) or ids: id, e-mail, phone, names, known here."""
    rows: dict[int, Any] = {}
    query = _people(store_id)
    if emails:
        rows.update((row.id, row) for row in tx.rows(query.where(CUSTOMER.c.email_folded.in_(emails))))
    if phones:
        of_store = CUSTOMER.c.id.in_(
            sa.select(CUSTOMER_STORE.c.customer_id).where(CUSTOMER_STORE.c.store_id == store_id)
        )
        rows.update(
            (row.id, row) for row in tx.rows(query.where(CUSTOMER.c.phone_e164.in_(phones), of_store))
        )
    if ids:
        rows.update((row.id, row) for row in tx.rows(query.where(CUSTOMER.c.id.in_(ids))))
    return [rows[key] for key in sorted(rows)]


def make_known(tx: Transaction, store_id: int, customer_ids: Sequence[int]) -> None:
    """Makes customers known in the store, where they are not yet."""
    if customer_ids:
        insert: Any = (sqlite if tx.is_sqlite else postgresql).insert(CUSTOMER_STORE)
        tx.session.connection().execute(
            insert.on_conflict_do_nothing(),
            [{"customer_id": each, "store_id": store_id, "since": tx.now} for each in sorted(customer_ids)],
        )


def customers_for_update(tx: Transaction, ids: Sequence[int]) -> dict[int, Any]:
    """The customers' columns with their default address (`address_*`), locked until the transaction ends."""
    if not ids:
        return {}
    address = [ADDRESS.c[name].label(f"address_{name}") for name in ("id", *ADDRESS_FIELDS)]
    joined = CUSTOMER.outerjoin(
        ADDRESS, sa.and_(ADDRESS.c.customer_id == CUSTOMER.c.id, ADDRESS.c.is_default_billing)
    )
    query = (
        sa.select(CUSTOMER, *address)
        .select_from(joined)
        .where(CUSTOMER.c.id.in_(ids))
        .order_by(CUSTOMER.c.id)
        .with_for_update(of=CUSTOMER)
    )
    return {row.id: row for row in tx.rows(query)}


ADDRESS_FIELDS = (
    "first_name", "last_name", "company", "line1", "line2", "city", "region", "postcode", "country", "phone",
)  # fmt: skip


def change_customer(tx: Transaction, customer_id: int, version: int, values: Mapping[str, Any]) -> bool:
    """Stores changed columns and raises the version; False where somebody else was faster."""
    statement = CUSTOMER.update().where(CUSTOMER.c.id == customer_id, CUSTOMER.c.version == version)
    return tx.run(statement.values(**values, version=version + 1, updated_at=tx.now)) == 1


def change_address(tx: Transaction, customer_id: int, address_id: int | None, fields: Sequence[str]) -> None:
    """Stores the default address; `address_id` None adds one that is the default for both."""
    values = dict(zip(ADDRESS_FIELDS, fields, strict=True))
    if address_id is None:
        tx.run(
            ADDRESS.insert().values(
                **values, customer_id=customer_id, is_default_billing=True, is_default_shipping=True, created_at=tx.now
            )
        )  # fmt: skip
    else:
        tx.run(ADDRESS.update().where(ADDRESS.c.id == address_id).values(**values))


# Products -------------------------------------------------------------------------------------------


def product_ids(
    tx: Transaction, store_id: int, products: Mapping[tuple[str, str], tuple[str, int, bool, bool]]
) -> dict[tuple[str, str], int]:
    """Ids of products by (sku, name), adding those that are missing: vendor, unit price, ships, taxable."""
    found: dict[tuple[str, str], int] = {}
    keys = sorted(products)
    if not keys:
        return found
    insert: Any = (sqlite if tx.is_sqlite else postgresql).insert(PRODUCT)
    tx.session.connection().execute(
        insert.on_conflict_do_nothing(),
        [
            {"store_id": store_id, "sku": sku, "name": name, "option": "", "vendor": vendor, "unit_price": price,
             "requires_shipping": ships, "taxable": taxable, "is_active": True, "created_at": tx.now}
            for (sku, name), (vendor, price, ships, taxable) in ((key, products[key]) for key in keys)
        ],
    )  # fmt: skip
    columns = sa.tuple_(PRODUCT.c.sku, PRODUCT.c.name)
    query = sa.select(PRODUCT.c.sku, PRODUCT.c.name, PRODUCT.c.id).where(
        PRODUCT.c.store_id == store_id, PRODUCT.c.option == "", columns.in_(keys)
    )
    for sku, name, product_id in tx.rows(query):
        found[sku, name] = product_id
    return found


# The self-test --------------------------------------------------------------------------------------


def spent_and_orders(
    tx: Transaction, store_id: int, customer_ids: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Per customer: how many orders he has in the store, and the sum of their totals less what was refunded."""
    refunded = (
        sa.select(PAYMENT.c.order_id, sa.func.sum(PAYMENT.c.amount).label("amount"))
        .where(
            PAYMENT.c.kind == "refund", PAYMENT.c.status == "succeeded",
            PAYMENT.c.order_id.in_(sa.select(ORDER.c.id).where(ORDER.c.customer_id.in_(customer_ids))),
        )
        .group_by(PAYMENT.c.order_id)
        .subquery()
    )  # fmt: skip
    query = (
        sa.select(
            ORDER.c.customer_id, sa.func.count(), sa.func.sum(ORDER.c.total - sa.func.coalesce(refunded.c.amount, 0))
        )
        .select_from(ORDER.outerjoin(refunded, refunded.c.order_id == ORDER.c.id))
        .where(ORDER.c.store_id == store_id, ORDER.c.customer_id.in_(customer_ids))
        .group_by(ORDER.c.customer_id)
    )  # fmt: skip
    return {customer: (int(count), int(amount)) for customer, count, amount in tx.rows(query)}


def remembered_page(
    tx: Transaction, source: str, store_id: int, after: str, limit: int
) -> list[tuple[str, int, str]]:
    """The next remembered records in the order of their keys: (key, record id, values)."""
    query = (
        sa.select(RECORD.c.external_id, RECORD.c.record_id, RECORD.c["values"])
        .where(RECORD.c.source == source, RECORD.c.store_id == store_id, RECORD.c.external_id > after)
        .order_by(RECORD.c.external_id)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in tx.rows(query)]


def names_of(tx: Transaction, customer_ids: Sequence[int]) -> dict[int, str]:
    """First and last names by customer."""
    query = sa.select(CUSTOMER.c.id, CUSTOMER.c.first_name, CUSTOMER.c.last_name).where(CUSTOMER.c.id.in_(customer_ids))  # fmt: skip
    return {row[0]: f"{row[1]} {row[2]}".strip() for row in tx.rows(query)}
