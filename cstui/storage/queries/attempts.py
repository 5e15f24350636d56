"""Payment attempts inside a transaction: written before anything is sent, claimed by one worker, closed once (3.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.addresses import Address
from cstui.domain.attempts import (
    CARD_WITHIN,
    STUCK,
    WORKER_LEASE,
    AttemptInFlight,
    MoreThanRemains,
    next_check,
)
from cstui.domain.gateways import Answer, Ask, CardRef, Operation, Why
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.payments import IN_FLIGHT, AttemptState, TransactionKind
from cstui.domain.refunds import AttemptRow
from cstui.storage.queries.billing_gate import why_not_sent
from cstui.storage.queries.due import LOOKED_AT
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, Customer
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import PaymentAttempt, Worker
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

ATTEMPT = table_of(PaymentAttempt)
_MOVE = table_of(PaymentTransaction)
_ORDER = table_of(Order)
_CARD = table_of(Card)
_CUSTOMER = table_of(Customer)
_WORKER = table_of(Worker)
#: What the database says where an attempt would take more than its charge brought (migration 0002).
_TOO_MUCH = "more than the charge brought"
_ADDRESS = ("line1", "line2", "city", "region", "postcode", "country")


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this worker alone may send or look up now, with everything that its gateway needs to know."""

    id: int
    ask: Ask
    gateway: str
    account: str
    store_id: int
    order_id: int | None
    state: AttemptState
    why: Why
    checks: int


def add(tx: Transaction, values: Mapping[str, Any]) -> int:
    """Writes an attempt and returns its id.

    Errors: `AttemptInFlight` where the guard key is taken, `MoreThanRemains` where the database's own balance check refuses it. The
    transaction is lost then.
    """
    row: dict[str, Any] = {
        **_EMPTY, "created_at": tx.now, "execute_after": None, "next_check_at": None, **values,
    }  # fmt: skip
    try:
        return int(tx.rows(ATTEMPT.insert().values(**row).returning(ATTEMPT.c.id))[0][0])
    except (sa.exc.IntegrityError, sa.exc.InternalError) as error:
        raise refused_by_database(error) from error


_EMPTY: dict[str, Any] = {
    "chain": "", "order_id": None, "customer_id": None, "refund_id": None, "transaction_id": None, "subscription_id": None,
    "cycle": None, "card_id": None, "why": Why.NONE, "gateway_ref": "", "request_ref": "", "response_code": "", "response_text": "",
    "http_status": 0, "is_test": False, "order_version": None, "reason": "", "payload": "{}", "tries": 0, "checks": 0,
    "requested_by_id": None, "requested_by": "", "terminal": "", "sent_at": None, "answered_at": None, "done_at": None, "worker": "",
    "settled_by": "", "settled_why": "", "account": "",
}  # fmt: skip


def refused_by_database(error: sa.exc.DBAPIError) -> Exception:
    """What the guards of the tables say, as an error of ours: `MoreThanRemains`, `AttemptInFlight`; any other error as it is."""
    said = str(error.orig)
    if _TOO_MUCH in said:
        return MoreThanRemains(
            "More would go back than is left of this charge.", "Reload the order to see what remains."
        )
    if "guard_key" in said or "ux_payment_attempt_in_flight" in said:
        return AttemptInFlight(
            "Another operation on this payment is under way.", "Wait for its outcome, then look again."
        )
    return error


def lock_order(tx: Transaction, order_id: int) -> None:
    """Locks the order's row until the transaction ends: who reckons with its money waits for the other."""
    tx.rows(sa.select(_ORDER.c.id).where(_ORDER.c.id == order_id).with_for_update())


def in_flight_on(tx: Transaction, guard_key: str) -> Any | None:
    """The attempt that is under way for a guard key, or None."""
    rows = tx.rows(
        sa.select(ATTEMPT.c.id, ATTEMPT.c.state, ATTEMPT.c.requested_by, ATTEMPT.c.requested_by_id).where(
            ATTEMPT.c.guard_key == guard_key, ATTEMPT.c.state.in_(IN_FLIGHT)
        )
    )
    return rows[0] if rows else None


