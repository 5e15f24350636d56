"""The command line's frame: options that hold everywhere, the commands, and exit codes that never change meaning."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cstui.domain.errors import CstuiError, Exit, UsageError

#: What shells report for a command that was stopped with Ctrl-C.
_STOPPED = 130
_WITH_VALUE = {"--db": "database", "--config": "config", "--as": "acting_as"}


@dataclass
class Everywhere:
    """The options that every command takes, wherever they stand."""

    database: str = ""
    config: str = ""
    acting_as: str = ""
    json_wanted: bool = False


def take_everywhere(arguments: Sequence[str]) -> tuple[Everywhere, list[str]]:
    """Takes `--db`, `--config`, `--as` and `--json` out of a command line; what stands behind `--` is left alone.

    Errors: `UsageError` for an option without its value.
    """
    options, rest = Everywhere(), []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        name, mark, value = word.partition("=")
        if word == "--":
            rest += [word, *waiting]
            break
        if word == "--json":
            options.json_wanted = True
        elif name in _WITH_VALUE:
            if not mark:
                if not waiting or waiting[0].startswith("--"):
                    raise UsageError(f"{name} needs a value.", f"Write it as {name} VALUE.")
                value = waiting.pop(0)
            setattr(options, _WITH_VALUE[name], value)
        else:
            rest.append(word)
    return options, rest


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. No traceback ever reaches a person."""
    try:
        code = _answered(arguments)
        # Here and not at the interpreter's end, where a reader that has gone away would be reported.
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    return code


def _answered(arguments: Sequence[str]) -> int:
    from cstui.cli.printing import Printer

    json_wanted = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks must not end the command.
            stream.reconfigure(errors="replace")
    try:
        options, rest = take_everywhere(arguments)
        json_wanted = options.json_wanted
        return _dispatch(options, rest)
    except CstuiError as error:
        return Printer(json_wanted).refuse(error)
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, EOFError):
        print(file=sys.stderr)
        return _STOPPED
    except Exception as error:
        return _incident(error, json_wanted)


def _dispatch(options: Everywhere, rest: list[str]) -> int:
    if not rest and not options.json_wanted:
        from cstui.start import open_desk

        return open_desk(database=options.database, config=options.config, acting_as=options.acting_as)
    import typer
    from typer.exceptions import TyperException

    from cstui.cli.commands import make_app
    from cstui.cli.session import Session

    session = Session(options)
    command = typer.main.get_command(make_app(session))
    try:
        outcome = command.main(args=rest, prog_name="cstui", standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        return _STOPPED
    except SystemExit:
        # What Typer makes of a reader that has gone away, and of nothing else in this mode.
        raise BrokenPipeError from None
    except TyperException as error:
        return _misused(error, options.json_wanted)
    finally:
        session.close()
    return outcome if isinstance(outcome, int) else int(Exit.DONE)


def _misused(error: Exception, json_wanted: bool) -> int:
    """A command line that cannot be read: its help where nothing was asked, else what is wrong with it."""
    said = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    place = f"{context.command_path} --help" if context is not None else "cstui --help"
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        if json_wanted:
            raise UsageError(f"“{context.command_path}” needs a command.", f"See “{place}”.")
        print(context.get_help(), file=sys.stderr)
        return int(Exit.USAGE)
    raise UsageError(" ".join(said.split()), f"See “{place}”.")


def _incident(error: Exception, json_wanted: bool) -> int:
    from pathlib import Path

    from cstui.cli.printing import Printer
    from cstui.crash import incident_message, write_incident

    class Fault(CstuiError):
        code = "incident"
        title = "Something went wrong"

    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cstui"
    said = incident_message(write_incident(error, state), draft_kept=False)
    Printer(json_wanted).refuse(Fault(said.removeprefix("Something went wrong. ")))
    return 70
