"""P1, P5–P8: from key to paint, start, first answer and memory, through a real pty, beside an empty Textual app in the same run.

    python benchmarks/bench_terminal.py [--db URL] [--pairs 15]

Without --db a demo is seeded in a temporary folder. The floor and the desk take turns, so that the machine's moods hit both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.terminal import PYTHON, Terminal

HERE = Path(__file__).parent
FLOOR = [PYTHON, str(HERE / "minimal_app.py")]


def ms(seconds: float) -> float:
    return seconds * 1000


def spread(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):8.1f}  (p95 {ordered[max(0, int(len(ordered) * 0.95) - 1)]:.1f}, min {ordered[0]:.1f}, n {len(ordered)})"


def report(name: str, desk: list[float], floor: list[float], goal: str) -> None:
    ratios = [a / b for a, b in zip(desk, floor, strict=False)]
    print(
        f"{name}\n  desk  ms {spread(desk)}\n  floor ms {spread(floor)}\n  ratio    {spread(ratios)}   goal {goal}"
    )


def starts(desk_command: list[str], env: dict[str, str], pairs: int, query: str, marker: str) -> None:
    """P6, P7, P8: start to first paint, to the first answer typed ahead, and memory at that moment."""
    first, answer, floor, memory, floor_memory = [], [], [], [], []
    for _ in range(pairs):
        bare = Terminal(FLOOR)
        floor.append(ms(bare.wait_for("floor-ready") - bare.began))
        floor_memory.append(bare.memory_megabytes())
        bare.close()
        desk = Terminal(desk_command, env=env)
        first.append(ms(desk.wait_for("phone, e-mail, order number") - desk.began))
        desk.close()
        desk = Terminal(desk_command, env=env)
        desk.press(query)
        answer.append(ms(desk.wait_for(marker, 30) - desk.began))
        memory.append(desk.memory_megabytes())
        desk.close()
    report("P6 start → first paint", first, floor, "≤ 1.3")
    report("P7 start → first answer, typed ahead", answer, floor, "≤ 1.6 (SQLite), ≤ 2 (PostgreSQL)")
    print(
        f"P8 memory MB at the first answer: {statistics.median(memory):.0f}, floor {statistics.median(floor_memory):.0f}   goal ≤ 2×"
    )


def keys(
    desk_command: list[str], env: dict[str, str], pairs: int, queries: list[tuple[str, str, str]]
) -> None:
    """P1: the key that completes a query → its results painted. P5: Enter → profile painted."""
    bare, desk = Terminal(FLOOR), Terminal(desk_command, env=env)
    bare.wait_for("floor-ready")
    desk.wait_for("phone, e-mail, order number")
    desk.quiet(0.4)
    live, opened, floor = [], [], []
    pressed = 0
    for turn in range(pairs):
        typed, last, marker = queries[turn % len(queries)]
        for _ in range(3):
            pressed += 1
            began = bare.press("x")
            value = ms(bare.wait_for(f"painted-{pressed}-") - began)
        floor.append(value)
        desk.press("\x06")
        desk.quiet(0.05)
        desk.press(typed)
        desk.quiet(0.1)
        began = desk.press(last)
        live.append(ms(desk.wait_for(marker) - began))
        desk.quiet(0.1)
        began = desk.press("\r")
        opened.append(ms(desk.wait_for("4 Cards on file") - began))
        desk.quiet(0.1)
    report("P1 key → live results painted", live, floor, "≤ 3.5 (SQLite), ≤ 4 (PostgreSQL)")
    report("P5 Enter → profile painted", opened, floor, "≤ 8")
    print(f"P8 memory MB in work: {desk.memory_megabytes():.0f}   goal ≤ 90")
    bare.close()
    desk.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", default="")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--user", default="ann")
    parser.add_argument(
        "--query", action="append", default=[], help="TYPED|LAST|MARKER, such as whitloc|k|Whitlock"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        env = {"XDG_STATE_HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        os.environ.update(env)
        url, password = options.db, os.environ.get("CSTUI_PASSWORD", "")
        if not url:
            from cstui.cli.main import run

            run(["demo", "--no-ui", "--dir", folder])
            url, password = f"sqlite:///{folder}/demo.db", Path(folder, "demo.password").read_text().strip()
        os.environ["CSTUI_PASSWORD"], os.environ["CSTUI_DB"] = password, url
        from cstui.cli.main import run

        if run(["login", options.user]):
            raise SystemExit("sign-in failed")
        env["CSTUI_DB"] = url
        desk = [PYTHON, "-m", "cstui"]
        demo = [("whitloc", "k", "Margaret Whitlock"), ("theodore mars", "h", "theodore.marsh")]
        queries = [tuple(each.split("|")) for each in options.query] or demo
        starts(desk, env, max(3, options.pairs // 2), queries[0][0] + queries[0][1], queries[0][2])
        keys(desk, env, options.pairs, queries)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
