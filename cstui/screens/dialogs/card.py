"""The form for a typed card, and the ticked list of what a new card should pay.

The form is no draft and never becomes one. What is typed into it is shown in clear only while the cursor stands in it, is copied nowhere, and is
gone when the form closes, when two minutes have passed, or when anything else comes in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from cstui.domain.card_desk import CardDesk, FollowUp
from cstui.domain.cards import TypedCard, brand_of, grouped, problem_of, typed_card
from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.format import Reader, day_words, state_words
from cstui.text import content
from cstui.widgets.choice import Choice
from cstui.widgets.form import Panel

#: After so many seconds an open form closes itself and forgets what was typed.
OPEN_FOR = 120.0
_HIDDEN = "•"
_LONGEST: dict[str, int] = {"number": 23, "expiry": 7, "code": 4, "holder": 120, "postcode": 20}
_LABELS: dict[str, str] = {
    "number": "Number", "expiry": "Expires", "code": "Security code", "holder": "Name on the card", "postcode": "Postcode",
}  # fmt: skip
_HINTS: dict[str, str] = {"expiry": "MM/YY", "code": "on the back; Amex: four digits on the front"}
_SECRET = ("number", "code")
_DEFAULT = (("no", "no"), ("yes", "yes"))


class CardField(Input):
    """One field of a card. Nothing in it can be selected, copied or cut; the number shows its last four digits once the cursor has left."""

    ALLOW_SELECT = False

    def __init__(self, name: str, value: str = "") -> None:
        self.what = name
        super().__init__(
            value=clean(value, limit=_LONGEST[name]), placeholder=_HINTS.get(name, ""), password=name == "code",
            select_on_focus=False, max_length=_LONGEST[name], id=f"card-{name}",
        )  # fmt: skip

    @property
    def _value(self) -> Text:
        if self.what == "number" and not self.has_focus:
            shown = "".join(_HIDDEN if sign.isdigit() else sign for sign in self.value[:-4]) + self.value[-4:]
            return Text(shown, no_wrap=True, overflow="ignore", end="")
        return super()._value

    def validate_selection(self, selection: Selection) -> Selection:
        """A cursor, never a selection."""
        return Selection.cursor(super().validate_selection(selection).end)

    def _on_paste(self, event: events.Paste) -> None:
        """Takes a pasted text over, and forgets it wherever the desk could still keep it."""
        event.prevent_default()
        event.stop()
        text = "".join(sign for sign in event.text if sign.isdigit()) if self.what in _SECRET else event.text
        self.insert_text_at_cursor(clean(" ".join(text.split()), limit=_LONGEST[self.what]))
        self.app._clipboard = ""

    def action_paste(self) -> None:
        """Pastes what the desk itself holds, and empties it."""
        super().action_paste()
        self.app._clipboard = ""

    def action_copy(self) -> None:
        """Nothing of a card is ever copied."""

    def action_cut(self) -> None:
        """Nor cut."""

    def forget(self) -> None:
        """Empties the field."""
        self.value = ""


class CardPanel(Panel):
    """The form for a typed card. The answer is `{"way": "typed"}`; `take()` then hands the card out and empties the form.

    `on_late` is called when the form has closed itself.
    """

    open_for: ClassVar[float] = OPEN_FOR

    def __init__(self, desk: CardDesk, today: date, on_late: Callable[[], None]) -> None:
        super().__init__("Type a card")
        self.border_subtitle = content("F9 keep the card   Esc leave")
        self._desk = desk
        self._today = today
        self._on_late = on_late
        self._first = {"holder": desk.holder, "postcode": desk.postcode}

    def compose(self) -> ComposeResult:
        """Where it will be kept, the fields, and a line for what is to be said."""
        desk = self._desk
        test = "TEST: " if desk.is_test else ""
        how = " by a worker" if desk.through_worker else ""
        yield Static(
            content(f"{test}kept{how} at {desk.gateway} ({desk.account}), not charged. Closes by itself after two minutes."),
            classes="panel--fact",
        )  # fmt: skip
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for name, label in _LABELS.items():
                with Horizontal(classes="panel--row"):
                    yield Static(content(label), classes="panel--label")
                    yield CardField(name, self._first.get(name, ""))
                yield Static("", classes="panel--problem", id=f"card-problem-{name}")
            if desk.has_cards:
                with Horizontal(classes="panel--row"):
                    yield Static(content("Make it default"), classes="panel--label")
                    yield Choice(_DEFAULT, "no", id="card-default")
        yield Static("", classes="panel--below", id="card-below")

    def on_mount(self) -> None:
        """The time begins."""
        self._watch = self.set_timer(self.open_for, self._too_late)

    def field(self, name: str) -> CardField:
        """One of the fields."""
        return self.query_one(f"#card-{name}", CardField)

    def take_focus(self) -> None:
        """The first field that is wrong, else the number."""
        wrong = next((name for name in _LABELS if self._problem_line(name).display), "number")
        self.field(wrong).focus()

    @property
    def is_default(self) -> bool:
        """Whether it shall be the customer's default card."""
        return self._desk.has_cards and self.query_one("#card-default", Choice).value == "yes"

    def take(self) -> TypedCard:
        """The card that was typed; number and code leave the form. Errors: `InvalidFields`, with everything left as it stands."""
        values = {name: self.field(name).value for name in _LABELS}
        card = typed_card(
            values["number"], values["expiry"], values["code"], values["holder"], values["postcode"], self._today
        )  # fmt: skip
        self._watch.stop()
        self.forget()
        return card

    def forget(self) -> None:
        """Empties number and code."""
        for field in self.query(CardField):
            if field.what in _SECRET:
                field.forget()

    def again(self) -> None:
        """The card was not kept: number and code are asked for anew, and the time begins again."""
        self._watch = self.set_timer(self.open_for, self._too_late)

    def show_problems(self, problems: Sequence[InvalidInput]) -> None:
        """Says what is wrong beside each field."""
        said = {problem.field: problem for problem in problems}
        for name in _LABELS:
            self._say_beside(name, said.get(name))

    def say_below(self, words: str, tone: str = "") -> None:
        """Shows a line under the fields."""
        below = self.query_one("#card-below", Static)
        below.update(content(words))
        below.display = bool(words)
        below.set_classes(f"panel--below {'-' + tone if tone else ''}")

    def save(self) -> None:
        """F9."""
        self.settle({"way": "typed"})

    def leave(self) -> None:
        """Esc, F12: what was typed is gone."""
        self.forget()
        super().leave()

    def settle(self, values: dict[str, str] | None) -> None:
        """Answers; without an answer nothing stays in the form."""
        if values is None and self.is_mounted:
            self.forget()
        super().settle(values)

    def _too_late(self) -> None:
        self.forget()
        self.settle(None)
        self._on_late()

    def _problem_line(self, name: str) -> Static:
        return self.query_one(f"#card-problem-{name}", Static)

    def _say_beside(self, name: str, problem: InvalidInput | None, good: str = "") -> None:
        line = self._problem_line(name)
        line.update(content(f"✗ {problem.in_words()}" if problem else good))
        line.display = problem is not None or bool(good)
        line.set_class(problem is None, "-good")

    def on_input_changed(self, event: Input.Changed) -> None:
        """The number falls into the groups that stand on the card; a field that is typed into again is no longer called wrong."""
        event.stop()
        field = event.input
        if not isinstance(field, CardField):
            return
        if field.what == "number" and field.cursor_at_end:
            wanted = grouped(field.value)
            if wanted != field.value and all(sign.isdigit() or sign in " -" for sign in field.value):
                field.value = wanted
                field.cursor_position = len(wanted)
        if field.what == "expiry" and field.cursor_at_end and len(field.value) >= 3 and field.value.isdigit():
            field.value = f"{field.value[:2]}/{field.value[2:]}"
            field.cursor_position = len(field.value)
        if field.has_focus:
            self._say_beside(field.what, None)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """A field that is left says at once what is wrong in it, or which brand it is."""
        event.stop()
        field = event.input
        if isinstance(field, CardField):
            values = {name: self.field(name).value for name in ("number", "expiry", "code")}
            problem = problem_of(field.what, values["number"], values["expiry"], values["code"], self._today)
            good = brand_of("".join(filter(str.isdigit, values["number"]))) if field.what == "number" else ""
            self._say_beside(field.what, problem, "" if problem else good)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, and in the last one answers."""
        event.stop()
        names = list(_LABELS)
        at = names.index(event.input.what) if isinstance(event.input, CardField) else len(names)
        if at + 1 < len(names):
            self.field(names[at + 1]).focus()
        elif self._desk.has_cards:
            self.query_one("#card-default", Choice).focus()
        else:
            self.save()

    def on_choice_taken(self, event: Choice.Taken) -> None:
        """Enter on the last line answers."""
        event.stop()
        self.save()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another value was chosen."""
        event.stop()


