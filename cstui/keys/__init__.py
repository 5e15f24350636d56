"""The keys of the desk: one table, from which bindings, footer, help, palette, commands and docs come.

`table` says what can be done and on which key, `keymap` what one person made of it, `shown` how it is shown.
"""

from cstui.keys.errors import ForbiddenKey, KeyClash, UnknownAction, UnknownCommand, UnknownPreset
from cstui.keys.keymap import PRESETS, KeyMap
from cstui.keys.shown import (
    Command,
    FooterKey,
    HelpGroup,
    HelpRow,
    PaletteEntry,
    bindings,
    commands,
    footer,
    help_table,
    key_words,
    markdown,
    overlay,
    palette,
    read_command,
)
from cstui.keys.table import BY_ID, FOOTERS, TABLE, Context, Key

__all__ = [
    "BY_ID",
    "FOOTERS",
    "PRESETS",
    "TABLE",
    "Command",
    "Context",
    "FooterKey",
    "ForbiddenKey",
    "HelpGroup",
    "HelpRow",
    "Key",
    "KeyClash",
    "KeyMap",
    "PaletteEntry",
    "UnknownAction",
    "UnknownCommand",
    "UnknownPreset",
    "bindings",
    "commands",
    "footer",
    "help_table",
    "key_words",
    "markdown",
    "overlay",
    "palette",
    "read_command",
]
