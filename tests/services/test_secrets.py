"""Secrets: environment, keyring, private file; a broken keyring is no keyring; a kept sign-in finds its place."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from cstui.domain.errors import CstuiError
from cstui.services import secrets
from cstui.services.login_keep import LoginKeep
from cstui.services.secrets import (
    SecretMissing,
    Secrets,
    drop_from_keyring,
    in_keyring,
    keep_in_keyring,
    keyring_name,
    read_private,
    write_private,
)
from cstui.storage.url import read_url


class Ring(keyring.backend.KeyringBackend):
    """A keyring that works. Its priority keeps it from becoming the default by merely being defined."""

    priority = -1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class ForgetfulRing(Ring):
    """Says yes and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class BrokenRing(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the desktop went away")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the desktop went away")


class SilentRing(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(30)
        return None


class PromptingRing(Ring):
    """Stands for the file keyrings that ask for a password on the terminal."""

    def get_password(self, service: str, username: str) -> str | None:
        raise AssertionError("it was asked and would have prompted")


PromptingRing.__module__ = "keyrings.alt.file"


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def use(ring: Any) -> Any:
    keyring.set_keyring(ring)
    return ring


def private(path: Path, text: str = "s3cret\n", mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_secret_comes_from_the_environment_then_a_file_then_the_keyring(tmp_path: Path) -> None:
    use(Ring()).set_password("cstui", "nmi.main", "from the ring")
    assert Secrets({}).of("nmi.main") == "from the ring"
    file = {"CSTUI_SECRET_NMI_MAIN_FILE": str(private(tmp_path / "s"))}
    assert Secrets(file).of("nmi.main") == "s3cret"
    assert Secrets({**file, "CSTUI_SECRET_NMI_MAIN": "direct"}).of("nmi.main") == "direct"
    assert Secrets(file).source("nmi.main") == "$CSTUI_SECRET_NMI_MAIN_FILE"
    assert Secrets({}).source("nmi.main") == "system keyring"
    assert Secrets({}).source("other") == ""


def test_a_missing_secret_names_every_way_to_give_it() -> None:
    with pytest.raises(SecretMissing) as missing:
        Secrets({}).of("nmi-main")
    assert "CSTUI_SECRET_NMI_MAIN" in missing.value.advice
    assert "CSTUI_SECRET_NMI_MAIN_FILE" in missing.value.advice
    assert "keyring" in missing.value.advice


def test_references_name_their_place(tmp_path: Path) -> None:
    use(Ring()).set_password("cstui", "nmi", "ring")
    found = Secrets({"NMI_KEY": "variable"})
    assert found.read("env:NMI_KEY") == "variable"
    assert found.read("keyring:nmi") == found.read("keyring:cstui/nmi") == "ring"
    assert found.read(f"file:{private(tmp_path / 's')}") == "s3cret"


@pytest.mark.parametrize(
    "reference", ["", "env:", "file:", "sk_live_abcdef", "http://x", "keyring:", "env:NOT_SET_AT_ALL"]
)
def test_what_is_no_reference_is_refused_without_repeating_it(reference: str) -> None:
    with pytest.raises(SecretMissing) as refused:
        Secrets({}).read(reference)
    assert "sk_live" not in refused.value.in_words()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_may_touch_is_refused_with_the_cure(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "s", mode=mode)
    with pytest.raises(SecretMissing, match="Others may read") as refused:
        read_private(file)
    assert refused.value.advice == f"Run: chmod 600 {file}"


def test_a_link_is_judged_by_the_file_behind_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(private(tmp_path / "target"))
    assert read_private(tmp_path / "link") == "s3cret"
    (tmp_path / "target").chmod(0o644)
    with pytest.raises(SecretMissing, match="Others may read"):
        read_private(tmp_path / "link")


def test_files_that_hold_no_secret_are_refused_in_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o600)
    private(tmp_path / "empty", "\nsecond line")
    for name in ("pipe", "bytes", "empty", "missing", "."):
        with pytest.raises(SecretMissing):
            read_private(tmp_path / name)


def test_a_written_secret_is_private_from_its_first_byte_and_replaces_whole(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        write_private(tmp_path / "new" / "s", "one")
        write_private(tmp_path / "new" / "s", "two")
    finally:
        os.umask(old_mask)
    assert read_private(tmp_path / "new" / "s") == "two"
    assert (tmp_path / "new" / "s").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["s"]


def test_a_working_keyring_keeps_and_forgets() -> None:
    ring = use(Ring())
    assert keep_in_keyring("login", "token")
    assert in_keyring("login") == "token"
    drop_from_keyring("login")
    drop_from_keyring("login")
    assert ring.held == {}


@pytest.mark.parametrize(
    "ring",
    [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, ForgetfulRing, BrokenRing, PromptingRing],
)
def test_a_keyring_that_fails_forgets_or_would_prompt_is_no_keyring(ring: type[Any]) -> None:
    use(ring())
    assert not keep_in_keyring("login", "token")
    assert in_keyring("login") is None
    drop_from_keyring("login")


def test_in_a_chain_of_keyrings_the_prompting_one_is_never_asked() -> None:
    good = Ring()

    class Chain(Ring):
        @property
        def backends(self) -> list[Any]:
            return [PromptingRing(), good]

    use(Chain())
    assert keep_in_keyring("login", "token")
    assert good.held == {("cstui", "login"): "token"}
    assert keyring_name() == "test_secrets"


def test_a_keyring_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_BOUND_SECONDS", 0.2)
    use(SilentRing())
    began = time.monotonic()
    assert in_keyring("login") is None
    assert time.monotonic() - began < 5


def test_a_backend_that_cannot_be_imported_is_no_keyring(tmp_path: Path) -> None:
    script = (
        "from cstui.services.secrets import in_keyring, keep_in_keyring, keyring_name\n"
        "print(in_keyring('x'), keep_in_keyring('x', 'y'), repr(keyring_name()))\n"
    )
    environ = {**os.environ, "PYTHON_KEYRING_BACKEND": "no.such.Module", "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, env=environ,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "None False ''\n", done.stderr
    assert done.stderr == ""


# A kept sign-in -----------------------------------------------------------------------------------


def test_a_sign_in_is_kept_in_the_keyring_where_there_is_one(tmp_path: Path) -> None:
    use(Ring())
    keep = LoginKeep(tmp_path, read_url("postgresql://db/shop"))
    assert keep.kept() == ""
    assert keep.keep("token") == "system keyring"
    assert keep.kept() == "token"
    assert not any("token" in path.read_text() for path in tmp_path.iterdir())
    keep.forget()
    assert keep.kept() == ""
    assert list(tmp_path.iterdir()) == []


def test_without_a_keyring_a_private_file_keeps_it(tmp_path: Path) -> None:
    keep = LoginKeep(tmp_path / "state", read_url("postgresql://db/shop"))
    place = Path(keep.keep("token"))
    assert place.stat().st_mode & 0o777 == 0o600
    assert keep.kept() == "token"
    keep.keep("newer")
    assert keep.kept() == "newer"
    place.chmod(0o644)
    with pytest.raises(SecretMissing, match="Others may read"):
        keep.kept()
    keep.forget()
    keep.forget()
    assert not place.exists()


def test_a_keyring_that_appears_later_takes_over_from_the_file(tmp_path: Path) -> None:
    keep = LoginKeep(tmp_path, read_url("postgresql://db/shop"))
    keep.keep("old")
    use(Ring())
    assert keep.kept() == "old"
    keep.keep("new")
    assert keep.kept() == "new"
    assert not any(path.read_text().strip() in ("old", "new") for path in tmp_path.iterdir())


def test_without_a_kept_sign_in_the_keyring_is_not_even_loaded(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from cstui.services.login_keep import LoginKeep\nfrom cstui.storage.url import read_url\n"
        f"print(repr(LoginKeep(Path({str(tmp_path)!r}), read_url('postgresql://db/shop')).kept()), 'keyring' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "'' False\n", done.stderr


def test_a_sign_in_is_kept_for_one_database_only(tmp_path: Path) -> None:
    shop, other = (LoginKeep(tmp_path, read_url(f"postgresql://db/{name}")) for name in ("shop", "other"))
    shop.keep("token")
    assert other.kept() == ""
    assert LoginKeep(tmp_path, read_url("postgresql://db/shop")).kept() == "token"


def test_a_state_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(CstuiError, match="cannot be kept"):
        LoginKeep(tmp_path / "state", read_url("postgresql://db/shop")).keep("token")
