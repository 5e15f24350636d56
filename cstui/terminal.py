"""The terminal around the app: leaving in order when it goes away, what it can show, how to put it right again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

LEAST_WIDTH: Final = 60
LEAST_HEIGHT: Final = 16
GRACE_SECONDS: Final = 5.0
"""How long an orderly exit may take before the process ends without it."""

RESET_SEQUENCES: Final = (
    "\x1b[?2026l"  # end a synchronised update
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # no mouse reports
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # no focus, paste or resize reports
    "\x1b[<u"  # the keyboard as it was
    "\x1b[?1049l"  # the normal screen
    "\x1b(B\x0f\x1b[0m\x1b[?7h\x1b[?25h\r"  # ASCII letters, no colours, lines wrap, a cursor
)
"""Undoes every mode that a full-screen program may leave behind."""


class Departure:
    """Leaving once, in order, from any thread; by force where the event loop no longer answers.

    `on_leave(code)` runs on the loop. If the process is still there `grace` seconds later, `when_stuck(code)`
    runs in a thread of its own (to free locks), the terminal is reset and the process ends with the same code.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_leave: Callable[[int], object],
        *,
        when_stuck: Callable[[int], object] | None = None,
        grace: float = GRACE_SECONDS,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._loop = loop
        self._on_leave = on_leave
        self._when_stuck = when_stuck
        self._grace = grace
        self._end_process = end_process
        self._deadline: threading.Timer | None = None
        # A signal may interrupt `leave` itself: a lock would then wait for its own thread.
        self._codes: list[int] = []

    @property
    def code(self) -> int | None:
        """The exit code of the departure under way, if one is."""
        return self._codes[0] if self._codes else None

    def leave(self, code: int) -> None:
        """Starts leaving with exit code `code`; every call after the first changes nothing."""
        self._codes.append(code)
        if len(self._codes) > 1:
            return
        self._deadline = threading.Timer(self._grace, self._leave_by_force, (code,))
        self._deadline.daemon = True
        self._deadline.start()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._on_leave, code)

    def _leave_by_force(self, code: int) -> None:
        if self._when_stuck is not None:
            # Its own thread: a database that hangs must not keep the process here for ever.
            last = threading.Thread(target=self._quietly, args=(code,), daemon=True)
            last.start()
            last.join(self._grace)
        reset_terminal(sys.__stderr__)
        self._end_process(code)

    def _quietly(self, code: int) -> None:
        if self._when_stuck is not None:
            with contextlib.suppress(Exception):
                self._when_stuck(code)


def install_signal_cleanup(
    loop: asyncio.AbstractEventLoop,
    on_leave: Callable[[int], object],
    *,
    when_stuck: Callable[[int], object] | None = None,
    grace: float = GRACE_SECONDS,
) -> Callable[[], None]:
    """SIGTERM, SIGHUP and SIGINT, and a terminal or parent that is gone, call `on_leave(128 + n)` on the loop, once.

    For the main thread, once the loop runs; signals that were ignored count as well. `on_leave` frees locks,
    keeps drafts and ends the app with that exit code; see `Departure` for what happens when it cannot.
    Returns what ends all this; while a departure is under way it does nothing, so that neither a second signal
    nor a hanging clean-up gets in its way.
    """
    departure = Departure(loop, on_leave, when_stuck=when_stuck, grace=grace)
    restore_handlers, watch = watch_signals(departure), watch_terminal(departure)

    def restore() -> None:
        watch.stop()
        restore_handlers()

    return restore


def watch_signals(departure: Departure) -> Callable[[], None]:
    """The signals alone, for a departure that something else may start too; returns what puts the handlers back."""

    # Not `loop.add_signal_handler`: its callback waits for a loop that a frozen terminal may have stopped,
    # while a plain handler still runs and sets the deadline.
    def leave(number: int, _frame: object) -> None:
        departure.leave(128 + number)

    former = {
        number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }

    def restore() -> None:
        if departure.code is not None:
            return
        for number, handler in former.items():
            if signal.getsignal(number) is leave:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    return restore


