"""What Stripe's objects and errors mean to the desk: payment intents, refunds, declines, everything that can be refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cstui.domain.clean import clean, find_card_number
from cstui.domain.gateways import Answer, Ask, Finding, GivenBack, KeptCard, Operation, Seen, Settlement, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.services.gateways.stripe_line import Heard, inner, text_of

#: What an account says that may not be sent card numbers.
CARD_LINK_ONLY = "This account must use a card link."
_UNSAFE = "directly to the stripe api is generally unsafe"
_KEY = re.compile(r"\b(?:sk|rk|pk|whsec)_\w+")
_LONGEST_TEXT = 300

#: Decline codes after which this card will never be charged, and those after which the card's data must change first.
_NEVER = frozenset({
    "lost_card", "stolen_card", "pickup_card", "restricted_card", "expired_card", "invalid_account", "fraudulent",
    "merchant_blacklist", "card_not_supported", "currency_not_supported", "service_not_allowed", "transaction_not_allowed",
    "not_permitted", "security_violation", "revocation_of_authorization", "revocation_of_all_authorizations",
    "stop_payment_order", "new_account_information_available",
})  # fmt: skip
_CARD_DATA = frozenset({
    "incorrect_number", "invalid_number", "incorrect_cvc", "invalid_cvc", "incorrect_zip", "incorrect_address",
    "incorrect_pin", "invalid_pin", "invalid_expiry_month", "invalid_expiry_year", "authentication_required",
    "offline_pin_required", "online_or_offline_pin_required",
})  # fmt: skip
_FAILED_REFUNDS = {
    "lost_or_stolen_card": (AttemptState.DECLINED_HARD, Why.NEVER, "The card was lost or stolen."),
    "expired_or_canceled_card": (AttemptState.DECLINED_HARD, Why.NEVER, "The card has expired or was closed."),
    "charge_for_pending_refund_disputed": (AttemptState.DECLINED_HARD, Why.DISPUTED, "The charge is disputed."),
    "insufficient_funds": (AttemptState.DECLINED_SOFT, Why.LOW_FUNDS, "The balance at Stripe was too low."),
    "declined": (AttemptState.DECLINED_SOFT, Why.DECLINED, "The bank declined the refund."),
    "merchant_request": (AttemptState.DECLINED_HARD, Why.OTHER, "The refund was cancelled at Stripe."),
}  # fmt: skip
_REFUSALS = {
    "charge_already_refunded": (AttemptState.REJECTED, Why.ALREADY_DONE),
    "charge_disputed": (AttemptState.REJECTED, Why.DISPUTED),
    "charge_already_captured": (AttemptState.REJECTED, Why.ALREADY_DONE),
    "amount_too_large": (AttemptState.REJECTED, Why.EXCEEDS_BALANCE),
    "balance_insufficient": (AttemptState.DECLINED_SOFT, Why.LOW_FUNDS),
    "insufficient_funds": (AttemptState.DECLINED_SOFT, Why.LOW_FUNDS),
}
_BRANDS = {
    "amex": "Amex", "diners": "Diners", "discover": "Discover", "jcb": "JCB", "mastercard": "Mastercard", "unionpay": "UnionPay",
    "visa": "Visa",
}  # fmt: skip


def words(text: str) -> str:
    """A text of Stripe's as it may be kept and shown: clean, short, without a key and without a card number."""
    shown = _KEY.sub("(key)", clean(text, limit=_LONGEST_TEXT))
    return "(a text with a card number)" if find_card_number(shown) else shown


def refusal(heard: Heard) -> Answer:
    """What a reply that holds no object means: not sent, unknown, or a definite no."""
    state, why, text = _refused(heard)
    error = heard.error
    facts = {
        name: said
        for name in ("charge", "decline_code", "advice_code", "network_decline_code")
        if (said := text_of(error, name))
    }
    return Answer(
        state,
        why,
        ref=text_of(error, "payment_intent"),
        code=text_of(error, "decline_code") or text_of(error, "code") or text_of(error, "type"),
        text=text,
        http_status=heard.status,
        request_ref=heard.request_ref,
        facts=facts,
    )


