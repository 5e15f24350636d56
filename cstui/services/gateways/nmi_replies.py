"""What NMI's replies to money calls mean: reading them, and its codes and texts as the desk's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cstui.domain.clean import clean, find_card_number
from cstui.domain.gateways import Why
from cstui.domain.money import Money, exponent
from cstui.domain.payments import AttemptState

#: The most that NMI takes: eight digits before the point.
_MOST_HUNDREDTHS = 10**10 - 1
_AMOUNT = re.compile(r"-?(\d{1,12})(?:\.(\d{1,6}))?")
_REFID = re.compile(r"\s*REFID:\s*(\d+)\s*$", re.IGNORECASE)
_LONGEST_TEXT = 300

APPROVED, DECLINED, FAILED = "1", "2", "3"


@dataclass(frozen=True, slots=True)
class TransactReply:
    """One reply of transact.php. `text` is cleaned and without its REFID, which stands in `refid`; amounts are as written."""

    response: str
    code: str
    text: str
    refid: str
    transaction: str
    order: str
    type: str
    auth_code: str
    avs: str
    cvv: str
    currency: str
    amount: str
    authorised: str
    vault: str
    billing: str


def read_reply(body: str) -> TransactReply | None:
    """Reads a reply; None where it is none, is cut short or says two things at once.

    NMI leaves a `+` as it is, so it stands for itself and not for a blank.
    """
    try:
        pairs = parse_qsl(body.strip().replace("+", "%2B"), keep_blank_values=True, errors="replace")
    except ValueError:
        return None
    fields = dict(pairs)
    for name in ("response", "response_code", "transactionid"):
        if sum(1 for found, _ in pairs if found == name) > 1:
            return None
    if fields.get("response") not in (APPROVED, DECLINED, FAILED):
        return None
    # The last field that always comes: without a whole one the reply was cut.
    if not re.fullmatch(r"\d{3}", fields.get("response_code", "")):
        return None

    def of(name: str) -> str:
        return clean(fields.get(name, "").strip(), limit=100)

    text, refid = split_text(fields.get("responsetext", ""))
    return TransactReply(
        response=fields["response"],
        code=fields["response_code"],
        text=text,
        refid=refid,
        transaction=of("transactionid"),
        order=of("orderid"),
        type=of("type"),
        auth_code=of("authcode"),
        avs=of("avsresponse"),
        cvv=of("cvvresponse"),
        currency=of("currency").upper(),
        amount=of("amount"),
        authorised=of("amount_authorized"),
        vault=of("customer_vault_id"),
        billing=of("billing_id"),
    )


def split_text(text: str) -> tuple[str, str]:
    """A gateway's words, fit to be stored, and the REFID that its support asks for (empty where there is none)."""
    found = _REFID.search(text)
    refid = found[1] if found else ""
    words = clean(" ".join(_REFID.sub("", text).split()), limit=_LONGEST_TEXT)
    return ("(withheld: it held a card number)" if find_card_number(words) else words), refid


def amount_text(amount: Money) -> str | None:
    """An amount as NMI takes it: always two decimals, so 4 yen are `4.00`. None where it cannot be written so without rounding."""
    digits = exponent(amount.currency)
    if digits not in (0, 2) or amount.minor < 0:
        return None
    hundredths = amount.minor * (1 if digits == 2 else 100)
    if hundredths > _MOST_HUNDREDTHS:
        return None
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def minor_of(text: str, currency: str) -> int | None:
    """An amount that NMI wrote, in minor units, without its sign; None where it is no amount of this currency."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    digits = exponent(currency)
    decimals = (found[2] or "").rstrip("0")
    if len(decimals) > digits:
        return None
    scale: int = 10**digits
    return int(found[1]) * scale + int(decimals.ljust(digits, "0") or "0")


_SOFT = (AttemptState.DECLINED_SOFT, Why.DECLINED)
_NEVER = (AttemptState.DECLINED_HARD, Why.NEVER)
_DATA = (AttemptState.DECLINED_HARD, Why.CARD_DATA)
_ACCOUNT = (AttemptState.REJECTED, Why.ACCOUNT)
_OPEN = (AttemptState.UNKNOWN, Why.NO_ANSWER)

_BY_CODE: dict[str, tuple[AttemptState, Why]] = {
    **dict.fromkeys(("200", "201", "202", "203", "240", "260", "264"), _SOFT),
    **dict.fromkeys(("204", "221", "222", "250", "251", "252", "253", "261", "262"), _NEVER),
    **dict.fromkeys(("220", "223", "224", "225", "226", "263", "461"), _DATA),
    "301": (AttemptState.NOT_SENT, Why.BUSY),
    # Between the gateway and the bank: whether money moved has to be asked.
    **dict.fromkeys(("400", "420", "421"), _OPEN),
    "430": (AttemptState.UNKNOWN, Why.DUPLICATE),
    **dict.fromkeys(("410", "411", "440", "460"), _ACCOUNT),
    "441": (AttemptState.REJECTED, Why.CARD_DATA),
}
#: What a 300 is about, by how its text begins or what it holds; the first that fits counts.
_BY_TEXT: tuple[tuple[str, Why], ...] = (
    ("only transactions pending settlement can be voided", Why.SETTLED),
    ("may not exceed the transaction balance", Why.EXCEEDS_BALANCE),
    # Before the duplicates themselves: this one is about switching their check off.
    ("disabling duplicate check", Why.ACCOUNT),
    ("duplicate transaction", Why.DUPLICATE),
    # Before what is not found: a key that is not found is no charge that is gone.
    ("api key", Why.ACCOUNT),
    ("authentication failed", Why.ACCOUNT),
    ("security key", Why.ACCOUNT),
    ("account is not set up", Why.ACCOUNT),
    ("invalid transaction id", Why.NO_SUCH_RECORD),
    ("invalid customer vault id", Why.NO_SUCH_RECORD),
    ("invalid credit card number", Why.CARD_DATA),
    ("invalid card", Why.CARD_DATA),
)


def refusal_of(response: str, code: str, text: str) -> tuple[AttemptState, Why]:
    """State and reason of a reply (or of an action in a report) that is no approval.

    A code or a text that is not known stays a refusal without a reason, never an approval.
    """
    if code == "300":
        words = " ".join(text.lower().split())
        why = next((why for mark, why in _BY_TEXT if mark in words), Why.OTHER)
        return AttemptState.REJECTED, why
    known = _BY_CODE.get(code)
    if known is not None:
        return known
    if code == "100":
        return AttemptState.UNKNOWN, Why.MISMATCH
    return _SOFT if response == DECLINED else (AttemptState.REJECTED, Why.OTHER)


_AVS = {
    **dict.fromkeys("XYDM26", "match"),
    **dict.fromkeys("AB37WZPL15", "partial"),
    **dict.fromkeys("NC48", "no match"),
}
_CVV = {"M": "match", "N": "no match"}


def checks_of(avs: str, cvv: str) -> dict[str, str]:
    """What was checked of address and code, in words: match, partial, no match, not checked. Nothing where NMI said nothing."""
    facts = {}
    if avs:
        facts["avs"] = _AVS.get(avs.upper(), "not checked")
    if cvv:
        facts["cvv"] = _CVV.get(cvv.upper(), "not checked")
    return facts
