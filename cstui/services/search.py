"""Finding a customer, an order or a subscription by whatever the caller says (SRCH-01 … SRCH-14). Light: loads only the driver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.permissions import Permission
from cstui.domain.search import CustomerHitRow, CustomerSort, Found, Hit, Matched, OrderSort, SearchForm
from cstui.domain.search_query import FORGIVEN, PART, Probe, Reading, read_query
from cstui.domain.search_strict import TWO_NEEDED, Identifier, read_identifiers
from cstui.domain.search_terms import LONGEST_TERM, WHOLE, Space, deletions, edits, within_one_edit
from cstui.storage.queries import search as queries
from cstui.storage.reader import Interrupted, Reader, Row, instant

if TYPE_CHECKING:
    from cstui.domain.orders import OrderRow

__all__ = ["Interrupted", "Search"]

#: Results of the box; lists go to 200.
LIVE_RESULTS = 20
MOST_RESULTS = 200
#: Seconds for which stores and settings are remembered between keystrokes.
_REMEMBERED = 15.0
_SEEN_BY = {
    Kind.CUSTOMER: Permission.CUSTOMER_VIEW,
    Kind.ORDER: Permission.ORDER_VIEW,
    Kind.SUBSCRIPTION: Permission.SUBSCRIPTION_VIEW,
}
_EXACT_FIRST = frozenset(
    {Space.NAME, Space.EMAIL, Space.ORDER, Space.ORDER_DIGITS, Space.COMPANY, Space.DOMAIN}
)
#: So many first signs of a mistyped text narrow the index down to few enough to compare one by one.
_BEGINNING = 8
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = {Space.EMAIL: _LETTERS + "0123456789._-@", Space.ORDER: "0123456789", Space.PHONE: "0123456789"}


#: The best match of each record so far: its rank and why.
_Best = dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]]


class SettingValues(Protocol):
    """Where the business's settings are read."""

    def value(self, key: str, store_id: int | None = None) -> int | bool | str:
        """The value in force."""


