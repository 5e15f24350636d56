"""Which mails of an order can be sent, and why the others cannot: from its shipments, refunds and voids as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.domain.locales import amount_with_code, locale_of
from cstui.domain.mails import (
    MailKind,
    MailOption,
    MailWanted,
    why_move_untold,
    why_refund_untold,
)
from cstui.domain.orders import OrderKind, OrderStatus, OrderView
from cstui.domain.payments import RefundMethod, TransactionKind
from cstui.domain.shipments import SENT_SHIPMENT_STATES, ShipmentRow
from cstui.services.mail import outbox
from cstui.services.mail.outbox import NewMail
from cstui.storage.queries import mail_facts, mails
from cstui.storage.queries.mail_facts import MoveFacts, Reached, RefundFacts
from cstui.storage.transaction import Transaction

_Offer = tuple[MailKind, Kind, int, str, datetime, str]


def offers(tx: Transaction, order_id: int) -> tuple[MailOption, ...]:
    """What can be sent for an order: what happened last comes first, what cannot be sent now stands at the end. Errors: `NotFound`."""
    reached, order = mail_facts.reached_by_order(tx, order_id), mail_facts.order(tx, order_id)
    if reached is None or order is None:
        raise NotFound("There is no such order.", "Check the number.")
    sent, known = mails.last_sent(tx, order_id), known_addresses(reached)
    found = [
        MailOption(wanted, label, _default_to(tx, wanted, reached), known, at, sent.get(wanted), why_not)
        for kind, subject_kind, subject_id, label, at, why_not in _all(tx, order)
        for wanted in (MailWanted(kind, subject_kind, subject_id),)
    ]
    found.sort(key=lambda option: option.at, reverse=True)
    return tuple(sorted(found, key=lambda option: bool(option.why_not)))


def known_addresses(reached: Reached) -> tuple[str, ...]:
    """The order's address and the profile's, each once."""
    found = {
        address.casefold(): address for address in (reached.profile_email, reached.order_email) if address
    }
    return tuple(reversed(found.values()))


def fresh(tx: Transaction, wanted: MailWanted) -> NewMail | None:
    """The mail as it would be written from the facts of this moment; None where nothing is known of its subject."""
    if wanted.subject_kind is Kind.ORDER:
        return outbox.of_order(tx, wanted.kind, wanted.subject_id)
    if wanted.subject_kind is Kind.SHIPMENT:
        return outbox.of_shipment(tx, wanted.subject_id)
    if wanted.subject_kind is Kind.REFUND:
        return outbox.of_refund(tx, wanted.kind, wanted.subject_id, None)
    if wanted.subject_kind is Kind.TRANSACTION:
        move = mail_facts.move(tx, wanted.subject_id)
        return outbox.of_refund(tx, wanted.kind, move.refund_id if move else None, wanted.subject_id)
    return None


def _default_to(tx: Transaction, wanted: MailWanted, reached: Reached) -> str:
    first = mails.newest_about(tx, wanted)
    return first.to_address if first is not None else reached.email


def _all(tx: Transaction, order: OrderView) -> Iterator[_Offer]:
    why_not = "The order has failed." if order.status is OrderStatus.FAILED else ""
    yield MailKind.ORDER_CONFIRMATION, Kind.ORDER, order.id, "Order confirmation", order.placed_at, why_not
    if order.kind not in (OrderKind.RECURRING, OrderKind.EXCHANGE):
        # The same moment as the confirmation, and after it in the list: callers ask for the confirmation.
        yield MailKind.WELCOME, Kind.ORDER, order.id, "Welcome", order.placed_at, why_not
    for number, shipment in enumerate(order.shipments, 1):
        yield _of_shipment(order, shipment, number)
    yield from _of_refunds(tx, order)


def _of_shipment(order: OrderView, row: ShipmentRow, number: int) -> _Offer:
    label = "Shipment" if len(order.shipments) == 1 else f"Shipment {number}"
    if row.tracking:
        label += f" {row.carrier} {row.tracking}".replace("  ", " ")
    at = row.shipped_at or row.delivered_at or row.released_at or order.placed_at
    why_not = "" if row.state in SENT_SHIPMENT_STATES else "This shipment has not left yet."
    return MailKind.SHIPMENT, Kind.SHIPMENT, row.id, label, at, why_not


def _of_refunds(tx: Transaction, order: OrderView) -> Iterator[_Offer]:
    moves = mail_facts.given_back(tx, order.id)
    refunds = {refund.id: refund for refund in mail_facts.refunds_of(tx, order.id)}
    carried_out = {move.refund_id for move in moves if not why_move_untold(move.status)}
    for move in moves:
        # Of several attempts at one refund only the one that went through is worth telling of.
        if move.refund_id not in carried_out or not why_move_untold(move.status):
            yield _of_move(move, refunds.get(move.refund_id or 0))
    told = {move.refund_id for move in moves}
    for refund in refunds.values():
        if refund.id not in told:
            why_not = why_refund_untold(refund.state, is_done=refund.done_at is not None)
            if refund.method not in (RefundMethod.MANUAL, RefundMethod.EXTERNAL) and not why_not:
                why_not = "The transaction of this refund is not here yet."
            at = refund.done_at or refund.requested_at
            yield MailKind.REFUND, Kind.REFUND, refund.id, _label("Refund", refund), at, why_not


def _of_move(move: MoveFacts, refund: RefundFacts | None) -> _Offer:
    is_void = move.kind is TransactionKind.VOID
    why_not = why_move_untold(move.status)
    if not why_not and refund is not None:
        why_not = why_refund_untold(refund.state, is_done=refund.done_at is not None)
    kind = MailKind.VOID if is_void else MailKind.REFUND
    return kind, Kind.TRANSACTION, move.id, _label("Void" if is_void else "Refund", move), move.at, why_not


def _label(what: str, facts: MoveFacts | RefundFacts) -> str:
    card = f" to …{facts.card_last4}" if facts.card_last4 and what == "Refund" else ""
    return f"{what} of {amount_with_code(facts.amount, locale_of('en-US'))}{card}"
