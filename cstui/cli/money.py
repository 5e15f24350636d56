"""Commands that give money back: refund and void, planned, confirmed, recorded and waited for."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cstui.cli.asking import can_ask
from cstui.cli.refs import order_of
from cstui.cli.session import Session
from cstui.domain.errors import NotPossibleNow, OutcomeUnknown, UsageError
from cstui.domain.ids import Kind, new_token, public_id, read_public_id
from cstui.domain.money import Money, minor_from_typed
from cstui.domain.payments import RefundMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from cstui.domain.refunds import Receipt, RefundBasis, RefundChoice, RefundPlan

#: Seconds that an outcome is waited for.
WAIT: Final = 120

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Undo = Annotated[
    int | None,
    typer.Option(
        "--undo", min=0, max=60, help="Seconds in which it can be taken back; else as the setting says."
    ),
]
Wait = Annotated[
    int, typer.Option("--wait", min=0, max=3600, help="Seconds to wait for the outcome; 0 only records it.")
]
StoreOption = Annotated[str | None, typer.Option("--store", help="Store code, where a number is not unique.")]


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_refund(app, session)
    _add_void(app, session)


def _add_refund(app: typer.Typer, session: Session) -> None:
    @app.command()
    def refund(
        order: str,
        reason: Annotated[str, typer.Option("--reason", help="A code of the list of refund reasons.")],
        note: Annotated[str, typer.Option("--note", help="Why, in words.")] = "",
        full: Annotated[
            bool, typer.Option("--full", help="All that remains; so without any of these.")
        ] = False,
        line: Annotated[
            list[str] | None,
            typer.Option("--line", metavar="ID:QTY", help="So many of a line; may be given again."),
        ] = None,
        percent: Annotated[int | None, typer.Option("--percent", help="So much of what remains.")] = None,
        amount: Annotated[
            str | None, typer.Option("--amount", help="A free amount: goodwill, a right of its own.")
        ] = None,
        with_fee: Annotated[
            bool, typer.Option("--with-fee", help="Keep the store's restocking fee back.")
        ] = False,
        with_shipping: Annotated[
            bool, typer.Option("--with-shipping", help="With lines: shipping goes back too.")
        ] = False,
        cancel_order: Annotated[
            bool, typer.Option("--cancel-order", help="Cancel the order once it is done.")
        ] = False,
        stop_subscriptions: Annotated[
            bool,
            typer.Option("--stop-subscriptions", help="Stop what the order subscribed to, once it is done."),
        ] = False,
        manual: Annotated[bool, typer.Option("--manual", help="By cheque; only recorded here.")] = False,
        payee: Annotated[str, typer.Option("--payee", help="Whom the cheque is for.")] = "",
        address: Annotated[str, typer.Option("--address", help="Where the cheque goes.")] = "",
        external: Annotated[
            bool, typer.Option("--external", help="It went back elsewhere; only recorded.")
        ] = False,
        card: Annotated[
            str | None, typer.Option("--card", help="To another card on file, by its id.")
        ] = None,
        yes: Yes = False,
        undo: Undo = None,
        wait: Wait = WAIT,
        store: StoreOption = None,
    ) -> None:
        """Refunds an order and waits for the outcome; a void is tried first where the charge has not settled."""
        _one_share(full, line, percent, amount)
        method = _method(manual, external, card, payee, address)

        def chosen(basis: RefundBasis) -> RefundChoice:
            from cstui.domain.refunds import RefundChoice, Share

            share = (
                Share.LINES
                if line
                else Share.PERCENT
                if percent is not None
                else Share.AMOUNT
                if amount
                else Share.FULL
            )
            return RefundChoice(
                share=share, lines=_lines(line or []), percent=percent or 0,
                amount=minor_from_typed(amount, basis.currency) if amount else 0, with_fee=with_fee, with_shipping=with_shipping,
                method=method, card_id=_key(Kind.CARD, card) if card else None, payee=payee, payee_address=address,
            )  # fmt: skip

        _require_confirmable(yes)
        receipt = _refunded(
            session, order_of(session, order, store), chosen, reason, note, yes,
            cancel_order=cancel_order, stop_subscriptions=stop_subscriptions, undo_seconds=undo,
        )  # fmt: skip
        _answer(session, receipt, wait)


def _add_void(app: typer.Typer, session: Session) -> None:
    @app.command()
    def void(
        transaction: str,
        reason: Annotated[str, typer.Option("--reason", help="Why, in words.")] = "",
        yes: Yes = False,
        undo: Undo = None,
        wait: Wait = WAIT,
    ) -> None:
        """Voids one transaction as a whole and waits for the outcome; one that has settled is not refunded by this."""
        from cstui.domain.refund_plan import void_plan
        from cstui.services.money_looks import MoneyLooks

        key = _key(Kind.TRANSACTION, transaction)
        _require_confirmable(yes)
        desk, actor, token = session.desk, session.actor, new_token()
        order_id = MoneyLooks(desk.database).order_of(actor, key)
        basis, grip = desk.refunds.open(actor, order_id, token)
        try:
            made = void_plan(basis, key, datetime.now(UTC))
            if not made.why_not:
                _confirm(basis, made, yes)
            save_id = new_token()
            receipt = _stored(
                lambda: desk.refunds.void(
                    actor, order_id, grip, key, save_id, reason=reason, undo_seconds=undo
                )
            )
        finally:
            desk.locks.release(actor, token)
        _answer(session, receipt, wait)


def _refunded(
    session: Session,
    order_id: int,
    chosen: Callable[[RefundBasis], RefundChoice],
    reason: str,
    note: str,
    yes: bool,
    *,
    cancel_order: bool,
    stop_subscriptions: bool,
    undo_seconds: int | None,
) -> Receipt:
    """Asks for a refund as a panel does: under the order's lock, with what was shown."""
    from cstui.domain.refund_plan import plan

    desk, actor, token = session.desk, session.actor, new_token()
    basis, grip = desk.refunds.open(actor, order_id, token)
    try:
        choice = chosen(basis)
        made = plan(basis, choice, datetime.now(UTC))
        if not made.why_not:
            _confirm(basis, made, yes)
        # What cannot be done is refused below, by the rule that it breaks.
        save_id = new_token()
        return _stored(
            lambda: desk.refunds.request(
                actor, order_id, grip, choice, reason, note, save_id, expected=made.total, cancel_order=cancel_order,
                stop_subscriptions=stop_subscriptions, undo_seconds=undo_seconds,
            )
        )  # fmt: skip
    finally:
        desk.locks.release(actor, token)


