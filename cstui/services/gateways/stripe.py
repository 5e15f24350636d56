"""Stripe: payment intents in two steps, refunds, cards by token or link.

A charge is created first and confirmed then, each under its own idempotency key, so that what may have moved money has a name at Stripe
before money can move: every doubt ends in reading that one object.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cstui.domain.cards import TypedCard
from cstui.domain.disputes import SeenDispute
from cstui.domain.gateway_rules import capabilities_of, is_on
from cstui.domain.gateways import (
    Account,
    Answer,
    Ask,
    Capabilities,
    CardLink,
    CardRef,
    Finding,
    GivenBack,
    Operation,
    Seen,
    Settlement,
    Why,
)
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.stripe_cards import StripeCards, is_about_cards, nothing_yet
from cstui.services.gateways.stripe_charges import WITH_CHARGE, StripeCharges, is_remembered
from cstui.services.gateways.stripe_disputes import dispute_of
from cstui.services.gateways.stripe_line import Heard, Line, at, inner, text_of
from cstui.services.gateways.stripe_replies import (
    as_answer,
    as_read,
    attempt_of,
    away,
    done,
    gone_with,
    is_amount,
    refund_finding,
    refusal,
    settlement_of,
    still_in_doubt,
)
from cstui.services.gateways.transport import ANSWER_SECONDS, Wire

#: The version of Stripe's API that this was written for; it never floats.
VERSION = "2026-10-28.endive"
_URL = "https://api.stripe.com/v1"
_KEY = re.compile(r"(?:sk|rk)_(test|live)_\w+")


class Stripe:
    """One account at Stripe. `sleep` and `clock` are replaced in tests.

    Options: `version`, `moto` (the account is allowed phone orders), `raw_card_enabled` (… typed numbers), `thanks_url`.
    Errors: `GatewayMisconfigured` for a key that is none of Stripe's, or a live one for an account marked as a test.
    """

    def __init__(
        self,
        account: Account,
        key: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        kind = _KEY.fullmatch(key.strip())
        if kind is None:
            raise GatewayMisconfigured(
                "This is no secret key of Stripe's.", "Use one that begins with sk_test_, sk_live_, rk_test_ or rk_live_."
            )  # fmt: skip
        self._is_test = kind[1] == "test"
        if account.is_test and not self._is_test:
            raise GatewayMisconfigured(
                "A test account has a key that moves real money.", "Use a key with _test_ in it."
            )
        self.account = account
        self._clock = clock
        moto = is_on(account.options, "moto")
        headers = {
            "Authorization": f"Bearer {key.strip()}",
            "Stripe-Version": account.options.get("version", "") or VERSION,
        }
        self._line = Line(Wire(_base(account.url), headers, answer_seconds=answer_seconds, sleep=sleep))
        self._cards = StripeCards(self._line, account, self.capabilities.typed_cards, moto)
        self._charges = StripeCharges(self._line, moto, clock)

    def __repr__(self) -> str:
        return f"<Stripe {self.account.name}>"

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        return capabilities_of(self.account)

    # Money.

    def send(self, ask: Ask) -> Answer:
        """Sends one operation once; one that may have been sent before goes under the same keys, while Stripe remembers them."""
        if ask.resent and not is_remembered(ask, self._clock()):
            return as_read(self.look_up(ask))
        if ask.operation in (Operation.SALE, Operation.AUTHORISE):
            return self._charges.charge(ask)
        if ask.operation is Operation.VAULT_REMOVE:
            return self._cards.drop(ask)
        if is_about_cards(ask.operation):
            return self._cards.keep(ask)
        if ask.operation is Operation.CREDIT:
            return Answer(
                AttemptState.REJECTED, Why.ACCOUNT, text="Stripe pays only to a card that was charged."
            )
        if not ask.target:
            return Answer(AttemptState.REJECTED, Why.NO_SUCH_RECORD, text="There is no charge to act on.")
        if ask.operation is Operation.REFUND:
            return self._refund(ask)
        return self._capture_or_cancel(ask)

    def look_up(self, ask: Ask) -> Finding:
        """What became of an operation. Moves no money; a charge that was never confirmed is closed for good once nobody can be at it."""
        if ask.operation in (Operation.SALE, Operation.AUTHORISE):
            return self._charges.look_up(ask)
        if ask.operation is Operation.REFUND:
            return self._find_refund(ask)
        if ask.operation is Operation.VAULT_REMOVE:
            return self._cards.look_up_drop(ask)
        if is_about_cards(ask.operation):
            return self._cards.look_up(ask)
        if ask.operation is Operation.CREDIT:
            return Finding(Seen.UNDONE, text="Stripe pays only to a card that was charged.")
        return self._find_change(ask)

    def settlement(self, ref: str) -> Settlement:
        """Where a charge stands; a captured one counts as settled."""
        folder = {"pi": "payment_intents", "re": "refunds"}.get(ref.partition("_")[0], "charges")
        return settlement_of(self._line.get(at(folder, ref)).object)

    def given_back(self, ref: str, currency: str) -> tuple[GivenBack, ...]:
        """The refunds of a charge that have been made or are under way; those that failed are left out. Errors: `GatewayAway`."""
        found = self._line.all("/refunds", {_holder_of(ref): ref})
        if isinstance(found, Heard):
            if refusal(found).why is Why.NO_SUCH_RECORD:
                return ()
            raise GatewayAway("Stripe does not say what has gone back.", "It is asked again by itself.")
        seen = (gone_with(refund) for refund in found)
        return tuple(one for one in seen if one is not None and one.amount.currency == currency)

    def disputes(self) -> tuple[SeenDispute, ...]:
        """The account's disputes, newest first; mere inquiries of a bank, which take no money, are left out. Errors: `GatewayAway`."""
        found = self._line.all("/disputes", {})
        if isinstance(found, Heard):
            raise GatewayAway("Stripe does not list its disputes now.", "It is asked again in an hour.")
        seen = (dispute_of(one) for one in found)
        return tuple(one for one in seen if one is not None)

    # Cards.

    def keep_card(self, ask: Ask, card: TypedCard | None = None) -> Answer:
        """Keeps a card by its token; a typed one only where Stripe has allowed this account to send numbers."""
        if ask.resent and not is_remembered(ask, self._clock()):
            finding = self._cards.look_up(ask)
            if finding.seen is not Seen.ABSENT:
                return as_read(finding)
        return self._cards.keep(ask, card)

    def drop_card(self, ask: Ask) -> Answer:
        """Detaches a card; that cannot be undone."""
        return self._cards.drop(ask)

    def kept_cards(self, customer: str) -> tuple[CardRef, ...]:
        """The cards of a customer of Stripe's (`cus_…`)."""
        return self._cards.kept(customer)

    def open_link(self, ask: Ask) -> CardLink:
        """Makes a Checkout page that keeps a card."""
        return self._cards.open_link(ask)

    def read_link(self, ref: str) -> Finding:
        """What became of that page."""
        return self._cards.read_link(ref)

    # Itself.

    def is_test(self) -> bool | None:
        """As key and account say alike; None where Stripe does not answer, or where they differ."""
        heard = self._line.get("/balance")
        if heard.status == 403:
            # A restricted key need not be allowed to read the balance; what it begins with cannot lie.
            return self._is_test
        live = heard.object.get("livemode")
        return self._is_test if isinstance(live, bool) and live is not self._is_test else None

    def close(self) -> None:
        """Closes its connections."""
        self._line.close()

    # Refunds, captures, voids.

    def _refund(self, ask: Ask) -> Answer:
        form = {
            _holder_of(ask.target): ask.target,
            "amount": str(ask.amount.minor),
            # “fraudulent” would put the customer on Stripe's block lists: an agent's reason never says that.
            "reason": "duplicate" if ask.reason == "duplicate" else "requested_by_customer",
            "metadata[attempt_id]": ask.key,
        }
        if ask.order:
            form["metadata[order]"] = ask.order
        heard = self._line.post("/refunds", form, ask.key + "-create")
        if heard.is_good:
            return as_answer(refund_finding(heard.object, ask, heard), heard)
        answer = refusal(heard)
        if answer.why in (Why.ALREADY_DONE, Why.EXCEEDS_BALANCE):
            # What has gone back already may be this very refund.
            finding = self._find_refund(ask)
            if finding.seen is Seen.DECIDED and finding.answer is not None:
                return finding.answer
        return still_in_doubt(answer) if ask.resent else answer

    def _find_refund(self, ask: Ask) -> Finding:
        if ask.first_ref.startswith(("re_", "pyr_")):
            heard = self._line.get(at("refunds", ask.first_ref))
            return refund_finding(heard.object, ask, heard) if heard.is_good else away(heard)
        found = self._line.all("/refunds", {_holder_of(ask.target): ask.target})
        if isinstance(found, Heard):
            return away(found)
        mine = [refund for refund in found if attempt_of(refund) == ask.key]
        if len(mine) > 1:
            return Finding(Seen.CONFLICT, text="Stripe holds several refunds of this one attempt.")
        if not mine:
            return Finding(Seen.ABSENT, text="Stripe knows no refund of this attempt.")
        return refund_finding(mine[0], ask, Heard(200))

    def _capture_or_cancel(self, ask: Ask) -> Answer:
        ref = self._intent_of(ask.target)
        if isinstance(ref, Heard):
            return nothing_yet(ref, ask)
        form, action = {"cancellation_reason": "requested_by_customer"}, "cancel"
        if ask.operation is Operation.CAPTURE:
            form, action = {"amount_to_capture": str(ask.amount.minor)}, "capture"
        heard = self._line.post(at("payment_intents", ref, action), form, ask.key + "-confirm")
        if heard.is_good:
            return as_answer(_change_finding(heard, ask), heard)
        answer = refusal(heard)
        if answer.code == "payment_intent_unexpected_state":
            return _wrong_state(answer, inner(heard.error, "payment_intent"), ask.operation)
        return still_in_doubt(answer) if ask.resent else answer

    def _find_change(self, ask: Ask) -> Finding:
        ref = self._intent_of(ask.target)
        heard = ref if isinstance(ref, Heard) else self._line.get(at("payment_intents", ref), WITH_CHARGE)
        return _change_finding(heard, ask) if heard.is_good else away(heard)

    def _intent_of(self, target: str) -> str | Heard:
        """The payment intent behind a charge's reference (an import may hold the charge itself)."""
        if not target.startswith(("ch_", "py_")):
            return target
        heard = self._line.get(at("charges", target))
        return text_of(heard.object, "payment_intent") if heard.is_good else heard


