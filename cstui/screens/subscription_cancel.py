"""X on a subscription: why, the one offer to stay, and the end of it, in four keys and without another screen (SUB-01, SUB-18, RETN-01 … RETN-04)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.calls import Reason
from cstui.domain.errors import CstuiError
from cstui.domain.locking import Purpose
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import RefundChoice
from cstui.domain.retention import OfferPreview
from cstui.domain.subscription_changes import Cancel, CancelWhen
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus, SubscriptionView
from cstui.flow import call, flow, quietly
from cstui.format import Reader, day_words, money_words
from cstui.screens.dialogs.retention import ACCEPT, CancelFacts, CancelSubscriptionPanel
from cstui.screens.subscription_actions import HeldView, SubscriptionActions
from cstui.screens.subscription_rows import preview_lines, product_words


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the panel asks with: reasons, an offer for each, and what could be refunded, or why nothing can."""

    reasons: tuple[Reason, ...]
    offers: Mapping[str, OfferPreview]
    last_charge: str = ""
    no_refund: str = ""


class SubscriptionCancelling(SubscriptionActions):
    """The key X on a subscription."""

    @flow("subscription.cancel")
    async def action_subscription_cancel(self) -> None:
        """`X`: a letter says why, `d` declines the offer, `y` ends it."""
        held = await self.hold_subscription(Purpose.CANCEL)
        if held is None:
            return
        try:
            await self._ask_to_cancel(held)
        finally:
            await self.give_subscription_back()

    async def _ask_to_cancel(self, held: HeldView) -> None:
        reader = self.desk_app.reader
        wish: _Wish = await call(_read_wish, self.desk, self.actor, held.view, self.now(), reader)
        coming = held.view.next
        facts = CancelFacts(
            held.name, held.view.today or self.now().date(), coming.date if coming is not None else None, wish.last_charge,
            wish.no_refund, tuple(preview_lines(coming, reader)) if coming is not None else (), reader,
        )  # fmt: skip

        def look(step: Cancel) -> None:
            self.run_worker(
                self._look_at_end(held.id, step),
                group="preview",
                exclusive=True,
                description="preview",
                exit_on_error=False,
            )

        panel = CancelSubscriptionPanel(facts, wish.reasons, wish.offers, look)
        async with self.opened(panel):
            done = await self.store_until_done(panel, held, self._cancel)
        if done is None:
            return
        view, values = done
        if values["answer"] == ACCEPT:
            offer = next(o for o in wish.offers.values() if str(o.offer.id) == values["offer"])
            self.say_stored(view, f"Kept: {held.name}, {offer.offer.words}.")
        else:
            self.say_stored(view, _cancelled_words(view))

    async def _look_at_end(self, key: int, step: Cancel) -> None:
        """What would still be billed; nobody waits for it, since nothing may stand between the wish and its end."""
        preview = await quietly(self.desk.subscriptions.preview, self.actor, key, step)
        panel = self.panel
        if preview is not None and isinstance(panel, CancelSubscriptionPanel):
            panel.show_coming(step, preview_lines(preview, self.desk_app.reader))

    def _cancel(self, held: HeldView, values: dict[str, str], save_id: str) -> Callable[[], SubscriptionView]:
        if values["answer"] == ACCEPT:
            return partial(
                self.desk.retention.accept, self.actor, held.id, held.grip, int(values["offer"]), values["reason"], save_id
            )  # fmt: skip
        return partial(
            self.desk.subscriptions.cancel, self.actor, held.id, held.grip, reason_code=values["reason"], note=values["note"],
            when=CancelWhen(values["when"]), on=date.fromisoformat(values["on"]) if values["on"] else None,
            keep_billing=values["keep_billing"] == "yes", refund_last=values["refund"] == "yes",
            declined_offer_id=int(values["declined"]) if values["declined"] else None, save_id=save_id, desk=self.desk.token,
        )  # fmt: skip


def _cancelled_words(view: SubscriptionView) -> str:
    name = product_words(view)
    if view.row.status is SubscriptionStatus.CANCELLED:
        return f"Cancelled: {name}."
    if view.cancel_on is not None:
        return f"Planned: {name} ends on {day_words(view.cancel_on)}."
    return f"Planned: {name} ends after the next bill."


def _read_wish(desk: Any, actor: Actor, view: SubscriptionView, now: datetime, reader: Reader) -> _Wish:
    """In a thread: everything that is asked with, so that nothing is waited for between the wish and its end."""
    kind = ReasonKind.SUBSCRIPTION_CANCEL
    reasons = desk.reasons.of(kind, view.row.store_id) or tuple(Reason(*pair) for pair in STARTERS[kind])
    offers = desk.retention.offers_for(actor, view.row.id)
    last = next((p for p in view.periods if p.state is PeriodState.BILLED and p.order_id), None)
    if last is None:
        return _Wish(reasons, offers)
    if not actor.may(Permission.REFUND_REQUEST, view.row.store_id):
        return _Wish(reasons, offers, no_refund="your role does not refund.")
    try:
        planned = plan(desk.refunds.basis(actor, last.order_id), RefundChoice(), now)
    except CstuiError as error:
        return _Wish(reasons, offers, no_refund=error.in_words())
    if planned.why_not:
        return _Wish(reasons, offers, no_refund=planned.why_not)
    words = f"{money_words(planned.total, reader)} of {day_words(last.bill_date, weekday=False)}"
    return _Wish(reasons, offers, words)
