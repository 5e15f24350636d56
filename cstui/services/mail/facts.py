"""What templates are given: texts, yes or no, and lists of them, written in the customer's locale and cleaned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from cstui.domain.addresses import Address
from cstui.domain.clean import clean
from cstui.domain.locales import amount_with_code, locale_of, written_day
from cstui.domain.money import Money
from cstui.domain.orders import OrderView
from cstui.domain.payments import RefundMethod, TransactionKind, TransactionStatus
from cstui.domain.shipments import ShipmentRow
from cstui.domain.stores import is_zone
from cstui.storage.queries.mail_facts import MoveFacts, Reached, RefundFacts

Facts = dict[str, Any]
_LONGEST = 200
#: Carriers with a page that takes a tracking number.
_TRACKING = {
    "ups": "https://www.ups.com/track?tracknum=",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels=",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr=",
    "dhl": "https://www.dhl.com/en/express/tracking.html?AWB=",
    "dpd": "https://tracking.dpd.de/status/en_US/parcel/",
    "gls": "https://gls-group.com/track/",
    "royal mail": "https://www.royalmail.com/track-your-item#/tracking-results/",
}


class Writer:
    """Writes money, days and texts as one customer reads them."""

    def __init__(self, reached: Reached) -> None:
        self._locale = locale_of(reached.locale)
        self._zone = ZoneInfo(reached.zone) if is_zone(reached.zone) else UTC

    def money(self, amount: Money) -> str:
        """The amount with its ISO code."""
        return clean(amount_with_code(amount, self._locale))

    def day(self, at: datetime) -> str:
        """The day in the store's zone."""
        return written_day(at.astimezone(self._zone).date(), self._locale)

    def date(self, day: date) -> str:
        """A day of the store's own calendar."""
        return written_day(day, self._locale)

    def moment(self, at: datetime) -> str:
        """Day, time and zone: `2 November 2026, 10:02 EST`."""
        local = at.astimezone(self._zone)
        return f"{written_day(local.date(), self._locale)}, {local:%H:%M} {local.tzname() or ''}".rstrip()


def text(value: str) -> str:
    """One line of somebody's text, cleaned and of bearable length."""
    return clean(value, limit=_LONGEST).strip()


def common(reached: Reached) -> Facts:
    """What every mail knows: the store's name, and whom it greets."""
    name = text(reached.name)
    return {
        "store": text(reached.store) or "Our team",
        "name": name,
        "greeting": f"Hello {name}," if name else "Hello,",
    }


def card_text(brand: str, last4: str) -> str:
    """`Visa ending in 4242`; empty where there was no card."""
    return text(f"{brand or 'card'} ending in {last4}") if last4 else ""


def of_order(writer: Writer, order: OrderView) -> Facts:
    """The order: number, day, lines, totals, addresses, and the card that paid."""
    totals = order.totals
    paid = next(
        (
            row
            for row in order.transactions
            if row.kind in (TransactionKind.SALE, TransactionKind.CAPTURE, TransactionKind.AUTHORISE)
            and row.status is TransactionStatus.SUCCEEDED
            and row.card_last4
        ),
        None,
    )
    return {
        "number": text(order.number),
        "placed": writer.day(order.placed_at),
        "lines": [
            {
                "quantity": str(line.quantity),
                "name": text(" ".join(part for part in (line.name, line.option) if part)),
                "price": writer.money(line.unit_price),
                "total": writer.money(line.total),
            }
            for line in order.lines
        ],
        "subtotal": writer.money(totals.subtotal),
        "discount": writer.money(totals.discount) if totals.discount else "",
        "shipping": writer.money(totals.shipping) if totals.shipping else "",
        "tax": writer.money(totals.tax) if totals.tax else "",
        "tax_included": totals.tax_included,
        "total": writer.money(totals.total),
        "billing": _address(order.billing),
        "delivery": _address(order.shipping),
        "card": card_text(paid.card_brand, paid.card_last4) if paid else "",
    }


