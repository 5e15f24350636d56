"""A record in tabs, filled from one view: the padlock's place, who looks, and one banner at a time. Orders and subscriptions are such."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from textual.app import ComposeResult

from cstui.domain.locking import Draft, Grip
from cstui.flow import call, flow
from cstui.screens.record_actions import RecordActions
from cstui.widgets.bars import Bar
from cstui.widgets.padlock import padlock_cell, viewers_words
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Place

#: What a banner can be about, the most urgent first; only one line is shown.
BANNERS = ("said", "lost", "knock", "changed", "idle", "draft")


class RecordPage(RecordActions):
    """Shows one record. A subclass names its tabs, reads its view and paints it; what can be done with it stands in the classes that follow."""

    #: The names of the tabs, and in which of them a section stands that a digit goes to.
    tabs: ClassVar[tuple[str, ...]] = ()
    tab_of_section: ClassVar[Mapping[int, int]] = {}
    view: Any

    def __init__(self, keymap: Any) -> None:
        super().__init__(keymap)
        self.view = None
        self.grip: Grip | None = None
        self.draft: Draft | None = None
        self.tab = 0
        self._banners: dict[str, str] = {}
        self._news_version = 0

    def body(self) -> ComposeResult:
        """The tabs' names and the page."""
        yield Bar(separator="  ", id="tabs")
        yield Page(id="page")

    @property
    def sheet(self) -> Page:
        """The one page, refilled for each tab."""
        return self.query_one("#page", Page)

    @abstractmethod
    def moment(self, at: datetime) -> str:
        """An instant on the reader's clock."""

    @abstractmethod
    def paint(self) -> None:
        """Fills the tab in front."""

    @abstractmethod
    def read_record(self) -> Any:
        """In a thread: the record as the database has it now."""

    def show_record(self, view: Any) -> None:
        """Shows another state of the record; news that it already holds are no news any more."""
        self.view = view
        if view.version >= self._news_version:
            self.set_banner("changed", "")
        self.paint()

    # Reading ----------------------------------------------------------------------------------------

    def load(self, is_new: bool) -> None:
        """Reads the record; while a form is open here, the form stays what it is."""
        if is_new:
            self.forget()
            self.opened_at = self.now()
        if not self.flows:
            self._load(is_new)
        elif self.is_mounted:
            self.refresh_frame()

    def forget(self) -> None:
        """Nothing of the record that was here before is shown any more."""
        self.view, self.draft, self.grip, self.tab = None, None, None, 0
        self._banners.clear()
        self._news_version = 0
        if self.is_mounted:
            self.sheet.show((), empty="Opening …", place=Place())
            self._show_banner()
            self.tell("", "")
            self.refresh_frame()

    @flow()
    async def _load(self, is_new: bool) -> None:
        record_id = self.record_id
        view = await call(self.read_record)
        if record_id != self.record_id:
            return
        self.show_record(view)
        if is_new:
            self.sheet.scroll_to(y=0, animate=False, force=True)
            self.sheet.focus()
        self.run_worker(self._after_load(is_new), description="after load", exit_on_error=False)

    @abstractmethod
    async def _after_load(self, is_new: bool) -> None:
        """What the first paint need not wait for."""

    async def read_events(self) -> None:
        """Reads the last events of the record, where they are not part of its view."""

    def field_names(self) -> dict[str, str]:
        """Words for audit paths of this record."""
        return {}

    def key_of_draft(self, draft: Draft) -> str:
        """The key that goes on with unsaved text."""
        return "e"

    def offer_draft(self) -> None:
        """Says that unsaved text is there to be continued."""
        draft = self.draft
        words = ""
        if draft is not None and self.grip is None:
            why = f" ({draft.why})" if draft.why else ""
            words = f"You have unsaved text from {self.moment(draft.kept_at)}{why}: {self.key_of_draft(draft)} continues it."
        self.set_banner("draft", words)

    # The frame --------------------------------------------------------------------------------------

    def tab_words(self, place: int) -> str:
        """A tab's name as the bar shows it."""
        return self.tabs[place]

    def refresh_frame(self) -> None:
        """The padlock, the tabs, the keys."""
        super().refresh_frame()
        if not self.has_frame:
            return
        cells = []
        for place in range(len(self.tabs)):
            said = self.tab_words(place)
            cells.append(Cell(f"[{said}]", "strong") if place == self.tab else Cell(said, "muted"))
        viewers = viewers_words(self.view.viewers) if self.view else ""
        self.query_one("#tabs", Bar).say(cells, (Cell(viewers, "accent"),) if viewers else ())

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
        """Another width: other lines."""
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
        self.go_to_tab((self.tab - 1) % len(self.tabs))

    def action_nav_tab_right(self) -> None:
        """`]`."""
        self.go_to_tab((self.tab + 1) % len(self.tabs))

    def action_section(self, number: int) -> None:
        """A digit: the tab and the section with that number."""
        if number in self.tab_of_section:
            self.go_to_tab(self.tab_of_section[number])
        super().action_section(number)

    def action_desk_refresh(self) -> None:
        """F5: what the database says now."""
        self.load(False)
        if self.flows - {"_load"}:
            self.tell_reason("Finish or leave (Esc) the form first; F5 then reloads.")
