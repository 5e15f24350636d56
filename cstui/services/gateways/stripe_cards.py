"""Cards kept at Stripe: setup intents (a card that may be charged later), detaching, and pages where the customer types his card himself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Answer, Ask, CardLink, CardRef, Finding, Operation, Seen, Why
from cstui.domain.payments import AttemptState
from cstui.services.gateways.base import GatewayAway
from cstui.services.gateways.stripe_line import Heard, Line, at, inner, text_of
from cstui.services.gateways.stripe_replies import (
    CARD_LINK_ONLY,
    as_answer,
    attempt_of,
    away,
    brand_of,
    card_of,
    declined,
    done,
    refusal,
    still_in_doubt,
    words,
)

#: Our clock and Stripe's may differ by this much.
SKEW = timedelta(minutes=10)
#: No later than this after the first try is anything sent again.
_LAST_TRY = timedelta(hours=24)
#: Where a customer lands who has filled a card link, where the account names no page of the store's.
_THANKS = "https://stripe.com/"


def nothing_yet(heard: Heard, ask: Ask) -> Answer:
    """The refusal of a step that comes before the one that counts: without an answer to it, nothing has happened.

    A conflict of keys says that this very attempt runs elsewhere; and of an earlier try of it no refusal says anything.
    """
    answer = refusal(heard)
    if ask.resent:
        return still_in_doubt(answer)
    if answer.state is AttemptState.UNKNOWN and heard.status != 409:
        return replace(answer, state=AttemptState.NOT_SENT, text=answer.text + " Nothing was executed.")
    return answer


@dataclass(frozen=True, slots=True)
class StripeCards:
    """What one account does with cards. `takes_numbers`: Stripe has allowed it to be sent typed ones; `by_phone`: and marked as such."""

    line: Line
    account: Account
    takes_numbers: bool
    by_phone: bool

    def keep(self, ask: Ask, card: TypedCard | None = None) -> Answer:
        """Prepares a card for later charges: customer, payment method, setup intent; each step once under its own key."""
        if card is not None and not self.takes_numbers:
            return Answer(AttemptState.REJECTED, Why.ACCOUNT, text=CARD_LINK_ONLY)
        known = ask.card.billing if ask.card is not None else ""
        if card is None and not ask.token and not known:
            return Answer(AttemptState.REJECTED, Why.CARD_DATA, text="No card was given.")
        customer = customer_of(ask) or self._new_customer(ask)
        if isinstance(customer, Answer):
            return customer
        method = known if card is None and not ask.token else self._new_method(ask, card)
        return method if isinstance(method, Answer) else self._set_up(ask, customer, method)

    def look_up(self, ask: Ask) -> Finding:
        """The setup intent of an attempt, found by what we wrote into it."""
        customer = customer_of(ask) or self._customer_made_by(ask)
        if isinstance(customer, Finding):
            return customer
        found = self.line.all("/setup_intents", {"customer": customer})
        if isinstance(found, Heard):
            return away(found)
        mine = [setup for setup in found if attempt_of(setup) == ask.key]
        if len(mine) > 1:
            return Finding(Seen.CONFLICT, text="Stripe kept this card more than once.")
        if not mine:
            return Finding(Seen.ABSENT, text="Stripe knows no card of this attempt.")
        heard = self.line.get(at("setup_intents", text_of(mine[0], "id")), {"expand[]": "payment_method"})
        return _setup_finding(heard, customer) if heard.is_good else away(heard)

    def drop(self, ask: Ask) -> Answer:
        """Detaches a card for good; one that is not there any more counts as removed."""
        method = _method_of(ask)
        if not method:
            return Answer(AttemptState.REJECTED, Why.NO_SUCH_RECORD, text="There is no card to remove.")
        heard = self.line.post(at("payment_methods", method, "detach"), {}, ask.key + "-confirm")
        if heard.is_good:
            return done(heard)
        answer = refusal(heard)
        if answer.state is AttemptState.REJECTED and answer.why in (Why.NO_SUCH_RECORD, Why.OTHER):
            # Stripe refuses to detach what is detached, with no code to know that by: whether it is, only reading tells.
            seen = self.look_up_drop(ask)
            if seen.answer is not None:
                return replace(seen.answer, request_ref=answer.request_ref)
        return still_in_doubt(answer) if ask.resent else answer

    def look_up_drop(self, ask: Ask) -> Finding:
        """Whether a card is still kept."""
        heard = self.line.get(at("payment_methods", _method_of(ask)))
        if heard.is_good and text_of(heard.object, "customer"):
            return Finding(Seen.ABSENT, text="Stripe still keeps this card.")
        if heard.is_good:
            return Finding(Seen.DECIDED, done(heard))
        if refusal(heard).why is Why.NO_SUCH_RECORD:
            return Finding(
                Seen.DECIDED, Answer(AttemptState.SUCCEEDED, ref=_method_of(ask), http_status=heard.status)
            )
        return away(heard)

    def kept(self, customer: str) -> tuple[CardRef, ...]:
        """The cards of a customer of Stripe's; none for one that it does not know. Errors: `GatewayAway`."""
        found = self.line.all("/payment_methods", {"customer": customer, "type": "card"})
        if isinstance(found, list):
            return tuple(
                CardRef(customer, text_of(one, "id"), brand_of(card), text_of(card, "last4")[-4:])
                for one in found
                if (card := inner(one, "card"))
            )
        answer = refusal(found)
        if answer.why is Why.NO_SUCH_RECORD:
            return ()
        raise _away(answer)

    def open_link(self, ask: Ask) -> CardLink:
        """Makes a Checkout page that keeps a card. Errors: `GatewayAway`."""
        customer = customer_of(ask) or self._new_customer(ask)
        if isinstance(customer, Answer):
            raise _away(customer)
        form = {
            "mode": "setup",
            "customer": customer,
            "payment_method_types[]": "card",
            "success_url": self.account.options.get("thanks_url", "") or _THANKS,
            "metadata[attempt_id]": ask.key,
            "setup_intent_data[metadata][attempt_id]": ask.key,
        }
        heard = self.line.post("/checkout/sessions", form, ask.key + "-create")
        session = heard.object
        url = session.get("url")
        if not session or not isinstance(url, str):
            raise _away(refusal(heard))
        return CardLink(text_of(session, "id"), url, _instant(session.get("expires_at")))

    def read_link(self, ref: str) -> Finding:
        """What became of a Checkout page."""
        heard = self.line.get(at("checkout/sessions", ref), {"expand[]": "setup_intent.payment_method"})
        if not heard.is_good:
            return away(heard)
        status = text_of(heard.object, "status")
        if status == "expired":
            return Finding(Seen.UNDONE, text="The card link has expired.")
        if status != "complete":
            return Finding(Seen.ABSENT, text="The customer has not filled the card link yet.")
        setup = inner(heard.object, "setup_intent")
        return _setup_finding(replace(heard, body=setup), text_of(heard.object, "customer"))

    def _new_customer(self, ask: Ask) -> str | Answer:
        form = {
            "name": ask.holder, "email": ask.email, "phone": ask.phone, "metadata[attempt_id]": ask.key, **_address(ask, "address"),
        }  # fmt: skip
        heard = self.line.post("/customers", _filled(form), ask.key + "-customer")
        return text_of(heard.object, "id") if heard.is_good else nothing_yet(heard, ask)

    def _customer_made_by(self, ask: Ask) -> str | Finding:
        form = {"email": ask.email} if ask.email else {}
        if ask.sent_at is not None:
            # By time where it is known: the address may have changed since.
            since, until = ask.sent_at - SKEW, ask.sent_at + _LAST_TRY + SKEW
            form = {"created[gte]": str(int(since.timestamp())), "created[lte]": str(int(until.timestamp()))}
        found = self.line.all("/customers", form)
        if isinstance(found, Heard):
            return away(found)
        mine = [text_of(one, "id") for one in found if attempt_of(one) == ask.key]
        return mine[0] if mine else Finding(Seen.ABSENT, text="Stripe knows no customer of this attempt.")

    def _new_method(self, ask: Ask, card: TypedCard | None) -> str | Answer:
        if card is None and ask.token.startswith("pm_"):
            return ask.token
        form = {"type": "card", **_address(ask, "billing_details[address]")}
        form |= {"billing_details[name]": ask.holder, "billing_details[email]": ask.email}
        if card is None:
            form["card[token]"] = ask.token
        else:
            form |= {
                "card[number]": card.number,
                "card[exp_month]": str(card.expiry_month),
                "card[exp_year]": str(card.expiry_year),
                "card[cvc]": card.code,
                "billing_details[name]": card.holder or ask.holder,
            }
            if card.postcode:
                form["billing_details[address][postal_code]"] = card.postcode
        heard = self.line.post("/payment_methods", _filled(form), ask.key + "-card")
        return text_of(heard.object, "id") if heard.is_good else nothing_yet(heard, ask)

    def _set_up(self, ask: Ask, customer: str, method: str) -> Answer:
        form = {
            "customer": customer,
            "payment_method": method,
            "payment_method_types[]": "card",
            "confirm": "true",
            "usage": "off_session",
            "metadata[attempt_id]": ask.key,
            "expand[]": "payment_method",
        }
        if self.by_phone:
            form["payment_method_options[card][moto]"] = "true"
        heard = self.line.post("/setup_intents", form, ask.key + "-confirm")
        if heard.is_good:
            return as_answer(_setup_finding(heard, customer), heard)
        answer = refusal(heard)
        return still_in_doubt(answer) if ask.resent else answer


