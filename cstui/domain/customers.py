"""Customers: what a profile shows, and what an edit of it may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cstui.domain.addresses import Address
from cstui.domain.calls import CallRow
from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.domain.money import Money
from cstui.domain.notes import NoteRow
from cstui.domain.orders import OrderRow
from cstui.domain.payments import TransactionRow
from cstui.domain.shipments import ShipmentRow
from cstui.domain.subscriptions import SubscriptionRow


class CustomerStatus(StrEnum):
    """Active may log on and buy; disabled may not, and is never deleted (CUST-16, CUST-17)."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class StoreTag:
    """A store as far as a screen needs it."""

    id: int
    code: str
    name: str
    currency: str
    zone: str
    country: str
    locale: str
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """The contact block: what `e` edits on a profile. `phone` is as typed; `phone_e164` is derived."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    locale: str = ""

    @property
    def name(self) -> str:
        """First and last name in one text."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class AddressOnFile:
    """An address that the customer keeps, with what it is the default for (CUST-12)."""

    id: int
    address: Address
    is_default_billing: bool
    is_default_shipping: bool


@dataclass(frozen=True, slots=True)
class CardOnFile:
    """A stored payment method: never a number, only brand, last four and expiry (CARD-01, CARD-02).

    `is_elsewhere`: it is kept at another account than the main ones of the customer's stores.
    """

    id: int
    brand: str
    last4: str
    expiry_month: int
    expiry_year: int
    gateway: str
    is_default: bool
    is_test: bool
    failed_before: bool
    removable: bool
    is_elsewhere: bool = False

    def expired_by(self, day: date) -> bool:
        """Whether the card's last valid month is over on that day."""
        return (self.expiry_year, self.expiry_month) < (day.year, day.month)


@dataclass(frozen=True, slots=True)
class Verification:
    """Two ticks 'verified by' for one call, with who ticked them (D-11). `override` is a supervisor's reason to go without."""

    tokens: tuple[str, ...] = ()
    by: str = ""
    at: datetime | None = None
    override: str = ""

    @property
    def is_enough(self) -> bool:
        """Two tokens, or a supervisor's word, are enough to change or move anything."""
        return len(self.tokens) >= 2 or bool(self.override)


#: What a caller can be asked for, one key each; the value is what the screen and the audit call it.
VERIFY_TOKENS: dict[str, str] = {
    "name": "full name",
    "email": "e-mail",
    "phone": "phone",
    "postcode": "postcode",
    "order": "recent order",
    "card": "card last 4",
}


@dataclass(frozen=True, slots=True)
class CustomerView:
    """One profile as one load: everything that the screen paints (GEN-07, CUST-01).

    Totals count orders of stores that the actor may see, cancelled and failed ones left out; revenue is captured
    less refunded, one amount per currency.
    """

    id: int
    version: int
    contact: Contact
    phone_e164: str
    status: CustomerStatus
    stores: tuple[StoreTag, ...]
    addresses: tuple[AddressOnFile, ...]
    orders: tuple[OrderRow, ...]
    more_orders: bool
    order_count: int
    revenue: tuple[Money, ...]
    subscriptions: tuple[SubscriptionRow, ...]
    transactions: tuple[TransactionRow, ...]
    shipments: tuple[ShipmentRow, ...]
    cards: tuple[CardOnFile, ...]
    notes: tuple[NoteRow, ...]
    calls: tuple[CallRow, ...]
    tags: str
    registered_at: datetime | None
    permitted: frozenset[str] = frozenset()
    viewers: tuple[str, ...] = ()

    @property
    def has_payment_method(self) -> bool:
        """The flag 'payment method on file' (CUST-01)."""
        return bool(self.cards)


#: Language → the locales that go with it (CUST-11): the locale decides how prices are shown.
LOCALES: dict[str, tuple[str, ...]] = {
    "en": ("en-US", "en-GB", "en-CA", "en-AU", "en-IE", "en-IN"),
    "de": ("de-DE", "de-AT", "de-CH"),
    "fr": ("fr-FR", "fr-CA", "fr-CH", "fr-BE"),
    "es": ("es-ES", "es-MX", "es-US"),
    "it": ("it-IT", "it-CH"),
    "nl": ("nl-NL", "nl-BE"),
    "pt": ("pt-PT", "pt-BR"),
    "ja": ("ja-JP",),
    "pl": ("pl-PL",),
    "sv": ("sv-SE",),
}

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]+")


def checked_email(text: str, field: str = "email") -> str:
    """The e-mail trimmed and found to be of the right shape; empty stays empty.

    Errors: `InvalidInput`.
    """
    trimmed = clean(text).strip()
    if trimmed and (len(trimmed) > 254 or not _EMAIL.fullmatch(trimmed)):
        raise InvalidInput(
            field, text, f"“{trimmed[:60]}” is not an e-mail address.", "It looks like name@example.com."
        )
    return trimmed


def folded_email(text: str) -> str:
    """The e-mail as identity compares it: trimmed and case-folded."""
    return text.strip().casefold()


def checked_locale(language: str, locale: str) -> None:
    """A language goes with one of its own locales (CUST-11).

    Errors: `InvalidInput` for an unknown language, or a locale of another language.
    """
    if not language and not locale:
        return
    allowed = LOCALES.get(language)
    if allowed is None:
        raise InvalidInput(
            "language",
            language,
            f"“{language}” is not a language here.",
            "Choose one of: " + ", ".join(LOCALES) + ".",
        )
    if locale not in allowed:
        raise InvalidInput(
            "locale",
            locale,
            f"“{locale}” does not go with the language {language}.",
            "Choose one of: " + ", ".join(allowed) + ".",
        )
