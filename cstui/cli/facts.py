"""Records as JSON: the keys of the command line's contract. Light: loads no Textual."""

from __future__ import annotations

from typing import Any

from cstui.domain.addresses import Address
from cstui.domain.audit import AuditRow
from cstui.domain.customers import CustomerView
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import LockRow
from cstui.domain.money import Money
from cstui.domain.notes import NoteRow
from cstui.domain.orders import LineView, OrderRow, OrderView
from cstui.domain.payments import TransactionRow
from cstui.domain.search import Found
from cstui.domain.shipments import ShipmentRow
from cstui.domain.staff import StaffRow
from cstui.domain.stores import StoreRow
from cstui.domain.subscriptions import SubscriptionRow


def found_facts(found: Found) -> dict[str, Any]:
    """`find` as JSON."""
    return {
        "query": found.query,
        "read_as": list(found.read_as),
        "results": [
            {
                "type": hit.kind, "id": public_id(hit.kind, hit.id), "label": hit.label, "matched": hit.matched, "store": hit.store,
                "customer_id": public_id(Kind.CUSTOMER, hit.customer_id), "number": hit.number, "email": hit.email,
                "phone": hit.phone, "postcode": hit.postcode, "orders": hit.order_count, "last_order_at": hit.last_order_at,
            }
            for hit in found.hits
        ],
        "more": found.more,
        "hint": found.hint,
    }  # fmt: skip


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


def _note_facts(note: NoteRow) -> dict[str, Any]:
    return {
        "id": public_id(Kind.NOTE, note.id),
        "at": note.at,
        "author": note.author,
        "text": note.body,
        "source": note.source,
        "on": note.subject,
    }


def _order_row_facts(row: OrderRow) -> dict[str, Any]:
    return {
        "id": public_id(Kind.ORDER, row.id), "number": row.number, "store": row.store, "placed_at": row.placed_at, "total": row.total,
        "status": row.status, "payment_status": row.payment_status, "fulfilment_status": row.fulfilment_status, "lines": list(row.lines),
    }  # fmt: skip


def subscription_row_facts(row: SubscriptionRow) -> dict[str, Any]:
    """A subscription as a list shows it, as JSON."""
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
        "subscriptions": [subscription_row_facts(row) for row in view.subscriptions],
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


def lock_facts(row: LockRow) -> dict[str, Any]:
    """One row of `locks list` as JSON."""
    return {
        "order_id": public_id(Kind(row.record_kind), row.record_id), "number": row.number, "store": row.store, "holder": row.holder,
        "terminal": row.terminal, "since": row.since, "last_active": row.idle_since, "stale": row.stale, "purpose": row.purpose,
    }  # fmt: skip


def event_facts(row: AuditRow) -> dict[str, Any]:
    """One event as JSON."""
    return {
        "id": public_id(Kind.EVENT, row.id), "at": row.at, "actor": row.actor, "terminal": row.terminal, "action": row.action,
        "reason": row.reason, "version": row.version, "changes": [{"path": c.path, "old": c.old, "new": c.new} for c in row.changes],
    }  # fmt: skip


def store_facts(row: StoreRow) -> dict[str, Any]:
    """One store as JSON."""
    return {
        "id": public_id(Kind.STORE, row.id), "code": row.code, "name": row.name, "currency": row.currency, "zone": row.zone,
        "country": row.country, "locale": row.locale, "order_prefix": row.order_prefix, "test": row.is_test,
    }  # fmt: skip


def staff_facts(row: StaffRow) -> dict[str, Any]:
    """One member of staff as JSON."""
    return {
        "id": public_id(Kind.STAFF, row.id), "name": row.name, "display_name": row.display_name, "grants": list(row.grants),
        "disabled": row.is_disabled, "must_change_password": row.must_change_password, "locked_until": row.locked_until,
        "last_seen_at": row.last_seen_at,
    }  # fmt: skip
