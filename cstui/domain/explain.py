"""Explaining a charge: which one the caller means, and one sentence to read out of what it is and why it was made (D-18).

Everything that is said is decided here, on facts that were read before; nothing here asks a database or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from cstui.domain.clean import clean
from cstui.domain.declines import Decline
from cstui.domain.money import Money, exponent
from cstui.domain.payments import TransactionKind

#: Statements show a charge on its own day or up to so many days beside it.
POSTING_DAYS = 3
#: So many charges are explained at most.
MOST = 5
_LINES = 3


class Outcome(StrEnum):
    """What is known of a charge."""

    TAKEN = "taken"
    HELD = "held"
    GIVEN = "given"
    VOIDED = "voided"
    DISPUTED = "disputed"
    REVERSED = "reversed"
    DECLINED = "declined"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"


#: What the caller's bank shows, or will: the others took nothing and are meant only where nothing better fits.
SHOWN = frozenset(
    {Outcome.TAKEN, Outcome.HELD, Outcome.GIVEN, Outcome.PENDING, Outcome.UNKNOWN, Outcome.DISPUTED}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller reads from his statement: any of amount, day, last four digits, and a reference. All empty: his newest charges."""

    amount: Money | None = None
    on: date | None = None
    last4: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """One charge, hold, refund or try of a customer: what a statement could show. `day` is the store's; `decline` what a refusal means.

    `parts` are amounts that a caller may take for it: the order without its tax or shipping, the order that was charged in parts.
    """

    kind: TransactionKind
    outcome: Outcome
    at: datetime
    day: date
    amount: Money
    store: str
    card: str = ""
    last4: str = ""
    references: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    transaction_id: int | None = None
    attempt_id: int | None = None
    order_id: int | None = None
    order_number: str = ""
    order_total: Money | None = None
    subscription_id: int | None = None
    cycle: int | None = None
    decline: Decline | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """What went back of a charge since, or is on its way (`day` None)."""

    amount: Money
    day: date | None
    is_void: bool = False


