"""Presence: who looks at a record at this moment, shown beside the padlock. Looking never locks."""

from __future__ import annotations

from datetime import timedelta

from cstui.domain.actor import Actor
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.locking import LockRules
from cstui.domain.permissions import Permission
from cstui.storage.database import Database
from cstui.storage.queries import presence as rows
from cstui.storage.queries.drafts import stores_of

_VIEW = {Kind.CUSTOMER: Permission.CUSTOMER_VIEW, Kind.SUBSCRIPTION: Permission.SUBSCRIPTION_VIEW}


class Presence:
    """Desks and what they look at. The pulse of a desk keeps its rows fresh; rows without a sign of life do not count."""

    def __init__(self, database: Database, fresh: float = LockRules().lease) -> None:
        self._database = database
        self._fresh = timedelta(seconds=fresh)

    def look(self, actor: Actor, desk: str, kind: Kind, record_id: int) -> None:
        """The desk opens a record. Errors: `NotFound`."""
        with self._database.write() as tx:
            visible = actor.stores(_VIEW.get(kind, Permission.ORDER_VIEW))
            stores = stores_of(tx, kind, record_id)
            if not stores or (visible is not None and not stores & visible):
                raise NotFound(f"There is no such {kind}.", "Check the number.")
            rows.look(tx, actor, desk, kind, record_id)
            tx.publish("presence", kind, record_id)

    def leave(self, desk: str, kind: Kind | None = None, record_id: int | None = None) -> None:
        """The desk closes a record, or all of them."""
        with self._database.write() as tx:
            for left_kind, left_id in rows.leave(tx, desk, kind, record_id):
                tx.publish("presence", left_kind, left_id)

    def who(self, kind: Kind, record_id: int, but_desk: str) -> tuple[str, ...]:
        """Names of those who look at a record at other desks, the first to come first."""
        with self._database.read() as tx:
            return rows.who(tx, kind, record_id, but_desk, tx.clock() - self._fresh)

    def sweep(self) -> int:
        """Forgets what desks that crashed more than a day ago looked at; how many rows there were."""
        with self._database.write() as tx:
            return rows.drop_older(tx, tx.now - timedelta(days=1))
