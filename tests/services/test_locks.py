"""The edit lock: who gets it, who is refused and why, what its holder is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import (
    CstuiError,
    HeldElsewhere,
    InvalidInput,
    LockBroken,
    NotFound,
    NotPermitted,
    NotPossibleNow,
    RecordChanged,
    RecordLocked,
)
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, LockRules, Purpose
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Role
from cstui.services.locks import Locks
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.queries import locks as rows
from cstui.storage.queries.audit import NewEvent
from cstui.storage.tables.audit import AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Order
from cstui.storage.tables.payments import PaymentAttempt
from tests import factories as make
from tests.services.live import Rules, lapse, lock_rows

ORDER = table_of(Order)


@dataclass
class Desk:
    db: Database
    locks: Locks
    store: int
    order: int
    ann: Actor
    bob: Actor
    sue: Actor

    def begin(self, actor: Actor, version: int = 1, take_over: bool = False, token: str = "") -> Grip:
        return self.locks.begin(
            actor, Kind.ORDER, self.order, version, token or new_token(), take_over=take_over
        )

    def save(self, actor: Actor, grip: Grip, email: str = "new@example.com") -> int:
        """An edit as the order's use cases do it: check the grip, write, audit, free; returns the new version."""
        with self.db.write() as tx:
            record = rows.require_held(tx, Kind.ORDER, self.order, grip, actor)
            tx.run(
                ORDER.update()
                .where(ORDER.c.id == self.order)
                .values(email=email, version=ORDER.c.version + 1)
            )
            rows.free(tx, grip.token)
            change = Change("email", "", email)
            audit.append(
                tx,
                NewEvent(
                    actor, record.store_id, Kind.ORDER, self.order, "order.edited", (change,), version=record.version + 1
                ),
            )  # fmt: skip
            return record.version + 1

    def fence(self) -> int:
        with self.db.read() as tx:
            found: int = tx.rows(sa.select(ORDER.c.fence).where(ORDER.c.id == self.order))[0].fence
        return found

    def actions(self) -> list[str]:
        with self.db.read() as tx:
            return [row.action for row in audit.events_of(tx, Kind.ORDER, self.order)]


@pytest.fixture
def desk(db: Database) -> Desk:
    store = make.add_store(db)
    order = make.add_order(db, store, make.add_customer(db, store))
    return Desk(
        db, Locks(db), store, order, make.add_staff(db, "ann", terminal="term-1"), make.add_staff(db, "bob", terminal="term-2"),
        make.add_staff(db, "sue", Role.SUPERVISOR, terminal="term-3"),
    )  # fmt: skip


