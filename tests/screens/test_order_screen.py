"""The order screen reads well: five tabs, the padlock in words, what is possible now, the history and an order as of then."""

from __future__ import annotations

from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store
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
