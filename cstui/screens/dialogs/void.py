"""The void panel: a charge that has not settled is taken back whole, or a hold on the card is lifted (REF-01, REF-03, REF-06)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cstui.domain.money import Money
from cstui.domain.payments import TransactionKind
from cstui.domain.refund_plan import void_plan
from cstui.domain.refunds import AttemptRow, Charge, RefundBasis
from cstui.format import Reader, left_words, moment_words, money_words, name_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.dialogs.refund_words import WIDE, busy_words, with_words
from cstui.widgets.page_model import Cell, Column, Row, Section

_COLUMNS = (
    Column("", least=1),
    Column("", least=1),
    Column("Amount", least=8, right=True),
    Column("Card", least=8),
    Column("Taken", least=6),
)
_WIDE_COLUMNS = (*_COLUMNS, Column("", least=10, grow=1))


class VoidPanel(MoneyPanel):
    """The charges of an order that can be voided, the first one chosen; digits choose another. `charge` is what a `y` confirmed.

    `only` narrows it to one transaction. The answer is `{"do": "yes"}`, or `{"do": "takeback"}`.
    """

    def __init__(
        self,
        basis: RefundBasis,
        customer: str,
        reader: Reader,
        clock: Callable[[], datetime],
        *,
        only: int = 0,
        me: str = "",
        attempt: AttemptRow | None = None,
    ) -> None:
        super().__init__(f"Void a charge of order {basis.number} – {name_words(customer)}")
        self._basis = basis
        self._reader = reader
        self._clock = clock
        self._only = only
        self._me = me
        self._attempt = attempt
        self.reason = ""
        self._chosen = only or next((c.transaction_id for c in self._charges if not self._why_not(c)), 0)

    @property
    def _charges(self) -> tuple[Charge, ...]:
        return tuple(c for c in self._basis.charges if self._only in (0, c.transaction_id))

    @property
    def charge(self) -> Charge | None:
        """The chosen one."""
        return next((c for c in self._basis.charges if c.transaction_id == self._chosen), None)

    def show_basis(self, basis: RefundBasis, attempt: AttemptRow | None = None) -> None:
        """The money of the order is different now."""
        self._basis, self._attempt = basis, attempt
        self.repaint()

    def tick(self) -> None:
        """Cut-offs come nearer."""
        if not self.is_asking:
            self.repaint()

    def _why_not(self, charge: Charge) -> str:
        return void_plan(self._basis, charge.transaction_id, self._clock()).why_not

    def sections(self, width: int) -> Sequence[Section]:
        """A row for each charge, with until when it can be voided, or why not."""
        now, rows = self._clock(), []
        for place, charge in enumerate(self._charges[:9], start=1):
            why_not = self._why_not(charge)
            until = charge.void_until
            words = why_not or (
                f"until {moment_words(until, now, self._reader)}, {left_words(until, now)}"
                if until
                else "now"
            )
            if charge.kind is TransactionKind.AUTHORISE and not why_not:
                words = f"lifts the hold on the card, {words}"
            chosen = charge.transaction_id == self._chosen
            amount = money_words(Money(charge.amount, charge.currency), self._reader)
            cells = (
                Cell(str(place), "muted" if why_not else "accent"), Cell("●" if chosen else "○"), Cell(amount, "strong"),
                Cell(charge.card_in_words or "no card"), Cell(moment_words(charge.at, now, self._reader), "muted"),
            )  # fmt: skip
            rows.append(with_words(charge.transaction_id, cells, words, "warn" if why_not else "", width))
        columns = _WIDE_COLUMNS if width >= WIDE else _COLUMNS
        sections = [Section("charges", "", tuple(rows), columns, selectable=False)]
        if self.reason:
            sections.append(
                Section("note", "", (Row("note", (Cell("Reason"), Cell(self.reason))),), selectable=False)
            )
        return sections

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Digits where there is a choice, and the reason."""
        if self.is_asking:
            return (("Enter", "takes it", ""),)
        if self._is_mine_to_take_back:
            return (("u", "take back", ""),)
        count = min(9, len(self._charges))
        digits = ((f"1-{count}", "charges", ""),) if count > 1 else ()
        return (*digits, ("n", "reason", ""))

    @property
    def _is_mine_to_take_back(self) -> bool:
        attempt = self._attempt
        return attempt is not None and attempt.requested_by == self._me and attempt.state == "armed"

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` voids, or why nothing can be."""
        charge, now = self.charge, self._clock()
        busy = next((c for c in self._charges if c.in_flight and not c.is_unknown), None)
        if busy is not None:
            said = busy_words(self._attempt, busy.in_flight, busy.in_flight == self._me, self._reader, now)
            return f"{said}   Esc leaves", False
        if charge is None:
            reasons = dict.fromkeys(self._why_not(c) for c in self._charges)
            words = (
                next(iter(reasons))
                if len(reasons) == 1
                else "No charge of this order can be voided; R refunds."
            )
            return f"Not possible now: {words or 'There is nothing to void.'}", False
        made = void_plan(self._basis, charge.transaction_id, now)
        if made.why_not:
            return f"Not possible now: {made.why_not}", False
        if made.needs_approval:
            return "Not possible now: This is above your limit; R asks a supervisor by itself.", False
        amount = money_words(made.total, self._reader)
        reason = f" · {self.reason}" if self.reason else ""
        return (
            f"y voids {amount} on {self._basis.number}, {charge.card_in_words or 'no card'}{reason}   Esc leaves",
            True,
        )

    def pressed(self, key: str) -> bool:
        """A digit chooses, `n` takes a reason."""
        if key == "u" and self._is_mine_to_take_back:
            self.settle({"do": "takeback"})
            return True
        if key == "n":
            self.open_field("note", "Reason for the history of the order", self.reason)
            return True
        if key.isdigit() and key != "0" and int(key) <= len(self._charges):
            charge = self._charges[int(key) - 1]
            why_not = self._why_not(charge)
            if why_not:
                self._said = why_not
            else:
                self._chosen = charge.transaction_id
            return True
        return False

    def typed(self, name: str, text: str) -> None:
        """The reason."""
        self.reason = text.strip()
