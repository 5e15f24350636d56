"""What the command line asks about money beside a screen's news: who sends, and which order a transaction belongs to."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.errors import NotFound
from cstui.domain.permissions import Permission
from cstui.storage.database import Database
from cstui.storage.queries import moves, workers


class MoneyLooks:
    """Reads only; nothing is locked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def workers(self) -> tuple[str, ...]:
        """The names of the workers that live: without one, nothing that was recorded is sent."""
        with self._database.read() as tx:
            return tuple(workers.alive(tx))

    def waiting(self) -> tuple[int, int]:
        """How many attempts have no known outcome, and how many should have been sent a while ago."""
        with self._database.read() as tx:
            return workers.waiting(tx)

    def order_of(self, actor: Actor, transaction_id: int) -> int:
        """The order that a transaction belongs to. Errors: `NotFound`."""
        with self._database.read() as tx:
            row = moves.read(tx, transaction_id)
        if row is None or not actor.may(Permission.ORDER_VIEW, row.store_id):
            raise NotFound(
                "There is no such transaction here.", "“cstui show order” lists an order's transactions."
            )
        return int(row.order_id)
