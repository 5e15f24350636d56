"""The outbox, suppressed addresses and templates as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cstui.domain.customers import folded_email
from cstui.domain.ids import Kind
from cstui.domain.mails import (
    MailKind,
    MailRow,
    MailState,
    MailWanted,
    MailWords,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import MailSuppression, MailTemplate, Outbox
from cstui.storage.tables.orders import Order
from cstui.storage.transaction import Transaction

_OUTBOX = table_of(Outbox)
_ORDER = table_of(Order)
_SUPPRESSION = table_of(MailSuppression)
_TEMPLATE = table_of(MailTemplate)


@contextmanager
def apart(tx: Transaction) -> Iterator[None]:
    """What is written inside is stored whole or not at all, and its failure leaves the rest of the transaction as it was."""
    with tx.session.connection().begin_nested():
        yield


def _insert(tx: Transaction, table: sa.Table) -> Any:
    return (sqlite if tx.is_sqlite else postgresql).insert(table)


# The outbox ---------------------------------------------------------------------------------------


def add(tx: Transaction, values: Mapping[str, Any]) -> int | None:
    """Adds a mail and returns its id; None where its `dedupe_key` is there already."""
    row = {
        "store_id": None, "customer_id": None, "order_id": None, "payload": "{}", "message_id": "", "resend_of_id": None,
        "requested_by": "", "tries": 0, "last_error": "", "dedupe_key": "", "worker": "", "created_at": tx.now, "next_try_at": tx.now,
        "sent_at": None, **values,
    }  # fmt: skip
    statement = _insert(tx, _OUTBOX).values(row).on_conflict_do_nothing().returning(_OUTBOX.c.id)
    added = tx.rows(statement)
    return int(added[0][0]) if added else None


def stored(tx: Transaction, mail_id: int, *, lock: bool = False) -> Any:
    """One mail's own row, or None; with `lock` nobody else touches it until the transaction ends."""
    query = sa.select(_OUTBOX).where(_OUTBOX.c.id == mail_id)
    rows = tx.rows(query.with_for_update() if lock else query)
    return rows[0] if rows else None


def with_key(tx: Transaction, dedupe_key: str) -> int | None:
    """The mail with this key."""
    rows = tx.rows(sa.select(_OUTBOX.c.id).where(_OUTBOX.c.dedupe_key == dedupe_key))
    return rows[0].id if rows else None


def newest_about(tx: Transaction, wanted: MailWanted, *, lock: bool = False) -> Any:
    """The first mail of this kind about this record (not one that was sent again), its own row; None for none."""
    o = _OUTBOX.c
    query = (
        sa.select(_OUTBOX)
        .where(
            o.subject_kind == wanted.subject_kind,
            o.subject_id == wanted.subject_id,
            o.kind == wanted.kind,
            o.resend_of_id.is_(None),
        )
        .order_by(o.created_at.desc(), o.id.desc())
        .limit(1)
    )
    rows = tx.rows(query.with_for_update() if lock else query)
    return rows[0] if rows else None


def sent_again_since(tx: Transaction, wanted: MailWanted, since: datetime) -> int:
    """How often people have had this mail sent since then."""
    o = _OUTBOX.c
    query = sa.select(sa.func.count()).where(
        o.subject_kind == wanted.subject_kind,
        o.subject_id == wanted.subject_id,
        o.kind == wanted.kind,
        o.requested_by != "",
        o.created_at > since,
    )
    return int(tx.rows(query)[0][0])


def last_sent(tx: Transaction, order_id: int) -> dict[MailWanted, datetime]:
    """When each mail about an order was handed over last."""
    o = _OUTBOX.c
    query = (
        sa.select(o.kind, o.subject_kind, o.subject_id, sa.func.max(o.sent_at).label("at"))
        .where(o.order_id == order_id, o.state == MailState.SENT)
        .group_by(o.kind, o.subject_kind, o.subject_id)
    )
    return {
        MailWanted(MailKind(row.kind), row.subject_kind, row.subject_id): row.at for row in tx.rows(query)
    }


