"""The cycles of subscriptions that went by uncharged: a supervisor bills each, skips it or moves it (SUB-24)."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from cstui.domain.billing import Missed, MissedBill
from cstui.domain.ids import new_token
from cstui.domain.live import What
from cstui.domain.permissions import Permission
from cstui.domain.refunds import Receipt
from cstui.domain.subscriptions import SubscriptionStatus, SubscriptionView
from cstui.flow import call, flow
from cstui.format import Reader, day_words, money_words, state_words
from cstui.keys import Context, KeyMap
from cstui.saving import saving
from cstui.screens.lists import LiveListScreen
from cstui.widgets.choices import ChoicesPanel, Offer
from cstui.widgets.commit_line import CommitPanel
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Column, Row, Section

#: Most cycles that the service lists at once.
_MOST: Final = 500
_COLUMNS: Final = (
    Column("Customer", least=8),
    Column("Product", least=8, grow=1),
    Column("Cycle", least=5, right=True),
    Column("Date", least=10),
    Column("Amount", least=8, right=True),
    Column("Subscription", least=8),
)
_LETTERS: Final = {"b": Missed.BILL, "s": Missed.SKIP, "m": Missed.MOVE}


class MissedBillsScreen(LiveListScreen):
    """Every cycle that nobody billed in time, the oldest first; Enter bills it now, skips it, moves it or opens its subscription."""

    title_words = "Missed bills"
    contexts: ClassVar[tuple[Context, ...]] = (Context.MONEY, Context.ALWAYS, Context.NAV)
    hears: ClassVar[tuple[What, ...]] = (What.ANY, What.BACK)

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._bills: dict[int, MissedBill] = {}

    @flow(reading=True)
    async def fill(self) -> None:
        """Reads what was missed."""
        bills = await call(self.desk.billing.missed, self.actor)
        self._bills = {bill.id: bill for bill in bills}
        self.rows_page.show([_section(bills, self.desk_app.reader)])
        if len(bills) == _MOST:
            self.tell_reason(f"These are the oldest {_MOST}; more appear as these are decided.")
        self.refresh_frame()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: what can be done about the cycle."""
        bill = self._bills.get(event.row.key) if isinstance(event.row.key, int) else None
        if bill is not None:
            self._decide(bill)

    # Deciding ---------------------------------------------------------------------------------------

    @flow()
    async def _decide(self, bill: MissedBill) -> None:
        view = await call(self.desk.subscriptions.open, self.actor, bill.subscription_id)
        answer = await self.ask(
            ChoicesPanel(self._title(bill), self._offers(bill, view), above=self._facts(bill, view))
        )
        if answer is None:
            return
        decision = _LETTERS.get(answer["picked"])
        if decision is None:
            self.desk_app.open_subscription(bill.subscription_id)
            return
        cost = view.row.price.total
        effects, commit = self._plan(bill, view, decision)
        title = f"{decision.capitalize()}: {self._title(bill)}"
        if await self.ask(CommitPanel(title, (effects,), f"{commit}   Esc leaves it")) is None:
            return
        save_id = new_token()
        decide = partial(
            self.desk.billing.decide_missed, self.actor, bill.id, decision, save_id, expected=cost
        )
        # Asked for again under its save id it only answers what was stored.
        receipt = await saving(self, save_id, decide, reread=decide)
        self.tell(self._said(bill, decision, receipt))
        self.fill()

    def _offers(self, bill: MissedBill, view: SubscriptionView) -> tuple[Offer, ...]:
        why = ""
        if not self.actor.may(Permission.REFUND_APPROVE, bill.store_id):
            why = "A supervisor decides on missed bills."
        elif self.desk_app.is_read_only:
            why = "The desk is read-only; :readonly turns it off."
        has_ended = view.row.status in (SubscriptionStatus.CANCELLED, SubscriptionStatus.COMPLETE)
        return (
            Offer("b", "bill it now", why or ("This subscription has ended." if has_ended else "")),
            Offer("s", "skip it: it is not charged, nothing else changes", why),
            Offer("m", f"move it: {_move_words(view)}", why),
            Offer("o", "open the subscription"),
        )

    def _plan(self, bill: MissedBill, view: SubscriptionView, decision: Missed) -> tuple[str, str]:
        """What a decision does beside the cycle itself, and what the line that asks says."""
        which = f"cycle {bill.cycle} of {day_words(bill.bill_date)}"
        if decision is Missed.BILL:
            amount = money_words(view.row.price.total, self.desk_app.reader)
            return "The next bill date stays as it is.", f"y charges {amount} to {view.card or 'no card'} now"
        if decision is Missed.SKIP:
            return (
                "It is never charged. The next bill date and a planned end stay as they are.",
                f"y skips {which}",
            )
        return f"{_move_words(view).capitalize()}. The next bill date stays as it is.", f"y moves {which}"

    # Words ------------------------------------------------------------------------------------------

    def _facts(self, bill: MissedBill, view: SubscriptionView) -> tuple[str, ...]:
        """What a supervisor wants to know before deciding."""
        cost, due = view.row.price.total, view.row.next_bill_date
        lines = [
            f"Next bill {day_words(due)}." if due else "No next bill.",
            f"Card: {view.card or 'none'}. {view.card_warning}".strip(),
        ]
        if cost != bill.amount:
            lines.append(f"A cycle costs {money_words(cost, self.desk_app.reader)} by now; that is charged.")
        return tuple(lines)

    def _title(self, bill: MissedBill) -> str:
        amount = money_words(bill.amount, self.desk_app.reader)
        return f"{amount} of {bill.product}, cycle {bill.cycle}, {bill.customer_name or '(no name)'}"

    def _said(self, bill: MissedBill, decision: Missed, receipt: Receipt | None) -> str:
        which = f"Cycle {bill.cycle} of {bill.product}, {bill.customer_name or '(no name)'}"
        if receipt is not None:
            return f"{which}: {money_words(receipt.amount, self.desk_app.reader)} is on its way."
        done = "is skipped" if decision is Missed.SKIP else "is moved"
        return f"{which}, {done}; it is not charged."


def _section(bills: tuple[MissedBill, ...], reader: Reader) -> Section:
    rows = tuple(_row(bill, reader) for bill in bills)
    aside = "Enter decides" if rows else ""
    return Section(
        "missed", f"Missed bills ({len(rows)})", rows, _COLUMNS, aside=aside, empty="No cycle went by uncharged."
    )  # fmt: skip


def _row(bill: MissedBill, reader: Reader) -> Row:
    return Row(
        bill.id,
        (
            Cell(bill.customer_name or "(no name)"),
            Cell(bill.product, "accent"),
            Cell(str(bill.cycle), "", bill.cycle),
            Cell(day_words(bill.bill_date), "muted", bill.bill_date.toordinal()),
            Cell(money_words(bill.amount, reader), "strong", bill.amount.minor),
            Cell(state_words(bill.status, reader)),
        ),
    )


def _move_words(view: SubscriptionView) -> str:
    """What moving a missed cycle does to this subscription."""
    if view.final_cycle is None:
        return "it is not charged; with no last cycle planned that is all"
    return f"it is not charged, and the last cycle is {view.final_cycle + 1} instead of {view.final_cycle}"
