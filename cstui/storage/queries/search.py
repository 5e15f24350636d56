"""Finding: ranges of the term tree, read newest first, and what a result line shows. Driver SQL only; loads no SQLAlchemy.

A range with more than `MANY` rows is not ranked: the people of the store are read newest first until enough of them match.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.search_query import Probe
from cstui.domain.search_terms import END, PROVIDERS, WHOLE, Space
from cstui.storage.reader import Reader, Row

#: More rows than this under one prefix: people are read newest first instead. The two ways cost about the same here at a million people.
MANY = 4_000
#: People read newest first at most; what lies further back is found by typing more.
FURTHEST = 50_000
#: Stores asked one by one; above, all people are read newest first with the stores as a filter.
STORES_APART = 8

#: (number of the probe, term, age, key of the record)
Match = tuple[int, str, int, int]


def look(reader: Reader, stores: Sequence[int], probes: Sequence[Probe], limit: int) -> list[Match]:
    """The newest matches of each probe, at most `limit` each; on PostgreSQL in one round trip.

    Errors: `DatabaseAway`, `Interrupted`.
    """
    if not stores or not probes:
        return []
    if reader.is_sqlite:
        return [
            (number, *row)
            for number, probe in enumerate(probes)
            for row in reader.rows(*_question(reader, stores, probe, limit))
        ]
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, probe in enumerate(probes):
        sql, own = _question(reader, stores, probe, limit, f"_{number}")
        parts.append(f"SELECT {number}, q.* FROM ({sql}) q")
        values.update(own)
    return [tuple(row) for row in reader.rows(" UNION ALL ".join(parts), values)]


def _question(
    reader: Reader, stores: Sequence[int], probe: Probe, limit: int, mark: str = ""
) -> tuple[str, dict[str, Any]]:
    """One probe as SQL giving (term, age, key)."""
    values: dict[str, Any] = {f"low{mark}": probe.text}
    if probe.space is Space.DOMAIN and probe.text in PROVIDERS:
        values[f"n0{mark}"] = f"@{probe.text}\n"
        return _newest(reader, stores, [f"n0{mark}"], limit, f":low{mark}", "TRUE"), values
    values |= {f"high{mark}": probe.end, f"whole{mark}": probe.text + WHOLE}
    conditions = ["TRUE"]
    finding = "instr" if reader.is_sqlite else "strpos"
    for number, word in enumerate(probe.with_words):
        values[f"w{number}{mark}"] = " " + word
        conditions.append(f"{finding}(' ' || term, :w{number}{mark}) > 0")
    if probe.ending:
        values[f"ending{mark}"] = "%" + probe.ending
        conditions.append(f"term LIKE :ending{mark}")
    chosen = (
        f"SELECT term, age, entity_id FROM near WHERE {' AND '.join(conditions)}"
        f" ORDER BY CASE WHEN term < :whole{mark} THEN 0 ELSE 1 END, age LIMIT {limit}"
    )
    if probe.kind is not Kind.CUSTOMER:
        return f"WITH near AS MATERIALIZED ({_highest(stores, probe, mark)}) {chosen}", values
    for number, needle in enumerate(_needles(probe)):
        values[f"n{number}{mark}"] = needle
    many = f"(SELECT count(*) FROM near) > {MANY}"
    newest = _newest(
        reader, stores, [f"n{i}{mark}" for i in range(len(_needles(probe)))], limit, f":low{mark}", many
    )
    return (
        f"WITH near AS MATERIALIZED ({_range(stores, probe, mark)} LIMIT {MANY + 1})"
        f" SELECT * FROM ({chosen}) a UNION ALL SELECT * FROM ({newest}) b",
        values,
    )


def _range(stores: Sequence[int], probe: Probe, mark: str) -> str:
    return (
        f"SELECT term, age, entity_id FROM search_term WHERE {_in_stores('store_id', stores)} AND kind = {int(probe.space)}"
        f" AND term >= :low{mark} AND term < :high{mark}"
    )


def _highest(stores: Sequence[int], probe: Probe, mark: str) -> str:
    """A range of order numbers from its upper end: the highest numbers are the newest orders."""
    if len(stores) > STORES_APART:
        return f"{_range(stores, probe, mark)} LIMIT {MANY}"
    return " UNION ALL ".join(
        f"SELECT * FROM ({_range([store], probe, mark)} ORDER BY term DESC LIMIT {MANY // 4}) s{store}"
        for store in stores
    )


def _newest(
    reader: Reader, stores: Sequence[int], needles: Sequence[str], limit: int, term: str, only_if: str
) -> str:
    """The newest people whose terms hold every needle, store by store."""
    finding = "instr" if reader.is_sqlite else "strpos"
    held = " AND ".join(f"{finding}(terms, :{needle}) > 0" for needle in needles)
    groups = [[store] for store in stores] if len(stores) <= STORES_APART else [list(stores)]
    arms = []
    for group in groups:
        # Without the unary plus SQLite would walk store by store and sort them all.
        column = "+store_id" if reader.is_sqlite and len(group) > 1 else "store_id"
        people = (
            f"SELECT age, customer_id, terms FROM search_person WHERE {only_if} AND {_in_stores(column, group)}"
            f" ORDER BY age LIMIT {FURTHEST}"
        )
        widened = limit * (3 if len(group) > 1 else 1)
        arms.append(
            f"SELECT * FROM (SELECT {_as_text(reader, term)} AS term, age, customer_id AS entity_id FROM ({people}) p"
            f" WHERE {held} LIMIT {widened}) g{group[0]}"
        )
    return " UNION ALL ".join(arms)


def _needles(probe: Probe) -> list[str]:
    """What a person's terms must hold to match a probe."""
    if probe.whole and probe.space is Space.NAME:
        return [f"\n{int(probe.space)}:{probe.text} "]
    return [
        f"\n{int(probe.space)}:{probe.text}",
        *(f"\n{int(Space.NAME)}:{word}" for word in probe.with_words),
    ]


