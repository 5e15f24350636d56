"""Puts the demo together: the same seed and day give the same rows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cstui.storage.demo_data.course import Course
from cstui.storage.demo_data.history import History
from cstui.storage.demo_data.orders import REACH, Calendar, OrderBook, Plan
from cstui.storage.demo_data.people import People, Person
from cstui.storage.demo_data.retention import add_offers, add_outcomes
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.sandbox_books import add_books
from cstui.storage.demo_data.shops import Shop, add_reasons, add_shops, add_staff
from cstui.storage.demo_data.situations import Situation, Situations
from cstui.storage.demo_data.subscriptions import Subscriptions
from cstui.storage.demo_data.talk import Talk
from cstui.storage.tables.customers import Card, Customer, CustomerAddress, CustomerStore

#: How many customers and orders the demo has.
CUSTOMERS = 2_000
ORDERS = 6_000


@dataclass(frozen=True, slots=True)
class DemoRows:
    """All rows of the demo, and what there is to try."""

    rows: Rows
    shops: tuple[Shop, ...]
    situations: tuple[Situation, ...]


def demo_rows(day: date, password_hashes: Mapping[str, str], seed: int) -> DemoRows:
    """The demo as it stands when `day` begins (00:00 UTC); nothing in it is later, but for dates to come.

    `password_hashes` by sign-in name.
    """
    until = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = Rows()
    opened = until - timedelta(days=REACH + 200)
    shops = add_shops(rows, opened)
    staff = add_staff(rows, shops, password_hashes, opened)
    add_reasons(rows)
    add_offers(rows, shops, opened)
    people = People(rows, _dice(seed, "people"), shops, until)
    told = Situations(rows, _dice(seed, "situations"), shops, staff, people, day)
    known = told.add_people()
    crowd = people.crowd(CUSTOMERS - len(known))
    subscriptions = Subscriptions(rows, _dice(seed, "subscriptions"), people, shops, day)
    calendar = Calendar(_dice(seed, "calendar"), until)
    plans = told.add_orders(calendar) + told.add_subscriptions(subscriptions) + subscriptions.crowd(crowd)
    plans += _everyday(_dice(seed, "everyday"), calendar, crowd, ORDERS - len(plans))
    course = Course(rows, _dice(seed, "course"), until)
    for plan in plans:
        course.decide(plan)
    placed = OrderBook(rows, _dice(seed, "orders")).place_all(plans)
    for plan in placed:
        course.run(plan)
    subscriptions.close()
    add_outcomes(rows, _dice(seed, "retention"), staff, until)
    _known_since_first_order(rows, placed)
    add_books(rows)
    history = History(rows, _dice(seed, "history"), staff, until)
    history.of_orders(placed)
    history.of_people(known + crowd)
    history.close()
    talk = Talk(rows, _dice(seed, "talk"), staff, until)
    talk.about_orders(placed)
    talk.about_people(known + crowd)
    talk.calls(known + crowd, {plan.person.id: plan for plan in placed})
    return DemoRows(rows, shops, told.close(talk, placed))


def _dice(seed: int, part: str) -> random.Random:
    """Dice of their own for each part, so that a change in one does not shuffle the others."""
    return random.Random(f"{seed}/{part}")


def _everyday(dice: random.Random, calendar: Calendar, crowd: list[Person], count: int) -> list[Plan]:
    """One-off orders: a few customers order often, many once or twice, some never."""
    weights = [dice.paretovariate(1.3) if dice.random() > 0.04 else 0.0 for _ in crowd]
    weights = [min(weight, 12.0) for weight in weights]
    plans: list[Plan] = []
    for person in dice.choices(crowd, weights, k=count):
        shop = person.shops[0] if dice.random() < 0.85 else dice.choice(person.shops)
        plans.append(Plan(person, shop, calendar.instant(shop, person.since)))
    return plans


def _known_since_first_order(rows: Rows, placed: list[Plan]) -> None:
    """Nobody orders before he is known: moves the day on which he became known to before his first order."""
    first: dict[int, datetime] = {}
    for plan in placed:
        first.setdefault(plan.person.id, plan.at - timedelta(minutes=4))
        plan.person.since = min(plan.person.since, first[plan.person.id])
    for customer_id, at in first.items():
        row = rows.row(Customer, customer_id)
        for column in ("registered_at", "created_at", "updated_at"):
            if row[column] is not None:
                row[column] = min(row[column], at)
    for model, column in ((CustomerStore, "since"), (CustomerAddress, "created_at"), (Card, "created_at")):
        for row in rows.of(model):
            if row["customer_id"] in first:
                row[column] = min(row[column], first[row["customer_id"]])
