"""What a desk is told of money without asking: its own attempts, what waits for its person, and whether anything is sent at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundState


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """One of this person's attempts that is under way, or ended a moment ago.

    `refund_state` is its refund's, None for a void of its own; `failures` and `text` say why it waits. A charge of a subscription may have no order
    yet: `order_number` is the product then.
    """

    id: int
    order_id: int
    order_number: str
    operation: Operation
    state: AttemptState
    amount: Money
    card: str
    execute_after: datetime | None
    text: str
    refund_state: RefundState | None = None
    failures: int = 0
    subscription_id: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state in (
            AttemptState.WAITING_APPROVAL,
            AttemptState.ARMED,
            AttemptState.SENDING,
            AttemptState.UNKNOWN,
            AttemptState.PENDING,
        )


@dataclass(frozen=True, slots=True)
class OwnDecision:
    """What somebody else decided within the last minute about a refund that this person had asked for (D-12).

    `asked` is what was asked for, where that is known; `reason` the words of a denial.
    """

    refund_id: int
    order_id: int
    order_number: str
    state: RefundState
    amount: Money
    asked: Money | None
    by: str
    reason: str = ""

    @property
    def is_denied(self) -> bool:
        """Whether nothing of it goes back."""
        return self.state in (RefundState.DENIED, RefundState.WITHDRAWN)

    @property
    def is_lowered(self) -> bool:
        """Whether less goes back than was asked for."""
        return self.asked is not None and self.amount.minor < self.asked.minor


@dataclass(frozen=True, slots=True)
class MoneyNews:
    """The picture of money that a desk paints its status line from. Two that differ make the news.

    `approvals` counts refunds that wait for approval in the stores where this person approves; `decisions` those that need another decision.
    `overdue` counts attempts that should have been sent a while ago; with no worker alive they wait for one. `newest_approval` says the newest
    request in words, `newest_approval_id` is its refund. `decided`: what others just decided about this person's own requests.
    """

    own: tuple[OwnAttempt, ...] = ()
    approvals: int = 0
    decisions: int = 0
    checking: int = 0
    overdue: int = 0
    worker_alive: bool = True
    newest_approval: str = ""
    newest_approval_id: int = 0
    decided: tuple[OwnDecision, ...] = ()

    @property
    def waits_for_worker(self) -> bool:
        """Whether something waits that nobody sends."""
        return not self.worker_alive and (self.overdue > 0 or any(one.is_open for one in self.own))
