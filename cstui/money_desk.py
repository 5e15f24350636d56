"""The desk's own money: what it hears of its attempts, the countdown, taking back, the worker inside, and asking before it quits (D-02, R5)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from textual.app import App
from textual.timer import Timer

from cstui.domain.errors import CstuiError
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.money import Money
from cstui.domain.money_news import MoneyNews, OwnAttempt
from cstui.domain.payments import AttemptState, RefundState
from cstui.flow import call, quietly
from cstui.money_status import (
    asked_words,
    ended_words,
    newest_armed,
    open_words,
    status_cells,
    together,
    what_words,
)
from cstui.widgets.page_model import Cell

if TYPE_CHECKING:
    from cstui.app import DeskOptions
    from cstui.bootstrap import Desk
    from cstui.domain.actor import Actor
    from cstui.domain.refunds import Receipt
    from cstui.format import Reader
    from cstui.open_records import OpenRecords
    from cstui.screens.base import BaseScreen
    from cstui.services.worker import Worker


class MoneyDesk(App[int]):
    """What an app hears and says of money. The desk's app provides what it works on."""

    desk: Desk
    options: DeskOptions
    records: OpenRecords
    money: MoneyNews = MoneyNews()
    _seen_open: frozenset[int] = frozenset()
    _money_tick: Timer | None = None
    _skew: timedelta = timedelta(0)
    _worker: Worker | None = None

    if TYPE_CHECKING:

        @property
        def actor(self) -> Actor:
            """Who is signed in."""

        @property
        def is_signed_in(self) -> bool:
            """Whether somebody is."""

        @property
        def is_shut(self) -> bool:
            """Whether nobody is at the desk."""

        @property
        def reader(self) -> Reader:
            """For whom values are written."""

        def base_screens(self) -> list[BaseScreen]:
            """All screens that are mounted."""

    # Hearing ----------------------------------------------------------------------------------------

    def forget_money(self) -> None:
        """Somebody else sits down, or nobody: what was under way is no longer this desk's to tell."""
        self.money, self._seen_open = MoneyNews(), frozenset()

    def hear_money(self, news: MoneyNews) -> None:
        """The picture has changed: the line says where things stand, and how it ended what was open here."""
        ended = [one for one in news.own if one.id in self._seen_open and _has_ended(one)]
        still = {one.id for one in news.own}
        lost = self._seen_open - still
        self.money = news
        self._seen_open = frozenset(one.id for one in news.own if not _has_ended(one))
        for one in reversed(ended):
            self._tell_end(one)
        if lost:
            self._money_worker(self._tell_lost(lost), "lost attempts")
        self._refresh_money()

    def _tell_end(self, one: OwnAttempt) -> None:
        words, tone = ended_words(one, self.reader, int(self.desk.settings.at_hand("refund.retries")))
        screen = self.screen_at_work()
        if words and screen is not None:
            screen.tell(words, tone)

    async def _tell_lost(self, ids: frozenset[int]) -> None:
        """What ended while this desk did not hear anything: read once, told as if it had been heard."""
        for key in sorted(ids):
            row = await quietly(self.desk.decisions.attempt, self.actor, key)
            if row is not None and row.state is not AttemptState.WITHDRAWN:
                state = RefundState.DONE_REFUND if row.refund_id is not None else None
                self._tell_end(
                    OwnAttempt(
                        row.id, row.order_id or 0, row.order_number, row.operation, row.state, row.amount, row.card, None, row.text, state
                    )
                )  # fmt: skip

    def screen_at_work(self) -> BaseScreen | None:
        """The screen that a person works on; where the desk is locked, the one he comes back to."""
        from cstui.screens.base import BaseScreen

        work = [
            screen
            for screen in self.screen_stack
            if isinstance(screen, BaseScreen) and getattr(screen, "open_actions", None) is None
        ]
        return work[-1] if work else None

    # Showing ----------------------------------------------------------------------------------------

    def money_cells(self) -> list[Cell]:
        """What the status line says of money; nothing while nobody is at the desk."""
        if not self.is_signed_in or self.is_shut:
            return []
        return status_cells(self.money, self.money_now(), self.reader, counts_down=self.options.timer)

    def money_now(self) -> datetime:
        """The present instant on the database's clock, as far as this desk knows it."""
        return datetime.now(UTC) + self._skew

    def _refresh_money(self) -> None:
        for screen in self.base_screens():
            screen.refresh_status()
        counts = self.options.timer and newest_armed(self.money.own) is not None
        if counts and self._money_tick is None:
            self._money_tick = self.set_interval(1, self._count_down)
        elif not counts and self._money_tick is not None:
            self._money_tick.stop()
            self._money_tick = None

    def _count_down(self) -> None:
        refresh = getattr(self.screen, "refresh_status", None)
        if refresh is not None:
            refresh()
        panel = getattr(self.screen, "money_panel", None)
        if panel is not None:
            panel.tick()

    def money_asked(
        self,
        screen: BaseScreen,
        receipt: Receipt,
        undo_seconds: int,
        charge_of: tuple[int, str] | None = None,
    ) -> None:
        """A refund or void was stored here, or the charge of a subscription (its id and name): says so at once, before the database tells it back."""
        if receipt.sends_at is not None:
            self._skew = receipt.sends_at - timedelta(seconds=undo_seconds) - datetime.now(UTC)
        words = asked_words(receipt, self.reader)
        screen.tell(words, "good" if words.startswith("✓") else "warn")
        armed = [
            _as_own(receipt, key, charge_of) for key in receipt.attempt_ids if receipt.sends_at is not None
        ]
        if armed:
            known = {one.id for one in self.money.own}
            fresh = tuple(one for one in armed if one.id not in known)
            self.money = replace(self.money, own=(*fresh, *self.money.own))
            self._seen_open |= {one.id for one in fresh}
        self._refresh_money()

    # Taking back ------------------------------------------------------------------------------------

    def why_no_takeback(self) -> str:
        """Why there is nothing to take back; empty where there is."""
        return "" if newest_armed(self.money.own) is not None else "Nothing of yours is waiting to be sent."

    def action_money_takeback(self) -> None:
        """`u`: takes back the newest refund or void of one's own that has not been sent."""
        self._money_worker(self._take_back(), "take back")

    async def _take_back(self) -> None:
        screen = self.screen_at_work()
        newest = newest_armed(self.money.own)
        if screen is None:
            return
        if newest is None:
            screen.tell_reason(self.why_no_takeback())
            return
        what = what_words(together(self.money.own, newest), self.reader)
        try:
            await call(self.desk.refunds.withdraw, self.actor, newest.id, new_token())
        except CstuiError as error:
            screen.tell_error(error)
            return
        gone = {one.id for one in together(self.money.own, newest)}
        self._seen_open -= gone
        rest = tuple(one for one in self.money.own if one.id not in gone)
        self.money = replace(self.money, own=rest)
        screen.tell(f"Taken back: {what[:1].lower()}{what[1:]}. Nothing was sent.")
        self._refresh_money()

    # Opening by number ------------------------------------------------------------------------------

    def command_order_refund(self, rest: str) -> None:
        """`:refund NUMBER`: opens that order, then its refund."""
        self._money_worker(self._refund_number(rest.strip()), "refund number")

    async def _refund_number(self, number: str) -> None:
        screen = self.screen_at_work()
        if screen is None or self.is_shut:
            return
        try:
            found = await call(self.desk.orders.by_number, self.actor, number)
        except CstuiError as error:
            screen.tell_error(error)
            return
        if len(found) != 1:
            said = (
                f"Several orders are called {number}; open one (:o {number}) and press R."
                if found
                else f"There is no order {number} here."
            )
            screen.tell_reason(said)
            return
        self.records.open_order(found[0], refund=True)

    # Quitting, and the worker inside ------------------------------------------------------------------

    async def asked_about_money(self) -> bool:
        """Asks before the desk ends while an own attempt is under way (R5); True where it may end."""
        from cstui.widgets.form import ConfirmPanel

        words = open_words(self.money.own, self.money_now(), self.reader) if self.is_signed_in else []
        screen = self.screen_at_work()
        if not words or screen is None or screen is not self.screen:
            return True
        if self._worker is not None and newest_armed(self.money.own) is not None:
            words.append("The worker of this desk ends with it: the next start sends what is left.")
        answer = await screen.ask(
            ConfirmPanel("Money is under way", words, "q quit all the same   Esc stay", letters={"q": "quit"})
        )
        return answer is not None

    async def start_worker(self) -> None:
        """Starts the worker of a single desk, behind the first paint; a fault costs the desk nothing but the sending."""
        if not self.options.worker_inside or self._worker is not None:
            return
        try:
            self._worker = await asyncio.get_running_loop().run_in_executor(None, self._made_worker)
        except CstuiError as error:
            screen = self.screen_at_work()
            if screen is not None:
                screen.tell(f"The worker did not start: {error.in_words()}", "bad")

    def _made_worker(self) -> Worker:
        worker = self.desk.make_worker(
            name=self.options.terminal, is_inside=True, senders=2, mail=self.options.mail
        )
        worker.start()
        return worker

    async def stop_worker(self) -> None:
        """Ends it in order: what is being sent is waited for, nothing new is begun."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.get_running_loop().run_in_executor(None, worker.stop)

    def _money_worker(self, work: object, name: str) -> None:
        self.run_worker(work, name=name, group="money", description=name, exit_on_error=False)  # type: ignore[arg-type]


def _has_ended(one: OwnAttempt) -> bool:
    return not one.is_open or one.state is AttemptState.PENDING


def _as_own(receipt: Receipt, key: int, charge_of: tuple[int, str] | None = None) -> OwnAttempt:
    """What the database is going to tell back, for the moment until it does. Of several, the first stands for the whole amount."""
    refund = receipt.state if isinstance(receipt.state, RefundState) else None
    amount = receipt.amount if key == receipt.attempt_ids[0] else Money(0, receipt.amount.currency)
    operation = Operation.REFUND if refund is not None else Operation.VOID
    subscription_id, name = charge_of or (0, receipt.order_number)
    if charge_of is not None:
        operation = Operation.SALE
    return OwnAttempt(
        key,
        receipt.order_id,
        name,
        operation,
        AttemptState.ARMED,
        amount,
        "",
        receipt.sends_at,
        "",
        refund,
        subscription_id=subscription_id,
    )
