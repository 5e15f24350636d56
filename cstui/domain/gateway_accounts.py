"""Accounts at payment gateways: what makes one, and how each fact of it is written. A key is never one of them, only where it lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.gateway_rules import KINDS, is_cut_off
from cstui.domain.gateways import Account
from cstui.domain.stores import is_zone, zone_advice

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME: Final = 40
_LONGEST_VALUE: Final = 200
#: The options that each kind knows.
OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "nmi": frozenset({"credits", "dup_seconds", "processor_id", "ver"}),
    "sandbox": frozenset({"later", "pause", "refunds_unsettled", "settle"}),
    "stripe": frozenset({"moto", "raw_card_enabled", "thanks_url", "version"}),
}
_REFERENCE: Final = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[a-z0-9]+([._-][a-z0-9]+)*|file:(/|~/)\S+"
)
# A key pasted where its place belongs: Stripe's begin like this, NMI's are one long run of letters and digits.
_LIKE_A_KEY: Final = re.compile(r"(?i)(?<![a-z0-9])(sk|rk|pk|whsec)_|[a-z0-9]{24,}")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class NewGatewayAccount:
    """What an account is made from. `store_id` None: for all stores. `zone` empty: the store's own. `secret` says where the key lies:
    `env:VAR`, `keyring:NAME`, `file:/path`; empty: under `gateway.NAME`.
    """

    gateway: str
    name: str
    is_test: bool
    store_id: int | None = None
    is_main: bool = False
    cut_off: str = "20:00"
    zone: str = ""
    url: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is changed of an account; None stays as it is. Of `options` those named are set, with an empty value taken away."""

    is_open: bool | None = None
    is_main: bool | None = None
    cut_off: str | None = None
    zone: str | None = None
    url: str | None = None
    options: Mapping[str, str] | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayAccountRow:
    """One account as it is kept; `store` is the code of its store, empty for all."""

    id: int
    store_id: int | None
    store: str
    gateway: str
    name: str
    is_test: bool
    is_main: bool
    is_open: bool
    cut_off: str
    zone: str
    url: str
    secret: str
    options: Mapping[str, str]

    @property
    def account(self) -> Account:
        """What an adapter is built from."""
        return Account(
            self.gateway, self.name, self.is_test, self.url, self.secret, self.zone, self.cut_off, dict(self.options)
        )  # fmt: skip

    def changed(self, change: AccountChange) -> GatewayAccountRow:
        """The account with a change made, not checked."""
        plain = {
            name: value
            for name in ("is_open", "is_main", "cut_off", "zone", "url", "secret")
            if (value := getattr(change, name)) is not None
        }
        options = {**self.options, **(change.options or {})}
        return replace(self, **plain, options={name: value for name, value in options.items() if value})


@dataclass(frozen=True, slots=True)
class CheckedAccount:
    """What a look at an account found: where its key comes from, and what the gateway says it is (None: it cannot be told now)."""

    row: GatewayAccountRow
    key_source: str
    says_test: bool | None
    fault: str


def checked(row: GatewayAccountRow) -> GatewayAccountRow:
    """The account in the form in which it is kept.

    Errors: `InvalidFields` with every problem, in the order of the form; what may be a key is not repeated.
    """
    tidy = replace(
        row, name=row.name.strip(), cut_off=row.cut_off.strip(), zone=row.zone.strip(), url=row.url.strip(), secret=row.secret.strip(),
        options={key.strip(): value.strip() for key, value in row.options.items() if value.strip()},
    )  # fmt: skip
    problems = [
        problem
        for problem in (
            _gateway_problem(tidy.gateway),
            _name_problem(tidy.name),
            _test_problem(tidy),
            _cut_off_problem(tidy.cut_off),
            _zone_problem(tidy.zone),
            _url_problem(tidy.url),
            *(_option_problem(tidy.gateway, key, value) for key, value in tidy.options.items()),
            _secret_problem(tidy.secret),
        )
        if problem is not None
    ]
    if problems:
        raise InvalidFields(tuple(problems))
    return tidy


