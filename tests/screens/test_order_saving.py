"""The database goes away in the middle of a save: the form is kept, and the answer is "saved" or "not saved", never "maybe"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.services.orders import Orders
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store
from tests.fakes.wire import Wire
from tests.screens.driving import driven


@pytest.fixture
def wire(db: Database, db_url: str) -> Iterator[Wire]:
    """A wire to the PostgreSQL database of this test that can be cut."""
    wire = Wire(db_url)
    yield wire
    wire.close()


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
async def test_a_save_that_was_stored_although_its_answer_was_lost_is_found_out(
    db: Database, wire: Wire
) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann = add_staff(db)
    async with driven(wire.url, ann) as desk:
        await desk.open_order(order)
        await desk.press("A")
        await desk.shows("[EDITING]")
        await desk.type("9 Oak Lane")
        await desk.pilot.pause(1.3)  # the draft is written, so that the next COMMIT is the save's
        wire.cut_at_commit = True
        await desk.press("f9")
        await desk.shows("Not known yet – checking", "9 Oak Lane")
        await desk.press("escape")
        await desk.shows("It is still being checked whether this was saved.")
        wire.mend()
        await desk.shows("Saved: shipping address of order #1001.", "[open]", patience=20)
        await desk.shows_no("Not known yet")
    stored = Orders(db).open(ann, order)
    assert (stored.shipping.line1, stored.version) == ("9 Oak Lane", 2)


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
async def test_a_save_that_never_arrived_is_offered_again(db: Database, wire: Wire) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann = add_staff(db)
    async with driven(wire.url, ann) as desk:
        await desk.open_order(order)
        await desk.press("A")
        await desk.shows("[EDITING]")
        await desk.type("9 Oak Lane")
        await desk.pilot.pause(1.3)
        wire.cut_before_commit = True
        await desk.press("f9")
        await desk.shows("Not known yet – checking", "9 Oak Lane")
        assert Orders(db).open(ann, order).version == 1
        wire.mend()
        await desk.shows("Not saved", "F9 saves again.", "9 Oak Lane", patience=20)
        await desk.press("f9")
        await desk.shows("Saved: shipping address of order #1001.")
    assert Orders(db).open(ann, order).shipping.line1 == "9 Oak Lane"
