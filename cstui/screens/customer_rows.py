"""How a profile reads: sections of rows, built from one view (GEN-07, CUST-01 … CUST-10)."""

from __future__ import annotations

from datetime import datetime

from cstui.domain.calls import CallDirection
from cstui.domain.customers import AddressOnFile, CardOnFile, CustomerView, Verification
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteRow, NoteSource
from cstui.domain.orders import OrderRow
from cstui.domain.payments import RefundState
from cstui.domain.subscriptions import SubscriptionRow, interval_words
from cstui.format import (
    Reader,
    address_lines,
    count_words,
    day_words,
    duration_words,
    moment_words,
    money_words,
    name_words,
    phone_words,
    state_words,
)
from cstui.screens.movement_rows import shipments_section, state_cell, transactions_section
from cstui.widgets.page_model import Cell, Column, Row, Section


def main_sections(view: CustomerView, verified: Verification, reader: Reader, now: datetime) -> list[Section]:
    """The main column: contact, orders, subscriptions, transactions, shipments."""
    return [
        contact_section(view, verified, reader, now),
        orders_section(view, reader, now),
        subscriptions_section(view, reader),
        transactions_section(view.transactions, reader, now),
        shipments_section(view.shipments, reader, now),
    ]


def rail_sections(view: CustomerView, reader: Reader, now: datetime, room: int = 40) -> list[Section]:
    """The side rail: cards, calls, notes; `room` is how many cells a line of words has."""
    return [
        cards_section(view.cards, now),
        calls_section(view, reader, now, room),
        notes_section(view.notes, reader, now, room),
    ]


def contact_section(view: CustomerView, verified: Verification, reader: Reader, now: datetime) -> Section:
    """Who it is, how to reach him, what he is worth, what he was verified by."""
    contact = view.contact
    country = view.stores[0].country if view.stores else ""
    revenue = ", ".join(money_words(amount, reader) for amount in view.revenue) or "nothing yet"
    rows = [
        _fact("name", "Name", name_words(contact.first_name, contact.last_name), "strong", copy=contact.name),
        _fact("company", "Company", contact.company),
        _fact("email", "E-mail", contact.email, copy=contact.email),
        _fact(
            "phone",
            "Phone",
            phone_words(view.phone_e164 or contact.phone, country),
            copy=view.phone_e164 or contact.phone,
        ),
        *(_address(entry, country) for entry in view.addresses),
        _fact("language", "Language", " ".join(part for part in (contact.language, contact.locale) if part)),
        _fact("worth", "Orders", f"{count_words(view.order_count, 'order', reader=reader)}, {revenue}"),
        _fact(
            "payment",
            "Payment",
            "payment method on file" if view.has_payment_method else "no payment method on file",
        ),
        _fact(
            "verified",
            "Verified",
            _verified_words(verified, reader, now),
            "good" if verified.is_enough else "warn",
        ),
        _fact("tags", "Tags", view.tags),
        _fact("stores", "Stores", ", ".join(f"{s.name}{' TEST' if s.is_test else ''}" for s in view.stores)),
    ]
    status = state_words(view.status, reader)
    return Section(
        "contact", "Contact", tuple(row for row in rows if row is not None), number=1, aside=status
    )


def _verified_words(verified: Verification, reader: Reader, now: datetime) -> str:
    if not verified.tokens:
        return "not yet – v ticks what the caller gave"
    words = ", ".join(verified.tokens)
    if not verified.is_enough:
        return f"{words} – one more"
    when = f" {moment_words(verified.at, now, reader)}" if verified.at else ""
    return f"✓ {words} by {verified.by}{when}"


def _address(entry: AddressOnFile, home: str) -> Row | None:
    uses = [
        word
        for word, used in (("billing", entry.is_default_billing), ("shipping", entry.is_default_shipping))
        if used
    ]
    label = {0: "Address", 1: uses[0].capitalize() if uses else "", 2: "Bill + ship"}[len(uses)]
    lines = address_lines(entry.address, home)
    said = ", ".join(lines)
    details = tuple(
        (Cell(line),) for line in (*lines, *((entry.address.phone,) if entry.address.phone else ()))
    )
    return Row((Kind.ADDRESS, entry.id), (Cell(label, "muted"), Cell(said)), details, copy="\n".join(lines))


