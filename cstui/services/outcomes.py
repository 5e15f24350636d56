"""What an answer of a gateway changes here: the attempt, its transaction, its refund, what follows. Each answer counts once.

Everything is one transaction. An answer that comes late, after somebody else has found out, changes nothing twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cstui.domain.actor import system_actor
from cstui.domain.attempts import NextStep, after_refusal, next_check, shows_less_left
from cstui.domain.audit import Change
from cstui.domain.gateways import Answer, Operation, Why
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundState, TransactionKind, TransactionStatus
from cstui.services import arming, billing_outcomes, card_effects, refund_effects
from cstui.services.mail import outbox
from cstui.services.refund_basis import SettingsRead, charge_now
from cstui.storage.queries import attempts, audit, cards, moves, refunds, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

#: An attempt in one of these is still open: an answer decides it.
_OPEN = (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.PENDING)
_CHARGES = (Operation.SALE, Operation.AUTHORISE)
_DECLINED = (AttemptState.DECLINED_SOFT, AttemptState.DECLINED_HARD)
_WORKER = "worker"


def record(
    tx: Transaction, attempt_id: int, answer: Answer, settings: SettingsRead, *, looked: bool = False
) -> None:
    """Writes an answer and all that follows from it. `looked`: it comes from looking the attempt up, not from sending it."""
    row = attempts.read(tx, attempt_id)
    if row is None:
        return
    state = AttemptState(row.state)
    if state is AttemptState.SUCCEEDED:
        _after_success(tx, row, answer)
        return
    if state not in _OPEN:
        return
    if bears_anothers_number(tx, row, answer.ref) and answer.state in (
        AttemptState.SUCCEEDED,
        AttemptState.PENDING,
    ):
        # Two refunds are never one transaction of the gateway's: this answer is about something else (W25).
        text = f"{answer.ref} is another transaction here: {answer.text}".rstrip(": ")
        answer = Answer(AttemptState.UNKNOWN, Why.MISMATCH, code=answer.code, text=text)
        if looked:
            attempts.change(tx, attempt_id, why=Why.MISMATCH, response_text=text)
    if answer.state is AttemptState.UNKNOWN:
        _leave_open(tx, row, answer, looked)
    elif answer.state is AttemptState.PENDING:
        _pending(tx, row, answer, looked)
    elif answer.state is AttemptState.SUCCEEDED:
        _succeeded(tx, row, answer, settings)
    else:
        _refused(tx, row, answer, settings)
    _tell(tx, row)


def not_executed(tx: Transaction, attempt_id: int, text: str, settings: SettingsRead) -> None:
    """It is proven, or a supervisor has said, that an open attempt was not executed: its refund goes on with the same count of failures."""
    row = attempts.read(tx, attempt_id)
    if row is None or AttemptState(row.state) not in _OPEN:
        return
    answer = Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text=text)
    _close_refused(tx, row, answer, Why(row.why))
    _event(tx, row, "payment not executed", text)
    if row.why is Why.ALREADY_DONE and row.refund_id is not None:
        # The gateway refused it and knows nothing of ours: somebody else's doing.
        _give_up(tx, row.refund_id, row.response_text or text)
    elif row.refund_id is not None:
        refunds.change(tx, row.refund_id, state=RefundState.FAILED_RETRYING, next_try_at=tx.now)
    elif row.subscription_id is not None:
        billing_outcomes.refused(tx, row, answer, settings)
    _tell(tx, row)


def bears_anothers_number(tx: Transaction, row: Any, ref: str) -> bool:
    """Whether the gateway's number `ref` already belongs to the transaction of another attempt, or of none."""
    kind = Operation(row.operation).transaction_kind
    if kind is None or not ref:
        return False
    kind = TransactionKind.REFUND if kind is TransactionKind.CREDIT else kind
    return moves.other(tx, row.gateway, row.account, ref, kind, row.id) is not None


def _leave_open(tx: Transaction, row: Any, answer: Answer, looked: bool) -> None:
    checks = row.checks + (1 if looked else 0)
    at = next_check(AttemptState.UNKNOWN, row.sent_at or tx.now, checks, tx.now)
    more: dict[str, Any] = {"checks": checks}
    if looked:
        # A look that found nothing usable says nothing about the first answer.
        attempts.change(tx, row.id, next_check_at=at, **more)
        return
    attempts.close(tx, row.id, answer, at, **more)
    if row.refund_id is not None:
        refunds.change(tx, row.refund_id, state=RefundState.UNKNOWN)


def _pending(tx: Transaction, row: Any, answer: Answer, looked: bool) -> None:
    checks = row.checks + (1 if looked else 0)
    if AttemptState(row.state) is not AttemptState.PENDING:
        checks = 0
    at = next_check(AttemptState.PENDING, row.sent_at or tx.now, checks, tx.now)
    attempts.close(tx, row.id, answer, at, checks=checks)
    if moves.of_attempt(tx, row.id) is None:
        _add_move(tx, row, answer, TransactionStatus.PENDING)
    if row.refund_id is not None:
        refunds.change(tx, row.refund_id, state=RefundState.PENDING_AT_GATEWAY)


