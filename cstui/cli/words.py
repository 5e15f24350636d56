"""Records in words, for people who read the command line's answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cstui.cli.printing import table
from cstui.domain.audit import AuditRow
from cstui.domain.customers import CustomerView
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import LockRow
from cstui.domain.orders import OrderView
from cstui.domain.search import Found
from cstui.domain.subscriptions import interval_words
from cstui.format import money_words, state_words


def when(at: datetime | None) -> str:
    """An instant in words, in UTC: scripts and logs are read elsewhere."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def found_words(found: Found) -> str:
    """`find` in words."""
    rows = [
        (
            hit.kind,
            public_id(hit.kind, hit.id),
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


def events_words(rows: Sequence[AuditRow]) -> str:
    """Events in words, newest first."""
    lines: list[str] = []
    for row in rows:
        reason = f" – {row.reason}" if row.reason else ""
        lines.append(f"{when(row.at)}  {row.actor} on {row.terminal}: {row.action}{reason}")
        lines += [f"    {change.path}: {change.old or '–'} → {change.new or '–'}" for change in row.changes]
    return "\n".join(lines) or "Nothing has happened yet."
