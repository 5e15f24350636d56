"""Customers: opening a profile and changing what it holds (CUST-01 … CUST-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cstui.domain.actor import Actor
from cstui.domain.addresses import Address, checked_address
from cstui.domain.audit import Change
from cstui.domain.contacts import (
    ContactMerge,
    changes_between,
    checked_contact,
    merged_contact,
    refused_card_numbers,
)
from cstui.domain.customers import Contact, CustomerStatus, CustomerView, folded_email
from cstui.domain.errors import NotFound, NotPossibleNow, RecordChanged
from cstui.domain.ids import Kind
from cstui.domain.notes import checked_free_text
from cstui.domain.orders import OrderRow
from cstui.domain.permissions import Permission
from cstui.services.customer_access import KnownCustomer, permitted_customer, seen_customer
from cstui.services.mail.outbox import queue_email_changed
from cstui.services.phone_numbers import normalised_phone
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit, customer_view, customers, search_index
from cstui.storage.queries.customers import StoredAddress
from cstui.storage.transaction import Transaction

#: Addresses that one profile keeps at most.
MOST_ADDRESSES = 200
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class ContactComparison:
    """What became of an edit that met another's: the profile as it is now, and both edits put together."""

    view: CustomerView
    merge: ContactMerge


class Customers:
    """What an agent does with a customer: open the profile, change contact, addresses and status."""

    def __init__(
        self, database: Database, settings: object = None, verification: Verifications | None = None
    ) -> None:
        self._database = database
        self._verification = verification or Verifications(database, settings)

    def open(self, actor: Actor, customer_id: int, order_limit: int = 20) -> CustomerView:
        """The whole profile in one question to the database.

        Errors: `NotFound`, also for a customer of other stores only.
        """
        return customer_view.customer_view(self._database.reader, actor, customer_id, order_limit)

    def older_orders(
        self, actor: Actor, customer_id: int, after: OrderRow, limit: int = 20
    ) -> tuple[OrderRow, ...]:
        """The orders that follow `after`, newest first; empty at the end."""
        return customer_view.older_orders(
            self._database.reader, actor, customer_id, after.customer_name, after.id, limit
        )

    def opened(self, actor: Actor, customer_id: int) -> None:
        """Remembers that the actor has opened this customer (SRCH-13). Errors: `NotFound`."""
        if actor.staff_id == 0:
            return
        with self._database.write() as tx:
            seen_customer(tx, actor, customer_id)
            customers.remember_opened(tx, actor.staff_id, customer_id)

    def save_contact(
        self, actor: Actor, customer_id: int, version: int, contact: Contact, save_id: str, desk: str = ""
    ) -> CustomerView:
        """Stores the contact block; a changed e-mail is told to the old address.

        Errors: `InvalidFields`, `RecordChanged`, `NotVerified`, `NotFound`, `NotPermitted`.
        """
        wanted = checked_contact(contact)
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CUSTOMER_UPDATE)
            if not _is_stored(tx, save_id):
                self._write_contact(tx, actor, known, version, wanted, save_id, desk)
        return self.open(actor, customer_id)

    def save_address(
        self,
        actor: Actor,
        customer_id: int,
        version: int,
        address_id: int | None,
        address: Address,
        default_billing: bool,
        default_shipping: bool,
        save_id: str,
        desk: str = "",
    ) -> CustomerView:
        """Adds (`address_id` None) or changes an address; the first one is the default for both (CUST-12). Orders keep their own copies.

        Errors: `InvalidFields`, `RecordChanged`, `NotVerified`, `NotFound`, `NotPermitted`, `NotPossibleNow` (too many addresses).
        """
        wanted = refused_card_numbers(checked_address(address))
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CUSTOMER_UPDATE)
            if not _is_stored(tx, save_id):
                flags = (default_billing, default_shipping)
                self._write_address(tx, actor, known, version, (address_id, wanted, flags), save_id, desk)
        return self.open(actor, customer_id)

    def remove_address(
        self, actor: Actor, customer_id: int, version: int, address_id: int, save_id: str, desk: str = ""
    ) -> CustomerView:
        """Takes an address off the profile; where it was a default, there is none until one is set.

        Errors: `RecordChanged`, `NotVerified`, `NotFound`, `NotPermitted`.
        """
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CUSTOMER_UPDATE)
            if not _is_stored(tx, save_id):
                _require_version(tx, known, version)
                old = _own_address(customers.addresses_of(tx, customer_id), address_id)
                self._verification.require_verified(tx, actor, customer_id, desk, "address")
                customers.remove_address(tx, customer_id, address_id)
                customers.touch(tx, customer_id)
                gone = dict.fromkeys(_address_values(old), "")
                changes = changes_between(_address_values(old), gone, f"addresses.{address_id}")
                _finish(tx, actor, known, "address removed", changes, save_id)
        return self.open(actor, customer_id)

    def set_status(
        self,
        actor: Actor,
        customer_id: int,
        version: int,
        status: CustomerStatus,
        reason: str,
        save_id: str,
    ) -> CustomerView:
        """Disables a customer, or makes him active again (CUST-16 … CUST-18); nobody is ever deleted.

        Errors: `InvalidInput` (no reason), `RecordChanged`, `NotFound`, `NotPermitted`.
        """
        why = checked_free_text(reason, "reason", _LONGEST_REASON)
        with self._database.write(save_id) as tx:
            known = permitted_customer(tx, actor, customer_id, Permission.CUSTOMER_DISABLE)
            if not _is_stored(tx, save_id):
                _require_version(tx, known, version)
                if known.row.status is not status:
                    customers.write_status(tx, customer_id, status)
                    changes = (Change("status", known.row.status.value, status.value),)
                    _finish(tx, actor, known, "status changed", changes, save_id, why)
        return self.open(actor, customer_id)

    def compare(self, actor: Actor, customer_id: int, base: CustomerView, mine: Contact) -> ContactComparison:
        """Was, theirs and mine of an edit that came too late; fields that only one of both changed are put together.

        Save `merge.merged` with `view.version` once the clashes are settled. Errors: `InvalidFields`, `NotFound`.
        """
        view = self.open(actor, customer_id)
        return ContactComparison(view, merged_contact(base.contact, view.contact, checked_contact(mine)))

    def _write_contact(
        self,
        tx: Transaction,
        actor: Actor,
        known: KnownCustomer,
        version: int,
        wanted: Contact,
        save_id: str,
        desk: str,
    ) -> None:
        _require_version(tx, known, version)
        old = known.row.contact
        changes = changes_between(asdict(old), asdict(wanted), "contact")
        if not changes:
            return
        if wanted.email != old.email:
            self._verification.require_verified(tx, actor, known.row.id, desk, "email")
        phone = _phone_e164(tx, known, wanted.phone)
        customers.write_contact(tx, known.row.id, wanted, phone)
        if old.email and folded_email(old.email) != folded_email(wanted.email):
            queue_email_changed(
                tx,
                known.row.id,
                old.email,
                wanted.email,
                store_id=known.stores[0] if known.stores else None,
                dedupe_key=f"email_changed:{save_id or f'{known.row.id}:{version}'}",
            )
        _finish(tx, actor, known, "contact changed", changes, save_id)

    def _write_address(
        self,
        tx: Transaction,
        actor: Actor,
        known: KnownCustomer,
        version: int,
        edit: tuple[int | None, Address, tuple[bool, bool]],
        save_id: str,
        desk: str,
    ) -> None:
        address_id, wanted, (billing, shipping) = edit
        customer_id = known.row.id
        _require_version(tx, known, version)
        kept = customers.addresses_of(tx, customer_id)
        old = None if address_id is None else _own_address(kept, address_id)
        if old is None and len(kept) >= MOST_ADDRESSES:
            raise NotPossibleNow(
                f"This customer already keeps {MOST_ADDRESSES} addresses.", "Remove one first."
            )
        if not kept:
            billing = shipping = True
        if old == StoredAddress(address_id or 0, wanted, billing, shipping):
            return
        self._verification.require_verified(tx, actor, customer_id, desk, "address")
        if address_id is None:
            address_id = customers.add_address(tx, customer_id, wanted, billing, shipping)
        else:
            customers.write_address(tx, customer_id, address_id, wanted, billing, shipping)
        customers.touch(tx, customer_id)
        customers.write_phone_e164(
            tx, customer_id, _phone_e164(tx, known, known.row.contact.phone) or known.row.phone_e164
        )
        _finish(
            tx,
            actor,
            known,
            "address changed" if old else "address added",
            _address_changes(kept, customers.addresses_of(tx, customer_id)),
            save_id,
        )


