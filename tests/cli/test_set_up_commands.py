"""demo, init, db, login, store, staff, settings, config and keys: setting a place up by commands alone."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from cstui.domain.permissions import Role
from cstui.storage.database import Database
from cstui.storage.queries.schema_view import newest_version, stored_version
from tests.cli.program import OTHER, PASSWORD, Program, Shop
from tests.postgres import Server

NEW = "ten brave lanterns"


def file_of(program: Program) -> Path:
    return Path(program.db.removeprefix("sqlite:///"))


# init and db ------------------------------------------------------------------------------------


def test_init_makes_a_private_database_with_one_admin_who_can_sign_in(bare: Program) -> None:
    made = bare.ok("init", "--admin", "adam", password=PASSWORD)
    file = bare.folder / "data" / "cstui" / "cstui.db"
    assert made == {"database": f"sqlite:///{file}", "admin": "adam"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bare.ok("login", "adam", password=PASSWORD)["name"] == "adam"
    assert bare.ok("staff", "list")[0]["grants"] == [{"role": "admin", "store": ""}]


def test_init_refuses_a_second_admin_and_changes_nothing(sqlite_shop: Shop) -> None:
    assert sqlite_shop.refused(1, "init", "--admin", "eve", password=OTHER)["code"] == "not_possible_now"
    assert [row["name"] for row in sqlite_shop.ok("staff", "list")] == ["adam"]


@pytest.mark.parametrize(("name", "password"), [("adam", "xyzzy"), ("adam", "adam"), ("a/b", PASSWORD)])
def test_init_leaves_nothing_behind_when_name_or_password_is_refused(
    bare: Program, name: str, password: str
) -> None:
    error = bare.refused(1, "init", "--admin", name, password=password)
    assert error["code"] == "invalid" and (password == "adam" or password not in str(error))
    assert not (bare.folder / "data").exists()


def test_init_without_anybody_to_ask_says_what_to_give(bare: Program) -> None:
    assert "--admin NAME" in bare.refused(2, "init")["advice"]
    assert "CSTUI_PASSWORD" in bare.refused(2, "init", "--admin", "adam")["advice"]


def test_db_check_ends_with_5_until_the_schema_is_current(
    bare: Program, tmp_path: Path, postgres_server: Server
) -> None:
    postgres_server.create_database("cstui_fresh_cli")
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    try:
        for url in (f"sqlite:///{empty}", postgres_server.url("cstui_fresh_cli")):
            bare.set("CSTUI_DB", url)
            for words in (("db", "check"), ("find", "x@y.example")):
                assert bare.refused(5, *words)["code"] == "schema_not_current"
            assert bare.ok("db", "upgrade") == {"before": "", "after": newest_version(), "backup": None}
            assert bare.ok("db", "check") == {"current": True}
            assert bare.ok("db", "upgrade")["before"] == newest_version()
    finally:
        postgres_server.drop_database("cstui_fresh_cli")


def test_a_database_of_a_newer_program_is_refused(sqlite_shop: Shop) -> None:
    with sqlite3.connect(file_of(sqlite_shop)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    error = sqlite_shop.refused(5, "find", "x@y.example")
    assert "newer" in error["message"] and "upgrade cstui" in error["advice"]


def test_the_light_look_at_the_schema_agrees_with_the_migrations(db_url: str) -> None:
    from cstui.storage import schema

    database = Database(db_url)
    try:
        assert newest_version() == schema.newest() == stored_version(database.reader)
    finally:
        database.close()


def test_a_backup_opens_as_a_database_of_its_own_and_never_overwrites(
    sqlite_shop: Shop, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    assert sqlite_shop.ok("db", "backup", str(copy)) == {"file": str(copy), "bytes": copy.stat().st_size}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sqlite_shop.refused(5, "db", "backup", str(copy))["code"] == "conflict"
    number = sqlite_shop.ok(
        "--db", f"sqlite:///{copy}", "--as", "adam", "show", "order", "1001", password=PASSWORD
    )["number"]
    assert number == "#1001"


def test_postgresql_is_backed_up_with_its_own_tools(
    bare: Program, postgres_server: Server, tmp_path: Path
) -> None:
    bare.set("CSTUI_DB", postgres_server.url())
    assert "pg_dump" in bare.refused(1, "db", "backup", str(tmp_path / "x"))["advice"]


def test_db_path_shows_no_password(bare: Program) -> None:
    assert bare.ok("db", "path", "--db", "postgresql://ann:hunter2@db.example/shop") == {
        "database": "postgresql://ann:***@db.example/shop"
    }


# Unreachable databases --------------------------------------------------------------------------


def test_a_database_that_cannot_be_had_ends_with_6(bare: Program, tmp_path: Path) -> None:
    not_one = tmp_path / "notes.txt"
    not_one.write_text("these are not the tables you are looking for " * 50)
    for url in (f"sqlite:///{tmp_path}/missing.db", f"sqlite:///{not_one}", f"sqlite:///{tmp_path}",
                "postgresql://ann:hunter2@127.0.0.1:1/shop"):  # fmt: skip
        for words in (("find", "x@y.example", "--db", url), ("db", "check", "--db", url)):
            error = bare.refused(6, *words)
            assert error["code"] == "database_away" and "hunter2" not in str(error)
    assert not_one.read_text().startswith("these are not")


def test_without_postgresqls_driver_the_command_to_install_it_is_named(
    bare: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cstui.services.schema.find_spec", lambda name: None)
    error = bare.refused(6, "find", "x", "--db", "postgresql://ann@127.0.0.1/shop")
    assert error["code"] == "driver_missing" and "pip install" in error["advice"]


# Signing in -------------------------------------------------------------------------------------


def test_a_new_colleague_gets_going_by_commands_alone(shop: Shop) -> None:
    added = shop.ok("staff", "add", "ann", "--role", "agent", "--store", "main")
    assert set(added) == {"name", "one_time_password"}
    once = added["one_time_password"]
    error = shop.refused(4, "find", "1001", "--as", "ann", password=once)
    assert "cstui login ann" in error["advice"]
    shop.refused(2, "login", "ann", password=once)
    assert shop.ok("staff", "list")[1]["must_change_password"] is True
    shop.set("CSTUI_NEW_PASSWORD", "short")
    assert shop.refused(1, "login", "ann", password=once)["code"] == "invalid"
    shop.set("CSTUI_NEW_PASSWORD", NEW)
    assert shop.ok("login", "ann", password=once) == {
        "name": "ann", "kept_in": str(next((shop.folder / "state" / "cstui").glob("login-*"))), "must_change_password": False,
        "password_changed": True,
    }  # fmt: skip
    shop.set("CSTUI_NEW_PASSWORD", "")
    assert shop.ok("find", "1001")["results"]
    assert shop.refused(4, "staff", "list")["code"] == "not_permitted"
    assert shop("login", "ann", "--json", password=once).error["code"] == "sign_in_refused"


def test_login_is_kept_in_a_private_file_and_logout_ends_it(shop: Shop) -> None:
    (kept,) = (shop.folder / "state" / "cstui").glob("login-*")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and PASSWORD not in kept.read_text()
    token = kept.read_text()
    assert shop.ok("logout") == {"signed_out": True}
    assert not kept.exists()
    assert shop.ok("logout") == {"signed_out": False}
    kept.write_text(token)
    kept.chmod(0o600)
    assert shop.refused(4, "find", "1001")["code"] == "not_signed_in"
    assert shop.ok("logout") == {"signed_out": True}
    assert not kept.exists()


def test_signing_in_as_somebody_needs_the_password_and_leaves_the_kept_login_alone(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.add_person("ann", Role.AGENT)
    assert "CSTUI_PASSWORD" in shop.refused(4, "--as", "ann", "find", "1001")["message"]
    assert (
        shop("find", "1001", "--as", "ann", "--json", password="wrong by far").error["code"]
        == "sign_in_refused"
    )
    assert shop("find", "1001", "--as", "nobody", "--json", password="wrong by far").code == 4
    assert shop.ok("staff", "list")[0]["name"] == "adam"


def test_ten_wrong_passwords_lock_and_staff_unlock_opens_again(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.add_person("ann", Role.AGENT)
    assert shop("login", "ann", password="wrong by far").code == 4
    assert shop("login", "ann", password=OTHER).code == 4, "the wait after a wrong password holds"
    assert shop.ok("staff", "unlock", "ann") == {"unlocked": "ann", "was_locked": True}
    assert shop("login", "ann", password=OTHER).code == 0


# Stores, staff, settings ------------------------------------------------------------------------


def test_stores_are_added_and_listed(sqlite_shop: Shop) -> None:
    keys = {"id", "code", "name", "currency", "zone", "country", "locale", "order_prefix", "test"}
    words = (
        "store",
        "add",
        "de",
        "--name",
        "Laden",
        "--currency",
        "EUR",
        "--zone",
        "Europe/Berlin",
        "--country",
        "DE",
    )
    added = sqlite_shop.ok(*words, "--order-prefix", "DE-")
    assert set(added) == keys and (added["code"], added["order_prefix"]) == ("de", "DE-")
    assert [row["code"] for row in sqlite_shop.ok("store", "list")] == ["de", "main"]
    assert sqlite_shop.refused(5, *words)["code"] == "conflict"
    bad = (
        "store",
        "add",
        "De!",
        "--name",
        "",
        "--currency",
        "EURO",
        "--zone",
        "Berlin",
        "--country",
        "Germany",
    )
    assert sqlite_shop.refused(1, *bad)["fields"] == ["code", "name", "currency", "zone", "country"]
    sqlite_shop.refused(2, "store", "add", "x")


def test_staff_are_added_granted_disabled_and_listed(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.add_person("ann", Role.AGENT, "main")
    assert shop.ok("staff", "grant", "ann", "supervisor", "--store", "main")["grants"] == [
        {"role": "agent", "store": "main"}, {"role": "supervisor", "store": "main"},
    ]  # fmt: skip
    assert shop.ok("staff", "revoke", "ann", "agent", "--store", "main")["grants"] == [
        {"role": "supervisor", "store": "main"}
    ]
    (_, row) = shop.ok("staff", "list")
    assert set(row) == {
        "id", "name", "display_name", "grants", "disabled", "must_change_password", "locked_until", "last_seen_at",
    }  # fmt: skip
    assert shop.ok("staff", "password", "ann")["one_time_password"]
    assert (
        shop.ok("staff", "password", "ann", "--password-stdin", stdin=NEW + "\n")["one_time_password"] is None
    )
    shop.ok("staff", "disable", "ann", "--reason", "left")
    assert shop("login", "ann", password=NEW).code == 4
    shop.ok("staff", "enable", "ann")
    shop.ok("staff", "unlock", "ann")
    assert shop.ok("find", "1001", "--as", "ann", password=NEW)["query"] == "1001"
    shop.refused(5, "staff", "add", "ann", "--role", "agent")
    shop.refused(3, "staff", "grant", "nobody", "agent")
    shop.refused(3, "staff", "add", "cat", "--role", "agent", "--store", "nowhere")
    shop.refused(2, "staff", "add", "cat", "--role", "king")
    shop.refused(2, "staff", "add", "cat", "--role", "agent", "--password-stdin")
    shop.refused(1, "staff", "disable", "adam")


def test_settings_are_read_set_and_reset(shop: Shop) -> None:
    row = shop.ok("settings", "get", "locking.lease")
    assert {"key", "value", "origin", "default", "allowed", "explanation"} <= set(row) and row["value"] == 120
    assert shop.ok("settings", "set", "locking.lease", "240", "--store", "main")["value"] == 240
    assert shop.ok("settings", "get", "locking.lease", "--store", "main")["origin"] == "store"
    assert shop.ok("settings", "get", "locking.lease")["value"] == 120
    assert shop.ok("settings", "set", "locking.lease", "--reset", "--store", "main")["value"] == 120
    assert len(shop.ok("settings", "get")) > 10
    assert shop.refused(1, "settings", "set", "locking.lease", "soon")["field"] == "locking.lease"
    assert "locking.lease" in shop.refused(2, "settings", "get", "locking.leese")["advice"]
    shop.refused(2, "settings", "set", "locking.lease")
    shop.refused(3, "settings", "get", "locking.lease", "--store", "nowhere")
    shop.add_person("ann", Role.AGENT)
    shop.refused(4, "settings", "set", "locking.lease", "60", "--as", "ann", password=OTHER)


# What holds here --------------------------------------------------------------------------------


def test_config_show_tells_every_value_with_its_origin_with_and_without_a_database(sqlite_shop: Shop) -> None:
    rows = sqlite_shop.ok("config", "show")
    assert {key for row in rows for key in row} == {"scope", "key", "value", "origin"}
    assert {"machine", "business"} == {row["scope"] for row in rows}
    away = sqlite_shop.ok("config", "show", "--db", "postgresql://ann:hunter2@127.0.0.1:1/shop")
    assert {row["scope"] for row in away} == {"machine"}
    (url,) = (row for row in away if row["key"] == "database.url")
    assert (url["value"], url["origin"]) == ("postgresql://ann:***@127.0.0.1:1/shop", "--db")


def test_keys_need_no_database(bare: Program) -> None:
    bare.set("CSTUI_DB", "postgresql://127.0.0.1:1/none")
    rows = bare.ok("keys")
    assert set(rows[0]) == {"group", "id", "keys", "label", "what", "command"}
    assert bare("keys", "--markdown").out.startswith("# Keys")
    assert "F2" in bare("keys").out


# The demo ---------------------------------------------------------------------------------------


def test_the_demo_is_seeded_once_with_its_password_shown_once_and_works_for_everybody(
    bare: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    made = bare.ok("demo", "--no-ui", "--dir", str(folder))
    assert set(made) == {"database", "password", "staff", "stores", "customers", "orders", "to_try"}
    assert {"ann", "bob", "sue", "adam"} <= set(made["staff"])
    assert stat.S_IMODE((folder / "demo.password").stat().st_mode) == 0o600
    again = bare("demo", "--no-ui", "--dir", str(folder))
    assert again.code == 0 and made["password"] not in again.out
    bare.set("CSTUI_DB", made["database"])
    assert bare.ok("locks", "list", "--as", "sue", password=made["password"])
    assert bare.ok("audit", "verify", "--as", "adam", password=made["password"]) == {"ok": True, "faults": []}
    fresh = bare.ok("demo", "--no-ui", "--fresh", "--dir", str(folder))
    assert fresh["password"] != made["password"] and fresh["orders"] == made["orders"]
    desk = bare("demo", "--dir", str(folder))
    assert desk.code == 6 and "terminal" in desk.err


def test_a_database_named_for_the_demo_is_never_thrown_away(sqlite_shop: Shop) -> None:
    url = sqlite_shop.db
    assert sqlite_shop.refused(5, "demo", "--no-ui", "--db", url)["code"] == "conflict"
    sqlite_shop.refused(2, "demo", "--no-ui", "--fresh", "--db", url)
    assert sqlite_shop.ok("show", "order", "1001")["number"] == "#1001"


def test_the_demo_also_goes_into_an_empty_postgresql(bare: Program, postgres_server: Server) -> None:
    postgres_server.create_database("cstui_demo_cli")
    url = postgres_server.url("cstui_demo_cli")
    try:
        made = bare.ok("demo", "--no-ui", "--db", url)
        assert bare.ok(
            "--db", url, "--as", "ann", "find", made["to_try"][0]["shown"], password=made["password"]
        )
        assert "password" not in bare.ok("demo", "--no-ui", "--db", url)
    finally:
        postgres_server.drop_database("cstui_demo_cli")
