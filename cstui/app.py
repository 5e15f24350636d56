"""The desk as an app: who is signed in, which screens there are, what comes in from the database, and how it all ends."""

from __future__ import annotations

import asyncio
import time
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import App

from cstui.desk_actions import DeskActions
from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.flow import call, quietly
from cstui.keys import Context, KeyMap, overlay
from cstui.money_desk import MoneyDesk
from cstui.open_records import OpenRecords
from cstui.screens.money_ring import MoneyRing
from cstui.text import ControlFilter
from cstui.typeahead import TypeAhead
from cstui.widgets.page_model import Cell

if TYPE_CHECKING:
    from cstui.bootstrap import Desk
    from cstui.domain.live import LiveEvent
    from cstui.domain.mails import MailServer
    from cstui.format import Reader
    from cstui.screens.base import BaseScreen


@dataclass(frozen=True)
class DeskOptions:
    """What belongs to this machine or person, read from the configuration."""

    keymap: KeyMap = field(default_factory=KeyMap.load)
    theme: str = ""
    ascii_only: bool = False
    is_demo: bool = False
    is_read_only: bool = False
    log_directory: Path | None = None
    log_level: str = "info"
    kept_token: str = ""
    terminal: str = "desk"
    zone: str = ""
    locale: str = ""
    mouse: bool = True
    bell: bool = True
    timer: bool = True
    worker_inside: bool = False
    mail: MailServer | None = None


