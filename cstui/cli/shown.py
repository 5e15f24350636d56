"""How records read on the command line: the contract's JSON keys, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cstui.cli.printing import table
from cstui.domain.addresses import Address
from cstui.domain.audit import AuditRow
from cstui.domain.customers import CustomerView
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import LockRow
from cstui.domain.money import Money
from cstui.domain.orders import LineView, OrderRow, OrderView
from cstui.domain.payments import TransactionRow
from cstui.domain.search import Found, Hit
from cstui.domain.shipments import ShipmentRow
from cstui.domain.subscriptions import SubscriptionRow, SubscriptionView, interval_words
from cstui.format import money_words, state_words


def when(at: datetime | None) -> str:
    """An instant in words, in UTC: scripts and logs are read elsewhere."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


# Finding ------------------------------------------------------------------------------------------


def _target(hit: Hit) -> str:
    return public_id(hit.kind, hit.id)


def found_facts(found: Found) -> dict[str, Any]:
    """`find` as JSON."""
    return {
        "query": found.query,
        "read_as": list(found.read_as),
        "results": [
            {
                "type": hit.kind, "id": _target(hit), "label": hit.label, "matched": hit.matched, "store": hit.store,
                "customer_id": public_id(Kind.CUSTOMER, hit.customer_id), "number": hit.number, "email": hit.email,
                "phone": hit.phone, "postcode": hit.postcode, "orders": hit.order_count, "last_order_at": hit.last_order_at,
            }
            for hit in found.hits
        ],
        "more": found.more,
        "hint": found.hint,
    }  # fmt: skip


def found_words(found: Found) -> str:
    """`find` in words."""
    rows = [
        (
            hit.kind,
            _target(hit),
            hit.label,
            hit.number,
            hit.email,
            hit.phone,
            hit.postcode,
            hit.matched,
            hit.store,
        )
        for hit in found.hits
    ]
    words = table(
        ("Type", "Id", "Name", "Number", "E-mail", "Phone", "Postcode", "Matched", "Store"),
        rows,
        found.hint or "Nothing found.",
    )
    return words + ("\nThere is more: narrow the question." if found.more else "")


# Orders -------------------------------------------------------------------------------------------


def address_facts(address: Address) -> dict[str, str]:
    """An address as JSON."""
    names = (
        "first_name",
        "last_name",
        "company",
        "line1",
        "line2",
        "city",
        "region",
        "postcode",
        "country",
        "phone",
    )
    return {name: getattr(address, name) for name in names}


def _line_facts(line: LineView) -> dict[str, Any]:
    return {
        "id": public_id(Kind.LINE, line.id), "sku": line.sku, "name": line.name, "option": line.option, "quantity": line.quantity,
        "unit_price": line.unit_price, "discount": line.discount, "tax": line.tax, "total": line.total,
    }  # fmt: skip


def transaction_facts(row: TransactionRow) -> dict[str, Any]:
    """A transaction as JSON."""
    return {
        "id": public_id(Kind.TRANSACTION, row.id), "order": row.order_number, "at": row.at, "kind": row.kind, "status": row.status,
        "amount": row.amount, "gateway": row.gateway, "card": {"brand": row.card_brand, "last4": row.card_last4},
        "reference": row.reference, "text": row.text, "origin": row.origin, "settled": row.settled,
    }  # fmt: skip


def shipment_facts(row: ShipmentRow) -> dict[str, Any]:
    """A shipment as JSON."""
    return {
        "id": public_id(Kind.SHIPMENT, row.id), "order": row.order_number, "status": row.state, "digital": row.is_digital,
        "method": row.method, "carrier": row.carrier, "tracking": row.tracking, "released_at": row.released_at,
        "shipped_at": row.shipped_at, "delivered_at": row.delivered_at,
        "lines": [{"id": public_id(Kind.LINE, line), "quantity": quantity} for line, quantity in row.lines],
    }  # fmt: skip


