"""Cards at Stripe by token, link and number, and what the account says and shows of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, CardRef, Operation, Seen, Why
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.stripe import VERSION, Stripe
from cstui.services.gateways.stripe_replies import words
from tests.fakes.stripe import KEY, StripeServer
from tests.gateways.stripe_bench import StripeBench, seen, sent

PAN = "4242424242424242"
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


@pytest.mark.parametrize(
    ("step", "state"), [("prepare", AttemptState.NOT_SENT), ("move", AttemptState.UNKNOWN)]
)
def test_a_card_whose_answer_was_lost_is_found_by_its_attempt(
    bench: StripeBench, step: str, state: AttemptState
) -> None:
    ask, _ = bench.new_card()
    bench.fake.fail_next("drop_after", only=step)
    assert bench.gateway.keep_card(ask).state is state
    found = bench.gateway.look_up(replace(ask, email="ann.new@example.com"))
    if step == "prepare":
        assert found.seen is Seen.ABSENT
    else:
        assert found.answer is not None and found.answer.card is not None
        assert (found.answer.card.brand, found.answer.card.last4) == ("Visa", "4242")
        bench.fake.clock.forward(24 * HOUR)
    again = bench.gateway.keep_card(replace(ask, resent=True))
    assert again.card is not None and again.card.vault.startswith("cus_")
    assert bench.kept(ask) == 1 and len(bench.fake.books.stores["customers"]) == 1


def test_a_kept_card_is_prepared_for_charges_without_the_customer(bench: StripeBench) -> None:
    holder, _ = bench.fake.books.card()
    ask = bench.ask(Operation.VAULT_ADD, 0, customer=holder, token="pm_card_mastercard")
    answer = bench.gateway.send(ask)
    assert answer.card is not None and (answer.card.vault, answer.card.brand) == (holder, "Mastercard")
    form = sent(bench.fake, "/setup_intents")[0].form
    assert (form["usage"], form["payment_method_types[]"], form["confirm"]) == ("off_session", "card", "true")
    verify = bench.ask(Operation.VERIFY, 0, card=CardRef(holder, answer.card.billing))
    assert bench.gateway.send(verify).state is AttemptState.SUCCEEDED
    refused = bench.ask(Operation.VAULT_ADD, 0, customer=holder, token="tok_visa_chargeDeclinedLostCard")
    assert bench.gateway.keep_card(refused).why is Why.NEVER
    assert seen(bench, refused) == (Seen.DECIDED, AttemptState.DECLINED_HARD, Why.NEVER)


def test_a_removal_that_was_lost_is_seen_at_the_card(bench: StripeBench) -> None:
    drop = bench.ask(Operation.VAULT_REMOVE, 0, card=bench.card())
    assert seen(bench, drop)[0] is Seen.ABSENT
    bench.fault("hang_after")
    assert bench.gateway.send(drop).state is AttemptState.UNKNOWN
    assert seen(bench, drop)[:2] == (Seen.DECIDED, AttemptState.SUCCEEDED)
    nobodys = bench.ask(Operation.VAULT_REMOVE, 0, card=CardRef("cus_gone", "pm_gone"))
    assert bench.gateway.drop_card(nobodys).state is AttemptState.SUCCEEDED
    assert bench.gateway.kept_cards("cus_gone") == ()
    nothing = bench.gateway.drop_card(bench.ask(Operation.VAULT_REMOVE, 0))
    assert (nothing.state, nothing.why) == (AttemptState.REJECTED, Why.NO_SUCH_RECORD)


def test_a_typed_number_reaches_stripe_only_where_the_account_may_send_it(bench: StripeBench) -> None:
    card = TypedCard(PAN, 12, 2034, "123", "Ann Smith")
    ask = bench.ask(Operation.VAULT_ADD, 0, email="ann@example.com")
    assert not bench.gateway.capabilities.typed_cards
    answer = bench.gateway.keep_card(ask, card)
    assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.ACCOUNT)
    assert answer.text == "This account must use a card link." and bench.fake.requests == []
    allowed = StripeBench(bench.fake, raw_card_enabled="yes").gateway
    kept = allowed.keep_card(ask, card).card
    assert allowed.capabilities.typed_cards and kept is not None and kept.last4 == "4242"
    bench.fake.books.raw_cards = False
    said = allowed.keep_card(replace(ask, key="another"), card)
    assert (said.state, said.why, said.text) == (answer.state, answer.why, answer.text)


def test_a_card_link_is_open_then_filled_or_expired(bench: StripeBench) -> None:
    ask = bench.ask(Operation.VAULT_ADD, 0, email="ann@example.com", holder="Ann Smith")
    link = bench.gateway.open_link(ask)
    assert link.url.startswith("https://checkout.stripe.com/") and link.expires_at is not None
    assert bench.gateway.open_link(ask) == link
    assert bench.gateway.read_link(link.ref).seen is Seen.ABSENT
    bench.fake.books.fill_link(link.ref, "amex")
    answer = bench.gateway.read_link(link.ref).answer
    assert answer is not None and answer.card is not None
    assert (answer.card.brand, answer.card.last4, answer.card.expiry_year) == ("Amex", "8431", 2034)
    sale = bench.ask(Operation.SALE, 20_00, card=CardRef(answer.card.vault, answer.card.billing))
    assert bench.gateway.send(sale).state is AttemptState.SUCCEEDED
    forgotten = bench.gateway.open_link(bench.ask(Operation.VAULT_ADD, 0, customer=answer.card.vault))
    bench.fake.clock.forward(25 * HOUR)
    assert bench.gateway.read_link(forgotten.ref).seen is Seen.UNDONE
    bench.fake.fail_next("status_502", only="prepare")
    with pytest.raises(GatewayAway):
        bench.gateway.open_link(replace(ask, key="another"))
    bench.reads_down()
    assert bench.gateway.read_link(link.ref).seen is Seen.UNREACHABLE


def test_the_version_is_pinned_and_an_account_may_pin_another(fake: StripeServer) -> None:
    for options in ({}, {"version": "2025-09-30.clover"}):
        StripeBench(fake, **options).gateway.is_test()
    assert [got.headers["stripe-version"] for got in fake.requests] == [VERSION, "2025-09-30.clover"]


@pytest.mark.parametrize("key", ["", "pk_test_abc", "abc"])
def test_what_is_no_secret_key_makes_no_gateway(key: str) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        Stripe(Account("stripe", "main"), key)
    assert not key or key not in refused.value.in_words()


def test_a_live_key_never_serves_a_test_account() -> None:
    with pytest.raises(GatewayMisconfigured):
        Stripe(Account("stripe", "main", is_test=True), "sk_live_abcdef")
    with StripeServer(key="rk_live_abcdef") as fake:
        gateway = Stripe(Account("stripe", "main", url=fake.url), "rk_live_abcdef", sleep=lambda _: None)
        assert gateway.is_test() is False
        fake.books.is_live = False
        assert gateway.is_test() is None


def test_neither_key_nor_number_nor_code_is_ever_shown(
    bench: StripeBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = StripeBench(bench.fake, raw_card_enabled="yes").gateway
    ask = bench.ask(Operation.VAULT_ADD, 0, email="ann@example.com")
    shown = []
    for fault in ("", "half_body", "refuse"):
        if fault:
            bench.fake.fail_next(fault)
        shown.append(gateway.keep_card(replace(ask, key=f"k{fault}"), TypedCard(PAN, 12, 2034, "9871")))
    bench.mend()
    shown.append(gateway.send(replace(bench.sale(12_50), card=None, token="tok_nothing")))
    text = f"{shown!r} {caplog.text}"
    assert PAN not in text and "9871" not in text and "_secret_" not in text
    assert KEY not in f"{text} {gateway!r} {vars(gateway)!r}"


def test_stripes_words_are_cleaned_of_keys_numbers_and_signs_that_steer() -> None:
    assert (
        words("Invalid API Key provided: sk_test_4eC39Hq and rk_live_9")
        == "Invalid API Key provided: (key) and (key)"
    )
    assert PAN not in words(f"Your card {PAN} was declined.")
    assert "\x1b" not in words("red \x1b[31m") and len(words("x" * 5000)) <= 300
