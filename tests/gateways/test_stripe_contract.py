"""Stripe keeps what every gateway keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Ask, CardRef, Operation
from cstui.services.gateways.base import Gateway
from cstui.services.gateways.stripe import Stripe
from tests.fakes.gateway_server import LINE_FAULTS, Clock
from tests.fakes.stripe import KEY, StripeServer
from tests.gateways.contract import Bench, GatewayContract


class StripeBench(Bench):
    """The adapter in front of a fake Stripe; a fault meets the call by which money moves or a card is kept."""

    faults = frozenset(LINE_FAULTS)

    def __init__(self, fake: StripeServer) -> None:
        self.fake = fake
        self._gateway = Stripe(
            Account("stripe", "main", is_test=True, url=fake.url),
            KEY,
            answer_seconds=0.25,
            sleep=lambda _: None,
            clock=fake.clock.now,
        )

    @property
    def gateway(self) -> Gateway:
        return self._gateway

    def card(self) -> CardRef:
        return CardRef(*self.fake.books.card())

    def declining_card(self) -> tuple[CardRef, int]:
        return CardRef(*self.fake.books.card("chargeDeclined")), 20_00

    def new_card(self) -> tuple[Ask, TypedCard | None]:
        ask = self.ask(Operation.VAULT_ADD, 0, holder="Ann Smith", email="ann@example.com", token="tok_visa")
        return ask, None

    def fault(self, name: str) -> None:
        self.fake.fail_next(name, only="move")

    def reads_down(self) -> None:
        self.fake.fail_next("status_502", times=1000, only="read")

    def mend(self) -> None:
        self.fake.recover()

    def land(self) -> None:
        self.fake.land()

    def settle(self) -> None:
        """Stripe's charges can be refunded from the moment they stand."""

    def charges(self, ask: Ask) -> int:
        stores = self.fake.books.stores
        mine = [
            pi["id"]
            for pi in stores["payment_intents"].values()
            if pi["metadata"].get("attempt_id") == ask.key
        ]
        return sum(
            charge["payment_intent"] in mine and charge["status"] == "succeeded"
            for charge in stores["charges"].values()
        )

    def given_back(self, ref: str) -> int:
        charges = self.fake.books.stores["charges"].values()
        return sum(charge["amount_refunded"] for charge in charges if charge["payment_intent"] == ref)

    def kept(self, ask: Ask) -> int:
        stores = self.fake.books.stores
        mine = [one["id"] for one in stores["customers"].values() if one["email"] == ask.email]
        return sum(method["customer"] in mine for method in stores["payment_methods"].values())


@pytest.fixture
def bench() -> Iterator[StripeBench]:
    with StripeServer(clock=Clock(datetime.now(UTC))) as fake:
        bench = StripeBench(fake)
        yield bench
        bench.gateway.close()
        fake.assert_well_behaved()


class TestStripeContract(GatewayContract):
    """The shared sentences, with Stripe behind them."""
