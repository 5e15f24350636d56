"""Who is who: whether a row of a file is a customer that is known already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as far as matching needs him. `known` is whether he is known in the store that is imported into."""

    id: int
    email: str
    phone: str
    name: str
    known: bool


@dataclass(frozen=True, slots=True)
class Match:
    """The customer found, or None for a new one; `alike` is somebody who has the same phone and is not taken for the same person."""

    person: Person | None
    alike: Person | None = None


def name_words(name: str) -> frozenset[str]:
    """The words of a name, case-folded, without punctuation: a lone `-` is no word."""
    return frozenset(_WORD.findall(name.casefold()))


def normalised_name(name: str) -> str:
    """A name as identity compares it: its words in order, case-folded."""
    return " ".join(_WORD.findall(name.casefold()))


def email_key(email: str) -> str:
    """The import key of a customer without the other system's id: the case-folded e-mail."""
    return f"email:{email}"


def phone_key(phone: str, name: str) -> str:
    """The import key of a customer with neither id nor e-mail: phone and normalised name; empty where there is no phone."""
    return f"phone:{phone}|{normalised_name(name)}" if phone else ""


class People:
    """The customers that a batch may meet, by case-folded e-mail and by phone (E.164)."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._by_email: dict[str, Person] = {}
        self._by_phone: dict[str, dict[int, Person]] = {}
        for person in people:
            self.add(person)

    def add(self, person: Person) -> None:
        """Adds a customer. Of several with one e-mail the one known in this store wins, then the oldest."""
        if person.email:
            had = self._by_email.get(person.email)
            if had is None or (not person.known, person.id) < (not had.known, had.id):
                self._by_email[person.email] = person
        if person.phone and person.known:
            self._by_phone.setdefault(person.phone, {})[person.id] = person

    def of_email(self, email: str) -> Person | None:
        """Who has this case-folded e-mail, in whatever store."""
        return self._by_email.get(email) if email else None

    def match(self, email: str, phones: Iterable[str], name: str) -> Match:
        """The customer of an order: by e-mail; else by a phone that exactly one customer of the store has, whose name shares a word.

        A name that is empty or `-`, on either side, does not speak against it. Only an equal e-mail links across stores.
        """
        found = self.of_email(email)
        if found is not None:
            return Match(found)
        alike: Person | None = None
        for phone in phones:
            holders = self._by_phone.get(phone, {}) if phone else {}
            if not holders:
                continue
            holder = holders[min(holders)]
            alike = alike or holder
            if len(holders) == 1 and _same_name(holder.name, name):
                return Match(holder)
        return Match(None, alike)


def _same_name(one: str, other: str) -> bool:
    ours, theirs = name_words(one), name_words(other)
    return not ours or not theirs or bool(ours & theirs)
