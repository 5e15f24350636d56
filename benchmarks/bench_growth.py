"""How finding and opening grow from ten thousand customers to a million: the same mix on both, in turns.

python benchmarks/bench_growth.py [--small 10000] [--customers 1000000] [--each 10] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import bench_open, bench_search, databases


def measure(small: str, large: str, each: int, rounds: int) -> dict[str, tuple[float, float, list[float]]]:
    """(median on the small one, on the large one, ratio of each round) for finding, profile and order, in ms."""
    figures: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        finds = [bench_search.measure(url, each, 0)["mix"]["p50"] for url in (small, large)]
        figures.setdefault("find", []).append((finds[0], finds[1]))
        opens = [bench_open.measure(url, 60) for url in (small, large)]
        for what in opens[0]:
            figures.setdefault(what, []).append((opens[0][what]["ms"], opens[1][what]["ms"]))
    return {
        what: (
            statistics.median(a for a, _ in of),
            statistics.median(b for _, b in of),
            [b / a for a, b in of],
        )
        for what, of in figures.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for small, large in zip(databases.urls(given.small), databases.urls(given.customers), strict=True):
        for what, (before, after, ratios) in measure(small, large, given.each, given.rounds).items():
            print(f"{databases.kind(large):11} {what:8} {before:6.2f} ms -> {after:6.2f} ms, ratio {statistics.median(ratios):.2f}"
                  f" ({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
