"""What a worker does with one due subscription, in one transaction: what was planned happens, its bill is planned, refused here, or waits."""

from __future__ import annotations

from datetime import date
from typing import Any

from cstui.domain.billing import (
    After,
    Do,
    Todo,
    after_decline,
    after_refusal,
    pause_after,
    postponed,
    todo,
    waits_until,
    why_no_more_today,
    with_missed,
)
from cstui.domain.billing_charges import charge_of
from cstui.domain.ids import Kind
from cstui.domain.mails import MailKind
from cstui.domain.payments import AttemptState
from cstui.domain.subscription_actions import completed, planned
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.services import billing_arming as arming
from cstui.services import billing_outcomes as outcomes
from cstui.services.billing_arming import Asked, Mail
from cstui.services.billing_terms import Chargeable, Terms, chargeable, terms_of
from cstui.services.refund_basis import SettingsRead
from cstui.storage.queries import billing, locks, recurring, search_index, subscriptions
from cstui.storage.queries.billing import StoreDay
from cstui.storage.transaction import Transaction

_S = SubscriptionStatus
#: Attempts in one of these brought nothing, and nobody was asked, or nobody's refusal is known.
_UNASKED = (AttemptState.NOT_SENT, AttemptState.REJECTED)
_PLANNED_WORDS = {
    Do.CANCEL: "subscription cancelled",
    Do.PAUSE: "subscription paused",
    Do.RESUME: "subscription resumed",
}


def bring_up_to_date(tx: Transaction, settings: SettingsRead, subscription_id: int, store: StoreDay) -> bool:
    """One subscription, in one transaction; whether anything was done."""
    row = billing.lock(tx, subscription_id)
    if row is None:
        return False
    terms = terms_of(tx, settings, store)
    done = False
    for _ in range(4):
        facts = subscriptions.facts_of(row)
        step = todo(facts, terms.today, terms.day, terms.dunning)
        if step.do is Do.NOTHING:
            return done
        if step.do is Do.BILL:
            return _bill(tx, row, facts, step, terms) or done
        if step.do is Do.GIVE_UP:
            outcomes.give_up(tx, row, facts, terms)
            return True
        row, done = _carry_out(tx, row, facts, step, terms), True
    return done


def _carry_out(tx: Transaction, row: Any, facts: SubscriptionFacts, step: Todo, terms: Terms) -> Any:  # fmt: skip
    """What was planned for a day comes to pass."""
    if step.do is Do.COMPLETE:
        return arming.write(tx, row, facts, completed(facts), "subscription complete")
    after = planned(facts, terms.today, tx.now)
    mail = None
    if step.do is Do.CANCEL:
        subscriptions.withdraw_waiting(tx, row.customer_id, row.id)
        mail = Mail(MailKind.SUBSCRIPTION_CANCELLED, f"{row.version}", {})
    elif step.do is Do.PAUSE and after.status is _S.PAUSED:
        mail = Mail(MailKind.SUBSCRIPTION_PAUSED, f"{row.version}", {"resumes": after.resume_on or ""})
    return arming.write(tx, row, facts, after, _PLANNED_WORDS[step.do], "As planned", mail=mail)


def _bill(tx: Transaction, row: Any, facts: SubscriptionFacts, step: Todo, terms: Terms) -> bool:
    if _must_wait(tx, row, facts, step, terms):
        return False
    if step.missed:
        for cycle, bill_date in step.missed:
            outcomes.put_missed(tx, row, cycle, bill_date, facts.total)
        row = arming.write(tx, row, facts, with_missed(facts, step), "bills missed", f"{len(step.missed)} not billed in time")  # fmt: skip
        facts = subscriptions.facts_of(row)
    bill_date = step.bill_date or terms.day
    card = chargeable(tx, row.store_id, row.card_id, terms.today)
    if not facts.total:
        _bill_nothing(tx, row, facts, step.cycle, bill_date, terms)
    elif not _refused_here(tx, row, facts, (step.cycle, bill_date), card, terms) and isinstance(
        card, Chargeable
    ):
        arming.arm(tx, row, facts, step.cycle, bill_date, card, terms, Asked(arming.ACTOR, tx.now))
        tx.publish("payment", Kind.SUBSCRIPTION, row.id)
    return True


def _must_wait(tx: Transaction, row: Any, facts: SubscriptionFacts, step: Todo, terms: Terms) -> bool:
    """Whether the bill waits: for the outcome of another charge, for the gateway to be there again, for somebody who edits it."""
    if billing.open_attempt(tx, row.id) is not None or billing.card_is_busy(tx, row.card_id):
        return True
    if _rests(tx, row, step.cycle):
        return True
    held = locks.held(tx, Kind.SUBSCRIPTION, row.id)
    due = facts.retry_on if facts.status is _S.PAST_DUE else step.bill_date
    if held is None or held.lease_until < tx.now or due is None:
        return False
    return tx.now < waits_until(due, terms.store.bill_time, terms.store.zone, terms.wait_minutes)


def _rests(tx: Transaction, row: Any, cycle: int) -> bool:
    """Whether the last tries at a cycle never reached an issuer, and it is too early for the next one."""
    in_vain = 0
    last = None
    for attempt in billing.tries_of(tx, row.id, cycle):
        if attempt.state is AttemptState.WITHDRAWN:
            continue
        is_idle = attempt.state in _UNASKED and (
            after_refusal(attempt.state, attempt.why, attempt.response_code) is After.AGAIN
        )
        if not is_idle:
            break
        last = last or attempt.done_at
        in_vain += 1
    return last is not None and last + pause_after(in_vain) > tx.now


def _refused_here(
    tx: Transaction,
    row: Any,
    facts: SubscriptionFacts,
    about: tuple[int, date],
    card: Chargeable | str,
    terms: Terms,
) -> bool:
    """Whether the charge cannot be tried, so that no gateway is asked: it counts as declined, stops, or waits a day."""
    cycle, bill_date = about
    if isinstance(card, str):
        after, said = After.CARD, card
    else:
        history = billing.history(tx, card.card, row.id)
        said, after = history.never, After.STOP
        if not said:
            said, after = arming.needs_new_data(tx, row, cycle, card), After.CARD
        if not said and (said := why_no_more_today(history, terms.limits)):
            arming.write(tx, row, facts, postponed(facts, terms.day), "renewal waits a day", said)
            return True
        if not said:
            return False
    then = after_decline(facts, after, "", terms.day, terms.dunning, said, tx.now)
    outcomes.close_declined(tx, row, facts, then, (cycle, bill_date, facts.total, said), tried=False)
    return True


def _bill_nothing(
    tx: Transaction, row: Any, facts: SubscriptionFacts, cycle: int, bill_date: date, terms: Terms
) -> None:
    """A cycle that costs nothing: its order is placed, and no card is asked."""
    charged = charge_of(facts, bill_date, terms.dunning)
    if recurring.order_of(tx, row.id, cycle) is None:
        order_id, number = recurring.place(tx, row, cycle, charged)
        subscriptions.put_period(
            tx, row.id, cycle, bill_date, row.currency, state=PeriodState.BILLED, amount=0, order_id=order_id, closed_at=tx.now,
            note="Nothing to charge",
        )  # fmt: skip
        search_index.index_order(tx, order_id)
        outcomes.close_billed(tx, row, facts, terms, (cycle, bill_date, charged, number))
