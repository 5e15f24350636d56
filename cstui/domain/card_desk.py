"""Cards on file as an agent works with them: how one can be added, what removing one does, what a new one should be used for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cstui.domain.errors import CstuiError, Exit
from cstui.domain.subscriptions import SubscriptionStatus

#: A subscription in one of these is still charged, or may be again.
LIVE_SUBSCRIPTIONS = (
    SubscriptionStatus.TRIAL,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.PAST_DUE,
    SubscriptionStatus.PAUSED,
    SubscriptionStatus.RECYCLE_FAILED,
)


class CardWay(StrEnum):
    """How a card comes to the gateway: typed at this desk, or by the customer on a page that he is sent a link to."""

    TYPED = "typed"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and in `why_not` the reason where it is not possible now. `through_worker`: what is typed is handed to a worker."""

    way: CardWay
    why_not: str = ""
    through_worker: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether it can be used now."""
        return not self.why_not


@dataclass(frozen=True, slots=True)
class CardDesk:
    """What a new card of a customer starts from: where it will be kept, the ways there, and what is known of its holder."""

    customer_id: int
    store_id: int
    store: str
    gateway: str
    account: str
    is_test: bool
    typed: Way
    link: Way
    holder: str = ""
    postcode: str = ""
    email: str = ""
    has_cards: bool = False

    @property
    def through_worker(self) -> bool:
        """Whether a typed card is handed to a worker."""
        return self.typed.through_worker


@dataclass(frozen=True, slots=True)
class CardKept:
    """A card that is on file now."""

    card_id: int
    name: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class LinkSent:
    """A card link on its way. `is_open`: the page stands and the mail is queued; otherwise a worker makes it."""

    link_id: int
    to: str
    is_open: bool
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CardRemoval:
    """What removing a card would do; `blocked` says why it cannot be done now, naming what stands in the way."""

    card_id: int
    name: str
    blocked: str = ""
    is_default: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Removing:
    """A removal that was asked for: done already, or an attempt that a worker sends. `waits_for_worker`: none is running."""

    name: str
    is_done: bool
    attempt_id: int = 0
    waits_for_worker: bool = False


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A subscription that a new card could pay (D-17). `is_failed`: its last charge did not go through and waits for a better card."""

    subscription_id: int
    product: str
    status: SubscriptionStatus
    next_bill_date: date | None
    card: str
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of using a card for subscriptions: those that it pays now, and those that were left, each with the reason."""

    done: tuple[str, ...]
    left: tuple[str, ...] = ()


class CardRefused(CstuiError):
    """The gateway does not keep this card; the message holds its words, never the card's."""

    code = "card_refused"
    title = "Card not kept"


class CardIntakeAway(CstuiError):
    """A typed card could not be handed to a worker: nothing has left this desk."""

    code = "card_intake_away"
    title = "Card intake not reachable"
    exit_code = Exit.UNAVAILABLE


def card_name(brand: str, last4: str) -> str:
    """How people call a card: `Visa …4242`."""
    return f"{brand or 'Card'} …{last4}" if last4 else brand or "Card"