def _succeeded(tx: Transaction, row: Any, answer: Answer, settings: SettingsRead) -> None:
    operation = Operation(row.operation)
    watch = next_check(AttemptState.SUCCEEDED, tx.now, 0, tx.now) if operation is Operation.REFUND else None
    attempts.close(tx, row.id, answer, watch, checks=0)
    if operation.transaction_kind is None:
        if operation is Operation.VAULT_ADD:
            card_effects.adopt(tx, row, answer)
        else:
            card_effects.forget(tx, row)
        return
    if row.subscription_id is not None and row.order_id is None:
        # A billed cycle is an order: placed now, so that its transaction has one to stand in.
        billing_outcomes.succeeded(tx, row, settings)
        row = attempts.read(tx, row.id) or row
    existing = moves.of_attempt(tx, row.id)
    if existing is None:
        move_id = _add_move(tx, row, answer, TransactionStatus.SUCCEEDED)
    else:
        move_id = existing.id
        moves.change(tx, move_id, status=TransactionStatus.SUCCEEDED, response_text=answer.text)
    if row.refund_id is not None:
        done = RefundState.DONE_VOID if operation is Operation.VOID else RefundState.DONE_REFUND
        refunds.change(tx, row.refund_id, state=done, done_at=tx.now, next_try_at=None)
    if move_id and operation is Operation.VOID:
        outbox.queue_void_mail(tx, move_id, row.refund_id)
    elif move_id and operation in (Operation.REFUND, Operation.CREDIT) and row.refund_id is not None:
        outbox.queue_refund_mail(tx, row.refund_id, move_id)
    _event(tx, row, f"{operation} succeeded", answer.text)
    if row.refund_id is not None:
        refund_effects.after_refund(tx, row.refund_id)


def _refused(tx: Transaction, row: Any, answer: Answer, settings: SettingsRead) -> None:
    step = after_refusal(Operation(row.operation), answer.why)
    if step is NextStep.LOOK_AGAIN and row.why is not Why.ALREADY_DONE:
        # "Done already" may be our own doing: only the gateway's books can tell.
        attempts.close(
            tx, row.id, Answer(AttemptState.UNKNOWN, answer.why, text=answer.text, code=answer.code), tx.now
        )
        if row.refund_id is not None:
            refunds.change(tx, row.refund_id, state=RefundState.UNKNOWN)
        return
    _close_refused(tx, row, answer, answer.why)
    _event(tx, row, f"{row.operation} refused", answer.text)
    if Operation(row.operation) in _CHARGES and answer.state in _DECLINED:
        card_effects.declined(tx, row.card_id)
    if row.subscription_id is not None:
        billing_outcomes.refused(tx, row, answer, settings)
    if row.refund_id is None:
        return
    if step is NextStep.REFUND_INSTEAD:
        moves.settled(tx, row.transaction_id, tx.now)
        refunds.change(tx, row.refund_id, state=RefundState.APPROVED)
        arming.arm_again(tx, row.refund_id, tx.now, Operation.REFUND)
    elif step is NextStep.WAIT_FOR_SETTLEMENT:
        charge = charge_now(tx, row.order_id, row.store_id, row.transaction_id)
        at = arming.settles_at(charge, tx.now) if charge else tx.now + timedelta(hours=24)
        refunds.change(
            tx, row.refund_id, state=RefundState.REQUESTED, next_try_at=at, last_failure=answer.text
        )
    elif step is NextStep.DECIDE:
        refunds.change(
            tx, row.refund_id, state=RefundState.NEEDS_DECISION, next_try_at=None, last_failure=answer.text
        )
        outbox.queue_refund_failed_notice(tx, row.refund_id)
    elif step is NextStep.TRY_DAILY:
        _try_again_later(tx, row, answer, settings)
    else:
        _give_up(tx, row.refund_id, answer.text)


def _close_refused(tx: Transaction, row: Any, answer: Answer, why: Why) -> None:
    """Closes an attempt. Where `why` shows that our books miss something, what has gone back of its charge is read next (W20)."""
    if row.transaction_id is not None and shows_less_left(Operation(row.operation), why):
        attempts.close(tx, row.id, answer, tx.now, checks=0)
    else:
        attempts.close(tx, row.id, answer, None)
    _close_pending_move(tx, row, TransactionStatus.FAILED)


def _try_again_later(tx: Transaction, row: Any, answer: Answer, settings: SettingsRead) -> None:
    """The queue (REF-07): the first failure, then so many tries a day apart; after the last it leaves the queue and is mailed once."""
    refund = refunds.read(tx, row.refund_id)
    if refund is None:
        return
    failures = refund.failures + 1
    if failures > settings.whole("refund.retries", row.store_id):
        refunds.change(
            tx,
            row.refund_id,
            state=RefundState.EXHAUSTED,
            failures=failures,
            next_try_at=None,
            last_failure=answer.text,
        )
        _event(tx, row, "refund gave up", f"failed {failures} times: {answer.text}")
        outbox.queue_refund_failed_notice(tx, row.refund_id)
        return
    hours = settings.whole("refund.retry_hours", row.store_id)
    refunds.change(
        tx, row.refund_id, state=RefundState.FAILED_RETRYING, failures=failures,
        next_try_at=tx.now + timedelta(hours=hours), last_failure=answer.text,
    )  # fmt: skip


