"""Commands about the database and what comes into it: demo, init, db, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cstui.cli.asking import asked_name, asked_new_password, given_password
from cstui.cli.session import Session
from cstui.domain.errors import UsageError


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_demo(app, session)
    _add_init(app, session)
    database = typer.Typer(help="The database itself.", no_args_is_help=True)
    app.add_typer(database, name="db")
    _add_db(database, session)
    imports = typer.Typer(help="Brings a shop's data in.", no_args_is_help=True)
    app.add_typer(imports, name="import")
    _add_import(imports, session)


def _add_demo(app: typer.Typer, session: Session) -> None:
    @app.command()
    def demo(
        fresh: Annotated[
            bool, typer.Option("--fresh", help="Throw the demo's data away and seed it again.")
        ] = False,
        directory: Annotated[Path | None, typer.Option("--dir", help="Where the demo's file lies.")] = None,
        user: Annotated[
            str, typer.Option("--user", help="Who is signed in: ann, bob, sue, adam, wanda or vic.")
        ] = "ann",
        no_ui: Annotated[bool, typer.Option("--no-ui", help="Only seed.")] = False,
    ) -> int:
        """Opens the desk on made-up data: four shops, 2,000 customers, 6,000 orders."""
        from cstui.cli.demo import run_demo

        return run_demo(session, fresh=fresh, directory=directory, user=user, no_ui=no_ui)


def _add_init(app: typer.Typer, session: Session) -> None:
    @app.command()
    def init(
        admin: Annotated[
            str,
            typer.Option(
                "--admin", help="The first admin's name; the password is asked, or taken from CSTUI_PASSWORD."
            ),
        ] = "",
    ) -> None:
        """Makes the database and the first admin."""
        from cstui.domain.passwords import require_fit
        from cstui.domain.staff import required_name
        from cstui.services.sign_in import terminal_name

        name = required_name(admin or asked_name("Name of the first admin: ", "Add --admin NAME."))
        # Checked before anything is made, so that a refusal leaves nothing behind.
        password = require_fit(given_password() or asked_new_password("CSTUI_PASSWORD"), name)
        desk = session.bare_desk
        desk.schema.upgrade()
        member = desk.staff.add_first_admin(name, password, terminal_name())
        where = session.config.database.shown
        session.printer.answer(
            {"database": where, "admin": member.name},
            lambda: (
                f"Made {where} with {member.name} as admin.\n"
                f"Next: cstui login {member.name}, then cstui store add CODE --name … --currency … --zone … --country …"
            ),
        )


def _add_db(app: typer.Typer, session: Session) -> None:
    @app.command()
    def upgrade() -> None:
        """Brings the schema to this version; a SQLite file is backed up first."""
        before, after, backup = session.bare_desk.schema.upgrade()
        words = (
            f"Schema is current ({after})."
            if before == after
            else f"Upgraded from {before or 'nothing'} to {after}."
        )
        if backup is not None:
            words += f" The backup is {backup}."
        facts = {"before": before, "after": after, "backup": str(backup) if backup else None}
        session.printer.answer(facts, lambda: words)

    @app.command()
    def check() -> None:
        """Says whether the schema is current; exit code 5 where it is not."""
        session.bare_desk.schema.check()
        session.printer.answer({"current": True}, lambda: "The schema is current.")

    @app.command()
    def path() -> None:
        """Says where the database is."""
        shown = session.config.database.shown
        session.printer.answer({"database": shown}, lambda: shown)

    @app.command()
    def backup(file: Annotated[Path, typer.Argument(help="The copy; must not exist.")]) -> None:
        """Copies a SQLite database, also while it is in use."""
        size = session.bare_desk.schema.backup(file)
        session.printer.answer(
            {"file": str(file), "bytes": size}, lambda: f"Backed up to {file} ({size:,} bytes)."
        )


def _add_import(app: typer.Typer, session: Session) -> None:
    @app.callback()
    def group() -> None:
        """Brings a shop's data in."""

    @app.command()
    def shopify(
        store: Annotated[str, typer.Option("--store", help="The store's code.")],
        orders: Annotated[
            list[Path] | None, typer.Option("--orders", help="Orders export; may be given again.")
        ] = None,
        customers: Annotated[list[Path] | None, typer.Option("--customers", help="Customers export.")] = None,
        transactions: Annotated[
            list[Path] | None, typer.Option("--transactions", help="Transactions export.")
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything and keep nothing.")] = False,
    ) -> None:
        """Imports Shopify's exports; the same file again changes nothing."""
        if not (orders or customers or transactions):
            raise UsageError(
                "No file was named.", "Add --orders FILE, --customers FILE or --transactions FILE."
            )
        with ProgressBar(session) as progress:
            report = session.desk.imports.shopify(
                session.actor, store, orders or (), customers or (), transactions or (), dry_run, progress
            )
        session.printer.answer(report.as_json(), lambda: _import_words(report.as_json()))


def _import_words(report: dict[str, Any]) -> str:
    from cstui.cli.import_words import import_words

    return import_words(report)


class ProgressBar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, session: Session) -> None:
        self._wanted = sys.stderr.isatty() and not session.printer.json_wanted
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Any:
        if not self._wanted:
            return None
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        return self._step

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _step(self, what: str, done: int, whole: int | None) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=whole)
        self._bar.update(self._tasks[what], completed=done, total=whole)
