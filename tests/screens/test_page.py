"""The page: one cursor over sections of rows that can be filtered, sorted, unfolded, zoomed and come back to."""

from __future__ import annotations

import pytest

from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Column, Place, Row, Section, column_widths
from tests.screen_text import assert_clean_screen
from tests.screens.widget_app import WidgetApp

COLUMNS = (
    Column("Name", least=6, grow=1),
    Column("Total", least=5, right=True),
    Column("Store", wide_only=True),
)


def row(name: str, total: int, *details: str) -> Row:
    cells = (Cell(name), Cell(f"{total}.00", sort=total), Cell("main"))
    return Row(name, cells, tuple((Cell(line),) for line in details), copy=name)


PEOPLE = Section(
    "people", "People", (row("Cid", 3), row("Ann", 20, "12 Elm Street"), row("Bob", 100)), COLUMNS, number=2
)
FACTS = Section("facts", "Facts", (Row("phone", (Cell("Phone"), Cell("+1 212 555 0101"))),), number=1)
EMPTY = Section("none", "Cards", (), COLUMNS, number=4, empty="No card on file.")


def keys_in_order(page: Page) -> list[object]:
    return [line.row.key for line in page._lines if line.kind == "row" and line.row is not None]


async def test_the_cursor_walks_over_all_sections_and_stops_at_both_ends() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)) as pilot:
        page.show([FACTS, PEOPLE, EMPTY])
        walked = []
        for _ in range(6):
            walked.append(page.row.key if page.row else None)
            page.move(1)
        assert walked == ["phone", "Cid", "Ann", "Bob", "Bob", "Bob"]
        page.move(-99)
        assert page.row is not None and page.row.key == "phone"
        await pilot.pause()
        assert "No card on file." in app.text and "2 People" in app.text


async def test_sorting_uses_the_value_and_not_the_words_and_turns_round() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)):
        page.show([PEOPLE])
        assert page.sort(1) == "Sorted by Total, ascending."
        assert keys_in_order(page) == ["Cid", "Ann", "Bob"]
        assert page.sort() == "Sorted by Total, descending."
        assert keys_in_order(page) == ["Bob", "Ann", "Cid"]
        assert page.choose_sort_column(-1) == "Sorted by Name, ascending."
        assert keys_in_order(page) == ["Ann", "Bob", "Cid"]


async def test_the_cursor_stays_on_its_row_when_the_page_is_sorted_or_refilled() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)):
        page.show([PEOPLE])
        page.go_to_row("Ann")
        page.sort(0)
        assert page.row is not None and page.row.key == "Ann"
        page.show([Section("people", "People", (row("New", 1), *PEOPLE.rows), COLUMNS)])
        assert page.row is not None and page.row.key == "Ann"


async def test_a_row_that_is_gone_leaves_the_cursor_near_by() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)):
        page.show([PEOPLE])
        page.go_to_row("Bob")
        page.show([Section("people", "People", PEOPLE.rows[:2], COLUMNS)])
        assert page.row is not None and page.row.key == "Ann"
        page.show([])
        assert page.row is None and page.section is None


async def test_a_filter_looks_into_details_and_says_when_nothing_fits() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)) as pilot:
        page.show([PEOPLE])
        page.filter("ELM")
        assert keys_in_order(page) == ["Ann"]
        page.filter("[/zz]")
        await pilot.pause()
        assert keys_in_order(page) == [] and "Nothing here holds “[/zz]”." in app.text
        page.filter("")
        assert len(keys_in_order(page)) == 3


async def test_details_unfold_in_place_and_fold_again() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)) as pilot:
        page.show([PEOPLE])
        assert not page.unfold()
        page.go_to_row("Ann")
        assert page.unfold()
        await pilot.pause()
        assert "12 Elm Street" in app.text
        page.unfold()
        await pilot.pause()
        assert "12 Elm Street" not in app.text


