"""Card links: a page of the gateway's where the customer types his card himself. Made, mailed once, and looked at until used or expired."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError
from cstui.domain.gateways import Ask, CardLink, CardRef, Finding, Operation, Seen
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.services import card_effects
from cstui.services.mail.outbox import queue_card_link
from cstui.services.sending import Line
from cstui.storage.database import Database
from cstui.storage.queries import cards, customers
from cstui.storage.transaction import Transaction

if TYPE_CHECKING:
    from cstui.services.gateways.base import Gateway

_LOG = logging.getLogger("cstui.money")
#: How often an open page is looked at while the customer may be filling it, and afterwards.
_SOON, _LATER, _AT_FIRST = timedelta(seconds=20), timedelta(minutes=5), timedelta(minutes=15)
#: After a fault, and for how long a page that cannot be made is tried at all.
_AFTER_FAULT, _GIVE_UP = timedelta(minutes=1), timedelta(hours=1)
#: So long after its end a page is still asked about: its last answer may come late.
_PAST_THE_END = timedelta(hours=1)


class CardLinks:
    """Makes and watches card links; a worker's, or a desk's that has the account's key."""

    def __init__(self, database: Database, gateways: Line) -> None:
        self._database = database
        self._gateways = gateways

    def check_links(self, limit: int = 20) -> int:
        """Makes pages that were asked for and looks at open ones whose time has come; returns how many were handled."""
        handled = 0
        while handled < limit and self.check_one():
            handled += 1
        return handled

    def check_one(self, link_id: int = 0) -> bool:
        """Handles one link that is due (or the one named); False where none is."""
        with self._database.write() as tx:
            row = cards.claim_link(tx, link_id)
            ask = self._ask(tx, row) if row is not None else None
        if row is None or ask is None:
            return False
        try:
            adapter = self._gateways.of(row.gateway, row.account, checked=not row.url)
            if row.url:
                self._found(row, adapter.read_link(row.gateway_ref), adapter)
            else:
                self._made(row, adapter.open_link(ask))
        except CstuiError as error:
            self._failed(row, error.message)
        except Exception as error:  # whatever an adapter does wrong, the other links go on
            _LOG.error("a card link failed at %s: %s", row.gateway, type(error).__name__)
            self._failed(row, "No usable answer.")
        return True

    @staticmethod
    def _ask(tx: Transaction, row: Any) -> Ask:
        """The question for the page: the customer's own name at the gateway where he has one there."""
        known = cards.customer_at(tx, row.customer_id, row.gateway, row.account)
        vault = known[0].vault_ref if known else ""
        person = customers.stored(tx, row.customer_id, lock=False)
        contact = person.contact if person is not None else None
        return Ask(
            key=row.gateway_ref, operation=Operation.VAULT_ADD, amount=Money(0, cards.store_of(tx, row.store_id)[1]), customer=vault,
            card=CardRef(vault) if vault else None, holder=contact.name if contact else "", email=contact.email if contact else "",
        )  # fmt: skip

    def _made(self, row: Any, link: CardLink) -> None:
        with self._database.write() as tx:
            now = cards.read_link(tx, row.id)
            if now is None or now.url:
                return
            cards.change_link(
                tx, row.id, url=link.url, gateway_ref=link.ref, expires_at=link.expires_at, next_check_at=tx.now + _SOON
            )  # fmt: skip
            queue_card_link(tx, row.customer_id, row.store_id, link.url, link.expires_at)
            tx.publish("payment", Kind.CUSTOMER, row.customer_id)

    def _found(self, row: Any, finding: Finding, adapter: Gateway) -> None:
        with self._database.write() as tx:
            now = cards.read_link(tx, row.id)
            if now is None or not now.is_open:
                return
            kept = finding.answer.card if finding.answer is not None else None
            if finding.seen is Seen.DECIDED and kept is not None:
                card_effects.adopt_from_link(tx, now, kept, adapter.account.is_test)
                self._close(tx, row, "used")
            elif finding.seen in (Seen.DECIDED, Seen.UNDONE, Seen.CONFLICT):
                self._close(tx, row, clean(finding.text, limit=200) or "expired")
            elif row.expires_at is not None and tx.now > row.expires_at + _PAST_THE_END:
                self._close(tx, row, "expired")
            else:
                cards.change_link(tx, row.id, next_check_at=_next_look(row, finding, tx.now))

    def _failed(self, row: Any, text: str) -> None:
        with self._database.write() as tx:
            if not row.url and tx.now - row.created_at > _GIVE_UP:
                self._close(tx, row, clean(f"could not be made: {text}", limit=200))
            else:
                cards.change_link(
                    tx, row.id, next_check_at=tx.now + _AFTER_FAULT, outcome=clean(text, limit=200)
                )

    @staticmethod
    def _close(tx: Transaction, row: Any, outcome: str) -> None:
        cards.change_link(tx, row.id, is_open=False, outcome=outcome, next_check_at=None)
        tx.publish("payment", Kind.CUSTOMER, row.customer_id)


def _next_look(row: Any, finding: Finding, now: datetime) -> datetime:
    """Soon while the customer may be at it, later afterwards; a minute after a fault."""
    if finding.seen is Seen.UNREACHABLE:
        return now + _AFTER_FAULT
    return now + (_SOON if now - row.created_at < _AT_FIRST else _LATER)
