"""Makes a call center of any size: skewed real-looking names, mail providers, phones, order numbers. The same seed gives the same rows.

    python benchmarks/generator.py sqlite:////tmp/bench/desk.db --customers 1000000

Rows go in by the project's own bulk path, and the search index is made by its own rebuild. Everything is made up.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from faker.providers.person.de_DE import Provider as German
from faker.providers.person.en_US import Provider as American
from faker.providers.person.fr_FR import Provider as French
from faker.providers.person.pl_PL import Provider as Polish

from cstui.domain.calls import CallDirection
from cstui.domain.ids import Kind
from cstui.domain.orders import OrderStatus
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.domain.shipments import ShipmentState
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.storage import schema
from cstui.storage.bulk import bulk_insert, without_indexes
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Call, Card, Customer, CustomerAddress, CustomerStore, Note
from cstui.storage.tables.orders import Order, OrderLine, Shipment
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription

NOW = datetime(2026, 11, 1, tzinfo=UTC)
STORES = ((1, "main", "", "US", "USD"), (2, "outlet", "GN", "US", "USD"), (3, "europe", "EU-", "DE", "EUR"))
PROVIDERS = {"gmail.com": 48, "yahoo.com": 14, "hotmail.com": 9, "outlook.com": 6, "icloud.com": 6, "aol.com": 3, "web.de": 2, "gmx.de": 2,
             "comcast.net": 2, "orange.fr": 1, "wp.pl": 1}  # fmt: skip
GOODS = [f"{kind} {what}" for kind in ("Blue", "Red", "Large", "Small", "Herbal", "Travel", "Organic", "Classic")
         for what in ("mug", "tea", "serum", "vitamins", "blanket", "lamp", "brush", "oil", "soap", "candle")]  # fmt: skip
CITIES = [f"{a}{b}" for a in ("Spring", "Green", "Oak", "River", "Lake", "Fair", "Clay", "Mill", "Ash", "Clear")
          for b in ("field", "ville", "ton", "wood", "view", "burg")]  # fmt: skip
_HEADS = (
    "bal",
    "kor",
    "van",
    "mar",
    "tel",
    "ros",
    "fen",
    "gar",
    "hol",
    "lin",
    "pet",
    "sor",
    "tar",
    "win",
    "zam",
    "dro",
    "kle",
    "bri",
    "sta",
    "cho",
)
_TAILS = (
    "ski",
    "son",
    "berg",
    "man",
    "ez",
    "ov",
    "ini",
    "sen",
    "er",
    "ova",
    "ström",
    "ley",
    "ford",
    "ic",
    "idis",
    "wala",
)
_BATCH = 20_000

Row = tuple[Any, ...]


class _Names:
    """First and last names by how common they are, with a long tail of rare ones."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        first: dict[str, float] = {**American.first_names_female, **American.first_names_male}
        last: dict[str, float] = dict(American.last_names)
        for provider in (German, French, Polish):
            first |= dict.fromkeys(list(dict.fromkeys(provider.first_names))[:300], 0.0002)
            last |= dict.fromkeys(list(dict.fromkeys(provider.last_names))[:300], 0.0003)
        rare = {
            (a + b + c).title(): 0.00004 for a in _HEADS for b in ("a", "o", "e", "i", "") for c in _TAILS
        }
        last |= rare
        self._first, self._first_odds = list(first), list(itertools.accumulate(first.values()))
        self._last, self._last_odds = list(last), list(itertools.accumulate(last.values()))

    def draw(self, count: int) -> list[tuple[str, str]]:
        """That many (first, last) names."""
        firsts = self._dice.choices(self._first, cum_weights=self._first_odds, k=count)
        lasts = self._dice.choices(self._last, cum_weights=self._last_odds, k=count)
        others = self._dice.choices(self._last, cum_weights=self._last_odds, k=count)
        rolls = [self._dice.random() for _ in range(count)]
        return [
            (first, f"{last}-{other}" if roll < 0.02 else "" if roll > 0.99 else last)
            for first, last, other, roll in zip(firsts, lasts, others, rolls, strict=True)
        ]


def _ascii(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isascii() and sign.isalnum())