def order_facts(view: OrderView) -> dict[str, Any]:
    """`show order` as JSON."""
    held, totals, currency = view.edit_lock, view.totals, view.totals.total.currency
    return {
        "id": public_id(Kind.ORDER, view.id), "number": view.number, "store": view.store_code, "status": view.status,
        "payment_status": view.payment_status, "fulfilment_status": view.fulfilment_status, "placed_at": view.placed_at,
        "version": view.version,
        "lock": {"holder": held.holder, "since": held.since, "stale": held.stale, "terminal": held.terminal} if held else None,
        "customer": {"id": public_id(Kind.CUSTOMER, view.customer_id), "name": view.customer_name, "email": view.email, "phone": view.phone},
        "billing_address": address_facts(view.billing), "shipping_address": address_facts(view.shipping),
        "lines": [_line_facts(line) for line in view.lines],
        "totals": {
            "subtotal": totals.subtotal, "discount": totals.discount, "shipping": totals.shipping, "tax": totals.tax,
            "total": totals.total, "captured": Money(view.paid.captured, currency), "refunded": Money(view.paid.refunded, currency),
            "remaining": Money(view.paid.remaining, currency), "balance": view.balance, "tax_included": totals.tax_included,
        },
        "transactions": [transaction_facts(row) for row in view.transactions],
        "shipments": [shipment_facts(row) for row in view.shipments],
        "returns": [],
        "holds": [
            {"id": public_id(Kind.HOLD, hold.id), "reason": hold.reason, "note": hold.note, "state": hold.state, "system": hold.is_system,
             "placed_by": hold.placed_by, "placed_at": hold.placed_at} for hold in view.holds
        ],
        "notes": [_note_facts(note) for note in view.notes],
        "tags": view.tags,
    }  # fmt: skip


def _note_facts(note: Any) -> dict[str, Any]:
    return {
        "id": public_id(Kind.NOTE, note.id),
        "at": note.at,
        "author": note.author,
        "text": note.body,
        "source": note.source,
        "on": note.subject,
    }


def order_words(view: OrderView) -> str:
    """`show order` in words."""
    held = view.edit_lock
    lock = (
        f"locked by {held.holder} on {held.terminal} since {when(held.since)}{' (stale)' if held.stale else ''}"
        if held
        else "not locked"
    )
    rows = [
        (line.sku, f"{line.name} {line.option}".strip(), str(line.quantity), money_words(line.unit_price), money_words(line.total))
        for line in view.lines
    ]  # fmt: skip
    head = [
        f"Order {view.number} ({public_id(Kind.ORDER, view.id)}) – {view.store_name}{' TEST' if view.is_test else ''}",
        f"{state_words(view.status)}, {state_words(view.payment_status)}, {state_words(view.fulfilment_status)}; {lock}",
        f"Placed {when(view.placed_at)} by {view.customer_name} ({public_id(Kind.CUSTOMER, view.customer_id)}) {view.email} {view.phone}".rstrip(),
        f"Billed to  {view.billing.name}, {view.billing.in_one_line()}",
        f"Shipped to {view.shipping.name}, {view.shipping.in_one_line()}",
        "",
        table(("SKU", "Product", "Quantity", "Each", "Total"), rows, "No lines."),
        "",
    ]
    totals = view.totals
    included = " (included)" if totals.tax_included else ""
    head.append(
        f"Subtotal {money_words(totals.subtotal)}, discount {money_words(totals.discount)}, shipping {money_words(totals.shipping)}, "
        f"tax {money_words(totals.tax)}{included}, total {money_words(totals.total)}; balance {money_words(view.balance)}"
    )
    head += [f"Hold: {hold.reason} by {hold.placed_by} {when(hold.placed_at)}" for hold in view.open_holds]
    head += [
        f"{row.kind} {money_words(row.amount)} {state_words(row.status)} {when(row.at)} {row.card_brand} {row.card_last4}".rstrip()
        for row in view.transactions
    ]
    head += [
        f"Shipment {state_words(row.state)} {row.method} {row.carrier} {row.tracking}".rstrip()
        for row in view.shipments
    ]
    head += [f"Note {when(note.at)} {note.author}: {note.body}" for note in view.notes]
    return "\n".join(head)


