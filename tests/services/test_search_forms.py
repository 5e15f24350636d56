"""The labelled search form: its columns, its sort orders and defaults, on both databases alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import PaymentStatus
from cstui.domain.permissions import Role
from cstui.domain.search import CustomerSort, OrderSort, SearchForm
from cstui.services.search import Search
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from cstui.storage.reader import Reader
from tests.factories import THEN, add_customer, add_order, add_staff, add_store


@dataclass
class Shop:
    """Two stores; Ann's second order is billed to Bob Ray."""

    db: Database
    search: Search
    agent: Actor
    ann: int
    bob: int
    first: int
    second: int
    third: int


@pytest.fixture
def shop(db: Database) -> Shop:
    main, other = add_store(db), add_store(db, "other")
    ann = add_customer(db, main, "Ann", "Lee", email="ann@lee.org")
    bob = add_customer(
        db, main, "Bob", "O'Brien-Müller", email="bob@x.org", phone="030 901820", phone_e164="+4930901820"
    )
    foreign = add_customer(db, other, "Ann", "Lee", email="ann@other.org")
    first = add_order(db, main, ann, "#999", paid=3050, email="ann@lee.org")
    second = add_order(
        db, main, ann, "#1000", (("Tea", 1, 100),), placed_at=THEN + timedelta(days=2), email="bob@ray.org",
        billing_first_name="Bob", billing_last_name="Ray", billing_postcode="SW1A 1AA",
    )  # fmt: skip
    third = add_order(
        db, main, bob, "#1001", (("Mug", 1, 9000),), placed_at=THEN + timedelta(days=1), status=OrderStatus.CANCELLED, shipment=None,
        billing_first_name="Bob", billing_last_name="O'Brien-Müller", email="bob@x.org",
    )  # fmt: skip
    add_order(db, other, foreign, "#1000")
    search_index.rebuild(db)
    return Shop(
        db, Search(Reader(db.url)), add_staff(db, "ann", Role.AGENT, main), ann, bob, first, second, third
    )


def orders(
    shop: Shop, sort: OrderSort = OrderSort.NUMBER, descending: bool = False, **form: str
) -> list[int]:
    return [row.id for row in shop.search.orders(shop.agent, SearchForm(**form), sort, descending)[0]]


def customers(
    shop: Shop, sort: CustomerSort = CustomerSort.ID, descending: bool = False, **form: str
) -> list[int]:
    return [row.id for row in shop.search.customers(shop.agent, SearchForm(**form), sort, descending)[0]]


def test_orders_are_sought_by_their_own_billing_address_not_by_the_customer(shop: Shop) -> None:
    assert orders(shop, last_name="ray") == [shop.second]
    assert orders(shop, last_name="lee") == [shop.first], (
        "the second order is Ann's too, but billed to Bob Ray"
    )
    assert orders(shop, first_name="BOB") == [shop.second, shop.third]
    assert orders(shop, first_name="bob", last_name="obrien") == [shop.third]
    assert orders(shop, last_name="muller") == [shop.third] == orders(shop, last_name="Müller")
    assert orders(shop, postcode="sw1a1aa") == [shop.second] == orders(shop, postcode="SW1A 1")
    assert orders(shop, email="bob@ray") == [shop.second]
    assert orders(shop, phone="(030) 901820") == [shop.third]
    assert orders(shop, order_number="100") == [shop.second, shop.third]
    assert orders(shop, order_number="#1000") == [shop.second]
    assert orders(shop, last_name="ray", postcode="12207") == []


def test_orders_are_sorted_by_any_column_and_by_number_at_first(shop: Shop) -> None:
    first, second, third = shop.first, shop.second, shop.third
    assert orders(shop) == [first, second, third], "999 before 1000"
    assert orders(shop, descending=True) == [third, second, first]
    assert orders(shop, OrderSort.CUSTOMER) == [first, third, second]
    assert orders(shop, OrderSort.PLACED) == [first, third, second]
    assert orders(shop, OrderSort.TOTAL, True) == [third, first, second]
    assert orders(shop, OrderSort.STATUS) == [third, first, second]
    assert orders(shop, OrderSort.STORE) == [first, second, third]


def test_an_order_row_says_what_the_columns_show(shop: Shop) -> None:
    (row,), more = shop.search.orders(shop.agent, SearchForm(order_number="999"))
    assert (row.number, row.store, row.customer_name, row.placed_at, row.total.minor, row.status) == (
        "#999", "Main", "Ann Lee", THEN, 3050, OrderStatus.IN_PROGRESS,
    )  # fmt: skip
    assert row.payment_status is PaymentStatus.PAID and row.lines == ("2 × Mug", "1 × Tea") and not more


