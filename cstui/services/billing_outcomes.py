"""What a gateway's answer makes of a subscription: the order of its cycle, the next date, or the next try; each answer counts once.

Called inside the transaction that stores the answer. The subscription's row is locked first, whoever holds it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from cstui.domain.billing import (
    After,
    after_decline,
    after_refusal,
    after_success,
    gave_up,
    postponed,
)
from cstui.domain.billing_charges import keeping_price
from cstui.domain.declines import explained
from cstui.domain.gateways import Answer
from cstui.domain.mails import MailKind
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.services import billing_arming as arming
from cstui.services.billing_arming import Mail
from cstui.services.billing_terms import Terms, terms_of
from cstui.services.mail import outbox
from cstui.services.refund_basis import SettingsRead
from cstui.storage.queries import attempts, billing, recurring, subscriptions
from cstui.storage.transaction import Transaction

_S = SubscriptionStatus
_STOPPED = (_S.RECYCLE_FAILED, _S.CANCELLED)


def handle(tx: Transaction, attempt: Any, answer: Answer, settings: SettingsRead) -> None:
    """Does with the subscription what follows from an answer to the attempt that charges it. What is still open changes nothing."""
    if answer.state is AttemptState.SUCCEEDED:
        succeeded(tx, attempt, settings)
    elif answer.state not in (AttemptState.UNKNOWN, AttemptState.PENDING):
        refused(tx, attempt, answer, settings)


def succeeded(tx: Transaction, attempt: Any, settings: SettingsRead) -> int:
    """The cycle is charged: its order is placed, its period closed, the next date set; returns the order's key.

    The attempt has the order from then on, so that its transaction is written to it.
    """
    row, facts, terms = _read(tx, attempt, settings)
    cycle, charged = int(attempt.cycle), arming.charged_of(attempt)
    bill_date = _bill_date(charged.bill_date, facts, terms)
    order_id, number = recurring.order_of(tx, row.id, cycle), ""
    if order_id is None:
        order_id, number = recurring.place(tx, row, cycle, charged)
    attempts.change(tx, attempt.id, order_id=order_id)
    _close(tx, row, cycle, bill_date, PeriodState.BILLED, amount=attempt.amount, order_id=order_id, note="")
    close_billed(tx, row, facts, terms, (cycle, bill_date, charged, number))
    return order_id


def close_billed(
    tx: Transaction, row: Any, facts: SubscriptionFacts, terms: Terms, done: tuple[int, date, Any, str]
) -> None:
    """Sets what follows a billed cycle (cycle, bill date, what it cost, number of its order), and tells the customer."""
    cycle, bill_date, charged, number = done
    if cycle == facts.cycle + 1:
        facts_then = keeping_price(facts, charged, terms.dunning)
    else:
        facts_then = facts
    followed = after_success(facts_then, cycle, bill_date, terms.today, tx.now)
    for missed_cycle, missed_date in followed.missed:
        put_missed(tx, row, missed_cycle, missed_date, followed.facts.total)
    after = followed.facts
    mail_facts = {
        "amount": Money(charged.total, row.currency),
        "order": number,
        "date": after.next_bill_date or "",
    }
    arming.write(
        tx, row, facts, after, "renewal billed", f"Cycle {cycle}, order {number}",
        mail=Mail(MailKind.RENEWED, str(cycle), mail_facts) if number else None,
    )  # fmt: skip


def put_missed(tx: Transaction, row: Any, cycle: int, bill_date: date, amount: int) -> None:
    """A cycle went by uncharged: it waits for a supervisor, and is never charged by itself."""
    subscriptions.put_period(
        tx, row.id, cycle, bill_date, row.currency, state=PeriodState.DUE, is_missed=True, amount=amount,
        note="Nobody billed on this day",
    )  # fmt: skip


def refused(tx: Transaction, attempt: Any, answer: Answer, settings: SettingsRead) -> None:
    """The charge brought nothing: the next try is planned, or the subscription stops and says why (SUB-22, SUB-23)."""
    row, facts, terms = _read(tx, attempt, settings)
    cycle, bill_date = (
        int(attempt.cycle),
        _bill_date(arming.charged_of(attempt).bill_date, facts, terms),
    )
    after = after_refusal(answer.state, answer.why, answer.code)
    if attempt.why and answer.state is AttemptState.NOT_SENT:
        # What the gateway took for a double, and does not know: a person looks before anything is charged again.
        after = after_refusal(answer.state, attempt.why, answer.code)
    said = _said(answer)
    if after is After.AGAIN or cycle != facts.cycle + 1:
        note(tx, row, cycle, said)
        return
    may_wait = facts.status in (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE)
    if after is After.LOOK and may_wait and billing.charged_alike(tx, attempt):
        # Another subscription of the same price on the same card: by tomorrow no gateway takes the two for one.
        note(tx, row, cycle, said)
        arming.write(tx, row, facts, postponed(facts, terms.day), "renewal waits a day", said)
        return
    if after is After.LOOK:
        note(tx, row, cycle, f"{said} Look whether it was charged before.")
        if may_wait:
            waits = replace(facts, status=_S.PAST_DUE, retry_on=None)
            arming.write(tx, row, facts, waits, "renewal waits for a decision", said)
        return
    then = facts
    by_hand = bool(attempt.requested_by_id)
    if (
        not by_hand
        or (after is After.STOP and facts.status is _S.PAST_DUE)
        or (facts.status in (_S.TRIAL, _S.ACTIVE) and bill_date <= terms.day)
    ):
        then = after_decline(facts, after, answer.code, terms.day, terms.dunning, said, tx.now)
    close_declined(tx, row, facts, then, (cycle, bill_date, attempt.amount, said), tried=True)


def close_declined(
    tx: Transaction,
    row: Any,
    before: SubscriptionFacts,
    after: SubscriptionFacts,
    about: tuple[int, date, int, str],
    *,
    tried: bool,
) -> None:
    """Stores a decline of a cycle (cycle, bill date, amount, what was said) and tells the customer; `tried`: a gateway was asked."""
    cycle, bill_date, amount, said = about
    found = subscriptions.period(tx, row.id, cycle)
    stopped = after.status in _STOPPED and before.status not in _STOPPED
    _close(
        tx, row, cycle, bill_date, PeriodState.FAILED if stopped else PeriodState.DUE, amount=amount, note=said,
        tries=(found.tries if found is not None else 0) + int(tried),
    )  # fmt: skip
    mail = None
    if stopped:
        mail = ended_mail(cycle, said, amount, row.currency)
    elif after.attempts > before.attempts:
        mail = Mail(
            MailKind.RENEWAL_FAILED, f"{cycle}:{after.attempts}",
            {"tries": after.attempts, "date": after.retry_on, "said": said.rstrip("."), "amount": Money(amount, row.currency)},
        )  # fmt: skip
    action = "billing stopped" if stopped else "renewal declined"
    arming.write(tx, row, before, after, action, said, mail=mail)


def ended_mail(cycle: int, said: str, amount: int, currency: str) -> Mail:
    """The last notice."""
    facts = {"said": said.rstrip("."), "amount": Money(amount, currency), "date": ""}
    return Mail(MailKind.RENEWAL_ENDED, str(cycle), facts)


def give_up(tx: Transaction, row: Any, facts: SubscriptionFacts, terms: Terms) -> None:
    """The schedule is used up: the last notice goes out and nothing is tried any more."""
    cycle = facts.cycle + 1
    found = subscriptions.period(tx, row.id, cycle)
    said = (found.note if found is not None else "") or "Payments failed."
    after = gave_up(facts, terms.dunning, said, tx.now)
    bill_date = facts.next_bill_date or terms.day
    about = (cycle, bill_date, found.amount if found is not None else facts.total, said)
    close_declined(tx, row, facts, after, about, tried=False)


def remind(tx: Transaction, subscription_id: int, cycle: int, day: date) -> None:
    """Tells the customer that a cycle is billed on a day, once."""
    outbox.queue_subscription_mail(
        tx, subscription_id, MailKind.RENEWAL_SOON, {"date": day}, f"{cycle}:{day.isoformat()}"
    )


def note(tx: Transaction, row: Any, cycle: int, said: str) -> None:
    """Keeps beside a cycle what was said of its last try."""
    found = subscriptions.period(tx, row.id, cycle)
    if found is not None:
        subscriptions.change_period(tx, found.id, note=said[:300])


def _read(tx: Transaction, attempt: Any, settings: SettingsRead) -> tuple[Any, SubscriptionFacts, Terms]:
    row = billing.lock(tx, attempt.subscription_id, waits=True)
    if row is None:
        raise LookupError("the subscription of an attempt is gone")
    terms = terms_of(tx, settings, billing.stores(tx, row.store_id)[0])
    return row, subscriptions.facts_of(row), terms


def _bill_date(planned: str, facts: SubscriptionFacts, terms: Terms) -> date:
    return date.fromisoformat(planned) if planned else facts.next_bill_date or terms.today


def _close(tx: Transaction, row: Any, cycle: int, bill_date: date, state: PeriodState, **values: Any) -> None:
    closed = tx.now if state is not PeriodState.DUE else None
    values["note"] = str(values.get("note", ""))[:300]
    subscriptions.put_period(
        tx, row.id, cycle, bill_date, row.currency, state=state, closed_at=closed, **values
    )


def _said(answer: Answer) -> str:
    """What the gateway said, in plain words."""
    found = explained(answer.code, answer.text, answer.why, answer.state)
    words = found.words if found is not None else answer.text or "It was refused"
    return f"{words.rstrip('.')}."
