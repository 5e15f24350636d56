"""The profile: one customer, everything about him on one screen (GEN-07)."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from cstui.domain.customers import CustomerView, Verification
from cstui.domain.ids import Kind
from cstui.domain.live import LiveEvent, What
from cstui.flow import call, flow, quietly
from cstui.format import name_words
from cstui.keys import Context, KeyMap
from cstui.screens.customer_cards import CustomerCards
from cstui.screens.customer_explaining import CustomerExplaining
from cstui.screens.customer_rows import main_sections, rail_sections
from cstui.screens.customer_stopping import CustomerStopping
from cstui.screens.customer_subscriptions import CustomerSubscriptions
from cstui.screens.money_actions import MoneyActions, MoneySpot, is_charge, order_key
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Place

#: From this width on, the rail stands beside the main column.
TWO_COLUMNS = 110


class CustomerScreen(
    CustomerStopping, CustomerSubscriptions, CustomerExplaining, MoneyActions, CustomerCards
):
    """Two columns where there is room, one below; digits go to sections, Enter opens an order."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.CUSTOMER, Context.ALWAYS, Context.NAV)
    record_kind: ClassVar[Kind] = Kind.CUSTOMER

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self.view = None
        self.verified = Verification()
        self._unpainted = False

    def body(self) -> ComposeResult:
        """Main column and rail."""
        with Horizontal(id="columns"):
            yield Page(id="main")
            yield Page(id="rail")

    @property
    def main(self) -> Page:
        """The main column."""
        return self.query_one("#main", Page)

    @property
    def rail(self) -> Page:
        """The side rail."""
        return self.query_one("#rail", Page)

    @property
    def record_name(self) -> str:
        """The customer's name."""
        return (
            name_words(self.view.contact.first_name, self.view.contact.last_name) if self.view else "customer"
        )

    def crumbs(self) -> tuple[Cell, ...]:
        """Find › name."""
        return (Cell(self.record_name, "strong"),)

    def marks(self) -> tuple[Cell, ...]:
        """Who else looks; TEST in words."""
        view = self.view
        if view is None:
            return ()
        viewers = f"{', '.join(view.viewers)} looking" if view.viewers else ""
        test = "TEST STORE" if any(store.is_test for store in view.stores) else ""
        return tuple(Cell(word, tone) for word, tone in ((viewers, "muted"), (test, "warn")) if word)

    # What the record's actions need -----------------------------------------------------------------

    def customer_behind(self) -> int:
        """This customer."""
        return self.record_id if self.view is not None else 0

    def note_added(self) -> None:
        """Shows the new note or call."""
        self.run_worker(self._reload(), description="reload", exit_on_error=False)

    def verified_now(self, verified: Verification) -> None:
        """Shows the ticks."""
        super().verified_now(verified)
        self.verified = verified
        self.paint()

    def money_spot(self) -> MoneySpot | None:
        """The order of the focused row; of a transaction's row that one charge."""
        view, page = self.view, self.page
        key = (
            order_key(page.row.key)
            if view is not None and page is not None and page.row is not None
            else None
        )
        if view is None or key is None:
            return None
        charge = next(
            (t.id for t in view.transactions if (Kind.TRANSACTION, t.id) == key and is_charge(t.kind)), 0
        )
        order_id = key[1] if key[0] is Kind.ORDER else self._order_behind(key)
        row = next((order for order in view.orders if order.id == order_id), None)
        if not order_id:
            return None
        number = row.number if row is not None else ""
        return MoneySpot(order_id, number, self.record_name, row.store_id if row is not None else 0, charge)

    def money_moved(self) -> None:
        """Shows the money as it is now, beside whatever is open."""
        self.note_added()

    # Loading ----------------------------------------------------------------------------------------

    def load(self, is_new: bool) -> None:
        """Reads the profile and paints it."""
        self._unpainted = self._unpainted or is_new
        if is_new:
            self.view = None
            self.opened_at = self.now()
            self.verified = Verification()
            self.forget_explained()
            if self.is_mounted:
                self.main.show((), empty="Opening …", place=Place())
                self.rail.show((), place=Place())
                self.refresh_frame()
        self._load(is_new)

    @flow(reading=True)
    async def _load(self, is_new: bool) -> None:
        await self._reload()
        self.run_worker(self._after_load(is_new), description="after load", exit_on_error=False)

    async def _reload(self) -> None:
        view: CustomerView = await call(self.desk.customers.open, self.actor, self.record_id)
        if view.id == self.record_id:
            self.view = view
            self.paint()

    async def _after_load(self, is_new: bool) -> None:
        """What the first paint need not wait for: who was last, who looks, what the caller was verified by."""
        record_id = self.record_id
        if is_new:
            await quietly(self.desk.customers.opened, self.actor, record_id)
            await quietly(self.desk.presence.look, self.actor, self.desk.token, Kind.CUSTOMER, record_id)
            if "pulse" in self.desk.__dict__:
                self.desk.pulse.watch(Kind.CUSTOMER, record_id)
        verified = await quietly(self.desk.verification.current, self.actor, record_id, self.desk.token)
        if verified is not None and record_id == self.record_id and verified != self.verified:
            self.verified = verified
            self.paint()

    def paint(self) -> None:
        """Shows the view; a newly opened profile starts on its newest order."""
        view = self.view
        if view is None or not self.is_mounted:
            return
        is_new, self._unpainted = self._unpainted, False
        reader, now = self.desk_app.reader, self.now()
        wide = self.size.width >= TWO_COLUMNS
        room = (self.size.width // 3 if wide else self.size.width) - 8
        main = self.with_explained(main_sections(view, self.verified, reader, now))
        rail = rail_sections(view, reader, now, max(20, room))
        self.rail.display = wide
        if is_new and view.orders:
            self.main.place.cursor = (Kind.ORDER, view.orders[0].id)
        self.main.show(main if wide else [*main, *rail])
        self.rail.show(rail if wide else ())
        if is_new:
            self.main.scroll_to(y=0, animate=False, force=True)
            self.main.focus()
        self.refresh_frame()

    def paint_explained(self) -> None:
        """The transactions with their sentences."""
        self.paint()

    def on_resize(self) -> None:
        """One column or two."""
        super().on_resize()
        self.paint()

    def action_desk_refresh(self) -> None:
        """F5."""
        self.show_banner("")
        self._load(False)

    def action_record_audit(self) -> None:
        """`i`: who changed what and when (AUD-04)."""
        from cstui.screens.history import HistoryScreen

        if why := self.why_not("record.audit"):
            self.tell_reason(why)
        elif self.view is not None:
            self.app.push_screen(HistoryScreen(self.keymap, Kind.CUSTOMER, self.view.id, self.crumbs()))

    def action_section(self, number: int) -> None:
        """A digit; 9 is the history, which has a screen of its own."""
        if number == 9:
            self.action_record_audit()
        else:
            super().action_section(number)

    def on_live(self, event: LiveEvent) -> None:
        """Somebody changed this customer, added a note, or looks at him too."""
        super().on_live(event)
        if (
            event.what is not What.PAYMENT
            and event.kind is Kind.CUSTOMER
            and event.id == self.record_id
            and self.view is not None
            and not self.flows
        ):
            self._load(False)

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter on a row opens what it stands for, or shows its details."""
        key = event.row.key
        if key == "more-orders":
            self._older_orders()
        elif isinstance(key, tuple) and key[0] is Kind.ORDER:
            self.desk_app.open_order(int(key[1]))
        elif isinstance(key, tuple) and key[0] is Kind.SUBSCRIPTION:
            self.desk_app.open_subscription(int(key[1]))
        else:
            order_id = self._order_behind(key)
            if order_id:
                self.desk_app.open_order(order_id)
            elif not event.page.unfold():
                self.tell_reason("There is nothing more to show here.")

    def _order_behind(self, key: object) -> int:
        """The order that a transaction's or a shipment's row belongs to; 0 for other rows."""
        view = self.view
        if view is None or not isinstance(key, tuple):
            return 0
        rows = [
            *((Kind.TRANSACTION, t.id, t.order_id) for t in view.transactions),
            *((Kind.SHIPMENT, s.id, s.order_id) for s in view.shipments),
        ]
        return next((order_id for kind, row_id, order_id in rows if (kind, row_id) == key), 0)

    @flow()
    async def _older_orders(self) -> None:
        """Adds the next page of older orders."""
        from dataclasses import replace

        view = self.view
        if view is None or not view.orders:
            return
        older = await call(self.desk.customers.older_orders, self.actor, view.id, view.orders[-1])
        orders = (*view.orders, *older)
        self.view = replace(view, orders=orders, more_orders=bool(older) and len(orders) < view.order_count)
        self.paint()
        if older:
            self.main.go_to_row((Kind.ORDER, older[0].id))
