"""How an order reads: the sections of each tab, built from one view (ORD-01 … ORD-08)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import zip_longest

from cstui.domain.audit import AuditRow
from cstui.domain.ids import Kind
from cstui.domain.mails import MailRow
from cstui.domain.money import Money
from cstui.domain.notes import NoteSource
from cstui.domain.order_rules import line_words
from cstui.domain.orders import HoldState, LineView, OrderKind, OrderView
from cstui.domain.payments import OPEN_REFUNDS, TransactionKind
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.domain.shipments import ShipmentRow
from cstui.format import (
    READER,
    Reader,
    address_lines,
    moment_words,
    money_words,
    name_words,
    phone_words,
    state_words,
)
from cstui.screens.history_rows import history_section
from cstui.screens.mail_rows import mails_section
from cstui.screens.movement_rows import shipment_details
from cstui.screens.order_payments import MOVES, move, payment_sections, refund_status
from cstui.states import state_of
from cstui.widgets.page_model import Cell, Column, Row, Section

#: The tabs in their order (ORD-01).
TABS = ("Summary", "Details", "Payments", "Returns and Exchanges", "Notes")
#: From this width on, addresses stand side by side.
SIDE_BY_SIDE = 100
_TONES = {"good": "good", "warn": "warn", "bad": "bad", "quiet": "muted", "busy": "accent"}
_MONEY_BACK = (TransactionKind.REFUND, TransactionKind.CREDIT, TransactionKind.VOID)


@dataclass(frozen=True)
class Showing:
    """For whom, when and how wide an order is written; `events` are the newest of its history, `zone` is the store's.

    `refunds` and `attempts` are all of the order's, newest first.
    """

    reader: Reader = READER
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    width: int = 80
    zone: tzinfo | None = None
    events: tuple[AuditRow, ...] = ()
    refunds: tuple[RefundRow, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()
    mails: tuple[MailRow, ...] = ()

    def moment(self, at: datetime) -> str:
        """An instant on the reader's clock."""
        return moment_words(at, self.now, self.reader, self.zone)

    def money(self, amount: Money) -> str:
        """An amount as the reader writes it."""
        return money_words(amount, self.reader)

    def state(self, value: StrEnum) -> Cell:
        """A state: sign and word, toned."""
        return Cell(state_words(value, self.reader), _TONES.get(state_of(value).tone, ""))


def sections_of(tab: int, view: OrderView, how: Showing) -> list[Section]:
    """What one tab shows."""
    built = (_summary, _details, _payments, _returns, _notes)
    return built[tab](view, how)


def balance_words(view: OrderView, how: Showing) -> Cell:
    """What is due, in words: from the customer, to the customer, or nothing."""
    balance = view.balance
    if balance.minor > 0:
        return Cell(f"{how.money(balance)} due from the customer", "warn")
    if balance.minor < 0:
        return Cell(f"{how.money(Money(-balance.minor, balance.currency))} refund due", "warn")
    return Cell("nothing due", "muted")


def _fact(label: str, *cells: Cell, key: object = None, copy: str = "") -> Row:
    said = [cells[0], *(Cell(f"  {cell.text}", cell.tone) for cell in cells[1:])]
    return Row(key or ("fact", label), (Cell(label), *said), copy=copy or cells[0].text)


# Summary ------------------------------------------------------------------------------------------


def _summary(view: OrderView, how: Showing) -> list[Section]:
    sections = [_head(view, how)]
    if view.holds:
        sections.append(_holds(view, how))
    sections += [*_addresses(view, how), _totals(view, how)]
    if how.events:
        names = line_names(view)
        sections.append(history_section(how.events[:5], how.reader, how.now, names, title="Last events"))
    return sections


def _head(view: OrderView, how: Showing) -> Section:
    store = f"{view.store_name} ({view.store_code})" + (" TEST STORE" if view.is_test else "")
    rows = [
        _fact("Status", how.state(view.status), how.state(view.fulfilment_status)),
        _fact("Payment", how.state(view.payment_status), *_due(view, how)),
        _fact(
            "Customer",
            Cell(name_words(view.customer_name), "strong"),
            Cell("Enter opens the profile", "muted"),
            key=(Kind.CUSTOMER, view.customer_id),
            copy=view.customer_name,
        ),
        _fact("E-mail", Cell(view.email or "–")),
        _fact("Phone", Cell(phone_words(view.phone) if view.phone else "–"), copy=view.phone),
        _fact("Placed", Cell(how.moment(view.placed_at))),
        _fact("Store", Cell(store, "warn" if view.is_test else "")),
    ]
    if view.payment_method:
        rows.append(_fact("Paid by", Cell(view.payment_method)))
    if view.kind is not OrderKind.SALE:
        rows.append(_fact("Kind", Cell(view.kind)))
    if view.tags:
        rows.append(_fact("Tags", Cell(view.tags, "muted")))
    if view.cancelled_at is not None:
        words = f"{how.moment(view.cancelled_at)} {view.cancel_reason}".strip()
        rows.append(_fact("Cancelled", Cell(words, "muted")))
    return Section("contact", f"Order {view.number}", tuple(rows), number=1, aside=f"version {view.version}")