def _stored(write: Callable[[], Receipt]) -> Receipt:
    """What a request came to; asked for again under the same save id where the connection broke at the commit."""
    try:
        return write()
    except OutcomeUnknown:
        return write()


def _answer(session: Session, receipt: Receipt, wait: int) -> None:
    from cstui.cli import money_outcome

    seen = money_outcome.awaited(session, receipt, wait)
    session.printer.answer(money_outcome.facts(seen), lambda: money_outcome.words(seen))


def _require_confirmable(yes: bool) -> None:
    if not yes and not can_ask():
        raise UsageError("Money moves only after a yes, and there is nobody to ask.", "Add --yes.")


def _confirm(basis: RefundBasis, made: RefundPlan, yes: bool) -> None:
    """Shows what would happen and asks for a y, or for the amount. Errors: `NotPossibleNow` where the answer is anything else."""
    if yes:
        return
    from cstui.domain.clean import clean
    from cstui.format import money_words

    total = made.total
    lines = [
        f"Order {basis.number}: {money_words(total)} of {money_words(_money(basis, basis.remaining))} that remain."
    ]
    lines += [
        f"  {money_words(_money(basis, part.amount))} {part.route}, {part.charge.card}" for part in made.parts
    ]
    lines += [f"  {remark}" for remark in made.remarks]
    if made.needs_approval:
        lines.append("  Above your limit: a supervisor approves it first.")
    for shown in lines:
        print(clean(shown), file=sys.stderr)
    print(f"y or {total.plain()} does it, anything else leaves it: ", end="", file=sys.stderr, flush=True)
    if input().strip() not in ("y", total.plain()):
        raise NotPossibleNow("Nothing was done.", "It was not confirmed.")


def _money(basis: RefundBasis, minor: int) -> Money:
    return Money(minor, basis.currency)


def _one_share(full: bool, line: list[str] | None, percent: int | None, amount: str | None) -> None:
    given = [full, bool(line), percent is not None, amount is not None]
    if sum(given) > 1:
        raise UsageError(
            "It is not clear how much goes back.", "Give one of --full, --line, --percent and --amount."
        )
    if amount is not None and not amount.strip():
        raise UsageError("There is no amount.", "Write it as --amount 12.34.")


def _method(manual: bool, external: bool, card: str | None, payee: str, address: str) -> RefundMethod:
    if sum((manual, external, card is not None)) > 1:
        raise UsageError("It is not clear how it goes back.", "Give one of --manual, --external and --card.")
    if (payee or address) and not manual:
        raise UsageError("A payee belongs to a cheque.", "Add --manual.")
    if manual and not (payee.strip() and address.strip()):
        raise UsageError("A cheque needs a name and an address.", "Add --payee and --address.")
    if manual:
        return RefundMethod.MANUAL
    return RefundMethod.EXTERNAL if external else RefundMethod.OTHER_CARD if card else RefundMethod.ORIGINAL


def _lines(given: list[str]) -> tuple[tuple[int, int], ...]:
    found = []
    for text in given:
        ref, mark, quantity = text.rpartition(":")
        if not mark or not quantity.isdecimal() or not int(quantity):
            raise UsageError(
                f"“{text}” is no line with a number of pieces.", "Write it as --line line_4t9:2."
            )
        found.append((_key(Kind.LINE, ref), int(quantity)))
    return tuple(found)


def _key(kind: Kind, ref: str) -> int:
    read = read_public_id(ref)
    if read is None or read[0] is not kind:
        raise UsageError(
            f"“{ref}” is not the id of a {kind}.", f"It begins with {public_id(kind, 0).partition('_')[0]}_."
        )
    return read[1]
