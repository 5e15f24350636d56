"""NMI: its payment API for money and the Customer Vault, its query API for what became of it.

NMI has no idempotency key. The attempt's own key goes as `orderid`, is never used twice, and finds a charge or a refund again; a void or a
capture is found on the charge that it changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from cstui.domain.cards import TypedCard
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
    Verdict,
    Why,
)
from cstui.domain.payments import AttemptState
from cstui.services.gateways import nmi_findings as findings
from cstui.services.gateways import nmi_forms as forms
from cstui.services.gateways import nmi_query as query
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.nmi_answers import answer_to, rejected, without_answer
from cstui.services.gateways.transport import ANSWER_SECONDS, NoReply, Reply, Wire

URL = "https://secure.nmi.com/api/"
_MONEY, _REPORTS = "transact.php", "query.php"
_BY_KEY = (Operation.SALE, Operation.AUTHORISE, Operation.CREDIT, Operation.VERIFY, Operation.REFUND)


class Nmi:
    """One NMI account as a `Gateway`. Errors: `GatewayMisconfigured` for a missing key, an unsafe URL or an option that NMI would not take.

    Options of the account: `processor_id`, `dup_seconds` (not sent unless set), `ver` of the vault's reports, `credits`.
    """

    def __init__(
        self,
        account: Account,
        key: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not key.strip():
            raise GatewayMisconfigured(
                f"NMI account {account.name} has no security key.",
                f"Store it as {account.secret_name}.",
            )
        forms.check_options(account)
        self.account = account
        self._key = key.strip()
        self._wire = Wire(_base_url(account.url), answer_seconds=answer_seconds, sleep=sleep)

    @property
    def capabilities(self) -> Capabilities:
        """Voids until settlement, refunds after it, typed cards; credits only where the account has them."""
        return capabilities_of(self.account)

    # Money.

    def send(self, ask: Ask) -> Answer:
        """Sends one operation once; see `Gateway.send`.

        A refusal of something that may have been sent before proves nothing about the first time: it stays unknown until it is looked up.
        """
        if ask.operation is Operation.VAULT_ADD:
            return self.keep_card(ask)
        if ask.operation is Operation.VAULT_REMOVE:
            return self.drop_card(ask)
        unfit = forms.unfit(ask, self.capabilities)
        if unfit is not None:
            return unfit
        answer = answer_to(ask, self._post(forms.form_of(ask, self.account)))
        if answer.why is Why.PARTIAL:
            answer = self._let_go(ask, answer)
        elif answer.state is AttemptState.REJECTED:
            answer = self._explained(ask, answer)
        if ask.resent and answer.verdict is Verdict.REFUSED and answer.why is not Why.SETTLED:
            return replace(answer, state=AttemptState.UNKNOWN)
        return answer

    def _let_go(self, ask: Ask, answer: Answer) -> Answer:
        """Voids at once what was approved in part. Where that is not certain, the money may be held: unknown."""
        void = replace(ask, operation=Operation.VOID, target=answer.ref, resent=False)
        done = answer_to(void, self._post(forms.form_of(void, self.account)))
        if done.state is AttemptState.SUCCEEDED:
            return replace(answer, text=f"{answer.text} It was let go.")
        return replace(
            answer, state=AttemptState.UNKNOWN, text=f"{answer.text} Whether it was let go is not known."
        )

    def _explained(self, ask: Ask, answer: Answer) -> Answer:
        """A refused void or refund with the charge looked at, where NMI's words alone do not tell settled, voided and not yet settled apart."""
        if ask.operation is Operation.VOID and answer.why is Why.SETTLED:
            if self.settlement(ask.target) is Settlement.VOIDED:
                return replace(answer, why=Why.ALREADY_DONE)
        elif ask.operation is Operation.REFUND and answer.why is Why.OTHER:
            stands = self.settlement(ask.target)
            if stands in (Settlement.WAITING, Settlement.AUTHORISED):
                return replace(answer, why=Why.NOT_SETTLED)
            if stands is Settlement.VOIDED:
                return replace(answer, why=Why.ALREADY_DONE)
        return answer

    # Looking.

    def look_up(self, ask: Ask) -> Finding:
        """What became of an operation, by its key or on the charge or card that it was to change."""
        if ask.operation in _BY_KEY:
            return self._look_up_by_key(ask)
        if ask.operation in (Operation.VOID, Operation.CAPTURE):
            records = self._records({"transaction_id": ask.target})
            if records is None:
                return Finding(Seen.UNREACHABLE)
            record = next((record for record in records if record.ref == ask.target), None)
            return Finding(Seen.ABSENT) if record is None else findings.found_on_charge(ask, record)
        return self._look_up_card(ask)

    def _look_up_by_key(self, ask: Ask) -> Finding:
        records = self._records({"order_id": ask.key})
        if records is None:
            return Finding(Seen.UNREACHABLE)
        finding = findings.found_by_key(ask, records)
        if ask.operation is Operation.REFUND and finding.seen is Seen.ABSENT and not finding.text:
            return self._look_up_nameless(ask)
        return finding

    def _look_up_nameless(self, ask: Ask) -> Finding:
        """A refund that NMI may have kept without our key: on the card and on the charge."""
        records = self._records({"transaction_id": ask.target})
        if records is None:
            return Finding(Seen.UNREACHABLE)
        original = next((record for record in records if record.ref == ask.target), None)
        vault = original.vault if original is not None else (ask.card.vault if ask.card else "")
        if not vault or ask.sent_at is None:
            return findings.found_nameless(ask, (), original)
        refunds = self._records(forms.refunds_of_card(vault, ask.sent_at))
        if refunds is None:
            return Finding(Seen.UNREACHABLE)
        return findings.found_nameless(ask, refunds, original)

    def _look_up_card(self, ask: Ask) -> Finding:
        held = self._cards(ask.card.vault if ask.card else "")
        if held is None:
            return Finding(Seen.UNREACHABLE)
        card = _kept(ask, held)
        if ask.operation is Operation.VAULT_ADD:
            return Finding(Seen.ABSENT) if card is None else Finding(Seen.DECIDED, _as_kept(card))
        if card is None:
            return Finding(Seen.DECIDED, Answer(AttemptState.SUCCEEDED))
        return Finding(Seen.UNDONE, text="The card is still in the vault.")

    def settlement(self, ref: str) -> Settlement:
        """Where a charge stands; `UNKNOWN` also where NMI does not answer or does not know it."""
        records = self._records({"transaction_id": ref}) or ()
        record = next((record for record in records if record.ref == ref), None)
        return Settlement.UNKNOWN if record is None else findings.settlement_of(record)

    def given_back(self, ref: str, currency: str) -> tuple[GivenBack, ...]:
        """The void of a charge. A refund does not name its charge in NMI's reports, so none is certain. Errors: `GatewayAway`."""
        records = self._records({"transaction_id": ref})
        if records is None:
            raise GatewayAway("NMI does not say what has gone back.", "It is asked again by itself.")
        record = next((record for record in records if record.ref == ref), None)
        void = None if record is None else findings.void_of(record, currency)
        return () if void is None else (void,)

    def is_test(self) -> bool | None:
        """Whether the account only simulates, as NMI itself says."""
        root = self._report({"report_type": "test_mode_status"})
        return None if root is None else query.is_simulating(root)

    # Cards.

    def keep_card(self, ask: Ask, card: TypedCard | None = None) -> Answer:
        """Vaults a card under the ids in `ask.card`, checked with its issuer, not charged. It looks first, so that a repeat finds its card."""
        if ask.card is None or not ask.card.vault or (card is None and not ask.token):
            return rejected(Why.CARD_DATA, "There is no card to keep.")
        held = self._cards(ask.card.vault)
        if held is None:
            return without_answer(ask, NoReply(False, "vault not read"))
        before = _kept(ask, held)
        if before is not None:
            return _as_kept(before)
        form = forms.form_of_new_card(ask, card, self.account, is_first=not held)
        answer = answer_to(ask, self._post(form))
        if answer.state is AttemptState.SUCCEEDED:
            return replace(answer, card=self._new_card(ask, card))
        if answer.state is AttemptState.REJECTED:
            # Another desk, or our own first try, may have kept it in between.
            stored = _kept(ask, self._cards(ask.card.vault) or ())
            if stored is not None:
                return _as_kept(stored)
        return answer

    def _new_card(self, ask: Ask, card: TypedCard | None) -> KeptCard | None:
        """What a card that was just kept looks like; behind a token only NMI knows."""
        assert ask.card is not None
        vault, billing = ask.card.vault, ask.card.billing
        if card is None:
            return _kept(ask, self._cards(vault) or ()) or KeptCard(vault, billing)
        return KeptCard(vault, billing, card.brand, card.last4, card.expiry_month, card.expiry_year)

    def drop_card(self, ask: Ask) -> Answer:
        """Removes a card: its billing entry where the vault holds several, the vault's customer where it is the last one."""
        if ask.card is None or not ask.card.vault:
            return rejected(Why.NO_SUCH_RECORD, "The card has no name in the vault.")
        held = self._cards(ask.card.vault)
        if held is None:
            return without_answer(ask, NoReply(False, "vault not read"))
        if _kept(ask, held) is None:
            return Answer(AttemptState.SUCCEEDED)
        if len(held) > 1 and not ask.card.billing:
            return rejected(Why.OTHER, "The vault holds several cards there, and which one is not known.")
        answer = answer_to(ask, self._post(forms.form_of_removal(ask.card, is_last=len(held) == 1)))
        if answer.why is Why.NO_SUCH_RECORD:
            return replace(answer, state=AttemptState.SUCCEEDED, why=Why.NONE)
        return answer

    def kept_cards(self, customer: str) -> tuple[CardRef, ...]:
        """The cards of one vault id. Errors: `GatewayAway`."""
        held = self._cards(customer)
        if held is None:
            raise GatewayAway("NMI does not say which cards it keeps.", "Try again in a minute.")
        return tuple(CardRef(card.vault, card.billing, card.brand, card.last4) for card in held)

    def open_link(self, ask: Ask) -> CardLink:
        """NMI sends no card links. Errors: `GatewayAway`, always."""
        raise GatewayAway("NMI has no page for card numbers.", "Type the card instead.")

    def read_link(self, ref: str) -> Finding:
        """NMI sends no card links, so nothing is found."""
        return Finding(Seen.UNREACHABLE)

    def close(self) -> None:
        """Closes the line."""
        self._wire.close()

    # The line.

    def _post(self, form: dict[str, str]) -> Reply | NoReply:
        got = self._wire.money(_MONEY, {"security_key": self._key, **form})
        if isinstance(got, Reply) and self._key in got.text:
            # What is kept of a reply must not hold what the gateway repeats of it.
            return replace(got, text=got.text.replace(self._key, "***"))
        return got

    def _report(self, form: dict[str, str]) -> Element | None:
        got = self._wire.read(_REPORTS, {"security_key": self._key, **form})
        if isinstance(got, NoReply) or got.status != 200:
            return None
        return query.read_report(got.text)

    def _records(self, form: dict[str, str]) -> tuple[query.Record, ...] | None:
        if not all(form.values()):
            # A filter without a value would list the whole account.
            return ()
        root = self._report(form)
        return None if root is None else query.records_in(root)

    def _cards(self, vault: str) -> tuple[KeptCard, ...] | None:
        """The cards of one vault id, in NMI's order; None where it does not say."""
        if not vault:
            return ()
        root = self._report(
            {
                "report_type": "customer_vault",
                "customer_vault_id": vault,
                "ver": self.account.options.get("ver", "2"),
            }
        )
        if root is None:
            return None
        return tuple(card for card in query.cards_in(root) if card.vault == vault)


def _base_url(url: str) -> str:
    """The account's URL, ending as paths need it. Errors: `GatewayMisconfigured` for one that carries more than a place."""
    chosen = url.strip() or URL
    parts = urlsplit(chosen)
    if parts.username is not None or parts.query or parts.fragment:
        raise GatewayMisconfigured(
            "The gateway's address holds more than a place.",
            "Leave out names, passwords and anything behind “?” or “#”.",
        )
    return chosen.rstrip("/") + "/"


def _kept(ask: Ask, held: tuple[KeptCard, ...]) -> KeptCard | None:
    """The asked card among those of its vault id; a card without an entry of its own is the vault's first."""
    billing = ask.card.billing if ask.card else ""
    if not billing:
        return held[0] if held else None
    return next((card for card in held if card.billing == billing), None)


def _as_kept(card: KeptCard) -> Answer:
    return Answer(AttemptState.SUCCEEDED, card=card)
