"""The history of a record, newest first, and an order as it stood after one of its events (AUD-03, AUD-04)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult

from cstui.domain.audit import AuditRow
from cstui.domain.ids import Kind
from cstui.domain.orders import OrderView
from cstui.flow import call, flow
from cstui.keys import Context, KeyMap
from cstui.screens.base import BaseScreen
from cstui.screens.history_rows import action_words, history_section
from cstui.screens.order_rows import TABS, Showing, sections_of
from cstui.widgets.bars import Bar
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Place
from cstui.zones import zone_named

#: Events read at once.
PAGE = 50


class HistoryScreen(BaseScreen):
    """Who changed what, when, from where and why. Enter shows an order as it stood then; Space shows every field."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.HISTORY, Context.ALWAYS, Context.NAV)

    def __init__(
        self,
        keymap: KeyMap,
        kind: Kind,
        record_id: int,
        path: tuple[Cell, ...] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(keymap)
        self._kind = kind
        self._record_id = record_id
        self._path = path
        self._names = dict(names or {})
        self._events: tuple[AuditRow, ...] = ()
        self._more = False

    def crumbs(self) -> tuple[Cell, ...]:
        """Below the record."""
        return (*self._path, Cell("History", "strong"))

    def on_mount(self) -> None:
        """Reads the newest events."""
        self.query_one("#page", Page).focus()
        self._read(0)

    @flow()
    async def _read(self, before: int) -> None:
        read = self.desk.audit.customer if self._kind is Kind.CUSTOMER else self.desk.audit.order
        events: tuple[AuditRow, ...] = await call(read, self.actor, self._record_id, before or None, PAGE)
        first_new = events[0].id if events and before else 0
        self._events = (*self._events, *events) if before else events
        self._more = len(events) == PAGE
        page = self.query_one("#page", Page)
        page.show(
            [history_section(self._events, self.desk_app.reader, self.now(), self._names, more=self._more)]
        )
        if first_new:
            page.go_to_row((Kind.EVENT, first_new))
        self.refresh_frame()

    def action_desk_refresh(self) -> None:
        """F5."""
        self._read(0)

    def action_history_open(self) -> None:
        """Enter."""
        self.action_nav_open()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: the order as of then, older events, or all fields of an event."""
        key = event.row.key
        if key == "more":
            self._read(self._events[-1].id)
        elif self._kind is Kind.ORDER and isinstance(key, tuple):
            self._show_as_of(int(key[1]))
        elif not event.page.unfold():
            self.tell_reason("There is nothing more to show here.")

    @flow()
    async def _show_as_of(self, event_id: int) -> None:
        view: OrderView = await call(self.desk.orders.as_of, self.actor, self._record_id, event_id)
        event = next(row for row in self._events if row.id == event_id)
        self.app.push_screen(OrderThenScreen(self.keymap, view, event))


class OrderThenScreen(BaseScreen):
    """An order as it stood right after one event; nothing of it can be edited."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.HISTORY, Context.ALWAYS, Context.NAV)

    def __init__(self, keymap: KeyMap, view: OrderView, event: AuditRow) -> None:
        super().__init__(keymap)
        self._view = view
        self._event = event
        self._tab = 0

    def body(self) -> ComposeResult:
        """Tabs and page, as on the order's own screen."""
        yield Bar(separator="  ", id="tabs")
        yield Page(id="page")

    def crumbs(self) -> tuple[Cell, ...]:
        """Below the history."""
        moment = self._showing().moment(self._event.at)
        return (Cell(self._view.number), Cell("History"), Cell(f"as of {moment}", "strong"))

    def marks(self) -> tuple[Cell, ...]:
        """Said at the right, too."""
        return (Cell("[READ-ONLY]", "warn"),)

    def on_mount(self) -> None:
        """Paints it."""
        self.query_one("#page", Page).focus()
        self._paint()
        words = f"{action_words(self._event.action)} by {self._event.actor}"
        self.show_banner(f"As of {self._showing().moment(self._event.at)}, after: {words}. Esc goes back.")

    def _showing(self) -> Showing:
        zone = zone_named(self._view.store_zone)
        return Showing(self.desk_app.reader, self.now(), self.size.width if self.is_mounted else 80, zone)

    def _paint(self) -> None:
        cells = [
            Cell(f"[{name}]" if i == self._tab else name, "strong" if i == self._tab else "muted")
            for i, name in enumerate(TABS)
        ]
        self.query_one("#tabs", Bar).say(cells)
        view = replace(self._view, edit_lock=None, viewers=())
        self.query_one("#page", Page).show(sections_of(self._tab, view, self._showing()))
        self.refresh_frame()

    def on_resize(self) -> None:
        """Another width."""
        super().on_resize()
        if self.is_mounted:
            self._paint()

    def action_nav_tab_left(self) -> None:
        """`[`."""
        self._go_to((self._tab - 1) % len(TABS))

    def action_nav_tab_right(self) -> None:
        """`]`."""
        self._go_to((self._tab + 1) % len(TABS))

    def _go_to(self, tab: int) -> None:
        self._tab = tab
        self.query_one("#page", Page).place = Place()
        self._paint()

    def action_history_open(self) -> None:
        """Enter: a row's details."""
        page = self.query_one("#page", Page)
        if not page.unfold():
            self.tell_reason("There is nothing more to show here.")
