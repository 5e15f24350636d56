"""How values read: money, times, days, phones, names, addresses, counts, states.

`*_words` give plain text for the command line and for sentences; the same name without it gives `Content`,
`*_cell` gives Rich `Text` for a table. All three are cleaned. Words are English and clocks have 24 hours; the
reader's locale decides how figures are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual.content import Content

from cstui.domain.addresses import Address
from cstui.domain.clean import clean
from cstui.domain.locales import grouped
from cstui.domain.money import Money, exponent
from cstui.locales import COUNTRIES, EN_US, SHARED_SYMBOLS, SYMBOLS, TOWN_FIRST, TOWN_THEN_POSTCODE, Locale
from cstui.text import content, in_ascii, text

if TYPE_CHECKING:
    from cstui.states import State

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: The commonest numbers in E.164 need no table of the world's numbering plans.
_NORTH_AMERICAN: Final = re.compile(r"\+1([2-9]\d{2})([2-9]\d{2})(\d{4})")
NO_NAME: Final = "(no name)"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the person's locale and zone, and whether the terminal shows only ASCII."""

    locale: Locale = EN_US
    zone: tzinfo = UTC
    ascii_only: bool = False


READER: Final = Reader()
"""A reader of American English at UTC, for tests and scripts that name none."""


# Figures ------------------------------------------------------------------------------------------


def number_words(number: int, reader: Reader = READER) -> str:
    """`number` with its thousands apart: "1,234", "1.234"."""
    return _grouped(number, reader)


def count_words(number: int, noun: str, plural: str | None = None, reader: Reader = READER) -> str:
    """ "1 order", "1,234 orders", "0 addresses" (give the plural where an s is not enough)."""
    return f"{_grouped(number, reader)} {noun if abs(number) == 1 else plural or noun + 's'}"


def money_words(amount: Money, reader: Reader = READER, with_code: bool | None = None) -> str:
    """ "$14.25", "1.234,50 €", "¥1,234", "14.250 KWD".

    The ISO code stands behind where the symbol alone could be another currency for this reader: "$14.25 CAD".
    `with_code` True puts it there always, False never where there is a symbol.
    """
    currency, locale = clean(amount.currency, limit=8), reader.locale
    digits = exponent(currency)
    whole, rest = divmod(abs(amount.minor), 10**digits)
    figure = _grouped(whole, reader) + (f"{locale.decimal}{rest:0{digits}d}" if digits else "")
    sign = "-" if amount.minor < 0 else ""
    symbol = "" if reader.ascii_only and currency != "USD" else SYMBOLS.get(currency, "")
    if not symbol:
        return f"{sign}{figure} {currency}".rstrip()
    if with_code is None:
        with_code = symbol in SHARED_SYMBOLS and currency != locale.currency
    written = f"{sign}{locale.pattern.replace('#', figure).replace('$', symbol)}"
    return f"{written} {currency}" if with_code else written


def money(amount: Money, reader: Reader = READER, with_code: bool | None = None, style: str = "") -> Content:
    """`money_words` as Content."""
    return content(money_words(amount, reader, with_code), style)


def money_cell(
    amount: Money, reader: Reader = READER, with_code: bool | None = None, style: str = ""
) -> Text:
    """`money_words` as a right-aligned table cell."""
    return _to_the_right(text(money_words(amount, reader, with_code), style))


def _grouped(number: int, reader: Reader) -> str:
    mark = " " if reader.ascii_only and not reader.locale.group.isascii() else None
    return grouped(number, reader.locale, mark)


def _to_the_right(cell: Text) -> Text:
    cell.justify = "right"
    return cell


# Times and days -----------------------------------------------------------------------------------


