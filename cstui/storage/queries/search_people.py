"""What each store knows of its customers, read for the search index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.search_terms import PersonFacts, Term, age_of, digits_of, terms_of_customer
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer, CustomerAddress, CustomerStore
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

_CUSTOMER = table_of(Customer)
_KNOWN = table_of(CustomerStore)
_ADDRESS = table_of(CustomerAddress)
_CARD = table_of(Card)
_ORDER = table_of(Order)
_MONEY = table_of(PaymentTransaction)
#: Only a customer's latest orders lend him their names, phones and postcodes.
LATEST_ORDERS = 20

TermRow = tuple[int, int, str, int, int]
PersonRow = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as one store knows him: his terms, and how long ago he last bought (or came)."""

    customer_id: int
    store_id: int
    age: int
    terms: tuple[Term, ...]

    def term_rows(self) -> Iterator[TermRow]:
        """His rows of the term tree."""
        for space, term in self.terms:
            yield self.store_id, int(space), term, self.age, self.customer_id

    def row(self) -> PersonRow:
        """His row among the people by recency: all terms in one text, each between a line feed with its space and the next."""
        text = "".join(f"\n{int(space)}:{term}" for space, term in self.terms) + "\n"
        return self.store_id, self.age, self.customer_id, text


@dataclass(slots=True)
class _Known:
    """Facts as they are gathered, the customer's own first; each kept once, in order."""

    names: dict[tuple[str, str], None] = field(default_factory=dict)
    companies: dict[str, None] = field(default_factory=dict)
    emails: dict[str, None] = field(default_factory=dict)
    phones: dict[str, tuple[str, str]] = field(default_factory=dict)
    postcodes: dict[str, None] = field(default_factory=dict)
    cards: dict[tuple[str, str], None] = field(default_factory=dict)
    latest: datetime | None = None

    def add_name(self, first: str, last: str) -> None:
        """A name, unless it is empty."""
        if first or last:
            self.names[first, last] = None

    def add_phone(self, typed: str, e164: str = "") -> None:
        """A phone, unless one with the same last eight digits is there: one number is written in many ways."""
        digits = digits_of(e164 or typed)
        if len(digits) >= 4:
            self.phones.setdefault(digits[-8:], (typed, e164))

    def joined(self, other: _Known) -> PersonFacts:
        """These facts, then the other's."""
        return PersonFacts(
            names=tuple({**self.names, **other.names}),
            companies=tuple({**self.companies, **other.companies}),
            emails=tuple({**self.emails, **other.emails}),
            phones=tuple({**self.phones, **other.phones, **self.phones}.values()),
            postcodes=tuple({**self.postcodes, **other.postcodes}),
            cards=tuple({**self.cards, **other.cards}),
        )


def _one_of(column: Any, keys: Sequence[int]) -> Any:
    """A condition on keys; a `range` is asked as one, which spares thousands of parameters."""
    return column.between(keys[0], keys[-1]) if isinstance(keys, range) else column.in_(keys)


def people_of(transaction: Transaction, customer_ids: Sequence[int]) -> list[Person]:
    """The customers as each of their stores knows them; `customer_ids` may be a `range`.

    What belongs to the customer counts in every store; what only an order says (its names, phones, postcodes, cards) in that order's store.
    """
    own: dict[int, _Known] = defaultdict(_Known)
    of_store: dict[tuple[int, int], _Known] = defaultdict(_Known)
    _read_customers(transaction, customer_ids, own)
    _read_addresses(transaction, customer_ids, own)
    _read_orders(transaction, customer_ids, of_store)
    _read_cards(transaction, customer_ids, own, of_store)
    people = []
    c = _KNOWN.c
    stores = transaction.rows(
        sa.select(c.customer_id, c.store_id, c.since)
        .where(_one_of(c.customer_id, customer_ids))
        .order_by(c.customer_id, c.store_id)
    )
    for customer_id, store_id, since in stores:
        there = of_store[customer_id, store_id]
        facts = own[customer_id].joined(there)
        people.append(
            Person(customer_id, store_id, age_of(there.latest or since), tuple(terms_of_customer(facts)))
        )
    return people


