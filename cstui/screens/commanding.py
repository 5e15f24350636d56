"""Every road to an action: palette, actions of this thing, `:` commands, jump mode, filter, help, copy."""

from __future__ import annotations

from cstui.domain.errors import CstuiError
from cstui.flow import flow
from cstui.keys import BY_ID, Context, PaletteEntry, palette, read_command
from cstui.screens.frame import ScreenFrame
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Column, Row
from cstui.widgets.picker import FilterPanel, LetterPanel, PickerPanel

_COLUMNS = (
    Column("Action", least=12),
    Column("Key", least=6),
    Column("Command", least=8),
    Column("What it does", grow=1),
)


class Commanding(ScreenFrame):
    """What every screen can do with its own actions."""

    def _entries(self, *contexts: Context) -> list[Row]:
        rows = []
        for entry in palette(self.keymap, *contexts):
            if entry.permission is not None and not self.actor.may_somewhere(entry.permission):
                continue
            rows.append(_entry_row(entry, self.why_not(entry.id), self.title_now(entry.id)))
        return rows

    def title_now(self, action: str) -> str:
        """What an action is called for the row under the cursor; empty where it is called as always."""
        return ""

    @flow(alongside=True)
    async def action_desk_palette(self) -> None:
        """Ctrl+P: any action by its name."""
        await self._pick("Palette", self._entries(*self.contexts))

    @flow(alongside=True)
    async def action_desk_actions(self) -> None:
        """F10: the actions of this thing."""
        own = [
            row
            for row in self._entries(self.contexts[0])
            if not str(row.key).startswith(("nav.", "section."))
        ]
        await self._pick("Actions", own)

    async def _pick(self, title: str, rows: list[Row]) -> None:
        answer = await self.ask(PickerPanel(title, rows, _COLUMNS, prompt="type to narrow"))
        if answer is not None and answer["picked"]:
            self.call_later(self.run_by_id, answer["picked"], "")

    @flow(alongside=True)
    async def action_desk_command(self) -> None:
        """`:` and a command, with completion."""
        rows = [row for row in self._entries(*self.contexts) if row.cells[2].text]
        rows = [
            Row(row.key, (row.cells[2], row.cells[1], row.cells[0], row.cells[3]), copy=row.copy)
            for row in rows
        ]
        columns = (_COLUMNS[2], _COLUMNS[1], _COLUMNS[0], _COLUMNS[3])
        answer = await self.ask(
            PickerPanel("Command", rows, columns, prompt="o 1001, note TEXT, locks, keys …", free=True)
        )
        if answer is None:
            return
        typed = answer["typed"].strip()
        try:
            command, rest = read_command(typed, {})
        except CstuiError as error:
            if answer["picked"] and typed and " " not in typed:
                self.call_later(self.run_by_id, answer["picked"], "")
            else:
                self.tell_error(error)
            return
        self.call_later(self.run_by_id, command.id, rest)

    async def run_by_id(self, action: str, rest: str) -> None:
        """Runs an action of the key table; `rest` is what was typed behind the command."""
        key = BY_ID[action]
        target = key.action
        with_rest = f"command_{action.replace('.', '_')}"
        named = next((owner for owner in (self, self.app) if rest and hasattr(owner, with_rest)), None)
        # A command that names what it acts on does not depend on what this screen shows.
        if why := self.why_not(action) if named in (None, self) else ScreenFrame.why_not(self, action):
            self.tell_reason(why)
            return
        if named is not None:
            getattr(named, with_rest)(rest)
            return
        method = f"action_{target.partition('(')[0]}"
        owner = self if hasattr(self, method) else self.app
        await owner.run_action(target)

    def action_desk_lock(self) -> None:
        """`Z`: the key stands in lists and panes, the desk is the app's."""
        self.desk_app.action_desk_lock()

    def action_money_takeback(self) -> None:
        """`u`: what this person asked for last does not leave the house."""
        if why := self.why_not("money.takeback"):
            self.tell_reason(why)
        else:
            self.desk_app.action_money_takeback()

    # Help, jump, filter, copy -----------------------------------------------------------------------

    def action_desk_help(self) -> None:
        """F1, `?`: the keys of this screen."""
        from cstui.screens.lists import HelpScreen

        self.app.push_screen(HelpScreen(self.keymap, self))

    def action_desk_keys(self) -> None:
        """All keys."""
        from cstui.screens.lists import HelpScreen

        self.app.push_screen(HelpScreen(self.keymap, self, everything=True))

    @flow(alongside=True)
    async def action_desk_jump(self) -> None:
        """Ctrl+O: a letter goes to a pane."""
        places: list[tuple[str, str]] = []
        for page in self.query(Page):
            places += [
                (section.name, section.title) for section in page.sections if section.title and page.display
            ]
        if not places:
            self.tell_reason("There is only one pane here.")
            return
        answer = await self.ask(LetterPanel("Jump to", places))
        if answer is None:
            return
        for page in self.query(Page):
            if page.display and page.go_to_section(answer["picked"]):
                page.focus()
                return

    @flow(alongside=True)
    async def action_nav_filter(self) -> None:
        """`/`: narrows the list while one types."""
        page = self.page
        if page is None:
            self.tell_reason("There is no list here.")
            return
        await self.ask(FilterPanel(page.filter, page.place.needle))
        page.focus()

    def command_nav_filter(self, rest: str) -> None:
        """`:filter TEXT`."""
        if self.page is not None:
            self.page.filter(rest)

    def command_nav_sort(self, rest: str) -> None:
        """`:sort COLUMN`."""
        page = self.page
        section = page.section if page is not None else None
        titles = [column.title.casefold() for column in section.columns] if section is not None else []
        at = next((i for i, title in enumerate(titles) if title and title.startswith(rest.casefold())), None)
        if page is None or at is None:
            self.tell_reason(
                f"There is no column “{rest}” here. Columns: {', '.join(title for title in titles if title)}."
            )
            return
        self.tell(page.sort(at), "")

    def action_desk_copy(self) -> None:
        """Ctrl+C: the value under the cursor, never a card number."""
        page = self.page
        row = page.row if page is not None else None
        if row is None or not row.copy:
            self.tell_reason("There is nothing to copy under the cursor.")
            return
        from cstui.domain.clean import clean, find_card_number

        value = clean(row.copy, multiline=True)
        if find_card_number(value):
            self.tell_reason("This looks like a card number and is not copied.")
            return
        self.app.copy_to_clipboard(value)
        self.tell(f"Copied: {value.splitlines()[0][:60]}", "")


def _entry_row(entry: PaletteEntry, why: str, title: str) -> Row:
    tone = "muted" if why else ""
    return Row(
        entry.id,
        (
            Cell(title or entry.title, tone or "strong"),
            Cell(entry.keys, "accent"),
            Cell(entry.command, "muted"),
            Cell(f"Not now: {why} {entry.tooltip}" if why else entry.tooltip, tone),
        ),
    )
