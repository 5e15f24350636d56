"""The demo: the same seed and day give the same database, and what it holds hangs together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import system_actor
from cstui.domain.audit import event_hash, instant_text, value_hash
from cstui.domain.clean import clean, find_card_number
from cstui.domain.customers import checked_email, checked_locale
from cstui.domain.errors import Conflict
from cstui.domain.gateway_rules import last_cut_off
from cstui.domain.gateways import Account, Ask, Operation, Settlement, Verdict
from cstui.domain.ids import Kind
from cstui.domain.money import Money, shared_out
from cstui.domain.orders import DiscountTarget, HoldState, OrderStatus
from cstui.domain.payments import (
    PaymentStatus,
    TransactionKind,
    TransactionStatus,
    payment_status,
    summed_up,
)
from cstui.domain.permissions import Role
from cstui.domain.reasons import ReasonKind
from cstui.domain.shipments import ShipmentState, fulfilment_status
from cstui.domain.subscriptions import PeriodState, SubscriptionStatus
from cstui.services.audit import Audit
from cstui.services.demo import Demo
from cstui.services.gateways.sandbox import Sandbox
from cstui.services.orders import Orders
from cstui.services.password_hash import fits
from cstui.services.search import Search
from cstui.storage.database import Database
from cstui.storage.tables import Base
from cstui.storage.tables.audit import AuditChain, AuditChange, AuditEvent
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Call, Card, Customer, CustomerAddress, Note, RecentCustomer
from cstui.storage.tables.locks import Draft, EditLock
from cstui.storage.tables.orders import (
    Order,
    OrderDiscount,
    OrderHold,
    OrderLine,
    OrderTax,
    Shipment,
    ShipmentLine,
)
from cstui.storage.tables.payments import Transaction as PaymentTransaction
from cstui.storage.tables.people import Reason, Staff, StaffGrant, Store
from cstui.storage.tables.sandbox import SandboxCard, SandboxTransaction
from cstui.storage.tables.subscriptions import Subscription, SubscriptionPeriod
from tests.conftest import sqlite_url

DAY = date(2026, 11, 22)
BEGUN = datetime(2026, 11, 22, tzinfo=UTC)
CHARGES = (TransactionKind.SALE, TransactionKind.CAPTURE)
PASSWORD = "heather over granite"
#: Numbers that regulators set aside for films and books.
FICTION = re.compile(
    r"\+1[2-9]\d\d55501\d\d|\+44207946\d{4}|\+4930(23125)\d{3}|\+498999998\d{3}|\+496990009\d{3}|\+494066969\d{3}"
    r"|\+492214710\d{3}|\+331990\d{5}|\+46701740(60[5-9]|6[1-9]\d)|\+6125550\d{4}"
)

Rows = Callable[[Any], list[Any]]


def dumped(database: Database, table: sa.Table) -> list[Any]:
    with database.read() as tx:
        columns = [column for column in table.columns if column.name != "password_hash"]
        return tx.rows(sa.select(*columns).order_by(*table.primary_key.columns))


@pytest.fixture(scope="module")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(sqlite_url(sqlite_template, tmp_path_factory.mktemp("demo")), durable=False)
    Demo(database).seed(DAY, PASSWORD)
    yield database
    database.close()


@pytest.fixture(scope="module")
def rows(seeded: Database) -> Rows:
    """All rows of a table, read once."""
    kept: dict[Any, list[Any]] = {}

    def of(model: Any) -> list[Any]:
        if model not in kept:
            kept[model] = dumped(seeded, table_of(model))
        return kept[model]

    return of


def by(rows: list[Any], column: str) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, column)].append(row)
    return groups


def test_it_seeds_both_kinds_of_database_with_the_same_rows(db: Database, seeded: Database) -> None:
    summary = Demo(db).seed(DAY, PASSWORD)

    assert (summary.stores, summary.customers, summary.orders) == (4, 2_000, 6_000)
    assert summary.staff == ("ann", "bob", "sue", "adam", "wanda", "vic")
    for table in Base.metadata.sorted_tables:
        if table.name not in ("search_word", "search_person", "search_term"):
            assert [tuple(row) for row in dumped(db, table)] == [
                tuple(row) for row in dumped(seeded, table)
            ], table.name
    with db.write() as tx:  # what is added afterwards gets a key of its own
        tx.session.add(Reason(kind=ReasonKind.HOLD, code="new", label="New"))
        tx.session.add(
            Note(subject_kind=Kind.CUSTOMER, subject_id=1, customer_id=1, body="Hello", created_at=BEGUN)
        )
    Demo(db).refresh()


def test_a_database_with_data_is_left_alone(seeded: Database) -> None:
    with pytest.raises(Conflict, match="holds data already"):
        Demo(seeded).seed(DAY, PASSWORD)


def test_there_are_stores_in_two_currencies_and_one_for_practice(rows: Rows) -> None:
    stores = rows(Store)
    assert {store.currency for store in stores} == {"USD", "EUR"}
    assert {store.zone for store in stores} >= {"America/New_York", "America/Los_Angeles", "Europe/Berlin"}
    assert [store.code for store in stores if store.is_test] == ["lab"]


def test_everybody_can_sign_in_at_once_with_his_role(seeded: Database, rows: Rows) -> None:
    with seeded.read() as tx:
        staff = tx.rows(sa.select(table_of(Staff)))
    roles = {grant.staff_id: (grant.role, grant.store_id) for grant in rows(StaffGrant)}
    held = {person.name: roles[person.id] for person in staff}
    assert held == {
        "ann": (Role.AGENT, None), "bob": (Role.AGENT, None), "sue": (Role.SUPERVISOR, None), "adam": (Role.ADMIN, None),
        "wanda": (Role.WAREHOUSE, None), "vic": (Role.VIEWER, 3),
    }  # fmt: skip
    assert all(fits(person.password_hash, PASSWORD) and not person.must_change_password for person in staff)


@pytest.mark.parametrize(
    ("model", "column", "states"),
    [
        (Order, "status", OrderStatus),
        (Shipment, "state", ShipmentState),
        (Subscription, "status", SubscriptionStatus),
        (SubscriptionPeriod, "state", PeriodState),
    ],
)
def test_every_state_is_there(rows: Rows, model: Any, column: str, states: Any) -> None:
    assert {getattr(row, column) for row in rows(model)} == set(states)


def test_every_payment_status_can_be_derived(rows: Rows) -> None:
    moved = by(rows(PaymentTransaction), "order_id")
    kinds = {row.id: row.kind for row in rows(PaymentTransaction)}
    found = Counter(
        payment_status(
            order.total,
            summed_up(
                (row.kind, row.status, row.amount, kinds.get(row.parent_id))
                for row in moved.get(order.id, ())
            ),
        )
        for order in rows(Order)
    )
    assert set(found) == set(PaymentStatus)


def test_what_goes_back_never_exceeds_what_came_in(rows: Rows) -> None:
    transactions = {row.id: row for row in rows(PaymentTransaction)}
    back: Counter[int] = Counter()
    for row in transactions.values():
        if row.kind in (TransactionKind.REFUND, TransactionKind.VOID, TransactionKind.CHARGEBACK):
            assert row.status is TransactionStatus.SUCCEEDED
            back[row.parent_id] += row.amount
        if row.parent_id is not None:
            assert (
                row.occurred_at > transactions[row.parent_id].occurred_at
                and row.order_id == transactions[row.parent_id].order_id
            )
    assert back
    assert all(amount <= transactions[parent].amount for parent, amount in back.items())


def test_totals_are_lines_and_shipping_and_tax_less_discounts(rows: Rows) -> None:
    lines, taxes, offs = (
        by(rows(OrderLine), "order_id"),
        by(rows(OrderTax), "order_id"),
        by(rows(OrderDiscount), "order_id"),
    )
    for order in rows(Order):
        mine = lines[order.id]
        assert order.subtotal == sum(line.quantity * line.unit_price for line in mine)
        assert order.discount == sum(off.amount for off in offs[order.id])
        assert sum(line.discount for line in mine) == sum(
            off.amount for off in offs[order.id] if off.target is DiscountTarget.LINES
        )
        assert order.tax == sum(tax.amount for tax in taxes[order.id]) == sum(line.tax for line in mine)
        added = 0 if order.prices_include_tax else order.tax
        assert order.total == order.subtotal - order.discount + order.shipping + added >= 0
    assert shared_out(1, [1]) == [1]


def test_nothing_is_shipped_that_was_not_ordered(rows: Rows) -> None:
    ordered = {line.id: (line.order_id, line.quantity) for line in rows(OrderLine)}
    of_shipment = {shipment.id: shipment.order_id for shipment in rows(Shipment)}
    sent: Counter[int] = Counter()
    for row in rows(ShipmentLine):
        sent[row.order_line_id] += row.quantity
        assert of_shipment[row.shipment_id] == ordered[row.order_line_id][0]
    assert all(quantity <= ordered[line][1] for line, quantity in sent.items())


def test_states_of_an_order_fit_each_other(rows: Rows) -> None:
    holds, parcels = by(rows(OrderHold), "order_id"), by(rows(Shipment), "order_id")
    for order in rows(Order):
        is_open = any(hold.state is HoldState.OPEN for hold in holds[order.id])
        assert is_open == (order.status is OrderStatus.ON_HOLD)
        assert (order.cancelled_at is not None) == (order.status is OrderStatus.CANCELLED)
        fulfilled = fulfilment_status(tuple(parcel.state for parcel in parcels[order.id]))
        if order.status is OrderStatus.COMPLETED:
            assert fulfilled in ("fulfilled", "returned")
        if order.status is OrderStatus.PARTIALLY_SHIPPED:
            assert fulfilled == "partial"
        if order.status in (OrderStatus.CREATED, OrderStatus.ON_HOLD, OrderStatus.CANCELLED):
            assert fulfilled in ("unfulfilled", "cancelled")


def test_order_numbers_grow_with_the_days_of_each_store(rows: Rows) -> None:
    for of_store in by(rows(Order), "store_id").values():
        numbers = [
            int(re.sub(r"\D", "", order.number)) for order in sorted(of_store, key=lambda o: o.placed_at)
        ]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_the_next_billing_follows_the_last_and_each_cycle_is_billed_once(rows: Rows) -> None:
    orders = {order.id: order for order in rows(Order)}
    periods = by(rows(SubscriptionPeriod), "subscription_id")
    for sub in rows(Subscription):
        mine = sorted(periods[sub.id], key=lambda period: period.cycle)
        assert [period.cycle for period in mine] == list(range(1, len(mine) + 1))
        if sub.next_bill_date is not None:
            assert sub.next_bill_date > sub.last_bill_date
            if sub.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL):
                assert sub.next_bill_date >= DAY
        for period in mine:
            if period.state is PeriodState.BILLED:
                order = orders[period.order_id]
                assert (order.total, order.customer_id, order.store_id) == (
                    period.amount,
                    sub.customer_id,
                    sub.store_id,
                )
                assert period.cycle == 1 or (order.subscription_id, order.cycle) == (sub.id, period.cycle)


def test_versions_and_fences_are_what_the_audit_says(rows: Rows) -> None:
    locks = {lock.record_id: lock.fence for lock in rows(EditLock)}
    events = by([event for event in rows(AuditEvent) if event.record_kind is Kind.ORDER], "record_id")
    for order in rows(Order):
        mine = events.get(order.id, [])
        assert order.version == 1 + sum(event.version is not None for event in mine)
        fences = [event.fence for event in mine]
        assert fences == sorted(set(fences))
        assert order.fence == locks.get(order.id, max(fences, default=0))
    assert len(events) > 1_000


def test_the_audit_is_one_unbroken_chain_per_store(rows: Rows) -> None:
    changes = by(rows(AuditChange), "event_id")
    chains = {(chain.store_id, chain.day): chain for chain in rows(AuditChain)}
    for store_id, events in by(rows(AuditEvent), "store_id").items():
        head = ""
        for (_, day), of_day in sorted(by_day(events).items()):
            chain = chains.pop((store_id, day))
            assert chain.opening == head
            for number, event in enumerate(of_day, start=1):
                assert event.seq == number and event.prev_hash == head
                hashed: list[tuple[str, str, str]] = []
                for change in sorted(changes[event.id], key=lambda change: change.position):
                    assert change.old_hash == value_hash(change.salt, change.old)
                    assert change.new_hash == value_hash(change.salt, change.new)
                    hashed.append((change.path, change.old_hash, change.new_hash))
                facts = (
                    store_id, day.isoformat(), event.seq, event.record_kind.value, event.record_id, event.version, event.fence,
                    event.actor_id, event.actor_name, event.terminal, instant_text(event.at), event.action, event.reason, event.save_id,
                )  # fmt: skip
                head = event_hash(event.prev_hash, facts, hashed)
                assert event.hash == head
            assert (chain.seq, chain.head) == (len(of_day), head)
    assert not chains


def by_day(events: list[Any]) -> dict[tuple[int, date], list[Any]]:
    days: dict[tuple[int, date], list[Any]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.id):
        assert event.at.date() == event.day
        days[event.store_id, event.day].append(event)
    return days


def test_nobody_can_be_reached_by_accident(rows: Rows) -> None:
    host = re.compile(r"(example\.(com|net|org)|[a-z0-9.-]+\.example)")
    people = rows(Customer)
    for email in {person.email for person in people} | {order.email for order in rows(Order)}:
        assert not email or host.fullmatch(checked_email(email).split("@")[1].lower())
    assert all(not person.phone_e164 or FICTION.fullmatch(person.phone_e164) for person in people)
    assert sum(bool(person.phone_e164) for person in people) > 1_700
    for person in people:
        digits = re.sub(r"\D", "", person.phone.replace("(0)", ""))
        assert digits[-7:] == re.sub(r"\D", "", person.phone_e164)[-7:]


def test_phones_are_valid_where_people_type_them(rows: Rows) -> None:
    import phonenumbers

    homes = {address.customer_id: address.country for address in rows(CustomerAddress)}
    for person in rows(Customer):
        if person.phone:
            number = phonenumbers.parse(person.phone, homes[person.id])
            assert phonenumbers.is_valid_number(number), person.phone
            assert (
                phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == person.phone_e164
            )


def test_text_is_clean_and_holds_no_card_number(rows: Rows) -> None:
    for model in (
        Customer,
        CustomerAddress,
        Order,
        OrderLine,
        Note,
        Call,
        Shipment,
        Card,
        PaymentTransaction,
    ):
        for row in rows(model):
            for name, value in row._mapping.items():
                if isinstance(value, str):
                    assert clean(value, multiline=name in ("body", "note")) == value, (name, value)
                    assert name.endswith("e164") or find_card_number(value) is None, (name, value)


def test_nothing_has_happened_yet_that_the_day_would_bring(rows: Rows) -> None:
    for model in (Customer, Order, OrderHold, Shipment, PaymentTransaction, AuditEvent, Note, Call, Card):
        for row in rows(model):
            for name, value in row._mapping.items():
                assert not isinstance(value, datetime) or value <= BEGUN, (model, name, value)


def test_nobody_orders_before_he_is_known(rows: Rows) -> None:
    since = {person.id: person.created_at for person in rows(Customer)}
    assert all(order.placed_at > since[order.customer_id] for order in rows(Order))


def test_names_come_in_many_scripts_and_shapes(rows: Rows) -> None:
    import unicodedata

    people = rows(Customer)
    scripts = {
        unicodedata.name(person.last_name[0]).split()[0]
        for person in people
        if person.last_name and person.last_name[0].isalpha()
    }
    assert scripts >= {
        "LATIN",
        "CYRILLIC",
        "GREEK",
        "ARABIC",
        "HEBREW",
        "CJK",
        "HANGUL",
        "BENGALI",
        "DEVANAGARI",
        "THAI",
    }
    assert any("'" in person.last_name or "’" in person.last_name for person in people)
    assert any("-" in person.last_name for person in people)
    assert any(person.first_name and not person.last_name for person in people)
    assert any(person.company and not person.first_name for person in people)
    assert max(len(person.first_name + person.last_name) for person in people) > 80
    for person in people:
        checked_locale(person.language, person.locale)


def test_cards_of_every_sort_are_on_file(rows: Rows) -> None:
    cards = rows(Card)
    assert max(Counter(card.customer_id for card in cards).values()) >= 3
    assert {card.gateway for card in cards} == {"sandbox", "oldpay"}
    assert any(card.is_test for card in cards) and any(card.failed_before for card in cards)
    assert any((card.expiry_year, card.expiry_month) < (DAY.year, DAY.month) for card in cards)
    assert all(sum(card.is_default for card in of_one) == 1 for of_one in by(cards, "customer_id").values())


def test_the_situations_that_it_tells_of_are_there(seeded: Database, rows: Rows) -> None:
    orders = {order.number: order for order in rows(Order) if order.store_id == 1}
    people = {f"{person.first_name} {person.last_name}": person for person in rows(Customer)}
    homes = by(rows(CustomerAddress), "customer_id")
    assert (
        len([order for order in rows(Order) if order.customer_id == people["Rosalind Achterberg"].id]) == 60
    )
    assert (
        homes[people["Margaret Whitlock"].id][0].line1
        == homes[people["Henry Whitlock"].id][0].line1
        == "47 Beacon Street"
    )
    assert people["Dolores Vázquez"].phone_e164 == people["Nina Vázquez-Reed"].phone_e164 != ""
    assert sum(person.email.endswith("@lindqvist.example") for person in rows(Customer)) == 4
    held, forgotten = sorted(rows(EditLock), key=lambda lock: lock.lease_until, reverse=True)
    assert (held.holder_name, held.terminal, BEGUN - held.acquired_at) == (
        "Bob",
        "term-3",
        timedelta(minutes=12),
    )
    assert held.lease_until > BEGUN + timedelta(days=1) and forgotten.lease_until < BEGUN
    draft = rows(Draft)[0]
    of_draft = next(order for order in orders.values() if order.id == draft.record_id)
    assert draft.base_version == of_draft.version and of_draft.status is OrderStatus.IN_PROGRESS
    assert len([row for row in rows(RecentCustomer) if row.staff_id == draft.staff_id]) >= 12


def test_a_file_without_a_schema_is_seeded_for_any_day_and_bobs_lock_is_fresh_when_it_is_opened(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}", durable=False)
    demo = Demo(database)
    demo.seed(date(2020, 3, 1), PASSWORD)

    latest = max(row.placed_at for row in dumped(database, table_of(Order)))
    assert timedelta(0) < datetime(2020, 3, 1, tzinfo=UTC) - latest < timedelta(days=1)
    demo.refresh()
    lock = max(dumped(database, table_of(EditLock)), key=lambda row: row.lease_until)
    with database.read() as tx:
        now = tx.now
    assert lock.lease_until > now and timedelta(minutes=12) <= now - lock.acquired_at < timedelta(minutes=13)
    with database.write() as tx:
        tx.run(table_of(EditLock).delete())
    demo.refresh()
    assert dumped(database, table_of(EditLock)) == []
    _require_that_late_charges_can_be_voided(database)
    database.close()


def _require_that_late_charges_can_be_voided(database: Database) -> None:
    """What was still waiting for settlement when the demo's day began waits whenever it is opened, in both books; the rest has settled."""
    gateway = Sandbox(Account("sandbox", "harbor", is_test=True, zone="America/New_York"), database)
    moves = dumped(database, table_of(PaymentTransaction))
    touched = {row.parent_id for row in moves}
    charges = [
        row
        for row in moves
        if row.account == "harbor" and row.kind in CHARGES and row.status is TransactionStatus.SUCCEEDED
    ]
    waiting = [row for row in charges if row.settled_at is None and row.id not in touched]
    with database.read() as tx:
        since = last_cut_off(tx.now, "20:00", "America/New_York")
    assert len(waiting) >= 5 and all(row.occurred_at >= since for row in waiting)
    assert {gateway.settlement(row.gateway_ref) for row in waiting} == {Settlement.WAITING}
    settled = next(row for row in charges if row.settled_at is not None)
    assert gateway.settlement(settled.gateway_ref) is Settlement.SETTLED
    first = waiting[0]
    ask = Ask("test", Operation.VOID, Money(first.amount, first.currency), target=first.gateway_ref)
    assert gateway.send(ask).verdict is Verdict.APPROVED
    Demo(database).refresh()
    assert gateway.settlement(first.gateway_ref) is Settlement.VOIDED