# Customers ----------------------------------------------------------------------------------------


def _order_row_facts(row: OrderRow) -> dict[str, Any]:
    return {
        "id": public_id(Kind.ORDER, row.id), "number": row.number, "store": row.store, "placed_at": row.placed_at, "total": row.total,
        "status": row.status, "payment_status": row.payment_status, "fulfilment_status": row.fulfilment_status, "lines": list(row.lines),
    }  # fmt: skip


def _subscription_row_facts(row: SubscriptionRow) -> dict[str, Any]:
    price = row.price
    return {
        "id": public_id(Kind.SUBSCRIPTION, row.id), "customer_id": public_id(Kind.CUSTOMER, row.customer_id),
        "product": " ".join(part for part in (row.product, row.option) if part), "status": row.status,
        "next_bill_date": row.next_bill_date, "cycle": row.cycle,
        "price": {"unit": price.unit, "quantity": price.quantity, "discount": price.discount, "shipping": price.shipping,
                  "tax": price.tax, "total": price.total},
        "interval": {"unit": row.interval_unit, "count": row.interval_count},
        "card": {"brand": row.card_brand, "last4": row.card_last4} if row.card_last4 else None,
        "trial": {"ends_on": row.trial_ends_on} if row.trial_ends_on else None,
    }  # fmt: skip


def customer_facts(view: CustomerView) -> dict[str, Any]:
    """`show customer` as JSON."""
    return {
        "id": public_id(Kind.CUSTOMER, view.id), "name": view.contact.name, "email": view.contact.email, "phone": view.contact.phone,
        "phone_e164": view.phone_e164, "company": view.contact.company, "status": view.status, "version": view.version,
        "stores": [store.code for store in view.stores],
        "addresses": [
            {"id": public_id(Kind.ADDRESS, a.id), **address_facts(a.address), "default_billing": a.is_default_billing,
             "default_shipping": a.is_default_shipping} for a in view.addresses
        ],
        "totals": {"orders": view.order_count, "revenue": list(view.revenue)},
        "has_payment_method": view.has_payment_method,
        "orders": [_order_row_facts(row) for row in view.orders],
        "subscriptions": [_subscription_row_facts(row) for row in view.subscriptions],
        "cards": [
            {"id": public_id(Kind.CARD, c.id), "brand": c.brand, "last4": c.last4, "expiry": f"{c.expiry_month:02d}/{c.expiry_year}",
             "gateway": c.gateway, "default": c.is_default, "test": c.is_test, "failed_before": c.failed_before} for c in view.cards
        ],
        "notes": [_note_facts(note) for note in view.notes],
        "calls": [
            {"id": public_id(Kind.CALL, c.id), "at": c.at, "direction": c.direction, "disposition": c.disposition, "note": c.note,
             "agent": c.agent} for c in view.calls
        ],
        "segments": ["PUBLIC"],
    }  # fmt: skip


