"""What is typed and not saved: kept after each pause, offered again, and put back on top of what others saved meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cstui.domain.edit_merge import merged_text
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft, Knock
from cstui.domain.orders import OrderView
from cstui.flow import call, quietly
from cstui.keys import KeyMap
from cstui.screens.history_rows import path_words
from cstui.screens.order_locking import OrderLocking
from cstui.widgets.form import Field, FormPanel

#: A draft keeps, beside each text, what stood there when it was typed: that is what a later merge needs.
WAS = "was:"


@dataclass(frozen=True, slots=True)
class PutBack:
    """Fields with a draft's texts in them; `words` says what others changed meanwhile, empty for nothing."""

    fields: tuple[Field, ...]
    any: bool
    words: str


def typed_texts(fields: Sequence[Field], values: Mapping[str, str]) -> dict[str, str]:
    """A draft's body: the texts that differ from what stood there, each with what stood there."""
    body: dict[str, str] = {}
    for field in fields:
        if values.get(field.name, field.value) != field.value:
            body[field.name] = values[field.name]
            body[WAS + field.name] = field.value
    return body


def put_back(fields: Sequence[Field], body: Mapping[str, str], names: Mapping[str, str]) -> PutBack:
    """Puts a draft's texts into fields as they stand now; where others wrote too, the draft's text stands and is named."""
    filled: list[Field] = []
    clashes: list[str] = []
    found = False
    for field in fields:
        if field.name not in body:
            filled.append(field)
            continue
        mine, was = body[field.name], body.get(WAS + field.name, field.value)
        text = merged_text(was, field.value, mine)
        if text is None:
            clashes.append(f"{path_words(field.name, names)} is now “{field.value}” (was “{was}”)")
            text = mine
        found = found or text != field.value
        filled.append(replace(field, value=text))
    words = f"Changed meanwhile: {'; '.join(clashes)}. Your text stands in the form." if clashes else ""
    return PutBack(tuple(filled), found, words)


class OrderDrafts(OrderLocking):
    """Keeps and offers this person's unsaved text of the order on the screen."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self.form: FormPanel | None = None
        self._stored: tuple[Field, ...] = ()
        self._base: OrderView | None = None
        self._keeps_text = False

    def form_opens(self, panel: FormPanel, stored: tuple[Field, ...], base: OrderView) -> None:
        """A form of the order is open: `stored` are its fields as the database has them, in the state `base`."""
        self.form, self._stored, self._base = panel, stored, base
        self._keeps_text = False
        self.set_banner("draft", "")
        self.offer_in_form(self.knock)

    def form_closes(self) -> None:
        """It is closed, whatever became of it."""
        self.form = None
        self.set_banner("lost", "")

    async def keep_typed(self, values: Mapping[str, str], why: str = "") -> None:
        """Writes what is typed to the database, beside what an earlier draft holds of other fields."""
        base = self._base
        if base is None:
            return
        mine = typed_texts(self._stored, values)
        if not mine:
            return
        names = {field.name for field in self._stored}
        others = {
            path: text
            for path, text in (self.draft.body if self.draft else {}).items()
            if path.removeprefix(WAS) not in names
        }
        body = others | mine
        await quietly(self.desk.drafts.keep, self.actor, Kind.ORDER, base.id, base.version, body, why)
        self.draft = Draft(Kind.ORDER, base.id, base.number, base.version, body, self.now(), why)

    async def drop_draft(self) -> None:
        """Forgets the draft of this order."""
        self.draft = None
        self.set_banner("draft", "")
        await quietly(self.desk.drafts.drop, self.actor, Kind.ORDER, self.record_id)

    async def read_draft(self) -> None:
        """What is kept of this person's text, where it is not known yet."""
        if self.draft is None:
            self.draft = await call(self.desk.drafts.of, self.actor, Kind.ORDER, self.record_id)

    # Of the desk ------------------------------------------------------------------------------------

    @property
    def has_unsaved_text(self) -> bool:
        """Whether the form holds text that would be lost."""
        return self.form is not None and self.form.is_attached and self.form.is_changed

    async def keep_draft_now(self) -> None:
        """Writes the form's text to the database at once."""
        if self.form is not None and self.form.is_attached and self.form.is_changed:
            await self.keep_typed(self.form.values, "not saved")

    async def discard_draft(self) -> None:
        """Throws the form's text away."""
        await self.drop_draft()

    async def let_go(self) -> None:
        """The desk leaves: the form closes, its draft stays as it is."""
        self.close_form_keeping_draft()
        await super().let_go()

    def close_form_keeping_draft(self) -> None:
        """Closes the form; its text is in the draft, or was thrown away by the person's own word."""
        self._keeps_text = True
        if self.form is not None:
            self.form.settle(None)

    @property
    def keeps_text(self) -> bool:
        """Whether the form is being closed by something else than the person's discarding it."""
        return self._keeps_text

    def _keeps_form(self) -> bool:
        return self.form is not None

    def offer_in_form(self, knock: Knock | None) -> None:
        """Esc in an open form offers to hand over, while somebody waits."""
        if self.form is not None:
            self.form.offer(
                "E",
                f"hand over to {knock.by}" if knock else "",
                self.action_order_handover if knock else None,
            )
