"""Opening the desk: configuration, terminal, database, who is signed in, and then the first paint."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from cstui.domain.clean import clean
from cstui.domain.errors import CstuiError, DatabaseAway, Exit, NotSignedIn

if TYPE_CHECKING:
    from pathlib import Path

    from cstui.app import DeskOptions
    from cstui.bootstrap import Desk
    from cstui.config import Config
    from cstui.domain.actor import Actor


def open_desk(*, database: str = "", config: str = "", acting_as: str = "", read_only: bool = False) -> int:
    """Opens the desk on the configured database and returns its exit code.

    A kept login is resumed behind the first paint; without one the desk asks for a name. Where there is no database at the default
    place, it offers to make one. Faults are said in one line.
    """
    from cstui import config as settings_file
    from cstui.bootstrap import Desk
    from cstui.services.schema import require_driver

    try:
        settings = settings_file.load(config or None, database or None)
        require_driver(settings.database.is_sqlite)
        path = settings.database.path
        if path is not None and not path.exists():
            if settings.is_database_configured or not _somebody_is_here():
                raise DatabaseAway(
                    f"There is no database at {path} yet.",
                    "Run “cstui demo” to look around in made-up data, or “cstui init” to make your own.",
                )
            return _offer(path, config)
        desk = Desk(settings.database.text)
        try:
            # One short read; its connection is the one that resumes the sign-in.
            desk.schema.check()
            actor = _signed_in(desk, acting_as) if acting_as else None
            options = desk_options(settings)
            token = "" if actor else _kept_token(settings)
            return run_desk(settings, replace(options, kept_token=token, is_read_only=read_only), actor, desk)
        finally:
            desk.close()
    except CstuiError as error:
        print(f"{error.title}: {clean(error.in_words())}", file=sys.stderr)
        return int(error.exit_code)


def _somebody_is_here() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _offer(path: Path, config: str) -> int:
    """Offers the demo, or a database of one's own; returns the exit code of what was chosen."""
    from cstui.cli.main import run

    print(
        f"There is no database at {path} yet.\n"
        "  d  demo: look around in made-up shops\n"
        "  i  init: make your own database and its first admin\n"
        "  q  leave\n"
        "d, i or q: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    chosen = sys.stdin.readline().strip().lower()
    options = ["--config", config] if config else []
    if chosen in ("d", "demo"):
        return run([*options, "demo"])
    if chosen in ("i", "init"):
        return run([*options, "init"])
    return int(Exit.DONE)


def desk_options(settings: Config) -> DeskOptions:
    """What the configuration says about this desk. Errors: `CstuiError` for a terminal that cannot show it."""
    from cstui.app import DeskOptions
    from cstui.keys import KeyMap
    from cstui.services.sign_in import terminal_name
    from cstui.terminal import check_terminal

    checked = check_terminal()
    if checked.refusal:
        raise _NoTerminal(checked.refusal, checked.advice)
    return DeskOptions(
        keymap=KeyMap.load(settings.keys, settings.key_preset),
        theme=settings.theme,
        ascii_only=settings.ascii or checked.ascii_only,
        log_directory=settings.log_dir,
        log_level=settings.log_level,
        terminal=terminal_name(),
        zone=settings.zone,
        locale=settings.locale or _locale_of_terminal(),
        mouse=settings.mouse,
        bell=settings.bell,
        timer=settings.timer,
        worker_inside=settings.worker_inside,
        mail=settings.mail,
    )


class _NoTerminal(CstuiError):
    code = "no_terminal"
    title = "The desk cannot open here"
    exit_code = Exit.UNAVAILABLE


def run_desk(
    settings: Config, options: DeskOptions, actor: Actor | None = None, desk: Desk | None = None
) -> int:
    """Runs the desk until it ends; locks are freed and the terminal is put right on every way out."""
    from cstui.app import CstuiApp
    from cstui.bootstrap import Desk
    from cstui.crash import incident_message, install_excepthooks, leave_no_core
    from cstui.log import close_log

    leave_no_core()
    # The log itself is opened behind the first paint; until then nothing may be said where the screen is drawn.
    close_log()
    restore = install_excepthooks(
        settings.log_dir, lambda incident: print(incident_message(incident), file=sys.stderr)
    )
    desk = desk or Desk(settings.database.text)
    desk.card_intake = settings.card_intake
    app = CstuiApp(desk, actor, options)
    try:
        ended = app.run(mouse=options.mouse)
    finally:
        restore()
    return ended if isinstance(ended, int) else (app.return_code or 0)


def _kept_token(settings: Config) -> str:
    from cstui.services.login_keep import LoginKeep

    return LoginKeep(settings.state_dir, settings.database).kept()


def _signed_in(desk: Desk, name: str) -> Actor:
    """Signs in with `--as NAME` and the password from the environment."""
    from cstui.services.sign_in import terminal_name

    password = os.environ.get("CSTUI_PASSWORD", "")
    if not password:
        raise NotSignedIn(
            "--as needs the password in CSTUI_PASSWORD.",
            "Set it, or leave --as out: the desk asks for a name.",
        )
    signed_in = desk.sign_in.sign_in(name, password, terminal_name())
    if signed_in.must_change_password:
        raise NotSignedIn(
            "This password was given for one sign-in and must be changed first.",
            "Leave --as out: the desk asks for a new one.",
        )
    return signed_in.actor


def _locale_of_terminal() -> str:
    for name in ("LC_ALL", "LC_MONETARY", "LC_NUMERIC", "LANG"):
        value = os.environ.get(name, "").partition(".")[0]
        if "_" in value:
            return value.replace("_", "-")
    return ""
