"""Reading what was typed into the search box: which terms to look for, in which spaces, and how good a match each would be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from cstui.domain.errors import UsageError
from cstui.domain.ids import Kind, read_public_id
from cstui.domain.search import Matched
from cstui.domain.search_terms import (
    END,
    LONGEST_TERM,
    PROVIDERS,
    WHOLE,
    Space,
    compact,
    digits_of,
    fold_email,
    split_calling_code,
    words_of,
)

#: Ranks: what identifies one record, a whole word, the beginning of one, a weaker guess, a part, a forgiven typing error.
UNIQUE, WHOLE_WORD, BEGINNING, GUESS, PART, FORGIVEN = range(6)
#: Longer queries, and those of several lines, are read as pasted text.
PASTED = 60
#: Nothing longer is read at all.
LONGEST_QUERY = 4_000

EMAIL_SHAPE = re.compile(r"[^\s@<>()\[\],;:\"']+@[^\s@<>()\[\],;:\"']+\.[^\s@<>()\[\],;:\"'.]+")
PHONE_SHAPE = re.compile(r"(?:\+|\b00|\(|\b)\d(?:[\s().\-/]{0,2}\d){6,14}\b")
_ORDER = re.compile(
    r"(?:#\s?|\border(?:\s+(?:no|nr|number|id))?\.?\s*[:#]*\s*)([a-z]{0,6}-?\d+)", re.IGNORECASE
)
_CODE = re.compile(r"\b(?=[a-z_]*\d)[a-z0-9_]{10,40}\b", re.IGNORECASE)
_PHONE_SIGNS = re.compile(r"[+()\d\s.\-/]+")
_MASKED = re.compile(r"(?:(\d{6})\d{0,2})?[*x•·.]{2,}(\d{4})", re.IGNORECASE)
_NARROWED = {
    "o": "order number", "p": "phone", "e": "e-mail", "n": "name", "s": "subscription", "order": "order number", "phone": "phone",
    "tel": "phone", "mail": "e-mail", "email": "e-mail", "name": "name", "card": "card", "visa": "card", "mastercard": "card",
    "amex": "card", "zip": "postcode", "postcode": "postcode", "plz": "postcode", "tracking": "tracking",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """One range of the index to look into.

    `whole`: only the text itself, or the text with more behind a blank. `with_words`: each must start a word of the person's name.
    `ending` must end the term.
    """

    space: Space
    text: str
    rank: int
    matched: Matched
    whole: bool = False
    with_words: tuple[str, ...] = ()
    ending: str = ""

    @property
    def end(self) -> str:
        """Where the range ends."""
        return self.text + (WHOLE if self.whole else END)

    @property
    def kind(self) -> Kind:
        """What the terms of this space lead to."""
        if self.space < Space.ORDER:
            return Kind.CUSTOMER
        return Kind.ORDER if self.space < Space.SUBSCRIPTION else Kind.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class Reading:
    """A query as it was understood. `record` is set where a prefixed id was typed; `words` and `codes` serve parts and typing errors."""

    read_as: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    hint: str = ""
    record: tuple[Kind, int] | None = None
    words: tuple[str, ...] = ()
    codes: tuple[tuple[Space, str], ...] = field(default=())


TOO_SHORT = "Type 3 letters or 4 digits."


def read_query(query: str, order_prefixes: tuple[str, ...] = ()) -> Reading:
    """Guesses what was typed (D-03). `order_prefixes`: how order numbers of the visible stores begin."""
    text = query[:LONGEST_QUERY].strip().replace("\0", "")
    if not text:
        return Reading(hint=TOO_SHORT)
    if (record := _record(text)) is not None:
        return Reading(("id",), record=record)
    if "\n" in text or len(text) > PASTED or ("@" in text.strip("@") and len(text.split()) > 1):
        return _read_pasted(text)
    return _deduplicated(_read_line(text, order_prefixes))


def _record(text: str) -> tuple[Kind, int] | None:
    try:
        return read_public_id(text)
    except UsageError:
        return None


def _deduplicated(reading: Reading) -> Reading:
    best: dict[tuple[Space, str, bool, tuple[str, ...], str], Probe] = {}
    for probe in reading.probes:
        text = probe.text[:LONGEST_TERM]
        key = (probe.space, text, probe.whole, probe.with_words, probe.ending)
        if text and (key not in best or probe.rank < best[key].rank):
            best[key] = replace(probe, text=text) if text is not probe.text else probe
    probes = sorted(best.values(), key=lambda probe: probe.rank)
    return replace(reading, probes=tuple(probes), read_as=tuple(dict.fromkeys(reading.read_as)))


def _read_line(text: str, order_prefixes: tuple[str, ...]) -> Reading:
    head, mark, rest = text.partition(":")
    if not mark:
        head, mark, rest = text.partition(" ")
        if len(head) == 1 or not any(sign.isdigit() for sign in rest):
            mark = ""
    narrowed = _NARROWED.get(head.strip().lower()) if mark else None
    if narrowed and rest.strip():
        return _read_as(narrowed, rest.strip(), order_prefixes)
    if (masked := _MASKED.fullmatch(re.sub(r"[\s\-]", "", text))) is not None:
        return Reading(("card last 4",), _card_probes(masked[1] or "", masked[2]))
    if "@" in text:
        return _read_email(text)
    if text.startswith("#"):
        return _read_as("order number", text[1:], order_prefixes)
    if _PHONE_SIGNS.fullmatch(text) and (digits := digits_of(text)):
        return _read_digits(text, digits)
    return _read_words(text, order_prefixes)


def _read_as(what: str, text: str, order_prefixes: tuple[str, ...]) -> Reading:
    """A query that says itself what it is: `o: 1001`, `#1001`, `card 4242`."""
    code, digits = compact(text), digits_of(text)
    if what == "order number":
        return Reading((what,), order_probes(code), codes=((Space.ORDER, code),))
    if what == "phone":
        return Reading((what,), phone_probes(text, digits), codes=_phone_codes(text, digits))
    if what == "e-mail":
        return _read_email(text)
    if what == "name":
        return Reading((what,), _name_probes(words_of(text)), words=tuple(words_of(text)))
    if what == "card":
        return Reading(("card last 4",), _card_probes(digits[:6] if len(digits) >= 10 else "", digits[-4:]))
    if what == "postcode":
        return Reading((what,), (Probe(Space.POSTCODE, code, BEGINNING, Matched.POSTCODE),))
    if what == "tracking":
        return Reading((what,), (Probe(Space.TRACKING, code, UNIQUE, Matched.TRACKING),))
    return Reading(
        (what,),
        (
            Probe(Space.SUBSCRIPTION, code, UNIQUE, Matched.SUBSCRIPTION),
            *(replace(probe, rank=GUESS) for probe in _read_line(text, order_prefixes).probes),
        ),
    )


def order_probes(code: str) -> tuple[Probe, ...]:
    """An order number: the very one first, then those that begin with it."""
    found = [Probe(Space.ORDER, code, UNIQUE, Matched.ORDER_NUMBER, whole=True)]
    if code.isdigit():
        found.append(Probe(Space.ORDER_DIGITS, code, UNIQUE, Matched.ORDER_NUMBER, whole=True))
    if len(code) >= 4:
        found += [replace(probe, rank=BEGINNING, whole=False) for probe in found]
    return tuple(found)


def phone_probes(text: str, digits: str) -> tuple[Probe, ...]:
    """A phone number: the very one, its beginning, its end."""
    national = digits.lstrip("0")
    if len(national) < 3:
        return ()
    if text.startswith("+") or digits.startswith("00"):
        code, national = split_calling_code(national)
        if not national:
            return ()
        return (
            Probe(Space.PHONE, f"{national} {code}", UNIQUE, Matched.PHONE, whole=True),
            Probe(Space.PHONE, national, BEGINNING, Matched.PHONE, ending=f" {code}"),
        )
    long_enough = len(digits) >= 9
    found = [
        Probe(Space.PHONE, national, UNIQUE if len(digits) >= 7 else BEGINNING, Matched.PHONE, whole=True),
        Probe(Space.PHONE, national, BEGINNING, Matched.PHONE),
    ]
    if len(national) >= 4:
        matched = Matched.PHONE if long_enough else Matched.PHONE_END
        rank = UNIQUE if long_enough else WHOLE_WORD if len(digits) >= 7 else BEGINNING
        found.append(Probe(Space.PHONE_END, national[::-1], rank, matched))
    return tuple(found)


def _phone_codes(text: str, digits: str) -> tuple[tuple[Space, str], ...]:
    """The national numbers that digits may stand for, to look for typing errors in."""
    national = digits.lstrip("0")
    without_code = split_calling_code(national)[1]
    if text.startswith("+") or digits.startswith("00"):
        return ((Space.PHONE, without_code),)
    return (
        ((Space.PHONE, national), (Space.PHONE, without_code))
        if len(national) >= 11
        else ((Space.PHONE, national),)
    )


def _card_probes(bin6: str, last4: str) -> tuple[Probe, ...]:
    if bin6:
        return (Probe(Space.BIN, bin6 + last4, WHOLE_WORD, Matched.CARD, whole=True),)
    return (Probe(Space.CARD, last4, BEGINNING, Matched.CARD, whole=True),)


def _read_digits(text: str, digits: str) -> Reading:
    """Digits with the signs that phones and numbers are written with."""
    probes = list(order_probes(digits))
    read_as = ["order number"]
    if len(digits) < 4:
        return Reading(("order number",), tuple(probes), hint=TOO_SHORT)
    if text.startswith(("+", "00", "(")):
        probes, read_as = [], []
    if len(digits) <= 16:
        probes += phone_probes(text, digits)
        read_as.append("phone")
    if text.startswith(("+", "(")):
        return Reading(tuple(read_as), tuple(probes), codes=_phone_codes(text, digits))
    if len(digits) == 4:
        probes += _card_probes("", digits)
        read_as.append("card last 4")
    if len(digits) in (4, 5, 6, 9):
        probes.append(Probe(Space.POSTCODE, digits, BEGINNING, Matched.POSTCODE, whole=len(digits) != 5))
        read_as.append("postcode")
    if len(digits) in (6, 10):
        probes.append(Probe(Space.BIN, digits, BEGINNING, Matched.CARD))
    if 13 <= len(digits) <= 19:
        probes += _card_probes(digits[:6], digits[-4:])
    if len(digits) >= 6:
        probes += _code_probes(digits)
    if len(digits) <= 8:
        probes.append(Probe(Space.EMAIL_PART, digits, GUESS, Matched.EMAIL))
    codes = (*_phone_codes(text, digits), (Space.ORDER, digits))
    return Reading(tuple(read_as), tuple(probes), codes=codes)


def _code_probes(code: str) -> tuple[Probe, ...]:
    return (
        Probe(Space.TRANSACTION, code, WHOLE_WORD, Matched.TRANSACTION),
        Probe(Space.TRACKING, code, WHOLE_WORD, Matched.TRACKING),
        Probe(Space.SUBSCRIPTION, code, WHOLE_WORD, Matched.SUBSCRIPTION),
    )


def _read_email(text: str) -> Reading:
    email = fold_email(text).strip("<>").removeprefix("mailto:").replace(" ", "")
    if email.startswith("@"):
        domain = email[1:]
        if len(domain) < 2:
            return Reading(hint=TOO_SHORT)
        probes = [Probe(Space.DOMAIN, domain, BEGINNING, Matched.DOMAIN)]
        probes += [
            Probe(Space.DOMAIN, name, GUESS, Matched.DOMAIN, whole=True)
            for name in PROVIDERS
            if name.startswith(domain)
        ]
        return Reading(("e-mail domain",), tuple(probes), words=tuple(words_of(domain)[:1]))
    return Reading(
        ("e-mail",),
        (
            Probe(Space.EMAIL, email, UNIQUE, Matched.EMAIL),
            Probe(Space.EMAIL_PART, email, BEGINNING, Matched.EMAIL),
        ),
        codes=((Space.EMAIL, email),) if EMAIL_SHAPE.fullmatch(email) else (),
    )


def _read_words(text: str, order_prefixes: tuple[str, ...]) -> Reading:
    words, code = words_of(text), compact(text)
    if not words or sum(2 if sign > "\u2e80" else 1 for sign in code) < 3:
        return Reading(hint=TOO_SHORT)
    if not any(sign.isdigit() for sign in code):
        return _read_letters(text, words, code, order_prefixes)
    tokens = [compact(token) for token in text.replace(",", " ").split()]
    names = [token for token in tokens if token.isalpha()]
    numbers = "".join(token for token in tokens if not token.isalpha())
    probes: list[Probe] = []
    read_as: list[str] = []
    if len(code) <= 8:
        probes.append(Probe(Space.POSTCODE, code, WHOLE_WORD, Matched.POSTCODE))
        read_as.append("postcode")
    if names and numbers:
        probes += _named_number_probes(tuple(names), numbers)
        read_as += ["name", "with a number"]
    else:
        probes += [*order_probes(code), *_code_probes(code)]
        email = fold_email(text)
        probes.append(Probe(Space.EMAIL, email, BEGINNING, Matched.EMAIL))
        probes.append(Probe(Space.EMAIL_PART, email, GUESS, Matched.EMAIL))
        probes.append(Probe(Space.COMPANY, " ".join(words), GUESS, Matched.COMPANY))
        read_as += ["order number", "e-mail"]
    if _starts_like_an_order(code, order_prefixes):
        probes += order_probes(code)
        read_as.insert(0, "order number")
    letters = tuple(word for word in words if word.isalpha())
    return Reading(
        tuple(read_as), tuple(probes), words=letters, codes=() if names else ((Space.ORDER, code),)
    )


def _starts_like_an_order(code: str, order_prefixes: tuple[str, ...]) -> bool:
    return any(prefix and code.startswith(compact(prefix) or "\0") for prefix in order_prefixes)


def _named_number_probes(names: tuple[str, ...], number: str) -> list[Probe]:
    """A name and a number in one query: the number is a postcode, a card's last 4, the end of a phone or an order."""
    spaces = [(Space.POSTCODE, Matched.POSTCODE)]
    if number.isdigit() and len(number) == 4:
        spaces.append((Space.CARD, Matched.CARD))
    found = []
    for space, matched in spaces:
        # The last name follows the number in the term; any other name is a filter.
        found += [Probe(space, f"{number} {name}", WHOLE_WORD, matched, with_words=names) for name in names]
        found.append(Probe(space, number, BEGINNING, matched, with_words=names))
    if number.isdigit() and len(number) >= 3:
        is_whole = len(number) >= 9
        end = (number.lstrip("0") if is_whole else number)[::-1]
        matched = Matched.PHONE if is_whole else Matched.PHONE_END
        found.append(Probe(Space.PHONE_END, end, WHOLE_WORD, matched, with_words=names))
    found += [probe for probe in order_probes(number) if probe.whole]
    return found


