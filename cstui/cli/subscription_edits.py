"""`cstui subscription price|quantity|option|date|card`: what the edit forms of the desk store, each with a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cstui.cli.session import Session
from cstui.cli.subscription_steps import (
    WAIT,
    DryRun,
    Opened,
    Wait,
    Yes,
    answer,
    charged,
    confirm,
    day,
    key_of,
    opened,
    previewed,
    stored,
)
from cstui.domain.errors import UsageError
from cstui.domain.ids import Kind
from cstui.domain.money import Money, minor_from_typed

if TYPE_CHECKING:
    from cstui.domain.subscription_changes import SubscriptionChange


def add(app: typer.Typer, session: Session) -> None:
    """Puts the commands into the app."""
    _add_price(app, session)
    _add_product(app, session)
    _add_date(app, session)
    _add_card(app, session)


def _add_price(app: typer.Typer, session: Session) -> None:
    @app.command("price")
    def price(
        ref: str,
        unit: Annotated[
            str | None, typer.Option("--unit", metavar="AMOUNT", help="What one piece costs.")
        ] = None,
        shipping: Annotated[
            str | None, typer.Option("--shipping", metavar="AMOUNT", help="Shipping of one cycle.")
        ] = None,
        discount: Annotated[str | None, typer.Option("--discount", help="Such as 10%, 2.50 or none.")] = None,
        next_only: Annotated[bool, typer.Option("--next-only", help="For the next bill only.")] = False,
        bills: Annotated[
            int, typer.Option("--bills", min=0, help="For so many bills, then the regular price again.")
        ] = 0,
        dry_run: DryRun = False,
    ) -> None:
        """Changes its price for good, for the next bill or for some bills."""
        from cstui.domain.subscription_changes import SubscriptionChange

        if unit is None and shipping is None and discount is None:
            raise UsageError("There is no price.", "Give --unit, --shipping or --discount.")
        if next_only and bills:
            raise UsageError("It is not clear for how many bills.", "Give one of --next-only and --bills.")
        at = opened(session, ref)
        kind, value = _discount(at, discount)
        change = SubscriptionChange(
            unit_price=_money(at, unit, "unit_price"), shipping=_money(at, shipping, "shipping"), discount_kind=kind, discount_value=value,
            next_only=next_only, for_cycles=bills,
        )  # fmt: skip
        _saved(at, change, dry_run, "has a new price")

    @app.command("quantity")
    def quantity(
        ref: str,
        pieces: Annotated[int, typer.Argument(metavar="PIECES")],
        unit: Annotated[
            str | None, typer.Option("--unit", metavar="AMOUNT", help="What one piece costs then.")
        ] = None,
        dry_run: DryRun = False,
    ) -> None:
        """Changes how many pieces each cycle brings; its price is pieces times unit price."""
        from cstui.domain.subscription_changes import SubscriptionChange

        at = opened(session, ref)
        change = SubscriptionChange(quantity=pieces, unit_price=_money(at, unit, "unit_price"))
        _saved(at, change, dry_run, f"has {pieces} pieces")


def _add_product(app: typer.Typer, session: Session) -> None:
    @app.command("option")
    def option(
        ref: str,
        option: Annotated[
            str | None, typer.Argument(metavar="OPTION", help="Another option of the product.")
        ] = None,
        product: Annotated[str, typer.Option("--product", help="Another product, by its stock number.")] = "",
        keep_price: Annotated[
            bool, typer.Option("--keep-price", help="The price stays; else it follows the product.")
        ] = False,
        dry_run: DryRun = False,
    ) -> None:
        """Changes it to another option or another product of the store."""
        from cstui.domain.subscription_changes import SubscriptionChange

        if option is None and not product:
            raise UsageError("There is neither an option nor a product.", "Name an option, or --product SKU.")
        at = opened(session, ref)
        change = SubscriptionChange(option=option, price_follows=not keep_price)
        if product:
            found = session.desk.retention.product_named(session.actor, at.view.row.store_id, product, option)
            change = SubscriptionChange(product_id=found, price_follows=not keep_price)
        _saved(at, change, dry_run, "is changed")


def _add_date(app: typer.Typer, session: Session) -> None:
    @app.command("date")
    def date_(
        ref: str,
        on: Annotated[
            str | None, typer.Argument(metavar="DATE", help="The next bill's day, such as 2026-12-31.")
        ] = None,
        every: Annotated[int | None, typer.Option("--every", min=1, help="The interval's number.")] = None,
        unit: Annotated[str | None, typer.Option("--unit", help="day, week, month or year.")] = None,
        dry_run: DryRun = False,
    ) -> None:
        """Changes the next bill's day, the interval, or both."""
        from cstui.domain.subscription_changes import SubscriptionChange
        from cstui.domain.subscriptions import IntervalUnit

        if unit is not None and unit not in tuple(IntervalUnit):
            raise UsageError(f"“{unit}” is no unit of an interval.", f"Use one of {', '.join(IntervalUnit)}.")
        bill = day(on)
        if bill is None and every is None and unit is None:
            raise UsageError("There is neither a day nor an interval.", "Name a day, or --every and --unit.")
        change = SubscriptionChange(
            next_bill_date=bill, interval_count=every, interval_unit=IntervalUnit(unit) if unit else None
        )
        _saved(opened(session, ref), change, dry_run, "has a new date")


