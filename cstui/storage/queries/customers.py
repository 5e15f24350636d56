"""Customers as rows: locked reading, and writing contact, addresses, status and who was opened last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.addresses import Address
from cstui.domain.customers import Contact, CustomerStatus, folded_email
from cstui.domain.ids import Kind
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer, CustomerAddress, CustomerStore, RecentCustomer
from cstui.storage.tables.people import Store
from cstui.storage.transaction import Transaction

_CUSTOMER = table_of(Customer)
_KNOWN = table_of(CustomerStore)
_ADDRESS = table_of(CustomerAddress)
_STORE = table_of(Store)
_RECENT = table_of(RecentCustomer)
_EVENT = table_of(AuditEvent)
_CHANGE = table_of(AuditChange)
#: How many opened customers are remembered per person.
REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer's own row."""

    id: int
    version: int
    contact: Contact
    phone_e164: str
    status: CustomerStatus


@dataclass(frozen=True, slots=True)
class StoredAddress:
    """One address row."""

    id: int
    address: Address
    is_default_billing: bool
    is_default_shipping: bool


def stored(tx: Transaction, customer_id: int, *, lock: bool) -> StoredCustomer | None:
    """The customer's row, with `lock` held against other edits until the transaction ends (orders may still be added meanwhile)."""
    query = sa.select(_CUSTOMER).where(_CUSTOMER.c.id == customer_id)
    found = tx.rows(query.with_for_update(key_share=True) if lock else query)
    if not found:
        return None
    row = found[0]
    contact = Contact(
        row.first_name, row.last_name, row.company, row.email, row.phone, row.language, row.locale
    )
    return StoredCustomer(row.id, row.version, contact, row.phone_e164, row.status)


def stores_of(tx: Transaction, customer_id: int) -> tuple[int, ...]:
    """The stores in which he is known, oldest acquaintance first."""
    query = (
        sa.select(_KNOWN.c.store_id)
        .where(_KNOWN.c.customer_id == customer_id)
        .order_by(_KNOWN.c.since, _KNOWN.c.store_id)
    )
    return tuple(row.store_id for row in tx.rows(query))


def store_country(tx: Transaction, store_id: int) -> str:
    """The country of a store; national phone numbers are read by it."""
    return "".join(row.country for row in tx.rows(sa.select(_STORE.c.country).where(_STORE.c.id == store_id)))


def addresses_of(tx: Transaction, customer_id: int) -> tuple[StoredAddress, ...]:
    """The addresses that he keeps, oldest first."""
    query = sa.select(_ADDRESS).where(_ADDRESS.c.customer_id == customer_id).order_by(_ADDRESS.c.id)
    return tuple(
        StoredAddress(
            r.id,
            Address(r.first_name, r.last_name, r.company, r.line1, r.line2, r.city, r.region, r.postcode, r.country, r.phone),
            r.is_default_billing,
            r.is_default_shipping,
        )
        for r in tx.rows(query)
    )  # fmt: skip


def write_contact(tx: Transaction, customer_id: int, contact: Contact, phone_e164: str) -> None:
    """Stores the contact block with what is derived from it."""
    _update(
        tx,
        customer_id,
        **asdict(contact),
        email_folded=folded_email(contact.email),
        phone_e164=phone_e164,
    )


def write_phone_e164(tx: Transaction, customer_id: int, phone_e164: str) -> None:
    """Stores how the phone reads internationally."""
    tx.run(_CUSTOMER.update().where(_CUSTOMER.c.id == customer_id).values(phone_e164=phone_e164))


def write_status(tx: Transaction, customer_id: int, status: CustomerStatus) -> None:
    """Stores whether he may log on and buy."""
    _update(tx, customer_id, status=status)


def touch(tx: Transaction, customer_id: int) -> None:
    """Raises the version: something of the profile outside its own row has changed."""
    _update(tx, customer_id)


