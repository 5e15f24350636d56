"""What can be wrong with a key or a typed command; each refusal names the action, the key and what to do."""

from __future__ import annotations

from cstui.domain.errors import UsageError


class KeyClash(UsageError):
    """Two different meanings on one key. `other` is the action that has the key already."""

    code = "key_clash"
    title = "Key used twice"

    def __init__(self, action: str, key: str, other: str) -> None:
        super().__init__(
            f"The key {key} for {action} already means {other}.",
            f"Choose another key for {action}, or move {other} first.",
            action=action,
            key=key,
            other=other,
        )
        self.action = action
        self.key = key
        self.other = other


class UnknownAction(UsageError):
    """The configuration names an action that the table lacks. `suggestion` is empty where none is near."""

    code = "unknown_action"
    title = "No such action"

    def __init__(self, action: str, suggestion: str = "") -> None:
        advice = f"Did you mean {suggestion}?" if suggestion else "`cstui keys` lists the actions."
        super().__init__(f"There is no action {action}.", advice, action=action, suggestion=suggestion)
        self.action = action
        self.suggestion = suggestion


class ForbiddenKey(UsageError):
    """A key that terminals do not deliver, that others steal, or that has a fixed meaning."""

    code = "forbidden_key"
    title = "Key not usable"

    def __init__(self, key: str, why: str, action: str = "") -> None:
        wanted = f" for {action}" if action else ""
        super().__init__(
            f"The key {key} cannot be used{wanted}: {why}.",
            "Choose another key.",
            key=key,
            why=why,
            action=action,
        )
        self.key = key
        self.why = why
        self.action = action


class UnknownPreset(UsageError):
    """The configuration names a preset that does not exist."""

    code = "unknown_preset"
    title = "No such preset"

    def __init__(self, preset: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"There is no key preset {preset}.", f"Use one of: {', '.join(known)}.", preset=preset
        )
        self.preset = preset


class UnknownCommand(UsageError):
    """A `:` command that the desk does not know, or does not have in this version."""

    code = "unknown_command"
    title = "No such command"

    def __init__(self, name: str, suggestion: str = "", *, later: bool = False) -> None:
        if later:
            message, advice = f"The command {name} is not in this version.", ""
        else:
            message = f"There is no command {name}."
            advice = f"Did you mean :{suggestion}?" if suggestion else "`:keys` lists the commands."
        super().__init__(message, advice, command=name, suggestion=suggestion)
        self.name = name
        self.suggestion = suggestion
