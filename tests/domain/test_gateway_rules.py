"""What kinds of gateways can do, and when their days end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cstui.domain.gateway_rules import capabilities_of, is_cut_off, last_cut_off, next_cut_off
from cstui.domain.gateways import Account

NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "cut_off", "zone", "last", "following"),
    [
        ("2026-11-25T21:00", "20:00", NEW_YORK, "2026-11-25T01:00", "2026-11-26T01:00"),
        ("2026-11-26T01:00", "20:00", NEW_YORK, "2026-11-26T01:00", "2026-11-27T01:00"),
        ("2026-11-26T01:01", "20:00", "Europe/Berlin", "2026-11-25T19:00", "2026-11-26T19:00"),
        # Clocks go from 02:00 to 03:00 that night: 02:30 does not exist and comes at 03:30.
        ("2026-03-08T06:00", "02:30", NEW_YORK, "2026-03-07T07:30", "2026-03-08T07:30"),
        ("2026-03-08T08:00", "02:30", NEW_YORK, "2026-03-08T07:30", "2026-03-09T06:30"),
        # 01:30 comes twice that night: the first one counts.
        ("2026-11-01T05:00", "01:30", NEW_YORK, "2026-10-31T05:30", "2026-11-01T05:30"),
        ("2026-11-01T06:30", "01:30", NEW_YORK, "2026-11-01T05:30", "2026-11-02T06:30"),
        # A zone skipped a whole day: its calendar has no 30 December 2011.
        ("2011-12-30T09:00", "12:00", "Pacific/Apia", "2011-12-29T22:00", "2011-12-30T22:00"),
    ],
)
def test_a_cut_off_is_a_time_of_the_gateways_own_zone(
    now: str, cut_off: str, zone: str, last: str, following: str
) -> None:
    assert last_cut_off(at(now), cut_off, zone) == at(last)
    assert next_cut_off(at(now), cut_off, zone) == at(following)


def test_no_instant_of_a_year_is_without_a_cut_off_before_and_after_it() -> None:
    now, end = at("2026-01-01T00:10"), at("2027-01-01T00:00")
    while now < end:
        before, after = last_cut_off(now, "02:30", NEW_YORK), next_cut_off(now, "02:30", NEW_YORK)
        assert before <= now < after
        assert timedelta(hours=23) <= after - before <= timedelta(hours=25)
        now += timedelta(hours=5)


def test_stripe_voids_nothing_and_refunds_before_settlement_and_nmi_the_other_way_round() -> None:
    stripe, nmi = capabilities_of(Account("stripe", "us")), capabilities_of(Account("nmi", "us"))
    assert (stripe.voids_captured, stripe.refunds_unsettled, stripe.card_links) == (False, True, True)
    assert (nmi.voids_captured, nmi.refunds_unsettled, nmi.card_links) == (True, False, False)


def test_what_is_risky_has_to_be_switched_on_for_each_account() -> None:
    assert not capabilities_of(Account("stripe", "us")).typed_cards
    assert capabilities_of(Account("stripe", "us", options={"raw_card_enabled": "Yes"})).typed_cards
    assert not capabilities_of(Account("nmi", "us", options={"credits": "no"})).credits
    assert capabilities_of(Account("nmi", "us", options={"credits": "true"})).credits
    assert capabilities_of(Account("sandbox", "s", options={"refunds_unsettled": "yes"})).refunds_unsettled


def test_a_gateway_without_an_adapter_can_do_nothing() -> None:
    can = capabilities_of(Account("oldpay", "harbor-2024"))
    assert not any((can.voids_captured, can.refunds_unsettled, can.typed_cards, can.card_links, can.credits, can.removes_cards))  # fmt: skip


def test_a_cut_off_is_written_with_two_digits_each() -> None:
    assert all(is_cut_off(text) for text in ("20:00", "00:00", "23:59"))
    assert not any(is_cut_off(text) for text in ("24:00", "8:00", "20:60", "20", "", "20:00\n"))