def _address(address: Address) -> list[str]:
    return [text(line) for line in address.lines()]


def of_refund(
    writer: Writer, refund: RefundFacts | None, move: MoveFacts | None, number: str, days: int
) -> Facts:
    """The refund: amount, where it goes, until when it shows, its reference. At least one of both facts is there."""
    amount = refund.amount if refund else move.amount if move else Money(0, "")
    of_card = move if move and move.card_last4 else refund
    by_hand = refund is not None and refund.method is RefundMethod.MANUAL
    return {
        "amount": writer.money(amount),
        "order": text(number),
        "card": card_text(of_card.card_brand, of_card.card_last4) if of_card and not by_hand else "",
        "by_hand": by_hand,
        "payee": text(refund.payee) if refund and by_hand else "",
        "days": str(days),
        "reference": text(move.reference) if move else "",
    }


def of_shipment(row: ShipmentRow, order: OrderView) -> Facts:
    """The shipment: what is in it, carrier, number, and the carrier's page where it is known."""
    names = {
        line.id: text(" ".join(part for part in (line.name, line.option) if part)) for line in order.lines
    }
    return {
        "order": text(order.number),
        "is_digital": row.is_digital,
        "carrier": text(row.carrier or row.method),
        "number": text(row.tracking),
        "link": tracking_link(row.carrier or row.method, row.tracking),
        "items": [
            {"quantity": str(quantity), "name": names[line_id]}
            for line_id, quantity in row.lines
            if line_id in names
        ],
    }


def tracking_link(carrier: str, number: str) -> str:
    """The carrier's page for a tracking number; empty where the carrier is not known."""
    low = carrier.casefold()
    page = next((page for name, page in _TRACKING.items() if low == name or low.startswith(f"{name} ")), "")
    return page + quote(number.strip(), safe="") if page and number.strip() else ""


def of_failure(
    writer: Writer, refund: RefundFacts, failures: Sequence[tuple[datetime, str]], number: str
) -> Facts:
    """A refund that failed for good, as the store's own list reads it: what was said each time."""
    return {
        "amount": writer.money(refund.amount),
        "order": text(number),
        "card": card_text(refund.card_brand, refund.card_last4),
        "asked_by": text(refund.requested_by),
        "asked": writer.day(refund.requested_at),
        "failures": [{"at": writer.moment(at), "said": text(said)} for at, said in failures],
    }


def of_subscription(writer: Writer, row: Any, more: Mapping[str, object]) -> Facts:
    """The subscription: what it is, what the next bill comes to and when, its card; and what the mail is about, written as the customer reads it.

    `more` may hold `amount`, `was` (money), `date`, `resumes`, `ends` (days), `tries` (a number), `order`, `said`, `card` (texts). `tone` is
    `mild`, `firm` or `last`, by the tries (MAIL-07).
    """

    def written(name: str) -> str:
        value = more.get(name)
        if isinstance(value, Money):
            return writer.money(value)
        if isinstance(value, date):
            return writer.date(value)
        return text(str(value)) if value is not None else ""

    total = row.unit_price * row.quantity - row.discount + row.shipping + row.tax
    tries = int(str(more.get("tries") or 0))
    return {
        "product": text(" ".join(part for part in (row.product, row.option) if part)),
        "quantity": str(row.quantity),
        "amount": written("amount") or writer.money(Money(total, row.currency)),
        "date": written("date") or (writer.date(row.next_bill_date) if row.next_bill_date else ""),
        "card": written("card") or card_text(row.brand or "", row.last4 or ""),
        "tone": "mild" if tries < 3 else "firm" if tries < 5 else "last",
        **{name: written(name) for name in ("order", "said", "resumes", "ends", "was")},
    }


def safe_link(url: str) -> str:
    """A link that leads to a web page; empty for anything else."""
    cleaned = clean(url, limit=2000).strip()
    is_page = cleaned.startswith(("https://", "http://")) and not any(sign.isspace() for sign in cleaned)
    return cleaned if is_page and "\ufffd" not in cleaned else ""
