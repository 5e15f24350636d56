"""How long a profile and an order take to read, beside seven plain queries for the same rows (SQLite) or `SELECT 1` (PostgreSQL).

Pairs are interleaved; the figure is the median of their ratios with its quartiles.

    python benchmarks/bench_open.py [--customers 1000000] [--pairs 200]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import databases
from cstui.bootstrap import Desk
from cstui.storage.reader import Reader

_PROFILE = (
    "SELECT * FROM customer WHERE id = :key",
    "SELECT * FROM customer_address WHERE customer_id = :key",
    "SELECT * FROM orders WHERE customer_id = :key ORDER BY placed_at DESC LIMIT 20",
    "SELECT l.* FROM order_line l WHERE l.order_id IN (SELECT id FROM orders WHERE customer_id = :key ORDER BY placed_at DESC LIMIT 20)",
    "SELECT * FROM subscription WHERE customer_id = :key",
    "SELECT * FROM card WHERE customer_id = :key",
    "SELECT * FROM note WHERE customer_id = :key ORDER BY created_at DESC LIMIT 30",
)
_ORDER = (
    "SELECT * FROM orders WHERE id = :key",
    "SELECT * FROM order_line WHERE order_id = :key ORDER BY position",
    "SELECT * FROM payment_transaction WHERE order_id = :key",
    "SELECT * FROM shipment WHERE order_id = :key",
    "SELECT * FROM order_tax WHERE order_id = :key",
    "SELECT * FROM order_discount WHERE order_id = :key",
    "SELECT * FROM order_hold WHERE order_id = :key",
)


def timed(what: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def _all(reader: Reader, statements: tuple[str, ...], key: int) -> None:
    for statement in statements:
        reader.rows(statement, {"key": key})


def measure(url: str, pairs: int, seed: int = 3) -> dict[str, dict[str, float]]:
    """For profile and order: medians in ms of the use case and of its floor, and the ratio's median and quartiles."""
    dice = random.Random(seed)
    desk = Desk(url)
    reader = desk.database.reader
    plain = Reader(desk.database.url)
    found: dict[str, dict[str, float]] = {}
    for what, table, statements in (("profile", "customer", _PROFILE), ("order", "orders", _ORDER)):
        most = reader.rows(f"SELECT max(id) FROM {table}")[0][0]
        opened: list[float] = []
        floor: list[float] = []
        for number in range(pairs + 20):
            key = dice.randrange(1, most + 1)
            use_case = partial(
                desk.customers.open if what == "profile" else desk.orders.open, databases.AGENT, key
            )
            raw = (
                partial(_all, plain, statements, key) if plain.is_sqlite else partial(plain.rows, "SELECT 1")
            )
            # Whoever comes second finds the pages in memory; they take turns, after both have been there once.
            use_case()
            raw()
            first, second = (use_case, raw) if number % 2 else (raw, use_case)
            one, other = timed(first), timed(second)
            if number >= 20:
                opened.append(one if number % 2 else other)
                floor.append(other if number % 2 else one)
        ratios = sorted(a / b for a, b in zip(opened, floor, strict=True))
        low, middle, high = statistics.quantiles(ratios, n=4)
        found[what] = {
            "ms": statistics.median(opened) * 1000, "p95": sorted(opened)[int(len(opened) * 0.95)] * 1000,
            "floor": statistics.median(floor) * 1000, "ratio": middle, "low": low, "high": high,
        }  # fmt: skip
    plain.close()
    desk.database.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=200)
    given = parser.parse_args()
    for url in databases.urls(given.customers):
        for what, of in measure(url, given.pairs).items():
            floor = "seven queries" if url.startswith("sqlite") else "select 1"
            print(f"{databases.kind(url):11} {what:8} {of['ms']:6.2f} ms (p95 {of['p95']:.2f}), {floor} {of['floor']:.2f} ms,"
                  f" ratio {of['ratio']:.2f} (quartiles {of['low']:.2f} to {of['high']:.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
