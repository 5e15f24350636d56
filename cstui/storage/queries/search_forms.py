"""The labelled search form: orders by their billing address (SRCH-05 … 07), customers by their record (SRCH-08, SRCH-09).

The term tree gives the candidates, newest first and at most `CANDIDATES` for a field; the columns decide; the database sorts.
Driver SQL only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cstui.domain.search import CustomerSort, OrderSort, SearchForm
from cstui.domain.search_terms import END, WHOLE, Space, compact, digits_of, fold_email, words_of
from cstui.storage.reader import Reader, Row

#: Candidates that one field of the form gives at most, newest first.
CANDIDATES = 5_000
#: Orders that are sorted where no field names a person or a number: the newest.
WITHOUT_NAMES = 2_000
#: Different spellings with accents that one field is compared with at most.
BEYOND_ASCII = 500

_ORDER_SORTS = {
    OrderSort.NUMBER: "length(o.number) {d}, o.number {d}, o.id {d}",
    OrderSort.STORE: "s.name {d}, o.id {d}",
    OrderSort.CUSTOMER: "lower(o.billing_last_name) {d}, lower(o.billing_first_name) {d}, o.id {d}",
    OrderSort.PLACED: "o.placed_at {d}, o.id {d}",
    OrderSort.TOTAL: "o.total {d}, o.id {d}",
    OrderSort.STATUS: "o.status {d}, o.id {d}",
}
_CUSTOMER_SORTS = {
    CustomerSort.ID: "c.id {d}",
    CustomerSort.ADDRESS: "lower(coalesce(a.city, '')) {d}, coalesce(a.postcode, '') {d}, c.id {d}",
    CustomerSort.EMAIL: "c.email_folded {d}, c.id {d}",
    CustomerSort.FIRST_NAME: "lower(c.first_name) {d}, c.id {d}",
    CustomerSort.LAST_NAME: "lower(c.last_name) {d}, lower(c.first_name) {d}, c.id {d}",
    CustomerSort.PHONE: "c.phone_e164 {d}, c.phone {d}, c.id {d}",
}


@dataclass(slots=True)
class _Terms:
    """Conditions as they are gathered, with their values."""

    reader: Reader
    table: str
    stores: str
    strict: bool
    conditions: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """A parameter for a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value.replace("\0", "") if isinstance(value, str) else value
        return ":" + name

    def among(self, column: str, spaces: Sequence[Space], text: str) -> None:
        """The record is among the newest whose terms start with the text (strict: are it)."""
        low, high = self.value(text), self.value(text + (WHOLE if self.strict else END))
        kinds = ", ".join(str(int(space)) for space in spaces)
        self.conditions.append(
            f"{column} IN (SELECT entity_id FROM (SELECT entity_id FROM search_term WHERE {self.stores} AND kind IN ({kinds})"
            f" AND term >= {low} AND term < {high} ORDER BY age LIMIT {CANDIDATES}) n{len(self.values)})"
        )

    def starts(self, column: str, text: str) -> None:
        """A word of the column starts with the text (strict: is it). Call it after `among`, which limits what is looked at."""
        spelled = [value for value in self._beyond_ascii(column) if self._fits(value, text)]
        pattern = self.value(f"% {text} %" if self.strict else f"% {text}%")
        letters = f"' ' || replace(replace(lower({column}), '''', ''), '-', ' ') || ' '"
        either = "".join(f" OR {column} = {self.value(value)}" for value in spelled)
        self.conditions.append(f"({letters} LIKE {pattern}{either})")

    def _beyond_ascii(self, column: str) -> list[str]:
        """The candidates' values with letters that the databases fold differently; they are folded here instead."""
        longer = "length(CAST({c} AS BLOB))" if self.reader.is_sqlite else "octet_length({c})"
        rows = self.reader.rows(
            f"SELECT DISTINCT {column} FROM {self.table} WHERE {' AND '.join(self.conditions)}"
            f" AND {longer.format(c=column)} <> length({column}) LIMIT {BEYOND_ASCII}",
            self.values,
        )
        return [row[0] for row in rows]

    def _fits(self, value: str, text: str) -> bool:
        words = " ".join(words_of(value))
        return f" {text} " in f" {words} " if self.strict else f" {text}" in f" {words}"

    def is_or_starts(self, expression: str, text: str) -> None:
        """The expression starts with the text (strict: equals it)."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = self.value(escaped + ("" if self.strict else "%"))
        self.conditions.append(f"{expression} LIKE {pattern} ESCAPE '\\'")


def _person(terms: _Terms, form: SearchForm, key: str, columns: dict[str, str]) -> None:
    """The fields that name a person; `key` is the customer's column, `columns` where his values stand."""
    for name in ("first_name", "last_name"):
        if words := words_of(getattr(form, name)):
            text = " ".join(words)
            terms.among(key, [Space.NAME], text)
            terms.starts(columns[name], text)
    if form.email.strip():
        email = fold_email(form.email)
        terms.among(key, [Space.EMAIL], email)
        terms.is_or_starts(columns["email"], email)
    if postcode := compact(form.postcode):
        terms.among(key, [Space.POSTCODE], postcode)
        terms.is_or_starts(f"replace(replace(lower({columns['postcode']}), ' ', ''), '-', '')", postcode)
    if digits := digits_of(form.phone).lstrip("0"):
        ending = digits[::-1]
        strict, terms.strict = terms.strict, False
        terms.among(key, [Space.PHONE_END], ending)
        terms.strict = strict
    if form.card_last4.strip() or form.card_bin.strip():
        last4, bin6 = digits_of(form.card_last4), digits_of(form.card_bin)
        if bin6:
            strict, terms.strict = terms.strict, terms.strict and bool(last4)
            terms.among(key, [Space.BIN], bin6 + last4)
            terms.strict = strict
        else:
            terms.among(key, [Space.CARD], last4)


