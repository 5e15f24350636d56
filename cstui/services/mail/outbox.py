"""Queueing mails inside the transaction of what they tell of: stored with it, or not at all. Nothing here reaches the network.

A mail never stands in the way of what it tells of: whatever is wrong with it is logged, and the caller goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cstui.domain.clean import clean
from cstui.domain.errors import DatabaseAway, InvalidInput
from cstui.domain.ids import Kind
from cstui.domain.mails import MailKind, MailState, checked_recipient, recipients, why_suppressed
from cstui.domain.money import Money
from cstui.domain.shipments import ShipmentRow
from cstui.services.mail import facts as written
from cstui.services.mail.facts import Facts, Writer
from cstui.services.mail.rendering import Rendered, built_in, rendered
from cstui.services.settings import value_in
from cstui.storage.queries import mail_facts, mails
from cstui.storage.queries.mail_facts import Reached
from cstui.storage.transaction import Transaction, is_lost

_LOG = logging.getLogger("cstui.mail")


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail to be queued. `facts` are what its template sees; `dedupe_key` keeps one cause from mailing twice (empty: no such cause).

    `override`: a person with the right to do so sends it although its address is suppressed. `requested_by` is empty for the program.
    """

    kind: MailKind
    to: str
    subject_kind: Kind
    subject_id: int
    facts: Facts
    store_id: int | None = None
    customer_id: int | None = None
    order_id: int | None = None
    dedupe_key: str = ""
    requested_by: str = ""
    resend_of_id: int | None = None
    override: bool = False


def queue(tx: Transaction, mail: NewMail) -> int | None:
    """Queues a mail, written now from the facts as they are now; returns its id, None where its cause has mailed already.

    A suppressed address, or one that is none, leaves the mail in the list with the reason, unsent.
    """
    return store(tx, mail, words_for(tx, mail.kind, mail.store_id, mail.facts))


def words_for(tx: Transaction, kind: MailKind, store_id: int | None, facts: Facts) -> Rendered:
    """The mail in the store's own words; where those cannot be rendered, in the words that come with cstui."""
    own = mails.own_words(tx, kind, store_id)
    if own is not None:
        try:
            return rendered(own, facts)
        except InvalidInput as problem:
            _LOG.warning("mail_template_unusable", extra={"mail_kind": kind.value, "said": problem.message})
    return rendered(built_in(kind), facts)


def store(tx: Transaction, mail: NewMail, words: Rendered) -> int | None:
    """Stores a mail that is in words already; as `queue`."""
    state, problem, to = MailState.QUEUED, "", clean(mail.to).strip()
    try:
        to = checked_recipient(mail.to)
    except InvalidInput as refused:
        state, problem = MailState.FAILED, refused.message
    else:
        if not mail.override:
            problem = why_suppressed(mail.kind.mail_class, mails.suppressions_of(tx, to))
            state = MailState.SUPPRESSED if problem else state
    return mails.add(
        tx,
        {
            "kind": mail.kind.value, "to_address": to, "subject_kind": mail.subject_kind, "subject_id": mail.subject_id,
            "store_id": mail.store_id, "customer_id": mail.customer_id, "order_id": mail.order_id,
            "payload": json.dumps({"facts": mail.facts, "override": mail.override}, ensure_ascii=False),
            "subject": words.subject, "body_text": words.text, "body_html": words.html, "resend_of_id": mail.resend_of_id,
            "requested_by": mail.requested_by, "state": state, "last_error": problem, "dedupe_key": mail.dedupe_key,
            "next_try_at": tx.now if state is MailState.QUEUED else None,
        },
    )  # fmt: skip


@contextmanager
def harmless(tx: Transaction, what: str) -> Iterator[None]:
    """What goes wrong inside is undone and logged, and the use case goes on. Errors: those of a database that has gone away."""
    try:
        with mails.apart(tx):
            yield
    except DatabaseAway:
        raise
    except sa.exc.DBAPIError as error:
        if is_lost(error):
            raise
        _LOG.exception("mail_not_queued", extra={"what": what})
    except Exception:
        _LOG.exception("mail_not_queued", extra={"what": what})


# What the use cases call --------------------------------------------------------------------------


