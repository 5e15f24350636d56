"""Mails about subscriptions: once per cause, in a tone that grows with the tries, with days and money as the customer reads them."""

from __future__ import annotations

from datetime import date

import pytest

from cstui.domain.mails import MailKind
from cstui.domain.money import Money
from cstui.services.mail import outbox
from cstui.storage.transaction import Database
from tests.factories import add_subscription
from tests.services.mail.scene import Scene


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    return Scene.on(sqlite_db)


def test_one_cause_mails_once(scene: Scene) -> None:
    subscription = add_subscription(scene.db, scene.store, scene.customer)
    for _ in range(2):
        with scene.db.write() as tx:
            outbox.queue_subscription_mail(tx, subscription, MailKind.RENEWAL_SOON, cause="3")
    assert [row.kind for row in scene.outbox()] == ["renewal_soon"]


def test_a_failed_renewal_says_when_the_next_try_comes_and_grows_urgent(scene: Scene) -> None:
    subscription = add_subscription(scene.db, scene.store, scene.customer)
    for tries in (1, 3, 5):
        facts = {
            "tries": tries,
            "date": date(2026, 12, 2),
            "amount": Money(1234, "USD"),
            "said": "Not enough money",
        }
        with scene.db.write() as tx:
            outbox.queue_subscription_mail(tx, subscription, MailKind.RENEWAL_FAILED, facts, f"3:{tries}")
    mild, firm, last = scene.outbox()
    assert "12.34" in mild.body_text and "try again on" in mild.body_text and "Dec" in mild.body_text
    assert "still unpaid" in firm.subject and "last try" in last.body_text
    assert len({mild.body_html, firm.body_html, last.body_html}) == 3


def test_a_subscription_that_is_gone_stands_in_nobodys_way(scene: Scene) -> None:
    with scene.db.write() as tx:
        outbox.queue_subscription_mail(tx, 99, MailKind.SUBSCRIPTION_PAUSED)
    assert scene.outbox() == []
