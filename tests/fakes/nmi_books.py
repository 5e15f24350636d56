"""What the fake NMI keeps, and how NMI writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from cstui.domain.cards import brand_of


@dataclass(slots=True)
class Card:
    """A card of the vault. `declines` is the code with which its issuer answers, empty for yes."""

    number: str
    expiry: str
    holder: str = ""
    priority: int = 1
    declines: str = ""


@dataclass(slots=True)
class Act:
    """Something that was done to a transaction, in hundredths."""

    kind: str
    amount: int
    at: datetime
    success: bool
    code: str = "100"
    text: str = "SUCCESS"
    batch: str = "0"
    source: str = "api"


@dataclass(slots=True)
class Transaction:
    """One transaction, with every state that it ever showed: what the index shows lags behind."""

    ref: str
    kind: str
    order: str
    amount: int
    currency: str
    condition: str
    number: str = ""
    expiry: str = ""
    holder: str = ""
    vault: str = ""
    parent: str = ""
    avs: str = ""
    cvv: str = ""
    acts: list[Act] = field(default_factory=list)
    shown: list[tuple[datetime, str, int]] = field(default_factory=list)

    def become(self, condition: str, act: Act) -> None:
        """It changes: this is what its records say from now on."""
        self.condition = condition
        self.acts.append(act)
        self.shown.append((act.at, condition, len(self.acts)))

    def touched(self, at: datetime) -> None:
        self.shown.append((at, self.condition, len(self.acts)))


class Refused(Exception):
    """A reply that is no approval: response, code, text."""

    def __init__(self, text: str, code: str = "300", response: str = "3", transaction: str = "") -> None:
        super().__init__(text)
        self.text, self.code, self.response, self.transaction = text, code, response, transaction


def brand_name(number: str) -> str:
    """What NMI calls a brand."""
    brand = brand_of(number).lower()
    return {"mastercard": "mc", "discover": "disc"}.get(brand, brand)


def hundredths(text: str) -> int:
    if not re.fullmatch(r"\d{1,8}\.\d\d", text):
        raise Refused("Invalid amount")
    return int(text.replace(".", ""))


def written(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def approved(text: str, ref: str, order: str) -> dict[str, str]:
    return {
        "response": "1",
        "responsetext": text,
        "transactionid": ref,
        "orderid": order,
        "response_code": "100",
    }


def encoded(facts: dict[str, str]) -> str:
    """As NMI writes a reply: its own order of fields, a plus sign left as it is."""
    first = "response responsetext authcode transactionid avsresponse cvvresponse orderid type response_code"
    names: Iterable[str] = dict.fromkeys((*first.split(), *facts))
    return "&".join(f"{name}={quote(facts.get(name, ''), safe=' +@:/,')}" for name in names)
