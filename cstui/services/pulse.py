"""The pulse of a desk: one thread that keeps its locks alive and hears what happens at other desks.

It runs beside the screen's event loop, which a frozen terminal can block, and uses one database connection of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from cstui.domain.errors import DatabaseAway
from cstui.domain.ids import Kind
from cstui.domain.live import LiveEvent, Picture, What
from cstui.domain.locking import LockRules
from cstui.domain.money_news import MoneyNews
from cstui.storage.live import Busy, LiveConnection
from cstui.storage.url import DatabaseUrl, read_url

_LOG = logging.getLogger("cstui.pulse")
#: Longest pause between two tries to reach a database that is away, in seconds.
LONGEST_PAUSE = 60.0
#: A lock that was held past `longest_hold` is given back in the first pause of this many seconds between keys.
_PAUSE_IN_TYPING = 60.0
_Spot = tuple[Kind, int]


class Pulse:
    """Started once per desk. Every method may be called from any thread; the callback runs in the pulse's own.

    The desk tells it which locks it holds, which records it shows and when a key was pressed; what it hears is in `What`.
    """

    def __init__(self, database: str | DatabaseUrl, desk: str, rules: LockRules | None = None) -> None:
        self._url = database if isinstance(database, DatabaseUrl) else read_url(database)
        self._desk = desk
        self._rules = rules or LockRules()
        self._tell: Callable[[LiveEvent], None] = lambda event: None
        self._thread: threading.Thread | None = None
        self._line: LiveConnection | None = None
        self._stopping = False
        self._guard = threading.Lock()
        self._held: set[str] = set()
        self._waiting: set[str] = set()
        self._watched: dict[_Spot, Picture | None] = {}
        self._known: dict[_Spot, int] = {}
        self._all = False
        self._person: tuple[int, frozenset[int] | None] | None = None
        self._money: MoneyNews | None = None
        self._told_knocks: set[int] = set()
        self._warned = False
        self._last_key = time.monotonic()
        self._next_beat = 0.0
        self._asked = False

    def start(self, callback: Callable[[LiveEvent], None]) -> None:
        """Begins to listen; `callback` is called in the pulse's thread, one event at a time."""
        if self._thread is not None:
            raise RuntimeError("the pulse is running")
        self._tell = callback
        self._stopping = False
        self._line = LiveConnection(self._url, self._desk)
        self._thread = threading.Thread(target=self._run, name="cstui-pulse", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Ends the thread and takes the desk's presence back. Held locks stay: whoever closes an editor releases its lock."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping = True
        self._wake()
        if thread is not threading.current_thread():
            thread.join(patience)

    def use(self, rules: LockRules) -> None:
        """Goes on by other rules, as they stand in the settings of the desk's store."""
        self._rules = rules
        self._wake()

    def hold(self, token: str) -> None:
        """The desk was granted a lock: it is kept alive from now on. Called after the grant."""
        with self._guard:
            self._held.add(token)
            self._waiting.discard(token)
        self._warned = False
        self.touched()
        self._beat_now()

    def drop(self, token: str) -> None:
        """The desk gave a lock back, or no longer waits with this token."""
        with self._guard:
            self._held.discard(token)
            self._waiting.discard(token)

    def await_answer(self, token: str) -> None:
        """The desk knocked with this token: it hears the answer, and a lock that is handed over is kept alive at once."""
        with self._guard:
            self._waiting.add(token)
        self._ask()

    def touched(self) -> None:
        """A key was pressed. Cheap: called for each."""
        before, self._last_key = self._last_key, time.monotonic()
        if not self._held:
            return
        if self._warned or self._last_key - before > self._rules.heartbeat:
            self._warned = False
            self._beat_now()

    def watch(self, kind: Kind, record_id: int, version: int | None = None) -> None:
        """The desk shows a record, in this version: it hears its lock at once and what changes from now on."""
        with self._guard:
            self._watched[kind, record_id] = None
            if version is not None:
                self._known[kind, record_id] = version
        self._ask()

    def unwatch(self, kind: Kind, record_id: int) -> None:
        """The desk no longer shows a record."""
        with self._guard:
            self._watched.pop((kind, record_id), None)
            self._known.pop((kind, record_id), None)

    def everything(self, wanted: bool) -> None:
        """Whether the desk hears `What.ANY` whenever anything was stored anywhere: for lists of all locks."""
        self._all = wanted

    def for_person(self, staff_id: int | None, approves_in: frozenset[int] | None = frozenset()) -> None:
        """Whose money news this desk hears (None: nobody's), and in which stores he approves refunds (None: in all)."""
        self._person = None if staff_id is None else (staff_id, approves_in)
        self._money = None
        self._ask()

    def _wake(self) -> None:
        if self._line is not None:
            self._line.wake()

    def _ask(self) -> None:
        self._asked = True
        self._wake()

    def _beat_now(self) -> None:
        self._next_beat = 0.0
        self._wake()

    def _run(self) -> None:
        line = self._line
        if line is None:
            return
        away, pause = False, 0.5
        while not self._stopping:
            try:
                line.open()
                line.now()
                if away:
                    self._say(LiveEvent(What.BACK))
                away = False
                self._beat(line)
                self._look(line)
                pause = 0.5
                self._listen(line)
            except Exception as error:  # whatever it was: a desk without a pulse would lose its locks
                if not isinstance(error, DatabaseAway):
                    _LOG.exception("the pulse begins anew")
                if not away:
                    away = True
                    self._say(LiveEvent(What.AWAY, facts={"error": error}))
                self._hang_up(line)
                until = time.monotonic() + pause
                while not self._stopping and (left := until - time.monotonic()) > 0:
                    line.rest(left)
                pause = min(LONGEST_PAUSE, pause * 2)
        self._finish(line)

    def _listen(self, line: LiveConnection) -> None:
        while not self._stopping:
            stored = line.wait(self._next_deadline() - time.monotonic())
            if self._stopping:
                return
            due = time.monotonic() >= self._next_beat
            if due:
                self._beat(line)
            asked, self._asked = self._asked, False
            if stored or asked or due:
                self._look(line)
            if stored and self._all:
                self._say(LiveEvent(What.ANY))
            self._mind_idleness(line)

    def _next_deadline(self) -> float:
        rules, deadline = self._rules, self._next_beat
        if self._held and not self._warned:
            deadline = min(deadline, self._last_key + rules.idle_warning)
        if self._held and rules.idle_release:
            deadline = min(deadline, self._last_key + rules.idle_release)
        return deadline

    def _beat(self, line: LiveConnection) -> None:
        """A sign of life for every held lock and for what the desk looks at; also finds out whether the database answers."""
        with self._guard:
            tokens = tuple(self._held)
        self._next_beat = time.monotonic() + self._rules.heartbeat
        idle = time.monotonic() - self._last_key
        try:
            held_since = line.renew(tokens, self._rules.lease, idle)
            line.still_looking(self._desk)
        except Busy:
            self._next_beat = time.monotonic() + 1.0
            return
        self._tell_lost(line, set(tokens) - set(held_since))
        limit = self._rules.longest_hold
        if limit and idle >= min(_PAUSE_IN_TYPING, limit):
            now = line.now()
            for token, since in held_since.items():
                if (now - since).total_seconds() > limit:
                    self._give_back(line, token, idle, "held too long")

    def _look(self, line: LiveConnection) -> None:
        """Reads again what the desk shows, holds and waits for, and tells what is new."""
        with self._guard:
            watched = tuple(self._watched)
            held, waiting = tuple(self._held), tuple(self._waiting)
        if watched:
            pictures = line.pictures(watched, line.now(), self._rules.lease)
            for spot in watched:
                if spot in pictures:
                    self._tell_news(line, spot, pictures[spot])
        self._tell_lost(line, set(held) - line.still_held(held))
        self._tell_money(line)
        for token, knock in line.knocks(held, answered=False):
            if knock.id not in self._told_knocks:
                self._told_knocks.add(knock.id)
                spot = Kind(knock.record_kind), knock.record_id
                self._say(LiveEvent(What.KNOCK, *spot, {"knock": knock, "token": token}))
        for token, knock in line.knocks(waiting, answered=True):
            if knock.id not in self._told_knocks and knock.answer != "withdrawn":
                self._told_knocks.add(knock.id)
                self._tell_answer(token, knock.id, knock.answer, (Kind(knock.record_kind), knock.record_id))

    def _tell_money(self, line: LiveConnection) -> None:
        person = self._person
        if person is None:
            return
        news = line.money_news(*person)
        if news != self._money and person == self._person:
            self._money = news
            self._say(LiveEvent(What.MONEY, facts={"news": news}))

    def _tell_answer(self, token: str, knock_id: int, answer: str, spot: _Spot) -> None:
        with self._guard:
            self._waiting.discard(token)
            if answer == "handed_over":
                self._held.add(token)
                self._next_beat = 0.0
        facts = {"answer": answer, "token": token, "knock_id": knock_id}
        self._say(LiveEvent(What.ANSWER, *spot, facts))

    def _tell_news(self, line: LiveConnection, spot: _Spot, new: Picture) -> None:
        with self._guard:
            if spot not in self._watched:
                return
            old, self._watched[spot] = self._watched[spot], new
            version = self._known.pop(spot, old.version if old else new.version)
        if new.version != version:
            by, at = line.last_edit(*spot, new.version)
            self._say(LiveEvent(What.SAVED, *spot, {"version": new.version, "by": by, "at": at}))
        if old is None or _shown(old) != _shown(new):
            self._say(LiveEvent(What.LOCK, *spot, {"lock": new.edit_lock}))
        if old is not None and new.last_note != old.last_note:
            self._say(LiveEvent(What.NOTE, *spot, {"note_id": new.last_note}))
        if old is not None and new.money != old.money:
            self._say(LiveEvent(What.PAYMENT, *spot))
        if new.lookers != (old.lookers if old else ()):
            self._say(LiveEvent(What.PRESENCE, *spot, {"who": new.lookers}))

    def _tell_lost(self, line: LiveConnection, tokens: set[str]) -> None:
        for token in sorted(tokens):
            ended = line.ending(token)
            with self._guard:
                if token not in self._held:
                    continue
                self._held.discard(token)
            if ended.how == "released":
                continue
            facts = {"token": token, "how": ended.how, "by": ended.by, "at": ended.at, "reason": ended.reason}
            self._say(LiveEvent(What.LOST, ended.kind, ended.id, facts))

    def _mind_idleness(self, line: LiveConnection) -> None:
        """Reminds a holder who has not touched a key for long, and gives the locks back where the settings say so."""
        with self._guard:
            tokens = tuple(self._held)
        rules, idle = self._rules, time.monotonic() - self._last_key
        if not tokens:
            return
        if rules.idle_release and idle >= rules.idle_release:
            for token in tokens:
                self._give_back(line, token, idle, "no key was pressed for long")
        elif not self._warned and idle >= rules.idle_warning:
            self._warned = True
            left = max(0, round(rules.idle_release - idle)) if rules.idle_release else None
            for token in tokens:
                if spot := line.record_of(token):
                    facts = {"token": token, "idle": round(idle), "release_in": left}
                    self._say(LiveEvent(What.IDLE_WARNING, *spot, facts))

    def _give_back(self, line: LiveConnection, token: str, idle: float, reason: str) -> None:
        spot = line.record_of(token)
        with self._guard:
            if token not in self._held:
                return
            self._held.discard(token)
        if spot is None:
            return
        try:
            given = line.give_back(token, reason)
        except Busy:
            self._held.add(token)
            return
        if given:
            self._say(LiveEvent(What.IDLE_RELEASED, *spot, {"token": token, "idle": round(idle)}))

    def _say(self, event: LiveEvent) -> None:
        try:
            self._tell(event)
        except Exception as error:  # a listener that fails must not cost the desk its locks
            _LOG.warning("a listener failed on %s: %s", event.what, type(error).__name__)

    def _hang_up(self, line: LiveConnection) -> None:
        try:
            line.hang_up()
        except DatabaseAway:
            _LOG.info("the broken connection could not be closed")

    def _finish(self, line: LiveConnection) -> None:
        self._line = None
        try:
            line.leave(self._desk)
        except DatabaseAway:
            _LOG.info("the desk's presence lapses by itself")
        self._hang_up(line)
        line.close()


def _shown(picture: Picture) -> object:
    """What others see of a lock: its lease is renewed every few seconds and is nobody's news."""
    held = picture.edit_lock
    return None if held is None else replace(held, lease_until=held.since)
