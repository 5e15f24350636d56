"""Phone numbers in the one international form that finding compares (E.164)."""

from __future__ import annotations

import re
from functools import lru_cache

from cstui.domain.clean import REPLACEMENT
from cstui.domain.phones import LONGEST_PHONE, digits_of, is_spreadsheet_damage

_SEVERAL = re.compile(r"\s*(?:[;|]|/(?!/)|,(?!\d)|\bor\b)\s*", re.IGNORECASE)
_PLAIN = re.compile(r"'?(?:\+?|\()[0-9](?:[0-9 ()-]*[0-9])?")
_BETWEEN = re.compile(r"[' ()-]+")
#: With fewer digits blanks and dashes may tell more than where to breathe.
_ENOUGH = 7


@lru_cache(maxsize=4096)
def normalised_phone(text: str, country: str) -> str:
    """The number as `+12125550101`; empty where it cannot be read.

    `country` (two letters) tells how a national number is meant; a number with `+` or `00` needs none. Of several numbers in one
    field the first counts. An extension is left out. Numbers only have to be possible, not assigned: carriers open new ranges faster
    than lists follow.
    """
    if _PLAIN.fullmatch(text) and len(text) <= LONGEST_PHONE:
        # Nothing but digits and what people put between them: many spellings of one number are read once.
        digits = _BETWEEN.sub("", text)
        if len(digits) >= _ENOUGH and not digits.startswith("00"):
            return _read_once(digits, country)
    bare = text.replace(REPLACEMENT, "").strip().lstrip("'").strip()
    bare = bare[4:] if bare[:4].lower() == "tel:" else bare
    if not bare or is_spreadsheet_damage(bare) or not digits_of(bare).strip("0"):
        return ""
    first = _SEVERAL.split(bare, maxsplit=1)[0]
    if len(first) > LONGEST_PHONE:
        return ""
    read = _read(first, country)
    if not read and first.startswith("00"):
        read = _read("+" + first.lstrip("0"), country)
    return read


def _read(text: str, country: str) -> str:
    # 40 ms to import and not needed before the first number is typed or imported.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


_read_once = lru_cache(maxsize=4096)(_read)
