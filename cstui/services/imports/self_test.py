"""The files' own sums against what is stored: Total Orders and Total Spent of each customer."""

from __future__ import annotations

import json
from typing import Any

from cstui.domain.ids import Kind, public_id
from cstui.domain.money import Money
from cstui.services.imports.batch import CUSTOMERS, Target
from cstui.services.imports.report import Difference, SelfTest
from cstui.storage.queries import imports as stored
from cstui.storage.transaction import Transaction

_PAGE = 1_000
#: So many customers that differ are named.
_NAMED = 50


def self_test(tx: Transaction, store: Target) -> SelfTest:
    """Compares every customer whose file row has totals and who has ordered, in the file or here; a page at a time."""
    result = SelfTest()
    after = ""
    while page := stored.remembered_page(tx, CUSTOMERS, store.id, after, _PAGE):
        after = page[-1][0]
        told = [
            (customer, values) for key, customer, text in page if (values := _told(key, text)) is not None
        ]
        here = stored.spent_and_orders(tx, store.id, [customer for customer, _ in told])
        names = stored.names_of(tx, [customer for customer, _ in told])
        for customer, values in told:
            orders, spent = here.get(customer, (0, 0))
            if orders or values["orders"]:
                _compare(result, store, (customer, names.get(customer, "")), values, orders, spent)
    return result


def _told(key: str, text: str) -> dict[str, Any] | None:
    """What the file said of a customer's totals; None where it said nothing, or where another key says it too."""
    values: dict[str, Any] = json.loads(text)
    if values.get("orders") is None or values.get("spent") is None or values.get("id", "") not in ("", key):
        return None
    return values


def _compare(
    result: SelfTest, store: Target, who: tuple[int, str], values: dict[str, Any], orders: int, spent: int
) -> None:
    customer_id = public_id(Kind.CUSTOMER, who[0])
    result.customers += 1
    if orders == values["orders"]:
        result.orders_agree += 1
    elif len(result.orders_differ) < _NAMED:
        result.orders_differ.append(Difference(customer_id, who[1], str(values["orders"]), str(orders)))
    if spent == values["spent"]:
        result.spent_agree += 1
    elif len(result.spent_differ) < _NAMED:
        in_file, here = (Money(minor, store.currency).plain() for minor in (values["spent"], spent))
        result.spent_differ.append(Difference(customer_id, who[1], in_file, here))
