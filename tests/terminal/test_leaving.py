"""However the terminal goes away, the order is free again, the typed text is kept, and the terminal is as it was."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.conftest import Open, Shop
from tests.terminal.desk_terminal import PATIENCE, DeskTerminal


def assert_left_in_order(shop: Shop) -> None:
    assert shop.locks == 0
    assert shop.draft is not None and "9 Oak Road" in shop.draft.body.values()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_frees_the_order_keeps_the_text_and_resets_the_terminal(
    editing: Callable[[], DeskTerminal], shop: Shop, number: signal.Signals
) -> None:
    desk = editing()
    desk.signal(number)
    assert desk.ended() == 128 + number
    assert_left_in_order(shop)
    assert desk.modes_left_on() == []
    assert b"Traceback" not in desk.raw


def test_a_terminal_that_is_closed_frees_the_order_and_keeps_the_text(
    editing: Callable[[], DeskTerminal], shop: Shop
) -> None:
    desk = editing()
    pid = desk.child.pid
    desk.child.ptyproc.fileobj.close()
    end = time.monotonic() + PATIENCE
    while shop.locks and time.monotonic() < end:
        time.sleep(0.1)
    assert_left_in_order(shop)
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_after_a_kill_the_lock_stays_and_the_same_person_goes_on_at_the_same_terminal(
    open_desk: Open, shop: Shop
) -> None:
    run = f"{sys.executable} -m cstui --db {shop.db.url.text} --as ann\n"
    desk = open_desk(command=("/bin/sh", "-c", 'read x; while read line; do eval "$line"; done', "sh"))
    desk.press("\n" + run)
    desk.shows("F1 Help", "Ann")
    desk.press("1001\r")
    desk.shows("Status", "Elm Street")
    desk.press("A")
    desk.shows("Shipping address of order #1001")
    desk.press("9 Oak Road")
    desk.shows("9 Oak Road")
    end = time.monotonic() + PATIENCE
    while shop.draft is None and time.monotonic() < end:
        desk.read()
    _kill_the_desk(desk)
    assert shop.locks == 1
    desk.quiet()
    desk.press("stty sane\n" + run)
    desk.shows("F1 Help", "Ann")
    desk.press("1001\r")
    desk.shows("Status", "Elm Street")
    desk.press("A")
    desk.shows("9 Oak Road")
    assert shop.locks == 1


def _kill_the_desk(desk: DeskTerminal) -> None:
    """The shell's only child is the desk."""
    import os

    children = Path(f"/proc/{desk.child.pid}/task/{desk.child.pid}/children").read_text().split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGKILL)


def test_quitting_with_nothing_unsaved_ends_with_zero_and_a_clean_terminal(open_desk: Open) -> None:
    desk = open_desk()
    desk.shows("F1 Help", "Ann")
    desk.press("\x11")
    assert desk.ended() == 0
    assert desk.modes_left_on() == []
