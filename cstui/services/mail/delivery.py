"""Handing over what is due: each mail is claimed first, so that several workers never send one twice.

The Message-ID is fixed by the claim. A worker that dies, or a connection that breaks after the text, leaves a mail that is sent again
under the same one: at least once, and mail programs show it once.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Any, Final

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError, Exit
from cstui.domain.ids import new_token
from cstui.domain.mails import (
    MailKind,
    MailState,
    SuppressionReason,
    SuppressionScope,
    checked_recipient,
    next_try,
    why_suppressed,
)
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.services.mail.smtp import Handover, Outcome, Transport
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries import mails
from cstui.storage.transaction import Transaction

_LOG = logging.getLogger("cstui.mail")
#: How long a claimed mail is its worker's: longer than the slowest talk with a server.
LEASE: Final = timedelta(minutes=10)
_NO_SENDER: Final = (
    "There is no address to send from: set mail.sender, in the settings or in the configuration."
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail in the hands of this worker, ready to be handed over."""

    id: int
    sender: str
    to: str
    message: bytes
    tries: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, from whom and to whom; `store` is the sender's name."""

    sender: str
    to: str
    subject: str
    text: str
    html: str = ""
    store: str = ""


class MailNotTaken(CstuiError):
    """The mail server did not take a mail that somebody waits for; the message has its own words."""

    code = "mail_not_taken"
    title = "Mail not taken"
    exit_code = Exit.UNAVAILABLE


class Delivery:
    """Sends what the outbox holds. Safe in several workers at once."""

    def __init__(self, database: Database, settings: Settings, transport: Transport) -> None:
        self._database = database
        self._settings = settings
        self._transport = transport
        self._worker = new_token()

    def send_due(self, limit: int = 50) -> int:
        """Sends what is due, at most `limit` mails, and returns how many were handed over.

        Stops where the server cannot be reached: what is left waits for the next call. Errors: `DatabaseAway`.
        """
        sent = 0
        try:
            for _ in range(limit):
                claimed = self._claim()
                if claimed is None:
                    break
                outcome = self._transport.send(claimed.message, claimed.sender, claimed.to)
                self._settle(claimed, outcome)
                sent += outcome.result is Handover.SENT
                if outcome.result is Handover.AWAY:
                    break
        finally:
            self._transport.close()
        return sent

    def send_test(self, actor: Actor, to: str, store_id: int | None = None) -> str:
        """Hands a test over at once, past the outbox; returns the address it came from.

        Errors: `MailNotTaken` with what the server said, `NotPermitted`, `InvalidInput`.
        """
        address = checked_recipient(to)
        with self._database.read() as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            now = tx.now
        sender = self._settings.text("mail.sender", store_id) or self._transport.sender
        if not sender:
            raise MailNotTaken(_NO_SENDER, "See “For operators”.")
        words = Letter(
            sender, address, "Test of cstui", "This is a test. Mails to customers take the same way.\n"
        )
        try:
            outcome = self._transport.send(
                letter(words, now, _new_id(sender)), _in_ascii(sender), _in_ascii(address)
            )
        finally:
            self._transport.close()
        if outcome.result is not Handover.SENT:
            raise MailNotTaken(
                f"The mail was not taken: {outcome.said}", "Check [mail] in the configuration."
            )
        return sender

    def _claim(self) -> Claimed | None:
        with self._database.read() as tx:
            # Looking costs no writer's turn: most calls find nothing.
            if not mails.is_any_due(tx):
                return None
        with self._database.write() as tx:
            while (row := mails.next_due(tx)) is not None:
                claimed = self._claimed(tx, row)
                if claimed is not None:
                    return claimed
        return None

    def _claimed(self, tx: Transaction, row: Any) -> Claimed | None:
        """The mail as this worker's own; None where it is not to be sent, or not now."""
        kind, asked = MailKind(row.kind), json.loads(row.payload)
        found = mails.suppressions_of(tx, row.to_address)
        stopped = "" if asked.get("override") else why_suppressed(kind.mail_class, found)
        if stopped:
            mails.close(tx, row.id, MailState.SUPPRESSED, stopped)
            mails.tell(tx, row.id)
            return None
        sender = self._settings.text("mail.sender", row.store_id) or self._transport.sender
        if not sender:
            _postpone(tx, row.id, row.tries + 1, row.created_at, _NO_SENDER)
            return None
        message_id = row.message_id or _new_id(sender)
        repeated = mails.stored(tx, row.resend_of_id) if row.resend_of_id else None
        try:
            words = Letter(
                sender, row.to_address, row.subject, row.body_text, row.body_html, asked.get("facts", {}).get("store", "")
            )  # fmt: skip
            again = (repeated.message_id or f"mail {repeated.id}") if repeated is not None else ""
            message = letter(words, row.created_at, message_id, again)
        except (ValueError, UnicodeError, IndexError) as error:
            _LOG.warning("mail_cannot_be_written", extra={"mail": row.id}, exc_info=error)
            mails.close(tx, row.id, MailState.FAILED, "This mail cannot be written out for the mail server.")
            mails.tell(tx, row.id)
            return None
        mails.claim(tx, row.id, self._worker, message_id, tx.now + LEASE, row.tries + 1)
        return Claimed(
            row.id, _in_ascii(sender), _in_ascii(row.to_address), message, row.tries + 1, row.created_at
        )

    def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        with self._database.write() as tx:
            mails.tell(tx, claimed.id)
            if outcome.result is Handover.SENT:
                mails.settle(tx, claimed.id, self._worker, state=MailState.SENT, sent_at=tx.now, last_error="", next_try_at=None)  # fmt: skip
                return
            at = None
            if outcome.result is not Handover.REFUSED:
                at = next_try(claimed.tries, claimed.created_at, tx.now)
            state = MailState.QUEUED if at else MailState.FAILED
            mine = mails.settle(
                tx, claimed.id, self._worker, state=state, last_error=outcome.said, next_try_at=at
            )
            if mine and outcome.bounced:
                mails.suppress(
                    tx, claimed.to, SuppressionScope.ALL, SuppressionReason.HARD_BOUNCE, "mail server"
                )
        _LOG.info("mail_not_sent", extra={"mail": claimed.id, "result": outcome.result, "said": outcome.said})


