"""Decline codes of issuers and gateways in plain words, with what to do and whether it may be tried again (D-18).

Each gateway says no in its own codes: NMI in three digits, issuers in two signs, Stripe in words. What is not known here is judged by what the
adapter made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cstui.domain.gateways import Why
from cstui.domain.payments import AttemptState


class DeclineClass(StrEnum):
    """What a refusal means for a further try."""

    HARD = "H"  # never again on this card: each further try is fined by the card networks
    SOFT = "S"  # may succeed later
    DATA = "D"  # only after the card's data has changed
    TECHNICAL = "T"  # a fault on the way: the outcome is looked up first
    AMBIGUOUS = "A"  # maybe a double of an earlier success: that is looked for first
    CONFIGURATION = "C"  # the merchant's own account refuses it; no card helps


_AGAIN = {
    DeclineClass.HARD: "Never again on this card",
    DeclineClass.SOFT: "May succeed later",
    DeclineClass.DATA: "Only with new card data",
    DeclineClass.TECHNICAL: "Being looked up first",
    DeclineClass.AMBIGUOUS: "An earlier success is looked for first",
    DeclineClass.CONFIGURATION: "A fault of the account, not of the card",
}
_ADVICE = {
    DeclineClass.HARD: "Ask for another card.",
    DeclineClass.SOFT: "Try later, or ask for another card.",
    DeclineClass.DATA: "Ask for the card's data again, or for another card.",
    DeclineClass.TECHNICAL: "Wait until the outcome is known.",
    DeclineClass.AMBIGUOUS: "Wait until the earlier charge is found or ruled out.",
    DeclineClass.CONFIGURATION: "Tell an administrator; the customer need not do anything.",
}


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal as an agent reads it out: `words` what the issuer or gateway said, `advice` what to do, `again` its class.

    `stops_all`: the customer's bank wants no further charge of this kind at all, whatever the card.
    """

    words: str
    advice: str
    again: DeclineClass
    stops_all: bool = False

    @property
    def again_words(self) -> str:
        """Whether it may be tried again, in words."""
        return _AGAIN[self.again]


