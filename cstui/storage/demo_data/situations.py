"""Situations that agents meet: the few people and orders that the demo is told by, beside its crowd."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.locking import LockEventKind
from cstui.domain.orders import OrderKind, OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.domain.shipments import ShipmentState
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus
from cstui.storage.demo_data.names import Name
from cstui.storage.demo_data.orders import Calendar, Plan
from cstui.storage.demo_data.people import People, Person
from cstui.storage.demo_data.places import Place
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Colleague, Item, Shop
from cstui.storage.demo_data.subscriptions import Subscriptions
from cstui.storage.demo_data.talk import Talk
from cstui.storage.tables.customers import RecentCustomer
from cstui.storage.tables.locks import Draft, EditLock, LockEvent
from cstui.storage.tables.orders import Order

#: Where Bob sits while he holds his order, and where he forgot another one.
BOB_HOLDS_AT = "term-3"
_BOB_FORGOT_AT = "term-7"
_S, _P, _H = OrderStatus, PaymentStatus, ShipmentState


@dataclass(frozen=True, slots=True)
class Situation:
    """What the demo offers to try, in words, with the record that it is about."""

    words: str
    kind: Kind
    id: int
    shown: str


def _named(first: str, last: str) -> Name:
    return Name(first, last, first, last)


class Situations:
    """Adds the people, then the orders; `close` writes what hangs on them once they are placed."""

    def __init__(
        self, rows: Rows, dice: random.Random, shops: tuple[Shop, ...], staff: dict[str, Colleague], people: People, day: date
    ) -> None:  # fmt: skip
        self._rows = rows
        self._dice = dice
        self._harbor, self._juniper, self._kornblume, self._lab = shops
        self._staff = staff
        self._people = people
        self._day = day
        self._until = datetime(day.year, day.month, day.day, tzinfo=UTC)
        self.persons: dict[str, Person] = {}
        self.plans: dict[str, Plan] = {}

    def add_people(self) -> list[Person]:
        """The people of the situations."""
        us, both = [self._harbor], [self._harbor, self._juniper]
        beacon = Place("47 Beacon Street", "Apt 3", "Boston", "MA", "02108", "US", "617")
        ang = Place("Ängsvägen 12", "", "Örebro", "", "702 15", "SE", "70")
        add = self._person
        wife = add("wife", _named("Margaret", "Whitlock"), "US", place=beacon, shops=both)
        add("husband", _named("Henry", "Whitlock"), "US", place=beacon, shops=us)
        mother = add("mother", Name("Dolores", "Vázquez", "Dolores", "Vazquez"), "US", shops=us)
        add(
            "daughter",
            Name("Nina", "Vázquez-Reed", "Nina", "Vazquez-Reed"),
            "US",
            shops=both,
            phone=mother.phone,
        )
        for first in ("Astrid", "Göran", "Linnéa", "Elof"):
            add(
                f"household {first}",
                Name(first, "Lindqvist", first, "Lindqvist"),
                "SE",
                place=ang,
                email=f"{first.lower().replace('ö', 'o').replace('é', 'e')}@lindqvist.example",
                shops=[self._kornblume],
            )
        add(
            "regular",
            _named("Rosalind", "Achterberg"),
            "US",
            shops=both,
            tags="vip",
            email="rosalind.achterberg@example.com",
        )
        add(
            "locked",
            _named("Theodore", "Marsh"),
            "US",
            shops=us,
            email="theodore.marsh@example.com",
            place=wife.place,
        )
        for key, name in (
            ("stale", _named("Beatrice", "Okonkwo")),
            ("draft", _named("Winifred", "Castellanos")),
            ("twice", _named("Priscilla", "Nakamura")),
            ("silent", _named("Desmond", "Fairweather")),
            ("dispute", _named("Lionel", "Grubb")),
            ("due", _named("Ophelia", "Brandt")),
            ("unknown", _named("Casper", "Holloway")),
            ("expired", _named("Yolanda", "Petrossian")),
            ("tomorrow", _named("Marcus", "Eberle")),
            ("trial", _named("Tabitha", "Quill")),
            ("exchange", _named("Saoirse", "Delacroix")),
            ("callback", _named("Ulysses", "Tran")),
            ("refused", _named("Rufina", "Gallagher")),
            ("unpaid gift", _named("Edmund", "Sayegh")),
        ):
            add(key, name, "US", shops=us)
        for number in range(1, 7):
            add(f"practice {number}", _named("Practice", f"Customer {number}"), "US", shops=[self._lab])
        return list(self.persons.values())

    def _person(self, key: str, name: Name, home: str, **given: Any) -> Person:
        person = self._people.one(name, home, **given)
        self.persons[key] = person
        if not person.cards:
            self._people.card(person, is_default=True)
        return person

    def add_orders(self, calendar: Calendar) -> list[Plan]:
        """The orders of the situations, some to be looked up later by name."""
        people, dice, until = self.persons, self._dice, self._until
        beans, grinder, mug = self._item("HP-ESP-250"), self._item("HP-GRD-M1"), self._item("HP-MUG-BL")
        open_facts: dict[str, Any] = {
            "status": _S.IN_PROGRESS,
            "payment": _P.AUTHORISED,
            "shipment": _H.AWAITING_INVENTORY,
        }
        for key, hours, picks in (
            ("locked", 5, ((beans, 2), (grinder, 1))),
            ("stale", 20, ((beans, 1),)),
            ("draft", 9, ((mug, 2), (beans, 1))),
        ):
            self._plan(key, hours / 24, picks=picks, **open_facts)
        self._plan("twice", 0.5, picks=((beans, 3),), **open_facts)
        again = Plan(
            people["twice"],
            self._harbor,
            self.plans["twice"].at + timedelta(minutes=3),
            ((beans, 3),),
            shipping=595,
            discounts=(),
            name="twice again",
            **open_facts,
        )
        self.plans["twice again"] = again
        self._plan("silent", 13, status=_S.COMPLETED, payment=_P.PAID, shipment=_H.SHIPPED)
        self._plan("dispute", 40, status=_S.COMPLETED, payment=_P.DISPUTED)
        self._plan("due", 6, status=_S.COMPLETED, payment=_P.REFUND_DUE)
        self._plan("unknown", 0.3, status=_S.IN_PROGRESS, payment=_P.UNKNOWN, shipment=_H.AWAITING_INVENTORY)
        self._plan("callback", 3, status=_S.ON_HOLD, payment=_P.AUTHORISED)
        self._plan("refused", 2, status=_S.IN_PROGRESS, payment=_P.AUTHORISED, shipment=_H.FAILED)
        self._plan("unpaid gift", 0.1, picks=((self._item("HP-GIFT-50"), 1),), status=_S.CREATED)
        plans = list(self.plans.values())
        for key, count in (("wife", 7), ("husband", 4), ("mother", 3), ("daughter", 5), ("regular", 60)):
            person = people[key]
            for _ in range(count):
                shop = dice.choice(person.shops)
                plans.append(
                    Plan(person, shop, calendar.instant(shop, until - timedelta(days=640)), name=key)
                )
        for key, person in people.items():
            if key.startswith("household") or key.startswith("practice"):
                shop = person.shops[0]
                plans += [
                    Plan(person, shop, calendar.instant(shop, until - timedelta(days=90)), name=key)
                    for _ in range(4)
                ]
        return plans + self._exchanges(calendar)

    def _exchanges(self, calendar: Calendar) -> list[Plan]:
        """Orders that wait for goods to come back, each with the order that it replaces."""
        plans: list[Plan] = []
        person = self.persons["exchange"]
        for turn in range(12):
            bought = Plan(
                person, self._harbor, self._until - timedelta(days=25 + turn, hours=9), ((self._item("HP-MUG-BL"), 2),),
                status=_S.COMPLETED, payment=_P.PAID, name="exchanged",
            )  # fmt: skip
            waiting = Plan(
                person, self._harbor, self._until - timedelta(days=2 + turn, hours=8), ((self._item("HP-MUG-OC"), 2),), OrderKind.EXCHANGE,
                _S.AWAITING_EXCHANGE, _P.PAID, shipping=0, discounts=(), parent=bought, name="exchange",
            )  # fmt: skip
            plans += [bought, waiting]
            self.plans["exchange"] = waiting
        upsold = self.plans["locked"]
        plans += [
            Plan(upsold.person, self._harbor, self._until - timedelta(days=days), kind=OrderKind.UPSELL, name="upsell")
            for days in (31, 64, 120)
        ]  # fmt: skip
        return plans

    def _plan(self, key: str, days: float, **given: Any) -> None:
        at = self._until - timedelta(seconds=int(days * 86_400))
        self.plans[key] = Plan(
            self.persons[key],
            self._harbor,
            at,
            shipping=595,
            discounts=(),
            name=key,
            **given,
        )

    def add_subscriptions(self, subscriptions: Subscriptions) -> list[Plan]:
        """A past-due one with an expired card, one that renews tomorrow, and a trial that ends tomorrow."""
        tomorrow = self._day + timedelta(days=1)
        club = self._item("HP-CLUB")
        old = self._day - timedelta(days=45)
        expired = self._people.card(
            self.persons["expired"], expiry_month=old.month, expiry_year=old.year, failed_before=True
        )
        monthly = (IntervalUnit.MONTH, 1)
        plans = subscriptions.one(
            self.persons["expired"],
            SubscriptionStatus.PAST_DUE,
            item=club,
            interval=monthly,
            card_id=expired,
            next=self._day - timedelta(days=3),
        )
        plans += subscriptions.one(
            self.persons["tomorrow"], SubscriptionStatus.ACTIVE, item=club, interval=monthly, next=tomorrow
        )
        return plans + subscriptions.one(
            self.persons["trial"], SubscriptionStatus.TRIAL, item=club, interval=monthly, next=tomorrow
        )

    def close(self, talk: Talk, placed: Sequence[Plan]) -> tuple[Situation, ...]:
        """Locks, a draft, recent customers and a promised call; returns what there is to try."""
        self._lock(self.plans["locked"], BOB_HOLDS_AT, held=12, idle=3, lease=timedelta(days=2))
        self._lock(self.plans["stale"], _BOB_FORGOT_AT, held=190, idle=171, lease=-timedelta(minutes=169))
        self._draft(self.plans["draft"])
        self._recents(placed)
        person = self.persons["callback"]
        promised = self._until - timedelta(days=2, hours=5)
        talk.call(
            person,
            "callback",
            "Promised to ring back by Friday 4 pm about the hold.",
            promised,
            self.plans["callback"],
        )
        for key, hours, text in (
            ("silent", 30, "No scan since it left. Customer rings again tomorrow."),
            ("twice", 8, "Two equal orders three minutes apart. Did she press twice?"),
        ):
            talk.note_on_order(self.plans[key], text, self._until - timedelta(hours=hours))
        return self._told()

    def _told(self) -> tuple[Situation, ...]:
        told = [
            Situation(words, Kind.ORDER, self.plans[key].id, self.plans[key].number)
            for key, words in (
                ("locked", "locked by Bob"),
                ("stale", "left locked by Bob hours ago"),
                ("draft", "has a draft of Ann’s"),
                ("twice", "may be a double order"),
                ("silent", "tracking has been silent for days"),
                ("dispute", "disputed"),
                ("due", "owes the customer money"),
                ("unknown", "its payment’s outcome is not known"),
                ("exchange", "waits for an exchange"),
                ("callback", "a call back was promised"),
            )
        ]
        for key, words in (
            ("wife", "a couple at one address"),
            ("mother", "two people with one phone"),
            ("regular", "a customer with 60 orders"),
            ("household Astrid", "a household with one e-mail domain"),
            ("expired", "past due with an expired card"),
            ("tomorrow", "renews tomorrow"),
            ("trial", "trial ends tomorrow"),
        ):
            person = self.persons[key]
            told.append(Situation(words, Kind.CUSTOMER, person.id, f"{person.first} {person.last}"))
        return tuple(told)

    def _lock(self, plan: Plan, terminal: str, *, held: int, idle: int, lease: timedelta) -> None:
        bob = self._staff["bob"]
        order = self._rows.row(Order, plan.id)
        order["fence"] += 1
        token = f"{self._dice.getrandbits(128):032x}"
        since = self._until - timedelta(minutes=held)
        active = self._until - timedelta(minutes=idle)
        beat = min(self._until, self._until + lease)
        self._rows.add(
            EditLock, record_kind=Kind.ORDER, record_id=plan.id, store_id=plan.shop.id, token=token, fence=order["fence"],
            holder_id=bob.id, holder_name=bob.shown, terminal=terminal, acquired_at=since, heartbeat_at=beat, active_at=active,
            lease_until=self._until + lease,
        )  # fmt: skip
        self._rows.add(
            LockEvent, record_kind=Kind.ORDER, record_id=plan.id, token=token, fence=order["fence"], kind=LockEventKind.TAKEN,
            holder_id=bob.id, holder_name=bob.shown, by_id=bob.id, by_name=bob.shown, at=since,
        )  # fmt: skip

    def _draft(self, plan: Plan) -> None:
        order = self._rows.row(Order, plan.id)
        body = {"shipping.line1": f"{order['shipping_line1']}, rear entrance", "shipping.line2": "Ring twice"}
        at = self._until - timedelta(hours=4)
        self._rows.add(
            Draft, staff_id=self._staff["ann"].id, record_kind=Kind.ORDER, record_id=plan.id, base_version=order["version"],
            body=json.dumps(body, ensure_ascii=False), why="The terminal was closed.", created_at=at, updated_at=at,
        )  # fmt: skip

    def _recents(self, placed: Sequence[Plan]) -> None:
        """Whom Ann, Bob and Sue had on screen last."""
        known = [self.persons[key].id for key in ("draft", "regular", "wife", "locked", "callback")]
        others = dict.fromkeys(plan.person.id for plan in placed[-60:])
        for name, count in (("ann", 15), ("bob", 9), ("sue", 6)):
            seen = list(dict.fromkeys((known if name == "ann" else []) + self._dice.sample(list(others), min(len(others), count))))  # fmt: skip
            for turn, customer_id in enumerate(seen[:count]):
                self._rows.add(
                    RecentCustomer, staff_id=self._staff[name].id, customer_id=customer_id,
                    opened_at=self._until - timedelta(minutes=9 + 17 * turn),
                )  # fmt: skip

    def _item(self, sku: str) -> Item:
        return next(item for item in self._harbor.items if item.sku == sku)
