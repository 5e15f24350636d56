"""The contact block as an edit: what it may hold, what changed, and what two people's edits make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from cstui.domain.addresses import LONGEST_FIELD, Address
from cstui.domain.audit import Change
from cstui.domain.clean import clean, find_card_number
from cstui.domain.customers import Contact, checked_email, checked_locale
from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.phones import checked_phone

#: Field names in the order of the form, with what people call them.
CONTACT_LABELS: dict[str, str] = {
    "first_name": "First name",
    "last_name": "Last name",
    "company": "Company",
    "email": "E-mail",
    "phone": "Phone",
    "language": "Language",
    "locale": "Locale",
}


@dataclass(frozen=True, slots=True)
class FieldClash:
    """One field that two people changed differently since `was`."""

    field: str
    label: str
    was: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class ContactMerge:
    """Two edits of one contact block: what only one of them changed is taken over, the rest are clashes (theirs stands there)."""

    merged: Contact
    clashes: tuple[FieldClash, ...]


def checked_contact(contact: Contact) -> Contact:
    """The contact block cleaned and found fit to be stored.

    Errors: `InvalidFields` naming each field that is wrong, in form order.
    """
    problems: list[InvalidInput] = []
    values = {name: clean(value).strip() for name, value in asdict(contact).items()}
    for name in ("first_name", "last_name", "company"):
        problems += _text_problems(name, CONTACT_LABELS[name], values[name])
    for name, check in (("email", checked_email), ("phone", checked_phone)):
        try:
            values[name] = check(values[name], name)
            problems += _card_problems(name, CONTACT_LABELS[name], values[name])
        except InvalidInput as problem:
            problems.append(problem)
    try:
        checked_locale(values["language"], values["locale"])
    except InvalidInput as problem:
        problems.append(problem)
    if not any(values[name] for name in ("first_name", "last_name", "company", "email", "phone")):
        problems.append(
            InvalidInput(
                "last_name",
                "",
                "There is nothing to know this customer by.",
                "Type a name, an e-mail or a phone.",
            )
        )
    if problems:
        raise InvalidFields(tuple(problems))
    return Contact(**values)


def refused_card_numbers(address: Address) -> Address:
    """The address itself where none of its fields holds a card number. Errors: `InvalidFields`."""
    from cstui.domain.addresses import ADDRESS_LABELS

    problems = [
        problem
        for name, label in ADDRESS_LABELS.items()
        for problem in _card_problems(name, label, getattr(address, name))
    ]
    if problems:
        raise InvalidFields(tuple(problems))
    return address


def changes_between(old: Mapping[str, str], new: Mapping[str, str], prefix: str) -> tuple[Change, ...]:
    """What differs, as audit paths `prefix.field`, in the order of `new`."""
    return tuple(
        Change(f"{prefix}.{name}", old.get(name, ""), value)
        for name, value in new.items()
        if old.get(name, "") != value
    )


def merged_contact(base: Contact, theirs: Contact, mine: Contact) -> ContactMerge:
    """Puts two edits of `base` together, field by field; language and locale go as one."""
    values: dict[str, str] = {}
    clashes: list[FieldClash] = []
    for names in (*((name,) for name in CONTACT_LABELS if name not in _TOGETHER), _TOGETHER):
        was, other, own = ([getattr(contact, name) for name in names] for contact in (base, theirs, mine))
        taken = own if other == was else other
        values.update(zip(names, taken, strict=True))
        if other != was and own not in (was, other):
            clashes += [
                FieldClash(name, CONTACT_LABELS[name], *texts)
                for name, *texts in zip(names, was, other, own, strict=True)
                if len(set(texts)) > 1
            ]
    return ContactMerge(replace(theirs, **values), tuple(clashes))


_TOGETHER = ("language", "locale")


def _text_problems(name: str, label: str, value: str) -> list[InvalidInput]:
    if len(value) > LONGEST_FIELD:
        return [
            InvalidInput(
                name, value[:40] + "…", f"{label} is longer than {LONGEST_FIELD} signs.", "Shorten it."
            )
        ]
    return _card_problems(name, label, value)


def _card_problems(name: str, label: str, value: str) -> list[InvalidInput]:
    masked = find_card_number(value)
    if not masked:
        return []
    return [
        InvalidInput(name, masked, f"{label} holds what looks like a card number: {masked}.", "Take it out.")
    ]
