"""The frame of every command: options that stand anywhere, exit codes, one line for a refusal, nothing loaded in vain."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from cstui import __version__
from cstui.cli.main import take_everywhere
from tests.cli.program import PASSWORD, ROOT, Program, Shop


@pytest.mark.parametrize(
    "words",
    [
        ("--db", "URL", "--json", "--as", "adam", "find", "1001"),
        ("find", "1001", "--db", "URL", "--as=adam", "--json"),
        ("find", "--json", "--as", "adam", "1001", "--db=URL"),
        ("--db=URL", "find", "--limit", "5", "1001", "--json", "--as", "adam"),
    ],
)
def test_the_options_of_every_command_stand_anywhere(sqlite_shop: Shop, words: tuple[str, ...]) -> None:
    url = sqlite_shop.db
    sqlite_shop.set("CSTUI_DB", "")
    answer = sqlite_shop(*(word.replace("URL", url) for word in words), password=PASSWORD)
    assert answer.code == 0 and answer.json["results"]


def test_what_stands_behind_two_dashes_is_text(sqlite_shop: Shop) -> None:
    sqlite_shop.ok("note", "order", "1001", "--store", "main", "first")
    assert sqlite_shop("note", "order", "1001", "--", "--json is no option here").code == 0
    notes = [note["text"] for note in sqlite_shop.ok("show", "order", "1001")["notes"]]
    assert sorted(notes) == ["--json is no option here", "first"]


def test_an_option_without_its_value_is_told() -> None:
    assert take_everywhere(["find", "x"])[1] == ["find", "x"]
    for option in ("--db", "--config", "--as"):
        with pytest.raises(Exception, match=f"{option} needs a value"):
            take_everywhere(["find", option])


@pytest.mark.parametrize(
    "words",
    [
        ("refund", "1001"), ("void", "txn_1"), ("attempts", "--limit", "0"), ("worker", "--senders", "0"),
        ("pop", "123"), ("subscription", "cancel", "sub_1"),
        ("finde", "x"), ("find",), ("find", "x", "--limit", "0"), ("find", "x", "--limit", "many"), ("show", "planet", "1"),
        ("find", "x", "--nope"), ("find", "x", "--db"), ("find", "x", "--db", "mysql://x/y"), ("find", "x", "--config", "/no/such"),
    ],
)  # fmt: skip
def test_a_command_line_that_cannot_be_read_ends_with_2_and_one_line(
    bare: Program, words: tuple[str, ...]
) -> None:
    assert bare.refused(2, *words)["title"]


def test_a_group_without_a_command_shows_its_help_and_ends_with_2(bare: Program) -> None:
    for group in (
        "db",
        "store",
        "staff",
        "settings",
        "import",
        "show",
        "note",
        "call",
        "locks",
        "audit",
        "config",
    ):
        answer = bare(group)
        assert answer.code == 2 and answer.out == "" and "Usage:" in answer.err
        assert bare(group, "--json").error["code"] == "usage"
    assert bare("--json").error["code"] == "usage"


def test_help_names_every_command_and_the_options_of_all(bare: Program) -> None:
    answer = bare("--help")
    assert answer.code == 0 and "--db URL" in answer.out
    for command in ("demo", "init", "login", "logout", "find", "keys", "doctor", "db", "import", "store", "staff", "settings", "show",
                    "note", "call", "locks", "audit", "config"):  # fmt: skip
        assert f"\n  {command} " in answer.out
    assert "--json" in bare("find", "--help").out
    assert bare("--version").out == f"cstui {__version__}\n"


def test_a_fault_of_the_program_is_an_incident_with_a_number_and_no_traceback(
    bare: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret of ann@example.com")

    monkeypatch.setattr("cstui.keys.KeyMap.load", fail)
    answer = bare("keys", "--json")
    assert answer.code == 70 and answer.error["code"] == "incident"
    assert "ann@example.com" not in answer.out
    assert list((bare.folder / "state" / "cstui").glob("incident-*.txt"))


def test_ctrl_c_and_the_end_of_input_leave_quietly(bare: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in (KeyboardInterrupt, EOFError):

        def stop(*_: object, fault: type[BaseException] = fault) -> None:
            raise fault

        monkeypatch.setattr("cstui.keys.KeyMap.load", stop)
        answer = bare("keys")
        assert (answer.code, answer.out, answer.err.strip()) == (130, "", "")


# As a program of its own ------------------------------------------------------------------------


def test_the_program_itself_answers_and_refuses_as_the_contract_says(sqlite_shop: Shop) -> None:
    found = sqlite_shop.process("find", "1001", "--json")
    assert found.code == 0 and found.json["results"] and found.err == ""
    missing = sqlite_shop.process("show", "order", "4711")
    assert (missing.code, missing.out) == (3, "") and missing.err.startswith(
        "Not found: There is no order 4711 here."
    )


def test_a_reader_that_goes_away_is_no_fault(sqlite_shop: Shop) -> None:
    command = f"{sys.executable} -m cstui keys | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **sqlite_shop.environ}
    )  # fmt: skip
    assert done.stderr == "" and done.stdout.strip().endswith("0")


def test_a_terminal_without_the_letters_of_a_name_gets_the_rest(sqlite_shop: Shop) -> None:
    sqlite_shop.ok("note", "order", "1001", "Grüße – 東京")
    for name, value in (("LC_ALL", "C"), ("PYTHONIOENCODING", "ascii")):
        sqlite_shop.set(name, value)
    answer = sqlite_shop.process("show", "order", "1001")
    assert answer.code == 0 and "Gr??e" in answer.out


def test_a_bare_call_without_a_database_and_a_terminal_advises_and_ends_with_6(bare: Program) -> None:
    answer = bare.process()
    assert answer.code == 6 and answer.out == ""
    assert (
        len(answer.err.strip().splitlines()) == 1
        and "cstui demo" in answer.err
        and "cstui init" in answer.err
    )


def test_scripts_that_read_json_load_no_screen_library(sqlite_shop: Shop) -> None:
    code = (
        "import sys; from cstui.cli.main import run; code = run(['show', 'order', '1001', '--json']); "
        "assert code == 0; assert not {'textual', 'alembic'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **sqlite_shop.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_way_to_the_first_paint_loads_neither_typer_nor_pydantic_nor_sqlalchemy(
    sqlite_shop: Shop,
) -> None:
    code = (
        "import sys, cstui.start as start; from cstui.app import DeskOptions; start.desk_options = lambda _: DeskOptions(); "
        "kept = []; start.run_desk = lambda settings, options, actor, desk: kept.append(options.kept_token) or 0; "
        "assert start.open_desk() == 0 and kept[0]; "
        "loaded = {'typer', 'pydantic', 'sqlmodel', 'sqlalchemy', 'alembic', 'keyring'} & set(sys.modules); assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **sqlite_shop.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_bare_call_on_a_database_that_does_not_fit_is_refused_before_anything_is_drawn(
    sqlite_shop: Shop,
) -> None:
    connection = sqlite3.connect(sqlite_shop.db.removeprefix("sqlite:///"))
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    answer = sqlite_shop.process()
    assert answer.code == 5 and answer.out == "" and "newer than this program" in answer.err
