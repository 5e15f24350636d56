"""`:dispute` on the order screen: a charge that the customer's bank takes back, and how that ended (REF-20)."""

from __future__ import annotations

from cstui.domain.disputes import DisputeOutcome, DisputeRow
from cstui.domain.errors import CstuiError, InvalidInput
from cstui.domain.ids import new_token
from cstui.domain.money import Money, minor_from_typed
from cstui.domain.payments import TransactionKind, TransactionRow, TransactionStatus
from cstui.flow import call, flow
from cstui.format import money_words
from cstui.saving import saving
from cstui.screens.order_money import OrderMoney
from cstui.widgets.form import Field, FormPanel

_CHARGE, _WON, _LOST = "charge:", "won:", "lost:"
_TAKING = (TransactionKind.SALE, TransactionKind.CAPTURE)


class OrderDisputes(OrderMoney):
    """Writes disputes and their ends down; nothing is sent anywhere."""

    @flow("order.dispute")
    async def action_order_dispute(self) -> None:
        """`:dispute`: a charge by its letter, or the end of an open dispute."""
        disputes: tuple[DisputeRow, ...] = await call(self.desk.disputes.of_order, self.actor, self.record_id)
        choices = self._choices(disputes)
        if not choices:
            self.tell_reason("Nothing was charged for this order that could be disputed.")
            return
        fields = (
            Field("what", "What", choices[0][0], choices=choices),
            Field("amount", "Amount", hint="empty: the whole charge"),
            Field("reason", "Reason", hint="as the bank gives it"),
            Field("reference", "Reference", hint="the case number of the gateway or the bank"),
        )
        above = ("While a dispute is open or lost, its charge is not refunded; the store's list is mailed.",)
        panel = FormPanel(
            f"Dispute on order {self.order.number}", fields, above=above, save_label="write down"
        )
        save_id = new_token()
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    self.tell(await self._store_dispute(values, save_id))
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                except CstuiError as error:
                    panel.say_below(error.in_words(), "bad")
                else:
                    self.money_moved()
                    return

    def _choices(self, disputes: tuple[DisputeRow, ...]) -> tuple[tuple[str, str], ...]:
        open_ones = [row for row in disputes if row.is_open]
        busy = {row.transaction_id for row in open_ones}
        choices: list[tuple[str, str]] = []
        for row in open_ones:
            said = f"{self._amount(row.amount)} of {self.moment(row.at)}, {row.reason}"
            choices += [(f"{_WON}{row.id}", f"won: {said}"), (f"{_LOST}{row.id}", f"lost: {said}")]
        choices += [
            (f"{_CHARGE}{move.id}", f"disputed: {self._charge_words(move)}")
            for move in self.order.transactions
            if move.kind in _TAKING and move.status is TransactionStatus.SUCCEEDED and move.id not in busy
        ]
        return tuple(choices)

    async def _store_dispute(self, values: dict[str, str], save_id: str) -> str:
        kind, _, number = values["what"].partition(":")
        key, disputes, number_words = int(number), self.desk.disputes, self.record_name
        if f"{kind}:" != _CHARGE:
            outcome = DisputeOutcome(kind)
            await saving(
                self, save_id, disputes.close, self.actor, key, outcome, values["reason"], save_id,
                reread=lambda: None,
            )  # fmt: skip
            after = (
                "its charge can be refunded again" if outcome is DisputeOutcome.WON else "its money is gone"
            )
            return f"Dispute {outcome} on {number_words}: {after}."
        charge = next(move for move in self.order.transactions if move.id == key)
        typed = values["amount"].strip()
        currency = charge.amount.currency
        amount = Money(minor_from_typed(typed, currency, "amount"), currency) if typed else charge.amount
        await saving(
            self, save_id, disputes.record, self.actor, self.record_id, key, amount, values["reason"], values["reference"], save_id,
            reread=lambda: None,
        )  # fmt: skip
        return f"Dispute of {self._amount(amount)} written down on {number_words}; its charge is not refunded now."

    def _amount(self, amount: Money) -> str:
        return money_words(amount, self.desk_app.reader)

    def _charge_words(self, move: TransactionRow) -> str:
        card = f"{move.card_brand} …{move.card_last4}".strip() if move.card_last4 else move.gateway
        return f"{self._amount(move.amount)} {card}, {move.kind} of {self.moment(move.at)}"
