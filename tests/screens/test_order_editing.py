"""Editing an order at a desk: few keys, problems at their field, totals before saving, and drafts that come back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft
from cstui.domain.orders import OrderStatus, OrderView
from cstui.domain.payments import PaymentStatus
from cstui.domain.permissions import Role
from cstui.domain.shipments import ShipmentState
from cstui.services.drafts import Drafts
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.storage.tables.orders import Product
from cstui.storage.transaction import Database
from tests.factories import THEN, add_customer, add_order, add_staff, add_store
from tests.screens.driving import driven


@dataclass(frozen=True)
class Shop:
    db: Database
    url: str
    store: int
    order: int
    ann: Actor

    @property
    def stored(self) -> OrderView:
        return Orders(self.db).open(self.ann, self.order)

    @property
    def draft(self) -> Draft | None:
        return Drafts(self.db).of(self.ann, Kind.ORDER, self.order)

    @property
    def is_free(self) -> bool:
        return Locks(self.db).all(self.ann) == ()


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store), paid=3330, tax=280)
    return Shop(sqlite_db, f"sqlite:///{sqlite_db.url.path}", store, order, add_staff(sqlite_db))


async def test_an_address_is_changed_with_the_text_and_three_keys(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")  # 1
        await ann.type("9 Oak Lane")
        await ann.press("tab")  # 2
        await ann.type("10001")
        await ann.press("f9")  # 3
        await ann.shows("Saved: shipping address of order #1001.")
    assert (shop.stored.shipping.line1, shop.stored.shipping.postcode) == ("9 Oak Lane", "10001")
    assert shop.stored.billing.line1 == "12 Elm Street"
    assert shop.is_free


async def test_what_is_typed_in_one_burst_lands_in_the_form(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A", *"9Oak", "f9")
        await ann.shows("Saved: shipping address")
    assert shop.stored.shipping.line1 == "9Oak"


async def test_a_wrong_field_says_so_beside_it_and_nothing_is_stored(shop: Shop) -> None:
    async with driven(shop.url, shop.ann, size=(80, 24)) as ann:
        await ann.open_order(shop.order)
        await ann.press("e")
        await ann.shows("Edit order #1001", "Shipping address")
        await ann.press("ctrl+u", "f9")
        await ann.shows("✗ Street is empty.", "[EDITING]")
        await ann.type("1 New Road")
        await ann.press("f9")
        await ann.shows("Saved: shipping address of order #1001.")
    assert shop.stored.shipping.line1 == "1 New Road"


async def test_leaving_without_a_change_frees_the_lock_and_asks_nothing(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("e")
        await ann.shows("[EDITING]")
        await ann.press("escape")
        await ann.shows("[open]")
    assert shop.is_free and shop.stored.version == 1


async def test_leaving_with_a_change_asks_and_discarding_forgets_the_draft(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.type("9 Oak Lane")
        await ann.until(lambda: shop.draft is not None)
        await ann.press("escape")
        await ann.shows("Unsaved text:  s save   d discard   k keep editing")
        await ann.press("k", "escape", "d")
        await ann.shows("[open]")
        await ann.until(lambda: shop.draft is None)
    assert shop.stored.shipping.line1 == "12 Elm Street" and shop.is_free


async def test_totals_tax_and_difference_stand_there_before_a_quantity_is_saved(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("Q")
        await ann.shows("Quantities and lines of order #1001")
        await ann.type("3")
        await ann.shows("Total $33.30", "→ $44.40", "tax $2.80", "→ $3.90", "$11.10", "more is due.")
        assert shop.stored.lines[0].quantity == 2
        await ann.press("f9")
        await ann.shows("Saved: lines of order #1001.", "due from the customer")
    stored = shop.stored
    assert stored.lines[0].quantity == 3 and stored.totals.total.minor == 4440
    assert stored.payment_status is PaymentStatus.PARTLY_PAID


async def test_a_difference_that_nobody_has_seen_is_shown_before_the_save_goes_on(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("Q", "5", "f9")
        await ann.shows("F9 again saves.")
        assert shop.stored.lines[0].quantity == 2
        await ann.press("f9")
        await ann.shows("Saved: lines of order #1001.")
    assert shop.stored.lines[0].quantity == 5


async def test_a_line_is_added_from_the_product_list_and_one_that_is_not_there_by_its_price(
    shop: Shop,
) -> None:
    with shop.db.write() as tx:
        for sku, name, price in (("HAT-1", "Hat, red", 1500), ("HAT-2", "Hat, blue", 1500)):
            tx.session.add(Product(store_id=shop.store, sku=sku, name=name, unit_price=price, created_at=THEN))  # fmt: skip
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("Q", "tab", "tab")
        await ann.type("hat")
        await ann.shows("Several products fit “hat”")
        await ann.press("ctrl+u")
        await ann.type("HAT-2")
        await ann.shows("Adds 1 × Hat, blue, $15.00")
        await ann.press("f9")
        await ann.shows("Saved: lines of order #1001.")
        await ann.press("Q", "tab", "tab", "tab")
        await ann.type("Gift wrap")
        await ann.press("tab")
        await ann.type("4.00")
        await ann.shows("Adds 1 × Gift wrap, $4.00")
        await ann.press("f9")
        await ann.until(lambda: len(shop.stored.lines) == 4)
    assert [(line.sku, line.name, line.unit_price.minor) for line in shop.stored.lines][2:] == [
        ("HAT-2", "Hat, blue", 1500),
        ("", "Gift wrap", 400),
    ]


async def test_released_shipments_are_named_as_the_reason_why_nothing_can_be_edited(
    sqlite_db: Database,
) -> None:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store), shipment=ShipmentState.SHIPPED)
    async with driven(f"sqlite:///{sqlite_db.url.path}", add_staff(sqlite_db)) as ann:
        await ann.open_order(order)
        for key in ("e", "A", "Q"):
            await ann.press(key)
            await ann.shows("The shipment is shipped; its contents and address can no longer be changed.")
        await ann.press("X")
        await ann.shows("A shipment is shipped already; create a return for it")


async def test_a_draft_comes_back_on_top_of_what_others_saved_meanwhile(shop: Shop) -> None:
    body = {
        "shipping.line1": "9 Oak Lane", "was:shipping.line1": "12 Elm Street",
        "shipping.city": "Troy", "was:shipping.city": "Utica",
    }  # fmt: skip
    Drafts(shop.db).keep(shop.ann, Kind.ORDER, shop.order, 1, body)
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.shows("You have unsaved text from", "e continues it.")
        await ann.press("e")
        await ann.shows("9 Oak Lane", "shipping city is now “Albany” (was “Utica”)", "Troy")
        await ann.press("f9")
        await ann.shows("Saved: shipping address")
    assert (shop.stored.shipping.line1, shop.stored.shipping.city) == ("9 Oak Lane", "Troy")
    assert shop.draft is None


async def test_a_draft_of_quantities_is_continued_in_the_form_of_quantities(shop: Shop) -> None:
    line = shop.stored.lines[0].id
    Drafts(shop.db).keep(shop.ann, Kind.ORDER, shop.order, 1, {f"lines.{line}.quantity": "7"})
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.shows("e continues it.")
        await ann.press("e")
        await ann.shows("Quantities and lines of order #1001", "7")


async def test_a_hold_is_placed_by_its_letter_and_released_again(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("H")
        await ann.shows("Put order #1001 on hold", "Suspected fraud")
        await ann.press("c", "f9")
        await ann.shows("On hold: order #1001.", "‖ on hold", "Suspected fraud")
        assert shop.stored.status is OrderStatus.ON_HOLD
        await ann.press("H")
        await ann.shows("release: Suspected fraud")
        await ann.press("f9")
        await ann.shows("Hold released: order #1001.", "→ in progress")
    assert shop.stored.open_holds == () and shop.is_free


async def test_the_reason_other_needs_a_note_and_says_so_at_the_note(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("H")
        await ann.shows("Other, see note")
        await ann.press("g", "f9")
        await ann.shows("✗ The note is empty.")
        await ann.type("ring first")
        await ann.press("f9")
        await ann.shows("On hold: order #1001.")


async def test_cancelling_lists_its_effects_and_only_y_commits(shop: Shop) -> None:
    async with driven(shop.url, shop.ann, size=(80, 24)) as ann:
        await ann.open_order(shop.order)
        await ann.press("X")
        await ann.shows(
            "Cancels 2 × Mug, 1 × Tea.", "Stock is released", "Refund due: $33.30", "No money moves now"
        )
        await ann.press("b", "enter", "enter")
        await ann.shows("y cancels order #1001: Ordered by mistake.")
        assert shop.stored.version == 1
        await ann.press("y")
        await ann.shows("Cancelled: order #1001.", "× cancelled")
    assert shop.stored.status is OrderStatus.CANCELLED
    assert shop.stored.cancel_reason == "Ordered by mistake" and shop.is_free


async def test_quitting_with_unsaved_text_asks_and_keeps_it_as_a_draft(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("A")
        await ann.type("9 Oak Lane")
        await ann.press("ctrl+q")
        await ann.shows("Not saved yet: order #1001.")
        await ann.press("k")
        await ann.until(lambda: not ann.app.is_running)
    assert shop.is_free
    assert shop.draft is not None and shop.draft.body["shipping.line1"] == "9 Oak Lane"


async def test_what_is_kept_holds_only_what_differs_with_what_stood_there(shop: Shop) -> None:
    async with driven(shop.url, shop.ann) as ann:
        await ann.open_order(shop.order)
        await ann.press("e")
        await ann.shows("[EDITING]")
        await ann.press("end")
        await ann.type(" B")
        await ann.until(lambda: shop.draft is not None)
    assert shop.draft is not None
    assert shop.draft.body == {"shipping.line1": "12 Elm Street B", "was:shipping.line1": "12 Elm Street"}
    assert add_staff(shop.db, "vic", Role.VIEWER).name == "Vic"
