"""The ring: a refund that waits for this person's approval is said on every screen of the desk, with a bell, and takes no focus (D-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cstui.domain.live import LiveEvent, What
from cstui.domain.money_news import MoneyNews, OwnDecision
from cstui.domain.payments import RefundState
from cstui.domain.permissions import Permission
from cstui.format import Reader, money_words
from cstui.widgets.page_model import Cell

if TYPE_CHECKING:
    from cstui.app import CstuiApp


class MoneyRing:
    """What one desk knows of requests for approval: it rings once for each new one, and is quiet while the queue is in front."""

    def __init__(self, *, bell: bool = True) -> None:
        self._bell = bell
        self._newest = -1
        self._seen = 0
        self.news = MoneyNews()
        self._told: set[int] = set()
        #: How often it rang since this desk was opened.
        self.rung = 0

    def hear(self, app: CstuiApp, event: LiveEvent) -> None:
        """News of money: rings where a request is new. Requests that were there when the person came are said without the bell."""
        if event.what is not What.MONEY:
            return
        self.news = event.facts["news"]
        newest = self.news.newest_approval_id
        if newest > self._newest >= 0:
            self.rung += 1
            if self._bell:
                app.bell()
        self._newest = max(self._newest, newest)
        self._tell_decisions(app)
        for screen in app.base_screens():
            screen.refresh_ring()

    def _tell_decisions(self, app: CstuiApp) -> None:
        """What others decided about this person's requests, once each, on the screen that he works on."""
        for one in reversed(self.news.decided):
            if one.refund_id in self._told:
                continue
            self._told.add(one.refund_id)
            words, tone = decision_words(one, app.reader)
            screen = app.screen_at_work()
            if words and screen is not None:
                screen.tell(words, tone)

    def listen(self, app: CstuiApp) -> None:
        """Somebody sits down, or has left: from now on the desk hears of his money, and of requests where he approves."""
        self._newest, self._seen, self.news = -1, 0, MoneyNews()
        self._told.clear()
        if "pulse" not in app.desk.__dict__:
            return
        if app.is_signed_in:
            app.desk.pulse.for_person(app.actor.staff_id, app.actor.stores(Permission.REFUND_APPROVE))
        else:
            app.desk.pulse.for_person(None)

    def seen(self) -> None:
        """The queue is open: what is in it need not be said any more."""
        self._seen = max(self._seen, self._newest)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The line: who asks for what, and what decides; empty where nobody waits, or where the queue has been looked at since."""
        news = self.news
        if not news.approvals or news.newest_approval_id <= self._seen:
            return ()
        more = news.approvals - 1
        also = f" ({more} more)" if more else ""
        return (Cell(f"{news.newest_approval}{also}: :refunds decides", "warn"),)


def decision_words(one: OwnDecision, reader: Reader) -> tuple[str, str]:
    """What somebody decided about a request, for who had asked, and its tone; empty where there is nothing to tell yet."""
    amount = money_words(one.amount, reader)
    what = f"the refund of {amount} on {one.order_number}"
    by = one.by or "Somebody"
    if one.state is RefundState.DENIED:
        return f"{by} denied {what}: {one.reason}", "warn"
    if one.state is RefundState.WITHDRAWN:
        return f"{by} withdrew {what}.", "warn"
    if one.state in (RefundState.MANUAL, RefundState.EXTERNAL):
        return f"{by} approved {what}; no gateway is asked.", "good"
    if one.state is RefundState.NEEDS_DECISION:
        return "", ""
    if one.is_lowered and one.asked is not None:
        asked = money_words(one.asked, reader)
        return f"{by} approved {amount} of the {asked} on {one.order_number}; it is on its way.", "good"
    return f"{by} approved {what}; it is on its way.", "good"
