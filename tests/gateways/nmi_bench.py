"""The NMI adapter with the fake NMI behind it, as the contract wants it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Ask, CardRef, Operation
from cstui.services.gateways.nmi import Nmi
from tests.fakes.gateway_server import LINE_FAULTS
from tests.fakes.nmi import KEY, MONEY, FakeNmi
from tests.gateways.contract import Bench

VISA = "4111111111111111"


class NmiBench(Bench):
    """`server` is the fake; `options` go into the account."""

    faults = frozenset(LINE_FAULTS)
    tells_refunds = False

    def __init__(self, server: FakeNmi, **options: str) -> None:
        self.server = server
        self._nmi = Nmi(
            Account("nmi", "us", is_test=True, url=server.api, options=options),
            KEY,
            answer_seconds=0.15,
            sleep=lambda _: None,
        )
        server.put_card("V1", "b1")

    @property
    def gateway(self) -> Nmi:
        return self._nmi

    def ask(self, operation: Operation, minor: int, **facts: object) -> Ask:
        facts.setdefault("sent_at", self.server.clock.now())
        return super().ask(operation, minor, **facts)

    def card(self) -> CardRef:
        return CardRef("V1", "b1")

    def declining_card(self) -> tuple[CardRef, int]:
        self.server.put_card("V1", "b2", "4242424242424242", declines="202")
        return CardRef("V1", "b2"), 20_00

    def new_card(self) -> tuple[Ask, TypedCard | None]:
        ref = CardRef(uuid4().hex, uuid4().hex)
        ask = self.ask(Operation.VAULT_ADD, 0, card=ref, holder="Ana Núñez", email="ana+desk@example.com")
        return ask, TypedCard(VISA, 12, 2029, "999", "Ana Núñez", "77777")

    def fault(self, name: str) -> None:
        self.server.fail_next(name, only=MONEY)

    def reads_down(self) -> None:
        self.server.fail_next("status_502", times=1000, only="query")

    def mend(self) -> None:
        self.server.recover()

    def land(self) -> None:
        self.server.land()

    def settle(self) -> None:
        self.server.settle()

    def charges(self, ask: Ask) -> int:
        return self.server.successes(ask.key, "sale", "auth")

    def given_back(self, ref: str) -> int:
        return self.server.given_back(ref)

    def kept(self, ask: Ask) -> int:
        assert ask.card is not None
        return len(self.server.vaults.get(ask.card.vault, {}))


@contextmanager
def nmi_bench(**options: str) -> Iterator[NmiBench]:
    """A bench of its own; at the end the adapter must have behaved."""
    with FakeNmi() as server:
        bench = NmiBench(server, **options)
        yield bench
        bench.gateway.close()
        server.assert_well_behaved()
