"""What was asked to follow a refund, done once the money has gone back: cancelling the order, ending its subscriptions (REF-15, REF-18)."""

from __future__ import annotations

from typing import Any

from cstui.domain.actor import Actor, system_actor
from cstui.domain.errors import CstuiError
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip
from cstui.domain.subscription_changes import Cancel
from cstui.services import subscription_saving
from cstui.services.order_cancel import cancel_order
from cstui.services.order_editing import Held
from cstui.storage.queries import audit, locks, orders, refunds
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction

_TERMINAL = "worker"
_ENDED = "Ended with a refund"


def after_refund(tx: Transaction, refund_id: int) -> None:
    """Does what the refund's panel was told to do afterwards, in the name of who asked; what is not possible any more is noted, not forced.

    Several refunds that were asked for together do it once, with the last of them.
    """
    refund = refunds.read(tx, refund_id)
    if refund is None or not (refund.cancel_order or refund.stop_subscriptions):
        return
    if any(row.done_at is None for row in refunds.of_batch(tx, refund.batch) if row.id != refund_id):
        return
    actor = system_actor(refund.requested_by or _TERMINAL, _TERMINAL)
    if refund.stop_subscriptions:
        _stop_subscriptions(tx, actor, refund)
    if refund.cancel_order:
        _cancel(tx, actor, refund)


def _stop_subscriptions(tx: Transaction, actor: Actor, refund: Any) -> None:
    for row in orders.subscriptions_started_by(tx, refund.order_id, refund.customer_id):
        held = subscription_saving.taken(tx, actor, row.id)
        subscription_saving.save(held, Cancel(reason=_ENDED), "subscription cancelled", _ENDED)


def _cancel(tx: Transaction, actor: Actor, refund: Any) -> None:
    looker = Looker(actor, 120)
    order = orders.read(tx, refund.order_id, looker)
    if order is None:
        return
    held = Held(
        tx, actor, order, Grip("", locks.target(tx, Kind.ORDER, order.id).fence, order.version), looker, ""
    )
    try:
        cancel_order(held, "Cancelled with a refund", "")
    except CstuiError as error:
        # The parcel may have left meanwhile: the refund stands, the order goes on, and the history says why.
        audit.append(
            tx,
            NewEvent(
                actor, refund.store_id, Kind.ORDER, refund.order_id, "not cancelled after its refund", (),
                reason=error.message[:500], customer_id=refund.customer_id,
            ),
        )  # fmt: skip
