"""A mail server on a real socket that refuses, greylists, breaks off or takes what it is given, as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class MailBox:
    """What the server was given, and what it answers next: `at_recipient` and `at_text` are answered in turn, then everything is taken.

    `broken` counts down texts that are read whole and then answered by hanging up.
    """

    at_recipient: deque[str] = field(default_factory=deque)
    at_text: deque[str] = field(default_factory=deque)
    broken: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_recipient:
            return self.at_recipient.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_text:
            return self.at_text.popleft()
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(message_from_bytes(content, policy=policy.default))
        self.envelopes.append((envelope.mail_from or "", tuple(envelope.rcpt_tos)))
        if self.broken:
            self.broken -= 1
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:  # fmt: skip
        given = f"{data.login.decode()}:{data.password.decode()}"
        self.signed_in.append(given)
        return AuthResult(success=given == "desk:seven quiet herons", handled=False)


class _AnyPort(Controller):
    """Listens on whatever port is free, and then says which."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class MailServerFake:
    """The server itself; as a context it runs on a free port of this machine."""

    def __init__(self, certificate: Path | None = None, with_sign_in: bool = False) -> None:
        self.box = MailBox()
        options: dict[str, Any] = {}
        if certificate is not None:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trust.load_cert_chain(certificate)
            options |= {"tls_context": trust, "require_starttls": True}
        if with_sign_in:
            options |= {
                "authenticator": self.box.authenticate,
                "auth_require_tls": False,
            }
        self._controller = _AnyPort(self.box, hostname="127.0.0.1", port=0, **options)

    @property
    def port(self) -> int:
        found: int = self._controller.port
        return found

    def __enter__(self) -> MailServerFake:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
