"""What a reference on the command line means: a prefixed id, or an order number (a leading # is ignored)."""

from __future__ import annotations

from cstui.cli.session import Session
from cstui.domain.errors import Ambiguous, NotFound, UsageError
from cstui.domain.ids import Kind, public_id, read_public_id
from cstui.domain.search import Hit, Matched

#: What names one person beyond doubt; a name, a postcode or a forgiven typing error must not choose whom a note is about.
_EXACT = frozenset(
    (Matched.EMAIL, Matched.PHONE, Matched.ORDER_NUMBER, Matched.TRANSACTION, Matched.TRACKING, Matched.SUBSCRIPTION, Matched.ID)
)  # fmt: skip


def order_of(session: Session, ref: str, store: str | None = None) -> int:
    """The order that an id or a number names.

    Errors: `NotFound`, `Ambiguous` with the ids, `UsageError` for an id of another kind.
    """
    key = _key_in(Kind.ORDER, ref)
    if key is not None:
        return key
    found = _numbered(session, ref, store)
    if len(found) == 1:
        return found[0]
    if found:
        where = f" in {store}" if store else ""
        raise Ambiguous(
            f"{len(found)} orders{where} have the number {ref}.",
            tuple(public_id(Kind.ORDER, key) for key in found),
        )
    # A shop's own numbers may look like an id of another kind: only what is no order number is told off.
    _require_no_other_kind(Kind.ORDER, ref)
    raise NotFound(
        f"There is no order {ref} here.", "Check the number, or ask for access to its store.", ref=ref
    )


def customer_of(session: Session, ref: str, store: str | None = None) -> int:
    """The customer that an id names, or the number of one of his orders, or his e-mail address or phone number.

    Errors: `NotFound`, `Ambiguous` with the ids, `UsageError` for an id of another kind.
    """
    key = _key_in(Kind.CUSTOMER, ref)
    if key is not None:
        return key
    if store:
        session.desk.stores.by_code(session.actor, store)
    _require_no_other_kind(Kind.CUSTOMER, ref)
    hits = [hit for hit in session.desk.search.find(session.actor, ref, 50).hits if hit.matched in _EXACT]
    if store:
        hits = [hit for hit in hits if hit.store == store]
    keys = list(dict.fromkeys(hit.customer_id for hit in _by_number_first(hits)))
    if len(keys) == 1:
        return keys[0]
    if keys:
        raise Ambiguous(
            f"{len(keys)} customers fit “{ref}”.", tuple(public_id(Kind.CUSTOMER, key) for key in keys)
        )
    raise _not_found(Kind.CUSTOMER, ref)


def subscription_of(session: Session, ref: str) -> int:
    """The subscription that an id names.

    Errors: `NotFound`, `UsageError` for an id of another kind.
    """
    key = _key_in(Kind.SUBSCRIPTION, ref)
    if key is not None:
        return key
    session.actor  # noqa: B018 - whoever is told what is not here is signed in
    _require_no_other_kind(Kind.SUBSCRIPTION, ref)
    raise _not_found(Kind.SUBSCRIPTION, ref)


def _by_number_first(hits: list[Hit]) -> list[Hit]:
    """A number that is an order's means that order, also where a phone number ends like it."""
    return [hit for hit in hits if hit.matched is Matched.ORDER_NUMBER] or hits


def _numbered(session: Session, ref: str, store: str | None) -> tuple[int, ...]:
    if store:
        session.desk.stores.by_code(session.actor, store)
    return session.desk.orders.by_number(session.actor, ref, store)


def _key_in(kind: Kind, ref: str) -> int | None:
    try:
        read = read_public_id(ref)
    except UsageError:
        return None
    return read[1] if read is not None and read[0] is kind else None


def _require_no_other_kind(kind: Kind, ref: str) -> None:
    read = read_public_id(ref)
    if read is not None and read[0] is not kind:
        raise UsageError(
            f"“{ref}” is the id of a {read[0]}, not of a {kind}.",
            f"The id of a {kind} begins with {public_id(kind, 0).partition('_')[0]}_.",
        )


def _not_found(kind: Kind, ref: str) -> NotFound:
    return NotFound(f"There is no {kind} {ref} here.", "Use the id that “cstui find” shows.", ref=ref)
