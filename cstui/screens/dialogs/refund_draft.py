"""What the refund panel holds while an agent chooses: which key does what now, why one does nothing, and the plan that follows (D-07)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from cstui.domain.gateways import Operation
from cstui.domain.payments import RefundMethod
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import Charge, RefundBasis, RefundChoice, RefundLine, RefundPlan, Share

#: How many lines have a digit at a time.
DIGITS = 9
_GOODWILL = "goodwill"
_SUPERVISOR = "Ask a supervisor."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `y` confirmed: the choice, what it came to when it was read, and what is to follow."""

    choice: RefundChoice
    plan: RefundPlan
    reason: str
    note: str = ""
    cancel_order: bool = False
    stop_subscriptions: bool = False


@dataclass(frozen=True, slots=True)
class DraftKey:
    """One key of the panel as it is shown: dimmed where `why_not` says why it does nothing now."""

    key: str
    label: str
    why_not: str = ""


@dataclass
class RefundDraft:
    """One refund while it is being chosen. It starts as the full refund of what remains, with the likely reason.

    A digit gives one more piece of its line back; after the last one, none. `first` is the line that digit 1 stands for.
    """

    basis: RefundBasis
    choice: RefundChoice = field(default_factory=RefundChoice)
    reason: str = ""
    note: str = ""
    cancel_order: bool = False
    stop_subscriptions: bool = False
    first: int = 0
    last: int = -1

    def __post_init__(self) -> None:
        self.reason = self.reason or self.basis.preset_reason

    # What it comes to -------------------------------------------------------------------------------

    def plan(self, now: datetime) -> RefundPlan:
        """The plan as it stands."""
        return plan(self.basis, self.choice, now)

    def wanted(self, now: datetime) -> Wanted:
        """All of it, to be asked for."""
        return Wanted(
            self.choice, self.plan(now), self.reason, self.note,
            self.cancel_order and self.basis.may_cancel, self.stop_subscriptions,
        )  # fmt: skip

    @property
    def reason_label(self) -> str:
        """The reason in words."""
        return dict(self.basis.reasons).get(self.reason, "")

    @property
    def target(self) -> Charge | None:
        """The one charge that it is narrowed to, if any."""
        wanted = self.choice.transaction_id
        return next((charge for charge in self.basis.charges if charge.transaction_id == wanted), None)

    @property
    def busy(self) -> Charge | None:
        """A charge in question that somebody is at right now, so that there is nothing to choose (C-01)."""
        return next(
            (c for c in self.basis.charges if c.in_flight and not c.is_unknown and self.target in (None, c)), None
        )  # fmt: skip

    def renew(self, basis: RefundBasis) -> None:
        """The money of the order moved: the choice stays, as far as there is still something of it."""
        self.basis = basis
        still = {line.line_id: line.open_quantity for line in basis.lines}
        lines = tuple(
            (line_id, min(count, still[line_id]))
            for line_id, count in self.choice.lines
            if still.get(line_id)
        )
        self.choice = replace(self.choice, lines=lines)
        if self.reason not in dict(basis.reasons):
            self.reason = basis.preset_reason

    def pieces(self, line: RefundLine) -> int:
        """How many pieces of a line are chosen; all open ones where everything goes back."""
        if self.choice.share is Share.FULL:
            return line.open_quantity
        return dict(self.choice.lines).get(line.line_id, 0)

    @property
    def gives_shipping(self) -> bool:
        """Whether shipping goes back."""
        share = self.choice.share
        return share is Share.FULL or (share is Share.LINES and self.choice.with_shipping)

    # Keys -------------------------------------------------------------------------------------------

    def shown_keys(self) -> tuple[DraftKey, ...]:
        """The keys to show, in their order."""
        lines = len(self.basis.lines)
        shown: list[tuple[str, str]] = []
        if lines:
            shown.append(("1", "line") if lines == 1 else (f"1-{min(lines, DIGITS)}", "lines"))
        if self._line_to_fill() is not None:
            shown.append(("l", "all of that line"))
        if lines > DIGITS:
            shown.append((">", "next lines"))
        shown.append(("a", "all"))
        if self.target is not None:
            shown += [("v", "void or refund"), ("w", "whole order")]
        shown += [
            ("s", "shipping"), ("f", "fee"), ("%", "percent"), ("g", "goodwill"), ("t", "other card"), ("m", "manual"),
            ("x", "elsewhere"), ("r", "reason"), ("n", "note"), ("c", "cancel order"),
        ]  # fmt: skip
        if self.basis.live_subscriptions:
            shown.append(("p", "stop subscr."))
        return tuple(DraftKey(key, label, "" if key[0] == "1" else self.why_not(key)) for key, label in shown)

    def why_not(self, key: str) -> str:
        """Why a key of the panel does nothing now; empty where it does something or is none of its keys."""
        basis = self.basis
        if key.isdigit() and key != "0":
            return self._why_not_line(int(key))
        recording = (
            ""
            if basis.may_record
            else f"Recording a refund made by other means is a right of its own. {_SUPERVISOR}"
        )
        goodwill = "" if basis.may_goodwill else f"A free amount is a right of its own. {_SUPERVISOR}"
        answers = {
            "s": "" if self._open_shipping() else "No shipping was paid, or it has gone back already.",
            "f": "" if basis.fee_minor or basis.fee_percent else "This store keeps no restocking fee.",
            "g": goodwill, "m": recording, "x": recording, "t": self._why_not_other_card(),
            "r": "" if basis.reasons else "This store has no reasons to choose from.",
            "c": self._why_not_cancelled(),
            "p": "" if basis.live_subscriptions else "No subscription of this order is running.",
        }  # fmt: skip
        return answers.get(key, "")

    def _why_not_line(self, number: int) -> str:
        at = self.first + number - 1
        if at >= len(self.basis.lines):
            count = len(self.basis.lines)
            return f"This order has {count} line{'' if count == 1 else 's'}."
        line = self.basis.lines[at]
        return "" if line.open_quantity else f"{line.name} has been given back already."

    def _why_not_other_card(self) -> str:
        if not self.basis.may_other_card:
            return f"Refunding to another card is a right of its own. {_SUPERVISOR}"
        return "" if self.basis.cards else "No other card of this customer is on file. m is a manual refund."

    def _why_not_cancelled(self) -> str:
        if not self.basis.may_cancel:
            return "Your role does not allow cancelling an order."
        return self.basis.cancel_blocked

    def _open_shipping(self) -> int:
        basis = self.basis
        return basis.shipping + basis.shipping_tax - basis.refunded_shipping - basis.refunded_shipping_tax

    # Doing ------------------------------------------------------------------------------------------

    def press(self, key: str) -> bool:
        """Does what a key without a question does; False where the key is not one of those."""
        choice, method = self.choice, self.choice.method
        if key.isdigit() and key != "0":
            self._one_more(int(key))
        elif key in ("a", "0"):
            self.choice = replace(
                choice, share=Share.FULL, lines=(), percent=0, amount=0, with_shipping=False
            )
        elif key == "l" and (line := self._line_to_fill()) is not None:
            self._set_pieces(line, line.open_quantity)
        elif key in (">", "<") and len(self.basis.lines) > DIGITS:
            self.first = self._next_nine(1 if key == ">" else -1)
        elif key == "s":
            self._toggle_shipping()
        elif key == "f":
            self.choice = replace(choice, with_fee=not choice.with_fee)
        elif key == "t":
            self.choice = self._next_card()
        elif key == "x":
            external = RefundMethod.ORIGINAL if method is RefundMethod.EXTERNAL else RefundMethod.EXTERNAL
            self.choice = replace(choice, method=external, card_id=None)
        elif key == "v" and self.target is not None:
            void = choice.only is Operation.VOID
            self.choice = replace(choice, only=Operation.REFUND if void else Operation.VOID)
        elif key == "w" and self.target is not None:
            self.choice = replace(choice, transaction_id=None, only=None)
        elif key == "c":
            self.cancel_order = not self.cancel_order
        elif key == "p":
            self.stop_subscriptions = not self.stop_subscriptions
        else:
            return False
        return True

    def give_percent(self, percent: int) -> None:
        """A percentage of what remains."""
        self.choice = replace(self.choice, share=Share.PERCENT, percent=percent, lines=(), amount=0)

    def give_amount(self, minor: int) -> None:
        """A free amount, in minor units; where the store has the reason goodwill, that is the likely one (R9)."""
        if self.reason == self.basis.preset_reason and _GOODWILL in dict(self.basis.reasons):
            self.reason = _GOODWILL
        self.choice = replace(self.choice, share=Share.AMOUNT, amount=minor, lines=(), percent=0)

    def pay_by_hand(self, payee: str, address: str) -> None:
        """A cheque to somebody; without a name the card again."""
        method = RefundMethod.MANUAL if payee.strip() else RefundMethod.ORIGINAL
        self.choice = replace(self.choice, method=method, card_id=None, payee=payee, payee_address=address)

    def _next_nine(self, step: int) -> int:
        pages = (len(self.basis.lines) + DIGITS - 1) // DIGITS
        return ((self.first // DIGITS + step) % pages) * DIGITS

    def _one_more(self, number: int) -> None:
        self.last = self.first + number - 1
        line = self.basis.lines[self.last]
        chosen = dict(self.choice.lines).get(line.line_id, 0)
        self._set_pieces(line, 0 if chosen >= line.open_quantity else chosen + 1)

    def _set_pieces(self, line: RefundLine, count: int) -> None:
        counts = {**dict(self.choice.lines), line.line_id: count}
        lines = tuple(
            (each.line_id, counts[each.line_id]) for each in self.basis.lines if counts.get(each.line_id)
        )
        shipping = self.choice.with_shipping and self.choice.share is Share.LINES
        self.choice = replace(
            self.choice, share=Share.LINES, lines=lines, percent=0, amount=0, with_shipping=shipping
        )

    def _line_to_fill(self) -> RefundLine | None:
        """The line whose digit was pressed last, where pressing it again and again would take long."""
        if not 0 <= self.last < len(self.basis.lines):
            return None
        line = self.basis.lines[self.last]
        chosen = dict(self.choice.lines).get(line.line_id, 0)
        return line if line.open_quantity > 2 and 0 < chosen < line.open_quantity else None

    def _toggle_shipping(self) -> None:
        """With lines chosen, shipping comes along or not; from all that remains, everything but the shipping stays."""
        choice = self.choice
        if choice.share is Share.LINES:
            self.choice = replace(choice, with_shipping=not choice.with_shipping)
            return
        full = choice.share is Share.FULL
        lines = (
            tuple((line.line_id, line.open_quantity) for line in self.basis.lines if line.open_quantity)
            if full
            else ()
        )
        self.choice = replace(
            choice, share=Share.LINES, lines=lines, percent=0, amount=0, with_shipping=not full
        )

    def _next_card(self) -> RefundChoice:
        keys = [key for key, _ in self.basis.cards]
        at = keys.index(self.choice.card_id) if self.choice.card_id in keys else -1
        if at + 1 < len(keys):
            return replace(self.choice, method=RefundMethod.OTHER_CARD, card_id=keys[at + 1])
        return replace(self.choice, method=RefundMethod.ORIGINAL, card_id=None)
