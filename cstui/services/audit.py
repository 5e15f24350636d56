"""The history: of an order, of a customer, of one's own day; its proof; and erasing a value from it (AUD-01 … AUD-04)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from cstui.domain.actor import Actor
from cstui.domain.audit import AuditRow, Change
from cstui.domain.clock import day_in
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.notes import checked_free_text
from cstui.domain.permissions import Permission
from cstui.services.access import require, require_somewhere
from cstui.storage.database import Database
from cstui.storage.queries import audit as rows
from cstui.storage.queries import audit_check as check
from cstui.storage.queries import money_check as money
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.drafts import stores_of
from cstui.storage.transaction import Transaction

#: As many faults as one proof lists; more of them say nothing new.
MOST_FAULTS = 1000
Progress = Callable[[str, int], None]
_PARTS: tuple[tuple[str, Callable[[Transaction], Iterator[str]]], ...] = (
    ("the chain", check.chain_faults),
    ("versions", check.version_faults),
    ("fences", check.fence_faults),
    ("locks", check.lock_faults),
    ("totals", check.total_faults),
    ("refunds", money.balance_faults),
    ("payments", money.success_faults),
    ("sending", money.stuck_faults),
    ("card numbers", check.card_faults),
)


class Audit:
    """Reading and proving the history. Writing it is the last step of each use case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def order(
        self, actor: Actor, order_id: int, before: int | None = None, limit: int = 50
    ) -> tuple[AuditRow, ...]:
        """An order's events, newest first (AUD-03); `before` pages on from an event's id. Errors: `NotFound`, `NotPermitted`."""
        with self._database.read() as tx:
            visible = actor.stores(Permission.ORDER_VIEW)
            stores = stores_of(tx, Kind.ORDER, order_id)
            if not stores or (visible is not None and not stores & visible):
                raise NotFound("There is no such order.", "Check the number.")
            require(tx, actor, Permission.AUDIT_VIEW, next(iter(stores)))
            return rows.events_of(tx, Kind.ORDER, order_id, before=before, limit=limit)

    def customer(
        self, actor: Actor, customer_id: int, before: int | None = None, limit: int = 50
    ) -> tuple[AuditRow, ...]:
        """The events of a customer and of all that is his in the stores whose history the actor may see. Errors: as `order`."""
        with self._database.read() as tx:
            visible = actor.stores(Permission.CUSTOMER_VIEW)
            stores = stores_of(tx, Kind.CUSTOMER, customer_id)
            if not stores or (visible is not None and not stores & visible):
                raise NotFound("There is no such customer.", "Check the id.")
            require_somewhere(tx, actor, Permission.AUDIT_VIEW)
            audited = actor.stores(Permission.AUDIT_VIEW)
            return rows.events_of_customer(tx, customer_id, audited, before=before, limit=limit)

    def mine_today(self, actor: Actor) -> tuple[AuditRow, ...]:
        """What the actor has done since midnight in his own zone, newest first, 200 at most."""
        zone = actor.zone or "UTC"
        with self._database.read() as tx:
            midnight = datetime.combine(day_in(zone, tx.now), time(), ZoneInfo(zone)).astimezone(UTC)
            return rows.events_by(tx, actor.staff_id, midnight)

    def saved(self, save_id: str) -> bool:
        """Whether the use case with this save id was stored; asked when an answer was lost."""
        with self._database.read() as tx:
            return bool(save_id) and rows.saved(tx, save_id)

    def verify(self, actor: Actor, progress: Progress | None = None) -> tuple[str, ...]:
        """Walks the whole chain and checks what must always hold; the faults in sentences, 1000 at most, none where all is well.

        `progress(part, faults so far)` is called as each part begins. Errors: `NotPermitted` (the history of every store is needed).
        """
        faults: list[str] = []
        with self._database.read() as tx:
            check.prepare(tx)
            require(tx, actor, Permission.AUDIT_VIEW, None)
            for part, look in _PARTS:
                if progress is not None:
                    progress(part, len(faults))
                for fault in look(tx):
                    faults.append(fault)
                    if len(faults) >= MOST_FAULTS:
                        return tuple(faults)
        return tuple(faults)

    def erase(self, actor: Actor, event_id: int, path: str, reason: str) -> None:
        """Removes one field's old and new value from an event for good; the chain still proves that nothing else was touched.

        Errors: `NotFound`, `NotPermitted` (`settings.manage` in that store), `InvalidInput` without a reason.
        """
        with self._database.write() as tx:
            event = rows.event(tx, event_id)
            if event is None or not self._visible(actor, event.store_id):
                raise NotFound("There is no such entry in the history.", "Check the id.")
            require(tx, actor, Permission.SETTINGS_MANAGE, event.store_id or None)
            why = checked_free_text(reason, "reason", 500)
            if not rows.erase(tx, event_id, path):
                raise NotFound(
                    f"This entry has no field “{path}”.", "Copy the field as the history shows it."
                )
            rows.append(
                tx,
                NewEvent(
                    actor,
                    event.store_id,
                    Kind(event.record_kind),
                    event.record_id,
                    check.ERASED,
                    (Change(f"{event_id}:{path}", "", "erased"),),
                    reason=why,
                    customer_id=event.customer_id,
                ),
            )

    @staticmethod
    def _visible(actor: Actor, store_id: int) -> bool:
        stores = actor.stores(Permission.AUDIT_VIEW)
        return stores is None or store_id in stores
