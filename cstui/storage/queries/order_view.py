"""One order as one read: a single statement on either database, so that it is one consistent picture and one round trip.

Driver SQL; loads neither SQLAlchemy nor SQLModel. Each part is a list of columns and its source; the statement gathers every part as
JSON, and the parts become `OrderView` here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.addresses import Address
from cstui.domain.locking import LockState, Purpose
from cstui.domain.money import Money
from cstui.domain.notes import NoteRow, NoteSource
from cstui.domain.order_rules import editable
from cstui.domain.orders import (
    DiscountTarget,
    DiscountView,
    HoldState,
    HoldView,
    LineView,
    OrderKind,
    OrderStatus,
    OrderView,
    ProductRow,
    TaxView,
    Totals,
)
from cstui.domain.payments import (
    Paid,
    TransactionKind,
    TransactionOrigin,
    TransactionRow,
    TransactionStatus,
    payment_status,
    summed_up,
)
from cstui.domain.permissions import Permission
from cstui.domain.shipments import ShipmentRow, ShipmentState, fulfilment_status
from cstui.storage.reader import instant, instant_of

#: Amounts and words are shared between views: most are the same few, and a lookup is cheaper than making one.
_money = lru_cache(maxsize=4096)(Money)
_STATUS = {member.value: member for member in OrderStatus}
_KIND = {member.value: member for member in OrderKind}
_SHIPMENT = {member.value: member for member in ShipmentState}
_MOVE = {member.value: member for member in TransactionKind}
_OUTCOME = {member.value: member for member in TransactionStatus}
_ORIGIN = {member.value: member for member in TransactionOrigin}

#: Runs one statement with `:name` parameters and returns its rows; the reader's, or that of an open transaction.
Fetch = Callable[[str, Mapping[str, Any]], list[Any]]
_ADDRESS = tuple(field.name for field in fields(Address))


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks: his own presence is left out, his own lock's token is kept. `lease` of presence in seconds."""

    actor: Actor
    lease: int


_NOW = {True: "strftime('%Y-%m-%d %H:%M:%f', 'now')", False: "clock_timestamp()"}
_LEASE_AGO = {
    True: "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || :lease || ' seconds')",
    False: "clock_timestamp() - make_interval(secs => :lease)",
}

_ORDER = (
    "o.id, o.number, o.store_id, o.customer_id, o.kind, o.source, o.status, o.placed_at, o.cancelled_at, o.cancel_reason, o.currency,"
    " o.prices_include_tax, o.subtotal, o.discount, o.shipping, o.tax, o.total, o.email, o.phone, o.payment_method, o.tags, o.version"
)

_HEAD = ", ".join(
    [
        _ORDER,
        *(f"o.billing_{name}" for name in _ADDRESS),
        *(f"o.shipping_{name}" for name in _ADDRESS),
        "s.code, s.name, s.zone, s.is_test, c.first_name, c.last_name, c.company",
        "l.holder_name, l.holder_id, l.terminal, l.acquired_at, l.active_at, l.lease_until, l.purpose, l.breakable, l.token",
        "CASE WHEN l.lease_until < {now} THEN 1 ELSE 0 END",
        "EXISTS (SELECT 1 FROM payment_attempt a WHERE a.order_id = o.id AND a.state IN ('sending', 'unknown'))",
    ]
)

