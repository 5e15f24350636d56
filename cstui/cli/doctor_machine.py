"""The doctor's looks at the machine: terminal, configuration, folders, keyring, and what keeps a database away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cstui.cli.finding import Finding, State
from cstui.domain.errors import CstuiError

if TYPE_CHECKING:
    from cstui.config import Config

_TMUX_SECONDS = 2.0
_SLOWEST_ESCAPE = 50


def terminal() -> Iterator[Finding]:
    """Can the desk be shown here, and how well?"""
    from cstui.terminal import locale_is_utf8

    name = os.environ.get("TERM", "")
    if not (sys.__stdin__ and sys.__stdin__.isatty() and sys.__stderr__ and sys.__stderr__.isatty()):
        yield Finding("terminal", State.DOUBTFUL, "input or errors are redirected here",
                      "Start the desk in a terminal, without a pipe, < or 2>.")  # fmt: skip
    else:
        yield Finding("terminal", State.OK, "keys and screen are connected")
    if name in ("", "dumb"):
        found = f"TERM is {name or 'not set'}: nothing can be placed on the screen"
        yield Finding("TERM", State.BROKEN, found, "export TERM=xterm-256color")
    else:
        yield Finding("TERM", State.OK, name)
    encoding = (getattr(sys.__stderr__, "encoding", "") or "").lower().replace("-", "").replace("_", "")
    if not locale_is_utf8(os.environ):
        yield Finding(
            "locale", State.DOUBTFUL, "not UTF-8: lines and signs are drawn in ASCII", "export LC_ALL=C.UTF-8"
        )
    elif encoding != "utf8":
        yield Finding(
            "locale",
            State.DOUBTFUL,
            f"output is {encoding}: lines and signs are ASCII",
            "unset PYTHONIOENCODING",
        )
    else:
        yield Finding("locale", State.OK, "UTF-8")
    yield from _size()
    yield from _colours()
    yield from _tmux()


def _size() -> Iterator[Finding]:
    from cstui.terminal import LEAST_HEIGHT, LEAST_WIDTH, too_small

    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        if stream is None or not stream.isatty():
            continue
        columns, lines = os.get_terminal_size(stream.fileno())
        shown = f"{columns} × {lines}"
        if too_small(columns, lines):
            found = f"{shown}: below {LEAST_WIDTH} × {LEAST_HEIGHT} keys that change anything do nothing"
            yield Finding("size", State.BROKEN, found, "Make the window 80 × 24 or larger.")
        elif columns < 80 or lines < 24:
            yield Finding("size", State.DOUBTFUL, shown, "Make the window 80 × 24 or larger.")
        else:
            yield Finding("size", State.OK, shown)
        return


def _colours() -> Iterator[Finding]:
    if os.environ.get("NO_COLOR"):
        yield Finding("colours", State.OK, "off (NO_COLOR is set)")
    elif os.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        yield Finding("colours", State.OK, "16 million")
    else:
        yield Finding("colours", State.OK, "256 or fewer")


def _tmux() -> Iterator[Finding]:
    if not os.environ.get("TMUX") or shutil.which("tmux") is None:
        return
    try:
        asked = subprocess.run(
            ["tmux", "show-options", "-sgv", "escape-time"],
            capture_output=True,
            text=True,
            timeout=_TMUX_SECONDS,
            check=False,
        )
        delay = int(asked.stdout.strip() or 0)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return
    if delay > _SLOWEST_ESCAPE:
        yield Finding("tmux", State.DOUBTFUL, f"Esc waits {delay} ms", "tmux set -sg escape-time 10")
    else:
        yield Finding("tmux", State.OK, f"Esc waits {delay} ms")


def configuration(config: Config) -> Iterator[Finding]:
    """Which file counts, and where the database's place was said. Errors: `CstuiError` for a database that cannot be read."""
    yield Finding(
        "configuration", State.OK, str(config.file) if config.file else "no file; the defaults hold"
    )
    for warning in config.warnings:
        said, mark, command = warning.partition(" Run: ")
        fix = command if mark else "See config.example.toml."
        yield Finding("configuration", State.DOUBTFUL, said, fix)
    yield Finding(
        "database source", State.OK, f"{config.database.shown} ({config.values['database.url'].source})"
    )


