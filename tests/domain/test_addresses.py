"""Addresses: complete enough to send a parcel to, or refused field by field."""

from dataclasses import fields, replace

import pytest

from cstui.domain.addresses import ADDRESS_LABELS, LONGEST_FIELD, Address, checked_address, cleaned_address
from cstui.domain.errors import InvalidFields
from tests.bad_inputs import BAD_TEXTS

WHOLE = Address("Ann", "Lee", "Lee Ltd", "12 Elm Street", "Flat 4", "Albany", "NY", "12207", "US", "212")


def refused(address: Address) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        checked_address(address)
    return [problem.field for problem in caught.value.problems]


def test_every_field_has_a_place_in_the_form() -> None:
    assert set(ADDRESS_LABELS) == {field.name for field in fields(Address)}


def test_a_whole_address_passes_trimmed_and_with_its_code_in_capitals() -> None:
    assert checked_address(replace(WHOLE, line1="  12 Elm Street ", country="us")) == WHOLE


def test_the_united_kingdom_has_one_code() -> None:
    assert cleaned_address(replace(WHOLE, country="uk")).country == "GB"


def test_what_is_missing_is_named_in_form_order() -> None:
    assert refused(Address()) == ["line1", "postcode", "city", "country", "last_name"]
    assert refused(replace(WHOLE, first_name="", last_name="", company="")) == ["last_name"]
    assert refused(replace(WHOLE, postcode=" ")) == ["postcode"]


def test_a_company_is_name_enough_and_some_countries_have_no_postcodes() -> None:
    assert checked_address(replace(WHOLE, first_name="", last_name=""))
    assert checked_address(replace(WHOLE, country="HK", postcode=""))


@pytest.mark.parametrize("country", ["USA", "U", "U1", "Germany", "ÄÖ", "１２"])
def test_a_country_is_two_letters(country: str) -> None:
    assert refused(replace(WHOLE, country=country)) == ["country"]


@pytest.mark.parametrize("name", list(ADDRESS_LABELS))
def test_a_field_that_is_too_long_is_named_and_not_repeated_whole(name: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        checked_address(replace(WHOLE, **{name: "x" * (LONGEST_FIELD + 1)}))
    assert caught.value.problems[0].field == name and len(caught.value.problems[0].value) < 60


def test_lines_leave_out_what_is_empty() -> None:
    assert WHOLE.lines() == ("Ann Lee", "Lee Ltd", "12 Elm Street", "Flat 4", "Albany NY 12207", "US")
    assert Address(city="Albany").lines() == ("Albany",) and Address().lines() == ()
    assert WHOLE.in_one_line() == "12 Elm Street, Flat 4, Albany, NY 12207, US"
    assert Address().is_blank and not WHOLE.is_blank


def test_cleaning_twice_is_cleaning_once_and_leaves_nothing_that_steers_a_terminal() -> None:
    for _, text in BAD_TEXTS:
        once = cleaned_address(Address(*[text] * len(ADDRESS_LABELS)))
        assert cleaned_address(once) == once
        assert not any(char in once.line1 for char in "\x00\x1b\x9b\u202e")
