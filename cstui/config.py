"""The configuration file: found, read, checked, and every value with where it comes from. Light: loads no validation library.

The current directory is never looked at: a file that somebody left there must not choose the database.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from cstui.config_keys import KEYS, OWN_KEYS, SECTIONS, ConfigKey, ConfigValue, Written
from cstui.domain.database_url import DatabaseUrl, read_url
from cstui.domain.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from cstui.domain.card_intake import IntakePlace
    from cstui.domain.mails import MailServer

SYSTEM_FILE: Final = Path("/etc/cstui/config.toml")
DEFAULT: Final = "default"
_MOST_BYTES: Final = 256 * 1024


class ConfigFault(UsageError):
    """The configuration cannot be used; names the file and the key."""

    code = "config"
    title = "Check the configuration"

    def __init__(self, message: str, advice: str = "", *, file: Path | str = "", key: str = "") -> None:
        super().__init__(message, advice, file=str(file), key=key)
        self.file = str(file)
        self.key = key


@dataclass(frozen=True, slots=True)
class Origin:
    """A value with where it comes from: `default`, `$CSTUI_DB`, `--db`, or the path of the file."""

    value: ConfigValue
    source: str


@dataclass(frozen=True)
class Config:
    """What holds on this machine for this person. `file` is the configuration that was read, if any."""

    file: Path | None
    values: Mapping[str, Origin]
    keys: Mapping[str, str | list[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """The value of a key that is text."""
        return str(self.values[path].value)

    def whole(self, path: str) -> int:
        """The value of a key that is a whole number."""
        return int(self.values[path].value)

    def yes(self, path: str) -> bool:
        """The value of a key that is true or false."""
        return bool(self.values[path].value)

    @cached_property
    def database(self) -> DatabaseUrl:
        """Where the database is. Errors: `ConfigFault` naming where the unreadable URL was given."""
        given = self.values["database.url"]
        if given.value == "":
            return read_url(f"sqlite:///{default_database()}")
        try:
            return read_url(str(given.value))
        except UsageError as error:
            raise ConfigFault(
                f"{given.source}: {error.message}", error.advice, file=self.file or "", key="database.url"
            ) from None

    @property
    def is_database_configured(self) -> bool:
        """Whether somebody said where the database is; else it is at the default place."""
        return self.values["database.url"].value != ""

    @property
    def theme(self) -> str:
        """The theme's name."""
        return self.text("ui.theme")

    @property
    def ascii(self) -> bool:
        """Whether lines and signs are to be plain ASCII also where the terminal could show more."""
        return self.yes("ui.ascii")

    @property
    def mouse(self) -> bool:
        """Whether the mouse is used."""
        return self.yes("ui.mouse")

    @property
    def timer(self) -> bool:
        """Whether the call timer runs on screen."""
        return self.yes("ui.timer")

    @property
    def bell(self) -> bool:
        """Whether the terminal's bell rings for a request that waits for this person."""
        return self.yes("ui.bell")

    @property
    def key_preset(self) -> str:
        """The set of keys to start from."""
        return self.text("ui.keys")

    @property
    def zone(self) -> str:
        """The person's own IANA zone; empty for the terminal's."""
        return self.text("person.zone")

    @property
    def locale(self) -> str:
        """The person's own locale; empty for the terminal's."""
        return self.text("person.locale")

    @cached_property
    def log_dir(self) -> Path:
        """The folder of the log."""
        return self._folder("paths.log", "user_log_path")

    @cached_property
    def state_dir(self) -> Path:
        """The folder for what is remembered on this machine."""
        return self._folder("paths.state", "user_state_path")

    @property
    def log_level(self) -> str:
        """How much is logged, in capitals as the logging package writes it."""
        return self.text("log.level").upper()

    @property
    def worker_inside(self) -> bool:
        """Whether the desk sends money and mail by itself; by default where its database is SQLite, which no other machine works on."""
        chosen = self.text("worker.inside")
        return self.database.is_sqlite if chosen == "auto" else chosen == "yes"

    @property
    def mail(self) -> MailServer:
        """Where mail is handed over; without a host it waits."""
        from cstui.domain.mails import MailServer

        return MailServer(
            self.text("mail.host"),
            self.whole("mail.port"),
            self.text("mail.security"),
            self.text("mail.user"),
            self.text("mail.secret"),
            self.text("mail.sender"),
            self.whole("mail.timeout"),
        )

    @cached_property
    def card_intake(self) -> IntakePlace | None:
        """Where typed cards are handed to a worker; None where nowhere. Errors: `InvalidInput` for a place that cannot be."""
        from cstui.domain.card_intake import intake_place

        return intake_place(
            *(self.text(f"worker.{name}") for name in ("card_intake", "certificate", "key", "authority"))
        )

    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """Key, value and origin of everything, for `config show`; a password in the database URL is not shown."""
        found = []
        for path, origin in self.values.items():
            shown = str(origin.value).lower() if isinstance(origin.value, bool) else str(origin.value)
            if path == "database.url":
                shown = self.database.shown
            elif path == "paths.log":
                shown = str(self.log_dir)
            elif path == "paths.state":
                shown = str(self.state_dir)
            found.append((path, shown or KEYS[path].shown_default, origin.source))
        found += [
            (f"{OWN_KEYS}.{action}", ", ".join([keys] if isinstance(keys, str) else keys), str(self.file))
            for action, keys in self.keys.items()
        ]
        return tuple(found)

    def _folder(self, path: str, of_platform: str) -> Path:
        given = self.text(path)
        if given:
            return Path(given).expanduser()
        import platformdirs

        folder: Path = getattr(platformdirs, of_platform)("cstui", appauthor=False)
        return folder