def _read_letters(text: str, words: list[str], code: str, order_prefixes: tuple[str, ...]) -> Reading:
    probes = list(_name_probes(words))
    probes.append(Probe(Space.COMPANY, " ".join(words), BEGINNING, Matched.COMPANY))
    read_as = ["name"]
    if len(text.split()) == 1:
        email = fold_email(text)
        dotted = any(sign in email for sign in "._+-")
        probes.append(Probe(Space.EMAIL, email, WHOLE_WORD if dotted else GUESS, Matched.EMAIL))
        probes.append(Probe(Space.EMAIL_PART, email, BEGINNING if dotted else GUESS, Matched.EMAIL))
        if len(email) >= 4:
            probes.append(Probe(Space.DOMAIN, email, GUESS, Matched.DOMAIN))
        read_as.append("e-mail")
    if _starts_like_an_order(code, order_prefixes):
        probes += order_probes(code)
        read_as.append("order number")
    return Reading(tuple(read_as), tuple(probes), words=tuple(words))


def _name_probes(words: list[str]) -> tuple[Probe, ...]:
    """Names in any order: as typed, the last word first, and the longest words with the others as a filter."""
    words = words[:4]
    if not words:
        return ()
    if len(words) == 1:
        return (
            Probe(Space.NAME, words[0], WHOLE_WORD, Matched.NAME, whole=True),
            Probe(Space.NAME, words[0], BEGINNING, Matched.NAME),
        )
    orders = [words, [words[-1], *words[:-1]], [*words[1:], words[0]]]
    found = [Probe(Space.NAME, " ".join(order), WHOLE_WORD, Matched.NAME) for order in orders]
    # Where one of the words is rare, its range with the others as a filter holds every answer.
    for word in sorted(words, key=len)[-2:]:
        others = list(words)
        others.remove(word)
        found.append(Probe(Space.NAME, word, BEGINNING, Matched.NAME, with_words=tuple(others)))
    return tuple(found)


