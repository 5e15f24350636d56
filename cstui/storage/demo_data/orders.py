"""The demo's orders: planned in any order, then placed in time, so that each store's numbers grow with its days."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from cstui.domain.orders import OrderKind, OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.domain.shipments import ShipmentState
from cstui.storage.demo_data.baskets import Bill, Discount, Picks, drawn_discounts, drawn_picks, reckoned
from cstui.storage.demo_data.people import Person
from cstui.storage.demo_data.places import Place, drawn_place
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Shop
from cstui.storage.tables.orders import Order, OrderDiscount, OrderLine, OrderTax

#: How far back orders go, in days.
REACH = 730
_HOURS = tuple(
    accumulate((1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 13, 11, 10, 10, 11, 12, 14, 16, 15, 11, 6, 2))
)
_FIELDS = (
    "first_name",
    "last_name",
    "company",
    "line1",
    "line2",
    "city",
    "region",
    "postcode",
    "country",
    "phone",
)
_BILLING = tuple(f"billing_{field}" for field in _FIELDS)
_SHIPPING = tuple(f"shipping_{field}" for field in _FIELDS)
_WEEKDAYS = (1.25, 1.1, 1.0, 1.0, 0.95, 0.7, 0.95)
_MONTHS = (0.9, 0.9, 1.0, 1.0, 1.05, 0.95, 0.85, 0.9, 1.0, 1.05, 1.35, 1.5)


@dataclass(slots=True)
class Plan:
    """An order to be placed. What is left open is drawn; `payment` is the payment status that its transactions come to.

    `name` marks an order that a situation looks up later. `id`, `number` and `bill` are set when it is placed.
    """

    person: Person
    shop: Shop
    at: datetime
    picks: Picks = ()
    kind: OrderKind = OrderKind.SALE
    status: OrderStatus | None = None
    payment: PaymentStatus | None = None
    shipment: ShipmentState | None = None
    shipping: int | None = None
    discounts: tuple[Discount, ...] | None = None
    hold: tuple[str, str] | None = None
    subscription_id: int | None = None
    cycle: int | None = None
    parent: Plan | None = None
    card_id: int | None = None
    name: str = ""
    id: int = 0
    number: str = ""
    lines: list[int] = field(default_factory=list)
    bill: Bill | None = None
    method: str = ""
    carrier: str = ""

    @property
    def total(self) -> int:
        """The order's total in minor units, once it is placed."""
        return self.bill.total if self.bill else 0

    @property
    def ships(self) -> list[tuple[int, int]]:
        """Line ids and quantities that go into a parcel."""
        return [
            (line, quantity)
            for line, (item, quantity) in zip(self.lines, self._picked, strict=True)
            if item.ships
        ]

    @property
    def digital(self) -> list[tuple[int, int]]:
        """Line ids and quantities that go by e-mail."""
        return [
            (line, quantity)
            for line, (item, quantity) in zip(self.lines, self._picked, strict=True)
            if not item.ships
        ]

    @property
    def _picked(self) -> Picks:
        return self.bill.picks if self.bill else ()


class Calendar:
    """Draws instants as a shop's customers would: growing over two years, more on Mondays and before the holidays, in the evening."""

    def __init__(self, dice: random.Random, until: datetime) -> None:
        self._dice = dice
        self._until = until
        self._cumulated: list[float] = []
        total = 0.0
        for back in range(1, REACH + 1):
            at = until - timedelta(days=back)
            growth = 2.2 - 1.4 * back / REACH + (5.0 if back < 15 else 0)
            total += growth * _WEEKDAYS[at.weekday()] * _MONTHS[at.month - 1]
            self._cumulated.append(total)

    def instant(self, shop: Shop, since: datetime) -> datetime:
        """An instant after `since` and before the demo's day."""
        for _ in range(6):
            back = self._dice.choices(range(1, REACH + 1), cum_weights=self._cumulated)[0]
            at = self.on_day(shop, back)
            if at > since:
                return at
        span = max((self._until - since).total_seconds() - 600, 60)
        return since + timedelta(seconds=int(self._dice.random() * span))

    def on_day(self, shop: Shop, back: int) -> datetime:
        """An instant `back` days before the demo's day, at an hour at which people shop where the store is."""
        hour = self._dice.choices(range(24), cum_weights=_HOURS)[0]
        midnight = self._until - timedelta(days=back)
        local = midnight.replace(
            tzinfo=_zone(shop.zone),
            hour=hour,
            minute=self._dice.randint(0, 59),
            second=self._dice.randint(0, 59),
        )
        at = local.astimezone(self._until.tzinfo)
        return at if at < self._until - timedelta(minutes=5) else at - timedelta(days=1)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