_PARTS: tuple[tuple[str, str], ...] = (
    (
        _HEAD,
        "orders o JOIN store s ON s.id = o.store_id JOIN customer c ON c.id = o.customer_id"
        " LEFT JOIN edit_lock l ON l.record_kind = 'order' AND l.record_id = o.id WHERE o.id = :order_id",
    ),
    (
        "id, sku, name, option, quantity, unit_price, discount, tax, taxable, requires_shipping, personalisation, subscription_id",
        "order_line WHERE order_id = :order_id ORDER BY position, id",
    ),
    ("id, name, amount, base", "order_tax WHERE order_id = :order_id ORDER BY position, id"),
    ("code, amount, target", "order_discount WHERE order_id = :order_id ORDER BY position, id"),
    (
        "id, reason, note, is_system, cause, placed_by, placed_at, state, resolved_by, resolved_at",
        "order_hold WHERE order_id = :order_id ORDER BY id",
    ),
    (
        "p.id, p.state, p.is_digital, p.method, p.carrier, p.tracking, p.released_at, p.shipped_at, p.delivered_at,"
        " i.order_line_id, i.quantity",
        "shipment p LEFT JOIN shipment_line i ON i.shipment_id = p.id WHERE p.order_id = :order_id"
        " ORDER BY p.id, i.order_line_id",
    ),
    (
        "id, occurred_at, kind, status, amount, currency, gateway, card_brand, card_last4, gateway_ref, response_text, origin,"
        " CASE WHEN settled_at IS NULL THEN 0 ELSE 1 END,"
        " (SELECT p.kind FROM payment_transaction p WHERE p.id = payment_transaction.parent_id), account, attempt_id,"
        " coalesce((SELECT a.requested_by FROM payment_attempt a WHERE a.id = payment_transaction.attempt_id), ''), is_test",
        "payment_transaction WHERE order_id = :order_id ORDER BY occurred_at DESC, id DESC",
    ),
    (
        "id, created_at, author_name, body, source, corrects_id",
        "note WHERE subject_kind = 'order' AND subject_id = :order_id ORDER BY created_at DESC, id DESC LIMIT 500",
    ),
    (
        "staff_name",
        "presence WHERE record_kind = 'order' AND record_id = :order_id AND seen_at >= {lease_ago}"
        " AND NOT (staff_id = :staff_id AND terminal = :terminal) ORDER BY staff_name LIMIT 50",
    ),
)


@lru_cache(maxsize=2)
def _statement(is_sqlite: bool) -> str:
    row = "json_array" if is_sqlite else "json_build_array"
    gathered = "json_group_array(json(x))" if is_sqlite else "json_agg(x)"
    parts = [
        f"(SELECT {gathered} FROM (SELECT {row}({columns}) AS x FROM {source}) part)"
        for columns, source in _PARTS
    ]
    whole = f"SELECT {row}({', '.join(parts)})"
    return whole.replace("{now}", _NOW[is_sqlite]).replace("{lease_ago}", _LEASE_AGO[is_sqlite])


def read_order(fetch: Fetch, is_sqlite: bool, order_id: int, looker: Looker) -> OrderView | None:
    """The order with everything that its screen paints; None where there is no such order in the stores that the looker may see.

    An attempt that is being sent or whose outcome is unknown makes the payment status unknown.
    """
    rows = fetch(
        _statement(is_sqlite),
        {
            "order_id": order_id,
            "staff_id": looker.actor.staff_id,
            "terminal": looker.actor.terminal,
            "lease": looker.lease,
        },
    )
    parts = json.loads(rows[0][0]) if is_sqlite else rows[0][0]
    if not parts[0]:
        return None
    permitted = looker.actor.permitted(parts[0][0][2])
    if Permission.ORDER_VIEW not in permitted:
        return None
    return _view([part or [] for part in parts], looker, permitted)


