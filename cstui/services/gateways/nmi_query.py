"""NMI's reports as values: the XML of query.php, read so that nothing in it can be more than data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html.entities import html5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from cstui.domain.clean import clean
from cstui.domain.gateways import KeptCard
from cstui.services.gateways.nmi_replies import split_text

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_OWN = frozenset(("amp", "lt", "gt", "quot", "apos"))
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONGEST = 20_000_000
_BRANDS = {
    "visa": "Visa",
    "mc": "Mastercard",
    "mastercard": "Mastercard",
    "amex": "Amex",
    "disc": "Discover",
    "discover": "Discover",
    "jcb": "JCB",
    "diners": "Diners",
    "maestro": "Maestro",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that was done to a transaction. `amount` is as written; `at` is None where it cannot be read."""

    kind: str
    amount: str
    at: datetime | None
    succeeded: bool
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One transaction of a report."""

    ref: str
    condition: str
    order: str
    currency: str
    vault: str
    auth_code: str
    avs: str
    cvv: str
    actions: tuple[Action, ...]

    def has_done(self, *kinds: str) -> bool:
        """Whether one of these was done to it and succeeded."""
        return any(action.succeeded and action.kind in kinds for action in self.actions)


def read_report(body: str) -> Element | None:
    """The root of a report; None for anything that is not one whole, honest `nm_response`.

    A document type is refused whatever it says: entities that unfold are its only use here. Named entities of HTML, which NMI writes
    without declaring them, become their characters.
    """
    if len(body) > _LONGEST or re.search(r"<!(doctype|entity)", body, re.IGNORECASE):
        return None
    text = _ENTITY.sub(_character, _NOT_XML.sub("\ufffd", body.strip()))
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    return root if root.tag == "nm_response" and root.find(".//error_response") is None else None


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name in _XML_OWN:
        return found[0]
    character = html5.get(f"{name};", "\ufffd")
    return character if not set(character) & set("<>&") else "\ufffd"


def complaint_in(body: str) -> str:
    """What NMI says where it answers with an error (`Invalid Security Key`) instead of a report; empty where it does not."""
    found = re.search(r"<error_response>([^<]{0,500})", body)
    return split_text(found[1])[0] if found else ""


def records_in(root: Element) -> tuple[Record, ...]:
    """The transactions of a report, each once."""
    found: dict[str, Record] = {}
    for element in root.iter("transaction"):
        record = _record(element)
        found.setdefault(record.ref, record)
    return tuple(found.values())


def _record(element: Element) -> Record:
    return Record(
        ref=_text(element, "transaction_id"),
        condition=_text(element, "condition").lower(),
        order=_text(element, "order_id"),
        currency=_text(element, "currency").upper(),
        vault=_text(element, "customer_vault_id"),
        auth_code=_text(element, "authorization_code"),
        avs=_text(element, "avs_response"),
        cvv=_text(element, "csc_response"),
        actions=tuple(_action(inner) for inner in element.iter("action")),
    )


def _action(element: Element) -> Action:
    return Action(
        kind=_text(element, "action_type").lower(),
        amount=_text(element, "amount"),
        at=_instant(_text(element, "date")),
        succeeded=_text(element, "success") == "1",
        code=_text(element, "response_code"),
        text=split_text(_text(element, "response_text"))[0],
    )


def _text(element: Element, name: str) -> str:
    return clean((element.findtext(name) or "").strip())


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def cards_in(root: Element) -> tuple[KeptCard, ...]:
    """The cards of a vault report: one for each billing entry, or the customer's own where the report has none."""
    return tuple(card for customer in root.iter("customer") for card in _cards_of(customer))


def _cards_of(customer: Element) -> Iterator[KeptCard]:
    vault = _text(customer, "customer_vault_id") or clean(customer.get("id", ""))
    entries = customer.findall("billing")
    for entry in entries:
        yield _card(entry, vault, clean(entry.get("id", "")) or _text(entry, "billing_id"))
    if not entries and vault:
        yield _card(customer, vault, "")


def _card(element: Element, vault: str, billing: str) -> KeptCard:
    expiry = _text(element, "cc_exp")
    dated = len(expiry) == 4 and expiry.isdigit()
    last4 = _text(element, "cc_number")[-4:]
    return KeptCard(
        vault=vault,
        billing=billing,
        brand=_BRANDS.get(_text(element, "cc_type").lower(), ""),
        last4=last4 if last4.isdigit() else "",
        expiry_month=int(expiry[:2]) if dated else 0,
        expiry_year=2000 + int(expiry[2:]) if dated else 0,
    )


def is_simulating(root: Element) -> bool | None:
    """Whether the account only simulates, from either shape of the report; None where it says neither."""
    for name, yes, no in (
        ("test_mode_enabled", "true", "false"),
        ("test_mode_status", "enabled", "disabled"),
    ):
        for element in root.iter(name):
            said = (element.text or "").strip().lower()
            if said in (yes, no, "1", "0"):
                return said in (yes, "1")
    return None
