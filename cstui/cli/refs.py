"""What a reference on the command line means: a prefixed id, or an order number."""

from __future__ import annotations

from cstui.cli.session import Session
from cstui.domain.errors import Ambiguous, NotFound, UsageError
from cstui.domain.ids import Kind, public_id, read_public_id


def order_of(session: Session, ref: str, store: str | None = None) -> int:
    """The order that an id or a number names.

    Errors: `NotFound`, `Ambiguous` with the ids, `UsageError` for an id of another kind.
    """
    read = read_public_id(ref)
    if read is not None:
        if read[0] is not Kind.ORDER:
            raise UsageError(f"“{ref}” is the id of a {read[0]}.", "An order's id begins with ord_.")
        return read[1]
    if store:
        session.desk.stores.by_code(session.actor, store)
    found = session.desk.orders.by_number(session.actor, ref, store)
    if not found:
        raise NotFound(
            f"There is no order {ref} here.", "Check the number, or ask for access to its store.", ref=ref
        )
    if len(found) > 1:
        raise Ambiguous(
            f"{len(found)} orders have the number {ref}.", tuple(public_id(Kind.ORDER, key) for key in found)
        )
    return found[0]


def record_of(session: Session, kind: Kind, ref: str) -> int:
    """The record that a prefixed id names; for a customer also what finds exactly one.

    Errors: `NotFound`, `Ambiguous`, `UsageError`.
    """
    read = read_public_id(ref)
    if read is not None:
        if read[0] is not kind:
            raise UsageError(
                f"“{ref}” is the id of a {read[0]}, not of a {kind}.", "Use an id of the right kind."
            )
        return read[1]
    if kind is Kind.CUSTOMER:
        found = session.desk.search.find(session.actor, ref, 20)
        keys = list(dict.fromkeys(hit.customer_id for hit in found.hits))
        if len(keys) == 1:
            return keys[0]
        if keys:
            raise Ambiguous(
                f"{len(keys)} customers fit “{ref}”.", tuple(public_id(Kind.CUSTOMER, key) for key in keys)
            )
    raise NotFound(f"There is no {kind} {ref} here.", "Use the id that “cstui find” shows.", ref=ref)