def _email(dice: random.Random, first: str, last: str, provider: str, number: int) -> str:
    f, surname = _ascii(first) or "x", _ascii(last) or "y"
    digits = dice.choice(
        ("", str(dice.randrange(1, 99)), str(dice.randrange(1950, 2010)), str(number % 10_000))
    )
    shape = dice.random()
    if shape < 0.3:
        local = f"{f}.{surname}{digits}"
    elif shape < 0.55:
        local = f"{f}{surname}{digits}"
    elif shape < 0.7:
        local = f"{f[0]}{surname}{digits}"
    elif shape < 0.8:
        local = f"{f}_{surname}{digits}"
    elif shape < 0.9:
        local = f"{surname}.{f}{digits}"
    else:
        local = f"{f}{number % 100_000}"
    return f"{local}@{provider if dice.random() < 0.94 else surname + dice.choice(('.com', '.net', '.org', '-shop.com'))}"


def _phone(dice: random.Random, areas: list[str], odds: list[int]) -> tuple[str, str]:
    """(as typed, E.164)"""
    roll = dice.random()
    if roll < 0.06:
        return "", ""
    if roll < 0.9:
        area = dice.choices(areas, cum_weights=odds)[0]
        rest = f"{dice.randrange(200, 999)}{dice.randrange(10_000):04d}"
        e164 = f"+1{area}{rest}"
        typed = dice.choice(
            (e164, f"({area}) {rest[:3]}-{rest[3:]}", f"{area}-{rest[:3]}-{rest[3:]}", f"{area}{rest}")
        )
        return typed, e164
    if roll < 0.96:
        number = (
            f"{dice.choice(('151', '160', '170', '30', '40', '89'))}{dice.randrange(1_000_000, 99_999_999)}"
        )
        return f"0{number}", f"+49{number}"
    number = f"7{dice.randrange(100_000_000, 999_999_999)}"
    return f"0{number}", f"+44{number}"


def _customers(seed: int, count: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(seed)
    names = _Names(dice)
    areas = [str(area) for area in range(201, 990) if area % 10 != 1]
    dice.shuffle(areas)
    odds = list(itertools.accumulate(1 + 4_000 // (place + 20) for place in range(len(areas))))
    providers, provider_odds = list(PROVIDERS), list(itertools.accumulate(PROVIDERS.values()))
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        drawn = names.draw(size)
        for offset, (first, last) in enumerate(drawn):
            key = start + offset + 1
            email = ""
            if dice.random() < 0.97:
                provider = dice.choices(providers, cum_weights=provider_odds)[0]
                email = _email(dice, first, last, provider, key)
            typed, e164 = _phone(dice, areas, odds)
            if dice.random() < 0.02 and not (email or typed):
                email = f"x{key}@example.com"
            store = 1 if (roll := dice.random()) < 0.6 else 2 if roll < 0.85 else 3
            yield {
                "key": key, "first": first, "last": last, "email": email, "typed": typed, "e164": e164, "store": store,
                "both": dice.random() < 0.04, "city": dice.choice(CITIES), "postcode": f"{int(dice.paretovariate(0.6) * 137) % 90_000 + 10_000}",
                "street": f"{dice.randrange(1, 999)} Elm Street", "since": NOW - timedelta(days=2_000 * dice.random() ** 1.6 + 0.5),
                "orders": 0 if (roll := dice.random()) < 0.2 else min(60, int(dice.paretovariate(1.15) * 1.1)),
                "card": f"{dice.randrange(10_000):04d}" if dice.random() < 0.6 else "",
                "company": f"{last} Ltd" if last and dice.random() < 0.03 else "",
            }  # fmt: skip


def _placed(seed: int, customers: list[dict[str, Any]]) -> list[tuple[float, int, int]]:
    """(days ago, customer, store) of every order, oldest first, so that numbers grow with time."""
    dice = random.Random(seed + 1)
    placed = []
    for who in customers:
        span = (NOW - who["since"]).total_seconds() / 86_400
        for _ in range(who["orders"]):
            store = who["store"] if not who["both"] or dice.random() < 0.6 else 1 + who["store"] % 3
            placed.append((span * dice.random(), who["key"], store))
    placed.sort(reverse=True)
    return placed


def fill(
    database: Database, customers: int, seed: int = 1, tell: Callable[[str], None] | None = None
) -> dict[str, float]:
    """Fills an empty, migrated database. Returns rows and seconds of each step, for the figures."""
    say = tell or (lambda words: None)
    tables = [
        table_of(model)
        for model in (
            *(Customer, CustomerStore, CustomerAddress, Card, Order, OrderLine, PaymentTransaction, Shipment),
            *(Subscription, Note, Call),
        )
    ]
    spent: dict[str, float] = {}
    started = time.perf_counter()
    with without_indexes(database, tables):
        with database.write() as tx:
            bulk_insert(
                tx, table_of(Store), [(k, code, code.title(), cur, "UTC", country, "en-US", prefix, NOW) for k, code, prefix, country, cur in STORES],
                ("id", "code", "name", "currency", "zone", "country", "locale", "order_prefix", "created_at"),
            )  # fmt: skip
        rows = 0
        for table, columns, made in _tables(seed, customers):
            begun = time.perf_counter()
            with database.write() as tx:
                stored = bulk_insert(tx, table, made, columns)
            rows += stored
            say(f"{table.name}: {stored:,} rows in {time.perf_counter() - begun:.1f} s")
        spent["rows"], spent["rows_seconds"] = rows, time.perf_counter() - started
        begun = time.perf_counter()
    spent["indexes_seconds"] = time.perf_counter() - begun
    say(f"indexes: {spent['indexes_seconds']:.1f} s")
    _move_sequences(database, tables)
    begun = time.perf_counter()
    search_index.rebuild(database)
    spent["search_seconds"] = time.perf_counter() - begun
    say(f"search index: {spent['search_seconds']:.1f} s")
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")
    return spent


def _move_sequences(database: Database, tables: list[Any]) -> None:
    """Keys were given, so PostgreSQL's counters must be moved behind them."""
    if database.is_sqlite:
        return
    with database.write() as tx:
        for table in tables:
            if "id" in table.c:
                tx.session.connection().exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT COALESCE(max(id), 1) FROM {table.name}))"
                )


