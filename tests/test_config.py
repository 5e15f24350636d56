"""The configuration file: which one counts, what is refused with which words, and where every value comes from."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cstui import config
from cstui.config import Config, ConfigFault, load
from cstui.config_keys import KEYS, SECTIONS, example
from cstui.domain.card_intake import IntakePlace
from cstui.domain.mails import MailServer
from cstui.keys import KeyMap

ROOT = Path(__file__).parent.parent


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with its own home; the system's file is elsewhere as well."""
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")
    home = tmp_path / "home"
    (home / ".config" / "cstui").mkdir(parents=True)
    return {"HOME": str(home)}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def loaded(tmp_path: Path, text: str) -> Config:
    return load(str(write(tmp_path / "c.toml", text)), None, {})


def refused(tmp_path: Path, text: str | bytes) -> ConfigFault:
    file = tmp_path / "c.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigFault) as fault:
        load(str(file), None, {})
    assert str(file) in fault.value.message
    assert fault.value.advice
    return fault.value


def test_without_a_file_the_defaults_hold(environ: dict[str, str]) -> None:
    found = load(environ=environ)
    assert found.file is None
    assert {origin.source for origin in found.values.values()} == {"default"}
    assert not found.is_database_configured
    assert found.database.path is not None and found.database.path.name == "cstui.db"
    assert (found.theme, found.ascii, found.mouse, found.timer, found.bell, found.key_preset) == (
        "textual-dark",
        False,
        True,
        True,
        True,
        "default",
    )
    assert found.log_dir.is_absolute() and found.state_dir.is_absolute()


def test_the_nearest_of_four_files_counts_alone(tmp_path: Path, environ: dict[str, str]) -> None:
    system = write(config.SYSTEM_FILE, '[ui]\ntheme = "system"\nmouse = false\n')
    assert load(environ=environ).file == system
    home = write(Path(environ["HOME"]) / ".config/cstui/config.toml", '[ui]\ntheme = "home"\n')
    assert load(environ=environ).theme == "home"
    assert load(environ=environ).mouse
    xdg = write(tmp_path / "xdg/cstui/config.toml", '[ui]\ntheme = "xdg"\n')
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert load(environ=environ).file == xdg
    environ["CSTUI_CONFIG"] = str(write(tmp_path / "variable.toml", '[ui]\ntheme = "variable"\n'))
    assert load(environ=environ).theme == "variable"
    option = write(tmp_path / "option.toml", '[ui]\ntheme = "option"\n')
    assert load(str(option), environ=environ).theme == "option"
    assert home.exists()


def test_the_current_directory_is_never_looked_at(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    for name in ("config.toml", "cstui.toml", ".cstui.toml", "cstui/config.toml", "x/cstui/config.toml"):
        write(trap / name, '[database]\nurl = "postgresql://evil/db"\n')
    monkeypatch.chdir(trap)
    for xdg in ("", ".", "x"):
        environ["XDG_CONFIG_HOME"] = xdg
        assert load(environ=environ).file is None


@pytest.mark.parametrize("way", ["--config", "$CSTUI_CONFIG"])
def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path, way: str) -> None:
    missing = str(tmp_path / "missing.toml")
    with pytest.raises(ConfigFault, match="does not exist") as fault:
        load(missing, None, {}) if way == "--config" else load(None, None, {"CSTUI_CONFIG": missing})
    assert way in fault.value.message