def _due(view: OrderView, how: Showing) -> list[Cell]:
    """What is due, and where a refund that is under way stands."""
    under_way = any(row.state in OPEN_REFUNDS for row in how.refunds)
    status = refund_status(how.refunds, how) if under_way else None
    return [balance_words(view, how), *([status] if status is not None else [])]


def _holds(view: OrderView, how: Showing) -> Section:
    rows = []
    for hold in view.holds:
        by = "system" if hold.is_system else hold.placed_by
        words = f"{hold.reason}  {by} {how.moment(hold.placed_at)}"
        if hold.state is not HoldState.OPEN and hold.resolved_at is not None:
            words += f", ended by {hold.resolved_by} {how.moment(hold.resolved_at)}"
        details = tuple((Cell(line),) for line in (hold.note, hold.cause) if line)
        rows.append(Row((Kind.HOLD, hold.id), (how.state(hold.state), Cell(words)), details))
    columns = (Column("", least=6), Column("", least=20, grow=1))
    return Section("holds", "Holds", tuple(rows), columns, aside="H releases" if view.open_holds else "")


def _addresses(view: OrderView, how: Showing) -> list[Section]:
    shipping, billing = address_lines(view.shipping), address_lines(view.billing)
    if billing == shipping:
        billing = ("same as shipping",)
    if how.width >= SIDE_BY_SIDE:
        columns = (Column("Shipping address", least=20, grow=1), Column("Billing address", least=20, grow=1))
        rows = tuple(
            Row(("address", place), (Cell(left), Cell(right)))
            for place, (left, right) in enumerate(
                zip_longest(shipping or ("none",), billing or ("none",), fillvalue="")
            )
        )
        return [Section("addresses", "Addresses", rows, columns, selectable=False)]
    return [
        Section(name, title, tuple(Row((name, i), (Cell(line),)) for i, line in enumerate(lines)), empty="None.", selectable=False)
        for name, title, lines in (("shipping", "Shipping address", shipping), ("billing", "Billing address", billing))
    ]  # fmt: skip


def _totals(view: OrderView, how: Showing) -> Section:
    totals = view.totals
    rows = [("Subtotal", totals.subtotal, "")]
    if totals.discount:
        rows.append(("Discount", Money(-totals.discount.minor, totals.discount.currency), ""))
    rows.append(("Shipping", totals.shipping, ""))
    rows.append(("Tax, included" if totals.tax_included else "Tax", totals.tax, ""))
    rows.append(("Total", totals.total, "strong"))
    shown = [how.money(amount) for _, amount, _ in rows]
    room = max(len(words) for words in shown)
    return Section(
        "totals", "Totals",
        tuple(_fact(label, Cell(words.rjust(room), tone)) for (label, _, tone), words in zip(rows, shown, strict=True)),
    )  # fmt: skip


# Details ------------------------------------------------------------------------------------------

_LINES = (
    Column("Qty", least=3, right=True),
    Column("Product", least=14, grow=1),
    Column("SKU", least=6),
    Column("Each", least=7, right=True),
    Column("Discount", least=6, right=True),
    Column("Tax", least=5, right=True),
    Column("Total", least=7, right=True),
)


def _details(view: OrderView, how: Showing) -> list[Section]:
    lines = tuple(_line(line, how) for line in view.lines)
    sections = [
        Section(
            "lines",
            f"Lines ({len(lines)})",
            lines,
            _LINES,
            aside=view.why_not_editable or "Q changes quantities",
            empty="No lines.",
        ),
        _shipments(view, how),
    ]
    taxes = tuple(
        _fact(
            tax.name or "Tax",
            Cell(how.money(tax.amount)),
            Cell(f"on {how.money(tax.base)}" if tax.base is not None else "base not known", "muted"),
            key=("tax", tax.id),
        )
        for tax in view.taxes
    )
    discounts = tuple(
        _fact(
            discount.code or "Discount",
            Cell(how.money(discount.amount)),
            Cell(f"off {discount.target}", "muted"),
            key=("discount", i),
        )
        for i, discount in enumerate(view.discounts)
    )
    if taxes:
        sections.append(Section("taxes", "Taxes", taxes))
    if discounts:
        sections.append(Section("discounts", "Discounts", discounts))
    return [*sections, _totals(view, how)]


