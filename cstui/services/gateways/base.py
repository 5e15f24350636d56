"""The contract that every gateway adapter keeps; one suite of tests runs against all of them."""

from __future__ import annotations

from typing import Protocol

from cstui.domain.cards import TypedCard
from cstui.domain.errors import CstuiError, Exit
from cstui.domain.gateways import (
    Account,
    Answer,
    Ask,
    Capabilities,
    CardLink,
    CardRef,
    Finding,
    GivenBack,
    Settlement,
)


class GatewayMisconfigured(CstuiError):
    """An account cannot be used as it is set up: no key, a key of the wrong kind, a URL that is not safe."""

    code = "gateway_misconfigured"
    title = "Gateway not ready"
    exit_code = Exit.UNAVAILABLE


class GatewayAway(CstuiError):
    """A read at the gateway got no usable answer. Never raised for what moves money: that answers unknown or not sent."""

    code = "gateway_away"
    title = "Gateway not reachable"
    exit_code = Exit.UNAVAILABLE


class Gateway(Protocol):
    """One account at one gateway. Several threads may use it at once; it holds the account's key in memory and shows it nowhere.

    No method raises for what a gateway says or fails to say about money: that is an `Answer` or a `Finding`. `GatewayMisconfigured` is raised by
    the constructor alone.
    """

    account: Account

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def send(self, ask: Ask) -> Answer:
        """Sends one operation once (a transport that provably sent nothing may be tried again, twice at most, under the same key).

        Every way in which it can end is an answer; unknown where it may have happened.
        """
        ...

    def look_up(self, ask: Ask) -> Finding:
        """What became of an operation that was sent before, by its key or by its target. Moves nothing; may be repeated."""
        ...

    def settlement(self, ref: str) -> Settlement:
        """Where a charge stands. `UNKNOWN` also where the gateway does not answer."""
        ...

    def given_back(self, ref: str, currency: str) -> tuple[GivenBack, ...]:
        """What has gone back of a charge in this currency, or is on its way, as far as the gateway tells for certain. Errors: `GatewayAway`."""
        ...

    def keep_card(self, ask: Ask, card: TypedCard | None = None) -> Answer:
        """Vaults a card without charging it: a typed one, or the gateway's own token in `ask.token`. `ask.card` holds the vault id that we chose,
        where the gateway lets us; the answer's `card` holds what was kept. Repeated with the same ask it keeps one card.
        """
        ...

    def drop_card(self, ask: Ask) -> Answer:
        """Removes `ask.card` from the vault; a card that is not there any more counts as removed."""
        ...

    def kept_cards(self, customer: str) -> tuple[CardRef, ...]:
        """The cards that the vault holds for its own customer id. Errors: `GatewayAway`."""
        ...

    def open_link(self, ask: Ask) -> CardLink:
        """Makes a page where the customer types the card himself. Errors: `GatewayAway`; only where `card_links`."""
        ...

    def read_link(self, ref: str) -> Finding:
        """Whether that page was used: decided with the card, absent while it is open, undone when it has expired."""
        ...

    def is_test(self) -> bool | None:
        """Whether this account moves no real money, as the gateway itself says; None where it cannot be told now."""
        ...

    def close(self) -> None:
        """Closes its connections."""
        ...
