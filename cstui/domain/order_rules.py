"""What may be done to an order now, and why not (ORD-03, ORD-16, domain rules of orders and shipments)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cstui.domain.addresses import Address, checked_address, cleaned_address
from cstui.domain.clean import clean, find_card_number
from cstui.domain.errors import InvalidInput, NotPossibleNow
from cstui.domain.money import Money
from cstui.domain.order_totals import MOST
from cstui.domain.orders import FINAL_STATUSES, LineChange, LineView, OrderChange, OrderStatus, OrderView
from cstui.domain.payments import TransactionKind, TransactionRow, TransactionStatus
from cstui.domain.shipments import (
    OPEN_SHIPMENT_STATES,
    SENT_SHIPMENT_STATES,
    ShipmentRow,
    ShipmentState,
)

#: The largest quantity that a line can be given.
MOST_PIECES = 9_999
_LONGEST_NAME = 200

#: How a status stands in a sentence.
STATUS_WORDS: dict[OrderStatus, str] = {
    OrderStatus.CREATED: "not confirmed yet",
    OrderStatus.ON_HOLD: "on hold",
    OrderStatus.IN_PROGRESS: "in progress",
    OrderStatus.AWAITING_EXCHANGE: "waiting for an exchange",
    OrderStatus.PARTIALLY_SHIPPED: "partly shipped",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.FAILED: "declined",
}

SHIPMENT_WORDS: dict[ShipmentState, str] = {
    ShipmentState.AWAITING_INVENTORY: "waiting for stock",
    ShipmentState.INVENTORY_ASSIGNED: "packed from stock, not released",
    ShipmentState.ON_HOLD: "on hold",
    ShipmentState.RELEASED: "released to the warehouse",
    ShipmentState.SHIPPED: "shipped",
    ShipmentState.DELIVERED: "delivered",
    ShipmentState.FAILED: "refused by the warehouse",
    ShipmentState.CANCELLED: "cancelled",
    ShipmentState.RETURNED: "returned",
    ShipmentState.PENDING: "being delivered digitally",
}


@dataclass(frozen=True, slots=True)
class Editable:
    """What of an order may be edited now. `fixed_lines` are ids of lines that a released shipment holds; `why_not` is empty where all may."""

    lines: bool
    addresses: bool
    fixed_lines: frozenset[int]
    why_not: str


def editable(status: OrderStatus, line_ids: Iterable[int], shipments: tuple[ShipmentRow, ...]) -> Editable:
    """What may be edited: nothing of a final order; a line while no shipment that holds it is released; addresses while none is (ORD-03).

    Cancelled shipments do not bind; digital ones do not bind the address.
    """
    ids = tuple(line_ids)
    if status in FINAL_STATUSES:
        why = f"This order is {STATUS_WORDS[status]}; it cannot be changed any more."
        return Editable(False, False, frozenset(ids), why)
    binding = [
        shipment
        for shipment in shipments
        if shipment.state is not ShipmentState.CANCELLED and shipment.state not in OPEN_SHIPMENT_STATES
    ]
    if not binding:
        return Editable(True, True, frozenset(), "")
    fixed = frozenset(line_id for shipment in binding for line_id, _ in shipment.lines)
    addresses = all(shipment.is_digital for shipment in binding)
    lines = not ids or any(line_id not in fixed for line_id in ids)
    return Editable(lines, addresses, fixed, _why_not(binding, lines, addresses, bool(fixed)))


def _why_not(binding: list[ShipmentRow], lines: bool, addresses: bool, some_fixed: bool) -> str:
    if lines and addresses and not some_fixed:
        return ""
    first = next((shipment for shipment in binding if not shipment.is_digital), binding[0])
    state = SHIPMENT_WORDS[first.state]
    if not lines and not addresses:
        return f"The shipment is {state}; its contents and address can no longer be changed."
    if not lines:
        return f"The shipment is {state}; its contents can no longer be changed."
    if not addresses:
        return f"One shipment is {state}; its lines and the address can no longer be changed."
    return f"One shipment is {state}; its lines can no longer be changed."


def why_not_cancelled(status: OrderStatus, shipments: tuple[ShipmentRow, ...]) -> str:
    """Why the order cannot be cancelled now; empty where it can (allowed while nothing has been shipped)."""
    if status in FINAL_STATUSES:
        return f"This order is {STATUS_WORDS[status]} already."
    sent = [shipment for shipment in shipments if shipment.state in SENT_SHIPMENT_STATES]
    if sent:
        return (
            f"A shipment is {SHIPMENT_WORDS[sent[0].state]} already; create a return for it, "
            "or cancel what has not been shipped."
        )
    return ""


def why_not_held(status: OrderStatus) -> str:
    """Why no hold can be placed now; empty where one can."""
    if status in FINAL_STATUSES:
        return f"This order is {STATUS_WORDS[status]}; there is nothing left to hold."
    return ""


def line_words(quantity: int, name: str, option: str = "") -> str:
    """`2 × Mug, blue`."""
    return f"{quantity} × {name}" + (f", {option}" if option else "")


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
    return checked_address(new)


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
    name, sku = clean(change.name).strip(), clean(change.sku).strip()
    currency = order.totals.total.currency
    if not name or len(name) > _LONGEST_NAME or len(sku) > _LONGEST_NAME:
        said = "The new line has no name." if not name else f"The name is longer than {_LONGEST_NAME} signs."
        raise InvalidInput("name", name[:40], said, "Choose a product, or type what it is.")
    masked = find_card_number(name) or find_card_number(sku)
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
    return replace(change, name=name, sku=sku)


def open_authorisations(transactions: tuple[TransactionRow, ...]) -> tuple[TransactionRow, ...]:
    """Authorisations that neither captures nor voids have used up, the oldest counted as used first."""
    done = [row for row in transactions if row.status is TransactionStatus.SUCCEEDED]
    used = sum(
        row.amount.minor for row in done if row.kind in (TransactionKind.CAPTURE, TransactionKind.VOID)
    )
    still_open: list[TransactionRow] = []
    for row in sorted(done, key=lambda row: (row.at, row.id)):
        if row.kind is TransactionKind.AUTHORISE:
            if used < row.amount.minor:
                still_open.append(row)
            used = max(0, used - row.amount.minor)
    return tuple(still_open)


def refund_due_on_cancel(order: OrderView) -> Money:
    """What the customer has paid and would have back: captured less what was refunded, voided or disputed."""
    paid = order.paid
    kept = paid.captured - paid.refunded - paid.disputed - (paid.voided if paid.captured else 0)
    return Money(max(0, kept), order.totals.total.currency)
