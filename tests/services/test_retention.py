"""Retention: the merchant's offers, the one that fits, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.bootstrap import Desk
from cstui.domain.actor import Actor
from cstui.domain.errors import (
    InvalidFields,
    InvalidInput,
    LockBroken,
    NotFound,
    NotPermitted,
    NotPossibleNow,
)
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip
from cstui.domain.permissions import Role
from cstui.domain.retention import NewOffer, OfferKind, OfferRow
from cstui.domain.subscription_changes import CancelWhen, SubscriptionChange
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus, SubscriptionView
from cstui.services.retention import Retention
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Product
from cstui.storage.tables.subscriptions import RetentionOffer, SubscriptionPeriod
from cstui.storage.transaction import Database
from tests import factories as make
from tests.subscriptions import days

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


# The call.


class Shop:
    """A store with an offer for each kind of reason, a customer, and his subscription."""

    def __init__(self, db: Database, adam: Actor) -> None:
        self.desk = Desk(db.url.text)
        self.db, self.adam = db, adam
        self.store = make.add_store(db)
        self.customer = make.add_customer(db, self.store)
        self.ann = make.add_staff(db, "ann")
        self.small = add_product(db, self.store, "Small", 1500)
        self.bills = days(9)
        for new in (
            percent(), NewOffer("not_using", OfferKind.PAUSE, days=30),
            NewOffer("quality", OfferKind.DOWNGRADE, product_id=self.small, store_id=self.store),
        ):  # fmt: skip
            self.desk.retention.set_offer(adam, new)

    def subscription(self, **more: Any) -> int:
        return make.add_subscription(
            self.db, self.store, self.customer, **{"next_bill_date": self.bills, "anchor_day": self.bills.day, **more}
        )  # fmt: skip

    def grip(self, key: int) -> Grip:
        version = self.desk.subscriptions.open(self.ann, key).version
        return self.desk.subscriptions.begin(self.ann, key, version, new_token())

    def accept(self, key: int, reason: str, save_id: str = "") -> SubscriptionView:
        offer = self.desk.retention.offer_for(self.ann, key, reason)
        assert offer is not None
        return self.desk.retention.accept(
            self.ann, key, self.grip(key), offer.offer.id, reason, save_id or new_token()
        )  # fmt: skip

    def cancel(self, key: int, reason: str, **more: Any) -> SubscriptionView:
        return self.desk.subscriptions.cancel(
            self.ann, key, self.grip(key), reason_code=reason, save_id=new_token(), **more
        )  # fmt: skip

    def counts(self) -> list[tuple[str, int, int, int]]:
        since = datetime.now(UTC) - timedelta(days=1)
        rows = self.desk.retention.counts(self.adam, since)
        return [(row.reason, row.saved, row.declined, row.cancelled) for row in rows]


@pytest.fixture
def shop(db: Database, adam: Actor) -> Iterator[Shop]:
    found = Shop(db, adam)
    yield found
    found.desk.close()


def test_what_was_read_out_is_what_is_stored(shop: Shop) -> None:
    key, retention = shop.subscription(), shop.desk.retention
    offers = retention.offers_for(shop.ann, key)
    assert list(offers) == ["too_expensive", "not_using", "quality"]
    assert offers["too_expensive"] == retention.offer_for(shop.ann, key, "too_expensive")
    assert retention.offer_for(shop.ann, key, "other") is None
    view = shop.accept(key, "too_expensive", "once")
    assert view.next is not None and view.next.total == offers["too_expensive"].next_total
    assert (view.price_cycles_left, view.row.price.discount.minor) == (3, 400)
    assert view.regular is not None and view.regular.total.minor == 2650
    assert view.events[0].action == "offer accepted"
    assert view.events[0].reason == "Too expensive: 20 % off for 3 bills"
    assert view.edit_lock is None and retention.offers_for(shop.ann, key) == {}
    again = retention.accept(
        shop.ann, key, Grip("gone", 0, 1), offers["too_expensive"].offer.id, "too_expensive", "once"
    )
    assert again.version == view.version and shop.counts() == [("Too expensive", 1, 0, 0)]


def test_a_pause_and_a_cheaper_product_are_done_at_once_and_take_a_planned_end_back(shop: Shop) -> None:
    paused = shop.subscription(cancel_after_next=True)
    offers = shop.desk.retention.offers_for(shop.ann, paused)
    view = shop.accept(paused, "not_using")
    assert (view.row.status, view.cancel_after_next) == (SubscriptionStatus.PAUSED, False)
    assert view.next is not None and view.next.date == offers["not_using"].next_bill_date
    cheaper = shop.subscription()
    view = shop.accept(cheaper, "quality")
    assert (view.row.product, view.row.price.unit.minor) == ("Small", 1500)


def test_an_offer_that_was_taken_away_or_fits_no_more_is_refused_and_nothing_is_counted(shop: Shop) -> None:
    key, retention = shop.subscription(), shop.desk.retention
    offer = retention.offer_for(shop.ann, key, "too_expensive")
    assert offer is not None
    grip = shop.grip(key)
    for offer_id, reason in ((offer.offer.id, "not_using"), (9999, "too_expensive")):
        with pytest.raises(NotPossibleNow, match="not made any more"):
            retention.accept(shop.ann, key, grip, offer_id, reason, new_token())
    retention.set_offer(shop.adam, percent(off=30))
    with pytest.raises(NotPossibleNow):
        retention.accept(shop.ann, key, grip, offer.offer.id, "too_expensive", new_token())
    assert shop.counts() == []
    shop.desk.locks.release(shop.ann, grip.token)
    shop.accept(key, "too_expensive")
    now = retention.offers(shop.ann, shop.store)
    pause = next(row for row in now if row.reason_code == "not_using")
    with pytest.raises(NotPossibleNow, match="does not fit"):
        retention.accept(shop.ann, key, shop.grip(key), pause.id, "not_using", new_token())


def test_a_stale_screen_and_a_stranger_accept_nothing(shop: Shop) -> None:
    key, retention = shop.subscription(), shop.desk.retention
    offer = retention.offer_for(shop.ann, key, "too_expensive")
    assert offer is not None
    grip = shop.grip(key)
    shop.desk.locks.release(shop.ann, grip.token)
    with pytest.raises(LockBroken):
        retention.accept(shop.ann, key, grip, offer.offer.id, "too_expensive", new_token())
    other = make.add_store(shop.db, "other")
    eve, vic = make.add_staff(shop.db, "eve", store=other), make.add_staff(shop.db, "vic", Role.VIEWER)
    with pytest.raises(NotFound):
        retention.offers_for(eve, key)
    with pytest.raises(NotPermitted):
        retention.accept(vic, key, grip, offer.offer.id, "too_expensive", new_token())
    assert shop.counts() == []


def test_a_cancellation_counts_once_with_the_offer_that_was_declined(shop: Shop) -> None:
    declined, plain, twice, taken_back = (shop.subscription() for _ in range(4))
    offer = shop.desk.retention.offer_for(shop.ann, declined, "too_expensive")
    assert offer is not None
    shop.cancel(declined, "too_expensive", declined_offer_id=offer.offer.id)
    shop.cancel(plain, "quality")
    # An offer of another reason was not made for this one.
    shop.cancel(twice, "quality", when=CancelWhen.AFTER_NEXT, declined_offer_id=offer.offer.id)
    shop.cancel(twice, "quality")
    shop.cancel(taken_back, "technical", when=CancelWhen.AFTER_NEXT)
    shop.desk.subscriptions.save(
        shop.ann, taken_back, shop.grip(taken_back), SubscriptionChange(drop_cancel=True), new_token()
    )  # fmt: skip
    assert shop.counts() == [("Quality", 0, 0, 2), ("Too expensive", 0, 1, 0)]
    assert shop.desk.retention.counts(shop.adam, datetime.now(UTC) + timedelta(days=1)) == ()


def test_a_save_counts_only_where_the_subscription_lives_or_was_billed_after_it(shop: Shop) -> None:
    lives, lost, worth = (shop.subscription() for _ in range(3))
    for key in (lives, lost, worth):
        shop.accept(key, "too_expensive")
    assert shop.counts() == [("Too expensive", 3, 0, 0)]
    for key in (lost, worth):
        shop.cancel(key, "too_expensive")
    with shop.db.write() as tx:
        tx.run(
            table_of(SubscriptionPeriod).insert().values(
                subscription_id=worth, cycle=3, bill_date=shop.bills, state=PeriodState.BILLED, amount=2185, currency="USD", note="",
                is_missed=False, tries=1, closed_at=tx.clock(),
            )
        )  # fmt: skip
    assert shop.counts() == [("Too expensive", 2, 0, 2)]