def key_table(config: Config) -> Iterator[Finding]:
    """Do the person's own keys fit? Errors: `CstuiError` for a clash."""
    from cstui.keys import KeyMap

    KeyMap.load(config.keys, config.key_preset)
    yield Finding("keys", State.OK, f"preset {config.key_preset}, {len(config.keys)} of your own")


def folders(config: Config) -> Iterator[Finding]:
    """Can the log and what is remembered be written?"""
    for name, folder, setting in (
        ("log folder", config.log_dir, "paths.log"),
        ("state folder", config.state_dir, "paths.state"),
    ):
        problem = _why_not_writable(folder)
        if problem:
            yield Finding(
                name,
                State.BROKEN,
                f"{folder}: {problem}",
                f"mkdir -p {folder} && chmod u+rwx {folder}, or set {setting}",
            )
        else:
            yield Finding(name, State.OK, str(folder))


def _why_not_writable(folder: Path) -> str:
    """Why nothing could be written into a folder, that may have yet to be made; empty where it could."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is a file" if existing.exists() else "cannot be made"
    return "" if os.access(existing, os.W_OK | os.X_OK) else "not writable"


def keyring() -> Iterator[Finding]:
    """Where is a sign-in kept?"""
    from cstui.services.secrets import keyring_name

    name = keyring_name()
    yield Finding("keyring", State.OK, name or "none; a file that only you can read is used instead")


def way_to(database: object, error: CstuiError) -> str:
    """The step that brings an unreachable database back, from what its driver said."""
    path = getattr(database, "path", None)
    if isinstance(path, Path):
        return _way_to_file(path, error)
    said = _driver_words(error)
    for sign, fix in _SERVER_FIXES:
        if sign in said:
            return fix
    return (
        error.advice
        if "pip install" in error.advice
        else "pg_isready -h HOST -p PORT shows whether a server answers there."
    )


_SERVER_FIXES = (
    ("password authentication failed", "Put the right password into ~/.pgpass (chmod 600), as HOST:PORT:NAME:USER:PASSWORD."),
    ("no password supplied", "Put the password into ~/.pgpass (chmod 600), as HOST:PORT:NAME:USER:PASSWORD."),
    ("no pg_hba.conf entry", "Allow this machine in the server's pg_hba.conf, then: SELECT pg_reload_conf();"),
    ('role "', "createuser --pwprompt NAME on the server makes the role."),
    ('database "', "createdb --owner USER NAME on the server makes the database, then: cstui init"),
    ("could not translate host name", "Check the host's name in the database URL."),
    ("failed to resolve host", "Check the host's name in the database URL."),
    ("too many clients", "Raise max_connections on the server, or close desks that are not needed."),
    ("refused", "Start the server, or check host and port: pg_isready -h HOST -p PORT"),
)  # fmt: skip


def _way_to_file(path: Path, error: CstuiError) -> str:
    if not path.exists():
        return "cstui init makes it; cstui demo makes one with made-up data."
    if path.is_dir():
        return f"{path} is a folder: name a file in it."
    if "no SQLite database" in error.message:
        return f"Put the newest backup in the place of {path}, or name the right file."
    if not os.access(path, os.R_OK | os.W_OK):
        return f"chmod u+rw {path}"
    if not os.access(path.parent, os.W_OK):
        return f"chmod u+rwx {path.parent}"
    return error.advice


def _driver_words(error: BaseException) -> str:
    """What the driver said, for choosing a fix only: it may name hosts and users and is never shown."""
    words = ""
    cause: BaseException | None = error
    while cause is not None:
        words += f" {cause}"
        cause = cause.__cause__
    return words.lower()
