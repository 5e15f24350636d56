"""Mails about subscriptions: once per cause, in a tone that grows with the tries, with days and money as the customer reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cstui.bootstrap import Desk
from cstui.domain.mails import MailKind
from cstui.domain.money import Money
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.mail import outbox
from cstui.services.mail.subscription_mails import mails_of
from cstui.storage.transaction import Database
from tests.factories import add_staff, add_subscription
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


def test_each_change_is_worth_its_own_mail() -> None:
    facts = SubscriptionFacts(SubscriptionStatus.ACTIVE, "USD", unit_price=1000, card_id=1, next_bill_date=date(2026, 12, 2))  # fmt: skip
    day = date(2027, 1, 2)

    def told(**changes: Any) -> list[str]:
        return [kind.value for kind, _ in mails_of(facts, replace(facts, **changes))]

    assert told() == [] == told(next_bill_date=day)
    assert told(unit_price=900, card_id=2) == ["subscription_price", "subscription_card"]
    assert told(status=SubscriptionStatus.PAUSED, next_bill_date=None) == ["subscription_paused"]
    assert told(status=SubscriptionStatus.CANCELLED) == ["subscription_cancelled"] == told(cancel_on=day)
    assert mails_of(facts, replace(facts, cancel_after_next=True))[0][1] == {"ends": date(2026, 12, 2)}


def test_a_pause_at_the_desk_is_mailed_with_the_day_of_its_return(sqlite_db: Database) -> None:
    desk = Desk(sqlite_db.url.text)
    scene = Scene.on(sqlite_db)
    subscription = add_subscription(scene.db, scene.store, scene.customer)
    ann = add_staff(scene.db, "zoe")
    grip = desk.subscriptions.begin(ann, subscription, 1, "token-1")
    until = datetime.now(UTC).date() + timedelta(days=30)
    desk.subscriptions.pause(ann, subscription, grip, until, "save-1")
    (mail,) = scene.outbox()
    assert mail.kind == "subscription_paused" and f"{until.year}" in mail.body_text
    desk.close()
