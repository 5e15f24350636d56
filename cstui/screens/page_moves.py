"""Moving on a screen: rows, pages, panes, sorting, matches and sections, as the keys of lists and panes do it."""

from __future__ import annotations

from textual.screen import Screen

from cstui.widgets.page import Page


class PageMoves(Screen[None]):
    """What moves in the page that has the focus, else in the first. A screen says what happened with `tell` and `tell_reason`."""

    def tell(self, words: str, tone: str = "good") -> None:
        """A one-line receipt that stays until the next one."""

    def tell_reason(self, words: str) -> None:
        """Why nothing was done."""

    @property
    def page(self) -> Page | None:
        """The page that keys move in: the focused one, else the first."""
        if isinstance(self.focused, Page):
            return self.focused
        return next(iter(self.query(Page)), None) if self.is_mounted else None

    def _move(self, by: int) -> None:
        if (page := self.page) is not None:
            page.move(by)

    def action_nav_down(self) -> None:
        """One row down."""
        self._move(1)

    def action_nav_up(self) -> None:
        """One row up."""
        self._move(-1)

    def action_nav_page_down(self) -> None:
        """One page down."""
        if self.page is not None:
            self.page.move_pages(1)

    def action_nav_page_up(self) -> None:
        """One page up."""
        if self.page is not None:
            self.page.move_pages(-1)

    def action_nav_half_down(self) -> None:
        """Half a page down."""
        if self.page is not None:
            self.page.move_pages(0.5)

    def action_nav_half_up(self) -> None:
        """Half a page up."""
        if self.page is not None:
            self.page.move_pages(-0.5)

    def action_nav_top(self) -> None:
        """The first row."""
        if self.page is not None:
            self.page.move_to_end(False)

    def action_nav_bottom(self) -> None:
        """The last row."""
        if self.page is not None:
            self.page.move_to_end(True)

    def action_nav_left(self) -> None:
        """The pane to the left."""
        self._next_page(-1)

    def action_nav_right(self) -> None:
        """The pane to the right."""
        self._next_page(1)

    def _next_page(self, step: int) -> None:
        pages: list[Page] = [page for page in self.query(Page) if page.display]
        if self.page in pages and len(pages) > 1:
            pages[max(0, min(len(pages) - 1, pages.index(self.page) + step))].focus()

    def action_nav_open(self) -> None:
        """Enter on a row."""
        if self.page is not None:
            self.page.choose()

    def action_nav_select(self) -> None:
        """Space: the row's details in place."""
        if self.page is not None and not self.page.unfold():
            self.tell_reason("There is nothing more to show here.")

    def action_nav_sort(self) -> None:
        """Sorts by the chosen column."""
        if self.page is not None:
            self.tell(self.page.sort() or "There are no columns to sort here.", "")

    def action_nav_sort_left(self) -> None:
        """Sorts by the column to the left."""
        if self.page is not None:
            self.tell(self.page.choose_sort_column(-1) or "There are no columns to sort here.", "")

    def action_nav_sort_right(self) -> None:
        """Sorts by the column to the right."""
        if self.page is not None:
            self.tell(self.page.choose_sort_column(1) or "There are no columns to sort here.", "")

    def action_nav_wide(self) -> None:
        """More columns, or fewer."""
        if self.page is not None:
            self.page.widen()

    def action_nav_zoom(self) -> None:
        """One section over the whole page, or all again."""
        if self.page is not None:
            self.page.zoom()

    def action_nav_next(self) -> None:
        """The next match."""
        if self.page is not None:
            self.page.next_match(1)

    def action_nav_previous(self) -> None:
        """The match before."""
        if self.page is not None:
            self.page.next_match(-1)

    def action_section(self, number: int) -> None:
        """A digit: the section with that number, in whichever pane it stands."""
        for page in self.query(Page):
            for section in page.sections:
                if section.number == number and page.display:
                    page.focus()
                    page.go_to_section(section.name)
                    return
        self.tell_reason(f"This screen has no section {number}.")
