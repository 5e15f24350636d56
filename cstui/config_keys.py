"""What the configuration file may hold: what belongs to a machine or a person. What binds the business lies in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

ConfigValue = str | bool | int


class Written(Enum):
    """How a value is written in TOML."""

    TEXT = "text in quotes"
    YES_NO = "true or false"
    WHOLE = "a whole number"


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key of the file. `shown_default` says what an empty default means; `lowest` and `highest` bound whole numbers."""

    section: str
    name: str
    written: Written
    default: ConfigValue
    explanation: str
    choices: tuple[str, ...] = ()
    shown_default: str = ""
    lowest: int = 0
    highest: int = 0

    @property
    def path(self) -> str:
        """The key with its section: `ui.theme`."""
        return f"{self.section}.{self.name}"


_ALL: Final = (
    ConfigKey("database", "url", Written.TEXT, "",
              "Where the database is: sqlite:////home/you/desk.db or postgresql://user@host/name. $CSTUI_DB and --db go before it. "
              "Keep passwords out of it: PostgreSQL reads them from ~/.pgpass.",
              shown_default="cstui.db in your data folder"),
    ConfigKey("ui", "theme", Written.TEXT, "textual-dark",
              "Colours: high-contrast, mono, or a Textual theme such as textual-light, nord, gruvbox, dracula."),
    ConfigKey("ui", "ascii", Written.YES_NO, False,
              "Draw lines and signs in plain ASCII. A terminal that is not UTF-8 gets them anyway."),
    ConfigKey("ui", "mouse", Written.YES_NO, True,
              "React to the mouse. Without it the terminal's own selecting and copying works without a modifier key."),
    ConfigKey("ui", "timer", Written.YES_NO, True,
              "Show the running time of a call. Off, nothing on the screen changes by itself every second."),
    ConfigKey("ui", "bell", Written.YES_NO, True,
              "Sound the terminal's bell once for each new request that waits for your approval."),
    ConfigKey("ui", "keys", Written.TEXT, "default",
              "The set of keys to start from; single ones are changed in [keys].", choices=("default", "vim", "5250")),
    ConfigKey("person", "zone", Written.TEXT, "",
              "Your time zone, such as Europe/Berlin: times are shown in it.", shown_default="the terminal's"),
    ConfigKey("person", "locale", Written.TEXT, "",
              "How figures and dates are written for you, such as en-US or de-DE.", shown_default="the terminal's"),
    ConfigKey("paths", "log", Written.TEXT, "",
              "The folder of the log. It holds no customer data and no secrets.", shown_default="the user's log folder"),
    ConfigKey("paths", "state", Written.TEXT, "",
              "The folder for what cstui remembers on this machine, such as a kept sign-in.", shown_default="the user's state folder"),
    ConfigKey("log", "level", Written.TEXT, "info", "How much is logged.", choices=("debug", "info", "warning", "error")),
    ConfigKey("worker", "inside", Written.TEXT, "auto",
              "Whether the desk itself sends refunds and mails. auto: yes on SQLite, no on PostgreSQL, where “cstui worker” does it.",
              choices=("auto", "yes", "no")),
    ConfigKey("worker", "card_intake", Written.TEXT, "",
              "Where desks without the gateways' keys hand typed cards to a worker: unix:/path/to/socket on one machine, or tls:HOST:PORT. "
              "The worker listens there; the desks name the same place.", shown_default="none: cards are typed where the keys are"),
    ConfigKey("worker", "certificate", Written.TEXT, "", "For tls: the file of this machine's certificate, with what signed it.",
              shown_default="none"),
    ConfigKey("worker", "key", Written.TEXT, "", "For tls: the file of its private key, which only its owner may read.",
              shown_default="none"),
    ConfigKey("worker", "authority", Written.TEXT, "", "For tls: the file of the authority that signed the other side's certificate.",
              shown_default="none"),
    ConfigKey("mail", "host", Written.TEXT, "",
              "The mail server that mails to customers are handed to, by the machine that runs the worker.", shown_default="none: mails wait"),
    ConfigKey("mail", "port", Written.WHOLE, 587, "Its port: 587 for starttls, 465 for tls, 25 for none.", lowest=1, highest=65535),
    ConfigKey("mail", "security", Written.TEXT, "starttls",
              "How the talk is encrypted. Without encryption no password is sent, but to a server on this machine.",
              choices=("starttls", "tls", "none")),
    ConfigKey("mail", "user", Written.TEXT, "", "The name to sign in with at the mail server.", shown_default="no sign-in"),
    ConfigKey("mail", "secret", Written.TEXT, "mail",
              "The name of the secret that holds the password: with mail it is $CSTUI_SECRET_MAIL, or stands in the system keyring."),
    ConfigKey("mail", "sender", Written.TEXT, "", "The address that mails come from where a store has none of its own.",
              shown_default="none"),
    ConfigKey("mail", "timeout", Written.WHOLE, 20, "How long each step of the talk may take, in seconds.", lowest=1, highest=120),
)  # fmt: skip

#: Every key by its path, in the order of the example.
KEYS: Final[Mapping[str, ConfigKey]] = MappingProxyType({key.path: key for key in _ALL})

#: The section of free names: an action's id and its keys.
OWN_KEYS: Final = "keys"

#: Every section, in the order of the example.
SECTIONS: Final = (*dict.fromkeys(key.section for key in _ALL), OWN_KEYS)

_HEAD: Final = """\
# cstui's configuration: what belongs to this machine or to you. Every line with a value is optional; what is shown is the default.
#
# The first of these files that exists is read, and no other:
#   1. --config FILE
#   2. $CSTUI_CONFIG
#   3. $XDG_CONFIG_HOME/cstui/config.toml (without that variable: ~/.config/cstui/config.toml)
#   4. /etc/cstui/config.toml
#
# What binds the business (limits, locking, sessions …) lies in the database: see “cstui settings get”.
# “cstui config show” lists every value with where it comes from.
"""
_OWN: Final = """\
[keys]
# Your own keys: the id of an action and one key or several. “cstui keys” lists the ids. A clash is refused at start.
# "note.add" = "f7"
# "call.log" = ["f6", "c"]
"""


def example() -> str:
    """The text of config.example.toml: every key with its meaning, its default, and what else it may be."""
    from textwrap import wrap

    parts = [_HEAD]
    for section in SECTIONS[:-1]:
        lines = [f"[{section}]"]
        for key in (key for key in _ALL if key.section == section):
            lines += wrap(
                key.explanation, 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
            )
            if key.choices:
                lines.append("# One of: " + ", ".join(key.choices) + ".")
            shown = f'"{key.default}"' if isinstance(key.default, str) else f"{key.default}".lower()
            lines.append(
                f"# {key.name} = {shown}" + (f"  # {key.shown_default}" if key.shown_default else "")
            )
        parts.append("\n".join(lines) + "\n")
    return "\n".join([*parts, _OWN])
