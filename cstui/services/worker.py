"""The worker: sends what was recorded, finds out what is not known, tries refunds again, sends mail. Any number of them may run.

At a single desk it runs inside the app; a call center runs `cstui worker`, and then the agents' processes hold no key of a gateway.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from cstui.domain.attempts import AttemptInFlight
from cstui.domain.errors import CstuiError
from cstui.domain.ids import new_token
from cstui.services import arming
from cstui.services.sending import Line, Sending
from cstui.services.settings import Settings
from cstui.storage.database import Database
from cstui.storage.queries import refunds, workers
from cstui.storage.queries.due import Due, due
from cstui.storage.reader import Reader

_LOG = logging.getLogger("cstui.worker")
#: Seconds between two looks for work, between two signs of life, and that an ending worker waits for what it is sending.
POLL = 0.25
BEAT = 5.0
#: Seconds between two looks for what is due to be billed.
BILLING = 5.0
PATIENCE = 5.0
#: How many attempts one worker sends side by side.
SENDERS = 4
_BUSY = timedelta(minutes=5)


class Post(Protocol):
    """Where mail leaves."""

    def send_due(self, limit: int = 20) -> int:
        """Sends what is due; returns how many were handled."""
        ...


class Links(Protocol):
    """Where pages for typing a card are looked at."""

    def check_links(self, limit: int = 20) -> int:
        """Looks at open card links; returns how many were handled."""
        ...


class Door(Protocol):
    """Where desks without keys hand typed cards over."""

    def start(self) -> bool:
        """Listens from now on; False where another worker of this machine does. Errors: `CardIntakeAway` where it cannot."""
        ...

    def stop(self) -> None:
        """Takes no more cards."""
        ...


class Bills(Protocol):
    """Who charges what is due."""

    def bill_due(self, limit: int = 100) -> int:
        """Brings due subscriptions up to date; returns how many were handled, 0 where nothing can be done now."""
        ...


class Polls(Protocol):
    """What is looked at now and then, cheap in between: disputes."""

    def poll_due(self) -> int:
        """Looks where it is time; returns how much was new."""
        ...


@dataclass(slots=True)
class Done:
    """What one round has done."""

    sent: int = 0
    looked: int = 0
    tried_again: int = 0
    orphans: int = 0
    mails: int = 0
    links: int = 0
    billed: int = 0

    @property
    def anything(self) -> bool:
        """Whether anything was done."""
        return any(getattr(self, name) for name in self.__slots__)

    def add(self, other: Done) -> None:
        """Adds another round."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Worker:
    """One worker on one database, with connections of its own. `intake` makes the door for typed cards, by the worker's token."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        gateways: Line,
        post: Post | None = None,
        links: Links | None = None,
        bills: Bills | None = None,
        polls: Polls | None = None,
        *,
        name: str = "worker",
        is_inside: bool = False,
        intake: Callable[[str], Door] | None = None,
        senders: int = SENDERS,
        point: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self.token = new_token()
        self._intake = intake(self.token) if intake is not None else None
        self._database = database
        self._settings = settings
        self._post = post
        self._links = links
        self._bills = bills
        self._polls = polls
        self._name = name
        self._is_inside = is_inside
        self._senders = senders
        self._reader = Reader(database.url)
        self._sending = Sending(database, gateways, settings, self.token, point=point)
        self._point = point
        self._takes_cards = False
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    # Running ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to work in threads of its own. Errors: `CardIntakeAway` where typed cards cannot be taken as configured."""
        if self._intake is not None:
            self._takes_cards = self._intake.start()
        self._beat()
        parts = [("beat", self._keep_beating), ("keeper", self._keep_house)]
        if self._bills is not None:
            parts.append(("billing", self._keep_billing))
        parts += [(f"sender-{number}", self._keep_sending) for number in range(self._senders)]
        for name, work in parts:
            thread = threading.Thread(target=work, name=f"cstui-worker-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, patience: float = PATIENCE) -> None:
        """Ends in order: nothing new is begun; what is being sent gets `patience` seconds, then it is looked up at the next start."""
        self._stop.set()
        if self._intake is not None and self._takes_cards:
            self._takes_cards = False
            self._intake.stop()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        still_sending = any(thread.is_alive() for thread in self._threads)
        self._threads.clear()
        try:
            if not still_sending:
                with self._database.write() as tx:
                    workers.gone(tx, self.token)
        except CstuiError:
            _LOG.info("the worker's sign of life lapses by itself")
        self._reader.close()

    def wait(self) -> None:
        """Blocks until `stop` is asked for from elsewhere."""
        self._stop.wait()

    def ask_to_stop(self) -> None:
        """Lets `wait` return; safe in a signal handler."""
        self._stop.set()

    def once(self, *, rounds: int = 1000) -> Done:
        """Does everything that is due, one after the other, until nothing is left; for `--once` and for tests."""
        total = Done()
        self._beat()
        for _ in range(rounds):
            done = self._round()
            total.add(done)
            if not done.anything:
                break
            self._beat()
        return total

    # One round --------------------------------------------------------------------------------------

    def _round(self) -> Done:
        found = self._due()
        done = Done()
        if found.orphans:
            done.orphans = self._sending.find_orphans()
        if found.checks:
            done.looked = self._drain(self._sending.look)
        if found.refunds:
            done.tried_again = self._drain(self.try_one_refund_again)
        if self._bills is not None:
            done.billed = self._bills.bill_due()
        if found.armed or done.billed:
            done.sent = self._drain(self._send_one)
        if found.mails and self._post is not None:
            done.mails = self._post.send_due()
        if found.links and self._links is not None:
            done.links = self._links.check_links()
        return done

    def _due(self) -> Due:
        return due(self._reader.rows, self._database.is_sqlite)

    @staticmethod
    def _drain(work: Callable[[], bool], most: int = 500) -> int:
        count = 0
        while count < most and work():
            count += 1
        return count

    def _send_one(self) -> bool:
        claimed = self._sending.claim()
        if claimed is None:
            return False
        self._sending.send(claimed)
        return True

    def try_one_refund_again(self) -> bool:
        """Arms the next refund of the queue whose time has come; False where none is due (REF-07)."""
        refund_id = 0
        try:
            with self._database.write() as tx:
                row = refunds.claim_due(tx)
                if row is None:
                    return False
                refund_id = row.id
                arming.arm_again(tx, row.id, tx.now)
        except AttemptInFlight:
            with self._database.write() as tx:
                refunds.change(tx, refund_id, next_try_at=tx.now + _BUSY)
        self._point("armed")
        return True

    # Threads ----------------------------------------------------------------------------------------

    def _beat(self) -> None:
        with self._database.write() as tx:
            workers.sign_of_life(
                tx, self.token, self._name, is_inside=self._is_inside, has_card_intake=self._takes_cards
            )

    def _keep_beating(self) -> None:
        self._until_stopped(BEAT, self._beat)

    def _keep_sending(self) -> None:
        self._until_stopped(POLL, self._send_what_is_due)

    def _send_what_is_due(self) -> None:
        while not self._stop.is_set() and self._due().armed and self._send_one():
            pass

    def _keep_house(self) -> None:
        self._until_stopped(POLL, self._look_after_the_rest)

    def _look_after_the_rest(self) -> None:
        found = self._due()
        if found.orphans:
            self._sending.find_orphans()
        for is_due, work in ((found.checks, self._sending.look), (found.refunds, self.try_one_refund_again)):
            while is_due and not self._stop.is_set() and work():
                pass
        if found.mails and self._post is not None and not self._stop.is_set():
            self._post.send_due()
        if found.links and self._links is not None and not self._stop.is_set():
            self._links.check_links()
        if self._polls is not None and not self._stop.is_set():
            self._polls.poll_due()

    def _keep_billing(self) -> None:
        self._until_stopped(BILLING, self._bill_what_is_due)

    def _bill_what_is_due(self) -> None:
        """Bills until nothing is due, at the senders' pace: while so many charges wait for them as may be planned ahead, none is added."""
        while self._bills is not None and not self._stop.is_set() and self._bills.bill_due():
            pass

    def _until_stopped(self, seconds: float, work: Callable[[], None]) -> None:
        pause = seconds
        while not self._stop.wait(pause):
            try:
                work()
                pause = seconds
            except CstuiError as error:
                _LOG.warning("the worker waits: %s", error.code)
                pause = min(30.0, max(1.0, pause * 2))
            except Exception as error:  # a worker that ends would let refunds wait for ever
                _LOG.exception("the worker goes on after %s", type(error).__name__)
                pause = min(30.0, max(1.0, pause * 2))
