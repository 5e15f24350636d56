"""Editing a profile block by block: contact, addresses; stale edits are put together field by field."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from cstui.domain.addresses import ADDRESS_LABELS, Address
from cstui.domain.contacts import CONTACT_LABELS
from cstui.domain.customers import AddressOnFile, Contact, CustomerStatus, CustomerView
from cstui.domain.errors import InvalidFields, InvalidInput, RecordChanged
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Permission
from cstui.flow import call, flow, quietly
from cstui.saving import NotSaved, saving
from cstui.screens.record_actions import RecordActions
from cstui.widgets.form import ConfirmPanel, Field, FormPanel
from cstui.widgets.page import Page

_USES = (("", "none"), ("billing", "billing"), ("shipping", "shipping"), ("both", "billing and shipping"))


class CustomerEditing(RecordActions):
    """`e` and `A` on a profile. A customer has no lock: the version decides, and two edits of different fields are put together."""

    view: CustomerView | None = None
    _contact_form: FormPanel | None = None

    if TYPE_CHECKING:

        @property
        def main(self) -> Page:
            """The main column."""

        def paint(self) -> None:
            """Shows the view."""

    def why_not(self, action: str) -> str:
        """Editing waits for the profile, and for a store in which one may change it."""
        view = self.view
        if action in ("customer.edit", "customer.address", "customer.status"):
            if view is None:
                return "The profile is still being opened."
            if Permission.CUSTOMER_UPDATE not in view.permitted:
                return "Your role does not allow it for this customer."
        return super().why_not(action)

    @flow("customer.edit")
    async def action_customer_edit(self) -> None:
        """`e`: the contact block."""
        base = self.view
        if base is None:
            return
        draft = await quietly(self.desk.drafts.of, self.actor, Kind.CUSTOMER, base.id)
        typed = {name: text for name, text in (draft.body if draft else {}).items() if name in CONTACT_LABELS}
        fields = tuple(
            Field(name, label, getattr(base.contact, name)) for name, label in CONTACT_LABELS.items()
        )
        panel = FormPanel(
            f"Contact of {self.record_name}",
            fields,
            start="first_name",
            on_pause=self._keep_contact,
            changed=bool(typed),
        )
        self._contact_form = panel
        async with self.opened(panel):
            if typed:
                panel.put(typed)
                panel.say_below(
                    "This is your unsaved text from before. F9 saves it, Esc discards it.", "warn"
                )
            while (values := await panel.answer()) is not None:
                wanted, save_id = Contact(**values), new_token()
                try:
                    saved = await saving(
                        self, save_id, self.desk.customers.save_contact, self.actor, base.id, base.version, wanted, save_id,
                        self.desk.token, reread=partial(self.desk.customers.open, self.actor, base.id),
                    )  # fmt: skip
                except NotSaved as error:
                    panel.say_below(error.in_words(), "bad")
                    continue
                except (InvalidFields, InvalidInput) as error:
                    panel.show_problems(_problems(error))
                    continue
                except RecordChanged as changed:
                    base, merged = await self._settle_contact(base, wanted, changed)
                    panel.put(asdict(merged))
                    panel.say_below("Put together with the other change. F9 saves, Esc leaves.", "warn")
                    continue
                self._saved(saved, "contact")
                break
        self._contact_form = None
        await self.discard_draft()

    async def _keep_contact(self, values: dict[str, str]) -> None:
        """Writes what is typed to the database, to be offered after a crash."""
        view = self.view
        if view is not None:
            typed = {name: text for name, text in values.items() if text != getattr(view.contact, name)}
            await quietly(self.desk.drafts.keep, self.actor, Kind.CUSTOMER, view.id, view.version, typed)

    async def keep_draft_now(self) -> None:
        """The desk is going away: what is typed stays as a draft."""
        form = self._contact_form
        if form is not None and form.is_mounted:
            await self._keep_contact(form.values)

    async def discard_draft(self) -> None:
        """Throws the kept text away."""
        if self.record_id:
            await quietly(self.desk.drafts.drop, self.actor, Kind.CUSTOMER, self.record_id)

    @flow("customer.status")
    async def action_customer_status(self) -> None:
        """Disables a customer, or makes him active again; nobody is ever deleted (CUST-17)."""
        view = self.view
        if view is None:
            return
        active = view.status is CustomerStatus.ACTIVE
        effect = "may no longer log on or buy; nothing is deleted." if active else "may log on and buy again."
        panel = FormPanel(
            f"{'Disable' if active else 'Make active'}: {self.record_name}", (Field("reason", "Reason", optional=False),),
            above=(f"{self.record_name} {effect}",), save_label="disable" if active else "make active",
        )  # fmt: skip
        wanted = CustomerStatus.DISABLED if active else CustomerStatus.ACTIVE
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                try:
                    saved = await call(
                        self.desk.customers.set_status,
                        self.actor,
                        view.id,
                        view.version,
                        wanted,
                        values["reason"],
                        new_token(),
                    )
                except (InvalidFields, InvalidInput) as error:
                    panel.show_problems(_problems(error))
                    continue
                self._saved(saved, "status")
                return

    async def _settle_contact(
        self, base: CustomerView, mine: Contact, changed: RecordChanged
    ) -> tuple[CustomerView, Contact]:
        """Takes over what only one of both changed; asks for each field that both did."""
        comparison = await call(self.desk.customers.compare, self.actor, base.id, base, mine)
        merged = comparison.merge.merged
        for clash in comparison.merge.clashes:
            answer = await self.ask(
                ConfirmPanel(
                    f"{changed.by} changed {clash.label} too",
                    (f"was     {clash.was}", f"theirs  {clash.theirs}", f"mine    {clash.mine}"),
                    "m keep mine    t take theirs",
                    letters={"m": "mine", "t": "theirs"},
                )
            )
            if answer is not None and answer["answer"] == "mine":
                merged = replace(merged, **{clash.field: clash.mine})
        self.view = comparison.view
        self.paint()
        return comparison.view, merged

    @flow("customer.address")
    async def action_customer_address(self) -> None:
        """`A`: the address under the cursor, or a new one."""
        view = self.view
        if view is None:
            return
        entry = self._address_under_cursor(view)
        if entry is None and view.addresses:
            answer = await self.ask(
                ConfirmPanel(
                    "Address",
                    [f"{i + 1}  {one.address.in_one_line()}" for i, one in enumerate(view.addresses[:9])],
                    "number edits that one    n new address    Esc leave",
                    letters={"n": "new", **{str(i + 1): str(i) for i in range(min(9, len(view.addresses)))}},
                )
            )
            if answer is None:
                return
            entry = None if answer["answer"] == "new" else view.addresses[int(answer["answer"])]
        await self._edit_address(view, entry)

    def _address_under_cursor(self, view: CustomerView) -> AddressOnFile | None:
        row = self.main.row
        key = row.key if row is not None else None
        if isinstance(key, tuple) and key[0] is Kind.ADDRESS:
            return next((entry for entry in view.addresses if entry.id == key[1]), None)
        return None

    async def _edit_address(self, view: CustomerView, entry: AddressOnFile | None) -> None:
        save_id = new_token()
        contact = view.contact
        address = (
            entry.address if entry else Address(first_name=contact.first_name, last_name=contact.last_name)
        )
        use = _use(entry)
        fields = [Field(name, label, getattr(address, name)) for name, label in ADDRESS_LABELS.items()]
        fields.append(Field("use", "Default for", use, choices=_USES))
        title = "Address" if entry else "New address"
        panel = FormPanel(f"{title} of {self.record_name}", fields, start="line1", replace_on_type=True,
                          above=("Orders keep the address they were placed with.",))  # fmt: skip
        async with self.opened(panel):
            while (values := await panel.answer()) is not None:
                chosen = values.pop("use")
                try:
                    saved = await saving(
                        self, save_id, self.desk.customers.save_address, self.actor, view.id, view.version, entry.id if entry else None,
                        Address(**values), chosen in ("billing", "both"), chosen in ("shipping", "both"), save_id, self.desk.token,
                        reread=partial(self.desk.customers.open, self.actor, view.id),
                    )  # fmt: skip
                except NotSaved as error:
                    panel.say_below(error.in_words(), "bad")
                    save_id = new_token()
                    continue
                except (InvalidFields, InvalidInput) as error:
                    panel.show_problems(_problems(error))
                    continue
                except RecordChanged as changed:
                    fresh = await call(self.desk.customers.open, self.actor, view.id)
                    view = self.view = fresh
                    self.paint()
                    panel.say_below(
                        f"{changed.by} changed this customer meanwhile; look above, then F9 saves yours.",
                        "warn",
                    )
                    continue
                self._saved(saved, "address")
                return

    def _saved(self, view: CustomerView, what: str) -> None:
        self.view = view
        self.paint()
        self.tell(f"Saved: {what} of {self.record_name}.")


def _use(entry: AddressOnFile | None) -> str:
    if entry is None:
        return ""
    if entry.is_default_billing and entry.is_default_shipping:
        return "both"
    return "billing" if entry.is_default_billing else "shipping" if entry.is_default_shipping else ""


def _problems(error: InvalidFields | InvalidInput) -> tuple[InvalidInput, ...]:
    return error.problems if isinstance(error, InvalidFields) else (error,)
