"""The reference page names every command and option, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from cstui.cli.commands import make_app
from cstui.cli.main import Everywhere
from cstui.cli.session import Session
from tests.cli.program import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()
FREE = {
    "--help",
    "--install-completion",
    "--show-completion",
    "--db",
    "--config",
    "--as",
    "--json",
    "--version",
}


def commands(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
        return
    for name, below in inner.items():
        yield from commands(below, f"{path} {name}")


def test_the_page_has_every_command_with_every_option() -> None:
    found = dict(commands(typer.main.get_command(make_app(Session(Everywhere()))), "cstui"))
    assert len(found) > 30
    for path, options in found.items():
        assert re.search(rf"`{path}\b", PAGE), f"{path} is missing"
        (row,) = [
            line
            for line in PAGE.splitlines()
            if line.startswith("| `cstui") and re.search(rf"`{path}\b", line)
        ][:1]
        assert not {name for name in options - FREE if name not in row}, path


def test_the_page_names_no_command_that_is_not_there() -> None:
    found = dict(commands(typer.main.get_command(make_app(Session(Everywhere()))), "cstui"))
    table = PAGE.partition("## Commands")[2].partition("## Exit codes")[0]
    for named in re.findall(r"`(cstui(?: [a-z]+)+)", table):
        assert any(
            path == named or path.startswith(named + " ") or named.startswith(path) for path in found
        ), named
