"""What can be done with a subscription now, and why not: the table of actions by status (SUB-01 … SUB-20)."""

from __future__ import annotations

from enum import StrEnum

from cstui.domain.subscriptions import SubscriptionStatus


class SubscriptionAction(StrEnum):
    """What an agent can do; the value is the word of the command line."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    BILL = "bill"
    CARD = "card"
    PRICE = "price"
    QUANTITY = "quantity"
    OPTION = "option"
    DATE = "date"
    TRIAL = "trial"
    REACTIVATE = "reactivate"


_S = SubscriptionStatus
_A = SubscriptionAction
_LIVING = frozenset({_S.TRIAL, _S.ACTIVE, _S.PAST_DUE, _S.PAUSED, _S.RECYCLE_FAILED})
#: In which states each action is possible.
POSSIBLE: dict[SubscriptionAction, frozenset[SubscriptionStatus]] = {
    _A.CANCEL: _LIVING,
    _A.PAUSE: frozenset({_S.ACTIVE}),
    _A.RESUME: frozenset({_S.PAUSED}),
    _A.SKIP: frozenset({_S.ACTIVE}),
    _A.BILL: _LIVING,
    _A.CARD: _LIVING,
    _A.PRICE: _LIVING,
    _A.QUANTITY: _LIVING,
    _A.OPTION: _LIVING,
    _A.DATE: _LIVING,
    _A.TRIAL: frozenset({_S.TRIAL}),
    _A.REACTIVATE: frozenset({_S.RECYCLE_FAILED, _S.CANCELLED, _S.PAST_DUE}),
}
#: How a status stands in a sentence.
STATUS_WORDS: dict[SubscriptionStatus, str] = {
    _S.TRIAL: "in its trial",
    _S.ACTIVE: "active",
    _S.PAST_DUE: "past due",
    _S.PAUSED: "paused",
    _S.RECYCLE_FAILED: "stopped after failed payments",
    _S.CANCELLED: "cancelled",
    _S.COMPLETE: "complete",
}
_ADVICE: dict[SubscriptionAction, str] = {
    _A.PAUSE: "Only an active one can be paused.",
    _A.RESUME: "Only a paused one can be resumed.",
    _A.SKIP: "Only an active one has a charge to skip.",
    _A.TRIAL: "Only a trial can be restarted, skipped or stopped.",
    _A.REACTIVATE: "Only a cancelled, past-due or stopped one is reactivated.",
}


def why_not(action: SubscriptionAction, status: SubscriptionStatus) -> str:
    """Why an action is not possible in a status; empty where it is."""
    if status in POSSIBLE[action]:
        return ""
    advice = _ADVICE.get(action, "It takes no more changes; reactivate it or place a new order.")
    if status is _S.COMPLETE and action is not _A.RESUME:
        advice = "Its last cycle was billed; a new order starts another one."
    return f"This subscription is {STATUS_WORDS[status]}. {advice}"