_H, _S, _D = DeclineClass.HARD, DeclineClass.SOFT, DeclineClass.DATA
_T, _A, _C = DeclineClass.TECHNICAL, DeclineClass.AMBIGUOUS, DeclineClass.CONFIGURATION
_BANK_CALL = "The customer can call his bank, then try again."
#: Words, class, and where the class alone does not say it, what to do.
_KNOWN: dict[str, tuple[str, DeclineClass, str]] = {
    # Issuers' own two signs, as the sandbox and Stripe's network codes give them.
    "01": ("The bank wants to be called", _S, _BANK_CALL),
    "04": ("The bank keeps the card", _H, ""),
    "05": ("The bank said no without a reason", _S, _BANK_CALL),
    "07": ("The bank keeps the card for fraud", _H, ""),
    "12": ("The bank does not allow this transaction", _H, ""),
    "13": ("The bank does not take this amount", _C, ""),
    "14": ("The card number is not known to the bank", _H, ""),
    "15": ("No bank stands behind this card", _H, ""),
    "41": ("The card was reported lost", _H, ""),
    "43": ("The card was reported stolen", _H, ""),
    "46": ("The account is closed", _H, ""),
    "51": ("Not enough money in the account", _S, ""),
    "54": ("The card has expired", _D, ""),
    "57": ("The card may not be used for this", _H, ""),
    "61": ("Over the card's limit", _S, ""),
    "62": ("The card is restricted", _S, _BANK_CALL),
    "65": ("Used too often for now", _S, ""),
    "91": ("The bank could not be reached", _T, ""),
    "96": ("A fault at the bank", _T, ""),
    "R0": ("The customer had this payment stopped at the bank", _H, ""),
    "R1": ("The customer had all recurring payments stopped at the bank", _H, ""),
    "R3": ("The customer had all recurring payments stopped at the bank", _H, ""),
    # NMI.
    "200": ("The bank said no", _S, ""),
    "201": ("The bank said no without a reason", _S, _BANK_CALL),
    "202": ("Not enough money in the account", _S, ""),
    "203": ("Over the card's limit", _S, ""),
    "204": ("The bank does not allow this transaction", _H, ""),
    "220": ("The payment data is wrong", _D, ""),
    "221": ("No bank stands behind this card", _H, ""),
    "222": ("The card number is not known to the bank", _H, ""),
    "223": ("The card has expired", _D, ""),
    "224": ("The expiry date is wrong", _D, ""),
    "225": ("The security code is wrong", _D, ""),
    "226": ("The PIN is wrong", _D, ""),
    "240": ("The bank wants to be called", _S, _BANK_CALL),
    "250": ("The bank keeps the card", _H, ""),
    "251": ("The card was reported lost", _H, ""),
    "252": ("The card was reported stolen", _H, ""),
    "253": ("The bank suspects fraud", _H, ""),
    "260": ("The bank said no", _S, ""),
    "261": ("The customer had all recurring payments stopped at the bank", _H, ""),
    "262": ("The customer had this payment stopped at the bank", _H, ""),
    "263": ("The bank has newer data of this card", _D, ""),
    "264": ("The bank asks to try again in a few days", _S, "Try again in three days or later."),
    "300": ("The gateway refused it", _C, ""),
    "301": ("The gateway is too busy", _T, ""),
    "400": ("A fault at the processor", _T, ""),
    "410": ("The merchant's account is set up wrong", _C, ""),
    "411": ("The merchant's account is not active", _C, ""),
    "420": ("The processor could not be reached", _T, ""),
    "421": ("The bank could not be reached", _T, ""),
    "430": ("The processor takes it for a double", _A, ""),
    "440": ("The processor did not understand it", _C, ""),
    "441": ("The data of the transaction is wrong", _D, ""),
    "460": ("The merchant's account cannot do this", _C, ""),
    "461": ("This kind of card is not taken", _D, "Ask for another kind of card."),
    # Stripe.
    "insufficient_funds": ("Not enough money in the account", _S, ""),
    "withdrawal_count_limit_exceeded": ("Over the card's limit", _S, ""),
    "card_velocity_exceeded": ("Over the card's limit", _S, ""),
    "generic_decline": ("The bank said no without a reason", _S, _BANK_CALL),
    "card_declined": ("The bank said no", _S, ""),
    "do_not_honor": ("The bank said no without a reason", _S, _BANK_CALL),
    "call_issuer": ("The bank wants to be called", _S, _BANK_CALL),
    "no_action_taken": ("The bank said no without a reason", _S, _BANK_CALL),
    "not_permitted": ("The bank does not allow this transaction", _S, _BANK_CALL),
    "service_not_allowed": ("The bank does not allow this transaction", _S, _BANK_CALL),
    "transaction_not_allowed": ("The bank does not allow this transaction", _H, ""),
    "try_again_later": ("The bank asks to try again later", _S, ""),
    "reenter_transaction": ("The bank asks to try again", _S, ""),
    "approve_with_id": ("The bank said no without a reason", _S, _BANK_CALL),
    "authentication_required": ("The bank wants the customer to confirm it himself", _D, "Send a link for the card."),
    "lost_card": ("The card was reported lost", _H, ""),
    "stolen_card": ("The card was reported stolen", _H, ""),
    "pickup_card": ("The bank keeps the card", _H, ""),
    "restricted_card": ("The card is restricted", _H, ""),
    "fraudulent": ("The bank suspects fraud", _H, ""),
    "merchant_blacklist": ("The merchant's own list blocks this card", _H, ""),
    "security_violation": ("The bank suspects fraud", _H, ""),
    "invalid_account": ("The account is closed or not known", _H, ""),
    "new_account_information_available": ("The bank has newer data of this card", _D, ""),
    "revocation_of_all_authorizations": ("The customer had all recurring payments stopped at the bank", _H, ""),
    "revocation_of_authorization": ("The customer had this payment stopped at the bank", _H, ""),
    "stop_payment_order": ("The customer had this payment stopped at the bank", _H, ""),
    "expired_card": ("The card has expired", _D, ""),
    "incorrect_number": ("The card number is wrong", _D, ""),
    "invalid_number": ("The card number is wrong", _D, ""),
    "incorrect_cvc": ("The security code is wrong", _D, ""),
    "invalid_cvc": ("The security code is wrong", _D, ""),
    "incorrect_zip": ("The postcode is wrong", _D, ""),
    "invalid_expiry_month": ("The expiry date is wrong", _D, ""),
    "invalid_expiry_year": ("The expiry date is wrong", _D, ""),
    "card_not_supported": ("The card may not be used for this", _D, "Ask for another kind of card."),
    "currency_not_supported": ("The card does not take this currency", _D, "Ask for another kind of card."),
    "processing_error": ("A fault at the bank", _T, ""),
    "issuer_not_available": ("The bank could not be reached", _T, ""),
    "duplicate_transaction": ("The bank takes it for a double", _A, ""),
    "testmode_decline": ("A test card at a real account", _D, ""),
    "invalid_amount": ("The amount is not allowed", _C, ""),
}  # fmt: skip
#: What the bank has been told to stop for good, whatever the card.
_STOPS_ALL = frozenset(
    {"R0", "R1", "R3", "261", "262", "revocation_of_all_authorizations", "revocation_of_authorization", "stop_payment_order"}
)  # fmt: skip
_BY_WHY: dict[Why, tuple[str, DeclineClass]] = {
    Why.DECLINED: ("The bank said no", _S),
    Why.NEVER: ("The bank will never say yes to this card", _H),
    Why.CARD_DATA: ("The card's data is wrong", _D),
    Why.DUPLICATE: ("The gateway takes it for a double", _A),
    Why.ALREADY_DONE: ("The gateway says it was done already", _A),
    Why.BUSY: ("The gateway is too busy", _T),
    Why.NOT_SENT: ("It did not reach the gateway", _T),
    Why.NO_ANSWER: ("The gateway has not answered", _T),
    Why.MISMATCH: ("The gateway answered something else", _T),
    Why.PARTIAL: ("The bank approved only a part", _S),
    Why.LOW_FUNDS: ("Not enough money in the account", _S),
    Why.ACCOUNT: ("The merchant's account refuses it", _C),
    Why.NO_SUCH_RECORD: ("The gateway does not know this card any more", _D),
}
_BY_STATE: dict[AttemptState, DeclineClass] = {
    AttemptState.DECLINED_SOFT: _S,
    AttemptState.DECLINED_HARD: _H,
    AttemptState.UNKNOWN: _T,
    AttemptState.NOT_SENT: _T,
    AttemptState.REJECTED: _C,
}


def explained(code: str, text: str, why: Why, state: AttemptState) -> Decline | None:
    """What a refused or open attempt means; None for one that succeeded, waits, or was withdrawn.

    `text` is the gateway's own wording, shown where nothing better is known. An adapter's hard refusal is never softened by a code, and what is not
    known to have happened is never taken for a decline.
    """
    by_state = _BY_STATE.get(state)
    if by_state is None:
        return None
    if state in (AttemptState.UNKNOWN, AttemptState.NOT_SENT):
        words, again = _BY_WHY.get(why, ("The gateway has not answered", _T))
        return Decline(words, _ADVICE[_T], again if again is _A else _T)
    known = _KNOWN.get(code.strip())
    if known is None:
        words, again = _BY_WHY.get(why, (text or "The gateway refused it", by_state))
        advice = ""
    else:
        words, again, advice = known
    if state is AttemptState.DECLINED_HARD and again is _S:
        again, advice = _H, ""
    return Decline(words, advice or _ADVICE[again], again, code.strip() in _STOPS_ALL)