def _tables(seed: int, count: int) -> Iterator[tuple[Any, tuple[str, ...], Iterator[Row]]]:
    everybody = list(_customers(seed, count))
    yield table_of(Customer), (
        "id", "first_name", "last_name", "company", "email", "email_folded", "phone", "phone_e164", "created_at", "updated_at",
    ), (
        (p["key"], p["first"], p["last"], p["company"], p["email"], p["email"], p["typed"], p["e164"], p["since"], p["since"])
        for p in everybody
    )  # fmt: skip
    yield table_of(CustomerStore), ("customer_id", "store_id", "since"), (
        (p["key"], store, p["since"]) for p in everybody for store in ((p["store"], 1 + p["store"] % 3) if p["both"] else (p["store"],))
    )  # fmt: skip
    yield table_of(CustomerAddress), (
        "customer_id", "first_name", "last_name", "line1", "city", "postcode", "country", "is_default_billing", "is_default_shipping", "created_at",
    ), ((p["key"], p["first"], p["last"], p["street"], p["city"], p["postcode"], "US", True, True, p["since"]) for p in everybody)  # fmt: skip
    yield table_of(Card), ("customer_id", "brand", "last4", "bin6", "expiry_month", "expiry_year", "gateway", "is_default", "created_at"), (
        (p["key"], "Visa", p["card"], f"4{p['key'] % 100_000:05d}", 12, 2029, "sandbox", True, p["since"]) for p in everybody if p["card"]
    )  # fmt: skip
    placed = _placed(seed, everybody)
    known = {p["key"]: p for p in everybody}
    yield table_of(Order), (
        "id", "store_id", "customer_id", "number", "external_id", "status", "placed_at", "currency", "subtotal", "total", "email", "phone",
        "billing_first_name", "billing_last_name", "billing_line1", "billing_city", "billing_postcode", "billing_country",
        "shipping_first_name", "shipping_last_name", "shipping_line1", "shipping_city", "shipping_postcode", "shipping_country",
        "created_at", "updated_at",
    ), _orders(placed, known)  # fmt: skip
    yield (
        table_of(OrderLine),
        ("order_id", "position", "sku", "name", "quantity", "unit_price"),
        _lines(seed, len(placed)),
    )
    ref = random.Random(seed + 3)
    yield table_of(PaymentTransaction), (
        "store_id", "order_id", "customer_id", "kind", "status", "origin", "amount", "currency", "gateway", "gateway_ref", "card_brand",
        "card_last4", "occurred_at", "created_at",
    ), (
        (store, key, customer, TransactionKind.SALE, TransactionStatus.SUCCEEDED, TransactionOrigin.IMPORT, 4_000 + key % 9_000, STORES[store - 1][4],
         "sandbox", f"ch_{ref.getrandbits(60):015x}", "Visa", known[customer]["card"], _at(ago), _at(ago))
        for key, (ago, customer, store) in enumerate(placed, 1) if key % 3 == 0
    )  # fmt: skip
    yield table_of(Shipment), ("order_id", "state", "method", "tracking", "created_at"), (
        (key, ShipmentState.SHIPPED, "Standard", f"1Z{ref.getrandbits(50):016d}" if key % 8 == 0 else "", _at(ago))
        for key, (ago, _, _) in enumerate(placed, 1) if key % 2 == 0
    )  # fmt: skip
    yield table_of(Subscription), (
        "store_id", "customer_id", "external_id", "product", "status", "currency", "unit_price", "next_bill_date", "created_at", "updated_at",
    ), (
        (p["store"], p["key"], f"S{p['key']:08d}", "Herbal tea", SubscriptionStatus.ACTIVE, STORES[p["store"] - 1][4], 2_900, NOW.date(),
         p["since"], p["since"])
        for p in everybody if p["key"] % 12 == 0
    )  # fmt: skip
    yield table_of(Note), ("store_id", "customer_id", "subject_kind", "subject_id", "author_name", "body", "created_at"), (
        (p["store"], p["key"], Kind.CUSTOMER, p["key"], "Ann", "Asked about the last parcel.", NOW) for p in everybody if p["key"] % 4 == 0
    )  # fmt: skip
    yield table_of(Call), ("store_id", "customer_id", "direction", "disposition", "note", "started_at"), (
        (p["store"], p["key"], CallDirection.IN, "question", "Wanted to know when it arrives.", NOW) for p in everybody if p["key"] % 5 == 0
    )  # fmt: skip


