"""The panel of "explain this charge": what the caller reads in one field, the charges that fit below it as sentences (D-18)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from cstui.domain.clean import clean
from cstui.domain.explain import Explanation
from cstui.text import content
from cstui.widgets.form import Field, Panel, TypingField

#: How long a pause in typing is, in seconds.
PAUSE = 0.15
_HINT = "29.00 3 Nov …4242"
_NONE = "No charge fits. Name less: the amount or the day alone."


class ExplainPanel(Panel):
    """The best fit first; Enter opens its order. While one types, `on_typed` is told after each pause and answers with `show`.

    The answer is `{"typed": text}`.
    """

    def __init__(self, name: str, typed: str, on_typed: Callable[[str], None]) -> None:
        super().__init__(f"Explain a charge – {clean(name)}")
        self.border_subtitle = content("Enter opens the first one's order   Esc leave")
        self._typed = typed
        self._on_typed = on_typed
        #: What the sentences below belong to; None before the first of them.
        self.shown_for: str | None = None
        self.found: tuple[Explanation, ...] = ()

    def compose(self) -> ComposeResult:
        """The field, then the sentences."""
        yield TypingField(Field("explain", "", self._typed, hint=_HINT))
        with VerticalScroll(classes="panel--fields", can_focus=False):
            yield Static("", classes="panel--fact")

    @property
    def field(self) -> TypingField:
        """What is typed into."""
        return self.query_one(TypingField)

    @property
    def typed(self) -> str:
        """What the field holds."""
        return self.field.value

    def on_mount(self) -> None:
        """The newest charges, or those that fit what came with the command."""
        self._on_typed(self._typed)

    def show(self, typed: str, found: Sequence[Explanation]) -> None:
        """The charges that fit what was typed; older answers than the field's own text are passed over."""
        if typed == self.typed:
            self.shown_for, self.found = typed, tuple(found)
            self._say("\n".join(said(one) for one in found) or _NONE)

    def show_problem(self, typed: str, words: str) -> None:
        """Why it cannot be read."""
        if typed == self.typed:
            self.shown_for, self.found = typed, ()
            self._say(words, "$text-warning")

    def _say(self, words: str, style: str = "") -> None:
        self.query_one(".panel--fact", Static).update(content(words, style, multiline=True))

    def take_focus(self) -> None:
        """The field."""
        self.field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Looks after a pause."""
        event.stop()
        typed = event.value
        self.set_timer(
            PAUSE, lambda: self._on_typed(typed) if self.is_attached and typed == self.typed else None
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.settle({"typed": event.value})

    def save(self) -> None:
        """F9 is Enter here."""
        self.settle({"typed": self.typed})


def said(found: Explanation) -> str:
    """A sentence to read out, and what the agent should do about it."""
    return f"• {found.sentence}" + (f" ({found.advice.rstrip('.')})" if found.advice else "")
