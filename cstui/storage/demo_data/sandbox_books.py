"""The sandbox gateway's own books of the demo: every charge that it is said to have made, what went back of it, and its cards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.gateway_rules import last_cut_off, next_cut_off
from cstui.domain.money import Money
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.domain.sandbox import BookEntry, SandboxCardRow, card_name
from cstui.storage.demo_data.rows import Rows
from cstui.storage.queries.sandbox import adopted, card_columns
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.tables.sandbox import SandboxCard, SandboxTransaction
from cstui.storage.transaction import Transaction

_CHARGES = (TransactionKind.SALE, TransactionKind.CAPTURE)
_MOVE = table_of(PaymentTransaction)
_LINE = table_of(SandboxTransaction)
_ACCOUNT = table_of(GatewayAccount)


def add_books(rows: Rows) -> None:
    """Writes what the sandbox holds of all that was added; what failed or is not known is in no books."""
    days = {
        row["name"]: (row["cut_off"], row["zone"])
        for row in rows.of(GatewayAccount)
        if row["gateway"] == "sandbox"
    }
    cards = rows.of(Card)
    for card in cards:
        if card["gateway"] == "sandbox":
            face = SandboxCardRow(
                card["account"], card["vault_ref"], card["billing_ref"], card["brand"], card["last4"], card["expiry_month"],
                card["expiry_year"], "decline" if card["failed_before"] else "",
            )  # fmt: skip
            rows.add(SandboxCard, created_at=card["created_at"], **card_columns(face))
    moves = rows.of(PaymentTransaction)
    entries = [
        _entry(row, moves, cards, days)
        for row in moves
        if row["gateway"] == "sandbox" and row["status"] is TransactionStatus.SUCCEEDED
    ]
    for columns in adopted(entries):
        rows.add(SandboxTransaction, **columns)


def _entry(
    row: dict[str, Any], moves: list[dict[str, Any]], cards: list[dict[str, Any]], days: dict[str, tuple[str, str]]
) -> BookEntry:  # fmt: skip
    settles = None
    if row["kind"] in _CHARGES:
        settles = row["settled_at"] or next_cut_off(row["occurred_at"], *days[row["account"]])
    parent = moves[row["parent_id"] - 1]["gateway_ref"] if row["parent_id"] else ""
    card = cards[row["card_id"] - 1] if row["card_id"] else None
    # A card that lies at another gateway pays here under no name.
    held = card_name(card["vault_ref"], card["billing_ref"]) if card and card["gateway"] == "sandbox" else ""
    money = Money(row["amount"], row["currency"])
    return BookEntry(
        row["account"], row["gateway_ref"], row["kind"], money, row["occurred_at"], settles, parent, held
    )


def freshen(transaction: Transaction) -> None:
    """Makes the demo's charges that waited for settlement when it was seeded wait again: taken since the last cut-off, settling at the next.

    What was voided, refunded or is known to have settled stays as it is.
    """
    accounts = transaction.rows(
        sa.select(_ACCOUNT.c.name, _ACCOUNT.c.cut_off, _ACCOUNT.c.zone).where(_ACCOUNT.c.gateway == "sandbox")
    )
    now = transaction.now
    for account in accounts:
        since = last_cut_off(now, account.cut_off, account.zone)
        until = next_cut_off(now, account.cut_off, account.zone)
        for move in transaction.rows(_waiting(account.name, since)):
            # Spread over the hours since then.
            at = min(now, since + timedelta(minutes=1 + move.id % 240))
            transaction.run(_MOVE.update().where(_MOVE.c.id == move.id).values(occurred_at=at))
            line = _LINE.update().where(_LINE.c.account == account.name, _LINE.c.ref == move.gateway_ref)
            transaction.run(line.values(settles_at=until))


def _waiting(account: str, since: datetime) -> Any:
    """The demo's untouched charges of an account, taken before an instant, that nobody knows to have settled."""
    child, about = _MOVE.alias("child"), _LINE.alias("about")
    return sa.select(_MOVE.c.id, _MOVE.c.gateway_ref).where(
        _MOVE.c.gateway == "sandbox",
        _MOVE.c.account == account,
        _MOVE.c.origin == TransactionOrigin.DEMO,
        _MOVE.c.kind.in_(_CHARGES),
        _MOVE.c.status == TransactionStatus.SUCCEEDED,
        _MOVE.c.settled_at.is_(None),
        _MOVE.c.occurred_at <= since,
        ~sa.exists().where(child.c.parent_id == _MOVE.c.id),
        ~sa.exists().where(about.c.account == account, about.c.parent_ref == _MOVE.c.gateway_ref),
    )
