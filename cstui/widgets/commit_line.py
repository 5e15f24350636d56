"""The line that commits money: it names what `y` does, and knows since when a person could have read it (D-08)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.strip import Strip
from textual.widgets import Static

from cstui.text import content
from cstui.widgets.form import Panel
from cstui.widgets.page_model import Cell

#: For so long after it was first painted nobody can have read a line, in seconds.
UNREAD = 0.4
#: The same key counts again once it has been let go for so long, in seconds: longer than keyboards wait before they repeat.
LET_GO = 0.7


class CommitLine(Static):
    """What `y` would do, and whether a key counts.

    A key counts where it was pressed after the present words had been painted, at least `UNREAD` seconds after the line came up (or after its
    words changed by themselves), and is no repetition of one that is held down. What was typed ahead is told by the key's own time, not
    by when it is handled.
    """

    DEFAULT_CLASSES = "panel--commit"
    _last_time: ClassVar[dict[str, float]] = {}

    def __init__(self, words: str = "", *, id: str | None = None) -> None:
        super().__init__(content(words), id=id)
        self._words = words
        self._typed = False
        self._edition = 0
        self._is_drawn = False
        #: From when on keys count, by the clock of keys; None while the present words are not painted.
        self.counts_from: float | None = None
        self.ignored = 0

    @property
    def words(self) -> str:
        """What the line says, without the remark about ignored keys."""
        return self._words

    @property
    def is_painted(self) -> bool:
        """Whether the present words have reached the terminal."""
        return self.counts_from is not None

    def say(self, words: str, *, typed: bool = False) -> None:
        """Puts other words there; keys pressed before these are painted do not count.

        `typed`: the person's own key changed them. Words that change by themselves are unread for a moment, as at the beginning.
        """
        if words == self._words:
            return
        self._words, self._typed = words, typed and self.is_painted
        self.anew()

    def anew(self) -> None:
        """The line is shown again (its screen was hidden, or it says something else): it counts from its next paint on."""
        self._edition += 1
        self._is_drawn = False
        self.counts_from = None
        self._write()

    def counts(self, event: events.Key) -> bool:
        """Whether the key was pressed by somebody who could read the line. One that was not is counted and said."""
        before = self._last_time.get(event.key)
        self._last_time[event.key] = event.time
        is_held = before is not None and 0 <= event.time - before < LET_GO
        if is_held or self.counts_from is None or event.time < self.counts_from:
            self.ignored += 1
            self._write()
            return False
        return True

    def render_line(self, y: int) -> Strip:
        """Paints a line, and has the time noted once it is on the terminal."""
        if not self._is_drawn:
            self._is_drawn = True
            self.call_after_refresh(self._painted, self._edition)
        return super().render_line(y)

    def _painted(self, edition: int) -> None:
        if edition != self._edition:
            return
        unread = 0.0 if self._typed else UNREAD
        # An event of this moment has the clock of the keys.
        self.counts_from = events.Event().time + unread
        self._typed = False

    def _write(self) -> None:
        said = self._words
        if self.ignored:
            keys = "1 key" if self.ignored == 1 else f"{self.ignored} keys"
            said += f"\n{keys} ignored: pressed before this line could be read. Press again."
        self.update(content(said, multiline=True))


class CommitPanel(Panel):
    """A question about money: what will happen, then the line that `y` commits. Enter does nothing, Esc and F12 leave.

    The answer is `{"answer": "yes"}`.
    """

    can_focus = True

    def __init__(self, title: str, effects: Sequence[Cell | str], commit: str) -> None:
        super().__init__(title)
        self._effects = tuple(effects)
        self._commit = commit
        self.border_subtitle = content("Esc leave")

    def compose(self) -> ComposeResult:
        """Effects, then the commit line."""
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for effect in self._effects:
                said = effect if isinstance(effect, str) else effect.text
                yield Static(content(said), classes="panel--fact")
        yield CommitLine(self._commit)

    @property
    def line(self) -> CommitLine:
        """The line that commits."""
        return self.query_one(CommitLine)

    def on_key(self, event: events.Key) -> None:
        """`y` on the line that was read; everything else that types does nothing."""
        if event.key in ("escape", "f12"):
            event.stop()
            self.settle(None)
        elif event.is_printable or event.key == "enter":
            event.stop()
            event.prevent_default()
            if event.character == "y" and self.line.counts(event):
                self.settle({"answer": "yes"})
