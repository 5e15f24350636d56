"""Writing a subscription: lock, version, rules, row, period, audit and unlock in one transaction (decides for `Subscriptions`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.billing_dates import is_due, today_in
from cstui.domain.errors import InvalidInput, NotFound, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip
from cstui.domain.money import Money
from cstui.domain.permissions import Permission
from cstui.domain.subscription_actions import actions_of, after
from cstui.domain.subscription_changes import (
    Cancel,
    Pause,
    ProductFacts,
    Step,
    SubscriptionChange,
    SubscriptionFacts,
)
from cstui.domain.subscription_history import changes_of
from cstui.domain.subscription_preview import CardFacts, preview
from cstui.domain.subscription_rules import SubscriptionAction
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus, SubscriptionView
from cstui.services.access import require, require_visible
from cstui.storage.queries import audit, locks, subscription_view, subscriptions
from cstui.storage.queries.audit import NewEvent
from cstui.storage.queries.order_view import Looker
from cstui.storage.transaction import Transaction

_ENDED = (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE)


class Told(Protocol):
    """Who is told, inside the transaction, what became of a subscription: mails, for one."""

    def changed(
        self, tx: Transaction, row: Any, action: str, before: SubscriptionFacts, after: SubscriptionFacts
    ) -> None:
        """A step was stored. `row` is the subscription's own row as it stood before; `action` is the word of the audit."""
        ...


@dataclass(frozen=True, slots=True)
class HeldSubscription:
    """A subscription under its lock inside a transaction: its row and facts as they stand, and who works on it."""

    tx: Transaction
    actor: Actor
    row: Any
    facts: SubscriptionFacts
    grip: Grip
    save_id: str
    told: Told | None = None

    @property
    def id(self) -> int:
        """The subscription's key."""
        return int(self.row.id)


def seen(tx: Transaction, actor: Actor, subscription_id: int) -> Any:
    """The subscription's row. Errors: `NotFound`, also for another store's."""
    row = subscriptions.row(tx, subscription_id)
    if row is None:
        raise missing()
    require_visible(actor, Permission.SUBSCRIPTION_VIEW, row.store_id, "such subscription")
    return row


def missing() -> NotFound:
    """The refusal of a subscription that is not there, or not for this person."""
    return NotFound(
        "There is no such subscription here.", "Check the number, or ask for access to its store."
    )


def held(
    tx: Transaction, actor: Actor, subscription_id: int, grip: Grip, save_id: str, told: Told | None = None
) -> HeldSubscription | None:
    """The subscription under the grip, ready to be written; None where `save_id` was stored before.

    Whoever calls this has checked what the person may do. Errors: `NotFound`, `LockBroken`, `RecordChanged`.
    """
    seen(tx, actor, subscription_id)
    if save_id and audit.saved(tx, save_id):
        return None
    locks.require_held(tx, Kind.SUBSCRIPTION, subscription_id, grip, actor)
    row = seen(tx, actor, subscription_id)
    return HeldSubscription(tx, actor, row, subscriptions.facts_of(row), grip, save_id, told)


def taken(
    tx: Transaction, actor: Actor, subscription_id: int, save_id: str = "", told: Told | None = None
) -> HeldSubscription:
    """The subscription for a process that asks for no lock (what was planned with a refund, for one): its row is locked here.

    Errors: `NotFound`.
    """
    row = subscriptions.row(tx, subscription_id, lock=True)
    if row is None:
        raise missing()
    grip = Grip("", row.fence, row.version)
    return HeldSubscription(tx, actor, row, subscriptions.facts_of(row), grip, save_id, told)


def require_rights(tx: Transaction, actor: Actor, store_id: int, step: Step) -> None:
    """Passes where the person may do all that a step does. Errors: `NotPermitted`."""
    for action in actions_of(step) or (SubscriptionAction.DATE,):
        if action is SubscriptionAction.CARD and actor.may(Permission.CARD_MANAGE, store_id):
            require(tx, actor, Permission.CARD_MANAGE, store_id)
        else:
            require(tx, actor, RIGHTS.get(action, Permission.SUBSCRIPTION_UPDATE), store_id)


#: Actions with a right of their own; all others are changes of subscriptions.
RIGHTS = {SubscriptionAction.PRICE: Permission.SUBSCRIPTION_PRICE}


