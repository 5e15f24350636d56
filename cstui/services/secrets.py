"""Secrets of this machine: from the environment, the system keyring or a private file; never from the configuration, never asked for.

A reference says where one is: `env:VAR`, `keyring:NAME`, `file:/path`. Every fault of a keyring counts as "no keyring here".
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from cstui.domain.errors import CstuiError, Exit

SERVICE: Final = "cstui"
_BOUND_SECONDS: Final = 5.0
_MOST_BYTES: Final = 64 * 1024
_NAME: Final = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
# The first stores nothing or refuses; the second asks for a password on the terminal or keeps it in clear.
_USELESS: Final = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
_T = TypeVar("_T")


class SecretMissing(CstuiError):
    """A secret cannot be had; the advice names every way to give it."""

    code = "secret_missing"
    title = "Secret missing"
    exit_code = Exit.UNAVAILABLE


class Secrets:
    """Reads and keeps secrets by name or by reference."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def of(self, name: str) -> str:
        """The secret with this name: `CSTUI_SECRET_<NAME>`, else `CSTUI_SECRET_<NAME>_FILE`, else the keyring.

        Errors: `SecretMissing`.
        """
        variable = _variable(name)
        if self._environ.get(variable):
            return self._environ[variable]
        if self._environ.get(variable + "_FILE"):
            return read_private(Path(self._environ[variable + "_FILE"]))
        kept = in_keyring(name)
        if kept is None:
            raise SecretMissing(
                f"The secret “{name}” is not set.",
                f"Set {variable}, or {variable}_FILE to a file that only you can read, or keep it in the system keyring.",
                name=name,
            )
        return kept

    def read(self, reference: str) -> str:
        """The secret that a reference points at. Errors: `SecretMissing` for one that is not there or cannot be read."""
        scheme, mark, rest = reference.partition(":")
        if mark and scheme == "env" and rest:
            if self._environ.get(rest):
                return self._environ[rest]
            raise SecretMissing(
                f"The environment variable {rest} is not set.", f"Set {rest} before starting cstui."
            )
        if mark and scheme == "file" and rest:
            return read_private(Path(rest).expanduser())
        if mark and scheme == "keyring" and rest:
            return self.of(rest.removeprefix(SERVICE + "/"))
        # What was written instead may be the secret itself: it is not repeated.
        raise SecretMissing(
            "This is not a reference to a secret.", "Write env:VAR, keyring:NAME or file:/path."
        )

    def source(self, name: str) -> str:
        """Where the secret with this name would come from, in words; empty where nowhere. For the doctor."""
        variable = _variable(name)
        for candidate in (variable, variable + "_FILE"):
            if self._environ.get(candidate):
                return f"${candidate}"
        return "system keyring" if in_keyring(name) is not None else ""


def keyring_name() -> str:
    """Which system keyring is in use; empty where none can be used."""
    backend = _bounded(_backend)
    return type(backend).__module__.rpartition(".")[2] if backend is not None else ""


def in_keyring(name: str) -> str | None:
    """What the system keyring holds under this name; None for nothing, and where there is no keyring."""

    def read() -> str | None:
        backend = _backend()
        found = backend.get_password(SERVICE, name) if backend is not None else None
        return str(found) if found else None

    return _bounded(read)


def keep_in_keyring(name: str, secret: str) -> bool:
    """Keeps a secret in the system keyring and reads it back: some keyrings say yes and keep nothing. False where it was not kept."""

    def keep() -> bool:
        backend = _backend()
        if backend is None:
            return False
        backend.set_password(SERVICE, name, secret)
        return bool(backend.get_password(SERVICE, name) == secret)

    return bool(_bounded(keep))


def drop_from_keyring(name: str) -> None:
    """Forgets what the keyring holds under this name; harmless where it holds nothing."""

    def drop() -> None:
        backend = _backend()
        if backend is not None and backend.get_password(SERVICE, name) is not None:
            backend.delete_password(SERVICE, name)

    _bounded(drop)


def read_private(path: Path) -> str:
    """The first line of a file that only its owner may read. Errors: `SecretMissing` saying what is wrong with it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SecretMissing(
            f"The file {path} cannot be read: {(error.strerror or 'unknown fault').lower()}.",
            "Check the path and its rights.",
        ) from None
    try:
        _require_private(path, os.fstat(fd))
        held = os.read(fd, _MOST_BYTES)
    finally:
        os.close(fd)
    try:
        secret = held.decode("utf-8").partition("\n")[0].strip("\r")
    except UnicodeDecodeError:
        raise SecretMissing(f"{path} is not text.", "Write the secret as one line of UTF-8.") from None
    if not secret:
        raise SecretMissing(f"{path} is empty.", "Write the secret as its first line.")
    return secret


def _require_private(path: Path, facts: os.stat_result) -> None:
    """Passes for a plain file of this person (or root) that nobody else may touch, judged by what was opened. Errors: `SecretMissing`."""
    if not stat.S_ISREG(facts.st_mode):
        raise SecretMissing(f"{path} is not a plain file.", "Name a file that holds the secret alone.")
    if facts.st_mode & 0o077:
        raise SecretMissing(f"Others may read {path}.", f"Run: chmod 600 {path}")
    if facts.st_uid not in (os.geteuid(), 0):
        raise SecretMissing(f"{path} belongs to somebody else.", "Use a file of your own.")


def write_private(path: Path, secret: str) -> None:
    """Writes a secret as a file that only its owner may read, whole or not at all. Errors: `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _variable(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SecretMissing(
            f"“{name}” cannot be the name of a secret.", "Use lower-case letters, digits, dots and dashes."
        )
    return "CSTUI_SECRET_" + re.sub(r"[._-]", "_", name).upper()


def _backend() -> Any:
    """The keyring to use; None where there is none that answers without asking on the terminal."""
    import keyring

    chosen: Any = keyring.get_keyring()
    # Several usable ones are chained; the chain itself would ask the unwanted ones too.
    for backend in getattr(chosen, "backends", None) or [chosen]:
        if (
            not type(backend).__module__.startswith(_USELESS)
            and type(backend).__module__ != "keyring.backends.chainer"
        ):
            return backend
    return None


def _bounded(ask: Callable[[], _T]) -> _T | None:
    """What `ask` returns; None where it raises anything at all, or takes longer than a keyring may (a desktop that never answers)."""
    answers: list[_T] = []

    def run() -> None:
        with contextlib.suppress(Exception):
            answers.append(ask())

    thread = threading.Thread(target=run, name="cstui-keyring", daemon=True)
    thread.start()
    thread.join(_BOUND_SECONDS)
    return answers[0] if answers else None
