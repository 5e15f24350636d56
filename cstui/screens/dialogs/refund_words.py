"""How a refund reads while it is being chosen: sums, lines, charges with their routes, and the sentence that `y` commits (D-07, R9)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from cstui.domain.money import Money
from cstui.domain.payments import AllocationKind, AttemptState, RefundMethod, TransactionKind
from cstui.domain.refunds import AttemptRow, Charge, RefundBasis, RefundPart, RefundPlan, Route, Share
from cstui.format import Reader, left_words, moment_words, money_words
from cstui.screens.dialogs.refund_draft import DIGITS, RefundDraft
from cstui.widgets.page_model import Cell, Column, Row, Section

_LINES = (
    Column("", least=1),
    Column("", least=1),
    Column("Pieces", least=6),
    Column("Goes back", least=9, right=True),
    Column("Tax in it", least=6, right=True, if_used=True),
    Column("Line", least=8, grow=1),
)
_CHARGES = (Column("From", least=9), Column("Taken", least=6), Column("Left", least=7, right=True))
_CHARGES_WIDE = (*_CHARGES, Column("How", least=12, grow=1))
#: From this width on, what happens with a charge stands beside it; below, on a line of its own: it is never cut short.
WIDE = 96


def refund_sections(
    draft: RefundDraft, made: RefundPlan, reader: Reader, now: datetime, width: int
) -> list[Section]:
    """The body of the panel for a plan; `width` is the room for sentences, in cells."""
    sections = [_sums(draft.basis, reader, width)]
    if draft.busy is None:
        sections += [_lines(draft, made, reader), _charges(draft, made, reader, now, width)]
    extras = [*_extras(draft, made, reader), *_sentences(made, width)]
    if extras:
        sections.append(Section("more", "", tuple(extras), selectable=False))
    return [section for section in sections if section.rows]


def _said(amount: int, basis: RefundBasis, reader: Reader) -> str:
    return money_words(Money(amount, basis.currency), reader)


def _sums(basis: RefundBasis, reader: Reader, width: int) -> Section:
    sums = [("captured", basis.captured), ("refunded", basis.refunded), ("pending", basis.pending)]
    if basis.disputed:
        sums.append(("disputed", basis.disputed))
    said = [f"{name} {_said(amount, basis, reader)}" for name, amount in sums]
    remaining = Cell(_said(basis.remaining, basis, reader), "strong")
    beside = f"  {' · '.join(said)}"
    if len(beside) + len(remaining.text) + 14 <= width:
        row = Row("sums", (Cell("Remaining"), remaining, Cell(beside, "muted")))
    else:
        row = Row("sums", (Cell("Remaining"), remaining), ((Cell(" · ".join(said), "muted"),),), shown=1)
    return Section("sums", "", (row,), selectable=False)


# Lines --------------------------------------------------------------------------------------------


def _lines(draft: RefundDraft, made: RefundPlan, reader: Reader) -> Section:
    basis = draft.basis
    rows = []
    for place, line in enumerate(basis.lines[draft.first : draft.first + DIGITS], start=1):
        back = _back(made, line.line_id)
        tax = _back(made, line.line_id, only_tax=True)
        pieces = draft.pieces(line)
        gone = not line.open_quantity
        count = "given back" if gone else f"{pieces} of {line.quantity}"
        if line.refunded_quantity and not gone:
            count += f", {line.refunded_quantity} back"
        open_now = max(0, line.paid - line.refunded) + max(0, line.tax - line.refunded_tax)
        amount = (
            Cell(_said(back, basis, reader), "strong")
            if back
            else Cell(_said(open_now, basis, reader), "muted")
        )
        rows.append(
            Row(
                line.line_id,
                (
                    Cell(str(place), "muted" if gone else "accent"), Cell("●" if pieces or back else "○"), Cell(count), amount,
                    Cell(_said(tax, basis, reader) if tax else "", "muted"), Cell(line.name, "" if pieces or back else "muted"),
                ),
            )
        )  # fmt: skip
    shipping = basis.shipping + basis.shipping_tax
    if shipping:
        back = _back(made, None)
        gone = basis.refunded_shipping + basis.refunded_shipping_tax >= shipping
        rows.append(
            Row(
                "shipping",
                (
                    Cell("s", "muted" if gone else "accent"), Cell("●" if back else "○"), Cell("given back" if gone else ""),
                    Cell(_said(back or shipping, basis, reader), "strong" if back else "muted"), Cell(""),
                    Cell("Shipping", "" if back else "muted"),
                ),
            )
        )  # fmt: skip
    rows += _without_lines(draft, made, reader)
    return Section("lines", "", tuple(rows), _LINES, selectable=False)


def _back(made: RefundPlan, line_id: int | None, *, only_tax: bool = False) -> int:
    """What goes back of a line with its tax, or (None) of shipping with its tax."""
    kinds = (
        (AllocationKind.TAX,)
        if only_tax
        else (AllocationKind.LINE, AllocationKind.SHIPPING, AllocationKind.TAX)
    )
    return sum(part.amount for part in made.allocations if part.kind in kinds and part.line_id == line_id)


def _without_lines(draft: RefundDraft, made: RefundPlan, reader: Reader) -> list[Row]:
    rows = []
    for kind, mark, label in (
        (AllocationKind.GOODWILL, "g", "Goodwill, belongs to no line"),
        (AllocationKind.FEE, "f", "Restocking fee, kept"),
    ):
        amount = sum(part.amount for part in made.allocations if part.kind is kind)
        if amount:
            sign = "−" if kind is AllocationKind.FEE else ""
            said = f"{sign}{_said(amount, draft.basis, reader)}"
            rows.append(
                Row(mark, (Cell(mark, "accent"), Cell("●"), Cell(""), Cell(said, "strong"), Cell(""), Cell(label)))
            )  # fmt: skip
    return rows


# Charges ------------------------------------------------------------------------------------------


def _charges(draft: RefundDraft, made: RefundPlan, reader: Reader, now: datetime, width: int) -> Section:
    parts = {part.charge.transaction_id: part for part in made.parts}
    rows = []
    for charge in draft.basis.charges:
        part = parts.get(charge.transaction_id)
        if part is None and (draft.target not in (None, charge) or charge.kind is TransactionKind.AUTHORISE):
            continue
        cells = (
            Cell(charge.card_in_words or "no card", "strong" if part else "muted"), Cell(moment_words(charge.at, now, reader), "muted"),
            Cell(_said(charge.remaining, draft.basis, reader), "" if part else "muted"),
        )  # fmt: skip
        rows.append(
            with_words(charge.transaction_id, cells, *charge_words(draft, charge, part, reader, now), width)
        )
    return Section("charges", "", tuple(rows), _CHARGES_WIDE if width >= WIDE else _CHARGES, selectable=False)


def with_words(key: int, cells: tuple[Cell, ...], words: str, tone: str, width: int) -> Row:
    """A charge's row with what happens to it: in the last column, or below where the window is narrow."""
    if width >= WIDE:
        return Row(key, (*cells, Cell(words, tone)))
    below = tuple((Cell(line, tone),) for line in textwrap.wrap(words, max(20, width - 4)))
    return Row(key, cells, below, shown=len(below))


