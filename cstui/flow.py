"""The seam between screens and services: a use case runs in a thread, its errors become words in one place, nothing kills the app."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from textual._context import active_app

from cstui.domain.errors import CstuiError

if TYPE_CHECKING:
    from cstui.screens.frame import ScreenFrame
    from cstui.typeahead import TypeAhead

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="ScreenFrame")

#: Two threads: one use case and one read beside it, as many as the desk has pooled connections.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="cstui-use-case")


async def call(use_case: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs one use case in a thread and gives back its answer.

    Shielded: when the caller goes away the transaction still ends. Keys typed meanwhile are kept in order.
    """
    gate = cast("TypeAhead | None", getattr(active_app.get(None), "gate", None))
    if gate is not None:
        gate.enter()
    running = asyncio.get_running_loop().run_in_executor(
        _THREADS, functools.partial(use_case, *args, **kwargs)
    )
    try:
        return await asyncio.shield(running)
    finally:
        if gate is not None:
            if running.done():
                gate.leave()
            else:
                running.add_done_callback(lambda _done: gate.leave())


async def quietly(use_case: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Runs something that nobody waits for (presence, a draft); a database that is away does not matter. Keys are not kept."""
    running = asyncio.get_running_loop().run_in_executor(
        _THREADS, functools.partial(use_case, *args, **kwargs)
    )
    try:
        return await asyncio.shield(running)
    except CstuiError:
        return None


def flow(
    action: str = "", *, alongside: bool = False, reading: bool = False
) -> Callable[[Callable[Concatenate[S, P], Coroutine[Any, Any, None]]], Callable[Concatenate[S, P], None]]:
    """Marks a use case of a screen that is read from top to bottom.

    One at a time per screen, but one that goes `alongside` (a note, a call) may be done while another's form is open, and one that
    is only `reading` neither waits nor makes anything wait: news from elsewhere never refuses a key. An
    action that is not possible now says why instead (`action` is its id in the key table); errors of services are shown in
    words; anything else becomes an incident, and the desk goes on.
    """

    def mark(
        method: Callable[Concatenate[S, P], Coroutine[Any, Any, None]],
    ) -> Callable[Concatenate[S, P], None]:
        @functools.wraps(method)
        def start(self: S, *args: P.args, **kwargs: P.kwargs) -> None:
            if action and (why := self.why_not(action)):
                self.tell_reason(why)
                return
            name = method.__name__
            if not reading:
                if name in self.flows or (self.flows and not alongside):
                    self.tell_reason("Finish or leave (Esc) what is open first.")
                    return
                self.flows.add(name)
            self.run_worker(
                _guarded(self, name, method(self, *args, **kwargs)),
                name=name,
                group="flow",
                description=name,
                exit_on_error=False,
            )

        return cast("Callable[Concatenate[S, P], None]", start)

    return mark


async def _guarded(screen: ScreenFrame, name: str, work: Awaitable[None]) -> None:
    try:
        await work
    except CstuiError as error:
        screen.tell_error(error)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        screen.tell_incident(error)
    finally:
        screen.flows.discard(name)
        screen.refresh_keys()
