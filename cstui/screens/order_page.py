"""The order screen's page: five tabs filled from one view, the padlock, who looks, and one banner at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, ClassVar

from textual.app import ComposeResult

from cstui.domain.audit import AuditRow
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft, Grip
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.flow import call, flow, quietly
from cstui.keys import Context, KeyMap
from cstui.screens.order_rows import TABS, Showing, line_names, sections_of
from cstui.screens.record_actions import RecordActions
from cstui.widgets.bars import Bar
from cstui.widgets.padlock import padlock_cell, viewers_words
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Place
from cstui.zones import zone_named

#: What a banner can be about, the most urgent first; only one line is shown.
BANNERS = ("said", "lost", "knock", "changed", "idle", "draft")
#: In which tab a section stands that a digit goes to.
_TAB_OF_SECTION = {1: 0, 6: 2, 7: 1, 8: 4, 9: 0}


class OrderPage(RecordActions):
    """Shows one order. What can be done with it stands in the classes that follow."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.ORDER, Context.ALWAYS, Context.NAV)
    record_kind: ClassVar[Kind] = Kind.ORDER

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self.view: OrderView | None = None
        self.grip: Grip | None = None
        self.draft: Draft | None = None
        self.tab = 0
        self._events: tuple[AuditRow, ...] = ()
        self._refunds: tuple[RefundRow, ...] = ()
        self._attempts: tuple[AttemptRow, ...] = ()
        self._banners: dict[str, str] = {}
        self._news_version = 0

    def body(self) -> ComposeResult:
        """The tabs' names and the page."""
        yield Bar(separator="  ", id="tabs")
        yield Page(id="page")

    @property
    def record_name(self) -> str:
        """`order #1001`."""
        return f"order {self.view.number}" if self.view else "the order"

    @property
    def order(self) -> OrderView:
        """The order on the screen."""
        if self.view is None:
            raise RuntimeError("no order is shown")
        return self.view

    @property
    def sheet(self) -> Page:
        """The one page, refilled for each tab."""
        return self.query_one("#page", Page)

    def customer_behind(self) -> int:
        """Whose order it is."""
        return self.view.customer_id if self.view else 0

    # Reading ----------------------------------------------------------------------------------------

    def load(self, is_new: bool) -> None:
        """Reads the order; while a form is open here, the form stays what it is."""
        if is_new:
            self._forget()
            self.opened_at = self.now()
        if not self.flows:
            self._load(is_new)
        elif self.is_mounted:
            self.refresh_frame()

    def _forget(self) -> None:
        self.view, self.draft, self.grip = None, None, None
        self._events, self._refunds, self._attempts, self.tab = (), (), (), 0
        self._banners.clear()
        self._news_version = 0
        if self.is_mounted:
            self.sheet.show((), empty="Opening …", place=Place())
            self._show_banner()
            self.tell("", "")
            self.refresh_frame()

    @flow()
    async def _load(self, is_new: bool) -> None:
        order_id = self.record_id
        view: OrderView = await call(self.desk.orders.open, self.actor, order_id)
        if order_id != self.record_id:
            return
        self.show_order(view)
        if is_new:
            self.sheet.scroll_to(y=0, animate=False, force=True)
            self.sheet.focus()
        self.run_worker(self._after_load(is_new), description="after load", exit_on_error=False)

    async def _after_load(self, is_new: bool) -> None:
        """What the first paint need not wait for: who looks, what was typed and not saved, the last events."""
        order_id = self.record_id
        if is_new:
            await quietly(self._announce, order_id, self.order.version)
        draft = await quietly(self.desk.drafts.of, self.actor, Kind.ORDER, order_id)
        await self.read_events()
        if order_id == self.record_id and self.view is not None:
            self.draft = draft
            self.offer_draft()
            self.paint()

    def _announce(self, order_id: int, version: int) -> None:
        """Tells other desks that this one looks, and hears from them from now on."""
        self.desk.pulse.watch(Kind.ORDER, order_id, version)
        self.desk.presence.look(self.actor, self.desk.token, Kind.ORDER, order_id)

    async def read_events(self) -> None:
        """Reads the last events of the order, where the role lets them be seen."""
        if self.view is None or not self.actor.may(Permission.AUDIT_VIEW, self.view.store_id):
            return
        events = await quietly(self.desk.audit.order, self.actor, self.record_id, limit=5)
        self._events = events or self._events

    async def read_refunds(self) -> None:
        """Reads what was asked for to go back, and what became of each try."""
        order_id = self.record_id
        found = await quietly(self.desk.refunds.of_order, self.actor, order_id)
        if found is not None and order_id == self.record_id:
            self._refunds, self._attempts = found

    def offer_draft(self) -> None:
        """Says that unsaved text is there to be continued."""
        draft = self.draft
        words = ""
        if draft is not None and self.grip is None:
            why = f" ({draft.why})" if draft.why else ""
            words = f"You have unsaved text from {self.moment(draft.kept_at)}{why}: e continues it."
        self.set_banner("draft", words)

    # Showing ----------------------------------------------------------------------------------------

    def show_order(self, view: OrderView) -> None:
        """Shows another state of the order; news that it already holds are no news any more."""
        self.view = view
        if view.version >= self._news_version:
            self.set_banner("changed", "")
        self.paint()

    def moment(self, at: datetime) -> str:
        """An instant on the reader's clock."""
        return self._showing().moment(at)

    def _showing(self) -> Showing:
        width = self.size.width if self.is_mounted else 80
        zone: tzinfo | None = zone_named(self.view.store_zone) if self.view else None
        return Showing(
            self.desk_app.reader, self.now(), width, zone, self._events, self._refunds, self._attempts
        )

    def paint(self) -> None:
        """Fills the tab in front."""
        if self.view is None or not self.has_frame:
            return
        self.sheet.show(sections_of(self.tab, self.view, self._showing()))
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """The padlock, the tabs, the keys."""
        super().refresh_frame()
        if not self.has_frame:
            return
        counts = {4: len(self.view.notes), 3: 0} if self.view else {}
        cells = []
        for place, name in enumerate(TABS):
            said = f"{name} {counts[place]}" if counts.get(place) else name
            if self.size.width < 90 and place == 3:
                said = "Returns"
            cells.append(Cell(f"[{said}]", "strong") if place == self.tab else Cell(said, "muted"))
        viewers = viewers_words(self.view.viewers) if self.view else ""
        self.query_one("#tabs", Bar).say(cells, (Cell(viewers, "accent"),) if viewers else ())

    def crumbs(self) -> tuple[Cell, ...]:
        """Find › customer › number."""
        if self.view is None:
            return (Cell("Order", "strong"),)
        return (Cell(self.view.customer_name or "(no name)"), Cell(self.view.number, "strong"))

    def marks(self) -> tuple[Cell, ...]:
        """TEST in words, and the padlock."""
        if self.view is None:
            return ()
        padlock = padlock_cell(
            self.view.edit_lock, self.actor, self.now(), self.desk_app.reader, editing=self.grip is not None
        )
        return (Cell(f"TEST  {padlock.text}", "warn"),) if self.view.is_test else (padlock,)

    def tick(self) -> None:
        """Idle times grow."""
        if self.view is not None and self.view.edit_lock is not None:
            self.refresh_frame()

    def on_resize(self) -> None:
        """Addresses side by side, or not."""
        super().on_resize()
        self.paint()

    # Banners ----------------------------------------------------------------------------------------

    def set_banner(self, about: str, words: str) -> None:
        """Sets or (empty) takes away what there is to say about one thing."""
        if words:
            self._banners[about] = words
        else:
            self._banners.pop(about, None)
        self._show_banner()

    def show_banner(self, words: str) -> None:
        """What stands over all other banners."""
        self.set_banner("said", words)

    def _show_banner(self) -> None:
        if self.has_frame:
            words = next((self._banners[about] for about in BANNERS if about in self._banners), "")
            super().show_banner(words)

    # Moving -----------------------------------------------------------------------------------------

    def go_to_tab(self, tab: int) -> None:
        """Shows another tab from its top."""
        if tab != self.tab:
            self.tab = tab
            self.sheet.place = Place()
            self.paint()
            self.sheet.move_to_end(False)

    def action_nav_tab_left(self) -> None:
        """`[`."""
        self.go_to_tab((self.tab - 1) % len(TABS))

    def action_nav_tab_right(self) -> None:
        """`]`."""
        self.go_to_tab((self.tab + 1) % len(TABS))

    def action_section(self, number: int) -> None:
        """A digit: the tab and the section with that number."""
        if number in _TAB_OF_SECTION:
            self.go_to_tab(_TAB_OF_SECTION[number])
        super().action_section(number)

    def action_desk_refresh(self) -> None:
        """F5: what the database says now."""
        self.load(False)
        if self.flows - {"_load"}:
            self.tell_reason("Finish or leave (Esc) the form first; F5 then reloads.")

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: the customer's profile, an event's moment, or a row's details."""
        key: Any = event.row.key
        kind, number = (key[0], key[1]) if isinstance(key, tuple) and len(key) == 2 else ("", 0)
        if kind is Kind.CUSTOMER:
            self.desk_app.open_customer(int(number))
        elif kind is Kind.EVENT:
            self.action_record_audit()
        elif not event.page.unfold():
            self.tell_reason("There is nothing more to show here.")

    def action_record_audit(self) -> None:
        """`i`: who changed what and when (AUD-04)."""
        from cstui.screens.history import HistoryScreen

        if why := self.why_not("record.audit"):
            self.tell_reason(why)
        elif self.view is not None:
            names = line_names(self.view)
            crumbs = self.crumbs()
            self.app.push_screen(HistoryScreen(self.keymap, Kind.ORDER, self.record_id, crumbs, names))

    # What comes in ----------------------------------------------------------------------------------

    def note_added(self) -> None:
        """A note was added here or elsewhere: shows it, without touching what else is on the screen."""
        self.run_worker(self._read_notes(), description="notes", exit_on_error=False)

    async def _read_notes(self) -> None:
        order_id = self.record_id
        fresh = await quietly(self.desk.orders.open, self.actor, order_id)
        if fresh is not None and self.view is not None and order_id == self.record_id == self.view.id:
            self.view = replace(self.view, notes=fresh.notes)
            self.paint()