def _view(parts: list[list[Any]], looker: Looker, permitted: frozenset[str]) -> OrderView:
    (head,), lines, tax_rows, discount_rows, holds, parcels, paid_rows, notes, viewers = parts
    (order_id, number, store_id, customer_id, kind, source, status_text, placed_at, cancelled_at, cancel_reason, currency,
     tax_included, subtotal, discount, shipping, tax, total, email, phone, payment_method, tags, version) = head[:22]  # fmt: skip
    store_code, store_name, store_zone, is_test, first_name, last_name, company = head[42:49]
    status = _STATUS[status_text]
    shipments = _shipments(parcels, order_id, number)
    transactions = tuple(_transaction(row, order_id, number) for row in paid_rows)
    paid = _paid(transactions, bool(head[59]))
    may = editable(status, (row[0] for row in lines), shipments)
    included = bool(tax_included)
    taxes = tuple(
        TaxView(
            row[0], row[1], _money(row[2], currency), None if row[3] is None else _money(row[3], currency)
        )
        for row in tax_rows
    )
    discounts = tuple(
        DiscountView(code, _money(amount, currency), DiscountTarget(target))
        for code, amount, target in discount_rows
    )
    totals = Totals(
        _money(subtotal, currency), _money(discount, currency), _money(shipping, currency), _money(tax, currency),
        _money(total, currency), included,
    )  # fmt: skip
    return OrderView(
        id=order_id, number=number, store_id=store_id, store_code=store_code, store_name=store_name, store_zone=store_zone,
        is_test=bool(is_test), customer_id=customer_id, customer_name=f"{first_name} {last_name}".strip() or company, email=email,
        phone=phone, kind=_KIND[kind], source=source, status=status, payment_status=payment_status(total, paid),
        fulfilment_status=fulfilment_status(tuple(shipment.state for shipment in shipments)), paid=paid,
        placed_at=instant_of(placed_at), cancelled_at=instant(cancelled_at), cancel_reason=cancel_reason,
        billing=Address(*head[22:32]), shipping=Address(*head[32:42]),
        lines=tuple(_line(row, currency, included, may.fixed_lines) for row in lines), taxes=taxes, discounts=discounts,
        totals=totals, holds=tuple(_hold(row) for row in holds), shipments=shipments, transactions=transactions,
        notes=tuple(_note(row, number) for row in notes), tags=tags, payment_method=payment_method, version=version,
        edit_lock=_lock(head[49:59], looker), viewers=tuple(dict.fromkeys(name for (name,) in viewers)), permitted=permitted,
        lines_editable=may.lines, addresses_editable=may.addresses, why_not_editable=may.why_not,
    )  # fmt: skip


def _line(row: list[Any], currency: str, included: bool, fixed: frozenset[int]) -> LineView:
    (line_id, sku, name, option, quantity, unit_price, discount, tax, taxable, requires_shipping, personalisation,
     subscription_id) = row  # fmt: skip
    return LineView(
        line_id,
        sku,
        name,
        option,
        quantity,
        _money(unit_price, currency),
        _money(discount, currency),
        _money(tax, currency),
        _money(quantity * unit_price - discount + (0 if included else tax), currency),
        bool(taxable),
        bool(requires_shipping),
        personalisation,
        subscription_id,
        line_id not in fixed,
    )


def _note(row: list[Any], number: str) -> NoteRow:
    note_id, at, author, body, origin, corrects = row
    return NoteRow(note_id, instant_of(at), author, body, NoteSource(origin), f"order {number}", corrects)


def _hold(row: list[Any]) -> HoldView:
    hold_id, reason, note, is_system, cause, placed_by, placed_at, state, resolved_by, resolved_at = row
    return HoldView(
        id=hold_id,
        reason=reason,
        note=note,
        is_system=bool(is_system),
        cause=cause,
        placed_by=placed_by,
        placed_at=instant_of(placed_at),
        state=HoldState(state),
        resolved_by=resolved_by,
        resolved_at=instant(resolved_at),
    )


def _shipments(rows: list[list[Any]], order_id: int, number: str) -> tuple[ShipmentRow, ...]:
    heads: dict[int, list[Any]] = {}
    contents: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        heads.setdefault(row[0], row)
        held = contents.setdefault(row[0], [])
        if row[9] is not None:
            held.append((row[9], row[10]))
    return tuple(
        ShipmentRow(
            id=shipment_id,
            order_id=order_id,
            order_number=number,
            state=_SHIPMENT[row[1]],
            is_digital=bool(row[2]),
            method=row[3],
            carrier=row[4],
            tracking=row[5],
            lines=tuple(contents[shipment_id]),
            released_at=instant(row[6]),
            shipped_at=instant(row[7]),
            delivered_at=instant(row[8]),
        )
        for shipment_id, row in heads.items()
    )