def charge_words(
    draft: RefundDraft, charge: Charge, part: RefundPart | None, reader: Reader, now: datetime
) -> tuple[str, str]:
    """What happens with one charge, in words, and the tone of that."""
    if part is None:
        if charge.is_unknown:
            return "an earlier outcome is still being checked", "bad"
        if charge.in_flight:
            return f"{charge.in_flight} is at it right now", "warn"
        if charge.blocked and charge.remaining:
            return charge.blocked, "warn"
        return ("not needed for this" if charge.remaining else "nothing left of it"), "muted"
    amount = _said(part.amount, draft.basis, reader)
    return f"{amount} {_route_words(draft, part, reader, now)}", ""


def _route_words(draft: RefundDraft, part: RefundPart, reader: Reader, now: datetime) -> str:
    charge = part.charge
    until = charge.void_until
    clock = moment_words(until, now, reader) if until is not None else ""
    if part.route is Route.VOID:
        return (
            f"by void until {clock}, {left_words(until, now)}"
            if until is not None
            else "by void, else by refund"
        )
    if part.route is Route.REFUND:
        return f"refund to {charge.card}"
    if part.route is Route.WAIT:
        return (
            f"waits for settlement, sent after {clock}" if clock else "waits for settlement, sent by itself"
        )
    if part.route is Route.CREDIT:
        return f"to {dict(draft.basis.cards).get(draft.choice.card_id or 0, 'another card')}, not linked to the charge"
    return "only recorded, no gateway is asked"


# The rest -----------------------------------------------------------------------------------------