def orders(
    reader: Reader,
    stores: Sequence[int],
    form: SearchForm,
    sort: OrderSort,
    *,
    descending: bool,
    strict: bool,
    limit: int,
    offset: int,
) -> list[Row]:
    """Rows of the order form: id, number, store, its name, customer, first and last billing name, company, placed, total, currency, status,
    holder of the edit lock."""
    in_stores = f"store_id IN ({', '.join(str(int(key)) for key in stores)})"
    terms = _Terms(reader, "orders o", in_stores, strict)
    if number := compact(form.order_number):
        terms.among("o.id", [Space.ORDER, Space.ORDER_DIGITS], number)
    _person(
        terms, form, "o.customer_id",
        {"first_name": "o.billing_first_name", "last_name": "o.billing_last_name", "email": "lower(o.email)", "postcode": "o.billing_postcode"},
    )  # fmt: skip
    source = "orders o"
    facts = _facts(terms, form)
    if not terms.conditions:
        source = (
            f"(SELECT * FROM orders o WHERE o.{in_stores} {''.join(' AND ' + f for f in facts)}"
            f" ORDER BY placed_at DESC LIMIT {WITHOUT_NAMES}) o"
        )
    conditions = [f"o.{in_stores}", *terms.conditions, *facts]
    return reader.rows(
        "SELECT o.id, o.number, o.store_id, s.name, o.customer_id, o.billing_first_name, o.billing_last_name, o.billing_company, o.placed_at,"
        " o.total, o.currency, o.status, coalesce(k.holder_name, '')"
        f" FROM {source} JOIN store s ON s.id = o.store_id"
        " LEFT JOIN edit_lock k ON k.record_kind = 'order' AND k.record_id = o.id"
        f" WHERE {' AND '.join(conditions)} ORDER BY {_ORDER_SORTS[sort].format(d='DESC' if descending else 'ASC')}"
        f" LIMIT {int(limit)} OFFSET {int(offset)}",
        terms.values,
    )


