"""What the sandbox does with what it is asked: one operation in its books, inside one transaction of its own.

It keeps the rules that a careful gateway keeps: a void only before settlement and only whole, a refund only after it (unless the account
allows it earlier) and never above what is left, a key only once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cstui.domain.cards import TypedCard
from cstui.domain.gateway_rules import capabilities_of, next_cut_off
from cstui.domain.gateways import Account, Answer, Ask, KeptCard, Operation, Why
from cstui.domain.money import exponent
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.sandbox import (
    KEPT_ALL_THE_SAME,
    TEST_NUMBERS,
    Behaviour,
    BookLine,
    Fault,
    SandboxCardRow,
    card_name,
)
from cstui.storage.queries import sandbox as books
from cstui.storage.transaction import Transaction

_S = AttemptState
#: States that refuse: what the answer says of them. `state` in the books is the first word.
_REFUSED: dict[str, tuple[AttemptState, Why, str, str]] = {
    "declined": (_S.DECLINED_SOFT, Why.DECLINED, "51", "Insufficient funds"),
    "lost": (_S.DECLINED_HARD, Why.NEVER, "41", "Lost card, do not try again"),
    "expired": (_S.DECLINED_HARD, Why.NEVER, "54", "Expired card"),
    "failed": (_S.DECLINED_SOFT, Why.DECLINED, "62", "The issuer sent the refund back"),
    "settled": (_S.REJECTED, Why.SETTLED, "settled", "Only what waits for settlement can be voided"),
    "not_settled": (_S.REJECTED, Why.NOT_SETTLED, "not_settled", "The charge has not settled yet"),
    "exceeds_balance": (_S.REJECTED, Why.EXCEEDS_BALANCE, "exceeds_balance", "More than is left of the charge"),
    "already_voided": (_S.REJECTED, Why.ALREADY_DONE, "already_voided", "The charge is voided already"),
    "already_refunded": (_S.REJECTED, Why.ALREADY_DONE, "already_refunded", "The charge is refunded already"),
    "disputed": (_S.REJECTED, Why.DISPUTED, "disputed", "The charge is disputed"),
    "no_such_charge": (_S.REJECTED, Why.NO_SUCH_RECORD, "no_such_charge", "There is no such charge"),
    "no_such_card": (_S.REJECTED, Why.NO_SUCH_RECORD, "no_such_card", "There is no such card in the vault"),
    "card_taken": (_S.REJECTED, Why.DUPLICATE, "card_taken", "Another card has this name in the vault"),
    "card_missing": (_S.REJECTED, Why.CARD_DATA, "card_missing", "No card was given"),
    "bad_amount": (_S.REJECTED, Why.MISMATCH, "bad_amount", "Nothing to move"),
    "other_currency": (_S.REJECTED, Why.MISMATCH, "other_currency", "The charge is in another currency"),
    "not_whole": (_S.REJECTED, Why.MISMATCH, "not_whole", "A charge is voided whole or not at all"),
    "several_captures": (_S.REJECTED, Why.MISMATCH, "several_captures", "There are several captures: name one"),
}  # fmt: skip


class KeyTaken(Exception):
    """Somebody wrote a line for this very key at this very moment: his is the answer."""


@dataclass(frozen=True, slots=True)
class Played:
    """What is made to go wrong inside the sandbox this time. `lag` in seconds."""

    outcome: str = ""
    is_slow: bool = False
    lag: int = 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is written of an operation."""

    state: str
    parent: str = ""
    card: str = ""
    settles_at: datetime | None = None
    changes_to: str = ""
    changes_at: datetime | None = None


def refusal_fits(operation: Operation) -> tuple[str, ...]:
    """The faults that decide how this operation ends."""
    if operation in (Operation.VOID, Operation.CAPTURE, Operation.VAULT_REMOVE):
        return ()
    gives_back = operation in (Operation.REFUND, Operation.CREDIT)
    return (Fault.DECLINE, Fault.LOST, Fault.REFUND_FAILS) if gives_back else (Fault.DECLINE, Fault.LOST)


