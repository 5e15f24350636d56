"""Presence: others see who looks, and a desk that is gone does not count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cstui.domain.errors import NotFound
from cstui.domain.ids import Kind
from cstui.services.presence import Presence
from cstui.storage.database import Database
from cstui.storage.tables import locks as tables
from cstui.storage.tables.base import table_of
from tests import factories as make

PRESENCE = table_of(tables.Presence)


def test_others_see_who_looks_and_nobody_sees_himself(db: Database) -> None:
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    ann, bob = make.add_staff(db, "ann"), make.add_staff(db, "bob")
    presence = Presence(db)
    presence.look(ann, "desk-1", Kind.ORDER, order)
    presence.look(ann, "desk-1", Kind.ORDER, order)
    presence.look(ann, "desk-3", Kind.ORDER, order)
    presence.look(bob, "desk-2", Kind.ORDER, order)
    assert presence.who(Kind.ORDER, order, "desk-2") == ("Ann",)
    assert presence.who(Kind.ORDER, order, "desk-1") == ("Ann", "Bob")
    assert presence.who(Kind.CUSTOMER, order, "desk-9") == ()


def test_leaving_one_record_or_all_takes_the_name_away(db: Database) -> None:
    store = make.add_store(db)
    customer = make.add_customer(db, store)
    order = make.add_order(db, store, customer)
    ann = make.add_staff(db, "ann")
    presence = Presence(db)
    presence.look(ann, "desk-1", Kind.ORDER, order)
    presence.look(ann, "desk-1", Kind.CUSTOMER, customer)
    presence.leave("desk-1", Kind.ORDER, order)
    assert presence.who(Kind.ORDER, order, "") == ()
    assert presence.who(Kind.CUSTOMER, customer, "") == ("Ann",)
    presence.leave("desk-1")
    assert presence.who(Kind.CUSTOMER, customer, "") == ()


def test_a_desk_without_a_sign_of_life_does_not_count_and_is_swept_after_a_day(db: Database) -> None:
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    presence = Presence(db)
    presence.look(make.add_staff(db, "ann"), "desk-1", Kind.ORDER, order)
    with db.write() as tx:
        tx.run(PRESENCE.update().values(seen_at=tx.now - timedelta(minutes=3)))
    assert presence.who(Kind.ORDER, order, "") == ()
    assert presence.sweep() == 0
    with db.write() as tx:
        tx.run(PRESENCE.update().values(seen_at=tx.now - timedelta(days=2)))
    assert presence.sweep() == 1


def test_nobody_is_seen_at_another_stores_record(db: Database) -> None:
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    stranger = make.add_staff(db, "eve", store=make.add_store(db, "other"))
    with pytest.raises(NotFound):
        Presence(db).look(stranger, "desk-1", Kind.ORDER, order)
