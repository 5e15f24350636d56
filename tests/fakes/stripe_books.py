"""What an account at the fake Stripe holds, and what each write does to it."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

from cstui.domain.cards import brand_of
from cstui.domain.clean import passes_luhn
from tests.fakes import stripe_objects as make
from tests.fakes.gateway_server import Clock
from tests.fakes.stripe_objects import CARDS, Behaviour, Object, Refused, lacking, missing

_CANCELLABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
FOLDERS = (
    "customers",
    "payment_methods",
    "payment_intents",
    "charges",
    "refunds",
    "setup_intents",
    "disputes",
)


class StripeBooks:
    """Customers, cards, payments, refunds, pages. `low_balance`: refunds wait for money."""

    def __init__(
        self, clock: Clock, lock: threading.RLock, *, is_live: bool, raw_cards: bool, moto: bool
    ) -> None:
        self.clock, self._lock = clock, lock
        self.is_live, self.raw_cards, self.moto = is_live, raw_cards, moto
        self.low_balance = False
        self.breaches: list[str] = []
        self.stores: dict[str, dict[str, Object]] = {name: {} for name in (*FOLDERS, "checkout/sessions")}
        self.behaviours: dict[str, Behaviour] = {}
        self._numbers = count(1)

    def advance(self) -> None:
        """Time passes at the banks: pending refunds arrive, and those to a closed card come back."""
        with self._lock:
            for refund in self.stores["refunds"].values():
                card = self.behaviours[self.stores["charges"][refund["charge"]]["payment_method"]]
                if refund["status"] == "pending":
                    refund.update(status="succeeded", pending_reason=None)
                elif refund["status"] == "succeeded" and card.refund == "fails":
                    self.fail_refund(refund["id"], "expired_or_canceled_card")

    def fail_refund(self, ref: str, reason: str) -> None:
        """A refund comes back to the merchant."""
        refund = self.stores["refunds"][ref]
        refund.update(status="failed", failure_reason=reason, failure_balance_transaction="txn_back")
        charge = self.stores["charges"][refund["charge"]]
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False

    def dispute(
        self, intent: str, amount: int = 0, status: str = "needs_response", reason: str = "fraudulent"
    ) -> str:
        """The customer's bank takes a charge back, or asks about it; `end_dispute` says how that went."""
        with self._lock:
            charge = self.stores["charges"][self.stores["payment_intents"][intent]["latest_charge"]]
            charge["disputed"] = not status.startswith("warning")
            return str(
                self._new("disputes", "dp", make.dispute(charge, amount or charge["amount"], status, reason))[
                    "id"
                ]
            )

    def end_dispute(self, ref: str, status: str) -> None:
        """The bank has decided: won or lost."""
        with self._lock:
            self.stores["disputes"][ref]["status"] = status

    def fill_link(self, ref: str, card: str = "visa") -> None:
        """The customer types a card on the page behind a link."""
        with self._lock:
            session = self.stores["checkout/sessions"][ref]
            form = {
                "customer": session["customer"], "payment_method": f"pm_card_{card}", "confirm": "true", **session.pop("_setup"),
            }  # fmt: skip
            session.update(status="complete", setup_intent=self._set_up(form)["id"])

    def customer(self) -> str:
        """A new customer."""
        with self._lock:
            return str(self._new("customers", "cus", {"object": "customer", "email": None})["id"])

    def card(self, name: str = "visa", customer: str = "") -> tuple[str, str]:
        """A card that is kept already: customer and payment method."""
        with self._lock:
            holder = customer or self.customer()
            method = self._method(f"pm_card_{name}")
            method["customer"] = holder
            return holder, str(method["id"])

    def change(self, path: str, form: dict[str, str]) -> Object:
        """Executes one write."""
        folder, _, rest = path.partition("/")
        ref, _, action = rest.partition("/")
        changes: dict[tuple[str, str], Any] = {
            ("customers", ""): lambda: self._new("customers", "cus", {"object": "customer", "email": form.get("email")}, form),
            ("payment_methods", ""): lambda: self._new_method(form),
            ("payment_methods", "detach"): lambda: self._detach(ref),
            ("setup_intents", ""): lambda: self._set_up(form),
            ("payment_intents", ""): lambda: self._create(form),
            ("payment_intents", "confirm"): lambda: self._confirm(self.get("payment_intents", ref), form),
            ("payment_intents", "capture"): lambda: self._capture(self.get("payment_intents", ref), form),
            ("payment_intents", "cancel"): lambda: self._cancel(self.get("payment_intents", ref), form),
            ("refunds", ""): lambda: self._refund(form),
            ("checkout", ""): lambda: self._open_link(form),
        }  # fmt: skip
        change = changes.get((folder, action))
        if change is None or (ref and not action and folder != "checkout"):
            raise Refused(404, f"Unrecognized request URL (POST: /v1/{path}).", early=True)
        found: Object = change()
        return found

    def get(self, folder: str, ref: str, param: str = "id") -> Object:
        found = self.stores.get(folder, {}).get(ref)
        if found is None:
            raise missing(folder.rstrip("s"), ref, param)
        return found

    def seconds(self) -> int:
        return int(self.clock.now().timestamp())

    def _new(self, folder: str, prefix: str, found: Object, form: dict[str, str] | None = None) -> Object:
        metadata = {name[9:-1]: value for name, value in (form or {}).items() if name.startswith("metadata[")}
        ref = found.get("id") or f"{prefix}_fake{next(self._numbers):05d}"
        made = {
            **found,
            "id": ref,
            "created": self.seconds(),
            "metadata": metadata,
            "livemode": self.is_live,
        }
        self.stores[folder][ref] = made
        return made

    def _next(self, prefix: str) -> str:
        return f"{prefix}_fake{next(self._numbers):05d}"

    # Cards.

    def _method(self, ref: str) -> Object:
        """A payment method; a test card's name gives a new one each time."""
        name = ref.removeprefix("pm_card_")
        if name == ref or name not in CARDS:
            return self.get("payment_methods", ref, "payment_method")
        return self._keep_method(CARDS[name])

    def _keep_method(self, card: Behaviour, expiry: tuple[int, int] = (12, 2034)) -> Object:
        ref = self._next("pm")
        self.behaviours[ref] = card
        return self._new("payment_methods", "pm", make.method(ref, card, expiry))

    def _new_method(self, form: dict[str, str]) -> Object:
        if "card[token]" in form:
            name = form["card[token]"].removeprefix("tok_")
            if name not in CARDS:
                raise missing("token", form["card[token]"], "card[token]")
            return self._keep_method(CARDS[name])
        number = form.get("card[number]", "")
        if not self.raw_cards:
            text = "Sending credit card numbers directly to the Stripe API is generally unsafe. To continue processing use Stripe.js."
            raise Refused(400, text, early=True)
        if not passes_luhn(number):
            raise Refused(402, "Your card number is incorrect.", code="incorrect_number", param="number")
        expiry = int(form["card[exp_month]"]), int(form["card[exp_year]"])
        last4 = number[-4:]
        known = next((card for card in CARDS.values() if card.last4 == last4 and last4 != "4242"), None)
        return self._keep_method(known or Behaviour(brand_of(number).lower(), last4), expiry)

    def _detach(self, ref: str) -> Object:
        method = self.get("payment_methods", ref, "payment_method")
        if method["customer"] is None:
            raise Refused(
                400,
                "The payment method you provided is not attached to a customer so detachment is impossible.",
            )
        method.update(customer=None, _is_gone=True)
        return method

    def _set_up(self, form: dict[str, str]) -> Object:
        customer = self.get("customers", form.get("customer", ""), "customer")
        method = self._method(form.get("payment_method", ""))
        by_phone = self._by_phone(form)
        if method.get("_is_gone"):
            raise Refused(
                400, "This PaymentMethod was previously detached from a Customer and may not be used again."
            )
        card = self.behaviours[method["id"]]
        setup = {
            "object": "setup_intent", "customer": customer["id"], "payment_method": method["id"], "status": "succeeded",
            "usage": form.get("usage", "off_session"), "last_setup_error": None, "client_secret": "seti_secret_fake",
        }  # fmt: skip
        made = self._new("setup_intents", "seti", setup, form)
        if card.asks and not by_phone:
            made["status"] = "requires_action"
        elif card.decline:
            made.update(status="requires_payment_method", payment_method=None)
            no = make.declined(card, "setup_intent", made)
            made["last_setup_error"] = {k: v for k, v in no.body["error"].items() if k != "setup_intent"}
            raise no
        else:
            method["customer"] = customer["id"]
        return made

    def _open_link(self, form: dict[str, str]) -> Object:
        for name in ("mode", "customer", "success_url"):
            if not form.get(name):
                raise lacking(name)
        ref = self._next("cs_test")
        inside = "setup_intent_data["
        setup = {
            name.removeprefix(inside).replace("]", "", 1): value
            for name, value in form.items()
            if name.startswith(inside)
        }
        session = {
            "id": ref, "object": "checkout.session", "mode": form["mode"], "status": "open", "setup_intent": None,
            "customer": self.get("customers", form["customer"], "customer")["id"],
            "url": f"https://checkout.stripe.com/c/pay/{ref}", "expires_at": self.seconds() + 86_400, "_setup": setup,
        }  # fmt: skip
        return self._new("checkout/sessions", "cs_test", session, form)

    # Charges.

    def _by_phone(self, form: dict[str, str]) -> bool:
        asked = form.get("payment_method_options[card][moto]") == "true"
        if asked and not self.moto:
            raise Refused(400, "Received unknown parameter: payment_method_options[card][moto].", early=True)
        return asked

    def _create(self, form: dict[str, str]) -> Object:
        for name in ("amount", "currency"):
            if name not in form:
                raise lacking(name)
        if form.get("payment_method_types[]") != "card":
            self.breaches.append("a payment intent without its kind of card")
        if int(form["amount"]) < 50:
            raise Refused(400, "Amount must be at least $0.50 usd.", code="amount_too_small", early=True)
        customer = self.get("customers", form["customer"], "customer")["id"] if "customer" in form else None
        ref = form.get("payment_method", "")
        if "payment_method_data[card][token]" in form:
            ref = "pm_card_" + form["payment_method_data[card][token]"].removeprefix("tok_")
        method = self._method(ref) if ref else None
        if method is not None and (method.get("_is_gone") or method["customer"] not in (None, customer)):
            raise Refused(400, "The PaymentMethod does not belong to the Customer, or may not be used again.")
        made = make.intent(self._next("pi"), form, customer, method["id"] if method else None)
        return self._new("payment_intents", "pi", made, form)

    def _confirm(self, intent: Object, form: dict[str, str]) -> Object:
        if intent["status"] not in ("requires_confirmation", "requires_payment_method", "requires_action"):
            raise make.unexpected_state(intent, "confirmed")
        if intent["payment_method"] is None:
            raise Refused(
                400,
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                payment_intent=intent,
            )
        by_phone = self._by_phone(form)
        method = self.stores["payment_methods"][intent["payment_method"]]
        card = self.behaviours[method["id"]]
        asked = card.asks and not by_phone
        if asked and form.get("off_session") != "true" and form.get("error_on_requires_action") != "true":
            intent["status"] = "requires_action"
            return intent
        fails = bool(asked or card.decline)
        charge = self._new(
            "charges", "ch", make.charge(self._next("ch"), intent, method, "failed" if fails else "succeeded")
        )
        intent["latest_charge"] = charge["id"]
        if fails:
            intent.update(status="requires_payment_method", payment_method=None)
            no = make.declined(card, "payment_intent", intent)
            intent["last_payment_error"] = {
                k: v for k, v in no.body["error"].items() if k != "payment_intent"
            }
            raise no
        charge["disputed"] = card.disputes
        if charge["captured"]:
            intent.update(status="succeeded", amount_received=intent["amount"])
        else:
            intent.update(status="requires_capture", amount_capturable=intent["amount"])
        return intent

    def _capture(self, intent: Object, form: dict[str, str]) -> Object:
        if intent["status"] != "requires_capture":
            raise make.unexpected_state(intent, "captured")
        amount = int(form.get("amount_to_capture") or intent["amount_capturable"])
        if amount > intent["amount_capturable"]:
            raise Refused(
                400, "The amount to capture is greater than the authorised one.", code="amount_too_large"
            )
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        self.stores["charges"][intent["latest_charge"]].update(captured=True, amount_captured=amount)
        return intent

    def _cancel(self, intent: Object, form: dict[str, str]) -> Object:
        if intent["status"] not in _CANCELLABLE:
            raise make.unexpected_state(intent, "canceled")
        if intent["status"] == "requires_capture":
            self.stores["charges"][intent["latest_charge"]].update(
                refunded=True, amount_refunded=intent["amount"]
            )
        intent.update(
            status="canceled", amount_capturable=0, cancellation_reason=form.get("cancellation_reason")
        )
        return intent

    def _refund(self, form: dict[str, str]) -> Object:
        ref = form.get("charge", "")
        if "payment_intent" in form:
            ref = self.get("payment_intents", form["payment_intent"], "payment_intent")["latest_charge"] or ""
        charge = self.get("charges", ref, "charge")
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = int(form["amount"]) if "amount" in form else left
        if amount < 1:
            raise Refused(400, "Invalid positive integer", code="parameter_invalid_integer", early=True)
        if charge["disputed"]:
            raise Refused(
                400, f"Charge {ref} has been charged back; cannot issue a refund.", code="charge_disputed"
            )
        if left <= 0:
            raise Refused(400, f"Charge {ref} has already been refunded.", code="charge_already_refunded")
        if amount > left:
            over = f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})"
            raise Refused(400, over)
        card = self.behaviours[charge["payment_method"]]
        waits = self.low_balance or card.refund == "pending"
        made = self._new(
            "refunds",
            "re",
            make.refund(self._next("re"), charge, amount, "pending" if waits else "succeeded"),
            form,
        )
        if waits:
            made["pending_reason"] = "insufficient_funds" if self.low_balance else "processing"
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        return made
