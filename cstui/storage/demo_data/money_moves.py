"""The transactions that bring an order to its payment status; what goes back is never more than what came in."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from cstui.domain.gateway_rules import next_cut_off
from cstui.domain.payments import PaymentStatus, TransactionKind, TransactionOrigin, TransactionStatus
from cstui.storage.demo_data.orders import Plan
from cstui.storage.demo_data.rows import Rows
from cstui.storage.tables.customers import Card
from cstui.storage.tables.payments import Transaction
from cstui.storage.tables.people import GatewayAccount

_K, _P, _T = TransactionKind, PaymentStatus, TransactionStatus
_DECLINES = (
    ("51", "Insufficient funds"),
    ("05", "Do not honour"),
    ("54", "Expired card"),
    ("82", "Security code does not match"),
    ("61", "Exceeds withdrawal limit"),
)


class MoneyMoves:
    """Writes one order's transactions at a time."""

    def __init__(self, rows: Rows, dice: random.Random, until: datetime) -> None:
        self._rows = rows
        self._dice = dice
        self._until = until
        self._days = {
            (row["gateway"], row["name"]): (row["cut_off"], row["zone"]) for row in rows.of(GatewayAccount)
        }

    def method_of(self, plan: Plan) -> str:
        """How the order is paid, in words."""
        if plan.card_id is not None:
            card = self._rows.row(Card, plan.card_id)
            return f"{card['brand']} {card['last4']}"
        return "Bank transfer" if plan.shop.includes_tax else "PayPal"

    def settle(self, plan: Plan, cancelled_at: datetime | None, last: datetime) -> None:
        """Adds the transactions that make `plan.payment` true for the order's total."""
        if plan.card_id is None and plan.person.cards:
            plan.card_id = self._dice.choice(plan.person.cards)
        total, start = plan.total, plan.at + timedelta(seconds=self._dice.randint(8, 90))
        status = plan.payment
        if total <= 0:
            plan.payment = _P.PAID
            return
        if status is _P.UNPAID:
            self._unpaid(plan, start)
        elif status is _P.AUTHORISED:
            self._add(plan, _K.AUTHORISE, total, start)
        elif status is _P.UNKNOWN:
            self._add(
                plan,
                _K.SALE,
                total,
                start,
                status=_T.UNKNOWN,
                response_text="No answer from the gateway within 30 s",
            )
        elif status is _P.VOIDED:
            self._voided(plan, start, cancelled_at or last)
        elif status is _P.PARTLY_PAID:
            part = max(1, total * self._dice.choice((30, 50, 70)) // 100)
            authorised = self._add(plan, _K.AUTHORISE, total, start)
            self._add(plan, _K.CAPTURE, part, max(start, last), parent_id=authorised)
        elif status is _P.REFUND_DUE:
            self._add(plan, _K.SALE, total + self._dice.choice((500, 995, 1250, 1800)), start)
        else:
            self._given_back(plan, self._taken(plan, start, last), max(last, cancelled_at or last))

    def _unpaid(self, plan: Plan, at: datetime) -> None:
        tries = self._dice.choice((1, 1, 2)) if plan.status and plan.status.value == "failed" else 0
        code, text = self._dice.choice(_DECLINES)
        for turn in range(tries):
            self._add(
                plan, _K.SALE, plan.total, at + timedelta(minutes=2 * turn), status=_T.FAILED, response_code=code, response_text=text
            )  # fmt: skip

    def _voided(self, plan: Plan, at: datetime, cancelled_at: datetime) -> None:
        authorised = self._add(plan, _K.AUTHORISE, plan.total, at)
        self._add(
            plan, _K.VOID, plan.total, max(cancelled_at, at + timedelta(minutes=1)), parent_id=authorised
        )

    def _taken(self, plan: Plan, start: datetime, last: datetime) -> int:
        """The whole amount, as a sale or as a capture at shipping; returns the row that refunds point at."""
        if self._dice.random() < 0.6 or last <= start:
            return self._add(plan, _K.SALE, plan.total, start)
        authorised = self._add(plan, _K.AUTHORISE, plan.total, start)
        return self._add(plan, _K.CAPTURE, plan.total, last, parent_id=authorised)

    def _given_back(self, plan: Plan, taken: int, after: datetime) -> None:
        if plan.payment is _P.PAID:
            return
        total = plan.total
        at = min(after + timedelta(hours=self._dice.randint(2, 190)), self._until - timedelta(minutes=1))
        at = max(at, self._rows.row(Transaction, taken)["occurred_at"] + timedelta(seconds=30))
        if plan.payment is _P.REFUNDED:
            parts = [total] if self._dice.random() < 0.8 or total < 2 else [total // 2, total - total // 2]
        elif plan.payment is _P.PARTLY_REFUNDED:
            parts = [max(1, total * self._dice.choice((10, 20, 25, 50)) // 100)]
            if parts[0] >= total:
                plan.payment = _P.REFUNDED
        else:
            self._add(
                plan, _K.CHARGEBACK, total, at, parent_id=taken, response_text="Reason: product not received"
            )
            return
        for turn, part in enumerate(parts):
            self._add(plan, _K.REFUND, part, at + timedelta(seconds=turn), parent_id=taken)

    def _add(self, plan: Plan, kind: TransactionKind, amount: int, at: datetime, **facts: Any) -> int:
        card = self._rows.row(Card, plan.card_id) if plan.card_id is not None else None
        gateway = card["gateway"] if card else "external"
        account = card["account"] if card else ""
        if gateway == "oldpay" and plan.shop.code != "harbor":
            gateway, account = "sandbox", plan.shop.code
        cut_off, zone = self._days.get((gateway, account), ("20:00", plan.shop.zone))
        settled = next_cut_off(at, cut_off, zone)
        moved = kind in (_K.SALE, _K.CAPTURE, _K.REFUND) and facts.get("status", _T.SUCCEEDED) is _T.SUCCEEDED
        values: dict[str, Any] = {
            "status": _T.SUCCEEDED,
            "response_code": "00",
            "response_text": "Approved",
            "settled_at": settled if moved and settled <= self._until else None,
            **facts,
        }
        if values["status"] is _T.UNKNOWN:
            values["response_code"] = ""
        return self._rows.add(
            Transaction, store_id=plan.shop.id, order_id=plan.id, customer_id=plan.person.id, kind=kind,
            origin=TransactionOrigin.DEMO, amount=amount, currency=plan.shop.currency, gateway=gateway, account=account,
            gateway_ref=f"{gateway[:3]}_{self._dice.getrandbits(48):012x}", card_id=plan.card_id,
            card_brand=card["brand"] if card else "", card_last4=card["last4"] if card else "",
            is_test=plan.shop.is_test or bool(card and card["is_test"]), occurred_at=at, created_at=at, **values,
        )  # fmt: skip
