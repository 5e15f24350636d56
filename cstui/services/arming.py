"""Arming a refund: the attempt that a worker will send, written in the transaction that decides it (3.2, 3.3)."""

from __future__ import annotations

from datetime import datetime, timedelta

from cstui.domain.attempts import AttemptInFlight, charge_guard
from cstui.domain.errors import NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState, RefundMethod, RefundState
from cstui.domain.refunds import Charge
from cstui.services.refund_basis import charge_now
from cstui.storage.queries import attempts, refunds
from cstui.storage.transaction import Transaction

#: How long after a cut-off a gateway is given to settle the day.
AFTER_CUT_OFF = timedelta(minutes=30)


def operation_for(charge: Charge, amount: int, method: RefundMethod) -> Operation:
    """How an amount goes back now: to another card as a credit; the whole of an untouched unsettled charge by void; else as a refund."""
    if method is RefundMethod.OTHER_CARD:
        return Operation.CREDIT
    whole = amount == charge.amount and not (
        charge.refunded or charge.voided or charge.pending or charge.disputed
    )
    return Operation.VOID if whole and not charge.is_settled and charge.voids_captured else Operation.REFUND


def must_wait(charge: Charge, operation: Operation) -> bool:
    """Whether the gateway cannot do it before the charge has settled (REF-02)."""
    return operation is Operation.REFUND and not charge.is_settled and not charge.refunds_unsettled


def settles_at(charge: Charge, now: datetime) -> datetime:
    """When a refund that waits for settlement is tried first."""
    return max(now, charge.void_until or now + timedelta(hours=24)) + AFTER_CUT_OFF


def arm(
    tx: Transaction,
    refund_id: int,
    charge: Charge,
    operation: Operation,
    execute_after: datetime,
    *,
    state: AttemptState = AttemptState.ARMED,
    requested_by: tuple[int | None, str, str] = (None, "", ""),
    reason: str = "",
) -> int:
    """Writes the attempt that carries a refund out and returns its id. `requested_by` is key, name, terminal.

    Errors: `AttemptInFlight`, `MoreThanRemains`.
    """
    refund = refunds.read(tx, refund_id)
    if refund is None:
        raise NotPossibleNow("This refund is not known.", "Reload the order.")
    credit_card = refund.card_id if operation is Operation.CREDIT else charge.card_id
    staff_id, name, terminal = requested_by
    return attempts.add(
        tx,
        {
            "key": new_token(), "guard_key": charge_guard(charge.transaction_id), "chain": f"refund:{refund_id}",
            "store_id": refund.store_id, "order_id": refund.order_id, "customer_id": refund.customer_id, "refund_id": refund_id,
            "transaction_id": charge.transaction_id, "card_id": credit_card, "operation": operation, "state": state,
            "amount": refund.amount, "currency": refund.currency, "gateway": charge.gateway, "account": charge.account,
            "is_test": charge.is_test, "reason": reason or refund.reason_code, "requested_by_id": staff_id, "requested_by": name,
            "terminal": terminal, "execute_after": execute_after,
        },
    )  # fmt: skip


def arm_again(
    tx: Transaction, refund_id: int, execute_after: datetime, only: Operation | None = None
) -> int | None:
    """Arms the next try of a refund that waited: of the queue, of a supervisor's word, of settlement, or after a void that came too late.

    None where it cannot be tried by this way any more: the refund then says why and waits for a decision. The refund's own amount, which the
    queue has kept for it, does not stand in its way.
    """
    refund = refunds.read(tx, refund_id)
    if refund is None or refund.transaction_id is None:
        return None
    attempts.lock_order(tx, refund.order_id)
    charge = charge_now(tx, refund.order_id, refund.store_id, refund.transaction_id)
    if charge is None or charge.blocked:
        why = charge.blocked if charge else "The charge is not known any more."
        refunds.change(tx, refund_id, state=RefundState.NEEDS_DECISION, next_try_at=None, last_failure=why)
        return None
    if charge.in_flight:
        raise AttemptInFlight(
            f"{charge.in_flight or 'Somebody'} is working on the same payment right now.",
            "Wait for the outcome, then look again.",
            by=charge.in_flight,
            unknown=charge.is_unknown,
        )
    operation = only or operation_for(charge, refund.amount, RefundMethod(refund.method))
    if only is None and must_wait(charge, operation):
        refunds.change(tx, refund_id, state=RefundState.REQUESTED, next_try_at=settles_at(charge, tx.now))
        return None
    last = refunds.attempts_of(tx, refund_id)
    who = (last[0].requested_by_id, last[0].requested_by, last[0].terminal) if last else (
        refund.requested_by_id, refund.requested_by, ""
    )  # fmt: skip
    # The row leaves the waiting ones first: its amount is taken by the attempt from here on, never by both.
    refunds.change(tx, refund_id, state=RefundState.ARMED, next_try_at=None)
    return arm(tx, refund_id, charge, operation, execute_after, requested_by=who)
