"""The doctor names the right fix on set-ups that are broken in one way each, shows no secret, and waits for nothing long."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cstui.cli import doctor
from cstui.cli.main import run
from cstui.domain.ids import Kind, new_token
from cstui.services.locks import Locks
from cstui.services.settings import Settings
from cstui.storage.database import Database
from tests import factories
from tests.cli.program import PASSWORD, Program, Shop
from tests.postgres import Server


def examined(program: Program, *words: str, code: int = 1) -> dict[str, dict[str, str]]:
    answer = program("doctor", *words, "--json")
    assert answer.code == code, answer.out
    rows: list[dict[str, Any]] = answer.json
    assert all(set(row) == {"check", "state", "found", "fix"} for row in rows)
    assert all(row["fix"] for row in rows if row["state"] != "ok"), "every fault has a fix"
    return {row["check"]: row for row in rows}


def test_a_healthy_desk_has_nothing_broken(shop: Shop) -> None:
    found = examined(shop, code=0)
    # Beside PostgreSQL a worker of its own is expected, and this shop has none.
    expected = {"ok"} if shop.database.is_sqlite else {"ok", "doubtful"}
    assert {row["state"] for name, row in found.items() if name != "terminal"} == expected
    assert found["worker"]["fix"] == ("" if shop.database.is_sqlite else "cstui worker")
    assert list(found) == [
        "terminal", "TERM", "locale", "colours", "configuration", "database source", "keys", "log folder", "state folder", "keyring",
        "database", "schema", "clocks", *(["disk"] if shop.database.is_sqlite else []), "settings", "sign-in", "locks",
        "gateways", "worker", "mail",
    ]  # fmt: skip
    assert found["sign-in"]["found"] == "signed in as adam"


def test_words_say_the_state_without_signs_or_colours(sqlite_shop: Shop) -> None:
    sqlite_shop.set("TERM", "dumb")
    answer = sqlite_shop("doctor")
    assert answer.code == 1
    assert "✗ broken   TERM: TERM is dumb" in answer.out and "→ export TERM=xterm-256color" in answer.out


def _missing_database(program: Program) -> None:
    program.set("CSTUI_DB", f"sqlite:///{program.folder}/none.db")


def _not_a_database(program: Program) -> None:
    (program.folder / "letter.db").write_text("Dear Ann, " * 500)
    program.set("CSTUI_DB", f"sqlite:///{program.folder}/letter.db")


def _folder_as_database(program: Program) -> None:
    program.set("CSTUI_DB", f"sqlite:///{program.folder}")


def _empty_database(program: Program) -> None:
    sqlite3.connect(program.folder / "empty.db").close()
    program.set("CSTUI_DB", f"sqlite:///{program.folder}/empty.db")


def _newer_database(program: Program) -> None:
    _change(program, "UPDATE alembic_version SET version_num = '9999'")


def _nobody_there(program: Program) -> None:
    _empty_database(program)
    assert program("db", "upgrade").code == 0


def _server_is_off(program: Program) -> None:
    program.set("CSTUI_DB", "postgresql://ann:hunter2@127.0.0.1:1/shop")


def _unknown_host(program: Program) -> None:
    program.set("CSTUI_DB", "postgresql://ann:hunter2@no-such-host.invalid/shop")


def _unknown_setting(program: Program) -> None:
    _config(program, '[ui]\ntheem = "nord"\n')


def _key_used_twice(program: Program) -> None:
    _config(program, '[keys]\n"note.add" = "f2"\n')


def _file_in_the_way_of_the_log(program: Program) -> None:
    (program.folder / "log").write_text("")
    _config(program, f'[paths]\nlog = "{program.folder}/log/cstui"\n')


def _config_that_others_may_change(program: Program) -> None:
    _config(program, '[ui]\ntheme = "nord"\n').chmod(0o666)


def _dumb_terminal(program: Program) -> None:
    program.set("TERM", "dumb")


def _not_utf8(program: Program) -> None:
    program.set("LC_ALL", "de_DE.ISO-8859-1")


def _signed_out(program: Program) -> None:
    assert program("logout").code == 0


def _unusable_setting_in_the_database(program: Program) -> None:
    program.ok("settings", "set", "locking.lease", "240")
    _change(program, "UPDATE setting SET value = '\"soon\"' WHERE key = 'locking.lease'")


def _config(program: Program, text: str) -> Path:
    file = program.folder / "config" / "cstui" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def _change(program: Program, statement: str) -> None:
    connection = sqlite3.connect(program.db.removeprefix("sqlite:///"))
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("break_it", "check", "state", "fix"),
    [
        (_missing_database, "database", "broken", "cstui init"),
        (_not_a_database, "database", "broken", "backup"),
        (_folder_as_database, "database", "broken", "is a folder"),
        (_empty_database, "schema", "broken", "cstui db upgrade"),
        (_newer_database, "schema", "broken", "pip install --upgrade cstui"),
        (_nobody_there, "staff", "broken", "cstui init --admin"),
        (_server_is_off, "database", "broken", "pg_isready"),
        (_unknown_host, "database", "broken", "host"),
        (_unknown_setting, "configuration", "broken", "Did you mean ui.theme?"),
        (_key_used_twice, "keys", "broken", "note.add"),
        (_file_in_the_way_of_the_log, "log folder", "broken", "paths.log"),
        (_config_that_others_may_change, "configuration", "doubtful", "chmod go-w"),
        (_dumb_terminal, "TERM", "broken", "export TERM="),
        (_not_utf8, "locale", "doubtful", "LC_ALL=C.UTF-8"),
        (_signed_out, "sign-in", "doubtful", "cstui login"),
        (_unusable_setting_in_the_database, "settings", "doubtful", "cstui settings set"),
    ],
)
def test_each_broken_set_up_gets_its_own_fix(
    sqlite_shop: Shop, break_it: Callable[[Program], None], check: str, state: str, fix: str
) -> None:
    break_it(sqlite_shop)
    began = time.monotonic()
    answer = sqlite_shop("doctor", "--json")
    assert time.monotonic() - began < 10
    rows = [row for row in answer.json if row["check"] == check and row["state"] == state]
    assert rows and fix in rows[0]["fix"], answer.out
    assert answer.code == (1 if state == "broken" else 0)
    assert "hunter2" not in answer.out and PASSWORD not in answer.out
    others = [row for row in answer.json if row["state"] == "broken" and row["check"] != check]
    assert not others, "one fault is told once"


def test_a_missing_role_or_database_on_the_server_is_named(bare: Program, postgres_server: Server) -> None:
    for name, user, fix in (
        ("no_such_database", None, "createdb"),
        ("postgres", "no_such_role", "createuser"),
    ):
        url = postgres_server.url(name)
        if user:
            head, _, tail = url.partition("://")
            url = f"{head}://{user}@{tail.partition('@')[2]}"
        assert fix in examined(bare, "--db", url)["database"]["fix"]


def test_stale_locks_are_named_with_the_command_that_frees_one(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    bob = factories.add_staff(shop.database, "bob")
    Locks(shop.database, Settings(shop.database)).begin(bob, Kind.ORDER, shop.order, 1, new_token())
    assert examined(shop, code=0)["locks"]["found"] == "1 held, 0 stale"
    _change(shop, "UPDATE edit_lock SET lease_until = '2020-01-01 00:00:00.000000'")
    fix = examined(shop, code=0)["locks"]["fix"]
    assert fix == "cstui locks release 1001 --store main --reason TEXT"
    assert shop(*fix.removeprefix("cstui ").split()).code == 0


def test_gateways_are_told_with_where_their_keys_come_from(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    assert examined(shop, code=0)["gateways"]["found"] == "no accounts yet"
    for words in (
        ("nmi", "us", "--live"),
        ("sandbox", "old"),
        ("sandbox", "practice"),
        ("stripe", "de", "--test"),
    ):
        shop.ok("gateway", "add", *words)
    shop.ok("gateway", "close", "sandbox", "old")
    shop.set("CSTUI_SECRET_NMI_US", "hunter2")
    assert examined(shop, code=0)["gateways"]["found"] == (
        "nmi us (live), key: $CSTUI_SECRET_NMI_US; sandbox practice (test), key: none needed; stripe de (test), key: none here"
    )


def test_a_wrong_clock_is_told(sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cstui.services.schema.Schema.clock_difference", lambda _: -95.0)
    row = examined(sqlite_shop, code=0)["clocks"]
    assert row["state"] == "doubtful" and "timedatectl" in row["fix"] and "-95.0 s" in row["found"]


def test_a_database_that_never_answers_does_not_keep_the_doctor(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_DATABASE_SECONDS", 0.2)
    monkeypatch.setattr("cstui.services.schema.Schema.check", lambda _: time.sleep(1.5))
    row = examined(sqlite_shop)["database"]
    assert "no answer" in row["found"]
    time.sleep(1.5)


def test_a_terminal_is_put_right_also_where_nothing_else_works(
    bare: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    _config(bare, "this is no configuration")
    primary, secondary = os.openpty()
    with os.fdopen(secondary, "w") as terminal:
        monkeypatch.setattr(sys, "__stdout__", terminal)
        assert run(["doctor", "--reset-terminal", "--json"]) == 0
        sent = os.read(primary, 4096).decode()
    os.close(primary)
    assert "\x1b[?1049l" in sent and "\x1b[?1003l" in sent and "\x1b[?25h" in sent


def test_the_database_is_left_as_it_was(sqlite_shop: Shop) -> None:
    def rows() -> list[Any]:
        database = Database(sqlite_shop.db)
        try:
            return database.reader.rows("SELECT count(*), max(id) FROM audit_event")
        finally:
            database.close()

    before = rows()
    examined(sqlite_shop, code=0)
    assert rows() == before
