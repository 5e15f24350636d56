"""Where typed cards are handed to a worker: a socket of this machine, or TLS with a certificate on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput

_FIELD = "worker.card_intake"
_ADVICE = "Write unix:/path/to/socket, or tls:HOST:PORT."
#: The longest path that a Unix socket can have everywhere.
_LONGEST_PATH = 100


@dataclass(frozen=True, slots=True)
class IntakePlace:
    """A Unix socket (`path`), or a TLS address with this side's certificate and key and the authority that signed the other side's."""

    path: str = ""
    host: str = ""
    port: int = 0
    certificate: str = ""
    key: str = ""
    authority: str = ""

    @property
    def is_unix(self) -> bool:
        """Whether it is a socket of this machine."""
        return bool(self.path)

    @property
    def shown(self) -> str:
        """How people read it."""
        return f"unix:{self.path}" if self.is_unix else f"tls:{self.host}:{self.port}"


def intake_place(text: str, certificate: str = "", key: str = "", authority: str = "") -> IntakePlace | None:
    """The place that a configuration names; None for an empty one. Errors: `InvalidInput` for one that cannot be used."""

    def wrong(message: str, advice: str = _ADVICE) -> InvalidInput:
        return InvalidInput(_FIELD, text, message, advice)

    scheme, mark, rest = text.strip().partition(":")
    if not scheme:
        return None
    if scheme == "unix":
        if not rest.startswith("/") or len(rest) > _LONGEST_PATH:
            raise wrong("A socket's path begins with / and has at most 100 characters.")
        return IntakePlace(path=rest)
    host, colon, port = rest.rpartition(":")
    if scheme != "tls" or not mark:
        raise wrong(f"“{clean(scheme, limit=40)}” is no way to hand a card over.")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise wrong("A TLS address has a host and a port.")
    if not (certificate and key and authority):
        raise wrong(
            "TLS needs a certificate, its key and an authority on both sides.",
            "Set worker.certificate, worker.key and worker.authority.",
        )
    return IntakePlace(
        host=host.strip("[]"), port=int(port), certificate=certificate, key=key, authority=authority
    )