def _gateway_problem(gateway: str) -> InvalidInput | None:
    if gateway in KINDS:
        return None
    near = get_close_matches(gateway, KINDS, n=1)
    return InvalidInput(
        "gateway", gateway, f"“{clean(gateway)}” is no gateway that cstui speaks to.",
        f"Did you mean {near[0]}?" if near else f"Use {', '.join(KINDS[:-1])} or {KINDS[-1]}.",
    )  # fmt: skip


def _name_problem(name: str) -> InvalidInput | None:
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return None
    return InvalidInput(
        "name", name, f"“{clean(name)}” cannot name an account." if name else "The name is missing.",
        f"Use lower-case letters, digits and single dashes, at most {_LONGEST_NAME}.",
    )  # fmt: skip


def _test_problem(row: GatewayAccountRow) -> InvalidInput | None:
    if row.is_test or row.gateway != "sandbox":
        return None
    return InvalidInput("test", "live", "The sandbox moves no real money.", "Add it as a test account.")


def _cut_off_problem(cut_off: str) -> InvalidInput | None:
    if is_cut_off(cut_off):
        return None
    return InvalidInput("cut-off", cut_off, f"“{clean(cut_off)}” is not a time of day.", "Write it as 20:00.")


def _zone_problem(zone: str) -> InvalidInput | None:
    if is_zone(zone):
        return None
    said = f"“{clean(zone)}” is not a time zone." if zone else "The time zone is missing."
    return InvalidInput("zone", zone, said, zone_advice(zone))


def _url_problem(url: str) -> InvalidInput | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return InvalidInput("url", "", "The address cannot be read.", "Write it as https://HOST.")
    if parts.query or parts.fragment or "@" in parts.netloc or _LIKE_A_KEY.search(parts.path):
        return InvalidInput(
            "url", "", "The address holds more than host and path.", "Leave keys and names out of it."
        )
    if not host or clean(url) != url or len(url) > _LONGEST_VALUE:
        return InvalidInput("url", url, f"“{clean(url)}” is not an address.", "Write it as https://HOST.")
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return None
    return InvalidInput("url", url, f"“{url}” is not encrypted.", "Use one that begins with https://.")


def _option_problem(gateway: str, key: str, value: str) -> InvalidInput | None:
    known = OPTIONS.get(gateway)
    if known is None:
        return None
    if _LIKE_A_KEY.search(key):
        return InvalidInput("option", "", "This is no option but may be a key.", "A key belongs elsewhere.")
    if key not in known:
        near = get_close_matches(key, known, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"{gateway} knows {', '.join(sorted(known))}."
        return InvalidInput("option", clean(key), f"{gateway} has no option “{clean(key)}”.", advice)
    if clean(value) != value or len(value) > _LONGEST_VALUE or _LIKE_A_KEY.search(value):
        said = f"This cannot be the value of {key}."
        return InvalidInput("option", key, said, "Write a short word; a key belongs elsewhere.")
    if key in ("later", "pause") and not _is_seconds(value):
        return InvalidInput("option", key, f"“{value}” is not a number of seconds.", "Write it as 30.")
    if key == "settle" and value != "cut_off" and not _is_seconds(value):
        said = f"“{value}” does not say when a charge settles."
        return InvalidInput("option", key, said, "Write cut_off, or seconds such as 30.")
    return None


def _is_seconds(text: str) -> bool:
    return re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) is not None


def _secret_problem(secret: str) -> InvalidInput | None:
    if not secret:
        return None
    rest = secret.partition(":")[2]
    # A path may be long; nothing else that looks like a key is let into the database or repeated.
    is_key = _LIKE_A_KEY.search(rest) is not None and not secret.startswith("file:")
    if _REFERENCE.fullmatch(secret) and not is_key and len(secret) <= _LONGEST_VALUE:
        return None
    return InvalidInput(
        "secret", "", "This is not a reference to a key; a key itself is never kept here.",
        "Write env:VAR, keyring:NAME or file:/path, and keep the key there.",
    )  # fmt: skip
