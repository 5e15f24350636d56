"""The demo's subscriptions in every state, with their periods and the orders that billed cycles created."""

from __future__ import annotations

import calendar
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cstui.domain.gateways import Operation
from cstui.domain.orders import DiscountTarget, OrderKind
from cstui.domain.payments import AttemptState, PaymentStatus
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.subscription_prices import discount_of
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, PeriodState, SubscriptionStatus
from cstui.storage.demo_data.baskets import Discount, reckoned
from cstui.storage.demo_data.orders import Plan
from cstui.storage.demo_data.people import People, Person
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Item, Shop
from cstui.storage.tables.payments import PaymentAttempt
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod

_S = SubscriptionStatus
#: How many subscriptions of each state the demo has.
SHARES: dict[SubscriptionStatus, int] = {
    _S.TRIAL: 30, _S.ACTIVE: 190, _S.PAST_DUE: 30, _S.PAUSED: 25, _S.RECYCLE_FAILED: 20, _S.CANCELLED: 65, _S.COMPLETE: 20,
}  # fmt: skip
_INTERVALS = (
    (IntervalUnit.MONTH, 1),
    (IntervalUnit.MONTH, 2),
    (IntervalUnit.WEEK, 2),
    (IntervalUnit.WEEK, 6),
    (IntervalUnit.DAY, 45),
    (IntervalUnit.YEAR, 1),
)
_TRIAL_DAYS = 14


@dataclass(slots=True)
class Course:
    """A subscription to be written: its terms, and the days on which it billed."""

    person: Person
    shop: Shop
    item: Item
    status: SubscriptionStatus
    unit: IntervalUnit
    count: int
    quantity: int
    days: list[date]
    percent: int
    card_id: int
    id: int = 0
    plans: list[Plan | None] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def bill_day(start: date, unit: IntervalUnit, count: int, turn: int) -> date:
    """The day of the billing after `turn` intervals; months keep the anchor day where they have it (31: 31, 28 or 29, 31, 30 …)."""
    if unit in (IntervalUnit.DAY, IntervalUnit.WEEK):
        return start + timedelta(days=turn * count * (7 if unit is IntervalUnit.WEEK else 1))
    months = start.month - 1 + turn * count * (12 if unit is IntervalUnit.YEAR else 1)
    year, month = start.year + months // 12, months % 12 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


