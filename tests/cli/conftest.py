"""The command line with nothing configured, and on a database with a shop in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program, Shop
from tests.conftest import sqlite_url


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The command line on a machine that has never seen it."""
    return Program(tmp_path, monkeypatch, capsys)


@pytest.fixture
def shop(
    db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shop]:
    """A shop on SQLite and on PostgreSQL."""
    found = Shop(tmp_path, monkeypatch, capsys, db_url)
    yield found
    found.database.close()


@pytest.fixture
def sqlite_shop(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shop]:
    """A shop on SQLite, for what does not depend on the kind."""
    found = Shop(tmp_path, monkeypatch, capsys, sqlite_url(sqlite_template, tmp_path))
    yield found
    found.database.close()