def _facts(terms: _Terms, form: SearchForm) -> list[str]:
    """Store, status and days of the order form; days are the store's calendar in UTC."""
    found = []
    if form.store.strip():
        found.append(
            f"o.store_id IN (SELECT id FROM store WHERE code = {terms.value(form.store.strip().lower())})"
        )
    if form.status.strip():
        found.append(f"o.status = {terms.value(form.status.strip())}")
    for text, compared in ((form.placed_from, ">="), (form.placed_to, "<=")):
        if text.strip():
            day = terms.value(text.strip())
            expression = (
                f"date(o.placed_at) {compared} {day}"
                if terms.reader.is_sqlite
                else f"CAST(o.placed_at AS date) {compared} CAST({day} AS date)"
            )
            found.append(expression)
    return found


def order_parts(reader: Reader, order_ids: Sequence[int]) -> tuple[list[Row], list[Row], list[Row]]:
    """What order rows are completed with: (order, quantity, name, option), (order, kind, status, minor, gateway), (order, shipment state)."""
    if not order_ids:
        return [], [], []
    among = f"order_id IN ({', '.join(str(int(key)) for key in order_ids)})"
    return (
        reader.rows(
            f"SELECT order_id, quantity, name, option FROM order_line WHERE {among} AND position < 100 ORDER BY order_id, position, id"
        ),
        reader.rows(
            "SELECT t.order_id, t.kind, t.status, t.amount, t.gateway, (SELECT p.kind FROM payment_transaction p WHERE p.id = t.parent_id)"
            f" FROM payment_transaction t WHERE t.{among} ORDER BY t.occurred_at DESC, t.id DESC"
        ),
        reader.rows(f"SELECT order_id, state FROM shipment WHERE {among} ORDER BY id"),
    )


def customers(
    reader: Reader,
    stores: Sequence[int],
    form: SearchForm,
    sort: CustomerSort,
    *,
    descending: bool,
    strict: bool,
    limit: int,
    offset: int,
) -> list[Row]:
    """Rows of the customer form: id, e-mail, first name, last name, phone, then street, second line, city, region, postcode, country."""
    in_stores = f"store_id IN ({', '.join(str(int(key)) for key in stores)})"
    terms = _Terms(
        reader,
        "customer c LEFT JOIN customer_address a ON a.customer_id = c.id AND a.is_default_billing",
        in_stores,
        strict,
    )
    _person(
        terms, form, "c.id",
        {"first_name": "c.first_name", "last_name": "c.last_name", "email": "c.email_folded", "postcode": "coalesce(a.postcode, '')"},
    )  # fmt: skip
    if number := compact(form.order_number):
        high = terms.value(number + (WHOLE if strict else END))
        terms.conditions.append(
            f"c.id IN (SELECT customer_id FROM orders WHERE id IN (SELECT entity_id FROM search_term WHERE {in_stores}"
            f" AND kind IN ({int(Space.ORDER)}, {int(Space.ORDER_DIGITS)}) AND term >= {terms.value(number)} AND term < {high} LIMIT {CANDIDATES}))"
        )
    known = in_stores
    if form.store.strip():
        known += (
            f" AND store_id IN (SELECT id FROM store WHERE code = {terms.value(form.store.strip().lower())})"
        )
    terms.conditions.append(
        f"EXISTS (SELECT 1 FROM customer_store k WHERE k.customer_id = c.id AND k.{known})"
    )
    place = ", ".join(
        f"coalesce(a.{name}, '')" for name in ("line1", "line2", "city", "region", "postcode", "country")
    )
    return reader.rows(
        "SELECT c.id, c.email, c.first_name, c.last_name, CASE WHEN c.phone_e164 <> '' THEN c.phone_e164 ELSE c.phone END,"
        f" {place}"
        " FROM customer c LEFT JOIN customer_address a ON a.customer_id = c.id AND a.is_default_billing"
        f" WHERE {' AND '.join(terms.conditions)} ORDER BY {_CUSTOMER_SORTS[sort].format(d='DESC' if descending else 'ASC')}"
        f" LIMIT {int(limit)} OFFSET {int(offset)}",
        terms.values,
    )
