"""Values read as the person at the desk expects them, and never as markup or a control sequence."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cstui import states
from cstui.domain.addresses import Address
from cstui.domain.clean import FORBIDDEN
from cstui.domain.locking import LockState, Purpose
from cstui.domain.money import Money
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.format import (
    Reader,
    address,
    address_lines,
    ago_words,
    count_words,
    country_words,
    day_words,
    duration_words,
    full_moment_words,
    idle_words,
    moment_words,
    money,
    money_cell,
    money_words,
    name,
    name_cell,
    name_words,
    number_words,
    phone,
    phone_cell,
    phone_words,
    state,
    state_cell,
    state_words,
)
from cstui.locales import locale_of
from cstui.states import State, lock_state_of, state_of
from tests.bad_inputs import BAD_PHONES, BAD_TEXTS, SHORT_BAD_TEXTS

GERMAN = Reader(locale_of("de_DE"), ZoneInfo("Europe/Berlin"))
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 10, 2, 33, tzinfo=UTC)
STEERING = re.compile(f"[{FORBIDDEN}]")


@pytest.mark.parametrize(
    ("locale", "amount", "words"),
    [
        ("en_US", Money(1425, "USD"), "$14.25"),
        ("en_US", Money(123456789, "USD"), "$1,234,567.89"),
        ("en_US", Money(5, "USD"), "$0.05"),
        ("en_US", Money(0, "USD"), "$0.00"),
        ("en_US", Money(-1425, "USD"), "-$14.25"),
        ("en_US", Money(1425, "CAD"), "$14.25 CAD"),
        ("en_CA", Money(1425, "CAD"), "$14.25"),
        ("en_CA", Money(1425, "USD"), "$14.25 USD"),
        ("en_US", Money(1425, "EUR"), "€14.25"),
        ("en_US", Money(1234, "JPY"), "¥1,234 JPY"),
        ("ja_JP", Money(1234, "JPY"), "¥1,234"),
        ("en_US", Money(14250, "KWD"), "14.250 KWD"),
        ("en_US", Money(-1, "KWD"), "-0.001 KWD"),
        ("de_DE", Money(123450, "EUR"), "1.234,50 €"),
        ("de_DE", Money(-123450, "EUR"), "-1.234,50 €"),
        ("de_CH", Money(123450, "CHF"), "CHF 1’234.50"),
        ("nl_NL", Money(123450, "EUR"), "€ 1.234,50"),
        ("fr_FR", Money(123450, "EUR"), "1\u00a0234,50 €"),
        ("es_ES", Money(123450, "EUR"), "1234,50 €"),
        ("es_ES", Money(1234550, "EUR"), "12.345,50 €"),
        ("en_IN", Money(123456750, "INR"), "₹12,34,567.50"),
        ("sv_SE", Money(123450, "SEK"), "1\u00a0234,50 kr"),
        ("sv_SE", Money(123450, "NOK"), "1\u00a0234,50 kr NOK"),
        ("en_US", Money(2**63 - 1, "USD"), "$92,233,720,368,547,758.07"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(locale: str, amount: Money, words: str) -> None:
    assert money_words(amount, Reader(locale_of(locale))) == words


def test_the_code_can_be_asked_for_or_left_out() -> None:
    assert money_words(Money(1425, "USD"), with_code=True) == "$14.25 USD"
    assert money_words(Money(1425, "CAD"), with_code=False) == "$14.25"
    assert money_words(Money(14250, "KWD"), with_code=False) == "14.250 KWD"


def test_an_ascii_terminal_gets_the_code_in_place_of_the_sign() -> None:
    for locale, amount in (
        ("de_DE", "EUR"),
        ("fr_FR", "EUR"),
        ("ja_JP", "JPY"),
        ("sv_SE", "SEK"),
        ("de_CH", "CHF"),
    ):
        assert money_words(Money(123450, amount), Reader(locale_of(locale), ascii_only=True)).isascii()


@given(
    st.integers(-(10**15), 10**15),
    st.sampled_from(["USD", "JPY", "KWD", "EUR", "CAD"]),
    st.sampled_from(["en_US", "de_DE", "fr_FR", "en_IN"]),
)
def test_every_amount_can_be_read_back(minor: int, currency: str, locale: str) -> None:
    words = money_words(Money(minor, currency), Reader(locale_of(locale)))
    assert int("".join(char for char in words if char.isdigit())) == abs(minor)
    assert words.startswith("-") == (minor < 0)


def test_locales_are_found_by_whatever_names_them() -> None:
    assert locale_of("de-DE") is locale_of("de_DE.UTF-8") is locale_of("de") is locale_of("de_LI")
    assert locale_of("zh_Hans_CN").code == "zh_CN"
    for unknown in ("", "C", "xx_YY", "en_ZZ", "\x1b"):
        assert locale_of(unknown).currency == ""
        assert money_words(Money(1425, "USD"), Reader(locale_of(unknown))) == "$14.25 USD"


def test_counts_take_the_right_noun() -> None:
    assert count_words(0, "order") == "0 orders"
    assert count_words(1, "order") == "1 order"
    assert count_words(1234, "address", "addresses") == "1,234 addresses"
    assert number_words(-1234567, GERMAN) == "-1.234.567"


def test_an_instant_is_as_short_as_its_day_allows() -> None:
    assert moment_words(NOW, NOW) == "10:02"
    assert moment_words(NOW - timedelta(days=1), NOW) == "21 Nov 10:02"
    assert moment_words(NOW - timedelta(days=400), NOW) == "18 Oct 2025 10:02"
    assert full_moment_words(NOW, GERMAN) == "Sun 22 Nov 2026 11:02:33 CET"


def test_the_zone_is_named_only_where_the_stores_clocks_differ() -> None:
    assert moment_words(NOW, NOW, GERMAN, NEW_YORK) == "11:02 CET"
    assert moment_words(NOW, NOW, GERMAN, ZoneInfo("Europe/Paris")) == "11:02"
    assert moment_words(NOW, NOW, GERMAN) == "11:02"
    assert moment_words(NOW, NOW, Reader(zone=ZoneInfo("Asia/Dubai")), UTC) == "14:02 UTC+04"


def test_the_hour_that_comes_twice_names_its_zone() -> None:
    reader = Reader(zone=NEW_YORK)
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert moment_words(first, first, reader) == "01:30 EDT"
    assert moment_words(first + timedelta(hours=1), first, reader) == "01:30 EST"
    assert moment_words(first + timedelta(hours=2), first, reader) == "02:30"


def test_today_is_the_readers_today() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert moment_words(late, late + timedelta(minutes=40), GERMAN) == "00:30"
    assert moment_words(late, late + timedelta(minutes=40)) == "22 Nov 23:30"


def test_an_instant_without_a_zone_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        moment_words(datetime(2026, 11, 22), NOW)  # noqa: DTZ001


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([NEW_YORK, ZoneInfo("Pacific/Kiritimati"), UTC]),
)
def test_every_instant_has_words(at: datetime, now: datetime, zone: ZoneInfo) -> None:
    reader = Reader(zone=zone)
    for words in (
        moment_words(at, now, reader, NEW_YORK),
        full_moment_words(at, reader),
        ago_words(at, now),
        idle_words(at, now),
    ):
        assert words.isascii()


def test_days_carry_their_weekday() -> None:
    assert day_words(date(2026, 11, 23)) == "Mon 23 Nov 2026"
    assert day_words(date(2026, 11, 23), weekday=False) == "23 Nov 2026"
    assert day_words(date(9999, 12, 31)) == "Fri 31 Dec 9999"
    assert day_words(date(1, 1, 1)) == "Mon 1 Jan 0001"


@pytest.mark.parametrize(
    ("seconds", "idle", "ago"),
    [
        (-30, "active", "just now"),
        (59, "active", "just now"),
        (60, "idle 1 min", "1 min ago"),
        (200, "idle 3 min", "3 min ago"),
        (3600, "idle 1 h", "1 h ago"),
        (7500, "idle 2 h 5 min", "2 h 5 min ago"),
        (4 * 86400, "idle 4 days", "4 days ago"),
    ],
)
def test_idle_and_past_times_are_told_in_minutes_hours_and_days(seconds: int, idle: str, ago: str) -> None:
    then = NOW - timedelta(seconds=seconds)
    assert idle_words(then, NOW) == idle
    assert ago_words(then, NOW) == ago


def test_a_call_is_timed_in_minutes_and_seconds() -> None:
    assert [duration_words(seconds) for seconds in (-1, 9, 245, 3723)] == ["0:00", "0:09", "4:05", "1:02:03"]


def test_a_phone_number_is_national_at_home_and_international_elsewhere() -> None:
    assert phone_words("+493012345678", "DE") == "030 12345678"
    assert phone_words("+493012345678", "US") == "+49 30 12345678"
    assert phone_words("+12125550123", "US") == "(212) 555-0123"
    assert phone_words("030 12345678", "DE") == "030 12345678"
    assert phone_words("call me", "DE") == "call me"


@pytest.mark.parametrize(
    ("what", "value"), BAD_PHONES + SHORT_BAD_TEXTS, ids=[n for n, _ in BAD_PHONES + SHORT_BAD_TEXTS]
)
def test_whatever_stands_in_a_phone_field_is_shown_harmless(what: str, value: str) -> None:
    for words in (
        phone_words(value, "US"),
        phone_words(value),
        phone(value).plain,
        phone_cell(value, "zz").plain,
    ):
        assert not STEERING.search(words)


def test_a_person_without_a_name_is_called_so() -> None:
    assert name_words("Ann", "Lee") == "Ann Lee"
    assert name_words(" Ann ", "  van  der Lee") == "Ann van der Lee"
    assert name_words("", "-") == name_words("", "") == name_words("\u3000", "\x00") == "(no name)"
    assert name_words("", fallback="ann@example.com") == "ann@example.com"


@pytest.mark.parametrize(("what", "value"), BAD_TEXTS, ids=[n for n, _ in BAD_TEXTS])
def test_names_and_addresses_are_harmless_whatever_they_hold(what: str, value: str) -> None:
    for words in (name_words(value, value), name(value).plain, name_cell(value).plain, country_words(value)):
        assert not STEERING.search(words)
    postal = Address(*[value] * 10)
    assert not any(STEERING.search(line) for line in address_lines(postal))
    assert not STEERING.search(address(postal).plain.replace("\n", ""))


def test_an_address_is_ordered_as_its_country_writes_it() -> None:
    american = Address("Ann", "Lee", "", "1 Main St", "Apt 2", "Austin", "TX", "78701", "US")
    german = Address("Ann", "Lee", "Lee GmbH", "Hauptstr. 1", "", "Berlin", "", "10115", "DE")
    british = Address("Ann", "Lee", "", "1 High St", "", "Leeds", "", "LS1 1AA", "GB")
    assert address_lines(american, "US") == ("Ann Lee", "1 Main St", "Apt 2", "Austin, TX 78701")
    assert address_lines(german, "US") == ("Ann Lee", "Lee GmbH", "Hauptstr. 1", "10115 Berlin", "Germany")
    assert address_lines(british) == ("Ann Lee", "1 High St", "Leeds", "LS1 1AA", "United Kingdom")
    assert address_lines(Address()) == ()


def every_state() -> list[StrEnum]:
    return [member for kind in states._STATES for member in kind]


@pytest.mark.parametrize("value", every_state(), ids=lambda value: f"{type(value).__name__}.{value}")
def test_every_state_has_a_word_and_a_one_cell_sign_in_both_alphabets(value: StrEnum) -> None:
    shown = states._STATES[type(value)][value.value]
    assert shown.word
    assert cell_len(shown.sign) == 1
    in_ascii = state_words(value, Reader(ascii_only=True))
    assert in_ascii.isascii()
    assert not in_ascii.startswith("? ") or shown.sign == "?"
    assert state(value).plain == state_cell(value).plain == f"{shown.sign} {shown.word}"


def test_states_of_one_kind_never_read_alike() -> None:
    for kind, known in states._STATES.items():
        words = [shown.word for shown in known.values()]
        assert len(set(words)) == len(words), kind
        assert set(known) == {member.value for member in kind}


def test_the_same_value_of_two_kinds_keeps_its_own_words() -> None:
    assert state_of(PaymentStatus.PAID) == State("✓", "paid", "good")
    assert state_words(OrderStatus.ON_HOLD) == "‖ on hold"

    class Other(StrEnum):
        PAID = "paid_out"

    assert state_words(Other.PAID) == "· paid out"


def test_a_lock_reads_differently_to_its_holder_and_to_others() -> None:
    def held(token: str, stale: bool = False) -> LockState:
        return LockState("Ann", 1, "term-1", NOW, NOW, NOW, stale, Purpose.EDIT, True, token)

    assert lock_state_of(None).word == "open"
    assert lock_state_of(held("a"), "a").word == "editing"
    assert lock_state_of(held("a"), "b").word == "locked"
    assert lock_state_of(held("a", stale=True), "b").word == "locked, stale"


def test_figures_stand_at_the_right_of_their_cell_and_styles_are_kept() -> None:
    assert money_cell(Money(1425, "USD")).justify == "right"
    assert money(Money(1425, "[red]")).plain == "14.25 [red]"
    assert state(PaymentStatus.PAID).spans[0].style == "$text-success"


def test_phone_tables_are_not_loaded_before_the_first_number_is_shown() -> None:
    code = "import sys, cstui.format; print('phonenumbers' in sys.modules, 'sqlmodel' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "False"]
