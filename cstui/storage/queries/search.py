"""Finding: ranges of the term tree, read newest first, and what a result line shows. Driver SQL only; loads no SQLAlchemy.

A range with more than `MANY` rows is not ranked: the people of the store are read newest first until enough of them match.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.search_query import Probe
from cstui.domain.search_terms import END, PROVIDERS, WHOLE, Space
from cstui.storage.reader import Reader, Row

#: More rows than this under one prefix: people are read newest first instead. The two ways cost about the same here at a million people.
MANY = 4_000
#: Ranges below this are fetched whole.
FEW = 400
#: People read newest first at most; what lies further back is found by typing more.
FURTHEST = 50_000
#: The same where a filter may match nobody at all.
FURTHEST_FILTERED = 5_000
#: Stores asked one by one; above, all people are read newest first with the stores as a filter.
STORES_APART = 8

#: (number of the probe, term, age, key of the record)
Match = tuple[int, str, int, int]


def look(
    reader: Reader, stores: Sequence[int], probes: Sequence[Probe], limit: int, already: int = 0
) -> list[Match]:
    """The best and newest matches of each probe, about `limit` each; on PostgreSQL in one round trip, two where a prefix is crowded.

    `already`: how many records other probes have found; with enough of them the slowest way is not taken.
    Errors: `DatabaseAway`, `Interrupted`.
    """
    if not stores or not probes:
        return []
    indexed = [(n, p) for n, p in enumerate(probes) if not _is_provider(p)]
    crowded = [(n, p) for n, p in enumerate(probes) if _is_provider(p)]
    found: list[Match] = []
    if reader.is_sqlite:
        for number, probe in indexed:
            rows, many = _ranged(reader, stores, probe, limit)
            found += [(number, *row) for row in rows]
            if many:
                crowded.append((number, probe))
    elif indexed:
        many_rows = _ranged_at_once(reader, stores, indexed, limit)
        found += [(row[0], row[1], row[2], row[3]) for row in many_rows if row[1] is not None]
        full = {row[0] for row in many_rows if row[4] > MANY}
        crowded += [(n, p) for n, p in indexed if n in full]
    worth = _worth_reading(probes, crowded, found, limit, already)
    return found + _crowded(reader, stores, worth, limit)


def _worth_reading(
    probes: Sequence[Probe], crowded: list[tuple[int, Probe]], found: list[Match], limit: int, already: int
) -> list[tuple[int, Probe]]:
    """The crowded ranges whose people are worth reading newest first.

    One with a filter may have to be read to its end: not where another word's range held every answer, nor where enough was found.
    """
    numbers = {number for number, _ in crowded}
    elsewhere = already + sum(1 for match in found if match[0] not in numbers)
    complete = any(p.space is Space.NAME and p.with_words and n not in numbers for n, p in enumerate(probes))
    return [
        (number, probe)
        for number, probe in crowded
        if not probe.with_words
        or (elsewhere < limit and not complete if probe.space is Space.NAME else elsewhere == 0)
    ]


def _is_provider(probe: Probe) -> bool:
    return probe.space is Space.DOMAIN and probe.text in PROVIDERS


def _ranged(reader: Reader, stores: Sequence[int], probe: Probe, limit: int) -> tuple[list[Row], bool]:
    """SQLite: a range as (term, age, key), and whether it is crowded. Small ranges are sorted here, which is quickest."""
    values: dict[str, Any] = {"low": probe.text, "high": probe.end}
    within = f"FROM search_term WHERE {_in_stores('store_id', stores)} AND kind = {int(probe.space)} AND term >= :low AND term < :high"
    whole = probe.text + WHOLE
    rows = _rows(reader, f"SELECT term, age, entity_id {within} LIMIT {FEW}", values)
    if len(rows) < FEW:
        if probe.with_words or probe.ending:
            rows = [row for row in rows if _passes(row[0], probe)]
        if len(rows) > 1:
            rows.sort(key=lambda row: (row[0] >= whole, row[1]))
        return rows[:limit], False
    values["whole"] = whole
    conditions = ""
    for number, word in enumerate(probe.with_words):
        values[f"w{number}"] = " " + word
        conditions += f" AND instr(' ' || term, :w{number}) > 0"
    if probe.ending:
        values["ending"] = "%" + probe.ending
        conditions += " AND term LIKE :ending"
    if reader.rows(f"SELECT 1 {within} LIMIT 1 OFFSET {MANY}", values):
        # The first of a crowded range only fill up what reading the newest people leaves; whole words come first among them.
        return [row for row in rows if _passes(row[0], probe)][:limit], True
    chosen = reader.rows(
        f"SELECT term, age, entity_id {within}{conditions} ORDER BY CASE WHEN term < :whole THEN 0 ELSE 1 END, age LIMIT {int(limit)}",
        values,
    )
    return chosen, False


def _passes(term: str, probe: Probe) -> bool:
    spaced = " " + term
    return term.endswith(probe.ending) and all(f" {word}" in spaced for word in probe.with_words)


def _ranged_at_once(
    reader: Reader, stores: Sequence[int], probes: Sequence[tuple[int, Probe]], limit: int
) -> list[Row]:
    """PostgreSQL: all ranges in one statement, planned once, as (probe, term, age, key, how many rows the range has up to `MANY` + 1)."""
    words = [[f" {word}" for word in probe.with_words[:3]] + [""] * 3 for _, probe in probes]
    return _rows(
        reader,
        "SELECT p.number, CASE WHEN m.passes THEN m.term END, m.age, m.entity_id, m.many FROM unnest(CAST(:numbers AS int[]),"
        " CAST(:kinds AS int[]), CAST(:lows AS text[]), CAST(:highs AS text[]), CAST(:wholes AS text[]), CAST(:w1 AS text[]),"
        " CAST(:w2 AS text[]), CAST(:w3 AS text[]), CAST(:endings AS text[])) p(number, kind, low, high, whole, w1, w2, w3, ending)"
        # What does not pass the filter sorts last: it still says how many rows the range has.
        " CROSS JOIN LATERAL (SELECT term, age, entity_id, many, passes FROM (SELECT r.*, count(*) OVER () AS many,"
        " strpos(' ' || term, p.w1) > 0 AND strpos(' ' || term, p.w2) > 0 AND strpos(' ' || term, p.w3) > 0"
        " AND right(term, length(p.ending)) = p.ending AS passes FROM (SELECT term, age, entity_id FROM search_term"
        f" WHERE {_in_stores('store_id', stores)} AND kind = p.kind AND term >= p.low AND term < p.high LIMIT {MANY + 1}) r) c"
        f" ORDER BY NOT passes, CASE WHEN term < p.whole THEN 0 ELSE 1 END, age LIMIT {int(limit)}) m",
        {
            "numbers": [number for number, _ in probes],
            "kinds": [int(probe.space) for _, probe in probes],
            "lows": [probe.text for _, probe in probes],
            "highs": [probe.end for _, probe in probes],
            "wholes": [probe.text + WHOLE for _, probe in probes],
            "w1": [word[0] for word in words],
            "w2": [word[1] for word in words],
            "w3": [word[2] for word in words],
            "endings": [probe.ending for _, probe in probes],
        },
    )


def _crowded(
    reader: Reader, stores: Sequence[int], probes: Sequence[tuple[int, Probe]], limit: int
) -> list[Match]:
    """Ranges with very many rows, read newest first in another order than by term."""
    if not probes:
        return []
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, probe in probes:
        values[f"low{number}"] = probe.text
        if probe.kind is Kind.CUSTOMER:
            needles = {f"n{number}_{i}": needle for i, needle in enumerate(_needles(probe))}
            values |= needles
            arms = _newest(reader, stores, list(needles), limit, f":low{number}")
        else:
            values[f"high{number}"] = probe.end
            arms = _highest(stores, probe, number)
        parts += [f"SELECT {number} AS number, q.* FROM ({arm}) q" for arm in arms]
    return [(r[0], r[1], r[2], r[3]) for r in _rows(reader, " UNION ALL ".join(parts), values)]


def _highest(stores: Sequence[int], probe: Probe, number: int) -> list[str]:
    """The upper end of a range of order numbers: the highest are the newest."""
    return [
        f"SELECT term, age, entity_id FROM search_term WHERE store_id = {int(store)} AND kind = {int(probe.space)}"
        f" AND term >= :low{number} AND term < :high{number} ORDER BY term DESC LIMIT {FEW}"
        for store in stores
    ]


def _newest(
    reader: Reader, stores: Sequence[int], needles: Sequence[str], limit: int, term: str
) -> list[str]:
    """The newest people whose terms hold every needle, store by store; with very many stores all people, the stores as a filter."""
    finding = "instr" if reader.is_sqlite else "strpos"
    held = " AND ".join(f"{finding}(terms, :{needle}) > 0" for needle in needles)
    if len(stores) > STORES_APART:
        # Without the unary plus SQLite would walk store by store and sort them all.
        condition, widened = _in_stores("+store_id" if reader.is_sqlite else "store_id", stores), limit * 3
        groups = [condition]
    else:
        groups, widened = [_in_stores("store_id", [store]) for store in stores], limit
    text = term if reader.is_sqlite else f"CAST({term} AS text)"
    return [
        f"SELECT {text} AS term, age, customer_id AS entity_id FROM (SELECT age, customer_id, terms FROM search_person"
        f" WHERE {group} ORDER BY age LIMIT {FURTHEST if len(needles) == 1 else FURTHEST_FILTERED}) p WHERE {held} LIMIT {widened}"
        for group in groups
    ]


def _needles(probe: Probe) -> list[str]:
    """What a person's terms must hold to match a probe."""
    if _is_provider(probe):
        return [f"@{probe.text}\n"]
    if probe.whole and probe.space is Space.NAME:
        return [f"\n{int(probe.space)}:{probe.text} "]
    return [
        f"\n{int(probe.space)}:{probe.text}",
        *(f"\n{int(Space.NAME)}:{word}" for word in probe.with_words),
    ]


