"""Terms, the reading of a query, and what one typing error is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cstui.domain.search import SearchForm
from cstui.domain.search_query import PASTED, Probe, read_query
from cstui.domain.search_strict import filled, read_identifiers
from cstui.domain.search_terms import (
    LONGEST_TERM,
    PersonFacts,
    Space,
    age_of,
    compact,
    deletions,
    digits_of,
    edits,
    endings,
    fold,
    rotations,
    split_calling_code,
    terms_of_customer,
    terms_of_order,
    terms_of_reference,
    vocabulary_of,
    within_one_edit,
    words_of,
)


def test_folding_takes_case_accents_and_apostrophes_away() -> None:
    assert fold("Ægir Łukasz O’BRIEN Çelik") == "aegir lukasz obrien celik"
    assert words_of("Anna-Maria  d'Arc, Jr.") == ["anna", "maria", "darc", "jr"]
    assert compact("# GN-98 89") == "gn9889"
    assert digits_of("+49 (30) ٤٥-6") == "4930456"


def test_a_person_has_about_eight_terms() -> None:
    facts = PersonFacts(
        names=(("Ann", "Lee"),), emails=("ann.lee82@gmail.com",), phones=(("(212) 555-0101", "+12125550101"),),
        postcodes=("12207-1234",), cards=(("4242", ""),),
    )  # fmt: skip
    assert terms_of_customer(facts) == [
        (Space.NAME, "ann lee"), (Space.NAME, "lee ann"), (Space.EMAIL, "ann.lee82@gmail.com"),
        (Space.EMAIL_PART, "lee82@gmail.com"), (Space.PHONE, "2125550101 1"), (Space.PHONE_END, "10105552121 lee ann"),
        (Space.POSTCODE, "122071234 lee ann"), (Space.CARD, "4242 lee ann"),
    ]  # fmt: skip


def test_umlauts_are_found_in_both_spellings() -> None:
    terms = {term for space, term in terms_of_customer(PersonFacts(names=(("Jürgen", "Müller"),)))}
    assert {"muller jurgen", "mueller juergen"} <= terms


def test_a_part_of_an_email_starts_at_a_separator_a_name_or_a_number() -> None:
    facts = PersonFacts(names=(("Ann", "Lee"),), emails=("annlee1982@x.org",))
    assert {t for s, t in terms_of_customer(facts) if s is Space.EMAIL_PART} == {
        "lee1982@x.org",
        "1982@x.org",
    }


def test_own_domains_are_indexed_and_those_of_big_providers_are_not() -> None:
    facts = PersonFacts(emails=("a@acme.test", "b@gmail.com"))
    assert [t for s, t in terms_of_customer(facts) if s is Space.DOMAIN] == ["acme.test"]


@pytest.mark.parametrize(
    ("typed", "e164", "terms"),
    [
        ("030 901820", "+4930901820", {"30901820 49", "0281090394"}),
        ("00 49 30 901820", "", {"30901820 49", "0281090394"}),
        ("+88001712345678", "", {"1712345678 880", "8765432171088"}),
        ("01712345678", "", {"1712345678 ", "8765432171"}),
        ("(212) 555-0101 ext. 12", "", {"2125550101 ", "1010555212"}),
        ("+9", "", set()),
        ("-", "", set()),
    ],
)
def test_phones_are_kept_forwards_and_backwards(typed: str, e164: str, terms: set[str]) -> None:
    found = terms_of_customer(PersonFacts(phones=((typed, e164),)))
    assert {term for _, term in found} == {t if " " in t else t + " " for t in terms}


def test_calling_codes_of_one_two_and_three_digits_are_told_apart() -> None:
    assert split_calling_code("12125550101") == ("1", "2125550101")
    assert split_calling_code("4930901820") == ("49", "30901820")
    assert split_calling_code("8801712345678") == ("880", "1712345678")


def test_order_numbers_keep_their_prefix_and_their_digits() -> None:
    assert terms_of_order("#GN-9889") == [(Space.ORDER, "gn9889"), (Space.ORDER_DIGITS, "9889")]
    assert terms_of_order("#1001") == [(Space.ORDER, "1001")]
    assert terms_of_order(" - ") == [] and terms_of_reference(Space.TRACKING, " ") == []


def test_names_turn_at_each_word() -> None:
    assert rotations(["maria", "del", "carmen"]) == [
        "maria del carmen",
        "del carmen maria",
        "carmen maria del",
    ]
    assert len(rotations([f"word{i}" for i in range(30)])) == 4


def test_the_newest_has_the_smallest_age() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    assert age_of(at + timedelta(minutes=1)) == age_of(at) - 1
    assert (
        0 <= age_of(datetime(1970, 1, 1, tzinfo=UTC)) < 2**31
        and age_of(datetime(2200, 1, 1, tzinfo=UTC)) == 0
    )


@given(st.text("abcde", min_size=1, max_size=7), st.text("abcde", min_size=1, max_size=7))
def test_one_edit_is_what_the_edits_reach(one: str, other: str) -> None:
    assert within_one_edit(one, other) == (one == other or other in edits(one, "abcde"))


@given(st.text("abcd", min_size=2, max_size=8), st.text("abcd", min_size=2, max_size=8))
def test_words_one_edit_apart_share_a_deletion(one: str, other: str) -> None:
    if within_one_edit(one, other):
        assert deletions(one) & deletions(other)


def test_the_endings_of_a_word_start_its_parts() -> None:
    assert list(endings("smith")) == ["mith", "ith"]
    assert vocabulary_of(
        [(Space.NAME, "ann smith"), (Space.CARD, "4242 x"), (Space.COMPANY, "acme 4you")]
    ) == {"smith", "acme"}


@given(st.text(max_size=200))
def test_every_text_can_be_read_folded_and_kept(text: str) -> None:
    reading = read_query(text, ("GN", "-", ""))
    for probe in reading.probes:
        assert 0 < len(probe.text) <= LONGEST_TERM and "\0" not in probe.text
    read_identifiers(text)
    facts = PersonFacts(
        ((text, text),), (text,), (text + "@x.de",), ((text, ""),), (text,), ((text[:4], ""),)
    )
    for _, term in terms_of_customer(facts):
        assert "\n" not in term and "\0" not in term


def _spaces(query: str) -> set[Space]:
    return {probe.space for probe in read_query(query, ("GN",)).probes}


def test_what_was_typed_is_guessed_from_its_signs() -> None:
    assert _spaces("ann@x") == {Space.EMAIL, Space.EMAIL_PART}
    assert _spaces("+1212") == {Space.PHONE}
    assert {Space.ORDER, Space.PHONE_END, Space.CARD, Space.POSTCODE} <= _spaces("4242")
    assert Space.CARD not in _spaces("42424")
    assert Space.NAME in _spaces("lee") and Space.ORDER not in _spaces("lee")
    assert Space.ORDER in _spaces("gn9") and Space.NAME not in _spaces("gn98")
    assert _spaces("n: 4242") == {Space.NAME} and _spaces("p: 4242") == {Space.PHONE, Space.PHONE_END}
    assert _spaces("visa 4242") == {Space.CARD}
    assert Space.POSTCODE in _spaces("SW1A 1AA") and Space.TRACKING in _spaces("1Z999AA10123456784")


def test_a_whole_card_number_is_read_as_its_ends_only() -> None:
    probes = read_query("4111 1111 1111 1111").probes
    assert Probe(Space.BIN, "4111111111", 1, probes[0].matched, whole=True).text in {
        p.text for p in probes if p.space is Space.BIN
    }


def test_long_text_is_read_as_pasted() -> None:
    reading = read_query("x" * PASTED + " my number is 0171 2345678 or mail ann@lee.org")
    assert set(reading.read_as) == {"phone", "e-mail"} and all(
        probe.whole or probe.rank == 0 for probe in reading.probes
    )


def test_strict_search_counts_identifiers() -> None:
    assert [i.label for i in read_identifiers("lee 4242")] == ["card last 4", "name"]
    assert [i.label for i in read_identifiers("ann@lee.org 0171 2345678 #GN1")] == [
        "e-mail",
        "phone",
        "order number",
    ]
    assert len(read_identifiers("lee lee")) == 1
    assert filled(SearchForm(first_name="Ann", postcode="1", card_last4=" ")) == 1
