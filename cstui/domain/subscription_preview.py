"""What will be billed when: the next bill and the three after it, as they would come if nobody touched the subscription again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from cstui.domain.money import Money
from cstui.domain.subscription_actions import bill_day, billed, planned
from cstui.domain.subscription_changes import BillPreview, SubscriptionFacts
from cstui.domain.subscription_prices import parts, regular
from cstui.domain.subscriptions import SubscriptionStatus

_S = SubscriptionStatus
_FOLLOWING = 3
#: More turns than any plan can have between two bills.
_MOST_TURNS = 8


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The card that would be charged. `expires` is its last good day, None where that is not known."""

    words: str = ""
    expires: date | None = None
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Coming:
    """One bill to come: the subscription as it is then, right before it is billed."""

    day: date
    facts: SubscriptionFacts


def coming(facts: SubscriptionFacts, today: date, now: datetime) -> Iterator[Coming | date]:
    """The bills to come in their order, without end where it has none; last of all the day on which it ends, where that is planned."""
    turns = 0
    while turns < _MOST_TURNS:
        turns += 1
        facts = planned(facts, today, now)
        if facts.status in (_S.CANCELLED, _S.COMPLETE):
            return
        day = bill_day(facts)
        if day is None or (facts.cancel_on is not None and facts.cancel_on <= max(day, today)):
            ends = facts.cancel_on
            if (
                facts.status is _S.PAUSED
                and facts.resume_on is not None
                and (ends is None or facts.resume_on < ends)
            ):
                today = max(today, facts.resume_on)
                continue
            if ends is not None:
                yield ends
            return
        today = max(today, day)
        then = planned(facts, today, now)
        if then.status is _S.PAUSED:
            continue
        turns = 0
        yield Coming(today, then)
        facts = billed(then, today, now)
        if facts.status in (_S.CANCELLED, _S.COMPLETE):
            yield today
            return


def preview(
    facts: SubscriptionFacts,
    today: date,
    now: datetime,
    card: CardFacts | None = None,
    *,
    bill_time: str = "",
    is_past_bill_time: bool = False,
) -> BillPreview:
    """The next bill with its build-up, and what follows; `today` is the day in the store's zone."""
    bills: list[Coming] = []
    ends: date | None = None
    for found in coming(facts, today, now):
        if not isinstance(found, Coming):
            ends = found
        elif len(bills) > _FOLLOWING:
            break
        else:
            bills.append(found)
    first = bills[0] if bills else None
    shown = first.facts if first else facts
    warnings = _warnings(facts, first, card or CardFacts())
    return BillPreview(
        first.day if first else None,
        Money(shown.total, facts.currency),
        parts(shown),
        facts.cycle + 1,
        card.words if card else "",
        warnings,
        tuple((bill.day, Money(bill.facts.total, facts.currency)) for bill in bills[1:]),
        ends,
        _words(facts, first, ends, today, bill_time, is_past_bill_time),
        facts.status,
    )


def _words(
    facts: SubscriptionFacts,
    first: Coming | None,
    ends: date | None,
    today: date,
    bill_time: str,
    is_past_bill_time: bool,
) -> str:
    if first is None:
        if facts.status is _S.CANCELLED:
            return "Nothing is billed any more."
        if ends is not None:
            return f"Nothing is billed any more; it ends on {ends:%a %d %b %Y}."
        return _IDLE.get(facts.status, "No bill is planned.")
    money = Money(first.facts.total, facts.currency)
    amount = f"{money.plain()} {money.currency}"
    if first.day > today:
        return f"Bills {amount} on {first.day:%a %d %b %Y}."
    return (
        f"Bills {amount} today{f' at {bill_time}' if bill_time and not is_past_bill_time else ', at once'}."
    )


_IDLE = {
    _S.PAUSED: "Nothing is billed until it is resumed.",
    _S.RECYCLE_FAILED: "Nothing is billed until it is reactivated.",
    _S.COMPLETE: "Its last cycle was billed.",
    _S.PAST_DUE: "No further try is planned.",
}


def _warnings(facts: SubscriptionFacts, first: Coming | None, card: CardFacts) -> tuple[str, ...]:
    said: list[str] = []
    if first is not None:
        said += _card_warnings(first.day, card)
    if first is not None and facts.status is _S.PAST_DUE and facts.next_bill_date is not None:
        said.append(f"This is the bill that was due on {facts.next_bill_date:%d %b %Y}.")
    if facts.cancel_after_next:
        said.append("It ends with the next bill that goes through.")
    if facts.final_cycle is not None and first is not None:
        said.append(f"Its final cycle is {facts.final_cycle}.")
    back = regular(facts)
    if back is not None:
        left, total = facts.price_cycles_left, Money(back.total, facts.currency)
        bills = "the next bill only" if left == 1 else f"{left} bills"
        said.append(f"This price is for {bills}; then it is {total.plain()} {total.currency} again.")
    return tuple(said)


def _card_warnings(day: date, card: CardFacts) -> list[str]:
    if not card.words:
        return ["No card is on file for it."]
    if card.is_removed:
        return [f"The card {card.words} was removed."]
    if card.expires is not None and card.expires < day:
        return [f"The card {card.words} expires before the next bill."]
    return []
