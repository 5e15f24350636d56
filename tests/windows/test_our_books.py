"""What happens between an answer and our books, and between our books and the gateway's (W11, W19, W20, W21, W22, W24, W27, W30, W34)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.errors import NotPossibleNow
from cstui.domain.gateways import Ask, Operation, Why
from cstui.domain.ids import new_token
from cstui.domain.mails import MailServer
from cstui.domain.money import Money
from cstui.domain.payments import PaymentStatus, RefundMethod
from cstui.domain.refunds import RefundChoice, Share
from cstui.services.mail.delivery import Delivery
from cstui.services.mail.smtp import SmtpTransport
from cstui.services.secrets import Secrets
from cstui.services.sending import Sending
from cstui.storage.database import Database
from cstui.storage.queries import workers
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from tests.factories import THEN
from tests.fakes.mail import MailServerFake
from tests.fakes.nmi import FakeNmi
from tests.fakes.nmi_books import Act
from tests.fakes.wire import Wire
from tests.money import ATTEMPT, MOVE, REFUND
from tests.postgres import Server
from tests.windows.till import QuickGateways, Till, make_till

OUTBOX = table_of(Outbox)


class ReadOnly:
    """A database that refuses to write from now on, as one on a full disk does, until it is mended."""

    def __init__(self, database: Database) -> None:
        self.is_on = False
        sa.event.listen(database.engine, "checkout", self._checkout)

    def _checkout(self, connection: Any, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA query_only = {int(self.is_on)}")


def answered(till: Till, tries: int, caplog: pytest.LogCaptureFixture) -> None:
    """One refund at NMI that is approved while the database refuses `tries` writes."""
    database = Database(till.url)
    disk, left = ReadOnly(database), [tries]

    def point(name: str) -> None:
        disk.is_on = disk.is_on or name == "answered"

    def sleep(_seconds: float) -> None:
        left[0] -= 1
        disk.is_on = left[0] > 0

    hands = Sending(
        database, QuickGateways(till.db, Secrets({})), till.settings, "hands", point=point, sleep=sleep
    )
    with till.db.write() as tx:
        workers.sign_of_life(tx, "hands", "hands", is_inside=False)
    till.ask(till.ann, till.at_nmi())
    claimed = hands.claim()
    assert claimed is not None
    with caplog.at_level(logging.WARNING, "cstui.money"):
        hands.send(claimed)
    database.close()
    assert f"{claimed.ask.key} could not be stored yet (database_away): succeeded 3" in caplog.text


def test_an_approval_that_cannot_be_stored_at_once_is_kept_in_hand_and_stored_later(
    lite: Till, caplog: pytest.LogCaptureFixture
) -> None:
    answered(lite, 3, caplog)
    assert lite.sent("refund") == 1
    lite.assert_even(3050)


def test_an_approval_that_could_never_be_stored_is_repaired_by_looking_though_its_worker_lives(
    lite: Till, caplog: pytest.LogCaptureFixture
) -> None:
    answered(lite, 100, caplog)
    assert "was not stored; it will be looked up" in caplog.text and lite.states == ["sending"]
    assert lite.work().anything is False, "its worker lives and may be at it"
    lite.later(minutes=11)
    lite.work()
    lite.later(seconds=30)
    lite.work()
    assert lite.sent("refund") == 1
    lite.assert_even(3050)


@pytest.fixture
def wired(postgres_server: Server, postgres_template: str, nmi: FakeNmi) -> Iterator[tuple[Till, Wire]]:
    """A till on PostgreSQL, and a wire to the same database that can be cut."""
    name = f"wired_{new_token()[:12]}"
    postgres_server.create_database(name, template=postgres_template)
    wire = Wire(postgres_server.url(name))
    till = make_till(postgres_server.url(name), nmi)
    yield till, wire
    till.desk.close()
    wire.close()
    postgres_server.drop_database(name)


@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_at_commit"])
def test_an_approval_is_stored_once_though_postgresql_goes_away_at_the_commit(
    wired: tuple[Till, Wire], cut: str
) -> None:
    till, wire = wired
    database = Database(wire.url)

    def point(name: str) -> None:
        if name == "answered":
            setattr(wire, cut, True)

    hands = Sending(
        database, QuickGateways(till.db, Secrets({})), till.settings, "hands", point=point, sleep=lambda _: wire.mend()
    )  # fmt: skip
    till.ask(till.ann, till.at_nmi())
    claimed = hands.claim()
    assert claimed is not None
    hands.send(claimed)
    database.close()
    assert (
        till.states == ["succeeded"] and len(till.rows(MOVE, kind="refund")) == 1 and till.sent("refund") == 1
    )
    assert len(till.rows(OUTBOX)) == 1
    till.assert_even(3050)


def test_three_times_a_third_and_a_cent_is_refused_to_the_cent(till: Till) -> None:
    order = till.at_nmi(10_000)
    for _ in range(2):
        till.ask(till.sue, order, RefundChoice(Share.AMOUNT, amount=3334))
        till.work()
    with pytest.raises(NotPossibleNow, match=r"33\.32"):
        till.ask(till.sue, order, RefundChoice(Share.AMOUNT, amount=3334))
    assert till.sent("refund") == 2
    till.ask(till.sue, order)
    till.work()
    till.assert_even(10_000)


def test_what_went_back_in_the_gateways_own_pages_is_refused_and_then_recorded(lite: Till) -> None:
    order = lite.at_nmi()
    (charge,) = lite.rows(MOVE)
    gateway = QuickGateways(lite.db, Secrets({})).of("nmi", "us")
    gateway.send(Ask(new_token(), Operation.REFUND, Money(3050, "USD"), target=charge.gateway_ref))
    gateway.close()
    lite.ask(lite.ann, order)
    lite.work()
    (refund,) = lite.rows(REFUND)
    assert refund.state == "exhausted" and "may not exceed" in refund.last_failure
    assert lite.rows(ATTEMPT)[0].why is Why.EXCEEDS_BALANCE and lite.work().anything is False
    lite.ask(lite.sue, order, RefundChoice(method=RefundMethod.EXTERNAL))
    assert lite.desk.orders.open(lite.ann, order).payment_status is PaymentStatus.REFUNDED
    lite.assert_even(3050)


@pytest.mark.parametrize("gone", [3050, 1000])
def test_what_went_back_in_stripes_own_pages_is_in_our_books_after_the_refusal(
    at_stripe: Till, gone: int
) -> None:
    till = at_stripe
    order = till.at_stripe()
    (charge,) = till.rows(MOVE)
    gateway = QuickGateways(till.db, Secrets({})).of("stripe", "eu")
    answer = gateway.send(Ask(new_token(), Operation.REFUND, Money(gone, "USD"), target=charge.gateway_ref))
    gateway.close()
    till.ask(till.ann, order)
    till.work()
    if gone == 3050:
        # "Refunded already" may be our own doing: it is looked up first.
        till.later(seconds=30)
        till.work()
    assert till.refund_states == ["exhausted"]
    (back,) = till.rows(MOVE, kind="refund")
    assert (back.amount, back.gateway_ref, back.parent_id) == (gone, answer.ref, charge.id)
    assert (back.attempt_id, back.response_text) == (None, "Made at the gateway")
    assert till.desk.orders.open(till.ann, order).paid.remaining == 3050 - gone
    if gone == 3050:
        with pytest.raises(NotPossibleNow):
            till.ask(till.ann, order)
    else:
        till.ask(till.ann, order)
        till.work()
        assert till.refund_states == ["exhausted", "done_refund"]
    till.assert_even(3050)


def test_a_charge_that_was_voided_in_nmis_own_pages_is_voided_here_after_the_refusal(lite: Till) -> None:
    order = lite.at_nmi()
    (charge,) = lite.rows(MOVE)
    assert lite.nmi is not None
    one = lite.nmi.transactions[charge.gateway_ref]
    one.become("canceled", Act("void", 3050, lite.nmi.clock.now(), True))
    lite.ask(lite.ann, order)
    lite.until_quiet()
    assert lite.refund_states == ["exhausted"]
    (void,) = lite.rows(MOVE, kind="void")
    assert (void.amount, void.attempt_id, void.parent_id) == (3050, None, charge.id)
    assert lite.desk.orders.open(lite.ann, order).payment_status is PaymentStatus.VOIDED
    assert lite.work().anything is False


def test_a_refund_that_comes_back_days_later_is_not_given_back_any_more_and_is_told(at_stripe: Till) -> None:
    till = at_stripe
    assert till.stripe is not None
    with till.db.write() as tx:
        tx.run(sa.text("UPDATE store SET notify_emails = 'boss@example.com'"))
    order = till.at_stripe(card="refundFail")
    till.ask(till.ann, order)
    till.work()
    assert till.refund_states == ["done_refund"] and till.gone == 3050
    till.stripe.books.advance()
    till.later(hours=25)
    till.work()
    assert till.states == ["reversed"] and till.refund_states == ["needs_decision"]
    assert till.desk.orders.open(till.ann, order).payment_status is PaymentStatus.PAID
    assert {"notify_refund_reversed", "refund_returned"} <= {row.kind for row in till.rows(OUTBOX)}
    (waiting,) = till.decisions.queue(till.sue)
    till.decisions.make_manual(till.sue, waiting.id, "Ann Lee", "12 Elm Street", new_token())
    assert till.desk.orders.open(till.ann, order).payment_status is PaymentStatus.REFUNDED
    assert till.at_gateway() == 0


def test_another_amount_under_the_same_key_is_a_fault_of_ours_that_a_person_sees(at_stripe: Till) -> None:
    """As after a backup was put back and edited: Stripe has done one refund, and does no other under its key."""
    till = at_stripe
    assert till.stripe is not None
    till.ask(till.ann, till.at_stripe(), RefundChoice(Share.PERCENT, percent=50))
    till.stripe.fail_next("drop_after", only="move")
    till.work()
    till.set_attempts(state="armed", amount=1000, next_check_at=None)
    till.work()
    (row,) = till.rows(ATTEMPT)
    assert (row.state, row.why) == ("unknown", Why.MISMATCH) and "fault in this program" in row.response_text
    till.later(seconds=30)
    till.work()
    (row,) = till.rows(ATTEMPT)
    assert (row.state, row.why, row.next_check_at) == ("unknown", Why.MISMATCH, None)
    assert till.at_gateway() == 1525


def test_a_duplicate_of_what_had_succeeded_is_that_success(lite: Till) -> None:
    """As after a backup was put back: the charge stands at NMI, and is armed here once more."""
    assert lite.nmi is not None
    order = lite.at_nmi()
    attempt = lite.charge_now(order, 1200)
    lite.nmi.fail_next("drop_after", only="sale")
    lite.work()
    lite.set_attempts(state="armed", next_check_at=None)
    lite.work()
    (row,) = lite.rows(ATTEMPT, id=attempt)
    assert row.state == "unknown" and lite.sent("sale") == 2
    lite.later(seconds=30)
    lite.work()
    (row,) = lite.rows(ATTEMPT, id=attempt)
    assert row.state == "succeeded" and lite.nmi.successes(row.key, "sale") == 1
    assert [move.amount for move in lite.rows(MOVE, attempt_id=attempt)] == [1200]


def test_a_worker_that_stood_still_between_claiming_and_sending_sends_nothing(lite: Till) -> None:
    """A suspended machine: meanwhile others may have taken what it holds for lost."""
    lite.ask(lite.ann, lite.at_nmi())
    seconds = iter((0.0, 21.0))
    hands = lite.hands(ticks=lambda: next(seconds))
    claimed = hands.claim()
    assert claimed is not None
    hands.send(claimed)
    assert lite.states == ["not_sent"] and lite.sent("refund") == 0
    lite.later(hours=25)
    lite.work()
    lite.assert_even(3050)


def test_what_was_taken_for_lost_while_a_worker_stood_still_is_not_sent_by_it_later(lite: Till) -> None:
    lite.ask(lite.ann, lite.order())
    seconds = iter((0.0, 3600.0))
    hands = lite.hands(ticks=lambda: next(seconds))
    claimed = hands.claim()
    assert claimed is not None
    lite.work()
    lite.until_quiet()
    assert lite.states == ["not_sent", "succeeded"]
    hands.send(claimed)
    assert lite.states == ["not_sent", "succeeded"] and lite.refund_states == ["done_refund"]
    lite.assert_even(3050)


def test_a_call_that_a_suspended_machine_cut_off_is_unknown_by_whatever_clock(lite: Till) -> None:
    """The wall clock jumps a day while the gateway works; only what the gateway says counts."""
    assert lite.nmi is not None
    lite.ask(lite.ann, lite.at_nmi())
    lite.nmi.fail_next("hang_after", only="refund")
    lite.work(lambda name: lite.later(days=1) if name == "sending" else None)
    assert lite.states == ["unknown"]
    lite.later(seconds=30)
    lite.work()
    assert lite.sent("refund") == 1
    lite.assert_even(3050)


def test_a_part_approval_is_let_go_and_counts_as_not_paid(lite: Till) -> None:
    assert lite.nmi is not None
    order = make_unpaid(lite)
    attempt = lite.charge_now(order, 3050)
    lite.nmi.fail_next("partial", only="sale", detail="10.00")
    lite.work()
    (row,) = lite.rows(ATTEMPT, id=attempt)
    assert (row.state, row.why) == ("declined_hard", Why.PARTIAL) and "let go" in row.response_text
    (line,) = lite.nmi.ledger().values()
    assert line["condition"] == "canceled" and lite.rows(MOVE) == []
    assert lite.desk.orders.open(lite.ann, order).payment_status is PaymentStatus.UNPAID


def make_unpaid(till: Till) -> int:
    from tests import factories as make

    return make.add_order(till.db, till.store, till.customer, "#3001")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def post(till: Till, port: int) -> Any:
    server = MailServer("127.0.0.1", port, security="none", sender="shop@northgate.example", timeout=2)
    return Delivery(till.db, till.settings, SmtpTransport(server, Secrets({})))


def test_a_mail_server_that_is_away_leaves_the_refund_done_and_the_mail_waiting(till: Till) -> None:
    order = till.at_nmi()
    till.ask(till.ann, order)
    till.work(post=post(till, closed_port()))
    assert till.refund_states == ["done_refund"]
    (mail,) = till.rows(OUTBOX)
    assert (mail.kind, mail.state) == ("refund", "queued") and mail.tries >= 1
    till.assert_even(3050)
    with till.db.write() as tx:
        tx.run(OUTBOX.update().values(next_try_at=THEN))
    with MailServerFake() as server:
        till.work(post=post(till, server.port))
        assert len(server.box.taken) == 1 and till.rows(OUTBOX)[0].state == "sent"
    assert till.sent("refund") == 1
