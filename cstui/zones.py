"""Time zones by name, and the terminal's own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from zoneinfo import ZoneInfo


def local_zone(environ: Mapping[str, str] | None = None, link: str = "/etc/localtime") -> ZoneInfo:
    """The IANA zone of this terminal: TZ if set, else the machine's; UTC where neither names one."""
    environ = os.environ if environ is None else environ
    candidates = [environ.get("TZ", "").lstrip(":")]
    with contextlib.suppress(OSError):
        candidates.append(os.path.realpath(link).partition("/zoneinfo/")[2])
    with contextlib.suppress(OSError):
        with open(os.path.join(os.path.dirname(link), "timezone"), encoding="ascii", errors="ignore") as file:
            candidates.append(file.read(100).strip())
    for candidate in candidates:
        with contextlib.suppress(Exception):  # any text may stand there; ZoneInfo raises many kinds
            if candidate:
                return ZoneInfo(candidate)
    return ZoneInfo("UTC")


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of that name; the terminal's own where no zone is called so."""
    with contextlib.suppress(Exception):  # a setting may hold any text; ZoneInfo raises many kinds
        return ZoneInfo(name)
    return local_zone()
