"""Money as whole minor units with its currency; never a float."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cstui.domain.errors import InvalidInput

_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_MOST_MINOR = 10**15
_PLAIN = re.compile(r"-?\d+(\.\d+)?")


def exponent(currency: str) -> int:
    """How many digits of the minor unit a currency has: USD 2, JPY 0, KWD 3."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (cents) of one currency. Amounts of two currencies never add or compare."""

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.minor * quantity, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other

    def plain(self) -> str:
        """`1234.50` with the currency's own number of decimals; for files and scripts."""
        digits = exponent(self.currency)
        sign = "-" if self.minor < 0 else ""
        whole, rest = divmod(abs(self.minor), 10**digits)
        return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"


def minor_from_plain(text: str, currency: str, field: str = "amount") -> int:
    """Reads `1234.50` as minor units.

    The decimal sign is a dot, as exports write it. Digits beyond the minor unit must be zeros: 0.001 USD is refused, 1.000 is not.
    Errors: `InvalidInput` naming the field and the value.
    """
    trimmed = text.strip()
    digits = exponent(currency)
    if not _PLAIN.fullmatch(trimmed):
        raise InvalidInput(field, text, f"“{text}” is not an amount.", f"Write it as 1234.50 in {currency}.")
    sign = -1 if trimmed.startswith("-") else 1
    whole, _, rest = trimmed.lstrip("-").partition(".")
    if rest[digits:].strip("0"):
        raise InvalidInput(
            field, text, f"“{text}” has more decimals than {currency} knows.", f"Use at most {digits}."
        )
    scale: int = 10**digits
    minor = int(whole) * scale + int(rest[:digits].ljust(digits, "0") or "0")
    if minor > _MOST_MINOR:
        raise InvalidInput(field, text, f"“{text}” is larger than any amount here.", "Check the digits.")
    return sign * minor


def minor_from_typed(text: str, currency: str, field: str = "amount") -> int:
    """Reads an amount as a person types it: `1,234.50`, `1.234,50`, `1 234,5`, `-3`.

    The last of `.` and `,` is the decimal sign when one or two digits (as many as the currency has) follow it; the other one groups thousands.
    Errors: `InvalidInput`.
    """
    compact = text.strip().replace(" ", "").replace("\u00a0", "").replace("\u202f", "").replace("'", "")
    digits = exponent(currency)
    last = max(compact.rfind("."), compact.rfind(","))
    if last >= 0 and digits and 1 <= len(compact) - last - 1 <= digits and compact.count(compact[last]) == 1:
        whole, rest = compact[:last], compact[last + 1 :]
    else:
        whole, rest = compact, ""
    if not re.fullmatch(r"-?(\d+|\d{1,3}([.,]\d{3})+)", whole) or (rest and not rest.isdigit()):
        raise InvalidInput(field, text, f"“{text}” is not an amount.", f"Write it as 12.50 in {currency}.")
    plain = whole.replace(",", "").replace(".", "") + (f".{rest}" if rest else "")
    return minor_from_plain(plain, currency, field)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Adds up amounts of one currency; zero for none."""
    summed = Money(0, currency)
    for amount in amounts:
        summed = summed + amount
    return summed


def shared_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares an amount by weights to the last minor unit (largest remainder; ties go to the earlier share).

    The shares always add up to `amount`. All weights zero: everything falls to the first share.
    """
    if not weights:
        return []
    if any(weight < 0 for weight in weights):
        raise ValueError("weights are never negative")
    if amount == 0:
        return [0] * len(weights)
    whole = sum(weights)
    if whole == 0:
        return [amount] + [0] * (len(weights) - 1)
    sign = -1 if amount < 0 else 1
    parts = [divmod(abs(amount) * weight, whole) for weight in weights]
    shares = [quotient for quotient, _ in parts]
    left = abs(amount) - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: -parts[i][1])[:left]:
        shares[index] += 1
    return [sign * share for share in shares]
