"""M on a subscription: the mails of its orders, sent again (MAIL-01 … MAIL-03)."""

from __future__ import annotations

from typing import Any

from cstui.domain.ids import Kind
from cstui.domain.mails import RESENDABLE
from cstui.domain.subscriptions import SubscriptionView
from cstui.screens.mail_actions import MailActions, MailSpot
from cstui.screens.money_actions import order_key

_NOT_AGAIN = "A mail about the subscription itself is not sent again: do again what it tells of."


def spot_of(view: SubscriptionView) -> MailSpot | None:
    """The newest order that it was billed with, else its first one."""
    order_id = next((p.order_id for p in view.periods if p.order_id), view.parent_order_id)
    if not order_id:
        return None
    number = next((m.order_number for m in view.mails if m.order_id == order_id), "")
    return MailSpot(order_id, number or view.parent_number or "of this subscription")


class SubscriptionMails(MailActions):
    """The key M on the subscription screen: the mail under the cursor, else what its newest order is told with."""

    view: Any

    def mail_spot(self) -> MailSpot | None:
        """The mail under the cursor, else the newest order that it was billed with."""
        view: SubscriptionView | None = self.view
        if view is None:
            return None
        row = self.page.row if self.page is not None else None
        key = order_key(row.key) if row is not None else None
        mail = next((m for m in view.mails if key == (Kind.MAIL, m.id)), None)
        if mail is not None and mail.order_id is not None:
            why_not = "" if mail.kind in RESENDABLE else _NOT_AGAIN
            return MailSpot(mail.order_id, mail.order_number, Kind.MAIL, mail.id, why_not)
        if mail is not None:
            return MailSpot(0, "", Kind.MAIL, mail.id, _NOT_AGAIN)
        return spot_of(view)

    def action_subscription_mail(self) -> None:
        """`M`."""
        self.action_order_mail()
