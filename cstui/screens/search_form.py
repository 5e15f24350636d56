"""The labelled search form: fields, sort column and direction chosen before searching (SRCH-02 … SRCH-09)."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

from textual.app import ComposeResult

from cstui.domain.ids import Kind
from cstui.domain.orders import OrderRow, OrderStatus
from cstui.domain.search import CustomerHitRow, CustomerSort, OrderSort, SearchForm
from cstui.flow import call, flow
from cstui.format import moment_words, money_words, phone_words, state_words
from cstui.keys import Context, KeyMap
from cstui.screens.base import BaseScreen
from cstui.widgets.form import Field, FormPanel
from cstui.widgets.page import Page
from cstui.widgets.page_model import Cell, Column, Row, Section

_LABELS = {
    "order_number": "Order #",
    "first_name": "First name",
    "last_name": "Last name",
    "email": "E-mail",
    "phone": "Phone",
    "postcode": "Postcode",
    "card_bin": "Card first 6",
    "card_last4": "Card last 4",
    "store": "Store code",
    "status": "Order status",
    "placed_from": "Placed from",
    "placed_to": "Placed to",
}
_ORDER_ONLY = ("order_number", "card_bin", "status", "placed_from", "placed_to")
_ORDER_COLUMNS = (
    Column("Order #", least=8),
    Column("Store", least=6),
    Column("Customer name", least=12, grow=1),
    Column("Date/time", least=12),
    Column("Total", least=8, right=True),
    Column("Order status", least=10),
)
_CUSTOMER_COLUMNS = (
    Column("User ID", least=8),
    Column("Default billing address", least=14, grow=2),
    Column("E-mail", least=10, grow=1),
    Column("First name", least=8),
    Column("Last name", least=8),
    Column("Telephone #", least=10),
)
#: The sort column of each heading, in the order of the columns.
_ORDER_SORTS = (
    OrderSort.NUMBER,
    OrderSort.STORE,
    OrderSort.CUSTOMER,
    OrderSort.PLACED,
    OrderSort.TOTAL,
    OrderSort.STATUS,
)
_CUSTOMER_SORTS = (
    CustomerSort.ID, CustomerSort.ADDRESS, CustomerSort.EMAIL, CustomerSort.FIRST_NAME, CustomerSort.LAST_NAME, CustomerSort.PHONE,
)  # fmt: skip


class SearchFormScreen(BaseScreen):
    """Two tabs, Orders and Customers; F9 searches, `s` and `<` `>` sort in the database."""

    contexts: ClassVar[tuple[Context, ...]] = (Context.NAV, Context.ALWAYS)

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__(keymap)
        self._of_customers = False
        self._form = SearchForm()
        self._sort = 0
        self._descending = False

    def crumbs(self) -> tuple[Cell, ...]:
        """Which tab is shown."""
        return (
            Cell("Search form", "strong"),
            Cell("Customers" if self._of_customers else "Orders", "accent"),
        )

    def body(self) -> ComposeResult:
        """The results; the form is a panel."""
        yield Page(
            id="page",
            empty="Fill in what you know; F9 searches. [ and ] switch between orders and customers.",
        )

    def on_mount(self) -> None:
        """Asks at once."""
        self.action_search_form()

    def action_nav_tab_left(self) -> None:
        """Orders."""
        self._switch(False)

    def action_nav_tab_right(self) -> None:
        """Customers."""
        self._switch(True)

    def _switch(self, of_customers: bool) -> None:
        if of_customers != self._of_customers:
            self._of_customers, self._sort, self._descending = of_customers, 0, False
            self.refresh_frame()
            self.action_search_form()

    @flow()
    async def action_search_form(self) -> None:
        """The form, then its results."""
        names = [
            field.name
            for field in fields(SearchForm)
            if not (self._of_customers and field.name in _ORDER_ONLY)
        ]
        headings = _CUSTOMER_COLUMNS if self._of_customers else _ORDER_COLUMNS
        statuses = (("", "any"), *((status.value, status.value.replace("_", " ")) for status in OrderStatus))
        form = [
            Field(name, _LABELS[name], getattr(self._form, name), choices=statuses if name == "status" else (),
                  hint="2026-11-22" if name.startswith("placed") else "")
            for name in names
        ]  # fmt: skip
        form.append(
            Field(
                "sort",
                "Sort by",
                str(self._sort),
                choices=tuple((str(i), c.title) for i, c in enumerate(headings)),
            )
        )
        form.append(
            Field(
                "order",
                "Sort order",
                "d" if self._descending else "a",
                choices=(("a", "ascending"), ("d", "descending")),
            )
        )
        title = "Search customers" if self._of_customers else "Search orders (names and addresses as billed)"
        panel = FormPanel(title, form, save_label="search")
        async with self.opened(panel):
            values = await panel.answer()
        if values is None:
            return
        self._sort, self._descending = int(values.pop("sort")), values.pop("order") == "d"
        self._form = SearchForm(**{**{f.name: "" for f in fields(SearchForm)}, **values})
        await self._search()

    async def _search(self) -> None:
        page = self.query_one("#page", Page)
        if self._of_customers:
            people, more = await call(
                self.desk.search.customers,
                self.actor,
                self._form,
                _CUSTOMER_SORTS[self._sort],
                self._descending,
            )
            rows, columns, noun = [_customer(row) for row in people], _CUSTOMER_COLUMNS, "customers"
        else:
            orders, more = await call(
                self.desk.search.orders, self.actor, self._form, _ORDER_SORTS[self._sort], self._descending
            )
            rows, columns, noun = [self._order(row) for row in orders], _ORDER_COLUMNS, "orders"
        way = "descending" if self._descending else "ascending"
        heading = f"{len(rows)} {noun}{' – more, narrow the search' if more else ''}"
        page.show(
            [
                Section(
                    "results",
                    heading,
                    tuple(rows),
                    columns,
                    aside=f"by {columns[self._sort].title}, {way}",
                    empty="Nothing found.",
                )
            ]
        )
        page.move_to_end(False)
        page.focus()

    def _order(self, row: OrderRow) -> Row:
        reader = self.desk_app.reader
        return Row(
            (Kind.ORDER, row.id),
            (
                Cell(row.number, "accent"),
                Cell(row.store),
                Cell(row.customer_name, "strong"),
                Cell(moment_words(row.placed_at, self.now(), reader)),
                Cell(money_words(row.total, reader)),
                Cell(state_words(row.status, reader)),
            ),
            tuple((Cell(line),) for line in row.lines),
            copy=row.number,
        )

    def action_desk_refresh(self) -> None:
        """F5: the same search again."""
        self._resort(self._sort, self._descending)

    def action_nav_sort(self) -> None:
        """Turns the order round, in the database."""
        self._resort(self._sort, not self._descending)

    def action_nav_sort_left(self) -> None:
        """Sorts by the column to the left."""
        self._resort(max(0, self._sort - 1), False)

    def action_nav_sort_right(self) -> None:
        """Sorts by the column to the right."""
        self._resort(min(5, self._sort + 1), False)

    @flow()
    async def _resort(self, column: int, descending: bool) -> None:
        self._sort, self._descending = column, descending
        await self._search()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Enter opens the record."""
        key = event.row.key
        if isinstance(key, tuple) and key[0] is Kind.ORDER:
            self.desk_app.open_order(int(key[1]))
        elif isinstance(key, tuple):
            self.desk_app.open_customer(int(key[1]))


def _customer(row: CustomerHitRow) -> Row:
    from cstui.domain.ids import public_id

    return Row(
        (Kind.CUSTOMER, row.id),
        (
            Cell(public_id(Kind.CUSTOMER, row.id), "accent"),
            Cell(row.billing),
            Cell(row.email, "muted"),
            Cell(row.first_name, "strong"),
            Cell(row.last_name, "strong"),
            Cell(phone_words(row.phone) if row.phone else ""),
        ),
        copy=row.email,
    )
