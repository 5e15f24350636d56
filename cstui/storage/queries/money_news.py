"""The picture of money that a desk's pulse reads: driver-level, one statement a question, each by an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cstui.domain.gateways import Operation
from cstui.domain.money import Money
from cstui.domain.money_news import MoneyNews, OwnAttempt, OwnDecision
from cstui.domain.payments import AttemptState, RefundState
from cstui.storage.reader import instant

_Rows = Callable[[str, Mapping[str, Any] | None], list[Any]]
_NOW = {True: "strftime('%Y-%m-%d %H:%M:%f', 'now')", False: "clock_timestamp()"}


def _ago(is_sqlite: bool, seconds: int) -> str:
    if is_sqlite:
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds')"
    return f"clock_timestamp() - interval '{seconds} seconds'"


def _own(is_sqlite: bool) -> str:
    """One person's attempts of the last day that are open, or ended within the last half minute."""
    return (
        "SELECT a.id, coalesce(a.order_id, 0), CASE WHEN a.subscription_id IS NULL THEN coalesce(o.number, '') ELSE s.product END,"
        " a.operation, a.state, a.amount, a.currency, coalesce(t.card_brand, c.brand, ''), coalesce(t.card_last4, c.last4, ''),"
        " a.execute_after, a.response_text, r.state, coalesce(r.failures, 0), coalesce(a.subscription_id, 0)"
        " FROM payment_attempt a LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN payment_transaction t ON t.id = a.transaction_id"
        " LEFT JOIN refund r ON r.id = a.refund_id LEFT JOIN subscription s ON s.id = a.subscription_id"
        " LEFT JOIN card c ON c.id = a.card_id"
        " WHERE (a.order_id IS NOT NULL OR a.subscription_id IS NOT NULL)"
        f" AND a.requested_by_id = :staff AND a.created_at > {_ago(is_sqlite, 86400)}"
        " AND (a.state IN ('waiting_approval', 'armed', 'sending', 'unknown', 'pending')"
        f" OR a.done_at > {_ago(is_sqlite, 30)}) ORDER BY a.id DESC LIMIT 20"
    )


def _counts(is_sqlite: bool, among: str) -> str:
    return (
        f"SELECT (SELECT count(*) FROM refund WHERE state = 'needs_approval' AND requested_by_id <> :staff AND {among}),"
        f" (SELECT count(*) FROM refund WHERE state = 'needs_decision' AND {among}),"
        " (SELECT count(*) FROM payment_attempt WHERE state = 'unknown'),"
        f" (SELECT count(*) FROM payment_attempt WHERE state = 'armed' AND execute_after < {_ago(is_sqlite, 3)}),"
        f" (SELECT count(*) FROM worker WHERE seen_at > {_ago(is_sqlite, 30)})"
    )


def _decided(is_sqlite: bool) -> str:
    """What others decided within the last minute about one person's requests; the withdrawn waiting attempt knows what was asked for."""
    return (
        "SELECT f.id, f.order_id, o.number, f.state, f.amount, f.currency, f.decided_by, f.last_failure,"
        " (SELECT max(a.amount) FROM payment_attempt a WHERE a.refund_id = f.id AND a.state = 'withdrawn')"
        " FROM refund f JOIN orders o ON o.id = f.order_id"
        f" WHERE f.requested_by_id = :staff AND f.decided_at > {_ago(is_sqlite, 60)} AND f.decided_by <> f.requested_by"
        " ORDER BY f.decided_at DESC, f.id DESC LIMIT 10"
    )


def read(rows: _Rows, is_sqlite: bool, staff_id: int, approves_in: frozenset[int] | None) -> MoneyNews:
    """The picture for one person. `approves_in`: the stores in which he approves refunds, None for all."""
    among = (
        "TRUE" if approves_in is None else f"store_id IN ({', '.join(map(str, sorted(approves_in))) or '-1'})"
    )
    own = tuple(_attempt(row) for row in rows(_own(is_sqlite), {"staff": staff_id}))
    approvals, decisions, checking, overdue, workers = rows(_counts(is_sqlite, among), {"staff": staff_id})[0]
    newest, newest_id = "", 0
    if approvals:
        row = rows(
            "SELECT f.requested_by, f.amount, f.currency, o.number, f.id FROM refund f JOIN orders o ON o.id = f.order_id"
            f" WHERE f.state = 'needs_approval' AND f.requested_by_id <> :staff AND f.{among if approves_in is not None else 'id > 0'}"
            " ORDER BY f.id DESC LIMIT 1",
            {"staff": staff_id},
        )[0]
        money = Money(row[1], row[2])
        newest, newest_id = f"{row[0]} asks for {money.plain()} {money.currency} on order {row[3]}", row[4]
    decided = tuple(_decision(row) for row in rows(_decided(is_sqlite), {"staff": staff_id}))
    return MoneyNews(own, approvals, decisions, checking, overdue, bool(workers), newest, newest_id, decided)


def _decision(row: Any) -> OwnDecision:
    key, order_id, number, state, amount, currency, by, said, asked = row
    return OwnDecision(
        key, order_id, number, RefundState(state), Money(amount, currency), Money(asked, currency) if asked else None, by,
        said if state == RefundState.DENIED else "",
    )  # fmt: skip


def _attempt(row: Any) -> OwnAttempt:
    (key, order_id, number, operation, state, amount, currency, brand, last4, after, text, refund_state, failures, subscription) = row  # fmt: skip
    return OwnAttempt(
        key,
        order_id,
        number,
        Operation(operation),
        AttemptState(state),
        Money(amount, currency),
        f"{brand} …{last4}".strip() if last4 else "",
        instant(after),
        text,
        RefundState(refund_state) if refund_state else None,
        failures,
        subscription,
    )
