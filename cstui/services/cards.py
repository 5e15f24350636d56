"""Adding cards: typed at this desk, handed to a worker, or typed by the customer on a page that he is sent a link to (CARD-04, W31).

What is recorded before anything is sent names the card by ids that we chose, its brand and its last four digits; number and code are only
ever in the memory of the process that sends them.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.attempts import GatewayUnknown, NoWorker, vault_guard
from cstui.domain.audit import Change
from cstui.domain.card_desk import (
    CardDesk,
    CardIntakeAway,
    CardKept,
    CardRefused,
    CardWay,
    LinkSent,
    Way,
    card_name,
)
from cstui.domain.cards import TypedCard
from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError, NotPossibleNow
from cstui.domain.gateway_accounts import GatewayAccountRow
from cstui.domain.gateway_rules import KINDS
from cstui.domain.gateways import Answer, Operation, Why
from cstui.domain.ids import Kind, new_token
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Permission
from cstui.services.access import require
from cstui.services.card_links import CardLinks
from cstui.services.card_uses import CardUses, key_of, require_free
from cstui.services.customer_access import permitted_customer
from cstui.services.gateways.registry import Gateways
from cstui.services.sending import Sending
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import attempts, audit, cards
from cstui.storage.queries.attempts import Claimed
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.settings import Settings

_LOG = logging.getLogger("cstui.money")
_LONGEST_NAME = 120
_NOT_KEPT: dict[Why, str] = {
    Why.CARD_DATA: "Read number, expiry and code back to the caller.",
    Why.DECLINED: "Ask for another card, or try later.",
    Why.NEVER: "Ask for another card.",
    Why.NOT_SENT: "Nothing was sent. Try again in a moment.",
    Why.BUSY: "Nothing was sent. Try again in a moment.",
    Why.ACCOUNT: "Send a card link, or ask whoever looks after the gateway accounts.",
}


class Intake(Protocol):
    """Where a desk without keys hands a typed card to a worker."""

    def keep(self, key: str, card: TypedCard) -> None:
        """Hands the card of this attempt over and waits until its outcome is stored. Errors: `CardIntakeAway` where nothing was handed over."""
        ...


@dataclass(frozen=True, slots=True)
class _Begun:
    attempt_id: int
    claimed: Claimed | None
    store_id: int
    through_worker: bool = False


class Cards(CardUses):
    """The cards of a customer: adding, using, removing."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        gateways: Gateways,
        verification: Verifications | None = None,
        intake: Intake | None = None,
    ) -> None:
        super().__init__(database, settings, gateways, verification)
        self.intake = intake
        self._sending = Sending(database, gateways, settings, f"desk-{new_token()}")
        self._links = CardLinks(database, gateways)

    # Which ways there are ---------------------------------------------------------------------------

    def begin_add(self, actor: Actor, customer_id: int, store_id: int, desk: str = "") -> CardDesk:
        """Where a new card would be kept and how it can come there; each way that is not possible says why.

        Errors: `NotVerified` before anything is typed, `NotPossibleNow` where the store has no open account, `NotFound`, `NotPermitted`.
        """
        row = self._main_account(store_id)
        with self._database.read() as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CARD_MANAGE, lock=False)
            contact = known.row.contact
            self._verification.require_verified(tx, actor, customer_id, desk, "card")
            return CardDesk(
                customer_id, store_id, cards.store_of(tx, store_id)[0], row.gateway, row.name, row.is_test,
                self._typed_way(tx, row), self._link_way(tx, row, contact.email), contact.name, cards.postcode_of(tx, customer_id),
                contact.email, bool(cards.live(tx, customer_id)),
            )  # fmt: skip

    def _main_account(self, store_id: int) -> GatewayAccountRow:
        """The store's main open account; the store's own goes before one for all, a main one before another."""
        fitting = [
            row
            for row in self._gateways.rows()
            if row.is_open and row.gateway in KINDS and row.store_id in (store_id, None)
        ]
        if not fitting:
            raise NotPossibleNow(
                "This store has no open gateway account that cards can be kept at.",
                "“cstui gateway list” shows them; “cstui gateway add” adds one.",
            )
        return min(fitting, key=lambda row: (row.store_id is None, not row.is_main, row.id))

    def _typed_way(self, tx: Transaction, row: GatewayAccountRow) -> Way:
        if not self._gateways.capabilities(row.gateway, row.name).typed_cards:
            return Way(CardWay.TYPED, f"{row.gateway} takes no typed card numbers for this account.")
        if self._has_key(row):
            return Way(CardWay.TYPED)
        if self.intake is None:
            return Way(
                CardWay.TYPED, "This desk has neither the gateway's key nor a way to hand a card to a worker."
            )
        if not cards.has_worker(tx, with_intake=True):
            return Way(CardWay.TYPED, "No worker that takes typed cards is running.")
        return Way(CardWay.TYPED, through_worker=True)

    def _link_way(self, tx: Transaction, row: GatewayAccountRow, email: str) -> Way:
        if not self._gateways.capabilities(row.gateway, row.name).card_links:
            return Way(CardWay.LINK, f"{row.gateway} has no page where a customer types a card.")
        if not email:
            return Way(CardWay.LINK, "The customer has no e-mail address to send a link to.")
        if self._has_key(row) or cards.has_worker(tx):
            return Way(CardWay.LINK)
        return Way(CardWay.LINK, "No worker is running that could make the page.")

    def _has_key(self, row: GatewayAccountRow) -> bool:
        return bool(self._gateways.key_source(row.account))

    # Typed ------------------------------------------------------------------------------------------

    def add_typed(
        self,
        actor: Actor,
        customer_id: int,
        store_id: int,
        card: TypedCard,
        *,
        default: bool = False,
        save_id: str,
        desk: str = "",
    ) -> CardKept:
        """Vaults a typed card without charging it, and takes it on file (CARD-04). The card is forgotten when this returns or raises.

        Repeated with the same `save_id` it answers for the same attempt. Errors: `CardRefused` with the gateway's words, `GatewayUnknown` where no
        answer came (the card appears by itself once it is found), `CardIntakeAway`, `AttemptInFlight`, `NotPossibleNow`, `NotVerified`,
        `NotFound`, `NotPermitted`, `DatabaseAway`.
        """
        try:
            begun = self._begin(actor, customer_id, store_id, card, default, save_id, desk)
            if begun.claimed is not None:
                self._hand_over(begun, begun.claimed, card)
        except CstuiError:
            raise
        except Exception as error:
            # The text of a fault in here could hold what was typed, and a code of three digits cannot be told from any other.
            raise RuntimeError(f"adding a card failed: {type(error).__name__}") from None
        finally:
            card.wipe()
        return self._outcome(begun.attempt_id)

    def _begin(
        self,
        actor: Actor,
        customer_id: int,
        store_id: int,
        card: TypedCard,
        default: bool,
        save_id: str,
        desk: str,
    ) -> _Begun:
        """Commits the attempt as `sending`, or finds the one that this save id stands for."""
        row = self._main_account(store_id)
        key = key_of("vault_add", save_id)
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CARD_MANAGE)
            require(tx, actor, Permission.CARD_MANAGE, store_id)
            before = cards.attempt_with(tx, key)
            if before is not None:
                return _Begun(before.id, None, store_id)
            way = self._typed_way(tx, row)
            if not way.is_possible:
                raise NotPossibleNow(way.why_not, "Send a card link instead.")
            self._verification.require_verified(tx, actor, customer_id, desk, "card")
            facts = {
                **self._names(tx, customer_id, row), "brand": card.brand, "last4": card.last4, "bin6": card.bin6,
                "month": card.expiry_month, "year": card.expiry_year,
                "holder": clean(card.holder, limit=_LONGEST_NAME) or known.row.contact.name, "default": default,
            }  # fmt: skip
            attempt_id = self._same_card_again(tx, customer_id, row, facts)
            if not attempt_id:
                attempt_id = self._add_attempt(tx, actor, (customer_id, store_id, row), facts, key)
            change = Change("cards", "", card_name(card.brand, card.last4))
            audit.append(
                tx,
                NewEvent(
                    actor, audit.ORGANISATION, Kind.CUSTOMER, customer_id, "adding a card", (change,), customer_id=customer_id,
                    save_id=save_id,
                ),
            )  # fmt: skip
            return _Begun(attempt_id, attempts.claimed(tx, attempt_id), store_id, way.through_worker)

    def _add_attempt(
        self,
        tx: Transaction,
        actor: Actor,
        where: tuple[int, int, GatewayAccountRow],
        facts: dict[str, Any],
        key: str,
    ) -> int:
        customer_id, store_id, row = where
        return attempts.add(
            tx,
            {
                "key": key, "guard_key": vault_guard(customer_id, row.gateway, row.name), "store_id": store_id,
                "customer_id": customer_id, "operation": Operation.VAULT_ADD, "state": AttemptState.SENDING, "amount": 0,
                "currency": cards.store_of(tx, store_id)[1], "gateway": row.gateway, "account": row.name, "is_test": row.is_test,
                "payload": json.dumps(facts), "tries": 1, "requested_by_id": actor.staff_id, "requested_by": actor.name,
                "terminal": actor.terminal, "sent_at": tx.now, "worker": self._sending.token,
            },
        )  # fmt: skip

    def _same_card_again(
        self, tx: Transaction, customer_id: int, row: GatewayAccountRow, facts: dict[str, Any]
    ) -> int:
        """The attempt that is still open for this very card, sent again under the names that it chose: one card is kept, whatever came before.

        0 where nothing is open. Errors: `AttemptInFlight` where something else is.
        """
        guard = vault_guard(customer_id, row.gateway, row.name)
        busy = attempts.in_flight_on(tx, guard)
        if busy is None:
            return 0
        before = attempts.read(tx, busy.id)
        same = ("brand", "last4", "bin6", "month", "year")
        if before is None or before.operation != Operation.VAULT_ADD or before.state != AttemptState.UNKNOWN:
            require_free(tx, guard)
            return 0
        chosen = json.loads(before.payload)
        if any(chosen.get(name) != facts[name] for name in same):
            require_free(tx, guard)
        attempts.change(
            tx, before.id, state=AttemptState.SENDING, tries=before.tries + 1, worker=self._sending.token, next_check_at=None
        )  # fmt: skip
        return int(before.id)

    @staticmethod
    def _names(tx: Transaction, customer_id: int, row: GatewayAccountRow) -> dict[str, str]:
        """The card's names at the gateway, chosen before it is sent: the vault that holds his other cards, and an entry of its own (W31)."""
        known = cards.customer_at(tx, customer_id, row.gateway, row.name)
        alone = {one.vault_ref for one in known if not one.billing_ref}
        # A vault whose card has no entry of its own must stay that card's: two could not be told apart any more.
        vault = next((one.vault_ref for one in known if one.vault_ref not in alone), "")
        return {"vault": vault or new_token(), "billing": new_token()}

    def _hand_over(self, begun: _Begun, claimed: Claimed, card: TypedCard) -> None:
        if not begun.through_worker:
            self._sending.send(claimed, card)
            return
        try:
            if self.intake is None:
                raise CardIntakeAway("There is no worker to hand a card to.", "Send a card link instead.")
            self.intake.keep(claimed.ask.key, card)
        except CardIntakeAway as error:
            # Nothing was handed over, so nothing was sent: that is certain, and frees the customer's vault at once.
            self._sending.store_answer(
                claimed, Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text=error.message)
            )
            raise

    def _outcome(self, attempt_id: int) -> CardKept:
        with self._database.read() as tx:
            row = attempts.read(tx, attempt_id)
            card = cards.read(tx, row.card_id) if row is not None and row.card_id is not None else None
        if row is None:
            raise NotPossibleNow("This card was not recorded.", "Try again.")
        state = AttemptState(row.state)
        if state is AttemptState.SUCCEEDED and card is not None:
            return CardKept(card.id, card_name(card.brand, card.last4), bool(card.is_default))
        if state in (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.PENDING):
            raise GatewayUnknown(
                f"{row.gateway} has not answered; whether the card was kept is being checked.",
                "It appears here by itself when it was.",
            )
        why = Why(row.why)
        said = clean(row.response_text, limit=200) or "The gateway refused the card."
        raise CardRefused(
            said if said.endswith(".") else f"{said}.", _NOT_KEPT.get(why, "Ask for another card."), why=why.value
        )  # fmt: skip

    # Links ------------------------------------------------------------------------------------------

    def send_link(
        self, actor: Actor, customer_id: int, store_id: int, save_id: str, desk: str = ""
    ) -> LinkSent:
        """Mails the customer a page of the gateway's where he types his card himself; the card comes on file when he has.

        Where this process has the account's key the page is made at once, else by a worker. Errors: `NotPossibleNow` with the reason,
        `NoWorker`, `NotVerified`, `NotFound`, `NotPermitted`.
        """
        row = self._main_account(store_id)
        key = key_of("card_link", save_id)
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CARD_MANAGE)
            require(tx, actor, Permission.CARD_MANAGE, store_id)
            email = known.row.contact.email
            way = self._link_way(tx, row, email)
            if not way.is_possible:
                error: CstuiError = NotPossibleNow(way.why_not, "")
                raise NoWorker(way.why_not, "Start “cstui worker”.") if "worker" in way.why_not else error
            self._verification.require_verified(tx, actor, customer_id, desk, "card")
            before = cards.link_with(tx, key)
            if before is None and save_id and audit.saved(tx, save_id):
                return LinkSent(0, email, True)
            link_id = (
                before.id
                if before is not None
                else self._add_link(tx, actor, (customer_id, store_id, row), key)
            )
            if before is None:
                change = Change("card link", "", f"{row.gateway} {row.name}")
                audit.append(
                    tx,
                    NewEvent(
                        actor, audit.ORGANISATION, Kind.CUSTOMER, customer_id, "card link sent", (change,), customer_id=customer_id,
                        save_id=save_id,
                    ),
                )  # fmt: skip
                tx.publish("payment", Kind.CUSTOMER, customer_id)
        if self._has_key(row):
            self._links.check_one(link_id)
        return self._sent(link_id, email)

    @staticmethod
    def _add_link(tx: Transaction, actor: Actor, where: tuple[int, int, GatewayAccountRow], key: str) -> int:
        customer_id, store_id, row = where
        return cards.add_link(
            tx, customer_id=customer_id, store_id=store_id, gateway=row.gateway, account=row.name, gateway_ref=key,
            requested_by=actor.name,
        )  # fmt: skip

    def _sent(self, link_id: int, email: str) -> LinkSent:
        with self._database.read() as tx:
            row = cards.read_link(tx, link_id)
        if row is None:
            raise NotPossibleNow("The card link was not recorded.", "Try again.")
        return LinkSent(link_id, email, bool(row.url), row.expires_at)
