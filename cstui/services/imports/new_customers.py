"""Storing customers that nobody knew before, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from cstui.domain.customers import CustomerStatus
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteSource
from cstui.services.imports.batch import AUTHOR, CUSTOMERS, IMPORTED, Import, Outcome, as_text
from cstui.storage.bulk import bulk_insert, reserve_keys
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.search_people import OF_ADDRESS, Newcomer
from cstui.storage.transaction import Transaction

_CUSTOMER = (
    "id", "first_name", "last_name", "company", "email", "email_folded", "phone", "phone_e164", "status", "tags",
    "accepts_email", "accepts_sms", "tax_exempt", "is_anonymous", "created_at", "updated_at", "version",
)  # fmt: skip
_NOTE = (
    "store_id", "customer_id", "subject_kind", "subject_id", "author_name", "body", "source", "created_at",
)  # fmt: skip


@dataclass(slots=True)
class NewCustomers:
    """The customers that a batch adds; `store` writes them all at once.

    `keys` are the import keys under which each is remembered.
    """

    run: Import
    _rows: list[tuple[int, dict[str, Any], str, str, tuple[str, ...]]] = field(default_factory=list)
    _keys: list[int] = field(default_factory=list)

    def reserve(self, tx: Transaction, most: int) -> None:
        """Reserves keys for as many customers as the batch may need."""
        self._keys = list(reserve_keys(tx, stored.CUSTOMER, most))[::-1]

    def add(self, values: dict[str, Any], email: str, phone: str, keys: tuple[str, ...]) -> int:
        """Adds a customer and returns his key; e-mail as identity compares it, phone in international form."""
        key = self._keys.pop()
        self._rows.append((key, values, email, phone, tuple(each for each in dict.fromkeys(keys) if each)))
        return key

    def store(self, tx: Transaction, outcome: Outcome) -> None:
        """Stores them with their store, address, note, import record and audit event."""
        if not self._rows:
            return
        now, store_id = self.run.batch_at, self.run.store.id
        bulk_insert(tx, stored.CUSTOMER, (_customer_row(*row[:4], now) for row in self._rows), _CUSTOMER)
        bulk_insert(
            tx, stored.CUSTOMER_STORE, ((row[0], store_id, now) for row in self._rows), ("customer_id", "store_id", "since")
        )  # fmt: skip
        bulk_insert(
            tx, stored.ADDRESS, ((key, True, True, now, *v["address"]) for key, v, *_ in self._rows if v["address"]),
            ("customer_id", "is_default_billing", "is_default_shipping", "created_at", *stored.ADDRESS_FIELDS),
        )  # fmt: skip
        store_notes(
            tx,
            [note_row(store_id, k, Kind.CUSTOMER, k, v["note"], now) for k, v, *_ in self._rows if v["note"]],
        )
        records = [(key, row[0], as_text(row[1])) for row in self._rows for key in row[4]]
        stored.remember(tx, CUSTOMERS, store_id, Kind.CUSTOMER, records)
        for key, values, email, phone, _ in self._rows:
            outcome.events.append(
                NewEvent(self.run.actor, store_id, Kind.CUSTOMER, key, IMPORTED, version=1, customer_id=key)
            )
            own = (
                values["first_name"],
                values["last_name"],
                values["company"],
                email,
                values["phone"],
                phone,
            )
            address = values["address"]
            addresses = [of_address(address)] if address else []
            outcome.newcomers[key] = Newcomer(key, store_id, now, own, addresses)


def _customer_row(key: int, values: dict[str, Any], email: str, phone: str, now: Any) -> tuple[Any, ...]:
    v = values
    nobody = not (v["first_name"] or v["last_name"] or v["email"] or v["phone"] or v["company"])
    return (
        key, v["first_name"], v["last_name"], v["company"], v["email"], email, v["phone"], phone, CustomerStatus.ACTIVE, v["tags"],
        v["accepts_email"], v["accepts_sms"], v["tax_exempt"], nobody, now, now, 1,
    )  # fmt: skip


#: What the search index takes of an address (`search_people.OF_ADDRESS`).
of_address: Callable[[Sequence[str]], tuple[str, ...]] = itemgetter(
    *(stored.ADDRESS_FIELDS.index(name) for name in OF_ADDRESS)
)


def note_row(
    store_id: int, customer_id: int, kind: Kind, record_id: int, body: str, at: Any
) -> tuple[Any, ...]:
    """One imported note, for `store_notes`."""
    return store_id, customer_id, kind, record_id, AUTHOR, body, NoteSource.IMPORT, at


def store_notes(tx: Transaction, rows: list[tuple[Any, ...]]) -> None:
    """Stores notes made by `note_row`."""
    if rows:
        bulk_insert(tx, stored.NOTE, rows, _NOTE)
