"""One batch of customers: who is new, who is known, and what may be changed of him."""

from __future__ import annotations

import json
from typing import Any

from cstui.domain.ids import Kind, public_id
from cstui.services.imports.batch import (
    CHANGED,
    CUSTOMERS,
    Import,
    Origin,
    Outcome,
    as_text,
    identity_email,
    people_met,
)
from cstui.services.imports.matching import Person, email_key, normalised_name, phone_key
from cstui.services.imports.merging import Clash, merged
from cstui.services.imports.new_customers import NewCustomers, note_row, store_notes
from cstui.services.imports.shopify_customers import FileCustomer
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

_PLAIN = (
    "first_name",
    "last_name",
    "company",
    "email",
    "phone",
    "tags",
    "accepts_email",
    "accepts_sms",
    "tax_exempt",
)
#: What the file says that is no field of ours: only remembered.
_REMEMBERED = ("id", "note", "spent", "orders")


class CustomerBatch:
    """Stores one batch; the customers of a batch have different keys (see `keys_of`)."""

    def __init__(self, run: Import, file: str, tx: Transaction) -> None:
        self._run = run
        self._file = file
        self._tx = tx
        self._outcome = Outcome()
        self._new = NewCustomers(run)

    def store(self, batch: list[FileCustomer]) -> Outcome:
        """Adds and changes customers; search terms and audit are left to the caller."""
        tx, store_id = self._tx, self._run.store.id
        keys = {id(each): keys_of(self._run, each) for each in batch}
        known = stored.remembered(tx, CUSTOMERS, store_id, {key for found in keys.values() for key in found})
        emails = {id(each): identity_email(each.email) for each in batch}
        phones = {id(each): self._run.e164(each.phone, each.country) for each in batch}
        met, by_id = people_met(tx, store_id, emails.values(), phones.values(), ())
        alike = _by_phone_and_name(by_id.values())
        self._new.reserve(tx, len(batch))
        changed: list[tuple[FileCustomer, int, dict[str, Any] | None, tuple[str, ...]]] = []
        for each in batch:
            its_keys, email, phone = keys[id(each)], emails[id(each)], phones[id(each)]
            record = next((known[key] for key in its_keys if key in known), None)
            if record is not None:
                changed.append((each, record.record_id, json.loads(record.values), its_keys))
                continue
            person = met.of_email(email) if email else alike.get((phone, normalised_name(each.name)))
            if person is not None:
                changed.append((each, person.id, None, its_keys))
                continue
            self._new.add(each.values, email, phone, its_keys)
            self._outcome.created += 1
        self._change(changed, {key: record.record_id for key, record in known.items()})
        self._new.store(tx, self._outcome)
        for each in batch:
            for words in each.remarks:
                self._outcome.warn(self._origin(each), words)
        return self._outcome

    def _origin(self, each: FileCustomer) -> Origin:
        return Origin(self._file, each.row, each.line)

    def _change(
        self,
        changed: list[tuple[FileCustomer, int, dict[str, Any] | None, tuple[str, ...]]],
        known: dict[str, int],
    ) -> None:
        """Brings known customers up to date with the file, field by field."""
        tx, store_id = self._tx, self._run.store.id
        stored.make_known(tx, store_id, [customer_id for _, customer_id, base, _ in changed if base is None])
        differing = [row for row in changed if row[2] != row[0].values]
        rows = stored.customers_for_update(tx, sorted({row[1] for row in differing}))
        again: dict[str, str] = {}
        fresh: list[tuple[str, int, str]] = []
        same: list[str] = []
        for each, customer_id, base, keys in changed:
            text = as_text(each.values)
            its_known = [key for key in keys if known.get(key) == customer_id]
            fresh += [(key, customer_id, text) for key in keys if key not in known]
            if base == each.values:
                same += its_known
                self._outcome.unchanged += 1
                continue
            again.update(dict.fromkeys(its_known, text))
            self._merge(each, base, rows[customer_id])
        stored.seen_again(tx, CUSTOMERS, store_id, same)
        stored.remember_again(tx, CUSTOMERS, store_id, again)
        stored.remember(tx, CUSTOMERS, store_id, Kind.CUSTOMER, fresh)

    def _merge(self, each: FileCustomer, base: dict[str, Any] | None, row: Any) -> None:
        tx, store_id, origin = self._tx, self._run.store.id, self._origin(each)
        ours: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
        ours["address"] = (
            []
            if row.address_id is None
            else [getattr(row, f"address_{name}") for name in stored.ADDRESS_FIELDS]
        )
        theirs = {name: value for name, value in each.values.items() if name not in _REMEMBERED}
        taken, clashes = merged(base if base is not None else _first_met(theirs, ours), theirs, ours)
        self._outcome.warnings += [
            (origin, _clash(public_id(Kind.CUSTOMER, row.id), clash)) for clash in clashes
        ]
        note = each.values["note"]
        if note and note != (base or {}).get("note"):
            store_notes(tx, [note_row(store_id, row.id, Kind.CUSTOMER, row.id, note, tx.now)])
        if not taken:
            self._outcome.unchanged += 1
            return
        columns = {name: value for name, value in taken.items() if name in _PLAIN}
        if "email" in columns:
            columns["email_folded"] = identity_email(columns["email"])
        if "phone" in columns:
            columns["phone_e164"] = self._run.e164(columns["phone"], each.country)
        stored.change_customer(tx, row.id, row.version, columns)
        if taken.get("address"):
            stored.change_address(tx, row.id, row.address_id, taken["address"])
        self._outcome.updated += 1
        self._outcome.touched_customers.add(row.id)
        self._outcome.events.append(
            NewEvent(self._run.actor, store_id, Kind.CUSTOMER, row.id, CHANGED, version=row.version + 1, customer_id=row.id)
        )  # fmt: skip
        tx.publish("saved", Kind.CUSTOMER, row.id)


def keys_of(run: Import, each: FileCustomer) -> tuple[str, ...]:
    """The import keys of a customer, the strongest first: id, e-mail, else phone and name."""
    email = identity_email(each.email)
    keys = [each.external_id, email_key(email) if email else ""]
    if not email:
        keys.append(phone_key(run.e164(each.phone, each.country) or each.phone, each.name))
    return tuple(key for key in keys if key)


def _by_phone_and_name(people: Any) -> dict[tuple[str, str], Person]:
    found: dict[tuple[str, str], Person] = {}
    for person in people:
        if person.phone and person.known and not person.email:
            found.setdefault((person.phone, normalised_name(person.name)), person)
    return found


def _first_met(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """What a file is compared with that meets a customer for the first time: it may fill what is empty, and nothing else."""
    return {
        name: ours[name] if not ours[name] else value if not value else None for name, value in theirs.items()
    }


def _clash(who: str, clash: Clash) -> str:
    return f"{who}: {clash.field} is “{clash.theirs}” in the file and “{clash.ours}” here; ours stays."
