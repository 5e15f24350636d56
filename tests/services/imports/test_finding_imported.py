"""What an import brings is found at once, by the very terms that a rebuild of the index gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from cstui.services.imports import shopify
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from cstui.storage.tables.orders import Order
from tests.factories import count
from tests.services.imports.exports import Shop, customer, order
from tests.storage.test_search_index import everything


def _orders(of: int) -> list[list[dict[str, str]]]:
    """Orders newest first, as Shopify writes them; several of one customer, with other names, phones and postcodes in between."""
    made = []
    for number in range(of, 0, -1):
        more = {
            "Email": f"buyer{number % 7}@shop.example" if number % 5 else "",
            "Created_at": f"2026-03-{1 + number % 28:02d} 10:00:00 -0500",
            "Billing_Name": ("Ann Lee", "Zoë O'Brien-Smith", "Gül", "")[number % 4],
            "Billing_Company": "Smith & Co" if number % 6 == 0 else "",
            "Billing_Phone": f"(212) 555-{number % 3:04d}",
            "Shipping_Name": "Bob Lee" if number % 9 == 0 else "Ann Lee",
            "Shipping_Zip": f"122{number % 30:02d}",
            "Payment_Reference": f"ref{number}" if number % 8 else "",
        }
        made.append([dict(row) for row in order(number, (("Mug - Blue", 2, "10.00"),), **more)])
    return made


@pytest.mark.parametrize("batch", [1000, 7])
def test_an_import_indexes_what_a_rebuild_indexes(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(shopify, "BATCH", batch)
    shop, other = Shop(db), Shop(db, "other")
    shop.customers(
        tmp_path,
        customer("Zoë", "Smith", "buyer1@shop.example", Phone="'+1 212-555-0001"),
        customer("Eve", "", "eve@shop.example", Default_Address_Company="Eve Ltd"),
    )
    assert shop.orders(tmp_path, *_orders(60)).refused == []
    other.orders(tmp_path, *_orders(9))
    assert count(db, Order) == 69
    imported = everything(db)
    search_index.rebuild(db)
    rebuilt = everything(db)
    assert imported["search_term"] == rebuilt["search_term"]
    assert imported["search_person"] == rebuilt["search_person"]
    assert set(imported["search_word"]) >= set(rebuilt["search_word"]) != set()
