"""The throw-away PostgreSQL that the storage and service tests run on."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests import postgres
from tests.postgres import Server, find_server, server_or_skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = server_or_skip()
    yield server
    server.close()


def wait_until(condition: object, seconds: float = 20) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_it_answers_over_a_private_socket_only_in_utf8_and_c_collation(server: Server) -> None:
    with psycopg.connect(server.url()) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("listen_addresses", "server_encoding", "fsync", "timezone")
        }
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert shown == {
        "listen_addresses": ("",),
        "server_encoding": ("UTF8",),
        "fsync": ("off",),
        "timezone": ("UTC",),
    }
    assert collation == ("C",)
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_the_server_never_runs_as_root(server: Server) -> None:
    pid = int((server.directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    assert server.running
    if sys.platform.startswith("linux"):
        assert os.stat(f"/proc/{pid}").st_uid != 0


def test_its_address_serves_sqlalchemy_as_it_is(server: Server) -> None:
    server.create_database("with-dash")
    engine = create_engine(server.url("with-dash"))
    try:
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_database()")).scalar_one() == "with-dash"
        assert engine.dialect.driver == "psycopg"
    finally:
        engine.dispose()
        server.drop_database("with-dash")


def test_a_database_made_from_a_template_starts_with_its_rows_and_goes_its_own_way(server: Server) -> None:
    server.create_database("pattern")
    with psycopg.connect(server.url("pattern"), autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (number text PRIMARY KEY)")
        connection.execute("INSERT INTO orders VALUES ('1001')")
    server.create_database("copy", template="pattern")
    with psycopg.connect(server.url("copy"), autocommit=True) as connection:
        connection.execute("INSERT INTO orders VALUES ('1002')")
        assert connection.execute("SELECT number FROM orders ORDER BY 1").fetchall() == [("1001",), ("1002",)]
    with psycopg.connect(server.url("pattern")) as connection:
        assert connection.execute("SELECT number FROM orders").fetchall() == [("1001",)]


def test_dropping_a_database_cuts_its_connections_and_may_be_repeated(server: Server) -> None:
    server.create_database("short_lived")
    left_open = psycopg.connect(server.url("short_lived"))
    server.drop_database("short_lived")
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    server.drop_database("short_lived")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(server.url("short_lived"))


def test_after_a_crash_what_was_committed_is_there_and_what_was_not_is_gone(server: Server) -> None:
    server.create_database("crashed")
    with psycopg.connect(server.url("crashed"), autocommit=True) as connection:
        connection.execute("CREATE TABLE saves (number int)")
    unfinished = psycopg.connect(server.url("crashed"))
    unfinished.execute("INSERT INTO saves VALUES (999)")
    with psycopg.connect(server.url("crashed"), autocommit=True) as connection:
        for number in range(50):
            connection.execute("INSERT INTO saves VALUES (%s)", [number])
        server.crash()
        assert not server.running
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url("crashed"))
    unfinished.close()

    server.start()

    with psycopg.connect(server.url("crashed")) as connection:
        rows = connection.execute("SELECT number FROM saves ORDER BY number").fetchall()
    assert rows == [(number,) for number in range(50)]


def test_it_goes_on_with_its_data_after_an_orderly_stop(server: Server) -> None:
    server.create_database("kept")
    server.stop()
    assert not server.running
    server.start()
    server.start()
    with psycopg.connect(server.url("kept")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_servers_at_once_do_not_see_each_other(server: Server) -> None:
    other = server_or_skip()
    try:
        server.create_database("mine")
        assert other.directory != server.directory
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(other.url("mine"))
    finally:
        other.close()
    assert not other.directory.exists()
    assert server.running


def test_a_killed_test_run_takes_its_server_along_and_the_next_run_sweeps_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux ends a server with its parent")
    # The server is started from a thread that ends, as a test may do: that alone must not end the server.
    script = (
        "import threading, time\n"
        "from tests.postgres import find_server\n"
        "found = []\n"
        "starter = threading.Thread(target=lambda: found.append(find_server()))\n"
        "starter.start(); starter.join(); time.sleep(0.3)\n"
        "print(found[0].running, found[0].directory, found[0]._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    assert run.stdout is not None
    alive, directory, pid = run.stdout.readline().split()
    assert alive == "True"
    os.kill(run.pid, signal.SIGKILL)
    run.wait(10)
    run.stdout.close()
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(int(pid)))
    left = Path(directory)
    assert left.exists()

    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    os.utime(server.directory, (long_ago, long_ago))
    postgres._sweep()

    assert not left.exists()
    assert server.directory.exists()
    assert server.running


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_binaries_behind_a_private_directory_are_copied_for_the_servers_account(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as somebody else")
    if "pginstall" not in str(server.binaries):
        pytest.skip("only the wheel's binaries can be moved")
    package = server.binaries.parents[1]
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(server.binaries.parent, hidden / package.name / "install", symlinks=True)
    shutil.copytree(package.with_name(package.name + ".libs"), hidden / (package.name + ".libs"))
    monkeypatch.setenv("CSTUI_TEST_PG_BIN", str(hidden / package.name / "install" / "bin"))
    other = find_server()
    assert isinstance(other, Server), other
    try:
        assert other.binaries.is_relative_to(other.directory)
        with psycopg.connect(other.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        other.close()
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


def test_unusable_binaries_give_a_reason_and_nothing_else_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSTUI_TEST_PG_BIN", str(tmp_path))
    found = find_server()
    assert isinstance(found, str)
    assert str(tmp_path) in found
    monkeypatch.setenv("CSTUI_TEST_PG_REQUIRED", "1")
    with pytest.raises(pytest.fail.Exception, match="no PostgreSQL could be started"):
        server_or_skip()
    monkeypatch.delenv("CSTUI_TEST_PG_REQUIRED")
    with pytest.raises(pytest.skip.Exception, match="no PostgreSQL could be started"):
        server_or_skip()
