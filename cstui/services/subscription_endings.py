"""What follows a cancellation: giving the last charge back (SUB-18)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.domain.ids import new_token
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import RefundChoice
from cstui.domain.subscriptions import SubscriptionView
from cstui.services.locks import Locks
from cstui.storage.database import Database
from cstui.storage.queries import subscriptions

if TYPE_CHECKING:
    from cstui.services.refunds import Refunds

_NOTE = "The subscription was cancelled"
#: Nothing comes back and nothing was wrong with the goods: the note says it.
_REASON = "other"


def refund_last_charge(
    database: Database,
    refunds: Refunds | None,
    actor: Actor,
    view: SubscriptionView,
    save_id: str,
    desk: str = "",
) -> SubscriptionView:
    """Asks for all that remains of the last charge, as the order's own refund panel would; the view's `receipt` is the refund's.

    It is a step of its own, with a save id derived from the cancellation's, so that a repeat asks once. What stands in its way is said as
    `problem`, and the cancellation holds.
    """
    with database.read() as tx:
        order_id, now = subscriptions.last_billed_order(tx, view.row.id), tx.now
    if refunds is None or order_id is None:
        return replace(view, problem="Nothing was charged that could be refunded.")
    choice, token = RefundChoice(), new_token()
    try:
        basis, grip = refunds.open(actor, order_id, token)
        reason = _REASON if _REASON in dict(basis.reasons) else basis.preset_reason
        receipt = refunds.request(
            actor, order_id, grip, choice, reason, _NOTE, f"{save_id}:refund",
            expected=plan(basis, choice, now).total, desk=desk,
        )  # fmt: skip
    except CstuiError as error:
        return replace(view, problem=error.in_words())
    finally:
        Locks(database).release(actor, token)
    return replace(view, receipt=receipt)
