"""The benchmarks run, and at a small size finding finds nearly everybody."""

from __future__ import annotations

from benchmarks import bench_growth, bench_open, bench_search, generator, search_mix
from cstui.storage.database import Database
from cstui.storage.reader import Reader


def test_the_generator_fills_a_database_on_which_every_benchmark_runs(db: Database) -> None:
    spent = generator.fill(db, 1_000, seed=5)
    rows = db.reader.rows(
        "SELECT (SELECT count(*) FROM customer), (SELECT count(*) FROM orders), (SELECT count(*) FROM order_line)"
    )
    assert rows[0][0] == 1_000 and 2_000 < rows[0][1] < rows[0][2] < spent["rows"]
    found = bench_search.measure(db.url.text, each=6, like=2, recent=False)
    every = [hit for of in found["hits"].values() for hit in of]
    assert set(found["hits"]) == set(search_mix._MAKERS)
    assert bench_search.share(every) >= 0.97
    assert all(bench_search.share(found["hits"][sort]) == 1 for sort in search_mix.FULL)
    bench_search.report("here", found)
    opened = bench_open.measure(db.url.text, 4)
    assert opened["profile"]["ms"] > 0 and opened["order"]["ratio"] > 0
    growth = bench_growth.measure(db.url.text, db.url.text, each=1, rounds=1)
    assert set(growth) == {"find", "profile", "order"}


def test_the_same_seed_gives_the_same_people(sqlite_db: Database) -> None:
    people = [list(generator._customers(5, 50)) for _ in range(2)]
    assert people[0] == people[1] != list(generator._customers(6, 50))


def test_the_mix_asks_the_same_questions_again(sqlite_db: Database) -> None:
    generator.fill(sqlite_db, 200)
    reader = Reader(sqlite_db.url)
    assert search_mix.queries(reader, 2, recent=True) == search_mix.queries(reader, 2, recent=True)
    reader.close()
