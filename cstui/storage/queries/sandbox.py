"""The embedded sandbox gateway's books: lines, cards and the faults that it plays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.money import Money
from cstui.domain.payments import TransactionKind
from cstui.domain.sandbox import BookEntry, BookLine, SandboxCardRow
from cstui.storage.tables.base import table_of
from cstui.storage.tables.sandbox import SandboxCard, SandboxFault, SandboxTransaction
from cstui.storage.transaction import Transaction

_LINE = table_of(SandboxTransaction)
_CARD = table_of(SandboxCard)
_FAULT = table_of(SandboxFault)
_LINE_COLUMNS = (
    _LINE.c.id, _LINE.c.account, _LINE.c.ref, _LINE.c.ask_key, _LINE.c.kind, _LINE.c.state, _LINE.c.amount, _LINE.c.currency,
    _LINE.c.parent_ref, _LINE.c.vault, _LINE.c.text, _LINE.c.visible_at, _LINE.c.created_at, _LINE.c.settles_at, _LINE.c.changes_to,
    _LINE.c.changes_at,
)  # fmt: skip
_CARD_COLUMNS = (
    _CARD.c.account, _CARD.c.vault, _CARD.c.billing, _CARD.c.brand, _CARD.c.last4, _CARD.c.expiry_month, _CARD.c.expiry_year,
    _CARD.c.behaviour,
)  # fmt: skip
_MOST_CARDS = 100
_STATES = {TransactionKind.AUTHORISE: "authorised", TransactionKind.SALE: "captured", TransactionKind.CAPTURE: "captured"}  # fmt: skip


# The books ---------------------------------------------------------------------------------------


def by_key(transaction: Transaction, account: str, ask_key: str) -> BookLine | None:
    """What was written for this key; None where the sandbox never acted on it."""
    return _one(transaction, sa.and_(_LINE.c.account == account, _LINE.c.ask_key == ask_key))


def by_ref(transaction: Transaction, account: str, ref: str, *, for_change: bool = False) -> BookLine | None:
    """The line with this reference; `for_change` makes others who want to change it wait."""
    return _one(transaction, sa.and_(_LINE.c.account == account, _LINE.c.ref == ref), for_change=for_change)


def about(transaction: Transaction, account: str, ref: str) -> list[BookLine]:
    """What was written about a line: its captures, voids, refunds, chargebacks, oldest first."""
    where = sa.and_(_LINE.c.account == account, _LINE.c.parent_ref == ref)
    return [_line(row) for row in transaction.rows(sa.select(*_LINE_COLUMNS).where(where).order_by(_LINE.c.id))]  # fmt: skip


def newest(transaction: Transaction, account: str, limit: int) -> list[BookLine]:
    """The last lines of an account's books, newest first."""
    query = sa.select(*_LINE_COLUMNS).where(_LINE.c.account == account)
    return [_line(row) for row in transaction.rows(query.order_by(_LINE.c.created_at.desc(), _LINE.c.id.desc()).limit(limit))]  # fmt: skip


