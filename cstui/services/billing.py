"""Billing: what is due is charged once per subscription and cycle, by any number of workers; an agent charges by hand (SUB-05, SUB-19 … SUB-24).

A due subscription is re-read under its row's lock, its period and one armed attempt are written in the same transaction, and a worker sends
it. What comes of it is `billing_outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import AttemptInFlight
from cstui.domain.billing import (
    Missed,
    MissedBill,
    due_step,
    why_no_agent_try,
    with_missed,
)
from cstui.domain.errors import NotFound, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Permission
from cstui.domain.refunds import AttemptRow, Receipt
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscription_rules import SubscriptionAction, why_not
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.services import billing_arming as arming
from cstui.services import billing_outcomes as outcomes
from cstui.services.access import require
from cstui.services.billing_arming import Asked
from cstui.services.billing_due import bring_up_to_date
from cstui.services.billing_terms import Terms, chargeable, terms_of
from cstui.services.refund_basis import SettingsRead
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, billing, locks, subscriptions
from cstui.storage.queries.billing import StoreDay
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.verification import Verifications

_S = SubscriptionStatus
#: No more charges than this are planned ahead of the senders: what is changed meanwhile is billed as it stands then.
AHEAD = 400


class Billing:
    """The use cases of charging subscriptions. `point` is called between steps and may kill the process in a test."""

    def __init__(
        self,
        database: Database,
        settings: SettingsRead,
        verification: Verifications | None = None,
        *,
        point: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification
        self._point = point
        self._told: dict[int, tuple[date, int]] = {}

    # By itself --------------------------------------------------------------------------------------

    def bill_due(self, limit: int = 100) -> int:
        """Brings so many due subscriptions up to date: planned ends, pauses and returns happen, bills and tries are armed.

        Never more than `AHEAD` charges wait for a sender. Customers are told of what renews soon. Returns how many were handled; 0 where nothing
        can be done now.
        """
        with self._database.read() as tx:
            room = min(limit, AHEAD - billing.armed_ahead(tx, AHEAD))
            stores = billing.stores(tx)
        handled = 0
        for store in stores:
            if room - handled <= 0:
                break
            handled += self._bill_store(store, room - handled)
        for store in stores:
            handled += self._remind(store, limit)
        return handled

    def _bill_store(self, store: StoreDay, limit: int) -> int:
        with self._database.read() as tx:
            terms = terms_of(tx, self._settings, store)
            due = billing.due_ids(tx, store.id, terms.today, terms.day, limit)
        handled = 0
        for subscription_id in due:
            try:
                with self._database.write() as tx:
                    handled += bring_up_to_date(tx, self._settings, subscription_id, store)
            except AttemptInFlight:
                # Another worker was faster by a breath.
                continue
            self._point("armed")
        return handled

    def _remind(self, store: StoreDay, limit: int) -> int:
        """Tells customers of what renews in a few days, one bill date after the other, each customer once (MAIL-07)."""
        with self._database.read() as tx:
            terms = terms_of(tx, self._settings, store)
            last = max(billing.stores(tx, store.id)[0].told_until or terms.day, terms.day)
        told = 0
        while told < limit and (last - terms.day).days < terms.remind_days:
            day = last + timedelta(days=1)
            with self._database.write() as tx:
                started, after_id = self._told.get(store.id, (day, 0))
                rows = billing.renewing_on(tx, store.id, day, after_id if started == day else 0, limit - told)
                for row in rows:
                    outcomes.remind(tx, row.id, row.cycle + 1, day)
                told += len(rows)
                if told < limit:
                    billing.told_until(tx, store.id, day)
                    last = day
            self._told[store.id] = (day, rows[-1].id if rows else 0)
        return told

    # By hand ----------------------------------------------------------------------------------------

    def force(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        save_id: str,
        undo_seconds: int | None = None,
        desk: str = "",
    ) -> Receipt:
        """Charges the cycle that the next bill date stands for, now; frees the lock. Sent after the undo window (SUB-05, SUB-21).

        Repeated with the same `save_id` it answers with the same receipt. Errors: `NotPossibleNow` with what `why_not_forced` says,
        `AttemptInFlight`, `LockBroken`, `RecordChanged`, `NotVerified`, `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            row = self._seen(tx, actor, subscription_id)
            require(tx, actor, Permission.SUBSCRIPTION_UPDATE, row.store_id)
            if audit.saved(tx, save_id):
                return self._receipt(tx, row, save_id)
            locks.require_held(tx, Kind.SUBSCRIPTION, row.id, grip, actor)
            if self._verification is not None:
                self._verification.require_verified(tx, actor, row.customer_id, desk, "money")
            why = self.why_not_forced(tx, row)
            if why:
                raise NotPossibleNow(why, "")
            undo = (
                self._settings.whole("money.undo_seconds", row.store_id)
                if undo_seconds is None
                else undo_seconds
            )
            self._arm_by_hand(tx, row, Asked(actor, tx.now + timedelta(seconds=undo), save_id))
            locks.free(tx, grip.token)
            return self._receipt(tx, row, save_id)

    def _arm_by_hand(self, tx: Transaction, row: Any, asked: Asked) -> None:
        terms = self._terms(tx, row)
        facts = subscriptions.facts_of(row)
        step = due_step(facts, terms.day, self._period_date(tx, row, facts) or terms.today)
        if step.missed:
            for cycle, bill_date in step.missed:
                outcomes.put_missed(tx, row, cycle, bill_date, facts.total)
            row = arming.write(tx, row, facts, with_missed(facts, step), "bills missed", f"{len(step.missed)} not billed in time")  # fmt: skip
            facts = subscriptions.facts_of(row)
        card = chargeable(tx, row.store_id, row.card_id, terms.today)
        if isinstance(card, str):
            raise NotPossibleNow(card, "Choose another card.")
        # By hand it costs what the screen showed: a price that falls with each try is for tries that nobody asked for.
        shown = replace(facts, attempts=0)
        arming.arm(tx, row, shown, step.cycle, step.bill_date or terms.today, card, terms, asked)
        said = f"Cycle {step.cycle}, {card.words}"
        arming.write(tx, row, facts, facts, "bill forced", said, actor=asked.actor, save_id=asked.save_id)
        tx.publish("payment", Kind.SUBSCRIPTION, row.id)

    def why_not_forced(self, tx: Transaction, row: Any) -> str:
        """Why a subscription cannot be charged now, in one sentence with what to do; empty where it can. Nothing is locked (7.2)."""
        facts = subscriptions.facts_of(row)
        reason = why_not(SubscriptionAction.BILL, facts.status)
        if reason:
            return reason
        if facts.final_cycle is not None and facts.cycle >= facts.final_cycle:
            return "Its last cycle was billed. A new order starts another one."
        waiting = billing.open_attempt(tx, row.id)
        if waiting is not None:
            if waiting.state is AttemptState.ARMED:
                return "A charge is about to be sent. Wait for its outcome, or take it back."
            return "The outcome of a charge is not known yet. It is being looked up: wait for it."
        if not facts.total:
            return "There is nothing to charge. Change the price first."
        terms = self._terms(tx, row)
        card = chargeable(tx, row.store_id, row.card_id, terms.today)
        if isinstance(card, str):
            return f"{card} Choose another card."
        stale = arming.needs_new_data(tx, row, facts.cycle + 1, card)
        if stale:
            return f"{stale.rstrip('.')}. Take the card's data anew, or another card."
        return why_no_agent_try(billing.history(tx, card.card, row.id), terms.limits)

    def withdraw(self, actor: Actor, attempt_id: int, save_id: str = "") -> tuple[AttemptRow, ...]:
        """Takes back a charge in its undo window (D-02). Errors: `TooLate` where a worker was faster, `NotFound`, `NotPermitted`."""
        from cstui.services.refund_decisions import withdraw_attempts

        with self._database.write(save_id) as tx:
            return withdraw_attempts(tx, actor, attempt_id, save_id)

    # What was missed --------------------------------------------------------------------------------

    def missed(self, actor: Actor) -> tuple[MissedBill, ...]:
        """The cycles that went by uncharged, in the stores that the actor sees, the oldest first, 500 at most; none that is being charged."""
        with self._database.read() as tx:
            rows = billing.missed(tx, actor.stores(Permission.SUBSCRIPTION_VIEW))
        return tuple(
            MissedBill(
                row.id, row.subscription_id, row.store_id, row.customer_id, row.product, row.status, row.cycle, row.bill_date,
                Money(row.amount, row.currency), f"{row.first_name} {row.last_name}".strip() or row.company,
            )
            for row in rows
        )  # fmt: skip

    def decide_missed(
        self, actor: Actor, period_id: int, decision: Missed, save_id: str, *, expected: Money | None = None
    ) -> Receipt | None:
        """A supervisor bills a missed cycle now, skips it, or moves it: then a planned end comes one cycle later.

        Answers with the receipt of the charge where it bills; repeated with the same `save_id` it answers the same.
        `expected` is the amount that the person read.

        Errors: `NotPossibleNow` where it was decided already, cannot be charged or costs something else by now,
        `AttemptInFlight`, `NotPermitted`, `NotFound`.
        """
        with self._database.write(save_id) as tx:
            found = billing.read_period(tx, period_id)
            if found is None:
                raise NotFound("There is no such missed cycle.", "Look at the list again.")
            row = self._seen(tx, actor, found.subscription_id)
            require(tx, actor, Permission.REFUND_APPROVE, row.store_id)
            if audit.saved(tx, save_id):
                return self._receipt(tx, row, save_id) if decision is Missed.BILL else None
            if not found.is_missed or found.state is not PeriodState.DUE:
                raise NotPossibleNow("This cycle was decided on already.", "Look at the list again.")
            facts = subscriptions.facts_of(row)
            if decision is Missed.BILL:
                self._bill_missed(tx, row, facts, found, Asked(actor, tx.now, save_id))
                then = facts
            else:
                subscriptions.change_period(
                    tx, found.id, state=PeriodState.SKIPPED, closed_at=tx.now, note=f"{decision.capitalize()} by {actor.name}"
                )  # fmt: skip
                is_moved = decision is Missed.MOVE and facts.final_cycle is not None
                self._require_not_charged(tx, row, None if is_moved else found.cycle)
                then = replace(facts, final_cycle=(facts.final_cycle or 0) + 1) if is_moved else facts
            words = {Missed.BILL: "billed", Missed.SKIP: "skipped", Missed.MOVE: "moved"}[decision]
            arming.write(
                tx, row, facts, then, f"missed cycle {words}", f"Cycle {found.cycle} of {found.bill_date:%d %b %Y}", actor=actor,
                save_id=save_id,
            )  # fmt: skip
            receipt = self._receipt(tx, row, save_id) if decision is Missed.BILL else None
            if receipt is not None and expected is not None and receipt.amount != expected:
                raise NotPossibleNow(
                    f"It costs {receipt.amount.plain()} {receipt.amount.currency} now.", "Decide on it again."
                )
            return receipt

    def _require_not_charged(self, tx: Transaction, row: Any, cycle: int | None = None) -> None:
        """No charge of a cycle, or of any, is under way: one that was planned before an edit would be withdrawn. Errors: `AttemptInFlight`."""
        waiting = billing.open_attempt(tx, row.id)
        if waiting is not None and cycle in (None, waiting.cycle):
            raise AttemptInFlight("A charge of this subscription is under way.", "Wait for its outcome.")

    def _bill_missed(self, tx: Transaction, row: Any, facts: SubscriptionFacts, period: Any, asked: Asked) -> None:  # fmt: skip
        terms = self._terms(tx, row)
        self._require_not_charged(tx, row)
        if facts.status in (_S.CANCELLED, _S.COMPLETE):
            raise NotPossibleNow("This subscription has ended.", "Skip the cycle.")
        card = chargeable(tx, row.store_id, row.card_id, terms.today)
        if isinstance(card, str):
            raise NotPossibleNow(card, "Choose another card first.")
        why = why_no_agent_try(billing.history(tx, card.card, row.id), terms.limits)
        if why:
            raise NotPossibleNow(why, "")
        arming.arm(tx, row, replace(facts, attempts=0), period.cycle, period.bill_date, card, terms, asked)

    # Helpers ----------------------------------------------------------------------------------------

    def _seen(self, tx: Transaction, actor: Actor, subscription_id: int) -> Any:
        row = billing.lock(tx, subscription_id, waits=True)
        if row is None or not actor.may(Permission.SUBSCRIPTION_VIEW, row.store_id):
            raise NotFound("There is no such subscription here.", "Check the id.")
        return row

    def _terms(self, tx: Transaction, row: Any) -> Terms:
        return terms_of(tx, self._settings, billing.stores(tx, row.store_id)[0])

    def _period_date(self, tx: Transaction, row: Any, facts: SubscriptionFacts) -> date | None:
        """The bill date that a charge by hand is for, where it is not due by itself."""
        if facts.next_bill_date is not None:
            return facts.next_bill_date
        found = subscriptions.period(tx, row.id, facts.cycle + 1)
        return found.bill_date if found is not None else facts.pause_on

    def _receipt(self, tx: Transaction, row: Any, save_id: str) -> Receipt:
        found = attempts.rows(tx, attempts.ATTEMPT.c.chain == f"bill:{save_id}", attempts.ATTEMPT.c.customer_id == row.customer_id)  # fmt: skip
        if not found:
            raise NotFound("This charge is not known.", "Reload the subscription.")
        made = found[0]
        return Receipt(
            f"Charge of {made.amount.plain()} {made.amount.currency} to {made.card or 'the card'} for {row.product} is on its way.",
            made.state, made.amount, made.order_id or 0, made.order_number, (), (made.id,),
            made.execute_after if made.state is AttemptState.ARMED else None,
        )  # fmt: skip
