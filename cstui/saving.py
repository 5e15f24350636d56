"""Saving while the database may go away: the answer is always "saved" or "not saved", never "maybe".

A save whose connection broke is not repeated. It is looked up by its save id as soon as the database answers again; until then the form
stays as it is and says "Not known yet – checking".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from cstui.domain.errors import CstuiError, DatabaseAway, OutcomeUnknown
from cstui.flow import call, quietly

if TYPE_CHECKING:
    from cstui.screens.frame import ScreenFrame

T = TypeVar("T")
#: Seconds between two looks whether the database is back: the first, and the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
#: The banner while it is open whether a save was stored.
CHECKING = "Not known yet – checking whether it was saved. Your text is kept."


class NotSaved(CstuiError):
    """The database is back and says that the save did not reach it. The form still holds everything."""

    code = "not_saved"
    title = "Not saved"


async def saving(
    screen: ScreenFrame,
    save_id: str,
    use_case: Callable[..., T],
    *args: Any,
    reread: Callable[[], T],
    back: asyncio.Event | None = None,
    **facts: Any,
) -> T:
    """Runs a use case that writes under `save_id` and gives back its answer.

    Where the connection breaks it waits, with a banner, until the database answers (`back` set ends a pause early), and looks the save id
    up: a save that was stored gives what `reread` reads. Errors: `NotSaved`, and every refusal of the use case.
    """
    try:
        return await call(use_case, *args, **facts)
    except (DatabaseAway, OutcomeUnknown) as error:
        first = error
    began = datetime.now().astimezone()
    screen.show_banner(CHECKING)
    panel = screen.panel
    if panel is not None:
        panel.disabled = True
    try:
        stored = await _looked_up(screen, save_id, back)
        if not stored:
            raise NotSaved(
                f"Not saved: {first.message[:1].lower()}{first.message[1:]} Nothing typed is lost.",
                "F9 saves again.",
            )
        return await _read_again(reread, back)
    finally:
        screen.show_banner("")
        if panel is not None and panel.is_attached:
            panel.disabled = False
            panel.take_focus()
        screen.log.info(f"a save was checked for {(datetime.now().astimezone() - began).seconds} s")


async def _looked_up(screen: ScreenFrame, save_id: str, back: asyncio.Event | None) -> bool:
    pause = FIRST_PAUSE
    while True:
        stored: bool | None = await quietly(screen.desk.audit.saved, save_id)
        if stored is not None:
            return stored
        await _rest(pause, back)
        pause = min(LONGEST_PAUSE, pause * 2)


async def _read_again(reread: Callable[[], T], back: asyncio.Event | None) -> T:
    pause = FIRST_PAUSE
    while True:
        try:
            return await call(reread)
        except DatabaseAway:
            await _rest(pause, back)
            pause = min(LONGEST_PAUSE, pause * 2)


async def _rest(seconds: float, back: asyncio.Event | None) -> None:
    if back is None:
        await asyncio.sleep(seconds)
        return
    back.clear()
    try:
        await asyncio.wait_for(back.wait(), seconds)
    except TimeoutError:
        return
