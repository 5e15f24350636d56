"""e, Q and D on a subscription: forms under its lock, the bills to come below, text that survives (SUB-07, SUB-11, SUB-13, SUB-15)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.timer import Timer

from cstui.domain.errors import CstuiError, InvalidFields, NotPossibleNow
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft
from cstui.domain.subscription_changes import BillPreview, SubscriptionChange
from cstui.domain.subscriptions import SubscriptionView
from cstui.flow import call, flow, quietly
from cstui.keys import KeyMap
from cstui.screens.dialogs.subscription_forms import (
    DATE,
    PRICE,
    QUANTITY,
    SubscriptionEdit,
    SubscriptionForm,
    is_nothing,
)
from cstui.screens.order_drafts import WAS, put_back, typed_texts
from cstui.screens.subscription_actions import HeldView, SubscriptionActions
from cstui.screens.subscription_rows import preview_lines
from cstui.widgets.form import Field

#: Seconds after the last key before the bills to come are reckoned again.
PREVIEW_PAUSE = 0.2


class LookFirst(NotPossibleNow):
    """What would be billed has not been seen yet: it is shown, and a second F9 stores."""


class SubscriptionEditing(SubscriptionActions):
    """One form at a time; what is typed is kept after each pause."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._form: SubscriptionForm | None = None
        self._form_of: tuple[HeldView, tuple[Field, ...]] | None = None
        self._form_draft: Draft | None = None
        self._form_left = False
        self._seen_values: dict[str, str] | None = None
        self._look_timer: Timer | None = None

    @flow("subscription.edit")
    async def action_subscription_edit(self) -> None:
        """`e`: what each cycle costs, for good or for the next bill only."""
        await self._edit_subscription(PRICE)

    @flow("subscription.quantity")
    async def action_subscription_quantity(self) -> None:
        """`Q`: how many, and what each of them costs."""
        await self._edit_subscription(QUANTITY)

    @flow("subscription.date")
    async def action_subscription_date(self) -> None:
        """`D`: when it is billed next, and how often."""
        await self._edit_subscription(DATE)

    async def _edit_subscription(self, edit: SubscriptionEdit) -> None:
        held = await self.hold_subscription()
        if held is None:
            return
        try:
            await self._fill_in(edit, held)
        finally:
            await self.give_subscription_back()
            self.subscription_draft_moved(self._form_draft)

    def subscription_draft_moved(self, draft: Draft | None) -> None:
        """Unsaved text is there to be continued, or no more."""

    async def _fill_in(self, edit: SubscriptionEdit, held: HeldView) -> None:
        reader = self.desk_app.reader
        self._form_draft = await call(self.desk.drafts.of, self.actor, Kind.SUBSCRIPTION, held.id)
        fields = edit.fields(held.view)
        put = put_back(fields, self._form_draft.body if self._form_draft else {}, {})
        panel = SubscriptionForm(
            f"{edit.title} {held.name}", put.fields, above=edit.above(held.view, reader), replace_on_type=True, changed=put.any,
            on_pause=self._keep_form, on_change=partial(self._reckon_form_soon, edit, panel_of=held),
        )  # fmt: skip
        panel.on_view = partial(self._put_under, edit, panel)
        self._form, self._form_of, self._form_left = panel, (held, fields), False
        self._seen_values = None

        async def store(now: HeldView, values: dict[str, str], save_id: str) -> Callable[[], Any]:
            return await self._form_call(edit, panel, now, values, save_id)

        done = None
        try:
            async with self.opened(panel):
                coming = held.view.next
                lines = preview_lines(coming, reader) if coming is not None else []
                panel.show_coming([put.words, *lines] if put.words else lines)
                done = await self.store_until_done(panel, held, store, self._refused_form)
        finally:
            self._form, self._form_of = None, None
        if not self._form_left:
            await self._drop_form_draft(held)
        if done is not None:
            self.say_stored(done[0], f"Saved: {edit.name} of {held.name}.")

    async def _form_call(
        self,
        edit: SubscriptionEdit,
        panel: SubscriptionForm,
        held: HeldView,
        values: dict[str, str],
        save_id: str,
    ) -> Callable[[], Any]:
        change = edit.read(held.view, values)
        if is_nothing(change):
            raise NotPossibleNow("Nothing is changed yet.", "Esc leaves it.")
        panel.show_problems(())
        if self._seen_values != values:
            if self._look_timer is not None:
                self._look_timer.stop()
            self.workers.cancel_group(self, "preview")
            lines = await self._coming_lines(held, change)
            self._seen_values = values
            panel.show_coming([*lines, "F9 again saves."], "warn")
            raise LookFirst("", "")
        return partial(
            self.desk.subscriptions.save, self.actor, held.id, held.grip, change, save_id, self.desk.token
        )

    def _put_under(self, edit: SubscriptionEdit, panel: SubscriptionForm, view: SubscriptionView) -> str:
        """Another state under what was typed: fields that nobody touched here follow it; what both changed is named, and mine stands."""
        if self._form_of is None:
            return ""
        held, fields = self._form_of
        mine = typed_texts(fields, panel.values)
        fresh = edit.fields(view)
        put = put_back(fresh, mine, {})
        self._form_of = (HeldView(view, held.grip), fresh)
        self._seen_values = None
        panel.put({field.name: field.value for field in put.fields})
        return put.words

    async def _coming_lines(self, held: HeldView, change: SubscriptionChange) -> list[str]:
        preview: BillPreview = await call(self.desk.subscriptions.preview, self.actor, held.id, change)
        return preview_lines(preview, self.desk_app.reader)

    # The bills to come, live --------------------------------------------------------------------------

    def _reckon_form_soon(
        self, edit: SubscriptionEdit, values: dict[str, str], *, panel_of: HeldView
    ) -> None:
        if self._look_timer is not None:
            self._look_timer.stop()
        self._look_timer = self.set_timer(
            PREVIEW_PAUSE,
            lambda: self.run_worker(
                self._reckon_form(edit, panel_of, values), group="preview", exclusive=True, description="preview", exit_on_error=False
            ),
        )  # fmt: skip

    async def _reckon_form(self, edit: SubscriptionEdit, held: HeldView, values: dict[str, str]) -> None:
        panel = self._form
        if panel is None or panel.is_asking:
            return
        tone = ""
        try:
            change = edit.read(held.view, values)
            lines = await self._coming_lines(held, change)
        except InvalidFields as error:
            lines, tone = [problem.in_words() for problem in error.problems], "bad"
        except CstuiError as error:
            lines, tone = [error.in_words()], "bad"
        if panel is self._form and panel.is_attached and not panel.is_asking and panel.values == values:
            panel.show_coming(lines, tone)
            self._seen_values = None if tone else values

    # Drafts -----------------------------------------------------------------------------------------

    async def _keep_form(self, values: dict[str, str], why: str = "") -> None:
        """Writes what is typed to the database, beside what an earlier draft holds of other fields."""
        if self._form_of is None:
            return
        held, fields = self._form_of
        mine = typed_texts(fields, values)
        if not mine:
            return
        names = {field.name for field in fields}
        earlier = self._form_draft.body if self._form_draft else {}
        body = {path: text for path, text in earlier.items() if path.removeprefix(WAS) not in names} | mine
        version = held.view.version
        await quietly(self.desk.drafts.keep, self.actor, Kind.SUBSCRIPTION, held.id, version, body, why)
        self._form_draft = Draft(Kind.SUBSCRIPTION, held.id, held.name, version, body, self.now(), why)

    async def _refused_form(self, values: dict[str, str]) -> None:
        await self._keep_form(values, "the save was refused")

    async def _drop_form_draft(self, held: HeldView) -> None:
        if self._form_draft is not None:
            self._form_draft = None
            await quietly(self.desk.drafts.drop, self.actor, Kind.SUBSCRIPTION, held.id)

    async def keep_draft_now(self) -> None:
        """Writes the form's text to the database at once."""
        await super().keep_draft_now()
        if self._form is not None and self._form.is_attached and self._form.is_changed:
            self._form_left = True
            await self._keep_form(self._form.values, "not saved")

    async def discard_draft(self) -> None:
        """Throws the form's text away."""
        await super().discard_draft()
        if self._form_of is not None:
            await self._drop_form_draft(self._form_of[0])

    async def let_go(self) -> None:
        """The desk leaves: the form closes, its draft stays as it is."""
        if self._form is not None:
            self._form_left = True
            self._form.settle(None)
        await super().let_go()

    def closed(self) -> None:
        """Another record comes onto this screen: the form closes, its draft stays."""
        self._form_left = True
        if self._form is not None:
            self._form.settle(None)
        super().closed()
