"""The lock as a whole, driven at random: two people at two terminals each, a supervisor, crashes and clock jumps.

A model in a few lines of Python says what must happen at each step; the real services on a real database must agree. Whatever the
order of steps: no saved word is ever lost, nobody writes past a holder, fences grow, and a version is 1 and its edits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import (
    HeldElsewhere,
    LockBroken,
    NotPossibleNow,
    RecordChanged,
    RecordLocked,
)
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, LockRules
from cstui.domain.permissions import Role
from cstui.services.audit import Audit
from cstui.services.drafts import Drafts
from cstui.services.locks import Locks
from cstui.storage.database import Database
from cstui.storage.live import LiveConnection
from cstui.storage.queries import audit, drafts
from cstui.storage.queries import locks as rows
from cstui.storage.queries.audit import NewEvent
from cstui.storage.tables.audit import AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.locks import EditLock
from cstui.storage.tables.orders import Order
from tests import factories as make
from tests.services.live import Rules

ORDER, LOCK = table_of(Order), table_of(EditLock)
EVENT, CHANGE = table_of(AuditEvent), table_of(AuditChange)
SESSIONS = st.integers(0, 3)


@dataclass
class Session:
    """One open editor: who, at which terminal, and what it has on its screen."""

    actor: Actor
    view: int = 1
    token: str = ""
    grip: Grip | None = None


@dataclass
class Held:
    """The model's lock."""

    token: str
    actor: Actor
    fence: int
    expired: bool = False


@dataclass
class World:
    """One database with its people; every run of the machine adds an order of its own."""

    db: Database
    line: LiveConnection
    store: int
    customer: int
    people: tuple[Actor, Actor, Actor, Actor]
    sue: Actor
    orders: int = field(default=0)

    @classmethod
    def on(cls, url: Any) -> World:
        db = Database(url, durable=False)
        store = make.add_store(db)
        ann, bob = make.add_staff(db, "ann", terminal="t1"), make.add_staff(db, "bob", terminal="t3")
        line = LiveConnection(db.url, "machine")
        line.open()
        people = (ann, make.at(ann, "t2"), bob, make.at(bob, "t4"))
        sue = make.add_staff(db, "sue", Role.SUPERVISOR, terminal="t5")
        return cls(db, line, store, make.add_customer(db, store), people, sue)

    def close(self) -> None:
        self.line.close()
        self.db.close()


