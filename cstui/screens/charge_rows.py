"""What R and V are called on the row of a charge, and why they cannot be used on it, before anything is asked for (TXN-01, REF-06)."""

from __future__ import annotations

from abc import abstractmethod

from cstui.domain.payments import TransactionKind, TransactionRow, TransactionStatus
from cstui.screens.money_actions import is_charge
from cstui.screens.record_actions import RecordActions


class ChargeRows(RecordActions):
    """Names and reasons of the two ways to give a charge back. A screen says which transaction stands under its cursor."""

    @abstractmethod
    def transaction_spot(self) -> TransactionRow | None:
        """The transaction under the cursor; None for other rows."""

    def _charge(self, action: str) -> TransactionRow | None:
        row = self.transaction_spot() if action in ("order.refund", "order.void") else None
        return row if row is not None and is_charge(row.kind) else None

    def why_not(self, action: str) -> str:
        """What is certain from the row alone; the rest is for the panel to find out."""
        why, row = super().why_not(action), self._charge(action)
        if why or row is None:
            return why
        if row.status is TransactionStatus.FAILED:
            return "This charge failed; nothing was taken."
        if action == "order.void" and row.settled and row.kind is not TransactionKind.AUTHORISE:
            return "This charge has settled; R refunds it."
        return ""

    def title_now(self, action: str) -> str:
        """Refunding and voiding a charge are two choices of their own."""
        row = self._charge(action)
        if row is None:
            return super().title_now(action)
        if action == "order.refund":
            return "Refund this charge"
        return "Lift this hold" if row.kind is TransactionKind.AUTHORISE else "Void this charge"
