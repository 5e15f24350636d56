"""The padlock as the order screen works it: taking, giving back, asking the holder, handing over, unlocking (LOCK-01 … LOCK-12)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import HeldElsewhere, RecordChanged, RecordLocked
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Knock, LockState, Purpose
from cstui.domain.order_rules import why_not_cancelled, why_not_held
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.flow import call, flow, quietly
from cstui.keys import KeyMap
from cstui.screens.dialogs.stale import changed_panel, take_over_panel
from cstui.screens.history_rows import path_words
from cstui.screens.order_page import OrderPage
from cstui.screens.order_rows import line_names
from cstui.widgets.padlock import locked_words

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
    """Holds at most one lock: `token` names it from before it is asked for, `grip` is there once it is granted."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self.token = ""
        self.waiting_token = ""
        self.knock: Knock | None = None
        self.database_back = asyncio.Event()
        self._kept_by_f8 = False
        self._at_the_lock = asyncio.Lock()

    # What is possible now ---------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Why an action on the order is not possible now, in words."""
        why = super().why_not(action)
        if why or not action.startswith("order."):
            return why
        view = self.view
        if view is None:
            return "The order is still being read."
        held = None if self.grip is not None else view.edit_lock
        others = held if held is not None and held.holder_id != self.actor.staff_id else None
        if action in _NEEDS_LOCK:
            return self._why_not_lock(action, view, others)
        if action == "order.unlock" and not self.actor.may(Permission.ORDER_UNLOCK, view.store_id):
            return "Your role does not allow it in this store."
        if action == "order.unlock" and held is None:
            return "Nobody else holds this order."
        if action == "order.knock" and others is None:
            return "Nobody else holds this order; e edits it."
        if action == "order.handover" and self.knock is None:
            return "Nobody is waiting for this order."
        return ""

    def _why_not_lock(self, action: str, view: OrderView, others: LockState | None) -> str:
        if not self.actor.may(_NEEDED.get(action, Permission.ORDER_UPDATE), view.store_id):
            return "Your role does not allow it in this store."
        if others is not None and not (others.stale and others.breakable):
            hint = (
                " U unlocks." if self.actor.may(Permission.ORDER_UNLOCK, view.store_id) else " p asks for it."
            )
            return locked_words(others, self.now(), self.desk_app.reader) + (hint if others.breakable else "")
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

    # Taking and giving back -------------------------------------------------------------------------

    async def take_lock(self, purpose: Purpose = Purpose.EDIT) -> Grip | None:
        """The lock, or None where somebody else has it or the view is stale; then that has been said or asked about."""
        if self.grip is not None:
            return self.grip
        self.token = new_token()
        try:
            self.grip = await self._granted(purpose)
        finally:
            if self.grip is None:
                await self.free_lock()
        self.refresh_frame()
        return self.grip

    async def _granted(self, purpose: Purpose) -> Grip | None:
        try:
            return await self._begin(purpose, take_over=False)
        except RecordChanged as error:
            await self._offer_reload(error)
            return None
        except RecordLocked as error:
            may_ask = isinstance(error, HeldElsewhere) or error.facts.get("may_take_over")
            if not may_ask:
                await self._refresh_padlock()
                self.tell_reason(f"Locked by {error.holder} on {error.terminal}. {error.advice}")
                return None
            if await self.ask(take_over_panel(error)) is None:
                return None
        try:
            return await self._begin(purpose, take_over=True)
        except RecordChanged as error:
            await self._offer_reload(error)
        except RecordLocked as error:
            self.tell_error(error)
        return None

    async def _begin(self, purpose: Purpose, *, take_over: bool) -> Grip:
        token, order_id, version = self.token, self.record_id, self.order.version
        async with self._at_the_lock:
            grip = await call(self._take_and_keep_alive, order_id, version, token, purpose, take_over)
        return grip

    def _take_and_keep_alive(
        self, order_id: int, version: int, token: str, purpose: Purpose, take_over: bool
    ) -> Grip:
        """In a thread: the grant, and the pulse's promise to renew it."""
        grip: Grip = self.desk.orders.begin_edit(self.actor, order_id, version, token, purpose, take_over)
        self.desk.pulse.hold(token)
        return grip

    async def free_lock(self) -> None:
        """Gives the lock back; nothing to do is fine."""
        token, self.token, self.grip, self._kept_by_f8 = self.token, "", None, False
        self.set_banner("idle", "")
        self._offer_handover(None)
        if token:
            async with self._at_the_lock:
                await quietly(self._release, self.desk, self.actor, token)
        self._show_as_free()
        self.refresh_frame()

    def lock_is_gone(self) -> None:
        """The lock was freed by the save itself."""
        token, self.token, self.grip, self._kept_by_f8 = self.token, "", None, False
        self.set_banner("lost", "")
        self.set_banner("idle", "")
        self._offer_handover(None)
        if "pulse" in self.desk.__dict__:
            self.desk.pulse.drop(token)

    def _release(self, desk: Any, actor: Actor, token: str) -> None:
        """In a thread, where a screen that is being taken down no longer knows its app."""
        desk.pulse.drop(token)
        desk.locks.release(actor, token)

    def _show_as_free(self) -> None:
        view = self.view
        if (
            view is not None
            and view.edit_lock is not None
            and view.edit_lock.holder_id == self.actor.staff_id
        ):
            self.view = replace(view, edit_lock=None)

    async def _refresh_padlock(self) -> None:
        fresh = await quietly(self.desk.orders.open, self.actor, self.record_id)
        if fresh is not None and self.view is not None and fresh.id == self.view.id:
            self.view = replace(self.view, edit_lock=fresh.edit_lock, viewers=fresh.viewers)
            self.refresh_frame()

    async def _offer_reload(self, error: RecordChanged) -> None:
        """The stale dialog: Reload or Cancel (LOCK-05)."""
        names = line_names(self.order)
        fields = [path_words(path, names) for path in error.fields if not path.startswith("totals")]
        panel = changed_panel(error, list(dict.fromkeys(fields)), self.now(), self.desk_app.reader)
        if await self.ask(panel) is not None:
            await self.reload()
            self.tell(f"Reloaded: {self.record_name} as {error.by} left it.", "")

    async def reload(self) -> None:
        """The order as the database has it now."""
        view: OrderView = await call(self.desk.orders.open, self.actor, self.record_id)
        self.show_order(view)
        await self.read_events()
        self.paint()

    @flow("order.take")
    async def action_order_take(self) -> None:
        """F8: takes the lock without editing yet, or gives it back."""
        if self.grip is not None:
            await self.free_lock()
            self.tell(f"The lock of {self.record_name} is given back.")
        elif await self.take_lock() is not None:
            self._kept_by_f8 = True
            self.tell(f"You hold {self.record_name}. e edits it, F8 gives it back.")

    def _offer_handover(self, knock: Knock | None) -> None:
        """Somebody waits for this lock, or nobody does any more."""
        self.knock = knock

    def _keeps_form(self) -> bool:
        """Whether a form of the order is open that works under the lock."""
        return False

    # Leaving ----------------------------------------------------------------------------------------

    def leave(self) -> None:
        """One level up; a lock that nothing is edited under goes back (LOCK-07)."""
        if self.grip is not None and not self._keeps_form():
            self.run_worker(self.free_lock(), description="release", exit_on_error=False)
        super().leave()

    def on_screen_suspend(self) -> None:
        """Out of sight: this desk no longer looks, unless a form goes on here."""
        self.call_later(self._look_away)

    def on_screen_resume(self) -> None:
        """In sight again."""
        super().on_screen_resume()
        if self.view is not None:
            self.run_worker(
                quietly(self._announce, self.record_id, self.view.version),
                description="look",
                exit_on_error=False,
            )

    def _look_away(self) -> None:
        if self.record_id and self not in self.app.screen_stack and not self.flows:
            self.run_worker(
                quietly(self.desk.presence.leave, self.desk.token, Kind.ORDER, self.record_id),
                description="leave",
                exit_on_error=False,
            )

    async def let_go(self) -> None:
        """The desk leaves this order: the lock and what it waits for go back, and others no longer see it looking."""
        tokens = [token for token in (self.token, self.waiting_token) if token]
        record_id = self.record_id
        await self.free_lock()
        for token in tokens:
            await quietly(self._release, self.desk, self.actor, token)
        if record_id and "pulse" in self.desk.__dict__:
            self.desk.pulse.unwatch(Kind.ORDER, record_id)
        await super().let_go()

    def closed(self) -> None:
        """Another order comes onto this screen: what it held of the former goes back."""
        tokens = [token for token in (self.token, self.waiting_token) if token]
        self.token, self.waiting_token, self.grip, self.knock = "", "", None, None
        for token in tokens:
            release = quietly(self._release, self.desk, self.actor, token)
            self.run_worker(release, description="release", exit_on_error=False)
        if self.record_id and "pulse" in self.desk.__dict__:
            self.desk.pulse.unwatch(Kind.ORDER, self.record_id)
        super().closed()