def test_the_database_comes_from_the_option_then_the_variable_then_the_file(tmp_path: Path) -> None:
    file = str(write(tmp_path / "c.toml", '[database]\nurl = "sqlite:////file.db"\n'))
    variable = {"CSTUI_DB": "sqlite:////variable.db"}
    for found, name, source in (
        (load(file, None, {}), "/file.db", file),
        (load(file, None, variable), "/variable.db", "$CSTUI_DB"),
        (load(file, "sqlite:////option.db", variable), "/option.db", "--db"),
    ):
        assert found.database.path == Path(name)
        assert found.values["database.url"].source == source


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ('[ui]\nthem = "x"\n', "no key “ui.them”", "Did you mean ui.theme?"),
        ("[ui]\ntheem_colour = 1\n", "no key “ui.theem_colour”", ""),
        ('[database]\ntheme = "x"\n', "no key “database.theme”", "Did you mean ui.theme?"),
        ("[datbase]\n", "no section “datbase”", "Did you mean database?"),
        ('url = "x"\n', "no section “url”", "Did you mean database.url?"),
        ("[colours]\n", "no section “colours”", "lists what may be set"),
        ('ui = "x"\n', "ui is a section", "[ui]"),
        ("[ui]\ntheme = 1\n", "ui.theme is a number", "text in quotes"),
        ('[ui]\nmouse = "yes"\n', "ui.mouse is text", "true or false"),
        ("[ui]\nmouse = 1\n", "ui.mouse is a number", "true or false"),
        ("[person]\nzone = 2026-01-01\n", "person.zone is a date", "text in quotes"),
        ('[ui]\nkeys = "emacs"\n', "ui.keys cannot be “emacs”", "default, vim, 5250"),
        ('[person]\nzone = "Europe/Berln"\n', "is not a time zone", "Did you mean Europe/Berlin?"),
        ('[ui]\ntheme = "a\\u001b[2J"\n', "cannot be shown", "Type it again"),
        ("[keys]\nfoo = 3\n", "keys.foo is a number", 'such as "f7"'),
        ("[keys]\nfoo = [3]\n", "keys.foo is a list", 'such as "f7"'),
        ("[ui]\nmouse = true\nmouse = false\n", "overwrite", "example"),
        ("[ui]\n[ui]\n", "twice", "example"),
        ("[ui\n", "line 1", "example"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(
    tmp_path: Path, text: str, message: str, advice: str
) -> None:
    fault = refused(tmp_path, text)
    assert message in fault.message
    assert advice in fault.advice


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (b"\xef\xbb\xbf[ui]\n", "byte order mark"),
        ("[ui]\n".encode("utf-16"), "byte order mark"),
        (b"[ui]\ntheme = 'caf\xe9'\n", "line 2: this is not UTF-8"),
        (b"#" * 300_000, "too large"),
    ],
)
def test_files_that_are_no_utf8_text_are_refused_in_words(tmp_path: Path, held: bytes, message: str) -> None:
    assert message in refused(tmp_path, held).message


def test_a_folder_or_an_unreadable_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="not a plain file"):
        load(str(tmp_path), None, {})
    if os.geteuid() == 0:
        return  # root reads everything
    file = write(tmp_path / "c.toml", "")
    file.chmod(0)
    with pytest.raises(ConfigFault, match="cannot be read"):
        load(str(file), None, {})


def test_a_wrong_value_is_not_repeated_where_it_may_be_a_secret(tmp_path: Path) -> None:
    fault = refused(tmp_path, '[ui]\nmouse = "hunter2hunter2"\n')
    assert "hunter2" not in fault.in_words() + str(fault.facts)


def test_a_database_url_that_cannot_be_read_names_its_source(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match=r"^--db: “mysql” is not a database"):
        _ = load(None, "mysql://x", {"HOME": str(tmp_path)}).database
    found = loaded(tmp_path, '[database]\nurl = "sqlite:///"\n')
    with pytest.raises(ConfigFault, match=r"c\.toml: The SQLite URL names no file"):
        _ = found.database


def test_every_value_is_shown_with_its_origin_and_without_a_password(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        '[database]\nurl = "postgresql://ann:s3cret@db/shop"\n[ui]\nascii = true\n[keys]\n"note.add" = ["f7", "a"]\n',
    )
    rows = {key: (value, source) for key, value, source in found.rows()}
    assert list(rows)[: len(KEYS)] == list(KEYS)
    assert rows["database.url"] == ("postgresql://ann:***@db/shop", str(tmp_path / "c.toml"))
    assert rows["ui.ascii"] == ("true", str(tmp_path / "c.toml"))
    assert rows["ui.mouse"] == ("true", "default")
    assert rows["keys.note.add"] == ("f7, a", str(tmp_path / "c.toml"))
    assert "s3cret" not in str(rows)
    assert all(value for value, _ in rows.values())


def test_own_keys_are_read_quoted_or_dotted(tmp_path: Path) -> None:
    quoted = loaded(tmp_path, '[keys]\n"note.add" = "f7"\n"call.log" = ["f6", "c"]\n')
    dotted = loaded(tmp_path, '[keys]\nnote.add = "f7"\ncall.log = ["f6", "c"]\n')
    assert dict(quoted.keys) == dict(dotted.keys) == {"note.add": "f7", "call.log": ["f6", "c"]}
    assert KeyMap.load(dict(quoted.keys), quoted.key_preset).keys_of("note.add") == ("f7",)


