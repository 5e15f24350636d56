"""The subscription screen's page: four tabs filled from one view, the padlock and who looks (SUB-14, SUB-20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, ClassVar

from cstui.domain.ids import Kind
from cstui.domain.live import LiveEvent, What
from cstui.domain.locking import Draft, Grip, Purpose
from cstui.domain.subscriptions import SubscriptionView
from cstui.flow import quietly
from cstui.keys import Context
from cstui.screens.order_rows import Showing
from cstui.screens.record_live import RecordLive
from cstui.screens.subscription_rows import TABS, product_words, sections_of
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell
from cstui.zones import zone_named


class SubscriptionPage(RecordLive):
    """Shows one subscription. What can be done with it stands in the classes beside it."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.SUBSCRIPTION, Context.ALWAYS, Context.NAV)
    record_kind: ClassVar[Kind] = Kind.SUBSCRIPTION
    tabs: ClassVar[tuple[str, ...]] = TABS
    tab_of_section: ClassVar[Mapping[int, int]] = {3: 0, 6: 1, 9: 2}
    view: SubscriptionView | None

    @property
    def record_name(self) -> str:
        """What the sentences call it."""
        return product_words(self.view) if self.view else "the subscription"

    def customer_behind(self) -> int:
        """Whose it is."""
        return self.view.row.customer_id if self.view else 0

    # Reading ----------------------------------------------------------------------------------------

    async def _after_load(self, is_new: bool) -> None:
        """What the first paint need not wait for: who looks, and what was typed and not saved."""
        key = self.record_id
        if is_new and self.view is not None:
            await quietly(self._announce, key, self.view.version)
        draft = await quietly(self.desk.drafts.of, self.actor, self.record_kind, key)
        if key == self.record_id and self.view is not None:
            self.draft = draft
            self.offer_draft()

    def key_of_draft(self, draft: Draft) -> str:
        """Each form has its own key."""
        if "quantity" in draft.body:
            return "Q"
        return "D" if any(path.startswith(("next_bill_date", "interval.")) for path in draft.body) else "e"

    def read_record(self) -> SubscriptionView:
        """In a thread: the subscription as the database has it now."""
        view: SubscriptionView = self.desk.subscriptions.open(self.actor, self.record_id)
        return view

    def begin_lock(self, record_id: int, version: int, token: str, purpose: Purpose, take_over: bool) -> Grip:
        """In a thread: the grant of its lock."""
        grip: Grip = self.desk.subscriptions.begin(self.actor, record_id, version, token, purpose, take_over)
        return grip

    # Showing ----------------------------------------------------------------------------------------

    def moment(self, at: datetime) -> str:
        """An instant on the reader's clock."""
        return self._showing().moment(at)

    def _showing(self) -> Showing:
        zone: tzinfo | None = zone_named(self.view.store_zone) if self.view else None
        width = self.size.width if self.is_mounted else 80
        return Showing(self.desk_app.reader, self.now(), width, zone)

    def paint(self) -> None:
        """Fills the tab in front."""
        if self.view is None or not self.has_frame:
            return
        self.sheet.show(sections_of(self.tab, self.view, self._showing()))
        self.refresh_frame()

    def tab_words(self, place: int) -> str:
        """A tab's name, with how much there is in it."""
        if self.view is None:
            return TABS[place]
        count = (0, len(self.view.attempts), len(self.view.events), len(self.view.mails))[place]
        return f"{TABS[place]} {count}" if count else TABS[place]

    def crumbs(self) -> tuple[Cell, ...]:
        """Find › customer › product."""
        if self.view is None:
            return (Cell("Subscription", "strong"),)
        return (Cell(self.view.customer_name or "(no name)"), Cell(product_words(self.view), "strong"))

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: the customer's profile, an order, or a row's details."""
        key: Any = event.row.key
        kind = key[0] if isinstance(key, tuple) else ""
        if kind is Kind.CUSTOMER:
            self.desk_app.open_customer(int(key[1]))
        elif kind is Kind.ORDER:
            self.desk_app.open_order(int(key[1]))
        elif kind in ("charge", "cycle") and key[2]:
            self.desk_app.open_order(int(key[2]))
        elif not event.page.unfold():
            self.tell_reason("There is nothing more to show here.")

    def action_section(self, number: int) -> None:
        """A digit; 4 is the card, a line of the overview."""
        if number == 4 and self.view is not None:
            self.go_to_tab(0)
            self.sheet.focus()
            self.sheet.go_to_row((Kind.CARD, self.view.card_id or 0))
        else:
            super().action_section(number)

    def action_record_audit(self) -> None:
        """`i`: who changed what and when (AUD-04)."""
        if why := self.why_not("record.audit"):
            self.tell_reason(why)
        else:
            self.go_to_tab(2)

    # What comes in ----------------------------------------------------------------------------------

    def note_added(self) -> None:
        """Notes stand on the profile; there is nothing to show here."""

    def on_live(self, event: LiveEvent) -> None:
        """A charge of it moved: the history follows, whatever else is open."""
        super().on_live(event)
        here = (event.kind, event.id) == (self.record_kind, self.record_id)
        if here and (event.what is What.PAYMENT or (event.what is What.SAVED and not self.flows)):
            self.run_worker(self.read_again(), description="read again", exit_on_error=False)

    async def read_again(self) -> None:
        """Shows what stands now. While a form is open the version stays the one that the form began from."""
        key = self.record_id
        fresh = await quietly(self.read_record)
        view = self.view
        if fresh is None or view is None or key != self.record_id:
            return
        if self.flows and fresh.version != view.version:
            self.view = replace(view, attempts=fresh.attempts, periods=fresh.periods, mails=fresh.mails)
            self.paint()
        else:
            self.show_record(fresh)
