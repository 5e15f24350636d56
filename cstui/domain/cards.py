"""Cards as they are typed: checked here, handed on in memory, never part of anything that is stored, logged or shown."""

from __future__ import annotations

from datetime import date

from cstui.domain.clean import passes_luhn
from cstui.domain.errors import InvalidFields, InvalidInput

_BRANDS: tuple[tuple[str, tuple[tuple[int, int], ...], tuple[int, ...], int], ...] = (
    ("Amex", ((34, 34), (37, 37)), (15,), 4),
    ("Visa", ((4, 4),), (13, 16, 19), 3),
    ("Mastercard", ((51, 55), (2221, 2720)), (16,), 3),
    ("Discover", ((6011, 6011), (644, 649), (65, 65)), (16, 19), 3),
    ("JCB", ((3528, 3589),), (16, 19), 3),
    ("Diners", ((300, 305), (36, 36), (38, 39)), (14, 19), 3),
    ("Maestro", ((50, 50), (56, 58), (6, 6)), (12, 13, 14, 15, 16, 17, 18, 19), 3),
)


class TypedCard:
    """A card as it was typed: number, expiry, code. Its text is always `<card>`; nothing here is ever copied into a row or a log.

    `wipe()` forgets number and code; Python cannot promise that the memory is clean then.
    """

    __slots__ = ("_code", "_number", "expiry_month", "expiry_year", "holder", "postcode")

    def __init__(
        self,
        number: str,
        expiry_month: int,
        expiry_year: int,
        code: str,
        holder: str = "",
        postcode: str = "",
    ) -> None:
        self._number = number
        self._code = code
        self.expiry_month = expiry_month
        self.expiry_year = expiry_year
        self.holder = holder
        self.postcode = postcode

    def __repr__(self) -> str:
        return "<card>"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a typed card is never written anywhere")

    @property
    def number(self) -> str:
        """The digits, for the one request that needs them."""
        return self._number

    @property
    def code(self) -> str:
        """The security code, for the one request that needs it."""
        return self._code

    @property
    def brand(self) -> str:
        """Which brand it is, by its first digits; empty where none fits."""
        return brand_of(self._number)

    @property
    def last4(self) -> str:
        """What may be shown."""
        return self._number[-4:]

    @property
    def bin6(self) -> str:
        """The issuer's digits: kept to find by, never shown."""
        return self._number[:6]

    def wipe(self) -> None:
        """Forgets number and code."""
        self._number, self._code = "", ""


def brand_of(number: str) -> str:
    """The brand of a card number by its first digits, empty where none fits."""
    for brand, ranges, _, _ in _BRANDS:
        for low, high in ranges:
            head = number[: len(str(low))]
            if head.isdigit() and low <= int(head) <= high:
                return brand
    return ""


def grouped(number: str) -> str:
    """The digits of a number in the groups that stand on the card: 4-6-5 on an Amex, else fours."""
    digits = "".join(sign for sign in number if sign.isdigit())
    ends = (4, 10, len(digits)) if brand_of(digits) == "Amex" else range(4, len(digits) + 4, 4)
    groups, at = [], 0
    for end in ends:
        groups.append(digits[at:end])
        at = end
    return " ".join(group for group in groups if group)


def problem_of(field: str, number: str, expiry: str, code: str, today: date) -> InvalidInput | None:
    """What is wrong with one field (`number`, `expiry`, `code`) as it stands; None where nothing is, or where nothing was typed yet."""
    digits = "".join(sign for sign in number if sign.isdigit())
    if field == "number" and number.strip():
        return _number_problem(digits, _is_odd(number))
    if field == "expiry" and expiry.strip():
        return _expiry_problem(*_expiry(expiry), today)
    if field == "code" and code.strip():
        return _code_problem(code.strip(), digits)
    return None


def typed_card(number: str, expiry: str, code: str, holder: str, postcode: str, today: date) -> TypedCard:
    """The card that was typed, where it can be one: brand, length, check digit, expiry, code (CARD-04).

    `expiry` is `MM/YY`, `MMYY` or `MM/YYYY`. Errors: `InvalidFields` naming `number`, `expiry` or `code`; none of them repeats what was typed.
    """
    digits = "".join(sign for sign in number if sign.isdigit())
    month, year = _expiry(expiry)
    problems = [
        problem
        for problem in (
            _number_problem(digits, _is_odd(number)),
            _expiry_problem(month, year, today),
            _code_problem(code.strip(), digits),
        )
        if problem is not None
    ]
    if problems:
        raise InvalidFields(tuple(problems))
    return TypedCard(digits, month, year, code.strip(), " ".join(holder.split()), postcode.strip())


def _is_odd(number: str) -> bool:
    return any(not (sign.isdigit() or sign in " -") for sign in number.strip())


def _number_problem(digits: str, odd: bool) -> InvalidInput | None:
    def wrong(message: str, advice: str) -> InvalidInput:
        return InvalidInput("number", "", message, advice)

    if not digits:
        return wrong("The card number is missing.", "Type its digits.")
    if odd:
        return wrong("The card number holds something that is no digit.", "Type digits only.")
    brand = brand_of(digits)
    lengths = next((lengths for name, _, lengths, _ in _BRANDS if name == brand), ())
    if not brand:
        return wrong("No card begins like this.", "Ask for the number again.")
    if len(digits) not in lengths:
        return wrong(f"This number has {len(digits)} digits; {brand} has {lengths[0]}.", "Read it back.")
    if not passes_luhn(digits):
        return wrong("A digit of the card number is wrong.", "Read it back to the caller.")
    return None


def _expiry(text: str) -> tuple[int, int]:
    month, mark, year = text.strip().replace("-", "/").replace(".", "/").partition("/")
    if not mark and len(month) in (4, 6):
        month, year = month[:2], month[2:]
    if not (month.strip().isdigit() and year.strip().isdigit()):
        return 0, 0
    full = int(year) + (2000 if len(year.strip()) == 2 else 0)
    return int(month), full


def _expiry_problem(month: int, year: int, today: date) -> InvalidInput | None:
    if not (1 <= month <= 12 and 2000 <= year <= today.year + 30):
        return InvalidInput("expiry", "", "The expiry cannot be read.", "Write it as MM/YY.")
    if (year, month) < (today.year, today.month):
        return InvalidInput(
            "expiry", "", f"This card expired {month:02d}/{year % 100:02d}.", "Ask for another card."
        )
    return None


def _code_problem(code: str, digits: str) -> InvalidInput | None:
    brand = brand_of(digits)
    length = next((length for name, _, _, length in _BRANDS if name == brand), 3)
    if code.isdigit() and len(code) == length:
        return None
    return InvalidInput("code", "", f"The security code has {length} digits.", "Ask for it again.")
