"""Disputes: written down by a supervisor, or seen at the gateway; while one is open or lost, its charge is not refunded (REF-20)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from cstui.domain.actor import Actor, system_actor
from cstui.domain.audit import Change
from cstui.domain.clean import clean
from cstui.domain.disputes import DisputeOutcome, DisputeRow, SeenDispute
from cstui.domain.errors import CstuiError, InvalidInput, NotFound, NotPossibleNow
from cstui.domain.gateway_accounts import GatewayAccountRow
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.notes import checked_free_text
from cstui.domain.payments import TransactionKind, TransactionStatus
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.services.mail import outbox
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, disputes, moves, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

_LOG = logging.getLogger("cstui.disputes")
_LONGEST = 500
_LONGEST_REFERENCE = 100
_STOPPED = "The customer's bank disputes this charge; a refund now would pay twice."
#: Seconds between two looks at one account's disputes.
EVERY = 3600.0
#: The gateways that list their disputes; elsewhere they are written down by hand.
_LISTED_AT = ("stripe",)


class Disputes:
    """The use cases of whoever approves refunds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_order(self, actor: Actor, order_id: int) -> tuple[DisputeRow, ...]:
        """The disputes of an order, newest first. Errors: `NotFound`."""
        with self._database.read() as tx:
            _order(tx, actor, order_id)
            return disputes.of_order(tx, order_id)

    def record(
        self, actor: Actor, order_id: int, transaction_id: int, amount: Money, reason: str, reference: str, save_id: str
    ) -> DisputeRow:  # fmt: skip
        """Writes down that the customer's bank disputes a charge; what would have been refunded of it by itself waits for a decision.

        Errors: `InvalidInput`, `NotPossibleNow` where it is disputed already, `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            store_id = _order(tx, actor, order_id)
            require(tx, actor, Permission.REFUND_APPROVE, store_id)
            if audit.saved(tx, save_id):
                return next(
                    row for row in disputes.of_order(tx, order_id) if row.transaction_id == transaction_id
                )
            attempts.lock_order(tx, order_id)
            charge = disputes.charge(tx, order_id, transaction_id)
            if charge is None:
                raise NotFound("There is no such charge on this order.", "Reload the order.")
            _require_free(tx, charge)
            said = checked_free_text(reason, "reason", _LONGEST)
            named = _reference(tx, charge, reference)
            key = _write(
                tx, actor, charge, _amount(charge, amount), said, named, DisputeOutcome.OPEN, tx.now, save_id
            )
            return _known(tx, key)

    def close(
        self, actor: Actor, dispute_id: int, outcome: DisputeOutcome, note: str, save_id: str
    ) -> DisputeRow:
        """Writes down how an open dispute ended: won, the charge stands again; lost, its money is gone.

        Errors: `NotPossibleNow` where it has ended already, `InvalidInput`, `NotPermitted`, `NotFound`.
        """
        if outcome is DisputeOutcome.OPEN:
            raise InvalidInput("outcome", outcome, "An end is won or lost.", "Choose one of them.")
        with self._database.write(save_id) as tx:
            row = disputes.read(tx, dispute_id)
            if row is None:
                raise NotFound("There is no such dispute here.", "Reload the order.")
            _order(tx, actor, row.order_id)
            require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
            if audit.saved(tx, save_id):
                return _known(tx, dispute_id)
            attempts.lock_order(tx, row.order_id)
            if not row.is_open:
                raise NotPossibleNow(f"This dispute was {row.outcome} already.", "Reload the order.")
            said = checked_free_text(note, "note", _LONGEST) if note.strip() else ""
            _close(tx, actor, row, outcome, said, save_id)
            return _known(tx, dispute_id)

    def take_over(self, gateway: str, account: str, seen: SeenDispute) -> bool:
        """Writes down what a gateway says of one dispute; whether anything was new. A charge that is not known here is left alone."""
        with self._database.write() as tx:
            row = disputes.by_reference(tx, gateway, account, seen.reference)
            actor = system_actor(gateway.capitalize(), "worker")
            if row is not None:
                if not row.is_open or seen.outcome is DisputeOutcome.OPEN:
                    return False
                _close(tx, actor, row, seen.outcome, "", "")
                return True
            charge = disputes.charge_by_references(tx, gateway, account, seen.charges)
            if charge is None or seen.amount.currency != charge.currency:
                return False
            attempts.lock_order(tx, charge.order_id)
            by_hand = _open_one(tx, charge)
            if by_hand is not None and not by_hand.reference:
                # Somebody wrote it down first, without the gateway's own reference: it is the same dispute.
                moves.change(tx, by_hand.id, gateway_ref=seen.reference)
                if seen.outcome is not DisputeOutcome.OPEN:
                    _close(tx, actor, by_hand, seen.outcome, "", "")
                return True
            amount = min(seen.amount.minor, charge.amount)
            reason = clean(seen.reason, limit=_LONGEST) or "no reason given"
            _write(tx, actor, charge, amount, reason, seen.reference, seen.outcome, seen.at, "")
            return True


class _Lists(Protocol):
    """An adapter that lists its account's disputes."""

    def disputes(self) -> tuple[SeenDispute, ...]:
        """The account's disputes, newest first. Errors: `GatewayAway`."""
        ...


class _Adapters(Protocol):
    """Where adapters come from."""

    def rows(self) -> tuple[GatewayAccountRow, ...]:
        """Every account."""
        ...

    def of(self, gateway: str, account: str, *, checked: bool = False, closed_too: bool = False) -> Any:
        """The adapter of an account."""
        ...


