"""One person's keys: the defaults, a preset over them, one's own choices over both – checked as a whole.

Spellings such as `Ctrl+F`, `?` and `R` are read into Textual's names (`ctrl+f`, `question_mark`, `R`). A
key that terminals do not deliver, or that has a fixed meaning, is refused before anything starts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from cstui.keys.errors import ForbiddenKey, KeyClash, UnknownAction, UnknownPreset
from cstui.keys.table import BY_ID, TABLE, Context, Key

PRESETS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "default": {},
        # `gg` needs no row: the first g is at the top already.
        "vim": {"nav.half_down": ("ctrl+d", "ctrl+down"), "nav.half_up": ("ctrl+u", "ctrl+up")},
        # F3 exit, F4 prompt, F5 refresh and F12 cancel are the defaults; F6 creates, so the call moves.
        "5250": {"order.new": ("f6", "ctrl+n", "O"), "call.log": ("shift+f6", "c")},
    }
)

_NAMED = frozenset(
    {"enter", "escape", "space", "tab", "backspace", "delete", "insert"}
    | {"home", "end", "pageup", "pagedown", "up", "down", "left", "right"}
)
_FUNCTION = frozenset(f"f{number}" for number in range(1, 25))
_MODIFIERS = frozenset({"ctrl", "shift", "alt"})
# Textual's names for the signs whose Unicode names it shortens.
_SHORT_SIGN_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SPELLINGS = {"esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", "del": "delete"}


def _sign_name(sign: str) -> str:
    """Textual's name of one printable character: letters and digits are their own."""
    if sign.isalnum():
        return sign
    name = unicodedata.name(sign, "").lower().replace("-", "_").replace(" ", "_")
    return _SHORT_SIGN_NAMES.get(name, name)


SIGNS: Mapping[str, str] = MappingProxyType(
    {_sign_name(chr(code)): chr(code) for code in range(33, 127) if not chr(code).isalnum()}
)
"""Textual's name of each printable sign of ASCII, and the sign."""

