"""Transactions and shipments as rows of a profile, and what they show when they are unfolded, there and on the order (TXN-01, TXN-02)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from cstui.domain.ids import Kind, public_id
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionRow, TransactionStatus
from cstui.domain.shipments import ShipmentRow, why_not_reshipped, why_not_shipment_cancelled
from cstui.format import Reader, moment_words, money_words, state_words
from cstui.states import state_of
from cstui.widgets.page_model import Cell, Column, Row, Section

_TAKEN = (TransactionKind.SALE, TransactionKind.CAPTURE)
_FROM_FILES = {
    TransactionOrigin.IMPORT: "came with a file of transactions",
    TransactionOrigin.IMPORT_SUMMARY: "summed up from a file of orders",
}


_TONES = {"good": "good", "warn": "warn", "bad": "bad", "quiet": "muted", "busy": "accent"}


def state_cell(value: StrEnum, reader: Reader) -> Cell:
    """A state as a cell: sign and word, toned."""
    return Cell(state_words(value, reader), _TONES.get(state_of(value).tone, ""))


_TRANSACTIONS = (
    Column("When", least=9),
    Column("Order", least=7),
    Column("Kind", least=6),
    Column("Amount", least=8, right=True),
    Column("Status", least=8),
    Column("Card", least=8, grow=1),
    Column("Gateway", least=6, wide_only=True),
    Column("Reference", least=6, wide_only=True),
)


def transactions_section(rows: tuple[TransactionRow, ...], reader: Reader, now: datetime) -> Section:
    """Transactions, newest first (CUST-10)."""
    return Section(
        "transactions", f"Transactions ({len(rows)})", tuple(_transaction(row, reader, now) for row in rows),
        _TRANSACTIONS, number=6, empty="No transactions.",
    )  # fmt: skip


def _transaction(row: TransactionRow, reader: Reader, now: datetime) -> Row:
    return Row(
        (Kind.TRANSACTION, row.id),
        (
            Cell(moment_words(row.at, now, reader), "muted", row.at.timestamp()),
            Cell(row.order_number, "accent"),
            Cell(row.kind),
            Cell(money_words(row.amount, reader), "", row.amount.minor),
            state_cell(row.status, reader),
            Cell(f"{row.card_brand} …{row.card_last4}" if row.card_last4 else row.gateway),
            Cell(f"TEST {row.gateway}" if row.is_test else row.gateway, "muted"),
            Cell(row.reference, "muted"),
        ),
        transaction_details(row),
        copy=row.reference or row.order_number,
    )


_SHIPMENTS = (
    Column("Order", least=7),
    Column("Status", least=10),
    Column("Method", least=8, grow=1),
    Column("Tracking", least=8, grow=1),
    Column("Shipped", least=9),
)


def shipments_section(rows: tuple[ShipmentRow, ...], reader: Reader, now: datetime) -> Section:
    """Shipments, newest first (CUST-10)."""
    return Section(
        "shipments", f"Shipments ({len(rows)})", tuple(_shipment(row, reader, now) for row in rows), _SHIPMENTS, number=7,
        empty="No shipments.",
    )  # fmt: skip


def _shipment(row: ShipmentRow, reader: Reader, now: datetime) -> Row:
    sent = row.shipped_at or row.released_at
    return Row(
        (Kind.SHIPMENT, row.id),
        (
            Cell(row.order_number, "accent"),
            state_cell(row.state, reader),
            Cell("digital" if row.is_digital else row.method),
            Cell(" ".join(part for part in (row.carrier, row.tracking) if part)),
            Cell(moment_words(sent, now, reader) if sent else "", "muted", sent.timestamp() if sent else 0),
        ),
        shipment_details(row, lambda at: moment_words(at, now, reader)),
        copy=row.tracking or row.order_number,
    )


def transaction_details(row: TransactionRow) -> tuple[tuple[Cell, ...], ...]:
    """Where it was made, what the gateway said, whether it has settled, and whose doing it was."""
    where = " ".join(part for part in ("TEST" if row.is_test else "", row.gateway, row.account) if part)
    facts = [
        ("Gateway", f"{where}, reference {row.reference}" if row.reference else where),
        ("Said", row.text),
        ("Settled", _settled(row)),
        ("Asked by", row.by),
        ("Attempt", public_id(Kind.ATTEMPT, row.attempt_id) if row.attempt_id is not None else ""),
        ("Origin", _FROM_FILES.get(row.origin, "")),
    ]
    return tuple((Cell(f"{label:<9}", "muted"), Cell(said)) for label, said in facts if said)


def _settled(row: TransactionRow) -> str:
    if row.kind not in _TAKEN or row.status is not TransactionStatus.SUCCEEDED:
        return ""
    if row.settled:
        return "yes"
    # A file seldom says when a charge settled.
    return "" if row.origin in _FROM_FILES else "not yet"


def shipment_details(row: ShipmentRow, moment: Callable[[datetime], str]) -> tuple[tuple[Cell, ...], ...]:
    """How it goes and when it was released, shipped and delivered; what F does with it."""
    facts = [
        ("Carrier", " ".join(part for part in (row.carrier, row.tracking) if part)),
        ("Method", "digital" if row.is_digital else row.method),
        ("Released", moment(row.released_at) if row.released_at is not None else ""),
        ("Shipped", moment(row.shipped_at) if row.shipped_at is not None else ""),
        ("Delivered", moment(row.delivered_at) if row.delivered_at is not None else ""),
        ("F", _use(row)),
    ]
    return tuple((Cell(f"{label:<9}", "muted"), Cell(said)) for label, said in facts if said)


def _use(row: ShipmentRow) -> str:
    if not why_not_reshipped(row.state):
        return "ships it again"
    return "" if why_not_shipment_cancelled(row.state) else "cancels it, while it has not left"
