"""Shipping again what was sent, and cancelling what has not left: by state, under the lock, never faster than the warehouse (TXN-02)."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput, LockBroken, NotFound, NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip
from cstui.domain.order_history import as_of
from cstui.domain.orders import OrderStatus, OrderView
from cstui.domain.permissions import Role
from cstui.domain.shipments import (
    ShipmentRow,
    ShipmentState,
    why_not_reshipped,
    why_not_shipment_cancelled,
)
from cstui.services.orders import Orders
from cstui.services.shipments import Shipments
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Shipment
from tests.factories import THEN, add_customer, add_order, add_staff, add_store

_SHIPMENT = table_of(Shipment)
S = ShipmentState


class Dock:
    """An order with one shipment in a state, and an agent who works on it."""

    def __init__(
        self,
        db: Database,
        state: S,
        status: OrderStatus = OrderStatus.IN_PROGRESS,
        *,
        is_digital: bool = False,
    ) -> None:
        store = add_store(db)
        self.db, self.ann = db, add_staff(db)
        self.order = add_order(db, store, add_customer(db, store), status=status, shipment=state)
        self.orders, self.shipments = Orders(db), Shipments(db)
        with db.write() as tx:
            tx.run(_SHIPMENT.update().values(carrier="UPS", tracking="1Z", is_digital=is_digital))

    @property
    def view(self) -> OrderView:
        return self.orders.open(self.ann, self.order)

    @property
    def first(self) -> ShipmentRow:
        return self.view.shipments[0]

    def grip(self, actor: Actor | None = None) -> Grip:
        return self.orders.begin_edit(actor or self.ann, self.order, self.view.version, new_token())

    def reship(
        self, lines: dict[int, int] | None = None, reason: str = "lost", note: str = "", save_id: str = "s1"
    ) -> OrderView:
        return self.shipments.reship(
            self.ann, self.order, self.grip(), self.first.id, lines, reason, note, save_id
        )

    def cancel(self, save_id: str = "s1") -> OrderView:
        return self.shipments.cancel(self.ann, self.order, self.grip(), self.first.id, save_id)


@pytest.mark.parametrize("state", [S.SHIPPED, S.DELIVERED, S.RETURNED])
def test_what_was_sent_is_shipped_again_and_the_order_stays_as_it_is(db: Database, state: S) -> None:
    dock = Dock(db, state, OrderStatus.COMPLETED)
    sent = dock.first
    view = dock.reship(note="Carrier lost it")
    assert (view.status, view.version, view.edit_lock) == (OrderStatus.COMPLETED, 2, None)
    old, again = view.shipments
    assert old == sent
    assert (again.state, again.lines, again.method) == (S.AWAITING_INVENTORY, sent.lines, "Standard")
    assert (again.carrier, again.tracking, again.shipped_at) == ("", "", None)
    with db.read() as tx:
        event = audit.events_of(tx, Kind.ORDER, dock.order)[0]
    assert (event.action, event.reason) == ("shipped again", "Lost on the way: Carrier lost it")
    assert [(c.path, c.new) for c in event.changes if c.path.endswith("repeats")] == [
        (f"shipments.{again.id}.repeats", f"shp_{sent.id}")
    ]
    before = as_of(view, reversed(event.changes), THEN, 1)
    assert before.shipments == (sent,)


def test_only_the_chosen_pieces_are_shipped_again(sqlite_db: Database) -> None:
    dock = Dock(sqlite_db, S.DELIVERED)
    (mug, _), (tea, _) = dock.first.lines
    view = dock.reship({mug: 1, tea: 0}, "damaged")
    assert view.shipments[1].lines == ((mug, 1),)
    for lines, said in (({mug: 3}, "held 2"), ({999: 1}, "held 0"), ({mug: 0}, "Nothing is chosen")):
        with pytest.raises(InvalidInput, match=said):
            dock.reship(lines, save_id=new_token())
    assert len(dock.view.shipments) == 2


def test_a_shipment_that_the_warehouse_could_not_send_is_replaced_not_doubled(db: Database) -> None:
    dock = Dock(db, S.FAILED)
    view = dock.reship()
    assert [row.state for row in view.shipments] == [S.CANCELLED, S.AWAITING_INVENTORY]


def test_what_is_digital_is_delivered_again(sqlite_db: Database) -> None:
    dock = Dock(sqlite_db, S.DELIVERED, is_digital=True)
    again = dock.reship().shipments[1]
    assert (again.is_digital, again.state) == (True, S.PENDING)


def test_a_repeated_key_press_ships_once(db: Database) -> None:
    dock = Dock(db, S.SHIPPED)
    first = dock.reship(save_id="one")
    stale = Grip("gone", 1, 1)
    again = dock.shipments.reship(dock.ann, dock.order, stale, dock.first.id, None, "lost", "", "one")
    assert again == first and len(first.shipments) == 2


@pytest.mark.parametrize("state", sorted(set(S)))
@pytest.mark.parametrize("act", [Dock.reship, Dock.cancel])
def test_each_state_allows_what_its_words_say(
    sqlite_db: Database, state: S, act: Callable[[Dock], OrderView]
) -> None:
    dock = Dock(sqlite_db, state)
    why_not = why_not_reshipped if act is Dock.reship else why_not_shipment_cancelled
    if why_not(state):
        with pytest.raises(NotPossibleNow, match=why_not(state)):
            act(dock)
    else:
        act(dock)
    assert dock.view.version == (1 if why_not(state) else 2)


@pytest.mark.parametrize(
    "state", [S.AWAITING_INVENTORY, S.INVENTORY_ASSIGNED, S.ON_HOLD, S.RELEASED, S.PENDING]
)
def test_a_shipment_that_has_not_left_is_cancelled_and_the_order_goes_on(db: Database, state: S) -> None:
    dock = Dock(db, state)
    view = dock.cancel()
    assert (view.shipments[0].state, view.status, view.version) == (S.CANCELLED, OrderStatus.IN_PROGRESS, 2)
    with db.read() as tx:
        event = audit.events_of(tx, Kind.ORDER, dock.order)[0]
    assert event.action == "shipment cancelled"
    assert [(c.path, c.old, c.new) for c in event.changes] == [
        (f"shipments.{dock.first.id}.state", state.value, "cancelled")
    ]


def test_the_warehouse_that_ships_between_the_question_and_the_answer_wins(db: Database) -> None:
    dock = Dock(db, S.RELEASED)
    grip = dock.grip()
    with db.write() as tx:
        tx.run(_SHIPMENT.update().values(state=S.SHIPPED, shipped_at=THEN))
    with pytest.raises(NotPossibleNow, match="has been shipped; create a return"):
        dock.shipments.cancel(dock.ann, dock.order, grip, dock.first.id, "s1")
    assert dock.view.version == 1 and dock.view.edit_lock is not None


def test_the_warehouse_that_ships_during_the_cancelling_wins(db: Database, db_url: str) -> None:
    dock = Dock(db, S.RELEASED)
    grip = dock.grip()
    shipping, go = Event(), Event()

    def ship() -> None:
        warehouse = Database(db_url)
        with warehouse.write() as tx:
            tx.run(_SHIPMENT.update().values(state=S.SHIPPED, shipped_at=THEN))
            shipping.set()
            go.wait(0.2)
        warehouse.close()

    thread = Thread(target=ship)
    thread.start()
    assert shipping.wait(10)
    with pytest.raises(NotPossibleNow, match="has been shipped"):
        dock.shipments.cancel(dock.ann, dock.order, grip, dock.first.id, "s1")
    go.set()
    thread.join(10)
    assert dock.first.state is S.SHIPPED


def test_no_shipment_changes_without_the_lock_of_its_panel(db: Database) -> None:
    dock = Dock(db, S.SHIPPED)
    grip = dock.grip()
    with pytest.raises(LockBroken):
        dock.shipments.reship(
            dock.ann, dock.order, Grip("other", grip.fence, 1), dock.first.id, None, "lost", "", "s1"
        )
    assert len(dock.view.shipments) == 1


def test_a_reason_of_the_list_is_needed_and_other_needs_a_note(sqlite_db: Database) -> None:
    dock = Dock(sqlite_db, S.SHIPPED)
    for reason, note, said in (
        ("", "", "not a reason"),
        ("other", " ", "note is empty"),
        ("lost", "4111 1111 1111 1111", "card number"),
    ):
        with pytest.raises(InvalidInput, match=said):
            dock.reship(reason=reason, note=note, save_id=new_token())
    assert len(dock.reship(reason="other", note="Gift for the wait").shipments) == 2


def test_nothing_of_a_cancelled_order_is_shipped_again(sqlite_db: Database) -> None:
    with pytest.raises(NotPossibleNow, match="order is cancelled"):
        Dock(sqlite_db, S.SHIPPED, OrderStatus.CANCELLED).reship()


def test_another_orders_shipment_and_a_mere_reader_are_refused(sqlite_db: Database) -> None:
    dock = Dock(sqlite_db, S.SHIPPED)
    with pytest.raises(NotFound, match="not part of the order"):
        dock.shipments.reship(dock.ann, dock.order, dock.grip(), 999, None, "lost", "", "s1")
    reader = add_staff(sqlite_db, "vic", Role.VIEWER)
    with pytest.raises(NotPermitted):
        dock.shipments.cancel(reader, dock.order, dock.grip(), dock.first.id, "s2")
