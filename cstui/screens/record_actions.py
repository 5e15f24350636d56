"""What can be done on every open record, also beside an open form: add a note, log the call, tick what the caller gave."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime

from cstui.domain.calls import CallDirection
from cstui.domain.customers import VERIFY_TOKENS, Verification
from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Permission
from cstui.flow import call, flow
from cstui.screens.record import RecordScreen
from cstui.widgets.form import Field, FormPanel
from cstui.widgets.picker import LetterPanel


class RecordActions(RecordScreen):
    """F7, F6 and `v`. A screen says whose record it is and takes over what changed."""

    opened_at: datetime | None = None

    @abstractmethod
    def customer_behind(self) -> int:
        """The customer that the record belongs to; 0 while nothing is loaded."""

    def note_added(self) -> None:
        """A note or a call was stored: show it."""

    def verified_now(self, verified: Verification) -> None:
        """The ticks changed: show them."""

    @flow("note.add", alongside=True)
    async def action_note_add(self) -> None:
        """F7: a note on what is open; it cannot be changed later."""
        await self._add_note("")

    def command_note_add(self, rest: str) -> None:
        """`:note TEXT`."""
        self._add_typed_note(rest)

    @flow("note.add", alongside=True)
    async def _add_typed_note(self, text: str) -> None:
        await call(self.desk.notes.add, self.actor, self.record_kind, self.record_id, text, new_token())
        self._note_done()

    async def _add_note(self, text: str) -> None:
        save_id = new_token()
        panel = FormPanel(f"Note on {self.record_name}", (Field("note", "Note", text),), save_label="add")
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    await call(
                        self.desk.notes.add,
                        self.actor,
                        self.record_kind,
                        self.record_id,
                        values["note"],
                        save_id,
                    )
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                    continue
                self._note_done()
                return

    def _note_done(self) -> None:
        self.tell(f"Note added to {self.record_name}.")
        self.note_added()

    @flow("call.log", alongside=True)
    async def action_call_log(self) -> None:
        """F6: logs the call; the outcome by its letter, F9 stores it."""
        customer_id = self.customer_behind()
        if not customer_id:
            self.tell_reason("Open a customer or an order first.")
            return
        save_id = new_token()
        dispositions = await call(self.desk.calls.dispositions)
        order_id = self.record_id if self.record_kind is Kind.ORDER else None
        panel = FormPanel(
            f"Call with {self.record_name}",
            (
                Field(
                    "disposition",
                    "Outcome",
                    choices=tuple((reason.code, reason.label) for reason in dispositions),
                ),
                Field("note", "For the next agent"),
                Field(
                    "direction",
                    "Direction",
                    CallDirection.IN,
                    choices=((CallDirection.IN, "they rang"), (CallDirection.OUT, "we rang")),
                ),
            ),
            save_label="log",
        )
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    await call(
                        self.desk.calls.log, self.actor, customer_id, CallDirection(values["direction"]), values["disposition"],
                        values["note"], save_id, started_at=self.opened_at, order_id=order_id,
                    )  # fmt: skip
                except InvalidInput as problem:
                    panel.show_problems((problem,))
                    continue
                except InvalidFields as error:
                    panel.show_problems(error.problems)
                    continue
                await call(self.desk.verification.forget, self.desk.token, customer_id)
                self.verified_now(Verification())
                self.opened_at = None
                self.tell("Call logged. The verification of this call has ended.")
                self.note_added()
                return

    @flow("customer.verify", alongside=True)
    async def action_customer_verify(self) -> None:
        """`v`: a letter ticks what the caller gave; two are enough (D-11)."""
        customer_id = self.customer_behind()
        if not customer_id:
            return
        verified: Verification = await call(
            self.desk.verification.current, self.actor, customer_id, self.desk.token
        )
        may_override = self.actor.may_somewhere(Permission.VERIFY_OVERRIDE)
        while True:
            places = [
                (token, ("✓ " if token in verified.tokens else "") + words)
                for token, words in VERIFY_TOKENS.items()
            ]
            if may_override:
                places.append(("override", "override with a reason"))
            answer = await self.ask(LetterPanel("The caller gave", places))
            if answer is None:
                return
            token = answer["picked"]
            if token == "override":
                verified = await self._override(customer_id) or verified
            else:
                change = (
                    self.desk.verification.untick if token in verified.tokens else self.desk.verification.tick
                )
                verified = await call(change, self.actor, customer_id, self.desk.token, token)
            self.verified_now(verified)
            if verified.is_enough:
                self.tell("The caller is verified for this call.")
                return

    async def _override(self, customer_id: int) -> Verification | None:
        values = await self.ask(
            FormPanel("Override the verification", (Field("reason", "Reason"),), save_label="override")
        )
        if values is None:
            return None
        verified: Verification = await call(
            self.desk.verification.override, self.actor, customer_id, self.desk.token, values["reason"]
        )
        return verified
