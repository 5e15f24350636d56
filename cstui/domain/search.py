"""Finding: what was typed, and what came back (SRCH-01 … SRCH-14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.ids import Kind
from cstui.domain.money import Money


class Matched(StrEnum):
    """Why a row was found; shown beside it."""

    EMAIL = "e-mail"
    DOMAIN = "e-mail domain"
    PHONE = "phone"
    PHONE_END = "end of phone"
    NAME = "name"
    NAME_LIKE = "similar name"
    POSTCODE = "postcode"
    COMPANY = "company"
    ORDER_NUMBER = "order number"
    CARD = "card last 4"
    TRANSACTION = "transaction id"
    TRACKING = "tracking"
    SUBSCRIPTION = "subscription"
    ID = "id"
    FRAGMENT = "part of text"
    TYPO = "typing error forgiven"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result row. `kind` and `id` are what Enter opens; `customer_id` is the person it leads to.

    `order_id` is the order that a hit of another kind leads to (an order's own id, a transaction's order), 0 for people.
    `label` is the person's name (or company or e-mail), `detail` what tells two alike apart: number, e-mail, postcode, last order, count of orders.
    """

    kind: Kind
    id: int
    customer_id: int
    store_id: int
    store: str
    label: str
    number: str
    email: str
    phone: str
    postcode: str
    city: str
    matched: Matched
    last_order_at: datetime | None
    order_count: int
    status: str = ""
    total: Money | None = None
    order_id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one query: what it was read as, the best and newest first, and whether there is more."""

    query: str
    read_as: tuple[str, ...]
    hits: tuple[Hit, ...]
    more: bool
    hint: str = ""


class OrderSort(StrEnum):
    """Columns of the order search form (SRCH-07)."""

    NUMBER = "number"
    STORE = "store"
    CUSTOMER = "customer"
    PLACED = "placed"
    TOTAL = "total"
    STATUS = "status"


class CustomerSort(StrEnum):
    """Columns of the customer search form (SRCH-09)."""

    ID = "id"
    ADDRESS = "address"
    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The labelled search form; empty fields do not count. For orders the person's fields are the billing address's (SRCH-05)."""

    order_number: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    postcode: str = ""
    card_bin: str = ""
    card_last4: str = ""
    store: str = ""
    status: str = ""
    placed_from: str = ""
    placed_to: str = ""


@dataclass(frozen=True, slots=True)
class CustomerHitRow:
    """One line of the customer form's results (SRCH-09)."""

    id: int
    billing: str
    email: str
    first_name: str
    last_name: str
    phone: str