class LockMachine(RuleBasedStateMachine):
    """Steps are what people do; each compares the outcome with the model's."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        world.orders += 1
        self.db, self.line = world.db, world.line
        self.order = make.add_order(self.db, world.store, world.customer, f"#{world.orders}", email="0")
        self.sessions = [Session(actor) for actor in world.people]
        self.drafts = Drafts(self.db)
        self.held: Held | None = None
        self.version, self.fence, self.words = 1, 0, ["0"]
        self.given_back: set[str] = set()
        self.typed: dict[int, str] = {}
        self.count = 0
        self.seen_fence = 0

    @initialize(stale_takeover=st.sampled_from(["supervisor", "agent"]))
    def choose_rules(self, stale_takeover: str) -> None:
        self.agents_take_stale = stale_takeover == "agent"
        self.locks = Locks(self.db, Rules(LockRules(stale_takeover=stale_takeover)))

    @rule(who=SESSIONS, take_over=st.booleans(), reload=st.sampled_from([True, True, False]))
    def begin(self, who: int, take_over: bool, reload: bool) -> None:
        session = self.sessions[who]
        if reload:
            session.view = self.version
        token = session.token if self._holds(session) else new_token()
        refusal = self._refusal(session, token, take_over)
        if refusal is not None:
            with pytest.raises(RecordLocked) as refused:
                self._ask(session, token, take_over)
            assert type(refused.value) is refusal
            return
        if session.view != self.version:
            with pytest.raises(RecordChanged) as changed:
                self._ask(session, token, take_over)
            assert (changed.value.version, changed.value.fields) == (self.version, ("email",))
            return
        grip = self._ask(session, token, take_over)
        self.fence += 1
        assert grip == Grip(token, self.fence, self.version)
        session.token, session.grip = token, grip
        self.held = Held(token, session.actor, self.fence)

    @precondition(lambda self: self.editing())
    @rule(who=SESSIONS)
    def type_on(self, who: int) -> None:
        session = self._one_of(self.editing(), who)
        if session.grip is None:
            raise AssertionError("only an editor types")
        self.count += 1
        word = f"{session.actor.name} {self.count}"
        self.drafts.keep(session.actor, Kind.ORDER, self.order, session.grip.version, {"email": word})
        self.typed[session.actor.staff_id] = word

    @precondition(lambda self: self.editing())
    @rule(who=SESSIONS)
    def save(self, who: int) -> None:
        session = self._one_of(self.editing(), who)
        grip = session.grip
        if grip is None:
            raise AssertionError("only an editor saves")
        self.count += 1
        word = f"{session.actor.name} {self.count}"
        held = self.held is not None and (self.held.token, self.held.fence) == (grip.token, grip.fence)
        lapsed = self.held is None and grip.token in self.given_back and grip.fence == self.fence
        if held or lapsed:
            self._write(session, grip, word)
            self.version += 1
            self.words.append(word)
            self.held = None
            self.given_back.discard(grip.token)
            self.typed.pop(session.actor.staff_id, None)
            session.view, session.grip, session.token = self.version, None, ""
            return
        with pytest.raises(LockBroken) as broken:
            self._write(session, grip, word)
        assert broken.value.unchanged == (grip.version == self.version)
        session.grip, session.token = None, ""

    @precondition(lambda self: self.minted())
    @rule(who=SESSIONS, how=st.sampled_from(["released", "crashed", "idle"]))
    def leave(self, who: int, how: str) -> None:
        session = self._one_of(self.minted(), who)
        if how == "idle":
            assert self.line.give_back(session.token, "idle") == self._holds(session)
            if self._holds(session):
                self.given_back.add(session.token)
                self.held = None
            return
        if how == "released":
            self.locks.release(session.actor, session.token)
            if self._holds(session):
                self.held = None
        session.grip, session.token = None, ""

    @precondition(lambda self: self.held is not None)
    @rule(beats=st.booleans())
    def time_passes(self, beats: bool) -> None:
        with self.db.write() as tx:
            passed = tx.clock() - timedelta(days=1)
            tx.run(LOCK.update().where(LOCK.c.record_id == self.order).values(lease_until=passed))
        alive = self.line.renew([session.token for session in self.minted()], 120, 0) if beats else {}
        assert self.held is not None
        self.held.expired = self.held.token not in alive
        assert set(alive) <= {self.held.token}

    @precondition(lambda self: self.held is not None or self.count % 5 == 0)
    @rule()
    def force(self) -> None:
        if self.held is None:
            with pytest.raises(NotPossibleNow):
                self.locks.force(self.world.sue, Kind.ORDER, self.order, "went home")
            return
        removed = self.locks.force(self.world.sue, Kind.ORDER, self.order, "went home")
        assert removed.token == self.held.token
        self.fence += 1
        self.held = None

    @precondition(lambda self: self.held is not None)
    @rule(who=SESSIONS, hand_over=st.booleans())
    def knock(self, who: int, hand_over: bool) -> None:
        session = self.sessions[who]
        if self.held is None or session.grip is not None or self._holds(session):
            return
        holder, token = self.held.actor, new_token()
        asked = self.locks.knock(session.actor, Kind.ORDER, self.order, token)
        self.locks.answer(holder, asked.id, hand_over)
        if hand_over:
            self.fence += 1
            self.held = Held(token, session.actor, self.fence)
            session.token = token

    @invariant()
    def nothing_is_lost_and_at_most_one_holds(self) -> None:
        with self.db.read() as tx:
            order = tx.rows(sa.select(ORDER).where(ORDER.c.id == self.order))[0]
            found = tx.rows(sa.select(LOCK.c.token, LOCK.c.fence).where(LOCK.c.record_id == self.order))
            edits = tx.rows(
                sa.select(CHANGE.c.old, CHANGE.c.new, EVENT.c.version)
                .join(EVENT, EVENT.c.id == CHANGE.c.event_id)
                .where(EVENT.c.record_kind == Kind.ORDER, EVENT.c.record_id == self.order)
                .order_by(EVENT.c.id)
            )
            kept = {
                session.actor.staff_id: draft.body["email"]
                for session in self.sessions[::2]
                if (draft := drafts.of(tx, session.actor.staff_id, Kind.ORDER, self.order))
            }
        assert [tuple(row) for row in found] == ([(self.held.token, self.held.fence)] if self.held else [])
        assert order.version == self.version == 1 + len(edits)
        assert order.email == self.words[-1]
        assert ["0", *(edit.new for edit in edits)] == self.words
        assert [edit.old for edit in edits] == self.words[:-1]
        assert [edit.version for edit in edits] == list(range(2, self.version + 1))
        assert order.fence == self.fence >= self.seen_fence
        self.seen_fence = order.fence
        assert kept == self.typed

    def editing(self) -> list[Session]:
        """Who believes to hold the lock."""
        return [session for session in self.sessions if session.grip is not None]

    def minted(self) -> list[Session]:
        """Who has a token, granted or handed over."""
        return [session for session in self.sessions if session.token]

    @staticmethod
    def _one_of(sessions: list[Session], who: int) -> Session:
        return sessions[who % len(sessions)]

    def _holds(self, session: Session) -> bool:
        return bool(session.token) and self.held is not None and self.held.token == session.token

    def _refusal(self, session: Session, token: str, take_over: bool) -> type[RecordLocked] | None:
        held = self.held
        if held is None or held.token == token:
            return None
        if held.actor.staff_id == session.actor.staff_id:
            may = held.actor.terminal == session.actor.terminal or held.expired or take_over
            return None if may else HeldElsewhere
        return None if held.expired and take_over and self.agents_take_stale else RecordLocked

    def _ask(self, session: Session, token: str, take_over: bool) -> Grip:
        return self.locks.begin(
            session.actor, Kind.ORDER, self.order, session.view, token, take_over=take_over
        )

    def _write(self, session: Session, grip: Grip, word: str) -> None:
        """An edit as the order's use cases do it."""
        with self.db.write(new_token()) as tx:
            record = rows.require_held(tx, Kind.ORDER, self.order, grip, session.actor)
            before = tx.rows(sa.select(ORDER.c.email).where(ORDER.c.id == self.order))[0].email
            wrote = tx.run(
                ORDER.update()
                .where(ORDER.c.id == self.order, ORDER.c.version == grip.version)
                .values(email=word, version=ORDER.c.version + 1)
            )
            assert wrote == 1
            drafts.drop(tx, session.actor.staff_id, Kind.ORDER, self.order)
            rows.free(tx, grip.token)
            audit.append(
                tx,
                NewEvent(
                    session.actor, record.store_id, Kind.ORDER, self.order, "order.edited", (Change("email", before, word),),
                    version=record.version + 1, fence=grip.fence, save_id=tx.save_id,
                ),
            )  # fmt: skip


def _run(url: Any, examples: int, steps: int) -> None:
    world = World.on(url)
    machine = type("Machine", (LockMachine,), {"world": world})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    profile = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, suppress_health_check=checks
    )  # fmt: skip
    try:
        run_state_machine_as_test(machine, settings=profile)
        admin = make.add_staff(world.db, "root", Role.ADMIN)
        assert Audit(world.db).verify(admin) == ()
    finally:
        world.close()


def test_no_order_of_steps_loses_a_word_or_lets_two_edit(db_url: str) -> None:
    _run(db_url, examples=15, steps=30)


@pytest.mark.slow
def test_nor_does_any_in_ten_times_as_many(db_url: str) -> None:
    _run(db_url, examples=100, steps=45)
