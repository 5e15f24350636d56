"""Keeping the search index: called in the same transaction as the change that it follows.

`index_customers` and `index_orders` take many at once (imports); `rebuild` makes the whole index anew. Only what changed is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.search_terms import (
    Space,
    Term,
    age_of,
    deletions,
    endings,
    terms_of_order,
    terms_of_reference,
    vocabulary_of,
)
from cstui.storage.bulk import bulk_insert, insert_missing, let_run_long
from cstui.storage.database import Database
from cstui.storage.queries.search_people import Newcomer, Person, PersonRow, TermRow, people_of
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer
from cstui.storage.tables.orders import Order, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.search import SEARCH_PERSON, SEARCH_TERM, SEARCH_WORD, WordKey
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

_CUSTOMER = table_of(Customer)
_ORDER = table_of(Order)
_SHIPMENT = table_of(Shipment)
_MONEY = table_of(PaymentTransaction)
_SUBSCRIPTION = table_of(Subscription)
_BATCH = 2_000
_AT_ONCE = 400
_TERM_COLUMNS = ("store_id", "kind", "term", "age", "entity_id")
_PERSON_COLUMNS = ("store_id", "age", "customer_id", "terms")
_WORD_COLUMNS = ("kind", "key", "word")


def index_customer(transaction: Transaction, customer_id: int) -> None:
    """Brings the terms of one customer up to date, in every store where he is known."""
    index_customers(transaction, [customer_id])


def index_customers(transaction: Transaction, customer_ids: Iterable[int]) -> None:
    """Brings the terms of many customers up to date."""
    transaction.session.flush()
    for part in _parts(sorted(set(customer_ids)), _AT_ONCE):
        _index_people(transaction, part)


def index_new_customers(transaction: Transaction, newcomers: Iterable[Newcomer]) -> None:
    """Adds the terms of customers who are new in this transaction; nothing is read back (imports)."""
    people = [newcomer.person() for newcomer in newcomers]
    bulk_insert(transaction, SEARCH_PERSON, [person.row() for person in people], _PERSON_COLUMNS)
    rows = sorted(row for person in people for row in person.term_rows())
    bulk_insert(transaction, SEARCH_TERM, rows, _TERM_COLUMNS)
    _learn(transaction, {word for person in people for word in vocabulary_of(person.terms)})


def index_new_orders(
    transaction: Transaction,
    orders: Iterable[tuple[int, int, str, datetime]],
    payments: Iterable[tuple[int, int, str, datetime]],
) -> None:
    """Adds the terms of orders that are new in this transaction: (order id, store id, number, placed at), and of their payments
    (store id, order id, reference, time). Their customers are left to the caller.
    """
    rows = {*_order_rows(orders), *_reference_rows(Space.TRANSACTION, payments)}
    bulk_insert(transaction, SEARCH_TERM, sorted(rows), _TERM_COLUMNS)


def index_order(transaction: Transaction, order_id: int, former_number: str = "") -> None:
    """Brings the terms of one order and of its customer up to date. `former_number`: what the number was, where it has changed."""
    if former_number:
        store_id = transaction.rows(sa.select(_ORDER.c.store_id).where(_ORDER.c.id == order_id))[0][0]
        _delete_terms(
            transaction, [(store_id, space, term, order_id) for space, term in terms_of_order(former_number)]
        )
    index_orders(transaction, [order_id])


def index_orders(transaction: Transaction, order_ids: Iterable[int], *, customers: bool = True) -> None:
    """Brings the terms of many orders up to date, and (unless told not to) of their customers."""
    transaction.session.flush()
    of_customers: set[int] = set()
    for part in _parts(sorted(set(order_ids)), _AT_ONCE):
        rows = transaction.rows(
            sa.select(
                _ORDER.c.id, _ORDER.c.store_id, _ORDER.c.customer_id, _ORDER.c.number, _ORDER.c.placed_at
            ).where(_ORDER.c.id.in_(part))
        )
        of_customers.update(row.customer_id for row in rows)
        _insert_terms(transaction, _order_rows((r.id, r.store_id, r.number, r.placed_at) for r in rows))
    if customers:
        index_customers(transaction, of_customers)


def index_subscription(transaction: Transaction, subscription_id: int) -> None:
    """Brings the term of one subscription (its number elsewhere) up to date."""
    transaction.session.flush()
    c = _SUBSCRIPTION.c
    rows = transaction.rows(sa.select(c.store_id, c.external_id, c.created_at).where(c.id == subscription_id))
    _insert_terms(
        transaction,
        [
            (r.store_id, space, term, age_of(r.created_at), subscription_id)
            for r in rows
            for space, term in terms_of_reference(Space.SUBSCRIPTION, r.external_id)
        ],
    )


def index_transactions(transaction: Transaction, order_id: int) -> None:
    """Brings the terms of an order's transactions up to date: their ids lead to the order, their cards' last 4 to the customer."""
    transaction.session.flush()
    c = _MONEY.c
    rows = transaction.rows(
        sa.select(c.store_id, c.customer_id, c.gateway_ref, c.occurred_at).where(c.order_id == order_id)
    )
    _insert_terms(
        transaction,
        _reference_rows(
            Space.TRANSACTION, ((r.store_id, order_id, r.gateway_ref, r.occurred_at) for r in rows)
        ),
    )
    index_customers(transaction, {row.customer_id for row in rows})


def index_payments(transaction: Transaction, order_ids: Iterable[int]) -> None:
    """Brings the ids of many orders' transactions up to date; whoever calls it indexes their customers as well."""
    c = _MONEY.c
    for part in _parts(sorted(set(order_ids)), _AT_ONCE):
        query = sa.select(c.store_id, c.order_id, c.gateway_ref, c.occurred_at)
        rows = transaction.rows(query.where(c.order_id.in_(part), c.gateway_ref != ""))
        _insert_terms(transaction, _reference_rows(Space.TRANSACTION, (tuple(row) for row in rows)))


