"""Writing what was asked for: refunds with their attempts, voids, records by hand, the receipt (decides for `Refunds`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import NotFound, NotPermitted
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip
from cstui.domain.money import Money
from cstui.domain.orders import OrderView
from cstui.domain.payments import AttemptState, RefundMethod, RefundState, TransactionKind
from cstui.domain.refunds import (
    Receipt,
    RefundChoice,
    RefundPart,
    RefundPlan,
    Route,
)
from cstui.services import arming, refund_effects
from cstui.storage.queries import attempts, audit, locks, moves, refunds, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """One request while it is being written: who asks what for which order; `undo` in seconds."""

    actor: Actor
    order: OrderView
    plan: RefundPlan
    save_id: str
    facts: dict[str, Any]
    label: str
    undo: int


def write_part(tx: Transaction, asked: Asked, choice: RefundChoice, part: RefundPart) -> int:
    """Writes one part of a refund with the attempt that carries it out; returns the refund's id."""
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
    moves.add(
        tx,
        {
            "store_id": refund.store_id, "order_id": refund.order_id, "customer_id": refund.customer_id,
            "kind": TransactionKind.REFUND, "amount": refund.amount, "currency": refund.currency,
            "gateway": "manual" if manual else "external", "parent_id": refund.transaction_id, "response_text": text,
        },
    )  # fmt: skip
    search_index.index_order(tx, refund.order_id)
    refund_effects.after_refund(tx, refund_id)


def write_void(
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
    """Arms the void of one charge as a whole."""
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


def finish(tx: Transaction, asked: Asked, grip: Grip, ids: list[int]) -> Receipt:
    """Ends a request: the lock goes back, the history and every desk hear of it; returns what the desk says."""
    locks.free(tx, grip.token)
    action = "refund needs approval" if asked.plan.needs_approval else "refund requested"
    changes = tuple(
        change_of(f"refunds.{refund_id}", part) for refund_id, part in zip(ids, asked.plan.parts, strict=True)
    )
    said = f"{asked.label}: {asked.facts['note']}" if asked.facts["note"] else asked.label
    tell(tx, asked.actor, asked.order, action, changes, said, asked.save_id)
    tx.publish("payment", Kind.ORDER, asked.order.id)
    return receipt(tx, asked.order, refunds.of_batch(tx, asked.save_id))


def change_of(path: str, part: RefundPart) -> Change:
    """A part as the history keeps it."""
    money = Money(part.amount, part.charge.currency)
    return Change(path, "", f"{money.plain()} {money.currency}, {part.route}, {part.charge.card}")


def tell(
    tx: Transaction,
    actor: Actor,
    order: OrderView,
    action: str,
    changes: tuple[Change, ...],
    reason: str,
    save_id: str,
) -> None:
    """One event of the order's history."""
    audit.append(
        tx,
        NewEvent(
            actor, order.store_id, Kind.ORDER, order.id, action, changes, reason=reason, customer_id=order.customer_id, save_id=save_id
        ),
    )  # fmt: skip


def receipt(tx: Transaction, order: OrderView, rows: list[Any]) -> Receipt:
    """What the desk says of the refunds that were asked for together. Errors: `NotFound`."""
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


def void_receipt(tx: Transaction, order: OrderView, save_id: str) -> Receipt:
    """What the desk says of a void. Errors: `NotFound`."""
    rows = attempts.rows(tx, attempts.ATTEMPT.c.chain == f"void:{save_id}")
    if not rows:
        raise NotFound("This void is not known.", "Reload the order.")
    row = rows[0]
    return Receipt(
        f"Void {row.amount.plain()} {row.amount.currency} for order {order.number} is on its way.", row.state, row.amount, order.id,
        order.number, (), (row.id,), row.execute_after if row.state is AttemptState.ARMED else None,
    )  # fmt: skip
