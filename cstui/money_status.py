"""What a desk says of its own money in the status line: a countdown, what is being checked, and how it ended (D-02, D-22)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.money_news import MoneyNews, OwnAttempt
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.refunds import Receipt
from cstui.format import Reader, money_words
from cstui.widgets.page_model import Cell

#: A refund in one of these is not at its end, whatever became of its latest attempt.
_GOES_ON = (RefundState.ARMED, RefundState.EXECUTING, RefundState.APPROVED, RefundState.UNKNOWN)


def newest_armed(own: Iterable[OwnAttempt]) -> OwnAttempt | None:
    """The attempt that `u` takes back: the newest that has not been sent."""
    return max((one for one in own if one.state is AttemptState.ARMED), key=lambda one: one.id, default=None)


def together(own: Iterable[OwnAttempt], one: OwnAttempt) -> tuple[OwnAttempt, ...]:
    """What is told, and taken back, with it: all that is in the same state for the same order, or subscription."""
    return tuple(other for other in own if _together(other) == _together(one))


def _together(one: OwnAttempt) -> tuple[object, ...]:
    return one.order_id, one.subscription_id, one.state, one.operation in _CHARGES


#: What takes money; everything else gives it back.
_CHARGES = (Operation.SALE, Operation.CAPTURE, Operation.AUTHORISE)


def _verb(one: OwnAttempt) -> str:
    if one.operation in _CHARGES:
        return "Charge"
    return "Refund" if one.refund_state is not None else one.operation.capitalize()


def what_words(attempts: Sequence[OwnAttempt], reader: Reader) -> str:
    """`Refund $40.00 #1234`: what was asked for, of which order."""
    first = attempts[0]
    total = Money(sum(one.amount.minor for one in attempts), first.amount.currency)
    return f"{_verb(first)} {money_words(total, reader)} {first.order_number}"


def status_cells(news: MoneyNews, now: datetime, reader: Reader, *, counts_down: bool) -> list[Cell]:
    """The cells of the status line, the most urgent first; none where nothing is under way.

    `counts_down`: the seconds that are left; else the clock time at which it is sent, so that nothing on the screen changes by itself.
    """
    cells: list[Cell] = []
    armed = newest_armed(news.own)
    if armed is not None:
        what = what_words(together(news.own, armed), reader)
        cells.append(Cell(f"{what} {_when_words(armed, now, reader, counts_down)} · u takes it back", "warn"))
    for state, words in (
        (AttemptState.SENDING, "is being sent"),
        (AttemptState.UNKNOWN, "sent, answer not received – checking"),
    ):
        found = next((one for one in news.own if one.state is state), None)
        if found is not None and armed is None:
            cells.append(Cell(f"{what_words(together(news.own, found), reader)} {words}", "warn"))
            break
    if news.waits_for_worker:
        cells.append(Cell("worker not running: nothing is sent", "bad"))
    if news.checking:
        cells.append(Cell(f"{news.checking} checking", "warn"))
    waiting = sum(one.state is AttemptState.WAITING_APPROVAL for one in news.own)
    if waiting:
        cells.append(
            Cell(f"{waiting} waits for approval" if waiting == 1 else f"{waiting} wait for approval", "muted")
        )
    return cells


def _when_words(armed: OwnAttempt, now: datetime, reader: Reader, counts_down: bool) -> str:
    at = armed.execute_after
    if at is None or at <= now:
        return "sends now"
    if counts_down:
        return f"sends in {max(1, round((at - now).total_seconds()))} s"
    return f"sends at {at.astimezone(reader.zone):%H:%M:%S}"


# How it ended -------------------------------------------------------------------------------------


def ended_words(one: OwnAttempt, reader: Reader, tries: int) -> tuple[str, str]:
    """The line that stays once an attempt has ended, and its tone; empty where something else goes on for it.

    `tries` is how often a refund that failed is tried again.
    """
    noun = _verb(one)
    about = "for" if noun == "Charge" else "on"
    what = f"{money_words(one.amount, reader)} {about} {one.order_number}"
    if one.state is AttemptState.SUCCEEDED:
        card = f" to {one.card}" if one.card else ""
        if noun == "Void":
            return f"✓ Voided {what}{f', {one.card}' if one.card else ''}.", "good"
        if noun == "Charge":
            return f"✓ Charged {what}{card}.", "good"
        manner = {Operation.VOID: " by void", Operation.CREDIT: " by credit"}.get(one.operation, "")
        return f"✓ Refunded {what}{card}{manner}.", "good"
    if one.state is AttemptState.WITHDRAWN:
        if one.refund_state not in (None, RefundState.WITHDRAWN):
            return "", ""  # somebody decided about it: who and why is told with the decision
        return f"{noun} {what} was taken back; nothing was sent.", "warn"
    if one.state is AttemptState.PENDING:
        return f"{noun} {what} is accepted; the gateway confirms it later.", "good"
    if one.refund_state in _GOES_ON:
        return "", ""
    why = f": {one.text.rstrip('.')}" if one.text else ""
    if one.state is AttemptState.REVERSED:
        return f"{noun} {what} was taken back by the gateway{why}.", "bad"
    return f"{noun} {what} failed{why}. {_after_words(one, tries)}".rstrip(), "bad"


def _after_words(one: OwnAttempt, tries: int) -> str:
    if one.operation in _CHARGES:
        return "Nothing was charged; the history says what to do."
    if one.refund_state is RefundState.FAILED_RETRYING:
        return f"Tried again tomorrow, {one.failures} of {tries}."
    if one.refund_state is RefundState.REQUESTED:
        return "It is sent once the charge has settled."
    if one.refund_state is RefundState.NEEDS_DECISION:
        return "A supervisor decides what is done."
    if one.refund_state is RefundState.EXHAUSTED:
        return "It is not tried again."
    return "Nothing went back."


def asked_words(receipt: Receipt, reader: Reader) -> str:
    """The line that stays once a refund was asked for that is not sent at once."""
    what = f"{money_words(receipt.amount, reader)} on {receipt.order_number}"
    said = {
        RefundState.NEEDS_APPROVAL: f"Refund {what} waits for a supervisor's approval.",
        RefundState.REQUESTED: f"Refund {what} is queued: it is sent by itself once the charge has settled.",
        RefundState.MANUAL: f"✓ {what} is recorded as paid by hand.",
        RefundState.EXTERNAL: f"✓ {what} is recorded as refunded elsewhere.",
    }
    return said.get(receipt.state, "") if isinstance(receipt.state, RefundState) else ""


def open_words(own: Iterable[OwnAttempt], now: datetime, reader: Reader) -> list[str]:
    """What is under way, in sentences, for whoever wants to leave the desk."""
    words = []
    for one in own:
        if one.state is AttemptState.ARMED:
            words.append(
                f"{what_words((one,), reader)} {_when_words(one, now, reader, True)}; it is sent also when this desk has ended."
            )
        elif one.state is AttemptState.SENDING:
            words.append(f"{what_words((one,), reader)} is being sent.")
        elif one.state is AttemptState.UNKNOWN:
            words.append(f"{what_words((one,), reader)} is being checked; that goes on without this desk.")
    return words
