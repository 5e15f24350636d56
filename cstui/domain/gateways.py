"""What the desk asks of a payment gateway and what a gateway can answer; every adapter speaks this and nothing else.

An answer is approved, refused or unknown, never a mere success or failure: what was sent and not answered may have happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cstui.domain.addresses import Address
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind


class Operation(StrEnum):
    """What an attempt does at the gateway: moving money, checking a card, keeping or forgetting one."""

    VERIFY = "verify"
    AUTHORISE = "authorise"
    CAPTURE = "capture"
    SALE = "sale"
    VOID = "void"
    REFUND = "refund"
    CREDIT = "credit"
    VAULT_ADD = "vault_add"
    VAULT_REMOVE = "vault_remove"

    @property
    def transaction_kind(self) -> TransactionKind | None:
        """The kind of transaction that a success writes; None for what only concerns the vault."""
        return None if self in (Operation.VAULT_ADD, Operation.VAULT_REMOVE) else TransactionKind(self.value)

    @property
    def gives_back(self) -> bool:
        """Whether money goes towards the customer."""
        return self in (Operation.VOID, Operation.REFUND, Operation.CREDIT)


class Verdict(StrEnum):
    """The three answers of an adapter call."""

    APPROVED = "approved"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """What a refusal (or a doubt) is about: this decides what the desk does next, the gateway's own code is only shown."""

    NONE = ""
    SETTLED = "settled"  # a void came too late: the charge has settled, refund it
    NOT_SETTLED = "not_settled"  # a refund came too early
    DECLINED = "declined"  # the issuer said no and may say yes later
    NEVER = "never"  # the issuer will never say yes: lost, stolen, closed, expired
    CARD_DATA = "card_data"  # number, expiry, code or address is wrong
    EXCEEDS_BALANCE = "exceeds_balance"
    ALREADY_DONE = "already_done"  # refunded or voided already, maybe by us
    DISPUTED = "disputed"
    NO_SUCH_RECORD = "no_such_record"
    DUPLICATE = "duplicate"  # the gateway's own duplicate check
    LOW_FUNDS = "low_funds"  # the merchant's balance is too low
    BUSY = "busy"  # a limiter or a lock refused: nothing was executed
    NOT_SENT = "not_sent"  # proven: not one byte arrived
    ACCOUNT = "account"  # key, permission, feature, configuration
    MISMATCH = "mismatch"  # the reply is about something else than was asked
    PARTIAL = "partial"  # less was approved than asked
    NO_ANSWER = "no_answer"  # sent, and no usable answer came
    OTHER = "other"


#: Refusals after which a later try, unchanged, may succeed.
MAY_SUCCEED_LATER = frozenset(
    {Why.DECLINED, Why.LOW_FUNDS, Why.BUSY, Why.NOT_SENT, Why.NOT_SETTLED, Why.OTHER}
)
#: Refusals that no try by the same way can ever turn into a success.
NEVER_SUCCEEDS = frozenset({Why.NEVER})


@dataclass(frozen=True, slots=True)
class CardRef:
    """A stored card by the gateway's own names for it; `billing` is empty where the vault entry is the card itself."""

    vault: str
    billing: str = ""
    brand: str = ""
    last4: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One operation as an adapter sends it. `key` (at most 32 letters and digits) is the attempt's own and never used for another.

    `target` is the gateway's reference of the transaction that is captured, voided or refunded, `target_kind` what it is. `order` is the
    human order number. `resent` says that these very bytes may have been sent before. `sent_at` is when the first try left.
    `initiated_by_merchant`: nobody is on the line (a rebill); `first_ref` is then the transaction that first stored the card.
    `holder`, `email` and `address` go with a card that is kept or charged; no field can hold a card's number.
    """

    key: str
    operation: Operation
    amount: Money
    target: str = ""
    target_kind: TransactionKind | None = None
    card: CardRef | None = None
    order: str = ""
    description: str = ""
    reason: str = ""
    customer: str = ""
    holder: str = ""
    email: str = ""
    phone: str = ""
    address: Address | None = None
    token: str = ""
    initiated_by_merchant: bool = False
    first_ref: str = ""
    resent: bool = False
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptCard:
    """What a gateway says of a card that it keeps; what may be shown, and its names for it."""

    vault: str
    billing: str = ""
    brand: str = ""
    last4: str = ""
    expiry_month: int = 0
    expiry_year: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an adapter makes of a reply, or of its absence.

    `state` is one of succeeded, pending (accepted, not final), declined_soft, declined_hard, rejected, not_sent, unknown. `code` and `text` are
    the gateway's own, cleaned, without secrets; `request_ref` is its id of the request, for its support.
    """

    state: AttemptState
    why: Why = Why.NONE
    ref: str = ""
    code: str = ""
    text: str = ""
    http_status: int = 0
    request_ref: str = ""
    card: KeptCard | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Approved, refused or unknown."""
        if self.state in (AttemptState.SUCCEEDED, AttemptState.PENDING):
            return Verdict.APPROVED
        return Verdict.UNKNOWN if self.state is AttemptState.UNKNOWN else Verdict.REFUSED


class Seen(StrEnum):
    """What a look at the gateway found of an operation whose outcome is open."""

    DECIDED = "decided"  # `answer` holds what became of it
    ABSENT = "absent"  # the gateway knows nothing of it; no proof by itself, its index may lag
    UNDONE = "undone"  # proof that it was not executed and cannot be any more (a void of what still waits for settlement)
    UNREACHABLE = "unreachable"  # no usable answer
    CONFLICT = "conflict"  # several match, or one that is not what was asked: a person decides


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking an operation up; `answer` stands where it is decided, `text` says what was seen."""

    seen: Seen
    answer: Answer | None = None
    text: str = ""


class Settlement(StrEnum):
    """Where a charge stands at the gateway."""

    AUTHORISED = "authorised"
    WAITING = "waiting"
    SETTLED = "settled"
    VOIDED = "voided"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a gateway says has gone back of a charge, whoever made it: a void or a refund, by the gateway's own reference."""

    ref: str
    kind: TransactionKind
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do; the desk offers nothing else.

    `voids_captured`: a captured charge can be voided until it settles (Stripe cannot). `refunds_unsettled`: a part can be refunded before
    settlement. `typed_cards`: numbers may be typed. `card_links`: the customer can be sent a link. `credits`: money to a card that was not
    charged. `knows_settlement`: asking tells whether a charge has settled. `absence_proves`: what it does not list after the quiet time was not
    executed; elsewhere a person says so.
    """

    voids_captured: bool = True
    refunds_unsettled: bool = False
    typed_cards: bool = True
    card_links: bool = False
    credits: bool = False
    removes_cards: bool = True
    knows_settlement: bool = True
    absence_proves: bool = False


@dataclass(frozen=True, slots=True)
class CardLink:
    """A page of the gateway's where the customer types the card himself. `ref` asks later what became of it."""

    ref: str
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One account at a gateway as an adapter is built from it. `name` tells several at one gateway apart; `secret` names the key in the
    keyring or the environment, never the key. `options` are the gateway's own (`processor_id`, `dup_seconds`, `version`, …).
    """

    gateway: str
    name: str
    is_test: bool = False
    url: str = ""
    secret: str = ""
    zone: str = "UTC"
    cut_off: str = "20:00"
    options: dict[str, str] = field(default_factory=dict)

    @property
    def secret_name(self) -> str:
        """The name under which its key is kept: as configured, else `gateway.NAME`."""
        return self.secret or f"{self.gateway}.{self.name}"
