"""The padlock in words: open, being edited here, or held by whom, where, since when and how long idle (LOCK-04)."""

from __future__ import annotations

from datetime import datetime

from cstui.domain.actor import Actor
from cstui.domain.locking import LockState
from cstui.format import READER, Reader, idle_words, moment_words
from cstui.widgets.page_model import Cell


def padlock_cell(
    held: LockState | None, actor: Actor, now: datetime, reader: Reader = READER, *, editing: bool = False
) -> Cell:
    """The padlock as one cell: `[open]`, `[EDITING]`, `[LOCKED Ann · term-3 · since 10:02 · idle 3 min]`.

    `editing` is True on the screen that holds the lock. A lock whose holder gives no sign of life says STALE; one's own lock at another
    terminal says YOU.
    """
    if editing:
        return Cell("[EDITING]", "accent")
    if held is None:
        return Cell("[open]", "muted")
    name = "YOU" if held.holder_id == actor.staff_id else f"LOCKED {held.holder}"
    words = [name, held.terminal, f"since {moment_words(held.since, now, reader)}", _sign_of_life(held, now)]
    dot = " - " if reader.ascii_only else " · "
    return Cell(f"[{dot.join(word for word in words if word)}]", "warn")


def locked_words(held: LockState, now: datetime, reader: Reader = READER) -> str:
    """Why somebody else cannot edit: "Locked by Ann on term-3 since 10:02, idle 3 min."."""
    since = moment_words(held.since, now, reader)
    said = f"Locked by {held.holder} on {held.terminal} since {since}, {_sign_of_life(held, now)}."
    return said if held.breakable else f"{said} It must not be interrupted."


def viewers_words(names: tuple[str, ...]) -> str:
    """Who else looks: "Bob is looking", "Bob, Cid and 2 more are looking"; empty for nobody."""
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} is looking"
    shown = f"{', '.join(names[:2])} and {len(names) - 2} more" if len(names) > 2 else " and ".join(names)
    return f"{shown} are looking"


def _sign_of_life(held: LockState, now: datetime) -> str:
    return "STALE" if held.stale else idle_words(held.idle_since, now)
