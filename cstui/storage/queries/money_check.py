"""What must always hold of money: no charge gives back more than it brought, each success has its own number, nothing is sent for ever.

Part of the proof of the history; streamed as that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cstui.domain.attempts import STUCK
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, public_id
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind, TransactionStatus
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.transaction import Transaction

_MOVE = table_of(PaymentTransaction)
_ATTEMPT = table_of(PaymentAttempt)
_ORDER = table_of(Order)
_DONE = (AttemptState.SUCCEEDED, AttemptState.REVERSED)
#: What moves money; a check of a card and the vault move none.
_MOVES = (
    Operation.AUTHORISE, Operation.CAPTURE, Operation.SALE, Operation.VOID, Operation.REFUND, Operation.CREDIT,
)  # fmt: skip
_AT_ONCE = 500


def balance_faults(transaction: Transaction) -> Iterator[str]:
    """Refunds and voids of a charge never come to more than it brought (I4). What a file said of its own refunds is kept as it is."""
    charge = _MOVE.alias("charge")
    back = sa.func.sum(_MOVE.c.amount)
    query = (
        sa.select(charge.c.id, charge.c.amount, charge.c.currency, _ORDER.c.number, back.label("back"))
        .select_from(
            _MOVE.join(charge, charge.c.id == _MOVE.c.parent_id).join(
                _ORDER, _ORDER.c.id == charge.c.order_id
            )
        )
        .where(
            _MOVE.c.kind.in_((TransactionKind.REFUND, TransactionKind.VOID)),
            _MOVE.c.status == TransactionStatus.SUCCEEDED,
        )
        .group_by(charge.c.id, charge.c.amount, charge.c.currency, _ORDER.c.number)
        .having(back > charge.c.amount, sa.func.sum(sa.case((_MOVE.c.origin == "desk", 1), else_=0)) > 0)
    )
    for row in _stream(transaction, query):
        yield (
            f"Order {row.number}: {_plain(row.back, row)} went back of charge {public_id(Kind.TRANSACTION, row.id)},"
            f" which brought {_plain(row.amount, row)}."
        )


def success_faults(transaction: Transaction) -> Iterator[str]:
    """Each operation that a gateway did has one transaction and one number of its gateway's, and no two share one (I5)."""
    moves = sa.select(sa.func.count()).where(_MOVE.c.attempt_id == _ATTEMPT.c.id).scalar_subquery()
    done = (_ATTEMPT.c.state.in_(_DONE), _ATTEMPT.c.operation.in_(_MOVES), _ATTEMPT.c.gateway != "")
    query = (
        sa.select(_ATTEMPT.c.id, _ATTEMPT.c.operation, _ATTEMPT.c.gateway_ref, _ATTEMPT.c.settled_by, moves.label("moves"))
        .where(*done, _ATTEMPT.c.order_id.is_not(None))
        .where(sa.or_(sa.and_(_ATTEMPT.c.gateway_ref == "", _ATTEMPT.c.settled_by == ""), moves != 1))
    )  # fmt: skip
    for row in _stream(transaction, query):
        what = f"Attempt {public_id(Kind.ATTEMPT, row.id)} ({row.operation}) succeeded"
        if row.moves != 1:
            yield f"{what}, but {row.moves or 'no'} transactions stand for it."
        elif not row.gateway_ref:
            yield f"{what}, but has no number of its gateway's."
    ref = (_ATTEMPT.c.gateway, _ATTEMPT.c.account, _ATTEMPT.c.gateway_ref)
    shared = (
        sa.select(*ref, _ATTEMPT.c.operation, sa.func.count().label("many"))
        .where(*done, _ATTEMPT.c.gateway_ref != "")
        .group_by(*ref, _ATTEMPT.c.operation)
        .having(sa.func.count() > 1)
    )
    for row in _stream(transaction, shared):
        yield f"{row.many} attempts ({row.operation}) bear the number {row.gateway_ref} of {row.gateway} {row.account}."


def stuck_faults(transaction: Transaction) -> Iterator[str]:
    """Nothing is being sent for longer than it can take (I6): a worker would have turned it to unknown."""
    query = sa.select(_ATTEMPT.c.id, _ATTEMPT.c.sent_at).where(
        _ATTEMPT.c.state == AttemptState.SENDING, _ATTEMPT.c.sent_at < transaction.now - STUCK
    )
    for row in _stream(transaction, query):
        yield (
            f"Attempt {public_id(Kind.ATTEMPT, row.id)} has been on its way since {row.sent_at:%Y-%m-%d %H:%M} UTC;"
            " a running worker would look it up."
        )


def _plain(minor: Any, row: Any) -> str:
    return f"{Money(int(minor), row.currency).plain()} {row.currency}"


def _stream(transaction: Transaction, query: Any) -> Iterator[Any]:
    connection = transaction.session.connection()
    with connection.execution_options(stream_results=True).execute(query) as result:
        yield from result.yield_per(_AT_ONCE)
