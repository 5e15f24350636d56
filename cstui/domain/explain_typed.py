"""What a caller reads from his statement, as an agent types it in one line: `29.00 3 Nov …4242` (D-18)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TypeVar

from cstui.domain.clean import clean, find_card_number
from cstui.domain.errors import InvalidInput
from cstui.domain.explain import Wanted
from cstui.domain.money import Money, minor_from_typed

T = TypeVar("T")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = 100
_CARD = re.compile(r"^(?:…|\*+|x+|\.{2,}|-)(\d{4})$", re.IGNORECASE)
_ISO = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})$")
_DOTTED = re.compile(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})?$")
_SLASHED = re.compile(r"^(\d{1,2})/(\d{1,2})(?:/(\d{4}))?$")
_SIGNS = "$€£¥"
_HOW = "Type it such as 29.00 3 Nov …4242."


def read_wanted(text: str, currency: str, today: date, *, month_first: bool = True) -> Wanted:
    """Amount, day, last four digits and a reference, in any order; the amount is in `currency`. A day without a year is the last one.

    Four digits by themselves are those of a card. `month_first`: how `11/3` is meant. Errors: `InvalidInput`, also for a whole card number.
    """
    said = clean(text, limit=_LONGEST).strip()
    if find_card_number(said):
        raise InvalidInput(
            "charge", "", "A card's whole number is never typed here.", "Its last four digits will do."
        )
    words = said.replace(", ", " ").split()
    amount: Money | None = None
    on: date | None = None
    last4 = reference = ""
    at = 0
    while at < len(words):
        taken, day = _day(words[at : at + 3], today, month_first)
        word, at = words[at], at + max(taken, 1)
        card = _CARD.match(word)
        if day is not None:
            on = _once(on, day, "day")
        elif card or (re.fullmatch(r"\d{4}", word) and not last4):
            last4 = _once(last4, card[1] if card else word, "card")
        elif word.upper() == currency:
            continue
        elif _is_amount(word):
            minor = minor_from_typed(word.strip(_SIGNS), currency, "charge")
            amount = _once(amount, Money(abs(minor), currency), "amount")
        elif len(word.lstrip("#")) >= 3 and any(sign.isdigit() for sign in word):
            reference = _once(reference, word, "reference")
        else:
            raise InvalidInput("charge", word, f"“{word}” is neither amount, day, card nor reference.", _HOW)
    return Wanted(amount, on, last4, reference)


def _once(before: T | None, now: T, what: str) -> T:
    if before:
        raise InvalidInput("charge", str(now), f"There are two of these: {what}.", _HOW)
    return now


def _is_amount(word: str) -> bool:
    bare = word.strip(_SIGNS)
    return bool(bare) and bare.lstrip("-")[:1].isdigit() and all(sign in "0123456789.,-'" for sign in bare)


def _day(words: list[str], today: date, month_first: bool) -> tuple[int, date | None]:
    """How many words a day takes, and the day."""
    first = words[0].casefold()
    if first in ("today", "yesterday"):
        return 1, today - timedelta(days=int(first == "yesterday"))
    if found := _ISO.match(first):
        return 1, _made(int(found[1]), int(found[2]), int(found[3]), today)
    if found := _DOTTED.match(first):
        return 1, _made(int(found[3] or 0), int(found[2]), int(found[1]), today)
    if found := _SLASHED.match(first):
        one, two = int(found[1]), int(found[2])
        month, day = (one, two) if (month_first or two > 12) and one <= 12 else (two, one)
        return 1, _made(int(found[3] or 0), month, day, today)
    return _named(words, today)


def _named(words: list[str], today: date) -> tuple[int, date | None]:
    if len(words) < 2:
        return 0, None
    one, two = (word.casefold().strip(".,") for word in words[:2])
    months = [_month(one), _month(two)]
    number = two if months[0] else one
    month = months[0] or months[1]
    if not month or not re.fullmatch(r"\d{1,2}(st|nd|rd|th)?", number):
        return 0, None
    year = int(words[2]) if len(words) > 2 and re.fullmatch(r"20\d\d", words[2]) else 0
    return 2 + bool(year), _made(year, month, int(number.rstrip("stndrh")), today)


def _month(word: str) -> int:
    is_name = word.isalpha() and len(word) >= 3
    return _MONTHS.index(word[:3]) + 1 if is_name and word[:3] in _MONTHS else 0


def _made(year: int, month: int, day: int, today: date) -> date:
    """The day; without a year the last one that has come. Errors: `InvalidInput` for a day that no calendar has."""
    years = (year,) if year else range(today.year, today.year - 5, -1)
    for one in years:
        try:
            made = date(one, month, day)
        except ValueError:
            continue
        if year or made <= today:
            return made
    raise InvalidInput("charge", f"{day}", "No calendar has this day.", _HOW)
