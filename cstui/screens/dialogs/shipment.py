"""What is done with one shipment: shipped again, with pieces and a reason, or cancelled while it has not left (TXN-02)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual import events

from cstui.domain.notes import checked_free_text
from cstui.domain.order_rules import SHIPMENT_WORDS, line_words
from cstui.domain.orders import OrderStatus, OrderView
from cstui.domain.shipments import (
    RESHIP_REASONS,
    ShipmentRow,
    ShipmentState,
    still_to_leave,
    why_not_reshipped,
    why_not_shipment_cancelled,
)
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.widgets.page_model import Cell, Column, Row, Section

_LETTERS = "abcdef"
_LINES = (Column("", least=1), Column("", least=8, right=True), Column("", least=10, grow=1))
_LONGEST_NOTE = 500


class ShipmentPanel(MoneyPanel):
    """`r` ships again, `x` cancels; digits change how many pieces, letters the reason, `n` a note. No money moves: `y` counts at once.

    The answer is `{"do": "yes"}`; `again`, `pieces`, `reason` and `note` say what was agreed.
    """

    def __init__(self, order: OrderView, row: ShipmentRow, *, cancel_first: bool = False) -> None:
        super().__init__(f"Shipment of order {order.number}: {shipment_words(row)}")
        self._order, self._row = order, row
        self._names = {line.id: (line.name, line.option) for line in order.lines}
        self._held = tuple((line_id, quantity) for line_id, quantity in row.lines if line_id in self._names)
        self._pieces = dict(self._held)
        self._reason = 0
        self.note = ""
        self.again = not cancel_first and not self.why_not_again

    # What was agreed --------------------------------------------------------------------------------

    @property
    def why_not_again(self) -> str:
        """Why it cannot be shipped again; empty where it can."""
        if self._order.status in (OrderStatus.CANCELLED, OrderStatus.FAILED):
            return "Nothing of this order is shipped any more."
        return why_not_reshipped(self._row.state)

    @property
    def why_not_cancelled(self) -> str:
        """Why it cannot be cancelled; empty where it can."""
        return why_not_shipment_cancelled(self._row.state)

    @property
    def pieces(self) -> dict[int, int] | None:
        """Pieces by order line; None for all of it."""
        return None if self._pieces == dict(self._row.lines) else dict(self._pieces)

    @property
    def reason(self) -> str:
        """The code of the reason."""
        return RESHIP_REASONS[self._reason][0]

    # What is shown ----------------------------------------------------------------------------------

    def sections(self, width: int) -> Sequence[Section]:
        """The pieces, the reasons, and what else is known."""
        found = [self._contents()]
        if self.again:
            found.append(self._reasons())
        rows = [
            Row(("fact", line), (Cell(line, "muted"),))
            for words in self._facts()
            for line in textwrap.wrap(words, max(30, width))
        ]
        if self.note:
            rows.append(Row("note", (Cell(f"Note: {self.note}"),)))
        if rows:
            found.append(Section("facts", "", tuple(rows), (Column("", grow=1),), selectable=False))
        return found

    def _contents(self) -> Section:
        rows = []
        for place, (line_id, held) in enumerate(self._held, start=1):
            count = self._pieces[line_id] if self.again else held
            name, option = self._names[line_id]
            digit = str(place) if self.again and place <= 9 else ""
            rows.append(
                Row(
                    line_id,
                    (
                        Cell(digit, "accent"),
                        Cell(
                            f"{count} of {held}" if self.again else str(held), "strong" if count else "muted"
                        ),
                        Cell(f"{name}, {option}" if option else name, "" if count else "muted"),
                    ),
                )
            )
        return Section("lines", "", tuple(rows), _LINES, empty="It holds nothing.", selectable=False)

    def _reasons(self) -> Section:
        rows = tuple(
            Row(
                code,
                (Cell(letter, "accent"), Cell("●" if at == self._reason else "○"), Cell(label)),
            )
            for at, (letter, (code, label)) in enumerate(zip(_LETTERS, RESHIP_REASONS, strict=True))
        )
        columns = (Column("", least=1), Column("", least=1), Column("", grow=1))
        return Section("reasons", "", rows, columns, selectable=False)

    def _facts(self) -> list[str]:
        row, said = self._row, []
        if self.again:
            others = [
                line_words(quantity, *self._names[line_id])
                for line_id, quantity in still_to_leave(self._order.shipments, row)
                if line_id in self._names
            ]
            if others:
                said.append(f"Another shipment has not left yet: {', '.join(others)}.")
            if row.state is ShipmentState.FAILED:
                said.append("The one that the warehouse could not send is cancelled by it.")
            said.append(
                "It waits for stock, goes to the address of the order, and costs the customer nothing."
            )
        elif row.state is ShipmentState.RELEASED:
            said.append("The warehouse has it: cancelled only if it has not left by then.")
        if not self.again:
            said.append("The order goes on, and no money moves; R refunds.")
        return said

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """What can be done, pieces, reason and note."""
        if self.is_asking:
            return (("Enter", "takes the note", ""), ("Esc", "leaves it as it was", ""))
        acts = (("r", "ship again", self.why_not_again), ("x", "cancel it", self.why_not_cancelled))
        if not self.again:
            return (*acts, ("n", "note", ""))
        last = min(9, len(self._held))
        pieces = (("1", f"1-{last} pieces" if last > 1 else "pieces", "")) if last else ()
        return (
            *acts,
            *((pieces,) if pieces else ()),
            ("a", f"a-{_LETTERS[-1]} reason", ""),
            ("n", "note", ""),
        )

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` does, or why it does nothing."""
        number = self._order.number
        if not self.again:
            if self.why_not_cancelled:
                return f"Not now: {self.why_not_cancelled}   Esc leaves", False
            return f"y cancels the shipment of {number}, {shipment_words(self._row)}   Esc leaves", True
        if self.why_not_again:
            return f"Not now: {self.why_not_again}   Esc leaves", False
        chosen = [
            line_words(count, *self._names[line_id]) for line_id, count in self._pieces.items() if count
        ]
        if not chosen:
            return "Nothing is chosen: a digit changes how many.   Esc leaves", False
        if self.reason == "other" and not self.note:
            return "The reason needs a note: n takes one.   Esc leaves", False
        return (
            f"y ships {', '.join(chosen)} of {number} again: {RESHIP_REASONS[self._reason][1]}   Esc leaves",
            True,
        )

    # Keys -------------------------------------------------------------------------------------------

    def _take_yes(self, event: events.Key) -> None:
        """No money moves: a `y` that was typed ahead counts, too."""
        words, possible = self.to_confirm()
        if possible:
            self.settle({"do": "yes"})
        else:
            self.tell(words)

    def pressed(self, key: str) -> bool:
        """Another act, another number of pieces, another reason, a note."""
        if key in ("r", "x"):
            self.again = key == "r"
        elif key == "n":
            self.open_field("note", "Note", self.note)
        elif self.again and key.isdecimal() and 1 <= int(key) <= min(9, len(self._held)):
            line_id, held = self._held[int(key) - 1]
            self._pieces[line_id] = (self._pieces[line_id] - 1) % (held + 1)
        elif self.again and key in _LETTERS:
            self._reason = _LETTERS.index(key)
        else:
            return False
        return True

    def typed(self, name: str, text: str) -> None:
        """The note. Errors: `InvalidInput` for one that is too long or holds a card number."""
        self.note = checked_free_text(text, "note", _LONGEST_NOTE) if text.strip() else ""


def shipment_words(row: ShipmentRow) -> str:
    """A shipment in a few words: `shipped, UPS 1Z…`."""
    return ", ".join(
        part for part in (SHIPMENT_WORDS[row.state], f"{row.carrier} {row.tracking}".strip()) if part
    )
