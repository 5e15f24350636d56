"""Finding: one box, answers while you type (SRCH-01, D-03)."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError
from cstui.domain.ids import Kind
from cstui.domain.search import Found, Hit
from cstui.flow import call, flow
from cstui.keys import Context, KeyMap
from cstui.live_search import Answer, LiveSearch
from cstui.screens.base import BaseScreen
from cstui.screens.search_rows import hit_section
from cstui.widgets.form import Field, TypingField
from cstui.widgets.page import Page

_HINT = "phone, e-mail, order number, name, postcode, card last 4 …"


class SearchBox(TypingField):
    """The one box. Up and down move in the results, so that hands stay where they are."""

    def __init__(self) -> None:
        super().__init__(Field("search", "Find", hint=_HINT))


class SearchScreen(BaseScreen):
    """The root of the desk: type what the caller says, Enter opens the best match."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.SEARCH, Context.ALWAYS, Context.NAV)

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._live: LiveSearch | None = None
        self._asked = 0
        self._answered = asyncio.Event()
        self._found: Found | None = None
        self._open_when_found = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._home = copy_context()

    def body(self) -> ComposeResult:
        """The box and the results."""
        yield SearchBox()
        yield Page(id="page", classes="-keeps-cursor")

    def on_mount(self) -> None:
        """Ready to type at once; questions wait for the sign-in."""
        self._loop = asyncio.get_running_loop()
        # The search thread has no app of its own: what it hands over runs as if it came from here.
        self._home = copy_context()
        box = self.query_one(SearchBox)
        self.watch(box, "value", self._typed, init=False)
        box.focus()
        self._greet()

    @property
    def results(self) -> Page:
        """The page of results."""
        return self.query_one("#page", Page)

    def take_focus(self) -> None:
        """The box."""
        self.focus_box()

    def focus_box(self) -> None:
        """Puts the cursor into the box, with what stands there selected: typing replaces it."""
        box = self.query_one(SearchBox)
        box.focus()
        box.select_all()

    def type_in(self, words: str) -> None:
        """Puts words into the box, as if typed."""
        self.query_one(SearchBox).value = words

    def actor_known(self) -> None:
        """Somebody is signed in: questions can be asked."""
        if self._live is None:
            self._live = LiveSearch(self.desk.search, self._deliver)
        self.refresh_frame()
        value = self.query_one(SearchBox).value if self.is_mounted else ""
        if value:
            self._typed(value)
        else:
            self._answered.set()
            self._greet()

    async def first_answer(self) -> None:
        """Waits (a second at most) until what was typed ahead at the start has been answered."""
        try:
            await asyncio.wait_for(self._answered.wait(), 1.0)
        except TimeoutError:
            return

    # Asking -----------------------------------------------------------------------------------------

    def _typed(self, value: str) -> None:
        """Straight from the value to the search thread: no message queue in between."""
        if self._live is None or not self.desk_app.is_signed_in:
            return
        text = clean(value).strip()
        if not text:
            self._asked += 1
            self._found = None
            self._greet()
            return
        self._asked = self._live.ask(self.actor, text)
        self._answered.clear()

    def _deliver(self, number: int, answer: Answer) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._show_answer, number, answer, context=self._home)

    def _show_answer(self, number: int, answer: Answer) -> None:
        if number != self._asked or not self.is_mounted:
            return
        self._answered.set()
        if isinstance(answer, CstuiError):
            self.tell_error(answer)
            return
        if isinstance(answer, Exception):
            self.tell_incident(answer)
            return
        self._found = answer
        self._paint(answer)
        if self._open_when_found:
            self._open_when_found = False
            self.action_nav_open()

    def _paint(self, found: Found) -> None:
        self.results.place.cursor = None
        self.results.show(
            [hit_section(found, self.desk_app.reader, self.now())], empty=found.hint or "Nothing found."
        )
        self.results.scroll_to(y=0, animate=False, force=True)
        self.refresh_keys()

    def _greet(self) -> None:
        if self.is_mounted:
            self.results.show(
                (),
                empty="Type what the caller says: number, e-mail, order, name. Down: who was last.",
            )

    # Opening ----------------------------------------------------------------------------------------

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the box: opens the row under the cursor, once the newest question is answered."""
        event.stop()
        if not event.value.strip():
            return
        if self._found is None or self._found.query != clean(event.value).strip():
            self._open_when_found = True
            self._wait_for_answer()
        else:
            self.action_nav_open()

    @flow()
    async def _wait_for_answer(self) -> None:
        """Keeps the keys typed behind Enter until the answer is there and has been opened."""
        await call(self._answer_or_timeout, asyncio.get_running_loop())

    def _answer_or_timeout(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(self._answered.wait(), 10), loop).result(11)

    def action_nav_open(self) -> None:
        """Opens the record under the cursor."""
        hit = self._hit()
        if hit is None:
            self.tell_reason("There is no row to open.")
        elif _order_of(hit):
            self.desk_app.open_order(_order_of(hit))
        elif hit.kind is Kind.SUBSCRIPTION:
            self.desk_app.open_subscription(hit.id)
        else:
            self.desk_app.open_customer(hit.customer_id)

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """A click on the cursor's row."""
        self.action_nav_open()

    def _hit(self) -> Hit | None:
        row = self.results.row
        return row.key if row is not None and isinstance(row.key, Hit) else None

    @flow("order.open")
    async def action_order_open(self) -> None:
        """The newest order of the row under the cursor."""
        hit = self._hit()
        if hit is None:
            self.tell_reason("There is no row to open.")
            return
        if _order_of(hit):
            self.desk_app.open_order(_order_of(hit))
            return
        view = await call(self.desk.customers.open, self.actor, hit.customer_id, 1)
        if view.orders:
            self.desk_app.open_order(view.orders[0].id)
        else:
            self.tell_reason(f"{hit.label} has no orders.")

    def action_nav_down(self) -> None:
        """One row down; below an empty box stand those who were open last."""
        if self._found is None and not self.query_one(SearchBox).value:
            self.action_search_recent()
        else:
            super().action_nav_down()

    def why_not(self, action: str) -> str:
        """Nobody's record is open here."""
        if action in ("call.log", "note.add"):
            return "Open a customer or an order first."
        return super().why_not(action)

    @flow("search.recent")
    async def action_search_recent(self) -> None:
        """Who was open last (SRCH-13)."""
        self._asked += 1
        found = await call(self.desk.search.recent, self.actor)
        self._found = found
        self._paint(found)
        self.results.focus()

    def action_search_clear(self) -> None:
        """An empty box."""
        self.query_one(SearchBox).value = ""
        self.focus_box()

    def action_search_form(self) -> None:
        """The labelled form."""
        from cstui.screens.search_form import SearchFormScreen

        self.app.push_screen(SearchFormScreen(self.keymap))

    def leave(self) -> None:
        """Esc: empties the box first, then asks whether to quit."""
        if self.query_one(SearchBox).value:
            self.action_search_clear()
        else:
            self.desk_app.go_back()

    def on_unmount(self) -> None:
        """Ends the search thread."""
        if self._live is not None:
            self._live.end()


def _order_of(hit: Hit) -> int:
    """The order that a hit leads to; 0 where it leads to a person."""
    return hit.id if hit.kind is Kind.ORDER else hit.order_id
