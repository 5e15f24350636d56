"""Which mail goes out when somebody changes a subscription: paused, ended or to end, another price, another card (MAIL-06, MAIL-07)."""

from __future__ import annotations

from typing import Any

from cstui.domain.mails import MailKind
from cstui.domain.money import Money
from cstui.domain.subscription_changes import SubscriptionFacts
from cstui.domain.subscriptions import SubscriptionStatus
from cstui.services.mail import outbox
from cstui.storage.transaction import Transaction

_S = SubscriptionStatus


class SubscriptionMails:
    """Tells customers what became of their subscriptions, in the transaction that stores it."""

    def changed(
        self, tx: Transaction, row: Any, action: str, before: SubscriptionFacts, after: SubscriptionFacts
    ) -> None:
        """A step was stored; `row` is the subscription as it stood before. A pause or an end that is planned is told of again on its day."""
        for kind, facts in mails_of(before, after):
            outbox.queue_subscription_mail(tx, row.id, kind, facts, f"{row.version + 1}")


def mails_of(
    before: SubscriptionFacts, after: SubscriptionFacts
) -> tuple[tuple[MailKind, dict[str, object]], ...]:
    """The mails that a change is worth, with what they tell beside the subscription itself."""
    if after.status is _S.CANCELLED:
        return ((MailKind.SUBSCRIPTION_CANCELLED, {}),) if before.status is not _S.CANCELLED else ()
    if after.status is _S.PAUSED and before.status is not _S.PAUSED:
        return ((MailKind.SUBSCRIPTION_PAUSED, {"resumes": after.resume_on}),)
    found: list[tuple[MailKind, dict[str, object]]] = []
    ends = _planned_end(after)
    if ends is not None and ends != _planned_end(before):
        found.append((MailKind.SUBSCRIPTION_CANCELLED, {"ends": ends}))
    if after.total != before.total:
        was = Money(before.total, before.currency)
        found.append(
            (MailKind.SUBSCRIPTION_PRICE, {"was": was, "amount": Money(after.total, after.currency)})
        )
    if after.card_id != before.card_id:
        found.append((MailKind.SUBSCRIPTION_CARD, {}))
    return tuple(found)


def _planned_end(facts: SubscriptionFacts) -> object:
    return facts.cancel_on or (facts.next_bill_date if facts.cancel_after_next else None)