def _fact(name: str, label: str, said: str, tone: str = "", copy: str = "") -> Row | None:
    return (
        Row(("contact", name), (Cell(label, "muted"), Cell(said, tone)), copy=copy or said) if said else None
    )


_ORDERS = (
    Column("Order", least=8),
    Column("Placed", least=9),
    Column("Products", least=8, grow=1),
    Column("Total", least=8, right=True),
    Column("Status", least=10),
    Column("Payment", least=8),
    Column("Fulfilment", least=8, wide_only=True),
    Column("Gateway", least=6, wide_only=True),
    Column("Store", least=5, wide_only=True),
)


def orders_section(view: CustomerView, reader: Reader, now: datetime) -> Section:
    """Orders, newest first; Space shows their lines, Enter opens one (CUST-03)."""
    more = "more below" if view.more_orders else ""
    rows = [order_row(row, reader, now) for row in view.orders]
    if view.more_orders:
        rows.append(Row("more-orders", (Cell("… older orders", "muted"), *(Cell("") for _ in _ORDERS[1:]))))
    return Section(
        "orders",
        f"Orders ({view.order_count})",
        tuple(rows),
        _ORDERS,
        number=2,
        aside=more,
        empty="No orders yet.",
    )


def order_row(row: OrderRow, reader: Reader, now: datetime) -> Row:
    """One order as a row."""
    held = f" [LOCKED {row.holder}]" if row.holder else ""
    return Row(
        (Kind.ORDER, row.id),
        (
            Cell(row.number, "accent"),
            Cell(moment_words(row.placed_at, now, reader), "muted", row.placed_at.timestamp()),
            Cell(", ".join(row.lines)),
            Cell(money_words(row.total, reader), "", row.total.minor),
            Cell(
                state_words(row.status, reader) + held,
                "warn" if held else state_cell(row.status, reader).tone,
            ),
            _payment_cell(row, reader),
            state_cell(row.fulfilment_status, reader),
            Cell(row.gateway, "muted"),
            Cell(row.store, "muted"),
        ),
        tuple((Cell(line),) for line in row.lines),
        copy=row.number,
    )


def _payment_cell(row: OrderRow, reader: Reader) -> Cell:
    """How it was paid, or what is under way with its refund: that is what a caller asks about."""
    paid = state_cell(row.payment_status, reader)
    if row.refund is None:
        return paid
    failed = f" {row.refund_failures}×" if row.refund_failures else ""
    words, tone = {
        RefundState.NEEDS_APPROVAL: ("refund waits for approval", "warn"),
        RefundState.NEEDS_DECISION: (f"refund failed{failed}, to be decided", "bad"),
        RefundState.FAILED_RETRYING: (f"refund failed{failed}, tried again", "bad"),
        RefundState.EXHAUSTED: (f"refund failed{failed}", "bad"),
        RefundState.UNKNOWN: ("refund checking", "bad"),
    }.get(row.refund, ("refund pending", "warn"))
    return Cell(f"{paid.text} · {words}", tone)


_SUBSCRIPTIONS = (
    Column("Product", least=10, grow=1),
    Column("Status", least=8),
    Column("Each cycle", least=8, right=True),
    Column("Interval", least=8),
    Column("Cycle", least=3, right=True),
    Column("Next charge", least=10),
    Column("Card", least=8, wide_only=True),
)


def subscriptions_section(view: CustomerView, reader: Reader) -> Section:
    """Subscriptions with what is charged next and when (CUST-03)."""
    return Section(
        "subscriptions", f"Subscriptions ({len(view.subscriptions)})", tuple(_subscription(row, reader) for row in view.subscriptions),
        _SUBSCRIPTIONS, number=3, empty="No subscriptions.",
    )  # fmt: skip


