"""What a password must be: long rather than ornate, and not one that everybody tries first.

No rule on kinds of characters and no forced change after a time; pasting is welcome.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from cstui.domain.errors import InvalidInput

SHORTEST: Final = 10
"""Fewest characters; a phrase of a few words passes easily."""

LONGEST: Final = 256

_ONE_TIME_SIGNS: Final = "abcdefghjkmnpqrstvwxyz23456789"
_COMMON_WORDS: Final = """
password password1 password12 password123 password1234 passw0rd p@ssword p@ssw0rd passwordpassword
mypassword letmein letmeinnow letmeinplease welcome welcome1 welcome123 welcome1234 iloveyou
iloveyou1 iloveyou123 admin administrator administrator1 admin123456 admin12345 adminadmin rootroot
superuser supersecret changeme changeme1 changeme123 changemenow default default123 qwerty
qwertyuiop qwertyuiop1 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertzuiop azertyuiop asdfghjkl
asdfghjkl1 asdfghjkl; asdfasdfasdf zxcvbnm zxcvbnm123 zxcvbnmzxcvbnm 1q2w3e4r 1q2w3e4r5t
1q2w3e4r5t6y q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedc qazwsxedc1 qazwsxedcrfv 1qaz2wsx 1qaz2wsx3edc
zaq12wsx abcd1234 abcd123456 abc1234567 abcdefghij abcdefghijk abc123abc123 a123456789 aa123456789
123456789a 1234567890 12345678910 0123456789 0987654321 9876543210 1111111111 123123123123
1231231234 121212121212 112233445566 1122334455 12341234 123412341234 123456123456 123321123321
monkey123456 dragon123456 football football1 football123 baseball baseball1 baseball123 basketball
basketball1 sunshine sunshine1 sunshine123 princess princess1 princess123 superman superman123
batman123456 starwars starwars1 starwars123 trustno1 trustno1234 whatever whatever1 whatever123
computer computer1 computer123 internet internet1 internet123 liverpool liverpool1 manchester
michael123 jennifer123 summer2024 summer2025 summer2026 winter2024 winter2025 winter2026 spring2025
spring2026 autumn2025 autumn2026 callcenter callcenter1 callcenter123 callcentre callcentre1
helpdesk123 customerservice customersupport servicedesk shopify123 correcthorsebatterystaple
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_LADDERS: Final = (
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "0123456789" * 3,
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)


def normalised(password: str) -> str:
    """The form that is hashed: one way of writing each character, so that every keyboard gives the same password."""
    return unicodedata.normalize("NFKC", password)


def require_fit(password: str, name: str = "") -> str:
    """Returns the normalised password where it is fit to protect the account of `name`.

    Errors: `InvalidInput` of the field `password`; what was typed is never in it.
    """
    fit = normalised(password)
    if len(fit) < SHORTEST:
        raise _unfit(
            f"The password is shorter than {SHORTEST} characters.",
            "A few words in a row are easy to keep in mind.",
        )
    if len(fit) > LONGEST:
        raise _unfit(f"The password is longer than {LONGEST} characters.", "Shorten it.")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in fit):
        raise _unfit("The password holds a control character.", "Type it again without it.")
    folded = fit.casefold()
    if folded in _COMMON or _is_ladder(folded) or len(set(folded)) < 4:
        raise _unfit("This password is among the first that anybody would try.", "Choose another one.")
    own = normalised(name).casefold().strip()
    rest = folded
    for part in sorted({own, *own.split(), "cstui", "password"} - {""}, key=len, reverse=True):
        rest = rest.replace(part, "") if len(part) >= 3 else rest
    if len(rest) < SHORTEST // 2:
        raise _unfit("The password is little more than a name.", "Choose one that does not follow from it.")
    return fit


def one_time_password() -> str:
    """A fresh password to be changed at first sign-in: 20 signs without look-alikes, in fives (98 bits)."""
    from secrets import choice

    signs = [choice(_ONE_TIME_SIGNS) for _ in range(20)]
    return "-".join("".join(signs[at : at + 5]) for at in range(0, 20, 5))


def _is_ladder(folded: str) -> bool:
    """Whether the signs just follow each other on the keyboard, in the alphabet or in counting, either way."""
    return any(folded in ladder or folded[::-1] in ladder for ladder in _LADDERS)


def _unfit(message: str, advice: str) -> InvalidInput:
    return InvalidInput("password", "", message, advice)
