"""Disputes: a customer's bank takes a charge back, or asks for it, and decides later whose money it is (REF-20)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.money import Money


class DisputeOutcome(StrEnum):
    """How a dispute stands: won means that the shop has its money again."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """One dispute of an order. `id` is its chargeback transaction, `transaction_id` the charge that is disputed."""

    id: int
    order_id: int
    store_id: int
    customer_id: int
    transaction_id: int | None
    amount: Money
    reason: str
    reference: str
    outcome: DisputeOutcome
    at: datetime
    gateway: str
    card: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the bank has not decided yet."""
        return self.outcome is DisputeOutcome.OPEN


@dataclass(frozen=True, slots=True)
class SeenDispute:
    """One dispute as a gateway lists it; `charges` are the references by which the disputed charge may be known here."""

    reference: str
    charges: tuple[str, ...]
    amount: Money
    reason: str
    outcome: DisputeOutcome
    at: datetime
