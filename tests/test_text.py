"""Data shows as its own characters in every kind of widget, and never steers the app or the terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import ControlType, Segment
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.widgets import (
    Button,
    Checkbox,
    Collapsible,
    DataTable,
    Input,
    Label,
    OptionList,
    RadioButton,
    Select,
    SelectionList,
    Static,
    TabbedContent,
    TabPane,
    TextArea,
    Tree,
)
from textual.widgets._toast import Toast
from textual.widgets._tooltip import Tooltip
from textual.widgets.selection_list import Selection

from cstui.domain.clean import REPLACEMENT, clean
from cstui.text import ControlFilter, content, in_ascii, text
from tests.bad_inputs import BAD_TEXTS, CONTROLS, MARKUP, SHORT_BAD_TEXTS, UNICODE
from tests.screen_text import assert_clean_screen, screen_text, unclean_segments

BLACK = Color(0, 0, 0)


class EverySink(App[None]):
    """One of each widget that shows data, all fed with the same text through the gate."""

    TOOLTIP_DELAY = 0.001
    CSS = "Static, Label, Button { height: auto; } DataTable, Tree, OptionList, SelectionList { height: 4; }"

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value
        self._filters.append(ControlFilter())

    def compose(self) -> ComposeResult:
        value = self.value
        titled = Static(content(value), id="titled")
        titled.border_title = content(value)
        titled.border_subtitle = content(value)
        titled.styles.border = ("round", "white")
        titled.tooltip = content(value)
        yield titled
        yield Label(content(value))
        yield Button(content(value))
        yield Checkbox(content(value))
        yield RadioButton(content(value))
        yield Select([(content(value), 1)], value=1)
        yield OptionList(content(value))
        yield SelectionList[int](Selection(content(value), 1))
        yield Collapsible(title=content(value))  # type: ignore[arg-type]
        yield Input(placeholder=clean(value))
        yield TextArea(clean(value, multiline=True))
        table: DataTable[Text] = DataTable()
        table.add_column(text(value), width=30)
        table.add_row(text(value), label=text(value))
        yield table
        tree: Tree[None] = Tree(text(value))
        tree.root.expand()
        tree.root.add_leaf(text(value))
        yield tree
        with TabbedContent():
            yield TabPane(content(value))

    async def show(self, value: str) -> None:
        """Fills every widget again, and says it in a message as well."""
        self.value, self.title = value, clean(value)
        self.clear_notifications()
        await self.recompose()
        self.notify(clean(value), title=clean(value), markup=False, timeout=60)


ONE_OF_EACH = [
    "all c0",
    "all c1",
    "osc clipboard",
    "bidi override",
    "two hundred marks",
    "surrogate pair split",
    "empty",
]


async def no_widget_minds(values: list[tuple[str, str]]) -> None:
    app = EverySink("Ann")
    async with app.run_test(size=(100, 90), notifications=True) as pilot:
        for name, value in values:
            await app.show(value)
            await pilot.pause()
            assert_clean_screen(app)
            assert app.is_running, name


async def test_no_bad_text_crashes_or_steers_any_widget() -> None:
    await no_widget_minds(
        [(name, value) for name, value in SHORT_BAD_TEXTS if name in ONE_OF_EACH] + MARKUP[:6]
    )


@pytest.mark.slow
async def test_not_one_of_the_bad_texts_crashes_or_steers_any_widget() -> None:
    await no_widget_minds(SHORT_BAD_TEXTS)


async def test_pointing_at_and_clicking_on_markup_does_nothing() -> None:
    app = EverySink("[@click=app.quit]Ann[/]")
    async with app.run_test(size=(100, 90), tooltips=True) as pilot:
        await pilot.hover("#titled", offset=(3, 1))
        await pilot.pause(0.1)
        assert app.screen.query_one(Tooltip).display
        assert_clean_screen(app)
        for widget in ("#titled", Label, Collapsible, DataTable, Tree):
            await pilot.click(widget, offset=(3, 1))
        await pilot.pause()
        assert app.is_running
        assert app.return_value is None and not app._exit


async def test_markup_shows_as_its_own_characters() -> None:
    app = EverySink("Ann")
    async with app.run_test(size=(140, 90)) as pilot:
        for _, value in MARKUP:
            await app.show(value)
            await pilot.pause()
            assert screen_text(app).count(value) >= 10


async def test_a_message_and_a_tooltip_show_their_own_characters() -> None:
    app = EverySink("[bold]Ann[/] [/zz]")
    async with app.run_test(size=(100, 90), notifications=True, tooltips=True) as pilot:
        app.notify(app.value, title=app.value, markup=False, timeout=60)
        await pilot.hover("#titled", offset=(1, 1))
        await pilot.pause(0.1)
        shown = screen_text(app)
        assert app.screen.query_one(Tooltip).display
        assert app.screen.query(Toast)
        assert shown.count(app.value) >= 13


class RawSinks(App[None]):
    """The mistake that the filter is there for: `str` with data, straight into widgets."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value
        self._filters.append(ControlFilter())

    def compose(self) -> ComposeResult:
        yield Static(self.value, markup=False)
        yield Label(self.value, markup=False)
        yield Input(self.value)
        yield TextArea(self.value)
        yield OptionList(self.value, markup=False)
        table: DataTable[Text] = DataTable()
        table.add_column(Text(self.value), width=30)
        table.add_row(Text(self.value))
        yield table