def _transaction(row: list[Any], order_id: int, number: str) -> TransactionRow:
    (
        key,
        at,
        kind,
        status,
        amount,
        currency,
        gateway,
        brand,
        last4,
        reference,
        text,
        origin,
        settled,
        parent,
        account,
        attempt_id,
        by,
        is_test,
    ) = row
    return TransactionRow(
        id=key,
        order_id=order_id,
        order_number=number,
        at=instant_of(at),
        kind=_MOVE[kind],
        status=_OUTCOME[status],
        amount=_money(amount, currency),
        gateway=gateway,
        card_brand=brand,
        card_last4=last4,
        reference=reference,
        text=text,
        origin=_ORIGIN[origin],
        settled=bool(settled),
        parent_kind=_MOVE[parent] if parent else None,
        account=account,
        attempt_id=attempt_id,
        by=by,
        is_test=bool(is_test),
    )


def _paid(transactions: tuple[TransactionRow, ...], attempt_unknown: bool) -> Paid:
    paid = summed_up((row.kind, row.status, row.amount.minor, row.parent_kind) for row in transactions)
    if not attempt_unknown or paid.unknown:
        return paid
    return replace(paid, unknown=True)


def _lock(row: list[Any], looker: Looker) -> LockState | None:
    holder, holder_id, terminal, since, idle_since, lease_until, purpose, breakable, token, stale = row
    if holder_id is None:
        return None
    return LockState(
        holder=holder,
        holder_id=holder_id,
        terminal=terminal,
        since=instant_of(since),
        idle_since=instant_of(idle_since),
        lease_until=instant_of(lease_until),
        stale=bool(stale),
        purpose=Purpose(purpose),
        breakable=bool(breakable),
        # A token lets its owner save and release: nobody else is shown it.
        token=token if holder_id == looker.actor.staff_id else "",
    )


_BY_NUMBER = (
    "SELECT o.id, o.store_id FROM store s JOIN orders o ON o.store_id = s.id"
    " AND o.number IN (:bare, '#' || :bare, :capital, '#' || :capital, s.order_prefix || :bare, '#' || s.order_prefix || :bare)"
    " WHERE (:code = '' OR s.code = :code) ORDER BY o.placed_at DESC, o.id DESC LIMIT 200"
)


def order_ids_of_number(fetch: Fetch, bare: str, store_code: str) -> list[tuple[int, int]]:
    """(order id, store id) of the orders with this number, written with or without `#` and the store's prefix; newest first."""
    rows = fetch(_BY_NUMBER, {"bare": bare, "capital": bare.upper(), "code": store_code})
    return [(row[0], row[1]) for row in rows]


def products_of(fetch: Fetch, store_id: int, words: list[str], limit: int) -> tuple[ProductRow, ...]:
    """Active products of a store whose name, option or code holds each of the words; by name."""
    wanted = {f"word{number}": f"%{_literal(word)}%" for number, word in enumerate(words)}
    holds = "".join(
        f" AND lower(p.name || ' ' || p.option || ' ' || p.sku) LIKE :{name} ESCAPE '!'" for name in wanted
    )
    rows = fetch(
        "SELECT p.id, p.sku, p.name, p.option, p.unit_price, p.taxable, p.requires_shipping, s.currency"
        " FROM product p JOIN store s ON s.id = p.store_id"
        f" WHERE p.store_id = :store_id AND p.is_active{holds} ORDER BY p.name, p.option, p.id LIMIT :most",
        {"store_id": store_id, "most": limit, **wanted},
    )
    return tuple(
        ProductRow(key, sku, name, option, _money(price, currency), bool(taxable), bool(shipping))
        for key, sku, name, option, price, taxable, shipping, currency in rows
    )


def _literal(word: str) -> str:
    """A typed word as LIKE takes it literally."""
    return word.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
