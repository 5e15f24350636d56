"""An order as of one of its events, put together from the audit (AUD-01)."""

from __future__ import annotations

from collections.abc import Iterator

from cstui.domain.audit import AuditRow, Change
from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind, public_id
from cstui.domain.order_history import as_of as undone
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.storage.queries import audit, orders
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction

_PAGE = 200


def as_of(tx: Transaction, looker: Looker, order_id: int, event_id: int) -> OrderView | None:
    """The order right after an event; None where there is no such order for this actor.

    Errors: `NotPermitted` without the right to see the history, `NotFound` for an event of another record.
    """
    order = orders.read(tx, order_id, looker)
    if order is None:
        return None
    require(tx, looker.actor, Permission.AUDIT_VIEW, order.store_id)
    later: list[Change] = []
    reached: AuditRow | None = None
    version = 0
    for event in _newest_first(tx, order_id):
        if event.id == event_id:
            reached = event
        if reached is None:
            # Within one event the last change is undone first, as if each had been made in turn.
            later.extend(reversed(event.changes))
        elif event.version is not None:
            version = event.version
            break
    if reached is None:
        raise NotFound(
            f"There is no event {public_id(Kind.EVENT, max(event_id, 0))} of order {order.number}.",
            "Choose one from the order's history.",
        )
    return undone(order, later, reached.at, version or 1)


def _newest_first(tx: Transaction, order_id: int) -> Iterator[AuditRow]:
    before: int | None = None
    while page := audit.events_of(tx, Kind.ORDER, order_id, before=before, limit=_PAGE):
        yield from page
        before = page[-1].id
