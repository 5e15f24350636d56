"""The line to Stripe: forms out, JSON in, an idempotency key on everything that is written, and lists read to their end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cstui.domain.clean import clean
from cstui.services.gateways.transport import NoReply, Reply, Wire

#: Most objects that one page of a list holds, and how many pages are read before giving up.
_PAGE = 100
_PAGES = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back of one call. `status` 0 means nothing did: then `was_sent` is False only where not one byte has left.

    `body` is None where it was no JSON object; it never shows in a representation, because it can hold a client secret.
    """

    status: int = 0
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    request_ref: str = ""
    was_sent: bool = True
    said: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it is an object of Stripe's and no error."""
        return 200 <= self.status < 300 and self.body is not None and "object" in self.body

    @property
    def object(self) -> Mapping[str, Any]:
        """The object of a good reply; empty otherwise."""
        return self.body if self.is_good and self.body is not None else {}

    @property
    def error(self) -> Mapping[str, Any]:
        """Stripe's own error; empty where the reply holds none, so that it was not Stripe who spoke."""
        return inner(self.body, "error") if self.body is not None and not 200 <= self.status < 300 else {}


class Line:
    """Calls of one account. What is written carries a key, by which Stripe does it once (for a day)."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def post(self, path: str, form: Mapping[str, str], key: str) -> Heard:
        """Writes once under the key."""
        return _heard(self._wire.money(path, form, {"Idempotency-Key": key}))

    def get(self, path: str, form: Mapping[str, str] | None = None) -> Heard:
        """Reads one object."""
        return _heard(self._wire.read(path, form, method="GET"))

    def all(self, path: str, form: Mapping[str, str]) -> list[Mapping[str, Any]] | Heard:
        """Reads a list to its end; where that fails, the reply that was of no use."""
        found: list[Mapping[str, Any]] = []
        after: dict[str, str] = {}
        for _ in range(_PAGES):
            heard = self.get(path, {**form, "limit": str(_PAGE), **after})
            if not heard.is_good or not isinstance(rows := heard.object.get("data"), list):
                return heard if not heard.is_good else Heard(heard.status, said="a list without its data")
            found += [row for row in rows if isinstance(row, dict)]
            if not heard.object.get("has_more") or not found:
                return found
            after = {"starting_after": text_of(found[-1], "id")}
        return Heard(said="a list without an end")

    def close(self) -> None:
        """Closes the line."""
        self._wire.close()


def at(folder: str, ref: str, action: str = "") -> str:
    """The path of one object (and what is done to it); a reference can never become more than one step of it."""
    return f"/{folder}/{quote(ref, safe='')}" + (f"/{action}" if action else "")


def inner(holder: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """The object that a field holds; empty where it holds none (an id that was not expanded, null)."""
    value = holder.get(name) if holder is not None else None
    return value if isinstance(value, dict) else {}


def text_of(holder: Mapping[str, Any], name: str) -> str:
    """A field as clean text, short enough to keep; empty where it is null or no text. An expanded object gives its id."""
    value = holder.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return clean(value, limit=255) if isinstance(value, str) else ""


def _heard(got: Reply | NoReply) -> Heard:
    if isinstance(got, NoReply):
        return Heard(was_sent=got.was_sent, said=got.said)
    try:
        body = json.loads(got.text)
    except ValueError:
        body = None
    # A status with an empty page is no news of Stripe's either: it stands as a reply without a body.
    ref = clean(got.headers.get("request-id", ""), limit=100)
    return Heard(got.status, body if isinstance(body, dict) else None, ref)