def enter(transaction: Transaction, values: Mapping[str, Any]) -> bool:
    """Writes a line; False where one with this reference is there already, also when somebody writes it at this very moment."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_LINE)
    return bool(transaction.rows(insert.values(**values).on_conflict_do_nothing().returning(_LINE.c.id)))


def set_state(transaction: Transaction, line_id: int, state: str) -> None:
    """Gives a line another state."""
    transaction.run(_LINE.update().where(_LINE.c.id == line_id).values(state=state))


def adopt(transaction: Transaction, entries: Iterable[BookEntry]) -> int:
    """Takes what happened elsewhere into the books and returns how many lines are new; those that are there stay as they are."""
    taken = 0
    for values in adopted(list(entries)):
        taken += enter(transaction, values)
        if values["kind"] == TransactionKind.VOID:
            transaction.run(
                _LINE.update()
                .where(_LINE.c.account == values["account"], _LINE.c.ref == values["parent_ref"])
                .values(state="voided")
            )
    return taken


def adopted(entries: Sequence[BookEntry]) -> list[dict[str, Any]]:
    """The lines that entries become, as columns; what one of them voids is voided."""
    voided = {(entry.account, entry.parent_ref) for entry in entries if entry.kind == TransactionKind.VOID}
    return [
        {
            "account": entry.account, "ref": entry.ref, "ask_key": "", "kind": str(entry.kind),
            "state": "voided" if (entry.account, entry.ref) in voided else _STATES.get(TransactionKind(entry.kind), "done"),
            "amount": entry.amount.minor, "currency": entry.amount.currency, "parent_ref": entry.parent_ref, "vault": entry.card,
            "text": "", "visible_at": entry.created_at, "created_at": entry.created_at, "settles_at": entry.settles_at,
            "changes_to": "", "changes_at": None,
        }
        for entry in entries
    ]  # fmt: skip


def _one(transaction: Transaction, where: Any, *, for_change: bool = False) -> BookLine | None:
    query = sa.select(*_LINE_COLUMNS).where(where).order_by(_LINE.c.id).limit(1)
    rows = transaction.rows(query.with_for_update() if for_change else query)
    return _line(rows[0]) if rows else None


def _line(row: Any) -> BookLine:
    return BookLine(
        row.id, row.account, row.ref, row.ask_key, row.kind, row.state, Money(row.amount, row.currency), row.parent_ref, row.vault,
        row.text, row.visible_at, row.created_at, row.settles_at, row.changes_to, row.changes_at,
    )  # fmt: skip


# Cards -------------------------------------------------------------------------------------------


def card(transaction: Transaction, account: str, vault: str, billing: str = "") -> SandboxCardRow | None:
    """The card with these names in the vault."""
    where = (_CARD.c.account == account, _CARD.c.vault == vault, _CARD.c.billing == billing)
    rows = transaction.rows(sa.select(*_CARD_COLUMNS).where(*where))
    return SandboxCardRow(*rows[0]) if rows else None


def cards_in(transaction: Transaction, account: str, vault: str) -> list[SandboxCardRow]:
    """The cards of one vault, 100 at most."""
    query = sa.select(*_CARD_COLUMNS).where(_CARD.c.account == account, _CARD.c.vault == vault)
    rows = transaction.rows(query.order_by(_CARD.c.id).limit(_MOST_CARDS))
    return [SandboxCardRow(*row) for row in rows]


def keep(transaction: Transaction, row: SandboxCardRow) -> bool:
    """Puts a card into the vault; False where one with these names is there."""
    insert: Any = (sqlite if transaction.is_sqlite else postgresql).insert(_CARD)
    kept = insert.values(**card_columns(row), created_at=transaction.now).on_conflict_do_nothing()
    return bool(transaction.rows(kept.returning(_CARD.c.id)))


def card_columns(row: SandboxCardRow) -> dict[str, Any]:
    """A card as columns, but for when it came."""
    return {
        "account": row.account, "vault": row.vault, "billing": row.billing, "brand": row.brand, "last4": row.last4,
        "expiry_month": row.expiry_month, "expiry_year": row.expiry_year, "behaviour": row.behaviour,
    }  # fmt: skip


def drop(transaction: Transaction, account: str, vault: str, billing: str) -> None:
    """Takes a card out of the vault; harmless where it is not in it."""
    transaction.run(
        _CARD.delete().where(_CARD.c.account == account, _CARD.c.vault == vault, _CARD.c.billing == billing)
    )


# Faults ------------------------------------------------------------------------------------------


def put_fault(transaction: Transaction, account: str, fault: str, operation: str = "", times: int = 1, seconds: int = 0) -> None:  # fmt: skip
    """Makes something go wrong so many times: for one operation, or (empty) for whichever comes next. `seconds` is how long it lasts."""
    transaction.run(
        _FAULT.insert().values(
            account=account, operation=operation, fault=f"{fault}:{seconds}" if seconds else fault, times=times,
            created_at=transaction.now,
        )
    )  # fmt: skip


def take_fault(transaction: Transaction, account: str, operation: str, among: Iterable[str]) -> tuple[str, int]:  # fmt: skip
    """The oldest fault of these kinds that is due, used up once, with its seconds; an empty word where none is.

    Whoever changes the row first has it; another worker takes the next.
    """
    for row in transaction.rows(_due(account, operation, among)):
        used = _FAULT.update().where(_FAULT.c.id == row.id, _FAULT.c.times > 0)
        if transaction.run(used.values(times=_FAULT.c.times - 1)):
            word, _, seconds = row.fault.partition(":")
            return word, int(seconds or 0)
    return "", 0


def is_fault_due(transaction: Transaction, account: str, operation: str, among: Iterable[str]) -> bool:
    """Whether `take_fault` would find one."""
    return bool(transaction.rows(_due(account, operation, among).limit(1)))


def faults(transaction: Transaction, account: str) -> list[tuple[str, str, int]]:
    """The faults that are still to come: fault, operation, how many times."""
    query = sa.select(_FAULT.c.fault, _FAULT.c.operation, _FAULT.c.times)
    rows = transaction.rows(
        query.where(_FAULT.c.account == account, _FAULT.c.times > 0).order_by(_FAULT.c.id)
    )
    return [(row.fault, row.operation, row.times) for row in rows]


def _due(account: str, operation: str, among: Iterable[str]) -> Any:
    kinds = sa.or_(*(sa.or_(_FAULT.c.fault == kind, _FAULT.c.fault.like(f"{kind}:%")) for kind in among))
    return (
        sa.select(_FAULT.c.id, _FAULT.c.fault)
        .where(_FAULT.c.account == account, _FAULT.c.operation.in_(["", operation]), _FAULT.c.times > 0, kinds)
        .order_by(_FAULT.c.id)
    )  # fmt: skip