def rows(
    tx: Transaction,
    *,
    order_id: int | None = None,
    state: MailState | None = None,
    stores: frozenset[int] | None = None,
    limit: int = 100,
) -> tuple[MailRow, ...]:
    """Mails newest first: of one order, in one state, in these stores (None: all)."""
    o = _OUTBOX.c
    query = _listed().order_by(o.created_at.desc(), o.id.desc()).limit(limit)
    if order_id is not None:
        query = query.where(o.order_id == order_id)
    if state is not None:
        query = query.where(o.state == state)
    if stores is not None:
        query = query.where(o.store_id.in_(stores))
    return tuple(_row(row) for row in tx.rows(query))


def of_subscription(
    tx: Transaction, subscription_id: int, order_ids: Iterable[int], limit: int = 100
) -> tuple[MailRow, ...]:
    """Mails about a subscription, and about the orders that its bills made; newest first."""
    o = _OUTBOX.c
    about = sa.and_(o.subject_kind == Kind.SUBSCRIPTION, o.subject_id == subscription_id)
    query = _listed().where(sa.or_(about, o.order_id.in_(list(order_ids))))
    return tuple(_row(row) for row in tx.rows(query.order_by(o.created_at.desc(), o.id.desc()).limit(limit)))


def row(tx: Transaction, mail_id: int) -> MailRow:
    """One mail that is known to exist, as lists show it."""
    return _row(tx.rows(_listed().where(_OUTBOX.c.id == mail_id))[0])


def _listed() -> Any:
    o = _OUTBOX.c
    return sa.select(
        o.id, o.kind, o.state, o.to_address, o.subject, o.order_id, _ORDER.c.number, o.created_at, o.sent_at, o.next_try_at, o.tries,
        o.last_error, o.requested_by, o.resend_of_id,
    ).outerjoin(_ORDER, _ORDER.c.id == o.order_id)  # fmt: skip


def _row(r: Any) -> MailRow:
    waits = r.state in (MailState.QUEUED, MailState.SENDING)
    return MailRow(
        r.id, MailKind(r.kind), r.state, r.to_address, r.subject, r.order_id, r.number or "", r.created_at, r.sent_at,
        r.next_try_at if waits else None, r.tries, r.last_error, r.requested_by, r.resend_of_id,
    )  # fmt: skip


def is_any_due(tx: Transaction) -> bool:
    """Whether a mail is to be sent now."""
    o = _OUTBOX.c
    query = sa.select(o.id).where(o.state.in_((MailState.QUEUED, MailState.SENDING)), o.next_try_at <= tx.now)
    return bool(tx.rows(query.limit(1)))


