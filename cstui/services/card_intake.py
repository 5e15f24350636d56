"""The way of a typed card past the database: one message from a desk without keys to a worker that has them, in memory only (decision 0009).

A message is four bytes of length and JSON. A card is taken only for an attempt that stands in the database as being sent right now by a desk,
and that names the same brand and last four digits; so whoever reaches the socket can do nothing that the database does not know of.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import ssl
import stat
import struct
import threading
from datetime import date
from pathlib import Path
from typing import Any

from cstui.domain.attempts import CARD_WITHIN
from cstui.domain.card_desk import CardIntakeAway
from cstui.domain.card_intake import IntakePlace
from cstui.domain.cards import TypedCard, typed_card
from cstui.domain.errors import CstuiError
from cstui.domain.gateways import Operation
from cstui.domain.payments import AttemptState
from cstui.services import card_effects
from cstui.services.refund_basis import SettingsRead
from cstui.services.sending import Line, Sending
from cstui.storage.database import Database
from cstui.storage.queries import attempts, cards
from cstui.storage.queries.attempts import Claimed

_LOG = logging.getLogger("cstui.money")
_LENGTH = struct.Struct("!I")
_MOST_BYTES = 2048
#: Seconds for the connection and the message, and for the gateway's answer.
TALK, ANSWER = 5.0, CARD_WITHIN.total_seconds()
#: How many cards may be on their way through one worker at once.
_AT_ONCE = 8
_AWAY = "Nothing was sent. Send a card link, or see whether the worker runs."


class CardIntake:
    """A worker's door for typed cards. `token` is the worker's, so that what it has taken over is its own."""

    def __init__(
        self, place: IntakePlace, database: Database, settings: SettingsRead, gateways: Line, token: str
    ) -> None:
        self._place = place
        self._database = database
        self._token = token
        self._sending = Sending(database, gateways, settings, token)
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._socket: socket.socket | None = None
        self._trust: ssl.SSLContext | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Listens from now on; False where another worker of this machine does already. Errors: `CardIntakeAway` where nobody can."""
        if self._place.is_unix and _somebody_listens(self._place.path):
            _LOG.info("another worker takes typed cards at %s", self._place.shown)
            return False
        try:
            self._trust = None if self._place.is_unix else _trust(self._place, ssl.PROTOCOL_TLS_SERVER)
            self._socket = _listening(self._place)
        except (OSError, ssl.SSLError) as error:
            raise CardIntakeAway(
                f"Typed cards cannot be taken at {self._place.shown}: {_said(error)}.",
                "Check worker.card_intake and the rights there.",
            ) from None
        self._thread = threading.Thread(target=self._listen, name="cstui-card-intake", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Takes no more cards; those on their way are finished."""
        listening, self._socket = self._socket, None
        if listening is not None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            if self._place.is_unix:
                with contextlib.suppress(OSError):
                    os.unlink(self._place.path)
        if self._thread is not None:
            self._thread.join(TALK)

    def _listen(self) -> None:
        while (listening := self._socket) is not None:
            try:
                caller, _ = listening.accept()
            except OSError:
                continue
            if not self._room.acquire(blocking=False):
                caller.close()
                continue
            threading.Thread(
                target=self._serve, args=(caller,), name="cstui-card-intake-one", daemon=True
            ).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller:
                caller.settimeout(TALK)
                if self._place.is_unix and not _is_own(caller):
                    _LOG.warning("a card was offered by another user of this machine")
                    return
                if self._trust is not None:
                    with self._trust.wrap_socket(caller, server_side=True) as safe:
                        self._talk(safe)
                else:
                    self._talk(caller)
        except (OSError, ssl.SSLError) as error:
            _LOG.warning("a card was not taken over: %s", type(error).__name__)
        except Exception as error:  # the message holds a card: of what went wrong only the kind is told
            _LOG.error("taking a card over failed: %s", type(error).__name__)
        finally:
            self._room.release()

    def _talk(self, line: socket.socket) -> None:
        # Who is not welcome learns it here, before any card has left its desk.
        _send(line, {"ready": True})
        try:
            taken = self._taken(_received(line))
        except CstuiError as error:
            taken = error.message
        if isinstance(taken, str):
            _send(line, {"refused": taken})
            return
        claimed, card = taken
        try:
            self._sending.send(claimed, card)
        finally:
            card.wipe()
        _send(line, {"done": True})

    def _taken(self, message: dict[str, Any]) -> tuple[Claimed, TypedCard] | str:
        """The attempt and its card, the attempt this worker's own from now on; or why the card is not taken."""
        try:
            card = _card(message)
        except (CstuiError, KeyError, TypeError, ValueError):
            return "This is no card."
        key = message.pop("key", None)
        message.clear()
        with self._database.write() as tx:
            row = cards.attempt_with(tx, key) if isinstance(key, str) else None
            row = attempts.read(tx, row.id) if row is not None else None
            facts = card_effects.facts_of(row) if row is not None else {}
            is_due = (
                row is not None
                and row.operation == Operation.VAULT_ADD
                and row.state == AttemptState.SENDING
                and row.worker.startswith("desk-")
                and (facts.get("brand"), facts.get("last4")) == (card.brand, card.last4)
            )
            if row is None or not is_due:
                return "No card is expected under this key."
            attempts.change(tx, row.id, worker=self._token)
            return attempts.claimed(tx, row.id), card


class CardIntakeClient:
    """A desk's side of the intake."""

    def __init__(self, place: IntakePlace) -> None:
        self._place = place

    def keep(self, key: str, card: TypedCard) -> None:
        """Hands a card over and waits until the worker has stored its outcome; returns also where no word of that came back.

        Errors: `CardIntakeAway` where nothing was handed over.
        """
        message = {
            "key": key, "number": card.number, "code": card.code, "month": card.expiry_month, "year": card.expiry_year,
            "holder": card.holder, "postcode": card.postcode,
        }  # fmt: skip
        with self._connected() as line:
            try:
                welcome = "ready" in _received(line)
            except (OSError, ValueError):
                welcome = False
            if not welcome:
                raise CardIntakeAway(
                    f"The worker at {self._place.shown} takes no cards from this desk.", _AWAY
                )
            try:
                _send(line, message)
            except OSError as error:
                # What has left the machine cannot be known: the attempt tells.
                _LOG.warning("a card may have been handed over: %s", type(error).__name__)
                return
            finally:
                message.clear()
            line.settimeout(ANSWER)
            try:
                said = _received(line)
            except (OSError, ValueError):
                return
        if "refused" in said:
            raise CardIntakeAway(
                "The worker did not take the card.", "Nothing was sent. Try again, or send a card link."
            )

    def _connected(self) -> socket.socket:
        try:
            if self._place.is_unix:
                line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                line.settimeout(TALK)
                line.connect(self._place.path)
                return line
            trust = _trust(self._place, ssl.PROTOCOL_TLS_CLIENT)
            plain = socket.create_connection((self._place.host, self._place.port), TALK)
            return trust.wrap_socket(plain, server_hostname=self._place.host)
        except (OSError, ssl.SSLError) as error:
            raise CardIntakeAway(
                f"No worker takes cards at {self._place.shown}: {_said(error)}.", _AWAY
            ) from None


def _card(message: dict[str, Any]) -> TypedCard:
    month, year = int(message["month"]), int(message["year"])
    texts = [message[name] for name in ("number", "code", "holder", "postcode")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("not a text")
    number, code, holder, postcode = texts
    return typed_card(
        number, f"{month:02d}/{year}", code, holder, postcode, date(min(max(year, 2000), 2999), month, 1)
    )


def _listening(place: IntakePlace) -> socket.socket:
    if not place.is_unix:
        return socket.create_server((place.host, place.port), family=_family(place.host))
    path = Path(place.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(place.path)
    finally:
        os.umask(before)
    listening.listen(_AT_ONCE)
    return listening


def _somebody_listens(path: str) -> bool:
    """Whether a worker answers at this socket; what a dead one left behind does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(1.0)
        try:
            other.connect(path)
        except OSError:
            return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _trust(place: IntakePlace, protocol: int) -> ssl.SSLContext:
    """TLS 1.2 or newer, where each side shows a certificate that the authority has signed."""
    trust = ssl.SSLContext(protocol)
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    if os.stat(place.key).st_mode & 0o077:
        raise PermissionError(13, f"others may read {place.key}")
    trust.load_cert_chain(place.certificate, place.key)
    trust.load_verify_locations(place.authority)
    trust.verify_mode = ssl.CERT_REQUIRED
    return trust


def _is_own(caller: socket.socket) -> bool:
    """Whether the process at the other end belongs to the same user; where the system does not tell, the socket's rights (0600) do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    _, user, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return bool(user == os.getuid())


def _send(line: socket.socket, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    line.sendall(_LENGTH.pack(len(body)) + body)


def _received(line: socket.socket) -> dict[str, Any]:
    """One message. Errors: `OSError`, `ValueError` for what is none."""
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    if length > _MOST_BYTES:
        raise ValueError("too long")
    found: Any = json.loads(_exactly(line, length))
    if not isinstance(found, dict):
        raise ValueError("not a message")
    return found


def _exactly(line: socket.socket, count: int) -> bytes:
    held = b""
    while len(held) < count:
        part = line.recv(count - len(held))
        if not part:
            raise ConnectionError("ended early")
        held += part
    return held


def _said(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