def test_the_first_to_ask_gets_the_lock_and_everybody_sees_whose_it_is(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    assert (grip.fence, grip.version) == (1, 1)
    state = desk.locks.state(desk.bob, Kind.ORDER, desk.order)
    assert state is not None
    assert (state.holder, state.terminal, state.stale, state.breakable) == ("Ann", "term-1", False, True)
    assert state.is_mine(grip.token)
    assert state.since == state.idle_since < state.lease_until


def test_the_second_is_refused_with_holder_terminal_and_since(desk: Desk) -> None:
    desk.begin(desk.ann)
    with pytest.raises(RecordLocked, match="Ann is editing order #1001 at term-1") as refused:
        desk.begin(desk.bob)
    assert (refused.value.holder, refused.value.terminal, refused.value.stale) == ("Ann", "term-1", False)
    assert refused.value.facts["may_take_over"] is False
    assert desk.fence() == 1, "a refusal leaves the fence alone"


def test_asking_again_with_the_same_token_is_harmless(desk: Desk) -> None:
    first = desk.begin(desk.ann, token="t")
    again = desk.begin(desk.ann, token="t")
    assert again.fence > first.fence
    assert desk.save(desk.ann, again) == 2


def test_release_frees_and_may_be_repeated(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    desk.locks.release(desk.ann, grip.token)
    desk.locks.release(desk.ann, grip.token)
    desk.locks.release(desk.ann, "never held")
    assert desk.locks.state(desk.bob, Kind.ORDER, desk.order) is None
    assert desk.begin(desk.bob).fence == 2


def test_a_stale_view_is_refused_with_who_when_and_what(desk: Desk) -> None:
    desk.save(desk.ann, desk.begin(desk.ann))
    with pytest.raises(RecordChanged, match="Ann changed order #1001") as refused:
        desk.begin(desk.bob, version=1)
    assert (refused.value.by, refused.value.fields, refused.value.version) == ("Ann", ("email",), 2)
    assert lock_rows(desk.db) == 0
    assert desk.begin(desk.bob, version=2).version == 2


def test_saving_frees_the_lock_and_its_grip_saves_only_once(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    desk.save(desk.ann, grip)
    assert lock_rows(desk.db) == 0
    with pytest.raises(LockBroken):
        desk.save(desk.ann, grip)


def test_after_a_crash_the_same_person_at_the_same_terminal_needs_nobody(desk: Desk) -> None:
    crashed = desk.begin(desk.ann)
    grip = desk.begin(desk.ann)
    assert grip.fence > crashed.fence
    with pytest.raises(LockBroken):
        desk.save(desk.ann, crashed)
    assert desk.save(desk.ann, grip) == 2


def test_the_same_person_elsewhere_is_asked_and_may_take_it_over(desk: Desk) -> None:
    here, there = desk.ann, make.at(desk.ann, "term-9")
    old = desk.begin(here)
    with pytest.raises(HeldElsewhere, match="You are editing order #1001 at term-1"):
        desk.begin(there)
    new = desk.begin(there, take_over=True)
    with pytest.raises(LockBroken, match="You took order #1001 over at term-9") as broken:
        desk.save(here, old)
    assert broken.value.unchanged
    assert desk.save(there, new) == 2
    assert "lock.taken_over" in desk.actions()


def test_a_lapsed_lock_of_ones_own_is_taken_elsewhere_without_a_question(desk: Desk) -> None:
    desk.begin(desk.ann)
    lapse(desk.db)
    assert desk.begin(make.at(desk.ann, "term-9")).fence == 2


def test_a_stale_lock_is_shown_as_stale_and_only_a_supervisor_may_take_it(desk: Desk) -> None:
    old = desk.begin(desk.ann)
    lapse(desk.db)
    with pytest.raises(RecordLocked) as refused:
        desk.begin(desk.bob, take_over=True)
    assert refused.value.stale
    assert refused.value.advice == "Ann's desk no longer answers: ask a supervisor to unlock it."
    with pytest.raises(RecordLocked) as asked:
        desk.begin(desk.sue)
    assert asked.value.advice == "Ann's desk no longer answers: you may take it over."
    assert asked.value.facts["may_take_over"] is True
    desk.begin(desk.sue, take_over=True)
    with pytest.raises(LockBroken, match="Sue took order #1001 over") as broken:
        desk.save(desk.ann, old)
    assert broken.value.by == "Sue"


def test_the_setting_lets_agents_take_stale_locks_but_never_living_ones(desk: Desk) -> None:
    desk.locks = Locks(desk.db, Rules(LockRules(stale_takeover="agent")))
    desk.begin(desk.ann)
    with pytest.raises(RecordLocked):
        desk.begin(desk.bob, take_over=True)
    lapse(desk.db)
    assert desk.begin(desk.bob, take_over=True).fence == 2


def test_a_lease_that_merely_passed_is_no_obstacle_and_is_noted(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    lapse(desk.db)
    assert desk.save(desk.ann, grip) == 2
    assert desk.actions() == ["order.edited", "lock.resumed"]


def test_a_lapsed_lock_that_somebody_else_had_meanwhile_is_refused_though_nothing_changed(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    lapse(desk.db)
    desk.locks.release(desk.sue, desk.begin(desk.sue, take_over=True).token)
    with pytest.raises(LockBroken) as broken:
        desk.save(desk.ann, grip)
    assert broken.value.unchanged


def test_a_forced_lock_refuses_its_holders_save_and_says_who_and_why(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    removed = desk.locks.force(desk.sue, Kind.ORDER, desk.order, "Ann went home")
    assert removed.holder == "Ann"
    lapse(desk.db)
    with pytest.raises(LockBroken, match="Sue removed your lock on order #1001: Ann went home") as broken:
        desk.save(desk.ann, grip)
    assert (broken.value.by, broken.value.reason, broken.value.unchanged) == ("Sue", "Ann went home", True)
    assert desk.actions() == ["lock.forced"]
    assert desk.save(desk.ann, desk.begin(desk.ann)) == 2, "lock it again and save"


def test_nothing_that_was_saved_after_a_forced_unlock_is_overwritten(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    desk.locks.force(desk.sue, Kind.ORDER, desk.order, "Ann went home")
    desk.save(desk.bob, desk.begin(desk.bob), "bob@example.com")
    with pytest.raises(LockBroken) as broken:
        desk.save(desk.ann, grip, "ann@example.com")
    assert not broken.value.unchanged
    with desk.db.read() as tx:
        assert tx.rows(sa.select(ORDER.c.email).where(ORDER.c.id == desk.order))[0].email == "bob@example.com"


@pytest.mark.parametrize("reason", ["", "   ", "card 4111 1111 1111 1111"])
def test_a_forced_unlock_needs_a_reason_that_may_be_kept(desk: Desk, reason: str) -> None:
    desk.begin(desk.ann)
    with pytest.raises(InvalidInput):
        desk.locks.force(desk.sue, Kind.ORDER, desk.order, reason)
    assert lock_rows(desk.db) == 1


def test_only_who_holds_the_permission_in_that_store_may_force(desk: Desk) -> None:
    desk.begin(desk.ann)
    other = make.add_store(desk.db, "other")
    elsewhere = make.add_staff(desk.db, "eve", Role.SUPERVISOR, store=other)
    with pytest.raises(NotPermitted, match="unlock orders"):
        desk.locks.force(desk.bob, Kind.ORDER, desk.order, "please")
    with pytest.raises(NotFound):
        desk.locks.force(elsewhere, Kind.ORDER, desk.order, "please")
    assert lock_rows(desk.db) == 1


def test_a_process_that_bills_is_never_interrupted(desk: Desk) -> None:
    worker = make.add_staff(desk.db, "billing", Role.ADMIN, terminal="worker")
    desk.locks.begin(worker, Kind.ORDER, desk.order, 1, new_token(), Purpose.BILLING)
    with pytest.raises(NotPossibleNow, match="must not be interrupted"):
        desk.locks.force(desk.sue, Kind.ORDER, desk.order, "hurry")
    lapse(desk.db)
    with pytest.raises(RecordLocked) as refused:
        desk.begin(desk.sue, take_over=True)
    assert refused.value.advice == "It is free when Billing has finished."
    assert not refused.value.breakable
    with pytest.raises(NotPossibleNow):
        desk.locks.knock(desk.bob, Kind.ORDER, desk.order, new_token())


def test_a_forced_unlock_leaves_payment_attempts_alone(desk: Desk) -> None:
    with desk.db.write() as tx:
        tx.session.add(
            PaymentAttempt(
                key="a1", guard_key=f"order:{desk.order}:charge", store_id=desk.store, order_id=desk.order, operation=Operation.SALE,
                state=AttemptState.SENDING, amount=100, currency="USD", created_at=make.THEN,
            )
        )  # fmt: skip
    desk.begin(desk.ann)
    desk.locks.force(desk.sue, Kind.ORDER, desk.order, "Ann went home")
    assert make.count(desk.db, PaymentAttempt, state=AttemptState.SENDING) == 1


def test_forcing_a_free_order_says_so(desk: Desk) -> None:
    with pytest.raises(NotPossibleNow, match="Nobody holds order #1001"):
        desk.locks.force(desk.sue, Kind.ORDER, desk.order, "no reason")


def test_who_may_not_edit_gets_no_lock_and_another_stores_order_is_not_found(desk: Desk) -> None:
    other = make.add_store(desk.db, "other")
    viewer = make.add_staff(desk.db, "vic", Role.VIEWER)
    stranger = make.add_staff(desk.db, "eve", Role.AGENT, store=other)
    with pytest.raises(NotPermitted):
        desk.begin(viewer)
    for refused in (stranger, desk.ann):
        with pytest.raises(NotFound, match="There is no such order"):
            desk.locks.begin(
                refused, Kind.ORDER, desk.order if refused is stranger else 999_999, 1, new_token()
            )
    assert desk.locks.all(stranger) == ()


def test_a_knock_is_seen_by_the_holder_and_handing_over_passes_the_lock(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    knock = desk.locks.knock(desk.bob, Kind.ORDER, desk.order, "bob's")
    assert desk.locks.knock(desk.bob, Kind.ORDER, desk.order, "bob's").id == knock.id
    (seen,) = desk.locks.knocks(desk.ann, (grip.token,))
    assert (seen.by, seen.terminal, seen.number) == ("Bob", "term-2", "#1001")
    desk.locks.answer(desk.ann, knock.id, hand_over=True)
    with pytest.raises(LockBroken, match="You handed order #1001 over to Bob"):
        desk.save(desk.ann, grip)
    mine = desk.begin(desk.bob, token="bob's")
    assert desk.save(desk.bob, mine) == 2
    assert "lock.handed_over" in desk.actions()


def test_not_now_leaves_the_lock_and_answers_the_question(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    knock = desk.locks.knock(desk.bob, Kind.ORDER, desk.order, new_token())
    desk.locks.answer(desk.ann, knock.id, hand_over=False)
    assert desk.locks.knocks(desk.ann, (grip.token,)) == ()
    with pytest.raises(NotPossibleNow):
        desk.locks.answer(desk.ann, knock.id, hand_over=True)
    assert desk.save(desk.ann, grip) == 2


def test_only_the_holder_answers_and_a_free_order_needs_no_knock(desk: Desk) -> None:
    with pytest.raises(NotPossibleNow, match="Nobody else holds"):
        desk.locks.knock(desk.bob, Kind.ORDER, desk.order, new_token())
    grip = desk.begin(desk.ann)
    knock = desk.locks.knock(desk.bob, Kind.ORDER, desk.order, "bob's")
    with pytest.raises(NotPermitted):
        desk.locks.answer(desk.sue, knock.id, hand_over=True)
    desk.locks.release(desk.ann, grip.token)
    with pytest.raises(NotPossibleNow):
        desk.locks.answer(desk.ann, knock.id, hand_over=True)


def test_closing_the_waiting_editor_takes_the_question_back(desk: Desk) -> None:
    grip = desk.begin(desk.ann)
    desk.locks.knock(desk.bob, Kind.ORDER, desk.order, "bob's")
    desk.locks.release(desk.bob, "bob's")
    assert desk.locks.knocks(desk.ann, (grip.token,)) == ()


def test_the_list_of_locks_names_order_store_holder_and_draft(desk: Desk) -> None:
    desk.begin(desk.ann)
    (row,) = desk.locks.all(desk.sue)
    assert (row.number, row.store, row.holder, row.terminal, row.has_draft) == (
        "#1001",
        "main",
        "Ann",
        "term-1",
        False,
    )


@pytest.mark.parametrize("askers", [30])
def test_of_thirty_who_ask_at_once_exactly_one_gets_it(desk: Desk, askers: int) -> None:
    people = [make.add_staff(desk.db, f"agent{i}", terminal=f"t{i}") for i in range(askers)]
    start = threading.Barrier(askers)
    won: list[str] = []
    refused: list[CstuiError] = []

    def ask(actor: Actor) -> None:
        own = Database(desk.db.url)
        start.wait(30)
        try:
            Locks(own).begin(actor, Kind.ORDER, desk.order, 1, new_token())
            won.append(actor.name)
        except CstuiError as error:
            refused.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=ask, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(won) == 1
    assert [type(error) for error in refused] == [RecordLocked] * (askers - 1)
    assert {error.holder for error in refused if isinstance(error, RecordLocked)} == set(won)
    assert desk.fence() == 1


def test_locks_are_no_edits_and_only_what_matters_is_audited(desk: Desk) -> None:
    desk.locks.release(desk.ann, desk.begin(desk.ann).token)
    assert make.count(desk.db, AuditEvent) == 0