class OrderBook:
    """Places plans: writes the order with its lines, taxes and discounts."""

    def __init__(self, rows: Rows, dice: random.Random) -> None:
        self._rows = rows
        self._dice = dice
        self._next: dict[int, int] = {}

    def place_all(self, plans: Iterable[Plan]) -> list[Plan]:
        """Places every plan in the order of time and returns them so; each then has its id, number and bill."""
        placed = sorted(plans, key=lambda plan: (plan.at, plan.shop.id, plan.person.id))
        for plan in placed:
            self._place(plan)
        return placed

    def _place(self, plan: Plan) -> None:
        shop, dice = plan.shop, self._dice
        number = self._next.get(shop.id, shop.first_number)
        self._next[shop.id] = number + 1
        plan.number = f"{shop.prefix}{number}"
        target = self._target(plan)
        bill = self._bill(plan, target)
        plan.bill = bill
        person = plan.person
        plan.id = self._rows.add(
            Order, store_id=shop.id, customer_id=person.id, number=plan.number, kind=plan.kind, source=self._source(plan),
            placed_at=plan.at, created_at=plan.at, updated_at=plan.at, currency=shop.currency, prices_include_tax=shop.includes_tax,
            subtotal=bill.subtotal, discount=bill.discount, shipping=bill.shipping, tax=bill.tax, total=bill.total, email=person.email,
            phone=person.phone.typed, tags="gift" if dice.random() < 0.04 else "", locale=shop.locale,
            subscription_id=plan.subscription_id if plan.cycle else None, cycle=plan.cycle,
            parent_order_id=plan.parent.id if plan.parent else None,
            **dict(zip(_BILLING, person.address().values(), strict=True)),
            **dict(zip(_SHIPPING, target.values(), strict=True)),
        )  # fmt: skip
        self._add_lines(plan, bill)

    def _target(self, plan: Plan) -> dict[str, str]:
        """The shipping address: one order in twelve goes to somebody else."""
        if plan.kind is OrderKind.SALE and not plan.name and self._dice.random() < 0.08:
            gift = drawn_place(self._dice, plan.person.place.country)
            return plan.person.address(gift)
        return plan.person.address()

    def _bill(self, plan: Plan, target: dict[str, str]) -> Bill:
        dice, shop = self._dice, plan.shop
        picks = plan.picks or drawn_picks(dice, shop)
        if plan.status is OrderStatus.PARTIALLY_SHIPPED:
            picks = tuple((item, quantity + 1) for item, quantity in picks)
        value = sum(item.price * quantity for item, quantity in picks)
        method, carrier, price = dice.choices(shop.methods, (80, 15, 5)[: len(shop.methods)])[0]
        plan.method, plan.carrier = method, carrier
        if plan.shipping is not None:
            price = plan.shipping
        elif not any(item.ships for item, _ in picks) or (
            value >= shop.free_from and method == shop.methods[0][0]
        ):
            price = 0
        discounts = plan.discounts
        if discounts is None:
            discounts = drawn_discounts(dice, picks, price)
        place = Place("", "", target["city"], target["region"], target["postcode"], target["country"], "")
        return reckoned(shop, place, picks, price, discounts)

    def _source(self, plan: Plan) -> str:
        if plan.kind is OrderKind.RECURRING:
            return "subscription"
        if plan.kind is not OrderKind.SALE:
            return "desk"
        return self._dice.choices(("web", "phone", "app", "marketplace"), (76, 12, 9, 3))[0]

    def _add_lines(self, plan: Plan, bill: Bill) -> None:
        for position, (item, quantity) in enumerate(bill.picks):
            facts: dict[str, Any] = {}
            if "Mug" in item.name and self._dice.random() < 0.15:
                facts["personalisation"] = f"Engraving: “{plan.person.first or 'Coffee first'}”"
            key = self._rows.add(
                OrderLine, order_id=plan.id, position=position, product_id=item.id, subscription_id=plan.subscription_id,
                sku=item.sku, name=item.name, option=item.option, vendor=item.vendor, quantity=quantity, unit_price=item.price,
                discount=bill.line_discounts[position], tax=bill.line_taxes[position], taxable=item.taxable,
                requires_shipping=item.ships, **facts,
            )  # fmt: skip
            plan.lines.append(key)
        for position, (name, amount, base) in enumerate(bill.taxes):
            self._rows.add(OrderTax, order_id=plan.id, position=position, name=name, amount=amount, base=base)
        for position, off in enumerate(bill.discounts):
            self._rows.add(
                OrderDiscount,
                order_id=plan.id,
                position=position,
                code=off.code,
                amount=off.amount,
                target=off.target,
            )