def _add_card(app: typer.Typer, session: Session) -> None:
    @app.command("card")
    def card(
        ref: str,
        card: Annotated[
            str, typer.Argument(metavar="CARD", help="A card on the customer's file, by its id.")
        ],
        charge_now: Annotated[
            bool, typer.Option("--charge-now", help="Charge what is due with it at once.")
        ] = False,
        yes: Yes = False,
        wait: Wait = WAIT,
        dry_run: DryRun = False,
    ) -> None:
        """Changes the card that is charged. With --charge-now ends with 1 where the card was changed but not charged."""
        from cstui.domain.subscription_changes import SubscriptionChange

        key = key_of(Kind.CARD, card)
        at = opened(session, ref)
        if dry_run:
            previewed(at, SubscriptionChange(card_id=key))
            return
        if charge_now:
            from cstui.format import money_words

            confirm(at, yes, [f"Charges {money_words(at.view.row.price.total)} now to that card."])
        view = stored(
            at,
            lambda grip, save_id: session.desk.subscriptions.update_card(
                session.actor, at.id, grip, key, charge_now, save_id
            ),
        )
        if view.receipt is not None:
            charged(at, view.receipt, wait)
        else:
            answer(at, view, f"{at.name} is charged to {view.card} from now on.")


def _saved(at: Opened, change: SubscriptionChange, dry_run: bool, what: str) -> None:
    if dry_run:
        previewed(at, change)
        return
    session = at.session
    view = stored(
        at,
        lambda grip, save_id: session.desk.subscriptions.save(session.actor, at.id, grip, change, save_id),
    )
    answer(at, view, f"{at.name} {what}.")


def _money(at: Opened, text: str | None, field: str) -> Money | None:
    return None if text is None else Money(minor_from_typed(text, at.currency, field), at.currency)


def _discount(at: Opened, text: str | None) -> tuple[Any, int | None]:
    from cstui.domain.subscriptions import DiscountKind

    if text is None:
        return None, None
    typed = text.strip()
    if typed.casefold() == "none":
        return DiscountKind.NONE, 0
    if typed.endswith("%"):
        number = typed.removesuffix("%").strip()
        if not (number.isascii() and number.isdigit()):
            raise UsageError(f"“{text}” is not a percentage.", "Write whole percent, such as 10%.")
        return DiscountKind.PERCENT, int(number)
    return DiscountKind.FIXED, minor_from_typed(typed, at.currency, "discount_value")