def _refused(heard: Heard) -> tuple[AttemptState, Why, str]:
    if not heard.status:
        if heard.was_sent:
            return AttemptState.UNKNOWN, Why.NO_ANSWER, "Stripe did not answer."
        return AttemptState.NOT_SENT, Why.NOT_SENT, "Stripe was not reached."
    if heard.status == 429:
        # A limiter, or a lock on the object (two desks at one payment): nothing was executed.
        return AttemptState.NOT_SENT, Why.BUSY, "Stripe is busy. Nothing was executed."
    error = heard.error
    if not error or heard.status == 409 or not 400 <= heard.status < 500:
        return AttemptState.UNKNOWN, Why.NO_ANSWER, "Stripe gave no usable answer."
    said = words(str(error.get("message") or ""))
    kind, code = text_of(error, "type"), text_of(error, "code")
    if heard.status in (401, 403):
        return AttemptState.REJECTED, Why.ACCOUNT, "Stripe refused the key or a permission. " + said
    if kind == "idempotency_error":
        text = (
            "A fault in this program: one key was used for two different requests. Stripe refused the second."
        )
        return AttemptState.REJECTED, Why.MISMATCH, text
    if heard.status == 404 or code == "resource_missing":
        return AttemptState.REJECTED, Why.NO_SUCH_RECORD, said
    if heard.status == 402 or kind == "card_error":
        return (*declined(error), said)
    if _UNSAFE in said.casefold():
        return AttemptState.REJECTED, Why.ACCOUNT, CARD_LINK_ONLY
    if "greater than" in said.casefold() and "refund" in said.casefold():
        return AttemptState.REJECTED, Why.EXCEEDS_BALANCE, said
    return (*_REFUSALS.get(code, (AttemptState.REJECTED, Why.OTHER)), said)


def declined(error: Mapping[str, Any]) -> tuple[AttemptState, Why]:
    """Whether an issuer's no may become a yes: by its decline code, then by what the network advises."""
    code, advice = text_of(error, "decline_code") or text_of(error, "code"), text_of(error, "advice_code")
    if code in _CARD_DATA or text_of(error, "code") in _CARD_DATA or advice == "confirm_card_data":
        return AttemptState.DECLINED_HARD, Why.CARD_DATA
    if code in _NEVER or text_of(error, "code") == "expired_card" or advice == "do_not_try_again":
        return AttemptState.DECLINED_HARD, Why.NEVER
    if code == "duplicate_transaction":
        return AttemptState.DECLINED_SOFT, Why.DUPLICATE
    return AttemptState.DECLINED_SOFT, Why.DECLINED


def attempt_of(found: Mapping[str, Any]) -> str:
    """The attempt that made an object: what we wrote into its metadata."""
    return text_of(inner(found, "metadata"), "attempt_id")


def is_amount(found: Mapping[str, Any], ask: Ask, field: str = "amount") -> bool:
    """Whether an object is about the amount and the currency that were asked for."""
    same = text_of(found, "currency").upper() == ask.amount.currency
    return same and found.get(field) == ask.amount.minor


def card_of(method: Mapping[str, Any], customer: str) -> KeptCard:
    """A payment method as a kept card."""
    card = inner(method, "card")
    month, year = card.get("exp_month"), card.get("exp_year")
    return KeptCard(
        vault=text_of(method, "customer") or customer,
        billing=text_of(method, "id"),
        brand=brand_of(card),
        last4=text_of(card, "last4")[-4:],
        expiry_month=month if isinstance(month, int) else 0,
        expiry_year=year if isinstance(year, int) else 0,
    )


def brand_of(card: Mapping[str, Any]) -> str:
    """A card's brand in the desk's word for it."""
    said = text_of(card, "brand")
    return _BRANDS.get(said, said.title())


