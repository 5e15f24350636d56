"""Inline forms and questions: fields in, a dictionary of texts or None out. A form calls no service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.text import content
from cstui.widgets.choice import Choice
from cstui.widgets.page_model import Cell

#: How long a person pauses before a draft is written.
PAUSE = 1.0
#: The longest text that a field takes over from a paste or a draft, in characters: as long as a note may be.
LONGEST_TYPED = 10_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is called, what stands in it, and (with choices) the allowed values as (value, label).

    `heading` stands on a line of its own above the field.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    secret: bool = False
    optional: bool = True
    heading: str = ""


def _value_at_first(field: Field) -> str:
    """What stands in a field before anybody types: its text, or the allowed value that is chosen."""
    allowed = [value for value, _ in field.choices]
    if allowed:
        return field.value if field.value in allowed else allowed[0]
    return clean(field.value, limit=LONGEST_TYPED)


class TypingField(Input):
    """A one-line field that keeps pasted text clean, selects nothing on focus and never copies a secret."""

    def __init__(self, field: Field, *, replace_on_type: bool = False) -> None:
        super().__init__(
            value=clean(field.value, limit=LONGEST_TYPED),
            placeholder=clean(field.hint),
            password=field.secret,
            select_on_focus=replace_on_type,
            id=f"field-{field.name.replace('.', '-')}",
        )
        self.field = field

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        one_line = event.text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
        self.insert_text_at_cursor(clean(one_line, limit=LONGEST_TYPED))

    def action_copy(self) -> None:
        """Copies what is selected, but never out of a secret field."""
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        """Cuts what is selected; a secret is deleted without being copied."""
        if self.password:
            self.delete_selection()
        else:
            super().action_cut()


class Panel(Vertical):
    """Something inline at the foot of a screen that asks: `answer()` waits for it.

    F9 (or Enter in the last field) answers, Esc or F12 leaves. A changed form asks whether to save, discard or keep editing.
    """

    DEFAULT_CLASSES = "panel"
    BINDINGS: ClassVar = []

    def __init__(self, title: str) -> None:
        super().__init__()
        self.border_title = content(title)
        self._answer: asyncio.Future[dict[str, str] | None] | None = None

    async def answer(self) -> dict[str, str] | None:
        """Waits until the person answers; None when he leaves. May be asked again after a refused save."""
        self._answer = asyncio.get_running_loop().create_future()
        self.take_focus()
        return await self._answer

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for the answer at this moment."""
        return self._answer is not None and not self._answer.done()

    def settle(self, values: dict[str, str] | None) -> None:
        """Gives the answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(values)

    @property
    def is_changed(self) -> bool:
        """Whether something was typed that would be lost."""
        return False

    def take_focus(self) -> None:
        """Puts the focus where typing starts."""
        self.focus()

    def save(self) -> None:
        """F9."""

    def leave(self) -> None:
        """Esc, F12."""
        self.settle(None)


class FormPanel(Panel):
    """A form of labelled fields with the problem of each beside it.

    `on_pause` gets the values one second after the last key, for drafts. `above` are lines of facts over the fields;
    `say_below()` shows a live line under them (a difference, a warning).
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        *,
        above: Sequence[str] = (),
        save_label: str = "save",
        start: str = "",
        replace_on_type: bool = False,
        changed: bool = False,
        on_pause: Callable[[dict[str, str]], Awaitable[None]] | None = None,
        on_change: Callable[[dict[str, str]], None] | None = None,
    ) -> None:
        super().__init__(title)
        self.border_subtitle = content(f"F9 {save_label}   Esc leave")
        self._fields = tuple(fields)
        self._above = tuple(above)
        self._start = start
        self._replace = replace_on_type
        self._first = {field.name: _value_at_first(field) for field in fields}
        self._was_changed = changed
        self._on_pause = on_pause
        self._on_change = on_change
        self._pause: Timer | None = None
        self._asking = False
        self._saved_early = False
        self._offers: dict[str, tuple[str, Callable[[], None]]] = {}

    def compose(self) -> ComposeResult:
        """Facts, fields, and a line for what is to be said."""
        for line in self._above:
            yield Static(content(line), classes="panel--fact")
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for field in self._fields:
                if field.heading:
                    yield Static(content(field.heading), classes="panel--heading")
                with Horizontal(classes="panel--row"):
                    yield Static(content(field.label), classes="panel--label")
                    if field.choices:
                        yield Choice(field.choices, field.value, id=f"field-{field.name.replace('.', '-')}")
                    else:
                        yield TypingField(field, replace_on_type=self._replace)
                yield Static("", classes="panel--problem", id=f"problem-{field.name.replace('.', '-')}")
        yield Static("", classes="panel--below", id="panel-below")

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields now."""
        return {field.name: self._text_of(field) for field in self._fields}

    def _widget(self, name: str) -> Widget:
        return self.query_one(f"#field-{name.replace('.', '-')}")

    def _text_of(self, field: Field) -> str:
        widget = self._widget(field.name)
        return widget.value if isinstance(widget, (Input, Choice)) else ""

    @property
    def is_changed(self) -> bool:
        """Whether a field holds something else than at the start (or the form was opened with a draft)."""
        return self._was_changed or (self.is_mounted and self.values != self._first)

    def take_focus(self) -> None:
        """Puts the focus on the start field, later on the one that is wrong."""
        name = self._start or self._fields[0].name
        self._widget(name).focus()

    def put(self, values: Mapping[str, str]) -> None:
        """Puts texts into fields, as a draft or a merge gives them."""
        for name, value in values.items():
            widget = self._widget(name)
            if isinstance(widget, (Input, Choice)):
                widget.value = value

    def show_problems(self, problems: Sequence[InvalidInput]) -> None:
        """Says what is wrong beside each field and goes to the first; other problems are cleared."""
        said = {problem.field: problem for problem in problems}
        names = {field.name for field in self._fields}
        first = ""
        for field in self._fields:
            short = field.name.rpartition(".")[2]
            alike = (f for f in said if f not in names and f.rpartition(".")[2] == short)
            problem = said.pop(field.name, None) or said.pop(next(alike, ""), None)
            line = self.query_one(f"#problem-{field.name.replace('.', '-')}", Static)
            line.update(content(f"✗ {problem.in_words()}" if problem else ""))
            line.display = problem is not None
            first = first or (field.name if problem else "")
        self.say_below(" ".join(problem.in_words() for problem in said.values()), "bad")
        if first:
            self._start = first

    def say_below(self, words: str, tone: str = "") -> None:
        """Shows a line under the fields."""
        below = self.query_one("#panel-below", Static)
        below.update(content(words))
        below.display = bool(words)
        below.set_classes(f"panel--below {'-' + tone if tone else ''}")

    async def answer(self) -> dict[str, str] | None:
        """As every panel; a save that was asked for while the former one was still being dealt with is answered now."""
        if self._saved_early:
            self._saved_early = False
            return self.values
        return await super().answer()

    def save(self) -> None:
        """Answers with the values, as soon as somebody asks."""
        self._asking = False
        if self.is_waited_for:
            self.settle(self.values)
        else:
            self._saved_early = True

    @property
    def is_asking(self) -> bool:
        """Whether the line below asks what is to become of unsaved text."""
        return self._asking

    def offer(self, letter: str, words: str, take: Callable[[], None] | None) -> None:
        """One more answer to the question that the form asks when it is left; None takes the offer back."""
        if take is None:
            self._offers.pop(letter, None)
        else:
            self._offers[letter] = (words, take)

    def leave(self) -> None:
        """Leaves; a changed form, or one with something on offer, asks first (LOCK-07)."""
        if self._asking:
            return
        if not self.is_changed and not self._offers:
            self.settle(None)
            return
        self._asking = True
        more = "".join(f"   {letter} {words}" for letter, (words, _) in self._offers.items())
        unsaved = "Unsaved text:  s save   d discard" if self.is_changed else "Leave:  d leave"
        self.say_below(f"{unsaved}   k keep editing{more}", "warn")
        self.can_focus = True
        self.focus()

    def on_key(self, event: events.Key) -> None:
        """Letters answer the question that the form asks when it is left."""
        if self._asking:
            event.stop()
            event.prevent_default()
            if event.key == "s":
                self.save()
            elif event.key == "d":
                self.settle(None)
            elif (event.character or "") in self._offers:
                self._offers[event.character or ""][1]()
            elif event.key in ("k", "escape"):
                self._asking = False
                self.say_below("")
                self.can_focus = False
                self.take_focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, and in the last one answers."""
        event.stop()
        names = [field.name for field in self._fields]
        at = next((i for i, name in enumerate(names) if self._widget(name) is event.input), len(names) - 1)
        if at + 1 < len(names):
            self._widget(names[at + 1]).focus()
        else:
            self.save()

    def on_choice_taken(self, event: Choice.Taken) -> None:
        """Enter on a choice does the same."""
        event.stop()
        names = [field.name for field in self._fields]
        at = next((i for i, name in enumerate(names) if self._widget(name) is event.choice), len(names) - 1)
        if at + 1 < len(names):
            self._widget(names[at + 1]).focus()
        else:
            self.save()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Something was typed: tell who listens, and write a draft after a pause."""
        event.stop()
        self._changed()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another value was chosen."""
        event.stop()
        self._changed()

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self.values)
        if self._on_pause is not None:
            if self._pause is not None:
                self._pause.stop()
            self._pause = self.set_timer(PAUSE, self._paused)

    async def _paused(self) -> None:
        if self._on_pause is not None and self.is_changed:
            await self._on_pause(self.values)

    async def keep_now(self) -> None:
        """Writes the draft at once: the desk is going away."""
        await self._paused()


class ConfirmPanel(Panel):
    """A question about something with consequences: the effects listed, one line to commit with `y`. Enter does nothing."""

    can_focus = True

    def __init__(
        self,
        title: str,
        effects: Sequence[Cell | str],
        commit: str,
        *,
        letters: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self._effects = tuple(effects)
        self._commit = commit
        self._letters = dict(letters) if letters is not None else {"y": "yes"}
        self.border_subtitle = content("Esc leave")

    def compose(self) -> ComposeResult:
        """Effects, then the commit line."""
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for effect in self._effects:
                yield Static(
                    content(effect if isinstance(effect, str) else effect.text), classes="panel--fact"
                )
        yield Static(content(self._commit), classes="panel--commit")

    def on_key(self, event: events.Key) -> None:
        """A letter that the panel shows answers; Esc and F12 leave; everything else does nothing."""
        chosen = self._letters.get(event.character or "")
        if chosen is not None:
            event.stop()
            self.settle({"answer": chosen})
        elif event.key in ("escape", "f12"):
            event.stop()
            self.settle(None)
        elif event.is_printable or event.key == "enter":
            event.stop()
            event.prevent_default()
