"""Taking, releasing, forcing and handing over the edit lock, and the list of all locks (LOCK-01 … LOCK-12)."""

from __future__ import annotations

from typing import Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.errors import NotFound, NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, Knock, LockRow, LockRules, LockState, Purpose
from cstui.domain.notes import checked_free_text
from cstui.domain.permissions import Permission
from cstui.services.access import require, require_visible
from cstui.storage.queries import audit
from cstui.storage.queries import knocks as waiting
from cstui.storage.queries import locks as rows
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Database, Transaction

_NEEDED: dict[tuple[Kind, Purpose], Permission] = {
    (Kind.ORDER, Purpose.EDIT): Permission.ORDER_UPDATE,
    (Kind.ORDER, Purpose.HOLD): Permission.ORDER_HOLD,
    (Kind.ORDER, Purpose.CANCEL): Permission.ORDER_CANCEL,
    (Kind.ORDER, Purpose.MONEY): Permission.REFUND_REQUEST,
    (Kind.ORDER, Purpose.BILLING): Permission.ORDER_UPDATE,
    **{(Kind.SUBSCRIPTION, purpose): Permission.SUBSCRIPTION_UPDATE for purpose in Purpose},
}
_LONGEST_REASON = 500


class LockSettings(Protocol):
    """Where the rules of the lock are read."""

    def lock_rules(self, store_id: int | None = None) -> LockRules:
        """The rules in force in a store, or in the organisation."""
        ...


