"""Customers: opening a profile and changing what it holds (CUST-01 … CUST-17)."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.customers import CustomerView
from cstui.domain.orders import OrderRow
from cstui.storage.queries import customer_view
from cstui.storage.transaction import Database


class Customers:
    """What an agent does with a customer: open the profile, change contact, addresses and status."""

    def __init__(self, database: Database, settings: object = None, verification: object = None) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification

    def open(self, actor: Actor, customer_id: int, order_limit: int = 20) -> CustomerView:
        """The whole profile in one question to the database.

        Errors: `NotFound`, also for a customer of other stores only.
        """
        return customer_view.customer_view(self._database.reader, actor, customer_id, order_limit)

    def older_orders(
        self, actor: Actor, customer_id: int, after: OrderRow, limit: int = 20
    ) -> tuple[OrderRow, ...]:
        """The orders that follow `after`, newest first; empty at the end."""
        return customer_view.older_orders(
            self._database.reader, actor, customer_id, after.customer_name, after.id, limit
        )
