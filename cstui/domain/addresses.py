"""Postal addresses as values: what an order was billed and sent to, and what a customer keeps on file."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidFields, InvalidInput

#: Longest text that an address field takes.
LONGEST_FIELD = 200
_POSTCODE_FREE = frozenset(
    [
        "AE",
        "AG",
        "AO",
        "BF",
        "BI",
        "BJ",
        "BO",
        "BS",
        "BW",
        "BZ",
        "CD",
        "CF",
        "CG",
        "CI",
        "CM",
        "DJ",
        "DM",
        "ER",
        "FJ",
        "GD",
        "GH",
        "GM",
        "GN",
        "GQ",
        "GY",
        "HK",
        "IE",
        "JM",
        "KE",
        "KI",
        "KM",
        "KN",
        "LC",
        "ML",
        "MO",
        "MR",
        "MW",
        "NR",
        "QA",
        "RW",
        "SB",
        "SC",
        "SL",
        "SR",
        "ST",
        "SY",
        "TD",
        "TG",
        "TL",
        "TO",
        "TT",
        "TV",
        "TZ",
        "UG",
        "VU",
        "WS",
        "YE",
        "ZW",
    ]
)


@dataclass(frozen=True, slots=True)
class Address:
    """One postal address. `region` and `country` are codes (`CA`, `US`) where known; `phone` is kept as typed."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""

    @property
    def name(self) -> str:
        """First and last name in one text."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def is_blank(self) -> bool:
        """Whether no field holds anything."""
        return not any(getattr(self, field.name) for field in fields(self))

    def lines(self) -> tuple[str, ...]:
        """The address as lines of an envelope, without empty ones."""
        town = " ".join(part for part in (self.city, self.region, self.postcode) if part)
        return tuple(
            line for line in (self.name, self.company, self.line1, self.line2, town, self.country) if line
        )

    def in_one_line(self) -> str:
        """The address without the name, comma-separated."""
        town = " ".join(part for part in (self.region, self.postcode) if part)
        return ", ".join(part for part in (self.line1, self.line2, self.city, town, self.country) if part)


#: Field names in the order of the form, with what people call them.
ADDRESS_LABELS: dict[str, str] = {
    "line1": "Street",
    "line2": "Street, second line",
    "postcode": "Postcode",
    "city": "City",
    "region": "State or region",
    "country": "Country",
    "first_name": "First name",
    "last_name": "Last name",
    "company": "Company",
    "phone": "Phone",
}


def cleaned_address(address: Address) -> Address:
    """The address with every field cleaned and trimmed, codes in capitals."""
    cleaned = replace(address, **{f.name: clean(getattr(address, f.name)).strip() for f in fields(address)})
    country = cleaned.country.upper() if len(cleaned.country) == 2 else cleaned.country
    # What people write for GB; the code itself is reserved and belongs to no other country.
    return replace(cleaned, country="GB" if country == "UK" else country)


def checked_address(address: Address) -> Address:
    """The address cleaned and found complete enough to send a parcel to.

    Errors: `InvalidFields` naming each field that is missing, too long or of a wrong shape, in form order.
    """
    address = cleaned_address(address)
    problems: list[InvalidInput] = []
    for name, label in ADDRESS_LABELS.items():
        value = getattr(address, name)
        if len(value) > LONGEST_FIELD:
            problems.append(
                InvalidInput(
                    name, value[:40] + "…", f"{label} is longer than {LONGEST_FIELD} signs.", "Shorten it."
                )
            )
    for name in ("line1", "city", "country"):
        if not getattr(address, name):
            problems.append(
                InvalidInput(
                    name, "", f"{ADDRESS_LABELS[name]} is empty.", "Type it, or leave without saving."
                )
            )
    if address.country and not (
        len(address.country) == 2 and address.country.isascii() and address.country.isalpha()
    ):
        problems.append(
            InvalidInput(
                "country",
                address.country,
                f"“{address.country}” is not a country code.",
                "Use two letters, such as US or DE.",
            )
        )
    if not address.postcode and address.country not in _POSTCODE_FREE:
        problems.append(
            InvalidInput("postcode", "", "Postcode is empty.", "Type it; ask the caller if unsure.")
        )
    if not address.name and not address.company:
        problems.append(
            InvalidInput("last_name", "", "There is no name and no company.", "Type who the parcel is for.")
        )
    if problems:
        order = list(ADDRESS_LABELS)
        raise InvalidFields(tuple(sorted(problems, key=lambda problem: order.index(problem.field))))
    return address
