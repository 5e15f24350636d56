"""Commands about who works here and how: login, staff, store, settings."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.domain.errors import UsageError
from cstui.domain.permissions import Role


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_login(app, session)
    stores = typer.Typer(help="The shops of the organisation.", no_args_is_help=True)
    app.add_typer(stores, name="store")
    _add_stores(stores, session)
    staff = typer.Typer(help="Who works here, and in which role.", no_args_is_help=True)
    app.add_typer(staff, name="staff")
    _add_staff(staff, session)
    _add_grants(staff, session)
    settings = typer.Typer(help="What binds the business.", no_args_is_help=True)
    app.add_typer(settings, name="settings")
    _add_settings(settings, session)


def _password_from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("There is no password on standard input.", "Pipe it in, one line.")
    return password


def _add_login(app: typer.Typer, session: Session) -> None:
    @app.command()
    def login(name: Annotated[str, typer.Argument(help="Your name here.")] = "") -> None:
        """Signs in and keeps it for 12 hours in the system keyring, or in a file that only you can read."""
        import getpass
        import os

        from cstui.services.sign_in import terminal_name

        who = name or session.everywhere.acting_as
        if not who:
            if not sys.stdin.isatty():
                raise UsageError("Nobody was named.", "Run “cstui login NAME”.")
            who = input("Name: ").strip()
        password = os.environ.get("CSTUI_PASSWORD", "")
        if not password:
            if not sys.stdin.isatty():
                raise UsageError("There is no password.", "Set CSTUI_PASSWORD.")
            password = getpass.getpass("Password: ")
        signed_in = session.desk.sign_in.sign_in(who, password, terminal_name())
        where = session.login.keep(signed_in.token)
        must = " Choose your own password in the desk first." if signed_in.must_change_password else ""
        facts = {
            "name": signed_in.actor.name,
            "kept_in": where,
            "must_change_password": signed_in.must_change_password,
        }
        session.printer.answer(facts, lambda: f"Signed in as {signed_in.actor.name}; kept in {where}.{must}")

    @app.command()
    def logout() -> None:
        """Ends the kept sign-in."""
        token = session.login.kept()
        if token:
            session.desk.sign_in.sign_out(session.actor)
        session.login.forget()
        session.printer.answer(
            {"signed_out": bool(token)}, lambda: "Signed out." if token else "Nobody was signed in."
        )


def _add_stores(app: typer.Typer, session: Session) -> None:
    @app.command("add")
    def add_store(
        code: Annotated[str, typer.Argument(help="Short and small: main, shop-de.")],
        name: Annotated[str, typer.Option("--name")],
        currency: Annotated[str, typer.Option("--currency", help="Such as USD.")],
        zone: Annotated[str, typer.Option("--zone", help="Such as America/New_York.")],
        country: Annotated[
            str, typer.Option("--country", help="Such as US; decides how phone numbers are read.")
        ],
        order_prefix: Annotated[str, typer.Option("--order-prefix")] = "",
        locale: Annotated[str, typer.Option("--locale", help="Such as en-US.")] = "",
    ) -> None:
        """Adds a store."""
        from cstui.domain.stores import NewStore

        wanted = NewStore(
            code=code,
            name=name,
            currency=currency,
            zone=zone,
            country=country,
            order_prefix=order_prefix,
            locale=locale,
        )
        row = session.desk.stores.add(session.actor, wanted)
        session.printer.answer(row, lambda: f"Added store {row.code}: {row.name}, {row.currency}.")

    @app.command("list")
    def list_stores() -> None:
        """Lists the stores that you may see."""
        rows = session.desk.stores.list(session.actor)
        session.printer.answer(
            rows,
            lambda: table(
                ("Code", "Name", "Currency", "Zone", "Country", "Prefix"),
                [(r.code, r.name, r.currency, r.zone, r.country, r.order_prefix) for r in rows],
                "No stores yet. “cstui store add” makes one.",
            ),
        )


def _add_staff(app: typer.Typer, session: Session) -> None:
    @app.command("add")
    def add_member(
        name: str,
        role: Annotated[Role, typer.Option("--role")],
        store: Annotated[
            list[str] | None,
            typer.Option("--store", help="Store code; may be given again. None: every store."),
        ] = None,
        password_stdin: Annotated[
            bool, typer.Option("--password-stdin", help="Take the password from standard input.")
        ] = False,
    ) -> None:
        """Adds a person; without --password-stdin a one-time password is printed, once."""
        password = _password_from_stdin() if password_stdin else ""
        member = session.desk.staff.add(
            session.actor, name, role, store or (), password=password, must_change=not password_stdin
        )
        _say_password(session, member.name, member.one_time_password, "Added")

    @app.command("list")
    def list_staff() -> None:
        """Lists people with their roles, and who is locked out."""
        rows = session.desk.staff.list(session.actor)

        def state(row: object) -> str:
            if getattr(row, "is_disabled", False):
                return "disabled"
            until = getattr(row, "locked_until", None)
            return f"locked until {until:%H:%M} UTC" if until else "active"

        words = [
            (
                r.name,
                r.display_name,
                ", ".join(f"{g.role}{'@' + g.store if g.store else ''}" for g in r.grants),
                state(r),
            )
            for r in rows
        ]
        session.printer.answer(rows, lambda: table(("Name", "Shown as", "Roles", "State"), words))

    @app.command()
    def disable(name: str, reason: Annotated[str, typer.Option("--reason")] = "") -> None:
        """Ends someone's access; nothing of theirs is deleted."""
        session.desk.staff.disable(session.actor, name, reason)
        session.printer.answer({"disabled": name}, lambda: f"{name} may no longer sign in.")

    @app.command()
    def password(
        name: str,
        password_stdin: Annotated[
            bool, typer.Option("--password-stdin", help="Take it from standard input.")
        ] = False,
    ) -> None:
        """Gives a new password: from standard input, or a one-time one that is printed once."""
        given = _password_from_stdin() if password_stdin else ""
        member = session.desk.staff.set_password(session.actor, name, given, must_change=not password_stdin)
        _say_password(session, member.name, member.one_time_password, "New password for")

    @app.command()
    def unlock(name: str) -> None:
        """Lets someone sign in again after too many wrong passwords."""
        was = session.desk.staff.unlock(session.actor, name)
        session.printer.answer(
            {"unlocked": name, "was_locked": was},
            lambda: f"{name} may sign in again." if was else f"{name} was not locked out.",
        )


