"""What is done with cards on file: default, what they pay, and removing one, first at the gateway and then here (CARD-03, CARD-06, CARD-08)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import AttemptInFlight, vault_guard
from cstui.domain.audit import Change
from cstui.domain.card_desk import Applied, CardRemoval, FollowUp, Removing, card_name
from cstui.domain.errors import NotFound, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind
from cstui.domain.payments import IN_FLIGHT, AttemptState
from cstui.domain.permissions import Permission
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.access import current_grants
from cstui.services.customer_access import permitted_customer, seen_customer
from cstui.services.gateways.registry import Gateways
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, cards, lock_rows, search_index
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.settings import Settings

_FAILED = (SubscriptionStatus.PAST_DUE, SubscriptionStatus.RECYCLE_FAILED)
_ADVICE_MOVE = "Let another card pay first: add one, or make another the default and use it for them."


class CardUses:
    """The use cases of a card that is on file already. Cards belong to the organisation, not to a store."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        gateways: Gateways,
        verification: Verifications | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._gateways = gateways
        self._verification = verification or Verifications(database, settings)

    def make_default(self, actor: Actor, card_id: int, save_id: str, desk: str = "") -> str:
        """Makes a card the customer's default in every store (CARD-06, CARD-08); returns its name.

        Errors: `NotFound`, `NotPermitted`, `NotVerified`, `NotPossibleNow` for one that was removed.
        """
        with self._database.write(save_id) as tx:
            card = self._card(tx, actor, card_id)
            name = card_name(card.brand, card.last4)
            if card.removed_at is not None:
                raise NotPossibleNow(f"{name} was removed.", "Reload the profile.")
            if card.is_default or (save_id and audit.saved(tx, save_id)):
                return name
            self._verification.require_verified(tx, actor, card.customer_id, desk, "card")
            before = next((one for one in cards.live(tx, card.customer_id) if one.is_default), None)
            cards.set_default(tx, card.customer_id, card_id)
            old = card_name(before.brand, before.last4) if before is not None else ""
            tx.publish("payment", Kind.CUSTOMER, card.customer_id)
            _event(
                tx, actor, card.customer_id, "default card", (Change("cards.default", old, name),), save_id
            )
        return name

    # Removing ---------------------------------------------------------------------------------------

    def removal(self, actor: Actor, card_id: int) -> CardRemoval:
        """What removing a card would do, or why it cannot be removed now. Errors: `NotFound`, `NotPermitted`."""
        with self._database.read() as tx:
            card = self._card(tx, actor, card_id)
            others = [one for one in cards.live(tx, card.customer_id) if one.id != card_id]
            name = card_name(card.brand, card.last4)
            return CardRemoval(card_id, name, self._blocked(tx, card), bool(card.is_default), not others)

    def remove(self, actor: Actor, card_id: int, save_id: str, desk: str = "") -> Removing:
        """Arms the removal of a card at its gateway; when the gateway has removed it, it leaves the file (CARD-03).

        Asked again after one half of it failed, it repairs the other (W32); where all is done already it says so. Errors: `NotPossibleNow` with
        what stands in the way, `AttemptInFlight`, `NotVerified`, `NotFound`, `NotPermitted`.
        """
        key = key_of("vault_remove", save_id)
        with self._database.write(save_id) as tx:
            card = self._card(tx, actor, card_id)
            name = card_name(card.brand, card.last4)
            known = cards.attempt_with(tx, key)
            last = known or cards.last_removal(tx, card_id)
            waits = not cards.has_worker(tx)
            if last is not None and AttemptState(last.state) in IN_FLIGHT:
                if last.state == AttemptState.UNKNOWN:
                    attempts.look_now(tx, [last.id])
                return Removing(name, False, last.id, waits)
            if known is not None or (
                card.removed_at is not None and last is not None and last.state == AttemptState.SUCCEEDED
            ):
                return Removing(name, card.removed_at is not None, known.id if known is not None else 0)
            blocked = self._blocked(tx, card)
            if blocked:
                raise NotPossibleNow(blocked, _ADVICE_MOVE if "pays" in blocked else "")
            self._verification.require_verified(tx, actor, card.customer_id, desk, "card")
            attempt_id = self._arm_removal(tx, actor, card, key)
            tx.publish("payment", Kind.CUSTOMER, card.customer_id)
            change = Change(f"cards.{card_id}", name, "")
            _event(tx, actor, card.customer_id, "removing a card", (change,), save_id)
        return Removing(name, False, attempt_id, waits)

    def _arm_removal(self, tx: Transaction, actor: Actor, card: Any, key: str) -> int:
        guard = vault_guard(card.customer_id, card.gateway, card.account)
        require_free(tx, guard)
        store_id, currency = self._store_for(tx, actor, card.customer_id)
        return attempts.add(
            tx,
            {
                "key": key, "guard_key": guard, "chain": f"card:{card.id}", "store_id": store_id, "customer_id": card.customer_id,
                "card_id": card.id, "operation": Operation.VAULT_REMOVE, "state": AttemptState.ARMED, "amount": 0, "currency": currency,
                "gateway": card.gateway, "account": card.account, "is_test": bool(card.is_test), "requested_by_id": actor.staff_id,
                "requested_by": actor.name, "terminal": actor.terminal, "execute_after": tx.now,
            },
        )  # fmt: skip

    def _blocked(self, tx: Transaction, card: Any) -> str:
        """Why a card cannot be removed now, in words; empty where it can."""
        name = card_name(card.brand, card.last4)
        if not self._gateways.is_open(card.gateway, card.account):
            return f"{name} is kept at {card.gateway or 'no gateway'}, where cstui cannot remove it."
        if not card.vault_ref or not self._gateways.capabilities(card.gateway, card.account).removes_cards:
            return f"{name} has no record of its own at {card.gateway}."
        if not card.billing_ref and any(
            one.id != card.id and one.vault_ref == card.vault_ref and one.account == card.account
            for one in cards.live(tx, card.customer_id)
        ):
            return f"{name} shares its record at {card.gateway} with another card."
        paid = cards.paid_by(tx, card.id)
        if paid:
            return f"{name} pays {', '.join(row.product for row in paid)}."
        if cards.waiting_for(tx, card.id):
            return f"A payment or refund with {name} is still under way."
        return ""

    # What it pays -----------------------------------------------------------------------------------

    def follow_through(self, actor: Actor, customer_id: int, card_id: int) -> tuple[FollowUp, ...]:
        """The live subscriptions that this card does not pay yet and the actor may change, failed charges first (D-17, C-23).

        Errors: `NotFound`.
        """
        with self._database.read() as tx:
            known = seen_customer(tx, actor, customer_id)
            rows = cards.subscriptions_of(tx, customer_id, known.actor.stores(Permission.SUBSCRIPTION_UPDATE))
        found = [
            FollowUp(
                row.id,
                " ".join(part for part in (row.product, row.option) if part),
                SubscriptionStatus(row.status),
                row.next_bill_date,
                card_name(row.brand, row.last4) if row.last4 else "no card",
                SubscriptionStatus(row.status) in _FAILED,
            )
            for row in rows
            if row.card_id != card_id
        ]
        return tuple(sorted(found, key=lambda one: not one.is_failed))

    def apply(
        self, actor: Actor, card_id: int, subscription_ids: tuple[int, ...], save_id: str, desk: str = ""
    ) -> Applied:
        """Lets a card pay these subscriptions from their next charge on; what somebody else is editing is named and left (D-17).

        Errors: `NotFound`, `NotPermitted`, `NotVerified`, `NotPossibleNow` for a card that was removed.
        """
        done: list[str] = []
        left: list[str] = []
        with self._database.write(save_id) as tx:
            card = self._card(tx, actor, card_id)
            if card.removed_at is not None:
                raise NotPossibleNow("This card was removed.", "Reload the profile.")
            if not (save_id and audit.saved(tx, save_id)):
                self._verification.require_verified(tx, actor, card.customer_id, desk, "card")
            events: list[NewEvent] = []
            grants = current_grants(tx, actor)
            for subscription_id in sorted(set(subscription_ids)):
                self._use(tx, actor, grants, card, subscription_id, (done, left, events), save_id)
            if events:
                tx.publish("payment", Kind.CUSTOMER, card.customer_id)
                audit.append_all(tx, events)
        return Applied(tuple(done), tuple(left))

    def _use(
        self,
        tx: Transaction,
        actor: Actor,
        grants: tuple[Any, ...],
        card: Any,
        subscription_id: int,
        outcome: tuple[list[str], list[str], list[NewEvent]],
        save_id: str,
    ) -> None:
        done, left, events = outcome
        row = cards.subscription(tx, subscription_id)
        present = Actor(actor.staff_id, actor.name, actor.terminal, actor.session_id, grants)
        if (
            row is None
            or row.customer_id != card.customer_id
            or not present.may(Permission.SUBSCRIPTION_UPDATE, row.store_id)
        ):
            left.append("A subscription that is not here")
            return
        held = lock_rows.held(tx, Kind.SUBSCRIPTION, subscription_id)
        if held is not None and held.lease_until >= tx.clock():
            left.append(f"{row.product}: {held.holder_name} is editing it")
            return
        if row.card_id == card.id:
            done.append(row.product)
            return
        before = cards.read(tx, row.card_id) if row.card_id is not None else None
        version = cards.use_for(tx, subscription_id, card.id).version
        old = card_name(before.brand, before.last4) if before is not None else ""
        change = Change("card", old, card_name(card.brand, card.last4))
        tx.publish("saved", Kind.SUBSCRIPTION, subscription_id, version=version, by=actor.name)
        events.append(
            NewEvent(
                actor, row.store_id, Kind.SUBSCRIPTION, subscription_id, "card changed", (change,), "", version,
                customer_id=card.customer_id, save_id="" if events else save_id,
            )
        )  # fmt: skip
        done.append(row.product)

    # What all need ----------------------------------------------------------------------------------

    def _card(self, tx: Transaction, actor: Actor, card_id: int) -> Any:
        """A card of a customer whose cards the actor may manage, removed ones too, locked. Errors: `NotFound`, `NotPermitted`."""
        card = cards.read(tx, card_id)
        if card is None:
            raise NotFound("There is no such card here.", "Reload the profile.")
        permitted_customer(tx, actor, card.customer_id, Permission.CARD_MANAGE)
        return card

    def _store_for(self, tx: Transaction, actor: Actor, customer_id: int) -> tuple[int, str]:
        """A store through which the actor manages this customer's cards, with its currency."""
        known = seen_customer(tx, actor, customer_id)
        store_id = next((one for one in known.stores if known.actor.may(Permission.CARD_MANAGE, one)), 0)
        if not store_id:
            raise NotPossibleNow("This customer is known in no store here.", "")
        return store_id, cards.store_of(tx, store_id)[1]