async def test_zoom_gives_one_section_the_page_and_puts_the_others_back() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)):
        page.show([FACTS, PEOPLE])
        page.go_to_row("Ann")
        assert page.zoom()
        assert keys_in_order(page) == ["Cid", "Ann", "Bob"]
        assert page.row is not None and page.row.key == "Ann"
        assert not page.zoom()
        assert len(keys_in_order(page)) == 4


async def test_a_place_is_come_back_to_with_cursor_scroll_and_what_was_unfolded() -> None:
    page = Page()
    app = WidgetApp(page)
    long = Section("long", "Long", tuple(row(f"r{n}", n, "more") for n in range(500)), COLUMNS)
    async with app.run_test(size=(60, 12)) as pilot:
        page.show([long])
        page.go_to_row("r300")
        page.unfold()
        await pilot.pause()
        place, top = page.remember(), page.scroll_offset.y
        assert top > 200
        page.show([PEOPLE], place=Place())
        assert page.row is not None and page.row.key == "Cid"
        page.show([long], place=place)
        await pilot.pause()
        assert keys_in_order(page)[page._at] == "r300"
        assert page.scroll_offset.y == top and "more" in app.text and "300.00" in app.text


async def test_ten_thousand_rows_are_walked_to_the_end_and_back() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 12)) as pilot:
        page.show([Section("long", "Long", tuple(row(f"r{n}", n) for n in range(10_000)), COLUMNS)])
        page.move_to_end(True)
        await pilot.pause()
        assert "▸ r9999" in app.text
        page.move_to_end(False)
        await pilot.pause()
        assert "▸ r0" in app.text and "Long" in app.text


@pytest.mark.parametrize("width", [1, 5, 20, 21, 40, 60, 79, 200])
async def test_any_width_is_painted_to_the_cell(width: int) -> None:
    page = Page()
    wide = Section(
        "wide",
        "漢字 title",
        (Row("x", (Cell("漢" * 60), Cell("ａ" * 9), Cell("x"))), *PEOPLE.rows),
        COLUMNS,
        aside="as of today",
    )
    app = WidgetApp(page)
    async with app.run_test(size=(width, 20)) as pilot:
        page.show([wide, FACTS])
        await pilot.pause()
        assert_clean_screen(app)
        for y in range(8):
            assert page.render_line(y).cell_length == (
                page.scrollable_content_region.width or page.size.width
            )


def test_columns_never_take_more_than_the_room() -> None:
    for room in range(0, 120):
        for wide in (False, True):
            widths = column_widths(PEOPLE, list(PEOPLE.rows), room, wide)
            shown = [width for width in widths if width]
            assert sum(widths) + 2 * max(0, len(shown) - 1) <= max(room, 2 * len(COLUMNS)), (room, wide)


async def test_in_ascii_the_cursor_and_the_rules_are_ascii() -> None:
    page = Page()
    app = WidgetApp(page, ascii_only=True)
    async with app.run_test(size=(60, 20)) as pilot:
        page.show([PEOPLE])
        await pilot.pause()
        assert app.text.isascii() and "> Cid" in app.text


async def test_a_click_moves_the_cursor_and_a_second_one_opens() -> None:
    page = Page()
    app = WidgetApp(page)
    async with app.run_test(size=(60, 20)) as pilot:
        page.show([PEOPLE])
        page.focus()
        await pilot.click(Page, offset=(3, 3))
        assert page.row is not None and page.row.key == "Ann" and app.said == []
        await pilot.click(Page, offset=(3, 3))
        assert app.said == ["Ann"]


def test_a_column_that_nobody_needs_makes_room_for_the_others() -> None:
    columns = (
        Column("Name", least=4, grow=1),
        Column("Order", least=7, if_used=True),
        Column("Total", least=5),
    )
    unused = Section("x", "X", (Row(1, (Cell("Rosalind Achterberg"), Cell(""), Cell("5.00"))),), columns)
    assert column_widths(unused, list(unused.rows), 30, False)[1] == 0
    used = Section("x", "X", (Row(1, (Cell("Rosalind Achterberg"), Cell("#1001"), Cell("5.00"))),), columns)
    assert column_widths(used, list(used.rows), 60, False)[1] >= 5
