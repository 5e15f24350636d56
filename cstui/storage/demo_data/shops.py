"""The demo's stores with their products and gateways, its staff and its reason lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cstui.domain.permissions import Role
from cstui.domain.reasons import STARTERS
from cstui.storage.demo_data.rows import Rows
from cstui.storage.tables.orders import Product
from cstui.storage.tables.people import GatewayAccount, Reason, Staff, StaffGrant, Store

#: Names under which the demo's people sign in.
STAFF = ("ann", "bob", "sue", "adam", "wanda", "vic")
#: Terminals at which the demo's people work.
TERMINALS = {
    "ann": "term-1",
    "bob": "term-3",
    "sue": "term-5",
    "adam": "term-6",
    "wanda": "dock-1",
    "vic": "term-8",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A product of a store; `rate` is its value-added tax in basis points where prices include it."""

    id: int
    sku: str
    name: str
    option: str
    vendor: str
    price: int
    ships: bool
    taxable: bool
    rate: int
    cycle: bool


@dataclass(frozen=True, slots=True)
class Shop:
    """A store as the rest of the demo needs it. `share` is its part of all orders, `homes` the countries it sends to."""

    id: int
    code: str
    name: str
    currency: str
    zone: str
    country: str
    locale: str
    prefix: str
    first_number: int
    share: int
    homes: frozenset[str]
    is_test: bool
    items: tuple[Item, ...]
    methods: tuple[tuple[str, str, int], ...]
    free_from: int

    @property
    def includes_tax(self) -> bool:
        """Whether its prices include the tax."""
        return self.currency == "EUR"


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff of the demo."""

    id: int
    name: str
    shown: str
    terminal: str


_AMERICA = frozenset({"US", "CA"})
_EUROPE = frozenset({"DE", "FR", "SE", "GB"})

#: `sku|name|option|price in minor units|flags`: d digital, x not taxed, c can be had in a subscription, 7 or 19 the German rate.
_COFFEE = """
HP-ESP-250|Dockside Espresso|250 g, whole bean|1450|xc
HP-ESP-1K|Dockside Espresso|1 kg, whole bean|4900|xc
HP-FIL-250|Lighthouse Filter Roast|250 g, ground|1395|xc
HP-DEC-250|Low Tide Decaf|250 g, whole bean|1550|xc
HP-ETH-250|Ethiopia Guji|250 g, whole bean|1875|xc
HP-COL-250|Colombia Huila|250 g, whole bean|1750|xc
HP-CB-4|Cold Brew Cans|4 × 330 ml|1600|
HP-TEA-EG|Earl Grey, loose|100 g|1100|xc
HP-TEA-GM|Gunpowder Mint Tea|100 g|1050|xc
HP-TEA-RB|Vanilla Rooibos|100 g|995|xc
HP-TEA-OO|Oolong “Iron Goddess”|75 g|1890|x
HP-KIT-PO|Pour-over Starter Kit||3900|
HP-GRD-M1|Hand Grinder M1|brushed steel|8900|
HP-MUG-BL|Stoneware Mug|blue|1800|
HP-MUG-OC|Stoneware Mug|ochre|1800|
HP-FLT-100|Paper Filters|100 pieces|650|
HP-KET-GN|Gooseneck Kettle 0.9 l|matte black|7400|
HP-CLUB|Roaster’s Choice Club|monthly box|2900|c
HP-GIFT-50|Gift Card|50.00|5000|dx
HP-CLASS|Online Brewing Class||2500|d
"""
_SKIN = """
JS-CLN-150|Gentle Oat Cleanser|150 ml|2400|c
JS-SER-C|Vitamin C Serum 15 %|30 ml|4800|c
JS-SER-H|Hyaluronic Serum|30 ml|3900|c
JS-CRM-D|Day Cream SPF 30|50 ml|3600|c
JS-CRM-N|Night Repair Cream|50 ml|4200|c
JS-SUN-50|Mineral Sunscreen SPF 50|100 ml|3100|
JS-MSK-CL|White Clay Mask|75 ml|2600|
JS-LIP-01|Lip Balm Trio||1500|
JS-OIL-BD|Body Oil “Chaparral”|100 ml|3400|
JS-SOAP-3|Juniper Soap|set of 3|1950|
JS-COL-300|Marine Collagen Powder|300 g|3950|c
JS-OME-90|Omega-3 Capsules|90 capsules|2750|c
JS-MAG-60|Magnesium Glycinate|60 capsules|2250|c
JS-PRO-30|Daily Probiotic|30 capsules|2995|c
JS-KID-60|Kids’ Multivitamin Gummies|60 pieces|1850|c
JS-TRY-5|Discovery Set|5 minis|2900|
JS-BOX|Glow Box|monthly box|4500|c
JS-CONS|Video Skin Consultation|30 minutes|5900|d
"""
_PANTRY = """
KB-KAF-500|Kaffee „Morgenrot“|500 g, ganze Bohne|1290|7c
KB-KAF-1K|Kaffee „Morgenrot“|1 kg, ganze Bohne|2390|7c
KB-ENT-500|Espresso Entkoffeiniert|500 g, gemahlen|1390|7c
KB-TEE-OF|Ostfriesentee|250 g, lose|890|7c
KB-TEE-KR|Kräutertee „Gute Nacht“|20 Beutel|490|7
KB-HON-500|Lindenhonig|500 g|950|7
KB-MAR-ERD|Erdbeerkonfitüre|340 g|580|7
KB-MUS-750|Knuspermüsli Haselnuss|750 g|720|7c
KB-OEL-500|Natives Olivenöl|500 ml|1490|7
KB-SEN-200|Süßer Senf|200 g|390|7
KB-SCHOK|Zartbitterschokolade 74 %|5 × 100 g|1650|7
KB-KIST|Kornblume-Vorratskiste|monatlich|3490|7c
KB-KANNE|Teekanne Steingut|1,2 l, indigo|3900|19
KB-BECHER|Emaillebecher|weiß, 2 Stück|1990|19
KB-SCHUERZE|Leinenschürze|kornblumenblau|4490|19
KB-KERZE|Bienenwachskerze|groß|1690|19
KB-GUTSCH|Gutschein|25,00 €|2500|dx
"""
_LAB = """
TEST-A|Test article A||1000|c
TEST-B|Test article B|with option|2550|
TEST-D|Test download||500|d
"""


def _items(rows: Rows, store_id: int, vendor: str, listing: str, at: datetime) -> tuple[Item, ...]:
    items: list[Item] = []
    for line in listing.strip().splitlines():
        sku, name, option, price, flags = (part.strip() for part in line.split("|"))
        rate = 1900 if "19" in flags else 700 if "7" in flags else 0
        ships, taxable = "d" not in flags, "x" not in flags
        key = rows.add(
            Product, store_id=store_id, sku=sku, name=name, option=option, vendor=vendor, unit_price=int(price),
            requires_shipping=ships, taxable=taxable, created_at=at,
        )  # fmt: skip
        items.append(Item(key, sku, name, option, vendor, int(price), ships, taxable, rate, "c" in flags))
    return tuple(items)


_AMERICAN_METHODS = (
    ("Standard (3–5 days)", "USPS", 595),
    ("Express (2 days)", "UPS", 1495),
    ("Overnight", "FedEx", 2995),
)
_GERMAN_METHODS = (("DHL Paket", "DHL", 490), ("DHL Express", "DHL", 1490), ("Abholstation", "DHL", 390))


#: Code, name, currency, zone, country, locale, order prefix, first number, share of orders, where it sends to, products, methods, free from.
_STORES: tuple[tuple[str, str, str, str, str, str, str, int, int, frozenset[str], str, tuple[tuple[str, str, int], ...], int], ...] = (
    ("harbor", "Harbor & Pine Coffee", "USD", "America/New_York", "US", "en-US", "#", 10001, 46,
     _AMERICA | {"GB", "AU"}, _COFFEE, _AMERICAN_METHODS, 5000),
    ("juniper", "Juniper Skin", "USD", "America/Los_Angeles", "US", "en-US", "JS-", 52001, 30,
     _AMERICA | {"AU"}, _SKIN, _AMERICAN_METHODS, 7500),
    ("kornblume", "Kornblume Vorrat", "EUR", "Europe/Berlin", "DE", "de-DE", "KB", 300101, 24,
     _EUROPE, _PANTRY, _GERMAN_METHODS, 4900),
    ("lab", "Practice Store (test)", "USD", "America/New_York", "US", "en-US", "#", 10001, 0,
     _AMERICA, _LAB, _AMERICAN_METHODS[:1], 0),
)  # fmt: skip


def add_shops(rows: Rows, at: datetime) -> tuple[Shop, ...]:
    """Four stores in two currencies, the last one for tests only, with their products and gateway accounts."""
    shops: list[Shop] = []
    for (
        code,
        name,
        currency,
        zone,
        country,
        locale,
        prefix,
        first,
        share,
        homes,
        listing,
        methods,
        free,
    ) in _STORES:
        key = rows.add(
            Store, code=code, name=name, currency=currency, zone=zone, country=country, locale=locale, order_prefix=prefix,
            notify_emails=f"alerts@{code}.example", is_test=code == "lab", created_at=at,
        )  # fmt: skip
        items = _items(rows, key, name.split(" (")[0], listing, at)
        shops.append(
            Shop(
                key,
                code,
                name,
                currency,
                zone,
                country,
                locale,
                prefix,
                first,
                share,
                homes,
                code == "lab",
                items,
                methods,
                free,
            )
        )
        rows.add(
            GatewayAccount, store_id=key, gateway="sandbox", name=code, is_test=True, is_main=True, cut_off="20:00", zone=zone,
            options='{"pause": "1.5"}', created_at=at,
        )  # fmt: skip
    rows.add(
        GatewayAccount, store_id=shops[0].id, gateway="oldpay", name="harbor-2024", is_test=True, is_open=False,
        zone=shops[0].zone, created_at=at,
    )  # fmt: skip
    return tuple(shops)


def add_staff(
    rows: Rows, shops: tuple[Shop, ...], password_hashes: Mapping[str, str], at: datetime
) -> dict[str, Colleague]:
    """Ann and Bob (agents), Sue (supervisor), Adam (admin), Wanda (warehouse) and Vic (viewer of one store), by their sign-in names."""
    people: dict[str, Colleague] = {}
    for name, role, zone, locale in (
        ("ann", Role.AGENT, "America/New_York", "en-US"),
        ("bob", Role.AGENT, "America/New_York", "en-US"),
        ("sue", Role.SUPERVISOR, "America/New_York", "en-US"),
        ("adam", Role.ADMIN, "Europe/Berlin", "en-GB"),
        ("wanda", Role.WAREHOUSE, "America/Los_Angeles", "en-US"),
        ("vic", Role.VIEWER, "Europe/Berlin", "de-DE"),
    ):
        shown = name.title()
        key = rows.add(
            Staff, name=name, name_folded=name, display_name=shown, password_hash=password_hashes[name], zone=zone, locale=locale,
            created_at=at,
        )  # fmt: skip
        store_id = shops[2].id if role is Role.VIEWER else None
        rows.add(StaffGrant, staff_id=key, role=role, store_id=store_id, granted_by="demo", granted_at=at)
        people[name] = Colleague(key, name, shown, TERMINALS[name])
    return people


def add_reasons(rows: Rows) -> None:
    """The reason lists that every organisation starts with."""
    for kind, listed in STARTERS.items():
        for position, (code, label) in enumerate(listed):
            rows.add(Reason, kind=kind, code=code, label=label, position=position)