class DisputePolling:
    """Looks at the disputes of every account that lists them, once an hour; hung onto a worker.

    A gateway that does not answer is looked at again an hour later: nothing is lost, because each look sees all of them.
    """

    def __init__(
        self, database: Database, gateways: _Adapters, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._disputes = Disputes(database)
        self._gateways = gateways
        self._clock = clock
        self._next = clock()

    def poll_due(self) -> int:
        """Looks where an hour has passed; returns how many disputes were new or have ended. Cheap in between."""
        if self._clock() < self._next:
            return 0
        self._next = self._clock() + EVERY
        return sum(
            self._poll(row.gateway, row.name)
            for row in self._gateways.rows()
            if row.is_open and row.gateway in _LISTED_AT
        )

    def _poll(self, gateway: str, account: str) -> int:
        try:
            adapter: _Lists = self._gateways.of(gateway, account)
            seen = adapter.disputes()
        except CstuiError as error:
            _LOG.warning("disputes of an account could not be read: %s", error.code)
            return 0
        return sum(self._disputes.take_over(gateway, account, one) for one in seen)


def _order(tx: Transaction, actor: Actor, order_id: int) -> int:
    """The order's store. Errors: `NotFound`."""
    store_id = disputes.store_of(tx, order_id)
    if store_id is None or not actor.may(Permission.ORDER_VIEW, store_id):
        raise NotFound("There is no such order here.", "Check the number, or ask for access to its store.")
    return store_id


def _known(tx: Transaction, dispute_id: int) -> DisputeRow:
    row = disputes.read(tx, dispute_id)
    if row is None:
        raise NotFound("There is no such dispute here.", "Reload the order.")
    return row


def _open_one(tx: Transaction, charge: Any) -> DisputeRow | None:
    return next(
        (row for row in disputes.of_order(tx, charge.order_id) if row.is_open and row.transaction_id == charge.id), None
    )  # fmt: skip


def _require_free(tx: Transaction, charge: Any) -> None:
    if _open_one(tx, charge) is not None:
        raise NotPossibleNow(
            "This charge is disputed already.", "Write down how it ended, or choose another charge."
        )


def _amount(charge: Any, amount: Money) -> int:
    if amount.currency != charge.currency or not 0 < amount.minor <= charge.amount:
        most = Money(charge.amount, charge.currency)
        raise InvalidInput(
            "amount", amount.plain(), f"{amount.plain()} {amount.currency} of this charge cannot be disputed.",
            f"Give more than 0 and at most {most.plain()} {most.currency}.",
        )  # fmt: skip
    return amount.minor


def _reference(tx: Transaction, charge: Any, reference: str) -> str:
    if not reference.strip():
        return ""
    named = checked_free_text(reference, "reference", _LONGEST_REFERENCE)
    if disputes.by_reference(tx, charge.gateway, charge.account, named) is not None:
        raise InvalidInput(
            "reference", named, f"A dispute {named} is written down already.", "Look at its order."
        )
    return named


def _write(
    tx: Transaction,
    actor: Actor,
    charge: Any,
    amount: int,
    reason: str,
    reference: str,
    outcome: DisputeOutcome,
    at: datetime,
    save_id: str,
) -> int:
    won = outcome is DisputeOutcome.WON
    key = moves.add(
        tx,
        {
            "store_id": charge.store_id, "order_id": charge.order_id, "customer_id": charge.customer_id,
            "kind": TransactionKind.CHARGEBACK, "amount": amount, "currency": charge.currency, "gateway": charge.gateway,
            "status": TransactionStatus.REVERSED if won else TransactionStatus.SUCCEEDED, "account": charge.account,
            "gateway_ref": reference, "parent_id": charge.id, "card_id": charge.card_id, "card_brand": charge.card_brand,
            "card_last4": charge.card_last4, "response_code": outcome, "response_text": reason, "is_test": bool(charge.is_test),
            "occurred_at": at,
        },
    )  # fmt: skip
    if not won:
        disputes.stop_refunds(tx, charge.id, _STOPPED)
    search_index.index_order(tx, charge.order_id)
    money = Money(amount, charge.currency)
    change = Change(f"disputes.{key}", "", f"{money.plain()} {money.currency}, {outcome}")
    _event(tx, actor, charge, "dispute recorded", change, reason, save_id)
    if outcome is DisputeOutcome.OPEN:
        outbox.queue_dispute_notice(tx, key)
    return key


def _close(
    tx: Transaction, actor: Actor, row: DisputeRow, outcome: DisputeOutcome, note: str, save_id: str
) -> None:
    won = outcome is DisputeOutcome.WON
    status = TransactionStatus.REVERSED if won else TransactionStatus.SUCCEEDED
    moves.change(tx, row.id, status=status, response_code=outcome)
    change = Change(f"disputes.{row.id}", DisputeOutcome.OPEN, outcome)
    _event(tx, actor, row, f"dispute {outcome}", change, note, save_id)


def _event(
    tx: Transaction, actor: Actor, about: Any, action: str, change: Change, reason: str, save_id: str
) -> None:
    audit.append(
        tx,
        NewEvent(
            actor, about.store_id, Kind.ORDER, about.order_id, action, (change,), reason=reason,
            customer_id=about.customer_id, save_id=save_id,
        ),
    )  # fmt: skip
    tx.publish("payment", Kind.ORDER, about.order_id)
    tx.publish("payment", Kind.CUSTOMER, about.customer_id)
