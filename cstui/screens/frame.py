"""What all screens of the desk share: the frame, keys with reasons, panels, pages, and words about what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.keys import BY_ID, Context, KeyMap, footer, overlay
from cstui.screens.page_moves import PageMoves
from cstui.text import content
from cstui.widgets.bars import Bar, KeyBar
from cstui.widgets.commit_line import CommitLine
from cstui.widgets.form import Panel
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell

if TYPE_CHECKING:
    from cstui.app import CstuiApp
    from cstui.domain.live import LiveEvent

PanelT = TypeVar("PanelT", bound=Panel)


class ScreenFrame(PageMoves):
    """The frame of a screen: crumbs, banner, body, panels, status, keys.

    A subclass names its key contexts, fills `body()`, says in `why_not()` what is not possible now, and writes its use cases as
    `@flow` methods named after the key table (`order.edit` is `action_order_edit`).
    """

    contexts: ClassVar[tuple[Context, ...]] = (Context.ALWAYS, Context.NAV)
    AUTO_FOCUS = None

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__()
        self.keymap = keymap
        self.flows: set[str] = set()
        self._bindings = overlay(self._bindings, keymap, *self.contexts)
        self._focus_before: Widget | None = None
        self.receipt = ""
        self._receipt_tone = ""

    # The frame --------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Crumbs, banner, body, panels, status, keys."""
        yield Bar(separator=" › ", id="crumbs")
        yield Bar(id="banner")
        yield Bar(id="ring")
        with Vertical(id="body"):
            yield from self.body()
        yield Vertical(id="panels")
        yield Bar(separator=" · ", left_first=True, id="status")
        yield KeyBar(id="keys")
        yield Static(content("Make the window at least 60 × 16."), id="too-small")

    def body(self) -> ComposeResult:
        """The widgets of this screen."""
        yield Page(id="page")

    @property
    def desk_app(self) -> CstuiApp:
        """The app, by its own type."""
        return cast("CstuiApp", self.app)

    @property
    def desk(self) -> Any:
        """The services."""
        return self.desk_app.desk

    @property
    def actor(self) -> Actor:
        """Who is signed in."""
        return self.desk_app.actor

    def now(self) -> datetime:
        """The present instant, for 'idle 3 min' and the like; never for a rule."""
        return datetime.now(UTC)

    # Where one is -----------------------------------------------------------------------------------

    def crumbs(self) -> tuple[Cell, ...]:
        """The path to here, without the first step."""
        return ()

    def marks(self) -> tuple[Cell, ...]:
        """What stands at the right of the crumbs: the padlock, TEST, read-only."""
        return ()

    @property
    def has_frame(self) -> bool:
        """Whether there are bars to write on: not before the first paint, not while the screen is taken down."""
        return self.is_mounted and bool(self.query_children("#keys"))

    def refresh_frame(self) -> None:
        """Says again where one is and what is possible."""
        if not self.has_frame:
            return
        self.query_one("#crumbs", Bar).say((Cell("Find", "muted"), *self.crumbs()), self.marks())
        self.refresh_ring()
        self.refresh_status()
        self.refresh_keys()

    def refresh_status(self) -> None:
        """The line of agent, database and the last receipt."""
        if self.has_frame:
            left, right = self.desk_app.status_cells()
            said = (Cell(self.receipt, self._receipt_tone),) if self.receipt else ()
            self.query_one("#status", Bar).say((*left[:1], *said, *left[1:]), right)

    def refresh_keys(self) -> None:
        """The last line: the keys of what has the focus; dimmed where not possible now, absent where never permitted."""
        if not self.has_frame or not self.desk_app.is_signed_in:
            return
        in_field = self.focused is not None and hasattr(self.focused, "insert_text_at_cursor")
        context = Context.PANEL if self.panel is not None else self.footer_context()
        keys = [
            (key.keys, key.label, not self.why_not(key.id))
            for key in footer(self.keymap, context, in_field=in_field)
            if key.permission is None or self.actor.may_somewhere(key.permission)
        ]
        self.query_one("#keys", KeyBar).show_keys(keys)

    def footer_context(self) -> Context:
        """Whose keys the last line shows while no panel is open."""
        return self.contexts[0]

    def why_not(self, action: str) -> str:
        """Why an action is not possible now, in words; empty where it is."""
        permission = BY_ID[action].permission if action in BY_ID else None
        if permission is not None and not self.actor.may_somewhere(permission):
            return "Your role does not allow it."
        if (
            self.desk_app.is_read_only
            and action in BY_ID
            and BY_ID[action].consequence
            and action.partition(".")[0] != "desk"
        ):
            return "The desk is read-only; :readonly turns it off."
        return self.desk_app.why_no_takeback() if action == "money.takeback" else ""

    # Saying what happened ---------------------------------------------------------------------------

    def tell(self, words: str, tone: str = "good") -> None:
        """A one-line receipt that stays until the next one."""
        self.receipt, self._receipt_tone = words, tone
        self.refresh_status()

    def tell_reason(self, words: str) -> None:
        """Why nothing was done."""
        self.tell(words, "warn")

    def tell_error(self, error: CstuiError) -> None:
        """An error in its own words."""
        self.tell(f"{error.title}: {error.in_words()}", "bad")

    def tell_incident(self, error: BaseException) -> None:
        """A fault of the program: an incident number, never a traceback."""
        self.tell(self.desk_app.note_incident(error), "bad")

    def show_banner(self, words: str) -> None:
        """A line over the body that stays until it is taken away; empty takes it away."""
        banner = self.query_one("#banner", Bar)
        banner.say((Cell(words, "warn"),) if words else ())
        banner.set_class(bool(words), "-shown")

    def refresh_ring(self) -> None:
        """Who waits for this person's approval, on a line of its own; never while the desk is shut."""
        if self.has_frame:
            cells = () if self.desk_app.is_shut else self.desk_app.ring.cells
            ring = self.query_one("#ring", Bar)
            ring.say(cells)
            ring.set_class(bool(cells), "-shown")

    # Panels -----------------------------------------------------------------------------------------

    @property
    def panel(self) -> Panel | None:
        """The panel that is open and on top."""
        panels = list(self.query(Panel)) if self.is_mounted else []
        return panels[-1] if panels else None

    @asynccontextmanager
    async def opened(self, panel: PanelT) -> AsyncIterator[PanelT]:
        """Opens a panel at the foot of the screen for the length of the block, and gives the focus back afterwards."""
        before = self.focused
        await self.query_one("#panels", Vertical).mount(panel)
        self.refresh_keys()
        try:
            yield panel
        finally:
            panel.settle(None)
            await panel.remove()
            if before is not None and before.is_attached:
                before.focus()
            else:
                self.take_focus()
            self.refresh_frame()

    async def ask(self, panel: Panel) -> dict[str, str] | None:
        """Opens a panel, waits for its answer, closes it."""
        async with self.opened(panel):
            return await panel.answer()

    def action_call_log(self) -> None:
        """F6 and F7, where nobody's record is open."""
        self.tell_reason("Open a customer or an order first.")

    action_note_add = action_call_log

    def action_desk_refresh(self) -> None:
        """F5, where nothing is read from the database."""
        self.tell_reason("There is nothing to read again here.")

    def action_form_save(self) -> None:
        """F9."""
        if self.panel is not None:
            self.panel.save()
        else:
            self.tell_reason("Nothing is being edited here.")

    def action_form_close(self) -> None:
        """F12."""
        if self.panel is not None:
            self.panel.leave()

    def action_form_choose(self) -> None:
        """F4."""
        self.tell_reason("Type the letter of a value, or use the arrows.")

    def action_desk_back(self) -> None:
        """Esc, q, F3: closes the panel, ends the filter, else goes one level up."""
        if self.panel is not None:
            self.panel.leave()
        elif self.page is not None and (self.page.place.needle or self.page.place.zoomed):
            self.page.place.zoomed = ""
            self.page.filter("")
        else:
            self.leave()

    def leave(self) -> None:
        """One level up."""
        self.desk_app.go_back()

    def take_focus(self) -> None:
        """Puts the focus where work starts."""
        page = self.page
        if page is not None:
            page.focus()

    def on_descendant_focus(self, event: object) -> None:
        """Other keys are possible with another focus."""
        self.refresh_keys()

    # The outer world --------------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        """The screen is in front again: what commits money there has to be read again."""
        for line in self.query(CommitLine):
            line.anew()
        self.refresh_frame()
        self._mark_size()

    def on_resize(self) -> None:
        """Says so when there is too little room; action keys then do nothing."""
        self._mark_size()

    def _mark_size(self) -> None:
        small = self.desk_app.is_too_small
        if small == self.is_too_small:
            return
        if small:
            self._focus_before = (
                self.focused
            )  # what is hidden loses it, and letters would act instead of being typed
        self.set_class(small, "-too-small")
        if not small:
            self.call_after_refresh(self._focus_again)

    def _focus_again(self) -> None:
        if self._focus_before is not None and self._focus_before.is_attached:
            self._focus_before.focus()

    @property
    def is_too_small(self) -> bool:
        """Whether the window is below 60 × 16."""
        return self.has_class("-too-small")

    def on_live(self, event: LiveEvent) -> None:
        """Something changed in the database that this desk watches."""
