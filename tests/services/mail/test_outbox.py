"""What is queued when something happens: the right words from the facts of that moment, once per cause, never in the money's way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cstui.domain.mails import MailKind, MailState, MailWords, SuppressionReason, SuppressionScope
from cstui.domain.payments import AttemptState, RefundMethod, RefundState, TransactionKind, TransactionStatus
from cstui.services.mail import outbox
from cstui.services.mail.rendering import built_in, rendered
from cstui.storage.database import Database
from cstui.storage.queries import mails
from tests.services.mail.scene import Scene


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    return Scene.on(sqlite_db)


def test_an_order_confirmation_holds_lines_totals_addresses_and_the_card(scene: Scene) -> None:
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
    mail = scene.mail()
    assert (mail.kind, mail.state, mail.to_address) == (
        "order_confirmation",
        MailState.QUEUED,
        "ann.lee@example.com",
    )
    assert mail.subject == "Your order #1001 at Main"
    for words in ("Hello Ann Lee,", "November 2, 2026", "2 x Mug, 10.00 USD each: 20.00 USD", "Total: 30.50 USD",
                  "Visa ending in 4242", "12 Elm Street", "Albany NY 12207"):  # fmt: skip
        assert words in mail.body_text
    assert "<td>Subtotal</td>" in mail.body_html and mail.body_html.startswith("<!doctype html>")
    assert (mail.order_id, mail.customer_id, mail.store_id) == (scene.order, scene.customer, scene.store)


def test_money_and_days_are_written_in_the_customers_locale(sqlite_db: Database) -> None:
    scene = Scene.on(sqlite_db, currency="EUR", locale="de-DE", lines=(("Mug", 2, 123450),))
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
    mail = scene.mail()
    assert "02.11.2026" in mail.body_text and "Total: 2.474,00 EUR" in mail.body_text


def test_one_cause_mails_once_on_either_database(db: Database) -> None:
    scene = Scene.on(db)
    refund = scene.refund()
    move = scene.move(refund=refund)
    for _ in range(2):
        with db.write() as tx:
            outbox.queue_refund_mail(tx, refund, move)
            outbox.queue_order_confirmation(tx, scene.order)
            assert outbox.queue_refund_failed_notice(tx, refund) in (2, 0)
    assert [m.kind for m in scene.outbox()] == [
        "refund", "order_confirmation", "notify_refund_failed", "notify_refund_failed",
    ]  # fmt: skip


def test_a_refund_mail_names_amount_card_days_and_reference(scene: Scene) -> None:
    refund = scene.refund()
    move = scene.move(refund=refund)
    with scene.db.write() as tx:
        outbox.queue_refund_mail(tx, refund, move)
    mail = scene.mail()
    assert mail.subject_id == move and mail.subject == "Refund of 12.00 USD for your order #1001"
    assert (
        "Visa ending in 4242" in mail.body_text
        and "within 10 days" in mail.body_text
        and "rf_77" in mail.body_text
    )


def test_a_refund_by_hand_promises_no_card(scene: Scene) -> None:
    refund = scene.refund(RefundState.MANUAL, method=RefundMethod.MANUAL, payee="Ann Lee, 12 Elm Street")
    with scene.db.write() as tx:
        outbox.queue_refund_mail(tx, refund)
    assert "sent to Ann Lee, 12 Elm Street" in scene.mail().body_text and "4242" not in scene.mail().body_text


def test_a_void_says_that_the_whole_payment_is_released(scene: Scene) -> None:
    refund = scene.refund(RefundState.DONE_VOID)
    move = scene.move(TransactionKind.VOID, amount=3050, refund=refund)
    with scene.db.write() as tx:
        outbox.queue_void_mail(tx, move, refund)
    mail = scene.mail()
    assert "payment of 30.50 USD" in mail.body_text and "nothing to be paid back" in mail.body_text


def test_a_failed_refund_is_told_to_the_stores_list_with_its_three_errors(scene: Scene) -> None:
    refund = scene.refund(RefundState.EXHAUSTED)
    for text in ("Not enough balance", "Gateway busy", "Card closed\r\nBcc: all@example.com"):
        scene.attempt(refund, AttemptState.DECLINED_SOFT, text)
    with scene.db.write() as tx:
        assert outbox.queue_refund_failed_notice(tx, refund) == 2
    first, second = scene.outbox()
    assert {first.to_address, second.to_address} == {"boss@example.com", "desk@example.com"}
    assert first.subject == "Refund of 12.00 USD for #1001 failed" and "Asked for by Ann" in first.body_text
    assert first.body_text.index("1. ") < first.body_text.index("Gateway busy") < first.body_text.index("3. ")
    assert "\nBcc" not in first.body_text


def test_a_refund_that_came_back_is_told_to_the_list_and_to_the_customer(scene: Scene) -> None:
    refund = scene.refund(RefundState.NEEDS_DECISION)
    for _ in range(2):
        with scene.db.write() as tx:
            outbox.queue_refund_reversed_notice(tx, refund)
    kinds = [m.kind for m in scene.outbox()]
    assert kinds == ["notify_refund_reversed", "notify_refund_reversed", "refund_returned"]
    scene.attempt(refund, AttemptState.REVERSED)
    with scene.db.write() as tx:
        outbox.queue_refund_reversed_notice(tx, refund)
    assert len(scene.outbox()) == 6


def test_a_dispute_warns_against_refunding_twice(scene: Scene) -> None:
    move = scene.move(TransactionKind.CHARGEBACK, TransactionStatus.PENDING)
    with scene.db.write() as tx:
        assert outbox.queue_dispute_notice(tx, move) == 2
    assert "could go back twice" in scene.outbox()[0].body_text


def test_a_shipment_mail_has_carrier_number_and_link(scene: Scene) -> None:
    shipment = scene.ship("UPS", "1Z 999")
    with scene.db.write() as tx:
        outbox.queue_shipment_mail(tx, shipment)
    mail = scene.mail()
    assert (
        "with UPS" in mail.body_text and "tracknum=1Z%20999" in mail.body_text and "2 x Mug" in mail.body_text
    )


def test_a_card_link_is_mailed_only_where_it_leads_to_a_page(scene: Scene) -> None:
    until = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
    with scene.db.write() as tx:
        outbox.queue_card_link(tx, scene.customer, scene.store, "javascript:alert(1)", until)
        outbox.queue_card_link(tx, scene.customer, scene.store, "https://pay.example/p/1", until)
        outbox.queue_password_notice(tx, scene.customer, scene.store)
    link, password = scene.outbox()
    assert "https://pay.example/p/1" in link.body_text and "November 3, 2026, 10:00 EST" in link.body_text
    assert "never send a password by mail" in password.body_text


def test_a_suppressed_address_leaves_the_mail_unsent_with_the_reason(scene: Scene) -> None:
    with scene.db.write() as tx:
        mails.suppress(
            tx, "ANN.LEE@example.com", SuppressionScope.MARKETING, SuppressionReason.UNSUBSCRIBE, "Ann"
        )
        outbox.queue_welcome(tx, scene.order)
        mails.suppress(tx, "ann.lee@example.com", SuppressionScope.ALL, SuppressionReason.COMPLAINT, "Ann")
        outbox.queue_order_confirmation(tx, scene.order)
    welcome, confirmation = scene.outbox()
    assert welcome.state is MailState.QUEUED
    assert (confirmation.state, confirmation.next_try_at) == (MailState.SUPPRESSED, None)
    assert "its owner complained" in confirmation.last_error and confirmation.body_text


def test_an_address_that_is_none_fails_at_once_and_nothing_is_raised(sqlite_db: Database) -> None:
    scene = Scene.on(sqlite_db, email="ann@example.com\r\nBcc: all@example.com")
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
    assert scene.mail().state is MailState.FAILED and "not an e-mail address" in scene.mail().last_error


def test_a_stores_unusable_words_give_way_to_the_built_in_ones(scene: Scene) -> None:
    with scene.db.write() as tx:
        mails.put_words(tx, MailWords(MailKind.WELCOME, "Hi {{ nobody.here }}", "x", ""), scene.store, "Adam")
        outbox.queue_welcome(tx, scene.order)
    assert scene.mail().subject == "Welcome to Main"


def test_what_cannot_be_written_never_takes_the_use_case_with_it(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene.on(db)
    with db.write() as tx:
        outbox.queue_refund_mail(tx, 999_999, 999_999)
        with outbox.harmless(tx, "a fault"):
            mails.add(tx, {"kind": "refund", "subject_kind": "nonsense", "subject_id": 1})
        outbox.queue_welcome(tx, scene.order)
    assert [m.kind for m in scene.outbox()] == ["welcome"]
    assert {"mail_without_record", "mail_not_queued"} <= {record.message for record in caplog.records}


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_words_that_come_with_the_program(kind: MailKind) -> None:
    words = built_in(kind)
    assert words.subject and words.text and (words.html or kind.value.startswith("notify_"))
    assert kind.words and rendered(MailWords(kind, "a", "b", ""), {}).html == ""
