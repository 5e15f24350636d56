"""Stopping everything of a customer: what there is to stop, what stands in the way, and what became of it (D-09)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.clean import clean
from cstui.domain.money import Money
from cstui.domain.refunds import Receipt


class StopKind(StrEnum):
    """What can be stopped; the value begins the item's id."""

    SUBSCRIPTION = "subscription"
    SHIPMENT = "shipment"
    HOLD = "hold"
    CHARGE = "charge"


#: In this order they are listed and stopped: what bills first.
ORDER = tuple(StopKind)
_NOUNS = {
    StopKind.SUBSCRIPTION: ("subscription", "subscriptions"),
    StopKind.SHIPMENT: ("shipment", "shipments"),
    StopKind.HOLD: ("hold", "holds"),
    StopKind.CHARGE: ("charge", "charges"),
}


@dataclass(frozen=True, slots=True)
class StopItem:
    """One thing that bills, ships or reserves. `plans` are what goes with it (pauses, next tries, bills about to be sent), as sentences.

    `holder`, `since` and `terminal`: somebody else works on it. `why_not` is a reason that he cannot be asked out of. `order_id` is 0 for a
    subscription.
    """

    id: str
    kind: StopKind
    record_id: int
    store_id: int
    words: str
    amount: Money | None = None
    plans: tuple[str, ...] = ()
    order_id: int = 0
    order_number: str = ""
    holder: str = ""
    terminal: str = ""
    since: datetime | None = None
    why_not: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """How it is called where it was left: `Tea`, `#1001`."""
        return (self.order_number if self.order_id else self.title) or self.words

    @property
    def can_stop(self) -> bool:
        """Whether nothing known stands in the way."""
        return not (self.holder or self.why_not)


@dataclass(frozen=True, slots=True)
class StopPreview:
    """All that can be stopped of a customer, and the reasons to choose from (code and label)."""

    customer_id: int
    name: str
    items: tuple[StopItem, ...]
    reasons: tuple[tuple[str, str], ...]
    undo_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """What was not stopped, and why, in words; `holder` where somebody works on it."""

    item: StopItem
    why: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class StopReport:
    """What was stopped, what was left and why, the receipts of voids (a worker sends them), and what could not be taken back any more."""

    done: tuple[StopItem, ...]
    left: tuple[Left, ...]
    receipts: tuple[Receipt, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`in_words`, with amounts as scripts write them."""
        return self.in_words()

    def in_words(self, say: Callable[[Money], str] | None = None) -> str:
        """`Stopped 3 subscriptions, 1 shipment, 1 hold of $40.00; Bob holds #1234.` `say` writes an amount."""
        first = f"Stopped {counted(self.done, say)}" if self.done else "Nothing was stopped"
        holders: dict[str, list[str]] = {}
        for left in self.left:
            if left.holder:
                holders.setdefault(left.holder, []).append(left.item.name)
        said = [f"{holder} holds {' and '.join(dict.fromkeys(names))}" for holder, names in holders.items()]
        said += [f"{left.item.name}: {left.why.rstrip('.')}" for left in self.left if not left.holder]
        return clean(" ".join(["; ".join([first, *said]) + ".", *self.warnings]))


def counted(items: tuple[StopItem, ...], say: Callable[[Money], str] | None = None) -> str:
    """`3 subscriptions, 1 shipment, 1 hold of 40.00 USD`; `say` writes an amount."""
    write = say or _plain
    parts = []
    for kind in ORDER:
        found = [item for item in items if item.kind is kind]
        if not found:
            continue
        words = f"{len(found)} {_NOUNS[kind][len(found) > 1]}"
        sums: dict[str, Money] = {}
        for item in found if kind is StopKind.HOLD else ():
            if item.amount is not None:
                code = item.amount.currency
                sums[code] = sums[code] + item.amount if code in sums else item.amount
        of = " and ".join(write(amount) for amount in sums.values())
        parts.append(f"{words} of {of}" if of else words)
    return ", ".join(parts)


def _plain(amount: Money) -> str:
    return f"{amount.plain()} {amount.currency}"
