"""What text may hold: nothing that steers a terminal, and no card number in free text."""

import re
import unicodedata
from typing import Final

REPLACEMENT: Final = "\ufffd"
"""Stands where a forbidden character stood, so that a person sees that something was there."""

LINE_LIMIT: Final = 1_000
"""Longest one-line value, in characters, that `clean` lets through."""

BLOCK_LIMIT: Final = 100_000
"""Longest text of several lines, in characters, that `clean` lets through."""

MARKS_IN_A_ROW: Final = 4
"""Combining marks (and joiners) that may follow one character."""

ELLIPSIS: Final = "…"

_STEERING: Final = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN: Final = "\u200b\u2028\u2029\u2060\ufeff\ud800-\udfff"

FORBIDDEN: Final = _STEERING + _UNSEEN
"""The inside of a regular-expression class: C0, DEL, C1, bidi controls, zero-width characters, line and
paragraph separators, lone surrogates. ZWJ and ZWNJ are not in it: emoji and Indic scripts need them."""

_FORBIDDEN_ON_A_LINE: Final = re.compile(f"[{FORBIDDEN}]")
_FORBIDDEN_IN_A_BLOCK: Final = re.compile(f"(?!\n)[{FORBIDDEN}]")
_JOINERS: Final = "\u200c\u200d"
_FIRST_MARK: Final = "\u0300"


def clean(text: str, multiline: bool = False, limit: int | None = None) -> str:
    """`text` in NFC, with every character that could steer a terminal replaced by U+FFFD.

    One line unless `multiline`: then line feeds stay and CR LF becomes LF. A tab becomes a space. Over
    `limit` characters (default `LINE_LIMIT` or `BLOCK_LIMIT`) it is cut and ends with "…", so whoever stores
    text checks the length first. `clean(clean(x)) == clean(x)`.
    """
    if limit is None:
        limit = BLOCK_LIMIT if multiline else LINE_LIMIT
    if len(text) <= limit:
        if text.isascii() and text.isprintable():
            return text
        if multiline and text.isascii() and text.replace("\n", "").isprintable():
            return text
    return _cleaned(text, multiline, limit)


def _cleaned(text: str, multiline: bool, limit: int) -> str:
    # A composed character is at most a few code points: four limits of input hold one limit of output, and
    # a name of a megabyte costs no more than a long one.
    cut = len(text) > 4 * limit
    if cut:
        text = text[: 4 * limit]
    if not text.isprintable():
        text = text.replace("\t", " ").replace("\r\n", "\n")
        text = (_FORBIDDEN_IN_A_BLOCK if multiline else _FORBIDDEN_ON_A_LINE).sub(REPLACEMENT, text)
    if text and max(text) >= _FIRST_MARK:
        # Before composing as well: putting a long run of marks in order takes quadratic time.
        text = _with_few_marks(text)
        if not unicodedata.is_normalized("NFC", text):
            text = _with_few_marks(unicodedata.normalize("NFC", text))
    if cut or len(text) > limit:
        text = text[: limit - 1] + ELLIPSIS if limit > 0 else ""
    return text


def _with_few_marks(text: str) -> str:
    """`text` without the marks past `MARKS_IN_A_ROW`; spacing marks neither count nor end a run."""
    kept: list[str] = []
    run = 0
    category = unicodedata.category
    for char in text:
        if char < _FIRST_MARK:
            run = 0
        elif char in _JOINERS or (kind := category(char)) in ("Mn", "Me"):
            run += 1
            if run > MARKS_IN_A_ROW:
                continue
        elif kind != "Mc":
            run = 0
        kept.append(char)
    return text if len(kept) == len(text) else "".join(kept)


# Card numbers -------------------------------------------------------------------------------------

_GAP: Final = r"[ \t\u00a0\u2007\u2009\u202f.\-\u2010-\u2015\u2212]{1,3}"
_RUN: Final = re.compile(rf"\d(?:(?:{_GAP})?\d){{12,}}")
_GROUP: Final = re.compile(r"\d+")
_CARD_WORD: Final = re.compile(
    r"\b(?:card|cards|visa|pan|cc|karte|kreditkarte|carte|tarjeta|carta)\b", re.IGNORECASE
)
_SIXTEEN: Final = frozenset({16})
_UP_TO_19: Final = frozenset({16, 17, 18, 19})

