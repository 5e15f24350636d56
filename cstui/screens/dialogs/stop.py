"""The panel of "stop everything": what there is with ticks, why, and one line that does it; then what was left, to be asked for again (D-09)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import datetime

from cstui.domain.money import Money
from cstui.domain.notes import checked_free_text
from cstui.domain.stopping import StopItem, StopKind, StopPreview, StopReport, counted
from cstui.format import Reader, moment_words, money_words, name_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.widgets.page_model import Cell, Column, Row, Section

#: `m` and `n` have a meaning of their own, `y` commits, `a` asks again.
_LETTERS = "bcdefghijklopqrstuvwx"
_PAGE = 9
_COLUMNS = (
    Column("", least=1),
    Column("", least=1),
    Column("", least=10, grow=1),
    Column("", least=8, right=True),
)
_KINDS = {
    StopKind.SUBSCRIPTION: "Subscription",
    StopKind.SHIPMENT: "Shipment",
    StopKind.HOLD: "Hold",
    StopKind.CHARGE: "Charge",
}
_OTHER = "other"
_LONGEST_NOTE = 500


class StopPanel(MoneyPanel):
    """Digits untick, a letter says why, `y` stops what is ticked. `chosen`, `reason`, `note` and `mails` are what a `y` confirmed.

    The answer is `{"do": "yes"}`, or `{"do": "again"}` for what was left.
    """

    def __init__(self, preview: StopPreview, reader: Reader, clock: Callable[[], datetime]) -> None:
        super().__init__(f"Stop everything – {name_words(preview.name)}")
        self._preview = preview
        self._reader = reader
        self._clock = clock
        self._off: set[str] = set()
        self._first = 0
        self._report: StopReport | None = None
        self.reason = ""
        self.note = ""
        self.mails = True

    # What was agreed --------------------------------------------------------------------------------

    @property
    def _items(self) -> tuple[StopItem, ...]:
        return self._preview.items

    @property
    def _ticked(self) -> tuple[StopItem, ...]:
        return tuple(item for item in self._items if item.can_stop and item.id not in self._off)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ids that are ticked, with those that somebody held when they were read: he may have gone, else the report names him."""
        return tuple(item.id for item in self._items if not item.why_not and item.id not in self._off)

    def show_preview(self, preview: StopPreview) -> None:
        """What there is now; what was unticked stays so."""
        self._preview, self._report, self._first = preview, None, 0
        self.repaint()
        self.line.anew()

    def show_left(self, report: StopReport) -> None:
        """What was stopped, and what was left with the reason."""
        self._report = report
        self.say_problem(self._words(report))

    def _words(self, report: StopReport) -> str:
        return report.in_words(lambda amount: money_words(amount, self._reader))

    # What is shown ----------------------------------------------------------------------------------

    def sections(self, width: int) -> Sequence[Section]:
        """Everything with its tick and what goes with it, then the reasons; or what was left."""
        if self._report is not None:
            rows = [
                Row(
                    left.item.id,
                    (Cell(""), Cell("·"), Cell(f"{_titled(left.item)}: {left.why}", "warn"), Cell("")),
                )
                for left in self._report.left
            ]
            return [Section("left", "", tuple(rows), _COLUMNS, selectable=False)]
        found = [Section("items", "", tuple(self._rows(width)), _COLUMNS, selectable=False)]
        columns = (Column("", least=1), Column("", least=1), Column("", grow=1))
        reasons = tuple(
            Row(
                code,
                (Cell(letter, "accent"), Cell("●" if code == self.reason else "○"), Cell(label)),
            )
            for letter, (code, label) in zip(_LETTERS, self._preview.reasons, strict=False)
        )
        found.append(Section("reasons", "", reasons, columns, selectable=False))
        facts = [f"Note: {self.note}"] if self.note else []
        facts.append(
            "The customer gets one mail about it." if self.mails else "The customer gets no mail about it."
        )
        facts.append("What was paid is not given back by this; R refunds.")
        rows = [Row(("fact", said), (Cell(said, "muted"),)) for said in facts]
        found.append(Section("facts", "", tuple(rows), (Column("", grow=1),), selectable=False))
        return found

    def _rows(self, width: int) -> Sequence[Row]:
        rows = []
        for at, item in enumerate(self._items):
            digit = str(at - self._first + 1) if 0 <= at - self._first < _PAGE else ""
            is_on = item in self._ticked
            amount = money_words(item.amount, self._reader) if item.amount is not None else ""
            tone = "" if is_on else "muted"
            is_off = item.id in self._off or bool(item.why_not)
            sign = "✓" if is_on else "–" if is_off else "!"
            cells = (
                Cell(digit, "muted" if item.why_not else "accent"),
                Cell(sign, "good" if is_on else "muted"),
                Cell(_titled(item), tone),
                Cell(amount, tone),
            )
            rows.append(Row(item.id, cells))
            why = self._why_not(item)
            for said in (why, *item.plans) if why else item.plans:
                for line in textwrap.wrap(said, max(30, width - 24)):
                    cell = Cell(f"  {line}", "warn" if said == why else "muted")
                    rows.append(Row((item.id, said, line), (Cell(""), Cell(""), cell, Cell(""))))
        return rows

    def _why_not(self, item: StopItem) -> str:
        if item.holder:
            since = f" since {moment_words(item.since, self._clock(), self._reader)}" if item.since else ""
            return (
                f"Locked by {item.holder} on {item.terminal}{since}: it is left, and can be asked for again."
            )
        return item.why_not

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Digits untick, letters say why; or what was left is asked for again."""
        if self.is_asking:
            return (("Enter", "takes the note", ""), ("Esc", "leaves it as it was", ""))
        if self._report is not None:
            return (("a", "again", ""),)
        count = min(_PAGE, len(self._items) - self._first)
        letters = _LETTERS[: len(self._preview.reasons)]
        found = [(f"1-{count}" if count > 1 else "1", "tick", "")]
        if len(self._items) > _PAGE:
            found.append((".", "numbers the next nine", ""))
        reason = f"{letters[:1]}-{letters[-1:]}" if len(letters) > 1 else letters
        found += [("0", "all or none", ""), (reason, "reason", "")]
        return (*found, ("n", "note", ""), ("m", "no mail" if self.mails else "mail", ""))

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` stops, or what is missing."""
        if self._report is not None:
            return "a asks again for what was left   Esc leaves it", False
        if not self._ticked:
            return "Nothing is ticked that can be stopped now.   Esc leaves", False
        if not self.reason:
            return "A letter says why first.   Esc leaves", False
        if self.reason == _OTHER and not self.note:
            return "The reason needs a note: n takes one.   Esc leaves", False
        label = dict(self._preview.reasons).get(self.reason, "")
        stopped = counted(self._ticked, self._money)
        held = {item.holder: 0 for item in self._items if item.holder and item.id in self.chosen}
        left = f"; what {' and '.join(held)} holds is left" if held else ""
        return f"y stops {stopped}: {label}{left}   Esc leaves", True

    def _money(self, amount: Money) -> str:
        return money_words(amount, self._reader)

    # Keys -------------------------------------------------------------------------------------------

    def pressed(self, key: str) -> bool:
        """A tick, a reason, a note, the mail; or once more."""
        if self._report is not None:
            if key == "a":
                self.settle({"do": "again"})
            return key == "a"
        letters = dict(zip(_LETTERS, (code for code, _ in self._preview.reasons), strict=False))
        if key.isdecimal() and key.isascii():
            return self._tick(int(key))
        if key == "." and len(self._items) > _PAGE:
            self._first = (self._first + _PAGE) if self._first + _PAGE < len(self._items) else 0
        elif key == "n":
            self.open_field("note", "Note", self.note)
        elif key == "m":
            self.mails = not self.mails
        elif key in letters:
            self.reason = letters[key]
        else:
            return False
        return True

    def _tick(self, digit: int) -> bool:
        if digit == 0:
            self._off = {item.id for item in self._items} if self._ticked else set()
            return True
        at = self._first + digit - 1
        if at >= len(self._items):
            return False
        item = self._items[at]
        if item.why_not:
            self._said = item.why_not
        else:
            self._off ^= {item.id}
        return True

    def typed(self, name: str, text: str) -> None:
        """The note. Errors: `InvalidInput` for one that is too long or holds a card number."""
        self.note = checked_free_text(text, "note", _LONGEST_NOTE) if text.strip() else ""


def _titled(item: StopItem) -> str:
    number = f" {item.order_number}" if item.order_number else ""
    return f"{_KINDS[item.kind]}{number}: {item.words}"