def _at(days_ago: float) -> datetime:
    return NOW - timedelta(days=days_ago)


def order_number(key: int, store: int) -> str:
    """The number that an order bears in its store."""
    return f"#{STORES[store - 1][2]}{1_000_000 + key}"


def _orders(placed: list[tuple[float, int, int]], known: Any) -> Iterator[Row]:
    for key, (ago, customer, store) in enumerate(placed, 1):
        p = known[customer]
        at, amount = _at(ago), 1_500 + key * 7_919 % 20_000
        status = (
            OrderStatus.IN_PROGRESS
            if ago < 3
            else OrderStatus.CANCELLED
            if key % 29 == 0
            else OrderStatus.COMPLETED
        )
        address = (p["first"], p["last"], p["street"], p["city"], p["postcode"], "US")
        yield (key, store, customer, order_number(key, store), str(5_000_000_000_000 + key), status, at, STORES[store - 1][4], amount, amount,
               p["email"], p["typed"], *address, *address, at, at)  # fmt: skip


def _lines(seed: int, orders: int) -> Iterator[Row]:
    dice = random.Random(seed + 2)
    for order in range(1, orders + 1):
        for position in range(dice.choices((1, 2, 3, 4, 6), (36, 28, 18, 12, 6))[0]):
            good = dice.randrange(len(GOODS))
            yield (
                order,
                position,
                f"SKU-{good:03d}",
                GOODS[good],
                dice.choice((1, 1, 1, 2, 3)),
                500 + 100 * good,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    database = Database(given.url, durable=False)
    schema.upgrade(database)
    spent = fill(database, given.customers, given.seed, lambda words: print(words, flush=True))
    print({name: round(value, 1) for name, value in spent.items()})
    database.close()


if __name__ == "__main__":
    main()
