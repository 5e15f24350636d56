"""What each store knows of its customers, read for the search index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
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

#: What the index takes of a customer's own row, and of an address.
OWN = ("first_name", "last_name", "company", "email_folded", "phone", "phone_e164")
OF_ADDRESS = ("first_name", "last_name", "company", "postcode", "phone")

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


@lru_cache(maxsize=2048)
def _terms_of(facts: PersonFacts) -> tuple[Term, ...]:
    """One customer's terms; who orders again mostly says the same of himself."""
    return tuple(terms_of_customer(facts))


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

    def add_customer(self, said: Sequence[Any]) -> None:
        """What the customer's own row says, in the order of `OWN`."""
        first, last, company, email, phone, e164 = said
        self.add_name(first, last)
        _keep(self.companies, company)
        _keep(self.emails, email)
        self.add_phone(phone, e164)

    def add_address(self, said: Sequence[str]) -> None:
        """What an address says, in the order of `OF_ADDRESS`."""
        first, last, company, postcode, phone = said
        self.add_name(first, last)
        _keep(self.companies, company)
        _keep(self.postcodes, postcode)
        self.add_phone(phone)

    def add_order(self, said: Sequence[Any]) -> None:
        """What an order says: e-mail, phone, billing address, shipping address."""
        _keep(self.emails, said[0].strip().casefold())
        self.add_phone(said[1])
        billing, shipping = said[2:7], said[7:12]
        self.add_address(billing)
        if shipping != billing:
            self.add_address(shipping)

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


@dataclass(slots=True)
class Newcomer:
    """A customer whom the transaction at hand adds to a store, with all that it stores of him: nothing has to be read back.

    `own` in the order of `OWN`, addresses of `OF_ADDRESS`; an order is its time, then e-mail, phone, billing and shipping address.
    """

    customer_id: int
    store_id: int
    since: datetime
    own: tuple[str, ...]
    addresses: list[tuple[str, ...]] = field(default_factory=list)
    orders: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)

    def person(self) -> Person:
        """The customer as `people_of` would find him once he is stored."""
        own, there = _Known(), _Known()
        own.add_customer(self.own)
        for address in self.addresses:
            own.add_address(address)
        if len(self.orders) > 1:
            self.orders.sort(key=lambda order: order[0], reverse=True)
        for _, said in self.orders[:LATEST_ORDERS]:
            there.add_order(said)
        age = age_of(self.orders[0][0] if self.orders else self.since)
        return Person(self.customer_id, self.store_id, age, _terms_of(own.joined(there)))


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
        people.append(Person(customer_id, store_id, age_of(there.latest or since), _terms_of(facts)))
    return people


def _read_customers(transaction: Transaction, keys: Sequence[int], own: dict[int, _Known]) -> None:
    c = _CUSTOMER.c
    for row in transaction.rows(sa.select(c.id, *(c[name] for name in OWN)).where(_one_of(c.id, keys))):
        own[row[0]].add_customer(row[1:])


def _read_addresses(transaction: Transaction, keys: Sequence[int], own: dict[int, _Known]) -> None:
    c = _ADDRESS.c
    query = (
        sa.select(c.customer_id, *(c[name] for name in OF_ADDRESS))
        .where(_one_of(c.customer_id, keys))
        .order_by(c.customer_id, c.is_default_billing.desc(), c.id)
    )
    for row in transaction.rows(query):
        own[row[0]].add_address(row[1:])


def _read_orders(
    transaction: Transaction, keys: Sequence[int], of_store: dict[tuple[int, int], _Known]
) -> None:
    c = _ORDER.c
    of_address = (c[f"{which}_{name}"] for which in ("billing", "shipping") for name in OF_ADDRESS)
    columns: tuple[Any, ...] = (c.customer_id, c.store_id, c.placed_at, c.email, c.phone, *of_address)
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
        customer_id, store_id, placed_at = row[:3]
        known = of_store[customer_id, store_id]
        said = (customer_id, store_id, row[3:])
        if said == before and known.latest:
            continue
        before = said
        known.latest = known.latest or placed_at
        known.add_order(row[3:])


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
