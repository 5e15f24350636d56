"""What is NMI's own when money moves: its codes and words, its odd replies, its account, and what it must never be told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cstui.domain.addresses import Address
from cstui.domain.gateways import Account, Answer, Ask, CardRef, Operation, Seen, Settlement, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.nmi import Nmi
from cstui.services.gateways.nmi_query import is_simulating, read_report
from cstui.services.gateways.nmi_replies import amount_text, minor_of
from tests.fakes.nmi import KEY, FakeNmi
from tests.gateways.nmi_bench import VISA, NmiBench, nmi_bench

S = AttemptState


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


# The account.


@pytest.mark.parametrize("shape", ["test_mode_enabled", "test_mode_status"])
@pytest.mark.parametrize("is_test", [True, False])
def test_the_account_says_in_either_shape_whether_it_simulates(
    bench: NmiBench, shape: str, is_test: bool
) -> None:
    bench.server.test_mode_shape, bench.server.is_test = shape, is_test
    assert bench.gateway.is_test() is is_test


def test_an_account_that_says_nothing_of_itself_stays_unknown() -> None:
    root = read_report("<nm_response></nm_response>")
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