def queue_order_confirmation(tx: Transaction, order_id: int) -> None:
    """Confirms an order to its customer, once."""
    with harmless(tx, "order confirmation"):
        _queue_to_customer(
            tx, of_order(tx, MailKind.ORDER_CONFIRMATION, order_id), f"order-confirmation:{order_id}"
        )


def queue_welcome(tx: Transaction, order_id: int) -> None:
    """Welcomes the customer of an order, once."""
    with harmless(tx, "welcome"):
        _queue_to_customer(tx, of_order(tx, MailKind.WELCOME, order_id), f"welcome:{order_id}")


def queue_refund_mail(tx: Transaction, refund_id: int, transaction_id: int | None = None) -> None:
    """Tells the customer of a refund that has succeeded, once per transaction. Without one it was made by hand or elsewhere."""
    with harmless(tx, "refund"):
        mail = of_refund(tx, MailKind.REFUND, refund_id, transaction_id)
        _queue_to_customer(tx, mail, f"refund:{refund_id}:{transaction_id or 0}")


def queue_void_mail(tx: Transaction, transaction_id: int, refund_id: int | None = None) -> None:
    """Tells the customer of a payment that was voided, once: nothing was taken, nothing is to be returned."""
    with harmless(tx, "void"):
        _queue_to_customer(
            tx, of_refund(tx, MailKind.VOID, refund_id, transaction_id), f"void:{transaction_id}"
        )


def queue_refund_failed_notice(tx: Transaction, refund_id: int) -> int:
    """Tells the store's own list of a refund that has failed for good, each address once; returns how many were told now."""
    told = 0
    with harmless(tx, "refund failed"):
        told = _queue_refund_notice(
            tx, MailKind.NOTIFY_REFUND_FAILED, refund_id, f"refund-failed:{refund_id}"
        )
    return told


def queue_refund_reversed_notice(tx: Transaction, refund_id: int) -> int:
    """Tells the store's own list, and the customer, of a refund that came back; returns how many of the list were told now."""
    told = 0
    with harmless(tx, "refund came back"):
        # A refund may come back, be made again and come back again: each time is told of.
        attempt = mail_facts.last_attempt_of(tx, refund_id)
        cause = f"refund-reversed:{refund_id}:{attempt}"
        told = _queue_refund_notice(tx, MailKind.NOTIFY_REFUND_REVERSED, refund_id, cause)
        _queue_to_customer(tx, of_refund(tx, MailKind.REFUND_RETURNED, refund_id, None), f"{cause}:customer")
    return told


def queue_dispute_notice(tx: Transaction, transaction_id: int) -> int:
    """Tells the store's own list of a dispute (its chargeback transaction), each address once; returns how many were told now."""
    told = 0
    with harmless(tx, "dispute"):
        told = _queue_dispute(tx, transaction_id)
    return told


def queue_shipment_mail(tx: Transaction, shipment_id: int) -> None:
    """Tells the customer that a shipment has left, once."""
    with harmless(tx, "shipment"):
        _queue_to_customer(tx, of_shipment(tx, shipment_id), f"shipment:{shipment_id}")


def queue_email_changed(
    tx: Transaction,
    customer_id: int,
    old_address: str,
    new_address: str,
    *,
    store_id: int | None = None,
    dedupe_key: str = "",
) -> None:
    """Tells the old address that mails go elsewhere now; the new one is named by its first letters alone."""
    with harmless(tx, "changed e-mail"):
        reached = mail_facts.reached_by_customer(tx, customer_id, store_id)
        if reached is not None and old_address.strip():
            facts = {**written.common(reached), "contact": {"new_address": _masked(new_address)}}
            queue(
                tx,
                NewMail(
                    MailKind.EMAIL_CHANGED, old_address, Kind.CUSTOMER, customer_id, facts, reached.store_id, customer_id,
                    dedupe_key=dedupe_key,
                ),
            )  # fmt: skip


def queue_card_link(
    tx: Transaction, customer_id: int, store_id: int, url: str, expires_at: datetime | None, to: str = ""
) -> None:
    """Sends the customer the page where he types his card himself, once per page; to his own address unless another is named."""
    with harmless(tx, "card link"):
        _queue_link(tx, MailKind.CARD_LINK, customer_id, store_id, (url, expires_at), to)


