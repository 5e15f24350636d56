"""The desk leaves in order however its terminal goes away, and puts the terminal right again."""

import asyncio
import io
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cstui.terminal import (
    RESET_SEQUENCES,
    check_terminal,
    install_signal_cleanup,
    locale_is_utf8,
    reset_terminal,
    terminal_is_gone,
    too_small,
)
from cstui.zones import local_zone, zone_named

PATIENCE = 20.0
HANG_UP_IGNORED = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")

LOOP = """
import asyncio, sys, time
from cstui.terminal import install_signal_cleanup

async def main():
    loop, left = asyncio.get_running_loop(), asyncio.Event()
    def on_leave(code):
        print("leaving", code, flush=True)
        if MODE != "deaf":
            result.append(code)
            left.set()
    def when_stuck(code):
        print("stuck", code, flush=True)
        if MODE == "hung":
            time.sleep(60)
    install_signal_cleanup(loop, on_leave, when_stuck=when_stuck, grace=0.5)
    print("ready", flush=True)
    if MODE in ("blocked", "hung"):
        time.sleep(60)
    await left.wait()

MODE, result = sys.argv[1], []
asyncio.run(main())
sys.exit(result[0])
"""

DESK = """
import asyncio, os, sys
from textual.app import App
from textual.widgets import Input
from cstui.terminal import install_signal_cleanup

class Desk(App):
    def compose(self):
        yield Input()
    def on_mount(self):
        self.restore = install_signal_cleanup(asyncio.get_running_loop(), self.leave)
        open(sys.argv[1] + ".ready", "w").close()
    def leave(self, code):
        open(sys.argv[1], "a").write(f"left {code} ")
        self.exit(return_code=code)
    def on_unmount(self):
        self.restore()
        open(sys.argv[1], "a").write("unmounted ")

app = Desk()
app.run()
sys.exit(app.return_code)
"""


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def start(running: list[subprocess.Popen[str]], mode: str, *before: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, "-c", LOOP, mode],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    running.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_in_order_with_its_exit_code(
    running: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = start(running, "orderly")
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert output == f"leaving {128 + number}\n"


def test_a_second_signal_starts_no_second_departure(running: list[subprocess.Popen[str]]) -> None:
    process = start(running, "deaf")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE)
    assert output.count("leaving") == 1


@pytest.mark.parametrize("mode", ["deaf", "blocked", "hung"])
def test_a_loop_that_does_not_answer_is_left_by_force_after_its_grace(
    running: list[subprocess.Popen[str]], mode: str
) -> None:
    process = start(running, mode)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert f"stuck {128 + signal.SIGTERM}" in output


def test_a_hang_up_counts_even_where_it_was_ignored(running: list[subprocess.Popen[str]]) -> None:
    process = start(running, "orderly", *HANG_UP_IGNORED)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE) == 128 + signal.SIGHUP