def charge_finding(heard: Heard, ask: Ask) -> Finding:
    """What a payment intent says of the sale or authorisation that made it.

    Absent: it stands unconfirmed, so nothing was charged yet. Undone: it was cancelled before any money moved.
    """
    intent = heard.object
    if not is_amount(intent, ask):
        return Finding(Seen.CONFLICT, text="Stripe holds another amount or currency than was asked for.")
    status, charge = text_of(intent, "status"), text_of(intent, "latest_charge")
    good = ("succeeded", "requires_capture") if ask.operation is Operation.AUTHORISE else ("succeeded",)
    if status in good or (
        status == "canceled" and charge and ask.operation is Operation.AUTHORISE and not _last_error(intent)
    ):
        short = ask.operation is Operation.SALE and intent.get("amount_received") != ask.amount.minor
        if short:
            return Finding(Seen.CONFLICT, text="Stripe took another amount than was asked for.")
        return _decided(AttemptState.SUCCEEDED, Why.NONE, status, "", heard)
    if status == "processing":
        return _decided(AttemptState.PENDING, Why.NONE, status, "", heard)
    if status == "requires_action":
        text = "The bank wants the customer to confirm this payment. Use a card link."
        return _decided(AttemptState.DECLINED_HARD, Why.CARD_DATA, status, text, heard)
    if status == "requires_payment_method" and (error := _last_error(intent)):
        state, why = declined(error)
        code = text_of(error, "decline_code") or text_of(error, "code")
        return _decided(state, why, code, words(str(error.get("message") or "")), heard)
    if status == "canceled":
        return Finding(Seen.UNDONE, text="The payment was cancelled before anything was charged.")
    if status in ("requires_confirmation", "requires_payment_method"):
        return Finding(Seen.ABSENT, text="The payment stands at Stripe unconfirmed; nothing was charged.")
    return Finding(Seen.CONFLICT, text=f"Stripe says “{status}”, which does not fit what was asked for.")


def refund_finding(refund: Mapping[str, Any], ask: Ask, heard: Heard) -> Finding:
    """What a refund has come to; one that had succeeded may say failed days later (W21)."""
    if not is_amount(refund, ask):
        return Finding(Seen.CONFLICT, text="Stripe holds a refund of another amount or currency.")
    status, reason = text_of(refund, "status"), text_of(refund, "failure_reason")
    pending, code = text_of(refund, "pending_reason"), reason or status
    text = ""
    if status == "failed":
        fallback = (AttemptState.DECLINED_SOFT, Why.OTHER, "The refund failed at Stripe.")
        state, why, text = _FAILED_REFUNDS.get(reason, fallback)
    elif status == "canceled":
        state, why, text = AttemptState.REJECTED, Why.OTHER, "The refund was cancelled at Stripe."
    elif status in ("pending", "requires_action"):
        state, why = AttemptState.PENDING, Why.NONE
        text = "The balance at Stripe is too low; it waits." if pending == "insufficient_funds" else ""
    elif status == "succeeded":
        state, why = AttemptState.SUCCEEDED, Why.NONE
    else:
        return Finding(Seen.CONFLICT, text="Stripe says nothing that fits a refund.")
    route = text_of(inner(inner(refund, "destination_details"), "card"), "type")
    facts = {"charge": text_of(refund, "charge"), "pending_reason": pending, "route": route}
    answer = Answer(
        state,
        why,
        ref=text_of(refund, "id"),
        code=code,
        text=text,
        http_status=heard.status,
        request_ref=heard.request_ref,
        facts={name: said for name, said in facts.items() if said},
    )
    return Finding(Seen.DECIDED, answer)


def gone_with(refund: Mapping[str, Any]) -> GivenBack | None:
    """A refund as money that has gone back, whoever made it; None for one that failed, and for what is no refund at all."""
    amount, created, ref = refund.get("amount"), refund.get("created"), text_of(refund, "id")
    currency = text_of(refund, "currency").upper()
    if text_of(refund, "status") not in ("succeeded", "pending", "requires_action"):
        return None
    if (
        not ref
        or len(currency) != 3
        or not isinstance(amount, int)
        or amount <= 0
        or not isinstance(created, int)
    ):
        return None
    return GivenBack(
        ref, TransactionKind.REFUND, Money(amount, currency), datetime.fromtimestamp(created, UTC)
    )


