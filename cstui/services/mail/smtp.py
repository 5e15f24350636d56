"""The talk with the mail server, step by step, so that each refusal is told apart: of the server, of this mail, of its address."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError
from cstui.domain.mails import MailServer
from cstui.services.secrets import Secrets

#: What says of a recipient, not of this mail or its sender, that there is no such mailbox.
_NO_MAILBOX: Final = (550, 551, 553)
#: Too large: no later try makes it smaller.
_TOO_LARGE: Final = 552
_ON_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


class Handover(StrEnum):
    """What became of one mail: taken, to be tried later, refused for good, or no server to give it to."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How handing over ended. `said` is in words; `bounced`: the server knows no such mailbox."""

    result: Handover
    said: str = ""
    bounced: bool = False


class Transport(Protocol):
    """What takes mails: the mail server, one after the other."""

    @property
    def sender(self) -> str:
        """The address for mails of a store without its own."""
        ...

    def send(self, message: bytes, sender: str, to: str) -> Outcome:
        """Hands one mail over; never raises for what the server or the network does."""
        ...

    def close(self) -> None:
        """Ends the talk; the next mail begins a new one."""
        ...


class SmtpTransport:
    """The configured mail server. One connection serves a run of mails; a fault ends it, and the next mail opens another."""

    def __init__(self, server: MailServer, secrets: Secrets, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._secrets = secrets
        self._trust = trust
        self._line: smtplib.SMTP | None = None

    @property
    def sender(self) -> str:
        """The address for mails of a store without its own."""
        return self._server.sender

    def send(self, message: bytes, sender: str, to: str) -> Outcome:
        """Hands one mail over. A connection that breaks after the text was sent leaves it open whether the server has it: tried again."""
        try:
            line = self._line or self._open()
        except CstuiError as error:
            return Outcome(Handover.AWAY, error.in_words())
        except smtplib.SMTPAuthenticationError as error:
            # What the server says may repeat what it was given.
            return Outcome(Handover.AWAY, f"The mail server refused the sign-in ({error.smtp_code}).")
        except smtplib.SMTPNotSupportedError:
            return Outcome(
                Handover.AWAY, f"The mail server does not offer {self._server.security} or a sign-in."
            )
        except smtplib.SMTPResponseException as error:
            return Outcome(Handover.AWAY, _said(error.smtp_code, error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(Handover.AWAY, f"The mail server cannot be reached ({type(error).__name__}).")
        try:
            outcome = _handed_over(line, message, sender, to)
        except smtplib.SMTPDataError as error:
            self.close()
            return _refusal(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Outcome(
                Handover.LATER, f"The connection to the mail server broke ({type(error).__name__})."
            )
        return outcome

    def close(self) -> None:
        """Ends the talk; the next mail begins a new one."""
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                line.quit()
            line.close()

    def _open(self) -> smtplib.SMTP:
        server = self._server
        if not server.host:
            raise CstuiError("No mail server is configured.", "Set mail.host in the configuration.")
        if server.user and server.security == "none" and server.host not in _ON_THIS_MACHINE:
            raise CstuiError(
                "A password is not sent without encryption.", "Set mail.security to starttls or tls."
            )
        # The own name is looked up by DNS otherwise, which may take long and helps nobody.
        own = socket.gethostname() or "localhost"
        password = self._secrets.of(server.secret) if server.user else ""
        line: smtplib.SMTP
        if server.security == "tls":
            line = smtplib.SMTP_SSL(
                server.host, server.port, own, timeout=server.timeout, context=self._trust or ssl.create_default_context()
            )  # fmt: skip
        else:
            line = smtplib.SMTP(server.host, server.port, own, timeout=server.timeout)
        try:
            if server.security == "starttls":
                line.starttls(context=self._trust or ssl.create_default_context())
            line.ehlo_or_helo_if_needed()
            if server.user:
                line.login(server.user, password)
        except BaseException:
            line.close()
            raise
        self._line = line
        return line


def _handed_over(line: smtplib.SMTP, message: bytes, sender: str, to: str) -> Outcome:
    options: list[str] = []
    if not (sender.isascii() and to.isascii()):
        if not line.has_extn("smtputf8"):
            return Outcome(Handover.REFUSED, "The mail server takes no addresses with letters beyond a to z.")
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    code, answer = line.mail(sender, options)
    if code != 250:
        # A sender that is refused is a fault of this house: once mended, its mails still go out.
        result = Handover.REFUSED if code == _TOO_LARGE else Handover.LATER
        return Outcome(result, _said(code, answer))
    code, answer = line.rcpt(to)
    if code not in (250, 251):
        refused = _refusal(code, answer)
        # 5.7.x speaks of a policy (a full blocklist, a sender that is not liked), not of the mailbox.
        gone = code in _NO_MAILBOX and not answer.lstrip().startswith(b"5.7.")
        return Outcome(refused.result, refused.said, bounced=gone)
    code, answer = line.data(message)
    return Outcome(Handover.SENT) if code == 250 else _refusal(code, answer)


def _refusal(code: int, answer: bytes | str) -> Outcome:
    """A refusal for now (4xx, or nothing that can be read) or for good (5xx)."""
    return Outcome(Handover.REFUSED if 500 <= code < 600 else Handover.LATER, _said(code, answer))


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {clean(' '.join(text.split()), limit=300)}".strip()