def test_an_orphan_leaves_by_itself(tmp_path: Path) -> None:
    # A shell starts the desk and ends: the desk, whose parent is gone, must not stay.
    out = tmp_path / "out"
    script = f"'{sys.executable}' -c \"$1\" orderly >'{out}' 2>&1 & while ! grep -q ready '{out}'; do sleep 0.05; done"
    subprocess.run(["sh", "-c", script, "sh", LOOP], timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL)
    wait_until(lambda: f"leaving {128 + signal.SIGHUP}" in out.read_text())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Terminal:
    """A pseudo terminal with the desk on it."""

    def __init__(self, note: Path, *before: str) -> None:
        self.note, (self.master, slave) = note, pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.desk = subprocess.Popen(
            [*before, sys.executable, "-c", DESK, str(note)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=env,
        )
        os.close(slave)
        self.shown = b""
        wait_until(self.is_up)

    def is_up(self) -> bool:
        self.read()
        return Path(f"{self.note}.ready").exists()

    def read(self) -> None:
        """Takes what the desk has painted, so that it never waits for the terminal."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.shown += os.read(self.master, 65536)
            except OSError:
                return

    def ended(self) -> bool:
        if self.master >= 0:
            self.read()
        return self.desk.poll() is not None

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        if terminal.desk.poll() is None:
            terminal.desk.kill()
        terminal.desk.wait(PATIENCE)
        if terminal.master >= 0:
            terminal.hang_up()


def test_a_real_desk_unmounts_and_resets_its_terminal_on_a_signal(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(tmp_path / "note")
    terminals.append(terminal)
    terminal.desk.send_signal(signal.SIGTERM)
    wait_until(terminal.ended)
    terminal.read()
    assert terminal.desk.returncode == 128 + signal.SIGTERM
    assert terminal.note.read_text() == "left 143 unmounted "
    for mode in (b"?1049l", b"?1000l", b"?1003l", b"?2004l", b"?25h"):
        assert terminal.shown.rfind(mode) > terminal.shown.rfind(
            mode[:-1] + (b"l" if mode.endswith(b"h") else b"h")
        )


@pytest.mark.parametrize("before", [(), HANG_UP_IGNORED], ids=["plain", "hang-up ignored"])
def test_a_real_desk_leaves_when_its_terminal_closes(
    tmp_path: Path, terminals: list[Terminal], before: tuple[str, ...]
) -> None:
    terminal = Terminal(tmp_path / "note", *before)
    terminals.append(terminal)
    terminal.hang_up()
    wait_until(terminal.ended)
    assert terminal.desk.returncode == 128 + signal.SIGHUP
    assert terminal.note.read_text() == "left 129 unmounted "


def test_a_terminal_is_gone_only_when_it_has_hung_up() -> None:
    master, slave = pty.openpty()
    assert not terminal_is_gone(slave)
    os.write(master, b"typed\n")
    assert not terminal_is_gone(slave)
    os.close(master)
    assert terminal_is_gone(slave)
    os.close(slave)
    assert terminal_is_gone(slave)
    assert not terminal_is_gone(None)


def test_resetting_gives_back_modes_and_line_editing() -> None:
    master, slave = pty.openpty()
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST
    mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    with open(slave, "w", encoding="utf-8") as stream:
        assert reset_terminal(stream)
        after = termios.tcgetattr(slave)
        shown = os.read(master, 4096).decode()
    os.close(master)
    assert after[3] & termios.ICANON and after[3] & termios.ECHO and after[3] & termios.ISIG
    assert after[1] & termios.OPOST
    assert shown == RESET_SEQUENCES
    for mode_off in ("?1049l", "?1000l", "?1003l", "?2004l", "?25h"):
        assert mode_off in shown


def test_what_is_no_terminal_is_left_alone(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+") as file:
        assert not reset_terminal(file)
        file.seek(0)
        assert file.read() == ""
    assert not reset_terminal(None)


@pytest.mark.parametrize(
    ("width", "height", "small"),
    [
        (60, 16, False),
        (59, 16, True),
        (60, 15, True),
        (80, 24, False),
        (1, 1, True),
        (0, 0, True),
        (500, 500, False),
    ],
)
def test_below_sixty_by_sixteen_a_screen_is_too_small(width: int, height: int, small: bool) -> None:
    assert too_small(width, height) is small


class Stream(io.StringIO):
    """A stream that says it is a terminal, with an encoding of its own."""

    def __init__(self, tty: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self._tty, self._encoding = tty, encoding

    def isatty(self) -> bool:
        return self._tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


UTF8 = {"TERM": "xterm", "LANG": "en_US.UTF-8"}


@pytest.mark.parametrize(
    ("environ", "stdin", "stderr", "ascii_only", "word"),
    [
        (UTF8, Stream(), Stream(), False, ""),
        ({**UTF8, "LC_ALL": "C"}, Stream(), Stream(), True, "locale"),
        ({**UTF8, "LC_CTYPE": "de_DE.ISO-8859-1"}, Stream(), Stream(), True, "locale"),
        ({"TERM": "xterm"}, Stream(), Stream(), True, "locale"),
        (UTF8, Stream(), Stream(encoding="latin-1"), True, "PYTHONIOENCODING"),
        (UTF8, Stream(), Stream(encoding="UTF8"), False, ""),
        (UTF8, Stream(tty=False), Stream(), True, "keys"),
        (UTF8, Stream(), Stream(tty=False), True, "2>"),
        ({**UTF8, "TERM": "dumb"}, Stream(), Stream(), True, "TERM"),
        ({"LANG": "C.UTF-8"}, Stream(), Stream(), True, "TERM"),
    ],
)
def test_the_check_before_the_first_screen_names_what_is_wrong(
    environ: dict[str, str], stdin: Stream, stderr: Stream, ascii_only: bool, word: str
) -> None:
    check = check_terminal(environ, stdin, stderr)
    assert check.ascii_only is ascii_only
    assert word in check.refusal + check.advice
    assert bool(check.refusal) == (
        not stdin.isatty() or not stderr.isatty() or environ.get("TERM") in (None, "dumb")
    )


def test_the_first_locale_variable_that_is_set_decides() -> None:
    assert locale_is_utf8({"LC_ALL": "C.utf8"})
    assert locale_is_utf8({"LC_ALL": "", "LANG": "de_DE.UTF-8@euro"})
    assert not locale_is_utf8({"LC_ALL": "POSIX", "LANG": "C.UTF-8"})
    assert not locale_is_utf8({})


async def test_when_the_desk_ends_by_itself_the_former_handlers_are_back() -> None:
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    restore = install_signal_cleanup(asyncio.get_running_loop(), lambda code: None)
    assert signal.getsignal(signal.SIGTERM) is not former[signal.SIGTERM]
    restore()
    assert {number: signal.getsignal(number) for number in former} == former


def test_a_zone_is_found_by_its_name_or_is_the_terminals() -> None:
    assert zone_named("Europe/Berlin").key == "Europe/Berlin"
    for unknown in ("", "Mars/Base", "../etc", "\x00", "a" * 5000):
        assert zone_named(unknown).key == local_zone().key


def test_the_terminals_zone_is_tz_then_the_machines_then_utc(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert local_zone({"TZ": "America/New_York"}, str(link)).key == "America/New_York"
    assert local_zone({"TZ": ":Asia/Tokyo"}, str(link)).key == "Asia/Tokyo"
    assert local_zone({"TZ": "../../etc/passwd"}, str(tmp_path / "none")).key == "UTC"
    assert local_zone({}, str(tmp_path / "none")).key == "UTC"
    (tmp_path / "timezone").write_text("Europe/Riga\n")
    assert local_zone({}, str(tmp_path / "none")).key == "Europe/Riga"
