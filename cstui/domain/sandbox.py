"""The sandbox gateway's own words: how its cards behave, which faults it plays, and a line of its books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cstui.domain.money import Money


class Behaviour(StrEnum):
    """How a card of the sandbox answers, each time it is used."""

    APPROVE = "approve"
    DECLINE = "decline"  # declined, may succeed later
    LOST = "lost"  # declined for ever
    REFUND_PENDING = "refund_pending"  # charges go through; refunds are accepted and decided later
    REFUND_FAILS = "refund_fails"  # charges go through; refunds succeed and fail later


class Fault(StrEnum):
    """What can be made to go wrong, so many times."""

    DECLINE = "decline"
    LOST = "lost"
    TIMEOUT_BEFORE = "timeout_before"  # nothing happens, and no answer comes
    TIMEOUT_AFTER = "timeout_after"  # it happens, and no answer comes
    SLOW_SETTLEMENT = "slow_settlement"  # the charge settles a day later
    REFUND_FAILS = "refund_fails"  # the refund succeeds and fails later
    BUSY = "busy"
    NOT_SENT = "not_sent"
    LAG = "lag"  # what happens cannot be looked up for a while
    DOWN = "down"  # a look-up gets no answer


#: Faults of the line: they come before or after whatever the sandbox does.
ON_THE_LINE: Final = (Fault.NOT_SENT, Fault.BUSY, Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER)
#: Numbers of cards that can be typed, with their behaviour; any other number is approved.
TEST_NUMBERS: Final = {
    "4111111111111111": Behaviour.APPROVE,
    "4000000000000002": Behaviour.DECLINE,
    "4000000000000341": Behaviour.DECLINE,
    "4000000000009987": Behaviour.LOST,
    "4000000000007726": Behaviour.REFUND_PENDING,
    "4000000000005126": Behaviour.REFUND_FAILS,
}
#: Of these the card can be kept; it is declined when it is charged.
KEPT_ALL_THE_SAME: Final = frozenset({"4000000000000341"})


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line of the sandbox's books. `state` is its own word at the time of writing; `changes_to` what it turns into, and when."""

    id: int
    account: str
    ref: str
    ask_key: str
    kind: str
    state: str
    amount: Money
    parent_ref: str
    vault: str
    text: str
    visible_at: datetime
    created_at: datetime
    settles_at: datetime | None
    changes_to: str
    changes_at: datetime | None

    def state_at(self, now: datetime) -> str:
        """Its state at an instant."""
        turned = self.changes_at is not None and self.changes_at <= now and self.changes_to
        return self.changes_to if turned else self.state

    def is_settled(self, now: datetime) -> bool:
        """Whether a charge has settled by an instant; what never waits for settlement has not."""
        return self.settles_at is not None and self.settles_at <= now


@dataclass(frozen=True, slots=True)
class BookEntry:
    """What happened elsewhere and is taken into the sandbox's books: a demo's or an import's transaction.

    `kind` is a `TransactionKind`; `parent_ref` names the charge of a capture, void, refund or chargeback; `settles_at` counts for a sale or a
    capture. `card` is the card's vault id and, behind a slash, its billing id where it has one.
    """

    account: str
    ref: str
    kind: str
    amount: Money
    created_at: datetime
    settles_at: datetime | None = None
    parent_ref: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True)
class SandboxCardRow:
    """One card of the sandbox's vault: what may be shown, and how it behaves (empty: it approves)."""

    account: str
    vault: str
    billing: str
    brand: str
    last4: str
    expiry_month: int
    expiry_year: int
    behaviour: str = ""

    @property
    def name(self) -> str:
        """What a line of the books calls it."""
        return card_name(self.vault, self.billing)


def card_name(vault: str, billing: str = "") -> str:
    """What a line of the books calls a card."""
    return f"{vault}/{billing}" if billing else vault
