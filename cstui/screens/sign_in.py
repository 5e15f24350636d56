"""Who is at the desk: signing in, the first own password, and the lock screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError, InvalidInput
from cstui.flow import call, flow
from cstui.keys import TABLE, Context, KeyMap
from cstui.screens.base import BaseScreen
from cstui.widgets.bars import KeyBar
from cstui.widgets.form import Field, FormPanel
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell

#: How the names of the desk's own actions begin, as the key table has them.
DESK_ACTIONS = tuple({f"{key.action.partition('(')[0].partition('_')[0]}_" for key in TABLE} | {"section"})


class ShutScreen(BaseScreen):
    """A screen before the desk: it takes a password and knows no way round it. No key of the desk works here but those of the form."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.PANEL, Context.ALWAYS)
    open_actions: ClassVar[frozenset[str]] = frozenset(
        {"form_save", "form_close", "desk_quit", "desk_redraw", "desk_back"}
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Actions of the desk are out of reach; those of the focused field are its own."""
        return action in self.open_actions or not action.startswith(DESK_ACTIONS)

    def refresh_keys(self) -> None:
        """The two keys that work here."""
        if self.has_frame:
            shown = [("F9", self.go_words, True), ("Ctrl+Q", "Quit", True)]
            self.query_one("#keys", KeyBar).show_keys(shown)

    go_words: ClassVar[str] = ""


class SignInScreen(ShutScreen):
    """Name and password; nothing else is shown before."""

    go_words = "Sign in"

    def __init__(self, keymap: KeyMap, said: str = "") -> None:
        super().__init__(keymap)
        self._said = said

    def crumbs(self) -> tuple[Cell, ...]:
        """Nothing is open yet."""
        return (Cell("Sign in", "strong"),)

    def body(self) -> ComposeResult:
        """An empty page that says what to do."""
        yield Page(id="page", empty=self._said or "Sign in with your own name and password.")

    def on_mount(self) -> None:
        """Asks at once."""
        self._sign_in()

    @flow()
    async def _sign_in(self) -> None:
        panel = FormPanel(
            "Sign in",
            (Field("name", "Name"), Field("password", "Password", secret=True)),
            save_label="sign in",
        )
        async with self.opened(panel):
            while True:
                values = await panel.answer()
                if values is None:
                    self.desk_app.exit(0)
                    return
                try:
                    signed_in = await call(
                        self.desk.sign_in.sign_in,
                        values["name"],
                        values["password"],
                        self.desk_app.options.terminal,
                    )
                except CstuiError as error:
                    panel.put({"password": ""})
                    panel.show_problems((InvalidInput("password", "", error.in_words()),))
                    continue
                break
        actor: Actor | None = signed_in.actor
        if signed_in.must_change_password:
            actor = await self._first_password(signed_in.actor, values["password"])
        if actor is not None:
            self.desk_app.signed_in(actor)

    async def _first_password(self, actor: Actor, one_time: str) -> Actor | None:
        """A one-time password is changed before anything else; only then do the person's roles count."""
        panel = FormPanel(
            "Choose your own password",
            (Field("new", "New password", secret=True), Field("again", "The same again", secret=True)),
            above=("The password you were given works once. Choose your own now.",),
        )
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                if values["new"] != values["again"]:
                    panel.show_problems(
                        (InvalidInput("again", "", "The two do not match.", "Type the same twice."),)
                    )
                    continue
                try:
                    changed: Actor = await call(
                        self.desk.sign_in.change_password, actor, one_time, values["new"]
                    )
                except CstuiError as error:
                    panel.show_problems((InvalidInput("new", "", error.in_words()),))
                    continue
                return changed
        self.call_later(self._sign_in)
        return None

    def leave(self) -> None:
        """Nothing lies behind."""
        self.desk_app.exit(0)


class LockScreen(ShutScreen):
    """Blanks the desk; the password of whoever is signed in brings it back, anything else stays out."""

    go_words = "Unlock"

    def crumbs(self) -> tuple[Cell, ...]:
        """What is open is not shown."""
        return ()

    def refresh_frame(self) -> None:
        """Neither crumbs nor receipts are shown."""
        self.refresh_keys()

    def refresh_status(self) -> None:
        """Nothing is told while the desk is locked."""

    def body(self) -> ComposeResult:
        """An empty page."""
        yield Page(id="page", empty="The desk is locked.")

    def on_mount(self) -> None:
        """Asks at once."""
        self._unlock()

    @flow()
    async def _unlock(self) -> None:
        panel = FormPanel(
            f"Locked by {self.actor.name}", (Field("password", "Password", secret=True),), save_label="unlock"
        )
        async with self.opened(panel):
            while True:
                values = await panel.answer()
                if values is None:
                    continue
                try:
                    await call(self.desk.sign_in.unlock, self.actor, values["password"])
                except CstuiError as error:
                    panel.put({"password": ""})
                    panel.show_problems((InvalidInput("password", "", error.in_words()),))
                    continue
                break
        self.app.pop_screen()

    def leave(self) -> None:
        """There is no way round the password."""

    def action_desk_back(self) -> None:
        """There is no way round the password."""
