"""`cstui doctor`: what is wrong on this machine, in words, with the way to mend it. Shows no secret, waits for nothing long."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cstui.cli.session import Session
from cstui.domain.errors import CstuiError

#: How far the machine's clock may be from the database's before times read wrongly.
_CLOCK_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, `doubtful` or `broken`, and what to do."""

    check: str
    state: str
    found: str
    fix: str = ""

    @property
    def sign(self) -> str:
        """A sign for the state."""
        return {"ok": "✓", "doubtful": "!", "broken": "✗"}[self.state]


def examined(session: Session) -> list[Finding]:
    """Everything looked at, in the order in which one would mend it."""
    findings: list[Finding] = []
    for look in (_terminal, _configuration, _key_table, _keyring, _database, _people, _locks):
        try:
            findings += list(look(session))
        except CstuiError as error:
            findings.append(
                Finding(look.__name__.strip("_").replace("_", " "), "broken", error.message, error.advice)
            )
    return findings


def _terminal(session: Session) -> Iterator[Finding]:
    from cstui.terminal import check_terminal

    checked = check_terminal()
    if checked.refusal:
        yield Finding(
            "terminal", "doubtful", checked.refusal, checked.advice or "Run it in a terminal of its own."
        )
    elif checked.ascii_only:
        yield Finding("terminal", "doubtful", "shows ASCII only", checked.advice)
    else:
        yield Finding("terminal", "ok", f"{os.environ.get('TERM', '?')}, UTF-8")
    if sys.stdout.isatty():
        size = os.get_terminal_size()
        small = size.columns < 80 or size.lines < 24
        yield Finding(
            "size",
            "doubtful" if small else "ok",
            f"{size.columns} × {size.lines}",
            "80 × 24 or more reads well." if small else "",
        )
    if os.environ.get("NO_COLOR"):
        yield Finding("colours", "ok", "off (NO_COLOR)")
    if os.environ.get("TMUX") and not os.environ.get("COLORTERM"):
        yield Finding(
            "tmux",
            "ok",
            "without COLORTERM: 256 colours",
            "set -g default-terminal tmux-256color shows more.",
        )


def _configuration(session: Session) -> Iterator[Finding]:
    config = session.config
    yield Finding("configuration", "ok", str(config.file) if config.file else "none; the defaults hold")
    for warning in config.warnings:
        yield Finding("configuration", "doubtful", warning, "See config.example.toml.")
    folder = config.log_dir
    writable = os.access(folder if folder.exists() else _existing(folder), os.W_OK)
    yield Finding(
        "log folder",
        "ok" if writable else "doubtful",
        str(folder),
        "" if writable else f"Make {folder} writable.",
    )


def _existing(folder: object) -> str:
    from pathlib import Path

    path = Path(str(folder))
    while not path.exists() and path != path.parent:
        path = path.parent
    return str(path)


def _key_table(session: Session) -> Iterator[Finding]:
    from cstui.keys import KeyMap

    KeyMap.load(session.config.keys, session.config.key_preset)
    yield Finding("keys", "ok", f"preset {session.config.key_preset}, {len(session.config.keys)} of your own")


def _keyring(session: Session) -> Iterator[Finding]:
    from cstui.services.secrets import keyring_name

    name = keyring_name()
    fix = "" if name else "None is needed: a file that only you can read is used instead."
    yield Finding("keyring", "ok" if name else "doubtful", name or "there is none on this machine", fix)


def _database(session: Session) -> Iterator[Finding]:
    desk = session.bare_desk
    shown = session.config.database.shown
    looks: list[Callable[[], None]] = [desk.schema.check]
    for look in looks:
        look()
    kind = "SQLite" if desk.database.is_sqlite else "PostgreSQL"
    yield Finding("database", "ok", f"{kind} at {shown}, schema current")
    away = desk.schema.clock_difference()
    off = abs(away) > _CLOCK_SECONDS
    yield Finding(
        "clocks",
        "doubtful" if off else "ok",
        f"{away:+.1f} s from the database's",
        "Set this machine's clock." if off else "",
    )
    free = desk.schema.free_megabytes()
    if free is not None:
        yield Finding(
            "disk",
            "broken" if free < 50 else "ok",
            f"{free:,} MB free",
            "Free some space." if free < 50 else "",
        )


def _people(session: Session) -> Iterator[Finding]:
    if session.login.kept():
        yield Finding("sign-in", "ok", f"kept; signed in as {session.actor.name}")
    else:
        yield Finding("sign-in", "doubtful", "nobody is signed in", "Run “cstui login NAME”.")


def _locks(session: Session) -> Iterator[Finding]:
    if not session.login.kept():
        return
    rows = session.desk.locks.all(session.actor)
    stale = [row.number for row in rows if row.stale]
    found = f"{len(rows)} held, {len(stale)} stale"
    yield Finding(
        "locks",
        "doubtful" if stale else "ok",
        found,
        f"“cstui locks release {stale[0]}” frees one." if stale else "",
    )
