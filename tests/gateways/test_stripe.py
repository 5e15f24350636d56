"""What is Stripe's own: two steps to a charge, keys that are done once, refunds that come back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cstui.domain.gateways import Account, Ask, CardRef, Operation, Seen, Settlement, Verdict, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.services.gateways.stripe import Stripe
from tests.fakes.stripe import StripeServer
from tests.gateways.stripe_bench import StripeBench, seen, sent

MINUTE = 60
HOUR = 3600


@pytest.fixture
def fake() -> Iterator[StripeServer]:
    with StripeServer(raw_cards=True, moto=True) as fake:
        yield fake
        fake.assert_well_behaved()


@pytest.fixture
def bench(fake: StripeServer) -> Iterator[StripeBench]:
    bench = StripeBench(fake)
    yield bench
    bench.gateway.close()


def refund_on(bench: StripeBench, card: str, minor: int = 40_00) -> Ask:
    """A refund of a charge that was paid with this test card."""
    sale = bench.ask(Operation.SALE, minor, card=CardRef(*bench.fake.books.card(card)))
    ref = bench.gateway.send(sale).ref
    return bench.on(Operation.REFUND, ref, minor)


# Two steps.


def test_a_charge_is_created_and_then_confirmed_each_under_its_own_key(bench: StripeBench) -> None:
    ask = bench.sale(12_50)
    answer = bench.gateway.send(ask)
    create, confirm = sent(bench.fake, "/payment_intents") + sent(bench.fake, "/confirm")
    assert create.headers["idempotency-key"] == f"{ask.key}-create" and "confirm" not in create.form
    assert confirm.headers["idempotency-key"] == f"{ask.key}-confirm"
    assert confirm.path == f"/v1/payment_intents/{answer.ref}/confirm"
    assert answer.ref.startswith("pi_") and answer.facts["charge"].startswith("ch_")
    assert answer.request_ref.startswith("req_")


def test_a_currency_without_cents_is_sent_as_it_is(bench: StripeBench) -> None:
    ask = replace(bench.sale(0), amount=Money(500, "JPY"))
    assert bench.gateway.send(ask).state is AttemptState.SUCCEEDED
    assert (sent(bench.fake, "/payment_intents")[0].form["amount"], ask.amount.plain()) == ("500", "500")


@pytest.mark.parametrize("fault", ["drop_after", "hang_before", "status_500", "html_200"])
def test_what_is_lost_before_the_confirmation_has_charged_nothing_and_says_so(
    bench: StripeBench, fault: str
) -> None:
    ask = bench.sale(12_50)
    bench.fake.fail_next(fault, only="prepare")
    answer = bench.gateway.send(ask)
    assert answer.state is AttemptState.NOT_SENT and "Nothing was executed" in answer.text
    assert sent(bench.fake, "/confirm") == []
    assert bench.gateway.send(replace(ask, resent=True)).state is AttemptState.SUCCEEDED
    assert bench.charges(ask) == 1 and len(bench.fake.books.stores["payment_intents"]) == 1


def test_a_crash_between_the_steps_is_finished_under_the_same_keys(bench: StripeBench) -> None:
    ask = bench.sale(12_50)
    bench.fault("hang_before")
    assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
    assert seen(bench, ask)[0] is Seen.ABSENT
    again = bench.gateway.send(replace(ask, resent=True))
    assert again.state is AttemptState.SUCCEEDED
    assert bench.charges(ask) == 1 and len(bench.fake.books.stores["payment_intents"]) == 1


@pytest.mark.parametrize("step", ["prepare", "move"])
def test_a_charge_that_was_left_unconfirmed_is_closed_and_a_late_try_charges_nothing(
    bench: StripeBench, step: str
) -> None:
    ask = bench.sale(12_50)
    bench.fake.fail_next("hang_before", only=step)
    bench.gateway.send(ask)
    bench.fake.clock.forward(5 * MINUTE)
    assert seen(bench, ask)[0] is Seen.UNDONE
    # A desk that was suspended meanwhile wakes up and goes on where it stood.
    late = bench.gateway.send(ask)
    assert (late.state, late.verdict) == (AttemptState.NOT_SENT, Verdict.REFUSED)
    assert bench.charges(ask) == 0 and seen(bench, ask)[0] is Seen.UNDONE


def test_a_confirmation_that_takes_effect_late_is_found_or_shut_out(bench: StripeBench) -> None:
    found, shut_out = bench.sale(12_50), bench.sale(13_50)
    for ask in (found, shut_out):
        bench.fault("slow_effect")
        assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
        assert seen(bench, ask)[0] is Seen.ABSENT
        if ask is shut_out:
            bench.fake.clock.forward(5 * MINUTE)
            assert seen(bench, ask)[0] is Seen.UNDONE
        bench.land()
    assert seen(bench, found)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)
    assert (bench.charges(found), bench.charges(shut_out)) == (1, 0)


# Keys.


def test_another_amount_under_the_same_key_is_named_a_fault_of_the_program(bench: StripeBench) -> None:
    ask = refund_on(bench, "visa")
    part = replace(ask, amount=Money(10_00, "USD"))
    assert bench.gateway.send(part).state is AttemptState.SUCCEEDED
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.MISMATCH)
    assert "fault in this program" in answer.text
    assert bench.given_back(ask.target) == 10_00
    # Where the first may have been this very attempt, nothing is called refused.
    assert bench.gateway.send(replace(ask, resent=True)).state is AttemptState.UNKNOWN
    assert bench.gateway.look_up(ask).seen is Seen.CONFLICT


@pytest.mark.parametrize("fault", ["lock_timeout", "rate_limit"])
def test_a_lock_or_a_limiter_executes_nothing_and_the_same_key_goes_through_later(
    bench: StripeBench, fault: str
) -> None:
    ask = refund_on(bench, "visa")
    bench.fault(fault)
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why, answer.http_status) == (AttemptState.NOT_SENT, Why.BUSY, 429)
    assert bench.gateway.send(ask).state is AttemptState.SUCCEEDED
    assert bench.given_back(ask.target) == 40_00


def test_a_key_whose_first_call_still_runs_is_unknown_until_that_has_ended(bench: StripeBench) -> None:
    ask = refund_on(bench, "visa")
    bench.fault("slow_effect")
    bench.gateway.send(ask)
    until = time.monotonic() + 2
    while not bench.fake.executing and time.monotonic() < until:
        time.sleep(0.01)
    again = bench.gateway.send(replace(ask, resent=True))
    assert (again.state, again.http_status) == (AttemptState.UNKNOWN, 409)
    bench.land()
    assert bench.gateway.send(replace(ask, resent=True)).state is AttemptState.SUCCEEDED
    assert bench.given_back(ask.target) == 40_00


@pytest.mark.parametrize(("detail", "found"), [("", Seen.DECIDED), ("before", Seen.ABSENT)])
def test_a_stored_500_comes_again_under_its_key_and_only_reading_tells(
    bench: StripeBench, detail: str, found: Seen
) -> None:
    ask = bench.sale(12_50)
    bench.fake.fail_next("api_error", only="move", detail=detail)
    for turn in (ask, replace(ask, resent=True)):
        answer = bench.gateway.send(turn)
        assert (answer.state, answer.http_status) == (AttemptState.UNKNOWN, 500)
    assert seen(bench, ask)[0] is found
    assert bench.charges(ask) == (found is Seen.DECIDED)


def test_after_a_day_nothing_is_sent_again_only_read(bench: StripeBench) -> None:
    ask = bench.sale(12_50)
    bench.fault("hang_after")
    bench.gateway.send(ask)
    bench.fake.clock.forward(23.5 * HOUR)
    before = len(sent(bench.fake, ""))
    answer = bench.gateway.send(replace(ask, resent=True))
    assert answer.state is AttemptState.SUCCEEDED and bench.charges(ask) == 1
    gone = replace(bench.sale(12_50), resent=True, sent_at=None)
    assert bench.gateway.send(gone).state is AttemptState.UNKNOWN
    assert len(sent(bench.fake, "")) == before


def test_a_second_try_that_is_not_answered_says_nothing_of_the_first(bench: StripeBench) -> None:
    ask = refund_on(bench, "visa")
    bench.fault("drop_after")
    bench.gateway.send(ask)
    for fault in ("rate_limit", "refuse"):
        bench.fault(fault)
        assert bench.gateway.send(replace(ask, resent=True)).state is AttemptState.UNKNOWN
    bench.mend()
    assert bench.gateway.send(replace(ask, resent=True)).state is AttemptState.SUCCEEDED
    assert bench.given_back(ask.target) == 40_00


# Looking up.


def test_what_is_looked_for_is_found_on_whatever_page_it_stands(bench: StripeBench) -> None:
    bench.fake.page = 2
    ref = bench.charged(90_00)
    asks = [bench.on(Operation.REFUND, ref, minor) for minor in (1_00, 2_00, 3_00, 4_00, 5_00)]
    made = [bench.gateway.send(ask).ref for ask in asks]
    assert [finding.answer.ref for ask in asks if (finding := bench.gateway.look_up(ask)).answer] == made
    holder, _ = bench.fake.books.card()
    for _ in range(4):
        bench.fake.books.card("mastercard", holder)
    assert len(bench.gateway.kept_cards(holder)) == 5


def test_a_rebill_is_not_taken_for_the_charge_that_stored_its_card(bench: StripeBench) -> None:
    card = bench.card()
    first = bench.gateway.send(bench.ask(Operation.SALE, 12_50, card=card))
    rebill = bench.ask(Operation.SALE, 12_50, card=card, first_ref=first.ref, initiated_by_merchant=True)
    assert seen(bench, rebill)[0] is Seen.ABSENT
    answer = bench.gateway.send(rebill)
    finding = bench.gateway.look_up(replace(rebill, first_ref=answer.ref))
    assert finding.answer is not None and finding.answer.ref == answer.ref != first.ref


def test_a_charge_without_a_customer_is_found_when_the_index_has_it(bench: StripeBench) -> None:
    ask = bench.ask(Operation.SALE, 12_50, token="tok_visa")
    bench.fault("hang_after")
    assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
    assert seen(bench, ask)[0] is Seen.ABSENT
    bench.fake.clock.forward(2 * MINUTE)
    assert seen(bench, ask)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)
    assert bench.charges(ask) == 1


def test_a_key_that_another_charge_has_used_proves_nothing(bench: StripeBench) -> None:
    ask = bench.ask(Operation.SALE, 12_50, token="tok_visa")
    bench.fault("hang_after")
    assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
    bench.fake.search_lag *= 60
    bench.fake.clock.forward(20 * MINUTE)
    assert bench.gateway.look_up(replace(ask, description="Changed since")).seen is Seen.UNREACHABLE
    assert seen(bench, ask)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)


def test_a_capture_that_was_lost_is_read_from_its_payment(bench: StripeBench) -> None:
    ref = bench.charged(20_00, Operation.AUTHORISE)
    assert bench.gateway.settlement(ref) is Settlement.AUTHORISED
    capture = bench.on(Operation.CAPTURE, ref, 15_00, TransactionKind.AUTHORISE)
    assert seen(bench, capture)[0] is Seen.ABSENT
    bench.fault("hang_after")
    assert bench.gateway.send(capture).state is AttemptState.UNKNOWN
    assert seen(bench, capture)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)
    assert bench.gateway.look_up(replace(capture, amount=Money(20_00, "USD"))).seen is Seen.CONFLICT
    again = bench.gateway.send(bench.on(Operation.CAPTURE, ref, 15_00, TransactionKind.AUTHORISE))
    assert (again.state, again.why) == (AttemptState.REJECTED, Why.ALREADY_DONE)


# Refunds.


def test_a_refund_that_had_gone_through_says_later_that_it_failed(bench: StripeBench) -> None:
    ask = refund_on(bench, "refundFail")
    answer = bench.gateway.send(ask)
    assert answer.state is AttemptState.SUCCEEDED
    bench.fake.books.advance()
    for asked in (ask, replace(ask, first_ref=answer.ref)):
        assert seen(bench, asked) == (Seen.DECIDED, AttemptState.DECLINED_HARD, Why.NEVER)
    assert bench.given_back(ask.target) == 0


@pytest.mark.parametrize(
    ("reason", "state", "why"),
    [
        ("lost_or_stolen_card", AttemptState.DECLINED_HARD, Why.NEVER),
        ("charge_for_pending_refund_disputed", AttemptState.DECLINED_HARD, Why.DISPUTED),
        ("insufficient_funds", AttemptState.DECLINED_SOFT, Why.LOW_FUNDS),
        ("declined", AttemptState.DECLINED_SOFT, Why.DECLINED),
        ("something_new", AttemptState.DECLINED_SOFT, Why.OTHER),
    ],
)
def test_why_a_refund_failed_decides_what_follows(
    bench: StripeBench, reason: str, state: AttemptState, why: Why
) -> None:
    ask = refund_on(bench, "visa")
    bench.fake.books.fail_refund(bench.gateway.send(ask).ref, reason)
    assert seen(bench, ask) == (Seen.DECIDED, state, why)


def test_a_refund_that_waits_is_accepted_and_arrives_later(bench: StripeBench) -> None:
    slow = refund_on(bench, "pendingRefund")
    poor = refund_on(bench, "visa")
    assert bench.gateway.send(slow).state is AttemptState.PENDING
    bench.fake.books.low_balance = True
    answer = bench.gateway.send(poor)
    assert answer.state is AttemptState.PENDING and "balance" in answer.text
    assert bench.gateway.settlement(answer.ref) is Settlement.WAITING
    bench.fake.books.advance()
    for ask in (slow, poor):
        assert seen(bench, ask)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)


def test_a_charge_that_was_refunded_elsewhere_or_is_disputed_says_which(bench: StripeBench) -> None:
    elsewhere = refund_on(bench, "visa")
    bench.gateway.send(bench.on(Operation.REFUND, elsewhere.target, 40_00))
    disputed = refund_on(bench, "createDispute")
    answers = [bench.gateway.send(ask) for ask in (elsewhere, disputed)]
    assert [(one.state, one.why) for one in answers] == [
        (AttemptState.REJECTED, Why.ALREADY_DONE),
        (AttemptState.REJECTED, Why.DISPUTED),
    ]


def test_a_refund_that_stripe_calls_done_already_is_ours_where_it_bears_our_name(bench: StripeBench) -> None:
    ask = refund_on(bench, "visa")
    first = bench.gateway.send(ask)
    bench.fake.clock.forward(25 * HOUR)  # the key is forgotten: the very same bytes are a new request
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.ref) == (AttemptState.SUCCEEDED, first.ref)
    assert bench.given_back(ask.target) == 40_00


def test_an_imported_charge_is_refunded_and_voided_by_its_own_reference(bench: StripeBench) -> None:
    charge = bench.gateway.send(bench.sale(40_00)).facts["charge"]
    refund = bench.on(Operation.REFUND, charge, 40_00)
    assert bench.gateway.send(refund).state is AttemptState.SUCCEEDED
    assert seen(bench, refund)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)
    held = bench.gateway.send(bench.sale(40_00, Operation.AUTHORISE)).facts["charge"]
    assert bench.gateway.settlement(held) is Settlement.AUTHORISED
    assert bench.gateway.send(bench.on(Operation.VOID, held, 40_00)).state is AttemptState.SUCCEEDED


# Declines.


@pytest.mark.parametrize(
    ("card", "state", "why"),
    [
        ("chargeDeclined", AttemptState.DECLINED_SOFT, Why.DECLINED),
        ("visa_chargeDeclinedInsufficientFunds", AttemptState.DECLINED_SOFT, Why.DECLINED),
        ("chargeDeclinedProcessingError", AttemptState.DECLINED_SOFT, Why.DECLINED),
        ("visa_chargeDeclinedLostCard", AttemptState.DECLINED_HARD, Why.NEVER),
        ("chargeDeclinedExpiredCard", AttemptState.DECLINED_HARD, Why.NEVER),
        ("chargeDeclinedFraudulent", AttemptState.DECLINED_HARD, Why.NEVER),
        ("chargeDeclinedIncorrectCvc", AttemptState.DECLINED_HARD, Why.CARD_DATA),
        ("authenticationRequired", AttemptState.DECLINED_HARD, Why.CARD_DATA),
    ],
)
def test_a_decline_says_whether_the_card_may_ever_pay(
    bench: StripeBench, card: str, state: AttemptState, why: Why
) -> None:
    ask = bench.ask(Operation.SALE, 20_00, card=CardRef(*bench.fake.books.card(card)))
    answer = bench.gateway.send(ask)
    assert (answer.state, answer.why, answer.http_status) == (state, why, 402)
    assert seen(bench, ask) == (Seen.DECIDED, state, why)
    assert bench.charges(ask) == 0


def test_a_phone_order_is_marked_as_one_only_where_the_account_may(fake: StripeServer) -> None:
    by_phone = StripeBench(fake, moto="yes")
    card = CardRef(*fake.books.card("authenticationRequired"))
    assert (
        by_phone.gateway.send(by_phone.ask(Operation.SALE, 20_00, card=card)).state is AttemptState.SUCCEEDED
    )
    rebill = by_phone.ask(Operation.SALE, 20_00, card=card, initiated_by_merchant=True)
    assert by_phone.gateway.send(rebill).state is AttemptState.DECLINED_HARD
    phoned, billed = (got.form for got in sent(fake, "/confirm"))
    assert phoned["payment_method_options[card][moto]"] == "true" and "off_session" not in phoned
    assert billed["off_session"] == "true" and not any("moto" in name for name in billed)


def test_a_key_without_rights_is_about_the_account(fake: StripeServer) -> None:
    gateway = Stripe(Account("stripe", "main", url=fake.url), "sk_test_another", sleep=lambda _: None)
    bench = StripeBench(fake)
    answer = gateway.send(bench.sale(20_00))
    assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.ACCOUNT)
    assert gateway.is_test() is None
