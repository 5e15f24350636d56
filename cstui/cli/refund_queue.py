"""Commands about what is under way: payment attempts, and the queue of refunds that wait for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.money_outcome import attempt_facts
from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.domain.errors import UsageError
from cstui.domain.ids import Kind, new_token, public_id, read_public_id

if TYPE_CHECKING:
    from cstui.domain.refunds import AttemptRow, RefundRow

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000)]


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_attempts(app, session)
    refunds = typer.Typer(help="Refunds that wait for somebody.", no_args_is_help=True)
    app.add_typer(refunds, name="refunds")
    _add_list(refunds, session)
    _add_decisions(refunds, session)
    _add_ends(refunds, session)


def _add_attempts(app: typer.Typer, session: Session) -> None:
    @app.command()
    def attempts(
        state: Annotated[
            str | None,
            typer.Option(
                "--state", help="unknown, armed, sending, succeeded … or open for what is not decided"
            ),
        ] = None,
        limit: Limit = 200,
    ) -> None:
        """Lists payment attempts, newest first."""
        rows = session.desk.decisions.attempts(session.actor, _states(state), limit)
        session.printer.answer([attempt_facts(row) for row in rows], lambda: _attempts_words(rows))


def _states(text: str | None) -> tuple[Any, ...]:
    from cstui.domain.payments import IN_FLIGHT, AttemptState

    if not text:
        return ()
    if text == "open":
        return (AttemptState.WAITING_APPROVAL, *IN_FLIGHT, AttemptState.PENDING)
    try:
        return (AttemptState(text),)
    except ValueError:
        raise UsageError(
            f"“{text}” is no state of an attempt.", "Use one of: " + ", ".join(("open", *AttemptState)) + "."
        ) from None


def _attempts_words(rows: tuple[AttemptRow, ...]) -> str:
    from cstui.cli.words import when
    from cstui.format import money_words, state_words

    return table(
        ("Id", "When", "Order", "What", "Amount", "Gateway", "State", "By", "Says"),
        [
            (
                public_id(Kind.ATTEMPT, row.id), when(row.created_at), row.order_number, row.operation, money_words(row.amount),
                f"{row.gateway} {row.account}{' TEST' if row.is_test else ''}", state_words(row.state), row.requested_by, row.text,
            )
            for row in rows
        ],
        "No attempts.",
    )  # fmt: skip


def _add_list(app: typer.Typer, session: Session) -> None:
    @app.command("list")
    def list_refunds(limit: Limit = 200) -> None:
        """Lists refunds that wait for approval, for settlement, for the next try or for a decision, the oldest first."""
        rows = session.desk.decisions.queue(session.actor, limit)
        session.printer.answer([refund_facts(row) for row in rows], lambda: _refunds_words(rows))


def _add_decisions(app: typer.Typer, session: Session) -> None:
    @app.command()
    def approve(
        refund: str,
        amount: Annotated[str | None, typer.Option("--amount", help="Less than was asked for.")] = None,
    ) -> None:
        """Lets a refund go that was above its requester's limit."""
        from cstui.domain.money import Money, minor_from_typed

        key = _refund_id(refund)
        less = None
        if amount is not None:
            currency = session.desk.decisions.refund(session.actor, key).amount.currency
            less = Money(minor_from_typed(amount, currency), currency)
        _tell(session, session.desk.decisions.approve(session.actor, key, new_token(), less))

    @app.command()
    def deny(
        refund: str, reason: Annotated[str, typer.Option("--reason", help="Who asked sees it.")]
    ) -> None:
        """Refuses a refund that waits for approval."""
        _tell(session, session.desk.decisions.deny(session.actor, _refund_id(refund), reason, new_token()))

    @app.command()
    def retry(refund: str) -> None:
        """Tries a refund of the queue again at once."""
        _tell(session, session.desk.decisions.retry(session.actor, _refund_id(refund), new_token()))

    @app.command()
    def manual(
        refund: str,
        payee: Annotated[str, typer.Option("--payee", help="Whom the cheque is for.")],
        address: Annotated[str, typer.Option("--address", help="Where the cheque goes.")],
    ) -> None:
        """Turns a refund that the gateway does not make into a cheque."""
        _tell(
            session,
            session.desk.decisions.make_manual(
                session.actor, _refund_id(refund), payee, address, new_token()
            ),
        )


