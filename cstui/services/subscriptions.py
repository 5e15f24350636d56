"""Reading a subscription."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.errors import NotFound
from cstui.domain.permissions import Permission
from cstui.domain.subscriptions import SubscriptionView
from cstui.services.access import require_visible
from cstui.storage.queries import subscriptions
from cstui.storage.transaction import Database


class Subscriptions:
    """Recurring purchases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, actor: Actor, subscription_id: int) -> SubscriptionView:
        """One subscription with its billed, skipped and failed cycles. Errors: `NotFound`, also for another store's."""
        with self._database.read() as tx:
            view = subscriptions.view_of(tx, subscription_id)
        if view is None:
            raise NotFound("There is no such subscription here.", "Check the id.")
        require_visible(actor, Permission.SUBSCRIPTION_VIEW, view.row.store_id, "such subscription")
        return view
