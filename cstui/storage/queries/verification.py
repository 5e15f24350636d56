"""Verifications as rows: one open row per customer, desk and person; a supervisor's override is a row of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.verification import VERIFIED_FOR_MINUTES
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Verification as VerificationRow
from cstui.storage.transaction import Transaction

_VERIFICATION = table_of(VerificationRow)
_V = _VERIFICATION.c


@dataclass(frozen=True, slots=True)
class OpenVerification:
    """A verification that still counts."""

    id: int
    staff_name: str
    tokens: tuple[str, ...]
    override: str
    at: datetime


def open_ones(tx: Transaction, actor: Actor, customer_id: int, desk: str) -> tuple[OpenVerification, ...]:
    """What counts at this desk for this person: own ticks, and overrides by anybody; oldest first."""
    query = (
        sa.select(_VERIFICATION)
        .where(
            _V.customer_id == customer_id,
            _V.desk == desk,
            _V.ended_at.is_(None),
            _V.at > tx.now - timedelta(minutes=VERIFIED_FOR_MINUTES),
            sa.or_(_V.staff_id == actor.staff_id, _V.override_reason != ""),
        )
        .order_by(_V.id)
    )
    return tuple(
        OpenVerification(
            r.id, r.staff_name, tuple(filter(None, r.tokens.split(","))), r.override_reason, r.at
        )
        for r in tx.rows(query)
    )


def add(
    tx: Transaction, actor: Actor, customer_id: int, desk: str, tokens: tuple[str, ...], override: str = ""
) -> None:
    """Opens a verification at this moment."""
    tx.run(
        _VERIFICATION.insert().values(
            customer_id=customer_id, staff_id=actor.staff_id, staff_name=actor.name, desk=desk, tokens=",".join(tokens),
            override_reason=override, at=tx.now,
        )
    )  # fmt: skip


def write_tokens(tx: Transaction, verification_id: int, tokens: tuple[str, ...]) -> None:
    """Stores the ticks of an open verification."""
    tx.run(_VERIFICATION.update().where(_V.id == verification_id).values(tokens=",".join(tokens)))


def end(tx: Transaction, desk: str, customer_id: int | None = None) -> int:
    """Ends what is open at a desk, for one customer or for all; returns how many."""
    where = [_V.desk == desk, _V.ended_at.is_(None)]
    if customer_id is not None:
        where.append(_V.customer_id == customer_id)
    return tx.run(_VERIFICATION.update().where(*where).values(ended_at=tx.now))