def default_database() -> Path:
    """The database of a person who configured none."""
    import platformdirs

    return Path(platformdirs.user_data_path("cstui", appauthor=False)) / "cstui.db"


def load(
    config: str | None = None, database: str | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """The configuration in force. `config` and `database` are what `--config` and `--db` said.

    Errors: `ConfigFault` for a named file that is not there, and for anything in a file that is not understood.
    """
    environ = os.environ if environ is None else environ
    file = find(config, environ)
    values = {path: Origin(key.default, DEFAULT) for path, key in KEYS.items()}
    own_keys: dict[str, str | list[str]] = {}
    warnings: list[str] = []
    if file is not None:
        content = _read(file)
        for path, value in _checked(file, content):
            values[path] = Origin(value, str(file))
        own_keys = _own_keys(file, content.get(OWN_KEYS, {}))
        warnings = _warnings(file, values)
    if environ.get("CSTUI_DB"):
        values["database.url"] = Origin(environ["CSTUI_DB"], "$CSTUI_DB")
    if database:
        values["database.url"] = Origin(database, "--db")
    return _with_usable_places(
        Config(file, MappingProxyType(values), MappingProxyType(own_keys), tuple(warnings))
    )


def _with_usable_places(config: Config) -> Config:
    """The configuration, where what only fits together can be used together. Errors: `ConfigFault`."""
    try:
        _ = config.card_intake
    except InvalidInput as error:
        raise ConfigFault(
            f"{config.file}: {error.field}: {error.message}",
            error.advice,
            file=config.file or "",
            key=error.field,
        ) from None
    return config


def find(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file that counts; None where there is none.

    Errors: `ConfigFault` where one was named and is not there.
    """
    for named, source in ((config, "--config"), (environ.get("CSTUI_CONFIG"), "$CSTUI_CONFIG")):
        if named:
            file = Path(named).expanduser()
            if not file.exists():
                raise ConfigFault(
                    f"{source} names {file}, which does not exist.", "Check the path.", file=file
                )
            return file
    home = environ.get("XDG_CONFIG_HOME", "")
    # A relative folder would be searched for in the current directory.
    folder = Path(home) if home.startswith("/") else Path(environ.get("HOME") or "~").expanduser() / ".config"
    for file in (folder / "cstui" / "config.toml", SYSTEM_FILE):
        if file.exists():
            return file
    return None


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ConfigFault(
                f"{file} is not a plain file.", "Name the configuration file itself.", file=file
            )
        with file.open("rb") as opened:
            held = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        said = (error.strerror or "unknown fault").lower()
        raise ConfigFault(f"{file} cannot be read: {said}.", "Check its rights.", file=file) from None
    if len(held) > _MOST_BYTES:
        raise ConfigFault(f"{file} is too large for a configuration.", "Name the right file.", file=file)
    if held.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigFault(
            f"{file} starts with a byte order mark.", "Save it as UTF-8 without BOM.", file=file
        )
    try:
        return tomllib.loads(held.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = held[: error.start].count(b"\n") + 1
        raise ConfigFault(
            f"{file}, line {line}: this is not UTF-8.", "Save it as UTF-8.", file=file
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigFault(f"{file}: {error}.", "See config.example.toml for the form.", file=file) from None


def _checked(file: Path, content: Mapping[str, Any]) -> list[tuple[str, ConfigValue]]:
    found: list[tuple[str, ConfigValue]] = []
    for section, held in content.items():
        if section not in SECTIONS:
            raise _unknown(file, section, SECTIONS, "section")
        if not isinstance(held, dict):
            raise ConfigFault(
                f"{file}: {section} is a section.",
                f"Write [{section}] on a line of its own.",
                file=file,
                key=section,
            )
        if section == OWN_KEYS:
            continue
        for name, value in held.items():
            path = f"{section}.{name}"
            if path not in KEYS:
                raise _unknown(file, path, tuple(KEYS), "key")
            found.append((path, _value(file, KEYS[path], value)))
    return found


def _value(file: Path, key: ConfigKey, value: object) -> ConfigValue:
    if key.written is Written.YES_NO and isinstance(value, bool):
        return value
    if key.written is Written.TEXT and isinstance(value, str):
        _require_fit(file, key, value)
        return value
    if key.written is Written.WHOLE and isinstance(value, int) and not isinstance(value, bool):
        if key.lowest <= value <= key.highest:
            return value
        raise ConfigFault(
            f"{file}: {key.path} cannot be {value}.",
            f"Write a number from {key.lowest} to {key.highest}.",
            file=file,
            key=key.path,
        )
    raise ConfigFault(
        f"{file}: {key.path} is {_kind(value)}.", f"Write it as {key.written.value}.", file=file, key=key.path
    )


def _require_fit(file: Path, key: ConfigKey, value: str) -> None:
    from cstui.domain.clean import clean

    if key.choices and value not in key.choices:
        raise ConfigFault(
            f"{file}: {key.path} cannot be “{clean(value, limit=60)}”.",
            "Use one of: " + ", ".join(key.choices) + ".", file=file, key=key.path,
        )  # fmt: skip
    if clean(value) != value:
        raise ConfigFault(
            f"{file}: {key.path} holds a character that cannot be shown.",
            "Type it again.",
            file=file,
            key=key.path,
        )
    if key.path == "mail.sender" and value:
        from cstui.domain.mails import checked_recipient

        try:
            checked_recipient(value)
        except InvalidInput as error:
            raise ConfigFault(
                f"{file}: {key.path}: {error.message}", error.advice, file=file, key=key.path
            ) from None
    if key.path == "person.zone" and value:
        from cstui.domain.stores import is_zone, zone_advice

        if not is_zone(value):
            raise ConfigFault(
                f"{file}: {key.path}: “{value}” is not a time zone.",
                zone_advice(value),
                file=file,
                key=key.path,
            )


def _own_keys(file: Path, held: Mapping[str, object], under: str = "") -> dict[str, str | list[str]]:
    """Action ids and keys; an id may be written in quotes or, as TOML reads `note.add = …`, as tables."""
    found: dict[str, str | list[str]] = {}
    for name, value in held.items():
        action = f"{under}{name}"
        if isinstance(value, dict):
            found.update(_own_keys(file, value, f"{action}."))
        elif isinstance(value, str):
            found[action] = value
        elif isinstance(value, list) and all(isinstance(key, str) for key in value):
            found[action] = list(value)
        else:
            raise ConfigFault(
                f"{file}: {OWN_KEYS}.{action} is {_kind(value)}.",
                'Write a key such as "f7", or several such as ["f7", "n"].', file=file, key=f"{OWN_KEYS}.{action}",
            )  # fmt: skip
    return found


def _kind(value: object) -> str:
    """What was written instead, in words; the value itself may be a secret in the wrong place."""
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a section",
    }
    return kinds.get(type(value), "a date or time")


def _unknown(file: Path, path: str, known: tuple[str, ...], what: str) -> ConfigFault:
    from difflib import get_close_matches

    from cstui.domain.clean import clean

    name = path.rpartition(".")[2]
    elsewhere = [key.path for key in KEYS.values() if key.name == name]
    near = elsewhere or get_close_matches(path, known, n=1, cutoff=0.6)
    advice = f"Did you mean {near[0]}?" if near else "config.example.toml lists what may be set."
    return ConfigFault(f"{file}: there is no {what} “{clean(path, limit=80)}”.", advice, file=file, key=path)


def _warnings(file: Path, values: Mapping[str, Origin]) -> list[str]:
    mode = file.stat().st_mode
    found = []
    if mode & 0o022:
        found.append(f"Others may change {file}. Run: chmod go-w {file}")
    url = values["database.url"]
    if url.source == str(file) and mode & 0o077 and "://" in str(url.value):
        from urllib.parse import urlsplit

        if urlsplit(str(url.value)).password is not None:
            found.append(f"{file} holds a password and others may read it. Run: chmod 600 {file}")
    return found