def _line(line: LineView, how: Showing) -> Row:
    details: list[tuple[Cell, ...]] = []
    if line.personalisation:
        details.append((Cell("personalised:", "muted"), Cell(line.personalisation)))
    if line.subscription_id is not None:
        details.append((Cell("belongs to a subscription; Enter opens it", "muted"),))
    if not line.editable:
        details.append((Cell("can no longer be changed: its shipment is released", "muted"),))
    name = f"{line.name}, {line.option}" if line.option else line.name
    return Row(
        (Kind.LINE, line.id),
        (
            Cell(str(line.quantity), "strong", line.quantity),
            Cell(name),
            Cell(line.sku, "muted"),
            Cell(how.money(line.unit_price), "", line.unit_price.minor),
            Cell(how.money(line.discount) if line.discount else "", "", line.discount.minor),
            Cell(how.money(line.tax) if line.tax else "", "", line.tax.minor),
            Cell(how.money(line.total), "strong", line.total.minor),
        ),
        tuple(details),
        copy=line.sku or name,
    )


_SHIPMENTS = (
    Column("Status", least=12),
    Column("Method", least=8),
    Column("Contents", least=12, grow=1),
    Column("Tracking", least=8),
    Column("When", least=6),
)


def _shipments(view: OrderView, how: Showing) -> Section:
    names = {line.id: line for line in view.lines}
    rows = tuple(_shipment(row, names, how) for row in view.shipments)
    return Section("shipments", f"Shipments ({len(rows)})", rows, _SHIPMENTS, number=7, empty="No shipments.")


def _shipment(row: ShipmentRow, lines: dict[int, LineView], how: Showing) -> Row:
    contents = [
        line_words(quantity, lines[line_id].name, lines[line_id].option)
        for line_id, quantity in row.lines
        if line_id in lines
    ]
    at = row.delivered_at or row.shipped_at or row.released_at
    details = (*((Cell(words),) for words in contents), *shipment_details(row, how.moment))
    return Row(
        (Kind.SHIPMENT, row.id),
        (
            how.state(row.state),
            Cell("digital" if row.is_digital else row.method),
            Cell("; ".join(contents)),
            Cell(f"{row.carrier} {row.tracking}".strip(), "accent"),
            Cell(how.moment(at) if at else "", "muted"),
        ),
        details,
        copy=row.tracking,
    )


# Payments, returns --------------------------------------------------------------------------------


def _payments(view: OrderView, how: Showing) -> list[Section]:
    return payment_sections(view, how, balance_words(view, how))


def _returns(view: OrderView, how: Showing) -> list[Section]:
    back = tuple(move(row, how) for row in view.transactions if row.kind in _MONEY_BACK)
    return [
        Section("returns", "Returns and exchanges", empty="No returns or exchanges yet."),
        Section("refunds", f"Refunds and voids ({len(back)})", back, MOVES, empty="No refunds yet."),
    ]


# Notes --------------------------------------------------------------------------------------------


def _notes(view: OrderView, how: Showing) -> list[Section]:
    rows: list[Row] = []
    for note in view.notes:
        kind = "" if note.source is NoteSource.MANUAL else f"  [{note.source}]"
        head = f"{how.moment(note.at)}  {note.author}{kind}"
        if note.corrects_id is not None:
            head += "  corrects an earlier note"
        rows.append(
            Row((Kind.NOTE, note.id), (Cell(head, "accent" if not kind else "muted"),), copy=note.body)
        )
        for place, line in enumerate(_wrapped(note.body, how.width - 8)):
            rows.append(Row((Kind.NOTE, note.id, place), (Cell(f"  {line}"),), copy=note.body))
    notes = Section(
        "notes", f"Notes ({len(view.notes)})", tuple(rows), number=8, empty="No notes yet. F7 adds one."
    )
    return [notes, mails_section(how.mails, how)]


def _wrapped(body: str, width: int) -> list[str]:
    """A note in lines of the page's width, its own line breaks kept."""
    return [
        line for part in body.splitlines() or [""] for line in textwrap.wrap(part, max(20, width)) or [""]
    ]


def line_names(view: OrderView) -> dict[str, str]:
    """Names of an order's lines and taxes by the start of their audit paths (`lines.3`)."""
    named = {
        f"lines.{line.id}": f"{line.name}, {line.option}" if line.option else line.name for line in view.lines
    }
    return named | {f"taxes.{tax.id}": tax.name or "Tax" for tax in view.taxes}
