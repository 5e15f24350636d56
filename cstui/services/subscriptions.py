"""Subscriptions: open, edit under the lock, cancel, pause, resume, skip, move a trial, reactivate, change the card (SUB-01 … SUB-20).

Nothing is charged here: what is due is billed by the worker, what is forced by `Billing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, LockRules, Purpose
from cstui.domain.permissions import Permission
from cstui.domain.reasons import ReasonKind
from cstui.domain.refunds import Receipt
from cstui.domain.subscription_changes import (
    BillPreview,
    Cancel,
    CancelWhen,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    Trial,
    TrialMove,
)
from cstui.domain.subscription_rules import SubscriptionAction, why_not
from cstui.domain.subscriptions import SubscriptionView
from cstui.services import subscription_saving as saving
from cstui.services.access import permission_words, require
from cstui.services.order_holds import checked_reason
from cstui.services.subscription_saving import HeldSubscription, Told
from cstui.storage.database import Database
from cstui.storage.queries import subscription_view, subscriptions
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.refunds import Refunds
    from cstui.services.verification import Verifications


class Charger(Protocol):
    """Who charges a subscription: billing, without knowing it here."""

    def force(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        save_id: str,
        undo_seconds: int | None = None,
    ) -> Receipt:
        """Arms the bill of the period that the next bill date stands for; frees the lock."""
        ...

    def why_not_forced(self, tx: Transaction, row: Any) -> str:
        """Why it cannot be charged now; empty where it can."""
        ...


class Wishes(Protocol):
    """Who counts how wishes to cancel end."""

    def cancelled(
        self,
        tx: Transaction,
        actor: Actor,
        store_id: int,
        subscription_id: int,
        customer_id: int,
        reason_code: str,
        declined_offer_id: int | None = None,
    ) -> None:
        """A cancellation was stored, at once or planned; an offer to stay may have been declined before."""
        ...


class Subscriptions:
    """The use cases of a subscription. Each needs the grip of `begin`, frees the lock, and is stored once per `save_id`."""

    def __init__(
        self,
        database: Database,
        settings: Any = None,
        verification: Verifications | None = None,
        refunds: Refunds | None = None,
        charger: Charger | None = None,
        told: Told | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._verification = verification
        self._refunds = refunds
        self._charger = charger
        self._told = told
        self._wishes = wishes

    def open(self, actor: Actor, subscription_id: int) -> SubscriptionView:
        """One subscription with all that its screen paints, who holds it, and what may be done. Errors: `NotFound`, also for another store's."""
        with self._database.read() as tx:
            subscription_view.steady(tx)
            return self._view(tx, actor, subscription_id)

    def begin(
        self,
        actor: Actor,
        subscription_id: int,
        version: int,
        token: str,
        purpose: Purpose = Purpose.EDIT,
        take_over: bool = False,
    ) -> Grip:
        """Takes the subscription's lock for the editor that `token` names (LOCK-02).

        Errors: `RecordLocked`, `HeldElsewhere`, `RecordChanged`, `NotFound`, `NotPermitted`.
        """
        from cstui.services.locks import Locks

        locks = Locks(self._database, self._settings)
        return locks.begin(actor, Kind.SUBSCRIPTION, subscription_id, version, token, purpose, take_over)

    def preview(self, actor: Actor, subscription_id: int, step: Step | SubscriptionAction) -> BillPreview:
        """What would be billed when, after a step; nothing is stored. An action stands for its plainest step.

        Errors: `InvalidInput`, `InvalidFields`, `NotPossibleNow` as storing it would raise them, `NotFound`.
        """
        with self._database.read() as tx:
            subscription_view.steady(tx)
            row = saving.seen(tx, actor, subscription_id)
            facts = subscriptions.facts_of(row)
            plain = step if not isinstance(step, SubscriptionAction) else _PLAINEST.get(step)
            after = facts if plain is None else saving.stepped(tx, row, facts, plain)
            shown: BillPreview = saving.previewed(tx, row, after)
            busy = saving.under_way_words(tx, row)
            return replace(shown, warnings=(*shown.warnings, busy)) if busy else shown

    def save(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        change: SubscriptionChange,
        save_id: str,
        desk: str = "",
    ) -> SubscriptionView:
        """Stores what the edit forms hold: price, quantity, product, date, card (SUB-07, SUB-11, SUB-13, SUB-15, SUB-17).

        Errors: `LockBroken`, `RecordChanged` (nothing is stored, the lock stays), `InvalidInput`, `InvalidFields`, `NotPossibleNow`,
        `NotVerified`, `NotFound`, `NotPermitted`.
        """

        def work(held: HeldSubscription) -> None:
            if change.card_id is not None:
                self._require_verified(held.tx, actor, held.row, desk, "card")
            saving.save(held, change, _word(change))

        return self._under_lock(actor, subscription_id, grip, change, save_id, work)

    def cancel(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        *,
        reason_code: str,
        note: str = "",
        when: CancelWhen = CancelWhen.NOW,
        on: date | None = None,
        keep_billing: bool = True,
        refund_last: bool = False,
        declined_offer_id: int | None = None,
        save_id: str,
        desk: str = "",
    ) -> SubscriptionView:
        """Cancels it now, after the next bill, instead of it, or on a day (SUB-01, SUB-18); all that was planned goes with it (C-24).

        `declined_offer_id` is the offer to stay that was read out and declined; it is counted together with the cancellation, never without.
        `refund_last` asks, once the cancellation is stored, for what remains of the last charge: an order has its own lock, limits and
        approvals, and whatever stands in the refund's way must never keep a customer from being cancelled. The view's `receipt` is the
        refund's, its `problem` says why there is none. Errors: as `save`.
        """

        def work(held: HeldSubscription) -> None:
            self._require_verified(held.tx, actor, held.row, desk, "money")
            if refund_last:
                require(held.tx, actor, Permission.REFUND_REQUEST, held.row.store_id)
            label, said = checked_reason(
                self._database.reader,
                ReasonKind.SUBSCRIPTION_CANCEL,
                held.row.store_id,
                reason_code,
                note,
            )
            reason = f"{label}: {said}" if said else label
            saving.save(held, Cancel(when, on, keep_billing, reason), "cancellation planned", reason)
            if self._wishes is not None:
                self._wishes.cancelled(
                    held.tx,
                    actor,
                    held.row.store_id,
                    held.id,
                    held.row.customer_id,
                    reason_code,
                    declined_offer_id,
                )

        step = Cancel(when, on, keep_billing)
        view = self._under_lock(actor, subscription_id, grip, step, save_id, work)
        if not refund_last:
            return view
        from cstui.services.subscription_endings import refund_last_charge

        return refund_last_charge(self._database, self._refunds, actor, view, save_id, desk)

    def pause(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        until: date | None,
        save_id: str,
        *,
        on: date | None = None,
    ) -> SubscriptionView:
        """Pauses it now, or from the day `on`; resumes by itself on `until`, where that is given (SUB-02, SUB-19). Errors: as `save`."""
        return self._step(actor, subscription_id, grip, Pause(until, on), "pause planned", save_id)

    def resume(
        self, actor: Actor, subscription_id: int, grip: Grip, save_id: str, *, on: date | None = None
    ) -> SubscriptionView:
        """Goes on billing, on the next date of its rhythm or on a day (SUB-03). Errors: as `save`."""
        return self._step(actor, subscription_id, grip, Resume(on), "subscription resumed", save_id)

    def skip(self, actor: Actor, subscription_id: int, grip: Grip, save_id: str) -> SubscriptionView:
        """Leaves the next cycle out: its period is closed uncharged, the date moves one cycle on (SUB-04). Errors: as `save`."""
        return self._step(actor, subscription_id, grip, Skip(), "charge skipped", save_id)

    def trial(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        what: TrialMove,
        save_id: str,
        *,
        now: bool = False,
    ) -> SubscriptionView:
        """Restarts the trial, goes straight to cycle 2, or stops it at its end or `now` (SUB-09, SUB-16).

        A skipped trial is billed at once; the view's `receipt` is the charge's. Errors: as `save`.
        """
        step = Trial(what, now)
        charge = what is TrialMove.SKIP and self._charger is not None
        word = {
            TrialMove.RESTART: "trial restarted",
            TrialMove.SKIP: "trial skipped",
            TrialMove.STOP: "trial stopped",
        }[what]
        return self._step(actor, subscription_id, grip, step, word, save_id, then_charge=charge)

    def reactivate(
        self, actor: Actor, subscription_id: int, grip: Grip, save_id: str, *, on: date | None = None
    ) -> SubscriptionView:
        """Brings back what was cancelled, has stopped or is past due; billed on `on`, else today (SUB-20). Errors: as `save`."""
        return self._step(actor, subscription_id, grip, Reactivate(on), "subscription reactivated", save_id)

    def update_card(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        card_id: int,
        charge_now: bool,
        save_id: str,
        desk: str = "",
    ) -> SubscriptionView:
        """Another of the customer's cards for all bills to come; a past-due one can be charged with it at once (SUB-06, X-2).

        The charge is the second step, under the same lock: the view's `receipt` is its, or `problem` says why it was not made; the card is
        stored either way. Errors: as `save`.
        """
        change = SubscriptionChange(card_id=card_id)

        def verified(held: HeldSubscription) -> None:
            self._require_verified(held.tx, actor, held.row, desk, "card")

        return self._step(
            actor, subscription_id, grip, change, "card changed", save_id, then_charge=charge_now, first=verified
        )  # fmt: skip

    # How each of them is done ---------------------------------------------------------------------

    def _step(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        step: Step,
        word: str,
        save_id: str,
        *,
        then_charge: bool = False,
        first: Callable[[HeldSubscription], None] | None = None,
    ) -> SubscriptionView:
        moved: list[Grip] = []

        def work(held: HeldSubscription) -> None:
            if first is not None:
                first(held)
            to = saving.save(held, step, word, keep_lock=then_charge)
            version = grip.version + (1 if to != held.facts else 0)
            moved.append(replace(grip, version=version))

        view = self._under_lock(actor, subscription_id, grip, step, save_id, work)
        if not then_charge:
            return view
        # Where this is a repeat, the lock is as the first try left it: still held, on the version that it made.
        return self._charge(actor, view, moved[0] if moved else replace(grip, version=view.version), save_id)

    def _under_lock(
        self,
        actor: Actor,
        subscription_id: int,
        grip: Grip,
        step: Step,
        save_id: str,
        work: Callable[[HeldSubscription], None],
    ) -> SubscriptionView:
        """One transaction: rights, lock, version, then the work; a repeated save is answered with how it stands."""
        with self._database.write(save_id) as tx:
            row = saving.seen(tx, actor, subscription_id)
            saving.require_rights(tx, actor, row.store_id, step)
            held = saving.held(tx, actor, subscription_id, grip, save_id, self._told)
            if held is not None:
                work(held)
            return self._view(tx, actor, subscription_id)

    def _charge(self, actor: Actor, view: SubscriptionView, grip: Grip, save_id: str) -> SubscriptionView:
        from cstui.services.locks import Locks

        if self._charger is None:
            raise NotPossibleNow("Nothing can be charged from here.", "Force the bill instead.")
        try:
            receipt = self._charger.force(actor, view.row.id, grip, f"{save_id}:charge")
        except CstuiError as error:
            Locks(self._database, self._settings).release(actor, grip.token)
            return replace(self.open(actor, view.row.id), problem=error.in_words())
        return replace(self.open(actor, view.row.id), receipt=receipt)

    def _view(self, tx: Transaction, actor: Actor, subscription_id: int) -> SubscriptionView:
        lease = LockRules().lease if self._settings is None else int(self._settings.value("locking.lease"))
        view = saving.view_of(tx, Looker(actor, lease), subscription_id)
        row = subscriptions.row(tx, subscription_id)
        reasons = {action: self._why_not(tx, row, view, action) for action in SubscriptionAction}
        return replace(view, why_not={action: said for action, said in reasons.items() if said})

    def _why_not(self, tx: Transaction, row: Any, view: SubscriptionView, action: SubscriptionAction) -> str:
        """Why an action is not possible for this person now: the state of the subscription first, then his rights, then the card networks."""
        said = why_not(action, view.row.status)
        if said:
            return said
        right = saving.RIGHTS.get(action, Permission.SUBSCRIPTION_UPDATE)
        by_card = action is SubscriptionAction.CARD and Permission.CARD_MANAGE in view.permitted
        if right not in view.permitted and not by_card:
            return f"Your role may not {permission_words(right)} here."
        if action is SubscriptionAction.SKIP and view.row.next_bill_date is None:
            return "No bill is planned that could be skipped."
        if action is SubscriptionAction.BILL and self._charger is not None:
            return self._charger.why_not_forced(tx, row)
        return ""

    def _require_verified(self, tx: Transaction, actor: Actor, row: Any, desk: str, what: str) -> None:
        if self._verification is not None:
            self._verification.require_verified(tx, actor, row.customer_id, desk, what)


_PLAINEST: dict[SubscriptionAction, Step] = {
    SubscriptionAction.CANCEL: Cancel(),
    SubscriptionAction.PAUSE: Pause(),
    SubscriptionAction.RESUME: Resume(),
    SubscriptionAction.SKIP: Skip(),
    SubscriptionAction.TRIAL: Trial(TrialMove.RESTART),
    SubscriptionAction.REACTIVATE: Reactivate(),
}


def _word(change: SubscriptionChange) -> str:
    """What the history calls a saved form: by what it changes, where that is one thing."""
    if change.drop_cancel:
        return "cancellation taken back"
    if change.drop_pause:
        return "pause taken back"
    named = {
        "price changed": change.is_price,
        "quantity changed": change.quantity is not None,
        "product changed": change.product_id is not None or change.option is not None,
        "billing date changed": change.next_bill_date is not None,
        "card changed": change.card_id is not None,
    }
    words = [word for word, is_meant in named.items() if is_meant]
    return words[0] if len(words) == 1 else "subscription edited"
