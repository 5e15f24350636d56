"""What NMI's reports say of an operation whose outcome is open, and which reports are believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cstui.domain.gateways import CardRef, Operation, Seen, Settlement, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.services.gateways.nmi_query import cards_in, read_report, records_in
from cstui.services.gateways.nmi_replies import read_reply, split_text
from tests.gateways.nmi_bench import NmiBench, nmi_bench

S = AttemptState
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[NmiBench]:
    with nmi_bench() as bench:
        yield bench


def test_two_successes_under_one_key_are_for_a_person(bench: NmiBench) -> None:
    ask = bench.sale(20_00)
    bench.gateway.send(ask)
    bench.server.fail_next("twice", only="query")
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


def test_rows_of_others_are_not_ours(bench: NmiBench) -> None:
    bench.charged(20_00)
    bench.server.fail_next("other_rows", only="query")
    assert bench.gateway.look_up(bench.sale(20_00)).seen is Seen.ABSENT


@pytest.mark.parametrize(
    "other", [{"amount": Money(20_01, "USD")}, {"amount": Money(20_00, "CAD")}, {"card": CardRef("V2")}]
)
def test_a_charge_of_another_amount_currency_or_card_is_for_a_person(
    bench: NmiBench, other: dict[str, object]
) -> None:
    ask = bench.sale(20_00)
    bench.gateway.send(ask)
    assert bench.gateway.look_up(replace(ask, **other)).seen is Seen.CONFLICT  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fault", ["truncated", "doctype", "html_200", "status_500", "drop_after", "busy_429"]
)
def test_a_report_that_cannot_be_trusted_decides_nothing(bench: NmiBench, fault: str) -> None:
    ask = bench.sale(20_00)
    bench.gateway.send(ask)
    bench.server.fail_next(fault, times=9, only="query")
    assert bench.gateway.look_up(ask).seen is Seen.UNREACHABLE


def test_a_success_that_the_index_does_not_show_yet_is_found_later(bench: NmiBench) -> None:
    bench.server.index_lag = 120
    ask = bench.sale(20_00)
    bench.fault("drop_after")
    bench.gateway.send(ask)
    assert bench.gateway.look_up(ask).seen is Seen.ABSENT
    bench.server.clock.forward(121)
    assert bench.gateway.look_up(ask).seen is Seen.DECIDED


def test_a_charge_that_was_voided_by_others_is_for_a_person(bench: NmiBench) -> None:
    ask = bench.sale(20_00)
    ref = bench.gateway.send(ask).ref
    bench.gateway.send(bench.on(Operation.VOID, ref, 20_00))
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


def test_a_void_that_was_lost_before_it_settled_is_undone_and_afterwards_too_late(bench: NmiBench) -> None:
    ref = bench.charged(20_00)
    ask = bench.on(Operation.VOID, ref, 20_00)
    bench.fault("hang_before")
    bench.gateway.send(ask)
    assert bench.gateway.look_up(ask).seen is Seen.UNDONE
    bench.settle()
    finding = bench.gateway.look_up(ask)
    assert finding.answer is not None
    assert (finding.answer.state, finding.answer.why) == (S.REJECTED, Why.SETTLED)


def test_a_lost_refund_without_its_key_is_found_on_the_card(bench: NmiBench) -> None:
    bench.server.keeps_refund_orders = False
    ref = bench.settled(200_00)
    bench.gateway.send(bench.on(Operation.REFUND, ref, 30_00))
    bench.server.clock.forward(600)
    ask = bench.on(Operation.REFUND, ref, 30_00)
    bench.fault("hang_before")
    bench.gateway.send(ask)
    assert bench.gateway.look_up(ask).seen is Seen.ABSENT
    bench.fault("hang_after")
    bench.gateway.send(ask)
    finding = bench.gateway.look_up(ask)
    assert finding.answer is not None and finding.answer.state is S.SUCCEEDED
    later = replace(ask, sent_at=NOW + timedelta(seconds=630))
    assert bench.gateway.look_up(later).seen is Seen.CONFLICT
    bench.gateway.send(replace(ask, key="f" * 32))
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


def test_a_refund_of_another_is_never_taken_for_a_lost_one(bench: NmiBench) -> None:
    bench.server.marks_refunds_on_charge = True
    ref = bench.settled(80_00)
    lost = bench.on(Operation.REFUND, ref, 30_00)
    bench.fault("hang_before")
    bench.gateway.send(lost)
    bench.server.clock.forward(5)
    bench.gateway.send(bench.on(Operation.REFUND, ref, 30_00))
    assert bench.gateway.look_up(lost).seen is Seen.CONFLICT
    assert bench.gateway.look_up(replace(lost, sent_at=NOW + timedelta(minutes=9))).seen is Seen.ABSENT


def test_a_refund_that_carries_anothers_key_explains_nothing(bench: NmiBench) -> None:
    ref = bench.settled(80_00)
    lost = bench.on(Operation.REFUND, ref, 30_00)
    bench.fault("hang_before")
    bench.gateway.send(lost)
    bench.server.clock.forward(5)
    bench.gateway.send(bench.on(Operation.REFUND, ref, 30_00))
    assert bench.gateway.look_up(lost).seen is Seen.ABSENT


def test_a_capture_of_another_amount_is_for_a_person(bench: NmiBench) -> None:
    ref = bench.charged(20_00, Operation.AUTHORISE)
    ask = bench.on(Operation.CAPTURE, ref, 20_00)
    assert bench.gateway.look_up(ask).seen is Seen.UNDONE
    bench.gateway.send(bench.on(Operation.CAPTURE, ref, 15_00))
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


def test_nothing_is_asked_for_without_a_name(bench: NmiBench) -> None:
    assert bench.gateway.settlement("") is Settlement.UNKNOWN
    assert bench.gateway.look_up(bench.on(Operation.VOID, "", 1)).seen is Seen.ABSENT
    assert bench.gateway.kept_cards("") == ()
    assert not bench.server.requests


# Reading.


def test_a_plus_in_a_reply_stands_for_itself() -> None:
    reply = read_reply("response=1&responsetext=a+b@example.com ok&transactionid=1&response_code=100")
    assert reply is not None and reply.text == "a+b@example.com ok"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "OK",
        "<html></html>",
        "response=1",
        "response=1&response_code=1",
        "response=1&response=2&response_code=100",
        "response=1&response_code=100&transactionid=1&transactionid=2",
    ],
)
def test_a_reply_that_is_cut_or_says_two_things_is_none(body: str) -> None:
    assert read_reply(body) is None


def test_what_a_gateway_says_cannot_steer_a_terminal_or_carry_a_card_number() -> None:
    assert "\x1b" not in split_text("DECLINE \x1b]52;c;aaaa\x07 REFID:12")[0]
    assert split_text("DECLINE\n  by issuer REFID:123") == ("DECLINE by issuer", "123")
    assert "1111" not in split_text("Card 4111 1111 1111 1111 is bad")[0]


def report(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<nm_response>{inner}</nm_response>'


def test_a_report_with_undeclared_entities_is_read() -> None:
    root = read_report(
        report(
            "<transaction><transaction_id>7</transaction_id><order_id>&eacute;&amp;&madeup;</order_id></transaction>"
        )
    )
    assert root is not None
    assert [record.order for record in records_in(root)] == ["é&\ufffd"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html/>",
        report("<transaction>"),
        "<!DOCTYPE x>" + report(""),
        "<!doctype x [<!ENTITY a 'b'>]>" + report("&a;"),
        report("<error_response>Invalid Security Key</error_response>"),
    ],
)
def test_what_is_no_honest_report_is_not_read(body: str) -> None:
    assert read_report(body) is None


def test_each_transaction_of_a_report_counts_once() -> None:
    row = "<transaction><transaction_id>7</transaction_id></transaction>"
    root = read_report(report(row * 2))
    assert root is not None and len(records_in(root)) == 1


def test_a_vault_report_without_entries_is_the_customers_own_card() -> None:
    card = "<cc_number>4xxxxxxxxxxx1111</cc_number><cc_exp>1029</cc_exp><cc_type>visa</cc_type>"
    root = read_report(report(f'<customer_vault><customer id="V9">{card}</customer></customer_vault>'))
    assert root is not None
    (kept,) = cards_in(root)
    assert (kept.vault, kept.billing, kept.brand, kept.last4) == ("V9", "", "Visa", "1111")
    assert (kept.expiry_month, kept.expiry_year) == (10, 2029)
