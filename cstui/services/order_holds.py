"""Holds: placing one, resolving it, and what that does to the order's status (ORD-16)."""

from __future__ import annotations

from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotPermitted, NotPossibleNow
from cstui.domain.notes import checked_free_text
from cstui.domain.order_rules import why_not_held
from cstui.domain.orders import HoldState, HoldView, OrderStatus, OrderView
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.services.access import require
from cstui.services.order_cancel import cancel_order
from cstui.services.order_editing import Held, finish, write_header
from cstui.storage.queries import orders
from cstui.storage.queries.settings_view import reasons
from cstui.storage.reader import Reader

#: The reason that says nothing by itself.
_OTHER = "other"
_LONGEST = 500


def checked_reason(reader: Reader, kind: ReasonKind, store_id: int, code: str, note: str) -> tuple[str, str]:
    """The label of a reason in the store's list, and the note cleaned; “other” needs a note.

    Errors: `InvalidInput` for a reason that is not in the list, a missing note, or one that holds a card number.
    """
    labels = dict(reasons(reader, kind, store_id)) or dict(STARTERS[kind])
    if code not in labels:
        raise InvalidInput(
            "reason", code, f"“{code[:60]}” is not a reason here.", "Use one of: " + ", ".join(labels) + "."
        )
    if not note.strip():
        if code == _OTHER:
            raise InvalidInput("note", "", "The note is empty.", "Say why, in a few words.")
        return labels[code], ""
    return labels[code], checked_free_text(note, "note", _LONGEST)


def hold(held: Held, code: str, label: str, note: str) -> OrderView:
    """Places a hold; the first one puts the order on hold.

    Errors: `NotPossibleNow` for a final order, `RecordChanged`.
    """
    tx, order = held.tx, held.order
    why_not = why_not_held(order.status)
    if why_not:
        raise NotPossibleNow(why_not, "Add a note instead.")
    before = orders.status_before_holds(tx, order.id) or order.status
    if before is OrderStatus.ON_HOLD:
        # An imported order may be on hold without any hold that says why.
        before = OrderStatus.IN_PROGRESS
    hold_id = orders.add_hold(
        tx,
        order.id,
        {
            "reason_code": code,
            "reason": label,
            "note": note,
            "status_before": before,
            "placed_by": held.actor.name,
        },
    )
    write_header(held, {"status": OrderStatus.ON_HOLD}, still_open=True)
    changes = (Change(f"holds.{hold_id}", "", label), *status_changes(order.status, OrderStatus.ON_HOLD))
    return finish(held, "hold placed", changes, _said(label, note))


def resolve(held: Held, hold_id: int, resolved: bool, note: str) -> OrderView:
    """Resolves a hold; with the last one the order goes back to where it was. An unresolvable hold cancels the order.

    Errors: `NotPossibleNow` for a hold that is not open any more, or an order that cannot be cancelled; `NotPermitted` for a hold of
    the system without a supervisor's role, or an unresolvable one without the right to cancel; `RecordChanged`.
    """
    tx, order = held.tx, held.order
    found = _open_hold(order, hold_id)
    said = checked_free_text(note, "note", _LONGEST) if note.strip() else ""
    if found.is_system:
        _require_supervisor(held, found)
    if not resolved:
        require(tx, held.actor, Permission.ORDER_CANCEL, order.store_id)
        return cancel_order(held, f"Hold could not be resolved: {found.reason}", said, "hold unresolvable")
    before = orders.status_before_holds(tx, order.id) or OrderStatus.IN_PROGRESS
    orders.close_holds(tx, [hold_id], HoldState.RESOLVED, held.actor.name, said)
    is_last = len(order.open_holds) == 1
    status = before if is_last and order.status is OrderStatus.ON_HOLD else order.status
    write_header(held, {"status": status}, still_open=True)
    changes = (
        Change(f"holds.{hold_id}.state", HoldState.OPEN, HoldState.RESOLVED),
        *status_changes(order.status, status),
    )
    return finish(held, "hold resolved", changes, _said(found.reason, said))


def status_changes(old: OrderStatus, new: OrderStatus) -> tuple[Change, ...]:
    """The change of status as the audit keeps it; nothing where it stays."""
    return () if old is new else (Change("status", old, new),)


def _open_hold(order: OrderView, hold_id: int) -> HoldView:
    for found in order.holds:
        if found.id == hold_id:
            if found.state is HoldState.OPEN:
                return found
            by = f" by {found.resolved_by}" if found.resolved_by else ""
            raise NotPossibleNow(f"This hold has been closed{by} already.", "Reload the order.")
    raise NotPossibleNow("This hold is not part of the order.", "Reload the order.")


def _require_supervisor(held: Held, found: HoldView) -> None:
    try:
        require(held.tx, held.actor, Permission.ORDER_UNLOCK, held.order.store_id)
    except NotPermitted:
        raise NotPermitted(
            f"“{found.reason}” was placed by the system; your role may not resolve it.", "Ask a supervisor."
        ) from None


def _said(label: str, note: str) -> str:
    return f"{label}: {note}" if note else label
