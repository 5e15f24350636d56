"""Strict search (SRCH-12): nothing until two of seven identifiers are given, and only what matches both exactly."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cstui.domain.search import Matched, SearchForm
from cstui.domain.search_query import (
    EMAIL_SHAPE,
    PHONE_SHAPE,
    UNIQUE,
    Probe,
    order_probes,
    phone_probes,
)
from cstui.domain.search_terms import Space, compact, digits_of, fold_email, words_of

TWO_NEEDED = (
    "Type two of: order number, first name, last name, phone, e-mail, card’s first 6 or last 4 digits."
)
#: The seven fields of the form that count.
COUNTED = ("order_number", "first_name", "last_name", "phone", "email", "card_bin", "card_last4")


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing that was typed: where to look for it, and which of a person's terms proves it.

    `orders` lead to the customers of orders with that number, `people` to customers; `proofs` are (space, text): a term that is the
    text, or starts with it and a blank.
    """

    label: str
    people: tuple[Probe, ...] = ()
    orders: tuple[Probe, ...] = ()
    proofs: tuple[tuple[Space, str], ...] = ()
    #: How well it narrows the search down; the best one is looked up.
    weight: int = 0

    def proven_by(self, terms: str) -> bool:
        """Whether a person's terms (as the index keeps them) hold one of the proofs."""
        return any(
            f"\n{int(space)}:{text}\n" in terms or f"\n{int(space)}:{text} " in terms
            for space, text in self.proofs
        )


def read_identifiers(query: str) -> tuple[Identifier, ...]:
    """The identifiers in a query; fewer than two mean that nothing may be shown."""
    found: list[Identifier] = []
    rest = query[:400].replace("\0", "")
    for match in EMAIL_SHAPE.findall(rest):
        email = fold_email(match)
        probe = Probe(Space.EMAIL, email, UNIQUE, Matched.EMAIL, whole=True)
        found.append(Identifier("e-mail", (probe,), proofs=((Space.EMAIL, email),), weight=5))
    rest = EMAIL_SHAPE.sub(" ", rest)
    for phone in PHONE_SHAPE.finditer(rest):
        found.append(_phone(phone[0].strip().lstrip("(")))
    rest = PHONE_SHAPE.sub(" ", rest)
    words: list[str] = []
    for token in rest.replace(",", " ").split():
        code = compact(token)
        if code.isdigit():
            found.append(_digits(code))
        elif any(sign.isdigit() for sign in code):
            found.append(Identifier("order number", orders=_exact_orders(code), weight=4))
        else:
            words += words_of(token)
    found += [
        Identifier(
            "name",
            (Probe(Space.NAME, word, UNIQUE, Matched.NAME, whole=True),),
            proofs=((Space.NAME, word),),
            weight=1,
        )
        for word in dict.fromkeys(words)
    ]
    return tuple(found)


def _phone(text: str) -> Identifier:
    digits = digits_of(text)
    probes = tuple(probe for probe in phone_probes(text, digits) if probe.rank == UNIQUE)
    proofs = tuple((probe.space, probe.text.split(" ")[0]) for probe in probes)
    return Identifier("phone", probes, proofs=proofs, orders=_exact_orders(digits), weight=4)


def _digits(code: str) -> Identifier:
    if len(code) == 4:
        probe = Probe(Space.CARD, code, UNIQUE, Matched.CARD, whole=True)
        return Identifier("card last 4", (probe,), _exact_orders(code), ((Space.CARD, code),), weight=3)
    return Identifier("order number", orders=_exact_orders(code), weight=4)


def _exact_orders(code: str) -> tuple[Probe, ...]:
    return tuple(probe for probe in order_probes(code) if probe.whole)


def filled(form: SearchForm) -> int:
    """How many of the seven counted fields of a form hold something."""
    return sum(1 for part in fields(form) if part.name in COUNTED and getattr(form, part.name).strip())
