"""P, K, L, C, W and B on a subscription: a panel under its lock, what would be billed when, and `y` (SUB-02 … SUB-06, SUB-16 … SUB-21)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cstui.domain.errors import CstuiError
from cstui.domain.locking import Purpose
from cstui.domain.refunds import Receipt
from cstui.domain.subscription_changes import BillPreview, Step, SubscriptionChange, TrialMove
from cstui.domain.subscription_rules import SubscriptionAction
from cstui.domain.subscriptions import SubscriptionView
from cstui.flow import call, flow
from cstui.screens.dialogs.bill import BillPanel
from cstui.screens.dialogs.subscription_choices import LETTERS, PayPanel, SwapPanel
from cstui.screens.dialogs.subscription_steps import (
    KeepPanel,
    PausePanel,
    ReactivatePanel,
    ResumePanel,
    SkipPanel,
    StepPanel,
    TrialPanel,
)
from cstui.screens.subscription_actions import HeldView, Store, SubscriptionActions

_TRIAL_WORDS = {
    TrialMove.RESTART: "Trial restarted",
    TrialMove.SKIP: "Trial ended, billed",
    TrialMove.STOP: "Trial stopped",
}


class SubscriptionStepping(SubscriptionActions):
    """Steps that are chosen and confirmed, without a form."""

    # P ----------------------------------------------------------------------------------------------

    @flow("subscription.pause")
    async def action_subscription_pause(self) -> None:
        """`P`: pauses, resumes, or brings back what has ended."""
        held = await self.hold_subscription()
        if held is None:
            return
        spot = self.subscription_spot()
        wanted = self.pausing(spot) if spot is not None else SubscriptionAction.PAUSE
        try:
            if wanted is SubscriptionAction.RESUME:
                await self._resume(held)
            elif wanted is SubscriptionAction.REACTIVATE:
                await self._reactivate(held)
            else:
                await self._pause(held)
        finally:
            await self.give_subscription_back()

    async def _pause(self, held: HeldView) -> None:
        panel = PausePanel(f"Pause {held.name}", held.view, self._looker(held), self.desk_app.reader)

        def store(now: HeldView, _: dict[str, str], save_id: str) -> Callable[[], Any]:
            if panel.keeps:
                change = SubscriptionChange(drop_pause=True)
                return partial(self.desk.subscriptions.save, self.actor, now.id, now.grip, change, save_id, self.desk.token)  # fmt: skip
            return partial(self.desk.subscriptions.pause, self.actor, now.id, now.grip, panel.until, save_id, on=panel.day)  # fmt: skip

        def words() -> str:
            if panel.keeps:
                return "Pause taken back"
            return "Paused" if panel.day is None else "Pause planned"

        await self._ask_step(panel, held, store, words)

    async def _resume(self, held: HeldView) -> None:
        panel = ResumePanel(f"Resume {held.name}", held.view, self._looker(held), self.desk_app.reader)
        await self._ask_step(
            panel, held,
            lambda now, _, save_id: partial(self.desk.subscriptions.resume, self.actor, now.id, now.grip, save_id, on=panel.day),
            lambda: "Resumed",
        )  # fmt: skip

    @flow("subscription.reactivate")
    async def action_subscription_reactivate(self) -> None:
        """Brings back what was cancelled, has stopped or is past due (SUB-20)."""
        held = await self.hold_subscription()
        if held is None:
            return
        try:
            await self._reactivate(held)
        finally:
            await self.give_subscription_back()

    async def _reactivate(self, held: HeldView) -> None:
        panel = ReactivatePanel(
            f"Bring {held.name} back", held.view, self._looker(held), self.desk_app.reader
        )
        await self._ask_step(
            panel, held,
            lambda now, _, save_id: partial(self.desk.subscriptions.reactivate, self.actor, now.id, now.grip, save_id, on=panel.day),
            lambda: "Active again",
        )  # fmt: skip

    # K, L -------------------------------------------------------------------------------------------

    @flow("subscription.skip")
    async def action_subscription_skip(self) -> None:
        """`K`: the next charge is left out."""
        await self._with_lock(
            lambda held: self._ask_step(
                SkipPanel(f"Skip the next charge of {held.name}", held.view, self._looker(held), self.desk_app.reader), held,
                lambda now, _, save_id: partial(self.desk.subscriptions.skip, self.actor, now.id, now.grip, save_id),
                lambda: "Next charge skipped",
            )
        )  # fmt: skip

    @flow("subscription.keep")
    async def action_subscription_keep(self) -> None:
        """Takes a planned end back."""
        await self._with_lock(
            lambda held: self._ask_step(
                KeepPanel(f"Keep {held.name}", held.view, self._looker(held), self.desk_app.reader), held,
                lambda now, _, save_id: partial(
                    self.desk.subscriptions.save, self.actor, now.id, now.grip, SubscriptionChange(drop_cancel=True), save_id,
                    self.desk.token,
                ),
                lambda: "Planned end taken back",
            )
        )  # fmt: skip

    @flow("subscription.trial")
    async def action_subscription_trial(self) -> None:
        """`L`: the trial begins anew, is skipped and billed, or stops."""
        await self._with_lock(self._ask_trial)

    async def _ask_trial(self, held: HeldView) -> None:
        panel = TrialPanel(f"Trial of {held.name}", held.view, self._looker(held), self.desk_app.reader)

        def store(now: HeldView, _: dict[str, str], save_id: str) -> Callable[[], Any]:
            assert panel.move is not None, "y does nothing before a choice"
            return partial(self.desk.subscriptions.trial, self.actor, now.id, now.grip, panel.move, save_id, now=panel.now)  # fmt: skip

        await self._ask_step(panel, held, store, lambda: _TRIAL_WORDS[panel.move or TrialMove.STOP])

    # C ----------------------------------------------------------------------------------------------

    @flow("subscription.card")
    async def action_subscription_card(self) -> None:
        """`C`: another card on file; a past-due one is charged with it at once, where that is wanted."""
        await self._with_lock(self._ask_card)

    async def _ask_card(self, held: HeldView) -> None:
        customer = await call(self.desk.customers.open, self.actor, held.view.row.customer_id, 1)
        cards = [card for card in customer.cards if not card.is_elsewhere]
        panel = PayPanel(f"Card of {held.name}", held.view, self._looker(held), cards, self.desk_app.reader)

        def store(now: HeldView, _: dict[str, str], save_id: str) -> Callable[[], Any]:
            assert panel.card is not None, "y does nothing before a choice"
            return partial(
                self.desk.subscriptions.update_card, self.actor, now.id, now.grip, panel.card.id, panel.charges, save_id, self.desk.token
            )  # fmt: skip

        await self._ask_step(panel, held, store, lambda: "Card changed")

    # W ----------------------------------------------------------------------------------------------

    @flow("subscription.swap")
    async def action_subscription_swap(self) -> None:
        """`W`: another option of the product, or another product."""
        await self._with_lock(self._ask_swap)

    async def _ask_swap(self, held: HeldView) -> None:
        most, store_id, name = len(LETTERS) + 1, held.view.row.store_id, held.view.row.product
        same = await call(self.desk.orders.products, self.actor, store_id, name, most)
        products = {row.id: row for row in same}
        if len(products) < most:
            others = await call(self.desk.orders.products, self.actor, store_id, "", most)
            products |= {row.id: row for row in others}

        def find(words: str) -> None:
            self.run_worker(
                self._find_products(panel, store_id, words), description="find", exit_on_error=False
            )

        panel = SwapPanel(
            f"Product of {held.name}", held.view, self._looker(held), list(products.values()), find, self.desk_app.reader
        )  # fmt: skip

        def store(now: HeldView, _: dict[str, str], save_id: str) -> Callable[[], Any]:
            change = panel.step()
            return partial(self.desk.subscriptions.save, self.actor, now.id, now.grip, change, save_id, self.desk.token)  # fmt: skip

        await self._ask_step(panel, held, store, lambda: "Product changed")

    async def _find_products(self, panel: SwapPanel, store_id: int, words: str) -> None:
        try:
            found = await call(self.desk.orders.products, self.actor, store_id, words, len(LETTERS) + 1)
        except CstuiError as error:
            panel.say_problem(error.in_words())
            return
        if panel.is_attached:
            panel.show_products(found)

    # B ----------------------------------------------------------------------------------------------

    @flow("subscription.bill")
    async def action_subscription_bill(self) -> None:
        """`B`: the next cycle is charged now; what the card networks forbid says so."""
        await self._with_lock(self._ask_bill, Purpose.MONEY)

    async def _ask_bill(self, held: HeldView) -> None:
        if why := held.view.why_not.get(SubscriptionAction.BILL, ""):
            self.tell_reason(why)
            return
        panel = BillPanel(held.view, self.desk_app.reader)
        async with self.opened(panel):
            done = await self.store_until_done(
                panel, held,
                lambda now, _, save_id: partial(self.desk.billing.force, self.actor, now.id, now.grip, save_id, desk=self.desk.token),
            )  # fmt: skip
        if done is not None:
            receipt: Receipt = done[0]
            self.follow_money(receipt, held.view)
            cycle = held.view.next.cycle if held.view.next is not None else held.view.row.cycle + 1
            self.tell(f"Cycle {cycle} of {held.name} is billed now.")
            self.subscription_moved(None)

    # All of them ------------------------------------------------------------------------------------

    async def _with_lock(self, ask: Callable[[HeldView], Any], purpose: Purpose = Purpose.EDIT) -> None:
        held = await self.hold_subscription(purpose)
        if held is None:
            return
        try:
            await ask(held)
        finally:
            await self.give_subscription_back()

    async def _ask_step(
        self, panel: StepPanel, held: HeldView, store: Store, words: Callable[[], str]
    ) -> None:
        async with self.opened(panel):
            done = await self.store_until_done(panel, held, store)
        if done is not None:
            view: SubscriptionView = done[0]
            self.say_stored(view, f"{words()}: {held.name}.")

    def _looker(self, held: HeldView) -> Callable[[Step], None]:
        """What a panel asks with what a step would lead to; keys typed meanwhile are kept in order."""

        def look(step: Step) -> None:
            self.run_worker(
                self._look_at_step(held.id, step), group="preview", exclusive=True, description="preview", exit_on_error=False
            )  # fmt: skip

        return look

    async def _look_at_step(self, key: int, step: Step) -> None:
        preview: BillPreview | None = None
        refused = ""
        try:
            preview = await call(self.desk.subscriptions.preview, self.actor, key, step)
        except CstuiError as error:
            refused = error.in_words()
        panel = self.panel
        if isinstance(panel, StepPanel):
            panel.show_preview(step, preview, refused)
