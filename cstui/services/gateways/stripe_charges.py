"""Charges at Stripe in two steps, and how a doubt about one ends: by its own payment intent, which stood before money could move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cstui.domain.clean import clean
from cstui.domain.gateways import Answer, Ask, Finding, Operation, Seen, Why
from cstui.domain.payments import AttemptState
from cstui.services.gateways.stripe_cards import SKEW, nothing_yet
from cstui.services.gateways.stripe_line import Heard, Line, at, text_of
from cstui.services.gateways.stripe_replies import (
    as_answer,
    as_read,
    attempt_of,
    away,
    charge_finding,
    is_amount,
    refusal,
    still_in_doubt,
)

#: Stripe forgets a key after a day: after this time nothing is sent again under it.
_KEY_LIVES = timedelta(hours=23)
#: No try of this program runs as long, so an unconfirmed charge is nobody's any more.
_ABANDONED = timedelta(minutes=4)
#: Read with a payment intent: the charge behind it, with its checks.
WITH_CHARGE = {"expand[]": "latest_charge"}


@dataclass(frozen=True, slots=True)
class StripeCharges:
    """What one account charges. `by_phone`: Stripe has allowed it to mark charges as phone orders."""

    line: Line
    by_phone: bool
    clock: Callable[[], datetime]

    def charge(self, ask: Ask) -> Answer:
        """Creates and confirms; the answer names the payment intent, whatever became of it."""
        made = self._create(ask)
        if not made.is_good:
            return nothing_yet(made, ask)
        ref = text_of(made.object, "id")
        if not is_amount(made.object, ask) or attempt_of(made.object) != ask.key:
            text = "Stripe made another payment than was asked for. It was not confirmed."
            return Answer(AttemptState.REJECTED, Why.MISMATCH, ref, "", text, made.status, made.request_ref)
        return replace(self._confirm(ask, ref), ref=ref)

    def _create(self, ask: Ask) -> Heard:
        card = ask.card
        form = {
            "amount": str(ask.amount.minor),
            "currency": ask.amount.currency.lower(),
            "payment_method_types[]": "card",
            "capture_method": "manual" if ask.operation is Operation.AUTHORISE else "automatic",
            "metadata[attempt_id]": ask.key,
            "metadata[order]": ask.order,
            "description": clean(ask.description or ask.order, limit=500),
            "customer": card.vault if card is not None else "",
            "payment_method": card.billing if card is not None else "",
        }
        if card is None and ask.token.startswith("pm_"):
            form["payment_method"] = ask.token
        elif card is None and ask.token:
            form |= {"payment_method_data[type]": "card", "payment_method_data[card][token]": ask.token}
        filled = {name: value for name, value in form.items() if value}
        return self.line.post("/payment_intents", filled, ask.key + "-create")

    def _confirm(self, ask: Ask, ref: str) -> Answer:
        form = dict(WITH_CHARGE)
        if self.by_phone and not ask.initiated_by_merchant:
            form |= {"payment_method_options[card][moto]": "true", "error_on_requires_action": "true"}
        else:
            form["off_session"] = "true"
        heard = self.line.post(at("payment_intents", ref, "confirm"), form, ask.key + "-confirm")
        if heard.is_good:
            return as_answer(charge_finding(heard, ask), heard)
        answer = refusal(heard)
        if answer.code == "payment_intent_unexpected_state":
            # Confirmed or closed before: the object itself says which.
            seen = self.line.get(at("payment_intents", ref), WITH_CHARGE)
            return as_read(charge_finding(seen, ask) if seen.is_good else away(seen))
        return still_in_doubt(answer) if ask.resent else answer

    def look_up(self, ask: Ask) -> Finding:
        """What became of a charge: its payment intent by its own reference, by the customer's list, by its key."""
        if ask.first_ref.startswith("pi_"):
            heard = self.line.get(at("payment_intents", ask.first_ref), WITH_CHARGE)
            # For a rebill the first reference is another charge's: the one that stored the card.
            if heard.is_good and attempt_of(heard.object) == ask.key:
                return self._judge(heard, ask)
        found = self._charges_of(ask)
        if isinstance(found, Heard):
            return away(found)
        if len(found) > 1:
            return Finding(Seen.CONFLICT, text="Stripe holds several payments of this one attempt.")
        if not found:
            return self._claim(ask)
        heard = self.line.get(at("payment_intents", found[0]), WITH_CHARGE)
        return self._judge(heard, ask) if heard.is_good else away(heard)

    def _charges_of(self, ask: Ask) -> list[str] | Heard:
        """The payments of an attempt: by the customer's list, which is never behind; without a customer by the index, which may be."""
        customer = ask.card.vault if ask.card is not None else ask.customer
        if customer:
            form = {"customer": customer}
            if ask.sent_at is not None:
                form["created[gte]"] = str(int((ask.sent_at - SKEW).timestamp()))
            found = self.line.all("/payment_intents", form)
        else:
            heard = self.line.get(
                "/payment_intents/search", {"query": f"metadata['attempt_id']:'{ask.key}'", "limit": "10"}
            )
            rows = heard.object.get("data")
            found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else heard
        if isinstance(found, Heard):
            return found
        return [text_of(one, "id") for one in found if attempt_of(one) == ask.key]

    def _claim(self, ask: Ask) -> Finding:
        """Where no payment is found: takes its key, so that a try that was only late can make no other one.

        Not before the try must have ended, and not after Stripe may have forgotten the key.
        """
        nothing = Finding(Seen.ABSENT, text="Stripe knows no payment of this attempt.")
        if not (is_abandoned(ask, self.clock()) and is_remembered(ask, self.clock())):
            return nothing
        made = self._create(ask)
        if not made.is_good:
            answer = refusal(made)
            # Only a refusal of the charge itself shows that there is none: not silence, and not a key that was used before.
            doubt = answer.state in (AttemptState.UNKNOWN, AttemptState.NOT_SENT)
            return away(made) if doubt or answer.why in (Why.MISMATCH, Why.ACCOUNT) else nothing
        # A key that was used before brings the old answer back: how the payment stands now is read.
        heard = self.line.get(at("payment_intents", text_of(made.object, "id")), WITH_CHARGE)
        return self._judge(heard, ask) if heard.is_good else away(heard)

    def _judge(self, heard: Heard, ask: Ask) -> Finding:
        """What a payment says of its attempt; one that was left unconfirmed is closed, and then a late confirmation is refused by Stripe."""
        finding = charge_finding(heard, ask)
        if finding.seen is not Seen.ABSENT or not is_abandoned(ask, self.clock()):
            return finding
        path = at("payment_intents", text_of(heard.object, "id"), "cancel")
        self.line.post(path, {"cancellation_reason": "abandoned"}, ask.key + "-close")
        seen = self.line.get(at("payment_intents", text_of(heard.object, "id")), WITH_CHARGE)
        return charge_finding(seen, ask) if seen.is_good else away(seen)


def is_remembered(ask: Ask, now: datetime) -> bool:
    """Whether Stripe still knows the keys of a first try, so that sending again can do nothing twice."""
    return ask.sent_at is not None and now - ask.sent_at < _KEY_LIVES


def is_abandoned(ask: Ask, now: datetime) -> bool:
    """Whether the try has ended for certain, answered or not."""
    return ask.sent_at is not None and now - ask.sent_at > _ABANDONED
