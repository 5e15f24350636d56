"""How fast finding is, and whether it finds the right person, beside hand-written LIKE on the same data in the same run.

python benchmarks/bench_search.py [--customers 1000000] [--each 20] [--like 12]
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import databases, search_mix
from cstui.services.search import Search
from cstui.storage.database import Database
from cstui.storage.reader import Reader

_LIKE = (
    "SELECT id FROM customer WHERE email {like} :q OR first_name || ' ' || last_name {like} :q OR last_name || ' ' || first_name {like} :q"
    " OR phone {like} :q OR phone_e164 {like} :q ORDER BY created_at DESC LIMIT 20",
    "SELECT customer_id FROM orders WHERE number {like} :q OR billing_postcode {like} :q ORDER BY placed_at DESC LIMIT 20",
)


def spread(times: list[float]) -> dict[str, float]:
    """Median, 95th and 99th of a hundred and the worst, in milliseconds."""
    ordered = sorted(times)
    last = len(ordered) - 1
    p95, p99 = (ordered[min(last, int(len(ordered) * part))] * 1000 for part in (0.95, 0.99))
    return {"p50": statistics.median(ordered) * 1000, "p95": p95, "p99": p99, "worst": ordered[-1] * 1000}


def quickest(tries: int, what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the quickest of several tries, and what it gave."""
    took = math.inf
    for _ in range(tries):
        begun = time.perf_counter()
        found = what()
        took = min(took, time.perf_counter() - begun)
    return took, found


def measure(url: str, each: int, like: int, *, recent: bool = True, tries: int = 3) -> dict[str, Any]:
    """One database: times and hits of the mix by sort, of the worst queries, and of LIKE on every n-th query of the mix.

    Each query is asked `tries` times and its quickest counts, LIKE twice: on a shared machine the others' turns are not ours.
    """
    reader = Reader(Database(url).url)
    search = Search(reader)
    mix = search_mix.queries(reader, each, recent=recent)
    for query in mix[:40]:
        search.find(databases.AGENT, query.text)
    times: dict[str, list[float]] = {}
    hits: dict[str, list[bool]] = {}
    every = max(1, len(mix) // max(1, like))
    like_times: list[float] = []
    like_hits: list[bool] = []
    for number, query in enumerate(mix):
        took, found = quickest(tries, partial(search.find, databases.AGENT, query.text))
        times.setdefault(query.sort, []).append(took)
        hits.setdefault(query.sort, []).append(any(hit.customer_id == query.customer for hit in found.hits))
        if like and number % every == 0 and len(like_times) < like:
            took, rows = quickest(2, partial(by_like, reader, query.text))
            like_times.append(took)
            like_hits.append(query.customer in rows)
    worst: dict[str, float] = {}
    for text in search_mix.WORST:
        worst[text], _ = quickest(max(tries, 3), partial(search.find, databases.AGENT, text))
    reader.close()
    return {
        "times": times, "hits": hits, "mix": spread([t for of in times.values() for t in of]), "worst": worst,
        "worst_spread": spread(list(worst.values())), "like": spread(like_times) if like_times else {}, "like_hits": like_hits,
    }  # fmt: skip


def by_like(reader: Reader, text: str) -> set[int]:
    """What most programs do: LIKE over the columns, newest first."""
    pattern = {"q": f"%{text.strip().lstrip('#')}%"}
    word = "LIKE" if reader.is_sqlite else "ILIKE"
    return {row[0] for sql in _LIKE for row in reader.rows(sql.format(like=word), pattern)}


def share(hits: list[bool]) -> float:
    """The share of queries whose person was among the twenty shown."""
    return sum(hits) / len(hits) if hits else 0.0


def report(kind: str, found: dict[str, Any]) -> None:
    """Prints one database's figures."""
    every = [hit for of in found["hits"].values() for hit in of]
    print(f"\n{kind}: find, ms       p50 {found['mix']['p50']:8.2f}  p95 {found['mix']['p95']:8.2f}  p99 {found['mix']['p99']:8.2f}"
          f"  worst {found['mix']['worst']:8.2f}   hit@20 {share(every):.2f}")  # fmt: skip
    worst = found["worst_spread"]
    print(f"{kind}: worst queries, ms p50 {worst['p50']:7.2f}  p95 {worst['p95']:8.2f}  worst {worst['worst']:8.2f}"
          f"   p95 / own p50 {worst['p95'] / worst['p50']:.1f}, p95 / p50 of the mix {worst['p95'] / found['mix']['p50']:.1f}")  # fmt: skip
    if found["like"]:
        like = found["like"]
        print(f"{kind}: LIKE, ms         p50 {like['p50']:8.1f}  p95 {like['p95']:8.1f}   hit@20 {share(found['like_hits']):.2f}"
              f"   find is {like['p50'] / found['mix']['p50']:,.0f} times as fast (p95 {like['p95'] / found['mix']['p95']:,.0f})")  # fmt: skip
    for label, sorts in (("in full", search_mix.FULL), ("mistyped", search_mix.MISTYPED)):
        print(
            f"{kind}: hit@20 {label}: {share([h for sort in sorts for h in found['hits'].get(sort, [])]):.2f}"
        )
    print(f"{'sort of query':28} {'hit@20':>7} {'p50 ms':>8} {'p95 ms':>8}")
    for sort, of in found["times"].items():
        figures = spread(of)
        print(f"{sort:28} {share(found['hits'][sort]):7.2f} {figures['p50']:8.2f} {figures['p95']:8.2f}")
    slowest = sorted(found["worst"].items(), key=lambda item: -item[1])[:8]
    print("slowest of the worst, ms: " + ", ".join(f"{text!r} {took * 1000:.1f}" for text, took in slowest))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=20, help="queries of each sort")
    parser.add_argument("--like", type=int, default=12, help="queries that are also asked with LIKE")
    parser.add_argument(
        "--anybody", action="store_true", help="callers are anybody who ever came, not mostly recent buyers"
    )
    given = parser.parse_args()
    for url in databases.urls(given.customers):
        report(databases.kind(url), measure(url, given.each, given.like, recent=not given.anybody))


if __name__ == "__main__":
    main()
