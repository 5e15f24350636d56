"""The SQL of a profile: one statement that answers everything a profile shows, the same on both databases but for the JSON functions.

Each part is a list of rows, each row a list of values in the order of its columns. Loads neither SQLAlchemy nor SQLModel.
"""

from __future__ import annotations

from functools import lru_cache

from cstui.domain.payments import OPEN_REFUNDS

#: How many transactions, shipments, notes and calls a profile shows.
SHOWN_MOVEMENTS = 20
SHOWN_NOTES = 30
#: Lists that are short by nature still end somewhere.
SHOWN_AT_MOST = 200
#: Lines of one order that its row can expand to.
SHOWN_LINES = 100
#: How old a presence row may be to still count.
PRESENCE_SECONDS = 120

Stores = frozenset[int] | None


def in_stores(column: str, stores: Stores) -> str:
    """The condition that a store column is among the visible ones; keys are whole numbers, so they stand in the text."""
    if stores is None:
        return "TRUE"
    return f"{column} IN ({', '.join(map(str, sorted(stores))) or '-1'})"


#: The newest refund of an order that has not come to its end, as its state and how often it failed: `failed_retrying 2`.
_OPEN_REFUND = (
    "coalesce((SELECT f.state || ' ' || f.failures FROM refund f WHERE f.order_id = o.id"
    f" AND f.state IN ({', '.join(repr(state.value) for state in OPEN_REFUNDS)}) ORDER BY f.id DESC LIMIT 1), '')"
)
ORDER_COLUMNS = (
    "o.id, o.number, o.store_id, s.name, o.placed_at, o.total, o.currency, o.status, coalesce(k.holder_name, ''),"
    f" {_OPEN_REFUND}"
)
_ORDER_JOINS = (
    "shown JOIN orders o ON o.id = shown.id JOIN store s ON s.id = o.store_id"
    " LEFT JOIN edit_lock k ON k.record_kind = 'order' AND k.record_id = o.id"
)
_KEPT = (
    "SELECT o.currency AS currency,"
    " (SELECT sum(CASE WHEN t.kind IN ('sale', 'capture') THEN t.amount WHEN t.kind = 'refund' THEN -t.amount ELSE 0 END)"
    " FROM payment_transaction t WHERE t.order_id = o.id AND t.status = 'succeeded') AS kept,"
    " (SELECT sum(t.amount) FROM payment_transaction t LEFT JOIN payment_transaction p ON p.id = t.parent_id"
    " WHERE t.order_id = o.id AND t.status = 'succeeded' AND t.kind = 'void' AND (p.kind IS NULL OR p.kind <> 'authorise')) AS voided"
    " FROM orders o WHERE o.customer_id = :customer AND o.status NOT IN ('cancelled', 'failed') AND {visible}"
)
_NOTE_SUBJECT = (
    "CASE n.subject_kind WHEN 'order' THEN coalesce('order ' || so.number, 'order')"
    " WHEN 'subscription' THEN coalesce('subscription ' || ss.product, 'subscription') ELSE '' END"
)
_DISPOSITION = (
    "coalesce((SELECT r.label FROM reason r WHERE r.kind = 'disposition' AND r.code = c.disposition AND r.store_id = c.store_id),"
    " (SELECT r.label FROM reason r WHERE r.kind = 'disposition' AND r.code = c.disposition AND r.store_id IS NULL), c.disposition)"
)

_MAIN = (
    "SELECT 1 FROM gateway_account g WHERE g.is_main AND g.is_open AND (g.store_id IS NULL"
    " OR g.store_id IN (SELECT b.store_id FROM customer_store b WHERE b.customer_id = :customer))"
)
#: A card is told apart by its gateway where a store has a main account and the card is kept at none of them.
_ELSEWHERE = (
    f"EXISTS ({_MAIN}) AND d.gateway <> ''"
    f" AND NOT EXISTS ({_MAIN} AND g.gateway = d.gateway AND (d.account = '' OR g.name = d.account))"
)


