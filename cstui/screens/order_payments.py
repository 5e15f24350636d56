"""The Payments tab: sums, what was charged, what is asked to go back with its state and reason, and tries that failed or are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.orders import OrderView
from cstui.domain.payments import OPEN_REFUNDS, WAITING_REFUNDS, AttemptState, RefundState, TransactionRow
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.screens.movement_rows import transaction_details
from cstui.widgets.page_model import Cell, Column, Row, Section

if TYPE_CHECKING:
    from cstui.screens.order_rows import Showing

MOVES = (
    Column("When", least=9),
    Column("Kind", least=6),
    Column("Amount", least=8, right=True),
    Column("Status", least=9),
    Column("Card", least=8, grow=1),
    Column("Gateway", least=6),
    Column("Reference", least=6, wide_only=True),
)
_REFUNDS = (
    Column("Asked", least=9),
    Column("Amount", least=8, right=True),
    Column("State", least=12),
    Column("Reason", least=8, grow=1),
    Column("By", least=3),
    Column("Card", least=8, wide_only=True),
)
_ATTEMPTS = (
    Column("When", least=9),
    Column("What", least=6),
    Column("Amount", least=8, right=True),
    Column("State", least=10),
    Column("Said", least=8, grow=1),
    Column("By", least=3),
)
_REASONS = dict(STARTERS[ReasonKind.REFUND])
_PENDING = (RefundState.ARMED, RefundState.EXECUTING, RefundState.PENDING_AT_GATEWAY, RefundState.UNKNOWN)
_NOT_WORTH_A_ROW = (AttemptState.SUCCEEDED, AttemptState.WITHDRAWN)


def payment_sections(view: OrderView, how: Showing, balance: Cell) -> list[Section]:
    """All sections of the tab; `balance` says what is due."""
    sections = [_sums(view, how, balance), moves_section(view, how)]
    if how.refunds:
        title = f"Refunds ({len(how.refunds)})"
        sections.append(
            Section("refund-requests", title, tuple(_refund(row, how) for row in how.refunds), _REFUNDS)
        )
    attempts = [row for row in how.attempts if row.state not in _NOT_WORTH_A_ROW]
    if attempts:
        rows = tuple(_attempt(row, how) for row in attempts)
        sections.append(Section("attempts", f"Tries that failed or are open ({len(rows)})", rows, _ATTEMPTS))
    return sections


def refund_status(refunds: tuple[RefundRow, ...], how: Showing) -> Cell | None:
    """Where refunding this order stands, in words: nothing, queued, pending, failed n of 3; None where none was ever asked for."""
    if not refunds:
        return None
    row = next((one for one in refunds if one.state in OPEN_REFUNDS), None)
    if row is None:
        return Cell("no refund under way", "muted")
    amount = how.money(row.amount)
    if row.state is RefundState.NEEDS_APPROVAL:
        return Cell(f"refund {amount} waits for approval", "warn")
    if row.state in (RefundState.FAILED_RETRYING, RefundState.NEEDS_DECISION, RefundState.EXHAUSTED):
        tried = f" {row.failures} of {row.tries_allowed}" if row.failures else ""
        after = f", next try {how.moment(row.next_try_at)}" if row.next_try_at is not None else ""
        return Cell(f"refund {amount} failed{tried}{after}", "bad")
    if row.state is RefundState.UNKNOWN:
        return Cell(f"refund {amount} sent, checking", "bad")
    if row.state in WAITING_REFUNDS:
        after = f", sent {how.moment(row.next_try_at)}" if row.next_try_at is not None else ""
        return Cell(f"refund {amount} queued{after}", "warn")
    return Cell(f"refund {amount} pending", "warn")


def _sums(view: OrderView, how: Showing, balance: Cell) -> Section:
    currency, paid = view.totals.total.currency, view.paid
    waiting = sum(row.amount.minor for row in how.refunds if row.state in (*WAITING_REFUNDS, *_PENDING))
    remaining = max(0, paid.remaining - waiting)
    sums = [
        ("Order total", view.totals.total.minor), ("Authorised", paid.authorised), ("Captured", paid.captured),
        ("Refunded", paid.refunded), ("Voided", paid.voided), ("Pending", waiting), ("Disputed", paid.disputed),
        ("Remaining", remaining),
    ]  # fmt: skip
    shown = [
        (label, how.money(Money(minor, currency)))
        for label, minor in sums
        if minor or label not in ("Authorised", "Voided", "Disputed")
    ]
    room = max(len(words) for _, words in shown)
    status = refund_status(how.refunds, how)
    rows = [_fact("Payment", how.state(view.payment_status), balance)]
    if status is not None:
        rows.append(_fact("Refund", status))
    for label, words in shown:
        hint = Cell("could still be refunded: R", "muted") if label == "Remaining" and remaining else Cell("")
        rows.append(_fact(label, Cell(words.rjust(room)), hint))
    if paid.unknown:
        rows.append(_fact("Checking", Cell("a payment's outcome is not known yet", "bad")))
    return Section("sums", "Sums", tuple(rows))


def _fact(label: str, first: Cell, *more: Cell) -> Row:
    said = (first, *(Cell(f"  {cell.text}", cell.tone) for cell in more if cell.text))
    return Row(("fact", label), (Cell(label), *said), copy=first.text.strip())


def moves_section(view: OrderView, how: Showing) -> Section:
    """What moved, newest first."""
    return Section(
        "transactions", f"Transactions ({len(view.transactions)})", tuple(move(row, how) for row in view.transactions), MOVES, number=6,
        empty="No transactions.",
    )  # fmt: skip


def move(row: TransactionRow, how: Showing) -> Row:
    """One transaction."""
    card = f"{row.card_brand} …{row.card_last4}".strip() if row.card_last4 else ""
    return Row(
        (Kind.TRANSACTION, row.id),
        (
            Cell(how.moment(row.at), "muted", row.at.timestamp()),
            Cell(row.kind),
            Cell(how.money(row.amount), "strong", row.amount.minor),
            how.state(row.status),
            Cell(card),
            Cell(f"TEST {row.gateway}" if row.is_test else row.gateway, "muted"),
            Cell(row.reference, "muted"),
        ),
        transaction_details(row),
        copy=row.reference,
    )


def _refund(row: RefundRow, how: Showing) -> Row:
    state = how.state(row.state)
    if row.failures:
        state = Cell(f"{state.text}, {row.failures} of {row.tries_allowed}", state.tone)
    reason = _REASONS.get(row.reason, row.reason.replace("_", " "))
    facts = [
        row.note, f"last failure: {row.last_failure}" if row.last_failure else "",
        f"next try {how.moment(row.next_try_at)}" if row.next_try_at is not None else "",
        f"decided by {row.decided_by}" if row.decided_by else "",
        f"to {row.payee}" if row.payee else "", f"done {how.moment(row.done_at)}" if row.done_at is not None else "",
    ]  # fmt: skip
    details = tuple((Cell(words),) for words in facts if words)
    is_open = row.state in OPEN_REFUNDS
    return Row(
        ("refund", row.id),
        (
            Cell(how.moment(row.requested_at), "muted", row.requested_at.timestamp()),
            Cell(how.money(row.amount), "strong", row.amount.minor),
            state, Cell(reason), Cell(row.requested_by, "muted"), Cell(row.card, "muted"),
        ),
        details,
        shown=len(details) if is_open else 0,
    )  # fmt: skip


def _attempt(row: AttemptRow, how: Showing) -> Row:
    said = row.text
    if row.state is AttemptState.UNKNOWN and row.next_check_at is not None:
        said = f"looked up again {how.moment(row.next_check_at)} {said}".rstrip()
    return Row(
        ("attempt", row.id),
        (
            Cell(how.moment(row.created_at), "muted", row.created_at.timestamp()), Cell(row.operation),
            Cell(how.money(row.amount), "", row.amount.minor), how.state(row.state), Cell(said), Cell(row.requested_by, "muted"),
        ),
        ((Cell(said),),) if said else (),
    )  # fmt: skip
