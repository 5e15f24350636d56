"""How a command changes a subscription: under its lock, once, shown before where it ends something, answered with how it stands then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cstui.cli import money_outcome
from cstui.cli.asking import can_ask
from cstui.cli.money_outcome import ATTEMPT_STAGES, GatewayNotReached, GatewayRefused, Stage
from cstui.cli.refs import subscription_of
from cstui.cli.session import Session
from cstui.domain.attempts import GatewayUnknown
from cstui.domain.errors import Exit, NotPossibleNow, OutcomeUnknown, UsageError
from cstui.domain.gateways import Why
from cstui.domain.ids import Kind, new_token, public_id, read_public_id

if TYPE_CHECKING:
    from cstui.domain.locking import Grip
    from cstui.domain.refunds import AttemptRow, Receipt
    from cstui.domain.subscription_changes import Step
    from cstui.domain.subscriptions import SubscriptionView

#: Seconds that a charge's outcome is waited for.
WAIT: Final = 120

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be billed when; store nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Wait = Annotated[
    int, typer.Option("--wait", min=0, max=3600, help="Seconds to wait for a charge's outcome; 0 only records it.")
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """A subscription as it stood when the command began."""

    session: Session
    view: SubscriptionView

    @property
    def id(self) -> int:
        """Its key."""
        return self.view.row.id

    @property
    def name(self) -> str:
        """What sentences call it."""
        row = self.view.row
        return f"{row.product} {row.option}".strip()

    @property
    def currency(self) -> str:
        """The currency of its price."""
        return self.view.row.price.unit.currency


def opened(session: Session, ref: str) -> Opened:
    """The subscription that a reference names. Errors: `NotFound`, `UsageError`."""
    key = subscription_of(session, ref)
    return Opened(session, session.desk.subscriptions.open(session.actor, key))


def previewed(at: Opened, step: Step) -> None:
    """Answers with what would be billed when after a step; nothing is stored."""
    from cstui.cli.subscription_facts import preview_facts, preview_words

    made = at.session.desk.subscriptions.preview(at.session.actor, at.id, step)
    at.session.printer.answer(preview_facts(made), lambda: preview_words(made))


def confirm(at: Opened, yes: bool, lines: list[str]) -> None:
    """Shows what would happen and asks for a y. Errors: `UsageError` where nobody can be asked, `NotPossibleNow` for any other answer."""
    if yes:
        return
    if not can_ask():
        raise UsageError("This wants a yes, and there is nobody to ask.", "Add --yes.")
    from cstui.domain.clean import clean

    for line in [f"{at.name} ({public_id(Kind.SUBSCRIPTION, at.id)}), {at.view.customer_name}", *lines]:
        print(clean(line), file=sys.stderr)
    print("y does it, anything else leaves it: ", end="", file=sys.stderr, flush=True)
    if input().strip() != "y":
        raise NotPossibleNow("Nothing was done.", "It was not confirmed.")


def stored(at: Opened, write: Callable[[Grip, str], Any]) -> Any:
    """Stores something under the subscription's lock; asked for again under the same save id where the connection broke at the commit.

    Errors: `RecordLocked`, `RecordChanged`, and those of what is stored.
    """
    desk, actor, token, save_id = at.session.desk, at.session.actor, new_token(), new_token()
    grip = desk.subscriptions.begin(actor, at.id, at.view.version, token)
    try:
        try:
            return write(grip, save_id)
        except OutcomeUnknown:
            return write(grip, save_id)
    finally:
        desk.locks.release(actor, token)


def answer(at: Opened, view: SubscriptionView, said: str) -> None:
    """The subscription as it stands now. Ends with 1 where a second step that was asked for, a refund or a charge, was not possible."""
    from cstui.cli.subscription_facts import facts, preview_words

    receipt = view.receipt
    found = facts(view) | {
        "receipt": receipt_facts(receipt) if receipt else None,
        "problem": view.problem or None,
    }
    lines = [said, preview_words(view.next) if view.next else ""]
    lines += [receipt.words] if receipt else []
    lines += [f"Not done: {view.problem}"] if view.problem else []
    at.session.printer.answer(found, lambda: "\n".join(line for line in lines if line))
    if view.problem:
        raise typer.Exit(int(Exit.REFUSED))


def receipt_facts(receipt: Receipt) -> dict[str, Any]:
    """What was recorded about money, as JSON."""
    return {
        "state": receipt.state, "amount": receipt.amount, "sends_at": receipt.sends_at,
        "order_id": public_id(Kind.ORDER, receipt.order_id) if receipt.order_id else None,
        "refund_ids": [public_id(Kind.REFUND, key) for key in receipt.refund_ids],
        "attempt_ids": [public_id(Kind.ATTEMPT, key) for key in receipt.attempt_ids],
    }  # fmt: skip


def day(text: str | None) -> date | None:
    """A typed day; None for none. Errors: `UsageError`."""
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"“{text}” is not a date.", "Write it as 2026-12-31.") from None


def key_of(kind: Kind, ref: str) -> int:
    """The number of a prefixed id. Errors: `UsageError`."""
    read = read_public_id(ref)
    if read is None or read[0] is not kind:
        prefix = public_id(kind, 0).partition("_")[0]
        raise UsageError(f"“{ref}” is not the id of a {kind}.", f"It begins with {prefix}_.")
    return read[1]


# Charges ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Charge:
    """How a charge stands at one moment."""

    at: Opened
    receipt: Receipt
    attempt: AttemptRow | None

    @property
    def stage(self) -> Stage:
        """How far it is; a bill of nothing is done at once."""
        if self.attempt is None:
            return Stage.DONE
        return ATTEMPT_STAGES.get(self.attempt.state, Stage.REFUSED)

    @property
    def is_sending(self) -> bool:
        """Whether a worker holds it this very moment."""
        return self.attempt is not None and self.attempt.state.value == "sending"


def charged(at: Opened, receipt: Receipt, seconds: int) -> None:
    """Waits for a charge, and answers with the subscription as it stands then.

    Errors: `NoWorker`, `GatewayUnknown`, `GatewayRefused` with the gateway's answer in plain words, `GatewayNotReached`.
    """
    from cstui.cli.subscription_facts import facts, preview_words
    from cstui.format import money_words, state_words

    desk, actor = at.session.desk, at.session.actor

    def look() -> _Charge:
        ids = receipt.attempt_ids
        return _Charge(at, receipt, desk.decisions.attempt(actor, ids[0]) if ids else None)

    seen = money_outcome.wait(at.session, seconds, look, _charge_facts)
    view = desk.subscriptions.open(actor, at.id)
    _require_charged(seen, view)
    state = seen.attempt.state if seen.attempt else receipt.state
    found = facts(view) | {"receipt": receipt_facts(receipt) | {"state": state}, "problem": None}
    said = (
        receipt.words
        if seen.stage is Stage.OPEN
        else f"{at.name}: {money_words(receipt.amount)} {state_words(state)}."
    )
    at.session.printer.answer(
        found, lambda: "\n".join([said, preview_words(view.next)] if view.next else [said])
    )


def _require_charged(seen: _Charge, view: SubscriptionView) -> None:
    row, facts = seen.attempt, _charge_facts(seen)
    if row is None or seen.stage is Stage.DONE or (seen.stage is Stage.OPEN and not seen.is_sending):
        return
    if seen.stage is not Stage.REFUSED:
        raise GatewayUnknown(
            "It was sent, and no answer has come yet.",
            "Do not send it again: it is looked up by itself. “cstui attempts --state unknown” shows it.",
            **facts,
        )
    if row.why in (Why.NOT_SENT, Why.BUSY):
        raise GatewayNotReached(row.text or "Nothing was sent.", "Nothing has happened; try again.", **facts)
    plain = next((tried for tried in view.attempts if tried.id == row.id), None)
    said = (plain.said if plain else "") or row.text or "It was not done."
    raise GatewayRefused(said, plain.advice if plain else "", **facts, status=view.row.status)


def _charge_facts(seen: _Charge) -> dict[str, Any]:
    attempt = [money_outcome.attempt_facts(seen.attempt)] if seen.attempt else []
    state = seen.attempt.state if seen.attempt else seen.receipt.state
    return {
        **receipt_facts(seen.receipt), "state": state, "subscription_id": public_id(Kind.SUBSCRIPTION, seen.at.id), "attempts": attempt,
    }  # fmt: skip