_ISSUERS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("4", "4", frozenset({13, 16, 19})),
    ("51", "55", _SIXTEEN),
    ("2221", "2720", _SIXTEEN),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("6011", "6011", _UP_TO_19),
    ("644", "659", _UP_TO_19),
    ("62", "62", _UP_TO_19),
    ("3528", "3589", _UP_TO_19),
    ("300", "305", frozenset({14})),
    ("3095", "3095", frozenset({14})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("2200", "2204", _UP_TO_19),
    ("60", "60", _SIXTEEN),
    ("81", "82", _SIXTEEN),
    ("508", "508", _SIXTEEN),
    ("506099", "506198", frozenset({16, 18, 19})),
    ("9792", "9792", _SIXTEEN),
    ("5018", "5020", frozenset(range(13, 20))),
    ("5038", "5038", frozenset(range(13, 20))),
    ("5893", "5893", frozenset(range(13, 20))),
    ("6304", "6304", frozenset(range(13, 20))),
    ("6759", "6763", frozenset(range(13, 20))),
)
"""First and last prefix that an issuer owns, and how long its numbers are."""

_ODD_GROUPINGS: Final = frozenset({(4, 6, 5), (4, 6, 4), (4, 3, 3, 3), (6, 4, 5), (6, 4, 4)})


def find_card_number(text: str) -> str | None:
    """The first card number in `text`, masked to its last four ("**** **** **** 1111"), or None.

    A card number is 13 to 19 digits, plain or in the groups that people write cards in, which begin as an
    issuer's numbers do and pass the Luhn check. Phone numbers after a plus sign, identifiers that mix
    letters and digits, and 13 digits without a word such as "card" in the text (bar codes, foreign phones)
    are let by.
    """
    for run in _RUN.finditer(text):
        groups = [(g.start() + run.start(), _digits(g.group())) for g in _GROUP.finditer(run.group())]
        for first in range(len(groups)):
            number = ""
            for last in range(first, len(groups)):
                number += groups[last][1]
                if len(number) > 19:
                    break
                shape = tuple(len(digits) for _, digits in groups[first : last + 1])
                if len(number) >= 13 and _is_card(text, groups[first][0], groups[last], number, shape):
                    return f"**** **** **** {number[-4:]}"
    return None


def _digits(written: str) -> str:
    """The same digits in ASCII: full-width and other scripts' digits count too."""
    return written if written.isascii() else "".join(str(unicodedata.decimal(char)) for char in written)


def _is_card(text: str, start: int, last: tuple[int, str], number: str, shape: tuple[int, ...]) -> bool:
    if not (_has_card_shape(shape) and _has_issuer(number) and passes_luhn(number)):
        return False
    end = last[0] + len(last[1])
    before, after = _word_before(text, start), _word_after(text, end)
    if any(char.isdigit() or char == "_" for char in before + after):
        return False
    if len(number) <= 15 and text[max(0, start - 1) : start] == "+":
        return False
    return not (shape == (13,) and _CARD_WORD.search(text) is None)


def _has_card_shape(shape: tuple[int, ...]) -> bool:
    """Whether people write card numbers in groups of these lengths."""
    *head, tail = shape
    if not head or shape in _ODD_GROUPINGS or all(size % 4 == 0 for size in head):
        return True
    return len(set(head)) == 1 and head[0] <= 5 and tail <= head[0]


def _has_issuer(number: str) -> bool:
    return any(
        low <= number[: len(low)] <= high and len(number) in lengths for low, high, lengths in _ISSUERS
    )


def passes_luhn(number: str) -> bool:
    """Whether the last of these ASCII digits is the check digit of those before it."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _word_before(text: str, start: int) -> str:
    at = start
    while at > 0 and start - at < 32 and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    return text[at:start]


def _word_after(text: str, end: int) -> str:
    at = end
    while at < len(text) and at - end < 32 and (text[at].isalnum() or text[at] == "_"):
        at += 1
    return text[end:at]
