"""What people decide about refunds and attempts after they were asked for: approve, deny, take back, retry, by hand, settle (D-12, REF-07)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import TooLate
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted, NotPossibleNow
from cstui.domain.gateways import Answer, Why
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.notes import checked_free_text
from cstui.domain.payments import AttemptState, RefundMethod, RefundState
from cstui.domain.permissions import Permission
from cstui.domain.refund_queue import ByHand
from cstui.domain.refund_shares import lowered
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.services import arming, outcomes
from cstui.services.access import require
from cstui.services.refund_basis import may_record
from cstui.services.refund_writing import record_by_hand
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, refunds
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

__all__ = ["ByHand", "RefundDecisions", "withdraw_attempts"]
_LONGEST = 500
_QUEUED = (
    RefundState.REQUESTED,
    RefundState.FAILED_RETRYING,
    RefundState.NEEDS_DECISION,
    RefundState.EXHAUSTED,
)


class RefundDecisions:
    """The use cases of supervisors and of the queue."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def queue(self, actor: Actor, limit: int = 200) -> tuple[RefundRow, ...]:
        """Refunds that wait for a person, for settlement or for the next try, the oldest first, in the stores that the actor sees (D-13)."""
        with self._database.read() as tx:
            return refunds.rows(
                tx,
                self._settings.whole("refund.retries"),
                refunds.REFUND.c.state.in_(refunds.QUEUE),
                refunds.in_stores(actor.stores(Permission.ORDER_VIEW)),
                limit=limit,
                oldest_first=True,
            )

    def attempts(
        self, actor: Actor, states: tuple[AttemptState, ...] = (), limit: int = 200
    ) -> tuple[AttemptRow, ...]:
        """Payment attempts in the stores that the actor sees, newest first; of these states, or of all."""
        visible = actor.stores(Permission.ORDER_VIEW)
        conditions: list[Any] = []
        if visible is not None:
            conditions.append(attempts.ATTEMPT.c.store_id.in_(sorted(visible)))
        if states:
            conditions.append(attempts.ATTEMPT.c.state.in_(states))
        with self._database.read() as tx:
            return attempts.rows(tx, *conditions, limit=limit)

    def attempt(self, actor: Actor, attempt_id: int) -> AttemptRow:
        """One attempt. Errors: `NotFound`."""
        with self._database.read() as tx:
            found = attempts.rows(tx, attempts.ATTEMPT.c.id == attempt_id, limit=1)
        if not found or not actor.may(Permission.ORDER_VIEW, found[0].store_id):
            raise _no_such("attempt")
        return found[0]

    def refund(self, actor: Actor, refund_id: int) -> RefundRow:
        """One refund. Errors: `NotFound`."""
        with self._database.read() as tx:
            return self._shown(tx, actor, refund_id)

    def approve(self, actor: Actor, refund_id: int, save_id: str, amount: Money | None = None) -> RefundRow:
        """Lets a refund go that was above its requester's limit, with less where `amount` says so; the undo window begins (D-12).

        Errors: `NotPermitted` (also for one's own request), `NotPossibleNow` where somebody has decided already, `InvalidInput`,
        `AttemptInFlight`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            row = self._decidable(
                tx, actor, refund_id, (RefundState.NEEDS_APPROVAL,), "waits for approval", save_id
            )
            if audit.saved(tx, save_id):
                return self._shown(tx, actor, refund_id)
            if row.requested_by_id == actor.staff_id and actor.staff_id:
                raise NotPermitted("This is your own request.", "Somebody else approves it.")
            approved = _approved_amount(row, amount)
            _close_waiting(tx, refund_id)
            if approved != row.amount:
                parts = lowered(refunds.allocations_of(tx, refund_id), row.amount, approved)
                refunds.put_allocations(tx, refund_id, parts)
            refunds.change(
                tx,
                refund_id,
                state=RefundState.APPROVED,
                amount=approved,
                decided_by=actor.name,
                decided_at=tx.now,
            )
            money = Money(approved, row.currency)
            change = Change(
                f"refunds.{refund_id}", _plain(row.amount, row.currency), f"{money.plain()} {money.currency}"
            )
            if RefundMethod(row.method) in (RefundMethod.MANUAL, RefundMethod.EXTERNAL):
                record_by_hand(tx, refund_id)
            else:
                undo = self._settings.whole("money.undo_seconds", row.store_id)
                arming.arm_again(tx, refund_id, tx.now + timedelta(seconds=undo))
            _event(tx, actor, row, "refund approved", (change,), "", save_id)
            return self._shown(tx, actor, refund_id)

    def deny(self, actor: Actor, refund_id: int, reason: str, save_id: str) -> RefundRow:
        """Refuses a refund that waits for approval; who asked sees the reason. Errors: as `approve`."""
        with self._database.write(save_id) as tx:
            row = self._decidable(
                tx, actor, refund_id, (RefundState.NEEDS_APPROVAL,), "waits for approval", save_id
            )
            if audit.saved(tx, save_id):
                return self._shown(tx, actor, refund_id)
            why = checked_free_text(reason, "reason", _LONGEST)
            _close_waiting(tx, refund_id)
            refunds.change(
                tx,
                refund_id,
                state=RefundState.DENIED,
                decided_by=actor.name,
                decided_at=tx.now,
                last_failure=why,
            )
            _event(tx, actor, row, "refund denied", (), why, save_id)
            return self._shown(tx, actor, refund_id)

    def withdraw(self, actor: Actor, refund_id: int, reason: str, save_id: str) -> RefundRow:
        """Takes a refund out of the queue; what it kept for itself of the charge is free again.

        Whoever asked may while nobody has decided, and whoever approves refunds. Errors: `NotPossibleNow` where it is under way, `NotFound`,
        `NotPermitted`.
        """
        with self._database.write(save_id) as tx:
            row = self._known(tx, actor, refund_id)
            if row.requested_by_id != actor.staff_id or not actor.staff_id:
                require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
            if audit.saved(tx, save_id):
                return self._shown(tx, actor, refund_id)
            _require_state(row, (*_QUEUED, RefundState.NEEDS_APPROVAL), "waits in the queue")
            said = checked_free_text(reason, "reason", _LONGEST) if reason.strip() else ""
            _close_waiting(tx, refund_id)
            refunds.change(
                tx,
                refund_id,
                state=RefundState.WITHDRAWN,
                next_try_at=None,
                decided_by=actor.name,
                decided_at=tx.now,
            )
            _event(tx, actor, row, "refund withdrawn", (), said, save_id)
            return self._shown(tx, actor, refund_id)

    def retry(self, actor: Actor, refund_id: int, save_id: str) -> RefundRow:
        """Tries a refund of the queue again at once; its count of failures stays. Errors: `NotPossibleNow`, `AttemptInFlight`, as `approve`."""
        with self._database.write(save_id) as tx:
            row = self._decidable(tx, actor, refund_id, _QUEUED, "waits in the queue", save_id)
            if audit.saved(tx, save_id):
                return self._shown(tx, actor, refund_id)
            if row.state is RefundState.EXHAUSTED:
                # It had let go of its amount: what remains now decides whether it may have it again.
                _require_room(tx, row)
            refunds.change(
                tx, refund_id, state=RefundState.APPROVED, decided_by=actor.name, decided_at=tx.now
            )
            arming.arm_again(tx, refund_id, tx.now)
            _event(tx, actor, row, "refund tried again", (), row.last_failure, save_id)
            return self._shown(tx, actor, refund_id)

    def make_manual(self, actor: Actor, refund_id: int, payee: str, address: str, save_id: str) -> RefundRow:
        """Turns a refund that the gateway does not make into one by hand: a cheque to a name and an address (REF-13, REF-20).

        Errors: `InvalidInput`, `NotPossibleNow`, `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            row = self._decidable(tx, actor, refund_id, _QUEUED, "waits in the queue", save_id)
            if not may_record(actor, self._settings, row.store_id):
                require(tx, actor, Permission.REFUND_EXTERNAL, row.store_id)
            if audit.saved(tx, save_id):
                return self._shown(tx, actor, refund_id)
            if row.state is RefundState.EXHAUSTED:
                _require_room(tx, row)
            facts: dict[str, Any] = {
                "payee": _filled("payee", payee, "Who gets the money?"),
                "payee_address": _filled("payee_address", address, "Where does the cheque go?"),
            }
            # ARMED is none of the waiting states: its amount is not counted beside the transaction that is written now.
            refunds.change(
                tx, refund_id, state=RefundState.ARMED, method=RefundMethod.MANUAL, decided_by=actor.name, decided_at=tx.now, **facts
            )  # fmt: skip
            record_by_hand(tx, refund_id)
            _event(tx, actor, row, "refund made by hand", (), f"Cheque to {facts['payee']}", save_id)
            return self._shown(tx, actor, refund_id)

    def settle(
        self,
        actor: Actor,
        attempt_id: int,
        outcome: ByHand,
        evidence: str,
        save_id: str,
        gateway_ref: str = "",
    ) -> AttemptRow:
        """A supervisor says what became of an attempt that no look could decide; who, why and the evidence stay with it.

        Only while it is unknown. Errors: `InvalidInput` without evidence, `NotPossibleNow`, `NotFound`, `NotPermitted`.
        """
        with self._database.write(save_id) as tx:
            row = attempts.read(tx, attempt_id)
            if row is None or not actor.may(Permission.ORDER_VIEW, row.store_id):
                raise _no_such("attempt")
            require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
            if audit.saved(tx, save_id):
                return attempts.rows(tx, attempts.ATTEMPT.c.id == attempt_id)[0]
            why = checked_free_text(evidence, "evidence", _LONGEST)
            if row.state is not AttemptState.UNKNOWN:
                raise NotPossibleNow("The outcome of this attempt is known.", "Reload to see it.")
            if outcomes.bears_anothers_number(tx, row, gateway_ref.strip()):
                raise InvalidInput(
                    "reference", gateway_ref, "This number belongs to another transaction here.", "Copy the number of this very one."
                )  # fmt: skip
            attempts.change(tx, attempt_id, settled_by=actor.name, settled_why=why)
            if outcome is ByHand.SUCCEEDED:
                answer = Answer(
                    AttemptState.SUCCEEDED,
                    Why.NONE,
                    ref=gateway_ref.strip()[:100],
                    text=f"Settled by {actor.name}",
                )
                outcomes.record(tx, attempt_id, answer, self._settings)
            else:
                outcomes.not_executed(
                    tx, attempt_id, f"Settled by {actor.name}: not executed", self._settings
                )
            _event(
                tx,
                actor,
                row,
                "attempt settled by hand",
                (Change(f"attempts.{attempt_id}", "unknown", outcome),),
                why,
                save_id,
            )
            return attempts.rows(tx, attempts.ATTEMPT.c.id == attempt_id)[0]

    def _known(self, tx: Transaction, actor: Actor, refund_id: int) -> Any:
        row = refunds.read(tx, refund_id)
        if row is None or not actor.may(Permission.ORDER_VIEW, row.store_id):
            raise _no_such("refund")
        # Whoever reckons with the order's money waits for this transaction.
        attempts.lock_order(tx, row.order_id)
        return row

    def _decidable(
        self, tx: Transaction, actor: Actor, refund_id: int, states: tuple[RefundState, ...], what: str, save_id: str
    ) -> Any:  # fmt: skip
        """The refund's row, where it may be decided; one that this very save has decided already is shown again."""
        row = self._known(tx, actor, refund_id)
        require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
        if not audit.saved(tx, save_id):
            _require_state(row, states, what)
        return row

    def _shown(self, tx: Transaction, actor: Actor, refund_id: int) -> RefundRow:
        found = refunds.rows(tx, self._settings.whole("refund.retries"), refunds.REFUND.c.id == refund_id)
        if not found or not actor.may(Permission.ORDER_VIEW, found[0].store_id):
            raise _no_such("refund")
        return found[0]


def withdraw_attempts(tx: Transaction, actor: Actor, attempt_id: int, save_id: str) -> tuple[AttemptRow, ...]:
    """Takes back an attempt in its undo window, with all that was asked for in the same breath.

    Errors: `TooLate` where any of it was sent, then nothing is taken back; `NotFound`, `NotPermitted`.
    """
    row = attempts.read(tx, attempt_id)
    if row is None or not actor.may(Permission.ORDER_VIEW, row.store_id):
        raise _no_such("attempt")
    if row.requested_by_id != actor.staff_id or not actor.staff_id:
        require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
    together = _together(tx, row)
    for other in together:
        if not attempts.withdraw(tx, other.id):
            said = (
                "It was taken back already."
                if other.state is AttemptState.WITHDRAWN
                else "It has been sent already."
            )
            raise TooLate(said, "Look at the order to see what became of it.")
        if other.refund_id is not None:
            refunds.change(
                tx, other.refund_id, state=RefundState.WITHDRAWN, decided_by=actor.name, decided_at=tx.now, next_try_at=None
            )  # fmt: skip
    _event(tx, actor, row, f"{row.operation} taken back", (), "", save_id)
    return attempts.rows(tx, attempts.ATTEMPT.c.id.in_([other.id for other in together]))


def _together(tx: Transaction, row: Any) -> list[Any]:
    if row.refund_id is None:
        return [row]
    refund = refunds.read(tx, row.refund_id)
    ids = (
        [other.id for other in refunds.of_batch(tx, refund.batch)]
        if refund is not None and refund.batch
        else [row.refund_id]
    )
    newest = [refunds.attempts_of(tx, refund_id)[:1] for refund_id in ids]
    found = [attempt for some in newest for attempt in some]
    return found or [row]


def _close_waiting(tx: Transaction, refund_id: int) -> None:
    for attempt in refunds.attempts_of(tx, refund_id):
        if attempt.state is AttemptState.WAITING_APPROVAL:
            attempts.withdraw(tx, attempt.id)


def _require_state(row: Any, states: tuple[RefundState, ...], what: str) -> None:
    if row.state not in states:
        by = f" {row.decided_by} has decided." if row.decided_by else ""
        raise NotPossibleNow(f"This refund no longer {what}.{by}", "Reload the list.")


def _require_room(tx: Transaction, row: Any) -> None:
    """Passes where the charge still holds what the refund wants. Errors: `NotPossibleNow`."""
    from cstui.services.refund_basis import charge_now

    charge = charge_now(tx, row.order_id, row.store_id, row.transaction_id) if row.transaction_id else None
    if charge is not None and charge.remaining < row.amount:
        left = _plain(charge.remaining, row.currency)
        raise NotPossibleNow(
            f"Only {left} {row.currency} of this charge is left.", "Withdraw it and refund what remains."
        )


def _approved_amount(row: Any, amount: Money | None) -> int:
    if amount is None:
        return int(row.amount)
    if amount.currency != row.currency or not 0 < amount.minor <= row.amount:
        raise InvalidInput(
            "amount", amount.plain(), f"{amount.plain()} {amount.currency} cannot be approved.",
            f"Give more than 0 and at most {_plain(row.amount, row.currency)} {row.currency}.",
        )  # fmt: skip
    return amount.minor


def _filled(name: str, text: str, question: str) -> str:
    if not text.strip():
        raise InvalidInput(name, "", question, "Fill it in.")
    return checked_free_text(text, name, _LONGEST)


def _plain(amount: int, currency: str) -> str:
    return Money(amount, currency).plain()


def _no_such(what: str) -> NotFound:
    return NotFound(f"There is no such {what} here.", "Copy its id whole, or ask for access to its store.")


def _event(
    tx: Transaction,
    actor: Actor,
    row: Any,
    action: str,
    changes: tuple[Change, ...],
    reason: str,
    save_id: str,
) -> None:
    kind, record_id = Kind.ORDER, row.order_id
    if record_id is None:
        # A charge that has no order yet: of a subscription, or of the customer's card.
        of_subscription = row.subscription_id is not None
        kind = Kind.SUBSCRIPTION if of_subscription else Kind.CUSTOMER
        record_id = row.subscription_id if of_subscription else row.customer_id
    audit.append(
        tx,
        NewEvent(actor, row.store_id, kind, record_id, action, changes, reason=reason, customer_id=row.customer_id, save_id=save_id),
    )  # fmt: skip
    tx.publish("payment", kind, record_id)