def moment_words(
    at: datetime, now: datetime, reader: Reader = READER, store_zone: tzinfo | None = None
) -> str:
    """An instant on the reader's clock: "10:02" today, "22 Nov 10:02", in another year "22 Nov 2025 10:02".

    The zone's name follows where the clocks of `store_zone` show another time at that instant, and in the
    hour that a change from summer time repeats: "10:02 CET". `at` and `now` are aware.
    """
    local, today = _on_clock(at, reader.zone), _on_clock(now, reader.zone)
    words = f"{local:%H:%M}"
    if local.year != today.year:
        words = f"{_day_and_month(local)} {local.year:04d} {words}"
    elif local.date() != today.date():
        words = f"{_day_and_month(local)} {words}"
    elsewhere = store_zone is not None and _on_clock(at, store_zone).utcoffset() != local.utcoffset()
    repeated = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
    return f"{words} {zone_words(local)}" if elsewhere or repeated else words


def full_moment_words(at: datetime, reader: Reader = READER) -> str:
    """An instant with all that there is to say, for audit and exports: "Mon 23 Nov 2026 10:02:33 CET"."""
    local = _on_clock(at, reader.zone)
    return f"{day_words(local.date())} {local:%H:%M:%S} {zone_words(local)}"


def zone_words(local: datetime) -> str:
    """The zone's short name at that instant: "CET", "UTC+04" where it has none."""
    name = local.tzname() or ""
    return clean(f"UTC{name}" if name[:1] in ("+", "-") else name, limit=16)


def day_words(day: date, weekday: bool = True) -> str:
    """A calendar day, which never shifts with zones: "Mon 23 Nov 2026"."""
    words = f"{_day_and_month(day)} {day.year:04d}"
    return f"{_DAYS[day.weekday()]} {words}" if weekday else words


def idle_words(since: datetime, now: datetime) -> str:
    """How long somebody has not touched a key: "idle 3 min", "idle 2 h 5 min"; before that "active"."""
    minutes = int((now - since).total_seconds()) // 60
    return "active" if minutes < 1 else f"idle {_long(minutes)}"


def ago_words(at: datetime, now: datetime) -> str:
    """How long ago: "just now", "3 min ago", "2 h 5 min ago", "4 days ago"; a moment ahead counts as now."""
    minutes = int((now - at).total_seconds()) // 60
    return "just now" if minutes < 1 else f"{_long(minutes)} ago"


def left_words(until: datetime, now: datetime) -> str:
    """How long is left: "2 h 14 min left", "8 s left"; "0 s left" once it is over."""
    seconds = max(0, round((until - now).total_seconds()))
    return f"{seconds} s left" if seconds < 60 else f"{_long(seconds // 60)} left"