def _update(tx: Transaction, customer_id: int, **values: Any) -> None:
    tx.run(
        _CUSTOMER.update()
        .where(_CUSTOMER.c.id == customer_id)
        .values(**values, version=_CUSTOMER.c.version + 1, updated_at=tx.now)
    )


def add_address(tx: Transaction, customer_id: int, address: Address, billing: bool, shipping: bool) -> int:
    """Adds an address and returns its key; former defaults of the same sort step back."""
    _step_back(tx, customer_id, billing, shipping)
    row = {
        **asdict(address),
        "customer_id": customer_id,
        "is_default_billing": billing,
        "is_default_shipping": shipping,
        "created_at": tx.now,
    }
    key: int = (
        tx.session.connection().execute(_ADDRESS.insert().values(row).returning(_ADDRESS.c.id)).scalar_one()
    )
    return key


def write_address(
    tx: Transaction, customer_id: int, address_id: int, address: Address, billing: bool, shipping: bool
) -> None:
    """Stores an address anew; former defaults of the same sort step back."""
    _step_back(tx, customer_id, billing, shipping)
    tx.run(
        _ADDRESS.update()
        .where(_ADDRESS.c.id == address_id, _ADDRESS.c.customer_id == customer_id)
        .values(**asdict(address), is_default_billing=billing, is_default_shipping=shipping)
    )


def remove_address(tx: Transaction, customer_id: int, address_id: int) -> None:
    """Takes an address off the profile; orders keep their own copies."""
    tx.run(_ADDRESS.delete().where(_ADDRESS.c.id == address_id, _ADDRESS.c.customer_id == customer_id))


def _step_back(tx: Transaction, customer_id: int, billing: bool, shipping: bool) -> None:
    for wanted, column in (
        (billing, _ADDRESS.c.is_default_billing),
        (shipping, _ADDRESS.c.is_default_shipping),
    ):
        if wanted:
            tx.run(
                _ADDRESS.update().where(_ADDRESS.c.customer_id == customer_id, column).values({column: False})
            )


def changed_since(tx: Transaction, customer_id: int, version: int) -> tuple[str, datetime, tuple[str, ...]]:
    """Who changed the profile last after that version, when, and which fields have changed since; empty where unknown."""
    of_customer = (_EVENT.c.record_kind == Kind.CUSTOMER, _EVENT.c.record_id == customer_id)
    newer = sa.select(_EVENT.c.id, _EVENT.c.actor_name, _EVENT.c.at).where(
        *of_customer, _EVENT.c.version > version
    )
    events = tx.rows(newer.order_by(_EVENT.c.id.desc()).limit(50))
    if not events:
        return "", tx.now, ()
    paths = tx.rows(
        sa.select(_CHANGE.c.path)
        .where(_CHANGE.c.event_id.in_([event.id for event in events]))
        .order_by(_CHANGE.c.event_id, _CHANGE.c.position)
    )
    return events[0].actor_name, events[0].at, tuple(dict.fromkeys(row.path for row in paths))


def remember_opened(tx: Transaction, staff_id: int, customer_id: int) -> None:
    """Puts the customer first among those whom a person opened last, and forgets the oldest."""
    insert: Any = (sqlite if tx.is_sqlite else postgresql).insert(_RECENT)
    row = {"staff_id": staff_id, "customer_id": customer_id, "opened_at": tx.now}
    tx.run(
        insert.values(row).on_conflict_do_update(
            index_elements=["staff_id", "customer_id"], set_={"opened_at": tx.now}
        )
    )
    last_kept = (
        sa.select(_RECENT.c.opened_at)
        .where(_RECENT.c.staff_id == staff_id)
        .order_by(_RECENT.c.opened_at.desc())
        .offset(REMEMBERED - 1)
        .limit(1)
        .scalar_subquery()
    )
    tx.run(_RECENT.delete().where(_RECENT.c.staff_id == staff_id, _RECENT.c.opened_at < last_kept))
