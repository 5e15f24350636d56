"""What has gone back at the gateway without us, brought into our books: read where a refusal shows that they miss something (W20).

The attempt that was refused remembers it by its next look, so that a worker that dies in between leaves the reading to another. What cannot be
told apart from something that a person or a file has recorded is not added: too little here is refused by the gateway, twice the same is not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cstui.domain.actor import system_actor
from cstui.domain.attempts import MoreThanRemains, next_check
from cstui.domain.audit import Change
from cstui.domain.errors import CstuiError
from cstui.domain.gateways import GivenBack
from cstui.domain.ids import Kind
from cstui.domain.payments import AttemptState, TransactionKind, TransactionStatus
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, ledger, moves, search_index
from cstui.storage.queries.attempts import Claimed
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.gateways.base import Gateway

_LOG = logging.getLogger("cstui.money")
_TEXT = "Made at the gateway"
_GOING = (TransactionStatus.SUCCEEDED, TransactionStatus.PENDING, TransactionStatus.UNKNOWN)


class Adapters(Protocol):
    """Where adapters come from."""

    def of(self, gateway: str, account: str, *, checked: bool = False, closed_too: bool = False) -> Gateway:
        """The adapter of an account. Errors: `CstuiError` where it cannot be used."""
        ...


def refresh(database: Database, gateways: Adapters, claimed: Claimed) -> None:
    """Reads what has gone back of a refused attempt's charge and adds what is missing here, in a transaction of its own.

    Where the gateway does not answer, or another operation on the charge is under way, it is read again later. Call it outside any transaction.
    """
    try:
        adapter = gateways.of(claimed.gateway, claimed.account, closed_too=True)
        found = (
            adapter.given_back(claimed.ask.target, claimed.ask.amount.currency) if claimed.ask.target else ()
        )
    except CstuiError as error:
        _LOG.info("what has gone back could not be read now: %s", error.code)
        found = None
    except Exception as error:  # whatever an adapter does wrong, the worker goes on
        _LOG.error("reading what has gone back failed: %s", type(error).__name__)
        found = None
    try:
        with database.write() as tx:
            if found is None or not take_over(tx, claimed, found):
                _later(tx, claimed)
    except MoreThanRemains:
        _LOG.warning("attempt %s: the gateway gave back more than this charge holds here", claimed.ask.key)
        with database.write() as tx:
            _later(tx, claimed)


def take_over(tx: Transaction, claimed: Claimed, found: Iterable[GivenBack]) -> bool:
    """Writes what is not known yet as transactions of the refused attempt's order; False while something else is under way on the charge.

    Then a transaction at the gateway may be that other attempt's, whose answer is not stored yet. Errors: `MoreThanRemains`, the transaction is
    lost then.
    """
    if claimed.order_id is not None:
        attempts.lock_order(tx, claimed.order_id)
    row = attempts.read(tx, claimed.id)
    charge = (
        moves.read(tx, row.transaction_id) if row is not None and row.transaction_id is not None else None
    )
    if row is None or charge is None:
        attempts.change(tx, claimed.id, next_check_at=None)
        return True
    if attempts.in_flight_on(tx, row.guard_key) is not None:
        return False
    missing = _missing(tx, row, charge, found)
    for one in missing:
        _add(tx, row, charge, one)
    if missing:
        search_index.index_order(tx, charge.order_id)
        tx.publish("payment", Kind.ORDER, charge.order_id)
        tx.publish("payment", Kind.CUSTOMER, charge.customer_id)
    attempts.change(tx, claimed.id, next_check_at=None)
    return True


def _later(tx: Transaction, claimed: Claimed) -> None:
    checks = claimed.checks + 1
    sent_at = claimed.ask.sent_at or tx.now
    at = next_check(AttemptState.UNKNOWN, sent_at, checks, tx.now)
    attempts.change(tx, claimed.id, next_check_at=at, checks=checks)


def _missing(tx: Transaction, row: Any, charge: Any, found: Iterable[GivenBack]) -> list[GivenBack]:
    known = ledger.back_of_charge(tx, charge.order_id, charge.id)
    fitting = [
        one for one in found if one.ref and one.amount.currency == charge.currency and one.amount.minor > 0
    ]
    if charge.kind is TransactionKind.AUTHORISE:
        # An authorisation took nothing: what is given back of it is the hold, by a void.
        fitting = [one for one in fitting if one.kind is TransactionKind.VOID]
    nameless = [move.amount for move in known if _may_be_any(move, charge)]
    missing = []
    for one in fitting:
        if _is_known(tx, row, known, one) or (one.kind is TransactionKind.VOID and _has_gone(known)):
            continue
        if one.amount.minor in nameless:
            # Recorded by a person or by a file, without the gateway's number: the same amount is taken for the same refund.
            nameless.remove(one.amount.minor)
            continue
        missing.append(one)
    return missing


def _is_known(tx: Transaction, row: Any, known: Sequence[Any], one: GivenBack) -> bool:
    if any(
        move.gateway == row.gateway and move.gateway_ref == one.ref and move.kind is one.kind
        for move in known
    ):
        return True
    return moves.other(tx, row.gateway, row.account, one.ref, one.kind, 0) is not None


def _may_be_any(move: Any, charge: Any) -> bool:
    """Whether what went back here bears no number of this gateway's, and may be any of its refunds; a cheque is none."""
    is_numbered = move.origin == "desk" and move.gateway == charge.gateway and move.gateway_ref != ""
    return move.status in _GOING and move.gateway != "manual" and not is_numbered


def _has_gone(known: Sequence[Any]) -> bool:
    """Whether anything went back already: a void takes a charge back as a whole, or it was none."""
    return any(move.status in _GOING for move in known)


def _add(tx: Transaction, row: Any, charge: Any, one: GivenBack) -> None:
    minor = charge.amount if one.kind is TransactionKind.VOID else one.amount.minor
    move_id = moves.add(
        tx,
        {
            "store_id": charge.store_id, "order_id": charge.order_id, "customer_id": charge.customer_id, "kind": one.kind,
            "amount": minor, "currency": charge.currency, "gateway": row.gateway, "account": row.account, "gateway_ref": one.ref,
            "parent_id": charge.id, "card_id": charge.card_id, "card_brand": charge.card_brand, "card_last4": charge.card_last4,
            "response_text": _TEXT, "is_test": bool(charge.is_test), "occurred_at": min(one.at, tx.now),
        },
    )  # fmt: skip
    change = Change(f"transactions.{move_id}", "", f"{one.amount.plain()} {one.amount.currency}")
    audit.append(
        tx,
        NewEvent(
            system_actor("worker", "worker"), charge.store_id, Kind.ORDER, charge.order_id, f"{one.kind} found at the gateway",
            (change,), reason=one.ref[:100], customer_id=charge.customer_id,
        ),
    )  # fmt: skip
