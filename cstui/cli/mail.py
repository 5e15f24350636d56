"""Commands about mails: what was sent, sending again, suppressed addresses, own words, a test."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cstui.cli.printing import table
from cstui.cli.refs import order_of
from cstui.cli.session import Session
from cstui.domain.errors import NotFound, UsageError
from cstui.domain.ids import Kind, new_token, public_id, read_public_id

if TYPE_CHECKING:
    from cstui.domain.mails import MailKind, MailOption, MailPreview, MailRow, MailWords, Suppression

StoreOption = Annotated[str | None, typer.Option("--store", help="Store code.")]
_MOST_BYTES = 100_000
_Enum = TypeVar("_Enum", bound=StrEnum)


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    mail = typer.Typer(help="Mails to customers.", no_args_is_help=True)
    app.add_typer(mail, name="mail")
    _add_reading(mail, session)
    _add_resend(mail, session)
    _add_suppressions(mail, session)
    _add_test(mail, session)
    template = typer.Typer(help="The words of mails.", no_args_is_help=True)
    mail.add_typer(template, name="template")
    _add_templates(template, session)


def _add_reading(app: typer.Typer, session: Session) -> None:
    @app.command("list")
    def list_mails(
        order: Annotated[str | None, typer.Option("--order", help="The mails of one order.")] = None,
        state: Annotated[
            str | None, typer.Option("--state", help="queued, sending, sent, failed or suppressed")
        ] = None,
        store: StoreOption = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    ) -> None:
        """Mails, newest first."""
        from cstui.domain.mails import MailState

        wanted = _one_of(MailState, state, "state") if state else None
        if order is None:
            rows = session.desk.mails.all(session.actor, wanted, limit)
        else:
            found = session.desk.mails.for_order(session.actor, order_of(session, order, store), limit)
            rows = tuple(row for row in found if wanted in (None, row.state))
        session.printer.answer([_row_facts(row) for row in rows], lambda: _rows_words(rows))

    @app.command()
    def options(order: str, store: StoreOption = None) -> None:
        """What can be sent for an order, the likely one first."""
        found = session.desk.mails.options(session.actor, order_of(session, order, store))
        session.printer.answer([_option_facts(option) for option in found], lambda: _options_words(found))

    @app.command()
    def preview(
        what: Annotated[str, typer.Argument(help="A kind such as refund, or the id of a mail.")],
        order: Annotated[str | None, typer.Argument(help="The order, with a kind.")] = None,
        store: StoreOption = None,
    ) -> None:
        """A mail as it would arrive."""
        mails = session.desk.mails
        if order is None:
            shown = mails.preview(session.actor, _mail_id(what))
        else:
            shown = mails.preview(session.actor, _option(session, what, order, store).wanted)
        session.printer.answer(_preview_facts(shown), lambda: _preview_words(shown))


def _add_resend(app: typer.Typer, session: Session) -> None:
    @app.command()
    def resend(
        mail: Annotated[str | None, typer.Argument(help="The id of a mail that was sent.")] = None,
        order: Annotated[str | None, typer.Option("--order", help="In place of MAIL: the order.")] = None,
        kind: Annotated[
            str | None, typer.Option("--kind", help="With --order: order_confirmation, refund …")
        ] = None,
        to: Annotated[str, typer.Option("--to", help="Another address.")] = "",
        override: Annotated[
            bool, typer.Option("--override", help="Also to a suppressed address, by who has the right.")
        ] = False,
        store: StoreOption = None,
    ) -> None:
        """Queues a mail again, in its first words."""
        if (mail is None) is (order is None) or (order is None) is not (kind is None):
            raise UsageError(
                "Name either a mail, or --order and --kind.", "“cstui mail options ORDER” lists the kinds."
            )
        which: Any = _mail_id(mail) if mail else _option(session, kind or "", order or "", store).wanted
        row = session.desk.mails.resend(session.actor, which, new_token(), to, override)
        session.printer.answer(_row_facts(row), lambda: f"Queued again: {row.subject} to {row.to}.")


def _add_suppressions(app: typer.Typer, session: Session) -> None:
    @app.command()
    def suppress(
        address: str,
        reason: Annotated[
            str,
            typer.Option(
                "--reason", help="agent_request, unsubscribe, complaint, hard_bounce or legal_erasure"
            ),
        ] = "agent_request",
        scope: Annotated[str, typer.Option("--scope", help="all, or marketing alone")] = "all",
    ) -> None:
        """Keeps mail back from an address from now on."""
        from cstui.domain.mails import SuppressionReason, SuppressionScope

        found = session.desk.mails.suppress(
            session.actor, address, _one_of(SuppressionReason, reason, "reason"), _one_of(SuppressionScope, scope, "scope"), new_token()
        )  # fmt: skip
        session.printer.answer(
            [_suppression_facts(s) for s in found], lambda: f"{address} gets no more mail ({scope})."
        )

    @app.command()
    def unsuppress(
        address: str,
        scope: Annotated[
            str | None, typer.Option("--scope", help="all or marketing; without it both")
        ] = None,
    ) -> None:
        """Lets mail reach an address again."""
        from cstui.domain.mails import SuppressionScope

        wanted = _one_of(SuppressionScope, scope, "scope") if scope else None
        lifted = session.desk.mails.unsuppress(session.actor, address, wanted, new_token())
        said = f"{address} gets mail again." if lifted else f"{address} was not suppressed."
        session.printer.answer({"address": address, "lifted": lifted}, lambda: said)

    @app.command()
    def suppressions() -> None:
        """The addresses that get no mail, newest first."""
        rows = session.desk.mails.suppressions(session.actor)
        session.printer.answer(
            [_suppression_facts(row) for row in rows],
            lambda: table(
                ("Address", "Scope", "Reason", "By", "Since"),
                [(r.address, r.scope, r.reason, r.by, f"{r.since:%Y-%m-%d %H:%M} UTC") for r in rows],
                "Every address gets mail.",
            ),
        )


def _add_test(app: typer.Typer, session: Session) -> None:
    @app.command()
    def test(address: str, store: StoreOption = None) -> None:
        """Sends a test at once, by this machine's configuration; exit code 6 where the server does not take it."""
        store_id = session.store_id(store)
        sender = session.desk.mail_delivery(session.config.mail).send_test(session.actor, address, store_id)
        session.printer.answer({"to": address, "sender": sender}, lambda: f"Sent to {address} from {sender}.")