def next_due(tx: Transaction) -> Any:
    """The mail that has waited longest of those to be sent now, its row locked; None for none.

    One in state sending counts once its lease has run out: whoever had it is gone. Rows that another worker locks are passed by.
    """
    o = _OUTBOX.c
    query = (
        sa.select(_OUTBOX)
        .where(o.state.in_((MailState.QUEUED, MailState.SENDING)), o.next_try_at <= tx.now)
        .order_by(o.next_try_at, o.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = tx.rows(query)
    return found[0] if found else None


def claim(
    tx: Transaction, mail_id: int, worker: str, message_id: str, lease_until: datetime, tries: int
) -> None:
    """Gives a mail to a worker until the lease runs out; its Message-ID is fixed from here on."""
    tx.run(
        _OUTBOX.update()
        .where(_OUTBOX.c.id == mail_id)
        .values(
            state=MailState.SENDING, worker=worker, message_id=message_id, next_try_at=lease_until, tries=tries
        )
    )  # fmt: skip


def settle(tx: Transaction, mail_id: int, worker: str, **values: Any) -> bool:
    """Writes what became of a claimed mail; False where another worker has it by now."""
    return (
        tx.run(
            _OUTBOX.update()
            .where(
                _OUTBOX.c.id == mail_id, _OUTBOX.c.worker == worker, _OUTBOX.c.state == MailState.SENDING
            )
            .values(worker="", **values)
        )
        == 1
    )  # fmt: skip


def postpone(
    tx: Transaction, mail_id: int, state: MailState, tries: int, error: str, at: datetime | None
) -> None:
    """Puts a mail that nobody has claimed off to a later try."""
    tx.run(
        _OUTBOX.update()
        .where(_OUTBOX.c.id == mail_id)
        .values(state=state, tries=tries, last_error=error, next_try_at=at, worker="")
    )


def close(tx: Transaction, mail_id: int, state: MailState, error: str) -> None:
    """Ends a mail that is not sent at all."""
    tx.run(
        _OUTBOX.update()
        .where(_OUTBOX.c.id == mail_id)
        .values(state=state, last_error=error, worker="", next_try_at=None)
    )


def tell(tx: Transaction, mail_id: int) -> None:
    """Tells the desks that show the order or the customer of a mail that something became of it."""
    row = stored(tx, mail_id)
    if row is None:
        return
    for kind, key in ((Kind.ORDER, row.order_id), (Kind.CUSTOMER, row.customer_id)):
        if key is not None:
            tx.publish("payment", kind, key)


# Suppressed addresses -----------------------------------------------------------------------------


def suppressions_of(tx: Transaction, address: str) -> tuple[Suppression, ...]:
    """What stands against an address."""
    query = sa.select(_SUPPRESSION).where(_SUPPRESSION.c.address_folded == folded_email(address))
    return tuple(_suppression(r) for r in tx.rows(query))


def suppressions(tx: Transaction, limit: int = 1000) -> tuple[Suppression, ...]:
    """All suppressed addresses, the newest first."""
    s = _SUPPRESSION.c
    return tuple(
        _suppression(r)
        for r in tx.rows(sa.select(_SUPPRESSION).order_by(s.since.desc(), s.address_folded).limit(limit))
    )


def _suppression(r: Any) -> Suppression:
    return Suppression(
        r.address_folded, SuppressionScope(r.scope), SuppressionReason(r.reason), r.by_name, r.since
    )


def suppress(
    tx: Transaction, address: str, scope: SuppressionScope, reason: SuppressionReason, by: str
) -> bool:
    """Keeps mail back from an address; False where that holds already (the first reason stays)."""
    values = {
        "address_folded": folded_email(address),
        "scope": scope.value,
        "reason": reason.value,
        "by_name": by,
        "since": tx.now,
    }
    return tx.run(_insert(tx, _SUPPRESSION).values(values).on_conflict_do_nothing()) == 1


def unsuppress(tx: Transaction, address: str, scopes: Iterable[SuppressionScope]) -> int:
    """Lets mail reach an address again; returns how many entries were taken away."""
    s = _SUPPRESSION.c
    return tx.run(
        _SUPPRESSION.delete().where(
            s.address_folded == folded_email(address), s.scope.in_([scope.value for scope in scopes])
        )
    )


# Templates ----------------------------------------------------------------------------------------


def own_words(tx: Transaction, kind: MailKind, store_id: int | None) -> MailWords | None:
    """The store's own words for a kind of mail, else the organisation's; None where neither has any."""
    t = _TEMPLATE.c
    of_store = [t.store_id.is_(None)] if store_id is None else [t.store_id.is_(None), t.store_id == store_id]
    query = sa.select(_TEMPLATE).where(t.kind == kind, sa.or_(*of_store))
    found = {r.store_id: r for r in tx.rows(query)}
    chosen = found.get(store_id) or found.get(None)
    if chosen is None:
        return None
    origin = "organisation" if chosen.store_id is None else "store"
    return MailWords(kind, chosen.subject, chosen.body_text, chosen.body_html, origin)


def put_words(tx: Transaction, words: MailWords, store_id: int | None, by: str) -> int:
    """Stores words for the organisation or one store; returns the row's id."""
    t = _TEMPLATE.c
    at = sa.and_(t.kind == words.kind, t.store_id.is_(None) if store_id is None else t.store_id == store_id)
    facts = {
        "subject": words.subject,
        "body_text": words.text,
        "body_html": words.html,
        "changed_by": by,
        "changed_at": tx.now,
    }
    changed = tx.rows(_TEMPLATE.update().where(at).values(facts).returning(t.id))
    if not changed:
        changed = tx.rows(
            _TEMPLATE.insert().values(kind=words.kind.value, store_id=store_id, **facts).returning(t.id)
        )
    return int(changed[0][0])


def remove_words(tx: Transaction, kind: MailKind, store_id: int | None) -> int | None:
    """Takes own words away; returns the id they had, None where there were none."""
    t = _TEMPLATE.c
    at = sa.and_(t.kind == kind, t.store_id.is_(None) if store_id is None else t.store_id == store_id)
    gone = tx.rows(_TEMPLATE.delete().where(at).returning(t.id))
    return int(gone[0][0]) if gone else None


def subject_of(row: Any) -> MailWanted:
    """What a stored mail is about."""
    return MailWanted(MailKind(row.kind), Kind(row.subject_kind), row.subject_id)