def _postpone(tx: Transaction, mail_id: int, tries: int, created_at: datetime, said: str) -> None:
    at = next_try(tries, created_at, tx.now)
    mails.postpone(tx, mail_id, MailState.QUEUED if at else MailState.FAILED, tries, said, at)
    mails.tell(tx, mail_id)


def letter(words: Letter, at: datetime, message_id: str, resend_of: str = "") -> bytes:
    """The mail as it goes over the line, the same at every try: its date is when it was queued.

    Errors: `ValueError` for an address that no header can hold.
    """
    to, own = _in_ascii(words.to), _in_ascii(words.sender)
    message = EmailMessage(policy=SMTP if to.isascii() and own.isascii() else SMTPUTF8)
    message["From"] = Address(display_name=_header(words.store), addr_spec=own)
    message["To"] = Address(addr_spec=to) if to.isascii() else to
    message["Subject"] = _header(words.subject)
    message["Date"] = at
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    if resend_of:
        message["X-Cstui-Resend-Of"] = resend_of
    message.set_content(words.text, cte="quoted-printable")
    if words.html:
        message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def _new_id(sender: str) -> str:
    return f"<{new_token()}@{_in_ascii(sender).rpartition('@')[2]}>"


def _header(text: str) -> str:
    return " ".join(clean(text, limit=300).split())


def _in_ascii(address: str) -> str:
    """The address with its domain as servers know it: bücher.example is xn--bcher-kva.example."""
    name, _, host = address.rpartition("@")
    if host.isascii():
        return address
    return f"{name}@{host.encode('idna').decode('ascii')}"
