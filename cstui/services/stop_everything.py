"""Stop everything: all that bills, ships or reserves of a customer, in one preview with one confirmation (D-09).

Subscriptions are stopped in one transaction, the shipments of an order in one each, holds on cards by their orders' own voids: each under
its own lock. What somebody else works on is left, named, and can be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.clean import clean
from cstui.domain.errors import (
    CstuiError,
    DatabaseAway,
    InvalidInput,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RecordLocked,
)
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Purpose
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.refund_plan import void_plan
from cstui.domain.refunds import Receipt
from cstui.domain.shipments import CANCELLABLE_SHIPMENT_STATES, ShipmentState
from cstui.domain.stopping import ORDER, Left, StopItem, StopKind, StopPreview, StopReport
from cstui.domain.subscription_changes import Cancel
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.domain.verification import NotVerified
from cstui.services import subscription_saving as saving
from cstui.services.access import require
from cstui.services.customer_access import seen_customer
from cstui.services.locks import Locks
from cstui.services.mail import outbox
from cstui.services.order_editing import Held, finish, held, write_header
from cstui.services.order_holds import checked_reason
from cstui.services.stop_preview import NEEDED, in_the_way, items_of
from cstui.services.subscription_saving import HeldSubscription
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, locks, orders
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.lock_rows import held as lock_of
from cstui.storage.queries.order_view import Looker
from cstui.storage.queries.settings_view import reasons
from cstui.storage.queries.subscription_view import steady
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.refunds import Refunds
    from cstui.services.subscriptions import Wishes
    from cstui.services.verification import Verifications

_ENDED = (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE)
_KIND = ReasonKind.SUBSCRIPTION_CANCEL
#: What must never be taken for "somebody holds it": the whole is asked for again.
_NOT_ABOUT_IT = (DatabaseAway, OutcomeUnknown, NotVerified)
_LONGEST = 500
_GONE = "It is over, or not here any more."


class _Stop:
    """One confirmation while it is carried out: who, whose, why, and what became of each item."""

    def __init__(
        self, actor: Actor, customer_id: int, reason: tuple[str, str, str], save_id: str, desk: str
    ) -> None:
        self.actor = actor
        self.customer_id = customer_id
        self.code, self.label, self.note = reason
        self.save_id = save_id
        self.desk = desk
        self.done: list[StopItem] = []
        self.left: list[Left] = []
        self.receipts: list[Receipt] = []
        self.warnings: list[str] = []

    @property
    def reason(self) -> str:
        """As the history keeps it."""
        return f"{self.label}: {self.note}" if self.note else self.label

    def save_id_of(self, what: str) -> str:
        """Each part is stored once, whatever is repeated."""
        return f"{self.save_id}:{what}"

    def leave(self, item: StopItem, error: CstuiError) -> None:
        """It stays as it is, for this reason."""
        holder = error.holder if isinstance(error, RecordLocked) else ""
        self.left.append(Left(item, error.message, holder))


class Stopping:
    """The two use cases of stopping everything."""

    def __init__(
        self,
        database: Database,
        settings: Any,
        refunds: Refunds,
        verification: Verifications | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._refunds = refunds
        self._verification = verification
        self._wishes = wishes

    def preview(self, actor: Actor, customer_id: int) -> StopPreview:
        """Everything that bills, ships or reserves, with what goes with it and who works on it; nothing is stored. Errors: `NotFound`."""
        with self._database.read() as tx:
            steady(tx)
            known = seen_customer(tx, actor, customer_id)
            items = items_of(tx, replace(actor, grants=known.actor.grants), customer_id)
            contact, now = known.row.contact, tx.now
        items = tuple(self._with_way(actor, item, now) for item in items)
        store_id = items[0].store_id if items else None
        undo = self._settings.whole("money.undo_seconds", store_id)
        return StopPreview(customer_id, contact.name or contact.company, items, self._reasons(store_id), undo)

    def stop(
        self,
        actor: Actor,
        customer_id: int,
        chosen: Iterable[str],
        reason_code: str,
        note: str,
        save_id: str,
        desk: str = "",
        *,
        mail: bool = True,
    ) -> StopReport:
        """Stops the chosen items (ids of the preview), and tells the customer in one mail. What cannot be stopped is left and named.

        Repeated with the same `save_id` it does what is missing and answers the same. Errors: `InvalidInput` (reason, note, nothing chosen),
        `NotVerified`, `NotFound`; `DatabaseAway` and `OutcomeUnknown`, after which it is repeated.
        """
        wanted = list(dict.fromkeys(chosen))
        if not wanted:
            raise InvalidInput("chosen", "", "Nothing is chosen.", "Tick what is to be stopped.")
        with self._database.read() as tx:
            steady(tx)
            known = seen_customer(tx, actor, customer_id)
            if self._verification is not None:
                self._verification.require_verified(tx, actor, customer_id, desk, "money")
            present = replace(actor, grants=known.actor.grants)
            found = {item.id: item for item in items_of(tx, present, customer_id, frozenset(wanted))}
        items = [found.get(one) or _gone(one) for one in wanted]
        items.sort(key=lambda item: (ORDER.index(item.kind), item.record_id))
        store_id = next((item.store_id for item in items if item.store_id), None)
        label, said = self._reason(store_id, reason_code, note)
        work = _Stop(actor, customer_id, (reason_code, label, said), save_id, desk)
        for item in items:
            if not item.store_id:
                work.left.append(Left(item, _GONE))
            elif item.why_not:
                work.left.append(Left(item, item.why_not))
        ready = [item for item in items if item.store_id and not item.why_not]
        self._subscriptions(
            work, [item for item in ready if item.kind in (StopKind.SUBSCRIPTION, StopKind.CHARGE)]
        )
        for order_id in dict.fromkeys(item.order_id for item in ready if item.kind is StopKind.SHIPMENT):
            self._shipments(
                work, [i for i in ready if i.kind is StopKind.SHIPMENT and i.order_id == order_id]
            )
        for item in ready:
            if item.kind is StopKind.HOLD:
                self._hold(work, item)
        if work.done:
            self._told(work, mail=mail)
        return StopReport(tuple(work.done), tuple(work.left), tuple(work.receipts), tuple(work.warnings))

    def _with_way(self, actor: Actor, item: StopItem, now: datetime) -> StopItem:
        """A hold that its gateway cannot lift from here says why before it is asked for."""
        if item.kind is not StopKind.HOLD or not item.can_stop:
            return item
        why = void_plan(self._refunds.basis(actor, item.order_id), item.record_id, now).why_not
        return replace(item, why_not=why) if why else item

    # Subscriptions and charges ----------------------------------------------------------------------

    def _subscriptions(self, work: _Stop, items: list[StopItem]) -> None:
        """All in one transaction: every row is locked before the first is written, so that no worker stands between two of them."""
        if not items:
            return
        done: list[StopItem] = []
        left: list[Left] = []
        ready: list[tuple[StopItem, HeldSubscription]] = []
        with self._database.write(work.save_id_of("subscriptions")) as tx:
            for item in (one for one in items if one.kind is StopKind.SUBSCRIPTION):
                one = saving.taken(tx, work.actor, item.record_id, work.save_id_of(item.id))
                if audit.saved(tx, one.save_id):
                    done.append(item)
                elif (why := _why_left(tx, work, item, one)) is not None:
                    left.append(why)
                else:
                    ready.append((item, one))
            for item in (one for one in items if one.kind is StopKind.CHARGE):
                if attempts.withdraw(tx, item.record_id):
                    _audit_charge(tx, work, item)
                    done.append(item)
                elif audit.saved(tx, work.save_id_of(item.id)):
                    done.append(item)
                else:
                    left.append(Left(item, "It has been sent already."))
            for item, one in ready:
                busy = saving.under_way_words(tx, one.row)
                if busy:
                    work.warnings.append(f"{item.name}: {busy}")
                saving.save(one, Cancel(reason=work.reason), "subscription cancelled", work.reason)
                if self._wishes is not None:
                    self._wishes.cancelled(tx, work.actor, item.store_id, one.id, work.customer_id, work.code)
                done.append(item)
        work.done += sorted(done, key=items.index)
        work.left += left

    # Shipments --------------------------------------------------------------------------------------

    def _shipments(self, work: _Stop, items: list[StopItem]) -> None:
        """The chosen shipments of one order, under the order's lock."""
        order_id, token = items[0].order_id, new_token()
        save_id = work.save_id_of(f"order:{order_id}")
        looker = Looker(work.actor, int(self._settings.value("locking.lease")))
        doors = Locks(self._database, self._settings)
        try:
            with self._database.read() as tx:
                is_done = audit.saved(tx, save_id)
                version = 0 if is_done else locks.target(tx, Kind.ORDER, order_id).version
            if is_done:
                work.done += items
                return
            grip = doors.begin(work.actor, Kind.ORDER, order_id, version, token, Purpose.CANCEL)
            with self._database.write(save_id) as tx:
                order = held(tx, looker, Permission.ORDER_CANCEL, order_id, grip, save_id, still=True)
                stopped = items if isinstance(order, OrderView) else _cancel_shipments(order, items, work)
        except _NOT_ABOUT_IT:
            raise
        except CstuiError as error:
            for item in items:
                work.leave(item, error)
        else:
            work.done += stopped
            work.left += [Left(item, "It has left already.") for item in items if item not in stopped]
        finally:
            doors.release(work.actor, token)

    # Holds on cards ---------------------------------------------------------------------------------

    def _hold(self, work: _Stop, item: StopItem) -> None:
        """The void of one reserved amount, as the order's own void panel asks for it."""
        token = new_token()
        try:
            _, grip = self._refunds.open(work.actor, item.order_id, token)
            receipt = self._refunds.void(
                work.actor, item.order_id, grip, item.record_id, work.save_id_of(item.id),
                reason=work.reason[:_LONGEST], desk=work.desk,
            )  # fmt: skip
        except _NOT_ABOUT_IT:
            raise
        except CstuiError as error:
            work.leave(item, error)
        else:
            work.receipts.append(receipt)
            work.done.append(item)
        finally:
            Locks(self._database, self._settings).release(work.actor, token)

    # What follows -----------------------------------------------------------------------------------

    def _told(self, work: _Stop, *, mail: bool) -> None:
        """One mail and one event of the customer for all of it."""
        with self._database.write(work.save_id) as tx:
            if audit.saved(tx, work.save_id):
                return
            of = {kind: [item for item in work.done if item.kind is kind] for kind in StopKind}
            if mail:
                numbers = dict.fromkeys(item.order_number for item in of[StopKind.SHIPMENT])
                held_back = [
                    (item.amount, item.order_number) for item in of[StopKind.HOLD] if item.amount is not None
                ]
                outbox.queue_everything_stopped(
                    tx, work.customer_id, work.done[0].store_id, [item.name for item in of[StopKind.SUBSCRIPTION]], list(numbers),
                    held_back, work.save_id,
                )  # fmt: skip
            tx.publish("saved", Kind.CUSTOMER, work.customer_id, by=work.actor.name)
            changes = tuple(
                Change(item.id.replace(":", "."), "", f"{item.order_number} {item.words}".strip())
                for item in work.done
            )
            audit.append(
                tx,
                NewEvent(
                    work.actor, audit.ORGANISATION, Kind.CUSTOMER, work.customer_id, "everything stopped", changes, reason=work.reason,
                    customer_id=work.customer_id, save_id=work.save_id,
                ),
            )  # fmt: skip

    def _reasons(self, store_id: int | None) -> tuple[tuple[str, str], ...]:
        found = reasons(self._database.reader, _KIND, store_id) or STARTERS[_KIND]
        return tuple((code, label) for code, label in found)

    def _reason(self, store_id: int | None, code: str, note: str) -> tuple[str, str]:
        if store_id is None:
            return dict(STARTERS[_KIND]).get(code, code), ""
        return checked_reason(self._database.reader, _KIND, store_id, code, note)


