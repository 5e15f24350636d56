"""All commands of `cstui`, put together. Each group stands in its own module and loads services only when it runs."""

from __future__ import annotations

import typer

from cstui.cli.session import Session


def make_app(session: Session) -> typer.Typer:
    """The command line of one call."""
    from cstui.cli import about, data, people, records

    app = typer.Typer(
        name="cstui",
        help="The call-center desk in a terminal. Without a command it opens the desk.\n\n"
        "Everywhere: --db URL, --config FILE, --as NAME (password from CSTUI_PASSWORD), --json.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for group in (data, people, records, about):
        group.add(app, session)
    return app