def _subscription(row: SubscriptionRow, reader: Reader) -> Row:
    price = row.price
    parts = [f"{money_words(price.unit, reader)} × {price.quantity}"]
    for sign, name, amount in (
        ("−", "discount", price.discount),
        ("+", "shipping", price.shipping),
        ("+", "tax", price.tax),
    ):
        if amount:
            parts.append(f"{sign} {money_words(amount, reader)} {name}")
    details = [(Cell(f"{' '.join(parts)} = {money_words(price.total, reader)}"),)]
    if row.trial_ends_on:
        details.append((Cell(f"trial ends {day_words(row.trial_ends_on)}"),))
    card = f"{row.card_brand} …{row.card_last4}" if row.card_last4 else "no card"
    details.append((Cell(f"charged to {card}"),))
    return Row(
        (Kind.SUBSCRIPTION, row.id),
        (
            Cell(" ".join(part for part in (row.product, row.option) if part), "strong"),
            state_cell(row.status, reader),
            Cell(money_words(price.total, reader), "", price.total.minor),
            Cell(interval_words(row.interval_unit, row.interval_count)),
            Cell(str(row.cycle), "", row.cycle),
            Cell(
                day_words(row.next_bill_date) if row.next_bill_date else "–",
                "",
                str(row.next_bill_date or ""),
            ),
            Cell(card, "muted"),
        ),
        tuple(details),
        copy=row.product,
    )


def cards_section(cards: tuple[CardOnFile, ...], now: datetime) -> Section:
    """Cards on file with their marks (CARD-01, CARD-02)."""
    return Section(
        "cards",
        f"Cards on file ({len(cards)})",
        tuple(_card(card, now) for card in cards),
        number=4,
        empty="No card on file.",
    )


def _card(card: CardOnFile, now: datetime) -> Row:
    marks = [
        word
        for word, marked in (
            ("default", card.is_default),
            ("TEST", card.is_test),
            ("failed before", card.failed_before),
            ("EXPIRED", card.expired_by(now.date())),
            (card.gateway, card.is_elsewhere),
        )
        if marked
    ]
    expiry = f"{card.expiry_month:02d}/{card.expiry_year % 100:02d}" if card.expiry_year else ""
    tone = "bad" if card.failed_before or card.expired_by(now.date()) else ""
    said = f"…{card.last4}  {expiry}  {' · '.join(marks)}".rstrip()
    return Row(
        (Kind.CARD, card.id), (Cell(card.brand or "Card", "strong"), Cell(said, tone)), copy=card.last4
    )


def calls_section(view: CustomerView, reader: Reader, now: datetime, room: int = 40) -> Section:
    """Calls, newest first (CALL-02)."""
    rows = []
    for call in view.calls:
        arrow = "← in" if call.direction is CallDirection.IN else "→ out"
        length = f" {duration_words(call.seconds)}" if call.seconds else ""
        head = f"{moment_words(call.at, now, reader)} {call.agent} {arrow}{length}"
        details = tuple((Cell(line),) for line in _wrapped(call.note, room))
        rows.append(
            Row(
                (Kind.CALL, call.id),
                (Cell(call.disposition or "not set", "accent"), Cell(head, "muted")),
                details,
                copy=call.note,
                shown=2,
            )
        )
    return Section(
        "calls", f"Calls ({len(view.calls)})", tuple(rows), number=5, empty="No calls yet. F6 logs one."
    )


def notes_section(notes: tuple[NoteRow, ...], reader: Reader, now: datetime, room: int = 40) -> Section:
    """Notes and system entries told apart by word and tone (CUST-08)."""
    rows: list[Row] = []
    for note in notes:
        manual = note.source is NoteSource.MANUAL
        head = " ".join(
            part for part in (moment_words(note.at, now, reader), note.author, note.subject) if part
        )
        kind = "note" if manual else str(note.source)
        body = _wrapped(note.body, room)
        rows.append(
            Row(
                (Kind.NOTE, note.id),
                (
                    Cell(kind, "good" if manual else "muted"),
                    Cell(head, "" if manual else "muted"),
                ),
                tuple((Cell(line),) for line in body),
                note.body,
                4,
            )
        )
    return Section(
        "notes", f"Notes ({len(notes)})", tuple(rows), number=8, empty="No notes yet. F7 adds one."
    )


def _wrapped(body: str, width: int) -> list[str]:
    """A text in lines of the rail's width, its own line breaks kept."""
    import textwrap

    return [line for part in body.splitlines() for line in (textwrap.wrap(part, width) or [""])]
