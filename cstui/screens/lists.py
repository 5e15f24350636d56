"""Screens that are one list: help, all locks, my actions today, my drafts."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.timer import Timer

from cstui.domain.ids import Kind, new_token
from cstui.domain.live import LiveEvent, What
from cstui.flow import call, flow
from cstui.format import idle_words, moment_words
from cstui.keys import Context, KeyMap, help_table
from cstui.screens.base import BaseScreen
from cstui.screens.frame import ScreenFrame
from cstui.widgets.form import Field, FormPanel
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Column, Row, Section


class ListScreen(BaseScreen):
    """One page of rows over whatever was in front; Esc goes back to it."""

    title_words: ClassVar[str] = ""
    contexts: ClassVar[tuple[Context, ...]] = (Context.NAV, Context.ALWAYS)

    def crumbs(self) -> tuple[Cell, ...]:
        """What the list is of."""
        return (Cell(self.title_words, "strong"),)

    @property
    def rows_page(self) -> Page:
        """The page of rows."""
        return self.query_one("#page", Page)

    def on_mount(self) -> None:
        """Reads and paints."""
        self.rows_page.focus()
        self.fill()

    def fill(self) -> None:
        """Reads the rows and shows them."""

    def action_desk_refresh(self) -> None:
        """F5."""
        self.fill()


class HelpScreen(ListScreen):
    """The keys of the screen it was opened from, with the reason where one is not possible now; pressed again, all keys."""

    title_words = "Help"

    def __init__(self, keymap: KeyMap, about: ScreenFrame | None, *, everything: bool = False) -> None:
        super().__init__(keymap)
        self._about = about
        self._everything = everything

    def fill(self) -> None:
        """Groups of keys, each with what it does."""
        contexts = tuple(Context) if self._everything or self._about is None else self._about.contexts
        sections = []
        for group in help_table(self.keymap, *contexts):
            rows = []
            for row in group.rows:
                why = self._about.why_not(row.id) if self._about is not None else ""
                cells = (
                    Cell(row.keys or "–", "accent"),
                    Cell(row.label, "muted" if why else "strong"),
                    Cell(row.command, "muted"),
                    Cell(f"{row.tooltip} Not now: {why}" if why else row.tooltip, "muted" if why else ""),
                )
                rows.append(Row(row.id, cells))
            columns = (Column("", least=8), Column("", least=10), Column("", least=8), Column("", grow=1))
            sections.append(Section(group.title, group.title, tuple(rows), columns))
        self.rows_page.show(sections)
        words = (
            ""
            if self._everything
            else "? again lists every key of the desk. Dimmed: not possible now, with the reason."
        )
        self.tell(words, "")

    def action_desk_help(self) -> None:
        """`?` again: everything."""
        self._everything = True
        self.fill()


class LiveListScreen(ListScreen):
    """A list that reads itself again when what it shows has changed anywhere.

    `hears` names the news that concern it; while a form is open or something is being read, it waits.
    """

    hears: ClassVar[tuple[What, ...]] = (What.ANY, What.BACK)
    _again: Timer | None = None

    def on_mount(self) -> None:
        """Reads, and hears of everything from now on."""
        self._hear_everything(True)
        super().on_mount()

    def on_unmount(self) -> None:
        """Hears of what is open only, as before."""
        self._hear_everything(False)

    def on_screen_resume(self) -> None:
        """In front again: another list that was closed meanwhile does not make this one deaf."""
        super().on_screen_resume()
        self._hear_everything(True)

    def _hear_everything(self, wanted: bool) -> None:
        if "pulse" in self.desk_app.desk.__dict__:
            self.desk_app.desk.pulse.everything(wanted)

    def on_live(self, event: LiveEvent) -> None:
        """Something changed somewhere."""
        if event.what in self.hears:
            self._read_again()

    def _read_again(self) -> None:
        if not self.flows:
            self._again = None
            self.fill()
        elif self._again is None:
            self._again = self.set_interval(0.5, self._when_free)

    def _when_free(self) -> None:
        if not self.flows and self._again is not None:
            self._again.stop()
            self._read_again()


class LocksScreen(LiveListScreen):
    """Every held lock: who, where, since when, how long idle, with or without a draft; U unlocks."""

    title_words = "Locks"
    contexts: ClassVar[tuple[Context, ...]] = (Context.LOCKS, Context.ALWAYS, Context.NAV)
    hears: ClassVar[tuple[What, ...]] = (What.LOCK, What.ANY, What.BACK)
    _COLUMNS = (
        Column("Order", least=8),
        Column("Store", least=5, wide_only=True),
        Column("Holder", least=8, grow=1),
        Column("Terminal", least=8),
        Column("Since", least=6),
        Column("Idle", least=6),
        Column("For", least=5),
        Column("Draft", least=5),
    )

    @flow()
    async def fill(self) -> None:
        """Reads the locks."""
        locks = await call(self.desk.locks.all, self.actor)
        reader, now = self.desk_app.reader, self.now()
        rows = [
            Row(
                (Kind(lock.record_kind), lock.record_id),
                (
                    Cell(lock.number, "accent"),
                    Cell(lock.store, "muted"),
                    Cell(lock.holder, "strong"),
                    Cell(lock.terminal),
                    Cell(moment_words(lock.since, now, reader), "", lock.since.timestamp()),
                    Cell(
                        "STALE" if lock.stale else idle_words(lock.idle_since, now),
                        "warn" if lock.stale else "",
                        lock.idle_since.timestamp(),
                    ),
                    Cell(lock.purpose if lock.breakable else f"{lock.purpose}, fixed"),
                    Cell("draft" if lock.has_draft else "", "muted"),
                ),
            )
            for lock in locks
        ]
        self.rows_page.show(
            [
                Section(
                    "locks", f"Locks ({len(rows)})", tuple(rows), self._COLUMNS, empty="Nobody holds a lock."
                )
            ]
        )
        self.refresh_frame()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter opens the record."""
        _open_record(self, event.row.key)

    @flow("order.unlock")
    async def action_order_unlock(self) -> None:
        """Removes the lock under the cursor, with a reason; the holder is told (LOCK-09)."""
        row = self.rows_page.row
        if row is None:
            self.tell_reason("There is no lock under the cursor.")
            return
        kind, record_id = _record(row.key)
        holder, number = row.cells[2].text, row.cells[0].text
        values = await self.ask(
            FormPanel(
                f"Unlock {number}",
                (Field("reason", "Reason", optional=False),),
                above=(f"{holder} holds it and will be told. Text typed there is kept as {holder}'s draft.",),
                save_label="unlock",
            )
        )
        if values is None:
            return
        await call(self.desk.locks.force, self.actor, kind, record_id, values["reason"], new_token())
        self.tell(f"Unlocked {number}; {holder} is told.")
        self.call_later(self.fill)


