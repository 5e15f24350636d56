"""Notes: added by anyone who may, also while somebody else holds the record; never changed (CUST-07, CUST-08)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotFound
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteRow, checked_free_text
from cstui.domain.permissions import Permission
from cstui.services.access import current_grants, not_permitted
from cstui.services.customer_access import seen_customer
from cstui.storage.database import Database
from cstui.storage.queries import audit, notes
from cstui.storage.transaction import Transaction

_VIEW = {Kind.ORDER: Permission.ORDER_VIEW, Kind.SUBSCRIPTION: Permission.SUBSCRIPTION_VIEW}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a note goes: store (None for a customer), customer, and whether the actor may write there."""

    store_id: int | None
    customer_id: int
    may_write: bool
    stores: frozenset[int] | None


class Notes:
    """Immutable words about a customer, an order or a subscription. A correction is a second note that names the first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        actor: Actor,
        kind: Kind,
        record_id: int,
        body: str,
        save_id: str,
        corrects_id: int | None = None,
    ) -> NoteRow:
        """Adds a note; needs no lock and does not raise the record's version.

        Errors: `InvalidInput` (empty, too long, a card number in it), `NotFound`, `NotPermitted`.
        """
        words = checked_free_text(body)
        with self._database.write(save_id) as tx:
            place = _place(tx, actor, kind, record_id)
            if not place.may_write:
                raise not_permitted(Permission.NOTE_CREATE)
            stored = notes.added_by(tx, save_id) if save_id else None
            if stored is not None:
                return notes.note(tx, stored)
            if corrects_id is not None and not notes.hangs_on(tx, corrects_id, kind, record_id):
                raise NotFound(
                    "The note to correct is not one of this record.", "Reload, then choose it again."
                )
            note_id = notes.add(
                tx, actor, kind, record_id, words, store_id=place.store_id, customer_id=place.customer_id, corrects_id=corrects_id
            )  # fmt: skip
            tx.publish("note", kind, record_id, note_id=note_id)
            if kind is not Kind.CUSTOMER:
                tx.publish("note", Kind.CUSTOMER, place.customer_id, note_id=note_id)
            audit.append(
                tx,
                audit.NewEvent(
                    actor, place.store_id or audit.ORGANISATION, kind, record_id, "note added",
                    (Change(f"{notes.NOTE_PATH}{note_id}", "", "added" if corrects_id is None else "correction"),),
                    customer_id=place.customer_id, save_id=save_id,
                ),
            )  # fmt: skip
            return notes.note(tx, note_id)

    def of(self, actor: Actor, kind: Kind, record_id: int, limit: int = 50) -> tuple[NoteRow, ...]:
        """The newest notes of a record; a customer's list holds those of his orders and subscriptions too.

        Errors: `NotFound`.
        """
        with self._database.read() as tx:
            place = _place(tx, actor, kind, record_id)
            if kind is Kind.CUSTOMER:
                return notes.of_customer(tx, record_id, place.stores, limit)
            return notes.of_record(tx, kind, record_id, limit)


def _place(tx: Transaction, actor: Actor, kind: Kind, record_id: int) -> _Place:
    """Errors: `NotFound` where the actor may not see the record, `InvalidInput` for a record that takes no notes."""
    if kind is Kind.CUSTOMER:
        known = seen_customer(tx, actor, record_id)
        stores = known.actor.stores(Permission.ORDER_VIEW)
        return _Place(None, record_id, known.permits(Permission.NOTE_CREATE), stores)
    if kind not in _VIEW:
        raise InvalidInput("kind", kind, f"A {kind} takes no notes.", "Add it to the order or the customer.")
    present = replace(actor, grants=current_grants(tx, actor))
    found = notes.subject(tx, kind, record_id)
    if found is None or not present.may(_VIEW[kind], found.store_id):
        raise NotFound(f"There is no such {kind} here.", "Check the number, or ask for access to its store.")
    may_write = present.may(Permission.NOTE_CREATE, found.store_id)
    return _Place(found.store_id, found.customer_id, may_write, None)