def done(heard: Heard, *, card: KeptCard | None = None) -> Answer:
    """The answer of a reply that is a success by its own: the object's reference, its state, the card that was kept."""
    found = heard.object
    return Answer(
        AttemptState.SUCCEEDED,
        ref=text_of(found, "id"),
        code=text_of(found, "status"),
        http_status=heard.status,
        request_ref=heard.request_ref,
        card=card,
        facts=charge_facts(found),
    )


def charge_facts(intent: Mapping[str, Any]) -> dict[str, str]:
    """What is worth keeping of the charge behind a payment intent: its reference, checks, and whether it is disputed."""
    charge = inner(intent, "latest_charge")
    checks = inner(inner(inner(charge, "payment_method_details"), "card"), "checks")
    facts = {
        "charge": text_of(intent, "latest_charge"),
        "cvc": text_of(checks, "cvc_check"),
        "avs_line": text_of(checks, "address_line1_check"),
        "avs_postcode": text_of(checks, "address_postal_code_check"),
        "disputed": "yes" if charge.get("disputed") is True else "",
    }
    return {name: said for name, said in facts.items() if said}


def settlement_of(found: Mapping[str, Any]) -> Settlement:
    """Where a payment intent, a charge or a refund stands; what was captured counts as settled, because it can be refunded at once."""
    kind, status = text_of(found, "object"), text_of(found, "status")
    if kind == "charge" and status == "succeeded" and found.get("captured") is False:
        return Settlement.VOIDED if found.get("refunded") is True else Settlement.AUTHORISED
    if kind not in ("payment_intent", "charge", "refund"):
        return Settlement.UNKNOWN
    if status in ("processing", "pending"):
        return Settlement.WAITING
    known = {
        "succeeded": Settlement.SETTLED,
        "requires_capture": Settlement.AUTHORISED,
        "canceled": Settlement.VOIDED,
    }
    return known.get(status, Settlement.FAILED)


def as_answer(finding: Finding, heard: Heard) -> Answer:
    """A finding as the answer of the call that has just been made: whatever is not decided is unknown."""
    if finding.seen is Seen.DECIDED and finding.answer is not None:
        return finding.answer
    why = Why.MISMATCH if finding.seen is Seen.CONFLICT else Why.NO_ANSWER
    ref = text_of(heard.object, "id")
    return Answer(AttemptState.UNKNOWN, why, ref, "", finding.text, heard.status, heard.request_ref)


def as_read(finding: Finding) -> Answer:
    """A finding in place of an answer, where nothing may be sent again: whatever is not decided stays unknown."""
    if finding.seen is Seen.DECIDED and finding.answer is not None:
        return finding.answer
    if finding.seen is Seen.UNDONE:
        return Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text=finding.text)
    why = Why.MISMATCH if finding.seen is Seen.CONFLICT else Why.NO_ANSWER
    return Answer(AttemptState.UNKNOWN, why, text=finding.text)


def away(heard: Heard) -> Finding:
    """A look-up that got no usable answer; one that asks for what Stripe does not know is for a person."""
    answer = refusal(heard)
    seen = Seen.CONFLICT if answer.why is Why.NO_SUCH_RECORD else Seen.UNREACHABLE
    return Finding(seen, text=answer.text or "Stripe gave no usable answer.")


def still_in_doubt(answer: Answer) -> Answer:
    """The answer to something that may have been sent before: a refusal of the second try says nothing of the first.

    Only what the gateway says of the operation itself (a decline, a balance, a state) decides both.
    """
    blind = (Why.NOT_SENT, Why.BUSY, Why.ACCOUNT, Why.MISMATCH, Why.NO_SUCH_RECORD)
    return replace(answer, state=AttemptState.UNKNOWN) if answer.why in blind else answer


def _last_error(intent: Mapping[str, Any]) -> Mapping[str, Any]:
    return inner(intent, "last_payment_error")


def _decided(state: AttemptState, why: Why, code: str, text: str, heard: Heard) -> Finding:
    intent = heard.object
    answer = Answer(
        state,
        why,
        text_of(intent, "id"),
        code,
        text,
        heard.status,
        heard.request_ref,
        facts=charge_facts(intent),
    )
    return Finding(Seen.DECIDED, answer)
