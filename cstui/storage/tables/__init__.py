"""The schema: one module a noun. Importing this package loads every table into `Base.metadata`."""

from cstui.storage.tables import (
    audit,
    customers,
    exchange,
    locks,
    orders,
    payments,
    people,
    sandbox,
    search,
    subscriptions,
)
from cstui.storage.tables.base import Base

__all__ = [
    "Base",
    "audit",
    "customers",
    "exchange",
    "locks",
    "orders",
    "payments",
    "people",
    "sandbox",
    "search",
    "subscriptions",
]
