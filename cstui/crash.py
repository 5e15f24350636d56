"""What is left of a crash: a redacted report in a file, and a sentence with its number for the person.

A report names files, lines and functions. It never holds local variables or argument values, and the text of
the error goes through `redacted` first.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from cstui import __version__
from cstui.domain.clean import clean

if TYPE_CHECKING:
    from textual.app import App

_MOST_FRAMES: Final = 60
_LONGEST_LINE: Final = 500


@cache
def _redactions() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is taken out of a report; compiled when the first one is written."""
    return (
        # What a database library adds behind its message: the statement and its values.
        (re.compile(r"\n?\s*\[(?:SQL|parameters):.*", re.DOTALL), " [statement]"),
        (re.compile(r"\)=\(.*?\)(?=\s|$)", re.DOTALL), ")=([value])"),
        (re.compile(r"(?<=://)[^\s/@]*@"), "[secret]@"),
        (
            re.compile(
                r"(?i)\b(password|passwd|secret|token|(?:api|security)_?key|cvv2?|cvc2?|csc|card_?code|security_?code)\b(\]?[\"']?\s*[=:]\s*)\S+"
            ),
            r"\1\2[secret]",
        ),
        (re.compile(r"[^\s@<>\"'(),;:\[\]]{1,100}@[^\s@<>\"'(),;:]{1,255}"), "[e-mail]"),
        # Digits as people and as URLs write them apart: a card number, an account.
        (
            re.compile(
                r"\d(?:(?:%20|%2[DdBb]|[ .+\-_\u00a0\u2007\u2009\u202f\u2010-\u2015\u2212]){0,3}\d){11,}"
            ),
            "[number]",
        ),
        (re.compile(r"\+\d(?:[ .()\-]{0,3}\d){5,}"), "[number]"),
        # A quoted value with a blank in it is a name, an address or a note; identifiers have none.
        (re.compile(r"(?<!\w)(['\"])(?:(?!\1)\S)*(?:(?!\1)[^\S\n])(?:(?!\1)[^\n])*\1(?!\w)"), r"\1[text]\1"),
    )


@dataclass(frozen=True, slots=True)
class Incident:
    """A crash that was written down. `path` is None where no file could be written."""

    number: str
    path: Path | None

    def __str__(self) -> str:
        return self.number


def redacted(written: str) -> str:
    """`written` without e-mail addresses, runs of 12 digits or more, phone numbers, secrets, statements, phrases."""
    for pattern, stand_in in _redactions():
        written = pattern.sub(stand_in, written)
    return clean(written, multiline=True)


def write_incident(error: BaseException, directory: Path) -> Incident:
    """Writes the redacted report of `error` into `directory` (made if missing, readable by its owner only).

    Never raises: where the file cannot be written the incident has a number and no path.
    """
    number = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
    now = datetime.now(UTC)
    path = directory / f"incident-{now:%Y%m%dT%H%M%SZ}-{number}.txt"
    try:
        report = "\n".join(_report(error, number, now))
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(report + "\n")
    except Exception:  # a full disk must not turn one failure into two
        return Incident(number, None)
    return Incident(number, path)


def incident_message(incident: Incident, draft_kept: bool = True) -> str:
    """What the person is told, in one line each: what happened, where it is written, what became of the text."""
    where = f"was written to {incident.path}" if incident.path else "could not be written to a file"
    lines = [f"Something went wrong. Incident {incident.number} {where}."]
    if draft_kept:
        lines.append("Your unsaved text is kept as a draft and offered when you open the record again.")
    return "\n".join(lines)


def end_with_incident(
    app: App[Any], directory: Path, error: BaseException | None = None, draft_kept: bool = True
) -> Incident:
    """Ends a running app with the incident's sentence instead of a traceback; for `App._fatal_error`.

    `error` is by default the one that the app failed with. The exit code is 70.
    """
    from rich.segment import Segments
    from rich.text import Text

    failed = error or app._exception or sys.exc_info()[1] or RuntimeError("the app ended without an error")
    incident = write_incident(failed, directory)
    words = Text(incident_message(incident, draft_kept))
    app._exit_renderables[:] = [Segments(app.console.render(words, app.console.options))]
    app._return_code = 70
    app._close_messages_no_wait()
    return incident


def leave_no_core() -> None:
    """A crash of the interpreter itself writes no picture of its memory to the disk; does nothing where the system knows no such thing."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def install_excepthooks(directory: Path, tell: Callable[[Incident], None]) -> Callable[[], None]:
    """Errors that nobody caught, in any thread, become incidents; nothing is printed but what `tell` prints.

    Ctrl+C stays what it is. Returns what puts the former hooks back.
    """
    former = sys.excepthook, threading.excepthook, sys.unraisablehook

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            former[0](kind, error, trace)
        else:
            tell(write_incident(error, directory))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            tell(write_incident(args.exc_value, directory))

    def in_finalizer(args: Any) -> None:
        if args.exc_value is not None:
            write_incident(args.exc_value, directory)

    sys.excepthook, threading.excepthook, sys.unraisablehook = in_main, in_thread, in_finalizer

    def restore() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = former

    return restore


def traceback_lines(error: BaseException) -> list[str]:
    """The error and what caused it, outermost cause first: kind, redacted text, then file, line, function."""
    return list(_chain(error, set()))


def _report(error: BaseException, number: str, now: datetime) -> Iterator[str]:
    yield f"Incident {number}"
    yield f"at {now:%Y-%m-%d %H:%M:%S} UTC"
    yield f"cstui {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    terminal = clean(os.environ.get("TERM", ""), limit=40)
    yield f"terminal {terminal or 'unknown'}, thread {clean(threading.current_thread().name, limit=60)}"
    yield ""
    yield from _chain(error, set())


def _chain(error: BaseException, seen: set[int], depth: int = 0) -> Iterator[str]:
    if id(error) in seen or len(seen) > 20:
        return
    seen.add(id(error))
    former = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if former is not None:
        yield from _chain(former, seen, depth)
        yield "which led to" if error.__cause__ else "while that was dealt with"
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_said(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames[:_MOST_FRAMES]:
        yield f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}"
    if len(frames) > _MOST_FRAMES:
        yield f"  … and {len(frames) - _MOST_FRAMES} more"
    if isinstance(error, BaseExceptionGroup) and depth < 3:
        for member in error.exceptions[:10]:
            yield "one of them:"
            yield from _chain(member, seen, depth + 1)


def _said(error: BaseException) -> str:
    try:
        words = redacted(str(error)[:20_000]).replace("\n", " ")
    except Exception:  # an error whose own text fails
        return "(no text)"
    return words if len(words) <= _LONGEST_LINE else words[:_LONGEST_LINE] + "…"


def _short(filename: str) -> str:
    """The end of a path: enough to find the file, nothing of whose home it lies in."""
    parts = Path(filename).parts
    for root in ("cstui", "tests", "site-packages"):
        if root in parts:
            return "/".join(parts[len(parts) - 1 - parts[::-1].index(root) :])
    return "/".join(parts[-2:])
