"""Who sends what was recorded: signs of life of workers, by the database's clock."""

from __future__ import annotations

import sqlalchemy as sa

from cstui.domain.attempts import WORKER_LEASE
from cstui.domain.payments import AttemptState
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import PaymentAttempt, Worker
from cstui.storage.transaction import Transaction

_WORKER = table_of(Worker)
_ATTEMPT = table_of(PaymentAttempt)


def sign_of_life(
    tx: Transaction, token: str, name: str, *, is_inside: bool, has_card_intake: bool = False
) -> None:
    """Notes that this worker lives; forgets those that have been gone for a day."""
    changed = tx.run(
        _WORKER.update()
        .where(_WORKER.c.token == token)
        .values(seen_at=tx.now, has_card_intake=has_card_intake)
    )
    if not changed:
        tx.run(
            _WORKER.insert().values(
                token=token, name=name, is_inside=is_inside, has_card_intake=has_card_intake, started_at=tx.now, seen_at=tx.now
            )
        )  # fmt: skip
        tx.run(_WORKER.delete().where(_WORKER.c.seen_at < tx.now - 2880 * WORKER_LEASE))


def gone(tx: Transaction, token: str) -> None:
    """The worker has ended in order."""
    tx.run(_WORKER.delete().where(_WORKER.c.token == token))


def alive(tx: Transaction) -> list[str]:
    """The names of the workers that live."""
    rows = tx.rows(
        sa.select(_WORKER.c.name)
        .where(_WORKER.c.seen_at > tx.now - WORKER_LEASE)
        .order_by(_WORKER.c.started_at)
    )
    return [row.name for row in rows]


def waiting(tx: Transaction) -> tuple[int, int]:
    """How many attempts have no known outcome, and how many should have been sent a while ago."""
    row = tx.rows(
        sa.select(
            sa.func.count().filter(_ATTEMPT.c.state == AttemptState.UNKNOWN),
            sa.func.count().filter(
                _ATTEMPT.c.state == AttemptState.ARMED, _ATTEMPT.c.execute_after < tx.now - WORKER_LEASE
            ),
        ).where(_ATTEMPT.c.state.in_((AttemptState.UNKNOWN, AttemptState.ARMED)))
    )[0]
    return int(row[0]), int(row[1])
