"""Refunding and voiding as the desk asks for it: planned, checked and armed in one transaction; sent by a worker (REF-05 … REF-15, D-07)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import AmountMoved, AttemptInFlight
from cstui.domain.audit import Change
from cstui.domain.errors import NotFound, NotPermitted, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, LockRules, Purpose
from cstui.domain.money import Money
from cstui.domain.notes import checked_free_text
from cstui.domain.orders import OrderView
from cstui.domain.payments import AttemptState, RefundMethod, RefundState, TransactionKind
from cstui.domain.permissions import Permission
from cstui.domain.reasons import ReasonKind
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import (
    AttemptRow,
    Receipt,
    RefundBasis,
    RefundChoice,
    RefundPart,
    RefundPlan,
    RefundRow,
    Route,
    Share,
)
from cstui.services import arming, refund_effects
from cstui.services.access import not_permitted, require
from cstui.services.locks import Locks
from cstui.services.order_holds import checked_reason
from cstui.services.refund_basis import basis_of, may_record
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, locks, orders, refunds, search_index
from cstui.storage.queries.audit import NewEvent
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
                return _receipt(tx, order, refunds.of_batch(tx, save_id))
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
            asked = _Asked(actor, order, made, save_id, facts, label, undo)
            ids = [_write_part(tx, asked, choice, part) for part in made.parts]
            return _finish(tx, asked, grip, ids)

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
                return _void_receipt(tx, order, save_id)
            locks.require_held(tx, Kind.ORDER, order_id, grip, actor)
            if self._verification is not None:
                self._verification.require_verified(tx, actor, order.customer_id, desk, "money")
            said = checked_free_text(reason, "reason", _LONGEST) if reason.strip() else "Void"
            basis = basis_of(tx, actor, order, self._settings, self._database.reader)
            choice = RefundChoice(transaction_id=transaction_id, only=Operation.VOID)
            made = self._planned(tx, actor, basis, choice, None)
            undo = basis.undo_seconds if undo_seconds is None else undo_seconds
            part = made.parts[0]
            _write_void(tx, actor, order, part, save_id, said, undo, needs_approval=made.needs_approval)
            locks.free(tx, grip.token)
            _event(tx, actor, order, "void requested", (_change("voids", part),), said, save_id)
            tx.publish("payment", Kind.ORDER, order.id)
            return _void_receipt(tx, order, save_id)

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


class _Asked:
    """One request while it is being written."""

    def __init__(
        self,
        actor: Actor,
        order: OrderView,
        made: RefundPlan,
        save_id: str,
        facts: dict[str, Any],
        label: str,
        undo: int,
    ) -> None:
        self.actor = actor
        self.order = order
        self.plan = made
        self.save_id = save_id
        self.facts = facts
        self.label = label
        self.undo = undo


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


def _write_part(tx: Transaction, asked: _Asked, choice: RefundChoice, part: RefundPart) -> int:
    order, waits_for = asked.order, asked.plan.needs_approval
    state = RefundState.ARMED
    if waits_for:
        state = RefundState.NEEDS_APPROVAL
    elif part.route is Route.WAIT:
        state = RefundState.REQUESTED
    elif part.route is Route.RECORD:
        state = RefundState.MANUAL if choice.method is RefundMethod.MANUAL else RefundState.EXTERNAL
    values = {
        "store_id": order.store_id, "order_id": order.id, "customer_id": order.customer_id, "batch": asked.save_id, "state": state,
        "transaction_id": part.charge.transaction_id, "method": choice.method, "amount": part.amount,
        "currency": part.charge.currency, "card_id": choice.card_id if choice.method is RefundMethod.OTHER_CARD else None,
        "requested_by_id": asked.actor.staff_id, "requested_by": asked.actor.name,
        "next_try_at": arming.settles_at(part.charge, tx.now) if state is RefundState.REQUESTED else None, **asked.facts,
    }  # fmt: skip
    refund_id = refunds.add(tx, values, part.allocations)
    if state in (RefundState.MANUAL, RefundState.EXTERNAL):
        record_by_hand(tx, refund_id)
    elif part.route in (Route.VOID, Route.REFUND, Route.CREDIT):
        operation = {Route.VOID: Operation.VOID, Route.CREDIT: Operation.CREDIT}.get(
            part.route, Operation.REFUND
        )
        armed_state = AttemptState.WAITING_APPROVAL if waits_for else AttemptState.ARMED
        arming.arm(
            tx, refund_id, part.charge, operation, tx.now + timedelta(seconds=asked.undo), state=armed_state,
            requested_by=(asked.actor.staff_id, asked.actor.name, asked.actor.terminal), reason=asked.label,
        )  # fmt: skip
    return refund_id


def record_by_hand(tx: Transaction, refund_id: int) -> None:
    """A refund that no gateway makes is done when it is written: its transaction, and what was asked to follow."""
    refund = refunds.read(tx, refund_id)
    if refund is None:
        return
    manual = RefundMethod(refund.method) is RefundMethod.MANUAL
    refunds.change(
        tx,
        refund_id,
        state=RefundState.MANUAL if manual else RefundState.EXTERNAL,
        done_at=tx.now,
        next_try_at=None,
    )
    text = f"By hand to {refund.payee}" if manual and refund.payee else "Refunded elsewhere"
    refunds.add_move(
        tx,
        {
            "store_id": refund.store_id, "order_id": refund.order_id, "customer_id": refund.customer_id,
            "kind": TransactionKind.REFUND, "amount": refund.amount, "currency": refund.currency,
            "gateway": "manual" if manual else "external", "parent_id": refund.transaction_id, "response_text": text,
        },
    )  # fmt: skip
    search_index.index_order(tx, refund.order_id)
    refund_effects.after_refund(tx, refund_id)


def _write_void(
    tx: Transaction,
    actor: Actor,
    order: OrderView,
    part: RefundPart,
    save_id: str,
    reason: str,
    undo: int,
    *,
    needs_approval: bool,
) -> None:
    charge = part.charge
    if needs_approval:
        raise NotPermitted(
            "This void is above your limit.", "Use the order's refund (R): it asks a supervisor by itself."
        )
    attempts.add(
        tx,
        {
            "key": new_token(), "guard_key": f"txn:{charge.transaction_id}", "chain": f"void:{save_id}",
            "store_id": order.store_id, "order_id": order.id, "customer_id": order.customer_id,
            "transaction_id": charge.transaction_id, "card_id": charge.card_id, "operation": Operation.VOID,
            "state": AttemptState.ARMED, "amount": part.amount, "currency": charge.currency, "gateway": charge.gateway,
            "account": charge.account, "is_test": charge.is_test, "reason": reason, "requested_by_id": actor.staff_id,
            "requested_by": actor.name, "terminal": actor.terminal, "execute_after": tx.now + timedelta(seconds=undo),
        },
    )  # fmt: skip


def _finish(tx: Transaction, asked: _Asked, grip: Grip, ids: list[int]) -> Receipt:
    locks.free(tx, grip.token)
    action = "refund needs approval" if asked.plan.needs_approval else "refund requested"
    changes = tuple(
        _change(f"refunds.{refund_id}", part) for refund_id, part in zip(ids, asked.plan.parts, strict=True)
    )
    said = f"{asked.label}: {asked.facts['note']}" if asked.facts["note"] else asked.label
    _event(tx, asked.actor, asked.order, action, changes, said, asked.save_id)
    tx.publish("payment", Kind.ORDER, asked.order.id)
    return _receipt(tx, asked.order, refunds.of_batch(tx, asked.save_id))


def _change(path: str, part: RefundPart) -> Change:
    money = Money(part.amount, part.charge.currency)
    return Change(path, "", f"{money.plain()} {money.currency}, {part.route}, {part.charge.card}")


def _event(
    tx: Transaction,
    actor: Actor,
    order: OrderView,
    action: str,
    changes: tuple[Change, ...],
    reason: str,
    save_id: str,
) -> None:
    audit.append(
        tx,
        NewEvent(
            actor, order.store_id, Kind.ORDER, order.id, action, changes, reason=reason, customer_id=order.customer_id, save_id=save_id
        ),
    )  # fmt: skip


def _receipt(tx: Transaction, order: OrderView, rows: list[Any]) -> Receipt:
    if not rows:
        raise NotFound("This refund is not known.", "Reload the order.")
    currency = rows[0].currency
    total = Money(sum(row.amount for row in rows), currency)
    under_way = [attempt for row in rows for attempt in refunds.attempts_of(tx, row.id)[:1]]
    sends_at = max((a.execute_after for a in under_way if a.state is AttemptState.ARMED), default=None)
    state = RefundState(rows[0].state)
    words = {
        RefundState.NEEDS_APPROVAL: "waits for a supervisor",
        RefundState.REQUESTED: "is sent once the charge has settled",
        RefundState.MANUAL: "is recorded as paid by hand",
        RefundState.EXTERNAL: "is recorded as refunded elsewhere",
    }.get(state, "is on its way")
    return Receipt(
        f"Refund {total.plain()} {currency} for order {order.number} {words}.", state, total, order.id, order.number,
        tuple(row.id for row in rows), tuple(a.id for a in under_way), sends_at,
    )  # fmt: skip


def _void_receipt(tx: Transaction, order: OrderView, save_id: str) -> Receipt:
    rows = attempts.rows(tx, attempts.ATTEMPT.c.chain == f"void:{save_id}")
    if not rows:
        raise NotFound("This void is not known.", "Reload the order.")
    row = rows[0]
    return Receipt(
        f"Void {row.amount.plain()} {row.amount.currency} for order {order.number} is on its way.", row.state, row.amount, order.id,
        order.number, (), (row.id,), row.execute_after if row.state is AttemptState.ARMED else None,
    )  # fmt: skip
