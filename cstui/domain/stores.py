"""Stores: what makes one, and the currencies, countries and zones that it can have."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidFields, InvalidInput

_CODE: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LOCALE: Final = re.compile(r"[a-z]{2,3}([-_][A-Z]{2})?")
_LONGEST_CODE: Final = 32
_LONGEST_NAME: Final = 80
_LONGEST_PREFIX: Final = 12

_CURRENCY_LIST: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF
YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_CURRENCY_LIST.split())
"""Currency codes that a store may sell in (ISO 4217, without funds and metals)."""

_COUNTRY_LIST: Final = """
AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW
BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES
ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL
IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY
MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR
NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK
SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC
VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRY_CODES: Final = frozenset(_COUNTRY_LIST.split())
"""Countries that a store may be in (ISO 3166, those with people to call): they decide how its phone numbers and addresses are read."""


@dataclass(frozen=True, slots=True)
class NewStore:
    """What a store is made from, as typed. An empty `locale` leaves mails in plain English."""

    code: str
    name: str
    currency: str
    zone: str
    country: str
    order_prefix: str = ""
    locale: str = ""
    notify_emails: tuple[str, ...] = ()
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One store as a list shows it."""

    id: int
    code: str
    name: str
    currency: str
    zone: str
    country: str
    locale: str
    order_prefix: str
    is_test: bool


def checked(store: NewStore) -> NewStore:
    """The store in the form in which it is kept: trimmed, codes in their case.

    Errors: `InvalidFields` with every problem, in the order of the form.
    """
    tidy = NewStore(
        store.code.strip(), " ".join(store.name.split()), store.currency.strip().upper(), store.zone.strip(),
        store.country.strip().upper(), store.order_prefix.strip(), store.locale.strip(),
        tuple(mail.strip() for mail in store.notify_emails if mail.strip()), store.is_test,
    )  # fmt: skip
    problems = [
        problem
        for problem in (
            _code_problem(tidy.code),
            _text_problem("name", tidy.name, _LONGEST_NAME, required=True),
            _listed_problem("currency", tidy.currency, CURRENCIES, "a currency code", "such as USD or EUR"),
            _zone_problem(tidy.zone),
            _listed_problem(
                "country", tidy.country, COUNTRY_CODES, "a country code", "of two letters, such as US or DE"
            ),
            _text_problem("order prefix", tidy.order_prefix, _LONGEST_PREFIX, required=False),
            _locale_problem(tidy.locale),
            *(_mail_problem(mail) for mail in tidy.notify_emails),
        )
        if problem is not None
    ]
    if problems:
        raise InvalidFields(tuple(problems))
    return tidy


@lru_cache(maxsize=256)
def is_zone(zone: str) -> bool:
    """Whether it is the name of an IANA time zone, such as Europe/Berlin. Kept: to list them all takes longer than a bill."""
    return zone in zoneinfo.available_timezones() and zone not in ("localtime", "Factory", "posixrules")


def zone_advice(zone: str) -> str:
    """What to write instead of something that is no time zone."""
    near = get_close_matches(zone, zoneinfo.available_timezones(), n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else "Use an IANA name such as Europe/Berlin."


def _code_problem(code: str) -> InvalidInput | None:
    if _CODE.fullmatch(code) and len(code) <= _LONGEST_CODE:
        return None
    return InvalidInput(
        "code", code, f"“{clean(code)}” cannot be a store code." if code else "The store code is missing.",
        f"Use lower-case letters, digits and single dashes, at most {_LONGEST_CODE}.",
    )  # fmt: skip


def _text_problem(field: str, text: str, longest: int, *, required: bool) -> InvalidInput | None:
    if required and not text:
        return InvalidInput(field, text, f"The {field} is missing.", "Give one.")
    if len(text) > longest:
        return InvalidInput(field, text, f"The {field} is longer than {longest} characters.", "Shorten it.")
    if clean(text) != text:
        return InvalidInput(
            field, text, f"The {field} holds a character that cannot be shown.", "Type it again."
        )
    return None


def _listed_problem(
    field: str, code: str, known: frozenset[str], what: str, such: str
) -> InvalidInput | None:
    if code in known:
        return None
    said = f"“{clean(code)}” is not {what}." if code else f"The {field} is missing."
    return InvalidInput(field, code, said, f"Use {what} {such}.")


def _zone_problem(zone: str) -> InvalidInput | None:
    if is_zone(zone):
        return None
    said = f"“{clean(zone)}” is not a time zone." if zone else "The time zone is missing."
    return InvalidInput("zone", zone, said, zone_advice(zone))


def _locale_problem(locale: str) -> InvalidInput | None:
    if not locale or _LOCALE.fullmatch(locale):
        return None
    return InvalidInput(
        "locale", locale, f"“{clean(locale)}” is not a locale.", "Write it as en-US or de-DE."
    )


def _mail_problem(mail: str) -> InvalidInput | None:
    name, mark, host = mail.rpartition("@")
    if mark and name and "." in host and clean(mail) == mail and not any(sign.isspace() for sign in mail):
        return None
    return InvalidInput("notify e-mails", mail, f"“{clean(mail)}” is not an e-mail address.", "Check it.")
