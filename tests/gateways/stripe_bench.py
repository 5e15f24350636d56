"""A bench for Stripe's adapter: in front of a fake Stripe, whose books tests read."""

from __future__ import annotations

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Ask, CardRef, Operation, Seen, Why
from cstui.domain.payments import AttemptState
from cstui.services.gateways.stripe import Stripe
from tests.fakes.gateway_server import LINE_FAULTS, Request
from tests.fakes.stripe import KEY, StripeServer
from tests.gateways.contract import Bench


class StripeBench(Bench):
    """The adapter in front of a fake Stripe; a fault meets the call by which money moves or a card is kept."""

    faults = frozenset(LINE_FAULTS)

    def __init__(self, fake: StripeServer, **options: str) -> None:
        self.fake = fake
        self._gateway = Stripe(
            Account("stripe", "main", is_test=True, url=fake.url, options=options),
            KEY,
            answer_seconds=0.25,
            sleep=lambda _: None,
            clock=fake.clock.now,
        )

    @property
    def gateway(self) -> Stripe:
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

    def ask(self, operation: Operation, minor: int, **facts: object) -> Ask:
        """A first try that leaves now, by the fake's clock."""
        return super().ask(operation, minor, **{"sent_at": self.fake.clock.now(), **facts})

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


def sent(fake: StripeServer, path: str) -> list[Request]:
    """The writes that reached a path."""
    return [got for got in fake.requests if got.method == "POST" and got.path.endswith(path)]


def seen(bench: StripeBench, ask: Ask) -> tuple[Seen, AttemptState | None, Why | None]:
    """What a look-up finds, and what it says became of the operation."""
    finding = bench.gateway.look_up(ask)
    answer = finding.answer
    return finding.seen, answer.state if answer else None, answer.why if answer else None
