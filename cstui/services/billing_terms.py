"""What billing reads before it charges: a store's rules, and why a subscription's card cannot be charged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from cstui.domain.billing import Dunning, Limits, days_at
from cstui.domain.money import minor_from_plain
from cstui.domain.settings import days_of
from cstui.services.refund_basis import SettingsRead
from cstui.storage.queries import billing, subscriptions
from cstui.storage.queries.billing import StoreDay
from cstui.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """A store's rules on a day: its calendar day, the last one whose bill time has come, its dunning and its limits."""

    store: StoreDay
    today: date
    day: date
    dunning: Dunning
    limits: Limits
    wait_minutes: int
    remind_days: int


@dataclass(frozen=True, slots=True)
class Chargeable:
    """A card that can be charged, at its own gateway account."""

    card: Any
    gateway: str
    account: str
    is_test: bool

    @property
    def expiry(self) -> str:
        """`2030-12`."""
        return f"{self.card.expiry_year:04d}-{self.card.expiry_month:02d}"

    @property
    def words(self) -> str:
        """`Visa …4242`."""
        return f"{self.card.brand} …{self.card.last4}".strip()


def terms_of(tx: Transaction, settings: SettingsRead, store: StoreDay) -> Terms:
    """The rules in force in a store, on the day that the database's clock says."""
    today, day = days_at(tx.now, store.zone, store.bill_time)
    key = store.id
    lowest = settings.text("billing.retry_lowest", key)
    return Terms(
        store, today, day,
        Dunning(
            days_of(settings.text("billing.retry_days", key)), settings.whole("billing.final_notice_days", key),
            settings.yes("billing.cancel_when_exhausted", key), settings.whole("billing.retry_percent_off", key),
            minor_from_plain(lowest, store.currency) if lowest else None, settings.yes("billing.retry_price_stays", key),
        ),
        Limits(
            settings.whole("billing.agent_tries_per_day", key), settings.whole("billing.agent_tries_per_month", key),
            settings.whole("billing.card_declines_per_day", key), settings.whole("billing.card_declines_per_month", key),
        ),
        settings.whole("billing.wait_for_edit", key), settings.whole("billing.remind_days", key),
    )  # fmt: skip


def chargeable(tx: Transaction, store_id: int, card_id: int | None, today: date) -> Chargeable | str:
    """The card of a subscription with its account, or why no charge to it can be tried at all."""
    card = subscriptions.card(tx, card_id)
    if card is None:
        return "No card is chosen."
    if card.removed_at is not None:
        return "Its card was removed."
    if card.expiry_year and (card.expiry_year, card.expiry_month) < (today.year, today.month):
        return f"Its card expired {card.expiry_month:02d}/{card.expiry_year % 100:02d}."
    if not card.vault_ref or not card.gateway:
        return "Its card is not kept by a gateway here."
    account = billing.account_of(tx, store_id, card.gateway, card.account)
    if account is None:
        return "The gateway account of its card is not known here."
    if not account.is_open:
        return "The gateway account of its card is closed."
    return Chargeable(card, card.gateway, account.name, bool(account.is_test))
