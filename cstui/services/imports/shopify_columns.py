"""Columns of Shopify's exports by their names, and how single cells are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cstui.domain.clean import LINE_LIMIT, clean, find_card_number
from cstui.domain.errors import InvalidInput, UsageError
from cstui.domain.money import minor_from_plain

#: What a spreadsheet makes of a long number: `7.02255E+12`. Its last digits are lost.
_DAMAGED = re.compile(r"\d([.,]\d+)?[eE]\+?\d+")
_DIGITS = re.compile(r"[0-9]{1,20}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_BREAKS = re.compile(r"[\r\n\t\x0b\x0c\x85\u2028\u2029]+")
_YES = {"yes": True, "true": True, "1": True}
_MOST_QUANTITY = 1_000_000
DAMAGED = "A spreadsheet has rounded this number; its last digits are lost. Export it again and do not save it in one."


class Refused(Exception):
    """A cell that cannot be taken in, and with it its record."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Layout:
    """What one export holds: the columns without which it makes no sense, and those by which it is told from others."""

    name: str
    required: tuple[str, ...]
    marks: tuple[str, ...]


ORDERS = Layout(
    "orders",
    ("Name", "Id", "Financial Status", "Fulfillment Status", "Currency", "Subtotal", "Total", "Created at",
     "Lineitem quantity", "Lineitem name", "Lineitem price"),
    ("Lineitem name", "Financial Status"),
)  # fmt: skip
CUSTOMERS = Layout(
    "customers", ("First Name", "Last Name", "Email"), ("Total Spent", "Total Orders", "First Name")
)
TRANSACTIONS = Layout(
    "transactions",
    ("Order", "Kind", "Gateway", "Created At", "Status", "Amount", "Currency"),
    ("Kind", "Gateway", "Card Type"),
)
_LAYOUTS = (ORDERS, CUSTOMERS, TRANSACTIONS)


class Sheet:
    """Where each column stands in one file, by name; a missing one reads as blank."""

    def __init__(self, file: str, header: Sequence[str], layout: Layout) -> None:
        """Errors: `UsageError` naming the missing columns, or what the file looks like instead."""
        self._places: dict[str, int] = {}
        for place, name in enumerate(header):
            self._places.setdefault(name.casefold(), place)
        self.width = len(header)
        missing = [name for name in layout.required if not self.has(name)]
        if missing:
            raise _wrong_file(file, layout, missing, self._looks_like(layout))

    def has(self, name: str) -> bool:
        """Whether the file has that column."""
        return name.casefold() in self._places

    def place(self, *names: str) -> int:
        """The index of the first of these columns that the file has; -1, where `padded` puts a blank, for none."""
        for name in names:
            found = self._places.get(name.casefold())
            if found is not None:
                return found
        return -1

    def padded(self, cells: list[str]) -> list[str]:
        """The cells up to the header's width, and one blank for what is missing."""
        if len(cells) < self.width:
            cells.extend([""] * (self.width - len(cells)))
        del cells[self.width :]
        cells.append("")
        return cells

    def _looks_like(self, asked: Layout) -> Layout | None:
        for layout in _LAYOUTS:
            if layout is not asked and all(self.has(name) for name in layout.required[:3] + layout.marks):
                return layout
        return None


def _wrong_file(file: str, layout: Layout, missing: Iterable[str], looks: Layout | None) -> UsageError:
    if looks is not None:
        return UsageError(
            f"{file} is an export of {looks.name}, not of {layout.name}.", f"Give it with --{looks.name}."
        )
    names = list(missing)
    lacks = "the column " if len(names) == 1 else "the columns "
    return UsageError(
        f"{file} is no Shopify export of {layout.name}: {lacks}{', '.join(names)} is missing."
        if len(names) == 1
        else f"{file} is no Shopify export of {layout.name}: {lacks}{', '.join(names)} are missing.",
        "Export it again with all columns; their order does not matter.",
        missing=names,
    )


@dataclass(slots=True)
class Remarks:
    """What a person should know about the record that is being read."""

    said: list[str] = field(default_factory=list)

    def add(self, words: str) -> None:
        """One more remark."""
        self.said.append(words)


@lru_cache(maxsize=65536)
def _line(text: str) -> tuple[str, str]:
    """One line of text cleaned and trimmed, and what there is to say about it."""
    plain = (text if text.isprintable() else _BREAKS.sub(" ", text)).strip()
    cut = f"was longer than {LINE_LIMIT} signs and is shortened" if len(plain) > LINE_LIMIT else ""
    cleaned = clean(plain).strip()
    if len(cleaned) >= 13:
        card = find_card_number(cleaned)
        if card:
            return "", f"holds a card number ({card}) and is left out"
    return cleaned, cut


def words(text: str, column: str, remarks: Remarks) -> str:
    """A cell that holds one line of text, cleaned; line breaks become blanks, a card number is left out."""
    if not text:
        return ""
    cleaned, said = _line(text) if len(text) <= 200 else _line.__wrapped__(text)
    if said:
        remarks.add(f"{column} {said}.")
    return cleaned