def _add_ends(app: typer.Typer, session: Session) -> None:
    @app.command()
    def withdraw(
        ref: Annotated[str, typer.Argument(help="A refund that waits, or an attempt that is not sent yet.")],
        reason: Annotated[str, typer.Option("--reason")] = "",
    ) -> None:
        """Takes back what has not been sent; what was asked for together with it goes too."""
        read = read_public_id(ref)
        if read is not None and read[0] is Kind.ATTEMPT:
            rows = session.desk.refunds.withdraw(session.actor, read[1], new_token())
            session.printer.answer(
                {"withdrawn": [public_id(Kind.ATTEMPT, row.id) for row in rows]},
                lambda: "Taken back; nothing was sent.",
            )
            return
        _tell(session, session.desk.decisions.withdraw(session.actor, _refund_id(ref), reason, new_token()))

    @app.command()
    def settle(
        attempt: str,
        outcome: Annotated[
            str, typer.Option("--outcome", help="succeeded or not_executed, as the gateway's own pages say.")
        ],
        evidence: Annotated[str, typer.Option("--evidence", help="Where you saw it.")],
        reference: Annotated[
            str, typer.Option("--reference", help="The gateway's number, where it succeeded.")
        ] = "",
    ) -> None:
        """Says what became of an attempt that no look could decide; your name and the evidence stay with it."""
        from cstui.domain.refund_queue import ByHand

        read = read_public_id(attempt)
        if read is None or read[0] is not Kind.ATTEMPT:
            raise UsageError(
                f"“{attempt}” is not the id of an attempt.", "“cstui attempts --state unknown” shows them."
            )
        word = outcome.replace("-", "_")
        if word not in tuple(ByHand):
            raise UsageError(f"“{outcome}” is no outcome.", "Write succeeded or not_executed.")
        row = session.desk.decisions.settle(
            session.actor, read[1], ByHand(word), evidence, new_token(), reference
        )
        session.printer.answer(attempt_facts(row), lambda: _attempts_words((row,)))


def _refund_id(text: str) -> int:
    read = read_public_id(text)
    if read is None or read[0] is not Kind.REFUND:
        raise UsageError(f"“{text}” is not the id of a refund.", "“cstui refunds list” shows the ids.")
    return read[1]


def _tell(session: Session, row: RefundRow) -> None:
    session.printer.answer(refund_facts(row), lambda: _refunds_words((row,)))


def refund_facts(row: RefundRow) -> dict[str, Any]:
    """One refund as JSON."""
    return {
        "id": public_id(Kind.REFUND, row.id), "order_id": public_id(Kind.ORDER, row.order_id), "number": row.order_number,
        "store": row.store, "customer_id": public_id(Kind.CUSTOMER, row.customer_id), "customer": row.customer_name, "state": row.state,
        "method": row.method, "amount": row.amount, "reason": row.reason, "note": row.note, "failures": row.failures,
        "tries_allowed": row.tries_allowed, "text": row.last_failure, "next_try_at": row.next_try_at, "requested_by": row.requested_by,
        "requested_at": row.requested_at, "decided_by": row.decided_by or None, "done_at": row.done_at, "card": row.card,
        "payee": row.payee or None,
    }  # fmt: skip


def _refunds_words(rows: tuple[RefundRow, ...]) -> str:
    from cstui.cli.words import when
    from cstui.format import money_words, state_words

    return table(
        ("Id", "Order", "Store", "Customer", "Amount", "State", "Failed", "Next try", "By", "Says"),
        [
            (
                public_id(Kind.REFUND, row.id), row.order_number, row.store, row.customer_name, money_words(row.amount),
                state_words(row.state), f"{row.failures} of {row.tries_allowed}" if row.failures else "", when(row.next_try_at),
                row.requested_by, row.last_failure,
            )
            for row in rows
        ],
        "Nothing waits.",
    )  # fmt: skip
