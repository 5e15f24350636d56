"""Calls: logged with direction, disposition and words for the next agent (CALL-01)."""

from __future__ import annotations

from datetime import datetime

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.calls import CallDirection, CallRow, Reason
from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput, NotFound
from cstui.domain.ids import Kind
from cstui.domain.notes import checked_free_text
from cstui.domain.permissions import Permission
from cstui.domain.reasons import ReasonKind
from cstui.services.customer_access import KnownCustomer, permitted_customer
from cstui.services.reasons import Reasons
from cstui.storage.database import Database
from cstui.storage.queries import audit, calls
from cstui.storage.transaction import Transaction


class Calls:
    """The call log."""

    def __init__(self, database: Database, reasons: Reasons | None = None) -> None:
        self._database = database
        self._reasons = reasons or Reasons(database)

    def dispositions(self, store_id: int | None = None) -> tuple[Reason, ...]:
        """How a call may have ended, in the order of the panel; the organisation's list, or with a store's own entries."""
        return self._reasons.of(ReasonKind.DISPOSITION, store_id)

    def log(
        self,
        actor: Actor,
        customer_id: int,
        direction: CallDirection,
        disposition: str,
        note: str,
        save_id: str,
        started_at: datetime | None = None,
        order_id: int | None = None,
    ) -> CallRow:
        """Logs a call that is over. `disposition` is a code of `dispositions`; the note may be empty.

        The call is about the order's store, else about the one store where the actor sees the customer, else about none.
        Errors: `InvalidInput` (unknown disposition, a card number in the note), `NotFound`, `NotPermitted`.
        """
        words = checked_free_text(note) if note.strip() else ""
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CALL_LOG, lock=False)
            store_id = _store_of_call(tx, known, order_id)
            label = self._label(disposition, store_id)
            call_id = calls.logged_by(tx, save_id) if save_id else None
            if call_id is None:
                began = tx.now if started_at is None else min(started_at, tx.now)
                new = calls.NewCall(
                    customer_id, store_id, order_id, direction, disposition, words, known.row.contact.phone, began,
                    None if started_at is None else tx.now,
                )  # fmt: skip
                call_id = calls.add(tx, actor, new)
                _tell(tx, actor, new, call_id, label, save_id)
            return calls.call(tx, call_id, label)

    def _label(self, disposition: str, store_id: int | None) -> str:
        entries = self.dispositions(store_id)
        for entry in entries:
            if entry.code == disposition:
                return entry.label
        raise InvalidInput(
            "disposition",
            disposition,
            f"“{clean(disposition, limit=40)}” is not in the list of dispositions."
            if disposition
            else "The call has no disposition yet.",
            "Choose one of the list.",
        )


def _store_of_call(tx: Transaction, known: KnownCustomer, order_id: int | None) -> int | None:
    if order_id is not None:
        place = calls.order_place(tx, order_id)
        if place is None or place[0] != known.row.id or not known.actor.may(Permission.ORDER_VIEW, place[1]):
            raise NotFound("There is no such order of this customer here.", "Log the call without it.")
        return place[1]
    return known.stores[0] if len(known.stores) == 1 else None


def _tell(tx: Transaction, actor: Actor, call: calls.NewCall, call_id: int, label: str, save_id: str) -> None:
    tx.publish("note", Kind.CUSTOMER, call.customer_id, call_id=call_id)
    audit.append(
        tx,
        audit.NewEvent(
            actor, call.store_id or audit.ORGANISATION, Kind.CUSTOMER, call.customer_id, "call logged",
            (Change(f"{calls.CALL_PATH}{call_id}", "", f"{call.direction}: {label}"),), customer_id=call.customer_id, save_id=save_id,
        ),
    )  # fmt: skip
