"""Forms of a subscription: price, quantity and billing date, with what would be billed when below the fields (SUB-07, SUB-11, SUB-13, SUB-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.widgets import Static

from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.money import Money, minor_from_typed
from cstui.domain.subscription_changes import SubscriptionChange
from cstui.domain.subscriptions import DiscountKind, IntervalUnit, SubscriptionView, interval_words
from cstui.format import Reader, day_words, money_words
from cstui.screens.dialogs.subscription_steps import read_day
from cstui.screens.subscription_rows import product_words
from cstui.text import content
from cstui.widgets.form import Field, FormPanel

_KINDS = (
    (DiscountKind.NONE, "none"),
    (DiscountKind.PERCENT, "percent"),
    (DiscountKind.FIXED, "fixed amount"),
)
_HOLDS = (("good", "for good"), ("next", "the next bill only"))
_UNITS = tuple((unit, f"{unit}s") for unit in IntervalUnit)
_LONGEST_NUMBER = 4


class SubscriptionForm(FormPanel):
    """A form whose line below says, in several lines, what would be billed when.

    `on_view` puts another state of the subscription under what was typed, and gives back what both sides changed, in words.
    """

    on_view: Callable[[SubscriptionView], str] | None = None
    _notice = ""

    def show_view(self, view: SubscriptionView) -> str:
        """The subscription is another one now: what was typed stays, everything else follows."""
        return self.on_view(view) if self.on_view is not None else ""

    def say_notice(self, words: str) -> None:
        """What happened meanwhile; it stays above the bills to come until the next answer."""
        self._notice = words
        self.say_problem(words)

    def save(self) -> None:
        """Answers; a notice was read by then."""
        self._notice = ""
        super().save()

    def show_coming(self, lines: Sequence[str], tone: str = "") -> None:
        """What would be billed when."""
        self.say_below(" ", "warn" if self._notice else tone)
        said = [self._notice, *lines] if self._notice else lines
        self.query_one("#panel-below", Static).update(content("\n".join(said), multiline=True))

    def say_problem(self, words: str) -> None:
        """Why it was not stored."""
        self.say_below(words, "bad")


@dataclass(frozen=True)
class SubscriptionEdit:
    """One form: its fields from a view, the facts above them, and what it would store."""

    name: str
    title: str
    fields: Callable[[SubscriptionView], tuple[Field, ...]]
    above: Callable[[SubscriptionView, Reader], tuple[str, ...]]
    read: Callable[[SubscriptionView, Mapping[str, str]], SubscriptionChange]


def _currency(view: SubscriptionView) -> str:
    return view.row.price.unit.currency


def _whole(text: str, field: str, what: str) -> int:
    typed = text.strip()
    if not typed.isascii() or not typed.isdigit() or len(typed) > _LONGEST_NUMBER or not int(typed):
        raise InvalidInput(field, text, f"“{text[:30]}” is not {what}.", "Type a whole number, 1 or more.")
    return int(typed)


class _Reading:
    """Reads fields one by one and keeps all that is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[InvalidInput] = []

    def take(self, read: Callable[[], Any]) -> Any:
        """What a field says; None where it is wrong."""
        try:
            return read()
        except InvalidInput as problem:
            self.problems.append(problem)
            return None

    def end(self) -> None:
        """Errors: `InvalidFields`."""
        if self.problems:
            raise InvalidFields(tuple(self.problems))


def _amount(view: SubscriptionView, values: Mapping[str, str], field: str, now: Money) -> Money | None:
    """The typed amount; None where it is what stands."""
    typed = Money(minor_from_typed(values[field], now.currency, field), now.currency)
    return None if typed == now else typed


# Price ------------------------------------------------------------------------------------------


def _price_fields(view: SubscriptionView) -> tuple[Field, ...]:
    price = view.row.price
    value = str(view.discount_value)
    if view.discount_kind is DiscountKind.FIXED:
        value = Money(view.discount_value, _currency(view)).plain()
    return (
        Field("price.unit", "Charge amount each", price.unit.plain()),
        Field("price.shipping", "Shipping per cycle", price.shipping.plain()),
        Field("price.discount_of", "Discount", view.discount_kind, choices=_KINDS),
        Field("price.discount", "Discount value", value if view.discount_kind is not DiscountKind.NONE else "",
              hint="percent, or an amount"),
        Field("price.holds", "Holds", "good", choices=_HOLDS),
    )  # fmt: skip


