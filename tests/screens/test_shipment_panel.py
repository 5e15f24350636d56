"""F and X on a shipment: shipped again by pieces with a reason, or cancelled while it has not left (TXN-02)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind, new_token
from cstui.domain.orders import OrderView
from cstui.domain.shipments import ShipmentState
from cstui.screens.customer import CustomerScreen
from cstui.screens.order import OrderScreen
from cstui.services.orders import Orders
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.orders import Shipment
from cstui.storage.transaction import Database
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, count
from tests.screens.driving import Driven, driven

_SHIPMENT = table_of(Shipment)
NARROW = (80, 24)


@dataclass(frozen=True)
class Dock:
    """A customer with one order in one shipment, and two agents."""

    db: Database
    ann: Actor
    bob: Actor
    customer: int
    order: int

    @property
    def view(self) -> OrderView:
        return Orders(self.db).open(self.ann, self.order)

    def move(self, state: ShipmentState) -> None:
        with self.db.write() as tx:
            tx.run(_SHIPMENT.update().values(state=state, carrier="UPS", tracking="1Z9", shipped_at=THEN))


@pytest.fixture
def dock(sqlite_db: Database) -> Dock:
    store = add_store(sqlite_db)
    customer = add_customer(sqlite_db, store)
    order = add_order(sqlite_db, store, customer)
    return Dock(
        sqlite_db, add_staff(sqlite_db), add_staff(sqlite_db, "bob", terminal="term-2"), customer, order
    )


async def profile(desk: Driven, dock: Dock, section: str = "7") -> CustomerScreen:
    desk.app.open_customer(dock.customer)
    await desk.shows("Orders (1)", "Ann Lee")
    screen = desk.app.screen
    assert isinstance(screen, CustomerScreen)
    await desk.until(lambda: not screen.flows)
    await desk.press(section)
    return screen


async def test_a_lost_shipment_is_shipped_again_from_the_profile_with_two_keys(dock: Dock) -> None:
    dock.move(ShipmentState.SHIPPED)
    async with driven(dock.db.url.text, dock.ann, NARROW) as desk:
        screen = await profile(desk, dock)
        await desk.type("Fy")
        await desk.shows("#1001 shipped again, waiting for stock: 2 × Mug, 1 × Tea")
        assert desk.app.screen is screen and screen.panel is None
        await desk.shows("awaiting inventory")
    old, again = dock.view.shipments
    assert old.state is ShipmentState.SHIPPED and again.lines == old.lines
    assert count(dock.db, EditLock) == 0


async def test_pieces_reason_and_note_are_chosen_before_anything_is_shipped(dock: Dock) -> None:
    dock.move(ShipmentState.DELIVERED)
    async with driven(dock.db.url.text, dock.ann, NARROW) as desk:
        await profile(desk, dock)
        await desk.press("F")
        await desk.shows("y ships 2 × Mug, 1 × Tea of #1001 again: Lost on the way")
        await desk.press("1", "2", "f")
        await desk.shows("1 of 2", "0 of 1", "The reason needs a note")
        await desk.press("enter", "y")
        assert count(dock.db, Shipment) == 1
        await desk.press("n")
        await desk.type("Handle came off")
        await desk.press("enter")
        await desk.shows("Note: Handle came off", "y ships 1 × Mug of #1001 again")
        await desk.press("y")
        await desk.shows("#1001 shipped again, waiting for stock: 1 × Mug")
    assert [quantity for _, quantity in dock.view.shipments[1].lines] == [1]


async def test_a_shipment_in_the_house_is_cancelled_and_shipping_it_again_says_why_not(dock: Dock) -> None:
    async with driven(dock.db.url.text, dock.ann, NARROW) as desk:
        await profile(desk, dock)
        await desk.press("F")
        await desk.shows("y cancels the shipment of #1001, waiting for stock")
        await desk.press("r")
        await desk.shows("It waits for stock and has not left yet.")
        await desk.press("y")
        await desk.shows("#1001: shipment cancelled. The order goes on; no money has moved.")
    assert dock.view.shipments[0].state is ShipmentState.CANCELLED


async def test_x_on_a_shipments_row_of_the_profile_cancels_it_and_its_actions_say_so(dock: Dock) -> None:
    async with driven(dock.db.url.text, dock.ann, (140, 45)) as desk:
        screen = await profile(desk, dock)
        await desk.press("m")
        await desk.type("shipment")
        await desk.shows("Cancel this shipment")
        await desk.press("escape")
        await desk.until(lambda: screen.panel is None)
        await desk.press("X", "y")
        await desk.shows("#1001: shipment cancelled")
    assert dock.view.shipments[0].state is ShipmentState.CANCELLED


async def test_the_warehouse_that_ships_while_the_panel_is_open_wins_and_is_told(dock: Dock) -> None:
    dock.move(ShipmentState.RELEASED)
    async with driven(dock.db.url.text, dock.ann, NARROW) as desk:
        screen = await profile(desk, dock)
        await desk.press("F")
        await desk.shows("The warehouse has it")
        dock.move(ShipmentState.SHIPPED)
        await desk.press("y")
        await desk.shows("It has been shipped; create a return for it.")
        await desk.press("escape")
        await desk.until(lambda: screen.panel is None and count(dock.db, EditLock) == 0)
    assert dock.view.version == 1


async def test_what_was_cancelled_or_is_locked_says_so_and_opens_nothing(dock: Dock) -> None:
    orders = Orders(dock.db)
    orders.begin_edit(dock.bob, dock.order, 1, new_token())
    async with driven(dock.db.url.text, dock.ann, NARROW) as desk:
        screen = await profile(desk, dock)
        await desk.press("F")
        await desk.shows("Locked by Bob on term-2")
        dock.move(ShipmentState.CANCELLED)
        await desk.press("f5")
        await desk.shows("× cancelled")
        await desk.press("F")
        await desk.shows("It was cancelled and never left.")
        assert screen.panel is None


async def test_on_the_order_the_focused_shipment_is_cancelled_by_x_and_the_padlock_follows(
    dock: Dock,
) -> None:
    async with driven(dock.db.url.text, dock.ann, (140, 45)) as desk:
        await desk.open_order(dock.order)
        screen = desk.app.screen
        assert isinstance(screen, OrderScreen)
        await desk.press("7")
        assert screen.sheet.row is not None and screen.sheet.row.key == (
            Kind.SHIPMENT,
            dock.view.shipments[0].id,
        )
        await desk.press("X")
        await desk.shows("y cancels the shipment of #1001")
        assert screen.grip is not None
        await desk.press("y")
        await desk.shows("#1001: shipment cancelled", "× cancelled")
        assert screen.grip is None and count(dock.db, EditLock) == 0
        await desk.press("X")
        await desk.shows("It is cancelled already.")
    assert dock.view.status == "in_progress"


async def test_on_the_order_its_only_shipment_is_shipped_again_without_looking_for_it(dock: Dock) -> None:
    dock.move(ShipmentState.SHIPPED)
    async with driven(dock.db.url.text, dock.ann, (140, 45)) as desk:
        await desk.open_order(dock.order)
        await desk.press("F", "b", "y")
        await desk.shows("#1001 shipped again")
        await desk.press("F")
        await desk.shows("Go to a shipment first: 7 shipments.")
        await desk.press("7", "F")
        await desk.shows("Another shipment has not left yet: 2 × Mug, 1 × Tea.")
    assert len(dock.view.shipments) == 2
