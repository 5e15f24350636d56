"""The order screen: one order to read, edit, hold and cancel, with its padlock (ORD-01 … ORD-07, LOCK-01 … LOCK-12)."""

from __future__ import annotations

from cstui.screens.order_disputes import OrderDisputes
from cstui.screens.order_sending import OrderSending


class OrderScreen(OrderSending, OrderDisputes):
    """Reading is `order_page`; the lock `record_locking`, asking for it `record_handover`, news of it `record_live`; text that is not saved

    `order_drafts`; editing `order_editing`; H and X `order_holds`; R and V `order_money`; disputes `order_disputes`; M and F `order_sending`.
    """

    def action_desk_back(self) -> None:
        """Esc; while a save is being checked nothing here is left."""
        if self.is_saving:
            self.tell_reason("It is still being checked whether this was saved.")
        else:
            super().action_desk_back()
