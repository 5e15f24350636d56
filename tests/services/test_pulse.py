"""The pulse: what a desk hears of the others, how its locks stay alive, and what happens when the database goes away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.live import What
from cstui.domain.locking import Grip, LockRules, LockState
from cstui.domain.notes import NoteSource
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Role
from cstui.services.locks import Locks
from cstui.services.presence import Presence
from cstui.services.pulse import Pulse
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.queries import locks as rows
from cstui.storage.queries.audit import NewEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Note
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import PaymentAttempt
from tests import factories as make
from tests import postgres
from tests.services.live import Heard, lapse, lock_rows

ORDER = table_of(Order)
NOTE = table_of(Note)


@dataclass
class Floor:
    """A room of desks on one database."""

    db: Database
    locks: Locks
    order: int
    ann: Actor
    bob: Actor
    sue: Actor
    pulses: list[Pulse] = field(default_factory=list)

    def desk(self, name: str, rules: LockRules | None = None) -> tuple[Pulse, Heard]:
        pulse, heard = Pulse(self.db.url, name, rules), Heard()
        self.pulses.append(pulse)
        pulse.start(heard)
        return pulse, heard

    def begin(self, actor: Actor, token: str = "") -> Grip:
        return self.locks.begin(actor, Kind.ORDER, self.order, 1, token or new_token())


@pytest.fixture
def floor(db: Database) -> Iterator[Floor]:
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    floor = Floor(
        db, Locks(db), order, make.add_staff(db, "ann", terminal="term-1"), make.add_staff(db, "bob", terminal="term-2"),
        make.add_staff(db, "sue", Role.SUPERVISOR, terminal="term-3"),
    )  # fmt: skip
    yield floor
    for pulse in floor.pulses:
        pulse.stop()


def test_another_desk_sees_a_lock_come_and_go(floor: Floor) -> None:
    pulse, heard = floor.desk("bob's")
    pulse.watch(Kind.ORDER, floor.order, 1)
    heard.wait_for(What.LOCK, lambda event: event.facts["lock"] is None)
    before = time.monotonic()
    grip = floor.begin(floor.ann)
    event = heard.wait_for(What.LOCK, lambda event: event.facts["lock"] is not None, 2)
    assert time.monotonic() - before < 2
    assert (event.kind, event.id, event.facts["lock"].holder) == (Kind.ORDER, floor.order, "Ann")
    heard.forget()
    floor.locks.release(floor.ann, grip.token)
    heard.wait_for(What.LOCK, lambda event: event.facts["lock"] is None, 2)


def test_a_lock_that_stands_when_the_record_is_opened_is_told_at_once(floor: Floor) -> None:
    floor.begin(floor.ann)
    pulse, heard = floor.desk("bob's")
    pulse.watch(Kind.ORDER, floor.order)
    assert heard.wait_for(What.LOCK, seconds=2).facts["lock"].holder == "Ann"


def test_a_save_a_note_and_a_looker_are_told_with_their_facts(floor: Floor) -> None:
    pulse, heard = floor.desk("bob's")
    pulse.watch(Kind.ORDER, floor.order, 1)
    heard.wait_for(What.LOCK)
    _save(floor, floor.ann)
    saved = heard.wait_for(What.SAVED, seconds=2)
    assert (saved.facts["version"], saved.facts["by"]) == (2, "Ann")
    note = _note(floor)
    assert heard.wait_for(What.NOTE, seconds=2).facts["note_id"] == note
    presence = Presence(floor.db)
    presence.look(floor.sue, "sue's", Kind.ORDER, floor.order)
    assert heard.wait_for(What.PRESENCE, seconds=2).facts["who"] == ("Sue",)
    heard.forget()
    presence.leave("sue's")
    assert heard.wait_for(What.PRESENCE, seconds=2).facts["who"] == ()


def test_a_change_between_reading_and_watching_is_not_missed(floor: Floor) -> None:
    _save(floor, floor.ann)
    pulse, heard = floor.desk("bob's")
    pulse.watch(Kind.ORDER, floor.order, 1)
    assert heard.wait_for(What.SAVED, seconds=2).facts["version"] == 2


def test_what_is_not_watched_is_not_told_except_to_who_wants_everything(floor: Floor) -> None:
    other = make.add_order(floor.db, 1, 1, "#1002")
    pulse, heard = floor.desk("bob's")
    boss, everything = floor.desk("sue's")
    boss.everything(True)
    pulse.watch(Kind.ORDER, other)
    heard.wait_for(What.LOCK)
    heard.forget()
    floor.begin(floor.ann)
    everything.wait_for(What.ANY, seconds=2)
    assert heard.events == []
    pulse.unwatch(Kind.ORDER, other)


def test_the_lease_is_renewed_while_the_desk_lives(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's", LockRules(lease=2, heartbeat=1))
    floor.locks = Locks(floor.db, None)
    grip = floor.begin(floor.ann)
    lapse(floor.db)
    pulse.hold(grip.token)
    _until(lambda: not _state(floor).stale)
    time.sleep(2.5)
    state = _state(floor)
    assert not state.stale
    assert (state.lease_until - state.since).total_seconds() > 3
    assert heard.heard(What.LOST) == []


def test_the_last_key_is_what_others_see_as_idle(floor: Floor) -> None:
    pulse, _ = floor.desk("ann's", LockRules(heartbeat=1))
    pulse.hold(floor.begin(floor.ann).token)
    first = _state(floor).idle_since
    pulse.touched()
    _until(lambda: _state(floor).idle_since > first, 4)
    idle = _state(floor).idle_since
    time.sleep(1.5)
    assert (_state(floor).idle_since - idle).total_seconds() < 0.7, "without a key the idle time grows"


def test_a_holder_whose_lock_is_forced_learns_by_whom_and_why(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's")
    grip = floor.begin(floor.ann)
    pulse.hold(grip.token)
    floor.locks.force(floor.sue, Kind.ORDER, floor.order, "Ann went home")
    lost = heard.wait_for(What.LOST, seconds=3)
    assert (lost.kind, lost.id) == (Kind.ORDER, floor.order)
    assert (lost.facts["token"], lost.facts["how"], lost.facts["by"], lost.facts["reason"]) == (
        grip.token, "forced", "Sue", "Ann went home",
    )  # fmt: skip


def test_the_first_terminal_learns_that_the_lock_was_taken_over(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's")
    pulse.hold(floor.begin(floor.ann).token)
    there = make.at(floor.ann, "term-9")
    floor.locks.begin(there, Kind.ORDER, floor.order, 1, new_token(), take_over=True)
    assert heard.wait_for(What.LOST, seconds=3).facts["how"] == "taken_over"


def test_ones_own_release_is_no_loss(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's")
    grip = floor.begin(floor.ann)
    pulse.hold(grip.token)
    pulse.watch(Kind.ORDER, floor.order)
    heard.wait_for(What.LOCK)
    heard.forget()
    floor.locks.release(floor.ann, grip.token)
    heard.wait_for(What.LOCK, lambda event: event.facts["lock"] is None, 2)
    time.sleep(0.3)
    assert heard.heard(What.LOST) == []


def test_a_knock_reaches_the_holder_and_the_lock_passes_to_the_waiting_desk(floor: Floor) -> None:
    anns, ann_hears = floor.desk("ann's")
    bobs, bob_hears = floor.desk("bob's", LockRules(lease=120, heartbeat=1))
    grip = floor.begin(floor.ann)
    anns.hold(grip.token)
    asked = floor.locks.knock(floor.bob, Kind.ORDER, floor.order, "bob's editor")
    bobs.await_answer("bob's editor")
    knock = ann_hears.wait_for(What.KNOCK, seconds=2)
    assert (knock.facts["knock"].by, knock.facts["knock"].id, knock.facts["token"]) == (
        "Bob",
        asked.id,
        grip.token,
    )
    floor.locks.answer(floor.ann, asked.id, hand_over=True)
    answer = bob_hears.wait_for(What.ANSWER, seconds=2)
    assert (answer.facts["answer"], answer.facts["token"]) == ("handed_over", "bob's editor")
    assert ann_hears.wait_for(What.LOST, seconds=2).facts["how"] == "handed_over"
    lapse(floor.db)
    _until(lambda: not _state(floor).stale)
    assert len(ann_hears.heard(What.KNOCK)) == 1


@pytest.mark.parametrize(("answered", "word"), [(True, "not_now"), (False, "free")])
def test_who_waits_hears_not_now_or_that_it_is_free(floor: Floor, answered: bool, word: str) -> None:
    bobs, heard = floor.desk("bob's")
    grip = floor.begin(floor.ann)
    asked = floor.locks.knock(floor.bob, Kind.ORDER, floor.order, "bob's editor")
    bobs.await_answer("bob's editor")
    if answered:
        floor.locks.answer(floor.ann, asked.id, hand_over=False)
    else:
        floor.locks.release(floor.ann, grip.token)
    assert heard.wait_for(What.ANSWER, seconds=2).facts["answer"] == word


def test_an_idle_holder_is_warned_but_keeps_the_lock_by_default(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's", LockRules(idle_warning=1))
    grip = floor.begin(floor.ann)
    pulse.hold(grip.token)
    warning = heard.wait_for(What.IDLE_WARNING, seconds=4)
    assert (warning.facts["token"], warning.facts["release_in"], warning.id) == (
        grip.token,
        None,
        floor.order,
    )
    time.sleep(0.5)
    assert len(heard.heard(What.IDLE_WARNING)) == 1
    assert lock_rows(floor.db) == 1
    pulse.touched()
    heard.forget()
    heard.wait_for(What.IDLE_WARNING, seconds=4)


def test_where_it_is_set_an_idle_lock_is_given_back_and_the_editor_told(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's", LockRules(idle_warning=1, idle_release=2))
    watcher, others = floor.desk("bob's")
    grip = floor.begin(floor.ann)
    watcher.watch(Kind.ORDER, floor.order)
    others.wait_for(What.LOCK, lambda event: event.facts["lock"] is not None)
    others.forget()
    pulse.hold(grip.token)
    assert heard.wait_for(What.IDLE_WARNING, seconds=4).facts["release_in"] == 1
    assert heard.wait_for(What.IDLE_RELEASED, seconds=4).facts["token"] == grip.token
    others.wait_for(What.LOCK, lambda event: event.facts["lock"] is None, 2)
    assert lock_rows(floor.db) == 0
    assert heard.heard(What.LOST) == []


def test_a_lock_held_past_the_longest_time_is_given_back_in_a_pause(floor: Floor) -> None:
    pulse, heard = floor.desk("ann's", LockRules(heartbeat=1, longest_hold=1))
    pulse.hold(floor.begin(floor.ann).token)
    heard.wait_for(What.IDLE_RELEASED, seconds=6)
    assert lock_rows(floor.db) == 0


def test_presence_stays_fresh_while_the_desk_lives_and_goes_with_it(floor: Floor) -> None:
    presence = Presence(floor.db, fresh=1.5)
    pulse, _ = floor.desk("ann's", LockRules(heartbeat=1))
    presence.look(floor.ann, "ann's", Kind.ORDER, floor.order)
    time.sleep(2.5)
    assert presence.who(Kind.ORDER, floor.order, "") == ("Ann",)
    pulse.stop()
    assert presence.who(Kind.ORDER, floor.order, "") == ()


def test_a_listener_that_fails_costs_no_lock(floor: Floor) -> None:
    pulse = Pulse(floor.db.url, "ann's", LockRules(heartbeat=1))
    floor.pulses.append(pulse)

    def fail(_event: object) -> None:
        raise RuntimeError("the screen is gone")

    pulse.start(fail)
    pulse.watch(Kind.ORDER, floor.order)
    pulse.hold(floor.begin(floor.ann).token)
    lapse(floor.db)
    _until(lambda: not _state(floor).stale)


def test_a_cut_connection_is_told_and_what_changed_meanwhile_is_read_again(
    postgres_server: postgres.Server, postgres_template: str
) -> None:
    name = f"cstui_pulse_{new_token()[:8]}"
    postgres_server.create_database(name, template=postgres_template)
    db = Database(postgres_server.url(name))
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    ann = make.add_staff(db, "ann")
    pulse, heard = Pulse(db.url, "bob's"), Heard()
    pulse.start(heard)
    try:
        pulse.watch(Kind.ORDER, order, 1)
        heard.wait_for(What.LOCK)
        heard.forget()
        with db.engine.connect() as connection:
            cut = connection.exec_driver_sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE '%%cstui_live%%' AND pid <> pg_backend_pid()"
                " OR datname = current_database() AND pid <> pg_backend_pid()"
            ).scalar_one()
            assert cut >= 1
        Locks(db).begin(ann, Kind.ORDER, order, 1, new_token())
        heard.wait_for(What.AWAY)
        heard.wait_for(What.BACK)
        assert (
            heard.wait_for(What.LOCK, lambda event: event.facts["lock"] is not None).facts["lock"].holder
            == "Ann"
        )
    finally:
        pulse.stop()
        db.close()
        postgres_server.drop_database(name)


def test_a_database_that_is_not_there_yet_is_waited_for(sqlite_template: Path, tmp_path: Path) -> None:
    path, heard = tmp_path / "late.db", Heard()
    pulse = Pulse(f"sqlite:///{path}", "desk")
    pulse.start(heard)
    try:
        heard.wait_for(What.AWAY)
        (tmp_path / "half").write_bytes(sqlite_template.read_bytes())
        (tmp_path / "half").rename(path)
        heard.wait_for(What.BACK)
    finally:
        pulse.stop()


def test_stopping_is_quick_and_may_be_repeated(floor: Floor) -> None:
    pulse, _ = floor.desk("ann's")
    before = time.monotonic()
    pulse.stop()
    pulse.stop()
    assert time.monotonic() - before < 2


def _state(floor: Floor) -> LockState:
    state = floor.locks.state(floor.bob, Kind.ORDER, floor.order)
    assert state is not None
    return state


def _save(floor: Floor, actor: Actor) -> None:
    grip = floor.begin(actor)
    with floor.db.write() as tx:
        record = rows.require_held(tx, Kind.ORDER, floor.order, grip, actor)
        tx.run(ORDER.update().where(ORDER.c.id == floor.order).values(version=ORDER.c.version + 1))
        rows.free(tx, grip.token)
        audit.append(
            tx,
            NewEvent(
                actor, record.store_id, Kind.ORDER, floor.order, "order.edited", version=record.version + 1
            ),
        )
        tx.publish("saved", Kind.ORDER, floor.order)


def _note(floor: Floor) -> int:
    with floor.db.write() as tx:
        row = {
            "subject_kind": Kind.ORDER,
            "subject_id": floor.order,
            "body": "called",
            "author_name": "Ann",
            "source": NoteSource.MANUAL,
        }
        note: int = tx.rows(NOTE.insert().values(**row, created_at=datetime.now(UTC)).returning(NOTE.c.id))[
            0
        ].id
        tx.publish("note", Kind.ORDER, floor.order)
    return note


def _until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.05)


def test_a_charge_of_a_watched_subscription_is_told_and_stands_in_the_picture_of_who_asked(
    floor: Floor,
) -> None:
    with floor.db.read() as tx:
        of = tx.rows(sa.select(ORDER).where(ORDER.c.id == floor.order))[0]
    key = make.add_subscription(floor.db, of.store_id, of.customer_id, product="Tea")
    pulse, heard = floor.desk("ann's")
    pulse.for_person(floor.ann.staff_id)
    pulse.watch(Kind.SUBSCRIPTION, key)
    heard.wait_for(What.LOCK)
    with floor.db.write() as tx:
        tx.session.add(
            PaymentAttempt(
                key="k1", guard_key="sub:1:3", store_id=of.store_id, customer_id=of.customer_id, subscription_id=key, cycle=3,
                operation=Operation.SALE, state=AttemptState.ARMED, amount=2650, currency="USD", gateway="sandbox",
                requested_by="Ann", requested_by_id=floor.ann.staff_id, created_at=tx.now,
            )
        )  # fmt: skip
        tx.publish("payment", Kind.SUBSCRIPTION, key)
    event = heard.wait_for(What.PAYMENT, seconds=2)
    assert (event.kind, event.id) == (Kind.SUBSCRIPTION, key)
    news = heard.wait_for(What.MONEY, lambda event: bool(event.facts["news"].own), 2).facts["news"]
    (own,) = news.own
    assert (own.subscription_id, own.order_id, own.order_number, own.amount.minor) == (key, 0, "Tea", 2650)
