"""Finding a customer, an order or a subscription by whatever the caller says (SRCH-01 … SRCH-14). Light: loads only the driver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind
from cstui.domain.money import Money
from cstui.domain.permissions import Permission
from cstui.domain.search import Found, Hit, Matched
from cstui.domain.search_query import FORGIVEN, PART, Probe, Reading, read_query
from cstui.domain.search_terms import WHOLE, Space, deletions, edits, within_one_edit
from cstui.storage.queries import search as queries
from cstui.storage.reader import Interrupted, Reader, Row, instant

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
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = {Space.EMAIL: _LETTERS + "0123456789._-@", Space.ORDER: "0123456789", Space.PHONE: "0123456789"}


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
        reading = read_query(query, tuple(self._stores[key][1] for key in stores if self._stores[key][1]))
        ranked = self._ranked(reading, visible, limit, started)
        hits = self._hits(ranked[:limit], visible)
        return Found(query, reading.read_as, hits, len(ranked) > limit, reading.hint)

    def _ranked(
        self, reading: Reading, visible: dict[Kind, list[int]], limit: int, started: int
    ) -> list[tuple[Kind, int, Matched]]:
        if reading.record is not None:
            return self._record(*reading.record)
        best: dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]] = {}
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
        best: dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]],
    ) -> None:
        by_stores: dict[tuple[int, ...], list[Probe]] = {}
        for probe in probes:
            by_stores.setdefault(tuple(visible.get(probe.kind, ())), []).append(probe)
        for stores, group in by_stores.items():
            found: dict[int, list[queries.Match]] = {}
            for match in queries.look(self._reader, stores, group, limit + 1):
                found.setdefault(match[0], []).append(match)
            for number, matches in found.items():
                probe = group[number]
                # A namespace with few matches says more than one with many.
                crowd = (2 * len(matches)) // (limit + 1)
                for _, term, age, key in matches:
                    inexact = probe.space in _EXACT_FIRST and term >= probe.text + WHOLE
                    _keep(best, (probe.kind, key), (probe.rank, inexact, crowd, age), probe.matched)

    def _ask_for_parts(
        self,
        reading: Reading,
        visible: dict[Kind, list[int]],
        limit: int,
        best: dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]],
    ) -> None:
        """Words that hold the longest word somewhere inside; the other words must match as well."""
        longest = max(reading.words, key=len)
        others = [word for word in reading.words if word != longest]
        words = queries.vocabulary(self._reader, 2, [longest], whole=False, limit=40)
        stores = visible.get(Kind.CUSTOMER, [])
        for space in (Space.NAME, Space.COMPANY):
            if words:
                rows = queries.among(
                    self._reader, stores, space, words, whole=True, limit=limit + 1, with_words=others
                )
                for _, age, key in rows:
                    _keep(best, (Kind.CUSTOMER, key), (PART, 0, 0, age), Matched.FRAGMENT)

    def _forgive(
        self,
        reading: Reading,
        visible: dict[Kind, list[int]],
        limit: int,
        best: dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]],
        started: int,
    ) -> None:
        """Looks for what lies one typing error away, when nothing matched."""
        customers = visible.get(Kind.CUSTOMER, [])
        words = reading.words[:4]
        for position, word in enumerate(words):
            if len(word) < 4:
                continue
            near = queries.vocabulary(self._reader, 1, sorted(deletions(word)), whole=True, limit=200)
            near = [other for other in near if other != word and within_one_edit(word, other)]
            others = [*words[:position], *words[position + 1 :]]
            for space in (Space.NAME, Space.COMPANY):
                rows = queries.among(
                    self._reader, customers, space, near, whole=True, limit=limit + 1, with_words=others
                )
                for _, age, key in rows:
                    _keep(best, (Kind.CUSTOMER, key), (FORGIVEN, 0, 0, age), Matched.NAME_LIKE)
        for space, code in reading.codes:
            if best or len(code) < 5 or len(code) > 60:
                continue
            self._check(started)
            kind = Kind.ORDER if space is Space.ORDER else Kind.CUSTOMER
            texts = sorted(edits(code, _SIGNS[space]))
            rows = queries.among(
                self._reader, visible.get(kind, []), space, texts, whole=True, limit=limit + 1
            )
            for _, age, key in rows:
                _keep(best, (kind, key), (FORGIVEN, 0, 0, age), Matched.TYPO)

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

    def _check(self, started: int) -> None:
        if self._interrupts != started:
            raise Interrupted


def _keep(
    best: dict[tuple[Kind, int], tuple[tuple[float, ...], Matched]],
    record: tuple[Kind, int],
    rank: tuple[float, ...],
    matched: Matched,
) -> None:
    if record not in best or rank < best[record][0]:
        best[record] = (rank, matched)
