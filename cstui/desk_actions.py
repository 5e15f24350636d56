"""What the desk as a whole can do, from every screen: lists, reading only, signing out, colours, passwords, opening by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.domain.ids import Kind, read_public_id
from cstui.flow import call

if TYPE_CHECKING:
    from cstui.bootstrap import Desk
    from cstui.keys import KeyMap
    from cstui.open_records import OpenRecords
    from cstui.screens.base import BaseScreen
    from cstui.screens.search import SearchScreen


class DeskActions(App[int]):
    """The actions of the key table that belong to no single screen. The desk's app provides what they work on."""

    desk: Desk
    keymap: KeyMap
    records: OpenRecords
    search_screen: SearchScreen
    is_read_only: bool

    if TYPE_CHECKING:

        @property
        def actor(self) -> Actor:
            """Who is signed in."""

        async def sign_out(self) -> None:
            """Ends the session."""

        def open_order(self, order_id: int) -> None:
            """Opens an order over what is open."""

        def open_subscription(self, subscription_id: int) -> None:
            """Opens a subscription over what is open."""

        def action_desk_find(self) -> None:
            """The search box."""

        def base_screens(self) -> list[BaseScreen]:
            """All screens that are mounted."""

    def _in_front(self) -> BaseScreen | None:
        from cstui.screens.base import BaseScreen

        return self.screen if isinstance(self.screen, BaseScreen) else None

    def action_desk_locks(self) -> None:
        """All held locks."""
        from cstui.screens.lists import LocksScreen

        self.push_screen(LocksScreen(self.keymap))

    def action_money_queue(self) -> None:
        """Refunds that wait for something."""
        from cstui.screens.money_queue import RefundQueueScreen

        if not isinstance(self.screen, RefundQueueScreen):
            self.push_screen(RefundQueueScreen(self.keymap))

    def action_money_missed(self) -> None:
        """Cycles that went by uncharged."""
        from cstui.screens.missed_bills import MissedBillsScreen

        if not isinstance(self.screen, MissedBillsScreen):
            self.push_screen(MissedBillsScreen(self.keymap))

    def action_money_attempts(self) -> None:
        """Payment attempts."""
        self.command_money_attempts("")

    def command_money_attempts(self, rest: str) -> None:
        """`:attempts`, or `:attempts unknown`: of one state."""
        from cstui.domain.payments import AttemptState
        from cstui.screens.money_queue import AttemptsScreen

        wanted = "_".join(rest.casefold().split())
        only = next((state for state in AttemptState if state == wanted), None)
        if wanted and only is None:
            self._tell(f"There is no state “{rest.strip()}”. States: {', '.join(AttemptState)}.", "warn")
            return
        self.push_screen(AttemptsScreen(self.keymap, only))

    def action_desk_history(self) -> None:
        """What I did today."""
        from cstui.screens.lists import MyActionsScreen

        self.push_screen(MyActionsScreen(self.keymap))

    def action_desk_draft(self) -> None:
        """My unsaved texts."""
        from cstui.screens.lists import DraftsScreen

        self.push_screen(DraftsScreen(self.keymap))

    def action_desk_readonly(self) -> None:
        """Turns read-only mode on or off for this desk."""
        self.is_read_only = not self.is_read_only
        for screen in self.base_screens():
            screen.refresh_frame()

    def action_desk_logout(self) -> None:
        """Signs out; unsaved text is asked about first."""
        self.run_worker(self._log_out(), name="log out", description="log out", exit_on_error=False)

    async def _log_out(self) -> None:
        unsaved = self.records.with_unsaved_text()
        if not unsaved or await self.records.asked_to_quit(unsaved):
            await self.sign_out()

    def command_desk_unlock_user(self, rest: str) -> None:
        """`:unlock-user NAME`: a colleague may sign in again."""
        self.run_worker(
            self._unlock_user(rest), name="unlock user", description="unlock user", exit_on_error=False
        )

    def action_desk_unlock_user(self) -> None:
        """Without a name there is nobody to unlock."""
        self._tell("Write the name behind it: :unlock-user bob", "warn")

    async def _unlock_user(self, name: str) -> None:
        try:
            await call(self.desk.staff.unlock, self.actor, name)
        except CstuiError as error:
            self._tell(error.in_words(), "bad")
        else:
            self._tell(f"{name} may sign in again.", "good")

    def _tell(self, words: str, tone: str) -> None:
        screen = self._in_front()
        if screen is not None:
            screen.tell(words, tone)

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Textual's own picture of the screen would put a customer's data, or a card that is being typed, on the disk."""
        self._tell("The desk takes no pictures of itself.", "warn")

    def command_desk_find(self, rest: str) -> None:
        """`:find WORDS`."""
        self.action_desk_find()
        self.search_screen.type_in(rest)

    def command_order_open(self, rest: str) -> None:
        """`:o NUMBER`: an order by its number, from anywhere."""
        self.run_worker(
            self._open_number(rest.strip()), name="open order", description="open order", exit_on_error=False
        )

    async def _open_number(self, number: str) -> None:
        try:
            found = await call(self.desk.orders.by_number, self.actor, number)
        except CstuiError as error:
            self._tell(error.in_words(), "bad")
            return
        if len(found) == 1:
            self.open_order(found[0])
        elif found:
            self.command_desk_find(number)
        else:
            self._tell(f"There is no order {number} here.", "warn")

    def action_subscription_open(self) -> None:
        """Without an id there is nothing to open."""
        self._tell("Write the id behind it: :subscription sub_4t9k2", "warn")

    def command_subscription_open(self, rest: str) -> None:
        """`:subscription ID`: by the id that is shown, from anywhere; another desk's stores have none here."""
        try:
            found = read_public_id(rest)
        except CstuiError as error:
            self._tell(error.in_words(), "bad")
            return
        if found is not None and found[0] is Kind.SUBSCRIPTION:
            self.run_worker(
                self._open_subscription(found[1]),
                name="open",
                description="open subscription",
                exit_on_error=False,
            )
        else:
            self._tell("An id of a subscription looks like sub_4t9k2.", "warn")

    async def _open_subscription(self, subscription_id: int) -> None:
        try:
            await call(self.desk.subscriptions.open, self.actor, subscription_id)
        except CstuiError as error:
            self._tell(error.in_words(), "bad")
        else:
            self.open_subscription(subscription_id)

    # Colours and passwords --------------------------------------------------------------------------

    def command_desk_theme(self, rest: str) -> None:
        """`:theme NAME`."""
        self._use(rest.strip())

    def action_desk_theme(self) -> None:
        """Chooses the colours of this desk until it ends; the configuration keeps a choice."""
        self.run_worker(self._choose_theme(), name="theme", description="theme", exit_on_error=False)

    async def _choose_theme(self) -> None:
        from cstui.themes import register_themes
        from cstui.widgets.page_model import Cell, Column, Row
        from cstui.widgets.picker import PickerPanel

        screen = self._in_front()
        if screen is None:
            return
        register_themes(self)
        rows = [Row(name, (Cell(name, "strong"),)) for name in sorted(self.available_themes)]
        answer = await screen.ask(PickerPanel("Theme", rows, (Column("", grow=1),), prompt="type to narrow"))
        if answer is not None and answer["picked"]:
            self._use(answer["picked"])

    def _use(self, name: str) -> None:
        from cstui.themes import register_themes

        register_themes(self)
        if name not in self.available_themes:
            self._tell(f"There is no theme “{name}”. :theme lists them.", "warn")
            return
        self.theme = name
        self._tell(f"Theme {name}, until the desk ends; [ui] theme in the configuration keeps it.", "")

    def action_desk_password(self) -> None:
        """Everybody changes his own password."""
        self.run_worker(self._change_password(), name="password", description="password", exit_on_error=False)

    async def _change_password(self) -> None:
        from cstui.domain.errors import InvalidInput
        from cstui.widgets.form import Field, FormPanel

        screen = self._in_front()
        if screen is None:
            return
        fields = (
            Field("old", "Password now", secret=True),
            Field("new", "New password", secret=True),
            Field("again", "The same again", secret=True),
        )
        panel = FormPanel(f"Password of {self.actor.name}", fields, save_label="change")
        async with screen.opened(panel):
            while (values := await panel.answer()) is not None:
                if values["new"] != values["again"]:
                    panel.show_problems(
                        (InvalidInput("again", "", "The two do not match.", "Type the same twice."),)
                    )
                    continue
                try:
                    await call(self.desk.sign_in.change_password, self.actor, values["old"], values["new"])
                except CstuiError as error:
                    panel.show_problems((InvalidInput("old", "", error.in_words()),))
                    continue
                screen.tell("Your password is changed.")
                return
