"""What agents type: queries of many sorts, each with the customer that it is meant to find, and the worst ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from cstui.storage.reader import Reader

#: Queries that a search should survive: far too common, nothing at all, or not meant for it.
WORST = (
    *(
        "a",
        "smith",
        "smi",
        "john",
        "joh",
        "gmail.com",
        "@gmail.com",
        "@gmail",
        "gmail",
        "555",
        "5555",
        "212",
        "2125",
        "1000",
    ),
    *(
        "0000",
        "%",
        "%%%",
        "_",
        "zzzzqx",
        "zzzzqx zzzzqx",
        "smith john",
        "j smith",
        "mar",
        "son",
        "ski",
        "com",
        "10000",
        "4242",
    ),
    *("xqzw@gmail.com", "smith 10137"),
)
#: Sorts of queries that name one person, and those that hold one typing error.
FULL = frozenset({"full e-mail", "full phone", "order number", "order digits"})
MISTYPED = frozenset({"mistyped e-mail", "mistyped name", "mistyped phone"})


@dataclass(frozen=True, slots=True)
class Query:
    """One query, its sort, and the customer who is meant."""

    sort: str
    text: str
    customer: int


@dataclass(frozen=True, slots=True)
class _Target:
    customer: int
    first: str
    last: str
    email: str
    phone: str
    postcode: str
    card: str
    number: str


def queries(reader: Reader, each: int, seed: int = 7, *, recent: bool) -> list[Query]:
    """`each` queries of every sort. `recent`: callers are mostly people who bought lately; else anybody who ever came."""
    dice = random.Random(seed)
    targets = _targets(reader, dice, 40 * each, recent)
    found: list[Query] = []
    makers = _MAKERS
    for sort, make in makers.items():
        made = 0
        while made < each and targets:
            target = dice.choice(targets)
            text = make(target, dice)
            if text:
                found.append(Query(sort, text, target.customer))
                made += 1
    dice.shuffle(found)
    return found


def _targets(reader: Reader, dice: random.Random, count: int, recent: bool) -> list[_Target]:
    people = reader.rows("SELECT max(id) FROM customer")[0][0]
    newest = reader.rows("SELECT max(id) FROM orders")[0][0]
    keys: set[int] = set()
    for _ in range(count):
        if recent:
            # Half of the callers bought within the newest five per cent of orders.
            order = max(1, int(newest * (1 - min(1.0, dice.expovariate(14)))))
            rows = reader.rows("SELECT customer_id FROM orders WHERE id = :key", {"key": order})
            keys.update(row[0] for row in rows)
        else:
            keys.add(dice.randrange(1, people + 1))
    rows = reader.rows(
        "SELECT c.id, c.first_name, c.last_name, c.email, c.phone_e164,"
        " (SELECT a.postcode FROM customer_address a WHERE a.customer_id = c.id LIMIT 1),"
        " coalesce((SELECT d.last4 FROM card d WHERE d.customer_id = c.id LIMIT 1), ''),"
        " coalesce((SELECT o.number FROM orders o WHERE o.customer_id = c.id ORDER BY o.placed_at DESC LIMIT 1), '')"
        f" FROM customer c WHERE c.id IN ({', '.join(map(str, sorted(keys)))}) ORDER BY c.id"
    )
    return [_Target(*row) for row in rows]


def _national(phone: str) -> str:
    return phone[2:] if phone.startswith("+1") else phone[3:]


def _phone_as_said(target: _Target, dice: random.Random) -> str:
    digits = _national(target.phone)
    if not digits:
        return ""
    if not target.phone.startswith("+1"):
        return dice.choice((target.phone, "0" + digits, f"00{target.phone[1:]}"))
    a, b, c = digits[:3], digits[3:6], digits[6:]
    return dice.choice(
        (
            target.phone,
            digits,
            f"({a}) {b}-{c}",
            f"{a}-{b}-{c}",
            f"{a}.{b}.{c}",
            f"1 {a} {b} {c}",
            f"{a} {b} {c}",
        )
    )


def _mistyped(text: str, dice: random.Random, signs: str = "abcdefghijklmnopqrstuvwxyz") -> str:
    if len(text) < 5:
        return ""
    at = dice.randrange(1, len(text) - 1)
    wrong = dice.choice((
        text[:at] + text[at + 1 :],
        text[:at] + dice.choice(signs) + text[at:],
        text[:at] + dice.choice(signs) + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ))  # fmt: skip
    return wrong if wrong != text else ""


def _local(target: _Target) -> str:
    return target.email.partition("@")[0]


def _mistyped_name(target: _Target, dice: random.Random) -> str:
    last = _mistyped(target.last.lower(), dice) if target.last.isalpha() else ""
    return f"{target.first.lower()} {last}" if last else ""


def _mistyped_email(target: _Target, dice: random.Random) -> str:
    local = _mistyped(_local(target), dice)
    return f"{local}@{target.email.partition('@')[2]}" if local else ""


def _middle_of_email(target: _Target, dice: random.Random) -> str:
    """From the last name on, as it is read aloud: `smith82@gm`."""
    start = target.email.find(target.last.lower()) if len(target.last) > 3 else -1
    at = target.email.find("@")
    return target.email[start : at + 3] if 0 < start < at else ""


_MAKERS: dict[str, Callable[[_Target, random.Random], str]] = {
    "full e-mail": lambda t, d: t.email,
    "e-mail before the @": lambda t, d: _local(t),
    "beginning of e-mail": lambda t, d: _local(t)[: max(5, len(_local(t)) * 2 // 3)] if len(_local(t)) > 6 else "",
    "middle of e-mail": _middle_of_email,
    "full phone": _phone_as_said,
    "last 7 of phone": lambda t, d: _national(t.phone)[-7:],
    "last 4 of phone": lambda t, d: _national(t.phone)[-4:],
    "beginning of phone": lambda t, d: _national(t.phone)[:8],
    "order number": lambda t, d: t.number,
    "order digits": lambda t, d: "".join(sign for sign in t.number if sign.isdigit()),
    "beginning of order": lambda t, d: "".join(sign for sign in t.number if sign.isdigit())[:6],
    "first and last name": lambda t, d: f"{t.first} {t.last}" if t.last else "",
    "last name, first name": lambda t, d: f"{t.last}, {t.first}".lower() if t.last else "",
    "last name and initial": lambda t, d: f"{t.last} {t.first[0]}" if t.last else "",
    "name and postcode": lambda t, d: f"{t.last} {t.postcode}" if t.last else "",
    "postcode": lambda t, d: t.postcode,
    "card last 4": lambda t, d: t.card,
    "name and card last 4": lambda t, d: f"{t.last} {t.card}" if t.card and t.last else "",
    "name and last 4 of phone": lambda t, d: f"{t.first} {_national(t.phone)[-4:]}" if t.phone else "",
    "mistyped e-mail": _mistyped_email,
    "mistyped name": _mistyped_name,
    "mistyped phone": lambda t, d: _mistyped(_national(t.phone), d, "0123456789"),
}  # fmt: skip
