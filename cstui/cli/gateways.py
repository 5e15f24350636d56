"""Commands about payment gateways: their accounts, and what the sandbox is made to do in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.domain.errors import Exit, UsageError

if TYPE_CHECKING:
    from cstui.domain.gateway_accounts import AccountChange, CheckedAccount, GatewayAccountRow
    from cstui.domain.sandbox import BookLine

CutOff = Annotated[
    str | None, typer.Option("--cut-off", help="When its day ends and charges settle, such as 20:00.")
]
Zone = Annotated[
    str | None,
    typer.Option("--zone", help="The zone of the cut-off, such as America/New_York; else the store's."),
]
Url = Annotated[str | None, typer.Option("--url", help="Where it answers, if not at the usual place.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="K=V", help="May be given again; K= takes it away.")
]
Secret = Annotated[
    str | None,
    typer.Option("--secret", help="Where its key lies: env:VAR, keyring:NAME or file:/path. Never the key."),
]


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    gateway = typer.Typer(help="Accounts at payment gateways.", no_args_is_help=True)
    app.add_typer(gateway, name="gateway")
    _add_new(gateway, session)
    _add_changes(gateway, session)
    _add_looks(gateway, session)
    sandbox = typer.Typer(
        help="The sandbox gateway, for training: it moves no real money.", no_args_is_help=True
    )
    app.add_typer(sandbox, name="sandbox")
    _add_sandbox(sandbox, session)


def _add_new(app: typer.Typer, session: Session) -> None:
    @app.command("add")
    def add_account(
        gateway: Annotated[str, typer.Argument(help="nmi, sandbox or stripe.")],
        name: Annotated[str, typer.Argument(help="Short and small: us, shop-de.")],
        store: Annotated[
            str | None, typer.Option("--store", help="Store code; none: for all stores.")
        ] = None,
        test: Annotated[
            bool | None, typer.Option("--test/--live", help="Whether it moves no real money; has to be said.")
        ] = None,
        main: Annotated[bool, typer.Option("--main", help="New charges of the store go here.")] = False,
        cut_off: CutOff = None,
        zone: Zone = None,
        url: Url = None,
        option: Options = None,
        secret: Secret = None,
    ) -> None:
        """Adds an account. Its key stays out of the database: without --secret it is looked for as GATEWAY.NAME."""
        from cstui.domain.gateway_accounts import NewGatewayAccount

        if test is None and gateway != "sandbox":
            raise UsageError(
                "It has not been said whether this is a test account.",
                "Add --test, or --live for real money.",
            )
        new = NewGatewayAccount(
            gateway, name, True if test is None else test, session.store_id(store), main, cut_off or "20:00", zone or "", url or "",
            _options(option), secret or "",
        )  # fmt: skip
        row = session.desk.gateway_accounts.add(session.actor, new)
        session.printer.answer(
            account_facts(row), lambda: f"Added {row.gateway} {row.name}, {_kind(row)}, {_where(row)}."
        )


def _add_changes(app: typer.Typer, session: Session) -> None:
    @app.command("change")
    def change_account(
        gateway: str,
        name: str,
        main: Annotated[
            bool | None, typer.Option("--main/--not-main", help="Whether new charges of the store go here.")
        ] = None,
        cut_off: CutOff = None,
        zone: Zone = None,
        url: Url = None,
        option: Options = None,
        secret: Secret = None,
    ) -> None:
        """Changes what is named of an account; whether it is test or live never changes."""
        from cstui.domain.gateway_accounts import AccountChange

        change = AccountChange(None, main, cut_off, zone, url, _options(option) if option else None, secret)
        _changed(session, gateway, name, change, "changed")

    @app.command("close")
    def close_account(gateway: str, name: str) -> None:
        """Closes an account: nothing is charged or refunded there any more."""
        from cstui.domain.gateway_accounts import AccountChange

        _changed(session, gateway, name, AccountChange(is_open=False), "closed")

    @app.command("open")
    def open_account(gateway: str, name: str) -> None:
        """Opens an account again."""
        from cstui.domain.gateway_accounts import AccountChange

        _changed(session, gateway, name, AccountChange(is_open=True), "open")


def _changed(session: Session, gateway: str, name: str, change: AccountChange, what: str) -> None:
    row = session.desk.gateway_accounts.change(session.actor, gateway, name, change)
    session.printer.answer(account_facts(row), lambda: f"{row.gateway} {row.name} is {what}.")


def _add_looks(app: typer.Typer, session: Session) -> None:
    @app.command("list")
    def list_accounts() -> None:
        """Lists the accounts that you may change, and those for all stores."""
        rows = session.desk.gateway_accounts.list(session.actor)
        session.printer.answer(
            [account_facts(row) for row in rows],
            lambda: table(
                ("Gateway", "Name", "Store", "Kind", "State", "Main", "Cut-off", "Options"),
                [
                    (
                        row.gateway, row.name, row.store or "all", _kind(row), "open" if row.is_open else "closed",
                        "main" if row.is_main else "", f"{row.cut_off} {row.zone}",
                        " ".join(f"{key}={value}" for key, value in row.options.items()),
                    )
                    for row in rows
                ],
                "No gateway accounts yet. “cstui gateway add” makes one.",
            ),
        )  # fmt: skip

    @app.command("check")
    def check_accounts(
        gateway: Annotated[str, typer.Argument(help="None: all of them.")] = "",
        name: Annotated[str, typer.Argument()] = "",
    ) -> None:
        """Says where each key was found, and asks each open account whether it is test or live; moves nothing."""
        desk = session.desk
        found = desk.gateway_accounts.check(session.actor, desk.gateways, gateway, name)
        session.printer.answer(
            [_checked_facts(row) for row in found],
            lambda: table(
                ("Gateway", "Name", "Kept as", "Key", "Says", "Fault"),
                [
                    (
                        one.row.gateway, one.row.name, _kind(one.row) if one.row.is_open else "closed", one.key_source or "not found",
                        {True: "test", False: "live", None: ""}[one.says_test], one.fault,
                    )
                    for one in found
                ],
                "No gateway accounts yet. “cstui gateway add” makes one.",
            ),
        )  # fmt: skip
        if any(one.fault for one in found):
            raise typer.Exit(int(Exit.REFUSED))


def _add_sandbox(app: typer.Typer, session: Session) -> None:
    @app.command("fault")
    def set_fault(
        account: str,
        fault: Annotated[
            str,
            typer.Argument(
                help="decline, lost, timeout_before, timeout_after, slow_settlement, refund_fails, busy, not_sent, lag or down."
            ),
        ],
        times: Annotated[int, typer.Option("--times")] = 1,
        operation: Annotated[
            str, typer.Option("--operation", help="Such as refund; none: whichever comes next.")
        ] = "",
        seconds: Annotated[int, typer.Option("--seconds", help="How long a lag lasts (60).")] = 0,
    ) -> None:
        """Makes something go wrong in a sandbox account, so many times."""
        session.desk.gateway_accounts.play(
            session.actor, account, fault, operation=operation, times=times, seconds=seconds
        )
        facts = {"account": account, "fault": fault, "times": times, "operation": operation or None}
        often = "once" if times == 1 else f"{times} times"
        session.printer.answer(
            facts, lambda: f"{account}: {fault} {often}{f' for {operation}' if operation else ''}."
        )

    @app.command("books")
    def show_books(
        account: str, limit: Annotated[int, typer.Option("--limit", help="How many lines.")] = 50
    ) -> None:
        """Shows what a sandbox account says has happened, newest first."""
        lines = session.desk.gateway_accounts.books(session.actor, account, limit)
        session.printer.answer([_line_facts(line) for line in lines], lambda: _books_words(lines))


def _options(given: list[str] | None) -> dict[str, str]:
    """`K=V` as pairs. Errors: `UsageError`, which does not repeat what may be a key."""
    pairs: dict[str, str] = {}
    for text in given or []:
        key, mark, value = text.partition("=")
        if not mark or not key.strip():
            raise UsageError("An option is written K=V.", "Such as --option credits=yes.")
        pairs[key.strip()] = value.strip()
    return pairs


def account_facts(row: GatewayAccountRow) -> dict[str, Any]:
    """One account as JSON; `secret` is where its key lies, never the key."""
    return {
        "gateway": row.gateway, "name": row.name, "store": row.store or None, "test": row.is_test, "main": row.is_main,
        "open": row.is_open, "cut_off": row.cut_off, "zone": row.zone, "url": row.url, "options": dict(row.options),
        "secret": row.secret,
    }  # fmt: skip


def _checked_facts(found: CheckedAccount) -> dict[str, Any]:
    row = found.row
    return {
        "gateway": row.gateway, "name": row.name, "store": row.store or None, "test": row.is_test, "open": row.is_open,
        "key_source": found.key_source or None, "says_test": found.says_test, "fault": found.fault or None,
    }  # fmt: skip


def _line_facts(line: BookLine) -> dict[str, Any]:
    return {
        "ref": line.ref, "at": line.created_at, "kind": line.kind, "state": line.state, "amount": line.amount,
        "parent": line.parent_ref or None, "settles_at": line.settles_at, "changes_to": line.changes_to or None,
        "changes_at": line.changes_at,
    }  # fmt: skip


def _books_words(lines: tuple[BookLine, ...]) -> str:
    from cstui.cli.words import when
    from cstui.format import money_words

    rows = [
        (when(line.created_at), line.ref, line.kind, line.state, money_words(line.amount), line.parent_ref, when(line.settles_at))
        for line in lines
    ]  # fmt: skip
    return table(
        ("When", "Reference", "What", "State", "Amount", "About", "Settles"), rows, "Nothing has happened."
    )


def _kind(row: GatewayAccountRow) -> str:
    return "test" if row.is_test else "live"


def _where(row: GatewayAccountRow) -> str:
    return f"for {row.store}" if row.store else "for all stores"
