"""Commands about who works here and how: login, staff, store, settings."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cstui.cli import facts as as_facts
from cstui.cli.asking import (
    asked_name,
    asked_new_password,
    asked_password,
    given_new_password,
    given_password,
    password_from_stdin,
)
from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.domain.errors import UsageError
from cstui.domain.permissions import Role

if TYPE_CHECKING:
    from cstui.domain.staff import SignedIn, StaffRow


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


def _add_login(app: typer.Typer, session: Session) -> None:
    @app.command()
    def login(name: Annotated[str, typer.Argument(help="Your name here.")] = "") -> None:
        """Signs in and keeps it (12 hours by default) in the system keyring, or in a file that only you can read.

        The password is asked, or taken from CSTUI_PASSWORD. A one-time password is changed here and now: the new one is asked, or taken
        from CSTUI_NEW_PASSWORD; with that variable set, any password is changed.
        """
        from cstui.services.sign_in import terminal_name

        who = name or session.everywhere.acting_as or asked_name("Name: ", "Run “cstui login NAME”.")
        password = given_password() or asked_password()
        signed_in = session.desk.sign_in.sign_in(who, password, terminal_name())
        new = given_new_password()
        if signed_in.must_change_password or new:
            _change_password(session, signed_in, password, new)
        where = session.login.keep(signed_in.token)
        changed = signed_in.must_change_password or bool(new)
        facts = {
            "name": signed_in.actor.name,
            "kept_in": where,
            "must_change_password": False,
            "password_changed": changed,
        }
        session.printer.answer(
            facts,
            lambda: (
                f"Signed in as {signed_in.actor.name}; kept in {where}."
                f"{' The new password holds.' if changed else ''}"
            ),
        )

    @app.command()
    def logout() -> None:
        """Ends the kept sign-in."""
        from cstui.domain.errors import NotSignedIn
        from cstui.services.sign_in import terminal_name

        token = session.login.kept()
        # Forgotten here first: whatever the database says, nobody after you is you.
        session.login.forget()
        if token:
            with suppress(NotSignedIn):
                sign_in = session.desk.sign_in
                sign_in.sign_out(sign_in.resume(token, terminal_name()))
        session.printer.answer(
            {"signed_out": bool(token)}, lambda: "Signed out." if token else "Nobody was signed in."
        )


def _change_password(session: Session, signed_in: SignedIn, old: str, new: str) -> None:
    """Sets the person's own password; a sign-in that cannot go on is ended."""
    try:
        if not new:
            session.printer.hint("This password was given for one sign-in: choose your own.")
            new = asked_new_password("CSTUI_NEW_PASSWORD")
        session.desk.sign_in.change_password(signed_in.actor, old, new)
    except BaseException:
        session.desk.sign_in.sign_out(signed_in.actor)
        raise


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
        session.printer.answer(
            as_facts.store_facts(row), lambda: f"Added store {row.code}: {row.name}, {row.currency}."
        )

    @app.command("list")
    def list_stores() -> None:
        """Lists the stores that you may see."""
        rows = session.desk.stores.list(session.actor)
        session.printer.answer(
            [as_facts.store_facts(row) for row in rows],
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
        password = password_from_stdin() if password_stdin else ""
        member = session.desk.staff.add(
            session.actor, name, role, store or (), password=password, must_change=not password_stdin
        )
        _say_password(session, member.name, member.one_time_password, "Added")

    @app.command("list")
    def list_staff() -> None:
        """Lists people with their roles, and who is locked out."""
        rows = session.desk.staff.list(session.actor)

        words = [
            (
                r.name,
                r.display_name,
                ", ".join(f"{g.role}{'@' + g.store if g.store else ''}" for g in r.grants),
                _state(r),
            )
            for r in rows
        ]
        session.printer.answer(
            [as_facts.staff_facts(row) for row in rows],
            lambda: table(("Name", "Shown as", "Roles", "State"), words),
        )

    @app.command()
    def disable(name: str, reason: Annotated[str, typer.Option("--reason")] = "") -> None:
        """Ends someone's access; nothing of theirs is deleted."""
        session.desk.staff.disable(session.actor, name, reason)
        session.printer.answer({"disabled": name}, lambda: f"{name} may no longer sign in.")

    @app.command()
    def enable(name: str) -> None:
        """Opens someone's account again, with the roles and the password it had."""
        session.desk.staff.enable(session.actor, name)
        session.printer.answer({"enabled": name}, lambda: f"{name} may sign in again.")

    @app.command()
    def password(
        name: str,
        password_stdin: Annotated[
            bool, typer.Option("--password-stdin", help="Take it from standard input.")
        ] = False,
    ) -> None:
        """Gives a new password: from standard input, or a one-time one that is printed once."""
        given = password_from_stdin() if password_stdin else ""
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


def _state(row: StaffRow) -> str:
    if row.is_disabled:
        return "disabled"
    if row.locked_until:
        return f"locked until {row.locked_until:%H:%M} UTC"
    return "one-time password" if row.must_change_password else "active"


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
        session.actor  # noqa: B018 - whoever looks at settings is signed in
        store_id = session.store_id(store)
        settings = session.desk.settings
        rows = (settings.row(key, store_id),) if key else settings.all(store_id)
        session.printer.answer(
            rows[0] if key else rows,
            lambda: table(
                ("Setting", "Value", "From", "Meaning"),
                [(r.key, r.shown, str(r.origin), r.explanation) for r in rows],
            ),
        )

    @app.command("set")
    def set_setting(
        key: str,
        value: Annotated[str | None, typer.Argument()] = None,
        store: Annotated[str | None, typer.Option("--store")] = None,
        reset: Annotated[
            bool,
            typer.Option("--reset", help="Take the set value away: the organisation's or the default holds."),
        ] = False,
    ) -> None:
        """Changes a setting for the organisation or for one store."""
        if reset is (value is not None):
            raise UsageError(
                f"Give a value for {key}, or --reset.", "“cstui settings get” lists what is allowed."
            )
        store_id = session.store_id(store)
        settings = session.desk.settings
        row = (
            settings.reset(session.actor, key, store_id)
            if value is None
            else settings.set(session.actor, key, value, store_id)
        )
        session.printer.answer(row, lambda: f"{row.key} is now {row.shown}.")
