"""Cancelling a subscription: the reason by its letter, the one offer that fits it, and “cancel now” beside it, always (RETN-01, RETN-04).

Four keys from the wish to the end of it, on one panel: the key that opens it, the reason's letter, `d`, `y`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from cstui.domain.calls import Reason
from cstui.domain.retention import OfferPreview
from cstui.domain.subscription_changes import Cancel, CancelWhen
from cstui.format import READER, Reader, day_words, money_words
from cstui.text import content
from cstui.widgets.choice import Choice
from cstui.widgets.commit_line import CommitLine
from cstui.widgets.form import Field, Panel, TypingField

#: What the answer's `answer` says.
CANCEL, ACCEPT = "cancel", "accept"
_WHEN: dict[CancelWhen, str] = {
    CancelWhen.NOW: "now",
    CancelWhen.AFTER_NEXT: "after the next bill",
    CancelWhen.BEFORE_NEXT: "instead of the next bill",
    CancelWhen.ON_DATE: "on a date",
}
#: The reason that says nothing by itself.
_OTHER = "other"


class _Step(StrEnum):
    """Where the conversation stands."""

    REASON = "reason"
    OFFER = "offer"
    ACCEPT = "accept"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class CancelFacts:
    """What the panel says about the subscription.

    `name` is what the sentences call it. `next_bill` None: nothing is due, so that it ends now or on a date. `last_charge` is what could be refunded,
    in words (`28.00 USD of 2 Nov`); empty where nothing can, `no_refund` then says why. `above` are the bills to come, over the reasons.
    """

    name: str
    today: date
    next_bill: date | None = None
    last_charge: str = ""
    no_refund: str = ""
    above: tuple[str, ...] = ()
    reader: Reader = field(default=READER)


class _Reasons(Choice):
    """Reasons; a letter takes one at once.

    Keys that were typed ahead still arrive here once a reason is taken: they go on to the panel.
    """

    def __init__(self, options: Sequence[tuple[str, str]], taken: Callable[[], None], *, id: str) -> None:
        super().__init__(options, id=id)
        self._taken = taken

    def on_key(self, event: events.Key) -> None:
        """A letter or Enter chooses and goes on; arrows move."""
        if not self.display:
            event.prevent_default()
        elif event.character and event.character in self.letters:
            self.value = self.options[self.letters.index(event.character)][0]
            self._take(event)
        elif event.key == "enter":
            self._take(event)

    def _take(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self._taken()


class CancelSubscriptionPanel(Panel):
    """Reason, the one offer with what it saves, and the line that cancels.

    `offers` holds the offer that fits each reason, prepared before: nothing is waited for, and nothing stands between the wish and its end.
    `look` is called with the end that `y` would make, `show_coming()` takes what would still be billed. The answer's keys are answer (`CANCEL` or
    `ACCEPT`), reason, offer and declined (offer ids or empty), when (a value of `CancelWhen`), on (an ISO date or empty), keep_billing and refund
    (`yes` or `no`), note.
    """

    can_focus = True

    def __init__(
        self,
        facts: CancelFacts,
        reasons: Sequence[Reason],
        offers: Mapping[str, OfferPreview],
        look: Callable[[Cancel], None] = lambda _step: None,
    ) -> None:
        super().__init__(f"Cancel {facts.name}")
        self.border_subtitle = content("Esc leave")
        self._facts = facts
        self._reasons = {reason.code: reason.label for reason in reasons}
        self._offers = dict(offers)
        self._step = _Step.REASON
        self._reason = ""
        self._declined = ""
        self._when = CancelWhen.NOW
        self._keep_billing = True
        self._refund = False
        self._look = look
        self._looked_at: Cancel | None = None

    def compose(self) -> ComposeResult:
        """Facts, reasons, the offer, options, note, date, and the line that commits."""
        with VerticalScroll(classes="panel--fields", can_focus=False):
            yield Static(
                content("\n".join(self._facts.above), multiline=True),
                classes="panel--fact",
                id="cancel-coming",
            )
            yield Static(content("Why? A letter goes on."), classes="panel--fact", id="cancel-ask")
            yield _Reasons(tuple(self._reasons.items()), self._reason_taken, id="cancel-reasons")
            yield Static("", classes="panel--fact", id="cancel-offer")
            yield Static("", classes="panel--fact", id="cancel-options")
            yield TypingField(Field("note", "Note", hint="note; Enter goes back"))
            yield TypingField(Field("on", "Date", hint="date such as 2026-12-31; Enter goes back"))
        yield Static("", classes="panel--problem", id="cancel-problem")
        yield CommitLine("", id="cancel-commit")

    def on_mount(self) -> None:
        """Begins with the reasons."""
        self._show()

    def take_focus(self) -> None:
        """Letters choose the reason; after it they are the panel's own."""
        self.screen.set_focus(self.query_one(_Reasons) if self._step is _Step.REASON else self)

    @property
    def step(self) -> str:
        """`reason`, `offer`, `accept` or `cancel`."""
        return self._step.value

    @property
    def offer(self) -> OfferPreview | None:
        """The offer that fits the chosen reason; once one was declined no other is made."""
        found = self._offers.get(self._reason)
        return found if found is None or self._declined in ("", str(found.offer.id)) else None

    def show_coming(self, step: Cancel, lines: Sequence[str]) -> None:
        """The bills that would still come after an end that was looked at; what came too late for another one is dropped."""
        if self.is_mounted and step == self._looked_at:
            self.query_one("#cancel-coming", Static).update(content("\n".join(lines), multiline=True))

    def say_problem(self, words: str) -> None:
        """Why it was not done; whatever was chosen stays."""
        line = self.query_one("#cancel-problem", Static)
        line.update(content(f"✗ {words}" if words else ""))
        line.display = bool(words)

    # Keys.

    def _reason_taken(self) -> None:
        """On to the reason's offer, or where there is none to the line that cancels."""
        self._reason = self.query_one(_Reasons).value
        is_made = self.offer is not None and not self._declined
        self._step = _Step.OFFER if is_made else _Step.CANCEL
        self._show()
        self.take_focus()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Arrows among the reasons."""
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes back to the keys."""
        event.stop()
        self._back_to_keys()

    def _back_to_keys(self) -> None:
        self.take_focus()
        self._show(typed=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The line that commits follows what is typed."""
        event.stop()
        if self._step is not _Step.REASON:
            self._say_commit()

    def on_key(self, event: events.Key) -> None:
        """Letters that the panel shows; Enter commits nothing, Esc and F12 leave."""
        if isinstance(self.screen.focused, Input):
            self._typed_ahead(event, self.screen.focused)
        elif event.key in ("escape", "f12"):
            event.stop()
            self.settle(None)
        elif event.is_printable or event.key in ("enter", "backspace"):
            event.stop()
            event.prevent_default()
            if self._step is not _Step.REASON:
                self._pressed(event)

    def _typed_ahead(self, event: events.Key, typing: Input) -> None:
        """What was typed for a field before the focus had moved there."""
        if event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            typing.insert_text_at_cursor(event.character)
        elif event.key == "enter":
            event.stop()
            self._back_to_keys()

    def _pressed(self, event: events.Key) -> None:
        letter = event.character or ""
        if event.key == "backspace":
            self._step = _Step.REASON
        elif letter == "y":
            self._commit(event)
            return
        elif letter == "d" and self.offer is not None:
            self._declined = str(self.offer.offer.id)
            self._step = _Step.CANCEL
        elif letter == "a" and self.offer is not None:
            self._step = _Step.ACCEPT
        elif not self._option(letter):
            return
        self.say_problem("")
        self._show(typed=True)
        if not isinstance(self.screen.focused, Input):
            self.take_focus()

    def _option(self, letter: str) -> bool:
        """Changes an option of the cancellation; False for a letter that is none."""
        if letter == "w":
            allowed = self._allowed()
            self._when = allowed[(allowed.index(self._when) + 1) % len(allowed)]
            self._keep_billing = True
        elif letter == "b" and self._when is CancelWhen.ON_DATE and self._facts.next_bill is not None:
            self._keep_billing = not self._keep_billing
        elif letter == "r" and self._facts.last_charge:
            self._refund = not self._refund
        elif letter == "n":
            self._type_into("note")
        elif letter == "t" and self._when is CancelWhen.ON_DATE:
            self._type_into("on")
        else:
            return False
        return True

    def save(self) -> None:
        """F9: as `y`, but where money would go back, which wants a key that was read."""
        self._commit(None)

    def _commit(self, event: events.Key | None) -> None:
        if self._step not in (_Step.ACCEPT, _Step.CANCEL):
            return
        line = self.query_one(CommitLine)
        moves_money = self._step is _Step.CANCEL and self._refund
        if moves_money and (event is None or not line.counts(event)):
            return
        if self._step is _Step.CANCEL and (missing := self._missing()):
            self._type_into(missing)
            return
        self.settle(self._values())

    def _missing(self) -> str:
        """The field that has to be filled first; empty where none is."""
        if self._when is CancelWhen.ON_DATE and self._on() is None:
            return "on"
        if self._reason == _OTHER and not self._field("note").value.strip():
            return "note"
        return ""

    def _values(self) -> dict[str, str]:
        accepts = self._step is _Step.ACCEPT and self.offer is not None
        on = self._on() if self._when is CancelWhen.ON_DATE else None
        return {
            "answer": ACCEPT if accepts else CANCEL,
            "reason": self._reason,
            "offer": str(self.offer.offer.id) if accepts and self.offer else "",
            "declined": "" if accepts or self.offer is None else self._declined,
            "when": self._when.value,
            "on": on.isoformat() if on else "",
            "keep_billing": "yes" if self._keep_billing else "no",
            "refund": "yes" if self._refund and not accepts else "no",
            "note": self._field("note").value.strip(),
        }

    # What is shown.

    def _show(self, *, typed: bool = False) -> None:
        at_reason = self._step is _Step.REASON
        self.query_one("#cancel-ask", Static).display = at_reason
        self.query_one(_Reasons).display = at_reason
        offer, options = self.query_one("#cancel-offer", Static), self.query_one("#cancel-options", Static)
        offer.display, options.display = self.offer is not None and not at_reason, not at_reason
        if self.offer is not None:
            offer.update(content(self._offer_words(self.offer), multiline=True))
        options.update(content(self._option_words(), multiline=True))
        note = self._field("note")
        note.display = not at_reason and (note.has_focus or bool(note.value) or self._reason == _OTHER)
        self._field("on").display = not at_reason and self._when is CancelWhen.ON_DATE
        self._say_commit(typed=typed)

    def _offer_words(self, preview: OfferPreview) -> str:
        saves = money_words(preview.saves, self._facts.reader)
        lines = [f"Offer: {preview.offer.words}" + (f"   saves {saves}" if preview.saves else "")]
        lines.append(f"“{preview.words}”")
        lines.append("a the customer takes it   d no thanks, cancel")
        return "\n".join(lines)

    def _option_words(self) -> str:
        chosen = self._reasons.get(self._reason, "")
        lines = [f"Reason: {chosen}   Backspace another one", f"w when: {_WHEN[self._when]}"]
        if self._when is CancelWhen.ON_DATE:
            lines[-1] += "   t date"
            if self._facts.next_bill is not None:
                lines[-1] += f"   b bills until then: {'yes' if self._keep_billing else 'no'}"
        if self._facts.last_charge:
            lines.append(
                f"r refund the last charge, {self._facts.last_charge}: {'yes' if self._refund else 'no'}"
            )
        elif self._facts.no_refund:
            lines.append(f"No refund of the last charge: {self._facts.no_refund}")
        lines.append("n note")
        return "\n".join(lines)

    def _say_commit(self, *, typed: bool = False) -> None:
        self.query_one(CommitLine).say(self._commit_words(), typed=typed)
        if self._step is not _Step.CANCEL or self._missing() == "on":
            return
        on = self._on() if self._when is CancelWhen.ON_DATE else None
        step = Cancel(self._when, on, self._keep_billing)
        if step != self._looked_at:
            self._looked_at = step
            self._look(step)

    def _commit_words(self) -> str:
        name = self._facts.name
        if self._step is _Step.REASON:
            return "Nothing is done yet."
        if self._step is _Step.OFFER:
            return f"d cancels {name} after one more key.   Esc leaves it as it is."
        if self._step is _Step.ACCEPT and self.offer is not None:
            return f"y accepts: {self.offer.offer.words}.   d no thanks, cancel.   Esc leaves it."
        missing = self._missing()
        if missing:
            asked = "the date" if missing == "on" else "a note that says why"
            return f"y asks for {asked} first.   Esc leaves it as it is."
        refund = f" and refunds {self._facts.last_charge}" if self._refund else ""
        return f"y cancels {name} {self._when_words()}{refund}.   Esc leaves it as it is."

    def _when_words(self) -> str:
        next_bill = self._facts.next_bill
        if self._when is CancelWhen.AFTER_NEXT and next_bill is not None:
            return f"after the bill of {day_words(next_bill)}"
        if self._when is CancelWhen.BEFORE_NEXT and next_bill is not None:
            return f"instead of the bill of {day_words(next_bill)}"
        on = self._on()
        if self._when is CancelWhen.ON_DATE and on is not None:
            billing = "" if self._keep_billing or next_bill is None else ", not billed before"
            return f"on {day_words(on)}{billing}"
        return "now"

    # Facts.

    def _allowed(self) -> list[CancelWhen]:
        if self._facts.next_bill is None:
            return [CancelWhen.NOW, CancelWhen.ON_DATE]
        return list(CancelWhen)

    def _field(self, name: str) -> TypingField:
        return self.query_one(f"#field-{name}", TypingField)

    def _type_into(self, name: str) -> None:
        self._field(name).display = True
        self.screen.set_focus(self._field(name))

    def _on(self) -> date | None:
        try:
            day = date.fromisoformat(self._field("on").value.strip())
        except ValueError:
            return None
        return day if day >= self._facts.today else None
