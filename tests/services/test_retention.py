"""Retention: the merchant's offers, the one that fits, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidFields, InvalidInput, NotFound, NotPermitted
from cstui.domain.permissions import Role
from cstui.domain.retention import NewOffer, OfferKind, OfferRow
from cstui.services.retention import Retention
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Product
from cstui.storage.tables.subscriptions import RetentionOffer
from cstui.storage.transaction import Database
from tests import factories as make

PRODUCT = table_of(Product)


def percent(reason: str = "too_expensive", off: int = 20, cycles: int = 3, **more: Any) -> NewOffer:
    return NewOffer(reason, OfferKind.PERCENT, percent=off, cycles=cycles, **more)


def add_product(db: Database, store: int, name: str, price: int, **more: Any) -> int:
    with db.write() as tx:
        added = tx.rows(
            PRODUCT.insert()
            .values(
                store_id=store, sku=f"SKU-{name.upper()}", name=name, unit_price=price, option=more.pop("option", ""), vendor="",
                requires_shipping=True, taxable=True, is_active=more.pop("is_active", True), created_at=tx.now,
            )
            .returning(PRODUCT.c.id)
        )  # fmt: skip
    return int(added[0][0])


def told(rows: tuple[OfferRow, ...]) -> list[tuple[str, str, str]]:
    return [(row.store, row.reason_code, row.words) for row in rows]


@pytest.fixture
def adam(db: Database) -> Actor:
    return make.add_staff(db, "adam", Role.ADMIN)


# The merchant's settings.


def test_a_store_s_own_offers_for_a_reason_stand_in_for_the_organisation_s(db: Database, adam: Actor) -> None:
    main, other = make.add_store(db, "main"), make.add_store(db, "other")
    retention = Retention(db)
    retention.set_offer(adam, percent())
    retention.set_offer(adam, NewOffer("not_using", OfferKind.PAUSE, days=30))
    retention.set_offer(adam, percent(off=10, cycles=1, store_id=main))
    assert told(retention.offers(adam, main)) == [
        ("", "not_using", "30 days of pause"),
        ("main", "too_expensive", "10 % off the next bill"),
    ]
    assert told(retention.offers(adam, other)) == [
        ("", "too_expensive", "20 % off for 3 bills"),
        ("", "not_using", "30 days of pause"),
    ]
    assert len(retention.offers(adam)) == 3
    assert retention.offers(adam, main)[0].reason == "Not using it"
    retention.remove_offer(adam, "too_expensive", OfferKind.PERCENT, main)
    assert ("", "too_expensive", "20 % off for 3 bills") in told(retention.offers(adam, main))
    with pytest.raises(NotFound):
        retention.remove_offer(adam, "too_expensive", OfferKind.PERCENT, main)


def test_setting_an_offer_again_replaces_it_and_the_history_tells_both(db: Database, adam: Actor) -> None:
    make.add_store(db)
    retention = Retention(db)
    retention.set_offer(adam, percent())
    row = retention.set_offer(adam, percent(off=25, label="  Stay   with us "))
    assert (row.words, row.percent, row.reason) == ("Stay with us", 25, "Too expensive")
    assert len(retention.offers(adam)) == 1 and make.count(db, RetentionOffer) == 2
    with db.read() as tx:
        events = tx.rows(sa.select(table_of(AuditEvent).c.action).order_by(table_of(AuditEvent).c.id))
        changes = tx.rows(sa.select(table_of(AuditChange)).order_by(table_of(AuditChange).c.event_id))
    assert [event.action for event in events] == ["retention offer set", "retention offer set"]
    assert [(change.path, change.old, change.new) for change in changes] == [
        ("retention.too_expensive.percent", "", "20 % off for 3 bills"),
        ("retention.too_expensive.percent", "20 % off for 3 bills", "Stay with us"),
    ]


@pytest.mark.parametrize(
    ("new", "fields"),
    [
        (percent(off=0, cycles=25), ["percent", "cycles"]),
        (percent(off=101), ["percent"]),
        (NewOffer("not_using", OfferKind.PAUSE, days=366), ["days"]),
        (NewOffer("quality", OfferKind.DOWNGRADE, product_id=1), ["product"]),
        (percent(label="x" * 81), ["label"]),
    ],
)
def test_an_offer_outside_its_bounds_is_refused_field_by_field(
    sqlite_db: Database, new: NewOffer, fields: list[str]
) -> None:
    adam = make.add_staff(sqlite_db, "adam", Role.ADMIN)
    with pytest.raises(InvalidFields) as refused:
        Retention(sqlite_db).set_offer(adam, new)
    assert [problem.field for problem in refused.value.problems] == fields
    assert make.count(sqlite_db, RetentionOffer) == 0


def test_an_offer_names_a_reason_of_the_list_and_a_product_that_its_store_sells(sqlite_db: Database) -> None:
    db = sqlite_db
    adam = make.add_staff(db, "adam", Role.ADMIN)
    main, other = make.add_store(db, "main"), make.add_store(db, "other")
    tea, gone = add_product(db, other, "Tea", 900), add_product(db, main, "Old", 900, is_active=False)
    retention = Retention(db)
    for new, field in (
        (percent("bored"), "reason"),
        (NewOffer("quality", OfferKind.DOWNGRADE, product_id=tea, store_id=main), "product"),
        (NewOffer("quality", OfferKind.DOWNGRADE, product_id=gone, store_id=main), "product"),
        (NewOffer("quality", OfferKind.DOWNGRADE, product_id=9999, store_id=main), "product"),
    ):
        with pytest.raises(InvalidInput) as refused:
            retention.set_offer(adam, new)
        assert refused.value.field == field
    row = retention.set_offer(adam, NewOffer("quality", OfferKind.DOWNGRADE, product_id=tea, store_id=other))
    assert row.words == "Tea instead"


def test_only_whoever_manages_settings_changes_offers(sqlite_db: Database) -> None:
    db = sqlite_db
    main = make.add_store(db, "main")
    retention = Retention(db)
    for actor in (make.add_staff(db, "sue", Role.SUPERVISOR), make.add_staff(db, "eve", Role.ADMIN, main)):
        with pytest.raises(NotPermitted):
            retention.set_offer(actor, percent())
        with pytest.raises(NotPermitted):
            retention.remove_offer(actor, "too_expensive", OfferKind.PERCENT)
    with pytest.raises(NotPermitted):
        retention.offers(make.add_staff(db, "wes", Role.WAREHOUSE))
