"""What there is to stop of a customer, read in one transaction, with who works on it and who may stop it (decides for `Stopping`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.order_rules import SHIPMENT_WORDS, line_words
from cstui.domain.permissions import Permission
from cstui.domain.shipments import ShipmentState
from cstui.domain.stopping import StopItem, StopKind
from cstui.domain.subscriptions import SubscriptionStatus, interval_words
from cstui.services.access import permission_words
from cstui.storage.queries import stopping as queries
from cstui.storage.transaction import Transaction

_LONGEST = 80
_STATUS = {
    SubscriptionStatus.TRIAL: "in its trial",
    SubscriptionStatus.PAST_DUE: "past due",
    SubscriptionStatus.PAUSED: "paused",
    SubscriptionStatus.RECYCLE_FAILED: "payments failed",
}
_LINES = 3


def items_of(
    tx: Transaction, actor: Actor, customer_id: int, also: frozenset[str] = frozenset()
) -> tuple[StopItem, ...]:
    """Everything of the customer that bills, ships or reserves, in the stores that the actor sees; what somebody else holds is named.

    `also` are ids of items that are shown whatever became of them: what a repeated confirmation has chosen.
    """
    named = {kind: [_key(one) for one in also if one.startswith(f"{kind}:")] for kind in StopKind}
    seen = actor.stores(Permission.SUBSCRIPTION_VIEW), actor.stores(Permission.ORDER_VIEW)
    waiting = queries.charges(tx, customer_id, seen[1], named[StopKind.CHARGE])
    lives = queries.subscriptions(tx, customer_id, seen[0], named[StopKind.SUBSCRIPTION])
    items = [_subscription(row, waiting) for row in lives]
    parcels = queries.shipments(tx, customer_id, seen[1], named[StopKind.SHIPMENT])
    held = queries.contents(tx, [row.id for row in parcels]) if parcels else {}
    items += [_shipment(row, held.get(row.id, [])) for row in parcels]
    reserved = queries.holds(tx, customer_id, seen[1], named[StopKind.HOLD])
    stores = queries.store_of_orders(tx, {row.order_id for row in reserved}) if reserved else {}
    items += [_hold(row, stores[row.order_id]) for row in reserved]
    known = {row.id for row in lives}
    by_hand = set(named[StopKind.CHARGE])
    items += [
        _charge(row)
        for row in waiting
        if row.id in by_hand or (row.subscription_id not in known and row.state in queries.NOT_SENT)
    ]
    return tuple(_with_holders(tx, actor, [_permitted(actor, item) for item in items]))


def _key(item_id: str) -> int:
    number = item_id.partition(":")[2]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0


def in_the_way(row: Any, actor: Actor) -> bool:
    """Whether a lock keeps this person out: another's, or his own at another terminal."""
    mine = row.holder_id == actor.staff_id and row.holder_name == actor.name
    return not (mine and row.terminal == actor.terminal)


def _subscription(row: Any, waiting: Iterable[Any]) -> StopItem:
    name = _text(f"{row.product} ({row.option})" if row.option else row.product) or "Subscription"
    total = row.unit_price * row.quantity - row.discount + row.shipping + row.tax
    words = [name, interval_words(row.interval_unit, row.interval_count)]
    if row.status in _STATUS:
        words.append(_STATUS[row.status])
    if row.next_bill_date is not None:
        words.append(f"next bill {_day(row.next_bill_date)}")
    return StopItem(
        f"subscription:{row.id}", StopKind.SUBSCRIPTION, row.id, row.store_id, ", ".join(words), Money(total, row.currency),
        tuple(_plans(row, [one for one in waiting if one.subscription_id == row.id])), title=name,
    )  # fmt: skip


def _plans(row: Any, waiting: list[Any]) -> Iterable[str]:
    """What was planned and goes with it."""
    for day, words in (
        (row.pause_on if row.status is not SubscriptionStatus.PAUSED else None, "A pause is planned for"),
        (row.resume_on, "It would resume on"),
        (row.cancel_on, "It would end on"),
        (row.retry_on, "The next try to bill is planned for"),
    ):
        if day is not None:
            yield f"{words} {_day(day)}."
    if row.cancel_after_next:
        yield "It would end with the next bill."
    for one in waiting:
        money = Money(one.amount, one.currency)
        said = f"A bill of {money.plain()} {money.currency}"
        if one.state in queries.NOT_SENT:
            yield f"{said} is about to be sent; it is taken back."
        else:
            yield f"{said} is under way and cannot be taken back; refund it if it goes through."


def _shipment(row: Any, held: list[tuple[int, str, str]]) -> StopItem:
    lines = [line_words(quantity, _text(name), _text(option)) for quantity, name, option in held]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"{len(lines) - _LINES} more"]
    words = ", ".join([*lines, SHIPMENT_WORDS[ShipmentState(row.state)]])
    number = _text(row.number)
    return StopItem(
        f"shipment:{row.id}", StopKind.SHIPMENT, row.id, row.store_id, words, None, (), row.order_id, number
    )


def _hold(row: Any, store_id: int) -> StopItem:
    card = _text(f"{row.card_brand} …{row.card_last4}".strip()) if row.card_last4 else "a card"
    number = _text(row.order_number)
    return StopItem(
        f"hold:{row.id}",
        StopKind.HOLD,
        row.id,
        store_id,
        f"reserved on {card}",
        row.amount,
        (),
        row.order_id,
        number,
    )


def _charge(row: Any) -> StopItem:
    number = _text(row.number or "")
    words = f"{row.operation}, about to be sent" + (f" for {number}" if number else "")
    return StopItem(
        f"charge:{row.id}", StopKind.CHARGE, row.id, row.store_id, words, Money(row.amount, row.currency), (), row.order_id or 0, number
    )  # fmt: skip


NEEDED = {
    StopKind.SUBSCRIPTION: Permission.SUBSCRIPTION_UPDATE,
    StopKind.SHIPMENT: Permission.ORDER_CANCEL,
    StopKind.HOLD: Permission.REFUND_REQUEST,
    StopKind.CHARGE: Permission.SUBSCRIPTION_UPDATE,
}


def _permitted(actor: Actor, item: StopItem) -> StopItem:
    needed = NEEDED[item.kind]
    if actor.may(needed, item.store_id):
        return item
    return replace(item, why_not=f"Your role may not {permission_words(needed)} here.")


def _with_holders(tx: Transaction, actor: Actor, items: list[StopItem]) -> Iterable[StopItem]:
    of_kind = {
        Kind.SUBSCRIPTION: {item.record_id for item in items if item.kind is StopKind.SUBSCRIPTION},
        Kind.ORDER: {item.order_id for item in items if item.order_id},
    }
    locks = {kind: queries.locks(tx, kind, ids) if ids else {} for kind, ids in of_kind.items()}
    for item in items:
        key = (
            (Kind.SUBSCRIPTION, item.record_id)
            if item.kind is StopKind.SUBSCRIPTION
            else (Kind.ORDER, item.order_id)
        )
        row = locks[key[0]].get(key[1])
        if row is None or not in_the_way(row, actor):
            yield item
        else:
            yield replace(
                item,
                holder=_text(row.holder_name),
                terminal=_text(row.terminal),
                since=row.acquired_at,
            )


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def _text(text: str) -> str:
    return clean(text, limit=_LONGEST).strip()
