"""Phone numbers: kept as typed where somebody could dial them, and read internationally where that is certain."""

import random

import phonenumbers
import pytest

from cstui.domain.errors import InvalidInput
from cstui.domain.phones import LONGEST_PHONE, checked_phone, digits_of, is_spreadsheet_damage
from cstui.services.phone_numbers import normalised_phone
from tests.bad_inputs import BAD_PHONES, BAD_TEXTS


@pytest.mark.parametrize(
    ("typed", "country", "read"),
    [
        ("+1 (212) 555-0101", "", "+12125550101"),
        ("212.555.0101", "US", "+12125550101"),
        ("212.555.0101", "us", "+12125550101"),
        ("212 555 0101 ext. 42", "US", "+12125550101"),
        ("030 901820", "DE", "+4930901820"),
        ("0049 30 901820", "US", "+4930901820"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("+88001712345678", "BD", "+8801712345678"),
        ("01712345678", "BD", "+8801712345678"),
        ("'+15550109999", "", "+15550109999"),
        ("tel:+1-555-010-9999", "", "+15550109999"),
        ("+1 555 010 9999 / +1 555 010 9998", "US", "+15550109999"),
        ("＋１５５５０１０９９９９", "", "+15550109999"),
        ("1-800-FLOWERS", "US", "+18003569377"),
    ],
)
def test_a_number_reads_the_same_however_it_is_written(typed: str, country: str, read: str) -> None:
    assert normalised_phone(typed, country) == read


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("", "US"), ("+", "US"), ("call me", "US"), ("0000000000", "US"), ("555-0101", "US"), ("030 901820", ""), ("030 901820", "ZZ"),
        ("1.5550109999E+10", "US"), ("1" * 40, "US"), ("1" * 100_000, "US"), ("+999 123456789", "US"), ("(999) 999-99", "US"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_guessed(typed: str, country: str) -> None:
    assert normalised_phone(typed, country) == ""


def test_no_text_breaks_the_reading_of_numbers() -> None:
    for _, text in [*BAD_PHONES, *BAD_TEXTS]:
        read = normalised_phone(text, "US")
        assert read == "" or (read[0] == "+" and read[1:].isdigit() and read.isascii())


def test_digits_of_any_script_are_digits() -> None:
    assert digits_of("+٩٧١ 50-１２x") == "9715012"
    assert digits_of("(212) 555") == "212555"
    assert digits_of("²½") == ""


def test_a_phone_is_kept_as_typed() -> None:
    assert checked_phone("  (212) 555-0101 x4 ") == "(212) 555-0101 x4"
    assert checked_phone("") == ""
    assert checked_phone("ask for 911") == "ask for 911"


@pytest.mark.parametrize("typed", ["+", "12", "call me", "1" * (LONGEST_PHONE + 1)])
def test_what_cannot_be_dialled_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_phone(typed, "mobile")
    assert caught.value.field == "mobile" and caught.value.advice


def test_a_number_that_a_spreadsheet_has_shortened_is_known() -> None:
    assert is_spreadsheet_damage("9.15567E+11") and is_spreadsheet_damage(" 7,02E11 ")
    assert not is_spreadsheet_damage("9.155.67") and not is_spreadsheet_damage("E+11")


@pytest.mark.parametrize("country", ["US", "DE", "GB", "IT", "AR", "MX", "BR", "CI", ""])
def test_what_stands_between_the_digits_never_changes_what_is_read(country: str) -> None:
    dice = random.Random(country)
    for _ in range(300):
        digits = "".join(dice.choice("0123456789") for _ in range(dice.randint(5, 13)))
        start = dice.choice(("", "+", "0", "+1", "1", "+44", "00", "("))
        spaced = "".join(digit + dice.choice(("", "", " ", "-", ") ")) for digit in digits[:-1]) + digits[-1]
        expected = ""
        try:
            number = phonenumbers.parse(start + spaced, country or None)
            if (
                phonenumbers.is_possible_number_with_reason(number)
                == phonenumbers.ValidationResult.IS_POSSIBLE
            ):
                expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        except phonenumbers.NumberParseException:
            pass
        if expected:
            assert normalised_phone(start + spaced, country) == expected, start + spaced
