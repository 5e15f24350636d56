"""How locales write figures and currencies, and how countries write addresses: tables, nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cstui.domain.locales import EN_US, Locale, locale_of

__all__ = [
    "COUNTRIES",
    "EN_US",
    "SHARED_SYMBOLS",
    "SYMBOLS",
    "TOWN_FIRST",
    "TOWN_THEN_POSTCODE",
    "Locale",
    "locale_of",
]

SYMBOLS: Final[dict[str, str]] = {
    **dict.fromkeys(["USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD", "ARS", "CLP", "COP"], "$"),
    **dict.fromkeys(["SEK", "NOK", "DKK", "ISK"], "kr"),
    **dict.fromkeys(["JPY", "CNY"], "¥"),
    **{"EUR": "€", "GBP": "£", "CHF": "CHF", "PLN": "zł", "CZK": "Kč", "HUF": "Ft", "RON": "lei"},
    **{"TRY": "₺", "UAH": "₴", "RUB": "₽", "ILS": "₪", "INR": "₹", "KRW": "₩", "BRL": "R$", "ZAR": "R"},
    **{"THB": "฿", "VND": "₫", "IDR": "Rp", "PHP": "₱", "NGN": "₦"},
}
"""The sign of a currency; one that is not here is written with its code."""

SHARED_SYMBOLS: Final = frozenset(sign for sign, count in Counter(SYMBOLS.values()).items() if count > 1)
"""Signs that more than one currency uses."""

TOWN_THEN_POSTCODE: Final = frozenset(["GB", "IE", "GG", "JE", "IM"])
"""Countries whose postcode has a line of its own below the town."""

TOWN_FIRST: Final = frozenset(
    [
        "US",
        "CA",
        "AU",
        "NZ",
        "IN",
        "PR",
        "TW",
        "KR",
        "SG",
        "HK",
        "BR",
        "MX",
        "ZA",
        "TH",
        "ID",
        "PH",
        "AE",
        "KW",
        "SA",
    ]
)
"""Countries that write town, region and postcode in one line; others write the postcode before the town."""

_COUNTRY_NAMES: Final = """
AD Andorra;AE United Arab Emirates;AL Albania;AM Armenia;AR Argentina;AT Austria;AU Australia;AZ
Azerbaijan;BA Bosnia and Herzegovina;BD Bangladesh;BE Belgium;BG Bulgaria;BH Bahrain;BR Brazil;BY Belarus;CA
Canada;CH Switzerland;CL Chile;CN China;CO Colombia;CR Costa Rica;CY Cyprus;CZ Czechia;DE Germany;DK
Denmark;DO Dominican Republic;DZ Algeria;EC Ecuador;EE Estonia;EG Egypt;ES Spain;FI Finland;FR France;GB
United Kingdom;GE Georgia;GG Guernsey;GR Greece;GT Guatemala;HK Hong Kong;HR Croatia;HU Hungary;ID
Indonesia;IE Ireland;IL Israel;IM Isle of Man;IN India;IQ Iraq;IR Iran;IS Iceland;IT Italy;JE Jersey;JM
Jamaica;JO Jordan;JP Japan;KE Kenya;KR South Korea;KW Kuwait;KZ Kazakhstan;LB Lebanon;LI Liechtenstein;LK
Sri Lanka;LT Lithuania;LU Luxembourg;LV Latvia;MA Morocco;MC Monaco;MD Moldova;ME Montenegro;MK North
Macedonia;MT Malta;MX Mexico;MY Malaysia;NG Nigeria;NL Netherlands;NO Norway;NP Nepal;NZ New Zealand;OM
Oman;PA Panama;PE Peru;PH Philippines;PK Pakistan;PL Poland;PR Puerto Rico;PT Portugal;PY Paraguay;QA
Qatar;RO Romania;RS Serbia;RU Russia;SA Saudi Arabia;SE Sweden;SG Singapore;SI Slovenia;SK Slovakia;SM San
Marino;TH Thailand;TN Tunisia;TR Türkiye;TW Taiwan;UA Ukraine;US United States;UY Uruguay;VE Venezuela;VN
Vietnam;ZA South Africa
"""

COUNTRIES: Final[dict[str, str]] = {
    entry[:2]: entry[3:] for entry in _COUNTRY_NAMES.strip().replace("\n", " ").split(";")
}
"""ISO codes to English names; a country that is not here is shown by its code."""