class Search:
    """Finding, on a connection of its own. `interrupt` may be called from any thread; everything else from one at a time."""

    def __init__(self, reader: Reader, settings: SettingValues | None = None) -> None:
        self._reader = reader
        self._settings = settings
        self._stores: dict[int, tuple[str, str]] = {}
        self._known_at = -_REMEMBERED
        self._interrupts = 0

    def interrupt(self) -> None:
        """Ends the question that runs at this moment: its caller gets `Interrupted`."""
        self._interrupts += 1
        self._reader.interrupt()

    def find(self, actor: Actor, query: str, limit: int = LIVE_RESULTS) -> Found:
        """The best and newest records for whatever was typed, of stores that the actor may see.

        Errors: `DatabaseAway`, `Interrupted`.
        """
        limit = max(1, min(limit, MOST_RESULTS))
        started = self._interrupts
        self._remember()
        visible = self._visible(actor)
        stores = set().union(*visible.values()) if visible else set()
        if self._yes("search.strict"):
            return self._find_strictly(query, visible, limit)
        reading = read_query(query, tuple(self._stores[key][1] for key in stores if self._stores[key][1]))
        ranked = self._ranked(reading, visible, limit, started)
        hits = self._hits(ranked[:limit], visible)
        return Found(query, reading.read_as, hits, len(ranked) > limit, reading.hint)

    def recent(self, actor: Actor, limit: int = LIVE_RESULTS) -> Found:
        """The customers whom the actor opened last (SRCH-13); none where the setting hides them. Errors: as `find`."""
        if not self._yes("search.recent", True):
            return Found("", (), (), False)
        self._remember()
        visible = self._visible(actor)
        keys = queries.recent_customers(
            self._reader, actor.staff_id, visible[Kind.CUSTOMER], min(limit, MOST_RESULTS)
        )
        ranked = [(Kind.CUSTOMER, key, Matched.ID) for key in keys]
        return Found("", (), self._hits(ranked, visible), False)

    def orders(
        self,
        actor: Actor,
        form: SearchForm,
        sort: OrderSort = OrderSort.NUMBER,
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[tuple[OrderRow, ...], bool]:
        """Orders by their billing address, number, store, status or days, and whether more follow (SRCH-05 … SRCH-07).

        Errors: `InvalidInput` for a day or a status that is none; otherwise as `find`.
        """
        self._remember()
        stores = self._visible(actor)[Kind.ORDER]
        from cstui.services.search_forms import order_rows

        return order_rows(
            self._reader, stores, form, sort, descending, self._yes("search.strict"), limit, offset
        )

    def customers(
        self,
        actor: Actor,
        form: SearchForm,
        sort: CustomerSort = CustomerSort.ID,
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[tuple[CustomerHitRow, ...], bool]:
        """Customers by what is known of them, and whether more follow (SRCH-08, SRCH-09). Errors: as `orders`."""
        self._remember()
        stores = self._visible(actor)[Kind.CUSTOMER]
        from cstui.services.search_forms import customer_rows

        return customer_rows(
            self._reader, stores, form, sort, descending, self._yes("search.strict"), limit, offset
        )

    def _find_strictly(self, query: str, visible: dict[Kind, list[int]], limit: int) -> Found:
        """Only people who match every identifier exactly, and nothing below two of them (SRCH-12)."""
        given = read_identifiers(query)
        labels = tuple(dict.fromkeys(identifier.label for identifier in given))
        stores = visible[Kind.CUSTOMER]
        if len(given) < 2 or not stores:
            return Found(query, labels, (), False, TWO_NEEDED)
        of_orders = [self._customers_by_number(identifier, visible) for identifier in given]
        best = max(range(len(given)), key=lambda i: (bool(of_orders[i]), given[i].weight))
        candidates = set(of_orders[best])
        names = [identifier.proofs[0][1] for identifier in given if identifier.label == "name"]
        probes = [
            replace(probe, with_words=tuple(name for name in names if name != probe.text))
            if probe.space is Space.NAME
            else probe
            for probe in given[best].people
        ]
        candidates |= {match[3] for match in queries.look(self._reader, stores, probes, queries.MANY)}
        proven: dict[int, int] = {}
        for key, age, terms in queries.terms_of_people(self._reader, stores, sorted(candidates)):
            if all(
                identifier.proven_by(terms) or key in numbered
                for identifier, numbered in zip(given, of_orders, strict=True)
            ):
                proven[key] = min(age, proven.get(key, age))
        matched = next((probe.matched for probe in (*given[best].people, *given[best].orders)), Matched.ID)
        ranked = [(Kind.CUSTOMER, key, matched) for key in sorted(proven, key=lambda key: proven[key])]
        return Found(query, labels, self._hits(ranked[:limit], visible), len(ranked) > limit)

    def _customers_by_number(self, identifier: Identifier, visible: dict[Kind, list[int]]) -> set[int]:
        if not identifier.orders or not visible[Kind.ORDER]:
            return set()
        matches = queries.look(self._reader, visible[Kind.ORDER], identifier.orders, MOST_RESULTS)
        return set(queries.customers_of_orders(self._reader, [match[3] for match in matches]))

    def _ranked(
        self, reading: Reading, visible: dict[Kind, list[int]], limit: int, started: int
    ) -> list[tuple[Kind, int, Matched]]:
        if reading.record is not None:
            return self._record(*reading.record)
        best: _Best = {}
        for group in self._groups(reading.probes):
            self._check(started)
            self._ask(group, visible, limit, best)
            if len(best) > limit:
                break
        if len(best) < limit and any(len(word) >= 4 for word in reading.words):
            self._check(started)
            self._ask_for_parts(reading, visible, limit, best)
        if not best:
            self._check(started)
            self._forgive(reading, visible, limit, best, started)
        ordered = sorted(best.items(), key=lambda item: (item[1][0], -item[0][1]))
        return [(kind, key, matched) for (kind, key), (_, matched) in ordered]

    def _groups(self, probes: Sequence[Probe]) -> list[list[Probe]]:
        """On SQLite one rank at a time, since a question costs microseconds; on PostgreSQL all in one round trip."""
        if not self._reader.is_sqlite:
            return [list(probes)] if probes else []
        ranks = sorted({probe.rank for probe in probes})
        return [[probe for probe in probes if probe.rank == rank] for rank in ranks]

    def _ask(
        self,
        probes: Sequence[Probe],
        visible: dict[Kind, list[int]],
        limit: int,
        best: _Best,
    ) -> None:
        by_stores: dict[tuple[int, ...], list[Probe]] = {}
        for probe in probes:
            by_stores.setdefault(tuple(visible.get(probe.kind, ())), []).append(probe)
        for stores, group in by_stores.items():
            found: dict[int, list[queries.Match]] = {}
            for match in queries.look(self._reader, stores, group, limit + 1, len(best)):
                found.setdefault(match[0], []).append(match)
            for number, matches in found.items():
                probe = group[number]
                # A namespace with few matches says more than one with many.
                crowd = (2 * len(matches)) // (limit + 1)
                for _, term, age, key in matches:
                    inexact = probe.space in _EXACT_FIRST and term >= probe.text + WHOLE
                    _keep(best, (probe.kind, key), (probe.rank, inexact, crowd, age), probe.matched)

    def _ask_for_parts(
        self, reading: Reading, visible: dict[Kind, list[int]], limit: int, best: _Best
    ) -> None:
        """Words that hold the longest word somewhere inside; the other words must match as well."""
        longest = max(reading.words, key=len)
        position = reading.words.index(longest)
        words = queries.vocabulary(self._reader, 2, [longest], whole=False, limit=40)
        self._ask_names(reading.words, position, words, visible, limit, best, (PART, Matched.FRAGMENT))

    def _ask_names(
        self,
        words: Sequence[str],
        position: int,
        instead: Sequence[str],
        visible: dict[Kind, list[int]],
        limit: int,
        best: _Best,
        found_as: tuple[int, Matched],
    ) -> None:
        """People and companies with any of the words `instead` in that position, and the other words beside it."""
        others = [*words[:position], *words[position + 1 :]]
        texts = list(instead)
        if others:
            texts = [text for word in instead for text in (f"{word} {others[0]}", f"{others[0]} {word}")]
        for space in (Space.NAME, Space.COMPANY) if texts else ():
            rows = queries.among(
                self._reader, visible.get(Kind.CUSTOMER, []), space, texts,
                whole=not others, limit=limit + 1, with_words=others[1:],
            )  # fmt: skip
            for _, age, key in rows:
                _keep(best, (Kind.CUSTOMER, key), (found_as[0], 0, 0, age), found_as[1])

    def _forgive(
        self, reading: Reading, visible: dict[Kind, list[int]], limit: int, best: _Best, started: int
    ) -> None:
        """Looks for what lies one typing error away, when nothing matched."""
        words = reading.words[:4]
        for position, word in enumerate(words):
            if len(word) >= 4:
                near = queries.vocabulary(self._reader, 1, sorted(deletions(word)), whole=True, limit=200)
                near = [other for other in near if other != word and within_one_edit(word, other)]
                self._ask_names(words, position, near, visible, limit, best, (FORGIVEN, Matched.NAME_LIKE))
        for space, code in reading.codes:
            if best or not 5 <= len(code) <= 60:
                continue
            self._check(started)
            kind = Kind.ORDER if space is Space.ORDER else Kind.CUSTOMER
            stores = visible.get(kind, [])
            for age, key in self._one_edit_away(space, code, stores, limit):
                _keep(best, (kind, key), (FORGIVEN, 0, 0, age), Matched.TYPO)

    def _one_edit_away(
        self, space: Space, code: str, stores: Sequence[int], limit: int
    ) -> list[tuple[int, int]]:
        """(age, key) of what lies one edit away: of a long text by its beginning, and by every edit within that beginning."""
        found: list[tuple[int, int]] = []
        before = LONGEST_TERM
        if len(code) > _BEGINNING + 4:
            before = _BEGINNING + 1
            beginning = Probe(space, code[:_BEGINNING], FORGIVEN, Matched.TYPO)
            near = queries.look(self._reader, stores, [beginning], queries.MANY)
            found = [(age, key) for _, term, age, key in near if within_one_edit(code, term.split(" ")[0])]
        texts = sorted(edits(code, _SIGNS[space], before))
        rows = queries.among(self._reader, stores, space, texts, whole=True, limit=limit + 1)
        return found + [(age, key) for _, age, key in rows]

    def _record(self, kind: Kind, key: int) -> list[tuple[Kind, int, Matched]]:
        if kind in (Kind.TRANSACTION, Kind.SHIPMENT):
            order = queries.order_of(self._reader, kind, key)
            return [(Kind.ORDER, order, Matched.ID)] if order is not None else []
        return [(kind, key, Matched.ID)] if kind in _SEEN_BY else []

    def _hits(
        self, ranked: Sequence[tuple[Kind, int, Matched]], visible: dict[Kind, list[int]]
    ) -> tuple[Hit, ...]:
        wanted: dict[Kind, list[int]] = {}
        for kind, key, _ in ranked:
            wanted.setdefault(kind, []).append(key)
        rows = queries.details(self._reader, dict(wanted), dict(visible))
        return tuple(
            self._hit(rows[kind, key], matched) for kind, key, matched in ranked if (kind, key) in rows
        )

    def _hit(self, row: Row, matched: Matched) -> Hit:
        kind, key, customer, store, first, last, company, number, email, phone, postcode, city = row[:12]
        last_order_at, order_count, status, total, currency = row[12:]
        return Hit(
            Kind(kind), key, customer, store, self._stores.get(store, ("", ""))[0], f"{first} {last}".strip() or company or email or phone,
            number, email, phone, postcode, city, matched, instant(last_order_at), order_count, status,
            None if total is None else Money(total, currency),
        )  # fmt: skip

    def _visible(self, actor: Actor) -> dict[Kind, list[int]]:
        """The stores whose records of each kind the actor may see."""
        visible: dict[Kind, list[int]] = {}
        for kind, permission in _SEEN_BY.items():
            held = actor.stores(permission)
            visible[kind] = sorted(key for key in self._stores if held is None or key in held)
        return visible

    def _remember(self) -> None:
        if time.monotonic() - self._known_at < _REMEMBERED:
            return
        self._stores = {row[0]: (row[1], row[2]) for row in queries.stores(self._reader)}
        self._known_at = time.monotonic()

    def _yes(self, key: str, otherwise: bool = False) -> bool:
        return otherwise if self._settings is None else self._settings.value(key) is True

    def _check(self, started: int) -> None:
        if self._interrupts != started:
            raise Interrupted


def _keep(
    best: _Best,
    record: tuple[Kind, int],
    rank: tuple[float, ...],
    matched: Matched,
) -> None:
    if record not in best or rank < best[record][0]:
        best[record] = (rank, matched)