def _extras(draft: RefundDraft, made: RefundPlan, reader: Reader) -> list[Row]:
    rows = []
    choice = draft.choice
    if choice.method is RefundMethod.MANUAL:
        words = ", ".join(part for part in (choice.payee, choice.payee_address) if part)
        rows.append(Row("payee", (Cell("Cheque to"), Cell(words))))
    if draft.note:
        rows.append(Row("note", (Cell("Note"), Cell(draft.note))))
    then = []
    if draft.cancel_order:
        then.append("cancels the order")
    if draft.stop_subscriptions:
        then.append(f"stops {', '.join(draft.basis.live_subscriptions)}")
    if then:
        rows.append(Row("then", (Cell("Afterwards"), Cell(", ".join(then), "warn"))))
    return rows


def _sentences(made: RefundPlan, width: int) -> list[Row]:
    rows = [_wrapped(remark, width, "muted") for remark in made.remarks]
    if made.needs_approval:
        rows.append(_wrapped("Above your limit: a supervisor is asked, and sends it.", width, "warn"))
    return [row for some in rows for row in some]


def _wrapped(words: str, width: int, tone: str) -> list[Row]:
    return [Row(("said", line), (Cell(line, tone),)) for line in textwrap.wrap(words, max(20, width))]


# What y does --------------------------------------------------------------------------------------


def commit_words(draft: RefundDraft, made: RefundPlan, reader: Reader, now: datetime) -> str:
    """The line that `y` commits: amount, order, where it goes, why; or what is in the way."""
    if made.why_not:
        return f"Not possible now: {made.why_not}"
    total = money_words(made.total, reader)
    number, choice = draft.basis.number, draft.choice
    reason = f" · {draft.reason_label}" if draft.reason_label else ""
    if choice.method is RefundMethod.MANUAL:
        said = f"records {total} on {number} as paid by hand to {choice.payee}"
    elif choice.method is RefundMethod.EXTERNAL:
        said = f"records {total} on {number} as refunded elsewhere"
    else:
        verb = "asks a supervisor to refund" if made.needs_approval else "refunds"
        said = f"{verb} {total} on {number} to {_whither(draft, made)}{_manner(made, reader, now)}"
    then = "".join(
        words for words, on in ((" · then cancels the order", draft.cancel_order), (" · stops the subscription", draft.stop_subscriptions)) if on
    )  # fmt: skip
    return f"y {said}{reason}{then}   Esc leaves"


def _whither(draft: RefundDraft, made: RefundPlan) -> str:
    if draft.choice.method is RefundMethod.OTHER_CARD:
        return dict(draft.basis.cards).get(draft.choice.card_id or 0, "another card")
    return " and ".join(dict.fromkeys(part.charge.card_in_words or "the charge" for part in made.parts))


def _manner(made: RefundPlan, reader: Reader, now: datetime) -> str:
    routes = {part.route for part in made.parts}
    if routes == {Route.VOID}:
        return " by void"
    if Route.WAIT in routes:
        until = next((part.charge.void_until for part in made.parts if part.route is Route.WAIT), None)
        return (
            f", sent after {moment_words(until, now, reader)}"
            if until is not None
            else ", sent after settlement"
        )
    return ""


def busy_words(attempt: AttemptRow | None, by: str, mine: bool, reader: Reader, now: datetime) -> str:
    """Who is at the money of the order right now, and how long he can still take it back: "Ann is refunding $40.00 – 6 s left"."""
    if attempt is None:
        return f"{'You are' if mine else f'{by} is'} at the money of this order right now. This shows itself when it is done."
    verb = "voiding" if attempt.operation == "void" and attempt.refund_id is None else "refunding"
    who = "You are" if mine else f"{attempt.requested_by or by} is"
    said = f"{who} {verb} {money_words(attempt.amount, reader)}"
    if attempt.state is AttemptState.ARMED and attempt.execute_after is not None:
        return f"{said} – {left_words(attempt.execute_after, now)}{'. u takes it back' if mine else ''}"
    return f"{said} – being sent now"


def key_words_of(draft: RefundDraft) -> Sequence[tuple[str, str, str]]:
    """Key, label, why not; with what is chosen said at the label (`percent 50`)."""
    choice = draft.choice
    chosen = {
        "a": choice.share is Share.FULL, "s": draft.gives_shipping, "f": choice.with_fee, "g": choice.share is Share.AMOUNT,
        "%": choice.share is Share.PERCENT, "t": choice.method is RefundMethod.OTHER_CARD, "m": choice.method is RefundMethod.MANUAL,
        "x": choice.method is RefundMethod.EXTERNAL, "c": draft.cancel_order, "p": draft.stop_subscriptions, "n": bool(draft.note),
    }  # fmt: skip
    return [
        (key.key, f"{key.label} ✓" if chosen.get(key.key) else key.label, key.why_not)
        for key in draft.shown_keys()
    ]