def test_status_days_and_store_narrow_the_orders(shop: Shop) -> None:
    assert orders(shop, status="cancelled") == [shop.third]
    assert orders(shop, placed_from="2026-11-03") == [shop.second, shop.third]
    assert orders(shop, placed_from="2026-11-03", placed_to="2026-11-03") == [shop.third]
    assert orders(shop, store="main", first_name="ann") == [shop.first]
    assert orders(shop, store="other") == []


def test_a_page_says_whether_more_follow(shop: Shop) -> None:
    rows, more = shop.search.orders(shop.agent, SearchForm(), limit=2)
    assert [row.id for row in rows] == [shop.first, shop.second] and more
    rows, more = shop.search.orders(shop.agent, SearchForm(), limit=2, offset=2)
    assert [row.id for row in rows] == [shop.third] and not more


def test_customers_are_sought_by_their_record(shop: Shop) -> None:
    assert customers(shop) == [shop.ann, shop.bob]
    assert customers(shop, last_name="lee") == [shop.ann]
    assert customers(shop, first_name="ann", last_name="brien") == []
    assert customers(shop, first_name="lee") == [], "a last name is no first name"
    assert customers(shop, last_name="obrien") == [shop.bob]
    assert customers(shop, email="BOB@") == [shop.bob]
    assert customers(shop, phone="1820") == [shop.bob]
    assert customers(shop, order_number="1001") == [shop.bob]
    assert customers(shop, postcode="12207") == [shop.ann, shop.bob]


def test_customers_are_sorted_by_any_column(shop: Shop) -> None:
    for sort in CustomerSort:
        up, down = customers(shop, sort), customers(shop, sort, True)
        assert up == list(reversed(down)) and set(up) == {shop.ann, shop.bob}, sort
    assert customers(shop, CustomerSort.LAST_NAME) == [shop.ann, shop.bob]
    (row, _), _ = shop.search.customers(shop.agent, SearchForm())
    assert (row.first_name, row.last_name, row.email, row.phone) == (
        "Ann",
        "Lee",
        "ann@lee.org",
        "+12125550101",
    )
    assert row.billing == "12 Elm Street, Albany, NY 12207, US"


def test_a_day_or_status_that_is_none_is_named(shop: Shop) -> None:
    for form in (SearchForm(placed_from="soon"), SearchForm(status="lost")):
        with pytest.raises(InvalidInput):
            shop.search.orders(shop.agent, form)


def test_no_text_makes_the_form_fail(shop: Shop) -> None:
    for text in ("%", "_", "\\", "'", "\0", "😀", "x" * 5_000, "שלום", "{d}", ":v0"):
        form = SearchForm(text, text, text, text, text, text, text, text, text)
        assert shop.search.orders(shop.agent, form) == ((), False)
        assert shop.search.customers(shop.agent, form) == ((), False)
        for name in ("order_number", "first_name", "email", "phone", "postcode", "store"):
            shop.search.orders(shop.agent, SearchForm(**{name: text}))
            shop.search.customers(shop.agent, SearchForm(**{name: text}))
    assert customers(shop, email="%") == [] and customers(shop, first_name="_") in ([], [shop.ann, shop.bob])


class Strict:
    """Settings with strict search on."""

    def value(self, key: str, store_id: int | None = None) -> bool:
        return key == "search.strict"


def test_the_strict_form_wants_two_fields_and_matches_them_whole(shop: Shop) -> None:
    strict = Search(Reader(shop.db.url), Strict())

    def found(**form: str) -> list[int]:
        return [row.id for row in strict.customers(shop.agent, SearchForm(**form))[0]]

    assert found(last_name="Lee") == [] == found(last_name="Lee", postcode="12207")
    assert found(first_name="Ann", last_name="Lee") == [shop.ann]
    assert found(first_name="Ann", last_name="Le") == []
    assert found(last_name="Lee", email="ann@lee.or") == []
    assert found(last_name="Lee", email="ann@lee.org") == [shop.ann]
    rows, _ = strict.orders(shop.agent, SearchForm(last_name="Ray", order_number="1000"))
    assert [row.id for row in rows] == [shop.second]
    assert strict.orders(shop.agent, SearchForm(last_name="Ray", order_number="100"))[0] == ()
