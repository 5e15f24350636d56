"""The order screen reads well: five tabs, the padlock in words, what is possible now, the history and an order as of then."""

from __future__ import annotations

from dataclasses import replace

from cstui.domain.ids import Kind, new_token
from cstui.domain.orders import OrderChange
from cstui.domain.permissions import Role
from cstui.domain.shipments import ShipmentState
from cstui.services.locks import Locks
from cstui.services.notes import Notes
from cstui.services.orders import Orders
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store
from tests.screen_text import assert_clean_screen
from tests.screens.driving import driven


async def test_the_summary_shows_status_money_addresses_and_the_open_padlock(
    db: Database, db_url: str
) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), paid=3050)
    async with driven(db_url, add_staff(db)) as ann:
        await ann.open_order(order)
        await ann.shows(
            "[open]", "[Summary]", "→ in progress", "✓ paid", "nothing due", "12 Elm Street", "$30.50"
        )


async def test_every_tab_reads_at_eighty_columns_and_digits_go_to_their_section(
    db: Database, db_url: str
) -> None:
    store = add_store(db, is_test=True)
    order = add_order(db, store, add_customer(db, store), paid=3050, shipment=ShipmentState.SHIPPED)
    ann = add_staff(db)
    Notes(db).add(ann, Kind.ORDER, order, "Ring twice. " * 12, new_token())
    async with driven(db_url, ann, size=(80, 24)) as desk:
        await desk.open_order(order)
        await desk.shows("TEST  [open]", "TEST STORE")
        await desk.press("right_square_bracket")
        await desk.shows("[Details]", "2  Mug", "● shipped", "The shipment is shipped")
        await desk.press("6")
        await desk.shows("[Payments]", "Visa …4242", "$30.50")
        await desk.press("right_square_bracket")
        await desk.shows("[Returns]", "No returns or exchanges yet.", "No refunds yet.")
        await desk.press("8")
        await desk.shows("[Notes 1]", "Ring twice. Ring twice.")
        assert desk.text.count("Ring twice.") == 12
        await desk.press("7")
        await desk.shows("[Details]", "7 Shipments (1)")


async def test_the_history_names_fields_and_an_order_is_shown_as_it_was_then(
    db: Database, db_url: str
) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann = add_staff(db)
    for street in ("9 Oak Lane", "7 Birch Road"):
        orders = Orders(db)
        view = orders.open(ann, order)
        grip = orders.begin_edit(ann, order, view.version, new_token())
        orders.save(ann, order, grip, OrderChange(shipping=replace(view.shipping, line1=street)), new_token())
    async with driven(db_url, ann) as desk:
        await desk.open_order(order)
        await desk.shows("Last events")
        await desk.press("i")
        await desk.shows("History (2)", "shipping street: 9 Oak Lane → 7 Birch Road", "Ann")
        await desk.press("down", "enter")
        await desk.shows("As of ", "Esc goes back.", "[READ-ONLY]", "9 Oak Lane")
        assert "7 Birch Road" not in desk.text
        await desk.press("e")
        assert "[EDITING]" not in desk.text
        await desk.press("escape")
        await desk.shows("History (2)")
        await desk.press("escape")
        await desk.shows("[Summary]", "7 Birch Road", "[open]")


async def test_a_long_history_is_read_page_by_page(sqlite_db: Database) -> None:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store))
    ann, sue = add_staff(sqlite_db), add_staff(sqlite_db, "sue", Role.SUPERVISOR)
    locks = Locks(sqlite_db)
    for turn in range(55):
        locks.begin(ann, Kind.ORDER, order, 1, new_token())
        locks.force(sue, Kind.ORDER, order, f"turn {turn}")
    async with driven(f"sqlite:///{sqlite_db.url.path}", ann) as desk:
        await desk.open_order(order)
        await desk.press("i")
        await desk.shows("History (50 and more)", "turn 54”")
        await desk.press("end", "enter")
        await desk.shows("turn 4”", "turn 3”")


async def test_a_note_takes_three_keys_and_its_text(sqlite_db: Database) -> None:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store))
    async with driven(f"sqlite:///{sqlite_db.url.path}", add_staff(sqlite_db)) as desk:
        await desk.open_order(order)
        await desk.press("f7")  # 1
        await desk.type("Ring twice")
        await desk.press("f9")  # 2
        await desk.shows("Note added to order #1001.", "Notes 1")


async def test_enter_on_the_customer_opens_the_profile_and_esc_comes_back_from_it(
    sqlite_db: Database,
) -> None:
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store))
    async with driven(f"sqlite:///{sqlite_db.url.path}", add_staff(sqlite_db)) as desk:
        await desk.open_order(order)
        await desk.press("down", "down", "enter")
        await desk.shows("1 Contact", "2 Orders")


async def test_what_customers_and_shops_wrote_never_steers_the_screen(sqlite_db: Database) -> None:
    nasty = "\x1b]52;c;AAAA\x07[red]x[/]\u202e evil"
    store = add_store(sqlite_db, name=nasty)
    customer = add_customer(sqlite_db, store, first_name=nasty, email=nasty)
    order = add_order(
        sqlite_db, store, customer, lines=((nasty, 1, 100),), email=nasty, tags=nasty, shipping_line1=nasty
    )
    async with driven(f"sqlite:///{sqlite_db.url.path}", add_staff(sqlite_db)) as desk:
        await desk.open_order(order)
        for key in ("right_square_bracket",) * 5 + ("A", "escape", "X"):
            await desk.press(key)
            await desk.pilot.pause(0.05)
            assert_clean_screen(desk.app)
