"""Orders: open, edit under the lock, save with totals shown before, compare after somebody else saved (ORD-01 … ORD-07)."""

from __future__ import annotations

from functools import partial
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import LockRules
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.storage.queries import order_view
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Database

_LONGEST_NUMBER = 64


class Orders:
    """The use cases of an order. `settings` answers `value(key, store_id)`; without it the defaults of the domain hold."""

    def __init__(self, database: Database, settings: Any = None, verification: Any = None) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification

    def open(self, actor: Actor, order_id: int) -> OrderView:
        """The order as one consistent read: what its screen paints, who holds it, who looks at it, what may be done.

        Errors: `NotFound` also for an order of a store that the actor may not see.
        """
        reader = self._database.reader
        view = order_view.read_order(
            partial(reader.rows, keyed=True), reader.is_sqlite, order_id, self._looker(actor)
        )
        if view is None:
            raise no_such_order(order_id)
        return view

    def by_number(self, actor: Actor, number: str, store_code: str | None = None) -> tuple[int, ...]:
        """Ids of the orders with this number among those the actor may see, newest first; several stores may share a number.

        A leading `#` is ignored, on either side; the store's prefix may be left out. No such order: an empty tuple.
        """
        bare = clean(number).strip().lstrip("#").strip()
        if not bare or len(bare) > _LONGEST_NUMBER:
            return ()
        found = order_view.order_ids_of_number(self._database.reader.rows, bare, store_code or "")
        return tuple(order_id for order_id, store_id in found if actor.may(Permission.ORDER_VIEW, store_id))[
            :50
        ]

    def _looker(self, actor: Actor) -> Looker:
        lease = LockRules().lease if self._settings is None else int(self._settings.value("locking.lease"))
        return Looker(actor, lease)


def no_such_order(order_id: int) -> NotFound:
    """The refusal for a missing order and for one of a store that the actor may not see: the same, so that nothing is given away."""
    return NotFound(
        f"There is no order {public_id(Kind.ORDER, max(order_id, 0))} here.",
        "Check the number, or ask for access to its store.",
    )
