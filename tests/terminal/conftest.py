"""A shop with one order, and desks on terminals that are gone after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft
from cstui.domain.permissions import Role
from cstui.services.drafts import Drafts
from cstui.services.password_hash import hashed
from cstui.storage.queries import search_index
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.people import Staff
from cstui.storage.transaction import Database
from tests.factories import add_customer, add_order, add_staff, add_store, count
from tests.terminal.desk_terminal import DeskTerminal

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Shop:
    """One order, who works on it, and what the database says of both."""

    db: Database
    actor: Actor
    order: int

    @property
    def locks(self) -> int:
        """How many locks are held."""
        return count(self.db, EditLock, record_kind=Kind.ORDER)

    @property
    def draft(self) -> Draft | None:
        """The unsaved text of the order."""
        return Drafts(self.db).of(self.actor, Kind.ORDER, self.order)


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    ann = add_staff(sqlite_db, "ann", Role.AGENT)
    table = table_of(Staff)
    with sqlite_db.write() as tx:
        tx.session.execute(table.update().values(password_hash=hashed(PASSWORD)))
    store = add_store(sqlite_db)
    order = add_order(sqlite_db, store, add_customer(sqlite_db, store, "Zelda", "Quimby"))
    search_index.rebuild(sqlite_db)
    return Shop(sqlite_db, ann, order)


Open = Callable[..., DeskTerminal]


@pytest.fixture
def open_desk(shop: Shop, tmp_path: Path) -> Iterator[Open]:
    """Opens desks for Ann on the shop's database."""
    opened: list[DeskTerminal] = []

    def open_one(*arguments: str, **more: object) -> DeskTerminal:
        desk = DeskTerminal(tmp_path, "--db", shop.db.url.text, "--as", "ann", *arguments, **more)  # type: ignore[arg-type]
        opened.append(desk)
        return desk

    yield open_one
    for desk in opened:
        desk.close()


@pytest.fixture
def editing(open_desk: Open, shop: Shop) -> Callable[[], DeskTerminal]:
    """A desk on which Ann has typed into the address of the order and not saved it."""

    def begin() -> DeskTerminal:
        desk = open_desk()
        desk.shows("F1 Help", "Ann")
        desk.press("1001\r")
        desk.shows("Status", "Elm Street")
        desk.press("A")
        desk.shows("Shipping address of order #1001")
        desk.press("9 Oak Road")
        desk.shows("9 Oak Road")
        assert shop.locks == 1
        return desk

    return begin
