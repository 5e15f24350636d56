"""What became of a refund or a void that was asked for: waited for, told in one exit code, and as JSON.

Where nobody sends on a SQLite database, this very process does it, as a desk would; on PostgreSQL a worker has to run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from cstui.domain.attempts import GatewayUnknown, NoWorker
from cstui.domain.errors import CstuiError, Exit
from cstui.domain.gateways import Why
from cstui.domain.ids import Kind, public_id
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.refunds import AttemptRow, Receipt, RefundRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from cstui.cli.session import Session
    from cstui.services.worker import Worker

S = TypeVar("S", bound="Seen")

#: Seconds between two looks, and that a database without a worker is given until one shows itself.
_LOOK: Final = 0.2
_GRACE: Final = 3.0


class Stage(IntEnum):
    """How far something is. Of several parts the highest tells how the whole stands."""

    DONE = 0
    QUEUED = 1
    APPROVAL = 2
    REFUSED = 3
    UNKNOWN = 4
    OPEN = 5


_REFUND_STAGES: Final = {
    RefundState.DONE_VOID: Stage.DONE,
    RefundState.DONE_REFUND: Stage.DONE,
    RefundState.MANUAL: Stage.DONE,
    RefundState.EXTERNAL: Stage.DONE,
    RefundState.PENDING_AT_GATEWAY: Stage.DONE,
    RefundState.REQUESTED: Stage.QUEUED,
    RefundState.FAILED_RETRYING: Stage.QUEUED,
    RefundState.NEEDS_APPROVAL: Stage.APPROVAL,
    RefundState.NEEDS_DECISION: Stage.REFUSED,
    RefundState.EXHAUSTED: Stage.REFUSED,
    RefundState.DENIED: Stage.REFUSED,
    RefundState.WITHDRAWN: Stage.REFUSED,
    RefundState.UNKNOWN: Stage.UNKNOWN,
}
ATTEMPT_STAGES: Final = {
    AttemptState.SUCCEEDED: Stage.DONE,
    AttemptState.PENDING: Stage.DONE,
    AttemptState.ARMED: Stage.OPEN,
    AttemptState.SENDING: Stage.OPEN,
    AttemptState.UNKNOWN: Stage.UNKNOWN,
}


class GatewayRefused(CstuiError):
    """The gateway refused it, and no later try by itself is planned."""

    code = "gateway_refused"
    title = "The gateway refused it"


class GatewayNotReached(CstuiError):
    """Proven: nothing reached the gateway."""

    code = "gateway_away"
    title = "Gateway not reachable"
    exit_code = Exit.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Outcome:
    """How what was asked for stands at one moment."""

    receipt: Receipt
    refunds: tuple[RefundRow, ...]
    attempts: tuple[AttemptRow, ...]
    stage: Stage
    state: RefundState | AttemptState

    @property
    def is_sending(self) -> bool:
        """Whether a worker holds any of it this very moment."""
        return any(row.state is AttemptState.SENDING for row in self.attempts)

    @property
    def said(self) -> str:
        """What the gateway said last."""
        return next((row.text for row in self.attempts if row.text), "")


class Seen(Protocol):
    """What is waited for, as one look found it."""

    @property
    def stage(self) -> Stage:
        """How far it is."""
        ...

    @property
    def is_sending(self) -> bool:
        """Whether a worker holds any of it this very moment."""
        ...


def awaited(session: Session, receipt: Receipt, seconds: float) -> Outcome:
    """Waits until the outcome is known, `seconds` at most. Errors: `NoWorker`, `GatewayUnknown`, `GatewayRefused`, `GatewayNotReached`."""
    return _told(wait(session, seconds, lambda: look(session, receipt), facts))


def wait(session: Session, seconds: float, look: Callable[[], S], facts: Callable[[S], dict[str, Any]]) -> S:
    """Looks again and again until it is decided, `seconds` at most, and gives what was seen last. Errors: `NoWorker`."""
    from cstui.services.money_looks import MoneyLooks

    looks = MoneyLooks(session.desk.database)
    began = last_worker = time.monotonic()
    inside: Worker | None = None
    try:
        while True:
            seen = look()
            now = time.monotonic()
            if seen.stage not in (Stage.OPEN, Stage.UNKNOWN):
                return seen
            if inside is not None:
                inside.once()
            elif looks.workers():
                last_worker = now
            elif seconds > 0 and session.desk.database.is_sqlite:
                inside = _worker_here(session)
                continue
            elif (
                seen.stage is Stage.OPEN and not seen.is_sending and now - last_worker >= min(seconds, _GRACE)
            ):
                raise NoWorker(
                    "It is recorded and not sent: no worker is running.",
                    "Start “cstui worker”; until then “cstui refunds withdraw” takes it back.",
                    **facts(seen),
                )
            if now - began >= seconds:
                return seen
            time.sleep(min(_LOOK, max(0.01, seconds - (now - began))))
    finally:
        if inside is not None:
            inside.stop()
            _close_log()


def _close_log() -> None:
    from cstui.log import close_log

    close_log()


def _worker_here(session: Session) -> Worker:
    from cstui.log import open_log
    from cstui.services.sign_in import terminal_name

    # What a worker has to say belongs in the log, not between the lines of a command.
    open_log(session.config.log_dir, session.config.log_level)
    return session.desk.make_worker(name=terminal_name(), is_inside=True, mail=session.config.mail)


def look(session: Session, receipt: Receipt) -> Outcome:
    """How what was asked for stands now."""
    every_refund, every_attempt = session.desk.refunds.of_order(session.actor, receipt.order_id)
    refunds = tuple(row for row in every_refund if row.id in receipt.refund_ids)
    attempts = tuple(
        row for row in every_attempt if row.refund_id in receipt.refund_ids or row.id in receipt.attempt_ids
    )
    stages: list[tuple[Stage, RefundState | AttemptState]] = [(_stage_of(row), row.state) for row in refunds]
    if not refunds:
        stages = [(ATTEMPT_STAGES.get(row.state, Stage.REFUSED), row.state) for row in attempts]
    stage, state = max(stages, key=lambda pair: pair[0], default=(Stage.OPEN, receipt.state))
    return Outcome(receipt, refunds, attempts, stage, state)


def _stage_of(row: RefundRow) -> Stage:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    if row.state is RefundState.FAILED_RETRYING and row.next_try_at is not None and row.next_try_at <= soon:
        # Proven not to have been executed: the next try follows at once.
        return Stage.OPEN
    return _REFUND_STAGES.get(row.state, Stage.OPEN)


def _told(seen: Outcome) -> Outcome:
    """The outcome where it is a good one, or none yet of what is still to be sent. Errors: as `awaited`."""
    if seen.stage is Stage.UNKNOWN or (seen.stage is Stage.OPEN and seen.is_sending):
        raise GatewayUnknown(
            "It was sent, and no answer has come yet.",
            "Do not send it again: it is looked up by itself. “cstui attempts --state unknown” shows it.",
            **facts(seen),
        )
    if seen.stage is not Stage.REFUSED:
        return seen
    newest = seen.attempts[0] if seen.attempts else None
    if newest is not None and newest.why in (Why.NOT_SENT, Why.BUSY) and not seen.refunds:
        raise GatewayNotReached(
            newest.text or "Nothing was sent.", "Nothing has happened; try again.", **facts(seen)
        )
    failed = next((row.last_failure for row in seen.refunds if row.last_failure), "") or seen.said
    raise GatewayRefused(
        failed or "It was not done.", "“cstui refunds list” shows what can be done with it.", **facts(seen)
    )


def facts(seen: Outcome) -> dict[str, Any]:
    """The JSON of `refund` and `void`."""
    receipt = seen.receipt
    return {
        "state": seen.state, "order_id": public_id(Kind.ORDER, receipt.order_id), "number": receipt.order_number, "amount": receipt.amount,
        "refund_ids": [public_id(Kind.REFUND, key) for key in receipt.refund_ids], "sends_at": receipt.sends_at,
        "attempts": [attempt_facts(row) for row in seen.attempts],
    }  # fmt: skip


def attempt_facts(row: AttemptRow) -> dict[str, Any]:
    """One attempt as JSON."""
    return {
        "id": public_id(Kind.ATTEMPT, row.id), "order_id": public_id(Kind.ORDER, row.order_id) if row.order_id else None,
        "number": row.order_number or None, "kind": row.operation, "operation": row.operation, "amount": row.amount,
        "gateway": row.gateway, "account": row.account, "card": row.card, "state": row.state, "why": row.why or None,
        "created_at": row.created_at, "sends_at": row.execute_after, "tries": row.tries, "checks": row.checks,
        "next_check_at": row.next_check_at, "text": row.text, "reference": row.gateway_ref or None,
        "refund_id": public_id(Kind.REFUND, row.refund_id) if row.refund_id else None, "requested_by": row.requested_by,
        "settled_by": row.settled_by or None, "test": row.is_test,
    }  # fmt: skip


def words(seen: Outcome) -> str:
    """The outcome in words: the receipt where it is still to come, else one line for each part."""
    from cstui.format import money_words, state_words

    if seen.stage is Stage.OPEN:
        return seen.receipt.words
    lines = [
        f"Order {row.order_number}: {money_words(row.amount)} {state_words(row.state)}"
        + (f", {row.card}" if row.card else "")
        + (f" ({row.last_failure})" if row.last_failure and _stage_of(row) is Stage.QUEUED else "")
        for row in seen.refunds
    ]
    lines = lines or [
        f"Order {row.order_number}: {row.operation} of {money_words(row.amount)} {state_words(row.state)}, {row.card}"
        for row in seen.attempts
    ]
    return "\n".join(lines)
