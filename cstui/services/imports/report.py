"""What an import did: counts, totals, refused rows, warnings, and how the files' own sums agree with ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cstui.domain.clean import clean, find_card_number
from cstui.domain.money import Money

#: So many entries are kept with their words; more are only counted.
MOST_REFUSED = 100_000
MOST_WARNINGS = 10_000
_LONGEST_VALUE = 80
_SUMS = ("total", "tax", "shipping", "discount", "refunded")


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken in. `row` counts as a spreadsheet does (header is 1), `line` is the first physical line."""

    file: str
    row: int
    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A row that was taken in, with something a person should know."""

    file: str
    row: int
    line: int
    reason: str


@dataclass(slots=True)
class Counts:
    """What became of the records of one sort; an order counts once, however many lines it has."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    def as_json(self) -> dict[str, int]:
        """The four counts."""
        return {"created": self.created, "updated": self.updated, "unchanged": self.unchanged, "refused": self.refused}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """A customer whose sum in the file is not the sum of his orders here."""

    customer_id: str
    name: str
    in_file: str
    here: str


@dataclass(slots=True)
class SelfTest:
    """Total Orders and Total Spent of the customers file against the orders stored here."""

    customers: int = 0
    orders_agree: int = 0
    spent_agree: int = 0
    orders_differ: list[Difference] = field(default_factory=list)
    spent_differ: list[Difference] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The figures, with the first customers that differ."""
        return {
            "customers": self.customers,
            "orders_agree": self.orders_agree,
            "spent_agree": self.spent_agree,
            "orders_differ": [_difference(each) for each in self.orders_differ],
            "spent_differ": [_difference(each) for each in self.spent_differ],
        }


def _difference(each: Difference) -> dict[str, str]:
    return {"customer": each.customer_id, "name": each.name, "in_file": each.in_file, "here": each.here}


@dataclass(slots=True)
class ImportReport:
    """The outcome of one import. Totals are of all orders read and not refused, per currency; an order met twice counts once."""

    store: str = ""
    dry_run: bool = False
    customers: Counts = field(default_factory=Counts)
    customers_from_orders: int = 0
    orders: Counts = field(default_factory=Counts)
    transactions: Counts = field(default_factory=Counts)
    lines: int = 0
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    refused_beyond: int = 0
    warnings: list[Warned] = field(default_factory=list)
    warnings_beyond: int = 0
    checks: SelfTest | None = None

    def refuse(self, file: str, row: int, line: int, column: str, value: str, reason: str) -> None:
        """Notes a refused row; a card number in the value is masked, so that a report can be passed on."""
        if len(self.refused) >= MOST_REFUSED:
            self.refused_beyond += 1
            return
        shown = clean(value).strip()
        shown = find_card_number(shown) or shown
        shown = shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + "…"
        self.refused.append(RefusedRow(file, row, line, column, shown, reason))

    def warn(self, file: str, row: int, line: int, reason: str) -> None:
        """Notes a warning."""
        if len(self.warnings) >= MOST_WARNINGS:
            self.warnings_beyond += 1
            return
        self.warnings.append(Warned(file, row, line, reason))

    def add_sums(self, currency: str, sums: Mapping[str, int]) -> None:
        """Adds one order's amounts, in minor units."""
        self.sums.setdefault(currency, Counter()).update(sums)

    def total(self, name: str, currency: str) -> Money:
        """One of the totals: `total`, `tax`, `shipping`, `discount`, `refunded`."""
        return Money(self.sums.get(currency, Counter())[name], currency)

    def as_json(self) -> dict[str, Any]:
        """The report as scripts read it; a total is one money, or a list where the files hold several currencies."""
        totals: dict[str, Any] = {}
        for name in _SUMS:
            amounts = [
                {"minor": sums[name], "currency": currency} for currency, sums in sorted(self.sums.items())
            ]
            totals[name] = amounts[0] if len(amounts) == 1 else amounts
        return {
            "store": self.store,
            "dry_run": self.dry_run,
            "customers": self.customers.as_json(),
            "customers_from_orders": self.customers_from_orders,
            "orders": self.orders.as_json(),
            "transactions": self.transactions.as_json(),
            "lines": self.lines,
            "totals": totals,
            "refused": [
                {"file": r.file, "row": r.row, "line": r.line, "column": r.column, "value": r.value, "reason": r.reason}
                for r in self.refused
            ],
            "refused_beyond": self.refused_beyond,
            "warnings": [
                {"file": w.file, "row": w.row, "line": w.line, "reason": w.reason} for w in self.warnings
            ],
            "warnings_beyond": self.warnings_beyond,
            "checks": self.checks.as_json() if self.checks else None,
        }  # fmt: skip