def _read_pasted(text: str) -> Reading:
    """A signature or a whole e-mail: its identifiers are pulled out and looked for exactly."""
    probes: list[Probe] = []
    read_as: list[str] = []
    for email in list(dict.fromkeys(EMAIL_SHAPE.findall(text)))[:5]:
        probes.append(Probe(Space.EMAIL, fold_email(email).strip("."), UNIQUE, Matched.EMAIL, whole=True))
        read_as.append("e-mail")
    without = EMAIL_SHAPE.sub(" ", text)
    for number in list(dict.fromkeys(_ORDER.findall(without)))[:5]:
        probes += [probe for probe in order_probes(compact(number)) if probe.whole]
        read_as.append("order number")
    for phone in list(
        dict.fromkeys(match[0].strip() for match in PHONE_SHAPE.finditer(_ORDER.sub(" ", without)))
    )[:5]:
        digits = digits_of(phone)
        probes += [probe for probe in phone_probes(phone.lstrip("("), digits) if probe.rank == UNIQUE]
        read_as.append("phone")
    for code in list(dict.fromkeys(_CODE.findall(without)))[:5]:
        probes += [replace(probe, whole=True, rank=UNIQUE) for probe in _code_probes(compact(code))]
    if not probes:
        words = words_of(text.splitlines()[0] if text.splitlines() else text)[:3]
        return _deduplicated(Reading(("name",), _name_probes(words), words=tuple(words)))
    return _deduplicated(Reading(tuple(read_as), tuple(probes)))