def index_shipments(transaction: Transaction, order_id: int) -> None:
    """Brings the tracking numbers of an order's parcels up to date; they lead to the order."""
    transaction.session.flush()
    rows = transaction.rows(
        sa.select(_ORDER.c.store_id, _SHIPMENT.c.tracking, _SHIPMENT.c.created_at)
        .join(_ORDER, _ORDER.c.id == _SHIPMENT.c.order_id)
        .where(_SHIPMENT.c.order_id == order_id)
    )
    transaction.run(SEARCH_TERM.delete().where(SEARCH_TERM.c.entity_id == order_id, sa.text("kind = 23")))
    _insert_terms(
        transaction,
        _reference_rows(Space.TRACKING, ((r.store_id, order_id, r.tracking, r.created_at) for r in rows)),
    )


def rebuild(database: Database, progress: Callable[[int, int], None] | None = None) -> None:
    """Makes the whole index anew from the records, in one transaction; `progress` hears (records done, records in all)."""
    with database.write() as transaction:
        let_run_long(transaction)
        rebuild_in(transaction, progress)
    with database.write() as transaction:
        let_run_long(transaction)
        for table in (SEARCH_TERM, SEARCH_PERSON, SEARCH_WORD):
            transaction.session.connection().exec_driver_sql(f"ANALYZE {table.name}")