class _Dialect:
    """How one database writes arrays of rows as JSON."""

    def __init__(self, is_sqlite: bool) -> None:
        self.is_sqlite = is_sqlite

    def rows(self, columns: str, rest: str) -> str:
        """A scalar query: the rows as one JSON array of arrays, in the order of `rest`."""
        if self.is_sqlite:
            return f"(SELECT '[' || coalesce(group_concat(x), '') || ']' FROM (SELECT json_array({columns}) AS x FROM {rest}))"
        return f"(SELECT coalesce(json_agg(x), '[]') FROM (SELECT json_build_array({columns}) AS x FROM {rest}) y)"

    def nested(self, columns: str, rest: str) -> str:
        """The same as a column of a row."""
        return f"json({self.rows(columns, rest)})" if self.is_sqlite else self.rows(columns, rest)

    def document(self, parts: list[str]) -> str:
        """One JSON array of the parts."""
        if self.is_sqlite:
            return "SELECT '[' || " + " || ',' || ".join(parts) + " || ']'"
        return "SELECT json_build_array(" + ", ".join(parts) + ")"

    @property
    def seconds_ago(self) -> str:
        """The instant before which presence no longer counts, by the database's clock."""
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{PRESENCE_SECONDS} seconds')"
        return f"clock_timestamp() - interval '{PRESENCE_SECONDS} seconds'"


def _shown_orders(orders: Stores, after: bool) -> str:
    older = (
        " AND (placed_at, id) < (SELECT b.placed_at, b.id FROM orders b WHERE b.id = :after)" if after else ""
    )
    return (
        f"WITH shown AS (SELECT id FROM orders WHERE customer_id = :customer AND {in_stores('store_id', orders)}{older}"
        " ORDER BY placed_at DESC, id DESC LIMIT :orders) "
    )


def _order_parts(write: _Dialect, orders: Stores, *, newest_too: bool) -> list[str]:
    """Orders, their lines, the transactions and the shipments."""
    newest = (
        " UNION SELECT id FROM (SELECT id FROM payment_transaction"
        f" WHERE customer_id = :customer AND {in_stores('store_id', orders)} ORDER BY occurred_at DESC, id DESC"
        f" LIMIT {SHOWN_MOVEMENTS}) m"
        if newest_too
        else ""
    )
    lines = write.nested("p.order_line_id, p.quantity", "shipment_line p WHERE p.shipment_id = h.id")
    return [
        write.rows(ORDER_COLUMNS, f"{_ORDER_JOINS} ORDER BY o.placed_at DESC, o.id DESC"),
        write.rows(
            "l.order_id, l.quantity, l.name, l.option",
            # A join would tempt SQLite into reading all lines of the shop for a Bloom filter.
            "order_line l WHERE l.order_id IN (SELECT id FROM shown)"
            f" AND l.position < {SHOWN_LINES} ORDER BY l.order_id, l.position, l.id",
        ),
        write.rows(
            "t.id, t.order_id, o.number, t.occurred_at, t.kind, t.status, t.amount, t.currency, t.gateway, t.card_brand,"
            " t.card_last4, t.gateway_ref, t.response_text, t.origin, t.settled_at,"
            " (SELECT p.kind FROM payment_transaction p WHERE p.id = t.parent_id), t.account, t.attempt_id,"
            " coalesce((SELECT a.requested_by FROM payment_attempt a WHERE a.id = t.attempt_id), ''), t.is_test",
            "(SELECT t.id FROM payment_transaction t WHERE t.order_id IN (SELECT id FROM shown)"
            f"{newest}) w JOIN payment_transaction t ON t.id = w.id JOIN orders o ON o.id = t.order_id"
            " ORDER BY t.occurred_at DESC, t.id DESC",
        ),
        write.rows(
            "h.id, h.order_id, o.number, h.state, h.is_digital, h.method, h.carrier, h.tracking, h.released_at, h.shipped_at,"
            f" h.delivered_at, {lines}",
            "shipment h JOIN orders o ON o.id = h.order_id WHERE h.order_id IN (SELECT id FROM shown) ORDER BY h.created_at DESC, h.id DESC",
        ),
    ]  # fmt: skip


