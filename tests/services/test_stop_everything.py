"""One confirmation stops all that bills, ships or reserves; what somebody holds is named, left, and can be asked for again (D-09)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest

from cstui.domain.clean import clean
from cstui.domain.errors import DatabaseAway, InvalidInput, NotFound
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Purpose
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.permissions import Role
from cstui.domain.shipments import ShipmentState
from cstui.domain.stopping import StopKind, StopReport
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.audit import Audit
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.base import table_of
from cstui.storage.tables.orders import Shipment
from cstui.storage.tables.people import StaffGrant
from cstui.storage.tables.subscriptions import RetentionOutcome
from tests.bad_inputs import BAD_TEXTS
from tests.billing import BillingBench, billing_bench
from tests.factories import add_customer, add_staff, add_store, at, count
from tests.money import ATTEMPT, MOVE

SHIPMENT = table_of(Shipment)
GRANT = table_of(StaffGrant)
S = SubscriptionStatus


@pytest.fixture
def bench(db: Database) -> Iterator[BillingBench]:
    made = billing_bench(db.url.text)
    yield made
    made.desk.close()


def shop(bench: BillingBench) -> dict[str, int]:
    """Two subscriptions (their first orders sent), an order that waits for stock, and one with a hold on the card."""
    kept: dict[str, Any] = {"parent_order_id": bench.order("#2001", shipment=ShipmentState.SHIPPED)}
    live = bench.subscription(due=5, **kept)
    failed = bench.subscription(status=S.RECYCLE_FAILED, product="Beans", **{**kept, "next_bill_date": None})
    bench.subscription(status=S.CANCELLED, **kept)
    parcel = bench.order("#1001")
    reserved = bench.order("#1002", shipment=ShipmentState.SHIPPED, charges=(10,))
    hold = bench.charge(reserved, 4000, settled=False, kind=TransactionKind.AUTHORISE)
    return {"live": live, "failed": failed, "parcel": parcel, "reserved": reserved, "hold": hold}


def preview_ids(bench: BillingBench, who: Any = None) -> list[str]:
    return [item.id for item in bench.desk.stopping.preview(who or bench.ann, bench.customer).items]


def stop(bench: BillingBench, ids: list[str], save_id: str = "", **more: Any) -> StopReport:
    asked = {"reason_code": "not_using", "note": "", **more}
    return bench.desk.stopping.stop(
        bench.ann, bench.customer, ids, asked["reason_code"], asked["note"], save_id or new_token()
    )


def lock(bench: BillingBench, kind: Kind, key: int, who: Any = None) -> str:
    token = new_token()
    version = bench.sub(key).version if kind is Kind.SUBSCRIPTION else 1
    bench.desk.locks.begin(who or bench.bob, kind, key, version, token, Purpose.EDIT)
    return token


def parcel_states(bench: BillingBench, order: int) -> list[str]:
    return [row.state for row in bench.rows(SHIPMENT, order_id=order)]


def test_the_preview_lists_what_bills_ships_and_reserves_and_nothing_that_is_over(
    bench: BillingBench,
) -> None:
    made = shop(bench)
    bench.change(made["live"], pause_on=bench.day(5), resume_on=bench.day(40))
    bench.force(made["live"], undo=300)
    seen = bench.desk.stopping.preview(bench.ann, bench.customer)
    assert [item.kind for item in seen.items] == [
        StopKind.SUBSCRIPTION, StopKind.SUBSCRIPTION, StopKind.SHIPMENT, StopKind.HOLD
    ]  # fmt: skip
    live, failed, parcel, hold = seen.items
    assert live.words.startswith("Tea, every month, next bill ") and live.amount is not None
    assert [line.split(" ")[0:2] for line in live.plans] == [["A", "pause"], ["It", "would"], ["A", "bill"]]
    assert live.plans[2] == "A bill of 26.50 USD is about to be sent; it is taken back."
    assert failed.words == "Beans, every month, payments failed"
    assert (parcel.name, parcel.words) == ("#1001", "2 × Mug, 1 × Tea, waiting for stock")
    assert (hold.name, hold.amount and hold.amount.minor) == ("#1002", 4000)
    assert all(item.can_stop for item in seen.items) and ("not_using", "Not using it") in seen.reasons


def test_one_confirmation_stops_all_of_it_with_one_mail_and_each_in_its_own_history(
    bench: BillingBench,
) -> None:
    made = shop(bench)
    bench.force(made["live"], undo=300)
    report = stop(bench, preview_ids(bench), note="moves abroad")
    assert report.words == "Stopped 2 subscriptions, 1 shipment, 1 hold of 40.00 USD."
    assert report.left == () and [r.order_id for r in report.receipts] == [made["reserved"]]
    assert [bench.sub(made[name]).status for name in ("live", "failed")] == [S.CANCELLED] * 2
    assert bench.states(made["live"]) == [AttemptState.WITHDRAWN]
    assert parcel_states(bench, made["parcel"]) == [ShipmentState.CANCELLED]
    (void,) = bench.rows(ATTEMPT, transaction_id=made["hold"])
    assert (void.operation, void.state) == ("void", AttemptState.ARMED)
    (mail,) = bench.mails()
    assert (mail.kind, mail.to_address) == ("everything_stopped", "ann.lee@example.com")
    facts = json.loads(mail.payload)["facts"]["stopped"]
    assert [one["name"] for one in facts["subscriptions"]] == ["Tea", "Beans"]
    assert facts["orders"] == [{"number": "#1001"}] and "40.00 USD" in mail.body_text
    with bench.db.read() as tx:
        for kind, key, action in (
            (Kind.SUBSCRIPTION, made["live"], "subscription cancelled"),
            (Kind.ORDER, made["parcel"], "shipments stopped"),
            (Kind.ORDER, made["reserved"], "void requested"),
            (Kind.CUSTOMER, bench.customer, "everything stopped"),
        ):
            event = audit.events_of(tx, kind, key, limit=1)[0]
            assert (event.action, event.reason) == (action, "Not using it: moves abroad")
    assert count(bench.db, RetentionOutcome, reason_code="not_using") == 2
    assert preview_ids(bench) == [] and bench.desk.locks.all(bench.sue) == ()
    assert not Audit(bench.db).verify(bench.sue)
    bench.later(minutes=10)
    bench.work()
    assert bench.orders(made["live"]) == [] and bench.states(made["live"]) == [AttemptState.WITHDRAWN]


def test_what_is_not_ticked_goes_on(bench: BillingBench) -> None:
    made = shop(bench)
    report = stop(bench, [f"subscription:{made['failed']}"])
    assert [item.record_id for item in report.done] == [made["failed"]]
    assert bench.sub(made["live"]).status is S.ACTIVE
    assert parcel_states(bench, made["parcel"]) == [ShipmentState.AWAITING_INVENTORY]


def test_what_others_hold_is_named_and_left_and_stops_when_it_is_free(bench: BillingBench) -> None:
    made = shop(bench)
    tokens = [
        lock(bench, Kind.ORDER, made["parcel"]),
        lock(bench, Kind.SUBSCRIPTION, made["live"]),
        lock(bench, Kind.ORDER, made["reserved"], bench.sue),
    ]
    seen = {item.id: item for item in bench.desk.stopping.preview(bench.ann, bench.customer).items}
    assert [item.holder for item in seen.values()] == ["Bob", "", "Bob", "Sue"]
    report = stop(bench, list(seen))
    assert report.words == "Stopped 1 subscription; Bob holds Tea and #1001; Sue holds #1002."
    assert bench.sub(made["live"]).status is S.ACTIVE
    assert parcel_states(bench, made["parcel"]) == [ShipmentState.AWAITING_INVENTORY]
    for token, who in zip(tokens, (bench.bob, bench.bob, bench.sue), strict=True):
        bench.desk.locks.release(who, token)
    again = stop(bench, [left.item.id for left in report.left])
    assert again.words == "Stopped 1 subscription, 1 shipment, 1 hold of 40.00 USD."
    assert len(bench.mails("everything_stopped")) == 2


def test_the_same_person_elsewhere_is_in_the_way_and_here_is_not(bench: BillingBench) -> None:
    made = shop(bench)
    key = f"subscription:{made['live']}"
    lock(bench, Kind.SUBSCRIPTION, made["live"], at(bench.ann, "term-7"))
    assert stop(bench, [key]).left[0].why == "You are editing it at term-7."
    bench.desk.locks.begin(
        bench.ann, Kind.SUBSCRIPTION, made["live"], bench.sub(made["live"]).version, new_token(), Purpose.EDIT, True
    )  # fmt: skip
    assert [item.id for item in stop(bench, [key]).done] == [key]


def test_a_repeat_does_what_is_missing_and_answers_the_same(
    bench: BillingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(bench)
    ids, save_id = preview_ids(bench), new_token()
    honest = bench.refunds.open

    def away(*args: Any, **more: Any) -> Any:
        raise DatabaseAway("The database does not answer.", "")

    monkeypatch.setattr(bench.refunds, "open", away)
    with pytest.raises(DatabaseAway):
        stop(bench, ids, save_id)
    assert bench.mails() == []
    monkeypatch.setattr(bench.refunds, "open", honest)
    first = stop(bench, ids, save_id)
    second = stop(bench, ids, save_id)
    assert first.words == second.words == "Stopped 2 subscriptions, 1 shipment, 1 hold of 40.00 USD."
    assert len(bench.mails()) == 1 and len(bench.rows(ATTEMPT)) == 1
    assert count(bench.db, RetentionOutcome) == 2


def test_a_bill_that_is_being_sent_is_told_of(bench: BillingBench) -> None:
    key = bench.subscription(due=5, parent_order_id=bench.order("#2001", shipment=ShipmentState.SHIPPED))
    bench.force(key, undo=300)
    with bench.db.write() as tx:
        tx.run(ATTEMPT.update().values(state=AttemptState.SENDING, sent_at=tx.now))
    (item,) = bench.desk.stopping.preview(bench.ann, bench.customer).items
    assert item.plans == (
        "A bill of 26.50 USD is under way and cannot be taken back; refund it if it goes through.",
    )
    report = stop(bench, [item.id])
    assert report.warnings == (
        "Tea: A charge of 26.50 USD is under way and cannot be taken back; refund it if it goes through.",
    )
    assert bench.sub(key).status is S.CANCELLED


def test_a_parcel_that_left_meanwhile_is_left_and_said(bench: BillingBench) -> None:
    order = bench.order("#1001")
    ids = preview_ids(bench)
    with bench.db.write() as tx:
        tx.run(SHIPMENT.update().values(state=ShipmentState.SHIPPED))
    assert stop(bench, ids).words == "Nothing was stopped; #1001: It has left already."
    assert parcel_states(bench, order) == [ShipmentState.SHIPPED] and bench.mails() == []
    assert bench.desk.locks.all(bench.sue) == ()


def test_a_hold_that_no_gateway_can_lift_says_why_before_it_is_asked_for(bench: BillingBench) -> None:
    made = shop(bench)
    with bench.db.write() as tx:
        tx.run(MOVE.update().where(MOVE.c.id == made["hold"]).values(gateway_ref=""))
    hold = bench.desk.stopping.preview(bench.ann, bench.customer).items[-1]
    assert hold.kind is StopKind.HOLD and "reference of this charge" in hold.why_not
    report = stop(bench, [hold.id])
    assert report.done == () and "reference of this charge" in report.left[0].why


def test_reason_note_and_choice_are_checked_before_anything_is_stopped(bench: BillingBench) -> None:
    made = shop(bench)
    ids = preview_ids(bench)
    for more, field in (
        ({"reason_code": "bored"}, "reason"),
        ({"reason_code": "other"}, "note"),
        ({"note": "4242 4242 4242 4242"}, "note"),
    ):
        with pytest.raises(InvalidInput) as refused:
            stop(bench, ids, **more)
        assert refused.value.field == field
    with pytest.raises(InvalidInput):
        stop(bench, [])
    assert bench.sub(made["live"]).status is S.ACTIVE


def test_other_customers_and_stores_are_out_of_reach(bench: BillingBench) -> None:
    made = shop(bench)
    eve = add_customer(bench.db, bench.store, "Eve", "Moss")
    report = bench.desk.stopping.stop(
        bench.ann, eve, [f"subscription:{made['live']}", "shipment:x", "\x1b[2J"], "not_using", "", new_token()
    )  # fmt: skip
    assert report.done == () and len(report.left) == 3 and report.words == clean(report.words)
    dan = add_staff(bench.db, "dan", Role.AGENT, store=add_store(bench.db, "other"))
    with pytest.raises(NotFound):
        bench.desk.stopping.preview(dan, bench.customer)
    assert bench.sub(made["live"]).status is S.ACTIVE


def test_hostile_texts_are_one_clean_line_each(bench: BillingBench) -> None:
    for at_, (_, text) in enumerate(BAD_TEXTS):
        stored = text.replace("\x00", "").encode("utf-8", "replace").decode()[:200] or "x"
        bench.order(f"#9{at_:03d}", lines=((stored, 1, 1000),))
    kept = bench.order("#2001", shipment=ShipmentState.SHIPPED)
    bench.subscription(due=5, parent_order_id=kept, product="Tea\x1b[2J[b]\n")
    for item in bench.desk.stopping.preview(bench.ann, bench.customer).items:
        assert item.words == clean(item.words) and "\n" not in item.words
    assert "\x1b" not in stop(bench, preview_ids(bench)).words


def test_two_agents_who_stop_the_same_at_once_stop_it_once(bench: BillingBench) -> None:
    made = shop(bench)
    ids, gate = preview_ids(bench), Barrier(2)
    reports: list[StopReport] = []

    def run(who: Any) -> None:
        gate.wait()
        reports.append(bench.desk.stopping.stop(who, bench.customer, ids, "not_using", "", new_token()))

    threads = [Thread(target=run, args=(who,)) for who in (bench.ann, bench.bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [item.id for report in reports for item in report.done]
    assert sorted(done) == sorted(set(done)) and len(reports) == 2
    assert {bench.sub(made[name]).status for name in ("live", "failed")} == {S.CANCELLED}
    assert len(bench.rows(ATTEMPT, transaction_id=made["hold"])) <= 1
    assert bench.desk.locks.all(bench.sue) == ()


def test_what_a_role_does_not_allow_is_left_and_says_so(bench: BillingBench) -> None:
    """Ann's grant ends between the preview and the y: nothing is stopped past it."""
    made = shop(bench)
    ids = preview_ids(bench)
    with bench.db.write() as tx:
        tx.run(GRANT.update().where(GRANT.c.staff_id == bench.ann.staff_id).values(role=Role.VIEWER))
    report = stop(bench, ids)
    assert report.done == () and len(report.left) == 4
    assert all(left.why.startswith("Your role may not ") for left in report.left)
    assert bench.sub(made["live"]).status is S.ACTIVE and bench.mails() == []