class Locks:
    """The edit lock of orders and subscriptions. Tokens are minted by the screen before it asks, so that a repeat is harmless."""

    def __init__(self, database: Database, settings: LockSettings | None = None) -> None:
        self._database = database
        self._settings = settings

    def begin(
        self,
        actor: Actor,
        kind: Kind,
        record_id: int,
        version: int,
        token: str,
        purpose: Purpose = Purpose.EDIT,
        take_over: bool = False,
    ) -> Grip:
        """Takes the lock for the editor that `token` names, where the screen shows the newest version (LOCK-02, LOCK-05).

        `take_over`: the person has seen who holds it and confirmed: his own lock of another terminal, or a stale one where
        `locking.stale_takeover` lets him. Errors: `RecordLocked` (its fact `may_take_over` says whether asking again with `take_over` can
        succeed), `HeldElsewhere`, `RecordChanged`, `NotFound`, `NotPermitted`.
        """
        with self._database.write() as tx:
            record = rows.target_with_new_fence(tx, kind, record_id)
            _require_seen(actor, record)
            require(tx, actor, _permission(kind, purpose), record.store_id)
            rules = self._rules(record.store_id)
            terms = rows.Terms(rules.lease, take_over, self._may_take_stale(tx, actor, record, rules))
            grip = rows.take(tx, actor, record, version, token, purpose, terms)
            tx.publish("lock", kind, record_id)
            return grip

    def release(self, actor: Actor, token: str) -> None:
        """Frees what the token holds and takes back what it waits for; nothing to do is fine (LOCK-06 … LOCK-08)."""
        with self._database.write() as tx:
            rows.free(tx, token)

    def state(self, actor: Actor, kind: Kind, record_id: int) -> LockState | None:
        """The record's lock as others see it, or None where it is free. Errors: `NotFound`."""
        with self._database.read() as tx:
            _require_seen(actor, waiting.seen(tx, kind, record_id))
            return rows.state_of(tx, kind, record_id)

    def all(self, actor: Actor) -> tuple[LockRow, ...]:
        """Every lock in the stores that the actor sees, the longest idle first, 200 at most."""
        with self._database.read() as tx:
            return waiting.all_locks(tx, actor.stores(Permission.ORDER_VIEW))

    def force(self, actor: Actor, kind: Kind, record_id: int, reason: str, save_id: str = "") -> LockState:
        """Removes somebody's lock; he is told by whom and why, and his next save is refused (LOCK-09, LOCK-10).

        Payment attempts stay as they are. Returns the lock that was removed. Errors: `NotPermitted`, `InvalidInput` without a reason,
        `NotPossibleNow` where nobody holds it or a process does that must not be interrupted (LOCK-12).
        """
        with self._database.write(save_id) as tx:
            record = rows.target_with_new_fence(tx, kind, record_id)
            _require_seen(actor, record)
            require(tx, actor, Permission.ORDER_UNLOCK, record.store_id)
            why = checked_free_text(reason, "reason", _LONGEST_REASON)
            row = rows.held(tx, kind, record_id)
            if row is None:
                raise NotPossibleNow(f"Nobody holds {record.what}.", "It can be edited.")
            if not row.breakable:
                raise NotPossibleNow(
                    f"{row.holder_name} works on {record.what} ({row.purpose}) and must not be interrupted.",
                    "It is free when that is done.",
                )
            removed = rows.as_state(row, tx.clock())
            rows.remove(tx, actor, record, row, why)
            event = NewEvent(
                actor,
                record.store_id,
                kind,
                record_id,
                "lock.forced",
                reason=f"{removed.holder} at {removed.terminal}: {why}",
                fence=record.fence,
                customer_id=record.customer_id,
                save_id=save_id,
            )
            audit.append(tx, event)
            tx.publish("lock", kind, record_id)
            tx.publish("notice", kind, record_id, holder_id=removed.holder_id, by=actor.name, reason=why)
            return removed

    def knock(self, actor: Actor, kind: Kind, record_id: int, waiting_token: str) -> Knock:
        """Asks the holder for the lock. `waiting_token` is the waiting editor's own; asking twice is one question.

        Errors: `NotPossibleNow` where the record is free or is held by a process, `NotFound`, `NotPermitted`.
        """
        with self._database.write() as tx:
            record = rows.target(tx, kind, record_id)
            _require_seen(actor, record)
            require(tx, actor, _permission(kind, Purpose.EDIT), record.store_id)
            row = rows.held(tx, kind, record_id)
            if row is None or row.token == waiting_token:
                raise NotPossibleNow(f"Nobody else holds {record.what}.", "Edit it now.")
            if not row.breakable:
                raise NotPossibleNow(f"{row.holder_name} works on {record.what}.", "Wait until that is done.")
            knock = waiting.knock(tx, actor, record, row.token, waiting_token)
            tx.publish("knock", kind, record_id)
            return knock

    def answer(self, actor: Actor, knock_id: int, hand_over: bool) -> None:
        """The holder's answer: the lock passes to the waiting editor in one step, or "not now" (his draft is kept either way).

        Errors: `NotFound`, `NotPossibleNow` where the question was answered or withdrawn, or the lock has moved on.
        """
        with self._database.write() as tx:
            asked = waiting.open_knock(tx, knock_id)
            kind = Kind(asked.record_kind)
            target = rows.target_with_new_fence if hand_over else rows.target
            record = target(tx, kind, asked.record_id)
            row = rows.held(tx, kind, asked.record_id)
            if row is None or row.token != asked.lock_token:
                raise NotPossibleNow(f"You no longer hold {record.what}.", "There is nothing to hand over.")
            if row.holder_id != actor.staff_id:
                raise NotPermitted(f"{row.holder_name} holds {record.what}.", "Only the holder answers.")
            waiting.answer(tx, asked, "handed_over" if hand_over else "not_now")
            if hand_over:
                self._hand_over(tx, actor, record, row, asked)
            tx.publish("knock", kind, asked.record_id)

    def knocks(self, actor: Actor, tokens: tuple[str, ...]) -> tuple[Knock, ...]:
        """Who waits at this moment for the locks that these tokens hold, the first to ask first."""
        with self._database.read() as tx:
            return waiting.open_knocks(tx, tokens)

    def _hand_over(self, tx: Transaction, actor: Actor, record: rows.Target, row: Any, asked: Any) -> None:
        lease = self._rules(record.store_id).lease
        rows.hand_over(tx, record, row, asked, lease)
        rows.answer_waiting(tx, row.token, "not_now", tx.clock())
        event = NewEvent(
            actor,
            record.store_id,
            record.kind,
            record.id,
            "lock.handed_over",
            reason=f"to {asked.staff_name} at {asked.terminal}",
            fence=record.fence,
            customer_id=record.customer_id,
        )
        audit.append(tx, event)
        tx.publish("lock", record.kind, record.id)

    def _rules(self, store_id: int) -> LockRules:
        return LockRules() if self._settings is None else self._settings.lock_rules(store_id)

    def _may_take_stale(self, tx: Transaction, actor: Actor, record: rows.Target, rules: LockRules) -> bool:
        if rules.stale_takeover == "agent":
            return True
        if not actor.may(Permission.ORDER_UNLOCK, record.store_id):
            return False
        try:
            require(tx, actor, Permission.ORDER_UNLOCK, record.store_id)
        except NotPermitted:
            return False
        return True


def _permission(kind: Kind, purpose: Purpose) -> Permission:
    return _NEEDED[kind, purpose]


def _require_seen(actor: Actor, record: rows.Target) -> None:
    """Another store's record is not found, in the very words of one that does not exist (GEN-02)."""
    try:
        require_visible(actor, Permission.ORDER_VIEW, record.store_id, record.what)
    except NotFound:
        raise NotFound(f"There is no such {record.kind}.", "Check the number.") from None