def test_the_sandbox_has_the_same_books_as_the_desk(rows: Rows) -> None:
    def sums(lines: list[Any]) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        for line in lines:
            found[line.account, str(line.kind), line.currency] += line.amount
        return found

    moves = [
        row
        for row in rows(PaymentTransaction)
        if row.gateway == "sandbox" and row.status is TransactionStatus.SUCCEEDED
    ]
    lines = {(line.account, line.ref): line for line in rows(SandboxTransaction)}
    assert sums(moves) == sums(list(lines.values())) and len(lines) == len(moves)
    refs = {row.id: row.gateway_ref for row in moves}
    held = {(card.account, card.vault) for card in rows(SandboxCard)}
    for row in moves:
        line = lines[row.account, row.gateway_ref]
        assert line.parent_ref == refs.get(row.parent_id, "") and line.created_at == row.occurred_at
        assert not line.vault or (row.account, line.vault) in held
        if row.kind in CHARGES:
            assert line.settles_at == row.settled_at if row.settled_at else line.settles_at > BEGUN
        if row.kind is TransactionKind.VOID:
            assert lines[row.account, line.parent_ref].state == "voided"


def test_the_history_proves_itself(seeded: Database) -> None:
    assert Audit(seeded).verify(system_actor("demo")) == ()


def test_the_desk_finds_the_demos_people(seeded: Database, rows: Rows) -> None:
    search, anybody = Search(seeded.reader), system_actor("demo")

    def found(query: str) -> set[str]:
        return {hit.label for hit in search.find(anybody, query).hits}

    shared = next(person.phone for person in rows(Customer) if person.first_name == "Dolores")
    assert {"Margaret Whitlock", "Henry Whitlock"} <= found("whitlock")
    assert found(shared) == {"Dolores Vázquez", "Nina Vázquez-Reed"}
    assert len(found("lindqvist.example")) == 4
    assert {"Rosalind Achterberg"} <= found("rosalind.achterberg@example.com")


def test_orders_open_as_they_are_and_as_they_were(seeded: Database, rows: Rows) -> None:
    orders, somebody = Orders(seeded), system_actor("demo")
    edits = [event for event in rows(AuditEvent) if event.record_kind is Kind.ORDER and event.version == 2]
    for event in edits[:: len(edits) // 40]:
        now = orders.open(somebody, event.record_id)
        was = orders.as_of(somebody, event.record_id, event.id)
        assert (was.id, was.version) == (now.id, 2)