class MyActionsScreen(ListScreen):
    """What I did today, newest first; Enter goes there."""

    title_words = "My actions today"

    @flow()
    async def fill(self) -> None:
        """Reads my events."""
        reader, now = self.desk_app.reader, self.now()
        events = await call(self.desk.audit.mine_today, self.actor)
        rows = [
            Row(
                (event.record_kind, event.record_id, event.id),
                (
                    Cell(moment_words(event.at, now, reader), "muted"),
                    Cell(event.record, "accent"),
                    Cell(event.action, "strong"),
                    Cell(event.reason),
                ),
            )
            for event in events
        ]
        columns = (
            Column("When", least=6),
            Column("What", least=10),
            Column("Action", least=12),
            Column("Reason", grow=1),
        )
        self.rows_page.show(
            [Section("mine", f"Today ({len(rows)})", tuple(rows), columns, empty="Nothing yet today.")]
        )

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter goes to the record."""
        _open_record(self, event.row.key)


class DraftsScreen(ListScreen):
    """My unsaved texts; Enter goes on with one."""

    title_words = "Drafts"

    @flow()
    async def fill(self) -> None:
        """Reads my drafts."""
        reader, now = self.desk_app.reader, self.now()
        drafts = await call(self.desk.drafts.mine, self.actor)
        rows = [
            Row(
                (Kind(draft.record_kind), draft.record_id),
                (
                    Cell(moment_words(draft.kept_at, now, reader), "muted"),
                    Cell(draft.number, "accent"),
                    Cell(draft.why or "unsaved text", "warn"),
                    Cell(", ".join(f"{path}: {text}" for path, text in sorted(draft.body.items()))),
                ),
            )
            for draft in drafts
        ]
        columns = (
            Column("Kept", least=6),
            Column("Record", least=8),
            Column("Why", least=10),
            Column("Text", grow=1),
        )
        self.rows_page.show(
            [
                Section(
                    "drafts", f"Drafts ({len(rows)})", tuple(rows), columns, empty="You have no unsaved text."
                )
            ]
        )

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter goes to the record."""
        _open_record(self, event.row.key)


def _record(key: Any) -> tuple[Kind, int]:
    return key[0], int(key[1])


def _open_record(screen: BaseScreen, key: Any) -> None:
    kind, record_id = _record(key)
    if kind is Kind.ORDER:
        screen.desk_app.open_order(record_id)
    elif kind is Kind.CUSTOMER:
        screen.desk_app.open_customer(record_id)
    elif kind is Kind.SUBSCRIPTION:
        screen.desk_app.open_subscription(record_id)
    else:
        screen.tell_reason("There is no screen for this kind of record.")
