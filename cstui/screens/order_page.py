"""The order screen's page: five tabs filled from one view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, ClassVar

from cstui.domain.audit import AuditRow
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, Purpose
from cstui.domain.orders import OrderView
from cstui.domain.permissions import Permission
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.flow import quietly
from cstui.keys import Context, KeyMap
from cstui.screens.order_rows import TABS, Showing, line_names, sections_of
from cstui.screens.record_live import RecordLive
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell
from cstui.zones import zone_named


class OrderPage(RecordLive):
    """Shows one order. What can be done with it stands in the classes that follow."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.ORDER, Context.ALWAYS, Context.NAV)
    record_kind: ClassVar[Kind] = Kind.ORDER
    tabs: ClassVar[tuple[str, ...]] = TABS
    tab_of_section: ClassVar[Mapping[int, int]] = {1: 0, 6: 2, 7: 1, 8: 4, 9: 0}
    view: OrderView | None

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._events: tuple[AuditRow, ...] = ()
        self._refunds: tuple[RefundRow, ...] = ()
        self._attempts: tuple[AttemptRow, ...] = ()

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

    def customer_behind(self) -> int:
        """Whose order it is."""
        return self.view.customer_id if self.view else 0

    # Reading ----------------------------------------------------------------------------------------

    def forget(self) -> None:
        """The last events, the refunds and their attempts go too."""
        self._events, self._refunds, self._attempts = (), (), ()
        super().forget()

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

    # Showing ----------------------------------------------------------------------------------------

    def read_record(self) -> OrderView:
        """In a thread: the order as the database has it now."""
        view: OrderView = self.desk.orders.open(self.actor, self.record_id)
        return view

    def begin_lock(self, record_id: int, version: int, token: str, purpose: Purpose, take_over: bool) -> Grip:
        """In a thread: the grant of the order's lock."""
        grip: Grip = self.desk.orders.begin_edit(self.actor, record_id, version, token, purpose, take_over)
        return grip

    def field_names(self) -> dict[str, str]:
        """Words for audit paths of this order."""
        return line_names(self.order)

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

    def tab_words(self, place: int) -> str:
        """A tab's name, with how many notes there are."""
        if self.view is not None and place == 4 and self.view.notes:
            return f"{TABS[place]} {len(self.view.notes)}"
        return "Returns" if place == 3 and self.size.width < 90 else TABS[place]

    def crumbs(self) -> tuple[Cell, ...]:
        """Find › customer › number."""
        if self.view is None:
            return (Cell("Order", "strong"),)
        return (Cell(self.view.customer_name or "(no name)"), Cell(self.view.number, "strong"))

    # Moving -----------------------------------------------------------------------------------------

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: the customer's profile, an event's moment, or a row's details."""
        key: Any = event.row.key
        kind, number = (key[0], key[1]) if isinstance(key, tuple) and len(key) == 2 else ("", 0)
        if kind is Kind.CUSTOMER:
            self.desk_app.open_customer(int(number))
        elif kind is Kind.LINE and (subscription_id := self._subscription_of(int(number))):
            self.desk_app.open_subscription(subscription_id)
        elif kind is Kind.EVENT:
            self.action_record_audit()
        elif not event.page.unfold():
            self.tell_reason("There is nothing more to show here.")

    def _subscription_of(self, line_id: int) -> int:
        """The subscription that a line belongs to; 0 for none."""
        lines = self.view.lines if self.view is not None else ()
        return next((line.subscription_id or 0 for line in lines if line.id == line_id), 0)

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
