"""The refund panel: what goes back, of what, how, and why – chosen by digits and letters, committed by `y` (D-07, REF-05, REF-15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cstui.domain.errors import InvalidInput
from cstui.domain.money import minor_from_typed
from cstui.domain.refunds import AttemptRow, RefundBasis, RefundChoice
from cstui.format import Reader, name_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.dialogs.refund_draft import RefundDraft, Wanted
from cstui.screens.dialogs.refund_words import busy_words, commit_words, key_words_of, refund_sections
from cstui.text import content
from cstui.widgets.page_model import Cell, Row, Section

_REASON_LETTERS = "abcdefghijklmnopqrstuvwxz"
_PAYEE, _ADDRESS = "payee", "payee_address"


class RefundPanel(MoneyPanel):
    """One refund being chosen. It opens on the full refund of what remains; `wanted` is what a `y` confirmed.

    While somebody is at the order's money it shows who, and for how long, instead of a form (C-01). `clock` gives the present instant.
    The answer is `{"do": "yes"}`, or `{"do": "takeback"}` where the person's own attempt stands in the way.
    """

    def __init__(
        self,
        basis: RefundBasis,
        customer: str,
        reader: Reader,
        clock: Callable[[], datetime],
        *,
        choice: RefundChoice | None = None,
        me: str = "",
        attempt: AttemptRow | None = None,
    ) -> None:
        self.draft = RefundDraft(basis, choice or RefundChoice())
        self._customer = name_words(customer)
        self._reader = reader
        self._clock = clock
        self._me = me
        self._attempt = attempt
        self._payee = ""
        super().__init__(self._title())

    def _title(self) -> str:
        charge = self.draft.target
        what = f"charge {charge.card} of order" if charge is not None else "order"
        return f"Refund {what} {self.draft.basis.number} – {self._customer}"

    @property
    def wanted(self) -> Wanted:
        """What is chosen, with the plan that the commit line tells of."""
        return self.draft.wanted(self._clock())

    def show_basis(self, basis: RefundBasis, attempt: AttemptRow | None = None) -> None:
        """The money of the order is different now; `attempt` is what is under way. What was chosen and typed stays."""
        self.draft.renew(basis)
        self._attempt = attempt
        self.repaint()

    def tick(self) -> None:
        """Time has passed: cut-offs come nearer, an undo window closes."""
        if not self.is_asking:
            self.repaint()

    # What it says -----------------------------------------------------------------------------------

    def sections(self, width: int) -> Sequence[Section]:
        """Sums, lines, charges, what follows; the reasons while one is being chosen."""
        if self._asking == "reason":
            rows = tuple(
                Row(
                    code,
                    (
                        Cell(
                            f"{_REASON_LETTERS[place]} {label}", "strong" if code == self.draft.reason else ""
                        ),
                    ),
                )
                for place, (code, label) in enumerate(self.draft.basis.reasons[: len(_REASON_LETTERS)])
            )
            return [Section("reasons", "", rows, selectable=False)]
        now = self._clock()
        return refund_sections(self.draft, self.draft.plan(now), self._reader, now, width)

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The keys of a form; fewer while somebody is at the money."""
        if self._asking == "reason":
            return (("a-z", "chooses the reason", ""),)
        if self._asking:
            return (("Enter", "takes it", ""),)
        if self.draft.busy is not None:
            return (("u", "take back", ""),) if self._is_mine_to_take_back else ()
        return key_words_of(self.draft)

    @property
    def _is_mine_to_take_back(self) -> bool:
        attempt = self._attempt
        return attempt is not None and attempt.requested_by == self._me and attempt.state == "armed"

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` does now."""
        now = self._clock()
        busy = self.draft.busy
        if busy is not None:
            return (
                f"{busy_words(self._attempt, busy.in_flight, busy.in_flight == self._me, self._reader, now)}   Esc leaves",
                False,
            )
        made = self.draft.plan(now)
        return commit_words(self.draft, made, self._reader, now), not made.why_not

    # Choosing ---------------------------------------------------------------------------------------

    def pressed(self, key: str) -> bool:
        """A key of the panel."""
        if self._asking == "reason":
            return self._choose_reason(key)
        if self.draft.busy is not None:
            if key == "u" and self._is_mine_to_take_back:
                self.settle({"do": "takeback"})
                return True
            return False
        if why_not := self.draft.why_not(key):
            self._said = why_not
            return True
        if key in ("%", "g", "n", "m"):
            self._ask(key)
            return True
        if key == "r":
            self._asking = "reason"
            return True
        done = self.draft.press(key)
        self.border_title = content(self._title())
        return done

    def _choose_reason(self, key: str) -> bool:
        at = _REASON_LETTERS.find(key)
        if not 0 <= at < len(self.draft.basis.reasons):
            return False
        self.draft.reason = self.draft.basis.reasons[at][0]
        self._asking = ""
        return True

    def _ask(self, key: str) -> None:
        if key == "m" and self.draft.choice.method == "manual":
            self.draft.pay_by_hand("", "")
            return
        name, label, text = {
            "%": ("percent", "How many percent of what remains? 1 to 100", ""),
            "g": ("amount", f"Which amount, in {self.draft.basis.currency}? It belongs to no line", ""),
            "n": ("note", "Note for the history of the order", self.draft.note),
            "m": (_PAYEE, "Who gets the cheque?", self._customer),
        }[key]
        self.open_field(name, label, text)

    def typed(self, name: str, text: str) -> None:
        """What was typed into a field. Errors: `InvalidInput`."""
        draft = self.draft
        if name == "percent":
            figure = text.strip().rstrip("%").strip()
            if not (figure.isascii() and figure.isdigit() and 1 <= int(figure[:4]) <= 100):
                raise InvalidInput(
                    name, text, f"“{text}” is no percentage.", "Type a whole number from 1 to 100."
                )
            draft.give_percent(int(figure))
        elif name == "amount":
            draft.give_amount(minor_from_typed(text, draft.basis.currency, name))
        elif name == "note":
            draft.note = text.strip()
        elif name == _PAYEE:
            self._payee = text.strip()
            if not self._payee:
                raise InvalidInput(name, text, "A cheque needs a name.", "Type who gets it, or Esc.")
            self.open_field(_ADDRESS, "To which address?", draft.choice.payee_address)
        elif name == _ADDRESS:
            if not text.strip():
                raise InvalidInput(name, text, "A cheque needs an address.", "Type where it goes, or Esc.")
            draft.pay_by_hand(self._payee, text.strip())
