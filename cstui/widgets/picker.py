"""Panels that pick: a typed text narrows a list (palette, commands), a letter jumps, a line filters a page in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from cstui.text import content
from cstui.widgets.form import Field, Panel, TypingField
from cstui.widgets.page import Page
from cstui.widgets.page_model import Column, Row, Section


class PickerPanel(Panel):
    """A field over a list; typing narrows the list, Enter takes the row under the cursor.

    The answer is `{"picked": key, "typed": text}`; with `free` the typed text counts even where no row fits.
    """

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        columns: Sequence[Column],
        *,
        prompt: str = "",
        free: bool = False,
    ) -> None:
        super().__init__(title)
        self._rows = tuple(rows)
        self._columns = tuple(columns)
        self._prompt = prompt
        self._free = free

    def compose(self) -> ComposeResult:
        """Field and list."""
        yield TypingField(Field("pick", "", hint=self._prompt))
        yield Page(classes="-keeps-cursor picker--list")

    def on_mount(self) -> None:
        """Everything is listed at first."""
        self._narrow("")

    def take_focus(self) -> None:
        """The field."""
        self.query_one(TypingField).focus()

    @property
    def list(self) -> Page:
        """The list."""
        return self.query_one(Page)

    def _narrow(self, typed: str) -> None:
        words = typed.casefold().lstrip(":").split()
        fitting = [row for row in self._rows if _fits(row, words)]
        fitting.sort(
            key=lambda row: (
                0 if words and row.cells[0].text.casefold().lstrip(":").startswith(words[0]) else 1
            )
        )
        self.list.place.cursor = None
        self.list.show([Section("pick", "", tuple(fitting), self._columns, empty="Nothing fits.")])
        self.list.move_to_end(False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrows the list."""
        event.stop()
        self._narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the row."""
        event.stop()
        self.save()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """A click takes the row."""
        event.stop()
        self.save()

    def save(self) -> None:
        """Answers with the row under the cursor and the text."""
        typed = self.query_one(TypingField).value
        row = self.list.row
        if row is None and not self._free:
            return
        self.settle({"picked": str(row.key) if row is not None else "", "typed": typed})

    def on_key(self, event: events.Key) -> None:
        """Arrows move in the list while the field keeps the focus."""
        step = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8}.get(event.key)
        if step is not None:
            event.stop()
            event.prevent_default()
            self.list.move(step)


def _fits(row: Row, words: Sequence[str]) -> bool:
    said = " ".join(cell.text for cell in row.cells).casefold()
    return all(word in said for word in words[:1]) if words else True


class LetterPanel(Panel):
    """A letter for each of a few places; pressing it answers at once."""

    can_focus = True
    LETTERS = "asdfghjklqwertuiopzxcvbnm"

    def __init__(self, title: str, places: Sequence[tuple[str, str]]) -> None:
        super().__init__(title)
        self._places = tuple(places)

    def compose(self) -> ComposeResult:
        """One line with all letters."""
        said = "   ".join(
            f"{self.LETTERS[i]} {label}" for i, (_, label) in enumerate(self._places) if i < len(self.LETTERS)
        )
        yield Static(content(said), classes="panel--fact")

    def on_key(self, event: events.Key) -> None:
        """A letter answers, Esc leaves."""
        at = self.LETTERS.find(event.character or "?")
        if 0 <= at < len(self._places):
            event.stop()
            self.settle({"picked": self._places[at][0]})
        elif event.key in ("escape", "f12", "ctrl+o"):
            event.stop()
            self.settle(None)


class FilterPanel(Panel):
    """Narrows a page while one types; Enter keeps it, Esc shows all again."""

    def __init__(self, narrow: Callable[[str], None], start: str = "") -> None:
        super().__init__("Filter")
        self._narrow = narrow
        self._start = start

    def compose(self) -> ComposeResult:
        """The field."""
        yield TypingField(Field("filter", "", self._start, hint="text to look for in this list"))

    def take_focus(self) -> None:
        """The field."""
        self.query_one(TypingField).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrows at once."""
        event.stop()
        self._narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keeps the filter."""
        event.stop()
        self.settle({"filter": event.value})

    def leave(self) -> None:
        """Shows all again."""
        self._narrow("")
        self.settle(None)
