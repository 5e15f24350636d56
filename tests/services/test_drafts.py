"""Drafts: typed text is kept, offered back to the same person only, and forgotten in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.clean import find_card_number
from cstui.domain.errors import InvalidInput, NotFound
from cstui.domain.ids import Kind
from cstui.services.drafts import LONGEST_DRAFT, Drafts
from cstui.storage.database import Database
from cstui.storage.tables import locks as tables
from cstui.storage.tables.base import table_of
from tests import factories as make

DRAFT = table_of(tables.Draft)


@dataclass
class Desk:
    db: Database
    drafts: Drafts
    store: int
    customer: int
    order: int
    ann: Actor
    bob: Actor


@pytest.fixture
def desk(db: Database) -> Desk:
    store = make.add_store(db)
    customer = make.add_customer(db, store)
    order = make.add_order(db, store, customer)
    return Desk(db, Drafts(db), store, customer, order, make.add_staff(db, "ann"), make.add_staff(db, "bob"))


def test_a_draft_comes_back_as_it_was_typed_and_only_to_its_writer(desk: Desk) -> None:
    typed = {"shipping.line1": "9 Oak [bold] \x1b[2J\x00 \ud800 Straße 東京", "email": ""}
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 3, typed, why="lock removed")
    draft = desk.drafts.of(desk.ann, Kind.ORDER, desk.order)
    assert draft is not None
    assert draft.body == typed
    assert (draft.base_version, draft.number, draft.why) == (3, "#1001", "lock removed")
    assert desk.drafts.of(desk.bob, Kind.ORDER, desk.order) is None
    assert desk.drafts.mine(desk.bob) == ()


def test_keeping_again_replaces_what_was_kept(desk: Desk) -> None:
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"email": "a"})
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 2, {"email": "ab"})
    (draft,) = desk.drafts.mine(desk.ann)
    assert (draft.body, draft.base_version) == ({"email": "ab"}, 2)


def test_drafts_of_customers_are_named_by_the_customer_and_listed_newest_first(desk: Desk) -> None:
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"email": "a"})
    desk.drafts.keep(desk.ann, Kind.CUSTOMER, desk.customer, 1, {"phone": "1"})
    assert [draft.number for draft in desk.drafts.mine(desk.ann)] == ["Ann Lee", "#1001"]


def test_a_dropped_draft_is_gone_and_dropping_twice_is_fine(desk: Desk) -> None:
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"email": "a"})
    desk.drafts.drop(desk.ann, Kind.ORDER, desk.order)
    desk.drafts.drop(desk.ann, Kind.ORDER, desk.order)
    assert desk.drafts.of(desk.ann, Kind.ORDER, desk.order) is None


@pytest.mark.parametrize("typed", ["4111 1111 1111 1111", "pay with 5555-5555-5555-4444 please, ext 12"])
def test_no_card_number_is_ever_kept(desk: Desk, typed: str) -> None:
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"note": typed, "email": "a@b.example"})
    with desk.db.read() as tx:
        stored = tx.rows(sa.select(DRAFT.c.body))[0].body
    assert find_card_number(stored) is None
    assert "a@b.example" in stored


def test_too_much_text_is_refused_and_another_stores_record_is_not_found(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"note": "x" * (LONGEST_DRAFT + 1)})
    stranger = make.add_staff(desk.db, "eve", store=make.add_store(desk.db, "other"))
    for kind, key in ((Kind.ORDER, desk.order), (Kind.CUSTOMER, desk.customer), (Kind.ORDER, 999_999)):
        with pytest.raises(NotFound):
            desk.drafts.keep(stranger, kind, key, 1, {"email": "a"})


def test_sweeping_forgets_only_what_nobody_touched_for_days(desk: Desk) -> None:
    desk.drafts.keep(desk.ann, Kind.ORDER, desk.order, 1, {"email": "a"})
    desk.drafts.keep(desk.bob, Kind.ORDER, desk.order, 1, {"email": "b"})
    with desk.db.write() as tx:
        eight_days_ago = tx.now - timedelta(days=8)
        tx.run(DRAFT.update().where(DRAFT.c.staff_id == desk.ann.staff_id).values(updated_at=eight_days_ago))
    assert desk.drafts.sweep() == 1
    assert desk.drafts.of(desk.ann, Kind.ORDER, desk.order) is None
    assert desk.drafts.of(desk.bob, Kind.ORDER, desk.order) is not None
