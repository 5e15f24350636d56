"""`:explain` on a profile: what a charge was for and why it was made, as a sentence to read out (D-18)."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from dataclasses import replace
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError
from cstui.domain.explain import Explanation
from cstui.domain.ids import Kind
from cstui.domain.payments import TransactionRow
from cstui.flow import call, flow, quietly
from cstui.screens.dialogs.explain import ExplainPanel, said
from cstui.screens.record_actions import RecordActions
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Row, Section

_ROOM = 40


class CustomerExplaining(RecordActions):
    """The action `customer.explain`: of the transaction under the cursor without any typing, else of what the caller reads."""

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args, **facts)
        self._explained: dict[int, str] = {}

    @abstractmethod
    def transaction_spot(self) -> TransactionRow | None:
        """The transaction under the cursor."""

    def title_now(self, action: str) -> str:
        """Under a transaction's row it is about that one."""
        if action == "customer.explain" and self.transaction_spot() is not None:
            return "Explain this charge"
        return super().title_now(action)

    @flow("customer.explain", alongside=True)
    async def action_customer_explain(self) -> None:
        """The focused transaction at once; else the field."""
        row, customer_id = self.transaction_spot(), self.customer_behind()
        if row is None:
            await self._ask_what("")
            return
        found: Explanation = await call(self.desk.explain.of_transaction, self.actor, customer_id, row.id)
        self._explained[row.id] = said(found)
        self._show_explained(row.id)
        self.tell(found.sentence, "")

    def command_customer_explain(self, rest: str) -> None:
        """`:explain 29.00 3 Nov`."""
        self._explain_typed(rest)

    @flow("customer.explain", alongside=True)
    async def _explain_typed(self, text: str) -> None:
        await self._ask_what(text)

    async def _ask_what(self, text: str) -> None:
        customer_id = self.customer_behind()
        if not customer_id:
            return

        def look(typed: str) -> None:
            self.run_worker(
                self._look(panel, customer_id, typed), group="explain", description="explain", exit_on_error=False
            )  # fmt: skip

        panel = ExplainPanel(self.record_name, text, look)
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                typed = values["typed"]
                if panel.shown_for != typed:
                    # Enter was faster than the pause: first what it opens is shown.
                    await self._look(panel, customer_id, typed)
                    continue
                order_id = next((one.order_id for one in panel.found if one.order_id is not None), None)
                if order_id is None:
                    self.tell_reason("There is no order to open.")
                    continue
                self.desk_app.open_order(order_id)
                return

    async def _look(self, panel: ExplainPanel, customer_id: int, typed: str) -> None:
        found = await quietly(_found, self.desk, self.actor, customer_id, typed)
        if found is None or not panel.is_attached:
            return
        if isinstance(found, str):
            panel.show_problem(typed, found)
        else:
            panel.show(typed, found)

    # On the row -------------------------------------------------------------------------------------

    def with_explained(self, sections: list[Section]) -> list[Section]:
        """The sections, with the sentence of each transaction that was explained first among its details."""
        if not self._explained:
            return sections
        width = max(_ROOM, self.size.width // (2 if self.size.width >= 110 else 1) - 8)
        return [
            replace(section, rows=tuple(self._with_sentence(row, width) for row in section.rows))
            if section.name == "transactions"
            else section
            for section in sections
        ]

    def _with_sentence(self, row: Row, width: int) -> Row:
        key = row.key
        words = (
            self._explained.get(int(key[1]))
            if isinstance(key, tuple) and key[0] is Kind.TRANSACTION
            else None
        )
        if not words:
            return row
        lines = tuple((Cell(line, "strong"),) for line in textwrap.wrap(words, width))
        return replace(row, details=(*lines, *row.details))

    def _show_explained(self, transaction_id: int) -> None:
        self.paint_explained()
        for page in self.query(Page):
            row = page.row
            if (
                row is not None
                and row.key == (Kind.TRANSACTION, transaction_id)
                and row.key not in page.place.expanded
            ):
                page.unfold()

    @abstractmethod
    def paint_explained(self) -> None:
        """Shows the rows again, with the sentences."""

    def forget_explained(self) -> None:
        """Another customer: what was explained is not about him."""
        self._explained.clear()


def _found(desk: Any, actor: Actor, customer_id: int, typed: str) -> tuple[Explanation, ...] | str:
    """In a thread: the charges that fit, or why the text cannot be read."""
    try:
        found: tuple[Explanation, ...] = desk.explain.typed(actor, customer_id, typed)
    except CstuiError as error:
        return error.in_words()
    return found
