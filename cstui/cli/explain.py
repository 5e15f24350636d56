"""`cstui explain CUSTOMER`: the charge that a customer asks about, in one sentence (D-18)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.refs import customer_of
from cstui.cli.session import Session
from cstui.domain.errors import NotFound, UsageError
from cstui.domain.ids import Kind, public_id

if TYPE_CHECKING:
    from datetime import date

    from cstui.domain.explain import Explanation
    from cstui.domain.money import Money

_KINDS = {
    "order_id": Kind.ORDER,
    "transaction_id": Kind.TRANSACTION,
    "attempt_id": Kind.ATTEMPT,
    "subscription_id": Kind.SUBSCRIPTION,
}


def add(app: typer.Typer, session: Session) -> None:
    """Puts the command into the app."""

    @app.command("explain")
    def explain(
        customer: str,
        amount: Annotated[str, typer.Option("--amount", help="What the statement says, such as 29.00.")] = "",
        on: Annotated[
            str, typer.Option("--on", metavar="DATE", help="Its day, give or take three: 2026-11-03.")
        ] = "",
        last4: Annotated[str, typer.Option("--last4", help="The card's last four digits.")] = "",
        reference: Annotated[
            str, typer.Option("--reference", help="An order number, or the gateway's own.")
        ] = "",
    ) -> None:
        """Finds the charge that a customer means and says in one sentence what it was for and why it was made; without options his newest ones."""
        customer_id = customer_of(session, customer)
        found = session.desk.explain.explain(
            session.actor, customer_id, amount=_amount(session, customer_id, amount), on=_day(on), last4=_digits(last4),
            reference=reference,
        )  # fmt: skip
        if not found:
            raise NotFound("No charge of this customer fits.", "Name less: the amount or the day alone.")
        session.printer.answer(
            {"charges": [_facts(one) for one in found]}, lambda: "\n".join(_words(one) for one in found)
        )


def _amount(session: Session, customer_id: int, text: str) -> Money | None:
    from cstui.domain.money import Money, minor_from_typed

    if not text:
        return None
    figure, _, code = text.strip().partition(" ")
    currency = code.strip().upper() or session.desk.explain.currency(session.actor, customer_id)
    return Money(abs(minor_from_typed(figure, currency)), currency)


def _day(text: str) -> date | None:
    from datetime import date

    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"“{text[:40]}” is not a day.", "Write it as 2026-11-03.") from None


def _digits(text: str) -> str:
    digits = text.strip().lstrip("….*")
    if digits and not (len(digits) == 4 and digits.isascii() and digits.isdecimal()):
        raise UsageError(
            "The last four digits of a card are four digits.", "Never type more of a card's number."
        )
    return digits


def _facts(found: Explanation) -> dict[str, Any]:
    facts = asdict(found)
    for name, kind in _KINDS.items():
        key = facts.pop(name)
        facts[name.removesuffix("_id")] = public_id(kind, key) if key is not None else None
    return facts | {"amount": found.amount}


def _words(found: Explanation) -> str:
    return f"{found.sentence} {found.advice}".rstrip()