def customer_of(ask: Ask) -> str:
    """Stripe's own customer in what is asked, empty where none is known: a vault id of our choosing is none."""
    vault = ask.card.vault if ask.card is not None else ""
    return next((name for name in (ask.customer, vault) if name.startswith("cus_")), "")


def is_about_cards(operation: Operation) -> bool:
    """Whether an operation concerns a kept card and moves no money."""
    return operation in (Operation.VERIFY, Operation.VAULT_ADD, Operation.VAULT_REMOVE)


def _setup_finding(heard: Heard, customer: str) -> Finding:
    setup = heard.object
    status, method = text_of(setup, "status"), inner(setup, "payment_method")
    if status == "succeeded":
        return Finding(Seen.DECIDED, done(heard, card=card_of(method, customer) if method else None))
    error = inner(setup, "last_setup_error")
    if status == "requires_action":
        text = "The bank wants the customer to confirm this card. Use a card link."
        state, why, code = AttemptState.DECLINED_HARD, Why.CARD_DATA, status
    elif status == "processing":
        state, why, code, text = AttemptState.PENDING, Why.NONE, status, ""
    elif status == "canceled":
        return Finding(Seen.UNDONE, text="Keeping this card was cancelled.")
    elif error:
        (state, why), text = declined(error), words(str(error.get("message") or ""))
        code = text_of(error, "decline_code") or text_of(error, "code")
    else:
        return Finding(Seen.ABSENT, text="The card stands at Stripe unconfirmed.")
    ref = text_of(setup, "id")
    return Finding(Seen.DECIDED, Answer(state, why, ref, code, text, heard.status, heard.request_ref))


def _method_of(ask: Ask) -> str:
    return "" if ask.card is None else ask.card.billing or ask.card.vault


def _address(ask: Ask, name: str) -> dict[str, str]:
    if ask.address is None:
        return {}
    where = ask.address
    return {
        f"{name}[line1]": where.line1,
        f"{name}[line2]": where.line2,
        f"{name}[city]": where.city,
        f"{name}[state]": where.region,
        f"{name}[postal_code]": where.postcode,
        f"{name}[country]": where.country,
    }


def _filled(form: Mapping[str, str]) -> dict[str, str]:
    """Without the fields that are empty: Stripe takes an empty one as an order to erase."""
    return {name: value for name, value in form.items() if value}


def _instant(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None


def _away(answer: Answer) -> GatewayAway:
    return GatewayAway(answer.text or "Stripe gave no usable answer.", "Try again in a minute.")