def test_folders_may_be_chosen(tmp_path: Path) -> None:
    found = loaded(tmp_path, f'[paths]\nlog = "{tmp_path}/l"\nstate = "~/s"\n[log]\nlevel = "debug"\n')
    assert found.log_dir == tmp_path / "l"
    assert found.state_dir == Path("~/s").expanduser()
    assert found.log_level == "DEBUG"


def test_a_file_that_others_may_change_or_read_a_password_from_is_pointed_out(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", '[database]\nurl = "postgresql://ann:pw@db/shop"\n')
    assert load(str(file), None, {}).warnings == ()
    file.chmod(0o666)
    changed, read = load(str(file), None, {}).warnings
    assert "go-w" in changed
    assert "holds a password" in read and "pw@" not in read


def test_the_example_is_what_the_program_knows() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example()


def test_the_example_explains_every_key_and_loads_as_it_stands_and_uncommented(tmp_path: Path) -> None:
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    found = loaded(tmp_path, text)
    assert {origin.source for origin in found.values.values()} == {"default"}
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    settings = [line for line in lines if line.startswith("[") or " = " in line]
    written = tomllib.loads("\n".join(settings))
    assert tuple(written) == SECTIONS
    assert [f"{section}.{name}" for section in SECTIONS[:-1] for name in written[section]] == list(KEYS)
    assert all(written[key.section][key.name] == key.default for key in KEYS.values())
    uncommented = loaded(tmp_path, "\n".join(settings))
    assert uncommented.rows()[-1][0] == "keys.call.log"
    KeyMap.load(dict(uncommented.keys), uncommented.key_preset)


def test_reading_the_configuration_loads_nothing_heavy(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", '[ui]\ntheme = "nord"\n[database]\nurl = "sqlite:////x.db"\n')
    script = (
        "import sys\nfrom cstui.config import load\n"
        f"found = load({str(file)!r})\n"
        "assert found.theme == 'nord' and found.database.path.name == 'x.db'\n"
        "heavy = {'pydantic', 'platformdirs', 'textual', 'sqlalchemy', 'keyring', 'typer', 'difflib', 'zoneinfo'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_the_mail_server_is_read_as_one_and_its_numbers_and_address_are_checked(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        '[mail]\nhost = "mx.example"\nport = 465\nsecurity = "tls"\nsender = "shop@example.com"\ntimeout = 5\n',
    )
    assert found.mail == MailServer("mx.example", 465, "tls", "", "mail", "shop@example.com", 5)
    assert ("mail.port", "465", str(tmp_path / "c.toml")) in found.rows()
    for line, said in (("port = 0", "cannot be 0"), ("port = true", "true or false"), ('port = "25"', "is text"),
                       ('sender = "shop"', "not an e-mail"), ('security = "ssl"', "cannot be “ssl”")):  # fmt: skip
        with pytest.raises(ConfigFault, match=said):
            loaded(tmp_path, f"[mail]\n{line}\n")


def test_the_desk_itself_sends_on_sqlite_only_unless_told_otherwise(tmp_path: Path) -> None:
    alone, shared = (
        '[database]\nurl = "sqlite:///desk.db"\n',
        '[database]\nurl = "postgresql://cstui@db/cstui"\n',
    )
    assert loaded(tmp_path, alone).worker_inside and not loaded(tmp_path, shared).worker_inside
    assert loaded(tmp_path, f'{shared}[worker]\ninside = "yes"\n').worker_inside
    assert not loaded(tmp_path, f'{alone}[worker]\ninside = "no"\n').worker_inside


def test_where_typed_cards_are_handed_over_is_read_as_one_and_must_be_usable(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[worker]\ncard_intake = "unix:/run/cstui/cards"\n')
    assert (
        found.card_intake == IntakePlace(path="/run/cstui/cards") and loaded(tmp_path, "").card_intake is None
    )
    for line, said in (
        ('"tls:desk.example:7400"', "certificate"),
        ('"cards"', "no way"),
        ('"unix:here"', "begins with /"),
    ):
        with pytest.raises(ConfigFault, match=said):
            loaded(tmp_path, f"[worker]\ncard_intake = {line}\n")