def _add_templates(app: typer.Typer, session: Session) -> None:
    @app.command("get")
    def get_template(kind: str, store: StoreOption = None) -> None:
        """The words of a kind of mail, as they hold in a store or everywhere."""
        words = session.desk.mail_templates.get(session.actor, _kind(kind), session.store_id(store))
        session.printer.answer(
            _words_facts(words), lambda: f"Subject: {words.subject}\n\n{words.text}".rstrip()
        )

    @app.command("set")
    def set_template(
        kind: str,
        text: Annotated[
            Path | None, typer.Option("--text", help="A file: “Subject: …”, an empty line, the text.")
        ] = None,
        html: Annotated[
            Path | None, typer.Option("--html", help="A file with the HTML, if there is one.")
        ] = None,
        reset: Annotated[bool, typer.Option("--reset", help="Take own words away.")] = False,
        store: StoreOption = None,
    ) -> None:
        """Stores own words, once they have been tried on a made-up mail."""
        from cstui.domain.mails import MailWords

        templates, store_id = session.desk.mail_templates, session.store_id(store)
        if reset is (text is not None) or (reset and html is not None):
            raise UsageError(
                "Give --text FILE, or --reset.", "“cstui mail template get KIND” shows what holds."
            )
        if text is None:
            words = templates.reset(session.actor, _kind(kind), store_id, new_token())
            session.printer.answer(_words_facts(words), lambda: f"The {words.origin} words hold for {kind}.")
            return
        subject, body = _subject_and_text(_read(text), text)
        wanted = MailWords(_kind(kind), subject, body, _read(html) if html else "")
        shown = templates.set(session.actor, wanted, store_id, new_token())
        session.printer.answer(
            _preview_facts(shown), lambda: f"Stored. A made-up mail reads:\n\n{_preview_words(shown)}"
        )