def _person_parts(write: _Dialect, customers: Stores) -> list[str]:
    """The customer himself, where he is known, his addresses and cards, who looks."""
    return [
        write.rows(
            "c.id, c.version, c.first_name, c.last_name, c.company, c.email, c.phone, c.language, c.locale, c.phone_e164, c.status,"
            " c.tags, c.registered_at",
            "customer c WHERE c.id = :customer",
        ),
        write.rows(
            "s.id, s.code, s.name, s.currency, s.zone, s.country, s.locale, s.is_test",
            "customer_store b JOIN store s ON s.id = b.store_id WHERE b.customer_id = :customer"
            f" AND {in_stores('b.store_id', customers)} ORDER BY s.code LIMIT {SHOWN_AT_MOST}",
        ),
        write.rows(
            "a.id, a.first_name, a.last_name, a.company, a.line1, a.line2, a.city, a.region, a.postcode, a.country, a.phone,"
            " a.is_default_billing, a.is_default_shipping",
            "customer_address a WHERE a.customer_id = :customer"
            f" ORDER BY a.is_default_shipping DESC, a.is_default_billing DESC, a.id LIMIT {SHOWN_AT_MOST}",
        ),
        write.rows(
            "d.id, d.brand, d.last4, d.expiry_month, d.expiry_year, d.gateway, d.is_default, d.is_test, d.failed_before,"
            f" d.billing_ref <> '', {_ELSEWHERE}",
            "card d WHERE d.customer_id = :customer AND d.removed_at IS NULL"
            f" ORDER BY d.is_default DESC, d.id DESC LIMIT {SHOWN_AT_MOST}",
        ),
        write.rows(
            "v.staff_name",
            "presence v WHERE v.record_kind = 'customer' AND v.record_id = :customer"
            f" AND v.staff_id <> :me AND v.seen_at > {write.seconds_ago} ORDER BY v.since LIMIT {SHOWN_AT_MOST}",
        ),
    ]  # fmt: skip


def _history_parts(write: _Dialect, customers: Stores, orders: Stores, subscriptions: Stores) -> list[str]:
    """Totals, subscriptions, notes, calls."""
    subject_store = "coalesce(n.store_id, so.store_id, ss.store_id)"
    return [
        write.rows(
            "w.currency, count(*), sum(coalesce(w.kept, 0) - CASE WHEN w.kept > 0 AND w.voided > 0"
            " THEN CASE WHEN w.voided < w.kept THEN w.voided ELSE w.kept END ELSE 0 END)",
            f"({_KEPT.format(visible=in_stores('o.store_id', orders))}) w GROUP BY w.currency ORDER BY w.currency",
        ),
        write.rows(
            "u.id, u.store_id, u.product, u.option, u.status, u.currency, u.unit_price, u.quantity, u.discount, u.shipping, u.tax,"
            " u.interval_unit, u.interval_count, u.cycle, u.next_bill_date, u.trial_ends_on, coalesce(d.brand, ''),"
            " coalesce(d.last4, ''), u.version",
            "subscription u LEFT JOIN card d ON d.id = u.card_id WHERE u.customer_id = :customer"
            f" AND {in_stores('u.store_id', subscriptions)}"
            f" ORDER BY CASE WHEN u.status IN ('cancelled', 'complete') THEN 1 ELSE 0 END, u.id DESC LIMIT {SHOWN_AT_MOST}",
        ),
        write.rows(
            f"n.id, n.created_at, n.author_name, n.body, n.source, {_NOTE_SUBJECT}, n.corrects_id",
            "note n LEFT JOIN orders so ON n.subject_kind = 'order' AND so.id = n.subject_id"
            " LEFT JOIN subscription ss ON n.subject_kind = 'subscription' AND ss.id = n.subject_id"
            f" WHERE n.customer_id = :customer AND ({subject_store} IS NULL OR {in_stores(subject_store, orders)})"
            f" ORDER BY n.created_at DESC, n.id DESC LIMIT {SHOWN_NOTES}",
        ),
        write.rows(
            f"c.id, c.started_at, c.ended_at, c.direction, {_DISPOSITION}, c.note, c.staff_name",
            "call c WHERE c.customer_id = :customer"
            f" AND (c.store_id IS NULL OR {in_stores('c.store_id', customers)})"
            f" ORDER BY c.started_at DESC, c.id DESC LIMIT {SHOWN_MOVEMENTS}",
        ),
    ]  # fmt: skip


@lru_cache(maxsize=256)
def profile_sql(is_sqlite: bool, customers: Stores, orders: Stores, subscriptions: Stores) -> str:
    """One statement that answers with one JSON document: the parts in the order that `customer_view` reads them."""
    write = _Dialect(is_sqlite)
    parts = [
        *_person_parts(write, customers),
        *_order_parts(write, orders, newest_too=True),
        *_history_parts(write, customers, orders, subscriptions),
    ]
    return _shown_orders(orders, after=False) + write.document(parts)


@lru_cache(maxsize=64)
def older_orders_sql(is_sqlite: bool, orders: Stores) -> str:
    """One statement for the orders after `:after`, with their lines, transactions and shipments."""
    write = _Dialect(is_sqlite)
    return _shown_orders(orders, after=True) + write.document(_order_parts(write, orders, newest_too=False))
