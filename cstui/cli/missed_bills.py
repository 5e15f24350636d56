"""`cstui subscription missed` and `decide`: the cycles that went by uncharged, and what becomes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.printing import table
from cstui.cli.session import Session
from cstui.cli.subscription_steps import WAIT, Opened, Wait, Yes, answer, charged, confirm, opened
from cstui.domain.errors import NotPossibleNow, OutcomeUnknown, UsageError
from cstui.domain.ids import Kind, new_token, public_id

if TYPE_CHECKING:
    from cstui.domain.billing import Missed, MissedBill
    from cstui.domain.refunds import Receipt


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""

    @app.command("missed")
    def missed() -> None:
        """Lists the cycles that went by uncharged, the oldest first."""
        bills = session.desk.billing.missed(session.actor)
        session.printer.answer([_facts(bill) for bill in bills], lambda: _words(bills))

    @app.command("decide")
    def decide(
        ref: str,
        cycle: Annotated[int, typer.Argument(metavar="CYCLE", help="As “missed” lists it.")],
        decision: Annotated[str, typer.Argument(metavar="DECISION", help="bill, skip or move.")],
        yes: Yes = False,
        wait: Wait = WAIT,
    ) -> None:
        """Bills a missed cycle now, skips it, or moves it: then a planned last cycle comes one later."""
        from cstui.domain.billing import Missed

        if decision not in tuple(Missed):
            raise UsageError(
                f"“{decision}” is nothing to do with a missed cycle.", f"Use one of {', '.join(Missed)}."
            )
        at, what = opened(session, ref), Missed(decision)
        bill = _missed_of(at, cycle)
        confirm(at, yes, [_plan_words(at, bill, what)])
        receipt = _decided(at, bill, what)
        if receipt is not None:
            charged(at, receipt, wait)
            return
        done = "is skipped" if what is Missed.SKIP else "is moved"
        answer(
            at, session.desk.subscriptions.open(session.actor, at.id), f"Cycle {cycle} of {at.name} {done}."
        )


def _missed_of(at: Opened, cycle: int) -> MissedBill:
    bills = at.session.desk.billing.missed(at.session.actor)
    found = [bill for bill in bills if (bill.subscription_id, bill.cycle) == (at.id, cycle)]
    if not found:
        raise NotPossibleNow(
            f"Cycle {cycle} of {at.name} waits for no decision.",
            "“cstui subscription missed” lists what does.",
        )
    return found[0]


def _decided(at: Opened, bill: MissedBill, what: Missed) -> Receipt | None:
    desk, actor, save_id, cost = at.session.desk, at.session.actor, new_token(), at.view.row.price.total
    try:
        return desk.billing.decide_missed(actor, bill.id, what, save_id, expected=cost)
    except OutcomeUnknown:
        # The same save id: what was stored is answered, never stored twice.
        return desk.billing.decide_missed(actor, bill.id, what, save_id, expected=cost)


def _plan_words(at: Opened, bill: MissedBill, what: Missed) -> str:
    from cstui.domain.billing import Missed
    from cstui.format import day_words, money_words

    which = f"cycle {bill.cycle} of {day_words(bill.bill_date)}"
    if what is Missed.BILL:
        return (
            f"Charges {money_words(at.view.row.price.total)} for {which} now to {at.view.card or 'no card'}."
        )
    last = at.view.final_cycle
    if what is Missed.MOVE and last is not None:
        return f"Does not charge {which}; the last cycle is {last + 1} instead of {last}."
    return f"Does not charge {which}; nothing else changes."


def _facts(bill: MissedBill) -> dict[str, Any]:
    return {
        "subscription_id": public_id(Kind.SUBSCRIPTION, bill.subscription_id),
        "customer_id": public_id(Kind.CUSTOMER, bill.customer_id),
        "customer": bill.customer_name, "product": bill.product, "status": bill.status, "cycle": bill.cycle,
        "bill_date": bill.bill_date, "amount": bill.amount,
    }  # fmt: skip


def _words(bills: tuple[MissedBill, ...]) -> str:
    from cstui.format import day_words, money_words

    return table(
        ("Subscription", "Customer", "Product", "Cycle", "Date", "Amount"),
        [
            (
                public_id(Kind.SUBSCRIPTION, bill.subscription_id), bill.customer_name, bill.product, str(bill.cycle),
                day_words(bill.bill_date), money_words(bill.amount),
            )
            for bill in bills
        ],
        "No cycle went by uncharged.",
    )  # fmt: skip
