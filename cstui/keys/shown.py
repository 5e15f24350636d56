"""How the table is shown: bindings for Textual, footer, help, palette, commands and the documentation page.

Textual is imported only where bindings are made, so that the command line stays light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING

from cstui.domain.permissions import Permission
from cstui.keys.errors import UnknownCommand
from cstui.keys.keymap import PRESETS, SIGNS, KeyMap, is_printable
from cstui.keys.table import FOOTERS, TABLE, Context, Key

if TYPE_CHECKING:
    from textual.binding import Binding, BindingsMap

_WORDS = {
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "ctrl": "Ctrl",
    "shift": "Shift",
    "alt": "Alt",
}


@dataclass(frozen=True)
class FooterKey:
    """One entry of the last line: `keys` as shown, such as `F2` or `e`."""

    id: str
    keys: str
    label: str
    permission: Permission | None


@dataclass(frozen=True)
class HelpRow:
    """One line of help. `keys` are in words and may be empty, `command` starts with a colon or is empty."""

    id: str
    keys: str
    label: str
    tooltip: str
    command: str
    permission: Permission | None


@dataclass(frozen=True)
class HelpGroup:
    """The rows of one group in one context; `title` is its heading."""

    title: str
    rows: tuple[HelpRow, ...]


@dataclass(frozen=True)
class PaletteEntry:
    """One action in the palette; `action` is what Textual runs."""

    id: str
    title: str
    tooltip: str
    keys: str
    command: str
    action: str
    permission: Permission | None


@dataclass(frozen=True)
class Command:
    """A `:` command: its name, the action that it runs, and a hint at what it takes."""

    name: str
    id: str
    args: str


def key_words(key: str) -> str:
    """The name of a key as a person reads it: `ctrl+f` is Ctrl+F, `question_mark` is ?, `U` stays U."""
    *modifiers, last = key.split("+")
    if last in SIGNS:
        word = SIGNS[last]
    elif len(last) == 1 and not modifiers:
        word = last
    elif len(last) == 1:
        word = last.upper()
    else:
        word = _WORDS.get(last, last.capitalize())
    return "+".join([*(_WORDS[modifier] for modifier in modifiers), word])


def _all_words(keymap: KeyMap, action: Key) -> str:
    return ", ".join(key_words(key) for key in keymap.keys_of(action.id))


def _command_words(action: Key) -> str:
    return f":{action.command} {action.args}".rstrip() if action.command else ""


def _as_sent(key: str) -> tuple[str, ...]:
    """All names under which a key may arrive: many terminals send Shift+F6 as F18."""
    if key.startswith("shift+f") and key[7:].isdigit():
        return key, f"f{int(key[7:]) + 12}"
    return (key,)


def bindings(keymap: KeyMap, *contexts: Context) -> list[Binding]:
    """Textual bindings of what this version can do in these contexts, each with the action's id.

    The footer line of the first context is marked `show`. Quitting has priority, as Textual's own has.
    """
    from textual.binding import Binding

    shown = set(FOOTERS[contexts[0]]) if contexts else set()
    return [
        Binding(
            sent,
            action.action,
            action.label,
            show=action.id in shown and sent == keymap.keys_of(action.id)[0],
            key_display=key_words(key),
            priority=action.id == "desk.quit",
            tooltip=action.tooltip,
            id=action.id,
        )
        for action in keymap.actions(*contexts)
        for key in keymap.keys_of(action.id)
        for sent in _as_sent(key)
    ]


def overlay(base: BindingsMap, keymap: KeyMap, *contexts: Context) -> BindingsMap:
    """The bindings of a node with those of the contexts over them; its own on the same keys are gone."""
    from textual.binding import BindingsMap

    ours = BindingsMap(bindings(keymap, *contexts))
    rest = {key: held for key, held in base.key_to_bindings.items() if key not in ours.key_to_bindings}
    return BindingsMap.merge([ours, BindingsMap.from_keys(rest)])


def footer(keymap: KeyMap, context: Context, *, in_field: bool = False) -> tuple[FooterKey, ...]:
    """The last line of the screen, most useful first. `in_field`: only keys that work while typing."""
    by_id = {action.id: action for action in keymap.actions()}
    entries = []
    for action_id in FOOTERS[context]:
        usable = [key for key in keymap.keys_of(action_id) if not (in_field and is_printable(key))]
        if usable:
            action = by_id[action_id]
            entries.append(FooterKey(action_id, key_words(usable[0]), action.label, action.permission))
    return tuple(entries)


def help_table(keymap: KeyMap, *contexts: Context) -> tuple[HelpGroup, ...]:
    """All that can be done in these contexts (or in all), each action once, at its first context."""
    groups: list[HelpGroup] = []
    told: set[str] = set()
    for context in contexts or tuple(Context):
        rows: dict[str, list[HelpRow]] = {}
        for action in keymap.actions(context):
            if action.id in told:
                continue
            told.add(action.id)
            rows.setdefault(action.group, []).append(
                HelpRow(
                    action.id,
                    _all_words(keymap, action),
                    action.label,
                    action.tooltip,
                    _command_words(action),
                    action.permission,
                )
            )
        for group, found in rows.items():
            title = str(context) if group == str(context) else f"{context}: {group.lower()}"
            groups.append(HelpGroup(title, tuple(found)))
    return tuple(groups)


def palette(keymap: KeyMap, *contexts: Context) -> tuple[PaletteEntry, ...]:
    """One entry for each action of the contexts, in the order of the table."""
    return tuple(
        PaletteEntry(
            action.id,
            action.label,
            action.tooltip,
            _all_words(keymap, action),
            _command_words(action),
            action.action,
            action.permission,
        )
        for action in keymap.actions(*contexts)
    )


def commands() -> dict[str, Command]:
    """The `:` commands of this version by name."""
    return {
        action.command: Command(action.command, action.id, action.args)
        for action in TABLE
        if action.command and action.built
    }


def read_command(line: str, aliases: Mapping[str, str] = MappingProxyType({})) -> tuple[Command, str]:
    """A typed line (with or without its colon) as a command and the rest; an alias stands for its own text.

    Raises UnknownCommand. A number alone that is not a section is an order number.
    """
    name, _, rest = line.strip().removeprefix(":").strip().partition(" ")
    if name in aliases:
        name, _, more = f"{aliases[name].removeprefix(':')} {rest}".strip().partition(" ")
        rest = more
    known = commands()
    if name in known:
        return known[name], rest.strip()
    if name.lstrip("#").isdecimal():
        return known["o"], name
    later = any(action.command == name for action in TABLE)
    near = get_close_matches(name, known, n=1)
    raise UnknownCommand(name, near[0] if near else "", later=later)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(words: str) -> str:
    return " ".join(f"`{word}`" for word in words.split(", ")) if words else ""


def _kept_letters(keymap: KeyMap) -> str:
    built = {key for action in keymap.actions() for key in keymap.keys_of(action.id)}
    kept = {key for action in TABLE if not action.built for key in keymap.keys_of(action.id)} - built
    return " ".join(f"`{key_words(key)}`" for key in sorted(kept, key=lambda key: (len(key), key)))


_HEAD = """# Keys