def _subject_and_text(held: str, file: Path) -> tuple[str, str]:
    head, _, body = held.partition("\n")
    if not head.startswith("Subject:"):
        raise UsageError(f"{file} has no subject.", "Begin the file with “Subject: …”, then an empty line.")
    return head.removeprefix("Subject:").strip(), body.lstrip("\n")


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            held = opened.read(_MOST_BYTES + 1)
        if len(held) > _MOST_BYTES:
            raise UsageError(f"{file} is too large for a mail.", "Shorten it.")
        return held.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {(error.strerror or 'unknown fault').lower()}.", "Check the path."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8.", "Save it as UTF-8.") from None


def _option(session: Session, kind: str, order: str, store: str | None) -> MailOption:
    """The newest mail of a kind for an order: one that can be sent where there is one."""
    wanted = _kind(kind)
    found = session.desk.mails.options(session.actor, order_of(session, order, store))
    for option in found:
        if option.wanted.kind is wanted:
            return option
    kinds = ", ".join(dict.fromkeys(option.wanted.kind for option in found))
    raise NotFound(f"Order {order} has no mail of the kind {kind}.", f"It has: {kinds}.")


def _kind(text: str) -> MailKind:
    from cstui.domain.mails import MailKind

    return _one_of(MailKind, text.replace("-", "_"), "kind of mail")


def _one_of(enum: type[_Enum], text: str, what: str) -> _Enum:
    try:
        return enum(text)
    except ValueError:
        raise UsageError(f"“{text}” is no {what}.", "Use one of: " + ", ".join(enum) + ".") from None


def _mail_id(text: str) -> int:
    read = read_public_id(text)
    if read is None or read[0] is not Kind.MAIL:
        raise UsageError(f"“{text}” is not the id of a mail.", "“cstui mail list” shows the ids.")
    return read[1]


def _row_facts(row: MailRow) -> dict[str, Any]:
    return {
        "id": public_id(Kind.MAIL, row.id), "kind": row.kind, "state": row.state, "to": row.to, "subject": row.subject,
        "order_id": public_id(Kind.ORDER, row.order_id) if row.order_id else None, "order": row.order_number,
        "created_at": row.created_at, "sent_at": row.sent_at, "next_try_at": row.next_try_at, "tries": row.tries, "error": row.error,
        "requested_by": row.requested_by, "resend_of": public_id(Kind.MAIL, row.resend_of_id) if row.resend_of_id else None,
    }  # fmt: skip


def _rows_words(rows: tuple[MailRow, ...]) -> str:
    return table(
        ("Id", "Kind", "State", "To", "Order", "Queued", "By", "Problem"),
        [
            (public_id(Kind.MAIL, r.id), r.kind, r.state, r.to, r.order_number, f"{r.created_at:%Y-%m-%d %H:%M} UTC", r.requested_by, r.error)
            for r in rows
        ],
        "No mails.",
    )  # fmt: skip


def _option_facts(option: MailOption) -> dict[str, Any]:
    wanted = option.wanted
    return {
        "kind": wanted.kind, "about": public_id(wanted.subject_kind, wanted.subject_id), "label": option.label, "to": option.to,
        "known": option.known, "at": option.at, "sent_at": option.sent_at, "why_not": option.why_not,
    }  # fmt: skip


def _options_words(found: tuple[MailOption, ...]) -> str:
    return table(
        ("Mail", "Kind", "To", "Last sent", "Why not"),
        [(o.label, o.wanted.kind, o.to, f"{o.sent_at:%Y-%m-%d %H:%M} UTC" if o.sent_at else "", o.why_not) for o in found],
    )  # fmt: skip


def _preview_facts(shown: MailPreview) -> dict[str, Any]:
    return {
        "kind": shown.kind, "to": shown.to, "subject": shown.subject, "text": shown.text, "html": shown.html, "warning": shown.warning,
    }  # fmt: skip


def _preview_words(shown: MailPreview) -> str:
    head = [f"Warning: {shown.warning}"] if shown.warning else []
    head += [f"To: {shown.to}"] if shown.to else []
    return "\n".join([*head, f"Subject: {shown.subject}", "", shown.text.rstrip()])


def _suppression_facts(row: Suppression) -> dict[str, Any]:
    return {
        "address": row.address,
        "scope": row.scope,
        "reason": row.reason,
        "by": row.by,
        "since": row.since,
    }


def _words_facts(words: MailWords) -> dict[str, Any]:
    return {
        "kind": words.kind,
        "origin": words.origin,
        "subject": words.subject,
        "text": words.text,
        "html": words.html,
    }
