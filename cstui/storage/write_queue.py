"""A fair queue before SQLite's writers: its own busy wait lets one writer starve for seconds."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: How long a writer queues before it tries SQLite's own wait instead.
LONGEST_WAIT = 10.0


class WriteQueue:
    """Writers of one SQLite file line up at a lock file beside it; the kernel serves them in turn.

    The wait is bounded: after `LONGEST_WAIT` seconds (a holder that was stopped) the writer goes on and SQLite's busy timeout decides.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".queue")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the writers' turn for one transaction."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fd = self._waited_for(fd)
        try:
            yield
        finally:
            if fd >= 0:
                os.close(fd)

    def _waited_for(self, fd: int) -> int:
        """The descriptor with the lock held, or -1 when the wait was given up (the waiting thread then closes it)."""
        settled = threading.Lock()
        granted = threading.Event()
        given_up = False

        def wait() -> None:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with settled:
                if given_up:
                    os.close(fd)
                else:
                    granted.set()

        threading.Thread(target=wait, name="cstui-write-queue", daemon=True).start()
        if granted.wait(LONGEST_WAIT):
            return fd
        with settled:
            if granted.is_set():
                return fd
            given_up = True
        return -1
