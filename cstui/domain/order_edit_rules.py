"""Whether an edit of an order can be stored: its fields, and what the order lets be changed (ORD-03)."""

from __future__ import annotations

from dataclasses import replace

from cstui.domain.addresses import Address, checked_address, cleaned_address
from cstui.domain.clean import clean, find_card_number
from cstui.domain.contacts import refused_card_numbers
from cstui.domain.errors import InvalidInput, NotPossibleNow
from cstui.domain.order_totals import MOST
from cstui.domain.orders import FINAL_STATUSES, LineChange, LineView, OrderChange, OrderView

#: The largest quantity that a line can be given.
MOST_PIECES = 9_999
_LONGEST_NAME = 200


def checked_change(order: OrderView, change: OrderChange) -> OrderChange:
    """The change cleaned, without what is as it was, and found possible for this order.

    Errors: `InvalidFields` or `InvalidInput` naming the field; `NotPossibleNow` where the order or a shipment does not let it be changed
    (ORD-03), or where no line would stay.
    """
    billing = _checked_address(order.billing, change.billing)
    shipping = _checked_address(order.shipping, change.shipping)
    if (billing or shipping) and not order.addresses_editable:
        raise NotPossibleNow(order.why_not_editable, "Reload the order to see where it stands.")
    lines = _checked_lines(order, change.lines)
    taxes = tuple((tax_id, amount) for tax_id, amount in change.taxes)
    if taxes and order.status in FINAL_STATUSES:
        raise NotPossibleNow(order.why_not_editable, "Reload the order to see where it stands.")
    return OrderChange(billing, shipping, lines, taxes)


def _checked_address(old: Address, new: Address | None) -> Address | None:
    """The new address where it differs; an imported one that is incomplete may stay as it is."""
    if new is None or new == old or cleaned_address(new) == cleaned_address(old):
        return None
    return refused_card_numbers(checked_address(new))


def _checked_lines(order: OrderView, changes: tuple[LineChange, ...]) -> tuple[LineChange, ...]:
    lines = {line.id: line for line in order.lines}
    seen: set[int] = set()
    kept: list[LineChange] = []
    for change in changes:
        if change.line_id is None:
            kept.append(_checked_new_line(order, change))
            continue
        line = lines.get(change.line_id)
        if line is None or change.line_id in seen:
            said = (
                "This line is not part of the order any more."
                if line is None
                else "This line is given twice."
            )
            raise InvalidInput(f"lines.{change.line_id}", str(change.quantity), said, "Reload the order.")
        seen.add(change.line_id)
        if change.quantity == line.quantity:
            continue
        _require_pieces(f"lines.{line.id}.quantity", change.quantity, line.name, least=0)
        _require_open(order, line)
        kept.append(change)
    gone = {change.line_id for change in kept if change.quantity == 0}
    if kept and not order.lines_editable:
        raise NotPossibleNow(order.why_not_editable, "Reload the order to see where it stands.")
    if gone and gone >= lines.keys() and not any(change.line_id is None for change in kept):
        raise NotPossibleNow("An order keeps at least one line.", "Cancel the order instead.")
    return tuple(kept)


def _require_pieces(field: str, quantity: int, name: str, least: int) -> None:
    if not least <= quantity <= MOST_PIECES:
        raise InvalidInput(
            field,
            str(quantity),
            f"{quantity} pieces of {name} cannot be ordered.",
            f"Give {least} to {MOST_PIECES}.",
        )


def _require_open(order: OrderView, line: LineView) -> None:
    if not line.editable:
        why = order.why_not_editable or "A shipment with this line is released."
        raise NotPossibleNow(
            f"{line.name} cannot be changed. {why}", "Create a return or a new order instead."
        )


def _checked_new_line(order: OrderView, change: LineChange) -> LineChange:
    name, sku, option = (clean(text).strip() for text in (change.name, change.sku, change.option))
    currency = order.totals.total.currency
    if not name or max(len(name), len(sku), len(option)) > _LONGEST_NAME:
        said = "The new line has no name." if not name else f"The name is longer than {_LONGEST_NAME} signs."
        raise InvalidInput("name", name[:40], said, "Choose a product, or type what it is.")
    masked = find_card_number(name) or find_card_number(sku) or find_card_number(option)
    if masked:
        raise InvalidInput(
            "name", masked, f"This looks like a card number: {masked}.", "Take the number out."
        )
    _require_pieces("quantity", change.quantity, name, least=1)
    price = change.unit_price
    if price is None or price.currency != currency or not 0 <= price.minor <= MOST:
        shown = "" if price is None else f"{price.plain()} {price.currency}"
        raise InvalidInput(
            "unit_price", shown, f"{name} has no price in {currency}.", "Give one, zero or more."
        )
    return replace(change, name=name, sku=sku, option=option)
