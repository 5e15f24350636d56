"""Disputes: written down once, blocking refunds while the money is gone, seen at Stripe by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cstui.domain.disputes import DisputeOutcome
from cstui.domain.errors import InvalidInput, NotPermitted, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, PaymentStatus, RefundState, TransactionKind, TransactionStatus
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import RefundChoice
from cstui.services.disputes import EVERY, DisputePolling, Disputes
from cstui.services.gateways.stripe import Stripe
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.people import GatewayAccount, Store
from tests.fakes.stripe import StripeServer
from tests.gateways.stripe_bench import StripeBench
from tests.money import ATTEMPT, MANUAL, MOVE, REFUND, MoneyBench, money_bench

FULL = Money(3050, "USD")


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    with made.db.write() as tx:
        tx.run(table_of(Store).update().values(notify_emails="money@example.com"))
    yield made
    made.desk.close()


@pytest.fixture
def disputes(bench: MoneyBench) -> Disputes:
    return bench.desk.disputes


def charge_of(bench: MoneyBench, order: int) -> int:
    (move,) = bench.rows(MOVE, order_id=order, kind=TransactionKind.SALE)
    return int(move.id)


def test_an_open_dispute_blocks_the_card_and_leaves_the_cheque(bench: MoneyBench, disputes: Disputes) -> None:
    order = bench.order()
    row = disputes.record(
        bench.sue, order, charge_of(bench, order), FULL, "Not received", "CB-77", new_token()
    )
    assert row.is_open and row.amount == FULL and row.reference == "CB-77"
    view = bench.desk.orders.open(bench.ann, order)
    assert view.payment_status is PaymentStatus.DISPUTED and view.paid.remaining == 0
    basis = bench.refunds.basis(bench.sue, order)
    assert "disputes this charge" in basis.charges[0].blocked
    assert plan(basis, RefundChoice(), row.at).why_not
    with pytest.raises(NotPossibleNow):
        bench.ask(bench.sue, order)
    assert [mail.kind for mail in bench.rows(table_of(Outbox))] == ["notify_dispute"]
    assert bench.desk.audit.verify(bench.sue) == ()


def test_a_part_that_is_not_disputed_goes_back_by_cheque_only(bench: MoneyBench, disputes: Disputes) -> None:
    order = bench.order()
    disputes.record(
        bench.sue, order, charge_of(bench, order), Money(1000, "USD"), "Not received", "", new_token()
    )
    with pytest.raises(NotPossibleNow):
        bench.ask(bench.sue, order)
    assert bench.ask(bench.sue, order, MANUAL).amount == Money(2050, "USD")


def test_a_dispute_that_is_won_frees_the_charge_and_a_lost_one_never_does(
    bench: MoneyBench, disputes: Disputes
) -> None:
    won, lost = bench.order("#1001"), bench.order("#1002")
    for order, outcome in ((won, DisputeOutcome.WON), (lost, DisputeOutcome.LOST)):
        row = disputes.record(bench.sue, order, charge_of(bench, order), FULL, "Fraud", "", new_token())
        assert disputes.close(bench.sue, row.id, outcome, "The bank wrote", new_token()).outcome is outcome
        with pytest.raises(NotPossibleNow, match=outcome):
            disputes.close(bench.sue, row.id, DisputeOutcome.LOST, "", new_token())
    assert bench.desk.orders.open(bench.ann, won).payment_status is PaymentStatus.PAID
    assert bench.desk.orders.open(bench.ann, lost).payment_status is PaymentStatus.DISPUTED
    bench.ask(bench.ann, won)
    bench.work()
    assert bench.back_at_gateway() == 3050
    with pytest.raises(NotPossibleNow):
        bench.ask(bench.sue, lost)


def test_a_refund_about_to_be_sent_is_stopped_by_a_dispute(bench: MoneyBench, disputes: Disputes) -> None:
    order = bench.order()
    bench.ask(bench.ann, order, undo=60)
    disputes.record(bench.sue, order, charge_of(bench, order), FULL, "Fraud", "", new_token())
    bench.later(minutes=5)
    bench.work()
    assert bench.rows(ATTEMPT)[0].state is AttemptState.WITHDRAWN
    (refund,) = bench.rows(REFUND)
    assert refund.state is RefundState.NEEDS_DECISION and "pay twice" in refund.last_failure
    assert bench.back_at_gateway() == 0


def test_a_dispute_is_recorded_once_by_whoever_approves_refunds_and_within_its_charge(
    bench: MoneyBench, disputes: Disputes
) -> None:
    order, save_id = bench.order(), new_token()
    charge = charge_of(bench, order)
    with pytest.raises(NotPermitted):
        disputes.record(bench.ann, order, charge, FULL, "Fraud", "", new_token())
    for amount in (Money(0, "USD"), Money(3051, "USD"), Money(100, "EUR")):
        with pytest.raises(InvalidInput):
            disputes.record(bench.sue, order, charge, amount, "Fraud", "", new_token())
    first = disputes.record(bench.sue, order, charge, FULL, "Fraud", "CB-1", save_id)
    assert disputes.record(bench.sue, order, charge, FULL, "Fraud", "CB-1", save_id) == first
    with pytest.raises(NotPossibleNow, match="already"):
        disputes.record(bench.sue, order, charge, FULL, "Fraud", "CB-2", new_token())
    other = bench.order("#1002")
    with pytest.raises(InvalidInput, match="CB-1"):
        disputes.record(bench.sue, other, charge_of(bench, other), FULL, "Fraud", "CB-1", new_token())
    assert len(bench.rows(MOVE, kind=TransactionKind.CHARGEBACK)) == 1


class _OneStripe:
    """Gateways with one account at the fake."""

    def __init__(self, bench: MoneyBench, adapter: Stripe) -> None:
        self._bench, self._adapter = bench, adapter

    def rows(self) -> tuple[object, ...]:
        return tuple(row for row in self._bench.gateways().rows() if row.gateway == "stripe")

    def of(self, gateway: str, account: str, **_: object) -> Stripe:
        assert (gateway, account) == ("stripe", "main")
        return self._adapter


@pytest.fixture
def fake() -> Iterator[StripeServer]:
    with StripeServer() as server:
        yield server


def charged_at_stripe(bench: MoneyBench, stripe: StripeBench) -> tuple[int, str]:
    """An order whose charge is a payment intent at the fake; order and intent."""
    answer = stripe.gateway.send(stripe.ask(Operation.SALE, 3050, card=stripe.card()))
    order = bench.order()
    with bench.db.write() as tx:
        tx.run(
            MOVE.update()
            .where(MOVE.c.order_id == order)
            .values(gateway="stripe", account="main", gateway_ref=answer.ref)
        )
        tx.run(
            table_of(GatewayAccount).insert().values(
                store_id=bench.store, gateway="stripe", name="main", is_test=True, is_main=False, is_open=True, cut_off="20:00",
                zone="America/New_York", url="", secret="", options="{}", created_at=tx.now,
            )
        )  # fmt: skip
    return order, answer.ref


def test_stripe_s_disputes_are_seen_once_an_hour_and_end_as_stripe_says(
    bench: MoneyBench, disputes: Disputes, fake: StripeServer
) -> None:
    stripe = StripeBench(fake)
    order, intent = charged_at_stripe(bench, stripe)
    now = [1000.0]
    polling = DisputePolling(bench.db, _OneStripe(bench, stripe.gateway), clock=lambda: now[0])  # type: ignore[arg-type]
    assert polling.poll_due() == 0
    fake.books.dispute(intent, status="warning_needs_response")
    ref = fake.books.dispute(intent, 1200, reason="product_not_received")
    assert polling.poll_due() == 0
    now[0] += EVERY
    assert polling.poll_due() == 1
    (row,) = disputes.of_order(bench.ann, order)
    assert (row.reference, row.amount, row.reason) == (ref, Money(1200, "USD"), "product not received")
    assert bench.desk.orders.open(bench.ann, order).payment_status is PaymentStatus.DISPUTED
    fake.books.end_dispute(ref, "won")
    now[0] += EVERY
    assert polling.poll_due() == 1
    (move,) = bench.rows(MOVE, kind=TransactionKind.CHARGEBACK)
    assert move.status is TransactionStatus.REVERSED
    now[0] += EVERY
    assert polling.poll_due() == 0


def test_what_was_written_down_by_hand_is_not_written_down_again_by_the_poll(
    bench: MoneyBench, disputes: Disputes, fake: StripeServer
) -> None:
    stripe = StripeBench(fake)
    order, intent = charged_at_stripe(bench, stripe)
    disputes.record(bench.sue, order, charge_of(bench, order), FULL, "Fraud", "", new_token())
    ref = fake.books.dispute(intent)
    polling = DisputePolling(bench.db, _OneStripe(bench, stripe.gateway))  # type: ignore[arg-type]
    assert polling.poll_due() == 1
    (row,) = disputes.of_order(bench.ann, order)
    assert row.reference == ref and row.reason == "Fraud"


def test_a_stripe_that_does_not_answer_stops_no_worker(bench: MoneyBench, fake: StripeServer) -> None:
    stripe = StripeBench(fake)
    charged_at_stripe(bench, stripe)
    fake.fail_next("status_502", times=10, only="read")
    assert DisputePolling(bench.db, _OneStripe(bench, stripe.gateway)).poll_due() == 0  # type: ignore[arg-type]
