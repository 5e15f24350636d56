"""Commands about customers and orders: find, show, note, call, locks, audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cstui.cli import facts as as_facts
from cstui.cli.printing import table
from cstui.cli.refs import customer_of, order_of, subscription_of
from cstui.cli.session import Session
from cstui.domain.ids import Kind, new_token, public_id

if TYPE_CHECKING:
    from types import ModuleType

StoreOption = Annotated[str | None, typer.Option("--store", help="Store code, where a number is not unique.")]


def _words() -> ModuleType:
    """How records read; loaded only where no JSON is wanted, for it brings Textual's text functions with it."""
    from cstui.cli import words

    return words


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_find(app, session)
    show = typer.Typer(help="Shows a record.", no_args_is_help=True)
    app.add_typer(show, name="show")
    _add_show(show, session)
    note = typer.Typer(help="Adds a note; it cannot be changed later.", no_args_is_help=True)
    app.add_typer(note, name="note")
    _add_note(note, session)
    call = typer.Typer(help="Calls.", no_args_is_help=True)
    app.add_typer(call, name="call")
    _add_call(call, session)
    locks = typer.Typer(help="Who edits what.", no_args_is_help=True)
    app.add_typer(locks, name="locks")
    _add_locks(locks, session)
    audit = typer.Typer(help="What happened, by whom.", no_args_is_help=True)
    app.add_typer(audit, name="audit")
    _add_audit(audit, session)


def _add_find(app: typer.Typer, session: Session) -> None:
    @app.command()
    def find(query: str, limit: Annotated[int, typer.Option("--limit", min=1, max=200)] = 20) -> None:
        """Finds whatever identifies: phone, e-mail, order number, name, postcode, card last 4, tracking …"""
        found = session.desk.search.find(session.actor, query, limit)
        session.printer.answer(as_facts.found_facts(found), lambda: _words().found_words(found))


def _add_show(app: typer.Typer, session: Session) -> None:
    @app.command("customer")
    def customer(ref: str, store: StoreOption = None) -> None:
        """One customer with orders, subscriptions, cards, notes and calls."""
        view = session.desk.customers.open(session.actor, customer_of(session, ref, store), 50)
        session.printer.answer(as_facts.customer_facts(view), lambda: _words().customer_words(view))

    @app.command("order")
    def order(ref: str, store: StoreOption = None) -> None:
        """One order with its lines, money, shipments, holds and lock."""
        view = session.desk.orders.open(session.actor, order_of(session, ref, store))
        session.printer.answer(as_facts.order_facts(view), lambda: _words().order_words(view))

    @app.command("subscription")
    def subscription(ref: str) -> None:
        """One subscription with its price, what is billed next, and its history."""
        from cstui.cli import subscription_facts

        view = session.desk.subscriptions.open(session.actor, subscription_of(session, ref))
        session.printer.answer(subscription_facts.facts(view), lambda: subscription_facts.words(view))


def _add_note(app: typer.Typer, session: Session) -> None:
    @app.command("customer")
    def on_customer(ref: str, text: str, store: StoreOption = None) -> None:
        """A note on a customer."""
        _note(session, Kind.CUSTOMER, customer_of(session, ref, store), text)

    @app.command("order")
    def on_order(ref: str, text: str, store: StoreOption = None) -> None:
        """A note on an order, also while someone else edits it."""
        _note(session, Kind.ORDER, order_of(session, ref, store), text)


def _note(session: Session, kind: Kind, key: int, text: str) -> None:
    row = session.desk.notes.add(session.actor, kind, key, text, new_token())
    facts = {
        "id": public_id(Kind.NOTE, row.id),
        "on": public_id(kind, key),
        "at": row.at,
        "author": row.author,
        "text": row.body,
    }
    session.printer.answer(facts, lambda: f"Note added to {public_id(kind, key)}.")


def _add_call(app: typer.Typer, session: Session) -> None:
    @app.callback()
    def group() -> None:
        """Calls."""

    @app.command("log")
    def log(
        customer: str,
        direction: Annotated[str, typer.Option("--direction", help="in or out")],
        disposition: Annotated[
            str, typer.Option("--disposition", help="A code of the list of dispositions.")
        ],
        note: Annotated[str, typer.Option("--note")] = "",
    ) -> None:
        """Logs a call with its outcome."""
        from cstui.domain.calls import CallDirection
        from cstui.domain.errors import UsageError

        if direction not in ("in", "out"):
            raise UsageError(f"“{direction}” is no direction.", "Write in or out.")
        key = customer_of(session, customer)
        row = session.desk.calls.log(
            session.actor, key, CallDirection(direction), disposition, note, new_token()
        )
        facts = {
            "id": public_id(Kind.CALL, row.id), "at": row.at, "direction": row.direction,
            "disposition": row.disposition, "note": row.note, "agent": row.agent,
        }  # fmt: skip
        session.printer.answer(facts, lambda: f"Call logged: {row.disposition}.")


def _add_locks(app: typer.Typer, session: Session) -> None:
    @app.command("list")
    def list_locks() -> None:
        """Every held lock that you may see."""
        rows = session.desk.locks.all(session.actor)
        session.printer.answer([as_facts.lock_facts(row) for row in rows], lambda: _words().locks_words(rows))

    @app.command("release")
    def release(
        order: str,
        reason: Annotated[str, typer.Option("--reason")],
        store: StoreOption = None,
    ) -> None:
        """Removes someone's lock; the holder is told and keeps the typed text."""
        key = order_of(session, order, store)
        session.desk.locks.force(session.actor, Kind.ORDER, key, reason, new_token())
        session.printer.answer(
            {"released": public_id(Kind.ORDER, key)}, lambda: f"Unlocked {order}; the holder is told."
        )


def _add_audit(app: typer.Typer, session: Session) -> None:
    @app.command("order")
    def of_order(
        ref: str,
        store: StoreOption = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 50,
    ) -> None:
        """An order's history, newest first."""
        rows = session.desk.audit.order(session.actor, order_of(session, ref, store), None, limit)
        session.printer.answer(
            [as_facts.event_facts(row) for row in rows], lambda: _words().events_words(rows)
        )

    @app.command()
    def verify() -> int:
        """Walks the chain of the whole history and what must always hold; exit code 1 where anything is wrong."""
        faults = session.desk.audit.verify(session.actor)
        session.printer.answer(
            {"ok": not faults, "faults": faults},
            lambda: (
                table(("Fault",), [(fault,) for fault in faults])
                if faults
                else "The history is whole and every rule holds."
            ),
        )
        return 1 if faults else 0
