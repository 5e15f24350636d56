"""How locales write figures and currencies, and how countries write addresses: tables, nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

_NBSP: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class Locale:
    """How one locale writes figures.

    `pattern` places "#" (the figure) and "$" (the symbol); `currency` is the one that a bare symbol
    means here, empty where none is; `least_grouped` is the fewest digits that are grouped; `lakhs` groups
    by two above 1,000.
    """

    code: str
    decimal: str
    group: str
    pattern: str
    currency: str
    least_grouped: int = 4
    lakhs: bool = False


EN_US: Final = Locale("en_US", ".", ",", "$#", "USD")

_LOCALES: Final = {
    locale.code: locale
    for locale in (
        Locale("en", ".", ",", "$#", ""),
        EN_US,
        Locale("en_GB", ".", ",", "$#", "GBP"),
        Locale("en_IE", ".", ",", "$#", "EUR"),
        Locale("en_CA", ".", ",", "$#", "CAD"),
        Locale("en_AU", ".", ",", "$#", "AUD"),
        Locale("en_NZ", ".", ",", "$#", "NZD"),
        Locale("en_SG", ".", ",", "$#", "SGD"),
        Locale("en_HK", ".", ",", "$#", "HKD"),
        Locale("en_PH", ".", ",", "$#", "PHP"),
        Locale("en_ZA", ".", _NBSP, "$#", "ZAR"),
        Locale("en_IN", ".", ",", "$#", "INR", lakhs=True),
        Locale("hi_IN", ".", ",", "$#", "INR", lakhs=True),
        Locale("de_DE", ",", ".", "# $", "EUR"),
        Locale("de_AT", ",", ".", "$ #", "EUR"),
        Locale("de_CH", ".", "’", "$ #", "CHF"),
        Locale("fr_FR", ",", _NBSP, "# $", "EUR"),
        Locale("fr_BE", ",", _NBSP, "# $", "EUR"),
        Locale("fr_CA", ",", _NBSP, "# $", "CAD"),
        Locale("fr_CH", ".", _NBSP, "# $", "CHF"),
        Locale("it_IT", ",", ".", "# $", "EUR"),
        Locale("es_ES", ",", ".", "# $", "EUR", least_grouped=5),
        Locale("es_MX", ".", ",", "$#", "MXN"),
        Locale("pt_PT", ",", _NBSP, "# $", "EUR", least_grouped=5),
        Locale("pt_BR", ",", ".", "$ #", "BRL"),
        Locale("nl_NL", ",", ".", "$ #", "EUR"),
        Locale("nl_BE", ",", ".", "$ #", "EUR"),
        Locale("da_DK", ",", ".", "# $", "DKK"),
        Locale("sv_SE", ",", _NBSP, "# $", "SEK"),
        Locale("nb_NO", ",", _NBSP, "# $", "NOK"),
        Locale("fi_FI", ",", _NBSP, "# $", "EUR"),
        Locale("is_IS", ",", ".", "# $", "ISK"),
        Locale("et_EE", ",", _NBSP, "# $", "EUR"),
        Locale("lv_LV", ",", _NBSP, "# $", "EUR"),
        Locale("lt_LT", ",", _NBSP, "# $", "EUR"),
        Locale("pl_PL", ",", _NBSP, "# $", "PLN", least_grouped=5),
        Locale("cs_CZ", ",", _NBSP, "# $", "CZK"),
        Locale("sk_SK", ",", _NBSP, "# $", "EUR"),
        Locale("hu_HU", ",", _NBSP, "# $", "HUF"),
        Locale("ro_RO", ",", ".", "# $", "RON"),
        Locale("bg_BG", ",", _NBSP, "# $", "EUR", least_grouped=5),
        Locale("el_GR", ",", ".", "# $", "EUR"),
        Locale("tr_TR", ",", ".", "$#", "TRY"),
        Locale("uk_UA", ",", _NBSP, "# $", "UAH"),
        Locale("ru_RU", ",", _NBSP, "# $", "RUB"),
        Locale("he_IL", ".", ",", "# $", "ILS"),
        Locale("ar_AE", ".", ",", "# $", "AED"),
        Locale("ar_KW", ".", ",", "# $", "KWD"),
        Locale("ja_JP", ".", ",", "$#", "JPY"),
        Locale("ko_KR", ".", ",", "$#", "KRW"),
        Locale("zh_CN", ".", ",", "$#", "CNY"),
        Locale("zh_TW", ".", ",", "$#", "TWD"),
        Locale("th_TH", ".", ",", "$#", "THB"),
        Locale("vi_VN", ",", ".", "# $", "VND"),
        Locale("id_ID", ",", ".", "$ #", "IDR"),
    )
}


def locale_of(code: str) -> Locale:
    """The locale that `code` names ("de_DE", "de-DE", "de_DE.UTF-8", "de"), else another of its language.

    For a language or code that is not known: English figures, and no currency that goes without its code.
    """
    language, _, rest = code.partition(".")[0].partition("@")[0].replace("-", "_").partition("_")
    language, territory = language.lower(), rest.rpartition("_")[2].upper()
    wanted = f"{language}_{territory}" if territory else language
    if wanted in _LOCALES:
        return _LOCALES[wanted]
    if language == "en":
        return _LOCALES["en"]
    return next((known for key, known in _LOCALES.items() if key.startswith(f"{language}_")), _LOCALES["en"])


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