class FollowPanel(Panel):
    """What a new card should pay (D-17): a letter ticks, `y` applies. The answer is `{"ticked": "7,12"}`."""

    can_focus = True
    LETTERS = "abcdefghijklmnopqrstuvwx"

    def __init__(self, card: str, follow_ups: Sequence[FollowUp], reader: Reader) -> None:
        super().__init__(f"What {card} should pay from now on")
        self.border_subtitle = content("Esc leaves all as they are")
        self._card = card
        self._all = tuple(follow_ups[: len(self.LETTERS)])
        self._ticked = {one.subscription_id for one in self._all}
        self._reader = reader

    def compose(self) -> ComposeResult:
        """One line each, and the line that commits."""
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for at, _ in enumerate(self._all):
                yield Static("", classes="panel--fact", id=f"follow-{at}")
        yield Static("", classes="panel--commit", id="follow-commit")

    def on_mount(self) -> None:
        """All are ticked at first."""
        self._say()

    def _say(self) -> None:
        for at, one in enumerate(self._all):
            tick = "✓" if one.subscription_id in self._ticked else " "
            self.query_one(f"#follow-{at}", Static).update(
                content(f"{self.LETTERS[at]} {tick} {self._words(one)}")
            )
        count = len(self._ticked)
        what = (
            f"y  {self._card} pays the {count} ticked from the next charge on"
            if count
            else "Nothing is ticked"
        )
        self.query_one("#follow-commit", Static).update(content(what))

    def _words(self, one: FollowUp) -> str:
        failed = ", its last charge failed" if one.is_failed else ""
        when = f", next {day_words(one.next_bill_date)}" if one.next_bill_date else ""
        return f"{one.product}: {state_words(one.status, self._reader)}{failed}{when}, now {one.card}"

    def on_key(self, event: events.Key) -> None:
        """A letter ticks or unticks; `y` applies."""
        letter = event.character or ""
        if event.key in ("escape", "f12"):
            event.stop()
            self.settle(None)
        elif letter == "y" and self._ticked:
            event.stop()
            self.settle({"ticked": ",".join(str(key) for key in sorted(self._ticked))})
        elif letter and letter in self.LETTERS[: len(self._all)]:
            event.stop()
            self._ticked ^= {self._all[self.LETTERS.index(letter)].subscription_id}
            self._say()
        elif event.is_printable or event.key == "enter":
            event.stop()
            event.prevent_default()

    def save(self) -> None:
        """F9 does what `y` does."""
        if self._ticked:
            self.settle({"ticked": ",".join(str(key) for key in sorted(self._ticked))})
