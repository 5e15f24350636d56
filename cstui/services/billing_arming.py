"""Planning one charge of a subscription: the period of its cycle and the attempt that a worker sends, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from cstui.domain.actor import Actor, system_actor
from cstui.domain.audit import Change
from cstui.domain.billing import After, after_refusal
from cstui.domain.billing_charges import Charged, charge_of
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.mails import MailKind
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import PeriodState
from cstui.services.billing_terms import Chargeable, Terms
from cstui.services.mail import outbox
from cstui.storage.queries import attempts, audit, billing, subscriptions
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

WORKER = "billing"
ACTOR = system_actor(WORKER, "worker")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants a charge, and from when on it may be sent."""

    actor: Actor
    execute_after: datetime
    save_id: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that goes with what is stored; `cause` keeps it from going twice."""

    kind: MailKind
    cause: str
    facts: Mapping[str, object]


def subscription_guard(subscription_id: int, cycle: int) -> str:
    """What keeps two charges of one cycle apart."""
    return f"sub:{subscription_id}:{cycle}"


def arm(
    tx: Transaction, row: Any, facts: SubscriptionFacts, cycle: int, bill_date: date, card: Chargeable, terms: Terms, asked: Asked
) -> int:  # fmt: skip
    """Writes the period of a cycle and the attempt that charges it; returns the attempt's key.

    The subscription's row is locked by this transaction, and stands at the version that `row` has. Errors: `AttemptInFlight`.
    """
    charged = charge_of(facts, bill_date, terms.dunning, card.expiry)
    subscriptions.put_period(
        tx,
        row.id,
        cycle,
        bill_date,
        row.currency,
        state=PeriodState.DUE,
        amount=charged.total,
        closed_at=None,
    )
    return attempts.add(
        tx,
        {
            "key": new_token(), "guard_key": subscription_guard(row.id, cycle), "chain": asked.save_id and f"bill:{asked.save_id}",
            "store_id": row.store_id, "customer_id": row.customer_id, "subscription_id": row.id, "cycle": cycle,
            "card_id": card.card.id, "operation": Operation.SALE, "state": AttemptState.ARMED, "amount": charged.total,
            "currency": row.currency, "gateway": card.gateway, "account": card.account, "is_test": card.is_test,
            "order_version": row.version, "reason": f"Cycle {cycle}", "payload": json.dumps(asdict(charged)),
            "requested_by_id": asked.actor.staff_id or None, "requested_by": asked.actor.name, "terminal": asked.actor.terminal,
            "execute_after": asked.execute_after,
        },
    )  # fmt: skip


def charged_of(attempt: Any) -> Charged:
    """What an attempt charges, as it was planned; of one that was not planned here only the amount is known."""
    facts = json.loads(attempt.payload or "{}")
    return Charged(**facts) if "unit" in facts else Charged(attempt.amount, 1, 0, 0, 0)


def needs_new_data(tx: Transaction, row: Any, cycle: int, card: Chargeable) -> str:
    """Why this card cannot be charged before its data changes: what its issuer said of this very cycle; empty where nothing stands against it."""
    for attempt in billing.tries_of(tx, row.id, cycle):
        if attempt.state in (AttemptState.WITHDRAWN, AttemptState.NOT_SENT):
            continue
        after = after_refusal(attempt.state, attempt.why, attempt.response_code)
        is_same = attempt.card_id == card.card.id and charged_of(attempt).expiry == card.expiry
        if after is not After.CARD or not is_same:
            return ""
        return attempt.response_text or "The card's data is wrong."
    return ""


def write(
    tx: Transaction,
    row: Any,
    before: SubscriptionFacts,
    after: SubscriptionFacts,
    action: str,
    reason: str = "",
    actor: Actor = ACTOR,
    save_id: str = "",
    mail: Mail | None = None,
) -> Any:
    """Stores what became of a subscription, with its mail and its event, and tells the desks; returns the row as it stands then."""
    if before != after:
        subscriptions.write(tx, row.id, row.version, before, after)
    fresh = billing.lock(tx, row.id, waits=True)
    version = fresh.version if fresh is not None else row.version
    if mail is not None:
        outbox.queue_subscription_mail(tx, row.id, mail.kind, mail.facts, mail.cause)
    audit.append(
        tx,
        NewEvent(
            actor, row.store_id, Kind.SUBSCRIPTION, row.id, action, changes_between(asdict(before), asdict(after)), reason=reason[:500],
            version=version, customer_id=row.customer_id, save_id=save_id,
        ),
    )  # fmt: skip
    tx.publish("saved", Kind.SUBSCRIPTION, row.id, version=version, by=actor.name)
    return fresh


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs, in words."""
    return tuple(
        Change(name, _words(before[name]), _words(value))
        for name, value in after.items()
        if value != before[name] and name != "cancelled_at"
    )


def _words(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "yes" if value is True else str(value)
