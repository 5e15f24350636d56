"""Subscriptions on a profile: Enter opens one, and every key of its own screen acts on the focused row (R8)."""

from __future__ import annotations

from cstui.domain.ids import Kind
from cstui.domain.subscriptions import SubscriptionRow, SubscriptionView
from cstui.flow import call, flow
from cstui.keys import Context
from cstui.screens.customer_sending import CustomerSending
from cstui.screens.money_actions import order_key
from cstui.screens.subscription_actions import SubscriptionSpot
from cstui.screens.subscription_cancel import SubscriptionCancelling
from cstui.screens.subscription_editing import SubscriptionEditing
from cstui.screens.subscription_mails import spot_of
from cstui.screens.subscription_stepping import SubscriptionStepping
from cstui.widgets.page import Page

#: What these keys of the profile mean on a subscription's row.
_ON_ROW = {
    "customer.cancel": "subscription.cancel",
    "customer.edit": "subscription.edit",
    "customer.card": "subscription.card",
}
_TITLES = {
    "customer.cancel": "Cancel this subscription",
    "customer.edit": "Price of this subscription",
    "customer.card": "Card of this subscription",
}


class CustomerSubscriptions(
    SubscriptionEditing, SubscriptionStepping, SubscriptionCancelling, CustomerSending
):
    """The keys of a subscription on the row under the cursor."""

    _footer_shown = Context.CUSTOMER

    def subscription_row(self) -> SubscriptionRow | None:
        """The subscription under the cursor."""
        row = self.page.row if self.page is not None else None
        key = order_key(row.key) if row is not None else None
        if self.view is None or key is None or key[0] is not Kind.SUBSCRIPTION:
            return None
        return next((found for found in self.view.subscriptions if found.id == key[1]), None)

    def subscription_spot(self) -> SubscriptionSpot | None:
        """The subscription under the cursor, as the list knows it."""
        row = self.subscription_row()
        if row is None:
            return None
        name = f"{row.product}, {row.option}" if row.option else row.product
        return SubscriptionSpot(row.id, row.store_id, row.status, name)

    def subscription_moved(self, view: SubscriptionView | None) -> None:
        """Reads the profile again."""
        self.note_added()

    def why_not(self, action: str) -> str:
        """On a subscription's row the key is about that subscription."""
        meant = _ON_ROW.get(action)
        if meant is not None and self.subscription_row() is not None:
            return super().why_not(meant)
        return super().why_not(action)

    def footer_context(self) -> Context:
        """The keys of a subscription while the cursor stands on one."""
        return Context.SUBSCRIPTION if self.subscription_row() is not None else super().footer_context()

    def on_page_moved(self, event: Page.Moved) -> None:
        """Other keys in the last line, where the cursor comes to a subscription or leaves it."""
        if self.footer_context() is not self._footer_shown:
            self._footer_shown = self.footer_context()
            self.refresh_keys()

    def title_now(self, action: str) -> str:
        """What the key does with the row under the cursor."""
        if action in _TITLES and self.subscription_row() is not None:
            return _TITLES[action]
        return super().title_now(action)

    def action_customer_cancel(self) -> None:
        """`X`: the subscription under the cursor, else what X ends otherwise."""
        if self.subscription_row() is not None:
            self.action_subscription_cancel()
        else:
            super().action_customer_cancel()

    def action_customer_edit(self) -> None:
        """`e`: the price of the subscription under the cursor, else the contact."""
        if self.subscription_row() is not None:
            self.action_subscription_edit()
        else:
            super().action_customer_edit()

    def action_customer_card(self) -> None:
        """`C`: the card of the subscription under the cursor, else a new one."""
        if self.subscription_row() is not None:
            self.action_subscription_card()
        else:
            super().action_customer_card()

    def action_order_mail(self) -> None:
        """`M`: the mails of the subscription's newest order, else of what stands under the cursor."""
        if self.subscription_row() is not None:
            self._mail_of_subscription()
        else:
            super().action_order_mail()

    @flow("order.mail")
    async def _mail_of_subscription(self) -> None:
        row = self.subscription_row()
        if row is None:
            return
        spot = spot_of(await call(self.desk.subscriptions.open, self.actor, row.id))
        if spot is None:
            self.tell_reason("There is no order of this subscription to write about.")
        else:
            await self.ask_about_mail(spot)
