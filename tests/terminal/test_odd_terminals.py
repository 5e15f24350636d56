"""Windows of any size, locales without UTF-8, streams that are no terminal, huge pastes and broken bytes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.terminal.conftest import Open, Shop
from tests.terminal.desk_terminal import PATIENCE, DeskTerminal, environment_of


def started(open_desk: Open, **more: object) -> DeskTerminal:
    desk = open_desk(**more)
    desk.shows("F1 Help", "Ann")
    return desk


def test_a_storm_of_resizes_ends_with_the_last_size_and_a_window_of_one_cell_breaks_nothing(
    open_desk: Open,
) -> None:
    desk = started(open_desk)
    for turn in range(200):
        desk.resize(40 + turn % 120, 10 + turn % 50)
        desk.read(0)
    desk.resize(1, 1)
    desk.quiet(0.2)
    desk.resize(90, 28)
    desk.shows("F1 Help", "Ann")
    end = time.monotonic() + PATIENCE
    while "Zelda Quimby" not in desk.text and time.monotonic() < end:
        # What is pressed before the desk has caught up with the storm falls into a window of one cell.
        desk.press("\x15zel")
        desk.quiet(0.5)
    desk.shows("Zelda Quimby", "F1 Help")


def test_in_a_window_that_is_too_small_keys_do_nothing_but_quit(open_desk: Open, shop: Shop) -> None:
    desk = started(open_desk)
    desk.press("1001\r")
    desk.shows("Status", "Elm Street")
    desk.resize(59, 15)
    desk.shows("at least 60")
    desk.press("A")
    desk.press("e")
    desk.quiet()
    assert shop.locks == 0
    desk.resize(100, 30)
    desk.shows("Status", "Elm Street")
    assert "Shipping address of order" not in desk.text
    desk.resize(59, 15)
    desk.shows("at least 60")
    desk.press("\x11")
    assert desk.ended() == 0


def test_a_paste_of_five_thousand_lines_is_one_clean_line_in_the_search_box(open_desk: Open) -> None:
    desk = started(open_desk)
    lines = "".join(f"zelda {number}\x07\r\n" for number in range(5_000))
    desk.press(f"\x1b[200~{lines}\x1b[201~")
    desk.quiet(1.0)
    desk.press("\x1b[H")
    desk.shows("zelda 0")
    assert "F1 Help" in desk.text
    box = next(line for line in desk.text.splitlines() if "zelda" in line)
    assert "\x07" not in box


def test_bytes_that_are_no_text_end_in_an_incident_without_a_traceback(open_desk: Open, shop: Shop) -> None:
    desk = started(open_desk)
    desk.press(b"zel\xff\xfe\xc3\x28da")
    desk.quiet(1.0)
    if desk.child.isalive():
        desk.shows("F1 Help")
    else:
        assert desk.ended() == 70
        assert b"Incident" in desk.raw
    assert b"Traceback" not in desk.raw and b"locals" not in desk.raw


def test_without_utf8_the_desk_draws_in_ascii(open_desk: Open) -> None:
    desk = started(
        open_desk, environment={"LANG": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    desk.press("1001\r")
    desk.shows("Status", "Elm Street")
    desk.press("A")
    desk.shows("Shipping address of order #1001")
    assert desk.raw.isascii()


def test_standard_error_in_a_file_is_refused_with_words(shop: Shop, tmp_path: Path) -> None:
    log = tmp_path / "errors"
    command = f"{sys.executable} -m cstui --db {shop.db.url.text} --as ann 2>{log}; echo ended $?"
    desk = DeskTerminal(tmp_path, command=("/bin/sh", "-c", command))
    try:
        desk.shows("ended")
        assert "ended 6" in desk.text
        assert "2>" in log.read_text() and "Traceback" not in log.read_text()
        assert b"\x1b[?1049h" not in desk.raw
    finally:
        desk.close()


def test_a_pipe_instead_of_a_keyboard_is_refused_with_words(shop: Shop, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cstui", "--db", shop.db.url.text, "--as", "ann"],
        input=b"1001\n", capture_output=True, timeout=60, env=environment_of(tmp_path), cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert b"terminal" in done.stderr and b"Traceback" not in done.stderr