def _base(url: str) -> str:
    base = url.strip().rstrip("/") or _URL
    return base if base.endswith("/v1") else base + "/v1"


def _holder_of(target: str) -> str:
    """The field by which a refund names what it is for."""
    return "payment_intent" if target.startswith("pi_") else "charge"


def _change_finding(heard: Heard, ask: Ask) -> Finding:
    """What a payment intent says of a capture or a void of it."""
    intent = heard.object
    status = text_of(intent, "status")
    if ask.operation is Operation.CAPTURE and status == "succeeded":
        if not is_amount(intent, ask, "amount_received"):
            return Finding(Seen.CONFLICT, text="Stripe captured another amount than was asked for.")
        return Finding(Seen.DECIDED, done(heard))
    if status == "canceled" and ask.operation is Operation.VOID:
        return Finding(Seen.DECIDED, done(heard))
    if status in ("succeeded", "canceled"):
        refused = Answer(
            AttemptState.REJECTED, ref=text_of(intent, "id"), code=status, http_status=heard.status
        )
        return Finding(Seen.DECIDED, _wrong_state(refused, intent, ask.operation))
    return Finding(Seen.ABSENT, text="At Stripe the payment stands as it was.")


def _wrong_state(answer: Answer, intent: Mapping[str, Any], operation: Operation) -> Answer:
    """Why a payment could not be captured or voided, by where it stands."""
    status = text_of(intent, "status")
    if status == "processing":
        text = "Stripe still works on this payment. Nothing was executed."
        return replace(answer, state=AttemptState.NOT_SENT, why=Why.BUSY, text=text)
    if status == "canceled":
        return replace(answer, why=Why.ALREADY_DONE, text="This payment was voided already.")
    if status == "succeeded" and operation is Operation.VOID:
        return replace(answer, why=Why.SETTLED, text="This payment was captured. Refund it.")
    if status == "succeeded":
        return replace(answer, why=Why.ALREADY_DONE, text="This payment was captured already.")
    return answer
