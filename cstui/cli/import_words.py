"""An import's report in words."""

from __future__ import annotations

from typing import Any

from cstui.domain.money import Money
from cstui.format import money_words

_SHOWN = 20


def import_words(report: dict[str, Any]) -> str:
    """What came in, what was refused and why, what deserves a look."""
    lines = ["Nothing was kept: this was a dry run."] if report["dry_run"] else []
    for name in ("customers", "orders", "transactions"):
        counts = report[name]
        if any(counts.values()):
            lines.append(
                f"{name.capitalize()}: {counts['created']} new, {counts['updated']} updated, {counts['unchanged']} unchanged, "
                f"{counts['refused']} refused."
            )
    if report["customers_from_orders"]:
        lines.append(f"{report['customers_from_orders']} of the customers came from orders.")
    if report["lines"]:
        sums = ", ".join(f"{name} {_money(amount)}" for name, amount in report["totals"].items())
        lines.append(f"{report['lines']} order lines; {sums}.")
    checks = report["checks"]
    if checks and checks["customers"]:
        lines.append(
            f"Check against the file: Total Orders agrees for {checks['orders_agree']} of {checks['customers']} customers, "
            f"Total Spent for {checks['spent_agree']}."
        )
        lines += [
            f"  {d['name'] or d['customer']}: file {d['in_file']}, here {d['here']}"
            for d in checks["spent_differ"][:_SHOWN]
        ]
    for title, rows in (("Refused", report["refused"]), ("Worth a look", report["warnings"])):
        if rows:
            lines.append(f"{title} ({len(rows)}):")
            lines += ["  " + _row_words(row) for row in rows[:_SHOWN]]
            if len(rows) > _SHOWN:
                lines.append(f"  … and {len(rows) - _SHOWN} more; --json lists all.")
    return "\n".join(lines)


def _money(amount: Any) -> str:
    amounts = amount if isinstance(amount, list) else [amount]
    return " + ".join(money_words(Money(each["minor"], each["currency"])) for each in amounts)


def _row_words(row: dict[str, Any]) -> str:
    place = f"{row['file']} row {row['row']}"
    column = f", {row['column']} “{row['value']}”" if row.get("column") else ""
    return f"{place}{column}: {row['reason']}"
