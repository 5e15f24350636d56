"""What the labelled search form shows: rows of the database made into result lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from cstui.domain.addresses import Address
from cstui.domain.errors import InvalidInput
from cstui.domain.money import Money
from cstui.domain.orders import OrderRow, OrderStatus
from cstui.domain.payments import Moved, TransactionKind, TransactionStatus, payment_status, summed_up
from cstui.domain.search import CustomerHitRow, CustomerSort, OrderSort, SearchForm
from cstui.domain.search_strict import filled
from cstui.domain.shipments import ShipmentState, fulfilment_status
from cstui.storage.queries import search_forms as queries
from cstui.storage.reader import Reader, instant_of

_MOST_ROWS = 200
_DAY_FIELDS = ("placed_from", "placed_to")


def order_rows(
    reader: Reader,
    stores: Sequence[int],
    form: SearchForm,
    sort: OrderSort,
    descending: bool,
    strict: bool,
    limit: int,
    offset: int,
) -> tuple[tuple[OrderRow, ...], bool]:
    """Orders that the form finds, sorted by the database, and whether more follow (SRCH-05 … SRCH-07)."""
    _check(form)
    if not stores or (strict and filled(form) < 2):
        return (), False
    limit = max(1, min(limit, _MOST_ROWS))
    rows = queries.orders(
        reader,
        stores,
        form,
        sort,
        descending=descending,
        strict=strict,
        limit=limit + 1,
        offset=max(0, offset),
    )
    shown = rows[:limit]
    lines, money, parcels = queries.order_parts(reader, [row[0] for row in shown])
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for order_id, quantity, name, option in lines:
        texts[order_id].append(f"{quantity} × {name}, {option}" if option else f"{quantity} × {name}")
    moved: defaultdict[int, list[Moved]] = defaultdict(list)
    gateways: dict[int, str] = {}
    for order_id, kind, status, minor, gateway, parent in money:
        moved[order_id].append(
            (
                TransactionKind(kind),
                TransactionStatus(status),
                minor,
                TransactionKind(parent) if parent else None,
            )
        )
        if gateway:
            gateways.setdefault(order_id, gateway)
    states: defaultdict[int, list[ShipmentState]] = defaultdict(list)
    for order_id, state in parcels:
        states[order_id].append(ShipmentState(state))
    return tuple(
        OrderRow(
            key, number, store_id, store, customer_id, f"{first} {last}".strip() or company, instant_of(placed_at), Money(total, currency),
            OrderStatus(status), payment_status(total, summed_up(moved[key])), fulfilment_status(tuple(states[key])), tuple(texts[key]),
            gateways.get(key, ""), holder,
        )
        for key, number, store_id, store, customer_id, first, last, company, placed_at, total, currency, status, holder in shown
    ), len(rows) > limit  # fmt: skip


def customer_rows(
    reader: Reader,
    stores: Sequence[int],
    form: SearchForm,
    sort: CustomerSort,
    descending: bool,
    strict: bool,
    limit: int,
    offset: int,
) -> tuple[tuple[CustomerHitRow, ...], bool]:
    """Customers that the form finds, sorted by the database, and whether more follow (SRCH-08, SRCH-09)."""
    _check(form)
    if not stores or (strict and filled(form) < 2):
        return (), False
    limit = max(1, min(limit, _MOST_ROWS))
    rows = queries.customers(
        reader,
        stores,
        form,
        sort,
        descending=descending,
        strict=strict,
        limit=limit + 1,
        offset=max(0, offset),
    )
    return tuple(
        CustomerHitRow(key, _address(place).in_one_line(), email, first, last, phone)
        for key, email, first, last, phone, *place in rows[:limit]
    ), len(rows) > limit


def _address(place: Sequence[str]) -> Address:
    line1, line2, city, region, postcode, country = place
    return Address(line1=line1, line2=line2, city=city, region=region, postcode=postcode, country=country)


def _check(form: SearchForm) -> None:
    """Days must be days, and a status one of an order's. Errors: `InvalidInput` naming the field."""
    for field in _DAY_FIELDS:
        text = getattr(form, field).strip()
        try:
            if text:
                date.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                field, text, f"“{text[:40]}” is not a day.", "Write it as 2026-11-02."
            ) from None
    status = form.status.strip()
    if status and status not in {member.value for member in OrderStatus}:
        raise InvalidInput(
            "status",
            status,
            f"“{status[:40]}” is not an order status.",
            "Choose one of: " + ", ".join(OrderStatus) + ".",
        )
