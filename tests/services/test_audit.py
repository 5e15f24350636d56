"""The history: read newest first, proven, and erasable without breaking the proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import Kind, new_token
from cstui.domain.notes import NoteSource
from cstui.domain.permissions import Role
from cstui.services.audit import Audit
from cstui.services.locks import Locks
from cstui.storage.database import Database
from cstui.storage.queries import audit as rows
from cstui.storage.queries.audit import NewEvent
from cstui.storage.tables.audit import AuditChain, AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Note
from cstui.storage.tables.locks import EditLock, LockEvent
from cstui.storage.tables.orders import Order, OrderLine
from cstui.storage.tables.subscriptions import Subscription
from tests import factories as make

CHAIN, EVENT, CHANGE = table_of(AuditChain), table_of(AuditEvent), table_of(AuditChange)
ORDER, LOCK, NOTE = table_of(Order), table_of(EditLock), table_of(Note)


@dataclass
class Desk:
    db: Database
    audit: Audit
    store: int
    customer: int
    order: int
    ann: Actor
    admin: Actor

    def edit(self, old: str, new: str, save_id: str = "", path: str = "email") -> int:
        """One edit of the order, with the version that it makes."""
        with self.db.write(save_id) as tx:
            version = tx.rows(
                ORDER.update()
                .where(ORDER.c.id == self.order)
                .values(version=ORDER.c.version + 1)
                .returning(ORDER.c.version)
            )[0].version
            return rows.append(
                tx,
                NewEvent(
                    self.ann, self.store, Kind.ORDER, self.order, "order.edited", (Change(path, old, new),),
                    version=version, customer_id=self.customer, save_id=save_id,
                ),
            )  # fmt: skip

    def faults(self) -> tuple[str, ...]:
        return self.audit.verify(self.admin)

    def run(self, statement: Any) -> None:
        with self.db.write() as tx:
            tx.run(statement)


@pytest.fixture
def desk(db: Database) -> Desk:
    store = make.add_store(db)
    customer = make.add_customer(db, store)
    order = make.add_order(db, store, customer)
    return Desk(
        db,
        Audit(db),
        store,
        customer,
        order,
        make.add_staff(db, "ann"),
        make.add_staff(db, "root", Role.ADMIN),
    )


def test_the_history_is_newest_first_with_who_what_old_and_new_and_pages_on(desk: Desk) -> None:
    ids = [desk.edit(str(n), str(n + 1)) for n in range(5)]
    page = desk.audit.order(desk.ann, desk.order, limit=2)
    assert [row.id for row in page] == [ids[4], ids[3]]
    assert (page[0].actor, page[0].terminal, page[0].action, page[0].version) == (
        "Ann",
        "term-1",
        "order.edited",
        6,
    )
    assert page[0].changes == (Change("email", "4", "5"),)
    rest = desk.audit.order(desk.ann, desk.order, before=page[-1].id)
    assert [row.id for row in rest] == [ids[2], ids[1], ids[0]]


def test_who_may_not_see_the_history_is_refused_and_another_stores_order_is_not_found(desk: Desk) -> None:
    viewer = make.add_staff(desk.db, "vic", Role.VIEWER)
    stranger = make.add_staff(desk.db, "eve", store=make.add_store(desk.db, "other"))
    with pytest.raises(NotPermitted):
        desk.audit.order(viewer, desk.order)
    with pytest.raises(NotFound):
        desk.audit.order(stranger, desk.order)
    with pytest.raises(NotFound):
        desk.audit.customer(stranger, desk.customer)
    with pytest.raises(NotPermitted):
        desk.audit.verify(stranger)


def test_a_customers_history_holds_what_is_his_in_the_stores_one_may_see(desk: Desk) -> None:
    other = make.add_store(desk.db, "other")
    here = desk.edit("a", "b")
    with desk.db.write() as tx:
        own = rows.append(tx, NewEvent(desk.ann, 0, Kind.CUSTOMER, desk.customer, "customer.edited"))
        there = rows.append(
            tx, NewEvent(desk.ann, other, Kind.ORDER, 77, "order.edited", customer_id=desk.customer)
        )
    bob = make.add_staff(desk.db, "bob", store=desk.store)
    assert [row.id for row in desk.audit.customer(desk.ann, desk.customer)] == [there, own, here]
    assert [row.id for row in desk.audit.customer(bob, desk.customer)] == [own, here]
    assert [row.id for row in desk.audit.customer(bob, desk.customer, before=own)] == [here]


def test_ones_own_day_holds_ones_own_doings_only(desk: Desk) -> None:
    mine = desk.edit("a", "b")
    bob = make.add_staff(desk.db, "bob")
    with desk.db.write() as tx:
        rows.append(tx, NewEvent(bob, desk.store, Kind.ORDER, desk.order, "note.added"))
    assert [row.id for row in desk.audit.mine_today(desk.ann)] == [mine]
    desk.run(EVENT.update().where(EVENT.c.id == mine).values(at=make.THEN - timedelta(days=3)))
    assert desk.audit.mine_today(desk.ann) == ()


def test_a_save_id_tells_whether_it_was_stored(desk: Desk) -> None:
    desk.edit("a", "b", save_id="s1")
    assert desk.audit.saved("s1")
    assert not desk.audit.saved("s2")
    assert not desk.audit.saved("")


def test_the_changes_after_an_event_lead_back_to_it(desk: Desk) -> None:
    first = desk.edit("a", "b")
    desk.edit("b", "c")
    desk.edit("c", "d")
    with desk.db.read() as tx:
        undo = rows.changes_after(tx, Kind.ORDER, desk.order, first)
        with pytest.raises(NotFound):
            rows.changes_after(tx, Kind.ORDER, desk.order + 1, first)
    assert undo == (Change("email", "c", "d"), Change("email", "b", "c"))


def test_an_untouched_history_has_no_faults_even_over_several_days_and_stores(desk: Desk) -> None:
    other = make.add_store(desk.db, "other")
    for n in range(4):
        desk.edit(str(n), str(n + 1))
        if n == 1:
            _yesterday(desk)
    with desk.db.write() as tx:
        rows.append(tx, NewEvent(desk.ann, other, Kind.STORE, other, "store.added"))
        rows.append(tx, NewEvent(desk.ann, 0, Kind.SETTING, 1, "setting.changed", (Change("x", "", "y"),)))
    parts: list[str] = []
    assert desk.audit.verify(desk.admin, lambda part, _: parts.append(part)) == ()
    assert parts == [
        "the chain", "versions", "fences", "locks", "totals", "refunds", "payments", "sending", "card numbers",
    ]  # fmt: skip


def _yesterday(desk: Desk) -> None:
    """Moves all that was written so far to the day before, with its hashes reckoned anew: a chain of two days."""
    from cstui.domain.audit import event_hash

    with desk.db.write() as tx:
        head = ""
        for event in tx.rows(sa.select(EVENT).order_by(EVENT.c.seq)):
            moved = {
                **event._mapping,
                "day": event.day - timedelta(days=1),
                "at": event.at - timedelta(days=1),
            }
            changes = tx.rows(sa.select(CHANGE).where(CHANGE.c.event_id == event.id))
            own = event_hash(
                head, rows.event_facts(moved), [(c.path, c.old_hash, c.new_hash) for c in changes]
            )
            tx.run(
                EVENT.update()
                .where(EVENT.c.id == event.id)
                .values(day=moved["day"], at=moved["at"], prev_hash=head, hash=own)
            )
            head = own
        tx.run(CHAIN.update().values(day=moved["day"], head=head))


TAMPERINGS: dict[str, tuple[Callable[[int], Any], str]] = {
    "a changed value": (lambda e: CHANGE.update().where(CHANGE.c.event_id == e).values(new="x"), "new value of email was changed"),
    "a changed old value": (lambda e: CHANGE.update().where(CHANGE.c.event_id == e).values(old="x"), "old value of email was changed"),
    "a blanked value": (lambda e: CHANGE.update().where(CHANGE.c.event_id == e).values(old=None, new=None), "nobody has erased it"),
    "a removed change": (lambda e: CHANGE.delete().where(CHANGE.c.event_id == e), "changed after it was written"),
    "another author": (lambda e: EVENT.update().where(EVENT.c.id == e).values(actor_name="Eve"), "changed after it was written"),
    "another time": (lambda e: EVENT.update().where(EVENT.c.id == e).values(at=make.THEN), "changed after it was written"),
    "another version": (lambda e: EVENT.update().where(EVENT.c.id == e).values(version=99), "changed after it was written"),
    "a forged hash": (lambda e: EVENT.update().where(EVENT.c.id == e).values(hash="0" * 64), "changed after it was written"),
    "a cut link": (lambda e: EVENT.update().where(EVENT.c.id == e).values(prev_hash="0" * 64), "does not follow"),
    "a moved head": (lambda e: CHAIN.update().values(head="0" * 64), "the chain ends with"),
    "a removed day": (lambda e: CHAIN.delete(), "the chain of this day is missing"),
    "another opening": (lambda e: CHAIN.update().values(opening="0" * 64), "does not open with the end of the day before"),
}  # fmt: skip


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_whoever_touches_the_history_is_found_out(desk: Desk, tampering: str) -> None:
    desk.edit("a", "b")
    target = desk.edit("b", "c")
    desk.edit("c", "d")
    statement, said = TAMPERINGS[tampering]
    desk.run(statement(target))
    assert any(said in fault for fault in desk.faults()), desk.faults()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_removed_event_leaves_a_gap(desk: Desk, which: int) -> None:
    ids = [desk.edit("a", "b"), desk.edit("b", "c"), desk.edit("c", "d")]
    desk.run(CHANGE.delete().where(CHANGE.c.event_id == ids[which]))
    desk.run(EVENT.delete().where(EVENT.c.id == ids[which]))
    faults = desk.faults()
    assert any("is missing" in fault or "the chain ends with" in fault for fault in faults)
    assert any("its history tells of version" in fault for fault in faults)


def test_an_erased_value_is_gone_and_the_chain_still_holds(desk: Desk) -> None:
    event = desk.edit("ann@example.com", "lee@example.com")
    desk.audit.erase(desk.admin, event, "email", "asked to be forgotten")
    assert desk.faults() == ()
    shown = desk.audit.order(desk.ann, desk.order)
    assert shown[1].changes == (Change("email", "(erased)", "(erased)"),)
    assert (shown[0].action, shown[0].reason, shown[0].version) == (
        "audit.erased",
        "asked to be forgotten",
        None,
    )
    with desk.db.read() as tx:
        kept = tx.rows(sa.select(CHANGE).where(CHANGE.c.event_id == event))[0]
    assert (kept.old, kept.new, kept.salt) == (None, None, "")


def test_erasing_needs_permission_reason_and_a_field_that_is_there(desk: Desk) -> None:
    event = desk.edit("a", "b")
    with pytest.raises(NotPermitted):
        desk.audit.erase(desk.ann, event, "email", "asked")
    with pytest.raises(InvalidInput):
        desk.audit.erase(desk.admin, event, "email", " ")
    with pytest.raises(NotFound, match="no field"):
        desk.audit.erase(desk.admin, event, "phone", "asked")
    with pytest.raises(NotFound):
        desk.audit.erase(desk.admin, 999_999, "email", "asked")
    assert desk.faults() == ()


def test_a_version_without_its_edit_is_a_fault(desk: Desk) -> None:
    desk.edit("a", "b")
    desk.run(ORDER.update().values(version=5))
    assert any("is at version 5, but its history tells of version 2" in fault for fault in desk.faults())


def test_a_fence_that_falls_is_a_fault(desk: Desk) -> None:
    locks = Locks(desk.db)
    for _ in range(2):
        locks.begin(desk.ann, Kind.ORDER, desk.order, 1, new_token())
        locks.force(desk.admin, Kind.ORDER, desk.order, "test")
    assert desk.faults() == ()
    desk.run(table_of(LockEvent).update().values(fence=1))
    assert any("fences must grow" in fault for fault in desk.faults())
    locks.begin(desk.ann, Kind.ORDER, desk.order, 1, new_token())
    desk.run(ORDER.update().values(fence=1))
    assert any("is held with fence 5, but stands at 1" in fault for fault in desk.faults())


def test_a_lock_of_nobody_or_on_nothing_is_a_fault(desk: Desk) -> None:
    Locks(desk.db).begin(desk.ann, Kind.ORDER, desk.order, 1, new_token())
    desk.run(LOCK.update().values(holder_id=4711, record_id=4712))
    faults = desk.faults()
    assert any("not on the staff" in fault for fault in faults)
    assert any("does not exist" in fault for fault in faults)


def test_totals_that_do_not_add_up_are_faults(desk: Desk) -> None:
    desk.run(ORDER.update().values(total=ORDER.c.total + 1))
    assert any("the total is" in fault for fault in desk.faults())
    desk.run(ORDER.update().values(total=ORDER.c.total - 1))
    desk.run(table_of(OrderLine).update().values(quantity=7))
    assert any("the lines add up to" in fault for fault in desk.faults())


def test_a_card_number_in_a_note_or_in_the_history_is_a_fault(desk: Desk) -> None:
    desk.edit("", "4111 1111 1111 1111", path="note")
    row = {
        "subject_kind": Kind.ORDER,
        "subject_id": desk.order,
        "source": NoteSource.MANUAL,
        "author_name": "Ann",
    }
    desk.run(NOTE.insert().values(**row, body="paid with 5555 5555 5555 4444", created_at=make.THEN))
    faults = desk.faults()
    assert any(fault.startswith("Note") and "4444" in fault for fault in faults)
    assert any(fault.startswith("History entry") and "**** 1111" in fault for fault in faults)
    assert not any("4111 1111" in fault or "5555 5555" in fault for fault in faults)


def test_the_tables_that_can_be_locked_are_all_checked() -> None:
    from cstui.storage.queries.lock_rows import LOCKABLE

    assert [table for table, _ in LOCKABLE.values()] == [ORDER, table_of(Subscription)]
