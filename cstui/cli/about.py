"""Commands about the desk itself: keys, config, doctor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cstui.cli.printing import table
from cstui.cli.session import Session


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""

    @app.command()
    def keys(
        markdown: Annotated[
            bool, typer.Option("--markdown", help="As the page of the documentation.")
        ] = False,
    ) -> None:
        """Lists every key of the desk, as configured here."""
        from cstui.keys import Context, KeyMap, help_table
        from cstui.keys import markdown as as_markdown

        keymap = KeyMap.load(session.config.keys, session.config.key_preset)
        if markdown:
            print(as_markdown(keymap))
            return
        groups = help_table(keymap, *Context)
        facts = [
            {
                "group": group.title,
                "id": row.id,
                "keys": row.keys,
                "label": row.label,
                "what": row.tooltip,
                "command": row.command,
            }
            for group in groups
            for row in group.rows
        ]
        session.printer.answer(
            facts,
            lambda: "\n\n".join(
                group.title + "\n" + table(("Keys", "Action", "Command", "What it does"),
                                           [(r.keys, r.label, r.command, r.tooltip) for r in group.rows])
                for group in groups
            ),
        )  # fmt: skip

    _add_config(app, session)
    _add_doctor(app, session)


def _add_config(app: typer.Typer, session: Session) -> None:
    config = typer.Typer(help="What holds on this machine.", no_args_is_help=True)
    app.add_typer(config, name="config")

    @config.callback()
    def group() -> None:
        """What holds on this machine."""

    @config.command("show")
    def show() -> None:
        """Every setting with where it comes from: the file's, the environment's, and the business's own."""
        rows = [("machine", *row) for row in session.config.rows()]
        rows += _business_rows(session)
        facts = [
            {"scope": scope, "key": key, "value": value, "origin": origin}
            for scope, key, value, origin in rows
        ]
        session.printer.answer(facts, lambda: table(("Scope", "Setting", "Value", "From"), rows))
        for warning in session.config.warnings:
            print(warning, file=sys.stderr)


def _business_rows(session: Session) -> list[tuple[str, str, str, str]]:
    """The business settings, where there is a database to ask."""
    from cstui.domain.errors import CstuiError

    try:
        rows = session.desk.settings.all()
    except CstuiError:
        return []
    return [("business", row.key, row.shown, str(row.origin)) for row in rows]


def _add_doctor(app: typer.Typer, session: Session) -> None:
    @app.command()
    def doctor(
        reset_terminal: Annotated[
            bool, typer.Option("--reset-terminal", help="Put a terminal right that a crash left raw.")
        ] = False,
    ) -> int:
        """Says what is wrong here and how to mend it; exit code 1 where something is broken."""
        if reset_terminal:
            from cstui.terminal import reset_terminal as reset

            done = any(reset(stream) for stream in (sys.__stdout__, sys.__stderr__) if stream is not None)
            session.printer.answer(
                {"reset": done}, lambda: "" if done else "There is no terminal here to put right."
            )
            return 0
        from cstui.cli.doctor import examined
        from cstui.cli.finding import State

        findings = examined(session)
        session.printer.answer(
            [found.as_json() for found in findings], lambda: "\n".join(found.in_words() for found in findings)
        )
        return 1 if any(found.state is State.BROKEN for found in findings) else 0