def _add_grants(app: typer.Typer, session: Session) -> None:
    def said(name: str, grants: object) -> str:
        rows = grants if isinstance(grants, tuple) else ()
        roles = ", ".join(f"{g.role}{' in ' + g.store if g.store else ' everywhere'}" for g in rows)
        return f"{name} is now: {roles or 'without a role'}."

    @app.command()
    def grant(name: str, role: Role, store: Annotated[str | None, typer.Option("--store")] = None) -> None:
        """Gives a role, in one store or everywhere."""
        grants = session.desk.staff.grant(session.actor, name, role, store)
        session.printer.answer({"name": name, "grants": grants}, lambda: said(name, grants))

    @app.command()
    def revoke(name: str, role: Role, store: Annotated[str | None, typer.Option("--store")] = None) -> None:
        """Takes a role away."""
        grants = session.desk.staff.revoke(session.actor, name, role, store)
        session.printer.answer({"name": name, "grants": grants}, lambda: said(name, grants))


def _say_password(session: Session, name: str, one_time: str, what: str) -> None:
    words = f"{what} {name}."
    if one_time:
        words += f"\nOne-time password, shown only now: {one_time}"
    session.printer.answer({"name": name, "one_time_password": one_time or None}, lambda: words)


def _add_settings(app: typer.Typer, session: Session) -> None:
    @app.command("get")
    def get_setting(
        key: Annotated[str, typer.Argument(help="None: all of them.")] = "",
        store: Annotated[str | None, typer.Option("--store")] = None,
    ) -> None:
        """Shows one setting or all, with where each value comes from."""
        store_id = session.store_id(store)
        settings = session.desk.settings
        rows = (settings.row(key, store_id),) if key else settings.all(store_id)
        session.actor  # noqa: B018 - whoever looks at settings is signed in
        session.printer.answer(
            rows[0] if key else rows,
            lambda: table(
                ("Setting", "Value", "From", "Meaning"),
                [(r.key, r.shown, str(r.origin), r.explanation) for r in rows],
            ),
        )

    @app.command("set")
    def set_setting(
        key: str, value: str, store: Annotated[str | None, typer.Option("--store")] = None
    ) -> None:
        """Changes a setting for the organisation or for one store."""
        row = session.desk.settings.set(session.actor, key, value, session.store_id(store))
        session.printer.answer(row, lambda: f"{row.key} is now {row.shown}.")
