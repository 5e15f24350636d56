"""Charging a subscription by hand: the bill, the card, the last answer, and the line that only a read `y` commits (SUB-05, SUB-21)."""

from __future__ import annotations

from collections.abc import Sequence

from cstui.domain.subscriptions import SubscriptionView
from cstui.format import READER, Reader, money_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.dialogs.subscription_steps import lines_of
from cstui.screens.subscription_rows import again_words, preview_lines, product_words
from cstui.widgets.page_model import Section


class BillPanel(MoneyPanel):
    """Charging the next cycle now: amount, card, the last answer with its class, and the line that only a read `y` commits (SUB-05, SUB-21)."""

    def __init__(self, view: SubscriptionView, reader: Reader = READER) -> None:
        super().__init__(f"Bill {product_words(view)} now – {view.customer_name}")
        self.view = view
        self.reader = reader

    def show_view(self, view: SubscriptionView) -> None:
        """It moved meanwhile."""
        self.view = view
        self.repaint()

    def sections(self, width: int) -> Sequence[Section]:
        """The bill, the card, and how the last try ended."""
        view, coming = self.view, self.view.next
        said = [
            f"Cycle {coming.cycle if coming else view.row.cycle + 1} is charged now instead of on its date."
        ]
        if coming is not None:
            said += preview_lines(coming, self.reader)
        rows = lines_of(said, width)
        expires = f", expires {view.card_expires:%m/%y}" if view.card_expires else ""
        rows += lines_of([f"Card: {view.card or 'none'}{expires}"], width)
        last = view.attempts[0] if view.attempts else None
        if last is not None and last.said:
            again = again_words(last.again)
            words = f"Last try {last.at:%d %b %Y}: {last.said}{f' ({again})' if again else ''}. {last.advice}"
            rows += lines_of([words.strip()], width, "warn" if last.again is not None else "muted")
        return (Section("bill", "", tuple(rows), selectable=False),)

    def to_confirm(self) -> tuple[str, bool]:
        """The charge, named in full."""
        coming = self.view.next
        total = coming.total if coming is not None else self.view.row.price.total
        amount = money_words(total, self.reader)
        return (
            f"y charges {amount} to {self.view.card or 'the card'} for {product_words(self.view)} now   Esc leaves",
            True,
        )
