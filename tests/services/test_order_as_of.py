"""An order as of any of its events is the order as it was saved then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cstui.domain.errors import NotFound, NotPermitted
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.money import Money
from cstui.domain.orders import LineChange, OrderChange, OrderView
from cstui.domain.permissions import Role
from cstui.services.orders import Orders
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.audit import AuditChange
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order, OrderDiscount
from tests.factories import add_customer, add_order, add_staff, add_store


def as_saved(view: OrderView) -> dict[str, object]:
    """What an event keeps of an order; who looked and what could be edited is not part of it."""
    return {
        "status": view.status,
        "addresses": (view.billing, view.shipping),
        "lines": [replace(line, editable=False) for line in view.lines],
        "money": (view.taxes, view.discounts, view.totals),
        "holds": [(h.id, h.reason, h.state) for h in view.holds],
        "shipments": [(s.id, s.state, s.lines) for s in view.shipments],
        "cancelled": (view.cancelled_at, view.cancel_reason),
        "version": view.version,
    }


def test_every_event_shows_the_order_as_it_was_saved_then(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), tax=255, paid=3305)
    with db.write() as tx:
        tx.session.add(OrderDiscount(order_id=order, code="TEN", amount=2000))
        tx.run(table_of(Order).update().values(discount=2000, total=1305))
    orders, ann = Orders(db), add_staff(db)
    seen: list[OrderView] = []

    def work(purpose: Purpose = Purpose.EDIT) -> Grip:
        view = orders.open(ann, order)
        return orders.begin_edit(ann, order, view.version, new_token(), purpose)

    def edit(change: OrderChange) -> None:
        grip = work()
        seen.append(orders.save(ann, order, grip, change, new_token()))

    view = orders.open(ann, order)
    mug, tea = view.lines
    road, town = replace(view.shipping, line1="1 Oak Road"), replace(view.billing, city="Troy")
    edit(OrderChange(shipping=road, billing=town))
    jug = LineChange(None, 3, sku="J", name="Jug", unit_price=Money(700, "USD"), requires_shipping=False)
    edit(OrderChange(lines=(LineChange(mug.id, 5), jug)))
    edit(OrderChange(lines=(LineChange(mug.id, 0),)))
    grip = work(Purpose.HOLD)
    seen.append(orders.hold(ann, order, grip, "address", "", new_token()))
    edit(
        OrderChange(
            lines=(LineChange(tea.id, 4), LineChange(None, 1, name="Cup", unit_price=Money(90, "USD")))
        )
    )
    grip = work(Purpose.HOLD)
    hold_id = seen[-1].holds[0].id
    seen.append(orders.resolve_hold(ann, order, grip, hold_id, True, "", new_token()))
    grip = work(Purpose.CANCEL)
    seen.append(orders.cancel(ann, order, grip, "duplicate", "", new_token()))

    with db.read() as tx:
        events = list(reversed(audit.events_of(tx, Kind.ORDER, order)))
    assert len(events) == len(seen) == 7
    for event, saved in zip(events, seen, strict=True):
        then = orders.as_of(ann, order, event.id)
        assert as_saved(then) == as_saved(saved), event.action
        assert then.as_of == event.at and then.edit_lock is None
        assert not then.lines_editable and not then.addresses_editable and then.why_not_editable


def test_an_event_without_a_version_shows_the_order_between_two_saves(sqlite_db: Database) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    orders, ann = Orders(db), add_staff(db)
    with db.write() as tx:
        noted = audit.append(tx, audit.NewEvent(ann, store, Kind.ORDER, order, "note added"))
    view = orders.open(ann, order)
    grip = orders.begin_edit(ann, order, 1, new_token())
    orders.save(ann, order, grip, OrderChange(shipping=replace(view.shipping, city="Troy")), "s1")
    then = orders.as_of(ann, order, noted)
    assert (then.version, then.shipping.city) == (1, "Albany")


def test_an_erased_value_shows_as_erased_and_an_erased_number_as_it_is_now(sqlite_db: Database) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    orders, ann = Orders(db), add_staff(db)
    with db.write() as tx:
        first = audit.append(tx, audit.NewEvent(ann, store, Kind.ORDER, order, "note added"))
    view = orders.open(ann, order)
    grip = orders.begin_edit(ann, order, 1, new_token())
    change = OrderChange(
        shipping=replace(view.shipping, city="Troy"), lines=(LineChange(view.lines[0].id, 1),)
    )
    saved = orders.save(ann, order, grip, change, "s1")
    with db.write() as tx:
        tx.run(table_of(AuditChange).update().values(old=None))
    then = orders.as_of(ann, order, first)
    assert then.shipping.city == "(erased)" and then.totals == saved.totals


def test_history_is_for_those_who_may_see_it_and_knows_only_its_own_events(sqlite_db: Database) -> None:
    db = sqlite_db
    store = add_store(db)
    customer = add_customer(db, store)
    order, other = add_order(db, store, customer), add_order(db, store, customer, "#1002")
    ann = add_staff(db)
    with db.write() as tx:
        event = audit.append(tx, audit.NewEvent(ann, store, Kind.ORDER, other, "note added"))
    with pytest.raises(NotFound, match="#1001"):
        Orders(db).as_of(ann, order, event)
    with pytest.raises(NotPermitted):
        Orders(db).as_of(add_staff(db, "vic", Role.VIEWER), other, event)
