"""The padlock of a record: taking, giving back, and what is said where somebody else has it (LOCK-01 … LOCK-12)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import HeldElsewhere, RecordChanged, RecordLocked
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip, Knock, LockState, Purpose
from cstui.domain.permissions import Permission
from cstui.flow import call, flow, quietly
from cstui.keys import KeyMap
from cstui.screens.dialogs.stale import changed_panel, take_over_panel
from cstui.screens.history_rows import path_words
from cstui.screens.record_page import RecordPage
from cstui.widgets.padlock import locked_words


class RecordLocking(RecordPage):
    """Holds at most one lock: `token` names it from before it is asked for, `grip` is there once it is granted."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self.token = ""
        self.waiting_token = ""
        self.knock: Knock | None = None
        self.database_back = asyncio.Event()
        self._kept_by_f8 = False
        self._at_the_lock = asyncio.Lock()

    @abstractmethod
    def begin_lock(self, record_id: int, version: int, token: str, purpose: Purpose, take_over: bool) -> Grip:
        """In a thread: the grant of the record's lock. Errors: `RecordLocked`, `HeldElsewhere`, `RecordChanged`."""

    # What is possible now ---------------------------------------------------------------------------

    def held_by_others(self) -> LockState | None:
        """The lock that somebody else has on the record."""
        held = None if self.grip is not None or self.view is None else self.view.edit_lock
        return held if held is not None and held.holder_id != self.actor.staff_id else None

    def why_not_locking(self, action: str, store_id: int) -> str:
        """Why unlocking, knocking or handing over is not possible now; empty for everything else."""
        held = None if self.grip is not None or self.view is None else self.view.edit_lock
        if action == "order.unlock" and not self.actor.may(Permission.ORDER_UNLOCK, store_id):
            return "Your role does not allow it in this store."
        if action == "order.unlock" and held is None:
            return f"Nobody else holds this {self.record_kind}."
        if action == "order.knock" and self.held_by_others() is None:
            return f"Nobody else holds this {self.record_kind}; e edits it."
        if action == "order.handover" and self.knock is None:
            return f"Nobody is waiting for this {self.record_kind}."
        return ""

    def why_locked(self, store_id: int) -> str:
        """Who has the lock, and what can be done about it; empty where it is free or can be taken over."""
        others = self.held_by_others()
        if others is None or (others.stale and others.breakable):
            return ""
        hint = " U unlocks." if self.actor.may(Permission.ORDER_UNLOCK, store_id) else " p asks for it."
        return locked_words(others, self.now(), self.desk_app.reader) + (hint if others.breakable else "")

    # Taking and giving back -------------------------------------------------------------------------

    def _announce(self, record_id: int, version: int) -> None:
        """Tells other desks that this one looks, and hears from them from now on."""
        self.desk.pulse.watch(self.record_kind, record_id, version)
        self.desk.presence.look(self.actor, self.desk.token, self.record_kind, record_id)

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
        token, record_id, version = self.token, self.record_id, self.view.version
        async with self._at_the_lock:
            grip = await call(self._take_and_keep_alive, record_id, version, token, purpose, take_over)
        return grip

    def _take_and_keep_alive(
        self, record_id: int, version: int, token: str, purpose: Purpose, take_over: bool
    ) -> Grip:
        """In a thread: the grant, and the pulse's promise to renew it."""
        grip = self.begin_lock(record_id, version, token, purpose, take_over)
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
        record_id = self.record_id
        fresh = await quietly(self.read_record)
        if fresh is not None and self.view is not None and record_id == self.record_id:
            self.view = replace(self.view, edit_lock=fresh.edit_lock, viewers=fresh.viewers)
            self.refresh_frame()

    async def _offer_reload(self, error: RecordChanged) -> None:
        """The stale dialog: Reload or Cancel (LOCK-05)."""
        names = self.field_names()
        fields = [path_words(path, names) for path in error.fields if not path.startswith("totals")]
        panel = changed_panel(error, list(dict.fromkeys(fields)), self.now(), self.desk_app.reader)
        if await self.ask(panel) is not None:
            await self.reload()
            self.tell(f"Reloaded: {self.record_name} as {error.by} left it.", "")

    async def reload(self) -> None:
        """The record as the database has it now."""
        self.show_record(await call(self.read_record))
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
        """Whether a form of the record is open that works under the lock."""
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
                quietly(self.desk.presence.leave, self.desk.token, self.record_kind, self.record_id),
                description="leave",
                exit_on_error=False,
            )

    async def let_go(self) -> None:
        """The desk leaves this record: the lock and what it waits for go back, and others no longer see it looking."""
        tokens = [token for token in (self.token, self.waiting_token) if token]
        record_id = self.record_id
        await self.free_lock()
        for token in tokens:
            await quietly(self._release, self.desk, self.actor, token)
        if record_id and "pulse" in self.desk.__dict__:
            self.desk.pulse.unwatch(self.record_kind, record_id)
        await super().let_go()

    def closed(self) -> None:
        """Another record comes onto this screen: what it held of the former goes back."""
        tokens = [token for token in (self.token, self.waiting_token) if token]
        self.token, self.waiting_token, self.grip, self.knock = "", "", None, None
        for token in tokens:
            release = quietly(self._release, self.desk, self.actor, token)
            self.run_worker(release, description="release", exit_on_error=False)
        if self.record_id and "pulse" in self.desk.__dict__:
            self.desk.pulse.unwatch(self.record_kind, self.record_id)
        super().closed()

    async def _done_with_lock(self) -> None:
        """Gives it back, unless F8 keeps it."""
        if self.token and not self._kept_by_f8:
            await self.free_lock()