def ref_of(account: str, key: str) -> str:
    """The sandbox's reference of what is done under a key: the same for the same key, so that two at once cannot both write."""
    return "sbx_" + hashlib.sha256(f"{account}/{key}".encode()).hexdigest()[:20]


def answer_of(line: BookLine, state: str, card: SandboxCardRow | None = None) -> Answer:
    """What the sandbox says of a line that is in this state."""
    refused = _REFUSED.get(state)
    if refused is not None:
        verdict, why, code, text = refused
        # What was rejected is no transaction: only what an issuer decided has a reference.
        ref = "" if verdict is _S.REJECTED else line.ref
        return Answer(verdict, why, ref=ref, code=code, text=text, request_ref=line.ref)
    kept = None
    if card is not None:
        kept = KeptCard(card.vault, card.billing, card.brand, card.last4, card.expiry_month, card.expiry_year)  # fmt: skip
    verdict = _S.PENDING if state == "pending" else _S.SUCCEEDED
    text = "Accepted, not decided yet" if verdict is _S.PENDING else "Approved"
    return Answer(verdict, ref=line.ref, code="00", text=text, request_ref=line.ref, card=kept)


class Operating:
    """One operation, carried out in the books."""

    def __init__(self, transaction: Transaction, account: Account, ask: Ask, played: Played, typed: TypedCard | None = None) -> None:  # fmt: skip
        self._tx = transaction
        self._account = account
        self._name = account.name
        self._ask = ask
        self._played = played
        self._typed = typed

    def carry_out(self) -> BookLine:
        """Does it, writes it down and returns the line. Errors: `KeyTaken` where somebody did at the same moment."""
        doing: dict[Operation, Callable[[], _Outcome]] = {
            Operation.SALE: self._charge, Operation.AUTHORISE: self._charge, Operation.VERIFY: self._verify,
            Operation.CAPTURE: self._capture, Operation.VOID: self._void, Operation.REFUND: self._refund,
            Operation.CREDIT: self._credit, Operation.VAULT_ADD: self._vault_add, Operation.VAULT_REMOVE: self._vault_remove,
        }  # fmt: skip
        outcome = doing[self._ask.operation]()
        now, ask = self._tx.now, self._ask
        ref = ref_of(self._name, ask.key)
        written = books.enter(
            self._tx,
            {
                "account": self._name, "ref": ref, "ask_key": ask.key, "kind": str(ask.operation), "state": outcome.state,
                "amount": ask.amount.minor, "currency": ask.amount.currency, "parent_ref": outcome.parent, "vault": outcome.card,
                "text": "", "visible_at": now + timedelta(seconds=self._played.lag), "created_at": now,
                "settles_at": outcome.settles_at, "changes_to": outcome.changes_to, "changes_at": outcome.changes_at,
            },
        )  # fmt: skip
        line = books.by_ref(self._tx, self._name, ref) if written else None
        if line is None:
            raise KeyTaken
        return line

    # Charges.

    def _charge(self) -> _Outcome:
        card = self._card()
        if isinstance(card, str):
            return _Outcome(card)
        amount = self._ask.amount
        if amount.minor <= 0:
            return _Outcome("bad_amount", card=card.name)
        refused = self._issuer_says_no(card)
        # As at a real gateway's test account, an amount below one whole unit is declined.
        if refused or amount.minor < 10 ** exponent(amount.currency):
            return _Outcome(refused or "declined", card=card.name)
        if self._ask.operation is Operation.AUTHORISE:
            return _Outcome("authorised", card=card.name)
        return _Outcome("captured", card=card.name, settles_at=self._settles_at())

    def _verify(self) -> _Outcome:
        card = self._card()
        if isinstance(card, str):
            return _Outcome(card)
        return _Outcome(self._issuer_says_no(card) or "done", card=card.name)

    def _capture(self) -> _Outcome:
        line = books.by_ref(self._tx, self._name, self._ask.target, for_change=True)
        if line is None or line.kind != TransactionKind.AUTHORISE or line.state in _REFUSED:
            return _Outcome("no_such_charge")
        if line.state == "voided":
            return _Outcome("already_voided", line.ref)
        amount = self._ask.amount
        if amount.currency != line.amount.currency or amount.minor <= 0:
            return _Outcome("bad_amount" if amount.minor <= 0 else "other_currency", line.ref)
        if sum(taken.amount.minor for taken in self._captures(line)) + amount.minor > line.amount.minor:
            return _Outcome("exceeds_balance", line.ref)
        return _Outcome("captured", line.ref, line.vault, self._settles_at())

    # Money that goes back.

    def _void(self) -> _Outcome:
        line = self._charge_in_question()
        if isinstance(line, str):
            return _Outcome(line)
        refused = self._not_to_be_touched(line)
        if not refused and line.is_settled(self._tx.now):
            refused = "settled"
        if not refused and self._given_back(line):
            refused = "already_refunded"
        if not refused and self._ask.amount != line.amount:
            refused = "not_whole"
        if not refused:
            books.set_state(self._tx, line.id, "voided")
        return _Outcome(refused or "done", line.ref, line.vault)

    def _refund(self) -> _Outcome:
        line = self._charge_in_question()
        if isinstance(line, str):
            return _Outcome(line)
        left = line.amount.minor - self._given_back(line)
        amount = self._ask.amount
        early = line.kind == TransactionKind.AUTHORISE or not (
            line.is_settled(self._tx.now) or capabilities_of(self._account).refunds_unsettled
        )
        refused = self._not_to_be_touched(line)
        if not refused and early:
            refused = "not_settled"
        if not refused and left <= 0:
            refused = "already_refunded"
        if not refused and amount.minor > left:
            refused = "exceeds_balance"
        if refused:
            return _Outcome(refused, line.ref, line.vault)
        vault, _, billing = line.vault.partition("/")
        return self._back_to(books.card(self._tx, self._name, vault, billing), line.ref, line.vault)

    def _credit(self) -> _Outcome:
        card = self._card()
        if isinstance(card, str):
            return _Outcome(card)
        if self._ask.amount.minor <= 0:
            return _Outcome("bad_amount", card=card.name)
        return self._back_to(card, "", card.name)

    def _back_to(self, card: SandboxCardRow | None, parent: str, name: str) -> _Outcome:
        behaviour = card.behaviour if card else ""
        outcome = self._played.outcome
        if outcome in (Fault.DECLINE, Fault.LOST) or behaviour == Behaviour.LOST:
            return _Outcome("declined" if outcome == Fault.DECLINE else "lost", parent, name)
        later = self._tx.now + timedelta(seconds=seconds_of(self._account, "later", 60.0))
        if outcome == Fault.REFUND_FAILS or behaviour == Behaviour.REFUND_FAILS:
            return _Outcome("done", parent, name, changes_to="failed", changes_at=later)
        if behaviour == Behaviour.REFUND_PENDING:
            return _Outcome("pending", parent, name, changes_to="done", changes_at=later)
        return _Outcome("done", parent, name)

    def _charge_in_question(self) -> BookLine | str:
        """The charge that a void or refund names, held so that nobody else takes from it; an authorisation that was captured is its capture."""
        line = books.by_ref(self._tx, self._name, self._ask.target, for_change=True)
        kinds = (TransactionKind.AUTHORISE, TransactionKind.SALE, TransactionKind.CAPTURE)
        if line is None or line.kind not in kinds or line.state in _REFUSED:
            return "no_such_charge"
        if line.kind == TransactionKind.AUTHORISE and line.state != "voided":
            captures = self._captures(line)
            if len(captures) > 1:
                return "several_captures"
            if captures:
                return (
                    books.by_ref(self._tx, self._name, captures[0].ref, for_change=True) or "no_such_charge"
                )
        return line

    def _not_to_be_touched(self, line: BookLine) -> str:
        if line.state == "voided":
            return "already_voided"
        if any(entry.kind == TransactionKind.CHARGEBACK for entry in self._about(line)):
            return "disputed"
        if self._ask.amount.minor <= 0:
            return "bad_amount"
        return "" if self._ask.amount.currency == line.amount.currency else "other_currency"

    def _captures(self, line: BookLine) -> list[BookLine]:
        live = ("captured",)
        return [e for e in self._about(line) if e.kind == TransactionKind.CAPTURE and e.state in live]

    def _given_back(self, line: BookLine) -> int:
        """What went back of a charge, what is not decided yet included."""
        now = self._tx.now
        return sum(
            entry.amount.minor
            for entry in self._about(line)
            if entry.kind == TransactionKind.REFUND and entry.state_at(now) in ("done", "pending")
        )

    def _about(self, line: BookLine) -> list[BookLine]:
        return books.about(self._tx, self._name, line.ref)

    # Cards.

    def _card(self) -> SandboxCardRow | str:
        """The card that is asked for, or why it cannot be used."""
        ask = self._ask
        if ask.card is not None:
            return books.card(self._tx, self._name, ask.card.vault, ask.card.billing) or "no_such_card"
        if not ask.token:
            return "card_missing"
        return self._face(ask.token, "", ask.token.removeprefix("tok_"))

    def _face(self, vault: str, billing: str, behaviour: str = "") -> SandboxCardRow:
        typed = self._typed
        if typed is None:
            return SandboxCardRow(self._name, vault, billing, "Visa", "4242", 12, self._tx.now.year + 3, behaviour)  # fmt: skip
        return SandboxCardRow(
            self._name, vault, billing, typed.brand, typed.last4, typed.expiry_month, typed.expiry_year,
            TEST_NUMBERS.get(typed.number, ""),
        )  # fmt: skip

    def _issuer_says_no(self, card: SandboxCardRow) -> str:
        if Fault.LOST in (self._played.outcome, card.behaviour):
            return "lost"
        if Fault.DECLINE in (self._played.outcome, card.behaviour):
            return "declined"
        now = self._tx.now
        return "expired" if (card.expiry_year, card.expiry_month) < (now.year, now.month) else ""

    def _vault_add(self) -> _Outcome:
        ask = self._ask
        if self._typed is None and not ask.token:
            return _Outcome("card_missing")
        own = ref_of(self._name, ask.key).removeprefix("sbx_")
        vault, billing = (ask.card.vault, ask.card.billing) if ask.card else ("", "")
        if not vault:
            vault, billing = ask.customer or f"vault_{own}", own if ask.customer else ""
        card = self._face(vault, billing, ask.token.removeprefix("tok_"))
        if self._typed is None or self._typed.number not in KEPT_ALL_THE_SAME:
            refused = self._issuer_says_no(card)
            if refused:
                return _Outcome(refused)
        if not books.keep(self._tx, card) and books.card(self._tx, self._name, vault, billing) != card:
            return _Outcome("card_taken", card=card_name(vault, billing))
        return _Outcome("done", card=card.name)

    def _vault_remove(self) -> _Outcome:
        card = self._ask.card
        if card is None:
            return _Outcome("card_missing")
        books.drop(self._tx, self._name, card.vault, card.billing)
        return _Outcome("done", card=card_name(card.vault, card.billing))

    def _settles_at(self) -> datetime:
        account, now = self._account, self._tx.now
        if account.options.get("settle", "cut_off") == "cut_off":
            at = next_cut_off(now, account.cut_off, account.zone)
        else:
            at = now + timedelta(seconds=seconds_of(account, "settle", 0.0))
        return at + timedelta(days=1) if self._played.is_slow else at


def seconds_of(account: Account, option: str, otherwise: float) -> float:
    """An option of an account as seconds; what cannot be read counts as not given."""
    try:
        return max(0.0, float(account.options.get(option, "")))
    except ValueError:
        return otherwise
