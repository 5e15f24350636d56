"""Asking for a lock that somebody else holds: knocking, handing over, and unlocking by a supervisor (LOCK-09, LOCK-10)."""

from __future__ import annotations

from dataclasses import replace

from cstui.domain.errors import CstuiError
from cstui.domain.ids import new_token
from cstui.domain.locking import Knock, Purpose
from cstui.flow import call, flow
from cstui.screens.dialogs.reason import unlock_panel
from cstui.screens.record_locking import RecordLocking
from cstui.widgets.padlock import locked_words


class RecordHandover(RecordLocking):
    """The keys p, E and U."""

    @flow("order.knock")
    async def action_order_knock(self) -> None:
        """Tells the holder that somebody waits."""
        held = self.view.edit_lock
        self.waiting_token = new_token()
        await call(self._ask_holder, self.record_id, self.waiting_token)
        holder = held.holder if held else "The holder"
        self.tell(f"{holder} sees that you are waiting. You are told when {self.record_name} is free.", "")

    def _ask_holder(self, record_id: int, token: str) -> None:
        self.desk.locks.knock(self.actor, self.record_kind, record_id, token)
        self.desk.pulse.await_answer(token)

    @flow("order.handover", alongside=True)
    async def action_order_handover(self) -> None:
        """Gives the lock to whoever knocked; what is typed stays a draft."""
        knock = self.knock
        if knock is None:
            return
        await self.keep_draft_now()
        async with self._at_the_lock:
            await call(self.desk.locks.answer, self.actor, knock.id, True)
        self.lock_is_gone()
        self.close_form_keeping_draft()
        self.tell(f"{self.record_name[:1].upper()}{self.record_name[1:]} is handed over to {knock.by}.")
        await self._refresh_padlock()

    def close_form_keeping_draft(self) -> None:
        """Closes an open form; its text is in the draft."""

    def _offer_handover(self, knock: Knock | None) -> None:
        self.knock = knock
        words = ""
        if knock is not None:
            how = "Esc, then E hands over" if self.panel is not None else "E hands over"
            words = f"{knock.by} is waiting for {knock.number} on {knock.terminal}. {how}, or carry on."
        self.set_banner("knock", words)
        self.offer_in_form(knock)

    def offer_in_form(self, knock: Knock | None) -> None:
        """Puts the hand-over among the answers of an open form, or takes it away."""

    @flow()
    async def _receive(self, token: str) -> None:
        """The holder handed over: the lock is this desk's already, its grip is fetched."""
        await self.reload()
        self.token = token
        try:
            self.grip = await self._begin(Purpose.EDIT, take_over=False)
        except CstuiError:
            await self.free_lock()
            raise
        self._kept_by_f8 = True
        self.tell(
            f"{self.record_name[:1].upper()}{self.record_name[1:]} is yours now: e edits it, F8 gives it back."
        )
        self.refresh_frame()

    @flow("order.unlock")
    async def action_order_unlock(self) -> None:
        """Removes somebody's lock with a reason; he is told, and his save is refused (LOCK-09, LOCK-10)."""
        held = self.view.edit_lock
        if held is None:
            return
        facts = (
            locked_words(held, self.now(), self.desk_app.reader),
            f"{held.holder} is told. What was typed there stays {held.holder}'s draft; its save will be refused.",
        )
        panel = unlock_panel(self.record_name, facts)
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    await call(
                        self.desk.locks.force,
                        self.actor,
                        self.record_kind,
                        self.record_id,
                        values["reason"],
                        new_token(),
                    )
                except CstuiError as error:
                    panel.say_below(error.in_words(), "bad")
                    continue
                self.view = replace(self.view, edit_lock=None)
                self.tell(f"Unlocked: {self.record_name}. {held.holder} is told.")
                await self.read_events()
                self.paint()
                return