def _read_customers(transaction: Transaction, keys: Sequence[int], own: dict[int, _Known]) -> None:
    c = _CUSTOMER.c
    columns = (c.id, c.first_name, c.last_name, c.company, c.email_folded, c.phone, c.phone_e164)
    for key, first, last, company, email, phone, e164 in transaction.rows(
        sa.select(*columns).where(_one_of(c.id, keys))
    ):
        known = own[key]
        known.add_name(first, last)
        _keep(known.companies, company)
        _keep(known.emails, email)
        known.add_phone(phone, e164)


def _read_addresses(transaction: Transaction, keys: Sequence[int], own: dict[int, _Known]) -> None:
    c = _ADDRESS.c
    columns = (c.customer_id, c.first_name, c.last_name, c.company, c.postcode, c.phone)
    query = (
        sa.select(*columns)
        .where(_one_of(c.customer_id, keys))
        .order_by(c.customer_id, c.is_default_billing.desc(), c.id)
    )
    for key, first, last, company, postcode, phone in transaction.rows(query):
        known = own[key]
        known.add_name(first, last)
        _keep(known.companies, company)
        _keep(known.postcodes, postcode)
        known.add_phone(phone)


def _read_orders(
    transaction: Transaction, keys: Sequence[int], of_store: dict[tuple[int, int], _Known]
) -> None:
    c = _ORDER.c
    columns: tuple[Any, ...] = (
        c.customer_id, c.store_id, c.placed_at, c.email, c.phone,
        c.billing_first_name, c.billing_last_name, c.billing_company, c.billing_postcode, c.billing_phone,
        c.shipping_first_name, c.shipping_last_name, c.shipping_company, c.shipping_postcode, c.shipping_phone,
    )  # fmt: skip
    query: Any
    if len(keys) == 1:
        query = (
            sa.select(*columns)
            .where(c.customer_id == keys[0])
            .order_by(c.placed_at.desc())
            .limit(LATEST_ORDERS)
        )
    else:
        newest = (
            sa.func.row_number().over(partition_by=c.customer_id, order_by=c.placed_at.desc()).label("newest")
        )
        ranked = sa.select(*columns, newest).where(_one_of(c.customer_id, keys)).subquery()
        query = (
            sa.select(*(ranked.c[column.name] for column in columns))
            .where(ranked.c.newest <= LATEST_ORDERS)
            .order_by(ranked.c.customer_id, ranked.c.newest)
        )
    before: Any = None
    for row in transaction.rows(query):
        customer_id, store_id, placed_at, email, phone = row[:5]
        known = of_store[customer_id, store_id]
        said = (customer_id, store_id, row[3:])
        if said == before and known.latest:
            continue
        before = said
        known.latest = known.latest or placed_at
        _keep(known.emails, email.strip().casefold())
        known.add_phone(phone)
        for first, last, company, postcode, its_phone in {row[5:10]: None, row[10:15]: None}:
            known.add_name(first, last)
            _keep(known.companies, company)
            _keep(known.postcodes, postcode)
            known.add_phone(its_phone)


def _read_cards(
    transaction: Transaction,
    keys: Sequence[int],
    own: dict[int, _Known],
    of_store: dict[tuple[int, int], _Known],
) -> None:
    c, m = _CARD.c, _MONEY.c
    on_file = sa.select(c.customer_id, c.last4, c.bin6).where(
        _one_of(c.customer_id, keys), c.removed_at.is_(None)
    )
    for customer_id, last4, bin6 in transaction.rows(on_file.order_by(c.id)):
        own[customer_id].cards[last4, bin6] = None
    used = sa.select(m.customer_id, m.store_id, m.card_last4).where(
        _one_of(m.customer_id, keys), m.card_last4 != ""
    )
    for customer_id, store_id, last4 in transaction.rows(used.distinct()):
        if not any(card[0] == last4 for card in own[customer_id].cards):
            of_store[customer_id, store_id].cards[last4, ""] = None


def _keep(values: dict[str, None], value: str) -> None:
    if value:
        values[value] = None