async def test_the_filter_catches_what_missed_the_gate() -> None:
    app = RawSinks("Ann")
    async with app.run_test(size=(100, 40)) as pilot:
        for _, app.value in CONTROLS + UNICODE:
            await app.recompose()
            await pilot.pause()
            assert_clean_screen(app)


async def test_without_the_filter_the_same_screen_would_not_be_clean() -> None:
    app = RawSinks("Ann\x1b]0;PWNED\x07")
    app._filters.pop()
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        assert unclean_segments(app)


async def test_the_filter_takes_hyperlinks_out_of_what_was_read_as_markup() -> None:
    class Linked(App[None]):
        def compose(self) -> ComposeResult:
            table: DataTable[Text] = DataTable()
            table.add_column("x")
            table.add_row(Text("Ann", style=Style(link="https://evil.example/\x1b]0;x\x07")))
            yield table

    app = Linked()
    app._filters.append(ControlFilter())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Ann" in screen_text(app)
        assert_clean_screen(app)


@given(st.lists(st.text(st.characters(codec=None), max_size=20), max_size=5))
def test_a_filtered_line_is_as_wide_as_it_was_laid_out(texts: list[str]) -> None:
    segments = [Segment(piece) for piece in texts]
    made = ControlFilter().apply(segments, BLACK)
    assert Strip(made).cell_length == Strip(segments).cell_length


@given(st.text(st.characters(codec=None), max_size=40))
def test_in_ascii_every_line_is_ascii_and_as_wide(written: str) -> None:
    [made] = ControlFilter(ascii_only=True).apply([Segment(written)], BLACK)
    assert made.text.isascii()
    assert made.text.isprintable()
    assert made.cell_length == Segment(written).cell_length


def test_a_clean_line_is_passed_on_untouched() -> None:
    segments = [Segment("Ann Lee"), Segment("田中 🇪🇪 Zoë", Style(bold=True)), Segment("│ ✓ paid")]
    assert ControlFilter().apply(segments, BLACK) is segments


def test_terminal_commands_that_a_widget_emits_are_dropped() -> None:
    [made] = ControlFilter().apply([Segment("\x1b[2J", None, [(ControlType.CLEAR,)])], BLACK)
    assert made.control is None
    assert made.text == "[2J"


def test_drawings_and_accents_have_look_alikes_in_ascii() -> None:
    assert in_ascii("╭─ André ─╮ ✓ paid … 田") == "+- Andre -+ + paid . ??"


@pytest.mark.parametrize(("name", "value"), BAD_TEXTS, ids=[name for name, _ in BAD_TEXTS])
def test_content_and_text_hold_the_cleaned_characters_and_nothing_else(name: str, value: str) -> None:
    assert content(value).plain == clean(value)
    assert content(value, multiline=True).plain == clean(value, multiline=True)
    assert text(value).plain == clean(value)
    assert not content(value).spans
    assert not text(value).spans


def test_nothing_is_empty_and_other_values_are_their_text() -> None:
    assert content(None).plain == text(None).plain == ""
    assert content(42).plain == text(42).plain == "42"


def test_content_keeps_its_spans_unless_it_had_to_be_cleaned() -> None:
    styled = Content.styled("Ann", "bold")
    assert content(styled) is styled
    assert content(Content("A\x1bnn")).plain == f"A{REPLACEMENT}nn"
    assert content(Text("A\x1bnn")).plain == f"A{REPLACEMENT}nn"
    assert text(styled).plain == "Ann"
