"""What is offered to somebody who wants to cancel, on the command line."""

from __future__ import annotations

from cstui.domain.permissions import Role
from tests.cli.program import OTHER, Shop
from tests.services.test_retention import add_product

KEYS = {
    "store", "reason", "reason_label", "kind", "percent", "cycles", "days", "product", "label", "words",
}  # fmt: skip


def test_offers_are_set_listed_and_removed(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    made = shop.ok("retention", "set", "too_expensive", "percent", "--percent", "20", "--cycles", "3")
    assert set(made) == KEYS and (made["store"], made["words"], made["reason_label"]) == (
        None, "20 % off for 3 bills", "Too expensive",
    )  # fmt: skip
    own = ("retention", "set", "too_expensive", "pause", "--days", "30", "--store", "main")
    assert shop.ok(*own)["words"] == "30 days of pause"
    assert [row["kind"] for row in shop.ok("retention", "offers", "--store", "main")] == ["pause"]
    assert [row["kind"] for row in shop.ok("retention", "offers")] == ["percent", "pause"]
    assert "Too expensive" in shop("retention", "offers").out
    assert shop.ok("retention", "remove", "too_expensive", "pause", "--store", "main")["kind"] == "pause"
    shop.refused(3, "retention", "remove", "too_expensive", "pause", "--store", "main")
    assert [row["kind"] for row in shop.ok("retention", "offers", "--store", "main")] == ["percent"]


def test_a_cheaper_product_is_named_by_its_stock_number(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    for option in ("Small", "Large"):
        add_product(shop.database, shop.store, "Tea", 900, option=option)
    words = ("retention", "set", "quality", "downgrade", "--store", "main", "--product", "sku-tea")
    assert "Small, Large" in shop.refused(2, *words)["advice"]
    assert shop.ok(*words, "--option", "small")["product"] == "Tea, Small"
    shop.refused(3, *words, "--option", "huge")
    assert shop.refused(2, *words[:4], "--product", "sku-tea")["advice"] == "Add --store CODE."


def test_what_is_out_of_bounds_or_not_permitted_is_refused(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    error = shop.refused(
        1, "retention", "set", "too_expensive", "percent", "--percent", "101", "--cycles", "0"
    )
    assert error["fields"] == ["percent", "cycles"]
    shop.refused(2, "retention", "set", "too_expensive", "gift")
    shop.refused(1, "retention", "set", "bored", "pause", "--days", "3")
    shop.refused(2, "retention", "report", "--since", "yesterday")
    assert shop.ok("retention", "report", "--since", "2026-01-01")["reasons"] == []
    shop.add_person("ann", Role.AGENT)
    ann = {"password": OTHER}
    shop.refused(4, "retention", "set", "not_using", "pause", "--days", "3", "--as", "ann", **ann)
    assert shop.ok("retention", "offers", "--as", "ann", **ann) == []
