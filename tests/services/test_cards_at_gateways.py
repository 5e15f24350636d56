"""Cards at NMI and at Stripe, each played by its fake: kept once, found again, removed entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cstui.bootstrap import Desk
from cstui.domain.attempts import GatewayUnknown
from cstui.domain.card_desk import CardRefused
from cstui.domain.ids import new_token
from cstui.services.secrets import Secrets
from cstui.services.worker import Worker
from cstui.storage.queries.cards import CARD, LINK
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.transaction import Database
from tests.fakes import nmi, stripe
from tests.money import MoneyBench, money_bench
from tests.services.test_cards import on_file, typed


@pytest.fixture
def bench(sqlite_db: Database) -> Iterator[MoneyBench]:
    made = money_bench(sqlite_db.url.text)
    yield made
    made.desk.close()


def moved_to(bench: MoneyBench, gateway: str, url: str, key: str, options: str = "{}") -> Desk:
    """The bench's only account becomes one at this gateway, whose key this desk has."""
    with bench.db.write() as tx:
        tx.run(
            table_of(GatewayAccount)
            .update()
            .values(gateway=gateway, url=url, secret="env:KEY", options=options)
        )
    bench.desk.secrets = Secrets({"KEY": key})
    return bench.desk


def work(bench: MoneyBench) -> None:
    """Everything that is due, with the desk's own adapters."""
    worker = Worker(bench.db, bench.settings, bench.gateways())
    worker.once()
    worker.stop()


def add(bench: MoneyBench, number: str = "4111111111111111", **more: Any) -> Any:
    facts: dict[str, Any] = {"save_id": new_token(), **more}
    return bench.desk.cards.add_typed(bench.ann, bench.customer, bench.store, typed(number, "999"), **facts)


@pytest.fixture
def at_nmi(bench: MoneyBench) -> Iterator[nmi.FakeNmi]:
    with nmi.FakeNmi() as server:
        moved_to(bench, "nmi", server.api, nmi.KEY)
        yield server
        bench.gateways().close()
        server.assert_well_behaved()


def entries(server: nmi.FakeNmi) -> set[tuple[str, str]]:
    return {(vault, billing) for vault, held in server.vaults.items() for billing in held}


def test_nmi_keeps_several_cards_in_one_vault_and_loses_them_one_by_one(
    bench: MoneyBench, at_nmi: nmi.FakeNmi
) -> None:
    first = add(bench).card_id
    second = add(bench, "5431111111111111").card_id
    assert {(row.vault_ref, row.billing_ref) for row in on_file(bench)} == entries(at_nmi)
    assert len(at_nmi.vaults) == 1 and len(entries(at_nmi)) == 2
    for card_id, left in ((first, 1), (second, 0)):
        bench.desk.cards.remove(bench.ann, card_id, new_token())
        work(bench)
        assert len(on_file(bench)) == len(entries(at_nmi)) == left


def test_a_card_that_nmi_kept_without_a_word_is_found_by_the_name_we_chose(
    bench: MoneyBench, at_nmi: nmi.FakeNmi
) -> None:
    at_nmi.fail_next("drop_after", only=nmi.MONEY)
    with pytest.raises(GatewayUnknown):
        add(bench)
    assert on_file(bench) == [] and len(entries(at_nmi)) == 1
    bench.later(seconds=30)
    work(bench)
    assert {(row.vault_ref, row.billing_ref, row.last4) for row in on_file(bench)} == {
        (*next(iter(entries(at_nmi))), "1111")
    }


def test_a_card_that_nmi_never_got_can_be_typed_again_at_once(bench: MoneyBench, at_nmi: nmi.FakeNmi) -> None:
    at_nmi.fail_next("status_502", only=nmi.MONEY)
    with pytest.raises(GatewayUnknown):
        add(bench)
    add(bench)
    assert len(on_file(bench)) == len(entries(at_nmi)) == 1


def test_stripe_takes_typed_numbers_only_where_it_was_allowed(bench: MoneyBench) -> None:
    with stripe.StripeServer(raw_cards=True) as server:
        desk = moved_to(bench, "stripe", server.url, stripe.KEY, '{"raw_card_enabled": "yes"}')
        add(bench)
        (card,) = on_file(bench)
        assert card.vault_ref.startswith("cus_") and card.billing_ref.startswith("pm_")
        desk.cards.remove(bench.ann, card.id, new_token())
        work(bench)
        assert on_file(bench) == []
        bench.gateways().close()


def test_a_stripe_account_that_may_not_be_sent_numbers_says_to_use_a_link(bench: MoneyBench) -> None:
    with stripe.StripeServer() as server:
        moved_to(bench, "stripe", server.url, stripe.KEY, '{"raw_card_enabled": "yes"}')
        with pytest.raises(CardRefused) as refused:
            add(bench)
        assert "link" in refused.value.in_words() and on_file(bench) == []
        bench.gateways().close()


def test_a_card_typed_on_a_page_of_stripes_comes_on_file(bench: MoneyBench) -> None:
    with stripe.StripeServer() as server:
        desk = moved_to(bench, "stripe", server.url, stripe.KEY)
        sent = desk.cards.send_link(bench.ann, bench.customer, bench.store, new_token())
        assert sent.is_open
        (link,) = bench.rows(LINK)
        server.books.fill_link(link.gateway_ref)
        with bench.db.write() as tx:
            tx.run(LINK.update().values(next_check_at=tx.now - timedelta(seconds=1)))
        assert desk.cards._links.check_links() == 1
        (card,) = bench.rows(CARD)
        assert card.vault_ref.startswith("cus_") and card.billing_ref.startswith("pm_") and card.is_default
        bench.gateways().close()