def customer_words(view: CustomerView) -> str:
    """`show customer` in words."""
    revenue = ", ".join(money_words(amount) for amount in view.revenue) or "nothing yet"
    parts = [
        f"{view.contact.name or '(no name)'} ({public_id(Kind.CUSTOMER, view.id)}), {state_words(view.status)}",
        f"{view.contact.email}  {view.phone_e164 or view.contact.phone}".strip(),
        f"{view.order_count} orders, {revenue}; {'payment method on file' if view.has_payment_method else 'no payment method on file'}",
        *(f"Address: {entry.address.name}, {entry.address.in_one_line()}" for entry in view.addresses),
        "",
        table(
            ("Order", "Id", "Placed", "Total", "Status", "Payment"),
            [(r.number, public_id(Kind.ORDER, r.id), when(r.placed_at), money_words(r.total), state_words(r.status), state_words(r.payment_status))
             for r in view.orders],
            "No orders.",
        ),
        *(f"Subscription {public_id(Kind.SUBSCRIPTION, s.id)}: {s.product}, {state_words(s.status)}, "
          f"{money_words(s.price.total)} {interval_words(s.interval_unit, s.interval_count)}" for s in view.subscriptions),
        *(f"Card {c.brand} …{c.last4} {c.expiry_month:02d}/{c.expiry_year}" for c in view.cards),
        *(f"Call {when(c.at)} {c.agent} {c.direction}: {c.disposition}. {c.note}" for c in view.calls),
        *(f"Note {when(n.at)} {n.author}: {n.body}" for n in view.notes),
    ]  # fmt: skip
    return "\n".join(parts)


def subscription_facts(view: SubscriptionView) -> dict[str, Any]:
    """`show subscription` as JSON."""
    history = [
        {"cycle": p.cycle, "bill_date": p.bill_date, "state": p.state, "amount": p.amount,
         "order_id": public_id(Kind.ORDER, p.order_id) if p.order_id else None} for p in view.periods
    ]  # fmt: skip
    return {**_subscription_row_facts(view.row), "history": history}


def subscription_words(view: SubscriptionView) -> str:
    """`show subscription` in words."""
    row = view.row
    head = (
        f"{row.product} {row.option}".strip()
        + f" ({public_id(Kind.SUBSCRIPTION, row.id)}), {state_words(row.status)}: "
        f"{money_words(row.price.total)} {interval_words(row.interval_unit, row.interval_count)}, next {row.next_bill_date or 'never'}"
    )
    rows = [(str(p.cycle), p.bill_date.isoformat(), p.state, money_words(p.amount)) for p in view.periods]
    return head + "\n\n" + table(("Cycle", "Bill date", "State", "Amount"), rows, "Nothing billed yet.")


# Locks and history --------------------------------------------------------------------------------


def lock_facts(row: LockRow) -> dict[str, Any]:
    """One row of `locks list` as JSON."""
    return {
        "order_id": public_id(Kind(row.record_kind), row.record_id), "number": row.number, "store": row.store, "holder": row.holder,
        "terminal": row.terminal, "since": row.since, "last_active": row.idle_since, "stale": row.stale, "purpose": row.purpose,
    }  # fmt: skip


def locks_words(rows: Sequence[LockRow]) -> str:
    """`locks list` in words."""
    return table(
        ("Order", "Store", "Holder", "Terminal", "Since", "Last active", "State"),
        [
            (
                r.number,
                r.store,
                r.holder,
                r.terminal,
                when(r.since),
                when(r.idle_since),
                "stale" if r.stale else r.purpose,
            )
            for r in rows
        ],
        "Nobody holds a lock.",
    )


def event_facts(row: AuditRow) -> dict[str, Any]:
    """One event as JSON."""
    return {
        "id": public_id(Kind.EVENT, row.id), "at": row.at, "actor": row.actor, "terminal": row.terminal, "action": row.action,
        "reason": row.reason, "version": row.version, "changes": [{"path": c.path, "old": c.old, "new": c.new} for c in row.changes],
    }  # fmt: skip


def events_words(rows: Sequence[AuditRow]) -> str:
    """Events in words, newest first."""
    lines: list[str] = []
    for row in rows:
        reason = f" – {row.reason}" if row.reason else ""
        lines.append(f"{when(row.at)}  {row.actor} on {row.terminal}: {row.action}{reason}")
        lines += [f"    {change.path}: {change.old or '–'} → {change.new or '–'}" for change in row.changes]
    return "\n".join(lines) or "Nothing has happened yet."
