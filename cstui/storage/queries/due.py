"""What waits for a worker, and what a desk is told of its money: driver reads, by the database's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cstui.domain.attempts import CARD_WITHIN, REFUSED, STUCK, WORKER_LEASE
from cstui.domain.payments import AttemptState
from cstui.storage.queries.order_view import Fetch

_NOW = {True: "strftime('%Y-%m-%d %H:%M:%f', 'now')", False: "clock_timestamp()"}
#: States with a next look: outcomes that are open or may change, and refusals whose charge is to be read again.
LOOKED_AT = (AttemptState.UNKNOWN, AttemptState.PENDING, AttemptState.SUCCEEDED, *REFUSED)
_LOOKED_AT = ", ".join(f"'{state}'" for state in LOOKED_AT)


def _ago(is_sqlite: bool, time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if is_sqlite:
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds')"
    return f"clock_timestamp() - interval '{seconds} seconds'"


@dataclass(frozen=True, slots=True)
class Due:
    """What a worker would find to do at this moment."""

    armed: bool
    checks: bool
    refunds: bool
    mails: bool
    orphans: bool
    links: bool

    @property
    def anything(self) -> bool:
        """Whether there is anything at all."""
        return self.armed or self.checks or self.refunds or self.mails or self.orphans or self.links


def due(fetch: Fetch, is_sqlite: bool) -> Due:
    """Whether anything is due, in one read."""
    now = _NOW[is_sqlite]
    ago, card_ago, stuck = (_ago(is_sqlite, time) for time in (WORKER_LEASE, CARD_WITHIN, STUCK))
    parts = (
        f"SELECT 1 FROM payment_attempt WHERE state = 'armed' AND execute_after <= {now}",
        f"SELECT 1 FROM payment_attempt WHERE state IN ({_LOOKED_AT}) AND next_check_at <= {now}",
        f"SELECT 1 FROM refund WHERE state IN ('failed_retrying', 'requested') AND next_try_at <= {now}",
        f"SELECT 1 FROM outbox WHERE state IN ('queued', 'sending') AND (next_try_at IS NULL OR next_try_at <= {now})",
        f"SELECT 1 FROM payment_attempt a WHERE a.state = 'sending' AND NOT (a.operation = 'vault_add' AND a.sent_at > {card_ago})"
        f" AND (a.sent_at < {stuck} OR NOT EXISTS (SELECT 1 FROM worker w WHERE w.token = a.worker AND w.seen_at > {ago}))",
        f"SELECT 1 FROM card_link WHERE is_open AND next_check_at <= {now}",
    )
    row: Any = fetch("SELECT " + ", ".join(f"EXISTS ({part})" for part in parts), {})[0]
    return Due(*(bool(value) for value in row))
