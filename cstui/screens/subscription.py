"""The subscription screen: one subscription to read and to work on, with its padlock (SUB-01 … SUB-20, LOCK-01 … LOCK-12)."""

from __future__ import annotations

from cstui.domain.ids import new_token
from cstui.domain.locking import Draft, Purpose
from cstui.domain.subscriptions import SubscriptionView
from cstui.flow import call
from cstui.screens.subscription_actions import HeldView, SubscriptionSpot
from cstui.screens.subscription_cancel import SubscriptionCancelling
from cstui.screens.subscription_editing import SubscriptionEditing
from cstui.screens.subscription_mails import SubscriptionMails
from cstui.screens.subscription_page import SubscriptionPage
from cstui.screens.subscription_rows import product_words
from cstui.screens.subscription_stepping import SubscriptionStepping

_LOCKING = ("order.unlock", "order.knock", "order.handover")


class SubscriptionScreen(
    SubscriptionMails, SubscriptionEditing, SubscriptionStepping, SubscriptionCancelling, SubscriptionPage
):
    """Reading is `subscription_page`; the lock `record_locking`; what the keys share `subscription_actions`; X `subscription_cancel`."""

    def subscription_spot(self) -> SubscriptionSpot | None:
        """What is on the screen."""
        view = self.view
        if view is None:
            return None
        return SubscriptionSpot(
            view.row.id, view.row.store_id, view.row.status, product_words(view), view.why_not
        )

    def subscription_moved(self, view: SubscriptionView | None) -> None:
        """Shows it."""
        if view is not None and view.row.id == self.record_id:
            self.show_record(view)
        else:
            self.run_worker(self.read_again(), description="read again", exit_on_error=False)

    def why_not(self, action: str) -> str:
        """The state, the rights, and the lock that somebody else has."""
        why = super().why_not("order.mail" if action == "subscription.mail" else action)
        noun = action.partition(".")[0]
        if (
            why
            or noun not in ("subscription", "order")
            or action in ("subscription.open", "subscription.mail", "order.mail")
        ):
            return why
        if self.view is None:
            return "The subscription is still being read."
        if action in _LOCKING:
            return self.why_not_locking(action, self.view.row.store_id)
        return self.why_locked(self.view.row.store_id)

    def subscription_draft_moved(self, draft: Draft | None) -> None:
        """Offers it, or no more."""
        self.draft = draft
        self.offer_draft()

    # The lock is the screen's own -------------------------------------------------------------------

    async def hold_subscription(self, purpose: Purpose = Purpose.EDIT) -> HeldView | None:
        """The lock that the padlock shows; one that F8 took already counts."""
        grip = await self.take_lock(purpose)
        return HeldView(self.view, grip) if grip is not None and self.view is not None else None

    async def hold_again(self, held: HeldView) -> HeldView:
        """Takes it anew on what stands now."""
        self.show_record(await call(self.read_record))
        self.token = new_token()
        self.grip = await self._begin(Purpose.EDIT, take_over=False)
        self.set_banner("lost", "")
        assert self.view is not None, "it was just shown"
        return HeldView(self.view, self.grip)

    async def give_subscription_back(self) -> None:
        """The panel is left; a lock that F8 keeps stays."""
        await self._done_with_lock()

    def subscription_lock_gone(self) -> None:
        """What was stored freed it."""
        self.lock_is_gone()
        self._show_as_free()

    def _keeps_form(self) -> bool:
        """A panel that works under the lock stays open when the lock is lost: going on asks for it again."""
        return self.panel is not None and bool(self.flows)