def rebuild_in(transaction: Transaction, progress: Callable[[int, int], None] | None = None) -> None:
    """Makes the whole index anew inside a transaction. Rows are gathered unsorted and stored in key order: many times faster."""
    tell = progress or (lambda done, total: None)
    total = sum(
        transaction.rows(sa.select(sa.func.count()).select_from(table))[0][0] for table in (_CUSTOMER, _ORDER)
    )
    connection = transaction.session.connection()
    gathered = {
        table.name: sa.Table(
            f"gathered_{table.name}",
            sa.MetaData(),
            *(sa.Column(c.name, c.type) for c in table.columns),
            prefixes=["TEMPORARY"],
        )
        for table in (SEARCH_TERM, SEARCH_PERSON)
    }
    for table in gathered.values():
        table.create(connection)
    done, words = 0, set[str]()
    for customers, people in _everybody(transaction):
        bulk_insert(
            transaction, gathered["search_term"], (t for p in people for t in p.term_rows()), _TERM_COLUMNS
        )
        bulk_insert(transaction, gathered["search_person"], (p.row() for p in people), _PERSON_COLUMNS)
        for person in people:
            words |= vocabulary_of(person.terms)
        done += customers
        tell(done, total)
    for orders, rows in _everything_else(transaction):
        bulk_insert(transaction, gathered["search_term"], rows, _TERM_COLUMNS)
        done += orders
        tell(done, total)
    for table in (SEARCH_TERM, SEARCH_PERSON, SEARCH_WORD):
        transaction.run(table.delete())
    for table in (SEARCH_TERM, SEARCH_PERSON):
        source = gathered[table.name]
        query = sa.select(source).distinct().order_by(*(source.c[c.name] for c in table.primary_key))
        transaction.run(table.insert().from_select([c.name for c in source.columns], query))
        source.drop(connection)
    bulk_insert(transaction, SEARCH_WORD, _word_rows(words), _WORD_COLUMNS)


def _terms_in(text: str) -> set[Term]:
    pairs = (line.split(":", 1) for line in text.split("\n") if line)
    return {(int(space), term) for space, term in pairs}


def _index_people(transaction: Transaction, customer_ids: Sequence[int]) -> None:
    stored = {
        (row.customer_id, row.store_id): (row.age, _terms_in(row.terms))
        for row in transaction.rows(
            sa.select(SEARCH_PERSON)
            .where(SEARCH_PERSON.c.customer_id.in_(customer_ids))
            .order_by(SEARCH_PERSON.c.customer_id)
            .with_for_update()
        )
    }
    gone: list[tuple[int, int, str, int]] = []
    new_terms: list[TermRow] = []
    new_people: list[PersonRow] = []
    words: set[str] = set()
    for person in people_of(transaction, customer_ids):
        age, terms = stored.pop((person.customer_id, person.store_id), (None, set()))
        wanted = {(int(space), term) for space, term in person.terms}
        if age == person.age and terms == wanted:
            continue
        moved = age != person.age
        gone += [(person.store_id, s, t, person.customer_id) for s, t in (terms if moved else terms - wanted)]
        fresh = wanted if moved else wanted - terms
        new_terms += [(person.store_id, s, t, person.age, person.customer_id) for s, t in fresh]
        new_people.append(person.row())
        words |= vocabulary_of(wanted - terms)
    gone += [(store, s, t, customer) for (customer, store), (_, terms) in stored.items() for s, t in terms]
    left = [(store, customer) for customer, store in stored] + [(row[0], row[2]) for row in new_people]
    _delete_terms(transaction, gone)
    _run_many(
        transaction,
        SEARCH_PERSON.delete().where(
            SEARCH_PERSON.c.store_id == sa.bindparam("store"),
            SEARCH_PERSON.c.customer_id == sa.bindparam("customer"),
        ),
        [{"store": store, "customer": customer} for store, customer in left],
    )
    insert_missing(transaction, SEARCH_PERSON, new_people)
    _insert_terms(transaction, new_terms)
    _learn(transaction, words)


def _learn(transaction: Transaction, words: set[str]) -> None:
    """Adds words that the vocabulary does not have yet."""
    if not words:
        return
    known = transaction.rows(
        sa.select(SEARCH_WORD.c.word).where(
            SEARCH_WORD.c.kind == WordKey.DELETION,
            SEARCH_WORD.c.key.in_(words),
            SEARCH_WORD.c.word == SEARCH_WORD.c.key,
        )
    )
    insert_missing(transaction, SEARCH_WORD, sorted(_word_rows(words - {row.word for row in known})))


