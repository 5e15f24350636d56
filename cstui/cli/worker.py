"""`cstui worker`: sends what was recorded, looks up what is not known, tries refunds again. Whoever runs it owns the keys of the gateways."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cstui.cli.session import Session


def add(app: typer.Typer, session: Session) -> None:
    """Puts the command into the app."""

    @app.command()
    def worker(
        once: Annotated[
            bool, typer.Option("--once", help="Do what is due, say what was done, and end.")
        ] = False,
        senders: Annotated[
            int, typer.Option("--senders", min=1, max=32, help="How many attempts are sent side by side.")
        ] = 4,
    ) -> None:
        """Sends, looks up and retries until it is told to end (Ctrl-C, SIGTERM). Needs no sign-in; any number may run."""
        from cstui.crash import leave_no_core
        from cstui.log import close_log, open_log

        leave_no_core()
        # What an answer was that could not be stored stands nowhere else; nothing of it belongs on a terminal.
        opened = open_log(session.config.log_dir, session.config.log_level)
        if opened.problem:
            session.printer.hint(opened.problem)
        try:
            _work(session, once=once, senders=senders)
        finally:
            close_log()


def _work(session: Session, *, once: bool, senders: int) -> None:
    from cstui.services.sign_in import terminal_name

    made = session.desk.make_worker(
        name=terminal_name(), is_inside=False, senders=senders, mail=session.config.mail, intake=session.config.card_intake
    )  # fmt: skip
    if once:
        try:
            done = made.once()
        finally:
            made.stop()
        session.printer.answer(asdict(done), lambda: _words(asdict(done)))
        return
    with _Ending() as ending:
        made.start()
        session.printer.hint(
            f"Working on {session.config.database.shown} with {senders} senders; Ctrl-C ends it."
        )
        ending.wait()
        session.printer.hint("Ending: what is being sent is finished first.")
        # Threads that still wait for a gateway are let go: what they sent is looked up by whoever works next.
        made.stop()


def _words(done: dict[str, int]) -> str:
    names = {
        "sent": "sent", "looked": "looked up", "tried_again": "tried again", "orphans": "left by dead workers", "mails": "mails",
        "links": "card links", "billed": "subscriptions billed or told of",
    }  # fmt: skip
    said = [f"{count} {names.get(name, name)}" for name, count in done.items() if count]
    return ", ".join(said).capitalize() + "." if said else "Nothing was due."


class _Ending:
    """Waits for SIGTERM or SIGINT. A pipe, because a handler may not touch what the waiting thread holds."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Ending:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._asked)
        return self

    def wait(self) -> None:
        select.select([self._read], [], [])

    def _asked(self, _number: int, _frame: object) -> None:
        os.write(self._write, b".")

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)
