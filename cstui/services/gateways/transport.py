"""HTTP to a payment gateway: what an exception of httpx says about whether the request was sent, and nothing that could leak a secret.

Bodies only, never parameters in a URL; no redirects; a fresh connection for each money call, because a stale one that dies at sending cannot
be told from a lost answer.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from cstui.services.gateways.base import GatewayMisconfigured

#: Seconds until a connection stands, and until a money call is answered.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
#: How often something that provably was not sent is tried again at once.
_TRIES_UNSENT = 2
_PAUSE = 0.5
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Nothing of the request has left.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: The request cannot be made at all.
_UNUSABLE = (httpx.UnsupportedProtocol, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it came: status, text, headers (lower-case names)."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoReply:
    """No usable reply. `was_sent` is False only where it is certain that nothing arrived; `said` is the kind of fault, without any data."""

    was_sent: bool
    said: str


class Wire:
    """One account's line to its gateway. `sleep` is replaced in tests."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        _require_safe(base_url)
        for name in ("httpx", "httpcore"):
            # At INFO whole URLs, at DEBUG every header would reach the log.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=base_url,
            headers=dict(headers or {}),
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    def money(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply | NoReply:
        """Posts something that may move money: sent once; tried again only where nothing was sent."""
        for turn in range(_TRIES_UNSENT + 1):
            got = self._once("POST", path, form, headers)
            if isinstance(got, Reply) or got.was_sent or turn == _TRIES_UNSENT:
                return got
            self._sleep(_PAUSE * 2**turn)
        raise AssertionError("unreachable")

    def read(
        self, path: str, form: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Reply | NoReply:
        """Asks something that moves nothing: up to two more tries with growing pauses, on faults and on 5xx."""
        got: Reply | NoReply = NoReply(False, "not asked")
        for turn in range(3):
            got = self._once(method, path, form, None)
            if isinstance(got, Reply) and got.status < 500:
                return got
            if turn < 2:
                self._sleep(min(2.0, _PAUSE * 2**turn) * (0.75 + random.random() / 2))
        return got

    def _once(
        self, method: str, path: str, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> Reply | NoReply:
        body: dict[str, Any] = {"params" if method == "GET" else "data": dict(form or {})}
        try:
            answer = self._client.request(method, path, headers=dict(headers or {}), **body)
        except _NOT_SENT as error:
            return NoReply(False, type(error).__name__)
        except _UNUSABLE as error:
            return NoReply(False, type(error).__name__)
        except httpx.HTTPError as error:
            return NoReply(True, type(error).__name__)
        try:
            text = answer.text
        except (UnicodeDecodeError, LookupError) as error:
            return NoReply(True, type(error).__name__)
        return Reply(
            answer.status_code, text, {name.lower(): value for name, value in answer.headers.items()}
        )

    def close(self) -> None:
        """Closes the line."""
        self._client.close()


def _require_safe(base_url: str) -> None:
    """Passes for HTTPS, or for plain HTTP to this very machine. Errors: `GatewayMisconfigured`."""
    parts = urlsplit(base_url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise GatewayMisconfigured(
        "The gateway's address is not encrypted.", "Use one that begins with https://."
    )