def _as_text(reader: Reader, parameter: str) -> str:
    return parameter if reader.is_sqlite else f"CAST({parameter} AS text)"


def _in_stores(column: str, stores: Sequence[int]) -> str:
    """A condition on whole numbers from our own table, so written into the text: the planner then knows them."""
    if len(stores) == 1:
        return f"{column} = {int(stores[0])}"
    return f"{column} IN ({', '.join(str(int(store)) for store in stores)})"


def among(
    reader: Reader,
    stores: Sequence[int],
    space: Space,
    texts: Sequence[str],
    *,
    whole: bool,
    limit: int,
    with_words: Sequence[str] = (),
) -> list[Row]:
    """The newest matches of any of many texts, as (term, age, key): for parts of words and forgiven typing errors."""
    if not texts or not stores:
        return []
    finding = "instr" if reader.is_sqlite else "strpos"
    source = "json_each(:texts) t" if reader.is_sqlite else "unnest(CAST(:texts AS text[])) t(value)"
    upper = "t.value || :end"
    values: dict[str, Any] = {"texts": json.dumps(list(texts)) if reader.is_sqlite else list(texts)}
    values["end"] = WHOLE if whole else END
    words = ""
    for number, word in enumerate(with_words):
        values[f"w{number}"] = " " + word
        words += f" AND {finding}(' ' || s.term, :w{number}) > 0"
    return reader.rows(
        f"SELECT term, age, entity_id FROM (SELECT s.term, s.age, s.entity_id FROM {source} CROSS JOIN search_term s"
        f" WHERE {_in_stores('s.store_id', stores)} AND s.kind = {int(space)} AND s.term >= t.value AND s.term < {upper}{words}"
        f" LIMIT {MANY * 2}) m ORDER BY age LIMIT {int(limit)}",
        values,
    )


def vocabulary(reader: Reader, kind: int, keys: Sequence[str], *, whole: bool, limit: int) -> list[str]:
    """The words that the keys lead to (1: one letter left out; 2: an ending)."""
    source = "json_each(:keys) t" if reader.is_sqlite else "unnest(CAST(:keys AS text[])) t(value)"
    condition = "w.key = t.value" if whole else "w.key >= t.value AND w.key < t.value || :end"
    rows = reader.rows(
        f"SELECT DISTINCT w.word FROM {source} CROSS JOIN search_word w WHERE w.kind = {int(kind)} AND {condition} LIMIT {int(limit)}",
        {
            "keys": json.dumps(list(keys)) if reader.is_sqlite else list(keys),
            **({} if whole else {"end": END}),
        },
    )
    return [row[0] for row in rows]


def stores(reader: Reader) -> list[Row]:
    """(id, code, order prefix) of every store."""
    return reader.rows("SELECT id, code, order_prefix FROM store ORDER BY id")


def terms_of_people(reader: Reader, stores: Sequence[int], customer_ids: Sequence[int]) -> list[Row]:
    """(customer, age, all terms) of some customers in the visible stores."""
    if not customer_ids:
        return []
    return reader.rows(
        "SELECT customer_id, age, terms FROM search_person"
        f" WHERE {_in_stores('customer_id', customer_ids)} AND {_in_stores('store_id', stores)}"
    )


