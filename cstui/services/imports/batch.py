"""What the batches of one import share: where it goes, who does it, and what is known from batch to batch."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cstui.domain.actor import Actor
from cstui.domain.customers import checked_email, folded_email
from cstui.domain.errors import InvalidInput
from cstui.services.imports.matching import People, Person
from cstui.services.imports.report import ImportReport
from cstui.services.phone_numbers import normalised_phone
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.search_people import Newcomer
from cstui.storage.transaction import Transaction

#: The sources under which imported records are remembered.
ORDERS = "shopify.order"
CUSTOMERS = "shopify.customer"
TRANSACTIONS = "shopify.transaction"
#: The name under which imported notes stand.
AUTHOR = "Shopify"
IMPORTED = "imported"
CHANGED = "changed by import"
_MOST_PHONES = 50_000
_MOST_PRODUCTS = 50_000


_AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Target:
    """The store that is imported into."""

    id: int
    code: str
    currency: str
    country: str
    zone: ZoneInfo


@dataclass(slots=True)
class Origin:
    """Where a record stands in its file."""

    file: str
    row: int
    line: int


@dataclass(slots=True)
class Import:
    """One import under way, into its store since `started_at`; the batch at hand is stored as of `batch_at` (database clock).

    `audited` is off in a dry run, which must not hold the audit's chain.
    """

    actor: Actor
    store: Target
    report: ImportReport
    started_at: datetime
    batch_at: datetime
    audited: bool = True
    _phones: OrderedDict[tuple[str, str], str] = field(default_factory=OrderedDict)
    _products: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)

    def e164(self, phone: str, country: str) -> str:
        """The phone in international form, empty where it cannot be read; parsed once per spelling."""
        if not phone:
            return ""
        key = (phone, country if len(country) == 2 else self.store.country)
        found = self._phones.get(key)
        if found is None:
            found = self._phones[key] = normalised_phone(*key)
            if len(self._phones) > _MOST_PHONES:
                self._phones.popitem(last=False)
        return found

    def products(
        self, tx: Transaction, wanted: dict[tuple[str, str], tuple[str, int, bool, bool]]
    ) -> dict[tuple[str, str], int]:
        """Ids of products by (sku, name). What a batch added counts as known only once it is stored: see `learn`."""
        unknown = {key: facts for key, facts in wanted.items() if key not in self._products}
        found = stored.product_ids(tx, self.store.id, unknown)
        return found | {key: self._products[key] for key in wanted if key in self._products}

    def learn(self, products: dict[tuple[str, str], int]) -> None:
        """Keeps the ids of products that are stored for good."""
        self._products.update(products)
        while len(self._products) > _MOST_PRODUCTS:
            self._products.popitem(last=False)


@dataclass(slots=True)
class Outcome:
    """What one batch did; it goes into the report once the batch is stored."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    made_customers: int = 0
    lines: int = 0
    sums: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    warnings: list[tuple[Origin, str]] = field(default_factory=list)
    refused: list[tuple[Origin, str, str, str]] = field(default_factory=list)
    products: dict[tuple[str, str], int] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)
    touched_customers: set[int] = field(default_factory=set)
    touched_orders: set[int] = field(default_factory=set)
    #: What is new is indexed from what was stored of it; what was touched is read back.
    newcomers: dict[int, Newcomer] = field(default_factory=dict)
    new_orders: list[tuple[int, int, str, datetime]] = field(default_factory=list)
    new_payments: list[tuple[int, int, str, datetime]] = field(default_factory=list)

    def warn(self, origin: Origin, words: str) -> None:
        """One more warning."""
        self.warnings.append((origin, words))


def as_text(values: dict[str, Any]) -> str:
    """What is remembered of a record, always written the same way."""
    return _AS_TEXT(values)


def identity_email(email: str) -> str:
    """The e-mail as identity compares it; empty for what is no e-mail address, which identifies nobody."""
    try:
        return folded_email(checked_email(email)) if email else ""
    except InvalidInput:
        return ""


def people_met(
    tx: Transaction, store_id: int, emails: Iterable[str], phones: Iterable[str], ids: Iterable[int]
) -> tuple[People, dict[int, Person]]:
    """The customers that a batch may meet, for matching and by id."""
    rows = stored.people(
        tx, store_id, sorted(set(emails) - {""}), sorted(set(phones) - {""}), sorted(set(ids))
    )
    persons = [
        Person(row.id, row.email_folded, row.phone_e164, f"{row.first_name} {row.last_name}".strip(), bool(row.known))
        for row in rows
    ]  # fmt: skip
    return People(persons), {person.id: person for person in persons}
