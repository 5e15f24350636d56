"""F on every record with shipments, and X on a shipment's row: the lock, the panel, and what was done (TXN-02)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError, HeldElsewhere, LockBroken, NotFound, RecordLocked
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip
from cstui.domain.order_rules import line_words
from cstui.domain.orders import OrderView
from cstui.domain.shipments import ShipmentRow, why_not_reshipped, why_not_shipment_cancelled
from cstui.flow import call, flow, quietly
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.shipment import ShipmentPanel
from cstui.screens.dialogs.stale import take_over_panel
from cstui.screens.money_actions import release_lock
from cstui.screens.record_actions import RecordActions

#: What `F` says where both ways are closed.
_NOWHERE = "Go to a shipment first: 7 shipments."


@dataclass(frozen=True, slots=True)
class Locked:
    """An order under its lock, as it stood when the lock was granted."""

    order: OrderView
    grip: Grip


class ShipmentActions(RecordActions):
    """The key F. A screen says in `shipment_spot()` which shipment is meant, and shows in `shipment_done()` the order as it stands then."""

    _shipment_token = ""

    @abstractmethod
    def shipment_spot(self) -> ShipmentRow | None:
        """The shipment under the cursor, or the only one of what is under it; None where there is none."""

    @abstractmethod
    def shipment_done(self, order: OrderView) -> None:
        """The lock is free again and the order stands like this: show it."""

    def why_not(self, action: str) -> str:
        """F needs a shipment, and one that something can be done with."""
        why = super().why_not(action)
        if why or action != "order.reship":
            return why
        row = self.shipment_spot()
        if row is None:
            return _NOWHERE
        again = why_not_reshipped(row.state)
        return again if again and why_not_shipment_cancelled(row.state) else ""

    def title_now(self, action: str) -> str:
        """What F does with the shipment under the cursor."""
        row = self.shipment_spot() if action == "order.reship" else None
        if row is None:
            return super().title_now(action)
        return "Cancel this shipment" if why_not_reshipped(row.state) else "Ship this again"

    @flow("order.reship")
    async def action_order_reship(self) -> None:
        """`F`: ships the shipment under the cursor again, or cancels it."""
        await self._act_on_shipment(cancel_first=False)

    def cancel_shipment(self) -> None:
        """`X` on a shipment's row: the same panel, with cancelling chosen."""
        row = self.shipment_spot()
        why_not = why_not_shipment_cancelled(row.state) if row is not None else _NOWHERE
        if why_not:
            self.tell_reason(why_not)
        else:
            self._cancel_shipment()

    @flow("order.reship")
    async def _cancel_shipment(self) -> None:
        await self._act_on_shipment(cancel_first=True)

    async def _act_on_shipment(self, *, cancel_first: bool) -> None:
        row = self.shipment_spot()
        if row is None:
            return
        locked = await self.lock_for_shipment(row.order_id)
        if locked is None:
            return
        try:
            now = next((one for one in locked.order.shipments if one.id == row.id), None)
            if now is None:
                raise NotFound("This shipment is not part of the order any more.", "F5 reads it again.")
            await self._ask_shipment(ShipmentPanel(locked.order, now, cancel_first=cancel_first), locked, now)
        finally:
            await self.give_shipment_lock_back()

    async def _ask_shipment(self, panel: ShipmentPanel, locked: Locked, row: ShipmentRow) -> None:
        """Asks until it is stored or left; one save id for all tries, so that whatever happens is done once."""
        ids = {True: new_token(), False: new_token()}
        async with self.opened(panel):
            while await panel.answer() is not None:
                save_id, again = ids[panel.again], panel.again
                use_case, args = self._use_case(panel, row.id, save_id)
                try:
                    order = await self.store_shipment(locked, save_id, use_case, *args)
                except NotSaved as error:
                    panel.say_problem(f"{error.message} y tries again.")
                except LockBroken as error:
                    panel.say_problem(f"{error.message} Leave with Esc and begin again.")
                except CstuiError as error:
                    panel.say_problem(error.in_words())
                else:
                    self.shipment_done(order)
                    self.tell(_receipt(order, row, again=again))
                    return

    def _use_case(
        self, panel: ShipmentPanel, shipment_id: int, save_id: str
    ) -> tuple[Callable[..., OrderView], tuple[Any, ...]]:
        if panel.again:
            return self.desk.shipments.reship, (shipment_id, panel.pieces, panel.reason, panel.note, save_id)
        return self.desk.shipments.cancel, (shipment_id, save_id, panel.note)

    # The lock; a screen that has one of its own overrides these -------------------------------------

    async def lock_for_shipment(self, order_id: int) -> Locked | None:
        """The order under its lock, or None where somebody else has it; then that has been said or asked about."""
        token = self._shipment_token = new_token()
        locked = None
        try:
            locked = await self._begin_shipment(order_id, token)
        finally:
            if locked is None:
                await self.give_shipment_lock_back()
        return locked

    async def _begin_shipment(self, order_id: int, token: str) -> Locked | None:
        try:
            return await call(_begin, self.desk, self.actor, order_id, token, False)
        except RecordLocked as error:
            if not (isinstance(error, HeldElsewhere) or error.facts.get("may_take_over")):
                self.tell_reason(f"Locked by {error.holder} on {error.terminal}. {error.advice}")
                return None
            if await self.ask(take_over_panel(error)) is None:
                return None
        return await call(_begin, self.desk, self.actor, order_id, token, True)

    async def store_shipment(
        self, locked: Locked, save_id: str, use_case: Callable[..., OrderView], *args: Any
    ) -> OrderView:
        """One save under the lock. Errors: those of the use case, `NotSaved`."""
        order_id = locked.order.id
        return await saving(
            self, save_id, use_case, self.actor, order_id, locked.grip, *args,
            reread=lambda: self.desk.orders.open(self.actor, order_id), back=getattr(self, "database_back", None),
        )  # fmt: skip

    async def give_shipment_lock_back(self) -> None:
        """The panel is closed; nothing to do is fine."""
        token, self._shipment_token = self._shipment_token, ""
        if token:
            await quietly(release_lock, self.desk, self.actor, token)

    # Leaving ----------------------------------------------------------------------------------------

    def closed(self) -> None:
        """Another record comes onto this screen: an open panel about a shipment is left, its lock goes back."""
        if isinstance(self.panel, ShipmentPanel):
            self.panel.settle(None)
        super().closed()

    async def let_go(self) -> None:
        """The desk leaves this record."""
        await self.give_shipment_lock_back()
        await super().let_go()


def _begin(desk: Any, actor: Actor, order_id: int, token: str, take_over: bool) -> Locked:
    """In a thread: the order as it stands, the grant for this version, and the pulse's promise to renew it."""
    version = desk.orders.open(actor, order_id).version
    grip = desk.orders.begin_edit(actor, order_id, version, token, take_over=take_over)
    if "pulse" in desk.__dict__:
        desk.pulse.hold(token)
    return Locked(desk.orders.open(actor, order_id), grip)


def _receipt(order: OrderView, row: ShipmentRow, *, again: bool) -> str:
    """What was done, the number first: the end may be cut on a narrow screen."""
    if not again:
        return f"{order.number}: shipment cancelled. The order goes on; no money has moved."
    names = {line.id: (line.name, line.option) for line in order.lines}
    added = max(order.shipments, key=lambda one: one.id)
    pieces = ", ".join(
        line_words(count, *names[line_id]) for line_id, count in added.lines if line_id in names
    )
    waits = "delivered digitally" if row.is_digital else "waiting for stock"
    return f"{order.number} shipped again, {waits}: {pieces}"
