"""The audit of the demo's past: chained exactly as live events are, with salts drawn from the dice so that it is the same each time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import SQLModel

from cstui.domain.audit import Change, event_hash, instant_text, value_hash
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.order_changes import amount_words
from cstui.domain.orders import HoldState, OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.domain.shipments import ShipmentState
from cstui.storage.demo_data.orders import Plan
from cstui.storage.demo_data.people import Person
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Colleague
from cstui.storage.tables.audit import AuditChain, AuditChange, AuditEvent
from cstui.storage.tables.customers import Customer
from cstui.storage.tables.orders import Order, OrderHold, Shipment

_ORGANISATION = 0
_TYPOS = (("e", "ee"), ("a", "e"), ("ll", "l"), ("in", "im"), ("t", "tt"), ("o", "0"))


@dataclass(frozen=True, slots=True)
class _Past:
    """One event that is still to be chained. `versioned`: it raised the record's version under an edit lock of its own."""

    at: datetime
    store_id: int
    kind: Kind
    record_id: int
    customer_id: int
    actor: Colleague
    action: str
    changes: tuple[Change, ...]
    reason: str = ""
    versioned: bool = True
    fenced: bool = True


class History:
    """Makes up what was edited, then writes events, changes and chains, and sets each record's version and fence."""

    def __init__(self, rows: Rows, dice: random.Random, staff: dict[str, Colleague], until: datetime) -> None:
        self._rows = rows
        self._dice = dice
        self._staff = staff
        self._agents = (staff["ann"], staff["bob"], staff["bob"], staff["sue"])
        self._until = until
        self._past: list[_Past] = []

    def of_orders(self, plans: list[Plan]) -> None:
        """Holds, cancellations, edited addresses for every fourth order, some quantities; now and then a forced unlock."""
        holds, parcels = self._by_order(OrderHold), self._by_order(Shipment)
        for plan in plans:
            order = self._rows.row(Order, plan.id)
            end: datetime = order["cancelled_at"] or self._until
            if self._dice.random() < 0.27 and plan.status is not OrderStatus.FAILED:
                self._address_edit(plan, min(end, plan.at + timedelta(hours=2)))
            if plan.payment in (PaymentStatus.AUTHORISED, PaymentStatus.UNPAID) and not plan.cycle:
                self._quantity_edit(plan, end)
            for key in holds.get(plan.id, ()):
                self._hold(plan, key)
            if order["cancelled_at"]:
                self._cancelled(plan, order, parcels.get(plan.id, []))
            elif self._dice.random() < 0.004:
                self._forced(plan)

    def of_people(self, people: list[Person]) -> None:
        """A phone or a spelling that an agent put right, for every twelfth customer."""
        for person in people:
            if self._dice.random() > 0.08 or not person.last:
                continue
            at = self._between(person.since, self._until)
            changes = (Change("contact.last_name", self._misspelled(person.last), person.last),)
            if person.phone.typed and self._dice.random() < 0.4:
                changes = (Change("contact.phone", "", person.phone.typed),)
            agent = self._dice.choice(self._agents)
            self._past.append(
                _Past(at, _ORGANISATION, Kind.CUSTOMER, person.id, person.id, agent, "contact changed", changes, fenced=False)
            )  # fmt: skip

    def close(self) -> None:
        """Chains everything in the order of time."""
        heads: dict[int, tuple[date, int, str, str]] = {}
        for event in sorted(self._past, key=lambda event: (event.at, event.kind.value, event.record_id)):
            day = event.at.date()
            known = heads.get(event.store_id)
            if known is None or known[0] < day:
                if known is not None:
                    self._seal(event.store_id, known)
                opening = known[2] if known else ""
                known = (day, 0, opening, opening)
            head = self._chain(event, day, known[1] + 1, known[2])
            heads[event.store_id] = (day, known[1] + 1, head, known[3])
        for store_id, known in sorted(heads.items()):
            self._seal(store_id, known)

    def _by_order(self, model: type[SQLModel]) -> dict[int, list[int]]:
        keys: dict[int, list[int]] = {}
        for key, row in enumerate(self._rows.of(model), start=1):
            keys.setdefault(row["order_id"], []).append(key)
        return keys

    def _seal(self, store_id: int, chain: tuple[date, int, str, str]) -> None:
        day, seq, head, opening = chain
        self._rows.add(AuditChain, store_id=store_id, day=day, seq=seq, head=head, opening=opening)

    def _chain(self, event: _Past, day: date, seq: int, prev_hash: str) -> str:
        version, fence = self._raised(event)
        changed = [self._salted(position, change) for position, change in enumerate(event.changes)]
        actor = event.actor
        facts = (event.store_id, day.isoformat(), seq, event.kind.value, event.record_id, version, fence, actor.id, actor.shown,
                 actor.terminal, instant_text(event.at), event.action, event.reason, "")  # fmt: skip
        following = event_hash(
            prev_hash, facts, [(str(c["path"]), str(c["old_hash"]), str(c["new_hash"])) for c in changed]
        )
        key = self._rows.add(
            AuditEvent, store_id=event.store_id, day=day, seq=seq, record_kind=event.kind, record_id=event.record_id,
            customer_id=event.customer_id, version=version, fence=fence, actor_id=actor.id, actor_name=actor.shown,
            terminal=actor.terminal, at=event.at, action=event.action, reason=event.reason, prev_hash=prev_hash, hash=following,
        )  # fmt: skip
        for change in changed:
            self._rows.add(AuditChange, event_id=key, **change)
        return following

    def _raised(self, event: _Past) -> tuple[int | None, int | None]:
        """The version and fence of the event, and of its record from now on."""
        table = Order if event.kind is Kind.ORDER else Customer
        row = self._rows.row(table, event.record_id)
        version: int | None = None
        fence: int | None = None
        if event.versioned:
            row["version"] = version = row["version"] + 1
        if event.fenced:
            row["fence"] = fence = row["fence"] + 1
        row["updated_at"] = max(row["updated_at"], event.at)
        return version, fence

    def _salted(self, position: int, change: Change) -> dict[str, str | int]:
        salt = f"{self._dice.getrandbits(64):016x}"
        return {
            "position": position, "path": change.path, "old": str(change.old), "new": str(change.new), "salt": salt,
            "old_hash": value_hash(salt, change.old), "new_hash": value_hash(salt, change.new),
        }  # fmt: skip

    def _address_edit(self, plan: Plan, before: datetime) -> None:
        order = self._rows.row(Order, plan.id)
        line1 = order["shipping_line1"]
        turn = self._dice.random()
        changes: tuple[Change, ...]
        if turn < 0.5:
            changes = (Change("shipping.line1", self._misspelled(line1), line1),)
        elif turn < 0.75 and order["shipping_line2"]:
            changes = (Change("shipping.line2", "", order["shipping_line2"]),)
        else:
            wrong = order["shipping_postcode"][:-1] + ("1" if order["shipping_postcode"][-1:] != "1" else "7")
            changes = (
                Change("shipping.postcode", wrong, order["shipping_postcode"]),
                Change("shipping.line1", self._misspelled(line1), line1),
            )
        self._note(plan, self._between(plan.at, before), "order edited", changes)

    def _quantity_edit(self, plan: Plan, before: datetime) -> None:
        """One piece less of the first line, for every third order whose total does not depend on a tax or a code."""
        bill = plan.bill
        if bill is None or bill.taxes or bill.discounts or not plan.total or self._dice.random() > 0.35:
            return
        item, quantity = bill.picks[0]
        changes = [Change(f"lines.{plan.lines[0]}.quantity", str(quantity + 1), str(quantity))]
        for name, now in (("subtotal", bill.subtotal), ("total", bill.total)):
            was, is_now = Money(now + item.price, plan.shop.currency), Money(now, plan.shop.currency)
            changes.append(Change(f"totals.{name}", amount_words(was), amount_words(is_now)))
        at = self._between(plan.at, min(before, plan.at + timedelta(hours=3)))
        self._note(plan, at, "order edited", tuple(changes))

    def _hold(self, plan: Plan, key: int) -> None:
        hold = self._rows.row(OrderHold, key)
        before: OrderStatus = hold["status_before"]
        label = hold["reason"]
        status = () if before is OrderStatus.ON_HOLD else (Change("status", before, OrderStatus.ON_HOLD),)
        changes = (Change(f"holds.{key}", "", label), *status)
        self._note(plan, hold["placed_at"], "hold placed", changes, f"{label}: {hold['note']}")
        if hold["state"] is HoldState.RESOLVED:
            back = (
                Change(f"holds.{key}.state", HoldState.OPEN, HoldState.RESOLVED),
                Change("status", OrderStatus.ON_HOLD, before),
            )
            self._note(
                plan, hold["resolved_at"], "hold resolved", back, f"{label}: {hold['resolution_note']}"
            )

    def _cancelled(self, plan: Plan, order: dict[str, Any], parcels: list[int]) -> None:
        before = OrderStatus.CREATED if plan.payment is PaymentStatus.UNPAID else OrderStatus.IN_PROGRESS
        changes = (
            Change("status", before, OrderStatus.CANCELLED),
            Change("cancelled_at", "", instant_text(order["cancelled_at"])),
            Change("cancel_reason", "", order["cancel_reason"]),
            *(Change(f"shipments.{key}.state", self._stood(key), ShipmentState.CANCELLED) for key in parcels),
        )
        self._note(plan, order["cancelled_at"], "order cancelled", changes, order["cancel_reason"])

    def _stood(self, shipment_id: int) -> ShipmentState:
        digital = self._rows.row(Shipment, shipment_id)["is_digital"]
        return ShipmentState.PENDING if digital else ShipmentState.AWAITING_INVENTORY

    def _forced(self, plan: Plan) -> None:
        at = self._between(plan.at, min(self._until, plan.at + timedelta(days=1)))
        reason = (
            f"{self._staff['bob'].shown} at {self._staff['bob'].terminal}: gone home, customer on the line"
        )
        self._past.append(
            _Past(at, plan.shop.id, Kind.ORDER, plan.id, plan.person.id, self._staff["sue"], "lock.forced", (), reason, versioned=False)
        )  # fmt: skip

    def _note(
        self, plan: Plan, at: datetime, action: str, changes: tuple[Change, ...], reason: str = ""
    ) -> None:
        agent = self._dice.choice(self._agents)
        self._past.append(
            _Past(at, plan.shop.id, Kind.ORDER, plan.id, plan.person.id, agent, action, changes, reason)
        )

    def _between(self, after: datetime, before: datetime) -> datetime:
        span = max(int((before - after).total_seconds()) - 60, 1)
        return min(
            after + timedelta(seconds=self._dice.randint(1, span)), self._until - timedelta(seconds=30)
        )

    def _misspelled(self, text: str) -> str:
        for right, wrong in self._dice.sample(_TYPOS, len(_TYPOS)):
            if right in text[1:]:
                return text[0] + text[1:].replace(right, wrong, 1)
        return text[:-1] or "?"