def customers_of_orders(reader: Reader, order_ids: Sequence[int]) -> list[int]:
    """The customers of some orders."""
    if not order_ids:
        return []
    return [
        row[0] for row in reader.rows(f"SELECT customer_id FROM orders WHERE {_in_stores('id', order_ids)}")
    ]


def recent_customers(reader: Reader, staff_id: int, stores: Sequence[int], limit: int) -> list[int]:
    """The customers that a member of staff opened last and may still see, newest first (SRCH-13)."""
    if not stores:
        return []
    rows = reader.rows(
        "SELECT r.customer_id FROM recent_customer r WHERE r.staff_id = :staff AND EXISTS (SELECT 1 FROM customer_store k"
        f" WHERE k.customer_id = r.customer_id AND {_in_stores('k.store_id', stores)}) ORDER BY r.opened_at DESC LIMIT {int(limit)}",
        {"staff": staff_id},
    )
    return [row[0] for row in rows]


def order_of(reader: Reader, kind: Kind, key: int) -> int | None:
    """The order that a transaction or a parcel belongs to."""
    table = {Kind.TRANSACTION: "payment_transaction", Kind.SHIPMENT: "shipment"}[kind]
    rows = reader.rows(f"SELECT order_id FROM {table} WHERE id = :key", {"key": key})
    return rows[0][0] if rows else None


def details(
    reader: Reader, wanted: dict[Kind, Sequence[int]], visible: dict[Kind, Sequence[int]]
) -> dict[tuple[Kind, int], Row]:
    """What result lines show, for records of visible stores only, in one statement.

    Rows: kind, id, customer, store, first name, last name, company, number, e-mail, phone, postcode, city, last order, count of
    orders, status, total, currency.
    """
    arms = []
    for kind, keys in wanted.items():
        of_kind = visible.get(kind, ())
        if keys and of_kind:
            arm = _DETAILS[kind].replace("{keys}", ", ".join(str(int(key)) for key in keys))
            for name in ("o.store_id", "k.store_id", "s.store_id"):
                arm = arm.replace(f"{{{name}}}", _in_stores(name, of_kind))
            arms.append(arm)
    rows = reader.rows(" UNION ALL ".join(arms)) if arms else []
    return {(Kind(row[0]), row[1]): row for row in rows}


_DETAILS = {
    Kind.CUSTOMER: """
SELECT 'customer', c.id, c.id, COALESCE(l.store_id, f.store_id), c.first_name, c.last_name, c.company, '', c.email,
  CASE WHEN c.phone_e164 <> '' THEN c.phone_e164 ELSE c.phone END, COALESCE(a.postcode, l.billing_postcode, ''),
  COALESCE(a.city, l.billing_city, ''), l.placed_at,
  (SELECT count(*) FROM (SELECT 1 AS one FROM orders o WHERE o.customer_id = c.id AND {o.store_id} LIMIT 1000) n),
  CASE WHEN c.status = 'active' THEN '' ELSE c.status END, CAST(NULL AS bigint), ''
FROM customer c
LEFT JOIN orders l ON l.id = (SELECT o.id FROM orders o WHERE o.customer_id = c.id AND {o.store_id} ORDER BY o.placed_at DESC LIMIT 1)
LEFT JOIN customer_address a ON a.id = (SELECT x.id FROM customer_address x WHERE x.customer_id = c.id
  ORDER BY x.is_default_billing DESC, x.id LIMIT 1)
JOIN customer_store f ON f.customer_id = c.id AND f.store_id = (SELECT min(k.store_id) FROM customer_store k
  WHERE k.customer_id = c.id AND {k.store_id})
WHERE c.id IN ({keys})""",
    Kind.ORDER: """
SELECT 'order', o.id, o.customer_id, o.store_id,
  CASE WHEN o.billing_first_name <> '' OR o.billing_last_name <> '' THEN o.billing_first_name ELSE c.first_name END,
  CASE WHEN o.billing_first_name <> '' OR o.billing_last_name <> '' THEN o.billing_last_name ELSE c.last_name END,
  c.company, o.number, o.email, o.phone, o.billing_postcode, o.billing_city, o.placed_at, CAST(0 AS bigint), o.status, o.total, o.currency
FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.id IN ({keys}) AND {o.store_id}""",
    Kind.SUBSCRIPTION: """
SELECT 'subscription', s.id, s.customer_id, s.store_id, c.first_name, c.last_name, c.company, s.external_id, c.email,
  CASE WHEN c.phone_e164 <> '' THEN c.phone_e164 ELSE c.phone END, '', s.product, s.created_at, CAST(0 AS bigint), s.status,
  s.unit_price * s.quantity, s.currency
FROM subscription s JOIN customer c ON c.id = s.customer_id WHERE s.id IN ({keys}) AND {s.store_id}""",
}
