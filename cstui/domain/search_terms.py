"""Search terms: how names, e-mails, phones, postcodes and numbers are written in the index, the same on both databases.

A term lies in a `Space`. All terms are folded (case, accents, punctuation), so that what was typed is compared byte by byte. A blank
separates what was asked for from what only narrows it: `12207 lee ann` is a postcode with its name, so everything below
`12207!` is that very postcode.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

#: Longest term, in characters; longer ones are cut on both sides of the comparison.
LONGEST_TERM = 80
#: Sorts after every term that starts with what stands before it.
END = "\U0010ffff"
#: Sorts after the text itself and after the text with a blank and more behind it, before everything else.
WHOLE = "!"
#: Most terms of one sort that one person gets.
MOST_OF_A_SORT = 8

_AGE_ZERO = 4_102_444_800  # 2100-01-01, in seconds
#: Mail providers with so many customers that their domain tells nothing; found by reading the newest people instead.
PROVIDERS = frozenset(
    ("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com", "googlemail.com", "live.com")
)  # fmt: skip
_ONE_DIGIT_CODES = "17"
_TWO_DIGIT_CODES = re.compile(r"2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "å": "aa", "Å": "aa"}
)
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_WORD = re.compile(r"[^\W_]+")
_NOT_ALNUM = re.compile(r"[\W_]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"(?:ext\.?|extension|x|#|;ext=)\s*\d{1,6}\s*$", re.IGNORECASE)
_SPLIT_LOCAL = re.compile(r"[._+\-]+")


class Space(IntEnum):
    """What a term is of. Below 20 it leads to a customer, from 20 to an order, from 30 to a subscription."""

    EMAIL = 1
    EMAIL_PART = 2
    DOMAIN = 3
    NAME = 4
    COMPANY = 5
    PHONE = 6
    PHONE_END = 7
    POSTCODE = 8
    CARD = 9
    BIN = 10
    ORDER = 20
    ORDER_DIGITS = 21
    TRANSACTION = 22
    TRACKING = 23
    SUBSCRIPTION = 30


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What a caller may say of himself, as one store knows it: pairs of (first name, last name), (phone as typed, E.164), (last 4, BIN)."""

    names: tuple[tuple[str, str], ...] = ()
    companies: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[tuple[str, str], ...] = ()
    postcodes: tuple[str, ...] = ()
    cards: tuple[tuple[str, str], ...] = ()


Term = tuple[int, str]


