"""The refund queue and the payment attempts: what waits, and what a supervisor decides about it in place (D-12, D-13, REF-07)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from cstui.domain.errors import CstuiError, InvalidInput
from cstui.domain.ids import new_token
from cstui.domain.live import What
from cstui.domain.money import Money, minor_from_typed
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Permission
from cstui.domain.refund_queue import Act, ByHand, choices_for, why_not_settled
from cstui.domain.refunds import AttemptRow, RefundRow
from cstui.flow import call, flow
from cstui.format import money_words
from cstui.keys import Context, KeyMap
from cstui.saving import saving
from cstui.screens.lists import LiveListScreen
from cstui.screens.money_rows import Clock, attempt_sections, queue_sections, reason_words
from cstui.states import state_of
from cstui.widgets.choices import ChoicesPanel, Offer
from cstui.widgets.commit_line import CommitPanel
from cstui.widgets.form import Field, FormPanel
from cstui.widgets.page import Page

_MONEY_NEWS = (What.MONEY, What.PAYMENT, What.ANY, What.BACK)
#: Most refunds that are shown at once.
_MOST = 500
#: What is said once something was decided, by the refund's state then.
_AFTER = {
    RefundState.ARMED: "is on its way",
    RefundState.APPROVED: "is approved",
    RefundState.DENIED: "is denied; who asked is told",
    RefundState.WITHDRAWN: "is withdrawn",
    RefundState.REQUESTED: "goes once the charge has settled",
    RefundState.NEEDS_DECISION: "cannot go this way",
    RefundState.MANUAL: "is recorded as paid by hand",
    RefundState.EXTERNAL: "is recorded as refunded elsewhere",
}


class RefundQueueScreen(LiveListScreen):
    """Every refund that waits for a person, for settlement or for the next try, and every outcome that is open; Enter decides."""

    title_words = "Refund queue"
    contexts: ClassVar[tuple[Context, ...]] = (Context.MONEY, Context.ALWAYS, Context.NAV)
    hears: ClassVar[tuple[What, ...]] = _MONEY_NEWS

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._refunds: dict[int, RefundRow] = {}
        self._unknown: dict[int, AttemptRow] = {}
        self._reading = 0

    def refresh_ring(self) -> None:
        """Here everything that rings is in sight."""
        self.desk_app.ring.seen()
        super().refresh_ring()

    @flow(reading=True)
    async def fill(self) -> None:
        """Reads the queue and what is being checked; of two readings the later one counts."""
        self._reading += 1
        reading = self._reading
        refunds = await call(self.desk.decisions.queue, self.actor, _MOST)
        unknown = await call(self.desk.decisions.attempts, self.actor, (AttemptState.UNKNOWN,))
        if reading != self._reading:
            return
        self._refunds = {refund.id: refund for refund in refunds}
        self._unknown = {attempt.id: attempt for attempt in unknown}
        self.rows_page.show(queue_sections(refunds, unknown, self._clock()))
        if len(refunds) == _MOST:
            self.tell_reason(f"These are the oldest {_MOST}; more appear as these are decided.")
        self.refresh_frame()

    def _clock(self) -> Clock:
        return Clock(self.desk_app.reader, self.now())

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter: what can be done about the row."""
        if isinstance(event.row.key, tuple):
            kind, key = event.row.key
            if kind == "refund" and key in self._refunds:
                self._decide(self._refunds[key])
            elif kind == "attempt" and key in self._unknown:
                self._decide_attempt(self._unknown[key])

    # Deciding ---------------------------------------------------------------------------------------

    @flow()
    async def _decide(self, row: RefundRow) -> None:
        attempt = next((one for one in self._unknown.values() if one.refund_id == row.id), None)
        may_record = self.actor.may(Permission.REFUND_EXTERNAL, row.store_id)
        choices = choices_for(row, attempt, self.actor, may_record=may_record)
        read_only = self._why_read_only()
        offers = [
            Offer(one.act, one.words, one.why_not or ("" if one.act is Act.OPEN else read_only))
            for one in choices
        ]
        answer = await self.ask(ChoicesPanel(self._title(row), offers, above=self._facts(row)))
        if answer is None:
            return
        act = Act(answer["picked"])
        if act is Act.OPEN:
            self.desk_app.open_order(row.order_id)
        elif act is Act.SETTLE and attempt is not None:
            await self._settle(attempt)
        else:
            await self._do(act, row)

    @flow()
    async def _decide_attempt(self, attempt: AttemptRow) -> None:
        allowed = self.actor.may(Permission.REFUND_APPROVE, attempt.store_id)
        why = "" if allowed else "Your role does not approve refunds."
        offers = [
            Offer(
                Act.SETTLE,
                "settle the unknown attempt",
                why or why_not_settled(attempt) or self._why_read_only(),
            )
        ]
        if attempt.order_id is not None:
            offers.append(Offer(Act.OPEN, "open the order"))
        amount = self._money(attempt.amount)
        answer = await self.ask(
            ChoicesPanel(f"{attempt.operation.capitalize()} {amount} of {attempt.order_number}", offers)
        )
        if answer is None:
            return
        if answer["picked"] == Act.OPEN and attempt.order_id is not None:
            self.desk_app.open_order(attempt.order_id)
        else:
            await self._settle(attempt)

    def _why_read_only(self) -> str:
        return "The desk is read-only; :readonly turns it off." if self.desk_app.is_read_only else ""

    async def _do(self, act: Act, row: RefundRow) -> None:
        if act is Act.APPROVE:
            await self._approve(row, None)
        elif act is Act.LESS:
            await self._approve_less(row)
        elif act is Act.DENY:
            await self._deny(row)
        elif act is Act.RETRY:
            words = f"y tries {self._what(row)} again now"
            if await self._sure(f"Try again: {self._title(row)}", self._facts(row), words):
                await self._store(row, self.desk.decisions.retry)
        elif act is Act.BY_HAND:
            await self._by_hand(row)
        elif act is Act.WITHDRAW:
            await self._withdraw(row)

    async def _approve(self, row: RefundRow, less: Money | None) -> None:
        what = self._what(row, less)
        effects = list(self._facts(row))
        if less is not None:
            effects.insert(0, f"{row.requested_by} asked for {self._money(row.amount)}.")
        if await self._sure(f"Approve: {self._title(row)}", effects, f"y approves {what}"):
            await self._store(row, self.desk.decisions.approve, amount=less)

    async def _approve_less(self, row: RefundRow) -> None:
        field = Field("amount", "Approve", hint=f"less than {self._money(row.amount)}")
        above = (f"{row.requested_by} asked for {self._money(row.amount)}.",)
        panel = FormPanel(f"Less: {self._title(row)}", (field,), above=above, save_label="go on")
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    less = _lesser(values["amount"], row.amount, self._money(row.amount))
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                    continue
                break
            else:
                return
        await self._approve(row, less)

    async def _deny(self, row: RefundRow) -> None:
        field = Field("reason", "Reason", hint=f"{row.requested_by} reads it", optional=False)
        title = f"Deny: {self._title(row)}"
        await self._stored_from(title, field, "deny", row, self.desk.decisions.deny)

    async def _withdraw(self, row: RefundRow) -> None:
        field = Field("reason", "Reason", hint="may stay empty")
        title = f"Withdraw: {self._title(row)}"
        await self._stored_from(title, field, "withdraw", row, self.desk.decisions.withdraw)

    async def _by_hand(self, row: RefundRow) -> None:
        fields = (
            Field("payee", "Pay to", row.payee or row.customer_name),
            Field("payee_address", "Address", hint="street, city, postcode"),
        )
        panel = FormPanel(f"By hand: {self._title(row)}", fields, save_label="go on")
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                missing = [
                    InvalidInput(name, "", words, "Fill it in.")
                    for name, words in (("payee", "Who gets the money?"), ("payee_address", "Where does the cheque go?"))
                    if not values[name].strip()
                ]  # fmt: skip
                if not missing:
                    break
                panel.show_problems(missing)
            else:
                return
        payee, address = values["payee"].strip(), values["payee_address"].strip()
        words = f"y records {self._money(row.amount)} of {row.order_number} as paid by cheque to {payee}"
        if await self._sure(f"By hand: {self._title(row)}", (f"Goes to {address}.",), words):
            await self._store(row, self.desk.decisions.make_manual, payee, address)

    async def _settle(self, attempt: AttemptRow) -> None:
        """Asks what became of it until the answer can be stored; what was typed stays."""
        amount, target = self._money(attempt.amount), attempt.card or attempt.gateway
        title = f"Settle: {attempt.operation} {amount} of {attempt.order_number}"
        settle: Callable[..., Any] = self.desk.decisions.settle
        values: dict[str, str] | None = {}
        problem: InvalidInput | None = None
        while values is not None:
            values = await self._ask_outcome(attempt, title, values, problem)
            if values is None:
                return
            went = values["outcome"] == ByHand.SUCCEEDED
            says = "went through" if went else "was not executed and is sent again"
            words = f"y settles: {amount} of {attempt.order_number} to {target} {says}"
            if not await self._sure(title, (f"Evidence: {values['evidence']}",), words):
                return
            save_id = new_token()
            try:
                await saving(
                    self, save_id, settle, self.actor, attempt.id, ByHand(values["outcome"]), values["evidence"], save_id,
                    values["reference"] if went else "",
                    reread=lambda: self.desk.decisions.attempt(self.actor, attempt.id),
                )  # fmt: skip
            except InvalidInput as error:
                problem = error
                continue
            self.tell(f"Settled: {amount} of {attempt.order_number} {says}.")
            self.fill()
            return

    async def _ask_outcome(
        self, attempt: AttemptRow, title: str, kept: dict[str, str], problem: InvalidInput | None
    ) -> dict[str, str] | None:
        outcomes = (("succeeded", "it went through"), ("not_executed", "it was not executed"))
        fields = (
            Field("outcome", "Outcome", kept.get("outcome", ""), choices=outcomes),
            Field("evidence", "Evidence", kept.get("evidence", ""), hint="where you saw it, and when", optional=False),
            Field("reference", "Reference", kept.get("reference", ""), hint="of the gateway, where it went through"),
        )  # fmt: skip
        above = (
            f"Look it up in the pages of {attempt.gateway} first: key {attempt.key}.",
            "Not executed sends the refund again; went through writes it down.",
        )
        panel = FormPanel(title, fields, above=above, save_label="go on", changed=bool(kept))
        async with self.opened(panel):
            if problem is not None:
                panel.show_problems((problem,))
            while (values := await panel.answer()) is not None:
                if values["evidence"].strip():
                    return values
                panel.show_problems(
                    (InvalidInput("evidence", "", "How do you know?", "Say where you saw it."),)
                )
        return None

    # Storing ----------------------------------------------------------------------------------------

    async def _sure(self, title: str, effects: Sequence[str], words: str) -> bool:
        return await self.ask(CommitPanel(title, effects, f"{words}   Esc leaves it")) is not None

    async def _store(
        self, row: RefundRow, use_case: Callable[..., RefundRow], *args: Any, **more: Any
    ) -> None:
        """Stores a decision of which the person is sure, and says what became of the refund."""
        save_id = new_token()
        stored = await saving(
            self, save_id, use_case, self.actor, row.id, *args, save_id,
            reread=lambda: self.desk.decisions.refund(self.actor, row.id), **more,
        )  # fmt: skip
        self._told(stored)

    async def _stored_from(
        self, title: str, field: Field, label: str, row: RefundRow, use_case: Callable[..., RefundRow]
    ) -> None:
        """Asks for a reason and stores; what the service finds wrong stands beside the field."""
        save_id = new_token()
        panel = FormPanel(title, (field,), above=self._facts(row), save_label=label)
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    stored = await saving(
                        self, save_id, use_case, self.actor, row.id, values["reason"], save_id,
                        reread=lambda: self.desk.decisions.refund(self.actor, row.id),
                    )  # fmt: skip
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                except CstuiError as error:
                    panel.say_below(error.in_words(), "bad")
                else:
                    self._told(stored)
                    return

    def _told(self, row: RefundRow) -> None:
        words = _AFTER.get(row.state, state_of(row.state).word)
        because = f": {row.last_failure}" if row.state is RefundState.NEEDS_DECISION else ""
        tone = "warn" if row.state is RefundState.NEEDS_DECISION else "good"
        said = f"Refund {self._money(row.amount)} of {row.order_number} {words}{because}"
        self.tell(said if said.endswith(".") else f"{said}.", tone)
        self.fill()

    # Words ------------------------------------------------------------------------------------------

    def _money(self, amount: Money) -> str:
        return money_words(amount, self.desk_app.reader)

    def _title(self, row: RefundRow) -> str:
        return f"{self._money(row.amount)} of {row.order_number}, {row.customer_name or '(no name)'}"

    def _what(self, row: RefundRow, less: Money | None = None) -> str:
        target = row.card or row.payee or "where the charge came from"
        return f"{self._money(less or row.amount)} of {row.order_number} to {target}"

    def _facts(self, row: RefundRow) -> tuple[str, ...]:
        at = self._clock().moment(row.requested_at)
        asked = f"{row.requested_by or 'Somebody'} asked {at}: {reason_words(row.reason)}"
        lines = [f"{asked}. {row.note}" if row.note else f"{asked}."]
        if row.last_failure:
            lines.append(f"Last failure: {row.last_failure}")
        return tuple(lines)