def _word_rows(words: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    for word in words:
        for key in deletions(word):
            yield int(WordKey.DELETION), key, word
        for key in set(endings(word)):
            yield int(WordKey.ENDING), key, word


def _insert_terms(transaction: Transaction, rows: Iterable[TermRow]) -> None:
    # In the order of the tree, which then grows page by page.
    insert_missing(transaction, SEARCH_TERM, sorted(rows))


def _delete_terms(transaction: Transaction, rows: Sequence[tuple[int, int, str, int]]) -> None:
    """Deletes terms given as (store, space, term, entity), whatever their age."""
    c = SEARCH_TERM.c
    _run_many(
        transaction,
        SEARCH_TERM.delete().where(
            c.store_id == sa.bindparam("store"),
            c.kind == sa.bindparam("space"),
            c.term == sa.bindparam("text"),
            c.entity_id == sa.bindparam("entity"),
        ),
        [{"store": store, "space": int(s), "text": t, "entity": e} for store, s, t, e in rows],
    )


def _run_many(transaction: Transaction, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        transaction.session.connection().execute(statement, rows)


def _parts(keys: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _order_rows(orders: Iterable[tuple[int, int, str, datetime]]) -> Iterator[TermRow]:
    for order_id, store_id, number, placed_at in orders:
        for space, term in terms_of_order(number):
            yield store_id, int(space), term, age_of(placed_at), order_id


def _reference_rows(space: Space, rows: Iterable[tuple[int, int, str, datetime]]) -> Iterator[TermRow]:
    for store_id, entity_id, reference, at in rows:
        for kind, term in terms_of_reference(space, reference):
            yield store_id, int(kind), term, age_of(at), entity_id


def _everybody(transaction: Transaction) -> Iterator[tuple[int, list[Person]]]:
    """All customers, a batch at a time: how many, and the people that they are in their stores."""
    last = 0
    while True:
        keys = [
            row.id
            for row in transaction.rows(
                sa.select(_CUSTOMER.c.id).where(_CUSTOMER.c.id > last).order_by(_CUSTOMER.c.id).limit(_BATCH)
            )
        ]
        if not keys:
            return
        yield len(keys), people_of(transaction, range(keys[0], keys[-1] + 1))
        last = keys[-1]


def _everything_else(transaction: Transaction) -> Iterator[tuple[int, list[TermRow]]]:
    """The terms of all orders, then of transactions, parcels and subscriptions; the number counts orders."""
    o, m, s, p = _ORDER.c, _MONEY.c, _SUBSCRIPTION.c, _SHIPMENT.c
    for rows in _batches(transaction, sa.select(o.id, o.store_id, o.number, o.placed_at), o.id):
        yield len(rows), list(_order_rows((r.id, r.store_id, r.number, r.placed_at) for r in rows))
    query = sa.select(m.id, m.store_id, m.order_id, m.gateway_ref, m.occurred_at).where(m.gateway_ref != "")
    for rows in _batches(transaction, query, m.id):
        yield 0, list(_reference_rows(Space.TRANSACTION, (tuple(row)[1:] for row in rows)))
    query = sa.select(p.id, o.store_id, p.order_id, p.tracking, p.created_at).join(_ORDER, o.id == p.order_id)
    for rows in _batches(transaction, query.where(p.tracking != ""), p.id):
        yield 0, list(_reference_rows(Space.TRACKING, (tuple(row)[1:] for row in rows)))
    query = sa.select(s.id, s.store_id, s.id.label("entity"), s.external_id, s.created_at)
    for rows in _batches(transaction, query.where(s.external_id != ""), s.id):
        yield 0, list(_reference_rows(Space.SUBSCRIPTION, (tuple(row)[1:] for row in rows)))


def _batches(transaction: Transaction, query: Any, key: Any) -> Iterator[list[Any]]:
    last = 0
    while rows := transaction.rows(query.where(key > last).order_by(key).limit(_BATCH * 5)):
        yield rows
        last = rows[-1].id