def queue_password_notice(
    tx: Transaction, customer_id: int, store_id: int, url: str = "", expires_at: datetime | None = None
) -> None:
    """Announces a password reset (MAIL-04): with a link that works once, or with what to do. No password is ever mailed."""
    with harmless(tx, "password"):
        _queue_link(tx, MailKind.PASSWORD, customer_id, store_id, (url, expires_at), "")


def queue_subscription_mail(
    tx: Transaction,
    subscription_id: int,
    kind: MailKind,
    facts: Mapping[str, object] | None = None,
    cause: str = "",
) -> None:
    """Tells the customer of his subscription, once per `cause` (empty: once per kind, cycle and version); the purchase's address gets it.

    `facts` are what `written.of_subscription` knows beside the subscription itself, as money, days and texts.
    """
    with harmless(tx, kind.words):
        row = mail_facts.subscription(tx, subscription_id)
        reached = _reached_by_subscription(tx, row) if row is not None else None
        if row is not None and reached is not None:
            about = written.of_subscription(Writer(reached), row, facts or {})
            mail = _to_customer(
                reached,
                kind,
                Kind.SUBSCRIPTION,
                subscription_id,
                {**written.common(reached), "subscription": about},
            )
            _queue_to_customer(
                tx, mail, f"{kind.value}:{subscription_id}:{cause or f'{row.cycle}:{row.version}'}"
            )


def queue_everything_stopped(
    tx: Transaction,
    customer_id: int,
    store_id: int,
    subscriptions: Sequence[str],
    orders: Sequence[str],
    holds: Sequence[tuple[Money, str]],
    cause: str,
) -> None:
    """Tells the customer in one mail of all that was stopped at his word: subscriptions, shipments by their orders, holds with theirs."""
    with harmless(tx, "everything stopped"):
        reached = mail_facts.reached_by_customer(tx, customer_id, store_id)
        if reached is None or not reached.profile_email.strip():
            return
        writer = Writer(reached)
        stopped = {
            "subscriptions": [{"name": written.text(name)} for name in subscriptions],
            "orders": [{"number": written.text(number)} for number in orders],
            "holds": [
                {"amount": writer.money(amount), "order": written.text(number)} for amount, number in holds
            ],
        }
        facts = {**written.common(reached), "stopped": stopped}
        kind = MailKind.EVERYTHING_STOPPED
        queue(
            tx,
            NewMail(kind, reached.profile_email, Kind.CUSTOMER, customer_id, facts, store_id, customer_id, None, f"{kind.value}:{cause}"),
        )  # fmt: skip


def _reached_by_subscription(tx: Transaction, row: Any) -> Reached | None:
    if row.parent_order_id is not None:
        return mail_facts.reached_by_order(tx, row.parent_order_id)
    return mail_facts.reached_by_customer(tx, row.customer_id, row.store_id)


# Facts of each kind -------------------------------------------------------------------------------


def of_order(tx: Transaction, kind: MailKind, order_id: int) -> NewMail | None:
    """A mail about a whole order, from the order as it is now; None where there is no such order."""
    reached, order = mail_facts.reached_by_order(tx, order_id), mail_facts.order(tx, order_id)
    if reached is None or order is None:
        return None
    facts = {**written.common(reached), "order": written.of_order(Writer(reached), order)}
    return _to_customer(reached, kind, Kind.ORDER, order_id, facts)


def of_refund(
    tx: Transaction, kind: MailKind, refund_id: int | None, transaction_id: int | None
) -> NewMail | None:
    """A mail about a refund, a void, or a refund that came back; None where nothing of it is known."""
    refund = mail_facts.refund(tx, refund_id) if refund_id is not None else None
    move = mail_facts.move(tx, transaction_id) if transaction_id is not None else None
    about = refund or move
    reached = mail_facts.reached_by_order(tx, about.order_id) if about else None
    if reached is None:
        return None
    days = int(value_in(tx, "mail.refund_days", reached.store_id))
    # A void takes back the whole payment, whatever part of it the refund had asked for.
    of_refund = None if kind is MailKind.VOID and move else refund
    facts = written.of_refund(Writer(reached), of_refund, move, reached.order_number, days)
    at = (Kind.TRANSACTION, move.id) if move else (Kind.REFUND, refund.id if refund else 0)
    return _to_customer(reached, kind, *at, {**written.common(reached), "refund": facts})


