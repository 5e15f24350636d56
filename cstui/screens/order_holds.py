"""Holds and cancelling: a reason by its letter, effects listed before they are asked for (ORD-02, ORD-16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cstui.domain.calls import Reason
from cstui.domain.errors import CstuiError, InvalidFields, InvalidInput
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.orders import CancelEffects, OrderView
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow
from cstui.format import money_words
from cstui.saving import saving
from cstui.screens.dialogs.reason import GIVE_UP, PLACE, RELEASE, CancelPanel, hold_panel
from cstui.screens.order_editing import OrderEditing
from cstui.widgets.form import ConfirmPanel, FormPanel


class OrderHolds(OrderEditing):
    """The keys H and X."""

    @flow("order.hold")
    async def action_order_hold(self) -> None:
        """`H`: puts the order on hold with a reason, or ends a hold that is open."""
        reasons = await self._reasons(ReasonKind.HOLD)
        grip = await self.take_lock(Purpose.HOLD)
        if grip is None:
            return
        try:
            await self._ask_hold(grip, hold_panel(self.order.number, self.order.open_holds, reasons))
        finally:
            await self._done_with_lock()

    async def _ask_hold(self, grip: Grip, panel: FormPanel) -> None:
        said, confirmed = "", {"what": "", "note": ""}
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                confirmed = values
                if values["what"].startswith(GIVE_UP):
                    break
                try:
                    said = await self._store_hold(grip, values)
                except InvalidFields as error:
                    panel.show_problems(error.problems)
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                except CstuiError as error:
                    panel.say_below(error.in_words(), "bad")
                else:
                    self.tell(said)
                    return
            else:
                return
        sure = ConfirmPanel(
            "Cancel the order",
            ("A hold that cannot be resolved cancels the order.",),
            f"y cancels {self.record_name}   Esc leaves it",
        )
        if await self.ask(sure) is not None:
            self.tell(await self._store_hold(grip, confirmed))

    async def _store_hold(self, grip: Grip, values: dict[str, str]) -> str:
        what, note, save_id = values["what"], values["note"], new_token()
        orders, number = self.desk.orders, self.record_name
        if what.startswith(PLACE):
            code = what.removeprefix(PLACE)
            await self._commit(save_id, orders.hold, grip, code, note, save_id)
            return f"On hold: {number}."
        resolved = what.startswith(RELEASE)
        hold_id = int(what.removeprefix(RELEASE if resolved else GIVE_UP))
        await self._commit(save_id, orders.resolve_hold, grip, hold_id, resolved, note, save_id)
        if not resolved:
            return f"Cancelled: {number}; its hold could not be resolved."
        left = len(self.order.open_holds)
        return f"Hold released: {number}." + (f" {left} more to clear." if left else "")

    @flow("order.cancel")
    async def action_order_cancel(self) -> None:
        """`X`: lists what a cancellation does, asks for a reason, and waits for `y`."""
        effects = await call(self.desk.orders.cancel_effects, self.actor, self.record_id)
        if effects.blocked:
            self.tell_reason(effects.blocked)
            return
        reasons = await self._reasons(ReasonKind.CANCEL)
        grip = await self.take_lock(Purpose.CANCEL)
        if grip is None:
            return
        try:
            await self._ask_cancel(grip, CancelPanel(self.order.number, self._effect_words(effects), reasons))
        finally:
            await self._done_with_lock()

    async def _ask_cancel(self, grip: Grip, panel: CancelPanel) -> None:
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                save_id = new_token()
                try:
                    await self._commit(
                        save_id, self.desk.orders.cancel, grip, values["reason"], values["note"], save_id, self.desk.token
                    )  # fmt: skip
                except NotVerified as error:
                    panel.say_problem(error.in_words())
                    self.action_customer_verify()
                except CstuiError as error:
                    panel.say_problem(error.in_words())
                else:
                    self.tell(f"Cancelled: {self.record_name}. A refund is asked for separately.")
                    return

    def _effect_words(self, effects: CancelEffects) -> list[str]:
        reader = self.desk_app.reader
        words = [
            f"Cancels {', '.join(effects.items)}." if effects.items else "Cancels the order; it has no lines."
        ]
        if effects.shipments:
            count = len(effects.shipments)
            words.append(
                f"{count} shipment{'s are' if count > 1 else ' is'} cancelled before leaving the house."
            )
        if effects.stock_lines:
            words.append(f"Stock is released: {', '.join(effects.stock_lines)}.")
        for row in effects.open_authorisations:
            words.append(
                f"Open authorisation of {money_words(row.amount, reader)}: it is left to lapse or voided separately."
            )
        if effects.refund_due.minor > 0:
            words.append(
                f"Refund due: {money_words(effects.refund_due, reader)}. No money moves now; a refund is asked for separately."
            )
        for name in effects.subscriptions:
            words.append(f"Goes on unless stopped separately: {name}.")
        return words

    async def _commit(self, save_id: str, use_case: Callable[..., OrderView], *args: Any) -> None:
        """One save under the lock, the new state on the screen."""
        order_id = self.record_id
        self._is_saving = True
        try:
            view = await saving(
                self, save_id, use_case, self.actor, order_id, *args,
                reread=lambda: self.desk.orders.open(self.actor, order_id), back=self.database_back,
            )  # fmt: skip
        finally:
            self._is_saving = False
        self.lock_is_gone()
        self.show_record(view)
        self.run_worker(self._after_save(), description="after save", exit_on_error=False)

    async def _reasons(self, kind: ReasonKind) -> tuple[Reason, ...]:
        """The store's list; what an organisation starts with where it has none yet, as the service takes them."""
        found: tuple[Reason, ...] = await call(self.desk.reasons.of, kind, self.order.store_id)
        return found or tuple(Reason(code, label) for code, label in STARTERS[kind])
