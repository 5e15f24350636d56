"""Bindings, footer, help, palette, commands and the page of keys all show what the key table says."""

import subprocess
import sys
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from cstui.keys import (
    BY_ID,
    FOOTERS,
    PRESETS,
    TABLE,
    Context,
    KeyMap,
    UnknownCommand,
    bindings,
    commands,
    footer,
    help_table,
    key_words,
    markdown,
    overlay,
    palette,
    read_command,
)
from cstui.keys.keymap import read_key

ROOT = Path(__file__).parent.parent
BUILT = [key for key in TABLE if key.built]


# What is shown


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("context", Context)
def test_every_footer_fits_in_80_columns_and_shows_built_actions_that_are_reachable(
    preset: str, context: Context
) -> None:
    keymap = KeyMap.load(preset=preset)
    shown = footer(keymap, context)
    assert sum(len(entry.keys) + len(entry.label) + 3 for entry in shown) <= 80
    assert [entry.id for entry in shown] == list(FOOTERS[context])
    for entry in shown:
        action = BY_ID[entry.id]
        assert action.built
        assert {Context.ALWAYS, Context.NAV, context} & set(action.contexts)
        assert "desk.help" in FOOTERS[context]


def test_while_typing_the_footer_shows_only_keys_that_work_in_a_field() -> None:
    entries = footer(KeyMap.load(), Context.SEARCH, in_field=True)
    shown = {entry.id: entry.keys for entry in entries}
    assert shown == {"nav.open": "Enter", "search.form": "Ctrl+G", "call.log": "F6", "desk.help": "F1"}


def test_what_this_version_lacks_is_shown_nowhere() -> None:
    keymap = KeyMap.load()
    lacking = {action.id for action in TABLE if not action.built}
    assert "order.split" in lacking
    assert not lacking & {row.id for group in help_table(keymap) for row in group.rows}
    assert not lacking & {entry.id for entry in palette(keymap)}
    assert not lacking & {command.id for command in commands().values()}
    assert not lacking & {binding.id for binding in bindings(keymap, *Context)}
    assert not any(f"`{action_id}`" in markdown(keymap) for action_id in lacking)


def test_help_shows_each_action_once_with_the_nearest_context_first() -> None:
    groups = help_table(KeyMap.load(), Context.PANEL, Context.ALWAYS)
    shown = [row.id for group in groups for row in group.rows]
    assert shown[:3] == ["form.choose", "form.save", "form.close"]
    assert len(set(shown)) == len(shown)
    everywhere = [row.id for group in help_table(KeyMap.load()) for row in group.rows]
    assert sorted(everywhere) == sorted(action.id for action in BUILT)


def test_help_palette_and_footer_show_the_keys_in_force() -> None:
    keymap = KeyMap.load({"note.add": "b"})
    assert {e.id: e.keys for e in footer(keymap, Context.ALWAYS)}["note.add"] == "b"
    assert {e.id: e.keys for e in palette(keymap)}["note.add"] == "b"
    assert {r.id: r.keys for g in help_table(keymap) for r in g.rows}["note.add"] == "b"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ctrl+f", "Ctrl+F"),
        ("f2", "F2"),
        ("e", "e"),
        ("U", "U"),
        ("question_mark", "?"),
        ("left_square_bracket", "["),
        ("escape", "Esc"),
        ("pagedown", "PgDn"),
        ("shift+f6", "Shift+F6"),
        ("ctrl+down", "Ctrl+Down"),
    ],
)
def test_keys_are_named_as_people_know_them(key: str, words: str) -> None:
    assert key_words(key) == words
    assert read_key(words) == key


# Commands


def test_a_typed_command_finds_its_action_and_keeps_the_rest() -> None:
    command, rest = read_command(":note  Called back, all well ")
    assert (command.id, rest) == ("note.add", "Called back, all well")
    assert read_command("locks")[0].id == "desk.locks"
    assert read_command(":o 10234") == (commands()["o"], "10234")


def test_a_number_alone_is_an_order_unless_it_is_a_section() -> None:
    assert read_command(":10234") == (commands()["o"], "10234")
    assert read_command(":#7")[0].id == "order.open"
    assert read_command(":4")[0].id == "section.cards"


def test_an_alias_stands_for_its_text() -> None:
    command, rest = read_command(":cb tomorrow", {"cb": "note Call back"})
    assert (command.id, rest) == ("note.add", "Call back tomorrow")


