"""The embedded sandbox: a gateway with books of its own in the desk's database, for the demo, for training and for tests.

It moves no money and needs no key. Each call is a transaction of its own, never part of the caller's, so that it behaves like another
company's machine; several processes may use it at once.

Options of its account: `settle` (`cut_off`, or seconds until a charge settles), `refunds_unsettled` (yes: refunds before settlement),
`later` (seconds until a pending refund is decided, a failing one fails, a card link is used; 60), `pause` (seconds before an answer that
does not come is given up; 0).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from cstui.domain.cards import TypedCard
from cstui.domain.errors import DatabaseAway, OutcomeUnknown
from cstui.domain.gateway_rules import capabilities_of
from cstui.domain.gateways import (
    Account,
    Answer,
    Ask,
    Capabilities,
    CardLink,
    CardRef,
    Finding,
    GivenBack,
    KeptCard,
    Operation,
    Seen,
    Settlement,
    Why,
)
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.sandbox import ON_THE_LINE, BookLine, Fault, SandboxCardRow
from cstui.services.gateways.base import GatewayAway
from cstui.services.gateways.sandbox_books import (
    KeyTaken,
    Operating,
    Played,
    answer_of,
    ref_of,
    refusal_fits,
    seconds_of,
)
from cstui.storage.database import Database
from cstui.storage.queries import sandbox as books
from cstui.storage.transaction import Transaction

_NO_ANSWER = Answer(AttemptState.UNKNOWN, Why.NO_ANSWER, text="No answer from the gateway")
_BUSY = Answer(AttemptState.NOT_SENT, Why.BUSY, code="busy", text="The gateway is busy")
_NOT_SENT = Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text="The gateway could not be reached")
_UNREACHABLE = Finding(Seen.UNREACHABLE, text="No answer from the gateway")
#: After this time nothing that was sent can still be on its way.
_ON_ITS_WAY = timedelta(seconds=60)
_LINK_LIVES = timedelta(hours=24)
_LOOK = "look_up"
_LINK = "link"
_T = TypeVar("_T")


class Sandbox:
    """One account of the sandbox. Never call it while a write transaction of the same database is open."""

    def __init__(self, account: Account, database: Database) -> None:
        self.account = account
        self._database = database

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return capabilities_of(self.account)

    # What moves money.

    def send(self, ask: Ask) -> Answer:
        """Carries one operation out, once for each key: the same key sent again gets the first answer."""
        return self._sent(ask, None)

    def keep_card(self, ask: Ask, card: TypedCard | None = None) -> Answer:
        """Vaults a typed card, or a token's (`tok_` and a behaviour)."""
        return self._sent(ask, card)

    def drop_card(self, ask: Ask) -> Answer:
        """Removes a card from the vault; one that is not there counts as removed."""
        return self._sent(ask, None)

    def _sent(self, ask: Ask, typed: TypedCard | None) -> Answer:
        try:
            answer, is_kept_waiting = self._once(ask, typed)
        except OutcomeUnknown:
            return _NO_ANSWER
        except DatabaseAway:
            return _NOT_SENT
        pause = seconds_of(self.account, "pause", 0.0)
        if is_kept_waiting and pause:
            time.sleep(pause)
        return answer

    def _once(self, ask: Ask, typed: TypedCard | None) -> tuple[Answer, bool]:
        while True:
            try:
                with self._database.write() as tx:
                    return self._answered(tx, ask, typed)
            except KeyTaken:
                # The other one has committed: his line answers now.
                continue

    def _answered(self, tx: Transaction, ask: Ask, typed: TypedCard | None) -> tuple[Answer, bool]:
        """The answer, and whether the caller waits for it in vain."""
        line_fault, _ = books.take_fault(tx, self.account.name, ask.operation, ON_THE_LINE)
        if line_fault == Fault.NOT_SENT:
            return _NOT_SENT, False
        if line_fault == Fault.BUSY:
            return _BUSY, False
        if line_fault == Fault.TIMEOUT_BEFORE:
            return _NO_ANSWER, True
        line = books.by_key(tx, self.account.name, ask.key)
        if line is None:
            line = Operating(tx, self.account, ask, self._played(tx, ask.operation), typed).carry_out()
        if line_fault == Fault.TIMEOUT_AFTER:
            return _NO_ANSWER, True
        if line.kind != ask.operation or line.amount != ask.amount:
            text = "This key was used for something else"
            return Answer(AttemptState.REJECTED, Why.MISMATCH, code="key_reused", text=text), False
        return answer_of(line, line.state, self._card_of(tx, line)), False

    def _played(self, tx: Transaction, operation: Operation) -> Played:
        def taken(*kinds: str) -> tuple[str, int]:
            return books.take_fault(tx, self.account.name, operation, kinds) if kinds else ("", 0)

        settles = operation in (Operation.SALE, Operation.CAPTURE)
        slow = taken(Fault.SLOW_SETTLEMENT)[0] if settles else ""
        return Played(taken(*refusal_fits(operation))[0], bool(slow), taken(Fault.LAG)[1])

    def _card_of(self, tx: Transaction, line: BookLine) -> SandboxCardRow | None:
        if line.kind != Operation.VAULT_ADD or line.state != "done":
            return None
        vault, _, billing = line.vault.partition("/")
        return books.card(tx, self.account.name, vault, billing)

    # What only looks.

    def look_up(self, ask: Ask) -> Finding:
        """What the books hold under this key."""
        return self._looked(lambda tx: self._found(tx, ask)) or _UNREACHABLE

    def _found(self, tx: Transaction, ask: Ask) -> Finding:
        line = books.by_key(tx, self.account.name, ask.key)
        if line is None or line.visible_at > tx.now:
            return self._not_found(tx, ask, line is not None)
        if line.kind != ask.operation or line.amount != ask.amount:
            return Finding(Seen.CONFLICT, text="The books hold something else under this key")
        answer = answer_of(line, line.state_at(tx.now), self._card_of(tx, line))
        return Finding(Seen.DECIDED, answer, "Found in the sandbox's books")

    def _not_found(self, tx: Transaction, ask: Ask, is_hidden: bool) -> Finding:
        absent = Finding(Seen.ABSENT, text="Nothing under this key in the sandbox's books")
        long_ago = ask.sent_at is not None and tx.now - ask.sent_at > _ON_ITS_WAY
        if ask.operation is not Operation.VOID or is_hidden or not long_ago:
            return absent
        charge = books.by_ref(tx, self.account.name, ask.target)
        if charge is None or charge.state not in ("authorised", "captured"):
            return absent
        return Finding(Seen.UNDONE, text="The charge stands, and nothing is on its way any more")

    def settlement(self, ref: str) -> Settlement:
        """Where a charge stands at this moment."""
        return self._looked(lambda tx: self._standing(tx, ref)) or Settlement.UNKNOWN

    def _standing(self, tx: Transaction, ref: str) -> Settlement:
        line = books.by_ref(tx, self.account.name, ref)
        if line is None:
            return Settlement.UNKNOWN
        state = line.state_at(tx.now)
        if line.kind == TransactionKind.AUTHORISE and state == "authorised":
            captures = [e for e in books.about(tx, self.account.name, ref) if e.state == "captured"]
            if not captures:
                return Settlement.AUTHORISED
            line, state = captures[-1], "captured"
        if state == "captured":
            return Settlement.SETTLED if line.is_settled(tx.now) else Settlement.WAITING
        known = {"voided": Settlement.VOIDED, "pending": Settlement.WAITING, "done": Settlement.SETTLED}
        return known.get(state, Settlement.FAILED)

    def given_back(self, ref: str, currency: str) -> tuple[GivenBack, ...]:
        """The refunds and voids of a charge (of its capture, where it is an authorisation). Errors: `GatewayAway`."""
        found = self._looked(lambda tx: self._gone_of(tx, ref))
        if found is None:
            raise _away()
        return tuple(one for one in found if one.amount.currency == currency)

    def _gone_of(self, tx: Transaction, ref: str) -> list[GivenBack]:
        lines = books.about(tx, self.account.name, ref)
        captures = [line.ref for line in lines if line.state == "captured"]
        lines += [line for capture in captures for line in books.about(tx, self.account.name, capture)]
        return [
            GivenBack(line.ref, TransactionKind(line.kind), line.amount, line.created_at)
            for line in lines
            if line.kind in (TransactionKind.REFUND, TransactionKind.VOID)
            and line.state_at(tx.now) in ("done", "pending")
        ]

    def kept_cards(self, customer: str) -> tuple[CardRef, ...]:
        """The cards in one vault. Errors: `GatewayAway`."""
        rows = self._looked(lambda tx: books.cards_in(tx, self.account.name, customer))
        if rows is None:
            raise _away()
        return tuple(CardRef(row.vault, row.billing, row.brand, row.last4) for row in rows)

    def is_test(self) -> bool | None:
        """Always: no real money moves here."""
        return True

    def close(self) -> None:
        """Nothing to close: the database belongs to the desk."""

    def _looked(self, look: Callable[[Transaction], _T]) -> _T | None:
        """What a look finds; None where the sandbox plays dead, or its database is away."""
        try:
            with self._database.read() as tx:
                if not books.is_fault_due(tx, self.account.name, _LOOK, [Fault.DOWN]):
                    return look(tx)
            with self._database.write() as tx:
                books.take_fault(tx, self.account.name, _LOOK, [Fault.DOWN])
        except DatabaseAway:
            pass
        return None

    # Links: nobody types anything, the card is there when the time has come.

    def open_link(self, ask: Ask) -> CardLink:
        """A page that uses itself after a while, with a card that pays; a fault decline or lost lets it expire. Errors: `GatewayAway`."""
        ref = ref_of(self.account.name, ask.key)
        try:
            with self._database.write() as tx:
                fault, _ = books.take_fault(tx, self.account.name, _LINK, [Fault.DECLINE, Fault.LOST])
                at = tx.now
                own = ref.removeprefix("sbx_")
                books.enter(
                    tx,
                    {
                        "account": self.account.name, "ref": ref, "ask_key": ask.key, "kind": _LINK, "state": "open", "amount": 0,
                        "currency": ask.amount.currency, "parent_ref": "", "text": "", "visible_at": at, "created_at": at,
                        "vault": f"{ask.customer or 'vault_' + own}/{own}", "settles_at": None,
                        "changes_to": "expired" if fault else "used",
                        "changes_at": at + timedelta(seconds=seconds_of(self.account, "later", 60.0)),
                    },
                )  # fmt: skip
        except (DatabaseAway, OutcomeUnknown):
            raise _away() from None
        return CardLink(ref, f"https://sandbox.invalid/card/{ref}", at + _LINK_LIVES)

    def read_link(self, ref: str) -> Finding:
        """Whether that page was used; reading it then puts its card into the vault."""
        found = self._looked(lambda tx: [books.by_ref(tx, self.account.name, ref)])
        if found is None:
            return _UNREACHABLE
        (line,) = found
        if line is None or line.kind != _LINK:
            return Finding(Seen.UNDONE, text="There is no such link")
        try:
            with self._database.write() as tx:
                state = line.state_at(tx.now)
                if state != "used":
                    seen = Seen.UNDONE if state == "expired" else Seen.ABSENT
                    return Finding(
                        seen, text="The link has expired" if state == "expired" else "Not used yet"
                    )
                vault, _, billing = line.vault.partition("/")
                year = line.created_at.year + 3
                card = SandboxCardRow(self.account.name, vault, billing, "Visa", "4242", 12, year)
                books.keep(tx, card)
        except (DatabaseAway, OutcomeUnknown):
            return _UNREACHABLE
        kept = KeptCard(vault, billing, card.brand, card.last4, card.expiry_month, card.expiry_year)
        return Finding(Seen.DECIDED, Answer(AttemptState.SUCCEEDED, ref=ref, text="Card kept", card=kept))


def _away() -> GatewayAway:
    return GatewayAway("The sandbox does not answer.", "Try again in a moment.")