def _why_left(tx: Transaction, work: _Stop, item: StopItem, one: HeldSubscription) -> Left | None:
    """Why a subscription is left as it is; None where it can be cancelled. Its row is locked, and so is its edit lock's."""
    row = lock_of(tx, Kind.SUBSCRIPTION, item.record_id)
    if row is not None and in_the_way(row, work.actor):
        mine = row.holder_id == work.actor.staff_id
        why = (
            f"You are editing it at {row.terminal}."
            if mine
            else f"{row.holder_name} works on it at {row.terminal}."
        )
        return Left(
            replace(item, holder=row.holder_name, terminal=row.terminal, since=row.acquired_at),
            why,
            row.holder_name,
        )
    if one.facts.status in _ENDED or one.row.customer_id != work.customer_id:
        return Left(item, _GONE)
    try:
        require(tx, work.actor, NEEDED[item.kind], item.store_id)
    except NotPermitted as refused:
        return Left(item, refused.message)
    return None


def _audit_charge(tx: Transaction, work: _Stop, item: StopItem) -> None:
    audit.append(
        tx,
        NewEvent(
            work.actor, item.store_id, Kind.CUSTOMER, work.customer_id, "charge taken back",
            (Change(f"attempts.{item.record_id}", "", item.words),), reason=work.reason, customer_id=work.customer_id,
            save_id=work.save_id_of(item.id),
        ),
    )  # fmt: skip


def _cancel_shipments(order: Held | None, items: list[StopItem], work: _Stop) -> list[StopItem]:
    """Cancels those that have not left; the order goes on, and a refund is asked for separately. Errors: `NotFound`, `RecordChanged`."""
    if order is None:
        raise NotFound("There is no such order here.", "Reload the customer.")
    states = {row.id: row.state for row in order.order.shipments}
    ready = [item for item in items if states.get(item.record_id) in CANCELLABLE_SHIPMENT_STATES]
    if not ready:
        locks.free(order.tx, order.grip.token)
        return []
    orders.cancel_shipments(order.tx, [item.record_id for item in ready])
    write_header(order, {})
    changes = tuple(
        Change(f"shipments.{item.record_id}.state", str(states[item.record_id]), ShipmentState.CANCELLED)
        for item in ready
    )
    finish(order, "shipments stopped", changes, work.reason)
    return ready


def _gone(item_id: str) -> StopItem:
    """What was chosen and is not there: nothing is known of it but its id."""
    name, kind = clean(item_id, limit=40), item_id.partition(":")[0]
    return StopItem(name, StopKind(kind) if kind in tuple(StopKind) else StopKind.SUBSCRIPTION, 0, 0, name)