def test_an_unknown_command_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownCommand) as refused:
        read_command(":lokcs")
    assert refused.value.suggestion == "locks"
    with pytest.raises(UnknownCommand, match="not in this version"):
        read_command(":split 10234")
    with pytest.raises(UnknownCommand):
        read_command(":")


# A real application with these bindings


class Desk(App[None]):
    """An application that writes down which actions ran."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.keymap_of_desk = keymap
        self._bindings = overlay(self._bindings, keymap, Context.ALWAYS, Context.NAV)

    def on_mount(self) -> None:
        self.push_screen(OrderDesk(self.keymap_of_desk))

    def action_desk_help(self) -> None:
        self.ran.append("desk.help")

    def action_desk_quit(self) -> None:
        self.ran.append("desk.quit")

    def action_desk_find(self) -> None:
        self.ran.append("desk.find")

    def action_call_log(self) -> None:
        self.ran.append("call.log")

    def action_desk_locks(self) -> None:
        self.ran.append("desk.locks")

    def action_section(self, number: int) -> None:
        self.ran.append(f"section {number}")


class OrderDesk(Screen[None]):
    """A screen with a field and something else to focus."""

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__()
        self._bindings = overlay(self._bindings, keymap, Context.ORDER)

    def compose(self) -> ComposeResult:
        yield Input()
        yield Static("the order")

    def action_order_hold(self) -> None:
        assert isinstance(self.app, Desk)
        self.app.ran.append("order.hold")


async def test_every_key_runs_its_action_in_textual() -> None:
    app = Desk(KeyMap.load({"desk.locks": "b"}))
    async with app.run_test() as pilot:
        app.screen.set_focus(None)
        await pilot.press("question_mark", "f2", "c", "3", "H", "b")
        assert app.ran == ["desk.help", "desk.find", "call.log", "section 3", "order.hold", "desk.locks"]


async def test_quitting_goes_through_the_desk_and_not_past_it() -> None:
    app = Desk(KeyMap.load())
    async with app.run_test() as pilot:
        await pilot.press("ctrl+q")
        assert app.ran == ["desk.quit"]
        assert app.is_running


async def test_quitting_works_from_a_dialog_too() -> None:
    app = Desk(KeyMap.load())
    async with app.run_test() as pilot:
        await app.push_screen(ModalScreen[None]())
        await pilot.press("ctrl+q")
        assert app.ran == ["desk.quit"]


async def test_where_quitting_is_disabled_textual_does_not_quit_instead() -> None:
    class Busy(Desk):
        def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
            return None if action == "desk_quit" else super().check_action(action, parameters)

    app = Busy(KeyMap.load())
    async with app.run_test() as pilot:
        await pilot.press("ctrl+q")
        await pilot.press("f2")
        assert app.is_running
        assert app.ran == ["desk.find"]


async def test_in_a_field_letters_are_text_and_function_keys_still_act() -> None:
    app = Desk(KeyMap.load())
    async with app.run_test() as pilot:
        field = app.screen.query_one(Input)
        field.focus()
        await pilot.press("c", "H", "3", "question_mark", "f6", "ctrl+f")
        assert field.value == "cH3?"
        assert app.ran == ["call.log", "desk.find"]


@pytest.mark.parametrize("sent", ["shift+f6", "f18"])
async def test_a_shifted_function_key_acts_under_both_its_names(sent: str) -> None:
    app = Desk(KeyMap.load(preset="5250"))
    async with app.run_test() as pilot:
        await pilot.press(sent)
        assert app.ran == ["call.log"]


# The documentation, and how light the table is


def test_the_page_of_keys_is_up_to_date() -> None:
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert page == markdown(KeyMap.load()), "make it again: cstui keys --markdown > docs/keys.md"


def test_a_sign_that_would_break_a_table_is_written_safely() -> None:
    assert "| `\\|` | Zoom |" in markdown(KeyMap.load({"nav.zoom": "|"}))


def test_listing_the_keys_loads_no_textual() -> None:
    script = (
        "import sys; from cstui.keys import KeyMap, markdown, commands, help_table\n"
        "k = KeyMap.load(preset='vim'); markdown(k); commands(); help_table(k)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('textual', 'rich', 'sqlmodel')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
