"""The desk as a person has it: the program on a pseudo-terminal of its own, its bytes drawn by a terminal emulator."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pexpect
import pyte

#: Longest wait for anything, in seconds: a start takes five on a machine that is busy with other tests.
PATIENCE = 40.0
#: The modes that a full-screen program switches on, and what switches each off again.
MODES_TO_RESET = {
    b"\x1b[?1049h": b"\x1b[?1049l",
    b"\x1b[?1000h": b"\x1b[?1000l",
    b"\x1b[?1003h": b"\x1b[?1003l",
    b"\x1b[?2004h": b"\x1b[?2004l",
    b"\x1b[?25l": b"\x1b[?25h",
}


class DeskTerminal:
    """One program on one terminal. `text` is what the terminal shows, `raw` every byte that was written to it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        width: int = 100,
        height: int = 30,
        environment: Mapping[str, str] | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        self.raw = b""
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        program = [*(command or (sys.executable, "-m", "cstui")), *arguments]
        self.child = pexpect.spawn(
            program[0], program[1:], dimensions=(height, width), timeout=PATIENCE,
            env=environment_of(folder, environment), cwd=str(Path(__file__).parents[2]), echo=True,
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.child.ptyproc.delayafterclose = 0.01
        self.child.ptyproc.delayafterterminate = 0.01

    @property
    def text(self) -> str:
        """The screen as lines."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def read(self, seconds: float = 0.05) -> bool:
        """Takes in what has been written; False where there was nothing for so long, or the terminal is gone."""
        try:
            written = self.child.read_nonblocking(65536, seconds)
        except (pexpect.TIMEOUT, pexpect.EOF, OSError, ValueError):
            return False
        self.raw += written
        # The emulator does not know the private-mode queries and synchronised output of newer terminals.
        self._stream.feed(re.sub(rb"\x1b\[[?<>=][0-9;]*[$]?[pu]", b"", written))
        return True

    def shows(self, *words: str) -> None:
        """Waits until the screen shows all of these."""
        end = time.monotonic() + PATIENCE
        while missing := [word for word in words if word not in self.text]:
            if time.monotonic() > end or not (self.read() or self.child.isalive()):
                raise AssertionError(f"never shown: {missing}; the screen:\n{self.text}")

    def quiet(self, seconds: float = 0.4) -> None:
        """Waits until nothing has been written for so long."""
        end = time.monotonic() + PATIENCE
        while self.read(seconds) and time.monotonic() < end:
            pass

    def press(self, keys: str | bytes) -> None:
        """Sends keys in one write."""
        self.child.send(keys)

    def resize(self, width: int, height: int) -> None:
        """Another window size, as a window system reports it."""
        self._screen.resize(height, width)
        self.child.setwinsize(height, width)

    def signal(self, number: signal.Signals) -> None:
        """A signal to the program."""
        os.kill(self.child.pid, number)

    def ended(self) -> int:
        """Waits for the end; the exit code as a shell reports it."""
        end = time.monotonic() + PATIENCE
        while self.child.isalive():
            self.read()
            if time.monotonic() > end:
                raise AssertionError(f"it does not end; the screen:\n{self.text}")
        while self.read():
            pass
        status = self.child.signalstatus
        return int(self.child.exitstatus) if status is None else 128 + int(status)

    def modes_left_on(self) -> list[bytes]:
        """Modes of the terminal that were switched on and are still on."""
        return [
            on
            for on, off in MODES_TO_RESET.items()
            if on in self.raw and self.raw.rfind(off) < self.raw.rfind(on)
        ]

    def close(self) -> None:
        """Ends the program by force where it still runs, and gives the terminal back."""
        with contextlib.suppress(Exception):
            self.child.close(force=True)


def environment_of(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A person's environment with a home of its own and nothing of this machine's configuration."""
    facts = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "CSTUI_PASSWORD": "correct horse battery",
    }
    return {**facts, **(more or {})}
