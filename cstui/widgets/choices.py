"""A panel of things to do: one line and one letter each; what is not possible now is dimmed and says why when its letter is pressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from cstui.text import content
from cstui.widgets.form import Panel


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to do. `why_not` says why it is not possible now."""

    letter: str
    words: str
    why_not: str = ""


class ChoicesPanel(Panel):
    """Facts, then what can be done. The answer is `{"picked": letter}`."""

    can_focus = True

    def __init__(self, title: str, offers: Sequence[Offer], *, above: Sequence[str] = ()) -> None:
        super().__init__(title)
        self._offers = {offer.letter: offer for offer in offers}
        self._above = tuple(above)
        self.border_subtitle = content("Esc leave")

    def compose(self) -> ComposeResult:
        """One line each."""
        for line in self._above:
            yield Static(content(line), classes="panel--fact")
        with VerticalScroll(classes="panel--fields", can_focus=False):
            for offer in self._offers.values():
                yield Static(_line(offer), classes="panel--fact")
        yield Static("", classes="panel--below -warn", id="choices-below")

    def on_key(self, event: events.Key) -> None:
        """A letter does it, or says why not; Esc leaves."""
        offer = self._offers.get(event.character or "")
        if event.key in ("escape", "f12"):
            event.stop()
            self.settle(None)
        elif offer is not None:
            event.stop()
            if offer.why_not:
                below = self.query_one("#choices-below", Static)
                below.update(content(f"Not now: {offer.why_not}"))
                below.display = True
            else:
                self.settle({"picked": offer.letter})
        elif event.is_printable or event.key == "enter":
            event.stop()
            event.prevent_default()


def _line(offer: Offer) -> Content:
    if offer.why_not:
        return content(f"{offer.letter}  {offer.words}   {offer.why_not}", "$text-muted")
    return content(f"{offer.letter}  {offer.words}")
