"""What is asked when somebody else was faster: reload, lock again, and was / theirs / mine field by field."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cstui.domain.edit_merge import FieldClash, Side
from cstui.domain.errors import HeldElsewhere, LockBroken, RecordChanged, RecordLocked
from cstui.format import Reader, moment_words
from cstui.widgets.form import ConfirmPanel, Field, FormPanel

_MOST_FIELDS = 6


def changed_panel(error: RecordChanged, fields: Sequence[str], now: datetime, reader: Reader) -> ConfirmPanel:
    """The stale dialog of LOCK-05: Reload or Cancel. `fields` are what changed, in words."""
    shown = ", ".join(fields[:_MOST_FIELDS]) + (" …" if len(fields) > _MOST_FIELDS else "")
    facts = [f"{error.by} changed it at {moment_words(error.at, now, reader)}."]
    if shown:
        facts.append(f"Changed: {shown}.")
    return ConfirmPanel(
        "Changed since you opened it", facts, "r reload   Esc cancel", letters={"r": "reload"}
    )


def take_over_panel(error: RecordLocked) -> ConfirmPanel:
    """Asks before a lock is taken over: one's own of another terminal, or one whose holder gives no sign of life."""
    facts = [error.message, error.advice]
    if not isinstance(error, HeldElsewhere):
        facts.append(f"What {error.holder} typed is kept as a draft; a later save there is refused.")
    return ConfirmPanel(error.title, facts, "y take it over here   Esc leave it")


def broken_panel(
    error: LockBroken, now: datetime, reader: Reader, merged: Sequence[str] = ()
) -> ConfirmPanel:
    """What became of the lock, and the way on where nothing clashes; `merged` are fields of others that stay beside mine."""
    facts = [_taken_words(error, now, reader), "Nothing was overwritten; your text is kept as a draft."]
    if merged:
        facts.append(f"Changed meanwhile: {', '.join(merged)}. It does not touch what you changed.")
    elif error.unchanged:
        facts.append("Nobody has changed the order since.")
    return ConfirmPanel(
        "Your lock was removed",
        facts,
        "l lock again and save   Esc leave it as a draft",
        letters={"l": "again"},
    )


def clash_panel(clashes: Sequence[FieldClash], said: str, picks: dict[str, Side] | None = None) -> FormPanel:
    """Was, theirs and mine of each field that both sides changed; a letter picks."""
    fields = []
    for clash in clashes:
        options = (
            ("theirs", f"theirs: {clash.theirs or '(empty)'}"),
            ("mine", f"mine: {clash.mine or '(empty)'}"),
        )
        heading = f"{clash.label} was “{clash.was}”" if clash.was else f"{clash.label} was empty"
        fields.append(
            Field(
                clash.path, "Keep", (picks or {}).get(clash.path, "theirs"), choices=options, heading=heading
            )
        )
    return FormPanel(
        "Changed by both of you", fields,
        above=(said, "Everything else was put together. Choose with a (theirs) or b (mine)."),
        save_label="lock again and save",
    )  # fmt: skip


def picked(values: dict[str, str]) -> dict[str, Side]:
    """The picks of the clash panel."""
    return {path: "mine" if side == "mine" else "theirs" for path, side in values.items()}


def refusal_words(error: LockBroken | RecordChanged, now: datetime, reader: Reader) -> str:
    """A refused save in one sentence."""
    if isinstance(error, LockBroken):
        return _taken_words(error, now, reader)
    return f"{error.by} changed it at {moment_words(error.at, now, reader)}, while you were editing."


def _taken_words(error: LockBroken, now: datetime, reader: Reader) -> str:
    return f"{error.message} ({moment_words(error.at, now, reader)})"
