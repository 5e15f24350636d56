"""Editing an order: addresses, quantities and lines, with the lock taken before the first field can be typed into (ORD-03, LOCK-02)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.timer import Timer

from cstui.domain.edit_merge import Comparison, choose
from cstui.domain.errors import CstuiError, InvalidFields, InvalidInput, LockBroken, RecordChanged
from cstui.domain.ids import new_token
from cstui.domain.locking import Grip
from cstui.domain.order_changes import address_changes, line_changes
from cstui.domain.orders import EditPreview, LineChange, OrderChange, OrderView
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow
from cstui.keys import KeyMap
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.address import address_fields, read_addresses
from cstui.screens.dialogs.lines import (
    PRICE,
    PRODUCT,
    fixed_lines,
    line_fields,
    preview_words,
    read_added,
    read_lines,
)
from cstui.screens.dialogs.stale import broken_panel, clash_panel, picked, refusal_words
from cstui.screens.history_rows import path_words
from cstui.screens.order_drafts import OrderDrafts, put_back
from cstui.screens.order_rows import balance_words
from cstui.widgets.form import Field, FormPanel

#: Seconds after the last key before the totals are reckoned again.
PREVIEW_PAUSE = 0.2


@dataclass(frozen=True)
class EditForm:
    """One way to edit an order: its fields from a state of the order, and whether the totals move with it."""

    name: str
    title: str
    fields: Callable[[OrderView], tuple[Field, ...]]
    above: Callable[[OrderView], tuple[str, ...]]
    replace_on_type: bool = False
    moves_totals: bool = False


@dataclass(frozen=True)
class Refused:
    """A save that was refused because of others; what it wanted to store is here and in the draft."""

    error: LockBroken | RecordChanged
    change: OrderChange
    base: OrderView


def _nothing_above(_: OrderView) -> tuple[str, ...]:
    return ()


ADDRESS = EditForm(
    "address", "Shipping address of", lambda order: address_fields("shipping", order.shipping), _nothing_above,
    replace_on_type=True,
)  # fmt: skip
ADDRESSES = EditForm(
    "addresses",
    "Edit",
    lambda order: (
        *address_fields("shipping", order.shipping, "Shipping address"),
        *address_fields("billing", order.billing, "Billing address"),
    ),
    _nothing_above,
)


class OrderEditing(OrderDrafts):
    """The keys e, A and Q, and what happens when somebody else was faster."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._preview_timer: Timer | None = None
        self._previewed: dict[str, str] | None = None
        self._is_saving = False

    @property
    def is_saving(self) -> bool:
        """Whether a save is under way or being checked."""
        return self._is_saving

    @flow("order.edit")
    async def action_order_edit(self) -> None:
        """`e`: goes on with unsaved text, else edits the addresses; the lines where those are all that may change."""
        await self.read_draft()
        body = self.draft.body if self.draft else {}
        wants_lines = bool(body) and not any(path.startswith(("shipping.", "billing.")) for path in body)
        if self.order.lines_editable and (wants_lines or not self.order.addresses_editable):
            await self._edit(self._lines_form())
        else:
            await self._edit(ADDRESSES)

    @flow("order.address")
    async def action_order_address(self) -> None:
        """`A`: the shipping address, starting on the street, which typing replaces."""
        await self._edit(ADDRESS)

    @flow("order.quantity")
    async def action_order_quantity(self) -> None:
        """`Q`: quantities and lines; totals, tax and the difference stand below before anything is saved."""
        await self._edit(self._lines_form())

    def _lines_form(self) -> EditForm:
        reader = self.desk_app.reader
        return EditForm(
            "lines", "Quantities and lines of", lambda order: line_fields(order, reader), fixed_lines,
            replace_on_type=True, moves_totals=True,
        )  # fmt: skip

    # One edit ---------------------------------------------------------------------------------------

    async def _edit(self, form: EditForm) -> None:
        await self.read_draft()
        grip = await self.take_lock()
        if grip is None:
            return
        try:
            refused = await self._fill_in(form, grip)
            while refused is not None:
                refused = await self._after_refusal(refused)
        finally:
            if self.token and not self._kept_by_f8:
                await self.free_lock()
            self.offer_draft()

    async def _fill_in(self, form: EditForm, grip: Grip) -> Refused | None:
        """Opens the form and saves what it holds; None where that is done or was left."""
        base = self.order
        stored = form.fields(base)
        put = put_back(stored, self.draft.body if self.draft else {}, self.field_names())
        panel = FormPanel(
            f"{form.title} {self.record_name}", put.fields, above=form.above(base), replace_on_type=form.replace_on_type,
            changed=put.any, on_pause=self.keep_typed, on_change=self._reckon_soon if form.moves_totals else None,
        )  # fmt: skip
        self._previewed = None
        async with self.opened(panel):
            self.form_opens(panel, stored, base)
            panel.say_below(put.words, "warn")
            try:
                while (values := await panel.answer()) is not None:
                    refused = await self._save_form(form, panel, grip, values)
                    if not isinstance(refused, str):
                        return refused
                    await self.keep_typed(values)
            finally:
                self.form_closes()
        if not self.keeps_text and self.draft is not None:
            await self.drop_draft()
        return None

    async def _save_form(
        self, form: EditForm, panel: FormPanel, grip: Grip, values: dict[str, str]
    ) -> Refused | str | None:
        """Saves the form; words where it stays open with what they say."""
        base = self.order
        try:
            change = await self._change_of(form, base, values)
            if change.is_empty:
                await self._nothing_to_save()
                return None
            if form.moves_totals and self._previewed != values and await self._must_be_seen(panel, values):
                return "seen first"
            panel.show_problems(())
            await self._store(grip, change)
        except InvalidFields as error:
            panel.show_problems(error.problems)
            return "invalid"
        except InvalidInput as problem:
            panel.show_problems((problem,))
            return "invalid"
        except (LockBroken, RecordChanged) as error:
            await self.keep_typed(values, "the save was refused")
            return Refused(error, change, base)
        except NotVerified as error:
            panel.say_below(error.in_words(), "warn")
            self.action_customer_verify()
            return "not verified"
        except CstuiError as error:
            panel.say_below(error.in_words(), "bad")
            return "refused"
        return None

    async def _nothing_to_save(self) -> None:
        self.tell(f"Nothing was changed in {self.record_name}.", "")
        if self.draft is not None:
            await self.drop_draft()

    async def _change_of(self, form: EditForm, base: OrderView, values: dict[str, str]) -> OrderChange:
        if not form.moves_totals:
            return read_addresses(base, values)
        return read_lines(base, values, await self._added(base, values))

    async def _added(self, base: OrderView, values: dict[str, str]) -> LineChange | None:
        """The line to add, looked up in the store's products."""
        words = values.get(PRODUCT, "").strip()
        products = ()
        if words and not values.get(PRICE, "").strip():
            products = await call(self.desk.orders.products, self.actor, base.store_id, words, 5)
        return read_added(values, products, base.totals.total.currency, self.desk_app.reader)

    async def _store(self, grip: Grip, change: OrderChange) -> None:
        """Saves a change under the lock; afterwards the lock is free and the new state is on the screen."""
        save_id, order_id = new_token(), self.record_id
        self._is_saving = True
        try:
            view = await saving(
                self, save_id, self.desk.orders.save, self.actor, order_id, grip, change, save_id, self.desk.token,
                reread=lambda: self.desk.orders.open(self.actor, order_id), back=self.database_back,
            )  # fmt: skip
        finally:
            self._is_saving = False
        self.lock_is_gone()
        self.show_record(view)
        await self.drop_draft()
        due = (
            f" {balance_words(view, self._showing()).text.capitalize()}."
            if change.lines or change.taxes
            else ""
        )
        self.tell(f"Saved: {_what(change)} of {self.record_name}.{due}")
        self.run_worker(self._after_save(), description="after save", exit_on_error=False)

    async def _after_save(self) -> None:
        await self.read_events()
        self.paint()

    # The difference before saving -------------------------------------------------------------------

    def _reckon_soon(self, values: dict[str, str]) -> None:
        if self._preview_timer is not None:
            self._preview_timer.stop()
        self._preview_timer = self.set_timer(PREVIEW_PAUSE, lambda: self._reckon(values))

    def _reckon(self, values: dict[str, str]) -> None:
        self.run_worker(
            self._show_difference(values),
            group="preview",
            exclusive=True,
            description="preview",
            exit_on_error=False,
        )

    async def _show_difference(self, values: dict[str, str]) -> None:
        """Reckons what the form would do and says it below; keys are not kept meanwhile."""
        panel = self.form
        if panel is None or panel.is_asking:
            return
        base = self.order
        try:
            words, tone = await self._difference_words(base, values), ""
        except CstuiError as error:
            words, tone = error.in_words(), "bad"
        if panel is self.form and panel.is_attached and not panel.is_asking and panel.values == values:
            panel.say_below(words, tone)
            self._previewed = values

    async def _difference_words(self, base: OrderView, values: dict[str, str]) -> str:
        added = await self._added(base, values)
        change = read_lines(base, values, added)
        if change.is_empty:
            return ""
        preview: EditPreview = await call(self.desk.orders.preview, self.actor, base.id, change)
        return preview_words(preview, added, self.desk_app.reader)

    async def _must_be_seen(self, panel: FormPanel, values: dict[str, str]) -> bool:
        """Shows the difference that nobody has seen yet; True, so that saving waits for a second F9."""
        if self._preview_timer is not None:
            self._preview_timer.stop()
        self.workers.cancel_group(self, "preview")
        words = await self._difference_words(self.order, values)
        self._previewed = values
        panel.say_below(f"{words} F9 again saves.", "warn")
        return True

    # When somebody else was faster ------------------------------------------------------------------

    async def _after_refusal(self, refused: Refused) -> Refused | None:
        """Offers the way on after a refused save: lock again and save, with clashes asked field by field (LOCK-10)."""
        if self.token:
            await self.free_lock()
        comparison: Comparison = await call(
            self.desk.orders.compare, self.actor, self.record_id, refused.base, refused.change
        )
        said = refusal_words(refused.error, self.now(), self.desk_app.reader)
        if comparison.merged.is_empty and not comparison.clashes:
            await self.reload()
            await self.drop_draft()
            self.tell(f"{said} The same is stored already; nothing is left to save.", "")
            return None
        change = await self._agreed(refused, comparison, said)
        self.show_record(comparison.now)
        if change is None:
            self.tell_reason("Not saved. Your text is kept as a draft; e continues it.")
            return None
        if change.is_empty:
            await self.drop_draft()
            self.tell("Theirs was kept everywhere; nothing of yours was left to save.", "")
            return None
        grip = await self.take_lock()
        if grip is None:
            return None
        try:
            await self._store(grip, change)
        except (LockBroken, RecordChanged) as error:
            return Refused(error, change, comparison.now)
        except NotSaved as error:
            self.tell_error(error)
        return None

    async def _agreed(self, refused: Refused, comparison: Comparison, said: str) -> OrderChange | None:
        """What is to be saved after all: at once where nothing clashes and the lock was not taken away, else as the person says."""
        if comparison.clashes:
            values = await self.ask(clash_panel(comparison.clashes, said))
            return None if values is None else choose(comparison, picked(values))
        if isinstance(refused.error, RecordChanged):
            return comparison.merged
        fields = [] if refused.error.unchanged else self._changed_by_others(comparison)
        panel = broken_panel(refused.error, self.now(), self.desk_app.reader, fields)
        return comparison.merged if await self.ask(panel) is not None else None

    def _changed_by_others(self, comparison: Comparison) -> list[str]:
        """What others changed since the form was opened, in words."""
        base, now = comparison.base, comparison.now
        changes = [
            *address_changes("shipping", base.shipping, now.shipping),
            *address_changes("billing", base.billing, now.billing),
            *line_changes(base.lines, now.lines),
        ]
        names = self.field_names()
        words = [path_words(change.path, names) for change in changes]
        if base.status is not now.status:
            words.append("status")
        return list(dict.fromkeys(words))


def _what(change: OrderChange) -> str:
    """What a change touches, for the receipt: "shipping address and lines"."""
    parts = [
        words
        for words, is_there in (
            ("shipping address", change.shipping is not None),
            ("billing address", change.billing is not None),
            ("lines", bool(change.lines)),
            ("taxes", bool(change.taxes) and not change.lines),
        )
        if is_there
    ]
    return " and ".join(parts) or "nothing"
