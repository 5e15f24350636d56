"""The demo's customers with their addresses and cards."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cstui.domain.customers import CustomerStatus, folded_email
from cstui.storage.demo_data.names import (
    COMPANIES,
    CULTURES,
    ODD_NAMES,
    Culture,
    Name,
    drawn_name,
    plain_latin,
)
from cstui.storage.demo_data.places import Phone, PhoneBook, Place, drawn_place
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Shop
from cstui.storage.tables.customers import Card, Customer, CustomerAddress, CustomerStore

#: Mail hosts that can never belong to anybody.
HOSTS = (
    "example.com",
    "example.com",
    "example.com",
    "example.net",
    "example.org",
    "mail.example",
    "post.example",
)
_BRANDS = (
    ("Visa", "400000"),
    ("Visa", "424242"),
    ("Mastercard", "555555"),
    ("Mastercard", "520000"),
    ("American Express", "378282"),
    ("Discover", "601111"),
)
_TAGS = ("vip", "wholesale", "newsletter", "allergy: nuts", "calls only after 5 pm", "gift buyer", "press", "Stammkunde")  # fmt: skip
_LOCALES = {
    "US": ("en", "en-US"),
    "CA": ("en", "en-CA"),
    "GB": ("en", "en-GB"),
    "DE": ("de", "de-DE"),
    "FR": ("fr", "fr-FR"),
    "SE": ("sv", "sv-SE"),
    "AU": ("en", "en-AU"),
}


@dataclass(slots=True)
class Person:
    """A customer as the rest of the demo needs him."""

    id: int
    first: str
    last: str
    company: str
    email: str
    phone: Phone
    place: Place
    shops: list[Shop]
    since: datetime
    cards: list[int] = field(default_factory=list)

    def address(self, place: Place | None = None) -> dict[str, str]:
        """An address block of his, as columns."""
        at = place or self.place
        return {
            "first_name": self.first, "last_name": self.last, "company": self.company, "line1": at.line1, "line2": at.line2, "city": at.city,
            "region": at.region, "postcode": at.postcode, "country": at.country, "phone": self.phone.typed,
        }  # fmt: skip


class People:
    """Adds customers, each with a home, a phone of his own, a default address and cards on file."""

    def __init__(self, rows: Rows, dice: random.Random, shops: tuple[Shop, ...], until: datetime) -> None:
        self._rows = rows
        self._dice = dice
        self._shops = shops
        self._until = until
        self._phones = PhoneBook(dice)
        self._emails: set[str] = set()
        self._by_home = {
            country: [shop for shop in shops if country in shop.homes and not shop.is_test]
            for country in _LOCALES
        }

    def crowd(self, count: int) -> list[Person]:
        """That many customers: people from everywhere, some odd names, some companies."""
        weights = [culture.weight for culture in CULTURES]
        people = [
            self.one(Name(first, last, plain_latin(first), plain_latin(last)), "US")
            for first, last in ODD_NAMES
        ]
        people += [self.company(name) for name in COMPANIES]
        cultures = self._dice.choices(CULTURES, weights, k=count - len(people))
        return people + [self._drawn(culture) for culture in cultures]

    def one(self, name: Name, home: str, **given: Any) -> Person:
        """A customer of a name and a home country; `email`, `phone`, `place`, `company`, `shops` and other columns may be given."""
        place: Place = given.pop("place", None) or drawn_place(self._dice, home)
        phone = given.pop("phone", None)
        if phone is None:
            phone = self._drawn_phone(home, place)
        email = given.pop("email", None)
        if email is None:
            email = self._drawn_email(name)
        shops: list[Shop] = given.pop("shops", None) or self._drawn_shops(home)
        since = self._until - timedelta(
            days=int(900 * self._dice.random() ** 0.8) + 2, minutes=self._dice.randint(0, 1439)
        )
        person = Person(0, name.first, name.last, given.pop("company", ""), email, phone, place, shops, since)
        person.id = self._add_customer(person, home, given)
        self._add_addresses(person)
        self._add_cards(person)
        return person

    def company(self, name: str) -> Person:
        """A company, with or without a person to ask for."""
        german = any(form in name for form in ("GmbH", "UG", "mbB", "OHG", "Kanzlei", "Park"))
        home = "DE" if german else "SE" if " AB" in name else "FR" if "SARL" in name else "US"
        asked_for = drawn_name(self._dice, CULTURES[0]) if self._dice.random() < 0.6 else Name("", "", "", "")
        host = "".join(sign for sign in plain_latin(name).lower().split("<")[0] if sign.isalpha())[:18]
        return self.one(asked_for, home, company=name, email=f"orders@{host}.example")

    def _drawn(self, culture: Culture) -> Person:
        home = self._dice.choice(culture.homes)
        return self.one(drawn_name(self._dice, culture), home, language=culture.language)

    def _drawn_phone(self, home: str, place: Place) -> Phone:
        if self._dice.random() < 0.08:
            return Phone()
        return self._phones.number(home, place.area)

    def _drawn_email(self, name: Name) -> str:
        if self._dice.random() < 0.02:
            return ""
        first = "".join(sign for sign in name.latin_first.lower() if sign.isalpha() and sign.isascii())
        last = "".join(sign for sign in name.latin_last.lower() if sign.isalpha() and sign.isascii())
        first, last = first[:16], last[:20]
        forms = [f"{first}.{last}", f"{first[:1]}{last}", f"{first}{last}", f"{last}.{first}", first]
        forms = [form for form in forms if form.strip(".")]
        mailbox = self._dice.choice(forms or ["kunde"]).strip(".")
        host = self._dice.choice(HOSTS)
        while folded_email(f"{mailbox}@{host}") in self._emails:
            mailbox = f"{mailbox.rstrip('0123456789')}{self._dice.randint(2, 9999)}"
        self._emails.add(folded_email(f"{mailbox}@{host}"))
        written = mailbox.title() if self._dice.random() < 0.04 else mailbox
        return f"{written}@{host}"

    def _drawn_shops(self, home: str) -> list[Shop]:
        open_shops = self._by_home[home]
        main = self._dice.choices(open_shops, [shop.share for shop in open_shops])[0]
        others = [shop for shop in open_shops if shop is not main and self._dice.random() < 0.13]
        return [main, *others]

    def _add_customer(self, person: Person, home: str, given: dict[str, Any]) -> int:
        dice = self._dice
        language, locale = _LOCALES[home]
        if given.pop("language", language) == "es":
            language, locale = "es", "es-US"
        facts: dict[str, Any] = {
            "status": CustomerStatus.DISABLED if dice.random() < 0.006 else CustomerStatus.ACTIVE,
            "language": language,
            "locale": locale,
            "tags": dice.choice(_TAGS) if dice.random() < 0.12 else "",
            **given,
        }
        key = self._rows.add(
            Customer, first_name=person.first, last_name=person.last, company=person.company, email=person.email,
            email_folded=folded_email(person.email), phone=person.phone.typed, phone_e164=person.phone.e164,
            accepts_email=dice.random() < 0.55, accepts_sms=dice.random() < 0.2, tax_exempt=bool(person.company) and dice.random() < 0.2,
            registered_at=person.since if dice.random() < 0.8 else None, created_at=person.since, updated_at=person.since, **facts,
        )  # fmt: skip
        for shop in person.shops:
            self._rows.add(CustomerStore, customer_id=key, store_id=shop.id, since=person.since)
        return key

    def _add_addresses(self, person: Person) -> None:
        second = self._dice.random() < 0.18
        self._rows.add(
            CustomerAddress, customer_id=person.id, is_default_billing=True, is_default_shipping=not second,
            created_at=person.since, **person.address(),
        )  # fmt: skip
        if second:
            work = drawn_place(self._dice, person.place.country)
            self._rows.add(
                CustomerAddress, customer_id=person.id, is_default_billing=False, is_default_shipping=True,
                created_at=person.since + timedelta(days=1), **person.address(work),
            )  # fmt: skip

    def _add_cards(self, person: Person) -> None:
        count = self._dice.choices((0, 1, 2, 3), (14, 62, 18, 6))[0]
        for index in range(count):
            self.card(person, is_default=index == 0)

    def card(self, person: Person, **given: Any) -> int:
        """A card on file: some have expired, some failed before, some lie at the gateway that is closed now."""
        dice = self._dice
        brand, bin6 = dice.choice(_BRANDS)
        if dice.random() < 0.12:
            expires = self._until - timedelta(days=dice.randint(32, 700))
        else:
            expires = self._until + timedelta(days=dice.randint(5, 1500))
        old = dice.random() < 0.1 and person.shops[0].code == "harbor"
        is_test = given.pop("is_test", dice.random() < 0.02)
        account = "harbor-2024" if old else person.shops[0].code
        facts: dict[str, Any] = {
            "brand": brand, "bin6": bin6, "last4": f"{dice.randint(0, 9999):04}", "expiry_month": expires.month,
            "expiry_year": expires.year, "failed_before": dice.random() < 0.05, **given,
        }  # fmt: skip
        key = self._rows.add(
            Card, customer_id=person.id, holder_name=f"{person.first} {person.last}".strip(), gateway="oldpay" if old else "sandbox",
            account=account, vault_ref=f"{'test' if is_test else 'demo'}_vault_{dice.getrandbits(40):010x}", is_test=is_test,
            created_at=person.since, **facts,
        )  # fmt: skip
        person.cards.append(key)
        return key
