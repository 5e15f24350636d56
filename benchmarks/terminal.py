"""A real terminal for measurements: a program on a pty, keys in, and the moment at which a marker has been painted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ESCAPES = re.compile(
    rb"\x1b\[[0-9;?<>=]*[a-zA-Z@`~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78]"
)


class Terminal:
    """One program on its own pty; what it writes is read as text without escape sequences."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        width: int = 140,
        height: int = 45,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(
                {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor", **(env or {})}
            )
            os.execvp(command[0], list(command))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._raw = b""

    def press(self, keys: str) -> float:
        """Sends keys; returns the moment just before."""
        self._drain(0)
        self._raw = b""
        began = time.perf_counter()
        os.write(self._fd, keys.encode())
        return began

    def wait_for(self, marker: str, seconds: float = 20.0) -> float:
        """The moment at which the marker had been written. Raises TimeoutError with what was written instead."""
        wanted = marker.encode()
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            if wanted in _ESCAPES.sub(b"", self._raw):
                return time.perf_counter()
            self._drain(0.05)
        raise TimeoutError(
            f"{marker!r} was not painted; the last was {_ESCAPES.sub(b'', self._raw)[-300:]!r}"
        )

    def quiet(self, seconds: float = 0.3) -> None:
        """Waits until nothing has been written for a while, ten times that at most (a cursor blinks)."""
        deadline = time.perf_counter() + 10 * seconds
        while time.perf_counter() < deadline and self._drain(seconds):
            pass

    def memory_megabytes(self) -> float:
        """Resident memory of the program."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024  # type: ignore[union-attr]

    def close(self) -> None:
        """Ends the program."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.perf_counter() + 5
        while time.perf_counter() < deadline:
            self._drain(0.05)
            done, _ = os.waitpid(self.pid, os.WNOHANG)
            if done:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def _drain(self, wait: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], wait)
        if not ready:
            return False
        try:
            self._raw += os.read(self._fd, 65536)
        except OSError:
            return False
        return True


PYTHON = sys.executable