def stepped(tx: Transaction, row: Any, facts: SubscriptionFacts, step: Step) -> SubscriptionFacts:
    """What a step makes of the facts, its product and card looked up. Errors: `InvalidInput`, `InvalidFields`, `NotPossibleNow`."""
    product = None
    if isinstance(step, SubscriptionChange):
        product = _product(tx, row, step)
        if step.card_id is not None:
            _require_card(tx, row, step.card_id)
    return after(facts, step, today_in(row.zone, tx.now), tx.now, product)


def previewed(tx: Transaction, row: Any, facts: SubscriptionFacts) -> Any:
    """The bills to come of a subscription whose facts would be these."""
    today = today_in(row.zone, tx.now)
    card = subscription_view.card_facts(subscriptions.card(tx, facts.card_id))
    return preview(
        facts, today, tx.now, card, bill_time=row.bill_time, is_past_bill_time=is_due(today, row.bill_time, row.zone, tx.now)
    )  # fmt: skip


def save(
    held: HeldSubscription, step: Step, action: str, reason: str = "", *, keep_lock: bool = False
) -> SubscriptionFacts:
    """Stores what a step makes of the subscription. Nothing different: only the lock is freed.

    Bills that have not been sent are taken back with it: they are armed again with what stands then. Errors: as `stepped`; `NotPossibleNow`
    where a bill is being sent and the step would change what it is; `RecordChanged`.
    """
    to = stepped(held.tx, held.row, held.facts, step)
    if to == held.facts:
        if not keep_lock:
            locks.free(held.tx, held.grip.token)
        return to
    if to.status is not held.facts.status:
        # What could have been planned has happened at once: the day was today, or no bill was to come first.
        action = _AT_ONCE.get(to.status, action) if isinstance(step, Cancel | Pause) else action
    return write(held, to, action, reason, keep_lock=keep_lock, is_harmless=_is_harmless(step))


def write(
    held: HeldSubscription,
    to: SubscriptionFacts,
    action: str,
    reason: str = "",
    *,
    keep_lock: bool = False,
    is_harmless: bool = True,
) -> SubscriptionFacts:
    """Stores other facts: withdraws what waits to be sent, keeps the open period in step, frees the lock, tells and audits.

    `is_harmless`: it may be stored while a bill is being sent. Errors: `NotPossibleNow`, `RecordChanged`.
    """
    tx, row, version = held.tx, held.row, held.grip.version
    busy = subscriptions.under_way(tx, row.customer_id, held.id)
    withdrawn, taken_up = subscriptions.withdraw_waiting(tx, row.customer_id, held.id)
    if (busy or taken_up) and not is_harmless:
        raise NotPossibleNow(
            "A bill of this subscription is under way.", "Wait for its outcome, then change it; cancelling is possible at once."
        )  # fmt: skip
    if not subscriptions.write(tx, held.id, version, held.facts, to):
        raise locks.changed(tx, locks.target(tx, Kind.SUBSCRIPTION, held.id), version)
    _keep_period(held, to, is_open=bool(busy or taken_up))
    if not keep_lock:
        locks.free(tx, held.grip.token)
    if held.told is not None:
        held.told.changed(tx, row, action, held.facts, to)
    if withdrawn:
        tx.publish("payment", Kind.SUBSCRIPTION, held.id)
    tx.publish("saved", Kind.SUBSCRIPTION, held.id, version=version + 1, by=held.actor.name)
    audit.append(
        tx,
        NewEvent(
            held.actor, row.store_id, Kind.SUBSCRIPTION, held.id, action, changes_of(held.facts, to, _cards(tx, held.facts, to)),
            reason=reason, version=version + 1, fence=held.grip.fence, customer_id=row.customer_id, save_id=held.save_id,
        ),
    )  # fmt: skip
    return to


def view_of(tx: Transaction, looker: Looker, subscription_id: int) -> SubscriptionView:
    """The subscription as it stands now. Errors: `NotFound`."""
    found = subscription_view.read(tx, subscription_id, looker)
    if found is None:
        raise missing()
    return found


_AT_ONCE = {
    SubscriptionStatus.CANCELLED: "subscription cancelled",
    SubscriptionStatus.PAUSED: "subscription paused",
}