def age_of(at: datetime) -> int:
    """How far before 2100 an instant lies, in minutes: the newest sorts first, in four bytes."""
    return max(0, int(_AGE_ZERO - at.timestamp()) // 60)


def fold(text: str) -> str:
    """Text without case, accents, apostrophes and NUL: what is compared."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = unicodedata.normalize(
            "NFC",
            "".join(sign for sign in decomposed if not unicodedata.category(sign).startswith(("M", "C"))),
        ).translate(_LETTERS)
    return _APOSTROPHES.sub("", text.lower().replace("\0", ""))


def words_of(text: str) -> list[str]:
    """The folded words of a text."""
    return _WORD.findall(fold(text))


def compact(text: str) -> str:
    """A number or code without blanks, punctuation and case: `# GN-98 89` is `gn9889`."""
    return _NOT_ALNUM.sub("", fold(text))[:LONGEST_TERM]


def digits_of(text: str) -> str:
    """The digits 0 to 9 of a text, in any script's digits."""
    if not text.isascii():
        text = "".join(str(unicodedata.digit(sign, sign)) for sign in text)
    return _NOT_DIGIT.sub("", text)


def split_calling_code(digits: str) -> tuple[str, str]:
    """International digits as (calling code, national number without leading zeros)."""
    length = 1 if digits[:1] in _ONE_DIGIT_CODES else 2 if _TWO_DIGIT_CODES.match(digits) else 3
    return digits[:length], digits[length:].lstrip("0")


def _phone_terms(typed: str, e164: str, sort_name: str) -> Iterator[Term]:
    number = e164 or _EXTENSION.sub("", typed.strip())
    digits = digits_of(number)
    if len(digits) < 4:
        return
    code = ""
    if number.startswith("+") or digits.startswith("00"):
        code, national = split_calling_code(digits.removeprefix("00"))
        digits = code + national
    else:
        digits = national = digits.lstrip("0")
    if len(national) >= 4:
        yield Space.PHONE, f"{national} {code}"
        yield Space.PHONE_END, _cut(f"{digits[::-1]} {sort_name}")


def _email_terms(email: str, name_words: Iterable[str]) -> Iterator[Term]:
    email = fold_email(email)
    local, at, domain = email.rpartition("@")
    if not at:
        return
    yield Space.EMAIL, _cut(email)
    if domain not in PROVIDERS:
        yield Space.DOMAIN, _cut(domain)
    for start in sorted(_starts_in(local, name_words))[:3]:
        yield Space.EMAIL_PART, _cut(email[start:])


def _starts_in(local: str, name_words: Iterable[str]) -> set[int]:
    """Where a person would start to read inside the part before the @: behind a separator, at a name, at digits."""
    starts = {match.end() for match in _SPLIT_LOCAL.finditer(local)}
    for word in name_words:
        if len(word) >= 3:
            starts.add(local.find(word))
    digits = re.search(r"(?<=[^0-9._+\-])[0-9]{3,}", local)
    if digits:
        starts.add(digits.start())
    return {start for start in starts if 0 < start <= len(local) - 3}


def fold_email(email: str) -> str:
    """An e-mail as the index has it: without blanks and case."""
    return "".join(email.casefold().replace("\0", "").split())


def rotations(words: list[str]) -> list[str]:
    """The words in their order, started at each of them: `ann lee`, `lee ann`. At most four."""
    if len(words) > 6:
        words = [*words[:3], *words[-3:]]
    starts = range(len(words)) if len(words) <= 4 else [0, 1, 2, len(words) - 1]
    return [" ".join(words[start:] + words[:start])[:LONGEST_TERM] for start in starts]


def _spellings(text: str) -> list[list[str]]:
    """The words of a text; twice where it has umlauts, which many type as two letters."""
    found = [words_of(text)]
    if not text.isascii() and (spelled := text.translate(_UMLAUTS)) != text:
        found.append(words_of(spelled))
    return [words for words in found if words]


def _cut(term: str) -> str:
    return term[:LONGEST_TERM].rstrip() if len(term) > LONGEST_TERM else term


def terms_of_customer(facts: PersonFacts) -> list[Term]:
    """The terms of one customer in one store, each once."""
    found: dict[Term, None] = {}
    sort_name = ""
    name_words: list[str] = []
    for first, last in facts.names[:MOST_OF_A_SORT]:
        for words in _spellings(f"{first} {last}"):
            found.update(((Space.NAME, term), None) for term in rotations(words))
            name_words += words
        sort_name = sort_name or " ".join(words_of(last) + words_of(first))
    for company in facts.companies[:MOST_OF_A_SORT]:
        for words in _spellings(company):
            found.update(((Space.COMPANY, term), None) for term in rotations(words))
            sort_name = sort_name or " ".join(words)
    for email in facts.emails[:MOST_OF_A_SORT]:
        found.update((term, None) for term in _email_terms(email, name_words))
    for typed, e164 in facts.phones[:MOST_OF_A_SORT]:
        found.update((term, None) for term in _phone_terms(typed, e164, sort_name))
    for postcode in facts.postcodes[:MOST_OF_A_SORT]:
        if len(code := compact(postcode)) >= 3:
            found[Space.POSTCODE, _cut(f"{code} {sort_name}")] = None
    for last4, bin6 in ((digits_of(a), digits_of(b)) for a, b in facts.cards[:MOST_OF_A_SORT]):
        if last4:
            found[Space.CARD, _cut(f"{last4} {sort_name}")] = None
        if bin6:
            found[Space.BIN, _cut(f"{bin6}{last4} {sort_name}")] = None
    return list(found)


def vocabulary_of(terms: Iterable[Term]) -> set[str]:
    """The words that may be mistyped or asked for in part: of names, companies and own mail domains."""
    words: set[str] = set()
    for space, term in terms:
        if space in (Space.NAME, Space.COMPANY):
            words.update(word for word in term.split() if 4 <= len(word) <= 24 and not word[0].isdigit())
    return words


def terms_of_order(number: str) -> list[Term]:
    """The terms of an order: its number as written, and its digits where it has a prefix."""
    written = compact(number)
    if not written:
        return []
    found = [(int(Space.ORDER), written)]
    digits = digits_of(written)
    if digits and digits != written:
        found.append((int(Space.ORDER_DIGITS), digits))
    return found


def terms_of_reference(space: Space, reference: str) -> list[Term]:
    """The term of a transaction's id, a tracking number or a subscription's number."""
    written = compact(reference)
    return [(int(space), written)] if written else []


def deletions(word: str) -> set[str]:
    """The word, and the word with each one letter left out: two words one edit apart share one of these."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def endings(word: str) -> Iterator[str]:
    """The word's endings of three letters and more, without the whole word: a part of a word starts one of them."""
    for start in range(1, len(word) - 2):
        yield word[start:]


def within_one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less or different, or two neighbours swapped, makes one text the other."""
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1:
        return False
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    rest, others = one[same:], other[same:]
    return (
        rest[1:] == others[1:]
        or rest[1:] == others
        or rest == others[1:]
        or (rest[:2] == others[:2][::-1] and rest[2:] == others[2:])
    )


def edits(text: str, signs: str, before: int = LONGEST_TERM) -> set[str]:
    """Every text one edit away, made of `signs` where a letter is put in; only edits that begin before a position."""
    end = min(before, len(text))
    found = {text[:i] + text[i + 1 :] for i in range(end)}
    found |= {text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(min(end, len(text) - 1))}
    for sign in signs:
        found |= {text[:i] + sign + text[i + 1 :] for i in range(end)}
        found |= {text[:i] + sign + text[i:] for i in range(min(before, len(text) + 1))}
    return found - {text}
