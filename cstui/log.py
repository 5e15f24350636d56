"""The log: JSON lines in a rotated file, cleaned and redacted; nothing ever reaches the screen.

A log that cannot be written never stops the app: it then goes nowhere, and `open_log` says why.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from cstui.crash import redacted, traceback_lines
from cstui.domain.clean import clean

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger
    from structlog.typing import Processor

_HIDDEN: Final = "[hidden]"
_SECRET_WORDS: Final = (
    "password",
    "passwd",
    "secret",
    "token",
    "cvv",
    "cvc",
    "card_number",
    "pan",
    "authorization",
)
_SECRET_KEYS: Final = frozenset({"pan", "number", "dsn", "url", "api_key", "key"})
_LONGEST_VALUE: Final = 2_000
_MOST_ITEMS: Final = 50


@dataclass(frozen=True, slots=True)
class Log:
    """The log that was opened: where it is written, or in `problem` why it is not."""

    path: Path | None
    problem: str = ""


class _OwnFile(RotatingFileHandler):
    """A rotated file that only its owner reads, and that takes a full disk without a word."""

    def _open(self) -> io.TextIOWrapper:
        # Unbuffered: what a full disk refused must not wait in a buffer and fail again at every close.
        raw = io.FileIO(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")
        return io.TextIOWrapper(cast(IO[bytes], raw), encoding="utf-8", write_through=True)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


def open_log(directory: Path, level: str = "INFO", megabytes: int = 5, kept: int = 5) -> Log:
    """Sends this process's log, and the warnings of its libraries, to `directory`/cstui.log.

    Rotated at `megabytes`, `kept` old files; readable by the owner only. Never raises and never writes to
    stdout or stderr, also not later, when the disk is full. May be called again: the last call counts.
    """
    import structlog

    # The logging package reports its own failures on stderr, which is the screen.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    path, problem = directory / "cstui.log", ""
    handler: logging.Handler
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _OwnFile(path, maxBytes=megabytes * 1_000_000, backupCount=kept)
    except OSError as error:
        handler, problem = logging.NullHandler(), f"The log cannot be written to {path}: {error.strerror}."
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        harmless,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        )
    )
    _attach(handler, level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            harmless,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return Log(None if problem else path, problem)


def close_log() -> None:
    """Closes the file; what is logged afterwards goes nowhere."""
    logging.captureWarnings(False)
    _attach(logging.NullHandler(), "CRITICAL")


def logger(name: str) -> BoundLogger:
    """The log of one part of the program: `logger("search").info("slow_query", milliseconds=412)`."""
    import structlog

    log: BoundLogger = structlog.stdlib.get_logger(f"cstui.{name}")
    return log


def _attach(handler: logging.Handler, level: str) -> None:
    """Makes `handler` the only one: libraries speak from warnings on, cstui itself from `level`."""
    root, own = logging.getLogger(), logging.getLogger("cstui")
    for former in [one for one in root.handlers if getattr(one, "of_cstui", False)]:
        root.removeHandler(former)
        former.close()
    handler.of_cstui = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    own.setLevel(level.upper())


def harmless(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog step: every value cleaned and redacted, secrets hidden, an error as lines without values."""
    record = event.pop("_record", None)
    from_structlog = event.pop("_from_structlog", None)
    error = event.pop("exc_info", None)
    made = {str(key): _value(str(key), value) for key, value in event.items()}
    if error is True:
        import sys

        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        made["error"] = traceback_lines(error)
    if record is not None:
        # A library's record carries its error itself, which the formatter would print with all its text.
        if record.exc_info and isinstance(record.exc_info[1], BaseException):
            made["error"] = traceback_lines(record.exc_info[1])
        made["_record"], made["_from_structlog"] = record, from_structlog
    return made


def _value(key: str, value: Any, depth: int = 0) -> Any:
    low = key.lower()
    if low in _SECRET_KEYS or any(word in low for word in _SECRET_WORDS):
        return _HIDDEN
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**11 else redacted(str(value))
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {_short(str(value))}"
    if isinstance(value, Mapping) and depth < 4:
        return {_short(str(k)): _value(str(k), v, depth + 1) for k, v in list(value.items())[:_MOST_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < 4:
        return [_value("", item, depth + 1) for item in list(value)[:_MOST_ITEMS]]
    if isinstance(value, (bytes, bytearray)):
        return f"[{len(value)} bytes]"
    try:
        return _short(str(value))
    except Exception:  # an object whose own text fails must not cost the line
        return f"[{type(value).__name__}]"


def _short(written: str) -> str:
    return clean(redacted(written[: 4 * _LONGEST_VALUE]), multiline=True, limit=_LONGEST_VALUE)
