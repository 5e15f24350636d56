"""M, F and X on the profile: what they act on, and what is shown afterwards."""

from __future__ import annotations

from cstui.domain.ids import Kind
from cstui.domain.orders import OrderView
from cstui.domain.payments import TransactionRow
from cstui.domain.shipments import ShipmentRow, why_not_shipment_cancelled
from cstui.screens.charge_rows import ChargeRows
from cstui.screens.customer_cards import CustomerCards
from cstui.screens.mail_actions import MailActions, MailSpot, shipment_spot, transaction_spot
from cstui.screens.money_actions import order_key
from cstui.screens.shipment_actions import ShipmentActions


class CustomerSending(MailActions, ShipmentActions, ChargeRows, CustomerCards):
    """Mails and shipments of the orders on the profile, each by the row under the cursor."""

    def _under_cursor(self) -> tuple[Kind, int] | None:
        row = self.page.row if self.page is not None else None
        return order_key(row.key) if row is not None else None

    def mail_spot(self) -> MailSpot | None:
        """The order, refund, void or shipment under the cursor, else the newest order."""
        view, key = self.view, self._under_cursor()
        if view is None:
            return None
        of_orders = (MailSpot(row.id, row.number) for row in view.orders if (Kind.ORDER, row.id) == key)
        of_money = (transaction_spot(row) for row in view.transactions if (Kind.TRANSACTION, row.id) == key)
        of_goods = (shipment_spot(row) for row in view.shipments if (Kind.SHIPMENT, row.id) == key)
        newest = MailSpot(view.orders[0].id, view.orders[0].number) if view.orders else None
        return next(of_orders, None) or next(of_money, None) or next(of_goods, None) or newest

    def transaction_spot(self) -> TransactionRow | None:
        """The transaction under the cursor."""
        view, key = self.view, self._under_cursor()
        rows = view.transactions if view is not None else ()
        return next((row for row in rows if (Kind.TRANSACTION, row.id) == key), None)

    def shipment_spot(self) -> ShipmentRow | None:
        """The shipment under the cursor, or the only one of the order under it."""
        view, key = self.view, self._under_cursor()
        if view is None or key is None:
            return None
        if key[0] is Kind.ORDER:
            found = [row for row in view.shipments if row.order_id == key[1]]
            return found[0] if len(found) == 1 else None
        return next((row for row in view.shipments if (Kind.SHIPMENT, row.id) == key), None)

    def _on_shipment(self) -> ShipmentRow | None:
        key = self._under_cursor()
        return self.shipment_spot() if key is not None and key[0] is Kind.SHIPMENT else None

    def why_not(self, action: str) -> str:
        """X on a shipment's row is about that shipment."""
        row = self._on_shipment() if action == "customer.cancel" else None
        if row is not None:
            return super().why_not("order.reship") or why_not_shipment_cancelled(row.state)
        return super().why_not(action)

    def title_now(self, action: str) -> str:
        """What X ends."""
        if action == "customer.cancel" and self._on_shipment() is not None:
            return "Cancel this shipment"
        return super().title_now(action)

    def action_customer_cancel(self) -> None:
        """`X`: the shipment under the cursor, else what X ends otherwise."""
        if self._on_shipment() is not None:
            self.cancel_shipment()
        else:
            super().action_customer_cancel()

    def shipment_done(self, order: OrderView) -> None:
        """Reads the profile again."""
        self.note_added()