def _is_stored(tx: Transaction, save_id: str) -> bool:
    """Whether this very save went through before: a repeat answers with what is there."""
    return bool(save_id) and audit.saved(tx, save_id)


def _require_version(tx: Transaction, known: KnownCustomer, version: int) -> None:
    if known.row.version == version:
        return
    by, at, fields = customers.changed_since(tx, known.row.id, version)
    raise RecordChanged(
        f"{by or 'Somebody'} changed this customer meanwhile.",
        "Compare both, or reload.",
        by=by,
        at=at,
        fields=fields,
        version=known.row.version,
    )


def _own_address(kept: Sequence[StoredAddress], address_id: int) -> StoredAddress:
    for address in kept:
        if address.id == address_id:
            return address
    raise NotFound("There is no such address on this profile.", "Reload the profile.")


def _phone_e164(tx: Transaction, known: KnownCustomer, phone: str) -> str:
    """How the phone reads internationally: by the country of the default address, else of the store."""
    if not phone:
        return ""
    kept = sorted(
        customers.addresses_of(tx, known.row.id),
        key=lambda a: (not a.is_default_shipping, not a.is_default_billing, a.id),
    )
    country = next((a.address.country for a in kept if len(a.address.country) == 2), "")
    if not country and known.stores:
        country = customers.store_country(tx, known.stores[0])
    return normalised_phone(phone, country)


def _address_values(stored: StoredAddress) -> dict[str, str]:
    return {
        **asdict(stored.address),
        "default_billing": "yes" if stored.is_default_billing else "",
        "default_shipping": "yes" if stored.is_default_shipping else "",
    }


def _address_changes(before: Sequence[StoredAddress], after: Sequence[StoredAddress]) -> tuple[Change, ...]:
    """What differs between two states of the address list; a default that stepped back is a change too."""
    old = {address.id: _address_values(address) for address in before}
    return tuple(
        change
        for address in after
        for change in changes_between(
            old.get(address.id, {}), _address_values(address), f"addresses.{address.id}"
        )
    )


def _finish(
    tx: Transaction,
    actor: Actor,
    known: KnownCustomer,
    action: str,
    changes: tuple[Change, ...],
    save_id: str,
    reason: str = "",
) -> None:
    """What every change of a profile ends with: the index, the news, the audit."""
    customer_id, version = known.row.id, known.row.version + 1
    search_index.index_customer(tx, customer_id)
    tx.publish("saved", Kind.CUSTOMER, customer_id, version=version, by=actor.name)
    audit.append(
        tx,
        audit.NewEvent(
            actor,
            audit.ORGANISATION,
            Kind.CUSTOMER,
            customer_id,
            action,
            changes,
            reason,
            version,
            customer_id=customer_id,
            save_id=save_id,
        ),
    )
