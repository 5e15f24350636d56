"""Phone numbers as people write them: their digits, and whether what was typed can be one at all."""

from __future__ import annotations

import re
import unicodedata

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput

#: Longest text that a phone field takes.
LONGEST_PHONE = 60
#: Fewer digits cannot be dialled anywhere.
FEWEST_DIGITS = 3
_SPREADSHEET = re.compile(r"\d[.,]\d+[eE]\+?\d+")


def digits_of(text: str) -> str:
    """The digits of a text in ASCII, full-width and other scripts' digits included."""
    if text.isascii():
        return "".join(char for char in text if char.isdigit())
    return "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())


def is_spreadsheet_damage(text: str) -> bool:
    """Whether a spreadsheet has turned the number into `1.5550109999E+10`: its last digits are lost."""
    return _SPREADSHEET.fullmatch(text.strip()) is not None


def checked_phone(text: str, field: str = "phone") -> str:
    """The phone as typed, cleaned and trimmed; empty stays empty.

    A number that cannot be read internationally is kept all the same: the agent heard it, and its digits are still found.
    Errors: `InvalidInput` for fewer than three digits or for a text too long to be a number.
    """
    typed = clean(text).strip()
    if len(typed) > LONGEST_PHONE:
        raise InvalidInput(
            field, typed[:40] + "…", f"The phone number is longer than {LONGEST_PHONE} signs.", "Shorten it."
        )
    if typed and len(digits_of(typed)) < FEWEST_DIGITS:
        raise InvalidInput(
            field,
            typed,
            f"“{typed}” is not a phone number.",
            "Type at least three digits, or leave it empty.",
        )
    return typed