def _rows(reader: Reader, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Reads rows by keys and ranges, for which PostgreSQL plans once; lists of texts want a plan of their own, and are asked without this."""
    return reader.rows(sql, values, keyed=True)


def _list(reader: Reader, values: Sequence[Any]) -> Any:
    """Many values as one parameter."""
    return json.dumps(list(values)) if reader.is_sqlite else list(values)


def _among(reader: Reader, name: str = "keys") -> str:
    """A condition on a list that is one parameter."""
    return (
        f"IN (SELECT value FROM json_each(:{name}))"
        if reader.is_sqlite
        else f"= ANY(CAST(:{name} AS bigint[]))"
    )


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
    values: dict[str, Any] = {"texts": _list(reader, texts)}
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
            "keys": _list(reader, keys),
            **({} if whole else {"end": END}),
        },
    )
    return [row[0] for row in rows]


def stores(reader: Reader) -> list[Row]:
    """(id, code, order prefix) of every store."""
    return _rows(reader, "SELECT id, code, order_prefix FROM store ORDER BY id")


def terms_of_people(reader: Reader, stores: Sequence[int], customer_ids: Sequence[int]) -> list[Row]:
    """(customer, age, all terms) of some customers in the visible stores."""
    if not customer_ids:
        return []
    return _rows(
        reader,
        "SELECT customer_id, age, terms FROM search_person"
        f" WHERE customer_id {_among(reader)} AND {_in_stores('store_id', stores)}",
        {"keys": _list(reader, customer_ids)},
    )


def customers_of_orders(reader: Reader, order_ids: Sequence[int]) -> list[int]:
    """The customers of some orders."""
    if not order_ids:
        return []
    return [
        row[0]
        for row in _rows(
            reader,
            f"SELECT customer_id FROM orders WHERE id {_among(reader)}",
            {"keys": _list(reader, order_ids)},
        )
    ]


def recent_customers(reader: Reader, staff_id: int, stores: Sequence[int], limit: int) -> list[int]:
    """The customers that a member of staff opened last and may still see, newest first (SRCH-13)."""
    if not stores:
        return []
    rows = _rows(
        reader,
        "SELECT r.customer_id FROM recent_customer r WHERE r.staff_id = :staff AND EXISTS (SELECT 1 FROM customer_store k"
        f" WHERE k.customer_id = r.customer_id AND {_in_stores('k.store_id', stores)}) ORDER BY r.opened_at DESC LIMIT {int(limit)}",
        {"staff": staff_id},
    )
    return [row[0] for row in rows]


def order_of(reader: Reader, kind: Kind, key: int) -> int | None:
    """The order that a transaction or a parcel belongs to."""
    table = {Kind.TRANSACTION: "payment_transaction", Kind.SHIPMENT: "shipment"}[kind]
    rows = _rows(reader, f"SELECT order_id FROM {table} WHERE id = :key", {"key": key})
    return rows[0][0] if rows else None


def details(
    reader: Reader, wanted: dict[Kind, Sequence[int]], visible: dict[Kind, Sequence[int]]
) -> dict[tuple[Kind, int], Row]:
    """What result lines show, for records of visible stores only, in one statement.

    Rows: kind, id, customer, store, first name, last name, company, number, e-mail, phone, postcode, city, last order, count of
    orders, status, total, currency.
    """
    arms: list[str] = []
    values: dict[str, Any] = {}
    for kind, keys in wanted.items():
        of_kind = visible.get(kind, ())
        if keys and of_kind:
            name = kind.value
            values[name] = _list(reader, keys)
            arm = _DETAILS[kind].replace("{among}", _among(reader, name))
            for column in ("o.store_id", "k.store_id", "s.store_id"):
                arm = arm.replace(f"{{{column}}}", _in_stores(column, of_kind))
            arms.append(arm)
    rows = _rows(reader, " UNION ALL ".join(arms), values) if arms else []
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
WHERE c.id {among}""",
    Kind.ORDER: """
SELECT 'order', o.id, o.customer_id, o.store_id,
  CASE WHEN o.billing_first_name <> '' OR o.billing_last_name <> '' THEN o.billing_first_name ELSE c.first_name END,
  CASE WHEN o.billing_first_name <> '' OR o.billing_last_name <> '' THEN o.billing_last_name ELSE c.last_name END,
  c.company, o.number, o.email, o.phone, o.billing_postcode, o.billing_city, o.placed_at, CAST(0 AS bigint), o.status, o.total, o.currency
FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.id {among} AND {o.store_id}""",
    Kind.SUBSCRIPTION: """
SELECT 'subscription', s.id, s.customer_id, s.store_id, c.first_name, c.last_name, c.company, s.external_id, c.email,
  CASE WHEN c.phone_e164 <> '' THEN c.phone_e164 ELSE c.phone END, '', s.product, s.created_at, CAST(0 AS bigint), s.status,
  s.unit_price * s.quantity, s.currency
FROM subscription s JOIN customer c ON c.id = s.customer_id WHERE s.id {among} AND {s.store_id}""",
}
