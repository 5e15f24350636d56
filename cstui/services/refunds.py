"""Refunding and voiding as the desk asks for it: planned, checked and armed in one transaction; sent by a worker (REF-05 … REF-15, D-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import AmountMoved, AttemptInFlight
from cstui.domain.errors import NotFound, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, LockRules, Purpose
from cstui.domain.money import Money
from cstui.domain.notes import checked_free_text
from cstui.domain.orders import OrderView
from cstui.domain.payments import AttemptState, RefundMethod
from cstui.domain.permissions import Permission
from cstui.domain.reasons import ReasonKind
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import (
    AttemptRow,
    Receipt,
    RefundBasis,
    RefundChoice,
    RefundPlan,
    RefundRow,
    Share,
)
from cstui.services import refund_writing as writing
from cstui.services.access import not_permitted, require
from cstui.services.locks import Locks
from cstui.services.order_holds import checked_reason
from cstui.services.refund_basis import basis_of, may_record
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, locks, orders, refunds
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.verification import Verifications

_LONGEST = 500
_OPEN_STATES = (AttemptState.UNKNOWN,)


class Refunds:
    """The use cases of giving money back for one order. What happens afterwards is in `RefundDecisions` and with the worker."""

    def __init__(
        self, database: Database, settings: Settings, verification: Verifications | None = None
    ) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification

    def basis(self, actor: Actor, order_id: int) -> RefundBasis:
        """What a refund of this order is planned on, as it stands; nothing is locked. Errors: `NotFound`."""
        with self._database.read() as tx:
            order = self._order(tx, actor, order_id)
            return basis_of(tx, actor, order, self._settings, self._database.reader)

    def open(
        self, actor: Actor, order_id: int, token: str, take_over: bool = False
    ) -> tuple[RefundBasis, Grip]:
        """Takes the order's lock for a money panel and reads what to plan on; an earlier outcome that is open is looked at again at once.

        The panel shows what it reads here, so that no older view of the order stands in its way. Errors: `RecordLocked`, `HeldElsewhere`,
        `NotFound`, `NotPermitted`.
        """
        before = self.basis(actor, order_id)
        grip = Locks(self._database, self._settings).begin(
            actor, Kind.ORDER, order_id, before.version, token, Purpose.MONEY, take_over
        )
        if any(charge.is_unknown for charge in before.charges):
            self.look_again(actor, order_id)
        return self.basis(actor, order_id), grip

    def look_again(self, actor: Actor, order_id: int) -> int:
        """Has the worker ask the gateway at once about every open outcome of an order; returns how many. Errors: `NotFound`, `NotPermitted`."""
        with self._database.write() as tx:
            order = self._order(tx, actor, order_id)
            require(tx, actor, Permission.REFUND_REQUEST, order.store_id)
            rows = attempts.rows(
                tx, attempts.ATTEMPT.c.order_id == order_id, attempts.ATTEMPT.c.state.in_(_OPEN_STATES)
            )
            found = attempts.look_now(tx, [row.id for row in rows])
            if found:
                tx.publish("payment", Kind.ORDER, order_id)
            return found

    def request(
        self,
        actor: Actor,
        order_id: int,
        grip: Grip,
        choice: RefundChoice,
        reason_code: str,
        note: str,
        save_id: str,
        *,
        expected: Money,
        cancel_order: bool = False,
        stop_subscriptions: bool = False,
        desk: str = "",
        undo_seconds: int | None = None,
    ) -> Receipt:
        """Refunds as chosen, where it still comes to `expected`, and frees the lock (14). Sent after the undo window, or once approved.

        Repeated with the same `save_id` it answers with the same receipt. Errors: `AmountMoved`, `AttemptInFlight`, `MoreThanRemains`,
        `NotPossibleNow` with the planner's words, `InvalidInput`, `NotVerified`, `LockBroken`, `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            order = self._order(tx, actor, order_id)
            require(tx, actor, Permission.REFUND_REQUEST, order.store_id)
            # First the order's row: who pressed the same key a moment earlier is done then.
            attempts.lock_order(tx, order_id)
            if audit.saved(tx, save_id):
                return writing.receipt(tx, order, refunds.of_batch(tx, save_id))
            locks.require_held(tx, Kind.ORDER, order_id, grip, actor)
            if self._verification is not None:
                self._verification.require_verified(tx, actor, order.customer_id, desk, "money")
            label, said = checked_reason(
                self._database.reader, ReasonKind.REFUND, order.store_id, reason_code, note
            )
            basis = basis_of(tx, actor, order, self._settings, self._database.reader)
            made = self._planned(tx, actor, basis, choice, expected)
            facts: dict[str, Any] = {
                "reason_code": reason_code, "note": said, "cancel_order": cancel_order and basis.may_cancel,
                "stop_subscriptions": stop_subscriptions, **_payee(choice),
            }  # fmt: skip
            undo = basis.undo_seconds if undo_seconds is None else undo_seconds
            asked = writing.Asked(actor, order, made, save_id, facts, label, undo)
            ids = [writing.write_part(tx, asked, choice, part) for part in made.parts]
            return writing.finish(tx, asked, grip, ids)

    def void(
        self,
        actor: Actor,
        order_id: int,
        grip: Grip,
        transaction_id: int,
        save_id: str,
        *,
        reason: str = "",
        desk: str = "",
        undo_seconds: int | None = None,
    ) -> Receipt:
        """Voids one transaction as a whole: what was taken and has not settled, or a hold on the card that took nothing yet (REF-01, REF-06).

        A charge that turns out to have settled is not refunded by this. Errors: as `request`.
        """
        with self._database.write(save_id) as tx:
            order = self._order(tx, actor, order_id)
            require(tx, actor, Permission.REFUND_REQUEST, order.store_id)
            attempts.lock_order(tx, order_id)
            if audit.saved(tx, save_id):
                return writing.void_receipt(tx, order, save_id)
            locks.require_held(tx, Kind.ORDER, order_id, grip, actor)
            if self._verification is not None:
                self._verification.require_verified(tx, actor, order.customer_id, desk, "money")
            said = checked_free_text(reason, "reason", _LONGEST) if reason.strip() else "Void"
            basis = basis_of(tx, actor, order, self._settings, self._database.reader)
            choice = RefundChoice(transaction_id=transaction_id, only=Operation.VOID)
            made = self._planned(tx, actor, basis, choice, None)
            undo = basis.undo_seconds if undo_seconds is None else undo_seconds
            part = made.parts[0]
            writing.write_void(
                tx, actor, order, part, save_id, said, undo, needs_approval=made.needs_approval
            )
            locks.free(tx, grip.token)
            writing.tell(
                tx, actor, order, "void requested", (writing.change_of("voids", part),), said, save_id
            )
            tx.publish("payment", Kind.ORDER, order.id)
            return writing.void_receipt(tx, order, save_id)

    def withdraw(self, actor: Actor, attempt_id: int, save_id: str = "") -> tuple[AttemptRow, ...]:
        """Takes back what has not been sent yet, with everything that was asked for together with it (D-02).

        Whoever asked may, and whoever approves refunds. Errors: `TooLate` where a worker was faster, `NotFound`, `NotPermitted`.
        """
        from cstui.services.refund_decisions import withdraw_attempts

        with self._database.write(save_id) as tx:
            return withdraw_attempts(tx, actor, attempt_id, save_id)

    def of_order(self, actor: Actor, order_id: int) -> tuple[tuple[RefundRow, ...], tuple[AttemptRow, ...]]:
        """The refunds and the attempts of an order, newest first. Errors: `NotFound`."""
        with self._database.read() as tx:
            order = self._order(tx, actor, order_id)
            allowed = self._settings.whole("refund.retries", order.store_id)
            return (
                refunds.rows(tx, allowed, refunds.REFUND.c.order_id == order_id),
                attempts.rows(tx, attempts.ATTEMPT.c.order_id == order_id),
            )

    def _planned(
        self, tx: Transaction, actor: Actor, basis: RefundBasis, choice: RefundChoice, expected: Money | None
    ) -> RefundPlan:
        _require_choice(tx, actor, basis, choice, self._settings)
        made = plan(basis, choice, tx.now)
        if made.why_not:
            busy = next((charge for charge in basis.charges if charge.in_flight), None)
            if busy is not None:
                raise AttemptInFlight(
                    made.why_not, "Look again in a moment.", by=busy.in_flight, unknown=busy.is_unknown
                )
            raise NotPossibleNow(made.why_not, "")
        if expected is not None and made.total != expected:
            now = f"{made.total.plain()} {made.total.currency}"
            raise AmountMoved(
                f"This would now give back {now}, not what the panel showed.", "Look at the panel again.", total=made.total
            )  # fmt: skip
        return made

    def _order(self, tx: Transaction, actor: Actor, order_id: int) -> OrderView:
        found = orders.read(tx, order_id, Looker(actor, LockRules().lease))
        if found is None:
            raise NotFound(
                "There is no such order here.", "Check the number, or ask for access to its store."
            )
        return found


