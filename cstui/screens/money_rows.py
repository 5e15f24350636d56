"""The rows of the refund queue and of the attempts, built from what the services say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cstui.domain.payments import AttemptState
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.refund_queue import PART_WORDS, QueuePart, part_of
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.format import Reader, moment_words, money_words, state_words
from cstui.states import state_of
from cstui.widgets.page_model import Cell, Column, Row, Section

#: For so long a request is marked as new.
_NEW = timedelta(minutes=1)
_TONES = {"good": "good", "busy": "accent", "warn": "warn", "bad": "bad", "quiet": "muted", "plain": ""}
_REASONS = dict(STARTERS[ReasonKind.REFUND])
_QUEUE = (
    Column("Order", least=6),
    Column("Store", least=4, wide_only=True),
    Column("Customer", least=8),
    Column("Amount", least=8, right=True),
    Column("Card", least=6, wide_only=True),
    Column("Reason", least=6),
    Column("Asked by", least=5),
    Column("Since", least=5),
    Column("State", least=10, grow=1),
)
#: Narrower than this a list keeps what matters most; w shows the rest, and Space shows it for one row.
NARROW = 110


def _attempt_columns(is_narrow: bool) -> tuple[Column, ...]:
    return (
        Column("When", least=5),
        Column("Order", least=7),
        Column("What", least=11),
        Column("Amount", least=8, right=True),
        Column("State", least=15),
        Column("Gateway", least=6, wide_only=is_narrow),
        Column("Tries", least=3, right=True, wide_only=is_narrow),
        Column("Checks", least=3, right=True, wide_only=is_narrow),
        Column("Next check", least=5, wide_only=is_narrow, if_used=True),
        Column("By", least=3, wide_only=True),
        Column("Said", least=6, grow=1),
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """For whom and at which instant rows are written."""

    reader: Reader
    now: datetime

    def moment(self, at: datetime | None) -> str:
        """An instant in words; empty for none."""
        return moment_words(at, self.now, self.reader) if at is not None else ""


def reason_words(code: str) -> str:
    """A reason for a refund as people read it."""
    return _REASONS.get(code, code.replace("_", " "))


def queue_sections(
    refunds: Sequence[RefundRow], unknown: Sequence[AttemptRow], clock: Clock
) -> list[Section]:
    """The queue in its parts, empty ones left out; within approval the newest first, elsewhere the oldest.

    Unknown attempts that belong to no refund of the queue stand under what is being checked.
    """
    checked = {attempt.refund_id: attempt for attempt in unknown if attempt.refund_id is not None}
    parts: dict[QueuePart, list[Row]] = {part: [] for part in QueuePart}
    for refund in refunds:
        part = part_of(refund.state)
        if part is not None:
            parts[part].append(_refund(refund, part, checked.get(refund.id), clock))
    parts[QueuePart.APPROVAL].reverse()
    shown = {refund.id for refund in refunds}
    parts[QueuePart.CHECKING] += [
        _loose(attempt, clock) for attempt in unknown if attempt.refund_id not in shown
    ]
    sections = [
        Section(part, f"{PART_WORDS[part]} ({len(rows)})", tuple(rows), _QUEUE)
        for part, rows in parts.items()
        if rows
    ]
    return sections or [Section("queue", "Refund queue", empty="No refund waits for anything.")]


def _refund(refund: RefundRow, part: QueuePart, attempt: AttemptRow | None, clock: Clock) -> Row:
    words, tone = _standing(refund, part, attempt, clock)
    more = (
        f"{refund.card}" if refund.card else "",
        f"note: {refund.note}" if refund.note else "",
        f"last failure: {refund.last_failure}" if refund.last_failure else "",
        f"cheque to {refund.payee}" if refund.payee else "",
    )
    return Row(
        ("refund", refund.id),
        (
            Cell(refund.order_number, "accent"),
            Cell(refund.store, "muted"),
            Cell(refund.customer_name or "(no name)"),
            Cell(money_words(refund.amount, clock.reader), "strong", refund.amount.minor),
            Cell(refund.card, "muted"),
            Cell(reason_words(refund.reason)),
            Cell(refund.requested_by),
            Cell(clock.moment(refund.requested_at), "muted", refund.requested_at.timestamp()),
            Cell(words, tone),
        ),
        tuple((Cell(line, "muted"),) for line in more if line),
        copy=refund.order_number,
    )


def _standing(
    refund: RefundRow, part: QueuePart, attempt: AttemptRow | None, clock: Clock
) -> tuple[str, str]:
    """What the last column says of a refund, and its tone."""
    if part is QueuePart.APPROVAL:
        return ("NEW" if clock.now - refund.requested_at < _NEW else "waits"), "warn"
    if part is QueuePart.RETRYING:
        nth = f"attempt {refund.failures} of {refund.tries_allowed}"
        at = refund.next_try_at
        when = f", next {clock.moment(at)}" if at is not None and at > clock.now else ", next now"
        return f"{nth}{when}: {refund.last_failure}".rstrip(": "), "warn"
    if part is QueuePart.SETTLEMENT:
        return f"goes {clock.moment(refund.next_try_at)}".rstrip(), ""
    if part is QueuePart.CHECKING:
        return (check_words(attempt, clock) if attempt else "sent, checking"), "bad"
    if part is QueuePart.PENDING:
        return "accepted, not finished", "accent"
    if part is QueuePart.GAVE_UP and refund.failures:
        return f"failed {refund.failures} times: {refund.last_failure}".rstrip(": "), "bad"
    return refund.last_failure or state_of(refund.state).word, "bad"


def check_words(attempt: AttemptRow, clock: Clock) -> str:
    """How far the looking for an unknown outcome is."""
    if attempt.next_check_at is None:
        return "nobody looks any more: settle it"
    at = attempt.next_check_at
    when = clock.moment(at) if at > clock.now else "now"
    return f"looked {attempt.checks} times, next {when}"


def _loose(attempt: AttemptRow, clock: Clock) -> Row:
    return Row(
        ("attempt", attempt.id),
        (
            Cell(attempt.order_number or "–", "accent"),
            Cell(""),
            Cell(attempt.card, "muted"),
            Cell(money_words(attempt.amount, clock.reader), "strong", attempt.amount.minor),
            Cell(attempt.card, "muted"),
            Cell(attempt.operation.replace("_", " ")),
            Cell(attempt.requested_by),
            Cell(clock.moment(attempt.created_at), "muted", attempt.created_at.timestamp()),
            Cell(check_words(attempt, clock), "bad"),
        ),
        ((Cell(attempt.text, "muted"),),) if attempt.text else (),
        copy=attempt.order_number,
    )


def attempt_sections(
    attempts: Sequence[AttemptRow], only: AttemptState | None, clock: Clock, width: int
) -> list[Section]:
    """Attempts, newest first, with what is filtered by; `width` is the room for them, in cells."""
    columns = _attempt_columns(width < NARROW)
    what = f", {state_of(only).word}" if only is not None else ""
    rows = tuple(_attempt(attempt, clock) for attempt in attempts)
    aside = "F4 chooses a state" if only is None else "F4 chooses another state"
    return [
        Section(
            "attempts", f"Attempts ({len(rows)}{what})", rows, columns, aside=aside, empty="No attempts of this kind."
        )
    ]  # fmt: skip


def _attempt(attempt: AttemptRow, clock: Clock) -> Row:
    state = state_of(attempt.state)
    test = "TEST " if attempt.is_test else ""
    facts: Mapping[str, str] = {
        "said": attempt.text,
        "gateway": f"{attempt.gateway} {attempt.account}, tries {attempt.tries}, checks {attempt.checks}",
        "next check": clock.moment(attempt.next_check_at),
        "why": attempt.why.replace("_", " ") if attempt.why else "",
        "reference": attempt.gateway_ref,
        "key": attempt.key,
        "settled by": attempt.settled_by,
    }
    at = attempt.next_check_at
    return Row(
        (attempt.order_id or 0, attempt.id),
        (
            Cell(clock.moment(attempt.created_at), "muted", attempt.created_at.timestamp()),
            Cell(attempt.order_number or "–", "accent"),
            Cell(f"{test}{attempt.operation.replace('_', ' ')}", "warn" if test else ""),
            Cell(money_words(attempt.amount, clock.reader), "strong", attempt.amount.minor),
            Cell(state_words(attempt.state, clock.reader), _TONES[state.tone]),
            Cell(f"{attempt.gateway} {attempt.account}".strip(), "muted"),
            Cell(str(attempt.tries), "", attempt.tries),
            Cell(str(attempt.checks), "", attempt.checks),
            Cell(clock.moment(at), "muted", at.timestamp() if at else 0.0),
            Cell(attempt.requested_by, "muted"),
            Cell(attempt.text),
        ),
        tuple((Cell(f"{name}: {words}", "muted"),) for name, words in facts.items() if words),
        copy=attempt.gateway_ref or attempt.key,
    )