@dataclass(frozen=True, slots=True)
class PriceMove:
    """Who changed what of the price when, with both values in words where they are known; no name: a price for some bills ran out."""

    day: date
    by: str
    what: str = "price"
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Which cycle of which subscription a charge is, and what made it bill on that day.

    `trial_ended`: the first bill after a trial. `forced`, `moved`, `resumed`: by whom and when. `declines`: earlier tries of the same cycle.
    """

    product: str
    interval: str
    number: int | None = None
    is_first_order: bool = False
    trial_ends: date | None = None
    trial_ended: date | None = None
    trial_cut_by: str = ""
    forced: tuple[str, date] | None = None
    moved: tuple[str, date] | None = None
    resumed: tuple[str, date] | None = None
    declines: tuple[tuple[date, str], ...] = ()
    price: PriceMove | None = None
    ended: date | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of a charge beside itself: the order's lines in words, its cycle, what went back, a dispute's day."""

    lines: tuple[str, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    back: tuple[Back, ...] = ()
    disputed: date | None = None
    share_of: Money | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One sentence to read to the caller, what else the agent should know (`advice`), and what fitted (`matched`, empty: asked for nothing)."""

    sentence: str
    outcome: Outcome
    at: datetime
    day: date
    amount: Money
    matched: tuple[str, ...] = ()
    advice: str = ""
    order_id: int | None = None
    order_number: str = ""
    transaction_id: int | None = None
    attempt_id: int | None = None
    subscription_id: int | None = None
    cycle: int | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a movement fits: points, and what fitted."""

    points: int
    matched: tuple[str, ...] = field(default=())


def fit(wanted: Wanted, movement: Movement) -> Fit | None:
    """How well it fits what the caller reads; None where one thing he named speaks against it. An unknown card speaks against nothing."""
    points = 0
    matched: list[str] = []
    for judged in (
        _amount_fit(wanted.amount, movement),
        _day_fit(wanted.on, movement.day),
        _card_fit(wanted.last4, movement.last4),
        _reference_fit(wanted.reference, movement.references),
    ):
        if judged is None:
            return None
        points += judged.points
        matched += judged.matched
    if movement.outcome not in SHOWN:
        points -= 25
    if movement.kind in _GIVING:
        # Who asks what was charged does not mean what came back, unless the amount says so.
        points -= 10
    return Fit(points, tuple(matched))


def best(
    wanted: Wanted, movements: tuple[Movement, ...], most: int = MOST
) -> tuple[tuple[Movement, Fit], ...]:
    """The movements that fit, best first, the newest first among equals."""
    judged = [(movement, found) for movement in movements if (found := fit(wanted, movement)) is not None]
    judged.sort(key=lambda pair: (pair[1].points, pair[0].at, pair[0].transaction_id or 0), reverse=True)
    return tuple(judged[:most])


def _amount_fit(amount: Money | None, movement: Movement) -> Fit | None:
    if amount is None:
        return Fit(0)
    minor = abs(amount.minor)
    # A customer abroad reads his own currency, and says none: figures count more than codes.
    same = amount.currency == movement.amount.currency
    if minor == movement.amount.minor:
        return Fit(100 if same else 70, ("amount",))
    if same and minor in movement.parts:
        return Fit(60, ("part of the amount",))
    if same and abs(minor - movement.amount.minor) < 10 ** exponent(amount.currency):
        return Fit(40, ("amount, nearly",))
    return None


def _day_fit(on: date | None, day: date) -> Fit | None:
    if on is None:
        return Fit(0)
    apart = abs((on - day).days)
    if apart > POSTING_DAYS:
        return None
    return Fit(50 - 8 * apart, ("day" if not apart else f"{apart} day{'s' if apart > 1 else ''} apart",))


def _card_fit(wanted: str, last4: str) -> Fit | None:
    if not wanted:
        return Fit(0)
    if not last4:
        return Fit(-10)
    return Fit(30, ("card",)) if last4 == wanted else None


def _reference_fit(wanted: str, known: tuple[str, ...]) -> Fit | None:
    needle = wanted.strip().lstrip("#").casefold()
    if not needle:
        return Fit(0)
    for text in known:
        if needle == text.lstrip("#").casefold():
            return Fit(90, ("reference",))
    is_within = len(needle) >= 4 and any(needle in text.casefold() for text in known)
    return Fit(60, ("reference",)) if is_within else None


# The sentence ---------------------------------------------------------------------------------------


def explained(movement: Movement, found: Fit, story: Story) -> Explanation:
    """The charge in one sentence, with what an agent should do about a refusal."""
    advice = movement.decline.advice if movement.decline is not None else ""
    return Explanation(
        clean(sentence(movement, story)), movement.outcome, movement.at, movement.day, movement.amount, found.matched, advice,
        movement.order_id, movement.order_number, movement.transaction_id, movement.attempt_id, movement.subscription_id, movement.cycle,
    )  # fmt: skip


def sentence(movement: Movement, story: Story) -> str:
    """What it was, for which order and lines, which cycle of what, why then, what became of it since: one sentence."""
    parts = [_what(movement, _for(movement, story))]
    parts += [_cycle(cycle) for cycle in story.cycles]
    for cycle in story.cycles:
        parts += _reasons(cycle)
    parts += _since(movement, story)
    return f"{'; '.join(part for part in parts if part)}."


def _what(movement: Movement, order: str) -> str:
    """What was done with how much for which order, then what is known of it."""
    gives = movement.kind in _GIVING
    card = f" {'on' if movement.outcome is Outcome.HELD else 'to'} {movement.card}" if movement.card else ""
    amount = f"{_money(movement.amount)}{card}"
    noun = "a refund" if gives else "a charge"
    head, tail = {
        Outcome.TAKEN: ("charged", ""),
        Outcome.HELD: ("reserved", ", and has not taken it"),
        Outcome.GIVEN: ("gave back", ""),
        Outcome.VOIDED: ("took back a charge of", " before it was final, so that it falls off the statement"),
        Outcome.REVERSED: (f"sent {noun} of", ", which the bank has undone since"),
        Outcome.DECLINED: ("tried to charge", f", which was declined{_because(movement)}; nothing was taken"),
        Outcome.FAILED: (f"sent {noun} of", ", which failed; no money moved"),
        Outcome.PENDING: (f"sent {noun} of", ", which the bank has accepted but not confirmed yet"),
        Outcome.UNKNOWN: (
            f"sent {noun} of",
            "; it is not known yet whether it went through, and is being looked up",
        ),
        Outcome.WAITING: ("is about to charge", ", and has not sent it yet"),
        Outcome.WITHDRAWN: ("planned to charge", ", which was taken back before it was sent"),
        Outcome.DISPUTED: ("lost", " to the bank, because the charge was disputed"),
    }[movement.outcome]
    when = "" if movement.outcome is Outcome.WAITING else f"On {_day(movement.day)} "
    return f"{when}{movement.store} {head} {amount}{order}{tail}"


def _because(movement: Movement) -> str:
    return f": {_lower(movement.decline.words)}" if movement.decline is not None else ""


_GIVING = (TransactionKind.REFUND, TransactionKind.CREDIT, TransactionKind.CHARGEBACK)


def _for(movement: Movement, story: Story) -> str:
    share = f"as a part of {_money(story.share_of)} " if story.share_of is not None else ""
    if not movement.order_number:
        return ""
    lines = list(story.lines[:_LINES])
    if len(story.lines) > _LINES:
        lines.append(f"{len(story.lines) - _LINES} more")
    listed = f" ({', '.join(lines)})" if lines else ""
    comma = ", " if share else " "
    return f"{comma}{share}for order {movement.order_number}{listed}"


def _cycle(cycle: Cycle) -> str:
    if cycle.is_first_order:
        trial = f", whose trial runs until {_day(cycle.trial_ends)}" if cycle.trial_ends else ""
        return f"it is the first order of the subscription {cycle.product}, billed {cycle.interval}{trial}"
    if cycle.trial_ended is not None:
        first = f"it is the first full bill of the subscription {cycle.product}, billed {cycle.interval}"
        if cycle.trial_cut_by:
            return f"{first}, because {cycle.trial_cut_by} ended its trial on {_day(cycle.trial_ended)}"
        return f"{first}, because its trial ended on {_day(cycle.trial_ended)}"
    number = f"cycle {cycle.number}" if cycle.number is not None else "a cycle"
    return f"it is {number} of the subscription {cycle.product}, billed {cycle.interval}"


def _reasons(cycle: Cycle) -> list[str]:
    said = []
    if cycle.forced is not None:
        by, day = cycle.forced
        said.append(f"{by} charged it by hand on {_day(day)}")
    if cycle.declines:
        tries = ", ".join(f"on {_day(day)} ({_lower(words)})" for day, words in cycle.declines[-2:])
        count = len(cycle.declines)
        more = (
            f" after {count} declines, the last of them"
            if count > 2
            else " after a decline"
            if count == 1
            else " after declines"
        )
        said.append(f"it was tried again{more} {tries}")
    for moved, words in ((cycle.moved, "moved its bill date"), (cycle.resumed, "resumed it")):
        if moved is not None:
            said.append(f"{moved[0]} {words} on {_day(moved[1])}")
    if cycle.price is not None:
        said.append(_price(cycle.price))
    return said


def _price(price: PriceMove) -> str:
    moved = f" from {price.old} to {price.new}" if price.old and price.new else ""
    if not price.by:
        return f"a price for some bills ran out on {_day(price.day)}{moved and f', it went{moved}'}"
    return f"{price.by} changed the {price.what}{moved} on {_day(price.day)}"


def _since(movement: Movement, story: Story) -> list[str]:
    said = []
    whole = [back for back in story.back if back.day is not None]
    for back in whole:
        all_of_it = back.amount == movement.amount
        how = "taken back before it was final" if back.is_void else "given back"
        if movement.outcome is Outcome.HELD:
            said.append(f"the hold was lifted on {_day(back.day)}")
            continue
        said.append(f"{'all' if all_of_it else _money(back.amount)} of it was {how} on {_day(back.day)}")
    on_its_way = [back for back in story.back if back.day is None]
    said += [f"a refund of {_money(back.amount)} is on its way" for back in on_its_way]
    if story.disputed is not None:
        said.append(f"the bank disputes it since {_day(story.disputed)}")
    for cycle in story.cycles:
        if cycle.ended is not None:
            said.append(f"the subscription was cancelled on {_day(cycle.ended)}")
    return said


def _money(amount: Money) -> str:
    return f"{amount.plain()} {amount.currency}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _day(day: date | None) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}" if day is not None else "a day that is not known"


def _lower(words: str) -> str:
    """As it stands inside a sentence; `PIN` and names of cards stay as they are."""
    return words[:1].lower() + words[1:] if not words[1:2].isupper() else words
