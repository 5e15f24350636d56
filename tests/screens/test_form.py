"""Forms, choices, pickers and bars: what is typed is kept, what is wrong stands beside its field, nothing is left without a question."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual import events
from textual.containers import Vertical

from cstui.domain.errors import InvalidInput
from cstui.widgets.bars import Bar, KeyBar
from cstui.widgets.choice import Choice
from cstui.widgets.form import LONGEST_TYPED, PAUSE, ConfirmPanel, Field, FormPanel, TypingField
from cstui.widgets.page_model import Cell, Column, Row
from cstui.widgets.picker import LetterPanel, PickerPanel
from tests.screen_text import assert_clean_screen
from tests.screens.hostile import SHORT
from tests.screens.widget_app import WidgetApp, typed, until

FIELDS = (
    Field("name", "Name", "Ann"),
    Field("city", "City"),
    Field("use", "Use", choices=(("", "none"), ("bill", "billing"), ("ship", "shipping"))),
)


def asked(panel: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(panel.answer())


async def test_enter_goes_from_field_to_field_and_answers_in_the_last() -> None:
    panel = FormPanel("Contact", FIELDS, start="city")
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await typed(pilot, "Albany")
        await pilot.press("enter", "c", "enter")
        assert await asyncio.wait_for(answer, 5) == {"name": "Ann", "city": "Albany", "use": "ship"}


async def test_an_untouched_form_is_left_at_once_and_a_changed_one_asks() -> None:
    panel = FormPanel("Contact", FIELDS)
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        assert not panel.is_changed
        panel.leave()
        assert await asyncio.wait_for(answer, 5) is None
        answer = asked(panel)
        await pilot.pause()
        await typed(pilot, "a")
        panel.leave()
        await pilot.pause()
        assert panel.is_asking and not answer.done()
        await pilot.press("x", "enter", "y")
        assert not answer.done()
        await pilot.press("k")
        assert not panel.is_asking and not answer.done()
        panel.leave()
        await pilot.press("d")
        assert await asyncio.wait_for(answer, 5) is None


async def test_s_saves_what_was_asked_about() -> None:
    panel = FormPanel("Contact", FIELDS, start="city")
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await typed(pilot, "Albany")
        panel.leave()
        await pilot.press("s")
        values = await asyncio.wait_for(answer, 5)
        assert values is not None and values["city"] == "Albany"


async def test_a_problem_stands_beside_its_field_and_takes_the_focus_there() -> None:
    panel = FormPanel("Contact", FIELDS)
    app = WidgetApp(panel)
    async with app.run_test(size=(80, 24)) as pilot:
        panel.show_problems(
            (InvalidInput("city", "", "City is empty.", "Type it."), InvalidInput("else", "", "Odd.", ""))
        )
        answer = asked(panel)
        await pilot.pause()
        lines = app.text.splitlines()
        city = next(i for i, line in enumerate(lines) if "City  " in line)
        assert "✗ City is empty. Type it." in lines[city + 1]
        assert "Odd." in app.text
        assert app.focused is not None and app.focused.id == "field-city"
        panel.show_problems(())
        await pilot.pause()
        assert "✗" not in app.text
        answer.cancel()


async def test_a_draft_is_written_once_after_a_second_without_a_key() -> None:
    kept: list[dict[str, str]] = []

    async def keep(values: dict[str, str]) -> None:
        kept.append(values)

    panel = FormPanel("Contact", FIELDS, start="city", on_pause=keep)
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await typed(pilot, "Albany")
        assert kept == []
        await until(pilot, lambda: bool(kept))
        await pilot.pause(PAUSE / 2)
        assert [values["city"] for values in kept] == ["Albany"]
        answer.cancel()


async def test_a_paste_of_many_lines_is_one_clean_line() -> None:
    panel = FormPanel("Contact", FIELDS, start="city")
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        pilot.app.post_message(events.Paste("line\x07\x1b[31m\r\n" * 5_000))
        await pilot.pause()
        pasted = panel.values["city"]
        assert pasted.startswith("line") and pasted.endswith("…") and pasted.isprintable()
        assert len(pasted) == LONGEST_TYPED
        answer.cancel()


async def test_a_secret_is_not_shown_and_not_copied() -> None:
    panel = FormPanel("Sign in", (Field("password", "Password", secret=True),))
    app = WidgetApp(panel)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await typed(pilot, "sesame")
        field = panel.query_one(TypingField)
        field.select_all()
        field.action_copy()
        field.action_cut()
        assert "sesame" not in app.text and "sesame" not in app.clipboard
        answer.cancel()


@pytest.mark.parametrize("width", [30, 60, 80, 140])
async def test_a_form_full_of_odd_texts_is_clean_at_any_width(width: int) -> None:
    fields = [Field(f"f{n}", value, value, hint=value) for n, value in enumerate(SHORT[::4])]
    choice = Field("c", "Pick", choices=tuple((str(n), value) for n, value in enumerate(SHORT[:20])))
    panel = FormPanel("\x1b[31mTitle [/zz]", [*fields, choice], above=SHORT[:3])
    app = WidgetApp(Vertical(panel))
    async with app.run_test(size=(width, 30)) as pilot:
        panel.show_problems([InvalidInput("f0", value, value, value) for value in SHORT[-1:]])
        panel.say_below("[@click=app.quit]Ann[/] \x1b[2J", "warn")
        await pilot.pause()
        assert_clean_screen(app)


async def test_a_choice_is_made_by_letter_arrow_or_click_and_marked_by_a_sign() -> None:
    choice = Choice((("a1", "first"), ("b2", "second"), ("c3", "third")), "b2")
    app = WidgetApp(choice)
    async with app.run_test(size=(60, 5)) as pilot:
        choice.focus()
        assert choice.label == "second"
        await pilot.press("c")
        assert choice.value == "c3"
        await pilot.press("left", "left", "left")
        assert choice.value == "a1"
        await pilot.press("z", "5")
        assert choice.value == "a1"
        await pilot.press("enter")
        await pilot.pause()
        assert app.said == ["a1"] and "●a first" in app.text
        at = app.text.splitlines()[0].index("second")
        await pilot.click(Choice, offset=(at, 0))
        assert choice.value == "b2"


async def test_a_choice_of_nothing_is_quiet() -> None:
    choice = Choice(())
    async with WidgetApp(choice).run_test(size=(60, 5)) as pilot:
        choice.focus()
        await pilot.press("a", "down", "up", "enter")
        assert choice.value == "" and choice.label == ""


async def test_a_question_with_consequences_takes_its_letter_and_nothing_else() -> None:
    panel = ConfirmPanel("Cancel order", ("Nothing is shipped.",), "y cancels the order    Esc leave")
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await pilot.press("enter", "space", "Y", "n", "x")
        assert not answer.done()
        await pilot.press("y")
        assert await asyncio.wait_for(answer, 5) == {"answer": "yes"}


async def test_a_picker_narrows_while_one_types_and_enter_takes_the_row() -> None:
    rows = [Row(name, (Cell(name), Cell(f"what {name} does"))) for name in ("note", "call", "edit", "[/zz]")]
    panel = PickerPanel("Palette", rows, (Column("Action"), Column("", grow=1)))
    app = WidgetApp(panel)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        assert_clean_screen(app)
        await typed(pilot, "ca")
        await pilot.press("enter")
        assert await asyncio.wait_for(answer, 5) == {"picked": "call", "typed": "ca"}
        answer = asked(panel)
        await pilot.press("backspace", "backspace", "down", "down", "enter")
        assert (await asyncio.wait_for(answer, 5))["picked"] == "edit"
        answer = asked(panel)
        await typed(pilot, "qqq")
        await pilot.press("enter")
        assert not answer.done()
        answer.cancel()


async def test_a_letter_panel_answers_to_its_letters_only() -> None:
    panel = LetterPanel("Jump to", (("contact", "Contact"), ("orders", "Orders")))
    async with WidgetApp(panel).run_test(size=(80, 24)) as pilot:
        answer = asked(panel)
        await pilot.pause()
        await pilot.press("z", "1", "enter")
        assert not answer.done()
        await pilot.press("s")
        assert await asyncio.wait_for(answer, 5) == {"picked": "orders"}


async def test_a_key_that_is_not_possible_now_is_dimmed_and_the_line_never_overflows() -> None:
    bar = KeyBar()
    async with WidgetApp(bar).run_test(size=(40, 3)) as pilot:
        bar.show_keys(
            [("e", "Edit", False), ("F7", "Note", True), *[(f"F{n}", "More", True) for n in range(9)]]
        )
        await pilot.pause()
        strip = bar.render_line(0)
        styles = {segment.text.strip(): segment.style for segment in strip}
        assert styles["e Edit"] != styles["F7 Note"]
        assert strip.cell_length == 40


async def test_on_a_short_status_line_the_reason_wins_over_who_is_signed_in() -> None:
    bar = Bar(separator=" · ", left_first=True)
    app = WidgetApp(bar)
    reason = "The shipment is refused by the warehouse; its contents and addresses are fixed."
    async with app.run_test(size=(80, 3)) as pilot:
        bar.say((Cell(reason, "warn"),), (Cell("Ann"), Cell("SQLite")))
        await pilot.pause()
        assert reason in app.text and "SQLite" not in app.text
        bar.say((Cell("Saved."),), (Cell("Ann"), Cell("SQLite")))
        await pilot.pause()
        assert "Saved." in app.text and "Ann · SQLite" in app.text