def duration_words(seconds: int) -> str:
    """A call's length: "0:09", "4:05", "1:02:03"."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(at: datetime, now: datetime, reader: Reader = READER, store_zone: tzinfo | None = None) -> Content:
    """`moment_words` as Content."""
    return content(moment_words(at, now, reader, store_zone))


def moment_cell(
    at: datetime, now: datetime, reader: Reader = READER, store_zone: tzinfo | None = None
) -> Text:
    """`moment_words` as a table cell."""
    return text(moment_words(at, now, reader, store_zone))


def day(value: date, weekday: bool = True) -> Content:
    """`day_words` as Content."""
    return content(day_words(value, weekday))


def day_cell(value: date, weekday: bool = True) -> Text:
    """`day_words` as a table cell."""
    return text(day_words(value, weekday))


def _on_clock(at: datetime, zone: tzinfo) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant without a zone has no place on a clock")
    try:
        return at.astimezone(zone)
    except OverflowError:  # the first and last day that a datetime can name
        return at.astimezone(UTC) if at.tzinfo is not UTC else at


def _day_and_month(local: date) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]}"


def _long(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min"


# People -------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def phone_words(number: str, country: str = "") -> str:
    """A phone number for reading: national in `country` (ISO code of the store), international elsewhere.

    `number` is E.164 or as it was typed; what is no phone number is shown as it stands, cleaned.
    """
    typed = clean(number, limit=60).strip()
    if not typed or len(typed) > 40:
        return typed
    north_american = _NORTH_AMERICAN.fullmatch(typed)
    if north_american is not None:
        area, exchange, line = north_american.groups()
        if country.upper() in ("US", "CA"):
            return f"({area}) {exchange}-{line}"
        if not country:
            return f"+1 {area}-{exchange}-{line}"
    # Its tables take 80 ms to load, which nobody should wait for at the first paint.
    import phonenumbers

    try:
        parsed = phonenumbers.parse(typed, country.upper() or None)
    except phonenumbers.NumberParseException:
        return typed
    if not phonenumbers.is_possible_number(parsed):
        return typed
    home = phonenumbers.country_code_for_region(country.upper()) if country else 0
    style = phonenumbers.PhoneNumberFormat
    return clean(
        phonenumbers.format_number(
            parsed, style.NATIONAL if parsed.country_code == home else style.INTERNATIONAL
        )
    )


def phone(number: str, country: str = "") -> Content:
    """`phone_words` as Content."""
    return content(phone_words(number, country))


def phone_cell(number: str, country: str = "") -> Text:
    """`phone_words` as a table cell."""
    return text(phone_words(number, country))


def name_words(*parts: str, fallback: str = NO_NAME) -> str:
    """First and last name, or whatever a person goes by; blank parts and "-" do not count."""
    words = " ".join(" ".join(clean(part).split()) for part in parts if part)
    return words if words.strip(" -\ufffd") else fallback


def name(*parts: str, fallback: str = NO_NAME, style: str = "") -> Content:
    """`name_words` as Content."""
    return content(name_words(*parts, fallback=fallback), style)


def name_cell(*parts: str, fallback: str = NO_NAME, style: str = "") -> Text:
    """`name_words` as a table cell."""
    return text(name_words(*parts, fallback=fallback), style)


def country_words(code: str) -> str:
    """A country in words: "Germany" for DE; a code that is not known stands as it is."""
    return COUNTRIES.get(code.upper(), clean(code, limit=60))


def address_lines(address: Address, home: str = "") -> tuple[str, ...]:
    """The lines of an envelope as its own country orders them; the country last, unless it is `home`."""
    country = address.country.upper()
    city, region, postcode = (
        clean(part).strip() for part in (address.city, address.region, address.postcode)
    )
    if country in TOWN_THEN_POSTCODE:
        town = [" ".join(filter(None, (city, region))), postcode]
    elif country in TOWN_FIRST:
        town = [", ".join(filter(None, (city, " ".join(filter(None, (region, postcode))))))]
    else:
        town = [" ".join(filter(None, (postcode, city))), region]
    named = name_words(address.first_name, address.last_name, fallback="")
    lines = [named, address.company, address.line1, address.line2, *town]
    lines.append("" if country == home.upper() else country_words(address.country))
    return tuple(line for line in (clean(line).strip() for line in lines) if line)


def address(value: Address, home: str = "") -> Content:
    """`address_lines` as Content, a line each."""
    return content("\n".join(address_lines(value, home)), multiline=True)


# States -------------------------------------------------------------------------------------------


def state_words(value: StrEnum | State, reader: Reader = READER) -> str:
    """A state as its sign and its word: "✓ paid", in ASCII "+ paid"."""
    shown = _shown(value)
    return f"{in_ascii(shown.sign) if reader.ascii_only else shown.sign} {shown.word}"


def state(value: StrEnum | State, reader: Reader = READER) -> Content:
    """`state_words` as Content, in the theme's colour for its tone."""
    return content(state_words(value, reader), _shown(value).style)


def state_cell(value: StrEnum | State, reader: Reader = READER, style: str = "") -> Text:
    """`state_words` as a table cell."""
    return text(state_words(value, reader), style)


def _shown(value: StrEnum | State) -> State:
    # The table of states loads orders, payments and all that has one: not needed before the first record.
    from cstui.states import state_of

    return state_of(value) if isinstance(value, StrEnum) else value
