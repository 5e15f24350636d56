"""R and V on the order screen: what they act on, the order's own lock, and the money that moves while one looks (REF-05, REF-06)."""

from __future__ import annotations

from dataclasses import replace

from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip
from cstui.domain.orders import OrderView
from cstui.flow import quietly
from cstui.keys import KeyMap
from cstui.screens.money_actions import MoneyActions, MoneySpot, is_charge, order_key, release_lock
from cstui.screens.order_holds import OrderHolds


class OrderMoney(MoneyActions, OrderHolds):
    """The keys R and V under the order's lock. A transaction under the cursor narrows them to it."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._refund_next = False

    def money_spot(self) -> MoneySpot | None:
        """This order; in the list of payments the charge under the cursor."""
        view = self.view
        if view is None:
            return None
        row = self.sheet.row if self.is_mounted else None
        key = order_key(row.key) if row is not None else None
        charge = 0
        if key is not None and key[0] is Kind.TRANSACTION:
            charge = next((t.id for t in view.transactions if t.id == key[1] and is_charge(t.kind)), 0)
        return MoneySpot(view.id, view.number, view.customer_name, view.store_id, charge)

    def why_no_spot(self) -> str:
        """The order is not there yet."""
        return "The order is still being read."

    # The lock ---------------------------------------------------------------------------------------

    def token_for_money(self) -> str:
        """The lock that F8 took already, else a new one."""
        return self.token if self.grip is not None else new_token()

    def money_lock_taken(self, token: str, grip: Grip) -> None:
        """The padlock shows it, and whoever waits for it is heard."""
        super().money_lock_taken(token, grip)
        self.token, self.grip = token, grip
        self.refresh_frame()

    def money_lock_gone(self) -> None:
        """The request freed it."""
        super().money_lock_gone()
        self.lock_is_gone()
        self._show_as_free()
        self.refresh_frame()

    async def give_money_lock_back(self) -> None:
        """The panel is left; a lock that F8 keeps stays."""
        token, self._money_token = self._money_token, ""
        if token and token == self.token:
            await self._done_with_lock()
        elif token:
            await quietly(release_lock, self.desk, self.actor, token)

    # What moved -------------------------------------------------------------------------------------

    def money_moved(self) -> None:
        """Reads the money and what the history says of it again, whatever else is open."""
        self.run_worker(self._read_money(), description="money", exit_on_error=False)

    async def _read_money(self) -> None:
        order_id = self.record_id
        fresh: OrderView | None = await quietly(self.desk.orders.open, self.actor, order_id)
        await self.read_refunds()
        await self.read_events()
        view = self.view
        if fresh is not None and view is not None and order_id == self.record_id == view.id:
            self.view = replace(
                view, transactions=fresh.transactions, paid=fresh.paid, payment_status=fresh.payment_status
            )
            self.paint()

    async def _after_load(self, is_new: bool) -> None:
        """The refunds and attempts, which the first paint need not wait for; then R, where a command asked for it."""
        await self.read_refunds()
        await super()._after_load(is_new)
        wanted, self._refund_next = self._refund_next, False
        if wanted:
            self.action_order_refund()

    def refund_when_read(self) -> None:
        """`:refund NUMBER`."""
        if self.flows - {"_load"}:
            self.tell_reason("Finish or leave (Esc) what is open first.")
        else:
            self._refund_next = True