def of_shipment(tx: Transaction, shipment_id: int) -> NewMail | None:
    """A mail about one shipment; None where there is none."""
    order_id = mail_facts.order_of_shipment(tx, shipment_id)
    order = mail_facts.order(tx, order_id) if order_id is not None else None
    reached = mail_facts.reached_by_order(tx, order.id) if order else None
    if order is None or reached is None:
        return None
    row: ShipmentRow = next(row for row in order.shipments if row.id == shipment_id)
    facts = {**written.common(reached), "shipment": written.of_shipment(row, order)}
    return _to_customer(reached, MailKind.SHIPMENT, Kind.SHIPMENT, shipment_id, facts)


def _to_customer(
    reached: Reached, kind: MailKind, subject_kind: Kind, subject_id: int, facts: Facts
) -> NewMail:
    return NewMail(
        kind, reached.email, subject_kind, subject_id, facts, reached.store_id, reached.customer_id, reached.order_id
    )  # fmt: skip


def _queue_to_customer(tx: Transaction, mail: NewMail | None, dedupe_key: str) -> None:
    if mail is None:
        _LOG.warning("mail_without_record", extra={"cause": dedupe_key})
    elif mail.to.strip():
        queue(tx, replace(mail, dedupe_key=dedupe_key))


def _queue_to_list(tx: Transaction, kind: MailKind, reached: Reached, about: tuple[Kind, int], facts: Facts, cause: str) -> int:  # fmt: skip
    added = [
        queue(
            tx,
            NewMail(
                kind, address, *about, {**written.common(reached), **facts}, reached.store_id, reached.customer_id, reached.order_id,
                f"{cause}:{address.casefold()}",
            ),
        )
        for address in recipients(reached.notify)
    ]  # fmt: skip
    return sum(1 for mail_id in added if mail_id is not None)


def _queue_refund_notice(tx: Transaction, kind: MailKind, refund_id: int, cause: str) -> int:
    refund = mail_facts.refund(tx, refund_id)
    reached = mail_facts.reached_by_order(tx, refund.order_id) if refund else None
    if refund is None or reached is None:
        return 0
    failures = mail_facts.failures_of(tx, refund_id)
    facts = written.of_failure(Writer(reached), refund, failures, reached.order_number)
    return _queue_to_list(tx, kind, reached, (Kind.REFUND, refund_id), {"refund": facts}, cause)


def _queue_dispute(tx: Transaction, transaction_id: int) -> int:
    move = mail_facts.move(tx, transaction_id)
    reached = mail_facts.reached_by_order(tx, move.order_id) if move else None
    if move is None or reached is None:
        return 0
    writer = Writer(reached)
    facts: dict[str, Any] = {
        "amount": writer.money(move.amount),
        "order": written.text(reached.order_number),
        "opened": writer.day(move.at),
        "card": written.card_text(move.card_brand, move.card_last4),
        "said": written.text(move.text),
        "reference": written.text(move.reference),
    }
    about = (Kind.TRANSACTION, transaction_id)
    return _queue_to_list(
        tx, MailKind.NOTIFY_DISPUTE, reached, about, {"dispute": facts}, f"dispute:{transaction_id}"
    )


def _queue_link(
    tx: Transaction,
    kind: MailKind,
    customer_id: int,
    store_id: int,
    link: tuple[str, datetime | None],
    to: str,
) -> None:
    url, expires_at = written.safe_link(link[0]), link[1]
    reached = mail_facts.reached_by_customer(tx, customer_id, store_id)
    if reached is None or (kind is MailKind.CARD_LINK and not url):
        _LOG.warning("mail_without_link", extra={"mail_kind": kind.value})
        return
    expires = Writer(reached).moment(expires_at) if expires_at else ""
    facts = {**written.common(reached), "link": {"url": url, "expires": expires}}
    address = to or reached.profile_email
    cause = f"{kind.value}:{customer_id}:{url}" if url else ""
    queue(tx, NewMail(kind, address, Kind.CUSTOMER, customer_id, facts, store_id, customer_id, None, cause))


def _masked(address: str) -> str:
    name, mark, host = clean(address, limit=254).strip().partition("@")
    return f"{name[:1]}…@{host[:1]}…" if mark else ""