This page is made from the key table of the program (`cstui keys --markdown`); do not edit it by hand.

- Function keys and the listed Ctrl keys work everywhere, also while you type in a field. Letters and signs
  work only while no text field has the focus.
- Small letters look or open an editor; **capital letters have consequences**. Only `G` and `N` merely move.
  One letter has one meaning on all screens.
- `y` answers a question with yes and does nothing else. Enter never confirms money. Esc and F12 never change
  anything.
- A capital acts on the focused row. A key that cannot be used now is dimmed and says why.
- Every action can also be reached as a `:` command or through the palette.
"""


def _preset_lines() -> list[str]:
    lines = []
    for name, changes in PRESETS.items():
        keymap = KeyMap.load(preset=name)
        told = "; ".join(
            f"`{action.id}` {_code(_all_words(keymap, action))}"
            for action in keymap.actions()
            if action.id in changes
        )
        lines.append(f"- `{name}`: {told or 'the keys of this page'}.")
    return lines


def markdown(keymap: KeyMap) -> str:
    """The documentation page of the keys; ends with a line end."""
    lines = [_HEAD]
    for group in (group for context in Context for group in help_table(keymap, context)):
        lines += [
            f"## {group.title}",
            "",
            "| key | | what it does | command | action |",
            "|---|---|---|---|---|",
        ]
        for row in group.rows:
            command = f"`{row.command}`" if row.command else ""
            lines.append(
                f"| {_cell(_code(row.keys))} | {row.label} | {_cell(row.tooltip)} | {command} | `{row.id}` |"
            )
        lines.append("")
    lines += [
        "## Your own keys",
        "",
        "In the configuration, `[keys]` takes a preset and keys by action. A key that is taken, that terminals",
        "do not deliver, or that does not suit the action is refused at the start, with the reason:",
        "",
        "```toml",
        "[keys]",
        'preset = "vim"',
        '"note.add" = ["f7", "b"]',
        "```",
        "",
        "Presets:",
        "",
        *_preset_lines(),
        "",
        f"Kept for later work, and not free for anything else: {_kept_letters(keymap)}.",
    ]
    return "\n".join(lines) + "\n"
