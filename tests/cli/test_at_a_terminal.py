"""What the program asks and shows where somebody sits at a terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.cli.program import PASSWORD, ROOT, Program
from tests.postgres import Server
from tests.services.imports import exports

SECONDS = 60


@pytest.fixture
def terminal(bare: Program) -> Iterator[Terminal]:
    found = Terminal(bare)
    yield found
    found.close()


class Terminal:
    """Runs the program on a terminal of its own."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._running: pexpect.spawn[str] | None = None

    def run(self, *words: str) -> pexpect.spawn[str]:
        self.close()
        self._program.set("CSTUI_PASSWORD", "")
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self._program.environ}
        self._running = pexpect.spawn(
            sys.executable, ["-m", "cstui", *words], encoding="utf-8", timeout=SECONDS, dimensions=(30, 110), env=environ,
            cwd=str(self._program.folder), echo=False,
        )  # fmt: skip
        return self._running

    def close(self) -> None:
        if self._running is not None:
            self._running.close(force=True)


def ended(running: pexpect.spawn[str]) -> int | None:
    running.expect(pexpect.EOF)
    running.wait()
    code: int | None = running.exitstatus
    return code


def test_a_first_call_offers_to_make_a_database_and_init_asks_for_the_admin(
    terminal: Terminal, bare: Program
) -> None:
    first = terminal.run()
    first.expect("d, i or q: ")
    first.sendline("i")
    first.expect("Name of the first admin: ")
    first.sendline("adam")
    first.expect("New password: ")
    first.sendline(PASSWORD)
    first.expect("The same again: ")
    first.sendline(PASSWORD)
    first.expect("Next: cstui login adam")
    assert ended(first) == 0
    assert bare.ok("staff", "list", "--as", "adam", password=PASSWORD)[0]["name"] == "adam"


def test_a_first_call_can_be_left_and_makes_nothing(terminal: Terminal, bare: Program) -> None:
    first = terminal.run()
    first.expect("d, i or q: ")
    first.sendline("q")
    assert ended(first) == 0
    assert not (bare.folder / "data" / "cstui" / "cstui.db").exists()


def test_a_configured_database_that_is_missing_is_not_made_by_the_way(
    terminal: Terminal, bare: Program
) -> None:
    bare.set("CSTUI_DB", f"sqlite:///{bare.folder}/elsewhere.db")
    called = terminal.run()
    called.expect("There is no database at")
    assert ended(called) == 6


def test_a_one_time_password_is_changed_at_login(terminal: Terminal, bare: Program) -> None:
    bare.ok("init", "--admin", "adam", password=PASSWORD)
    once = bare.ok("staff", "add", "ann", "--role", "agent", "--as", "adam", password=PASSWORD)[
        "one_time_password"
    ]
    login = terminal.run("login", "ann")
    login.expect("Password: ")
    login.sendline(once)
    for question in ("New password: ", "The same again: "):
        login.expect(question)
        login.sendline("ten brave lanterns")
    login.expect("Signed in as ann")
    assert ended(login) == 0
    assert bare.ok("find", "1001")["query"] == "1001"


def test_an_import_shows_its_progress(terminal: Terminal, bare: Program, tmp_path: Path) -> None:
    bare.ok("init", "--admin", "adam", password=PASSWORD)
    bare.ok("login", "adam", password=PASSWORD)
    bare.ok(
        "store",
        "add",
        "main",
        "--name",
        "M",
        "--currency",
        "USD",
        "--zone",
        "America/New_York",
        "--country",
        "US",
    )
    file = exports.orders_file(tmp_path, *(exports.order(number) for number in range(1001, 1301)))
    running = terminal.run("import", "shopify", "--store", "main", "--orders", str(file))
    running.expect("%")
    running.expect("300 new")
    assert ended(running) == 0


def test_a_bare_call_opens_the_desk_on_either_database(
    terminal: Terminal, bare: Program, db_url: str
) -> None:
    bare.set("CSTUI_DB", db_url)
    bare.ok("init", "--admin", "adam", password=PASSWORD)
    desk = terminal.run()
    desk.expect("Sign in")
    desk.expect("Password")
    desk.send("\x1b")
    assert ended(desk) == 0
    bare.ok("login", "adam", password=PASSWORD)
    desk = terminal.run()
    desk.expect("adam")
    desk.kill(signal.SIGTERM)
    assert ended(desk) == 128 + signal.SIGTERM


def test_a_bare_call_on_a_server_without_the_tables_is_refused_before_anything_is_drawn(
    terminal: Terminal, bare: Program, postgres_server: Server
) -> None:
    postgres_server.create_database("cstui_no_tables")
    bare.set("CSTUI_DB", postgres_server.url("cstui_no_tables"))
    try:
        called = terminal.run()
        called.expect("cstui init")
        assert ended(called) == 5
    finally:
        postgres_server.drop_database("cstui_no_tables")
