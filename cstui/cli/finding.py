"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How it is: fine, works but not as it should, or in the way."""

    OK = "ok"
    DOUBTFUL = "doubtful"
    BROKEN = "broken"


_SIGNS = {State.OK: "✓", State.DOUBTFUL: "!", State.BROKEN: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and the command or step that mends it (empty where nothing needs mending)."""

    check: str
    state: State
    found: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding as scripts read it."""
        return {"check": self.check, "state": self.state, "found": self.found, "fix": self.fix}

    def in_words(self) -> str:
        """One line, and a second one with what to do; the state is a word too, for those whom signs and colours do not reach."""
        line = f"{_SIGNS[self.state]} {self.state:<8} {self.check}: {self.found}"
        return f"{line}\n             → {self.fix}" if self.fix else line