def _give_up(tx: Transaction, refund_id: int, why: str) -> None:
    """Wrong in itself: the agent is told; nothing waits for it any more."""
    refunds.change(tx, refund_id, state=RefundState.EXHAUSTED, next_try_at=None, last_failure=why)


def _after_success(tx: Transaction, row: Any, answer: Answer) -> None:
    """A later look at a refund that had succeeded: some come back from the customer's bank days later (W21, C-03)."""
    if answer.state in (AttemptState.SUCCEEDED, AttemptState.PENDING, AttemptState.UNKNOWN):
        checks = row.checks + 1
        attempts.change(
            tx,
            row.id,
            checks=checks,
            next_check_at=next_check(AttemptState.SUCCEEDED, row.done_at, checks, tx.now),
        )
        return
    closing = Answer(AttemptState.REVERSED, answer.why, code=answer.code, text=answer.text)
    attempts.close(tx, row.id, closing, None)
    _close_pending_move(tx, row, TransactionStatus.REVERSED)
    _event(tx, row, "refund came back", answer.text)
    if row.refund_id is not None:
        refunds.change(
            tx,
            row.refund_id,
            state=RefundState.NEEDS_DECISION,
            done_at=None,
            next_try_at=None,
            last_failure=answer.text,
        )
        outbox.queue_refund_reversed_notice(tx, row.refund_id)
    _tell(tx, row)


def _add_move(tx: Transaction, row: Any, answer: Answer, status: TransactionStatus) -> int:
    kind = Operation(row.operation).transaction_kind
    if kind is None or row.order_id is None or row.customer_id is None:
        return 0
    # A credit to another card gives the charge's money back: the ledger of the order counts it as a refund.
    if kind is TransactionKind.CREDIT:
        kind = TransactionKind.REFUND
    parent = moves.read(tx, row.transaction_id) if row.transaction_id is not None else None
    brand, last4 = _face(tx, row, answer, parent)
    move_id = moves.add(
        tx,
        {
            "store_id": row.store_id, "order_id": row.order_id, "customer_id": row.customer_id, "kind": kind, "status": status,
            "amount": row.amount, "currency": row.currency, "gateway": row.gateway, "account": row.account,
            "gateway_ref": answer.ref or row.gateway_ref, "parent_id": row.transaction_id, "attempt_id": row.id,
            "card_id": row.card_id, "card_brand": brand, "card_last4": last4, "response_code": answer.code,
            "response_text": answer.text, "is_test": bool(row.is_test),
        },
    )  # fmt: skip
    search_index.index_order(tx, row.order_id)
    return move_id


def _face(tx: Transaction, row: Any, answer: Answer, parent: Any) -> tuple[str, str]:
    """Brand and last four: as the gateway answered, else of the charge that it goes back on, else of the card on file; few gateways repeat those."""
    if answer.card is not None and answer.card.last4:
        return answer.card.brand, answer.card.last4
    on_charge = (parent.card_brand, parent.card_last4) if parent is not None else ("", "")
    on_file = cards.face(tx, row.card_id)
    first, second = (on_file, on_charge) if row.operation == Operation.CREDIT else (on_charge, on_file)
    return first if first[1] else second


def _close_pending_move(tx: Transaction, row: Any, status: TransactionStatus) -> None:
    existing = moves.of_attempt(tx, row.id)
    if existing is not None:
        moves.change(tx, existing.id, status=status)


def _event(tx: Transaction, row: Any, action: str, text: str) -> None:
    amount = Money(row.amount, row.currency)
    kind, record_id = (
        (Kind.ORDER, row.order_id) if row.order_id is not None else (Kind.CUSTOMER, row.customer_id)
    )
    # What concerns the vault moves no amount.
    moves = Operation(row.operation).transaction_kind is not None
    changes = (Change(f"attempts.{row.id}", "", f"{amount.plain()} {amount.currency}"),) if moves else ()
    audit.append(
        tx,
        NewEvent(
            system_actor(row.requested_by or _WORKER, _WORKER), row.store_id, kind, record_id,
            action.replace("vault_add", "adding a card").replace("vault_remove", "removing a card"), changes, reason=text[:500],
            customer_id=row.customer_id,
        ),
    )  # fmt: skip


def _tell(tx: Transaction, row: Any) -> None:
    if row.order_id is not None:
        tx.publish("payment", Kind.ORDER, row.order_id)
    if row.subscription_id is not None:
        tx.publish("payment", Kind.SUBSCRIPTION, row.subscription_id)
    if row.customer_id is not None:
        tx.publish("payment", Kind.CUSTOMER, row.customer_id)
