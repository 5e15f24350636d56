"""An order as it was: its audited changes undone one by one, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from cstui.domain.addresses import Address
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput
from cstui.domain.money import Money, minor_from_plain
from cstui.domain.order_changes import TOTALS
from cstui.domain.orders import HoldState, LineView, OrderStatus, OrderView
from cstui.domain.payments import payment_status, summed_up
from cstui.domain.shipments import ShipmentRow, ShipmentState, fulfilment_status

_ADDRESS_FIELDS = frozenset(field.name for field in fields(Address))
_LINE_WORDS = frozenset({"sku", "name", "option", "personalisation"})
_LINE_MONEY = frozenset({"unit_price", "discount", "tax"})


def as_of(order: OrderView, undone: Iterable[Change], at: datetime, version: int) -> OrderView:
    """The order as it stood at an instant: `undone` are the changes made after it, the newest event first.

    What is not audited as a change (shipments that the warehouse moved on, changes by an import) shows as it is now. A value that was
    erased shows as erased where it is text, and as it is now where it is a number. Nothing of it can be edited.
    """
    draft = _Draft(order)
    for change in undone:
        draft.undo(change)
    return draft.finished(at, version)


class _Draft:
    """The order's parts while changes are being undone."""

    def __init__(self, order: OrderView) -> None:
        self.order = order
        self.currency = order.totals.total.currency
        self.facts: dict[str, Any] = {}
        self.totals = order.totals
        self.addresses = {"billing": order.billing, "shipping": order.shipping}
        self.lines = {line.id: line for line in order.lines}
        self.taxes = {tax.id: tax for tax in order.taxes}
        self.discounts = list(order.discounts)
        self.holds = {hold.id: hold for hold in order.holds}
        self.shipments = {shipment.id: shipment for shipment in order.shipments}

    def undo(self, change: Change) -> None:
        """Takes one change back; a path that is not of the order's own fields is passed over."""
        part, _, rest = change.path.partition(".")
        undo = _UNDO.get(part)
        if undo is None:
            return
        try:
            undo(self, rest, change)
        except (InvalidInput, ValueError, KeyError, IndexError):
            # An erased value, or a part that is no longer known: it stays as it is.
            return

    def finished(self, at: datetime, version: int) -> OrderView:
        """The order with what was put together, looked at from that instant."""
        shipments = tuple(self.shipments[key] for key in sorted(self.shipments))
        transactions = tuple(row for row in self.order.transactions if row.at <= at)
        paid = summed_up((row.kind, row.status, row.amount.minor, row.parent_kind) for row in transactions)
        return replace(
            self.order,
            **self.facts,
            billing=self.addresses["billing"],
            shipping=self.addresses["shipping"],
            lines=tuple(self._priced(line) for _, line in sorted(self.lines.items())),
            taxes=tuple(self.taxes.values()),
            discounts=tuple(self.discounts),
            totals=self.totals,
            holds=tuple(self.holds[key] for key in sorted(self.holds)),
            shipments=shipments,
            transactions=transactions,
            paid=paid,
            payment_status=payment_status(self.totals.total.minor, paid),
            fulfilment_status=fulfilment_status(tuple(shipment.state for shipment in shipments)),
            notes=tuple(note for note in self.order.notes if note.at <= at),
            version=version,
            edit_lock=None,
            viewers=(),
            lines_editable=False,
            addresses_editable=False,
            why_not_editable="This is how the order was; go back to it as it is to edit it.",
            as_of=at,
        )

    def _priced(self, line: LineView) -> LineView:
        total = line.unit_price * line.quantity - line.discount
        return replace(line, total=total if self.totals.tax_included else total + line.tax, editable=False)

    def _money(self, words: str) -> Money:
        return Money(minor_from_plain(words.partition(" ")[0], self.currency), self.currency)

    def _address(self, part: str, name: str, change: Change) -> None:
        if name in _ADDRESS_FIELDS:
            self.addresses[part] = replace(self.addresses[part], **{name: change.old})

    def _billing(self, name: str, change: Change) -> None:
        self._address("billing", name, change)

    def _shipping(self, name: str, change: Change) -> None:
        self._address("shipping", name, change)

    def _total(self, name: str, change: Change) -> None:
        if name in TOTALS:
            moved: dict[str, Any] = {name: self._money(change.old)}
            self.totals = replace(self.totals, **moved)

    def _status(self, _: str, change: Change) -> None:
        self.facts["status"] = OrderStatus(change.old)

    def _cancelled_at(self, _: str, change: Change) -> None:
        self.facts["cancelled_at"] = datetime.fromisoformat(change.old) if change.old else None

    def _cancel_reason(self, _: str, change: Change) -> None:
        self.facts["cancel_reason"] = change.old

    def _line(self, rest: str, change: Change) -> None:
        key, _, name = rest.partition(".")
        line_id = int(key)
        if not name:
            if change.old:
                self.lines.setdefault(line_id, self._blank_line(line_id))
            else:
                self.lines.pop(line_id, None)
            return
        if line_id not in self.lines and not change.old:
            return
        # The facts of a line that was taken out come before or after the line itself: either way they find it.
        line = self.lines.get(line_id) or self._blank_line(line_id)
        self.lines[line_id] = replace(line, **self._line_fact(name, change.old))

    def _line_fact(self, name: str, old: str) -> dict[str, Any]:
        if name in _LINE_WORDS:
            return {name: old}
        if name in _LINE_MONEY:
            return {name: self._money(old)}
        if name == "quantity":
            return {name: int(old)}
        if name == "subscription_id":
            return {name: int(old) if old else None}
        return {name: old != "no"} if name in ("taxable", "requires_shipping") else {}

    def _blank_line(self, line_id: int) -> LineView:
        zero = Money(0, self.currency)
        return LineView(line_id, "", "", "", 0, zero, zero, zero, zero, True, True, "", None, False)

    def _tax(self, rest: str, change: Change) -> None:
        key, _, name = rest.partition(".")
        if name in ("amount", "base"):
            moved: dict[str, Any] = {name: self._money(change.old)}
            self.taxes[int(key)] = replace(self.taxes[int(key)], **moved)

    def _discount(self, rest: str, change: Change) -> None:
        place = int(rest.partition(".")[0]) - 1
        self.discounts[place] = replace(self.discounts[place], amount=self._money(change.old))

    def _hold(self, rest: str, change: Change) -> None:
        key, _, name = rest.partition(".")
        if not name and not change.old:
            self.holds.pop(int(key), None)
        elif name == "state":
            state = HoldState(change.old)
            self.holds[int(key)] = replace(
                self.holds[int(key)], state=state, resolved_by="", resolved_at=None
            )

    def _shipment(self, rest: str, change: Change) -> None:
        key, _, name = rest.partition(".")
        shipment = self.shipments[int(key)]
        if not name and not change.old:
            del self.shipments[int(key)]
        elif name == "state":
            self.shipments[shipment.id] = replace(shipment, state=ShipmentState(change.old))
        elif name.startswith("lines."):
            self.shipments[shipment.id] = _repacked(shipment, int(name.removeprefix("lines.")), change.old)


def _repacked(shipment: ShipmentRow, line_id: int, quantity: str) -> ShipmentRow:
    contents = dict(shipment.lines)
    contents.pop(line_id, None)
    if quantity:
        contents[line_id] = int(quantity)
    return replace(shipment, lines=tuple(sorted(contents.items())))


_UNDO: Mapping[str, Any] = {
    "billing": _Draft._billing,
    "shipping": _Draft._shipping,
    "totals": _Draft._total,
    "status": _Draft._status,
    "cancelled_at": _Draft._cancelled_at,
    "cancel_reason": _Draft._cancel_reason,
    "lines": _Draft._line,
    "taxes": _Draft._tax,
    "discounts": _Draft._discount,
    "holds": _Draft._hold,
    "shipments": _Draft._shipment,
}