def _is_harmless(step: Step) -> bool:
    if isinstance(step, Cancel | Pause):
        return True
    return isinstance(step, SubscriptionChange) and set(actions_of(step)) <= {
        SubscriptionAction.CARD,
        SubscriptionAction.CANCEL,
    }


def _keep_period(held: HeldSubscription, to: SubscriptionFacts, *, is_open: bool) -> None:
    """The period that the next bill is of follows the subscription; one whose bill is under way is left to its outcome."""
    tx, was = held.tx, held.facts
    if to.cycle > was.cycle:
        # A cycle that was left out is over, uncharged.
        day = was.next_bill_date or today_in(held.row.zone, tx.now)
        subscriptions.put_period(
            tx, held.id, to.cycle, day, to.currency, state=PeriodState.SKIPPED, amount=0, note="Skipped", closed_at=tx.now
        )  # fmt: skip
        return
    found = subscriptions.period(tx, held.id, was.cycle + 1)
    if found is None or is_open or found.state is PeriodState.BILLED:
        return
    if to.status in _ENDED and found.state is PeriodState.DUE:
        failed = was.attempts > 0 or found.tries > 0
        subscriptions.change_period(
            tx, found.id, state=PeriodState.FAILED if failed else PeriodState.SKIPPED, note="Cancelled", closed_at=tx.now
        )  # fmt: skip
    elif to.next_bill_date is not None and was.status in _REOPENS and to.status not in _REOPENS:
        subscriptions.change_period(
            tx, found.id, state=PeriodState.DUE, bill_date=to.next_bill_date, amount=to.total, note="", tries=0, closed_at=None, is_missed=False
        )  # fmt: skip
    elif found.state is PeriodState.DUE:
        subscriptions.change_period(
            tx, found.id, bill_date=to.next_bill_date or found.bill_date, amount=to.total
        )


_REOPENS = (SubscriptionStatus.CANCELLED, SubscriptionStatus.RECYCLE_FAILED)


def _product(tx: Transaction, row: Any, change: SubscriptionChange) -> ProductFacts | None:
    if change.product_id is None and change.option is None:
        return None
    if change.product_id is not None:
        found = subscriptions.product(tx, row.store_id, product_id=change.product_id)
        if found is None:
            raise InvalidInput(
                "product",
                str(change.product_id),
                "This product is not sold in this store.",
                "Choose another one.",
            )
        return found
    option = change.option or ""
    found = subscriptions.product(tx, row.store_id, name=row.product, option=option)
    if found is None:
        raise InvalidInput(
            "option",
            option[:60],
            f"{row.product} has no such option.",
            "Choose one of the product's options.",
        )
    return found


def _require_card(tx: Transaction, row: Any, card_id: int) -> None:
    """Passes where the card is the customer's own and can be charged. Errors: `InvalidInput`."""
    card = subscriptions.card(tx, card_id)
    if card is None or card.customer_id != row.customer_id or card.removed_at is not None:
        raise InvalidInput(
            "card", str(card_id), "This card is not on the customer's file.", "Choose another one."
        )
    facts: CardFacts = subscription_view.card_facts(card)
    if facts.expires is not None and facts.expires < today_in(row.zone, tx.now):
        raise InvalidInput(
            "card", str(card_id), f"{facts.words} expired {card.expiry_month:02d}/{card.expiry_year}.", "Ask for another card."
        )  # fmt: skip
    if not card.vault_ref:
        raise InvalidInput(
            "card",
            str(card_id),
            f"No gateway keeps {facts.words}, so it cannot be charged.",
            "Add the card anew.",
        )


def _cards(tx: Transaction, before: SubscriptionFacts, after: SubscriptionFacts) -> dict[int, str]:
    if before.card_id == after.card_id:
        return {}
    keys = [key for key in (before.card_id, after.card_id) if key is not None]
    return {key: subscription_view.card_facts(subscriptions.card(tx, key)).words for key in keys}


def under_way_words(tx: Transaction, row: Any) -> str:
    """What of it cannot be taken back any more, as a warning; empty where nothing is under way."""
    busy = subscriptions.under_way(tx, row.customer_id, row.id)
    if not busy:
        return ""
    money = Money(busy[0].amount, row.currency)
    return f"A charge of {money.plain()} {money.currency} is under way and cannot be taken back; refund it if it goes through."
