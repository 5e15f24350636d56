"""Record ids: whole numbers inside, opaque prefixed strings wherever people or scripts see them (`ord_4t9k2`)."""

from __future__ import annotations

from enum import StrEnum
from uuid import uuid4

from cstui.domain.errors import UsageError

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
_MOST = 2**63 - 1


class Kind(StrEnum):
    """What a record is; the value stands in every table that points at records of several kinds."""

    CUSTOMER = "customer"
    ORDER = "order"
    SUBSCRIPTION = "subscription"
    TRANSACTION = "transaction"
    SHIPMENT = "shipment"
    ATTEMPT = "attempt"
    REFUND = "refund"
    NOTE = "note"
    CALL = "call"
    CARD = "card"
    LINE = "line"
    HOLD = "hold"
    ADDRESS = "address"
    STAFF = "staff"
    STORE = "store"
    EVENT = "event"
    SETTING = "setting"
    MAIL = "mail"


_PREFIXES = {
    Kind.CUSTOMER: "cus",
    Kind.ORDER: "ord",
    Kind.SUBSCRIPTION: "sub",
    Kind.TRANSACTION: "txn",
    Kind.SHIPMENT: "shp",
    Kind.ATTEMPT: "att",
    Kind.REFUND: "ref",
    Kind.NOTE: "note",
    Kind.CALL: "call",
    Kind.CARD: "card",
    Kind.LINE: "line",
    Kind.HOLD: "hold",
    Kind.ADDRESS: "adr",
    Kind.STAFF: "stf",
    Kind.STORE: "sto",
    Kind.EVENT: "evt",
    Kind.SETTING: "set",
    Kind.MAIL: "mail",
}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}


def public_id(kind: Kind, key: int) -> str:
    """The id that people and JSON see: `ord_` and the number in base 32 (no i, l, o, u)."""
    if key < 0:
        raise ValueError("ids are never negative")
    signs = ""
    rest = key
    while rest or not signs:
        rest, digit = divmod(rest, 32)
        signs = _ALPHABET[digit] + signs
    return f"{_PREFIXES[kind]}_{signs}"


def read_public_id(text: str) -> tuple[Kind, int] | None:
    """The kind and number of a prefixed id; None where the text has no known prefix (it is an order number then).

    Errors: `UsageError` for a known prefix with something unreadable behind it.
    """
    prefix, mark, signs = text.strip().lower().partition("_")
    kind = _KINDS.get(prefix)
    if kind is None or not mark:
        return None
    key = 0
    for sign in signs:
        if sign not in _VALUES:
            raise UsageError(f"“{text}” is not an id.", "Copy it whole from where it was shown.")
        key = key * 32 + _VALUES[sign]
    if not signs or key > _MOST:
        raise UsageError(f"“{text}” is not an id.", "Copy it whole from where it was shown.")
    return kind, key


def new_token() -> str:
    """A fresh unguessable token: a lock's, a save's or a desk's. Minted before the database is asked, so that a repeat is harmless."""
    return uuid4().hex
