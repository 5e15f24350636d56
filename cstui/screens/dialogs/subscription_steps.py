"""Panels of a subscription's steps: what would be billed when stands above the line that `y` stores (SUB-02 … SUB-06, SUB-16 … SUB-21)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from textual import events

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.domain.subscription_changes import (
    BillPreview,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    Trial,
    TrialMove,
)
from cstui.domain.subscriptions import SubscriptionView
from cstui.format import READER, Reader, day_words, money_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.subscription_rows import preview_lines, product_words
from cstui.widgets.page_model import Cell, Row, Section

Look = Callable[[Step], None]


def read_day(text: str, today: date, field: str = "date") -> date:
    """A day as it is typed: `2026-12-31`, or `+14` for so many days from today. Errors: `InvalidInput`."""
    typed = text.strip()
    if typed[:1] == "+" and typed[1:].isascii() and typed[1:].isdigit() and len(typed) < 5:
        return today + timedelta(days=int(typed[1:]))
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise InvalidInput(
            field, typed, f"“{typed[:30]}” is not a date.", "Write it as 2026-12-31, or +14 for days."
        ) from None


def lines_of(lines: Sequence[str], width: int, tone: str = "") -> list[Row]:
    """Sentences as rows that fit."""
    return [
        Row(("line", at, part), (Cell(words, tone),))
        for at, line in enumerate(lines)
        for part, words in enumerate(textwrap.wrap(clean(line), max(20, width)) or [""])
    ]


class StepPanel(MoneyPanel):
    """A step that `y` stores once what it leads to is shown. Where no money moves a `y` that was typed ahead counts, too.

    `look` is called with the step whenever it is another one; `show_preview()` takes what comes of it, `refused` why it is not possible.
    """

    def __init__(self, title: str, view: SubscriptionView, look: Look, reader: Reader = READER) -> None:
        super().__init__(title)
        self.view = view
        self.reader = reader
        self._look = look
        self._asked: Step | None = None
        self._preview: BillPreview | None = None
        self._refused = ""

    # What a subclass says ---------------------------------------------------------------------------

    def step(self) -> Step | None:
        """What `y` would store; None while something has to be chosen first."""
        return None

    def what(self) -> str:
        """What `y` does: `pauses Tea`."""
        return ""

    def missing(self) -> str:
        """What has to be chosen first."""
        return ""

    def facts(self) -> Sequence[str]:
        """What stands above the preview."""
        return ()

    @property
    def moves_money(self) -> bool:
        """Whether a charge is sent with it, so that only a read line counts."""
        return False

    @property
    def name(self) -> str:
        """What the sentences call the subscription."""
        return product_words(self.view)

    @property
    def today(self) -> date:
        """The day in the store's zone."""
        assert self.view.today is not None, "a view that is read knows its day"
        return self.view.today

    # Showing ----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """The first look."""
        self.look_again()
        super().on_mount()

    def look_again(self) -> None:
        """Asks what the present step would lead to, where it is another one."""
        step = self.step()
        if step is not None and step != self._asked:
            self._asked, self._preview, self._refused = step, None, ""
            self._look(step)

    def show_preview(self, step: Step, preview: BillPreview | None, refused: str = "") -> None:
        """What a step leads to; what came too late for another one is dropped."""
        if self.is_mounted and step == self.step():
            self._asked, self._preview, self._refused = step, preview, refused
            self.repaint(typed=True)

    def show_view(self, view: SubscriptionView) -> None:
        """The subscription is another one now: looked at again."""
        self.view, self._asked = view, None
        self.look_again()
        self.repaint()

    def repaint(self, *, typed: bool = False) -> None:
        """Looks again where the step has changed, then paints."""
        if self.is_mounted:
            self.look_again()
        super().repaint(typed=typed)

    def sections(self, width: int) -> Sequence[Section]:
        """What is chosen, then what would be billed when."""
        rows = lines_of(self.facts(), width)
        if self._preview is not None:
            first, *rest = preview_lines(self._preview, self.reader)
            rows += lines_of([first], width, "strong")
            rows += lines_of(rest, width, "muted")
        return (Section("step", "", tuple(rows), selectable=False),)

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` stores, or why it does not."""
        if self.step() is None:
            return f"{self.missing()}   Esc leaves", False
        if self._refused:
            return f"Not now: {self._refused}   Esc leaves", False
        if self._preview is None:
            return "Being reckoned: what would be billed …   Esc leaves", False
        return f"y {self.what()}   Esc leaves it as it is", True

    def _take_yes(self, event: events.Key) -> None:
        if self.to_confirm()[1] and not self.moves_money:
            self.settle({"do": "yes"})
        else:
            super()._take_yes(event)

    def save(self) -> None:
        """F9 stores, where no money moves; else it points at the line."""
        if self.is_typing or self.moves_money or not self.to_confirm()[1]:
            super().save()
        else:
            self.settle({"do": "yes"})


class _OnDay(StepPanel):
    """A step with a day that may be named: `f` opens its field, an empty one takes it away."""

    day: date | None = None
    day_label = "on a day"

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The day."""
        return (("Enter", "takes the day", ""),) if self.is_asking else (("f", self.day_label, ""),)

    def pressed(self, key: str) -> bool:
        """`f`."""
        if key != "f":
            return False
        self.open_field("on", "Day, such as 2026-12-31 or +14", self.day.isoformat() if self.day else "")
        return True

    def typed(self, name: str, text: str) -> None:
        """The day. Errors: `InvalidInput`."""
        self.day = read_day(text, self.today, "on") if text.strip() else None


class PausePanel(_OnDay):
    """Pausing now or from a day, with a day on which it resumes by itself (SUB-02, SUB-19)."""

    day_label = "from a day"
    until: date | None = None
    keeps = False

    def step(self) -> Step | None:
        """A pause, or a planned one taken back."""
        return SubscriptionChange(drop_pause=True) if self.keeps else Pause(self.until, self.day)

    def what(self) -> str:
        """What `y` does."""
        if self.keeps:
            return f"takes the planned pause of {self.name} back"
        begins = f" from {day_words(self.day)}" if self.day else " now"
        ends = f", resumes {day_words(self.until)}" if self.until else ", until somebody resumes it"
        return f"pauses {self.name}{begins}{ends}"

    def facts(self) -> Sequence[str]:
        """What is planned already."""
        return (f"Planned: pauses on {day_words(self.view.pause_on)}.",) if self.view.pause_on else ()

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The two days."""
        if self.is_asking:
            return super().keys()
        back = (("k", "no pause after all", ""),) if self.view.pause_on else ()
        return (("u", "until a day", ""), *super().keys(), *back)

    def pressed(self, key: str) -> bool:
        """`u`, `f`, `k`."""
        if key == "u":
            self.keeps = False
            self.open_field(
                "until", "Resumes on, such as 2026-12-31 or +14", self.until.isoformat() if self.until else ""
            )
            return True
        if key == "k" and self.view.pause_on:
            self.keeps = not self.keeps
            return True
        self.keeps = False
        return super().pressed(key)

    def typed(self, name: str, text: str) -> None:
        """One of the days. Errors: `InvalidInput`."""
        if name == "until":
            self.until = read_day(text, self.today, "until") if text.strip() else None
        else:
            super().typed(name, text)


class ResumePanel(_OnDay):
    """Billing again, in its old rhythm or from a day on (SUB-03)."""

    def step(self) -> Step | None:
        """Goes on."""
        return Resume(self.day)

    def what(self) -> str:
        """What `y` does."""
        return f"resumes {self.name}" + (f", billed {day_words(self.day)}" if self.day else "")


class ReactivatePanel(_OnDay):
    """Bringing back what was cancelled, has stopped or is past due (SUB-20)."""

    day_label = "billed on a day"

    def step(self) -> Step | None:
        """Alive again."""
        return Reactivate(self.day)

    def what(self) -> str:
        """What `y` does."""
        when = f", billed {day_words(self.day)}" if self.day else ""
        return f"brings {self.name} back{when}"

    def facts(self) -> Sequence[str]:
        """Why it ended."""
        return (f"It ended: {self.view.cancel_reason}",) if self.view.cancel_reason else ()


class SkipPanel(StepPanel):
    """The next charge is left out (SUB-04)."""

    def step(self) -> Step | None:
        """One cycle on."""
        return Skip()

    def what(self) -> str:
        """What `y` does."""
        return f"skips the next charge of {self.name}; nothing is charged for it"


class KeepPanel(StepPanel):
    """A planned end is taken back."""

    def step(self) -> Step | None:
        """Goes on."""
        return SubscriptionChange(drop_cancel=True)

    def what(self) -> str:
        """What `y` does."""
        return f"takes the planned end of {self.name} back"


class TrialPanel(StepPanel):
    """A trial begins anew, is skipped and billed at once, or stops (SUB-09, SUB-16)."""

    move: TrialMove | None = None
    now = False

    def step(self) -> Step | None:
        """What was chosen."""
        return Trial(self.move, self.now) if self.move is not None else None

    def missing(self) -> str:
        """A choice."""
        return "r, k or s chooses what becomes of the trial."

    def what(self) -> str:
        """What `y` does."""
        if self.move is TrialMove.RESTART:
            return f"restarts the trial of {self.name} from its first day"
        if self.move is TrialMove.SKIP:
            amount = money_words(self._preview.total, self.reader) if self._preview else ""
            return f"ends the trial of {self.name} and charges {amount} to {self.view.card or 'the card'} now"
        return f"stops {self.name} {'now' if self.now else 'at the end of its trial'}, uncharged"

    def facts(self) -> Sequence[str]:
        """Until when it goes."""
        ends = self.view.row.trial_ends_on
        return (f"In its trial until {day_words(ends)}.",) if ends else ()

    @property
    def moves_money(self) -> bool:
        """Skipping bills cycle 2 at once."""
        return self.move is TrialMove.SKIP

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The three moves."""
        return (
            ("r", "restart", ""),
            ("k", "skip, bill now", ""),
            ("s", "stop at its end", ""),
            ("n", "stop now", ""),
        )

    def pressed(self, key: str) -> bool:
        """One of them."""
        moves = {"r": TrialMove.RESTART, "k": TrialMove.SKIP, "s": TrialMove.STOP, "n": TrialMove.STOP}
        if key not in moves:
            return False
        self.move, self.now = moves[key], key == "n"
        return True
