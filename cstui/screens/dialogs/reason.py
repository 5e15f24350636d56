"""Asking for a reason: by letter from a list, with a note; for holds, cancelling and unlocking."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from cstui.domain.calls import Reason
from cstui.domain.orders import HoldView
from cstui.text import content
from cstui.widgets.choice import Choice
from cstui.widgets.form import Field, FormPanel, Panel, TypingField

#: How a chosen value of the hold form begins.
PLACE, RELEASE, GIVE_UP = "place:", "release:", "give_up:"


def hold_panel(number: str, open_holds: Sequence[HoldView], reasons: Sequence[Reason]) -> FormPanel:
    """A new hold by its reason's letter, or the end of one that is open."""
    choices: list[tuple[str, str]] = []
    for hold in open_holds:
        choices.append((f"{RELEASE}{hold.id}", f"release: {hold.reason}"))
        choices.append((f"{GIVE_UP}{hold.id}", f"cannot be resolved, cancel the order: {hold.reason}"))
    choices += [(f"{PLACE}{reason.code}", f"hold: {reason.label}") for reason in reasons]
    title = f"Holds of order {number}" if open_holds else f"Put order {number} on hold"
    return FormPanel(
        title,
        (Field("what", "What", choices[0][0], choices=tuple(choices)), Field("note", "Note", hint="what is to be cleared")),
        above=() if open_holds else ("On hold: nothing is captured and nothing is released.",),
        save_label="do it",
    )  # fmt: skip


def unlock_panel(what: str, facts: Sequence[str]) -> FormPanel:
    """The reason for removing somebody's lock (LOCK-09)."""
    return FormPanel(
        f"Unlock {what}",
        (Field("reason", "Reason", optional=False),),
        above=tuple(facts),
        save_label="unlock",
    )


class CancelPanel(Panel):
    """Effects, a reason by letter, a note, and the line that commits with `y`. Enter only moves on."""

    can_focus = False

    def __init__(self, number: str, effects: Sequence[str], reasons: Sequence[Reason]) -> None:
        super().__init__(f"Cancel order {number}")
        self.border_subtitle = content("Esc leave")
        self._effects = tuple(effects)
        self._reasons = tuple((reason.code, reason.label) for reason in reasons)
        self._number = number

    def compose(self) -> ComposeResult:
        """Effects, reasons, note, commit line."""
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for effect in self._effects:
                yield Static(content(effect), classes="panel--fact")
        with Horizontal(classes="panel--row"):
            yield Static(content("Reason"), classes="panel--label")
            yield Choice(self._reasons, id="cancel-reason")
        with Horizontal(classes="panel--row"):
            yield Static(content("Note"), classes="panel--label")
            yield TypingField(Field("note", "Note", hint="Tab goes here; Enter goes back"))
        yield Static("", classes="panel--commit", id="cancel-commit")

    def on_mount(self) -> None:
        """Says what `y` will do."""
        self._say_commit()

    def take_focus(self) -> None:
        """Letters choose the reason."""
        self.query_one(Choice).focus()

    def _say_commit(self) -> None:
        reason = self.query_one(Choice).label
        words = f"y cancels order {self._number}: {reason}.   Esc leaves it as it is."
        self.query_one("#cancel-commit", Static).update(content(words))

    def say_problem(self, words: str) -> None:
        """Why it was not done, in the place of the commit line."""
        self.query_one("#cancel-commit", Static).update(content(words))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another reason."""
        event.stop()
        self._say_commit()

    def on_choice_taken(self, event: Choice.Taken) -> None:
        """Enter never commits."""
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the note goes back to the reason."""
        event.stop()
        self.take_focus()

    def on_key(self, event: events.Key) -> None:
        """`y` commits where no field is typed into."""
        if event.character == "y" and isinstance(self.screen.focused, Choice):
            event.stop()
            note = self.query_one(TypingField).value
            self.settle({"reason": self.query_one(Choice).value, "note": note})