class TerminalWatch(threading.Thread):
    """Leaves as on SIGHUP when the terminal is gone or the process that started this one has ended.

    Needs no signal: it also serves where SIGHUP never comes. `stop()` ends the watch.
    """

    def __init__(self, departure: Departure, fd: int | None = None, every: float = 1.0) -> None:
        super().__init__(name="cstui-terminal-watch", daemon=True)
        self._departure = departure
        self._fd = _terminal_fd() if fd is None else fd
        self._every = every
        self._parent = os.getppid()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Looks once every second, and at once when the terminal hangs up."""
        while not self._stopped.is_set():
            if terminal_is_gone(self._fd, self._every) or os.getppid() != self._parent:
                if not self._stopped.is_set():
                    self._departure.leave(128 + signal.SIGHUP)
                return

    def stop(self) -> None:
        """Ends the watch; the thread is gone within a second."""
        self._stopped.set()


def watch_terminal(departure: Departure) -> TerminalWatch:
    """Starts the watch over this process's own terminal and parent."""
    watch = TerminalWatch(departure)
    watch.start()
    return watch


def terminal_is_gone(fd: int | None, wait: float = 0.0) -> bool:
    """Whether the terminal behind `fd` has hung up; waits up to `wait` seconds for it, reading nothing."""
    poll = select.poll()
    if fd is not None:
        poll.register(fd, 0)  # hang-up, error and "not open" are reported without being asked for
    return bool(poll.poll(int(wait * 1000)))


def _terminal_fd() -> int | None:
    for stream in (sys.__stdin__, sys.__stderr__):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            if stream is not None and stream.isatty():
                return stream.fileno()
    return None


def reset_terminal(stream: IO[Any] | None) -> bool:
    """Gives a terminal back its normal screen, cursor, keyboard and line editing; False where `stream` is none."""
    try:
        if stream is None or not stream.isatty():
            return False
        fd = stream.fileno()
        _restore_line_editing(fd)
        # A terminal that takes nothing more must not hold the last step up.
        writable = select.select([], [fd], [], 0.5)[1]
        if writable:
            os.write(fd, RESET_SEQUENCES.encode("ascii"))
        return bool(writable)
    except (OSError, ValueError):
        return False


def _restore_line_editing(fd: int) -> None:
    import termios

    with contextlib.suppress(termios.error):
        mode = termios.tcgetattr(fd)
        mode[0] |= termios.BRKINT | termios.ICRNL | termios.IXON
        mode[0] &= ~(termios.IGNBRK | termios.INLCR | termios.IGNCR)
        mode[1] |= termios.OPOST | termios.ONLCR
        mode[3] |= (
            termios.ICANON | termios.ISIG | termios.IEXTEN | termios.ECHO | termios.ECHOE | termios.ECHOK
        )
        mode[3] &= ~(termios.ECHONL | termios.NOFLSH | termios.TOSTOP)
        termios.tcsetattr(fd, termios.TCSANOW, mode)


def too_small(width: int, height: int) -> bool:
    """Whether a screen of this many cells is too small to act on: keys with consequences then do nothing."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


@dataclass(frozen=True, slots=True)
class TerminalCheck:
    """What the terminal can show. `refusal` says why the desk cannot start on it and what to do; empty if it can."""

    ascii_only: bool
    refusal: str = ""
    advice: str = ""


def check_terminal(
    environ: Mapping[str, str] | None = None, stdin: IO[Any] | None = None, stderr: IO[Any] | None = None
) -> TerminalCheck:
    """Looks at locale, encoding, TERM and the streams before the first screen (default: this process's own).

    A locale or stream that is not UTF-8 means ASCII; a stream that is no terminal, or a dumb one, is refused.
    """
    environ = os.environ if environ is None else environ
    stdin = sys.__stdin__ if stdin is None else stdin
    stderr = sys.__stderr__ if stderr is None else stderr
    if stdin is None or not stdin.isatty():
        return TerminalCheck(
            True, "The desk reads keys from a terminal. Start it without a pipe or < in front."
        )
    if stderr is None or not stderr.isatty():
        return TerminalCheck(True, "The desk draws on standard error. Start it without 2> or 2>>.")
    if environ.get("TERM", "") in ("", "dumb"):
        return TerminalCheck(
            True, "This terminal cannot place text on a screen. Set TERM, such as TERM=xterm-256color."
        )
    encoding = (getattr(stderr, "encoding", "") or "").lower().replace("-", "").replace("_", "")
    if encoding != "utf8":
        return TerminalCheck(
            True, "", "Output is not UTF-8, so lines and signs are ASCII. Unset PYTHONIOENCODING."
        )
    if not locale_is_utf8(environ):
        advice = "The locale is not UTF-8, so lines and signs are ASCII. Set LC_ALL=C.UTF-8 if the terminal shows UTF-8."
        return TerminalCheck(True, "", advice)
    return TerminalCheck(False)


def locale_is_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the first of LC_ALL, LC_CTYPE and LANG that is set names UTF-8."""
    named = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return named.upper().replace("-", "").endswith("UTF8") or ".UTF8@" in named.upper().replace("-", "")