def read(tx: Transaction, attempt_id: int) -> Any | None:
    """An attempt's row, locked until the transaction ends; None where there is none."""
    rows = tx.rows(sa.select(ATTEMPT).where(ATTEMPT.c.id == attempt_id).with_for_update())
    return rows[0] if rows else None


def withdraw(tx: Transaction, attempt_id: int) -> bool:
    """Takes an attempt back that has not been sent; False where a worker was faster."""
    return (
        tx.run(
            ATTEMPT.update()
            .where(
                ATTEMPT.c.id == attempt_id,
                ATTEMPT.c.state.in_((AttemptState.ARMED, AttemptState.WAITING_APPROVAL)),
            )
            .values(state=AttemptState.WITHDRAWN, done_at=tx.now)
        )
        == 1
    )


def arm(tx: Transaction, attempt_id: int, execute_after: datetime, amount: int) -> None:
    """Lets an approved attempt go, with what was approved. Errors: as `add`."""
    try:
        tx.run(
            ATTEMPT.update()
            .where(ATTEMPT.c.id == attempt_id, ATTEMPT.c.state == AttemptState.WAITING_APPROVAL)
            .values(state=AttemptState.ARMED, execute_after=execute_after, amount=amount)
        )
    except (sa.exc.IntegrityError, sa.exc.InternalError) as error:
        raise refused_by_database(error) from error


# For the worker -------------------------------------------------------------------------------------


def claim_due(tx: Transaction, worker: str) -> Claimed | None:
    """The next attempt whose undo window has passed, marked `sending` for this worker; None where none is due.

    Several workers pass each other (SKIP LOCKED; on SQLite writers queue). Nothing may be sent before this is committed.
    """
    attempt = _next_due(tx)
    if attempt is None:
        return None
    tx.run(
        ATTEMPT.update()
        .where(ATTEMPT.c.id == attempt.id, ATTEMPT.c.state == AttemptState.ARMED)
        .values(state=AttemptState.SENDING, worker=worker, sent_at=tx.now, tries=ATTEMPT.c.tries + 1)
    )
    return claimed(tx, attempt.id)


