"""What the order's lock is needed for, and why it cannot be had (LOCK-01 … LOCK-12)."""

from __future__ import annotations

from cstui.domain.order_rules import why_not_cancelled, why_not_held
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.screens.order_page import OrderPage

_NEEDS_LOCK = (
    "order.edit", "order.take", "order.address", "order.quantity", "order.hold", "order.cancel", "order.refund", "order.void",
    "order.reship",
)  # fmt: skip
_NEEDED = {
    "order.hold": Permission.ORDER_HOLD,
    "order.cancel": Permission.ORDER_CANCEL,
    "order.refund": Permission.REFUND_REQUEST,
    "order.void": Permission.REFUND_REQUEST,
}


class OrderLocking(OrderPage):
    """The reasons why an action on the order is not possible now."""

    def why_not(self, action: str) -> str:
        """Why an action on the order is not possible now, in words."""
        why = super().why_not(action)
        if why or not action.startswith("order."):
            return why
        view = self.view
        if view is None:
            return "The order is still being read."
        if action in _NEEDS_LOCK:
            return self._why_not_lock(action, view)
        return self.why_not_locking(action, view.store_id)

    def _why_not_lock(self, action: str, view: OrderView) -> str:
        if not self.actor.may(_NEEDED.get(action, Permission.ORDER_UPDATE), view.store_id):
            return "Your role does not allow it in this store."
        if locked := self.why_locked(view.store_id):
            return locked
        if action == "order.address" and not view.addresses_editable:
            return view.why_not_editable
        if action == "order.quantity" and not view.lines_editable:
            return view.why_not_editable
        if action == "order.hold":
            return "" if view.open_holds else why_not_held(view.status)
        if action == "order.cancel":
            return why_not_cancelled(view.status, view.shipments)
        if action == "order.edit" and not (view.lines_editable or view.addresses_editable):
            return view.why_not_editable
        return ""