class CstuiApp(MoneyDesk, DeskActions):
    """One agent's desk."""

    CSS_PATH = "app.tcss"
    TITLE = "cstui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = []

    def __init__(self, desk: Desk, actor: Actor | None = None, options: DeskOptions | None = None) -> None:
        self.gate = TypeAhead(cast("App[object]", self), super().on_event)
        super().__init__()
        self.desk = desk
        self.options = options or DeskOptions()
        self.keymap = self.options.keymap
        self.is_read_only = self.options.is_read_only
        self.records = OpenRecords(self)
        self.last_key = time.monotonic()
        self._actor = actor
        self._reader: Reader | None = None
        self._away = ""
        self._lost_capitals = 0
        self._restore_signals: Any = None
        self._filters.append(ControlFilter(self.options.ascii_only))
        self._bindings = overlay(self._bindings, self.keymap, Context.ALWAYS)
        self.ring = MoneyRing(bell=self.options.bell)

    # Who is here ------------------------------------------------------------------------------------

    @property
    def actor(self) -> Actor:
        """Who is signed in."""
        if self._actor is None:
            raise RuntimeError("nobody is signed in")
        return self._actor

    @property
    def is_signed_in(self) -> bool:
        """Whether somebody is."""
        return self._actor is not None

    @property
    def reader(self) -> Reader:
        """For whom values are written: the person's locale and zone, else the machine's."""
        if self._reader is None:
            from cstui.format import Reader
            from cstui.locales import locale_of
            from cstui.zones import local_zone, zone_named

            actor = self._actor
            zone = (actor.zone if actor else "") or self.options.zone
            locale = (actor.locale if actor else "") or self.options.locale
            self._reader = Reader(
                locale_of(locale), zone_named(zone) if zone else local_zone(), self.options.ascii_only
            )
        return self._reader

    @property
    def is_shut(self) -> bool:
        """Whether nobody is at the desk: not signed in yet, or locked. Nothing opens and no key of the desk works then."""
        return any(getattr(screen, "open_actions", None) is not None for screen in self.screen_stack)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A desk that is shut has only the actions of its password form."""
        return self.screen.check_action(action, parameters) if self.is_shut else True

    def signed_in(self, actor: Actor) -> None:
        """Somebody signed in: the search box is his."""
        self._actor = actor
        self._reader = None
        self.forget_money()
        if self.screen is not self.search_screen:
            self.switch_screen(self.search_screen)
        self.search_screen.actor_known()
        self.ring.listen(self)

    async def sign_out(self) -> None:
        """Ends the session, closes everything, asks for a name again."""
        from cstui.screens.sign_in import SignInScreen

        await self.records.close_all()
        actor, self._actor = self._actor, None
        self.forget_money()
        if actor is not None:
            await quietly(self.desk.sign_in.sign_out, actor)
        self.ring.listen(self)
        self.search_screen.action_search_clear()
        self.switch_screen(SignInScreen(self.keymap))

    # Start ------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Shows the first screen; everything heavy is loaded behind its first paint."""
        from cstui.screens.search import SearchScreen

        self.search_screen = SearchScreen(self.keymap)
        self.install_screen(self.search_screen, "search")
        if self.options.theme:
            self._use_theme(self.options.theme)
        if self._actor is None and not self.options.kept_token:
            from cstui.screens.sign_in import SignInScreen

            await self.push_screen(SignInScreen(self.keymap))
        else:
            await self.push_screen(self.search_screen)
        self.call_after_refresh(self._after_first_paint)

    def _after_first_paint(self) -> None:
        self._watch_for_the_end()
        self.run_worker(self._settle_in(), name="start", description="start", exit_on_error=False)

    async def _settle_in(self) -> None:
        if self._actor is None and self.options.kept_token:
            await self._resume()
        elif self._actor is not None:
            self.search_screen.actor_known()
        # The first typed-ahead question goes before the imports: they would take its processor time.
        await self.search_screen.first_answer()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._open_log)
        await loop.run_in_executor(None, self.desk.warm)
        await self.records.prepare_spares()
        context = copy_context()

        def hand_over(event: LiveEvent) -> None:
            loop.call_soon_threadsafe(self._on_live, event, context=context)

        self.desk.start_pulse(hand_over)
        self.ring.listen(self)
        if self._actor is not None:
            await quietly(self.desk.sign_in.seen, self._actor)
        self.set_interval(5, self._every_few_seconds)
        await self.start_worker()

    def _open_log(self) -> None:
        """What the desk and its worker note goes to the log from here on; without a folder for it nowhere."""
        if self.options.log_directory is not None:
            from cstui.log import open_log

            open_log(self.options.log_directory, self.options.log_level)

    async def _resume(self) -> None:
        from cstui.screens.sign_in import SignInScreen

        try:
            actor = await call(self.desk.sign_in.resume, self.options.kept_token, self.options.terminal)
        except CstuiError as error:
            self.switch_screen(SignInScreen(self.keymap, said=error.in_words()))
            return
        self._actor = actor
        self.search_screen.actor_known()

    def _use_theme(self, name: str) -> None:
        from cstui.themes import register_themes

        register_themes(self)
        if name in self.available_themes:
            self.theme = name

    # Keys -------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys go through the type-ahead gate; in a window that is too small they do nothing."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self.last_key = time.monotonic()
        if "pulse" in self.desk.__dict__:
            self.desk.pulse.touched()
        if getattr(self.screen, "is_too_small", False) and getattr(event, "key", "") != "ctrl+q":
            return
        self._ask_about_caps_lock(event)
        await self.gate.take(event)

    def _ask_about_caps_lock(self, event: events.Event) -> None:
        """Two capitals in a row that mean nothing here: the keyboard may be locked to capitals."""
        if not isinstance(event, events.Key):
            return
        letter = event.character or ""
        in_field = self.focused is not None and hasattr(self.focused, "insert_text_at_cursor")
        means_nothing = (
            letter.isalpha()
            and letter.isupper()
            and not in_field
            and event.key not in self.screen.active_bindings
        )
        self._lost_capitals = self._lost_capitals + 1 if means_nothing else 0
        if self._lost_capitals >= 2:
            self._tell("Caps Lock?", "warn")

    @property
    def is_too_small(self) -> bool:
        """Whether the window is below 60 × 16."""
        from cstui.terminal import too_small

        return too_small(self.size.width, self.size.height)

    # Records ----------------------------------------------------------------------------------------

    def open_customer(self, customer_id: int) -> None:
        """Opens a profile over the search."""
        self.records.open_customer(customer_id)

    def open_order(self, order_id: int) -> None:
        """Opens an order over what is open."""
        self.records.open_order(order_id)

    def open_subscription(self, subscription_id: int) -> None:
        """Opens a subscription over what is open."""
        self.records.open_subscription(subscription_id)

    def go_back(self) -> None:
        """One level up; at the root asks whether to quit."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self._quit_soon(is_back=True)

    def action_desk_find(self) -> None:
        """F2: the search box, from anywhere. What is open stays open."""
        self.records.go_to_search()
        self.search_screen.focus_box()

    def action_customer_switch(self) -> None:
        """Ctrl+T: the next open customer."""
        self.records.next_customer()

    def action_desk_redraw(self) -> None:
        """Paints everything again."""
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    # What comes in ----------------------------------------------------------------------------------

    def _on_live(self, event: LiveEvent) -> None:
        if event.what == "money":
            self.hear_money(event.facts["news"])
        if event.what in ("away", "back"):
            self._away = "database away, trying again" if event.what == "away" else ""
        self.ring.hear(self, event)
        for screen in self.base_screens():
            screen.on_live(event)
            if event.what in ("away", "back"):
                screen.refresh_status()

    def base_screens(self) -> list[BaseScreen]:
        """All screens that are mounted, the one in front last."""
        from cstui.screens.base import BaseScreen

        mounted = [
            screen
            for screen in self._installed_screens.values()
            if isinstance(screen, BaseScreen) and screen.is_mounted
        ]
        return mounted + [s for s in self.screen_stack if isinstance(s, BaseScreen) and s not in mounted]

    def status_cells(self) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
        """The right and left part of the status line: agent, database, what waits."""
        name = self._actor.name if self._actor else "not signed in"
        kind = "SQLite" if self.desk.database.is_sqlite else "PostgreSQL"
        database = Cell(self._away, "bad") if self._away else Cell(kind, "muted")
        right: list[Cell] = [Cell(name, "strong"), database]
        if self.is_read_only:
            right.insert(0, Cell("READ-ONLY", "warn"))
        if self.options.is_demo:
            right.append(Cell("DEMO", "warn"))
        return tuple(self.money_cells()), tuple(right)

    def _every_few_seconds(self) -> None:
        screen = self.screen
        tick = getattr(screen, "tick", None)
        if tick is not None:
            tick()
        minutes = int(self.desk.settings.at_hand("session.idle_minutes")) if self._actor else 0
        if minutes and time.monotonic() - self.last_key > minutes * 60:
            self.action_desk_lock()

    # The end ----------------------------------------------------------------------------------------

    def action_desk_quit(self) -> None:
        """Ctrl+Q: asks where something would be lost, else ends the desk (LOCK-08)."""
        self._quit_soon()

    def _quit_soon(self, *, is_back: bool = False) -> None:
        self.run_worker(
            self._quit(is_back), group="quit", description="quit", exclusive=True, exit_on_error=False
        )

    async def _quit(self, is_back: bool) -> None:
        unsaved = self.records.with_unsaved_text()
        if self.is_shut:
            # Whoever presses the key now need not be the one who typed: nothing is named, nothing is thrown away.
            await self.records.keep_drafts()
        elif (
            (unsaved and not await self.records.asked_to_quit(unsaved))
            or not await self.asked_about_money()
            or (is_back and not unsaved and not await self.records.asked_to_leave())
        ):
            return
        await self.records.close_all()
        self.exit(0)

    def action_desk_lock(self) -> None:
        """Z: blanks the desk until the password is typed. Locks and drafts go on by their own rules."""
        from cstui.screens.sign_in import LockScreen

        if self._actor is not None and not isinstance(self.screen, LockScreen):
            self.push_screen(LockScreen(self.keymap))

    def _watch_for_the_end(self) -> None:
        from cstui.terminal import install_signal_cleanup

        if self.is_headless:
            return
        # A signal arrives in whatever context happens to run: leaving happens in the app's own.
        context = copy_context()
        self._restore_signals = install_signal_cleanup(
            asyncio.get_running_loop(),
            lambda code: context.copy().run(self._begin_leaving, code),
            when_stuck=lambda _code: self.desk.close(),
        )

    def _begin_leaving(self, code: int) -> None:
        self.run_worker(self._leave(code), name="leave", description="leave", exit_on_error=False)

    async def _leave(self, code: int) -> None:
        """The terminal or the system ends the desk: drafts kept, locks freed, in order."""
        await self.records.keep_drafts()
        await self.records.close_all()
        self.exit(code, return_code=code)

    async def on_unmount(self) -> None:
        """Frees what this desk holds."""
        if self._restore_signals is not None:
            self._restore_signals()
        await self.stop_worker()
        await asyncio.get_running_loop().run_in_executor(None, self.desk.close)

    def note_incident(self, error: BaseException) -> str:
        """Writes a redacted report of a fault and says its number."""
        from cstui.crash import incident_message, write_incident

        return incident_message(write_incident(error, self.incident_directory))

    @property
    def incident_directory(self) -> Path:
        """Where reports of faults go."""
        import tempfile

        return self.options.log_directory or Path(tempfile.gettempdir())

    def panic(self, *renderables: object) -> None:
        """What Textual would print after a fault of its own (bytes that are no UTF-8, for one) may hold data: an incident instead."""
        self._fatal_error()

    def _fatal_error(self) -> None:
        """Ends after a fault without showing a traceback: its locals may hold a customer's data."""
        import sys

        from cstui.crash import end_with_incident

        error = sys.exc_info()[1] or self._exception or RuntimeError("ended without a known fault")
        end_with_incident(self, self.incident_directory, error)
