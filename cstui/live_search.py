"""Live search: one thread with its own connection; a newer keystroke interrupts the running statement, older answers are dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cstui.domain.actor import Actor
from cstui.domain.errors import Interrupted
from cstui.domain.search import Found

if TYPE_CHECKING:
    from cstui.services.search import Search

Answer = Found | Exception


class LiveSearch:
    """Asks the newest question only. `deliver(number, answer)` runs in the search thread and must hand over to the event loop."""

    def __init__(self, search: Search, deliver: Callable[[int, Answer], None]) -> None:
        self._search = search
        self._deliver = deliver
        self._question: tuple[int, Actor, str] | None = None
        self._number = 0
        self._running = 0
        self._something = threading.Condition()
        self._ended = False
        threading.Thread(target=self._run, name="cstui-search", daemon=True).start()

    def ask(self, actor: Actor, text: str) -> int:
        """Asks; returns the question's number. A question that has not begun is replaced, a running one interrupted."""
        with self._something:
            self._number += 1
            self._question = (self._number, actor, text)
            if self._running:
                self._search.interrupt()
            self._something.notify()
            return self._number

    def end(self) -> None:
        """Ends the thread."""
        with self._something:
            self._ended = True
            self._something.notify()

    def _run(self) -> None:
        while True:
            with self._something:
                self._running = 0
                while self._question is None and not self._ended:
                    self._something.wait()
                if self._ended or self._question is None:
                    return
                number, actor, text = self._question
                self._question = None
                self._running = number
            try:
                answer: Answer = self._search.find(actor, text)
            except Interrupted:
                continue
            except Exception as error:
                answer = error
            self._deliver(number, answer)
