"""What the fake Stripe is made of: its test cards, its objects with the fields of the real ones, its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a test card behaves: the issuer's `decline` code with the error's `code`, a bank that `asks` the customer, what refunds do."""

    brand: str = "visa"
    last4: str = "4242"
    decline: str = ""
    code: str = "card_declined"
    advice: str = ""
    asks: bool = False
    refund: str = ""
    disputes: bool = False
    avs: tuple[str, str] = ("pass", "pass")


#: Test cards by the name that follows `pm_card_` or `tok_`.
CARDS = {
    "visa": Behaviour(),
    "visa_debit": Behaviour(last4="5556"),
    "mastercard": Behaviour("mastercard", "4444"),
    "amex": Behaviour("amex", "8431"),
    "discover": Behaviour("discover", "9424"),
    "bypassPending": Behaviour(last4="0077"),
    "chargeDeclined": Behaviour(last4="0002", decline="generic_decline", advice="try_again_later"),
    "visa_chargeDeclined": Behaviour(last4="0002", decline="generic_decline", advice="try_again_later"),
    "visa_chargeDeclinedInsufficientFunds": Behaviour(last4="9995", decline="insufficient_funds"),
    "visa_chargeDeclinedLostCard": Behaviour(last4="9987", decline="lost_card", advice="do_not_try_again"),
    "visa_chargeDeclinedStolenCard": Behaviour(
        last4="9979", decline="stolen_card", advice="do_not_try_again"
    ),
    "chargeDeclinedFraudulent": Behaviour(last4="0019", decline="fraudulent"),
    "chargeDeclinedExpiredCard": Behaviour(last4="0069", decline="expired_card", code="expired_card"),
    "chargeDeclinedIncorrectCvc": Behaviour(
        last4="0127", decline="incorrect_cvc", code="incorrect_cvc", advice="confirm_card_data"
    ),
    "chargeDeclinedProcessingError": Behaviour(
        last4="0119", decline="processing_error", code="processing_error"
    ),
    "authenticationRequired": Behaviour(last4="3184", asks=True),
    "threeDSecure2Required": Behaviour(last4="3220", asks=True),
    "pendingRefund": Behaviour(last4="7726", refund="pending"),
    "refundFail": Behaviour(last4="5126", refund="fails"),
    "createDispute": Behaviour(last4="0259", disputes=True),
    "avsFail": Behaviour(last4="0010", avs=("fail", "fail")),
    "avsLine1Fail": Behaviour(last4="0028", avs=("fail", "pass")),
    "avsZipFail": Behaviour(last4="0036", avs=("pass", "fail")),
    "avsUnchecked": Behaviour(last4="0044", avs=("unchecked", "unchecked")),
}


class Refused(Exception):
    """An error as Stripe gives it. `is_early`: found before anything was executed, so that it is not kept under the key."""

    def __init__(
        self, status: int, message: str, *, code: str = "", early: bool = False, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_early = early
        kind = "card_error" if status == 402 else "invalid_request_error"
        self.body: Object = {"error": {"type": kind, "message": message, **more}}
        if code:
            self.body["error"]["code"] = code


def missing(kind: str, ref: str, param: str) -> Refused:
    return Refused(404, f"No such {kind}: '{ref}'", code="resource_missing", param=param)


def lacking(param: str) -> Refused:
    return Refused(
        400, f"Missing required param: {param}.", code="parameter_missing", param=param, early=True
    )


def unexpected_state(intent: Object, action: str) -> Refused:
    message = f"This PaymentIntent could not be {action} because it has a status of {intent['status']}."
    return Refused(400, message, code="payment_intent_unexpected_state", payment_intent=intent)


def declined(card: Behaviour, holder: str, found: Object) -> Refused:
    if card.asks:
        code = "authentication_required"
        no = Refused(402, "Your card was declined. This transaction requires authentication.", code=code)
        no.body["error"]["decline_code"] = code
    else:
        no = Refused(402, "Your card was declined.", code=card.code, decline_code=card.decline)
        if card.advice:
            no.body["error"]["advice_code"] = card.advice
    no.body["error"][holder] = found
    return no


def method(ref: str, card: Behaviour, expiry: tuple[int, int] = (12, 2034)) -> Object:
    checks = {
        "cvc_check": "pass",
        "address_line1_check": card.avs[0],
        "address_postal_code_check": card.avs[1],
    }
    return {
        "id": ref,
        "object": "payment_method",
        "type": "card",
        "customer": None,
        "billing_details": {},
        "card": {
            "brand": card.brand,
            "last4": card.last4,
            "exp_month": expiry[0],
            "exp_year": expiry[1],
            "funding": "credit",
            "fingerprint": f"fp{card.last4}",
            "checks": checks,
        },
    }


def intent(ref: str, form: dict[str, str], holder: str | None, paid_by: str | None) -> Object:
    return {
        "id": ref,
        "object": "payment_intent",
        "amount": int(form["amount"]),
        "amount_capturable": 0,
        "amount_received": 0,
        "currency": form["currency"],
        "customer": holder,
        "payment_method": paid_by,
        "capture_method": form.get("capture_method", "automatic"),
        "status": "requires_confirmation" if paid_by else "requires_payment_method",
        "latest_charge": None,
        "last_payment_error": None,
        "cancellation_reason": None,
        "client_secret": f"{ref}_secret_fake",
        "description": form.get("description"),
    }


def charge(ref: str, made_by: Object, paid_with: Object, status: str) -> Object:
    captured = status == "succeeded" and made_by["capture_method"] == "automatic"
    return {
        "id": ref,
        "object": "charge",
        "amount": made_by["amount"],
        "amount_captured": made_by["amount"] if captured else 0,
        "amount_refunded": 0,
        "currency": made_by["currency"],
        "customer": made_by["customer"],
        "payment_intent": made_by["id"],
        "payment_method": paid_with["id"],
        "captured": captured,
        "refunded": False,
        "disputed": False,
        "status": status,
        "payment_method_details": {"type": "card", "card": paid_with["card"]},
    }


def dispute(of: Object, amount: int, status: str, reason: str) -> Object:
    return {
        "object": "dispute",
        "amount": amount,
        "currency": of["currency"],
        "charge": of["id"],
        "payment_intent": of["payment_intent"],
        "reason": reason,
        "status": status,
        "is_charge_refundable": status.startswith("warning"),
        "balance_transactions": [],
    }


def refund(ref: str, of: Object, amount: int, status: str) -> Object:
    return {
        "id": ref,
        "object": "refund",
        "amount": amount,
        "currency": of["currency"],
        "charge": of["id"],
        "payment_intent": of["payment_intent"],
        "status": status,
        "pending_reason": None,
        "failure_reason": None,
        "failure_balance_transaction": None,
        "destination_details": {"type": "card", "card": {"type": "refund"}},
    }
