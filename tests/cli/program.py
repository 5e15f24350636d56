"""Runs the command line as a person does, in this process (quick) or as a program of its own, apart from this machine's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cstui import config
from cstui.cli.main import run
from cstui.domain.permissions import Role
from cstui.services import secrets
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from tests import factories

ROOT = Path(__file__).parents[2]
PASSWORD = "seven quiet herons"
OTHER = "nine patient otters"


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found


class Program:
    """The command line with folders of its own; `db` is what `CSTUI_DB` says, empty for nothing configured."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], db: str = ""
    ) -> None:
        self.folder = folder
        self.db = db
        self._patch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith(("CSTUI_", "XDG_", "LC_"))]:
            if not name.startswith("CSTUI_TEST_"):
                monkeypatch.delenv(name)
        self.environ = {
            "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }  # fmt: skip
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        if db:
            self.set("CSTUI_DB", db)
        monkeypatch.setattr(config, "SYSTEM_FILE", folder / "etc" / "config.toml")
        monkeypatch.setattr(secrets, "_backend", lambda: None)

    def set(self, name: str, value: str) -> None:
        """Sets an environment variable; an empty value takes it away."""
        if value:
            self._patch.setenv(name, value)
            self.environ[name] = value
        else:
            self._patch.delenv(name, raising=False)
            self.environ.pop(name, None)

    def __call__(self, *words: str, password: str = "", stdin: str = "") -> Answer:
        """Runs a command in this process."""
        self.set("CSTUI_PASSWORD", password)
        self._patch.setattr(sys, "stdin", StringIO(stdin))
        self._capsys.readouterr()
        code = run(words)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Answer(code, out, err)

    def ok(self, *words: str, **how: str) -> Any:
        """Runs a command with `--json` that must succeed, and returns its JSON."""
        answer = self(*words, "--json", **how)
        assert answer.code == 0, answer.out + answer.err
        return answer.json

    def refused(self, code: int, *words: str, **how: str) -> dict[str, Any]:
        """Runs a command that must be refused: one line on standard error, or the same facts as JSON on standard output."""
        said = self(*words, **how)
        assert (said.code, said.out) == (code, ""), said
        assert len(said.err.strip().splitlines()) == 1, said.err
        answer = self(*words, "--json", **how)
        assert (answer.code, answer.err) == (code, ""), answer
        error = answer.error
        assert {"code", "title", "message", "advice"} <= set(error)
        assert error["message"].split(".")[0] in said.err
        return error

    def process(self, *words: str, password: str = "", stdin: str = "") -> Answer:
        """Runs a command as a program of its own."""
        environ = {
            key: value for key, value in os.environ.items() if not key.startswith(("CSTUI_", "XDG_", "LC_"))
        }
        environ |= self.environ | ({"CSTUI_PASSWORD": password} if password else {})
        done = subprocess.run(
            [sys.executable, "-m", "cstui", *words],
            input=stdin, capture_output=True, text=True, timeout=120, env=environ | {"PYTHONPATH": str(ROOT)}, cwd=self.folder,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)


class Shop(Program):
    """The command line on a database with a store, an order, and adam signed in as admin."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], db: str
    ) -> None:
        super().__init__(folder, monkeypatch, capsys, db)
        self.ok("init", "--admin", "adam", password=PASSWORD)
        self.ok("login", "adam", password=PASSWORD)
        self.database = Database(db)
        self.store = factories.add_store(self.database, "main")
        self.customer = factories.add_customer(self.database, self.store)
        self.order = factories.add_order(self.database, self.store, self.customer, paid=3050)
        self.index()

    def index(self) -> None:
        """Makes everything findable that a factory wrote."""
        with self.database.write() as tx:
            search_index.rebuild_in(tx)

    def add_person(self, name: str, role: Role, *stores: str, password: str = OTHER) -> None:
        """Adds somebody with a password of their own."""
        where = [word for code in stores for word in ("--store", code)]
        self.ok("staff", "add", name, "--role", role.value, *where, "--password-stdin", stdin=password + "\n")
