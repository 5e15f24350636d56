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

from cstui.domain.clean import clean
from cstui.domain.ids import new_token
from cstui.domain.mails import (
    MailKind,
    MailState,
    SuppressionReason,
    SuppressionScope,
    next_try,
    why_suppressed,
)
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
            return None
        sender = self._settings.text("mail.sender", row.store_id) or self._transport.sender
        if not sender:
            _postpone(tx, row.id, row.tries + 1, row.created_at, _NO_SENDER)
            return None
        message_id = row.message_id or f"<{new_token()}@{_in_ascii(sender).rpartition('@')[2]}>"
        repeated = mails.stored(tx, row.resend_of_id) if row.resend_of_id else None
        try:
            message = written_out(row, sender, message_id, repeated, asked.get("facts", {}).get("store", ""))
        except (ValueError, UnicodeError, IndexError) as error:
            _LOG.warning("mail_cannot_be_written", extra={"mail": row.id}, exc_info=error)
            mails.close(tx, row.id, MailState.FAILED, "This mail cannot be written out for the mail server.")
            return None
        mails.claim(tx, row.id, self._worker, message_id, tx.now + LEASE, row.tries + 1)
        return Claimed(
            row.id, _in_ascii(sender), _in_ascii(row.to_address), message, row.tries + 1, row.created_at
        )

    def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        with self._database.write() as tx:
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


def written_out(row: Any, sender: str, message_id: str, repeated: Any, store: str) -> bytes:
    """The mail as it goes over the line: the same bytes' worth of headers at every try.

    Errors: `ValueError` for an address that no header can hold.
    """
    to, own = _in_ascii(row.to_address), _in_ascii(sender)
    message = EmailMessage(policy=SMTP if to.isascii() and own.isascii() else SMTPUTF8)
    message["From"] = Address(display_name=_header(store), addr_spec=own)
    message["To"] = Address(addr_spec=to) if to.isascii() else to
    message["Subject"] = _header(row.subject)
    message["Date"] = row.created_at
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    if repeated is not None:
        message["X-Cstui-Resend-Of"] = repeated.message_id or f"mail {repeated.id}"
    message.set_content(row.body_text, cte="quoted-printable")
    if row.body_html:
        message.add_alternative(row.body_html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def _header(text: str) -> str:
    return " ".join(clean(text, limit=300).split())


def _in_ascii(address: str) -> str:
    """The address with its domain as servers know it: bücher.example is xn--bcher-kva.example."""
    name, _, host = address.rpartition("@")
    if host.isascii():
        return address
    return f"{name}@{host.encode('idna').decode('ascii')}"