_NEVER: Mapping[str, str] = MappingProxyType(
    {
        "ctrl+h": "a terminal sends it as Backspace",
        "ctrl+i": "a terminal sends it as Tab",
        "ctrl+m": "a terminal sends it as Enter",
        "ctrl+j": "a pasted line end arrives as this key",
        "ctrl+left_square_bracket": "a terminal sends it as Escape",
        "ctrl+slash": "a terminal sends it as Ctrl+_",
        "ctrl+space": "a terminal sends it as Ctrl+@",
        "ctrl+enter": "most terminals do not send it",
        "shift+enter": "it arrives as stray characters",
        "alt+enter": "it arrives as Enter",
        "f11": "terminals use it for full screen",
        "ctrl+a": "screen uses it as its prefix",
        "ctrl+b": "tmux uses it as its prefix",
        "ctrl+z": "it undoes typing in a text field",
        "ctrl+y": "it redoes typing in a text field",
        "y": "it only ever answers a question with yes",
        "Y": "with Caps Lock on it is the answer yes",
        "tab": "it goes to the next field",
        "shift+tab": "it goes to the field before",
        "backspace": "it edits text",
        "delete": "it edits text",
        "insert": "it edits text",
    }
)
_TEXT_EDITING = frozenset({"ctrl+e", "ctrl+d", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+x", "ctrl+v", "ctrl+c"})


def is_printable(key: str) -> bool:
    """True where the key types something in a text field, and so acts only outside one."""
    return len(key) == 1 or key in SIGNS or key == "space"


def read_key(spelling: str) -> str:
    """Textual's name for a key as a person writes it. Raises ForbiddenKey where there is no such key."""
    text = spelling.strip()
    if len(text) == 1 and text.isprintable() and not text.isspace():
        return _sign_name(text)
    if text.endswith("++"):
        text = text[:-1] + "plus"
    *modifiers, last = text.split("+")
    modifiers = sorted(modifier.lower() for modifier in modifiers)
    name = _sign_name(last) if len(last) == 1 else _SPELLINGS.get(last.lower(), last.lower())
    known = name in _NAMED or name in _FUNCTION or name in SIGNS or (len(name) == 1 and name.isalnum())
    if not known or any(modifier not in _MODIFIERS for modifier in modifiers):
        raise ForbiddenKey(spelling, "there is no key of that name")
    if modifiers == ["shift"] and len(name) == 1 and name.isalpha():
        return name.upper()
    return "+".join([*modifiers, name.lower()]) if modifiers else name


def why_forbidden(key: str, action: Key) -> str | None:
    """Why this key cannot stand for this action, in words for the middle of a sentence; None where it can."""
    if key in _NEVER:
        return _NEVER[key]
    *modifiers, last = key.split("+")
    if len(modifiers) > 1:
        return "a key with two modifiers does not arrive everywhere"
    if last.isdigit() and modifiers:
        return "terminals do not deliver digits with Ctrl or Alt"
    if last.isdigit() and not action.fixed:
        return "the digits belong to the sections"
    if key in _TEXT_EDITING and action.context is Context.ALWAYS:
        return "it edits text in a field, where this action works too"
    if action.consequence and modifiers == ["alt"]:
        return "Esc and a letter typed quickly arrive as this key, and the action has consequences"
    if action.consequence and last in _NAMED:
        return "keys for moving and opening never have consequences"
    if action.consequence and is_printable(key) and not key.isupper():
        return "an action with consequences needs a capital letter, a function key or Ctrl"
    if key.isupper() and not action.consequence and action.group not in ("Move", "View"):
        return "capital letters are kept for actions with consequences"
    return None


def _clash(assigned: Mapping[str, tuple[str, ...]], suspects: Iterable[str]) -> tuple[str, str, str] | None:
    """The first key with two meanings as (action, key, other); an action among `suspects` is named first."""
    suspected = frozenset(suspects)
    holders: dict[str, list[Key]] = {}
    for action in TABLE:
        for key in assigned[action.id]:
            for other in holders.setdefault(key, []):
                if action.meaning != other.meaning:
                    first, second = (other, action) if other.id in suspected else (action, other)
                    return first.id, key, second.id
            holders[key].append(action)
    return None


def _spellings(value: str | Sequence[str]) -> list[str]:
    """The keys in a configured value: a list, or one text with commas between."""
    if not isinstance(value, str):
        return list(value)
    if value.strip() == ",":
        return [","]
    return [part for part in value.split(",") if part.strip()]


@dataclass(frozen=True)
class KeyMap:
    """The keys in force, by action id. Build it with `load`; it is clash-free by then."""

    preset: str
    assigned: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, overrides: Mapping[str, str | list[str]] | None = None, preset: str = "default") -> KeyMap:
        """The defaults, then the preset, then `overrides`: action id to `"f6, c"` or a list.

        Raises UnknownPreset, UnknownAction, ForbiddenKey or KeyClash. One letter has one meaning on all
        screens, so clashes are looked for over the whole table, with the actions that this version lacks.
        """
        if preset not in PRESETS:
            raise UnknownPreset(preset, tuple(PRESETS))
        assigned = {action.id: action.keys for action in TABLE}
        assigned.update(PRESETS[preset])
        chosen = dict(overrides or {})
        for action_id, value in chosen.items():
            if action_id not in BY_ID:
                near = get_close_matches(action_id, BY_ID, n=1)
                raise UnknownAction(action_id, near[0] if near else "")
            action = BY_ID[action_id]
            keys = tuple(dict.fromkeys(read_key(spelling) for spelling in _spellings(value)))
            if action.fixed and keys != action.keys:
                raise ForbiddenKey(", ".join(keys) or "none", "this action keeps its number", action_id)
            for key in keys:
                if why := why_forbidden(key, action):
                    raise ForbiddenKey(key, why, action_id)
            assigned[action_id] = keys
        if found := _clash(assigned, chosen):
            raise KeyClash(*found)
        return cls(preset, MappingProxyType(assigned))

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action, the one to show first; empty where only command and palette reach it."""
        return self.assigned[action_id]

    def actions(self, *contexts: Context) -> tuple[Key, ...]:
        """What this version can do in these contexts (in all where none is named), in table order."""
        wanted = set(contexts or Context)
        return tuple(action for action in TABLE if action.built and not wanted.isdisjoint(action.contexts))