def _require_choice(
    tx: Transaction, actor: Actor, basis: RefundBasis, choice: RefundChoice, settings: Settings
) -> None:
    """The rights of their own: a free amount, another card, what no gateway does. Errors: `NotPermitted`."""
    if choice.share is Share.AMOUNT:
        require(tx, actor, Permission.REFUND_GOODWILL, basis.store_id)
    if choice.method is RefundMethod.OTHER_CARD:
        require(tx, actor, Permission.REFUND_OTHER_SOURCE, basis.store_id)
    recorded = choice.method in (RefundMethod.MANUAL, RefundMethod.EXTERNAL)
    if recorded and not may_record(actor, settings, basis.store_id):
        raise not_permitted(Permission.REFUND_EXTERNAL)


def _payee(choice: RefundChoice) -> dict[str, Any]:
    """Whom a manual refund is paid to. Errors: `InvalidInput` where a cheque has no name or address."""
    from cstui.domain.errors import InvalidInput

    if choice.method is not RefundMethod.MANUAL:
        return {}
    for name, text, what in (
        ("payee", choice.payee, "Who gets the money?"),
        ("payee_address", choice.payee_address, "Where does the cheque go?"),
    ):
        if not text.strip():
            raise InvalidInput(name, "", what, "Fill it in.")
    return {
        "payee": checked_free_text(choice.payee, "payee", 120),
        "payee_address": checked_free_text(choice.payee_address, "payee_address", _LONGEST),
    }
