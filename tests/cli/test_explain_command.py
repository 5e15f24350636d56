"""A charge is explained on the command line, with the same sentence and stable JSON."""

from __future__ import annotations

from cstui.domain.ids import Kind, public_id
from tests.cli.program import Shop
from tests.factories import add_customer, add_order

KEYS = {
    "sentence", "outcome", "at", "day", "amount", "matched", "advice", "order", "order_number", "transaction", "attempt",
    "subscription", "cycle",
}  # fmt: skip


def test_a_charge_is_found_by_what_the_statement_says(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    customer = add_customer(shop.database, shop.store, "Eve", "Moss", phone="", phone_e164="")
    order = add_order(shop.database, shop.store, customer, "#7001", paid=3050)
    ref = public_id(Kind.CUSTOMER, customer)
    (found,) = shop.ok(
        "explain", ref, "--amount", "30.50", "--on", "2026-11-03", "--last4", "4242", "--reference", "7001"
    )["charges"]
    assert set(found) == KEYS
    assert (found["order"], found["amount"], found["day"]) == (
        public_id(Kind.ORDER, order), {"minor": 3050, "currency": "USD"}, "2026-11-02",
    )  # fmt: skip
    assert found["matched"] == ["amount", "1 day apart", "card", "reference"]
    said = shop("explain", ref).out
    assert said.strip() == found["sentence"]
    shop.refused(3, "explain", ref, "--amount", "30.50 EUR", "--on", "2026-12-24")
    shop.refused(2, "explain", ref, "--on", "3 Nov")
    shop.refused(2, "explain", ref, "--last4", "4242424242424242")
    assert shop.refused(1, "explain", ref, "--amount", "much")["field"] == "amount"