def _lesser(typed: str, asked: Money, asked_words: str) -> Money:
    """The amount to approve instead. Errors: `InvalidInput`."""
    minor = minor_from_typed(typed, asked.currency, "amount")
    if not 0 < minor < asked.minor:
        raise InvalidInput("amount", typed, f"Give more than 0 and less than {asked_words}.")
    return Money(minor, asked.currency)


class AttemptsScreen(LiveListScreen):
    """Payment attempts, newest first, with what became of each; F4 chooses a state, Enter opens the order."""

    title_words = "Payment attempts"
    contexts: ClassVar[tuple[Context, ...]] = (Context.MONEY, Context.ALWAYS, Context.NAV)
    hears: ClassVar[tuple[What, ...]] = _MONEY_NEWS

    def __init__(self, keymap: KeyMap, only: AttemptState | None = None) -> None:
        super().__init__(keymap)
        self._only = only

    @flow(reading=True)
    async def fill(self) -> None:
        """Reads the attempts."""
        only = self._only
        attempts = await call(self.desk.decisions.attempts, self.actor, (only,) if only is not None else ())
        if only is not self._only:
            return
        clock = Clock(self.desk_app.reader, self.now())
        self.rows_page.show(attempt_sections(attempts, only, clock, self.size.width))
        self.refresh_frame()

    def on_resize(self) -> None:
        """Other columns fit."""
        super().on_resize()
        if self.is_mounted:
            self.fill()

    @flow()
    async def action_form_choose(self) -> None:
        """F4: attempts of one state, or all."""
        letters = "bcdefghijklm"
        states = dict(zip(letters, AttemptState, strict=False))
        offers = [Offer("a", "all")]
        offers += [Offer(letter, state_of(state).word) for letter, state in states.items()]
        answer = await self.ask(ChoicesPanel("Show attempts", offers))
        if answer is not None:
            self._only = states.get(answer["picked"])
            self.fill()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter opens the order that the attempt belongs to."""
        order_id = event.row.key[0] if isinstance(event.row.key, tuple) else 0
        if order_id:
            self.desk_app.open_order(order_id)
        else:
            self.tell_reason("This attempt belongs to no order.")
