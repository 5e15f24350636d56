"""Sending a mail of an order: which one by its letter, to whom, how it will read, and the line that `y` commits (MAIL-01 … MAIL-03)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from textual import events

from cstui.domain.mails import MailPreview, MailWanted, checked_recipient
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.widgets.page_model import Cell, Column, Row, Section

#: So many mails have a letter; o, s, t, v and y have other meanings here.
LETTERS = "abcdefghijklmn"
#: So many lines of a mail are shown before `v` shows all of it.
_FIRST_LINES = 6
_COLUMNS = (Column("", least=1), Column("", least=1), Column("", least=14), Column("", least=10, grow=1))


@dataclass(frozen=True, slots=True)
class MailItem:
    """One mail that can be chosen: a kind about a record, or one that stands in the list of mails (by its id).

    `to` is where it goes unless another address is chosen; `known` are the addresses of order and profile. `why_not` says why it cannot
    be sent now, empty where it can.
    """

    which: int | MailWanted
    label: str
    to: str
    known: tuple[str, ...] = ()
    sent_at: datetime | None = None
    why_not: str = ""


class MailPanel(MoneyPanel):
    """Choosing and previewing one mail. No money moves: `y` counts as soon as it is pressed, and Enter still does nothing.

    `look` is called with what is chosen whenever another mail or address is; `show_preview()` takes what comes of it. The answer is
    `{"do": "yes"}`; `item`, `to` and `override` say what was agreed.
    """

    def __init__(
        self,
        title: str,
        items: Sequence[MailItem],
        chosen: int,
        preview: MailPreview | None,
        moment: Callable[[datetime], str],
        look: Callable[[MailItem, str], None],
        *,
        why_no_other: str = "",
        why_no_override: str = "",
    ) -> None:
        super().__init__(title)
        self._items = tuple(items)[: len(LETTERS)]
        self._at = chosen
        self._preview = preview
        self._moment = moment
        self._look = look
        self._why_no_other, self._why_no_override = why_no_other, why_no_override
        self._to = self.item.to
        self._whole = False
        self.override = False

    @property
    def item(self) -> MailItem:
        """The chosen mail."""
        return self._items[self._at]

    @property
    def to(self) -> str:
        """Where it goes."""
        return self._to

    @property
    def warning(self) -> str:
        """What stands against this address; empty for nothing."""
        return self._preview.warning if self._preview is not None else ""

    def show_preview(self, item: MailItem, to: str, preview: MailPreview | None) -> None:
        """How the chosen mail reads; what came too late for another choice is dropped."""
        if self.is_mounted and (item, to) == (self.item, self.to):
            self._preview = preview
            self.repaint()

    # What is shown ----------------------------------------------------------------------------------

    def sections(self, width: int) -> Sequence[Section]:
        """The mails with their letters, then the chosen one as it would arrive."""
        letter = self._letter(width)
        return (letter,) if self._whole else (self._choice(), letter)

    def _choice(self) -> Section:
        rows = []
        for letter, item in zip(LETTERS, self._items, strict=False):
            chosen = item is self.item
            last = f"sent {self._moment(item.sent_at)}" if item.sent_at else "not sent from here"
            rows.append(
                Row(
                    letter,
                    (
                        Cell(letter, "muted" if item.why_not else "accent"),
                        Cell("●" if chosen else "○"),
                        Cell(item.label, "muted" if item.why_not else "strong" if chosen else ""),
                        Cell(item.why_not or last, "muted"),
                    ),
                )
            )
        return Section("mails", "", tuple(rows), _COLUMNS, selectable=False)

    def _letter(self, width: int) -> Section:
        preview = self._preview
        if preview is None:
            return Section("letter", "", selectable=False)
        lines = [
            line
            for part in preview.text.strip().splitlines()
            for line in (textwrap.wrap(part, max(30, width - 10)) or [""])
        ]
        shown = lines if self._whole else [line for line in lines if line][:_FIRST_LINES]
        rows = [Row("subject", (Cell("Subject", "muted"), Cell(preview.subject, "strong")))]
        rows += [
            Row(("text", i), (Cell("" if i else "Text", "muted"), Cell(line))) for i, line in enumerate(shown)
        ]
        if not self._whole and len(shown) < sum(1 for line in lines if line):
            rows.append(Row("more", (Cell(""), Cell("… v shows all of it", "muted"))))
        return Section("letter", "", tuple(rows), (Column("", least=8), Column("", grow=1)), selectable=False)

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Another mail, another address, all of its text."""
        if self.is_asking:
            return (("Enter", "takes the address", ""), ("Esc", "leaves it as it was", ""))
        last = LETTERS[len(self._items) - 1]
        which = (("a", f"a-{last} which mail", ""),) if len(self._items) > 1 else ()
        addresses = self._addresses()
        turn = (("t", f"to {_after(addresses, self.to)}", ""),) if len(addresses) > 1 else ()
        send = (
            (("s", "send all the same", self._why_no_override),) if self.warning and not self.override else ()
        )
        whole = "less" if self._whole else "whole text"
        return (*which, *turn, ("o", "other address", self._why_no_other), *send, ("v", whole, ""))

    def _addresses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(address for address in (self.item.to, *self.item.known) if address))

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` sends to whom, or why it does not."""
        if self.item.why_not:
            return f"Not now: {self.item.why_not}   Esc leaves", False
        if not self.to:
            return "There is no address: o takes one.   Esc leaves", False
        if self.warning and not self.override:
            more = (
                "o takes another address"
                if self._why_no_override
                else "s sends it all the same, o takes another address"
            )
            return f"Not sent: {self.warning}   {more}, Esc leaves", False
        again = "again " if self.item.sent_at else ""
        stopped = ", although the address is suppressed" if self.warning else ""
        return f"y sends the mail “{self.item.label}” {again}to {self.to}{stopped}   Esc leaves", True

    # Keys -------------------------------------------------------------------------------------------

    def _take_yes(self, event: events.Key) -> None:
        """No money moves: a `y` that was typed ahead counts, too."""
        words, possible = self.to_confirm()
        if possible:
            self.settle({"do": "yes"})
        else:
            self.tell(words)

    def pressed(self, key: str) -> bool:
        """A letter of a mail, or one of the other keys."""
        at = LETTERS.find(key)
        if 0 <= at < len(self._items):
            self._at = at
            self._change_to(self.item.to)
        elif key == "t" and len(self._addresses()) > 1:
            self._change_to(_after(self._addresses(), self.to))
        elif key == "o":
            self.open_field("to", "Send it to")
        elif key == "s" and self.warning:
            self.override = True
        elif key == "v":
            self._whole = not self._whole
        else:
            return False
        return True

    def _change_to(self, to: str) -> None:
        self._to, self.override, self._preview = to, False, None
        self._look(self.item, to)

    def typed(self, name: str, text: str) -> None:
        """Another address. Errors: `InvalidInput` for one that is none."""
        self._change_to(checked_recipient(text))


def _after(addresses: tuple[str, ...], now: str) -> str:
    at = addresses.index(now) if now in addresses else -1
    return addresses[(at + 1) % len(addresses)]