def _price_above(view: SubscriptionView, reader: Reader) -> tuple[str, ...]:
    said = [f"{product_words(view)}, {view.row.price.quantity} pieces each cycle."]
    if view.regular is not None:
        said.append(
            f"This price holds for {view.price_cycles_left} more, then {money_words(view.regular.total, reader)} each cycle."
        )
    return tuple(said)


def _read_price(view: SubscriptionView, values: Mapping[str, str]) -> SubscriptionChange:
    reading, price = _Reading(), view.row.price
    unit = reading.take(lambda: _amount(view, values, "price.unit", price.unit))
    shipping = reading.take(lambda: _amount(view, values, "price.shipping", price.shipping))
    kind = DiscountKind(values["price.discount_of"])
    value = reading.take(lambda: _discount(view, kind, values["price.discount"]))
    reading.end()
    is_other = (kind, value) != (
        view.discount_kind,
        view.discount_value if kind is not DiscountKind.NONE else 0,
    )
    return SubscriptionChange(
        unit_price=unit, shipping=shipping, discount_kind=kind if is_other else None, discount_value=value if is_other else None,
        next_only=values["price.holds"] == "next",
    )  # fmt: skip


def _discount(view: SubscriptionView, kind: DiscountKind, text: str) -> int:
    if kind is DiscountKind.NONE:
        return 0
    if kind is DiscountKind.PERCENT:
        return _whole(text.strip().rstrip("%"), "price.discount", "a whole percentage")
    return minor_from_typed(text, _currency(view), "price.discount")


# Quantity ---------------------------------------------------------------------------------------


def _quantity_fields(view: SubscriptionView) -> tuple[Field, ...]:
    price = view.row.price
    return (
        Field("quantity", "Quantity", str(price.quantity)),
        Field("price.unit", "Unit price", price.unit.plain()),
    )


def _quantity_above(view: SubscriptionView, reader: Reader) -> tuple[str, ...]:
    sku = f" ({view.sku})" if view.sku else ""
    return (f"{product_words(view)}{sku}. The price is quantity × unit price.",)


def _read_quantity(view: SubscriptionView, values: Mapping[str, str]) -> SubscriptionChange:
    reading, price = _Reading(), view.row.price
    quantity = reading.take(lambda: _whole(values["quantity"], "quantity", "a quantity"))
    unit = reading.take(lambda: _amount(view, values, "price.unit", price.unit))
    reading.end()
    return SubscriptionChange(quantity=quantity if quantity != price.quantity else None, unit_price=unit)


# Billing date -----------------------------------------------------------------------------------


def _date_fields(view: SubscriptionView) -> tuple[Field, ...]:
    day = view.row.next_bill_date
    return (
        Field("next_bill_date", "Next bill date", day.isoformat() if day else "", hint="2026-12-31, or +14 for days"),
        Field("interval.count", "Every", str(view.row.interval_count)),
        Field("interval.unit", "", view.row.interval_unit, choices=_UNITS),
    )  # fmt: skip


def _date_above(view: SubscriptionView, reader: Reader) -> tuple[str, ...]:
    day = view.row.next_bill_date
    when = f"{day_words(day)}, " if day else ""
    return (f"Now: {when}{interval_words(view.row.interval_unit, view.row.interval_count)}.",)


def _read_date(view: SubscriptionView, values: Mapping[str, str]) -> SubscriptionChange:
    reading, row = _Reading(), view.row
    typed = values["next_bill_date"].strip()
    assert view.today is not None, "a view that is read knows its day"
    today = view.today
    day = reading.take(lambda: read_day(typed, today, "next_bill_date")) if typed else None
    count = reading.take(lambda: _whole(values["interval.count"], "interval.count", "a number"))
    unit = IntervalUnit(values["interval.unit"])
    reading.end()
    other = (unit, count) != (row.interval_unit, row.interval_count)
    return SubscriptionChange(
        next_bill_date=day if day != row.next_bill_date else None,
        interval_unit=unit if other else None, interval_count=count if other else None,
    )  # fmt: skip


PRICE = SubscriptionEdit("price", "Price of", _price_fields, _price_above, _read_price)
QUANTITY = SubscriptionEdit("quantity", "Quantity of", _quantity_fields, _quantity_above, _read_quantity)
DATE = SubscriptionEdit("billing date", "Billing date of", _date_fields, _date_above, _read_date)


def is_nothing(change: SubscriptionChange) -> bool:
    """Whether a form would store nothing: how long a price holds says nothing without a price."""
    plain = SubscriptionChange(next_only=change.next_only)
    return change == plain
