"""Orders: open, edit under the lock, hold, cancel, look back (ORD-01 … ORD-07, ORD-16).

Opening needs only the driver; what writes is imported by the first use case that writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind, public_id
from cstui.domain.locking import Grip, LockRules, Purpose
from cstui.domain.orders import CancelEffects, EditPreview, OrderChange, OrderView, ProductRow
from cstui.domain.permissions import Permission
from cstui.storage.database import Database
from cstui.storage.queries import order_view
from cstui.storage.queries.order_view import Looker

if TYPE_CHECKING:
    from cstui.domain.edit_merge import Comparison
    from cstui.services.order_editing import Held
    from cstui.services.verification import Verifications
    from cstui.storage.transaction import Transaction

_LONGEST_NUMBER = 64


class Orders:
    """The use cases of an order. `settings` answers `value(key, store_id)`; without it the defaults of the domain hold."""

    def __init__(
        self, database: Database, settings: Any = None, verification: Verifications | None = None
    ) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification

    def open(self, actor: Actor, order_id: int) -> OrderView:
        """The order as one consistent read: what its screen paints, who holds it, who looks at it, what may be done.

        Errors: `NotFound` also for an order of a store that the actor may not see.
        """
        reader = self._database.reader
        fetch = partial(reader.rows, keyed=True)
        return _found(order_id, order_view.read_order(fetch, reader.is_sqlite, order_id, self._looker(actor)))

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

    def products(self, actor: Actor, store_id: int, text: str, limit: int = 20) -> tuple[ProductRow, ...]:
        """Products of a store whose name, option or code holds every typed word, by name; all of them for an empty text.

        Errors: `NotFound` for a store that the actor may not see.
        """
        if not actor.may(Permission.ORDER_VIEW, store_id):
            raise NotFound("There is no such store here.", "Ask for access to it.")
        words = clean(text).split()[:5]
        return order_view.products_of(self._database.reader.rows, store_id, words, min(limit, 200))

    def begin_edit(
        self,
        actor: Actor,
        order_id: int,
        version: int,
        token: str,
        purpose: Purpose = Purpose.EDIT,
        take_over: bool = False,
    ) -> Grip:
        """Takes the order's lock for the editor that `token` names (LOCK-02).

        Errors: `RecordLocked`, `HeldElsewhere`, `RecordChanged`, `NotFound`, `NotPermitted`.
        """
        from cstui.services.locks import Locks

        locks = Locks(self._database, self._settings)
        return locks.begin(actor, Kind.ORDER, order_id, version, token, purpose, take_over)

    def preview(self, actor: Actor, order_id: int, change: OrderChange) -> EditPreview:
        """Totals before and after an edit with the difference; nothing is stored.

        Errors: `InvalidInput`, `InvalidFields`, `NotPossibleNow` as `save` would raise them, `NotFound`.
        """
        from cstui.domain.order_edit_rules import checked_change
        from cstui.domain.order_totals import preview
        from cstui.services.order_editing import resolved
        from cstui.storage.queries import orders

        with self._database.read() as tx:
            order = _found(order_id, orders.read(tx, order_id, self._looker(actor)))
            return preview(order, checked_change(order, resolved(tx, order, change)))

    def save(
        self, actor: Actor, order_id: int, grip: Grip, change: OrderChange, save_id: str, desk: str = ""
    ) -> OrderView:
        """Stores an edit under its lock and frees the lock; returns the order as it stands then. No money moves.

        Repeated with the same `save_id` it answers with the order as it stands. Errors: `LockBroken`, `RecordChanged` (nothing is stored,
        the lock stays as it is), `InvalidInput`, `InvalidFields`, `NotPossibleNow`, `NotVerified`, `NotFound`, `NotPermitted`.
        """
        from cstui.services import order_editing

        def work(held: Held) -> OrderView:
            if change.billing is not None or change.shipping is not None:
                self._require_verified(held.tx, actor, held.order, desk, "address")
            return order_editing.save(held, change)

        return self._under_lock(actor, Permission.ORDER_UPDATE, order_id, grip, save_id, work, still=True)

    def compare(self, actor: Actor, order_id: int, base: OrderView, change: OrderChange) -> Comparison:
        """An edit that was begun on `base` beside the order as it stands: merged where it can be, else was / theirs / mine (LOCK-05).

        `edit_merge.choose` turns the picks into the change to save. Errors: `NotFound`.
        """
        from cstui.domain.edit_merge import compare

        return compare(base, self.open(actor, order_id), change)

    def hold(
        self, actor: Actor, order_id: int, grip: Grip, reason_code: str, note: str, save_id: str
    ) -> OrderView:
        """Places a hold with a reason of the store's list and frees the lock (ORD-16).

        Errors: as `save`; `NotPossibleNow` for a final order.
        """
        from cstui.domain.reasons import ReasonKind
        from cstui.services import order_holds

        def work(held: Held) -> OrderView:
            label, said = order_holds.checked_reason(
                self._database.reader, ReasonKind.HOLD, held.order.store_id, reason_code, note
            )
            return order_holds.hold(held, reason_code, label, said)

        return self._under_lock(actor, Permission.ORDER_HOLD, order_id, grip, save_id, work)

    def resolve_hold(
        self, actor: Actor, order_id: int, grip: Grip, hold_id: int, resolved: bool, note: str, save_id: str
    ) -> OrderView:
        """Resolves a hold (`resolved`) or finds it unresolvable, which cancels the order; frees the lock (ORD-16).

        Errors: as `save`; `NotPossibleNow` where the hold is closed or the order cannot be cancelled.
        """
        from cstui.services import order_holds

        def work(held: Held) -> OrderView:
            return order_holds.resolve(held, hold_id, resolved, note)

        return self._under_lock(actor, Permission.ORDER_HOLD, order_id, grip, save_id, work)

    def cancel_effects(self, actor: Actor, order_id: int) -> CancelEffects:
        """What cancelling would do, listed before it asks; `blocked` says why it cannot be done now. Errors: `NotFound`."""
        from cstui.services import order_cancel
        from cstui.storage.queries import orders

        with self._database.read() as tx:
            return order_cancel.effects(tx, _found(order_id, orders.read(tx, order_id, self._looker(actor))))

    def cancel(
        self,
        actor: Actor,
        order_id: int,
        grip: Grip,
        reason_code: str,
        note: str,
        save_id: str,
        desk: str = "",
    ) -> OrderView:
        """Cancels the order and its unshipped shipments, and frees the lock. A refund is asked for separately.

        Errors: as `save`; `NotPossibleNow` where a part was shipped, also while this was being asked.
        """
        from cstui.domain.reasons import ReasonKind
        from cstui.services import order_cancel, order_holds

        def work(held: Held) -> OrderView:
            self._require_verified(held.tx, actor, held.order, desk, "money")
            label, said = order_holds.checked_reason(
                self._database.reader, ReasonKind.CANCEL, held.order.store_id, reason_code, note
            )
            return order_cancel.cancel_order(held, label, said)

        return self._under_lock(actor, Permission.ORDER_CANCEL, order_id, grip, save_id, work)

    def as_of(self, actor: Actor, order_id: int, event_id: int) -> OrderView:
        """The order as it stood right after one of its events; nothing of it can be edited.

        Errors: `NotFound` (order or event), `NotPermitted` without the right to see the history.
        """
        from cstui.services import order_history

        with self._database.read() as tx:
            return _found(order_id, order_history.as_of(tx, self._looker(actor), order_id, event_id))

    def _under_lock(
        self,
        actor: Actor,
        permission: Permission,
        order_id: int,
        grip: Grip,
        save_id: str,
        work: Callable[[Held], OrderView],
        *,
        still: bool = False,
    ) -> OrderView:
        """One transaction: permission, lock, version, then the work on the order as it stands."""
        from cstui.services.order_editing import held

        with self._database.write(save_id) as tx:
            looker = self._looker(actor)
            found = held(tx, looker, permission, order_id, grip, save_id, still=still)
            if found is None or isinstance(found, OrderView):
                return _found(order_id, found)
            return work(found)

    def _require_verified(
        self, tx: Transaction, actor: Actor, order: OrderView, desk: str, what: str
    ) -> None:
        if self._verification is not None:
            self._verification.require_verified(tx, actor, order.customer_id, desk, what)

    def _looker(self, actor: Actor) -> Looker:
        lease = LockRules().lease if self._settings is None else int(self._settings.value("locking.lease"))
        return Looker(actor, lease)


def _found(order_id: int, view: OrderView | None) -> OrderView:
    """The order, or the refusal: the same for a missing order and a hidden one, so that nothing is given away."""
    if view is None:
        raise NotFound(
            f"There is no order {public_id(Kind.ORDER, max(order_id, 0))} here.",
            "Check the number, or ask for access to its store.",
        )
    return view