def require_free(tx: Transaction, guard: str) -> None:
    """Passes where no other card of this customer is being added or removed at the account. Errors: `AttemptInFlight`."""
    busy = attempts.in_flight_on(tx, guard)
    if busy is None:
        return
    unknown = busy.state == AttemptState.UNKNOWN
    if unknown:
        raise AttemptInFlight(
            "What became of an earlier card of this customer is still being checked.",
            "It is found out by itself within minutes; the very same card may be typed again at once.",
            by=busy.requested_by,
            unknown=True,
        )
    raise AttemptInFlight(
        f"{busy.requested_by or 'Somebody'} is adding or removing a card of this customer right now.",
        "Wait a moment, then try again.",
        by=busy.requested_by,
    )


def key_of(what: str, save_id: str) -> str:
    """The key of an attempt that a save id stands for: repeated, it is the same attempt."""
    return hashlib.sha256(f"{what}:{save_id}".encode()).hexdigest()[:32]


def _event(
    tx: Transaction, actor: Actor, customer_id: int, action: str, changes: tuple[Change, ...], save_id: str
) -> None:
    search_index.index_customer(tx, customer_id)
    audit.append(
        tx,
        NewEvent(
            actor, audit.ORGANISATION, Kind.CUSTOMER, customer_id, action, changes, customer_id=customer_id, save_id=save_id
        ),
    )  # fmt: skip
