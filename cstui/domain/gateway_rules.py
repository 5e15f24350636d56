"""What a kind of gateway can do, and when its day ends; known without a key and without asking it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cstui.domain.gateways import Account, Capabilities

#: The kinds that have an adapter.
KINDS = ("nmi", "sandbox", "stripe")
_CUT_OFF = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
#: A gateway without an adapter: what happened there can be read, nothing can be done.
_NOTHING = Capabilities(
    voids_captured=False, refunds_unsettled=False, typed_cards=False, removes_cards=False, knows_settlement=False
)  # fmt: skip


def is_on(options: Mapping[str, str], name: str) -> bool:
    """Whether an option of an account is switched on: yes, true, on or 1, in any case."""
    return options.get(name, "").strip().casefold() in ("yes", "true", "on", "1")


def capabilities_of(account: Account) -> Capabilities:
    """What the gateway of this account can do, by its kind and its options; a gateway without an adapter can do nothing."""
    if account.gateway == "nmi":
        return Capabilities(credits=is_on(account.options, "credits"))
    if account.gateway == "stripe":
        return Capabilities(
            voids_captured=False,
            refunds_unsettled=True,
            typed_cards=is_on(account.options, "raw_card_enabled"),
            card_links=True,
            absence_proves=True,
        )
    if account.gateway == "sandbox":
        return Capabilities(
            refunds_unsettled=is_on(account.options, "refunds_unsettled"),
            card_links=True,
            credits=True,
            absence_proves=True,
        )
    return _NOTHING


def is_cut_off(text: str) -> bool:
    """Whether it is a time of day as a cut-off is written: `20:00`."""
    return _CUT_OFF.fullmatch(text) is not None


def next_cut_off(now: datetime, cut_off: str, zone: str) -> datetime:
    """The first cut-off after an instant, as UTC.

    `cut_off` is a wall-clock time of the IANA zone. On the day on which clocks skip it, it comes as much later as they skip; on the day on which
    it comes twice, the first counts.
    """
    return min(at for at in _cut_offs_around(now, cut_off, zone) if at > now)


def last_cut_off(now: datetime, cut_off: str, zone: str) -> datetime:
    """The last cut-off up to an instant, that very instant included, as UTC; read as `next_cut_off` reads it."""
    return max(at for at in _cut_offs_around(now, cut_off, zone) if at <= now)


def _cut_offs_around(now: datetime, cut_off: str, zone: str) -> Iterator[datetime]:
    local = ZoneInfo(zone)
    hour, _, minute = cut_off.partition(":")
    at = time(int(hour), int(minute))
    today = now.astimezone(local).date()
    for days in (-2, -1, 0, 1, 2):
        yield datetime.combine(today + timedelta(days=days), at, local).astimezone(UTC)
