"""How locales write figures and days: tables, and the few functions for what is written to customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from cstui.domain.money import Money, exponent

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


#: Separators and order of a numeric date by language (`d`, `m` in two digits, `y` in four); English dates are written in words.
_DATES: Final = {
    **dict.fromkeys(["de", "pl", "cs", "sk", "fi", "nb", "da", "is", "et", "lv", "ro", "bg", "tr", "uk", "ru", "he"], "d.m.y"),
    **dict.fromkeys(["fr", "es", "it", "pt", "el", "ar", "hi", "th", "vi", "id"], "d/m/y"),
    **{"nl": "d-m-y", "sv": "y-m-d", "lt": "y-m-d", "ja": "y/m/d", "zh": "y/m/d", "ko": "y. m. d.", "hu": "y. m. d."},
}  # fmt: skip
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


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


def grouped(number: int, locale: Locale, mark: str | None = None) -> str:
    """A whole number with its thousands apart, as the locale groups them; `mark` stands in for the locale's own sign."""
    digits = str(abs(number))
    head, tail = digits[:-3], digits[-3:]
    size = 2 if locale.lakhs else 3
    groups: list[str] = []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    written = (
        digits
        if len(digits) < locale.least_grouped
        else (locale.group if mark is None else mark).join([*groups, tail])
    )
    return f"-{written}" if number < 0 else written


def amount_with_code(amount: Money, locale: Locale) -> str:
    """An amount with its ISO code, which no reader takes for another currency: "1,234.50 USD", "1.234,50 EUR"."""
    digits = exponent(amount.currency)
    whole, rest = divmod(abs(amount.minor), 10**digits)
    figure = grouped(whole, locale) + (f"{locale.decimal}{rest:0{digits}d}" if digits else "")
    return f"{'-' if amount.minor < 0 else ''}{figure} {amount.currency}".rstrip()


def written_day(day: date, locale: Locale) -> str:
    """A day as the locale writes it: "November 2, 2026" in the US, "2 November 2026" elsewhere in English, "02.11.2026" in German."""
    language = locale.code.partition("_")[0]
    if locale.code == "en_US":
        return f"{_MONTHS[day.month - 1]} {day.day}, {day.year:04d}"
    if language not in _DATES:
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year:04d}"
    parts = {"d": f"{day.day:02d}", "m": f"{day.month:02d}", "y": f"{day.year:04d}"}
    return "".join(parts.get(sign, sign) for sign in _DATES[language])
