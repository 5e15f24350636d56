"""What a second import may touch: a field changes where the file changed since the last import and we did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 60
#: How the parts of an address are called in a warning, in their order.
_ADDRESS = (
    "first name",
    "last name",
    "company",
    "street",
    "second line",
    "city",
    "region",
    "postcode",
    "country",
    "phone",
)


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that both sides have changed; ours stays."""

    field: str
    theirs: str
    ours: str


def merged(
    base: Mapping[str, Any], theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Clash]]:
    """The fields to take from the file, and those that both sides have changed since `base`.

    A field that is alike on both sides needs nothing.
    """
    taken: dict[str, Any] = {}
    clashes: list[Clash] = []
    for name, value in theirs.items():
        if name not in ours or value == base.get(name) or value == ours[name]:
            continue
        if ours[name] == base.get(name):
            taken[name] = value
        else:
            clashes += _clashes(name, value, ours[name])
    return taken, clashes


def _clashes(name: str, theirs: Any, ours: Any) -> list[Clash]:
    """A clash in words; groups are told by the parts that differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            Clash(f"{name}.{part}", _words(theirs.get(part)), _words(ours.get(part)))
            for part in dict.fromkeys((*theirs, *ours))
            if theirs.get(part) != ours.get(part)
        ]
    if name in ("billing", "shipping", "address") and len(theirs) == len(ours) == len(_ADDRESS):
        return [
            Clash(f"{name}.{part}", _words(one), _words(other))
            for part, one, other in zip(_ADDRESS, theirs, ours, strict=True)
            if one != other
        ]
    return [Clash(name, _words(theirs), _words(ours))]


def _words(value: Any) -> str:
    if isinstance(value, list):
        text = "; ".join(
            " ".join(str(part) for part in each) if isinstance(each, list) else str(each) for each in value
        )
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
