"""Text that somebody else wrote is made harmless, and otherwise left as it was."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cstui.domain.clean import (
    BLOCK_LIMIT,
    FORBIDDEN,
    LINE_LIMIT,
    MARKS_IN_A_ROW,
    REPLACEMENT,
    clean,
    find_card_number,
    passes_luhn,
)
from tests.bad_inputs import BAD_TEXTS, CONTROLS

ANY_CHARACTER = st.characters(codec=None)
ANY_TEXT = st.text(ANY_CHARACTER, max_size=60)
NASTY_TEXT = st.text(
    st.one_of(
        ANY_CHARACTER,
        st.sampled_from("\x1b\x9b\x00\x7f\r\n\t\u202e\u200b\u200d\u0301\u0315\u0958\u0344\ud800a"),
    ),
    max_size=60,
)
STEERING = re.compile(f"[{FORBIDDEN}]")


@pytest.mark.parametrize(("name", "text"), BAD_TEXTS, ids=[name for name, _ in BAD_TEXTS])
def test_no_bad_text_keeps_a_character_that_steers_a_terminal(name: str, text: str) -> None:
    assert not STEERING.search(clean(text))
    assert not STEERING.search(clean(text, multiline=True).replace("\n", ""))


@pytest.mark.parametrize(("name", "text"), CONTROLS, ids=[name for name, _ in CONTROLS])
def test_a_person_sees_that_something_was_taken_out(name: str, text: str) -> None:
    assert name == "tab" or REPLACEMENT in clean(text)


@given(NASTY_TEXT, st.booleans())
def test_cleaning_twice_changes_nothing_more(text: str, multiline: bool) -> None:
    once = clean(text, multiline)
    assert clean(once, multiline) == once


@given(NASTY_TEXT)
def test_the_result_is_composed_and_can_be_stored(text: str) -> None:
    result = clean(text)
    assert unicodedata.is_normalized("NFC", result)
    result.encode("utf-8")


@given(NASTY_TEXT)
def test_few_marks_follow_a_character(text: str) -> None:
    run = 0
    for char in clean(text):
        run = run + 1 if char in "\u200c\u200d" or unicodedata.category(char) in ("Mn", "Me") else 0
        assert run <= MARKS_IN_A_ROW


@given(NASTY_TEXT, st.integers(0, 30), st.booleans())
def test_no_result_is_longer_than_its_limit(text: str, limit: int, multiline: bool) -> None:
    once = clean(text, multiline, limit)
    assert len(once) <= limit
    assert clean(once, multiline, limit) == once


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_printable_ascii_passes_unchanged(text: str) -> None:
    assert clean(text) is text


def test_tab_becomes_a_space_and_line_feed_stays_only_in_a_block() -> None:
    assert clean("a\tb") == "a b"
    assert clean("a\nb") == f"a{REPLACEMENT}b"
    assert clean("a\r\nb\n", multiline=True) == "a\nb\n"
    assert clean("a\rb", multiline=True) == f"a{REPLACEMENT}b"


def test_joiners_that_emoji_and_scripts_need_stay() -> None:
    for text in ("👩\u200d👩\u200d👧", "می\u200cخواهم", "क्\u200dष", "❤\ufe0f\u200d🔥"):
        assert clean(text) == text


def test_a_decomposed_name_becomes_the_composed_one() -> None:
    assert clean("Andre\u0301") == "André"


def test_cut_text_ends_with_an_ellipsis_and_text_at_the_limit_is_whole() -> None:
    assert clean("x" * (LINE_LIMIT + 1)) == "x" * (LINE_LIMIT - 1) + "…"
    assert clean("x" * LINE_LIMIT) == "x" * LINE_LIMIT
    assert len(clean("é\n" * BLOCK_LIMIT, multiline=True)) == BLOCK_LIMIT
    assert clean("abcdef", limit=4) == "abc…"


def test_a_megabyte_of_unsorted_marks_costs_no_more_than_a_moment() -> None:
    started = time.perf_counter()
    clean("a" + "\u0315\u0300" * 500_000, multiline=True)
    assert time.perf_counter() - started < 2


CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111 - 1111 - 1111 - 1111",
    "4111.1111.1111.1111",
    "41111111 11111111",
    "4111 11111111 1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "41 11 11 11 11 11 11 11",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "3056 930902 5904",
    "3530111333300000",
    "6200000000000005",
    "4444 4444 4444 4444 442",
    "４１１１１１１１１１１１１１１１",
    "4111\u00a01111\u20111111\u20131111",
]


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("sentence", ["{}", "order 10234 {} 12/27", "cc:{}, cvv 123", "visa{}", "({})"])
def test_a_card_number_in_a_sentence_is_found_and_only_its_last_four_shown(
    number: str, sentence: str
) -> None:
    preview = find_card_number(sentence.format(number))
    plain = "".join(str(unicodedata.decimal(char)) for char in number if char.isdigit())
    assert preview == f"**** **** **** {plain[-4:]}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no digits here",
        "order #1001 and #1002",
        "call +4915112345678 or +49 151 1234 5679",
        "call +1 (555) 010-9999, then +1 (555) 010-9998",
        "barcode 4006381333931",
        "at 2026-11-22 10:02:33, again 2026-11-23 11:02:33",
        "shop id 5123456789012",
        "4111111111111112",
        "4111 1111 1111 1112",
        "1234567890123452",
        "tracking 9400111899223857264499",
        "ch_3Nabc4111111111111111",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "41111111111111111111111",
        "4111 1111 1111",
        "paid 14.25, 1,234.50 and 99.00",
    ],
)
def test_other_numbers_are_let_by(text: str) -> None:
    assert find_card_number(text) is None


def test_thirteen_digits_are_a_card_only_beside_a_word_for_card() -> None:
    assert find_card_number("4222222222222") is None
    assert find_card_number("card 4222222222222") == "**** **** **** 2222"


@given(st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_check_digit_passes(digits: str) -> None:
    assert sum(passes_luhn(f"{digits}{check}") for check in range(10)) == 1


@given(NASTY_TEXT)
def test_looking_for_a_card_number_never_fails_and_never_tells_more_than_four_digits(text: str) -> None:
    found = find_card_number(text)
    assert found is None or (found.startswith("**** **** **** ") and len(found) == 19)


def test_a_long_text_of_digits_is_searched_quickly() -> None:
    started = time.perf_counter()
    find_card_number("4 1 " * 25_000)
    assert time.perf_counter() - started < 3
