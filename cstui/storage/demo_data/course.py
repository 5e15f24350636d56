"""What became of an order: its state, its shipments and its money, in step with each other and with its age."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from cstui.domain.orders import HoldState, OrderKind, OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.shipments import ShipmentState
from cstui.storage.demo_data.money_moves import MoneyMoves
from cstui.storage.demo_data.orders import Plan
from cstui.storage.demo_data.rows import Rows
from cstui.storage.tables.orders import Order, OrderHold, Shipment, ShipmentLine

_S, _P, _H = OrderStatus, PaymentStatus, ShipmentState
#: Up to that age in days: how likely each state is.
_BY_AGE: tuple[tuple[int, dict[OrderStatus, float]], ...] = (
    (1, {_S.CREATED: 12, _S.ON_HOLD: 8, _S.IN_PROGRESS: 72, _S.CANCELLED: 3, _S.FAILED: 5}),
    (4, {_S.CREATED: 4, _S.ON_HOLD: 6, _S.IN_PROGRESS: 44, _S.PARTIALLY_SHIPPED: 7, _S.COMPLETED: 32, _S.CANCELLED: 4, _S.FAILED: 3}),
    (14, {_S.ON_HOLD: 2, _S.IN_PROGRESS: 6, _S.PARTIALLY_SHIPPED: 4, _S.COMPLETED: 82, _S.CANCELLED: 4, _S.FAILED: 2}),
    (9999, {_S.IN_PROGRESS: 0.15, _S.PARTIALLY_SHIPPED: 0.1, _S.COMPLETED: 92.5, _S.CANCELLED: 5, _S.FAILED: 2.25}),
)  # fmt: skip
_PAYMENTS: dict[OrderStatus, dict[PaymentStatus, float]] = {
    _S.CREATED: {_P.UNPAID: 1},
    _S.ON_HOLD: {_P.AUTHORISED: 72, _P.PAID: 20, _P.UNPAID: 8},
    _S.IN_PROGRESS: {_P.AUTHORISED: 46, _P.PAID: 51, _P.PARTLY_PAID: 2, _P.UNKNOWN: 1},
    _S.PARTIALLY_SHIPPED: {_P.PAID: 65, _P.PARTLY_PAID: 35},
    _S.COMPLETED: {_P.PAID: 90.4, _P.PARTLY_REFUNDED: 5, _P.REFUNDED: 3, _P.DISPUTED: 0.7, _P.REFUND_DUE: 0.6, _P.PARTLY_PAID: 0.3},
    _S.CANCELLED: {_P.VOIDED: 55, _P.REFUNDED: 25, _P.UNPAID: 20},
    _S.FAILED: {_P.UNPAID: 1},
    _S.AWAITING_EXCHANGE: {_P.PAID: 1},
}  # fmt: skip
_HOLD_NOTES = {
    "address": "House number missing, street has 200 of them. Left a voicemail.",
    "payment": "Billing postcode does not match the card. Ask for a recent statement.",
    "fraud": "Three orders from three cards in one hour, same delivery address.",
    "stock": "Two of three on the shelf. Warehouse expects the rest on Thursday.",
    "customer": "Away until the end of the month, please send after that.",
    "change": "Wants to swap one item; waits for our offer.",
    "other": "See the call of today.",
}


class Course:
    """Writes state, shipments, holds and transactions of placed orders."""

    def __init__(self, rows: Rows, dice: random.Random, until: datetime) -> None:
        self._rows = rows
        self._dice = dice
        self._until = until
        self._moves = MoneyMoves(rows, dice, until)
        self._labels = dict(STARTERS[ReasonKind.HOLD])
        self._cancels = [label for _, label in STARTERS[ReasonKind.CANCEL]]

    def decide(self, plan: Plan) -> None:
        """Draws the state and payment status that the plan leaves open; done before it is placed."""
        age = (self._until - plan.at).days
        if plan.status is None:
            odds = next(odds for limit, odds in _BY_AGE if age < limit)
            if plan.kind is OrderKind.RECURRING:
                odds = {_S.COMPLETED: 1.0} if age >= 4 else {_S.IN_PROGRESS: 1.0}
            plan.status = self._dice.choices(list(odds), list(odds.values()))[0]
        if plan.payment is None:
            chances = _PAYMENTS[plan.status]
            if plan.kind is OrderKind.RECURRING and plan.status is _S.IN_PROGRESS:
                chances = {_P.PAID: 1.0}
            plan.payment = self._dice.choices(list(chances), list(chances.values()))[0]

    def run(self, plan: Plan) -> None:
        """Writes what became of a placed order."""
        status = plan.status or _S.CREATED
        if not plan.ships and status in (_S.IN_PROGRESS, _S.PARTIALLY_SHIPPED):
            status, plan.payment = _S.COMPLETED, _P.PAID
        plan.status = status
        last = self._fulfil(plan, status)
        if status is _S.ON_HOLD:
            self._hold(plan)
        elif self._dice.random() < 0.02 and status in (_S.COMPLETED, _S.IN_PROGRESS):
            self._past_hold(plan)
        facts: dict[str, Any] = {"status": status, "updated_at": last}
        if status is _S.CANCELLED:
            at = self._soon(plan.at, 0.2, 40)
            facts |= {
                "cancelled_at": at,
                "updated_at": at,
                "cancel_reason": self._dice.choice(self._cancels),
            }
        self._moves.settle(plan, facts.get("cancelled_at"), last)
        facts["payment_method"] = self._moves.method_of(plan)
        self._rows.change(Order, plan.id, **facts)

    def _soon(self, at: datetime, least: float, most: float) -> datetime:
        """An instant some hours later, never after the demo's day has begun."""
        later = at + timedelta(seconds=int(self._dice.uniform(least, most) * 3600))
        return min(later, self._until - timedelta(minutes=1))

    def _fulfil(self, plan: Plan, status: OrderStatus) -> datetime:
        """Adds the shipments and returns when the last thing happened to them."""
        if status is _S.FAILED:
            return plan.at
        last = plan.at
        if plan.digital:
            last = self._send_digital(plan, status)
        for state, lines in self._parcels(plan, status):
            last = max(last, self._ship(plan, state, lines))
        return last

    def _parcels(self, plan: Plan, status: OrderStatus) -> list[tuple[ShipmentState, list[tuple[int, int]]]]:
        lines = plan.ships
        if not lines:
            return []
        if status is _S.PARTIALLY_SHIPPED:
            sent = [(line, max(1, quantity // 2)) for line, quantity in lines]
            rest = [(line, quantity - part) for (line, quantity), (_, part) in zip(lines, sent, strict=True)]
            waiting = self._dice.choice((_H.AWAITING_INVENTORY, _H.INVENTORY_ASSIGNED, _H.RELEASED))
            return [(_H.SHIPPED, sent), (waiting, [part for part in rest if part[1]])]
        state = plan.shipment or self._state_of_one(plan, status)
        if status is _S.COMPLETED and len(lines) > 1 and self._dice.random() < 0.12:
            return [(state, lines[:1]), (state, lines[1:])]
        return [(state, lines)]

    def _state_of_one(self, plan: Plan, status: OrderStatus) -> ShipmentState:
        if status is _S.IN_PROGRESS:
            return self._dice.choices(
                (_H.AWAITING_INVENTORY, _H.INVENTORY_ASSIGNED, _H.RELEASED, _H.FAILED), (44, 32, 21, 3)
            )[0]
        if status is _S.COMPLETED:
            if plan.payment is _P.REFUNDED and self._dice.random() < 0.6:
                return _H.RETURNED
            return _H.SHIPPED if (self._until - plan.at).days < 6 else _H.DELIVERED
        fixed = {_S.CREATED: _H.AWAITING_INVENTORY, _S.CANCELLED: _H.CANCELLED}
        return fixed.get(status, _H.ON_HOLD)

    def _ship(self, plan: Plan, state: ShipmentState, lines: list[tuple[int, int]]) -> datetime:
        facts: dict[str, Any] = {"method": plan.method, "carrier": plan.carrier}
        released = self._soon(plan.at, 3, 30)
        shipped = self._soon(released, 2, 24)
        delivered = self._soon(shipped, 24, 110)
        last = plan.at
        gone = state in (_H.SHIPPED, _H.DELIVERED, _H.RETURNED)
        if gone or state in (_H.RELEASED, _H.FAILED):
            facts["released_at"] = last = released
        if gone:
            facts |= {"shipped_at": shipped, "tracking": self._tracking(plan.carrier)}
            last = shipped
        if state in (_H.DELIVERED, _H.RETURNED):
            facts["delivered_at"] = last = delivered
        self._add(plan, lines, state=state, **facts)
        return last

    def _send_digital(self, plan: Plan, status: OrderStatus) -> datetime:
        at = plan.at + timedelta(minutes=2)
        if status in (_S.CANCELLED,):
            state = _H.CANCELLED
        elif status in (_S.CREATED, _S.ON_HOLD, _S.AWAITING_EXCHANGE):
            state = _H.PENDING
        else:
            state = _H.DELIVERED
        sent = at if state is _H.DELIVERED else None
        self._add(plan, plan.digital, state=state, is_digital=True, method="E-mail", delivered_at=sent)
        return at

    def _add(self, plan: Plan, lines: list[tuple[int, int]], **facts: Any) -> None:
        key = self._rows.add(Shipment, order_id=plan.id, created_at=plan.at, **facts)
        for line, quantity in lines:
            self._rows.add(ShipmentLine, shipment_id=key, order_line_id=line, quantity=quantity)

    def _tracking(self, carrier: str) -> str:
        """A tracking number of the carrier's shape; each is too short or too long for a card number."""
        digits = f"{self._dice.getrandbits(72):022d}"
        shapes = {
            "UPS": f"1Z999AA1{digits[-10:]}",
            "FedEx": f"7900{digits[-8:]}",
            "DHL": f"00340434{digits[-12:]}",
        }
        return shapes.get(carrier, f"9400{digits[-18:]}")

    def _hold(self, plan: Plan) -> None:
        code, note = plan.hold or self._drawn_hold()
        before = _S.CREATED if plan.payment is _P.UNPAID else _S.IN_PROGRESS
        is_system = code in ("fraud", "payment") and self._dice.random() < 0.5
        self._rows.add(
            OrderHold, order_id=plan.id, reason_code=code, reason=self._labels[code], note=note, is_system=is_system,
            cause="address check service" if is_system else "", status_before=before,
            placed_by="system" if is_system else self._dice.choice(("Ann", "Bob", "Sue")), placed_at=self._soon(plan.at, 0.1, 6),
        )  # fmt: skip
        if self._dice.random() < 0.12:
            code, note = self._drawn_hold()
            self._rows.add(
                OrderHold, order_id=plan.id, reason_code=code, reason=self._labels[code], note=note, status_before=_S.ON_HOLD,
                placed_by="Bob", placed_at=self._soon(plan.at, 6, 9),
            )  # fmt: skip

    def _past_hold(self, plan: Plan) -> None:
        code, note = self._drawn_hold()
        placed = self._soon(plan.at, 0.1, 2)
        self._rows.add(
            OrderHold, order_id=plan.id, reason_code=code, reason=self._labels[code], note=note, state=HoldState.RESOLVED,
            placed_by=self._dice.choice(("Ann", "Bob")), placed_at=placed, resolved_by=self._dice.choice(("Ann", "Sue")),
            resolved_at=self._soon(placed, 0.5, 3), resolution_note="Called the customer, all clear.",
        )  # fmt: skip

    def _drawn_hold(self) -> tuple[str, str]:
        code = self._dice.choice(tuple(_HOLD_NOTES))
        return code, _HOLD_NOTES[code]
