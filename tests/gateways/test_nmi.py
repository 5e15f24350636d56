"""What is NMI's own: its codes and words, its odd replies, its vault, and what it must never be told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cstui.domain.addresses import Address
from cstui.domain.gateways import Account, Answer, Ask, CardRef, Operation, Seen, Settlement, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.nmi import Nmi
from cstui.services.gateways.nmi_query import cards_in, is_simulating, read_report, records_in
from cstui.services.gateways.nmi_replies import amount_text, minor_of, read_reply, split_text
from tests.fakes.nmi import KEY, TEST_TOKEN, FakeNmi
from tests.gateways.nmi_bench import VISA, NmiBench, nmi_bench

S = AttemptState
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[NmiBench]:
    with nmi_bench() as bench:
        yield bench


def sale_with(bench: NmiBench, fault: str, detail: str, **facts: object) -> Answer:
    bench.server.fail_next(fault, detail=detail, only="sale")
    return bench.gateway.send(replace(bench.sale(20_00), **facts))  # type: ignore[arg-type]


# Codes and words.


@pytest.mark.parametrize(
    ("code", "state", "why"),
    [
        ("200", S.DECLINED_SOFT, Why.DECLINED),
        ("202", S.DECLINED_SOFT, Why.DECLINED),
        ("240", S.DECLINED_SOFT, Why.DECLINED),
        ("264", S.DECLINED_SOFT, Why.DECLINED),
        ("299", S.DECLINED_SOFT, Why.DECLINED),  # not in any table
        ("204", S.DECLINED_HARD, Why.NEVER),
        ("222", S.DECLINED_HARD, Why.NEVER),
        ("252", S.DECLINED_HARD, Why.NEVER),
        ("261", S.DECLINED_HARD, Why.NEVER),
        ("223", S.DECLINED_HARD, Why.CARD_DATA),
        ("225", S.DECLINED_HARD, Why.CARD_DATA),
        ("461", S.DECLINED_HARD, Why.CARD_DATA),
        ("301", S.NOT_SENT, Why.BUSY),
        ("400", S.UNKNOWN, Why.NO_ANSWER),
        ("420", S.UNKNOWN, Why.NO_ANSWER),
        ("421", S.UNKNOWN, Why.NO_ANSWER),
        ("430", S.UNKNOWN, Why.DUPLICATE),
        ("410", S.REJECTED, Why.ACCOUNT),
        ("411", S.REJECTED, Why.ACCOUNT),
        ("440", S.REJECTED, Why.ACCOUNT),
        ("460", S.REJECTED, Why.ACCOUNT),
        ("441", S.REJECTED, Why.CARD_DATA),
        ("499", S.REJECTED, Why.OTHER),
        ("100", S.UNKNOWN, Why.MISMATCH),  # a refusal with the code of an approval
    ],
)
def test_a_code_says_what_the_desk_may_do_next(
    bench: NmiBench, code: str, state: AttemptState, why: Why
) -> None:
    answer = sale_with(bench, "code", code)
    assert (answer.state, answer.why, answer.code) == (state, why, code)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Only transactions pending settlement can be voided", Why.SETTLED),
        ("ONLY  transactions pending\tsettlement can be voided.", Why.SETTLED),
        ("Refund amount may not exceed the transaction balance", Why.EXCEEDS_BALANCE),
        ("Duplicate transaction", Why.DUPLICATE),
        ("Disabling Duplicate Check is not allowed for this processor", Why.ACCOUNT),
        ("Specified API key not found", Why.ACCOUNT),
        ("Authentication Failed", Why.ACCOUNT),
        ("Your account is not set up to use the Customer Vault.", Why.ACCOUNT),
        ("Invalid Transaction ID specified", Why.NO_SUCH_RECORD),
        ("Invalid Customer Vault Id Specified", Why.NO_SUCH_RECORD),
        ("Invalid Credit Card Number", Why.CARD_DATA),
        ("The moon is in the wrong house", Why.OTHER),
    ],
)
def test_a_rejection_is_told_by_its_words(bench: NmiBench, text: str, why: Why) -> None:
    answer = sale_with(bench, "text", text)
    assert (answer.state, answer.why) == (S.REJECTED, why)
    assert "REFID" not in answer.text and answer.request_ref.isdigit()


def test_a_wrong_key_is_a_matter_of_the_account(bench: NmiBench) -> None:
    stranger = Nmi(bench.gateway.account, "another-key-that-nobody-knows", sleep=lambda _: None)
    assert stranger.send(bench.sale(5_00)).why is Why.ACCOUNT
    assert stranger.look_up(bench.sale(5_00)).seen is Seen.UNREACHABLE
    assert stranger.is_test() is None


# Doubt.


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("wrong_order", ""),
        ("echo", "currency=EUR"),
        ("echo", "amount=2000.00"),
        ("echo", "amount=twenty"),
        ("echo", "type=refund"),
        ("echo", "customer_vault_id=V2"),
        ("echo", "amount_authorized=20.01"),
        ("echo", "response_code=200"),
    ],
)
def test_a_reply_about_something_else_leaves_the_outcome_open(
    bench: NmiBench, fault: str, detail: str
) -> None:
    answer = sale_with(bench, fault, detail)
    assert (answer.state, answer.why) == (S.UNKNOWN, Why.MISMATCH)


@pytest.mark.parametrize("field", ["response=", "response=4", "response_code=", "response_code=10"])
def test_a_reply_that_lacks_what_decides_is_no_answer(bench: NmiBench, field: str) -> None:
    answer = sale_with(bench, "echo", field)
    assert (answer.state, answer.why) == (S.UNKNOWN, Why.NO_ANSWER)


def test_an_approval_without_a_number_is_looked_for(bench: NmiBench) -> None:
    ask = bench.sale(20_00)
    bench.server.fail_next("echo", detail="transactionid=", only="sale")
    assert bench.gateway.send(ask).state is S.UNKNOWN
    answer = bench.gateway.look_up(ask).answer
    assert answer is not None and answer.state is S.SUCCEEDED and answer.ref


def test_a_void_that_answers_with_another_charge_leaves_the_outcome_open(bench: NmiBench) -> None:
    ref = bench.charged(20_00)
    bench.server.fail_next("echo", detail="transactionid=77", only="void")
    assert bench.gateway.send(bench.on(Operation.VOID, ref, 20_00)).why is Why.MISMATCH


def test_a_first_duplicate_is_refused_and_one_on_a_second_send_is_looked_up(bench: NmiBench) -> None:
    first = bench.sale(20_00)
    assert sale_with(bench, "text", "Duplicate transaction").state is S.REJECTED
    bench.fault("drop_after")
    assert bench.gateway.send(first).state is S.UNKNOWN
    again = bench.gateway.send(replace(first, resent=True))
    assert (again.state, again.why) == (S.UNKNOWN, Why.DUPLICATE)
    finding = bench.gateway.look_up(first)
    assert finding.answer is not None and finding.answer.state is S.SUCCEEDED
    assert bench.charges(first) == 1


def test_no_refusal_of_a_second_send_settles_the_first(bench: NmiBench) -> None:
    ref = bench.settled(20_00)
    ask = bench.on(Operation.REFUND, ref, 20_00)
    bench.fault("hang_after")
    bench.gateway.send(ask)
    again = bench.gateway.send(replace(ask, resent=True))
    assert (again.state, again.why) == (S.UNKNOWN, Why.EXCEEDS_BALANCE)
    bench.server.fail_next("refuse")
    assert bench.gateway.send(replace(ask, resent=True)).state is S.UNKNOWN
    bench.mend()
    finding = bench.gateway.look_up(ask)
    assert finding.answer is not None and finding.answer.state is S.SUCCEEDED
    assert bench.given_back(ref) == 20_00


def test_a_part_that_was_approved_is_let_go_at_once(bench: NmiBench) -> None:
    ask = bench.sale(20_00)
    bench.server.fail_next("partial", detail="12.00", only="sale")
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why) == (S.DECLINED_HARD, Why.PARTIAL)
    assert "12.00" in answer.text
    assert bench.gateway.settlement(answer.ref) is Settlement.VOIDED
    finding = bench.gateway.look_up(ask)
    assert finding.answer is not None and finding.answer.why is Why.PARTIAL


def test_a_part_that_may_still_be_held_is_unknown(bench: NmiBench) -> None:
    ask = bench.sale(20_00)
    bench.server.fail_next("partial", detail="12.00", only="sale")
    bench.server.fail_next("hang_before", only="void")
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why) == (S.UNKNOWN, Why.PARTIAL)
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


# Amounts.


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (4, "JPY", "4.00"),
        (4, "USD", "0.04"),
        (1_234_50, "EUR", "1234.50"),
        (99_999_999_99, "USD", "99999999.99"),
        (100_000_000_00, "USD", None),
        (1_500, "KWD", None),
        (-1, "USD", None),
    ],
)
def test_amounts_have_two_decimals_or_are_not_sent(minor: int, currency: str, written: str | None) -> None:
    assert amount_text(Money(minor, currency)) == written
    if written is not None:
        assert minor_of(written, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("41", "USD", 41_00),
        ("-41.00", "USD", 41_00),
        ("41.0000", "USD", 41_00),
        ("41.005", "USD", None),
        ("4.50", "JPY", None),
        ("", "USD", None),
        ("1e3", "USD", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(text: str, currency: str, minor: int | None) -> None:
    assert minor_of(text, currency) == minor


def test_yen_go_out_and_are_found_as_yen(bench: NmiBench) -> None:
    ask = replace(bench.sale(1), amount=Money(4_000, "JPY"))
    assert bench.gateway.send(ask).state is S.SUCCEEDED
    assert bench.server.requests[-1].form["amount"] == "4000.00"
    assert bench.gateway.look_up(ask).seen is Seen.DECIDED


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"amount": Money(1_500, "KWD")}, Why.ACCOUNT),
        ({"amount": Money(0, "USD")}, Why.OTHER),
        ({"amount": Money(-5, "USD")}, Why.OTHER),
        ({"target": ""}, Why.NO_SUCH_RECORD),
        ({"target": "12 or 13"}, Why.NO_SUCH_RECORD),
        ({"key": "not-a-key"}, Why.OTHER),
        ({"operation": Operation.SALE, "card": None}, Why.CARD_DATA),
        ({"operation": Operation.CREDIT, "card": CardRef("V1", "b1")}, Why.ACCOUNT),
    ],
)
def test_what_nmi_would_take_wrongly_never_leaves(
    bench: NmiBench, facts: dict[str, object], why: Why
) -> None:
    ref = bench.settled(50_00)
    before = len(bench.server.requests)
    ask = replace(bench.on(Operation.REFUND, ref, 10_00), **facts)  # type: ignore[arg-type]
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why) == (S.REJECTED, why)
    assert len(bench.server.requests) == before


def test_money_to_another_card_needs_an_account_that_may() -> None:
    with nmi_bench(credits="yes") as bench:
        assert bench.gateway.capabilities.credits
        ask = bench.ask(Operation.CREDIT, 10_00, card=bench.card())
        assert bench.gateway.send(ask).state is S.SUCCEEDED
        assert bench.gateway.look_up(ask).seen is Seen.DECIDED


# What is told.


def test_a_stored_card_is_charged_by_its_names_and_says_who_asked(bench: NmiBench) -> None:
    bench.gateway.send(bench.sale(20_00))
    form = bench.server.requests[-1].form
    assert (form["customer_vault_id"], form["billing_id"]) == ("V1", "b1")
    assert (form["initiated_by"], form["stored_credential_indicator"]) == ("customer", "used")
    assert not {"cvv", "ccnumber", "dup_seconds", "customer_receipt", "test_mode"} & set(form)
    bench.gateway.send(replace(bench.sale(21_00), initiated_by_merchant=True, first_ref="300"))
    form = bench.server.requests[-1].form
    assert (form["initiated_by"], form["initial_transaction_id"]) == ("merchant", "300")


def test_the_accounts_options_go_with_a_charge() -> None:
    with nmi_bench(processor_id="mid2", dup_seconds="60") as bench:
        bench.gateway.send(bench.sale(20_00))
        form = bench.server.requests[-1].form
        assert (form["processor_id"], form["dup_seconds"]) == ("mid2", "60")


def test_neither_a_void_nor_a_capture_takes_the_charges_order_id_away(bench: NmiBench) -> None:
    charge = bench.sale(20_00, Operation.AUTHORISE)
    ref = bench.gateway.send(charge).ref
    bench.gateway.send(bench.on(Operation.CAPTURE, ref, 20_00))
    bench.gateway.send(bench.on(Operation.VOID, ref, 20_00))
    assert all("orderid" not in request.form for request in bench.server.requests[1:])
    assert bench.server.requests[-1].form.keys() == {"security_key", "type", "transactionid"}


def test_checks_of_address_and_code_are_told_in_words(bench: NmiBench) -> None:
    address = Address("Ana", "Núñez", "", "888", "", "Reno", "NV", "12345", "US")
    ask = replace(bench.sale(20_00), address=address)
    assert bench.gateway.send(ask).facts == {"avs": "partial", "auth_code": "123456"}
    form = bench.server.requests[-1].form
    assert (form["first_name"], form["last_name"], form["address1"]) == ("Ana", "Núñez", "888")
    found = bench.gateway.look_up(ask).answer
    assert found is not None and found.facts == {"avs": "partial", "auth_code": "123456"}


# Finding again.


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


# Cards.


def test_later_cards_join_the_customers_vault_and_leave_it_one_by_one(bench: NmiBench) -> None:
    ask, card = bench.new_card()
    assert ask.card is not None
    bench.gateway.keep_card(ask, card)
    first = bench.server.requests[-1].form
    assert (first["customer_vault"], first["type"], first["ccexp"]) == ("add_customer", "validate", "1229")
    assert "amount" not in first
    second = replace(ask, key="d" * 32, card=CardRef(ask.card.vault, "c" * 32))
    bench.gateway.keep_card(second, card)
    assert bench.server.requests[-1].form["customer_vault"] == "add_billing"
    assert bench.kept(ask) == 2
    removed = []
    for one in (second, ask):
        assert bench.gateway.drop_card(replace(one, operation=Operation.VAULT_REMOVE)).state is S.SUCCEEDED
        removed.append(bench.server.requests[-1].form["customer_vault"])
    assert removed == ["delete_billing", "delete_customer"]
    assert ask.card.vault not in bench.server.vaults


def test_a_card_without_an_entry_of_its_own_takes_no_other_card_along(bench: NmiBench) -> None:
    bench.server.put_card("V1", "b2")
    ask = bench.ask(Operation.VAULT_REMOVE, 0, card=CardRef("V1"))
    assert bench.gateway.drop_card(ask).state is S.REJECTED
    assert len(bench.server.vaults["V1"]) == 2


def test_a_lost_card_and_a_lost_removal_are_found(bench: NmiBench) -> None:
    ask, card = bench.new_card()
    assert bench.gateway.look_up(ask).seen is Seen.ABSENT
    bench.fault("drop_after")
    bench.gateway.keep_card(ask, card)
    found = bench.gateway.look_up(ask)
    assert found.answer is not None and found.answer.card is not None
    assert found.answer.card.last4 == "1111"
    drop = replace(ask, key="d" * 32, operation=Operation.VAULT_REMOVE)
    assert bench.gateway.look_up(drop).seen is Seen.UNDONE
    bench.fault("drop_after")
    assert bench.gateway.send(drop).state is S.UNKNOWN
    assert bench.gateway.look_up(drop).seen is Seen.DECIDED


def test_a_card_that_is_kept_already_is_not_typed_into_the_line_again(bench: NmiBench) -> None:
    ask, card = bench.new_card()
    bench.gateway.keep_card(ask, card)
    bench.gateway.keep_card(ask, card)
    assert sum(VISA in request.body for request in bench.server.requests) == 1


def test_cards_of_other_customers_are_not_ours(bench: NmiBench) -> None:
    ask = bench.ask(Operation.VAULT_ADD, 0, card=CardRef("V7", "b1"))
    bench.server.fail_next("other_rows", only="query")
    assert bench.gateway.look_up(ask).seen is Seen.ABSENT


def test_a_card_that_goes_while_it_is_removed_counts_as_removed(bench: NmiBench) -> None:
    bench.server.fail_next("text", detail="Invalid Customer Vault Id Specified", only="delete_customer")
    ask = bench.ask(Operation.VAULT_REMOVE, 0, card=bench.card())
    assert bench.gateway.drop_card(ask).state is S.SUCCEEDED


def test_a_card_behind_a_token_is_kept_with_what_nmi_says_of_it(bench: NmiBench) -> None:
    ask, _ = bench.new_card()
    kept = bench.gateway.send(replace(ask, token=TEST_TOKEN)).card
    assert kept is not None and (kept.brand, kept.last4, kept.expiry_year) == ("Visa", "1111", 2029)


def test_no_card_is_sent_while_the_vault_cannot_be_read(bench: NmiBench) -> None:
    ask, card = bench.new_card()
    bench.reads_down()
    assert bench.gateway.keep_card(ask, card).state is S.NOT_SENT
    assert bench.gateway.keep_card(replace(ask, resent=True), card).state is S.UNKNOWN
    assert bench.gateway.drop_card(ask).state is S.NOT_SENT
    assert VISA not in "".join(request.body for request in bench.server.requests)


def test_nmi_has_no_page_for_card_numbers(bench: NmiBench) -> None:
    with pytest.raises(GatewayAway):
        bench.gateway.open_link(bench.sale(1))


# The account.


@pytest.mark.parametrize("shape", ["test_mode_enabled", "test_mode_status"])
@pytest.mark.parametrize("is_test", [True, False])
def test_the_account_says_in_either_shape_whether_it_simulates(
    bench: NmiBench, shape: str, is_test: bool
) -> None:
    bench.server.test_mode_shape, bench.server.is_test = shape, is_test
    assert bench.gateway.is_test() is is_test


def test_an_account_that_says_nothing_of_itself_stays_unknown() -> None:
    root = read_report(report(""))
    assert root is not None and is_simulating(root) is None


@pytest.mark.parametrize(
    ("url", "key", "options"),
    [
        ("http://secure.nmi.com/api/", KEY, {}),
        ("ftp://secure.nmi.com/api/", KEY, {}),
        ("https://u:p@secure.nmi.com/api/", KEY, {}),
        ("https://secure.nmi.com/api/?security_key=1", KEY, {}),
        ("", " ", {}),
        ("", KEY, {"dup_seconds": "a while"}),
        ("", KEY, {"dup_seconds": "7862401"}),
        ("", KEY, {"ver": "two"}),
    ],
)
def test_an_account_that_is_not_safe_to_use_is_refused(url: str, key: str, options: dict[str, str]) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        Nmi(Account("nmi", "us", url=url, options=options), key)
    assert KEY not in refused.value.in_words() and "u:p" not in refused.value.in_words()


def test_nothing_secret_reaches_a_log_or_an_answer(bench: NmiBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask, card = bench.new_card()
    told: list[object] = [bench.gateway.keep_card(ask, card), bench.gateway.send(bench.sale(20_00))]
    told += [sale_with(bench, "text", f"Key {KEY} is odd"), sale_with(bench, "text", f"So is card {VISA}")]
    for fault in ("drop_after", "half_body", "status_500"):
        bench.fault(fault)
        told.append(bench.gateway.send(bench.sale(30_00)))
    bench.reads_down()
    told.append(bench.gateway.look_up(ask))
    with pytest.raises(GatewayAway) as away:
        bench.gateway.kept_cards("V1")
    told += [away.value.in_words(), repr(bench.gateway), repr(card), caplog.text]
    everything = "\n".join(str(one) for one in told)
    assert KEY not in everything and VISA not in everything and "security_key" not in everything
    bench.mend()


def test_the_fake_notices_a_caller_that_must_not_be_trusted() -> None:
    with FakeNmi() as server:
        nmi = NmiBench(server)
        post = nmi.gateway._post
        post({"type": "sale", "customer_vault_id": "V1", "cvv": "999", "amount": "5", "orderid": "1"})
        post({"type": "sale", "customer_vault_id": "V1", "amount": "6.00", "orderid": "1"})
        post({"type": "refund", "transactionid": "1", "amount": "6.00"})
        assert len(server.breaches) == 4
        with pytest.raises(AssertionError):
            server.assert_well_behaved()


def test_asks_have_no_place_for_a_card_number() -> None:
    assert not {"number", "cvv", "code"} & set(Ask.__dataclass_fields__)
