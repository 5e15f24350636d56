"""M, F and X on the order screen: what they act on, the order's own lock, and the list of its mails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, Purpose
from cstui.domain.mails import MailRow
from cstui.domain.orders import OrderView
from cstui.domain.payments import TransactionRow
from cstui.domain.shipments import ShipmentRow, why_not_shipment_cancelled
from cstui.flow import quietly
from cstui.keys import KeyMap
from cstui.screens.charge_rows import ChargeRows
from cstui.screens.mail_actions import MailActions, MailSpot, shipment_spot, transaction_spot
from cstui.screens.money_actions import order_key
from cstui.screens.order_holds import OrderHolds
from cstui.screens.order_rows import Showing
from cstui.screens.shipment_actions import Locked, ShipmentActions


class OrderSending(MailActions, ShipmentActions, ChargeRows, OrderHolds):
    """Mails and shipments of the order on the screen; a row under the cursor narrows the keys to it."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._mails: tuple[MailRow, ...] = ()

    def _under_cursor(self) -> tuple[Kind, int] | None:
        row = self.sheet.row if self.is_mounted else None
        return order_key(row.key) if row is not None else None

    # Mails ------------------------------------------------------------------------------------------

    def mail_spot(self) -> MailSpot | None:
        """The refund, void, shipment or mail under the cursor, else the order."""
        view, key = self.view, self._under_cursor()
        if view is None:
            return None
        here = MailSpot(view.id, view.number)
        if key is None:
            return here
        if key[0] is Kind.MAIL:
            return MailSpot(view.id, view.number, *key)
        of_money = (transaction_spot(row) for row in view.transactions if (Kind.TRANSACTION, row.id) == key)
        of_goods = (shipment_spot(row) for row in view.shipments if (Kind.SHIPMENT, row.id) == key)
        return next(of_money, None) or next(of_goods, None) or here

    def mails_moved(self) -> None:
        """Reads the list of mails again, whatever else is open."""
        self.run_worker(self._read_mails(), description="mails", exit_on_error=False)

    async def _read_mails(self) -> None:
        order_id = self.record_id
        found = await quietly(self.desk.mails.for_order, self.actor, order_id)
        if found is not None and order_id == self.record_id and found != self._mails:
            self._mails = found
            self.paint()

    async def _after_load(self, is_new: bool) -> None:
        """The mails, which the first paint need not wait for."""
        if is_new:
            self._mails = ()
        await super()._after_load(is_new)
        await self._read_mails()

    def _showing(self) -> Showing:
        return replace(super()._showing(), mails=self._mails)

    def transaction_spot(self) -> TransactionRow | None:
        """The transaction under the cursor."""
        view, key = self.view, self._under_cursor()
        rows = view.transactions if view is not None else ()
        return next((row for row in rows if (Kind.TRANSACTION, row.id) == key), None)

    # Shipments --------------------------------------------------------------------------------------

    def shipment_spot(self) -> ShipmentRow | None:
        """The shipment under the cursor, else the order's only one."""
        view, key = self.view, self._under_cursor()
        if view is None:
            return None
        found = [row for row in view.shipments if (Kind.SHIPMENT, row.id) == key]
        if not found and len(view.shipments) == 1:
            return view.shipments[0]
        return found[0] if found else None

    def _on_shipment(self) -> bool:
        key = self._under_cursor()
        return key is not None and key[0] is Kind.SHIPMENT

    def why_not(self, action: str) -> str:
        """X on a shipment's row is about that shipment."""
        row = self.shipment_spot() if action == "order.cancel" and self._on_shipment() else None
        if row is not None:
            return super().why_not("order.reship") or why_not_shipment_cancelled(row.state)
        return super().why_not(action)

    def title_now(self, action: str) -> str:
        """What X cancels."""
        if action == "order.cancel" and self._on_shipment():
            return "Cancel this shipment"
        return super().title_now(action)

    def action_order_cancel(self) -> None:
        """`X`: the shipment under the cursor, else the order."""
        if self._on_shipment():
            self.cancel_shipment()
        else:
            super().action_order_cancel()

    async def lock_for_shipment(self, order_id: int) -> Locked | None:
        """The order's own lock, which the padlock shows."""
        grip: Grip | None = await self.take_lock(Purpose.EDIT)
        return Locked(self.order, grip) if grip is not None else None

    async def store_shipment(
        self, locked: Locked, save_id: str, use_case: Callable[..., OrderView], *args: Any
    ) -> OrderView:
        """One save under the lock, the new state on the screen."""
        await self._commit(save_id, use_case, locked.grip, *args)
        return self.order

    async def give_shipment_lock_back(self) -> None:
        """The panel is left; a lock that F8 keeps stays."""
        await self._done_with_lock()

    def shipment_done(self, order: OrderView) -> None:
        """It is on the screen already."""