class Subscriptions:
    """Writes subscriptions and hands out the orders to be placed for them; `close` then links both."""

    def __init__(
        self, rows: Rows, dice: random.Random, people: People, shops: tuple[Shop, ...], day: date
    ) -> None:
        self._rows = rows
        self._dice = dice
        self._people = people
        self._shops = {shop.id: shop for shop in shops}
        self._day = day
        self._courses: list[Course] = []

    def crowd(self, people: Sequence[Person]) -> list[Plan]:
        """Subscriptions in every state, spread over the people; returns the orders to place."""
        plans: list[Plan] = []
        for status, count in SHARES.items():
            for person in self._dice.choices(people, k=count):
                plans += self.one(person, status)
        return plans

    def one(self, person: Person, status: SubscriptionStatus, **given: Any) -> list[Plan]:
        """One subscription and its orders; `item`, `card_id`, `last` (its latest billing day) and columns may be given."""
        dice, shop = self._dice, person.shops[0]
        item: Item = given.pop("item", None) or dice.choice([item for item in shop.items if item.cycle])
        unit, count = given.pop("interval", None) or dice.choices(_INTERVALS, (62, 10, 8, 9, 6, 5))[0]
        card_id = given.pop("card_id", None) or (
            dice.choice(person.cards) if person.cards else self._people.card(person, is_default=True)
        )
        days = self._days(status, unit, count, given.pop("next", None))
        percent = dice.choices((0, 10, 15, 20), (45, 35, 10, 10))[0]
        quantity = dice.choices((1, 2, 3), (78, 18, 4))[0] if item.price < 4000 else 1
        course = Course(
            person, shop, item, status, unit, count, quantity, days, percent, card_id, facts=given
        )
        course.id = self._write(course)
        course.plans = self._plans(course)
        self._courses.append(course)
        return [plan for plan in course.plans if plan is not None]

    def close(self) -> None:
        """Writes the periods, now that the orders have their ids, and what was declined."""
        for course in self._courses:
            self._periods(course)

    def _days(
        self, status: SubscriptionStatus, unit: IntervalUnit, count: int, following: date | None
    ) -> list[date]:
        """Billing days from the start on; the last one is the day that comes next (or came and failed)."""
        dice = self._dice
        length = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7, IntervalUnit.MONTH: 30, IntervalUnit.YEAR: 365}[
            unit
        ] * count
        if status is _S.TRIAL:
            start = (following or self._day + timedelta(days=dice.randint(1, 13))) - timedelta(
                days=_TRIAL_DAYS
            )
            return [start, start + timedelta(days=_TRIAL_DAYS)]
        turns = dice.randint(1, max(1, min(11, 700 // length - 1)))
        if following is None:
            gap = {
                _S.ACTIVE: dice.randint(0, min(length, 60) - 1),
                _S.PAST_DUE: -dice.randint(1, 6),
                _S.RECYCLE_FAILED: -dice.randint(15, 60),
            }.get(status, -dice.randint(3, 200))
            following = self._day + timedelta(days=gap)
        start = bill_day(following, unit, count, -turns)
        days = [bill_day(start, unit, count, turn) for turn in range(turns + 1)]
        if status is _S.ACTIVE and days[-1] < self._day:
            days.append(bill_day(start, unit, count, turns + 1))
        return days

    def _write(self, course: Course) -> int:
        item, shop, days = course.item, course.shop, course.days
        off = discount_of(item.price * course.quantity, DiscountKind.PERCENT, course.percent)
        bill = self._bill(course)
        opened = self._instant(days[0], 15)
        billed = len(days) - 1
        facts: dict[str, Any] = {
            "cycle": billed,
            "last_bill_date": days[-2],
            "next_bill_date": days[-1],
            **self._facts_of(course, billed),
            **course.facts,
        }
        return self._rows.add(
            Subscription, store_id=shop.id, customer_id=course.person.id, product_id=item.id, sku=item.sku, product=item.name,
            option=item.option, status=course.status, currency=shop.currency, quantity=course.quantity, unit_price=item.price,
            discount_kind=DiscountKind.PERCENT if course.percent else DiscountKind.NONE, discount_value=course.percent, discount=off,
            shipping=bill.shipping, tax=0 if shop.includes_tax else bill.tax, interval_unit=course.unit, interval_count=course.count,
            anchor_day=days[0].day if course.unit in (IntervalUnit.MONTH, IntervalUnit.YEAR) else None, card_id=course.card_id,
            created_at=opened, updated_at=self._instant(days[-2], 9), **facts,
        )  # fmt: skip

    def _facts_of(self, course: Course, billed: int) -> dict[str, Any]:
        dice, day, following = self._dice, self._day, course.days[-1]
        if course.status is _S.TRIAL:
            return {"trial_ends_on": following, "trial_days": _TRIAL_DAYS}
        if course.status is _S.PAST_DUE:
            return {"attempts": dice.randint(1, 3), "retry_on": day + timedelta(days=dice.randint(0, 4))}
        if course.status is _S.PAUSED:
            return {
                "next_bill_date": None,
                "pause_on": following,
                "resume_on": day + timedelta(days=dice.randint(5, 60)),
            }
        if course.status is _S.RECYCLE_FAILED:
            return {"next_bill_date": None, "attempts": 4}
        if course.status is _S.COMPLETE:
            return {"next_bill_date": None, "final_cycle": billed}
        if course.status is _S.CANCELLED:
            reason = dice.choice([label for _, label in STARTERS[ReasonKind.SUBSCRIPTION_CANCEL]])
            at = self._instant(min(following, day - timedelta(days=1)), 11)
            return {"next_bill_date": None, "cancelled_at": at, "cancel_reason": reason}
        turn = dice.random()
        if turn < 0.05:
            return {"pause_on": following, "resume_on": following + timedelta(days=60)}
        if turn < 0.10:
            return {"cancel_on": following + timedelta(days=40), "keep_billing": True}
        if turn < 0.14:
            return {"final_cycle": billed + 3}
        return {}

    def _discounts(self, course: Course) -> tuple[Discount, ...]:
        off = discount_of(course.item.price * course.quantity, DiscountKind.PERCENT, course.percent)
        return (Discount("SUBSCRIBE & SAVE", off, DiscountTarget.LINES),) if off else ()

    def _shipping(self, course: Course) -> int:
        value = course.item.price * course.quantity
        return 0 if value >= course.shop.free_from or not course.item.ships else course.shop.methods[0][2]

    def _bill(self, course: Course) -> Any:
        picks = ((course.item, course.quantity),)
        return reckoned(
            course.shop, course.person.place, picks, self._shipping(course), self._discounts(course)
        )

    def _plans(self, course: Course) -> list[Plan | None]:
        """One order a billed cycle (None where the customer skipped it); a trial's first one costs its shipping."""
        plans: list[Plan | None] = []
        first: Plan | None = None
        picks = ((course.item, course.quantity),)
        for turn, day in enumerate(course.days[:-1]):
            if turn and self._dice.random() < 0.05:
                plans.append(None)
                continue
            discounts = self._discounts(course)
            if course.status is _S.TRIAL:
                discounts = (
                    Discount("FREE TRIAL", course.item.price * course.quantity, DiscountTarget.LINES),
                )
            plan = Plan(
                course.person, course.shop, self._instant(day, 14 if not turn else 9), picks, OrderKind.RECURRING if turn else OrderKind.SALE,
                shipping=self._shipping(course), discounts=discounts, subscription_id=course.id, cycle=turn + 1 if turn else None,
                parent=first, card_id=course.card_id, name="subscription", payment=PaymentStatus.PAID,
            )  # fmt: skip
            first = first or plan
            plans.append(plan)
        return plans

    def _instant(self, day: date, hour: int) -> datetime:
        """An instant of a day in the past, at about that hour UTC; the same for a day that has not come is just before today."""
        at = datetime.combine(day, time(hour, self._dice.randint(0, 59)), tzinfo=UTC)
        begun = datetime.combine(self._day, time(0), tzinfo=UTC)
        return min(at, begun - timedelta(minutes=self._dice.randint(6, 50)))

    def _periods(self, course: Course) -> None:
        currency = course.shop.currency
        for turn, (day, plan) in enumerate(zip(course.days[:-1], course.plans, strict=True)):
            self._rows.add(
                SubscriptionPeriod, subscription_id=course.id, cycle=turn + 1, bill_date=day,
                state=PeriodState.BILLED if plan else PeriodState.SKIPPED, amount=plan.total if plan else 0, currency=currency,
                order_id=plan.id if plan else None, note="" if plan else "Skipped at the customer's request",
                closed_at=plan.at if plan else self._instant(day, 9),
            )  # fmt: skip
        parent = course.plans[0]
        self._rows.change(Subscription, course.id, parent_order_id=parent.id if parent else None)
        failed = course.status in (_S.PAST_DUE, _S.RECYCLE_FAILED)
        if course.status not in (_S.TRIAL, _S.ACTIVE) and not failed:
            return
        over = course.status is _S.RECYCLE_FAILED
        self._rows.add(
            SubscriptionPeriod, subscription_id=course.id, cycle=len(course.days), bill_date=course.days[-1],
            state=PeriodState.FAILED if over else PeriodState.DUE, amount=self._bill(course).total, currency=currency,
            note="Declined four times" if over else "", closed_at=self._instant(course.days[-1] + timedelta(days=13), 9) if over else None,
        )  # fmt: skip
        if failed:
            self._declines(course)

    def _declines(self, course: Course) -> None:
        row = self._rows.row(Subscription, course.id)
        cycle = len(course.days)
        for turn in range(row["attempts"]):
            hard = course.status is _S.RECYCLE_FAILED and turn == 3
            at = self._instant(course.days[-1] + timedelta(days=3 * turn), 9)
            self._rows.add(
                PaymentAttempt, key=f"demo-{course.id}-{cycle}-{turn + 1}", guard_key=f"sub:{course.id}:{cycle}", store_id=course.shop.id,
                customer_id=course.person.id, subscription_id=course.id, cycle=cycle, card_id=course.card_id, operation=Operation.SALE,
                state=AttemptState.DECLINED_HARD if hard else AttemptState.DECLINED_SOFT, amount=self._bill(course).total,
                currency=course.shop.currency, gateway="sandbox", account=course.shop.code, response_code="41" if hard else "51",
                response_text="Lost card, do not try again" if hard else "Insufficient funds", tries=1, requested_by="billing",
                terminal="worker", created_at=at, sent_at=at, done_at=at + timedelta(seconds=2), worker="demo",
            )  # fmt: skip
