"""The panel that money moves from: facts, keys with their reasons, and the line that only a read `y` commits (D-08, R4)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.text import content
from cstui.widgets.commit_line import CommitLine
from cstui.widgets.form import Field, Panel, TypingField
from cstui.widgets.page import Page
from cstui.widgets.page_model import Section

#: In the place of the commit line while something else is asked: it says `y` only where `y` does something.
_FIRST = "This first; what y does is said again afterwards.   Esc leaves it as it was"
_SCROLLING = {"up": -1, "down": 1, "pageup": -6, "pagedown": 6}


class MoneyPanel(Panel):
    """Facts that scroll, keys, at most one field, then the commit line. Enter never commits; a key that does nothing says why.

    A subclass fills `sections()`, `keys()` and `to_confirm()`, handles its letters in `pressed()` and what is typed in `typed()`. It calls no
    service. The answer is `{"do": "yes"}`.
    """

    can_focus = True

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.border_subtitle = content("Esc leave")
        self._asking = ""
        self._problem = ""
        self._said = ""
        self._laid_out_for = 0

    def compose(self) -> ComposeResult:
        """Facts, keys, a word, the field, the commit line."""
        facts = Page(classes="-keeps-cursor money--facts")
        facts.can_focus = False
        yield facts
        yield Static("", classes="money--keys")
        yield Static("", classes="money--said")
        typing = TypingField(Field("money", ""))
        typing.display = False
        yield typing
        yield CommitLine("")

    def on_mount(self) -> None:
        """Shows everything for the first time."""
        self.repaint()

    # What a subclass says ---------------------------------------------------------------------------

    def sections(self, width: int) -> Sequence[Section]:
        """The facts; `width` is the room for sentences."""
        return ()

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Key, label, and why it does nothing now."""
        return ()

    def to_confirm(self) -> tuple[str, bool]:
        """The words of the commit line, and whether `y` does anything."""
        return "", False

    def pressed(self, key: str) -> bool:
        """A letter, digit or sign; False where the panel has no such key."""
        return False

    def typed(self, name: str, text: str) -> None:
        """What was typed into the field `name`. Errors: `InvalidInput`, which is said beside it."""

    # Showing ----------------------------------------------------------------------------------------

    @property
    def line(self) -> CommitLine:
        """The commit line."""
        return self.query_one(CommitLine)

    @property
    def is_asking(self) -> bool:
        """Whether a field is open or letters of a list are waited for."""
        return bool(self._asking)

    def repaint(self, *, typed: bool = False) -> None:
        """Shows the present state; `typed` where the person's own key changed it. A panel that is being taken away (`display`) stays as it is."""
        if not (self.is_mounted and self.display):
            return
        width = max(40, self.content_size.width or self.screen.size.width - 4)
        words = _FIRST if self._asking else clean(self.to_confirm()[0])
        keys = self._key_words(width)
        self.query_one(".money--keys", Static).update(keys)
        said = self.query_one(".money--said", Static)
        told = clean(self._problem or self._said)
        said.update(content(told))
        said.display = bool(told)
        said.set_class(bool(self._problem), "-bad")
        facts = self.query_one(Page)
        sections = self.sections(width - 4)
        rows = sum(
            len(section.rows) + any(column.title for column in section.columns) for section in sections
        )
        taken = 2 + keys.plain.count("\n") + 1 + sum(-(-cell_len(text) // width) for text in (words, told))
        taken += self.is_typing + (1 if self.line.ignored else 0)
        room = self.screen.size.height * 3 // 4 - taken
        facts.styles.height = max(2, min(rows, room))
        facts.show(sections)
        self.line.say(words, typed=typed)

    def _key_words(self, width: int) -> Content:
        """The keys in lines that break between keys, never between a key and what it does."""
        lines: list[list[Content]] = [[]]
        used = 0
        for key, label, why_not in self.keys():
            room = cell_len(key) + 1 + cell_len(label)
            if used and used + 2 + room > width:
                lines.append([])
                used = 0
            if used:
                lines[-1].append(content("  "))
                used += 2
            tone, strong = ("$text-muted", "$text-muted") if why_not else ("", "bold $text-accent")
            lines[-1] += [content(key, strong), content(f" {label}", tone)]
            used += room
        return Content("\n").join(Content.assemble(*line) for line in lines)

    def on_resize(self) -> None:
        """Another width: sentences wrap elsewhere."""
        if self.content_size.width != self._laid_out_for:
            self._laid_out_for = self.content_size.width
            self.repaint()

    def tell(self, words: str) -> None:
        """Says something over the commit line."""
        self._said, self._problem = words, ""
        self.repaint(typed=True)

    def say_problem(self, words: str) -> None:
        """Says why it was not done; what `y` does has to be read again."""
        self._problem = words
        self.repaint()
        self.line.anew()

    # Keys -------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """`y` on the line that was read commits; the panel's own letters choose; everything else that types says so."""
        if event.key in _SCROLLING and not self.is_typing:
            event.stop()
            event.prevent_default()
            self.query_one(Page).scroll_relative(y=_SCROLLING[event.key], animate=False, force=True)
            return
        if not (event.is_printable or event.key == "enter"):
            return
        event.stop()
        event.prevent_default()
        if self.is_typing:
            self._pass_on(event)
            return
        if event.key == "enter":
            self.tell("Enter does nothing here: y on the line below does it.")
        elif event.character == "y" and not self._asking:
            self._take_yes(event)
        else:
            self._take_letter(event.character or "")

    def _pass_on(self, event: events.Key) -> None:
        """A key that was on its way here while the field opened belongs into the field."""
        if event.key == "enter":
            self.save()
        else:
            self.field.insert_text_at_cursor(clean(event.character or ""))

    def _take_yes(self, event: events.Key) -> None:
        words, possible = self.to_confirm()
        if not possible:
            self.tell(words)
        elif self.line.counts(event):
            self.settle({"do": "yes"})

    def _take_letter(self, key: str) -> None:
        why_not = next((why for shown, _, why in self.keys() if shown == key and why), "")
        if why_not:
            self.tell(why_not)
            return
        self._said = self._problem = ""
        if not self.pressed(key):
            capital = key.isalpha() and key.isupper()
            lower = key.lower()
            known = lower == "y" or lower in {shown for shown, _, _ in self.keys()}
            self._said = (
                f"Caps Lock? {lower} is a small letter here."
                if capital and known
                else f"“{key}” does nothing in this panel."
            )
        self.repaint(typed=True)

    # One field at a time ----------------------------------------------------------------------------

    @property
    def field(self) -> TypingField:
        """The panel's one field; hidden until something is to be typed."""
        return self.query_one(TypingField)

    @property
    def is_typing(self) -> bool:
        """Whether the field is open."""
        return self.field.display

    def open_field(self, name: str, label: str, text: str = "") -> None:
        """Opens the field; Enter takes what is typed, Esc leaves everything as it was. At once: what is typed ahead goes into it."""
        self._asking = name
        self._said, self._problem = label, ""
        self.field.value = clean(text)
        self.field.cursor_position = len(self.field.value)
        self.field.display = True
        self.screen.set_focus(self.field)
        self.repaint(typed=True)

    def close_field(self) -> None:
        """Takes the field away; keys choose again."""
        self._asking = self._said = self._problem = ""
        self.screen.set_focus(self)
        self.field.display = False
        self.repaint(typed=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field goes back to the commit line with what was typed."""
        event.stop()
        asked = self._asking
        try:
            self.typed(asked, event.value)
        except InvalidInput as problem:
            self._problem = problem.in_words()
            self.repaint(typed=True)
            return
        if self._asking == asked:
            self.close_field()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nothing is said of what is being typed until Enter."""
        event.stop()

    def take_focus(self) -> None:
        """The open field, else the keys."""
        (self.field if self.is_typing else self).focus()

    def leave(self) -> None:
        """Esc: out of the field or the list first, then out of the panel."""
        if self._asking:
            self.close_field()
        else:
            self.settle(None)

    def save(self) -> None:
        """F9 goes on to the commit line, which is the one that commits."""
        if self.is_typing:
            self.field.post_message(Input.Submitted(self.field, self.field.value))
        else:
            self.tell("y on the line below does it.")


def _height(section: Section) -> int:
    heading = bool(section.rows) and any(column.title for column in section.columns)
    return heading + sum(1 + min(row.shown, len(row.details)) for row in section.rows)