def _next_due(tx: Transaction) -> Any | None:
    """The next armed attempt that may still be sent; one of a subscription that has changed is withdrawn on the way (C-24)."""
    query = (
        sa.select(
            ATTEMPT.c.id,
            ATTEMPT.c.subscription_id,
            ATTEMPT.c.card_id,
            ATTEMPT.c.order_version,
            ATTEMPT.c.customer_id,
        )
        .where(ATTEMPT.c.state == AttemptState.ARMED, ATTEMPT.c.execute_after <= tx.now)
        .order_by(ATTEMPT.c.execute_after, ATTEMPT.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while due := tx.rows(query):
        attempt = due[0]
        why = why_not_sent(tx, attempt)
        if why == "":
            return attempt
        if why is None:
            # Somebody holds the subscription; waiting here while holding the attempt would be waiting for each other.
            change(tx, attempt.id, execute_after=tx.now + timedelta(seconds=1))
            continue
        change(tx, attempt.id, state=AttemptState.WITHDRAWN, done_at=tx.now, response_text=why)
        tx.publish("payment", Kind.SUBSCRIPTION, attempt.subscription_id)
        tx.publish("payment", Kind.CUSTOMER, attempt.customer_id)
    return None


def claim_check(tx: Transaction, worker: str) -> Claimed | None:
    """The next attempt that is to be looked at (its outcome, or what has gone back of its charge), or None.

    It is pushed on, so that no other worker looks at it meanwhile.
    """
    due = tx.rows(
        sa.select(ATTEMPT.c.id)
        .where(ATTEMPT.c.state.in_(LOOKED_AT), ATTEMPT.c.next_check_at <= tx.now)
        .order_by(ATTEMPT.c.next_check_at, ATTEMPT.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if not due:
        return None
    found = claimed(tx, due[0][0])
    tx.run(
        ATTEMPT.update()
        .where(ATTEMPT.c.id == due[0][0])
        .values(worker=worker, next_check_at=tx.now + timedelta(minutes=3))
    )
    return found


def orphaned(tx: Transaction) -> list[int]:
    """Attempts that are being sent by nobody: their worker has shown no sign of life, or has lost them (I6). Turned to unknown, to be looked at."""
    alive = sa.select(_WORKER.c.token).where(_WORKER.c.seen_at > tx.now - WORKER_LEASE)
    # A typed card is sent by the desk that it was typed at, which gives no sign of life here: it has its own time.
    by_a_desk = sa.and_(ATTEMPT.c.operation == Operation.VAULT_ADD, ATTEMPT.c.sent_at > tx.now - CARD_WITHIN)
    rows = tx.rows(
        sa.select(ATTEMPT.c.id, ATTEMPT.c.sent_at)
        .where(
            ATTEMPT.c.state == AttemptState.SENDING,
            sa.or_(ATTEMPT.c.worker.not_in(alive), ATTEMPT.c.sent_at < tx.now - STUCK),
            sa.not_(by_a_desk),
        )
        .with_for_update(skip_locked=True)
        .limit(100)
    )
    for row in rows:
        tx.run(
            ATTEMPT.update()
            .where(ATTEMPT.c.id == row.id, ATTEMPT.c.state == AttemptState.SENDING)
            .values(
                state=AttemptState.UNKNOWN, why=Why.NO_ANSWER, response_text="The worker that sent it has gone.",
                next_check_at=next_check(AttemptState.UNKNOWN, row.sent_at or tx.now, 0, tx.now),
            )
        )  # fmt: skip
    return [row.id for row in rows]


def look_now(tx: Transaction, attempt_ids: Iterable[int]) -> int:
    """Asks that open outcomes are looked at at once: before anything else is done with the same payment."""
    ids = list(attempt_ids)
    if not ids:
        return 0
    return tx.run(
        ATTEMPT.update()
        .where(ATTEMPT.c.id.in_(ids), ATTEMPT.c.state == AttemptState.UNKNOWN, ATTEMPT.c.settled_by == "")
        .values(next_check_at=tx.now)
    )


def close(
    tx: Transaction, attempt_id: int, answer: Answer, next_check_at: datetime | None, **more: Any
) -> None:
    """Writes what became of an attempt."""
    done = answer.state not in (AttemptState.UNKNOWN, AttemptState.PENDING)
    values: dict[str, Any] = {
        "state": answer.state, "why": answer.why, "response_code": answer.code, "response_text": answer.text,
        "answered_at": tx.now, "next_check_at": next_check_at, "done_at": tx.now if done else None, **more,
    }  # fmt: skip
    for name, said in (("gateway_ref", answer.ref), ("request_ref", answer.request_ref)):
        if said:
            values[name] = said
    if answer.http_status:
        values["http_status"] = answer.http_status
    tx.run(ATTEMPT.update().where(ATTEMPT.c.id == attempt_id).values(**values))


def change(tx: Transaction, attempt_id: int, **values: Any) -> None:
    """Writes single facts of an attempt."""
    tx.run(ATTEMPT.update().where(ATTEMPT.c.id == attempt_id).values(**values))


def claimed(tx: Transaction, attempt_id: int) -> Claimed:
    """Everything that a gateway needs to know of an attempt."""
    parent = _MOVE.alias("parent")
    row = tx.rows(
        sa.select(
            ATTEMPT, parent.c.gateway_ref.label("target"), parent.c.kind.label("target_kind"), _ORDER.c.number.label("order_number"),
            _CARD.c.vault_ref, _CARD.c.billing_ref, _CARD.c.brand, _CARD.c.last4, _CARD.c.first_ref, _CARD.c.holder_name,
            _ORDER.c.email.label("order_email"), _ORDER.c.phone.label("order_phone"), _CUSTOMER.c.email.label("customer_email"),
            _CUSTOMER.c.first_name, _CUSTOMER.c.last_name,
            *(_ORDER.c[f"billing_{name}"].label(f"billing_{name}") for name in _ADDRESS),
        )
        .select_from(
            ATTEMPT.outerjoin(parent, parent.c.id == ATTEMPT.c.transaction_id)
            .outerjoin(_ORDER, _ORDER.c.id == ATTEMPT.c.order_id)
            .outerjoin(_CARD, _CARD.c.id == ATTEMPT.c.card_id)
            .outerjoin(_CUSTOMER, _CUSTOMER.c.id == ATTEMPT.c.customer_id)
        )
        .where(ATTEMPT.c.id == attempt_id)
    )[0]  # fmt: skip
    card = CardRef(row.vault_ref, row.billing_ref, row.brand, row.last4) if row.vault_ref else None
    chosen: dict[str, str] = {}
    if row.operation == Operation.VAULT_ADD:
        # The card is not on file yet: its names at the gateway are those that the attempt chose (W31).
        chosen = json.loads(row.payload)
        card = CardRef(*(chosen.get(name, "") for name in ("vault", "billing", "brand", "last4")))
    # A refund goes back to where the charge came from: only what names a card of its own carries one.
    if row.operation in (Operation.CAPTURE, Operation.VOID, Operation.REFUND):
        card = None
    ask = Ask(
        key=row.key, operation=row.operation, amount=Money(row.amount, row.currency), target=row.target or "",
        target_kind=TransactionKind(row.target_kind) if row.target_kind else None, card=card, order=row.order_number or "",
        description=_description(row), reason=row.reason,
        customer=chosen.get("vault") or row.vault_ref or "",
        holder=chosen.get("holder") or row.holder_name or f"{row.first_name or ''} {row.last_name or ''}".strip(),
        email=row.order_email or row.customer_email or "", phone=row.order_phone or "",
        address=Address(**{name: getattr(row, f"billing_{name}") or "" for name in _ADDRESS}) if row.order_number else None,
        initiated_by_merchant=row.subscription_id is not None, first_ref=row.gateway_ref or row.first_ref or "",
        resent=row.tries > 1, sent_at=row.sent_at,
    )  # fmt: skip
    return Claimed(
        row.id,
        ask,
        row.gateway,
        row.account,
        row.store_id,
        row.order_id,
        AttemptState(row.state),
        Why(row.why),
        row.checks,
    )


def _description(row: Any) -> str:
    if row.order_number:
        return f"Order {row.order_number}"
    return f"Subscription, cycle {row.cycle}" if row.subscription_id is not None else ""


# For lists ------------------------------------------------------------------------------------------


def rows(tx: Transaction, *conditions: Any, limit: int = 200) -> tuple[AttemptRow, ...]:
    """Attempts as lists show them, newest first."""
    found = tx.rows(
        sa.select(
            ATTEMPT, _ORDER.c.number.label("order_number"), _MOVE.c.card_brand, _MOVE.c.card_last4, _CARD.c.brand, _CARD.c.last4
        )
        .select_from(
            ATTEMPT.outerjoin(_ORDER, _ORDER.c.id == ATTEMPT.c.order_id)
            .outerjoin(_MOVE, _MOVE.c.id == ATTEMPT.c.transaction_id)
            .outerjoin(_CARD, _CARD.c.id == ATTEMPT.c.card_id)
        )
        .where(*conditions)
        .order_by(ATTEMPT.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return tuple(_row(row) for row in found)


def _row(row: Any) -> AttemptRow:
    brand, last4 = (row.brand, row.last4) if row.last4 else (row.card_brand, row.card_last4)
    return AttemptRow(
        id=row.id, key=row.key, order_id=row.order_id, order_number=row.order_number or "", customer_id=row.customer_id,
        store_id=row.store_id, refund_id=row.refund_id, transaction_id=row.transaction_id, operation=Operation(row.operation),
        state=AttemptState(row.state), why=Why(row.why), amount=Money(row.amount, row.currency), gateway=row.gateway,
        account=row.account, card=f"{brand} …{last4}".strip() if last4 else "", created_at=row.created_at,
        execute_after=row.execute_after, done_at=row.done_at, tries=row.tries, checks=row.checks, next_check_at=row.next_check_at,
        text=row.response_text, requested_by_id=row.requested_by_id, requested_by=row.requested_by, gateway_ref=row.gateway_ref,
        is_test=row.is_test, settled_by=row.settled_by,
    )  # fmt: skip
