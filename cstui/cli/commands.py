"""All commands of `cstui`, put together. Each group stands in its own module and loads services only when it runs."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cstui.cli.session import Session

EVERYWHERE: Final = "Everywhere: --db URL, --config FILE, --as NAME (password from CSTUI_PASSWORD), --json."


def make_app(session: Session) -> typer.Typer:
    """The command line of one call."""
    from cstui.cli import (
        about,
        data,
        explain,
        gateways,
        mail,
        money,
        people,
        records,
        refund_queue,
        retention,
        subscriptions,
        worker,
    )  # fmt: skip

    app = typer.Typer(
        name="cstui",
        help="The call-center desk in a terminal. Without a command it opens the desk.",
        epilog=EVERYWHERE,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def frame(
        version: Annotated[
            bool,
            typer.Option(
                "--version", is_eager=True, callback=_say_version, help="Show the version and exit."
            ),
        ] = False,
    ) -> None:
        """What stands before a command."""

    groups = (
        data, people, gateways, records, explain, money, refund_queue, subscriptions, retention, worker, mail, about,
    )  # fmt: skip
    for group in groups:
        group.add(app, session)
    _tell_everywhere(app)
    return app


def _say_version(wanted: bool) -> None:
    if wanted:
        from cstui import __version__

        print(f"cstui {__version__}")
        raise typer.Exit


def _tell_everywhere(app: typer.Typer) -> None:
    """Every command's help ends with the options that it takes without listing them."""
    for command in app.registered_commands:
        command.epilog = EVERYWHERE
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _tell_everywhere(group.typer_instance)