def block(text: str, column: str, remarks: Remarks, longest: int) -> str:
    """A cell that may hold several lines; cut at `longest`, left out where it holds a card number."""
    if not text:
        return ""
    if len(text) > longest:
        remarks.add(f"{column} was longer than {longest} signs and is shortened.")
    cleaned = clean(text.replace("\r\n", "\n").replace("\r", "\n"), multiline=True, limit=longest).strip()
    card = find_card_number(cleaned)
    if card:
        remarks.add(f"{column} holds a card number ({card}) and is left out.")
        return ""
    return cleaned


def unquoted(text: str) -> str:
    """The text without the apostrophe that keeps a spreadsheet from reading a number."""
    text = text.strip()
    return text[1:].strip() if text.startswith("'") else text


def external_id(text: str, column: str) -> str:
    """Shopify's numeric id; empty where the cell is blank. Errors: `Refused` for a rounded or unreadable one."""
    digits = unquoted(text)
    if not digits or _DIGITS.fullmatch(digits):
        return digits
    if _DAMAGED.fullmatch(digits):
        raise Refused(column, text, DAMAGED)
    raise Refused(column, text, "This is not a Shopify id; it has digits only.")


def phone(text: str, column: str, remarks: Remarks) -> str:
    """A phone number as typed; one that a spreadsheet has rounded is kept out."""
    if not text:
        return ""
    bare = unquoted(text)
    if bare and _DAMAGED.fullmatch(bare):
        remarks.add(f"{column} {bare} was rounded by a spreadsheet and is left out.")
        return ""
    return words(bare, column, remarks)


def currency(text: str, column: str = "Currency") -> str:
    """An ISO code, empty where blank. Errors: `Refused`."""
    code = text.strip()
    if code and not _CURRENCY.fullmatch(code):
        raise Refused(column, text, "This is not a currency code; it has three capital letters.")
    return code


def amount(text: str, code: str, column: str) -> int:
    """Minor units; a blank is 0, and one decimal comma is read as a point. Errors: `Refused`."""
    return _minor(text, code, column) if len(text) <= 40 else _minor.__wrapped__(text, code, column)


@lru_cache(maxsize=65536)
def _minor(text: str, code: str, column: str) -> int:
    plain = unquoted(text)
    if not plain:
        return 0
    if "," in plain and "." not in plain and plain.count(",") == 1 and len(plain) - plain.index(",") <= 3:
        plain = plain.replace(",", ".")
    try:
        return minor_from_plain(plain, code, column)
    except (InvalidInput, ValueError):
        raise Refused(column, text, f"This is not an amount in {code}; it is written as 1234.50.") from None


@lru_cache(maxsize=1024)
def quantity(text: str, column: str) -> int:
    """A whole number from 0. Errors: `Refused`."""
    plain = text.strip()
    if not _DIGITS.fullmatch(plain) or int(plain) > _MOST_QUANTITY:
        raise Refused(column, text, "This is not a quantity; it is a whole number from 0 to 1,000,000.")
    return int(plain)


def flag(text: str, blank: bool = False) -> bool:
    """Yes or no."""
    plain = text.strip().casefold()
    return _YES.get(plain, False) if plain else blank


def instant(text: str, column: str, zone: ZoneInfo) -> datetime | None:
    """A time as `2026-11-22 10:02:00 -0500` in UTC, None where blank; without an offset it is of the store's zone. Errors: `Refused`."""
    if not text:
        return None
    try:
        return _instant(text, zone) if len(text) <= 40 else _instant.__wrapped__(text, zone)
    except (ValueError, OverflowError):
        raise Refused(
            column, text, "This is not a time; it is written as 2026-11-22 10:02:00 -0500."
        ) from None


# When an order was placed, paid and sent is mostly one and the same instant.
@lru_cache(maxsize=4096)
def _instant(text: str, zone: ZoneInfo) -> datetime | None:
    plain = unquoted(text)
    if not plain:
        return None
    date, _, rest = plain.partition(" ")
    clock, _, offset = rest.partition(" ")
    if offset == "UTC":
        offset = "+0000"
    at = datetime.fromisoformat(f"{date} {clock}{offset}" if clock else date)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def optional_instant(text: str, column: str, zone: ZoneInfo, remarks: Remarks) -> datetime | None:
    """As `instant`, but one that cannot be read is left out with a remark."""
    try:
        return instant(text, column, zone)
    except Refused as refused:
        remarks.add(f"{column} “{clean(text)[:40]}” is not a time and is left out.")
        del refused
        return None


def split_name(name: str) -> tuple[str, str]:
    """First and last name of a full name; the last word is the last name, a single word the first."""
    first, _, last = name.strip().rpartition(" ")
    return (first.strip(), last) if first else (last, "")
