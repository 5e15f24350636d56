"""Cards in NMI's vault: kept under names of ours, found again, removed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cstui.domain.gateways import CardRef, Operation, Seen
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway
from tests.fakes.nmi import TEST_TOKEN
from tests.gateways.nmi_bench import VISA, NmiBench, nmi_bench

S = AttemptState


@pytest.fixture
def bench() -> Iterator[NmiBench]:
    with nmi_bench() as bench:
        yield bench


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
