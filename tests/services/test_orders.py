"""Orders: opened in one read, found by number, previewed, saved under the lock, compared after somebody else saved."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from cstui.domain.actor import Actor
from cstui.domain.addresses import LONGEST_FIELD
from cstui.domain.audit import AuditRow, Change
from cstui.domain.clean import clean
from cstui.domain.edit_merge import choose
from cstui.domain.errors import (
    InvalidFields,
    InvalidInput,
    LockBroken,
    NotFound,
    NotPermitted,
    NotPossibleNow,
    RecordChanged,
)
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.money import Money
from cstui.domain.orders import HoldState, LineChange, OrderChange, OrderStatus
from cstui.domain.payments import AllocationKind, AttemptState, PaymentStatus
from cstui.domain.permissions import Permission, Role
from cstui.domain.shipments import FulfilmentStatus, ShipmentState
from cstui.domain.verification import NotVerified
from cstui.services.locks import Locks
from cstui.services.orders import Orders
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Note
from cstui.storage.tables.locks import EditLock, Presence
from cstui.storage.tables.orders import Order, OrderHold, OrderTax, Product, Shipment, ShipmentLine
from cstui.storage.tables.payments import PaymentAttempt, Refund, RefundAllocation
from tests.bad_inputs import BAD_TEXTS
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, at


def insert(db: Database, row: Any) -> int:
    with db.write() as tx:
        tx.session.add(row)
        tx.session.flush()
        return int(getattr(row, "id", 0) or 0)


def test_an_order_opens_with_everything_that_its_screen_paints(db: Database) -> None:
    store = add_store(db)
    customer = add_customer(db, store)
    order = add_order(db, store, customer, paid=3050, tax=0)
    ann = add_staff(db)
    insert(db, OrderHold(order_id=order, reason="Address check", placed_by="Sue", placed_at=THEN))
    insert(db, Note(subject_kind=Kind.ORDER, subject_id=order, author_name="Bob", body="Ring twice", created_at=THEN))  # fmt: skip
    view = Orders(db).open(ann, order)
    assert (view.number, view.store_code, view.customer_name, view.is_test) == (
        "#1001",
        "main",
        "Ann Lee",
        False,
    )
    assert [(line.name, line.quantity, line.total.minor, line.editable) for line in view.lines] == [
        ("Mug", 2, 2000, True),
        ("Tea", 1, 550, True),
    ]
    assert view.totals.total == Money(3050, "USD")
    assert view.placed_at == THEN and view.placed_at.tzinfo is UTC
    assert (view.payment_status, view.fulfilment_status) == (PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED)
    assert view.balance == Money(0, "USD")
    assert [(h.reason, h.state) for h in view.open_holds] == [("Address check", HoldState.OPEN)]
    assert [(n.author, n.body, n.subject) for n in view.notes] == [("Bob", "Ring twice", "order #1001")]
    assert view.shipments[0].lines == tuple((line.id, line.quantity) for line in view.lines)
    assert view.shipping.in_one_line() == "12 Elm Street, Albany, NY 12207, US"
    assert Permission.ORDER_UPDATE in view.permitted and Permission.ORDER_UNLOCK not in view.permitted
    assert view.lines_editable and view.addresses_editable and view.why_not_editable == ""
    assert view.edit_lock is None and view.viewers == ()


def test_a_bare_order_without_lines_money_or_shipments_opens_too(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), lines=(), shipment=None)
    view = Orders(db).open(add_staff(db), order)
    assert (view.lines, view.shipments, view.transactions, view.taxes) == ((), (), (), ())
    assert (view.payment_status, view.fulfilment_status) == (PaymentStatus.UNPAID, FulfilmentStatus.NONE)


def test_another_stores_order_and_a_missing_one_are_not_found_in_the_same_words(db: Database) -> None:
    store, other = add_store(db), add_store(db, "other")
    order = add_order(db, other, add_customer(db, other))
    ann = add_staff(db, store=store)
    with pytest.raises(NotFound) as hidden:
        Orders(db).open(ann, order)
    with pytest.raises(NotFound) as missing:
        Orders(db).open(ann, 31)
    assert "There is no order ord_" in hidden.value.message
    assert missing.value.message == "There is no order ord_z here."
    assert hidden.value.advice == missing.value.advice


def test_a_lock_shows_holder_terminal_and_whether_it_is_stale_by_the_databases_clock(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann, bob = add_staff(db), add_staff(db, "bob")
    now = datetime.now(UTC)
    lock = EditLock(
        record_kind=Kind.ORDER, record_id=order, store_id=store, token="secret", fence=1, holder_id=bob.staff_id,
        holder_name="Bob", terminal="term-9", acquired_at=now, heartbeat_at=now, active_at=now,
        lease_until=now + timedelta(minutes=2), purpose=Purpose.EDIT,
    )  # fmt: skip
    insert(db, lock)
    seen = Orders(db).open(ann, order).edit_lock
    assert seen is not None
    assert (seen.holder, seen.terminal, seen.stale, seen.token) == ("Bob", "term-9", False, "")
    own = Orders(db).open(bob, order).edit_lock
    assert own is not None and own.is_mine("secret")
    with db.write() as tx:
        tx.run(table_of(EditLock).update().values(lease_until=now - timedelta(seconds=1)))
    seen = Orders(db).open(ann, order).edit_lock
    assert seen is not None and seen.stale


def test_others_who_look_are_named_once_and_only_while_they_look(db: Database) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store))
    ann = add_staff(db)
    now = datetime.now(UTC)
    for desk, staff_id, name, terminal, seen in [
        ("d1", ann.staff_id, "Ann", "term-1", now),
        ("d2", 77, "Bob", "term-2", now),
        ("d3", 77, "Bob", "term-3", now - timedelta(seconds=30)),
        ("d4", 78, "Cid", "term-4", now - timedelta(seconds=300)),
    ]:
        row = Presence(desk=desk, record_kind=Kind.ORDER, record_id=order, staff_id=staff_id, staff_name=name,
                       terminal=terminal, since=seen, seen_at=seen)  # fmt: skip
        insert(db, row)
    assert Orders(db).open(ann, order).viewers == ("Bob",)
    assert Orders(db).open(at(ann, "term-5"), order).viewers == ("Ann", "Bob")


@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.UNKNOWN])
def test_an_attempt_whose_outcome_is_not_known_makes_the_payment_status_unknown(
    db: Database, state: AttemptState
) -> None:
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), paid=3050)
    attempt = PaymentAttempt(key="a1", guard_key="g", store_id=store, order_id=order, operation=Operation.REFUND, state=state,
                             amount=100, currency="USD", created_at=THEN)  # fmt: skip
    insert(db, attempt)
    assert Orders(db).open(add_staff(db), order).payment_status is PaymentStatus.UNKNOWN


@pytest.mark.parametrize(
    ("state", "lines", "addresses", "why"),
    [
        (ShipmentState.AWAITING_INVENTORY, True, True, ""),
        (ShipmentState.ON_HOLD, True, True, ""),
        (ShipmentState.RELEASED, False, False, "released to the warehouse"),
        (ShipmentState.SHIPPED, False, False, "shipped"),
        (ShipmentState.CANCELLED, True, True, ""),
    ],
)
def test_lines_and_addresses_are_editable_only_before_release(
    sqlite_db: Database, state: ShipmentState, lines: bool, addresses: bool, why: str
) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), shipment=state)
    view = Orders(db).open(add_staff(db), order)
    assert (view.lines_editable, view.addresses_editable) == (lines, addresses)
    assert all(line.editable is lines for line in view.lines)
    assert why in view.why_not_editable and bool(why) is bool(view.why_not_editable)


def test_a_number_is_found_with_and_without_sign_and_prefix_and_never_in_a_hidden_store(db: Database) -> None:
    store, other = add_store(db, order_prefix="L-"), add_store(db, "other")
    customer = add_customer(db, store)
    first = add_order(db, store, customer, "#1001")
    prefixed = add_order(db, store, customer, "L-940391")
    twin = add_order(db, other, customer, "1001", placed_at=THEN + timedelta(days=1))
    everywhere, here = add_staff(db), add_staff(db, "bob", store=store)
    orders = Orders(db)
    assert orders.by_number(everywhere, "1001") == (twin, first)
    assert orders.by_number(everywhere, "##1001") == (twin, first)
    assert orders.by_number(everywhere, "#1001", "main") == (first,)
    assert orders.by_number(here, "1001") == (first,)
    assert orders.by_number(here, "940391") == orders.by_number(here, "l-940391") == (prefixed,)
    for nothing in ("", "#", "1", "9" * 5000, "10\x0001"):
        assert orders.by_number(everywhere, nothing) == ()


def test_a_cancelled_order_owes_nothing(sqlite_db: Database) -> None:
    db = sqlite_db
    store = add_store(db)
    order = add_order(db, store, add_customer(db, store), status=OrderStatus.CANCELLED)
    with db.write() as tx:
        tx.run(table_of(Order).update().values(cancelled_at=THEN, cancel_reason="Changed his mind"))
    view = Orders(db).open(add_staff(db, role=Role.VIEWER), order)
    assert (view.cancelled_at, view.cancel_reason, view.balance.minor) == (THEN, "Changed his mind", 0)
    assert not view.lines_editable and "cancelled" in view.why_not_editable


# Saving ---------------------------------------------------------------------------------------------


def desk_with_order(db: Database, **more: Any) -> tuple[Orders, Actor, int]:
    """A store, an agent and one order of two mugs and a tea."""
    store = add_store(db)
    return Orders(db), add_staff(db), add_order(db, store, add_customer(db, store), **more)


def begun(orders: Orders, actor: Actor, order: int, **more: Any) -> Grip:
    """The lock of the order as it stands."""
    return orders.begin_edit(actor, order, orders.open(actor, order).version, new_token(), **more)


def events(db: Database, order: int) -> list[AuditRow]:
    with db.read() as tx:
        return list(audit.events_of(tx, Kind.ORDER, order))


def test_a_saved_address_raises_the_version_frees_the_lock_and_is_audited_field_by_field(
    db: Database,
) -> None:
    orders, ann, order = desk_with_order(db)
    grip = begun(orders, ann, order)
    assert orders.open(ann, order).edit_lock is not None
    before = orders.open(ann, order)
    change = OrderChange(shipping=replace(before.shipping, line1=" 1 Oak Road ", city="Troy"))
    saved = orders.save(ann, order, grip, change, "save-1")
    assert saved == orders.open(ann, order)
    assert (saved.version, saved.shipping.line1, saved.shipping.city) == (2, "1 Oak Road", "Troy")
    assert saved.billing == before.billing and saved.totals == before.totals and saved.edit_lock is None
    event = events(db, order)[0]
    assert (event.action, event.version, event.actor) == ("order edited", 2, "Ann")
    assert event.changes == (
        Change("shipping.line1", "12 Elm Street", "1 Oak Road"),
        Change("shipping.city", "Albany", "Troy"),
    )
    with db.read() as tx:
        assert audit.saved(tx, "save-1")


def test_an_edit_of_lines_is_stored_as_it_was_previewed_and_repacks_the_parcel(db: Database) -> None:
    orders, ann, order = desk_with_order(db, tax=255)
    mug, tea = orders.open(ann, order).lines
    jug = LineChange(None, 3, sku="J", name="Jug", unit_price=Money(700, "USD"))
    change = OrderChange(lines=(LineChange(mug.id, 1), LineChange(tea.id, 0), jug))
    told = orders.preview(ann, order, change)
    assert (told.difference, told.after.tax) == (Money(605, "USD"), Money(310, "USD"))
    saved = orders.save(ann, order, begun(orders, ann, order), change, "save-1")
    assert saved.totals == told.after and told.before.total == Money(3305, "USD")
    assert [(row.name, row.quantity, row.total.minor) for row in saved.lines] == [
        ("Mug", 1, 1100),
        ("Jug", 3, 2310),
    ]
    assert saved.shipments[0].lines == ((mug.id, 1), (saved.lines[1].id, 3))
    assert saved.balance == Money(3910, "USD") and saved.transactions == ()
    paths = {change.path: (change.old, change.new) for change in events(db, order)[0].changes}
    assert paths[f"lines.{mug.id}.quantity"] == ("2", "1")
    assert paths[f"lines.{tea.id}"] == ("1 × Tea", "")
    assert paths[f"lines.{saved.lines[1].id}"] == ("", "3 × Jug")
    assert paths["totals.total"] == ("33.05 USD", "39.10 USD")


def test_a_product_is_found_by_its_words_and_added_with_its_price(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    store = orders.open(ann, order).store_id
    cup = insert(
        db,
        Product(store_id=store, sku="CUP-B", name="Cup 100%", option="Blue", unit_price=450, created_at=THEN),
    )
    insert(
        db,
        Product(store_id=store, sku="CUP-R", name="Cup 100%", option="Red", unit_price=450, created_at=THEN),
    )
    insert(db, Product(store_id=store, sku="OLD", name="Old cup", is_active=False, created_at=THEN))
    assert [p.option for p in orders.products(ann, store, "cup")] == ["Blue", "Red"]
    (found,) = orders.products(ann, store, "BLUE 0%")
    assert (found.id, found.unit_price) == (cup, Money(450, "USD"))
    assert orders.products(ann, store, "100_") == () and len(orders.products(ann, store, "")) == 2
    grip = begun(orders, ann, order)
    saved = orders.save(ann, order, grip, OrderChange(lines=(LineChange(None, 2, product_id=cup),)), "s")
    added = saved.lines[-1]
    assert (added.name, added.option, added.sku, added.total.minor) == ("Cup 100%", "Blue", "CUP-B", 900)
    with pytest.raises(InvalidInput, match="not sold"):
        orders.preview(ann, order, OrderChange(lines=(LineChange(None, 2, product_id=999),)))


def test_a_tax_without_a_base_has_to_be_typed_before_lines_can_be_saved(db: Database) -> None:
    orders, ann, order = desk_with_order(db, tax=255)
    with db.write() as tx:
        tx.run(table_of(OrderTax).update().values(base=None))
    mug = orders.open(ann, order).lines[0]
    (tax,) = orders.open(ann, order).taxes
    change = OrderChange(lines=(LineChange(mug.id, 1),))
    assert orders.preview(ann, order, change).needs_tax == ((tax.id, "Sales tax"),)
    grip = begun(orders, ann, order)
    with pytest.raises(InvalidInput, match="Sales tax") as refused:
        orders.save(ann, order, grip, change, "s1")
    assert refused.value.field == f"taxes.{tax.id}"
    typed = replace(change, taxes=((tax.id, Money(150, "USD")),))
    saved = orders.save(ann, order, grip, typed, "s2")
    assert (saved.totals.tax.minor, saved.totals.total.minor) == (150, 2200)


def test_an_edit_that_changes_nothing_frees_the_lock_and_leaves_no_trace(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    before = orders.open(ann, order)
    saved = orders.save(ann, order, begun(orders, ann, order), OrderChange(shipping=before.shipping), "s")
    assert saved == orders.open(ann, order) == before
    assert events(db, order) == []


def test_a_save_that_is_repeated_is_answered_and_stored_once(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    grip = begun(orders, ann, order)
    change = OrderChange(shipping=replace(orders.open(ann, order).shipping, city="Troy"))
    first = orders.save(ann, order, grip, change, "save-1")
    assert orders.save(ann, order, grip, change, "save-1") == first
    assert len(events(db, order)) == 1


def test_of_two_saves_at_once_exactly_one_wins(db: Database, db_url: str) -> None:
    orders, ann, order = desk_with_order(db)
    grip = begun(orders, ann, order)
    view = orders.open(ann, order)
    start, outcomes = Barrier(2), []

    def save(city: str) -> None:
        database = Database(db_url)
        start.wait(10)
        try:
            change = OrderChange(shipping=replace(view.shipping, city=city))
            outcomes.append(Orders(database).save(ann, order, grip, change, f"save-{city}").shipping.city)
        except (LockBroken, RecordChanged) as error:
            outcomes.append(type(error).__name__)
        finally:
            database.close()

    threads = [Thread(target=save, args=(city,)) for city in ("Troy", "Utica")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    now = orders.open(ann, order)
    assert now.shipping.city in outcomes and len(outcomes) == 2
    assert {"LockBroken", "RecordChanged"} & set(outcomes)
    assert now.version == 2 and len(events(db, order)) == 1


def test_a_save_after_a_forced_unlock_is_refused_and_changes_nothing(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    sue = add_staff(db, "sue", Role.SUPERVISOR)
    grip = begun(orders, ann, order)
    Locks(db).force(sue, Kind.ORDER, order, "Ann went home", "f1")
    before = orders.open(ann, order)
    with pytest.raises(LockBroken) as refused:
        orders.save(ann, order, grip, OrderChange(shipping=replace(before.shipping, city="Troy")), "s")
    assert (refused.value.by, refused.value.unchanged) == ("Sue", True)
    assert orders.open(ann, order) == before


def test_an_edit_begun_before_anothers_save_is_compared_and_only_the_clash_is_asked(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    bob = at(add_staff(db, "bob"), "term-2")
    base = orders.open(ann, order)
    theirs = OrderChange(shipping=replace(base.shipping, city="Troy", postcode="12180"))
    orders.save(bob, order, begun(orders, bob, order), theirs, "s1")
    with pytest.raises(RecordChanged) as stale:
        orders.begin_edit(ann, order, base.version, new_token())
    assert (stale.value.by, stale.value.fields) == ("Bob", ("shipping.city", "shipping.postcode"))
    mine = OrderChange(shipping=replace(base.shipping, city="Utica", line2="Flat 3"))
    compared = orders.compare(ann, order, base, mine)
    assert [clash.path for clash in compared.clashes] == ["shipping.city"]
    picked = choose(compared, {"shipping.city": "mine"})
    saved = orders.save(ann, order, begun(orders, ann, order), picked, "s2").shipping
    assert (saved.city, saved.postcode, saved.line2) == ("Utica", "12180", "Flat 3")


def test_a_release_by_the_warehouse_between_opening_and_saving_refuses_the_edit(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    grip = begun(orders, ann, order)
    view = orders.open(ann, order)
    with db.write() as tx:
        tx.run(table_of(Shipment).update().values(state=ShipmentState.RELEASED, released_at=THEN))
    changes = (
        OrderChange(shipping=replace(view.shipping, city="Troy")),
        OrderChange(lines=(LineChange(view.lines[0].id, 1),)),
    )
    for number, change in enumerate(changes):
        with pytest.raises(NotPossibleNow, match="released to the warehouse"):
            orders.save(ann, order, grip, change, f"s{number}")
    assert orders.open(ann, order).version == 1


def test_a_viewer_may_not_save_and_a_stranger_finds_nothing(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    other = add_store(db, "other")
    vic, tim = add_staff(db, "vic", Role.VIEWER), add_staff(db, "tim", store=other)
    grip = begun(orders, ann, order)
    change = OrderChange(shipping=replace(orders.open(ann, order).shipping, city="Troy"))
    with pytest.raises(NotPermitted):
        orders.save(vic, order, grip, change, "s1")
    with pytest.raises(NotFound):
        orders.save(tim, order, grip, change, "s2")
    for refused in (orders.preview, lambda actor, key, _: orders.cancel_effects(actor, key)):
        with pytest.raises(NotFound):
            refused(tim, order, change)


def test_a_caller_who_is_not_verified_keeps_the_address_as_it_is_where_a_setting_says_so(
    db: Database,
) -> None:
    _, ann, order = desk_with_order(db)

    class Strict:
        def value(self, key: str, store_id: int | None = None) -> Any:
            return True if key == "verify.required" else 120

    verifications = Verifications(db, Strict())
    orders = Orders(db, None, verifications)
    view = orders.open(ann, order)
    change = OrderChange(shipping=replace(view.shipping, city="Troy"))
    grip = begun(orders, ann, order)
    with pytest.raises(NotVerified):
        orders.save(ann, order, grip, change, "s1", "desk-1")
    for token in ("name", "postcode"):
        verifications.tick(ann, view.customer_id, "desk-1", token)
    assert orders.save(ann, order, grip, change, "s2", "desk-1").shipping.city == "Troy"


_FREE_FIELDS = ("company", "line2", "region", "phone", "first_name", "last_name")


def test_whatever_is_typed_into_an_address_is_stored_clean(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    storable = [text for _, text in BAD_TEXTS if len(clean(text).strip()) <= LONGEST_FIELD]
    assert len(storable) > 70 and any("\x00" in text for text in storable)
    for start in range(0, len(storable), len(_FREE_FIELDS)):
        typed = dict(zip(_FREE_FIELDS, storable[start:], strict=False))
        address = replace(orders.open(ann, order).shipping, line1=f"{start} Elm Street", company="Lee Ltd")
        change = OrderChange(shipping=replace(address, **typed))
        orders.save(ann, order, begun(orders, ann, order), change, f"s{start}")
        stored = orders.open(ann, order).shipping
        for field, text in typed.items():
            assert getattr(stored, field) == clean(text).strip(), field


def test_text_that_no_address_holds_is_refused_by_its_field_and_the_lock_stays(db: Database) -> None:
    orders, ann, order = desk_with_order(db)
    grip = begun(orders, ann, order)
    before = orders.open(ann, order)
    for text in ("", "   ", "x" * 10_000, "Ann Lee " * 131_072, "4111 1111 1111 1111"):
        change = OrderChange(shipping=replace(before.shipping, line1=text))
        with pytest.raises(InvalidFields) as refused:
            orders.save(ann, order, grip, change, new_token())
        assert [problem.field for problem in refused.value.problems] == ["line1"]
    assert orders.open(ann, order) == before


def test_a_line_with_a_refund_stays_in_the_order(sqlite_db: Database) -> None:
    db = sqlite_db
    orders, ann, order = desk_with_order(db)
    view = orders.open(ann, order)
    refund = insert(db, Refund(store_id=view.store_id, order_id=order, customer_id=view.customer_id, amount=100, currency="USD", requested_at=THEN,
                updated_at=THEN))  # fmt: skip
    insert(
        db,
        RefundAllocation(
            refund_id=refund, kind=AllocationKind.LINE, order_line_id=view.lines[0].id, amount=100
        ),
    )
    with pytest.raises(NotPossibleNow, match="refunded"):
        grip = begun(orders, ann, order)
        orders.save(ann, order, grip, OrderChange(lines=(LineChange(view.lines[0].id, 0),)), "s")


def test_new_pieces_and_lines_go_to_the_open_parcel_and_an_emptied_one_is_cancelled(sqlite_db: Database) -> None:  # fmt: skip
    db = sqlite_db
    orders, ann, order = desk_with_order(db)
    mug, tea = orders.open(ann, order).lines
    second = insert(db, Shipment(order_id=order, state=ShipmentState.AWAITING_INVENTORY, created_at=THEN))
    with db.write() as tx:
        content = table_of(ShipmentLine)
        tx.run(content.delete().where(content.c.order_line_id == tea.id))
        tx.session.add(ShipmentLine(shipment_id=second, order_line_id=tea.id, quantity=1))
    change = OrderChange(lines=(LineChange(tea.id, 0), LineChange(mug.id, 5)))
    saved = orders.save(ann, order, begun(orders, ann, order), change, "s")
    assert [(p.state, p.lines) for p in saved.shipments] == [
        (ShipmentState.AWAITING_INVENTORY, ((mug.id, 5),)),
        (ShipmentState.CANCELLED, ()),
    ]


def test_opening_an_order_needs_only_the_driver(sqlite_db: Database) -> None:
    orders, ann, order = desk_with_order(sqlite_db)
    program = (
        "import sys; from cstui.domain.actor import Actor, Grant; from cstui.domain.permissions import Role;"
        "from cstui.services.orders import Orders; from cstui.storage.database import Database;"
        f"actor = Actor({ann.staff_id}, 'Ann', 't', 1, (Grant(Role.AGENT),));"
        f"view = Orders(Database({sqlite_db.url.text!r})).open(actor, {order});"
        "print(view.number, sorted({'sqlalchemy', 'sqlmodel', 'textual'} & sys.modules.keys()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.strip() == f"{orders.open(ann, order).number} []"
